/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "media.h"
#include "score.h"
#include "style.h"
#include "util.h"

int loss_score_open(LossScore *score, const ScoreSettings *settings, NstError *err)
{
    const MediaWish wish = {.long_max = settings->style_size};
    *score = (LossScore){.settings = settings};
    int code = style_load(&score->network, settings->loss, err);
    if (code == NST_ENOTFOUND)
        fail_within(err, code, "the loss network: --loss names a .nsw file that nst convert made of VGG weights");
    if (code == NST_OK)
        code = media_read_image(&score->style, settings->style, &wish, err);
    if (code < 0)
        loss_score_close(score);
    return code;
}

void loss_score_close(LossScore *score)
{
    loss_free(&score->loss);
    nst_image_free(&score->style);
    nst_model_free(&score->network);
}

static int plan_size(LossScore *score, const NstImage *result, bool with_content, NstError *err)
{
    static const char *const none[] = {NULL};
    const ScoreSettings *settings = score->settings;
    const NstLossOptions options = {.formula = (NstFormula)settings->formula,
                                    .levels = settings->levels,
                                    .content_level = settings->content_level,
                                    .style_layers = settings->style_list,
                                    .content_layers = with_content ? settings->content_list : none,
                                    .style_weight = 1,
                                    .content_weight = 1,
                                    .tv_weight = 1,
                                    .values_only = true,
                                    .compute = settings->compute};
    if (score->loss && score->width == result->width && score->height == result->height)
        return NST_OK;
    loss_free(&score->loss);
    score->width = result->width;
    score->height = result->height;
    NST_TRY(loss_create(&score->loss, score->network, result->height, result->width, &options, err));
    const int code = loss_set_style(score->loss, &score->style, err);
    if (code < 0) {
        loss_free(&score->loss);
        return fail_within(err, code, "%s", settings->style);
    }
    return NST_OK;
}

int loss_score_terms(LossScore *score, const NstImage *result, const NstImage *content, NstLossTerms *terms,
                     NstError *err)
{
    NST_TRY(plan_size(score, result, content != NULL, err));
    if (content)
        loss_set_content(score->loss, content->data);
    return loss_evaluate(score->loss, result->data, terms, NULL, err);
}

double loss_score_distance(const LossScore *score, const NstLossTerms *terms)
{
    double sum = 0;
    int n = 0;
    for (int l = 0; l < score->settings->levels; l++)
        for (int i = 0; score->settings->style_list[i]; i++, n++)
            sum += sqrt(terms->style_parts[l][i].error / terms->style_parts[l][i].norm);
    return sum / n;
}
