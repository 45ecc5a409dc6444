/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guided.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum {
    RADIUS = 2,        /* of the windows, in samples of the small pictures */
    SUMS = 8,          /* I, I I; p, I p of three colours */
    PLANES = 6,        /* a and b of three colours */
    TAPS = 4,
    EDGE = 2,          /* samples that a row is continued by, on each side, for its taps */
    ROWS_AT_A_TIME = 16
};
static const float epsilon = 1e-3f;

/* Where a sample of the large picture lies between those of the small one, and their weights. */
typedef struct NstTaps {
    int first;
    float weight[TAPS];
} NstTaps;

struct NstGuided {
    NstDsp dsp;
    NstTeam team;
    int w, h, width, height; /* small, and large */
    NstTaps *columns;        /* of each of `width` */
    float *memory;
    float *luma;             /* of the small source */
    float *raw[3];           /* a before it is averaged */
    float *coefficient[PLANES]; /* a, then b */
    float *scratch;          /* slot_floats for each of the team */
    size_t slot_floats;
    int *held;               /* TAPS for each slot: rows of the small pictures that lie in its scratch, widened */
    const NstPlanes *painting; /* during guided_take_painting */
};

/* ---- making one ---- */

static size_t row_floats(int n)
{
    return align_floats((size_t)n + 2 * RADIUS);
}

/* A slot's scratch holds the sums over a window's rows, or widened rows of all coefficients and one small row. */
static size_t slot_floats(int w, int width)
{
    size_t sums = (SUMS + 2) * row_floats(w), widened = PLANES * TAPS * align_floats((size_t)width) + row_floats(w);
    return sums > widened ? sums : widened;
}

static size_t plane_floats(int w, int h)
{
    return align_floats((size_t)w * (size_t)h);
}

size_t guided_bytes_for(const NstCompute *compute, int w, int h, int width)
{
    return (10 * plane_floats(w, h) + (size_t)team_of(compute).threads * slot_floats(w, width)) * sizeof(float) +
           (size_t)width * sizeof(NstTaps);
}

/* Catmull-Rom's cubic through the samples around: sample i of n among `of`, centres of samples being at halves. */
static NstTaps taps_of(int i, int n, int of)
{
    double at = (i + 0.5) * of / n - 0.5, whole = floor(at);
    float t = (float)(at - whole);
    return (NstTaps){(int)whole - 1,
                     {0.5f * t * (t * (2 - t) - 1), 0.5f * (t * t * (3 * t - 5) + 2),
                      0.5f * t * (t * (4 - 3 * t) + 1), 0.5f * t * t * (t - 1)}};
}

int guided_create(NstGuided **out, const NstCompute *compute, int w, int h, int width, int height, NstError *err)
{
    NstGuided *guided = *out = calloc(1, sizeof(*guided));
    if (!guided)
        return fail(err, NST_ENOMEM, "out of memory");
    *guided = (NstGuided){.team = team_of(compute), .w = w, .h = h, .width = width, .height = height};
    dsp_init(&guided->dsp, compute->cpu);
    size_t plane = plane_floats(w, h), threads = (size_t)guided->team.threads;
    guided->slot_floats = slot_floats(w, width);
    guided->memory = aligned_calloc(10 * plane + threads * guided->slot_floats, sizeof(float));
    guided->columns = calloc((size_t)width, sizeof(*guided->columns));
    guided->held = calloc(threads, TAPS * sizeof(*guided->held));
    if (!guided->memory || !guided->columns || !guided->held) {
        guided_free(out);
        return fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", width, height);
    }
    guided->luma = guided->memory;
    for (int i = 0; i < 3; i++)
        guided->raw[i] = guided->memory + (size_t)(1 + i) * plane;
    for (int i = 0; i < PLANES; i++)
        guided->coefficient[i] = guided->memory + (size_t)(4 + i) * plane;
    guided->scratch = guided->memory + 10 * plane;
    for (int x = 0; x < width; x++)
        guided->columns[x] = taps_of(x, width, w);
    return NST_OK;
}

void guided_free(NstGuided **out)
{
    if (!*out)
        return;
    aligned_free((*out)->memory);
    free((*out)->columns);
    free((*out)->held);
    free(*out);
    *out = NULL;
}

/* ---- the source ---- */

void guided_luma(const NstDsp *dsp, float *luma, float *const rgb[3], float scale, int n)
{
    dsp->scale_shift(luma, rgb[0], 0.2126f / scale, 0, (size_t)n);
    dsp->axpy(luma, rgb[1], 0.7152f / scale, (size_t)n);
    dsp->axpy(luma, rgb[2], 0.0722f / scale, (size_t)n);
}

void guided_take_source(NstGuided *guided, const NstPlanes *source)
{
    for (int y = 0; y < guided->h; y++) {
        float *rgb[3];
        for (int i = 0; i < 3; i++)
            rgb[i] = source->rgb[i] + y * source->stride;
        guided_luma(&guided->dsp, guided->luma + (size_t)y * (size_t)guided->w, rgb, source->scale, guided->w);
    }
}

/* ---- a and b ---- */

/* to = sums over 2 RADIUS + 1 samples of `from`, which is continued by its ends; from[-RADIUS] may be written to */
static void sum_along(float *restrict to, float *restrict from, int n)
{
    for (int i = 1; i <= RADIUS; i++) {
        from[-i] = from[0];
        from[n - 1 + i] = from[n - 1];
    }
    for (int x = 0; x < n; x++)
        to[x] = from[x - 2] + from[x - 1] + from[x] + from[x + 1] + from[x + 2];
}

/* One row of a, not yet averaged */
static void slopes(float *const a[3], float *const sums[SUMS], int n)
{
    const float each = 1.0f / ((2 * RADIUS + 1) * (2 * RADIUS + 1));
    for (int c = 0; c < 3; c++) {
        const float *restrict i = sums[0], *restrict ii = sums[1];
        const float *restrict p = sums[2 + 2 * c], *restrict ip = sums[3 + 2 * c];
        float *restrict to = a[c];
        for (int x = 0; x < n; x++) {
            float mean = each * i[x], variance = each * ii[x] - mean * mean;
            to[x] = (each * ip[x] - mean * each * p[x]) / (variance + epsilon);
        }
    }
}

static void slope_row(const NstGuided *guided, int y, float *scratch)
{
    const NstDsp *dsp = &guided->dsp;
    size_t n = (size_t)guided->w, row = row_floats(guided->w);
    float *sums[SUMS], *a[3], *along = scratch + SUMS * row;
    memset(scratch, 0, SUMS * row * sizeof(*scratch));
    for (int i = 0; i < SUMS; i++)
        sums[i] = scratch + (size_t)i * row + RADIUS;
    for (int r = y - RADIUS; r <= y + RADIUS; r++) {
        int from = max_int(0, min_int(r, guided->h - 1));
        const float *luma = guided->luma + (size_t)from * n;
        dsp->add(sums[0], sums[0], luma, n);
        dsp->mul_add(sums[1], luma, luma, n);
        for (int c = 0; c < 3; c++) {
            const float *p = guided->painting->rgb[c] + from * guided->painting->stride;
            dsp->add(sums[2 + 2 * c], sums[2 + 2 * c], p, n);
            dsp->mul_add(sums[3 + 2 * c], luma, p, n);
        }
    }
    for (int i = 0; i < SUMS; i++) {
        sum_along(along, sums[i], guided->w);
        memcpy(sums[i], along, n * sizeof(*along));
    }
    for (int c = 0; c < 3; c++)
        a[c] = guided->raw[c] + (size_t)y * n;
    slopes(a, sums, guided->w);
}

static void slope_task(void *arg, int unit, int slot)
{
    const NstGuided *guided = arg;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, guided->h); y++)
        slope_row(guided, y, guided->scratch + (size_t)slot * guided->slot_floats);
}

/* a averaged, and b = p - a I */
static void coefficient_row(const NstGuided *guided, int y, float *scratch)
{
    const float each = 1.0f / ((2 * RADIUS + 1) * (2 * RADIUS + 1));
    size_t n = (size_t)guided->w;
    for (int c = 0; c < 3; c++) {
        float *sums = scratch + RADIUS;
        float *restrict a = guided->coefficient[c] + (size_t)y * n, *restrict b = guided->coefficient[3 + c] +
                                                                                 (size_t)y * n;
        const float *restrict p = guided->painting->rgb[c] + y * guided->painting->stride;
        const float *restrict luma = guided->luma + (size_t)y * n;
        memset(sums, 0, n * sizeof(*sums));
        for (int r = y - RADIUS; r <= y + RADIUS; r++)
            guided->dsp.add(sums, sums, guided->raw[c] + (size_t)max_int(0, min_int(r, guided->h - 1)) * n, n);
        sum_along(a, sums, guided->w);
        for (size_t x = 0; x < n; x++) {
            a[x] *= each;
            b[x] = p[x] - a[x] * luma[x];
        }
    }
}

static void coefficient_task(void *arg, int unit, int slot)
{
    const NstGuided *guided = arg;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, guided->h); y++)
        coefficient_row(guided, y, guided->scratch + (size_t)slot * guided->slot_floats);
}

void guided_take_painting(NstGuided *guided, const NstPlanes *painting)
{
    int units = ceil_div(guided->h, ROWS_AT_A_TIME);
    guided->painting = painting;
    team_for(&guided->team, units, slope_task, guided);
    team_for(&guided->team, units, coefficient_task, guided);
    guided->painting = NULL;
}

/* ---- enlarging ---- */

void guided_begin_rows(NstGuided *guided, int slot)
{
    for (int i = 0; i < TAPS; i++)
        guided->held[TAPS * slot + i] = -1;
}

static void widen(const NstGuided *guided, float *restrict to, const float *from, float *row)
{
    const NstTaps *taps = guided->columns;
    int w = guided->w;
    float *restrict source = row + EDGE;
    memcpy(source, from, (size_t)w * sizeof(*from));
    source[-1] = source[-2] = source[0];
    source[w] = source[w + 1] = source[w - 1];
    for (int x = 0; x < guided->width; x++) {
        const float *at = source + taps[x].first, *k = taps[x].weight;
        to[x] = k[0] * at[0] + k[1] * at[1] + k[2] * at[2] + k[3] * at[3];
    }
}

/* Row `row` of all coefficients, widened: where those begin, width (aligned) floats apart. */
static const float *widened_rows(NstGuided *guided, int slot, int row)
{
    size_t large = align_floats((size_t)guided->width);
    float *scratch = guided->scratch + (size_t)slot * guided->slot_floats;
    float *to = scratch + (size_t)(row % TAPS) * PLANES * large, *spare = scratch + (size_t)TAPS * PLANES * large;
    int *held = &guided->held[TAPS * slot + row % TAPS];
    for (int i = 0; i < PLANES && *held != row; i++)
        widen(guided, to + (size_t)i * large, guided->coefficient[i] + (size_t)row * (size_t)guided->w, spare);
    *held = row;
    return to;
}

void guided_row(NstGuided *guided, int slot, int y, const float *luma, float *const rgb[3])
{
    size_t large = align_floats((size_t)guided->width);
    NstTaps taps = taps_of(y, guided->height, guided->h);
    const float *rows[TAPS];
    for (int i = 0; i < TAPS; i++)
        rows[i] = widened_rows(guided, slot, max_int(0, min_int(taps.first + i, guided->h - 1)));
    for (int c = 0; c < 3; c++) {
        const float *a[TAPS], *b[TAPS];
        for (int i = 0; i < TAPS; i++) {
            a[i] = rows[i] + (size_t)c * large;
            b[i] = rows[i] + (size_t)(3 + c) * large;
        }
        guided->dsp.guided_row(rgb[c], luma, a, b, taps.weight, (size_t)guided->width);
    }
}
