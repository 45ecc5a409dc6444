/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "backward.h"
#include "gram.h"
#include "image.h"
#include "loss_internal.h"
#include "util.h"

enum { STRIP = 4096 }; /* positions whose features are gathered at a time */

void style_free(NstStyleTerm *term)
{
    for (int i = 0; i < NST_MAX_STYLES; i++) {
        aligned_free(term->mask[i]);
        aligned_free(term->gram[i]);
        aligned_free(term->target[i]);
    }
    memset(term, 0, sizeof(*term));
}

/* ---- matrices of parts ---- */

/* Channels whose sums are taken: those of the value, and with an embedding the ones */
static int sum_channels(const NstLoss *loss, int layer, NstShape shape)
{
    return loss->embedding[layer].matrix ? loss->embedding[layer].base + 1 : shape.c;
}

/* Room for a matrix, and where values are taken apart for a strip too. */
static int need_scratch(NstLoss *loss, int layer, NstShape shape, bool strips, NstError *err)
{
    const int c = max_int(sum_channels(loss, layer, shape), shape.c);
    const size_t size = (size_t)c * (size_t)max_int(strips ? max_int(STRIP, shape.w) : 0, c);
    if (size <= loss->scratch_size)
        return NST_OK;
    for (int i = 0; i < 2; i++) {
        aligned_free(loss->scratch[i]);
        loss->scratch[i] = aligned_calloc(size, sizeof(float));
    }
    loss->scratch_size = loss->scratch[0] && loss->scratch[1] ? size : 0;
    return loss->scratch_size ? NST_OK : fail(err, NST_ENOMEM, "no memory for the loss");
}

/* Features of some rows of a part, C x (rows w) */
typedef struct Strip {
    NstShape tile; /* of the value that the part lies in */
    NstTilePart part;
    const float *mask; /* of the whole picture's value, or NULL */
    int mask_w;
    bool ones; /* follow the channels, or the mask does */
    int row, rows;
} Strip;

static void gather(const Strip *s, const float *value, float *to)
{
    for (int k = 0; k < s->tile.c + s->ones; k++)
        for (int row = s->row; row < s->row + s->rows; row++, to += s->part.w) {
            const float *from = value + ((ptrdiff_t)k * s->tile.h + s->part.at_y + row) * s->tile.w + s->part.at_x;
            const float *mask = s->mask ? s->mask + (ptrdiff_t)(s->part.y + row) * s->mask_w + s->part.x : NULL;
            for (int x = 0; x < s->part.w; x++)
                to[x] = (mask ? mask[x] : 1) * (k < s->tile.c ? from[x] : 1);
        }
}

/* The transpose of gather: adds. */
static void scatter(const Strip *s, const float *from, float *value)
{
    for (int k = 0; k < s->tile.c; k++)
        for (int row = s->row; row < s->row + s->rows; row++, from += s->part.w) {
            float *to = value + ((ptrdiff_t)k * s->tile.h + s->part.at_y + row) * s->tile.w + s->part.at_x;
            const float *mask = s->mask ? s->mask + (ptrdiff_t)(s->part.y + row) * s->mask_w + s->part.x : NULL;
            for (int x = 0; x < s->part.w; x++)
                to[x] += mask ? mask[x] * from[x] : from[x];
        }
}

static bool is_whole(const Strip *s)
{
    return !s->mask && s->part.h == s->tile.h && s->part.w == s->tile.w;
}

/* The next strip of the part; false after the last. Begins with row = rows = 0. */
static bool next_strip(Strip *s)
{
    s->row += s->rows;
    s->rows = min_int(max_int(STRIP / s->part.w, 1), s->part.h - s->row);
    return s->rows > 0;
}

static void add_gram(NstLoss *loss, Strip strip, const float *value, float *gram)
{
    if (is_whole(&strip)) {
        gram_add(&loss->compute, value, strip.tile.c, strip.ones, strip.tile.h * strip.tile.w, gram);
        return;
    }
    while (next_strip(&strip)) {
        gather(&strip, value, loss->scratch[0]);
        gram_add(&loss->compute, loss->scratch[0], strip.tile.c + strip.ones, false, strip.rows * strip.part.w, gram);
    }
}

/* The tap's gradient += matrix times features */
static void add_gradient(NstLoss *loss, Strip strip, const float *matrix, NstPlan *plan, int tap)
{
    const float *value = plan_value(plan, tap);
    if (is_whole(&strip)) {
        NstGramGradient how = {.ones = strip.ones, .rectify = backward_may_rectify(plan, tap)};
        float *grad = backward_target(plan, tap, &how.add);
        gram_gradient(&loss->compute, matrix, value, strip.tile.c, strip.tile.h * strip.tile.w, how, grad);
        if (how.rectify)
            backward_rectified(plan, tap);
        return;
    }
    float *grad = backward_seed(plan, tap);
    while (next_strip(&strip)) {
        gather(&strip, value, loss->scratch[0]);
        gram_product(&loss->compute, matrix, loss->scratch[0], strip.tile.c + strip.ones, strip.rows * strip.part.w,
                     false, loss->scratch[1]);
        scatter(&strip, loss->scratch[1], grad);
    }
}

/* ---- masks ---- */

/* The mean of the mask over what each sample of a smaller plane covers; the sum of the squares. */
static double shrink_mask(const float *mask, int h, int w, float *to, int to_h, int to_w)
{
    double squares = 0;
    for (int i = 0; i < to_h; i++)
        for (int j = 0; j < to_w; j++) {
            const int y0 = (int)((int64_t)i * h / to_h), y1 = max_int((int)((int64_t)(i + 1) * h / to_h), y0 + 1);
            const int x0 = (int)((int64_t)j * w / to_w), x1 = max_int((int)((int64_t)(j + 1) * w / to_w), x0 + 1);
            double sum = 0;
            for (int y = y0; y < y1; y++)
                for (int x = x0; x < x1; x++)
                    sum += mask[(ptrdiff_t)y * w + x];
            sum /= (double)(y1 - y0) * (x1 - x0);
            to[(ptrdiff_t)i * to_w + j] = (float)sum;
            squares += sum * sum;
        }
    return squares;
}

/* *to is allocated, H x W; NULL mask: NULL, and the number of positions as the sum. */
static int make_mask(const float *mask, int h, int w, NstShape shape, float **to, double *sum, NstError *err)
{
    *to = NULL;
    *sum = (double)shape.h * shape.w;
    if (!mask)
        return NST_OK;
    *to = aligned_calloc((size_t)shape.h * (size_t)shape.w, sizeof(float));
    if (!*to)
        return fail(err, NST_ENOMEM, "no memory for the loss");
    *sum = shrink_mask(mask, h, w, *to, shape.h, shape.w);
    if (!(*sum > 0))
        return fail(err, NST_EINVAL, "a mask is black everywhere, or not a number");
    return NST_OK;
}

/* ---- targets ---- */

static int check_target(NstLoss *loss, int level, int layer, int style, NstError *err)
{
    NstStyleTerm *term = &loss->level[level].style[layer];
    const int size = term->shape.c * term->shape.c;
    double norm_sq = 0;
    for (int k = 0; k < size; k++)
        norm_sq += (double)term->target[style][k] * term->target[style][k];
    if (!isfinite(norm_sq))
        return fail(err, NST_ENOTFINITE, "style picture: features of layer %s at level %d are not finite",
                    loss->style_names[layer], level);
    if (loss->formula == NST_FORMULA_RELATIVE && norm_sq < 1e-30)
        return fail(err, NST_EINVAL, "style picture: layer %s does not respond to it at level %d",
                    loss->style_names[layer], level);
    term->norm_sq[style] = norm_sq;
    return NST_OK;
}

/* A style picture's own masks, one a layer */
typedef struct Masks {
    float *mask[NST_MAX_LAYERS];
    double sum[NST_MAX_LAYERS];
} Masks;

/* The shape of a layer's matrices, from that of the node whose values are summed */
static NstShape layer_shape(const NstLoss *loss, int layer, const NstTiles *tiles)
{
    NstShape shape = tiles_shape(tiles, loss->style_nodes[layer]);
    if (loss->embedding[layer].matrix)
        shape.c = loss->embedding[layer].c;
    return shape;
}

static int alloc_targets(NstLoss *loss, int level, int style, const NstTiles *tiles, const NstLossStyle *from,
                         Masks *masks, NstError *err)
{
    for (int i = 0; i < loss->n_style; i++) {
        const NstShape shape = layer_shape(loss, i, tiles);
        NstStyleTerm *term = &loss->level[level].style[i];
        NST_TRY(make_mask(from->from, from->picture->height, from->picture->width, shape, &masks->mask[i],
                          &masks->sum[i], err));
        NST_TRY(need_scratch(loss, i, shape, from->from || tiles_count(tiles) > 1, err));
        term->target[style] = aligned_calloc(term->size, sizeof(float));
        if (!term->target[style])
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    return NST_OK;
}

/* From the sums to the layer's matrix */
static void finish_gram(NstLoss *loss, int layer, NstShape shape, double sum, float *gram)
{
    const NstEmbedding *embedding = &loss->embedding[layer];
    gram_finish(gram, sum_channels(loss, layer, shape), (float)(1 / sum));
    if (embedding->matrix)
        embedding_gram(embedding, loss->compute.gemm, loss->scratch[1], gram);
}

/* The matrices of a style picture that has been put into the tiles' input */
static int make_targets(NstLoss *loss, int level, int style, NstTiles *tiles, const NstLossStyle *from, NstError *err)
{
    Masks masks = {0};
    int code = alloc_targets(loss, level, style, tiles, from, &masks, err);
    for (int t = 0; t < tiles_count(tiles) && code == NST_OK; t++) {
        NstPlan *plan = tiles_forward(tiles, t);
        for (int i = 0; i < loss->n_style; i++) {
            const int node = loss->style_nodes[i];
            const Strip strip = {.tile = plan_shape(plan, node), .part = tiles_part(tiles, t, node),
                                 .mask = masks.mask[i], .mask_w = tiles_shape(tiles, node).w,
                                 .ones = loss->embedding[i].matrix};
            add_gram(loss, strip, plan_value(plan, node), loss->level[level].style[i].target[style]);
        }
    }
    for (int i = 0; i < loss->n_style; i++) {
        const NstStyleTerm *term = &loss->level[level].style[i];
        if (code == NST_OK) {
            finish_gram(loss, i, term->shape, masks.sum[i], term->target[style]);
            code = check_target(loss, level, i, style, err);
        }
        aligned_free(masks.mask[i]);
    }
    return code;
}

/* One level of a style picture, given in the network's units */
static int add_level(NstLoss *loss, int level, int style, const float *picture, int h, int w, const NstLossStyle *from,
                     NstError *err)
{
    const NstTilesOptions options = {.compute = loss->compute,
                                     .taps = loss->style_nodes,
                                     .n_taps = loss->n_style,
                                     .max_memory = loss->max_memory};
    NstTiles *tiles = NULL;
    if (h < 1 || w < 1)
        return fail(err, NST_EINVAL, "style picture: too small for %d levels of halves", loss->levels);
    int code = tiles_create(&tiles, &loss->network->graph, h, w, &options, err);
    if (code < 0)
        return fail_within(err, code, "style picture at level %d", level);
    memcpy(tiles_input(tiles), picture, 3 * sizeof(float) * (size_t)h * (size_t)w);
    code = make_targets(loss, level, style, tiles, from, err);
    tiles_free(&tiles);
    return code;
}

static int add_style(NstLoss *loss, int style, const NstLossStyle *from, NstError *err)
{
    int h = from->picture->height, w = from->picture->width, code = NST_OK;
    NstImage picture;
    NST_TRY(nst_image_alloc(&picture, w, h, err));
    loss_fill_input(loss->network, picture.data, from->picture->data, (size_t)h * (size_t)w);
    for (int l = 0; l < loss->levels && code == NST_OK; l++) {
        code = add_level(loss, l, style, picture.data, h, w, from, err);
        image_halve(picture.data, picture.data, 3, h, w);
        h /= 2;
        w /= 2;
    }
    nst_image_free(&picture);
    return code;
}

static int add_region(NstLoss *loss, int region, const float *where, NstError *err)
{
    for (int l = 0; l < loss->levels; l++)
        for (int i = 0; i < loss->n_style; i++) {
            NstStyleTerm *term = &loss->level[l].style[i];
            NST_TRY(make_mask(where, loss->level->h, loss->level->w, term->shape, &term->mask[region],
                              &term->mask_sum[region], err));
            NST_TRY(need_scratch(loss, i, term->shape, where || tiles_count(loss->level[l].tiles) > 1, err));
            term->gram[region] = aligned_calloc(term->size, sizeof(float));
            if (!term->gram[region])
                return fail(err, NST_ENOMEM, "no memory for the loss");
        }
    return NST_OK;
}

/* Which styles go to one place, and their shares of it */
static int find_regions(NstLoss *loss, const NstLossStyle *styles, int n, NstError *err)
{
    double sum[NST_MAX_STYLES] = {0};
    int first[NST_MAX_STYLES] = {0};
    loss->n_regions = 0;
    for (int s = 0; s < n; s++) {
        int r = 0;
        if (!(styles[s].weight > 0 && isfinite(styles[s].weight)))
            return fail(err, NST_EINVAL, "weight of style %d: %g; more than 0 expected", s + 1,
                        (double)styles[s].weight);
        while (r < loss->n_regions && styles[first[r]].where != styles[s].where)
            r++;
        first[r] = r == loss->n_regions ? s : first[r];
        loss->n_regions = max_int(loss->n_regions, r + 1);
        loss->region[s] = r;
        sum[r] += styles[s].weight;
    }
    for (int s = 0; s < n; s++)
        loss->target_share[s] = styles[s].weight / sum[loss->region[s]];
    for (int r = 0; r < loss->n_regions; r++)
        NST_TRY(add_region(loss, r, styles[first[r]].where, err));
    return NST_OK;
}

int loss_set_styles(NstLoss *loss, const NstLossStyle *styles, int n, NstError *err)
{
    if (n < 1 || n > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles; 1 to %d expected", n, NST_MAX_STYLES);
    for (int l = 0; l < loss->levels; l++)
        for (int i = 0; i < loss->n_style; i++) {
            NstStyleTerm *term = &loss->level[l].style[i];
            style_free(term);
            term->shape = layer_shape(loss, i, loss->level[l].tiles);
            const size_t c = (size_t)max_int(term->shape.c, sum_channels(loss, i, term->shape));
            term->size = c * c;
        }
    loss->n_targets = n;
    NST_TRY(find_regions(loss, styles, n, err));
    for (int s = 0; s < n; s++)
        NST_TRY(add_style(loss, s, &styles[s], err));
    return NST_OK;
}

int loss_set_style(NstLoss *loss, const NstImage *style, NstError *err)
{
    const NstLossStyle all = {.picture = style, .weight = 1};
    return loss_set_styles(loss, &all, 1, err);
}

/* ---- evaluation ---- */

static Strip strip_of(const NstLoss *loss, int level, int layer, int region, int tile, const NstPlan *plan)
{
    const NstStyleTerm *term = &loss->level[level].style[layer];
    const int node = loss->style_nodes[layer];
    return (Strip){.tile = plan_shape(plan, node), .part = tiles_part(loss->level[level].tiles, tile, node),
                   .mask = term->mask[region], .mask_w = term->shape.w, .ones = loss->embedding[layer].matrix};
}

void style_begin(NstLoss *loss, int level)
{
    for (int i = 0; i < loss->n_style; i++) {
        NstStyleTerm *term = &loss->level[level].style[i];
        for (int r = 0; r < loss->n_regions; r++)
            memset(term->gram[r], 0, term->size * sizeof(float));
    }
}

void style_collect(NstLoss *loss, int level, int tile, NstPlan *plan)
{
    for (int i = 0; i < loss->n_style; i++)
        for (int r = 0; r < loss->n_regions; r++)
            add_gram(loss, strip_of(loss, level, i, r, tile, plan), plan_value(plan, loss->style_nodes[i]),
                     loss->level[level].style[i].gram[r]);
}

/* What |G - G*|^2 is multiplied by */
static double factor(const NstLoss *loss, int level, const NstStyleTerm *term, int style)
{
    const double positions = (double)term->shape.h * term->shape.w, channels = term->shape.c;
    const double pixels = (double)loss->level[level].h * loss->level[level].w;
    switch (loss->formula) {
    case NST_FORMULA_GATYS:
        return 1 / (4 * channels * channels);
    case NST_FORMULA_KERAS:
        return positions * positions / (36 * pixels * pixels);
    case NST_FORMULA_RELATIVE:
        break;
    }
    return 1 / term->norm_sq[style];
}

/*
 * One layer: adds its errors, and turns each region's matrix G into the sum over its styles of the derivative by f:
 * 4 / (sum of t^2) times the weighted sum of factor (G - G*).
 */
static double finish_layer(NstLoss *loss, int level, int layer, NstLossPart *part)
{
    NstStyleTerm *term = &loss->level[level].style[layer];
    const int size = term->shape.c * term->shape.c;
    const double share = loss->style_share[layer] / loss->levels;
    double sum = 0;
    for (int r = 0; r < loss->n_regions; r++) {
        float *gram = term->gram[r], *mix = loss->scratch[0];
        finish_gram(loss, layer, term->shape, term->mask_sum[r], gram);
        memset(mix, 0, (size_t)size * sizeof(float));
        for (int s = 0; s < loss->n_targets; s++) {
            if (loss->region[s] != r)
                continue;
            const double scale = loss->target_share[s] * factor(loss, level, term, s);
            const float *target = term->target[s];
            double error = 0;
            for (int k = 0; k < size; k++) {
                const float difference = gram[k] - target[k];
                error += (double)difference * difference;
                mix[k] += (float)scale * difference;
            }
            sum += share * scale * error;
            part->error += loss->target_share[s] * error;
            part->norm += loss->target_share[s] * term->norm_sq[s];
        }
        const float outer = (float)(loss->style_weight * share * 4 / term->mask_sum[r]);
        for (int k = 0; k < size; k++)
            gram[k] = outer * mix[k];
        if (loss->embedding[layer].matrix)
            embedding_factor(&loss->embedding[layer], loss->compute.gemm, loss->scratch[1], gram);
    }
    return sum;
}

int style_finish(NstLoss *loss, int level, NstLossTerms *terms, NstError *err)
{
    for (int i = 0; i < loss->n_style; i++) {
        const double error = finish_layer(loss, level, i, &terms->style_parts[level][i]);
        if (!isfinite(error))
            return fail(err, NST_ENOTFINITE, "style loss of layer %s at level %d is %g", loss->style_names[i], level,
                        error);
        terms->style += error;
    }
    return NST_OK;
}

void style_seed(NstLoss *loss, int level, int tile, NstPlan *plan, int tap)
{
    for (int i = 0; i < loss->n_style; i++)
        for (int r = 0; loss->style_nodes[i] == tap && r < loss->n_regions; r++)
            add_gradient(loss, strip_of(loss, level, i, r, tile, plan), loss->level[level].style[i].gram[r], plan, tap);
}
