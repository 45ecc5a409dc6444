/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PHASES_H
#define NST_MODEL_PHASES_H

#include "conv.h"

/*
 * A bilinear enlargement by 2 and a 3x3 convolution of it, padded by one sample, as one 3x3 convolution of the small
 * picture: a result in an even row and column (phase 0), an even row and odd column (1) and so on is a fixed
 * combination of 3x3 samples of the small picture. So there are four kernels for each one, and the enlarged picture,
 * which has four times the samples, is never made.
 *
 * That holds inside. At its border an enlarged picture that is padded by repeating its edge is the enlargement of a
 * small one that is padded so; what another padding has in place of that is a line along each side, whose convolution
 * is added.
 *
 * `conv` below is the convolution of the enlarged, padded picture.
 */

/* Whether it is one of 3x3, padded by 1, and worth it; pad: of the enlarged picture. */
bool phases_fit(const NstConv *conv, const int pad[4]);

/* The convolution of the small picture, to four times the channels. */
NstConv phases_conv(const NstConv *conv);

/* Kernels for phases_forward, in floats, aligned to 64 bytes */
size_t phases_packed_size(const NstDsp *dsp, const NstConv *conv);
void phases_pack(const NstDsp *dsp, const NstConv *conv, const float *k, float *packed);

/* Where the small picture lies: sample (0, 0) of x is (row, column) of it, which may be -1: repeated edges. */
typedef struct NstSmallPicture {
    const float *x;
    int h, w;          /* of x */
    int row, column;
} NstSmallPicture;

/*
 * Rows first .. first + n - 1 of the results, first a multiple of 8, to y, whose channels lie conv->y_plane apart. x
 * holds the small picture from the row before the first that is needed to the one after the last, where there are such.
 * context->packed: by phases_pack, always. pad_mode: of the enlarged picture.
 */
void phases_forward(const NstConvContext *context, const NstConv *conv, const NstSmallPicture *small, int first, int n,
                    NstPadMode pad_mode, const float *bias, float *y);
size_t phases_scratch(const NstDsp *dsp, const NstConv *conv, int threads);

#endif
