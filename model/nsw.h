/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_NSW_H
#define NST_MODEL_NSW_H

#include <nst/model.h>

#include "graph.h"
#include "safetensors.h"

/* What a .nsw file holds (doc/nsw-format.md). */
struct NstModel {
    NstModelKind kind;
    NstGraph graph;
    float input_scale;  /* samples of 0..1 are multiplied by this for the network: 1 or 255 ... */
    float output_scale; /* ... and its output divided by this */
    bool input_bgr, output_bgr;
    NstMetadata metadata; /* every key of the file */
};

/*
 * A model of a graph: takes the graph over (zeroes *graph), checks it, sets nst.version, nst.kind and nst.graph, value
 * range 0..1 and RGB. On failure the graph is freed.
 */
int nsw_create(NstModel **model, NstModelKind kind, NstGraph *graph, NstError *err);

/* Sets the value of white at the input and at the output, in the fields and in the metadata. */
int nsw_set_range(NstModel *model, float range, NstError *err);

/* Sets or replaces a key. */
int nsw_set_metadata(NstModel *model, const char *key, const char *value, NstError *err);

#endif
