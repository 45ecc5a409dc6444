/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnx_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "numbers.h"
#include "safetensors.h"
#include "util.h"

static OnnxText text_of(const WireField *field)
{
    return (OnnxText){(const char *)field->bytes.at, field->bytes.left};
}

bool onnx_text_is(OnnxText text, const char *word)
{
    return text.length == strlen(word) && !memcmp(text.at, word, text.length);
}

/* Goes on with the next field; leaves the function at a damaged one. */
#define FOR_FIELDS(message, field, status, err)                                                                        \
    while (((status) = wire_next(&(message), &(field), err)) != 0)                                                     \
        if ((status) < 0)                                                                                              \
            return status;                                                                                             \
        else

bool onnx_is(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    return size > 4 && bytes[0] == 0x08 && bytes[1] < 0x80; /* field 1, the version of the format, comes first */
}

static int parse_opset(OnnxModel *model, Bytes message, NstError *err)
{
    WireField field;
    OnnxText domain = {"", 0};
    uint64_t version = 0;
    int status;
    FOR_FIELDS(message, field, status, err) {
        if (field.number == 1 && field.type == WIRE_BYTES)
            domain = text_of(&field);
        if (field.number == 2 && field.type == WIRE_VARINT)
            version = field.value;
    }
    if (domain.length == 0 || onnx_text_is(domain, "ai.onnx"))
        model->opset = version > 1000 ? 1000 : (int)version;
    return NST_OK;
}

int onnx_parse_model(OnnxModel *model, const void *data, size_t size, NstError *err)
{
    Bytes message = {data, size};
    WireField field;
    int status;
    *model = (OnnxModel){.message = message};
    FOR_FIELDS(message, field, status, err) {
        if (field.number == 7 && field.type == WIRE_BYTES)
            model->graph = field.bytes;
        if (field.number == 8 && field.type == WIRE_BYTES)
            NST_TRY(parse_opset(model, field.bytes, err));
    }
    return model->graph.at ? NST_OK : fail(err, NST_EFORMAT, "a graph expected, none found");
}

OnnxText onnx_metadata(const OnnxModel *model, const char *key)
{
    Bytes message = model->message;
    WireField field, part;
    while (wire_next(&message, &field, NULL) > 0) {
        if (field.number != 14 || field.type != WIRE_BYTES)
            continue;
        OnnxText name = {"", 0}, value = {"", 0};
        while (wire_next(&field.bytes, &part, NULL) > 0)
            if (part.type == WIRE_BYTES && part.number <= 2)
                *(part.number == 1 ? &name : &value) = text_of(&part);
        if (onnx_text_is(name, key))
            return value;
    }
    return (OnnxText){"", 0};
}

int onnx_parse_node(OnnxNode *node, Bytes message, NstError *err)
{
    WireField field;
    int status;
    *node = (OnnxNode){.op = {"", 0}, .output = {"", 0}, .message = message};
    FOR_FIELDS(message, field, status, err) {
        if (field.type != WIRE_BYTES)
            continue;
        if (field.number == 1) {
            if (node->n_inputs == NST_MAX_INPUTS)
                return fail(err, NST_ETOOLARGE, "nodes of at most %d inputs expected, more found", NST_MAX_INPUTS);
            node->inputs[node->n_inputs++] = text_of(&field);
        } else if (field.number == 2 && !node->output.length) {
            node->output = text_of(&field);
        } else if (field.number == 4) {
            node->op = text_of(&field);
        }
    }
    return NST_OK;
}

static double float_of(uint64_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static int add_to_list(OnnxAttribute *attribute, double value, NstError *err)
{
    if (attribute->n == ONNX_MAX_LIST)
        return fail(err, NST_ETOOLARGE, "a list of at most %d numbers expected, more found", ONNX_MAX_LIST);
    attribute->list[attribute->n++] = value;
    return NST_OK;
}

/* Fields 7 (floats) and 8 (integers), one by one or packed into bytes */
static int parse_list(OnnxAttribute *attribute, WireField *field, NstError *err)
{
    const bool real = field->number == 7;
    uint64_t value;
    if (field->type != WIRE_BYTES)
        return add_to_list(attribute, real ? float_of(field->value) : (double)(int64_t)field->value, err);
    while (field->bytes.left) {
        value = 0;
        if (!real)
            NST_TRY(wire_varint(&field->bytes, &value, err));
        else if (!bytes_copy(&field->bytes, &value, sizeof(float)))
            return fail(err, NST_EFORMAT, "a list of numbers expected, part of one found");
        NST_TRY(add_to_list(attribute, real ? float_of(value) : (double)(int64_t)value, err));
    }
    return NST_OK;
}

static int parse_attribute(OnnxAttribute *attribute, OnnxText *name, Bytes message, NstError *err)
{
    WireField field;
    int status;
    *attribute = (OnnxAttribute){.given = true, .s = {"", 0}};
    *name = (OnnxText){"", 0};
    FOR_FIELDS(message, field, status, err) {
        if (field.number == 1 && field.type == WIRE_BYTES)
            *name = text_of(&field);
        else if (field.number == 2 && field.type == WIRE_32)
            attribute->f = float_of(field.value);
        else if (field.number == 3 && field.type == WIRE_VARINT)
            attribute->i = (int64_t)field.value;
        else if (field.number == 4 && field.type == WIRE_BYTES)
            attribute->s = text_of(&field);
        else if (field.number == 5 && field.type == WIRE_BYTES)
            attribute->t = field.bytes;
        else if (field.number == 7 || field.number == 8)
            NST_TRY(parse_list(attribute, &field, err));
    }
    return NST_OK;
}

int onnx_attribute(const OnnxNode *node, const char *name, OnnxAttribute *attribute, NstError *err)
{
    Bytes message = node->message;
    WireField field;
    int status;
    FOR_FIELDS(message, field, status, err) {
        OnnxText found;
        if (field.number != 5 || field.type != WIRE_BYTES)
            continue;
        const int code = parse_attribute(attribute, &found, field.bytes, err);
        if (onnx_text_is(found, name))
            return code < 0 ? fail_within(err, code, "attribute %s", name) : NST_OK;
    }
    *attribute = (OnnxAttribute){.s = {"", 0}};
    return NST_OK;
}

static int parse_side(OnnxInput *input, Bytes message, NstError *err)
{
    WireField field;
    long long side = 0;
    int status;
    FOR_FIELDS(message, field, status, err)
        if (field.number == 1 && field.type == WIRE_VARINT)
            side = (long long)field.value;
    if (input->rank < NST_MAX_RANK)
        input->sides[input->rank] = side > 0 && side <= NST_MAX_SIDE ? side : 0;
    input->rank++;
    return NST_OK;
}

/* The messages in one another: a value's type, its tensor's type, the shape, and its sides */
static int parse_type(OnnxInput *input, Bytes message, int depth, NstError *err)
{
    static const int inner[] = {2, 1, 2, 1};
    WireField field;
    int status;
    FOR_FIELDS(message, field, status, err) {
        if (depth == 0 && field.number == 1 && field.type == WIRE_BYTES)
            input->name = text_of(&field);
        if (field.number != inner[depth] || field.type != WIRE_BYTES)
            continue;
        NST_TRY(depth == 3 ? parse_side(input, field.bytes, err) : parse_type(input, field.bytes, depth + 1, err));
    }
    return NST_OK;
}

int onnx_parse_input(OnnxInput *input, Bytes message, NstError *err)
{
    *input = (OnnxInput){.name = {"", 0}};
    return parse_type(input, message, 0, err);
}

/* -- tensors -- */

typedef struct TensorParts {
    NumberType type;
    int rank;
    uint64_t sides[NST_MAX_RANK];
    Bytes raw;
    bool external;
} TensorParts;

static NumberType type_of(uint64_t type)
{
    static const NumberType types[] = {[1] = NUMBER_F32, [6] = NUMBER_I32, [7] = NUMBER_I64, [10] = NUMBER_F16,
                                       [11] = NUMBER_F64, [16] = NUMBER_BF16};
    const bool known = type == 1 || type == 6 || type == 7 || type == 10 || type == 11 || type == 16;
    return known ? types[type] : NUMBER_OTHER;
}

/* The list that a type's numbers are in, where they are not in the raw bytes */
static int list_field(NumberType type)
{
    return type == NUMBER_F32 ? 4 : type == NUMBER_I64 ? 7 : type == NUMBER_F64 ? 10 : type == NUMBER_I32 ? 5 : -1;
}

static int add_side(TensorParts *parts, uint64_t side, NstError *err)
{
    if (parts->rank == NST_MAX_RANK)
        return fail(err, NST_EUNSUPPORTED, "at most %d dimensions expected, more found", NST_MAX_RANK);
    parts->sides[parts->rank++] = side;
    return NST_OK;
}

static int parse_parts(TensorParts *parts, OnnxText *name, Bytes message, NstError *err)
{
    WireField field;
    uint64_t side;
    int status;
    FOR_FIELDS(message, field, status, err) {
        if (field.number == 1 && field.type == WIRE_VARINT)
            NST_TRY(add_side(parts, field.value, err));
        while (field.number == 1 && field.type == WIRE_BYTES && field.bytes.left) {
            NST_TRY(wire_varint(&field.bytes, &side, err));
            NST_TRY(add_side(parts, side, err));
        }
        if (field.number == 2 && field.type == WIRE_VARINT)
            parts->type = type_of(field.value);
        if (field.number == 8 && field.type == WIRE_BYTES)
            *name = text_of(&field);
        if (field.number == 9 && field.type == WIRE_BYTES)
            parts->raw = field.bytes;
        parts->external |= field.number == 14 && field.value == 1;
    }
    return NST_OK;
}

/* One number of a list, which is packed into bytes, or a field of its own */
static int read_listed(NstTensor *tensor, size_t *n, NumberType type, WireField *field, NstError *err)
{
    const size_t size = type == NUMBER_F32 ? 4 : type == NUMBER_F64 ? 8 : 0;
    uint64_t value = field->value;
    if (field->type == WIRE_BYTES && size && !bytes_copy(&field->bytes, &value, size))
        return fail(err, NST_EFORMAT, "a list of numbers expected, part of one found");
    if (field->type == WIRE_BYTES && !size)
        NST_TRY(wire_varint(&field->bytes, &value, err));
    if (*n >= (size_t)tensor->count)
        return fail(err, NST_EFORMAT, "%lld numbers expected, more found", (long long)tensor->count);
    numbers_read(&tensor->data[(*n)++], (const uint8_t *)&value, 1, type);
    return NST_OK;
}

static int read_lists(NstTensor *tensor, NumberType type, Bytes message, NstError *err)
{
    WireField field;
    size_t n = 0;
    int status;
    FOR_FIELDS(message, field, status, err) {
        if (field.number != list_field(type))
            continue;
        if (field.type != WIRE_BYTES)
            NST_TRY(read_listed(tensor, &n, type, &field, err));
        while (field.type == WIRE_BYTES && field.bytes.left)
            NST_TRY(read_listed(tensor, &n, type, &field, err));
    }
    if (n != (size_t)tensor->count)
        return fail(err, NST_EFORMAT, "%lld numbers expected, %zu found", (long long)tensor->count, n);
    return NST_OK;
}

/* The shape; no more elements than `most`, which is what the message can hold. */
static int set_shape(NstTensor *tensor, const TensorParts *parts, size_t most, NstError *err)
{
    tensor->rank = parts->rank;
    tensor->count = 1;
    for (int i = 0; i < parts->rank; i++) {
        if (parts->sides[i] > INT32_MAX || __builtin_mul_overflow(tensor->count, parts->sides[i], &tensor->count) ||
            tensor->count > (int64_t)most)
            return fail(err, NST_EFORMAT, "dimension %d: at most %zu elements in all expected, a side of %lld found", i,
                        most, (long long)parts->sides[i]);
        tensor->shape[i] = (int)parts->sides[i];
    }
    if (tensor->count > (int64_t)most)
        return fail(err, NST_EFORMAT, "a number expected, none found");
    tensor->data = aligned_calloc((size_t)tensor->count, sizeof(float));
    return tensor->data ? NST_OK : fail(err, NST_ENOMEM, "no memory for %lld numbers", (long long)tensor->count);
}

static int parse_data(NstTensor *tensor, const TensorParts *parts, Bytes message, NstError *err)
{
    const size_t size = number_size(parts->type);
    if (parts->external)
        return fail(err, NST_EUNSUPPORTED, "numbers in the file expected, numbers in another file found");
    if (!size)
        return fail(err, NST_EUNSUPPORTED, "floating-point numbers or integers expected, another type found");
    NST_TRY(set_shape(tensor, parts, parts->raw.at ? parts->raw.left / size : message.left, err));
    if (!parts->raw.at)
        return read_lists(tensor, parts->type, message, err);
    if (parts->raw.left != (size_t)tensor->count * size)
        return fail(err, NST_EFORMAT, "%zu bytes expected, %zu found", (size_t)tensor->count * size, parts->raw.left);
    numbers_read(tensor->data, parts->raw.at, (size_t)tensor->count, parts->type);
    return NST_OK;
}

int onnx_parse_tensor(NstTensor *tensor, OnnxText *name, bool *integers, Bytes message, NstError *err)
{
    TensorParts parts = {.type = NUMBER_OTHER};
    *tensor = (NstTensor){0};
    *name = (OnnxText){"", 0};
    int code = parse_parts(&parts, name, message, err);
    if (code == NST_OK)
        code = parse_data(tensor, &parts, message, err);
    *integers = parts.type == NUMBER_I32 || parts.type == NUMBER_I64;
    if (code < 0) {
        aligned_free(tensor->data);
        tensor->data = NULL;
        return fail_within(err, code, "tensor \"%.*s\"", (int)(name->length < 100 ? name->length : 100), name->at);
    }
    return NST_OK;
}
