/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { ROWS_AT_A_TIME = 8 };

/* ---- making one ---- */

static size_t slot_floats(int width)
{
    return align_floats(picture_scratch(width)) + TRANSFER_ROWS * align_floats((size_t)width);
}

size_t transfer_bytes_for(const NstCompute *compute, int width, int work_width)
{
    return (size_t)team_of(compute).threads * slot_floats(width) * sizeof(float) +
           (size_t)work_width * sizeof(NstCover);
}

int transfer_create(NstTransfer *transfer, const NstCompute *compute, int width, int height, int work_width,
                    int work_height, NstError *err)
{
    *transfer = (NstTransfer){.team = team_of(compute), .width = width, .height = height, .work_width = work_width,
                              .work_height = work_height, .slot_floats = slot_floats(width)};
    dsp_init(&transfer->dsp, compute->cpu);
    transfer->scratch = aligned_calloc((size_t)transfer->team.threads * transfer->slot_floats, sizeof(float));
    transfer->columns = calloc((size_t)work_width, sizeof(*transfer->columns));
    if (!transfer->scratch || !transfer->columns)
        return fail(err, NST_ENOMEM, "%dx%d pixels: out of memory", width, height);
    for (int x = 0; x < work_width; x++)
        transfer->columns[x] = reduce_cover(x, work_width, width);
    return NST_OK;
}

void transfer_free(NstTransfer *transfer)
{
    aligned_free(transfer->scratch);
    free(transfer->columns);
    *transfer = (NstTransfer){0};
}

/* ---- the work of one call ---- */

typedef struct NstCall {
    const NstTransfer *transfer;
    const NstPicture *in, *out;
    const NstPlanes *planes;     /* to load into */
    const NstPainting *painting; /* to store */
    float strength;
} NstCall;

float *transfer_scratch(const NstTransfer *transfer, int slot)
{
    return transfer->scratch + (size_t)slot * transfer->slot_floats;
}

void transfer_rows(const NstTransfer *transfer, int slot, float *rows[TRANSFER_ROWS])
{
    for (int i = 0; i < TRANSFER_ROWS; i++)
        rows[i] = transfer_scratch(transfer, slot) + align_floats(picture_scratch(transfer->width)) +
                  (size_t)i * align_floats((size_t)transfer->width);
}

/* ---- loading ---- */

static void load_task(void *arg, int unit, int slot)
{
    const NstCall *call = arg;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, call->in->height); y++)
        picture_load_row(&call->transfer->dsp, call->in, y, call->planes, transfer_scratch(call->transfer, slot));
}

static void load_reduced_row(const NstCall *call, int y, int slot)
{
    const NstTransfer *transfer = call->transfer;
    size_t width = (size_t)transfer->width;
    float *row[TRANSFER_ROWS], **sums = row + 3;
    transfer_rows(transfer, slot, row);
    NstPlanes one = {{row[0], row[1], row[2]}, 0, call->planes->scale};
    NstCover cover = reduce_cover(y, transfer->work_height, transfer->height);
    float factor = (float)transfer->work_width / (float)transfer->width * (float)transfer->work_height /
                   (float)transfer->height;
    for (int c = 0; c < 3; c++)
        memset(sums[c], 0, width * sizeof(*sums[c]));
    for (int i = cover.first; i <= cover.last; i++) {
        float part = reduce_part(&cover, i);
        picture_load_row(&call->transfer->dsp, call->in, i, &one, transfer_scratch(transfer, slot));
        for (int c = 0; c < 3; c++)
            transfer->dsp.axpy(sums[c], one.rgb[c], part, width);
    }
    for (int c = 0; c < 3; c++)
        reduce_row(call->planes->rgb[c] + y * call->planes->stride, transfer->work_width, sums[c],
                   transfer->columns, factor);
}

static void reduce_task(void *arg, int unit, int slot)
{
    const NstCall *call = arg;
    const NstTransfer *transfer = call->transfer;
    for (int y = unit * ROWS_AT_A_TIME; y < min_int((unit + 1) * ROWS_AT_A_TIME, transfer->work_height); y++)
        load_reduced_row(call, y, slot);
}

bool transfer_reduces(const NstTransfer *transfer)
{
    return transfer->work_width != transfer->width || transfer->work_height != transfer->height;
}

void transfer_load(const NstTransfer *transfer, const NstPicture *in, const NstPlanes *planes)
{
    NstCall call = {.transfer = transfer, .in = in, .planes = planes};
    team_for(&transfer->team, ceil_div(transfer->work_height, ROWS_AT_A_TIME),
             transfer_reduces(transfer) ? reduce_task : load_task, &call);
}

/* ---- storing ---- */

static void store_task(void *arg, int unit, int slot)
{
    const NstCall *call = arg;
    const NstTransfer *transfer = call->transfer;
    NstPainting painting = *call->painting;
    float *rows[TRANSFER_ROWS];
    int bands = picture_bands(call->in);
    transfer_rows(transfer, slot, rows);
    if (painting.make)
        painting.planes = (NstPlanes){{rows[0], rows[1], rows[2]}, 0, 1};
    for (int band = unit * ROWS_AT_A_TIME; band < min_int((unit + 1) * ROWS_AT_A_TIME, bands); band++)
        picture_store_band(&transfer->dsp, call->out, call->in, band, &painting, call->strength, slot,
                           transfer_scratch(transfer, slot));
}

void transfer_store(const NstTransfer *transfer, const NstPicture *in, const NstPicture *out,
                    const NstPainting *painting, float strength)
{
    NstCall call = {.transfer = transfer, .in = in, .out = out, .painting = painting, .strength = strength};
    team_for(&transfer->team, ceil_div(picture_bands(in), ROWS_AT_A_TIME), store_task, &call);
}

static void copy_task(void *arg, int unit, int slot)
{
    const NstCall *call = arg;
    int bands = picture_bands(call->in);
    (void)slot;
    for (int band = unit * ROWS_AT_A_TIME; band < min_int((unit + 1) * ROWS_AT_A_TIME, bands); band++)
        picture_copy_band(call->out, call->in, band);
}

void transfer_copy(const NstTransfer *transfer, const NstPicture *in, const NstPicture *out)
{
    NstCall call = {.transfer = transfer, .in = in, .out = out};
    team_for(&transfer->team, ceil_div(picture_bands(in), ROWS_AT_A_TIME), copy_task, &call);
}
