/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec.h"

#include <string.h>

#include "band.h"
#include "plan_internal.h"
#include "util.h"

static const NstOpImpl *const op_table[NST_OP_COUNT] = {
    [NST_OP_INPUT] = &op_input,
    [NST_OP_CONV2D] = &op_conv2d,
    [NST_OP_CONV_TRANSPOSE2D] = &op_conv_transpose2d,
    [NST_OP_INSTANCE_NORM] = &op_instance_norm,
    [NST_OP_RELU] = &op_relu,
    [NST_OP_TANH] = &op_tanh,
    [NST_OP_ADD] = &op_add,
    [NST_OP_MUL] = &op_mul,
    [NST_OP_AFFINE] = &op_affine,
    [NST_OP_UPSAMPLE] = &op_upsample,
    [NST_OP_PIXEL_SHUFFLE] = &op_pixel_shuffle,
    [NST_OP_PIXEL_UNSHUFFLE] = &op_pixel_unshuffle,
    [NST_OP_MAX_POOL] = &op_max_pool,
    [NST_OP_AVG_POOL] = &op_avg_pool,
    [NST_OP_PAD] = &op_pad,
    [NST_OP_CROP] = &op_crop,
    [NST_OP_CONCAT] = &op_concat,
};

const NstOpImpl *op_impl(NstOp op)
{
    return op_table[op];
}

static void run_node(NstPlan *plan, int node)
{
    if (!plan->live[node] || plan_is_made_before(plan, node))
        return;
    if (plan->view && band_takes(plan, node))
        band_forward(plan, node);
    else
        op_impl(plan_node(plan, node)->op)->forward(plan, node);
}

void exec_forward_to(NstPlan *plan, int last)
{
    for (int i = 1; i <= last; i++)
        run_node(plan, i);
}

void exec_forward(NstPlan *plan)
{
    exec_forward_to(plan, plan->graph->n_nodes - 1);
}

void exec_forward_for(NstPlan *plan, const int *nodes, int n)
{
    memset(plan->needed, 0, (size_t)plan->graph->n_nodes * sizeof(*plan->needed));
    for (int i = 0; i < n; i++)
        plan->needed[nodes[i]] = true;
    for (int i = plan->graph->n_nodes - 1; i > 0; i--)
        for (int j = 0; plan->needed[i] && j < plan_node(plan, i)->n_inputs; j++)
            plan->needed[plan_input(plan, i, j)] = true;
    for (int i = 1; i < plan->graph->n_nodes; i++)
        if (plan->needed[i])
            run_node(plan, i);
}

void exec_forward_timed(NstPlan *plan, double *seconds)
{
    seconds[0] = 0;
    for (int i = 1; i < plan->graph->n_nodes; i++) {
        double start = seconds_now();
        run_node(plan, i);
        seconds[i] = seconds_now() - start;
    }
}
