/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_CLIP_MEASURES_H
#define NST_MODEL_CLIP_MEASURES_H

#include <stddef.h>
#include <stdint.h>

#include <nst/error.h>

/*
 * What a clip is measured by beside its motion (warp_error.h): sharpness, and how still it is where its input is.
 * Pictures are 3 x h x w, 0 to 1.
 */

/* Mean luma of a picture; BT.709 weights. */
double measure_luma(const float *picture, int h, int w);

/* Root of the mean squared gradient of the luma: the differences to the pixels on the right and below. At least 2x2. */
double measure_sharpness(const float *picture, int h, int w);

/*
 * Clears the marks of the pixels where two frames of the input differ: where the absolute difference of luma, as a mean
 * over 7x7 pixels, exceeds 4/255. Noise of 2/255 gives 2.3/255. Returns how many marks are left. scratch: 2 x h x w.
 */
size_t measure_still(const float *a, const float *b, int h, int w, float *scratch, uint8_t *still);

/* Mean absolute difference of two frames over the marked pixels; 0 where there are none. */
double measure_flicker(const float *a, const float *b, int h, int w, const uint8_t *still);

/* The standard deviation over time of each sample, taken while the frames go by (Welford 1962). */
typedef struct NstDeviation {
    size_t pixels;
    int frames;
    double *mean, *square; /* 3 x pixels: means, and sums of squared deviations from them */
} NstDeviation;

int deviation_create(NstDeviation *deviation, int h, int w, NstError *err);
void deviation_free(NstDeviation *deviation);
void deviation_add(NstDeviation *deviation, const float *picture);

/* Mean over the three samples of each marked pixel; 0 where none is marked. */
double deviation_mean(const NstDeviation *deviation, const uint8_t *still);

#endif
