/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_OPTIM_H
#define NST_OPTIM_H

#ifdef __cplusplus
extern "C" {
#endif

/* How parameters move: what training (train.h) and image optimisation (optimize.h) share. */

typedef enum NstOptimizer {
    NST_OPTIMIZER_ADAM,    /* Kingma and Ba 2015, algorithm 1; epsilon is added to the root */
    NST_OPTIMIZER_SGD,     /* v = momentum v + g;  x -= rate v */
    NST_OPTIMIZER_RMSPROP, /* Tieleman and Hinton 2012: v = beta2 v + (1 - beta2) g^2; x -= rate g / (sqrt(v) + epsilon) */
    NST_OPTIMIZER_LBFGS    /* Liu and Nocedal 1989; image optimisation only */
} NstOptimizer;

typedef enum NstDecay {
    NST_DECAY_CONSTANT,
    NST_DECAY_STEP,        /* factor^floor(step / every) */
    NST_DECAY_EXPONENTIAL, /* factor^(step / every) */
    NST_DECAY_COSINE       /* full until `hold` of the run, then half a cosine down to `last` */
} NstDecay;

/* The share of the full learning rate at step 0, 1, 2 ... of a run. */
typedef struct NstSchedule {
    NstDecay decay;
    int warmup;   /* steps of linear rise at the start, which multiply the decay */
    int every;    /* step, exponential: the rate is multiplied by `factor` in so many steps; at least 1 */
    float factor; /* 0 to 1 */
    float hold;   /* cosine: share of the steps, 0 to 1 */
    float last;   /* cosine: share of the rate that is left at the end, 0 to 1 */
} NstSchedule;

#ifdef __cplusplus
}
#endif

#endif
