/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TILES_H
#define NST_MODEL_TILES_H

#include "plan.h"

/*
 * A network run over a picture of one size, in one piece or, where that needs more memory than it may, in tiles that
 * overlap. A tile answers for its core; around the core lies a rim as wide as the layers reach, so that values and
 * gradients are those of the whole picture:
 *
 *     +------------------+------
 *     |  rim             |          Each sample of a value lies in the core of one tile. What cores sum (Gram
 *     |   +----------+---|------    matrices, squared differences) is the sum over the picture, and the gradients that
 *     |   |  core    |   |  core    the tiles give for the input add up where they overlap.
 *     |   |          |   |
 */
typedef struct NstTiles NstTiles;

typedef struct NstTilesOptions {
    NstCompute compute;
    const int *taps; /* nodes whose values are read and seeded */
    int n_taps;
    bool want_grad;    /* of the input */
    size_t max_memory; /* bytes of the plans, roughly; 0: no bound */
} NstTilesOptions;

/* NST_ETOOLARGE where not even the smallest tiles fit, NST_EUNSUPPORTED where the network cannot be cut. */
int tiles_create(NstTiles **tiles, const NstGraph *graph, int h, int w, const NstTilesOptions *options, NstError *err);
void tiles_free(NstTiles **tiles);

int tiles_count(const NstTiles *tiles);
size_t tiles_bytes(const NstTiles *tiles); /* of what max_memory bounds */
NstShape tiles_shape(const NstTiles *tiles, int tap); /* of the whole picture's value */

/* The network's input, for the caller to fill, and its gradient: C x h x w. */
float *tiles_input(NstTiles *tiles);
float *tiles_grad(NstTiles *tiles);

/* Runs one tile. The values of its plan are good until the next call. */
NstPlan *tiles_forward(NstTiles *tiles, int tile);

/* The same for the values of n taps alone */
NstPlan *tiles_forward_for(NstTiles *tiles, int tile, const int *taps, int n);

/* The part of a tap's value that a tile answers for. */
typedef struct NstTilePart {
    int y, x, h, w;   /* in the whole picture's value */
    int at_y, at_x;   /* its place in the tile's */
} NstTilePart;

NstTilePart tiles_part(const NstTiles *tiles, int tile, int tap);

/*
 * After backward_begin and the seeds of a tile that was run last: backward through it. Its gradient is added to
 * tiles_grad(); that of tile 0 begins anew.
 */
void tiles_backward(NstTiles *tiles, int tile);

#endif
