/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instance normalisation (Ulyanov et al. 2016): y = w (x - mean) / sqrt(var + eps) + b, each channel by itself. */
#include <math.h>

#include "plan_internal.h"

/* Mean and inverse deviation of one channel; as exact as can be where gradients follow. */
static void norm_measure(NstPlan *plan, int index, int c, const float *x)
{
    NstShape s = plan->shapes[index];
    size_t n = shape_plane(s);
    float *mean = plan->norm[index] + c, *inverse = mean + s.c;
    double sums[2] = {0, 0};
    if (!plan->view) {
        *mean = (float)(plan->dsp.sum(x, n) / (double)n);
        double variance = plan->dsp.sum_sq_dev(x, *mean, n) / (double)n;
        *inverse = (float)(1 / sqrt(variance + (double)plan_node(plan, index)->eps));
        return;
    }
    if (norms_are_measured(plan))
        norms_sum(plan, s, x, 0, s.h, sums);
    norms_settle(plan, index, c, sums);
}

static void norm_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    const float *scale = plan_tensor(plan, node->weight), *shift = plan_tensor(plan, node->bias);
    NstShape s = plan->shapes[index];
    size_t n = shape_plane(s);
    float *mean = plan->norm[index], *inverse = mean + s.c;
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < s.c; c++) {
        const float *x = plan->value[node->inputs[0]] + (size_t)c * n;
        norm_measure(plan, index, c, x);
        plan->dsp.normalize(plan->value[index] + (size_t)c * n, x, mean[c], (scale ? scale[c] : 1) * inverse[c],
                            shift ? shift[c] : 0, -INFINITY, n);
    }
}

/*
 * With z = (x - mean) inverse:  gx = w inverse (g - mean(g) - z mean(g z)),  gw = sum g z,  gb = sum g
 */
static void norm_backward_channel(NstPlan *plan, int index, int c, float *gx, bool add)
{
    const NstNode *node = plan_node(plan, index);
    const float *scale = plan_tensor(plan, node->weight);
    float *gw = plan_tensor_grad(plan, node->weight), *gb = plan_tensor_grad(plan, node->bias);
    NstShape s = plan->shapes[index];
    size_t n = shape_plane(s), at = (size_t)c * n;
    const float *x = plan->value[node->inputs[0]] + at, *g = plan->grad[index] + at;
    double mean = (double)plan->norm[index][c], inverse = (double)plan->norm[index][s.c + c];
    double sum = plan->dsp.sum(g, n), sum_z = (plan->dsp.dot(g, x, n) - mean * sum) * inverse;
    if (gw)
        gw[c] += (float)sum_z;
    if (gb)
        gb[c] += (float)sum;
    if (!gx)
        return;
    double a = (scale ? (double)scale[c] : 1) * inverse, slope = -a * inverse * sum_z / (double)n;
    float ga = (float)a, xa = (float)slope, centre = (float)mean, shift = (float)(-a * sum / (double)n);
    if (add)
        for (size_t i = 0; i < n; i++)
            gx[at + i] += ga * g[i] + (xa * (x[i] - centre) + shift);
    else
        for (size_t i = 0; i < n; i++)
            gx[at + i] = ga * g[i] + (xa * (x[i] - centre) + shift);
}

static void norm_backward(NstPlan *plan, int index)
{
    bool add = false;
    float *gx = plan->grad[plan_input(plan, index, 0)] ? plan_grad_target(plan, index, 0, &add) : NULL;
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < plan->shapes[index].c; c++)
        norm_backward_channel(plan, index, c, gx, add);
}

const NstOpImpl op_instance_norm = {norm_forward, norm_backward, .in_place = true, .backward_uses_input = true};
