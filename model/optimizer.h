/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_OPTIMIZER_H
#define NST_MODEL_OPTIMIZER_H

#include <nst/optimize.h>

#include "lbfgs.h"
#include "optim.h"
#include "loss.h"
#include "matting.h"
#include "smoothing.h"

/* What is made for one size and thrown away after it: optimize_scale.c. */
typedef struct NstScale {
    int w, h;
    NstImage content; /* at this size, in the colours that are worked in */
    NstLoss *loss;
    NstMatting *matting; /* NULL: photo_weight is 0 */
    NstImage warped;     /* at this size, likewise; no data: no temporal loss */
    float *warped_trust; /* h x w, 0 to 1; NULL: 1 */
    float *paint;        /* h x w: where anything may move, 0 to 1; NULL: everywhere */
    NstSmoothing *smoothing; /* of L-BFGS, with one level; else NULL */
    int tiles;
} NstScale;

/* The inputs of an optimisation, which outlive it */
typedef struct NstSources {
    const NstModel *network;
    const NstImage *content, *start;
    NstOptimizeStyle styles[NST_MAX_STYLES];
    int n_styles;
} NstSources;

/* Makes the loss for the content at w x h with all its targets. *scale is zeroed first; free it either way. */
int scale_create(NstScale *scale, const NstOptimizeOptions *options, const NstSources *sources, int w, int h,
                 NstError *err);
void scale_free(NstScale *scale);

/* Ranges of all options */
int optimize_options_check(const NstOptimizeOptions *options, NstError *err);

/* What its options say of the optimiser, if that is not L-BFGS */
NstMover optimize_mover(const NstOptimizeOptions *options);

/* The learning rate, or the default for the optimiser */
float optimize_rate(const NstOptimizeOptions *options);

#endif
