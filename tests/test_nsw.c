/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* .nsw files: the graph's JSON, metadata, what the public interface tells, and malformed files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "bytes.h"
#include "graph_json.h"
#include "nsw.h"

/* Tensors that the graphs here may use: 24 floats of data, all 0.25. */
static const char tensors[] = "\"w\":{\"dtype\":\"F32\",\"shape\":[3,3,1,1],\"data_offsets\":[0,36]},"
                              "\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[36,48]},"
                              "\"w4\":{\"dtype\":\"F32\",\"shape\":[4,3,1,1],\"data_offsets\":[48,96]}";
enum { DATA_FLOATS = 24 };

#define X "{\"name\":\"x\",\"op\":\"input\",\"channels\":3}"
#define CONV "{\"name\":\"c\",\"op\":\"conv2d\",\"inputs\":[\"x\"],\"weight\":\"w\",\"bias\":\"b\"}"

/* A file with this graph (JSON text), this version and kind; `more` is further metadata, beginning with a comma. */
static Bytes nsw_file(const char *graph, const char *version, const char *kind, const char *more)
{
    float data[DATA_FLOATS];
    cJSON *quoted = cJSON_CreateString(graph);
    char *text = cJSON_PrintUnformatted(quoted);
    size_t room = strlen(text) + strlen(tensors) + strlen(more) + 200;
    char *header = malloc(room);
    snprintf(header, room,
             "{\"__metadata__\":{\"nst.version\":\"%s\",\"nst.kind\":\"%s\",\"nst.graph\":%s%s},%s}",
             version, kind, text, more, tensors);
    for (int i = 0; i < DATA_FLOATS; i++)
        data[i] = 0.25f;
    Bytes file = bytes_file(header, data, sizeof(data));
    free(header);
    cJSON_free(text);
    cJSON_Delete(quoted);
    return file;
}

static void expect_refused(Bytes file, int code, const char *message)
{
    NstModel *model;
    NstError err = {0};
    int found = nst_model_parse(&model, file.data, file.size, "bad.nsw", &err);
    if (found != code || err.code != code || !strstr(err.message, message) || strncmp(err.message, "bad.nsw: ", 9))
        fail_msg("code %d and \"%s\" expected, %d and \"%s\" found", code, message, found, err.message);
    assert_null(model);
    assert_int_equal(nst_model_parse(&model, file.data, file.size, "bad.nsw", NULL), code);
    bytes_free(&file);
}

static NstModel *parse_good(const char *graph, const char *kind, const char *more)
{
    NstModel *model;
    NstError err = {0};
    Bytes file = nsw_file(graph, "1", kind, more);
    if (nst_model_parse(&model, file.data, file.size, "good.nsw", &err) < 0)
        fail_msg("%s: %s", graph, err.message);
    bytes_free(&file);
    return model;
}

static void test_info(void **state)
{
    (void)state;
    NstModelInfo info;
    NstTensorInfo tensor;
    NstNodeInfo node;
    NstError err = {0};
    NstModel *model = parse_good("[" X "," CONV "]", "style",
                                 ",\"nst.name\":\"toy\",\"nst.licence\":\"CC0-1.0\",\"nst.training\":\"{}\","
                                 "\"other\":\"o\"");
    nst_model_info(model, &info);
    assert_int_equal(info.kind, NST_KIND_STYLE);
    assert_string_equal(info.name, "toy");
    assert_string_equal(info.author, "");
    assert_string_equal(info.licence, "CC0-1.0");
    assert_string_equal(info.training, "{}");
    assert_int_equal(info.n_nodes, 2);
    assert_int_equal(info.n_tensors, 3);
    assert_int_equal(info.n_parameters, 24);
    assert_float_equal(info.macs_per_pixel, 9, 0);
    assert_int_equal(info.multiple, 1);
    assert_string_equal(nst_model_metadata(model, "other"), "o");
    assert_null(nst_model_metadata(model, "none"));
    assert_int_equal(nst_model_tensor(model, 2, &tensor, &err), NST_OK);
    assert_string_equal(tensor.name, "w4");
    assert_int_equal(tensor.shape[0], 4);
    assert_int_equal(nst_model_tensor(model, 3, &tensor, &err), NST_EINVAL);
    assert_int_equal(nst_model_tensor(model, -1, &tensor, &err), NST_EINVAL);
    assert_int_equal(nst_model_node(model, 1, &node, &err), NST_OK);
    assert_string_equal(node.name, "c");
    assert_string_equal(node.op, "conv2d");
    assert_string_equal(node.detail, "kernel 1x1");
    assert_int_equal(node.n_parameters, 12);
    assert_int_equal(node.inputs[0], 0);
    assert_int_equal(nst_model_node(model, 2, &node, &err), NST_EINVAL);
    nst_model_free(&model);
    assert_null(model);
    nst_model_free(&model);
}

static void test_value_ranges(void **state)
{
    (void)state;
    NstModel *model = parse_good("[" X "]", "style", "");
    assert_float_equal(model->input_scale, 1, 0);
    assert_float_equal(model->output_scale, 1, 0);
    assert_false(model->input_bgr || model->output_bgr);
    nst_model_free(&model);
    model = parse_good("[" X "]", "style", ",\"nst.input.range\":\"255\",\"nst.output.range\":\"127.5\","
                       "\"nst.input.order\":\"bgr\",\"nst.output.order\":\"rgb\"");
    assert_float_equal(model->input_scale, 255, 0);
    assert_float_equal(model->output_scale, 127.5, 0);
    assert_true(model->input_bgr);
    assert_false(model->output_bgr);
    nst_model_free(&model);
}

/* Every op and attribute, in the spelling that the writer uses: reading and writing gives the same text. */
static const char every_op[] =
    "[{\"name\":\"x\",\"op\":\"input\",\"channels\":3},"
    "{\"name\":\"c\",\"op\":\"conv2d\",\"inputs\":[\"x\"],\"weight\":\"w\",\"bias\":\"b\",\"stride\":[1,2],"
    "\"dilation\":[2,3],\"pad\":[0,1,2,3],\"pad_mode\":\"reflect\"},"
    "{\"name\":\"t\",\"op\":\"conv_transpose2d\",\"inputs\":[\"c\"],\"weight\":\"w\",\"stride\":2,\"pad\":1,"
    "\"output_pad\":[1,0]},"
    "{\"name\":\"n\",\"op\":\"instance_norm\",\"inputs\":[\"t\"],\"weight\":\"b\",\"eps\":0.001},"
    "{\"name\":\"r\",\"op\":\"relu\",\"inputs\":[\"n\"]},"
    "{\"name\":\"th\",\"op\":\"tanh\",\"inputs\":[\"r\"]},"
    "{\"name\":\"a\",\"op\":\"add\",\"inputs\":[\"r\",\"th\"]},"
    "{\"name\":\"m\",\"op\":\"mul\",\"inputs\":[\"a\",\"a\"]},"
    "{\"name\":\"f\",\"op\":\"affine\",\"inputs\":[\"m\"],\"bias\":\"b\",\"scale\":0.1,\"shift\":-127.5},"
    "{\"name\":\"u\",\"op\":\"upsample\",\"inputs\":[\"f\"],\"factor\":2,\"mode\":\"bilinear\"},"
    "{\"name\":\"pu\",\"op\":\"pixel_unshuffle\",\"inputs\":[\"u\"],\"factor\":2},"
    "{\"name\":\"ps\",\"op\":\"pixel_shuffle\",\"inputs\":[\"pu\"],\"factor\":2},"
    "{\"name\":\"mp\",\"op\":\"max_pool\",\"inputs\":[\"ps\"],\"kernel\":[2,3],\"stride\":2,\"pad\":[1,0,1,1],"
    "\"ceil\":true},"
    "{\"name\":\"ap\",\"op\":\"avg_pool\",\"inputs\":[\"mp\"],\"kernel\":2,\"count_pad\":true},"
    "{\"name\":\"p\",\"op\":\"pad\",\"inputs\":[\"ap\"],\"pad\":3,\"pad_mode\":\"replicate\"},"
    "{\"name\":\"k\",\"op\":\"crop\",\"inputs\":[\"p\"],\"pad\":[1,2,3,4]},"
    "{\"name\":\"cc\",\"op\":\"concat\",\"inputs\":[\"k\",\"k\",\"k\"]}]";

static void test_every_op(void **state)
{
    (void)state;
    char *text;
    NstModel *model = parse_good(every_op, "loss", "");
    const NstNode *nodes = model->graph.nodes;
    assert_int_equal(model->graph.n_nodes, NST_OP_COUNT);
    for (int op = 0; op < NST_OP_COUNT; op++)
        assert_true(graph_find(&model->graph, nodes[op].name) == op);
    assert_int_equal(nodes[1].pad[NST_RIGHT], 3);
    assert_int_equal(nodes[1].dilation[NST_X], 3);
    assert_int_equal(nodes[1].pad_mode, NST_PAD_REFLECT);
    assert_int_equal(nodes[2].stride[NST_Y], 2);
    assert_int_equal(nodes[2].pad[NST_BOTTOM], 1);
    assert_float_equal(nodes[3].eps, 1e-3f, 0);
    assert_float_equal(nodes[8].scale, 0.1f, 0);
    assert_int_equal(nodes[8].weight, -1);
    assert_int_equal(nodes[8].bias, 1);
    assert_true(nodes[12].ceil && nodes[13].count_pad && !nodes[13].ceil);
    assert_int_equal(nodes[16].channels, 9);
    assert_int_equal(graph_json_write(&model->graph, &text, NULL), NST_OK);
    assert_string_equal(text, every_op);
    free(text);
    nst_model_free(&model);
}

static void test_details(void **state)
{
    (void)state;
    static const char *const details[] = {
        [1] = "kernel 1x1, stride 1x2, dilation 2x3, pad 0 1 2 3 reflect",
        [2] = "kernel 1x1, stride 2, pad 1, output pad 1x0",
        [3] = "eps 0.001", [8] = "scale 0.1, shift by channel", [9] = "factor 2 bilinear",
        [12] = "kernel 2x3, stride 2, pad 1 0 1 1, ceil", [13] = "kernel 2x2, stride 1, padding counts",
        [14] = "pad 3 replicate", [15] = "crop 1 2 3 4", [16] = "",
    };
    NstModel *model = parse_good(every_op, "loss", "");
    for (int i = 0; i < (int)(sizeof(details) / sizeof(*details)); i++) {
        NstNodeInfo info;
        assert_int_equal(nst_model_node(model, i, &info, NULL), NST_OK);
        if (details[i])
            assert_string_equal(info.detail, details[i]);
    }
    nst_model_free(&model);
}

/* A graph of two nodes, x and one that is wrong. */
typedef struct BadNode {
    const char *node;
    int code;
    const char *message;
} BadNode;

#define N(op, rest) "{\"name\":\"n\",\"op\":\"" op "\",\"inputs\":[\"x\"]" rest "}"

static const BadNode bad_nodes[] = {
    {"1", NST_EFORMAT, "node 1: an object expected"},
    {"[]", NST_EFORMAT, "node 1: an object expected"},
    {"{}", NST_EFORMAT, "node 1: name: a string expected, nothing found"},
    {"{\"name\":1}", NST_EFORMAT, "name: a string expected, 1 found"},
    {"{\"name\":\"\"}", NST_EFORMAT, "a name of 1 to 127 bytes expected, 0 found"},
    {"{\"name\":\"a\\nb\"}", NST_EFORMAT, "byte 0x0a found at 1"},
    {"{\"name\":\"n\"}", NST_EFORMAT, "node \"n\": op: a string expected, nothing found"},
    {N("softmax", ""), NST_EUNSUPPORTED, "node \"n\": unknown op \"softmax\""},
    {N("\\u001b[31m", ""), NST_EUNSUPPORTED, "unknown op \"?[31m\""},
    {N("relu", ",\"stride\":1"), NST_EUNSUPPORTED, "unknown attribute \"stride\""},
    {N("relu", ",\"alpha\":1"), NST_EUNSUPPORTED, "unknown attribute \"alpha\""},
    {N("relu", ",\"op\":\"relu\""), NST_EFORMAT, "attribute \"op\": found twice"},
    {N("relu", ",\"name\":\"m\""), NST_EFORMAT, "attribute \"name\": found twice"},
    {N("relu", ",\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,"
       "\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"r\":1"), NST_EFORMAT, "attributes expected, more found"},
    {"{\"name\":\"x\",\"op\":\"relu\",\"inputs\":[\"x\"]}", NST_EFORMAT, "node \"x\": unique names"},
    {"{\"name\":\"n\",\"op\":\"relu\"}", NST_EFORMAT, "number of inputs: 1 to 1 expected, 0 found"},
    {"{\"name\":\"n\",\"op\":\"relu\",\"inputs\":\"x\"}", NST_EFORMAT, "inputs: an array of node names"},
    {"{\"name\":\"n\",\"op\":\"relu\",\"inputs\":[0]}", NST_EFORMAT, "inputs: a string expected, 0 found"},
    {"{\"name\":\"n\",\"op\":\"relu\",\"inputs\":[\"n\"]}", NST_EFORMAT, "an earlier node expected, \"n\" found"},
    {"{\"name\":\"n\",\"op\":\"relu\",\"inputs\":[\"m\"]},{\"name\":\"m\",\"op\":\"relu\",\"inputs\":[\"n\"]}",
     NST_EFORMAT, "an earlier node expected, \"m\" found"},
    {"{\"name\":\"n\",\"op\":\"concat\",\"inputs\":[\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\","
     "\"x\",\"x\",\"x\",\"x\",\"x\",\"x\"]}", NST_EFORMAT, "inputs: at most 16 expected"},
    {"{\"name\":\"n\",\"op\":\"input\",\"channels\":3}", NST_EFORMAT, "the first node, and no other"},
    {N("conv2d", ""), NST_EFORMAT, "a weight tensor expected"},
    {N("conv2d", ",\"weight\":3"), NST_EFORMAT, "weight: a string expected, 3 found"},
    {N("conv2d", ",\"weight\":\"v\""), NST_EFORMAT, "weight: no tensor \"v\" in the file"},
    {N("conv2d", ",\"weight\":\"b\""), NST_EFORMAT, "tensor \"b\": rank 4 expected, 1 found"},
    {N("conv2d", ",\"weight\":\"w4\",\"bias\":\"b\""), NST_EFORMAT, "tensor \"b\": 4 expected, 3 found"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":\"2\""), NST_EFORMAT, "stride: an integer from"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":1.5"), NST_EFORMAT, "1.5 found"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":1e300"), NST_EFORMAT, "1.0000000000000001e+300 found"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":[1]"), NST_EFORMAT, "an array of 2 expected, an array of 1 found"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":[1,null]"), NST_EFORMAT, "null found"},
    {N("conv2d", ",\"weight\":\"w\",\"stride\":[[1],1]"), NST_EFORMAT, "an array found"},
    {N("conv2d", ",\"weight\":\"w\",\"pad\":[1,1]"), NST_EFORMAT, "an array of 4 expected, an array of 2 found"},
    {N("conv2d", ",\"weight\":\"w\",\"pad\":-1"), NST_EFORMAT, "top pad: 0 to 1024 expected, -1 found"},
    {N("conv2d", ",\"weight\":\"w\",\"pad_mode\":\"circular\""), NST_EFORMAT, "\"circular\" found"},
    {N("conv2d", ",\"weight\":\"w\",\"pad_mode\":1"), NST_EFORMAT, "pad_mode: a string expected"},
    {N("conv2d", ",\"weight\":\"w\",\"output_pad\":0"), NST_EUNSUPPORTED, "unknown attribute \"output_pad\""},
    {N("max_pool", ",\"kernel\":2,\"ceil\":1"), NST_EFORMAT, "ceil: true or false expected"},
    {N("max_pool", ",\"kernel\":2,\"count_pad\":true"), NST_EUNSUPPORTED, "unknown attribute \"count_pad\""},
    {N("instance_norm", ",\"eps\":\"1e-5\""), NST_EFORMAT, "eps: a number from"},
    {N("instance_norm", ",\"eps\":NaN"), NST_EFORMAT, "JSON"},
    {N("instance_norm", ",\"eps\":null"), NST_EFORMAT, "null found"},
    {N("instance_norm", ",\"eps\":-1"), NST_EFORMAT, "eps: more than 0 and at most 1 expected, -1 found"},
    {N("instance_norm", ",\"eps\":1e-60"), NST_EFORMAT, "eps: more than 0"},
    {N("affine", ",\"scale\":1e39"), NST_EFORMAT, "scale: a number from"},
    {N("affine", ",\"shift\":1e999"), NST_EFORMAT, "inf found"},
    {N("upsample", ",\"mode\":\"cubic\""), NST_EFORMAT, "\"cubic\" found"},
    {N("upsample", ",\"factor\":100000"), NST_EFORMAT, "factor: 1 to 63 expected, 100000 found"},
    {N("relu", "},"), NST_EFORMAT, "nst.graph: JSON"},
};

static void test_bad_nodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_nodes) / sizeof(*bad_nodes); i++) {
        char graph[1024];
        snprintf(graph, sizeof(graph), "[" X ",%s]", bad_nodes[i].node);
        expect_refused(nsw_file(graph, "1", "style", ""), bad_nodes[i].code, bad_nodes[i].message);
    }
}

static void test_bad_graphs(void **state)
{
    (void)state;
    expect_refused(nsw_file("", "1", "style", ""), NST_EFORMAT, "nst.graph: JSON");
    expect_refused(nsw_file("{}", "1", "style", ""), NST_EFORMAT, "an array of nodes");
    expect_refused(nsw_file("[]", "1", "style", ""), NST_EFORMAT, "an array of nodes");
    expect_refused(nsw_file("[" X "] x", "1", "style", ""), NST_EFORMAT, "more found");
    expect_refused(nsw_file("[" X, "1", "style", ""), NST_EFORMAT, "JSON");
    expect_refused(nsw_file("[" CONV "]", "1", "style", ""), NST_EFORMAT, "an earlier node expected, \"x\" found");
    expect_refused(nsw_file("[{\"name\":\"x\",\"op\":\"input\"}]", "1", "style", ""), NST_EFORMAT, "channels: 1 to");
    expect_refused(nsw_file("[{\"name\":\"x\",\"op\":\"input\",\"channels\":1}]", "1", "loss", ""), NST_EFORMAT,
                   "\"x\" (the input): 3 channels expected, 1 found");
    expect_refused(nsw_file("[" X "," N("conv2d", ",\"weight\":\"w4\"") "]", "1", "style", ""), NST_EFORMAT,
                   "\"n\" (the output): 3 channels expected, 4 found");
    expect_refused(nsw_file("[" X "," N("upsample", ",\"factor\":2") "]", "1", "style", ""), NST_EFORMAT,
                   "an output of the input's size expected, 2x2 for 1x1 found");
    expect_refused(nsw_file("[" X "," N("crop", ",\"pad\":[1024,1024,1024,1024]") ","
                            "{\"name\":\"s\",\"op\":\"add\",\"inputs\":[\"x\",\"n\"]}]", "1", "style", ""),
                   NST_EFORMAT, "no picture size");
}

static void test_absurd_graphs(void **state)
{
    (void)state;
    char *graph = text_repeat("", "[", 1000000, "");
    expect_refused(nsw_file(graph, "1", "style", ""), NST_EFORMAT, "levels deep");
    free(graph);
    graph = text_repeat("[" X, "," X, NST_MAX_NODES, "]");
    expect_refused(nsw_file(graph, "1", "style", ""), NST_ETOOLARGE, "at most 4096 nodes expected, 4097 found");
    free(graph);
    graph = text_repeat("[" X ",{\"name\":\"n\",\"op\":\"max_pool\",\"inputs\":[\"x\"],\"kernel\":[2", ",2", 100000,
                        "]}]");
    expect_refused(nsw_file(graph, "1", "style", ""), NST_EFORMAT, "an array of 100001 found");
    free(graph);
}

static void test_bad_metadata(void **state)
{
    (void)state;
    const char *x = "[" X "]";
    expect_refused(nsw_file(x, "2", "style", ""), NST_EUNSUPPORTED, "nst.version: \"1\" expected, \"2\" found");
    expect_refused(nsw_file(x, "", "style", ""), NST_EUNSUPPORTED, "nst.version");
    expect_refused(nsw_file(x, "1", "video", ""), NST_EUNSUPPORTED, "nst.kind: style or loss expected, \"video\"");
    expect_refused(nsw_file(x, "1", "", ""), NST_EUNSUPPORTED, "nst.kind");
    static const char *const ranges[] = {"0", "-1", "1e9", "white", "NaN", "", "[1]", "1 2", "1e999"};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        char more[64];
        snprintf(more, sizeof(more), ",\"nst.input.range\":\"%s\"", ranges[i]);
        expect_refused(nsw_file(x, "1", "style", more), NST_EFORMAT, "metadata nst.input.range: ");
        snprintf(more, sizeof(more), ",\"nst.output.range\":\"%s\"", ranges[i]);
        expect_refused(nsw_file(x, "1", "style", more), NST_EFORMAT, "metadata nst.output.range: ");
    }
    expect_refused(nsw_file(x, "1", "style", ",\"nst.input.order\":\"RGB\""), NST_EFORMAT, "rgb or bgr expected");
    expect_refused(nsw_file(x, "1", "style", ",\"nst.output.order\":\"\""), NST_EFORMAT, "nst.output.order");
    expect_refused(bytes_file("{}", NULL, 0), NST_EFORMAT, "nst.version expected, none found");
    expect_refused(bytes_file("{\"__metadata__\":{\"nst.version\":\"1\"}}", NULL, 0), NST_EFORMAT, "nst.kind expected");
    expect_refused(bytes_file("{\"__metadata__\":{\"nst.version\":\"1\",\"nst.kind\":\"loss\"}}", NULL, 0), NST_EFORMAT,
                   "nst.graph expected");
}

static void test_weights_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        Bytes file = nsw_file("[" X "," CONV "]", "1", "style", "");
        memcpy(file.data + file.size - 4 * DATA_FLOATS + 4 * 10, &values[i], 4);
        expect_refused(file, NST_ENOTFINITE, "tensor \"b\": finite numbers expected");
    }
}

static void test_truncated(void **state)
{
    (void)state;
    Bytes whole = nsw_file("[" X "," CONV "]", "1", "style", "");
    for (size_t size = 0; size < whole.size; size++)
        expect_refused(bytes_cut(whole, size), NST_EFORMAT, "expected");
    bytes_free(&whole);
}

/* The file is read, or refused with a message; a model that was read can be used. */
static int read_mutated(Bytes file)
{
    NstModel *model;
    NstModelInfo info;
    NstError err = {0};
    int code = nst_model_parse(&model, file.data, file.size, "mutated", &err);
    assert_true(code == NST_OK || (err.code == code && err.message[0] && !model));
    if (code == NST_OK) {
        nst_model_info(model, &info);
        assert_true(info.n_nodes >= 1 && info.multiple >= 1);
    }
    nst_model_free(&model);
    bytes_free(&file);
    return code;
}

static void test_mutated(void **state)
{
    (void)state;
    Bytes whole = nsw_file("[" X "," CONV "," N("affine", ",\"scale\":2.5,\"shift\":-1") "]", "1", "style", "");
    uint64_t seed = 7;
    int refused = 0, tried = 0;
    for (size_t at = 0; at < whole.size; at++)
        for (int way = 0; way < 10; way++) {
            Bytes file = bytes_cut(whole, whole.size);
            file.data[at] = way < 8 ? file.data[at] ^ (unsigned char)(1 << way) : (unsigned char)bytes_random(&seed);
            refused += read_mutated(file) < 0;
            tried++;
        }
    assert_true(refused > tried / 3 && refused < tried);
    bytes_free(&whole);
}

/* Digits, brackets and quotes in the header exchanged for others: what random bytes seldom hit. */
static void test_mutated_syntax(void **state)
{
    (void)state;
    static const char marks[] = "0123456789-.eE[]{},:\"\\";
    Bytes whole = nsw_file(every_op, "1", "loss", "");
    uint64_t seed = 3;
    for (int i = 0; i < 4000; i++) {
        Bytes file = bytes_cut(whole, whole.size);
        for (int changes = 1 + (int)(bytes_random(&seed) % 3); changes > 0;) {
            size_t at = 8 + bytes_random(&seed) % (file.size - 8 - 4 * DATA_FLOATS);
            if (strchr(marks, file.data[at]) && file.data[at]) {
                file.data[at] = (unsigned char)marks[bytes_random(&seed) % (sizeof(marks) - 1)];
                changes--;
            }
        }
        read_mutated(file);
    }
    bytes_free(&whole);
}

static void make_graph(NstGraph *graph)
{
    memset(graph, 0, sizeof(*graph));
    graph->nodes = calloc(2, sizeof(*graph->nodes));
    graph->n_nodes = 2;
    for (int i = 0; i < 2; i++)
        graph_node_defaults(&graph->nodes[i]);
    strcpy(graph->nodes[0].name, "x");
    graph->nodes[0].channels = 3;
    strcpy(graph->nodes[1].name, "y");
    graph->nodes[1].op = NST_OP_RELU;
    graph->nodes[1].n_inputs = 1;
}

static void test_create_and_save(void **state)
{
    (void)state;
    char path[] = "/tmp/nst-test-XXXXXX";
    NstGraph graph;
    NstModel *model, *loaded;
    NstError err = {0};
    close(mkstemp(path));
    make_graph(&graph);
    assert_int_equal(nsw_create(&model, NST_KIND_STYLE, &graph, &err), NST_OK);
    assert_null(graph.nodes);
    assert_int_equal(nsw_set_metadata(model, "nst.name", "über \"x\"", &err), NST_OK);
    assert_int_equal(nst_model_save(model, path, &err), NST_OK);
    assert_int_equal(nst_model_load(&loaded, path, &err), NST_OK);
    assert_string_equal(nst_model_metadata(loaded, "nst.name"), "über \"x\"");
    assert_string_equal(nst_model_metadata(loaded, "nst.graph"), nst_model_metadata(model, "nst.graph"));
    assert_string_equal(nst_model_metadata(loaded, "nst.kind"), "style");
    assert_int_equal(loaded->graph.nodes[1].op, NST_OP_RELU);
    nst_model_free(&model);
    nst_model_free(&loaded);
    unlink(path);
    assert_int_equal(nst_model_load(&loaded, path, &err), NST_EIO);
    assert_non_null(strstr(err.message, path));
}

static void test_create_refused(void **state)
{
    (void)state;
    NstGraph graph;
    NstModel *model;
    NstError err = {0};
    make_graph(&graph);
    graph.nodes[1].inputs[0] = 1;
    assert_int_equal(nsw_create(&model, NST_KIND_STYLE, &graph, &err), NST_EFORMAT);
    assert_non_null(strstr(err.message, "node \"y\" (relu)"));
    assert_null(model);
    make_graph(&graph);
    graph.nodes[1].op = NST_OP_UPSAMPLE;
    graph.nodes[1].factor = 2;
    assert_int_equal(nsw_create(&model, NST_KIND_STYLE, &graph, &err), NST_EFORMAT);
    assert_non_null(strstr(err.message, "size"));
}

/* Names once, in order, of .nsw files alone; the folders of NST_PATH that are there. */
static void test_style_list(void **state)
{
    static const char *const files[] = {"b.nsw", "a.nsw", "c.txt", ".hidden.nsw", ".nsw"};
    char folder[] = "/tmp/nst-test-XXXXXX", file[64], folders[128], **names;
    NstError err = {0};
    int n, found = 0;
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(file, sizeof(file), "%s/%s", folder, files[i]);
        fclose(fopen(file, "w"));
    }
    snprintf(folders, sizeof(folders), "/none::%s:%s", folder, folder);
    setenv("NST_PATH", folders, 1);
    assert_int_equal(nst_style_list(&names, &n, &err), NST_OK);
    for (int i = 0; i < n; i++) {
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        found += !strcmp(names[i], "a") || !strcmp(names[i], "b"); /* others may be installed */
        assert_true(strcmp(names[i], "c") && strcmp(names[i], ".hidden") && names[i][0]);
    }
    assert_int_equal(found, 2);
    nst_style_list_free(&names, n);
    assert_null(names);
    unsetenv("NST_PATH");
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(file, sizeof(file), "%s/%s", folder, files[i]);
        unlink(file);
    }
    rmdir(folder);
}

static void test_style_find(void **state)
{
    (void)state;
    char folder[] = "/tmp/nst-test-XXXXXX", file[64], folders[128], *path;
    NstError err = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/night.nsw", folder);
    snprintf(folders, sizeof(folders), "/none::%s:/other", folder);
    fclose(fopen(file, "w"));
    setenv("NST_PATH", folders, 1);
    assert_int_equal(nst_style_find("night", &path, &err), NST_OK);
    assert_string_equal(path, file);
    free(path);
    assert_int_equal(nst_style_find("day", &path, &err), NST_ENOTFOUND);
    assert_null(path);
    assert_non_null(strstr(err.message, "style \"day\""));
    assert_non_null(strstr(err.message, folder));
    assert_int_equal(nst_style_find("day.nsw", &path, &err), NST_OK);
    assert_string_equal(path, "day.nsw");
    free(path);
    assert_int_equal(nst_style_find("./day", &path, &err), NST_OK);
    assert_string_equal(path, "./day");
    free(path);
    assert_int_equal(nst_style_find("", &path, &err), NST_EINVAL);
    unsetenv("NST_PATH");
    assert_int_equal(nst_style_find("day", &path, &err), NST_ENOTFOUND);
    unlink(file);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_value_ranges),
        cmocka_unit_test(test_every_op),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_bad_nodes),
        cmocka_unit_test(test_bad_graphs),
        cmocka_unit_test(test_absurd_graphs),
        cmocka_unit_test(test_bad_metadata),
        cmocka_unit_test(test_weights_not_finite),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_mutated_syntax),
        cmocka_unit_test(test_create_and_save),
        cmocka_unit_test(test_create_refused),
        cmocka_unit_test(test_style_list), cmocka_unit_test(test_style_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
