/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flow.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "refine.h"
#include "util.h"

enum {
    LEVELS_MAX = 6,
    STRIDE = NST_PATCH / 2, /* from patch to patch: a cell of STRIDE x STRIDE samples is covered by 2 x 2 patches */
    FRAME = 2 * NST_PATCH,  /* samples around a level, repeating its edge */
    LEVEL_MIN = 24,         /* the smaller side of the coarsest level */
    ITERATIONS = 20,        /* of the search for a patch, at most */
    COARSE_ROUNDS = 1,      /* of the refinement of coarser levels */
    EXPLAINED = 4           /* levels that a vector may be off */
};

#define OUTSIDE 1000.0f   /* levels */
#define NOISE_MIN 0.5f    /* levels: noise up to here is left alone, */
#define NOISE_MAX 1.5f    /* and from here on smoothed */
#define SMOOTH_SIDE 0.22f /* by this weight of a sample's neighbours on each side */

typedef struct Level {
    int w, h;
    ptrdiff_t stride;
    float *y, *gx, *gy; /* luma and its gradients at (0, 0), inside their frames */
} Level;

typedef struct Pyramid {
    float *given;            /* as large as level 0, and inside a frame as well */
    Level level[LEVELS_MAX]; /* 0 is the finest: what was given, less noise */
} Pyramid;

struct NstOpticalFlow {
    const NstDsp *dsp;
    const NstTeam *team;
    int n_levels, finest, current; /* the finest level that is searched; finer ones take its motion, enlarged */
    Pyramid pyramid[2];
    NstField field[2][LEVELS_MAX]; /* by way */
    float *moves;                  /* two a patch of the level that is searched */
    float *sums;                   /* for each of the team, slot_sums */
    float *refinement;             /* memory of refine.c */
    float *memory;
};

/* Patches lie half outside the picture at its edges, so that every cell has its four. */
static int patches(int side)
{
    return ceil_div(side, STRIDE) + 1;
}

/* ---- memory: laid out twice, to be counted and to be had ---- */

typedef struct Arena {
    float *at; /* NULL: count only */
    size_t used;
} Arena;

static float *take(Arena *arena, size_t floats)
{
    float *got = arena->at ? arena->at + arena->used : NULL;
    arena->used += align_floats(floats);
    return got;
}

static float *take_framed(Arena *arena, const Level *level)
{
    float *plane = take(arena, (size_t)level->stride * (size_t)(level->h + 2 * FRAME));
    return plane ? plane + FRAME * level->stride + FRAME : NULL;
}

static ptrdiff_t level_stride(int w)
{
    return (ptrdiff_t)align_floats((size_t)w + 2 * FRAME);
}

static void lay_out_level(NstOpticalFlow *flow, int index, int w, int h, Arena *arena)
{
    for (int i = 0; i < 2; i++) {
        Level *level = &flow->pyramid[i].level[index];
        level->w = w;
        level->h = h;
        level->stride = level_stride(w);
        level->y = take_framed(arena, level);
        level->gx = take_framed(arena, level);
        level->gy = take_framed(arena, level);
        NstField *field = &flow->field[i][index];
        field->w = w;
        field->h = h;
        field->x = take(arena, (size_t)w * (size_t)h);
        field->y = take(arena, (size_t)w * (size_t)h);
    }
}

/* Floats of a row of cells: two patches hang over its ends. */
static size_t sums_stride(int w)
{
    return align_floats((size_t)patches(w) * STRIDE + NST_PATCH);
}

/* Floats of each of the team: three sums of a row of cells of the dense field, or a row that is to be enlarged */
static size_t slot_floats(const NstOpticalFlow *flow)
{
    const NstField *level = flow->field[NST_WAY_BACK];
    return max_size(3 * STRIDE * sums_stride(level[flow->finest].w), align_floats((size_t)level[0].w / 2 + 2 * STRIDE));
}

static float *slot_sums(const NstOpticalFlow *flow, int slot)
{
    return flow->sums + (size_t)slot * slot_floats(flow);
}

/* The first level that has no more samples than that; else the coarsest */
static int finest_level(const NstOpticalFlow *flow, int samples_max)
{
    const NstField *level = flow->field[NST_WAY_BACK];
    int finest = 0;
    while (finest + 1 < flow->n_levels && (int64_t)level[finest].w * level[finest].h > samples_max)
        finest++;
    return finest;
}

static size_t lay_out(NstOpticalFlow *flow, int w, int h, int samples_max, int threads, float *memory)
{
    Arena arena = {memory, 0};
    size_t cells = (size_t)ceil_div(w, NST_FIELD_CELL) * (size_t)ceil_div(h, NST_FIELD_CELL);
    flow->field[NST_WAY_BACK][0].cells = take(&arena, NST_FIELD_CELL_FLOATS * cells);
    for (int i = 0; i < 2; i++) {
        const Level level = {.w = w, .h = h, .stride = level_stride(w)};
        flow->pyramid[i].given = take_framed(&arena, &level);
    }
    for (int i = 0; i < LEVELS_MAX; i++) {
        lay_out_level(flow, i, w, h, &arena);
        flow->n_levels = i + 1;
        w /= 2;
        h /= 2;
        if (min_int(w, h) < LEVEL_MIN)
            break;
    }
    flow->finest = finest_level(flow, samples_max);
    const NstField *searched = &flow->field[NST_WAY_BACK][flow->finest];
    size_t n_patches = (size_t)patches(searched->w) * (size_t)patches(searched->h);
    flow->moves = take(&arena, 2 * n_patches);
    flow->sums = take(&arena, (size_t)threads * slot_floats(flow));
    flow->refinement = take(&arena, refine_floats(searched->w, searched->h));
    return arena.used;
}

size_t flow_bytes(int w, int h, int samples_max, int threads)
{
    NstOpticalFlow flow;
    return lay_out(&flow, w, h, samples_max, threads, NULL) * sizeof(float);
}

int flow_create(NstOpticalFlow **out, int w, int h, int samples_max, const NstDsp *dsp, const NstTeam *team,
                NstError *err)
{
    NstOpticalFlow *flow = *out = calloc(1, sizeof(*flow));
    float *memory = aligned_calloc(flow_bytes(w, h, samples_max, team->threads), 1);
    if (!flow || !memory) {
        aligned_free(memory);
        flow_free(out);
        return fail(err, NST_ENOMEM, "optical flow of %dx%d samples: out of memory", w, h);
    }
    flow->dsp = dsp;
    flow->team = team;
    flow->memory = memory;
    lay_out(flow, w, h, samples_max, team->threads, memory);
    return NST_OK;
}

void flow_free(NstOpticalFlow **flow)
{
    if (*flow)
        aligned_free((*flow)->memory);
    free(*flow);
    *flow = NULL;
}

/* ---- pyramid ---- */

enum { ROWS = 12 };

/* A step of the pyramid's making, over rows of `to`. */
typedef struct Step {
    const NstDsp *dsp;
    const float *from;
    ptrdiff_t from_stride;
    float side; /* the weight that smoothing gives to neighbours */
    Level *to;
} Step;

static void frame_row(const Level *level, float *plane, int y)
{
    float *row = plane + y * level->stride;
    for (int x = 1; x <= FRAME; x++) {
        row[-x] = row[0];
        row[level->w - 1 + x] = row[level->w - 1];
    }
}

static void frame_ends(const Level *level, float *plane)
{
    size_t bytes = (size_t)level->stride * sizeof(float);
    float *first = plane - FRAME, *last = first + (level->h - 1) * level->stride;
    for (int y = 1; y <= FRAME; y++) {
        memcpy(first - y * level->stride, first, bytes);
        memcpy(last + y * level->stride, last, bytes);
    }
}

/*
 * The deviation of the picture's noise, in levels: by the median, over one sample in SPARSE x SPARSE, of what a mask
 * leaves that is blind to edges (Immerkaer 1996, "Fast Noise Variance Estimation").
 */
static float noise_of(const float *luma, const Level *level)
{
    enum { SPARSE = 6, BINS = 64 };
    const ptrdiff_t s = level->stride;
    const float bin_size = 0.25f, median_of_normal = 0.6745f * 6; /* 6: the mask's norm */
    int count[BINS] = {0}, n = 0, bin = 0;
    for (int y = 0; y < level->h; y += SPARSE)
        for (int x = 0; x < level->w; x += SPARSE, n++) {
            const float *at = luma + y * s + x;
            float left = fabsf(4 * at[0] - 2 * (at[-1] + at[1] + at[-s] + at[s]) + at[-s - 1] + at[-s + 1] + at[s - 1] +
                               at[s + 1]);
            count[left < bin_size * (BINS - 1) ? (int)(left / bin_size) : BINS - 1]++;
        }
    for (int below = count[0]; bin < BINS - 1 && below <= n / 2; below += count[bin])
        bin++;
    return ((float)bin + 0.5f) * bin_size / median_of_normal;
}

/* A clear picture is not smoothed. */
static float side_weight(float noise)
{
    float share = (noise - NOISE_MIN) / (NOISE_MAX - NOISE_MIN);
    return SMOOTH_SIDE * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static void smooth_task(void *arg, int unit, int slot)
{
    const Step *step = arg;
    const Level *to = step->to;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, to->h); y++) {
        step->dsp->flow_smooth(step->from + y * step->from_stride, step->from_stride, to->y + y * to->stride,
                               step->side, to->w);
        frame_row(to, to->y, y);
    }
}

static void halve_task(void *arg, int unit, int slot)
{
    const Step *step = arg;
    const Level *to = step->to;
    (void)slot;
    for (int y = unit * ROWS; y < min_int((unit + 1) * ROWS, to->h); y++) {
        const float *a = step->from + 2 * y * step->from_stride;
        step->dsp->flow_halve(a, a + step->from_stride, to->y + y * to->stride, to->w);
        frame_row(to, to->y, y);
    }
}

/* Gradients reach into the frame as far as patches lie over it. */
static void gradients_task(void *arg, int unit, int slot)
{
    const Step *step = arg;
    const Level *to = step->to;
    (void)slot;
    for (int y = unit * ROWS - NST_PATCH; y < min_int((unit + 1) * ROWS - NST_PATCH, to->h + NST_PATCH); y++) {
        ptrdiff_t at = y * to->stride - NST_PATCH;
        step->dsp->flow_gradients(to->y + at, to->stride, to->gx + at, to->gy + at, to->w + 2 * NST_PATCH);
    }
}

float *flow_next(NstOpticalFlow *flow, ptrdiff_t *stride)
{
    Pyramid *pyramid = &flow->pyramid[flow->current ^= 1];
    *stride = pyramid->level[0].stride;
    return pyramid->given;
}

void flow_ready(NstOpticalFlow *flow)
{
    Pyramid *pyramid = &flow->pyramid[flow->current];
    const Level *finest = &pyramid->level[0];
    for (int y = 0; y < finest->h; y++)
        frame_row(finest, pyramid->given, y);
    frame_ends(finest, pyramid->given);
    const float side = side_weight(noise_of(pyramid->given, finest));
    for (int i = 0; i < flow->n_levels; i++) {
        Level *to = &pyramid->level[i];
        const Level *from = &pyramid->level[i > 0 ? i - 1 : 0];
        Step step = {flow->dsp, i > 0 ? from->y : pyramid->given, from->stride, side, to};
        team_for(flow->team, ceil_div(to->h, ROWS), i > 0 ? halve_task : smooth_task, &step);
        frame_ends(to, to->y);
        if (i >= flow->finest)
            team_for(flow->team, ceil_div(to->h + 2 * NST_PATCH, ROWS), gradients_task, &step);
    }
}

const float *flow_luma(const NstOpticalFlow *flow, int age, ptrdiff_t *stride)
{
    const Pyramid *pyramid = &flow->pyramid[flow->current ^ age];
    *stride = pyramid->level[0].stride;
    return pyramid->given;
}

/* ---- search ---- */

/* One level of one way. */
typedef struct Search {
    NstOpticalFlow *flow;
    const Level *own, *other;
    const NstField *start;   /* where it begins; NULL: nowhere; */
    float start_size;        /* of it, a sample's in this level's */
    NstField *field;
    int columns, rows;       /* of patches */
} Search;

static NstPatch patch_from(const Level *own, const Level *other, int x, int y)
{
    ptrdiff_t at = y * own->stride + x;
    return (NstPatch){
        .own = own->y + at, .gx = own->gx + at, .gy = own->gy + at, .other = other->y, .stride = own->stride,
        .x = (float)x, .y = (float)y, .min = -FRAME,
        .max_x = (float)(own->w + FRAME - NST_PATCH - 2), .max_y = (float)(own->h + FRAME - NST_PATCH - 2)};
}

static NstPatch patch_at(const Search *search, int column, int row)
{
    return patch_from(search->own, search->other, (column - 1) * STRIDE, (row - 1) * STRIDE);
}

/* A patch begins where its middle is moved by what is known so far. */
static void start_move(const Search *search, int column, int row, float move[2])
{
    const NstField *start = search->start;
    move[0] = move[1] = 0;
    if (!start)
        return;
    size_t x = (size_t)min_int((int)((float)(column * STRIDE) / search->start_size), start->w - 1);
    size_t y = (size_t)min_int((int)((float)(row * STRIDE) / search->start_size), start->h - 1);
    move[0] = search->start_size * start->x[y * (size_t)start->w + x];
    move[1] = search->start_size * start->y[y * (size_t)start->w + x];
}

static float *move_of(const Search *search, int column, int row)
{
    return search->flow->moves + 2 * (row * search->columns + column);
}

static void search_task(void *arg, int row, int slot)
{
    const Search *search = arg;
    const NstPatch first = patch_at(search, 0, row);
    (void)slot;
    for (int column = 0; column < search->columns; column++)
        start_move(search, column, row, move_of(search, column, row));
    search->flow->dsp->flow_search(&first, STRIDE, search->columns, move_of(search, 0, row), ITERATIONS);
}

/* One row of cells: what the two rows of patches say that cover it. */
static void spread_task(void *arg, int row, int slot)
{
    const Search *search = arg;
    const NstOpticalFlow *flow = search->flow;
    const NstField *field = search->field;
    size_t stride = sums_stride(flow->field[0][flow->finest].w), part = STRIDE * stride;
    float *u = slot_sums(flow, slot) + STRIDE, *v = u + part, *weight = v + part;
    memset(u - STRIDE, 0, 3 * part * sizeof(float));
    for (int i = 0; i < 2; i++)
        for (int column = 0; column < search->columns; column++) {
            NstPatch patch = patch_at(search, column, row + i);
            ptrdiff_t at = (column - 1) * STRIDE;
            flow->dsp->flow_spread(&patch, move_of(search, column, row + i), (1 - i) * STRIDE, STRIDE, u + at, v + at,
                                   weight + at, (ptrdiff_t)stride);
        }
    for (int y = 0; y < min_int(STRIDE, field->h - row * STRIDE); y++) {
        size_t from = (size_t)y * stride, to = (size_t)(row * STRIDE + y) * (size_t)field->w;
        for (size_t x = 0; x < (size_t)field->w; x++) {
            float scale = 1 / weight[from + x];
            field->x[to + x] = u[from + x] * scale;
            field->y[to + x] = v[from + x] * scale;
        }
    }
}

/* From a motion in samples of start_size of the level's */
static void search_level(NstOpticalFlow *flow, NstWay way, int index, const NstField *start, float start_size,
                         int rounds)
{
    int own = way == NST_WAY_BACK ? flow->current : flow->current ^ 1;
    Search search = {.flow = flow, .own = &flow->pyramid[own].level[index],
                     .other = &flow->pyramid[own ^ 1].level[index], .field = &flow->field[way][index],
                     .start = start, .start_size = start_size};
    search.columns = patches(search.own->w);
    search.rows = patches(search.own->h);
    team_for(flow->team, search.rows, search_task, &search);
    team_for(flow->team, search.rows - 1, spread_task, &search);
    if (way == NST_WAY_BACK && index <= flow->finest + 1) { /* nothing is gained by coarser ones' */
        NstRefineLevel level = {search.own->w, search.own->h, search.own->y, search.other->y, search.own->stride,
                                search.field->x, search.field->y, rounds};
        refine(&level, flow->dsp, flow->team, flow->refinement);
    }
}

/* A field, and one of half its width and height that it is made from */
typedef struct Enlarging {
    const NstOpticalFlow *flow;
    const NstField *half, *field;
} Enlarging;

/* A row from between rows a and b of the smaller one, in samples twice as small; `between` has room on both sides. */
static void enlarge_row(const Enlarging *job, const float *a, const float *b, float *between, float *to)
{
    const NstDsp *dsp = job->flow->dsp;
    const size_t n = (size_t)job->half->w;
    dsp->lerp(between, a, b, 0.25f, n);
    dsp->scale_shift(between, between, 2, 0, n);
    between[-1] = between[0];
    between[n] = between[n + 1] = between[n - 1];
    dsp->enlarge2(to, between, 0.25f, (size_t)job->field->w);
}

static void enlarge_task(void *arg, int y, int slot)
{
    const Enlarging *job = arg;
    const NstField *half = job->half, *field = job->field;
    const int near = min_int(y / 2, half->h - 1), other = max_int(min_int(near + (y % 2 ? 1 : -1), half->h - 1), 0);
    const size_t a = (size_t)near * (size_t)half->w, b = (size_t)other * (size_t)half->w;
    const size_t to = (size_t)y * (size_t)field->w;
    float *between = slot_sums(job->flow, slot) + STRIDE;
    enlarge_row(job, half->x + a, half->x + b, between, field->x + to);
    enlarge_row(job, half->y + a, half->y + b, between, field->y + to);
}

/* The finest level that is searched, from a motion as search_level takes it, and those that are finer still */
static void search_finest(NstOpticalFlow *flow, NstWay way, const NstField *start, float start_size, int rounds)
{
    search_level(flow, way, flow->finest, start, start_size, rounds);
    for (int index = flow->finest; index > 0; index--) {
        Enlarging job = {flow, &flow->field[way][index], &flow->field[way][index - 1]};
        team_for(flow->team, job.field->h, enlarge_task, &job);
    }
}

/* The motion that the next finer level than `index` begins from; NULL: none */
static const NstField *coarser(const NstOpticalFlow *flow, NstWay way, int index)
{
    return index + 1 < flow->n_levels ? &flow->field[way][index + 1] : NULL;
}

static void search_down_to(NstOpticalFlow *flow, NstWay way, int last)
{
    for (int index = flow->n_levels - 1; index >= last; index--)
        search_level(flow, way, index, coarser(flow, way, index), 2, COARSE_ROUNDS);
}

const NstField *flow_estimate(NstOpticalFlow *flow, NstWay way)
{
    search_down_to(flow, way, flow->finest + 1);
    search_finest(flow, way, coarser(flow, way, flow->finest), 2, NST_REFINE_ROUNDS);
    return flow_field(flow, way);
}

const NstField *flow_ahead(NstOpticalFlow *flow)
{
    const int index = min_int(flow->finest + 1, flow->n_levels - 1);
    search_down_to(flow, NST_WAY_AHEAD, index);
    return &flow->field[NST_WAY_AHEAD][index];
}

void flow_follow(NstOpticalFlow *flow, int rounds)
{
    search_finest(flow, NST_WAY_BACK, &flow->field[NST_WAY_BACK][flow->finest], 1, rounds);
}

void flow_improve(NstOpticalFlow *flow)
{
    search_finest(flow, NST_WAY_BACK, flow_field(flow, NST_WAY_BACK), 1.0f / (float)(1 << flow->finest),
                  NST_REFINE_ROUNDS);
}

const NstField *flow_field(const NstOpticalFlow *flow, NstWay way)
{
    return &flow->field[way][0];
}

float flow_misfit(const NstOpticalFlow *flow, int x, int y, float dx, float dy)
{
    const Level *own = &flow->pyramid[flow->current].level[0], *other = &flow->pyramid[flow->current ^ 1].level[0];
    const int left = max_int(min_int(x, own->w), 0) - NST_PATCH / 2, top = max_int(min_int(y, own->h), 0) - NST_PATCH / 2;
    const NstPatch patch = patch_from(own, other, left, top);
    return flow->dsp->flow_cost(&patch, (float[2]){dx, dy});
}

/* How far the other picture is from this one at a sample that is moved; OUTSIDE for one from outside */
static float unexplained(const Level *own, const Level *other, int x, int y, float dx, float dy)
{
    float px = (float)x + dx, py = (float)y + dy;
    if (!(px >= 0 && py >= 0 && px <= (float)own->w - 1 && py <= (float)own->h - 1))
        return OUTSIDE;
    int ix = (int)px, iy = (int)py;
    const float *from = other->y + iy * other->stride + ix;
    float fx = px - (float)ix, fy = py - (float)iy, a = from[0] + fx * (from[1] - from[0]);
    float b = from[other->stride] + fx * (from[other->stride + 1] - from[other->stride]);
    return fabsf(a + fy * (b - a) - own->y[y * own->stride + x]);
}

bool flow_explains(const NstOpticalFlow *flow, const NstField *back)
{
    const Level *own = &flow->pyramid[flow->current].level[0], *other = &flow->pyramid[flow->current ^ 1].level[0];
    double moved = 0, still = 0;
    int good = 0, n = 0;
    for (int y = 0; y < own->h; y += 2)
        for (int x = 0; x < own->w; x += 2, n++) {
            size_t at = (size_t)y * (size_t)back->w + (size_t)x;
            float off = unexplained(own, other, x, y, back->x[at], back->y[at]);
            if (off < EXPLAINED)
                good++;
            if (off < OUTSIDE) {
                moved += (double)off;
                still += (double)unexplained(own, other, x, y, 0, 0);
            }
        }
    return 10 * good >= 9 * n && moved <= still;
}
