/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../half.h"
#include "dsp.h"

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#define NAME(x) avx512_##x

#define VL 16
#define V __m512
#define V_LOAD(p) _mm512_loadu_ps(p)
#define V_STORE(p, v) _mm512_storeu_ps(p, v)
#define V_SET1(x) _mm512_set1_ps(x)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_MIN(a, b) _mm512_min_ps(a, b)
#define V_MAX(a, b) _mm512_max_ps(a, b)
#define V_FLOOR(v, low) _mm512_max_ps(low, v)
#define V_SQRT(a) _mm512_sqrt_ps(a)
#define FMA(a, b, c) __builtin_fmaf(a, b, c)

#define DL 8
#define D __m512d
#define D_WIDEN(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define D_STORE(p, v) _mm512_storeu_pd(p, v)
#define D_SET1(x) _mm512_set1_pd(x)
#define D_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)

/* Samples 0 and 1 of eight tiles, then samples 2 and 3, each from two vectors; then the halves are put together. */
TARGET static inline void avx512_load4(const float *p, V d[4])
{
    __m512i first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(2));
    V a[4] = {V_LOAD(p), V_LOAD(p + 16), V_LOAD(p + 32), V_LOAD(p + 48)};
    V low01 = _mm512_permutex2var_ps(a[0], first, a[1]), high01 = _mm512_permutex2var_ps(a[2], first, a[3]);
    V low23 = _mm512_permutex2var_ps(a[0], last, a[1]), high23 = _mm512_permutex2var_ps(a[2], last, a[3]);
    d[0] = _mm512_shuffle_f32x4(low01, high01, 0x44);
    d[1] = _mm512_shuffle_f32x4(low01, high01, 0xee);
    d[2] = _mm512_shuffle_f32x4(low23, high23, 0x44);
    d[3] = _mm512_shuffle_f32x4(low23, high23, 0xee);
}

TARGET static inline void avx512_store4(float *p, const V d[4])
{
    __m512i first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
    __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(4));
    V low01 = _mm512_shuffle_f32x4(d[0], d[1], 0x44), high01 = _mm512_shuffle_f32x4(d[0], d[1], 0xee);
    V low23 = _mm512_shuffle_f32x4(d[2], d[3], 0x44), high23 = _mm512_shuffle_f32x4(d[2], d[3], 0xee);
    V_STORE(p, _mm512_permutex2var_ps(low01, first, low23));
    V_STORE(p + 16, _mm512_permutex2var_ps(low01, last, low23));
    V_STORE(p + 32, _mm512_permutex2var_ps(high01, first, high23));
    V_STORE(p + 48, _mm512_permutex2var_ps(high01, last, high23));
}

TARGET static inline V avx512_next(V v, float x)
{
    __m512i after = _mm512_castps_si512(V_SET1(x));
    return _mm512_castsi512_ps(_mm512_alignr_epi32(after, _mm512_castps_si512(v), 1));
}

TARGET static inline V avx512_load_some(const float *p, int n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

TARGET static inline void avx512_store_some(float *p, V v, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}

TARGET static inline __m256 avx512_halves(V v)
{
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}

TARGET static inline void avx512_sum4(V a, V b, V c, V d, float s[4])
{
    __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(avx512_halves(a), avx512_halves(b)),
                                  _mm256_hadd_ps(avx512_halves(c), avx512_halves(d)));
    _mm_storeu_ps(s, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

#include "kernels_tmpl.h"
#include "rows_tmpl.h"
#include "winograd_tmpl.h"

TARGET static inline V avx512_load_even(const float *p)
{
    V v;
    for (int i = 0; i < VL; i++)
        v[i] = p[2 * i];
    return v;
}

#define MR 8
#define NV 3
#include "gemm_tmpl.h"

#define FEW_VECTORS(co) 6
#include "few_tmpl.h"
#include "refine_tmpl.h"
#include "temporal_tmpl.h"

void dsp_init_avx512(NstDsp *dsp)
{
    avx512_kernels_fill(dsp);
    avx512_rows_fill(dsp);
    avx512_winograd_fill(dsp);
    avx512_gemm_fill(dsp);
    avx512_few_fill(dsp);
    avx512_refine_fill(dsp);
    avx512_temporal_fill(dsp);
}

#endif
