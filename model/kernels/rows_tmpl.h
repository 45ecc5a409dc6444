/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernels of dsp.h for rows of pictures: colours and chroma here, samples in samples_tmpl.h, once for each type. To
 * be included after kernels_tmpl.h. They also need
 *   V_MIN(a, b) V_MAX(a, b)   b where a is not a number
 *   load_some, store_some     the first n samples of a vector, n < VL
 */

/* The rest of a row, a vector at most */
TARGET static inline V NAME(load_rest)(const float *p, size_t n)
{
    return n < VL ? NAME(load_some)(p, (int)n) : V_LOAD(p);
}

TARGET static inline void NAME(store_rest)(float *p, V v, size_t n)
{
    if (n < VL)
        NAME(store_some)(p, v, (int)n);
    else
        V_STORE(p, v);
}

TARGET static inline V NAME(clamp01)(V x)
{
    return V_MIN(V_MAX(x, V_SET1(0)), V_SET1(1));
}

TARGET static void NAME(clamp)(float *y, const float *x, float before, float after, size_t n)
{
    for (size_t i = 0; i < n; i += VL)
        NAME(store_rest)(y + i, V_SET1(after) * NAME(clamp01)(V_SET1(before) * NAME(load_rest)(x + i, n - i)), n - i);
}

TARGET static void NAME(opaque)(float *y, const float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? 1.0f : 0.0f;
}

TARGET static void NAME(yuv_to_rgb)(float *const rgb[3], const float *y, const float *cb, const float *cr, float kr,
                                    float kb, float gain, size_t n)
{
    float kg = 1.0f - kr - kb, r_cr = 2.0f * (1.0f - kr), b_cb = 2.0f * (1.0f - kb);
    V g_cr = V_SET1(-r_cr * kr / kg), g_cb = V_SET1(-b_cb * kb / kg), scale = V_SET1(gain);
    for (size_t i = 0; i < n; i += VL) {
        size_t left = n - i;
        V luma = NAME(load_rest)(y + i, left);
        V blue = NAME(load_rest)(cb + i, left), red = NAME(load_rest)(cr + i, left);
        V green = V_FMA(g_cr, red, V_FMA(g_cb, blue, luma));
        NAME(store_rest)(rgb[0] + i, scale * NAME(clamp01)(V_FMA(V_SET1(r_cr), red, luma)), left);
        NAME(store_rest)(rgb[1] + i, scale * NAME(clamp01)(green), left);
        NAME(store_rest)(rgb[2] + i, scale * NAME(clamp01)(V_FMA(V_SET1(b_cb), blue, luma)), left);
    }
}

TARGET static void NAME(rgb_to_yuv)(float *y, float *cb, float *cr, const float *const rgb[3], float kr, float kb,
                                    float gain, size_t n)
{
    V kg = V_SET1(1.0f - kr - kb), scale = V_SET1(gain);
    V to_cb = V_SET1(0.5f / (1.0f - kb)), to_cr = V_SET1(0.5f / (1.0f - kr));
    for (size_t i = 0; i < n; i += VL) {
        size_t left = n - i;
        V r = NAME(clamp01)(scale * NAME(load_rest)(rgb[0] + i, left));
        V g = NAME(clamp01)(scale * NAME(load_rest)(rgb[1] + i, left));
        V b = NAME(clamp01)(scale * NAME(load_rest)(rgb[2] + i, left));
        V luma = V_FMA(V_SET1(kr), r, V_FMA(kg, g, V_SET1(kb) * b));
        NAME(store_rest)(y + i, luma, left);
        NAME(store_rest)(cb + i, to_cb * (b - luma), left);
        NAME(store_rest)(cr + i, to_cr * (r - luma), left);
    }
}

TARGET static void NAME(luma)(float *restrict y, const float *restrict r, const float *restrict g,
                              const float *restrict b, float scale, int n)
{
    const float kr = 0.299f * scale, kg = 0.587f * scale, kb = 0.114f * scale;
#pragma omp simd
    for (int i = 0; i < n; i++)
        y[i] = FMA(kr, r[i], FMA(kg, g[i], kb * b[i]));
}

TARGET static void NAME(enlarge2)(float *restrict y, const float *restrict x, float before, size_t n)
{
    float after = 0.5f - before;
    for (size_t i = 0; i < n / 2; i++) {
        y[2 * i] = FMA(before, x[(ptrdiff_t)i - 1] - x[i], x[i]);
        y[2 * i + 1] = FMA(after, x[i + 1] - x[i], x[i]);
    }
    if (n % 2) {
        const float *last = x + n / 2;
        y[n - 1] = FMA(before, last[-1] - last[0], last[0]);
    }
}

TARGET static void NAME(reduce2)(float *restrict y, const float *restrict x, float before, size_t n)
{
    float after = 0.5f - before;
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = FMA(0.5f, x[2 * i], FMA(before, x[2 * (ptrdiff_t)i - 1], after * x[2 * i + 1]));
}

/* ---- samples ---- */

enum { NAME(SAMPLE_BLOCK) = 128 };

#define SAMPLE(x) NAME(x##_u8)
#define WORD uint8_t
#include "samples_tmpl.h"

#define SAMPLE(x) NAME(x##_u16)
#define WORD uint16_t
#include "samples_tmpl.h"

#define SAMPLE(x) NAME(x##_half)
#define WORD uint16_t
#define FROM_WORD(word) half_to_float(word)
#define TO_WORD(value) float_to_half(value)
#include "samples_tmpl.h"

#define SAMPLE(x) NAME(x##_float)
#define WORD float
#define FROM_WORD(word) (word)
#define TO_WORD(value) (value)
#include "samples_tmpl.h"

TARGET static void NAME(rows_fill)(NstDsp *dsp)
{
    dsp->clamp = NAME(clamp);
    dsp->opaque = NAME(opaque);
    dsp->yuv_to_rgb = NAME(yuv_to_rgb);
    dsp->rgb_to_yuv = NAME(rgb_to_yuv);
    dsp->luma = NAME(luma);
    dsp->enlarge2 = NAME(enlarge2);
    dsp->reduce2 = NAME(reduce2);
    dsp->load_samples[NST_SAMPLE_U8] = NAME(load_u8);
    dsp->load_samples[NST_SAMPLE_U16] = NAME(load_u16);
    dsp->load_samples[NST_SAMPLE_HALF] = NAME(load_half);
    dsp->load_samples[NST_SAMPLE_FLOAT] = NAME(load_float);
    dsp->blend_samples[NST_SAMPLE_U8] = NAME(blend_u8);
    dsp->blend_samples[NST_SAMPLE_U16] = NAME(blend_u16);
    dsp->blend_samples[NST_SAMPLE_HALF] = NAME(blend_half);
    dsp->blend_samples[NST_SAMPLE_FLOAT] = NAME(blend_float);
}
