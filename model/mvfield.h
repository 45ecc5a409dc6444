/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_MVFIELD_H
#define NST_MODEL_MVFIELD_H

#include <nst/stylize.h>

#include "flow.h"

/*
 * A decoder's motion vectors as a dense field of samples that are two pixels wide: blocks are filled in, samples without
 * a vector (intra blocks) stay where they are. NULL where info has none.
 */
const NstField *mvfield_fill(const NstField *field, const NstFrameInfo *info);

#endif
