/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_OPTIM_H
#define NST_MODEL_OPTIM_H

#include <stdint.h>

#include <nst/error.h>
#include <nst/optim.h>

/* Optimisers over one flat array of n parameters each; lbfgs.h has another. */

/* Adam (Kingma and Ba 2015, algorithm 1). m and v are the caller's, n each, zero at the start; t counts from 1. */
typedef struct NstAdam {
    float beta1, beta2, eps; /* eps is added to the root, as in PyTorch */
} NstAdam;

void optim_adam(const NstAdam *adam, int64_t t, float lr, int64_t n, const float *grad, float *m, float *v, float *x);

/* v is the caller's, n, zero at the start; NULL where momentum is 0. */
void optim_sgd(float momentum, float lr, int64_t n, const float *grad, float *v, float *x);

/* v is the caller's, n, zero at the start. */
void optim_rmsprop(float beta2, float eps, float lr, int64_t n, const float *grad, float *v, float *x);

/* Any optimiser but L-BFGS, with all that it may need */
typedef struct NstMover {
    NstOptimizer optimizer;
    float beta1, beta2, epsilon, momentum;
} NstMover;

/* m is used by Adam alone. All else as above. */
void optim_move(const NstMover *mover, int64_t t, float lr, int64_t n, const float *grad, float *m, float *v, float *x);

const char *optim_name(NstOptimizer optimizer); /* "adam" */
const char *decay_name(NstDecay decay);         /* "cosine" */

/* Ranges of all but the optimiser's kind */
int optim_check(const NstMover *mover, const NstSchedule *schedule, NstError *err);

/* The share of the full learning rate at step `step` (0-based) of `steps`. */
float optim_schedule(const NstSchedule *schedule, int step, int steps);

/* The fewest steps of a run whose first `done` have the rates that they have in any longer run; INT_MAX: no run has. */
int optim_fewest_steps(const NstSchedule *schedule, int done);

/* Random numbers: xoshiro256** (Blackman and Vigna 2018). The state is all there is to save. */
typedef struct NstRandom {
    uint64_t s[4];
} NstRandom;

void random_seed(NstRandom *random, uint64_t seed);
uint64_t random_next(NstRandom *random);
int random_below(NstRandom *random, int n);  /* 0 to n - 1, without bias */
float random_uniform(NstRandom *random);     /* 0 <= x < 1 */
float random_normal(NstRandom *random);      /* mean 0, variance 1 */

#endif
