/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_INPUT_H
#define NST_MODEL_INPUT_H

#include <stddef.h>

#include <nst/error.h>

/* The whole of a regular file of at most NST_MAX_FILE bytes; *data is malloc'ed. */
int file_read(void **data, size_t *size, const char *path, NstError *err);

#endif
