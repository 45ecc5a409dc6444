/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_COMPUTE_H
#define NST_COMPUTE_H

#include <nst/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Instruction sets, as bits of NstCompute.cpu. A build holds kernels for some of them; see nst_cpu_available(). */
enum {
    NST_CPU_AVX2 = 1 << 0,   /* x86-64 with AVX2 and FMA */
    NST_CPU_AVX512 = 1 << 1, /* x86-64 with AVX-512 F, DQ, BW and VL */
    NST_CPU_NEON = 1 << 2,   /* AArch64 */
    NST_CPU_ALL = ~0
};

/* The instruction sets that this build has kernels for and this machine can run. Thread-safe. */
NST_API unsigned nst_cpu_available(void);

/*
 * Reads a list of instruction sets ("avx2", "avx2,avx512", "neon", "scalar" or "none", "all") into a mask; | separates
 * as well as the comma. A name that is known but not available here is accepted and has no effect. NST_EINVAL for an
 * unknown name.
 */
NST_API int nst_cpu_parse(const char *list, unsigned *mask, NstError *err);

/*
 * A matrix product C = op(A) op(B) + beta C in row-major order, where op(A) is m x k, op(B) is k x n, C is m x n,
 * op is the transpose where the flag is set, and beta is 0 or 1. It is called from several threads at once, each
 * with a C of its own, and must give the same bits for the same arguments, so it must not start threads itself.
 */
typedef void (*NstGemm)(int trans_a, int trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                        int ldb, float beta, float *c, int ldc);

/*
 * Runs job(arg, part) for part = 0 to parts - 1, in any order, on any threads, at once or one after the other, and
 * returns when all are done. For programs that have threads of their own, such as FFmpeg's ff_filter_execute. A picture of
 * a stream is one call: the part that begins first leads, the others last as long, and wait for work between.
 */
typedef void (*NstExecute)(void *opaque, void (*job)(void *arg, int part), void *arg, int parts);

/* How the work of one stream or one training run is done. Results do not depend on threads. */
typedef struct NstCompute {
    int threads;  /* 1 to 256; 0: one for each online processor. Default 0 */
    unsigned cpu; /* mask of instruction sets that may be used. Default NST_CPU_ALL, less what NST_CPU= in the
                     environment leaves out */
    NstGemm gemm; /* matrix product to use instead of the built-in one; NULL: built-in. Default NULL */
    NstExecute execute; /* who runs the parts that a picture's work is cut into, as many as `threads`; NULL: threads
                           of OpenMP. Training always uses OpenMP. Default NULL */
    void *execute_opaque; /* its first argument */
} NstCompute;

/* Fills in the defaults. */
NST_API void nst_compute_defaults(NstCompute *compute);

#ifdef __cplusplus
}
#endif

#endif
