/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_IMAGE_H
#define NST_MODEL_IMAGE_H

#include <nst/train.h>

/* A part of a picture in its own coordinates, where sample i covers i to i + 1 */
typedef struct NstBox {
    double x, y, w, h;
} NstBox;

/*
 * Fills `out`, of the size it has, from a box of `in`: bilinear where it enlarges, and where it makes smaller a
 * triangle as wide as two of the new samples, so that nothing aliases.
 */
int image_resample(const NstImage *in, const NstBox *box, NstImage *out, NstError *err);

void image_mirror(NstImage *image); /* left becomes right */

/* Halves c planes of h x w samples by 2x2 averages; the last row or column of an odd size is left out. */
void image_halve(float *half, const float *full, int c, int h, int w);

/* Its transpose, added to `full`: each sample hands a quarter of its gradient to the four that it came from. */
void image_halve_backward(float *full, const float *half, int c, int h, int w);

#endif
