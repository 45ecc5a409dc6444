/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_LUMA_H
#define NST_TESTS_LUMA_H

#include "temporal.h"

/* Planes of w samples a row, whose luma temporal_look is to see: an NstLumaRow and its argument. */
typedef struct LumaOf {
    const NstPlanes *planes;
    int w;
} LumaOf;

static inline void luma_of_planes(const void *arg, int y, int slot, float *row)
{
    const LumaOf *of = arg;
    const ptrdiff_t at = y * of->planes->stride;
    (void)slot;
    for (int x = 0; x < of->w; x++)
        row[x] = 255 / of->planes->scale * (0.299f * of->planes->rgb[0][at + x] + 0.587f * of->planes->rgb[1][at + x] +
                                            0.114f * of->planes->rgb[2][at + x]);
}

#endif
