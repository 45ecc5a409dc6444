/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph_json.h"

#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "names.h"
#include "util.h"

typedef enum AttributeType {
    ATTRIBUTE_INT,
    ATTRIBUTE_PAIR,  /* n or [vertical, horizontal] */
    ATTRIBUTE_SIDES, /* n or [top, bottom, left, right] */
    ATTRIBUTE_FLOAT,
    ATTRIBUTE_BOOL,
    ATTRIBUTE_PAD_MODE,
    ATTRIBUTE_UPSAMPLE_MODE,
    ATTRIBUTE_TENSOR
} AttributeType;

typedef struct Attribute {
    const char *name;
    AttributeType type;
    size_t offset; /* in NstNode */
    unsigned ops;  /* bits 1 << NstOp */
} Attribute;

enum {
    CONV = 1 << NST_OP_CONV2D,
    CONVS = CONV | 1 << NST_OP_CONV_TRANSPOSE2D,
    POOLS = 1 << NST_OP_MAX_POOL | 1 << NST_OP_AVG_POOL,
    PAD = 1 << NST_OP_PAD,
    CROP = 1 << NST_OP_CROP,
    NORM = 1 << NST_OP_INSTANCE_NORM,
    AFFINE = 1 << NST_OP_AFFINE,
    UPSAMPLE = 1 << NST_OP_UPSAMPLE,
    SHUFFLES = 1 << NST_OP_PIXEL_SHUFFLE | 1 << NST_OP_PIXEL_UNSHUFFLE
};

static const Attribute attributes[] = {
    {"channels", ATTRIBUTE_INT, offsetof(NstNode, channels), 1 << NST_OP_INPUT},
    {"weight", ATTRIBUTE_TENSOR, offsetof(NstNode, weight), CONVS | NORM | AFFINE},
    {"bias", ATTRIBUTE_TENSOR, offsetof(NstNode, bias), CONVS | NORM | AFFINE},
    {"kernel", ATTRIBUTE_PAIR, offsetof(NstNode, kernel), POOLS},
    {"stride", ATTRIBUTE_PAIR, offsetof(NstNode, stride), CONVS | POOLS},
    {"dilation", ATTRIBUTE_PAIR, offsetof(NstNode, dilation), CONVS},
    {"groups", ATTRIBUTE_INT, offsetof(NstNode, groups), CONVS},
    {"pad", ATTRIBUTE_SIDES, offsetof(NstNode, pad), CONVS | POOLS | PAD | CROP},
    {"pad_mode", ATTRIBUTE_PAD_MODE, offsetof(NstNode, pad_mode), CONV | PAD},
    {"output_pad", ATTRIBUTE_PAIR, offsetof(NstNode, output_pad), 1 << NST_OP_CONV_TRANSPOSE2D},
    {"factor", ATTRIBUTE_INT, offsetof(NstNode, factor), UPSAMPLE | SHUFFLES},
    {"mode", ATTRIBUTE_UPSAMPLE_MODE, offsetof(NstNode, mode), UPSAMPLE},
    {"ceil", ATTRIBUTE_BOOL, offsetof(NstNode, ceil), POOLS},
    {"count_pad", ATTRIBUTE_BOOL, offsetof(NstNode, count_pad), 1 << NST_OP_AVG_POOL},
    {"eps", ATTRIBUTE_FLOAT, offsetof(NstNode, eps), NORM},
    {"scale", ATTRIBUTE_FLOAT, offsetof(NstNode, scale), AFFINE},
    {"shift", ATTRIBUTE_FLOAT, offsetof(NstNode, shift), AFFINE},
};

enum { N_ATTRIBUTES = sizeof(attributes) / sizeof(*attributes) };

static const char *const pad_modes[] = {"zero", "reflect", "replicate", NULL};
static const char *const upsample_modes[] = {"nearest", "bilinear", NULL};

_Static_assert(sizeof(pad_modes) / sizeof(*pad_modes) == NST_PAD_MODE_COUNT + 1, "a name for each pad mode");
_Static_assert(sizeof(upsample_modes) / sizeof(*upsample_modes) == NST_UPSAMPLE_MODE_COUNT + 1, "and upsample mode");

static const Attribute *find_attribute(const char *name)
{
    for (int i = 0; i < N_ATTRIBUTES; i++)
        if (!strcmp(attributes[i].name, name))
            return &attributes[i];
    return NULL;
}

static int parse_integer(const cJSON *item, const char *what, int *value, NstError *err)
{
    int64_t wide;
    NST_TRY(json_integer(item, what, INT32_MIN, INT32_MAX, &wide, err));
    *value = (int)wide;
    return NST_OK;
}

/* n integers, or one for all */
static int parse_integers(const cJSON *item, const char *what, int n, int *values, NstError *err)
{
    if (!cJSON_IsArray(item)) {
        NST_TRY(parse_integer(item, what, &values[0], err));
        for (int i = 1; i < n; i++)
            values[i] = values[0];
        return NST_OK;
    }
    if (cJSON_GetArraySize(item) != n)
        return fail(err, NST_EFORMAT, "%s: an integer or an array of %d expected, an array of %d found", what, n,
                    cJSON_GetArraySize(item));
    const cJSON *element = item->child;
    for (int i = 0; i < n; i++, element = element->next)
        NST_TRY(parse_integer(element, what, &values[i], err));
    return NST_OK;
}

static int parse_float(const cJSON *item, const char *what, float *value, NstError *err)
{
    double wide;
    NST_TRY(json_number(item, what, -(double)FLT_MAX, (double)FLT_MAX, &wide, err));
    *value = (float)wide;
    return NST_OK;
}

static int parse_bool(const cJSON *item, const char *what, bool *value, NstError *err)
{
    if (!cJSON_IsBool(item))
        return fail(err, NST_EFORMAT, "%s: true or false expected", what);
    *value = cJSON_IsTrue(item);
    return NST_OK;
}

static int parse_choice(const cJSON *item, const char *what, const char *const *names, int *index, NstError *err)
{
    const char *text;
    NST_TRY(json_string(item, what, &text, err));
    for (*index = 0; names[*index]; ++*index)
        if (!strcmp(names[*index], text))
            return NST_OK;
    return fail(err, NST_EFORMAT, "%s: \"%s\" or similar expected, \"%.40s\" found", what, names[0], text);
}

static int parse_tensor_name(const cJSON *item, const char *what, const NstGraph *graph, int *tensor, NstError *err)
{
    const char *name;
    NST_TRY(json_string(item, what, &name, err));
    *tensor = graph_find_tensor(graph, name);
    return *tensor >= 0 ? NST_OK : fail(err, NST_EFORMAT, "%s: no tensor \"%.80s\" in the file", what, name);
}

static int parse_attribute(const NstGraph *graph, NstNode *node, const Attribute *attribute, const cJSON *item,
                           NstError *err)
{
    void *field = (char *)node + attribute->offset;
    int choice;
    switch (attribute->type) {
    case ATTRIBUTE_INT:
        return parse_integer(item, attribute->name, field, err);
    case ATTRIBUTE_PAIR:
        return parse_integers(item, attribute->name, 2, field, err);
    case ATTRIBUTE_SIDES:
        return parse_integers(item, attribute->name, 4, field, err);
    case ATTRIBUTE_FLOAT:
        return parse_float(item, attribute->name, field, err);
    case ATTRIBUTE_BOOL:
        return parse_bool(item, attribute->name, field, err);
    case ATTRIBUTE_PAD_MODE:
        NST_TRY(parse_choice(item, attribute->name, pad_modes, &choice, err));
        node->pad_mode = (NstPadMode)choice;
        return NST_OK;
    case ATTRIBUTE_UPSAMPLE_MODE:
        NST_TRY(parse_choice(item, attribute->name, upsample_modes, &choice, err));
        node->mode = (NstUpsampleMode)choice;
        return NST_OK;
    case ATTRIBUTE_TENSOR:
        return parse_tensor_name(item, attribute->name, graph, field, err);
    }
    return NST_OK;
}

static int find_input(const NstGraph *graph, const char *name, int *index, NstError *err)
{
    for (*index = graph->n_nodes - 1; *index >= 0; --*index)
        if (!strcmp(graph->nodes[*index].name, name))
            return NST_OK;
    return fail(err, NST_EFORMAT, "inputs: an earlier node expected, \"%.80s\" found", name);
}

static int parse_inputs(const NstGraph *graph, NstNode *node, const cJSON *array, NstError *err)
{
    const cJSON *item;
    if (!cJSON_IsArray(array))
        return fail(err, NST_EFORMAT, "inputs: an array of node names expected");
    cJSON_ArrayForEach(item, array) {
        const char *name;
        if (node->n_inputs == NST_MAX_INPUTS)
            return fail(err, NST_EFORMAT, "inputs: at most %d expected, more found", NST_MAX_INPUTS);
        NST_TRY(json_string(item, "inputs", &name, err));
        NST_TRY(find_input(graph, name, &node->inputs[node->n_inputs], err));
        node->n_inputs++;
    }
    return NST_OK;
}

static int parse_member(const NstGraph *graph, NstNode *node, const cJSON *item, NstError *err)
{
    if (!strcmp(item->string, "name") || !strcmp(item->string, "op"))
        return NST_OK;
    if (!strcmp(item->string, "inputs"))
        return parse_inputs(graph, node, item, err);
    const Attribute *attribute = find_attribute(item->string);
    if (!attribute || !(attribute->ops & 1u << node->op))
        return fail(err, NST_EUNSUPPORTED, "unknown attribute \"%.40s\"", item->string);
    return parse_attribute(graph, node, attribute, item, err);
}

static int check_members_unique(const cJSON *object, NstError *err)
{
    const cJSON *item, *other;
    if (cJSON_GetArraySize(object) > N_ATTRIBUTES + 3)
        return fail(err, NST_EFORMAT, "at most %d attributes expected, more found", N_ATTRIBUTES + 3);
    cJSON_ArrayForEach(item, object)
        for (other = item->next; other; other = other->next)
            if (!strcmp(item->string, other->string))
                return fail(err, NST_EFORMAT, "attribute \"%.40s\": found twice", item->string);
    return NST_OK;
}

static int parse_members(const NstGraph *graph, NstNode *node, const cJSON *object, NstError *err)
{
    const cJSON *item;
    const char *op;
    NST_TRY(check_members_unique(object, err));
    NST_TRY(json_string(cJSON_GetObjectItemCaseSensitive(object, "op"), "op", &op, err));
    node->op = graph_op_from_name(op);
    if (node->op == NST_OP_COUNT)
        return fail(err, NST_EUNSUPPORTED, "unknown op \"%.40s\"", op);
    cJSON_ArrayForEach(item, object)
        NST_TRY(parse_member(graph, node, item, err));
    return NST_OK;
}

static int parse_node(NstGraph *graph, const cJSON *object, NstError *err)
{
    NstNode *node = &graph->nodes[graph->n_nodes];
    const char *name;
    graph_node_defaults(node);
    if (!cJSON_IsObject(object))
        return fail(err, NST_EFORMAT, "node %d: an object expected", graph->n_nodes);
    int code = json_string(cJSON_GetObjectItemCaseSensitive(object, "name"), "name", &name, err);
    if (code < 0)
        return fail_within(err, code, "node %d", graph->n_nodes);
    NST_TRY(name_copy(node->name, name, "node", err));
    code = parse_members(graph, node, object, err);
    if (code < 0)
        return fail_within(err, code, "node \"%s\"", node->name);
    graph->n_nodes++;
    return NST_OK;
}

static int parse_nodes(NstGraph *graph, const cJSON *root, NstError *err)
{
    const cJSON *item;
    int n = cJSON_GetArraySize(root);
    if (!cJSON_IsArray(root) || n < 1)
        return fail(err, NST_EFORMAT, "an array of nodes expected");
    if (n > NST_MAX_NODES)
        return fail(err, NST_ETOOLARGE, "at most %d nodes expected, %d found", NST_MAX_NODES, n);
    graph->nodes = calloc((size_t)n, sizeof(*graph->nodes));
    if (!graph->nodes)
        return fail(err, NST_ENOMEM, "no memory for %d nodes", n);
    cJSON_ArrayForEach(item, root)
        NST_TRY(parse_node(graph, item, err));
    return graph_check(graph, err);
}

int graph_json_parse(NstGraph *graph, const char *text, NstError *err)
{
    cJSON *root;
    NST_TRY(json_parse(&root, text, strlen(text), err));
    int code = parse_nodes(graph, root, err);
    cJSON_Delete(root);
    return code;
}

/* One number where all n are the same. */
static cJSON *write_integers(const int *values, int n)
{
    for (int i = 1; i < n; i++)
        if (values[i] != values[0])
            return cJSON_CreateIntArray(values, n);
    return cJSON_CreateNumber(values[0]);
}

/* The shortest decimal that is this float: 1e-05, not 9.99999975e-06. */
static cJSON *write_float(float value)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return cJSON_CreateNumber(strtod(text, NULL));
}

static cJSON *write_value(const NstGraph *graph, const Attribute *attribute, const void *field)
{
    switch (attribute->type) {
    case ATTRIBUTE_INT:
        return write_integers(field, 1);
    case ATTRIBUTE_PAIR:
        return write_integers(field, 2);
    case ATTRIBUTE_SIDES:
        return write_integers(field, 4);
    case ATTRIBUTE_FLOAT:
        return write_float(*(const float *)field);
    case ATTRIBUTE_BOOL:
        return cJSON_CreateBool(*(const bool *)field);
    case ATTRIBUTE_PAD_MODE:
        return cJSON_CreateString(pad_modes[*(const NstPadMode *)field]);
    case ATTRIBUTE_UPSAMPLE_MODE:
        return cJSON_CreateString(upsample_modes[*(const NstUpsampleMode *)field]);
    case ATTRIBUTE_TENSOR:
        return cJSON_CreateString(graph->tensors[*(const int *)field].name);
    }
    return NULL;
}

static size_t attribute_size(AttributeType type)
{
    static const size_t sizes[] = {
        [ATTRIBUTE_INT] = sizeof(int),
        [ATTRIBUTE_PAIR] = 2 * sizeof(int),
        [ATTRIBUTE_SIDES] = 4 * sizeof(int),
        [ATTRIBUTE_FLOAT] = sizeof(float),
        [ATTRIBUTE_BOOL] = sizeof(bool),
        [ATTRIBUTE_PAD_MODE] = sizeof(NstPadMode),
        [ATTRIBUTE_UPSAMPLE_MODE] = sizeof(NstUpsampleMode),
        [ATTRIBUTE_TENSOR] = sizeof(int),
    };
    return sizes[type];
}

static bool add(cJSON *object, const char *key, cJSON *value)
{
    if (value && cJSON_AddItemToObject(object, key, value))
        return true;
    cJSON_Delete(value);
    return false;
}

static bool write_inputs(cJSON *object, const NstGraph *graph, const NstNode *node)
{
    cJSON *array = node->n_inputs ? cJSON_AddArrayToObject(object, "inputs") : NULL;
    for (int i = 0; i < node->n_inputs; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateString(graph->nodes[node->inputs[i]].name)))
            return false;
    return true;
}

static bool write_node(cJSON *object, const NstGraph *graph, const NstNode *node)
{
    NstNode defaults;
    graph_node_defaults(&defaults);
    if (!add(object, "name", cJSON_CreateString(node->name)) ||
        !add(object, "op", cJSON_CreateString(graph_op_name(node->op))) || !write_inputs(object, graph, node))
        return false;
    for (const Attribute *attribute = attributes; attribute < attributes + N_ATTRIBUTES; attribute++) {
        const char *field = (const char *)node + attribute->offset;
        const char *unset = (const char *)&defaults + attribute->offset;
        if (!(attribute->ops & 1u << node->op) || !memcmp(field, unset, attribute_size(attribute->type)))
            continue;
        if (!add(object, attribute->name, write_value(graph, attribute, field)))
            return false;
    }
    return true;
}

int graph_json_write(const NstGraph *graph, char **text, NstError *err)
{
    cJSON *root = cJSON_CreateArray();
    bool ok = root;
    for (int i = 0; ok && i < graph->n_nodes; i++) {
        cJSON *object = cJSON_CreateObject();
        ok = cJSON_AddItemToArray(root, object) && write_node(object, graph, &graph->nodes[i]);
    }
    char *printed = ok ? cJSON_PrintUnformatted(root) : NULL;
    *text = string_copy(printed);
    cJSON_free(printed);
    cJSON_Delete(root);
    return *text ? NST_OK : fail(err, NST_ENOMEM, "no memory for the graph's text");
}
