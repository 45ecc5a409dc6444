/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnx_values.h"

#include <math.h>
#include <stdlib.h>

#include "util.h"

enum {
    MAX_VALUES_OF_GRAPH = NST_MAX_NODES + NST_MAX_TENSORS,
    MAX_FOLDED = 64 /* numbers: shapes and scales are short */
};

static int add_value(OnnxReader *reader, const OnnxValue *value)
{
    if (reader->n_values == MAX_VALUES_OF_GRAPH)
        return fail(reader->err, NST_ETOOLARGE, "at most %d values expected, more found", MAX_VALUES_OF_GRAPH);
    if (!reader->values)
        reader->values = calloc(MAX_VALUES_OF_GRAPH, sizeof(*reader->values));
    if (!reader->values)
        return fail(reader->err, NST_ENOMEM, "no memory for %d values", MAX_VALUES_OF_GRAPH);
    reader->values[reader->n_values++] = *value;
    return NST_OK;
}

int onnx_add_constant(OnnxReader *reader, OnnxText name, NstTensor *tensor, bool integers)
{
    const int code = add_value(reader, &(OnnxValue){name, -1, *tensor, -1, integers});
    if (code < 0)
        aligned_free(tensor->data);
    tensor->data = NULL;
    return code;
}

int onnx_add_node_value(OnnxReader *reader, OnnxText name, int node)
{
    return add_value(reader, &(OnnxValue){.name = name, .node = node, .adopted = -1});
}

void onnx_free_values(OnnxReader *reader)
{
    for (int i = 0; i < reader->n_values; i++)
        aligned_free(reader->values[i].tensor.data);
    free(reader->values);
    reader->values = NULL;
    reader->n_values = 0;
}

OnnxValue *onnx_input(const OnnxReader *reader, const OnnxNode *node, int i)
{
    if (i >= node->n_inputs || !node->inputs[i].length)
        return NULL;
    const OnnxText name = node->inputs[i];
    for (int k = reader->n_values - 1; k >= 0; k--)
        if (reader->values[k].name.length == name.length && !memcmp(reader->values[k].name.at, name.at, name.length))
            return &reader->values[k];
    return NULL;
}

const float *onnx_numbers(const OnnxReader *reader, const OnnxValue *value)
{
    return value->adopted < 0 ? value->tensor.data : reader->build.graph.tensors[value->adopted].data;
}

/* -- constants computed of constants -- */

static int new_tensor(OnnxReader *reader, NstTensor *tensor, int rank, const int *shape)
{
    *tensor = (NstTensor){.rank = rank, .count = 1};
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->count *= shape[i];
    }
    tensor->data = aligned_calloc((size_t)tensor->count, sizeof(float));
    return tensor->data ? NST_OK : fail(reader->err, NST_ENOMEM, "no memory for a constant");
}

static int new_list(OnnxReader *reader, NstTensor *tensor, int n)
{
    return new_tensor(reader, tensor, 1, &n);
}

static int finish(OnnxReader *reader, const OnnxNode *node, NstTensor *tensor, bool integers)
{
    NST_TRY(onnx_add_constant(reader, node->output, tensor, integers));
    return 1;
}

static int bad_operands(OnnxReader *reader)
{
    return fail(reader->err, NST_EUNSUPPORTED, "short lists of numbers expected, other constants found");
}

static int fold_constant(OnnxReader *reader, const OnnxNode *node)
{
    static const char *const keys[] = {"value_float", "value_int", "value_floats", "value_ints"};
    OnnxAttribute value;
    NstTensor tensor;
    OnnxText name;
    bool integers;
    NST_TRY(onnx_attribute(node, "value", &value, reader->err));
    if (value.given) {
        NST_TRY(onnx_parse_tensor(&tensor, &name, &integers, value.t, reader->err));
        return finish(reader, node, &tensor, integers);
    }
    for (int k = 0; k < 4; k++) {
        NST_TRY(onnx_attribute(node, keys[k], &value, reader->err));
        if (!value.given)
            continue;
        NST_TRY(k < 2 ? new_tensor(reader, &tensor, 0, NULL) : new_list(reader, &tensor, value.n));
        for (int i = 0; i < tensor.count; i++)
            tensor.data[i] = (float)(k >= 2 ? value.list[i] : k ? (double)value.i : value.f);
        return finish(reader, node, &tensor, k % 2);
    }
    return fail(reader->err, NST_EUNSUPPORTED, "a constant of numbers expected");
}

/* Of the size that the file says, or of 224 x 224, which is as good as any: only ratios of it can be used. */
static int fold_shape(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *value = onnx_input(reader, node, 0);
    NstGraph *graph = &reader->build.graph;
    NstTensor tensor;
    if (!value || value->node < 0)
        return bad_operands(reader);
    NstShape *shapes = calloc((size_t)graph->n_nodes, sizeof(*shapes));
    if (!shapes)
        return fail(reader->err, NST_ENOMEM, "no memory for shapes");
    int code = graph_check(graph, reader->err);
    if (code == NST_OK)
        code = graph_shapes(graph, 224, 224, shapes, reader->err);
    if (code == NST_OK)
        code = new_list(reader, &tensor, 4);
    if (code == NST_OK) {
        const NstShape *shape = &shapes[value->node];
        const int sides[4] = {1, shape->c, shape->h, shape->w};
        for (int i = 0; i < 4; i++)
            tensor.data[i] = (float)sides[i];
    }
    free(shapes);
    return code < 0 ? code : finish(reader, node, &tensor, true);
}

static int fold_arithmetic(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *a = onnx_input(reader, node, 0), *b = onnx_input(reader, node, 1);
    NstTensor tensor;
    if (!a || !b || a->tensor.count < 1 || b->tensor.count < 1 || a->tensor.count > MAX_FOLDED ||
        b->tensor.count > MAX_FOLDED ||
        (a->tensor.count != b->tensor.count && a->tensor.count != 1 && b->tensor.count != 1))
        return bad_operands(reader);
    const OnnxValue *larger = a->tensor.count >= b->tensor.count ? a : b;
    const float *x = onnx_numbers(reader, a), *y = onnx_numbers(reader, b);
    NST_TRY(new_tensor(reader, &tensor, larger->tensor.rank, larger->tensor.shape));
    for (int i = 0; i < tensor.count; i++) {
        const float p = x[a->tensor.count == 1 ? 0 : i], q = y[b->tensor.count == 1 ? 0 : i];
        const char letter = node->op.at[0];
        tensor.data[i] = letter == 'M' ? p * q : letter == 'D' ? p / q : letter == 'A' ? p + q : p - q;
        if (letter == 'D' && a->integers)
            tensor.data[i] = truncf(tensor.data[i]);
    }
    return finish(reader, node, &tensor, a->integers);
}

/* The same numbers in a shape of one dimension, or rounded */
static int fold_unary(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *value = onnx_input(reader, node, 0);
    OnnxAttribute to;
    NstTensor tensor;
    if (!value || value->tensor.count > MAX_FOLDED)
        return bad_operands(reader);
    NST_TRY(onnx_attribute(node, "to", &to, reader->err));
    const bool cast = onnx_text_is(node->op, "Cast"), integers = cast ? to.i == 6 || to.i == 7 : value->integers;
    const bool reshaped = onnx_text_is(node->op, "Unsqueeze") || onnx_text_is(node->op, "Squeeze");
    NST_TRY(reshaped ? new_list(reader, &tensor, (int)value->tensor.count)
                     : new_tensor(reader, &tensor, value->tensor.rank, value->tensor.shape));
    for (int i = 0; i < tensor.count; i++) {
        const float x = onnx_numbers(reader, value)[i];
        tensor.data[i] = onnx_text_is(node->op, "Floor")  ? floorf(x)
                         : onnx_text_is(node->op, "Ceil") ? ceilf(x)
                         : cast && integers               ? truncf(x)
                                                          : x;
    }
    return finish(reader, node, &tensor, integers);
}

static int fold_concat(OnnxReader *reader, const OnnxNode *node)
{
    NstTensor tensor;
    int n = 0;
    bool integers = true;
    for (int i = 0; i < node->n_inputs; i++) {
        const OnnxValue *value = onnx_input(reader, node, i);
        if (!value || value->tensor.count > MAX_FOLDED)
            return bad_operands(reader);
        n += (int)value->tensor.count;
        integers = integers && value->integers;
    }
    NST_TRY(new_list(reader, &tensor, n));
    for (int i = 0, at = 0; i < node->n_inputs; i++) {
        const OnnxValue *value = onnx_input(reader, node, i);
        for (int k = 0; k < value->tensor.count; k++)
            tensor.data[at++] = onnx_numbers(reader, value)[k];
    }
    return finish(reader, node, &tensor, integers);
}

/* Single numbers by index; a negative one counts from the end */
static int fold_gather(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *list = onnx_input(reader, node, 0), *indices = onnx_input(reader, node, 1);
    NstTensor tensor;
    if (!list || !indices || list->tensor.count > MAX_FOLDED || indices->tensor.count > MAX_FOLDED)
        return bad_operands(reader);
    NST_TRY(new_tensor(reader, &tensor, indices->tensor.rank, indices->tensor.shape));
    for (int i = 0; i < tensor.count; i++) {
        float at = onnx_numbers(reader, indices)[i];
        at += at < 0 ? (float)list->tensor.count : 0;
        if (!(at >= 0 && at < (float)list->tensor.count)) {
            aligned_free(tensor.data);
            return bad_operands(reader);
        }
        tensor.data[i] = onnx_numbers(reader, list)[(int)at];
    }
    return finish(reader, node, &tensor, list->integers);
}

/* Attribute `name`, or input i since operator set 10, as one number; `missing` where there is none */
static int slice_bound(OnnxReader *reader, const OnnxNode *node, const char *name, int i, int n, int missing,
                       int *bound)
{
    OnnxAttribute list;
    const OnnxValue *value = onnx_input(reader, node, i);
    NST_TRY(onnx_attribute(node, name, &list, reader->err));
    if (list.n > 1 || (value && value->tensor.count != 1))
        return bad_operands(reader);
    double at = list.n ? list.list[0] : value ? (double)onnx_numbers(reader, value)[0] : missing;
    at += at < 0 ? n : 0;
    *bound = at >= 0 ? (int)fmin(at, n) : 0;
    return NST_OK;
}

/* The rows in reverse order: of a list its numbers, of a table its lines */
static int fold_reverse(OnnxReader *reader, const OnnxNode *node, const OnnxValue *table)
{
    NstTensor tensor;
    NST_TRY(new_tensor(reader, &tensor, table->tensor.rank, table->tensor.shape));
    const int rows = tensor.shape[0], columns = rows ? (int)tensor.count / rows : 0;
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < columns; i++)
            tensor.data[row * columns + i] = onnx_numbers(reader, table)[(rows - 1 - row) * columns + i];
    return finish(reader, node, &tensor, table->integers);
}

static int fold_slice(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *list = onnx_input(reader, node, 0), *step = onnx_input(reader, node, 4);
    NstTensor tensor;
    int begin, end;
    if (list && list->tensor.rank >= 1 && list->tensor.count <= MAX_FOLDED && step && step->tensor.count == 1 &&
        onnx_numbers(reader, step)[0] == -1)
        return fold_reverse(reader, node, list);
    if (!list || list->tensor.rank != 1 || list->tensor.count > MAX_FOLDED ||
        (step && (step->tensor.count != 1 || onnx_numbers(reader, step)[0] != 1)))
        return bad_operands(reader);
    const int n = (int)list->tensor.count;
    NST_TRY(slice_bound(reader, node, "starts", 1, n, 0, &begin));
    NST_TRY(slice_bound(reader, node, "ends", 2, n, n, &end));
    NST_TRY(new_list(reader, &tensor, max_int(end - begin, 0)));
    for (int i = 0; i < tensor.count; i++)
        tensor.data[i] = onnx_numbers(reader, list)[begin + i];
    return finish(reader, node, &tensor, list->integers);
}

static int fold_constant_of_shape(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *shape = onnx_input(reader, node, 0);
    OnnxAttribute value;
    NstTensor tensor, fill = {0};
    OnnxText name;
    bool integers = false;
    if (!shape || shape->tensor.count != 1 || !(onnx_numbers(reader, shape)[0] >= 0) ||
        onnx_numbers(reader, shape)[0] > MAX_FOLDED)
        return bad_operands(reader);
    NST_TRY(onnx_attribute(node, "value", &value, reader->err));
    if (value.given)
        NST_TRY(onnx_parse_tensor(&fill, &name, &integers, value.t, reader->err));
    const float number = fill.count ? fill.data[0] : 0;
    aligned_free(fill.data);
    NST_TRY(new_list(reader, &tensor, (int)onnx_numbers(reader, shape)[0]));
    for (int i = 0; i < tensor.count; i++)
        tensor.data[i] = number;
    return finish(reader, node, &tensor, integers);
}

/* The same numbers in a new shape, one side of which may be -1: what is left */
static int fold_reshape(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *value = onnx_input(reader, node, 0), *shape = onnx_input(reader, node, 1);
    int sides[NST_MAX_RANK], known = 1, open = -1;
    NstTensor tensor;
    if (!value || !shape || value->tensor.count > MAX_FOLDED || shape->tensor.count > NST_MAX_RANK)
        return bad_operands(reader);
    for (int i = 0; i < shape->tensor.count; i++) {
        const float side = onnx_numbers(reader, shape)[i];
        if (!(side >= -1 && side <= MAX_FOLDED) || side == 0)
            return bad_operands(reader);
        sides[i] = (int)side;
        if (side < 0)
            open = i;
        else
            known *= sides[i];
    }
    if (open >= 0)
        sides[open] = (int)value->tensor.count / known;
    NST_TRY(new_tensor(reader, &tensor, (int)shape->tensor.count, sides));
    if (tensor.count != value->tensor.count) {
        aligned_free(tensor.data);
        return bad_operands(reader);
    }
    for (int i = 0; i < tensor.count; i++)
        tensor.data[i] = onnx_numbers(reader, value)[i];
    return finish(reader, node, &tensor, value->integers);
}

static int fold_transpose(OnnxReader *reader, const OnnxNode *node)
{
    const OnnxValue *value = onnx_input(reader, node, 0);
    NstTensor tensor;
    if (!value || value->tensor.rank != 2 || value->tensor.count > MAX_FOLDED)
        return bad_operands(reader);
    const int rows = value->tensor.shape[0], columns = value->tensor.shape[1];
    NST_TRY(new_tensor(reader, &tensor, 2, (const int[]){columns, rows}));
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < columns; i++)
            tensor.data[i * rows + row] = onnx_numbers(reader, value)[row * columns + i];
    return finish(reader, node, &tensor, value->integers);
}

int onnx_fold(OnnxReader *reader, const OnnxNode *node)
{
    static const struct {
        const char *op;
        int (*fold)(OnnxReader *reader, const OnnxNode *node);
    } folds[] = {
        {"Mul", fold_arithmetic}, {"Div", fold_arithmetic},   {"Add", fold_arithmetic}, {"Sub", fold_arithmetic},
        {"Cast", fold_unary},     {"Floor", fold_unary},      {"Ceil", fold_unary},     {"Identity", fold_unary},
        {"Squeeze", fold_unary},  {"Unsqueeze", fold_unary},  {"Concat", fold_concat},  {"Gather", fold_gather},
        {"Slice", fold_slice},    {"Reshape", fold_reshape}, {"Transpose", fold_transpose},
        {"ConstantOfShape", fold_constant_of_shape},
    };
    if (onnx_text_is(node->op, "Constant"))
        return fold_constant(reader, node);
    if (onnx_text_is(node->op, "Shape"))
        return fold_shape(reader, node);
    for (int i = 0; i < node->n_inputs; i++) {
        const OnnxValue *value = onnx_input(reader, node, i);
        if (value && value->node >= 0)
            return 0;
    }
    for (size_t i = 0; node->n_inputs && i < sizeof(folds) / sizeof(*folds); i++)
        if (onnx_text_is(node->op, folds[i].op))
            return folds[i].fold(reader, node);
    return 0;
}
