/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conv.h"

#include <math.h>
#include <string.h>

#include "columns.h"
#include "product.h"
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
    for (int c = 0; c < conv->co; c++) {
        const NstDepthwise rows = {conv->kh, conv->kw, conv->sy, conv->sx, conv->dy, conv->dx, k + c * taps,
                                   bias ? bias[c] : 0, conv->w};
        const float *from = x + (size_t)c * conv_plane_in(conv);
        float *to = y + (size_t)c * conv->y_plane, *row = context->scratch + (size_t)thread_index() * (size_t)conv->wo;
        if (!add)
            context->dsp->depthwise_rows(to, conv->wo, from, &rows, conv->wo, conv->ho);
        if (!add && conv->rectify)
            context->dsp->relu(to, to, conv_plane_out(conv));
        for (int i = 0; add && i < conv->ho; i++, to += conv->wo, from += (ptrdiff_t)conv->sy * conv->w) {
            context->dsp->depthwise_rows(row, conv->wo, from, &rows, conv->wo, 1);
            context->dsp->add(to, to, row, (size_t)conv->wo);
        }
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

/* Rows of x as it lies in memory */
typedef struct Picture {
    const NstConv *conv;
    const float *x;
} Picture;

static const float *picture_rows(void *arg, int channel, int first, int n)
{
    const Picture *picture = arg;
    (void)n;
    return picture->x + (size_t)channel * conv_plane_in(picture->conv) + (size_t)first * (size_t)picture->conv->w;
}

static void product_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                            const float *bias, bool add, float *y)
{
    const int rows = product_strip_rows(conv);
    Picture picture = {conv, x};
    const NstRows source = {picture_rows, &picture};
    float *scratch = context->scratch + align_floats(product_packed_size(context->dsp, conv));
    if (!context->packed)
        product_pack(context->dsp, conv, k, context->scratch);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int first = 0; first < conv->ho; first += rows)
        product_strip(context->dsp, conv, &source, context->packed ? context->packed : context->scratch, bias, add,
                      first, min_int(rows, conv->ho - first),
                      scratch + (size_t)thread_index() * product_scratch(context->dsp, conv), y);
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
    product_forward(context, conv, x, k, bias, add, y);
}

bool conv_is_product(const NstConv *conv)
{
    return !winograd_fits(conv) && !conv_is_depthwise(conv) && !is_few(conv);
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
    if (conv_is_depthwise(conv))
        return (size_t)threads * (size_t)conv->wo;
    return align_floats(product_packed_size(dsp, conv)) + (size_t)threads * product_scratch(dsp, conv);
}
