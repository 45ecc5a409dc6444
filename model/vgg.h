/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_VGG_H
#define NST_MODEL_VGG_H

#include "nsw.h"

/*
 * The loss backend: which node of a loss network is which VGG layer (Simonyan and Zisserman 2014).
 */

/*
 * The node of a layer, in any of three vocabularies: relu4_1 (Gatys, Caffe: after the activation), conv4_1 (before
 * it), block4_conv1 (Keras: after the activation, as Keras fuses it; 'block4_pool' its pool, as is pool4). Where the
 * network has an embedding of that layer to the full VGG's width ("relu4_1_embed"), relu4_1 and block4_conv1 mean that.
 * NST_ENOTFOUND lists the layers there are.
 */
int vgg_find_layer(const NstModel *loss, const char *layer, int *node, NstError *err);

/*
 * Builds the graph of a loss network from VGG weights named conv1_1.weight ...: any width, to whatever depth the
 * tensors go, with preprocess.weight and preprocess.bias where present (else RGB 0..1 to BGR minus 103.939, 116.779,
 * 123.68). Takes the container's tensors over.
 */
typedef struct NstVggOptions {
    bool average_pool; /* as Gatys et al. 2016; else the largest */
    bool ceil_pool;    /* pools round up */
    NstPadMode pad_mode;
} NstVggOptions;

int vgg_build(NstModel **loss, NstContainer *weights, const NstVggOptions *options, NstError *err);

/*
 * A copy of a loss network with other pools (NST_OP_MAX_POOL or NST_OP_AVG_POOL; NST_OP_INPUT: its own) and padding
 * (NST_PAD_MODE_COUNT: its own), that ends with node `last`: what lies behind it demands nothing of the picture's size.
 */
int vgg_variant(NstModel **variant, const NstModel *loss, NstOp pool, NstPadMode pad_mode, int last, NstError *err);

#endif
