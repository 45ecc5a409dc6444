/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_COLUMNS_H
#define NST_MODEL_COLUMNS_H

#include "conv.h"

/*
 * Blocks of a picture as matrices (im2col), for gradients: the columns of a block of the result's plane are gathered
 * into Ci/groups * Kh * Kw rows that stay in the L2 cache. conv_forward writes its columns elsewhere (product.h).
 *
 *              block of n positions of the plane, row by row
 *            +-----------------+
 *   ci p q   | x[ci][..][..]   |     gk[co][ci p q] += gy[co][block] . columns^T
 *            +-----------------+
 */

enum { COLUMNS_MAX = 1920 }; /* positions of a block */

static inline bool conv_is_depthwise(const NstConv *conv)
{
    return conv->groups == conv->ci && conv->ci == conv->co;
}

/* The columns of a block are the picture itself. */
static inline bool conv_is_pointwise(const NstConv *conv)
{
    return conv->kh == 1 && conv->kw == 1 && conv->sy == 1 && conv->sx == 1 && conv->h == conv->ho &&
           conv->w == conv->wo;
}

static inline int columns_rows(const NstConv *conv) { return conv->ci / conv->groups * conv->kh * conv->kw; }
static inline size_t conv_plane_in(const NstConv *conv) { return (size_t)conv->h * (size_t)conv->w; }
static inline size_t conv_plane_out(const NstConv *conv) { return (size_t)conv->ho * (size_t)conv->wo; }

size_t columns_block_size(const NstConv *conv);
size_t columns_block_count(const NstConv *conv);
size_t columns_in_block(const NstConv *conv, size_t block); /* positions: the last may have fewer */
size_t columns_size(const NstConv *conv); /* floats of the largest block's matrix; 0: none is made */

/* One tap's samples of the output positions first .. first + n - 1 of the plane. */
void columns_gather_tap(const NstConv *conv, const float *x, int p, int q, size_t first, size_t n, float *to);

/*
 * A block as the right-hand side of a product: its matrix, made in `columns`, and row length. x points at the group's
 * first channel.
 */
const float *columns_of_block(const NstConv *conv, const float *x, size_t first, size_t n, float *columns, int *ld);

#endif
