/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolution to few channels, one row at a time, straight from the padded picture: as co results do not fill the
 * rows of a matrix product's tile, the tile is co results by vectors of neighbouring pixels. Included once for each
 * variant, after kernels_tmpl.h, with
 *   FEW_VECTORS(co)    vectors of pixels of a tile, at most FEW_VECTORS_MAX: so many that the registers have room for
 *                      co sums of each, for co kernel values or the vectors' samples, and for one vector more
 */

#ifndef FEW_VECTORS_MAX
#define FEW_VECTORS_MAX 6
#endif

/* acc[o][v] += k[o k_step] x[v]. The order is that of few registers. */
TARGET static inline __attribute__((always_inline)) void NAME(few_tap)(int co, int nv, const float *k, ptrdiff_t k_step,
                                                                       const float *x,
                                                                       V acc[NST_FEW_MAX][FEW_VECTORS_MAX])
{
    if (co <= nv) {
        V kv[NST_FEW_MAX];
        for (int o = 0; o < co; o++)
            kv[o] = V_SET1(k[o * k_step]);
        for (int v = 0; v < nv; v++) {
            V xv = V_LOAD(x + v * VL);
            if (co < 4)
                KEEP_VECTOR(xv);
            for (int o = 0; o < co; o++)
                acc[o][v] = V_FMA(kv[o], xv, acc[o][v]);
        }
    } else {
        V xv[FEW_VECTORS_MAX];
        for (int v = 0; v < nv; v++)
            xv[v] = V_LOAD(x + v * VL);
        for (int o = 0; o < co; o++) {
            V kv = V_SET1(k[o * k_step]);
            for (int v = 0; v < nv; v++)
                acc[o][v] = V_FMA(kv, xv[v], acc[o][v]);
        }
    }
}

/* nv vectors of pixels of co results; both are constants where this is inlined */
TARGET static inline __attribute__((always_inline)) void NAME(few_tile)(int co, int nv, const NstFewRow *r,
                                                                        const float *x, float *y)
{
    V acc[NST_FEW_MAX][FEW_VECTORS_MAX];
    const float *k = r->k;
    ptrdiff_t k_step = (ptrdiff_t)r->ci * r->kh * r->kw;
    for (int o = 0; o < co; o++)
        for (int v = 0; v < nv; v++)
            acc[o][v] = V_SET1(r->bias ? r->bias[o] : 0);
    for (int c = 0; c < r->ci; c++)
        for (int p = 0; p < r->kh; p++) {
            const float *from = x + c * r->x_plane + p * r->x_stride;
            for (int q = 0; q < r->kw; q++)
                NAME(few_tap)(co, nv, k++, k_step, from + q, acc);
        }
    for (int o = 0; o < co; o++)
        for (int v = 0; v < nv; v++)
            V_STORE(y + o * r->y_plane + v * VL, V_FLOOR(acc[o][v], V_SET1(r->floor)));
}

/* A row of tiles of nv vectors. Where less than one is left, the last one of the row is done again. */
TARGET static inline __attribute__((always_inline)) void NAME(few_tiles)(int co, int nv, const NstFewRow *r)
{
    for (int j = 0; j < r->n; j += nv * VL) {
        int at = j + nv * VL <= r->n ? j : r->n - nv * VL;
        NAME(few_tile)(co, nv, r, r->x + at, r->y + at);
    }
}

/* Rows that do not fill a vector */
TARGET static void NAME(few_narrow)(const NstFewRow *r)
{
    for (int j = 0; j < r->n; j++)
        for (int o = 0; o < r->co; o++) {
            const float *k = r->k + (ptrdiff_t)o * r->ci * r->kh * r->kw;
            float sum = r->bias ? r->bias[o] : 0;
            for (int c = 0; c < r->ci; c++)
                for (int p = 0; p < r->kh; p++)
                    for (int q = 0; q < r->kw; q++)
                        sum = FMA(*k++, r->x[c * r->x_plane + p * r->x_stride + j + q], sum);
            r->y[o * r->y_plane + j] = sum < r->floor ? r->floor : sum;
        }
}

TARGET static inline __attribute__((always_inline)) void NAME(few_span)(int co, const NstFewRow *r)
{
    if (r->n >= FEW_VECTORS(co) * VL)
        NAME(few_tiles)(co, FEW_VECTORS(co), r);
    else if (r->n >= VL)
        NAME(few_tiles)(co, 1, r);
    else
        NAME(few_narrow)(r);
}

TARGET static void NAME(few_row)(const NstFewRow *r)
{
    switch (r->co) {
    case 1: NAME(few_span)(1, r); break;
    case 2: NAME(few_span)(2, r); break;
    case 3: NAME(few_span)(3, r); break;
    case 4: NAME(few_span)(4, r); break;
    }
}

TARGET static void NAME(few_fill)(NstDsp *dsp)
{
    dsp->few_row = NAME(few_row);
}
