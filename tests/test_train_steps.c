/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Training runs whose number of steps changes on the way. */
#include "tiny_train.h"

static void assert_same_run(Run *a, Run *b)
{
    NstModel *x = model_of(a->trainer), *y = model_of(b->trainer);
    assert_true(same_weights(x, y));
    assert_non_null(strstr(nst_model_metadata(x, "nst.training"), "\"steps\":"));
    nst_model_free(&x);
    nst_model_free(&y);
}

static void set_steps(Run *run, int steps, int expected)
{
    NstError err;
    assert_ok(nst_trainer_set_steps(run->trainer, steps, &err));
    assert_int_equal(nst_trainer_steps_planned(run->trainer), expected);
}

/* A run that is planned anew while the rate is still full is one of the new number of steps, bit for bit. */
static void test_same_run(void **state)
{
    Run changed, plain;
    NstError err;
    (void)state;
    setup(&changed);
    setup(&plain);
    changed.options.steps = 20;
    open_trainer(&changed);
    open_trainer(&plain);
    train(changed.trainer, 3);
    set_steps(&changed, 100, 100);
    train(changed.trainer, 1);
    set_steps(&changed, 8, 8);
    assert_int_equal(train(changed.trainer, 4).steps, 8);
    assert_fails(nst_trainer_step(changed.trainer, NULL, &err), NST_EINVAL, "all 8 steps are done");
    train(plain.trainer, 8);
    assert_same_run(&changed, &plain);
    NstModel *model = model_of(changed.trainer);
    assert_non_null(strstr(nst_model_metadata(model, "nst.training"), "\"steps\":8,"));
    nst_model_free(&model);
    teardown(&changed);
    teardown(&plain);
}

/* What was done stays what it was: no fewer steps than it takes for that, and none once the rate falls. */
static void test_fewest(void **state)
{
    Run run;
    NstError err;
    (void)state;
    setup(&run); /* 8 steps, of which 4 at the full rate */
    open_trainer(&run);
    set_steps(&run, 1, 1);
    set_steps(&run, 8, 8);
    train(run.trainer, 4);
    set_steps(&run, 1, 6);
    set_steps(&run, 8, 8);
    train(run.trainer, 2);
    set_steps(&run, 100, 8);
    set_steps(&run, 1, 8);
    assert_fails(nst_trainer_set_steps(run.trainer, 0, &err), NST_EINVAL, "steps: 0; 1 to 100000000 expected");
    teardown(&run);

    setup(&run);
    run.options.schedule.decay = NST_DECAY_EXPONENTIAL; /* which has no end that it falls to */
    open_trainer(&run);
    train(run.trainer, 7);
    set_steps(&run, 30, 30);
    set_steps(&run, 1, 7);
    teardown(&run);
}

/* Of 20 steps, with a loss that can never fall by as much as is asked for */
static void setup_flat(Run *run, NstDecay decay)
{
    setup(run);
    run->options.steps = 20;
    run->options.schedule.decay = decay;
    run->options.stop = 1;
    run->options.stop_window = 3;
}

/* The run becomes as short as the rates so far allow, and stays so: the two windows that are compared end with step 6. */
static void test_stop(void **state)
{
    Run run, plain;
    (void)state;
    setup_flat(&run, NST_DECAY_COSINE);
    open_trainer(&run);
    assert_int_equal(train(run.trainer, 5).steps, 20);
    assert_int_equal(train(run.trainer, 1).steps, 10); /* the rate is full until step 5, half of them */
    set_steps(&run, 20, 10);
    train(run.trainer, 4);
    setup(&plain);
    plain.options.steps = 10;
    open_trainer(&plain);
    train(plain.trainer, 10);
    assert_same_run(&run, &plain);
    teardown(&run);
    teardown(&plain);

    setup_flat(&run, NST_DECAY_CONSTANT);
    open_trainer(&run);
    assert_int_equal(train(run.trainer, 6).steps, 6);
    set_steps(&run, 20, 6);
    teardown(&run);

    setup_flat(&run, NST_DECAY_COSINE);
    run.options.schedule.hold = 0; /* the rate fell from the start on, towards step 20 */
    open_trainer(&run);
    assert_int_equal(train(run.trainer, 8).steps, 20);
    teardown(&run);
}

/* While the loss falls, or nobody asks, nothing changes. */
static void test_no_stop(void **state)
{
    Run run;
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        setup_flat(&run, NST_DECAY_CONSTANT);
        run.options.stop = asked ? 0.01f : 0;
        run.options.stop_window = asked ? 10 : 1;
        for (int i = 0; i < 2 * 40 * 36; i++)
            run.pictures[0].data[i] *= 0.2f; /* unlike the photos */
        open_trainer(&run);
        assert_int_equal(train(run.trainer, 20).steps, 20);
        teardown(&run);
    }
}

/* Stopped in a window and after it, resumed by another trainer: the same run */
static void test_resume(void **state)
{
    static const int stops[] = {1, 4, 6, 8};
    char path[64];
    Run whole, before, after;
    NstError err;
    (void)state;
    make_path(path);
    setup_flat(&whole, NST_DECAY_COSINE);
    open_trainer(&whole);
    train(whole.trainer, 10);
    for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
        setup_flat(&before, NST_DECAY_COSINE);
        setup_flat(&after, NST_DECAY_COSINE);
        open_trainer(&before);
        open_trainer(&after);
        train(before.trainer, stops[i]);
        assert_ok(nst_trainer_save(before.trainer, path, &err));
        assert_ok(nst_trainer_load(after.trainer, path, &err));
        assert_int_equal(nst_trainer_steps_planned(after.trainer), stops[i] < 6 ? 20 : 10);
        assert_int_equal(train(after.trainer, 10 - stops[i]).steps, 10);
        set_steps(&after, 20, 10);
        assert_same_run(&whole, &after);
        teardown(&before);
        teardown(&after);
    }
    setup_flat(&after, NST_DECAY_COSINE); /* the checkpoint of step 8 again */
    after.options.steps = 30;
    open_trainer(&after);
    assert_fails(nst_trainer_load(after.trainer, path, &err), NST_EINVAL, "made with steps 10, not 30");
    teardown(&after);
    teardown(&whole);
    remove_path(path);
}

/* More steps than were asked for at first: what was planned in between does not count any more. */
static void test_asked_anew(void **state)
{
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 2);
    set_steps(&run, 12, 12);
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    teardown(&run);
    setup(&run);
    open_trainer(&run);
    assert_ok(nst_trainer_load(run.trainer, path, &err));
    assert_int_equal(nst_trainer_steps_planned(run.trainer), 12);
    teardown(&run);
    setup(&run);
    run.options.steps = 9;
    open_trainer(&run);
    assert_ok(nst_trainer_load(run.trainer, path, &err));
    assert_int_equal(nst_trainer_steps_planned(run.trainer), 9);
    teardown(&run);
    remove_path(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_run), cmocka_unit_test(test_fewest),     cmocka_unit_test(test_stop),
        cmocka_unit_test(test_no_stop),  cmocka_unit_test(test_resume),     cmocka_unit_test(test_asked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
