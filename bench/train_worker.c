/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * train_worker LOSS.nsw SIDE THREADS STYLE CONTENT: training steps of the network `fast` on raw floats, squares of 3
 * planes, with one level and the layers relu1_1, relu2_1, relu3_1. Prints "ready", then for each line of the input the
 * seconds of one step, as peer_training.py does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nst/nst.h>

#include "blas.h"

typedef struct Worker {
    NstModel *loss;
    NstImage style, content;
    NstTrainer *trainer;
} Worker;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int read_image(NstImage *image, int side, const char *path, NstError *err)
{
    int code = nst_image_alloc(image, side, side, err);
    if (code < 0)
        return code;
    size_t n = 3 * (size_t)side * (size_t)side, done = 0;
    FILE *file = fopen(path, "r");
    if (file) {
        done = fread(image->data, sizeof(float), n, file);
        fclose(file);
    }
    if (done == n)
        return NST_OK;
    snprintf(err->message, sizeof(err->message), "%s: %zu samples expected", path, n);
    return err->code = NST_EIO;
}

static int give_content(void *opaque, int index, NstImage *image, NstError *err)
{
    const NstImage *content = opaque;
    (void)index;
    int code = nst_image_alloc(image, content->width, content->height, err);
    if (code == NST_OK)
        memcpy(image->data, content->data, 3 * sizeof(float) * (size_t)content->width * (size_t)content->height);
    return code;
}

static int prepare(Worker *worker, char **argv, NstError *err)
{
    const NstTrainStyle style = {&worker->style, 1};
    NstTrainOptions options;
    int side = atoi(argv[2]);
    nst_train_defaults(&options);
    options.crop = side;
    options.levels = 1;
    options.content_level = 0;
    options.stability_weight = 0; /* as the peer does */
    options.compute.threads = atoi(argv[3]);
    options.compute.gemm = blas_gemm();
    int code = nst_model_load(&worker->loss, argv[1], err);
    if (code == NST_OK)
        code = read_image(&worker->style, side, argv[4], err);
    if (code == NST_OK)
        code = read_image(&worker->content, side, argv[5], err);
    if (code == NST_OK)
        code = nst_trainer_open(&worker->trainer, &options, worker->loss, &style, 1, give_content, &worker->content, 1,
                                err);
    return code;
}

static int step(Worker *worker, NstError *err)
{
    NstTrainProgress progress;
    double start = now();
    int code = nst_trainer_step(worker->trainer, &progress, err);
    printf("%.6f\n", now() - start);
    fflush(stdout);
    return code;
}

int main(int argc, char **argv)
{
    char line[16];
    NstError err;
    Worker worker = {.loss = NULL};
    if (argc != 6) {
        fprintf(stderr, "usage: train_worker LOSS.nsw SIDE THREADS STYLE CONTENT\n");
        return 2;
    }
    int code = prepare(&worker, argv, &err);
    if (code == NST_OK) {
        puts("ready");
        fflush(stdout);
    }
    while (code == NST_OK && fgets(line, sizeof(line), stdin))
        code = step(&worker, &err);
    if (code < 0)
        fprintf(stderr, "train_worker: %s\n", err.message);
    nst_trainer_close(&worker.trainer);
    nst_image_free(&worker.style);
    nst_image_free(&worker.content);
    nst_model_free(&worker.loss);
    return code < 0;
}
