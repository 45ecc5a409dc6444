/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_ROWS_H
#define NST_MODEL_ROWS_H

#include "picture.h"

/* What picture.c and rows.c both know of how a picture lies in memory. */

static inline int picture_is_chroma(const NstPicture *picture, int component)
{
    return picture->model == NST_COLOR_YUV && (component == 1 || component == 2);
}

static inline int picture_has_component(const NstPicture *picture, int component)
{
    if (component == 3)
        return picture->has_alpha;
    return component == 0 || picture->model != NST_COLOR_GRAY;
}

/* Bytes of the word that a sample lies in */
static inline int picture_word(const NstPicture *picture)
{
    return picture->depth > 16 ? 4 : picture->depth > 8 ? 2 : 1;
}

/* Samples in a row of a component */
int picture_row_width(const NstPicture *picture, int component);

/* Rows y to end - 1 of a component belong to a band. */
typedef struct NstRowRange {
    int y, end;
} NstRowRange;

NstRowRange picture_band_rows(const NstPicture *picture, int component, int band);

#endif
