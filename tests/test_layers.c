/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every layer and a few whole networks, forward and backward: against PyTorch, against finite differences, and bit for bit. */
#include "layer_cases.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "exec.h"
#include "optim.h"
#include "util.h"

#include <cmocka.h>

static const double TOLERANCE = 1e-4; /* relative, against PyTorch in double precision */

enum { LAYERS, NETWORKS, N_TABLES };

static CaseTable tables[N_TABLES];

static int open_tables(void **state)
{
    (void)state;
    case_table_open(&tables[LAYERS], "layers");
    case_table_open(&tables[NETWORKS], "networks");
    return 0;
}

static int close_tables(void **state)
{
    (void)state;
    for (int t = 0; t < N_TABLES; t++)
        case_table_close(&tables[t]);
    return 0;
}

static NstCompute with_threads(int threads)
{
    NstCompute compute;
    nst_compute_defaults(&compute);
    compute.threads = threads;
    compute.cpu = NST_CPU_ALL;
    return compute;
}

static CaseRun run_once(const LayerCase *c, const NstCompute *compute, int wants)
{
    CaseRun run;
    NstPlan *plan = case_plan(c, compute, wants);
    case_run(c, plan, wants, &run);
    plan_free(&plan);
    return run;
}

/* The tables are as large as the scripts made them: nothing is left out unseen. */
static void test_tables_are_complete(void **state)
{
    (void)state;
    bool seen[NST_OP_COUNT] = {false};
    assert_true(tables[LAYERS].n >= 160);
    assert_int_equal(tables[NETWORKS].n, 3);
    for (int i = 0; i < tables[LAYERS].n; i++)
        for (int n = 0; n < tables[LAYERS].cases[i].graph.n_nodes; n++)
            seen[tables[LAYERS].cases[i].graph.nodes[n].op] = true;
    for (int op = 0; op < NST_OP_COUNT; op++)
        if (!seen[op])
            fail_msg("no case for %s", graph_op_name((NstOp)op));
}

static double check_table(const CaseTable *table, const NstCompute *compute, int wants)
{
    double worst = 0;
    for (int i = 0; i < table->n; i++) {
        CaseRun run = run_once(&table->cases[i], compute, wants);
        assert_true(run.n >= table->cases[i].n_taps + (wants & CASE_INPUT_GRAD ? 1 : 0));
        worst = fmax(worst, assert_case_close(&table->cases[i], &run, TOLERANCE));
        case_run_free(&run);
    }
    return worst;
}

/* With every instruction set, and for each of what a plan may be asked for: it decides what is packed and kept. */
static void test_against_pytorch(void **state)
{
    (void)state;
    unsigned masks[8];
    const int n = cpu_ladder(masks);
    for (int m = 0; m < n; m++) {
        NstCompute compute = with_threads(2);
        compute.cpu = masks[m];
        double worst = 0;
        for (int t = 0; t < N_TABLES; t++)
            for (int wants = CASE_VALUES; wants <= CASE_GRADS; wants++)
                worst = fmax(worst, check_table(&tables[t], &compute, wants));
        print_message("instruction sets %u: largest relative error %.2g\n", masks[m], worst);
    }
}

/* A matrix product of the caller's, as OpenBLAS is in the tools */
static void plain_gemm(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                       float beta, float *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum += (double)(trans_a ? a[(ptrdiff_t)l * lda + i] : a[(ptrdiff_t)i * lda + l]) *
                       (trans_b ? b[(ptrdiff_t)j * ldb + l] : b[(ptrdiff_t)l * ldb + j]);
            float *out = &c[(ptrdiff_t)i * ldc + j];
            *out = (float)(sum + (beta != 0 ? (double)beta * *out : 0));
        }
}

static void test_gemm_of_the_caller(void **state)
{
    (void)state;
    NstCompute compute = with_threads(2);
    compute.gemm = plain_gemm;
    for (int t = 0; t < N_TABLES; t++)
        check_table(&tables[t], &compute, CASE_GRADS);
}

static void check_thread_counts(const LayerCase *c, int wants)
{
    static const int counts[] = {2, 3, 7};
    const NstCompute one = with_threads(1);
    CaseRun expected = run_once(c, &one, wants);
    for (size_t n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
        const NstCompute compute = with_threads(counts[n]);
        char what[32];
        snprintf(what, sizeof(what), "with %d threads", counts[n]);
        CaseRun run = run_once(c, &compute, wants);
        assert_same_bits(c, &expected, &run, what);
        case_run_free(&run);
    }
    case_run_free(&expected);
}

/* Painting and training may go different ways through a network, so both are tried. */
static void test_thread_counts(void **state)
{
    (void)state;
    for (int t = 0; t < N_TABLES; t++)
        for (int i = 0; i < tables[t].n; i++) {
            check_thread_counts(&tables[t].cases[i], CASE_VALUES);
            check_thread_counts(&tables[t].cases[i], CASE_GRADS);
        }
}

/* -- finite differences -- */

static double loss_at(const LayerCase *c, NstPlan *plan, const float *x)
{
    memcpy(plan_value(plan, 0), x, (size_t)c->size.c * (size_t)c->size.h * (size_t)c->size.w * sizeof(float));
    exec_forward(plan);
    return case_loss(c, plan);
}

/* What rounding in L is in proportion to: the sum of its terms' sizes. */
static double loss_size(const LayerCase *c, const CaseRun *run)
{
    double sum = 0;
    for (int t = 0; t < c->n_taps; t++)
        for (int64_t i = 0; i < run->results[t].count; i++)
            sum += fabs((double)run->results[t].data[i] * c->r[t][i]);
    return sum;
}

/* (L(values + step * signs) - L(values - step * signs)) / 2 step; `values` is the picture or a tensor */
static double difference(const LayerCase *c, NstPlan *plan, const float *x, float *values, const float *signs,
                         int64_t count, float step)
{
    double loss[2];
    float *start = malloc((size_t)count * sizeof(float));
    assert_non_null(start);
    memcpy(start, values, (size_t)count * sizeof(float));
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < count; i++)
            values[i] = start[i] + (side ? -step : step) * signs[i];
        loss[side] = loss_at(c, plan, x);
    }
    memcpy(values, start, (size_t)count * sizeof(float));
    free(start);
    return (loss[0] - loss[1]) / (2 * (double)step);
}

/* In a random direction. The step shrinks as long as it may lead over a kink of relu or max_pool. */
static void check_direction(const LayerCase *c, NstPlan *plan, const float *x, float *values,
                            const CaseResult *gradient, double rounding, NstRandom *random)
{
    static const float steps[] = {1.0f / 256, 1.0f / 1024, 1.0f / 4096};
    float *signs = malloc((size_t)gradient->count * sizeof(float));
    double expected = 0, norm = 0, found = 0;

    assert_non_null(signs);
    for (int64_t i = 0; i < gradient->count; i++) {
        signs[i] = random_below(random, 2) ? 1 : -1;
        expected += (double)gradient->data[i] * (double)signs[i];
        norm += (double)gradient->data[i] * (double)gradient->data[i];
    }
    bool agrees = false;
    for (size_t s = 0; !agrees && s < sizeof(steps) / sizeof(*steps); s++) {
        found = difference(c, plan, x, values, signs, gradient->count, steps[s]);
        agrees = fabs(found - expected) <= 2e-3 * sqrt(norm) + rounding / (double)steps[s];
    }
    free(signs);
    if (!agrees)
        fail_msg("case %s: %s: %g in a direction, but finite differences give %g", c->name, gradient->label, expected,
                 found);
}

static void check_differences(const LayerCase *c, NstRandom *random)
{
    const NstCompute compute = with_threads(1);
    const size_t bytes = (size_t)c->size.c * (size_t)c->size.h * (size_t)c->size.w * sizeof(float);
    /* weights are changed under the second one, which plans with tensor gradients allow */
    NstPlan *plan = case_plan(c, &compute, CASE_GRADS);
    float *x = malloc(bytes);
    CaseRun run;

    assert_non_null(x);
    memcpy(x, c->x, bytes);
    case_run(c, plan, CASE_GRADS, &run);
    const double rounding = (double)FLT_EPSILON * loss_size(c, &run);
    for (int i = c->n_taps; i < run.n; i++) {
        const CaseResult *gradient = &run.results[i];
        float *values = x;
        if (i > c->n_taps)
            values = c->graph.tensors[graph_find_tensor(&c->graph, strrchr(gradient->label, ' ') + 1)].data;
        for (int n = 0; n < 3; n++)
            check_direction(c, plan, x, values, gradient, rounding, random);
    }
    case_run_free(&run);
    free(x);
    plan_free(&plan);
}

static void test_finite_differences(void **state)
{
    (void)state;
    NstRandom random;
    random_seed(&random, 1);
    for (int i = 0; i < tables[LAYERS].n; i++)
        check_differences(&tables[LAYERS].cases[i], &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_complete), cmocka_unit_test(test_against_pytorch),
        cmocka_unit_test(test_gemm_of_the_caller),  cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_finite_differences),
    };
    return cmocka_run_group_tests(tests, open_tables, close_tables);
}
