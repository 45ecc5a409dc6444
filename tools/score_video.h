/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_SCORE_VIDEO_H
#define NST_TOOLS_SCORE_VIDEO_H

#include "clip_measures.h"
#include "media.h"
#include "motion.h"
#include "score.h"

/* The figures of a painted video: taken by score_video.c, added up and shown by score_video_show.c. */

typedef enum Role { RESULT, REFERENCE, INPUT, N_ROLES } Role;

typedef struct ScoredClip {
    const char *path;
    MediaVideo *video; /* NULL: there is no such clip */
    NstImage frame, before;
    NstDeviation deviation;
    double style_sum; /* of the style distance */
} ScoredClip;

/* What is measured of each frame; of the first one no motion */
typedef struct ScoredFrame {
    double visible, still; /* shares of the pixels */
    double error[N_ROLES], flicker[N_ROLES], sharpness[N_ROLES], luma[N_ROLES];
    double difference; /* the largest, of any sample of result and reference */
    bool cut;          /* from the frame before it to this one */
} ScoredFrame;

typedef struct VideoScore {
    const ScoreSettings *settings;
    ScoredClip clips[N_ROLES];
    LossScore loss;
    Motion motion;
    NstImage first;   /* frame of the input */
    float *scratch;   /* 2 x height x width */
    uint8_t *still, *always_still;
    ScoredFrame *rows;
    int frames, room, style_frames;
    double rate;
} VideoScore;

/* Prints a table or JSON and draws the chart, as the settings say. The exit status. */
int score_video_show(const VideoScore *score);

#endif
