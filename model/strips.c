/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "strips.h"

#include <string.h>

#include "columns.h"
#include "util.h"

enum {
    MAX_CHANNELS = 128,    /* of x and gy; with more, the matrix product of gathered columns is as fast */
    STRIP_FLOATS = 1 << 16 /* aim for the size of a strip, half of a small L2 cache */
};

/*
 * Rows of gy get as long as those of x, with zeros behind, so that neighbouring rows are one run for all taps:
 *
 *    x   |x x x x x|x x x x x|x x x x x|x x x x x|     tap (p, q) begins p rows and q samples later
 *    gy  |g g g 0 0|g g g 0 0|
 */
typedef struct Strip {
    int first, rows; /* of gy */
    int length;      /* of the products */
    int stride;      /* of the channels of gy, then those of x, in the scratch */
} Strip;

bool strips_fit(const NstConv *conv)
{
    return conv->groups == 1 && conv->sy == 1 && conv->sx == 1 && conv->kh * conv->kw > 1 &&
           conv->ci + conv->co <= MAX_CHANNELS;
}

static int strip_rows(const NstConv *conv)
{
    return min_int(max_int(STRIP_FLOATS / ((conv->ci + conv->co) * conv->w), 1), conv->ho);
}

int strips_count(const NstConv *conv)
{
    return ceil_div(conv->ho, strip_rows(conv));
}

static Strip strip_at(const NstConv *conv, int index)
{
    const int rows = strip_rows(conv), first = index * rows;
    const int length = ceil_div(rows * conv->w, NST_DOTS_MULTIPLE) * NST_DOTS_MULTIPLE;
    const int reach = (conv->kh - 1) * conv->dy * conv->w + (conv->kw - 1) * conv->dx;
    return (Strip){first, min_int(rows, conv->ho - first), length,
                   ceil_div(length + reach, NST_DOTS_MULTIPLE) * NST_DOTS_MULTIPLE};
}

static int padded_co(const NstConv *conv)
{
    return ceil_div(conv->co, NST_DOTS_A) * NST_DOTS_A;
}

size_t strips_size(const NstConv *conv)
{
    return (size_t)(padded_co(conv) + conv->ci + NST_DOTS_B) * (size_t)strip_at(conv, 0).stride;
}

static void pack_gradient(const NstConv *conv, const Strip *strip, const float *gy, float *to)
{
    for (int c = 0; c < conv->co; c++) {
        float *row = to + (size_t)c * (size_t)strip->stride;
        const float *from = gy + (size_t)c * conv_plane_out(conv) + (size_t)strip->first * (size_t)conv->wo;
        for (int i = 0; i < strip->rows; i++, from += conv->wo, row += conv->w) {
            memcpy(row, from, (size_t)conv->wo * sizeof(*row));
            memset(row + conv->wo, 0, (size_t)(conv->w - conv->wo) * sizeof(*row));
        }
        memset(row, 0, (size_t)(strip->length - strip->rows * conv->w) * sizeof(*row));
    }
}

static void pack_picture(const NstConv *conv, const Strip *strip, const float *x, float *to)
{
    const size_t first = (size_t)strip->first * (size_t)conv->w, left = conv_plane_in(conv) - first;
    const size_t n = left < (size_t)strip->stride ? left : (size_t)strip->stride;
    for (int c = 0; c < conv->ci; c++, to += strip->stride) {
        memcpy(to, x + (size_t)c * conv_plane_in(conv) + first, n * sizeof(*to));
        memset(to + n, 0, ((size_t)strip->stride - n) * sizeof(*to));
    }
}

/* All taps of the kernels of NST_DOTS_A results, from o on, and NST_DOTS_B channels, from c on */
static void add_kernels(const NstDsp *dsp, const NstConv *conv, const Strip *strip, const float *gy, const float *x,
                        int o, int c, float *sum)
{
    const int taps = conv->kh * conv->kw;
    const size_t stride = (size_t)strip->stride;
    for (int t = 0; t < taps; t++) {
        const int shift = t / conv->kw * conv->dy * conv->w + t % conv->kw * conv->dx;
        float tile[NST_DOTS_A * NST_DOTS_B] = {0};
        dsp->dots(gy + (size_t)o * stride, x + (size_t)c * stride + shift, stride, (size_t)strip->length, tile);
        for (int r = 0; r < min_int(NST_DOTS_A, conv->co - o); r++)
            for (int s = 0; s < min_int(NST_DOTS_B, conv->ci - c); s++)
                sum[((o + r) * conv->ci + c + s) * taps + t] += tile[r * NST_DOTS_B + s];
    }
}

void strips_add(const NstDsp *dsp, const NstConv *conv, const float *x, const float *gy, int index, float *scratch,
                float *sum)
{
    const Strip strip = strip_at(conv, index);
    float *gradient = scratch, *picture = scratch + (size_t)padded_co(conv) * (size_t)strip.stride;
    pack_gradient(conv, &strip, gy, gradient);
    pack_picture(conv, &strip, x, picture);
    for (int c = 0; c < conv->ci; c += NST_DOTS_B)
        for (int o = 0; o < conv->co; o += NST_DOTS_A)
            add_kernels(dsp, conv, &strip, gradient, picture, o, c, sum);
}
