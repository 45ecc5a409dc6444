/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows of pictures from and to planes.
 *
 * Place of chroma sample i of every f pixels, along one axis, in pixels from the centre of the first one:
 *
 *   f = 2    pixel      0     1     2     3        first   f i
 *            first      C           C              middle  f i + (f - 1) / 2
 *            middle        C           C           last    f i + (f - 1)
 *            last             C           C
 */
#include "rows.h"

#include "util.h"

/* Each row of scratch may be read and written PAD samples before its first and after its last sample. */
enum { PAD = 16, SCRATCH_ROWS = 9 };

static size_t scratch_stride(int width)
{
    return align_floats((size_t)width) + 2 * PAD;
}

size_t picture_scratch(int width)
{
    return SCRATCH_ROWS * scratch_stride(width);
}

static float *scratch_row(float *scratch, int width, int row)
{
    return scratch + (size_t)row * scratch_stride(width) + PAD;
}

/* ---- samples ---- */

static NstSampleType sample_type(const NstPicture *picture)
{
    if (picture->is_float)
        return picture->depth == 32 ? NST_SAMPLE_FLOAT : NST_SAMPLE_HALF;
    return picture->depth > 8 ? NST_SAMPLE_U16 : NST_SAMPLE_U8;
}

/* Values are 0..1, of Cb and Cr -0.5..0.5. Levels by ITU-R BT.601, BT.709, BT.2020 and, full range, H.273. */
static NstSamples samples_of(const NstPicture *picture, int component, int y)
{
    const NstComponent *comp = &picture->comp[component];
    NstSamples samples = {comp->data + y * comp->stride, comp->step, comp->shift, picture->depth, 0.0f, 1.0f};
    int chroma = picture_is_chroma(picture, component);
    float unit = picture->is_float ? 1.0f / 255.0f : (float)(1 << (picture->depth - 8)); /* a level of 8 bits */
    if (chroma)
        samples.offset = 128.0f * unit;
    if (!picture->full_range && picture->model != NST_COLOR_RGB && component != 3) {
        samples.scale = (chroma ? 224.0f : 219.0f) * unit;
        samples.offset = (chroma ? 128.0f : 16.0f) * unit;
    } else if (!picture->is_float) {
        samples.scale = 256.0f * unit - 1.0f;
    }
    return samples;
}

static void load(const NstDsp *dsp, const NstPicture *picture, int component, int y, float gain, float *to)
{
    NstSamples samples = samples_of(picture, component, y);
    dsp->load_samples[sample_type(picture)](to, &samples, gain, (size_t)picture_row_width(picture, component));
}

static void blend(const NstDsp *dsp, const NstPicture *out, int component, int y, const float *from,
                  const float *weight, float strength)
{
    NstSamples samples = samples_of(out, component, y);
    dsp->blend_samples[sample_type(out)](&samples, from, weight, strength, (size_t)picture_row_width(out, component));
}

/* ---- chroma ---- */

typedef struct NstWeights {
    float kr, kb;
} NstWeights;

static NstWeights matrix_of(const NstPicture *picture)
{
    static const NstWeights matrices[] = {{0.299f, 0.114f}, {0.2126f, 0.0722f}, {0.2627f, 0.0593f}};
    return matrices[picture->model == NST_COLOR_YUV ? picture->matrix : NST_MATRIX_BT601];
}

/* Where a chroma sample lies on the way from its group's first pixel to the last: 0, 0.5 or 1 */
static float place_across(const NstPicture *picture)
{
    NstSiting siting = picture->siting;
    return siting == NST_SITING_CENTER || siting == NST_SITING_TOP || siting == NST_SITING_BOTTOM ? 0.5f : 0.0f;
}

static float place_down(const NstPicture *picture)
{
    switch (picture->siting) {
    case NST_SITING_TOP_LEFT:
    case NST_SITING_TOP: return 0.0f;
    case NST_SITING_BOTTOM_LEFT:
    case NST_SITING_BOTTOM: return 1.0f;
    default: return 0.5f;
    }
}

/* Repeats the ends of a row of n samples, one sample beyond each. */
static void repeat_ends(float *row, int n)
{
    row[-1] = row[0];
    row[n] = row[n - 1];
}

/* ---- picture to planes ---- */

/* Cb or Cr at pixel row y, still as wide as chroma; `other` is scratch */
static void load_chroma_rows(const NstDsp *dsp, const NstPicture *picture, int component, int y, float *to,
                             float *other)
{
    int group = 1 << picture->log2_chroma_h, last = picture_bands(picture) - 1;
    float place = ((float)(y % group) - place_down(picture) * (float)(group - 1)) / (float)group;
    int above = y / group - (place < 0.0f);
    float share = place < 0.0f ? place + 1.0f : place; /* of the sample below */
    int below = min_int(above + 1, last);
    above = max_int(above, 0);
    load(dsp, picture, component, above, 1.0f, to);
    if (share > 0.0f && below != above) {
        load(dsp, picture, component, below, 1.0f, other);
        dsp->lerp(to, to, other, share, (size_t)picture_row_width(picture, component));
    }
}

/* Cb or Cr at the pixels of row y; a and b are scratch. */
static void load_chroma(const NstDsp *dsp, const NstPicture *picture, int component, int y, float *to, float *a,
                        float *b)
{
    float before = 0.5f * place_across(picture);
    load_chroma_rows(dsp, picture, component, y, picture->log2_chroma_w ? a : to, b);
    for (int level = picture->log2_chroma_w; level > 0; level--) {
        float *larger = level == 1 ? to : b;
        repeat_ends(a, ceil_div(picture->width, 1 << level));
        dsp->enlarge2(larger, a, before, (size_t)ceil_div(picture->width, 1 << (level - 1)));
        b = a;
        a = larger;
    }
}

static void load_yuv_row(const NstDsp *dsp, const NstPicture *picture, int y, float *const rgb[3], float scale,
                         float *scratch)
{
    float *row[5];
    for (int i = 0; i < 5; i++)
        row[i] = scratch_row(scratch, picture->width, i);
    NstWeights matrix = matrix_of(picture);
    load(dsp, picture, 0, y, 1.0f, row[0]);
    load_chroma(dsp, picture, 1, y, row[1], row[3], row[4]);
    load_chroma(dsp, picture, 2, y, row[2], row[3], row[4]);
    dsp->yuv_to_rgb(rgb, row[0], row[1], row[2], matrix.kr, matrix.kb, scale, (size_t)picture->width);
}

void picture_load_row(const NstDsp *dsp, const NstPicture *picture, int y, const NstPlanes *planes, float *scratch)
{
    size_t width = (size_t)picture->width;
    float *rgb[3];
    for (int i = 0; i < 3; i++)
        rgb[i] = planes->rgb[i] + y * planes->stride;
    if (picture->model == NST_COLOR_YUV) {
        load_yuv_row(dsp, picture, y, rgb, planes->scale, scratch);
        return;
    }
    int gray = picture->model == NST_COLOR_GRAY;
    for (int i = 0; i < 3; i++) {
        load(dsp, picture, gray ? 0 : i, y, gray || picture->is_float ? 1.0f : planes->scale, rgb[i]);
        if (gray || picture->is_float) /* what may lie outside of 0..1 */
            dsp->clamp(rgb[i], rgb[i], 1.0f, planes->scale, width);
    }
}

void picture_luma_row(const NstDsp *dsp, const NstPicture *picture, int y, float *to, float *scratch)
{
    const size_t width = (size_t)picture->width;
    float *rgb[3];
    if (picture->model != NST_COLOR_RGB) {
        load(dsp, picture, 0, y, 1.0f, to);
        dsp->clamp(to, to, 1.0f, 255.0f, width);
        return;
    }
    for (int i = 0; i < 3; i++) {
        rgb[i] = scratch_row(scratch, picture->width, i);
        load(dsp, picture, i, y, 1.0f, rgb[i]);
        if (picture->is_float)
            dsp->clamp(rgb[i], rgb[i], 1.0f, 1.0f, width);
    }
    dsp->luma(to, rgb[0], rgb[1], rgb[2], 255.0f, picture->width);
}

/* ---- planes to picture ---- */

/* What a band is made of. Samples of x times their weight; weights are 1 and 0 as alpha has it, and means of these. */
typedef struct NstStore {
    const NstDsp *dsp;
    const NstPicture *out, *source;
    const NstPainting *painting;
    int slot;
    float strength;
    float *x[3];               /* a row of pixels: gray, R, G, B or Y, Cb, Cr */
    float *opaque;             /* its weights; NULL: 1 everywhere */
    float *sum[2], *sum_opaque; /* Cb and Cr of the band, and their weights */
    float *spare[2];
} NstStore;

static NstStore store_of(const NstDsp *dsp, const NstPicture *out, const NstPicture *source,
                         const NstPainting *painting, float strength, int slot, float *scratch)
{
    float *row[SCRATCH_ROWS];
    for (int i = 0; i < SCRATCH_ROWS; i++)
        row[i] = scratch_row(scratch, out->width, i);
    return (NstStore){.dsp = dsp,
                      .out = out,
                      .source = source,
                      .painting = painting,
                      .slot = slot,
                      .strength = strength,
                      .x = {row[0], row[1], row[2]},
                      .opaque = source->has_alpha ? row[3] : NULL,
                      .sum = {row[4], row[5]},
                      .sum_opaque = source->has_alpha ? row[6] : NULL,
                      .spare = {row[7], row[8]}};
}

/* Colours of pixel row y, each as the picture's model has it, without those of transparent pixels */
static void convert_row(const NstStore *store, int y)
{
    const NstDsp *dsp = store->dsp;
    const NstPainting *painting = store->painting;
    const NstPlanes *planes = &painting->planes;
    const float gain = 1.0f / planes->scale;
    size_t width = (size_t)store->out->width;
    const float *rgb[3];
    if (painting->make)
        painting->make(painting->arg, y, store->slot, planes);
    for (int i = 0; i < 3; i++)
        rgb[i] = planes->rgb[i] + y * planes->stride;
    if (store->out->model == NST_COLOR_RGB) {
        for (int i = 0; i < 3; i++)
            dsp->clamp(store->x[i], rgb[i], gain, 1.0f, width);
    } else {
        NstWeights matrix = matrix_of(store->out);
        dsp->rgb_to_yuv(store->x[0], store->x[1], store->x[2], rgb, matrix.kr, matrix.kb, gain, width);
    }
    if (!store->opaque)
        return;
    load(dsp, store->source, 3, y, 1.0f, store->opaque);
    dsp->opaque(store->opaque, store->opaque, width);
    for (int i = 0; i < 3; i++)
        dsp->mul(store->x[i], store->x[i], store->opaque, width);
}

/* sum (+)= share * row, reduced to the width of chroma */
static void add_reduced(const NstStore *store, float *sum, float *row, float share, int first)
{
    int sub = store->out->log2_chroma_w;
    float before = 0.25f - 0.5f * place_across(store->out);
    for (int level = 1; level <= sub; level++) {
        float *smaller = store->spare[level % 2];
        repeat_ends(row, ceil_div(store->out->width, 1 << (level - 1)));
        store->dsp->reduce2(smaller, row, before, (size_t)ceil_div(store->out->width, 1 << level));
        row = smaller;
    }
    size_t width = (size_t)ceil_div(store->out->width, 1 << sub);
    if (first)
        store->dsp->scale_shift(sum, row, share, 0.0f, width);
    else
        store->dsp->axpy(sum, row, share, width);
}

/* How much of pixel row `row`, counted from the first of a group, lies in as many rows around the chroma sample */
static float share_down(const NstPicture *picture, int row)
{
    float group = (float)(1 << picture->log2_chroma_h), centre = place_down(picture) * (group - 1.0f);
    float top = (float)row - 0.5f, bottom = (float)row + 0.5f;
    if (top < centre - 0.5f * group)
        top = centre - 0.5f * group;
    if (bottom > centre + 0.5f * group)
        bottom = centre + 0.5f * group;
    return bottom > top ? (bottom - top) / group : 0.0f;
}

/* Rows of Y, and from these and their neighbours the row of Cb and Cr */
static void store_yuv_band(const NstStore *store, int band)
{
    const NstPicture *out = store->out;
    int group = 1 << out->log2_chroma_h, first = 1;
    for (int row = -group; row < 2 * group; row++) {
        int y = band * group + row, own = row >= 0 && row < group && y < out->height;
        float share = share_down(out, row);
        if (!own && share == 0.0f)
            continue;
        convert_row(store, max_int(0, min_int(y, out->height - 1)));
        if (own)
            blend(store->dsp, out, 0, y, store->x[0], store->opaque, store->strength);
        if (share == 0.0f)
            continue;
        for (int i = 0; i < 2; i++)
            add_reduced(store, store->sum[i], store->x[1 + i], share, first);
        if (store->opaque)
            add_reduced(store, store->sum_opaque, store->opaque, share, first);
        first = 0;
    }
    for (int i = 0; i < 2; i++)
        blend(store->dsp, out, 1 + i, band, store->sum[i], store->sum_opaque, store->strength);
}

void picture_store_band(const NstDsp *dsp, const NstPicture *out, const NstPicture *source, int band,
                        const NstPainting *painting, float strength, int slot, float *scratch)
{
    NstStore store = store_of(dsp, out, source, painting, strength, slot, scratch);
    picture_copy_band(out, source, band);
    if (out->model == NST_COLOR_YUV) {
        store_yuv_band(&store, band);
        return;
    }
    convert_row(&store, band);
    for (int i = 0; i < (out->model == NST_COLOR_GRAY ? 1 : 3); i++)
        blend(dsp, out, i, band, store.x[i], store.opaque, strength);
}
