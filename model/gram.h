/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_GRAM_H
#define NST_MODEL_GRAM_H

#include <stdbool.h>

#include <nst/compute.h>

/* Features f are C x n with n = H W; matrices are C x C. The result does not depend on compute->threads. */

/* The same with a matrix product and a thread count in place of "built-in" and "all". */
NstCompute gram_compute(const NstCompute *compute);

/* gram = f f^T / n */
void gram_matrix(const NstCompute *compute, const float *f, int c, int n, float *gram);

/*
 * The same in pieces: sum += f f^T, above the diagonal only, for each part of the samples; then scaled, and both
 * halves. ones: f counts as followed by a row of ones, which is not stored, and the matrix is (C + 1) x (C + 1)
 */
void gram_add(const NstCompute *compute, const float *f, int c, bool ones, int n, float *sum);
void gram_finish(float *sum, int c, float scale);

/* grad = d f, C x n, where d is a symmetric matrix; `add`: grad += d f */
void gram_product(const NstCompute *compute, const float *d, const float *f, int c, int n, bool add, float *grad);

typedef struct NstGramGradient {
    bool add;
    bool ones;    /* d is that of a matrix with ones, whose own gradient is left out */
    bool rectify; /* then grad = 0 where f is not more than 0: f is the output of a ReLU, grad becomes its input's */
} NstGramGradient;

/* The same with more to it */
void gram_gradient(const NstCompute *compute, const float *d, const float *f, int c, int n, NstGramGradient how,
                   float *grad);

#endif
