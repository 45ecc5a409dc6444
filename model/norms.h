/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_NORMS_H
#define NST_MODEL_NORMS_H

#include "plan.h"

/*
 * The statistics of a plan's instance normalisation, for who smooths them over time or shares them between tiles.
 *
 * Moments are what they are exchanged as: for each live instance_norm in the order of the nodes, for each of its
 * channels, the mean and the mean square, which are averaged where statistics are.
 */

/* Pixels of the plan's input, x0 <= x < x1 and y0 <= y < y1. */
typedef struct NstRect {
    int x0, y0, x1, y1;
} NstRect;

typedef struct NstNormControl {
    const double *given; /* moments; NULL: none */
    double share;        /* 0 to 1: how much of them there is in what normalises; the rest is measured */
    double *measured;    /* where the run's own moments go; NULL: nowhere. Not the memory of `given` */
    NstRect window;    /* part of the picture that is measured; x1 = 0: all of it */
} NstNormControl;

/* Doubles of an array of moments. */
size_t plan_moments(const NstPlan *plan);

/*
 * Rules over all runs to come; the arrays must live as long. All zero is how a plan begins: every run measures for
 * itself. Plans without gradients only.
 */
void plan_control_norms(NstPlan *plan, const NstNormControl *control);

/* One normalisation of a plan: its node, and its part of an array of moments. */
typedef struct NstPlanNorm {
    int node;
    size_t first, n;
} NstPlanNorm;

/* The next one after norm->node, 0 to begin with; false: there is none. */
bool plan_next_norm(const NstPlan *plan, NstPlanNorm *norm);

/* ---- for band.c and op_norm.c ---- */

/* Whether a run has to measure at all. */
bool norms_are_measured(const NstPlan *plan);

/* Sums and sums of squares of rows `first` to first + n - 1 of a plane of shape s, what lies in the window of them. */
void norms_sum(const NstPlan *plan, NstShape s, const float *rows, int first, int n, double sums[2]);

/* Turns the sums over a channel into what plan->norm holds of it. */
void norms_settle(NstPlan *plan, int node, int channel, const double sums[2]);

#endif
