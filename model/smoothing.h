/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SMOOTHING_H
#define NST_MODEL_SMOOTHING_H

#include <nst/model.h>

/*
 * A symmetric positive definite operator on pictures of 3 x h x w samples, which lets an optimiser move broad parts of a
 * picture as readily as single pixels (a preconditioner; optimisation in Fourier space, Olah et al. 2017, has the same
 * aim):
 *
 *   K = 1 + sum of A_l^T A_l,    A_l = B_{2^l} ... B_4 B_2 B_1    l = 1 to 3
 *
 * B_d: 1/4 1/2 1/4 over samples d apart, in rows and columns; a sample beyond the edge counts as the middle one, which
 * makes B_d symmetric. No step anywhere, so that a picture after a few moves has no blocks.
 */
typedef struct NstSmoothing NstSmoothing;

int smoothing_create(NstSmoothing **smoothing, int h, int w, NstError *err);
void smoothing_free(NstSmoothing **smoothing);

/* v becomes K v. */
void smoothing_apply(NstSmoothing *smoothing, float *v);

#endif
