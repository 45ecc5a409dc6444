/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SELECTION_H
#define NST_MODEL_SELECTION_H

#include <nst/compute.h>

#include "graph.h"

/*
 * Making a convolutional network narrower (after He et al. 2017, Channel Pruning): of each layer's channels those are
 * kept from which the others can best be predicted, x ~ A x_kept + a, and what the next convolution would have read of
 * the others is put into its weights: W x + b ~ (W A) x_kept + (W a + b).
 */

/* Mean and second moments of features, over pictures */
typedef struct NstSpread {
    int c, pictures;
    double *sum;      /* c: of the means */
    double *products; /* c x c: of the Gram matrices */
    float *gram;      /* scratch */
} NstSpread;

int spread_open(NstSpread *spread, int c, NstError *err);
void spread_close(NstSpread *spread);
void spread_add(NstSpread *spread, const NstCompute *compute, const float *f, int n); /* f: c x n */

/* Which n of c channels are kept, in the order of choice, and how to predict all of them */
typedef struct NstSelection {
    int c, n;
    int *kept;        /* n */
    double *predict;  /* A: c x n */
    double *constant; /* a: c */
} NstSelection;

/* The greedy choice: each time the channel that takes most of the variance that is left. */
int selection_choose(NstSelection *selection, const NstSpread *spread, int n, NstError *err);
void selection_free(NstSelection *selection);

/*
 * The weights and bias of a narrow convolution from those of the wide one. `before`: what its input was narrowed to, or
 * NULL where it was not; `after`: which of its channels are kept.
 */
void selection_narrow(const NstTensor *weight, const NstTensor *bias, const NstSelection *before,
                      const NstSelection *after, NstTensor *narrow_weight, NstTensor *narrow_bias);

#endif
