/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_RUN_H
#define NST_TOOLS_TRAIN_RUN_H

#include <nst/train.h>

#include "content.h"

/* What `nst train` was asked for. Texts belong to the caller; NULL: not given. */
typedef struct TrainSettings {
    const char *loss, *init, *output, *mix;
    TextList styles, content;
    float weights[NST_MAX_STYLES]; /* of the styles; from mix */
    int style_size, content_size, frames, cache;
    const char *style_layers, *content_layers; /* as text; train has them split */
    const char *checkpoint;
    int checkpoint_every;
    bool resume;
    float minutes; /* 0: as long as it takes */
    const char *preview, *preview_folder, *log, *cpu;
    int preview_every;
    const char *look; /* applied by train */
    const char *report; /* the page that follows the run */
    char *command_line; /* as it was typed */
    char *command_record; /* the same with names of files in place of their paths, for the style's metadata */
    NstTrainOptions train;
} TrainSettings;

/* The whole run; returns the exit status. */
int train_run(const TrainSettings *settings);

#endif
