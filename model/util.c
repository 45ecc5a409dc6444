/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names and texts out of files end up in messages: they must not break the line or steer a terminal. */
static void replace_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

int fail(NstError *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        replace_controls(err->message);
    }
    return code;
}

int fail_within(NstError *err, int code, const char *format, ...)
{
    char prefix[NST_ERROR_MESSAGE_SIZE / 2], inner[NST_ERROR_MESSAGE_SIZE];
    va_list args;
    if (!err)
        return code;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    replace_controls(prefix);
    memcpy(inner, err->message, sizeof(inner));
    size_t used = (size_t)snprintf(err->message, sizeof(err->message), "%s: ", prefix);
    size_t length = strnlen(inner, sizeof(err->message) - used - 1);
    memcpy(err->message + used, inner, length);
    err->message[used + length] = 0;
    return err->code;
}

void *aligned_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (mul_size(count, size, &bytes) < 0 || bytes > SIZE_MAX - 64)
        return NULL;
    bytes = (bytes + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, bytes ? bytes : 64);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void aligned_free(void *memory)
{
    free(memory);
}

char *string_copy(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
