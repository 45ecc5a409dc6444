/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_RESAMPLE_H
#define NST_MODEL_RESAMPLE_H

#include "graph.h"

/*
 * Enlargement by an integer factor f. Bilinear with half-pixel centres: sample i of the result lies at
 * (i + 0.5) / f - 0.5, between samples `low` and `high` of the source.
 */
typedef struct NstBetween {
    int low, high;
    float weight; /* of high */
} NstBetween;

NstBetween resample_between(int i, int factor, int n, NstUpsampleMode mode);

/* One row widened: w samples to w * factor. */
void resample_widen(const float *x, int w, int factor, NstUpsampleMode mode, float *y);

#endif
