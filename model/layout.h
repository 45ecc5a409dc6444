/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_LAYOUT_H
#define NST_MODEL_LAYOUT_H

#include <stddef.h>

#include <nst/error.h>

/* Where buffers lie in one arena: those that never live at the same time may share a place. */

/* A buffer that must keep its content from step `first` to step `last`, both included. Sizes and offsets in floats. */
typedef struct NstInterval {
    float **target; /* where its address goes */
    size_t size, offset;
    int first, last;
} NstInterval;

typedef struct NstLayout {
    NstInterval *intervals;
    int n, room;
    size_t total;
} NstLayout;

/* Nothing is added for size 0. */
int layout_add(NstLayout *layout, float **target, size_t size, int first, int last, NstError *err);

/* Finds the offsets, each a multiple of 64 bytes, and their total. */
void layout_solve(NstLayout *layout);

/* Writes the addresses within an arena of layout->total floats. */
void layout_assign(const NstLayout *layout, float *arena);

void layout_free(NstLayout *layout);

#endif
