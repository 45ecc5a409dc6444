/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "gram.h"
#include "image.h"
#include "loss_internal.h"
#include "util.h"
#include "vgg.h"

/* Nodes, copies of the names, and weights made to add up to 1. `what`: for messages */
static int add_layers(const NstLoss *loss, const char *what, const char *const *layers, const float *weights,
                      char **names, int *nodes, double *shares, int *n, NstError *err)
{
    double sum = 0;
    for (*n = 0; *n < NST_MAX_LAYERS && layers[*n]; ++*n) {
        shares[*n] = weights ? weights[*n] : 1;
        if (!(shares[*n] >= 0 && isfinite(shares[*n])))
            return fail(err, NST_EINVAL, "weight of %s layer %s: %g; 0 or more expected", what, layers[*n], shares[*n]);
        sum += shares[*n];
        NST_TRY(vgg_find_layer(loss->network, layers[*n], &nodes[*n], err));
        names[*n] = string_copy(layers[*n]);
        if (!names[*n])
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    if (*n && !(sum > 0))
        return fail(err, NST_EINVAL, "all %s layers have the weight 0", what);
    for (int i = 0; i < *n; i++)
        shares[i] /= sum;
    return NST_OK;
}

/* The network at one level: style layers, and content layers where they are measured. max_memory 0: no bound */
static int create_level(NstLoss *loss, int index, int h, int w, size_t max_memory, NstError *err)
{
    NstLevel *level = &loss->level[index];
    int taps[2 * NST_MAX_LAYERS], n = 0;
    level->h = h >> index;
    level->w = w >> index;
    if (level->h < 1 || level->w < 1)
        return fail(err, NST_EINVAL, "a picture of %dx%d is too small for %d levels of halves", w, h, loss->levels);
    for (int i = 0; i < loss->n_style; i++)
        taps[n++] = loss->style_nodes[i];
    for (int i = 0; index == loss->content_level && i < loss->n_content; i++)
        taps[n++] = loss->content_nodes[i];
    const NstTilesOptions options = {.compute = loss->compute,
                                     .taps = taps,
                                     .n_taps = n,
                                     .want_grad = !loss->values_only,
                                     .max_memory = max_memory};
    const int code = tiles_create(&level->tiles, &loss->network->graph, level->h, level->w, &options, err);
    return code < 0 ? fail_within(err, code, "loss network at level %d", index) : NST_OK;
}

/* Each level may have an equal share of the memory that is left; what coarse ones do not need goes to finer ones. */
static int create_levels(NstLoss *loss, int h, int w, NstError *err)
{
    size_t left = loss->max_memory;
    for (int i = loss->levels - 1; i >= 0; i--) {
        const size_t share = left / (size_t)(i + 1);
        NST_TRY(create_level(loss, i, h, w, loss->max_memory ? share + !share : 0, err));
        if (loss->max_memory)
            left -= tiles_bytes(loss->level[i].tiles);
    }
    return NST_OK;
}

static int create_sums(NstLoss *loss, NstError *err)
{
    int channels = 1;
    for (int i = 0; i < loss->network->graph.n_nodes; i++)
        channels = max_int(channels, loss->network->graph.nodes[i].channels);
    loss->channel_sum = aligned_calloc((size_t)channels, 2 * sizeof(double));
    return loss->channel_sum ? NST_OK : fail(err, NST_ENOMEM, "no memory for the loss");
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
    NST_TRY(add_layers(loss, "style", options->style_layers, options->style_layer_weights, loss->style_names,
                       loss->style_nodes, loss->style_share, &loss->n_style, err));
    NST_TRY(add_layers(loss, "content", options->content_layers, options->content_layer_weights, loss->content_names,
                       loss->content_nodes, loss->content_share, &loss->n_content, err));
    if (loss->n_style == 0)
        return fail(err, NST_EINVAL, "style_layers: at least one expected");
    for (int i = 0; i < loss->n_style; i++)
        NST_TRY(embedding_open(&loss->embedding[i], &network->graph, &loss->style_nodes[i], err));
    NST_TRY(create_levels(loss, h, w, err));
    NST_TRY(content_create(loss, err));
    return create_sums(loss, err);
}

int loss_create(NstLoss **out, const NstModel *network, int h, int w, const NstLossOptions *options, NstError *err)
{
    NstLoss *loss = *out = calloc(1, sizeof(*loss));
    if (!loss)
        return fail(err, NST_ENOMEM, "no memory for the loss");
    loss->network = network;
    loss->compute = gram_compute(&options->compute);
    loss->formula = options->formula;
    loss->values_only = options->values_only;
    loss->max_memory = options->max_memory;
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
        tiles_free(&loss->level[l].tiles);
        for (int i = 0; i < NST_MAX_LAYERS; i++)
            style_free(&loss->level[l].style[i]);
    }
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        aligned_free(loss->content[i].target);
        embedding_close(&loss->embedding[i]);
        free(loss->style_names[i]);
        free(loss->content_names[i]);
    }
    aligned_free(loss->scratch[0]);
    aligned_free(loss->scratch[1]);
    aligned_free(loss->channel_sum);
    free(loss);
    *out = NULL;
}

int loss_tiles(const NstLoss *loss)
{
    return tiles_count(loss->level->tiles);
}

/* Channel of the network's input that channel c of a picture becomes, and the reverse */
static int swap_channel(const NstModel *network, int c)
{
    return network->input_bgr ? 2 - c : c;
}

void loss_fill_input(const NstModel *network, float *input, const float *picture, size_t plane)
{
    for (int c = 0; c < 3; c++) {
        float *to = input + (size_t)swap_channel(network, c) * plane;
        for (size_t i = 0; i < plane; i++)
            to[i] = network->input_scale * picture[(size_t)c * plane + i];
    }
}

void loss_fill_pyramid(NstLoss *loss, const float *picture, int last)
{
    const NstLevel *level = loss->level;
    loss_fill_input(loss->network, tiles_input(level->tiles), picture, (size_t)level->h * (size_t)level->w);
    for (int l = 1; l <= last; l++)
        image_halve(tiles_input(level[l].tiles), tiles_input(level[l - 1].tiles), 3, level[l - 1].h, level[l - 1].w);
}


/* The second run of a tile: the content term, and the gradient in that of the tiles. A tap is seeded when those that
 * read it have left their gradients there. */
static void run_back(NstLoss *loss, int level, int tile, NstPlan *plan, bool content, bool grad)
{
    if (grad)
        backward_begin(plan);
    for (int tap = loss->network->graph.n_nodes - 1; tap > 0; tap--) {
        if (grad)
            backward_to(plan, tap);
        if (grad)
            style_seed(loss, level, tile, plan, tap);
        if (content)
            content_collect(loss, tile, plan, tap, grad);
    }
    if (grad)
        tiles_backward(loss->level[level].tiles, tile);
}

/*
 * Terms of one level, and its gradient in that of its tiles. Whole-picture matrices come first, so several tiles are
 * run twice; one tile's values are still there.
 */
static int evaluate_level(NstLoss *loss, int index, NstLossTerms *terms, bool grad, NstError *err)
{
    NstTiles *tiles = loss->level[index].tiles;
    const bool content = index == loss->content_level && loss->n_content > 0;
    const int n = tiles_count(tiles);
    NstPlan *plan = NULL;
    style_begin(loss, index);
    for (int t = 0; t < n; t++) {
        plan = tiles_forward(tiles, t);
        style_collect(loss, index, t, plan);
    }
    NST_TRY(style_finish(loss, index, terms, err));
    content_begin(loss);
    for (int t = 0; t < n && (grad || content); t++) {
        plan = n > 1 ? tiles_forward(tiles, t) : plan;
        run_back(loss, index, t, plan, content, grad);
    }
    return content ? content_finish(loss, terms, err) : NST_OK;
}

/* From the gradients of all levels to that of the picture */
static void collect_grad(NstLoss *loss, float *grad)
{
    const NstLevel *level = loss->level;
    const size_t plane = (size_t)level->h * (size_t)level->w;
    for (int l = loss->levels - 1; l > 0; l--)
        image_halve_backward(tiles_grad(level[l - 1].tiles), tiles_grad(level[l].tiles), 3, level[l - 1].h,
                             level[l - 1].w);
    for (int c = 0; c < 3; c++) {
        const float *from = tiles_grad(level->tiles) + (size_t)swap_channel(loss->network, c) * plane;
        for (size_t i = 0; i < plane; i++)
            grad[(size_t)c * plane + i] = loss->network->input_scale * from[i];
    }
}

int loss_evaluate(NstLoss *loss, const float *y, NstLossTerms *terms, float *grad, NstError *err)
{
    memset(terms, 0, sizeof(*terms));
    loss_fill_pyramid(loss, y, loss->levels - 1);
    for (int l = 0; l < loss->levels; l++)
        NST_TRY(evaluate_level(loss, l, terms, grad != NULL, err));
    if (grad)
        collect_grad(loss, grad);
    terms->tv = loss_tv(loss->formula, y, 3, loss->level->h, loss->level->w, loss->tv_weight, grad);
    if (!isfinite(terms->tv))
        return fail(err, NST_ENOTFINITE, "total variation is %g", terms->tv);
    terms->total = loss->style_weight * terms->style + loss->content_weight * terms->content +
                   loss->tv_weight * terms->tv;
    return NST_OK;
}
