/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VGG features, Gram matrices, the whole loss with its gradient, and Adam: against golden/loss.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "gram.h"
#include "layer_cases.h"
#include "loss.h"
#include "optim.h"
#include "util.h"
#include "vgg.h"

#include <cmocka.h>

static const double TOLERANCE = 1e-4; /* relative, against PyTorch in double precision */

enum { STEPS = 10 }; /* of Adam, as in golden/loss.py */
static const NstAdam ADAM = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-4f};

static NstContainer golden;

static NstContainer load(const char *name)
{
    NstContainer container;
    NstError err;
    char *path = golden_path(name);
    if (safetensors_read(&container, path, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
    return container;
}

static int open_golden(void **state)
{
    (void)state;
    golden = load("loss");
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    container_free(&golden);
    return 0;
}

static const NstTensor *get(const char *name)
{
    for (int i = 0; i < golden.n_tensors; i++)
        if (!strcmp(golden.tensors[i].name, name))
            return &golden.tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void assert_close(const char *name, const float *found, const NstTensor *expected)
{
    const double error = relative_error(found, expected->data, expected->count, 0);
    print_message("%s: relative error %.2g\n", name, error);
    if (!(error <= TOLERANCE))
        fail_msg("%s: relative error %g, at most %g expected", name, error, TOLERANCE);
}

static NstModel *network(bool average, bool ceil, NstPadMode pad_mode)
{
    const NstVggOptions options = {.average_pool = average, .ceil_pool = ceil, .pad_mode = pad_mode};
    NstContainer weights = load("vgg");
    NstModel *model = NULL;
    NstError err;
    if (vgg_build(&model, &weights, &options, &err) < 0)
        fail_msg("%s", err.message);
    return model;
}

static NstCompute any_compute(void)
{
    NstCompute compute;
    nst_compute_defaults(&compute);
    compute.threads = 2;
    compute.cpu = NST_CPU_ALL;
    return compute;
}

/* Each golden tensor feature/VARIANT/LAYER at the picture "y" */
static void check_features(const char *variant, NstModel *model, int expected_layers)
{
    const NstTensor *y = get("y");
    int taps[NST_MAX_LAYERS], n = 0;
    const NstTensor *features[NST_MAX_LAYERS];
    char prefix[64];
    NstError err;

    const size_t length = (size_t)snprintf(prefix, sizeof(prefix), "feature/%s/", variant);
    for (int i = 0; i < golden.n_tensors; i++)
        if (!strncmp(golden.tensors[i].name, prefix, length)) {
            features[n] = &golden.tensors[i];
            if (vgg_find_layer(model, golden.tensors[i].name + length, &taps[n++], &err) < 0)
                fail_msg("%s", err.message);
        }
    assert_int_equal(n, expected_layers);

    const NstPlanOptions options = {.compute = any_compute(), .taps = taps, .n_taps = n};
    NstPlan *plan = NULL;
    assert_int_equal(plan_create(&plan, &model->graph, y->shape[1], y->shape[2], &options, &err), NST_OK);
    memcpy(plan_value(plan, 0), y->data, (size_t)y->count * sizeof(float));
    exec_forward(plan);
    for (int i = 0; i < n; i++) {
        const NstShape shape = plan_shape(plan, taps[i]);
        assert_int_equal(shape.c, features[i]->shape[0]);
        assert_int_equal(shape.h, features[i]->shape[1]);
        assert_int_equal(shape.w, features[i]->shape[2]);
        assert_close(features[i]->name, plan_value(plan, taps[i]), features[i]);
    }
    plan_free(&plan);
    nst_model_free(&model);
}

static void test_features(void **state)
{
    (void)state;
    check_features("max", network(false, true, NST_PAD_REFLECT), 6);
    check_features("average", network(true, false, NST_PAD_ZERO), 1);
    check_features("replicate", network(false, false, NST_PAD_REPLICATE), 1);
}

static void test_gram(void **state)
{
    (void)state;
    static const char *const layers[] = {"relu2_2", "relu3_1"};
    for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++) {
        char feature[64], gram[64];
        snprintf(feature, sizeof(feature), "feature/max/%s", layers[i]);
        snprintf(gram, sizeof(gram), "gram/%s", layers[i]);
        const NstTensor *f = get(feature), *expected = get(gram);
        const NstCompute compute = any_compute();
        float *found = calloc((size_t)expected->count, sizeof(float));
        assert_non_null(found);
        gram_matrix(&compute, f->data, f->shape[0], f->shape[1] * f->shape[2], found);
        assert_close(gram, found, expected);
        free(found);
    }
}

typedef struct Setting {
    NstModel *network;
    NstLoss *loss;
} Setting;

/* The loss of golden/loss.py, with its targets */
static Setting open_loss(const NstCompute *compute)
{
    static const char *const style_layers[] = {"relu1_1", "relu2_1", "relu3_1", NULL};
    static const char *const content_layers[] = {"relu3_1", NULL};
    const NstLossOptions options = {
        .levels = 3,
        .content_level = 1,
        .style_layers = style_layers,
        .content_layers = content_layers,
        .style_weight = 1,
        .content_weight = 0.02f,
        .tv_weight = 0.01f,
        .compute = *compute,
    };
    const NstTensor *y = get("y"), *style = get("style");
    const NstImage picture = {style->shape[2], style->shape[1], style->data};
    Setting setting = {network(false, true, NST_PAD_REFLECT), NULL};
    NstError err;
    if (loss_create(&setting.loss, setting.network, y->shape[1], y->shape[2], &options, &err) < 0 ||
        loss_set_style(setting.loss, &picture, &err) < 0)
        fail_msg("%s", err.message);
    loss_set_content(setting.loss, get("content")->data);
    return setting;
}

static void close_loss(Setting *setting)
{
    loss_free(&setting->loss);
    nst_model_free(&setting->network);
}

static void assert_terms(const NstLossTerms *found, const float *expected)
{
    static const char *const names[] = {"total", "style", "content", "tv"};
    const double values[] = {found->total, found->style, found->content, found->tv};
    for (int i = 0; i < 4; i++)
        if (!(fabs(values[i] - (double)expected[i]) <= TOLERANCE * fabs((double)expected[i])))
            fail_msg("term %s: %g, %g expected", names[i], values[i], (double)expected[i]);
}

static float *new_floats(int64_t count)
{
    float *floats = calloc((size_t)count, sizeof(float));
    assert_non_null(floats);
    return floats;
}

static void test_loss(void **state)
{
    (void)state;
    unsigned masks[8];
    const int n = cpu_ladder(masks);
    const NstTensor *y = get("y");
    float *grad = new_floats(y->count);
    for (int i = 0; i < n; i++) {
        NstCompute compute = any_compute();
        compute.cpu = masks[i];
        Setting setting = open_loss(&compute);
        NstLossTerms terms;
        NstError err;
        if (loss_evaluate(setting.loss, y->data, &terms, grad, &err) < 0)
            fail_msg("%s", err.message);
        assert_terms(&terms, get("terms")->data);
        assert_close("gradient of the loss", grad, get("grad"));
        close_loss(&setting);
    }
    free(grad);
}

static void test_loss_thread_counts(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 7};
    const NstTensor *y = get("y");
    float *expected = new_floats(y->count), *grad = new_floats(y->count);
    NstLossTerms first = {0};
    for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
        NstCompute compute = any_compute();
        compute.threads = threads[i];
        Setting setting = open_loss(&compute);
        NstLossTerms terms;
        NstError err;
        assert_int_equal(loss_evaluate(setting.loss, y->data, &terms, grad, &err), NST_OK);
        if (i == 0) {
            first = terms;
            memcpy(expected, grad, (size_t)y->count * sizeof(float));
        }
        assert_memory_equal(&terms, &first, sizeof(terms));
        assert_memory_equal(grad, expected, (size_t)y->count * sizeof(float));
        close_loss(&setting);
    }
    free(expected);
    free(grad);
}

/* Ten steps on the picture itself: the terms before each step, and the picture after the last. */
static void test_adam_on_a_picture(void **state)
{
    (void)state;
    const NstTensor *start = get("y"), *terms = get("adam/terms");
    const NstCompute compute = any_compute();
    Setting setting = open_loss(&compute);
    float *y = new_floats(start->count), *grad = new_floats(start->count);
    float *m = new_floats(start->count), *v = new_floats(start->count);

    assert_int_equal(terms->shape[0], STEPS);
    memcpy(y, start->data, (size_t)start->count * sizeof(float));
    for (int step = 0; step < STEPS; step++) {
        NstLossTerms found;
        NstError err;
        assert_int_equal(loss_evaluate(setting.loss, y, &found, grad, &err), NST_OK);
        assert_terms(&found, terms->data + (ptrdiff_t)4 * step);
        optim_adam(&ADAM, step + 1, 0.05f, start->count, grad, m, v, y);
    }
    assert_close("the picture after ten steps", y, get("adam/y"));
    free(y);
    free(grad);
    free(m);
    free(v);
    close_loss(&setting);
}

/* Ten steps down a bowl, sum of a (x - t)^2 / 2 */
static void test_adam_on_a_bowl(void **state)
{
    (void)state;
    const NstTensor *a = get("toy/a"), *t = get("toy/t"), *xs = get("toy/xs"), *losses = get("toy/losses");
    const int64_t n = a->count;
    float *x = new_floats(n), *grad = new_floats(n), *m = new_floats(n), *v = new_floats(n);
    float last = INFINITY;

    assert_int_equal(xs->shape[0], STEPS);
    memcpy(x, get("toy/x")->data, (size_t)n * sizeof(float));
    for (int step = 0; step < STEPS; step++) {
        float loss = 0;
        for (int64_t i = 0; i < n; i++) {
            grad[i] = a->data[i] * (x[i] - t->data[i]);
            loss += grad[i] * (x[i] - t->data[i]) / 2;
        }
        assert_true(loss < last);
        assert_true(fabsf(loss - losses->data[step]) <= (float)TOLERANCE * loss);
        last = loss;
        optim_adam(&ADAM, step + 1, 0.1f, n, grad, m, v, x);
        if (!(relative_error(x, xs->data + step * n, n, 0) <= 1e-6))
            fail_msg("step %d: relative error %g", step + 1, relative_error(x, xs->data + step * n, n, 0));
    }
    free(x);
    free(grad);
    free(m);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_gram),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_loss_thread_counts),
        cmocka_unit_test(test_adam_on_a_picture),
        cmocka_unit_test(test_adam_on_a_bowl),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
