/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_DISTILLER_H
#define NST_MODEL_DISTILLER_H

#include <nst/distill.h>

#include "plan.h"
#include "sampler.h"
#include "selection.h"
#include "slim.h"

/* One layer of the teachers: t */
typedef struct NstTaughtLayer {
    int teacher, node;
    NstShape shape;
    float *scale;    /* of each channel: 1 / mean, or 1 where the student begins with the teacher's channels */
    float *certainty; /* of each channel: 1 / variance, once scaled */
    float *features; /* N x n, scaled */
    float *gram;     /* N x N */
} NstTaughtLayer;

typedef struct NstTeacher {
    const NstModel *network;
    NstPlan *plan;
} NstTeacher;

typedef struct NstDistillMoments {
    float *m, *v;
    float lr_scale;
} NstDistillMoments;

/* A convolution of a plain first teacher: its ReLU, and what comes out there */
typedef struct NstTaughtConv {
    int relu;
    NstSpread spread;
} NstTaughtConv;

struct NstDistiller {
    NstDistillOptions options; /* texts are the distiller's */
    NstSampler sampler;
    int n_teachers, n_layers;
    NstTeacher *teachers;
    NstTaughtLayer layers[NST_DISTILL_LAYERS];
    int n_convs;
    NstTaughtConv convs[SLIM_MAX_CONVS];
    NstSlim slim;
    NstPlan *plan;
    NstDistillMoments *moments; /* one a tensor */
    NstImage crop;
    float *matrix;    /* N x N of the widest layer */
    int step;
};

/* Loss of a sample, and its gradients in those of the tensors of d->plan. */
int distiller_learn(NstDistiller *d, int64_t sample, NstDistillProgress *progress, NstError *err);

#endif
