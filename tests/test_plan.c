/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory reuse changes nothing: whole networks at sizes of several tiles, bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "backward.h"
#include "exec.h"
#include "layer_cases.h"
#include "optim.h"
#include "part_threads.h"
#include "util.h"

#include <cmocka.h>

enum { HEIGHT = 92, WIDTH = 140 };

static CaseTable networks;

static int open_networks(void **state)
{
    (void)state;
    case_table_open(&networks, "networks");
    return 0;
}

static int close_networks(void **state)
{
    (void)state;
    case_table_close(&networks);
    return 0;
}

static size_t count_of(NstShape s)
{
    return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

static NstPlan *plan_with(const NstGraph *graph, const NstPlanOptions *options)
{
    NstPlan *plan = NULL;
    NstError err;
    if (plan_create(&plan, graph, HEIGHT, WIDTH, options, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(plan_bytes(plan), plan_bytes_for(graph, HEIGHT, WIDTH, options));
    return plan;
}

static NstPlan *new_plan(const NstGraph *graph, int threads, bool grads, const int *taps, int n_taps)
{
    NstPlanOptions options = {.want_input_grad = grads, .want_tensor_grads = grads, .taps = taps, .n_taps = n_taps};
    nst_compute_defaults(&options.compute);
    options.compute.threads = threads;
    options.compute.cpu = NST_CPU_ALL;
    return plan_with(graph, &options);
}

static void run_picture(NstPlan *plan, uint64_t seed)
{
    NstRandom random;
    random_seed(&random, seed);
    float *x = plan_value(plan, 0);
    for (size_t i = 0; i < count_of(plan_shape(plan, 0)); i++)
        x[i] = random_uniform(&random);
    exec_forward(plan);
}

static void assert_same_value(const char *network, const NstGraph *graph, NstPlan *a, NstPlan *b, int node)
{
    if (memcmp(plan_value(a, node), plan_value(b, node), count_of(plan_shape(a, node)) * sizeof(float)))
        fail_msg("%s: node %s: other bits", network, graph->nodes[node].name);
}

static void test_reuse_gives_the_same_bits(void **state)
{
    (void)state;
    assert_true(networks.n > 0);
    for (int i = 0; i < networks.n; i++) {
        const NstGraph *graph = &networks.cases[i].graph;
        const int last = graph->n_nodes - 1;
        NstPlan *reuse = new_plan(graph, 2, false, NULL, 0), *keep = new_plan(graph, 2, true, NULL, 0);
        print_message("%s: %zu bytes, with gradients %zu\n", networks.cases[i].name, plan_bytes(reuse), plan_bytes(keep));
        assert_true(plan_bytes(reuse) < plan_bytes(keep));
        run_picture(reuse, 1);
        run_picture(keep, 1);
        assert_same_value(networks.cases[i].name, graph, reuse, keep, last);
        plan_free(&reuse);
        plan_free(&keep);
    }
}

/* Of a size that every architecture takes */
static NstPlan *arch_plan(const NstGraph *graph, int threads, const int *taps, int n_taps)
{
    NstPlanOptions options = {.taps = taps, .n_taps = n_taps};
    NstPlan *plan = NULL;
    NstError err;
    nst_compute_defaults(&options.compute);
    options.compute.threads = threads;
    if (plan_create(&plan, graph, 88, 136, &options, &err) < 0)
        fail_msg("%s", err.message);
    return plan;
}

/* Each architecture's affine nodes, additions and pools: by themselves, and with what they read or are read by. */
static void test_joined_nodes_give_the_same_bits(void **state)
{
    (void)state;
    for (int arch = 0; arch <= NST_ARCH_FAST_HD; arch++) {
        NstRandom random;
        NstGraph graph;
        NstError err;
        int taps[NST_MAX_NODES], n = 0;
        random_seed(&random, 5);
        assert_int_equal(arch_build(&graph, (NstArchitecture)arch, &random, &err), NST_OK);
        for (int i = 1; i < graph.n_nodes; i++)
            if (graph.nodes[i].op == NST_OP_AFFINE || graph.nodes[i].op == NST_OP_ADD ||
                graph.nodes[i].op == NST_OP_AVG_POOL)
                taps[n++] = i;
        NstPlan *joined = arch_plan(&graph, 1, NULL, 0), *shared = arch_plan(&graph, 3, NULL, 0);
        NstPlan *apart = arch_plan(&graph, 2, taps, n);
        run_picture(joined, 1);
        run_picture(shared, 1);
        run_picture(apart, 1);
        assert_true(plan_bytes(joined) < plan_bytes(apart));
        assert_same_value(arch_name((NstArchitecture)arch), &graph, joined, apart, graph.n_nodes - 1);
        assert_same_value(arch_name((NstArchitecture)arch), &graph, joined, shared, graph.n_nodes - 1);
        plan_free(&joined);
        plan_free(&shared);
        plan_free(&apart);
        graph_free(&graph);
    }
}

/* What another picture left in the buffers does not matter. */
static void test_runs_leave_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++) {
        const NstGraph *graph = &networks.cases[i].graph;
        NstPlan *fresh = new_plan(graph, 2, false, NULL, 0), *used = new_plan(graph, 2, false, NULL, 0);
        run_picture(fresh, 1);
        run_picture(used, 1);
        run_picture(used, 2);
        assert_memory_not_equal(plan_value(fresh, graph->n_nodes - 1), plan_value(used, graph->n_nodes - 1),
                                3 * sizeof(float));
        run_picture(used, 1);
        assert_same_value(networks.cases[i].name, graph, fresh, used, graph->n_nodes - 1);
        plan_free(&fresh);
        plan_free(&used);
    }
}

/* Each node in turn, and then all of them, as taps of a plan that reuses its buffers */
static void test_taps_stay_intact(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++) {
        const char *name = networks.cases[i].name;
        const NstGraph *graph = &networks.cases[i].graph;
        const int last = graph->n_nodes - 1;
        int all[64];
        assert_in_range(graph->n_nodes, 2, 64);
        for (int n = 0; n < graph->n_nodes; n++)
            all[n] = n;
        NstPlan *keep = new_plan(graph, 2, false, all, graph->n_nodes);
        NstPlan *output = new_plan(graph, 2, false, NULL, 0);
        run_picture(keep, 3);
        run_picture(output, 3);
        assert_same_value(name, graph, keep, output, last);
        for (int n = 1; n < last; n++) {
            const int taps[] = {n, last};
            NstPlan *plan = new_plan(graph, 2, false, taps, 2);
            run_picture(plan, 3);
            assert_same_value(name, graph, keep, plan, n);
            assert_same_value(name, graph, keep, plan, last);
            plan_free(&plan);
        }
        plan_free(&keep);
        plan_free(&output);
    }
}

static void run_backward(NstPlan *plan, int tap)
{
    backward_clear_tensor_grads(plan);
    backward_begin(plan);
    float *seed = backward_seed(plan, tap);
    const size_t n = count_of(plan_shape(plan, tap));
    for (size_t i = 0; i < n; i++)
        seed[i] += (float)(i % 7) - 3;
    backward_run(plan);
}

static void assert_same_gradients(const LayerCase *c, NstPlan *a, NstPlan *b)
{
    if (memcmp(backward_input_grad(a), backward_input_grad(b), 3 * HEIGHT * WIDTH * sizeof(float)))
        fail_msg("%s: input gradient: other bits", c->name);
    for (int t = 0; t < c->graph.n_tensors; t++)
        if (memcmp(backward_tensor_grad(a, t), backward_tensor_grad(b, t),
                   (size_t)c->graph.tensors[t].count * sizeof(float)))
            fail_msg("%s: gradient of %s: other bits", c->name, c->graph.tensors[t].name);
}

static void test_backward_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++) {
        const LayerCase *c = &networks.cases[i];
        const int last = c->graph.n_nodes - 1;
        NstPlan *fresh = new_plan(&c->graph, 2, true, NULL, 0), *used = new_plan(&c->graph, 2, true, NULL, 0);
        run_picture(used, 5);
        run_backward(used, last);
        run_picture(used, 4);
        run_backward(used, last);
        run_picture(fresh, 4);
        run_backward(fresh, last);
        assert_same_gradients(c, fresh, used);
        plan_free(&fresh);
        plan_free(&used);
    }
}

/* Gradients of the tensors add up over runs until they are cleared. */
static void test_tensor_gradients_add_up(void **state)
{
    (void)state;
    const LayerCase *c = &networks.cases[0];
    const int last = c->graph.n_nodes - 1;
    NstPlan *once = new_plan(&c->graph, 1, true, NULL, 0), *twice = new_plan(&c->graph, 1, true, NULL, 0);
    run_picture(once, 6);
    run_backward(once, last);
    run_picture(twice, 6);
    run_backward(twice, last);
    backward_begin(twice);
    float *seed = backward_seed(twice, last);
    for (size_t i = 0; i < count_of(plan_shape(twice, last)); i++)
        seed[i] += (float)(i % 7) - 3;
    backward_run(twice);
    double scale = 0;
    for (int t = 0; t < c->graph.n_tensors; t++) {
        float *doubled = backward_tensor_grad(once, t);
        for (int64_t k = 0; k < c->graph.tensors[t].count; k++) {
            doubled[k] *= 2;
            scale = fmax(scale, fabs((double)doubled[k]));
        }
    }
    assert_true(scale > 0);
    for (int t = 0; t < c->graph.n_tensors; t++)
        for (int64_t k = 0; k < c->graph.tensors[t].count; k++)
            if (!(fabs((double)backward_tensor_grad(twice, t)[k] - (double)backward_tensor_grad(once, t)[k]) <=
                  1e-6 * scale))
                fail_msg("gradient of %s, element %d: not twice as large", c->graph.tensors[t].name, (int)k);
    plan_free(&once);
    plan_free(&twice);
}

static void test_thread_counts(void **state)
{
    (void)state;
    static const int threads[] = {2, 3, 7};
    for (int i = 0; i < networks.n; i++) {
        const LayerCase *c = &networks.cases[i];
        const int last = c->graph.n_nodes - 1;
        NstPlan *one = new_plan(&c->graph, 1, true, NULL, 0);
        run_picture(one, 7);
        run_backward(one, last);
        for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
            NstPlan *several = new_plan(&c->graph, threads[t], true, NULL, 0);
            NstPlan *reuse = new_plan(&c->graph, threads[t], false, NULL, 0);
            run_picture(several, 7);
            run_backward(several, last);
            run_picture(reuse, 7);
            assert_same_value(c->name, &c->graph, one, several, last);
            assert_same_value(c->name, &c->graph, one, reuse, last);
            assert_same_gradients(c, one, several);
            plan_free(&several);
            plan_free(&reuse);
        }
        plan_free(&one);
    }
}

/* -- executors of the caller -- */

static void test_executors(void **state)
{
    (void)state;
    static const NstExecute executors[] = {parts_backwards, part_threads};
    for (int i = 0; i < networks.n; i++) {
        const LayerCase *c = &networks.cases[i];
        NstPlan *one = new_plan(&c->graph, 1, false, NULL, 0);
        run_picture(one, 9);
        for (int threads = 1; threads <= 5; threads += 2)
            for (size_t e = 0; e < sizeof(executors) / sizeof(*executors); e++) {
                int calls = 0;
                NstPlanOptions options = {.compute = {.threads = threads, .cpu = NST_CPU_ALL}};
                options.compute.execute = executors[e];
                options.compute.execute_opaque = &calls;
                NstPlan *plan = plan_with(&c->graph, &options);
                run_picture(plan, 9);
                assert_same_value(c->name, &c->graph, one, plan, c->graph.n_nodes - 1);
                assert_true(calls > 0 || threads == 1);
                plan_free(&plan);
            }
        plan_free(&one);
    }
}

/* Weights may change between runs of a plan with gradients: nothing of them may be kept from one to the next. */
static void test_weights_are_read_anew(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++) {
        NstGraph changed = {0};
        const NstGraph *graph = &networks.cases[i].graph;
        const int last = graph->n_nodes - 1;
        NstError err;
        assert_int_equal(graph_copy(&changed, graph, &err), NST_OK);
        NstPlan *plan = new_plan(&changed, 2, true, NULL, 0);
        run_picture(plan, 8);
        for (int t = 0; t < changed.n_tensors; t++)
            for (int64_t k = 0; k < changed.tensors[t].count; k++)
                changed.tensors[t].data[k] *= 1.5f;
        NstPlan *fresh = new_plan(&changed, 2, true, NULL, 0);
        run_picture(plan, 8);
        run_picture(fresh, 8);
        assert_same_value(networks.cases[i].name, graph, fresh, plan, last);
        plan_free(&plan);
        plan_free(&fresh);
        graph_free(&changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reuse_gives_the_same_bits),
        cmocka_unit_test(test_joined_nodes_give_the_same_bits),
        cmocka_unit_test(test_runs_leave_nothing_behind),
        cmocka_unit_test(test_taps_stay_intact),
        cmocka_unit_test(test_backward_leaves_nothing_behind),
        cmocka_unit_test(test_tensor_gradients_add_up),
        cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_executors),
        cmocka_unit_test(test_weights_are_read_anew),
    };
    return cmocka_run_group_tests(tests, open_networks, close_networks);
}
