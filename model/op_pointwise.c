/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "plan_internal.h"

/* Runs `body` for each channel c with n samples from offset at. */
#define FOR_CHANNELS(plan, index, body)                                                                                \
    do {                                                                                                               \
        const NstShape shape_ = (plan)->shapes[index];                                                                 \
        const size_t n = shape_plane(shape_);                                                                          \
        _Pragma("omp parallel for num_threads((plan)->threads) schedule(static)") for (int c = 0; c < shape_.c; c++)   \
        {                                                                                                              \
            const size_t at = (size_t)c * n;                                                                           \
            body                                                                                                       \
        }                                                                                                              \
    } while (0)

static void input_forward(NstPlan *plan, int index)
{
    (void)plan;
    (void)index;
}

const NstOpImpl op_input = {input_forward, input_forward, .backward_uses_input = false};

/* ---- relu, tanh ---- */

static void relu_samples(NstPlan *plan, int index, int channel, size_t at, size_t n)
{
    (void)channel;
    plan->dsp.relu(plan->value[index] + at, plan->value[plan_input(plan, index, 0)] + at, n);
}

static void relu_forward(NstPlan *plan, int index)
{
    if (!plan->rectifies[plan_input(plan, index, 0)])
        op_for_samples(plan, index, relu_samples);
}

/* The gradient is read whether it passes or not: compilers vectorise no loads that may not happen. */
static void pass_positive(const float *y, const float *g, bool add, float *gx, size_t n)
{
    if (add)
        for (size_t i = 0; i < n; i++) {
            float gradient = g[i];
            gx[i] += y[i] > 0 ? gradient : 0;
        }
    else
        for (size_t i = 0; i < n; i++) {
            float gradient = g[i];
            gx[i] = y[i] > 0 ? gradient : 0;
        }
}

static void relu_backward(NstPlan *plan, int index)
{
    const float *y = plan->value[index], *g = plan->grad[index];
    bool add;
    float *gx = plan_grad_target(plan, index, 0, &add);
    if (gx == g && (plan->is_rectified[index] || pool_masks(plan, index)))
        return;
    FOR_CHANNELS(plan, index, pass_positive(y + at, g + at, add, gx + at, n););
}

const NstOpImpl op_relu = {relu_forward, relu_backward, .in_place = true, .grad_in_place = true,
                         .backward_uses_output = true};

static void tanh_samples(NstPlan *plan, int index, int channel, size_t at, size_t n)
{
    const float *x = plan->value[plan_input(plan, index, 0)];
    float *y = plan->value[index];
    (void)channel;
    for (size_t i = at; i < at + n; i++)
        y[i] = tanhf(x[i]);
}

static void tanh_forward(NstPlan *plan, int index)
{
    op_for_samples(plan, index, tanh_samples);
}

static void tanh_backward(NstPlan *plan, int index)
{
    const float *y = plan->value[index], *g = plan->grad[index];
    bool add;
    float *gx = plan_grad_target(plan, index, 0, &add);
    FOR_CHANNELS(plan, index, {
        for (size_t i = at; i < at + n; i++) {
            float passed = (1 - y[i] * y[i]) * g[i];
            gx[i] = add ? gx[i] + passed : passed;
        }
    });
}

const NstOpImpl op_tanh = {tanh_forward, tanh_backward, .samples = tanh_samples, .in_place = true,
                         .grad_in_place = true, .backward_uses_output = true};

/* ---- add, mul ---- */

static void add_samples(NstPlan *plan, int index, int channel, size_t at, size_t n)
{
    const float *a = plan->value[plan_input(plan, index, 0)], *b = plan->value[plan_input(plan, index, 1)];
    (void)channel;
    plan->dsp.add(plan->value[index] + at, a + at, b + at, n);
}

static void add_forward(NstPlan *plan, int index)
{
    op_for_samples(plan, index, add_samples);
}

static void add_backward(NstPlan *plan, int index)
{
    const float *g = plan->grad[index];
    for (int j = 0; j < 2; j++) {
        if (!plan->grad[plan_input(plan, index, j)])
            continue;
        bool add;
        float *gx = plan_grad_target(plan, index, j, &add);
        FOR_CHANNELS(plan, index, {
            if (add)
                plan->dsp.add(gx + at, gx + at, g + at, n);
            else
                plan->dsp.scale_shift(gx + at, g + at, 1, 0, n);
        });
    }
}

const NstOpImpl op_add = {add_forward, add_backward, .samples = add_samples, .in_place = true};

static void mul_samples(NstPlan *plan, int index, int channel, size_t at, size_t n)
{
    const float *a = plan->value[plan_input(plan, index, 0)], *b = plan->value[plan_input(plan, index, 1)];
    (void)channel;
    plan->dsp.mul(plan->value[index] + at, a + at, b + at, n);
}

static void mul_forward(NstPlan *plan, int index)
{
    op_for_samples(plan, index, mul_samples);
}

static void mul_backward(NstPlan *plan, int index)
{
    const float *g = plan->grad[index];
    for (int j = 0; j < 2; j++) {
        if (!plan->grad[plan_input(plan, index, j)])
            continue;
        const float *other = plan->value[plan_input(plan, index, 1 - j)];
        float *gx = plan_grad_sum(plan, index, j);
        FOR_CHANNELS(plan, index, plan->dsp.mul_add(gx + at, g + at, other + at, n););
    }
}

const NstOpImpl op_mul = {mul_forward, mul_backward, .in_place = true, .backward_uses_input = true};

/* ---- affine ---- */

static void affine_samples(NstPlan *plan, int index, int channel, size_t at, size_t n)
{
    const NstNode *node = plan_node(plan, index);
    const float *scale = plan_tensor(plan, node->weight), *shift = plan_tensor(plan, node->bias);
    plan->dsp.scale_shift(plan->value[index] + at, plan->value[node->inputs[0]] + at,
                          scale ? scale[channel] : node->scale, shift ? shift[channel] : node->shift, n);
}

static void affine_forward(NstPlan *plan, int index)
{
    op_for_samples(plan, index, affine_samples);
}

static void affine_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    const float *scale = plan_tensor(plan, node->weight), *g = plan->grad[index], *x = plan->value[node->inputs[0]];
    float *gw = plan_tensor_grad(plan, node->weight), *gb = plan_tensor_grad(plan, node->bias);
    float *gx = plan->grad[node->inputs[0]] ? plan_grad_sum(plan, index, 0) : NULL;
    FOR_CHANNELS(plan, index, {
        if (gw)
            gw[c] += (float)plan->dsp.dot(g + at, x + at, n);
        if (gb)
            gb[c] += (float)plan->dsp.sum(g + at, n);
        if (gx)
            plan->dsp.axpy(gx + at, g + at, scale ? scale[c] : node->scale, n);
    });
}

const NstOpImpl op_affine = {affine_forward, affine_backward, .samples = affine_samples, .in_place = true,
                           .backward_uses_input = true};
