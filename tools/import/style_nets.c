/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "style_nets.h"

#include <stdio.h>

#include "build.h"
#include "util.h"

typedef struct StyleNet {
    NstBuild build;
    NstContainer *weights;
} StyleNet;

/* The tensor of this name goes into the graph. */
static int take(StyleNet *net, const char *name)
{
    NstTensor *tensor = weights_find(net->weights, "%s", name);
    if (net->build.code < 0)
        return -1;
    if (!tensor) {
        net->build.code = fail(net->build.err, NST_EFORMAT, "tensor \"%s\" expected, none found", name);
        return -1;
    }
    return build_adopt(&net->build, tensor);
}

/* "PREFIX" "PART" as one name */
typedef struct Name {
    char text[NST_MAX_NAME];
} Name;

static Name name_of(const char *prefix, const char *part)
{
    Name name;
    snprintf(name.text, sizeof(name.text), "%.60s%.60s", prefix, part);
    return name;
}

static int relu(StyleNet *net, const char *name, int input)
{
    build_node(&net->build, NST_OP_RELU, input, "%s", name);
    return build_last(&net->build);
}

static int add(StyleNet *net, const char *name, int first, int second)
{
    NstNode *node = build_node(&net->build, NST_OP_ADD, first, "%s", name);
    node->n_inputs = 2;
    node->inputs[1] = second;
    return build_last(&net->build);
}

static int norm(StyleNet *net, const char *name, int input, const char *weight, const char *bias, float eps)
{
    NstNode *node = build_node(&net->build, NST_OP_INSTANCE_NORM, input, "%s", name);
    node->eps = eps;
    node->weight = take(net, weight);
    node->bias = take(net, bias);
    return build_last(&net->build);
}

int style_create(NstModel **model, NstGraph *graph, float range, const ImportOptions *options, NstError *err)
{
    NST_TRY(nsw_create(model, NST_KIND_STYLE, graph, err));
    const int code = nsw_set_range(*model, options->range > 0 ? options->range : range, err);
    if (code < 0)
        nst_model_free(model);
    return code;
}

static int finish(StyleNet *net, NstModel **model, const ImportOptions *options, NstError *err)
{
    NstGraph graph;
    NST_TRY(build_end(&net->build, &graph));
    return style_create(model, &graph, 255, options, err);
}

/* -- pytorch/examples -- */

/* Padding by reflection to the kernel's half, then a convolution without any */
static int pytorch_conv(StyleNet *net, const char *name, int input, int stride)
{
    const NstTensor *weight = weights_find(net->weights, "%s.conv2d.weight", name);
    const int kernel = weight && weight->rank == 4 ? weight->shape[2] : 1;
    NstNode *node = build_node(&net->build, NST_OP_CONV2D, input, "%s", name);
    node->stride[NST_Y] = node->stride[NST_X] = stride;
    build_pad(node, kernel / 2, NST_PAD_REFLECT);
    node->weight = take(net, name_of(name, ".conv2d.weight").text);
    node->bias = take(net, name_of(name, ".conv2d.bias").text);
    return build_last(&net->build);
}

static int pytorch_norm(StyleNet *net, const char *name, int input)
{
    return norm(net, name, input, name_of(name, ".weight").text, name_of(name, ".bias").text, 1e-5f);
}

static int pytorch_layer(StyleNet *net, const char *conv, const char *norm_name, int input, int stride)
{
    const int x = pytorch_norm(net, norm_name, pytorch_conv(net, conv, input, stride));
    return relu(net, name_of(conv, ".relu").text, x);
}

static int pytorch_residual(StyleNet *net, int number, int input)
{
    char name[32];
    snprintf(name, sizeof(name), "res%d", number);
    const int x = pytorch_layer(net, name_of(name, ".conv1").text, name_of(name, ".in1").text, input, 1);
    const int y = pytorch_norm(net, name_of(name, ".in2").text, pytorch_conv(net, name_of(name, ".conv2").text, x, 1));
    return add(net, name, y, input);
}

static int upsample(StyleNet *net, const char *name, int input)
{
    build_node(&net->build, NST_OP_UPSAMPLE, input, "%s", name)->factor = 2;
    return build_last(&net->build);
}

int style_from_pytorch_examples(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err)
{
    StyleNet net = {.weights = weights};
    build_begin(&net.build, 3, err);
    int x = pytorch_layer(&net, "conv1", "in1", 0, 1);
    x = pytorch_layer(&net, "conv2", "in2", x, 2);
    x = pytorch_layer(&net, "conv3", "in3", x, 2);
    for (int i = 1; i <= 5; i++)
        x = pytorch_residual(&net, i, x);
    x = pytorch_layer(&net, "deconv1", "in4", upsample(&net, "deconv1.upsample", x), 1);
    x = pytorch_layer(&net, "deconv2", "in5", upsample(&net, "deconv2.upsample", x), 1);
    pytorch_conv(&net, "deconv3", x, 1);
    return finish(&net, model, options, err);
}

/* -- lengstrom's fast-style-transfer -- */

/* Variable number n: each layer has a weight, a shift and a scale */
static Name variable(int n)
{
    Name name = {"Variable"};
    if (n)
        snprintf(name.text, sizeof(name.text), "Variable_%d", n);
    return name;
}

/*
 * Layer `layer`: convolution and normalisation. TensorFlow's SAME padding: what stride s and kernel k need for a size
 * that is a multiple of s, the odd sample at the end.
 */
static int tensorflow_layer(StyleNet *net, int layer, int input, NstOp op, int stride)
{
    char name[32];
    snprintf(name, sizeof(name), "layer%d", layer);
    NstTensor *weight = weights_find(net->weights, "%s", variable(3 * layer).text);
    int kernel = 1, before;
    if (net->build.code == 0 && weight) {
        const int code = weights_permute(weight, (const int[]){3, 2, 0, 1}, net->build.err);
        net->build.code = code;
        kernel = code < 0 ? 1 : weight->shape[2];
    }
    before = max_int(kernel - stride, 0) / 2;
    NstNode *node = build_node(&net->build, op, input, "%s", name);
    node->stride[NST_Y] = node->stride[NST_X] = stride;
    node->pad[NST_TOP] = node->pad[NST_LEFT] = before;
    node->pad[NST_BOTTOM] = node->pad[NST_RIGHT] = max_int(kernel - stride, 0) - before;
    node->weight = take(net, variable(3 * layer).text);
    const int x = build_last(&net->build);
    return norm(net, name_of(name, ".norm").text, x, variable(3 * layer + 2).text, variable(3 * layer + 1).text, 1e-3f);
}

static int tensorflow_relu(StyleNet *net, int layer, int input, NstOp op, int stride)
{
    char name[32];
    snprintf(name, sizeof(name), "layer%d.relu", layer);
    return relu(net, name, tensorflow_layer(net, layer, input, op, stride));
}

int style_from_fast_style_transfer(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err)
{
    StyleNet net = {.weights = weights};
    int layer = 0;
    build_begin(&net.build, 3, err);
    int x = tensorflow_relu(&net, layer++, 0, NST_OP_CONV2D, 1);
    x = tensorflow_relu(&net, layer++, x, NST_OP_CONV2D, 2);
    x = tensorflow_relu(&net, layer++, x, NST_OP_CONV2D, 2);
    for (int i = 1; i <= 5; i++, layer += 2) {
        char name[32];
        snprintf(name, sizeof(name), "residual%d", i);
        const int inner = tensorflow_relu(&net, layer, x, NST_OP_CONV2D, 1);
        x = add(&net, name, x, tensorflow_layer(&net, layer + 1, inner, NST_OP_CONV2D, 1));
    }
    x = tensorflow_relu(&net, layer++, x, NST_OP_CONV_TRANSPOSE2D, 2);
    x = tensorflow_relu(&net, layer++, x, NST_OP_CONV_TRANSPOSE2D, 2);
    x = tensorflow_layer(&net, layer, x, NST_OP_CONV2D, 1);
    build_node(&net.build, NST_OP_TANH, x, "tanh");
    NstNode *output = build_node(&net.build, NST_OP_AFFINE, build_last(&net.build), "output");
    output->scale = 150;
    output->shift = 127.5f;
    return finish(&net, model, options, err);
}
