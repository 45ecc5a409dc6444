/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Working sizes below the picture's, and pictures in tiles. */

#include "style_nets.h"

#include "guided.h"
#include "tiling.h"
#include "transfer.h"

static NstStylizer *open_with(const NstModel *model, const NstStylizeOptions *options)
{
    NstStylizer *stylizer;
    NstError err;
    assert_ok(nst_stylizer_open(&stylizer, &model, 1, options, &err));
    return stylizer;
}

static NstStylizeOptions options_of(int threads, const char *size)
{
    NstStylizeOptions options;
    NstError err;
    nst_stylize_defaults(&options);
    options.compute.threads = threads;
    assert_ok(nst_size_parse(size, &options.size, &err));
    return options;
}

/* ---- reduction ---- */

static void test_means(void **state)
{
    (void)state;
    const float row[] = {1, 2, 3, 4, 5};
    const struct {
        int n;
        float expected[5];
    } cases[] = {{5, {1, 2, 3, 4, 5}}, {1, {3}}, {2, {1.8f, 4.2f}}, {3, {1.4f, 3, 4.6f}}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        NstCover covers[5];
        float to[5];
        int n = cases[i].n;
        for (int x = 0; x < n; x++)
            covers[x] = reduce_cover(x, n, 5);
        reduce_row(to, n, row, covers, (float)n / 5);
        for (int x = 0; x < n; x++)
            assert_true(fabsf(to[x] - cases[i].expected[x]) < 1e-5f);
    }
}

/* ---- the whole way ---- */

/* The report tells the working size. */
static void test_reported_size(void **state)
{
    (void)state;
    static const struct {
        const char *size;
        int in_w, in_h, w, h;
    } cases[] = {{"auto", 64, 36, 64, 36}, {"1", 64, 36, 64, 36}, {"18", 64, 36, 32, 18}, {"720", 64, 36, 64, 36},
                 {"0.5", 64, 36, 32, 18},  {"0.5", 1, 1, 1, 1},   {"0.3", 37, 20, 11, 6}, {"auto", 20, 2160, 10, 1080}};
    NstModel *model = identity_model(1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        NstStylizeOptions options = options_of(1, cases[i].size);
        NstStylizer *stylizer = open_with(model, &options);
        NstFrameReport report;
        NstError err;
        Canvas canvas = canvas_create(layout_named("rgb24"), cases[i].in_w, cases[i].in_h, false);
        assert_ok(nst_stylizer_process(stylizer, &canvas.picture, &canvas.picture, NULL, &report, &err));
        assert_int_equal(report.width, cases[i].w);
        assert_int_equal(report.height, cases[i].h);
        assert_int_equal(report.painted, 1);
        nst_stylizer_close(&stylizer);
        canvas_free(&canvas);
    }
    nst_model_free(&model);
}

/* A network that changes nothing: smooth pictures come back nearly as they were, whatever their format and size. */
static void test_smooth_pictures(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {5, 3}, {64, 36}, {61, 35}};
    NstModel *model = identity_model(1);
    NstStylizeOptions options = options_of(1, "0.4");
    NstStylizer *one = open_with(model, &options), *three;
    options.compute.threads = 3;
    three = open_with(model, &options);
    for (int i = 0; i < N_LAYOUTS; i++)
        for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
            int w = sizes[j][0], h = sizes[j][1];
            Canvas in = canvas_create(&layouts[i], w, h, false), out = canvas_create(&layouts[i], w, h, false);
            Canvas same = canvas_create(&layouts[i], w, h, false);
            canvas_paint(&in);
            process(one, &in, &out);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double difference = level_at(&out.picture, 0, x, y) - level_at(&in.picture, 0, x, y);
                    if (fabs(difference) > 0.02 * full_level(&in.picture))
                        fail_msg("%s, %dx%d: %g at %d,%d", layouts[i].name, w, h, difference, x, y);
                }
            assert_margins(&out, layouts[i].name);
            process(three, &in, &same);
            assert_true(canvas_distance(&out, &same) == 0);
            process(three, &in, &in);
            assert_true(canvas_distance(&out, &in) == 0);
            canvas_free(&in);
            canvas_free(&out);
            canvas_free(&same);
        }
    nst_stylizer_close(&one);
    nst_stylizer_close(&three);
    nst_model_free(&model);
}

/* Black and white with an edge that does not lie between samples of half the size: it stays where it is and sharp. */
static void test_edges(void **state)
{
    (void)state;
    enum { W = 64, H = 32, EDGE = 31 };
    NstModel *model = identity_model(1);
    NstStylizeOptions options = options_of(2, "0.5");
    NstStylizer *stylizer = open_with(model, &options);
    Canvas in = canvas_create(layout_named("gray"), W, H, false), out = canvas_create(layout_named("gray"), W, H, false);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            set_level(&in.picture, 0, x, y, x < EDGE ? 40 : 200);
    process(stylizer, &in, &out);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) /* a linear enlargement is 40 and more off on both sides */
            assert_true(fabs(level_at(&out.picture, 0, x, y) - level_at(&in.picture, 0, x, y)) <= 12);
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
    canvas_free(&in);
    canvas_free(&out);
}

/* ---- tiles ---- */

/* Each pixel of the picture has one tile whose core it lies in, and that tile has the rim around it. */
static void test_tiling(void **state)
{
    (void)state;
    static const int cases[][6] = {{64, 36, 4, 10, 3, 2}, {100, 100, 1, 3, 7, 7}, {8, 8, 8, 100, 3, 3}, {96, 64, 8, 0, 2, 5}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const int *c = cases[i], w = c[0], h = c[1];
        NstTiling tiling = tiling_of(w, h, c[2], c[3], c[4], c[5]);
        int64_t area = 0;
        for (int t = 0; t < tiling.columns * tiling.rows; t++) {
            NstRect core = tiling_core(&tiling, t), outer = tiling_outer(&tiling, t);
            area += (int64_t)(core.x1 - core.x0) * (core.y1 - core.y0);
            assert_true(core.x1 > core.x0 && core.y1 > core.y0 && core.x1 <= w && core.y1 <= h);
            assert_true(outer.x0 == 0 || outer.x0 <= core.x0 - c[3]);
            assert_true(outer.y0 == 0 || outer.y0 <= core.y0 - c[3]);
            assert_true(outer.x1 == w || outer.x1 >= core.x1 + c[3]);
            assert_true(outer.y1 == h || outer.y1 >= core.y1 + c[3]);
            assert_true(outer.x1 - outer.x0 == tiling.w && outer.y1 - outer.y0 == tiling.h);
            assert_true(outer.x0 % c[2] == 0 && outer.y0 % c[2] == 0 && tiling.w % c[2] == 0);
        }
        assert_int_equal(area, w * h);
    }
}

/* The rim holds all that a pixel depends on, statistics aside: what changes beyond it changes nothing. */
static void test_rim(void **state)
{
    (void)state;
    NstModel *models[] = {identity_model(1), identity_model(4), paint_model(3)};
    assert_int_equal(tiling_rim(&models[0]->graph), 0);
    assert_in_range(tiling_rim(&models[1]->graph), 3, 8);
    assert_in_range(tiling_rim(&models[2]->graph), 3, 8);
    for (int i = 0; i < 3; i++)
        nst_model_free(&models[i]);
}

/* Three normalisations, each of which sees what the ones before have done, and memory enough to be worth tiles */
static NstModel *deep_model(uint64_t seed)
{
    static const int channels[] = {3, 24, 24, 24};
    NstBuild build;
    NstError err;
    NstRandom random;
    char name[16];
    random_seed(&random, seed);
    build_begin(&build, 3, &err);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "conv%d", i);
        float *weight = add_conv(&build, name, channels[i], channels[i + 1], 3, 1);
        for (int k = 0; k < channels[i] * channels[i + 1] * 9; k++)
            weight[k] = 0.3f * random_normal(&random);
        build_node(&build, NST_OP_INSTANCE_NORM, build_last(&build), "norm%d", i);
        build_node(&build, NST_OP_RELU, build_last(&build), "relu%d", i);
    }
    float *out = add_conv(&build, "out", 24, 3, 3, 1);
    for (int k = 0; k < 3 * 24 * 9; k++)
        out[k] = 0.01f * random_normal(&random) + 0.004f;
    return finish_model(&build, NST_KIND_STYLE);
}

/* Tiles against the whole picture: the same but for rounding, with the statistics of the whole picture. */
static void test_tiles(void **state)
{
    (void)state;
    enum { W = 301, H = 243 };
    NstModel *models[] = {deep_model(3), paint_model(5)};
    Canvas in = canvas_create(layout_named("rgb24"), W, H, false), out = canvas_create(layout_named("rgb24"), W, H, false);
    Canvas whole = canvas_create(layout_named("rgb24"), W, H, false);
    NstStylizeOptions options = options_of(2, "1");
    NstError err;
    NstRandom random;
    random_seed(&random, 1);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) /* another mean and another contrast in every part of the picture */
                set_level(&in.picture, c, x, y, 20 + 0.5 * x + 0.2 * y + 0.1 * (x + c * y) * (double)random_uniform(&random));
    for (int n = 1; n <= 2; n++) {
        NstStylizer *stylizer;
        options.max_memory = 0;
        assert_ok(nst_stylizer_open(&stylizer, (const NstModel *const *)models, n, &options, &err));
        process(stylizer, &in, &whole);
        size_t bytes = nst_stylizer_memory(stylizer, W, H);
        options.max_memory = bytes * 3 / 4;
        assert_ok(nst_stylizer_change(stylizer, &options, &err));
        assert_true(nst_stylizer_memory(stylizer, W, H) <= options.max_memory);
        process(stylizer, &in, &out);
        assert_true(canvas_distance(&out, &whole) <= 1);
        assert_true(canvas_distance(&in, &whole) > 20);
        options.max_memory = 1 << 20;
        assert_ok(nst_stylizer_change(stylizer, &options, &err));
        assert_fails(nst_stylizer_process(stylizer, &in.picture, &out.picture, NULL, NULL, &err), NST_ETOOLARGE,
                     "MiB for 301x243 even in the smallest tiles; 1 MiB are allowed");
        assert_true(nst_stylizer_memory(stylizer, W, H) > options.max_memory);
        nst_stylizer_close(&stylizer);
    }
    canvas_free(&in);
    canvas_free(&out);
    canvas_free(&whole);
    for (int i = 0; i < 2; i++)
        nst_model_free(&models[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means),  cmocka_unit_test(test_reported_size), cmocka_unit_test(test_smooth_pictures),
        cmocka_unit_test(test_edges),  cmocka_unit_test(test_tiling),        cmocka_unit_test(test_rim),
        cmocka_unit_test(test_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
