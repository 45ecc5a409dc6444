/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_THREADS_H
#define NST_MODEL_THREADS_H

#include <nst/compute.h>

/* OpenMP, or one thread in a build without it. */
#if defined(_OPENMP)
#include <omp.h>
static inline int thread_index(void) { return omp_get_thread_num(); }
#else
static inline int thread_index(void) { return 0; }
#endif

enum { NST_MAX_THREADS = 256 };

/* The number of threads that a wish stands for: 0 is one for each online processor. */
int threads_count(int wanted);

/*
 * Those that share the work on a picture: the caller's executor, or OpenMP. Training, whose loops are many and small,
 * has OpenMP's loops instead.
 */
typedef struct NstTeam {
    int threads;
    NstExecute execute;
    void *opaque;
} NstTeam;

NstTeam team_of(const NstCompute *compute);

/*
 * Calls task(arg, unit, slot) for unit = 0 to n - 1, each once, in any order. Calls with the same slot, 0 to
 * team->threads - 1, never overlap: it tells the scratch to use.
 */
typedef void NstTask(void *arg, int unit, int slot);
void team_for(const NstTeam *team, int n, NstTask *task, void *arg);

/*
 * Calls work(arg), by any thread of the caller's executor, with the others at its side until it returns: they wait for
 * what its calls of team_for hand out, where each of those would have had to wake them. An executor that runs its parts
 * one after the other has it done by the first. Without an executor the calling thread does it, and wakes OpenMP's.
 */
typedef void NstWork(void *arg);
void team_together(const NstTeam *team, NstWork *work, void *arg);

#endif
