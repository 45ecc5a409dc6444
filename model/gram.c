/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gram.h"

#include <string.h>

#include "kernels/dsp.h"
#include "threads.h"
#include "util.h"

/* Blocks are of fixed size, so that the bits do not depend on how many threads share them. */
enum {
    BLOCK_ROWS = 32,
    GROUP_COLUMNS = 96,
    PACKED = 1 << 17, /* floats of a strip of all channels, about half of an L2 cache */
    STRIP_MAX = 1024, /* samples of a strip; seven rows of it fit the L1 cache */
    STRIP_MIN = 48,   /* with fewer, as of very many channels, it is left to the matrix product */
    BLOCK_FLOATS = 1 << 16, /* of a product's result, so that it is still in the L2 cache when it is rectified */
    BLOCK_MIN = 256         /* columns */
};

NstCompute gram_compute(const NstCompute *compute)
{
    NstCompute result = *compute;
    result.threads = threads_count(compute->threads);
    if (!result.gemm) {
        NstDsp dsp;
        dsp_init(&dsp, result.cpu);
        result.gemm = dsp.gemm;
    }
    return result;
}

/*
 * A part of all channels' samples, one row after the other: in memory rows may lie a power of two apart, which share
 * few sets of a cache.
 */
typedef struct Strip {
    const NstDsp *dsp;
    int c, rows, length; /* rows: c, and as many of zeros as make blocks of `dots` whole */
    int ones;            /* the row of ones, or -1 */
    float *packed;       /* rows x length */
} Strip;

static Strip strip_for(const NstDsp *dsp, int c, bool ones, float *packed)
{
    const int count = c + ones, rows = count + NST_DOTS_A + NST_DOTS_B;
    const int length = min_int(PACKED / rows / NST_DOTS_MULTIPLE * NST_DOTS_MULTIPLE, STRIP_MAX);
    return (Strip){dsp, count, rows, length, ones ? c : -1, packed};
}

static void pack_row(const Strip *strip, const float *f, int n, int at, int row)
{
    float *to = strip->packed + (ptrdiff_t)row * strip->length;
    const size_t there = row < strip->c ? (size_t)min_int(strip->length, n - at) : 0;
    if (row == strip->ones)
        for (size_t i = 0; i < there; i++)
            to[i] = 1;
    else if (there)
        memcpy(to, f + (ptrdiff_t)row * n + at, there * sizeof(*to));
    memset(to + there, 0, ((size_t)strip->length - there) * sizeof(*to));
}

/* Adds a strip's share of the block of the matrix whose first element is at row top and column left. */
static void add_block(const Strip *strip, int top, int left, float *sum)
{
    const int c = strip->c;
    const size_t length = (size_t)strip->length;
    for (int i = top; i < min_int(top + BLOCK_ROWS, c); i += NST_DOTS_A)
        for (int j = left; j < min_int(left + GROUP_COLUMNS, c); j += NST_DOTS_B) {
            float tile[NST_DOTS_A * NST_DOTS_B] = {0};
            if (j + NST_DOTS_B <= i) /* left of the diagonal */
                continue;
            strip->dsp->dots(strip->packed + (size_t)i * length, strip->packed + (size_t)j * length, length, length,
                             tile);
            for (int r = 0; r < min_int(NST_DOTS_A, c - i); r++)
                for (int s = 0; s < min_int(NST_DOTS_B, c - j); s++)
                    sum[(ptrdiff_t)(i + r) * c + j + s] += tile[r * NST_DOTS_B + s];
        }
}

/* Rows of blocks right of the diagonal:  * * *      */
/*                                          * *      */
/*                                            *      */
void gram_add(const NstCompute *compute, const float *f, int c, bool ones, int n, float *sum)
{
    const NstCompute use = gram_compute(compute);
    float packed[PACKED];
    NstDsp dsp;
    dsp_init(&dsp, use.cpu);
    const Strip strip = strip_for(&dsp, c, ones, packed);
    if (strip.length < STRIP_MIN && !ones) {
        use.gemm(0, 1, c, c, n, f, n, f, n, 1, sum, c);
        return;
    }
#pragma omp parallel num_threads(use.threads)
    for (int at = 0; at < n; at += strip.length) {
#pragma omp for
        for (int row = 0; row < strip.rows; row++)
            pack_row(&strip, f, n, at, row);
#pragma omp for schedule(dynamic)
        for (int top = 0; top < strip.c; top += BLOCK_ROWS)
            for (int left = top; left < strip.c; left += GROUP_COLUMNS)
                add_block(&strip, top, left, sum);
    }
}

void gram_finish(float *sum, int c, float scale)
{
    for (int i = 0; i < c; i++)
        for (int j = i; j < c; j++)
            sum[(ptrdiff_t)j * c + i] = sum[(ptrdiff_t)i * c + j] *= scale;
}

void gram_matrix(const NstCompute *compute, const float *f, int c, int n, float *gram)
{
    memset(gram, 0, (size_t)c * (size_t)c * sizeof(*gram));
    gram_add(compute, f, c, false, n, gram);
    gram_finish(gram, c, 1 / (float)n);
}

/* What the row of ones adds to n samples of each channel */
static void add_shift(const float *d, int c, int n, int stride, bool add, float *grad)
{
    for (int k = 0; k < c; k++) {
        const float shift = d[(ptrdiff_t)k * (c + 1) + c];
        float *to = grad + (ptrdiff_t)k * stride;
        for (int i = 0; i < n; i++)
            to[i] = add ? to[i] + shift : shift;
    }
}

/* The gradient is read whether it passes or not: compilers vectorise no loads that may not happen. */
static void rectify(const float *f, int c, int n, int stride, float *grad)
{
    for (int k = 0; k < c; k++, f += stride, grad += stride)
        for (int i = 0; i < n; i++) {
            const float gradient = grad[i];
            grad[i] = f[i] > 0 ? gradient : 0;
        }
}

void gram_gradient(const NstCompute *compute, const float *d, const float *f, int c, int n, NstGramGradient how,
                   float *grad)
{
    const NstCompute use = gram_compute(compute);
    const int columns = max_int(BLOCK_FLOATS / c, BLOCK_MIN) / NST_DOTS_MULTIPLE * NST_DOTS_MULTIPLE;

#pragma omp parallel for num_threads(use.threads)
    for (int left = 0; left < n; left += columns) {
        const int width = min_int(columns, n - left);
        if (how.ones)
            add_shift(d, c, width, n, how.add, grad + left);
        use.gemm(0, 0, c, width, c, d, c + how.ones, f + left, n, how.add || how.ones, grad + left, n);
        if (how.rectify)
            rectify(f + left, c, width, n, grad + left);
    }
}

void gram_product(const NstCompute *compute, const float *d, const float *f, int c, int n, bool add, float *grad)
{
    gram_gradient(compute, d, f, c, n, (NstGramGradient){.add = add}, grad);
}
