/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TRAINER_H
#define NST_MODEL_TRAINER_H

#include <cjson/cJSON.h>
#include <nst/train.h>

#include "graph.h"
#include "loss.h"
#include "optim.h"
#include "plan.h"
#include "sampler.h"
#include "stability.h"

/* What the optimiser keeps of one tensor (optim.h) */
typedef struct NstMoments {
    float *m, *v; /* m is used by Adam alone */
    float lr_scale;
} NstMoments;

/*
 * What the next step depends on is options, pictures, weights, moments and the number of steps done: the random
 * numbers of a sample follow from the seed and the sample's number.
 */
struct NstTrainer {
    NstTrainOptions options; /* no zeroes left that mean a default; strings are the trainer's */
    cJSON *description;      /* the options that decide the result, and marks of the pictures and the loss network */
    NstSampler sampler;
    NstGraph graph;
    NstMoments *moments; /* one a tensor */
    NstPlan *plan;
    NstLoss *loss;
    NstStability *stability; /* NULL where its weight is 0 */
    NstImage crop;
    float *grad;         /* dL/d(output) */
    int step;            /* steps done */
};

/* Copies options over the defaults, checks them and resolves zeroes. Free the copy either way. */
int train_options_copy(NstTrainOptions *to, const NstTrainOptions *from, NstError *err);
void train_options_free(NstTrainOptions *options);

NstMover train_mover(const NstTrainOptions *options);

/* The options that decide the result, by the names of their fields; NULL: no memory. */
cJSON *train_options_describe(const NstTrainOptions *options);

#endif
