/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiling.h"

#include <math.h>

#include "util.h"

/* What a sample of a node's value is, in pixels of the input: how far apart they lie, and how far each one sees. */
typedef struct NstSight {
    double step, reach;
} NstSight;

/* The samples of the input that a sample of the result sees beyond its own place, on the wider side. */
static int window_reach(const NstNode *node, int axis, int pad_before)
{
    int extent = (node->kernel[axis] - 1) * node->dilation[axis];
    return max_int(pad_before, extent - pad_before);
}

static NstSight sight_after(const NstNode *node, NstSight from)
{
    int reach = max_int(window_reach(node, NST_Y, node->pad[NST_TOP]), window_reach(node, NST_X, node->pad[NST_LEFT]));
    int stride = max_int(node->stride[NST_Y], node->stride[NST_X]);
    switch (node->op) {
    case NST_OP_CONV2D:
    case NST_OP_MAX_POOL:
    case NST_OP_AVG_POOL:
        return (NstSight){from.step * stride, from.reach + from.step * reach};
    case NST_OP_CONV_TRANSPOSE2D:
        return (NstSight){from.step / stride, from.reach + from.step * (reach + 1)};
    case NST_OP_UPSAMPLE:
    case NST_OP_PIXEL_SHUFFLE:
        return (NstSight){from.step / node->factor, from.reach + from.step};
    case NST_OP_PIXEL_UNSHUFFLE:
        return (NstSight){from.step * node->factor, from.reach + from.step * (node->factor - 1)};
    default:
        return from;
    }
}

/* The widest sight among a node's inputs goes on. Nodes are few, so it is found anew for each. */
static NstSight sight_of(const NstGraph *graph, NstSight *sights, int index)
{
    const NstNode *node = &graph->nodes[index];
    NstSight widest = sights[node->inputs[0]];
    for (int i = 1; i < node->n_inputs; i++)
        widest.reach = fmax(widest.reach, sights[node->inputs[i]].reach);
    return sight_after(node, widest);
}

int tiling_rim(const NstGraph *graph)
{
    NstSight sights[NST_MAX_NODES];
    sights[0] = (NstSight){1, 0};
    for (int i = 1; i < graph->n_nodes; i++)
        sights[i] = sight_of(graph, sights, i);
    return (int)ceil(sights[graph->n_nodes - 1].reach);
}

static int rounded_up(int n, int multiple)
{
    return ceil_div(n, multiple) * multiple;
}

NstTiling tiling_of(int width, int height, int multiple, int rim, int columns, int rows)
{
    NstTiling tiling = {.width = width, .height = height, .rim = rounded_up(rim, multiple)};
    tiling.core_w = rounded_up(ceil_div(width, columns), multiple);
    tiling.core_h = rounded_up(ceil_div(height, rows), multiple);
    tiling.columns = ceil_div(width, tiling.core_w);
    tiling.rows = ceil_div(height, tiling.core_h);
    tiling.w = min_int(tiling.core_w + 2 * tiling.rim, width);
    tiling.h = min_int(tiling.core_h + 2 * tiling.rim, height);
    return tiling;
}

NstRect tiling_core(const NstTiling *tiling, int i)
{
    int x = i % tiling->columns * tiling->core_w, y = i / tiling->columns * tiling->core_h;
    return (NstRect){x, y, min_int(x + tiling->core_w, tiling->width), min_int(y + tiling->core_h, tiling->height)};
}

NstRect tiling_outer(const NstTiling *tiling, int i)
{
    NstRect core = tiling_core(tiling, i);
    int x = max_int(0, min_int(core.x0 - tiling->rim, tiling->width - tiling->w));
    int y = max_int(0, min_int(core.y0 - tiling->rim, tiling->height - tiling->h));
    return (NstRect){x, y, x + tiling->w, y + tiling->h};
}
