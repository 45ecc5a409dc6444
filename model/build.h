/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_BUILD_H
#define NST_MODEL_BUILD_H

#include "graph.h"

/*
 * Building a graph in code. The first failure sticks: later calls do nothing and return something harmless, so only
 * build_end has to be checked.
 */
typedef struct NstBuild {
    NstGraph graph;
    int node_room, tensor_room; /* entries allocated */
    int code;                   /* of the first failure */
    NstError *err;
    NstNode spare_node;         /* returned after a failure */
} NstBuild;

/* Starts with the input node, "input". */
void build_begin(NstBuild *build, int channels, NstError *err);

/* Appends a node that reads node `input`, with default attributes. The pointer is good until the next build_node. */
__attribute__((format(printf, 4, 5))) NstNode *build_node(NstBuild *build, NstOp op, int input, const char *name, ...);

/* Index of the node that was appended last. */
int build_last(const NstBuild *build);

/* Appends a zeroed tensor NAME.PART (rank 1 where shape[1] is 0, else 4) and returns its index; -1 after a failure. */
int build_tensor(NstBuild *build, const char *name, const char *part, const int shape[4]);

/* Appends a tensor that exists already, whose data the graph owns from now on. */
int build_adopt(NstBuild *build, NstTensor *tensor);

/* Same padding on all four sides. */
void build_pad(NstNode *node, int pad, NstPadMode mode);

/* Hands the checked graph over, or frees what was built and returns the failure. */
int build_end(NstBuild *build, NstGraph *graph);

#endif
