/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_ARCHIVE_H
#define NST_TOOLS_IMPORT_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include <nst/error.h>

/*
 * Zip archives in memory, through libzip. All that is read of one together may have 64 MiB and 16 times its own size,
 * so that a small file cannot fill the memory. A build without libzip refuses archives.
 */
typedef struct Archive Archive;

bool archive_is(const void *data, size_t size); /* by its first bytes */

int archive_open(Archive **archive, const void *data, size_t size, NstError *err);
void archive_close(Archive *archive); /* NULL is allowed */

int archive_count(const Archive *archive);
const char *archive_name(const Archive *archive, int index); /* never NULL */
int archive_find(const Archive *archive, const char *name);  /* index, or -1 */

/* *bytes is malloc'ed. */
int archive_read(Archive *archive, int index, void **bytes, size_t *size, NstError *err);

#endif
