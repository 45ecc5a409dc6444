/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_VGG_NAMES_H
#define NST_TOOLS_IMPORT_VGG_NAMES_H

#include "import.h"
#include "weights.h"

/*
 * Weights of VGG networks (Simonyan and Zisserman 2014) under the names that programs give them, made a loss network:
 * its convolutions, from the first to the last that is there. Fully connected layers are ignored.
 */
int vgg_from_caffe_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err);
int vgg_from_keras_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err);
int vgg_from_torch_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err);

#endif
