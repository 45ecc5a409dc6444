/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The slim loss network: its measure, its gradient, and that it learns. */
#include "tiny.h"

#include "backward.h"
#include "distiller.h"
#include "exec.h"
#include "gram.h"

enum { SIDE = 32 };

/* ---- the reduced embedding ---- */

static void test_root(void **state)
{
    enum { ROWS = 9, SIZE = 5 };
    float a[ROWS * SIZE];
    double root[SIZE * SIZE];
    NstRandom random;
    NstError err;
    (void)state;
    random_seed(&random, 2);
    for (int i = 0; i < ROWS * SIZE; i++)
        a[i] = i % SIZE == 3 ? a[i - 1] : random_normal(&random); /* two columns alike: singular */
    assert_ok(slim_root(a, ROWS, SIZE, root, &err));
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double expected = 0, found = 0;
            for (int k = 0; k < ROWS; k++)
                expected += (double)a[k * SIZE + i] * (double)a[k * SIZE + j];
            for (int k = 0; k < SIZE; k++)
                found += root[k * SIZE + i] * root[k * SIZE + j];
            assert_true(fabs(found - expected) < 1e-6);
            assert_true(j >= i || root[i * SIZE + j] == 0);
        }
}

/* Features of the layers of a graph for a picture; sizes in shapes */
static void features(const NstGraph *graph, const int *taps, int n, const NstImage *picture, float **values,
                     NstShape *shapes)
{
    const NstPlanOptions options = {.compute.threads = 1, .taps = taps, .n_taps = n};
    NstPlan *plan;
    NstError err;
    assert_ok(plan_create(&plan, graph, picture->height, picture->width, &options, &err));
    memcpy(plan_value(plan, 0), picture->data, sizeof(float) * 3 * (size_t)(picture->width * picture->height));
    exec_forward(plan);
    for (int i = 0; i < n; i++) {
        shapes[i] = plan_shape(plan, taps[i]);
        const size_t count = (size_t)(shapes[i].c * shapes[i].h * shapes[i].w);
        values[i] = calloc(count, sizeof(float));
        assert_non_null(values[i]);
        memcpy(values[i], plan_value(plan, taps[i]), count * sizeof(float));
    }
    plan_free(&plan);
}

static double distance(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static double gram_distance(const float *a, const float *b, NstShape shape)
{
    const NstCompute compute = {.threads = 1};
    float *grams[2];
    for (int i = 0; i < 2; i++) {
        grams[i] = calloc((size_t)(shape.c * shape.c), sizeof(float));
        assert_non_null(grams[i]);
        gram_matrix(&compute, i ? b : a, shape.c, shape.h * shape.w, grams[i]);
    }
    const double result = distance(grams[0], grams[1], shape.c * shape.c);
    free(grams[0]);
    free(grams[1]);
    return result;
}

/* Distances between two pictures, of features and of Gram matrices, are those of the full embedding. */
static void test_reduced(void **state)
{
    static const int widths[] = {20, 30, 40};
    enum { N = 3 };
    NstSlim slim;
    NstGraph small;
    NstRandom random;
    NstError err;
    int taps[N];
    float *full[2][N], *reduced[2][N];
    NstShape full_shape[N], small_shape[N];
    (void)state;
    random_seed(&random, 5);
    NstModel *teacher = tiny_vgg(true); /* which has embeddings itself, so that it is no plain one */
    assert_ok(slim_build(&slim, teacher, widths, N, 0.125f, &random, &err));
    nst_model_free(&teacher);
    for (int i = 0; i < N; i++) { /* biases that do something */
        NstTensor *bias = &slim.graph.tensors[slim.graph.nodes[slim.embedding[i]].bias];
        for (int64_t k = 0; k < bias->count; k++)
            bias->data[k] = random_normal(&random);
    }
    assert_ok(slim_reduce(&slim, &small, &err));
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s_embed", slim_layer(i));
        taps[i] = graph_find(&small, name);
        assert_true(taps[i] > 0);
    }
    for (int k = 0; k < 2; k++) {
        NstImage picture = tiny_picture(24, 20, 30 + (uint64_t)k);
        features(&slim.graph, slim.embedding, N, &picture, full[k], full_shape);
        features(&small, taps, N, &picture, reduced[k], small_shape);
        nst_image_free(&picture);
    }
    for (int i = 0; i < N; i++) {
        const int n = full_shape[i].h * full_shape[i].w;
        assert_int_equal(full_shape[i].c, widths[i]);
        assert_true(small_shape[i].c < widths[i] && small_shape[i].h * small_shape[i].w == n);
        const double a = distance(full[0][i], full[1][i], widths[i] * n);
        const double b = distance(reduced[0][i], reduced[1][i], small_shape[i].c * n);
        assert_true(fabs(a - b) < 1e-4 * a);
        const double c = gram_distance(full[0][i], full[1][i], full_shape[i]);
        const double d = gram_distance(reduced[0][i], reduced[1][i], small_shape[i]);
        assert_true(c > 0 && fabs(c - d) < 1e-3 * c);
        for (int k = 0; k < 2; k++) {
            free(full[k][i]);
            free(reduced[k][i]);
        }
    }
    graph_free(&slim.graph);
    graph_free(&small);
}

/* ---- the distiller ---- */

static int give(void *opaque, int index, NstImage *image, NstError *err)
{
    (void)opaque;
    (void)err;
    *image = tiny_picture(44, 40, 100 + (uint64_t)index);
    return NST_OK;
}

typedef struct Run {
    NstModel *teachers[2];
    NstDistillOptions options;
    NstDistiller *distiller;
} Run;

static void setup(Run *run)
{
    memset(run, 0, sizeof(*run));
    run->teachers[0] = tiny_vgg(true);
    run->teachers[1] = tiny_vgg(false);
    nst_distill_defaults(&run->options);
    run->options.crop = SIDE;
    run->options.steps = 150;
    run->options.learning_rate = 1e-2f;
    run->options.width = 0.125f;
    run->options.compute.threads = 1;
    for (int i = 0; i < 2; i++) /* features of about 1 for samples of 0 to 1 */
        ;
}

static void open_distiller(Run *run)
{
    NstError err;
    assert_ok(nst_distiller_open(&run->distiller, &run->options, (const NstModel *const *)run->teachers, 2, give, NULL,
                                 6, &err));
}

static void teardown(Run *run)
{
    nst_distiller_close(&run->distiller);
    assert_null(run->distiller);
    nst_model_free(&run->teachers[0]);
    nst_model_free(&run->teachers[1]);
}

static NstDistillProgress steps(Run *run, int n)
{
    NstDistillProgress progress = {0};
    NstError err;
    for (int i = 0; i < n; i++)
        assert_ok(nst_distiller_step(run->distiller, &progress, &err));
    return progress;
}

static void test_learns(void **state)
{
    Run run;
    NstError err;
    NstModel *loss;
    NstModelInfo info;
    int node;
    (void)state;
    setup(&run);
    run.options.name = "slim";
    run.options.licence = "CC BY 4.0";
    open_distiller(&run);
    const NstDistillProgress first = steps(&run, 1), last = steps(&run, 149);
    assert_int_equal(first.n_layers, 3); /* the teachers end at relu3_1 */
    assert_int_equal(last.step, 150);
    if (!(last.total < 0.6f * first.total))
        fail_msg("the loss went from %g to %g only", (double)first.total, (double)last.total);
    assert_fails(nst_distiller_step(run.distiller, NULL, &err), NST_EINVAL, "all 150 steps are done");

    assert_ok(nst_distiller_model(run.distiller, &loss, &err));
    nst_model_info(loss, &info);
    assert_int_equal(info.kind, NST_KIND_LOSS);
    assert_string_equal(info.name, "slim");
    assert_string_equal(info.licence, "CC BY 4.0");
    assert_non_null(strstr(info.training, "\"steps_done\":150"));
    assert_ok(vgg_find_layer(loss, "relu3_1", &node, &err));
    assert_string_equal(loss->graph.nodes[node].name, "relu3_1_embed");
    assert_fails(vgg_find_layer(loss, "relu4_1", &node, &err), NST_ENOTFOUND, "relu4_1");
    assert_true(loss->graph.tensors[0].is_f16);
    nst_model_free(&loss);
    teardown(&run);
}

static void test_gradient(void **state)
{
    Run run;
    NstError err;
    NstDistillProgress p;
    int compared = 0;
    (void)state;
    setup(&run);
    run.options.width = 0.75f;
    assert_ok(nst_distiller_open(&run.distiller, &run.options, (const NstModel *const *)&run.teachers[1], 1, give, NULL,
                                 6, &err)); /* a plain teacher: a student that is near to it, so that no loss is huge */
    NstDistiller *d = run.distiller;
    for (int t = 0; t < d->slim.graph.n_tensors; t++) {
        NstTensor *tensor = &d->slim.graph.tensors[t];
        double square = 0;
        for (int64_t k = 0; k < tensor->count; k++)
            square += (double)tensor->data[k] * (double)tensor->data[k] / (double)tensor->count;
        const float h = tensor->rank == 1 ? 1e-3f : 5e-3f * (float)sqrt(square);
        for (int64_t k = 0; k < tensor->count; k += 1 + tensor->count / 3) {
            const float kept = tensor->data[k];
            assert_ok(distiller_learn(d, 3, &p, &err));
            const double found = (double)backward_tensor_grad(d->plan, t)[k];
            tensor->data[k] = kept + h;
            assert_ok(distiller_learn(d, 3, &p, &err));
            double expected = (double)p.total / (2 * (double)h);
            tensor->data[k] = kept - h;
            assert_ok(distiller_learn(d, 3, &p, &err));
            expected -= (double)p.total / (2 * (double)h);
            tensor->data[k] = kept;
            if (!(fabs(found - expected) <= 0.05 * fabs(expected) + 5e-4))
                fail_msg("%s[%d]: %g found, %g by differences", tensor->name, (int)k, found, expected);
            compared += fabs(expected) > 5e-3;
        }
    }
    assert_true(compared > 10);
    teardown(&run);
}

/* Of a plain teacher the student keeps channels: all of them at width 1, and then it is the teacher. */
static void test_kept(void **state)
{
    static const float widths[] = {1, 0.75f};
    double first[2];
    NstError err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        Run run;
        NstModel *loss;
        setup(&run);
        run.options.width = widths[i];
        run.options.learning_rate = 1e-9f;
        assert_ok(nst_distiller_open(&run.distiller, &run.options, (const NstModel *const *)&run.teachers[1], 1, give,
                                     NULL, 6, &err));
        first[i] = (double)steps(&run, 1).total;
        assert_ok(nst_distiller_model(run.distiller, &loss, &err)); /* also where nothing can be reduced */
        nst_model_free(&loss);
        teardown(&run);
    }
    if (!(first[0] < 1e-5 && first[1] > 1e-4 && first[1] < 1))
        fail_msg("the loss begins at %g with all channels, at %g with three quarters", first[0], first[1]);
}

/* Seven channels that three of them determine, at the seven's own means */
static void test_selection(void **state)
{
    enum { C = 7, N = 200 };
    const NstCompute compute = {.threads = 1};
    float f[C * N];
    NstSpread spread;
    NstSelection selection;
    NstRandom random;
    NstError err;
    (void)state;
    random_seed(&random, 3);
    assert_ok(spread_open(&spread, C, &err));
    for (int i = 0; i < N; i++) {
        const float x = random_normal(&random), y = random_normal(&random), z = random_normal(&random);
        const float values[C] = {x, x + y, 2 * z - 1, x - y + 0.5f, 3, z + y, x + y + z};
        for (int c = 0; c < C; c++)
            f[c * N + i] = values[c];
    }
    spread_add(&spread, &compute, f, N);
    assert_ok(selection_choose(&selection, &spread, 3, &err));
    for (int i = 0; i < N; i += 17)
        for (int c = 0; c < C; c++) {
            double predicted = selection.constant[c];
            for (int j = 0; j < 3; j++)
                predicted += selection.predict[c * 3 + j] * (double)f[selection.kept[j] * N + i];
            assert_true(fabs(predicted - (double)f[c * N + i]) < 1e-3);
        }
    for (int j = 0; j < 3; j++)
        assert_int_not_equal(selection.kept[j], 4); /* the constant tells nothing */
    selection_free(&selection);
    assert_ok(selection_choose(&selection, &spread, 5, &err)); /* more than there is to know: each channel once */
    for (int j = 0; j < 5; j++)
        for (int k = 0; k < j; k++)
            assert_int_not_equal(selection.kept[j], selection.kept[k]);
    selection_free(&selection);
    spread_close(&spread);
}

static void test_threads(void **state)
{
    NstDistillProgress progress[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        Run run;
        setup(&run);
        run.options.compute.threads = i ? 3 : 1;
        open_distiller(&run);
        progress[i] = steps(&run, 3);
        teardown(&run);
    }
    assert_memory_equal(&progress[0], &progress[1], sizeof(progress[0]));
}

static void bad_size(Run *run) { run->options.struct_size = 3; }
static void bad_steps(Run *run) { run->options.steps = 0; }
static void bad_crop(Run *run) { run->options.crop = 40; }
static void bad_width(Run *run) { run->options.width = 0; }
static void bad_gram(Run *run) { run->options.gram_weight = NAN; }
static void bad_rate(Run *run) { run->options.learning_rate = 0; }
static void bad_threads(Run *run) { run->options.compute.threads = -1; }
static void bad_kind(Run *run) { run->teachers[1]->kind = NST_KIND_STYLE; }

static void no_first_layer(Run *run)
{
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < run->teachers[k]->graph.n_nodes; i++)
            if (!strcmp(run->teachers[k]->graph.nodes[i].name, "relu1_1"))
                strcpy(run->teachers[k]->graph.nodes[i].name, "other");
}

static void test_refused(void **state)
{
    static const struct {
        void (*change)(Run *run);
        int code;
        const char *message;
    } cases[] = {
        {bad_size, NST_EINVAL, "struct_size 3"},   {bad_steps, NST_EINVAL, "steps: 0"},
        {bad_crop, NST_EINVAL, "crop: 40"},        {bad_width, NST_EINVAL, "width: 0"},
        {bad_gram, NST_EINVAL, "gram_weight"},     {bad_rate, NST_EINVAL, "learning_rate: 0"},
        {bad_threads, NST_EINVAL, "threads: -1"},  {bad_kind, NST_EINVAL, "teacher 2"},
        {no_first_layer, NST_ENOTFOUND, "relu1_1"},
    };
    NstError err;
    Run run;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        setup(&run);
        cases[i].change(&run);
        assert_fails(nst_distiller_open(&run.distiller, &run.options, (const NstModel *const *)run.teachers, 2, give,
                                        NULL, 6, &err),
                     cases[i].code, cases[i].message);
        teardown(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root),   cmocka_unit_test(test_kept),     cmocka_unit_test(test_selection),
        cmocka_unit_test(test_reduced), cmocka_unit_test(test_learns),
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_threads), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
