/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The adjoints of convolutions: gradients of the input and of the kernels. */
#include "conv.h"

#include <string.h>

#include "columns.h"
#include "conv_frame.h"
#include "padding.h"
#include "product.h"
#include "strips.h"
#include "threads.h"
#include "util.h"
#include "winograd.h"

enum {
    PARTIALS = 8,          /* partial sums of a weight gradient */
    CHANNEL_CHUNK = 4,     /* input channels that one thread scatters at a time */
    BAND_FLOATS = 1 << 17, /* of framed gradients that a thread works on at a time */
    MIN_BAND = 4
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
    turned.from_h = 0;
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

static int framed_width(const NstConv *conv)
{
    return conv->wo + 2 * (conv->kw - 1) * conv->dx;
}

/* n rows of a plane of gy in the middle of zeros, (Kh - 1) dy rows and (Kw - 1) dx columns on each side */
static void frame_with_zeros(const NstConv *conv, const float *gy, int first, int n, float *to)
{
    const int down = (conv->kh - 1) * conv->dy, across = (conv->kw - 1) * conv->dx;
    for (int i = first - down; i < first - down + n; i++, to += framed_width(conv)) {
        if (i < 0 || i >= conv->ho) {
            memset(to, 0, (size_t)framed_width(conv) * sizeof(*to));
            continue;
        }
        memcpy(to + across, gy + (size_t)i * (size_t)conv->wo, (size_t)conv->wo * sizeof(*to));
        pad_row_ends(to, conv->wo, across, across, NST_PAD_ZERO);
    }
}

static size_t kernel_count(const NstConv *conv)
{
    return (size_t)conv->co * (size_t)columns_rows(conv);
}

/* Rows of gx in a band, whose share of gy fits a cache. */
static int band_rows(const NstConv *conv)
{
    const int reach = (conv->kh - 1) * conv->dy, rows = BAND_FLOATS / (conv->co * framed_width(conv)) - reach;
    return min_int(max_int(rows, MIN_BAND), conv->h);
}

static size_t band_size(const NstConv *conv)
{
    const int rows = band_rows(conv) + (conv->kh - 1) * conv->dy;
    return align_floats((size_t)conv->co * (size_t)rows * (size_t)framed_width(conv));
}

/* Rows first .. first + turned->ho - 1 of gx */
static void correlate_band(const NstConvContext *context, const NstConv *conv, const NstConv *turned, int first,
                           const float *gy, const float *kernels, float *gx)
{
    NstConvContext inner = *context;
    inner.threads = 1;
    inner.scratch += band_size(conv);
    for (int c = 0; c < conv->co; c++)
        frame_with_zeros(conv, gy + (size_t)c * conv_plane_out(conv), first, turned->h,
                         context->scratch + (size_t)c * conv_plane_in(turned));
    conv_forward(&inner, turned, context->scratch, kernels, NULL, false, gx + (size_t)first * (size_t)conv->w);
}

static NstConv band_of(const NstConv *conv, int rows)
{
    NstConv band = correlation(conv);
    band.ho = rows;
    band.h = rows + (conv->kh - 1) * conv->dy;
    return band;
}

static size_t band_scratch(const NstDsp *dsp, const NstConv *conv)
{
    const NstConv band = band_of(conv, band_rows(conv));
    return band_size(conv) + align_floats(conv_forward_scratch(dsp, &band, 1));
}

static void correlation_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                                   float *gx)
{
    float *kernels = context->scratch, *scratch = kernels + align_floats(kernel_count(conv));
    const int rows = band_rows(conv);
    turn_kernels(conv, k, kernels);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int first = 0; first < conv->h; first += rows) {
        const NstConv band = band_of(conv, min_int(rows, conv->h - first));
        NstConvContext inner = *context;
        inner.scratch = scratch + (size_t)thread_index() * band_scratch(context->dsp, conv);
        correlate_band(&inner, conv, &band, first, gy, kernels, gx);
    }
}

static void pointwise_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                                 float *gx)
{
    const NstConv turned = correlation(conv);
    NstConvContext inner = *context;
    turn_kernels(conv, k, context->scratch);
    inner.scratch += align_floats(kernel_count(conv));
    conv_forward(&inner, &turned, gy, context->scratch, NULL, false, gx);
}

/* Adds a block's columns of one channel back to where gather_tap took them from. */
static void scatter_tap(const NstConv *conv, const float *from, int p, int q, size_t first, size_t n, float *x)
{
    int i = (int)(first / (size_t)conv->wo), j = (int)(first % (size_t)conv->wo);
    for (; n > 0; i++, j = 0) {
        size_t run = (size_t)(conv->wo - j) < n ? (size_t)(conv->wo - j) : n, sx = (size_t)conv->sx;
        float *to = x + (size_t)(i * conv->sy + p * conv->dy) * (size_t)conv->w + j * conv->sx + q * conv->dx;
        for (size_t r = 0; r < run; r++)
            to[r * sx] += from[r];
        from += run;
        n -= run;
    }
}

/* Channels c0 .. c0 + n_channels - 1 of one group, all blocks one after the other. */
static void scatter_channels(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                             int group, int c0, int n_channels, float *columns, float *gx)
{
    int co = conv->co / conv->groups, ci = conv->ci / conv->groups, taps = conv->kh * conv->kw;
    float *to = gx + (size_t)(group * ci + c0) * conv_plane_in(conv);
    gy += (size_t)(group * co) * conv_plane_out(conv);
    memset(to, 0, (size_t)n_channels * conv_plane_in(conv) * sizeof(*to));
    for (size_t first = 0; first < conv_plane_out(conv); first += COLUMNS_MAX) {
        size_t n = conv_plane_out(conv) - first < COLUMNS_MAX ? conv_plane_out(conv) - first : COLUMNS_MAX;
        context->gemm(1, 0, n_channels * taps, (int)n, co,
                      k + (size_t)(group * co) * (size_t)columns_rows(conv) + (size_t)(c0 * taps), columns_rows(conv),
                      gy + first, (int)conv_plane_out(conv), 0, columns, (int)n);
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

/* With stride 1 it is a depthwise convolution of the framed gradient, with the kernels turned round. */
static bool is_dense_depthwise(const NstConv *conv)
{
    return conv_is_depthwise(conv) && conv->sy == 1 && conv->sx == 1;
}

static size_t framed_plane(const NstConv *conv)
{
    return (size_t)(conv->ho + 2 * (conv->kh - 1) * conv->dy) * (size_t)framed_width(conv);
}

static void turned_depthwise(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                             float *framed, float *gx)
{
    const int taps = conv->kh * conv->kw, width = framed_width(conv);
    float *turned = framed + align_floats(framed_plane(conv));
    for (int t = 0; t < taps; t++)
        turned[t] = k[taps - 1 - t];
    frame_with_zeros(conv, gy, 0, conv->ho + 2 * (conv->kh - 1) * conv->dy, framed);
    const NstDepthwise rows = {conv->kh, conv->kw, 1, 1, conv->dy, conv->dx, turned, 0, width};
    context->dsp->depthwise_rows(gx, conv->w, framed, &rows, conv->w, conv->h);
}

static void scatter_depthwise(const NstConv *conv, const float *gy, const float *k, float *gx)
{
    memset(gx, 0, conv_plane_in(conv) * sizeof(*gx));
    for (int i = 0; i < conv->ho; i++, gy += conv->wo)
        for (int t = 0; t < conv->kh * conv->kw; t++) {
            const int y = i * conv->sy + t / conv->kw * conv->dy, x = t % conv->kw * conv->dx;
            float *to = gx + (size_t)y * (size_t)conv->w + x;
            for (int j = 0; j < conv->wo; j++)
                to[(size_t)j * (size_t)conv->sx] += k[t] * gy[j];
        }
}

/* Floats of scratch that a thread needs */
static size_t depthwise_scratch(const NstConv *conv)
{
    const size_t taps = (size_t)(conv->kh * conv->kw);
    return is_dense_depthwise(conv) ? align_floats(framed_plane(conv)) + align_floats(taps) : 0;
}

static void depthwise_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                                 float *gx)
{
    int taps = conv->kh * conv->kw;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->ci; c++) {
        const float *from = gy + (size_t)c * conv_plane_out(conv);
        float *to = gx + (size_t)c * conv_plane_in(conv);
        if (is_dense_depthwise(conv))
            turned_depthwise(context, conv, from, k + c * taps,
                             context->scratch + (size_t)thread_index() * depthwise_scratch(conv), to);
        else
            scatter_depthwise(conv, from, k + c * taps, to);
    }
}

/* gx of the padded picture */
static void padded_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k,
                              float *gx)
{
    if (conv_is_depthwise(conv))
        depthwise_input_grad(context, conv, gy, k, gx);
    else if (is_correlation(conv) && conv->kh * conv->kw == 1)
        pointwise_input_grad(context, conv, gy, k, gx);
    else if (is_correlation(conv))
        correlation_input_grad(context, conv, gy, k, gx);
    else
        scatter_input_grad(context, conv, gy, k, gx);
}

/* The convolution of gy, to the gradient of what lies in memory, that winograd_forward can do; false: none */
static bool tiled_input_grad(const NstConv *shape, NstConv *turned)
{
    const NstConv conv = conv_stored(shape);
    const int reach_y = (conv.kh - 1) * conv.dy, reach_x = (conv.kw - 1) * conv.dx;
    if (conv_is_depthwise(&conv) || !is_correlation(&conv) || conv.pad_top > reach_y || conv.pad_left > reach_x ||
        conv.h - conv.from_h - conv.pad_top > reach_y || conv.w - conv.from_w - conv.pad_left > reach_x)
        return false;
    *turned = correlation(&conv);
    turned->ho = conv.from_h;
    turned->wo = conv.from_w;
    turned->h = conv.from_h + reach_y;
    turned->w = conv.from_w + reach_x;
    turned->y_plane = conv_plane_out(turned);
    turned->from_h = conv.ho;
    turned->from_w = conv.wo;
    turned->pad_top = reach_y - conv.pad_top;
    turned->pad_left = reach_x - conv.pad_left;
    turned->pad_mode = NST_PAD_ZERO;
    return winograd_fits(turned);
}

static void run_tiled(const NstConvContext *context, const NstConv *turned, const float *gy, const float *k, bool add,
                      float *gx)
{
    NstConvContext inner = *context;
    if (!context->packed) {
        winograd_kernels(context->dsp, turned, k, true, context->scratch);
        inner.packed = context->scratch;
        inner.scratch += align_floats(winograd_kernels_size(context->dsp, turned));
    }
    winograd_forward(&inner, turned, gy, inner.packed, NULL, add, gx);
}

/* Whether the padding has a gradient, which goes to what it repeats */
static bool is_framed(const NstConv *conv, const int pad[4])
{
    return conv->pad_mode != NST_PAD_ZERO && !pad_is_none(pad);
}

/* Floats of a gradient of the padded picture */
static size_t padded_size(const NstConv *conv)
{
    return conv->from_h ? align_floats((size_t)conv->ci * conv_plane_in(conv)) : 0;
}

void conv_input_grad(const NstConvContext *context, const NstConv *shape, const float *gy, const float *k, bool add,
                     float *gx)
{
    const NstConv whole = conv_stored(shape), *conv = &whole;
    const int pad[4] = {[NST_TOP] = conv->pad_top, [NST_BOTTOM] = conv->h - conv->from_h - conv->pad_top,
                        [NST_LEFT] = conv->pad_left, [NST_RIGHT] = conv->w - conv->from_w - conv->pad_left};
    float *padded = context->scratch;
    NstConvContext inner = *context;
    NstConv turned;
    inner.scratch += padded_size(shape);
    if (tiled_input_grad(conv, &turned)) {
        run_tiled(&inner, &turned, gy, k, add, gx);
        if (is_framed(conv, pad)) {
            conv_frame_grad(&inner, conv, gy, k, padded);
            pad_frame_adjoint(padded, conv->ci, conv->from_h, conv->from_w, pad, conv->pad_mode, context->threads, gx);
        }
    } else if (pad_is_none(pad) && !add) {
        padded_input_grad(&inner, conv, gy, k, gx);
    } else {
        padded_input_grad(&inner, conv, gy, k, padded);
        pad_planes_adjoint(padded, conv->ci, conv->from_h, conv->from_w, pad, conv->pad_mode, context->threads, add,
                           gx);
    }
}

size_t conv_input_grad_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    size_t padded = padded_size(conv);
    NstConv turned;
    if (tiled_input_grad(conv, &turned)) {
        const NstConv whole = conv_stored(conv);
        return padded + max_size(conv_forward_scratch(dsp, &turned, threads), conv_frame_scratch(&whole, threads));
    }
    if (conv_is_depthwise(conv))
        return padded + (size_t)threads * depthwise_scratch(conv);
    if (!is_correlation(conv))
        return padded + (size_t)threads * align_floats((size_t)(CHANNEL_CHUNK * conv->kh * conv->kw) * COLUMNS_MAX);
    padded += align_floats(kernel_count(conv));
    if (conv->kh * conv->kw > 1)
        return padded + (size_t)threads * band_scratch(dsp, conv);
    turned = correlation(conv);
    return padded + conv_forward_scratch(dsp, &turned, threads);
}

/* The tiled convolution that a use comes down to; false: none. */
static bool packed_conv(const NstConv *conv, NstConvUse use, NstConv *forward)
{
    *forward = *conv;
    return use == NST_CONV_FORWARD ? winograd_fits(conv) : tiled_input_grad(conv, forward);
}

size_t conv_packed_size(const NstDsp *dsp, const NstConv *conv, NstConvUse use)
{
    NstConv forward;
    if (use == NST_CONV_FORWARD && conv_is_product(conv))
        return product_packed_size(dsp, conv);
    return packed_conv(conv, use, &forward) ? winograd_kernels_size(dsp, &forward) : 0;
}

void conv_pack(const NstDsp *dsp, const NstConv *conv, NstConvUse use, const float *k, float *packed)
{
    NstConv forward;
    if (use == NST_CONV_FORWARD && conv_is_product(conv))
        product_pack(dsp, conv, k, packed);
    else if (packed_conv(conv, use, &forward))
        winograd_kernels(dsp, &forward, k, use == NST_CONV_INPUT_GRAD, packed);
}

/* ---- gradient of the kernels ---- */

/* 3x3 kernels with stride 1 that read few planes of x or gy for each: straight from their rows */
static bool takes_tap_dots(const NstConv *conv)
{
    return conv->kh == 3 && conv->kw == 3 && conv->sy == 1 && conv->sx == 1 && conv->dy == 1 && conv->dx == 1 &&
           (conv_is_depthwise(conv) || (conv->groups == 1 && conv->co <= NST_FEW_MAX));
}

/* The kernels that read one plane of x: the only one, or those of all results. */
static void tap_dots_of_plane(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                              int plane, float *gk)
{
    const bool depthwise = conv_is_depthwise(conv);
    const int first = depthwise ? plane : 0, n = depthwise ? 1 : conv->co;
    double sums[NST_FEW_MAX][9] = {{0}};
    for (int i = 0; i < conv->ho; i++)
        for (int o = 0; o < n; o++)
            context->dsp->tap_dots(x + (size_t)plane * conv_plane_in(conv) + (size_t)i * (size_t)conv->w, conv->w,
                                   gy + (size_t)(first + o) * conv_plane_out(conv) + (size_t)i * (size_t)conv->wo,
                                   conv->wo, sums[o]);
    for (int o = 0; o < n; o++)
        for (int t = 0; t < 9; t++)
            gk[(depthwise ? plane : o * conv->ci + plane) * 9 + t] += (float)sums[o][t];
}

static void tap_dots_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                                 float *gk)
{
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int c = 0; c < conv->ci; c++)
        tap_dots_of_plane(context, conv, x, gy, c, gk);
}

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

static int block_count(const NstConv *conv)
{
    return strips_fit(conv) ? strips_count(conv) : (int)columns_block_count(conv);
}

static int partial_count(const NstConv *conv)
{
    return min_int(block_count(conv), PARTIALS);
}

/* Floats of scratch of a thread */
static size_t block_scratch(const NstConv *conv)
{
    return align_floats(strips_fit(conv) ? strips_size(conv) : columns_size(conv));
}

/* Adds a block's share of the kernels of one group. */
static void add_columns(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy, int group,
                        int block, float *columns, float *sum)
{
    const int co = conv->co / conv->groups, rows = columns_rows(conv);
    const size_t first = (size_t)block * columns_block_size(conv), n = columns_in_block(conv, (size_t)block);
    const float *picture = x + (size_t)(group * (conv->ci / conv->groups)) * conv_plane_in(conv);
    int ld;
    const float *b = columns_of_block(conv, picture, first, n, columns, &ld);
    context->gemm(0, 1, co, rows, (int)n, gy + (size_t)(group * co) * conv_plane_out(conv) + first,
                  (int)conv_plane_out(conv), b, ld, 1, sum + (size_t)(group * co) * (size_t)rows, rows);
}

/* The sum over every PARTIALS-th block, for all groups. */
static void partial_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy,
                                int partial, float *scratch, float *sum)
{
    memset(sum, 0, kernel_count(conv) * sizeof(*sum));
    for (int block = partial; block < block_count(conv); block += PARTIALS)
        if (strips_fit(conv))
            strips_add(context->dsp, conv, x, gy, block, scratch, sum);
        else
            for (int g = 0; g < conv->groups; g++)
                add_columns(context, conv, x, gy, g, block, scratch, sum);
}

void conv_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy, float *gk)
{
    if (takes_tap_dots(conv)) {
        tap_dots_weight_grad(context, conv, x, gy, gk);
        return;
    }
    if (conv_is_depthwise(conv)) {
        depthwise_weight_grad(context, conv, x, gy, gk);
        return;
    }
    size_t count = align_floats(kernel_count(conv));
    float *sums = context->scratch, *scratch = sums + (size_t)partial_count(conv) * count;
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int p = 0; p < partial_count(conv); p++)
        partial_weight_grad(context, conv, x, gy, p, scratch + (size_t)thread_index() * block_scratch(conv),
                            sums + (size_t)p * count);
    for (int p = 0; p < partial_count(conv); p++)
        context->dsp->add(gk, gk, sums + (size_t)p * count, kernel_count(conv));
}

size_t conv_weight_grad_scratch(const NstConv *conv, int threads)
{
    if (takes_tap_dots(conv))
        return 0;
    if (conv_is_depthwise(conv))
        return (size_t)threads * (size_t)conv->wo;
    return (size_t)partial_count(conv) * align_floats(kernel_count(conv)) + (size_t)threads * block_scratch(conv);
}
