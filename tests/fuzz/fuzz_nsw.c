/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libFuzzer harness: any bytes are read as a .nsw file and as a graph's text, or refused with a message; what was read
 * is written again as text.
 *
 *   clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Iinclude -Imodel tests/fuzz/fuzz_nsw.c \
 *       model/{graph,graph_shapes,graph_json,json,names,model,nsw,safetensors,safetensors_write,util}.c \
 *       -lcjson -lm -o fuzz_nsw
 *   ./fuzz_nsw -max_len=8192 -dict=tests/fuzz/nsw.dict CORPUS      (or one file: replays it)
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "graph_json.h"
#include "nsw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_graph(const uint8_t *data, size_t size)
{
    NstTensor tensors[] = {
        {.name = "w", .rank = 4, .shape = {3, 3, 1, 1}, .count = 9},
        {.name = "b", .rank = 1, .shape = {3}, .count = 3},
        {.name = "w4", .rank = 4, .shape = {4, 3, 3, 2}, .count = 72},
    };
    NstGraph graph = {.n_tensors = 3, .tensors = tensors};
    NstError err = {0};
    char *text = malloc(size + 1), *again;
    memcpy(text, data, size);
    text[size] = 0;
    if (graph_json_parse(&graph, text, &err) < 0) {
        if (!err.message[0])
            abort();
    } else {
        graph_multiple(&graph);
        if (graph_json_write(&graph, &again, &err) < 0)
            abort();
        free(again);
    }
    free(text);
    free(graph.nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NstModel *model;
    NstModelInfo info;
    NstNodeInfo node;
    NstError err = {0};
    char *text;
    read_graph(data, size);
    int code = nst_model_parse(&model, data, size, "fuzz", &err);
    if (code < 0) {
        if (model || err.code != code || !err.message[0])
            abort();
        return 0;
    }
    nst_model_info(model, &info);
    for (int i = 0; i < info.n_nodes; i++)
        if (nst_model_node(model, i, &node, &err) < 0)
            abort();
    if (graph_json_write(&model->graph, &text, &err) < 0)
        abort();
    free(text);
    nst_model_free(&model);
    return 0;
}
