/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_CONV_FRAME_H
#define NST_MODEL_CONV_FRAME_H

#include "conv.h"

/*
 * The gradient of the padding of a convolution's input, by itself: each row and column of it is a convolution along a
 * line. For shapes with stride and dilation 1, one group and a named padding; `frame` is Ci x H x W, of which only what
 * lies around the picture is written.
 */
void conv_frame_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k, float *frame);
size_t conv_frame_scratch(const NstConv *conv, int threads);

#endif
