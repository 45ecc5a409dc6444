/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lbfgs.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "threads.h"
#include "util.h"

enum {
    BLOCK = 4096, /* parameters that are worked on at a time: a few vectors' blocks fit into the first cache */
    LANES = 16,   /* sums that run side by side */
    MAX_TRIALS = 12,
    OWN_VECTORS = 6 /* start, grad, trial_grad, best_grad, direction, move */
};

static const double DECREASE = 1e-4, CURVATURE = 0.9; /* c1, c2 of the Wolfe conditions */
static const double NOISE = 1e-6;      /* of the value, from single precision: so much of a rise is none */
static const double FLATTEST = 1e-10;  /* pairs with less curvature would make the matrix singular */
static const double FIRST_MOVE = 5; /* of a line search's first trial: mean change of a parameter, in rates */
static const double MAX_GROWTH = 10;   /* of the step between two trials */

/* One step remembered: s = change of z, y = change of the gradient by z */
typedef struct Pair {
    float *s, *y;
    double sg, yg; /* products with the gradient */
} Pair;

struct NstLbfgs {
    int64_t n;
    int history, count; /* pairs remembered, the oldest first */
    bool line_search, begun;
    double rate;
    NstMetric *metric;
    void *opaque;
    NstTeam team;
    Pair *pairs;
    double *sy, *yy;     /* history x history, row i, column j: s_i y_j for i <= j, y_i y_j */
    double *coefficient; /* of s of each pair, then of y */
    double *partial;     /* products of each block */
    float *start, *trial_grad, *best_grad; /* x, and gradients by x */
    float *grad, *direction; /* by z, of z */
    float *move;             /* of x along the direction */
    double value;
};

static int block_count(int64_t n)
{
    return (int)((n + BLOCK - 1) / BLOCK);
}

size_t lbfgs_bytes(int64_t n, int history)
{
    return (2 * (size_t)history + OWN_VECTORS) * (size_t)n * sizeof(float);
}

static int alloc_vectors(NstLbfgs *l, NstError *err)
{
    float **vectors[OWN_VECTORS] = {&l->start,     &l->grad,      &l->trial_grad,
                                    &l->best_grad, &l->direction, &l->move};
    for (int i = 0; i < OWN_VECTORS; i++)
        if (!(*vectors[i] = aligned_calloc((size_t)l->n, sizeof(float))))
            return fail(err, NST_ENOMEM, "no memory for L-BFGS");
    for (int i = 0; i < l->history; i++) {
        l->pairs[i].s = aligned_calloc((size_t)l->n, sizeof(float));
        l->pairs[i].y = aligned_calloc((size_t)l->n, sizeof(float));
        if (!l->pairs[i].s || !l->pairs[i].y)
            return fail(err, NST_ENOMEM, "no memory for %d steps of L-BFGS, %zu MiB; a shorter history needs less",
                        l->history, lbfgs_bytes(l->n, l->history) >> 20);
    }
    return NST_OK;
}

int lbfgs_create(NstLbfgs **out, int64_t n, const NstLbfgsOptions *options, NstError *err)
{
    const size_t history = (size_t)options->history;
    NstLbfgs *l = *out = calloc(1, sizeof(*l));
    if (!l)
        return fail(err, NST_ENOMEM, "no memory for L-BFGS");
    l->n = n;
    l->history = options->history;
    l->line_search = options->line_search;
    l->rate = options->rate;
    l->metric = options->metric;
    l->opaque = options->opaque;
    l->team = team_of(&options->compute);
    l->pairs = calloc(history, sizeof(*l->pairs));
    l->sy = calloc(history * history, sizeof(double));
    l->yy = calloc(history * history, sizeof(double));
    l->coefficient = calloc(2 * history, sizeof(double));
    l->partial = calloc((size_t)block_count(n) * 4 * (history + 1), sizeof(double));
    int code = NST_OK;
    if (!l->pairs || !l->sy || !l->yy || !l->coefficient || !l->partial)
        code = fail(err, NST_ENOMEM, "no memory for L-BFGS");
    if (code == NST_OK)
        code = alloc_vectors(l, err);
    if (code < 0)
        lbfgs_free(out);
    return code;
}

void lbfgs_free(NstLbfgs **out)
{
    NstLbfgs *l = *out;
    if (!l)
        return;
    for (int i = 0; l->pairs && i < l->history; i++) {
        aligned_free(l->pairs[i].s);
        aligned_free(l->pairs[i].y);
    }
    float *vectors[OWN_VECTORS] = {l->start, l->grad, l->trial_grad, l->best_grad, l->direction, l->move};
    for (int i = 0; i < OWN_VECTORS; i++)
        aligned_free(vectors[i]);
    free(l->pairs);
    free(l->sy);
    free(l->yy);
    free(l->coefficient);
    free(l->partial);
    free(l);
    *out = NULL;
}

/* ---- products of long vectors ---- */

static double dot(const float *a, const float *b, int n)
{
    double sum = 0;
    float lane[LANES] = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        lane[0] += a[i] * b[i];
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static int block_size(const NstLbfgs *l, int block)
{
    return (int)(l->n - (int64_t)block * BLOCK < BLOCK ? l->n - (int64_t)block * BLOCK : BLOCK);
}

typedef struct Product {
    NstLbfgs *lbfgs;
    const float *a, *b;
    double *partial;
} Product;

static void product_block(void *arg, int block, int slot)
{
    const Product *p = arg;
    const ptrdiff_t at = (ptrdiff_t)block * BLOCK;
    (void)slot;
    p->partial[block] = dot(p->a + at, p->b + at, block_size(p->lbfgs, block));
}

/* The sum over all blocks, in their order */
static double add_up(const NstLbfgs *l, const double *partial, int step)
{
    double sum = 0;
    for (int block = 0; block < block_count(l->n); block++)
        sum += partial[(ptrdiff_t)block * step];
    return sum;
}

static double product(NstLbfgs *l, const float *a, const float *b)
{
    Product p = {l, a, b, l->partial};
    team_for(&l->team, block_count(l->n), product_block, &p);
    return add_up(l, l->partial, 1);
}

/* Products of one block of every s and y with the gradient and with the newest y: four a pair */
static void products_block(void *arg, int block, int slot)
{
    NstLbfgs *l = arg;
    const ptrdiff_t at = (ptrdiff_t)block * BLOCK;
    const int size = block_size(l, block);
    const float *grad = l->grad + at, *newest = l->pairs[l->count - 1].y + at;
    double *to = l->partial + (ptrdiff_t)block * 4 * l->count;
    (void)slot;
    for (int i = 0; i < l->count; i++, to += 4) {
        const float *s = l->pairs[i].s + at, *y = l->pairs[i].y + at;
        to[0] = dot(s, grad, size);
        to[1] = dot(y, grad, size);
        to[2] = dot(s, newest, size);
        to[3] = dot(y, newest, size);
    }
}

static void update_products(NstLbfgs *l)
{
    const int last = l->count - 1, step = 4 * l->count;
    team_for(&l->team, block_count(l->n), products_block, l);
    for (int i = 0; i < l->count; i++) {
        const double *partial = l->partial + 4 * i;
        l->pairs[i].sg = add_up(l, partial, step);
        l->pairs[i].yg = add_up(l, partial + 1, step);
        l->sy[i * l->history + last] = add_up(l, partial + 2, step);
        l->yy[i * l->history + last] = l->yy[last * l->history + i] = add_up(l, partial + 3, step);
    }
}

static void combine_block(void *arg, int block, int slot)
{
    NstLbfgs *l = arg;
    const ptrdiff_t at = (ptrdiff_t)block * BLOCK;
    const int size = block_size(l, block);
    float *to = l->direction + at;
    (void)slot;
    for (int i = 0; i < l->count; i++) {
        const float a = (float)l->coefficient[i], b = (float)l->coefficient[l->history + i];
        const float *s = l->pairs[i].s + at, *y = l->pairs[i].y + at;
        for (int k = 0; k < size; k++)
            to[k] += a * s[k] + b * y[k];
    }
}

/* ---- the direction ---- */

static void apply_metric(const NstLbfgs *l, float *v)
{
    if (l->metric)
        l->metric(l->opaque, v);
}

/*
 * The two loops of Nocedal and Wright 2006, algorithm 7.4, on coefficients: q = g + sum b_j y_j first, then
 * r = gamma q + sum a_j s_j. The direction is -r, the move K times that.
 */
static void find_direction(NstLbfgs *l)
{
    const int m = l->history, count = l->count;
    double *a = l->coefficient, *b = l->coefficient + m;
    const double gamma = count ? l->sy[(count - 1) * m + count - 1] / l->yy[(count - 1) * m + count - 1] : 1;

    for (int i = count - 1; i >= 0; i--) {
        double sq = l->pairs[i].sg;
        for (int j = i + 1; j < count; j++)
            sq += b[j] * l->sy[i * m + j];
        b[i] = -sq / l->sy[i * m + i];
    }
    for (int i = 0; i < count; i++) {
        double yr = gamma * l->pairs[i].yg;
        for (int j = 0; j < count; j++)
            yr += gamma * b[j] * l->yy[i * m + j];
        for (int j = 0; j < i; j++)
            yr += a[j] * l->sy[j * m + i];
        a[i] = -b[i] - yr / l->sy[i * m + i];
    }
    for (int64_t i = 0; i < l->n; i++)
        l->direction[i] = (float)-gamma * l->grad[i];
    for (int i = 0; i < count; i++) {
        a[i] = -a[i];
        b[i] *= -gamma;
    }
    team_for(&l->team, block_count(l->n), combine_block, l);
    memcpy(l->move, l->direction, (size_t)l->n * sizeof(float));
    apply_metric(l, l->move);
}

static void forget_oldest(NstLbfgs *l)
{
    const Pair oldest = l->pairs[0];
    const int m = l->history;
    memmove(l->pairs, l->pairs + 1, (size_t)(m - 1) * sizeof(*l->pairs));
    l->pairs[m - 1] = oldest;
    for (int i = 1; i < m; i++) {
        memmove(l->sy + (i - 1) * m, l->sy + i * m + 1, (size_t)(m - 1) * sizeof(double));
        memmove(l->yy + (i - 1) * m, l->yy + i * m + 1, (size_t)(m - 1) * sizeof(double));
    }
    l->count--;
}

/* Remembers the step of t directions to where trial_grad is, and makes that one the gradient. */
static void remember(NstLbfgs *l, double t)
{
    apply_metric(l, l->trial_grad);
    if (l->count == l->history)
        forget_oldest(l);
    Pair *pair = &l->pairs[l->count];
    for (int64_t i = 0; i < l->n; i++) {
        pair->s[i] = (float)t * l->direction[i];
        pair->y[i] = l->trial_grad[i] - l->grad[i];
    }
    memcpy(l->grad, l->trial_grad, (size_t)l->n * sizeof(float));
    const double sy = product(l, pair->s, pair->y), yy = product(l, pair->y, pair->y);
    l->count += sy > FLATTEST * yy && yy > 0;
    if (l->count)
        update_products(l);
}

/* ---- the step ---- */

/* A point on the line: its distance, value and slope */
typedef struct Point {
    double t, value, slope;
} Point;

typedef struct Line {
    NstLbfgs *lbfgs;
    NstObjective *objective;
    void *opaque;
    float *x;
    Point from, low, high; /* high.t 0: none yet */
} Line;

static int try_step(Line *line, double t, Point *point, NstError *err)
{
    NstLbfgs *l = line->lbfgs;
    for (int64_t i = 0; i < l->n; i++)
        line->x[i] = l->start[i] + (float)t * l->move[i];
    point->t = t;
    NST_TRY(line->objective(line->opaque, line->x, &point->value, l->trial_grad, err));
    point->slope = isfinite(point->value) ? product(l, l->trial_grad, l->move) : INFINITY;
    return NST_OK;
}

/* The minimum of the cubic through two points and their slopes, kept away from both */
static double between(const Point *a, const Point *b)
{
    const double width = b->t - a->t;
    double t = a->t + width / 2;
    if (isfinite(b->value)) {
        const double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->t - b->t);
        const double square = d1 * d1 - a->slope * b->slope;
        if (square >= 0) {
            const double d2 = width > 0 ? sqrt(square) : -sqrt(square);
            t = b->t - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
        }
    }
    const double near = fmin(a->t, b->t) + 0.1 * fabs(width), far = fmax(a->t, b->t) - 0.1 * fabs(width);
    return isfinite(t) ? fmin(fmax(t, near), far) : a->t + width / 2;
}

/* Where to go from a point that is too far (`high`) or not far enough (`low`) */
static double next_trial(const Line *line)
{
    if (line->high.t > 0)
        return between(&line->low, &line->high);
    const Point *low = &line->low;
    const double slope = line->from.slope;
    double growth = slope < low->slope && low->slope < 0 ? slope / (slope - low->slope) : MAX_GROWTH;
    return low->t * fmin(fmax(growth, 2), MAX_GROWTH);
}

/*
 * Finds a point where the value has fallen and the slope is flat enough, and leaves x and trial_grad there. Where the
 * trials run out, the best one that is lower than the start. *found: whether there is any.
 */
static int search(Line *line, double t, Point *at, bool *found, NstError *err)
{
    NstLbfgs *l = line->lbfgs;
    const double noise = NOISE * fabs(line->from.value);
    *found = false;
    for (int trial = 0; trial < MAX_TRIALS; trial++) {
        NST_TRY(try_step(line, t, at, err));
        const double highest = line->from.value + DECREASE * t * line->from.slope + noise;
        if (!(at->value <= highest) || at->slope > -CURVATURE * line->from.slope) {
            line->high = *at;
        } else if (at->slope < CURVATURE * line->from.slope) {
            line->low = *at;
            memcpy(l->best_grad, l->trial_grad, (size_t)l->n * sizeof(float));
        } else {
            *found = true;
            return NST_OK;
        }
        t = next_trial(line);
    }
    if (line->low.t > 0) {
        *at = line->low;
        memcpy(l->trial_grad, l->best_grad, (size_t)l->n * sizeof(float));
        for (int64_t i = 0; i < l->n; i++)
            line->x[i] = l->start[i] + (float)at->t * l->move[i];
        *found = true;
    }
    return NST_OK;
}

static double first_length(const NstLbfgs *l)
{
    double sum = 0;
    if (l->count)
        return l->rate;
    for (int64_t i = 0; i < l->n; i++)
        sum += fabsf(l->move[i]);
    if (l->line_search && sum > 0)
        return l->rate * FIRST_MOVE * (double)l->n / sum;
    return sum > 1 ? l->rate / sum : l->rate;
}

static int take_step(Line *line, Point *at, bool *found, NstError *err)
{
    NstLbfgs *l = line->lbfgs;
    *found = false;
    find_direction(l);
    line->from = line->low = (Point){0, l->value, product(l, l->grad, l->direction)};
    line->high = (Point){0};
    if (!(line->from.slope < 0))
        return NST_OK;
    if (l->line_search)
        return search(line, first_length(l), at, found, err);
    NST_TRY(try_step(line, first_length(l), at, err));
    *found = isfinite(at->value);
    return NST_OK;
}

static int begin(NstLbfgs *l, NstObjective *objective, void *opaque, const float *x, NstError *err)
{
    NST_TRY(objective(opaque, x, &l->value, l->grad, err));
    if (!isfinite(l->value))
        return fail(err, NST_ENOTFINITE, "the value at the start is %g", l->value);
    apply_metric(l, l->grad);
    l->begun = true;
    return NST_OK;
}

int lbfgs_step(NstLbfgs *l, NstObjective *objective, void *opaque, float *x, double *value, bool *moved, NstError *err)
{
    Line line = {.lbfgs = l, .objective = objective, .opaque = opaque, .x = x};
    Point at;
    if (!l->begun)
        NST_TRY(begin(l, objective, opaque, x, err));
    memcpy(l->start, x, (size_t)l->n * sizeof(float));
    int code = take_step(&line, &at, moved, err);
    if (code == NST_OK && !*moved && l->count > 0) { /* what is remembered leads nowhere: along the gradient */
        l->count = 0;
        code = take_step(&line, &at, moved, err);
    }
    if (code == NST_OK && *moved) {
        l->value = at.value;
        remember(l, at.t);
    } else {
        memcpy(x, l->start, (size_t)l->n * sizeof(float));
    }
    *value = l->value;
    return code;
}
