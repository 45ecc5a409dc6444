/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "dsp.h"
#include "few.h"

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma,prefer-vector-width=512")))
#if defined(__clang__)
#undef TARGET
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#endif
#define NAME(x) avx512_##x
#include "kernels_tmpl.h"
#include "winograd_tmpl.h"

#define MR 8
#define NV 3
#define VL 16
#define V __m512
#define V_LOAD(p) _mm512_loadu_ps(p)
#define V_STORE(p, v) _mm512_storeu_ps(p, v)
#define V_SET1(x) _mm512_set1_ps(x)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#include "gemm_tmpl.h"

#define FEW_NV 4
#include "few_tmpl.h"

void dsp_init_avx512(NstDsp *dsp)
{
    avx512_dsp_fill(dsp);
    dsp->gemm = avx512_gemm;
    dsp->panel_height = MR;
    dsp->panel_width = avx512_NR;
    dsp->pack_rows = avx512_pack_rows;
    dsp->multiply_panel = avx512_multiply_panel;
    dsp->winograd_input = avx512_winograd_input;
    dsp->winograd_output = avx512_winograd_output;
    dsp->few_row = avx512_few_row;
}

#endif
