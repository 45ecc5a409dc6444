/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "plan_internal.h"
#include "resample.h"
#include "util.h"

NstBetween resample_between(int i, int factor, int n, NstUpsampleMode mode)
{
    if (mode == NST_UPSAMPLE_NEAREST)
        return (NstBetween){i / factor, i / factor, 0};
    float at = ((float)i + 0.5f) / (float)factor - 0.5f;
    at = at < 0 ? 0 : at;
    int low = min_int((int)at, n - 1);
    return (NstBetween){low, min_int(low + 1, n - 1), at - (float)low};
}

static void widen_any(const float *x, int w, int factor, NstUpsampleMode mode, float *y)
{
    for (int j = 0; j < w * factor; j++) {
        NstBetween b = resample_between(j, factor, w, mode);
        y[j] = x[b.low] + b.weight * (x[b.high] - x[b.low]);
    }
}

/* The adjoint of widen_double */
static void widen_double_adjoint(const float *restrict g, int w, float scale, float *restrict gx)
{
    float near = 0.75f * scale, far = 0.25f * scale;
    gx[0] += scale * g[0];
    for (int j = 0; j + 1 < w; j++)
        gx[j] += near * g[2 * j + 1] + far * g[2 * j + 2];
    for (int j = 1; j < w; j++)
        gx[j] += near * g[2 * j] + far * g[2 * j - 1];
    gx[w - 1] += scale * g[2 * w - 1];
}

static void widen_adjoint(const float *g, int w, int factor, NstUpsampleMode mode, float scale, float *gx)
{
    if (factor == 2 && mode == NST_UPSAMPLE_BILINEAR) {
        widen_double_adjoint(g, w, scale, gx);
        return;
    }
    for (int j = 0; j < w * factor; j++) {
        NstBetween b = resample_between(j, factor, w, mode);
        gx[b.low] += scale * (1 - b.weight) * g[j];
        gx[b.high] += scale * b.weight * g[j];
    }
}

/*
 * A bilinear doubling: 3/4 of the near sample and 1/4 of the far one.
 */
static void widen_double(const float *restrict x, int w, float *restrict y)
{
    y[0] = x[0];
    for (int j = 0; j + 1 < w; j++) {
        y[2 * j + 1] = x[j] + 0.25f * (x[j + 1] - x[j]);
        y[2 * j + 2] = x[j + 1] + 0.25f * (x[j] - x[j + 1]);
    }
    y[2 * w - 1] = x[w - 1];
}

static void repeat_double(const float *x, int w, float *y)
{
    for (int j = 0; j < w; j++)
        y[2 * j] = y[2 * j + 1] = x[j];
}

void resample_widen(const float *x, int w, int factor, NstUpsampleMode mode, float *y)
{
    if (factor == 2 && mode == NST_UPSAMPLE_BILINEAR)
        widen_double(x, w, y);
    else if (factor == 2)
        repeat_double(x, w, y);
    else
        widen_any(x, w, factor, mode, y);
}

/* Each plane is widened into a scratch of two source rows at a time, then blended downwards. */
static void upsample_plane(const NstPlan *plan, const NstNode *node, const float *x, NstShape in, float *rows, float *y)
{
    size_t w = (size_t)in.w * (size_t)node->factor;
    int held[2] = {-1, -1}; /* source rows in the two halves of `rows`: even ones in the first */
    for (int i = 0; i < in.h * node->factor; i++) {
        NstBetween b = resample_between(i, node->factor, in.h, node->mode);
        int pair[2] = {b.low, b.high};
        for (int p = 0; p < 2; p++)
            if (held[pair[p] & 1] != pair[p]) {
                resample_widen(x + (size_t)pair[p] * (size_t)in.w, in.w, node->factor, node->mode,
                              rows + (size_t)(pair[p] & 1) * w);
                held[pair[p] & 1] = pair[p];
            }
        plan->dsp.lerp(y + (size_t)i * w, rows + (size_t)(b.low & 1) * w, rows + (size_t)(b.high & 1) * w, b.weight, w);
    }
}

static size_t upsample_scratch(const NstPlan *plan, int index)
{
    return 2 * (size_t)plan->shapes[index].w * (size_t)plan->shapes[index].c;
}

static void upsample_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++)
        upsample_plane(plan, node, plan->value[node->inputs[0]] + (size_t)c * shape_plane(in), in,
                       plan->scratch + 2 * (size_t)c * (size_t)out.w,
                       plan->value[index] + (size_t)c * shape_plane(out));
}

static void upsample_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    float *gx = plan_grad_sum(plan, index, 0);
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++)
        for (int i = 0; i < out.h; i++) {
            NstBetween b = resample_between(i, node->factor, in.h, node->mode);
            const float *g = plan->grad[index] + (size_t)c * shape_plane(out) + (size_t)i * (size_t)out.w;
            float *to = gx + (size_t)c * shape_plane(in);
            widen_adjoint(g, in.w, node->factor, node->mode, 1 - b.weight, to + (size_t)b.low * (size_t)in.w);
            if (b.weight != 0)
                widen_adjoint(g, in.w, node->factor, node->mode, b.weight, to + (size_t)b.high * (size_t)in.w);
        }
}

const NstOpImpl op_upsample = {upsample_forward, upsample_backward, .scratch = upsample_scratch};

/*
 * Pixel shuffle (Shi et al. 2016): plane c r^2 + i r + j of the deep value holds rows i, i + r, ... and columns
 * j, j + r, ... of plane c of the wide one.
 */
typedef void NstShuffleRow(float *deep, float *wide, int n, int r);

static void row_to_wide(float *deep, float *wide, int n, int r)
{
    for (int i = 0; i < n; i++)
        wide[(size_t)i * (size_t)r] = deep[i];
}

static void row_to_deep(float *restrict deep, float *restrict wide, int n, int r)
{
    for (int i = 0; r == 2 && i < n; i++) /* vectorised by the compiler, as the step is a constant */
        deep[i] = wide[2 * (size_t)i];
    for (int i = 0; r != 2 && i < n; i++)
        deep[i] = wide[(size_t)i * (size_t)r];
}

static void row_add_to_wide(float *deep, float *wide, int n, int r)
{
    for (int i = 0; i < n; i++)
        wide[(size_t)i * (size_t)r] += deep[i];
}

static void row_add_to_deep(float *deep, float *wide, int n, int r)
{
    for (int i = 0; i < n; i++)
        deep[i] += wide[(size_t)i * (size_t)r];
}

/* Rows first ... first + n - 1 of a plane of the deep value */
static void shuffle_plane(NstShape deep_shape, int r, int plane, int first, int n, float *deep, float *wide,
                          NstShuffleRow *row)
{
    size_t w = (size_t)deep_shape.w, h = (size_t)deep_shape.h, rr = (size_t)r;
    size_t c = (size_t)plane / (rr * rr), y = (size_t)plane / rr % rr, x = (size_t)plane % rr;
    for (size_t i = (size_t)first; i < (size_t)(first + n); i++)
        row(deep + ((size_t)plane * h + i) * w, wide + ((c * h + i) * rr + y) * (w * rr) + x, deep_shape.w, r);
}

static void shuffle_grads(NstPlan *plan, NstShape deep_shape, int r, float *deep, float *wide, NstShuffleRow *row)
{
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int plane = 0; plane < deep_shape.c; plane++)
        shuffle_plane(deep_shape, r, plane, 0, deep_shape.h, deep, wide, row);
}

static void shuffle_rows(NstPlan *plan, int index, int first, int n)
{
    const int input = plan_input(plan, index, 0), r = plan_node(plan, index)->factor;
    const NstShape deep = plan->shapes[input];
    for (int plane = 0; plane < deep.c; plane++)
        shuffle_plane(deep, r, plane, first, n, plan->value[input], plan->value[index], row_to_wide);
}

static void pixel_shuffle_forward(NstPlan *plan, int index)
{
    op_for_rows(plan, index, plan->shapes[plan_input(plan, index, 0)].h, shuffle_rows);
}

static void pixel_shuffle_backward(NstPlan *plan, int index)
{
    shuffle_grads(plan, plan->shapes[plan_input(plan, index, 0)], plan_node(plan, index)->factor,
                  plan_grad_sum(plan, index, 0), plan->grad[index], row_add_to_deep);
}

const NstOpImpl op_pixel_shuffle = {pixel_shuffle_forward, pixel_shuffle_backward, .in_place = false};

static void unshuffle_rows(NstPlan *plan, int index, int first, int n)
{
    const int input = plan_input(plan, index, 0), r = plan_node(plan, index)->factor;
    const NstShape deep = plan->shapes[index];
    for (int plane = 0; plane < deep.c; plane++) {
        float *y = plan->value[index] + (size_t)plane * shape_plane(deep) + (size_t)first * (size_t)deep.w;
        shuffle_plane(deep, r, plane, first, n, plan->value[index], plan->value[input], row_to_deep);
        if (plan->is_virtual[input])
            view_finish(plan, &plan->view[input], plane / (r * r), y, (size_t)n * (size_t)deep.w);
    }
}

static void pixel_unshuffle_forward(NstPlan *plan, int index)
{
    op_for_rows(plan, index, plan->shapes[index].h, unshuffle_rows);
}

static void pixel_unshuffle_backward(NstPlan *plan, int index)
{
    shuffle_grads(plan, plan->shapes[index], plan_node(plan, index)->factor, plan->grad[index],
                  plan_grad_sum(plan, index, 0), row_add_to_wide);
}

const NstOpImpl op_pixel_unshuffle = {pixel_unshuffle_forward, pixel_unshuffle_backward, .in_place = false};
