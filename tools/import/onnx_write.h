/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_ONNX_WRITE_H
#define NST_TOOLS_IMPORT_ONNX_WRITE_H

#include "nsw.h"

/*
 * Writes a network as an ONNX file (operator set 11) for one picture of 1 x 3 x H x W and any H and W that are
 * multiples of what the network needs. Values are those of the .nsw file; its metadata goes along, less the graph.
 */
int onnx_write(const NstModel *model, const char *path, NstError *err);

#endif
