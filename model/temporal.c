/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum {
    SIDE = NST_WARP_TAPS,  /* frame of the history, in pixels, and of rows of samples */
    BAND = 12,             /* rows of samples that are blended and sharpened in one go */
    BINS = 256,            /* of the histogram of differences */
    MOTION_SAMPLES = 150000 /* the most that motion is searched on; beyond, from about 1100x620 on, half as finely */
};

#define LEAK_STILL (1 / 1024.0f) /* share of the fresh painting where nothing moves, with temporal = 1, */
#define LEAK_MOVING (1 / 5.0f)   /* and where the last one is moved: its strokes wear out, get torn and stretched; */
#define SHARPEN_MAX 0.5f
#define NOISE_MIN 1.5f     /* levels: differences of the source that always pass for noise */
#define NOISE_MAX 8.0f     /* and that never do */
#define CUT_EXPLAINED 0.35f   /* a scene begins where less of the picture than this is explained */
#define EXPLAINED_LESS 0.05f  /* of the picture */
#define PAINT_EXPLAINED 0.6f /* between key frames the networks paint where less is explained */

enum { SCRATCH_ROWS = 3 };

static size_t scratch_row(const NstTemporal *t)
{
    return align_floats(2 * (size_t)t->sw + 4 * SIDE);
}

/* ---- memory ---- */

static float *take(float **at, size_t *used, size_t floats)
{
    float *got = *at ? *at + *used : NULL;
    *used += align_floats(floats);
    return got;
}

/* Planes of samples, from their first one on */
static float *take_samples(NstTemporal *t, float **at, size_t *used)
{
    float *plane = take(at, used, (size_t)t->stride * (size_t)(t->sh + 2));
    return plane ? plane + t->stride + SIDE : NULL;
}

static size_t lay_out(NstTemporal *t, int w, int h, int threads, float *memory)
{
    size_t used = 0, pixels = 4 * (size_t)ceil_div(w, 2) * (size_t)ceil_div(h, 2);
    t->w = w;
    t->h = h;
    t->sw = ceil_div(w, 2);
    t->sh = ceil_div(h, 2);
    t->stride = (ptrdiff_t)align_floats((size_t)t->sw + 2 * SIDE);
    t->history_stride = (ptrdiff_t)align_floats(4 * ((size_t)w + 2 * SIDE));
    float **pictures[] = {&t->history, &t->carried};
    for (int i = 0; i < 2; i++) {
        float *picture = take(&memory, &used, (size_t)t->history_stride * (size_t)(h + 2 * SIDE));
        *pictures[i] = picture ? picture + SIDE * t->history_stride + 4 * SIDE : NULL;
    }
    t->luma = take(&memory, &used, pixels);
    t->taps = take(&memory, &used, NST_WARP_PHASES * NST_WARP_TAPS);
    float **planes[] = {&t->u, &t->v, &t->error, &t->trust, &t->weight, &t->seen};
    for (size_t i = 0; i < sizeof(planes) / sizeof(*planes); i++)
        *planes[i] = take_samples(t, &memory, &used);
    t->place = (int *)take_samples(t, &memory, &used);
    t->scratch = take(&memory, &used, (size_t)threads * SCRATCH_ROWS * scratch_row(t));
    t->histograms = (int *)take(&memory, &used, (size_t)threads * BINS);
    t->unseen = take(&memory, &used, temporal_unseen_floats(w, h));
    t->row_sums = (double *)take(&memory, &used, 2 * 4 * (size_t)t->sh);
    return used;
}

/* Lanczos's kernel, which a picture can go through often before it blurs; each phase's sum is 1 */
static void make_taps(float *taps)
{
    const double pi = acos(-1), lobes = NST_WARP_TAPS / 2;
    for (int phase = 0; phase < NST_WARP_PHASES; phase++, taps += NST_WARP_TAPS) {
        double weight[NST_WARP_TAPS], sum = 0;
        for (int i = 0; i < NST_WARP_TAPS; i++) {
            double x = pi * ((double)phase / NST_WARP_PHASES - (i - (NST_WARP_TAPS / 2 - 1)));
            weight[i] = fabs(x) < 1e-9 ? 1 : sin(x) * sin(x / lobes) * lobes / (x * x);
            sum += weight[i];
        }
        for (int i = 0; i < NST_WARP_TAPS; i++)
            taps[i] = (float)(weight[i] / sum);
    }
}

size_t temporal_bytes_for(int width, int height, const NstCompute *compute)
{
    NstTemporal t;
    int threads = threads_count(compute->threads);
    return lay_out(&t, width, height, threads, NULL) * sizeof(float) + flow_bytes(t.sw, t.sh, MOTION_SAMPLES, threads);
}

int temporal_create(NstTemporal **out, int width, int height, const NstCompute *compute, NstError *err)
{
    NstTemporal *t = *out = calloc(1, sizeof(*t));
    if (!t)
        return fail(err, NST_ENOMEM, "out of memory");
    t->team = team_of(compute);
    dsp_init(&t->dsp, compute->cpu);
    t->memory = aligned_calloc(lay_out(t, width, height, t->team.threads, NULL), sizeof(float));
    int code = t->memory ? flow_create(&t->flow, t->sw, t->sh, MOTION_SAMPLES, &t->dsp, &t->team, err)
                         : fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", width, height);
    if (code < 0) {
        temporal_free(out);
        return code;
    }
    lay_out(t, width, height, t->team.threads, t->memory);
    make_taps(t->taps);
    t->followed = NST_FOLLOWS_MAX;
    return NST_OK;
}

void temporal_free(NstTemporal **out)
{
    NstTemporal *t = *out;
    if (!t)
        return;
    flow_free(&t->flow);
    aligned_free(t->memory);
    free(t);
    *out = NULL;
}

void temporal_forget(NstTemporal *t)
{
    t->has_history = false;
}

/* ---- the source ---- */

typedef struct Job {
    NstTemporal *t;
    NstLumaRow *luma_row;    /* of the source, with its argument */
    const void *luma_arg;
    const NstPlanes *planes; /* of the painting */
    float *half;             /* luma for the flow */
    ptrdiff_t half_stride;
    float tolerance;         /* of squared differences */
} Job;

static float *scratch(const NstTemporal *t, int slot, int row)
{
    return t->scratch + ((size_t)slot * SCRATCH_ROWS + (size_t)row) * scratch_row(t) + SIDE;
}

/* Row i of pixels, of the 2 sh that samples have: beyond an odd height the last one is repeated. */
float *temporal_luma_row(const NstTemporal *t, int i)
{
    return t->luma + (size_t)i * 2 * (size_t)t->sw;
}

static void luma_task(void *arg, int y, int slot)
{
    const Job *job = arg;
    NstTemporal *t = job->t;
    for (int i = 2 * y; i < 2 * y + 2; i++) {
        float *row = temporal_luma_row(t, i);
        job->luma_row(job->luma_arg, min_int(i, t->h - 1), slot, row);
        row[2 * t->sw - 1] = row[t->w - 1];
    }
    t->dsp.flow_halve(temporal_luma_row(t, 2 * y), temporal_luma_row(t, 2 * y + 1), job->half + y * job->half_stride,
                      t->sw);
}

static void take_luma(NstTemporal *t, NstLumaRow *luma_row, const void *arg)
{
    Job job = {.t = t, .luma_row = luma_row, .luma_arg = arg};
    job.half = flow_next(t->flow, &job.half_stride);
    team_for(&t->team, t->sh, luma_task, &job);
    flow_ready(t->flow);
}

/* ---- the last painting along the motion ---- */

const float *temporal_enlarge(const NstTemporal *t, const float *plane, int y, int i, int slot, int which)
{
    const float *at = plane + y * t->stride;
    float *between = scratch(t, slot, 2), *row = scratch(t, slot, which);
    t->dsp.lerp(between - 1, at - 1, at - 1 + (i ? t->stride : -t->stride), 0.25f, (size_t)t->sw + 2);
    t->dsp.enlarge2(row, between, 0.25f, 2 * (size_t)t->sw);
    return row;
}

float *temporal_carried_row(const NstTemporal *t, int i)
{
    return t->carried + i * t->history_stride;
}

static void warp_task(void *arg, int y, int slot)
{
    const Job *job = arg;
    NstTemporal *t = job->t;
    const NstWarp warp = {t->w, t->h, t->history, t->history_stride, t->taps};
    const float *luma[2] = {temporal_luma_row(t, 2 * y), temporal_luma_row(t, 2 * y + 1)};
    float *carried[2] = {temporal_carried_row(t, 2 * y), temporal_carried_row(t, 2 * y + 1)};
    float *error = t->error + y * t->stride;
    t->dsp.temporal_warp(&warp, y, t->u + y * t->stride, t->v + y * t->stride, luma, carried, error);
    temporal_frame_row(t, t->error, y);
    for (int x = 0; y % 2 == 0 && x < t->sw; x += 2)
        t->histograms[slot * BINS + min_int((int)(8 * sqrtf(error[x])), BINS - 1)]++;
}

/* What passes for noise: a little more than the median of the differences, squared. */
static float tolerance(const NstTemporal *t)
{
    int n = ceil_div(t->sh, 2) * ceil_div(t->sw, 2), below = 0, bin = 0;
    for (; bin < BINS - 1; bin++) {
        for (int slot = 0; slot < t->team.threads; slot++)
            below += t->histograms[slot * BINS + bin];
        if (below >= n / 2)
            break;
    }
    float noise = 2.5f * ((float)bin + 1) / 8;
    noise = 3 * NOISE_MIN + (noise < NOISE_MIN ? NOISE_MIN : noise > NOISE_MAX ? NOISE_MAX : noise);
    return noise * noise;
}

/*
 * What is trusted at all is kept nearly whole: halves of two paintings have less texture than either. The share that
 * leaks in shrinks with the square of `temporal`.
 */
static void trust_task(void *arg, int y, int slot)
{
    const Job *job = arg;
    NstTemporal *t = job->t;
    const float squared = t->temporal * t->temporal;
    NstTrust trust = {.w = t->sw, .h = t->sh, .stride = t->stride, .u = t->u, .v = t->v, .error = t->error,
                      .tolerance = job->tolerance, .trust = t->trust, .weight = t->weight, .place = t->place,
                      .ahead_x = t->u, .ahead_y = t->v, .ahead_w = t->sw, .ahead_h = t->sh, .ahead_stride = t->stride,
                      .ahead_size = 1, .ahead_scale = -1};
    (void)slot;
    if (t->ahead) {
        trust.ahead_x = t->ahead->x;
        trust.ahead_y = t->ahead->y;
        trust.ahead_w = t->ahead->w;
        trust.ahead_h = t->ahead->h;
        trust.ahead_stride = t->ahead->w;
        trust.ahead_size = t->sw / t->ahead->w;
        trust.ahead_scale = 2 * (float)trust.ahead_size;
    }
    if (squared > 0) {
        trust.still = 1 - LEAK_STILL / (squared + LEAK_STILL);
        trust.moving = 1 - LEAK_MOVING / (squared + LEAK_MOVING);
    }
    t->dsp.temporal_trust(&trust, y);
    temporal_frame_row(t, t->trust, y);
    temporal_frame_row(t, t->weight, y);
    t->row_sums[4 * y] = t->dsp.sum(t->trust + y * t->stride, (size_t)t->sw);
}

static double sum_rows(const NstTemporal *t, int which)
{
    double sum = 0;
    for (int y = 0; y < t->sh; y++)
        sum += t->row_sums[4 * y + which];
    return sum;
}

/* Returns how much of the picture the motion explains. */
static float judge(NstTemporal *t)
{
    Job job = {.t = t, .tolerance = tolerance(t)};
    team_for(&t->team, t->sh, trust_task, &job);
    return (float)(sum_rows(t, 0) / ((double)t->sw * t->sh));
}

/* As judge, after the last painting was moved. */
static float move(NstTemporal *t)
{
    Job job = {.t = t};
    memset(t->histograms, 0, (size_t)t->team.threads * BINS * sizeof(*t->histograms));
    team_for(&t->team, t->sh, warp_task, &job);
    return judge(t);
}

/* As move. What explains too little, or much less than the motion it was found from, is searched for with all effort. */
static void follow(NstTemporal *t, NstFlow how, const NstFrameInfo *info, NstEffort effort)
{
    const bool more = temporal_find_motion(t, how, info, effort);
    const float least = t->followed ? fmaxf(t->explained - EXPLAINED_LESS, PAINT_EXPLAINED) : PAINT_EXPLAINED;
    t->explained = move(t);
    if (more && t->explained < least) {
        t->followed = NST_FOLLOWS_MAX;
        temporal_find_motion(t, how, info, NST_EFFORT_BOTH);
        t->explained = move(t);
    }
}

static void begin(NstTemporal *t)
{
    for (int y = -1; y <= t->sh; y++)
        memset(t->weight + y * t->stride - 1, 0, ((size_t)t->sw + 2) * sizeof(float));
    for (int y = 0; y < t->h; y++)
        memset(temporal_carried_row(t, y), 0, 4 * (size_t)t->w * sizeof(float));
    t->has_history = false;
    t->followed = NST_FOLLOWS_MAX;
}

NstSight temporal_look(NstTemporal *t, NstLumaRow *luma_row, const void *arg, const NstStylizeOptions *options,
                       const NstFrameInfo *info)
{
    NstSight sight = {.follows = t->has_history, .paint = true};
    int every = options->every ? options->every : NST_MAX_EVERY;
    bool due = t->since_painted + 1 >= every;
    t->temporal = options->temporal;
    take_luma(t, luma_row, arg);
    if (t->has_history)
        follow(t, options->flow, info, !due ? NST_EFFORT_FOLLOW : every > 1 ? NST_EFFORT_BACK : NST_EFFORT_BOTH);
    sight.scene_cut = t->has_history && t->explained < CUT_EXPLAINED;
    if (!t->has_history || sight.scene_cut) {
        begin(t);
        sight.follows = false;
        return sight;
    }
    sight.paint = due || t->explained < PAINT_EXPLAINED;
    if (!sight.paint)
        temporal_miss(t);
    return sight;
}

/* ---- the painting ---- */

/* Sums over every fourth of n samples, `step` floats apart: differences over the sharpener's reach */
static double steepness(const float *x, int step, int n)
{
    float sum = 0;
    for (int i = 0; i + NST_SHARPEN_REACH < n; i += 4)
        sum += fabsf(x[(i + NST_SHARPEN_REACH) * step] - x[i * step]);
    return (double)sum;
}

static double flicker(const float *fresh, float scale, const float *weight, const float *carried, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i += 4)
        sum += weight[i] > 0 ? (1 - weight[i]) * fabsf(fresh[i] - scale * carried[4 * i + 1]) : 0;
    return (double)sum;
}

/* Repeats the edge of a row of what was carried over its frame. */
static void frame_carried(const NstTemporal *t, int row)
{
    const size_t bytes = 4 * ((size_t)t->w + 2 * SIDE) * sizeof(float);
    float *first = temporal_carried_row(t, row), *last = first + 4 * (t->w - 1), *framed = first - 4 * SIDE;
    for (int x = 1; x <= SIDE; x++) {
        memcpy(first - 4 * x, first, 4 * sizeof(float));
        memcpy(last + 4 * x, last, 4 * sizeof(float));
    }
    for (int i = 1; i <= SIDE; i++) {
        if (row == 0)
            memcpy(framed - i * t->history_stride, framed, bytes);
        if (row == t->h - 1)
            memcpy(framed + i * t->history_stride, framed, bytes);
    }
}

/* What was carried takes in the painting. One row of two tells enough of what the sums are of. */
static void blend_rows(const Job *job, int y, int slot)
{
    NstTemporal *t = job->t;
    double *sums = t->row_sums + 4 * y;
    for (int i = 0; i < 2 && 2 * y + i < t->h; i++) {
        const int row = 2 * y + i;
        const ptrdiff_t at = row * job->planes->stride;
        const float *x[3] = {job->planes->rgb[0] + at, job->planes->rgb[1] + at, job->planes->rgb[2] + at};
        const float *weight = temporal_enlarge(t, t->weight, y, i, slot, 0);
        float *carried = temporal_carried_row(t, row);
        if (i == 0) {
            sums[1] = flicker(x[1], job->planes->scale, weight, carried, t->w);
            sums[2] = steepness(x[1], 1, t->w);
        }
        t->dsp.temporal_blend(x, job->planes->scale, temporal_luma_row(t, row), weight, carried, t->w);
        if (i == 0)
            sums[3] = (double)job->planes->scale * steepness(carried + 1, 4, t->w);
        frame_carried(t, row);
    }
}

/*
 * What was carried along has lost some of its texture between the pixels; the result, not the history, gets it back.
 * And where nothing is painted and the motion is not trusted, it changes as the source does. trust: NULL, or of samples
 */
static void sharpen_row(const NstTemporal *t, int row, int slot, const float *carried, const float *trust,
                        const NstPlanes *planes)
{
    const int y = row / 2, i = row % 2;
    const ptrdiff_t at = row * planes->stride;
    const float *weight = temporal_enlarge(t, t->weight, y, i, slot, 0);
    const float *enlarged = trust ? temporal_enlarge(t, trust, y, i, slot, 1) : NULL;
    t->dsp.temporal_sharpen((float *const[]){planes->rgb[0] + at, planes->rgb[1] + at, planes->rgb[2] + at},
                            planes->scale, weight, t->sharpen, trust ? temporal_luma_row(t, row) : NULL, enlarged,
                            carried, t->history_stride, t->w);
}

static void sharpen_rows(const Job *job, int y, int slot)
{
    const NstTemporal *t = job->t;
    for (int row = 2 * y; row < min_int(2 * y + 2, t->h); row++)
        sharpen_row(t, row, slot, temporal_carried_row(t, row), NULL, job->planes);
}

void temporal_make_row(const void *arg, int y, int slot, const NstPlanes *planes)
{
    const NstTemporal *t = arg;
    sharpen_row(t, y, slot, t->history + y * t->history_stride, t->seen, planes);
}

/* Rows of samples that are blended, and sharpened behind that, while they are at hand; not at the ends of a band */
static void band_task(void *arg, int band, int slot)
{
    const Job *job = arg;
    const int first = band * BAND, end = min_int(first + BAND, job->t->sh);
    for (int y = first; y < end; y++) {
        blend_rows(job, y, slot);
        if (job->t->has_history && y - 1 > first)
            sharpen_rows(job, y - 1, slot);
    }
}

static void ends_task(void *arg, int band, int slot)
{
    const Job *job = arg;
    const int first = band * BAND, last = min_int(first + BAND, job->t->sh) - 1;
    sharpen_rows(job, first, slot);
    if (last > first)
        sharpen_rows(job, last, slot);
}

static void frame_task(void *arg, int y, int slot)
{
    const Job *job = arg;
    (void)slot;
    for (int row = 2 * y; row < min_int(2 * y + 2, job->t->h); row++)
        frame_carried(job->t, row);
}

/* What was carried becomes the history. */
static void remember(NstTemporal *t)
{
    float *history = t->history;
    t->history = t->carried;
    t->carried = history;
    t->has_history = true;
}

/* The sharpness that is missing is measured in one painting, and given back to the next. */
float temporal_blend(NstTemporal *t, const NstPlanes *painting)
{
    Job job = {.t = t, .planes = painting};
    const int bands = ceil_div(t->sh, BAND), counted = ceil_div(t->h, 2) * ceil_div(t->w, 4);
    const bool had_history = t->has_history;
    team_for(&t->team, bands, band_task, &job);
    if (had_history)
        team_for(&t->team, bands, ends_task, &job);
    remember(t);
    const double fresh = sum_rows(t, 2), blended = sum_rows(t, 3);
    const float missing = blended > 0 ? (float)(fresh / blended) - 1 : 0;
    t->sharpen = missing < 0 ? 0 : missing > SHARPEN_MAX ? SHARPEN_MAX : missing;
    t->has_seen = false;
    t->since_painted = 0;
    return had_history ? (float)(sum_rows(t, 1) / (counted * (double)painting->scale)) : 0;
}

void temporal_carry(NstTemporal *t)
{
    Job job = {.t = t};
    team_for(&t->team, t->sh, frame_task, &job);
    remember(t);
    float *trust = t->trust;
    t->trust = t->seen;
    t->seen = trust;
    t->has_seen = true;
    t->since_painted++;
}

/* ---- another working size ---- */

typedef struct Resize {
    NstTemporal *to;
    const NstTemporal *from;
} Resize;

/* Where pixel i of n lies among n_from */
static int resized_place(int i, int n, int n_from, float *beyond)
{
    float place = ((float)i + 0.5f) * (float)n_from / (float)n - 0.5f, first = floorf(place);
    *beyond = place - first;
    return (int)first;
}

static void resize_task(void *arg, int y, int slot)
{
    const Resize *resize = arg;
    const NstTemporal *from = resize->from, *to = resize->to;
    float down, across, *out = temporal_carried_row(to, y);
    const float *row = from->history + resized_place(y, to->h, from->h, &down) * from->history_stride;
    (void)slot;
    for (int x = 0; x < to->w; x++) {
        const float *a = row + 4 * resized_place(x, to->w, from->w, &across), *b = a + from->history_stride;
        for (int c = 0; c < 4; c++) {
            float above = a[c] + across * (a[c + 4] - a[c]), below = b[c] + across * (b[c + 4] - b[c]);
            out[4 * x + c] = above + down * (below - above);
        }
    }
}

/* The luma of the history stands for the last source. */
static void remember_luma_task(void *arg, int y, int slot)
{
    const Job *job = arg;
    NstTemporal *t = job->t;
    float *rows[2] = {scratch(t, slot, 0), scratch(t, slot, 1)};
    for (int i = 0; i < 2; i++) {
        const float *history = t->history + min_int(2 * y + i, t->h - 1) * t->history_stride;
        for (int x = 0; x <= t->w; x++)
            rows[i][x] = history[4 * x + 3];
    }
    t->dsp.flow_halve(rows[0], rows[1], job->half + y * job->half_stride, t->sw);
}

void temporal_continue(NstTemporal *t, const NstTemporal *before)
{
    Resize resize = {t, before};
    Job job = {.t = t};
    if (!before->has_history)
        return;
    team_for(&t->team, t->h, resize_task, &resize);
    team_for(&t->team, t->sh, frame_task, &job);
    remember(t);
    job.half = flow_next(t->flow, &job.half_stride);
    team_for(&t->team, t->sh, remember_luma_task, &job);
    flow_ready(t->flow);
    t->sharpen = before->sharpen;
    t->since_painted = before->since_painted;
}
