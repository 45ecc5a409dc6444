/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_WIRE_H
#define NST_TOOLS_IMPORT_WIRE_H

#include <stdbool.h>

#include "bytes.h"

#include <nst/error.h>

/*
 * The wire format of Protocol Buffers, which ONNX files are in. A message is a row of fields, each a number, a type and
 * a value; all that is needed of it fits in one function, so there is no library for it: Debian has the format's
 * compiler and its C runtime, but not ONNX's description in C, and code made from that would be twenty times as long.
 */
typedef enum WireType { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 } WireType;

typedef struct WireField {
    int number;
    WireType type;
    uint64_t value; /* all types but WIRE_BYTES */
    Bytes bytes;    /* WIRE_BYTES */
} WireField;

/* 1: *field is the next field of the message, which is taken off; 0: there is none left; else an error. */
int wire_next(Bytes *message, WireField *field, NstError *err);

int wire_varint(Bytes *bytes, uint64_t *value, NstError *err);

#endif
