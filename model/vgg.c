/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vgg.h"

#include <stdio.h>
#include <string.h>

#include "build.h"
#include "util.h"

enum {
    MAX_BLOCKS = 5,
    MAX_CONVS = 4 /* a block, in VGG-19 */
};

/* Means of ImageNet in the order blue, green, red, for samples of 0 to 255 */
static const float MEAN_BGR[3] = {103.939f, 116.779f, 123.68f};

static NstTensor *find_weight(NstContainer *weights, const char *name, const char *part)
{
    char full[NST_MAX_NAME + 16];
    snprintf(full, sizeof(full), "%s.%s", name, part);
    for (int i = 0; i < weights->n_tensors; i++)
        if (!strcmp(weights->tensors[i].name, full) && weights->tensors[i].data)
            return &weights->tensors[i];
    return NULL;
}

/* Appends convolution `name` if its weights are there; its node, or -1 */
static int add_conv(NstBuild *build, NstContainer *weights, const char *name, int input, NstPadMode pad_mode)
{
    NstTensor *weight = find_weight(weights, name, "weight"), *bias = find_weight(weights, name, "bias");
    if (!weight)
        return -1;
    const int kernel = weight->rank == 4 ? weight->shape[2] : 1;
    NstNode *node = build_node(build, NST_OP_CONV2D, input, "%s", name);
    node->weight = build_adopt(build, weight);
    if (bias)
        node->bias = build_adopt(build, bias);
    build_pad(node, kernel / 2, pad_mode);
    return build_last(build);
}

static int add_relu(NstBuild *build, int input, int block, int index, const char *suffix)
{
    build_node(build, NST_OP_RELU, input, "relu%d_%d%s", block, index, suffix);
    return build_last(build);
}

static int add_pool(NstBuild *build, int input, int block, const NstVggOptions *options)
{
    const NstOp op = options->average_pool ? NST_OP_AVG_POOL : NST_OP_MAX_POOL;
    NstNode *node = build_node(build, op, input, "pool%d", block);
    node->kernel[NST_Y] = node->kernel[NST_X] = 2;
    node->stride[NST_Y] = node->stride[NST_X] = 2;
    node->ceil = options->ceil_pool;
    return build_last(build);
}

/* RGB of 0..1 to what the weights were trained on, where the file does not say it */
static int add_preprocess(NstBuild *build, NstContainer *weights, int input)
{
    const int given = add_conv(build, weights, "preprocess", input, NST_PAD_ZERO);
    if (given >= 0)
        return given;

    NstNode *node = build_node(build, NST_OP_CONV2D, input, "preprocess");
    node->weight = build_tensor(build, "preprocess", "weight", (int[]){3, 3, 1, 1});
    node->bias = build_tensor(build, "preprocess", "bias", (int[]){3, 0, 0, 0});
    if (node->weight >= 0 && node->bias >= 0) {
        const NstTensor *tensors = build->graph.tensors;
        for (int c = 0; c < 3; c++) {
            tensors[node->weight].data[c * 3 + 2 - c] = 255;
            tensors[node->bias].data[c] = -MEAN_BGR[c];
        }
    }
    return build_last(build);
}

/* convB_K and its relu, and beside them the embedding to the full VGG's width; the relu, or -1 where there is none */
static int add_layer(NstBuild *build, NstContainer *weights, int input, int block, int index, NstPadMode pad_mode)
{
    char name[NST_MAX_NAME];
    snprintf(name, sizeof(name), "conv%d_%d", block, index);
    const int conv = add_conv(build, weights, name, input, pad_mode);
    if (conv < 0)
        return -1;
    const int relu = add_relu(build, conv, block, index, "");
    snprintf(name, sizeof(name), "conv%d_%d_embed", block, index);
    const int embedding = add_conv(build, weights, name, relu, pad_mode);
    if (embedding >= 0)
        add_relu(build, embedding, block, index, "_embed");
    return relu;
}

int vgg_build(NstModel **loss, NstContainer *weights, const NstVggOptions *options, NstError *err)
{
    NstBuild build;
    NstGraph graph;

    *loss = NULL;
    if (!find_weight(weights, "conv1_1", "weight")) {
        container_free(weights);
        return fail(err, NST_EFORMAT, "VGG weights: tensors conv1_1.weight, conv1_1.bias, conv1_2.weight, ... expected, "
                                      "no conv1_1.weight found");
    }
    build_begin(&build, 3, err);
    int x = add_preprocess(&build, weights, 0);
    for (int block = 1; block <= MAX_BLOCKS; block++) {
        char first[NST_MAX_NAME];
        snprintf(first, sizeof(first), "conv%d_1", block);
        if (!find_weight(weights, first, "weight"))
            break;
        if (block > 1)
            x = add_pool(&build, x, block - 1, options);
        for (int index = 1; index <= MAX_CONVS; index++) {
            const int relu = add_layer(&build, weights, x, block, index, options->pad_mode);
            if (relu < 0)
                break;
            x = relu;
        }
    }
    const int code = build_end(&build, &graph);
    container_free(weights);
    NST_TRY(code);
    return nsw_create(loss, NST_KIND_LOSS, &graph, err);
}

int vgg_variant(NstModel **variant, const NstModel *loss, NstOp pool, NstPadMode pad_mode, int last, NstError *err)
{
    NstGraph graph;
    NST_TRY(graph_copy(&graph, &loss->graph, err));
    graph.n_nodes = last + 1;
    for (int i = 0; i < graph.n_nodes; i++) {
        NstNode *node = &graph.nodes[i];
        if (pool != NST_OP_INPUT && (node->op == NST_OP_MAX_POOL || node->op == NST_OP_AVG_POOL))
            node->op = pool;
        if (pad_mode != NST_PAD_MODE_COUNT && node->op == NST_OP_CONV2D)
            node->pad_mode = pad_mode;
    }
    NST_TRY(nsw_create(variant, loss->kind, &graph, err));
    (*variant)->input_bgr = loss->input_bgr;
    (*variant)->input_scale = loss->input_scale;
    return NST_OK;
}

/* Lists the layers in the message. */
static int no_such_layer(const NstGraph *graph, const char *layer, NstError *err)
{
    char list[NST_ERROR_MESSAGE_SIZE] = "";
    size_t used = 0;
    for (int i = 1; i < graph->n_nodes && used < sizeof(list); i++) {
        const char *name = graph->nodes[i].name;
        int block, index, end = 0;
        if ((sscanf(name, "relu%d_%d%n", &block, &index, &end) == 2 || sscanf(name, "pool%d%n", &block, &end) == 1) &&
            !name[end])
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? " " : "", name);
    }
    return fail(err, NST_ENOTFOUND, "the loss network has no layer \"%s\"; it has %s", layer,
                used ? list : "no VGG layers");
}

/* Reads a text that `format` matches to its end. */
#define MATCHES(text, end, ...) ((end) = 0, sscanf(text, __VA_ARGS__) > 0 && (end) > 0 && !(text)[end])

int vgg_find_layer(const NstModel *loss, const char *layer, int *node, NstError *err)
{
    const NstGraph *graph = &loss->graph;
    char name[NST_MAX_NAME];
    int block, index, end;

    snprintf(name, sizeof(name), "%s", layer);
    if (MATCHES(layer, end, "block%d_conv%d%n", &block, &index, &end))
        snprintf(name, sizeof(name), "relu%d_%d", block, index);
    else if (MATCHES(layer, end, "block%d_pool%n", &block, &end))
        snprintf(name, sizeof(name), "pool%d", block);

    if (MATCHES(name, end, "relu%d_%d%n", &block, &index, &end)) {
        char embedding[NST_MAX_NAME];
        snprintf(embedding, sizeof(embedding), "relu%d_%d_embed", block, index);
        *node = graph_find(graph, embedding);
        if (*node >= 0)
            return NST_OK;
    }
    *node = graph_find(graph, name);
    return *node > 0 ? NST_OK : no_such_layer(graph, layer, err);
}
