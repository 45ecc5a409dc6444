/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_RATE_H
#define NST_MODEL_RATE_H

/*
 * Which working size holds a rate: decisions alone, from the seconds that pictures take. Sizes are a ladder, each step
 * 0.85 of the one before in both directions, which is 0.72 of its pixels and nearly as much of its time.
 *
 * Down at once, by as many steps as the time needs, where a moving average leaves no room. Up by one step where there
 * was room for it for a while; after a step up that had to be taken back, only after twice as long.
 */
enum { RATE_MAX_STEP = 40 };

typedef struct NstRate {
    int step;        /* that the last pictures were painted at; 0: the full size */
    double average;  /* seconds of a picture */
    int seen;        /* pictures since the step last changed */
    int room;        /* of these, the last so many left room for the step above */
    int patience;    /* pictures with room that a step up takes */
    int raised;      /* the last change was one upwards */
} NstRate;

void rate_begin(NstRate *rate);

/* The working height of a step, of full_height at step 0, never below min_height (where full_height is not). */
int rate_height(int step, int full_height, int min_height);

/*
 * After a picture that took so many seconds, `wanted` of them a second: the step that should be taken. full_height and
 * min_height bound the ladder.
 */
int rate_decide(NstRate *rate, double seconds, double wanted, int full_height, int min_height);

/* The step was changed: what was measured before does not count any more. */
void rate_changed(NstRate *rate, int step);

#endif
