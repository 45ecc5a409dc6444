/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every number of doc/tour-gram-loss.md, from the code that it is about. */
#include "build.h"
#include "gram.h"
#include "loss.h"
#include "tiny.h"

enum { CHANNELS = 2, PIXELS = 4, STYLE_PIXELS = 2 };

/* The page's picture, 2x2, and its style, 2x1: the red samples; green and blue do not matter */
static float picture[3 * PIXELS] = {1, 0, 0.5f, 0.5f};
static float style[3 * STYLE_PIXELS] = {0, 0.5f};

static const float features[CHANNELS * PIXELS] = {2, 0, 1, 1, 0, 2, 1, 1};
static const float style_features[CHANNELS * STYLE_PIXELS] = {0, 1, 2, 1};

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-6))
        fail_msg("%.9g found, %.9g expected", value, expected);
}

static void assert_all_near(const float *values, const float *expected, int n)
{
    for (int i = 0; i < n; i++)
        assert_near(values[i], expected[i]);
}

static NstCompute compute(void)
{
    NstCompute compute;
    nst_compute_defaults(&compute);
    compute.threads = 1;
    return compute;
}

/* relu1_1: "bright" is 2 red, "dark" is 2 - 2 red, both at least 0 */
static NstModel *bright_and_dark(void)
{
    NstBuild build;
    NstGraph graph;
    NstModel *model;
    NstError err;
    build_begin(&build, 3, &err);
    NstNode *conv = build_node(&build, NST_OP_CONV2D, 0, "conv1_1");
    conv->weight = build_tensor(&build, "conv1_1", "weight", (int[4]){CHANNELS, 3, 1, 1});
    conv->bias = build_tensor(&build, "conv1_1", "bias", (int[4]){CHANNELS, 0, 0, 0});
    const NstTensor *weight = &build.graph.tensors[conv->weight], *bias = &build.graph.tensors[conv->bias];
    weight->data[0] = 2;
    weight->data[3] = -2;
    bias->data[1] = 2;
    build_node(&build, NST_OP_RELU, build_last(&build), "relu1_1");
    assert_ok(build_end(&build, &graph));
    assert_ok(nsw_create(&model, NST_KIND_LOSS, &graph, &err));
    return model;
}

static void test_gram_matrices(void **state)
{
    const NstCompute use = compute();
    float gram[CHANNELS * CHANNELS];
    (void)state;
    gram_matrix(&use, features, CHANNELS, PIXELS, gram);
    assert_all_near(gram, (const float[]){1.5f, 0.5f, 0.5f, 1.5f}, 4);
    gram_matrix(&use, style_features, CHANNELS, STYLE_PIXELS, gram);
    assert_all_near(gram, (const float[]){0.5f, 0.5f, 0.5f, 2.5f}, 4);
}

static void test_gradient_of_features(void **state)
{
    const NstCompute use = compute();
    const float difference[] = {1, 0, 0, -1};
    float gradient[CHANNELS * PIXELS] = {0};
    (void)state;
    gram_product(&use, difference, features, CHANNELS, PIXELS, true, gradient);
    assert_all_near(gradient, (const float[]){2, 0, 1, 1, 0, -2, -1, -1}, CHANNELS * PIXELS);
}

static double style_term(NstLoss *loss, const float *y, float *grad)
{
    NstLossTerms terms;
    NstError err;
    assert_ok(loss_evaluate(loss, y, &terms, grad, &err));
    assert_near(terms.style_parts[0][0].norm, 7);
    assert_near(terms.total, terms.style);
    return terms.style;
}

static void test_loss_and_gradient(void **state)
{
    const char *const layers[] = {"relu1_1", NULL}, *const none[] = {NULL};
    const NstLossOptions options = {.levels = 1, .style_layers = layers, .content_layers = none, .style_weight = 1,
                                    .compute = compute()};
    NstModel *network = bright_and_dark();
    NstImage painting = {STYLE_PIXELS, 1, style};
    NstLoss *loss;
    NstError err;
    float grad[3 * PIXELS], moved[3 * PIXELS];
    (void)state;
    assert_ok(loss_create(&loss, network, 2, 2, &options, &err));
    assert_ok(loss_set_style(loss, &painting, &err));

    assert_near(style_term(loss, picture, grad), 2 / 7.0);
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_near(grad[i], i < PIXELS ? 4 / 7.0 : 0);

    memcpy(moved, picture, sizeof(moved)); /* the third pixel a hundredth brighter */
    moved[2] += 0.01f;
    assert_near(style_term(loss, moved, NULL), 2.04020004 / 7);

    for (int i = 0; i < PIXELS; i++) /* gray */
        moved[i] = 0.5f;
    assert_near(style_term(loss, moved, NULL), 3 / 7.0);

    for (int i = 0; i < PIXELS; i++) /* a step against the gradient: everything a tenth darker */
        moved[i] = picture[i] - 0.175f * grad[i];
    assert_near(style_term(loss, moved, NULL), 0.7203 / 7);
    loss_free(&loss);
    nst_model_free(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gram_matrices),
        cmocka_unit_test(test_gradient_of_features),
        cmocka_unit_test(test_loss_and_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
