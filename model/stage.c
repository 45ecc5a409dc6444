/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "finish.h"
#include "painter.h"
#include "stylize_options.h"
#include "temporal.h"
#include "transfer.h"
#include "util.h"

struct NstStage {
    NstStageSpec spec;
    NstTransfer transfer;
    NstPainter *painter;
    NstTemporal *temporal; /* NULL until it is asked for */
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
                            spec->color) +
           (spec->temporal ? temporal_bytes_for(spec->work_width, spec->work_height, &spec->compute) : 0) +
           (spec->pieces ? painter_piece_bytes_for(&spec->styles, spec->work_width, spec->work_height, &spec->compute)
                         : 0);
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
    temporal_free(&stage->temporal);
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

static bool same_styles(const NstStyles *a, const NstStyles *b)
{
    return a->n == b->n && !memcmp(a->models, b->models, (size_t)a->n * sizeof(*a->models));
}

void stage_continue(NstStage *stage, const NstStage *before)
{
    const NstStageSpec *spec = &stage->spec;
    stage->finish.match = before->finish.match;
    if (!same_styles(&spec->styles, &before->spec.styles) || !before->temporal)
        return;
    painter_continue(stage->painter, before->painter);
    /* where there is no memory, the next picture says so */
    if (temporal_create(&stage->temporal, spec->work_width, spec->work_height, &spec->compute, NULL) == NST_OK)
        temporal_continue(stage->temporal, before->temporal);
}

/* ---- a picture ---- */

#define KEEP_STATISTICS 0.8f /* of instance normalisation, from one picture to the next, with temporal = 1 */

typedef struct NstLumaSource {
    const NstStage *stage;
    const NstPicture *in;
} NstLumaSource;

/* The picture's own, which costs less than its R, G and B do; where it is reduced, of what it was reduced to. */
static void luma_row(const void *arg, int y, int slot, float *row)
{
    const NstLumaSource *of = arg;
    const NstTransfer *transfer = &of->stage->transfer;
    const NstPlanes *source = painter_source(of->stage->painter);
    const ptrdiff_t at = y * source->stride;
    if (transfer_reduces(transfer))
        transfer->dsp.luma(row, source->rgb[0] + at, source->rgb[1] + at, source->rgb[2] + at, 255 / source->scale,
                           transfer->work_width);
    else
        picture_luma_row(&transfer->dsp, of->in, y, row, transfer_scratch(transfer, slot));
}

/* What of the last painting goes on; the memory for that is had when it is first asked for. */
static int look(NstStage *stage, const NstPicture *in, const NstStylizeOptions *options, const NstFrameInfo *info,
                NstSight *sight, NstError *err)
{
    const NstLumaSource luma = {stage, in};
    const NstStageSpec *spec = &stage->spec;
    *sight = (NstSight){.paint = true};
    if (options->temporal == 0 && options->every == 1) {
        temporal_free(&stage->temporal);
        painter_forget(stage->painter);
        painter_close_pieces(stage->painter);
        return NST_OK;
    }
    if (stylize_paints_pieces(options))
        NST_TRY(painter_open_pieces(stage->painter, err));
    else
        painter_close_pieces(stage->painter);
    if (!stage->temporal)
        NST_TRY(temporal_create(&stage->temporal, spec->work_width, spec->work_height, &spec->compute, err));
    if (info && info->reset)
        temporal_forget(stage->temporal);
    *sight = temporal_look(stage->temporal, luma_row, &luma, options, info);
    if (!sight->follows)
        painter_forget(stage->painter);
    return NST_OK;
}

/* The last painting goes on, but for what came into view. */
static void carry(NstStage *stage)
{
    const NstPieceShapes *shapes = painter_pieces(stage->painter);
    NstPiece piece;
    while (temporal_next_piece(stage->temporal, shapes, &piece))
        temporal_fill(stage->temporal, shapes, &piece,
                      painter_paint_piece(stage->painter, piece.shape, piece.x, piece.y));
    temporal_carry(stage->temporal);
}

int stage_paint(NstStage *stage, const NstPicture *in, const NstPicture *out, const NstStylizeOptions *options,
                const NstFrameInfo *info, NstFrameReport *report, NstError *err)
{
    const NstPlanes *source = painter_source(stage->painter);
    NstPainting painting = {.planes = *source};
    float shares[NST_MAX_STYLES];
    NstSight sight;
    mix_shares(options, stage->spec.styles.n, shares);

    const bool wanted = finish_wants_source(&stage->finish, options->color) || stylize_paints_pieces(options);
    if (wanted)
        transfer_load(&stage->transfer, in, source);
    NST_TRY(look(stage, in, options, info, &sight, err));
    if (sight.paint && !wanted) /* a picture that is only carried can do without */
        transfer_load(&stage->transfer, in, source);
    if (sight.scene_cut || (info && info->reset))
        finish_forget(&stage->finish);
    finish_take_source(&stage->finish, source, options->color);

    if (sight.paint) {
        painter_paint(stage->painter, shares, options->temporal * KEEP_STATISTICS);
        painting.planes = *painter_result(stage->painter);
        if (stage->temporal)
            report->flicker = temporal_blend(stage->temporal, &painting.planes);
    } else {
        carry(stage);
        painting.make = temporal_make_row;
        painting.arg = stage->temporal;
    }

    report->width = stage->spec.work_width;
    report->height = stage->spec.work_height;
    report->scene_cut = sight.scene_cut;
    report->painted = sight.paint;
    return finish_store(&stage->finish, in, out, &painting, options->color, options->strength, err);
}
