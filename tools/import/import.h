/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_H
#define NST_TOOLS_IMPORT_H

#include <nst/model.h>

#include "vgg.h"

/*
 * Networks out of other programs' files. The kind of a file is known by its first bytes, never by its name. Nothing
 * in a file is executed, every size is checked before memory is taken for it, and a file that does not fit is refused
 * with a message that names the tensor, its shape and what was expected.
 */

/* What the pictures are scaled to before a VGG network sees them. */
typedef enum VggMeans {
    MEANS_AUTO,  /* torch for torchvision's and timm's names, else caffe */
    MEANS_CAFFE, /* BGR, 0 to 255, minus 103.939, 116.779, 123.68 */
    MEANS_TORCH  /* RGB, 0 to 1, minus 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225 */
} VggMeans;

typedef struct ImportOptions {
    NstVggOptions vgg; /* of loss networks */
    VggMeans means;
    float range;       /* value of white in and out of a style network; 0: what its format is known to use */
} ImportOptions;

/* Reads a file of any kind that is known, .nsw included, or a folder of raw variables (raw.h). */
int import_model(NstModel **model, const char *path, const ImportOptions *options, NstError *err);

/* The same for a file in memory; `name` stands for it in messages and in the model. */
int import_parse(NstModel **model, const void *data, size_t size, const char *name, const ImportOptions *options,
                 NstError *err);

#endif
