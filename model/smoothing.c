/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "smoothing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "util.h"

enum { LEVELS = 3 };

typedef struct Level {
    int h, w;
    float *data; /* 3 x h x w; level 0 is what K is applied to */
} Level;

struct NstSmoothing {
    Level level[LEVELS + 1];
    int top;
    float *row; /* w samples as they were */
};

void smoothing_free(NstSmoothing **out)
{
    NstSmoothing *s = *out;
    if (!s)
        return;
    for (int l = 1; l <= s->top; l++)
        aligned_free(s->level[l].data);
    aligned_free(s->row);
    free(s);
    *out = NULL;
}

int smoothing_create(NstSmoothing **out, int h, int w, NstError *err)
{
    NstSmoothing *s = *out = calloc(1, sizeof(*s));
    bool ok = s != NULL;
    if (ok) {
        s->level[0] = (Level){h, w, NULL};
        ok = (s->row = aligned_calloc((size_t)w, sizeof(float))) != NULL;
    }
    for (int l = 1; l <= LEVELS && ok && h >= 4 && w >= 4; l++) {
        h /= 2;
        w /= 2;
        s->level[l] = (Level){h, w, aligned_calloc(3 * (size_t)h * (size_t)w, sizeof(float))};
        ok = s->level[l].data != NULL;
        s->top = l;
    }
    if (!ok)
        smoothing_free(out);
    return ok ? NST_OK : fail(err, NST_ENOMEM, "no memory for pictures of %dx%d pixels", w, h);
}

/* 1/4 1/2 1/4 along a row; what is beyond an end is like the end, which makes it symmetric. */
static void blur_row(float *row, int w)
{
    float before = row[0];
    for (int x = 0; x < w; x++) {
        const float here = row[x], after = row[min_int(x + 1, w - 1)];
        row[x] = (before + after) / 4 + here / 2;
        before = here;
    }
}

/* The same down the columns. `before`: room for a row */
static void blur_columns(float *plane, int h, int w, float *before)
{
    memcpy(before, plane, (size_t)w * sizeof(float));
    for (int y = 0; y < h; y++) {
        float *row = plane + (ptrdiff_t)y * w;
        const float *after = y < h - 1 ? row + w : row;
        for (int x = 0; x < w; x++) {
            const float here = row[x];
            row[x] = (before[x] + after[x]) / 4 + here / 2;
            before[x] = here;
        }
    }
}

static void blur(const NstSmoothing *s, const Level *level)
{
    for (int y = 0; y < 3 * level->h; y++)
        blur_row(level->data + (ptrdiff_t)y * level->w, level->w);
    for (int c = 0; c < 3; c++)
        blur_columns(level->data + (ptrdiff_t)c * level->h * level->w, level->h, level->w, s->row);
}

void smoothing_apply(NstSmoothing *s, float *v)
{
    s->level[0].data = v;
    for (int l = 1; l <= s->top; l++) {
        image_halve(s->level[l].data, s->level[l - 1].data, 3, s->level[l - 1].h, s->level[l - 1].w);
        blur(s, &s->level[l]);
    }
    for (int l = s->top; l > 0; l--) {
        const Level *level = &s->level[l];
        const size_t n = 3 * (size_t)level->h * (size_t)level->w;
        blur(s, level);
        for (size_t i = 0; i < n; i++)
            level->data[i] *= 4; /* four samples share a mean; the transpose hands each a quarter of it */
        image_halve_backward(level[-1].data, level->data, 3, level[-1].h, level[-1].w);
    }
}
