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

#include "padding.h"
#include "threads.h"
#include "util.h"

enum { ELEMENTS = 36, BLOCK_TILES = 48, CHUNK_CHANNELS = 8, MIN_CHANNELS = 8, MIN_WIDTH = 4, STAGGER = 16 };

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
    int n_tiles, n_runs, n_panels;
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
    block->n_panels = ceil_div(block->n_tiles, panel_width);
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

enum { FRAME_STRIDE = 4 * NST_WINOGRAD_TILES + 8 };

/* A row of `columns` samples from x on; beyond the plane they are what pad_mode says, beyond the padding zero. */
static void framed_row(const NstConv *conv, const float *row, int x, int columns, float *to)
{
    int left = min_int(max_int(-x, 0), columns), right = min_int(columns, conv->from_w - x);
    if (right > left)
        memcpy(to + left, row + x + left, (size_t)(right - left) * sizeof(*to));
    for (int j = 0; j < columns; j = j < left - 1 ? j + 1 : max_int(j + 1, right)) {
        int source = x + conv->pad_left + j < conv->w ? pad_source(conv->pad_mode, x + j, conv->from_w) : -1;
        to[j] = source < 0 ? 0 : row[source];
    }
}

/* 6 rows of `columns` samples at y, x of the plane as it lies in memory. */
static void copy_framed(const NstConv *conv, const float *plane, int y, int x, int columns, float *to)
{
    for (int r = 0; r < 6; r++, to += FRAME_STRIDE) {
        int source = y + conv->pad_top + r < conv->h ? pad_source(conv->pad_mode, y + r, conv->from_h) : -1;
        if (source < 0)
            memset(to, 0, (size_t)columns * sizeof(*to));
        else
            framed_row(conv, plane + (size_t)source * (size_t)conv->from_w, x, columns, to);
    }
}

/* Fetches what a run reads of a plane. Planes lie too far apart for the processor to foresee it. */
static void prefetch_run(const NstConv *conv, const float *plane, const NstTileRun *run)
{
    enum { LINE = 16 };
    const int top = run->y - conv->pad_top, left = max_int(run->x - conv->pad_left, 0);
    const int right = min_int(run->x - conv->pad_left + 4 * run->n + 2, conv->from_w);
    for (int y = max_int(top, 0); y < min_int(top + 6, conv->from_h); y++)
        for (int x = left; x < right + LINE - 1; x += LINE)
            __builtin_prefetch(plane + (size_t)y * (size_t)conv->from_w + min_int(x, right - 1));
}

static void input_block(const NstConvContext *context, const NstConv *conv, const NstBlock *block, const float *x,
                        float *v)
{
    float frame[6 * FRAME_STRIDE];
    int width = context->dsp->panel_width;
    ptrdiff_t step = (ptrdiff_t)v_step(context->dsp, conv);
    for (int c = 0; c < conv->ci; c++)
        for (int i = 0; i < block->n_runs; i++) {
            const NstTileRun *run = &block->runs[i];
            const size_t size = (size_t)conv->from_h * (size_t)conv->from_w;
            const float *plane = x + (size_t)c * size;
            int top = run->y - conv->pad_top, left = run->x - conv->pad_left, columns = 4 * run->n + 2;
            float *to = v + ((size_t)(run->first / width) * (size_t)conv->ci + (size_t)c) * (size_t)width +
                        run->first % width;
            if (c + 1 < conv->ci)
                prefetch_run(conv, plane + size, run);
            if (top >= 0 && left >= 0 && top + 6 <= conv->from_h && left + columns <= conv->from_w) {
                context->dsp->winograd_input(plane + (size_t)top * (size_t)conv->from_w + left, conv->from_w, to, step,
                                             run->n);
                continue;
            }
            copy_framed(conv, plane, top, left, columns, frame);
            context->dsp->winograd_input(frame, FRAME_STRIDE, to, step, run->n);
        }
}

/* Results of one run that do not all lie in y, or are to be added, take the way through a frame. */
static void output_framed(const NstConvContext *context, const NstConv *conv, const NstTileRun *run, const float *m,
                          float bias, bool add, float *y)
{
    float frame[4 * FRAME_STRIDE];
    int rows = min_int(4, conv->ho - run->y), columns = min_int(4 * run->n, conv->wo - run->x);
    context->dsp->winograd_output(m, (ptrdiff_t)m_step(conv), bias, conv_floor(conv), frame, FRAME_STRIDE, run->n);
    for (int r = 0; r < rows; r++, y += conv->wo)
        if (add)
            context->dsp->add(y, y, frame + r * FRAME_STRIDE, (size_t)columns);
        else
            memcpy(y, frame + r * FRAME_STRIDE, (size_t)columns * sizeof(*y));
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
 * Where each sample stands twice, a b b c c d, the third element of B^T d is 4b - 4b - c + c = 0, and so are 11 of the
 * 36 elements of V: their products are left out.
 */
static bool is_nothing(const NstConv *conv, int element)
{
    return conv->doubled && (element / 6 == 2 || element % 6 == 2);
}

static void multiply_block(const NstConvContext *context, const NstConv *conv, const NstBlock *block,
                           const float *packed, int c0, int n_channels, const float *v, float *m)
{
    const NstDsp *dsp = context->dsp;
    size_t u_step = packed_rows(dsp, conv) * (size_t)conv->ci;
    for (int e = 0; e < ELEMENTS; e++) {
        if (is_nothing(conv, e)) {
            memset(m + (size_t)e * m_step(conv), 0, m_step(conv) * sizeof(*m));
            continue;
        }
        for (int p = 0; p < block->n_panels; p++) {
            int t = p * dsp->panel_width;
            size_t panel = (size_t)e * v_step(dsp, conv) + (size_t)p * (size_t)conv->ci * (size_t)dsp->panel_width;
            dsp->multiply_panel(n_channels, min_int(dsp->panel_width, block->n_tiles - t), conv->ci,
                                packed + (size_t)e * u_step + (size_t)c0 * (size_t)conv->ci, v + panel,
                                m + (size_t)e * m_step(conv) + t, BLOCK_TILES);
        }
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
        NstBlock block;
        block_runs(conv, context->dsp->panel_width, b, &block);
        input_block(context, conv, &block, x, v);
        for (int c0 = 0; c0 < conv->co; c0 += CHUNK_CHANNELS) {
            int n = min_int(CHUNK_CHANNELS, conv->co - c0);
            multiply_block(context, conv, &block, packed, c0, n, v, m);
            for (int c = 0; c < n; c++)
                output_channel(context, conv, &block, m + (size_t)c * BLOCK_TILES, bias ? bias[c0 + c] : 0, add,
                               y + (size_t)(c0 + c) * conv->y_plane);
        }
    }
}
