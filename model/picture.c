/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

#include <string.h>

#include "rows.h"
#include "util.h"

/* ---- checks ---- */

static int check_samples(const NstPicture *picture, const char *what, NstError *err)
{
    if (!picture->is_float && (picture->depth < 8 || picture->depth > 16))
        return fail(err, NST_EUNSUPPORTED, "%s: integers of %d bits: 8 to 16 expected", what, picture->depth);
    if (picture->is_float && picture->depth != 16 && picture->depth != 32)
        return fail(err, NST_EUNSUPPORTED, "%s: floats of %d bits: 16 or 32 expected", what, picture->depth);
    if (picture->is_float && picture->model == NST_COLOR_YUV)
        return fail(err, NST_EUNSUPPORTED, "%s: YUV of floats: gray or RGB expected", what);
    return NST_OK;
}

static int check_chroma(const NstPicture *picture, const char *what, NstError *err)
{
    int most = picture->model == NST_COLOR_YUV ? 2 : 0;
    if (picture->log2_chroma_w < 0 || picture->log2_chroma_w > most || picture->log2_chroma_h < 0 ||
        picture->log2_chroma_h > most)
        return fail(err, NST_EUNSUPPORTED, "%s: chroma subsampled by 2^%d x 2^%d: at most 2^%d each way expected", what,
                    picture->log2_chroma_w, picture->log2_chroma_h, most);
    if (most && picture->matrix != NST_MATRIX_BT601 && picture->matrix != NST_MATRIX_BT709 &&
        picture->matrix != NST_MATRIX_BT2020)
        return fail(err, NST_EUNSUPPORTED, "%s: matrix %d: BT.601, BT.709 or BT.2020 expected", what,
                    (int)picture->matrix);
    if (most && ((int)picture->siting < NST_SITING_LEFT || (int)picture->siting > NST_SITING_BOTTOM))
        return fail(err, NST_EUNSUPPORTED, "%s: chroma siting %d: %d to %d expected", what, (int)picture->siting,
                    NST_SITING_LEFT, NST_SITING_BOTTOM);
    return NST_OK;
}

static int check_component(const NstPicture *picture, int i, const char *what, NstError *err)
{
    const NstComponent *comp = &picture->comp[i];
    int room = picture->is_float ? 0 : 8 * picture_word(picture) - picture->depth;
    if (!comp->data || comp->step < 1)
        return fail(err, NST_EINVAL, "%s: component %d has no samples or a step below 1", what, i);
    if (comp->shift < 0 || comp->shift > room)
        return fail(err, NST_EINVAL, "%s: component %d: %d bits below the sample: 0 to %d expected", what, i,
                    comp->shift, room);
    return NST_OK;
}

int picture_check(const NstPicture *picture, const char *what, NstError *err)
{
    if (picture->width < 1 || picture->height < 1 || picture->width > NST_MAX_PICTURE_SIDE ||
        picture->height > NST_MAX_PICTURE_SIDE)
        return fail(err, NST_EINVAL, "%s: %dx%d pixels: 1 to %d each way expected", what, picture->width,
                    picture->height, NST_MAX_PICTURE_SIDE);
    if (picture->model != NST_COLOR_GRAY && picture->model != NST_COLOR_RGB && picture->model != NST_COLOR_YUV)
        return fail(err, NST_EINVAL, "%s: colour model %d: gray, RGB or YUV expected", what, (int)picture->model);
    NST_TRY(check_samples(picture, what, err));
    NST_TRY(check_chroma(picture, what, err));
    for (int i = 0; i < 4; i++)
        if (picture_has_component(picture, i))
            NST_TRY(check_component(picture, i, what, err));
    return NST_OK;
}

int picture_same_format(const NstPicture *a, const NstPicture *b)
{
    for (int i = 0; i < 4; i++)
        if (picture_has_component(a, i) && a->comp[i].shift != b->comp[i].shift)
            return 0;
    int yuv = a->model == NST_COLOR_YUV;
    return a->width == b->width && a->height == b->height && a->model == b->model && a->depth == b->depth &&
           !a->is_float == !b->is_float && a->log2_chroma_w == b->log2_chroma_w &&
           a->log2_chroma_h == b->log2_chroma_h && !a->full_range == !b->full_range &&
           (!yuv || (a->matrix == b->matrix && a->siting == b->siting)) && !a->has_alpha == !b->has_alpha;
}

/* ---- geometry ---- */

int picture_row_width(const NstPicture *picture, int component)
{
    int sub = picture_is_chroma(picture, component) ? picture->log2_chroma_w : 0;
    return ceil_div(picture->width, 1 << sub);
}

int picture_bands(const NstPicture *picture)
{
    return ceil_div(picture->height, 1 << picture->log2_chroma_h);
}

NstRowRange picture_band_rows(const NstPicture *picture, int component, int band)
{
    if (picture_is_chroma(picture, component))
        return (NstRowRange){band, band + 1};
    int rows = 1 << picture->log2_chroma_h;
    return (NstRowRange){band * rows, min_int((band + 1) * rows, picture->height)};
}

/* ---- copies ---- */

static inline void copy_steps(uint8_t *to, int to_step, const uint8_t *from, int from_step, size_t word, int n)
{
    for (int i = 0; i < n; i++)
        memcpy(to + (ptrdiff_t)i * to_step, from + (ptrdiff_t)i * from_step, word);
}

static void copy_row(const NstComponent *out, const NstComponent *source, int y, int word, int n)
{
    uint8_t *to = out->data + y * out->stride;
    const uint8_t *from = source->data + y * source->stride;
    if (out->step == word && source->step == word)
        memcpy(to, from, (size_t)n * (size_t)word);
    else if (word == 1)
        copy_steps(to, out->step, from, source->step, 1, n);
    else if (word == 2)
        copy_steps(to, out->step, from, source->step, 2, n);
    else
        copy_steps(to, out->step, from, source->step, 4, n);
}

/*
 * Words that bytes are shared with are copied as a whole: what one component's copy brings of another's is what that
 * one's brings too.
 */
void picture_copy_band(const NstPicture *out, const NstPicture *source, int band)
{
    for (int i = 0; i < 4; i++) {
        if (!picture_has_component(out, i) || out->comp[i].data == source->comp[i].data)
            continue;
        NstRowRange rows = picture_band_rows(out, i, band);
        for (int y = rows.y; y < rows.end; y++)
            copy_row(&out->comp[i], &source->comp[i], y, picture_word(out), picture_row_width(out, i));
    }
}
