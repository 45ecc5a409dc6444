/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peak.h"

#include <time.h>

#include <nst/compute.h>

/* Two multiply-adds a cycle with a latency of 4 need 8 chains; 12 leave room, and fit the 16 registers of SSE and AVX. */
enum { CHAINS = 12, ROUNDS = 1 << 19, RUNS = 60 };

/*
 * One run of a variant. The empty assembly keeps the chains in registers and the compiler from working them out. In C11
 * a product and a sum stay two operations, so what has no fused multiply-add in the machine is measured without.
 */
#define DEFINE_RUN(name, target, width, multiply_add, constraint)                                                      \
    typedef float name##_vector __attribute__((vector_size(4 * (width))));                                             \
    target static void name##_run(void)                                                                                \
    {                                                                                                                  \
        name##_vector k = (name##_vector){0} + 0.999f;                                                                 \
        name##_vector a = k, b = k, c = k, d = k, e = k, f = k, g = k, h = k, i = k, j = k, l = k, m = k;              \
        for (int round = 0; round < ROUNDS; round++) {                                                                 \
            a = multiply_add(a, k, k), b = multiply_add(b, k, k), c = multiply_add(c, k, k);                           \
            d = multiply_add(d, k, k), e = multiply_add(e, k, k), f = multiply_add(f, k, k);                           \
            g = multiply_add(g, k, k), h = multiply_add(h, k, k), i = multiply_add(i, k, k);                           \
            j = multiply_add(j, k, k), l = multiply_add(l, k, k), m = multiply_add(m, k, k);                           \
            __asm__ volatile("" : "+" constraint(a), "+" constraint(b), "+" constraint(c), "+" constraint(d),          \
                                  "+" constraint(e), "+" constraint(f), "+" constraint(g), "+" constraint(h),          \
                                  "+" constraint(i), "+" constraint(j), "+" constraint(l), "+" constraint(m));         \
        }                                                                                                              \
    }

#define SEPARATE(a, b, c) ((a) * (b) + (c))

#if defined(__x86_64__)
#include <immintrin.h>
DEFINE_RUN(sse, , 4, SEPARATE, "x")
DEFINE_RUN(avx2, __attribute__((target("avx2,fma"))), 8, _mm256_fmadd_ps, "x")
DEFINE_RUN(avx512, __attribute__((target("avx512f"))), 16, _mm512_fmadd_ps, "v")
#elif defined(__aarch64__)
#include <arm_neon.h>
#define NEON_FMA(a, b, c) vfmaq_f32(c, a, b)
DEFINE_RUN(neon, , 4, NEON_FMA, "w")
#else
DEFINE_RUN(plain, , 1, SEPARATE, "m")
#endif

typedef struct Variant {
    void (*run)(void);
    int width;
} Variant;

static Variant best_variant(unsigned cpu)
{
    cpu &= nst_cpu_available();
#if defined(__x86_64__)
    if (cpu & NST_CPU_AVX512)
        return (Variant){avx512_run, 16};
    return cpu & NST_CPU_AVX2 ? (Variant){avx2_run, 8} : (Variant){sse_run, 4};
#elif defined(__aarch64__)
    return (Variant){neon_run, 4};
#else
    return (Variant){plain_run, 1};
#endif
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double peak_gflops(unsigned cpu)
{
    Variant variant = best_variant(cpu);
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        variant.run();
        double rate = 2.0 * CHAINS * ROUNDS * variant.width / (now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}
