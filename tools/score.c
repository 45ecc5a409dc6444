/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst score: how well a result keeps its content, takes its style, and moves as its input does. */
#include <stdio.h>
#include <stdlib.h>

#include <nst/nst.h>

#include "blas.h"
#include "common_options.h"
#include "layers.h"
#include "media.h"
#include "nst.h"
#include "score.h"

#define SET(member) offsetof(ScoreSettings, member)

static const Option options[] = {
    {"style", 's', OPTION_TEXT, false, SET(style), "PICTURE", 0, 0,
     "the painting that the results are to look like; needed for pictures"},
    {"content", 'c', OPTION_TEXT, false, SET(content), "PICTURE|DIR", 0, 0,
     "what was painted; a folder: the picture in it that has the result's name"},
    LOSS_OPTION(SET(loss)),
    {"style-layers", 0, OPTION_TEXT, false, SET(style_layers), "A,B,...", 0, 0,
     "layers that the style is compared in"},
    {"content-layers", 0, OPTION_TEXT, false, SET(content_layers), "A,B,...", 0, 0,
     "layers that the content is compared in"},
    {"levels", 0, OPTION_INT, false, SET(levels), "N", 1, NST_MAX_LEVELS,
     "the style is compared in the picture, its half, its quarter ...: this many of them"},
    {"content-level", 0, OPTION_INT, false, SET(content_level), "N", 0, NST_MAX_LEVELS - 1,
     "which of these the content is compared in"},
    {"formula", 0, OPTION_CHOICE, false, SET(formula), "relative|gatys|keras", 0, 0,
     "of the terms: that of nst train, or another's (nst/formula.h); distances do not depend on it"},
    {"style-size", 0, OPTION_INT, false, SET(style_size), "PIXELS", 64, 4096,
     "long side that the painting is made smaller to"},

    {"video", 0, OPTION_FLAG, false, SET(video), "", 0, 0,
     "compare two videos, frame by frame"},
    {"reference", 'r', OPTION_TEXT, false, SET(reference), "VIDEO", 0, 0,
     "the same video painted frame by frame, which the result is compared with"},
    {"flow", 0, OPTION_TEXT, false, SET(flow), "DIR", 0, 0,
     "the input's true motion: 000001.flo (Middlebury) leads from frame 0 to frame 1, and so on; where 000001.pgm is "
     "there too, its black pixels are not seen in the next frame"},
    {"svg", 0, OPTION_TEXT, false, SET(chart), "FILE", 0, 0,
     "draw the warping error over time"},
    {"style-every", 0, OPTION_INT, false, SET(style_every), "N", 1, 1e6,
     "measure the style on every N-th frame"},

    {"json", 0, OPTION_FLAG, false, SET(json), "", 0, 0,
     "JSON, for programs"},
    THREADS_OPTION(SET(compute.threads)),
    CPU_OPTION(SET(cpu)),
    {0},
};

static const Command command = {
    .name = "score",
    .usage = "-s PAINTING [-c PHOTO|DIR] [options] RESULT|DIR ...\n"
             "       nst score --video [-s PAINTING] [-r PERFRAME] [options] INPUT RESULT",
    .summary = "Measures a result against its style and content, layer by layer of the loss network; and how steady a\n"
               "painted video is, and what that cost in style and sharpness.",
    .notes = "By default style is the mean of |G-G*|^2/|G*|^2 over layers and levels, |G-G*|/|G*| that of its root;\n"
             "content the mean squared difference of features over their variance; tv that of neighbouring samples.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1 << 20,
};

int score_print_json(cJSON *root)
{
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (!text)
        return failure(command.name, "out of memory");
    puts(text);
    cJSON_free(text);
    return EXIT_SUCCESS;
}

static int check_settings(ScoreSettings *settings, const TextList *operands)
{
    NstError err;
    if (settings->cpu && nst_cpu_parse(settings->cpu, &settings->compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    if (settings->content_level >= settings->levels)
        return usage_error(command.name, "--content-level %d: less than --levels (%d) expected",
                           settings->content_level, settings->levels);
    if (settings->video && operands->n != 2)
        return usage_error(command.name, "--video: two videos expected, INPUT RESULT; %d given", operands->n);
    if (!settings->video && !settings->style)
        return usage_error(command.name, "--style PICTURE is needed");
    if (!settings->video && (settings->reference || settings->flow || settings->chart))
        return usage_error(command.name, "--reference, --flow and --svg belong to --video");
    return OPTIONS_RUN;
}

static int score(ScoreSettings *settings, const TextList *operands)
{
    char *style_layers = NULL, *content_layers = NULL;
    int status = layers_split(command.name, "style-layers", settings->style_layers, settings->style_list,
                              &style_layers);
    if (status == OPTIONS_RUN)
        status = layers_split(command.name, "content-layers", settings->content_layers, settings->content_list,
                              &content_layers);
    if (status == OPTIONS_RUN)
        status = check_settings(settings, operands);
    if (status == OPTIONS_RUN)
        status = settings->video ? score_video(settings, operands->items[0], operands->items[1])
                                 : score_pictures(settings, operands);
    free(style_layers);
    free(content_layers);
    return status;
}

int cmd_score(int argc, char **argv)
{
    NstTrainOptions train;
    TextList operands;
    char style_layers[LAYERS_TEXT], content_layers[LAYERS_TEXT];
    nst_train_defaults(&train);
    layers_join(train.style_layers, style_layers);
    layers_join(train.content_layers, content_layers);
    ScoreSettings settings = {
        .loss = "vgg-slim",
        .style_layers = style_layers,
        .content_layers = content_layers,
        .levels = train.levels,
        .content_level = train.content_level,
        .style_size = 448,
        .style_every = 25,
        .compute = train.compute,
    };
    settings.compute.gemm = blas_gemm();
    media_quiet();
    int status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = score(&settings, &operands);
    options_free(&command, &settings, &operands);
    return status;
}
