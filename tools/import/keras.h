/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_KERAS_H
#define NST_TOOLS_IMPORT_KERAS_H

#include "safetensors.h"

/*
 * Keras' HDF5 files of VGG networks, weights alone or whole models, through libhdf5. The datasets below a group
 * blockB_convK become blockB_convK.weight (four dimensions) and .bias (one); the rest is left alone. A build without
 * libhdf5 refuses them.
 */
bool keras_is(const void *data, size_t size);

/*
 * libhdf5 was not written for hostile files, so it reads them in a child process: if it crashes there, or takes more
 * than a minute of the processor (for VGG-19 a second will do), the file is refused.
 */
int keras_read(NstContainer *weights, const void *data, size_t size, NstError *err);

/* The same in this process, for fuzzing */
typedef int KerasParse(NstContainer *weights, const void *data, size_t size, NstError *err);
KerasParse keras_parse;

/* keras_read with another parser and another bound, for tests */
int keras_read_by(KerasParse *parse, int seconds, NstContainer *weights, const void *data, size_t size, NstError *err);

#endif
