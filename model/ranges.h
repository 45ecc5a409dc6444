/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_RANGES_H
#define NST_MODEL_RANGES_H

#include <stddef.h>

#include <nst/error.h>

/* Options held against tables of what they may be. The message names the first that is not: "steps: 0; 1 to 100 expected". */

typedef struct NstIntRange {
    const char *name;
    int value, low, high;
} NstIntRange;

typedef struct NstFloatRange {
    const char *name;
    float value, low, high; /* NaN is in no range */
} NstFloatRange;

int check_integers(const NstIntRange *ranges, size_t n, NstError *err);
int check_floats(const NstFloatRange *ranges, size_t n, NstError *err);

#endif
