/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matrix product of every instruction set: all transpositions, odd sizes, padded rows, both betas, bits that stay. */
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

typedef struct Product {
    int trans_a, trans_b, m, n, k, extra; /* extra: floats between rows */
    float beta;
    int lda, ldb, ldc;
    float *a, *b, *start; /* start: C before */
} Product;

/* Elements of a matrix whose last row has nothing behind it */
static size_t matrix_size(int rows, int columns, int ld)
{
    return rows && columns ? (size_t)(rows - 1) * (size_t)ld + (size_t)columns : 0;
}

static size_t c_size(const Product *p)
{
    return matrix_size(p->m, p->n, p->ldc);
}

static Product new_product(int flags, int m, int n, int k, Fill fill, NstRandom *random)
{
    Product p = {.trans_a = flags & 1, .trans_b = flags >> 1 & 1, .m = m, .n = n, .k = k};
    p.beta = flags & 4 ? 1 : 0;
    p.extra = flags & 8 ? 5 : 0;
    p.lda = (p.trans_a ? m : k) + p.extra;
    p.ldb = (p.trans_b ? k : n) + p.extra;
    p.ldc = n + p.extra;
    p.a = buffer_filled(p.trans_a ? matrix_size(k, m, p.lda) : matrix_size(m, k, p.lda), fill, random);
    p.b = buffer_filled(p.trans_b ? matrix_size(n, k, p.ldb) : matrix_size(k, n, p.ldb), FILL_NORMAL, random);
    p.start = buffer_filled(c_size(&p), fill, random);
    return p;
}

static void free_product(Product *p)
{
    free(p->a);
    free(p->b);
    free(p->start);
}

static double expected_element(const Product *p, int i, int j, double *size)
{
    double sum = p->beta != 0 ? (double)p->start[(size_t)i * (size_t)p->ldc + (size_t)j] : 0;
    *size = fabs(sum);
    for (int l = 0; l < p->k; l++) {
        const double term = (double)p->a[p->trans_a ? (ptrdiff_t)l * p->lda + i : (ptrdiff_t)i * p->lda + l] *
                            (double)p->b[p->trans_b ? (ptrdiff_t)j * p->ldb + l : (ptrdiff_t)l * p->ldb + j];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

/* C by `dsp`; without beta it holds NaN before. */
static float *multiply(const NstDsp *dsp, const Product *p)
{
    float *c = guarded_new(c_size(p));
    if (p->beta != 0)
        memcpy(c, p->start, c_size(p) * sizeof(float));
    dsp->gemm(p->trans_a, p->trans_b, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->beta, c, p->ldc);
    return c;
}

static void check_elements(const Product *p, const float *c, const char *what)
{
    for (int i = 0; i < p->m; i++) {
        const float *row = c + (ptrdiff_t)i * p->ldc;
        for (int j = 0; j < p->n; j++) {
            double size;
            const double expected = expected_element(p, i, j, &size);
            assert_rounded((double)row[j], expected, size, p->k + 2, what, (size_t)i * (size_t)p->ldc + (size_t)j);
        }
        for (int j = p->n; p->n && j < p->ldc && i + 1 < p->m; j++)
            if (p->beta != 0 ? row[j] != p->start[i * p->ldc + j] : !isnan(row[j]))
                fail_msg("%s writes between rows", what);
    }
}

static void check_gemm(const NstDsp *dsp, int flags, int m, int n, int k, Fill fill, NstRandom *random)
{
    char what[96];
    Product p = new_product(flags, m, n, k, fill, random);
    snprintf(what, sizeof(what), "gemm %c%c, %d x %d x %d, beta %g", p.trans_a ? 'T' : 'N', p.trans_b ? 'T' : 'N', m, n,
             k, (double)p.beta);
    float *c = multiply(dsp, &p);
    check_elements(&p, c, what);
    guarded_free(c, c_size(&p), what);
    free_product(&p);
}

static void test_gemm_small(void **state)
{
    (void)state;
    static const int sides[] = {0, 1, 2, 3, 5, 8, 13, 17, 25};
    enum { N = sizeof(sides) / sizeof(*sides) };
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 1);
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int flags = 0; flags < 16; flags++)
            for (int i = 0; i < N * N * N; i++)
                check_gemm(&tables[table], flags, sides[i % N], sides[i / N % N], sides[i / N / N],
                           (Fill)(i % FILL_COUNT), &random);
}

/* Around the sides of tiles and blocks */
static void test_gemm_large(void **state)
{
    (void)state;
    static const int shapes[][3] = {{63, 47, 255}, {64, 48, 256}, {65, 49, 257}, {130, 97, 5},
                                    {3, 200, 27},  {12, 24, 600}, {129, 1, 513}, {1, 129, 513}};
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 2);
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int flags = 0; flags < 16; flags++)
            for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
                check_gemm(&tables[table], flags, shapes[i][0], shapes[i][1], shapes[i][2],
                           (Fill)((int)i % FILL_COUNT), &random);
}

/* The product in four parts, cut at (i, j), has the bits of the whole: threads may cut it as they like. */
static void check_cut(const NstDsp *dsp, const Product *p, const float *whole, int i, int j)
{
    float *c = guarded_new(c_size(p));
    if (p->beta != 0)
        memcpy(c, p->start, c_size(p) * sizeof(float));
    for (int part = 0; part < 4; part++) {
        const int top = part & 1 ? i : 0, left = part & 2 ? j : 0;
        const int m = part & 1 ? p->m - i : i, n = part & 2 ? p->n - j : j;
        const float *a = p->a + (p->trans_a ? (ptrdiff_t)top : (ptrdiff_t)top * p->lda);
        const float *b = p->b + (p->trans_b ? (ptrdiff_t)left * p->ldb : (ptrdiff_t)left);
        dsp->gemm(p->trans_a, p->trans_b, m, n, p->k, a, p->lda, b, p->ldb, p->beta, c + (ptrdiff_t)top * p->ldc + left,
                  p->ldc);
    }
    assert_memory_equal(c, whole, c_size(p) * sizeof(float));
    guarded_free(c, c_size(p), "gemm in parts");
}

static void test_gemm_in_parts(void **state)
{
    (void)state;
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 3);
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int flags = 0; flags < 8; flags++) {
            Product p = new_product(flags, 71, 83, 300, FILL_NORMAL, &random);
            float *whole = multiply(&tables[table], &p);
            check_cut(&tables[table], &p, whole, 1, 1);
            check_cut(&tables[table], &p, whole, 30, 64);
            check_cut(&tables[table], &p, whole, 64, 25);
            check_cut(&tables[table], &p, whole, 70, 82);
            guarded_free(whole, c_size(&p), "gemm");
            free_product(&p);
        }
}

/* pack_rows and multiply_panels */
static void check_panels(const NstDsp *dsp, int m, int n, int k, Fill fill, NstRandom *random)
{
    Product p = new_product(8, m, n, k, fill, random);
    const size_t rows = (size_t)((m + dsp->panel_height - 1) / dsp->panel_height * dsp->panel_height);
    const int width = dsp->panel_width, columns = (n + width - 1) / width * width;
    float *packed = guarded_new(rows * (size_t)k), *panels = buffer_new((size_t)k * (size_t)columns);
    float *c = guarded_new(c_size(&p));
    dsp->pack_rows(m, k, p.a, p.lda, packed);
    for (int l = 0; l < k; l++)
        for (int j = 0; j < columns; j++)
            panels[(j / width * k + l) * width + j % width] = j < n ? p.b[l * p.ldb + j] : 1;
    dsp->multiply_panels(m, n, k, packed, panels, 0, c, p.ldc);
    check_elements(&p, c, "multiply_panels");
    memcpy(c, p.start, c_size(&p) * sizeof(*c));
    dsp->multiply_panels(m, n, k, packed, panels, 1, c, p.ldc);
    p.beta = 1;
    check_elements(&p, c, "multiply_panels, added");
    guarded_free(c, c_size(&p), "multiply_panels");
    guarded_free(packed, rows * (size_t)k, "pack_rows");
    free(panels);
    free_product(&p);
}

static void test_panels(void **state)
{
    (void)state;
    static const int sides[] = {1, 2, 3, 4, 5, 8, 9, 24, 33, 64, 70};
    enum { N = sizeof(sides) / sizeof(*sides) };
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 4);
    const int count = dsp_ladder(tables, masks);
    for (int table = 0; table < count; table++) {
        assert_in_range(tables[table].panel_width, 1, NST_PANEL_MAX);
        for (int i = 0; i < N * N; i++)
            for (int n = 1; n <= 2 * tables[table].panel_width + 1; n += n < 17 ? 1 : 5)
                check_panels(&tables[table], sides[i % N], n, sides[i / N], (Fill)(i % FILL_COUNT), &random);
    }
}

static void check_fill(const NstDsp *dsp, int stride, int n, int at, NstRandom *random)
{
    enum { K = 3 };
    const int width = dsp->panel_width, panels = (at + n) / width + 1, size = K * width + 5;
    const size_t floats = (size_t)(panels * size);
    float *x = buffer_filled(n ? (size_t)((n - 1) * stride + 1) : 0, FILL_NORMAL, random), *to = guarded_new(floats);
    dsp->fill_panels(x, stride, n, to + width, size, at);
    for (int i = 0; i < panels * size; i++) {
        const int column = i / size * width + i % size - width;
        const bool is_filled = i % size >= width && i % size < 2 * width && column >= at && column < at + n;
        if (is_filled ? to[i] != x[(column - at) * stride] : !isnan(to[i]))
            fail_msg("fill_panels, stride %d, n %d, at %d: float %d", stride, n, at, i);
    }
    guarded_free(to, floats, "fill_panels");
    free(x);
}

static void test_fill_panels(void **state)
{
    (void)state;
    static const int sizes[] = {0, 1, 2, 7, 15, 16, 17, 23, 24, 25, 47, 48, 49, 97, 320};
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 5);
    const int count = dsp_ladder(tables, masks);
    for (int table = 0; table < count; table++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
            for (int stride = 1; stride <= 4; stride++)
                for (int at = 0; at < 60; at++)
                    check_fill(&tables[table], stride, sizes[i], at, &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm_small),
        cmocka_unit_test(test_gemm_large),
        cmocka_unit_test(test_gemm_in_parts),
        cmocka_unit_test(test_panels),
        cmocka_unit_test(test_fill_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
