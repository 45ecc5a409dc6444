/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_T7_H
#define NST_TOOLS_IMPORT_T7_H

#include "import.h"
#include "value.h"

/*
 * Torch7's binary files. Objects become calls: of a tensor's class with sizes, steps, offset and storage, of a
 * storage's class with its bytes, of any other class with the table of its fields. Functions are skipped.
 */
bool t7_is(const void *data, size_t size);
int t7_parse(Values *values, const void *data, size_t size, int *root, NstError *err);

/* Checkpoints of jcjohnson's fast-neural-style: a table with `model`, an nn.Sequential, and `opt`. */
int t7_read(NstModel **model, const void *data, size_t size, const ImportOptions *options, NstError *err);

#endif
