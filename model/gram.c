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
    STRIP = 1024, /* samples at a time */
    BLOCK_COLUMNS = 2048
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
 * STRIP samples of rows first .. first + rows - 1 of f, one row after the other: rows that lie a power of two apart in
 * memory share few sets of a cache. What is not there is zero.
 */
static void pack_strip(const float *f, int c, int n, int first, int rows, int left, float *packed)
{
    size_t have = (size_t)min_int(STRIP, n - left);
    for (int r = first; r < first + rows; r++, packed += STRIP) {
        size_t there = r < c ? have : 0;
        if (there)
            memcpy(packed, f + (ptrdiff_t)r * n + left, there * sizeof(*packed));
        memset(packed + there, 0, (STRIP - there) * sizeof(*packed));
    }
}

/* Adds a strip's share of the block of the matrix whose first element is at row top and column left. */
static void add_block(const NstDsp *dsp, const float *rows, const float *columns, int top, int left, int c, float *sum)
{
    for (int i = top; i < min_int(top + BLOCK_ROWS, c); i += NST_DOTS_A)
        for (int j = left; j < min_int(left + GROUP_COLUMNS, c); j += NST_DOTS_B) {
            float tile[NST_DOTS_A * NST_DOTS_B] = {0};
            if (j + NST_DOTS_B <= i) /* left of the diagonal */
                continue;
            dsp->dots(rows + (i - top) * STRIP, columns + (j - left) * STRIP, STRIP, STRIP, tile);
            for (int r = 0; r < min_int(NST_DOTS_A, c - i); r++)
                for (int s = 0; s < min_int(NST_DOTS_B, c - j); s++)
                    sum[(ptrdiff_t)(i + r) * c + j + s] += tile[r * NST_DOTS_B + s];
        }
}

/* Rows of blocks right of the diagonal:  * * *      */
/*                                          * *      */
/*                                            *      */
void gram_add(const NstCompute *compute, const float *f, int c, int n, float *sum)
{
    const NstCompute use = gram_compute(compute);
    NstDsp dsp;
    dsp_init(&dsp, use.cpu);
#pragma omp parallel for schedule(dynamic) num_threads(use.threads)
    for (int top = 0; top < c; top += BLOCK_ROWS) {
        float rows[BLOCK_ROWS * STRIP], columns[GROUP_COLUMNS * STRIP];
        for (int at = 0; at < n; at += STRIP) {
            pack_strip(f, c, n, top, BLOCK_ROWS, at, rows);
            for (int left = top; left < c; left += GROUP_COLUMNS) {
                pack_strip(f, c, n, left, GROUP_COLUMNS, at, columns);
                add_block(&dsp, rows, columns, top, left, c, sum);
            }
        }
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
    gram_add(compute, f, c, n, gram);
    gram_finish(gram, c, 1 / (float)n);
}

void gram_add_product(const NstCompute *compute, const float *d, const float *f, int c, int n, float *grad)
{
    const NstCompute use = gram_compute(compute);

#pragma omp parallel for num_threads(use.threads)
    for (int left = 0; left < n; left += BLOCK_COLUMNS)
        use.gemm(0, 0, c, min_int(BLOCK_COLUMNS, n - left), c, d, c, f + left, n, 1, grad + left, n);
}
