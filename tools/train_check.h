/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_CHECK_H
#define NST_TOOLS_TRAIN_CHECK_H

#include <nst/train.h>

#include "content.h"

/* What pictures are no good for training, and why. */

/* Refuses a painting that no style can be learned from; `path` is for the message. */
int check_painting(const NstImage *painting, const char *path, NstError *err);

/* Words of warning on stderr, for inputs that will do but not well. */
void warn_of_painting(const NstImage *painting, const char *path, int crop);
void warn_of_content(const Content *content, int crop);

#endif
