/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the report of a training keeps of its steps: bounded, and the same after a resumed run has read it again. */
#include "tiny.h"

#include <stdlib.h>

#include "train_curves.h"

static NstTrainOptions weights(void)
{
    NstTrainOptions options;
    nst_train_defaults(&options);
    options.style_weight = 2;
    options.content_weight = 0.5f;
    options.tv_weight = 0;
    options.stability_weight = 3;
    return options;
}

static NstTrainProgress progress_of(int step)
{
    const float x = (float)step;
    return (NstTrainProgress){.step = step, .total = 1 + x, .style = x, .content = 4, .tv = 5, .stability = 1 / x};
}

static void add_steps(TrainCurves *curves, int first, int last)
{
    const NstTrainOptions options = weights();
    for (int step = first; step <= last; step++) {
        const NstTrainProgress progress = progress_of(step);
        train_curves_add(curves, &progress, &options);
    }
}

static void test_each_step(void **state)
{
    static double values[CURVE_POINTS];
    static TrainCurves curves;
    (void)state;
    train_curves_open(&curves);
    assert_int_equal(curves.n, 0);
    add_steps(&curves, 1, 10);
    assert_int_equal(curves.n, 10);
    assert_int_equal(curves.stride, 1);
    train_curves_smooth(&curves, CURVE_STYLE, 0, values);
    assert_float_equal(values[9], 20, 0);
    train_curves_smooth(&curves, CURVE_CONTENT, 0, values);
    assert_float_equal(values[4], 2, 0);
    train_curves_smooth(&curves, CURVE_TV, 0, values);
    assert_float_equal(values[4], 0, 0);
    train_curves_smooth(&curves, CURVE_TOTAL, 2, values);
    assert_float_equal(values[0], 3, 1e-9); /* 2, 3, 4 */
    assert_float_equal(values[5], 7, 1e-9); /* 5 to 9 */
}

/* However long the run, each step counts once in the mean of its point. */
static void test_long_run(void **state)
{
    static double values[CURVE_POINTS];
    static TrainCurves curves;
    int counted = 0;
    (void)state;
    train_curves_open(&curves);
    add_steps(&curves, 1, 5000);
    assert_int_equal(curves.stride, 8);
    assert_int_equal(curves.n, 625);
    for (int i = 0; i < CURVE_POINTS; i++)
        counted += curves.counts[i];
    assert_int_equal(counted, 5000);
    train_curves_smooth(&curves, CURVE_TOTAL, 0, values);
    assert_float_equal(values[0], 5.5, 1e-9);      /* steps 1 to 8 */
    assert_float_equal(values[624], 4997.5, 1e-9); /* steps 4993 to 5000 */
}

/* Reads what was written, up to a step. */
static void read_again(TrainCurves *to, const TrainCurves *from, int done)
{
    char row[256];
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs("<p>12,34</p>\nstep,steps,total\n", file);
    train_curves_write_rows(from, file);
    rewind(file);
    train_curves_open(to);
    while (fgets(row, sizeof(row), file))
        train_curves_read_row(to, row, done);
    fclose(file);
}

static void test_resumed(void **state)
{
    static double a[CURVE_POINTS], b[CURVE_POINTS];
    static TrainCurves whole, part, resumed;
    (void)state;
    train_curves_open(&whole);
    train_curves_open(&part);
    add_steps(&whole, 1, 3000);
    add_steps(&part, 1, 1500);
    read_again(&resumed, &part, 1200); /* killed after 1500, and the checkpoint is of 1200 */
    assert_int_equal(resumed.n, 600);
    add_steps(&resumed, 1201, 3000);
    assert_int_equal(resumed.n, whole.n);
    assert_int_equal(resumed.stride, whole.stride);
    assert_memory_equal(resumed.counts, whole.counts, sizeof(whole.counts));
    for (int curve = 0; curve < N_CURVES; curve++) {
        train_curves_smooth(&whole, curve, 0, a);
        train_curves_smooth(&resumed, curve, 0, b);
        for (int i = 0; i < whole.n; i++)
            assert_true(fabs(a[i] - b[i]) <= 1e-4 * fabs(a[i])); /* five digits are written */
    }
}

/* Steps of which nothing is known leave a gap in the line. */
static void test_gap(void **state)
{
    static double values[CURVE_POINTS];
    static TrainCurves curves;
    char *svg = NULL;
    size_t size;
    NstError err;
    (void)state;
    train_curves_open(&curves);
    add_steps(&curves, 1, 3);
    add_steps(&curves, 6, 9);
    train_curves_smooth(&curves, CURVE_STYLE, 1, values);
    assert_true(isnan(values[3]) && isnan(values[4]));
    assert_float_equal(values[2], 5, 1e-9); /* 4 and 6 */
    FILE *file = open_memstream(&svg, &size);
    assert_non_null(file);
    assert_ok(train_curves_draw(&curves, file, &err));
    fclose(file);
    const char *path = strstr(svg, "stroke-width=\"1.5\"");
    assert_non_null(path);
    const char *end = strstr(path, "/>");
    int moves = 0;
    for (const char *c = path; c < end; c++)
        moves += *c == 'M';
    assert_int_equal(moves, 2);
    assert_null(strstr(svg, "nan"));
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
