/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../half.h"
#include "dsp.h"

#define TARGET /* every AArch64 processor has it */
#define NAME(x) neon_##x

#define VL 4
#define V float32x4_t
#define V_LOAD(p) vld1q_f32(p)
#define V_STORE(p, v) vst1q_f32(p, v)
#define V_SET1(x) vdupq_n_f32(x)
#define V_FMA(a, b, c) vfmaq_f32(c, a, b)
#define V_MIN(a, b) vminnmq_f32(a, b)
#define V_MAX(a, b) vmaxnmq_f32(a, b)
#define V_FLOOR(v, low) vmaxq_f32(v, low)
#define V_SQRT(a) vsqrtq_f32(a)
#define FMA(a, b, c) __builtin_fmaf(a, b, c)

#define DL 2
#define D float64x2_t
#define D_WIDEN(p) vcvt_f64_f32(vld1_f32(p))
#define D_STORE(p, v) vst1q_f64(p, v)
#define D_SET1(x) vdupq_n_f64(x)
#define D_FMA(a, b, c) vfmaq_f64(c, a, b)

static inline void neon_load4(const float *p, V d[4])
{
    float32x4x4_t four = vld4q_f32(p);
    for (int i = 0; i < 4; i++)
        d[i] = four.val[i];
}

static inline void neon_store4(float *p, const V d[4])
{
    vst4q_f32(p, (float32x4x4_t){{d[0], d[1], d[2], d[3]}});
}

static inline V neon_next(V v, float x)
{
    return vextq_f32(v, vdupq_n_f32(x), 1);
}

static inline V neon_load_some(const float *p, int n)
{
    float all[VL] = {0};
    for (int i = 0; i < n; i++)
        all[i] = p[i];
    return V_LOAD(all);
}

static inline void neon_store_some(float *p, V v, int n)
{
    float all[VL];
    V_STORE(all, v);
    for (int i = 0; i < n; i++)
        p[i] = all[i];
}

static inline void neon_sum4(V a, V b, V c, V d, float s[4])
{
    vst1q_f32(s, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

#include "kernels_tmpl.h"
#include "rows_tmpl.h"
#include "winograd_tmpl.h"

static inline V neon_load_even(const float *p)
{
    V last = vld1q_f32(p + 3);
    return vuzp1q_f32(vld1q_f32(p), vextq_f32(last, last, 1));
}

#define MR 4
#define NV 4
#include "gemm_tmpl.h"

#define FEW_VECTORS(co) ((co) == 4 ? 5 : 6)
#include "few_tmpl.h"

#include "flow_tmpl.h"
#include "refine_tmpl.h"
#include "temporal_tmpl.h"
#include "warp_tmpl.h"

void dsp_init_neon(NstDsp *dsp)
{
    neon_kernels_fill(dsp);
    neon_rows_fill(dsp);
    neon_winograd_fill(dsp);
    neon_gemm_fill(dsp);
    neon_few_fill(dsp);
    neon_flow_fill(dsp);
    neon_refine_fill(dsp);
    neon_temporal_fill(dsp);
    neon_warp_fill(dsp);
}

#endif
