/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_COLORS_H
#define NST_MODEL_COLORS_H

#include "picture.h"

/* The colours of a painting against those of its source: NST_COLORS_CONTENT and NST_COLORS_MATCH. */

/* Mean and covariance of R'G'B' in 0..1. */
typedef struct NstColorStatistics {
    double mean[3], covariance[3][3];
} NstColorStatistics;

/* Of planes of w x h; a sample in fifteen is looked at. */
void colors_measure(const NstPlanes *planes, int w, int h, NstColorStatistics *statistics);

/* An affine map of colours in 0..1. */
typedef struct NstColorMap {
    float matrix[3][3], shift[3];
} NstColorMap;

/*
 * The map that gives colours of statistics `from` those of `to`: of all linear ones the one that moves them least
 * (Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer").
 */
void colors_map(const NstColorStatistics *from, const NstColorStatistics *to, NstColorMap *map);

/* A row of n colours of this scale. */
void colors_apply(const NstColorMap *map, float *const rgb[3], float scale, int n);

/* Statistics of a stream, which follow slowly, so that the map does not flicker, but jump where a scene begins. */
typedef struct NstColorMatch {
    NstColorStatistics source, painting;
    int running;
} NstColorMatch;

void colors_follow(NstColorMatch *match, const NstColorStatistics *source, const NstColorStatistics *painting);

/* R, G and B all become the colours' luma in 0..1, with the weights of the picture's own matrix. */
void colors_to_luma(const NstPicture *picture, float *const rgb[3], float scale, int n);

/* The painting gets the source's colour differences: source + (luma of the painting - luma of the source), in 0..1. */
void colors_keep_chroma(const NstPicture *picture, float *const rgb[3], float scale, float *const source[3], int n);

#endif
