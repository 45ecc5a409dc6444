/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SAFETENSORS_H
#define NST_MODEL_SAFETENSORS_H

#include <stddef.h>

#include "graph.h"

/*
 * The safetensors container: tensors of F32 or F16 by name, and a table of strings. Used for .nsw files and
 * checkpoints. Files of other programs have tensors of other types too.
 */

enum {
    NST_MAX_HEADER = 16 << 20,   /* bytes of the JSON header */
    NST_MAX_METADATA = 256       /* keys */
};
#define NST_MAX_FILE ((size_t)4 << 30) /* bytes of a file */

typedef struct NstMetadata {
    int n;
    char **keys, **values;
} NstMetadata;

const char *metadata_get(const NstMetadata *metadata, const char *key); /* or NULL */
int metadata_set(NstMetadata *metadata, const char *key, const char *value, NstError *err);
void metadata_free(NstMetadata *metadata);

/* tensors is malloc'ed, with n entries whose data is aligned_calloc'ed */
typedef struct NstContainer {
    int n_tensors;
    NstTensor *tensors;
    NstMetadata metadata;
} NstContainer;

int safetensors_read(NstContainer *container, const char *path, NstError *err);
int safetensors_parse(NstContainer *container, const void *data, size_t size, const char *name, NstError *err);

/* The same for a file of another program: BF16 and F64 are converted, integers and booleans (counters) left out. */
int safetensors_parse_foreign(NstContainer *container, const void *data, size_t size, const char *name, NstError *err);

/* Temporary file beside path, flushed to the disk, renamed. Tensor data is aligned to 64 bytes in the file. */
int safetensors_write(const NstContainer *container, const char *path, NstError *err);

void container_free(NstContainer *container);

#endif
