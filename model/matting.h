/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_MATTING_H
#define NST_MODEL_MATTING_H

#include <nst/train.h>

/*
 * The matting Laplacian L of a picture (Levin et al. 2008, eq. 12) with windows of 3x3, never written out: L v is made
 * window by window from the means of v and of its products with the colours (He, Sun and Tang 2010, eq. 9 to 11).
 */
typedef struct NstMatting NstMatting;

int matting_create(NstMatting **matting, const NstImage *picture, const NstCompute *compute, NstError *err);
void matting_free(NstMatting **matting);

/* sum over channels of y^T L y / (3 h w) for y of the picture's size; weight times its gradient is added to grad. */
double matting_evaluate(NstMatting *matting, const float *y, float weight, float *grad);

#endif
