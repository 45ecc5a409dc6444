/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A decoder's vectors made a dense motion, and whether it is taken. */
#include "tiny.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "buffers.h"
#include "mvfield.h"

enum { BLOCK = 16, BLOCKS_MAX = 2000 };

/* A field of w x h samples, two pixels each, between guards */
static NstField field_new(int w, int h)
{
    const int columns = (w + NST_FIELD_CELL - 1) / NST_FIELD_CELL, rows = (h + NST_FIELD_CELL - 1) / NST_FIELD_CELL;
    const size_t cells = (size_t)(columns * rows);
    return (NstField){w, h, guarded_new((size_t)(w * h)), guarded_new((size_t)(w * h)),
                      buffer_new(NST_FIELD_CELL_FLOATS * cells)};
}

static void field_free(NstField *field)
{
    guarded_free(field->x, (size_t)(field->w * field->h), "mvfield");
    guarded_free(field->y, (size_t)(field->w * field->h), "mvfield");
    free(field->cells);
}

/* Pixels that a block's middle moves by */
typedef void Motion(float x, float y, float move[2]);

static void pan(float x, float y, float move[2])
{
    (void)x;
    (void)y;
    move[0] = 6;
    move[1] = -3.5f;
}

static void zoom(float x, float y, float move[2])
{
    move[0] = 0.02f * (x - 160);
    move[1] = 0.02f * (y - 90);
}

/* Blocks over w x h pixels, each by the motion, but that one in `wrong` is far off and one in `intra` absent; 0: none */
static int blocks_of(NstMotionVector *vectors, int w, int h, Motion *motion, int wrong, int intra)
{
    int n = 0, number = 0;
    for (int y = 0; y < h; y += BLOCK)
        for (int x = 0; x < w; x += BLOCK) {
            float move[2];
            number++;
            if (intra && number % intra == 0)
                continue;
            motion((float)x + BLOCK / 2, (float)y + BLOCK / 2, move);
            if (wrong && number % wrong == 0)
                move[0] += number % 2 ? 40 : -25;
            vectors[n++] = (NstMotionVector){(float)x, (float)y, BLOCK, BLOCK, move[0], move[1], 0};
        }
    return n;
}

/* The mean distance from the motion, in samples */
static double mean_error(const NstField *field, Motion *motion)
{
    double sum = 0;
    for (int y = 0; y < field->h; y++)
        for (int x = 0; x < field->w; x++) {
            float move[2];
            motion(2 * (float)x + 1, 2 * (float)y + 1, move);
            sum += (double)hypotf(field->x[y * field->w + x] - move[0] / 2, field->y[y * field->w + x] - move[1] / 2);
        }
    return sum / (field->w * field->h);
}

static double error_of(Motion *motion, int wrong, int intra)
{
    static NstMotionVector vectors[BLOCKS_MAX];
    NstField field = field_new(160, 90);
    const NstFrameInfo info = {.struct_size = sizeof(info), .vectors = vectors,
                               .n_vectors = blocks_of(vectors, 320, 180, motion, wrong, intra)};
    assert_ptr_equal(mvfield_fill(&field, NULL, &info), &field);
    const double error = mean_error(&field, motion);
    field_free(&field);
    return error;
}

static void test_dense(void **state)
{
    (void)state;
    assert_true(error_of(pan, 0, 0) < 1e-5);
    assert_true(error_of(pan, 0, 5) < 1e-5);  /* holes are filled in */
    assert_true(error_of(zoom, 0, 0) < 0.04); /* blocks alone: 0.06 */
    assert_true(error_of(zoom, 0, 7) < 0.06);
}

/* At the borders and in the corners too */
static void test_outliers(void **state)
{
    (void)state;
    assert_true(error_of(pan, 13, 0) < 1e-5);
    assert_true(error_of(zoom, 13, 11) < 0.12);
}

static void test_unusable(void **state)
{
    (void)state;
    const NstMotionVector vectors[] = {{NAN, 0, 16, 16, 1, 1, 0},    {0, 0, 16, 16, INFINITY, 1, 0},
                                       {0, 0, 0, 16, 9, 9, 0},       {0, 0, 16, -1, 9, 9, 0},
                                       {-100, -100, 16, 16, 9, 9, 0}, {1e30f, 0, 16, 16, 9, 9, 0},
                                       {-8, -8, 1e30f, 16, 2, 4, 0}};
    static const int sizes[][2] = {{1, 1}, {2, 3}, {5, 4}, {33, 17}};
    const NstFrameInfo none = {.struct_size = sizeof(none)};
    NstFrameInfo info = {.struct_size = sizeof(info), .vectors = vectors, .n_vectors = 6};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        NstField field = field_new(sizes[i][0], sizes[i][1]);
        assert_null(mvfield_fill(&field, NULL, NULL));
        assert_null(mvfield_fill(&field, NULL, &none));
        info.n_vectors = 6;
        assert_non_null(mvfield_fill(&field, NULL, &info));
        for (int at = 0; at < field.w * field.h; at++)
            assert_true(field.x[at] == 0 && field.y[at] == 0);
        info.n_vectors = 7; /* the last one covers the first row of cells */
        assert_non_null(mvfield_fill(&field, NULL, &info));
        assert_true(field.x[0] == 1 && field.y[0] == 2);
        field_free(&field);
    }
}

/* ---- whether they are taken ---- */

static float texture(float x, float y)
{
    return 128 + 30 * sinf(0.31f * x + 0.13f * y) + 24 * sinf(0.23f * y - 0.19f * x + 1) +
           20 * sinf(0.5f * x + 0.4f * y);
}

/*
 * The picture moves by (dx, dy) samples; whether vectors of that length times `scale`, with wrong ones, explain it. Where
 * they do, the motion is found from there.
 */
static bool taken_from(float dx, float dy, float scale, int wrong, bool future)
{
    static NstMotionVector vectors[BLOCKS_MAX];
    const NstTeam team = {1, NULL, NULL};
    NstOpticalFlow *flow;
    NstDsp dsp;
    NstError err;
    dsp_init(&dsp, (unsigned)NST_CPU_ALL);
    assert_ok(flow_create(&flow, 160, 90, INT_MAX, &dsp, &team, &err));
    for (int t = 0; t < 2; t++) {
        ptrdiff_t stride;
        float *y = flow_next(flow, &stride);
        for (int j = 0; j < 90; j++)
            for (int i = 0; i < 160; i++)
                y[j * stride + i] = texture((float)i + dx * (float)t, (float)j + dy * (float)t);
        flow_ready(flow);
    }
    NstFrameInfo info = {.struct_size = sizeof(info), .vectors = vectors,
                         .n_vectors = blocks_of(vectors, 320, 180, pan, wrong, 0)};
    for (int i = 0; i < info.n_vectors; i++) {
        const float off = vectors[i].dx - 6; /* of the wrong ones */
        vectors[i].dx = 2 * dx * scale + off;
        vectors[i].dy = 2 * dy * scale;
        vectors[i].future = future;
    }
    const NstField *field = mvfield_fill(flow_field(flow, NST_WAY_BACK), flow, &info);
    const bool explains = flow_explains(flow, field);
    if (explains) {
        double off = 0;
        flow_improve(flow);
        for (int i = 0; i < 160 * 90; i++)
            off += (double)hypotf(field->x[i] - dx, field->y[i] - dy) / (160 * 90);
        assert_true(off < 0.1);
    }
    flow_free(&flow);
    return explains;
}

static bool taken(float dx, float dy, float scale, int wrong)
{
    return taken_from(dx, dy, scale, wrong, false);
}

/* Pictures farther away, before and after, are told by what fits. */
static void test_distance(void **state)
{
    (void)state;
    for (int pictures = 1; pictures <= 4; pictures++) {
        assert_true(taken_from(3, -1.75f, (float)pictures, 0, false));
        assert_true(taken_from(3, -1.75f, (float)pictures, 13, false));
        assert_true(taken_from(3, -1.75f, (float)-pictures, 0, true));
        assert_false(taken_from(3, -1.75f, (float)pictures, 0, true));
    }
}

static void test_taken(void **state)
{
    (void)state;
    assert_true(taken(3, -1.75f, 1, 0));
    assert_true(taken(3, -1.75f, 1, 13));
    assert_true(taken(0, 0, 0, 0));
    assert_false(taken(3, -1.75f, 0, 0));
    assert_false(taken(3, -1.75f, -1, 0));
    assert_false(taken(3, -1.75f, 1.5f, 0));
    assert_true(taken(0.05f, 0, -1, 0)); /* none fits better: the motion is found from there */
    assert_false(taken(3, -1.75f, 1, 2)); /* too many wrong ones to be cleaned away */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_outliers),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
