/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "image.h"
#include "optimizer.h"
#include "recolor.h"
#include "util.h"

static int resized(const NstImage *picture, int w, int h, NstImage *to, NstError *err)
{
    const NstBox all = {0, 0, picture->width, picture->height};
    NST_TRY(nst_image_alloc(to, w, h, err));
    if (w == picture->width && h == picture->height) {
        memcpy(to->data, picture->data, 3 * sizeof(float) * (size_t)w * (size_t)h);
        return NST_OK;
    }
    const int code = image_resample(picture, &all, to, err);
    if (code < 0)
        nst_image_free(to);
    return code;
}

/* A mask at a size: the mean of the channels, clipped. NULL for NULL. */
static int make_mask(const NstImage *mask, int w, int h, float **to, NstError *err)
{
    NstImage small;
    const size_t n = (size_t)w * (size_t)h;
    *to = NULL;
    if (!mask)
        return NST_OK;
    NST_TRY(resized(mask, w, h, &small, err));
    for (size_t i = 0; i < n; i++)
        small.data[i] = fminf(fmaxf((small.data[i] + small.data[n + i] + small.data[2 * n + i]) / 3, 0), 1);
    *to = small.data;
    return NST_OK;
}

static void style_size(const NstOptimizeOptions *options, const NstImage *style, int w, int h, int *style_w,
                       int *style_h)
{
    *style_w = w;
    *style_h = h;
    if (options->style_fit == NST_FIT_SIDE) {
        const double scale = (double)options->style_scale * max_int(w, h) / max_int(style->width, style->height);
        *style_w = max_int(1, (int)(style->width * scale + 0.5));
        *style_h = max_int(1, (int)(style->height * scale + 0.5));
    }
}

static void recolor_style(const NstOptimizeOptions *options, NstImage *style, const NstImage *content)
{
    if (options->color == NST_COLORS_CONTENT)
        recolor_gray(style);
    if (options->color != NST_COLORS_STYLE)
        recolor_match(style, content);
}

/* The styles at this scale's size, in arrays that the caller frees */
typedef struct Styles {
    NstImage picture[NST_MAX_STYLES];
    float *from[NST_MAX_STYLES], *where[NST_MAX_STYLES];
    NstLossStyle loss[NST_MAX_STYLES];
} Styles;

static void styles_free(Styles *styles)
{
    for (int i = 0; i < NST_MAX_STYLES; i++) {
        nst_image_free(&styles->picture[i]);
        aligned_free(styles->from[i]);
        aligned_free(styles->where[i]);
    }
}

/* Styles that go to one place share its mask, so that the loss sees that it is one. */
static const float *shared_mask(const NstSources *sources, const Styles *styles, int i)
{
    for (int k = 0; k < i; k++)
        if (sources->styles[k].where == sources->styles[i].where)
            return styles->loss[k].where;
    return styles->where[i];
}

static int make_style(Styles *styles, int i, const NstOptimizeOptions *options, const NstSources *sources,
                      const NstImage *content, NstError *err)
{
    const NstOptimizeStyle *from = &sources->styles[i];
    int w, h;
    style_size(options, from->picture, content->width, content->height, &w, &h);
    NST_TRY(resized(from->picture, w, h, &styles->picture[i], err));
    recolor_style(options, &styles->picture[i], content);
    NST_TRY(make_mask(from->from, w, h, &styles->from[i], err));
    NST_TRY(make_mask(from->where, content->width, content->height, &styles->where[i], err));
    styles->loss[i] = (NstLossStyle){.picture = &styles->picture[i],
                                     .weight = from->weight,
                                     .from = styles->from[i],
                                     .where = shared_mask(sources, styles, i)};
    return NST_OK;
}

static int set_styles(NstScale *scale, const NstOptimizeOptions *options, const NstSources *sources, NstError *err)
{
    Styles styles = {0};
    int code = NST_OK;
    for (int i = 0; i < sources->n_styles && code == NST_OK; i++) {
        code = make_style(&styles, i, options, sources, &scale->content, err);
        if (code < 0)
            fail_within(err, code, "style %d", i + 1);
    }
    if (code == NST_OK)
        code = loss_set_styles(scale->loss, styles.loss, sources->n_styles, err);
    styles_free(&styles);
    return code;
}

/* Where any style goes. Nothing where one of them goes everywhere. */
static int make_paint(NstScale *scale, const NstSources *sources, NstError *err)
{
    const size_t n = (size_t)scale->w * (size_t)scale->h;
    for (int i = 0; i < sources->n_styles; i++)
        if (!sources->styles[i].where)
            return NST_OK;
    scale->paint = aligned_calloc(n, sizeof(float));
    if (!scale->paint)
        return fail(err, NST_ENOMEM, "no memory for a mask of %dx%d pixels", scale->w, scale->h);
    for (int i = 0; i < sources->n_styles; i++) {
        float *mask;
        NST_TRY(make_mask(sources->styles[i].where, scale->w, scale->h, &mask, err));
        for (size_t k = 0; k < n; k++)
            scale->paint[k] = fmaxf(scale->paint[k], mask[k]);
        aligned_free(mask);
    }
    return NST_OK;
}

static int make_loss(NstScale *scale, const NstOptimizeOptions *o, const NstModel *network, NstError *err)
{
    const NstLossOptions options = {
        .formula = o->formula,
        .levels = o->levels,
        .content_level = o->content_level,
        .style_layers = o->style_layers,
        .content_layers = o->content_layers,
        .style_layer_weights = o->style_layer_weights,
        .content_layer_weights = o->content_layer_weights,
        .style_weight = o->style_weight,
        .content_weight = o->content_weight,
        .tv_weight = o->tv_weight,
        .max_memory = o->max_memory / 2,
        .compute = o->compute,
    };
    NST_TRY(loss_create(&scale->loss, network, scale->h, scale->w, &options, err));
    scale->tiles = loss_tiles(scale->loss);
    return NST_OK;
}

static int make_warped(NstScale *scale, const NstOptimizeOptions *o, NstError *err)
{
    if (!o->warped)
        return NST_OK;
    NST_TRY(resized(o->warped, scale->w, scale->h, &scale->warped, err));
    if (o->color == NST_COLORS_CONTENT)
        recolor_gray(&scale->warped);
    return make_mask(o->warped_trust, scale->w, scale->h, &scale->warped_trust, err);
}

int scale_create(NstScale *scale, const NstOptimizeOptions *options, const NstSources *sources, int w, int h,
                 NstError *err)
{
    *scale = (NstScale){.w = w, .h = h};
    NST_TRY(resized(sources->content, w, h, &scale->content, err));
    if (options->color == NST_COLORS_CONTENT)
        recolor_gray(&scale->content);
    NST_TRY(make_warped(scale, options, err));
    NST_TRY(make_paint(scale, sources, err));
    NST_TRY(make_loss(scale, options, sources->network, err));
    NST_TRY(set_styles(scale, options, sources, err));
    loss_set_content(scale->loss, scale->content.data);
    /* Where the loss is taken on a pyramid, that weights broad parts already: there the metric gains nothing. */
    if (options->optimizer == NST_OPTIMIZER_LBFGS && options->levels == 1)
        NST_TRY(smoothing_create(&scale->smoothing, h, w, err));
    if (options->photo_weight > 0)
        NST_TRY(matting_create(&scale->matting, &scale->content, &options->compute, err));
    return NST_OK;
}

void scale_free(NstScale *scale)
{
    nst_image_free(&scale->content);
    loss_free(&scale->loss);
    matting_free(&scale->matting);
    smoothing_free(&scale->smoothing);
    nst_image_free(&scale->warped);
    aligned_free(scale->warped_trust);
    aligned_free(scale->paint);
    *scale = (NstScale){0};
}
