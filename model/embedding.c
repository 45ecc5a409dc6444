/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "embedding.h"

#include <string.h>

#include "padding.h"
#include "util.h"

enum { MAX_BASE = 1024 }; /* gram_add takes no ones with very many channels */

static bool is_embedding(const NstGraph *graph, const NstNode *node)
{
    if (node->op != NST_OP_CONV2D || node->kernel[NST_Y] != 1 || node->kernel[NST_X] != 1 || node->stride[NST_Y] != 1 ||
        node->stride[NST_X] != 1 || node->groups != 1 || !pad_is_none(node->pad))
        return false;
    return node->inputs[0] > 0 && graph->nodes[node->inputs[0]].channels <= MAX_BASE;
}

int embedding_open(NstEmbedding *embedding, const NstGraph *graph, int *index, NstError *err)
{
    const NstNode *node = &graph->nodes[*index];
    *embedding = (NstEmbedding){0};
    if (!is_embedding(graph, node))
        return NST_OK;
    const int c = node->channels, base = graph->nodes[node->inputs[0]].channels;
    const float *weight = graph->tensors[node->weight].data;
    const float *bias = node->bias < 0 ? NULL : graph->tensors[node->bias].data;
    *embedding = (NstEmbedding){c, base, aligned_calloc((size_t)c * (size_t)(base + 1), sizeof(float))};
    if (!embedding->matrix)
        return fail(err, NST_ENOMEM, "no memory for the loss");
    for (int i = 0; i < c; i++) {
        float *row = embedding->matrix + (ptrdiff_t)i * (base + 1);
        memcpy(row, weight + (ptrdiff_t)i * base, (size_t)base * sizeof(*row));
        row[base] = bias ? bias[i] : 0;
    }
    *index = node->inputs[0];
    return NST_OK;
}

void embedding_close(NstEmbedding *embedding)
{
    aligned_free(embedding->matrix);
    embedding->matrix = NULL;
}

void embedding_gram(const NstEmbedding *embedding, NstGemm gemm, float *scratch, float *gram)
{
    const int c = embedding->c, base = embedding->base + 1;
    gemm(0, 0, c, base, base, embedding->matrix, base, gram, base, 0, scratch, base);
    gemm(0, 1, c, c, base, scratch, base, embedding->matrix, base, 0, gram, c);
}

void embedding_factor(const NstEmbedding *embedding, NstGemm gemm, float *scratch, float *factor)
{
    const int c = embedding->c, base = embedding->base + 1;
    gemm(0, 0, c, base, c, factor, c, embedding->matrix, base, 0, scratch, base);
    gemm(1, 0, base, base, c, embedding->matrix, base, scratch, base, 0, factor, base);
}
