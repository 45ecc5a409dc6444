/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_MIX_H
#define NST_MODEL_MIX_H

#include <stdbool.h>

#include <nst/stylize.h>

#include "graph.h"

/*
 * Several styles in one picture, in one of two ways.
 *
 * In the weights, and with them in every feature: networks of one graph that were trained from one start lie in one
 * basin, where a network between them paints strokes between theirs (as in Wortsman et al. 2022, "Model soups"). It
 * costs what one network costs. Whether two networks are such shows in the correlation of their kernels: near 0 where
 * they have nothing in common, 0.4 and more where they were trained from one start.
 *
 * Otherwise in the picture: every network paints, and the paintings are averaged (painter.c).
 */

typedef struct NstStyles {
    int n;
    const NstModel *models[NST_MAX_STYLES];
} NstStyles;

bool mix_is_in_weights(const NstStyles *styles);

/* Tensors of `to`, a copy of any of the styles' graphs, become the sum of shares * tensors of the styles. */
void mix_weights(NstGraph *to, const NstStyles *styles, const float *shares);

/* The shares of n styles, with the sum 1, that options ask for. */
void mix_shares(const NstStylizeOptions *options, int n, float *shares);

#endif
