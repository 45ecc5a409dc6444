/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_RECOLOR_H
#define NST_MODEL_RECOLOR_H

#include <nst/train.h>

/* Colours of pictures, in place. */

/* Gives the colours the mean and the covariance of `like`'s. */
void recolor_match(NstImage *picture, const NstImage *like);

/* All three channels become luma (ITU-R BT.709). */
void recolor_gray(NstImage *picture);

/* The luma of `painted` with the colour differences of the picture. */
void recolor_keep_chroma(NstImage *picture, const NstImage *painted);

#endif
