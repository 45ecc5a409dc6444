/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_BLAS_H
#define NST_TOOLS_BLAS_H

#include <nst/compute.h>

/*
 * OpenBLAS as the matrix product of libnst. Its thread count belongs to the process, so only a program may use it, not
 * the library: this sets it to 1, as libnst calls the product from threads of its own.
 */
NstGemm blas_gemm(void);

#endif
