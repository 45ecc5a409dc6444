/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

#include "rows.h"
#include "util.h"

/* ---- checks ---- */

static int n_colors(const NstPicture *picture)
{
    return picture->model == NST_COLOR_GRAY ? 1 : 3;
}

static int check_format(const NstPicture *picture, const char *what, NstError *err)
{
    if (picture->model != NST_COLOR_GRAY && picture->model != NST_COLOR_RGB && picture->model != NST_COLOR_YUV)
        return fail(err, NST_EINVAL, "%s: colour model %d: gray, RGB or YUV expected", what, (int)picture->model);
    if (picture->depth != 8)
        return fail(err, NST_EUNSUPPORTED, "%s: %d bits a sample: 8 expected", what, picture->depth);
    int most = picture->model == NST_COLOR_YUV;
    if (picture->log2_chroma_w < 0 || picture->log2_chroma_w > most || picture->log2_chroma_h < 0 ||
        picture->log2_chroma_h > most)
        return fail(err, NST_EUNSUPPORTED, "%s: chroma subsampled by 2^%d x 2^%d: at most 2^%d each way expected", what,
                    picture->log2_chroma_w, picture->log2_chroma_h, most);
    if (picture->model == NST_COLOR_YUV && picture->matrix != NST_MATRIX_BT601 &&
        picture->matrix != NST_MATRIX_BT709 && picture->matrix != NST_MATRIX_BT2020)
        return fail(err, NST_EUNSUPPORTED, "%s: matrix %d: BT.601, BT.709 or BT.2020 expected", what,
                    (int)picture->matrix);
    return NST_OK;
}

int picture_check(const NstPicture *picture, const char *what, NstError *err)
{
    if (picture->width < 1 || picture->height < 1 || picture->width > NST_MAX_PICTURE_SIDE ||
        picture->height > NST_MAX_PICTURE_SIDE)
        return fail(err, NST_EINVAL, "%s: %dx%d pixels: 1 to %d each way expected", what, picture->width,
                    picture->height, NST_MAX_PICTURE_SIDE);
    NST_TRY(check_format(picture, what, err));
    for (int i = 0; i < 4; i++) {
        int used = i < 3 ? i < n_colors(picture) : picture->has_alpha;
        if (used && (!picture->comp[i].data || picture->comp[i].step < 1))
            return fail(err, NST_EINVAL, "%s: component %d has no samples or a step below 1", what, i);
    }
    return NST_OK;
}

int picture_same_format(const NstPicture *a, const NstPicture *b)
{
    return a->width == b->width && a->height == b->height && a->model == b->model && a->depth == b->depth &&
           a->log2_chroma_w == b->log2_chroma_w && a->log2_chroma_h == b->log2_chroma_h &&
           a->full_range == b->full_range && (a->model != NST_COLOR_YUV || a->matrix == b->matrix) &&
           !a->has_alpha == !b->has_alpha;
}

/* ---- geometry ---- */

static NstYuv yuv_of(const NstPicture *picture)
{
    static const float kr[] = {0.299f, 0.2126f, 0.2627f}, kb[] = {0.114f, 0.0722f, 0.0593f};
    NstMatrix matrix = picture->model == NST_COLOR_YUV ? picture->matrix : NST_MATRIX_BT601;
    NstYuv yuv = {kr[matrix], kb[matrix], 16.0f, 219.0f, 128.0f, 224.0f};
    if (picture->full_range) {
        yuv.y_shift = 0.0f;
        yuv.y_scale = 255.0f;
        yuv.c_scale = 255.0f;
    }
    return yuv;
}

static uint8_t *row_of(const NstPicture *picture, int component, int y)
{
    return picture->comp[component].data + y * picture->comp[component].stride;
}

static int is_chroma(const NstPicture *picture, int component)
{
    return picture->model == NST_COLOR_YUV && (component == 1 || component == 2);
}

static int chroma_width(const NstPicture *picture)
{
    return ceil_div(picture->width, 1 << picture->log2_chroma_w);
}

size_t picture_scratch(int width)
{
    return 5 * ((size_t)width + 1);
}

int picture_bands(const NstPicture *picture)
{
    return ceil_div(picture->height, 1 << picture->log2_chroma_h);
}

/* ---- picture to planes ---- */

/* A row of Cb or Cr at the luma's resolution, -0.5 to 0.5; uses two rows of scratch. */
static void load_chroma_row(const NstPicture *picture, int component, int y, const NstYuv *yuv, float *to,
                            float *scratch)
{
    int width = chroma_width(picture), step = picture->comp[component].step;
    float scale = 1.0f / yuv->c_scale, shift = -yuv->c_shift / yuv->c_scale;
    float *near = picture->log2_chroma_w ? scratch : to, *far = scratch + width;
    int row = y >> picture->log2_chroma_h;
    rows_load(near, row_of(picture, component, row), step, scale, shift, width);
    if (picture->log2_chroma_h) {
        int other = y % 2 ? min_int(row + 1, picture_bands(picture) - 1) : max_int(row - 1, 0);
        rows_load(far, row_of(picture, component, other), step, scale, shift, width);
        rows_lerp(near, near, far, 0.25f, width);
    }
    if (picture->log2_chroma_w)
        rows_enlarge2(to, near, picture->width);
}

static void load_yuv_row(const NstPicture *picture, int y, float *const rgb[3], float scale, float *scratch)
{
    int width = picture->width;
    NstYuv yuv = yuv_of(picture);
    float *luma = scratch, *cb = luma + width, *cr = cb + width, *rest = cr + width;
    rows_load(luma, row_of(picture, 0, y), picture->comp[0].step, 1.0f / yuv.y_scale, -yuv.y_shift / yuv.y_scale,
              width);
    load_chroma_row(picture, 1, y, &yuv, cb, rest);
    load_chroma_row(picture, 2, y, &yuv, cr, rest);
    rows_yuv_to_rgb(rgb, luma, cb, cr, &yuv, scale, width);
}

void picture_load_row(const NstPicture *picture, int y, const NstPlanes *planes, float *scratch)
{
    float *rgb[3];
    for (int i = 0; i < 3; i++)
        rgb[i] = planes->rgb[i] + y * planes->stride;
    if (picture->model == NST_COLOR_YUV) {
        load_yuv_row(picture, y, rgb, planes->scale, scratch);
        return;
    }
    NstYuv yuv = yuv_of(picture);
    int gray = picture->model == NST_COLOR_GRAY;
    float scale = gray ? yuv.y_scale : 255.0f, shift = gray ? yuv.y_shift : 0.0f;
    for (int i = 0; i < 3; i++) {
        int component = gray ? 0 : i;
        rows_load(rgb[i], row_of(picture, component, y), picture->comp[component].step, planes->scale / scale,
                  -shift * planes->scale / scale, picture->width);
    }
}

/* ---- planes to picture ---- */

/* One row of levels at its component's own resolution into the result. */
static void store_row(const NstPicture *out, const NstPicture *source, int component, int y, const float *levels,
                      float strength)
{
    int width = is_chroma(out, component) ? chroma_width(out) : out->width;
    rows_store(row_of(out, component, y), out->comp[component].step, row_of(source, component, y),
               source->comp[component].step, levels, strength, width);
}

/* Levels of pixel row y, still one a pixel, of a component: where alpha is 0 those of the source. */
static void keep_row(const NstPicture *source, int component, int y, float *levels)
{
    int sub_w = is_chroma(source, component) ? source->log2_chroma_w : 0;
    int sub_h = is_chroma(source, component) ? source->log2_chroma_h : 0;
    if (source->has_alpha)
        rows_keep(levels, row_of(source, component, y >> sub_h), source->comp[component].step, sub_w,
                  row_of(source, 3, y), source->comp[3].step, source->width);
}

/* A row whose components have one sample a pixel each: gray or RGB */
static void store_plain_row(const NstPicture *out, const NstPicture *source, int y, const float *const rgb[3],
                            float scale, float strength, float *levels)
{
    NstYuv yuv = yuv_of(out);
    for (int i = 0; i < n_colors(out); i++) {
        if (out->model == NST_COLOR_GRAY)
            rows_rgb_to_y(levels, rgb, &yuv, scale, out->width);
        else
            rows_rgb_levels(levels, rgb[i], scale, out->width);
        keep_row(source, i, y, levels);
        store_row(out, source, i, y, levels, strength);
    }
}

/* One or two rows of luma and the row of chroma that belongs to them */
static void store_yuv_band(const NstPicture *out, const NstPicture *source, int band, const NstPlanes *planes,
                           float scale, float strength, float *scratch)
{
    int width = out->width, first = band << out->log2_chroma_h;
    int last = min_int(first + out->log2_chroma_h, out->height - 1);
    NstYuv yuv = yuv_of(out);
    float *luma = scratch, *sum[2] = {luma + width, luma + 2 * width};
    float *chroma[2] = {sum[1] + width, sum[1] + 2 * width};
    for (int y = first; y <= last; y++) {
        const float *rgb[3];
        for (int i = 0; i < 3; i++)
            rgb[i] = planes->rgb[i] + y * planes->stride;
        float **target = y == first ? sum : chroma;
        rows_rgb_to_yuv(luma, target[0], target[1], rgb, &yuv, scale, width);
        keep_row(source, 0, y, luma);
        keep_row(source, 1, y, target[0]);
        keep_row(source, 2, y, target[1]);
        store_row(out, source, 0, y, luma, strength);
    }
    for (int i = 0; i < 2; i++) {
        if (last > first)
            rows_lerp(sum[i], sum[i], chroma[i], 0.5f, width);
        if (out->log2_chroma_w)
            rows_halve(sum[i], sum[i], width);
        store_row(out, source, 1 + i, band, sum[i], strength);
    }
}

static void copy_row(const NstPicture *out, const NstPicture *source, int component, int y, int width)
{
    rows_copy(row_of(out, component, y), out->comp[component].step, row_of(source, component, y),
              source->comp[component].step, width);
}

static void copy_pixel_rows(const NstPicture *out, const NstPicture *source, int component, int band)
{
    int first = band << out->log2_chroma_h;
    int last = min_int(first + out->log2_chroma_h, out->height - 1);
    for (int y = first; y <= last; y++)
        copy_row(out, source, component, y, out->width);
}

void picture_store_band(const NstPicture *out, const NstPicture *source, int band, const NstPlanes *planes,
                        float strength, float *scratch)
{
    float scale = 1.0f / planes->scale;
    if (out->model == NST_COLOR_YUV) {
        store_yuv_band(out, source, band, planes, scale, strength, scratch);
    } else {
        const float *rgb[3];
        for (int i = 0; i < 3; i++)
            rgb[i] = planes->rgb[i] + band * planes->stride;
        store_plain_row(out, source, band, rgb, scale, strength, scratch);
    }
    if (out->has_alpha)
        copy_pixel_rows(out, source, 3, band);
}

void picture_copy_band(const NstPicture *out, const NstPicture *source, int band)
{
    for (int i = 0; i < n_colors(out); i++) {
        if (is_chroma(out, i))
            copy_row(out, source, i, band, chroma_width(out));
        else
            copy_pixel_rows(out, source, i, band);
    }
    if (out->has_alpha)
        copy_pixel_rows(out, source, 3, band);
}
