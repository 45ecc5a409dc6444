/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TEMPORAL_INTERNAL_H
#define NST_MODEL_TEMPORAL_INTERNAL_H

#include "flow.h"
#include "temporal.h"
#include "threads.h"

/* For temporal.c, temporal_motion.c and temporal_pieces.c */

/* So many motions, one after the other, may be found from the last one; who has none to begin with has followed as many. */
enum { NST_FOLLOWS_MAX = 7 };

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
    float *carried;        /* likewise, fetched along the motion: what becomes the next history */
    float *luma;           /* of this picture: 2 sw x 2 sh pixels */
    float *taps;
    float *u, *v;          /* samples: motion in pixels */
    const NstField *ahead; /* the other way; NULL: the same, turned round */
    float *error, *trust, *weight;
    float *seen;           /* trust in the last painting, where that was only carried: what it lacked is still lacking */
    bool has_seen;
    int *place;
    int *histograms;       /* of differences, for each of the team */
    float *scratch;        /* rows for each of the team */
    float *unseen;         /* of blocks of NST_PIECE_GRID pixels: how much of them is not trusted, summed up */
    double *row_sums;      /* of each row of samples: what is trusted, flicker, steepness before and after the blend */
    float *memory;
    float temporal;        /* of the options */
    float sharpen;         /* that the next painting is given back */
    bool has_history;
    int followed;          /* motions since one that was found from the coarsest level on, at most NST_FOLLOWS_MAX */
    float explained;       /* how much of the last picture its motion explained */
    int since_painted;     /* pictures */
    float credit;          /* pixels that may be painted as pieces */
};

/* Row i of the 2 sh rows of pixels that samples have */
float *temporal_luma_row(const NstTemporal *temporal, int i);
float *temporal_carried_row(const NstTemporal *temporal, int i);

/* Pixel row i of sample row y of a plane of samples, enlarged linearly, in the scratch of a slot, which has two. */
const float *temporal_enlarge(const NstTemporal *temporal, const float *plane, int y, int i, int slot, int which);

/* A picture is only carried: what the last one lacked is not trusted, and pieces may be painted for so much more. */
void temporal_miss(NstTemporal *temporal);

/* Floats of `unseen` */
size_t temporal_unseen_floats(int w, int h);

/* Repeats row y of a plane of samples over its frame of one. */
void temporal_frame_row(const NstTemporal *temporal, float *plane, int y);

/* How thoroughly motion is searched for: quickly, on from the last one, where that may be; thoroughly; ahead too */
typedef enum NstEffort { NST_EFFORT_FOLLOW, NST_EFFORT_BACK, NST_EFFORT_BOTH } NstEffort;

/* Motion from the last picture to this one, into u and v. Returns whether a more thorough search may find another one. */
bool temporal_find_motion(NstTemporal *temporal, NstFlow how, const NstFrameInfo *info, NstEffort effort);

#endif
