/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TEMPORAL_H
#define NST_MODEL_TEMPORAL_H

#include <stdbool.h>

#include "painter.h"

/*
 * What a stream of paintings remembers: the last painting, carried along the motion of the source (Kroeger et al. 2016),
 * trusted as far as the source bears it out (Ruder et al. 2016, section 3.1), and blended with the fresh one.
 * ../doc/temporal.md has the method. One thread at a time; nothing is allocated after temporal_create; results do not
 * depend on the number of threads.
 *
 * For each picture: temporal_look, and then temporal_blend, where a fresh painting was made, or temporal_carry and
 * temporal_make_row.
 */
typedef struct NstTemporal NstTemporal;

/* What was seen in a picture. */
typedef struct NstSight {
    bool follows;   /* there is a last painting to go on from: it is blended into this one */
    bool scene_cut; /* a scene begins: nothing of the last one goes on */
    bool paint;     /* the networks shall paint it; else temporal_carry has the painting */
} NstSight;

/* Pictures of width x height. err: NST_ENOMEM */
int temporal_create(NstTemporal **temporal, int width, int height, const NstCompute *compute, NstError *err);
void temporal_free(NstTemporal **temporal);
size_t temporal_bytes_for(int width, int height, const NstCompute *compute);

/* A new one goes on from what `before` remembers of the same stream at another size. */
void temporal_continue(NstTemporal *temporal, const NstTemporal *before);

/* The next picture does not follow the last one. */
void temporal_forget(NstTemporal *temporal);

/* Makes a row of a picture's luma, in levels of 0 to 255; called by several threads, see NstTask. */
typedef void NstLumaRow(const void *arg, int y, int slot, float *row);

/*
 * Looks at the next picture's luma, with `temporal`, `flow` and `every` of the options and the vectors of info, if any.
 */
NstSight temporal_look(NstTemporal *temporal, NstLumaRow *luma_row, const void *arg, const NstStylizeOptions *options,
                       const NstFrameInfo *info);

/* Blends into a fresh painting what goes on of the last one. Returns the flicker of NstFrameReport. */
float temporal_blend(NstTemporal *temporal, const NstPlanes *painting);

/*
 * Between temporal_look and temporal_carry: pieces of the picture that came into view, as long as some are worth their
 * time; temporal_fill takes what is painted of one.
 */
typedef struct NstPiece {
    int shape, x, y; /* of NstPieceShapes; its first pixel */
} NstPiece;

bool temporal_next_piece(NstTemporal *temporal, const NstPieceShapes *shapes, NstPiece *piece);
void temporal_fill(NstTemporal *temporal, const NstPieceShapes *shapes, const NstPiece *piece,
                   const NstPlanes *painting);

/* The last painting, carried along the motion, takes the place of a fresh one. */
void temporal_carry(NstTemporal *temporal);

/* Makes a row of what was carried, until the next temporal_look; arg: the NstTemporal. */
NstMakeRow temporal_make_row;

#endif
