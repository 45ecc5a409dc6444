/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stylizer: networks whose result is known, on pictures of every layout and size. */

#include "style_nets.h"

static const int sizes[][2] = {{1, 1}, {2, 2}, {1, 9}, {17, 31}, {64, 36}};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

/* Separate memory, lines the other way round, and in place: all the same, and within a level of the source */
static void check_identity(NstStylizer *stylizer, const Layout *layout, int width, int height)
{
    Canvas in = canvas_create(layout, width, height, false), out = canvas_create(layout, width, height, false);
    Canvas upside_down = canvas_create(layout, width, height, true);
    canvas_paint(&in);
    canvas_copy(&upside_down, &in);
    process(stylizer, &in, &out);
    if (canvas_distance(&in, &out) > 1)
        fail_msg("%s, %dx%d: %g levels off", layout->name, width, height, canvas_distance(&in, &out));
    assert_margins(&out, layout->name);
    process(stylizer, &upside_down, &upside_down);
    assert_same_samples(&upside_down, &out);
    assert_margins(&upside_down, layout->name);
    process(stylizer, &in, &in);
    assert_same_samples(&in, &out);
    canvas_free(&in);
    canvas_free(&out);
    canvas_free(&upside_down);
}

static void test_identity(void **state)
{
    (void)state;
    for (int factor = 1; factor <= 4; factor += 3) {
        NstModel *model = identity_model(factor);
        NstStylizer *stylizer = open_stylizer(model, 2, 1);
        for (int i = 0; i < N_LAYOUTS; i++)
            for (int j = 0; j < N_SIZES; j++)
                check_identity(stylizer, &layouts[i], sizes[j][0], sizes[j][1]);
        nst_stylizer_close(&stylizer);
        assert_null(stylizer);
        nst_model_free(&model);
    }
}

/* A network of samples 0 to 255 in the order B, G, R paints as one of 0 to 1 in the order R, G, B. */
static void test_value_range(void **state)
{
    (void)state;
    NstModel *model = identity_model(1);
    /* output B = input G, output G = input R, output R = input B */
    float *w = model->graph.tensors[0].data;
    memset(w, 0, 9 * sizeof(float));
    w[0 * 3 + 1] = w[1 * 3 + 2] = w[2 * 3 + 0] = 2;
    model->input_bgr = model->output_bgr = true;
    model->input_scale = 255;
    model->output_scale = 510;
    Canvas in = canvas_create(&layouts[3], 3, 2, false), out = canvas_create(&layouts[3], 3, 2, false);
    NstStylizer *stylizer = open_stylizer(model, 1, 1);
    canvas_paint(&in);
    process(stylizer, &in, &out);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 3; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(*sample(&out.picture, (c + 1) % 3, x, y), *sample(&in.picture, c, x, y));
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
    canvas_free(&in);
    canvas_free(&out);
}

/*
 * Each pixel becomes its right and lower neighbour. Sides are padded to multiples of 4 by reflection, again and again
 * where the picture is smaller: 3 pixels a b c are continued as a b c b, 1 pixel as a a a a.
 */
static void test_padding(void **state)
{
    (void)state;
    static const int sides[][2] = {{1, 0}, {2, 0}, {3, 1}, {5, 3}, {6, 4}};
    NstBuild build;
    NstError err;
    build_begin(&build, 3, &err);
    build_node(&build, NST_OP_PIXEL_UNSHUFFLE, 0, "unshuffle")->factor = 4;
    build_node(&build, NST_OP_PIXEL_SHUFFLE, 1, "shuffle")->factor = 4;
    float *shift = add_conv(&build, "shift", 3, 3, 3, 1);
    for (int c = 0; c < 3; c++)
        shift[(c * 3 + c) * 9 + 8] = 1;
    NstModel *model = finish_model(&build, NST_KIND_STYLE);
    NstStylizer *stylizer = open_stylizer(model, 2, 1);
    for (int i = 0; i < 5; i++) {
        int side = sides[i][0], beyond = sides[i][1];
        Canvas in = canvas_create(&layouts[0], side, side, false), out = canvas_create(&layouts[0], side, side, false);
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                *sample(&in.picture, 0, x, y) = (uint8_t)(10 + 40 * y + 6 * x);
        process(stylizer, &in, &out);
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                assert_int_equal(*sample(&out.picture, 0, x, y), *sample(&in.picture, 0, x + 1 < side ? x + 1 : beyond,
                                                                         y + 1 < side ? y + 1 : beyond));
        canvas_free(&in);
        canvas_free(&out);
    }
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
}

/* The same bits for every number of threads, and whether or not other sizes were painted before */
static void test_threads_and_sizes(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    NstStylizer *used[] = {open_stylizer(model, 2, 1), open_stylizer(model, 5, 1)};
    for (int i = 0; i < N_LAYOUTS; i++)
        for (int j = 0; j < N_SIZES; j++) {
            const int width = sizes[j][0], height = sizes[j][1];
            Canvas in = canvas_create(&layouts[i], width, height, false);
            Canvas out = canvas_create(&layouts[i], width, height, false);
            Canvas other = canvas_create(&layouts[i], width, height, false);
            NstStylizer *fresh = open_stylizer(model, 1, 1);
            canvas_paint(&in);
            process(fresh, &in, &out);
            for (int k = 0; k < 2; k++) {
                process(used[k], &in, &other);
                assert_same_samples(&out, &other);
            }
            if (width > 2 && layouts[i].model == NST_COLOR_RGB)
                assert_true(canvas_distance(&in, &out) > 20);
            nst_stylizer_close(&fresh);
            canvas_free(&in);
            canvas_free(&out);
            canvas_free(&other);
        }
    nst_stylizer_close(&used[0]);
    nst_stylizer_close(&used[1]);
    nst_model_free(&model);
}

static int set_strength(NstStylizer *stylizer, float strength, NstError *err)
{
    NstStylizeOptions options;
    nst_stylize_defaults(&options);
    options.temporal = 0; /* layouts are no film: a picture's painting shall be the same each time */
    options.strength = strength;
    return nst_stylizer_change(stylizer, &options, err);
}

static void test_strength(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    NstStylizer *stylizer = open_stylizer(model, 2, 0);
    NstError err;
    for (int i = 0; i < N_LAYOUTS; i++) {
        Canvas in = canvas_create(&layouts[i], 17, 31, false), out = canvas_create(&layouts[i], 17, 31, true);
        Canvas full = canvas_create(&layouts[i], 17, 31, false);
        canvas_paint(&in);
        assert_ok(set_strength(stylizer, 0, &err));
        process(stylizer, &in, &out);
        assert_same_samples(&in, &out);
        assert_ok(set_strength(stylizer, 1, &err));
        process(stylizer, &in, &full);
        assert_ok(set_strength(stylizer, 0.5f, &err));
        process(stylizer, &in, &out);
        assert_true(canvas_distance(&in, &out) <= canvas_distance(&in, &full) / 2 + 1);
        assert_true(canvas_distance(&out, &full) <= canvas_distance(&in, &full) / 2 + 1);
        canvas_free(&in);
        canvas_free(&out);
        canvas_free(&full);
    }
    assert_fails(set_strength(stylizer, 1.01f, &err), NST_EINVAL, "0 to 1 expected");
    assert_fails(set_strength(stylizer, NAN, &err), NST_EINVAL, "0 to 1 expected");
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
}

static void test_refused_model(void **state)
{
    (void)state;
    NstModel *model = tiny_vgg(false);
    NstStylizer *stylizer;
    NstError err;
    assert_fails(nst_stylizer_open(&stylizer, (const NstModel *[]){model}, 1, NULL, &err), NST_EINVAL, "loss network");
    assert_null(stylizer);
    nst_model_free(&model);
}

static void test_refused_options(void **state)
{
    (void)state;
    NstModel *model = identity_model(1);
    NstStylizer *stylizer;
    NstStylizeOptions options;
    NstError err;
    nst_stylize_defaults(&options);
    options.compute.threads = 257;
    assert_fails(nst_stylizer_open(&stylizer, (const NstModel *[]){model}, 1, &options, &err), NST_EINVAL, "257 threads");
    nst_stylize_defaults(&options);
    options.strength = -1;
    assert_fails(nst_stylizer_open(&stylizer, (const NstModel *[]){model}, 1, &options, &err), NST_EINVAL, "strength -1");
    memset(&options, 0, sizeof(options));
    assert_fails(nst_stylizer_open(&stylizer, (const NstModel *[]){model}, 1, &options, &err), NST_EINVAL, "nst_stylize_defaults");
    nst_model_free(&model);
}

static void test_refused_pictures(void **state)
{
    (void)state;
    NstModel *model = identity_model(1);
    NstStylizer *stylizer = open_stylizer(model, 1, 1);
    NstError err;
    Canvas canvas = canvas_create(&layouts[7], 8, 8, false);
    const NstPicture good = canvas.picture;
    canvas_paint(&canvas);
#define REFUSED(change, code, text)                                                                                    \
    do {                                                                                                               \
        NstPicture bad = good;                                                                                         \
        bad.change;                                                                                                    \
        assert_fails(nst_stylizer_process(stylizer, &bad, &bad, NULL, NULL, &err), code, text);                                    \
    } while (0)
    REFUSED(width = 0, NST_EINVAL, "0x8 pixels");
    REFUSED(height = 32769, NST_EINVAL, "1 to 32768");
    REFUSED(depth = 7, NST_EUNSUPPORTED, "7 bits: 8 to 16");
    REFUSED(depth = 17, NST_EUNSUPPORTED, "17 bits: 8 to 16");
    REFUSED(is_float = 1, NST_EUNSUPPORTED, "8 bits: 16 or 32");
    REFUSED(depth = 32; bad.is_float = 1, NST_EUNSUPPORTED, "YUV of floats");
    REFUSED(model = 7, NST_EINVAL, "colour model 7");
    REFUSED(log2_chroma_w = 3, NST_EUNSUPPORTED, "subsampled");
    REFUSED(log2_chroma_h = -1, NST_EUNSUPPORTED, "subsampled");
    REFUSED(model = NST_COLOR_RGB, NST_EUNSUPPORTED, "at most 2^0");
    REFUSED(matrix = 9, NST_EUNSUPPORTED, "matrix 9");
    REFUSED(siting = 6, NST_EUNSUPPORTED, "siting 6");
    REFUSED(comp[0].shift = 1, NST_EINVAL, "component 0");
    REFUSED(depth = 10; bad.comp[1].shift = 7, NST_EINVAL, "component 1");
    REFUSED(comp[2].data = NULL, NST_EINVAL, "component 2");
    REFUSED(comp[0].step = 0, NST_EINVAL, "component 0");
    REFUSED(has_alpha = 1, NST_EINVAL, "component 3");
    NstPicture other = good;
    other.full_range = 1;
    assert_fails(nst_stylizer_process(stylizer, &good, &other, NULL, NULL, &err), NST_EINVAL, "size and format");
    other = good;
    other.siting = NST_SITING_TOP;
    assert_fails(nst_stylizer_process(stylizer, &good, &other, NULL, NULL, &err), NST_EINVAL, "size and format");
    assert_ok(nst_stylizer_process(stylizer, &good, &good, NULL, NULL, &err));
    canvas_free(&canvas);
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
}

/* auto, heights and fractions, and nothing else */
static void test_size_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int height;
        float fraction;
    } good[] = {{"auto", 0, 0}, {"360", 360, 0}, {"16", 16, 0}, {"32768", 32768, 0}, {"0.5", 0, 0.5f}, {"1", 0, 1},
                {"0.01", 0, 0.01f}};
    static const char *const bad[] = {"", "0", "-1", "15", "32769", "360.5", "1.5", "0.001", "360p", "nan", "inf", " "};
    NstError err;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        NstSize size = {7, 7};
        assert_ok(nst_size_parse(good[i].text, &size, &err));
        assert_int_equal(size.height, good[i].height);
        assert_true(size.fraction == good[i].fraction);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        NstSize size = {7, 7};
        assert_fails(nst_size_parse(bad[i], &size, &err), NST_EINVAL, "a fraction from 0.01 to 1 expected");
        assert_int_equal(size.height, 7);
    }
}

static void test_memory(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    NstStylizer *stylizer = open_stylizer(model, 2, 1);
    size_t small = nst_stylizer_memory(stylizer, 16, 16), large = nst_stylizer_memory(stylizer, 640, 360);
    assert_true(small >= 16 * 16 * 3 * sizeof(float));
    assert_true(large > small); /* buffers of fixed size weigh more in a small picture */
    assert_true(large >= 640 * 360 * 2 * 3 * sizeof(float));
    assert_int_equal(nst_stylizer_memory(stylizer, 0, 5), 0);
    assert_int_equal(nst_stylizer_memory(stylizer, 5, 40000), 0);
    nst_stylizer_close(&stylizer);
    nst_stylizer_close(&stylizer);
    nst_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),          cmocka_unit_test(test_value_range),
        cmocka_unit_test(test_padding),           cmocka_unit_test(test_threads_and_sizes),
        cmocka_unit_test(test_strength),          cmocka_unit_test(test_refused_model),
        cmocka_unit_test(test_refused_options),   cmocka_unit_test(test_refused_pictures),
        cmocka_unit_test(test_size_parse),        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
