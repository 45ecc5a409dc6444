/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* make_vgg FILE.safetensors: weights of a tiny VGG, conv1_1 to conv3_1, for `nst convert`. */

#include "tiny.h"

int main(int argc, char **argv)
{
    NstError err;
    if (argc != 2) {
        fprintf(stderr, "usage: make_vgg FILE.safetensors\n");
        return 1;
    }
    NstContainer weights = tiny_weights(false);
    int code = safetensors_write(&weights, argv[1], &err);
    if (code < 0)
        fprintf(stderr, "make_vgg: %s\n", err.message);
    container_free(&weights);
    return code < 0;
}
