/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_TINY_TRAIN_H
#define NST_TESTS_TINY_TRAIN_H

#include "tiny.h"

#include <sys/stat.h>
#include <unistd.h>

/* Tiny training runs: their options, pictures and what becomes of them. */

/* What the content source of the tests gives */
typedef struct Content {
    int calls;
    int seen[8];     /* how often picture i was asked for */
    int poisoned;    /* call that gives a NaN, from 1; 0: none */
    int failing;     /* call that fails */
    int width, height;
} Content;

static inline int give(void *opaque, int index, NstImage *image, NstError *err)
{
    Content *content = opaque;
    content->calls++;
    content->seen[index]++;
    if (content->calls == content->failing) {
        err->code = NST_EIO;
        snprintf(err->message, sizeof(err->message), "photo %d is gone", index);
        return NST_EIO;
    }
    *image = tiny_picture(content->width, content->height, 100 + (uint64_t)index);
    if (content->calls == content->poisoned)
        for (int i = 0; i < 3 * image->width * image->height; i++)
            image->data[i] = NAN;
    return NST_OK;
}

typedef struct Run {
    NstModel *loss;
    NstImage pictures[2];
    NstTrainStyle styles[2]; /* of which the first n_styles are learned from */
    int n_styles;
    Content content;
    NstTrainOptions options;
    NstTrainer *trainer;
} Run;

static inline void setup(Run *run)
{
    memset(run, 0, sizeof(*run));
    run->loss = tiny_vgg(false);
    run->n_styles = 1;
    for (int i = 0; i < 2; i++) {
        run->pictures[i] = tiny_picture(40 - 5 * i, 36, 50 + (uint64_t)i);
        run->styles[i] = (NstTrainStyle){&run->pictures[i], 1};
    }
    run->content.width = 50;
    run->content.height = 44;
    nst_train_defaults(&run->options);
    run->options.crop = 32;
    run->options.steps = 8;
    run->options.levels = 2;
    run->options.schedule.warmup = 2;
    run->options.compute.threads = 1;
}

static inline int try_open(Run *run, int n_content, NstError *err)
{
    return nst_trainer_open(&run->trainer, &run->options, run->loss, run->styles, run->n_styles, give, &run->content,
                            n_content, err);
}

static inline void open_trainer(Run *run)
{
    NstError err;
    assert_ok(try_open(run, 5, &err));
}

static inline void teardown(Run *run)
{
    nst_trainer_close(&run->trainer);
    assert_null(run->trainer);
    nst_image_free(&run->pictures[0]);
    nst_image_free(&run->pictures[1]);
    nst_model_free(&run->loss);
}

static inline NstTrainProgress train(NstTrainer *trainer, int steps)
{
    NstTrainProgress progress = {0};
    NstError err;
    for (int i = 0; i < steps; i++)
        assert_ok(nst_trainer_step(trainer, &progress, &err));
    return progress;
}

static inline NstModel *model_of(const NstTrainer *trainer)
{
    NstModel *model;
    NstError err;
    assert_ok(nst_trainer_model(trainer, &model, &err));
    return model;
}

/* Whether all weights have the same bits */
static inline bool same_weights(const NstModel *a, const NstModel *b)
{
    assert_int_equal(a->graph.n_tensors, b->graph.n_tensors);
    for (int i = 0; i < a->graph.n_tensors; i++) {
        const NstTensor *x = &a->graph.tensors[i], *y = &b->graph.tensors[i];
        if (memcmp(x->data, y->data, sizeof(float) * (size_t)x->count))
            return false;
    }
    return true;
}

/* A file in a new folder; remove_path takes both away. */
static inline void make_path(char path[64])
{
    snprintf(path, 64, "/tmp/nst-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    strcat(path, "/run.ckpt");
}

static inline void remove_path(char path[64])
{
    unlink(path);
    *strrchr(path, '/') = 0;
    assert_int_equal(rmdir(path), 0); /* nothing else is left there, no temporary file either */
}

#endif
