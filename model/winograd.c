/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plane of results is cut into tiles of 4x4, and the tiles, row by row, into blocks of BLOCK_TILES. For a block:
 *
 *   V[e][panel][ci][tile]   = B^T d B   of all input channels          e = 0 .. 35
 *   M[e][co][tile]          = U[e] V[e]: 36 matrix products            for CHUNK_CHANNELS results at a time,
 *   y                       = A^T M A                                  so that V stays in the L2 cache, M in the L1
 */
#include "winograd.h"

#include <string.h>

#include "columns.h"
#include "padding.h"
#include "threads.h"
#include "util.h"

enum { ELEMENTS = 36, BLOCK_TILES = 48, CHUNK_CHANNELS = 8, MIN_CHANNELS = 8, MIN_WIDTH = 4, STAGGER = 16 };
enum { FETCH_MAX = 256, FETCH_FROM = 1 << 14 /* floats of a picture that the nearest caches do not hold */ };

bool winograd_fits(const NstConv *conv)
{
    return !conv->direct && conv->kh == 3 && conv->kw == 3 && conv->sy == 1 && conv->sx == 1 && conv->dy == 1 &&
           conv->dx == 1 && conv->groups == 1 && conv->ci >= MIN_CHANNELS && conv->co >= MIN_CHANNELS &&
           conv->wo >= MIN_WIDTH;
}

/* ---- kernels ---- */

static size_t packed_rows(const NstDsp *dsp, const NstConv *conv)
{
    return (size_t)(ceil_div(conv->co, dsp->panel_height) * dsp->panel_height);
}

size_t winograd_kernels_size(const NstDsp *dsp, const NstConv *conv)
{
    return ELEMENTS * packed_rows(dsp, conv) * (size_t)conv->ci;
}

/* u = G k G^T */
static void transform_kernel(const float *k, float *u)
{
    static const double g[6][3] = {{1. / 4, 0, 0},          {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
                                   {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
    double half[6][3];
    for (int r = 0; r < 6; r++)
        for (int c = 0; c < 3; c++)
            half[r][c] = g[r][0] * (double)k[c] + g[r][1] * (double)k[3 + c] + g[r][2] * (double)k[6 + c];
    for (int r = 0; r < 6; r++)
        for (int c = 0; c < 6; c++)
            u[6 * r + c] = (float)(half[r][0] * g[c][0] + half[r][1] * g[c][1] + half[r][2] * g[c][2]);
}

static void transform_turned(const float *k, float *u)
{
    float turned[9];
    for (int i = 0; i < 9; i++)
        turned[i] = k[8 - i];
    transform_kernel(turned, u);
}

void winograd_kernels(const NstDsp *dsp, const NstConv *conv, const float *k, bool adjoint, float *packed)
{
    size_t rows = packed_rows(dsp, conv), ci = (size_t)conv->ci;
    float u[ELEMENTS];
    memset(packed, 0, winograd_kernels_size(dsp, conv) * sizeof(*packed));
    for (int co = 0; co < conv->co; co++)
        for (int c = 0; c < conv->ci; c++) {
            size_t height = (size_t)dsp->panel_height, panel = (size_t)co / height;
            if (adjoint)
                transform_turned(k + ((size_t)c * (size_t)conv->co + (size_t)co) * 9, u);
            else
                transform_kernel(k + ((size_t)co * ci + (size_t)c) * 9, u);
            for (int e = 0; e < ELEMENTS; e++)
                packed[(size_t)e * rows * ci + panel * height * ci + (size_t)c * height + (size_t)co % height] = u[e];
        }
}

/* ---- blocks ---- */

/* A run of neighbouring tiles of one row, within one panel of V. */
typedef struct NstTileRun {
    int first;    /* within the block */
    int n;
    int y, x;     /* of the first tile's first result */
} NstTileRun;

typedef struct NstBlock {
    int n_tiles, n_runs;
    NstTileRun runs[2 * BLOCK_TILES];
} NstBlock;

static int tiles_across(const NstConv *conv)
{
    return ceil_div(conv->wo, 4);
}

static int tile_count(const NstConv *conv)
{
    return tiles_across(conv) * ceil_div(conv->ho, 4);
}

static void block_runs(const NstConv *conv, int panel_width, int index, NstBlock *block)
{
    int across = tiles_across(conv), first = index * BLOCK_TILES;
    block->n_tiles = min_int(BLOCK_TILES, tile_count(conv) - first);
    block->n_runs = 0;
    for (int t = 0; t < block->n_tiles;) {
        int column = (first + t) % across;
        int n = min_int(min_int(across - column, block->n_tiles - t), panel_width - t % panel_width);
        block->runs[block->n_runs++] = (NstTileRun){t, n, (first + t) / across * 4, column * 4};
        t += n;
    }
}

static int chunk_channels(const NstConv *conv)
{
    return min_int(conv->co, CHUNK_CHANNELS);
}

/*
 * Floats from one element to the next in V and in M. A line of the cache more than the data, as the 36 elements of
 * a tile would else fall into a few sets of the first cache and push each other out.
 */
static size_t v_step(const NstDsp *dsp, const NstConv *conv)
{
    int panels = ceil_div(BLOCK_TILES, dsp->panel_width);
    return (size_t)(panels * dsp->panel_width) * (size_t)conv->ci + STAGGER;
}

static size_t m_step(const NstConv *conv)
{
    return (size_t)(chunk_channels(conv) * BLOCK_TILES) + STAGGER;
}

static size_t v_size(const NstDsp *dsp, const NstConv *conv)
{
    return ELEMENTS * v_step(dsp, conv);
}

static size_t m_size(const NstConv *conv)
{
    return ELEMENTS * m_step(conv);
}

/* What the six rows of a run read from column x of the plane on */
static void rows_at(const NstConv *conv, const float *plane, int y, int x, const float *rows[6])
{
    static const float zeros[NST_WINOGRAD_ROW];
    for (int r = 0; r < 6; r++, y++) {
        int source = y < conv->h ? pad_source(conv->pad_mode, y - conv->pad_top, conv->from_h) : -1;
        rows[r] = source < 0 ? zeros : plane + (size_t)source * (size_t)conv->from_w + x;
    }
}

/*
 * B^T d for n columns from x on; where those lie outside the plane, of those that the padding repeats. Beyond the
 * padding they are zero. From left to right, as a whole vector is written each time.
 */
static void transform_columns(const NstDsp *dsp, const NstConv *conv, const float *plane, int y, int x, int n,
                              float *columns)
{
    const float *rows[6];
    const int left = min_int(max_int(-x, 0), n), right = min_int(n, conv->from_w - x);
    for (int j = 0; j < n; j++) {
        int source = x + conv->pad_left + j < conv->w ? pad_source(conv->pad_mode, x + j, conv->from_w) : -1;
        int length = j == left && right > left ? right - left : 1;
        for (int r = 0; source < 0 && r < 6; r++)
            columns[r * NST_WINOGRAD_ROW + j] = 0;
        if (source >= 0) {
            rows_at(conv, plane, y, source, rows);
            dsp->winograd_columns(rows, columns + j, length);
            j += length - 1;
        }
    }
}

static void input_block(const NstConvContext *context, const NstConv *conv, const NstBlock *block, const float *x,
                        float *v)
{
    float columns[6 * NST_WINOGRAD_ROW];
    const int width = context->dsp->panel_width;
    const size_t size = (size_t)conv->from_h * (size_t)conv->from_w;
    const ptrdiff_t step = (ptrdiff_t)v_step(context->dsp, conv);
    for (int c = 0; c < conv->ci; c++, x += size)
        for (int i = 0; i < block->n_runs; i++) {
            const NstTileRun *run = &block->runs[i];
            size_t panel = (size_t)(run->first / width);
            transform_columns(context->dsp, conv, x, run->y, run->x - conv->pad_left, 4 * run->n + 2, columns);
            context->dsp->winograd_tiles(columns, v + (panel * (size_t)conv->ci + (size_t)c) * (size_t)width +
                                         run->first % width, step, run->n);
        }
}

/* Results of one run that do not all lie in y, or are to be added, take the way through a frame. */
static void output_framed(const NstConvContext *context, const NstConv *conv, const NstTileRun *run, const float *m,
                          float bias, bool add, float *y)
{
    float frame[4 * NST_WINOGRAD_ROW];
    int rows = min_int(4, conv->ho - run->y), columns = min_int(4 * run->n, conv->wo - run->x);
    context->dsp->winograd_output(m, (ptrdiff_t)m_step(conv), bias, conv_floor(conv), frame, NST_WINOGRAD_ROW, run->n);
    for (int r = 0; r < rows; r++, y += conv->wo)
        if (add)
            context->dsp->add(y, y, frame + r * NST_WINOGRAD_ROW, (size_t)columns);
        else
            memcpy(y, frame + r * NST_WINOGRAD_ROW, (size_t)columns * sizeof(*y));
}

static void output_channel(const NstConvContext *context, const NstConv *conv, const NstBlock *block, const float *m,
                           float bias, bool add, float *y)
{
    for (int i = 0; i < block->n_runs; i++) {
        const NstTileRun *run = &block->runs[i];
        float *to = y + (size_t)run->y * (size_t)conv->wo + run->x;
        if (!add && run->y + 4 <= conv->ho && run->x + 4 * run->n <= conv->wo)
            context->dsp->winograd_output(m + run->first, (ptrdiff_t)m_step(conv), bias, conv_floor(conv), to, conv->wo,
                                          run->n);
        else
            output_framed(context, conv, run, m + run->first, bias, add, to);
    }
}

/*
 * Four channels are the four phases of one result: its samples in even rows and columns, in even rows and odd columns,
 * in odd rows and even columns, and in both odd.
 */
static void output_phases(const NstConvContext *context, const NstConv *conv, const NstBlock *block, const float *m,
                          float bias, float *y)
{
    float frame[4][4 * NST_WINOGRAD_ROW];
    const size_t stride = 2 * (size_t)conv->wo;
    for (int i = 0; i < block->n_runs; i++) {
        const NstTileRun *run = &block->runs[i];
        const int rows = min_int(4, conv->ho - run->y), columns = min_int(4 * run->n, conv->wo - run->x);
        float *to = y + 2 * ((size_t)run->y * stride + (size_t)run->x);
        for (int p = 0; p < 4; p++)
            context->dsp->winograd_output(m + p * BLOCK_TILES + run->first, (ptrdiff_t)m_step(conv), bias,
                                          conv_floor(conv), frame[p], NST_WINOGRAD_ROW, run->n);
        for (int r = 0; r < 2 * rows; r++, to += stride) {
            const float *even = frame[r % 2 * 2] + r / 2 * NST_WINOGRAD_ROW;
            context->dsp->interleave(to, even, even + 4 * NST_WINOGRAD_ROW, (size_t)columns);
        }
    }
}

/* Results of the channels c0 ... c0 + n - 1 */
static void output_chunk(const NstConvContext *context, const NstConv *conv, const NstBlock *block, const float *m,
                         int c0, int n, const float *bias, bool add, float *y)
{
    const int phases = conv->interleaves ? 4 : 1;
    for (int c = 0; c < n; c += phases) {
        const int result = (c0 + c) / phases;
        float *to = y + (size_t)result * conv->y_plane, shift = bias ? bias[result] : 0;
        if (conv->interleaves)
            output_phases(context, conv, block, m + (size_t)c * BLOCK_TILES, shift, to);
        else
            output_channel(context, conv, block, m + (size_t)c * BLOCK_TILES, shift, add, to);
    }
}

/*
 * Where each sample stands twice, a b b c c d, the third element of B^T d is 4b - 4b - c + c = 0, and so are 11 of the
 * 36 elements of V: their products are left out.
 */
static bool is_nothing(const NstConv *conv, int element)
{
    return conv->doubled && (element / 6 == 2 || element % 6 == 2);
}

/*
 * Pieces of rows that are needed next: planes lie too far apart for the processor to foresee them, and while it
 * multiplies the memory has nothing else to do.
 */
typedef struct Fetch {
    int n, next;
    struct {
        const float *from;
        int n;
    } pieces[FETCH_MAX];
} Fetch;

/* Four rows of a plane under a run of tiles */
static void fetch_run(Fetch *fetch, const float *plane, int h, int w, int y, int x, int n_tiles)
{
    const int left = max_int(x, 0), right = min_int(x + 4 * n_tiles, w);
    for (int r = max_int(y, 0); r < min_int(y + 4, h) && left < right && fetch->n < FETCH_MAX; r++) {
        fetch->pieces[fetch->n].from = plane + (size_t)r * (size_t)w + left;
        fetch->pieces[fetch->n++].n = right - left;
    }
}

/* What becomes a run's results of channel c; of one that is a phase, a quarter of what the four become together */
static void fetch_results(Fetch *fetch, const NstConv *conv, int c, const NstTileRun *run, const float *y)
{
    if (!conv->interleaves) {
        fetch_run(fetch, y + (size_t)c * conv->y_plane, conv->ho, conv->wo, run->y, run->x, run->n);
        return;
    }
    const int half = run->n / 2, right = c % 2;
    fetch_run(fetch, y + (size_t)(c / 4) * conv->y_plane, 2 * conv->ho, 2 * conv->wo, 2 * run->y + c / 2 % 2 * 4,
              2 * run->x + right * 8 * half, 2 * (right ? run->n - half : half));
}

/* What becomes the results of channels c0 ... of this block, and the samples of as large a share of the next one */
static void plan_fetch(const NstConv *conv, const NstBlock *block, const NstBlock *next, int c0, int n_channels,
                       const float *x, const float *y, Fetch *fetch)
{
    const int64_t share = conv->ci;
    const int from = (int)(share * c0 / conv->co), to = (int)(share * (c0 + n_channels) / conv->co);
    fetch->n = fetch->next = 0;
    if (conv_plane_in(conv) * (size_t)conv->ci < FETCH_FROM)
        return;
    for (int c = c0; c < c0 + n_channels; c++)
        for (int i = 0; i < block->n_runs; i++)
            fetch_results(fetch, conv, c, &block->runs[i], y);
    for (int c = from; c < to; c++)
        for (int i = 0; i < next->n_runs; i++)
            fetch_run(fetch, x + (size_t)c * (size_t)conv->from_h * (size_t)conv->from_w, conv->from_h, conv->from_w,
                      next->runs[i].y + 2 - conv->pad_top, next->runs[i].x - conv->pad_left, next->runs[i].n);
}

/* The next pieces, of which an equal number is due at each of `times` times; to the L2 cache: the L1 has V and M. */
static void fetch_some(Fetch *fetch, int times)
{
    enum { LINE = 16, READ = 0, L2 = 2 };
    const int end = min_int(fetch->n, fetch->next + ceil_div(fetch->n, times));
    for (; fetch->next < end; fetch->next++)
        for (int i = 0; i < fetch->pieces[fetch->next].n; i += LINE)
            __builtin_prefetch(fetch->pieces[fetch->next].from + i, READ, L2);
}

static void multiply_block(const NstConvContext *context, const NstConv *conv, const NstBlock *block,
                           const float *packed, int c0, int n_channels, const float *v, float *m, Fetch *fetch)
{
    const NstDsp *dsp = context->dsp;
    size_t u_step = packed_rows(dsp, conv) * (size_t)conv->ci;
    for (int e = 0; e < ELEMENTS; e++) {
        if (is_nothing(conv, e)) {
            memset(m + (size_t)e * m_step(conv), 0, m_step(conv) * sizeof(*m));
            continue;
        }
        dsp->multiply_panels(n_channels, block->n_tiles, conv->ci,
                             packed + (size_t)e * u_step + (size_t)c0 * (size_t)conv->ci,
                             v + (size_t)e * v_step(dsp, conv), 0, m + (size_t)e * m_step(conv), BLOCK_TILES);
        fetch_some(fetch, ELEMENTS);
    }
}

size_t winograd_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    return (size_t)threads * (v_size(dsp, conv) + m_size(conv));
}

void winograd_forward(const NstConvContext *context, const NstConv *shape, const float *x, const float *packed,
                      const float *bias, bool add, float *y)
{
    const NstConv whole = conv_stored(shape), *conv = &whole;
    size_t v_floats = v_size(context->dsp, conv), m_floats = m_size(conv);
    int n_blocks = ceil_div(tile_count(conv), BLOCK_TILES);
#pragma omp parallel for num_threads(context->threads) schedule(static)
    for (int b = 0; b < n_blocks; b++) {
        float *v = context->scratch + (size_t)thread_index() * (v_floats + m_floats), *m = v + v_floats;
        NstBlock block, next;
        Fetch fetch;
        block_runs(conv, context->dsp->panel_width, b, &block);
        block_runs(conv, context->dsp->panel_width, min_int(b + 1, n_blocks - 1), &next);
        input_block(context, conv, &block, x, v);
        for (int c0 = 0; c0 < conv->co; c0 += CHUNK_CHANNELS) {
            int n = min_int(CHUNK_CHANNELS, conv->co - c0);
            plan_fetch(conv, &block, &next, c0, n, x, y, &fetch);
            multiply_block(context, conv, &block, packed, c0, n, v, m, &fetch);
            output_chunk(context, conv, &block, m, c0, n, bias, add, y);
        }
    }
}
