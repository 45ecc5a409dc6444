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
 * libhdf5 was not written for hostile files, so it reads them in a child process: if it crashes there, the file is
 * refused. keras_parse does the same in this process, for fuzzing.
 */
int keras_read(NstContainer *weights, const void *data, size_t size, NstError *err);
int keras_parse(NstContainer *weights, const void *data, size_t size, NstError *err);

#endif
