/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_NAMES_H
#define NST_MODEL_NAMES_H

#include <stddef.h>

#include "graph.h"

/* Names of nodes and tensors. `what` is "node" or "tensor", for messages. */

/* Copies a name: 1 to NST_MAX_NAME - 1 bytes, no control characters. */
int name_copy(char to[NST_MAX_NAME], const char *name, const char *what, NstError *err);

/* Fails when two are equal. The first of n names is at `first`, the next ones follow at intervals of `step` bytes. */
int names_check_unique(const char *first, size_t step, int n, const char *what, NstError *err);

#endif
