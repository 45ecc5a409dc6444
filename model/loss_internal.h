/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_LOSS_INTERNAL_H
#define NST_MODEL_LOSS_INTERNAL_H

#include "embedding.h"
#include "loss.h"
#include "tiles.h"

/* What loss.c puts together from loss_style.c, loss_content.c and loss_tv.c. */

/*
 * The variance that divides a content term is taken as at least this share of the mean square, or a picture without
 * any detail (a film fading from black) would divide by zero. Photographs are far above it.
 */
#define NST_MIN_VARIANCE 1e-2

/* The Gram matrices of one layer at one level, C x C each. Styles that go to one place share a region. */
typedef struct NstStyleTerm {
    NstShape shape;
    size_t size; /* floats of each matrix: before an embedding, or after it, what is more */
    float *mask[NST_MAX_STYLES];     /* of each region: H x W, or NULL for ones */
    double mask_sum[NST_MAX_STYLES]; /* of its squares */
    float *gram[NST_MAX_STYLES];     /* of each region: y's; then the factor of y's features in the gradient */
    float *target[NST_MAX_STYLES];   /* of each style */
    double norm_sq[NST_MAX_STYLES];
} NstStyleTerm;

typedef struct NstContentTerm {
    NstShape shape;
    float *target;
    double variance, error; /* error: sum of squared differences so far */
} NstContentTerm;

typedef struct NstLevel {
    int h, w;
    NstTiles *tiles;
    NstStyleTerm style[NST_MAX_LAYERS];
} NstLevel;

struct NstLoss {
    const NstModel *network;
    NstCompute compute;
    NstFormula formula;
    float style_weight, content_weight, tv_weight;
    bool values_only;
    size_t max_memory;
    int levels, content_level;
    int n_style, n_content;                                              /* layers */
    char *style_names[NST_MAX_LAYERS], *content_names[NST_MAX_LAYERS];
    int style_nodes[NST_MAX_LAYERS], content_nodes[NST_MAX_LAYERS];
    NstEmbedding embedding[NST_MAX_LAYERS];                              /* of the style nodes */
    double style_share[NST_MAX_LAYERS], content_share[NST_MAX_LAYERS];   /* weights that add up to 1 */
    int n_targets, n_regions;
    int region[NST_MAX_STYLES];
    double target_share[NST_MAX_STYLES];                                 /* add up to 1 in each region */
    NstLevel level[NST_MAX_LEVELS];
    NstContentTerm content[NST_MAX_LAYERS];
    float *scratch[2];   /* strips of features */
    size_t scratch_size; /* floats of each */
    double *channel_sum; /* of the widest layer, twice */
};

static inline size_t value_count(NstShape shape)
{
    return (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
}

/* To the units and the order of the network's input */
void loss_fill_input(const NstModel *network, float *input, const float *picture, size_t plane);

/* Inputs of levels 0 to `last` */
void loss_fill_pyramid(NstLoss *loss, const float *picture, int last);

void style_free(NstStyleTerm *term);
/* Per evaluation and level: begin; collect each tile; finish; then seed each tap of each tile. */
void style_begin(NstLoss *loss, int level);
void style_collect(NstLoss *loss, int level, int tile, NstPlan *plan);
int style_finish(NstLoss *loss, int level, NstLossTerms *terms, NstError *err);
void style_seed(NstLoss *loss, int level, int tile, NstPlan *plan, int tap);

int content_create(NstLoss *loss, NstError *err);
void content_begin(NstLoss *loss);
void content_collect(NstLoss *loss, int tile, NstPlan *plan, int tap, bool grad);
int content_finish(NstLoss *loss, NstLossTerms *terms, NstError *err);

#endif
