/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../half.h"
#include "dsp.h"

#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) avx2_##x

#define VL 8
#define V __m256
#define V_LOAD(p) _mm256_loadu_ps(p)
#define V_STORE(p, v) _mm256_storeu_ps(p, v)
#define V_SET1(x) _mm256_set1_ps(x)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_MIN(a, b) _mm256_min_ps(a, b)
#define V_MAX(a, b) _mm256_max_ps(a, b)
#define V_FLOOR(v, low) _mm256_max_ps(low, v)
#define V_SQRT(a) _mm256_sqrt_ps(a)
#define V_BETWEEN(a, b) _mm256_permute2f128_ps(a, b, 0x21)
#define FMA(a, b, c) __builtin_fmaf(a, b, c)

#define DL 4
#define D __m256d
#define D_WIDEN(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define D_STORE(p, v) _mm256_storeu_pd(p, v)
#define D_SET1(x) _mm256_set1_pd(x)
#define D_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)

/* One 128-bit lane holds tiles 0 to 3, the other 4 to 7; both are transposed at once. */
TARGET static inline void avx2_load4(const float *p, V d[4])
{
    V a[4];
    for (int i = 0; i < 4; i++)
        a[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 4 * i)), _mm_loadu_ps(p + 4 * i + 16), 1);
    V low01 = _mm256_unpacklo_ps(a[0], a[1]), high01 = _mm256_unpackhi_ps(a[0], a[1]);
    V low23 = _mm256_unpacklo_ps(a[2], a[3]), high23 = _mm256_unpackhi_ps(a[2], a[3]);
    d[0] = _mm256_shuffle_ps(low01, low23, 0x44);
    d[1] = _mm256_shuffle_ps(low01, low23, 0xee);
    d[2] = _mm256_shuffle_ps(high01, high23, 0x44);
    d[3] = _mm256_shuffle_ps(high01, high23, 0xee);
}

TARGET static inline void avx2_store4(float *p, const V d[4])
{
    V low01 = _mm256_unpacklo_ps(d[0], d[1]), high01 = _mm256_unpackhi_ps(d[0], d[1]);
    V low23 = _mm256_unpacklo_ps(d[2], d[3]), high23 = _mm256_unpackhi_ps(d[2], d[3]);
    V a[4] = {_mm256_shuffle_ps(low01, low23, 0x44), _mm256_shuffle_ps(low01, low23, 0xee),
              _mm256_shuffle_ps(high01, high23, 0x44), _mm256_shuffle_ps(high01, high23, 0xee)};
    for (int i = 0; i < 4; i++) {
        _mm_storeu_ps(p + 4 * i, _mm256_castps256_ps128(a[i]));
        _mm_storeu_ps(p + 4 * i + 16, _mm256_extractf128_ps(a[i], 1));
    }
}

TARGET static inline V avx2_next(V v, float x)
{
    V turned = _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0));
    return _mm256_blend_ps(turned, _mm256_set1_ps(x), 0x80);
}

TARGET static inline __m256i avx2_first(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TARGET static inline V avx2_load_some(const float *p, int n)
{
    return _mm256_maskload_ps(p, avx2_first(n));
}

TARGET static inline void avx2_store_some(float *p, V v, int n)
{
    _mm256_maskstore_ps(p, avx2_first(n), v);
}

TARGET static inline void avx2_sum4(V a, V b, V c, V d, float s[4])
{
    V pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(s, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

#include "kernels_tmpl.h"
#include "rows_tmpl.h"
#include "winograd_tmpl.h"

TARGET static inline V avx2_load_even(const float *p)
{
    V pairs = _mm256_shuffle_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 7), 0xd8);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), 0xd8));
}

#define MR 4
#define NV 3
#include "gemm_tmpl.h"

#define FEW_VECTORS(co) ((co) == 4 ? 3 : (co) == 3 ? 4 : 6)
#include "few_tmpl.h"

#include "flow_tmpl.h"
#include "refine_tmpl.h"
#include "temporal_tmpl.h"
#include "warp_tmpl.h"

void dsp_init_avx2(NstDsp *dsp)
{
    avx2_kernels_fill(dsp);
    avx2_rows_fill(dsp);
    avx2_winograd_fill(dsp);
    avx2_gemm_fill(dsp);
    avx2_few_fill(dsp);
    avx2_flow_fill(dsp);
    avx2_refine_fill(dsp);
    avx2_temporal_fill(dsp);
    avx2_warp_fill(dsp);
}

#endif
