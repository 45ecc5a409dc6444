/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_FINISH_H
#define NST_MODEL_FINISH_H

#include "colors.h"
#include "guided.h"
#include "transfer.h"

/*
 * What is done to a painting of the working size before it is stored: enlarged to the picture's size, coloured. Where
 * neither is asked for, it does not cost anything.
 */
typedef struct NstFinish {
    const NstTransfer *transfer;
    NstGuided *guided;   /* NULL: the working size is the picture's */
    float *memory;       /* of planes; NULL until something is to be done */
    NstPlanes planes;    /* of the picture's size */
    NstColorStatistics source;
    NstColorMatch match;
} NstFinish;

/* transfer must outlive it; color: that it is to have memory for from the start. */
int finish_create(NstFinish *finish, const NstTransfer *transfer, const NstCompute *compute, NstColors color,
                  NstError *err);
void finish_free(NstFinish *finish);

/* Bytes for pictures of width x height painted at another size, or in other colours. */
size_t finish_bytes_for(const NstCompute *compute, int width, int height, int work_width, int work_height,
                        NstColors color);

/* The next picture does not follow the last one. */
void finish_forget(NstFinish *finish);

/* Whether finish_take_source makes anything of the source. */
bool finish_wants_source(const NstFinish *finish, NstColors color);

/* To be told of the source at the working size, before the networks write over it. */
void finish_take_source(NstFinish *finish, const NstPlanes *source, NstColors color);

/* Stores the painting of `in`, which took_source was told of, in `out`. */
int finish_store(NstFinish *finish, const NstPicture *in, const NstPicture *out, const NstPainting *painting,
                 NstColors color, float strength, NstError *err);

#endif
