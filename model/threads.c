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
    int n, parts;
    NstTask *task;
    void *arg;
    atomic_int next[NST_MAX_THREADS]; /* of each part's units, the first that nobody has taken yet */
} NstJob;

static int first_unit(const NstJob *job, int part)
{
    return (int)((long long)job->n * part / job->parts);
}

/*
 * A part takes neighbouring units, the same in every job of that size: what one left in a processor's cache, the next
 * finds there. When they are done it helps the other parts, so that a slow processor holds nobody up.
 */
static void run_part(void *arg, int part)
{
    NstJob *job = arg;
    for (int i = 0; i < job->parts; i++) {
        int of = (part + i) % job->parts, end = first_unit(job, of + 1);
        for (int unit = atomic_fetch_add(&job->next[of], 1); unit < end; unit = atomic_fetch_add(&job->next[of], 1))
            job->task(job->arg, unit, part);
    }
}

void team_for(const NstTeam *team, int n, NstTask *task, void *arg)
{
    int parts = team->threads < n ? team->threads : n;
    NstJob job;
    job.n = n;
    job.parts = parts;
    job.task = task;
    job.arg = arg;
    for (int part = 0; part < parts; part++)
        atomic_init(&job.next[part], first_unit(&job, part));
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
