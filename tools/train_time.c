/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_time.h"

#include <math.h>

static const double FADE = 0.0625, MOST_KEPT = 0.1; /* of the whole time */
static const double SPARE = 0.03;                  /* of what is left */
static const double MOST_STEPS = 1e8;

void train_time_begin(TrainTime *time, double began, double seconds, int done)
{
    *time = (TrainTime){.whole = seconds, .end = began + seconds, .done = done};
}

void train_time_step(TrainTime *time, double now, int done)
{
    const double gap = now - time->at;
    if (time->measured) {
        const double keep = time->whole > 0 ? exp(-gap / (FADE * time->whole)) : 1;
        time->seconds = keep * time->seconds + gap;
        time->steps = keep * time->steps + (done - time->done);
        time->longest = fmax(time->longest, gap);
    }
    time->measured = true;
    time->at = now;
    time->done = done;
}

/* Seconds until the last step must be over */
static double left(const TrainTime *time)
{
    return time->end - time->at - fmin(time->longest, MOST_KEPT * time->whole);
}

double train_time_steps_per_second(const TrainTime *time)
{
    return time->seconds > 0 ? time->steps / time->seconds : 0;
}

int train_time_steps(const TrainTime *time)
{
    if (time->whole <= 0 || time->steps <= 0)
        return 0;
    const double more = (1 - SPARE) * left(time) * time->steps / fmax(time->seconds, 1e-9);
    return time->done + (int)fmin(fmax(more, 0), MOST_STEPS - time->done);
}

bool train_time_is_up(const TrainTime *time)
{
    const double step = time->steps > 0 ? time->seconds / time->steps : 0;
    return time->whole > 0 && left(time) < step;
}
