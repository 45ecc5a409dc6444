/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_LOSS_H
#define NST_MODEL_LOSS_H

#include <nst/formula.h>
#include <nst/stylize.h>
#include <nst/train.h>

#include "nsw.h"
#include "plan.h"

/*
 * The perceptual loss of a picture y of fixed size against a content picture and styles: nst/formula.h says which.
 * Used by training, image optimisation and scoring.
 */
typedef struct NstLoss NstLoss;

typedef struct NstLossOptions {
    NstFormula formula;
    int levels, content_level;
    const char *const *style_layers;    /* NULL-terminated */
    const char *const *content_layers;  /* NULL-terminated */
    const float *style_layer_weights;   /* one a layer, 0 or more, with a sum above 0; NULL: equal */
    const float *content_layer_weights; /* likewise */
    float style_weight, content_weight, tv_weight;
    bool values_only; /* no gradient will be asked for: half the memory, and the faster way of running */
    size_t max_memory; /* bytes for the loss network's values; beyond it the picture is taken in tiles. 0: no bound */
    NstCompute compute;
} NstLossOptions;

enum { NST_MAX_LEVELS = 6 };

/* What a term is made of: error / norm is its value, by NST_FORMULA_RELATIVE. */
typedef struct NstLossPart {
    double error; /* style: |G - G*|^2; content: mean((F - F_x)^2) */
    double norm;  /* style: |G*|^2; content: v(F_x) */
} NstLossPart;

typedef struct NstLossTerms {
    double total, style, content, tv;
    NstLossPart style_parts[NST_MAX_LEVELS][NST_MAX_LAYERS]; /* by level and style layer; sums over the styles */
    NstLossPart content_parts[NST_MAX_LAYERS];               /* by content layer */
} NstLossTerms;

int loss_create(NstLoss **loss, const NstModel *network, int h, int w, const NstLossOptions *options, NstError *err);
void loss_free(NstLoss **loss);
int loss_tiles(const NstLoss *loss); /* that the picture is taken in; 1: whole */

/*
 * A style and where it goes. With a mask t the matrix is G = sum t^2 f f^T / sum t^2 over the positions, f being the
 * features of one position (Gatys et al. 2017, eq. 7), the mask averaged down to the layer's size.
 */
typedef struct NstLossStyle {
    const NstImage *picture; /* of any size */
    float weight;            /* above 0; styles that go to one place are averaged by their weights */
    const float *from;       /* mask of the picture, as many samples as it has pixels, 0 to 1; NULL: all of it */
    const float *where;      /* mask of y, h x w; NULL: all of it. Styles with the same pointer go to one place */
} NstLossStyle;

/* Targets: Gram matrices of 1 to NST_MAX_STYLES styles (kept, with the masks); of one; features of a content. */
int loss_set_styles(NstLoss *loss, const NstLossStyle *styles, int n, NstError *err);
int loss_set_style(NstLoss *loss, const NstImage *style, NstError *err);
void loss_set_content(NstLoss *loss, const float *x); /* 3 x h x w, 0 to 1 */

/*
 * Terms at y (3 x h x w, 0 to 1) and, where grad is not NULL, d(total)/dy in it (overwritten). NST_ENOTFINITE names
 * the term, and for style and content the layer and level.
 */
int loss_evaluate(NstLoss *loss, const float *y, NstLossTerms *terms, float *grad, NstError *err);

/* Total variation of planes of samples of 0 to 1; adds weight * gradient to grad, if any. */
double loss_tv(NstFormula formula, const float *y, int c, int h, int w, float weight, float *grad);

#endif
