/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan_internal.h"
#include "util.h"

enum { ALIGN_FLOATS = 16, MAX_THREADS = 256, MAX_PLANE = 1 << 30 };

/* A buffer that must keep its content from step `first` to step `last`, both included. */
typedef struct NstInterval {
    float **target; /* where its address goes */
    size_t size, offset;
    int first, last;
} NstInterval;

typedef struct NstLayout {
    NstInterval *intervals;
    int n;
    size_t total;
} NstLayout;

static size_t round_floats(size_t n)
{
    return (n + ALIGN_FLOATS - 1) & ~(size_t)(ALIGN_FLOATS - 1);
}

static void layout_add(NstLayout *layout, float **target, size_t size, int first, int last)
{
    layout->intervals[layout->n++] = (NstInterval){target, round_floats(size), 0, first, last};
}

static int by_size(const void *a, const void *b)
{
    const NstInterval *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* The lowest offset where interval i meets no earlier one that lives at the same time. */
static size_t layout_place(const NstLayout *layout, int i)
{
    const NstInterval *it = &layout->intervals[i];
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < i; j++) {
            const NstInterval *other = &layout->intervals[j];
            bool together = it->first <= other->last && other->first <= it->last;
            if (together && offset < other->offset + other->size && other->offset < offset + it->size) {
                offset = other->offset + other->size;
                moved = true;
            }
        }
    }
    return offset;
}

static void layout_solve(NstLayout *layout)
{
    qsort(layout->intervals, (size_t)layout->n, sizeof(*layout->intervals), by_size);
    for (int i = 0; i < layout->n; i++) {
        NstInterval *it = &layout->intervals[i];
        it->offset = layout_place(layout, i);
        if (it->offset + it->size > layout->total)
            layout->total = it->offset + it->size;
    }
}

static bool keeps_values(const NstPlan *plan)
{
    return plan->want_input_grad || plan->want_tensor_grads;
}

/* Marks what the taps depend on. */
static void mark_live(NstPlan *plan)
{
    for (int i = plan->graph->n_nodes - 1; i >= 0; i--) {
        plan->live[i] |= plan->is_tap[i];
        if (plan->live[i])
            for (int j = 0; j < plan_node(plan, i)->n_inputs; j++)
                plan->live[plan_input(plan, i, j)] = true;
    }
}

static bool uses_tensor(const NstNode *node)
{
    return node->weight >= 0 || node->bias >= 0;
}

static void mark_grads(NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        const NstNode *node = plan_node(plan, i);
        bool wants = (i == 0 && plan->want_input_grad) || (plan->want_tensor_grads && uses_tensor(node));
        for (int j = 0; j < node->n_inputs; j++)
            wants |= plan->wants_grad[node->inputs[j]];
        plan->wants_grad[i] = wants && plan->live[i];
    }
}

static int count_uses(const NstPlan *plan, int node)
{
    int uses = 0;
    for (int i = node + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            uses += plan_input(plan, i, j) == node;
    return uses;
}

/* Whether node i may overwrite its first input: nobody else reads that value, neither now nor in the backward pass. */
static bool may_overwrite(const NstPlan *plan, int i)
{
    const NstOpImpl *op = op_impl(plan_node(plan, i)->op);
    if (!op->in_place)
        return false;
    int input = plan_input(plan, i, 0);
    if (input == 0 || plan->is_tap[input] || count_uses(plan, input) > 1)
        return false;
    return !keeps_values(plan) ||
           (!op->backward_uses_input && !op_impl(plan_node(plan, input)->op)->backward_uses_output);
}

static void find_homes(NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        plan->home[i] = plan->live[i] && may_overwrite(plan, i) ? plan->home[plan_input(plan, i, 0)] : i;
}

/* The last step that reads the buffer of home `node`. */
static int last_use(const NstPlan *plan, int node)
{
    int n = plan->graph->n_nodes, last = node;
    for (int i = node; i < n; i++) {
        if (!plan->live[i])
            continue;
        if (plan->home[i] == node && plan->is_tap[i])
            return n;
        for (int j = 0; j < plan_node(plan, i)->n_inputs; j++)
            if (plan->home[plan_input(plan, i, j)] == node)
                last = i;
    }
    return last;
}

/* The consumer of `node` that backward meets first; taps may be seeded before all. */
static int first_grad(const NstPlan *plan, int node)
{
    int first = node;
    if (plan->is_tap[node])
        return plan->graph->n_nodes;
    for (int i = node + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->wants_grad[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == node)
                first = i;
    return first;
}

static void layout_nodes(NstPlan *plan, NstLayout *layout)
{
    /* forward runs at steps 0..n - 1, the backward of node i at step 2n - i */
    int n = plan->graph->n_nodes, end = 2 * n + 1;
    for (int i = 0; i < n; i++) {
        size_t size = shape_count(plan->shapes[i]);
        bool keep = keeps_values(plan);
        if (plan->live[i] && plan->home[i] == i)
            layout_add(layout, &plan->value[i], size, i, keep ? end : last_use(plan, i));
        if (plan->live[i] && plan_node(plan, i)->op == NST_OP_INSTANCE_NORM)
            layout_add(layout, &plan->norm[i], 2 * (size_t)plan->shapes[i].c, i, keep ? end : i);
        if (plan->wants_grad[i])
            layout_add(layout, &plan->grad[i], size, 2 * n - first_grad(plan, i), i == 0 ? end : 2 * n - i);
    }
}

static void layout_tensors(NstPlan *plan, NstLayout *layout)
{
    const NstGraph *graph = plan->graph;
    int end = 2 * graph->n_nodes + 1;
    if (!plan->want_tensor_grads)
        return;
    bool *used = calloc((size_t)graph->n_tensors + 1, sizeof(*used));
    for (int i = 0; used && i < graph->n_nodes; i++)
        if (plan->live[i]) {
            used[plan_node(plan, i)->weight + 1] = true;
            used[plan_node(plan, i)->bias + 1] = true;
        }
    for (int t = 0; used && t < graph->n_tensors; t++)
        if (used[t + 1])
            layout_add(layout, &plan->tensor_grad[t], (size_t)graph->tensors[t].count, -1, end);
    free(used);
}

/* Whether a node's kernels are packed for a use when the plan is made: they stay as they are, and it comes up. */
static bool packs(const NstPlan *plan, int node, NstConvUse use)
{
    bool transposed = plan_node(plan, node)->op == NST_OP_CONV_TRANSPOSE2D;
    bool backward = (use == NST_CONV_INPUT_GRAD) != transposed;
    return plan->live[node] && !plan->want_tensor_grads && (!backward || plan->wants_grad[node]);
}

static void layout_packed(NstPlan *plan, NstLayout *layout)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        for (NstConvUse use = NST_CONV_FORWARD; use <= NST_CONV_INPUT_GRAD; use++) {
            const NstOpImpl *op = op_impl(plan_node(plan, i)->op);
            size_t size = op->packed_size && packs(plan, i, use) ? op->packed_size(plan, i, use) : 0;
            if (size)
                layout_add(layout, &plan->packed[use][i], size, -1, 2 * plan->graph->n_nodes + 1);
        }
}

static void pack_kernels(NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        for (NstConvUse use = NST_CONV_FORWARD; use <= NST_CONV_INPUT_GRAD; use++)
            if (plan->packed[use][i])
                op_impl(plan_node(plan, i)->op)->pack(plan, i, use);
}

static void layout_scratch(NstPlan *plan, NstLayout *layout)
{
    size_t most = 0;
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        const NstOpImpl *op = op_impl(plan_node(plan, i)->op);
        size_t size = plan->live[i] && op->scratch ? op->scratch(plan, i) : 0;
        most = size > most ? size : most;
    }
    layout_add(layout, &plan->scratch, most, -1, 2 * plan->graph->n_nodes + 1);
}

/* Kernels count the samples of a plane, padding included, in an int. */
static int check_planes(const NstPlan *plan, NstError *err)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        if (shape_plane(plan->shapes[i]) > MAX_PLANE)
            return fail(err, NST_ETOOLARGE, "node \"%s\": a plane of at most %d samples expected, %dx%d found",
                        plan_node(plan, i)->name, MAX_PLANE, plan->shapes[i].w, plan->shapes[i].h);
    return NST_OK;
}

/* Everything but the arena: shapes, lifetimes, offsets (in layout). */
static int plan_layout(NstPlan *plan, NstLayout *layout, int h, int w, const NstPlanOptions *options, NstError *err)
{
    const NstGraph *graph = plan->graph;
    NST_TRY(graph_shapes(graph, h, w, plan->shapes, err));
    NST_TRY(check_planes(plan, err));
    for (int i = 0; i < options->n_taps; i++)
        plan->is_tap[options->taps[i]] = true;
    if (!options->taps)
        plan->is_tap[graph->n_nodes - 1] = true;
    plan->live[0] = true;
    mark_live(plan);
    mark_grads(plan);
    find_homes(plan);
    layout->intervals = calloc((size_t)graph->n_nodes * 5 + (size_t)graph->n_tensors + 1, sizeof(*layout->intervals));
    if (!layout->intervals)
        return fail(err, NST_ENOMEM, "out of memory");
    layout_nodes(plan, layout);
    layout_tensors(plan, layout);
    layout_packed(plan, layout);
    layout_scratch(plan, layout);
    layout_solve(layout);
    return NST_OK;
}

static int plan_threads(int wanted)
{
    long online = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > MAX_THREADS ? MAX_THREADS : (int)online;
}

static int plan_alloc_tables(NstPlan *plan, NstError *err)
{
    size_t n = (size_t)plan->graph->n_nodes, t = (size_t)plan->graph->n_tensors;
    plan->shapes = calloc(n, sizeof(*plan->shapes));
    plan->live = calloc(n, sizeof(*plan->live));
    plan->is_tap = calloc(n, sizeof(*plan->is_tap));
    plan->home = calloc(n, sizeof(*plan->home));
    plan->value = calloc(n, sizeof(*plan->value));
    plan->norm = calloc(n, sizeof(*plan->norm));
    plan->wants_grad = calloc(n, sizeof(*plan->wants_grad));
    plan->has_grad = calloc(n, sizeof(*plan->has_grad));
    plan->grad = calloc(n, sizeof(*plan->grad));
    plan->tensor_grad = calloc(t + 1, sizeof(*plan->tensor_grad));
    plan->packed[NST_CONV_FORWARD] = calloc(n, sizeof(*plan->packed[0]));
    plan->packed[NST_CONV_INPUT_GRAD] = calloc(n, sizeof(*plan->packed[0]));
    if (!plan->shapes || !plan->live || !plan->is_tap || !plan->home || !plan->value || !plan->norm ||
        !plan->wants_grad || !plan->has_grad || !plan->grad || !plan->tensor_grad || !plan->packed[0] ||
        !plan->packed[1])
        return fail(err, NST_ENOMEM, "out of memory");
    return NST_OK;
}

static int plan_prepare(NstPlan **out, NstLayout *layout, const NstGraph *graph, int h, int w,
                        const NstPlanOptions *options, NstError *err)
{
    NstPlan *plan = *out = calloc(1, sizeof(*plan));
    if (!plan)
        return fail(err, NST_ENOMEM, "out of memory");
    plan->graph = graph;
    plan->threads = plan_threads(options->compute.threads);
    plan->want_input_grad = options->want_input_grad;
    plan->want_tensor_grads = options->want_tensor_grads;
    dsp_init(&plan->dsp, options->compute.cpu);
    plan->gemm = options->compute.gemm ? options->compute.gemm : plan->dsp.gemm;
    NST_TRY(plan_alloc_tables(plan, err));
    return plan_layout(plan, layout, h, w, options, err);
}

int plan_create(NstPlan **out, const NstGraph *graph, int h, int w, const NstPlanOptions *options, NstError *err)
{
    NstLayout layout = {0};
    int code = plan_prepare(out, &layout, graph, h, w, options, err);
    if (code == NST_OK) {
        NstPlan *plan = *out;
        plan->n_floats = layout.total;
        plan->arena = aligned_calloc(layout.total, sizeof(float));
        if (!plan->arena)
            code = fail(err, NST_ENOMEM, "%dx%d: %zu MiB of memory needed, not to be had", w, h,
                        (layout.total * sizeof(float) >> 20) + 1);
        for (int i = 0; code == NST_OK && i < layout.n; i++)
            *layout.intervals[i].target = plan->arena + layout.intervals[i].offset;
        for (int i = 0; code == NST_OK && i < graph->n_nodes; i++)
            if (plan->live[i])
                plan->value[i] = plan->value[plan->home[i]];
        if (code == NST_OK)
            pack_kernels(plan);
    }
    free(layout.intervals);
    if (code != NST_OK)
        plan_free(out);
    return code;
}

void plan_free(NstPlan **out)
{
    NstPlan *plan = *out;
    if (!plan)
        return;
    free(plan->shapes);
    free(plan->live);
    free(plan->is_tap);
    free(plan->home);
    free(plan->value);
    free(plan->norm);
    free(plan->wants_grad);
    free(plan->has_grad);
    free(plan->grad);
    free(plan->tensor_grad);
    free(plan->packed[0]);
    free(plan->packed[1]);
    aligned_free(plan->arena);
    free(plan);
    *out = NULL;
}

NstShape plan_shape(const NstPlan *plan, int node)
{
    return plan->shapes[node];
}

float *plan_value(NstPlan *plan, int node)
{
    return plan->value[node];
}

size_t plan_bytes(const NstPlan *plan)
{
    return plan->n_floats * sizeof(float);
}

size_t plan_bytes_for(const NstGraph *graph, int h, int w, const NstPlanOptions *options)
{
    NstLayout layout = {0};
    NstPlan *plan = NULL;
    int code = plan_prepare(&plan, &layout, graph, h, w, options, NULL);
    free(layout.intervals);
    plan_free(&plan);
    return code == NST_OK ? layout.total * sizeof(float) : 0;
}
