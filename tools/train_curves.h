/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_CURVES_H
#define NST_TOOLS_TRAIN_CURVES_H

#include <stdio.h>

#include <nst/train.h>

/*
 * The terms of the loss over a run of any length in bounded memory: each point is the mean of `stride` steps, the least
 * power of two for which all steps have room.
 */

enum { CURVE_TOTAL, CURVE_STYLE, CURVE_CONTENT, CURVE_TV, CURVE_STABILITY, N_CURVES };
enum { CURVE_POINTS = 1024 };

typedef struct TrainCurves {
    int stride, n;                        /* points so far, those without a step included */
    int counts[CURVE_POINTS];             /* steps */
    double sums[N_CURVES][CURVE_POINTS];  /* of the weighted terms */
} TrainCurves;

void train_curves_open(TrainCurves *curves);

/* A step, counted from 1; terms as they are in the total, weighted. */
void train_curves_add(TrainCurves *curves, const NstTrainProgress *progress, const NstTrainOptions *options);

/* Rows of step, steps in the mean and the means: what train_curves_read_row takes. */
void train_curves_write_rows(const TrainCurves *curves, FILE *file);

/* Text that is no row, and rows of steps after `done`, are passed over. */
void train_curves_read_row(TrainCurves *curves, const char *row, int done);

/*
 * One term into n values: the mean of each point and of `reach` neighbours to either side; NAN where there was no step.
 */
void train_curves_smooth(const TrainCurves *curves, int curve, int reach, double *values);

/* As SVG: means behind, smooth lines before them, on a logarithmic axis. */
int train_curves_draw(const TrainCurves *curves, FILE *svg, NstError *err);

#endif
