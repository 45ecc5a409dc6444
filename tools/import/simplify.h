/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_SIMPLIFY_H
#define NST_TOOLS_IMPORT_SIMPLIFY_H

#include "graph.h"

/*
 * Other programs pad in a layer of its own; here convolutions do it themselves, which is faster. A `pad` node whose
 * only user is a convolution without padding goes into it. On failure the graph is freed.
 */
int simplify_pads(NstGraph *graph, NstError *err);

#endif
