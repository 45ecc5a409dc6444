/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal_internal.h"

#include <string.h>

#include "mvfield.h"
#include "util.h"

enum {
    BLOCK = 8,       /* samples of luma that are held still together */
    ROUNDS = 2,      /* of the refinement of a motion that begins with the last one, */
    QUICK_ROUNDS = 1 /* where the picture is only carried */
};

#define LEADS_EXPLAINED 0.9f /* of the picture */
#define STILL_MOTION 0.25f   /* pixels: what moves farther is not still. More would tear what pans slowly into blocks */

void temporal_frame_row(const NstTemporal *t, float *plane, int y)
{
    const size_t bytes = ((size_t)t->sw + 2) * sizeof(float);
    float *row = plane + y * t->stride;
    row[-1] = row[0];
    row[t->sw] = row[t->sw - 1];
    if (y == 0)
        memcpy(row - 1 - t->stride, row - 1, bytes);
    if (y == t->sh - 1)
        memcpy(row - 1 + t->stride, row - 1, bytes);
}

/*
 * A block that is explained as well without motion does not move: what is still is copied, bit for bit, and not
 * pushed about by a noise of a few hundredths of a pixel.
 */
static bool block_is_still(const NstTemporal *t, int x0, int y0, int x1, int y1)
{
    ptrdiff_t stride;
    const float *now = flow_luma(t->flow, 0, &stride), *last = flow_luma(t->flow, 1, &stride);
    float still = 0, moved = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            ptrdiff_t at = y * t->stride + x;
            float u = t->u[at], v = t->v[at], px = (float)x + 0.5f * u, py = (float)y + 0.5f * v;
            if (!(u * u + v * v <= STILL_MOTION * STILL_MOTION))
                return false;
            int ix = (int)(px + 1) - 1, iy = (int)(py + 1) - 1; /* rounded down, for they are more than -1 */
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

/* A motion to be taken over; NULL: none */
typedef struct Motion {
    NstTemporal *t;
    const NstField *back;
} Motion;

static void take_row(const Motion *motion, int y)
{
    const NstTemporal *t = motion->t;
    const size_t w = (size_t)t->sw, from = (size_t)y * w;
    float *u = t->u + y * t->stride, *v = t->v + y * t->stride;
    if (motion->back) {
        t->dsp.scale_shift(u, motion->back->x + from, 2, 0, w);
        t->dsp.scale_shift(v, motion->back->y + from, 2, 0, w);
    } else {
        memset(u, 0, w * sizeof(*u));
        memset(v, 0, w * sizeof(*v));
    }
}

static void motion_task(void *arg, int unit, int slot)
{
    const Motion *motion = arg;
    const NstTemporal *t = motion->t;
    int y0 = unit * BLOCK, y1 = min_int(y0 + BLOCK, t->sh);
    (void)slot;
    for (int y = y0; y < y1; y++)
        take_row(motion, y);
    for (int x0 = 0; motion->back && x0 < t->sw; x0 += BLOCK) {
        int x1 = min_int(x0 + BLOCK, t->sw);
        if (!block_is_still(t, x0, y0, x1, y1))
            continue;
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++)
                t->u[y * t->stride + x] = t->v[y * t->stride + x] = 0;
    }
    for (int y = y0; y < y1; y++) {
        temporal_frame_row(t, t->u, y);
        temporal_frame_row(t, t->v, y);
    }
}

/* Whether the vectors lead near enough for the motion to be found from there. */
static bool begin_with_vectors(NstTemporal *t, NstFlow how, const NstFrameInfo *info)
{
    const NstField *vectors = NULL;
    if (how == NST_FLOW_MV || how == NST_FLOW_AUTO)
        vectors = mvfield_fill(flow_field(t->flow, NST_WAY_BACK), t->flow, info);
    return vectors && (how == NST_FLOW_MV || flow_explains(t->flow, vectors));
}

/*
 * A search begins with the last motion where that is worth it: to save time in a picture that is only carried; in any
 * where the last one was explained, as long as one now and then is found from the coarsest level on. Returns whether a
 * more thorough search may find another one.
 */
static bool search(NstTemporal *t, NstEffort effort)
{
    const bool quick = effort == NST_EFFORT_FOLLOW;
    const bool follows = (quick && t->followed < 1) || (t->explained >= LEADS_EXPLAINED && t->followed < NST_FOLLOWS_MAX);
    if (effort == NST_EFFORT_BOTH)
        t->ahead = flow_ahead(t->flow);
    if (follows)
        flow_follow(t->flow, quick ? QUICK_ROUNDS : ROUNDS);
    else
        flow_estimate(t->flow, NST_WAY_BACK);
    t->followed = follows ? t->followed + 1 : 0;
    return follows || effort != NST_EFFORT_BOTH;
}

bool temporal_find_motion(NstTemporal *t, NstFlow how, const NstFrameInfo *info, NstEffort effort)
{
    Motion motion = {.t = t, .back = flow_field(t->flow, NST_WAY_BACK)};
    bool more = false;
    t->ahead = NULL;
    if (begin_with_vectors(t, how, info)) {
        flow_improve(t->flow);
        t->followed = 0;
    } else if (how == NST_FLOW_NONE || how == NST_FLOW_MV) {
        motion.back = NULL;
        t->followed = NST_FOLLOWS_MAX;
    } else {
        more = search(t, effort);
    }
    team_for(&t->team, ceil_div(t->sh, BLOCK), motion_task, &motion);
    return more;
}
