/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transforms of Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, section 4). A tile is 6x6 samples of the
 * picture and yields 4x4 results; neighbours overlap by two samples. Both transforms take the columns first, where
 * neighbouring samples fill a vector, then the rows, where a vector holds one element of VL tiles. Where fewer than VL
 * tiles are left at the end, the last VL are done again.
 *
 * Included once for each variant, after kernels_tmpl.h, with
 *   NAME(load4)(p, d)     d[i] = p[i], p[4 + i], p[8 + i] ...
 *   NAME(store4)(p, d)    the reverse
 *   NAME(next)(v, x)      v without its first element, and x behind
 *   NAME(load_some)(p, n), NAME(store_some)(p, v, n)    the first n < VL elements; load_some sets the others to 0
 */

/* B^T d */
TARGET static inline __attribute__((always_inline)) void NAME(input_transform)(const V d[6], V to[6])
{
    V four = V_SET1(4), five = V_SET1(-5), two = V_SET1(2);
    V even = V_FMA(V_SET1(-4), d[2], d[4]), odd = V_FMA(V_SET1(-4), d[1], d[3]);
    V near = d[4] - d[2], far = d[3] - d[1];
    to[0] = V_FMA(four, d[0], V_FMA(five, d[2], d[4]));
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = V_FMA(two, far, near);
    to[4] = V_FMA(V_SET1(-2), far, near);
    to[5] = V_FMA(four, d[1], V_FMA(five, d[3], d[5]));
}

TARGET static void NAME(winograd_columns)(const float *const x[6], float *columns, int n)
{
    const float *const rows[6] = {x[0], x[1], x[2], x[3], x[4], x[5]}; /* columns may not overlap x: kept in registers */
    for (int i = 0; i < n; i += VL) {
        V d[6], to[6];
        for (int r = 0; r < 6; r++)
            d[r] = i + VL <= n ? V_LOAD(rows[r] + i) : NAME(load_some)(rows[r] + i, n - i);
        NAME(input_transform)(d, to);
        for (int r = 0; r < 6; r++)
            V_STORE(columns + r * NST_WINOGRAD_ROW + i, to[r]);
    }
}

/* v: B^T d B of the first n <= VL tiles; n is a constant where this is inlined for whole vectors */
TARGET static inline __attribute__((always_inline)) void NAME(input_tiles)(const float *columns, float *v,
                                                                           ptrdiff_t step, int n)
{
    for (int r = 0; r < 6; r++, columns += NST_WINOGRAD_ROW, v += 6 * step) {
        V d[6], to[6];
        NAME(load4)(columns, d);
        d[4] = NAME(next)(d[0], columns[4 * VL]);
        d[5] = NAME(next)(d[1], columns[4 * VL + 1]);
        NAME(input_transform)(d, to);
        for (int c = 0; c < 6; c++)
            if (n == VL)
                V_STORE(v + c * step, to[c]);
            else
                NAME(store_some)(v + c * step, to[c], n);
    }
}

TARGET static void NAME(winograd_tiles)(const float *columns, float *v, ptrdiff_t step, int n)
{
    if (n < VL) {
        NAME(input_tiles)(columns, v, step, n);
        return;
    }
    for (int t = 0; t < n; t += VL) {
        int at = t + VL <= n ? t : n - VL;
        NAME(input_tiles)(columns + 4 * at, v + at, step, VL);
    }
}

/* A^T m */
TARGET static inline __attribute__((always_inline)) void NAME(output_transform)(const V m[6], V to[4])
{
    V sum12 = m[1] + m[2], sum34 = m[3] + m[4], diff12 = m[1] - m[2], diff34 = m[3] - m[4];
    to[0] = m[0] + sum12 + sum34;
    to[1] = V_FMA(V_SET1(2), diff34, diff12);
    to[2] = V_FMA(V_SET1(4), sum34, sum12);
    to[3] = V_FMA(V_SET1(8), diff34, diff12) + m[5];
}

/* y: A^T m A + bias of VL tiles, of which n are there; n is a constant where this is inlined for whole vectors */
TARGET static inline __attribute__((always_inline)) void NAME(output_tiles)(const float *m, ptrdiff_t step, float bias,
                                                                            float floor, float *y, ptrdiff_t stride,
                                                                            int n)
{
    V column[4][6]; /* A^T m */
    for (int c = 0; c < 6; c++, m += step) {
        V d[6], to[4];
        for (int r = 0; r < 6; r++)
            d[r] = n == VL ? V_LOAD(m + 6 * r * step) : NAME(load_some)(m + 6 * r * step, n);
        NAME(output_transform)(d, to);
        for (int r = 0; r < 4; r++)
            column[r][c] = to[r];
    }
    for (int r = 0; r < 4; r++, y += stride) {
        V to[4];
        NAME(output_transform)(column[r], to);
        for (int c = 0; c < 4; c++)
            to[c] = V_FLOOR(to[c] + V_SET1(bias), V_SET1(floor));
        NAME(store4)(y, to);
    }
}

TARGET static void NAME(winograd_output)(const float *m, ptrdiff_t step, float bias, float floor, float *y,
                                         ptrdiff_t stride, int n)
{
    if (n < VL) {
        float frame[4 * 4 * VL];
        NAME(output_tiles)(m, step, bias, floor, frame, 4 * VL, n);
        for (int r = 0; r < 4; r++)
            memcpy(y + r * stride, frame + r * 4 * VL, (size_t)(4 * n) * sizeof(*y));
        return;
    }
    for (int t = 0; t < n; t += VL) {
        int at = t + VL <= n ? t : n - VL;
        NAME(output_tiles)(m + at, step, bias, floor, y + 4 * at, stride, VL);
    }
}

TARGET static void NAME(winograd_fill)(NstDsp *dsp)
{
    dsp->winograd_columns = NAME(winograd_columns);
    dsp->winograd_tiles = NAME(winograd_tiles);
    dsp->winograd_output = NAME(winograd_output);
}
