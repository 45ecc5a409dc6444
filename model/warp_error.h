/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_WARP_ERROR_H
#define NST_MODEL_WARP_ERROR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Pictures moved along a motion, and how far a video is from moving as its input does: the warping error of Lai et al.
 * 2018 (section 4.2).
 *
 * A motion field leads from each pixel of a frame to where its content is in the next one: 2 x h x w floats, to the
 * right and down, in pixels. Pictures are 3 x h x w, 0 to 1.
 */

/*
 * Marks (1, else 0) the pixels of a frame whose content is seen in the next one too: the motion leads to a place in it,
 * and the motion backward from there leads back, |f + b|^2 <= 0.01 (|f|^2 + |b|^2) + 0.5 (Ruder et al. 2016, eq. 5).
 * Returns how many there are.
 */
size_t warp_visible(const float *forward, const float *backward, int h, int w, uint8_t *visible);

/*
 * Unmarks the boundaries between motions, |grad u|^2 + |grad v|^2 > 0.01 |f|^2 + 0.002 (Ruder et al. 2016, eq. 6).
 * Returns how many pixels are left.
 */
size_t warp_leave_boundaries(const float *flow, int h, int w, uint8_t *visible);

/* Fetches (bilinear) each pixel of `next` from where the motion leads; 0 where that is outside of it. */
void warp_fetch(const float *next, const float *flow, int h, int w, float *out);

/*
 * Mean over the visible pixels and the three channels of the squared difference between a frame and the next one,
 * fetched (bilinear) from where the motion leads. 0 where nothing is visible. Visible pixels whose motion leads out of
 * the picture do not count.
 */
double warp_error(const float *frame, const float *next, const float *flow, const uint8_t *visible, int h, int w);

#endif
