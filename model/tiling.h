/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TILING_H
#define NST_MODEL_TILING_H

#include "norms.h"

/*
 * A picture cut into tiles for a network, all of one size. Each is painted with a margin around it, the rim, that is
 * as wide as a sample of the result sees, and only its core part is kept:
 *
 *     +---------------+
 *     |  outer, rim  |      At the picture's edges the outer tile is moved inwards, so that the network pads there
 *     |   +-------+   |      what it pads in the whole picture. All bounds are multiples of what the network needs.
 *     |   | core |   |
 *     |   +-------+   |
 *     +---------------+
 */
typedef struct NstTiling {
    int width, height;         /* of the picture, padded */
    int columns, rows;
    int core_w, core_h;      /* those of the last column and row may be smaller */
    int w, h;                  /* of an outer tile: what the plan is for */
    int rim;
} NstTiling;

/* Pixels on each side that a sample of the result depends on, instance normalisation aside; an upper bound. */
int tiling_rim(const NstGraph *graph);

/* columns and rows are wishes: fewer come out where core tiles are rounded up. `rim` is rounded up. */
NstTiling tiling_of(int width, int height, int multiple, int rim, int columns, int rows);

/* Of tile i, 0 to columns * rows - 1, in the picture. */
NstRect tiling_core(const NstTiling *tiling, int i);
NstRect tiling_outer(const NstTiling *tiling, int i);

#endif
