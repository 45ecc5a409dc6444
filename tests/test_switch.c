/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Styles that change while a stream runs, and working sizes that hold a rate. */

#include "style_nets.h"

#include <time.h>
#include <unistd.h>

#include "rate.h"

enum { WIDTH = 40, HEIGHT = 24, MAX_WAITS = 60000 };

static const char *const names[] = {"switch_same.nsw", "switch_paint.nsw"};

static int save_models(void **state)
{
    (void)state;
    NstModel *models[] = {identity_model(1), paint_model(3)};
    NstError err;
    for (int i = 0; i < 2; i++) {
        assert_ok(nst_model_save(models[i], names[i], &err));
        nst_model_free(&models[i]);
    }
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    return unlink(names[0]) | unlink(names[1]);
}

typedef struct Stream {
    NstModel *model;
    NstStylizer *stylizer;
    Canvas in, out, same, painted; /* the source, and what the two networks make of it */
} Stream;

static Stream stream_open(void)
{
    const Layout *layout = layout_named("rgb24");
    Stream stream = {.model = identity_model(1)};
    NstModel *paint = paint_model(3);
    NstStylizer *stylizer = open_stylizer(paint, 1, 1);
    stream.stylizer = open_stylizer(stream.model, 2, 1);
    Canvas *const canvases[] = {&stream.in, &stream.out, &stream.same, &stream.painted};
    for (int i = 0; i < 4; i++)
        *canvases[i] = canvas_create(layout, WIDTH, HEIGHT, false);
    canvas_paint(&stream.in);
    canvas_copy(&stream.same, &stream.in);
    process(stylizer, &stream.in, &stream.painted);
    assert_true(canvas_distance(&stream.same, &stream.painted) > 2);
    nst_stylizer_close(&stylizer);
    nst_model_free(&paint);
    return stream;
}

static void stream_close(Stream *stream)
{
    nst_stylizer_close(&stream->stylizer);
    nst_model_free(&stream->model);
    canvas_free(&stream->in);
    canvas_free(&stream->out);
    canvas_free(&stream->same);
    canvas_free(&stream->painted);
}

static NstFrameReport next_picture(Stream *stream)
{
    NstFrameReport report;
    NstError err;
    assert_ok(nst_stylizer_process(stream->stylizer, &stream->in.picture, &stream->out.picture, NULL, &report, &err));
    return report;
}

/* Pictures, `before` until a report says that something has happened */
static NstFrameReport wait_for_report(Stream *stream, const Canvas *before)
{
    for (int i = 0; i < MAX_WAITS; i++) {
        NstFrameReport report = next_picture(stream);
        if (report.switched || report.switch_error.code)
            return report;
        assert_true(canvas_distance(&stream->out, before) == 0);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fail_msg("nothing happened");
    return (NstFrameReport){0};
}

static void test_switch(void **state)
{
    (void)state;
    Stream stream = stream_open();
    NstError err;
    next_picture(&stream);
    for (int round = 0; round < 3; round++) {
        assert_ok(nst_stylizer_switch(stream.stylizer, names[1], &err));
        NstFrameReport report = wait_for_report(&stream, &stream.same);
        assert_true(report.switched && report.switch_error.code == NST_OK);
        assert_true(canvas_distance(&stream.out, &stream.painted) == 0);
        assert_false(next_picture(&stream).switched);
        assert_ok(nst_stylizer_switch(stream.stylizer, names[0], &err));
        assert_true(wait_for_report(&stream, &stream.painted).switched);
        assert_true(canvas_distance(&stream.out, &stream.same) == 0);
    }
    stream_close(&stream);
}

/* What cannot be loaded leaves all as it was; what is malformed is refused at once. */
static void test_failed_switch(void **state)
{
    (void)state;
    Stream stream = stream_open();
    NstError err;
    next_picture(&stream);
    assert_ok(nst_stylizer_switch(stream.stylizer, "no/such/style.nsw", &err));
    NstFrameReport report = wait_for_report(&stream, &stream.same);
    assert_false(report.switched);
    assert_int_equal(report.switch_error.code, NST_EIO);
    assert_non_null(strstr(report.switch_error.message, "no/such/style.nsw"));
    assert_true(canvas_distance(&stream.out, &stream.same) == 0);
    assert_int_equal(next_picture(&stream).switch_error.code, NST_OK);
    static const char *const malformed[] = {"", "|", "a|", "|a", "a||b"};
    for (int i = 0; i < 5; i++)
        assert_fails(nst_stylizer_switch(stream.stylizer, malformed[i], &err), NST_EINVAL, "empty name");
    assert_fails(nst_stylizer_switch(stream.stylizer, "a|b|c|d|e|f|g|h|i", &err), NST_EINVAL, "9 styles");
    stream_close(&stream);
}

/* Before the first picture, several in a row, several styles, another size meanwhile, and closing in the middle */
static void test_switch_at_any_time(void **state)
{
    (void)state;
    Stream stream = stream_open();
    NstStylizeOptions options;
    NstError err;
    assert_ok(nst_stylizer_switch(stream.stylizer, names[1], &err));
    assert_true(wait_for_report(&stream, &stream.same).switched);
    assert_true(canvas_distance(&stream.out, &stream.painted) == 0);
    for (int i = 0; i < 20; i++)
        assert_ok(nst_stylizer_switch(stream.stylizer, i < 19 ? names[i % 2] : "switch_same.nsw|switch_paint.nsw", &err));
    nst_stylize_defaults(&options);
    options.n_mix = 2;
    options.mix[0] = 1;
    assert_ok(nst_stylizer_change(stream.stylizer, &options, &err)); /* for the two that are to come */
    assert_true(wait_for_report(&stream, &stream.painted).switched);
    assert_true(canvas_distance(&stream.out, &stream.same) == 0);
    options.n_mix = 3;
    assert_fails(nst_stylizer_change(stream.stylizer, &options, &err), NST_EINVAL, "3 weights for 2 styles");
    assert_ok(nst_stylizer_switch(stream.stylizer, names[1], &err));
    stream_close(&stream);
}

/* ---- rate ---- */

/* A machine that takes `full` seconds for the whole picture, and less in proportion to the pixels. */
static int settle(NstRate *rate, double full, double wanted, int pictures)
{
    int changes = 0;
    for (int i = 0; i < pictures; i++) {
        double side = rate_height(rate->step, 720, 180) / 720.0;
        int step = rate_decide(rate, full * side * side, wanted, 720, 180);
        if (step != rate->step) {
            rate_changed(rate, step);
            changes++;
        }
    }
    return changes;
}

static double time_at(const NstRate *rate, double full)
{
    double side = rate_height(rate->step, 720, 180) / 720.0;
    return full * side * side;
}

static void test_ladder(void **state)
{
    (void)state;
    for (int step = 0; step < RATE_MAX_STEP; step++)
        assert_true(rate_height(step, 720, 180) >= rate_height(step + 1, 720, 180));
    assert_int_equal(rate_height(0, 720, 180), 720);
    assert_int_equal(rate_height(1, 720, 180), 612);
    assert_int_equal(rate_height(RATE_MAX_STEP, 720, 180), 180);
    assert_int_equal(rate_height(3, 100, 180), 100);
}

static void test_rate(void **state)
{
    (void)state;
    NstRate rate;
    rate_begin(&rate);
    assert_int_equal(settle(&rate, 0.02, 30, 1000), 0); /* fast enough: nothing changes */
    assert_int_equal(rate.step, 0);
    assert_in_range(settle(&rate, 0.1, 30, 40), 1, 3);  /* three times too slow: at once, as far as is needed */
    assert_true(time_at(&rate, 0.1) < 1 / 30.0 && time_at(&rate, 0.1) > 0.6 / 30);
    assert_int_equal(settle(&rate, 0.1, 30, 2000), 0);  /* and there it stays */
    int step = rate.step;
    settle(&rate, 0.05, 30, 400);                       /* the machine has more time: up again */
    assert_true(rate.step < step && time_at(&rate, 0.05) < 1 / 30.0);
    settle(&rate, 10, 30, 100);                         /* hopeless: the floor, not below */
    assert_int_equal(rate_height(rate.step, 720, 180), 180);
    settle(&rate, 0.001, 30, 100000);
    assert_int_equal(rate.step, 0);
}

/* One slow picture now and then is no reason; a step up that does not hold is tried ever more rarely. */
static void test_hysteresis(void **state)
{
    (void)state;
    NstRate rate;
    int ups = 0;
    rate_begin(&rate);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rate_decide(&rate, i % 50 == 20 ? 0.06 : 0.02, 30, 720, 180), 0);
    rate_changed(&rate, 4);
    for (int i = 0; i < 5000; i++) { /* room at step 4, none at step 3 */
        int step = rate_decide(&rate, rate.step >= 4 ? 0.015 : 0.05, 30, 720, 180);
        ups += step < rate.step;
        if (step != rate.step)
            rate_changed(&rate, step);
    }
    assert_in_range(ups, 2, 14); /* it would be 100 and more */
}

/* The stylizer lowers the size where a rate is out of reach, and not below the floor; the picture keeps its own. */
static void test_rate_of_a_stream(void **state)
{
    (void)state;
    Stream stream = stream_open();
    NstStylizeOptions options;
    NstError err;
    nst_stylize_defaults(&options);
    options.temporal = 0; /* a memory from another size would show in the last picture */
    options.rate = 1000;
    options.min_size.height = 16;
    assert_ok(nst_stylizer_switch(stream.stylizer, names[1], &err));
    assert_true(wait_for_report(&stream, &stream.same).switched);
    assert_ok(nst_stylizer_change(stream.stylizer, &options, &err));
    for (int i = 0; i < 200; i++) {
        NstFrameReport report = next_picture(&stream);
        assert_in_range(report.height, 16, HEIGHT);
    }
    options.rate = 0;
    assert_ok(nst_stylizer_change(stream.stylizer, &options, &err));
    next_picture(&stream);
    while (next_picture(&stream).height != HEIGHT) /* what was being made may still be delivered */
        ;
    assert_true(canvas_distance(&stream.out, &stream.painted) == 0);
    stream_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switch), cmocka_unit_test(test_failed_switch), cmocka_unit_test(test_switch_at_any_time),
        cmocka_unit_test(test_ladder), cmocka_unit_test(test_rate),          cmocka_unit_test(test_hysteresis),
        cmocka_unit_test(test_rate_of_a_stream),
    };
    return cmocka_run_group_tests(tests, save_models, remove_models);
}
