/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stability.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "exec.h"
#include "gram.h"
#include "util.h"

enum {
    TAPS = 4,    /* of the cubic, a side */
    LONGEST = 6  /* samples of shift, each way */
};
static const double LARGEST_ZOOM = 0.03, LARGEST_ANGLE = 0.026; /* natural logarithm; radians */
static const float DARKEST = 0.1f, NOISIEST = 0.04f;            /* natural logarithm; standard deviation */
static const float LUMINANCE[3] = {0.2126f, 0.7152f, 0.0722f};  /* of linear red, green, blue in BT.709 */

/* Where one sample of the moved picture comes from */
typedef struct Source {
    int at;           /* of the first of 4 x 4 samples in a plane */
    bool compared;
    float x[TAPS], y[TAPS];
} Source;

struct NstStability {
    const NstGraph *graph;
    int h, w, threads;
    NstPlan *plan;    /* of the moved picture */
    Source *sources;  /* h x w */
    float *shading;   /* h x w: the change of luminance */
    float *moved;     /* 3 x h x w: W(net(x)) */
};

static double uniform(NstRandom *random, double reach)
{
    return reach * (2 * (double)random_uniform(random) - 1);
}

NstMotion motion_draw(NstRandom *random)
{
    NstMotion motion = {.zoom = 1};
    motion.dx = uniform(random, LONGEST);
    motion.dy = uniform(random, LONGEST);
    motion.shade_x = (float)uniform(random, (double)DARKEST);
    motion.shade_y = (float)uniform(random, (double)DARKEST);
    motion.noise = NOISIEST * random_uniform(random);
    if (random_below(random, 2)) {
        motion.dx = round(motion.dx);
        motion.dy = round(motion.dy);
    } else {
        motion.zoom = exp(uniform(random, LARGEST_ZOOM));
        motion.angle = uniform(random, LARGEST_ANGLE);
    }
    return motion;
}

static int allocate(NstStability *s, const NstCompute *compute, NstError *err)
{
    const NstPlanOptions options = {.compute = *compute, .want_tensor_grads = true};
    const size_t plane = (size_t)s->h * (size_t)s->w;
    if (s->h < TAPS || s->w < TAPS)
        return fail(err, NST_EINVAL, "stability: a picture of %dx%d; %dx%d expected at least", s->w, s->h, TAPS, TAPS);
    s->sources = calloc(plane, sizeof(*s->sources));
    s->shading = aligned_calloc(plane, sizeof(float));
    s->moved = aligned_calloc(plane, 3 * sizeof(float));
    if (!s->sources || !s->shading || !s->moved)
        return fail(err, NST_ENOMEM, "no memory for the stability term");
    return plan_create(&s->plan, s->graph, s->h, s->w, &options, err);
}

int stability_create(NstStability **out, const NstGraph *graph, int h, int w, const NstCompute *compute, NstError *err)
{
    NstStability *s = *out = calloc(1, sizeof(*s));
    if (!s)
        return fail(err, NST_ENOMEM, "no memory for the stability term");
    s->graph = graph;
    s->h = h;
    s->w = w;
    s->threads = gram_compute(compute).threads;
    const int code = allocate(s, compute, err);
    if (code < 0)
        stability_free(out);
    return code;
}

void stability_free(NstStability **out)
{
    NstStability *s = *out;
    if (!s)
        return;
    plan_free(&s->plan);
    free(s->sources);
    aligned_free(s->shading);
    aligned_free(s->moved);
    free(s);
    *out = NULL;
}

/* Keys 1981 with a = -1/2: weights of the samples at -1, 0, 1, 2 for a place t from sample 0 to 1 */
static void cubic(double t, float weights[TAPS])
{
    weights[0] = (float)(((2 - t) * t - 1) * t / 2);
    weights[1] = (float)(((3 * t - 5) * t * t + 2) / 2);
    weights[2] = (float)(((4 - 3 * t) * t + 1) * t / 2);
    weights[3] = (float)((t - 1) * t * t / 2);
}

/* The first of four samples that a place is interpolated from; beyond its edge the picture is mirrored. */
static int first_tap(double place, int side, float weights[TAPS])
{
    const int last = side - 1;
    place = fabs(place);
    place = fmax(place > last ? 2 * last - place : place, 0);
    const int base = (int)place, first = min_int(max_int(base - 1, 0), side - TAPS);
    float taps[TAPS];

    cubic(place - base, taps);
    memset(weights, 0, TAPS * sizeof(*weights));
    for (int k = 0; k < TAPS; k++) {
        const int at = abs(base - 1 + k);
        weights[(at > last ? 2 * last - at : at) - first] += taps[k];
    }
    return first;
}

static bool inside(double x, int side)
{
    return x >= 0 && x <= side - 1;
}

/* Sources of all samples; how many of them are compared */
static int find_sources(NstStability *s, const NstMotion *motion)
{
    const double cx = (s->w - 1) / 2.0, cy = (s->h - 1) / 2.0;
    const double cosine = motion->zoom * cos(motion->angle), sine = motion->zoom * sin(motion->angle);
    int compared = 0;

    for (int i = 0; i < s->h; i++)
        for (int j = 0; j < s->w; j++) {
            Source *source = &s->sources[(ptrdiff_t)i * s->w + j];
            const double x = cx + motion->dx + cosine * (j - cx) - sine * (i - cy);
            const double y = cy + motion->dy + sine * (j - cx) + cosine * (i - cy);
            source->at = first_tap(y, s->h, source->y) * s->w + first_tap(x, s->w, source->x);
            source->compared = inside(x, s->w) && inside(y, s->h);
            compared += source->compared;
        }
    return compared;
}

/* W: three planes */
static void move(const NstStability *s, const float *from, float *to)
{
    const ptrdiff_t plane = (ptrdiff_t)s->h * s->w;
#pragma omp parallel for num_threads(s->threads)
    for (int c = 0; c < 3; c++)
        for (ptrdiff_t i = 0; i < plane; i++) {
            const Source *source = &s->sources[i];
            const float *taps = from + c * plane + source->at;
            float sum = 0;
            for (int y = 0; y < TAPS; y++, taps += s->w)
                sum += source->y[y] * (source->x[0] * taps[0] + source->x[1] * taps[1] + source->x[2] * taps[2] +
                                       source->x[3] * taps[3]);
            to[c * plane + i] = sum;
        }
}

/* Adds the transpose of W, of the samples that are compared. */
static void move_back(const NstStability *s, const float *from, float *to)
{
    const ptrdiff_t plane = (ptrdiff_t)s->h * s->w;
#pragma omp parallel for num_threads(s->threads)
    for (int c = 0; c < 3; c++)
        for (ptrdiff_t i = 0; i < plane; i++) {
            const Source *source = &s->sources[i];
            float *taps = to + c * plane + source->at;
            for (int y = 0; source->compared && y < TAPS; y++, taps += s->w)
                for (int x = 0; x < TAPS; x++)
                    taps[x] += source->y[y] * source->x[x] * from[c * plane + i];
        }
}

/* x' from W(x), and the change of luminance by the shading */
static void disturb(NstStability *s, const NstMotion *motion, NstRandom *random, float *x)
{
    const ptrdiff_t plane = (ptrdiff_t)s->h * s->w;
    for (int i = 0; i < s->h; i++)
        for (int j = 0; j < s->w; j++) {
            const ptrdiff_t at = (ptrdiff_t)i * s->w + j;
            const float across = (float)(2 * j + 1 - s->w) / (float)s->w;
            const float down = (float)(2 * i + 1 - s->h) / (float)s->h;
            const float light = expf(motion->shade_x * across + motion->shade_y * down);
            float luminance = 0;
            for (int c = 0; c < 3; c++) {
                luminance += LUMINANCE[c] * x[c * plane + at];
                x[c * plane + at] *= light;
            }
            s->shading[at] = (light - 1) * luminance;
        }
    for (ptrdiff_t i = 0; i < 3 * plane; i++)
        x[i] += motion->noise * random_normal(random);
}

/*
 * D between net(x') and the moved painting. `seed`: weight * dD/d(net(x')) is added to it; s->moved becomes
 * weight * dD/d(W(net(x))).
 */
static double compare(NstStability *s, int compared, float weight, const float *found, float *seed)
{
    const ptrdiff_t plane = (ptrdiff_t)s->h * s->w;
    const float scale = 2 * weight / (3 * (float)compared);
    double sum[3] = {0};

#pragma omp parallel for num_threads(s->threads)
    for (int c = 0; c < 3; c++)
        for (ptrdiff_t i = 0, at = c * plane; i < plane; i++, at++)
            if (s->sources[i].compared) {
                const float difference = found[at] - s->moved[at] - s->shading[i];
                sum[c] += (double)difference * difference;
                seed[at] += scale * difference;
                s->moved[at] = -scale * difference;
            }
    return (sum[0] + sum[1] + sum[2]) / (3.0 * compared);
}

/* Hands the tensors' gradients over to another plan of the same graph. */
static void hand_over_grads(const NstGraph *graph, NstPlan *from, NstPlan *to)
{
    for (int t = 0; t < graph->n_tensors; t++) {
        const float *found = backward_tensor_grad(from, t);
        float *sum = backward_tensor_grad(to, t);
        for (int64_t i = 0; found && i < graph->tensors[t].count; i++)
            sum[i] += found[i];
    }
    backward_clear_tensor_grads(from);
}

double stability_add(NstStability *s, NstPlan *plan, const NstMotion *motion, NstRandom *random, float weight,
                     float *grad)
{
    const int output = s->graph->n_nodes - 1, compared = find_sources(s, motion);
    float *x = plan_value(s->plan, 0);

    if (compared == 0)
        return 0;
    move(s, plan_value(plan, 0), x);
    disturb(s, motion, random, x);
    exec_forward(s->plan);
    move(s, plan_value(plan, output), s->moved);
    backward_begin(s->plan);
    const double d = compare(s, compared, weight, plan_value(s->plan, output), backward_seed(s->plan, output));
    backward_run(s->plan);
    hand_over_grads(s->graph, s->plan, plan);
    move_back(s, s->moved, grad);
    return d;
}
