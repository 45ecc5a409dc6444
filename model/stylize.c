/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/stylize.h>

#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "nsw.h"
#include "picture.h"
#include "plan.h"
#include "threads.h"
#include "util.h"

enum { ROWS_AT_A_TIME = 8 };

struct NstStylizer {
    const NstModel *model;
    NstPlanOptions plan_options;
    float strength;
    NstTeam team;
    int multiple;
    int width, height; /* that the plan and the scratch are for; 0: none */
    NstPlan *plan;
    float *scratch;    /* picture_scratch(width) floats for each of the team */
};

void nst_stylize_defaults(NstStylizeOptions *options)
{
    *options = (NstStylizeOptions){.struct_size = sizeof(*options), .strength = 1.0f};
    nst_compute_defaults(&options->compute);
}

static int check_strength(float strength, NstError *err)
{
    if (!(strength >= 0.0f && strength <= 1.0f))
        return fail(err, NST_EINVAL, "strength %g: 0 to 1 expected", (double)strength);
    return NST_OK;
}

static int check_kind(const NstModel *model, NstError *err)
{
    const char *name = metadata_get(&model->metadata, "nst.name");
    if (model->kind != NST_KIND_STYLE)
        return fail(err, NST_EINVAL, "%s is a loss network, for training; a style is expected",
                    name && *name ? name : "the model");
    return NST_OK;
}

int nst_stylizer_open(NstStylizer **out, const NstModel *model, const NstStylizeOptions *options, NstError *err)
{
    NstStylizeOptions defaults;
    *out = NULL;
    nst_stylize_defaults(&defaults);
    if (!options)
        options = &defaults;
    if (options->struct_size != sizeof(*options))
        return fail(err, NST_EINVAL, "stylize options of %zu bytes: %zu expected; call nst_stylize_defaults first",
                    options->struct_size, sizeof(*options));
    if (options->compute.threads < 0 || options->compute.threads > NST_MAX_THREADS)
        return fail(err, NST_EINVAL, "%d threads: 0 to %d expected", options->compute.threads, NST_MAX_THREADS);
    NST_TRY(check_strength(options->strength, err));
    NST_TRY(check_kind(model, err));
    NstStylizer *stylizer = *out = calloc(1, sizeof(*stylizer));
    if (!stylizer)
        return fail(err, NST_ENOMEM, "out of memory");
    stylizer->model = model;
    stylizer->strength = options->strength;
    stylizer->team = team_of(&options->compute);
    stylizer->multiple = graph_multiple(&model->graph);
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

int nst_stylizer_set_strength(NstStylizer *stylizer, float strength, NstError *err)
{
    NST_TRY(check_strength(strength, err));
    stylizer->strength = strength;
    return NST_OK;
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
        picture_load_row(in, y, &transfer->planes, slot_scratch(transfer, slot));
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
        picture_store_band(transfer->out, transfer->in, band, &transfer->planes, transfer->stylizer->strength,
                           slot_scratch(transfer, slot));
}

static void store(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out)
{
    const NstModel *model = stylizer->model;
    NstTransfer transfer = {stylizer, in, out, planes_of(stylizer, model->graph.n_nodes - 1, model->output_bgr,
                                                         model->output_scale)};
    team_for(&stylizer->team, ceil_div(picture_bands(in), ROWS_AT_A_TIME), store_task, &transfer);
}

int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, NstError *err)
{
    NST_TRY(picture_check(in, "input picture", err));
    NST_TRY(picture_check(out, "output picture", err));
    if (!picture_same_format(in, out))
        return fail(err, NST_EINVAL, "the output picture must have the input's size and format");
    if (stylizer->strength == 0.0f) {
        for (int band = 0; band < picture_bands(in); band++)
            picture_copy_band(out, in, band);
        return NST_OK;
    }
    NST_TRY(prepare(stylizer, in->width, in->height, err));
    load(stylizer, in);
    exec_forward(stylizer->plan);
    store(stylizer, in, out);
    return NST_OK;
}
