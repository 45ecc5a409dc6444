/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernels of dsp.h in plain C, which the compiler vectorises for the instruction set named by TARGET. Included once
 * for each variant, with
 *   TARGET     attribute for functions, or nothing
 *   NAME(x)    x with the variant's suffix
 */

/* Sums run in LANES independent double lanes, added up in a fixed order. */
enum { LANES = 16 };

TARGET static double NAME(fold)(const double *lane)
{
    double total = 0;
    for (int l = 0; l < LANES; l++)
        total += lane[l];
    return total;
}

TARGET static double NAME(sum)(const float *x, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l];
    for (; i < n; i++)
        lane[i % LANES] += (double)x[i];
    return NAME(fold)(lane);
}

TARGET static double NAME(sum_sq_dev)(const float *x, float mean, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double d = (double)x[i + l] - (double)mean;
            lane[l] += d * d;
        }
    for (; i < n; i++) {
        double d = (double)x[i] - (double)mean;
        lane[i % LANES] += d * d;
    }
    return NAME(fold)(lane);
}

TARGET static void NAME(sum_and_squares)(const float *x, size_t n, double sums[2])
{
    double lane[LANES] = {0}, square[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double v = (double)x[i + l];
            lane[l] += v;
            square[l] += v * v;
        }
    for (; i < n; i++) {
        double v = (double)x[i];
        lane[i % LANES] += v;
        square[i % LANES] += v * v;
    }
    sums[0] = NAME(fold)(lane);
    sums[1] = NAME(fold)(square);
}

TARGET static double NAME(dot)(const float *a, const float *b, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)a[i + l] * (double)b[i + l];
    for (; i < n; i++)
        lane[i % LANES] += (double)a[i] * (double)b[i];
    return NAME(fold)(lane);
}

TARGET static void NAME(scale_shift)(float *y, const float *x, float scale, float shift, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = scale * x[i] + shift;
}

TARGET static void NAME(normalise)(float *y, const float *x, float mean, float scale, float shift, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * scale + shift;
}

TARGET static void NAME(normalize)(float *y, const float *x, float mean, float scale, float shift, float floor,
                                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = (x[i] - mean) * scale + shift;
        y[i] = v < floor ? floor : v;
    }
}

TARGET static void NAME(relu)(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

TARGET static void NAME(add)(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

TARGET static void NAME(mul)(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

TARGET static void NAME(mul_add)(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a[i] * b[i];
}

TARGET static void NAME(axpy)(float *y, const float *x, float scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += scale * x[i];
}

TARGET static void NAME(lerp)(float *restrict y, const float *a, const float *b, float w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + w * (b[i] - a[i]);
}

TARGET static void NAME(depthwise_3x3)(float *restrict y, const float *x0, const float *x1, const float *x2,
                                       const float *k, float bias, int n)
{
    for (int i = 0; i < n; i++) {
        float top = k[0] * x0[i] + k[1] * x0[i + 1] + k[2] * x0[i + 2];
        float middle = k[3] * x1[i] + k[4] * x1[i + 1] + k[5] * x1[i + 2];
        float bottom = k[6] * x2[i] + k[7] * x2[i + 1] + k[8] * x2[i + 2];
        y[i] = bias + top + middle + bottom;
    }
}

TARGET static void NAME(depthwise_row)(float *restrict y, const float *x, ptrdiff_t x_stride, const float *k, int kh,
                                       int kw, int stride_x, int dilation_x, float bias, int n)
{
    if (kh == 3 && kw == 3 && stride_x == 1 && dilation_x == 1) {
        NAME(depthwise_3x3)(y, x, x + x_stride, x + 2 * x_stride, k, bias, n);
        return;
    }
    for (int i = 0; i < n; i++)
        y[i] = bias;
    for (int ky = 0; ky < kh; ky++)
        for (int kx = 0; kx < kw; kx++) {
            const float *from = x + ky * x_stride + (ptrdiff_t)kx * dilation_x;
            float tap = k[ky * kw + kx];
            for (int i = 0; i < n; i++)
                y[i] += tap * from[(ptrdiff_t)i * stride_x];
        }
}

TARGET static void NAME(dsp_fill)(NstDsp *dsp)
{
    dsp->depthwise_row = NAME(depthwise_row);
    dsp->sum = NAME(sum);
    dsp->sum_sq_dev = NAME(sum_sq_dev);
    dsp->sum_and_squares = NAME(sum_and_squares);
    dsp->dot = NAME(dot);
    dsp->scale_shift = NAME(scale_shift);
    dsp->normalise = NAME(normalise);
    dsp->normalize = NAME(normalize);
    dsp->relu = NAME(relu);
    dsp->add = NAME(add);
    dsp->mul = NAME(mul);
    dsp->mul_add = NAME(mul_add);
    dsp->axpy = NAME(axpy);
    dsp->lerp = NAME(lerp);
}
