/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TRAINER_H
#define NST_MODEL_TRAINER_H

#include <stdbool.h>

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

/* Terms of the loss before weighting, and their weighted sum */
typedef struct NstTrainTerms {
    float total, style, content, tv, stability;
} NstTrainTerms;

/* The losses of a window of steps: is it lower than the window before? */
typedef struct NstPlateau {
    int count; /* steps of the window so far */
    float sum; /* of their losses */
    float before; /* the mean of the window before; 0: there was none */
    bool reached; /* it was not: the run was made shorter */
} NstPlateau;

/*
 * What the next step depends on is options, pictures, weights, moments, the number of steps done and planned, and the
 * plateau: the random numbers of a sample follow from the seed and the sample's number.
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
    size_t part;         /* floats that one crop gives: ranks.c */
    float *parts, *sum;  /* of the crops of this rank's share (alone: of one); of all crops of the step */
    int step;            /* steps done */
    int steps;           /* steps planned; options.steps are those that were asked for */
    NstPlateau plateau;
};

/* Of the description: what the run began with, where that was a style */
#define INIT_KEY "init_network"
#define INIT_NAME_KEY "init_name"

/* The weights of a style that was trained before; NST_EINVAL where its tensors are not those of the network. */
int trainer_take_weights(NstTrainer *trainer, const NstModel *init, NstError *err);

/* Sets the steps planned, in the description too. */
void steps_plan(NstTrainer *trainer, int steps);

/* To be told of each step's loss: makes the run shorter when it no longer falls. */
void steps_watch(NstTrainer *trainer, float total);

/* FNV-1a: tells pictures and networks apart, nothing more */
#define MARK_START UINT64_C(0xcbf29ce484222325)
uint64_t mark_bytes(uint64_t hash, const void *data, size_t size);

/* The crops of a step that this rank works on: first to end - 1, of 0 to batch - 1 */
typedef struct NstShare {
    int first, end;
} NstShare;
NstShare ranks_share(const NstTrainer *trainer);

/* Once the network is there; free either way. */
int ranks_open(NstTrainer *trainer, NstError *err);
void ranks_close(NstTrainer *trainer);

/* Takes the gradients of a crop of the share from the plan. Crops in order, each once a step. */
void ranks_keep(NstTrainer *trainer, int crop, const NstTrainTerms *terms);

/* Sums gradients, which the plan gets back, and terms over the crops of all ranks. */
int ranks_sum(NstTrainer *trainer, NstTrainTerms *terms, NstError *err);

/* Gives all ranks the numbers that rank 0 has. */
int ranks_spread(const NstTrainer *trainer, float *data, size_t n, NstError *err);

/* The same for a number that is not negative. */
int ranks_spread_int(const NstTrainer *trainer, int *number, NstError *err);

/* NST_EINVAL at a rank whose description is another than those of the others */
int ranks_compare(const NstTrainer *trainer, NstError *err);

/* Copies options over the defaults, checks them and resolves zeroes. Free the copy either way. */
int train_options_copy(NstTrainOptions *to, const NstTrainOptions *from, NstError *err);
void train_options_free(NstTrainOptions *options);

NstMover train_mover(const NstTrainOptions *options);

/* The options that decide the result, by the names of their fields; NULL: no memory. */
cJSON *train_options_describe(const NstTrainOptions *options);

/* Adds the weights of several styles; one has no share to speak of. */
bool train_mix_describe(cJSON *json, const NstTrainStyle *styles, int n);

#endif
