/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_BYTES_H
#define NST_TOOLS_IMPORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The part of a file that is still to be read. */
typedef struct Bytes {
    const uint8_t *at;
    size_t left;
} Bytes;

/* The next n bytes; NULL where fewer are left. */
static inline const uint8_t *bytes_take(Bytes *bytes, size_t n)
{
    const uint8_t *taken = bytes->at;
    if (n > bytes->left)
        return NULL;
    bytes->at += n;
    bytes->left -= n;
    return taken;
}

/* The next little-endian number, copied into *to; false where the file ends before. */
static inline bool bytes_copy(Bytes *bytes, void *to, size_t n)
{
    const uint8_t *taken = bytes_take(bytes, n);
    if (taken)
        memcpy(to, taken, n);
    return taken;
}

#endif
