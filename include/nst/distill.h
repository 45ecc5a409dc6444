/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_DISTILL_H
#define NST_DISTILL_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>
#include <nst/model.h>
#include <nst/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Distilling a loss network: a VGG-19 of a fraction of the width learns to give the features of a full one (Wang et al.
 * 2020, Collaborative Distillation for Ultra-Resolution Universal Style Transfer).
 *
 * For each of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 the first teacher that has the layer gives the features t,
 * N x n, each channel divided by its mean over the pictures. The student's features f of that layer, C x n with C < N,
 * reach the teacher's width by a 1x1 convolution: u = E f + b. What is minimised is the mean over the layers of
 *
 *   mean((u - t)^2 / v)  +  gram_weight * |U - T|^2 / |T|^2         U = u u^T / n, T = t t^T / n, Frobenius norms
 *
 * v: variance of each channel of t over the pictures, so that channels which are seldom active do not drown the others.
 *
 * Where the first teacher is a plain VGG, the student begins as a part of it: of each layer those channels are kept from
 * which the others can best be predicted (He et al. 2017, Channel Pruning), and E predicts them. Other layers begin at
 * random.
 *
 * What comes out does not hold E, which is large: with R^T R = [E b]^T [E b], R of C + 1 rows, R (f; 1) has the same
 * distances between features, and the same distances between Gram matrices, as E f + b. So the network measures as one
 * of the teacher's width, at the student's cost.
 */
typedef struct NstDistiller NstDistiller;

enum { NST_DISTILL_LAYERS = 5 };

typedef struct NstDistillOptions {
    size_t struct_size;  /* set by nst_distill_defaults */
    int steps;           /* of Adam, 1 to 10^8. Default 4000 */
    int crop;            /* side of the training crops, pixels, a multiple of 16, 32 to 1024. Default 128 */
    float width;         /* of the student, as a share of the plain teacher's, 1/64 to 1; half of that share of
                            VGG-19's where it learns from embeddings alone. Default 0.5 */
    float gram_weight;   /* Default 1 */
    float learning_rate; /* Default 3e-3 */
    uint64_t seed;       /* of weights, crops, colours and order. Default 1 */
    const char *name;    /* written into the network; as author and licence. Default "" */
    const char *author;
    const char *licence;
    NstCompute compute;
} NstDistillOptions;

NST_API void nst_distill_defaults(NstDistillOptions *options);

/* Figures of the last step. Layers are those of the list above. */
typedef struct NstDistillProgress {
    int step, steps;
    float learning_rate;
    float total;
    int n_layers;                     /* that the teachers have */
    float feature[NST_DISTILL_LAYERS]; /* mean((u - t)^2 / v) */
    float gram[NST_DISTILL_LAYERS];    /* |U - T|^2 / |T|^2 */
} NstDistillProgress;

/*
 * Teachers (kind loss) and source outlive the distiller; texts are copied. NST_ENOTFOUND: no teacher has relu1_1. The
 * student goes as deep as the layers that the teachers have without a gap.
 */
NST_API int nst_distiller_open(NstDistiller **distiller, const NstDistillOptions *options,
                               const NstModel *const *teachers, int n_teachers, NstContentSource source, void *opaque,
                               int n_content, NstError *err);
NST_API void nst_distiller_close(NstDistiller **distiller);

/* One step of Adam. The same bits for any number of threads. NST_ENOTFINITE: weights keep their last values. */
NST_API int nst_distiller_step(NstDistiller *distiller, NstDistillProgress *progress, NstError *err);

/* The loss network as it is now, tensors to be stored as F16; the caller frees it. */
NST_API int nst_distiller_model(const NstDistiller *distiller, NstModel **loss, NstError *err);

#ifdef __cplusplus
}
#endif

#endif
