/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "threads.h"

#include <stdatomic.h>
#include <unistd.h>

int threads_count(int wanted)
{
    long threads = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return threads < 1 ? 1 : threads > NST_MAX_THREADS ? NST_MAX_THREADS : (int)threads;
}

NstTeam team_of(const NstCompute *compute)
{
    return (NstTeam){threads_count(compute->threads), compute->execute, compute->execute_opaque};
}

typedef struct NstJob {
    atomic_int next; /* unit that nobody has taken yet */
    int n;
    NstTask *task;
    void *arg;
} NstJob;

/* One part takes units until none is left, so that a slow processor holds nobody up. */
static void run_part(void *arg, int part)
{
    NstJob *job = arg;
    for (int unit = atomic_fetch_add(&job->next, 1); unit < job->n; unit = atomic_fetch_add(&job->next, 1))
        job->task(job->arg, unit, part);
}

void team_for(const NstTeam *team, int n, NstTask *task, void *arg)
{
    NstJob job = {.n = n, .task = task, .arg = arg};
    int parts = team->threads < n ? team->threads : n;
    atomic_init(&job.next, 0);
    if (parts <= 1) {
        run_part(&job, 0);
    } else if (team->execute) {
        team->execute(team->opaque, run_part, &job, parts);
    } else {
#pragma omp parallel for num_threads(parts) schedule(static, 1)
        for (int part = 0; part < parts; part++)
            run_part(&job, part);
    }
}
