/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blas.h"

#include <cblas.h>

static void gemm(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                 float beta, float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, m, n, k, 1.0f,
                a, lda, b, ldb, beta, c, ldc);
}

NstGemm blas_gemm(void)
{
    openblas_set_num_threads(1);
    return gemm;
}
