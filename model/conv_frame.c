/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conv_frame.h"

#include <string.h>

#include "columns.h"
#include "threads.h"
#include "util.h"

/* A row of the padded picture, with its corners, or a column, without. */
typedef struct Line {
    bool across;
    int at;       /* which row or column */
    int first, n; /* samples */
    int taps;     /* of the kernels along it */
} Line;

static int lines_count(const NstConv *conv)
{
    return conv->h - conv->from_h + conv->w - conv->from_w;
}

static Line line_at(const NstConv *conv, int index)
{
    const int rows = conv->h - conv->from_h, column = index - rows;
    if (index < rows)
        return (Line){true, index < conv->pad_top ? index : conv->from_h + index, 0, conv->w, conv->kw};
    const int at = column < conv->pad_left ? column : conv->from_w + column;
    return (Line){false, at, conv->pad_top, conv->from_h, conv->kh};
}

/* Ci x (Co taps): the kernels' row, or column, `tap` */
static void gather_kernels(const NstConv *conv, const Line *line, int tap, const float *k, float *to)
{
    const int step = line->across ? 1 : conv->kw, first = tap * (line->across ? conv->kw : 1);
    for (int c = 0; c < conv->ci; c++)
        for (int o = 0; o < conv->co; o++)
            for (int t = 0; t < line->taps; t++)
                *to++ = k[(size_t)((o * conv->ci + c) * conv->kh * conv->kw + first + t * step)];
}

/* (Co taps) x n: row, or column, `at` of gy in the middle of zeros, shifted by each tap */
static void gather_gradient(const NstConv *conv, const Line *line, int at, const float *gy, float *to)
{
    const int length = line->across ? conv->wo : conv->ho;
    const size_t step = line->across ? 1 : (size_t)conv->wo, start = (size_t)at * (line->across ? (size_t)conv->wo : 1);
    for (int o = 0; o < conv->co; o++)
        for (int t = 0; t < line->taps; t++, to += line->n) {
            const float *from = gy + (size_t)o * conv_plane_out(conv) + start;
            const int shift = line->first - t, begin = min_int(max_int(-shift, 0), line->n);
            const int end = max_int(min_int(length - shift, line->n), begin);
            memset(to, 0, (size_t)begin * sizeof(*to));
            for (int i = begin; i < end; i++)
                to[i] = from[(size_t)(i + shift) * step];
            memset(to + end, 0, (size_t)(line->n - end) * sizeof(*to));
        }
}

typedef struct Sizes {
    size_t kernels, gradient, column;
} Sizes;

static Sizes sizes_of(const NstConv *conv)
{
    const size_t taps = (size_t)conv->co * (size_t)max_int(conv->kh, conv->kw);
    return (Sizes){align_floats(taps * (size_t)conv->ci), align_floats(taps * (size_t)max_int(conv->h, conv->w)),
                   align_floats((size_t)conv->ci * (size_t)conv->from_h)};
}

size_t conv_frame_scratch(const NstConv *conv, int threads)
{
    const Sizes sizes = sizes_of(conv);
    return (size_t)threads * (sizes.kernels + sizes.gradient + sizes.column);
}

static void line_grad(const NstConvContext *context, const NstConv *conv, const Line *line, const float *gy,
                      const float *k, float *scratch, float *frame)
{
    const Sizes sizes = sizes_of(conv);
    float *kernels = scratch, *gradient = kernels + sizes.kernels, *column = gradient + sizes.gradient;
    float *to = line->across ? frame + (size_t)line->at * (size_t)conv->w : column;
    const int rows = conv->co * line->taps, beyond = line->at - (line->across ? conv->ho : conv->wo) + 1;
    const int first = max_int(beyond, 0), last = min_int((line->across ? conv->kh : conv->kw) - 1, line->at);
    for (int tap = first; tap <= last; tap++) {
        gather_kernels(conv, line, tap, k, kernels);
        gather_gradient(conv, line, line->at - tap, gy, gradient);
        context->gemm(0, 0, conv->ci, line->n, rows, kernels, rows, gradient, line->n, tap > first, to,
                      line->across ? (int)conv_plane_in(conv) : line->n);
    }
    frame += (size_t)line->first * (size_t)conv->w + (size_t)line->at;
    for (int c = 0; !line->across && c < conv->ci; c++, frame += conv_plane_in(conv))
        for (int i = 0; i < line->n; i++)
            frame[(size_t)i * (size_t)conv->w] = *to++;
}

void conv_frame_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k, float *frame)
{
    const size_t scratch = conv_frame_scratch(conv, 1);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int i = 0; i < lines_count(conv); i++) {
        const Line line = line_at(conv, i);
        line_grad(context, conv, &line, gy, k, context->scratch + (size_t)thread_index() * scratch, frame);
    }
}
