/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * train_worker NETWORK.nsw LOSS.nsw SIDE THREADS STYLE CONTENT CROP OUT: training steps of NETWORK, of the architecture
 * `fast`, on raw floats, squares of 3 planes, with one level and the layers relu1_1, relu2_1, relu3_1. Prints "ready",
 * then for each line of the input the seconds of one step, as peer_training.py does. CROP gets what of CONTENT the
 * first step sees, and OUT its figures: loss, style, content and variation term, length of the gradient.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nst/nst.h>

#include "blas.h"
#include "sampler.h"

typedef struct Worker {
    NstModel *network, *loss;
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

static int close_written(FILE *file, const char *path, NstError *err)
{
    bool written = file && !ferror(file);
    if (file && fclose(file) == 0 && written)
        return NST_OK;
    snprintf(err->message, sizeof(err->message), "%s: could not be written", path);
    return err->code = NST_EIO;
}

static int write_image(const NstImage *image, const char *path, NstError *err)
{
    FILE *file = fopen(path, "w");
    if (file)
        fwrite(image->data, sizeof(float), 3 * (size_t)image->width * (size_t)image->height, file);
    return close_written(file, path, err);
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

static int write_crop(Worker *worker, const NstTrainOptions *options, const char *path, NstError *err)
{
    NstSampler sampler = {0};
    NstImage crop = {0};
    int code = sampler_open(&sampler, give_content, &worker->content, 1, options->seed, err);
    if (code == NST_OK)
        code = nst_image_alloc(&crop, options->crop, options->crop, err);
    if (code == NST_OK)
        code = sampler_crop(&sampler, 0, &crop, err);
    if (code == NST_OK)
        code = write_image(&crop, path, err);
    nst_image_free(&crop);
    sampler_close(&sampler);
    return code;
}

static int open_trainer(Worker *worker, int side, int threads, const char *crop, NstError *err)
{
    const NstTrainStyle style = {&worker->style, 1};
    NstTrainOptions options;
    nst_train_defaults(&options);
    options.crop = side;
    options.levels = 1;
    options.content_level = 0;
    options.stability_weight = 0; /* as the peer does */
    options.init = worker->network;
    options.compute.threads = threads;
    options.compute.gemm = blas_gemm();
    int code = write_crop(worker, &options, crop, err);
    if (code < 0)
        return code;
    return nst_trainer_open(&worker->trainer, &options, worker->loss, &style, 1, give_content, &worker->content, 1,
                            err);
}

static int write_figures(const NstTrainProgress *p, const char *path, NstError *err)
{
    FILE *file = fopen(path, "w");
    if (file)
        fprintf(file, "%.7g %.7g %.7g %.7g %.7g\n", (double)p->total, (double)p->style, (double)p->content,
                (double)p->tv, (double)p->grad_norm);
    return close_written(file, path, err);
}

static int prepare(Worker *worker, char **argv, NstError *err)
{
    NstTrainProgress first;
    int side = atoi(argv[3]);
    int code = nst_model_load(&worker->network, argv[1], err);
    if (code == NST_OK)
        code = nst_model_load(&worker->loss, argv[2], err);
    if (code == NST_OK)
        code = read_image(&worker->style, side, argv[5], err);
    if (code == NST_OK)
        code = read_image(&worker->content, side, argv[6], err);
    if (code == NST_OK)
        code = open_trainer(worker, side, atoi(argv[4]), argv[7], err);
    if (code == NST_OK)
        code = nst_trainer_step(worker->trainer, &first, err);
    return code == NST_OK ? write_figures(&first, argv[8], err) : code;
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
    if (argc != 9) {
        fprintf(stderr, "usage: train_worker NETWORK.nsw LOSS.nsw SIDE THREADS STYLE CONTENT CROP OUT\n");
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
    nst_model_free(&worker.network);
    return code < 0;
}
