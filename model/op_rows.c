/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan_internal.h"
#include "util.h"

/* Parts of a value, where it has as many rows: all are cut alike, so that they lie in the caches of who made them */
enum { PARTS = 24 };

typedef struct Work {
    NstPlan *plan;
    int node, rows;
    NstRowsTask *rows_task; /* one of the two */
    NstSamplesTask *samples_task;
} Work;

static void run_part(void *arg, int unit, int slot)
{
    const Work *work = arg;
    const NstShape s = work->plan->shapes[work->node];
    const int step = ceil_div(work->rows, PARTS), first = unit * step, n = min_int(step, work->rows - first);
    (void)slot;
    if (work->rows_task)
        work->rows_task(work->plan, work->node, first, n);
    for (int c = 0; work->samples_task && c < s.c; c++)
        work->samples_task(work->plan, work->node, c, (size_t)c * shape_plane(s) + (size_t)first * (size_t)s.w,
                           (size_t)n * (size_t)s.w);
}

static void share(Work *work)
{
    team_for(&work->plan->team, ceil_div(work->rows, ceil_div(work->rows, PARTS)), run_part, work);
}

void op_for_rows(NstPlan *plan, int node, int rows, NstRowsTask *task)
{
    share(&(Work){plan, node, rows, task, NULL});
}

void op_for_samples(NstPlan *plan, int node, NstSamplesTask *task)
{
    share(&(Work){plan, node, plan->shapes[node].h, NULL, task});
}
