/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simplify.h"

#include <stdbool.h>
#include <string.h>

#include "util.h"

static int count_users(const NstGraph *graph, int index)
{
    int users = 0;
    for (int i = index + 1; i < graph->n_nodes; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            users += graph->nodes[i].inputs[k] == index;
    return users;
}

static bool has_pad(const NstNode *node)
{
    return node->pad[0] || node->pad[1] || node->pad[2] || node->pad[3];
}

/* Takes a node out; what read it reads its input. */
static void remove_node(NstGraph *graph, int index)
{
    const int input = graph->nodes[index].inputs[0];
    memmove(&graph->nodes[index], &graph->nodes[index + 1], (size_t)(graph->n_nodes - index - 1) * sizeof(NstNode));
    graph->n_nodes--;
    for (int i = index; i < graph->n_nodes; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++) {
            int *from = &graph->nodes[i].inputs[k];
            *from = *from == index ? input : *from > index ? *from - 1 : *from;
        }
}

int simplify_pads(NstGraph *graph, NstError *err)
{
    for (int i = 1; i < graph->n_nodes; i++) {
        NstNode *conv = &graph->nodes[i];
        const int index = conv->inputs[0];
        const NstNode *pad = &graph->nodes[index];
        if (conv->op != NST_OP_CONV2D || has_pad(conv) || pad->op != NST_OP_PAD || count_users(graph, index) != 1)
            continue;
        memcpy(conv->pad, pad->pad, sizeof(conv->pad));
        conv->pad_mode = pad->pad_mode;
        remove_node(graph, index);
        i--;
    }
    const int code = graph_check(graph, err);
    if (code < 0)
        graph_free(graph);
    return code;
}
