/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_VIEW_H
#define NST_MODEL_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "graph.h"

/*
 * Values that are never stored. Where a plan needs no gradients, instance normalisation, ReLU, enlargement and
 * depthwise convolution are done while the convolution or addition that reads them loads its rows:
 *
 *   stored value -> instance_norm | affine? -> relu? -> upsample | depthwise conv2d?  -> rows in the cache of one core
 *
 * and so is an addition of two such values, if a convolution is the only one to read it. If others read it after that
 * convolution, and that one reads it by way of a depthwise one, it stores the rows that it adds.
 */
typedef struct NstView {
    int source;    /* the stored node; of an addition that is done on the way, that */
    int sum;       /* the node of each kind that is applied on the way, -1: none. An addition: before all others */
    int norm;      /* or affine */
    int relu;
    int upsample;
    int depthwise;
} NstView;

struct NstPlan;

/* The value is stored as it is. */
static inline bool view_is_plain(const NstView *view)
{
    return view->sum < 0 && view->norm < 0 && view->relu < 0 && view->upsample < 0 && view->depthwise < 0;
}

/* Decides which live nodes stay virtual, and fills in plan->view, is_virtual and read_until of all. */
void view_plan(struct NstPlan *plan);

/* Padded rows of one channel of a value. */
typedef struct NstWindowRows {
    NstShape shape; /* of the value, as the node has it */
    int pad[4];
    NstPadMode pad_mode;
    int first, n;   /* rows of the padded plane */
    int keep, end;  /* rows of the plane that are stored as well, from keep to end - 1: of an addition */
    size_t stride;  /* floats from one loaded row to the next: w + left + right, or more without depthwise */
} NstWindowRows;

/* Loads n rows to `to`. temporary: view_temporary floats. */
void view_load(const struct NstPlan *plan, const NstView *view, int channel, const NstWindowRows *rows,
               float *temporary, float *to);
size_t view_temporary(const struct NstPlan *plan, const NstView *view, int max_rows);

/* Samples first .. first + n - 1 of a channel's plane, of a view without upsample and depthwise. */
void view_samples(const struct NstPlan *plan, const NstView *view, int channel, size_t first, size_t n, float *to);

/* ... of two views, neither of them a sum, added; `to` may be where the first one's samples are stored. */
void view_sums(const struct NstPlan *plan, const NstView *a, const NstView *b, int channel, size_t first, size_t n,
               float *to);

/* Makes the view's samples of n stored ones of a channel, from anywhere in it: of no sum, upsample or depthwise. */
void view_finish(const struct NstPlan *plan, const NstView *view, int channel, float *x, size_t n);

#endif
