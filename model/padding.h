/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PADDING_H
#define NST_MODEL_PADDING_H

#include <stdbool.h>
#include <stddef.h>

#include "graph.h"

/*
 * Padding of planes, and its adjoint.
 *
 *        left      w      right
 *      +-----+-----------+-----+  top
 *      |     +-----------+     |
 *      |     |  picture  |     |  h
 *      |     +-----------+     |
 *      +-----------------------+  bottom
 */

static inline bool pad_is_none(const int pad[4])
{
    return !(pad[NST_TOP] | pad[NST_BOTTOM] | pad[NST_LEFT] | pad[NST_RIGHT]);
}

static inline bool pad_is_one(const int pad[4])
{
    return pad[NST_TOP] == 1 && pad[NST_BOTTOM] == 1 && pad[NST_LEFT] == 1 && pad[NST_RIGHT] == 1;
}

/* The sample of 0 .. n - 1 that stands at position i of the padded line; -1: a zero. Reflection repeats. */
static inline int pad_source(NstPadMode mode, int i, int n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == NST_PAD_ZERO)
        return -1;
    if (mode == NST_PAD_REPLICATE || n == 1)
        return i < 0 ? 0 : n - 1;
    int period = 2 * (n - 1);
    i %= period;
    i = i < 0 ? i + period : i;
    return i < n ? i : period - i;
}

/* Fills the ends of a row whose w samples lie in place, from row + left on. */
void pad_row_ends(float *row, int w, int left, int right, NstPadMode mode);

/* to: n_planes x (h + top + bottom) x (w + left + right) */
void pad_planes(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                float *to);

/* The gradient of the planes (to) from that of the padded planes (from); add: it is added to what is there. */
void pad_planes_adjoint(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                        bool add, float *to);

/* What the padding alone adds to it: reads only what lies around the picture. */
void pad_frame_adjoint(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                       float *to);

#endif
