/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_KERNELS_FEW_H
#define NST_MODEL_KERNELS_FEW_H

#include "dsp.h"

enum { FEW_VECTORS_MAX = 6 };

/* gcc 12 loads a vector anew for each of two or three uses, though registers are free: it is told not to. */
#if defined(__x86_64__) && !defined(__clang__)
#define KEEP_VECTOR(v) __asm__("" : "+v"(v))
#else
#define KEEP_VECTOR(v) (void)(v)
#endif

/* NstDsp.few_row in plain C */
static inline void few_row_plain(const NstFewRow *r)
{
    for (int j = 0; j < r->n; j++)
        for (int o = 0; o < r->co; o++) {
            const float *k = r->k + (ptrdiff_t)o * r->ci * r->kh * r->kw;
            float sum = r->bias ? r->bias[o] : 0;
            for (int c = 0; c < r->ci; c++)
                for (int p = 0; p < r->kh; p++)
                    for (int q = 0; q < r->kw; q++)
                        sum += *k++ * r->x[c * r->x_plane + p * r->x_stride + j + q];
            r->y[o * r->y_plane + j] = sum;
        }
}

#endif
