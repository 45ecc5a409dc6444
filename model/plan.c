/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "band.h"
#include "layout.h"
#include "op_conv.h"
#include "plan_internal.h"
#include "util.h"

enum { MAX_PLANE = 1 << 30 };

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

int plan_count_uses(const NstPlan *plan, int node)
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
    int input = op->in_place ? plan_input(plan, i, 0) : 0;
    if (plan->is_virtual[input] || plan_is_made_later(plan, i))
        return false;
    if (input == 0 || plan->is_tap[input] || plan_count_uses(plan, input) > 1)
        return false;
    return !keeps_values(plan) ||
           (!op->backward_uses_input && !op_impl(plan_node(plan, input)->op)->backward_uses_output);
}

/*
 * Whether node i, which overwrites its first input, can be done while the bands of the convolution before it are in the
 * cache: there are only such nodes between them, and what else it reads is there before the convolution.
 */
static bool may_join_bands(const NstPlan *plan, int i)
{
    int first = plan_input(plan, i, 0);
    if (!plan->view || !op_impl(plan_node(plan, i)->op)->samples)
        return false;
    while (plan_is_made_before(plan, first))
        first = plan_input(plan, first, 0);
    for (int j = 1; j < plan_node(plan, i)->n_inputs; j++)
        if (plan_input(plan, i, j) >= first || plan_is_made_later(plan, plan_input(plan, i, j)))
            return false;
    return plan_node(plan, first)->op == NST_OP_CONV2D && !plan->rectifies[first];
}

static void find_homes(NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        bool shared = plan->live[i] && ((plan->is_virtual[i]) || may_overwrite(plan, i));
        plan->home[i] = shared ? plan->home[plan_input(plan, i, 0)] : i;
        int input = plan->live[i] && i > 0 ? plan_input(plan, i, 0) : 0;
        if (plan_node(plan, i)->op == NST_OP_RELU && shared && !plan->is_virtual[i])
            plan->rectifies[input] = plan_node(plan, input)->op == NST_OP_CONV2D;
        else if (shared && !plan->is_virtual[i] && may_join_bands(plan, i))
            plan->after[input] = i;
    }
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
                last = max_int(last, plan->view ? plan->read_until[i] : i);
        if (op_conv_is_phased(plan, i) && plan->home[op_conv_source(plan, i)] == node)
            last = max_int(last, i);
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

/* The one reader of node i into whose gradient's buffer that of i may be written; -1: it has a buffer of its own. */
static int grad_host(const NstPlan *plan, int i)
{
    if (!plan->wants_grad[i] || plan->is_tap[i] || plan_count_uses(plan, i) != 1)
        return -1;
    for (int k = i + 1; k < plan->graph->n_nodes; k++)
        if (plan->live[k] && plan_node(plan, k)->n_inputs && plan_input(plan, k, 0) == i)
            return op_impl(plan_node(plan, k)->op)->grad_in_place ? k : -1;
    return -1;
}

static int layout_grad(NstPlan *plan, NstLayout *layout, int i, NstError *err)
{
    int n = plan->graph->n_nodes, last = i;
    if (!plan->wants_grad[i] || grad_host(plan, i) >= 0)
        return NST_OK;
    while (last > 0 && grad_host(plan, plan_input(plan, last, 0)) == last)
        last = plan_input(plan, last, 0);
    return layout_add(layout, &plan->grad[i], shape_count(plan->shapes[i]), 2 * n - first_grad(plan, i),
                      last == 0 ? 2 * n + 1 : 2 * n - last, err);
}

static int layout_node(NstPlan *plan, NstLayout *layout, int i, NstError *err)
{
    /* forward runs at steps 0..n - 1, the backward of node i at step 2n - i */
    int n = plan->graph->n_nodes, end = 2 * n + 1;
    int last = keeps_values(plan) ? end : last_use(plan, plan->home[i]);
    size_t size = shape_count(plan->shapes[i]);
    if (plan->live[i] && plan->home[i] == i)
        NST_TRY(layout_add(layout, &plan->value[i], size, i, last, err));
    if (plan->live[i] && plan_node(plan, i)->op == NST_OP_INSTANCE_NORM)
        NST_TRY(layout_add(layout, &plan->norm[i], 2 * (size_t)plan->shapes[i].c, i, last, err));
    if (plan->live[i] && plan->view)
        NST_TRY(layout_add(layout, &plan->statistics[i], 2 * band_statistics(plan, i), i, last, err));
    NST_TRY(layout_grad(plan, layout, i, err));
    return NST_OK;
}

static bool tensor_is_used(const NstPlan *plan, int tensor)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        if (plan->live[i] && (plan_node(plan, i)->weight == tensor || plan_node(plan, i)->bias == tensor))
            return true;
    return false;
}

static int layout_tensors(NstPlan *plan, NstLayout *layout, NstError *err)
{
    const NstGraph *graph = plan->graph;
    for (int t = 0; plan->want_tensor_grads && t < graph->n_tensors; t++)
        if (tensor_is_used(plan, t))
            NST_TRY(layout_add(layout, &plan->tensor_grad[t], (size_t)graph->tensors[t].count, -1,
                               2 * graph->n_nodes + 1, err));
    return NST_OK;
}

/* Whether a node's kernels are packed for a use when the plan is made: they stay as they are, and it comes up. */
static bool packs(const NstPlan *plan, int node, NstConvUse use)
{
    bool transposed = plan_node(plan, node)->op == NST_OP_CONV_TRANSPOSE2D;
    bool backward = (use == NST_CONV_INPUT_GRAD) != transposed;
    return plan->live[node] && !plan->want_tensor_grads && (!backward || plan->wants_grad[node]);
}

static int layout_packed(NstPlan *plan, NstLayout *layout, int i, NstError *err)
{
    const NstOpImpl *op = op_impl(plan_node(plan, i)->op);
    for (NstConvUse use = NST_CONV_FORWARD; use <= NST_CONV_INPUT_GRAD; use++)
        if (op->packed_size && packs(plan, i, use))
            NST_TRY(layout_add(layout, &plan->packed[use][i], op->packed_size(plan, i, use), -1,
                               2 * plan->graph->n_nodes + 1, err));
    return NST_OK;
}

void plan_repack(NstPlan *plan)
{
    for (int i = 0; i < plan->graph->n_nodes; i++)
        for (NstConvUse use = NST_CONV_FORWARD; use <= NST_CONV_INPUT_GRAD; use++)
            if (plan->packed[use][i])
                op_impl(plan_node(plan, i)->op)->pack(plan, i, use);
}

static size_t node_scratch(const NstPlan *plan, int i)
{
    const NstOpImpl *op = op_impl(plan_node(plan, i)->op);
    if (!plan->live[i])
        return 0;
    if (plan->view && band_takes(plan, i))
        return band_scratch(plan, i);
    return op->scratch ? op->scratch(plan, i) : 0;
}

static int layout_buffers(NstPlan *plan, NstLayout *layout, NstError *err)
{
    size_t scratch = 0;
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        NST_TRY(layout_node(plan, layout, i, err));
        NST_TRY(layout_packed(plan, layout, i, err));
        size_t size = node_scratch(plan, i);
        scratch = size > scratch ? size : scratch;
    }
    NST_TRY(layout_tensors(plan, layout, err));
    NST_TRY(layout_add(layout, &plan->scratch, scratch, -1, 2 * plan->graph->n_nodes + 1, err));
    layout_solve(layout);
    return NST_OK;
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
    if (plan->view)
        view_plan(plan);
    find_homes(plan);
    return layout_buffers(plan, layout, err);
}

/* A zeroed table with an entry for each node or tensor; *ok becomes false when there is no memory. */
static void *plan_table(size_t n, size_t size, bool *ok)
{
    void *table = calloc(n + 1, size);
    *ok &= table != NULL;
    return table;
}

static int plan_alloc_tables(NstPlan *plan, NstError *err)
{
    size_t n = (size_t)plan->graph->n_nodes;
    bool ok = true;
    plan->shapes = plan_table(n, sizeof(*plan->shapes), &ok);
    plan->live = plan_table(n, sizeof(*plan->live), &ok);
    plan->is_tap = plan_table(n, sizeof(*plan->is_tap), &ok);
    plan->home = plan_table(n, sizeof(*plan->home), &ok);
    plan->value = plan_table(n, sizeof(*plan->value), &ok);
    plan->norm = plan_table(n, sizeof(*plan->norm), &ok);
    plan->rectifies = plan_table(n, sizeof(*plan->rectifies), &ok);
    plan->after = plan_table(n, sizeof(*plan->after), &ok);
    plan->is_virtual = plan_table(n, sizeof(*plan->is_virtual), &ok);
    plan->view = keeps_values(plan) ? NULL : plan_table(n, sizeof(*plan->view), &ok);
    plan->read_until = plan_table(n, sizeof(*plan->read_until), &ok);
    plan->statistics = plan_table(n, sizeof(*plan->statistics), &ok);
    plan->wants_grad = plan_table(n, sizeof(*plan->wants_grad), &ok);
    plan->has_grad = plan_table(n, sizeof(*plan->has_grad), &ok);
    plan->is_rectified = plan_table(n, sizeof(*plan->is_rectified), &ok);
    plan->needed = plan_table(n, sizeof(*plan->needed), &ok);
    plan->grad = plan_table(n, sizeof(*plan->grad), &ok);
    plan->tensor_grad = plan_table((size_t)plan->graph->n_tensors, sizeof(*plan->tensor_grad), &ok);
    plan->packed[NST_CONV_FORWARD] = plan_table(n, sizeof(*plan->packed[0]), &ok);
    plan->packed[NST_CONV_INPUT_GRAD] = plan_table(n, sizeof(*plan->packed[0]), &ok);
    return ok ? NST_OK : fail(err, NST_ENOMEM, "out of memory");
}

static int plan_prepare(NstPlan **out, NstLayout *layout, const NstGraph *graph, int h, int w,
                        const NstPlanOptions *options, NstError *err)
{
    NstPlan *plan = *out = calloc(1, sizeof(*plan));
    if (!plan)
        return fail(err, NST_ENOMEM, "out of memory");
    plan->graph = graph;
    plan->team = team_of(&options->compute);
    plan->threads = plan->team.execute ? 1 : plan->team.threads;
    plan->want_input_grad = options->want_input_grad;
    plan->want_tensor_grads = options->want_tensor_grads;
    plan->direct = options->direct;
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
        else
            layout_assign(&layout, plan->arena);
        for (int i = 0; code == NST_OK && i < graph->n_nodes; i++)
            if (plan->live[i])
                plan->value[i] = plan->value[plan->home[i]];
        for (int i = graph->n_nodes - 1; code == NST_OK && i >= 0; i--)
            if (grad_host(plan, i) >= 0)
                plan->grad[i] = plan->grad[grad_host(plan, i)];
        if (code == NST_OK)
            plan_repack(plan);
    }
    layout_free(&layout);
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
    free(plan->rectifies);
    free(plan->after);
    free(plan->is_virtual);
    free(plan->view);
    free(plan->read_until);
    free(plan->statistics);
    free(plan->wants_grad);
    free(plan->has_grad);
    free(plan->is_rectified);
    free(plan->needed);
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
    size_t total = code == NST_OK ? layout.total : 0;
    layout_free(&layout);
    plan_free(&plan);
    return total * sizeof(float);
}
