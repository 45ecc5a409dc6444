/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of every instruction set against what kernels/dsp.h says of them, in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffers.h"

#include <cmocka.h>

static const size_t sizes[] = {0,  1,  2,  3,  4,  5,  7,  8,  9,  15,  16,  17,   23,
                               24, 25, 31, 32, 33, 47, 48, 49, 64, 100, 255, 1000, 4099};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

static NstRandom seeded(void)
{
    NstRandom random;
    random_seed(&random, 42);
    return random;
}

/* -- one result a sample -- */

typedef enum Pointwise {
    SCALE_SHIFT,
    NORMALIZE,
    NORMALIZE_RELU,
    ADD_NORMALIZED,
    RELU,
    ADD,
    MUL,
    MUL_ADD,
    AXPY,
    LERP,
    N_POINTWISE
} Pointwise;

static const char *const pointwise_names[] = {"scale_shift", "normalize", "normalize with floor", "add_normalized",
                                              "relu",        "add",       "mul",                  "mul_add",
                                              "axpy",        "lerp"};

enum { MEAN_SCALE = 3 }; /* normalize takes three numbers: MEAN_SCALE s is the mean, s the scale, t the shift */

static void call_pointwise(const NstDsp *dsp, Pointwise op, float *y, const float *a, const float *b, float s, float t,
                           size_t n)
{
    switch (op) {
    case SCALE_SHIFT: dsp->scale_shift(y, a, s, t, n); break;
    case NORMALIZE: dsp->normalize(y, a, MEAN_SCALE * s, s, t, -INFINITY, n); break;
    case NORMALIZE_RELU: dsp->normalize(y, a, MEAN_SCALE * s, s, t, 0, n); break;
    case ADD_NORMALIZED: dsp->add_normalized(y, b, a, MEAN_SCALE * s, s, t, 0, n); break;
    case RELU: dsp->relu(y, a, n); break;
    case ADD: dsp->add(y, a, b, n); break;
    case MUL: dsp->mul(y, a, b, n); break;
    case MUL_ADD: dsp->mul_add(y, a, b, n); break;
    case AXPY: dsp->axpy(y, a, s, n); break;
    case LERP: dsp->lerp(y, a, b, s, n); break;
    case N_POINTWISE: break;
    }
}

/* The exact result, and in *size the sum of its terms' sizes: what rounding is in proportion to */
static double expect_pointwise(Pointwise op, double y, double a, double b, double s, double t, double *size)
{
    const double mean = (double)(MEAN_SCALE * (float)s);
    switch (op) {
    case SCALE_SHIFT: *size = fabs(s * a) + fabs(t); return s * a + t;
    case NORMALIZE: *size = fabs((a - mean) * s) + fabs(t); return (a - mean) * s + t;
    case NORMALIZE_RELU: *size = fabs((a - mean) * s) + fabs(t); return fmax((a - mean) * s + t, 0);
    case ADD_NORMALIZED: *size = fabs((a - mean) * s) + fabs(t) + fabs(b); return b + fmax((a - mean) * s + t, 0);
    case RELU: *size = 0; return a > 0 ? a : 0;
    case ADD: *size = fabs(a + b); return a + b;
    case MUL: *size = fabs(a * b); return a * b;
    case MUL_ADD: *size = fabs(y) + fabs(a * b); return y + a * b;
    case AXPY: *size = fabs(y) + fabs(s * a); return y + s * a;
    case LERP: *size = fabs(a) + 2 * fabs(s) * (fabs(a) + fabs(b)); return a + s * (b - a);
    case N_POINTWISE: break;
    }
    return NAN;
}

static void check_pointwise(const NstDsp *dsp, Pointwise op, size_t n, Fill fill, NstRandom *random)
{
    /* One float further on, for pointers that are not aligned */
    float *a = buffer_filled(n + 1, fill, random), *b = buffer_filled(n + 1, fill, random);
    float *start = buffer_filled(n, fill, random), *y = guarded_new(n);
    const float s = random_normal(random), t = random_normal(random);
    if (op == MUL_ADD || op == AXPY)
        memcpy(y, start, n * sizeof(float));
    call_pointwise(dsp, op, y, a + 1, b + 1, s, t, n);
    for (size_t i = 0; i < n; i++) {
        double size;
        const double expected = expect_pointwise(op, (double)start[i], (double)a[i + 1], (double)b[i + 1], (double)s,
                                                 (double)t, &size);
        assert_rounded((double)y[i], expected, size, 2, pointwise_names[op], i);
    }
    guarded_free(y, n, pointwise_names[op]);
    free(start);
    free(a);
    free(b);
}

/* A guided filter's last step: slope and offset from four rows each */
static void test_guided_row(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n_tables = dsp_ladder(tables, masks);
    const size_t n = 67;
    for (int t = 0; t < n_tables; t++) {
        float *rows[8], *x = buffer_filled(n, FILL_NORMAL, &random), *y = guarded_new(n);
        const float w[4] = {-0.0625f, 0.5625f, 0.5625f, -0.0625f};
        for (int r = 0; r < 8; r++)
            rows[r] = buffer_filled(n, FILL_NORMAL, &random);
        tables[t].guided_row(y, x, (const float *const *)rows, (const float *const *)(rows + 4), w, n);
        for (size_t i = 0; i < n; i++) {
            double slope = 0, shift = 0, size = 0;
            for (int r = 0; r < 4; r++) {
                slope += (double)w[r] * (double)rows[r][i];
                shift += (double)w[r] * (double)rows[4 + r][i];
                size += fabs((double)w[r]) * (fabs((double)rows[r][i] * (double)x[i]) + fabs((double)rows[4 + r][i]));
            }
            assert_rounded((double)y[i], slope * (double)x[i] + shift, size, 8, "guided_row", i);
        }
        guarded_free(y, n, "guided_row");
        free(x);
        for (int r = 0; r < 8; r++)
            free(rows[r]);
    }
}

static void test_interleave(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n_tables = dsp_ladder(tables, masks);
    for (int t = 0; t < n_tables; t++)
        for (int s = 0; s < N_SIZES; s++) {
            const size_t n = sizes[s];
            float *even = buffer_filled(n, FILL_NORMAL, &random), *odd = buffer_filled(n, FILL_NORMAL, &random);
            float *y = guarded_new(2 * n);
            tables[t].interleave(y, even, odd, n);
            for (size_t i = 0; i < 2 * n; i++)
                assert_true(y[i] == (i % 2 ? odd : even)[i / 2]);
            guarded_free(y, 2 * n, "interleave");
            free(even);
            free(odd);
        }
}

static void test_pointwise(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int op = 0; op < N_POINTWISE; op++)
            for (int fill = 0; fill < FILL_COUNT; fill++)
                for (int i = 0; i < N_SIZES; i++)
                    check_pointwise(&tables[table], (Pointwise)op, sizes[i], (Fill)fill, &random);
}

/* y may be a, and for add b: the same bits as with a result of its own */
static void check_in_place(const NstDsp *dsp, Pointwise op, bool over_b, size_t n, NstRandom *random)
{
    float *a = buffer_filled(n, FILL_NORMAL, random), *b = buffer_filled(n, FILL_NORMAL, random), *y = buffer_new(n);
    call_pointwise(dsp, op, y, a, b, 0.7f, -0.3f, n);
    call_pointwise(dsp, op, over_b ? b : a, a, b, 0.7f, -0.3f, n);
    if (memcmp(y, over_b ? b : a, n * sizeof(float)))
        fail_msg("%s: other bits in place, %zu samples", pointwise_names[op], n);
    free(a);
    free(b);
    free(y);
}

static void test_pointwise_in_place(void **state)
{
    (void)state;
    static const Pointwise ops[] = {SCALE_SHIFT, NORMALIZE, NORMALIZE_RELU, RELU, ADD};
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int i = 0; i < N_SIZES; i++) {
            for (size_t op = 0; op < sizeof(ops) / sizeof(*ops); op++)
                check_in_place(&tables[table], ops[op], false, sizes[i], &random);
            check_in_place(&tables[table], ADD, true, sizes[i], &random);
        }
}

/* What is not a number, or infinite, is not hidden. */
static void test_not_finite(void **state)
{
    (void)state;
    enum { N = 37 };
    NstDsp tables[8];
    unsigned masks[8];
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int at = 0; at < N; at++) {
            float x[N] = {0}, y[N];
            x[at] = NAN;
            tables[table].relu(y, x, N);
            assert_true(isnan(y[at]));
            tables[table].normalize(y, x, 1, 2, 3, 0, N);
            assert_true(isnan(y[at]));
            assert_true(isnan(tables[table].sum(x, N)));
            x[at] = INFINITY;
            tables[table].relu(y, x, N);
            assert_true(isinf(y[at]));
            assert_true(isinf(tables[table].sum(x, N)));
        }
}

/* -- one number of all samples -- */

static void check_sums(const NstDsp *dsp, size_t n, Fill fill, NstRandom *random)
{
    float *a = buffer_filled(n + 1, fill, random) + 1, *b = buffer_filled(n + 1, fill, random) + 1;
    const float mean = n ? a[n / 2] : 0;
    double sum = 0, sum_size = 0, squares = 0, own_product = 0, product = 0, product_size = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i], xb = x * (double)b[i], d = x - (double)mean;
        sum += x;
        sum_size += fabs(x);
        squares += d * d;
        own_product += x * x;
        product += xb;
        product_size += fabs(xb);
    }
    /* They add in double, so rounding is far below that of a float. */
    const double scale = 1e-4;
    assert_rounded(dsp->sum(a, n), sum, sum_size * scale, 1, "sum", n);
    assert_rounded(dsp->sum_sq_dev(a, mean, n), squares, squares * scale, 1, "sum_sq_dev", n);
    assert_rounded(dsp->dot(a, b, n), product, product_size * scale, 1, "dot", n);
    double both[2] = {NAN, NAN};
    dsp->sum_and_squares(a, n, both);
    assert_rounded(both[0], sum, sum_size * scale, 1, "sum of sum_and_squares", n);
    assert_rounded(both[1], own_product, own_product * scale, 1, "squares of sum_and_squares", n);
    free(a - 1);
    free(b - 1);
}

static void test_sums(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int fill = 0; fill < FILL_COUNT; fill++) {
            for (int i = 0; i < N_SIZES; i++)
                check_sums(&tables[table], sizes[i], (Fill)fill, &random);
            check_sums(&tables[table], 300001, (Fill)fill, &random);
        }
}

/* -- rows of convolutions -- */

typedef struct RowCase {
    int kh, kw, stride, dilation, n;
} RowCase;

/* Rows of results, with a gap between them */
static void check_depthwise(const NstDsp *dsp, const RowCase *c, int rows, Fill fill, NstRandom *random)
{
    const size_t width = c->n ? (size_t)((c->n - 1) * c->stride + (c->kw - 1) * c->dilation + 1) : 1;
    const size_t stride = width + 3, y_stride = (size_t)c->n + 2;
    const size_t height = (size_t)((rows - 1) * c->stride + (c->kh - 1) * c->dilation + 1);
    float *x = buffer_filled(stride * (height - 1) + width, fill, random), *k;
    const size_t size = y_stride * (size_t)(rows - 1) + (size_t)c->n;
    float *y = guarded_new(size);
    k = buffer_filled((size_t)(c->kh * c->kw), FILL_NORMAL, random);
    const NstDepthwise conv = {c->kh, c->kw, c->stride, c->stride, c->dilation, c->dilation, k, random_normal(random),
                               (ptrdiff_t)stride};
    char what[96];
    snprintf(what, sizeof(what), "depthwise_rows, kernel %dx%d, stride %d, dilation %d, n %d, rows %d", c->kh, c->kw,
             c->stride, c->dilation, c->n, rows);
    dsp->depthwise_rows(y, (ptrdiff_t)y_stride, x, &conv, c->n, rows);
    for (size_t at = 0; at < size; at++) {
        const int r = (int)(at / y_stride), i = (int)(at % y_stride);
        double expected = (double)conv.bias, sum = fabs((double)conv.bias);
        for (int t = 0; i < c->n && t < c->kh * c->kw; t++) {
            const int row = r * c->stride + t / c->kw * c->dilation, column = i * c->stride + t % c->kw * c->dilation;
            const double term = (double)k[t] * (double)x[(size_t)row * stride + (size_t)column];
            expected += term;
            sum += fabs(term);
        }
        if (i < c->n)
            assert_rounded((double)y[at], expected, sum, c->kh * c->kw + 1, what, at);
        else
            assert_true(isnan(y[at]));
    }
    guarded_free(y, size, what);
    free(x);
    free(k);
}

static void test_depthwise_rows(void **state)
{
    (void)state;
    static const int kernels[][2] = {{3, 3}, {1, 1}, {5, 5}, {2, 4}, {1, 7}, {9, 9}};
    static const int widths[] = {0, 1, 2, 3, 7, 8, 9, 16, 17, 33, 65, 200};
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); k++)
            for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++)
                for (int way = 0; way < 9; way++)
                    for (int rows = 1; rows <= (kernels[k][0] == 3 ? 7 : 2); rows++) {
                        const RowCase c = {kernels[k][0], kernels[k][1], 1 + way % 3, 1 + way / 3, widths[w]};
                        check_depthwise(&tables[table], &c, rows, (Fill)(w % FILL_COUNT), &random);
                    }
}

static double few_expected(const NstFewRow *r, int o, int j, double *size)
{
    double sum = r->bias ? (double)r->bias[o] : 0;
    *size = fabs(sum);
    for (int c = 0; c < r->ci; c++)
        for (int p = 0; p < r->kh; p++)
            for (int q = 0; q < r->kw; q++) {
                const double term = (double)r->k[((o * r->ci + c) * r->kh + p) * r->kw + q] *
                                    (double)r->x[c * r->x_plane + p * r->x_stride + j + q];
                sum += term;
                *size += fabs(term);
            }
    return sum;
}

static void check_few_row(const NstDsp *dsp, int ci, int co, int kernel, int n, Fill fill, bool with_bias,
                          NstRandom *random)
{
    const int width = n + kernel - 1, stride = width + 1;
    const size_t plane = (size_t)(stride * kernel + 5);
    float *x = buffer_filled(plane * (size_t)(ci - 1) + (size_t)(stride * (kernel - 1) + width), fill, random);
    float *k = buffer_filled((size_t)(co * ci * kernel * kernel), FILL_NORMAL, random);
    float *bias = buffer_filled((size_t)co, FILL_NORMAL, random), *y[NST_FEW_MAX];
    /* Planes of the result with guards around each: y_plane leads from one to the next */
    const size_t y_plane = (size_t)n + 7;
    float *all = guarded_new(y_plane * (size_t)co);
    for (int o = 0; o < co; o++)
        y[o] = all + y_plane * (size_t)o;
    const float *biases = with_bias ? bias : NULL;
    const float floor = with_bias ? -INFINITY : 0;
    const NstFewRow row = {ci, co,     kernel, kernel, n,   x,                 (ptrdiff_t)plane, stride,
                           k,  biases, floor,  all,    (ptrdiff_t)y_plane};
    dsp->few_row(&row);
    for (int o = 0; o < co; o++) {
        for (int j = 0; j < n; j++) {
            double size;
            const double expected = fmax(few_expected(&row, o, j, &size), (double)floor);
            assert_rounded((double)y[o][j], expected, size, ci * kernel * kernel + 1, "few_row", (size_t)j);
        }
        for (size_t j = (size_t)n; j < y_plane; j++)
            assert_true(isnan(y[o][j])); /* between the planes */
    }
    guarded_free(all, y_plane * (size_t)co, "few_row");
    free(x);
    free(k);
    free(bias);
}

static void test_few_row(void **state)
{
    (void)state;
    static const int widths[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 47, 48, 49, 96, 97, 200};
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int co = 1; co <= NST_FEW_MAX; co++)
            for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++) {
                const Fill fill = (Fill)(w % FILL_COUNT);
                check_few_row(&tables[table], 3, co, 3, widths[w], fill, true, &random);
                check_few_row(&tables[table], 5, co, 1, widths[w], fill, false, &random);
                check_few_row(&tables[table], 2, co, 9, widths[w], FILL_NORMAL, true, &random);
            }
}

/* -- what training reads -- */

static void check_tap_dots(const NstDsp *dsp, int n, Fill fill, NstRandom *random)
{
    const ptrdiff_t stride = n + 5;
    float *x = buffer_filled((size_t)(2 * stride + n + 2), fill, random), *g = buffer_filled((size_t)n, fill, random);
    double sums[9];
    for (int t = 0; t < 9; t++)
        sums[t] = t;
    dsp->tap_dots(x, stride, g, n, sums);
    for (int t = 0; t < 9; t++) {
        double expected = t, size = t;
        for (int i = 0; i < n; i++) {
            const double term = (double)g[i] * (double)x[t / 3 * stride + i + t % 3];
            expected += term;
            size += fabs(term);
        }
        assert_rounded(sums[t], expected, size, n + 1, "tap_dots", (size_t)t);
    }
    free(x);
    free(g);
}

static void test_tap_dots(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int width = 0; width <= 70; width++)
            check_tap_dots(&tables[table], width, (Fill)(width % FILL_COUNT), &random);
}

enum { LEVELS = 3 }; /* few values, so that many samples of a window are equal */

static void check_halve_max_adjoint(const NstDsp *dsp, size_t n, float low, int add, NstRandom *random)
{
    const size_t stride = 2 * n + 3, count = 2 * stride;
    float *x = buffer_new(count), *g = buffer_filled(n, FILL_NORMAL, random), *gx = guarded_new(stride + 2 * n);
    float *before = buffer_filled(stride + 2 * n, FILL_NORMAL, random);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(random_below(random, LEVELS) - 1);
    for (size_t i = 0; add && i < 2 * n; i++) {
        gx[i] = before[i];
        gx[stride + i] = before[stride + i];
    }
    dsp->halve_max_adjoint(gx, x, stride, g, low, add, n);
    for (size_t j = 0; j < n; j++) {
        const size_t at[4] = {2 * j, 2 * j + 1, stride + 2 * j, stride + 2 * j + 1};
        size_t best = 0;
        for (size_t k = 1; k < 4; k++)
            best = x[at[k]] > x[at[best]] ? k : best;
        for (size_t k = 0; k < 4; k++) {
            const float passed = k == best && x[at[k]] > low ? g[j] : 0;
            assert_float_equal(gx[at[k]], add ? before[at[k]] + passed : passed, 0);
        }
    }
    for (size_t i = 2 * n; n && i < stride; i++)
        assert_true(isnan(gx[i])); /* between the rows */
    guarded_free(gx, stride + 2 * n, "halve_max_adjoint");
    free(before);
    free(x);
    free(g);
}

static void test_halve_max_adjoint(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (size_t windows = 0; windows <= 40; windows++)
            for (int add = 0; add < 2; add++) {
                check_halve_max_adjoint(&tables[table], windows, -INFINITY, add, &random);
                check_halve_max_adjoint(&tables[table], windows, 0, add, &random);
            }
}

/* -- Winograd F(4x4, 3x3), Lavin and Gray 2016, section 4.3 -- */

static const double input_matrix[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                          {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
static const double output_matrix[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

/* Element (r, c) of M d M^T, where d is 6x6 */
static double transformed(const double (*matrix)[6], int r, int c, const double d[6][6], double *size)
{
    double sum = 0;
    *size = 0;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            const double term = matrix[r][i] * d[i][j] * matrix[c][j];
            sum += term;
            *size += fabs(term);
        }
    return sum;
}

/* Both steps of the first transform, on 6 rows of 4 n + 2 samples, `stride` apart */
static void winograd_input(const NstDsp *dsp, const float *x, size_t stride, float *v, size_t step, int n)
{
    float *columns = buffer_new(6 * NST_WINOGRAD_ROW);
    const float *rows[6];
    for (int r = 0; r < 6; r++)
        rows[r] = x + (size_t)r * stride;
    dsp->winograd_columns(rows, columns, 4 * n + 2);
    dsp->winograd_tiles(columns, v, (ptrdiff_t)step, n);
    free(columns);
}

static void check_winograd_input(const NstDsp *dsp, int n, Fill fill, NstRandom *random)
{
    const size_t width = (size_t)(4 * n + 2), stride = width + 3, step = (size_t)n + 2;
    float *x = buffer_filled(5 * stride + width, fill, random), *v = guarded_new(35 * step + (size_t)n);
    winograd_input(dsp, x, stride, v, step, n);
    for (int t = 0; t < n; t++) {
        double d[6][6], size;
        for (int i = 0; i < 36; i++)
            d[i / 6][i % 6] = (double)x[(size_t)(i / 6) * stride + (size_t)(4 * t + i % 6)];
        for (int e = 0; e < 36; e++) {
            const double expected = transformed(input_matrix, e / 6, e % 6, d, &size);
            assert_rounded((double)v[(size_t)e * step + (size_t)t], expected, size, 8, "winograd_input", (size_t)e);
        }
    }
    guarded_free(v, 35 * step + (size_t)n, "winograd_input");
    free(x);
}

static void check_winograd_output(const NstDsp *dsp, int n, float floor, Fill fill, NstRandom *random)
{
    const size_t step = (size_t)n + 1, stride = (size_t)(4 * n + 3), count = 3 * stride + (size_t)(4 * n);
    float *m = buffer_filled(35 * step + (size_t)n, fill, random), *y = guarded_new(count);
    const float bias = random_normal(random);
    dsp->winograd_output(m, (ptrdiff_t)step, bias, floor, y, (ptrdiff_t)stride, n);
    for (int t = 0; t < n; t++) {
        double d[6][6], size;
        for (int e = 0; e < 36; e++)
            d[e / 6][e % 6] = (double)m[(size_t)e * step + (size_t)t];
        for (int e = 0; e < 16; e++) {
            const double result = transformed(output_matrix, e / 4, e % 4, d, &size) + (double)bias;
            assert_rounded((double)y[(size_t)(e / 4) * stride + (size_t)(4 * t + e % 4)], fmax(result, (double)floor),
                           size + fabs((double)bias), 10, "winograd_output", (size_t)e);
        }
    }
    for (int r = 0; r < 3; r++)
        for (size_t gap = (size_t)(4 * n); gap < stride; gap++)
            assert_true(isnan(y[(size_t)r * stride + gap]));
    guarded_free(y, count, "winograd_output");
    free(m);
}

static void test_winograd(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int fill = 0; fill < FILL_COUNT; fill++)
            for (int tiles = 1; tiles <= NST_WINOGRAD_TILES; tiles += tiles < 20 ? 1 : 11) {
                check_winograd_input(&tables[table], tiles, (Fill)fill, &random);
                check_winograd_output(&tables[table], tiles, tiles % 2 ? 0 : -INFINITY, (Fill)fill, &random);
            }
}

/* -- a sample's result has the same bits wherever in a row it is computed -- */

static void assert_same(const float *part, const float *whole, size_t n, const char *what)
{
    if (memcmp(part, whole, n * sizeof(float)))
        fail_msg("%s: other bits in a part of the row", what);
}

enum { WHOLE = 100, CUTS = 3 };
static const int cuts[CUTS] = {1, 37, 93};

static void check_pointwise_part(const NstDsp *dsp, Pointwise op, int from, NstRandom *random)
{
    float *a = buffer_filled(WHOLE, FILL_NORMAL, random), *b = buffer_filled(WHOLE, FILL_NORMAL, random);
    float *whole = buffer_filled(WHOLE, FILL_NORMAL, random), *part = buffer_new(WHOLE);
    memcpy(part, whole, WHOLE * sizeof(float));
    call_pointwise(dsp, op, whole, a, b, 0.7f, -0.3f, WHOLE);
    call_pointwise(dsp, op, part, a, b, 0.7f, -0.3f, (size_t)from);
    call_pointwise(dsp, op, part + from, a + from, b + from, 0.7f, -0.3f, (size_t)(WHOLE - from));
    assert_same(part, whole, WHOLE, pointwise_names[op]);
    free(a);
    free(b);
    free(whole);
    free(part);
}

static void check_convolution_part(const NstDsp *dsp, int from, NstRandom *random)
{
    enum { CI = 2, KERNEL = 3, STRIDE = WHOLE + KERNEL - 1, PLANE = KERNEL * STRIDE };
    float *x = buffer_filled(CI * PLANE, FILL_NORMAL, random), *whole = buffer_new(WHOLE), *part = buffer_new(WHOLE);
    float *k = buffer_filled(CI * KERNEL * KERNEL, FILL_NORMAL, random);
    const NstDepthwise conv = {KERNEL, KERNEL, 1, 1, 1, 1, k, 0.3f, STRIDE};
    dsp->depthwise_rows(whole, WHOLE, x, &conv, WHOLE, 1);
    dsp->depthwise_rows(part, WHOLE, x + from, &conv, WHOLE - from, 1);
    assert_same(part, whole + from, (size_t)(WHOLE - from), "depthwise_rows");
    NstFewRow row = {CI, 1, KERNEL, KERNEL, WHOLE, x, PLANE, STRIDE, k, NULL, -INFINITY, whole, WHOLE};
    dsp->few_row(&row);
    row.x += from;
    row.n -= from;
    row.y = part;
    dsp->few_row(&row);
    assert_same(part, whole + from, (size_t)(WHOLE - from), "few_row");
    free(x);
    free(whole);
    free(part);
    free(k);
}

static void check_winograd_part(const NstDsp *dsp, int from, NstRandom *random)
{
    enum { TILES = NST_WINOGRAD_TILES, STRIDE = 4 * TILES + 2 };
    const int n = TILES - from;
    float *x = buffer_filled(6 * STRIDE, FILL_NORMAL, random);
    float *v = buffer_new(36 * TILES), *v_part = buffer_new(36 * TILES);
    float *y = buffer_new(4 * STRIDE), *y_part = buffer_new(4 * STRIDE);
    winograd_input(dsp, x, STRIDE, v, TILES, TILES);
    winograd_input(dsp, x + 4 * from, STRIDE, v_part, TILES, n);
    dsp->winograd_output(v, TILES, 0.3f, -INFINITY, y, STRIDE, TILES);
    dsp->winograd_output(v + from, TILES, 0.3f, -INFINITY, y_part, STRIDE, n);
    for (int e = 0; e < 36; e++)
        assert_same(v_part + e * TILES, v + e * TILES + from, (size_t)n, "winograd_input");
    for (int r = 0; r < 4; r++)
        assert_same(y_part + r * STRIDE, y + r * STRIDE + 4 * from, (size_t)(4 * n), "winograd_output");
    free(x);
    free(v);
    free(v_part);
    free(y);
    free(y_part);
}

static void test_parts(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random = seeded();
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int i = 0; i < CUTS; i++) {
            for (int op = 0; op < N_POINTWISE; op++)
                check_pointwise_part(&tables[table], (Pointwise)op, cuts[i], &random);
            check_convolution_part(&tables[table], cuts[i], &random);
            check_winograd_part(&tables[table], cuts[i] * NST_WINOGRAD_TILES / WHOLE, &random);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise),  cmocka_unit_test(test_pointwise_in_place), cmocka_unit_test(test_sums),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_depthwise_rows),     cmocka_unit_test(test_few_row),
        cmocka_unit_test(test_tap_dots),   cmocka_unit_test(test_halve_max_adjoint),
        cmocka_unit_test(test_winograd),   cmocka_unit_test(test_parts),              cmocka_unit_test(test_guided_row),
        cmocka_unit_test(test_interleave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
