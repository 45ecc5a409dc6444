/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gram.h"
#include "loss.h"
#include "tiny.h"

enum { W = 27, H = 22, COUNT = 3 * H * W };

static const char *const style_layers[] = {"relu1_1", "relu2_1", "relu3_1", NULL};
static const char *const content_layers[] = {"conv2_2", "relu3_1", NULL};

static NstLossOptions default_options(void)
{
    NstLossOptions options = {.levels = 2,
                              .content_level = 1,
                              .style_layers = style_layers,
                              .content_layers = content_layers,
                              .style_weight = 1,
                              .content_weight = 0.5f,
                              .tv_weight = 2};
    nst_compute_defaults(&options.compute);
    options.compute.threads = 1;
    return options;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g found, %.9g +- %g expected", value, expected, tolerance);
}

/* A loss with the style and content of pictures 1 and 2 */
static NstLoss *create(const NstModel *network, const NstLossOptions *options)
{
    NstLoss *loss;
    NstError err;
    NstImage style = tiny_picture(30, 24, 1), content = tiny_picture(W, H, 2);
    assert_ok(loss_create(&loss, network, H, W, options, &err));
    assert_ok(loss_set_style(loss, &style, &err));
    loss_set_content(loss, content.data);
    nst_image_free(&style);
    nst_image_free(&content);
    return loss;
}

static double total_at(NstLoss *loss, const float *y, const float *direction, float step)
{
    float moved[COUNT];
    NstLossTerms terms;
    NstError err;
    for (int i = 0; i < COUNT; i++)
        moved[i] = y[i] + step * direction[i];
    assert_ok(loss_evaluate(loss, moved, &terms, NULL, &err));
    return terms.total;
}

/* The gradient along a direction, against the difference of two values */
static void check_direction(NstLoss *loss, const float *y, const float *grad, const float *direction)
{
    const float step = 2e-3f;
    double expected = 0;
    for (int i = 0; i < COUNT; i++)
        expected += (double)grad[i] * direction[i];
    const double found = (total_at(loss, y, direction, step) - total_at(loss, y, direction, -step)) / (2 * step);
    assert_near(found, expected, 0.01 * fabs(expected) + 1e-5);
}

static void check_gradient(const NstLossOptions *options)
{
    NstModel *network = tiny_vgg(true);
    NstLoss *loss = create(network, options);
    NstImage y = tiny_picture(W, H, 3);
    float grad[COUNT], direction[COUNT];
    NstLossTerms terms;
    NstError err;
    NstRandom random;
    double norm = 0;

    assert_ok(loss_evaluate(loss, y.data, &terms, grad, &err));
    for (int i = 0; i < COUNT; i++)
        norm += (double)grad[i] * grad[i];
    assert_true(norm > 1e-8);
    for (int i = 0; i < COUNT; i++)
        direction[i] = grad[i] / (float)sqrt(norm);
    check_direction(loss, y.data, grad, direction);
    random_seed(&random, 4);
    for (int n = 0; n < 3; n++) {
        for (int i = 0; i < COUNT; i++)
            direction[i] = direction[i] / 2 + random_normal(&random) / sqrtf(COUNT);
        check_direction(loss, y.data, grad, direction);
    }
    nst_image_free(&y);
    loss_free(&loss);
    assert_null(loss);
    nst_model_free(&network);
}

static void test_style_gradient(void **state)
{
    NstLossOptions options = default_options();
    (void)state;
    options.content_weight = options.tv_weight = 0;
    check_gradient(&options);
}

static void test_content_gradient(void **state)
{
    NstLossOptions options = default_options();
    (void)state;
    options.style_weight = options.tv_weight = 0;
    check_gradient(&options);
}

static void test_tv_gradient(void **state)
{
    NstLossOptions options = default_options();
    (void)state;
    options.style_weight = options.content_weight = 0;
    check_gradient(&options);
}

static void test_total_gradient(void **state)
{
    NstLossOptions options = default_options();
    (void)state;
    check_gradient(&options);
    options.levels = 1;
    options.content_level = 0;
    check_gradient(&options);
}

/* Weights that bring the terms of each formula to the size of the others */
static void test_formulas(void **state)
{
    NstLossOptions options = default_options();
    (void)state;
    options.formula = NST_FORMULA_GATYS;
    options.content_weight = 1e-3f;
    check_gradient(&options);
    options.formula = NST_FORMULA_KERAS;
    options.tv_weight = 1e-6f;
    check_gradient(&options);
}

/* The total is the weighted sum, and each term is zero where the picture is its own target. */
static void test_terms(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstLoss *loss = create(network, &options);
    NstImage y = tiny_picture(W, H, 3), content = tiny_picture(W, H, 2);
    NstLossTerms terms;
    NstError err;
    (void)state;
    assert_ok(loss_evaluate(loss, y.data, &terms, NULL, &err));
    assert_true(terms.style > 1e-4 && terms.content > 1e-2 && terms.tv > 1e-3);
    assert_near(terms.total, terms.style + 0.5 * terms.content + 2 * terms.tv, 1e-6 * terms.total);
    assert_ok(loss_evaluate(loss, content.data, &terms, NULL, &err));
    assert_true(terms.content == 0);
    assert_ok(loss_set_style(loss, &y, &err));
    assert_ok(loss_evaluate(loss, y.data, &terms, NULL, &err));
    assert_near(terms.style, 0, 1e-12);
    nst_image_free(&y);
    nst_image_free(&content);
    loss_free(&loss);
    nst_model_free(&network);
}

/* The parts add up to the terms, and the way without gradients gives what the other gives. */
static void test_parts(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstImage y = tiny_picture(W, H, 3);
    NstError err;
    (void)state;
    for (int values_only = 0; values_only < 2; values_only++) {
        NstLossTerms terms;
        double style = 0, content = 0;
        options.values_only = values_only;
        NstLoss *loss = create(network, &options);
        assert_ok(loss_evaluate(loss, y.data, &terms, NULL, &err));
        for (int l = 0; l < options.levels; l++)
            for (int i = 0; style_layers[i]; i++)
                style += terms.style_parts[l][i].error / terms.style_parts[l][i].norm / (3 * options.levels);
        for (int i = 0; content_layers[i]; i++)
            content += terms.content_parts[i].error / terms.content_parts[i].norm / 2;
        assert_near(terms.style, style, 1e-9 * style);
        assert_near(terms.content, content, 1e-9 * content);
        assert_true(terms.style_parts[0][3].norm == 0 && terms.content_parts[2].norm == 0);
        loss_free(&loss);
    }
    nst_image_free(&y);
    nst_model_free(&network);
}

static void test_values_only(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(true);
    NstImage y = tiny_picture(W, H, 3);
    NstLossTerms terms[2];
    NstError err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        options.values_only = i;
        NstLoss *loss = create(network, &options);
        assert_ok(loss_evaluate(loss, y.data, &terms[i], NULL, &err));
        loss_free(&loss);
    }
    assert_near(terms[1].style, terms[0].style, 1e-4 * terms[0].style);
    assert_near(terms[1].content, terms[0].content, 1e-4 * terms[0].content);
    assert_true(terms[1].tv == terms[0].tv);
    nst_image_free(&y);
    nst_model_free(&network);
}

static void test_threads(void **state)
{
    NstModel *network = tiny_vgg(true);
    NstImage y = tiny_picture(W, H, 3);
    NstLossTerms terms[2];
    float grad[2][COUNT];
    NstError err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        NstLossOptions options = default_options();
        options.compute.threads = i ? 3 : 1;
        NstLoss *loss = create(network, &options);
        assert_ok(loss_evaluate(loss, y.data, &terms[i], grad[i], &err));
        loss_free(&loss);
    }
    assert_memory_equal(&terms[0], &terms[1], sizeof(terms[0]));
    assert_memory_equal(grad[0], grad[1], sizeof(grad[0]));
    nst_image_free(&y);
    nst_model_free(&network);
}

static void swap_red_and_blue(float *samples, int plane)
{
    for (int i = 0; i < plane; i++) {
        const float red = samples[i];
        samples[i] = samples[2 * plane + i];
        samples[2 * plane + i] = red;
    }
}

/* A network that wants BGR of another range, fed by the loss, is the same function as one that does it by itself. */
static void test_value_range_and_order(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstImage y = tiny_picture(W, H, 3);
    NstLossTerms terms[2];
    float grad[2][COUNT];
    NstError err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        NstLoss *loss = create(network, &options);
        assert_ok(loss_evaluate(loss, y.data, &terms[i], grad[i], &err));
        loss_free(&loss);
        float *w = network->graph.tensors[graph_find_tensor(&network->graph, "preprocess.weight")].data;
        for (int k = 0; k < 9; k += 3) {
            const float red = w[k];
            w[k] = w[k + 2] / 4;
            w[k + 1] /= 4;
            w[k + 2] = red / 4;
        }
        network->input_bgr = true;
        network->input_scale = 4;
    }
    assert_near(terms[0].total, terms[1].total, 1e-6 * terms[0].total);
    for (int i = 0; i < COUNT; i++)
        assert_near(grad[1][i], grad[0][i], 1e-5);
    swap_red_and_blue(grad[1], H * W);
    assert_memory_not_equal(grad[0], grad[1], sizeof(grad[0]));
    nst_image_free(&y);
    nst_model_free(&network);
}

/* Its kernels of 1x1 become 3x3 with zeros around: the same function, but no embedding that the loss could leave out. */
static void enlarge_kernels(NstModel *network, const char *name)
{
    NstNode *node = &network->graph.nodes[graph_find(&network->graph, name)];
    NstTensor *weight = &network->graph.tensors[node->weight];
    float *enlarged = aligned_calloc((size_t)weight->count, 9 * sizeof(*enlarged));
    assert_non_null(enlarged);
    for (int64_t i = 0; i < weight->count; i++)
        enlarged[9 * i + 4] = weight->data[i];
    aligned_free(weight->data);
    weight->data = enlarged;
    weight->count *= 9;
    for (int side = 0; side < 2; side++)
        weight->shape[2 + side] = node->kernel[side] = 3;
    for (int side = 0; side < 4; side++)
        node->pad[side] = 1;
}

/* What the loss makes of a layer's embedding without computing it is what computing it gives. */
static void test_embedding(void **state)
{
    NstLossOptions options = default_options();
    NstImage y = tiny_picture(W, H, 3);
    NstLossTerms terms[2];
    float grad[2][COUNT], largest = 0;
    NstError err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        NstModel *network = tiny_slim();
        if (i)
            enlarge_kernels(network, "relu2_1_embed");
        NstLoss *loss = create(network, &options);
        assert_ok(loss_evaluate(loss, y.data, &terms[i], grad[i], &err));
        loss_free(&loss);
        nst_model_free(&network);
    }
    assert_near(terms[0].style, terms[1].style, 1e-5 * terms[1].style);
    for (int i = 0; i < COUNT; i++)
        largest = fmaxf(largest, fabsf(grad[1][i]));
    for (int i = 0; i < COUNT; i++)
        assert_near(grad[0][i], grad[1][i], 1e-5 * largest);
    nst_image_free(&y);
}

static void test_gram(void **state)
{
    static const int sizes[][2] = {{1, 1}, {3, 7}, {32, 50}, {37, 101}, {70, 2049}, {2730, 2}};
    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        const int c = sizes[s][0], n = sizes[s][1];
        float *f = calloc((size_t)(c * n), sizeof(*f)), *product = calloc((size_t)(c * n), sizeof(*f));
        float *gram[2] = {calloc((size_t)(c * c), sizeof(*f)), calloc((size_t)(c * c), sizeof(*f))};
        NstCompute compute;
        NstRandom random;
        assert_true(f && product && gram[0] && gram[1]);
        random_seed(&random, s);
        for (int i = 0; i < c * n; i++)
            f[i] = random_normal(&random);
        nst_compute_defaults(&compute);
        for (int i = 0; i < 2; i++) {
            compute.threads = 1 + 3 * i;
            gram_matrix(&compute, f, c, n, gram[i]);
        }
        assert_memory_equal(gram[0], gram[1], sizeof(*f) * (size_t)(c * c));
        gram_product(&compute, gram[0], f, c, n, true, product);
        for (int i = 0; i < c; i++)
            for (int j = 0; j < c; j++) {
                double expected = 0;
                for (int k = 0; k < n; k++)
                    expected += (double)f[i * n + k] * f[j * n + k] / n;
                assert_near(gram[0][i * c + j], expected, 1e-5 * (1 + fabs(expected)));
            }
        for (int k = 0; k < n; k += 1 + n / 9)
            for (int i = 0; i < c; i++) {
                double expected = 0;
                for (int j = 0; j < c; j++)
                    expected += (double)gram[0][i * c + j] * f[j * n + k];
                assert_near(product[i * n + k], expected, 1e-4 + 1e-6 * fabs(expected));
            }
        free(f);
        free(product);
        free(gram[0]);
        free(gram[1]);
    }
}

static void test_tv(void **state)
{
    static const float y[2 * 2 * 3] = {1, 3, 0, 2, 2, 5, /* second channel */ 0, 0, 1, 0, 0, 1};
    float grad[12] = {1};
    (void)state;
    /* dx^2: 4 9 0 9 0 1 0 1 = 24 of 8;  dy^2: 1 1 25 0 0 0 = 27 of 6 */
    assert_near(loss_tv(NST_FORMULA_RELATIVE, y, 2, 2, 3, 0, NULL), 24.0 / 8 + 27.0 / 6, 1e-12);
    loss_tv(NST_FORMULA_RELATIVE, y, 2, 2, 3, 0.5f, grad);
    assert_near(grad[0], 1 + 0.5 * (2 * -2.0 / 8 + 2 * -1.0 / 6), 1e-6); /* added to what was there */
    assert_near(grad[5], 0.5 * (2 * 3.0 / 8 + 2 * 5.0 / 6), 1e-6);
    assert_near(loss_tv(NST_FORMULA_RELATIVE, y, 1, 6, 1, 0, NULL), (4 + 9 + 4 + 0 + 9) / 5.0, 1e-12);
    assert_near(loss_tv(NST_FORMULA_RELATIVE, y, 1, 1, 6, 0, NULL), (4 + 9 + 4 + 0 + 9) / 5.0, 1e-12);
    assert_near(loss_tv(NST_FORMULA_RELATIVE, y, 1, 1, 1, 0, NULL), 0, 0);
}

/* A film fades from black: the content has no variance, yet the loss is finite. */
static void test_flat_content(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstLoss *loss = create(network, &options);
    NstImage y = tiny_picture(W, H, 3), black;
    float grad[COUNT];
    NstLossTerms terms;
    NstError err;
    (void)state;
    assert_ok(nst_image_alloc(&black, W, H, &err));
    loss_set_content(loss, black.data);
    assert_ok(loss_evaluate(loss, y.data, &terms, grad, &err));
    assert_true(isfinite(terms.content) && terms.content > 0);
    nst_image_free(&y);
    nst_image_free(&black);
    loss_free(&loss);
    nst_model_free(&network);
}

static void test_not_finite(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstLoss *loss = create(network, &options);
    NstImage y = tiny_picture(W, H, 3), bad = tiny_picture(W, H, 4);
    NstLossTerms terms;
    NstError err;
    (void)state;
    bad.data[5] = NAN;
    assert_fails(loss_evaluate(loss, bad.data, &terms, NULL, &err), NST_ENOTFINITE,
                 "style loss of layer relu1_1 at level 0");
    assert_fails(loss_set_style(loss, &bad, &err), NST_ENOTFINITE, "style picture");
    assert_true(isnan(bad.data[5]));
    nst_image_free(&y);
    y = tiny_picture(30, 24, 1);
    assert_ok(loss_set_style(loss, &y, &err));
    loss_set_content(loss, bad.data);
    nst_image_free(&y);
    y = tiny_picture(W, H, 3);
    assert_fails(loss_evaluate(loss, y.data, &terms, NULL, &err), NST_ENOTFINITE,
                 "content loss of layer conv2_2 at level 1");
    nst_image_free(&y);
    nst_image_free(&bad);
    loss_free(&loss);
    nst_model_free(&network);
}

/* One wrong option a case */
static void test_bad_options(void **state)
{
    static const char *const nowhere[] = {"relu1_1", "relu9_1", NULL}, *const none[] = {NULL};
    NstModel *network = tiny_vgg(false);
    NstLoss *loss;
    NstError err;
    NstLossOptions options = default_options();
    (void)state;
    options.levels = 7;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "levels");
    assert_null(loss);
    options = default_options();
    options.content_level = 2;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "content_level");
    options = default_options();
    options.content_layers = nowhere;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_ENOTFOUND, "relu9_1");
    options = default_options();
    options.style_layers = none;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "style_layers");
    options = default_options();
    options.levels = 6;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "27x22");
    network->kind = NST_KIND_STYLE;
    options = default_options();
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "loss network");
    nst_model_free(&network);
}

static void test_small_style(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(false);
    NstLoss *loss = create(network, &options);
    NstImage dot = tiny_picture(1, 1, 3);
    NstError err;
    (void)state;
    assert_fails(loss_set_style(loss, &dot, &err), NST_EINVAL, "style picture");
    nst_image_free(&dot);
    loss_free(&loss);
    nst_model_free(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_style_gradient),  cmocka_unit_test(test_content_gradient),
        cmocka_unit_test(test_tv_gradient),     cmocka_unit_test(test_total_gradient),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_terms),           cmocka_unit_test(test_parts),
        cmocka_unit_test(test_values_only),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_value_range_and_order),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_gram),            cmocka_unit_test(test_tv),
        cmocka_unit_test(test_flat_content),    cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_bad_options),     cmocka_unit_test(test_small_style),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
