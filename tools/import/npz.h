/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_NPZ_H
#define NST_TOOLS_IMPORT_NPZ_H

#include "archive.h"
#include "bytes.h"
#include "safetensors.h"

/* Archives of NumPy arrays, NAME.npy, of floating-point numbers; other arrays are left out. */
bool npz_is(const Archive *archive);
int npz_read(NstContainer *weights, Archive *archive, NstError *err);

/* One of them; one that is left out is NST_OK too. */
int npz_read_array(NstContainer *weights, const char *name, Bytes bytes, NstError *err);

#endif
