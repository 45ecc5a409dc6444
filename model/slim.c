/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "util.h"

enum {
    BLOCKS = NST_DISTILL_LAYERS,
    GRAIN = 4 /* widths are multiples of this, if the teacher's width allows */
};
static const int CONVS[BLOCKS] = {2, 2, 4, 4, 1}; /* of VGG-19, as far as conv5_1 */
static const int WIDTH[BLOCKS] = {64, 128, 256, 512, 512};

/* A Cholesky factor of a matrix that is singular to rounding needs this share of its largest entry on the diagonal. */
static const double JITTER = 1e-9;

const char *slim_layer(int i)
{
    static const char *const names[BLOCKS] = {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"};
    return names[i];
}

int slim_teacher_convs(const NstGraph *teacher, int nodes[SLIM_MAX_CONVS])
{
    int n = 0;
    for (int i = 0; i < BLOCKS; i++) {
        char name[NST_MAX_NAME];
        snprintf(name, sizeof(name), "%s_embed", slim_layer(i));
        if (graph_find(teacher, name) >= 0)
            return 0;
    }
    for (int block = 0; block < BLOCKS; block++)
        for (int index = 0; index < CONVS[block]; index++) {
            char name[NST_MAX_NAME];
            snprintf(name, sizeof(name), "conv%d_%d", block + 1, index + 1);
            const int node = graph_find(teacher, name);
            snprintf(name, sizeof(name), "relu%d_%d", block + 1, index + 1);
            if (node < 0 || teacher->nodes[node].op != NST_OP_CONV2D || teacher->nodes[node].bias < 0 ||
                graph_find(teacher, name) < 0)
                return n;
            nodes[n++] = node;
        }
    return n;
}

int slim_teacher_relus(const NstGraph *teacher, int nodes[SLIM_MAX_CONVS])
{
    const int n = slim_teacher_convs(teacher, nodes);
    for (int i = 0; i < n; i++) {
        char name[NST_MAX_NAME];
        snprintf(name, sizeof(name), "relu%.100s", teacher->nodes[nodes[i]].name + strlen("conv"));
        nodes[i] = graph_find(teacher, name);
    }
    return n;
}

/* What the building of a student knows */
typedef struct Making {
    NstBuild b;
    NstSlim *slim;
    const NstModel *teacher;
    NstRandom *random;
    float width;
    int x, channels; /* the last node, and its channels */
} Making;

/* A convolution, with its weights drawn at random and a bias of zeroes */
static NstNode *conv(Making *m, const char *node_name, const char *tensor_name, int out, int k)
{
    NstNode *node = build_node(&m->b, NST_OP_CONV2D, m->x, "%s", node_name);
    node->weight = build_tensor(&m->b, tensor_name, "weight", (int[]){out, m->channels, k, k});
    node->bias = build_tensor(&m->b, tensor_name, "bias", (int[]){out, 0, 0, 0});
    build_pad(node, k / 2, NST_PAD_REFLECT);
    const float deviation = sqrtf(2 / (float)(m->channels * k * k));
    for (int64_t i = 0; m->b.code == NST_OK && i < (int64_t)out * m->channels * k * k; i++)
        m->b.graph.tensors[node->weight].data[i] = deviation * random_normal(m->random);
    m->x = build_last(&m->b);
    m->channels = out;
    return node;
}

static int share(float width, int channels)
{
    const int wished = (int)ceilf(width * (float)channels / GRAIN) * GRAIN;
    return min_int(wished, channels);
}

/* RGB of 0 to 1 to what the teacher's first convolution reads: its range, its order of colours, its 1x1 convolution */
static void preprocess(Making *m)
{
    const NstGraph *graph = &m->teacher->graph;
    const int found = graph_find(graph, "preprocess");
    const NstNode *given = found < 0 || graph->nodes[found].op != NST_OP_CONV2D ? NULL : &graph->nodes[found];
    const NstNode *node = conv(m, "preprocess", "preprocess", 3, 1);
    for (int o = 0; m->b.code == NST_OK && o < 3; o++) {
        for (int i = 0; i < 3; i++) {
            const int channel = m->teacher->input_bgr ? 2 - i : i;
            const float weight = given ? graph->tensors[given->weight].data[o * 3 + channel] : (float)(o == channel);
            m->b.graph.tensors[node->weight].data[o * 3 + i] = m->teacher->input_scale * weight;
        }
        if (given && given->bias >= 0)
            m->b.graph.tensors[node->bias].data[o] = graph->tensors[given->bias].data[o];
    }
}

/*
 * A convolution as wide as a share of the teacher's, or where that has none (node -1), of half of that share of
 * VGG-19's: what is learned from embeddings alone is not learned better by a wider network, and the deep layers are the
 * large ones.
 */
static void narrow_conv(Making *m, int block, int index, int teacher_node)
{
    const NstNode *from = teacher_node < 0 ? NULL : &m->teacher->graph.nodes[teacher_node];
    char name[NST_MAX_NAME];
    snprintf(name, sizeof(name), "conv%d_%d", block + 1, index + 1);
    NstNode *node = conv(m, name, name, from ? share(m->width, from->channels) : share(m->width / 2, WIDTH[block]),
                         from ? m->teacher->graph.tensors[from->weight].shape[2] : 3);
    if (from) {
        memcpy(node->pad, from->pad, sizeof(node->pad));
        node->pad_mode = from->pad_mode;
        m->slim->convs[m->slim->n_convs++] = (NstSlimConv){.teacher = teacher_node, .node = m->x};
    }
}

static void pool(Making *m, int block)
{
    char name[NST_MAX_NAME];
    snprintf(name, sizeof(name), "pool%d", block);
    const int given = graph_find(&m->teacher->graph, name);
    NstNode *node = build_node(&m->b, NST_OP_MAX_POOL, m->x, "%s", name);
    node->kernel[NST_Y] = node->kernel[NST_X] = 2;
    node->stride[NST_Y] = node->stride[NST_X] = 2;
    node->ceil = true;
    if (given >= 0) {
        node->op = m->teacher->graph.nodes[given].op;
        node->ceil = m->teacher->graph.nodes[given].ceil;
    }
    m->x = build_last(&m->b);
}

/* A linear embedding beside the layer, under the name by which vgg_find_layer prefers it */
static int embed(Making *m, int block, int width)
{
    char name[NST_MAX_NAME], node_name[NST_MAX_NAME];
    const int x = m->x, channels = m->channels;
    snprintf(name, sizeof(name), "conv%d_1_embed", block + 1);
    snprintf(node_name, sizeof(node_name), "%s_embed", slim_layer(block));
    conv(m, node_name, name, width, 1);
    const int embedding = m->x;
    m->x = x;
    m->channels = channels;
    return embedding;
}

static void make(Making *m, const int *widths)
{
    NstSlim *slim = m->slim;
    int taught[SLIM_MAX_CONVS], n = 0;
    const int n_taught = slim_teacher_convs(&m->teacher->graph, taught);

    preprocess(m);
    for (int block = 0; block < slim->n_layers; block++) {
        if (block > 0)
            pool(m, block);
        for (int index = 0; index < (block + 1 < slim->n_layers ? CONVS[block] : 1); index++, n++) {
            narrow_conv(m, block, index, n < n_taught ? taught[n] : -1);
            build_node(&m->b, NST_OP_RELU, m->x, "relu%d_%d", block + 1, index + 1);
            m->x = build_last(&m->b);
            if (index == 0)
                slim->embedding[block] = embed(m, block, widths[block]);
            if (n < n_taught)
                slim->n_taught = m->b.graph.n_tensors;
        }
    }
}

int slim_build(NstSlim *slim, const NstModel *teacher, const int *widths, int n_layers, float width, NstRandom *random,
               NstError *err)
{
    Making m = {.slim = slim, .teacher = teacher, .random = random, .width = width, .channels = 3};
    *slim = (NstSlim){.n_layers = n_layers};
    build_begin(&m.b, 3, err);
    make(&m, widths);
    return build_end(&m.b, &slim->graph);
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

/* Makes the embedding `node` of c channels one of c + 1; an embedding to fewer stays as it is. */
static int reduce(NstGraph *graph, int node, NstError *err)
{
    NstTensor *weight = &graph->tensors[graph->nodes[node].weight], *bias = &graph->tensors[graph->nodes[node].bias];
    const int rows = weight->shape[0], c = weight->shape[1], size = c + 1;
    if (rows <= size)
        return NST_OK;
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
            weight->data[row * c + i] = (float)root[row * size + i];
        bias->data[row] = (float)root[row * size + c];
    }
    weight->shape[0] = bias->shape[0] = size;
    weight->count = (int64_t)size * c;
    bias->count = size;
    free(a);
    free(root);
    return code;
}

int slim_reduce(const NstSlim *slim, NstGraph *graph, NstError *err)
{
    int code = NST_OK;
    NST_TRY(graph_copy(graph, &slim->graph, err));
    for (int i = 0; i < slim->n_layers && code == NST_OK; i++)
        code = reduce(graph, slim->embedding[i], err);
    for (int i = 0; i < graph->n_tensors; i++)
        graph->tensors[i].is_f16 = true;
    if (code == NST_OK)
        code = graph_check(graph, err);
    if (code < 0)
        graph_free(graph);
    return code;
}
