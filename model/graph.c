/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "util.h"

typedef struct GraphOpInfo {
    const char *name;
    int min_inputs, max_inputs;
    bool has_weight, has_bias;
} GraphOpInfo;

static const GraphOpInfo graph_ops[NST_OP_COUNT] = {
    [NST_OP_INPUT] = {"input", 0, 0, false, false},
    [NST_OP_CONV2D] = {"conv2d", 1, 1, true, true},
    [NST_OP_CONV_TRANSPOSE2D] = {"conv_transpose2d", 1, 1, true, true},
    [NST_OP_INSTANCE_NORM] = {"instance_norm", 1, 1, true, true},
    [NST_OP_RELU] = {"relu", 1, 1, false, false},
    [NST_OP_TANH] = {"tanh", 1, 1, false, false},
    [NST_OP_ADD] = {"add", 2, 2, false, false},
    [NST_OP_MUL] = {"mul", 2, 2, false, false},
    [NST_OP_AFFINE] = {"affine", 1, 1, true, true},
    [NST_OP_UPSAMPLE] = {"upsample", 1, 1, false, false},
    [NST_OP_PIXEL_SHUFFLE] = {"pixel_shuffle", 1, 1, false, false},
    [NST_OP_PIXEL_UNSHUFFLE] = {"pixel_unshuffle", 1, 1, false, false},
    [NST_OP_MAX_POOL] = {"max_pool", 1, 1, false, false},
    [NST_OP_AVG_POOL] = {"avg_pool", 1, 1, false, false},
    [NST_OP_PAD] = {"pad", 1, 1, false, false},
    [NST_OP_CROP] = {"crop", 1, 1, false, false},
    [NST_OP_CONCAT] = {"concat", 1, NST_MAX_INPUTS, false, false},
};

static const char *const side_names[4] = {"top", "bottom", "left", "right"};
static const char *const axis_names[2] = {"vertical", "horizontal"};

const char *graph_op_name(NstOp op)
{
    return (unsigned)op < NST_OP_COUNT ? graph_ops[op].name : "unknown";
}

NstOp graph_op_from_name(const char *name)
{
    int op = 0;
    while (op < NST_OP_COUNT && strcmp(graph_ops[op].name, name))
        op++;
    return (NstOp)op;
}

void graph_node_defaults(NstNode *node)
{
    memset(node, 0, sizeof(*node));
    node->weight = node->bias = -1;
    node->stride[NST_Y] = node->stride[NST_X] = 1;
    node->dilation[NST_Y] = node->dilation[NST_X] = 1;
    node->groups = node->factor = 1;
    node->eps = 1e-5f;
    node->scale = 1;
}

int graph_find(const NstGraph *graph, const char *node_name)
{
    for (int i = 0; i < graph->n_nodes; i++)
        if (!strcmp(graph->nodes[i].name, node_name))
            return i;
    return -1;
}

int graph_find_tensor(const NstGraph *graph, const char *tensor_name)
{
    for (int i = 0; i < graph->n_tensors; i++)
        if (!strcmp(graph->tensors[i].name, tensor_name))
            return i;
    return -1;
}

static int check_range(const char *where, const char *what, int value, int low, int high, NstError *err)
{
    if (value >= low && value <= high)
        return NST_OK;
    return fail(err, NST_EFORMAT, "%s%s%s: %d to %d expected, %d found", where, *where ? " " : "", what, low, high,
                value);
}

static int check_pair(const char *what, const int pair[2], int low, int high, NstError *err)
{
    for (int axis = 0; axis < 2; axis++)
        NST_TRY(check_range(axis_names[axis], what, pair[axis], low, high, err));
    return NST_OK;
}

static int check_sides(const char *what, const int sides[4], NstError *err)
{
    for (int side = 0; side < 4; side++)
        NST_TRY(check_range(side_names[side], what, sides[side], 0, NST_MAX_PAD, err));
    return NST_OK;
}

static int check_finite(const char *what, float value, NstError *err)
{
    return isfinite(value) ? NST_OK : fail(err, NST_EFORMAT, "%s: a finite number expected, %g found", what, value);
}

/* "32x3x9x9"; "scalar" for rank 0 */
static const char *shape_text(char text[64], int rank, const int *shape)
{
    size_t used = 0;
    strcpy(text, "scalar");
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, 64 - used, "%s%d", i ? "x" : "", shape[i]);
    return text;
}

static int check_shape(const NstTensor *tensor, int rank, const int *shape, NstError *err)
{
    char expected[64], found[64];
    if (tensor->rank == rank && !memcmp(tensor->shape, shape, (size_t)rank * sizeof(int)))
        return NST_OK;
    return fail(err, NST_EFORMAT, "tensor \"%s\": %s expected, %s found", tensor->name,
                shape_text(expected, rank, shape), shape_text(found, tensor->rank, tensor->shape));
}

/* A weight or bias of one number a channel, where there is one. */
static int check_vector(const NstGraph *graph, int tensor, int channels, NstError *err)
{
    return tensor < 0 ? NST_OK : check_shape(&graph->tensors[tensor], 1, &channels, err);
}

/* Takes Co and the kernel from the weight (its layout: graph.h), the rest from the node. */
static int check_conv(const NstGraph *graph, NstNode *node, int ci, NstError *err)
{
    bool transposed = node->op == NST_OP_CONV_TRANSPOSE2D;
    NST_TRY(check_pair("stride", node->stride, 1, NST_MAX_KERNEL, err));
    NST_TRY(check_pair("dilation", node->dilation, 1, NST_MAX_KERNEL, err));
    NST_TRY(check_sides("pad", node->pad, err));
    NST_TRY(check_range("", "groups", node->groups, 1, ci, err));
    if (node->weight < 0)
        return fail(err, NST_EFORMAT, "a weight tensor expected, none found");
    const NstTensor *weight = &graph->tensors[node->weight];
    if (weight->rank != 4)
        return fail(err, NST_EFORMAT, "tensor \"%s\": rank 4 expected, %d found", weight->name, weight->rank);
    NST_TRY(check_range("weight", "kernel height", weight->shape[2], 1, NST_MAX_KERNEL, err));
    NST_TRY(check_range("weight", "kernel width", weight->shape[3], 1, NST_MAX_KERNEL, err));
    NST_TRY(check_range("weight", "first dimension", weight->shape[0], 1, NST_MAX_CHANNELS, err));
    NST_TRY(check_range("weight", "second dimension", weight->shape[1], 1, NST_MAX_CHANNELS, err));

    int co = transposed ? weight->shape[1] * node->groups : weight->shape[0];
    if (ci % node->groups || co % node->groups)
        return fail(err, NST_EFORMAT, "groups: a divisor of %d input and %d output channels expected, %d found", ci,
                    co, node->groups);
    const int expected[4] = {transposed ? ci : co, (transposed ? co : ci) / node->groups, weight->shape[2],
                             weight->shape[3]};
    NST_TRY(check_shape(weight, 4, expected, err));
    NST_TRY(check_vector(graph, node->bias, co, err));
    for (int axis = 0; axis < 2; axis++) {
        node->kernel[axis] = weight->shape[2 + axis];
        if (transposed)
            NST_TRY(check_range(axis_names[axis], "output_pad", node->output_pad[axis], 0,
                                max_int(node->stride[axis], node->dilation[axis]) - 1, err));
    }
    if (!transposed && (unsigned)node->pad_mode >= NST_PAD_MODE_COUNT)
        return fail(err, NST_EFORMAT, "pad_mode: unknown mode %d", (int)node->pad_mode);
    node->channels = co;
    return NST_OK;
}

static int check_pool(const NstNode *node, NstError *err)
{
    NST_TRY(check_pair("kernel", node->kernel, 1, NST_MAX_KERNEL, err));
    NST_TRY(check_pair("stride", node->stride, 1, NST_MAX_KERNEL, err));
    for (int side = 0; side < 4; side++)
        NST_TRY(check_range(side_names[side], "pad", node->pad[side], 0, node->kernel[side / 2] / 2, err));
    return NST_OK;
}

static int check_instance_norm(const NstGraph *graph, const NstNode *node, NstError *err)
{
    if (!(node->eps > 0 && node->eps <= 1))
        return fail(err, NST_EFORMAT, "eps: more than 0 and at most 1 expected, %g found", node->eps);
    NST_TRY(check_vector(graph, node->weight, node->channels, err));
    return check_vector(graph, node->bias, node->channels, err);
}

static int check_affine(const NstGraph *graph, const NstNode *node, NstError *err)
{
    NST_TRY(check_finite("scale", node->scale, err));
    NST_TRY(check_finite("shift", node->shift, err));
    NST_TRY(check_vector(graph, node->weight, node->channels, err));
    return check_vector(graph, node->bias, node->channels, err);
}

static int check_shuffle(NstNode *node, int ci, NstError *err)
{
    NST_TRY(check_range("", "factor", node->factor, 1, NST_MAX_KERNEL, err));
    int square = node->factor * node->factor;
    if (node->op == NST_OP_PIXEL_UNSHUFFLE)
        node->channels = ci * square;
    else if (ci % square)
        return fail(err, NST_EFORMAT, "a multiple of %d input channels expected, %d found", square, ci);
    else
        node->channels = ci / square;
    return NST_OK;
}

static int check_upsample(const NstNode *node, NstError *err)
{
    if ((unsigned)node->mode >= NST_UPSAMPLE_MODE_COUNT)
        return fail(err, NST_EFORMAT, "mode: unknown mode %d", (int)node->mode);
    return check_range("", "factor", node->factor, 1, NST_MAX_KERNEL, err);
}

static int check_pad(const NstNode *node, NstError *err)
{
    if (node->op == NST_OP_PAD && (unsigned)node->pad_mode >= NST_PAD_MODE_COUNT)
        return fail(err, NST_EFORMAT, "pad_mode: unknown mode %d", (int)node->pad_mode);
    return check_sides("pad", node->pad, err);
}

static int check_binary(const NstGraph *graph, const NstNode *node, NstError *err)
{
    const NstNode *a = &graph->nodes[node->inputs[0]], *b = &graph->nodes[node->inputs[1]];
    if (a->channels == b->channels)
        return NST_OK;
    return fail(err, NST_EFORMAT, "inputs of as many channels expected, %d of \"%s\" and %d of \"%s\" found",
                a->channels, a->name, b->channels, b->name);
}

static void sum_channels(const NstGraph *graph, NstNode *node)
{
    node->channels = 0;
    for (int i = 0; i < node->n_inputs; i++)
        node->channels += graph->nodes[node->inputs[i]].channels;
}

/* Attributes and tensors, by op; the node's channels start as those of its first input. */
static int check_op(const NstGraph *graph, NstNode *node, NstError *err)
{
    int ci = node->n_inputs ? graph->nodes[node->inputs[0]].channels : node->channels;
    node->channels = ci;
    switch (node->op) {
    case NST_OP_CONV2D:
    case NST_OP_CONV_TRANSPOSE2D:
        return check_conv(graph, node, ci, err);
    case NST_OP_INSTANCE_NORM:
        return check_instance_norm(graph, node, err);
    case NST_OP_ADD:
    case NST_OP_MUL:
        return check_binary(graph, node, err);
    case NST_OP_AFFINE:
        return check_affine(graph, node, err);
    case NST_OP_UPSAMPLE:
        return check_upsample(node, err);
    case NST_OP_PIXEL_SHUFFLE:
    case NST_OP_PIXEL_UNSHUFFLE:
        return check_shuffle(node, ci, err);
    case NST_OP_MAX_POOL:
    case NST_OP_AVG_POOL:
        return check_pool(node, err);
    case NST_OP_PAD:
    case NST_OP_CROP:
        return check_pad(node, err);
    case NST_OP_CONCAT:
        sum_channels(graph, node);
        return NST_OK;
    case NST_OP_INPUT:
    case NST_OP_RELU:
    case NST_OP_TANH:
    case NST_OP_COUNT:
        break;
    }
    return NST_OK;
}

static int check_reference(const char *what, int index, bool allowed, int n_tensors, NstError *err)
{
    if (index < 0)
        return NST_OK;
    if (!allowed)
        return fail(err, NST_EFORMAT, "no %s expected, one found", what);
    return check_range(what, "tensor index", index, 0, n_tensors - 1, err);
}

static int check_node(const NstGraph *graph, int index, NstError *err)
{
    NstNode *node = &graph->nodes[index];
    const GraphOpInfo *op = &graph_ops[node->op];
    if ((node->op == NST_OP_INPUT) != (index == 0))
        return fail(err, NST_EFORMAT, "the first node, and no other, must be the input");
    if (!node->name[0])
        return fail(err, NST_EFORMAT, "a name expected, none found");
    NST_TRY(check_range("", "number of inputs", node->n_inputs, op->min_inputs, op->max_inputs, err));
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] < 0 || node->inputs[i] >= index)
            return fail(err, NST_EFORMAT, "input %d: an earlier node expected, node %d found", i, node->inputs[i]);
    NST_TRY(check_reference("weight", node->weight, op->has_weight, graph->n_tensors, err));
    NST_TRY(check_reference("bias", node->bias, op->has_bias, graph->n_tensors, err));
    NST_TRY(check_op(graph, node, err));
    return check_range("", "channels", node->channels, 1, NST_MAX_CHANNELS, err);
}

int graph_check(NstGraph *graph, NstError *err)
{
    NST_TRY(check_range("graph:", "nodes", graph->n_nodes, 1, NST_MAX_NODES, err));
    NST_TRY(check_range("graph:", "tensors", graph->n_tensors, 0, NST_MAX_TENSORS, err));
    NST_TRY(names_check_unique(graph->nodes[0].name, sizeof(NstNode), graph->n_nodes, "node", err));
    if (graph->n_tensors)
        NST_TRY(names_check_unique(graph->tensors[0].name, sizeof(NstTensor), graph->n_tensors, "tensor", err));
    for (int i = 0; i < graph->n_nodes; i++) {
        const NstNode *node = &graph->nodes[i];
        if ((unsigned)node->op >= NST_OP_COUNT)
            return fail(err, NST_EUNSUPPORTED, "node \"%s\": unknown op %d", node->name, (int)node->op);
        int code = check_node(graph, i, err);
        if (code < 0)
            return fail_within(err, code, "node \"%s\" (%s)", node->name, graph_op_name(node->op));
    }
    return NST_OK;
}

static int copy_tensor(NstTensor *to, const NstTensor *from, NstError *err)
{
    *to = *from;
    to->data = aligned_calloc((size_t)from->count, sizeof(float));
    if (!to->data)
        return fail(err, NST_ENOMEM, "tensor \"%s\": no memory for %lld numbers", from->name, (long long)from->count);
    memcpy(to->data, from->data, (size_t)from->count * sizeof(float));
    return NST_OK;
}

int graph_copy(NstGraph *to, const NstGraph *from, NstError *err)
{
    memset(to, 0, sizeof(*to));
    to->nodes = calloc((size_t)max_int(from->n_nodes, 1), sizeof(*to->nodes));
    to->tensors = calloc((size_t)max_int(from->n_tensors, 1), sizeof(*to->tensors));
    if (!to->nodes || !to->tensors) {
        graph_free(to);
        return fail(err, NST_ENOMEM, "no memory to copy a graph of %d nodes", from->n_nodes);
    }
    to->n_nodes = from->n_nodes;
    if (from->n_nodes)
        memcpy(to->nodes, from->nodes, (size_t)from->n_nodes * sizeof(*to->nodes));
    while (to->n_tensors < from->n_tensors) {
        int code = copy_tensor(&to->tensors[to->n_tensors], &from->tensors[to->n_tensors], err);
        if (code < 0) {
            graph_free(to);
            return code;
        }
        to->n_tensors++;
    }
    return NST_OK;
}

void graph_free(NstGraph *graph)
{
    for (int i = 0; i < graph->n_tensors; i++)
        aligned_free(graph->tensors[i].data);
    free(graph->tensors);
    free(graph->nodes);
    memset(graph, 0, sizeof(*graph));
}
