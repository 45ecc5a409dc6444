/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_PART_THREADS_H
#define NST_TESTS_PART_THREADS_H

#include <pthread.h>

#include "tiny.h"

typedef struct Part {
    void (*job)(void *arg, int part);
    void *arg;
    int part;
    pthread_t thread;
} Part;

static void *run_part(void *memory)
{
    const Part *part = memory;
    part->job(part->arg, part->part);
    return NULL;
}

/* An NstExecute with a thread for each part, 8 at most; opaque: an int that counts the calls, or NULL */
static void part_threads(void *opaque, void (*job)(void *arg, int part), void *arg, int parts)
{
    int *calls = opaque;
    Part part[8];
    if (calls)
        ++*calls;
    assert_in_range(parts, 1, 8);
    for (int i = 0; i < parts; i++) {
        part[i] = (Part){.job = job, .arg = arg, .part = i};
        assert_int_equal(pthread_create(&part[i].thread, NULL, run_part, &part[i]), 0);
    }
    for (int i = 0; i < parts; i++)
        assert_int_equal(pthread_join(part[i].thread, NULL), 0);
}

/* One that runs them one after the other, the last one first; opaque: an int that counts the calls */
static inline void parts_backwards(void *opaque, void (*job)(void *arg, int part), void *arg, int parts)
{
    ++*(int *)opaque;
    for (int part = parts - 1; part >= 0; part--)
        job(arg, part);
}

#endif
