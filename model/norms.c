/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "norms.h"

#include <math.h>

#include "plan_internal.h"
#include "util.h"

static bool is_live_norm(const NstPlan *plan, int node)
{
    return plan->live[node] && plan_node(plan, node)->op == NST_OP_INSTANCE_NORM;
}

/* Where the moments of a node begin. */
static size_t moments_before(const NstPlan *plan, int node)
{
    size_t n = 0;
    for (int i = 0; i < node; i++)
        n += is_live_norm(plan, i) ? 2 * (size_t)plan->shapes[i].c : 0;
    return n;
}

size_t plan_moments(const NstPlan *plan)
{
    return moments_before(plan, plan->graph->n_nodes);
}

bool plan_next_norm(const NstPlan *plan, NstPlanNorm *norm)
{
    for (int i = norm->node + 1; i < plan->graph->n_nodes; i++)
        if (is_live_norm(plan, i)) {
            *norm = (NstPlanNorm){i, moments_before(plan, i), 2 * (size_t)plan->shapes[i].c};
            return true;
        }
    return false;
}

void plan_control_norms(NstPlan *plan, const NstNormControl *control)
{
    plan->norms = *control;
}

bool norms_are_measured(const NstPlan *plan)
{
    return !plan->norms.given || plan->norms.share < 1 || plan->norms.measured;
}

/* The window on a plane: its bounds go with the plane's size. */
static NstRect window_on(const NstPlan *plan, NstShape s)
{
    NstRect window = plan->norms.window;
    NstShape all = plan->shapes[0];
    if (!window.x1)
        return (NstRect){0, 0, s.w, s.h};
    return (NstRect){(int)((int64_t)window.x0 * s.w / all.w), (int)((int64_t)window.y0 * s.h / all.h),
                       (int)((int64_t)window.x1 * s.w / all.w), (int)((int64_t)window.y1 * s.h / all.h)};
}

void norms_sum(const NstPlan *plan, NstShape s, const float *rows, int first, int n, double sums[2])
{
    NstRect window = window_on(plan, s);
    int y0 = max_int(window.y0, first), y1 = min_int(window.y1, first + n);
    size_t width = (size_t)(window.x1 - window.x0);
    if (window.x0 == 0 && window.x1 == s.w && y0 == first && y1 == first + n) {
        plan->dsp.sum_and_squares(rows, (size_t)n * (size_t)s.w, sums);
        return;
    }
    sums[0] = sums[1] = 0;
    for (int y = y0; y < y1; y++) {
        double row[2];
        plan->dsp.sum_and_squares(rows + (size_t)(y - first) * (size_t)s.w + window.x0, width, row);
        sums[0] += row[0];
        sums[1] += row[1];
    }
}

static double window_samples(const NstPlan *plan, NstShape s)
{
    NstRect window = window_on(plan, s);
    return (double)(window.x1 - window.x0) * (double)(window.y1 - window.y0);
}

void norms_settle(NstPlan *plan, int index, int channel, const double sums[2])
{
    const NstNormControl *norms = &plan->norms;
    NstShape s = plan->shapes[index];
    double n = window_samples(plan, s), moments[2] = {sums[0] / n, sums[1] / n};
    size_t at = norms->given || norms->measured ? moments_before(plan, index) + 2 * (size_t)channel : 0;
    for (int i = 0; i < 2; i++) {
        if (norms->measured)
            norms->measured[at + (size_t)i] = moments[i];
        if (norms->given && norms->share > 0)
            moments[i] = norms->share < 1 ? moments[i] + norms->share * (norms->given[at + (size_t)i] - moments[i])
                                          : norms->given[at + (size_t)i];
    }
    double variance = moments[1] - moments[0] * moments[0];
    plan->norm[index][channel] = (float)moments[0];
    plan->norm[index][s.c + channel] =
        (float)(1 / sqrt((variance < 0 ? 0 : variance) + (double)plan_node(plan, index)->eps));
}
