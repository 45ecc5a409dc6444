/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_OPTIMIZE_H
#define NST_TOOLS_OPTIMIZE_H

#include <nst/optimize.h>

#include "options.h"

/* What `nst optimize` was asked for. Texts belong to the caller; NULL: not given. */
typedef struct OptimizeSettings {
    const char *preset, *content, *loss, *output, *init, *mix;
    TextList styles, where, from;              /* masks: "-" is none */
    const char *style_layers, *content_layers; /* as text; optimize.c has them split */
    int size, max_memory;                      /* MiB */
    const char *log, *plot, *preview_folder, *cpu;
    int preview_every;
    int frame_iterations; /* of the frames of a video after the first */
    bool fixed_step;
    float weights[NST_MAX_STYLES];
    NstOptimizeOptions how;
} OptimizeSettings;

/* The whole run, of a picture or a video; returns the exit status. */
int optimize_run(const OptimizeSettings *settings);

#endif
