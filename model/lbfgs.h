/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_LBFGS_H
#define NST_MODEL_LBFGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>

/*
 * L-BFGS (Liu and Nocedal 1989) over one array of n parameters. One state serves a whole run. Its products run over all
 * remembered vectors at once, and the two loops of the recursion over the products alone (Chen, Wang and Zhou 2014).
 * The bits do not depend on the number of threads.
 */
typedef struct NstLbfgs NstLbfgs;

/* The value and, in grad, the gradient at x. A value that is not finite makes the step shorter. */
typedef int NstObjective(void *opaque, const float *x, double *value, float *grad, NstError *err);

/* v becomes K v. */
typedef void NstMetric(void *opaque, float *v);

typedef struct NstLbfgsOptions {
    int history;      /* pairs of vectors to remember, at least 1 */
    bool line_search; /* strong Wolfe conditions (Nocedal and Wright 2006, section 3.1); else steps of `rate` */
    float rate;       /* length of the first trial of each step; 1 is Newton's. Where nothing is remembered a line search
                         begins with a mean move of 5 rates; without one the step is rate / |g|_1 along the gradient */
    NstMetric *metric; /* of a symmetric positive K: what is worked on is z in x = x0 + K z, so that the first direction
                          is -K K g and all others grow from it. NULL: 1 */
    void *opaque;      /* for the metric */
    NstCompute compute;
} NstLbfgsOptions;

int lbfgs_create(NstLbfgs **lbfgs, int64_t n, const NstLbfgsOptions *options, NstError *err);
void lbfgs_free(NstLbfgs **lbfgs);

/*
 * One iteration from x: one evaluation, or as many as the line search needs, and one more in the first iteration.
 * *value is that of the new x. *moved is false where no way down was found, along the gradient neither: x stays as it was, and
 * so would it in the next iteration. On an error x is where it was before.
 */
int lbfgs_step(NstLbfgs *lbfgs, NstObjective *objective, void *opaque, float *x, double *value, bool *moved,
               NstError *err);

/* Bytes that a state for n parameters needs. */
size_t lbfgs_bytes(int64_t n, int history);

#endif
