/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_BENCH_SECONDS_H
#define NST_BENCH_SECONDS_H

#include <stdlib.h>
#include <time.h>

/* Processor time of this process */
static inline double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline int seconds_by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. 0 of none */
static inline double median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof(*times), seconds_by_value);
    return count ? times[count / 2] : 0;
}

#endif
