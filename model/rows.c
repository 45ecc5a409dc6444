/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rows.h"

#include <stddef.h>

/* In this form what is not a number becomes 0. */
static inline float clamp01(float x)
{
    x = x > 0.0f ? x : 0.0f;
    return x < 1.0f ? x : 1.0f;
}

/* Compilers vectorise these loops where they see the step: that of planes, of RGB and of RGBA. */
static inline void load_steps(float *restrict to, const uint8_t *restrict from, int step, float scale, float shift,
                              int n)
{
    for (int i = 0; i < n; i++)
        to[i] = scale * (float)from[(ptrdiff_t)i * step] + shift;
}

void rows_load(float *to, const uint8_t *from, int step, float scale, float shift, int n)
{
    switch (step) {
    case 1: load_steps(to, from, 1, scale, shift, n); break;
    case 3: load_steps(to, from, 3, scale, shift, n); break;
    case 4: load_steps(to, from, 4, scale, shift, n); break;
    default: load_steps(to, from, step, scale, shift, n); break;
    }
}

void rows_lerp(float *to, const float *a, const float *b, float w, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = a[i] + w * (b[i] - a[i]);
}

/*
 *   source      0       1       2          result 2i   = 3/4 s[i] + 1/4 s[i-1]
 *   result    0   1   2   3   4   5        result 2i+1 = 3/4 s[i] + 1/4 s[i+1]     ends repeat
 */
void rows_enlarge2(float *restrict to, const float *restrict from, int n)
{
    int m = (n + 1) / 2;
    to[0] = from[0];
    for (int i = 0; i + 1 < m; i++) {
        to[2 * i + 1] = from[i] + 0.25f * (from[i + 1] - from[i]);
        to[2 * i + 2] = from[i + 1] + 0.25f * (from[i] - from[i + 1]);
    }
    if (n % 2 == 0)
        to[n - 1] = from[m - 1];
}

void rows_halve(float *to, const float *from, int n)
{
    for (int i = 0; i < n / 2; i++)
        to[i] = 0.5f * (from[2 * i] + from[2 * i + 1]);
    if (n % 2)
        to[n / 2] = from[n - 1];
}

void rows_yuv_to_rgb(float *const rgb[3], const float *y, const float *cb, const float *cr, const NstYuv *yuv,
                     float scale, int n)
{
    float kg = 1.0f - yuv->kr - yuv->kb;
    float r_cr = 2.0f * (1.0f - yuv->kr), b_cb = 2.0f * (1.0f - yuv->kb);
    float g_cr = -r_cr * yuv->kr / kg, g_cb = -b_cb * yuv->kb / kg;
    for (int i = 0; i < n; i++) {
        rgb[0][i] = scale * clamp01(y[i] + r_cr * cr[i]);
        rgb[1][i] = scale * clamp01(y[i] + g_cr * cr[i] + g_cb * cb[i]);
        rgb[2][i] = scale * clamp01(y[i] + b_cb * cb[i]);
    }
}

void rows_rgb_to_yuv(float *y, float *cb, float *cr, const float *const rgb[3], const NstYuv *yuv, float scale, int n)
{
    float kr = yuv->kr, kb = yuv->kb, kg = 1.0f - kr - kb;
    float cb_scale = yuv->c_scale / (2.0f * (1.0f - kb)), cr_scale = yuv->c_scale / (2.0f * (1.0f - kr));
    for (int i = 0; i < n; i++) {
        float r = clamp01(scale * rgb[0][i]), g = clamp01(scale * rgb[1][i]), b = clamp01(scale * rgb[2][i]);
        float luma = kr * r + kg * g + kb * b;
        y[i] = yuv->y_shift + yuv->y_scale * luma;
        cb[i] = yuv->c_shift + cb_scale * (b - luma);
        cr[i] = yuv->c_shift + cr_scale * (r - luma);
    }
}

void rows_rgb_to_y(float *y, const float *const rgb[3], const NstYuv *yuv, float scale, int n)
{
    float kr = yuv->kr, kb = yuv->kb, kg = 1.0f - kr - kb;
    for (int i = 0; i < n; i++) {
        float r = clamp01(scale * rgb[0][i]), g = clamp01(scale * rgb[1][i]), b = clamp01(scale * rgb[2][i]);
        y[i] = yuv->y_shift + yuv->y_scale * (kr * r + kg * g + kb * b);
    }
}

void rows_rgb_levels(float *to, const float *from, float scale, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = 255.0f * clamp01(scale * from[i]);
}

void rows_keep(float *levels, const uint8_t *from, int from_step, int log2_sub, const uint8_t *alpha, int alpha_step,
               int n)
{
    for (int i = 0; i < n; i++)
        if (!alpha[(ptrdiff_t)i * alpha_step])
            levels[i] = (float)from[(ptrdiff_t)(i >> log2_sub) * from_step];
}

static inline void store_steps(uint8_t *to, int to_step, const uint8_t *source, int source_step, const float *levels,
                               float strength, int n)
{
    float rest = 1.0f - strength;
    for (int i = 0; i < n; i++) {
        float level = strength * levels[i] + rest * (float)source[(ptrdiff_t)i * source_step] + 0.5f;
        to[(ptrdiff_t)i * to_step] = (uint8_t)(int)(level < 255.0f ? level : 255.0f);
    }
}

void rows_store(uint8_t *to, int to_step, const uint8_t *source, int source_step, const float *levels, float strength,
                int n)
{
    if (to_step == 1 && source_step == 1)
        store_steps(to, 1, source, 1, levels, strength, n);
    else
        store_steps(to, to_step, source, source_step, levels, strength, n);
}

void rows_copy(uint8_t *to, int to_step, const uint8_t *from, int from_step, int n)
{
    for (int i = 0; i < n; i++)
        to[(ptrdiff_t)i * to_step] = from[(ptrdiff_t)i * from_step];
}
