/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conv.h"

#include <math.h>
#include <string.h>

#include "columns.h"
#include "threads.h"
#include "util.h"
#include "winograd.h"

enum { FEW_TAPS = 16, FEW_ROWS = 32 };

/*
 * Straight from the picture, NST_FEW_MAX results at a time: where there are too few for a matrix product, and where its
 * columns would be many times what the picture holds.
 */
static bool is_few(const NstConv *conv)
{
    return conv->groups == 1 && conv->kh * conv->kw > 1 && conv->sy == 1 && conv->sx == 1 && conv->dy == 1 &&
           conv->dx == 1 &&
           (conv->co <= NST_FEW_MAX || conv->kh * conv->kw >= FEW_TAPS || columns_rows(conv) <= FEW_ROWS);
}

NstConv conv_stored(const NstConv *conv)
{
    NstConv result = *conv;
    if (!conv->from_h) {
        result.from_h = conv->h;
        result.from_w = conv->w;
        result.pad_top = result.pad_left = 0;
        result.pad_mode = NST_PAD_ZERO;
    }
    return result;
}

float conv_floor(const NstConv *conv)
{
    return conv->rectify ? 0 : -INFINITY;
}

static void depthwise_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                              const float *bias, bool add, float *y)
{
    int taps = conv->kh * conv->kw;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->co; c++)
        for (int i = 0; i < conv->ho; i++) {
            const float *from = x + (size_t)c * conv_plane_in(conv) + (size_t)(i * conv->sy) * (size_t)conv->w;
            float *to = y + (size_t)c * conv->y_plane + (size_t)i * (size_t)conv->wo;
            float *row = add ? context->scratch + (size_t)thread_index() * (size_t)conv->wo : to;
            context->dsp->depthwise_row(row, from, (ptrdiff_t)conv->dy * conv->w, k + c * taps, conv->kh, conv->kw,
                                        conv->sx, conv->dx, bias ? bias[c] : 0, conv->wo);
            if (add)
                context->dsp->add(to, to, row, (size_t)conv->wo);
            else if (conv->rectify)
                context->dsp->relu(to, to, (size_t)conv->wo);
        }
}

static void few_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                        const float *bias, float *y)
{
    size_t kernel = (size_t)(conv->ci * conv->kh * conv->kw);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int i = 0; i < conv->ho; i++)
        for (int c = 0; c < conv->co; c += NST_FEW_MAX) {
            NstFewRow row = {conv->ci, min_int(conv->co - c, NST_FEW_MAX), conv->kh, conv->kw, conv->wo,
                             x + (size_t)i * (size_t)conv->w, (ptrdiff_t)conv_plane_in(conv), conv->w,
                             k + (size_t)c * kernel, bias ? bias + c : NULL, conv_floor(conv),
                             y + (size_t)c * conv->y_plane + (size_t)i * (size_t)conv->wo, (ptrdiff_t)conv->y_plane};
            context->dsp->few_row(&row);
        }
}

/* One group's share of one block. */
static void forward_block(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                          const float *bias, bool add, float *y, int group, size_t block, float *columns)
{
    int co = conv->co / conv->groups, rows = columns_rows(conv), ld;
    size_t first = block * columns_block_size(conv);
    size_t n = columns_in_block(conv, block);
    const float *picture = x + (size_t)(group * (conv->ci / conv->groups)) * conv_plane_in(conv);
    const float *b = columns_of_block(conv, picture, first, n, columns, &ld);
    float *to = y + (size_t)(group * co) * conv->y_plane + first;
    for (int c = 0; bias && c < co; c++)
        for (size_t j = 0; j < n; j++)
            to[(size_t)c * conv->y_plane + j] = bias[group * co + c];
    context->gemm(0, 0, co, (int)n, rows, k + (size_t)(group * co) * (size_t)rows, rows, b, ld, bias || add, to,
                  (int)conv->y_plane);
    for (int c = 0; conv->rectify && c < co; c++)
        context->dsp->relu(to + (size_t)c * conv->y_plane, to + (size_t)c * conv->y_plane, n);
}

static void tiled_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                          const float *bias, bool add, float *y)
{
    NstConvContext inner = *context;
    if (!context->packed) {
        winograd_kernels(context->dsp, conv, k, false, context->scratch);
        inner.packed = context->scratch;
        inner.scratch += align_floats(winograd_kernels_size(context->dsp, conv));
    }
    winograd_forward(&inner, conv, x, inner.packed, bias, add, y);
}

void conv_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k, const float *bias,
                  bool add, float *y)
{
    if (winograd_fits(conv)) {
        tiled_forward(context, conv, x, k, bias, add, y);
        return;
    }
    if (conv_is_depthwise(conv)) {
        depthwise_forward(context, conv, x, k, bias, add, y);
        return;
    }
    if (is_few(conv) && !add) {
        few_forward(context, conv, x, k, bias, y);
        return;
    }
    size_t blocks = columns_block_count(conv), units = blocks * (size_t)conv->groups;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (size_t u = 0; u < units; u++)
        forward_block(context, conv, x, k, bias, add, y, (int)(u / blocks), u % blocks,
                      context->scratch + (size_t)thread_index() * columns_size(conv));
}

bool conv_pads(const NstConv *conv)
{
    return winograd_fits(conv);
}

const char *conv_algorithm(const NstConv *conv)
{
    if (winograd_fits(conv))
        return "Winograd 4x4";
    if (conv_is_depthwise(conv))
        return "depthwise rows";
    if (is_few(conv))
        return "direct rows";
    return conv_is_pointwise(conv) ? "matrix product" : "im2col";
}

size_t conv_forward_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    if (winograd_fits(conv))
        return align_floats(winograd_kernels_size(dsp, conv)) + winograd_scratch(dsp, conv, threads);
    return (size_t)threads * (conv_is_depthwise(conv) ? (size_t)conv->wo : columns_size(conv));
}
