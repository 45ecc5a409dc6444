/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_GUIDED_H
#define NST_MODEL_GUIDED_H

#include "kernels/dsp.h"
#include "picture.h"
#include "threads.h"

/*
 * A painting of the working size enlarged to the picture's, with the picture's edges: a fast guided filter (He and Sun
 * 2015) whose guide is luma. Around each sample of the small pictures the painting p is close to a I + b, I being the
 * source's luma, with
 *
 *     a = cov(I, p) / (var(I) + eps)     (He, Sun and Tang 2010, equation 5)
 *
 * over a window; a is averaged over a window again. Their b is averaged too, which blurs every stroke that the source
 * does not have. Here b = p - a I stays as it is, so that the small pictures' samples are kept as they are, and a and
 * b, enlarged by Catmull-Rom's cubic, give the large painting a I + b.
 */
typedef struct NstGuided NstGuided;

int guided_create(NstGuided **guided, const NstCompute *compute, int small_width, int small_height, int width,
                  int height, NstError *err);
void guided_free(NstGuided **guided);
size_t guided_bytes_for(const NstCompute *compute, int small_width, int small_height, int width);

/* Takes the source at the working size; to be called before anything writes over it. */
void guided_take_source(NstGuided *guided, const NstPlanes *source);

/* Finds a and b. */
void guided_take_painting(NstGuided *guided, const NstPlanes *painting);

/* Rows may be asked for in any order; those of one slot one after the other, best in ascending order. */
void guided_begin_rows(NstGuided *guided, int slot);

/* luma: of row y of the large source, 0..1. rgb: room for that row of the painting, in the painting's scale. */
void guided_row(NstGuided *guided, int slot, int y, const float *luma, float *const rgb[3]);

/* Luma (ITU-R BT.709), 0..1, of a row of n colours of this scale. */
void guided_luma(const NstDsp *dsp, float *luma, float *const rgb[3], float scale, int n);

#endif
