/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_TRANSFER_H
#define NST_MODEL_TRANSFER_H

#include <stdbool.h>

#include "kernels/dsp.h"
#include "picture.h"
#include "reduce.h"
#include "threads.h"

/* Whole pictures between their own format and planes, in runs of rows that threads share. */
typedef struct NstTransfer {
    NstDsp dsp;
    NstTeam team;
    int width, height;       /* of the pictures */
    int work_width, work_height; /* of the planes that are loaded; not larger */
    NstCover *columns;       /* of each of work_width */
    float *scratch;          /* slot_floats for each of the team */
    size_t slot_floats;
} NstTransfer;

int transfer_create(NstTransfer *transfer, const NstCompute *compute, int width, int height, int work_width,
                    int work_height, NstError *err);
void transfer_free(NstTransfer *transfer);
size_t transfer_bytes_for(const NstCompute *compute, int width, int work_width);

enum { TRANSFER_ROWS = 6 };

/* A slot's scratch for picture_load_row and picture_store_band, and rows of the picture's width beside it. */
float *transfer_scratch(const NstTransfer *transfer, int slot);
void transfer_rows(const NstTransfer *transfer, int slot, float *rows[TRANSFER_ROWS]);

/* Into planes of the working size: where that is smaller, each sample is the mean over its area of the picture. */
void transfer_load(const NstTransfer *transfer, const NstPicture *in, const NstPlanes *planes);

/* Whether the working size is not the picture's. */
bool transfer_reduces(const NstTransfer *transfer);

/* From a painting of the picture's own size; see picture_store_band. */
void transfer_store(const NstTransfer *transfer, const NstPicture *in, const NstPicture *out,
                    const NstPainting *painting, float strength);

void transfer_copy(const NstTransfer *transfer, const NstPicture *in, const NstPicture *out);

#endif
