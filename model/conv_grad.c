/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The adjoints of convolutions: gradients of the input and of the kernels. */
#include "conv.h"

#include <string.h>

#include "columns.h"
#include "padding.h"
#include "threads.h"
#include "util.h"
#include "winograd.h"

enum {
    PARTIALS = 8,     /* partial sums of a weight gradient */
    CHANNEL_CHUNK = 4 /* input channels that one thread scatters at a time */
};

/* ---- gradient of the input ---- */

/* With stride 1 it is a convolution of the gradient, framed by zeros, with the kernels turned round. */
static bool is_correlation(const NstConv *conv)
{
    return conv->groups == 1 && conv->sy == 1 && conv->sx == 1 && conv->h == conv->ho + (conv->kh - 1) * conv->dy &&
           conv->w == conv->wo + (conv->kw - 1) * conv->dx;
}

static NstConv correlation(const NstConv *conv)
{
    NstConv turned = *conv;
    turned.rectify = false;
    turned.ci = conv->co;
    turned.co = conv->ci;
    turned.h = conv->h + (conv->kh - 1) * conv->dy;
    turned.w = conv->w + (conv->kw - 1) * conv->dx;
    turned.ho = conv->h;
    turned.wo = conv->w;
    turned.y_plane = conv_plane_out(&turned);
    if (conv_pads(&turned)) {
        turned.from_h = conv->ho;
        turned.from_w = conv->wo;
        turned.pad_top = (conv->kh - 1) * conv->dy;
        turned.pad_left = (conv->kw - 1) * conv->dx;
        turned.pad_mode = NST_PAD_ZERO;
    }
    return turned;
}

static void turn_kernels(const NstConv *conv, const float *k, float *turned)
{
    int taps = conv->kh * conv->kw;
    for (int co = 0; co < conv->co; co++)
        for (int ci = 0; ci < conv->ci; ci++)
            for (int t = 0; t < taps; t++)
                turned[((size_t)ci * (size_t)conv->co + (size_t)co) * (size_t)taps + (size_t)t] =
                    k[((size_t)co * (size_t)conv->ci + (size_t)ci) * (size_t)taps + (size_t)(taps - 1 - t)];
}

/* gy in the middle of zeros, (Kh - 1) dy rows and (Kw - 1) dx columns on each side */
static void frame_with_zeros(const NstConvContext *context, const NstConv *conv, const NstConv *turned, const float *gy,
                             float *framed)
{
    size_t top = (size_t)((conv->kh - 1) * conv->dy), left = (size_t)((conv->kw - 1) * conv->dx);
    size_t plane = conv_plane_in(turned);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->co; c++) {
        float *to = framed + (size_t)c * plane;
        memset(to, 0, plane * sizeof(*to));
        for (int i = 0; i < conv->ho; i++)
            memcpy(to + (top + (size_t)i) * (size_t)turned->w + left,
                   gy + (size_t)c * conv_plane_out(conv) + (size_t)i * (size_t)conv->wo, (size_t)conv->wo * sizeof(*to));
    }
}

static size_t kernel_count(const NstConv *conv)
{
    return (size_t)conv->co * (size_t)columns_rows(conv);
}

static void correlation_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                                   float *gx)
{
    NstConv turned = correlation(conv);
    float *kernels = context->scratch, *framed = kernels + align_floats(kernel_count(conv));
    NstConvContext inner = *context;
    if (!context->packed)
        turn_kernels(conv, k, kernels);
    if (conv->kh * conv->kw == 1 || conv_pads(&turned)) {
        inner.scratch = framed;
        conv_forward(&inner, &turned, gy, kernels, NULL, false, gx);
        return;
    }
    inner.scratch = framed + align_floats((size_t)turned.ci * conv_plane_in(&turned));
    frame_with_zeros(context, conv, &turned, gy, framed);
    conv_forward(&inner, &turned, framed, kernels, NULL, false, gx);
}

/* Adds a block's columns of one channel back to where gather_tap took them from. */
static void scatter_tap(const NstConv *conv, const float *from, int p, int q, size_t first, size_t n, float *x)
{
    int i = (int)(first / (size_t)conv->wo), j = (int)(first % (size_t)conv->wo);
    for (size_t r = 0; r < n; r++) {
        x[(size_t)(i * conv->sy + p * conv->dy) * (size_t)conv->w + (size_t)(j * conv->sx + q * conv->dx)] += from[r];
        if (++j == conv->wo) {
            j = 0;
            i++;
        }
    }
}

/* Channels c0 .. c0 + n_channels - 1 of one group, all blocks one after the other. */
static void scatter_channels(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                             int group, int c0, int n_channels, float *columns, float *gx)
{
    int co = conv->co / conv->groups, ci = conv->ci / conv->groups, taps = conv->kh * conv->kw;
    float *to = gx + (size_t)(group * ci + c0) * conv_plane_in(conv);
    memset(to, 0, (size_t)n_channels * conv_plane_in(conv) * sizeof(*to));
    for (size_t first = 0; first < conv_plane_out(conv); first += COLUMNS_MAX) {
        size_t n = conv_plane_out(conv) - first < COLUMNS_MAX ? conv_plane_out(conv) - first : COLUMNS_MAX;
        context->gemm(1, 0, n_channels * taps, (int)n, co,
                      k + (size_t)(group * co) * (size_t)columns_rows(conv) + (size_t)(c0 * taps), columns_rows(conv),
                      gy + (size_t)(group * co) * conv_plane_out(conv) + first, (int)conv_plane_out(conv), 0, columns, (int)n);
        for (int c = 0; c < n_channels; c++)
            for (int t = 0; t < taps; t++)
                scatter_tap(conv, columns + (size_t)(c * taps + t) * n, t / conv->kw, t % conv->kw, first, n,
                            to + (size_t)c * conv_plane_in(conv));
    }
}

static void scatter_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                               float *gx)
{
    int ci = conv->ci / conv->groups, chunks = ceil_div(ci, CHANNEL_CHUNK);
    size_t columns = align_floats((size_t)(CHANNEL_CHUNK * conv->kh * conv->kw) * COLUMNS_MAX);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int u = 0; u < chunks * conv->groups; u++) {
        int c0 = u % chunks * CHANNEL_CHUNK;
        scatter_channels(context, conv, gy, k, u / chunks, c0, min_int(CHANNEL_CHUNK, ci - c0),
                         context->scratch + (size_t)thread_index() * columns, gx);
    }
}

static void depthwise_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                                 float *gx)
{
    int taps = conv->kh * conv->kw;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->ci; c++) {
        float *plane = gx + (size_t)c * conv_plane_in(conv);
        memset(plane, 0, conv_plane_in(conv) * sizeof(*plane));
        for (int i = 0; i < conv->ho; i++)
            for (int t = 0; t < taps; t++) {
                const float *from = gy + (size_t)c * conv_plane_out(conv) + (size_t)i * (size_t)conv->wo;
                float *to = plane + (size_t)(i * conv->sy + t / conv->kw * conv->dy) * (size_t)conv->w +
                            t % conv->kw * conv->dx;
                if (conv->sx == 1)
                    context->dsp->axpy(to, from, k[c * taps + t], (size_t)conv->wo);
                else
                    for (int j = 0; j < conv->wo; j++)
                        to[(size_t)j * (size_t)conv->sx] += k[c * taps + t] * from[j];
            }
    }
}

void conv_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k, float *gx)
{
    if (conv_is_depthwise(conv))
        depthwise_input_grad(context, conv, gy, k, gx);
    else if (is_correlation(conv))
        correlation_input_grad(context, conv, gy, k, gx);
    else
        scatter_input_grad(context, conv, gy, k, gx);
}

size_t conv_input_grad_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    if (conv_is_depthwise(conv))
        return 0;
    if (!is_correlation(conv))
        return (size_t)threads * align_floats((size_t)(CHANNEL_CHUNK * conv->kh * conv->kw) * COLUMNS_MAX);
    NstConv turned = correlation(conv);
    size_t framed = conv->kh * conv->kw == 1 || conv_pads(&turned) ? 0 : align_floats((size_t)turned.ci * conv_plane_in(&turned));
    return align_floats(kernel_count(conv)) + framed + conv_forward_scratch(dsp, &turned, threads);
}

/* The forward convolution that a use comes down to; false: none with packed kernels. */
static bool packed_conv(const NstConv *conv, NstConvUse use, NstConv *forward)
{
    if (use == NST_CONV_INPUT_GRAD && (conv_is_depthwise(conv) || !is_correlation(conv)))
        return false;
    *forward = use == NST_CONV_FORWARD ? *conv : correlation(conv);
    return winograd_fits(forward);
}

size_t conv_packed_size(const NstDsp *dsp, const NstConv *conv, NstConvUse use)
{
    NstConv forward;
    return packed_conv(conv, use, &forward) ? winograd_kernels_size(dsp, &forward) : 0;
}

void conv_pack(const NstDsp *dsp, const NstConv *conv, NstConvUse use, const float *k, float *packed)
{
    NstConv forward;
    if (packed_conv(conv, use, &forward))
        winograd_kernels(dsp, &forward, k, use == NST_CONV_INPUT_GRAD, packed);
}

/* ---- gradient of the kernels ---- */

static void depthwise_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                                  float *gk)
{
    int taps = conv->kh * conv->kw;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->co; c++) {
        float *row = context->scratch + (size_t)thread_index() * (size_t)conv->wo;
        for (int t = 0; t < taps; t++) {
            double sum = 0;
            for (int i = 0; i < conv->ho; i++) {
                columns_gather_tap(conv, x + (size_t)c * conv_plane_in(conv), t / conv->kw, t % conv->kw,
                           (size_t)i * (size_t)conv->wo, (size_t)conv->wo, row);
                sum += context->dsp->dot(row, gy + (size_t)c * conv_plane_out(conv) + (size_t)i * (size_t)conv->wo,
                                         (size_t)conv->wo);
            }
            gk[c * taps + t] += (float)sum;
        }
    }
}

static int partial_count(const NstConv *conv)
{
    return columns_block_count(conv) < PARTIALS ? (int)columns_block_count(conv) : PARTIALS;
}

/* The sum over every PARTIALS-th block, for all groups. */
static void partial_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                                int partial, float *columns, float *sum)
{
    int co = conv->co / conv->groups, rows = columns_rows(conv), ld;
    for (int g = 0; g < conv->groups; g++)
        for (size_t block = (size_t)partial; block < columns_block_count(conv); block += PARTIALS) {
            size_t first = block * columns_block_size(conv);
            size_t n = conv_plane_out(conv) - first < columns_block_size(conv) ? conv_plane_out(conv) - first : columns_block_size(conv);
            const float *b = columns_of_block(conv, x + (size_t)(g * (conv->ci / conv->groups)) * conv_plane_in(conv), first, n,
                                           columns, &ld);
            context->gemm(0, 1, co, rows, (int)n, gy + (size_t)(g * co) * conv_plane_out(conv) + first,
                          (int)conv_plane_out(conv), b, ld, block != (size_t)partial,
                          sum + (size_t)(g * co) * (size_t)rows, rows);
        }
}

void conv_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy, float *gk)
{
    if (conv_is_depthwise(conv)) {
        depthwise_weight_grad(context, conv, x, gy, gk);
        return;
    }
    size_t count = align_floats(kernel_count(conv));
    float *sums = context->scratch, *columns = sums + (size_t)partial_count(conv) * count;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int p = 0; p < partial_count(conv); p++)
        partial_weight_grad(context, conv, x, gy, p,
                            columns + (size_t)thread_index() * align_floats(columns_size(conv)),
                            sums + (size_t)p * count);
    for (int p = 0; p < partial_count(conv); p++)
        context->dsp->add(gk, gk, sums + (size_t)p * count, kernel_count(conv));
}

size_t conv_weight_grad_scratch(const NstConv *conv, int threads)
{
    if (conv_is_depthwise(conv))
        return (size_t)threads * (size_t)conv->wo;
    return (size_t)partial_count(conv) * align_floats(kernel_count(conv)) +
           (size_t)threads * align_floats(columns_size(conv));
}
