/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal_internal.h"

#include <math.h>
#include <string.h>

#include "util.h"

/*
 * Pieces that came into view are painted out of a budget, so that key pictures keep their speed: each picture that is
 * only carried adds to it, but for the first one in a row (the next may well be painted as a whole), and it is saved
 * for when something comes that is worth its time.
 */
#define EARNED (1 / 20.0f)  /* of the picture's pixels, for a picture that is carried; */
#define SAVED (1 / 4.0f)    /* at most */
#define WORTH (1 / 24.0f)   /* a piece is painted where this part of its pixels came into view */

enum { GRID = NST_PIECE_GRID, RAMP = 8 /* pixels in which a piece fades out, towards its margin */ };

static int nearest(float place, int n)
{
    return place < 0 ? 0 : min_int((int)(place + 0.5f), n - 1);
}

static void miss_task(void *arg, int y, int slot)
{
    const NstTemporal *t = arg;
    float *trust = t->trust + y * t->stride;
    const float *u = t->u + y * t->stride, *v = t->v + y * t->stride;
    (void)slot;
    for (int x = 0; x < t->sw; x++) {
        const int from_x = nearest((float)x + 0.5f * u[x], t->sw), from_y = nearest((float)y + 0.5f * v[x], t->sh);
        const float seen = t->seen[from_y * t->stride + from_x];
        trust[x] = seen < trust[x] ? seen : trust[x];
    }
    temporal_frame_row(t, t->trust, y);
}

void temporal_miss(NstTemporal *t)
{
    const float pixels = (float)t->w * (float)t->h;
    if (!t->has_seen)
        return;
    t->credit = fminf(t->credit + EARNED * pixels, SAVED * pixels);
    team_for(&t->team, t->sh, miss_task, t);
}

/* ---- which ---- */

/* Sums of blocks before (x, y): a row and a column more than there are blocks */
static float *sum_at(const NstTemporal *t, int x, int y)
{
    return t->unseen + (size_t)y * ((size_t)ceil_div(t->w, GRID) + 1) + (size_t)x;
}

size_t temporal_unseen_floats(int w, int h)
{
    return ((size_t)ceil_div(w, GRID) + 1) * ((size_t)ceil_div(h, GRID) + 1);
}

/* Pixels of a row of blocks that are not trusted */
static void unseen_task(void *arg, int row, int slot)
{
    const NstTemporal *t = arg;
    const int side = GRID / 2;
    (void)slot;
    *sum_at(t, 0, row + 1) = 0;
    for (int x0 = 0, column = 1; x0 < t->sw; x0 += side, column++) {
        float sum = 0;
        for (int y = row * side; y < min_int((row + 1) * side, t->sh); y++)
            for (int x = x0; x < min_int(x0 + side, t->sw); x++)
                sum += 4 * (1 - t->trust[y * t->stride + x]);
        *sum_at(t, column, row + 1) = sum;
    }
}

static void sum_up(NstTemporal *t)
{
    const int columns = ceil_div(t->w, GRID), rows = ceil_div(t->h, GRID);
    team_for(&t->team, rows, unseen_task, t);
    memset(sum_at(t, 0, 0), 0, ((size_t)columns + 1) * sizeof(float));
    for (int y = 1; y <= rows; y++)
        for (int x = 1; x <= columns; x++)
            *sum_at(t, x, y) += *sum_at(t, x - 1, y) + *sum_at(t, x, y - 1) - *sum_at(t, x - 1, y - 1);
}

/* What of a piece's side is good, in blocks: all but the margin, which the picture's edge has none of. */
static void good_blocks(int from, int side, int margin, int pixels, int *first, int *end)
{
    const int n = ceil_div(pixels, GRID);
    *first = from ? (from + margin) / GRID : 0;
    *end = from + side >= pixels ? n : (from + side - margin) / GRID;
}

static float unseen_in(const NstTemporal *t, const NstPieceShapes *shapes, const NstPiece *piece)
{
    int x0, x1, y0, y1;
    good_blocks(piece->x, shapes->w[piece->shape], shapes->margin, t->w, &x0, &x1);
    good_blocks(piece->y, shapes->h[piece->shape], shapes->margin, t->h, &y0, &y1);
    if (x0 >= x1 || y0 >= y1)
        return 0;
    return *sum_at(t, x1, y1) - *sum_at(t, x0, y1) - *sum_at(t, x1, y0) + *sum_at(t, x0, y0);
}

/* The last place of a piece reaches the end, and may reach beyond. */
static int last_place(int pixels, int side)
{
    return pixels > side ? ceil_div(pixels - side, GRID) * GRID : 0;
}

/* The piece of a shape that has more of what came into view, for its pixels, than `share`, which becomes what it has */
static bool find_piece(const NstTemporal *t, const NstPieceShapes *shapes, int shape, float *share, NstPiece *piece)
{
    const int w = shapes->w[shape], h = shapes->h[shape];
    bool found = false;
    for (int y = 0; y <= last_place(t->h, h); y += GRID)
        for (int x = 0; x <= last_place(t->w, w); x += GRID) {
            const NstPiece other = {shape, x, y};
            const float its = unseen_in(t, shapes, &other) / ((float)w * (float)h);
            if (its > *share) {
                *share = its;
                *piece = other;
                found = true;
            }
        }
    return found;
}

/* What is best is waited for, if need be: a worse piece would use up what is saved for it. */
bool temporal_next_piece(NstTemporal *t, const NstPieceShapes *shapes, NstPiece *piece)
{
    float share = WORTH;
    bool found = false;
    if (!shapes->n || t->credit <= 0)
        return false;
    sum_up(t);
    for (int shape = 0; shape < shapes->n; shape++)
        found |= find_piece(t, shapes, shape, &share, piece);
    const float pixels = found ? (float)shapes->w[piece->shape] * (float)shapes->h[piece->shape] : 0;
    if (!found || pixels > t->credit)
        return false;
    t->credit -= pixels;
    return true;
}

/* ---- what is painted ---- */

typedef struct Fill {
    NstTemporal *t;
    const NstPlanes *painting;
    int x, y, w, h, margin;
} Fill;

/* How good a piece is at `i` of a side that begins at `from`: it fades towards its margin, not at the edge. */
static float fade(int i, int from, int side, int margin, int pixels)
{
    const int before = from ? i - from : side, after = from + side >= pixels ? side : from + side - 1 - i;
    const float good = ((float)min_int(before, after) - (float)(margin - RAMP) + 0.5f) / RAMP;
    return good < 0 ? 0 : good > 1 ? 1 : good;
}

static void fill_row(const Fill *fill, int row, const float *trust)
{
    const NstTemporal *t = fill->t;
    const ptrdiff_t from = (row - fill->y) * fill->painting->stride;
    const float down = fade(row, fill->y, fill->h, fill->margin, t->h), scale = 1 / fill->painting->scale;
    const float *luma = temporal_luma_row(t, row);
    for (int x = fill->x; x < min_int(fill->x + fill->w, t->w); x++) {
        const float weight = down * fade(x, fill->x, fill->w, fill->margin, t->w) * (1 - trust[x]);
        float *to = temporal_carried_row(t, row) + 4 * x;
        for (int c = 0; c < 3; c++)
            to[c] += weight * (scale * fill->painting->rgb[c][from + x - fill->x] - to[c]);
        to[3] += weight * (luma[x] - to[3]);
    }
}

static void fill_task(void *arg, int unit, int slot)
{
    const Fill *fill = arg;
    const NstTemporal *t = fill->t;
    const int y = fill->y / 2 + unit;
    for (int i = 0; i < 2 && 2 * y + i < t->h; i++)
        fill_row(fill, 2 * y + i, temporal_enlarge(t, t->trust, y, i, slot, 0));
}

/* What is filled is as good as what is trusted. */
static void trust_task(void *arg, int unit, int slot)
{
    const Fill *fill = arg;
    NstTemporal *t = fill->t;
    const int y = fill->y / 2 + unit;
    const float down = fade(2 * y, fill->y, fill->h, fill->margin, t->h);
    (void)slot;
    for (int x = fill->x / 2; x < min_int((fill->x + fill->w) / 2, t->sw); x++) {
        float *trust = t->trust + y * t->stride + x;
        *trust += down * fade(2 * x, fill->x, fill->w, fill->margin, t->w) * (1 - *trust);
    }
    temporal_frame_row(t, t->trust, y);
}

void temporal_fill(NstTemporal *t, const NstPieceShapes *shapes, const NstPiece *piece, const NstPlanes *painting)
{
    Fill fill = {t, painting, piece->x, piece->y, shapes->w[piece->shape], shapes->h[piece->shape], shapes->margin};
    const int rows = ceil_div(min_int(fill.h, t->h - fill.y), 2);
    team_for(&t->team, rows, fill_task, &fill);
    team_for(&t->team, rows, trust_task, &fill);
}
