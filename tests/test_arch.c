/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arch.h"
#include "exec.h"
#include "plan.h"
#include "tiny.h"

static NstGraph build(NstArchitecture arch, uint64_t seed)
{
    NstGraph graph;
    NstRandom random;
    NstError err;
    random_seed(&random, seed);
    assert_ok(arch_build(&graph, arch, &random, &err));
    return graph;
}

/* Counted by hand; johnson's as in the recipe, less the biases that instance normalisation would take out again */
static void test_sizes(void **state)
{
    static const struct {
        int64_t parameters;
        double macs;
        int multiple;
    } expected[] = {
        [NST_ARCH_FAST] = {110027, 9216, 4},
        [NST_ARCH_JOHNSON] = {1679235 - 32 - 64 - 128 - 10 * 128 - 64 - 32, 153792, 4},
        [NST_ARCH_FAST_HD] = {110027 - 24 * 27 - 3 + 24 * 9 * 8 + 2 * 8 + 8 * 27 + 3 + 3 * 27, 2871, 8},
    };
    (void)state;
    for (int arch = NST_ARCH_FAST; arch <= NST_ARCH_FAST_HD; arch++) {
        NstGraph graph = build((NstArchitecture)arch, 1);
        int64_t parameters = 0;
        double macs = 0;
        for (int i = 0; i < graph.n_tensors; i++)
            parameters += graph.tensors[i].count;
        for (int i = 0; i < graph.n_nodes; i++)
            macs += graph_macs_per_pixel(&graph, i);
        assert_int_equal(parameters, expected[arch].parameters);
        assert_true(fabs(macs - expected[arch].macs) < 1e-6);
        assert_int_equal(graph_multiple(&graph), expected[arch].multiple);
        graph_free(&graph);
    }
}

/* He et al. 2015: deviation sqrt(2 / fan-in), and 0.3 of that for the output */
static void test_weights(void **state)
{
    static const struct {
        const char *name;
        double deviation;
    } expected[] = {{"enc1.weight", 0.13608}, {"res2_2.weight", 0.083333}, {"dec1.weight", 0.083333},
                    {"out.weight", 0.3 * 0.096225}};
    NstGraph graph = build(NST_ARCH_FAST, 1), other = build(NST_ARCH_FAST, 2), again = build(NST_ARCH_FAST, 1);
    (void)state;
    for (size_t n = 0; n < sizeof(expected) / sizeof(*expected); n++) {
        const int index = graph_find_tensor(&graph, expected[n].name);
        assert_true(index >= 0);
        const NstTensor *tensor = &graph.tensors[index];
        double sum = 0;
        for (int64_t i = 0; i < tensor->count; i++)
            sum += (double)tensor->data[i] * tensor->data[i];
        const double ratio = sqrt(sum / (double)tensor->count) / expected[n].deviation;
        if (!(ratio > 0.9 && ratio < 1.1))
            fail_msg("%s: deviation is %.3f of what it should be", expected[n].name, ratio);
        assert_memory_equal(tensor->data, again.tensors[index].data, sizeof(float) * (size_t)tensor->count);
        assert_memory_not_equal(tensor->data, other.tensors[index].data, sizeof(float) * (size_t)tensor->count);
    }
    assert_true(graph.tensors[graph_find_tensor(&graph, "enc1_norm.weight")].data[23] == 1);
    assert_true(graph.tensors[graph_find_tensor(&graph, "out.bias")].data[2] == 0);
    graph_free(&graph);
    graph_free(&other);
    graph_free(&again);
}

/* The output has the input's size and starts near mid grey. */
static void test_output(void **state)
{
    (void)state;
    for (int arch = NST_ARCH_FAST; arch <= NST_ARCH_FAST_HD; arch++) {
        NstGraph graph = build((NstArchitecture)arch, 1);
        NstImage image = tiny_picture(40, 24, 1);
        NstPlanOptions options = {0};
        NstPlan *plan;
        NstError err;
        double mean = 0;
        nst_compute_defaults(&options.compute);
        assert_ok(plan_create(&plan, &graph, 24, 40, &options, &err));
        memcpy(plan_value(plan, 0), image.data, sizeof(float) * 3 * 40 * 24);
        exec_forward(plan);
        const NstShape shape = plan_shape(plan, graph.n_nodes - 1);
        assert_true(shape.c == 3 && shape.h == 24 && shape.w == 40);
        const float *y = plan_value(plan, graph.n_nodes - 1);
        for (int i = 0; i < 3 * 40 * 24; i++) {
            mean += y[i] / (3 * 40 * 24);
            assert_true(y[i] > -4 && y[i] < 5);
        }
        assert_true(mean > 0 && mean < 1);
        plan_free(&plan);
        nst_image_free(&image);
        graph_free(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
