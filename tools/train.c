/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nst/nst.h>

#include "blas.h"
#include "common_options.h"
#include "layers.h"
#include "mix.h"
#include "mpirun.h"
#include "nst.h"
#include "optim_options.h"
#include "options.h"
#include "train_run.h"
#include "util.h"

#define SET(member) offsetof(TrainSettings, member)
enum { DEFAULT_STEPS = 2000 }; /* where there is no --minutes */

static const char PROSE[] = "TEXT"; /* the value of options that are read by people only */

#define TRAIN(member) offsetof(TrainSettings, train.member)

static const Option options[] = {
    {"style", 's', OPTION_LIST, true, SET(styles), "PICTURE", 0, 0,
     "the painting; may be given several times, for a style between them"},
    {"mix", 0, OPTION_TEXT, false, SET(mix), "A|B|...", 0, 0,
     "weights of several paintings: 0.7|0.3"},
    CONTENT_PICTURES_OPTION(SET(content)),
    LOSS_OPTION(SET(loss)),
    {"output", 'o', OPTION_TEXT, true, SET(output), "FILE.nsw", 0, 0,
     "the trained style"},

    {"look", 0, OPTION_TEXT, false, SET(look), "LOOK,...", 0, 0,
     "fine or broad, faithful or free, soft: see below; other options change what a look sets"},
    {"init", 0, OPTION_TEXT, false, SET(init), "auto|none|STYLE", 0, 0,
     "the style of the same network to begin with: the nearest of those that have a name, none (at random), or this one"},
    {"arch", 0, OPTION_CHOICE, false, TRAIN(arch), "fast|johnson|fast-hd", 0, 0,
     "the network: fast for video, fast-hd for large video, johnson as in Johnson et al. 2016"},
    {"steps", 'n', OPTION_INT, false, TRAIN(steps), "N", 0, NST_MAX_STEPS,
     "optimiser steps; 0: 2000, or as many as --minutes has time for"},
    {"minutes", 'm', OPTION_REAL, false, SET(minutes), "N", 0, 1e6,
     "plan the steps so that the command is over in so many minutes; 0: not"},
    {"stop", 0, OPTION_REAL, false, TRAIN(stop), "X", 0, 1,
     "let the rate fall at once, and end, when the mean loss of --stop-window steps is not below that of those before by "
     "this share; 0: never"},
    {"stop-window", 0, OPTION_INT, false, TRAIN(stop_window), "N", 1, 1e6,
     "steps"},
    {"batch", 'b', OPTION_INT, false, TRAIN(batch), "N", 0, 1024,
     "crops a step, of all ranks together under mpirun; 0: one for each, and 1 without"},
    {"crop", 0, OPTION_INT, false, TRAIN(crop), "PIXELS", 32, 1024,
     "side of the crops"},
    {"style-size", 0, OPTION_INT, false, SET(style_size), "PIXELS", 64, 4096,
     "long side that the painting is made smaller to; strokes get smaller with it"},
    {"content-size", 0, OPTION_INT, false, SET(content_size), "PIXELS", 32, 4096,
     "short side that content pictures are scaled to"},
    {"frames", 0, OPTION_INT, false, SET(frames), "N", 1, 1e6,
     "frames taken from each video, evenly spaced"},

    {"levels", 0, OPTION_INT, false, TRAIN(levels), "N", 1, 6,
     "pyramid levels of the style loss"},
    {"content-level", 0, OPTION_INT, false, TRAIN(content_level), "N", 0, 5,
     "pyramid level of the content loss"},
    {"style-layers", 0, OPTION_TEXT, false, SET(style_layers), "A,B,...", 0, 0,
     "layers of the style loss"},
    {"content-layers", 0, OPTION_TEXT, false, SET(content_layers), "A,B,...", 0, 0,
     "layers of the content loss"},
    {"style-weight", 0, OPTION_REAL, false, TRAIN(style_weight), "X", 0, 1e12,
     "weight of the style loss"},
    {"content-weight", 0, OPTION_REAL, false, TRAIN(content_weight), "X", 0, 1e12,
     "weight of the content loss"},
    {"tv-weight", 0, OPTION_REAL, false, TRAIN(tv_weight), "X", 0, 1e12,
     "weight of the total variation"},
    {"stability", 0, OPTION_REAL, false, TRAIN(stability_weight), "X", 0, 1e12,
     "weight of steadiness under small motions, changes of light and noise, for video; 0: not trained for"},

    {"optimizer", 0, OPTION_CHOICE, false, TRAIN(optimizer), "adam|sgd|rmsprop", 0, 0,
     "how the weights move"},
    {"lr", 0, OPTION_REAL, false, TRAIN(learning_rate), "X", 0, 10,
     "learning rate; 0: what suits optimiser and network"},
    {"output-lr-scale", 0, OPTION_REAL, false, TRAIN(output_lr_scale), "X", 0, 100,
     "its factor for the output convolution; 0: what suits the network"},
    OPTIM_OPTIONS(TRAIN),
    {"clip-norm", 0, OPTION_REAL, false, TRAIN(clip_norm), "X", 0, 1e12,
     "longest gradient; 0: any"},
    {"seed", 0, OPTION_SEED, false, TRAIN(seed), "N", 0, 0,
     "of weights, crops and order"},

    {"checkpoint", 0, OPTION_TEXT, false, SET(checkpoint), "FILE", 0, 0,
     "where the run's state is kept; OUTPUT.ckpt if not given"},
    {"checkpoint-every", 0, OPTION_INT, false, SET(checkpoint_every), "N", 1, 1e8,
     "steps from one checkpoint to the next"},
    {"resume", 'r', OPTION_FLAG, false, SET(resume), "", 0, 0,
     "go on from the checkpoint; without one, begin"},
    {"preview", 0, OPTION_TEXT, false, SET(preview), "PICTURE", 0, 0,
     "painted from time to time, to watch the training"},
    {"preview-every", 0, OPTION_INT, false, SET(preview_every), "N", 1, 1e8,
     "steps from one preview to the next"},
    {"preview-dir", 0, OPTION_TEXT, false, SET(preview_folder), "DIR", 0, 0,
     "where previews go"},
    {"report", 0, OPTION_TEXT, false, SET(report), "FILE.html", 0, 0,
     "a page to follow the run in a browser: curves, previews, time left; written every --preview-every steps"},
    {"log", 0, OPTION_TEXT, false, SET(log), "FILE.csv", 0, 0,
     "a row of figures for each step"},

    {"name", 0, OPTION_TEXT, false, TRAIN(name), PROSE, 0, 0,
     "the style's name, written into it"},
    {"author", 0, OPTION_TEXT, false, TRAIN(author), PROSE, 0, 0,
     "its author"},
    {"licence", 0, OPTION_TEXT, false, TRAIN(licence), PROSE, 0, 0,
     "its licence"},
    {"cache", 0, OPTION_INT, false, SET(cache), "MIB", 0, 1 << 20,
     "memory for decoded content pictures"},
    THREADS_OPTION(TRAIN(compute.threads)),
    CPU_OPTION(SET(cpu)),
    {0},
};

static const Command command = {
    .name = "train",
    .usage = "-s PAINTING -c PHOTOS/ -o STYLE.nsw",
    .summary = "Trains a style: a network that paints any picture in the manner of one painting.",
    .notes = "A run that was stopped, by Ctrl-C or otherwise, goes on with --resume and the same options, and ends\n"
             "with the same bits as one that was not. The checkpoint is removed when the style is done.",
    .options = options,
};

static int check_settings(TrainSettings *settings)
{
    NstError err;
    if (settings->cpu && nst_cpu_parse(settings->cpu, &settings->train.compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    if (settings->train.content_level >= settings->train.levels)
        return usage_error(command.name, "--content-level %d: less than --levels (%d) expected",
                           settings->train.content_level, settings->train.levels);
    if (settings->train.crop > settings->content_size)
        return usage_error(command.name, "--crop %d: at most --content-size (%d) expected", settings->train.crop,
                           settings->content_size);
    if (settings->minutes > 0 && settings->train.schedule.decay == NST_DECAY_COSINE && settings->train.schedule.hold <= 0)
        return usage_error(command.name, "--minutes: --hold above 0 expected, for steps are planned while the rate is full");
    if (settings->train.steps == 0)
        settings->train.steps = settings->minutes > 0 ? NST_MAX_STEPS : DEFAULT_STEPS;
    return mix_option(command.name, settings->mix, settings->styles.n, settings->weights);
}

/* Whether argument i is a text for people, of --name and the like, rather than a file or a number */
static bool is_prose(char **argv, int i)
{
    for (const Option *option = options; option->name; option++) {
        const size_t length = strlen(option->name);
        if (strcmp(option->value, PROSE))
            continue;
        if (i > 0 && !strncmp(argv[i - 1], "--", 2) && !strcmp(argv[i - 1] + 2, option->name))
            return true;
        if (!strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, option->name, length) && argv[i][2 + length] == '=')
            return true;
    }
    return false;
}

static void put_quoted(FILE *stream, const char *text)
{
    const bool plain = text[0] && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                     "0123456789_-+=:,./@%")];
    fputs(plain ? "" : "'", stream);
    for (const char *c = text; *c; c++)
        if (*c == '\'')
            fputs("'\\''", stream);
        else
            fputc(*c, stream);
    fputs(plain ? "" : "'", stream);
}

/*
 * The command as it was typed; less --resume, which does not change what comes out. `record`: for the style's metadata,
 * which shall not tell the folders of the machine that it was made on.
 */
static char *command_line(int argc, char **argv, bool record)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs("nst", stream);
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--resume") && strcmp(argv[i], "-r")) {
            const char *value = !strncmp(argv[i], "--", 2) ? strchr(argv[i], '=') : NULL; /* --log=a/b.csv */
            if (record && value && !is_prose(argv, i)) {
                fprintf(stream, " %.*s", (int)(value + 1 - argv[i]), argv[i]);
                put_quoted(stream, file_name(value + 1));
            } else {
                fputc(' ', stream);
                put_quoted(stream, record && !is_prose(argv, i) ? file_name(argv[i]) : argv[i]);
            }
        }
    return fclose(stream) ? (free(text), NULL) : text;
}

/* Finds the other ranks, where mpirun has started several. */
static int join_ranks(TrainSettings *settings)
{
    NstTrainOptions *o = &settings->train;
    NstError err;
    if (mpirun_join(&o->ranks, &err) < 0)
        return failure(command.name, "%s", err.message);
    if (o->batch == 0)
        o->batch = o->ranks.count;
    if (o->compute.threads == 0)
        o->compute.threads = mpirun_threads(&o->ranks);
    if (o->batch >= o->ranks.count)
        return OPTIONS_RUN;
    return o->ranks.rank > 0 ? EXIT_USAGE : usage_error(command.name, "--batch %d: at least one crop for each of %d ranks "
                                                        "expected", o->batch, o->ranks.count);
}

static int train(TrainSettings *settings, int argc, char **argv)
{
    char *style_layers = NULL, *content_layers = NULL, *checkpoint = NULL;
    int status = layers_split(command.name, "style-layers", settings->style_layers, settings->train.style_layers,
                              &style_layers);
    if (status == OPTIONS_RUN)
        status = layers_split(command.name, "content-layers", settings->content_layers,
                              settings->train.content_layers, &content_layers);
    if (status == OPTIONS_RUN)
        status = check_settings(settings);
    if (status == OPTIONS_RUN)
        status = join_ranks(settings);
    if (status == OPTIONS_RUN) {
        if (!settings->checkpoint && asprintf(&checkpoint, "%s.ckpt", settings->output) >= 0)
            settings->checkpoint = checkpoint;
        settings->command_line = command_line(argc, argv, false);
        settings->command_record = command_line(argc, argv, true);
        if (settings->checkpoint && settings->command_line && settings->command_record)
            status = train_run(settings);
        else
            status = failure(command.name, "out of memory");
        free(settings->command_line);
        free(settings->command_record);
    }
    mpirun_leave(&settings->train.ranks);
    free(checkpoint);
    free(style_layers);
    free(content_layers);
    return status;
}

/* The looks come first, wherever they stand: other options change what they set. */
static int apply_looks(TrainSettings *settings, int argc, char **argv)
{
    const char *names = options_find(argc, argv, "look", 0);
    NstError err;
    if (names && nst_train_look(&settings->train, &settings->style_size, names, &err) < 0)
        return usage_error(command.name, "--look: %s", err.message);
    return OPTIONS_RUN;
}

/* The notes with a line for each look behind them */
static void write_notes(char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s\n\nLooks:", command.notes);
    for (const NstLook *look = nst_train_looks(); look->name && used < size; look++)
        used += (size_t)snprintf(text + used, size - used, "\n  %-10s%s", look->name, look->about);
}

int cmd_train(int argc, char **argv)
{
    TrainSettings settings = {
        .loss = "vgg-slim",
        .style_size = 448,
        .content_size = 272,
        .frames = 100,
        .checkpoint_every = 100,
        .preview_every = 100,
        .init = "auto",
        .preview_folder = ".",
        .cache = 512,
    };
    TextList operands;
    char style_layers[LAYERS_TEXT], content_layers[LAYERS_TEXT], notes[2048];
    Command with_looks = command;
    nst_train_defaults(&settings.train);
    settings.train.steps = 0;
    layers_join(settings.train.style_layers, style_layers);
    layers_join(settings.train.content_layers, content_layers);
    settings.style_layers = style_layers;
    settings.content_layers = content_layers;
    settings.train.batch = 0;
    settings.train.compute.gemm = blas_gemm();
    media_quiet();
    write_notes(notes, sizeof(notes));
    with_looks.notes = notes;
    int status = apply_looks(&settings, argc, argv);
    if (status != OPTIONS_RUN)
        return status;
    status = options_parse(&with_looks, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = train(&settings, argc, argv);
    options_free(&command, &settings, &operands);
    return status;
}
