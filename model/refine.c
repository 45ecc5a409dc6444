/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refine.h"

#include <string.h>

#include "util.h"

enum {
    ROWS = 8,      /* of a unit of work */
    PLANES = 16,   /* of NstRefine */
    FRAME = 16,    /* floats before a row, so that rows are aligned; one row above and below */
    WARPS = 2,     /* times that the other picture is fetched along the flow, */
    OUTER = 2,     /* that the robust weights are made anew for each, */
    INNER = 5      /* and steps for each of those */
};

static size_t stride_of(int w)
{
    return align_floats((size_t)w + FRAME + 1);
}

size_t refine_floats(int w, int h)
{
    return PLANES * stride_of(w) * ((size_t)h + 2);
}

typedef struct Job {
    NstRefine r;
    const NstRefineLevel *level;
    const NstDsp *dsp;
    float omega;
} Job;

static void lay_out(NstRefine *r, const NstRefineLevel *level, float *memory)
{
    float **planes[PLANES] = {&r->u0, &r->v0, &r->u[0], &r->v[0], &r->u[1], &r->v[1], &r->mean, &r->diff,
                              &r->known, &r->a11, &r->a12, &r->a22, &r->b1, &r->b2, &r->right, &r->down};
    r->w = level->w;
    r->h = level->h;
    r->stride = (ptrdiff_t)stride_of(level->w);
    for (int i = 0; i < PLANES; i++, memory += r->stride * (level->h + 2))
        *planes[i] = memory + r->stride + FRAME;
    /* no smoothness across the frame */
    memset(r->down - r->stride, 0, (size_t)r->w * sizeof(float));
    for (int y = 0; y < r->h; y++)
        r->right[y * r->stride - 1] = 0;
}

static void repeat_sides(const NstRefine *r, float *plane, int y)
{
    float *row = plane + y * r->stride;
    row[-1] = row[0];
    row[r->w] = row[r->w - 1];
}

static void repeat_ends(const NstRefine *r, float *plane)
{
    size_t bytes = ((size_t)r->w + 2) * sizeof(float);
    float *first = plane - 1, *last = first + (r->h - 1) * r->stride;
    memcpy(first - r->stride, first, bytes);
    memcpy(last + r->stride, last, bytes);
}

static void warp_task(void *arg, int unit, int slot)
{
    Job *job = arg;
    const NstRefine *r = &job->r;
    const NstRefineLevel *level = job->level;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, r->h); y++) {
        size_t bytes = (size_t)r->w * sizeof(float), from = (size_t)y * (size_t)r->w;
        ptrdiff_t at = y * r->stride;
        float *u[3] = {r->u0, r->u[0], r->u[1]}, *v[3] = {r->v0, r->v[0], r->v[1]};
        for (int i = 0; i < 3; i++) {
            memcpy(u[i] + at, level->x + from, bytes);
            memcpy(v[i] + at, level->y + from, bytes);
            repeat_sides(r, u[i], y);
            repeat_sides(r, v[i], y);
        }
        job->dsp->refine_warp(r, level->own, level->other, level->stride, y);
        repeat_sides(r, r->mean, y);
        repeat_sides(r, r->diff, y);
    }
}

static void warp(Job *job, const NstTeam *team, int units)
{
    float *framed[] = {job->r.u[0], job->r.v[0], job->r.mean, job->r.diff};
    team_for(team, units, warp_task, job);
    for (size_t i = 0; i < sizeof(framed) / sizeof(*framed); i++)
        repeat_ends(&job->r, framed[i]);
}

static void weights_task(void *arg, int unit, int slot)
{
    Job *job = arg;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, job->r.h); y++) {
        job->dsp->refine_terms(&job->r, y);
        job->dsp->refine_smoothness(&job->r, y);
    }
}

static void relax_task(void *arg, int unit, int slot)
{
    Job *job = arg;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, job->r.h); y++) {
        job->dsp->refine_relax(&job->r, y, job->omega);
        repeat_sides(&job->r, job->r.u[1], y);
        repeat_sides(&job->r, job->r.v[1], y);
    }
}

static void store_task(void *arg, int unit, int slot)
{
    Job *job = arg;
    const NstRefine *r = &job->r;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, r->h); y++) {
        size_t bytes = (size_t)r->w * sizeof(float), to = (size_t)y * (size_t)r->w;
        memcpy(job->level->x + to, r->u[0] + y * r->stride, bytes);
        memcpy(job->level->y + to, r->v[0] + y * r->stride, bytes);
    }
}

static void swap(float **pair)
{
    float *first = pair[0];
    pair[0] = pair[1];
    pair[1] = first;
}

/* Chebyshev's semi-iteration (Golub and Varga 1961): as fast as successive over-relaxation, in any order of samples. */
static void relax(Job *job, const NstTeam *team, int units)
{
    const float radius = 0.99f; /* of Jacobi's matrix, as far as a few steps see it */
    job->omega = 1;
    for (int i = 0; i < INNER; i++) {
        team_for(team, units, relax_task, job);
        swap(job->r.u);
        swap(job->r.v);
        repeat_ends(&job->r, job->r.u[0]);
        repeat_ends(&job->r, job->r.v[0]);
        job->omega = 1 / (1 - radius * radius * job->omega * (i > 0 ? 0.25f : 0.5f));
    }
}

void refine(const NstRefineLevel *level, const NstDsp *dsp, const NstTeam *team, float *memory)
{
    Job job = {.level = level, .dsp = dsp};
    int units = ceil_div(level->h, ROWS);
    lay_out(&job.r, level, memory);
    for (int i = 0; i < WARPS; i++) {
        warp(&job, team, units);
        for (int k = 0; k < OUTER; k++) {
            team_for(team, units, weights_task, &job);
            relax(&job, team, units);
        }
        team_for(team, units, store_task, &job);
    }
}
