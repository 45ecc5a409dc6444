/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SMOOTHING_H
#define NST_MODEL_SMOOTHING_H

#include <nst/model.h>

/*
 * A symmetric positive definite operator on pictures of 3 x h x w samples, which lets an optimiser move broad parts of a
 * picture as readily as single pixels (a preconditioner; optimisation in Fourier space, Olah et al. 2017, has the same
 * aim):
 *
 *   K = 1 + sum of A_l^T A_l    l = 1 to 3, as far as there are 2x2 samples
 *
 * A_l: l times the mean of 2x2 samples, then 1/4 1/2 1/4 over rows and columns; each A_l^T A_l keeps the mean of what is
 * even.
 */
typedef struct NstSmoothing NstSmoothing;

int smoothing_create(NstSmoothing **smoothing, int h, int w, NstError *err);
void smoothing_free(NstSmoothing **smoothing);

/* v becomes K v. */
void smoothing_apply(NstSmoothing *smoothing, float *v);

#endif
