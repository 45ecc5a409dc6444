/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_REFINE_H
#define NST_MODEL_REFINE_H

#include "kernels/dsp.h"
#include "threads.h"

/*
 * Variational refinement of a dense flow (Brox et al. 2004; as Kroeger et al. 2016, section 2.3, use it): brightness
 * and gradients shall stay, the flow shall be smooth, all measured robustly.
 */

/* Floats of memory for levels of at most w x h samples. */
size_t refine_floats(int w, int h);

enum { NST_REFINE_ROUNDS = 3 };

/* A level: two pictures of h rows of w samples, `stride` apart, inside frames; the flow from `own` to `other` in rows of w. */
typedef struct NstRefineLevel {
    int w, h;
    const float *own, *other;
    ptrdiff_t stride;
    float *x, *y;
    int rounds; /* 1 to NST_REFINE_ROUNDS: how often the robust weights are made */
} NstRefineLevel;

void refine(const NstRefineLevel *level, const NstDsp *dsp, const NstTeam *team, float *memory);

#endif
