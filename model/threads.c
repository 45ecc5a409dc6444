/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "util.h"

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

/* ---- a crew: one thread leads, the others wait for the jobs that it opens ---- */

/* Of a crew's state: how many help with the job, whether others may begin to, whether all is over, the job's number */
enum { HELPERS = 0x1ff, OPEN = 0x200, OVER = 0x400, NUMBER = 0x800 };

enum { LOOKS = 64 }; /* from one look at the clock to the next */
#define PATIENCE 3e-4 /* seconds that a thread spins: few wait for the others of a job for as long */

typedef struct NstCrew {
    NstWork *work;
    void *arg;
    atomic_int arrived; /* who comes first leads */
    atomic_uint state;
    NstJob *job;        /* set before it is opened */
    atomic_int asleep;
    pthread_mutex_t lock;
    pthread_cond_t news; /* with the lock: the state has changed, and somebody is asleep */
} NstCrew;

static _Thread_local NstCrew *led; /* the crew that this thread leads */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Whether a thread that has looked so often, from 1 on, looks again at once */
static bool spins_on(int looks, double end)
{
    return looks % LOOKS || seconds_now() < end;
}

static bool concerns(unsigned state, unsigned last)
{
    return state & OVER || (state & OPEN && state / NUMBER != last);
}

/* The state, once a job is open that is not the last one, or all is over */
static unsigned await(NstCrew *crew, unsigned last)
{
    const double end = seconds_now() + PATIENCE;
    unsigned state;
    for (int i = 1; spins_on(i, end); i++) {
        state = atomic_load(&crew->state);
        if (concerns(state, last))
            return state;
        relax();
    }
    pthread_mutex_lock(&crew->lock);
    atomic_fetch_add(&crew->asleep, 1);
    while (state = atomic_load(&crew->state), !concerns(state, last))
        pthread_cond_wait(&crew->news, &crew->lock);
    atomic_fetch_sub(&crew->asleep, 1);
    pthread_mutex_unlock(&crew->lock);
    return state;
}

static void tell(NstCrew *crew, unsigned state)
{
    atomic_store(&crew->state, state);
    if (!atomic_load(&crew->asleep))
        return;
    pthread_mutex_lock(&crew->lock);
    pthread_cond_broadcast(&crew->news);
    pthread_mutex_unlock(&crew->lock);
}

static void help(NstCrew *crew, int slot)
{
    unsigned state, last = 0;
    while (!((state = await(crew, last)) & OVER)) {
        if (!atomic_compare_exchange_strong(&crew->state, &state, state + 1))
            continue;
        run_part(crew->job, slot);
        last = state / NUMBER;
        atomic_fetch_sub(&crew->state, 1);
    }
}

static void join_crew(void *arg, int part)
{
    NstCrew *crew = arg;
    int slot = atomic_fetch_add(&crew->arrived, 1);
    (void)part;
    if (slot > 0) {
        help(crew, slot);
        return;
    }
    led = crew;
    crew->work(crew->arg);
    led = NULL;
    tell(crew, atomic_load(&crew->state) | OVER);
}

/* With those who are there: nobody is waited for but those who have begun. */
static void lead(NstCrew *crew, NstJob *job)
{
    crew->job = job;
    tell(crew, (atomic_load(&crew->state) + NUMBER) | OPEN);
    run_part(job, 0);
    atomic_fetch_and(&crew->state, ~(unsigned)OPEN);
    const double end = seconds_now() + PATIENCE;
    for (int i = 1; atomic_load(&crew->state) & HELPERS; i++) {
        relax();
        if (!spins_on(i, end))
            sched_yield();
    }
}

void team_together(const NstTeam *team, NstWork *work, void *arg)
{
    NstCrew crew = {.work = work, .arg = arg};
    bool together = team->execute && team->threads > 1 && !led && !pthread_mutex_init(&crew.lock, NULL);
    if (together && pthread_cond_init(&crew.news, NULL)) {
        pthread_mutex_destroy(&crew.lock);
        together = false;
    }
    if (!together) {
        work(arg);
        return;
    }
    team->execute(team->opaque, join_crew, &crew, team->threads);
    pthread_cond_destroy(&crew.news);
    pthread_mutex_destroy(&crew.lock);
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
    } else if (led) {
        lead(led, &job);
    } else if (team->execute) {
        team->execute(team->opaque, run_part, &job, parts);
    } else {
#pragma omp parallel for num_threads(parts) schedule(static, 1)
        for (int part = 0; part < parts; part++)
            run_part(&job, part);
    }
}
