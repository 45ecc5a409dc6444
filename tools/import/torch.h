/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_TORCH_H
#define NST_TOOLS_IMPORT_TORCH_H

#include "archive.h"
#include "safetensors.h"

/*
 * Files of torch.save: a state_dict, or a checkpoint that has one as an item. Tensors of one or four dimensions are
 * read; all others (linear layers, counters) are of no use to any network here.
 */
bool torch_is_legacy(const void *data, size_t size);
int torch_read_legacy(NstContainer *weights, const void *data, size_t size, NstError *err);

bool torch_is_archive(const Archive *archive);
int torch_read_archive(NstContainer *weights, Archive *archive, NstError *err);

#endif
