/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include "util.h"

/* Seven bits a byte, the lowest first; the high bit says that more follow. */
int wire_varint(Bytes *bytes, uint64_t *value, NstError *err)
{
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const uint8_t *byte = bytes_take(bytes, 1);
        if (!byte)
            break;
        *value |= (uint64_t)(*byte & 127) << shift;
        if (!(*byte & 128))
            return NST_OK;
    }
    return fail(err, NST_EFORMAT, "a number of at most ten bytes expected (is the file cut off or damaged?)");
}

static int read_value(Bytes *message, WireField *field, NstError *err)
{
    uint64_t length;
    field->value = 0;
    field->bytes = (Bytes){0};
    switch (field->type) {
    case WIRE_VARINT:
        return wire_varint(message, &field->value, err);
    case WIRE_64:
    case WIRE_32:
        if (bytes_copy(message, &field->value, field->type == WIRE_64 ? 8 : 4))
            return NST_OK;
        break;
    case WIRE_BYTES:
        NST_TRY(wire_varint(message, &length, err));
        field->bytes.left = length;
        field->bytes.at = length > message->left ? NULL : bytes_take(message, (size_t)length);
        if (field->bytes.at)
            return NST_OK;
        break;
    default:
        return fail(err, NST_EFORMAT, "field %d: a known type expected, %d found", field->number, (int)field->type);
    }
    return fail(err, NST_EFORMAT, "field %d: more bytes expected than there are (is the file cut off?)", field->number);
}

int wire_next(Bytes *message, WireField *field, NstError *err)
{
    uint64_t key;
    if (!message->left)
        return 0;
    NST_TRY(wire_varint(message, &key, err));
    if (key >> 3 < 1 || key >> 3 > INT32_MAX)
        return fail(err, NST_EFORMAT, "the number of a field expected, %llu found", (unsigned long long)(key >> 3));
    field->number = (int)(key >> 3);
    field->type = (WireType)(key & 7);
    const int code = read_value(message, field, err);
    return code < 0 ? code : 1;
}
