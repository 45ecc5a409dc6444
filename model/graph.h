/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_GRAPH_H
#define NST_MODEL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include <nst/error.h>

/*
 * A network: nodes in topological order over values of shape C x H x W (one picture, planar float), with the
 * tensors they use. Nothing here knows about speed. Node 0 is always the input; the last node is the output.
 */

enum {
    NST_MAX_NODES = 4096,
    NST_MAX_INPUTS = 16,
    NST_MAX_TENSORS = 8192,
    NST_MAX_NAME = 128,      /* bytes of a node's or tensor's name, the final 0 included */
    NST_MAX_CHANNELS = 16384,
    NST_MAX_KERNEL = 63,     /* taps of a kernel, a side; strides, dilations and factors too */
    NST_MAX_PAD = 1024,      /* samples of padding or cropping, a side */
    NST_MAX_SIDE = 1 << 16,  /* samples of any value, a side */
    NST_MAX_RANK = 4
};

typedef enum NstOp {
    NST_OP_INPUT,            /* the picture */
    NST_OP_CONV2D,           /* w: Co x Ci/groups x Kh x Kw, b: Co or none */
    NST_OP_CONV_TRANSPOSE2D, /* w: Ci x Co/groups x Kh x Kw, b: Co or none; pad crops the result, output_pad adds to it */
    NST_OP_INSTANCE_NORM,    /* w: C (scale) or none, b: C (shift) or none; eps; biased variance */
    NST_OP_RELU,
    NST_OP_TANH,
    NST_OP_ADD,              /* 2 inputs of one shape */
    NST_OP_MUL,              /* 2 inputs of one shape */
    NST_OP_AFFINE,           /* y = scale x + shift; w, b: C each, in place of the numbers where given */
    NST_OP_UPSAMPLE,         /* factor; mode nearest | bilinear (half-pixel centres: PyTorch's align_corners=False) */
    NST_OP_PIXEL_SHUFFLE,    /* C r^2 x H x W -> C x rH x rW; channel c r^2 + i r + j goes to row offset i, column j */
    NST_OP_PIXEL_UNSHUFFLE,  /* its inverse; H and W must be multiples of factor */
    NST_OP_MAX_POOL,         /* kernel, stride, pad, ceil */
    NST_OP_AVG_POOL,         /* and count_pad: whether padded zeros count in the divisor */
    NST_OP_PAD,              /* pad, pad_mode */
    NST_OP_CROP,             /* pad = samples taken off */
    NST_OP_CONCAT,           /* 1 to 16 inputs, along the channels */
    NST_OP_COUNT
} NstOp;

typedef enum NstPadMode { NST_PAD_ZERO, NST_PAD_REFLECT, NST_PAD_REPLICATE, NST_PAD_MODE_COUNT } NstPadMode;
typedef enum NstUpsampleMode { NST_UPSAMPLE_NEAREST, NST_UPSAMPLE_BILINEAR, NST_UPSAMPLE_MODE_COUNT } NstUpsampleMode;

enum { NST_TOP, NST_BOTTOM, NST_LEFT, NST_RIGHT }; /* the order of a node's pad[] */
enum { NST_Y, NST_X };                             /* the order of kernel[], stride[], dilation[], output_pad[] */

typedef struct NstTensor {
    char name[NST_MAX_NAME];
    int rank;
    int shape[NST_MAX_RANK];
    bool is_f16;   /* how the file holds it; data is always float */
    int64_t count; /* elements */
    float *data;   /* aligned to 64 bytes */
} NstTensor;

typedef struct NstNode {
    char name[NST_MAX_NAME];
    NstOp op;
    int n_inputs;
    int inputs[NST_MAX_INPUTS]; /* indices of earlier nodes */
    int weight, bias;           /* indices of tensors, -1: none */
    int channels;               /* of the result; filled in by graph_check */
    int kernel[2];              /* pools; convolutions: taken from the weight by graph_check */
    int stride[2], dilation[2], pad[4], output_pad[2];
    int groups;
    NstPadMode pad_mode;        /* reflect is repeated where the padding exceeds the picture */
    NstUpsampleMode mode;
    int factor;
    bool ceil, count_pad;
    float eps, scale, shift;
} NstNode;

typedef struct NstGraph {
    int n_nodes;
    NstNode *nodes;
    int n_tensors;
    NstTensor *tensors;
} NstGraph;

typedef struct NstShape {
    int c, h, w;
} NstShape;

/* A node with every attribute at its default (stride, dilation, groups, factor 1; no tensors; eps 1e-5; scale 1). */
void graph_node_defaults(NstNode *node);

/*
 * Checks order, arity, attribute ranges and tensor shapes, and fills in channels and the kernels of convolutions.
 * Messages name node, tensor, what was expected and what was found.
 */
int graph_check(NstGraph *graph, NstError *err);

/* Shapes of all nodes for an input of h x w; NST_EINVAL names the node that such a size is impossible for. */
int graph_shapes(const NstGraph *graph, int h, int w, NstShape *shapes, NstError *err);

/*
 * Input sides must be multiples of this (pixel_unshuffle, strides and pools that later layers scale up again).
 * 0: none up to 256 fits.
 */
int graph_multiple(const NstGraph *graph);

/* Multiply-accumulates of one node's convolution for one sample of its result's (transposed: its input's) plane. */
int64_t graph_node_macs(const NstGraph *graph, int node);

/* Multiply-accumulates of one node per pixel of the network's input, in the limit of a large picture. */
double graph_macs_per_pixel(const NstGraph *graph, int node);

int graph_find(const NstGraph *graph, const char *node_name);          /* index, or -1 */
int graph_find_tensor(const NstGraph *graph, const char *tensor_name); /* index, or -1 */

const char *graph_op_name(NstOp op); /* "conv2d", as in .nsw files */
NstOp graph_op_from_name(const char *name); /* NST_OP_COUNT: unknown */

int graph_copy(NstGraph *to, const NstGraph *from, NstError *err); /* deep */
void graph_free(NstGraph *graph);                                  /* frees what it holds and zeroes it */

#endif
