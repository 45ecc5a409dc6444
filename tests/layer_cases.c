/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "exec.h"
#include "graph_json.h"

#include <cmocka.h>

char *golden_path(const char *name)
{
    const char *folder = getenv("SRCDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/tests/golden/%s.safetensors", folder ? folder : ".", name) < 0)
        fail_msg("no memory");
    return path;
}

/* The tensor CASE/KIND or CASE/KIND:OF, or NULL */
static NstTensor *find(const CaseTable *table, const char *c, const char *kind, const char *of)
{
    char name[4 * NST_MAX_NAME];
    snprintf(name, sizeof(name), of ? "%s/%s:%s" : "%s/%s", c, kind, of);
    for (int i = 0; i < table->file.n_tensors; i++)
        if (!strcmp(table->file.tensors[i].name, name))
            return &table->file.tensors[i];
    return NULL;
}

static NstTensor *get(const CaseTable *table, const char *c, const char *kind, const char *of)
{
    NstTensor *tensor = find(table, c, kind, of);
    if (!tensor)
        fail_msg("case %s: no tensor %s %s", c, kind, of ? of : "");
    return tensor;
}

/* The weights of a case become the graph's. */
static void adopt_weights(const CaseTable *table, LayerCase *c)
{
    char prefix[2 * NST_MAX_NAME];
    const size_t length = (size_t)snprintf(prefix, sizeof(prefix), "%s/w:", c->name);
    c->graph.tensors = calloc((size_t)table->file.n_tensors, sizeof(NstTensor));
    assert_non_null(c->graph.tensors);
    for (int i = 0; i < table->file.n_tensors; i++) {
        NstTensor *from = &table->file.tensors[i];
        if (strncmp(from->name, prefix, length))
            continue;
        NstTensor *to = &c->graph.tensors[c->graph.n_tensors++];
        *to = *from;
        from->data = NULL;
        snprintf(to->name, sizeof(to->name), "%s", from->name + length);
    }
}

static void load_case(const CaseTable *table, LayerCase *c, const char *name, const char *graph)
{
    NstError err;
    c->name = name;
    adopt_weights(table, c);
    if (graph_json_parse(&c->graph, graph, &err) < 0)
        fail_msg("case %s: %s", name, err.message);

    const NstTensor *x = get(table, name, "x", NULL);
    assert_int_equal(x->rank, 3);
    c->size = (NstShape){x->shape[0], x->shape[1], x->shape[2]};
    c->x = x->data;
    c->dx = get(table, name, "dx", NULL)->data;
    c->grads = calloc((size_t)c->graph.n_tensors + 1, sizeof(*c->grads));
    assert_non_null(c->grads);
    for (int i = 0; i < c->graph.n_tensors; i++) {
        const NstTensor *grad = find(table, name, "d", c->graph.tensors[i].name);
        c->grads[i] = grad ? grad->data : NULL;
    }
    for (int i = 0; i < c->graph.n_nodes; i++) {
        const char *node = c->graph.nodes[i].name;
        const NstTensor *y = find(table, name, "y", node);
        if (!y)
            continue;
        assert_in_range(c->n_taps, 0, CASE_MAX_TAPS - 1);
        c->taps[c->n_taps] = i;
        c->r[c->n_taps] = get(table, name, "r", node)->data;
        c->y[c->n_taps++] = y->data;
    }
    assert_true(c->n_taps > 0);
}

void case_table_open(CaseTable *table, const char *name)
{
    NstError err;
    char *path = golden_path(name);
    memset(table, 0, sizeof(*table));
    if (safetensors_read(&table->file, path, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
    table->n = table->file.metadata.n;
    table->cases = calloc((size_t)table->n, sizeof(LayerCase));
    assert_non_null(table->cases);
    for (int i = 0; i < table->n; i++)
        load_case(table, &table->cases[i], table->file.metadata.keys[i], table->file.metadata.values[i]);
}

void case_table_close(CaseTable *table)
{
    for (int i = 0; i < table->n; i++) {
        graph_free(&table->cases[i].graph);
        free(table->cases[i].grads);
    }
    free(table->cases);
    container_free(&table->file);
}

NstPlan *case_plan(const LayerCase *c, const NstCompute *compute, int wants)
{
    const NstPlanOptions options = {
        .compute = *compute,
        .want_input_grad = wants & CASE_INPUT_GRAD,
        .want_tensor_grads = wants & CASE_TENSOR_GRADS,
        .taps = c->taps,
        .n_taps = c->n_taps,
    };
    NstPlan *plan = NULL;
    NstError err;
    if (plan_create(&plan, &c->graph, c->size.h, c->size.w, &options, &err) < 0)
        fail_msg("case %s: %s", c->name, err.message);
    return plan;
}

static int64_t count_of(NstShape shape)
{
    return (int64_t)shape.c * shape.h * shape.w;
}

static void keep(CaseRun *run, const char *kind, const char *of, int64_t count, const float *data,
                 const float *expected)
{
    CaseResult *result = &run->results[run->n++];
    if (!data || !expected)
        fail_msg("%s %s: %s", kind, of, data ? "the dump has none" : "not computed");
    snprintf(result->label, sizeof(result->label), "%s %s", kind, of);
    result->count = count;
    result->expected = expected;
    result->data = malloc((size_t)count * sizeof(float));
    assert_non_null(result->data);
    memcpy(result->data, data, (size_t)count * sizeof(float));
}

static void run_backward(const LayerCase *c, NstPlan *plan, int wants, CaseRun *run)
{
    backward_clear_tensor_grads(plan);
    backward_begin(plan);
    for (int t = 0; t < c->n_taps; t++) {
        float *seed = backward_seed(plan, c->taps[t]);
        const int64_t count = count_of(plan_shape(plan, c->taps[t]));
        for (int64_t i = 0; seed && i < count; i++) /* none: nothing before this tap wants a gradient */
            seed[i] += c->r[t][i];
    }
    backward_run(plan);
    if (wants & CASE_INPUT_GRAD)
        keep(run, "gradient of", "the input", count_of(c->size), backward_input_grad(plan), c->dx);
    for (int i = 0; wants & CASE_TENSOR_GRADS && i < c->graph.n_tensors; i++)
        if (c->grads[i])
            keep(run, "gradient of", c->graph.tensors[i].name, c->graph.tensors[i].count,
                 backward_tensor_grad(plan, i), c->grads[i]);
}

void case_run(const LayerCase *c, NstPlan *plan, int wants, CaseRun *run)
{
    run->n = 0;
    run->results = calloc((size_t)(c->n_taps + c->graph.n_tensors + 1), sizeof(CaseResult));
    assert_non_null(run->results);
    memcpy(plan_value(plan, 0), c->x, (size_t)count_of(c->size) * sizeof(float));
    exec_forward(plan);
    for (int t = 0; t < c->n_taps; t++)
        keep(run, "value of", c->graph.nodes[c->taps[t]].name, count_of(plan_shape(plan, c->taps[t])),
             plan_value(plan, c->taps[t]), c->y[t]);
    if (wants)
        run_backward(c, plan, wants, run);
}

void case_run_free(CaseRun *run)
{
    for (int i = 0; i < run->n; i++)
        free(run->results[i].data);
    free(run->results);
}

double case_loss(const LayerCase *c, NstPlan *plan)
{
    double sum = 0;
    for (int t = 0; t < c->n_taps; t++) {
        const float *y = plan_value(plan, c->taps[t]);
        const int64_t count = count_of(plan_shape(plan, c->taps[t]));
        for (int64_t i = 0; i < count; i++)
            sum += (double)y[i] * c->r[t][i];
    }
    return sum;
}

static double largest(const float *values, int64_t count)
{
    double result = 0;
    for (int64_t i = 0; i < count; i++)
        result = fmax(result, fabs((double)values[i]));
    return result;
}

double relative_error(const float *found, const float *expected, int64_t count, double scale)
{
    double difference = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(found[i]))
            return INFINITY;
        difference = fmax(difference, fabs((double)found[i] - expected[i]));
    }
    const double size = largest(expected, count);
    return difference > 0 ? difference / (size > 0 ? size : scale) : 0;
}

double assert_case_close(const LayerCase *c, const CaseRun *run, double tolerance)
{
    double scale = 0, worst = 0;
    for (int i = 0; i < run->n; i++)
        scale = fmax(scale, largest(run->results[i].expected, run->results[i].count));
    for (int i = 0; i < run->n; i++) {
        const CaseResult *result = &run->results[i];
        const double error = relative_error(result->data, result->expected, result->count, scale);
        if (!(error <= tolerance))
            fail_msg("case %s: %s: relative error %g, at most %g expected", c->name, result->label, error, tolerance);
        worst = fmax(worst, error);
    }
    return worst;
}

void assert_same_bits(const LayerCase *c, const CaseRun *a, const CaseRun *b, const char *what)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++)
        if (memcmp(a->results[i].data, b->results[i].data, (size_t)a->results[i].count * sizeof(float)))
            fail_msg("case %s: %s: other bits %s", c->name, a->results[i].label, what);
}

int cpu_ladder(unsigned masks[8])
{
    int n = 0;
    masks[n++] = 0;
    for (unsigned bit = 1, have = nst_cpu_available(); have && n < 8; bit <<= 1)
        if (have & bit) {
            masks[n] = masks[n - 1] | bit;
            n++;
            have &= ~bit;
        }
    return n;
}
