/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_CONV_H
#define NST_MODEL_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include <nst/compute.h>

#include "graph.h"
#include "kernels/dsp.h"

/*
 * Convolution without padding, and its two adjoints. op_conv.c pads, and reads a transposed convolution as the
 * adjoint of a convolution.
 *
 *   x: Ci x H x W (already padded)    k: Co x Ci/groups x Kh x Kw    y: Co x Ho x Wo
 *   y[co][i][j] = sum over ci, p, q of k[co][ci][p][q] x[ci][i sy + p dy][j sx + q dx]
 *
 * H and W may exceed what the last window reaches. Work is cut by shape alone, so the bits do not depend on the
 * threads.
 */
typedef struct NstConv {
    int ci, h, w;
    int co, ho, wo;
    int kh, kw, sy, sx, dy, dx, groups;
    bool direct;    /* no Winograd: sums in the order of the formula */
    bool rectify;   /* conv_forward, without add: y = max(y, 0); NaN stays */
    bool interleaves; /* conv_forward with Winograd: y's rows are 2 Wo samples, of channel o / 4 of 4; phases.h */
    bool doubled;   /* samples 2i + 1 and 2i + 2 of each row and column of x are equal, and Ho and Wo multiples of 4 */
    /*
     * x as it lies in memory: from_h x from_w samples, continued by pad_mode to h x w while it is read, where
     * conv_pads() says so; and gx in the same way, always. from_h 0: x is h x w, and nothing is added to gx.
     */
    int from_h, from_w, pad_top, pad_left;
    NstPadMode pad_mode;
    size_t y_plane; /* samples from one channel of y to the next, Ho Wo or more; of conv_forward, gradients are dense */
} NstConv;

typedef struct NstConvContext {
    const NstDsp *dsp;
    NstGemm gemm;
    int threads;
    const float *packed; /* what conv_pack made of the kernels for this call, or NULL: it is made anew */
    float *scratch;      /* conv_..._scratch floats, aligned to 64 bytes */
} NstConvContext;

/* The same shape, with what lies in memory named in every case. */
NstConv conv_stored(const NstConv *conv);

/* What results of conv_forward are never less than. */
float conv_floor(const NstConv *conv);

/* Whether conv_forward can pad the picture of this shape by itself. */
bool conv_pads(const NstConv *conv);

/* Whether conv_forward makes a matrix product of this shape (product.h). */
bool conv_is_product(const NstConv *conv);

/* Which of the two calls kernels are packed for. */
typedef enum NstConvUse { NST_CONV_FORWARD, NST_CONV_INPUT_GRAD } NstConvUse;

/* Kernels as the fastest algorithm for this shape wants them; size 0: as they are. In floats, aligned to 64 bytes. */
size_t conv_packed_size(const NstDsp *dsp, const NstConv *conv, NstConvUse use);
void conv_pack(const NstDsp *dsp, const NstConv *conv, NstConvUse use, const float *k, float *packed);

/* y = conv(x) + bias (NULL: none); `add`: y += conv(x), for which bias must be NULL */
void conv_forward(const NstConvContext *context, const NstConv *conv, const float *x, const float *k, const float *bias,
                  bool add, float *y);

/* What conv_forward does for this shape, for people: "Winograd 4x4", "im2col" ... */
const char *conv_algorithm(const NstConv *conv);

/* gx = d/dx; `add`: gx += d/dx */
void conv_input_grad(const NstConvContext *context, const NstConv *conv, const float *gy, const float *k, bool add,
                     float *gx);

/* gk += d/dk */
void conv_weight_grad(const NstConvContext *context, const NstConv *conv, const float *x, const float *gy, float *gk);

/* Floats of scratch that each needs, with kernels that are not packed beforehand. */
size_t conv_forward_scratch(const NstDsp *dsp, const NstConv *conv, int threads);
size_t conv_input_grad_scratch(const NstDsp *dsp, const NstConv *conv, int threads);
size_t conv_weight_grad_scratch(const NstConv *conv, int threads);

#endif
