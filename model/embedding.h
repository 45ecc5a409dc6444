/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_EMBEDDING_H
#define NST_MODEL_EMBEDDING_H

#include <nst/compute.h>

#include "graph.h"

/*
 * A style layer e = W x + b, a 1x1 convolution without a ReLU, as slim loss networks have. Its Gram matrix follows from
 * that of x with a row of ones, and the gradient for x from the matrix's: with M = [W b], sums over all positions and X
 * = [x 1]
 *
 *     sum e e^T = M (sum X X^T) M^T          d/dX of sum of d e e^T = M^T d M X
 *
 * So e itself is never computed.
 */
typedef struct NstEmbedding {
    int c, base;   /* channels of e and x */
    float *matrix; /* M: c x (base + 1); NULL: there is none */
} NstEmbedding;

/* Where *node is such a convolution: its input becomes *node. NST_ENOMEM */
int embedding_open(NstEmbedding *embedding, const NstGraph *graph, int *node, NstError *err);
void embedding_close(NstEmbedding *embedding);

/* In place, with c (base + 1) floats of scratch: sums of X to those of e; the factor of e's gradient to that of X's */
void embedding_gram(const NstEmbedding *embedding, NstGemm gemm, float *scratch, float *gram);
void embedding_factor(const NstEmbedding *embedding, NstGemm gemm, float *scratch, float *factor);

#endif
