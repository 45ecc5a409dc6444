/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal_internal.h"

#include <math.h>
#include <string.h>

#include "mvfield.h"
#include "util.h"

enum { BLOCK = 8 }; /* samples of luma that are held still together */

#define STILL_MOTION 0.25f /* pixels: what moves farther is not still. More would tear what pans slowly into blocks */

void temporal_frame(const NstTemporal *t, float *plane)
{
    for (int y = 0; y < t->sh; y++) {
        float *row = plane + y * t->stride;
        row[-1] = row[0];
        row[t->sw] = row[t->sw - 1];
    }
    size_t bytes = ((size_t)t->sw + 2) * sizeof(float);
    float *first = plane - 1, *last = first + (t->sh - 1) * t->stride;
    memcpy(first - t->stride, first, bytes);
    memcpy(last + t->stride, last, bytes);
}

/* Planes of samples become a field times `scale`. */
static void set_field(const NstTemporal *t, float *x, float *y, const NstField *field, float scale)
{
    for (int row = 0; row < t->sh; row++) {
        size_t from = (size_t)row * (size_t)t->sw;
        t->dsp.scale_shift(x + row * t->stride, field->x + from, scale, 0, (size_t)t->sw);
        t->dsp.scale_shift(y + row * t->stride, field->y + from, scale, 0, (size_t)t->sw);
    }
}

/* What leads back leads ahead as well, until the two ways are compared. */
static void set_motion(NstTemporal *t, const NstField *back)
{
    set_field(t, t->u, t->v, back, 2);
    set_field(t, t->ahead_x, t->ahead_y, back, -1);
}

void temporal_compare_ways(NstTemporal *t)
{
    set_field(t, t->ahead_x, t->ahead_y, flow_estimate(t->flow, NST_WAY_AHEAD), 1);
}

/*
 * A block that is explained as well without motion does not move: what is still is copied, bit for bit, and not
 * pushed about by a noise of a few hundredths of a pixel.
 */
static bool block_is_still(const NstTemporal *t, int x0, int y0, int x1, int y1)
{
    ptrdiff_t stride;
    const float *now = flow_luma(t->flow, 0, &stride), *last = flow_luma(t->flow, 1, &stride);
    float still = 0, moved = 0, motion = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            ptrdiff_t at = y * t->stride + x;
            float u = t->u[at], v = t->v[at], px = (float)x + 0.5f * u, py = (float)y + 0.5f * v;
            motion = fmaxf(motion, u * u + v * v);
            int ix = (int)floorf(px), iy = (int)floorf(py);
            if (motion > STILL_MOTION * STILL_MOTION || ix < -1 || iy < -1 || ix > t->sw || iy > t->sh)
                return false;
            float fx = px - (float)ix, fy = py - (float)iy, d = now[y * stride + x] - last[y * stride + x];
            const float *from = last + iy * stride + ix;
            float a = from[0] + fx * (from[1] - from[0]), b = from[stride] + fx * (from[stride + 1] - from[stride]);
            float e = now[y * stride + x] - (a + fy * (b - a));
            still += d * d;
            moved += e * e;
        }
    float n = (float)((x1 - x0) * (y1 - y0));
    return still <= 1.15f * moved + 0.5f * n;
}

static void still_task(void *arg, int unit, int slot)
{
    NstTemporal *t = arg;
    int y0 = unit * BLOCK, y1 = min_int(y0 + BLOCK, t->sh);
    (void)slot;
    for (int x0 = 0; x0 < t->sw; x0 += BLOCK) {
        int x1 = min_int(x0 + BLOCK, t->sw);
        if (!block_is_still(t, x0, y0, x1, y1))
            continue;
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++)
                t->u[y * t->stride + x] = t->v[y * t->stride + x] = 0;
    }
}

bool temporal_find_motion(NstTemporal *t, NstFlow how, const NstFrameInfo *info)
{
    bool searched = false;
    const NstField *vectors = mvfield_fill(flow_field(t->flow, NST_WAY_BACK), info);
    if (how == NST_FLOW_NONE || (how == NST_FLOW_MV && !vectors)) {
        for (int y = 0; y < t->sh; y++) {
            size_t bytes = (size_t)t->sw * sizeof(float);
            memset(t->u + y * t->stride, 0, bytes);
            memset(t->v + y * t->stride, 0, bytes);
            memset(t->ahead_x + y * t->stride, 0, bytes);
            memset(t->ahead_y + y * t->stride, 0, bytes);
        }
    } else if (vectors && (how == NST_FLOW_MV || flow_explains(t->flow, vectors))) {
        set_motion(t, vectors);
    } else {
        set_motion(t, flow_estimate(t->flow, NST_WAY_BACK));
        searched = true;
    }
    team_for(&t->team, ceil_div(t->sh, BLOCK), still_task, t);
    temporal_frame(t, t->u);
    temporal_frame(t, t->v);
    return searched;
}
