/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gram.h"

#include "kernels/dsp.h"
#include "threads.h"
#include "util.h"

/* Blocks are of fixed size, so that the bits do not depend on how many threads share them. */
enum {
    BLOCK_ROWS = 32,
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

/* Rows of blocks right of the diagonal, then the mirror image:  * * *      */
/*                                                                 * *      */
/*                                                                   *      */
static void add_blocks(const NstCompute *compute, const float *f, int c, int n, float beta, float *sum)
{
    const NstCompute use = gram_compute(compute);

#pragma omp parallel for schedule(dynamic) num_threads(use.threads)
    for (int top = 0; top < c; top += BLOCK_ROWS) {
        const float *rows = f + (ptrdiff_t)top * n;
        float *block = sum + (ptrdiff_t)top * c + top;
        use.gemm(0, 1, min_int(BLOCK_ROWS, c - top), c - top, n, rows, n, rows, n, beta, block, c);
    }
}

void gram_add(const NstCompute *compute, const float *f, int c, int n, float *sum)
{
    add_blocks(compute, f, c, n, 1, sum);
}

void gram_finish(float *sum, int c, float scale)
{
    for (int i = 0; i < c; i++)
        for (int j = i; j < c; j++)
            sum[(ptrdiff_t)j * c + i] = sum[(ptrdiff_t)i * c + j] *= scale;
}

void gram_matrix(const NstCompute *compute, const float *f, int c, int n, float *gram)
{
    add_blocks(compute, f, c, n, 0, gram);
    gram_finish(gram, c, 1 / (float)n);
}

void gram_add_product(const NstCompute *compute, const float *d, const float *f, int c, int n, float *grad)
{
    const NstCompute use = gram_compute(compute);

#pragma omp parallel for num_threads(use.threads)
    for (int left = 0; left < n; left += BLOCK_COLUMNS)
        use.gemm(0, 0, c, min_int(BLOCK_COLUMNS, n - left), c, d, c, f + left, n, 1, grad + left, n);
}
