/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "band.h"

#include <string.h>

#include "op_conv.h"
#include "padding.h"
#include "phases.h"
#include "product.h"
#include "threads.h"
#include "util.h"
#include "view.h"
#include "winograd.h"

enum {
    BAND_FLOATS = 5 << 16, /* aim for the size of a band's input */
    MIN_BANDS = 24,        /* where there are as many rows: the smaller, the less do threads wait for each other */
    MIN_TILED_BANDS = 8,   /* Winograd's blocks of tiles want more rows */
    BAND_MULTIPLE = 4,     /* rows of a Winograd tile */
    SHARES = 8             /* as many bands, or twice, three times ... as many: 2, 4 or 8 threads get equal shares */
};

/* ---- convolution ---- */

/* Rows of results that bands are cut between */
static int band_unit(const NstConv *conv)
{
    return conv_is_product(conv) ? product_strip_rows(conv) : BAND_MULTIPLE;
}

/* Units of a band, at most */
static int band_units(const NstConv *conv)
{
    if (conv_is_product(conv))
        return max_int(conv->ho / (MIN_BANDS * product_strip_rows(conv)), 1);
    size_t row = (size_t)conv->ci * (size_t)conv->w;
    int rows = (int)(BAND_FLOATS / (row * (size_t)conv->sy)) - (conv->kh - 1) * conv->dy / conv->sy;
    int bands = winograd_fits(conv) ? MIN_TILED_BANDS : MIN_BANDS;
    return max_int(min_int(rows / BAND_MULTIPLE, ceil_div(conv->ho, bands * BAND_MULTIPLE)), 1);
}

/* The node's convolution, with what is known of its input. */
static NstConv node_conv(const NstPlan *plan, int index)
{
    NstConv conv = op_conv_geometry(plan, index);
    const NstNode *node = plan_node(plan, index);
    int upsample = plan->view[node->inputs[0]].upsample;
    /* with more padding, some samples that are not doubled would fall within a tile's pairs */
    conv.doubled = upsample >= 0 && plan_node(plan, upsample)->mode == NST_UPSAMPLE_NEAREST &&
                   plan_node(plan, upsample)->factor == 2 && pad_is_one(node->pad) &&
                   conv.ho % BAND_MULTIPLE == 0 && conv.wo % BAND_MULTIPLE == 0;
    return conv;
}

/* What is known of the bands of a node. */
typedef struct NstBandShape {
    NstConv conv;
    bool phased, product; /* made from the small picture; as a matrix product, by strips */
    int unit, units;      /* rows of results that bands are cut between, and how many there are of these */
    int rows, count;      /* rows of results in the largest band, and bands */
} NstBandShape;

static NstBandShape band_shape(const NstPlan *plan, int index)
{
    NstBandShape shape = {.conv = node_conv(plan, index), .phased = op_conv_is_phased(plan, index)};
    const NstConv cut = shape.phased ? phases_conv(&shape.conv) : shape.conv;
    shape.product = !shape.phased && conv_is_product(&shape.conv);
    shape.unit = band_unit(&cut) * (shape.phased ? 2 : 1);
    shape.units = ceil_div(shape.conv.ho, shape.unit);
    shape.count = ceil_div(shape.units, band_units(&cut));
    shape.count = min_int(ceil_div(shape.count, SHARES) * SHARES, shape.units);
    shape.rows = min_int(ceil_div(shape.units, shape.count) * shape.unit, shape.conv.ho);
    return shape;
}

/* The first row of results of band b; of the one behind the last: the end */
static int band_first(const NstBandShape *shape, int b)
{
    return min_int((int)((int64_t)shape->units * b / shape->count) * shape->unit, shape->conv.ho);
}

/* A band of n rows as a convolution of its own. */
static NstConv band_conv(const NstConv *conv, int n)
{
    NstConv band = *conv;
    band.ho = n;
    band.h = (n - 1) * conv->sy + (conv->kh - 1) * conv->dy + 1;
    return band;
}

static size_t input_size(const NstConv *band)
{
    return align_floats((size_t)band->ci * (size_t)band->h * (size_t)band->w);
}

/* The small picture of a phased convolution, where it is loaded: with the rows around it and a column at each side */
static NstSmallPicture small_rows(const NstConv *conv, int first, int n, const float *x)
{
    return (NstSmallPicture){x, n / 2 + 2, conv->wo / 2 + 2, first / 2 - 1, -1};
}

static size_t input_floats(const NstBandShape *shape)
{
    const NstConv band = band_conv(&shape->conv, shape->rows);
    const NstSmallPicture small = small_rows(&shape->conv, 0, shape->rows, NULL);
    return shape->phased ? align_floats((size_t)band.ci * (size_t)small.h * (size_t)small.w) : input_size(&band);
}

/* The rows of a node's input that a product loads for a strip of results, one channel at a time. */
typedef struct NstInput {
    const NstPlan *plan;
    const NstView *view;
    NstWindowRows rows;
    float *temporary, *to;
} NstInput;

static NstConv strip_conv(const NstConv *conv)
{
    return band_conv(conv, product_strip_rows(conv));
}

static size_t product_band_scratch(const NstPlan *plan, const NstView *view, const NstConv *conv)
{
    const NstConv strip = strip_conv(conv);
    return align_floats((size_t)strip.h * (size_t)strip.w) + align_floats(view_temporary(plan, view, strip.h)) +
           product_scratch(&plan->dsp, conv);
}

static size_t thread_scratch(const NstPlan *plan, int index)
{
    const NstBandShape shape = band_shape(plan, index);
    const NstConv band = band_conv(&shape.conv, shape.rows);
    const NstView *view = &plan->view[op_conv_source(plan, index)];
    if (shape.product)
        return product_band_scratch(plan, view, &shape.conv);
    return input_floats(&shape) + align_floats(view_temporary(plan, view, band.h)) +
           align_floats(shape.phased ? phases_scratch(&plan->dsp, &shape.conv, 1)
                                     : conv_forward_scratch(&plan->dsp, &band, 1));
}

static NstWindowRows rows_of(NstShape shape, const int pad[4], NstPadMode mode, int first, int n)
{
    return (NstWindowRows){shape, {pad[0], pad[1], pad[2], pad[3]}, mode, first, n, 0, 0,
                           (size_t)(shape.w + pad[NST_LEFT] + pad[NST_RIGHT])};
}

static void load_rows(const NstPlan *plan, int source, const NstWindowRows *rows, float *temporary, float *to)
{
    for (int c = 0; c < rows->shape.c; c++, to += (size_t)rows->n * rows->stride)
        view_load(plan, &plan->view[source], c, rows, temporary, to);
}

/* The input of a band: as it lies in memory, where the convolution pads and nothing else is to be done, else loaded. */
static const float *band_input(const NstPlan *plan, int index, NstConv *band, int first, float *temporary, float *to)
{
    const NstNode *node = plan_node(plan, index);
    const int source = node->inputs[0];
    const NstShape s = plan->shapes[source];
    if (view_is_plain(&plan->view[source]) && conv_pads(band)) {
        band->from_h = s.h;
        band->from_w = s.w;
        band->pad_top = node->pad[NST_TOP] - first;
        band->pad_left = node->pad[NST_LEFT];
        band->pad_mode = node->pad_mode;
        return plan->value[plan->view[source].source];
    }
    const NstWindowRows rows = rows_of(s, node->pad, node->pad_mode, first * band->sy, band->h);
    load_rows(plan, source, &rows, temporary, to);
    return to;
}

static NstSmallPicture small_input(const NstPlan *plan, int index, const NstConv *conv, int first, int n,
                                   float *temporary, float *to)
{
    const int source = op_conv_source(plan, index);
    const NstShape s = plan->shapes[source];
    if (view_is_plain(&plan->view[source]))
        return (NstSmallPicture){plan->value[plan->view[source].source], s.h, s.w, 0, 0};
    const NstSmallPicture small = small_rows(conv, first, n, to);
    const NstWindowRows rows = rows_of(s, (const int[4]){1, 1, 1, 1}, NST_PAD_REPLICATE, first / 2, small.h);
    load_rows(plan, source, &rows, temporary, to);
    return small;
}

static void take_statistics(const NstPlan *plan, int index, const NstBandShape *shape, int b, int n)
{
    const int co = shape->conv.co, first = band_first(shape, b);
    const float *y = plan->value[index] + (size_t)first * (size_t)shape->conv.wo;
    double *sums = (double *)plan->statistics[index] + 2 * (size_t)(b * co);
    for (int c = 0; c < co; c++)
        norms_sum(plan, plan->shapes[index], y + (size_t)c * shape->conv.y_plane, first, n, sums + 2 * c);
}

static const float *input_rows(void *arg, int channel, int first, int n)
{
    NstInput *input = arg;
    input->rows.first = first;
    input->rows.n = n;
    view_load(input->plan, input->view, channel, &input->rows, input->temporary, input->to);
    return input->to;
}

/* Its strips load what they need. */
static void product_band(NstPlan *plan, int index, const NstConv *conv, int first, int n, float *scratch)
{
    const NstNode *node = plan_node(plan, index);
    const NstView *view = &plan->view[node->inputs[0]];
    const NstConv strip = strip_conv(conv);
    float *temporary = scratch + align_floats((size_t)strip.h * (size_t)strip.w);
    float *panels = temporary + align_floats(view_temporary(plan, view, strip.h));
    NstInput input = {plan, view, rows_of(plan->shapes[node->inputs[0]], node->pad, node->pad_mode, 0, 0), temporary,
                      scratch};
    const NstRows rows = {input_rows, &input};
    for (int end = first + n; first < end; first += strip.ho)
        product_strip(&plan->dsp, conv, &rows, plan->packed[NST_CONV_FORWARD][index], plan_tensor(plan, node->bias),
                      false, first, min_int(strip.ho, end - first), panels, plan->value[index]);
}

static void conv_band(NstPlan *plan, int index, const NstBandShape *shape, int first, int n, float *scratch)
{
    const NstNode *node = plan_node(plan, index);
    NstConv band = band_conv(&shape->conv, n);
    const NstView *view = &plan->view[op_conv_source(plan, index)];
    float *temporary = scratch + input_floats(shape);
    NstConvContext context = {&plan->dsp, plan->gemm, 1, plan->packed[NST_CONV_FORWARD][index],
                              temporary + align_floats(view_temporary(plan, view, band.h))};
    float *y = plan->value[index] + (size_t)first * (size_t)band.wo;
    const float *bias = plan_tensor(plan, node->bias);
    if (shape->phased) {
        const NstSmallPicture small = small_input(plan, index, &band, first, n, temporary, scratch);
        phases_forward(&context, &shape->conv, &small, first, n, node->pad_mode, bias, y);
    } else {
        const float *x = band_input(plan, index, &band, first, temporary, scratch);
        conv_forward(&context, &band, x, plan_tensor(plan, node->weight), bias, false, y);
    }
}

typedef struct NstBands {
    NstPlan *plan;
    int index;
    NstBandShape shape;
    size_t scratch; /* floats for each slot */
} NstBands;

static void add_samples(NstPlan *plan, int index, int c, size_t at, size_t n)
{
    const NstView *a = &plan->view[plan_input(plan, index, 0)], *b = &plan->view[plan_input(plan, index, 1)];
    view_sums(plan, a, b, c, at - (size_t)c * shape_plane(plan->shapes[index]), n, plan->value[index] + at);
}

/* Rows of a node that overwrites what it reads, behind those of the convolution before it */
static void rows_after(NstPlan *plan, int index, int first, int n)
{
    const NstShape s = plan->shapes[index];
    const NstOp op = plan_node(plan, index)->op;
    NstSamplesTask *task = op == NST_OP_ADD ? add_samples : op_impl(op)->samples;
    for (int c = 0; c < s.c; c++)
        task(plan, index, c, (size_t)c * shape_plane(s) + (size_t)first * (size_t)s.w, (size_t)n * (size_t)s.w);
}

static void conv_task(void *arg, int unit, int slot)
{
    NstBands *bands = arg;
    NstPlan *plan = bands->plan;
    const NstBandShape *shape = &bands->shape;
    const int first = band_first(shape, unit), n = band_first(shape, unit + 1) - first;
    float *scratch = plan->scratch + (size_t)slot * bands->scratch;
    if (shape->product)
        product_band(plan, bands->index, &shape->conv, first, n, scratch);
    else
        conv_band(plan, bands->index, shape, first, n, scratch);
    if (plan->statistics[bands->index] && norms_are_measured(plan))
        take_statistics(plan, bands->index, shape, unit, n);
    for (int i = plan->after[bands->index]; i; i = plan->after[i])
        rows_after(plan, i, first, n);
}

static void conv_forward_bands(NstPlan *plan, int index)
{
    NstBands bands = {plan, index, band_shape(plan, index), thread_scratch(plan, index)};
    team_for(&plan->team, bands.shape.count, conv_task, &bands);
}

/* ---- instance normalisation: only its statistics ---- */

/* Sum and sum of squares of one channel of the stored value, from the bands' where there are some. */
static void channel_sums(const NstPlan *plan, int source, int c, double sums[2])
{
    NstShape s = plan->shapes[source];
    const double *bands = (const double *)plan->statistics[source];
    if (!bands) {
        norms_sum(plan, s, plan->value[source] + (size_t)c * shape_plane(s), 0, s.h, sums);
        return;
    }
    const int count = band_shape(plan, source).count;
    sums[0] = sums[1] = 0;
    for (int b = 0; b < count; b++)
        for (int i = 0; i < 2; i++)
            sums[i] += bands[2 * (b * s.c + c) + i];
}

static void norm_task(void *arg, int c, int slot)
{
    const NstBands *bands = arg;
    NstPlan *plan = bands->plan;
    double sums[2] = {0, 0};
    (void)slot;
    if (norms_are_measured(plan))
        channel_sums(plan, plan->view[plan_input(plan, bands->index, 0)].source, c, sums);
    norms_settle(plan, bands->index, c, sums);
}

static void norm_statistics(NstPlan *plan, int index)
{
    NstBands bands = {.plan = plan, .index = index};
    if (!plan->statistics[plan->view[plan_input(plan, index, 0)].source]) {
        team_for(&plan->team, plan->shapes[index].c, norm_task, &bands);
        return;
    }
    for (int c = 0; c < plan->shapes[index].c; c++) /* a few additions each */
        norm_task(&bands, c, 0);
}

/* ---- */

bool band_takes(const NstPlan *plan, int node)
{
    NstOp op = plan_node(plan, node)->op;
    return plan->is_virtual[node] || op == NST_OP_CONV2D || op == NST_OP_ADD;
}

void band_forward(NstPlan *plan, int node)
{
    NstOp op = plan_node(plan, node)->op;
    if (plan->is_virtual[node]) {
        if (op == NST_OP_INSTANCE_NORM)
            norm_statistics(plan, node);
    } else if (op == NST_OP_ADD) {
        if (!plan_is_made_later(plan, node))
            op_for_samples(plan, node, add_samples);
    } else {
        conv_forward_bands(plan, node);
    }
}

size_t band_scratch(const NstPlan *plan, int node)
{
    if (plan->is_virtual[node] || plan_node(plan, node)->op != NST_OP_CONV2D)
        return 0;
    return (size_t)plan->team.threads * thread_scratch(plan, node);
}

static bool is_normalised(const NstPlan *plan, int index)
{
    for (int i = index + 1; i < plan->graph->n_nodes; i++)
        if (plan->live[i] && plan->is_virtual[i] && plan_node(plan, i)->op == NST_OP_INSTANCE_NORM &&
            plan_input(plan, i, 0) == index)
            return true;
    return false;
}

size_t band_statistics(const NstPlan *plan, int node)
{
    if (plan->is_virtual[node] || plan_node(plan, node)->op != NST_OP_CONV2D || !is_normalised(plan, node))
        return 0;
    return 2 * (size_t)plan->shapes[node].c * (size_t)band_shape(plan, node).count;
}
