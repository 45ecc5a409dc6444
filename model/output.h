/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_OUTPUT_H
#define NST_MODEL_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

#include <nst/error.h>

/*
 * A file that appears whole or not at all: written under a temporary name beside its own, flushed to the disk, renamed.
 * Messages do not name the file; the caller puts it before them.
 */
typedef struct NstOutput {
    FILE *file; /* to write to */
    const char *path;
    char *temporary;
} NstOutput;

int output_open(NstOutput *output, const char *path, NstError *err);

int output_write(NstOutput *output, const void *data, size_t size, NstError *err);

/* code < 0: something failed before; what was written is dropped, and code returned. */
int output_close(NstOutput *output, int code, NstError *err);

#endif
