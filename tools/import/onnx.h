/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_ONNX_H
#define NST_TOOLS_IMPORT_ONNX_H

#include "import.h"
#include "onnx_file.h"

/*
 * ONNX networks from a picture to a picture, the graph read as it stands: what is computed of constants and of the
 * picture's size is computed here, the rest becomes nodes. Values are those that the file says in its metadata
 * (nst.input.range) or clips its result to, else 0 to 255 as in the model zoo.
 */
int onnx_read(NstModel **model, const void *data, size_t size, const ImportOptions *options, NstError *err);

#endif
