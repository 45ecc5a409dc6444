/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "painter.h"

#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "kernels/dsp.h"
#include "norms.h"
#include "nsw.h"
#include "threads.h"
#include "util.h"

enum { ROWS_AT_A_TIME = 16 };

typedef struct NstNetwork {
    const NstModel *model;
    NstPlan *plan;
    NstPlanes source, result; /* values of the plan */
    double *kept, *fresh;     /* moments: the moving average, and the last picture's */
    bool has_kept;
} NstNetwork;

struct NstPainter {
    NstStyles styles;
    int width, height;
    NstTeam team;
    NstDsp dsp;
    NstGraph mixed;               /* where the styles are mixed in the weights; else empty */
    float shares[NST_MAX_STYLES]; /* that `mixed` is made of */
    int n;
    NstNetwork networks[NST_MAX_STYLES];
    NstPlanes result;
};

/* ---- making one ---- */

/* The size that a network works at, which is padded to; false: there is none. */
static bool padded_size(const NstGraph *graph, int width, int height, NstShape *padded)
{
    int multiple = graph_multiple(graph);
    if (!multiple)
        return false;
    *padded = (NstShape){3, ceil_div(height, multiple) * multiple, ceil_div(width, multiple) * multiple};
    return true;
}

/* taps: room for two */
static NstPlanOptions plan_options(const NstGraph *graph, const NstPainterOptions *options, int taps[2])
{
    taps[0] = graph->n_nodes - 1;
    taps[1] = 0;
    return (NstPlanOptions){.compute = options->compute, .taps = taps, .n_taps = options->keep_source ? 2 : 1};
}

static NstPlanes planes_of(NstPlan *plan, int node, bool bgr, float scale)
{
    NstShape shape = plan_shape(plan, node);
    float *value = plan_value(plan, node);
    NstPlanes planes = {.stride = shape.w, .scale = scale};
    for (int i = 0; i < 3; i++)
        planes.rgb[i] = value + (size_t)(bgr ? 2 - i : i) * (size_t)shape.h * (size_t)shape.w;
    return planes;
}

static int open_network(NstPainter *painter, NstNetwork *network, const NstModel *model, const NstGraph *graph,
                        const NstPainterOptions *options, NstError *err)
{
    NstShape size;
    int taps[2];
    NstPlanOptions how = plan_options(graph, options, taps);
    if (!padded_size(graph, painter->width, painter->height, &size))
        return fail(err, NST_EUNSUPPORTED, "the network keeps the size of no picture; a style must");
    NST_TRY(plan_create(&network->plan, graph, size.h, size.w, &how, err));
    /* graph_multiple tries many sizes, not all of them */
    NstShape result = plan_shape(network->plan, graph->n_nodes - 1);
    if (result.w != size.w || result.h != size.h)
        return fail(err, NST_EUNSUPPORTED, "the network turns %dx%d pixels into %dx%d; a style must keep the size",
                    size.w, size.h, result.w, result.h);
    network->model = model;
    network->source = planes_of(network->plan, 0, model->input_bgr, model->input_scale);
    network->result = planes_of(network->plan, graph->n_nodes - 1, model->output_bgr, model->output_scale);
    network->kept = calloc(2 * plan_moments(network->plan) + 1, sizeof(double));
    if (!network->kept)
        return fail(err, NST_ENOMEM, "out of memory");
    network->fresh = network->kept + plan_moments(network->plan);
    return NST_OK;
}

static int open_networks(NstPainter *painter, const NstPainterOptions *options, NstError *err)
{
    const NstStyles *styles = &painter->styles;
    if (mix_is_in_weights(styles)) {
        painter->n = 1;
        NST_TRY(graph_copy(&painter->mixed, &styles->models[0]->graph, err));
        return open_network(painter, &painter->networks[0], styles->models[0], &painter->mixed, options, err);
    }
    NstPainterOptions how = *options;
    how.keep_source |= styles->n > 1;
    painter->n = styles->n;
    for (int i = 0; i < styles->n; i++, how.keep_source = false)
        NST_TRY(open_network(painter, &painter->networks[i], styles->models[i], &styles->models[i]->graph, &how, err));
    return NST_OK;
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
    painter->team = team_of(&options->compute);
    dsp_init(&painter->dsp, options->compute.cpu);
    int code = open_networks(painter, options, err);
    if (code < 0)
        painter_free(out);
    return code;
}

void painter_free(NstPainter **out)
{
    NstPainter *painter = *out;
    if (!painter)
        return;
    for (int i = 0; i < painter->n; i++) {
        plan_free(&painter->networks[i].plan);
        free(painter->networks[i].kept);
    }
    graph_free(&painter->mixed);
    free(painter);
    *out = NULL;
}

size_t painter_bytes_for(const NstStyles *styles, int width, int height, const NstPainterOptions *options)
{
    NstPainterOptions how = *options;
    size_t bytes = 0;
    int n = mix_is_in_weights(styles) ? 1 : styles->n;
    how.keep_source |= n > 1;
    for (int i = 0; i < n; i++, how.keep_source = false) {
        const NstGraph *graph = &styles->models[i]->graph;
        NstShape size;
        int taps[2];
        NstPlanOptions plan = plan_options(graph, &how, taps);
        size_t more = padded_size(graph, width, height, &size) ? plan_bytes_for(graph, size.h, size.w, &plan) : 0;
        if (!more)
            return 0;
        bytes += more;
    }
    return bytes;
}

/* ---- padding ---- */

/* Position `i` of a row that is continued by reflection, again and again, beyond its n samples. */
static int reflected(int i, int n)
{
    int period = n > 1 ? 2 * (n - 1) : 1;
    i %= period;
    return i < n ? i : period - i;
}

static void pad(const NstPlanes *planes, int width, int height, NstShape padded)
{
    for (int i = 0; i < 3; i++) {
        for (int y = 0; y < height; y++) {
            float *row = planes->rgb[i] + y * planes->stride;
            for (int x = width; x < padded.w; x++)
                row[x] = row[reflected(x, width)];
        }
        for (int y = height; y < padded.h; y++)
            memcpy(planes->rgb[i] + y * planes->stride, planes->rgb[i] + reflected(y, height) * planes->stride,
                   (size_t)padded.w * sizeof(float));
    }
}

/* ---- painting ---- */

static void run_network(NstNetwork *network, float keep)
{
    NstNormControl control = {0};
    size_t n = plan_moments(network->plan);
    if (keep > 0) {
        control.measured = network->fresh;
        control.given = network->has_kept ? network->kept : NULL;
        control.share = (double)keep;
    }
    plan_control_norms(network->plan, &control);
    exec_forward(network->plan);
    for (size_t i = 0; i < n && keep > 0; i++)
        network->kept[i] = network->has_kept
                               ? network->fresh[i] + (double)keep * (network->kept[i] - network->fresh[i])
                               : network->fresh[i];
    network->has_kept = keep > 0;
}

/* Planes of one network from those of another, times a factor; added, where they are not the first. */
typedef struct NstCopy {
    const NstPainter *painter;
    const NstPlanes *to, *from;
    float factor;
    bool add;
} NstCopy;

static void copy_task(void *arg, int unit, int slot)
{
    const NstCopy *copy = arg;
    const NstPainter *painter = copy->painter;
    (void)slot;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, painter->height); y++)
        for (int i = 0; i < 3; i++) {
            float *to = copy->to->rgb[i] + y * copy->to->stride;
            const float *from = copy->from->rgb[i] + y * copy->from->stride;
            if (copy->add)
                painter->dsp.axpy(to, from, copy->factor, (size_t)painter->width);
            else
                painter->dsp.scale_shift(to, from, copy->factor, 0, (size_t)painter->width);
        }
}

static void copy_planes(const NstPainter *painter, const NstPlanes *to, const NstPlanes *from, float share, bool add)
{
    NstCopy copy = {painter, to, from, share * to->scale / from->scale, add};
    team_for(&painter->team, ceil_div(painter->height, ROWS_AT_A_TIME), copy_task, &copy);
}

/* Every network with a share paints; the first one's result is what the others are added to. */
static void paint_and_average(NstPainter *painter, const float *shares, float keep)
{
    bool first = true;
    for (int i = 0; i < painter->n; i++) {
        NstNetwork *network = &painter->networks[i];
        if (shares[i] == 0)
            continue;
        if (i > 0)
            copy_planes(painter, &network->source, &painter->networks[0].source, 1, false);
        pad(&network->source, painter->width, painter->height, plan_shape(network->plan, 0));
        run_network(network, keep);
        if (first)
            painter->result = network->result;
        if (!first || shares[i] != 1)
            copy_planes(painter, &painter->result, &network->result, shares[i], !first);
        first = false;
    }
}

void painter_paint(NstPainter *painter, const float *shares, float keep)
{
    static const float all[1] = {1};
    if (!painter->mixed.n_nodes) {
        paint_and_average(painter, shares, keep);
        return;
    }
    size_t size = (size_t)painter->styles.n * sizeof(*shares);
    if (memcmp(painter->shares, shares, size)) {
        memcpy(painter->shares, shares, size);
        mix_weights(&painter->mixed, &painter->styles, shares);
        plan_repack(painter->networks[0].plan);
    }
    paint_and_average(painter, all, keep);
}

void painter_forget(NstPainter *painter)
{
    for (int i = 0; i < painter->n; i++)
        painter->networks[i].has_kept = false;
}

const NstPlanes *painter_source(const NstPainter *painter)
{
    return &painter->networks[0].source;
}

const NstPlanes *painter_result(const NstPainter *painter)
{
    return &painter->result;
}
