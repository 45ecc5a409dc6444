/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_NUMBERS_H
#define NST_MODEL_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* Little-endian numbers of files, read into floats. */
typedef enum NumberType {
    NUMBER_F32,
    NUMBER_F64,
    NUMBER_F16,
    NUMBER_BF16,
    NUMBER_I32,
    NUMBER_I64,
    NUMBER_OTHER /* known, but nothing that weights are made of */
} NumberType;

size_t number_size(NumberType type); /* bytes; 0 for NUMBER_OTHER */

void numbers_read(float *to, const uint8_t *from, size_t count, NumberType type);

#endif
