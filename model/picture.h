/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PICTURE_H
#define NST_MODEL_PICTURE_H

#include <nst/stylize.h>

#include "kernels/dsp.h"

/*
 * Between NstPicture and planar float R'G'B'. Chroma is enlarged linearly between the places where its samples lie, and
 * reduced by the mean of the pixels around those. Colours outside R'G'B' are clamped. Gray is Y' of BT.601.
 *
 * The work is cut into bands, which may be done in any order and by any thread: the rows that share a row of chroma.
 */

enum { NST_MAX_PICTURE_SIDE = 32768 };

/* Planar float colours: samples of 0..1 times scale. */
typedef struct NstPlanes {
    float *rgb[3];
    ptrdiff_t stride; /* floats from one row to the next */
    float scale;
} NstPlanes;

/* Makes row y of a picture, into row y of the planes; planes with a stride of 0 are rows. See NstTask for the slot. */
typedef void NstMakeRow(const void *arg, int y, int slot, const NstPlanes *planes);

/* What is to be stored: planes, or rows that are made where they are read. */
typedef struct NstPainting {
    NstPlanes planes;
    NstMakeRow *make; /* NULL: the planes hold it; else they are memory for it, */
    const void *arg;  /* and this is the maker's */
} NstPainting;

/* Checks every field; `what` ("input picture") begins the message. */
int picture_check(const NstPicture *picture, const char *what, NstError *err);

/* Whether two pictures differ in nothing but where their samples lie. */
int picture_same_format(const NstPicture *a, const NstPicture *b);

/* Floats of scratch that each thread needs. */
size_t picture_scratch(int width);

/* Row y of the picture, as NstMakeRow has it */
void picture_load_row(const NstDsp *dsp, const NstPicture *picture, int y, const NstPlanes *planes, float *scratch);

/* Luma of row y in levels of 0 to 255: Y, whichever its matrix; of R, G and B as BT.601 has it. */
void picture_luma_row(const NstDsp *dsp, const NstPicture *picture, int y, float *to, float *scratch);

int picture_bands(const NstPicture *picture);

/*
 * A band of the result: strength * painting + (1 - strength) * source, sample by sample. Where the source's alpha is 0
 * its colours stay, alpha itself is copied. `out` and `source` have one format and may be the same memory. A painting
 * that is made is made row by row, in its planes.
 */
void picture_store_band(const NstDsp *dsp, const NstPicture *out, const NstPicture *source, int band,
                        const NstPainting *painting, float strength, int slot, float *scratch);

/* The same without a painting: all samples are copied, unless `out` and `source` are the same memory. */
void picture_copy_band(const NstPicture *out, const NstPicture *source, int band);

#endif
