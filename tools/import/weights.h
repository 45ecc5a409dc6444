/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_WEIGHTS_H
#define NST_TOOLS_IMPORT_WEIGHTS_H

#include "safetensors.h"

/* Tensors by name, as most formats hold them. */

/* Appends a tensor, whose data is zero. Sizes are checked here; `bound` is the most elements that its file can hold. */
int weights_add(NstContainer *weights, const char *name, int rank, const long long *shape, long long bound,
                NstTensor **tensor, NstError *err);

/* The tensor of a name, or NULL. */
__attribute__((format(printf, 2, 3))) NstTensor *weights_find(const NstContainer *weights, const char *name, ...);

void weights_rename(NstTensor *tensor, const char *name);

/*
 * Whether the weights hold the tensor `name`, on its own or after a prefix such as "module.": the shortest such
 * prefix is then taken off all names that begin with it.
 */
bool weights_have(NstContainer *weights, const char *name);

/* Axis i of the result is axis axes[i] of the tensor, of rank 4. */
int weights_permute(NstTensor *tensor, const int axes[4], NstError *err);

#endif
