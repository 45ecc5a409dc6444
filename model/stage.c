/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <math.h>
#include <stdlib.h>

#include "finish.h"
#include "painter.h"
#include "transfer.h"
#include "util.h"

struct NstStage {
    NstStageSpec spec;
    NstTransfer transfer;
    NstPainter *painter;
    NstFinish finish;
};

/* ---- making one ---- */

void stage_set_work_height(NstStageSpec *spec, int height)
{
    spec->work_height = height;
    spec->work_width = max_int((int)lround((double)spec->width * spec->work_height / spec->height), 1);
}

/* Bytes beside the networks' */
static size_t other_bytes(const NstStageSpec *spec)
{
    return transfer_bytes_for(&spec->compute, spec->width, spec->work_width) +
           finish_bytes_for(&spec->compute, spec->width, spec->height, spec->work_width, spec->work_height,
                            spec->color);
}

static NstPainterOptions painter_options(const NstStageSpec *spec)
{
    size_t bound = spec->max_memory, others = other_bytes(spec);
    return (NstPainterOptions){.compute = spec->compute, .max_memory = bound > others ? bound - others : bound > 0};
}

static int open_stage(NstStage *stage, NstError *err)
{
    const NstStageSpec *spec = &stage->spec;
    NstPainterOptions options = painter_options(spec);
    size_t bytes = stage_bytes_for(spec);
    if (spec->max_memory && bytes > spec->max_memory)
        return fail(err, NST_ETOOLARGE, "needs %zu MiB for %dx%d even in the smallest tiles; %zu MiB are allowed",
                    (bytes >> 20) + 1, spec->width, spec->height, spec->max_memory >> 20);
    NST_TRY(painter_create(&stage->painter, &spec->styles, spec->work_width, spec->work_height, &options, err));
    NST_TRY(transfer_create(&stage->transfer, &spec->compute, spec->width, spec->height, spec->work_width,
                            spec->work_height, err));
    return finish_create(&stage->finish, &stage->transfer, &spec->compute, spec->color, err);
}

int stage_create(NstStage **out, const NstStageSpec *spec, NstError *err)
{
    NstStage *stage = *out = calloc(1, sizeof(*stage));
    if (!stage)
        return fail(err, NST_ENOMEM, "out of memory");
    stage->spec = *spec;
    int code = open_stage(stage, err);
    if (code < 0)
        stage_free(out);
    return code;
}

void stage_free(NstStage **out)
{
    NstStage *stage = *out;
    if (!stage)
        return;
    finish_free(&stage->finish);
    transfer_free(&stage->transfer);
    painter_free(&stage->painter);
    free(stage);
    *out = NULL;
}

const NstStageSpec *stage_spec(const NstStage *stage)
{
    return &stage->spec;
}

size_t stage_bytes_for(const NstStageSpec *spec)
{
    NstPainterOptions options = painter_options(spec);
    size_t networks = painter_bytes_for(&spec->styles, spec->work_width, spec->work_height, &options);
    return networks ? networks + other_bytes(spec) : 0;
}

void stage_continue(NstStage *stage, const NstStage *before)
{
    stage->finish.match = before->finish.match;
}

/* ---- a picture ---- */

int stage_paint(NstStage *stage, const NstPicture *in, const NstPicture *out, const NstStylizeOptions *options,
                const NstFrameInfo *info, NstFrameReport *report, NstError *err)
{
    const NstPlanes *source = painter_source(stage->painter);
    float shares[NST_MAX_STYLES];
    if (info && info->reset)
        finish_forget(&stage->finish);
    mix_shares(options, stage->spec.styles.n, shares);

    transfer_load(&stage->transfer, in, source);
    finish_take_source(&stage->finish, source, options->color);

    /* Motion belongs here: from `source` to what of the last painting goes on, and after the networks the blend. */
    painter_paint(stage->painter, shares, 0);
    const NstPlanes *painting = painter_result(stage->painter);

    report->width = stage->spec.work_width;
    report->height = stage->spec.work_height;
    report->painted = 1;
    return finish_store(&stage->finish, in, out, painting, options->color, options->strength, err);
}
