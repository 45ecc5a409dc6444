/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolution to few channels, one row at a time, straight from the padded picture: as co results do not fill the
 * rows of a matrix product's tile, the tile is co results by FEW_NV vectors of neighbouring pixels. Included once for
 * each variant, after gemm_tmpl.h's VL, V and V_*, with
 *   FEW_NV    vectors of pixels
 */

/* nv vectors of pixels of co results; both are constants where this is inlined */
TARGET static inline __attribute__((always_inline)) void NAME(few_tile)(int co, int nv, const NstFewRow *r,
                                                                        const float *x, float *y)
{
    V acc[NST_FEW_MAX][FEW_NV];
    const float *k = r->k;
    ptrdiff_t k_step = (ptrdiff_t)r->ci * r->kh * r->kw;
    for (int o = 0; o < co; o++)
        for (int v = 0; v < nv; v++)
            acc[o][v] = V_SET1(r->bias ? r->bias[o] : 0);
    for (int c = 0; c < r->ci; c++)
        for (int p = 0; p < r->kh; p++) {
            const float *from = x + c * r->x_plane + p * r->x_stride;
            for (int q = 0; q < r->kw; q++, from++, k++)
                for (int o = 0; o < co; o++) {
                    V kv = V_SET1(k[o * k_step]);
                    for (int v = 0; v < nv; v++)
                        acc[o][v] = V_FMA(kv, V_LOAD(from + v * VL), acc[o][v]);
                }
        }
    for (int o = 0; o < co; o++)
        for (int v = 0; v < nv; v++)
            V_STORE(y + o * r->y_plane + v * VL, acc[o][v]);
}

TARGET static inline __attribute__((always_inline)) int NAME(few_span)(int co, const NstFewRow *r)
{
    int j = 0;
    for (; j + FEW_NV * VL <= r->n; j += FEW_NV * VL)
        NAME(few_tile)(co, FEW_NV, r, r->x + j, r->y + j);
    for (; j + VL <= r->n; j += VL)
        NAME(few_tile)(co, 1, r, r->x + j, r->y + j);
    return j;
}

TARGET static void NAME(few_row)(const NstFewRow *r)
{
    int done = 0;
    switch (r->co) {
    case 1: done = NAME(few_span)(1, r); break;
    case 2: done = NAME(few_span)(2, r); break;
    case 3: done = NAME(few_span)(3, r); break;
    case 4: done = NAME(few_span)(4, r); break;
    }
    few_row_rest(r, done);
}
