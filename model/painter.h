/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PAINTER_H
#define NST_MODEL_PAINTER_H

#include "mix.h"
#include "picture.h"

/* The networks of one or several styles made ready for one working size. The models must outlive it. */
typedef struct NstPainter NstPainter;

typedef struct NstPainterOptions {
    NstCompute compute;
    bool keep_source;  /* painter_source is still whole after painter_paint */
    size_t max_memory; /* bytes above which the picture is painted in tiles; 0: none. Where even the smallest tiles take
                          more, they are taken all the same */
} NstPainterOptions;

/* Thread-safe: takes no threads of compute's. */
int painter_create(NstPainter **painter, const NstStyles *styles, int width, int height,
                   const NstPainterOptions *options, NstError *err);
void painter_free(NstPainter **painter);

/* Bytes that painter_create would take; 0 when the size is impossible. */
size_t painter_bytes_for(const NstStyles *styles, int width, int height, const NstPainterOptions *options);

/* Planes of width x height to fill before painter_paint. */
const NstPlanes *painter_source(const NstPainter *painter);

/*
 * shares: of each style, with the sum 1. keep: 0 to below 1, the share of earlier pictures in the statistics of
 * instance normalisation (a moving average); 0: each picture has its own.
 */
void painter_paint(NstPainter *painter, const float *shares, float keep);

/* The statistics of the same styles' networks at another size go on. */
void painter_continue(NstPainter *painter, const NstPainter *before);

/* The next picture does not follow the last one: its statistics are its own. */
void painter_forget(NstPainter *painter);

/* The painting, until the next painter_paint. The planes may be written to. */
const NstPlanes *painter_result(const NstPainter *painter);

#endif
