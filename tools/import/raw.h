/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_RAW_H
#define NST_TOOLS_IMPORT_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "safetensors.h"

/*
 * Variables of a TensorFlow checkpoint as deeplearn.js' dump_checkpoint_vars.py writes them, and TensorFlow.js' demos
 * keep them: a folder with manifest.json,
 *
 *   {"Variable_3": {"filename": "Variable_3", "shape": [3, 3, 32, 64]}, ...}
 *
 * and beside it the files, each with the 32-bit floats of one variable, little-endian, and nothing else. Variables of
 * rank 0 are left out.
 */

/* Gives the bytes of a file beside the manifest, malloc'ed. The name is that of a file in this folder, never a path. */
typedef int RawFile(void *opaque, const char *name, void **data, size_t *size, NstError *err);

int raw_read(NstContainer *weights, const char *manifest, size_t length, RawFile *file, void *opaque, NstError *err);

/* Whether the path is a folder, or a file manifest.json: the folder, without a slash at its end. */
bool raw_is(const char *path, char *folder, size_t size);

int raw_read_folder(NstContainer *weights, const char *folder, NstError *err);

#endif
