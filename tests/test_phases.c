/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bilinear enlargement and a 3x3 convolution of it, made from the small picture, against the two of them apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "exec.h"
#include "op_conv.h"
#include "optim.h"
#include "plan_internal.h"
#include "util.h"

#include <cmocka.h>

typedef struct Net {
    int ci, co, h, w;  /* of the small picture */
    NstPadMode mode;
    bool flat;         /* the small picture is itself a view: instance norm and ReLU of the input */
    bool relu;         /* after the convolution */
} Net;

static void fill(NstRandom *random, float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = scale * random_normal(random);
}

static int add_conv(NstBuild *build, const Net *net, int input)
{
    const int kernel[4] = {net->co, net->ci, 3, 3}, bias[4] = {net->co};
    int weight = build_tensor(build, "conv", "weight", kernel), shift = build_tensor(build, "conv", "bias", bias);
    NstNode *node = build_node(build, NST_OP_CONV2D, input, "conv");
    node->weight = weight;
    node->bias = shift;
    node->channels = net->co;
    node->kernel[NST_Y] = node->kernel[NST_X] = 3;
    build_pad(node, 1, net->mode);
    return build_last(build);
}

static NstGraph net_graph(const Net *net, NstRandom *random)
{
    NstBuild build;
    NstGraph graph;
    NstError err;
    int at = 0;
    build_begin(&build, net->ci, &err);
    if (net->flat) {
        build_node(&build, NST_OP_INSTANCE_NORM, at, "norm")->channels = net->ci;
        at = build_last(&build);
        build_node(&build, NST_OP_RELU, at, "flat");
        at = build_last(&build);
    }
    NstNode *enlarge = build_node(&build, NST_OP_UPSAMPLE, at, "enlarge");
    enlarge->factor = 2;
    enlarge->mode = NST_UPSAMPLE_BILINEAR;
    at = add_conv(&build, net, build_last(&build));
    if (net->relu)
        build_node(&build, NST_OP_RELU, at, "relu");
    if (build_end(&build, &graph) < 0)
        fail_msg("%s", err.message);
    for (int t = 0; t < graph.n_tensors; t++)
        fill(random, graph.tensors[t].data, (size_t)graph.tensors[t].count, 1);
    return graph;
}

static NstPlan *run(const NstGraph *graph, const Net *net, const NstPlanOptions *given, int threads, const float *x)
{
    NstPlanOptions options = *given;
    NstPlan *plan = NULL;
    NstError err;
    nst_compute_defaults(&options.compute);
    options.compute.threads = threads;
    if (plan_create(&plan, graph, net->h, net->w, &options, &err) < 0)
        fail_msg("%s", err.message);
    memcpy(plan_value(plan, 0), x, shape_count(plan_shape(plan, 0)) * sizeof(*x));
    exec_forward(plan);
    return plan;
}

static bool is_phased(const NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        if (op_conv_is_phased(plan, i))
            return true;
    return false;
}

static void assert_near(const Net *net, NstPlan *apart, NstPlan *plan)
{
    const int last = plan->graph->n_nodes - 1;
    const size_t n = shape_count(plan_shape(plan, last));
    const float *a = plan_value(apart, last), *b = plan_value(plan, last);
    double largest = 0, difference = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)a[i]));
        difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
    }
    if (!(difference <= 2e-5 * largest))
        fail_msg("%d to %d, %dx%d, padding %d: %g of %g", net->ci, net->co, net->w, net->h, net->mode, difference,
                 largest);
}

static void assert_same(const Net *net, NstPlan *a, NstPlan *b)
{
    const int last = a->graph->n_nodes - 1;
    if (memcmp(plan_value(a, last), plan_value(b, last), shape_count(plan_shape(a, last)) * sizeof(float)))
        fail_msg("%d to %d, %dx%d, padding %d: other bits", net->ci, net->co, net->w, net->h, net->mode);
}

static void check(const Net *net, NstRandom *random)
{
    static float x[32 * 70 * 90];
    NstGraph graph = net_graph(net, random);
    const int all[] = {0, 1, 2, 3, 4, 5};
    fill(random, x, (size_t)(net->ci * net->h * net->w), 1);
    NstPlan *apart = run(&graph, net, &(NstPlanOptions){.direct = true}, 1, x);
    NstPlan *plan = run(&graph, net, &(NstPlanOptions){0}, 1, x);
    NstPlan *shared = run(&graph, net, &(NstPlanOptions){0}, 3, x);
    NstPlan *tapped = run(&graph, net, &(NstPlanOptions){.taps = all, .n_taps = graph.n_nodes}, 2, x);
    NstPlan *grads = run(&graph, net, &(NstPlanOptions){.want_input_grad = true, .want_tensor_grads = true}, 2, x);
    assert_false(is_phased(apart));
    assert_true(is_phased(plan));
    assert_near(net, apart, plan);
    assert_same(net, plan, shared);
    assert_near(net, apart, tapped);
    assert_near(net, apart, grads);
    if (!net->flat) { /* whose statistics are rounded otherwise where gradients follow */
        assert_same(net, plan, tapped);
        assert_same(net, plan, grads);
    }
    plan_free(&apart);
    plan_free(&plan);
    plan_free(&shared);
    plan_free(&tapped);
    plan_free(&grads);
    graph_free(&graph);
}

static void test_phases(void **state)
{
    static const int sizes[][2] = {{1, 4}, {2, 5}, {4, 4}, {5, 33}, {17, 12}, {23, 61}, {70, 90}, {1500, 4}};
    static const int channels[][2] = {{8, 2}, {9, 3}, {32, 16}};
    NstRandom random;
    (void)state;
    random_seed(&random, 17);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
        for (size_t c = 0; c < sizeof(channels) / sizeof(*channels); c++)
            for (int mode = 0; mode < NST_PAD_MODE_COUNT; mode++)
                for (int kind = 0; kind < 4; kind++)
                    check(&(Net){channels[c][0], channels[c][1], sizes[s][0], sizes[s][1], (NstPadMode)mode, kind & 1,
                                 kind & 2}, &random);
}

/* Where the small picture is too narrow, or has too few channels, the enlarged one is convolved. */
static void test_unfit(void **state)
{
    static const Net nets[] = {{8, 2, 6, 3, NST_PAD_ZERO, false, false}, {4, 8, 6, 8, NST_PAD_ZERO, false, false},
                               {8, 1, 6, 8, NST_PAD_ZERO, false, false}};
    NstRandom random;
    (void)state;
    random_seed(&random, 18);
    for (size_t i = 0; i < sizeof(nets) / sizeof(*nets); i++) {
        float x[8 * 6 * 8];
        NstGraph graph = net_graph(&nets[i], &random);
        fill(&random, x, sizeof(x) / sizeof(*x), 1);
        NstPlan *plan = run(&graph, &nets[i], &(NstPlanOptions){0}, 1, x);
        assert_false(is_phased(plan));
        plan_free(&plan);
        graph_free(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_phases), cmocka_unit_test(test_unfit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
