/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TEMPORAL_INTERNAL_H
#define NST_MODEL_TEMPORAL_INTERNAL_H

#include "flow.h"
#include "temporal.h"
#include "threads.h"

/* For temporal.c and temporal_motion.c */

/*
 * Pixels are w x h. Samples of luma are two pixels wide and high: sw x sh, in rows `stride` apart, with a frame of SIDE
 * columns and one row, so that their neighbours can be read.
 */
struct NstTemporal {
    int w, h, sw, sh;
    ptrdiff_t stride;
    NstDsp dsp;
    NstTeam team;
    NstOpticalFlow *flow;
    float *history;        /* R', G', B' in units of 1, and luma in levels, of each pixel, with a frame */
    ptrdiff_t history_stride;
    float *carried;        /* the same of this picture, fetched along the motion: 2 sw x 2 sh pixels without a frame */
    float *luma;           /* of this picture: likewise */
    float *taps;
    float *u, *v;          /* samples: motion in pixels */
    const NstField *ahead; /* the other way; NULL: the same, turned round */
    float *error, *trust, *weight;
    int *place;
    int *histograms;       /* of differences, for each of the team */
    float *scratch;        /* rows for each of the team */
    double *row_sums;      /* of each row of samples: what is trusted, flicker, steepness before the blend and after it */
    float *memory;
    float temporal;        /* of the options */
    float sharpen;         /* that the last painting was given back */
    bool has_history;
    int since_painted;     /* pictures */
};

/* Repeats row y of a plane of samples over its frame of one. */
void temporal_frame_row(const NstTemporal *temporal, float *plane, int y);

/*
 * Motion from the last picture to this one, into u and v; both: with the way ahead, where it is searched for. Returns
 * whether it is.
 */
bool temporal_find_motion(NstTemporal *temporal, NstFlow how, const NstFrameInfo *info, bool both);

/* Searches for the way ahead. */
void temporal_compare_ways(NstTemporal *temporal);

#endif
