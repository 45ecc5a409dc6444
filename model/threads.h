/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_THREADS_H
#define NST_MODEL_THREADS_H

/* OpenMP, or one thread in a build without it. */
#if defined(_OPENMP)
#include <omp.h>
static inline int thread_index(void) { return omp_get_thread_num(); }
#else
static inline int thread_index(void) { return 0; }
#endif

#endif
