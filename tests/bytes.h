/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_BYTES_H
#define NST_TESTS_BYTES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files in memory, for tests of readers: a safetensors file is made of its header's text and its data. */

typedef struct Bytes {
    unsigned char *data; /* malloc'ed to the byte, so that ASan sees every read beyond it */
    size_t size;
} Bytes;

/* A file that says `announced` bytes of header; data may be NULL: n_data zero bytes. */
static inline Bytes bytes_file_saying(uint64_t announced, const char *header, const void *data, size_t n_data)
{
    size_t length = strlen(header);
    Bytes bytes = {calloc(1, 8 + length + n_data), 8 + length + n_data};
    memcpy(bytes.data, &announced, 8);
    memcpy(bytes.data + 8, header, length);
    if (data)
        memcpy(bytes.data + 8 + length, data, n_data);
    return bytes;
}

static inline Bytes bytes_file(const char *header, const void *data, size_t n_data)
{
    return bytes_file_saying(strlen(header), header, data, n_data);
}

/* The first `size` bytes, in memory of exactly that size. */
static inline Bytes bytes_cut(Bytes whole, size_t size)
{
    Bytes bytes = {malloc(size ? size : 1), size};
    memcpy(bytes.data, whole.data, size);
    return bytes;
}

static inline Bytes bytes_read(const char *path)
{
    Bytes bytes = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return bytes;
    fseek(file, 0, SEEK_END);
    bytes.size = (size_t)ftell(file);
    rewind(file);
    bytes.data = malloc(bytes.size ? bytes.size : 1);
    if (fread(bytes.data, 1, bytes.size, file) != bytes.size)
        bytes.size = 0;
    fclose(file);
    return bytes;
}

static inline void bytes_free(Bytes *bytes)
{
    free(bytes->data);
    *bytes = (Bytes){NULL, 0};
}

/* xorshift64* (Vigna 2016), for mutations that are the same in every run */
static inline uint64_t bytes_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

/* `times` copies of `part` between `before` and `after`, malloc'ed */
static inline char *text_repeat(const char *before, const char *part, size_t times, const char *after)
{
    size_t length = strlen(part), used = strlen(before);
    char *text = malloc(used + times * length + strlen(after) + 1);
    strcpy(text, before);
    for (size_t i = 0; i < times; i++, used += length)
        memcpy(text + used, part, length);
    strcpy(text + used, after);
    return text;
}

#endif
