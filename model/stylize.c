/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/stylize.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nsw.h"
#include "picture.h"
#include "stage.h"
#include "stylize_options.h"
#include "threads.h"
#include "util.h"

struct NstStylizer {
    NstStyles styles;
    NstStylizeOptions options;
    NstStage *stage; /* NULL before the first picture */
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
    return NST_OK;
}

void nst_stylizer_close(NstStylizer **stylizer)
{
    if (!*stylizer)
        return;
    stage_free(&(*stylizer)->stage);
    free(*stylizer);
    *stylizer = NULL;
}

int nst_stylizer_change(NstStylizer *stylizer, const NstStylizeOptions *options, NstError *err)
{
    NST_TRY(stylize_options_check(options, stylizer->styles.n, err));
    NstCompute compute = stylizer->options.compute;
    stylizer->options = *options;
    stylizer->options.compute = compute;
    return NST_OK;
}

int nst_stylizer_switch(NstStylizer *stylizer, const char *styles, NstError *err)
{
    (void)stylizer;
    return fail(err, NST_EUNSUPPORTED, "%s: a switch of styles is not built yet", styles);
}

/* ---- stages ---- */

static NstStageSpec spec_for(const NstStylizer *stylizer, int width, int height)
{
    NstStageSpec spec = {.styles = stylizer->styles, .width = width, .height = height,
                         .color = stylizer->options.color, .compute = stylizer->options.compute};
    stage_work_size(&stylizer->options, width, height, &spec.work_width, &spec.work_height);
    return spec;
}

static bool same_sizes(const NstStageSpec *a, const NstStageSpec *b)
{
    return a->width == b->width && a->height == b->height && a->work_width == b->work_width &&
           a->work_height == b->work_height;
}

size_t nst_stylizer_memory(const NstStylizer *stylizer, int width, int height)
{
    if (width < 1 || height < 1 || width > NST_MAX_PICTURE_SIDE || height > NST_MAX_PICTURE_SIDE)
        return 0;
    NstStageSpec spec = spec_for(stylizer, width, height);
    return stage_bytes_for(&spec);
}

static int prepare(NstStylizer *stylizer, int width, int height, NstError *err)
{
    NstStageSpec spec = spec_for(stylizer, width, height);
    if (stylizer->stage && same_sizes(stage_spec(stylizer->stage), &spec))
        return NST_OK;
    stage_free(&stylizer->stage);
    return stage_create(&stylizer->stage, &spec, err);
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

static int paint(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, const NstFrameInfo *info,
                 NstFrameReport *report, NstError *err)
{
    NST_TRY(prepare(stylizer, in->width, in->height, err));
    return stage_paint(stylizer->stage, in, out, &stylizer->options, info, report, err);
}

int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, const NstFrameInfo *info,
                         NstFrameReport *report, NstError *err)
{
    NstFrameReport unwanted;
    report = report ? report : &unwanted;
    memset(report, 0, sizeof(*report));
    NST_TRY(check_pictures(in, out, info, err));
    double start = seconds_now();
    if (stylizer->options.strength == 0.0f)
        for (int band = 0; band < picture_bands(in); band++)
            picture_copy_band(out, in, band);
    else
        NST_TRY(paint(stylizer, in, out, info, report, err));
    report->seconds = seconds_now() - start;
    return NST_OK;
}
