/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backward.h"

#include <string.h>

#include "plan_internal.h"

void backward_begin(NstPlan *plan)
{
    memset(plan->has_grad, 0, (size_t)plan->graph->n_nodes * sizeof(*plan->has_grad));
    memset(plan->is_rectified, 0, (size_t)plan->graph->n_nodes * sizeof(*plan->is_rectified));
    plan->backward_at = plan->graph->n_nodes - 1;
}

static void zero_grad(NstPlan *plan, int node)
{
    memset(plan->grad[node], 0, shape_count(plan->shapes[node]) * sizeof(float));
}

float *backward_seed(NstPlan *plan, int tap)
{
    if (plan->grad[tap] && !plan->has_grad[tap]) {
        zero_grad(plan, tap);
        plan->has_grad[tap] = true;
    }
    plan->is_rectified[tap] = false;
    return plan->grad[tap];
}

float *backward_target(NstPlan *plan, int tap, bool *add)
{
    *add = plan->has_grad[tap];
    plan->is_rectified[tap] = false;
    plan->has_grad[tap] = plan->grad[tap] != NULL;
    return plan->grad[tap];
}

bool backward_may_rectify(const NstPlan *plan, int tap)
{
    const int input = plan_node(plan, tap)->op == NST_OP_RELU ? plan_input(plan, tap, 0) : -1;
    return input >= 0 && plan->grad[tap] && plan->grad[input] == plan->grad[tap];
}

void backward_rectified(NstPlan *plan, int tap)
{
    plan->is_rectified[tap] = true;
}

float *plan_grad_target(NstPlan *plan, int node, int i, bool *add)
{
    return backward_target(plan, plan_input(plan, node, i), add);
}

float *plan_grad_sum(NstPlan *plan, int node, int i)
{
    return backward_seed(plan, plan_input(plan, node, i));
}

void backward_to(NstPlan *plan, int node)
{
    for (; plan->backward_at > node; plan->backward_at--) {
        int i = plan->backward_at;
        if (plan->wants_grad[i] && plan->has_grad[i])
            op_impl(plan_node(plan, i)->op)->backward(plan, i);
    }
}

void backward_run(NstPlan *plan)
{
    backward_to(plan, 0);
    if (plan->grad[0] && !plan->has_grad[0])
        zero_grad(plan, 0);
}

const float *backward_input_grad(NstPlan *plan)
{
    return plan->want_input_grad ? plan->grad[0] : NULL;
}

float *backward_tensor_grad(NstPlan *plan, int tensor)
{
    return plan->tensor_grad[tensor];
}

void backward_clear_tensor_grads(NstPlan *plan)
{
    for (int t = 0; t < plan->graph->n_tensors; t++)
        if (plan->tensor_grad[t])
            memset(plan->tensor_grad[t], 0, (size_t)plan->graph->tensors[t].count * sizeof(float));
}
