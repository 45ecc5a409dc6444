/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PRODUCT_H
#define NST_MODEL_PRODUCT_H

#include "conv.h"

/*
 * Convolutions as matrix products, a strip of whole rows of results at a time. The right-hand side (im2col) is never
 * there as a whole: the rows of x that a strip needs of one channel are written, tap by tap, into the panels that the
 * product's inner loop reads, and when those hold CHUNK_ROWS rows, they are multiplied.
 *
 *              strip of rows: positions of the plane, in panels of panel_width
 *            +------+------+------+--+
 *   ci p q   | x[ci][..][..]   .     |     y[co][strip] (+)= k[co][ci p q] . panels
 *            +------+------+------+--+
 */

/* Where x comes from: n rows of a channel from row `first` on, conv->w samples each, until the next call. */
typedef struct NstRows {
    const float *(*load)(void *arg, int channel, int first, int n);
    void *arg;
} NstRows;

int product_strip_rows(const NstConv *conv); /* the last strip of a picture may have fewer */
size_t product_scratch(const NstDsp *dsp, const NstConv *conv); /* floats for one strip at a time */

/* The kernels as panels of rows. */
size_t product_packed_size(const NstDsp *dsp, const NstConv *conv);
void product_pack(const NstDsp *dsp, const NstConv *conv, const float *k, float *packed);

/* Rows first .. first + n - 1 of y, a strip at most. bias, add: as of conv_forward; y is the whole picture. */
void product_strip(const NstDsp *dsp, const NstConv *conv, const NstRows *x, const float *packed, const float *bias,
                   bool add, int first, int n, float *scratch, float *y);

#endif
