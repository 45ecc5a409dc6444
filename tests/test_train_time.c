/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nst train --minutes plans, by a clock of the test's own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "train_time.h"

#include <cmocka.h>

/* A machine: seconds of a step, at a share of the whole time */
typedef double (*Machine)(double share);

static double steady(double share) { return (void)share, 0.25; }
static double slower(double share) { return share < 0.2 ? 0.25 : 0.5; }
static double faster(double share) { return share < 0.3 ? 0.25 : 0.125; }
static double slow_late(double share) { return share < 0.7 ? 0.25 : 1; }
static double restless(double share) { return 0.25 + 0.05 * sin(4000 * share); }

enum { PREVIEW_EVERY = 100 };
static const double WHOLE = 600, START_UP = 4, FIRST = 3, PREVIEW = 2;

typedef struct Outcome {
    int done, planned;
    double ended; /* when the last preview was painted */
} Outcome;

/* A run as train_run.c does it, under a cosine whose fall begins with the second half of the steps */
static Outcome run(Machine machine)
{
    const double began = 1000;
    double now = began + START_UP;
    TrainTime time;
    Outcome outcome = {.planned = 100000000};
    train_time_begin(&time, began, WHOLE, 0);
    do {
        now += outcome.done ? machine((now - began) / WHOLE) : FIRST;
        train_time_step(&time, now, ++outcome.done);
        const int steps = train_time_steps(&time), fewest = 2 * (outcome.done - 1);
        if (steps && outcome.planned >= fewest)
            outcome.planned = steps > fewest ? steps : fewest;
        if (outcome.done % PREVIEW_EVERY == 0)
            now += PREVIEW;
    } while (outcome.done < outcome.planned && !train_time_is_up(&time));
    if (outcome.done % PREVIEW_EVERY)
        now += PREVIEW;
    outcome.ended = now - began;
    return outcome;
}

static void check(Machine machine, double shortest)
{
    const Outcome outcome = run(machine);
    if (!(outcome.ended <= WHOLE && outcome.ended >= shortest * WHOLE))
        fail_msg("%d of %d steps, ended after %g of %g s", outcome.done, outcome.planned, outcome.ended, WHOLE);
}

/* A machine that keeps its pace does all that is planned, one that changes it while the plan can follow nearly all. */
static void test_plan(void **state)
{
    static const Machine even[] = {steady, faster, restless};
    (void)state;
    for (size_t i = 0; i < sizeof(even) / sizeof(*even); i++) {
        const Outcome outcome = run(even[i]);
        assert_int_equal(outcome.done, outcome.planned);
        check(even[i], 0.93);
    }
    const Outcome outcome = run(slower);
    assert_true(outcome.done > 0.98 * outcome.planned);
    check(slower, 0.97);
}

/* One that becomes slower when the rate already falls is cut off in time. */
static void test_cut(void **state)
{
    (void)state;
    const Outcome outcome = run(slow_late);
    assert_true(outcome.done < outcome.planned);
    check(slow_late, 0.97);
}

/* Unknown at first; then that of late, where there is an end, and the mean where there is none */
static void test_pace(void **state)
{
    const double ends[] = {WHOLE, 0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        TrainTime time;
        double now = 0;
        train_time_begin(&time, 0, ends[i], 0);
        for (int step = 1; step <= 400; step++) {
            train_time_step(&time, now += step <= 200 ? 0.25 : 1, step);
            if (step == 1)
                assert_true(train_time_steps_per_second(&time) == 0);
        }
        const double expected = ends[i] > 0 ? 1 : 399 / 249.75;
        assert_true(fabs(train_time_steps_per_second(&time) - expected) < 0.02 * expected);
    }
}

static void test_no_end(void **state)
{
    TrainTime time;
    (void)state;
    train_time_begin(&time, 0, 0, 0);
    for (int i = 1; i < 10; i++) {
        train_time_step(&time, 1e6 * i, i);
        assert_int_equal(train_time_steps(&time), 0);
        assert_false(train_time_is_up(&time));
    }
}

/* No time at all: over after the first step; and clocks that stand still do no harm. */
static void test_extremes(void **state)
{
    TrainTime time;
    (void)state;
    train_time_begin(&time, 100, 1, 7);
    train_time_step(&time, 102, 8);
    assert_int_equal(train_time_steps(&time), 0);
    assert_true(train_time_is_up(&time));
    train_time_step(&time, 104, 9);
    assert_int_equal(train_time_steps(&time), 9);
    assert_true(train_time_is_up(&time));
    train_time_begin(&time, 100, 1e6, 0);
    for (int i = 1; i < 5; i++)
        train_time_step(&time, 100, i);
    assert_int_equal(train_time_steps(&time), 100000000);
    assert_false(train_time_is_up(&time));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
