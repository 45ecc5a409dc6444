/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_STAGE_H
#define NST_MODEL_STAGE_H

#include <stdbool.h>

#include "mix.h"

/*
 * All that pictures of one size need to be painted at one working size: buffers, plans, and the steps from the source
 * to the result. A stylizer has one at a time; another may be made meanwhile by another thread.
 */
typedef struct NstStage NstStage;

typedef struct NstStageSpec {
    NstStyles styles; /* the models must outlive the stage */
    int width, height, work_width, work_height;
    NstColors color;  /* that it is to have memory for from the start */
    bool temporal;    /* the same for smoothing and key pictures, */
    bool pieces;      /* and for what comes into view between these */
    size_t max_memory; /* bytes; 0: no bound */
    NstCompute compute;
} NstStageSpec;

/* Sets the working size: its height, and the width that goes with it. */
void stage_set_work_height(NstStageSpec *spec, int height);

/* err: NST_ETOOLARGE where even tiles need more than max_memory, and those of plan_create */
int stage_create(NstStage **stage, const NstStageSpec *spec, NstError *err);
void stage_free(NstStage **stage);
const NstStageSpec *stage_spec(const NstStage *stage);

/* Bytes that stage_create would take, or more than max_memory where these are needed at least; 0 when a size is impossible. */
size_t stage_bytes_for(const NstStageSpec *spec);

/*
 * What a stream remembers goes over from one stage to the next: of paintings, what styles go on with. Other styles
 * begin anew.
 */
void stage_continue(NstStage *stage, const NstStage *before);

/* Paints with all of the options but size, and fills in the report's size and `painted`. */
int stage_paint(NstStage *stage, const NstPicture *in, const NstPicture *out, const NstStylizeOptions *options,
                const NstFrameInfo *info, NstFrameReport *report, NstError *err);

#endif
