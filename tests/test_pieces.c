/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between key pictures, what came into view: painted as in the whole picture, where it is worth it, and no oftener. */
#include "style_nets.h"

#include "buffers.h"
#include "luma.h"
#include "part_threads.h"

enum { W = 256, H = 144, PIXELS = W * H, FRAMES = 8, SEEN = 24 };

/* ---- by the stylizer ---- */

static float texture(float x, float y)
{
    return 128 + 30 * sinf(0.31f * x + 0.13f * y) + 25 * sinf(0.23f * y - 0.19f * x + 1) +
           20 * sinf(0.067f * x - 0.41f * y + 2) + 15 * sinf(0.021f * x);
}

/* RGB24; the camera has moved `shift` pixels to the right. */
static void show(uint8_t *rgb, float shift)
{
    for (int i = 0; i < 3 * PIXELS; i++) {
        const int c = i % 3, x = i / 3 % W, y = i / 3 / W;
        rgb[i] = (uint8_t)texture((float)x + shift + 40 * (float)c, (float)y);
    }
}

static NstPicture picture_of(uint8_t *rgb)
{
    NstPicture picture = {.width = W, .height = H, .model = NST_COLOR_RGB, .depth = 8, .full_range = 1};
    for (int c = 0; c < 3; c++)
        picture.comp[c] = (NstComponent){rgb + c, 3 * W, 3, 0};
    return picture;
}

/* Results of FRAMES pictures that pan, one after the other */
static uint8_t *paint(const NstModel *model, float pan, NstStylizeOptions options)
{
    uint8_t *in = malloc(3 * PIXELS), *out = malloc(3 * PIXELS * FRAMES);
    NstStylizer *stylizer;
    NstError err;
    assert_non_null(in);
    assert_non_null(out);
    assert_ok(nst_stylizer_open(&stylizer, &model, 1, &options, &err));
    for (int i = 0; i < FRAMES; i++) {
        NstFrameReport report;
        NstPicture from = picture_of(in), to = picture_of(out + (size_t)i * 3 * PIXELS);
        show(in, pan * (float)i);
        assert_ok(nst_stylizer_process(stylizer, &from, &to, NULL, &report, &err));
        assert_int_equal(report.painted, options.every == 1 || i % options.every == 0);
    }
    nst_stylizer_close(&stylizer);
    free(in);
    return out;
}

static NstStylizeOptions options_of(float temporal, int every, int threads)
{
    NstStylizeOptions options;
    nst_stylize_defaults(&options);
    options.temporal = temporal;
    options.every = every;
    options.compute.threads = threads;
    options.compute.execute = part_threads;
    return options;
}

/* Mean difference of the SEEN columns that came into view last */
static double border_distance(const uint8_t *a, const uint8_t *b, int frame)
{
    double sum = 0;
    for (int y = 0; y < H; y++)
        for (int i = 3 * (W - SEEN); i < 3 * W; i++) {
            const size_t at = ((size_t)frame * H + (size_t)y) * 3 * W + (size_t)i;
            sum += abs(a[at] - b[at]);
        }
    return sum / (3.0 * SEEN * H);
}

/* A bound of memory forbids pieces: then the border is the picture's edge, drawn out. */
static void test_border_is_painted(void **state)
{
    (void)state;
    for (int temporal = 0; temporal < 2; temporal++) {
        NstModel *model = paint_model(3);
        NstStylizeOptions options = options_of(0.8f * (float)temporal, NST_MAX_EVERY, 1);
        uint8_t *every_frame = paint(model, 6, options_of(0, 1, 1)), *pieces = paint(model, 6, options);
        options.max_memory = (size_t)1 << 30;
        uint8_t *bare = paint(model, 6, options);
        double best = 1e9, without = 0;
        for (int i = 1; i < FRAMES; i++)
            if (border_distance(pieces, every_frame, i) < best) {
                best = border_distance(pieces, every_frame, i);
                without = border_distance(bare, every_frame, i);
            }
        if (!(best < 0.25 * without && without > 8))
            fail_msg("border: %g levels from the picture painted as a whole, %g without pieces", best, without);
        free(every_frame);
        free(pieces);
        free(bare);
        nst_model_free(&model);
    }
}

/* Where nothing comes into view nothing is painted, and nothing is different. */
static void test_still(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    NstStylizeOptions options = options_of(0.8f, NST_MAX_EVERY, 1);
    uint8_t *pieces = paint(model, 0, options);
    options.max_memory = (size_t)1 << 30;
    uint8_t *bare = paint(model, 0, options);
    assert_memory_equal(pieces, bare, 3 * PIXELS * FRAMES);
    free(pieces);
    free(bare);
    nst_model_free(&model);
}

static void test_threads(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    uint8_t *one = paint(model, 6, options_of(0.8f, NST_MAX_EVERY, 1));
    uint8_t *five = paint(model, 6, options_of(0.8f, NST_MAX_EVERY, 5));
    assert_memory_equal(one, five, 3 * PIXELS * FRAMES);
    free(one);
    free(five);
    nst_model_free(&model);
}

/* ---- by hand ---- */

typedef struct Stream {
    NstTemporal *temporal;
    NstStylizeOptions options;
    NstPlanes source, painting;
    float *memory;
} Stream;

static Stream stream_open(void)
{
    Stream s = {.memory = buffer_new(6 * PIXELS), .options = options_of(0.8f, NST_MAX_EVERY, 1)};
    NstError err;
    for (int i = 0; i < 3; i++) {
        s.source.rgb[i] = s.memory + i * PIXELS;
        s.painting.rgb[i] = s.memory + (3 + i) * PIXELS;
    }
    s.source.stride = s.painting.stride = W;
    s.source.scale = 255;
    s.painting.scale = 1;
    assert_ok(temporal_create(&s.temporal, W, H, &s.options.compute, &err));
    return s;
}

static void stream_close(Stream *s)
{
    temporal_free(&s->temporal);
    free(s->memory);
}

static void look(Stream *s, float shift)
{
    for (int i = 0; i < 3 * PIXELS; i++) {
        s->source.rgb[0][i] = texture((float)(i % W) + shift, (float)(i % PIXELS / W));
        s->painting.rgb[0][i] = 0;
    }
    const LumaOf luma = {&s->source, W};
    if (temporal_look(s->temporal, luma_of_planes, &luma, &s->options, NULL).paint)
        temporal_blend(s->temporal, &s->painting);
}

/* Writes what is carried in place of the source. */
static void carry(const Stream *s)
{
    temporal_carry(s->temporal);
    for (int y = 0; y < H; y++)
        temporal_make_row(s->temporal, y, 0, &s->source);
}

/* On the grid, in the picture, and in the long run not more than a twentieth of it for each picture */
static void test_bounds(void **state)
{
    static const NstPieceShapes shapes = {.n = 2, .margin = 16, .w = {48, 64}, .h = {H, 64}};
    (void)state;
    Stream s = stream_open();
    double painted = 0, earned = 0;
    int pieces = 0;
    for (int i = 0; i < 3 * FRAMES; i++) {
        NstPiece piece;
        look(&s, 7 * (float)i);
        if (i % FRAMES == 0)
            continue;
        earned += (double)PIXELS * (i % FRAMES == 1 ? 1 : 2) / 40;
        while (temporal_next_piece(s.temporal, &shapes, &piece)) {
            const int w = shapes.w[piece.shape], h = shapes.h[piece.shape];
            assert_in_range(piece.shape, 0, shapes.n - 1);
            assert_true(piece.x >= 0 && piece.y >= 0 && piece.x % NST_PIECE_GRID == 0 && piece.y % NST_PIECE_GRID == 0);
            assert_true(piece.x + w < W + NST_PIECE_GRID && piece.y + h < H + NST_PIECE_GRID);
            temporal_fill(s.temporal, &shapes, &piece, &s.painting);
            painted += (double)w * h;
            pieces++;
        }
        carry(&s);
        assert_true(painted <= earned);
    }
    assert_in_range(pieces, 2, 3 * FRAMES);
    stream_close(&s);
}

/* A piece changes what came into view, as far as it is good, and nothing else. */
static void test_fill(void **state)
{
    static const NstPieceShapes shapes = {.n = 1, .margin = 16, .w = {48}, .h = {H}};
    (void)state;
    Stream s = stream_open(), bare = stream_open();
    NstPiece piece = {0};
    bool found = false;
    for (int i = 0; i < FRAMES && !found; i++) {
        look(&s, 6 * (float)i);
        look(&bare, 6 * (float)i);
        if (i == 0)
            continue;
        found = temporal_next_piece(s.temporal, &shapes, &piece);
        for (int k = 0; found && k < 3 * PIXELS; k++)
            s.painting.rgb[0][k] = 0.5f;
        if (found)
            temporal_fill(s.temporal, &shapes, &piece, &s.painting);
        carry(&s);
        carry(&bare);
    }
    assert_true(found);
    assert_true(piece.x + shapes.w[0] >= W && piece.y == 0);
    for (int i = 0; i < PIXELS; i++) {
        const int x = i % W;
        if (x < piece.x)
            assert_true(s.source.rgb[0][i] == bare.source.rgb[0][i]);
        else if (x >= W - 8 && fabsf(s.source.rgb[0][i] - 0.5f * 255) > 12)
            fail_msg("pixel %d, %d: %g", x, i / W, (double)s.source.rgb[0][i]);
    }
    stream_close(&s);
    stream_close(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_border_is_painted), cmocka_unit_test(test_still), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_bounds),            cmocka_unit_test(test_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
