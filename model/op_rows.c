/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan_internal.h"
#include "util.h"

/* Parts of a value, where it has as many rows: all are cut alike, so that they lie in the caches of who made them */
enum { PARTS = 24 };

typedef struct Work {
    NstPlan *plan;
    int node, rows;
    NstRowsTask *rows_task;
    NstSamplesTask *samples_task;
} Work;

static void rows_part(void *arg, int unit, int slot)
{
    const Work *work = arg;
    const int step = ceil_div(work->rows, PARTS), first = unit * step;
    (void)slot;
    work->rows_task(work->plan, work->node, first, min_int(step, work->rows - first));
}

void op_for_rows(NstPlan *plan, int node, int rows, NstRowsTask *task)
{
    Work work = {plan, node, rows, task, NULL};
    team_for(&plan->team, ceil_div(rows, ceil_div(rows, PARTS)), rows_part, &work);
}

static void samples_part(void *arg, int unit, int slot)
{
    const Work *work = arg;
    const NstShape s = work->plan->shapes[work->node];
    const int step = ceil_div(s.h, PARTS), first = unit * step;
    const size_t w = (size_t)s.w, n = w * (size_t)min_int(step, s.h - first);
    (void)slot;
    for (int c = 0; c < s.c; c++)
        work->samples_task(work->plan, work->node, c, (size_t)c * shape_plane(s) + w * (size_t)first, n);
}

void op_for_samples(NstPlan *plan, int node, NstSamplesTask *task)
{
    Work work = {plan, node, plan->shapes[node].h, NULL, task};
    team_for(&plan->team, ceil_div(work.rows, ceil_div(work.rows, PARTS)), samples_part, &work);
}
