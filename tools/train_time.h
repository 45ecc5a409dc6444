/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_TIME_H
#define NST_TOOLS_TRAIN_TIME_H

#include <stdbool.h>

/*
 * How many steps a training run has time for: decisions alone, from the times that it is told, in seconds of any clock.
 *
 * A step costs what lies between the ends of two steps, with the previews and checkpoints among them; the mean fades over
 * a sixteenth of the whole time, so that a machine which becomes slower or faster is noticed. The longest such gap, up to a
 * tenth of the whole, is kept for the end, where the last preview is painted and the style is written; and what remains is
 * planned for with 3 % to spare.
 */
typedef struct TrainTime {
    double whole, end; /* seconds in all, and when they are over; whole 0: there is no end */
    double at;         /* when the last step ended */
    int done;          /* steps then */
    bool measured;     /* the first step, which warms up, is over */
    double seconds, steps; /* sums, faded where there is an end, whose ratio is the cost of a step */
    double longest;    /* gap */
} TrainTime;

/* began: when the command did; seconds: that it has from then on, 0 for no end */
void train_time_begin(TrainTime *time, double began, double seconds, int done);

/* A step has ended; `done` of them have. */
void train_time_step(TrainTime *time, double now, int done);

/* By what a step costs now; 0 before the second one is over */
double train_time_steps_per_second(const TrainTime *time);

/* Steps in all that there is time for, `done` at least; 0: not known yet. */
int train_time_steps(const TrainTime *time);

/* One more step, and what comes after the last one, would end too late. */
bool train_time_is_up(const TrainTime *time);

#endif
