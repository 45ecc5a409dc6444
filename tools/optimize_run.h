/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_OPTIMIZE_RUN_H
#define NST_TOOLS_OPTIMIZE_RUN_H

#include <stdio.h>

#include "optimize.h"

/* What is shown and kept of the terms of the loss: progress lines, log, plot. optimize_report.c */

enum { TERM_TOTAL, TERM_STYLE, TERM_CONTENT, TERM_TV, TERM_PHOTO, TERM_TEMPORAL, N_TERMS };

typedef struct OptimizeReport {
    const OptimizeSettings *settings;
    FILE *log;
    double *terms[N_TERMS]; /* weighted, by iteration, for the plot */
    int n_terms, room;
    bool terminal;
    int frame, frames;   /* of a video, 1 ...; 0: a picture. frames 0: not known */
    double began, shown; /* seconds of the monotonic clock */
    double pixels;       /* of all iterations since it began, which is what their time grows with */
} OptimizeReport;

int optimize_report_open(OptimizeReport *report, const OptimizeSettings *settings, NstError *err);
void optimize_report_close(OptimizeReport *report);

/* A picture or a frame begins. */
void optimize_report_begin(OptimizeReport *report);
int optimize_report_step(OptimizeReport *report, const NstOptimizeOptions *how, const NstOptimizeProgress *progress,
                         NstError *err);

/* After the last one: completes the log, draws the plot. */
int optimize_report_end(OptimizeReport *report, NstError *err);

/* What the paintings of one run share. */
typedef struct OptimizeRun {
    const OptimizeSettings *settings;
    NstModel *loss;
    NstImage start; /* --init; else no data */
    NstImage pictures[NST_MAX_STYLES], where[NST_MAX_STYLES], from[NST_MAX_STYLES];
    NstOptimizeStyle styles[NST_MAX_STYLES];
    OptimizeReport report;
} OptimizeRun;

/* What is called after each iteration; NULL: nothing */
typedef int OptimizeEach(void *opaque, const NstOptimization *optimization, int iteration, NstError *err);

/*
 * Paints a picture, to the end or until a signal comes. `start` as for nst_optimization_open. *progress is that of the
 * last iteration. The caller frees the result.
 */
int optimize_paint(OptimizeRun *run, const NstOptimizeOptions *how, const NstImage *content, const NstImage *start,
                   OptimizeEach *each, void *opaque, NstOptimizeProgress *progress, NstImage *result, NstError *err);

/* The frames of a video, one after the other: optimize_video.c */
int optimize_video(OptimizeRun *run, NstError *err);

#endif
