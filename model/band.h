/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_BAND_H
#define NST_MODEL_BAND_H

#include "plan_internal.h"

/*
 * How a plan without gradients runs convolutions, additions and instance normalisation: over bands of rows. A band's
 * input is loaded through its view (view.h) into the cache, convolved there, and its statistics are taken before the
 * results leave the cache.
 */
bool band_takes(const NstPlan *plan, int node); /* the node is run by band_forward */
void band_forward(NstPlan *plan, int node);
size_t band_scratch(const NstPlan *plan, int node);

/* Doubles of plan->statistics[node] for a convolution that an instance_norm reads: sums and sums of squares. */
size_t band_statistics(const NstPlan *plan, int node);

#endif
