/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiny_train.h"

static void test_loss_falls(void **state)
{
    Run run;
    double first = 0, last = 0;
    (void)state;
    setup(&run);
    run.options.steps = 40;
    for (int i = 0; i < 2 * 40 * 36; i++)
        run.pictures[0].data[i] *= 0.2f; /* a blue picture, unlike the photos */
    open_trainer(&run);
    for (int i = 0; i < 40; i++) {
        const NstTrainProgress p = train(run.trainer, 1);
        assert_int_equal(p.step, i + 1);
        assert_int_equal(p.steps, 40);
        assert_true(p.grad_norm > 0 && p.learning_rate > 0);
        assert_true(fabs(p.style + 0.05 * p.content + 0.01 * p.tv + 3 * p.stability - p.total) < 1e-5 * p.total);
        assert_true(p.stability > 0);
        if (i < 5)
            first += p.total;
        if (i >= 35)
            last += p.total;
    }
    if (!(last < 0.5 * first))
        fail_msg("the loss went from %g to %g only", first / 5, last / 5);
    NstError err;
    assert_fails(nst_trainer_step(run.trainer, NULL, &err), NST_EINVAL, "all 40 steps are done");
    teardown(&run);
}

/* Every epoch shows every picture once. */
static void test_epochs(void **state)
{
    Run run;
    (void)state;
    setup(&run);
    run.options.batch = 2;
    open_trainer(&run);
    train(run.trainer, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(run.content.seen[i], 2);
    teardown(&run);
}

static void test_threads(void **state)
{
    NstModel *models[2];
    NstTrainProgress progress[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        Run run;
        setup(&run);
        run.options.compute.threads = i ? 3 : 1;
        open_trainer(&run);
        progress[i] = train(run.trainer, 3);
        models[i] = model_of(run.trainer);
        teardown(&run);
    }
    assert_memory_equal(&progress[0], &progress[1], sizeof(progress[0]));
    assert_true(same_weights(models[0], models[1]));
    nst_model_free(&models[0]);
    nst_model_free(&models[1]);
}

static void test_seed(void **state)
{
    NstModel *models[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        Run run;
        setup(&run);
        run.options.seed = 1 + (uint64_t)i;
        open_trainer(&run);
        models[i] = model_of(run.trainer);
        teardown(&run);
    }
    assert_false(same_weights(models[0], models[1]));
    nst_model_free(&models[0]);
    nst_model_free(&models[1]);
}

/* Stopped after three of eight steps, in the middle of an epoch, and resumed by another trainer: the same bits */
static void set_nothing(Run *run) { (void)run; }
static void set_sgd(Run *run) { run->options.optimizer = NST_OPTIMIZER_SGD; }

static void set_plain_sgd(Run *run)
{
    set_sgd(run);
    run->options.momentum = 0;
    run->options.schedule.decay = NST_DECAY_CONSTANT;
}

static void set_rmsprop(Run *run)
{
    run->options.optimizer = NST_OPTIMIZER_RMSPROP;
    run->options.schedule.decay = NST_DECAY_STEP;
    run->options.schedule.every = 2;
}

static void check_resume(void (*change)(Run *run))
{
    char path[64];
    Run whole, before, after;
    NstError err;
    make_path(path);
    setup(&whole);
    setup(&before);
    setup(&after);
    change(&whole);
    change(&before);
    change(&after);
    open_trainer(&whole);
    open_trainer(&before);
    open_trainer(&after);
    const NstTrainProgress expected = train(whole.trainer, 8);
    train(before.trainer, 3);
    assert_ok(nst_trainer_save(before.trainer, path, &err));
    train(after.trainer, 1); /* to be forgotten */
    assert_ok(nst_trainer_load(after.trainer, path, &err));
    const NstTrainProgress found = train(after.trainer, 5);
    assert_memory_equal(&expected, &found, sizeof(found));
    NstModel *a = model_of(whole.trainer), *b = model_of(after.trainer);
    assert_true(same_weights(a, b));
    assert_string_equal(nst_model_metadata(a, "nst.training"), nst_model_metadata(b, "nst.training"));
    nst_model_free(&a);
    nst_model_free(&b);
    teardown(&whole);
    teardown(&before);
    teardown(&after);
    remove_path(path);
}

static void test_resume(void **state)
{
    (void)state;
    check_resume(set_nothing);
    check_resume(set_sgd);
    check_resume(set_plain_sgd);
    check_resume(set_rmsprop);
}

/* Each optimiser learns at the rate that is its default, and the schedule is what the options say. */
static void test_optimizers(void **state)
{
    void (*const changes[])(Run *run) = {set_nothing, set_sgd, set_rmsprop};
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        Run run;
        setup(&run);
        changes[i](&run);
        run.options.steps = 60;
        run.options.schedule = (NstSchedule){.decay = NST_DECAY_STEP, .every = 20, .factor = 0.5f};
        open_trainer(&run);
        const NstTrainProgress first = train(run.trainer, 1), last = train(run.trainer, 59);
        assert_true(last.total < 0.9f * first.total);
        assert_float_equal(last.learning_rate, first.learning_rate / 4, 1e-9);
        teardown(&run);
    }
}

/* What the optimiser or the decay makes no use of may be another one. */
static void test_idle_options(void **state)
{
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    setup(&run);
    set_plain_sgd(&run);
    open_trainer(&run);
    train(run.trainer, 2);
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    teardown(&run);
    setup(&run);
    set_plain_sgd(&run);
    run.options.beta1 = run.options.epsilon = 0.5f;
    run.options.schedule.hold = run.options.schedule.factor = 0.25f;
    open_trainer(&run);
    assert_ok(nst_trainer_load(run.trainer, path, &err));
    teardown(&run);
    remove_path(path);
}

static void set_epsilon(Run *run) { run->options.epsilon = 1e-6f; }
static void set_decay(Run *run) { run->options.schedule.decay = NST_DECAY_STEP; }
static void set_hold(Run *run) { run->options.schedule.hold = 0.75f; }
static void set_last(Run *run) { run->options.schedule.last = 0; }
static void set_steps(Run *run) { run->options.steps = 9; }
static void set_batch(Run *run) { run->options.batch = 2; }
static void set_crop(Run *run) { run->options.crop = 36; }
static void set_arch(Run *run) { run->options.arch = NST_ARCH_JOHNSON; }
static void set_layers(Run *run) { run->options.style_layers[2] = NULL; }
static void set_weight(Run *run) { run->options.content_weight = 0.051f; }
static void set_stability(Run *run) { run->options.stability_weight = 0; }
static void set_seed(Run *run) { run->options.seed = UINT64_MAX; }
static void set_style(Run *run) { run->pictures[0].data[7] = 0.25f; }
static void set_styles(Run *run) { run->n_styles = 2; }
static void set_loss(Run *run) { run->loss->graph.tensors[2].data[0] = 0.25f; }

static void test_other_options(void **state)
{
    static const struct {
        void (*change)(Run *run);
        const char *name;
    } cases[] = {
        {set_steps, "steps 8, not 9"},
        {set_batch, "batch 1, not 2"},
        {set_crop, "crop 32, not 36"},
        {set_arch, "arch \"fast\", not \"johnson\""},
        {set_layers, "style_layers"},
        {set_weight, "content_weight 0.05, not 0.051"},
        {set_stability, "stability_weight 3, not 0"},
        {set_seed, "seed \"1\", not \"18446744073709551615\""},
        {set_style, "style_picture"},
        {set_styles, "style_picture"},
        {set_loss, "loss_network"},
        {set_sgd, "optimizer \"adam\", not \"sgd\""},
        {set_decay, "decay \"cosine\", not \"step\""},
        {set_epsilon, "epsilon 1e-08, not 1e-06"},
        {set_hold, "hold 0.5, not 0.75"},
        {set_last, "last_rate 0.03, not 0"},
    };
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 6);
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    teardown(&run);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        setup(&run);
        cases[i].change(&run);
        open_trainer(&run);
        NstModel *model = model_of(run.trainer), *later;
        assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EINVAL, cases[i].name);
        assert_non_null(strstr(err.message, path));
        later = model_of(run.trainer);
        assert_true(same_weights(model, later));
        nst_model_free(&model);
        nst_model_free(&later);
        teardown(&run);
    }
    remove_path(path);
}

/* While the rate is still flat, a longer run is the same run; a shorter one must have room for what is done. */
static void test_other_steps(void **state)
{
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 4);
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    teardown(&run);
    setup(&run);
    run.options.steps = 20;
    open_trainer(&run);
    assert_ok(nst_trainer_load(run.trainer, path, &err));
    assert_int_equal(train(run.trainer, 1).step, 5);
    teardown(&run);
    setup(&run);
    run.options.steps = 3;
    open_trainer(&run);
    assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EINVAL, "4 steps are done, of 3");
    teardown(&run);
    remove_path(path);
}

/* Cut off anywhere, or of another kind: an error, and the trainer goes on as if nothing had been. */
static void test_bad_checkpoints(void **state)
{
    char path[64];
    Run run;
    NstError err;
    struct stat info;
    (void)state;
    make_path(path);
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 1);
    NstModel *before = model_of(run.trainer);
    assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EIO, path);
    assert_ok(nst_model_save(before, path, &err));
    assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EFORMAT, "not a checkpoint");
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    assert_int_equal(stat(path, &info), 0);
    for (int part = 0; part < 20; part++) {
        assert_ok(nst_trainer_save(run.trainer, path, &err));
        assert_int_equal(truncate(path, info.st_size * part / 20), 0);
        assert_int_not_equal(nst_trainer_load(run.trainer, path, &err), NST_OK);
    }
    NstModel *after = model_of(run.trainer);
    assert_true(same_weights(before, after));
    nst_model_free(&before);
    nst_model_free(&after);
    assert_int_equal(train(run.trainer, 1).step, 2);
    assert_fails(nst_trainer_save(run.trainer, "/nowhere/at/all", &err), NST_EIO, "/nowhere/at/all");
    teardown(&run);
    remove_path(path);
}

static void test_not_finite(void **state)
{
    Run run;
    NstError err;
    (void)state;
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 2);
    NstModel *before = model_of(run.trainer);
    run.content.poisoned = 3;
    assert_fails(nst_trainer_step(run.trainer, NULL, &err), NST_ENOTFINITE,
                 "step 3: style loss of layer relu1_1 at level 0");
    NstModel *after = model_of(run.trainer);
    assert_true(same_weights(before, after));
    assert_int_equal(train(run.trainer, 1).step, 3); /* the same step, with the picture as it should be */
    nst_model_free(&before);
    nst_model_free(&after);
    teardown(&run);
}

/* Several style pictures: the first step's style term is the mean of theirs, by weight; a checkpoint knows the weights. */
static void test_styles(void **state)
{
    double style[3];
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    for (int i = 0; i < 3; i++) {
        setup(&run);
        run.n_styles = i < 2 ? 1 : 2;
        run.styles[0] = (NstTrainStyle){&run.pictures[i == 1], 3};
        open_trainer(&run);
        style[i] = (double)train(run.trainer, 1).style;
        if (i == 2)
            assert_ok(nst_trainer_save(run.trainer, path, &err));
        teardown(&run);
    }
    assert_true(fabs(style[0] - style[1]) > 0.01 * style[0]);
    assert_true(fabs((3 * style[0] + style[1]) / 4 - style[2]) < 1e-5 * style[2]);
    setup(&run);
    run.n_styles = 2;
    run.styles[0].weight = 2.5f;
    open_trainer(&run);
    assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EINVAL, "made with mix [3,1], not [2.5,1]");
    NstModel *model = model_of(run.trainer);
    assert_non_null(strstr(nst_model_metadata(model, "nst.training"), "\"mix\":[2.5,1]"));
    nst_model_free(&model);
    teardown(&run);
    remove_path(path);
}

static void test_source_fails(void **state)
{
    Run run;
    NstError err;
    (void)state;
    setup(&run);
    run.content.failing = 2;
    open_trainer(&run);
    train(run.trainer, 1);
    assert_fails(nst_trainer_step(run.trainer, NULL, &err), NST_EIO, "gone");
    assert_int_equal(train(run.trainer, 1).step, 2);
    teardown(&run);
}

static void test_small_pictures(void **state)
{
    static const int sizes[][2] = {{1, 1}, {3, 40}, {300, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        Run run;
        setup(&run);
        run.content.width = sizes[i][0];
        run.content.height = sizes[i][1];
        open_trainer(&run);
        assert_true(isfinite(train(run.trainer, 2).total));
        teardown(&run);
    }
}

static void test_model(void **state)
{
    Run run;
    NstModelInfo info;
    (void)state;
    setup(&run);
    run.options.arch = NST_ARCH_JOHNSON;
    run.options.name = "waves";
    run.options.author = "A. Painter";
    open_trainer(&run);
    run.options.author = NULL; /* strings were copied */
    train(run.trainer, 1);
    NstModel *model = model_of(run.trainer), *start;
    teardown(&run);
    nst_model_info(model, &info);
    assert_int_equal(info.kind, NST_KIND_STYLE);
    assert_string_equal(info.name, "waves");
    assert_string_equal(info.author, "A. Painter");
    assert_string_equal(info.licence, "");
    assert_non_null(strstr(info.training, "\"arch\":\"johnson\""));
    assert_non_null(strstr(info.training, "\"learning_rate\":0.002,\"output_lr_scale\":0.03"));
    assert_non_null(strstr(info.training, "\"steps_done\":1"));
    setup(&run);
    run.options.arch = NST_ARCH_JOHNSON;
    open_trainer(&run);
    start = model_of(run.trainer);
    assert_false(same_weights(model, start));
    nst_model_free(&start);
    nst_model_free(&model);
    teardown(&run);
}

/* A trained style goes on where it was; it must be of the same network, and a checkpoint belongs to its beginning. */
static void test_init(void **state)
{
    char path[64];
    Run run;
    NstError err;
    (void)state;
    make_path(path);
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 2);
    NstModel *first = model_of(run.trainer);
    assert_ok(nst_trainer_save(run.trainer, path, &err));
    teardown(&run);

    setup(&run);
    run.options.init = first;
    run.options.seed = 9;
    open_trainer(&run);
    NstModel *second = model_of(run.trainer);
    assert_true(same_weights(first, second));
    run.options.seed = 1;
    nst_trainer_close(&run.trainer);
    open_trainer(&run);
    assert_fails(nst_trainer_load(run.trainer, path, &err), NST_EINVAL, "init_network");
    train(run.trainer, 1);
    assert_true(same_weights(first, second)); /* it had a copy */
    nst_trainer_close(&run.trainer);

    run.options.arch = NST_ARCH_JOHNSON;
    assert_fails(try_open(&run, 5, &err), NST_EINVAL, "init: not a style of the architecture johnson");
    nst_model_free(&first);
    nst_model_free(&second);
    teardown(&run);
    remove_path(path);
}

/* The loss of a style before it learns is that of the first step from it; the run is as it was. */
static void test_try(void **state)
{
    Run run;
    NstError err;
    float loss;
    (void)state;
    setup(&run);
    open_trainer(&run);
    train(run.trainer, 3);
    NstModel *style = model_of(run.trainer);
    teardown(&run);

    setup(&run);
    open_trainer(&run);
    NstModel *before = model_of(run.trainer);
    assert_ok(nst_trainer_try(run.trainer, style, 1, &loss, &err));
    NstModel *after = model_of(run.trainer);
    assert_true(same_weights(before, after));
    assert_false(same_weights(before, style));
    nst_model_free(&before);
    nst_model_free(&after);
    assert_fails(nst_trainer_try(run.trainer, run.loss, 1, &loss, &err), NST_EINVAL, "not a style of the architecture");
    assert_fails(nst_trainer_try(run.trainer, style, 0, &loss, &err), NST_EINVAL, "crops: 0");
    teardown(&run);

    setup(&run);
    run.options.init = style;
    open_trainer(&run);
    const NstTrainProgress first = train(run.trainer, 1);
    assert_true(fabsf(first.total - 3 * first.stability - loss) < 1e-5f * loss);
    nst_model_free(&style);
    teardown(&run);
}

/* A trainer that was not told what the run began with takes it from the checkpoint, and comes to the same style. */
static void test_init_resumed(void **state)
{
    char path[64];
    Run run;
    NstError err;
    NstModel *styles[3];
    (void)state;
    make_path(path);
    setup(&run);
    run.options.name = "first";
    open_trainer(&run);
    styles[0] = model_of(run.trainer);
    teardown(&run);
    for (int i = 1; i < 3; i++) {
        setup(&run);
        run.options.init = i == 1 ? styles[0] : NULL;
        open_trainer(&run);
        if (i == 1)
            assert_ok(nst_trainer_save(run.trainer, path, &err));
        else
            assert_ok(nst_trainer_load(run.trainer, path, &err));
        train(run.trainer, 2);
        styles[i] = model_of(run.trainer);
        teardown(&run);
    }
    assert_true(same_weights(styles[1], styles[2]));
    const char *told = nst_model_metadata(styles[2], "nst.training");
    assert_string_equal(nst_model_metadata(styles[1], "nst.training"), told);
    assert_non_null(strstr(told, "\"init_name\":\"first\""));
    for (int i = 0; i < 3; i++)
        nst_model_free(&styles[i]);
    remove_path(path);
}

static void bad_size(Run *run) { run->options.struct_size = 0; }
static void bad_arch(Run *run) { run->options.arch = (NstArchitecture)3; }
static void bad_steps(Run *run) { run->options.steps = 0; }
static void bad_batch(Run *run) { run->options.batch = 1025; }
static void small_crop(Run *run) { run->options.crop = 28; }
static void odd_crop(Run *run) { run->options.crop = 34; }
static void bad_levels(Run *run) { run->options.levels = 0; }
static void bad_level(Run *run) { run->options.content_level = 2; }
static void bad_weight(Run *run) { run->options.tv_weight = -1; }
static void bad_stability(Run *run) { run->options.stability_weight = -1; }
static void bad_init(Run *run) { run->options.init = run->loss; }
static void bad_stop(Run *run) { run->options.stop = 1.5f; }
static void bad_window(Run *run) { run->options.stop_window = 0; }
static void bad_rate(Run *run) { run->options.learning_rate = NAN; }
static void bad_beta(Run *run) { run->options.beta2 = 1; }
static void bad_hold(Run *run) { run->options.schedule.hold = 1.5f; }
static void bad_every(Run *run) { run->options.schedule.every = 0; }
static void bad_momentum(Run *run) { run->options.momentum = 1; }
static void lbfgs(Run *run) { run->options.optimizer = NST_OPTIMIZER_LBFGS; }
static void bad_threads(Run *run) { run->options.compute.threads = 257; }
static void bad_layer(Run *run) { run->options.style_layers[1] = "relu4_1"; }
static void no_style(Run *run) { run->n_styles = 0; }
static void bad_share(Run *run) { run->styles[0].weight = 0; }
static void bad_loss(Run *run) { run->loss->kind = NST_KIND_STYLE; }

static void test_bad_options(void **state)
{
    static const struct {
        void (*change)(Run *run);
        int code;
        const char *message;
    } cases[] = {
        {bad_size, NST_EINVAL, "struct_size"},     {bad_arch, NST_EINVAL, "arch"},
        {bad_steps, NST_EINVAL, "steps: 0"},       {bad_batch, NST_EINVAL, "batch: 1025"},
        {small_crop, NST_EINVAL, "crop: 28"},      {odd_crop, NST_EINVAL, "multiple of 4"},
        {bad_levels, NST_EINVAL, "levels: 0"},     {bad_level, NST_EINVAL, "content_level: 2"},
        {bad_weight, NST_EINVAL, "tv_weight: -1"}, {bad_rate, NST_EINVAL, "learning_rate: nan"},
        {bad_beta, NST_EINVAL, "beta2"},           {bad_hold, NST_EINVAL, "hold: 1.5"},
        {bad_threads, NST_EINVAL, "threads: 257"}, {bad_layer, NST_ENOTFOUND, "relu4_1"},
        {bad_loss, NST_EINVAL, "loss network"},    {bad_stability, NST_EINVAL, "stability_weight: -1"},
        {bad_init, NST_EINVAL, "init: not a style"}, {bad_every, NST_EINVAL, "schedule.every: 0"},
        {bad_momentum, NST_EINVAL, "momentum: 1"}, {lbfgs, NST_EINVAL, "optimizer: lbfgs; adam, sgd or rmsprop"},
        {bad_init, NST_EINVAL, "init: not a style"}, {no_style, NST_EINVAL, "0 styles; 1 to 8"},
        {bad_stop, NST_EINVAL, "stop: 1.5"},       {bad_window, NST_EINVAL, "stop_window: 0"},
        {bad_share, NST_EINVAL, "weight of style 1: 0"},
    };
    NstError err;
    Run run;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        setup(&run);
        cases[i].change(&run);
        assert_fails(try_open(&run, 5, &err), cases[i].code, cases[i].message);
        teardown(&run);
    }
    setup(&run);
    assert_fails(try_open(&run, 0, &err), NST_EINVAL, "0 content pictures");
    teardown(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_falls),     cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_resume),         cmocka_unit_test(test_other_options),
        cmocka_unit_test(test_other_steps),    cmocka_unit_test(test_bad_checkpoints),
        cmocka_unit_test(test_not_finite),     cmocka_unit_test(test_source_fails),
        cmocka_unit_test(test_small_pictures), cmocka_unit_test(test_model),
        cmocka_unit_test(test_init),           cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_optimizers),     cmocka_unit_test(test_idle_options),
        cmocka_unit_test(test_styles),         cmocka_unit_test(test_try),
        cmocka_unit_test(test_init_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
