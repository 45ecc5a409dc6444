/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_MPIRUN_H
#define NST_TOOLS_MPIRUN_H

#include <stdbool.h>

#include <nst/train.h>

/*
 * The processes that mpirun (or srun, ...) started together, for NstTrainOptions.ranks. A process that was started
 * alone is rank 0 of 1, and nothing of MPI is begun: all functions do nothing then.
 */
int mpirun_join(NstRanks *ranks, NstError *err);

/* The first rank at which something is so; -1: none. All ranks ask together. */
int mpirun_first(const NstRanks *ranks, bool here);

/* Threads for this rank: its share of the processors that mpirun lets it have. 0: alone. All ranks ask together. */
int mpirun_threads(const NstRanks *ranks);

/* Ends this process and the others, which may be waiting for it. */
void mpirun_abort(const NstRanks *ranks);

/* All ranks together, at the end. */
void mpirun_leave(NstRanks *ranks);

#endif
