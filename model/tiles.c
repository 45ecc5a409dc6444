/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiles.h"

#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "exec.h"
#include "util.h"

enum { SIDES = 2, MAX_TILES = 4096 };

/*
 * One side of the picture, cut. The core of tile i is [i core, (i + 1) core), the last one's to the end. Tiles begin at
 * multiples of `align`; where the picture's length is none, all of them are larger by the rest, so that the last one
 * ends with the picture, and one plan does for all.
 */
typedef struct Cut {
    int length; /* of the picture */
    int n;      /* tiles */
    int size;   /* of each */
    int core;
} Cut;

struct NstTiles {
    const NstGraph *graph;
    NstTilesOptions options;
    int align; /* tiles begin at multiples of this, so that the pools' windows stay where they are */
    int rim;
    int *jump; /* of each node: samples of the input from one of its samples to the next */
    Cut cut[SIDES];
    size_t bytes;        /* of the plan */
    NstPlan *plan;       /* of a tile */
    NstShape *shapes;    /* of the whole picture */
    float *input, *grad; /* input: NULL where there is one tile, whose plan has it */
};

static int half_kernel(const NstNode *node, int side)
{
    return ((node->kernel[side] - 1) * node->dilation[side] + 1) / 2;
}

/* Fills in jump, align and rim; the widest reach of a tap. */
static int measure_reach(NstTiles *tiles, NstError *err)
{
    const NstGraph *graph = tiles->graph;
    int *reach = calloc((size_t)graph->n_nodes, sizeof(*reach)), code = NST_OK;
    if (!reach)
        return fail(err, NST_ENOMEM, "out of memory");
    tiles->jump[0] = tiles->align = 1;
    for (int i = 1; i < graph->n_nodes && code == NST_OK; i++) {
        const NstNode *node = &graph->nodes[i];
        const int in = node->inputs[0], jump = tiles->jump[in];
        const bool pool = node->op == NST_OP_MAX_POOL || node->op == NST_OP_AVG_POOL;
        tiles->jump[i] = jump * node->stride[NST_Y];
        reach[i] = reach[in];
        if (node->op == NST_OP_CONV2D && node->stride[NST_Y] == 1 && node->stride[NST_X] == 1)
            reach[i] += jump * max_int(half_kernel(node, NST_Y), half_kernel(node, NST_X));
        else if (!(pool && node->kernel[NST_Y] == node->stride[NST_Y] && node->kernel[NST_X] == node->stride[NST_Y] &&
                   node->stride[NST_X] == node->stride[NST_Y] && !node->pad[NST_TOP] && !node->pad[NST_LEFT]) &&
                 node->op != NST_OP_RELU)
            code = fail(err, NST_EUNSUPPORTED, "node \"%s\": %s cannot be run in tiles", node->name,
                        graph_op_name(node->op));
    }
    for (int t = 0; t < tiles->options.n_taps && code == NST_OK; t++) {
        tiles->align = max_int(tiles->align, tiles->jump[tiles->options.taps[t]]);
        tiles->rim = max_int(tiles->rim, reach[tiles->options.taps[t]]);
    }
    tiles->rim = ceil_div(tiles->rim, tiles->align) * tiles->align;
    free(reach);
    return code;
}

/* Tiles of `size`, a multiple of align and larger than two rims */
static Cut cut_side(const NstTiles *tiles, int length, int size)
{
    const int rest = length % tiles->align, even = length - rest, core = size - 2 * tiles->rim;
    if (even <= size)
        return (Cut){length, 1, length, length};
    return (Cut){length, 1 + ceil_div(even - size + tiles->rim, core), size + rest, core};
}

static NstPlanOptions plan_options(const NstTiles *tiles)
{
    const NstTilesOptions *options = &tiles->options;
    return (NstPlanOptions){.compute = options->compute,
                            .want_input_grad = options->want_grad,
                            .taps = options->taps,
                            .n_taps = options->n_taps};
}

static int find_cut(NstTiles *tiles, int h, int w, NstError *err)
{
    const size_t bound = tiles->options.max_memory;
    const NstPlanOptions options = plan_options(tiles);
    tiles->bytes = plan_bytes_for(tiles->graph, h, w, &options);
    if (!bound || tiles->bytes <= bound) {
        tiles->cut[NST_Y] = (Cut){h, 1, h, h};
        tiles->cut[NST_X] = (Cut){w, 1, w, w};
        return NST_OK;
    }
    NST_TRY(measure_reach(tiles, err));
    const int smallest = 3 * tiles->rim + tiles->align;
    for (int size = max_int(h, w) / tiles->align * tiles->align;; size = size * 7 / 8 / tiles->align * tiles->align) {
        if (size < smallest)
            return fail(err, NST_ETOOLARGE, "%dx%d pixels: more than %.1f MiB needed for tiles of %d", w, h,
                        (double)bound / (1 << 20), smallest);
        tiles->cut[NST_Y] = cut_side(tiles, h, size);
        tiles->cut[NST_X] = cut_side(tiles, w, size);
        tiles->bytes = plan_bytes_for(tiles->graph, tiles->cut[NST_Y].size, tiles->cut[NST_X].size, &options);
        if (tiles->bytes && tiles->bytes <= bound && tiles_count(tiles) <= MAX_TILES)
            return NST_OK;
    }
}

int tiles_count(const NstTiles *tiles)
{
    return tiles->cut[NST_Y].n * tiles->cut[NST_X].n;
}

size_t tiles_bytes(const NstTiles *tiles)
{
    return tiles->bytes;
}

typedef struct Place {
    int start;
    int core, end; /* of the part that the tile answers for */
    bool last;
} Place;

static Place place(const NstTiles *tiles, int tile, int side)
{
    const Cut *cut = &tiles->cut[side];
    const int index = side == NST_Y ? tile / tiles->cut[NST_X].n : tile % tiles->cut[NST_X].n;
    Place p = {.core = index * cut->core, .last = index == cut->n - 1};
    p.start = p.last ? cut->length - cut->size : max_int(p.core - tiles->rim, 0);
    p.end = p.last ? cut->length : p.core + cut->core;
    return p;
}

static int create(NstTiles *tiles, int h, int w, NstError *err)
{
    const size_t nodes = (size_t)tiles->graph->n_nodes, channels = (size_t)tiles->graph->nodes[0].channels;
    tiles->jump = calloc(nodes, sizeof(*tiles->jump));
    tiles->shapes = calloc(nodes, sizeof(*tiles->shapes));
    if (!tiles->jump || !tiles->shapes)
        return fail(err, NST_ENOMEM, "out of memory");
    NST_TRY(graph_shapes(tiles->graph, h, w, tiles->shapes, err));
    NST_TRY(find_cut(tiles, h, w, err));
    const NstPlanOptions options = plan_options(tiles);
    NST_TRY(plan_create(&tiles->plan, tiles->graph, tiles->cut[NST_Y].size, tiles->cut[NST_X].size, &options, err));
    if (tiles_count(tiles) > 1)
        tiles->input = aligned_calloc((size_t)h * (size_t)w, channels * sizeof(float));
    if (tiles->options.want_grad)
        tiles->grad = aligned_calloc((size_t)h * (size_t)w, channels * sizeof(float));
    const bool ok = (tiles_count(tiles) == 1 || tiles->input) && (!tiles->options.want_grad || tiles->grad);
    return ok ? NST_OK : fail(err, NST_ENOMEM, "no memory for a picture of %dx%d pixels", w, h);
}

int tiles_create(NstTiles **out, const NstGraph *graph, int h, int w, const NstTilesOptions *options, NstError *err)
{
    NstTiles *tiles = *out = calloc(1, sizeof(*tiles));
    if (!tiles)
        return fail(err, NST_ENOMEM, "out of memory");
    tiles->graph = graph;
    tiles->options = *options;
    const int code = create(tiles, h, w, err);
    tiles->options.taps = NULL; /* the caller's, not kept */
    if (code < 0)
        tiles_free(out);
    return code;
}

void tiles_free(NstTiles **out)
{
    NstTiles *tiles = *out;
    if (!tiles)
        return;
    plan_free(&tiles->plan);
    aligned_free(tiles->input);
    aligned_free(tiles->grad);
    free(tiles->jump);
    free(tiles->shapes);
    free(tiles);
    *out = NULL;
}

NstShape tiles_shape(const NstTiles *tiles, int tap)
{
    return tiles->shapes[tap];
}

float *tiles_input(NstTiles *tiles)
{
    return tiles->input ? tiles->input : plan_value(tiles->plan, 0);
}

float *tiles_grad(NstTiles *tiles)
{
    return tiles->grad;
}

static void load_tile(NstTiles *tiles, int tile)
{
    if (tiles->input) {
        const Place y = place(tiles, tile, NST_Y), x = place(tiles, tile, NST_X);
        const Cut *down = &tiles->cut[NST_Y], *across = &tiles->cut[NST_X];
        float *to = plan_value(tiles->plan, 0);
        for (int c = 0; c < tiles->shapes[0].c; c++)
            for (int row = 0; row < down->size; row++, to += across->size)
                memcpy(to, tiles->input + ((ptrdiff_t)c * down->length + y.start + row) * across->length + x.start,
                       (size_t)across->size * sizeof(float));
    }
}

NstPlan *tiles_forward(NstTiles *tiles, int tile)
{
    load_tile(tiles, tile);
    exec_forward(tiles->plan);
    return tiles->plan;
}

NstPlan *tiles_forward_for(NstTiles *tiles, int tile, const int *taps, int n)
{
    load_tile(tiles, tile);
    exec_forward_for(tiles->plan, taps, n);
    return tiles->plan;
}

/* One side of a part: the samples of a value with `jump`, `length` of them in the whole picture */
static void part_side(const Place *place, int jump, int length, int *from, int *count, int *at)
{
    *from = place->core / jump;
    *count = (place->last ? length : place->end / jump) - *from;
    *at = *from - place->start / jump;
}

NstTilePart tiles_part(const NstTiles *tiles, int tile, int tap)
{
    const NstShape shape = tiles->shapes[tap];
    NstTilePart part = {.h = shape.h, .w = shape.w};
    if (tiles_count(tiles) > 1) {
        const Place y = place(tiles, tile, NST_Y), x = place(tiles, tile, NST_X);
        part_side(&y, tiles->jump[tap], shape.h, &part.y, &part.h, &part.at_y);
        part_side(&x, tiles->jump[tap], shape.w, &part.x, &part.w, &part.at_x);
    }
    return part;
}

void tiles_backward(NstTiles *tiles, int tile)
{
    const Place y = place(tiles, tile, NST_Y), x = place(tiles, tile, NST_X);
    const Cut *down = &tiles->cut[NST_Y], *across = &tiles->cut[NST_X];
    const int channels = tiles->shapes[0].c;
    backward_run(tiles->plan);
    const float *from = backward_input_grad(tiles->plan);
    if (tile == 0)
        memset(tiles->grad, 0, (size_t)channels * (size_t)down->length * (size_t)across->length * sizeof(float));
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < down->size; row++, from += across->size) {
            float *to = tiles->grad + ((ptrdiff_t)c * down->length + y.start + row) * across->length + x.start;
            for (int i = 0; i < across->size; i++)
                to[i] += from[i];
        }
}
