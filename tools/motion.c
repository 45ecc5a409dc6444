/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "motion.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "media.h"
#include "util.h"
#include "warp_error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a .flo file is little-endian, and is read as it lies");

int motion_open(Motion *motion, const char *folder, int width, int height, const NstCompute *compute, NstError *err)
{
    const size_t pixels = (size_t)width * (size_t)height;
    *motion = (Motion){.folder = folder, .width = width, .height = height, .team = team_of(compute)};
    motion->flow = aligned_calloc(pixels, 2 * sizeof(float));
    motion->backward = aligned_calloc(pixels, 2 * sizeof(float));
    motion->visible = aligned_calloc(pixels, 1);
    int code = NST_OK;
    if (!motion->flow || !motion->backward || !motion->visible)
        code = fail(err, NST_ENOMEM, "no memory for the motion of %dx%d pixels", width, height);
    dsp_init(&motion->dsp, compute->cpu);
    if (code == NST_OK && !folder)
        code = flow_create(&motion->search, width, height, INT_MAX, &motion->dsp, &motion->team, err);
    if (code < 0)
        motion_close(motion);
    return code;
}

void motion_close(Motion *motion)
{
    flow_free(&motion->search);
    aligned_free(motion->flow);
    aligned_free(motion->backward);
    aligned_free(motion->visible);
    *motion = (Motion){0};
}

/* ---- files ---- */

static int read_header(const Motion *motion, FILE *file, const char *path, NstError *err)
{
    int32_t size[2];
    char magic[4];
    if (fread(magic, 1, 4, file) != 4 || memcmp(magic, "PIEH", 4))
        return fail(err, NST_EFORMAT, "%s: no Middlebury flow (.flo): \"PIEH\" expected at its start", path);
    if (fread(size, sizeof(*size), 2, file) != 2 || size[0] != motion->width || size[1] != motion->height)
        return fail(err, NST_EFORMAT, "%s: motion of %dx%d pixels expected, as the video has", path, motion->width,
                    motion->height);
    return NST_OK;
}

/* The file has the two numbers of each pixel side by side. */
static int read_vectors(Motion *motion, FILE *file, const char *path, NstError *err)
{
    const size_t pixels = (size_t)motion->width * (size_t)motion->height;
    for (size_t i = 0; i < pixels; i++) {
        float vector[2];
        if (fread(vector, sizeof(*vector), 2, file) != 2)
            return fail(err, NST_EFORMAT, "%s: ends after %zu of %zu pixels", path, i, pixels);
        motion->flow[i] = vector[0];
        motion->flow[pixels + i] = vector[1];
        if (!isfinite(vector[0]) || !isfinite(vector[1]))
            return fail(err, NST_EFORMAT, "%s: the motion of pixel %zu is not a number", path, i);
    }
    return NST_OK;
}

static int read_flow(Motion *motion, const char *path, NstError *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    int code = read_header(motion, file, path, err);
    if (code == NST_OK)
        code = read_vectors(motion, file, path, err);
    fclose(file);
    return code;
}

/* Without the file every pixel is visible. */
static int read_visible(Motion *motion, const char *path, NstError *err)
{
    const size_t pixels = (size_t)motion->width * (size_t)motion->height;
    Bitmap bitmap;
    if (access(path, F_OK) < 0) {
        memset(motion->visible, 1, pixels);
        return NST_OK;
    }
    NST_TRY(media_read(&bitmap, path, 0, NULL, err));
    int code = NST_OK;
    if (bitmap.width != motion->width || bitmap.height != motion->height || bitmap.channels != 1)
        code = fail(err, NST_EFORMAT, "%s: a gray picture of %dx%d pixels expected", path, motion->width,
                    motion->height);
    for (size_t i = 0; i < pixels && code == NST_OK; i++)
        motion->visible[i] = bitmap.data[i] >= 128;
    bitmap_free(&bitmap);
    return code;
}

static int read_files(Motion *motion, int index, NstError *err)
{
    const size_t room = strlen(motion->folder) + 32;
    char *path = malloc(room);
    if (!path)
        return fail(err, NST_ENOMEM, "out of memory");
    snprintf(path, room, "%s/%06d.flo", motion->folder, index);
    int code = read_flow(motion, path, err);
    snprintf(path, room, "%s/%06d.pgm", motion->folder, index);
    if (code == NST_OK)
        code = read_visible(motion, path, err);
    free(path);
    return code;
}

/* ---- search ---- */

/* Luma of 0 to 255, BT.709 weights */
static void show_frame(Motion *motion, const NstImage *frame)
{
    const size_t plane = (size_t)frame->width * (size_t)frame->height;
    ptrdiff_t stride;
    float *to = flow_next(motion->search, &stride);
    for (int y = 0; y < frame->height; y++, to += stride) {
        const float *red = frame->data + (ptrdiff_t)y * frame->width;
        for (int x = 0; x < frame->width; x++)
            to[x] = 255 * (0.2126f * red[x] + 0.7152f * red[plane + (size_t)x] + 0.0722f * red[2 * plane + (size_t)x]);
    }
    flow_ready(motion->search);
}

static void copy_field(float *to, const NstField *field)
{
    const size_t pixels = (size_t)field->w * (size_t)field->h;
    memcpy(to, field->x, pixels * sizeof(float));
    memcpy(to + pixels, field->y, pixels * sizeof(float));
}

/* The search is finer from the newer picture to the older one, so the next frame comes first. */
static void search(Motion *motion, const NstImage *frame, const NstImage *next)
{
    show_frame(motion, next);
    show_frame(motion, frame);
    copy_field(motion->flow, flow_estimate(motion->search, NST_WAY_BACK));
    copy_field(motion->backward, flow_estimate(motion->search, NST_WAY_AHEAD));
    warp_visible(motion->flow, motion->backward, motion->height, motion->width, motion->visible);
}

int motion_next(Motion *motion, int index, const NstImage *frame, const NstImage *next, NstError *err)
{
    const size_t pixels = (size_t)motion->width * (size_t)motion->height;
    size_t n = 0;
    if (motion->folder)
        NST_TRY(read_files(motion, index, err));
    else
        search(motion, frame, next);
    for (size_t i = 0; i < pixels; i++)
        n += motion->visible[i];
    motion->share = (double)n / (double)pixels;
    return NST_OK;
}
