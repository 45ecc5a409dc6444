/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_MVFIELD_H
#define NST_MODEL_MVFIELD_H

#include <nst/stylize.h>

#include "flow.h"

/*
 * A decoder's motion vectors as a dense field of samples that are two pixels wide, from a grid of 8x8 pixels: what has
 * none (intra blocks) takes its neighbours', what stands alone among them their median; linear in between. `field` has
 * cells. NULL where info has no vectors.
 *
 * Which picture a vector refers to is not known: of the lengths that come into question each takes the one that fits the
 * pictures of `flow`. NULL: each as it is.
 */
const NstField *mvfield_fill(const NstField *field, const NstOpticalFlow *flow, const NstFrameInfo *info);

#endif
