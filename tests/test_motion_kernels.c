/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of optical flow and smoothing: against kernels/dsp.h, and where that is long against the reference. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffers.h"

#include <cmocka.h>

static const int widths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100};
enum { N_WIDTHS = sizeof(widths) / sizeof(*widths) };

typedef void Check(const NstDsp *dsp, const NstDsp *reference, int width, Fill fill, NstRandom *random);

/* Of every table, at every width, with every kind of numbers */
static void check_all(Check *check)
{
    NstDsp tables[8];
    unsigned masks[8];
    NstRandom random;
    random_seed(&random, 42);
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (int i = 0; i < N_WIDTHS; i++)
            for (int fill = 0; fill < FILL_COUNT; fill++)
                check(&tables[table], &tables[0], widths[i], (Fill)fill, &random);
}

/* Both are numbers, and as near as rounding in another order allows. */
static void assert_near(float found, float expected, float scale, const char *what, int at)
{
    if (!(fabsf(found - expected) <= 1e-3f * (fabsf(expected) + scale)))
        fail_msg("%s, element %d: %.9g, %.9g expected", what, at, (double)found, (double)expected);
}

/* ---- rows of a pyramid ---- */

static void check_smooth(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const ptrdiff_t stride = n + 3;
    const double side = 0.2, weights[3] = {side, 1 - 2 * side, side};
    float *x = buffer_filled((size_t)(3 * stride), fill, random), *y = guarded_new((size_t)n);
    (void)reference;
    dsp->flow_smooth(x + stride + 1, stride, y, (float)side, n);
    for (int i = 0; i < n; i++) {
        double sum = 0, size = 0;
        for (int k = 0; k < 9; k++) {
            const double term = weights[k / 3] * weights[k % 3] * (double)x[k / 3 * stride + i + k % 3];
            sum += term;
            size += fabs(term);
        }
        assert_rounded((double)y[i], sum, size, 8, "flow_smooth", (size_t)i);
    }
    guarded_free(y, (size_t)n, "flow_smooth");
    free(x);
}

static void check_halve(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t count = (size_t)n;
    float *a = buffer_filled(2 * count, fill, random), *b = buffer_filled(2 * count, fill, random);
    float *y = guarded_new(count);
    (void)reference;
    dsp->flow_halve(a, b, y, n);
    for (size_t i = 0; i < count; i++) {
        const double terms[4] = {(double)a[2 * i], (double)a[2 * i + 1], (double)b[2 * i], (double)b[2 * i + 1]};
        const double sum = terms[0] + terms[1] + terms[2] + terms[3];
        const double size = fabs(terms[0]) + fabs(terms[1]) + fabs(terms[2]) + fabs(terms[3]);
        assert_rounded((double)y[i], sum / 4, size, 4, "flow_halve", i);
    }
    guarded_free(y, count, "flow_halve");
    free(a);
    free(b);
}

static void check_gradients(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t count = (size_t)n, stride = count + 2;
    float *y = buffer_filled(3 * stride, fill, random), *gx = guarded_new(count), *gy = guarded_new(count);
    (void)reference;
    dsp->flow_gradients(y + stride + 1, (ptrdiff_t)stride, gx, gy, n);
    for (size_t i = 0; i < count; i++) {
        const double left = (double)y[stride + i], right = (double)y[stride + i + 2];
        const double above = (double)y[i + 1], below = (double)y[2 * stride + i + 1];
        assert_rounded((double)gx[i], (right - left) / 2, fabs(left) + fabs(right), 2, "flow_gradients", i);
        assert_rounded((double)gy[i], (below - above) / 2, fabs(above) + fabs(below), 2, "flow_gradients", i);
    }
    guarded_free(gx, count, "flow_gradients");
    guarded_free(gy, count, "flow_gradients");
    free(y);
}

static void test_rows(void **state)
{
    (void)state;
    check_all(check_smooth);
    check_all(check_halve);
    check_all(check_gradients);
}

/* ---- patches ---- */

enum { SIDE = 24, FRAME = 8 }; /* samples that a patch may land on, from -FRAME on */

typedef struct Pictures {
    float *own, *other, *gx, *gy;
} Pictures;

static Pictures pictures_new(Fill fill, NstRandom *random)
{
    const size_t n = SIDE * SIDE;
    return (Pictures){buffer_filled(n, fill, random), buffer_filled(n, fill, random), buffer_filled(n, fill, random),
                      buffer_filled(n, fill, random)};
}

static void pictures_free(Pictures *p)
{
    free(p->own);
    free(p->other);
    free(p->gx);
    free(p->gy);
}

static NstPatch patch_of(const Pictures *p)
{
    const ptrdiff_t at = FRAME * SIDE + FRAME;
    const float max = SIDE - FRAME - NST_PATCH - 2;
    return (NstPatch){.own = p->own + at, .gx = p->gx + at, .gy = p->gy + at, .other = p->other + at, .stride = SIDE,
                      .x = 0, .y = 0, .min = -FRAME, .max_x = max, .max_y = max};
}

static double landed(const NstPatch *p, const float move[2], int column, int row)
{
    double x = fmin(fmax((double)move[0], (double)p->min), (double)p->max_x) + FRAME + column;
    double y = fmin(fmax((double)move[1], (double)p->min), (double)p->max_y) + FRAME + row;
    const double fx = x - floor(x), fy = y - floor(y);
    const float *from = p->other - (FRAME * SIDE + FRAME) + (int)y * SIDE + (int)x;
    const double a = (double)from[0] + fx * ((double)from[1] - (double)from[0]);
    return a + fy * ((double)from[SIDE] + fx * ((double)from[SIDE + 1] - (double)from[SIDE]) - a);
}

static const float moves[][2] = {{0, 0},       {0.5f, -0.25f},         {-3.7f, 2.2f},
                                 {1e6f, -1e6f}, {-INFINITY, INFINITY}, {NAN, NAN}};
enum { N_MOVES = sizeof(moves) / sizeof(*moves) };

static double difference(const NstPatch *p, const float move[2], int k)
{
    return landed(p, move, k % NST_PATCH, k / NST_PATCH) - (double)p->own[k / NST_PATCH * SIDE + k % NST_PATCH];
}

static float larger(float most, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > most)
            most = fabsf(x[i]);
    return most;
}

static double largest(const Pictures *p)
{
    return (double)larger(larger(0, p->own, SIDE * SIDE), p->other, SIDE * SIDE);
}

static void check_cost(const NstDsp *dsp, const NstDsp *reference, int width, Fill fill, NstRandom *random)
{
    Pictures pictures = pictures_new(fill, random);
    const NstPatch patch = patch_of(&pictures);
    const double size = NST_PATCH_SAMPLES * largest(&pictures) * largest(&pictures);
    (void)reference;
    (void)width;
    for (int m = 0; m < N_MOVES; m++) {
        double sum = 0, square = 0;
        const float move[2] = {isnan(moves[m][0]) ? -FRAME : moves[m][0], isnan(moves[m][1]) ? -FRAME : moves[m][1]};
        for (int k = 0; k < NST_PATCH_SAMPLES; k++) {
            const double d = difference(&patch, move, k);
            sum += d;
            square += d * d;
        }
        assert_rounded((double)dsp->flow_cost(&patch, moves[m]), square - sum * sum / NST_PATCH_SAMPLES, 8 * size, 64,
                       "flow_cost", (size_t)m);
    }
    pictures_free(&pictures);
}

/*
 * Whatever the pictures are, a search ends no worse than it began, and within reach; and it ends in the same place
 * whichever patches of a row are searched for beside it.
 */
static void check_search(const NstDsp *dsp, const NstDsp *reference, int width, Fill fill, NstRandom *random)
{
    enum { STEP = 2, FAR = 1 + (SIDE - FRAME - NST_PATCH) / STEP };
    Pictures pictures = pictures_new(fill, random);
    const NstPatch first = patch_of(&pictures);
    float found[FAR][2];
    (void)reference;
    (void)width;
    for (int i = 0; i < FAR; i++)
        memcpy(found[i], moves[i % 3], sizeof(found[i]));
    dsp->flow_search(&first, STEP, FAR, found[0], 12);
    for (int i = 0; i < FAR; i++) {
        NstPatch patch = first;
        patch.own += i * STEP;
        patch.gx += i * STEP;
        patch.gy += i * STEP;
        patch.x += (float)(i * STEP);
        float alone[2] = {moves[i % 3][0], moves[i % 3][1]};
        dsp->flow_search(&patch, STEP, 1, alone, 12);
        assert_memory_equal(found[i], alone, sizeof(alone));
        assert_true(dsp->flow_cost(&patch, alone) <= dsp->flow_cost(&patch, moves[i % 3]));
        assert_true(hypotf(alone[0] - moves[i % 3][0], alone[1] - moves[i % 3][1]) <= 2 * NST_PATCH);
    }
    pictures_free(&pictures);
}

/* A smooth texture that has gone by a known distance is found there, by all alike. */
static void check_found(const NstDsp *dsp, const NstDsp *reference, int width, Fill fill, NstRandom *random)
{
    Pictures p = pictures_new(fill, random);
    const float dx = 0.02f * (float)width, dy = -0.013f * (float)width;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const float a = 0.5f * (float)x, b = 0.4f * (float)y, c = 0.3f * (float)(x - y);
            p.own[y * SIDE + x] = 40 * (sinf(a) + sinf(b) + sinf(c));
            p.gx[y * SIDE + x] = 40 * (0.5f * cosf(a) + 0.3f * cosf(c));
            p.gy[y * SIDE + x] = 40 * (0.4f * cosf(b) - 0.3f * cosf(c));
            p.other[y * SIDE + x] = 40 * (sinf(a - 0.5f * dx) + sinf(b - 0.4f * dy) + sinf(c - 0.3f * (dx - dy)));
        }
    const NstPatch patch = patch_of(&p);
    float move[2] = {0, 0}, expected[2] = {0, 0};
    dsp->flow_search(&patch, 0, 1, move, 20);
    reference->flow_search(&patch, 0, 1, expected, 20);
    for (int i = 0; i < 2; i++)
        assert_near(move[i], expected[i], 1, "flow_search", i);
    if (hypotf(move[0] - dx, move[1] - dy) > 0.15f)
        fail_msg("flow_search: (%g, %g), (%g, %g) expected", (double)move[0], (double)move[1], (double)dx, (double)dy);
    pictures_free(&p);
}

static void check_spread(const NstDsp *dsp, const NstDsp *reference, int width, Fill fill, NstRandom *random)
{
    enum { STRIDE = NST_PATCH + 3 };
    Pictures pictures = pictures_new(fill, random);
    const NstPatch patch = patch_of(&pictures);
    const int first = width % NST_PATCH, rows = NST_PATCH - first;
    const size_t n = (size_t)(STRIDE * (rows - 1) + NST_PATCH);
    const double size = 4 * largest(&pictures);
    (void)reference;
    for (int m = 0; m < 3; m++) {
        float *u = guarded_new(n), *v = guarded_new(n), *w = guarded_new(n);
        memset(u, 0, n * sizeof(*u));
        memset(v, 0, n * sizeof(*v));
        memset(w, 0, n * sizeof(*w));
        dsp->flow_spread(&patch, moves[m], first, rows, u, v, w, STRIDE);
        for (int k = 0; k < rows * NST_PATCH; k++) {
            const int at = k / NST_PATCH * STRIDE + k % NST_PATCH;
            const double d = fabs(difference(&patch, moves[m], first * NST_PATCH + k)), weight = 1 / fmax(1, d);
            /* d is off by a few roundings of the samples */
            const double off = 8 * 1.2e-7 * size * weight * weight + 1e-6 * weight;
            assert_true(fabs((double)w[at] - weight) <= off);
            assert_true(fabs((double)u[at] - weight * (double)moves[m][0]) <= 4 * off);
            assert_true(fabs((double)v[at] - weight * (double)moves[m][1]) <= 4 * off);
        }
        guarded_free(u, n, "flow_spread");
        guarded_free(v, n, "flow_spread");
        guarded_free(w, n, "flow_spread");
    }
    pictures_free(&pictures);
}

static void test_patches(void **state)
{
    (void)state;
    check_all(check_cost);
    check_all(check_search);
    check_all(check_found);
    check_all(check_spread);
}

/* ---- refinement ---- */

enum { PLANES = 16, HEIGHT = 5 };

typedef struct Planes {
    NstRefine r;
    size_t size;
    float *memory;
} Planes;

static float *const *planes_of(NstRefine *r, float **all)
{
    float *each[PLANES] = {r->u0, r->v0, r->u[0], r->v[0], r->u[1], r->v[1], r->mean, r->diff,
                           r->known, r->i11, r->i12, r->i22, r->b1, r->b2, r->right, r->down};
    memcpy(all, each, sizeof(each));
    return all;
}

static Planes planes_new(int w)
{
    Planes p = {.r = {.w = w, .h = HEIGHT, .gain = 0.01f, .offset = -0.5f}};
    const int padded = (w + NST_REFINE_PAD - 1) / NST_REFINE_PAD * NST_REFINE_PAD;
    p.r.stride = padded + 2 * NST_REFINE_PAD;
    p.size = (size_t)p.r.stride * (HEIGHT + 2);
    p.memory = buffer_new(PLANES * p.size);
    memset(p.memory, 0, PLANES * p.size * sizeof(float));
    float **planes[PLANES] = {&p.r.u0, &p.r.v0, &p.r.u[0], &p.r.v[0], &p.r.u[1], &p.r.v[1], &p.r.mean, &p.r.diff,
                              &p.r.known, &p.r.i11, &p.r.i12, &p.r.i22, &p.r.b1, &p.r.b2, &p.r.right, &p.r.down};
    for (int i = 0; i < PLANES; i++)
        *planes[i] = p.memory + (size_t)i * p.size + p.r.stride + NST_REFINE_PAD;
    return p;
}

/* The same numbers in both: motions of a few samples, pictures of any kind */
static void fill_planes(Planes *a, Planes *b, Fill fill, NstRandom *random)
{
    float *all[PLANES], *numbers = buffer_filled(PLANES * a->size, fill, random);
    memcpy(a->memory, numbers, PLANES * a->size * sizeof(float));
    planes_of(&a->r, all);
    for (int plane = 0; plane < 6; plane++) {
        float *from = all[plane] - a->r.stride - NST_REFINE_PAD;
        for (size_t i = 0; i < a->size; i++)
            from[i] = 2 * random_normal(random);
    }
    for (size_t i = 0; i < a->size; i++) {
        (a->r.known - a->r.stride - NST_REFINE_PAD)[i] = i % 5 ? 1 : 0;
        (a->r.right - a->r.stride - NST_REFINE_PAD)[i] = fabsf(random_normal(random)) + 0.1f;
        (a->r.down - a->r.stride - NST_REFINE_PAD)[i] = fabsf(random_normal(random)) + 0.1f;
    }
    memcpy(b->memory, a->memory, PLANES * a->size * sizeof(float));
    free(numbers);
}

static void assert_planes(Planes *found, Planes *expected, int first, int last, float scale, const char *what)
{
    float *all[PLANES], *reference[PLANES];
    planes_of(&found->r, all);
    planes_of(&expected->r, reference);
    for (int plane = first; plane <= last; plane++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < found->r.w; x++) {
                const ptrdiff_t at = y * found->r.stride + x;
                assert_near(all[plane][at], reference[plane][at], scale, what, 1000 * plane + 100 * y + x);
            }
}

static void check_refine(const NstDsp *dsp, const NstDsp *reference, int w, Fill fill, NstRandom *random)
{
    Planes a = planes_new(w), b = planes_new(w);
    fill_planes(&a, &b, fill, random);
    for (int y = 0; y < HEIGHT; y++) {
        dsp->refine_smoothness(&a.r, y);
        reference->refine_smoothness(&b.r, y);
        assert_true(a.r.right[y * a.r.stride + w - 1] == 0);
    }
    for (int x = 0; x < w; x++)
        assert_true(a.r.down[(HEIGHT - 1) * a.r.stride + x] == 0);
    assert_planes(&a, &b, 14, 15, 0, "refine_smoothness");
    memcpy(a.memory, b.memory, PLANES * b.size * sizeof(float));
    for (int y = 0; y < HEIGHT; y++) {
        dsp->refine_terms(&a.r, y);
        reference->refine_terms(&b.r, y);
    }
    assert_planes(&a, &b, 9, 11, 1e-2f, "refine_terms");
    assert_planes(&a, &b, 12, 13, 1e3f, "refine_terms");
    memcpy(a.memory, b.memory, PLANES * b.size * sizeof(float));
    for (int y = 0; y < HEIGHT; y++) {
        dsp->refine_relax(&a.r, y, 1.3f);
        reference->refine_relax(&b.r, y, 1.3f);
    }
    assert_planes(&a, &b, 4, 5, 100, "refine_relax");
    free(a.memory);
    free(b.memory);
}

/* Pictures of `w` samples and a frame of 2; motions that lead out of it as well */
static void check_refine_warp(const NstDsp *dsp, const NstDsp *reference, int w, Fill fill, NstRandom *random)
{
    Planes a = planes_new(w), b = planes_new(w);
    const ptrdiff_t stride = w + 4;
    const size_t n = (size_t)stride * (HEIGHT + 4);
    float *own = buffer_filled(n, fill, random), *other = buffer_filled(n, fill, random);
    const float most = larger(larger(0, own, n), other, n);
    fill_planes(&a, &b, fill, random);
    for (int y = 0; y < HEIGHT; y++) {
        dsp->refine_warp(&a.r, own + 2 * stride + 2, other + 2 * stride + 2, stride, y);
        reference->refine_warp(&b.r, own + 2 * stride + 2, other + 2 * stride + 2, stride, y);
    }
    assert_planes(&a, &b, 6, 7, most, "refine_warp");
    assert_planes(&a, &b, 8, 8, 0, "refine_warp");
    free(own);
    free(other);
    free(a.memory);
    free(b.memory);
}

static void test_refinement(void **state)
{
    (void)state;
    check_all(check_refine);
    check_all(check_refine_warp);
}

/* ---- temporal smoothing ---- */

static void check_luma(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t count = (size_t)n;
    float *rgb = buffer_filled(3 * count, fill, random), *y = guarded_new(count);
    (void)reference;
    dsp->luma(y, rgb, rgb + count, rgb + 2 * count, 2, n);
    for (size_t i = 0; i < count; i++) {
        const double r = 0.598 * (double)rgb[i], g = 1.174 * (double)rgb[count + i];
        const double b = 0.228 * (double)rgb[2 * count + i];
        assert_rounded((double)y[i], r + g + b, fabs(r) + fabs(g) + fabs(b), 4, "luma", i);
    }
    guarded_free(y, count, "luma");
    free(rgb);
}

/* What kernels read beyond a row of pixels, four floats each */
enum { BEYOND = 4 * 16 };

/* n pixels in each of HEIGHT rows, inside a frame of NST_WARP_TAPS */
typedef struct History {
    ptrdiff_t stride;
    size_t floats;
    float *memory, *first;
} History;

static History history_new(int n, Fill fill, NstRandom *random)
{
    History history = {.stride = 4 * (n + 2 * NST_WARP_TAPS)};
    history.floats = (size_t)history.stride * (HEIGHT + 2 * NST_WARP_TAPS);
    history.memory = buffer_filled(history.floats + BEYOND, fill, random);
    history.first = history.memory + NST_WARP_TAPS * (history.stride + 4);
    return history;
}

/* Motions to whole pixels fetch them as they are; the others are as the reference has them; all stay in the frame. */
static void check_warp(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t samples = ((size_t)n + 1) / 2, floats = 8 * samples;
    History history = history_new(n, fill, random);
    float *taps = buffer_filled(NST_WARP_PHASES * NST_WARP_TAPS, FILL_NORMAL, random);
    float *u = buffer_filled(samples, FILL_NORMAL, random), *v = buffer_filled(samples, FILL_NORMAL, random);
    float *y[2] = {guarded_new(floats), guarded_new(floats)}, *expected[2] = {buffer_new(floats), buffer_new(floats)};
    float *luma = buffer_filled(4 * samples, fill, random);
    float *error = guarded_new(samples), *unused = buffer_new(samples);
    const float *rows[2] = {luma, luma + 2 * samples};
    const NstWarp warp = {n, HEIGHT, history.first, history.stride, taps};
    for (size_t i = 0; i < samples; i++) {
        u[i] = i % 4 ? 3 * u[i] : 0;
        v[i] = i % 4 == 0 ? 1 : i % 7 ? 3 * v[i] : 1e9f;
    }
    dsp->temporal_warp(&warp, 1, u, v, rows, y, error);
    reference->temporal_warp(&warp, 1, u, v, rows, expected, unused);
    for (size_t i = 0; i < samples; i++) {
        double sum = 0, size = 0;
        for (size_t k = 0; k < 4; k++) {
            const double own = (double)rows[k / 2][2 * i + k % 2], there = (double)y[k / 2][8 * i + 4 * (k % 2) + 3];
            sum += (own - there) * (own - there) / 4;
            size += (own * own + there * there) / 2;
        }
        assert_rounded((double)error[i], sum, size, 4, "temporal_warp", i);
    }
    const float most = larger(0, history.memory, history.floats);
    for (size_t i = 0; i < 2 * floats; i++) {
        const size_t row = i / floats, at = i % floats;
        assert_near(y[row][at], expected[row][at], most, "temporal_warp", (int)i);
        if (at / 8 % 4 == 0)
            assert_true(y[row][at] == history.first[(ptrdiff_t)(3 + row) * history.stride + (ptrdiff_t)at]);
    }
    for (int row = 0; row < 2; row++) {
        guarded_free(y[row], floats, "temporal_warp");
        free(expected[row]);
    }
    guarded_free(error, samples, "temporal_warp");
    free(unused);
    free(luma);
    free(u);
    free(v);
    free(taps);
    free(history.memory);
}

/* luma, trust: NULL, or what the result is brought nearer to, and where */
static void check_sharpened(const NstDsp *dsp, int n, const History *history, const float *weight, const float *luma,
                            const float *trust)
{
    const size_t count = (size_t)n;
    const double amount = 0.375, scale = 2;
    float *x = guarded_new(3 * count);
    const float *h = history->first + 2 * history->stride;
    const ptrdiff_t side = 4 * NST_SHARPEN_REACH, below = NST_SHARPEN_REACH * history->stride;
    dsp->temporal_sharpen((float *const[3]){x, x + count, x + 2 * count}, (float)scale, weight, (float)amount, luma,
                          trust, h, history->stride, n);
    for (size_t i = 0; i < 3 * count; i++) {
        const size_t pixel = i % count;
        const float *at = h + 4 * pixel + i / count;
        const double around[4] = {(double)at[-side], (double)at[side], (double)at[-below], (double)at[below]};
        const double w = amount * (double)weight[pixel];
        double sum = 0, size = fabs((double)*at), off = 0;
        for (int k = 0; k < 4; k++) {
            sum += around[k] / 4;
            size += fabs(around[k]) * (1 + fabs(w));
        }
        if (luma) {
            const double own = (double)h[4 * pixel + 3], doubt = 1 + fabs((double)trust[pixel]);
            off = (1 - (double)trust[pixel]) * ((double)luma[pixel] - own) / 255;
            size += doubt * (fabs((double)luma[pixel]) + fabs(own)) / 255;
        }
        assert_rounded((double)x[i], scale * ((double)*at + off + w * ((double)*at - sum)),
                       scale * size * (1 + fabs(w)), 8, "temporal_sharpen", i);
    }
    guarded_free(x, 3 * count, "temporal_sharpen");
}

static void check_sharpen(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t count = (size_t)n;
    History history = history_new(n, fill, random);
    float *weight = buffer_filled(count, FILL_NORMAL, random), *luma = buffer_filled(count, fill, random);
    float *trust = buffer_filled(count, FILL_NORMAL, random);
    (void)reference;
    check_sharpened(dsp, n, &history, weight, NULL, NULL);
    check_sharpened(dsp, n, &history, weight, luma, trust);
    free(trust);
    free(luma);
    free(weight);
    free(history.memory);
}

/* Planes of n x HEIGHT samples in frames of one, guarded where they are the result */
/* The other way in samples of its own, `side` of these to a side */
static void check_trust_of(int side, const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const int ahead_w = n < side ? n : n / side, ahead_h = HEIGHT / side;
    const ptrdiff_t stride = n + 3;
    const size_t size = (size_t)stride * (HEIGHT + 2), rows = (size_t)n * HEIGHT;
    float *u = buffer_filled(size, FILL_NORMAL, random), *v = buffer_filled(size, FILL_NORMAL, random);
    float *error = buffer_filled(size, fill, random), *ahead = buffer_filled(2 * rows, FILL_NORMAL, random);
    int *place = calloc(size, sizeof(*place));
    NstTrust t = {.w = n, .h = HEIGHT, .stride = stride, .u = u + stride + 1, .v = v + stride + 1, .ahead_x = ahead,
                  .ahead_y = ahead + rows, .ahead_w = ahead_w, .ahead_h = ahead_h, .ahead_stride = ahead_w,
                  .ahead_size = side, .ahead_scale = 2, .error = error + stride + 1,
                  .tolerance = 3, .still = 0.9f, .moving = 0.6f, .place = place + stride + 1};
    assert_non_null(place);
    for (size_t i = 0; i < size; i++) {
        error[i] = fabsf(error[i]);
        if (i / (size_t)stride < 3) /* the first two rows do not move, as far as their neighbours go */
            u[i] = v[i] = error[i] = 0;
    }
    memset(ahead, 0, 2 * (size_t)n * sizeof(*ahead));
    memset(ahead + rows, 0, 2 * (size_t)n * sizeof(*ahead));
    for (int y = 0; y < HEIGHT; y++) {
        float *trust = guarded_new((size_t)n), *weight = guarded_new((size_t)n);
        float *expected_trust = buffer_new((size_t)n), *expected = buffer_new((size_t)n);
        t.trust = trust - y * stride;
        t.weight = weight - y * stride;
        dsp->temporal_trust(&t, y);
        t.trust = expected_trust - y * stride;
        t.weight = expected - y * stride;
        reference->temporal_trust(&t, y);
        for (int i = 0; i < n; i++) {
            assert_near(trust[i], expected_trust[i], 1, "temporal_trust", i);
            assert_near(weight[i], expected[i], 1, "temporal_trust", i);
            assert_true(trust[i] >= 0 && trust[i] <= 1 && weight[i] >= 0 && weight[i] <= 0.9f * trust[i]);
            if (y == 0)
                assert_true(trust[i] == 1 && weight[i] == 0.9f);
        }
        guarded_free(trust, (size_t)n, "temporal_trust");
        guarded_free(weight, (size_t)n, "temporal_trust");
        free(expected_trust);
        free(expected);
    }
    free(u);
    free(v);
    free(error);
    free(ahead);
    free(place);
}

static void check_trust(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    check_trust_of(1, dsp, reference, n, fill, random);
    check_trust_of(2, dsp, reference, n, fill, random);
}

static void check_blend(const NstDsp *dsp, const NstDsp *reference, int n, Fill fill, NstRandom *random)
{
    const size_t count = (size_t)n;
    float *x = buffer_filled(3 * count, fill, random), *luma = buffer_filled(count, fill, random);
    float *weight = buffer_filled(count, FILL_NORMAL, random);
    float *carried = buffer_filled(4 * count + BEYOND, fill, random), *blended = buffer_new(4 * count + BEYOND);
    (void)reference;
    for (size_t i = 0; i < count; i++)
        weight[i] = fminf(fabsf(weight[i]), 1);
    memcpy(blended, carried, (4 * count + BEYOND) * sizeof(*carried));
    dsp->temporal_blend((const float *const[3]){x, x + count, x + 2 * count}, 2, luma, weight, blended, n);
    for (size_t i = 0; i < 4 * count; i++) {
        const size_t at = i / 4, c = i % 4;
        const double fresh = c < 3 ? (double)x[c * count + at] / 2 : (double)luma[at], old = (double)carried[i];
        assert_rounded((double)blended[i], fresh + (double)weight[at] * (old - fresh), fabs(fresh) + fabs(old), 4,
                       "temporal_blend", i);
    }
    assert_memory_equal(blended + 4 * count, carried + 4 * count, BEYOND * sizeof(*carried));
    free(blended);
    free(x);
    free(luma);
    free(weight);
    free(carried);
}

static void test_smoothing(void **state)
{
    (void)state;
    check_all(check_luma);
    check_all(check_warp);
    check_all(check_blend);
    check_all(check_sharpen);
    check_all(check_trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_refinement),
        cmocka_unit_test(test_smoothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
