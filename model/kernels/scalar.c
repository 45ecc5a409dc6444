/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference: every other variant is tested against these. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../half.h"
#include "dsp.h"

#define TARGET
#define NAME(x) scalar_##x

#define VL 1
#define V float
#define V_LOAD(p) (*(p))
#define V_STORE(p, v) (*(p) = (v))
#define V_SET1(x) ((float)(x))
#define V_FMA(a, b, c) ((a) * (b) + (c))
#define V_MIN(a, b) ((a) < (b) ? (a) : (b))
#define V_MAX(a, b) ((a) > (b) ? (a) : (b))
#define V_FLOOR(v, low) ((v) < (low) ? (low) : (v))
#define V_SQRT(a) sqrtf(a)
#define FMA(a, b, c) V_FMA(a, b, c)

#define DL 1
#define D double
#define D_WIDEN(p) ((double)*(p))
#define D_STORE(p, v) (*(p) = (v))
#define D_SET1(x) ((double)(x))
#define D_FMA(a, b, c) ((a) * (b) + (c))

static inline void scalar_load4(const float *p, float d[4])
{
    memcpy(d, p, 4 * sizeof(*d));
}

static inline void scalar_store4(float *p, const float d[4])
{
    memcpy(p, d, 4 * sizeof(*p));
}

static inline float scalar_next(float v, float x)
{
    (void)v;
    return x;
}

static inline float scalar_load_some(const float *p, int n)
{
    return n ? *p : 0;
}

static inline void scalar_store_some(float *p, float v, int n)
{
    if (n)
        *p = v;
}

static inline void scalar_sum4(float a, float b, float c, float d, float s[4])
{
    s[0] = a;
    s[1] = b;
    s[2] = c;
    s[3] = d;
}

#include "kernels_tmpl.h"
#include "rows_tmpl.h"
#include "winograd_tmpl.h"

#define FEW_VECTORS(co) 1
#include "few_tmpl.h"

#include "flow_tmpl.h"
#include "refine_tmpl.h"
#include "temporal_tmpl.h"
#include "warp_tmpl.h"

static void scalar_gemm(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                        int ldb, float beta, float *c, int ldc)
{
    ptrdiff_t a_row = trans_a ? 1 : lda, a_column = trans_a ? lda : 1;
    ptrdiff_t b_row = trans_b ? 1 : ldb, b_column = trans_b ? ldb : 1;
    for (int i = 0; i < m; i++) {
        float *row = c + (ptrdiff_t)i * ldc;
        if (beta == 0)
            memset(row, 0, (size_t)n * sizeof(*row));
        for (int p = 0; p < k; p++) {
            float scale = a[i * a_row + p * a_column];
            const float *from = b + p * b_row;
            for (int j = 0; j < n; j++)
                row[j] += scale * from[j * b_column];
        }
    }
}

enum { SCALAR_PANEL = 16 };

static void scalar_pack_rows(int m, int k, const float *a, int lda, float *packed)
{
    for (int i = 0; i < m; i++, packed += k)
        memcpy(packed, a + (ptrdiff_t)i * lda, (size_t)k * sizeof(*packed));
}

static void scalar_multiply_panels(int m, int n, int k, const float *packed, const float *panels, int add, float *c,
                                   int ldc)
{
    for (int j = 0; j < n; j += SCALAR_PANEL, panels += (ptrdiff_t)k * SCALAR_PANEL)
        scalar_gemm(0, 0, m, n - j < SCALAR_PANEL ? n - j : SCALAR_PANEL, k, packed, k, panels, SCALAR_PANEL,
                    (float)add, c + j, ldc);
}

static void scalar_fill_panels(const float *x, int stride, int n, float *panels, ptrdiff_t size, int at)
{
    for (int i = at; i < at + n; i++, x += stride)
        panels[i / SCALAR_PANEL * size + i % SCALAR_PANEL] = *x;
}

void dsp_init_scalar(NstDsp *dsp)
{
    scalar_kernels_fill(dsp);
    scalar_rows_fill(dsp);
    scalar_winograd_fill(dsp);
    scalar_few_fill(dsp);
    scalar_flow_fill(dsp);
    scalar_refine_fill(dsp);
    scalar_temporal_fill(dsp);
    scalar_warp_fill(dsp);
    dsp->gemm = scalar_gemm;
    dsp->panel_height = 1;
    dsp->panel_width = SCALAR_PANEL;
    dsp->pack_rows = scalar_pack_rows;
    dsp->multiply_panels = scalar_multiply_panels;
    dsp->fill_panels = scalar_fill_panels;
}
