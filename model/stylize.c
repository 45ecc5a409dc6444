/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/stylize.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "nsw.h"
#include "picture.h"
#include "rate.h"
#include "stage.h"
#include "stylize_options.h"
#include "threads.h"
#include "util.h"

enum { AUTO_HEIGHT = 1080, AUTO_MIN_HEIGHT = 180 };

struct NstStylizer {
    NstStyles styles;
    NstModel *own[NST_MAX_STYLES]; /* those of nst_stylizer_switch */
    NstStylizeOptions options;
    NstStage *stage;               /* NULL before the first picture */
    NstBuilder *builder;
    int n_ordered;                 /* styles of a pending switch; 0: none is */
    NstRate rate;
};

static int check_kind(const NstModel *model, NstError *err)
{
    const char *name = metadata_get(&model->metadata, "nst.name");
    if (model->kind != NST_KIND_STYLE)
        return fail(err, NST_EINVAL, "%s is a loss network, for training; a style is expected",
                    name && *name ? name : "the model");
    return NST_OK;
}

int nst_stylizer_open(NstStylizer **out, const NstModel *const *models, int n_models,
                      const NstStylizeOptions *options, NstError *err)
{
    NstStylizeOptions defaults;
    *out = NULL;
    nst_stylize_defaults(&defaults);
    if (!options)
        options = &defaults;
    if (n_models < 1 || n_models > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles: 1 to %d expected", n_models, NST_MAX_STYLES);
    NST_TRY(stylize_options_check(options, n_models, err));
    for (int i = 0; i < n_models; i++)
        NST_TRY(check_kind(models[i], err));
    NstStylizer *stylizer = *out = calloc(1, sizeof(*stylizer));
    if (!stylizer)
        return fail(err, NST_ENOMEM, "out of memory");
    stylizer->styles.n = n_models;
    memcpy(stylizer->styles.models, models, (size_t)n_models * sizeof(*models));
    stylizer->options = *options;
    stylizer->options.compute.threads = threads_count(options->compute.threads);
    rate_begin(&stylizer->rate);
    int code = builder_create(&stylizer->builder, err);
    if (code < 0)
        nst_stylizer_close(out);
    return code;
}

void nst_stylizer_close(NstStylizer **stylizer)
{
    if (!*stylizer)
        return;
    builder_free(&(*stylizer)->builder);
    stage_free(&(*stylizer)->stage);
    nst_styles_free((*stylizer)->own);
    free(*stylizer);
    *stylizer = NULL;
}

int nst_stylizer_change(NstStylizer *stylizer, const NstStylizeOptions *options, NstError *err)
{
    bool for_ordered = stylizer->n_ordered && options->n_mix == stylizer->n_ordered;
    NST_TRY(stylize_options_check(options, for_ordered ? stylizer->n_ordered : stylizer->styles.n, err));
    NstCompute compute = stylizer->options.compute;
    stylizer->options = *options;
    stylizer->options.compute = compute;
    return NST_OK;
}

/* ---- stages ---- */

static NstStageSpec spec_for(const NstStylizer *stylizer, int width, int height, int step)
{
    const NstStylizeOptions *options = &stylizer->options;
    NstStageSpec spec = {.styles = stylizer->styles, .width = width, .height = height, .color = options->color,
                         .temporal = options->temporal > 0 || options->every != 1,
                         .pieces = stylize_paints_pieces(options),
                         .max_memory = options->max_memory, .compute = options->compute};
    int full = size_height(&options->size, height, AUTO_HEIGHT);
    int least = min_int(size_height(&options->min_size, height, AUTO_MIN_HEIGHT), full);
    stage_set_work_height(&spec, options->rate > 0 ? rate_height(step, full, least) : full);
    return spec;
}

static bool same_plans(const NstStageSpec *a, const NstStageSpec *b)
{
    return a->width == b->width && a->height == b->height && a->work_width == b->work_width &&
           a->work_height == b->work_height && a->max_memory == b->max_memory;
}

size_t nst_stylizer_memory(const NstStylizer *stylizer, int width, int height)
{
    if (width < 1 || height < 1 || width > NST_MAX_PICTURE_SIDE || height > NST_MAX_PICTURE_SIDE)
        return 0;
    NstStageSpec spec = spec_for(stylizer, width, height, 0);
    return stage_bytes_for(&spec);
}

static void replace_stage(NstStylizer *stylizer, NstStage *stage)
{
    if (stage && stylizer->stage)
        stage_continue(stage, stylizer->stage);
    stage_free(&stylizer->stage);
    stylizer->stage = stage;
}

static int prepare(NstStylizer *stylizer, int width, int height, NstError *err)
{
    const NstStageSpec *now = stylizer->stage ? stage_spec(stylizer->stage) : NULL;
    if (now && (now->width != width || now->height != height))
        rate_begin(&stylizer->rate);
    NstStageSpec spec = spec_for(stylizer, width, height, stylizer->rate.step);
    if (now && same_plans(now, &spec))
        return NST_OK;
    stage_free(&stylizer->stage);
    return stage_create(&stylizer->stage, &spec, err);
}

/* ---- what the builder makes ---- */

int nst_stylizer_switch(NstStylizer *stylizer, const char *styles, NstError *err)
{
    NstOrder order = {.styles = styles, .step = stylizer->rate.step};
    int n;
    NST_TRY(styles_count(styles, &n, err));
    if (stylizer->stage) {
        const NstStageSpec *now = stage_spec(stylizer->stage);
        order.spec = spec_for(stylizer, now->width, now->height, order.step);
    }
    NST_TRY(builder_order(stylizer->builder, &order, err));
    stylizer->n_ordered = n;
    return NST_OK;
}

static void take_delivery(NstStylizer *stylizer, NstFrameReport *report)
{
    NstDelivery delivery;
    if (!builder_take(stylizer->builder, &delivery))
        return;
    if (delivery.has_styles)
        stylizer->n_ordered = 0;
    if (delivery.error.code != NST_OK) {
        if (delivery.has_styles)
            report->switch_error = delivery.error;
        delivery_free(&delivery);
        return;
    }
    replace_stage(stylizer, delivery.stage);
    rate_changed(&stylizer->rate, delivery.step);
    if (!delivery.has_styles)
        return;
    nst_styles_free(stylizer->own);
    memcpy(stylizer->own, delivery.models, sizeof(stylizer->own));
    stylizer->styles.n = delivery.n_models;
    for (int i = 0; i < delivery.n_models; i++)
        stylizer->styles.models[i] = delivery.models[i];
    report->switched = 1;
}

/* After a picture: orders a stage of another working size where the rate wants one. */
static void hold_rate(NstStylizer *stylizer, double seconds)
{
    const NstStageSpec *now = stage_spec(stylizer->stage);
    NstRate *rate = &stylizer->rate;
    int full = spec_for(stylizer, now->width, now->height, 0).work_height;
    int least = spec_for(stylizer, now->width, now->height, RATE_MAX_STEP).work_height;
    int step = rate_decide(rate, seconds, stylizer->options.rate, full, least);
    if (step == rate->step || !builder_is_idle(stylizer->builder))
        return;
    NstOrder order = {.spec = spec_for(stylizer, now->width, now->height, step), .step = step};
    builder_order(stylizer->builder, &order, NULL); /* where it fails, the next picture tries again */
}

/* ---- a picture ---- */

static int check_pictures(const NstPicture *in, const NstPicture *out, const NstFrameInfo *info, NstError *err)
{
    NST_TRY(picture_check(in, "input picture", err));
    NST_TRY(picture_check(out, "output picture", err));
    if (!picture_same_format(in, out))
        return fail(err, NST_EINVAL, "the output picture must have the input's size and format");
    if (info && info->struct_size != sizeof(*info))
        return fail(err, NST_EINVAL, "frame info of %zu bytes: %zu expected", info->struct_size, sizeof(*info));
    if (info && (info->n_vectors < 0 || (info->n_vectors && !info->vectors)))
        return fail(err, NST_EINVAL, "frame info: %d motion vectors at %p", info->n_vectors,
                    (const void *)info->vectors);
    return NST_OK;
}

/* What is asked for, and how it went */
typedef struct Request {
    NstStylizer *stylizer;
    const NstPicture *in, *out;
    const NstFrameInfo *info;
    NstFrameReport *report;
    NstError *err;
    int code;
} Request;

static void paint_together(void *arg)
{
    Request *ask = arg;
    ask->code = stage_paint(ask->stylizer->stage, ask->in, ask->out, &ask->stylizer->options, ask->info, ask->report,
                            ask->err);
}

static int paint(Request *ask)
{
    NstStylizer *stylizer = ask->stylizer;
    const NstTeam team = team_of(&stylizer->options.compute);
    NST_TRY(prepare(stylizer, ask->in->width, ask->in->height, ask->err));
    double start = seconds_now();
    team_together(&team, paint_together, ask);
    if (ask->code == NST_OK && stylizer->options.rate > 0)
        hold_rate(stylizer, seconds_now() - start);
    return ask->code;
}

int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, const NstFrameInfo *info,
                         NstFrameReport *report, NstError *err)
{
    NstFrameReport unwanted;
    report = report ? report : &unwanted;
    memset(report, 0, sizeof(*report));
    NST_TRY(check_pictures(in, out, info, err));
    double start = seconds_now();
    take_delivery(stylizer, report);
    if (stylizer->options.strength == 0.0f)
        for (int band = 0; band < picture_bands(in); band++)
            picture_copy_band(out, in, band);
    else
        NST_TRY(paint(&(Request){stylizer, in, out, info, report, err, NST_OK}));
    report->seconds = seconds_now() - start;
    return NST_OK;
}
