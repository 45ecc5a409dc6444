/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "padding.h"
#include "plan_internal.h"

static void pad_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]];
    pad_planes(plan->value[node->inputs[0]], in.c, in.h, in.w, node->pad, node->pad_mode, plan->threads,
               plan->value[index]);
}

static void pad_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]];
    bool add;
    float *gx = plan_grad_target(plan, index, 0, &add);
    pad_planes_adjoint(plan->grad[index], in.c, in.h, in.w, node->pad, node->pad_mode, plan->threads, add, gx);
}

const NstOpImpl op_pad = {pad_forward, pad_backward, .in_place = false};

static void crop_rows(NstPlan *plan, int index, int first, int n)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    for (int c = 0; c < out.c; c++)
        for (int i = first; i < first + n; i++) {
            size_t row = (size_t)c * (size_t)in.h + (size_t)(i + node->pad[NST_TOP]);
            memcpy(plan->value[index] + ((size_t)c * (size_t)out.h + (size_t)i) * (size_t)out.w,
                   plan->value[node->inputs[0]] + row * (size_t)in.w + node->pad[NST_LEFT],
                   (size_t)out.w * sizeof(float));
        }
}

/* Cropping is the adjoint of padding with zeros. */
static void crop_forward(NstPlan *plan, int index)
{
    op_for_rows(plan, index, plan->shapes[index].h, crop_rows);
}

static void crop_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    float *gx = plan_grad_sum(plan, index, 0);
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++)
        for (int i = 0; i < out.h; i++) {
            size_t row = (size_t)c * (size_t)in.h + (size_t)(i + node->pad[NST_TOP]);
            float *to = gx + row * (size_t)in.w + node->pad[NST_LEFT];
            plan->dsp.add(to, to, plan->grad[index] + ((size_t)c * (size_t)out.h + (size_t)i) * (size_t)out.w,
                          (size_t)out.w);
        }
}

const NstOpImpl op_crop = {crop_forward, crop_backward, .in_place = false};

static void concat_forward(NstPlan *plan, int index)
{
    float *to = plan->value[index];
    for (int j = 0; j < plan_node(plan, index)->n_inputs; j++) {
        int input = plan_input(plan, index, j);
        size_t n = shape_count(plan->shapes[input]);
        memcpy(to, plan->value[input], n * sizeof(*to));
        to += n;
    }
}

static void concat_backward(NstPlan *plan, int index)
{
    const float *from = plan->grad[index];
    for (int j = 0; j < plan_node(plan, index)->n_inputs; j++) {
        int input = plan_input(plan, index, j);
        size_t n = shape_count(plan->shapes[input]);
        if (plan->grad[input]) {
            float *gx = plan_grad_sum(plan, index, j);
            plan->dsp.add(gx, gx, from, n);
        }
        from += n;
    }
}

const NstOpImpl op_concat = {concat_forward, concat_backward, .in_place = false};
