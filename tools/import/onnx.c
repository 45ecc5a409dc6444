/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "onnx_values.h"
#include "simplify.h"
#include "style_nets.h"
#include "util.h"

/* A name of the file, as far as it fits; other bytes than printable ones become underscores. */
static void copy_name(char to[NST_MAX_NAME], OnnxText from, const char *other, int number)
{
    if (!from.length)
        snprintf(to, NST_MAX_NAME, "%s%d", other, number);
    else
        snprintf(to, NST_MAX_NAME, "%.*s", (int)(from.length < NST_MAX_NAME - 16 ? from.length : NST_MAX_NAME - 16),
                 from.at);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            *c = '_';
}

static int unsupported(OnnxReader *r, const char *expected)
{
    return fail(r->err, NST_EUNSUPPORTED, "%s expected, something else found", expected);
}

static int no_input(OnnxReader *r, const OnnxNode *n, int i)
{
    const OnnxText name = i < n->n_inputs ? n->inputs[i] : (OnnxText){"", 0};
    return fail(r->err, NST_EFORMAT, "input %d (\"%.*s\"): an earlier value expected", i,
                (int)(name.length < 60 ? name.length : 60), name.at);
}

/* Appends a node that reads input 0, and has the name of the result. */
static int emit(OnnxReader *r, const OnnxNode *n, NstOp op, NstNode **node)
{
    const OnnxValue *input = onnx_input(r, n, 0);
    char name[NST_MAX_NAME];
    if (!input)
        return no_input(r, n, 0);
    if (input->node < 0)
        return unsupported(r, "input 0: what comes from the picture");
    copy_name(name, n->output, "node", r->build.graph.n_nodes);
    *node = build_node(&r->build, op, input->node, "%s", name);
    NST_TRY(r->build.code);
    return onnx_add_node_value(r, n->output, build_last(&r->build));
}

/* The same result once more: a node that does nothing */
static int pass(OnnxReader *r, const OnnxNode *n)
{
    const OnnxValue *input = onnx_input(r, n, 0);
    return input && input->node >= 0 ? onnx_add_node_value(r, n->output, input->node) : no_input(r, n, 0);
}

/* Input i, a constant, as a tensor of the graph; -1 in *index where the node has no such input. */
static int take(OnnxReader *r, const OnnxNode *n, int i, int *index)
{
    *index = -1;
    if (i >= n->n_inputs || !n->inputs[i].length)
        return NST_OK;
    OnnxValue *value = onnx_input(r, n, i);
    if (!value || value->node >= 0)
        return value ? fail(r->err, NST_EUNSUPPORTED, "input %d: a constant expected", i) : no_input(r, n, i);
    if (value->adopted < 0) {
        copy_name(value->tensor.name, value->name, "tensor", r->build.graph.n_tensors);
        value->adopted = build_adopt(&r->build, &value->tensor);
        NST_TRY(r->build.code);
    }
    *index = value->adopted;
    return NST_OK;
}

static int to_int(OnnxReader *r, const char *what, double number, int *to)
{
    if (!(fabs(number) <= NST_MAX_SIDE) || number != floor(number))
        return fail(r->err, NST_EFORMAT, "%s: an integer of at most %d expected, %g found", what, NST_MAX_SIDE, number);
    *to = (int)number;
    return NST_OK;
}

/* A pair of integers: an attribute of two, or left out */
static int read_pair(OnnxReader *r, const OnnxNode *n, const char *name, int pair[2])
{
    OnnxAttribute list;
    NST_TRY(onnx_attribute(n, name, &list, r->err));
    if (list.n && list.n != 2)
        return fail(r->err, NST_EUNSUPPORTED, "%s: 2 numbers expected, %d found", name, list.n);
    for (int axis = 0; list.n && axis < 2; axis++)
        NST_TRY(to_int(r, name, list.list[axis], &pair[axis]));
    return NST_OK;
}

/* How many samples of padding TensorFlow's SAME needs on an axis whose size is a multiple of the stride */
static void same_pads(NstNode *node, const int kernel[2], bool upper)
{
    for (int axis = 0; axis < 2; axis++) {
        const int total = max_int(node->dilation[axis] * (kernel[axis] - 1) + 1 - node->stride[axis], 0);
        node->pad[2 * axis] = upper ? total / 2 : total - total / 2;
        node->pad[2 * axis + 1] = total - node->pad[2 * axis];
    }
}

/* pads: top, left, bottom, right */
static int read_pads(OnnxReader *r, const OnnxNode *n, NstNode *node, const int kernel[2])
{
    static const int sides[4] = {NST_TOP, NST_LEFT, NST_BOTTOM, NST_RIGHT};
    OnnxAttribute list, automatic;
    NST_TRY(onnx_attribute(n, "pads", &list, r->err));
    NST_TRY(onnx_attribute(n, "auto_pad", &automatic, r->err));
    if (list.n && list.n != 4)
        return fail(r->err, NST_EUNSUPPORTED, "pads: 4 numbers expected, %d found", list.n);
    for (int i = 0; i < list.n; i++)
        NST_TRY(to_int(r, "pads", list.list[i], &node->pad[sides[i]]));
    if (onnx_text_is(automatic.s, "SAME_UPPER") || onnx_text_is(automatic.s, "SAME_LOWER"))
        same_pads(node, kernel, onnx_text_is(automatic.s, "SAME_UPPER"));
    else if (automatic.s.length && !onnx_text_is(automatic.s, "NOTSET") && !onnx_text_is(automatic.s, "VALID"))
        return unsupported(r, "auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    return NST_OK;
}

static int read_conv(OnnxReader *r, const OnnxNode *n)
{
    const bool transposed = onnx_text_is(n->op, "ConvTranspose");
    OnnxAttribute groups, shape;
    NstNode *node;
    NST_TRY(emit(r, n, transposed ? NST_OP_CONV_TRANSPOSE2D : NST_OP_CONV2D, &node));
    NST_TRY(take(r, n, 1, &node->weight));
    NST_TRY(take(r, n, 2, &node->bias));
    NST_TRY(read_pair(r, n, "strides", node->stride));
    NST_TRY(read_pair(r, n, "dilations", node->dilation));
    NST_TRY(onnx_attribute(n, "group", &groups, r->err));
    if (groups.given)
        NST_TRY(to_int(r, "group", (double)groups.i, &node->groups));
    const NstTensor *weight = node->weight < 0 ? NULL : &r->build.graph.tensors[node->weight];
    if (!weight || weight->rank != 4)
        return fail(r->err, NST_EFORMAT, "a weight of 4 dimensions expected, %d found", weight ? weight->rank : 0);
    NST_TRY(read_pads(r, n, node, &weight->shape[2]));
    if (!transposed)
        return NST_OK;
    NST_TRY(read_pair(r, n, "output_padding", node->output_pad));
    NST_TRY(onnx_attribute(n, "output_shape", &shape, r->err));
    return shape.given ? unsupported(r, "no output_shape") : NST_OK;
}

static int read_instance_norm(OnnxReader *r, const OnnxNode *n)
{
    OnnxAttribute eps;
    NstNode *node;
    NST_TRY(emit(r, n, NST_OP_INSTANCE_NORM, &node));
    NST_TRY(take(r, n, 1, &node->weight));
    NST_TRY(take(r, n, 2, &node->bias));
    NST_TRY(onnx_attribute(n, "epsilon", &eps, r->err));
    node->eps = eps.given ? (float)eps.f : 1e-5f;
    return NST_OK;
}

/* y = scale (x - mean) / sqrt(variance + eps) + shift, with the numbers of the training: an affine map */
static int read_batch_norm(OnnxReader *r, const OnnxNode *n)
{
    const float *numbers[4];
    OnnxAttribute eps;
    NstNode *node;
    NST_TRY(emit(r, n, NST_OP_AFFINE, &node));
    NST_TRY(onnx_attribute(n, "epsilon", &eps, r->err));
    NST_TRY(take(r, n, 1, &node->weight));
    NST_TRY(take(r, n, 2, &node->bias));
    for (int i = 0; i < 4; i++) {
        const OnnxValue *value = onnx_input(r, n, i + 1), *first = onnx_input(r, n, 1);
        if (!value || value->node >= 0 || value->tensor.count != first->tensor.count)
            return fail(r->err, NST_EFORMAT, "input %d: a constant for each channel expected", i + 1);
        numbers[i] = onnx_numbers(r, value);
    }
    float *weight = r->build.graph.tensors[node->weight].data, *bias = r->build.graph.tensors[node->bias].data;
    for (int64_t c = 0; c < r->build.graph.tensors[node->weight].count; c++) {
        weight[c] = numbers[0][c] / sqrtf(numbers[3][c] + (eps.given ? (float)eps.f : 1e-5f));
        bias[c] = numbers[1][c] - numbers[2][c] * weight[c];
    }
    return NST_OK;
}

static int read_simple(OnnxReader *r, const OnnxNode *n)
{
    NstNode *node;
    return emit(r, n, onnx_text_is(n->op, "Tanh") ? NST_OP_TANH : NST_OP_RELU, &node);
}

/* 1 / (1 + e^-x) = tanh(x / 2) / 2 + 1/2 */
static int read_sigmoid(OnnxReader *r, const OnnxNode *n)
{
    const OnnxValue *input = onnx_input(r, n, 0);
    char name[NST_MAX_NAME];
    if (!input || input->node < 0)
        return no_input(r, n, 0);
    copy_name(name, n->output, "node", r->build.graph.n_nodes);
    build_node(&r->build, NST_OP_AFFINE, input->node, "%s.half", name)->scale = 0.5f;
    build_node(&r->build, NST_OP_TANH, build_last(&r->build), "%s.tanh", name);
    NstNode *node = build_node(&r->build, NST_OP_AFFINE, build_last(&r->build), "%s", name);
    node->scale = node->shift = 0.5f;
    NST_TRY(r->build.code);
    return onnx_add_node_value(r, n->output, build_last(&r->build));
}

/* How a constant meets a value of C x H x W: one number for all, or one a channel; 0: neither */
static int64_t broadcast(const NstTensor *constant)
{
    const int rank = constant->rank;
    if (constant->count <= 1)
        return constant->count;
    return rank >= 3 && constant->shape[rank - 3] == constant->count ? constant->count : 0;
}

/* One number a channel: the constant, turned into what an affine map needs */
static int add_vector(OnnxReader *r, const char *node, const char *part, const float *numbers, int n, bool inverse,
                      float gain)
{
    const int index = build_tensor(&r->build, node, part, (const int[]){n, 0, 0, 0});
    for (int c = 0; index >= 0 && c < n; c++)
        r->build.graph.tensors[index].data[c] = inverse ? gain / numbers[c] : gain * numbers[c];
    return index;
}

/* x + c, x - c, c - x, x c, x / c */
static int read_affine(OnnxReader *r, const OnnxNode *n, const OnnxValue *value, const OnnxValue *constant, bool first)
{
    const char letter = n->op.at[0];
    const int64_t count = broadcast(&constant->tensor);
    char name[NST_MAX_NAME];
    if (!count || (letter == 'D' && first))
        return unsupported(r, "a constant of one number, or one a channel, that is not divided");
    copy_name(name, n->output, "node", r->build.graph.n_nodes);
    const float *numbers = onnx_numbers(r, constant), sign = letter == 'S' && !first ? -1 : 1;
    int vector = -1;
    if (count > 1)
        vector = add_vector(r, name, letter == 'A' || letter == 'S' ? "bias" : "weight", numbers, (int)count,
                            letter == 'D', sign);
    NstNode *node = build_node(&r->build, NST_OP_AFFINE, value->node, "%s", name);
    node->scale = letter == 'S' && first ? -1 : 1;
    if (letter == 'A' || letter == 'S') {
        node->bias = vector;
        node->shift = count == 1 ? sign * numbers[0] : 0;
    } else {
        node->weight = vector;
        node->scale = count > 1 ? 1 : letter == 'D' ? 1 / numbers[0] : numbers[0];
    }
    NST_TRY(r->build.code);
    return onnx_add_node_value(r, n->output, build_last(&r->build));
}

static int read_arithmetic(OnnxReader *r, const OnnxNode *n)
{
    const OnnxValue *a = onnx_input(r, n, 0), *b = onnx_input(r, n, 1);
    NstNode *node;
    if (!a || !b)
        return no_input(r, n, !!a);
    if (b->node < 0)
        return read_affine(r, n, a, b, false);
    if (a->node < 0)
        return read_affine(r, n, b, a, true);
    if (n->op.at[0] != 'A' && n->op.at[0] != 'M')
        return unsupported(r, "a constant as one of the inputs");
    const int second = b->node;
    NST_TRY(emit(r, n, n->op.at[0] == 'A' ? NST_OP_ADD : NST_OP_MUL, &node));
    node->n_inputs = 2;
    node->inputs[1] = second;
    return NST_OK;
}

/* Numbers of a constant input, or of an attribute where the operator set is older */
static int read_numbers(OnnxReader *r, const OnnxNode *n, const char *name, int i, OnnxAttribute *list)
{
    const OnnxValue *value = onnx_input(r, n, i);
    NST_TRY(onnx_attribute(n, name, list, r->err));
    if (list->given || !value || !value->tensor.count)
        return NST_OK;
    if (value->node >= 0 || value->tensor.count > ONNX_MAX_LIST)
        return fail(r->err, NST_EUNSUPPORTED, "%s: at most %d constant numbers expected", name, ONNX_MAX_LIST);
    list->n = (int)value->tensor.count;
    for (int k = 0; k < list->n; k++)
        list->list[k] = (double)onnx_numbers(r, value)[k];
    return NST_OK;
}

/* pads: those before batch, channels, rows and columns, then those behind; negative ones crop */
static int read_pad(OnnxReader *r, const OnnxNode *n)
{
    static const int from[4] = {2, 6, 3, 7};
    static const char *const modes[] = {[NST_PAD_ZERO] = "constant", [NST_PAD_REFLECT] = "reflect",
                                        [NST_PAD_REPLICATE] = "edge"};
    OnnxAttribute pads, value, mode;
    NstNode *node;
    NST_TRY(read_numbers(r, n, "pads", 1, &pads));
    NST_TRY(read_numbers(r, n, "value", 2, &value));
    NST_TRY(onnx_attribute(n, "mode", &mode, r->err));
    if (pads.n != 8 || pads.list[0] != 0 || pads.list[1] != 0 || pads.list[4] != 0 || pads.list[5] != 0)
        return fail(r->err, NST_EUNSUPPORTED, "pads: 8 numbers, 0 for batch and channels, expected");
    const bool crop = pads.list[2] < 0 || pads.list[6] < 0 || pads.list[3] < 0 || pads.list[7] < 0;
    NST_TRY(emit(r, n, crop ? NST_OP_CROP : NST_OP_PAD, &node));
    for (int side = 0; side < 4; side++) {
        NST_TRY(to_int(r, "pads", pads.list[from[side]], &node->pad[side]));
        if (crop)
            node->pad[side] = -node->pad[side];
    }
    for (int m = 0; mode.given && m < NST_PAD_MODE_COUNT; m++)
        if (onnx_text_is(mode.s, modes[m]))
            node->pad_mode = crop ? NST_PAD_ZERO : (NstPadMode)m;
    if ((mode.given && !crop && !onnx_text_is(mode.s, modes[node->pad_mode])) || value.f != 0 ||
        (value.n && value.list[0] != 0))
        return unsupported(r, "mode: constant (of 0), reflect or edge");
    return NST_OK;
}

/* Nearest neighbours or half-pixel centres, as .nsw's upsample has them */
static int check_resize(OnnxReader *r, const OnnxNode *n, bool *linear)
{
    OnnxAttribute mode, place, rounding;
    NST_TRY(onnx_attribute(n, "mode", &mode, r->err));
    NST_TRY(onnx_attribute(n, "coordinate_transformation_mode", &place, r->err));
    NST_TRY(onnx_attribute(n, "nearest_mode", &rounding, r->err));
    *linear = onnx_text_is(mode.s, "linear");
    if (!*linear && mode.given && !onnx_text_is(mode.s, "nearest"))
        return unsupported(r, "mode: nearest or linear");
    /* before operator set 11 there was one place only: that of "asymmetric", rounded down */
    const bool old = onnx_text_is(n->op, "Upsample") || r->opset < 11;
    const bool half = !old && (!place.given || onnx_text_is(place.s, "half_pixel") ||
                               onnx_text_is(place.s, "pytorch_half_pixel"));
    const bool floored = old || (onnx_text_is(place.s, "asymmetric") && onnx_text_is(rounding.s, "floor"));
    const bool rounded = half && (!rounding.given || onnx_text_is(rounding.s, "round_prefer_floor") ||
                                  onnx_text_is(rounding.s, "round_prefer_ceil"));
    if (*linear ? half : floored || rounded)
        return NST_OK;
    return unsupported(r, "coordinates: half_pixel, or asymmetric with nearest_mode floor,");
}

/* Factors of rows and columns, from scales or from sizes at a picture of 224 x 224 (onnx_fold) */
static int read_factor(OnnxReader *r, const OnnxNode *n, double *factor)
{
    const bool old = onnx_text_is(n->op, "Upsample") || r->opset < 11;
    OnnxAttribute scales, sizes;
    NST_TRY(read_numbers(r, n, "scales", old ? 1 : 2, &scales));
    if (scales.n == 0 && !old) {
        const OnnxValue *input = onnx_input(r, n, 0);
        NstShape *shapes = calloc((size_t)r->build.graph.n_nodes, sizeof(*shapes));
        if (!shapes)
            return fail(r->err, NST_ENOMEM, "no memory for shapes");
        int code = read_numbers(r, n, "sizes", 3, &sizes);
        if (code == NST_OK)
            code = input && input->node >= 0 ? graph_check(&r->build.graph, r->err) : no_input(r, n, 0);
        if (code == NST_OK)
            code = graph_shapes(&r->build.graph, 224, 224, shapes, r->err);
        for (int i = 0; code == NST_OK && i < 4 && sizes.n == 4; i++) {
            const NstShape *shape = &shapes[input->node];
            const int sides[4] = {1, shape->c, shape->h, shape->w};
            scales.list[scales.n++] = sizes.list[i] / sides[i];
        }
        free(shapes);
        NST_TRY(code);
    }
    if (scales.n != 4 || scales.list[0] != 1 || scales.list[1] != 1 || scales.list[2] != scales.list[3])
        return fail(r->err, NST_EUNSUPPORTED, "scales: 1, 1, and one constant factor for both sides expected");
    *factor = scales.list[2];
    return NST_OK;
}

static int read_resize(OnnxReader *r, const OnnxNode *n)
{
    NstNode *node;
    double factor;
    bool linear;
    NST_TRY(check_resize(r, n, &linear));
    NST_TRY(read_factor(r, n, &factor));
    NST_TRY(emit(r, n, NST_OP_UPSAMPLE, &node));
    node->mode = linear ? NST_UPSAMPLE_BILINEAR : NST_UPSAMPLE_NEAREST;
    return to_int(r, "scales", factor, &node->factor);
}

static int read_pool(OnnxReader *r, const OnnxNode *n)
{
    OnnxAttribute ceil_mode, count;
    NstNode *node;
    NST_TRY(emit(r, n, onnx_text_is(n->op, "MaxPool") ? NST_OP_MAX_POOL : NST_OP_AVG_POOL, &node));
    NST_TRY(read_pair(r, n, "kernel_shape", node->kernel));
    NST_TRY(read_pair(r, n, "strides", node->stride));
    NST_TRY(read_pads(r, n, node, node->kernel));
    NST_TRY(onnx_attribute(n, "ceil_mode", &ceil_mode, r->err));
    NST_TRY(onnx_attribute(n, "count_include_pad", &count, r->err));
    node->ceil = ceil_mode.i;
    node->count_pad = count.i && node->op == NST_OP_AVG_POOL;
    return NST_OK;
}

static int read_concat(OnnxReader *r, const OnnxNode *n)
{
    OnnxAttribute axis;
    NstNode *node;
    NST_TRY(onnx_attribute(n, "axis", &axis, r->err));
    if (axis.i != 1 && axis.i != -3)
        return unsupported(r, "axis: 1 (channels)");
    NST_TRY(emit(r, n, NST_OP_CONCAT, &node));
    for (int i = 0; i < n->n_inputs; i++) {
        const OnnxValue *value = onnx_input(r, n, i);
        if (!value || value->node < 0)
            return no_input(r, n, i);
        node->inputs[i] = value->node;
        node->n_inputs = i + 1;
    }
    return NST_OK;
}

static int read_depth_to_space(OnnxReader *r, const OnnxNode *n)
{
    OnnxAttribute mode, block;
    NstNode *node;
    NST_TRY(onnx_attribute(n, "mode", &mode, r->err));
    NST_TRY(onnx_attribute(n, "blocksize", &block, r->err));
    if (!onnx_text_is(mode.s, "CRD"))
        return unsupported(r, "mode: CRD");
    NST_TRY(emit(r, n, NST_OP_PIXEL_SHUFFLE, &node));
    return to_int(r, "blocksize", (double)block.i, &node->factor);
}

static int read_cast(OnnxReader *r, const OnnxNode *n)
{
    OnnxAttribute to;
    NST_TRY(onnx_attribute(n, "to", &to, r->err));
    return to.i == 1 || to.i == 10 || to.i == 11 ? pass(r, n) : unsupported(r, "to: a floating-point type");
}

/* Results are clipped to black and white anyway, so at the end (check_output) this only says what white is. */
static int read_clip(OnnxReader *r, const OnnxNode *n)
{
    const OnnxValue *input = onnx_input(r, n, 0);
    OnnxAttribute low, high;
    NST_TRY(read_numbers(r, n, "min", 1, &low));
    NST_TRY(read_numbers(r, n, "max", 2, &high));
    NST_TRY(pass(r, n));
    if (r->white || low.f != 0 || (low.n && low.list[0] != 0))
        return unsupported(r, "one Clip, from 0 to white,");
    r->white = high.n ? high.list[0] : high.f;
    r->clipped = input->node;
    return r->white > 0 ? NST_OK : unsupported(r, "max: the value of white");
}

static const struct {
    const char *op;
    int (*read)(OnnxReader *r, const OnnxNode *n);
} OPS[] = {
    {"Conv", read_conv},           {"ConvTranspose", read_conv},
    {"Relu", read_simple},         {"Tanh", read_simple},
    {"Sigmoid", read_sigmoid},     {"InstanceNormalization", read_instance_norm},
    {"Add", read_arithmetic},      {"BatchNormalization", read_batch_norm},
    {"Sub", read_arithmetic},      {"Mul", read_arithmetic},
    {"Div", read_arithmetic},      {"Pad", read_pad},
    {"Upsample", read_resize},     {"Resize", read_resize},
    {"MaxPool", read_pool},        {"AveragePool", read_pool},
    {"Concat", read_concat},       {"DepthToSpace", read_depth_to_space},
    {"Identity", pass},            {"Dropout", pass},
    {"Cast", read_cast},           {"Clip", read_clip},
};

static int read_op(OnnxReader *r, const OnnxNode *n)
{
    const int folded = onnx_fold(r, n);
    if (folded)
        return folded < 0 ? folded : NST_OK;
    for (size_t i = 0; i < sizeof(OPS) / sizeof(*OPS); i++)
        if (onnx_text_is(n->op, OPS[i].op))
            return OPS[i].read(r, n);
    return fail(r->err, NST_EUNSUPPORTED, "an operator that is known expected, another found");
}

static int read_initializer(OnnxReader *r, Bytes message)
{
    NstTensor tensor;
    OnnxText name;
    bool integers;
    NST_TRY(onnx_parse_tensor(&tensor, &name, &integers, message, r->err));
    return onnx_add_constant(r, name, &tensor, integers);
}

/* The graph's input that is no constant: the picture */
static int read_picture(OnnxReader *r, Bytes message)
{
    OnnxInput input;
    NST_TRY(onnx_parse_input(&input, message, r->err));
    if (onnx_input(r, &(OnnxNode){.n_inputs = 1, .inputs = {input.name}}, 0))
        return NST_OK;
    if (input.rank != 4 || (input.sides[1] && input.sides[1] != 3))
        return fail(r->err, NST_EUNSUPPORTED, "input \"%.*s\": a picture of 1 x 3 x H x W expected, rank %d found",
                    (int)(input.name.length < 60 ? input.name.length : 60), input.name.at, input.rank);
    for (int i = 0; i < r->n_values; i++)
        if (r->values[i].node == 0)
            return unsupported(r, "one input, a picture,");
    copy_name(r->build.graph.nodes[0].name, input.name, "input", 0);
    return onnx_add_node_value(r, input.name, 0);
}

static int read_node(OnnxReader *r, Bytes message)
{
    OnnxNode node;
    NST_TRY(onnx_parse_node(&node, message, r->err));
    const int code = read_op(r, &node);
    if (code < 0)
        return fail_within(r->err, code, "node \"%.*s\" (%.*s)",
                           (int)(node.output.length < 80 ? node.output.length : 80), node.output.at,
                           (int)(node.op.length < 40 ? node.op.length : 40), node.op.at);
    return NST_OK;
}

static int for_fields(OnnxReader *r, Bytes graph, int number, int (*read)(OnnxReader *, Bytes))
{
    WireField field;
    int status;
    while ((status = wire_next(&graph, &field, r->err)) > 0)
        if (field.number == number && field.type == WIRE_BYTES)
            NST_TRY(read(r, field.bytes));
    return status;
}

/* The graph's output must be the last node; nodes behind it would be of no use. */
static int check_output(OnnxReader *r, Bytes message)
{
    OnnxInput output;
    NST_TRY(onnx_parse_input(&output, message, r->err));
    const OnnxValue *value = onnx_input(r, &(OnnxNode){.n_inputs = 1, .inputs = {output.name}}, 0);
    if (!value || value->node != build_last(&r->build))
        return fail(r->err, NST_EUNSUPPORTED, "output \"%.*s\": the result of the last node expected",
                    (int)(output.name.length < 60 ? output.name.length : 60), output.name.at);
    if (r->white && r->clipped != value->node)
        return unsupported(r, "Clip as the last node");
    return NST_OK;
}

static int read_graph(OnnxReader *r, Bytes graph)
{
    NST_TRY(for_fields(r, graph, ONNX_GRAPH_INITIALIZER, read_initializer));
    NST_TRY(for_fields(r, graph, ONNX_GRAPH_INPUT, read_picture));
    NST_TRY(for_fields(r, graph, ONNX_GRAPH_NODE, read_node));
    NST_TRY(for_fields(r, graph, ONNX_GRAPH_OUTPUT, check_output));
    return r->build.graph.n_nodes > 1 ? NST_OK : fail(r->err, NST_EFORMAT, "nodes expected, none found");
}

static double given_range(const OnnxModel *file)
{
    const OnnxText text = onnx_metadata(file, "nst.input.range");
    char number[32];
    snprintf(number, sizeof(number), "%.*s", (int)(text.length < 31 ? text.length : 31), text.at);
    return strtod(number, NULL);
}

/* What our own writer puts into a file; what is no text of a sensible length is left out. */
static int take_words(NstModel *model, const OnnxModel *file, NstError *err)
{
    static const char *const keys[] = {"nst.name", "nst.author", "nst.licence"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const OnnxText text = onnx_metadata(file, keys[i]);
        char word[1024];
        if (!text.length || text.length >= sizeof(word) || !json_is_text(text.at, text.length))
            continue;
        memcpy(word, text.at, text.length);
        word[text.length] = 0;
        NST_TRY(nsw_set_metadata(model, keys[i], word, err));
    }
    return NST_OK;
}

int onnx_read(NstModel **model, const void *data, size_t size, const ImportOptions *options, NstError *err)
{
    OnnxModel file;
    NstGraph graph = {0};
    *model = NULL;
    NST_TRY(onnx_parse_model(&file, data, size, err));
    OnnxReader reader = {.opset = file.opset, .err = err};
    build_begin(&reader.build, 3, err);
    const int code = reader.build.code < 0 ? reader.build.code : read_graph(&reader, file.graph);
    if (code < 0)
        reader.build.code = code;
    onnx_free_values(&reader);
    NST_TRY(build_end(&reader.build, &graph));
    NST_TRY(simplify_pads(&graph, err));
    const double given = given_range(&file), range = given > 0 ? given : reader.white;
    NST_TRY(style_create(model, &graph, range > 0 ? (float)range : 255, options, err));
    const int named = take_words(*model, &file, err);
    if (named < 0)
        nst_model_free(model);
    return named;
}
