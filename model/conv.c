/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutions as matrix products over blocks of the result's plane (im2col): the block's columns are gathered into a
 * matrix of Ci/groups * Kh * Kw rows that stays in the L2 cache.
 *
 *              block of n positions of the plane, row by row
 *            +-----------------+
 *   ci p q   | x[ci][..][..]   |     y[co][block] = k[co][ci p q] . columns
 *            +-----------------+
 */
#include "conv.h"

#include <string.h>

#include "threads.h"
#include "util.h"
#include "winograd.h"

enum {
    COLUMN_FLOATS = 1 << 18, /* aim for the size of a block's matrix */
    BLOCK_MIN = 96,          /* and a multiple of this many positions, so that tiles of all kernels come out even */
    BLOCK_MAX = 1920,
    FEW_TAPS = 16,
    PARTIALS = 8,            /* partial sums of a weight gradient */
    CHANNEL_CHUNK = 4        /* input channels that one thread scatters at a time */
};

static bool is_depthwise(const NstConv *conv)
{
    return conv->groups == conv->ci && conv->ci == conv->co;
}

/*
 * Straight from the picture, NST_FEW_MAX results at a time: where there are too few for a matrix product, and where its
 * columns would be many times what the picture holds.
 */
static bool is_few(const NstConv *conv)
{
    return conv->groups == 1 && conv->kh * conv->kw > 1 && conv->sy == 1 && conv->sx == 1 && conv->dy == 1 &&
           conv->dx == 1 && (conv->co <= NST_FEW_MAX || conv->kh * conv->kw >= FEW_TAPS);
}

/* The columns of a block are the picture itself. */
static bool is_pointwise(const NstConv *conv)
{
    return conv->kh == 1 && conv->kw == 1 && conv->sy == 1 && conv->sx == 1 && conv->h == conv->ho &&
           conv->w == conv->wo;
}

static int column_rows(const NstConv *conv)
{
    return conv->ci / conv->groups * conv->kh * conv->kw;
}

static size_t plane_in(const NstConv *conv)
{
    return (size_t)conv->h * (size_t)conv->w;
}

static size_t plane_out(const NstConv *conv)
{
    return (size_t)conv->ho * (size_t)conv->wo;
}

static size_t block_size(const NstConv *conv)
{
    size_t n = (size_t)(COLUMN_FLOATS / column_rows(conv)) / BLOCK_MIN * BLOCK_MIN;
    n = n < BLOCK_MIN ? BLOCK_MIN : n > BLOCK_MAX ? BLOCK_MAX : n;
    return n < plane_out(conv) ? n : plane_out(conv);
}

static size_t block_count(const NstConv *conv)
{
    return (plane_out(conv) + block_size(conv) - 1) / block_size(conv);
}

static size_t columns_size(const NstConv *conv)
{
    return is_pointwise(conv) ? 0 : (size_t)column_rows(conv) * block_size(conv);
}

/* One tap's samples of the output positions first .. first + n - 1 of the plane. */
static void gather_tap(const NstConv *conv, const float *x, int p, int q, size_t first, size_t n, float *to)
{
    int i = (int)(first / (size_t)conv->wo), j = (int)(first % (size_t)conv->wo);
    while (n > 0) {
        size_t run = (size_t)(conv->wo - j) < n ? (size_t)(conv->wo - j) : n;
        const float *from = x + (size_t)(i * conv->sy + p * conv->dy) * (size_t)conv->w + j * conv->sx + q * conv->dx;
        if (conv->sx == 1)
            memcpy(to, from, run * sizeof(*to));
        else if (conv->sx == 2)
            for (size_t r = 0; r < run; r++)
                to[r] = from[2 * r];
        else
            for (size_t r = 0; r < run; r++)
                to[r] = from[r * (size_t)conv->sx];
        to += run;
        n -= run;
        i++;
        j = 0;
    }
}

/* The matrix of a block: column_rows x n. x points at the group's first channel. */
static void gather_block(const NstConv *conv, const float *x, size_t first, size_t n, float *columns)
{
    for (int c = 0; c < conv->ci / conv->groups; c++)
        for (int p = 0; p < conv->kh; p++)
            for (int q = 0; q < conv->kw; q++, columns += n)
                gather_tap(conv, x + (size_t)c * plane_in(conv), p, q, first, n, columns);
}

/* A block as the right-hand side of a product: its matrix and row length. */
static const float *block_columns(const NstConv *conv, const float *x, size_t first, size_t n, float *columns, int *ld)
{
    if (is_pointwise(conv)) {
        *ld = (int)plane_in(conv);
        return x + first;
    }
    gather_block(conv, x, first, n, columns);
    *ld = (int)n;
    return columns;
}

static void depthwise_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                              const float *bias, bool add, float *y)
{
    int taps = conv->kh * conv->kw;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->co; c++)
        for (int i = 0; i < conv->ho; i++) {
            const float *from = x + (size_t)c * plane_in(conv) + (size_t)(i * conv->sy) * (size_t)conv->w;
            float *to = y + (size_t)c * conv->y_plane + (size_t)i * (size_t)conv->wo;
            float *row = add ? context->scratch + (size_t)thread_index() * (size_t)conv->wo : to;
            context->dsp->depthwise_row(row, from, (ptrdiff_t)conv->dy * conv->w, k + c * taps, conv->kh, conv->kw,
                                        conv->sx, conv->dx, bias ? bias[c] : 0, conv->wo);
            if (add)
                context->dsp->add(to, to, row, (size_t)conv->wo);
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
                             x + (size_t)i * (size_t)conv->w, (ptrdiff_t)plane_in(conv), conv->w,
                             k + (size_t)c * kernel, bias ? bias + c : NULL,
                             y + (size_t)c * conv->y_plane + (size_t)i * (size_t)conv->wo, (ptrdiff_t)conv->y_plane};
            context->dsp->few_row(&row);
        }
}

/* One group's share of one block. */
static void forward_block(const NstConvContext *context, const NstConv *conv, const float *x, const float *k,
                          const float *bias, bool add, float *y, int group, size_t block, float *columns)
{
    int co = conv->co / conv->groups, rows = column_rows(conv), ld;
    size_t first = block * block_size(conv);
    size_t n = plane_out(conv) - first < block_size(conv) ? plane_out(conv) - first : block_size(conv);
    const float *b = block_columns(conv, x + (size_t)(group * (conv->ci / conv->groups)) * plane_in(conv), first, n,
                                   columns, &ld);
    float *to = y + (size_t)(group * co) * conv->y_plane + first;
    for (int c = 0; bias && c < co; c++)
        for (size_t j = 0; j < n; j++)
            to[(size_t)c * conv->y_plane + j] = bias[group * co + c];
    context->gemm(0, 0, co, (int)n, rows, k + (size_t)(group * co) * (size_t)rows, rows, b, ld, bias || add, to,
                  (int)conv->y_plane);
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
    if (is_depthwise(conv)) {
        depthwise_forward(context, conv, x, k, bias, add, y);
        return;
    }
    if (is_few(conv) && !add) {
        few_forward(context, conv, x, k, bias, y);
        return;
    }
    size_t blocks = block_count(conv), units = blocks * (size_t)conv->groups;
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
    if (is_depthwise(conv))
        return "depthwise rows";
    if (is_few(conv))
        return "direct rows";
    return is_pointwise(conv) ? "matrix product" : "im2col";
}

size_t conv_forward_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    if (winograd_fits(conv))
        return align_floats(winograd_kernels_size(dsp, conv)) + winograd_scratch(dsp, conv, threads);
    return (size_t)threads * (is_depthwise(conv) ? (size_t)conv->wo : columns_size(conv));
}

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
    turned.ci = conv->co;
    turned.co = conv->ci;
    turned.h = conv->h + (conv->kh - 1) * conv->dy;
    turned.w = conv->w + (conv->kw - 1) * conv->dx;
    turned.ho = conv->h;
    turned.wo = conv->w;
    turned.y_plane = plane_out(&turned);
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
    size_t plane = plane_in(turned);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->co; c++) {
        float *to = framed + (size_t)c * plane;
        memset(to, 0, plane * sizeof(*to));
        for (int i = 0; i < conv->ho; i++)
            memcpy(to + (top + (size_t)i) * (size_t)turned->w + left,
                   gy + (size_t)c * plane_out(conv) + (size_t)i * (size_t)conv->wo, (size_t)conv->wo * sizeof(*to));
    }
}

static size_t kernel_count(const NstConv *conv)
{
    return (size_t)conv->co * (size_t)column_rows(conv);
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
    inner.scratch = framed + align_floats((size_t)turned.ci * plane_in(&turned));
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
    float *to = gx + (size_t)(group * ci + c0) * plane_in(conv);
    memset(to, 0, (size_t)n_channels * plane_in(conv) * sizeof(*to));
    for (size_t first = 0; first < plane_out(conv); first += BLOCK_MAX) {
        size_t n = plane_out(conv) - first < BLOCK_MAX ? plane_out(conv) - first : BLOCK_MAX;
        context->gemm(1, 0, n_channels * taps, (int)n, co,
                      k + (size_t)(group * co) * (size_t)column_rows(conv) + (size_t)(c0 * taps), column_rows(conv),
                      gy + (size_t)(group * co) * plane_out(conv) + first, (int)plane_out(conv), 0, columns, (int)n);
        for (int c = 0; c < n_channels; c++)
            for (int t = 0; t < taps; t++)
                scatter_tap(conv, columns + (size_t)(c * taps + t) * n, t / conv->kw, t % conv->kw, first, n,
                            to + (size_t)c * plane_in(conv));
    }
}

static void scatter_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                               float *gx)
{
    int ci = conv->ci / conv->groups, chunks = ceil_div(ci, CHANNEL_CHUNK);
    size_t columns = align_floats((size_t)(CHANNEL_CHUNK * conv->kh * conv->kw) * BLOCK_MAX);
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
        float *plane = gx + (size_t)c * plane_in(conv);
        memset(plane, 0, plane_in(conv) * sizeof(*plane));
        for (int i = 0; i < conv->ho; i++)
            for (int t = 0; t < taps; t++) {
                const float *from = gy + (size_t)c * plane_out(conv) + (size_t)i * (size_t)conv->wo;
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
    if (is_depthwise(conv))
        depthwise_input_grad(context, conv, gy, k, gx);
    else if (is_correlation(conv))
        correlation_input_grad(context, conv, gy, k, gx);
    else
        scatter_input_grad(context, conv, gy, k, gx);
}

size_t conv_input_grad_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    if (is_depthwise(conv))
        return 0;
    if (!is_correlation(conv))
        return (size_t)threads * align_floats((size_t)(CHANNEL_CHUNK * conv->kh * conv->kw) * BLOCK_MAX);
    NstConv turned = correlation(conv);
    size_t framed = conv->kh * conv->kw == 1 || conv_pads(&turned) ? 0 : align_floats((size_t)turned.ci * plane_in(&turned));
    return align_floats(kernel_count(conv)) + framed + conv_forward_scratch(dsp, &turned, threads);
}

/* The forward convolution that a use comes down to; false: none with packed kernels. */
static bool packed_conv(const NstConv *conv, NstConvUse use, NstConv *forward)
{
    if (use == NST_CONV_INPUT_GRAD && (is_depthwise(conv) || !is_correlation(conv)))
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
                gather_tap(conv, x + (size_t)c * plane_in(conv), t / conv->kw, t % conv->kw,
                           (size_t)i * (size_t)conv->wo, (size_t)conv->wo, row);
                sum += context->dsp->dot(row, gy + (size_t)c * plane_out(conv) + (size_t)i * (size_t)conv->wo,
                                         (size_t)conv->wo);
            }
            gk[c * taps + t] += (float)sum;
        }
    }
}

static int partial_count(const NstConv *conv)
{
    return block_count(conv) < PARTIALS ? (int)block_count(conv) : PARTIALS;
}

/* The sum over every PARTIALS-th block, for all groups. */
static void partial_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                                int partial, float *columns, float *sum)
{
    int co = conv->co / conv->groups, rows = column_rows(conv), ld;
    for (int g = 0; g < conv->groups; g++)
        for (size_t block = (size_t)partial; block < block_count(conv); block += PARTIALS) {
            size_t first = block * block_size(conv);
            size_t n = plane_out(conv) - first < block_size(conv) ? plane_out(conv) - first : block_size(conv);
            const float *b = block_columns(conv, x + (size_t)(g * (conv->ci / conv->groups)) * plane_in(conv), first, n,
                                           columns, &ld);
            context->gemm(0, 1, co, rows, (int)n, gy + (size_t)(g * co) * plane_out(conv) + first,
                          (int)plane_out(conv), b, ld, block != (size_t)partial,
                          sum + (size_t)(g * co) * (size_t)rows, rows);
        }
}

void conv_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy, float *gk)
{
    if (is_depthwise(conv)) {
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
    if (is_depthwise(conv))
        return (size_t)threads * (size_t)conv->wo;
    return (size_t)partial_count(conv) * align_floats(kernel_count(conv)) +
           (size_t)threads * align_floats(columns_size(conv));
}
