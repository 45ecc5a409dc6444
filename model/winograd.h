/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_WINOGRAD_H
#define NST_MODEL_WINOGRAD_H

#include "conv.h"

/*
 * 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016): 36 multiplications a tile of 4x4
 * results and pair of channels, in place of 144. Kernels are transformed and packed beforehand.
 */
bool winograd_fits(const NstConv *conv);

/*
 * k: Co x Ci x 3 x 3 to packed, winograd_kernels_size floats aligned to 64 bytes. adjoint: k is Ci x Co x 3 x 3, of the
 * convolution whose input gradient this one computes, and is turned round.
 */
size_t winograd_kernels_size(const NstDsp *dsp, const NstConv *conv);
void winograd_kernels(const NstDsp *dsp, const NstConv *conv, const float *k, bool adjoint, float *packed);

/* As conv_forward. */
void winograd_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *packed,
                      const float *bias, bool add, float *y);
size_t winograd_scratch(const NstDsp *dsp, const NstConv *conv, int threads);

#endif
