/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <nst/nst.h>

#include "blas.h"
#include "common_options.h"
#include "content.h"
#include "nst.h"
#include "options.h"
#include "style.h"
#include "util.h"

enum {
    MAX_TEACHERS = 8,
    LINE_SECONDS = 10 /* between the lines of progress */
};

typedef struct Settings {
    TextList teachers, content;
    const char *output, *cpu;
    int content_size, frames, cache;
    NstDistillOptions distill;
} Settings;

#define SET(member) offsetof(Settings, member)
#define DISTILL(member) offsetof(Settings, distill.member)

static const Option options[] = {
    {"teacher", 'l', OPTION_LIST, true, SET(teachers), "LOSS", 0, 0,
     "the loss network to learn from; of several, the first that has a layer teaches it"},
    CONTENT_PICTURES_OPTION(SET(content)),
    {"output", 'o', OPTION_TEXT, true, SET(output), "FILE.nsw", 0, 0,
     "the slim loss network"},

    {"width", 0, OPTION_REAL, false, DISTILL(width), "X", 1.0 / 64, 1,
     "its width, as a share of the teacher's"},
    {"steps", 'n', OPTION_INT, false, DISTILL(steps), "N", 1, 1e8,
     "optimiser steps"},
    {"crop", 0, OPTION_INT, false, DISTILL(crop), "PIXELS", 32, 1024,
     "side of the crops, a multiple of 16"},
    {"gram-weight", 0, OPTION_REAL, false, DISTILL(gram_weight), "X", 0, 1e6,
     "weight of the error in Gram matrices, beside that in features"},
    {"lr", 0, OPTION_REAL, false, DISTILL(learning_rate), "X", 1e-9, 10,
     "learning rate of Adam"},
    {"seed", 0, OPTION_SEED, false, DISTILL(seed), "N", 0, 0,
     "of weights, crops, colours and order"},
    {"content-size", 0, OPTION_INT, false, SET(content_size), "PIXELS", 32, 4096,
     "short side that content pictures are scaled to"},
    {"frames", 0, OPTION_INT, false, SET(frames), "N", 1, 1e6,
     "frames taken from each video, evenly spaced"},
    {"cache", 0, OPTION_INT, false, SET(cache), "MIB", 0, 1 << 20,
     "memory for decoded content pictures"},

    {"name", 0, OPTION_TEXT, false, DISTILL(name), "TEXT", 0, 0,
     "the network's name, written into it"},
    {"author", 0, OPTION_TEXT, false, DISTILL(author), "TEXT", 0, 0,
     "its author, and the teacher's"},
    {"licence", 0, OPTION_TEXT, false, DISTILL(licence), "TEXT", 0, 0,
     "its licence, which the teacher's may prescribe"},
    THREADS_OPTION(DISTILL(compute.threads)),
    CPU_OPTION(SET(cpu)),
    {0},
};

static const Command command = {
    .name = "distill",
    .usage = "-l VGG.nsw -c PHOTOS/ -o SLIM.nsw",
    .summary = "Makes a slim loss network that measures nearly as a full VGG-19 does, at a fraction of its cost.",
    .options = options,
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void print_progress(const NstDistillProgress *p, double seconds)
{
    const long left = (long)(seconds / p->step * (p->steps - p->step) + 0.5);
    fprintf(stderr, "step %d/%d  loss %.4f  features", p->step, p->steps, (double)p->total);
    for (int i = 0; i < p->n_layers; i++)
        fprintf(stderr, " %.3f", (double)p->feature[i]);
    fputs("  gram", stderr);
    for (int i = 0; i < p->n_layers; i++)
        fprintf(stderr, " %.4f", (double)p->gram[i]);
    fprintf(stderr, "  rate %.2g  %.2f steps/s  %ld:%02ld:%02ld left\n", (double)p->learning_rate, p->step / seconds,
            left / 3600, left / 60 % 60, left % 60);
}

static int run(NstDistiller *distiller, const char *output, NstError *err)
{
    NstDistillProgress progress = {.steps = 1};
    const double began = now();
    double shown = began;
    while (progress.step < progress.steps) {
        NST_TRY(nst_distiller_step(distiller, &progress, err));
        if (progress.step == 1 || progress.step == progress.steps || now() - shown >= LINE_SECONDS) {
            shown = now();
            print_progress(&progress, shown - began);
        }
    }
    NstModel *loss;
    NST_TRY(nst_distiller_model(distiller, &loss, err));
    const int code = nst_model_save(loss, output, err);
    nst_model_free(&loss);
    return code;
}

static int open_and_run(const Settings *settings, const NstModel *const *teachers, NstError *err)
{
    Content content;
    NstDistiller *distiller = NULL;
    int code = content_open(&content, &settings->content, settings->frames, settings->content_size,
                            (size_t)settings->cache << 20, err);
    if (code == NST_OK)
        code = nst_distiller_open(&distiller, &settings->distill, teachers, settings->teachers.n, content_picture,
                                  &content, content.n, err);
    if (code == NST_OK)
        code = run(distiller, settings->output, err);
    nst_distiller_close(&distiller);
    content_close(&content);
    return code;
}

static int distill(Settings *settings)
{
    NstModel *teachers[MAX_TEACHERS] = {NULL};
    NstError err;
    int code = NST_OK;
    if (settings->cpu && nst_cpu_parse(settings->cpu, &settings->distill.compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    if (settings->teachers.n > MAX_TEACHERS)
        return usage_error(command.name, "--teacher: given %d times, %d at most", settings->teachers.n, MAX_TEACHERS);
    for (int i = 0; i < settings->teachers.n && code == NST_OK; i++)
        code = style_load(&teachers[i], settings->teachers.items[i], &err);
    if (code == NST_OK)
        code = open_and_run(settings, (const NstModel *const *)teachers, &err);
    for (int i = 0; i < MAX_TEACHERS; i++)
        nst_model_free(&teachers[i]);
    return code < 0 ? failure(command.name, "%s", err.message) : EXIT_SUCCESS;
}

int cmd_distill(int argc, char **argv)
{
    Settings settings = {.content_size = 272, .frames = 100, .cache = 512};
    TextList operands;
    nst_distill_defaults(&settings.distill);
    settings.distill.compute.gemm = blas_gemm();
    media_quiet();
    int status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = distill(&settings);
    options_free(&command, &settings, &operands);
    return status;
}
