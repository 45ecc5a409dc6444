/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "optimize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nst/nst.h>

#include "blas.h"
#include "common_options.h"
#include "layers.h"
#include "media.h"
#include "mix.h"
#include "nst.h"
#include "optim_options.h"
#include "style.h"
#include "util.h"

#define SET(member) offsetof(OptimizeSettings, member)
#define HOW(member) offsetof(OptimizeSettings, how.member)

static const Option options[] = {
    {"content", 'c', OPTION_TEXT, true, SET(content), "FILE", 0, 0,
     "the picture to paint, or a video, or numbered pictures of one: in/%04d.png"},
    {"style", 's', OPTION_LIST, true, SET(styles), "PICTURE", 0, 0,
     "a painting; may be given several times"},
    LOSS_OPTION(SET(loss)),
    {"output", 'o', OPTION_TEXT, true, SET(output), "FILE", 0, 0,
     "the result: png, jpg, webp, ppm or pam; of a video mp4, mkv, mov, or numbered pictures: out/%04d.png"},
    {"preset", 'p', OPTION_TEXT, false, SET(preset), "NAME", 0, 0,
     "nst, gatys2016, keras or survey: formula, layers, weights, optimiser; options change it"},

    {"size", 0, OPTION_INT, false, SET(size), "PIXELS", 0, 32768,
     "long side that the content is made smaller to; 0: its own size"},
    {"style-scale", 0, OPTION_REAL, false, HOW(style_scale), "X", 0.05, 20,
     "long side of the painting beside the content's; strokes grow with it"},
    {"style-fit", 0, OPTION_CHOICE, false, HOW(style_fit), "side|content", 0, 0,
     "whether the painting keeps its shape, or takes the content's size"},
    {"mix", 0, OPTION_TEXT, false, SET(mix), "A|B|...", 0, 0,
     "weights of several paintings: 0.7|0.3"},
    {"mask", 0, OPTION_LIST, false, SET(where), "PICTURE", 0, 0,
     "where the first painting goes, then the second ...: white there, black not; - is everywhere"},
    {"style-mask", 0, OPTION_LIST, false, SET(from), "PICTURE", 0, 0,
     "the part of the first painting to learn from, then of the second ...; - is all"},
    {"color", 0, OPTION_CHOICE, false, HOW(color), "style|content|match", 0, 0,
     "whose colours: content paints luma alone, match gives the painting the content's colours first"},
    {"init", 0, OPTION_TEXT, false, SET(init), "PICTURE", 0, 0,
     "begin with this picture; --start picture follows from it"},
    {"start", 0, OPTION_CHOICE, false, HOW(start), "content|noise|picture", 0, 0,
     "what to begin with"},
    {"seed", 0, OPTION_SEED, false, HOW(seed), "N", 0, 0,
     "of the noise"},

    {"style-layers", 0, OPTION_TEXT, false, SET(style_layers), "A,B:W,...", 0, 0,
     "layers of the style loss, each with a weight behind a colon where it is not 1"},
    {"content-layers", 0, OPTION_TEXT, false, SET(content_layers), "A,B:W,...", 0, 0,
     "layers of the content loss, likewise"},
    {"formula", 0, OPTION_CHOICE, false, HOW(formula), "relative|gatys|keras", 0, 0,
     "how the terms are normalised"},
    {"levels", 0, OPTION_INT, false, HOW(levels), "N", 1, 6,
     "pyramid levels of the style loss"},
    {"content-level", 0, OPTION_INT, false, HOW(content_level), "N", 0, 5,
     "pyramid level of the content loss"},
    {"style-weight", 0, OPTION_REAL, false, HOW(style_weight), "X", 0, 1e12,
     "weight of the style loss"},
    {"content-weight", 0, OPTION_REAL, false, HOW(content_weight), "X", 0, 1e12,
     "weight of the content loss"},
    {"tv-weight", 0, OPTION_REAL, false, HOW(tv_weight), "X", 0, 1e12,
     "weight of the total variation"},
    {"photo-weight", 0, OPTION_REAL, false, HOW(photo_weight), "X", 0, 1e12,
     "weight of the matting Laplacian, which keeps the photo's edges; 0: not"},
    {"temporal-weight", 0, OPTION_REAL, false, HOW(temporal_weight), "X", 0, 1e12,
     "weight of the difference of a video's frame from the last one, moved as the content moves; 0: not"},
    {"pool", 0, OPTION_CHOICE, false, HOW(pool), "network|max|average", 0, 0,
     "pools of the loss network"},
    {"edge", 0, OPTION_CHOICE, false, HOW(edge), "network|zero|reflect|replicate", 0, 0,
     "what its convolutions see beyond the edge"},

    {"optimizer", 0, OPTION_CHOICE, false, HOW(optimizer), "adam|sgd|rmsprop|lbfgs", 0, 0,
     "how the pixels move; lbfgs has none of the schedule below"},
    {"iterations", 'n', OPTION_INT, false, HOW(iterations), "N", 1, 1e6,
     "at each size"},
    {"frame-iterations", 0, OPTION_INT, false, SET(frame_iterations), "N", 1, 1e6,
     "of the frames of a video that follow another, at the last size"},
    {"scales", 0, OPTION_INT, false, HOW(scales), "N", 1, 10,
     "sizes from coarse to fine, each twice the one before"},
    {"lr", 0, OPTION_REAL, false, HOW(learning_rate), "X", 0, 1e12,
     "learning rate, in levels of 0 to 255; 0: what suits the optimiser"},
    OPTIM_OPTIONS(HOW),
    {"history", 0, OPTION_INT, false, HOW(history), "N", 1, 1000,
     "steps that L-BFGS remembers"},
    {"fixed-step", 0, OPTION_FLAG, false, SET(fixed_step), "", 0, 0,
     "L-BFGS without a line search"},
    {"stop", 0, OPTION_REAL, false, HOW(stop), "X", 0, 1,
     "stop when the loss falls by less than this share in --stop-window iterations; 0: never"},
    {"stop-window", 0, OPTION_INT, false, HOW(stop_window), "N", 1, 1e6,
     "iterations"},

    {"log", 0, OPTION_TEXT, false, SET(log), "FILE.csv", 0, 0,
     "a row of figures for each iteration"},
    {"plot", 0, OPTION_TEXT, false, SET(plot), "FILE.svg", 0, 0,
     "the terms of the loss over the iterations, as a picture"},
    {"preview-every", 0, OPTION_INT, false, SET(preview_every), "N", 0, 1e6,
     "iterations from one preview to the next; 0: none"},
    {"preview-dir", 0, OPTION_TEXT, false, SET(preview_folder), "DIR", 0, 0,
     "where previews go"},
    {"maxmem", 0, OPTION_INT, false, SET(max_memory), "MIB", 0, 1 << 24,
     "memory for the loss network and for L-BFGS; larger pictures are taken in tiles. 0: no bound"},
    THREADS_OPTION(HOW(compute.threads)),
    CPU_OPTION(SET(cpu)),
    {0},
};

static const Command command = {
    .name = "optimize",
    .usage = "-c PHOTO -s PAINTING -o OUT.png",
    .summary = "Paints one picture by moving its pixels down the gradient of a loss network (Gatys et al. 2016),\n"
               "or a video, each frame from the one before (Ruder et al. 2016).",
    .notes = "Layers have the names of any vocabulary: relu4_1, conv4_1 (before the activation), block4_conv1.\n"
             "Ctrl-C ends the run after its iteration and writes the picture as it is then; of a video, the frames\n"
             "before. Transparency stays. A painted video has no sound; the source's can be put under it:\n"
             "ffmpeg -i painted.mp4 -i source.mp4 -map 0:v -map 1:a -c copy out.mp4",
    .options = options,
};

/* "relu1_1:0.5" in the split list: the weight behind the colon is cut off. */
static int take_weights(const char *option, const char *list[NST_MAX_LAYERS], float weights[NST_MAX_LAYERS])
{
    for (int i = 0; i < NST_MAX_LAYERS && list[i]; i++) {
        char *colon = strchr((char *)list[i], ':'), *end;
        weights[i] = 1;
        if (!colon)
            continue;
        *colon = 0;
        weights[i] = strtof(colon + 1, &end);
        if (end == colon + 1 || *end || !(weights[i] >= 0 && weights[i] <= 1e12f))
            return usage_error(command.name, "--%s %s:%s: a weight of 0 or more expected", option, list[i], colon + 1);
    }
    return OPTIONS_RUN;
}

static int read_layers(const char *option, const char *text, const char *list[NST_MAX_LAYERS],
                       float weights[NST_MAX_LAYERS], char **copy)
{
    if (!*text) {
        memset(list, 0, NST_MAX_LAYERS * sizeof(*list));
        return OPTIONS_RUN;
    }
    const int status = layers_split(command.name, option, text, list, copy);
    return status == OPTIONS_RUN ? take_weights(option, list, weights) : status;
}

static int check_styles(OptimizeSettings *settings)
{
    const int n = settings->styles.n;
    if (settings->where.n > n || settings->from.n > n)
        return usage_error(command.name, "more masks than paintings");
    return mix_option(command.name, settings->mix, n, settings->weights);
}

static int check_settings(OptimizeSettings *settings)
{
    NstError err;
    if (settings->cpu && nst_cpu_parse(settings->cpu, &settings->how.compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    if (settings->how.content_level >= settings->how.levels)
        return usage_error(command.name, "--content-level %d: less than --levels (%d) expected",
                           settings->how.content_level, settings->how.levels);
    if (settings->init)
        settings->how.start = NST_START_PICTURE;
    else if (settings->how.start == NST_START_PICTURE)
        return usage_error(command.name, "--start picture: --init PICTURE is needed");
    settings->how.line_search = !settings->fixed_step;
    settings->how.max_memory = (size_t)settings->max_memory << 20;
    return check_styles(settings);
}

static int run(OptimizeSettings *settings)
{
    char *style_layers = NULL, *content_layers = NULL;
    int status = check_settings(settings);
    if (status == OPTIONS_RUN)
        status = read_layers("style-layers", settings->style_layers, settings->how.style_layers,
                             settings->how.style_layer_weights, &style_layers);
    if (status == OPTIONS_RUN)
        status = read_layers("content-layers", settings->content_layers, settings->how.content_layers,
                             settings->how.content_layer_weights, &content_layers);
    if (status == OPTIONS_RUN)
        status = optimize_run(settings);
    free(style_layers);
    free(content_layers);
    return status;
}

/*
 * A published recipe with a network that is not the one it was published for: the loss of preset nst in its place. A
 * network that cannot be read is refused later, where all files are.
 */
static void fit_preset(OptimizeSettings *settings, const char *preset, const char *name)
{
    const char *loss = name ? name : settings->loss;
    NstModel *model;
    NstError err;
    if (style_load(&model, loss, &err) < 0)
        return;
    if (!nst_optimize_fit(&settings->how, model))
        fprintf(stderr,
                "nst optimize: loss network %s has not all layers of preset %s as VGG-19 has them: the loss of\n"
                "    preset nst is used in its place. For the recipe itself, --loss with the whole of VGG-19 (nst convert)\n",
                loss, preset);
    nst_model_free(&model);
}

/* The preset comes first, wherever it stands: other options change what it sets. */
static int apply_preset(OptimizeSettings *settings, int argc, char **argv)
{
    const char *name = options_find(argc, argv, "preset", 'p');
    NstError err;
    if (!name)
        return OPTIONS_RUN;
    if (nst_optimize_preset(&settings->how, name, &err) < 0)
        return usage_error(command.name, "--preset: %s", err.message);
    if (strcmp(name, "nst"))
        fit_preset(settings, name, options_find(argc, argv, "loss", 'l'));
    return OPTIONS_RUN;
}

int cmd_optimize(int argc, char **argv)
{
    OptimizeSettings settings = {.preset = "nst", .loss = "vgg-slim", .size = 512, .preview_folder = ".",
                                 .frame_iterations = 100};
    char style_layers[LAYERS_TEXT], content_layers[LAYERS_TEXT];
    TextList operands = {0};
    nst_optimize_defaults(&settings.how);
    int status = apply_preset(&settings, argc, argv);
    if (status != OPTIONS_RUN)
        return status;
    layers_join(settings.how.style_layers, style_layers);
    layers_join(settings.how.content_layers, content_layers);
    settings.style_layers = style_layers;
    settings.content_layers = content_layers;
    settings.how.compute.gemm = blas_gemm();
    media_quiet();
    status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = run(&settings);
    options_free(&command, &settings, &operands);
    return status;
}
