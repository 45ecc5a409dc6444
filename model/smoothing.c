/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "smoothing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { LEVELS = 3, MAX_DISTANCE = 1 << LEVELS };

struct NstSmoothing {
    int h, w;
    float *plane[LEVELS]; /* h x w */
    float *rows;          /* MAX_DISTANCE rows as they were */
};

void smoothing_free(NstSmoothing **out)
{
    NstSmoothing *s = *out;
    if (!s)
        return;
    for (int l = 0; l < LEVELS; l++)
        aligned_free(s->plane[l]);
    aligned_free(s->rows);
    free(s);
    *out = NULL;
}

int smoothing_create(NstSmoothing **out, int h, int w, NstError *err)
{
    NstSmoothing *s = *out = calloc(1, sizeof(*s));
    bool ok = s != NULL;
    if (ok) {
        s->h = h;
        s->w = w;
        ok = (s->rows = aligned_calloc(MAX_DISTANCE * (size_t)w, sizeof(float))) != NULL;
    }
    for (int l = 0; l < LEVELS && ok; l++)
        ok = (s->plane[l] = aligned_calloc((size_t)h * (size_t)w, sizeof(float))) != NULL;
    if (!ok)
        smoothing_free(out);
    return ok ? NST_OK : fail(err, NST_ENOMEM, "no memory for pictures of %dx%d pixels", w, h);
}

/* 1/4 1/2 1/4 of samples d apart in a row; one that is not there counts as the sample itself. was: room for a row */
static void blur_row(float *row, int w, int d, float *was)
{
    memcpy(was, row, (size_t)w * sizeof(float));
    for (int x = 0; x + d < w; x++) {
        const float quarter = (was[x + d] - was[x]) / 4;
        row[x] += quarter;
        row[x + d] -= quarter;
    }
}

/* The same down the columns; the d rows above are kept as they were. */
static void blur_columns(float *plane, int h, int w, int d, float *rows)
{
    for (int y = 0; y < h; y++) {
        float *row = plane + (ptrdiff_t)y * w, *above = rows + (ptrdiff_t)(y % d) * w;
        const float *up = y >= d ? above : row, *down = y + d < h ? row + (ptrdiff_t)d * w : row;
        for (int x = 0; x < w; x++) {
            const float here = row[x];
            row[x] = (up[x] + down[x]) / 4 + here / 2;
            above[x] = here;
        }
    }
}

static void blur(const NstSmoothing *s, float *plane, int d)
{
    for (int y = 0; y < s->h; y++)
        blur_row(plane + (ptrdiff_t)y * s->w, s->w, d, s->rows);
    blur_columns(plane, s->h, s->w, d, s->rows);
}

static void add(const NstSmoothing *s, float *to, const float *from)
{
    const size_t n = (size_t)s->h * (size_t)s->w;
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* The sum of A_l^T A_l from the coarsest on: A_1^T (A_1 v + B_4 (A_2 v + B_8 A_3 v)) */
static void apply(const NstSmoothing *s, float *v)
{
    const size_t bytes = (size_t)s->h * (size_t)s->w * sizeof(float);
    for (int l = 0; l < LEVELS; l++) {
        memcpy(s->plane[l], l ? s->plane[l - 1] : v, bytes);
        if (l == 0)
            blur(s, s->plane[l], 1);
        blur(s, s->plane[l], 2 << l);
    }
    for (int l = LEVELS - 1; l >= 0; l--) {
        blur(s, s->plane[l], 2 << l);
        if (l == 0)
            blur(s, s->plane[l], 1);
        add(s, l ? s->plane[l - 1] : v, s->plane[l]);
    }
}

void smoothing_apply(NstSmoothing *s, float *v)
{
    for (int c = 0; c < 3; c++)
        apply(s, v + (ptrdiff_t)c * s->h * s->w);
}
