/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_ONNX_FILE_H
#define NST_TOOLS_IMPORT_ONNX_FILE_H

#include <stdbool.h>

#include "graph.h"
#include "wire.h"

/* The messages of an ONNX file (onnx.proto3), read where they lie. */

typedef struct OnnxText { /* no 0 at its end */
    const char *at;
    size_t length;
} OnnxText;

typedef struct OnnxModel {
    int opset; /* of ONNX' own operators */
    Bytes graph;
    Bytes message;
} OnnxModel;

typedef struct OnnxNode {
    OnnxText op, output; /* the first output */
    int n_inputs;
    OnnxText inputs[NST_MAX_INPUTS];
    Bytes message;
} OnnxNode;

enum { ONNX_MAX_LIST = 16 };

typedef struct OnnxAttribute {
    bool given;
    double f;
    long long i;
    OnnxText s;
    Bytes t; /* a tensor's message */
    int n;   /* numbers of a list */
    double list[ONNX_MAX_LIST];
} OnnxAttribute;

/* A graph's input or output; a side that is not fixed is 0. */
typedef struct OnnxInput {
    OnnxText name;
    int rank;
    long long sides[NST_MAX_RANK];
} OnnxInput;

/* Fields of the messages, for wire_next. */
enum { ONNX_GRAPH_NODE = 1, ONNX_GRAPH_INITIALIZER = 5, ONNX_GRAPH_INPUT = 11, ONNX_GRAPH_OUTPUT = 12 };

bool onnx_text_is(OnnxText text, const char *word);

bool onnx_is(const void *data, size_t size); /* by its first bytes */
int onnx_parse_model(OnnxModel *model, const void *data, size_t size, NstError *err);

/* The value of a key of the model's metadata; of no length where it is not there. */
OnnxText onnx_metadata(const OnnxModel *model, const char *key);

int onnx_parse_node(OnnxNode *node, Bytes message, NstError *err);

/* The attribute of that name; one that is not given has zeroes. */
int onnx_attribute(const OnnxNode *node, const char *name, OnnxAttribute *attribute, NstError *err);

int onnx_parse_input(OnnxInput *input, Bytes message, NstError *err);

/* A tensor of floating-point numbers or integers, as floats; data is aligned_calloc'ed. The name is not filled in. */
int onnx_parse_tensor(NstTensor *tensor, OnnxText *name, bool *integers, Bytes message, NstError *err);

#endif
