/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libFuzzer harness: any bytes are read as a .nsw file, or refused with a message; what was read is written again as text.
 *
 *   clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Iinclude -Imodel tests/fuzz/fuzz_nsw.c \
 *       model/{graph,graph_shapes,graph_json,json,names,model,nsw,safetensors,safetensors_write,util}.c \
 *       -lcjson -lm -o fuzz_nsw
 *   ./fuzz_nsw -max_len=8192 -dict=tests/fuzz/nsw.dict CORPUS      (or one file: replays it)
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "graph_json.h"
#include "nsw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NstModel *model;
    NstModelInfo info;
    NstNodeInfo node;
    NstError err = {0};
    char *text;
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
