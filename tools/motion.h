/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_MOTION_H
#define NST_TOOLS_MOTION_H

#include <stdint.h>

#include <nst/train.h>

/* The motion of a video, from each frame to the next one: read from files where it is known. */
typedef struct Motion {
    const char *folder; /* of the true motion */
    int width, height;
    float *flow;        /* 2 x height x width, as in warp_error.h */
    uint8_t *visible;   /* height x width */
    double share;       /* of the pixels that are visible */
} Motion;

int motion_open(Motion *motion, const char *folder, int width, int height, NstError *err);
void motion_close(Motion *motion);

/* The motion that leads to frame `index` (1, 2, ...) from the one before it */
int motion_next(Motion *motion, int index, NstError *err);

#endif
