/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnx_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "util.h"

/* onnx.proto3: numbers of fields and of types */
enum { OPSET = 11, IR_VERSION = 6, TYPE_FLOAT = 1, TYPE_INT64 = 7 };
enum { AS_FLOAT = 1, AS_INT = 2, AS_STRING = 3, AS_INTS = 7 };

/* -- messages -- */

/* A message that grows. After a failure it stays as it is, and `failed` is set. */
typedef struct Message {
    uint8_t *bytes;
    size_t n, room;
    bool failed;
} Message;

static void put(Message *m, const void *bytes, size_t n)
{
    if (m->failed)
        return;
    if (n > m->room - m->n) {
        const size_t room = 2 * m->room + n + 256;
        uint8_t *grown = realloc(m->bytes, room);
        if (!grown) {
            m->failed = true;
            return;
        }
        m->bytes = grown;
        m->room = room;
    }
    if (n)
        memcpy(m->bytes + m->n, bytes, n);
    m->n += n;
}

static void put_varint(Message *m, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value > 127; value >>= 7)
        bytes[n++] = (uint8_t)(value | 128);
    bytes[n++] = (uint8_t)value;
    put(m, bytes, n);
}

static void put_int(Message *m, int field, int64_t value)
{
    put_varint(m, (uint64_t)field << 3);
    put_varint(m, (uint64_t)value);
}

static void put_bytes(Message *m, int field, const void *bytes, size_t n)
{
    put_varint(m, (uint64_t)field << 3 | 2);
    put_varint(m, n);
    put(m, bytes, n);
}

static void put_text(Message *m, int field, const char *text)
{
    put_bytes(m, field, text, strlen(text));
}

/* Puts a message into another, and frees it. */
static void put_message(Message *m, int field, Message *inner)
{
    m->failed = m->failed || inner->failed;
    put_bytes(m, field, inner->bytes, inner->n);
    free(inner->bytes);
    *inner = (Message){0};
}

static void put_attribute(Message *node, const char *name, int type, Message *value)
{
    Message m = {0};
    put_text(&m, 1, name);
    put(&m, value->bytes, value->n);
    put_int(&m, 20, type);
    m.failed = m.failed || value->failed;
    free(value->bytes);
    put_message(node, 5, &m);
}

static void put_attribute_int(Message *node, const char *name, int64_t value)
{
    Message m = {0};
    put_int(&m, 3, value);
    put_attribute(node, name, AS_INT, &m);
}

static void put_attribute_float(Message *node, const char *name, float value)
{
    Message m = {0};
    put_varint(&m, 2 << 3 | 5);
    put(&m, &value, sizeof(value));
    put_attribute(node, name, AS_FLOAT, &m);
}

static void put_attribute_text(Message *node, const char *name, const char *value)
{
    Message m = {0};
    put_text(&m, 4, value);
    put_attribute(node, name, AS_STRING, &m);
}

static void put_attribute_ints(Message *node, const char *name, const int *values, int n)
{
    Message m = {0};
    for (int i = 0; i < n; i++)
        put_int(&m, 8, values[i]);
    put_attribute(node, name, AS_INTS, &m);
}

/* -- a graph -- */

typedef struct Writer {
    const NstGraph *graph;
    Message nodes, constants; /* fields of a graph's message */
    int n_constants;
    int code;
    NstError *err;
} Writer;

/* Long enough for a node's name and what is added to it. */
typedef struct Name {
    char text[NST_MAX_NAME + 24];
} Name;

static Name name_of(const NstNode *node, const char *more)
{
    Name name;
    snprintf(name.text, sizeof(name.text), "%s%s", node->name, more);
    return name;
}

static void add_constant(Writer *w, const char *name, int type, int rank, const int *shape, const void *data,
                         size_t bytes)
{
    Message m = {0};
    for (int i = 0; i < rank; i++)
        put_int(&m, 1, shape[i]);
    put_int(&m, 2, type);
    put_text(&m, 8, name);
    put_bytes(&m, 9, data, bytes);
    put_message(&w->constants, 5, &m);
}

/* A constant of its own for a node. Names of networks seldom hold a space. */
static Name add_floats(Writer *w, const float *data, int rank, const int *shape)
{
    Name name;
    size_t count = 1;
    snprintf(name.text, sizeof(name.text), "constant %d", ++w->n_constants);
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    add_constant(w, name.text, TYPE_FLOAT, rank, shape, data, count * sizeof(*data));
    return name;
}

static Name add_float(Writer *w, float value)
{
    return add_floats(w, &value, 0, NULL);
}

/* An ONNX node: starts with its inputs (the last NULL), output and operator; attributes follow; add_node ends it. */
static Message begin_node(const char *op, const char *output, const char *a, const char *b, const char *c)
{
    const char *const inputs[] = {a, b, c};
    Message m = {0};
    for (int i = 0; i < 3 && inputs[i]; i++)
        put_text(&m, 1, inputs[i]);
    put_text(&m, 2, output);
    put_text(&m, 3, output);
    put_text(&m, 4, op);
    return m;
}

static void add_node(Writer *w, Message *node)
{
    put_message(&w->nodes, 1, node);
}

static const char *input_of(const Writer *w, const NstNode *node, int i)
{
    return w->graph->nodes[node->inputs[i]].name;
}

static const char *tensor_of(const Writer *w, int tensor)
{
    return tensor < 0 ? NULL : w->graph->tensors[tensor].name;
}

/* ONNX has all sides before, then all behind. */
static void put_pads(Message *m, const NstNode *node)
{
    const int pads[4] = {node->pad[NST_TOP], node->pad[NST_LEFT], node->pad[NST_BOTTOM], node->pad[NST_RIGHT]};
    put_attribute_ints(m, "pads", pads, 4);
}

/* Pad, or with sign -1 crop */
static void write_pad(Writer *w, const NstNode *node, const char *output, NstPadMode mode, int sign)
{
    static const char *const modes[] = {[NST_PAD_ZERO] = "constant", [NST_PAD_REFLECT] = "reflect",
                                        [NST_PAD_REPLICATE] = "edge"};
    const int64_t sides[8] = {0, 0, sign * node->pad[NST_TOP],    sign * node->pad[NST_LEFT],
                              0, 0, sign * node->pad[NST_BOTTOM], sign * node->pad[NST_RIGHT]};
    Name name;
    snprintf(name.text, sizeof(name.text), "constant %d", ++w->n_constants);
    add_constant(w, name.text, TYPE_INT64, 1, (const int[]){8}, sides, sizeof(sides));
    Message m = begin_node("Pad", output, input_of(w, node, 0), name.text, NULL);
    put_attribute_text(&m, "mode", modes[mode]);
    add_node(w, &m);
}

static void write_conv(Writer *w, const NstNode *node)
{
    const bool transposed = node->op == NST_OP_CONV_TRANSPOSE2D;
    const bool padded =
        node->pad_mode != NST_PAD_ZERO && (node->pad[0] || node->pad[1] || node->pad[2] || node->pad[3]);
    const Name before = name_of(node, " padded");
    if (padded)
        write_pad(w, node, before.text, node->pad_mode, 1);
    Message m = begin_node(transposed ? "ConvTranspose" : "Conv", node->name,
                           padded ? before.text : input_of(w, node, 0), tensor_of(w, node->weight),
                           tensor_of(w, node->bias));
    put_attribute_ints(&m, "kernel_shape", node->kernel, 2);
    put_attribute_ints(&m, "strides", node->stride, 2);
    put_attribute_ints(&m, "dilations", node->dilation, 2);
    put_attribute_int(&m, "group", node->groups);
    if (!padded)
        put_pads(&m, node);
    if (transposed)
        put_attribute_ints(&m, "output_padding", node->output_pad, 2);
    add_node(w, &m);
}

/* A tensor, or where there is none a constant that says the same in every channel */
static Name vector_of(Writer *w, const NstNode *node, int tensor, float value)
{
    Name name;
    if (tensor >= 0) {
        snprintf(name.text, sizeof(name.text), "%s", tensor_of(w, tensor));
        return name;
    }
    float *values = malloc((size_t)node->channels * sizeof(*values));
    if (!values) {
        w->code = fail(w->err, NST_ENOMEM, "no memory for %d numbers", node->channels);
        return (Name){""};
    }
    for (int i = 0; i < node->channels; i++)
        values[i] = value;
    name = add_floats(w, values, 1, &node->channels);
    free(values);
    return name;
}

static void write_instance_norm(Writer *w, const NstNode *node)
{
    const Name scale = vector_of(w, node, node->weight, 1), shift = vector_of(w, node, node->bias, 0);
    Message m = begin_node("InstanceNormalization", node->name, input_of(w, node, 0), scale.text, shift.text);
    put_attribute_float(&m, "epsilon", node->eps);
    add_node(w, &m);
}

/* A factor or summand: a number, or one a channel as C x 1 x 1 */
static Name operand(Writer *w, const NstNode *node, int tensor, float value)
{
    return tensor < 0 ? add_float(w, value)
                      : add_floats(w, w->graph->tensors[tensor].data, 3, (const int[]){node->channels, 1, 1});
}

static void write_affine(Writer *w, const NstNode *node)
{
    const Name scaled = name_of(node, " scaled"), scale = operand(w, node, node->weight, node->scale);
    const Name shift = operand(w, node, node->bias, node->shift);
    Message m = begin_node("Mul", scaled.text, input_of(w, node, 0), scale.text, NULL);
    add_node(w, &m);
    m = begin_node("Add", node->name, scaled.text, shift.text, NULL);
    add_node(w, &m);
}

static void write_upsample(Writer *w, const NstNode *node)
{
    const bool linear = node->mode == NST_UPSAMPLE_BILINEAR;
    const float scales[4] = {1, 1, (float)node->factor, (float)node->factor};
    const Name region = add_floats(w, scales, 1, (const int[]){0}),
               factors = add_floats(w, scales, 1, (const int[]){4});
    Message m = begin_node("Resize", node->name, input_of(w, node, 0), region.text, factors.text);
    put_attribute_text(&m, "mode", linear ? "linear" : "nearest");
    put_attribute_text(&m, "nearest_mode", "floor");
    put_attribute_text(&m, "coordinate_transformation_mode", linear ? "half_pixel" : "asymmetric");
    add_node(w, &m);
}

/*
 * SpaceToDepth orders the channels otherwise, and Reshape needs the picture's size. A convolution of stride r, whose
 * kernels have a single 1, moves the same samples: channel c r^2 + k takes tap k of channel c.
 */
static void write_unshuffle(Writer *w, const NstNode *node)
{
    const int r = node->factor, taps = r * r, shape[4] = {node->channels, 1, r, r}, stride[2] = {r, r};
    float *kernels = calloc((size_t)node->channels * (size_t)taps, sizeof(*kernels));
    if (!kernels) {
        w->code = fail(w->err, NST_ENOMEM, "no memory for %d kernels", node->channels);
        return;
    }
    for (int c = 0; c < node->channels; c++)
        kernels[c * taps + c % taps] = 1;
    const Name weight = add_floats(w, kernels, 4, shape);
    free(kernels);
    Message m = begin_node("Conv", node->name, input_of(w, node, 0), weight.text, NULL);
    put_attribute_ints(&m, "kernel_shape", &shape[2], 2);
    put_attribute_ints(&m, "strides", stride, 2);
    put_attribute_int(&m, "group", node->channels / taps);
    add_node(w, &m);
}

static void write_shuffle(Writer *w, const NstNode *node)
{
    Message m = begin_node("DepthToSpace", node->name, input_of(w, node, 0), NULL, NULL);
    put_attribute_text(&m, "mode", "CRD");
    put_attribute_int(&m, "blocksize", node->factor);
    add_node(w, &m);
}

static void write_pool(Writer *w, const NstNode *node)
{
    Message m = begin_node(node->op == NST_OP_MAX_POOL ? "MaxPool" : "AveragePool", node->name, input_of(w, node, 0),
                           NULL, NULL);
    put_attribute_ints(&m, "kernel_shape", node->kernel, 2);
    put_attribute_ints(&m, "strides", node->stride, 2);
    put_pads(&m, node);
    put_attribute_int(&m, "ceil_mode", node->ceil);
    if (node->op == NST_OP_AVG_POOL)
        put_attribute_int(&m, "count_include_pad", node->count_pad);
    add_node(w, &m);
}

/* Operators of one or two inputs and no attributes */
static void write_plain(Writer *w, const NstNode *node, const char *op)
{
    Message m =
        begin_node(op, node->name, input_of(w, node, 0), node->n_inputs > 1 ? input_of(w, node, 1) : NULL, NULL);
    add_node(w, &m);
}

static void write_concat(Writer *w, const NstNode *node)
{
    Message m = {0};
    for (int i = 0; i < node->n_inputs; i++)
        put_text(&m, 1, input_of(w, node, i));
    put_text(&m, 2, node->name);
    put_text(&m, 4, "Concat");
    put_attribute_int(&m, "axis", 1);
    add_node(w, &m);
}

static void write_node(Writer *w, const NstNode *node)
{
    switch (node->op) {
    case NST_OP_CONV2D:
    case NST_OP_CONV_TRANSPOSE2D: write_conv(w, node); break;
    case NST_OP_INSTANCE_NORM: write_instance_norm(w, node); break;
    case NST_OP_RELU: write_plain(w, node, "Relu"); break;
    case NST_OP_TANH: write_plain(w, node, "Tanh"); break;
    case NST_OP_ADD: write_plain(w, node, "Add"); break;
    case NST_OP_MUL: write_plain(w, node, "Mul"); break;
    case NST_OP_AFFINE: write_affine(w, node); break;
    case NST_OP_UPSAMPLE: write_upsample(w, node); break;
    case NST_OP_PIXEL_SHUFFLE: write_shuffle(w, node); break;
    case NST_OP_PIXEL_UNSHUFFLE: write_unshuffle(w, node); break;
    case NST_OP_MAX_POOL:
    case NST_OP_AVG_POOL: write_pool(w, node); break;
    case NST_OP_PAD: write_pad(w, node, node->name, node->pad_mode, 1); break;
    case NST_OP_CROP: write_pad(w, node, node->name, NST_PAD_ZERO, -1); break;
    case NST_OP_CONCAT: write_concat(w, node); break;
    case NST_OP_INPUT:
    case NST_OP_COUNT: break;
    }
}

/* -- the file -- */

/* A picture of 1 x channels x height x width, whose size is not fixed */
static void put_value(Message *graph, int field, const NstNode *node)
{
    static const char *const names[4] = {NULL, NULL, "height", "width"};
    Message shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < 4; i++) {
        Message side = {0};
        if (names[i])
            put_text(&side, 2, names[i]);
        else
            put_int(&side, 1, i ? node->channels : 1);
        put_message(&shape, 1, &side);
    }
    put_int(&tensor, 1, TYPE_FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, node->name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

static void put_graph(Message *model, Writer *w)
{
    const NstGraph *graph = w->graph;
    Message m = {0};
    put(&m, w->nodes.bytes, w->nodes.n);
    put_text(&m, 2, "nst");
    put(&m, w->constants.bytes, w->constants.n);
    put_value(&m, 11, &graph->nodes[0]);
    put_value(&m, 12, &graph->nodes[graph->n_nodes - 1]);
    m.failed = m.failed || w->nodes.failed || w->constants.failed;
    put_message(model, 7, &m);
}

static void put_metadata(Message *model, const NstMetadata *metadata)
{
    for (int i = 0; i < metadata->n; i++) {
        Message m = {0};
        if (!strcmp(metadata->keys[i], "nst.graph"))
            continue;
        put_text(&m, 1, metadata->keys[i]);
        put_text(&m, 2, metadata->values[i]);
        put_message(model, 14, &m);
    }
}

static void put_model(Message *m, Writer *w, const NstMetadata *metadata)
{
    Message opset = {0};
    put_int(m, 1, IR_VERSION);
    put_text(m, 2, "nst");
    put_graph(m, w);
    put_text(&opset, 1, "");
    put_int(&opset, 2, OPSET);
    put_message(m, 8, &opset);
    put_metadata(m, metadata);
}

/* In ONNX the names of nodes and of tensors share one space. */
static int check_names(const NstGraph *graph, NstError *err)
{
    for (int i = 0; i < graph->n_tensors; i++)
        if (graph_find(graph, graph->tensors[i].name) >= 0)
            return fail(err, NST_EUNSUPPORTED, "tensor \"%s\": a name that no node has expected",
                        graph->tensors[i].name);
    return NST_OK;
}

/* An affine map's are written in another shape. */
static bool is_used(const NstGraph *graph, int tensor)
{
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op != NST_OP_AFFINE && (graph->nodes[i].weight == tensor || graph->nodes[i].bias == tensor))
            return true;
    return false;
}

static void write_graph(Writer *w)
{
    for (int i = 0; i < w->graph->n_tensors; i++) {
        const NstTensor *tensor = &w->graph->tensors[i];
        if (is_used(w->graph, i))
            add_constant(w, tensor->name, TYPE_FLOAT, tensor->rank, tensor->shape, tensor->data,
                         (size_t)tensor->count * sizeof(float));
    }
    for (int i = 1; i < w->graph->n_nodes && w->code == NST_OK; i++)
        write_node(w, &w->graph->nodes[i]);
}

static int write_file(const Message *m, const char *path, NstError *err)
{
    NstOutput output;
    if (m->failed)
        return fail(err, NST_ENOMEM, "no memory for the file");
    if (m->n > INT32_MAX)
        return fail(err, NST_ETOOLARGE, "at most 2 GiB expected, which is ONNX' limit, %zu bytes found", m->n);
    NST_TRY(output_open(&output, path, err));
    return output_close(&output, output_write(&output, m->bytes, m->n, err), err);
}

int onnx_write(const NstModel *model, const char *path, NstError *err)
{
    Writer w = {.graph = &model->graph, .err = err};
    Message m = {0};
    NST_TRY(check_names(&model->graph, err));
    write_graph(&w);
    put_model(&m, &w, &model->metadata);
    const int code = w.code < 0 ? w.code : write_file(&m, path, err);
    free(w.nodes.bytes);
    free(w.constants.bytes);
    free(m.bytes);
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}
