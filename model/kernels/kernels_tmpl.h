/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernels of dsp.h over rows of samples. Included first of all templates, once for each variant, with
 *   TARGET     attribute for functions, or nothing
 *   NAME(x)    x with the variant's prefix
 *   VL, V      floats a vector, and its type, which + and - work on;
 *              V_LOAD(p) V_STORE(p, v) V_SET1(x) V_FMA(a, b, c) = a b + c
 *              V_FLOOR(v, low)    the larger of the two; v where it is not a number
 *   FMA        V_FMA of one sample
 *   NAME(sum4)(a, b, c, d, s)    s[0..3] = the sums of the lanes of four vectors
 *   NAME(load_some)(p, n)        the first n < VL samples, then zeros
 *   DL, D      the same for doubles: D_STORE D_SET1 D_FMA, and D_WIDEN(p), which loads floats
 *
 * A sample's result has the same bits wherever in its row it lies.
 */

/* gcc 12 loads a vector anew for each of two or three uses, though registers are free: it is told not to. */
#if defined(__x86_64__) && !defined(__clang__)
#define KEEP_VECTOR(v) __asm__("" : "+v"(v))
#else
#define KEEP_VECTOR(v) (void)(v)
#endif

/* ---- sums ---- */

/* Sums run in LANES independent double lanes, added up in a fixed order. */
enum { LANES = 16, NAME(LANE_VECTORS) = LANES / DL };

TARGET static inline void NAME(clear)(D *sum)
{
    for (int l = 0; l < NAME(LANE_VECTORS); l++)
        sum[l] = D_SET1(0);
}

TARGET static inline void NAME(split)(const D *sum, double *lane)
{
    for (int l = 0; l < NAME(LANE_VECTORS); l++)
        D_STORE(lane + l * DL, sum[l]);
}

TARGET static inline double NAME(fold)(const double *lane)
{
    double total = 0;
    for (int l = 0; l < LANES; l++)
        total += lane[l];
    return total;
}

TARGET static double NAME(sum)(const float *x, size_t n)
{
    D sum[NAME(LANE_VECTORS)];
    double lane[LANES];
    size_t i = 0;
    NAME(clear)(sum);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < NAME(LANE_VECTORS); l++)
            sum[l] += D_WIDEN(x + i + l * DL);
    NAME(split)(sum, lane);
    for (; i < n; i++)
        lane[i % LANES] += (double)x[i];
    return NAME(fold)(lane);
}

TARGET static double NAME(sum_sq_dev)(const float *x, float mean, size_t n)
{
    D sum[NAME(LANE_VECTORS)];
    double lane[LANES];
    size_t i = 0;
    NAME(clear)(sum);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < NAME(LANE_VECTORS); l++) {
            D d = D_WIDEN(x + i + l * DL) - D_SET1((double)mean);
            sum[l] = D_FMA(d, d, sum[l]);
        }
    NAME(split)(sum, lane);
    for (; i < n; i++) {
        double d = (double)x[i] - (double)mean;
        lane[i % LANES] += d * d;
    }
    return NAME(fold)(lane);
}

TARGET static void NAME(sum_and_squares)(const float *x, size_t n, double sums[2])
{
    D sum[NAME(LANE_VECTORS)], square[NAME(LANE_VECTORS)];
    double lane[LANES], square_lane[LANES];
    size_t i = 0;
    NAME(clear)(sum);
    NAME(clear)(square);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < NAME(LANE_VECTORS); l++) {
            D v = D_WIDEN(x + i + l * DL);
            sum[l] += v;
            square[l] = D_FMA(v, v, square[l]);
        }
    NAME(split)(sum, lane);
    NAME(split)(square, square_lane);
    for (; i < n; i++) {
        double v = (double)x[i];
        lane[i % LANES] += v;
        square_lane[i % LANES] += v * v;
    }
    sums[0] = NAME(fold)(lane);
    sums[1] = NAME(fold)(square_lane);
}

TARGET static double NAME(dot)(const float *a, const float *b, size_t n)
{
    D sum[NAME(LANE_VECTORS)];
    double lane[LANES];
    size_t i = 0;
    NAME(clear)(sum);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < NAME(LANE_VECTORS); l++)
            sum[l] = D_FMA(D_WIDEN(a + i + l * DL), D_WIDEN(b + i + l * DL), sum[l]);
    NAME(split)(sum, lane);
    for (; i < n; i++)
        lane[i % LANES] += (double)a[i] * (double)b[i];
    return NAME(fold)(lane);
}

TARGET static void NAME(dots)(const float *a, const float *b, size_t stride, size_t n, float c[])
{
    V sum[NST_DOTS_A][NST_DOTS_B];
    for (int r = 0; r < NST_DOTS_A; r++)
        for (int s = 0; s < NST_DOTS_B; s++)
            sum[r][s] = V_SET1(0);
    for (size_t i = 0; i < n; i += VL) {
        V right[NST_DOTS_B];
        for (int s = 0; s < NST_DOTS_B; s++)
            right[s] = V_LOAD(b + (size_t)s * stride + i);
        for (int r = 0; r < NST_DOTS_A; r++) {
            V left = V_LOAD(a + (size_t)r * stride + i);
            for (int s = 0; s < NST_DOTS_B; s++)
                sum[r][s] = V_FMA(left, right[s], sum[r][s]);
        }
    }
    for (int s = 0; s < NST_DOTS_B; s++) {
        float total[NST_DOTS_A];
        NAME(sum4)(sum[0][s], sum[1][s], sum[2][s], sum[3][s], total);
        for (int r = 0; r < NST_DOTS_A; r++)
            c[r * NST_DOTS_B + s] += total[r];
    }
}

/* sum[3 p + q] += g times the samples under tap q of row p; the first n of both */
TARGET static inline __attribute__((always_inline)) void NAME(tap_products)(V sum[9], const float *x,
                                                                            ptrdiff_t x_stride, const float *g, int n)
{
    V gv = n == VL ? V_LOAD(g) : NAME(load_some)(g, n);
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++) {
            const float *from = x + p * x_stride + q;
            sum[3 * p + q] = V_FMA(gv, n == VL ? V_LOAD(from) : NAME(load_some)(from, n), sum[3 * p + q]);
        }
}

TARGET static void NAME(tap_dots)(const float *x, ptrdiff_t x_stride, const float *g, int n, double sums[9])
{
    V sum[9], zero = V_SET1(0);
    float total[12];
    int i = 0;
    for (int t = 0; t < 9; t++)
        sum[t] = zero;
    for (; i + VL <= n; i += VL)
        NAME(tap_products)(sum, x + i, x_stride, g + i, VL);
    if (i < n)
        NAME(tap_products)(sum, x + i, x_stride, g + i, n - i);
    NAME(sum4)(sum[0], sum[1], sum[2], sum[3], total);
    NAME(sum4)(sum[4], sum[5], sum[6], sum[7], total + 4);
    NAME(sum4)(sum[8], zero, zero, zero, total + 8);
    for (int t = 0; t < 9; t++)
        sums[t] += (double)total[t];
}

/* ---- one result a sample: vectorised by the compiler; y may be x, so `simd` instead of restrict ---- */

TARGET static void NAME(scale_shift)(float *y, const float *x, float scale, float shift, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = FMA(scale, x[i], shift);
}

TARGET static void NAME(normalize)(float *y, const float *x, float mean, float scale, float shift, float floor,
                                   size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float v = FMA(x[i] - mean, scale, shift);
        y[i] = v < floor ? floor : v;
    }
}

TARGET static void NAME(add_normalized)(float *y, const float *a, const float *x, float mean, float scale, float shift,
                                        float floor, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float v = FMA(x[i] - mean, scale, shift);
        y[i] = a[i] + (v < floor ? floor : v);
    }
}

TARGET static void NAME(relu)(float *y, const float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

TARGET static void NAME(add)(float *y, const float *a, const float *b, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

TARGET static void NAME(mul)(float *y, const float *a, const float *b, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

TARGET static void NAME(mul_add)(float *y, const float *a, const float *b, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = FMA(a[i], b[i], y[i]);
}

TARGET static void NAME(axpy)(float *y, const float *x, float scale, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = FMA(scale, x[i], y[i]);
}

TARGET static void NAME(lerp)(float *y, const float *a, const float *b, float w, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = FMA(w, b[i] - a[i], a[i]);
}

TARGET static void NAME(interleave)(float *restrict y, const float *restrict even, const float *restrict odd, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[2 * i] = even[i];
        y[2 * i + 1] = odd[i];
    }
}

TARGET static void NAME(guided_row)(float *y, const float *x, const float *const a[4], const float *const b[4],
                                    const float w[4], size_t n)
{
    const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float slope = FMA(w3, a3[i], FMA(w2, a2[i], FMA(w1, a1[i], w0 * a0[i])));
        y[i] = FMA(slope, x[i], FMA(w3, b3[i], FMA(w2, b2[i], FMA(w1, b1[i], w0 * b0[i]))));
    }
}

/* What lies in the second row or column wins only where it is larger, so that the first of the largest has it all. */
TARGET static inline __attribute__((always_inline)) void NAME(halve_max_adjoint_rows)(
    float *restrict top, float *restrict bottom, const float *restrict a, const float *restrict b,
    const float *restrict g, float low, int add, size_t n)
{
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        float a0 = a[2 * j], a1 = a[2 * j + 1], b0 = b[2 * j], b1 = b[2 * j + 1], gradient = g[j];
        float above = a1 > a0 ? a1 : a0, below = b1 > b0 ? b1 : b0;
        float largest = below > above ? below : above;
        float passed = largest > low ? gradient : 0;
        float up = below > above ? 0 : passed, down = below > above ? passed : 0;
        float y[4] = {a1 > a0 ? 0 : up, a1 > a0 ? up : 0, b1 > b0 ? 0 : down, b1 > b0 ? down : 0};
        top[2 * j] = add ? top[2 * j] + y[0] : y[0];
        top[2 * j + 1] = add ? top[2 * j + 1] + y[1] : y[1];
        bottom[2 * j] = add ? bottom[2 * j] + y[2] : y[2];
        bottom[2 * j + 1] = add ? bottom[2 * j + 1] + y[3] : y[3];
    }
}

TARGET static void NAME(halve_max_adjoint)(float *gx, const float *x, size_t stride, const float *g, float low, int add,
                                           size_t n)
{
    if (add)
        NAME(halve_max_adjoint_rows)(gx, gx + stride, x, x + stride, g, low, 1, n);
    else
        NAME(halve_max_adjoint_rows)(gx, gx + stride, x, x + stride, g, low, 0, n);
}

/* ---- depthwise convolution ---- */

enum { DEPTHWISE_ROWS = 4 }; /* that the fast way makes at a time: a sample is loaded once for all of them */

/* A vector in each of m rows, 3x3, stride 1; m is a constant where this is inlined, and k stays in registers. */
TARGET static inline __attribute__((always_inline)) void NAME(depthwise_vector)(int m, float *restrict y,
                                                                                ptrdiff_t y_stride,
                                                                                const float *restrict x,
                                                                                ptrdiff_t x_stride, const V k[9],
                                                                                int dilation_x, V bias)
{
    V sum[DEPTHWISE_ROWS];
    for (int r = 0; r < m; r++)
        sum[r] = bias;
#pragma GCC unroll 6
    for (int row = 0; row < m + 2; row++, x += x_stride)
#pragma GCC unroll 3
        for (int q = 0; q < 3; q++) {
            V v = V_LOAD(x + (ptrdiff_t)q * dilation_x);
#pragma GCC unroll 4
            for (int r = 0; r < m; r++)
                if (row - r >= 0 && row - r < 3)
                    sum[r] = V_FMA(k[3 * (row - r) + q], v, sum[r]);
        }
    for (int r = 0; r < m; r++)
        V_STORE(y + r * y_stride, sum[r]);
}

/* Where less than a vector is left, the last vector of the row is done again. */
TARGET static inline __attribute__((always_inline)) void NAME(depthwise_lines)(int m, float *restrict y,
                                                                               ptrdiff_t y_stride,
                                                                               const float *restrict x,
                                                                               ptrdiff_t x_stride, const V k[9],
                                                                               int dilation_x, V bias, int n)
{
    for (int i = 0; i < n; i += VL) {
        int at = i + VL <= n ? i : n - VL;
        NAME(depthwise_vector)(m, y + at, y_stride, x + at, x_stride, k, dilation_x, bias);
    }
}

/* Stride 1, dilation 1 from row to row */
TARGET static void NAME(depthwise_3x3)(float *restrict y, ptrdiff_t y_stride, const float *restrict x,
                                       ptrdiff_t x_stride, const float *k, int dilation_x, float bias, int n, int rows)
{
    V taps[9], start = V_SET1(bias);
    for (int t = 0; t < 9; t++)
        taps[t] = V_SET1(k[t]);
    for (; rows >= DEPTHWISE_ROWS; rows -= DEPTHWISE_ROWS) {
        NAME(depthwise_lines)(DEPTHWISE_ROWS, y, y_stride, x, x_stride, taps, dilation_x, start, n);
        y += DEPTHWISE_ROWS * y_stride;
        x += DEPTHWISE_ROWS * x_stride;
    }
    if (rows == 3)
        NAME(depthwise_lines)(3, y, y_stride, x, x_stride, taps, dilation_x, start, n);
    else if (rows == 2)
        NAME(depthwise_lines)(2, y, y_stride, x, x_stride, taps, dilation_x, start, n);
    else if (rows == 1)
        NAME(depthwise_lines)(1, y, y_stride, x, x_stride, taps, dilation_x, start, n);
}

TARGET static void NAME(depthwise_any)(float *restrict y, const float *restrict x, const NstDepthwise *d, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = d->bias;
    for (int ky = 0; ky < d->kh; ky++)
        for (int kx = 0; kx < d->kw; kx++) {
            const float *from = x + ky * d->dilation_y * d->x_stride + (ptrdiff_t)kx * d->dilation_x;
            float tap = d->k[ky * d->kw + kx];
            if (d->stride_x == 1)
                NAME(axpy)(y, from, tap, (size_t)n);
            for (int i = 0; d->stride_x != 1 && i < n; i++)
                y[i] = FMA(tap, from[(ptrdiff_t)i * d->stride_x], y[i]);
        }
}

TARGET static void NAME(depthwise_rows)(float *y, ptrdiff_t y_stride, const float *x, const NstDepthwise *d, int n,
                                        int rows)
{
    if (d->kh == 3 && d->kw == 3 && d->stride_y == 1 && d->stride_x == 1 && d->dilation_y == 1 && n >= VL) {
        NAME(depthwise_3x3)(y, y_stride, x, d->x_stride, d->k, d->dilation_x, d->bias, n, rows);
        return;
    }
    for (int r = 0; r < rows; r++)
        NAME(depthwise_any)(y + r * y_stride, x + r * d->stride_y * d->x_stride, d, n);
}

TARGET static void NAME(kernels_fill)(NstDsp *dsp)
{
    dsp->depthwise_rows = NAME(depthwise_rows);
    dsp->sum = NAME(sum);
    dsp->sum_sq_dev = NAME(sum_sq_dev);
    dsp->sum_and_squares = NAME(sum_and_squares);
    dsp->dot = NAME(dot);
    dsp->dots = NAME(dots);
    dsp->tap_dots = NAME(tap_dots);
    dsp->halve_max_adjoint = NAME(halve_max_adjoint);
    dsp->scale_shift = NAME(scale_shift);
    dsp->normalize = NAME(normalize);
    dsp->add_normalized = NAME(add_normalized);
    dsp->relu = NAME(relu);
    dsp->add = NAME(add);
    dsp->mul = NAME(mul);
    dsp->mul_add = NAME(mul_add);
    dsp->axpy = NAME(axpy);
    dsp->lerp = NAME(lerp);
    dsp->interleave = NAME(interleave);
    dsp->guided_row = NAME(guided_row);
}
