/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_GRAPH_JSON_H
#define NST_MODEL_GRAPH_JSON_H

#include "graph.h"

/* A graph's nodes as JSON text, the value of nst.graph in .nsw files (doc/nsw-format.md). */

/*
 * Reads the nodes of a graph whose tensors are there already, and checks the whole (graph_check). On failure the nodes
 * that were read stay in the graph, for graph_free.
 */
int graph_json_parse(NstGraph *graph, const char *text, NstError *err);

/* Writes attributes that differ from their defaults only. *text is malloc'ed. */
int graph_json_write(const NstGraph *graph, char **text, NstError *err);

#endif
