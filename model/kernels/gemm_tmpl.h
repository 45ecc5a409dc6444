/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Matrix product after Goto and van de Geijn 2008: blocks of A and panels of B are packed so that the micro-kernel
 * reads both in order, and keeps an MR x NR tile of C in registers.
 *
 *            NR                          packed A: panels of MR rows, a[p][k][MR]
 *          +----+                        packed B: one panel of NR columns, b[k][NR]
 *       KC | B  |
 *      KC  +----+
 *    +-----+----+
 *  MR|  A  | C  |   each element of C is one chain of additions over k within a block of KC, then one addition
 *    +-----+----+   a block: its bits do not depend on how the caller cuts M and N.
 *
 * Included once for each variant, after kernels_tmpl.h, with
 *   MR, NV                rows, and vectors of columns, of the tile
 *   NAME(load_even)(p)    p[0], p[2] ... p[2 VL - 2]; nothing behind that is read
 */

enum { NAME(NR) = NV * VL, NAME(KC) = 256, NAME(MC) = 64 };

/* C (MR x nv VL) (+)= packed a (kc x MR) times packed b (kc x NR); nv is a constant where this is inlined */
TARGET static inline __attribute__((always_inline)) void NAME(tile)(int nv, int kc, const float *restrict a,
                                                                    const float *restrict b, int add, float *c,
                                                                    ptrdiff_t ldc)
{
    V acc[MR][NV];
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < nv; j++)
            acc[i][j] = V_SET1(0);
#pragma GCC unroll 4
    for (int k = 0; k < kc; k++, a += MR, b += NAME(NR)) {
        V bv[NV];
        for (int j = 0; j < nv; j++)
            bv[j] = V_LOAD(b + j * VL);
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            V av = V_SET1(a[i]);
            for (int j = 0; j < nv; j++)
                acc[i][j] = V_FMA(av, bv[j], acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++, c += ldc)
        for (int j = 0; j < nv; j++) {
            if (add)
                acc[i][j] += V_LOAD(c + j * VL);
            V_STORE(c + j * VL, acc[i][j]);
        }
}

TARGET static void NAME(tile_1)(int kc, const float *a, const float *b, int add, float *c, ptrdiff_t ldc)
{
    NAME(tile)(1, kc, a, b, add, c, ldc);
}

TARGET static void NAME(tile_2)(int kc, const float *a, const float *b, int add, float *c, ptrdiff_t ldc)
{
    NAME(tile)(2, kc, a, b, add, c, ldc);
}

TARGET static void NAME(tile_all)(int kc, const float *a, const float *b, int add, float *c, ptrdiff_t ldc)
{
    NAME(tile)(NV, kc, a, b, add, c, ldc);
}

/* The upper left m x n of a tile, straight to C where that is all of it */
TARGET static inline void NAME(tile_part)(int m, int n, int kc, const float *a, const float *b, int add, float *c,
                                          ptrdiff_t ldc)
{
    _Alignas(64) float whole[MR * NAME(NR)];
    int nv = n <= VL ? 1 : n <= 2 * VL ? 2 : NV;
    bool direct = m >= MR && n == nv * VL;
    float *to = direct ? c : whole;
    ptrdiff_t to_step = direct ? ldc : NAME(NR);
    int to_add = direct ? add : 0;
    if (nv == 1)
        NAME(tile_1)(kc, a, b, to_add, to, to_step);
    else if (nv == 2)
        NAME(tile_2)(kc, a, b, to_add, to, to_step);
    else
        NAME(tile_all)(kc, a, b, to_add, to, to_step);
    if (direct)
        return;
    for (int i = 0; i < m && i < MR; i++)
        for (int j = 0; j < n; j++)
            c[i * ldc + j] = add ? c[i * ldc + j] + whole[i * NAME(NR) + j] : whole[i * NAME(NR) + j];
}

/* m x kc of op(A) into panels of MR rows; missing rows are zero */
TARGET static void NAME(pack_a)(int trans, const float *a, int lda, int m, int kc, float *to)
{
    ptrdiff_t row = trans ? 1 : lda, column = trans ? lda : 1;
    for (int i0 = 0; i0 < m; i0 += MR)
        for (int k = 0; k < kc; k++)
            for (int i = 0; i < MR; i++)
                *to++ = i0 + i < m ? a[(i0 + i) * row + k * column] : 0;
}

/* kc x n of op(B), n <= NR, into one panel; missing columns are zero */
TARGET static void NAME(pack_b)(int trans, const float *b, int ldb, int n, int kc, float *to)
{
    if (!trans && n == NAME(NR)) {
        for (int k = 0; k < kc; k++, b += ldb, to += NAME(NR))
            for (int j = 0; j < NV; j++)
                V_STORE(to + j * VL, V_LOAD(b + j * VL));
        return;
    }
    ptrdiff_t row = trans ? 1 : ldb, column = trans ? ldb : 1;
    for (int k = 0; k < kc; k++, to += NAME(NR)) {
        for (int j = 0; j < n; j++)
            to[j] = b[k * row + j * column];
        for (int j = n; j < NAME(NR); j++)
            to[j] = 0;
    }
}

TARGET static void NAME(pack_rows)(int m, int k, const float *a, int lda, float *packed)
{
    NAME(pack_a)(0, a, lda, m, k, packed);
}

TARGET static void NAME(multiply_panels)(int m, int n, int k, const float *packed, const float *panels, int add,
                                         float *c, int ldc)
{
    for (int j = 0; j < n; j += NAME(NR), panels += (ptrdiff_t)k * NAME(NR))
        for (int i = 0; i < m; i += MR)
            if (n - j >= NAME(NR) && m - i >= MR)
                NAME(tile)(NV, k, packed + (ptrdiff_t)i * k, panels, add, c + (ptrdiff_t)i * ldc + j, ldc);
            else
                NAME(tile_part)(m - i, n - j < NAME(NR) ? n - j : NAME(NR), k, packed + (ptrdiff_t)i * k, panels, add,
                                c + (ptrdiff_t)i * ldc + j, ldc);
}

/* The share of one panel */
TARGET static inline void NAME(fill_panel)(const float *restrict x, int stride, int n, float *restrict to)
{
    int i = 0;
    for (; stride == 1 && i + VL <= n; i += VL)
        V_STORE(to + i, V_LOAD(x + i));
    for (; stride == 2 && i + VL <= n; i += VL)
        V_STORE(to + i, NAME(load_even)(x + 2 * i));
    for (; i < n; i++)
        to[i] = x[i * stride];
}

TARGET static void NAME(fill_panels)(const float *x, int stride, int n, float *panels, ptrdiff_t size, int at)
{
    panels += at / NAME(NR) * size;
    for (int place = at % NAME(NR); n > 0; place = 0, panels += size) {
        const int some = NAME(NR) - place < n ? NAME(NR) - place : n;
        NAME(fill_panel)(x, stride, some, panels + place);
        x += (ptrdiff_t)some * stride;
        n -= some;
    }
}

/* C (m x n) (+)= packed A (m x kc) times op(B) (kc x n) */
TARGET static void NAME(block)(int trans_b, int m, int n, int kc, const float *packed, const float *b, int ldb, int add,
                               float *c, int ldc)
{
    _Alignas(64) float panel[NAME(KC) * NAME(NR)];
    for (int j = 0; j < n; j += NAME(NR)) {
        int nr = n - j < NAME(NR) ? n - j : NAME(NR);
        NAME(pack_b)(trans_b, b + (trans_b ? (ptrdiff_t)j * ldb : j), ldb, nr, kc, panel);
        for (int i = 0; i < m; i += MR)
            NAME(tile_part)(m - i, nr, kc, packed + (ptrdiff_t)i * kc, panel, add, c + (ptrdiff_t)i * ldc + j, ldc);
    }
}

TARGET static void NAME(gemm)(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                              int ldb, float beta, float *c, int ldc)
{
    _Alignas(64) float packed[(NAME(MC) + MR) * NAME(KC)];
    if (k <= 0 && beta == 0)
        for (int i = 0; i < m; i++)
            memset(c + (ptrdiff_t)i * ldc, 0, (size_t)n * sizeof(*c));
    for (int k0 = 0; k0 < k; k0 += NAME(KC)) {
        int kc = k - k0 < NAME(KC) ? k - k0 : NAME(KC);
        int add = k0 > 0 || beta != 0;
        const float *b_block = b + (trans_b ? k0 : (ptrdiff_t)k0 * ldb);
        for (int i = 0; i < m; i += NAME(MC)) {
            int mc = m - i < NAME(MC) ? m - i : NAME(MC);
            const float *a_block = trans_a ? a + (ptrdiff_t)k0 * lda + i : a + (ptrdiff_t)i * lda + k0;
            NAME(pack_a)(trans_a, a_block, lda, mc, kc, packed);
            NAME(block)(trans_b, mc, n, kc, packed, b_block, ldb, add, c + (ptrdiff_t)i * ldc, ldc);
        }
    }
}

TARGET static void NAME(gemm_fill)(NstDsp *dsp)
{
    dsp->gemm = NAME(gemm);
    dsp->panel_height = MR;
    dsp->panel_width = NAME(NR);
    dsp->pack_rows = NAME(pack_rows);
    dsp->multiply_panels = NAME(multiply_panels);
    dsp->fill_panels = NAME(fill_panels);
}
