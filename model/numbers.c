/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "numbers.h"

#include <string.h>

#include "half.h"

size_t number_size(NumberType type)
{
    static const size_t sizes[] = {[NUMBER_F32] = 4, [NUMBER_F64] = 8, [NUMBER_F16] = 2,  [NUMBER_BF16] = 2,
                                   [NUMBER_I32] = 4, [NUMBER_I64] = 8, [NUMBER_OTHER] = 0};
    return sizes[type];
}

static float float_of_bf16(uint16_t upper)
{
    const uint32_t bits = (uint32_t)upper << 16;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

#define READ_AS(type, convert)                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                                               \
        type value;                                                                                                    \
        memcpy(&value, from + i * sizeof(value), sizeof(value));                                                       \
        to[i] = convert(value);                                                                                        \
    }                                                                                                                  \
    break

void numbers_read(float *to, const uint8_t *from, size_t count, NumberType type)
{
    switch (type) {
    case NUMBER_F32:
        if (count)
            memcpy(to, from, count * sizeof(float));
        break;
    case NUMBER_F64:
        READ_AS(double, (float));
    case NUMBER_F16:
        READ_AS(uint16_t, half_to_float);
    case NUMBER_BF16:
        READ_AS(uint16_t, float_of_bf16);
    case NUMBER_I32:
        READ_AS(int32_t, (float));
    case NUMBER_I64:
        READ_AS(int64_t, (float));
    case NUMBER_OTHER:
        break;
    }
}
