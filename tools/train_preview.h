/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_PREVIEW_H
#define NST_TOOLS_TRAIN_PREVIEW_H

#include <nst/model.h>

#include "media.h"

/* The picture as the style paints it now: *painted is allocated anew. */
int preview_paint(const NstModel *style, const Bitmap *picture, const NstCompute *compute, Bitmap *painted,
                  NstError *err);

#endif
