/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiny.h"

#include <pthread.h>
#include <unistd.h>

/* Training by several ranks, which are threads here: the same bits as by one, whatever the share of each. */

enum { MOST_RANKS = 3, PICTURES = 5, BATCH = 4 };

/* Where the ranks exchange their parts */
typedef struct Meeting {
    pthread_barrier_t barrier;
    const float *parts[MOST_RANKS];
    int n_parts[MOST_RANKS];
    int count, failing; /* the call of sum that fails, from 1; 0: none */
} Meeting;

typedef struct Rank {
    Meeting *meeting;
    NstTrainOptions options;
    const char *path; /* a checkpoint to load; NULL: none */
    int steps, calls, code;
    uint64_t style;
    NstError err;
    NstTrainProgress progress;
    NstModel *model;
} Rank;

static int sum(void *opaque, const float *parts, int n_parts, size_t n, float *total, NstError *err)
{
    Rank *rank = opaque;
    Meeting *meeting = rank->meeting;
    bool first = true;
    if (++rank->calls == meeting->failing) {
        err->code = NST_EIO;
        snprintf(err->message, sizeof(err->message), "the wire is cut");
        return NST_EIO;
    }
    meeting->parts[rank->options.ranks.rank] = parts;
    meeting->n_parts[rank->options.ranks.rank] = n_parts;
    pthread_barrier_wait(&meeting->barrier);
    for (int r = 0; r < meeting->count; r++)
        for (int p = 0; p < meeting->n_parts[r]; p++, first = false)
            for (size_t i = 0; i < n; i++)
                total[i] = (first ? 0 : total[i]) + meeting->parts[r][(size_t)p * n + i];
    pthread_barrier_wait(&meeting->barrier);
    return NST_OK;
}

static int give(void *opaque, int index, NstImage *image, NstError *err)
{
    (void)opaque, (void)err;
    *image = tiny_picture(50, 44, 100 + (uint64_t)index);
    return NST_OK;
}

static int work(Rank *rank, NstTrainer **trainer, const NstModel *loss, const NstTrainStyle *style)
{
    NST_TRY(nst_trainer_open(trainer, &rank->options, loss, style, 1, give, NULL, PICTURES, &rank->err));
    if (rank->path)
        NST_TRY(nst_trainer_load(*trainer, rank->path, &rank->err));
    while (nst_trainer_steps_done(*trainer) < rank->steps)
        NST_TRY(nst_trainer_step(*trainer, &rank->progress, &rank->err));
    return nst_trainer_model(*trainer, &rank->model, &rank->err);
}

static void *run_rank(void *opaque)
{
    Rank *rank = opaque;
    NstModel *loss = tiny_vgg(false);
    NstImage picture = tiny_picture(40, 36, rank->style);
    const NstTrainStyle style = {&picture, 1};
    NstTrainer *trainer = NULL;
    rank->code = work(rank, &trainer, loss, &style);
    nst_trainer_close(&trainer);
    nst_image_free(&picture);
    nst_model_free(&loss);
    return NULL;
}

static void set_up(Rank *ranks, Meeting *meeting, int count, int steps)
{
    *meeting = (Meeting){.count = count};
    pthread_barrier_init(&meeting->barrier, NULL, (unsigned)count);
    for (int r = 0; r < count; r++) {
        ranks[r] = (Rank){.meeting = meeting, .style = 50, .steps = steps};
        NstTrainOptions *options = &ranks[r].options;
        nst_train_defaults(options);
        options->crop = 32;
        options->steps = 8;
        options->levels = 2;
        options->schedule.warmup = 2;
        options->batch = BATCH;
        options->compute.threads = 1;
        options->ranks = (NstRanks){.rank = r, .count = count, .sum = sum, .opaque = &ranks[r]};
    }
}

static void run(Rank *ranks)
{
    pthread_t threads[MOST_RANKS];
    Meeting *meeting = ranks->meeting;
    for (int r = 0; r < meeting->count; r++)
        assert_int_equal(pthread_create(&threads[r], NULL, run_rank, &ranks[r]), 0);
    for (int r = 0; r < meeting->count; r++)
        pthread_join(threads[r], NULL);
    pthread_barrier_destroy(&meeting->barrier);
}

static void run_well(Rank *ranks)
{
    run(ranks);
    for (int r = 0; r < ranks->meeting->count; r++)
        if (ranks[r].code != NST_OK)
            fail_msg("rank %d: %s", r, ranks[r].err.message);
}

static void assert_same(const Rank *a, const Rank *b)
{
    assert_memory_equal(&a->progress, &b->progress, sizeof(a->progress));
    assert_int_equal(a->model->graph.n_tensors, b->model->graph.n_tensors);
    for (int i = 0; i < a->model->graph.n_tensors; i++) {
        const NstTensor *x = &a->model->graph.tensors[i], *y = &b->model->graph.tensors[i];
        assert_memory_equal(x->data, y->data, sizeof(float) * (size_t)x->count);
    }
    assert_string_equal(nst_model_metadata(a->model, "nst.training"), nst_model_metadata(b->model, "nst.training"));
}

static void free_models(Rank *ranks, int count)
{
    for (int r = 0; r < count; r++)
        nst_model_free(&ranks[r].model);
}

/* Four crops by one, two, and three ranks, of which the last has two */
static void test_same_bits(void **state)
{
    Meeting meeting;
    Rank alone, ranks[MOST_RANKS];
    (void)state;
    set_up(&alone, &meeting, 1, 3);
    run_well(&alone);
    assert_int_equal(alone.calls, 0);
    for (int count = 2; count <= MOST_RANKS; count++) {
        set_up(ranks, &meeting, count, 3);
        run_well(ranks);
        for (int r = 0; r < count; r++) {
            assert_true(ranks[r].calls >= 3);
            assert_same(&alone, &ranks[r]);
        }
        free_models(ranks, count);
    }
    free_models(&alone, 1);
}

static int save(const Rank *rank, const char *path, NstError *err)
{
    NstModel *loss = tiny_vgg(false);
    NstImage picture = tiny_picture(40, 36, rank->style);
    const NstTrainStyle style = {&picture, 1};
    NstTrainer *trainer = NULL;
    int code = nst_trainer_open(&trainer, &rank->options, loss, &style, 1, give, NULL, PICTURES, err);
    for (int i = 0; code == NST_OK && i < 2; i++)
        code = nst_trainer_step(trainer, NULL, err);
    if (code == NST_OK)
        code = nst_trainer_save(trainer, path, err);
    nst_trainer_close(&trainer);
    nst_image_free(&picture);
    nst_model_free(&loss);
    return code;
}

/* What one process began goes on with three; the checkpoint is on rank 0's machine only. */
static void test_load(void **state)
{
    char path[] = "/tmp/nst-test-XXXXXX";
    Meeting meeting;
    Rank alone, ranks[MOST_RANKS];
    NstError err;
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    set_up(&alone, &meeting, 1, 4);
    assert_ok(save(&alone, path, &err));
    run_well(&alone);
    set_up(ranks, &meeting, MOST_RANKS, 4);
    ranks[0].path = path;
    ranks[1].path = ranks[2].path = "/nowhere/at/all";
    run_well(ranks);
    for (int r = 0; r < MOST_RANKS; r++)
        assert_same(&alone, &ranks[r]);
    free_models(&alone, 1);
    free_models(ranks, MOST_RANKS);
    unlink(path);
}

static void assert_failed(const Rank *rank, int code, const char *text)
{
    assert_int_equal(rank->code, code);
    assert_int_equal(rank->err.code, code);
    if (!strstr(rank->err.message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, rank->err.message);
}

static void test_other_options(void **state)
{
    Meeting meeting;
    Rank ranks[2];
    (void)state;
    set_up(ranks, &meeting, 2, 1);
    ranks[1].options.tv_weight = 0.5f;
    run(ranks);
    assert_failed(&ranks[0], NST_EINVAL, "rank 0 has another tv_weight");
    assert_failed(&ranks[1], NST_EINVAL, "rank 1 has another tv_weight");
    set_up(ranks, &meeting, 2, 1);
    ranks[1].style = 51;
    run(ranks);
    assert_failed(&ranks[1], NST_EINVAL, "rank 1 has another style_picture");
}

/* The first exchange compares options; those of the steps follow. */
static void test_sum_fails(void **state)
{
    Meeting meeting;
    Rank ranks[2];
    (void)state;
    set_up(ranks, &meeting, 2, 4);
    meeting.failing = 3;
    run(ranks);
    for (int r = 0; r < 2; r++) {
        assert_failed(&ranks[r], NST_EIO, "step 2: the wire is cut");
        assert_int_equal(ranks[r].progress.step, 1);
    }
}

static void no_sum(NstTrainOptions *options) { options->ranks.sum = NULL; }
static void no_such_rank(NstTrainOptions *options) { options->ranks.rank = 2; }
static void no_ranks(NstTrainOptions *options) { options->ranks.count = 0; }
static void idle_rank(NstTrainOptions *options) { options->batch = 1; }

static void test_bad_options(void **state)
{
    static const struct {
        void (*change)(NstTrainOptions *options);
        const char *message;
    } cases[] = {
        {no_sum, "ranks: 2 without a function that sums"},
        {no_such_rank, "rank: 2; 0 to 1 expected"},
        {no_ranks, "ranks: 0; 1 to 1024 expected"},
        {idle_rank, "batch: 1; 2 to 1024 expected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Meeting meeting;
        Rank ranks[2];
        set_up(ranks, &meeting, 2, 1);
        cases[i].change(&ranks[0].options);
        run_rank(&ranks[0]); /* refused before it meets another */
        assert_failed(&ranks[0], NST_EINVAL, cases[i].message);
        pthread_barrier_destroy(&meeting.barrier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_load),        cmocka_unit_test(test_other_options),
        cmocka_unit_test(test_sum_fails), cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
