/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_ONNX_VALUES_H
#define NST_TOOLS_IMPORT_ONNX_VALUES_H

#include "build.h"
#include "onnx_file.h"

/* What the names of an ONNX graph stand for while it is read. */
typedef struct OnnxValue {
    OnnxText name;
    int node;         /* of the graph that is built; -1: a constant */
    NstTensor tensor; /* the constant; its data goes into the graph where a node uses it ... */
    int adopted;      /* ... as this tensor of the graph, else -1 */
    bool integers;
} OnnxValue;

typedef struct OnnxReader {
    NstBuild build;
    OnnxValue *values;
    int n_values;
    int opset;
    double white; /* what the result is clipped to at the end; 0: it is not */
    int clipped;  /* the node that is */
    NstError *err;
} OnnxReader;

/* Takes tensor->data over. */
int onnx_add_constant(OnnxReader *reader, OnnxText name, NstTensor *tensor, bool integers);
int onnx_add_node_value(OnnxReader *reader, OnnxText name, int node);
void onnx_free_values(OnnxReader *reader);

/* What input i of a node is: NULL where it is left out or unknown. */
OnnxValue *onnx_input(const OnnxReader *reader, const OnnxNode *node, int i);

/* The numbers of a constant, also after the graph took them. */
const float *onnx_numbers(const OnnxReader *reader, const OnnxValue *value);

/*
 * Computes a node whose inputs are constants, or a value's shape: 1: it was computed; 0: nothing to compute here;
 * else an error.
 */
int onnx_fold(OnnxReader *reader, const OnnxNode *node);

#endif
