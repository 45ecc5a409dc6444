/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several styles at once, and the colours of the source. */

#include "style_nets.h"

#include "colors.h"
#include "mix.h"

enum { WIDTH = 61, HEIGHT = 34 };

static NstStylizeOptions options_of(int threads)
{
    NstStylizeOptions options;
    nst_stylize_defaults(&options);
    options.temporal = 0; /* what one picture gives */
    options.compute.threads = threads;
    return options;
}

static NstStylizer *open_mix(NstModel *const *models, int n, const float *mix, const NstStylizeOptions *base)
{
    NstStylizeOptions options = *base;
    NstStylizer *stylizer;
    NstError err;
    options.n_mix = mix ? n : 0;
    for (int i = 0; mix && i < n; i++)
        options.mix[i] = mix[i];
    assert_ok(nst_stylizer_open(&stylizer, (const NstModel *const *)models, n, &options, &err));
    return stylizer;
}

/* ---- mixes ---- */

/* A network one part in fifty away from another, as one that was trained on from it */
static NstModel *relative_of(uint64_t seed)
{
    NstModel *model = paint_model(seed);
    NstRandom random;
    random_seed(&random, 77);
    for (int t = 0; t < model->graph.n_tensors; t++)
        for (int64_t k = 0; k < model->graph.tensors[t].count; k++)
            model->graph.tensors[t].data[k] += 0.05f * random_normal(&random);
    return model;
}

static void test_where_to_mix(void **state)
{
    (void)state;
    NstModel *models[] = {paint_model(3), relative_of(3), paint_model(4), identity_model(1)};
    const struct {
        int a, b;
        bool in_weights;
    } cases[] = {{0, 1, true}, {0, 0, true}, {0, 2, false}, {0, 3, false}, {1, 2, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const NstStyles styles = {2, {models[cases[i].a], models[cases[i].b]}};
        assert_int_equal(mix_is_in_weights(&styles), cases[i].in_weights);
    }
    assert_false(mix_is_in_weights(&(NstStyles){1, {models[0]}}));
    models[1]->output_bgr = true;
    assert_false(mix_is_in_weights(&(NstStyles){2, {models[0], models[1]}}));
    for (int i = 0; i < 4; i++)
        nst_model_free(&models[i]);
}

/* Levels of a share a of one painting and 1 - a of another */
static void check_average(const Canvas *out, const Canvas *a, const Canvas *b, double share)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                double wanted = share * level_at(&a->picture, c, x, y) + (1 - share) * level_at(&b->picture, c, x, y);
                if (fabs(level_at(&out->picture, c, x, y) - wanted) > 1.01)
                    fail_msg("%g instead of %g at %d,%d", level_at(&out->picture, c, x, y), wanted, x, y);
            }
}

/* Networks that have nothing in common: the pictures are averaged, and weights change from one to the next. */
static void test_mix_in_picture(void **state)
{
    (void)state;
    NstModel *models[] = {identity_model(1), identity_model(4)};
    models[1]->output_bgr = true; /* R becomes B */
    models[1]->output_scale = models[1]->input_scale = 255;
    NstStylizeOptions options = options_of(2);
    Canvas in = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
    Canvas out = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
    Canvas single[2];
    canvas_paint(&in);
    for (int i = 0; i < 2; i++) {
        NstStylizer *stylizer = open_mix(&models[i], 1, NULL, &options);
        single[i] = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
        process(stylizer, &in, &single[i]);
        nst_stylizer_close(&stylizer);
    }
    assert_true(canvas_distance(&single[0], &single[1]) > 10);
    NstStylizer *stylizer = open_mix(models, 2, NULL, &options);
    const float shares[] = {0.5f, 1, 0.25f, 0, 0.5f};
    NstError err;
    for (int i = 0; i < 5; i++) {
        options.n_mix = i ? 2 : 0;
        options.mix[0] = 4 * shares[i];
        options.mix[1] = 4 - 4 * shares[i];
        assert_ok(nst_stylizer_change(stylizer, &options, &err));
        process(stylizer, &in, &out);
        check_average(&out, &single[0], &single[1], (double)shares[i]);
    }
    nst_stylizer_close(&stylizer);
    for (int i = 0; i < 2; i++) {
        canvas_free(&single[i]);
        nst_model_free(&models[i]);
    }
    canvas_free(&in);
    canvas_free(&out);
}

/* Relatives: the result is that of the network between them, bit for bit, also after a change of weights. */
static void test_mix_in_weights(void **state)
{
    (void)state;
    NstModel *models[] = {paint_model(3), relative_of(3)}, *between = paint_model(3);
    NstStylizeOptions options = options_of(3);
    Canvas in = canvas_create(layout_named("420 709"), WIDTH, HEIGHT, false);
    Canvas out = canvas_create(layout_named("420 709"), WIDTH, HEIGHT, false);
    Canvas expected = canvas_create(layout_named("420 709"), WIDTH, HEIGHT, false);
    NstStylizer *stylizer = open_mix(models, 2, NULL, &options);
    NstError err;
    canvas_paint(&in);
    for (int i = 0; i < 3; i++) {
        const float shares[3][2] = {{0.5f, 0.5f}, {0.25f, 0.75f}, {1, 0}};
        options.n_mix = 2;
        memcpy(options.mix, shares[i], sizeof(shares[i]));
        for (int t = 0; t < between->graph.n_tensors; t++)
            for (int64_t k = 0; k < between->graph.tensors[t].count; k++)
                between->graph.tensors[t].data[k] = shares[i][0] * models[0]->graph.tensors[t].data[k] +
                                                    shares[i][1] * models[1]->graph.tensors[t].data[k];
        NstStylizer *one = open_stylizer(between, 1, 1);
        process(one, &in, &expected);
        assert_ok(nst_stylizer_change(stylizer, &options, &err));
        process(stylizer, &in, &out);
        assert_true(canvas_distance(&out, &expected) == 0);
        nst_stylizer_close(&one);
    }
    nst_stylizer_close(&stylizer);
    canvas_free(&in);
    canvas_free(&out);
    canvas_free(&expected);
    for (int i = 0; i < 2; i++)
        nst_model_free(&models[i]);
    nst_model_free(&between);
}

static void test_refused_mixes(void **state)
{
    (void)state;
    NstModel *model = identity_model(1);
    const NstModel *many[NST_MAX_STYLES + 1];
    NstStylizer *stylizer;
    NstStylizeOptions options = options_of(1);
    NstError err;
    for (int i = 0; i <= NST_MAX_STYLES; i++)
        many[i] = model;
    assert_fails(nst_stylizer_open(&stylizer, many, 9, &options, &err), NST_EINVAL, "9 styles: 1 to 8");
    assert_fails(nst_stylizer_open(&stylizer, many, 0, &options, &err), NST_EINVAL, "0 styles");
    options.n_mix = 3;
    assert_fails(nst_stylizer_open(&stylizer, many, 2, &options, &err), NST_EINVAL, "3 weights for 2 styles");
    options.n_mix = 2;
    assert_fails(nst_stylizer_open(&stylizer, many, 2, &options, &err), NST_EINVAL, "above 0");
    options.mix[0] = -1;
    assert_fails(nst_stylizer_open(&stylizer, many, 2, &options, &err), NST_EINVAL, "weight -1");
    options.mix[0] = NAN;
    assert_fails(nst_stylizer_open(&stylizer, many, 2, &options, &err), NST_EINVAL, "weight nan");
    nst_model_free(&model);
}

/* ---- colours ---- */

/* Whatever is painted, Cb and Cr stay as they are, to the bit, and Y is the painting's. */
static void test_content_in_yuv(void **state)
{
    (void)state;
    NstModel *model = paint_model(3);
    NstStylizeOptions options = options_of(2);
    options.color = NST_COLORS_CONTENT;
    NstStylizer *stylizer = open_mix(&model, 1, NULL, &options), *style = open_stylizer(model, 2, 1);
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (layouts[i].model != NST_COLOR_YUV)
            continue;
        Canvas in = canvas_create(&layouts[i], WIDTH, HEIGHT, false), out = canvas_create(&layouts[i], WIDTH, HEIGHT, true);
        Canvas painted = canvas_create(&layouts[i], WIDTH, HEIGHT, false);
        double unit = full_level(&in.picture) / 255;
        canvas_paint(&in);
        process(stylizer, &in, &out);
        process(style, &in, &painted);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < component_height(&in.picture, c); y++)
                for (int x = 0; x < component_width(&in.picture, c); x++) {
                    const Canvas *from = c ? &in : &painted;
                    double difference = level_at(&out.picture, c, x, y) - level_at(&from->picture, c, x, y);
                    if (fabs(difference) > (c ? 0 : 1.01 * unit))
                        fail_msg("%s: component %d at %d,%d is %g off", layouts[i].name, c, x, y, difference);
                }
        process(stylizer, &in, &in);
        assert_true(canvas_distance(&in, &out) == 0);
        assert_margins(&in, layouts[i].name);
        assert_margins(&out, layouts[i].name);
        canvas_free(&in);
        canvas_free(&out);
        canvas_free(&painted);
    }
    nst_stylizer_close(&stylizer);
    nst_stylizer_close(&style);
    nst_model_free(&model);
}

/* RGB: luma is the painting's, colour differences are the source's. */
static void test_content_in_rgb(void **state)
{
    (void)state;
    float painting[3] = {0.5f, 0.4f, 0.6f}, source[3] = {0.3f, 0.5f, 0.2f};
    float *rgb[3] = {&painting[0], &painting[1], &painting[2]};
    float *from[3] = {&source[0], &source[1], &source[2]};
    const NstPicture picture = {.model = NST_COLOR_RGB};
    double rise = 0.299 * (0.5 - 0.3) + 0.587 * (0.4 - 0.5) + 0.114 * (0.6 - 0.2);
    colors_keep_chroma(&picture, rgb, 1, from, 1);
    for (int c = 0; c < 3; c++)
        assert_true(fabs((double)painting[c] - (double)source[c] - rise) < 1e-6);
}

static NstPlanes noise_planes(float *memory, int n, uint64_t seed, float scale)
{
    NstPlanes planes = {.stride = n, .scale = scale};
    NstRandom random;
    random_seed(&random, seed);
    for (int c = 0; c < 3; c++)
        planes.rgb[c] = memory + c * n * n;
    for (int i = 0; i < n * n; i++) {
        float a = random_uniform(&random), b = random_uniform(&random), d = random_uniform(&random);
        planes.rgb[0][i] = scale * (0.3f + 0.2f * a + 0.1f * b);
        planes.rgb[1][i] = scale * (0.2f + 0.3f * b + (float)(seed % 3) * 0.1f * d);
        planes.rgb[2][i] = scale * (0.4f + 0.15f * d - 0.1f * a * (float)(seed % 2));
    }
    return planes;
}

/* The mapped painting has the source's mean and covariance; statistics jump at a cut and creep otherwise. */
static void test_match(void **state)
{
    (void)state;
    enum { SIDE = 90 };
    static float memory[2][3 * SIDE * SIDE];
    NstPlanes source = noise_planes(memory[0], SIDE, 7, 1), painting = noise_planes(memory[1], SIDE, 11, 255);
    NstColorStatistics of_source, of_painting, of_result;
    NstColorMap map;
    colors_measure(&source, SIDE, SIDE, &of_source);
    colors_measure(&painting, SIDE, SIDE, &of_painting);
    colors_map(&of_painting, &of_source, &map);
    colors_apply(&map, painting.rgb, painting.scale, SIDE * SIDE);
    colors_measure(&painting, SIDE, SIDE, &of_result);
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(of_result.mean[i] - of_source.mean[i]) < 1e-4);
        for (int j = 0; j < 3; j++) /* less by the share that noise has in a painting's variance */
            assert_true(fabs(of_result.covariance[i][j] - of_source.covariance[i][j]) < 2e-3);
    }
    NstColorMatch match = {.running = 0};
    colors_follow(&match, &of_source, &of_painting);
    assert_true(match.source.mean[0] == of_source.mean[0]);
    NstColorStatistics near = of_source, far = of_source;
    near.mean[0] += 0.02;
    far.mean[2] += 0.2;
    colors_follow(&match, &near, &of_painting);
    assert_true(match.source.mean[0] > of_source.mean[0] && match.source.mean[0] < of_source.mean[0] + 0.01);
    colors_follow(&match, &far, &of_painting);
    assert_true(match.source.mean[2] == far.mean[2] && match.source.mean[0] == far.mean[0]);
}

/* A network that turns colours round, and match, which turns them back */
static void test_match_in_a_picture(void **state)
{
    (void)state;
    NstModel *model = identity_model(1);
    NstStylizeOptions options = options_of(1);
    for (int i = 0; i < 9; i += 4)
        model->graph.tensors[0].data[i] = 0.5f;
    options.color = NST_COLORS_MATCH;
    NstStylizer *stylizer = open_mix(&model, 1, NULL, &options), *other;
    options.compute.threads = 3;
    other = open_mix(&model, 1, NULL, &options);
    Canvas in = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
    Canvas out = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
    Canvas same = canvas_create(layout_named("rgb24"), WIDTH, HEIGHT, false);
    canvas_paint(&in);
    process(stylizer, &in, &out);
    assert_true(canvas_distance(&in, &out) <= 4);
    process(other, &in, &same);
    assert_true(canvas_distance(&same, &out) == 0);
    nst_stylizer_close(&stylizer);
    nst_stylizer_close(&other);
    nst_model_free(&model);
    canvas_free(&in);
    canvas_free(&out);
    canvas_free(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_to_mix),   cmocka_unit_test(test_mix_in_picture),
        cmocka_unit_test(test_mix_in_weights), cmocka_unit_test(test_refused_mixes),
        cmocka_unit_test(test_content_in_yuv), cmocka_unit_test(test_content_in_rgb),
        cmocka_unit_test(test_match),          cmocka_unit_test(test_match_in_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
