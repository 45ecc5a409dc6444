/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_FLOW_H
#define NST_MODEL_FLOW_H

#include <stdbool.h>

#include "kernels/dsp.h"
#include "threads.h"

/*
 * Dense optical flow between the pictures of one stream by inverse search of patches (Kroeger, Timofte, Dai and Van
 * Gool 2016, "Fast Optical Flow using Dense Inverse Search"), on a pyramid of luma whose finest level is what the caller gives: half
 * the size of the video serves well. One thread at a time may use an NstOpticalFlow; it allocates nothing after flow_create,
 * and its results do not depend on the number of threads.
 */
typedef struct NstOpticalFlow NstOpticalFlow;

enum { NST_FIELD_CELL = 4, NST_FIELD_CELL_FLOATS = 5 }; /* samples to a side; for who fills a field */

/* A plane of displacements, in samples: what is at (i, j) lies at (i + x, j + y) in the other picture. */
typedef struct NstField {
    int w, h;      /* rows are w floats apart */
    float *x, *y;
    float *cells;  /* of flow_field's: room for NST_FIELD_CELL_FLOATS for each cell of samples */
} NstField;

/*
 * Of w x h samples. Levels of more than samples_max are not searched, but take the next one's motion, enlarged. err:
 * NST_ENOMEM. The table and the team must outlive the flow.
 */
int flow_create(NstOpticalFlow **flow, int w, int h, int samples_max, const NstDsp *dsp, const NstTeam *team,
                NstError *err);
void flow_free(NstOpticalFlow **flow);

/*
 * The next picture: what was the current one becomes the previous one. Returns sample (0, 0) of luma to fill, in levels
 * of 0 to 255, rows *stride floats apart; flow_ready then makes it the current one.
 */
float *flow_next(NstOpticalFlow *flow, ptrdiff_t *stride);
void flow_ready(NstOpticalFlow *flow);

/* From the current picture to the previous one; and the other way, less finely, for comparison. */
typedef enum NstWay { NST_WAY_BACK, NST_WAY_AHEAD } NstWay;
const NstField *flow_estimate(NstOpticalFlow *flow, NstWay way);

/*
 * The way ahead on the level next to the finest that is searched, if there is one: enough for comparison. Of such a field
 * a sample is as many wide and high as level 0 has for one of its own.
 */
const NstField *flow_ahead(NstOpticalFlow *flow);

/* The field that flow_estimate fills, for who has a motion from elsewhere. */
const NstField *flow_field(const NstOpticalFlow *flow, NstWay way);

/* Searches on from the motion that the field of NST_WAY_BACK holds, at the finest level that is searched alone. */
void flow_improve(NstOpticalFlow *flow);

/* The same from the last motion that was searched for, in less time the fewer rounds its refinement has, 1 to NST_REFINE_ROUNDS */
void flow_follow(NstOpticalFlow *flow, int rounds);

/* How badly the patch whose middle is sample (x, y) of the current picture fits the previous one, moved by (dx, dy). */
float flow_misfit(const NstOpticalFlow *flow, int x, int y, float dx, float dy);

/*
 * Whether a motion back fits as well as one that is searched for is likely to: nine samples of ten within a few levels,
 * and no worse in the mean than none.
 */
bool flow_explains(const NstOpticalFlow *flow, const NstField *back);

/* Luma of the current picture (0) and of the previous one (1), as given */
const float *flow_luma(const NstOpticalFlow *flow, int age, ptrdiff_t *stride);

size_t flow_bytes(int w, int h, int samples_max, int threads);

#endif
