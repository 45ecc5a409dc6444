/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "util.h"

enum { BLOCKS = NST_DISTILL_LAYERS, NARROWEST = 8 };
static const int CONVS[BLOCKS] = {2, 2, 4, 4, 1}; /* of VGG-19, as far as conv5_1 */
static const int WIDTH[BLOCKS] = {64, 128, 256, 512, 512};

/* Samples of 0..1 to mean 0 and variance 1, roughly: photographs have a mean of 0.45 and a deviation of 0.25. */
static const float SCALE = 4, SHIFT = -1.8f;

/* A Cholesky factor of a matrix that is singular to rounding needs this share of its largest entry on the diagonal. */
static const double JITTER = 1e-9;

const char *slim_layer(int i)
{
    static const char *const names[BLOCKS] = {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"};
    return names[i];
}

/* A convolution with bias; its weights are for the caller to fill where `random` is NULL. */
static int conv(NstBuild *b, NstRandom *random, const char *node_name, const char *name, int input, int in, int out, int k)
{
    NstNode *node = build_node(b, NST_OP_CONV2D, input, "%s", node_name);
    node->weight = build_tensor(b, name, "weight", (int[]){out, in, k, k});
    node->bias = build_tensor(b, name, "bias", (int[]){out, 0, 0, 0});
    build_pad(node, k / 2, NST_PAD_REFLECT);
    const float deviation = sqrtf(2 / (float)(in * k * k));
    for (int64_t i = 0; random && b->code == NST_OK && i < (int64_t)out * in * k * k; i++)
        b->graph.tensors[node->weight].data[i] = deviation * random_normal(random);
    return build_last(b);
}

static int block_width(int block, float width)
{
    return max_int(NARROWEST, (int)lroundf(width * (float)WIDTH[block] / NARROWEST) * NARROWEST);
}

static int relu(NstBuild *b, int input, int block, int index)
{
    build_node(b, NST_OP_RELU, input, "relu%d_%d", block + 1, index + 1);
    return build_last(b);
}

static int pool(NstBuild *b, int input, int block)
{
    NstNode *node = build_node(b, NST_OP_MAX_POOL, input, "pool%d", block + 1);
    node->kernel[NST_Y] = node->kernel[NST_X] = 2;
    node->stride[NST_Y] = node->stride[NST_X] = 2;
    node->ceil = true;
    return build_last(b);
}

/*
 * The student to the depth of n_layers. embedding_width[i]: channels of embedding i, which is a node of its own beside
 * the layer that it embeds; embedding[i] becomes the node.
 */
static void build(NstBuild *b, const int *widths, const int *embedding_width, int n_layers, NstRandom *random,
                  int *embedding)
{
    int channels = 3;
    build_node(b, NST_OP_AFFINE, 0, "preprocess")->scale = SCALE;
    b->graph.nodes[build_last(b)].shift = SHIFT;
    int x = build_last(b);
    for (int block = 0; block < n_layers; block++) {
        const int convs = block + 1 < n_layers ? CONVS[block] : 1;
        if (block > 0)
            x = pool(b, x, block - 1);
        for (int index = 0; index < convs; index++) {
            char name[NST_MAX_NAME], node[NST_MAX_NAME];
            snprintf(name, sizeof(name), "conv%d_%d", block + 1, index + 1);
            x = relu(b, conv(b, random, name, name, x, channels, widths[block], 3), block, index);
            channels = widths[block];
            if (index > 0)
                continue;
            snprintf(name, sizeof(name), "conv%d_1_embed", block + 1);
            snprintf(node, sizeof(node), "relu%d_1_embed", block + 1);
            embedding[block] = conv(b, random, node, name, x, channels, embedding_width[block], 1);
        }
    }
}

int slim_build(NstSlim *slim, const int *teacher_width, int n_layers, float width, NstRandom *random, NstError *err)
{
    NstBuild b;
    int widths[BLOCKS];
    for (int i = 0; i < n_layers; i++)
        widths[i] = block_width(i, width);
    *slim = (NstSlim){.n_layers = n_layers};
    build_begin(&b, 3, err);
    build(&b, widths, teacher_width, n_layers, random, slim->embedding);
    return build_end(&b, &slim->graph);
}

/* Cholesky: M = R^T R, R row by row from the top; M is overwritten. */
static void cholesky(double *m, int n, double *r)
{
    memset(r, 0, sizeof(*r) * (size_t)n * (size_t)n);
    for (ptrdiff_t i = 0; i < n; i++) {
        r[i * n + i] = sqrt(fmax(m[i * n + i], 0));
        for (ptrdiff_t j = i + 1; j < n && r[i * n + i] > 0; j++)
            r[i * n + j] = m[i * n + j] / r[i * n + i];
        for (ptrdiff_t j = i + 1; j < n; j++)
            for (ptrdiff_t k = j; k < n; k++)
                m[j * n + k] -= r[i * n + j] * r[i * n + k];
    }
}

int slim_root(const float *a, int rows, int size, double *root, NstError *err)
{
    double *m = calloc((size_t)size * (size_t)size, sizeof(*m)), largest = 0;
    if (!m)
        return fail(err, NST_ENOMEM, "no memory for the loss network");
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t i = 0; i < size; i++)
            for (ptrdiff_t j = i; j < size; j++)
                m[i * size + j] += (double)a[row * size + i] * (double)a[row * size + j];
    for (ptrdiff_t i = 0; i < size; i++)
        largest = fmax(largest, m[i * size + i]);
    for (ptrdiff_t i = 0; i < size; i++)
        m[i * size + i] += JITTER * largest;
    cholesky(m, size, root);
    free(m);
    return NST_OK;
}

/* Fills the reduced embedding, c + 1 channels, from the full one. */
static int reduce(const NstGraph *from, int embedding, NstGraph *to, int reduced, NstError *err)
{
    const NstNode *full = &from->nodes[embedding], *small = &to->nodes[reduced];
    const NstTensor *weight = &from->tensors[full->weight], *bias = &from->tensors[full->bias];
    const int rows = weight->shape[0], c = weight->shape[1], size = c + 1;
    float *a = calloc((size_t)rows * (size_t)size, sizeof(*a));
    double *root = calloc((size_t)size * (size_t)size, sizeof(*root));
    int code = a && root ? NST_OK : fail(err, NST_ENOMEM, "no memory for the loss network");

    for (ptrdiff_t row = 0; code == NST_OK && row < rows; row++) {
        memcpy(a + row * size, weight->data + row * c, sizeof(*a) * (size_t)c);
        a[row * size + c] = bias->data[row];
    }
    if (code == NST_OK)
        code = slim_root(a, rows, size, root, err);
    for (ptrdiff_t row = 0; code == NST_OK && row < size; row++) {
        for (ptrdiff_t i = 0; i < c; i++)
            to->tensors[small->weight].data[row * c + i] = (float)root[row * size + i];
        to->tensors[small->bias].data[row] = (float)root[row * size + c];
    }
    free(a);
    free(root);
    return code;
}

/* Copies every tensor that has the same name and shape in both. */
static void copy_tensors(const NstGraph *from, NstGraph *to)
{
    for (int i = 0; i < to->n_tensors; i++) {
        NstTensor *tensor = &to->tensors[i];
        const NstTensor *same = &from->tensors[graph_find_tensor(from, tensor->name)];
        if (same->count == tensor->count)
            memcpy(tensor->data, same->data, sizeof(float) * (size_t)tensor->count);
        tensor->is_f16 = true;
    }
}

int slim_reduce(const NstSlim *slim, NstGraph *graph, NstError *err)
{
    NstBuild b;
    int widths[BLOCKS], reduced_width[BLOCKS], reduced[BLOCKS];
    for (int i = 0; i < slim->n_layers; i++) {
        widths[i] = slim->graph.tensors[slim->graph.nodes[slim->embedding[i]].weight].shape[1];
        reduced_width[i] = widths[i] + 1;
    }
    build_begin(&b, 3, err);
    build(&b, widths, reduced_width, slim->n_layers, NULL, reduced);
    NST_TRY(build_end(&b, graph));
    copy_tensors(&slim->graph, graph);
    for (int i = 0; i < slim->n_layers; i++) {
        const int code = reduce(&slim->graph, slim->embedding[i], graph, reduced[i], err);
        if (code < 0) {
            graph_free(graph);
            return code;
        }
    }
    return NST_OK;
}
