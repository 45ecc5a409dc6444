/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "painter_internal.h"

#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "nsw.h"
#include "util.h"

enum {
    ROWS_AT_A_TIME = 16,
    MIN_CORE = 64 /* pixels of a tile, a side, that are worth their rim */
};

/* ---- how the picture is cut ---- */

typedef struct NstCut {
    NstTiling tiling[NST_MAX_STYLES];
    int width, height;  /* the largest that any network pads the picture to */
    bool tiled;
    size_t plane;       /* floats of a plane of the whole picture */
    size_t bytes;
} NstCut;

static const NstGraph *graph_of(const NstStyles *styles, int i)
{
    return &styles->models[i]->graph;
}

/* The plan keeps its input where others read it too. */
static bool keeps_source(const NstPainterOptions *options, int n, int i)
{
    return i == 0 && (options->keep_source || n > 1);
}

/* taps: room for two */
static NstPlanOptions plan_options(const NstGraph *graph, const NstCompute *compute, bool keep_source, int taps[2])
{
    taps[0] = graph->n_nodes - 1;
    taps[1] = 0;
    return (NstPlanOptions){.compute = *compute, .taps = taps, .n_taps = keep_source ? 2 : 1};
}

/* Cuts the picture for n networks and adds up their bytes; 0 bytes: impossible. */
static void cut_picture(NstCut *cut, const NstStyles *styles, int n, int width, int height,
                        const NstPainterOptions *options, int columns, int rows)
{
    *cut = (NstCut){.tiled = columns * rows > 1};
    for (int i = 0; i < n; i++) {
        const NstGraph *graph = graph_of(styles, i);
        int taps[2], multiple = graph_multiple(graph);
        NstTiling *tiling = &cut->tiling[i];
        NstPlanOptions plan = plan_options(graph, &options->compute, !cut->tiled && keeps_source(options, n, i), taps);
        if (!multiple)
            return;
        *tiling = tiling_of(ceil_div(width, multiple) * multiple, ceil_div(height, multiple) * multiple, multiple,
                            cut->tiled ? tiling_rim(graph) : 0, columns, rows);
        size_t bytes = plan_bytes_for(graph, tiling->h, tiling->w, &plan);
        if (!bytes) {
            cut->bytes = 0;
            return;
        }
        cut->bytes += bytes;
        cut->width = max_int(cut->width, tiling->width);
        cut->height = max_int(cut->height, tiling->height);
    }
    cut->plane = align_floats((size_t)cut->width * (size_t)cut->height);
    if (cut->tiled)
        cut->bytes += 6 * cut->plane * sizeof(float);
}

/* As few tiles as the bound allows; where it allows none, the smallest ones. */
static void choose_cut(NstCut *cut, const NstStyles *styles, int n, int width, int height,
                       const NstPainterOptions *options)
{
    int columns = 1, rows = 1;
    for (;;) {
        cut_picture(cut, styles, n, width, height, options, columns, rows);
        bool fits = !options->max_memory || cut->bytes <= options->max_memory;
        if (fits || (width / columns < 2 * MIN_CORE && height / rows < 2 * MIN_CORE))
            return;
        if (width / columns > height / rows)
            columns++;
        else
            rows++;
    }
}

static int networks_of(const NstStyles *styles)
{
    return mix_is_in_weights(styles) ? 1 : styles->n;
}

size_t painter_bytes_for(const NstStyles *styles, int width, int height, const NstPainterOptions *options)
{
    NstCut cut;
    choose_cut(&cut, styles, networks_of(styles), width, height, options);
    return cut.bytes;
}

/* ---- making one ---- */

NstPlanes painter_planes_of(NstPlan *plan, int node, bool bgr, float scale)
{
    NstShape shape = plan_shape(plan, node);
    float *value = plan_value(plan, node);
    NstPlanes planes = {.stride = shape.w, .scale = scale};
    for (int i = 0; i < 3; i++)
        planes.rgb[i] = value + (size_t)(bgr ? 2 - i : i) * (size_t)shape.h * (size_t)shape.w;
    return planes;
}

static int open_network(NstNetwork *network, const NstModel *model, const NstGraph *graph, const NstTiling *tiling,
                        const NstCompute *compute, bool keep_source, NstError *err)
{
    int taps[2], output = graph->n_nodes - 1;
    NstPlanOptions how = plan_options(graph, compute, keep_source, taps);
    network->tiling = *tiling;
    NST_TRY(plan_create(&network->plan, graph, tiling->h, tiling->w, &how, err));
    /* graph_multiple tries many sizes, not all of them */
    NstShape result = plan_shape(network->plan, output);
    if (result.w != tiling->w || result.h != tiling->h)
        return fail(err, NST_EUNSUPPORTED, "the network turns %dx%d pixels into %dx%d; a style must keep the size",
                    tiling->w, tiling->h, result.w, result.h);
    network->source = painter_planes_of(network->plan, 0, model->input_bgr, model->input_scale);
    network->result = painter_planes_of(network->plan, output, model->output_bgr, model->output_scale);
    size_t moments = plan_moments(network->plan);
    network->kept = calloc(4 * moments + 1, sizeof(double));
    if (!network->kept)
        return fail(err, NST_ENOMEM, "out of memory");
    network->fresh = network->kept + moments;
    network->given = network->fresh + moments;
    network->sum = network->given + moments;
    network->model = model;
    network->graph = graph;
    return NST_OK;
}

static int open_planes(NstPainter *painter, const NstCut *cut, NstError *err)
{
    painter->tiled = cut->tiled;
    if (!cut->tiled) {
        painter->source = painter->networks[0].source;
        return NST_OK;
    }
    painter->planes = aligned_calloc(6 * cut->plane, sizeof(float));
    if (!painter->planes)
        return fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", painter->width, painter->height);
    painter->source = painter->result = (NstPlanes){.stride = cut->width, .scale = 1};
    for (size_t i = 0; i < 3; i++) {
        painter->source.rgb[i] = painter->planes + i * cut->plane;
        painter->result.rgb[i] = painter->planes + (3 + i) * cut->plane;
    }
    return NST_OK;
}

static int open_painter(NstPainter *painter, const NstPainterOptions *options, NstError *err)
{
    const NstStyles *styles = &painter->styles;
    bool in_weights = mix_is_in_weights(styles);
    int n = in_weights ? 1 : styles->n;
    NstCut cut;
    choose_cut(&cut, styles, n, painter->width, painter->height, options);
    if (!cut.bytes)
        return fail(err, NST_EUNSUPPORTED, "%dx%d pixels: the network can paint no such size", painter->width,
                    painter->height);
    if (in_weights)
        NST_TRY(graph_copy(&painter->mixed, graph_of(styles, 0), err));
    painter->n = n;
    for (int i = 0; i < n; i++)
        NST_TRY(open_network(&painter->networks[i], styles->models[i],
                             in_weights ? &painter->mixed : graph_of(styles, i), &cut.tiling[i], &options->compute,
                             !cut.tiled && keeps_source(options, n, i), err));
    return open_planes(painter, &cut, err);
}

int painter_create(NstPainter **out, const NstStyles *styles, int width, int height, const NstPainterOptions *options,
                   NstError *err)
{
    NstPainter *painter = *out = calloc(1, sizeof(*painter));
    if (!painter)
        return fail(err, NST_ENOMEM, "out of memory");
    painter->styles = *styles;
    painter->width = width;
    painter->height = height;
    painter->compute = options->compute;
    painter->team = team_of(&options->compute);
    dsp_init(&painter->dsp, options->compute.cpu);
    int code = open_painter(painter, options, err);
    if (code < 0)
        painter_free(out);
    return code;
}

void painter_free(NstPainter **out)
{
    NstPainter *painter = *out;
    if (!painter)
        return;
    painter_close_pieces(painter);
    for (int i = 0; i < painter->n; i++) {
        plan_free(&painter->networks[i].plan);
        free(painter->networks[i].kept);
    }
    graph_free(&painter->mixed);
    aligned_free(painter->planes);
    free(painter);
    *out = NULL;
}

/* ---- planes ---- */

/* Position `i` of a row that is continued by reflection, again and again, beyond its n samples. */
static int reflected(int i, int n)
{
    int period = n > 1 ? 2 * (n - 1) : 1;
    i %= period;
    return i < n ? i : period - i;
}

void painter_pad(const NstPlanes *planes, int width, int height, int padded_width, int padded_height)
{
    for (int i = 0; i < 3; i++) {
        for (int y = 0; y < height; y++) {
            float *row = planes->rgb[i] + y * planes->stride;
            for (int x = width; x < padded_width; x++)
                row[x] = row[reflected(x, width)];
        }
        for (int y = height; y < padded_height; y++)
            memcpy(planes->rgb[i] + y * planes->stride, planes->rgb[i] + reflected(y, height) * planes->stride,
                   (size_t)padded_width * sizeof(float));
    }
}

static NstPlanes planes_at(const NstPlanes *planes, int x, int y)
{
    NstPlanes at = *planes;
    for (int i = 0; i < 3; i++)
        at.rgb[i] += y * planes->stride + x;
    return at;
}

/* w x h samples of planes become, or get added, `share` of others, whose range may be another. */
typedef struct NstCopy {
    const NstPainter *painter;
    NstPlanes to, from;
    int w, h;
    float factor;
    bool add;
} NstCopy;

static void copy_task(void *arg, int unit, int slot)
{
    const NstCopy *copy = arg;
    const NstDsp *dsp = &copy->painter->dsp;
    (void)slot;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, copy->h); y++)
        for (int i = 0; i < 3; i++) {
            float *to = copy->to.rgb[i] + y * copy->to.stride;
            const float *from = copy->from.rgb[i] + y * copy->from.stride;
            if (copy->add)
                dsp->axpy(to, from, copy->factor, (size_t)copy->w);
            else
                dsp->scale_shift(to, from, copy->factor, 0, (size_t)copy->w);
        }
}

void painter_copy(const NstPainter *painter, NstPlanes to, NstPlanes from, int w, int h, float share, bool add)
{
    NstCopy copy = {painter, to, from, w, h, share * to.scale / from.scale, add};
    team_for(&painter->team, ceil_div(h, ROWS_AT_A_TIME), copy_task, &copy);
}

/* ---- a whole picture ---- */

/* What normalises becomes part of the moving average. */
static void keep_moments(NstNetwork *network, double *moments, float keep)
{
    size_t n = plan_moments(network->plan);
    for (size_t i = 0; i < n && keep > 0; i++) {
        if (network->has_kept)
            moments[i] += (double)keep * (network->kept[i] - moments[i]);
        network->kept[i] = moments[i];
    }
    network->has_kept = keep > 0;
}

static void run(NstNetwork *network, const NstNormControl *control)
{
    plan_control_norms(network->plan, control);
    exec_forward(network->plan);
}

static void run_whole(NstNetwork *network, float keep)
{
    NstNormControl control = {.measured = network->fresh};
    if (keep > 0 && network->has_kept) {
        control.given = network->kept;
        control.share = (double)keep;
    }
    run(network, &control);
    keep_moments(network, network->fresh, keep);
}

/* The first network's result is what the others are added to. */
static void paint_whole(NstPainter *painter, NstNetwork *network, float share, float keep, bool first)
{
    int w = painter->width, h = painter->height;
    if (network != painter->networks)
        painter_copy(painter, network->source, painter->source, w, h, 1, false);
    painter_pad(&network->source, w, h, network->tiling.width, network->tiling.height);
    run_whole(network, keep);
    if (first)
        painter->result = network->result;
    if (!first || share != 1)
        painter_copy(painter, painter->result, network->result, w, h, share, !first);
}

/* ---- in tiles ---- */

static void load_tile(NstPainter *painter, NstNetwork *network, int tile)
{
    NstRect outer = tiling_outer(&network->tiling, tile);
    painter_copy(painter, network->source, planes_at(&painter->source, outer.x0, outer.y0), network->tiling.w,
                network->tiling.h, 1, false);
}

/* The core tile as it lies in the outer one. */
static NstRect window_of(const NstTiling *tiling, int tile)
{
    NstRect core = tiling_core(tiling, tile), outer = tiling_outer(tiling, tile);
    return (NstRect){core.x0 - outer.x0, core.y0 - outer.y0, core.x1 - outer.x0, core.y1 - outer.y0};
}

/* A pass over all tiles as far as one normalisation: the moments that it has in the whole picture. */
static void find_moments(NstPainter *painter, NstNetwork *network, const NstPlanNorm *norm)
{
    const NstTiling *tiling = &network->tiling;
    double *sum = network->sum + norm->first;
    memset(sum, 0, norm->n * sizeof(*sum));
    for (int tile = 0; tile < tiling->columns * tiling->rows; tile++) {
        NstRect window = window_of(tiling, tile);
        double share = (double)(window.x1 - window.x0) * (window.y1 - window.y0) /
                       ((double)tiling->width * tiling->height);
        load_tile(painter, network, tile);
        plan_control_norms(network->plan, &(NstNormControl){network->given, 1, network->fresh, window});
        exec_forward_to(network->plan, norm->node);
        for (size_t i = 0; i < norm->n; i++)
            sum[i] += share * network->fresh[norm->first + i];
    }
    memcpy(network->given + norm->first, sum, norm->n * sizeof(*sum));
}

/*
 * What a normalisation sees depends on those before it, so they are found one after the other. To find all at once, by
 * passes that normalise with what the pass before has measured, does not do: errors grow from layer to layer.
 */
static void paint_tiles(NstPainter *painter, NstNetwork *network, float share, float keep, bool first)
{
    const NstTiling *tiling = &network->tiling;
    painter_pad(&painter->source, painter->width, painter->height, tiling->width, tiling->height);
    NstPlanNorm norm = {.node = 0};
    while (plan_next_norm(network->plan, &norm))
        find_moments(painter, network, &norm);
    keep_moments(network, network->given, keep);
    for (int tile = 0; tile < tiling->columns * tiling->rows; tile++) {
        NstRect core = tiling_core(tiling, tile), window = window_of(tiling, tile);
        load_tile(painter, network, tile);
        run(network, &(NstNormControl){.given = network->given, .share = 1});
        painter_copy(painter, planes_at(&painter->result, core.x0, core.y0),
                    planes_at(&network->result, window.x0, window.y0), core.x1 - core.x0, core.y1 - core.y0, share,
                    !first);
    }
}

/* ---- painting ---- */

static void paint_and_average(NstPainter *painter, const float *shares, float keep)
{
    bool first = true;
    for (int i = 0; i < painter->n; i++)
        if (shares[i] > 0) {
            if (painter->tiled)
                paint_tiles(painter, &painter->networks[i], shares[i], keep, first);
            else
                paint_whole(painter, &painter->networks[i], shares[i], keep, first);
            first = false;
        }
}

void painter_paint(NstPainter *painter, const float *shares, float keep)
{
    static const float all[1] = {1};
    size_t size = (size_t)painter->styles.n * sizeof(*shares);
    bool others = memcmp(painter->shares, shares, size);
    memcpy(painter->shares, shares, size);
    if (painter->mixed.n_nodes && others) {
        mix_weights(&painter->mixed, &painter->styles, shares);
        plan_repack(painter->networks[0].plan);
        for (int i = 0; i < painter->shapes.n; i++)
            plan_repack(painter->networks[0].pieces[i].plan);
    }
    paint_and_average(painter, painter->mixed.n_nodes ? all : shares, keep);
}

void painter_continue(NstPainter *painter, const NstPainter *before)
{
    for (int i = 0; i < painter->n; i++) {
        NstNetwork *network = &painter->networks[i];
        size_t size = plan_moments(network->plan) * sizeof(*network->kept);
        memcpy(network->kept, before->networks[i].kept, size);
        memcpy(network->fresh, before->networks[i].fresh, size);
        network->has_kept = before->networks[i].has_kept;
    }
}

void painter_forget(NstPainter *painter)
{
    for (int i = 0; i < painter->n; i++)
        painter->networks[i].has_kept = false;
}

const NstPlanes *painter_source(const NstPainter *painter)
{
    return &painter->source;
}

const NstPlanes *painter_result(const NstPainter *painter)
{
    return &painter->result;
}
