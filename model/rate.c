/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rate.h"

#include <math.h>
#include <stdbool.h>

#include "util.h"

enum {
    SETTLE = 4,          /* pictures after a change that tell nothing alone */
    PATIENCE = 30,
    MAX_PATIENCE = 1920
};

static const double side = 0.85;          /* of a step, to the one above */
static const double pace = 0.25;          /* of the average towards the latest picture */
static const double too_much = 0.95;      /* of a picture's time: a step down */
static const double comfortable = 0.85;   /* what a step is chosen for */

void rate_begin(NstRate *rate)
{
    *rate = (NstRate){.patience = PATIENCE};
}

int rate_height(int step, int full_height, int min_height)
{
    int height = (int)lround(full_height * pow(side, step));
    return min_int(max_int(height, min_height), full_height);
}

void rate_changed(NstRate *rate, int step)
{
    if (step > rate->step && rate->raised)
        rate->patience = min_int(2 * rate->patience, MAX_PATIENCE);
    rate->raised = step < rate->step;
    rate->step = step;
    rate->seen = rate->room = 0;
}

/* The lowest step that is no larger than a time allows, and still another size. */
static int step_for(const NstRate *rate, double time, int full_height, int min_height)
{
    int step = rate->step, height = rate_height(step, full_height, min_height);
    double expected = rate->average;
    while (expected > time && step < RATE_MAX_STEP && rate_height(step, full_height, min_height) > min_height) {
        step++;
        double ratio = rate_height(step, full_height, min_height) / (double)height;
        expected = rate->average * ratio * ratio;
    }
    return step;
}

int rate_decide(NstRate *rate, double seconds, double wanted, int full_height, int min_height)
{
    double budget = 1 / wanted;
    rate->average = rate->seen ? rate->average + pace * (seconds - rate->average) : seconds;
    rate->seen++;
    if (rate->seen < SETTLE)
        return rate->step;
    if (rate->average > too_much * budget)
        return step_for(rate, comfortable * budget, full_height, min_height);
    bool room = rate->step > 0 && rate->average / (side * side) < comfortable * budget;
    rate->room = room ? rate->room + 1 : 0;
    return rate->room >= rate->patience ? rate->step - 1 : rate->step;
}
