/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "dsp.h"
#include "few.h"

#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) avx2_##x
#include "kernels_tmpl.h"
#include "winograd_tmpl.h"

#define MR 4
#define NV 3
#define VL 8
#define V __m256
#define V_LOAD(p) _mm256_loadu_ps(p)
#define V_STORE(p, v) _mm256_storeu_ps(p, v)
#define V_SET1(x) _mm256_set1_ps(x)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#include "gemm_tmpl.h"

#define FEW_NV 3
#include "few_tmpl.h"

void dsp_init_avx2(NstDsp *dsp)
{
    avx2_dsp_fill(dsp);
    dsp->gemm = avx2_gemm;
    dsp->panel_height = MR;
    dsp->panel_width = avx2_NR;
    dsp->pack_rows = avx2_pack_rows;
    dsp->multiply_panel = avx2_multiply_panel;
    dsp->winograd_input = avx2_winograd_input;
    dsp->winograd_output = avx2_winograd_output;
    dsp->few_row = avx2_few_row;
}

#endif
