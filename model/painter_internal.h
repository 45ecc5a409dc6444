/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PAINTER_INTERNAL_H
#define NST_MODEL_PAINTER_INTERNAL_H

#include "kernels/dsp.h"
#include "painter.h"
#include "threads.h"
#include "tiling.h"

/* For painter.c and painter_pieces.c */

/* A plan for pieces of one shape */
typedef struct NstPieceNetwork {
    NstPlan *plan;
    NstPlanes source, result;
} NstPieceNetwork;

typedef struct NstNetwork {
    const NstModel *model;
    const NstGraph *graph;
    NstTiling tiling;         /* one tile: the whole picture */
    NstPlan *plan;            /* for a tile */
    NstPlanes source, result; /* values of the plan */
    double *kept;             /* moments: the moving average, */
    double *fresh;            /* those that the last whole picture was normalised with, */
    double *given, *sum;      /* and those of a picture in tiles */
    bool has_kept;
    NstPieceNetwork pieces[NST_PIECE_SHAPES];
} NstNetwork;

struct NstPainter {
    NstStyles styles;
    int width, height;
    NstCompute compute;
    NstTeam team;
    NstDsp dsp;
    float shares[NST_MAX_STYLES]; /* of the last painting */
    NstGraph mixed;               /* of them, where the styles are mixed in the weights; else empty */
    int n;
    NstNetwork networks[NST_MAX_STYLES];
    NstPlanes source, result;
    bool has_pieces;
    NstPieceShapes shapes;        /* that there are plans for */
    bool tiled;
    float *planes;                /* memory of both where the picture is painted in tiles; else NULL */
};

/* A plan's node as planes of colours. */
NstPlanes painter_planes_of(NstPlan *plan, int node, bool bgr, float scale);

/* Continues planes by reflection to the right and downwards. */
void painter_pad(const NstPlanes *planes, int width, int height, int padded_width, int padded_height);

/* w x h samples of `to` become, or get added, `share` of those of `from`. */
void painter_copy(const NstPainter *painter, NstPlanes to, NstPlanes from, int w, int h, float share, bool add);

#endif
