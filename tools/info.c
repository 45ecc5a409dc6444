/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst info: what a .nsw file holds, for people and for programs. */
#include "nst.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <nst/model.h>

#include "options.h"

typedef struct InfoSettings {
    bool json;
} InfoSettings;

static const Option info_options[] = {
    {"json", 0, OPTION_FLAG, false, offsetof(InfoSettings, json), "", 0, 0, "JSON, for programs"},
    {0}
};

static const Command info_command = {
    .name = "info",
    .usage = "[--json] FILE|STYLE",
    .summary = "Shows name, kind, graph, parameters, cost, training and licence of a .nsw file.\n"
               "A style's name is looked for in NST_PATH and the data folder.",
    .options = info_options,
    .min_operands = 1,
    .max_operands = 1,
};

/* Text of unknown origin on a terminal: control characters become question marks. */
static void print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_field(const char *label, const char *value)
{
    printf("%-12s", label);
    print_text(*value ? value : "-");
    putchar('\n');
}

/* With its digits in groups of three: 1 234 567 */
static const char *grouped(char text[32], int64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)number), used = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text[used++] = ' ';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

static void print_training(const char *text)
{
    cJSON *root = cJSON_Parse(text), *item;
    if (!cJSON_IsObject(root)) {
        print_field("training", text);
    } else {
        printf("training\n");
        cJSON_ArrayForEach(item, root) {
            char *value = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
            printf("    ");
            print_text(item->string);
            printf(": ");
            print_text(value ? value : cJSON_IsString(item) ? item->valuestring : "");
            putchar('\n');
            cJSON_free(value);
        }
    }
    cJSON_Delete(root);
}

static const char *node_name(const NstModel *model, int index)
{
    NstNodeInfo info;
    return nst_model_node(model, index, &info, NULL) < 0 ? "" : info.name;
}

/* Inputs are told where they are not just the node before. */
static void print_node(const NstModel *model, int index, int width)
{
    NstNodeInfo node;
    char count[32];
    if (nst_model_node(model, index, &node, NULL) < 0)
        return;
    printf("    ");
    print_text(node.name);
    printf("%*s  %-16s %5d  %12s  %10.10g  %s", width - (int)strlen(node.name), "", node.op, node.channels,
           grouped(count, node.n_parameters), node.macs_per_pixel, node.detail);
    if (node.n_inputs > 1 || (node.n_inputs == 1 && node.inputs[0] != index - 1)) {
        printf("%sof", *node.detail ? ", " : "");
        for (int i = 0; i < node.n_inputs; i++) {
            putchar(' ');
            print_text(node_name(model, node.inputs[i]));
        }
    }
    putchar('\n');
}

static void print_graph(const NstModel *model, int n_nodes)
{
    int width = 4;
    for (int i = 0; i < n_nodes; i++) {
        int length = (int)strlen(node_name(model, i));
        width = length > width ? length : width;
    }
    printf("graph\n    %-*s  %-16s %5s  %12s  %10s\n", width, "node", "op", "chan.", "parameters", "MAC/pixel");
    for (int i = 0; i < n_nodes; i++)
        print_node(model, i, width);
}

static const char *metadata_or(const NstModel *model, const char *key, const char *other)
{
    const char *value = nst_model_metadata(model, key);
    return value ? value : other;
}

static void print_people(const NstModel *model, const char *path)
{
    NstModelInfo info;
    char count[32];
    nst_model_info(model, &info);
    print_field("file", path);
    print_field("name", info.name);
    print_field("kind", info.kind == NST_KIND_STYLE ? "style" : "loss");
    print_field("author", info.author);
    print_field("licence", info.licence);
    printf("%-12s%s in %d tensors\n", "parameters", grouped(count, info.n_parameters), info.n_tensors);
    printf("%-12s%.10g multiply-accumulates per pixel\n", "cost", info.macs_per_pixel);
    printf("%-12ssides are padded to multiples of %d\n", "size", info.multiple);
    printf("%-12s0 to %s, %s\n", "input", metadata_or(model, "nst.input.range", "1"),
           metadata_or(model, "nst.input.order", "rgb"));
    if (info.kind == NST_KIND_STYLE)
        printf("%-12s0 to %s, %s\n", "output", metadata_or(model, "nst.output.range", "1"),
               metadata_or(model, "nst.output.order", "rgb"));
    print_training(info.training);
    print_graph(model, info.n_nodes);
}

static cJSON *json_node(const NstModel *model, int index)
{
    cJSON *object = cJSON_CreateObject(), *inputs;
    NstNodeInfo node;
    if (nst_model_node(model, index, &node, NULL) < 0)
        return object;
    cJSON_AddStringToObject(object, "name", node.name);
    cJSON_AddStringToObject(object, "op", node.op);
    inputs = cJSON_AddArrayToObject(object, "inputs");
    for (int i = 0; i < node.n_inputs; i++)
        cJSON_AddItemToArray(inputs, cJSON_CreateString(node_name(model, node.inputs[i])));
    cJSON_AddStringToObject(object, "detail", node.detail);
    cJSON_AddNumberToObject(object, "channels", node.channels);
    cJSON_AddNumberToObject(object, "parameters", (double)node.n_parameters);
    cJSON_AddNumberToObject(object, "macs_per_pixel", node.macs_per_pixel);
    return object;
}

static cJSON *json_tensor(const NstModel *model, int index)
{
    cJSON *object = cJSON_CreateObject();
    NstTensorInfo tensor;
    if (nst_model_tensor(model, index, &tensor, NULL) < 0)
        return object;
    cJSON_AddStringToObject(object, "name", tensor.name);
    cJSON_AddStringToObject(object, "dtype", tensor.is_f16 ? "F16" : "F32");
    cJSON_AddItemToObject(object, "shape", cJSON_CreateIntArray(tensor.shape, tensor.rank));
    return object;
}

static void add_training(cJSON *root, const char *text)
{
    cJSON *training = cJSON_Parse(text);
    cJSON_AddItemToObject(root, "training", training ? training : cJSON_CreateString(text));
}

static cJSON *json_model(const NstModel *model, const char *path)
{
    static const char *const keys[] = {"nst.input.range", "nst.input.order", "nst.output.range", "nst.output.order"};
    static const char *const names[] = {"input_range", "input_order", "output_range", "output_order"};
    cJSON *root = cJSON_CreateObject(), *array;
    NstModelInfo info;
    nst_model_info(model, &info);
    cJSON_AddStringToObject(root, "file", path);
    cJSON_AddStringToObject(root, "name", info.name);
    cJSON_AddStringToObject(root, "kind", info.kind == NST_KIND_STYLE ? "style" : "loss");
    cJSON_AddStringToObject(root, "author", info.author);
    cJSON_AddStringToObject(root, "licence", info.licence);
    add_training(root, info.training);
    cJSON_AddNumberToObject(root, "parameters", (double)info.n_parameters);
    cJSON_AddNumberToObject(root, "macs_per_pixel", info.macs_per_pixel);
    cJSON_AddNumberToObject(root, "multiple", info.multiple);
    for (int i = 0; i < 4; i++)
        cJSON_AddStringToObject(root, names[i], metadata_or(model, keys[i], i % 2 ? "rgb" : "1"));
    array = cJSON_AddArrayToObject(root, "graph");
    for (int i = 0; i < info.n_nodes; i++)
        cJSON_AddItemToArray(array, json_node(model, i));
    array = cJSON_AddArrayToObject(root, "tensors");
    for (int i = 0; i < info.n_tensors; i++)
        cJSON_AddItemToArray(array, json_tensor(model, i));
    return root;
}

static int print_json(const NstModel *model, const char *path)
{
    cJSON *root = json_model(model, path);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (!text)
        return failure("info", "out of memory");
    puts(text);
    cJSON_free(text);
    return EXIT_SUCCESS;
}

static int show(const char *style, bool json)
{
    NstError err;
    NstModel *model;
    char *path;
    int status = EXIT_SUCCESS;
    if (nst_style_find(style, &path, &err) < 0)
        return failure("info", "%s", err.message);
    if (nst_model_load(&model, path, &err) < 0) {
        status = failure("info", "%s", err.message);
    } else {
        if (json)
            status = print_json(model, path);
        else
            print_people(model, path);
        nst_model_free(&model);
    }
    free(path);
    return status;
}

int cmd_info(int argc, char **argv)
{
    InfoSettings settings = {false};
    TextList operands;
    int status = options_parse(&info_command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = show(operands.items[0], settings.json);
    options_free(&info_command, &settings, &operands);
    return status;
}
