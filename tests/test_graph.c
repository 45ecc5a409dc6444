/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Graphs: validation, sizes (PyTorch's), multiples and costs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph.h"

enum { ROOM = 12 };

/* A chain of nodes, each the next one's only input, that a test then changes. */
typedef struct Fixture {
    NstGraph graph;
    NstNode nodes[ROOM];
    NstTensor tensors[ROOM];
} Fixture;

static NstNode *add_node(Fixture *f, NstOp op)
{
    int index = f->graph.n_nodes++;
    NstNode *node = &f->nodes[index];
    graph_node_defaults(node);
    snprintf(node->name, sizeof(node->name), "n%d", index);
    node->op = op;
    node->n_inputs = index > 0;
    node->inputs[0] = index - 1;
    return node;
}

static int add_tensor(Fixture *f, int rank, int a, int b, int c, int d)
{
    NstTensor *tensor = &f->tensors[f->graph.n_tensors];
    snprintf(tensor->name, sizeof(tensor->name), "t%d", f->graph.n_tensors);
    tensor->rank = rank;
    memcpy(tensor->shape, (int[]){a, b, c, d}, sizeof(tensor->shape));
    return f->graph.n_tensors++;
}

static void fixture_init(Fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->graph.nodes = f->nodes;
    f->graph.tensors = f->tensors;
    add_node(f, NST_OP_INPUT)->channels = 3;
}

static NstNode *add_conv(Fixture *f, int co, int ci, int k)
{
    NstNode *node = add_node(f, NST_OP_CONV2D);
    node->weight = add_tensor(f, 4, co, ci, k, k);
    return node;
}

static void set4(int *values, int a, int b, int c, int d)
{
    memcpy(values, (int[]){a, b, c, d}, 4 * sizeof(int));
}

static void test_op_names(void **state)
{
    (void)state;
    for (int op = 0; op < NST_OP_COUNT; op++)
        assert_int_equal(graph_op_from_name(graph_op_name((NstOp)op)), op);
    assert_int_equal(graph_op_from_name("conv3d"), NST_OP_COUNT);
    assert_int_equal(graph_op_from_name(""), NST_OP_COUNT);
    assert_string_equal(graph_op_name((NstOp)99), "unknown");
}

/* x -> conv 8 -> instance norm -> relu -> conv 3 -> affine */
static void make_valid(Fixture *f)
{
    fixture_init(f);
    NstNode *conv = add_conv(f, 8, 3, 3);
    set4(conv->pad, 1, 1, 1, 1);
    conv->bias = add_tensor(f, 1, 8, 0, 0, 0);
    NstNode *norm = add_node(f, NST_OP_INSTANCE_NORM);
    norm->weight = add_tensor(f, 1, 8, 0, 0, 0);
    norm->bias = add_tensor(f, 1, 8, 0, 0, 0);
    add_node(f, NST_OP_RELU);
    set4(add_conv(f, 3, 8, 3)->pad, 1, 1, 1, 1);
    add_node(f, NST_OP_AFFINE)->scale = 150;
}

static void test_valid(void **state)
{
    (void)state;
    Fixture f;
    NstError err;
    make_valid(&f);
    assert_int_equal(graph_check(&f.graph, &err), NST_OK);
    assert_int_equal(f.nodes[1].channels, 8);
    assert_int_equal(f.nodes[1].kernel[0], 3);
    assert_int_equal(f.nodes[5].channels, 3);
    assert_int_equal(graph_find(&f.graph, "n3"), 3);
    assert_int_equal(graph_find(&f.graph, "n"), -1);
    assert_int_equal(graph_find_tensor(&f.graph, "t2"), 2);
    assert_int_equal(graph_find_tensor(&f.graph, "n2"), -1);
    assert_int_equal(graph_multiple(&f.graph), 1);
    assert_int_equal(graph_node_macs(&f.graph, 1), 8 * 3 * 9);
    assert_int_equal(graph_node_macs(&f.graph, 3), 0);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 4), 216, 1e-9);
}

/* Each entry breaks the valid graph in one place, and says what the message must hold. */
typedef struct BadGraph {
    const char *what;
    void (*spoil)(Fixture *f);
    const char *message;
} BadGraph;

#define BAD(name, code) static void bad_##name(Fixture *f) { code; }
BAD(no_nodes, f->graph.n_nodes = 0)
BAD(many_nodes, f->graph.n_nodes = NST_MAX_NODES + 1)
BAD(many_tensors, f->graph.n_tensors = -1)
BAD(first_not_input, f->nodes[0].op = NST_OP_RELU)
BAD(second_input, f->nodes[3].op = NST_OP_INPUT)
BAD(no_channels, f->nodes[0].channels = 0)
BAD(many_channels, f->nodes[0].channels = NST_MAX_CHANNELS + 1)
BAD(unknown_op, f->nodes[3].op = (NstOp)77)
BAD(no_name, f->nodes[3].name[0] = 0)
BAD(same_name, strcpy(f->nodes[3].name, "n1"))
BAD(same_tensor_name, strcpy(f->tensors[3].name, "t1"))
BAD(forward, f->nodes[3].inputs[0] = 4)
BAD(itself, f->nodes[3].inputs[0] = 3)
BAD(negative, f->nodes[3].inputs[0] = -1)
BAD(no_input, f->nodes[3].n_inputs = 0)
BAD(two_inputs, f->nodes[3].n_inputs = 2)
BAD(no_weight, f->nodes[1].weight = -1)
BAD(weight_beyond, f->nodes[1].weight = 100)
BAD(weight_of_relu, f->nodes[3].weight = 0)
BAD(bias_of_relu, f->nodes[3].bias = 0)
BAD(weight_rank, f->tensors[0].rank = 3)
BAD(weight_channels, f->tensors[0].shape[1] = 4)
BAD(weight_huge, f->tensors[0].shape[0] = 1 << 30)
BAD(weight_zero, f->tensors[0].shape[0] = 0)
BAD(kernel_even_huge, f->tensors[0].shape[2] = 64)
BAD(kernel_zero, f->tensors[0].shape[3] = 0)
BAD(bias_short, f->tensors[1].shape[0] = 7)
BAD(bias_rank, f->tensors[1].rank = 2; f->tensors[1].shape[1] = 1)
BAD(groups_zero, f->nodes[1].groups = 0)
BAD(groups_two, f->nodes[1].groups = 2)
BAD(stride_zero, f->nodes[1].stride[NST_X] = 0)
BAD(stride_big, f->nodes[1].stride[NST_Y] = 64)
BAD(dilation_zero, f->nodes[1].dilation[NST_Y] = 0)
BAD(pad_negative, f->nodes[1].pad[NST_LEFT] = -1)
BAD(pad_big, f->nodes[1].pad[NST_BOTTOM] = 1025)
BAD(pad_mode, f->nodes[1].pad_mode = NST_PAD_MODE_COUNT)
BAD(eps_nan, f->nodes[2].eps = NAN)
BAD(eps_zero, f->nodes[2].eps = 0)
BAD(eps_negative, f->nodes[2].eps = -1e-5f)
BAD(eps_infinite, f->nodes[2].eps = INFINITY)
BAD(norm_channels, f->tensors[2].shape[0] = 3)
BAD(scale_nan, f->nodes[5].scale = NAN)
BAD(shift_infinite, f->nodes[5].shift = -INFINITY)
BAD(add_channels, f->nodes[5].op = NST_OP_ADD; f->nodes[5].n_inputs = 2; f->nodes[5].inputs[1] = 1)
BAD(upsample_factor, f->nodes[5].op = NST_OP_UPSAMPLE; f->nodes[5].factor = 0)
BAD(upsample_mode, f->nodes[5].op = NST_OP_UPSAMPLE; f->nodes[5].mode = NST_UPSAMPLE_MODE_COUNT)
BAD(shuffle, f->nodes[5].op = NST_OP_PIXEL_SHUFFLE; f->nodes[5].factor = 2)
BAD(unshuffle, f->nodes[5].op = NST_OP_PIXEL_UNSHUFFLE; f->nodes[5].factor = 64)
BAD(unshuffle_channels, f->nodes[3].op = NST_OP_PIXEL_UNSHUFFLE; f->nodes[3].factor = 63)
BAD(pool_kernel, f->nodes[5].op = NST_OP_MAX_POOL)
BAD(pool_pad, f->nodes[5].op = NST_OP_AVG_POOL; f->nodes[5].kernel[0] = f->nodes[5].kernel[1] = 3;
    f->nodes[5].pad[3] = 2)
BAD(pool_stride, f->nodes[5].op = NST_OP_MAX_POOL; f->nodes[5].kernel[0] = f->nodes[5].kernel[1] = 2;
    f->nodes[5].stride[0] = 0)
BAD(crop_negative, f->nodes[5].op = NST_OP_CROP; f->nodes[5].pad[0] = -3)
BAD(output_pad, f->nodes[4].op = NST_OP_CONV_TRANSPOSE2D; f->tensors[4].shape[0] = 8; f->tensors[4].shape[1] = 3;
    f->nodes[4].output_pad[1] = 1)
BAD(transposed_layout, f->nodes[4].op = NST_OP_CONV_TRANSPOSE2D)
BAD(concat_many, f->nodes[5].op = NST_OP_CONCAT; f->nodes[5].n_inputs = 17)

static const BadGraph bad_graphs[] = {
    {"no nodes", bad_no_nodes, "nodes: 1 to 4096 expected, 0 found"},
    {"too many nodes", bad_many_nodes, "1 to 4096 expected, 4097 found"},
    {"negative tensors", bad_many_tensors, "tensors: 0 to 8192 expected"},
    {"first node not input", bad_first_not_input, "\"n0\" (relu)"},
    {"second input", bad_second_input, "\"n3\" (input)"},
    {"no channels", bad_no_channels, "channels: 1 to 16384 expected, 0 found"},
    {"too many channels", bad_many_channels, "channels: 1 to 16384 expected, 16385 found"},
    {"unknown op", bad_unknown_op, "unknown op 77"},
    {"no name", bad_no_name, "a name expected"},
    {"same names", bad_same_name, "node \"n1\": unique names"},
    {"same tensor names", bad_same_tensor_name, "tensor \"t1\": unique names"},
    {"forward reference", bad_forward, "an earlier node expected, node 4 found"},
    {"own output", bad_itself, "an earlier node expected, node 3 found"},
    {"negative reference", bad_negative, "an earlier node expected, node -1 found"},
    {"no input", bad_no_input, "number of inputs: 1 to 1 expected, 0 found"},
    {"too many inputs", bad_two_inputs, "number of inputs: 1 to 1 expected, 2 found"},
    {"no weight", bad_no_weight, "a weight tensor expected"},
    {"weight beyond", bad_weight_beyond, "tensor index: 0 to 4 expected, 100 found"},
    {"weight of relu", bad_weight_of_relu, "no weight expected"},
    {"bias of relu", bad_bias_of_relu, "no bias expected"},
    {"weight of rank 3", bad_weight_rank, "tensor \"t0\": rank 4 expected, 3 found"},
    {"weight for other channels", bad_weight_channels, "tensor \"t0\": 8x3x3x3 expected, 8x4x3x3 found"},
    {"huge weight", bad_weight_huge, "first dimension: 1 to 16384 expected"},
    {"empty weight", bad_weight_zero, "first dimension: 1 to 16384 expected, 0 found"},
    {"kernel of 64", bad_kernel_even_huge, "kernel height: 1 to 63 expected, 64 found"},
    {"kernel of 0", bad_kernel_zero, "kernel width: 1 to 63 expected, 0 found"},
    {"short bias", bad_bias_short, "tensor \"t1\": 8 expected, 7 found"},
    {"bias of rank 2", bad_bias_rank, "tensor \"t1\": 8 expected, 8x1 found"},
    {"no groups", bad_groups_zero, "groups: 1 to 3 expected, 0 found"},
    {"groups that do not divide", bad_groups_two, "groups: a divisor of 3 input and 8 output channels expected, 2"},
    {"stride 0", bad_stride_zero, "horizontal stride: 1 to 63 expected, 0 found"},
    {"stride 64", bad_stride_big, "vertical stride: 1 to 63 expected, 64 found"},
    {"dilation 0", bad_dilation_zero, "vertical dilation: 1 to 63 expected, 0 found"},
    {"negative pad", bad_pad_negative, "left pad: 0 to 1024 expected, -1 found"},
    {"huge pad", bad_pad_big, "bottom pad: 0 to 1024 expected, 1025 found"},
    {"pad mode", bad_pad_mode, "pad_mode: unknown mode 3"},
    {"eps NaN", bad_eps_nan, "\"n2\" (instance_norm): eps"},
    {"eps 0", bad_eps_zero, "eps: more than 0 and at most 1 expected, 0 found"},
    {"eps negative", bad_eps_negative, "eps: more than 0"},
    {"eps infinite", bad_eps_infinite, "inf found"},
    {"norm of other channels", bad_norm_channels, "tensor \"t2\": 8 expected, 3 found"},
    {"scale NaN", bad_scale_nan, "scale: a finite number expected"},
    {"shift infinite", bad_shift_infinite, "shift: a finite number expected"},
    {"add of other channels", bad_add_channels, "3 of \"n4\" and 8 of \"n1\" found"},
    {"upsample by 0", bad_upsample_factor, "factor: 1 to 63 expected, 0 found"},
    {"upsample mode", bad_upsample_mode, "mode: unknown mode 2"},
    {"shuffle of 3 channels", bad_shuffle, "a multiple of 4 input channels expected, 3 found"},
    {"unshuffle by 64", bad_unshuffle, "factor: 1 to 63 expected, 64 found"},
    {"unshuffle to many channels", bad_unshuffle_channels, "channels: 1 to 16384 expected, 31752 found"},
    {"pool without kernel", bad_pool_kernel, "vertical kernel: 1 to 63 expected, 0 found"},
    {"pool with a wide pad", bad_pool_pad, "right pad: 0 to 1 expected, 2 found"},
    {"pool with stride 0", bad_pool_stride, "vertical stride: 1 to 63 expected, 0 found"},
    {"negative crop", bad_crop_negative, "top pad: 0 to 1024 expected, -3 found"},
    {"output_pad without stride", bad_output_pad, "horizontal output_pad: 0 to 0 expected, 1 found"},
    {"transposed weight not transposed", bad_transposed_layout, "tensor \"t4\": 8x8x3x3 expected, 3x8x3x3 found"},
    {"concat of 17", bad_concat_many, "number of inputs: 1 to 16 expected, 17 found"},
};

static void test_bad_graphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_graphs) / sizeof(*bad_graphs); i++) {
        Fixture f;
        NstError err = {0};
        make_valid(&f);
        bad_graphs[i].spoil(&f);
        int code = graph_check(&f.graph, &err);
        if (code >= 0 || err.code != code || !strstr(err.message, bad_graphs[i].message))
            fail_msg("%s: code %d, message \"%s\", expected \"%s\"", bad_graphs[i].what, code, err.message,
                     bad_graphs[i].message);
        assert_int_equal(graph_check(&f.graph, NULL), code);
    }
}

/* Sizes that PyTorch 1.13 gives; two pads are one axis' before and after. */
typedef struct SizeCase {
    NstOp op;
    int in, kernel, stride, dilation, before, after, output_pad;
    bool ceil;
    int out;
} SizeCase;

static const SizeCase size_cases[] = {
    {NST_OP_CONV2D, 7, 3, 1, 1, 0, 0, 0, false, 5},
    {NST_OP_CONV2D, 7, 3, 2, 1, 1, 1, 0, false, 4},
    {NST_OP_CONV2D, 8, 3, 2, 1, 0, 1, 0, false, 4},
    {NST_OP_CONV2D, 8, 3, 2, 2, 1, 0, 0, false, 3},
    {NST_OP_CONV2D, 3, 9, 1, 1, 4, 4, 0, false, 3},
    {NST_OP_CONV2D, 2, 3, 1, 1, 0, 0, 0, false, 0},
    {NST_OP_CONV_TRANSPOSE2D, 4, 3, 2, 1, 1, 1, 1, false, 8},
    {NST_OP_CONV_TRANSPOSE2D, 4, 3, 2, 1, 0, 1, 0, false, 8},
    {NST_OP_CONV_TRANSPOSE2D, 5, 4, 3, 2, 2, 2, 2, false, 17},
    {NST_OP_CONV_TRANSPOSE2D, 1, 2, 1, 1, 1, 1, 0, false, 0},
    {NST_OP_MAX_POOL, 5, 2, 2, 1, 0, 0, 0, false, 2},
    {NST_OP_MAX_POOL, 5, 2, 2, 1, 0, 0, 0, true, 3},
    {NST_OP_MAX_POOL, 6, 3, 2, 1, 1, 1, 0, false, 3},
    {NST_OP_MAX_POOL, 6, 3, 2, 1, 1, 1, 0, true, 4},
    {NST_OP_MAX_POOL, 1, 2, 2, 1, 0, 0, 0, false, 0},
    {NST_OP_MAX_POOL, 1, 2, 2, 1, 0, 0, 0, true, 1},
    {NST_OP_MAX_POOL, 1, 4, 2, 1, 0, 0, 0, true, 0},
    {NST_OP_AVG_POOL, 4, 2, 3, 1, 1, 1, 0, true, 2}, /* the third window would lie in the padding only */
    {NST_OP_AVG_POOL, 9, 2, 3, 1, 1, 1, 0, true, 4},
};

static void set_axis(NstNode *node, int axis, const SizeCase *c)
{
    node->kernel[axis] = c->kernel;
    node->stride[axis] = c->stride;
    node->dilation[axis] = c->dilation;
    node->pad[2 * axis] = c->before;
    node->pad[2 * axis + 1] = c->after;
    node->output_pad[axis] = c->output_pad;
}

/* One axis has the case's attributes, the other one is left alone: exchanged axes would show. */
static int size_along(const SizeCase *c, int axis)
{
    Fixture f;
    NstShape shapes[2];
    fixture_init(&f);
    NstNode *node = add_node(&f, c->op);
    node->kernel[!axis] = 1;
    node->ceil = c->ceil;
    node->channels = 3;
    set_axis(node, axis, c);
    int h = axis == NST_Y ? c->in : 10, w = axis == NST_X ? c->in : 10;
    if (graph_shapes(&f.graph, h, w, shapes, NULL) < 0)
        return 0;
    assert_int_equal(axis == NST_Y ? shapes[1].w : shapes[1].h, 10);
    assert_int_equal(shapes[1].c, 3);
    return axis == NST_Y ? shapes[1].h : shapes[1].w;
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(size_cases) / sizeof(*size_cases); i++)
        for (int axis = 0; axis < 2; axis++) {
            int out = size_along(&size_cases[i], axis);
            if (out != size_cases[i].out)
                fail_msg("case %zu (%s), axis %d: %d expected, %d found", i, graph_op_name(size_cases[i].op), axis,
                         size_cases[i].out, out);
        }
}

static void test_size_errors(void **state)
{
    (void)state;
    Fixture f;
    NstShape shapes[ROOM];
    NstError err;
    fixture_init(&f);
    add_node(&f, NST_OP_PIXEL_UNSHUFFLE)->factor = 4;
    add_node(&f, NST_OP_UPSAMPLE)->factor = 63;
    assert_int_equal(graph_check(&f.graph, &err), NST_OK);
    assert_int_equal(graph_shapes(&f.graph, 8, 8, shapes, &err), NST_OK);
    assert_int_equal(shapes[1].c, 48);
    assert_int_equal(shapes[2].w, 126);
    assert_int_equal(graph_shapes(&f.graph, 8, 9, shapes, &err), NST_EINVAL);
    assert_non_null(strstr(err.message, "9x8: node \"n1\" (pixel_unshuffle)"));
    assert_int_equal(graph_shapes(&f.graph, 8, 8192, shapes, &err), NST_EINVAL);
    assert_non_null(strstr(err.message, "node \"n2\" (upsample)"));
    assert_int_equal(graph_shapes(&f.graph, 0, 8, shapes, &err), NST_EINVAL);
    assert_int_equal(graph_shapes(&f.graph, 8, -8, shapes, &err), NST_EINVAL);
    assert_int_equal(graph_shapes(&f.graph, NST_MAX_SIDE + 4, 8, shapes, &err), NST_EINVAL);
}

static void test_sizes_must_agree(void **state)
{
    (void)state;
    Fixture f;
    NstShape shapes[ROOM];
    NstError err;
    fixture_init(&f);
    NstNode *pool = add_node(&f, NST_OP_AVG_POOL);
    pool->kernel[0] = pool->kernel[1] = pool->stride[0] = pool->stride[1] = 2;
    NstNode *concat = add_node(&f, NST_OP_CONCAT);
    concat->n_inputs = 2;
    concat->inputs[0] = 0;
    concat->inputs[1] = 1;
    assert_int_equal(graph_check(&f.graph, &err), NST_OK);
    assert_int_equal(concat->channels, 6);
    assert_int_equal(graph_shapes(&f.graph, 8, 8, shapes, &err), NST_EINVAL);
    assert_non_null(strstr(err.message, "8x8 of \"n0\" and 4x4 of \"n1\" found"));
    assert_int_equal(graph_multiple(&f.graph), 0);
}

static int multiple_of_scales(int down, int up)
{
    Fixture f;
    fixture_init(&f);
    NstNode *conv = add_conv(&f, 3, 3, down);
    conv->stride[0] = conv->stride[1] = down;
    add_node(&f, NST_OP_UPSAMPLE)->factor = up;
    assert_int_equal(graph_check(&f.graph, NULL), NST_OK);
    return graph_multiple(&f.graph);
}

static void test_multiples(void **state)
{
    (void)state;
    assert_int_equal(multiple_of_scales(1, 1), 1);
    assert_int_equal(multiple_of_scales(2, 2), 2);
    assert_int_equal(multiple_of_scales(3, 3), 3);
    assert_int_equal(multiple_of_scales(24, 24), 24);
    assert_int_equal(multiple_of_scales(4, 2), 4); /* never the input's size: runs from 4 on */
}

/* Two reflections and two valid convolutions: back to the size, whatever it is; and a crop that needs 8 samples. */
static void test_multiple_of_crops(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    NstNode *pad = add_node(&f, NST_OP_PAD);
    set4(pad->pad, 2, 2, 2, 2);
    pad->pad_mode = NST_PAD_REFLECT;
    add_conv(&f, 3, 3, 3);
    add_conv(&f, 3, 3, 3);
    assert_int_equal(graph_check(&f.graph, NULL), NST_OK);
    assert_int_equal(graph_multiple(&f.graph), 1);
    set4(add_node(&f, NST_OP_CROP)->pad, 4, 3, 4, 3);
    set4(add_node(&f, NST_OP_PAD)->pad, 4, 3, 4, 3);
    assert_int_equal(graph_check(&f.graph, NULL), NST_OK);
    assert_int_equal(graph_multiple(&f.graph), 8);
}

static void test_costs(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    NstNode *conv = add_conv(&f, 16, 3, 3);
    conv->stride[0] = conv->stride[1] = 2;
    NstNode *depthwise = add_conv(&f, 16, 1, 5);
    depthwise->groups = 16;
    NstNode *up = add_node(&f, NST_OP_CONV_TRANSPOSE2D);
    up->weight = add_tensor(&f, 4, 16, 12, 4, 4);
    up->stride[0] = up->stride[1] = 2;
    add_node(&f, NST_OP_PIXEL_SHUFFLE)->factor = 2;
    add_conv(&f, 3, 3, 1);
    assert_int_equal(graph_check(&f.graph, NULL), NST_OK);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 1), 16 * 27 / 4.0, 1e-9);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 2), 16 * 25 / 4.0, 1e-9);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 3), 16 * 12 * 16 / 4.0, 1e-9);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 4), 0, 0);
    assert_float_equal(graph_macs_per_pixel(&f.graph, 5), 9 * 4.0, 1e-9);
}

static void test_copy(void **state)
{
    (void)state;
    Fixture f;
    NstGraph copy;
    float values[1728] = {1, 2, 3};
    make_valid(&f);
    for (int i = 0; i < f.graph.n_tensors; i++) {
        f.tensors[i].count = 1;
        for (int k = 0; k < f.tensors[i].rank; k++)
            f.tensors[i].count *= f.tensors[i].shape[k];
        f.tensors[i].data = values;
    }
    assert_int_equal(graph_copy(&copy, &f.graph, NULL), NST_OK);
    assert_int_equal(copy.n_nodes, 6);
    assert_memory_equal(copy.nodes, f.nodes, 6 * sizeof(NstNode));
    assert_true(copy.tensors[0].data != values);
    assert_memory_equal(copy.tensors[0].data, values, (size_t)copy.tensors[0].count * sizeof(float));
    assert_int_equal((uintptr_t)copy.tensors[1].data % 64, 0);
    graph_free(&copy);
    assert_null(copy.nodes);
    assert_int_equal(copy.n_nodes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_names),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_bad_graphs),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_size_errors),
        cmocka_unit_test(test_sizes_must_agree),
        cmocka_unit_test(test_multiples),
        cmocka_unit_test(test_multiple_of_crops),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
