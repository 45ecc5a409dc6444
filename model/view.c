/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view.h"

#include <math.h>
#include <string.h>

#include "padding.h"
#include "plan_internal.h"
#include "resample.h"
#include "util.h"

/* ---- which values are views ---- */

static bool is_depthwise(const NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    return node->op == NST_OP_CONV2D && node->groups > 1 && node->groups == node->channels &&
           node->groups == plan->shapes[node->inputs[0]].c;
}

static bool is_pointwise(const NstNode *node)
{
    return node->op == NST_OP_CONV2D && node->groups == 1 && node->kernel[0] == 1 && node->kernel[1] == 1 &&
           node->stride[0] == 1 && node->stride[1] == 1 && pad_is_none(node->pad);
}

/* Whether a reader can apply a virtual node of this kind while loading. */
static bool accepts(const NstPlan *plan, int reader, int index)
{
    const NstNode *node = plan_node(plan, reader);
    NstOp kind = plan_node(plan, index)->op;
    bool flat = kind == NST_OP_INSTANCE_NORM || kind == NST_OP_AFFINE || kind == NST_OP_RELU;
    switch (node->op) {
    case NST_OP_CONV2D:
        if (plan->is_virtual[reader])
            return flat || kind == NST_OP_ADD;
        return kind == NST_OP_CONV2D ? is_pointwise(node) : true;
    case NST_OP_ADD: return flat;
    case NST_OP_RELU: return plan->is_virtual[reader] && flat && kind != NST_OP_RELU;
    case NST_OP_UPSAMPLE: return plan->is_virtual[reader] && (flat || kind == NST_OP_ADD);
    case NST_OP_PIXEL_UNSHUFFLE: return kind == NST_OP_AFFINE;
    case NST_OP_AVG_POOL: return kind == NST_OP_AFFINE && pool_reads_pairs(plan, reader);
    default: return false;
    }
}

static bool may_be_virtual(const NstPlan *plan, int index)
{
    NstOp op = plan_node(plan, index)->op;
    if (!plan->live[index] || plan->is_tap[index])
        return false;
    const bool pointwise = op == NST_OP_INSTANCE_NORM || op == NST_OP_AFFINE || op == NST_OP_RELU;
    if (!pointwise && op != NST_OP_UPSAMPLE && !is_depthwise(plan, index) &&
        !(op == NST_OP_ADD && plan_count_uses(plan, index) == 1))
        return false;
    for (int i = index + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == index && !accepts(plan, i, index))
                return false;
    return true;
}

/* The node that reads a value before all others */
static int first_reader(const NstPlan *plan, int index)
{
    for (int i = index + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == index)
                return i;
    return -1;
}

static int count_taps(const NstPlan *plan)
{
    int n = 0;
    for (int i = 0; i < plan->graph->n_nodes; i++)
        n += plan->is_tap[i];
    return n;
}

/*
 * Whether a virtual node may do the addition that it reads for all its readers: a depthwise convolution that has each
 * row of it as the middle of one of its own, whose one reader comes before all others. All nodes must be wanted, or
 * that reader might be left out.
 */
static bool may_add(const NstPlan *plan, int index)
{
    const int addition = plan_node(plan, index)->n_inputs ? plan_input(plan, index, 0) : 0;
    const NstNode *node = plan_node(plan, index);
    const NstShape in = plan->shapes[addition], out = plan->shapes[index];
    if (!plan->is_virtual[index] || node->op != NST_OP_CONV2D || plan_node(plan, addition)->op != NST_OP_ADD ||
        plan->is_virtual[addition] || plan->is_tap[addition] || first_reader(plan, addition) != index)
        return false;
    if (count_taps(plan) != 1 || node->stride[NST_Y] != 1 || in.h != out.h || plan_count_uses(plan, index) != 1)
        return false;
    const int adder = first_reader(plan, index);
    for (int i = index + 1; i < adder; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == addition)
                return false;
    return true;
}

/* The last step in which a node's inputs are read: its own, or that of who makes its value. */
static int read_until(const NstPlan *plan, int index)
{
    int last = index;
    for (int i = index + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == index &&
                (plan->is_virtual[index] || (plan->is_virtual[i] && plan->view[i].sum == index)))
                last = max_int(last, plan->read_until[i]);
    return last;
}

static NstView view_of(const NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    if (!plan->is_virtual[index])
        return (NstView){index, -1, -1, -1, -1, -1};
    if (node->op == NST_OP_ADD)
        return (NstView){index, index, -1, -1, -1, -1};
    NstView view = plan->view[node->inputs[0]];
    switch (node->op) {
    case NST_OP_INSTANCE_NORM:
    case NST_OP_AFFINE: view.norm = index; break;
    case NST_OP_RELU: view.relu = index; break;
    case NST_OP_UPSAMPLE: view.upsample = index; break;
    default: view.depthwise = index; break;
    }
    if (may_add(plan, index))
        view.sum = node->inputs[0];
    return view;
}

void view_plan(NstPlan *plan)
{
    for (int i = plan->graph->n_nodes - 1; i > 0; i--)
        plan->is_virtual[i] = may_be_virtual(plan, i);
    for (int i = 0; i < plan->graph->n_nodes; i++)
        plan->view[i] = view_of(plan, i);
    for (int i = plan->graph->n_nodes - 1; i >= 0; i--)
        plan->read_until[i] = read_until(plan, i);
}

/* ---- loading ---- */

/* How samples are made from those of a stored plane: (x - mean) scale + shift, and no less than floor. */
typedef struct NstTerm {
    const float *plane;
    bool is_plain;
    float mean, scale, shift, floor;
} NstTerm;

/* A channel of a view: one term, or the sum of two. */
typedef struct NstChannel {
    int n_terms;
    NstTerm terms[2];
} NstChannel;

static NstTerm term_of(const NstPlan *plan, const NstView *view, int channel)
{
    NstTerm term = {plan->value[view->source] + (size_t)channel * shape_plane(plan->shapes[view->source]),
                    view->norm < 0 && view->relu < 0, 0, 1, 0, view->relu < 0 ? -INFINITY : 0};
    if (view->norm >= 0) {
        const NstNode *norm = plan_node(plan, view->norm);
        const float *scale = plan_tensor(plan, norm->weight), *shift = plan_tensor(plan, norm->bias);
        const float *mean = plan->norm[view->norm];
        const bool is_affine = norm->op == NST_OP_AFFINE;
        term.mean = is_affine ? 0 : mean[channel];
        term.scale = scale ? scale[channel] : is_affine ? norm->scale : 1;
        term.scale *= is_affine ? 1 : mean[norm->channels + channel];
        term.shift = shift ? shift[channel] : is_affine ? norm->shift : 0;
    }
    return term;
}

static NstChannel channel_of(const NstPlan *plan, const NstView *view, int channel)
{
    NstChannel result = {1, {{0}}};
    if (view->sum < 0) {
        result.terms[0] = term_of(plan, view, channel);
    } else {
        result.n_terms = 2;
        for (int i = 0; i < 2; i++)
            result.terms[i] = term_of(plan, &plan->view[plan_input(plan, view->sum, i)], channel);
    }
    return result;
}

static void make_samples(const NstPlan *plan, const NstChannel *channel, size_t first, size_t n, float *to)
{
    const NstTerm *term = &channel->terms[0], *other = &channel->terms[1];
    const float *from = term->plane + first;
    if (!term->is_plain)
        plan->dsp.normalize(to, from, term->mean, term->scale, term->shift, term->floor, n);
    else if (channel->n_terms == 1)
        memcpy(to, from, n * sizeof(*to));
    if (channel->n_terms == 2 && term->is_plain && other->is_plain)
        plan->dsp.add(to, from, other->plane + first, n);
    else if (channel->n_terms == 2)
        plan->dsp.add_normalized(to, term->is_plain ? from : to, other->plane + first, other->mean, other->scale,
                                 other->shift, other->floor, n);
}

void view_samples(const NstPlan *plan, const NstView *view, int channel, size_t first, size_t n, float *to)
{
    const NstChannel samples = channel_of(plan, view, channel);
    make_samples(plan, &samples, first, n, to);
}

void view_finish(const NstPlan *plan, const NstView *view, int channel, float *x, size_t n)
{
    const NstTerm term = term_of(plan, view, channel);
    if (!term.is_plain)
        plan->dsp.normalize(x, x, term.mean, term.scale, term.shift, term.floor, n);
}

void view_sums(const NstPlan *plan, const NstView *a, const NstView *b, int channel, size_t first, size_t n, float *to)
{
    const NstChannel sums = {2, {term_of(plan, a, channel), term_of(plan, b, channel)}};
    make_samples(plan, &sums, first, n, to);
}

/* The two widened rows that were used last: even source rows in the first, odd ones in the second. */
typedef struct NstWidened {
    int held[2];
    float *rows, *source_row;
} NstWidened;

static const float *widened_row(const NstPlan *plan, const NstView *view, const NstChannel *channel, int row,
                                NstWidened *widened)
{
    const NstNode *node = plan_node(plan, view->upsample);
    NstShape s = plan->shapes[view->source];
    float *to = widened->rows + (size_t)(row & 1) * (size_t)s.w * (size_t)node->factor;
    if (widened->held[row & 1] != row) {
        make_samples(plan, channel, (size_t)row * (size_t)s.w, (size_t)s.w, widened->source_row);
        resample_widen(widened->source_row, s.w, node->factor, node->mode, to);
        widened->held[row & 1] = row;
    }
    return to;
}

/* One row of the value, before padding. */
static void load_row(const NstPlan *plan, const NstView *view, const NstChannel *channel, int row, int w,
                     NstWidened *widened, float *to)
{
    if (view->upsample < 0) {
        make_samples(plan, channel, (size_t)row * (size_t)w, (size_t)w, to);
        return;
    }
    const NstNode *node = plan_node(plan, view->upsample);
    NstBetween b = resample_between(row, node->factor, plan->shapes[view->source].h, node->mode);
    const float *low = widened_row(plan, view, channel, b.low, widened);
    const float *high = widened_row(plan, view, channel, b.high, widened);
    if (b.weight == 0)
        memcpy(to, low, (size_t)w * sizeof(*to));
    else
        plan->dsp.lerp(to, low, high, b.weight, (size_t)w);
}

/* Rows of its input begin with a line of the cache. */
static size_t depthwise_stride(const NstShape *shape, const NstNode *node)
{
    return align_floats((size_t)(shape->w + node->pad[NST_LEFT] + node->pad[NST_RIGHT]));
}

/* Rows of a depthwise convolution of the view below; its reader is pointwise, so nothing is padded. */
static void load_depthwise(const NstPlan *plan, const NstView *view, int channel, const NstWindowRows *rows,
                           float *temporary, float *to)
{
    const NstNode *node = plan_node(plan, view->depthwise);
    const float *k = plan_tensor(plan, node->weight), *bias = plan_tensor(plan, node->bias);
    int taps = node->kernel[NST_Y] * node->kernel[NST_X], sy = node->stride[NST_Y];
    NstView below = *view;
    below.depthwise = -1;
    NstWindowRows inner = {.shape = plan->shapes[view->source], .pad_mode = node->pad_mode, .first = rows->first * sy,
                           .n = (rows->n - 1) * sy + (node->kernel[NST_Y] - 1) * node->dilation[NST_Y] + 1};
    memcpy(inner.pad, node->pad, sizeof(inner.pad));
    inner.stride = depthwise_stride(&inner.shape, node);
    if (view->sum >= 0 && !plan->is_virtual[view->sum]) {
        inner.keep = rows->first;
        inner.end = rows->first + rows->n;
    }
    view_load(plan, &below, channel, &inner, NULL, temporary);
    const NstDepthwise conv = {node->kernel[NST_Y], node->kernel[NST_X], sy, node->stride[NST_X],
                               node->dilation[NST_Y], node->dilation[NST_X], k + channel * taps,
                               bias ? bias[channel] : 0, (ptrdiff_t)inner.stride};
    plan->dsp.depthwise_rows(to, rows->shape.w, temporary, &conv, rows->shape.w, rows->n);
}

void view_load(const NstPlan *plan, const NstView *view, int channel, const NstWindowRows *rows, float *temporary,
               float *to)
{
    if (view->depthwise >= 0) {
        load_depthwise(plan, view, channel, rows, temporary, to);
        return;
    }
    NstShape s = rows->shape;
    size_t width = (size_t)(s.w + rows->pad[NST_LEFT] + rows->pad[NST_RIGHT]);
    const NstChannel samples = channel_of(plan, view, channel);
    NstWidened widened = {{-1, -1}, temporary, temporary + 2 * (size_t)(view->upsample < 0 ? 0 : s.w)};
    for (int r = 0; r < rows->n; r++, to += rows->stride) {
        const int row = rows->first + r - rows->pad[NST_TOP], source = pad_source(rows->pad_mode, row, s.h);
        if (source < 0) {
            memset(to, 0, width * sizeof(*to));
            continue;
        }
        load_row(plan, view, &samples, source, s.w, &widened, to + rows->pad[NST_LEFT]);
        if (row >= rows->keep && row < rows->end)
            memcpy(plan->value[view->sum] + (size_t)channel * shape_plane(s) + (size_t)row * (size_t)s.w,
                   to + rows->pad[NST_LEFT], (size_t)s.w * sizeof(*to));
        pad_row_ends(to, s.w, rows->pad[NST_LEFT], rows->pad[NST_RIGHT], rows->pad_mode);
    }
}

size_t view_temporary(const NstPlan *plan, const NstView *view, int max_rows)
{
    NstShape s = plan->shapes[view->source];
    if (view->upsample >= 0)
        return (size_t)s.w * (size_t)(2 * plan_node(plan, view->upsample)->factor + 1);
    if (view->depthwise < 0)
        return 0;
    const NstNode *node = plan_node(plan, view->depthwise);
    int n = (max_rows - 1) * node->stride[NST_Y] + (node->kernel[NST_Y] - 1) * node->dilation[NST_Y] + 1;
    return (size_t)n * depthwise_stride(&s, node);
}
