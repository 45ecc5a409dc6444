/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

void build_begin(NstBuild *build, int channels, NstError *err)
{
    memset(build, 0, sizeof(*build));
    build->err = err;
    NstNode *node = build_node(build, NST_OP_INPUT, -1, "input");
    node->n_inputs = 0;
    node->channels = channels;
}

/* Makes room for one entry more; returns -1 when there is none. */
static int grow(NstBuild *build, void **entries, int n, int *room, size_t size)
{
    if (build->code < 0)
        return -1;
    if (n < *room)
        return 0;
    const int wanted = *room ? 2 * *room : 32;
    void *grown = realloc(*entries, (size_t)wanted * size);
    if (!grown) {
        build->code = fail(build->err, NST_ENOMEM, "no memory for a graph of %d nodes or tensors", wanted);
        return -1;
    }
    *entries = grown;
    *room = wanted;
    return 0;
}

NstNode *build_node(NstBuild *build, NstOp op, int input, const char *name, ...)
{
    NstGraph *graph = &build->graph;
    if (grow(build, (void **)&graph->nodes, graph->n_nodes, &build->node_room, sizeof(*graph->nodes)) < 0)
        return &build->spare_node;

    NstNode *node = &graph->nodes[graph->n_nodes++];
    va_list args;
    graph_node_defaults(node);
    va_start(args, name);
    vsnprintf(node->name, sizeof(node->name), name, args);
    va_end(args);
    node->op = op;
    node->n_inputs = 1;
    node->inputs[0] = input;
    return node;
}

int build_last(const NstBuild *build)
{
    return build->graph.n_nodes - 1;
}

int build_adopt(NstBuild *build, NstTensor *tensor)
{
    NstGraph *graph = &build->graph;
    if (grow(build, (void **)&graph->tensors, graph->n_tensors, &build->tensor_room, sizeof(*graph->tensors)) < 0)
        return -1;
    graph->tensors[graph->n_tensors] = *tensor;
    tensor->data = NULL;
    return graph->n_tensors++;
}

int build_tensor(NstBuild *build, const char *name, const char *part, const int shape[4])
{
    NstTensor tensor = {.rank = shape[1] ? 4 : 1, .count = 1};
    snprintf(tensor.name, sizeof(tensor.name), "%s.%s", name, part);
    for (int i = 0; i < tensor.rank; i++) {
        tensor.shape[i] = shape[i];
        tensor.count *= shape[i];
    }
    if (build->code < 0)
        return -1;
    tensor.data = aligned_calloc((size_t)tensor.count, sizeof(float));
    if (!tensor.data) {
        build->code = fail(build->err, NST_ENOMEM, "no memory for tensor \"%s\"", tensor.name);
        return -1;
    }
    const int index = build_adopt(build, &tensor);
    aligned_free(tensor.data);
    return index;
}

void build_pad(NstNode *node, int pad, NstPadMode mode)
{
    for (int side = 0; side < 4; side++)
        node->pad[side] = pad;
    node->pad_mode = mode;
}

int build_end(NstBuild *build, NstGraph *graph)
{
    int code = build->code;
    if (code == 0)
        code = graph_check(&build->graph, build->err);
    if (code < 0)
        graph_free(&build->graph);
    else
        *graph = build->graph;
    memset(build, 0, sizeof(*build));
    return code;
}
