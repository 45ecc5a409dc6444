/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "exec.h"
#include "gram.h"
#include "image.h"
#include "util.h"
#include "vgg.h"

/*
 * The variance that divides a content term is taken as at least this share of the mean square, or a picture without
 * any detail (a film fading from black) would divide by zero. Photographs are far above it.
 */
static const double MIN_VARIANCE = 1e-2;

typedef struct NstStyleTerm {
    int c;
    float *target;  /* c x c */
    double norm_sq; /* of the target */
} NstStyleTerm;

typedef struct NstContentTerm {
    NstShape shape;
    float *target;
    double variance;
} NstContentTerm;

typedef struct NstLevel {
    int h, w;
    NstPlan *plan;
    float *grad; /* dL/d(input of the plan) */
    NstStyleTerm style[NST_MAX_LAYERS];
} NstLevel;

struct NstLoss {
    const NstModel *network;
    NstCompute compute;
    float style_weight, content_weight, tv_weight;
    bool values_only;
    int levels, content_level;
    int n_style, n_content;
    char *style_names[NST_MAX_LAYERS], *content_names[NST_MAX_LAYERS];
    int style_nodes[NST_MAX_LAYERS], content_nodes[NST_MAX_LAYERS];
    NstLevel level[NST_MAX_LEVELS];
    NstContentTerm content[NST_MAX_LAYERS];
    float *matrix;       /* a Gram matrix of the largest layer */
    double *channel_sum; /* of the largest layer */
};

static int add_layers(const NstLoss *loss, const char *const *layers, char **names, int *nodes, int *n, NstError *err)
{
    for (*n = 0; *n < NST_MAX_LAYERS && layers[*n]; ++*n) {
        NST_TRY(vgg_find_layer(loss->network, layers[*n], &nodes[*n], err));
        names[*n] = string_copy(layers[*n]);
        if (!names[*n])
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    return NST_OK;
}

/* The plan of one level: style layers, and content layers where they are measured */
static int create_plan(const NstLoss *loss, int index, NstLevel *level, NstError *err)
{
    int taps[2 * NST_MAX_LAYERS], n = 0;
    for (int i = 0; i < loss->n_style; i++)
        taps[n++] = loss->style_nodes[i];
    for (int i = 0; index == loss->content_level && i < loss->n_content; i++)
        taps[n++] = loss->content_nodes[i];
    const NstPlanOptions options = {.compute = loss->compute, .want_input_grad = !loss->values_only, .taps = taps, .n_taps = n};
    const int code = plan_create(&level->plan, &loss->network->graph, level->h, level->w, &options, err);
    return code < 0 ? fail_within(err, code, "loss network at level %d", index) : NST_OK;
}

static int create_level(NstLoss *loss, int index, int h, int w, NstError *err)
{
    NstLevel *level = &loss->level[index];
    level->h = h >> index;
    level->w = w >> index;
    if (level->h < 1 || level->w < 1)
        return fail(err, NST_EINVAL, "a picture of %dx%d is too small for %d levels of halves", w, h, loss->levels);
    NST_TRY(create_plan(loss, index, level, err));
    level->grad = aligned_calloc((size_t)level->h * (size_t)level->w, 3 * sizeof(float));
    if (!level->grad)
        return fail(err, NST_ENOMEM, "no memory for the loss");
    for (int i = 0; i < loss->n_style; i++) {
        NstStyleTerm *term = &level->style[i];
        term->c = plan_shape(level->plan, loss->style_nodes[i]).c;
        term->target = aligned_calloc((size_t)term->c * (size_t)term->c, sizeof(float));
        if (!term->target)
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    return NST_OK;
}

static size_t value_count(NstShape shape)
{
    return (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
}

static int create_content(NstLoss *loss, NstError *err)
{
    for (int i = 0; i < loss->n_content; i++) {
        NstContentTerm *term = &loss->content[i];
        term->shape = plan_shape(loss->level[loss->content_level].plan, loss->content_nodes[i]);
        term->target = aligned_calloc(value_count(term->shape), sizeof(float));
        if (!term->target)
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    return NST_OK;
}

static int create_scratch(NstLoss *loss, NstError *err)
{
    size_t channels = 1;
    for (int i = 0; i < loss->network->graph.n_nodes; i++)
        channels = (size_t)max_int((int)channels, loss->network->graph.nodes[i].channels);
    loss->channel_sum = aligned_calloc(channels, 2 * sizeof(double));
    channels = 1;
    for (int i = 0; i < loss->n_style; i++)
        channels = (size_t)max_int((int)channels, loss->level[0].style[i].c);
    loss->matrix = aligned_calloc(channels * channels, sizeof(float));
    return loss->channel_sum && loss->matrix ? NST_OK : fail(err, NST_ENOMEM, "no memory for the loss");
}

static int create(NstLoss *loss, int h, int w, const NstLossOptions *options, NstError *err)
{
    const NstModel *network = loss->network;
    if (network->kind != NST_KIND_LOSS || network->graph.nodes[0].channels != 3)
        return fail(err, NST_EINVAL, "the model is not a loss network for RGB pictures");
    if (options->levels < 1 || options->levels > NST_MAX_LEVELS)
        return fail(err, NST_EINVAL, "levels: %d; 1 to %d expected", options->levels, NST_MAX_LEVELS);
    if (options->content_level < 0 || options->content_level >= options->levels)
        return fail(err, NST_EINVAL, "content_level: %d; 0 to %d expected", options->content_level,
                    options->levels - 1);
    NST_TRY(add_layers(loss, options->style_layers, loss->style_names, loss->style_nodes, &loss->n_style, err));
    NST_TRY(add_layers(loss, options->content_layers, loss->content_names, loss->content_nodes, &loss->n_content, err));
    if (loss->n_style == 0)
        return fail(err, NST_EINVAL, "style_layers: at least one expected");
    for (int i = 0; i < loss->levels; i++)
        NST_TRY(create_level(loss, i, h, w, err));
    NST_TRY(create_content(loss, err));
    return create_scratch(loss, err);
}

int loss_create(NstLoss **out, const NstModel *network, int h, int w, const NstLossOptions *options, NstError *err)
{
    NstLoss *loss = *out = calloc(1, sizeof(*loss));
    if (!loss)
        return fail(err, NST_ENOMEM, "no memory for the loss");
    loss->network = network;
    loss->compute = gram_compute(&options->compute);
    loss->values_only = options->values_only;
    loss->levels = options->levels;
    loss->content_level = options->content_level;
    loss->style_weight = options->style_weight;
    loss->content_weight = options->content_weight;
    loss->tv_weight = options->tv_weight;
    const int code = create(loss, h, w, options, err);
    if (code < 0)
        loss_free(out);
    return code;
}

void loss_free(NstLoss **out)
{
    NstLoss *loss = *out;
    if (!loss)
        return;
    for (int l = 0; l < NST_MAX_LEVELS; l++) {
        plan_free(&loss->level[l].plan);
        aligned_free(loss->level[l].grad);
        for (int i = 0; i < NST_MAX_LAYERS; i++)
            aligned_free(loss->level[l].style[i].target);
    }
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        aligned_free(loss->content[i].target);
        free(loss->style_names[i]);
        free(loss->content_names[i]);
    }
    aligned_free(loss->matrix);
    aligned_free(loss->channel_sum);
    free(loss);
    *out = NULL;
}

/* Channel of the network's input that channel c of a picture becomes, and the reverse */
static int swap_channel(const NstModel *network, int c)
{
    return network->input_bgr ? 2 - c : c;
}

static void fill_input(const NstModel *network, float *input, const float *picture, size_t plane)
{
    for (int c = 0; c < 3; c++) {
        float *to = input + (size_t)swap_channel(network, c) * plane;
        for (size_t i = 0; i < plane; i++)
            to[i] = network->input_scale * picture[(size_t)c * plane + i];
    }
}

/* Inputs of the plans of levels 0 to `last` */
static void fill_pyramid(NstLoss *loss, const float *picture, int last)
{
    const NstLevel *level = loss->level;
    fill_input(loss->network, plan_value(level->plan, 0), picture, (size_t)level->h * (size_t)level->w);
    for (int l = 1; l <= last; l++)
        image_halve(plan_value(level[l].plan, 0), plan_value(level[l - 1].plan, 0), 3, level[l - 1].h, level[l - 1].w);
}

void loss_gram(const NstCompute *compute, const float *f, int c, int n, float *gram)
{
    gram_matrix(compute, f, c, n, gram);
}

/* Gram matrices of one level of the style picture, which is the input of `plan` */
static int set_style_level(NstLoss *loss, int index, NstPlan *plan, NstError *err)
{
    exec_forward(plan);
    for (int i = 0; i < loss->n_style; i++) {
        NstStyleTerm *term = &loss->level[index].style[i];
        const NstShape shape = plan_shape(plan, loss->style_nodes[i]);
        gram_matrix(&loss->compute, plan_value(plan, loss->style_nodes[i]), shape.c, shape.h * shape.w, term->target);
        term->norm_sq = 0;
        for (int k = 0; k < shape.c * shape.c; k++)
            term->norm_sq += (double)term->target[k] * term->target[k];
        if (!isfinite(term->norm_sq))
            return fail(err, NST_ENOTFINITE, "style picture: features of layer %s at level %d are not finite",
                        loss->style_names[i], index);
        if (term->norm_sq < 1e-30)
            return fail(err, NST_EINVAL, "style picture: layer %s does not respond to it at level %d",
                        loss->style_names[i], index);
    }
    return NST_OK;
}

/* One level of the style picture, given in the network's units */
static int add_style_level(NstLoss *loss, int index, const float *picture, int h, int w, NstError *err)
{
    const NstPlanOptions options = {.compute = loss->compute, .taps = loss->style_nodes, .n_taps = loss->n_style};
    NstPlan *plan = NULL;
    if (h < 1 || w < 1)
        return fail(err, NST_EINVAL, "style picture: too small for %d levels of halves", loss->levels);
    int code = plan_create(&plan, &loss->network->graph, h, w, &options, err);
    if (code < 0)
        return fail_within(err, code, "style picture at level %d", index);
    memcpy(plan_value(plan, 0), picture, 3 * sizeof(float) * (size_t)h * (size_t)w);
    code = set_style_level(loss, index, plan, err);
    plan_free(&plan);
    return code;
}

int loss_set_style(NstLoss *loss, const NstImage *style, NstError *err)
{
    int h = style->height, w = style->width, code = NST_OK;
    NstImage picture;

    NST_TRY(nst_image_alloc(&picture, w, h, err));
    fill_input(loss->network, picture.data, style->data, (size_t)h * (size_t)w);
    for (int l = 0; l < loss->levels && code == NST_OK; l++) {
        code = add_style_level(loss, l, picture.data, h, w, err);
        image_halve(picture.data, picture.data, 3, h, w);
        h /= 2;
        w /= 2;
    }
    nst_image_free(&picture);
    return code;
}

/* Mean over the channels of the variance over the plane, not less than a share of the mean square */
static double spatial_variance(const NstLoss *loss, const NstContentTerm *term)
{
    const int n = term->shape.h * term->shape.w, c = term->shape.c;
    double *variance = loss->channel_sum, *square = variance + c, v = 0, s = 0;

#pragma omp parallel for num_threads(loss->compute.threads)
    for (int k = 0; k < c; k++) {
        const float *f = term->target + (ptrdiff_t)k * n;
        double sum = 0, deviation = 0;
        for (int i = 0; i < n; i++)
            sum += f[i];
        sum /= n;
        for (int i = 0; i < n; i++)
            deviation += (f[i] - sum) * (f[i] - sum);
        variance[k] = deviation / n;
        square[k] = variance[k] + sum * sum;
    }
    for (int k = 0; k < c; k++) {
        v += variance[k] / c;
        s += square[k] / c;
    }
    v = fmax(v, MIN_VARIANCE * s);
    return v > 0 ? v : 1;
}

void loss_set_content(NstLoss *loss, const float *x)
{
    NstPlan *plan = loss->level[loss->content_level].plan;
    if (loss->n_content == 0)
        return;
    fill_pyramid(loss, x, loss->content_level);
    exec_forward(plan);
    for (int i = 0; i < loss->n_content; i++) {
        NstContentTerm *term = &loss->content[i];
        memcpy(term->target, plan_value(plan, loss->content_nodes[i]), value_count(term->shape) * sizeof(float));
        term->variance = spatial_variance(loss, term);
    }
}

/* Adds one Gram term to the terms and, where `grad` is set, style_weight times its gradient to the tap's. */
static int add_style(NstLoss *loss, int index, int i, NstLossTerms *terms, bool grad, NstError *err)
{
    NstLevel *level = &loss->level[index];
    const NstStyleTerm *term = &level->style[i];
    const NstShape shape = plan_shape(level->plan, loss->style_nodes[i]);
    const float *f = plan_value(level->plan, loss->style_nodes[i]);
    const int n = shape.h * shape.w, size = term->c * term->c;
    const double share = 1.0 / (loss->levels * loss->n_style);
    double error = 0;

    gram_matrix(&loss->compute, f, term->c, n, loss->matrix);
    for (int k = 0; k < size; k++) {
        loss->matrix[k] -= term->target[k];
        error += (double)loss->matrix[k] * loss->matrix[k];
    }
    terms->style_parts[index][i] = (NstLossPart){error, term->norm_sq};
    error /= term->norm_sq;
    if (!isfinite(error))
        return fail(err, NST_ENOTFINITE, "style loss of layer %s at level %d is %g", loss->style_names[i], index,
                    error);
    terms->style += share * error;
    if (grad) {
        const float scale = (float)(loss->style_weight * share * 4 / (n * term->norm_sq));
        for (int k = 0; k < size; k++)
            loss->matrix[k] *= scale;
        gram_add_product(&loss->compute, loss->matrix, f, term->c, n, backward_seed(level->plan, loss->style_nodes[i]));
    }
    return NST_OK;
}

/* Adds one content term to the terms and, where `grad` is set, content_weight times its gradient to the tap's. */
static int add_content(NstLoss *loss, int i, NstLossTerms *terms, bool grad, NstError *err)
{
    NstPlan *plan = loss->level[loss->content_level].plan;
    const NstContentTerm *term = &loss->content[i];
    const int n = term->shape.h * term->shape.w, c = term->shape.c;
    const float *f = plan_value(plan, loss->content_nodes[i]);
    float *g = grad ? backward_seed(plan, loss->content_nodes[i]) : NULL;
    const double share = 1.0 / ((double)n * c * term->variance * loss->n_content);
    const float scale = (float)(2 * loss->content_weight * share);
    double error = 0;

#pragma omp parallel for num_threads(loss->compute.threads)
    for (int k = 0; k < c; k++) {
        double channel = 0;
        for (ptrdiff_t at = (ptrdiff_t)k * n; at < (ptrdiff_t)(k + 1) * n; at++) {
            const float difference = f[at] - term->target[at];
            channel += (double)difference * difference;
            if (g)
                g[at] += scale * difference;
        }
        loss->channel_sum[k] = channel;
    }
    for (int k = 0; k < c; k++)
        error += loss->channel_sum[k];
    terms->content_parts[i] = (NstLossPart){error / ((double)n * c), term->variance};
    error *= share;
    if (!isfinite(error))
        return fail(err, NST_ENOTFINITE, "content loss of layer %s at level %d is %g", loss->content_names[i],
                    loss->content_level, error);
    terms->content += error;
    return NST_OK;
}

/* Terms of one level, and its gradient in level->grad */
static int evaluate_level(NstLoss *loss, int index, NstLossTerms *terms, bool grad, NstError *err)
{
    NstLevel *level = &loss->level[index];
    exec_forward(level->plan);
    if (grad)
        backward_begin(level->plan);
    for (int i = 0; i < loss->n_style; i++)
        NST_TRY(add_style(loss, index, i, terms, grad, err));
    for (int i = 0; index == loss->content_level && i < loss->n_content; i++)
        NST_TRY(add_content(loss, i, terms, grad, err));
    if (grad) {
        backward_run(level->plan);
        memcpy(level->grad, backward_input_grad(level->plan), 3 * sizeof(float) * (size_t)level->h * (size_t)level->w);
    }
    return NST_OK;
}

/* From the gradients of all levels to that of the picture */
static void collect_grad(NstLoss *loss, float *grad)
{
    const NstLevel *level = loss->level;
    const size_t plane = (size_t)level->h * (size_t)level->w;
    for (int l = loss->levels - 1; l > 0; l--)
        image_halve_backward(level[l - 1].grad, level[l].grad, 3, level[l - 1].h, level[l - 1].w);
    for (int c = 0; c < 3; c++) {
        const float *from = level->grad + (size_t)swap_channel(loss->network, c) * plane;
        for (size_t i = 0; i < plane; i++)
            grad[(size_t)c * plane + i] = loss->network->input_scale * from[i];
    }
}

int loss_evaluate(NstLoss *loss, const float *y, NstLossTerms *terms, float *grad, NstError *err)
{
    memset(terms, 0, sizeof(*terms));
    fill_pyramid(loss, y, loss->levels - 1);
    for (int l = 0; l < loss->levels; l++)
        NST_TRY(evaluate_level(loss, l, terms, grad != NULL, err));
    if (grad)
        collect_grad(loss, grad);
    terms->tv = loss_tv(y, 3, loss->level->h, loss->level->w, loss->tv_weight, grad);
    if (!isfinite(terms->tv))
        return fail(err, NST_ENOTFINITE, "total variation is %g", terms->tv);
    terms->total = loss->style_weight * terms->style + loss->content_weight * terms->content +
                   loss->tv_weight * terms->tv;
    return NST_OK;
}

/* Sum of squared differences to the sample `step` further on, and scale times its gradient; lines are `w` samples */
static double squared_differences(const float *y, ptrdiff_t step, int rows, int columns, int w, float scale,
                                  float *grad)
{
    double sum = 0;
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t i = row * w; i < row * w + columns; i++) {
            const float difference = y[i + step] - y[i];
            sum += (double)difference * difference;
            if (grad) {
                grad[i + step] += 2 * scale * difference;
                grad[i] -= 2 * scale * difference;
            }
        }
    return sum;
}

double loss_tv(const float *y, int c, int h, int w, float weight, float *grad)
{
    const double across = w > 1 ? 1 / ((double)c * h * (w - 1)) : 0, down = h > 1 ? 1 / ((double)c * (h - 1) * w) : 0;
    double dx = 0, dy = 0;
    for (ptrdiff_t k = 0; k < c; k++) {
        const float *plane = y + k * h * w;
        float *g = grad ? grad + k * h * w : NULL;
        dx += squared_differences(plane, 1, h, w - 1, w, (float)(weight * across), g);
        dy += squared_differences(plane, w, h - 1, w, w, (float)(weight * down), g);
    }
    return dx * across + dy * down;
}
