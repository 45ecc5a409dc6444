/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of instance normalisation: measured, given, blended, and gathered from parts of a picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "layer_cases.h"
#include "norms.h"
#include "optim.h"
#include "plan_internal.h"

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

/* With a tap on every third node, so that some normalisation is fused and some is a step of its own. */
static NstPlan *new_plan(const NstGraph *graph, int threads, bool tapped)
{
    int taps[NST_MAX_NODES], n_taps = 0;
    NstPlan *plan = NULL;
    NstError err;
    for (int i = 1; i < graph->n_nodes; i++)
        if ((tapped && i % 3 == 0) || i == graph->n_nodes - 1)
            taps[n_taps++] = i;
    NstPlanOptions options = {.taps = taps, .n_taps = n_taps};
    nst_compute_defaults(&options.compute);
    options.compute.threads = threads;
    if (plan_create(&plan, graph, HEIGHT, WIDTH, &options, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(plan_moments(plan) > 0);
    return plan;
}

static void run_picture(NstPlan *plan, uint64_t seed, const NstNormControl *control)
{
    NstRandom random;
    random_seed(&random, seed);
    float *x = plan_value(plan, 0);
    for (int i = 0; i < 3 * HEIGHT * WIDTH; i++)
        x[i] = random_uniform(&random);
    plan_control_norms(plan, control);
    exec_forward(plan);
}

static const float *result_of(NstPlan *plan)
{
    return plan_value(plan, plan->graph->n_nodes - 1);
}

static size_t result_size(const NstPlan *plan)
{
    return shape_count(plan_shape(plan, plan->graph->n_nodes - 1)) * sizeof(float);
}

static double *new_moments(const NstPlan *plan)
{
    double *moments = calloc(plan_moments(plan), sizeof(*moments));
    assert_non_null(moments);
    return moments;
}

/* Collecting, a share of nothing, and giving back what was measured: all the same bits. */
static void check_same_bits(const LayerCase *c, bool tapped)
{
    NstPlan *plain = new_plan(&c->graph, 1, tapped), *plan = new_plan(&c->graph, 3, tapped);
    double *own = new_moments(plan), *again = new_moments(plan), *foreign = new_moments(plan);
    const NstNormControl none = {0}, collect = {.measured = own}, without = {.given = foreign, .share = 0},
                         back = {.given = own, .share = 1}, both = {.given = own, .share = 1, .measured = again};
    const NstNormControl *const controls[] = {&none, &collect, &without, &back, &both};
    run_picture(plan, 2, &(NstNormControl){.measured = foreign});
    run_picture(plain, 1, &none);
    for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
        run_picture(plan, 1, controls[i]);
        if (memcmp(result_of(plain), result_of(plan), result_size(plan)))
            fail_msg("%s, %s: control %d: other bits", c->name, tapped ? "tapped" : "fused", (int)i);
    }
    assert_memory_equal(own, again, plan_moments(plan) * sizeof(double));
    run_picture(plan, 1, &(NstNormControl){.given = foreign, .share = 1});
    assert_true(memcmp(result_of(plain), result_of(plan), result_size(plan)) != 0);
    free(own);
    free(again);
    free(foreign);
    plan_free(&plain);
    plan_free(&plan);
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++)
        for (int tapped = 0; tapped < 2; tapped++)
            check_same_bits(&networks.cases[i], tapped);
}

/* A run with a share of given statistics is one with all of them given, the blend made by hand. */
static void test_blend(void **state)
{
    (void)state;
    for (int i = 0; i < networks.n; i++) {
        NstPlan *blended = new_plan(&networks.cases[i].graph, 2, false);
        NstPlan *plan = new_plan(&networks.cases[i].graph, 1, true);
        double *given = new_moments(plan), *measured = new_moments(plan);
        run_picture(plan, 2, &(NstNormControl){.measured = given});
        run_picture(blended, 1, &(NstNormControl){.given = given, .share = 0.25, .measured = measured});
        for (size_t k = 0; k < plan_moments(plan); k++)
            measured[k] += 0.25 * (given[k] - measured[k]);
        run_picture(plan, 1, &(NstNormControl){.given = measured, .share = 1});
        assert_memory_equal(result_of(plan), result_of(blended), result_size(plan));
        run_picture(plan, 1, &(NstNormControl){0});
        assert_true(memcmp(result_of(plan), result_of(blended), result_size(plan)) != 0);
        free(given);
        free(measured);
        plan_free(&blended);
        plan_free(&plan);
    }
}

/* What four windows measure, each weighed by its area, is what the whole picture measures. */
static void test_windows(void **state)
{
    (void)state;
    static const NstRect windows[] = {{0, 0, 48, 40}, {48, 0, WIDTH, 40}, {0, 40, 48, HEIGHT}, {48, 40, WIDTH, HEIGHT}};
    for (int i = 0; i < 2 * networks.n; i++) {
        NstPlan *plan = new_plan(&networks.cases[i / 2].graph, 2, i % 2);
        size_t n = plan_moments(plan);
        double *given = new_moments(plan), *whole = new_moments(plan), *part = new_moments(plan);
        double *sum = new_moments(plan);
        run_picture(plan, 2, &(NstNormControl){.measured = given});
        run_picture(plan, 1, &(NstNormControl){.given = given, .share = 1, .measured = whole});
        for (int w = 0; w < 4; w++) {
            const NstRect r = windows[w];
            run_picture(plan, 1, &(NstNormControl){given, 1, part, r});
            for (size_t k = 0; k < n; k++)
                sum[k] += part[k] * (r.x1 - r.x0) * (r.y1 - r.y0) / (HEIGHT * WIDTH);
        }
        for (size_t k = 0; k < n; k++)
            assert_true(fabs(sum[k] - whole[k]) <= 1e-9 * (1 + fabs(whole[k])));
        free(given);
        free(whole);
        free(part);
        free(sum);
        plan_free(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_blend),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, open_networks, close_networks);
}
