/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refine.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

enum {
    ROWS = 8,      /* of a unit of work */
    PLANES = 16,   /* of NstRefine */
    FRAME = NST_REFINE_PAD, /* floats before a row, so that rows are aligned; one row above and below */
    INNER = 10,    /* steps of a round */
    SPARSE = 8,    /* samples to each side of one that tells of the light */
    BAND = 32,     /* rows, or so, that all steps are made in while they are at hand */
    BAND_MIN = 2 * INNER + 2, /* the steps at two seams must not meet */
    PAGE = 1024, APART = 80   /* floats */
};

_Static_assert(BAND * 3 / 4 >= BAND_MIN, "two bands are made of one and a half and more");

static size_t stride_of(int w)
{
    return align_floats((size_t)w + FRAME + 1);
}

/* Planes that lie whole pages apart would push each other out of the cache. */
static size_t plane_floats(int w, int h)
{
    const size_t floats = stride_of(w) * ((size_t)h + 2);
    return floats + (PAGE + APART - floats % PAGE) % PAGE;
}

size_t refine_floats(int w, int h)
{
    return PLANES * plane_floats(w, h);
}

typedef struct Job {
    NstRefine r;
    const NstRefineLevel *level;
    const NstDsp *dsp;
    float omega[INNER * NST_REFINE_ROUNDS];
    int bands, round;
} Job;

static bool last_round(const Job *job)
{
    return job->round == job->level->rounds - 1;
}

static void lay_out(NstRefine *r, const NstRefineLevel *level, float *memory)
{
    float **planes[PLANES] = {&r->u0, &r->v0, &r->u[0], &r->v[0], &r->u[1], &r->v[1], &r->mean, &r->diff,
                              &r->known, &r->i11, &r->i12, &r->i22, &r->b1, &r->b2, &r->right, &r->down};
    r->w = level->w;
    r->h = level->h;
    r->stride = (ptrdiff_t)stride_of(level->w);
    for (int i = 0; i < PLANES; i++, memory += plane_floats(level->w, level->h))
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

static void repeat_row(const NstRefine *r, float *plane, int from, int to)
{
    memcpy(plane + to * r->stride - 1, plane + from * r->stride - 1, ((size_t)r->w + 2) * sizeof(float));
}

static void repeat_top(const NstRefine *r)
{
    repeat_row(r, r->u[0], 0, -1);
    repeat_row(r, r->v[0], 0, -1);
}

static void repeat_bottom(const NstRefine *r)
{
    repeat_row(r, r->u[0], r->h - 1, r->h);
    repeat_row(r, r->v[0], r->h - 1, r->h);
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
    for (size_t i = 0; i < sizeof(framed) / sizeof(*framed); i++) {
        repeat_row(&job->r, framed[i], 0, -1);
        repeat_row(&job->r, framed[i], job->r.h - 1, job->r.h);
    }
}

/*
 * A change of light, as of exposure, is the same everywhere: the line through the differences over the brightness, for
 * one sample in SPARSE x SPARSE, without those that are far from it.
 */
static void find_light(NstRefine *r, float limit)
{
    double n = 0, x = 0, z = 0, xx = 0, xz = 0;
    for (int j = 0; j < r->h; j += SPARSE)
        for (int i = 0; i < r->w; i += SPARSE) {
            ptrdiff_t at = j * r->stride + i;
            double brightness = (double)r->mean[at], diff = (double)r->diff[at];
            if (r->known[at] > 0 && fabs(diff - (double)r->gain * brightness - (double)r->offset) < (double)limit) {
                n++;
                x += brightness;
                z += diff;
                xx += brightness * brightness;
                xz += brightness * diff;
            }
        }
    double spread = n * xx - x * x;
    r->gain = spread > n * n ? (float)((n * xz - x * z) / spread) : 0;
    r->offset = n > 0 ? (float)((z - (double)r->gain * x) / n) : 0;
}

static void swap(float **pair)
{
    float *first = pair[0];
    pair[0] = pair[1];
    pair[1] = first;
}

/*
 * Chebyshev's semi-iteration (Golub and Varga 1961): as fast as successive over-relaxation, in any order of samples. A
 * sample's last two values are all that is kept, and all that is needed, in whichever order bands and seams take turns.
 * The iteration goes on from round to round: new weights change the equations little, and to begin anew costs speed.
 */
static void relax_row(const Job *job, int step, int y)
{
    NstRefine r = job->r;
    if (step % 2) {
        swap(r.u);
        swap(r.v);
    }
    job->dsp->refine_relax(&r, y, job->omega[job->round * INNER + step]);
    repeat_sides(&r, r.u[1], y);
    repeat_sides(&r, r.v[1], y);
}

/* Equal ones, and an even number where that may be, so that two threads get equal shares */
static int band_count(int h)
{
    const int bands = max_int((h + BAND / 2) / BAND, 1), even = bands + bands % 2;
    return h / even >= BAND_MIN ? even : bands;
}

static int seam_before(const Job *job, int band)
{
    return job->r.h * band / job->bands;
}

static int middle_of(const Job *job, int band)
{
    return (seam_before(job, band) + seam_before(job, band + 1)) / 2;
}

/*
 * Of a band of rows: smoothness, but for the rows at its seams, which have theirs from the round before; the terms; and
 * the steps, each a row less at the seams, where the next step lacks what lies beyond
 */
static void band_task(void *arg, int band, int slot)
{
    const Job *job = arg;
    const int first = seam_before(job, band), end = seam_before(job, band + 1);
    const bool begins = first == 0, ends = end == job->r.h;
    (void)slot;
    if (begins)
        repeat_top(&job->r);
    if (ends)
        repeat_bottom(&job->r);
    for (int y = begins ? 0 : first + 1; y < (ends ? end : end - 1); y++)
        job->dsp->refine_smoothness(&job->r, y);
    for (int y = first; y < end; y++)
        job->dsp->refine_terms(&job->r, y);
    /* each step a row behind the one before: what a row needs is then still at hand */
    for (int front = first; front < end + INNER - 1; front++)
        for (int step = 0; step < INNER; step++) {
            const int y = front - step;
            if (y >= (begins ? 0 : first + step) && y < (ends ? end : end - step))
                relax_row(job, step, y);
        }
}

static void seam_smoothness(const Job *job, int seam)
{
    job->dsp->refine_smoothness(&job->r, seam - 1);
    job->dsp->refine_smoothness(&job->r, seam);
}

/* What the bands on both sides of the seam after a band left out; then the next round's smoothness, or the result. */
static void seam_task(void *arg, int band, int slot)
{
    const Job *job = arg;
    const NstRefine *r = &job->r;
    const int seam = seam_before(job, band + 1);
    const bool ends = seam == r->h;
    const int from = band ? middle_of(job, band) : 0, end = ends ? r->h : middle_of(job, band + 1);
    (void)slot;
    for (int step = 1; !ends && step < INNER; step++)
        for (int y = seam - step; y < seam + step; y++)
            relax_row(job, step, y);
    if (!last_round(job) && !ends)
        seam_smoothness(job, seam);
    for (int y = from; last_round(job) && y < end; y++) {
        size_t bytes = (size_t)r->w * sizeof(float), to = (size_t)y * (size_t)r->w;
        memcpy(job->level->x + to, r->u[0] + y * r->stride, bytes);
        memcpy(job->level->y + to, r->v[0] + y * r->stride, bytes);
    }
}

_Static_assert(INNER % 2 == 0, "steps end where they began, in u[0] and v[0]");

void refine(const NstRefineLevel *level, const NstDsp *dsp, const NstTeam *team, float *memory)
{
    const float radius = 0.9975f; /* of Jacobi's matrix, as far as a few steps see it */
    const int units = ceil_div(level->h, ROWS);
    Job job = {.level = level, .dsp = dsp, .omega = {1}, .bands = band_count(level->h)};
    for (int i = 1; i < level->rounds * INNER; i++)
        job.omega[i] = 1 / (1 - radius * radius * job.omega[i - 1] * (i > 1 ? 0.25f : 0.5f));
    lay_out(&job.r, level, memory);
    warp(&job, team, units);
    find_light(&job.r, 64);
    find_light(&job.r, 12);
    for (int band = 1; band < job.bands; band++)
        seam_smoothness(&job, seam_before(&job, band));
    for (job.round = 0; job.round < level->rounds; job.round++) {
        team_for(team, job.bands, band_task, &job);
        team_for(team, job.bands, seam_task, &job);
    }
}
