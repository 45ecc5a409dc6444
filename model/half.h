/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_HALF_H
#define NST_MODEL_HALF_H

#include <stdint.h>
#include <string.h>

/* IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits) from and to float. */

static inline float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Rounds to nearest, ties to even; beyond 65519.99 infinity. */
static inline uint16_t float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        return sign | 0x7e00;
    if (bits >= 0x47800000)
        return sign | 0x7c00;
    if (bits < 0x38800000) {
        /* subnormal: adding 0.5 puts the units of binary16, 2^-24, into the last bit of a float */
        float sum = (value < 0 ? -value : value) + 0.5f;
        memcpy(&bits, &sum, sizeof(bits));
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    bits += 0xfff + (bits >> 13 & 1);
    return sign | (uint16_t)((bits - (112u << 23)) >> 13);
}

#endif
