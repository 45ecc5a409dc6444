/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/stylize.h>

#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "nsw.h"
#include "picture.h"
#include "plan.h"
#include "stylize_options.h"
#include "threads.h"
#include "util.h"

enum { ROWS_AT_A_TIME = 8 };

struct NstStylizer {
    const NstModel *model;
    NstPlanOptions plan_options;
    NstStylizeOptions options;
    NstTeam team;
    NstDsp dsp;
    int multiple;
    int width, height; /* that the plan and the scratch are for; 0: none */
    NstPlan *plan;
    float *scratch;    /* picture_scratch(width) floats for each of the team */
};

static int check_kind(const NstModel *model, NstError *err)
{
    const char *name = metadata_get(&model->metadata, "nst.name");
    if (model->kind != NST_KIND_STYLE)
        return fail(err, NST_EINVAL, "%s is a loss network, for training; a style is expected",
                    name && *name ? name : "the model");
    return NST_OK;
}

int nst_stylizer_open(NstStylizer **out, const NstModel *const *models, int n_models,
                      const NstStylizeOptions *options, NstError *err)
{
    NstStylizeOptions defaults;
    *out = NULL;
    nst_stylize_defaults(&defaults);
    if (!options)
        options = &defaults;
    if (n_models < 1 || n_models > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles: 1 to %d expected", n_models, NST_MAX_STYLES);
    NST_TRY(stylize_options_check(options, n_models, err));
    for (int i = 0; i < n_models; i++)
        NST_TRY(check_kind(models[i], err));
    NstStylizer *stylizer = *out = calloc(1, sizeof(*stylizer));
    if (!stylizer)
        return fail(err, NST_ENOMEM, "out of memory");
    stylizer->model = models[0];
    stylizer->options = *options;
    stylizer->team = team_of(&options->compute);
    dsp_init(&stylizer->dsp, options->compute.cpu);
    stylizer->multiple = graph_multiple(&models[0]->graph);
    stylizer->plan_options.compute = options->compute;
    stylizer->plan_options.compute.threads = stylizer->team.threads;
    return NST_OK;
}

static void drop_plan(NstStylizer *stylizer)
{
    plan_free(&stylizer->plan);
    aligned_free(stylizer->scratch);
    stylizer->scratch = NULL;
    stylizer->width = stylizer->height = 0;
}

void nst_stylizer_close(NstStylizer **stylizer)
{
    if (!*stylizer)
        return;
    drop_plan(*stylizer);
    free(*stylizer);
    *stylizer = NULL;
}

int nst_stylizer_change(NstStylizer *stylizer, const NstStylizeOptions *options, NstError *err)
{
    NST_TRY(stylize_options_check(options, 1, err));
    NstCompute compute = stylizer->options.compute;
    stylizer->options = *options;
    stylizer->options.compute = compute;
    return NST_OK;
}

int nst_stylizer_switch(NstStylizer *stylizer, const char *styles, NstError *err)
{
    (void)stylizer;
    return fail(err, NST_EUNSUPPORTED, "%s: a switch of styles is not built yet", styles);
}

static int padded(const NstStylizer *stylizer, int side)
{
    return ceil_div(side, stylizer->multiple) * stylizer->multiple;
}

static size_t scratch_floats(const NstStylizer *stylizer, int width)
{
    return (size_t)stylizer->team.threads * picture_scratch(width);
}

size_t nst_stylizer_memory(const NstStylizer *stylizer, int width, int height)
{
    if (width < 1 || height < 1 || width > NST_MAX_PICTURE_SIDE || height > NST_MAX_PICTURE_SIDE)
        return 0;
    size_t bytes = plan_bytes_for(&stylizer->model->graph, padded(stylizer, height), padded(stylizer, width),
                                  &stylizer->plan_options);
    return bytes ? bytes + scratch_floats(stylizer, width) * sizeof(float) : 0;
}

static int make_plan(NstStylizer *stylizer, int width, int height, NstError *err)
{
    const NstGraph *graph = &stylizer->model->graph;
    int w = padded(stylizer, width), h = padded(stylizer, height);
    NST_TRY(plan_create(&stylizer->plan, graph, h, w, &stylizer->plan_options, err));
    /* graph_multiple tries many sizes, not all of them */
    NstShape result = plan_shape(stylizer->plan, graph->n_nodes - 1);
    if (result.w != w || result.h != h)
        return fail(err, NST_EUNSUPPORTED, "the network turns %dx%d pixels into %dx%d; a style must keep the size", w,
                    h, result.w, result.h);
    stylizer->scratch = aligned_calloc(scratch_floats(stylizer, width), sizeof(float));
    if (!stylizer->scratch)
        return fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", width, height);
    stylizer->width = width;
    stylizer->height = height;
    return NST_OK;
}

static int prepare(NstStylizer *stylizer, int width, int height, NstError *err)
{
    if (stylizer->plan && stylizer->width == width && stylizer->height == height)
        return NST_OK;
    drop_plan(stylizer);
    int code = make_plan(stylizer, width, height, err);
    if (code < 0)
        drop_plan(stylizer);
    return code;
}

/* The planes of a node's value, as R, G, B whatever the order the network has them in. */
static NstPlanes planes_of(const NstStylizer *stylizer, int node, bool bgr, float scale)
{
    NstShape shape = plan_shape(stylizer->plan, node);
    float *value = plan_value(stylizer->plan, node);
    NstPlanes planes = {.stride = shape.w, .scale = scale};
    for (int i = 0; i < 3; i++)
        planes.rgb[i] = value + (size_t)(bgr ? 2 - i : i) * (size_t)shape.h * (size_t)shape.w;
    return planes;
}

/* Position `i` of a row that is continued by reflection, again and again, beyond its n samples. */
static int reflected(int i, int n)
{
    int period = n > 1 ? 2 * (n - 1) : 1;
    i %= period;
    return i < n ? i : period - i;
}

static void pad_right(const NstPlanes *planes, int y, int width, int padded_width)
{
    for (int i = 0; i < 3; i++) {
        float *row = planes->rgb[i] + y * planes->stride;
        for (int x = width; x < padded_width; x++)
            row[x] = row[reflected(x, width)];
    }
}

static void pad_bottom(const NstPlanes *planes, int height, int padded_height)
{
    for (int i = 0; i < 3; i++)
        for (int y = height; y < padded_height; y++)
            memcpy(planes->rgb[i] + y * planes->stride, planes->rgb[i] + reflected(y, height) * planes->stride,
                   (size_t)planes->stride * sizeof(float));
}

/* The conversion of one picture, in runs of rows. */
typedef struct NstTransfer {
    NstStylizer *stylizer;
    const NstPicture *in, *out;
    NstPlanes planes;
} NstTransfer;

static float *slot_scratch(const NstTransfer *transfer, int slot)
{
    return transfer->stylizer->scratch + (size_t)slot * picture_scratch(transfer->in->width);
}

static void load_task(void *arg, int unit, int slot)
{
    const NstTransfer *transfer = arg;
    const NstPicture *in = transfer->in;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, in->height); y++) {
        picture_load_row(&transfer->stylizer->dsp, in, y, &transfer->planes, slot_scratch(transfer, slot));
        pad_right(&transfer->planes, y, in->width, (int)transfer->planes.stride);
    }
}

static void load(NstStylizer *stylizer, const NstPicture *in)
{
    const NstModel *model = stylizer->model;
    NstTransfer transfer = {stylizer, in, NULL, planes_of(stylizer, 0, model->input_bgr, model->input_scale)};
    team_for(&stylizer->team, ceil_div(in->height, ROWS_AT_A_TIME), load_task, &transfer);
    pad_bottom(&transfer.planes, in->height, padded(stylizer, in->height));
}

static void store_task(void *arg, int unit, int slot)
{
    const NstTransfer *transfer = arg;
    int bands = picture_bands(transfer->in);
    for (int band = unit * ROWS_AT_A_TIME; band < min_int((unit + 1) * ROWS_AT_A_TIME, bands); band++)
        picture_store_band(&transfer->stylizer->dsp, transfer->out, transfer->in, band, &transfer->planes,
                           transfer->stylizer->options.strength, slot_scratch(transfer, slot));
}

static void store(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out)
{
    const NstModel *model = stylizer->model;
    NstTransfer transfer = {stylizer, in, out, planes_of(stylizer, model->graph.n_nodes - 1, model->output_bgr,
                                                         model->output_scale)};
    team_for(&stylizer->team, ceil_div(picture_bands(in), ROWS_AT_A_TIME), store_task, &transfer);
}

/* ---- a picture ---- */

static int check_pictures(const NstPicture *in, const NstPicture *out, const NstFrameInfo *info, NstError *err)
{
    NST_TRY(picture_check(in, "input picture", err));
    NST_TRY(picture_check(out, "output picture", err));
    if (!picture_same_format(in, out))
        return fail(err, NST_EINVAL, "the output picture must have the input's size and format");
    if (info && info->struct_size != sizeof(*info))
        return fail(err, NST_EINVAL, "frame info of %zu bytes: %zu expected", info->struct_size, sizeof(*info));
    if (info && (info->n_vectors < 0 || (info->n_vectors && !info->vectors)))
        return fail(err, NST_EINVAL, "frame info: %d motion vectors at %p", info->n_vectors,
                    (const void *)info->vectors);
    return NST_OK;
}

static int paint(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, NstFrameReport *report,
                 NstError *err)
{
    NST_TRY(prepare(stylizer, in->width, in->height, err));
    load(stylizer, in);
    exec_forward(stylizer->plan);
    store(stylizer, in, out);
    report->width = in->width;
    report->height = in->height;
    report->painted = 1;
    return NST_OK;
}

int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, const NstFrameInfo *info,
                         NstFrameReport *report, NstError *err)
{
    NstFrameReport unwanted;
    report = report ? report : &unwanted;
    memset(report, 0, sizeof(*report));
    NST_TRY(check_pictures(in, out, info, err));
    double start = seconds_now();
    if (stylizer->options.strength == 0.0f)
        for (int band = 0; band < picture_bands(in); band++)
            picture_copy_band(out, in, band);
    else
        NST_TRY(paint(stylizer, in, out, report, err));
    report->seconds = seconds_now() - start;
    return NST_OK;
}
