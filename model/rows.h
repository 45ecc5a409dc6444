/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_ROWS_H
#define NST_MODEL_ROWS_H

#include <stdint.h>

/*
 * Conversion of single rows of samples. Like the functions of the DSP table: single-threaded, no state, any alignment,
 * n samples.
 */

/* Y'CbCr against R'G'B': kr and kb as in ITU-R BT.601, 709, 2020; levels of 8-bit samples. */
typedef struct NstYuv {
    float kr, kb;
    float y_shift, y_scale; /* Y' sample = y_shift + y_scale * y,  y in 0..1 */
    float c_shift, c_scale; /* C sample  = c_shift + c_scale * c,  c in -0.5..0.5 */
} NstYuv;

/* to = scale * from + shift, from every `step`th byte */
void rows_load(float *to, const uint8_t *from, int step, float scale, float shift, int n);

/* to = a + w (b - a) */
void rows_lerp(float *to, const float *a, const float *b, float w, int n);

/* n samples from ceil(n / 2): linear, each source sample lying in the middle of the two that it stands for */
void rows_enlarge2(float *to, const float *from, int n);

/* ceil(n / 2) samples from n: means of two; the last one of an odd row is taken as it is. to may be from. */
void rows_halve(float *to, const float *from, int n);

/* y in 0..1, cb and cr in -0.5..0.5, to R, G, B clamped to 0..1 and multiplied by scale */
void rows_yuv_to_rgb(float *const rgb[3], const float *y, const float *cb, const float *cr, const NstYuv *yuv,
                     float scale, int n);

/* R, G, B, multiplied by scale and clamped to 0..1 (what is not a number becomes 0), to levels of samples */
void rows_rgb_to_yuv(float *y, float *cb, float *cr, const float *const rgb[3], const NstYuv *yuv, float scale, int n);

/* Y' alone; then also for gray */
void rows_rgb_to_y(float *y, const float *const rgb[3], const NstYuv *yuv, float scale, int n);

/* to = 255 * (scale * from clamped to 0..1), for R, G or B */
void rows_rgb_levels(float *to, const float *from, float scale, int n);

/* Where alpha is 0, the level becomes the source's: that of pixel x is from[(x >> log2_sub) * from_step]. */
void rows_keep(float *levels, const uint8_t *from, int from_step, int log2_sub, const uint8_t *alpha, int alpha_step,
               int n);

/* to = levels * strength + source * (1 - strength), rounded half up into 0..255; to may be source */
void rows_store(uint8_t *to, int to_step, const uint8_t *source, int source_step, const float *levels, float strength,
                int n);

void rows_copy(uint8_t *to, int to_step, const uint8_t *from, int from_step, int n);

#endif
