/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "finish.h"

#include <stdbool.h>
#include <string.h>

#include "util.h"

enum { ROWS_AT_A_TIME = 32 };

static size_t plane_floats(int width, int height)
{
    return align_floats((size_t)width) * (size_t)height;
}

size_t finish_bytes_for(const NstCompute *compute, int width, int height, int work_width, int work_height,
                        NstColors color)
{
    bool reduced = work_width != width || work_height != height;
    size_t bytes = reduced ? guided_bytes_for(compute, work_width, work_height, width) : 0;
    return bytes + (reduced || color != NST_COLORS_STYLE ? 3 * plane_floats(width, height) * sizeof(float) : 0);
}

static int need_planes(NstFinish *finish, NstError *err)
{
    const NstTransfer *transfer = finish->transfer;
    size_t plane = plane_floats(transfer->width, transfer->height);
    if (finish->memory)
        return NST_OK;
    finish->memory = aligned_calloc(3 * plane, sizeof(float));
    if (!finish->memory)
        return fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", transfer->width, transfer->height);
    finish->planes.stride = (ptrdiff_t)align_floats((size_t)transfer->width);
    for (int i = 0; i < 3; i++)
        finish->planes.rgb[i] = finish->memory + (size_t)i * plane;
    return NST_OK;
}

int finish_create(NstFinish *finish, const NstTransfer *transfer, const NstCompute *compute, NstColors color,
                  NstError *err)
{
    *finish = (NstFinish){.transfer = transfer};
    if (transfer_reduces(transfer))
        NST_TRY(guided_create(&finish->guided, compute, transfer->work_width, transfer->work_height, transfer->width,
                              transfer->height, err));
    return finish->guided || color != NST_COLORS_STYLE ? need_planes(finish, err) : NST_OK;
}

void finish_free(NstFinish *finish)
{
    guided_free(&finish->guided);
    aligned_free(finish->memory);
    *finish = (NstFinish){0};
}

void finish_forget(NstFinish *finish)
{
    finish->match.running = 0;
}

bool finish_wants_source(const NstFinish *finish, NstColors color)
{
    return finish->guided || color == NST_COLORS_MATCH;
}

void finish_take_source(NstFinish *finish, const NstPlanes *source, NstColors color)
{
    const NstTransfer *transfer = finish->transfer;
    if (finish->guided)
        guided_take_source(finish->guided, source);
    if (color == NST_COLORS_MATCH)
        colors_measure(source, transfer->work_width, transfer->work_height, &finish->source);
}

/* ---- rows of the picture's size ---- */

typedef struct NstRows {
    NstFinish *finish;
    const NstPicture *in;
    const NstPainting *painting;
    NstColors color;
    NstColorMap map;
} NstRows;

static void finish_row(const NstRows *rows, int y, int slot)
{
    NstFinish *finish = rows->finish;
    const NstTransfer *transfer = finish->transfer;
    const NstPicture *in = rows->in;
    size_t size = (size_t)in->width * sizeof(float);
    const NstPlanes *painting = &rows->painting->planes;
    float scale = painting->scale, *rgb[3];
    float *row[TRANSFER_ROWS];
    NstPlanes source = {.scale = 1};
    transfer_rows(transfer, slot, row);
    for (int i = 0; i < 3; i++) {
        source.rgb[i] = row[i];
        rgb[i] = finish->planes.rgb[i] + y * finish->planes.stride;
    }
    if (finish->guided || rows->color == NST_COLORS_CONTENT)
        picture_load_row(&transfer->dsp, in, y, &source, transfer_scratch(transfer, slot));
    if (finish->guided) {
        guided_luma(&transfer->dsp, row[3], source.rgb, 1, in->width);
        guided_row(finish->guided, slot, y, row[3], rgb);
    } else {
        for (int i = 0; i < 3; i++)
            memcpy(rgb[i], painting->rgb[i] + y * painting->stride, size);
    }
    if (rows->color == NST_COLORS_MATCH)
        colors_apply(&rows->map, rgb, scale, in->width);
    if (rows->color == NST_COLORS_CONTENT && in->model == NST_COLOR_YUV)
        colors_to_luma(in, rgb, scale, in->width);
    if (rows->color == NST_COLORS_CONTENT && in->model == NST_COLOR_RGB)
        colors_keep_chroma(in, rgb, scale, source.rgb, in->width);
}

static void finish_task(void *arg, int unit, int slot)
{
    const NstRows *rows = arg;
    if (rows->finish->guided)
        guided_begin_rows(rows->finish->guided, slot);
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, rows->in->height); y++)
        finish_row(rows, y, slot);
}

static NstColorMap match_colors(NstFinish *finish, const NstPlanes *painting)
{
    NstColorStatistics painted;
    NstColorMap map;
    colors_measure(painting, finish->transfer->work_width, finish->transfer->work_height, &painted);
    colors_follow(&finish->match, &finish->source, &painted);
    colors_map(&finish->match.painting, &finish->match.source, &map);
    return map;
}

/*
 * Y of the painting, and the source's own samples of Cb and Cr: stored as a gray picture, whose three planes are equal
 * and therefore are luma in every matrix.
 */
static void store_luma(const NstTransfer *transfer, const NstPicture *in, const NstPicture *out,
                       const NstPainting *painting, float strength)
{
    NstPicture gray_in = *in, gray_out = *out;
    transfer_copy(transfer, in, out);
    gray_in.model = gray_out.model = NST_COLOR_GRAY;
    gray_in.log2_chroma_w = gray_in.log2_chroma_h = gray_out.log2_chroma_w = gray_out.log2_chroma_h = 0;
    transfer_store(transfer, &gray_in, &gray_out, painting, strength);
}

static void make_task(void *arg, int unit, int slot)
{
    const NstRows *rows = arg;
    const NstPainting *painting = rows->painting;
    for (int y = unit * ROWS_AT_A_TIME;
         y < min_int((unit + 1) * ROWS_AT_A_TIME, rows->finish->transfer->work_height); y++)
        painting->make(painting->arg, y, slot, &painting->planes);
}

int finish_store(NstFinish *finish, const NstPicture *in, const NstPicture *out, const NstPainting *painting,
                 NstColors color, float strength, NstError *err)
{
    const NstTransfer *transfer = finish->transfer;
    NstRows rows = {.finish = finish, .in = in, .painting = painting};
    rows.color = in->model == NST_COLOR_GRAY ? NST_COLORS_STYLE : color;
    if (!finish->guided && rows.color == NST_COLORS_STYLE) {
        transfer_store(transfer, in, out, painting, strength);
        return NST_OK;
    }
    NST_TRY(need_planes(finish, err));
    if (painting->make)
        team_for(&transfer->team, ceil_div(transfer->work_height, ROWS_AT_A_TIME), make_task, &rows);
    if (finish->guided)
        guided_take_painting(finish->guided, &painting->planes);
    if (rows.color == NST_COLORS_MATCH)
        rows.map = match_colors(finish, &painting->planes);
    team_for(&transfer->team, ceil_div(in->height, ROWS_AT_A_TIME), finish_task, &rows);
    finish->planes.scale = rows.color == NST_COLORS_CONTENT ? 1 : painting->planes.scale;
    const NstPainting finished = {.planes = finish->planes};
    if (rows.color == NST_COLORS_CONTENT && in->model == NST_COLOR_YUV)
        store_luma(transfer, in, out, &finished, strength);
    else
        transfer_store(transfer, in, out, &finished, strength);
    return NST_OK;
}
