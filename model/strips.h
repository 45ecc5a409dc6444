/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_STRIPS_H
#define NST_MODEL_STRIPS_H

#include "conv.h"

/*
 * The gradient of kernels by dot products of strips, where a strip is some rows of all channels: for stride 1, few
 * channels and any size of kernels. Each tap's gradient is a product of gy with x shifted, which is read where it lies;
 * gathering its columns would take nine copies of it.
 */
bool strips_fit(const NstConv *conv);
int strips_count(const NstConv *conv);
size_t strips_size(const NstConv *conv); /* floats of scratch, aligned to 64 bytes */

/* sum (Co x Ci x Kh x Kw) += the share of strip `index` */
void strips_add(const NstDsp *dsp, const NstConv *conv, const float *x, const float *gy, int index, float *scratch,
                float *sum);

#endif
