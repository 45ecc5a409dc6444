/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

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

/*
 * Pages of the usual 4 KiB, one for each row of each channel, are more than a processor's translation buffer holds.
 * Where there are huge ones, large buffers ask for them.
 */
enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE };

void *aligned_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (mul_size(count, size, &bytes) < 0 || bytes > SIZE_MAX - HUGE_PAGE)
        return NULL;
    size_t alignment = bytes < LARGE ? CACHE_LINE : HUGE_PAGE;
    bytes = bytes ? (bytes + alignment - 1) / alignment * alignment : alignment;
    void *memory = aligned_alloc(alignment, bytes);
#if defined(MADV_HUGEPAGE)
    if (memory && alignment == HUGE_PAGE)
        madvise(memory, bytes, MADV_HUGEPAGE);
#endif
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

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
