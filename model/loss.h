/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_LOSS_H
#define NST_MODEL_LOSS_H

#include <nst/train.h>

#include "nsw.h"
#include "plan.h"

/*
 * The perceptual loss of a picture y of fixed size against a content picture and a style: train.h has the formula.
 * One plan of the loss network a pyramid level. Used by training, image optimisation and scoring.
 */
typedef struct NstLoss NstLoss;

typedef struct NstLossOptions {
    int levels, content_level;
    const char *const *style_layers;   /* NULL-terminated */
    const char *const *content_layers; /* NULL-terminated */
    float style_weight, content_weight, tv_weight;
    bool values_only; /* no gradient will be asked for: half the memory, and the faster way of running */
    NstCompute compute;
} NstLossOptions;

enum { NST_MAX_LEVELS = 6 };

/* What a term is made of: error / norm is its value. */
typedef struct NstLossPart {
    double error; /* style: |G - G*|^2; content: mean((F - F_x)^2) */
    double norm;  /* style: |G*|^2; content: v(F_x) */
} NstLossPart;

typedef struct NstLossTerms {
    double total, style, content, tv;
    NstLossPart style_parts[NST_MAX_LEVELS][NST_MAX_LAYERS]; /* by level and style layer */
    NstLossPart content_parts[NST_MAX_LAYERS];               /* by content layer */
} NstLossTerms;

int loss_create(NstLoss **loss, const NstModel *network, int h, int w, const NstLossOptions *options, NstError *err);
void loss_free(NstLoss **loss);

/* Targets: Gram matrices of a style picture of any size (kept), features of a content picture, 3 x h x w, 0 to 1. */
int loss_set_style(NstLoss *loss, const NstImage *style, NstError *err);
void loss_set_content(NstLoss *loss, const float *x);

/*
 * Terms at y (3 x h x w, 0 to 1) and, where grad is not NULL, d(total)/dy in it (overwritten). NST_ENOTFINITE names
 * the term, and for style and content the layer and level.
 */
int loss_evaluate(NstLoss *loss, const float *y, NstLossTerms *terms, float *grad, NstError *err);

/* The pieces, for tests and for scoring. f is C x n (n = H W); gram is C x C. */
void loss_gram(const NstCompute *compute, const float *f, int c, int n, float *gram);
/* adds weight * gradient to grad, if any */
double loss_tv(const float *y, int c, int h, int w, float weight, float *grad);

#endif
