/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_SCORE_H
#define NST_TOOLS_SCORE_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "loss.h"
#include "options.h"

/* What the parts of nst score share: score.c reads the command line, score_picture.c and score_video.c measure. */

typedef struct ScoreSettings {
    const char *loss, *style, *content, *reference, *flow, *chart, *cpu;
    const char *style_layers, *content_layers;     /* as given */
    const char *style_list[NST_MAX_LAYERS], *content_list[NST_MAX_LAYERS];
    int style_size, style_every, levels, content_level;
    int formula; /* NstFormula */
    bool video, json;
    NstCompute compute;
} ScoreSettings;

/* Exit statuses. */
int score_pictures(const ScoreSettings *settings, const TextList *results);
int score_video(const ScoreSettings *settings, const char *input, const char *result);

/* ---- the loss of pictures of any size against one style ---- */

typedef struct LossScore {
    const ScoreSettings *settings;
    NstModel *network;
    NstImage style;
    NstLoss *loss; /* for the size of the last picture */
    int width, height;
} LossScore;

int loss_score_open(LossScore *score, const ScoreSettings *settings, NstError *err);
void loss_score_close(LossScore *score);

/* content NULL: there is no content term. It has the size of the result. */
int loss_score_terms(LossScore *score, const NstImage *result, const NstImage *content, NstLossTerms *terms,
                     NstError *err);

/* The relative style distance: mean over levels and style layers of |G - G*| / |G*| (Frobenius norms) */
double loss_score_distance(const LossScore *score, const NstLossTerms *terms);

/* Prints, and frees; the exit status. */
int score_print_json(cJSON *root);

#endif
