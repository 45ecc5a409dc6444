/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph.h"

#include <stdlib.h>

#include "util.h"

/*
 * Sizes of a graph's values. The rules are PyTorch's; the two axes never depend on each other, so each rule is written
 * once for one axis. All terms are bounded by graph.h's limits, so no product here exceeds an int.
 */

static int pool_size(const NstNode *node, int axis, int in)
{
    int before = node->pad[2 * axis], after = node->pad[2 * axis + 1];
    int stride = node->stride[axis], span = in + before + after - node->kernel[axis];
    if (node->ceil)
        span += stride - 1;
    if (span < 0)
        return 0;
    int out = span / stride + 1;
    /* a window that would lie in the padding behind the picture only is left out */
    return node->ceil && (out - 1) * stride >= in + before ? out - 1 : out;
}

/* Samples of the result on one axis; less than 1: impossible. */
static int result_size(const NstNode *node, int axis, int in)
{
    int pads = node->pad[2 * axis] + node->pad[2 * axis + 1];
    int extent = node->dilation[axis] * (node->kernel[axis] - 1) + 1;
    switch (node->op) {
    case NST_OP_CONV2D:
        return in + pads < extent ? 0 : (in + pads - extent) / node->stride[axis] + 1;
    case NST_OP_CONV_TRANSPOSE2D:
        return (in - 1) * node->stride[axis] + extent - pads + node->output_pad[axis];
    case NST_OP_MAX_POOL:
    case NST_OP_AVG_POOL:
        return pool_size(node, axis, in);
    case NST_OP_UPSAMPLE:
    case NST_OP_PIXEL_SHUFFLE:
        return in * node->factor;
    case NST_OP_PIXEL_UNSHUFFLE:
        return in % node->factor ? 0 : in / node->factor;
    case NST_OP_PAD:
        return in + pads;
    case NST_OP_CROP:
        return in - pads;
    default:
        return in;
    }
}

static int check_same_size(const NstGraph *graph, const NstNode *node, const NstShape *shapes, NstError *err)
{
    const NstShape *first = &shapes[node->inputs[0]];
    for (int i = 1; i < node->n_inputs; i++) {
        const NstShape *other = &shapes[node->inputs[i]];
        if (other->h != first->h || other->w != first->w)
            return fail(err, NST_EINVAL, "inputs of one size expected, %dx%d of \"%s\" and %dx%d of \"%s\" found",
                        first->w, first->h, graph->nodes[node->inputs[0]].name, other->w, other->h,
                        graph->nodes[node->inputs[i]].name);
    }
    return NST_OK;
}

static int node_shape(const NstGraph *graph, int index, NstShape *shapes, NstError *err)
{
    const NstNode *node = &graph->nodes[index];
    NstShape *out = &shapes[index];
    if (node->n_inputs) {
        const NstShape *in = &shapes[node->inputs[0]];
        NST_TRY(check_same_size(graph, node, shapes, err));
        out->h = result_size(node, NST_Y, in->h);
        out->w = result_size(node, NST_X, in->w);
        if (out->h < 1 || out->w < 1)
            return fail(err, NST_EINVAL, "an input of %dx%d leaves no sample", in->w, in->h);
    }
    if (out->h < 1 || out->w < 1 || out->h > NST_MAX_SIDE || out->w > NST_MAX_SIDE)
        return fail(err, NST_EINVAL, "sides of 1 to %d samples expected, %dx%d found", NST_MAX_SIDE, out->w, out->h);
    out->c = node->channels;
    return NST_OK;
}

int graph_shapes(const NstGraph *graph, int h, int w, NstShape *shapes, NstError *err)
{
    shapes[0].h = h;
    shapes[0].w = w;
    for (int i = 0; i < graph->n_nodes; i++) {
        int code = node_shape(graph, i, shapes, err);
        if (code < 0)
            return fail_within(err, code, "a picture of %dx%d: node \"%s\" (%s)", w, h, graph->nodes[i].name,
                               graph_op_name(graph->nodes[i].op));
    }
    return NST_OK;
}

/* Whether the graph runs, and gives back the size where that is asked for, at each of several multiples of m. */
static bool multiple_fits(const NstGraph *graph, int m, bool same_size, NstShape *shapes)
{
    const NstShape *out = &shapes[graph->n_nodes - 1];
    int far = ceil_div(1000, m);
    for (int k = 1; k <= 16; k++) {
        int side = m * (k <= 8 ? k : far + k);
        if (graph_shapes(graph, side, side, shapes, NULL) < 0)
            return false;
        if (same_size && (out->h != side || out->w != side))
            return false;
    }
    return true;
}

/*
 * Sizes follow from divisions, so what holds at m, 2m, ... 8m and at eight neighbours far from there holds at all
 * multiples. A network that never returns to the input's size (a loss network) only has to run.
 */
int graph_multiple(const NstGraph *graph)
{
    enum { LIMIT = 256 };
    NstShape *shapes = calloc((size_t)graph->n_nodes, sizeof(*shapes));
    int found = 0;
    if (!shapes)
        return 0;
    for (int same_size = 1; same_size >= 0 && !found; same_size--)
        for (int m = 1; m <= LIMIT && !found; m++)
            if (multiple_fits(graph, m, same_size, shapes))
                found = m;
    free(shapes);
    return found;
}

int64_t graph_node_macs(const NstGraph *graph, int node)
{
    const NstNode *n = &graph->nodes[node];
    if (n->op != NST_OP_CONV2D && n->op != NST_OP_CONV_TRANSPOSE2D)
        return 0;
    int64_t ci = graph->nodes[n->inputs[0]].channels;
    return ci * (n->channels / n->groups) * n->kernel[NST_Y] * n->kernel[NST_X];
}

/* Samples of a node's plane per pixel of a large input. Each node's size follows from that of its first input. */
static double node_density(const NstGraph *graph, int index)
{
    double density = 1;
    for (const NstNode *node = &graph->nodes[index]; node->n_inputs; node = &graph->nodes[node->inputs[0]]) {
        double area = (double)node->stride[NST_Y] * node->stride[NST_X];
        double square = (double)node->factor * node->factor;
        switch (node->op) {
        case NST_OP_CONV2D:
        case NST_OP_MAX_POOL:
        case NST_OP_AVG_POOL:
            density /= area;
            break;
        case NST_OP_CONV_TRANSPOSE2D:
            density *= area;
            break;
        case NST_OP_UPSAMPLE:
        case NST_OP_PIXEL_SHUFFLE:
            density *= square;
            break;
        case NST_OP_PIXEL_UNSHUFFLE:
            density /= square;
            break;
        default:
            break;
        }
    }
    return density;
}

double graph_macs_per_pixel(const NstGraph *graph, int node)
{
    const NstNode *n = &graph->nodes[node];
    int64_t macs = graph_node_macs(graph, node);
    if (!macs)
        return 0;
    int plane = n->op == NST_OP_CONV_TRANSPOSE2D ? n->inputs[0] : node;
    return (double)macs * node_density(graph, plane);
}
