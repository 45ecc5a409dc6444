/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_MOTION_H
#define NST_TOOLS_MOTION_H

#include <stdint.h>

#include <nst/train.h>

#include "flow.h"

/*
 * The motion of a video, from each frame to the next one: read from files where it is known, else searched in the frames.
 */
typedef struct Motion {
    const char *folder; /* of the true motion; NULL: it is searched */
    int width, height;
    float *flow;        /* 2 x height x width, as in warp_error.h */
    uint8_t *visible;   /* height x width */
    double share;       /* of the pixels that are visible */
    float *backward;    /* as flow, the other way */
    NstOpticalFlow *search;
    NstDsp dsp;
    NstTeam team;
} Motion;

/* The struct must stay where it is until it is closed. */
int motion_open(Motion *motion, const char *folder, int width, int height, const NstCompute *compute, NstError *err);
void motion_close(Motion *motion);

/* The motion from a frame to the next one, whose number is `index` (1, 2, ...) */
int motion_next(Motion *motion, int index, const NstImage *frame, const NstImage *next, NstError *err);

#endif
