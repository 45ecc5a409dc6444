/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mvfield.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

enum {
    PIXELS = 2 * NST_FIELD_CELL, /* a cell's side in pixels: the usual smallest block */
    GROWTH = 8,                  /* cells that motion reaches into where none is known */
    FAR = 4                      /* pictures that a vector may reach */
};

#define OUTLIER 0.5f /* samples from the median of the neighbours */

/* A motion for each cell, and room for another */
typedef struct Grid {
    int w, h;
    float *x, *y, *new_x, *new_y;
    float *known; /* 1 for what fits, less for what does not, 0 for nothing */
} Grid;

static Grid grid_of(const NstField *field)
{
    Grid grid = {.w = ceil_div(field->w, NST_FIELD_CELL), .h = ceil_div(field->h, NST_FIELD_CELL)};
    size_t cells = (size_t)grid.w * (size_t)grid.h;
    grid.x = field->cells;
    grid.y = grid.x + cells;
    grid.new_x = grid.y + cells;
    grid.new_y = grid.new_x + cells;
    grid.known = grid.new_y + cells;
    return grid;
}

/* The cells from a to b whose middles lie in pixels [from, from + length) */
static void cells_of(float from, float length, int n, int *a, int *b)
{
    float first = ceilf(from / PIXELS - 0.5f), end = ceilf((from + length) / PIXELS - 0.5f);
    *a = first > 0 ? (int)fminf(first, (float)n) : 0;
    *b = end > 0 ? (int)fminf(end, (float)n) : 0;
}

static bool is_usable(const NstMotionVector *v)
{
    return isfinite(v->x) && isfinite(v->y) && isfinite(v->dx) && isfinite(v->dy) && v->w > 0 && v->h > 0;
}

/* A motion of a block, in samples, and how badly it fits */
typedef struct Motion {
    float x, y, misfit;
} Motion;

/* Motion goes on as it is, for the few pictures that a vector reaches: so it is divided by their number. */
static Motion fit(const NstMotionVector *v, const NstOpticalFlow *flow)
{
    const int x = (int)((v->x + 0.5f * v->w) / 2), y = (int)((v->y + 0.5f * v->h) / 2);
    Motion best = {0.5f * v->dx, 0.5f * v->dy, 0};
    if (!flow)
        return best;
    best = (Motion){0, 0, flow_misfit(flow, x, y, 0, 0)};
    for (int pictures = 1; pictures <= FAR; pictures++) {
        const float scale = (v->future ? -0.5f : 0.5f) / (float)pictures;
        const float misfit = flow_misfit(flow, x, y, scale * v->dx, scale * v->dy);
        if (misfit < best.misfit)
            best = (Motion){scale * v->dx, scale * v->dy, misfit};
    }
    return best;
}

/* Of several vectors for a cell it has the one that fits best. */
static void gather(const Grid *grid, const NstOpticalFlow *flow, const NstFrameInfo *info)
{
    const float samples = NST_PATCH_SAMPLES;
    memset(grid->x, 0, 5 * (size_t)grid->w * (size_t)grid->h * sizeof(float));
    for (int i = 0; i < info->n_vectors; i++) {
        const NstMotionVector *v = &info->vectors[i];
        int x0, x1, y0, y1;
        if (!is_usable(v))
            continue;
        cells_of(v->x, v->w, grid->w, &x0, &x1);
        cells_of(v->y, v->h, grid->h, &y0, &y1);
        if (x0 >= x1 || y0 >= y1)
            continue;
        const Motion motion = fit(v, flow);
        const float known = samples / (samples + motion.misfit);
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++) {
                const int at = y * grid->w + x;
                if (!(known >= grid->known[at]))
                    continue;
                grid->x[at] = motion.x;
                grid->y[at] = motion.y;
                grid->known[at] = known;
            }
    }
}

/* A cell and the eight that are `step` away, as far as there are any: their numbers, at most 9 */
static int around(const Grid *grid, int at, int step, int cells[9])
{
    const int x = at % grid->w, y = at / grid->w;
    int n = 0;
    for (int j = y - step; j <= y + step; j += step)
        for (int i = x - step; i <= x + step; i += step)
            if (i >= 0 && j >= 0 && i < grid->w && j < grid->h)
                cells[n++] = j * grid->w + i;
    return n;
}

/* A cell without a motion takes the mean of its neighbours'; new_x holds what becomes known meanwhile. */
static bool grow(const Grid *grid)
{
    const size_t bytes = (size_t)grid->w * (size_t)grid->h * sizeof(float);
    bool grown = false;
    memcpy(grid->new_x, grid->known, bytes);
    for (int at = 0; at < grid->w * grid->h; at++) {
        int cells[9], n = grid->known[at] > 0 ? 0 : around(grid, at, 1, cells);
        float x = 0, y = 0, sum = 0;
        for (int i = 0; i < n; i++) {
            const float known = grid->known[cells[i]];
            x += known * grid->x[cells[i]];
            y += known * grid->y[cells[i]];
            sum += known;
        }
        if (sum > 0) {
            grid->x[at] = x / sum;
            grid->y[at] = y / sum;
            grid->new_x[at] = 1;
            grown = true;
        }
    }
    memcpy(grid->known, grid->new_x, bytes);
    return grown;
}

static float median(float *values, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            const float value = values[k];
            values[k] = values[k - 1];
            values[k - 1] = value;
        }
    return values[n / 2];
}

/*
 * An encoder looks for what costs few bits, not for what moved: vectors that stand alone are replaced by the median,
 * that of cells two away, for most blocks are two wide.
 */
static void clean(Grid *grid)
{
    for (int at = 0; at < grid->w * grid->h; at++) {
        int cells[9], n = around(grid, at, 2, cells);
        float x[9], y[9];
        for (int i = 0; i < n; i++) {
            x[i] = grid->x[cells[i]];
            y[i] = grid->y[cells[i]];
        }
        const float mx = median(x, n), my = median(y, n);
        const bool alone = hypotf(grid->x[at] - mx, grid->y[at] - my) > OUTLIER;
        grid->new_x[at] = alone ? mx : grid->x[at];
        grid->new_y[at] = alone ? my : grid->y[at];
    }
    float *x = grid->x, *y = grid->y;
    grid->x = grid->new_x;
    grid->y = grid->new_y;
    grid->new_x = x;
    grid->new_y = y;
}

/* The cell before a sample's place between the middles of cells, the one after it, and how far it is between them */
static float between(int sample, int n, int *before, int *after)
{
    const float place = fmaxf(((float)sample + 0.5f) / NST_FIELD_CELL - 0.5f, 0);
    *before = min_int((int)place, n - 1);
    *after = min_int(*before + 1, n - 1);
    return place - (float)(int)place;
}

static float mix(const float *plane, const int at[4], float fx, float fy)
{
    const float a = plane[at[0]] + fx * (plane[at[1]] - plane[at[0]]);
    const float b = plane[at[2]] + fx * (plane[at[3]] - plane[at[2]]);
    return a + fy * (b - a);
}

static void spread(const Grid *grid, const NstField *field)
{
    for (int y = 0; y < field->h; y++) {
        int top, bottom, left, right;
        const float fy = between(y, grid->h, &top, &bottom);
        for (int x = 0; x < field->w; x++) {
            const float fx = between(x, grid->w, &left, &right);
            const int at[4] = {top * grid->w + left, top * grid->w + right, bottom * grid->w + left,
                               bottom * grid->w + right};
            const size_t to = (size_t)y * (size_t)field->w + (size_t)x;
            field->x[to] = mix(grid->x, at, fx, fy);
            field->y[to] = mix(grid->y, at, fx, fy);
        }
    }
}

const NstField *mvfield_fill(const NstField *field, const NstOpticalFlow *flow, const NstFrameInfo *info)
{
    if (!info || !info->n_vectors)
        return NULL;
    Grid grid = grid_of(field);
    gather(&grid, flow, info);
    for (int i = 0; i < GROWTH && grow(&grid); i++)
        ;
    clean(&grid);
    spread(&grid, field);
    return field;
}
