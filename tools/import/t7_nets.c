/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "t7.h"

#include <stdio.h>
#include <string.h>

#include "build.h"
#include "numbers.h"
#include "simplify.h"
#include "style_nets.h"
#include "util.h"

/* Modules of nn, one after the other, as nodes. */
typedef struct T7Net {
    NstBuild build;
    const Values *values;
    int modules; /* read so far: numbers the nodes */
    int x;       /* the node that the next module reads */
    NstError *err;
} T7Net;

enum { MAX_MODULES = NST_MAX_NODES };

static int read_module(T7Net *net, const Value *module, int depth);

/* -- fields -- */

static const Value *field(const T7Net *net, const Value *module, const char *name)
{
    return value_get(net->values, value_item(net->values, module, 0), name);
}

/* An integer of 0 to most; `missing` where there is no such field */
static int read_integer(T7Net *net, const Value *module, const char *name, int most, int missing, int *number)
{
    const Value *value = field(net, module, name);
    long long found = missing;
    if (value && value->type != VALUE_NONE && !value_integer(value, -most, most, &found))
        return fail(net->err, NST_EFORMAT, "%s: an integer of at most %d expected", name, most);
    *number = (int)found;
    return NST_OK;
}

static double read_real(const T7Net *net, const Value *module, const char *name, double missing)
{
    const Value *value = field(net, module, name);
    return value && value->type == VALUE_NUMBER ? value->number : missing;
}

/* The item of a table that has this number, counted from 1 */
static const Value *item(const T7Net *net, const Value *table, int number)
{
    for (int i = 0; table && table->type == VALUE_DICT && i + 1 < table->n; i += 2) {
        const Value *key = &net->values->all[table->items[i]];
        if (key->type == VALUE_NUMBER && key->number == number)
            return &net->values->all[table->items[i + 1]];
    }
    return NULL;
}

/* -- tensors -- */

typedef struct T7Tensor {
    int rank;
    long long shape[NST_MAX_RANK], count;
    const uint8_t *elements;
    NumberType type;
} T7Tensor;

/* In the order of the file, without gaps: which is how modules keep their parameters. */
static int locate_tensor(T7Net *net, const Value *value, T7Tensor *tensor)
{
    const Values *values = net->values;
    const Value *sizes = value_item(values, value, 0), *steps = value_item(values, value, 1);
    const Value *offsets = value_item(values, value, 2), *storage = value_item(values, value, 3);
    const Value *elements = storage && storage->type == VALUE_CALL ? value_item(values, storage, 0) : NULL;
    long long step, expected = 1, offset;
    if (!sizes || !steps || !elements || elements->type != VALUE_TEXT || sizes->n < 1 || sizes->n > NST_MAX_RANK)
        return fail(net->err, NST_EFORMAT, "a tensor of 1 to %d dimensions expected", NST_MAX_RANK);
    tensor->type = value_is_text(storage, "torch.DoubleStorage") || value_is_text(storage, "torch.CudaDoubleStorage")
                       ? NUMBER_F64 : NUMBER_F32;
    if (tensor->type == NUMBER_F32 && !value_is_text(storage, "torch.FloatStorage") &&
        !value_is_text(storage, "torch.CudaStorage"))
        return fail(net->err, NST_EUNSUPPORTED, "floats or doubles expected, another type found");
    const long long most = (long long)(elements->length / number_size(tensor->type));
    tensor->rank = sizes->n;
    for (int i = sizes->n - 1; i >= 0; i--) {
        if (!value_integer(value_item(values, sizes, i), 1, most, &tensor->shape[i]) ||
            !value_integer(value_item(values, steps, i), 0, most, &step) || (step != expected && tensor->shape[i] > 1))
            return fail(net->err, NST_EFORMAT, "dimension %d: a size within %lld elements, without gaps, expected", i,
                        most);
        if (__builtin_mul_overflow(expected, tensor->shape[i], &expected) || expected > most)
            return fail(net->err, NST_EFORMAT, "dimension %d: at most %lld elements in all expected, more found", i,
                        most);
    }
    tensor->count = expected;
    if (!value_integer(value_item(values, offsets, 0), 1, most - expected + 1, &offset))
        return fail(net->err, NST_EFORMAT, "an offset within %lld elements expected", most);
    tensor->elements = (const uint8_t *)elements->text + (size_t)(offset - 1) * number_size(tensor->type);
    return NST_OK;
}

/* The parameter of a module as a tensor of the graph; `shape` (or NULL) is what it is seen as. */
static int take(T7Net *net, const Value *module, const char *name, const int *shape, int *index)
{
    const Value *value = field(net, module, name);
    T7Tensor from;
    NstTensor to = {0};
    *index = -1;
    if (!value || value->type != VALUE_CALL)
        return fail(net->err, NST_EFORMAT, "%s: a tensor expected, none found", name);
    const int code = locate_tensor(net, value, &from);
    if (code < 0)
        return fail_within(net->err, code, "%s", name);
    const bool flat = from.rank == 2 && shape; /* older modules keep out x (in kH kW) */
    to.rank = flat ? 4 : from.rank;
    to.count = 1;
    for (int i = 0; i < to.rank; i++) {
        to.shape[i] = flat ? shape[i] : (int)from.shape[i];
        if (__builtin_mul_overflow(to.count, to.shape[i], &to.count))
            to.count = -1;
    }
    if (to.count != from.count)
        return fail(net->err, NST_EFORMAT, "%s: as many elements as the module's sizes say expected, %lld found", name,
                    from.count);
    snprintf(to.name, sizeof(to.name), "module%d.%s", net->modules, name);
    to.data = aligned_calloc((size_t)to.count, sizeof(float));
    if (!to.data)
        return fail(net->err, NST_ENOMEM, "%s: no memory for %lld numbers", name, (long long)to.count);
    numbers_read(to.data, from.elements, (size_t)to.count, from.type);
    *index = build_adopt(&net->build, &to);
    aligned_free(to.data);
    return net->build.code;
}

/* -- modules -- */

static NstNode *add_node(T7Net *net, NstOp op, const char *name)
{
    NstNode *node = build_node(&net->build, op, net->x, "%s%d", name, net->modules);
    net->x = build_last(&net->build);
    return node;
}

static int read_pair(T7Net *net, const Value *module, const char *y, const char *x, int missing, int pair[2])
{
    NST_TRY(read_integer(net, module, y, NST_MAX_PAD, missing, &pair[NST_Y]));
    return read_integer(net, module, x, NST_MAX_PAD, missing, &pair[NST_X]);
}

static int read_conv(T7Net *net, const Value *module)
{
    const bool transposed = value_is_text(module, "nn.SpatialFullConvolution");
    int shape[4], pad[2], bias = -1, weight;
    NstNode node;
    graph_node_defaults(&node);
    NST_TRY(read_integer(net, module, "nOutputPlane", NST_MAX_CHANNELS, 0, &shape[transposed]));
    NST_TRY(read_integer(net, module, "nInputPlane", NST_MAX_CHANNELS, 0, &shape[!transposed]));
    NST_TRY(read_pair(net, module, "kH", "kW", 0, &shape[2]));
    NST_TRY(read_pair(net, module, "dH", "dW", 1, node.stride));
    NST_TRY(read_pair(net, module, "padH", "padW", 0, pad));
    NST_TRY(read_pair(net, module, "adjH", "adjW", 0, node.output_pad));
    NST_TRY(take(net, module, "weight", shape, &weight));
    const Value *value = field(net, module, "bias");
    if (value && value->type == VALUE_CALL)
        NST_TRY(take(net, module, "bias", NULL, &bias));
    NstNode *to =
        add_node(net, transposed ? NST_OP_CONV_TRANSPOSE2D : NST_OP_CONV2D, transposed ? "full_conv" : "conv");
    to->weight = weight;
    to->bias = bias;
    memcpy(to->stride, node.stride, sizeof(to->stride));
    memcpy(to->output_pad, node.output_pad, sizeof(to->output_pad));
    to->pad[NST_TOP] = to->pad[NST_BOTTOM] = pad[NST_Y];
    to->pad[NST_LEFT] = to->pad[NST_RIGHT] = pad[NST_X];
    return net->build.code;
}

static int read_instance_norm(T7Net *net, const Value *module)
{
    int weight, bias;
    NST_TRY(take(net, module, "weight", NULL, &weight));
    NST_TRY(take(net, module, "bias", NULL, &bias));
    NstNode *node = add_node(net, NST_OP_INSTANCE_NORM, "norm");
    node->weight = weight;
    node->bias = bias;
    node->eps = (float)read_real(net, module, "eps", 1e-5);
    return net->build.code;
}

/* With the numbers of the training it is an affine map. Files of 2015 hold 1 / standard deviation. */
static int read_batch_norm(T7Net *net, const Value *module)
{
    enum { WEIGHT, BIAS, MEAN, SPREAD };
    const Value *variance = field(net, module, "running_var");
    const char *const names[4] = {"weight", "bias", "running_mean", variance ? "running_var" : "running_std"};
    const float eps = (float)read_real(net, module, "eps", 1e-5);
    int index[4];
    for (int i = 0; i < 4; i++) {
        NST_TRY(take(net, module, names[i], NULL, &index[i]));
        if (net->build.graph.tensors[index[i]].count != net->build.graph.tensors[index[0]].count)
            return fail(net->err, NST_EFORMAT, "%s: as many elements as of weight expected, %lld found", names[i],
                        (long long)net->build.graph.tensors[index[i]].count);
    }
    const NstTensor *tensors = net->build.graph.tensors;
    for (int64_t c = 0; c < tensors[index[0]].count; c++) {
        const float spread = tensors[index[SPREAD]].data[c];
        float *weight = &tensors[index[WEIGHT]].data[c];
        *weight *= variance ? 1 / __builtin_sqrtf(spread + eps) : spread;
        tensors[index[BIAS]].data[c] -= tensors[index[MEAN]].data[c] * *weight;
    }
    NstNode *node = add_node(net, NST_OP_AFFINE, "norm");
    node->weight = index[WEIGHT];
    node->bias = index[BIAS];
    return net->build.code;
}

static int read_pad(T7Net *net, const Value *module, NstPadMode mode)
{
    static const char *const names[4] = {"pad_t", "pad_b", "pad_l", "pad_r"};
    int pad[4];
    for (int side = 0; side < 4; side++)
        NST_TRY(read_integer(net, module, names[side], NST_MAX_PAD, 0, &pad[side]));
    NstNode *node = add_node(net, NST_OP_PAD, "pad");
    memcpy(node->pad, pad, sizeof(pad));
    node->pad_mode = mode;
    return net->build.code;
}

static int read_reflection(T7Net *net, const Value *module)
{
    return read_pad(net, module, NST_PAD_REFLECT);
}

static int read_replication(T7Net *net, const Value *module)
{
    return read_pad(net, module, NST_PAD_REPLICATE);
}

static int read_zero_padding(T7Net *net, const Value *module)
{
    return read_pad(net, module, NST_PAD_ZERO);
}

static int read_shave(T7Net *net, const Value *module)
{
    int size;
    NST_TRY(read_integer(net, module, "size", NST_MAX_PAD, 0, &size));
    build_pad(add_node(net, NST_OP_CROP, "shave"), size, NST_PAD_ZERO);
    return net->build.code;
}

static int read_relu(T7Net *net, const Value *module)
{
    (void)module;
    add_node(net, NST_OP_RELU, "relu");
    return net->build.code;
}

static int read_tanh(T7Net *net, const Value *module)
{
    (void)module;
    add_node(net, NST_OP_TANH, "tanh");
    return net->build.code;
}

static int read_scale(T7Net *net, const Value *module)
{
    add_node(net, NST_OP_AFFINE, "scale")->scale = (float)read_real(net, module, "constant_scalar", 1);
    return net->build.code;
}

static int read_upsampling(T7Net *net, const Value *module)
{
    int factor;
    NST_TRY(read_integer(net, module, "scale_factor", NST_MAX_KERNEL, 1, &factor));
    add_node(net, NST_OP_UPSAMPLE, "upsample")->factor = factor;
    return net->build.code;
}

/* Losses of the training, which pass on what they get */
static int read_nothing(T7Net *net, const Value *module)
{
    (void)net;
    (void)module;
    return NST_OK;
}

static int read_sequential(T7Net *net, const Value *module, int depth)
{
    const Value *modules = field(net, module, "modules"), *next;
    for (int i = 1; (next = item(net, modules, i)); i++)
        NST_TRY(read_module(net, next, depth + 1));
    return NST_OK;
}

/* Two ways from one value, and their sum: a ConcatTable and the CAddTable after it */
static int read_branches(T7Net *net, const Value *module, int depth)
{
    const Value *modules = field(net, module, "modules");
    const Value *first = item(net, modules, 1), *second = item(net, modules, 2);
    const int from = net->x;
    if (!first || !second || item(net, modules, 3))
        return fail(net->err, NST_EUNSUPPORTED, "two modules expected, another number found");
    NST_TRY(read_module(net, first, depth + 1));
    const int a = net->x;
    net->x = from;
    NST_TRY(read_module(net, second, depth + 1));
    NstNode *node = add_node(net, NST_OP_ADD, "sum");
    node->n_inputs = 2;
    node->inputs[1] = a;
    return net->build.code;
}

static const struct {
    const char *class;
    int (*read)(T7Net *net, const Value *module);
} MODULES[] = {
    {"nn.SpatialConvolution", read_conv},
    {"nn.SpatialConvolutionMM", read_conv},
    {"cudnn.SpatialConvolution", read_conv},
    {"nn.SpatialFullConvolution", read_conv},
    {"nn.InstanceNormalization", read_instance_norm},
    {"nn.SpatialBatchNormalization", read_batch_norm},
    {"nn.SpatialReflectionPadding", read_reflection},
    {"nn.SpatialReplicationPadding", read_replication},
    {"nn.SpatialZeroPadding", read_zero_padding},
    {"nn.SpatialUpSamplingNearest", read_upsampling},
    {"nn.ShaveImage", read_shave},
    {"nn.ReLU", read_relu},
    {"cudnn.ReLU", read_relu},
    {"nn.Tanh", read_tanh},
    {"cudnn.Tanh", read_tanh},
    {"nn.MulConstant", read_scale},
    {"nn.Identity", read_nothing},
    {"nn.TotalVariation", read_nothing},
    {"nn.CAddTable", read_nothing}, /* read_branches has added already */
};

static int read_class(T7Net *net, const Value *module, int depth)
{
    if (value_is_text(module, "nn.Sequential"))
        return read_sequential(net, module, depth);
    if (value_is_text(module, "nn.ConcatTable"))
        return read_branches(net, module, depth);
    for (size_t i = 0; i < sizeof(MODULES) / sizeof(*MODULES); i++)
        if (value_is_text(module, MODULES[i].class))
            return MODULES[i].read(net, module);
    return fail(net->err, NST_EUNSUPPORTED, "a module that is known expected, another found");
}

static int read_module(T7Net *net, const Value *module, int depth)
{
    if (module->type != VALUE_CALL)
        return fail(net->err, NST_EFORMAT, "a module expected, something else found");
    if (++net->modules > MAX_MODULES || depth > 16)
        return fail(net->err, NST_ETOOLARGE, "at most %d modules, 16 deep, expected, more found", MAX_MODULES);
    const int number = net->modules, code = read_class(net, module, depth);
    return code < 0 ? fail_within(net->err, code, "module %d (%.*s)", number, (int)module->length, module->text) : code;
}

/* -- the picture before and after the network -- */

/* y = scale x + shift for each channel; with `swap` the channels in reverse order: a 1x1 convolution */
static void add_colours(T7Net *net, const char *name, const double scale[3], const double shift[3], bool swap)
{
    NstNode *node = build_node(&net->build, NST_OP_CONV2D, net->x, "%s", name);
    node->weight = build_tensor(&net->build, name, "weight", (int[]){3, 3, 1, 1});
    node->bias = build_tensor(&net->build, name, "bias", (int[]){3, 0, 0, 0});
    for (int c = 0; net->build.code == 0 && c < 3; c++) {
        net->build.graph.tensors[node->weight].data[c * 3 + (swap ? 2 - c : c)] = (float)scale[c];
        net->build.graph.tensors[node->bias].data[c] = (float)shift[c];
    }
    net->x = build_last(&net->build);
}

/* From RGB of 0 to 1 to what the network was trained on, and back */
static void add_preprocess(T7Net *net, bool vgg, bool back)
{
    static const double bgr[3] = {103.939, 116.779, 123.68};
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    double scale[3], shift[3];
    for (int c = 0; c < 3; c++) {
        const double to_gain = vgg ? 255 : 1 / deviation[c], to_shift = vgg ? -bgr[c] : -mean[c] / deviation[c];
        const int at = back && vgg ? 2 - c : c;
        scale[at] = back ? 1 / to_gain : to_gain;
        shift[at] = back ? -to_shift / to_gain : to_shift;
    }
    add_colours(net, back ? "deprocess" : "preprocess", scale, shift, vgg);
}

static int read_network(T7Net *net, const Value *root)
{
    const Value *model = root->type == VALUE_CALL ? root : value_get(net->values, root, "model");
    const Value *given = value_get(net->values, value_get(net->values, root, "opt"), "preprocessing");
    const bool vgg = !value_is_text(given, "resnet");
    if (!model)
        return fail(net->err, NST_EFORMAT, "a table with a model expected, none found");
    add_preprocess(net, vgg, false);
    NST_TRY(read_module(net, model, 0));
    add_preprocess(net, vgg, true);
    return net->build.code;
}

int t7_read(NstModel **model, const void *data, size_t size, const ImportOptions *options, NstError *err)
{
    Values values = {0};
    T7Net net = {.values = &values, .err = err};
    NstGraph graph = {0};
    int root, code;
    *model = NULL;
    build_begin(&net.build, 3, err);
    code = net.build.code < 0 ? net.build.code : t7_parse(&values, data, size, &root, err);
    if (code == NST_OK)
        code = read_network(&net, &values.all[root]);
    if (code < 0)
        net.build.code = code;
    values_free(&values);
    NST_TRY(build_end(&net.build, &graph));
    NST_TRY(simplify_pads(&graph, err));
    return style_create(model, &graph, 1, options, err);
}
