/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "optim.h"
#include "optimizer.h"
#include "recolor.h"
#include "util.h"
#include "vgg.h"

enum { RECENT = 16 }; /* evaluations of an L-BFGS step whose terms are kept: more than its line search makes */

static const float LEVELS = 255; /* of a sample of 0 to 1 */

typedef struct Terms {
    NstLossTerms loss;
    double photo, temporal, total;
} Terms;

struct NstOptimization {
    NstOptimizeOptions options; /* texts are copies */
    NstModel *network;          /* the loss network as it is used */
    NstSources sources;
    int scale_index, iteration; /* at this scale */
    int before, evaluations;    /* iterations of the scales before; evaluations of all */
    NstScale scale;
    int64_t n;       /* samples */
    float *x, *grad; /* in levels */
    float *image;    /* x, 0 to 1 */
    float *m, *v;    /* moments of first-order optimisers */
    NstLbfgs *lbfgs;
    double *totals;  /* after each iteration of this scale */
    Terms recent[RECENT];
    bool begun;      /* the loss was finite at this scale's start */
    bool done;
};

/* ---- the function that falls ---- */

/* The temporal loss at o->image; weight times its gradient is added to grad. */
static double temporal_loss(const NstOptimization *o, float weight, float *grad)
{
    const float *warped = o->scale.warped.data, *trust = o->scale.warped_trust;
    const int64_t plane = o->n / 3;
    const float slope = 2 * weight / (float)o->n;
    double sum = 0;
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0, at = c * plane; i < plane; i++, at++) {
            const float difference = o->image[at] - warped[at], weighted = (trust ? trust[i] : 1) * difference;
            sum += (double)(weighted * difference);
            grad[at] += slope * weighted;
        }
    return sum / (double)o->n;
}

static int evaluate(NstOptimization *o, const float *x, Terms *terms, float *grad, NstError *err)
{
    for (int64_t i = 0; i < o->n; i++)
        o->image[i] = x[i] / LEVELS;
    memset(terms, 0, sizeof(*terms));
    NST_TRY(loss_evaluate(o->scale.loss, o->image, &terms->loss, grad, err));
    if (o->scale.matting)
        terms->photo = matting_evaluate(o->scale.matting, o->image, o->options.photo_weight, grad);
    if (o->scale.warped.data)
        terms->temporal = temporal_loss(o, o->options.temporal_weight, grad);
    terms->total = terms->loss.total + o->options.photo_weight * terms->photo +
                   o->options.temporal_weight * terms->temporal;
    for (int64_t i = 0; i < o->n; i++)
        grad[i] /= LEVELS;
    return isfinite(terms->total) ? NST_OK : fail(err, NST_ENOTFINITE, "photo term is %g, temporal term %g",
                                                  terms->photo, terms->temporal);
}

/* Nothing moves where nothing is to be painted. */
static void mask(const NstOptimization *o, float *move)
{
    const int64_t plane = o->n / 3;
    for (int64_t i = 0; o->scale.paint && i < o->n; i++)
        move[i] *= o->scale.paint[i % plane];
}

/* The metric of L-BFGS */
static void smooth(void *opaque, float *v)
{
    const NstOptimization *o = opaque;
    mask(o, v);
    if (o->scale.smoothing)
        smoothing_apply(o->scale.smoothing, v);
    mask(o, v);
}

/* For L-BFGS, to which a value that is not finite means a shorter step, but at the start */
static int objective(void *opaque, const float *x, double *value, float *grad, NstError *err)
{
    NstOptimization *o = opaque;
    Terms *terms = &o->recent[o->evaluations % RECENT];
    const int code = evaluate(o, x, terms, grad, err);
    o->evaluations++;
    if (code == NST_ENOTFINITE && o->begun)
        terms->total = INFINITY;
    else if (code < 0)
        return code;
    o->begun = true;
    *value = terms->total;
    return NST_OK;
}

/* ---- scales ---- */

static void end_scale(NstOptimization *o)
{
    scale_free(&o->scale);
    lbfgs_free(&o->lbfgs);
    aligned_free(o->m);
    aligned_free(o->v);
    aligned_free(o->grad);
    aligned_free(o->image);
    free(o->totals);
    o->m = o->v = o->grad = o->image = NULL;
    o->totals = NULL;
}

static int create_lbfgs(NstOptimization *o, NstError *err)
{
    NstLbfgsOptions options = {.history = o->options.history,
                               .line_search = o->options.line_search,
                               .rate = optimize_rate(&o->options),
                               .metric = smooth,
                               .opaque = o,
                               .compute = o->options.compute};
    const size_t bound = o->options.max_memory / 2;
    while (bound && options.history > 1 && lbfgs_bytes(o->n, options.history) > bound)
        options.history--;
    if (bound && lbfgs_bytes(o->n, options.history) > bound)
        return fail(err, NST_ETOOLARGE, "%dx%d pixels: L-BFGS needs %zu MiB at least, half of what it may take is %zu; "
                    "Adam needs less", o->scale.w, o->scale.h, (lbfgs_bytes(o->n, 1) >> 20) + 1, bound >> 20);
    return lbfgs_create(&o->lbfgs, o->n, &options, err);
}

static int create_optimizer(NstOptimization *o, NstError *err)
{
    const size_t n = (size_t)o->n;
    o->grad = aligned_calloc(n, sizeof(float));
    o->image = aligned_calloc(n, sizeof(float));
    o->totals = calloc((size_t)o->options.iterations + 1, sizeof(double));
    if (o->options.optimizer == NST_OPTIMIZER_LBFGS)
        NST_TRY(create_lbfgs(o, err));
    else
        o->v = aligned_calloc(n, sizeof(float));
    if (o->options.optimizer == NST_OPTIMIZER_ADAM)
        o->m = aligned_calloc(n, sizeof(float));
    const bool ok = o->grad && o->image && o->totals && (o->lbfgs || o->v) &&
                    (o->m || o->options.optimizer != NST_OPTIMIZER_ADAM);
    return ok ? NST_OK : fail(err, NST_ENOMEM, "no memory for pictures of %dx%d pixels", o->scale.w, o->scale.h);
}

/* The picture that the first scale begins with, into x */
static int first_picture(NstOptimization *o, NstError *err)
{
    const NstScale *scale = &o->scale;
    const NstImage *start = o->options.start == NST_START_PICTURE ? o->sources.start : &scale->content;
    const NstBox all = {0, 0, start->width, start->height};
    NstImage x = {scale->w, scale->h, o->x};
    const int64_t plane = o->n / 3;
    NST_TRY(image_resample(start, &all, &x, err));
    if (o->options.start == NST_START_NOISE) {
        NstRandom random;
        random_seed(&random, o->options.seed);
        for (int64_t i = 0; i < o->n; i++)
            x.data[i] = 0.45f + 0.1f * random_uniform(&random);
    }
    if (o->options.color == NST_COLORS_CONTENT)
        recolor_gray(&x);
    for (int64_t i = 0; i < o->n; i++) {
        const float paint = scale->paint ? scale->paint[i % plane] : 1, kept = scale->content.data[i];
        x.data[i] = LEVELS * (kept + paint * (x.data[i] - kept));
    }
    return NST_OK;
}

static void scale_size(const NstOptimization *o, int index, int *w, int *h)
{
    const int shift = o->options.scales - 1 - index;
    *w = max_int(o->sources.content->width >> shift, 1);
    *h = max_int(o->sources.content->height >> shift, 1);
}

static int begin_scale(NstOptimization *o, NstError *err)
{
    int w, h;
    float *before = o->x;
    const NstImage last = {o->scale.w, o->scale.h, before};
    scale_size(o, o->scale_index, &w, &h);
    end_scale(o);
    o->n = 3 * (int64_t)w * h;
    o->iteration = 0;
    o->begun = false;
    o->x = aligned_calloc((size_t)o->n, sizeof(float));
    int code = o->x ? NST_OK : fail(err, NST_ENOMEM, "no memory for a picture of %dx%d pixels", w, h);
    if (code == NST_OK)
        code = scale_create(&o->scale, &o->options, &o->sources, w, h, err);
    if (code == NST_OK && before) {
        const NstBox all = {0, 0, last.width, last.height};
        NstImage x = {w, h, o->x};
        code = image_resample(&last, &all, &x, err);
    } else if (code == NST_OK) {
        code = first_picture(o, err);
    }
    aligned_free(before);
    NST_TRY(code);
    return create_optimizer(o, err);
}

/* ---- opening and closing ---- */

static int copy_texts(const char **list, NstError *err)
{
    for (int i = 0; i < NST_MAX_LAYERS && list[i]; i++) {
        list[i] = string_copy(list[i]);
        if (!list[i])
            return fail(err, NST_ENOMEM, "out of memory");
    }
    return NST_OK;
}

static int copy_options(NstOptimizeOptions *to, const NstOptimizeOptions *from, NstError *err)
{
    *to = *from;
    memset(to->style_layers, 0, sizeof(to->style_layers));
    memset(to->content_layers, 0, sizeof(to->content_layers));
    NST_TRY(optimize_options_check(from, err));
    if (from->style_layers[NST_MAX_LAYERS - 1] || from->content_layers[NST_MAX_LAYERS - 1])
        return fail(err, NST_EINVAL, "layers: a list of at most %d ended by NULL expected", NST_MAX_LAYERS - 1);
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        to->style_layers[i] = from->style_layers[i];
        to->content_layers[i] = from->content_layers[i];
    }
    const int code = copy_texts(to->style_layers, err);
    if (code < 0)
        memset(to->content_layers, 0, sizeof(to->content_layers));
    NST_TRY(code);
    return copy_texts(to->content_layers, err);
}

/* The last node of the loss network that a layer needs */
static int last_node(const NstOptimizeOptions *options, const NstModel *loss, int *last, NstError *err)
{
    *last = 0;
    for (int i = 0; i < 2 * NST_MAX_LAYERS; i++) {
        const char *layer = i < NST_MAX_LAYERS ? options->style_layers[i] : options->content_layers[i - NST_MAX_LAYERS];
        int node = 0;
        if (layer)
            NST_TRY(vgg_find_layer(loss, layer, &node, err));
        *last = max_int(*last, node);
    }
    return NST_OK;
}

static int make_network(NstOptimization *o, const NstModel *loss, NstError *err)
{
    static const NstOp pools[] = {
        [NST_POOL_NETWORK] = NST_OP_INPUT, [NST_POOL_MAX] = NST_OP_MAX_POOL, [NST_POOL_AVERAGE] = NST_OP_AVG_POOL};
    static const NstPadMode edges[] = {[NST_EDGE_NETWORK] = NST_PAD_MODE_COUNT,
                                       [NST_EDGE_ZERO] = NST_PAD_ZERO,
                                       [NST_EDGE_REFLECT] = NST_PAD_REFLECT,
                                       [NST_EDGE_REPLICATE] = NST_PAD_REPLICATE};
    int last;
    if (loss->kind != NST_KIND_LOSS)
        return fail(err, NST_EINVAL, "the model is a style; a loss network expected");
    NST_TRY(last_node(&o->options, loss, &last, err));
    NST_TRY(vgg_variant(&o->network, loss, pools[o->options.pool], edges[o->options.edge], last, err));
    o->sources.network = o->network;
    return NST_OK;
}

static bool is_empty(const NstImage *picture)
{
    return !picture || !picture->data || picture->width < 1 || picture->height < 1;
}

static int check_sources(const NstOptimization *o, NstError *err)
{
    const NstSources *sources = &o->sources;
    if (is_empty(sources->content))
        return fail(err, NST_EINVAL, "the content picture is empty");
    for (int i = 0; i < sources->n_styles; i++)
        if (is_empty(sources->styles[i].picture))
            return fail(err, NST_EINVAL, "style %d is empty", i + 1);
    if (o->options.warped && is_empty(o->options.warped))
        return fail(err, NST_EINVAL, "warped: an empty picture");
    if (o->options.warped_trust && (!o->options.warped || is_empty(o->options.warped_trust)))
        return fail(err, NST_EINVAL, "warped_trust: %s", o->options.warped ? "an empty picture" : "without warped");
    if ((o->options.start == NST_START_PICTURE) == is_empty(sources->start))
        return fail(err, NST_EINVAL, "start: %s", is_empty(sources->start) ? "a picture expected"
                                                                          : "one that is not to be begun with");
    return NST_OK;
}

int nst_optimization_open(NstOptimization **out, const NstOptimizeOptions *options, const NstModel *loss,
                          const NstImage *content, const NstOptimizeStyle *styles, int n_styles, const NstImage *start,
                          NstError *err)
{
    NstOptimization *o = *out = NULL;
    if (n_styles < 1 || n_styles > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles; 1 to %d expected", n_styles, NST_MAX_STYLES);
    o = *out = calloc(1, sizeof(*o));
    if (!o)
        return fail(err, NST_ENOMEM, "out of memory");
    o->sources = (NstSources){.content = content, .start = start, .n_styles = n_styles};
    memcpy(o->sources.styles, styles, (size_t)n_styles * sizeof(*styles));
    int code = copy_options(&o->options, options, err);
    if (code == NST_OK)
        code = check_sources(o, err);
    if (code == NST_OK)
        code = make_network(o, loss, err);
    if (code == NST_OK)
        code = begin_scale(o, err);
    if (code < 0)
        nst_optimization_close(out);
    return code;
}

void nst_optimization_close(NstOptimization **out)
{
    NstOptimization *o = *out;
    if (!o)
        return;
    end_scale(o);
    aligned_free(o->x);
    nst_model_free(&o->network);
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        free((char *)o->options.style_layers[i]);
        free((char *)o->options.content_layers[i]);
    }
    free(o);
    *out = NULL;
}

/* ---- steps ---- */

/* The terms of the evaluation that the line search ended with */
static Terms terms_of(const NstOptimization *o, double total)
{
    for (int i = 1; i <= RECENT && i <= o->evaluations; i++) {
        const Terms *terms = &o->recent[(o->evaluations - i) % RECENT];
        if (terms->total == total)
            return *terms;
    }
    return (Terms){.total = total};
}

static int lbfgs_iteration(NstOptimization *o, Terms *terms, bool *moved, NstError *err)
{
    double total;
    NST_TRY(lbfgs_step(o->lbfgs, objective, o, o->x, &total, moved, err));
    *terms = terms_of(o, total);
    return NST_OK;
}

static int first_order_iteration(NstOptimization *o, float rate, Terms *terms, NstError *err)
{
    const NstMover mover = optimize_mover(&o->options);
    o->evaluations++;
    NST_TRY(evaluate(o, o->x, terms, o->grad, err));
    mask(o, o->grad);
    optim_move(&mover, o->iteration + 1, rate, o->n, o->grad, o->m, o->v, o->x);
    return NST_OK;
}

static bool has_stopped(const NstOptimization *o)
{
    const int window = o->options.stop_window, now = o->iteration - 1;
    if (!(o->options.stop > 0) || now < window)
        return false;
    return o->totals[now - window] - o->totals[now] < o->options.stop * fabs(o->totals[now - window]);
}

int nst_optimization_step(NstOptimization *o, NstOptimizeProgress *progress, NstError *err)
{
    const NstOptimizeOptions *options = &o->options;
    const bool lbfgs = options->optimizer == NST_OPTIMIZER_LBFGS;
    bool moved = true;
    Terms terms = {0};
    if (o->done)
        return fail(err, NST_EINVAL, "the optimisation is done");
    if (o->iteration == options->iterations)
        NST_TRY(begin_scale(o, err));
    const float share = lbfgs ? 1 : optim_schedule(&options->schedule, o->iteration, options->iterations);
    const float rate = optimize_rate(options) * share;
    const int code = lbfgs ? lbfgs_iteration(o, &terms, &moved, err) : first_order_iteration(o, rate, &terms, err);
    if (code < 0)
        return fail_within(err, code, "iteration %d", o->before + o->iteration + 1);
    o->totals[o->iteration++] = terms.total;
    *progress = (NstOptimizeProgress){
        .iteration = o->before + o->iteration,
        .iterations = options->scales * options->iterations,
        .scale = o->scale_index,
        .width = o->scale.w,
        .height = o->scale.h,
        .evaluations = o->evaluations,
        .learning_rate = rate,
        .total = terms.total,
        .style = terms.loss.style,
        .content = terms.loss.content,
        .tv = terms.loss.tv,
        .photo = terms.photo,
        .temporal = terms.temporal,
        .tiles = o->scale.tiles,
    };
    if (!moved || has_stopped(o) || o->iteration == options->iterations) {
        o->before += options->iterations;
        o->iteration = options->iterations;
        o->done = ++o->scale_index == options->scales;
    }
    progress->done = o->done;
    return NST_OK;
}

int nst_optimization_picture(const NstOptimization *o, NstImage *picture, NstError *err)
{
    const NstImage *content = o->sources.content;
    const NstImage x = {o->scale.w, o->scale.h, o->x};
    const NstBox all = {0, 0, x.width, x.height};
    const size_t n = 3 * (size_t)content->width * (size_t)content->height;
    NST_TRY(nst_image_alloc(picture, content->width, content->height, err));
    const int code = image_resample(&x, &all, picture, err);
    if (code < 0) {
        nst_image_free(picture);
        return code;
    }
    for (size_t i = 0; i < n; i++)
        picture->data[i] /= LEVELS;
    if (o->options.color == NST_COLORS_CONTENT) {
        NstImage painted = *picture;
        NST_TRY(nst_image_alloc(picture, content->width, content->height, err));
        memcpy(picture->data, content->data, n * sizeof(float));
        recolor_keep_chroma(picture, &painted);
        nst_image_free(&painted);
    }
    for (size_t i = 0; i < n; i++)
        picture->data[i] = fminf(fmaxf(picture->data[i], 0), 1);
    return NST_OK;
}
