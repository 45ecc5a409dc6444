/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "safetensors.h"
#include "util.h"

static int read_stream(FILE *file, void **bytes, size_t *size, NstError *err)
{
    struct stat status;
    if (fstat(fileno(file), &status) < 0)
        return fail(err, NST_EIO, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail(err, NST_EIO, "a regular file expected");
    if ((uint64_t)status.st_size > NST_MAX_FILE)
        return fail(err, NST_ETOOLARGE, "at most %zu bytes expected, %lld found", NST_MAX_FILE,
                    (long long)status.st_size);
    *size = (size_t)status.st_size;
    *bytes = malloc(*size + 1);
    if (!*bytes)
        return fail(err, NST_ENOMEM, "no memory for %zu bytes", *size);
    if (fread(*bytes, 1, *size, file) != *size)
        return fail(err, NST_EIO, "could not be read: %s", ferror(file) ? strerror(errno) : "it became shorter");
    return NST_OK;
}

int file_read(void **data, size_t *size, const char *path, NstError *err)
{
    *data = NULL;
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    const int code = read_stream(file, data, size, err);
    fclose(file);
    if (code < 0) {
        free(*data);
        *data = NULL;
        return fail_within(err, code, "%s", path);
    }
    return NST_OK;
}
