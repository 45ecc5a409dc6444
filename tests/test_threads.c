/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs of a team, alone and together: each unit is done once, by slots that never overlap. */
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "part_threads.h"
#include "threads.h"
#include "tiny.h"

enum { THREADS = 4, UNITS = 97, JOBS = 400 };

/* -- executors -- */

static void forwards(void *opaque, void (*job)(void *arg, int part), void *arg, int parts)
{
    ++*(int *)opaque;
    for (int part = 0; part < parts; part++)
        job(arg, part);
}

static const NstExecute executors[] = {NULL, forwards, parts_backwards, part_threads};

enum { N_EXECUTORS = sizeof(executors) / sizeof(*executors) };

static NstTeam team_with(int executor, int *calls)
{
    return (NstTeam){THREADS, executors[executor], calls};
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* -- a job that watches -- */

typedef struct Watch {
    const NstTeam *team;
    int runs;
    int done[UNITS];         /* not atomic: a race shows under TSan */
    atomic_bool busy[THREADS];
    atomic_bool overlap;
    int slow_unit;           /* that takes a while; -1: none */
} Watch;

static void watch_unit(void *arg, int unit, int slot)
{
    Watch *watch = arg;
    if (slot < 0 || slot >= THREADS || atomic_exchange(&watch->busy[slot], true))
        atomic_store(&watch->overlap, true);
    watch->done[unit]++;
    if (unit == watch->slow_unit)
        sleep_ms(2);
    atomic_store(&watch->busy[slot % THREADS], false);
}

static void watch_job(Watch *watch, int n)
{
    memset(watch->done, 0, sizeof(watch->done));
    team_for(watch->team, n, watch_unit, watch);
    for (int i = 0; i < UNITS; i++)
        assert_int_equal(watch->done[i], i < n);
    assert_false(atomic_load(&watch->overlap));
}

/* Jobs of all sizes, close after each other */
static void many_jobs(void *arg)
{
    Watch *watch = arg;
    watch->runs++;
    for (int i = 0; i < JOBS; i++)
        watch_job(watch, i % (UNITS + 1));
}

/* Threads that wait go to sleep, and are woken; one that is late is waited for. */
static void rare_jobs(void *arg)
{
    Watch *watch = arg;
    watch->runs++;
    for (int i = 0; i < 8; i++) {
        sleep_ms(i % 2 ? 4 : 0);
        watch->slow_unit = i % 4 == 3 ? -1 : i * UNITS / 8;
        watch_job(watch, UNITS);
    }
}

static void no_jobs(void *arg)
{
    ((Watch *)arg)->runs++;
}

/* -- tests -- */

static void test_jobs(void **state)
{
    (void)state;
    for (int e = 0; e < N_EXECUTORS; e++) {
        int calls = 0;
        const NstTeam team = team_with(e, &calls);
        Watch watch = {.team = &team, .slow_unit = -1};
        for (int n = 0; n <= UNITS; n += 8)
            watch_job(&watch, n);
        assert_int_equal(calls > 0, executors[e] != NULL);
    }
}

static void test_together(void **state)
{
    static NstWork *const works[] = {many_jobs, rare_jobs, no_jobs};
    (void)state;
    for (int e = 0; e < N_EXECUTORS; e++)
        for (size_t w = 0; w < sizeof(works) / sizeof(*works); w++) {
            int calls = 0;
            const NstTeam team = team_with(e, &calls);
            Watch watch = {.team = &team, .slow_unit = -1};
            team_together(&team, works[w], &watch);
            assert_int_equal(watch.runs, 1);
            assert_int_equal(calls, executors[e] != NULL); /* its jobs need no call of their own */
        }
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    int calls = 0;
    const NstTeam team = team_with(N_EXECUTORS - 1, &calls);
    Watch watch = {.team = &team, .slow_unit = -1};
    for (int i = 0; i < 3; i++)
        team_together(&team, rare_jobs, &watch);
    watch_job(&watch, UNITS);
    assert_int_equal(watch.runs, 3);
    assert_int_equal(calls, 4);
}

static void test_alone(void **state)
{
    (void)state;
    int calls = 0;
    const NstTeam team = {1, part_threads, &calls};
    Watch watch = {.team = &team, .slow_unit = -1};
    team_together(&team, many_jobs, &watch);
    assert_int_equal(watch.runs, 1);
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
