/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "op_conv.h"

#include <string.h>

#include "conv.h"
#include "padding.h"
#include "phases.h"
#include "plan_internal.h"
#include "util.h"

NstConv op_conv_geometry(const NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    bool transposed = node->op == NST_OP_CONV_TRANSPOSE2D;
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    NstConv conv = {.kh = node->kernel[NST_Y], .kw = node->kernel[NST_X], .sy = node->stride[NST_Y],
                    .sx = node->stride[NST_X], .dy = node->dilation[NST_Y], .dx = node->dilation[NST_X],
                    .groups = node->groups, .direct = plan->direct, .rectify = plan->rectifies[index]};
    NstShape x = transposed ? out : in, y = transposed ? in : out;
    conv.ci = x.c;
    conv.co = y.c;
    conv.ho = y.h;
    conv.wo = y.w;
    conv.y_plane = shape_plane(y);
    if (transposed) {
        conv.h = (y.h - 1) * conv.sy + conv.dy * (conv.kh - 1) + 1;
        conv.w = (y.w - 1) * conv.sx + conv.dx * (conv.kw - 1) + 1;
    } else {
        conv.h = x.h + node->pad[NST_TOP] + node->pad[NST_BOTTOM];
        conv.w = x.w + node->pad[NST_LEFT] + node->pad[NST_RIGHT];
    }
    return conv;
}

bool op_conv_is_phased(const NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    if (node->op != NST_OP_CONV2D)
        return false;
    const NstNode *input = plan_node(plan, node->inputs[0]);
    if (input->op != NST_OP_UPSAMPLE || input->mode != NST_UPSAMPLE_BILINEAR || input->factor != 2)
        return false;
    const NstConv conv = op_conv_geometry(plan, index);
    return phases_fit(&conv, node->pad);
}

int op_conv_source(const NstPlan *plan, int index)
{
    const int input = plan_input(plan, index, 0);
    return op_conv_is_phased(plan, index) ? plan_input(plan, input, 0) : input;
}

/* Floats at the start of the scratch that the padded picture (or full result) takes. */
static size_t padded_count(const NstPlan *plan, int index, const NstConv *conv)
{
    const NstNode *node = plan_node(plan, index);
    if (node->op == NST_OP_CONV2D && pad_is_none(node->pad))
        return 0;
    return align_floats((size_t)conv->ci * (size_t)conv->h * (size_t)conv->w);
}

static NstConvContext node_context(NstPlan *plan, int index, const NstConv *conv, NstConvUse use)
{
    return (NstConvContext){&plan->dsp, plan->gemm, plan->threads, plan->packed[use][index],
                            plan->scratch + padded_count(plan, index, conv)};
}

static size_t node_packed_size(const NstPlan *plan, int index, NstConvUse use)
{
    NstConv conv = op_conv_geometry(plan, index);
    if (use == NST_CONV_FORWARD && op_conv_is_phased(plan, index))
        return phases_packed_size(&plan->dsp, &conv);
    return conv_packed_size(&plan->dsp, &conv, use);
}

static void node_pack(NstPlan *plan, int index, NstConvUse use)
{
    NstConv conv = op_conv_geometry(plan, index);
    const float *k = plan_tensor(plan, plan_node(plan, index)->weight);
    if (use == NST_CONV_FORWARD && op_conv_is_phased(plan, index))
        phases_pack(&plan->dsp, &conv, k, plan->packed[use][index]);
    else
        conv_pack(&plan->dsp, &conv, use, k, plan->packed[use][index]);
}

/* The input as it lies in memory, before padding */
static void name_padding(const NstPlan *plan, int index, NstConv *conv)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]];
    conv->from_h = in.h;
    conv->from_w = in.w;
    conv->pad_top = node->pad[NST_TOP];
    conv->pad_left = node->pad[NST_LEFT];
    conv->pad_mode = node->pad_mode;
}

static size_t conv_scratch(const NstPlan *plan, int index)
{
    NstConv conv = op_conv_geometry(plan, index);
    bool transposed = plan_node(plan, index)->op == NST_OP_CONV_TRANSPOSE2D;
    size_t before = padded_count(plan, index, &conv);
    size_t size = before + conv_forward_scratch(&plan->dsp, &conv, plan->threads);
    if (op_conv_is_phased(plan, index))
        size = max_size(size, align_floats(phases_packed_size(&plan->dsp, &conv)) +
                              phases_scratch(&plan->dsp, &conv, plan->threads));
    if (plan->wants_grad[index])
        size = max_size(size, before + conv_weight_grad_scratch(&conv, plan->threads));
    if (plan->wants_grad[index] && !transposed)
        name_padding(plan, index, &conv);
    if (plan->wants_grad[index] || transposed)
        size = max_size(size, (transposed ? before : 0) + conv_input_grad_scratch(&plan->dsp, &conv, plan->threads));
    return size;
}

/* ---- convolution ---- */

static const float *padded_input(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]];
    if (pad_is_none(node->pad))
        return plan->value[node->inputs[0]];
    pad_planes(plan->value[node->inputs[0]], in.c, in.h, in.w, node->pad, node->pad_mode, plan->threads, plan->scratch);
    return plan->scratch;
}

/* Leaves the padding to conv_forward, where that can do it. */
static const float *unpadded_input(NstPlan *plan, int index, NstConv *conv)
{
    if (!conv_pads(conv))
        return padded_input(plan, index);
    name_padding(plan, index, conv);
    return plan->value[plan_input(plan, index, 0)];
}

static void phased_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    const int source = op_conv_source(plan, index);
    const NstShape s = plan->shapes[source];
    const NstSmallPicture small = {plan->value[source], s.h, s.w, 0, 0};
    NstConv conv = op_conv_geometry(plan, index);
    NstConvContext context = {&plan->dsp, plan->gemm, plan->threads, plan->packed[NST_CONV_FORWARD][index],
                              plan->scratch};
    if (!context.packed) {
        phases_pack(&plan->dsp, &conv, plan_tensor(plan, node->weight), plan->scratch);
        context.packed = plan->scratch;
        context.scratch += align_floats(phases_packed_size(&plan->dsp, &conv));
    }
    phases_forward(&context, &conv, &small, 0, conv.ho, node->pad_mode, plan_tensor(plan, node->bias),
                   plan->value[index]);
}

static void conv2d_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    if (op_conv_is_phased(plan, index)) {
        phased_forward(plan, index);
        return;
    }
    NstConv conv = op_conv_geometry(plan, index);
    NstConvContext context = node_context(plan, index, &conv, NST_CONV_FORWARD);
    const float *x = unpadded_input(plan, index, &conv);
    conv_forward(&context, &conv, x, plan_tensor(plan, node->weight), plan_tensor(plan, node->bias), false,
                 plan->value[index]);
}

static void bias_grad(NstPlan *plan, int index)
{
    float *sum = plan_tensor_grad(plan, plan_node(plan, index)->bias);
    NstShape s = plan->shapes[index];
    for (int c = 0; sum && c < s.c; c++)
        sum[c] += (float)plan->dsp.sum(plan->grad[index] + (size_t)c * shape_plane(s), shape_plane(s));
}

static void conv2d_input_grad(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstConv conv = op_conv_geometry(plan, index);
    NstConvContext context = node_context(plan, index, &conv, NST_CONV_INPUT_GRAD);
    bool add;
    float *gx = plan_grad_target(plan, index, 0, &add);
    context.scratch = plan->scratch; /* the padded input is not needed any more */
    name_padding(plan, index, &conv);
    conv_input_grad(&context, &conv, plan->grad[index], plan_tensor(plan, node->weight), add, gx);
}

static void conv2d_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    float *gk = plan_tensor_grad(plan, node->weight);
    bias_grad(plan, index);
    if (gk) {
        NstConv conv = op_conv_geometry(plan, index);
        NstConvContext context = node_context(plan, index, &conv, NST_CONV_FORWARD);
        conv_weight_grad(&context, &conv, padded_input(plan, index), plan->grad[index], gk);
    }
    if (plan->grad[node->inputs[0]])
        conv2d_input_grad(plan, index);
}

const NstOpImpl op_conv2d = {conv2d_forward, conv2d_backward, conv_scratch, node_packed_size, node_pack,
                              .backward_uses_input = true};

/* ---- transposed convolution ---- */

/* The rows and columns that the full result and the node's value have in common. */
typedef struct NstOverlap {
    int rows, columns;
} NstOverlap;

static NstOverlap overlap(const NstPlan *plan, int index, const NstConv *conv)
{
    const NstNode *node = plan_node(plan, index);
    NstShape out = plan->shapes[index];
    int rows = conv->h - node->pad[NST_TOP], columns = conv->w - node->pad[NST_LEFT];
    rows = rows < out.h ? rows : out.h;
    columns = columns < out.w ? columns : out.w;
    return (NstOverlap){rows < 0 ? 0 : rows, columns < 0 ? 0 : columns};
}

static void crop_full(NstPlan *plan, int index, const NstConv *conv, const float *full)
{
    const NstNode *node = plan_node(plan, index);
    const float *bias = plan_tensor(plan, node->bias);
    NstShape out = plan->shapes[index];
    NstOverlap common = overlap(plan, index, conv);
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++) {
        float *to = plan->value[index] + (size_t)c * shape_plane(out), shift = bias ? bias[c] : 0;
        for (size_t i = 0; i < shape_plane(out); i++)
            to[i] = shift;
        for (int i = 0; i < common.rows; i++) {
            size_t row = (size_t)c * (size_t)conv->h + (size_t)(i + node->pad[NST_TOP]);
            plan->dsp.scale_shift(to + (size_t)i * (size_t)out.w, full + row * (size_t)conv->w + node->pad[NST_LEFT], 1,
                                  shift, (size_t)common.columns);
        }
    }
}

/* The gradient of the full result, in the scratch. */
static const float *uncrop_grad(NstPlan *plan, int index, const NstConv *conv)
{
    const NstNode *node = plan_node(plan, index);
    NstShape out = plan->shapes[index];
    NstOverlap common = overlap(plan, index, conv);
    float *full = plan->scratch;
    memset(full, 0, padded_count(plan, index, conv) * sizeof(*full));
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++)
        for (int i = 0; i < common.rows; i++) {
            size_t row = (size_t)c * (size_t)conv->h + (size_t)(i + node->pad[NST_TOP]);
            memcpy(full + row * (size_t)conv->w + node->pad[NST_LEFT],
                   plan->grad[index] + (size_t)c * shape_plane(out) + (size_t)i * (size_t)out.w,
                   (size_t)common.columns * sizeof(*full));
        }
    return full;
}

static void transpose_forward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstConv conv = op_conv_geometry(plan, index);
    NstConvContext context = node_context(plan, index, &conv, NST_CONV_INPUT_GRAD);
    conv_input_grad(&context, &conv, plan->value[node->inputs[0]], plan_tensor(plan, node->weight), false,
                    plan->scratch);
    crop_full(plan, index, &conv, plan->scratch);
}

static void transpose_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstConv conv = op_conv_geometry(plan, index);
    NstConvContext context = node_context(plan, index, &conv, NST_CONV_FORWARD);
    const float *full = uncrop_grad(plan, index, &conv);
    float *gk = plan_tensor_grad(plan, node->weight);
    bias_grad(plan, index);
    if (gk)
        conv_weight_grad(&context, &conv, full, plan->value[node->inputs[0]], gk);
    if (plan->grad[node->inputs[0]]) {
        bool add;
        float *target = plan_grad_target(plan, index, 0, &add);
        conv_forward(&context, &conv, full, plan_tensor(plan, node->weight), NULL, add, target);
    }
}

const NstOpImpl op_conv_transpose2d = {transpose_forward, transpose_backward, conv_scratch, node_packed_size, node_pack,
                                       .backward_uses_input = true};
