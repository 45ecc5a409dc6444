/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_KERNELS_DSP_H
#define NST_MODEL_KERNELS_DSP_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>

enum {
    NST_FEW_MAX = 4,
    NST_PANEL_MAX = 64,     /* largest panel_width */
    NST_WINOGRAD_TILES = 64 /* largest n of the Winograd transforms */
};

/* One row of a convolution to 1 to NST_FEW_MAX channels, stride and dilation 1. Planes and strides in floats. */
typedef struct NstFewRow {
    int ci, co, kh, kw, n;
    const float *x; /* first tap of the first pixel, channel 0 */
    ptrdiff_t x_plane, x_stride;
    const float *k; /* co x ci x kh x kw */
    const float *bias; /* co, or NULL */
    float *y;
    ptrdiff_t y_plane;
} NstFewRow;

/*
 * The kernels: single-threaded inner loops over rows or blocks of floats, chosen once for a plan. scalar.c is the
 * reference that every other variant is tested against; dsp_init starts from it and overrides upwards, one
 * instruction set after the other. Pointers need no alignment; sizes may be 0.
 */
typedef struct NstDsp {
    NstGemm gemm; /* compute.h; B and C blocks of any size */

    /*
     * The same product in pieces, for matrices that are packed once and used often: A (m x k) by pack_rows into panels
     * of panel_height rows, zero rows filling the last; B in panels of panel_width columns, k x panel_width each.
     * multiply_panel: C (m x n) = packed A times one panel of B, n <= panel_width.
     */
    int panel_height, panel_width;
    void (*pack_rows)(int m, int k, const float *a, int lda, float *packed);
    void (*multiply_panel)(int m, int n, int k, const float *packed, const float *panel, float *c, int ldc);

    /*
     * Winograd F(4x4, 3x3) for a row of n <= NST_WINOGRAD_TILES tiles of one channel. Element e = 6 r + c of the 6x6
     * values of tile t lies at v[e step + t]. Input: 6 rows of 4 n + 2 samples, `stride` apart. Output: 4 rows of 4 n
     * results.
     */
    void (*winograd_input)(const float *x, ptrdiff_t stride, float *v, ptrdiff_t step, int n);
    void (*winograd_output)(const float *m, ptrdiff_t step, float bias, float *y, ptrdiff_t stride, int n);

    /*
     * One row of a depthwise convolution:
     * y[i] = bias + sum over ky, kx of k[ky][kx] x[ky * x_stride + i * stride_x + kx * dilation_x].
     * x points at the first tap of the first row; x_stride already holds the vertical dilation.
     */
    void (*depthwise_row)(float *y, const float *x, ptrdiff_t x_stride, const float *k, int kh, int kw, int stride_x,
                          int dilation_x, float bias, int n);

    void (*few_row)(const NstFewRow *row);

    /* Sums of x, of (x - mean)^2 and of a b over n samples, in double. */
    double (*sum)(const float *x, size_t n);
    double (*sum_sq_dev)(const float *x, float mean, size_t n);
    void (*sum_and_squares)(const float *x, size_t n, double sums[2]); /* of x and of x^2 */
    double (*dot)(const float *a, const float *b, size_t n);

    /* y = scale x + shift; y may be x */
    void (*scale_shift)(float *y, const float *x, float scale, float shift, size_t n);
    /* y = max((x - mean) scale + shift, floor), exact where x is near the mean; NaN stays; y may be x */
    void (*normalize)(float *y, const float *x, float mean, float scale, float shift, float floor, size_t n);
    void (*relu)(float *y, const float *x, size_t n);                    /* NaN stays; y may be x */
    void (*add)(float *y, const float *a, const float *b, size_t n);     /* y may be a or b */
    void (*mul)(float *y, const float *a, const float *b, size_t n);
    void (*mul_add)(float *y, const float *a, const float *b, size_t n); /* y += a b */
    void (*axpy)(float *y, const float *x, float scale, size_t n);       /* y += scale x */

    /* y[i] = a[i] + w (b[i] - a[i]) : two rows of a bilinear enlargement */
    void (*lerp)(float *y, const float *a, const float *b, float w, size_t n);
} NstDsp;

/* The best table for the machine within a mask of NST_CPU_* bits; 0 is the scalar reference. */
void dsp_init(NstDsp *dsp, unsigned cpu);

void dsp_init_scalar(NstDsp *dsp);
#if defined(__x86_64__)
void dsp_init_avx2(NstDsp *dsp);
void dsp_init_avx512(NstDsp *dsp);
#elif defined(__aarch64__)
void dsp_init_neon(NstDsp *dsp);
#endif

#endif
