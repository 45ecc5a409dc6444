/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_TINY_H
#define NST_TESTS_TINY_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nst/train.h>

#include "nsw.h"
#include "optim.h"
#include "safetensors.h"
#include "util.h"
#include "vgg.h"

#include <cmocka.h> /* last: its macro fail hides the function of util.h */

/* Small random networks and smooth random pictures for tests of loss and training. */

/* Fails the test with the library's own message. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        err.message[0] = 0;                                                                                            \
        if ((call) != NST_OK)                                                                                          \
            fail_msg("%s: %s", #call, err.message);                                                                    \
    } while (0)

/* The call must fail with this code and a message that holds this text. */
#define assert_fails(call, code_, text)                                                                                \
    do {                                                                                                               \
        assert_int_equal(call, code_);                                                                                 \
        assert_int_equal(err.code, code_);                                                                             \
        if (!strstr(err.message, text))                                                                                \
            fail_msg("\"%s\" expected in \"%s\"", text, err.message);                                                  \
    } while (0)

static inline void tiny_tensor(NstContainer *container, NstRandom *random, const char *name, int o, int i, int k)
{
    NstTensor *tensor = &container->tensors[container->n_tensors++];
    memset(tensor, 0, sizeof(*tensor));
    snprintf(tensor->name, sizeof(tensor->name), "%s", name);
    tensor->rank = i ? 4 : 1;
    memcpy(tensor->shape, (int[]){o, i, k, k}, sizeof(int) * (size_t)tensor->rank);
    tensor->count = i ? (int64_t)o * i * k * k : o;
    tensor->data = aligned_calloc((size_t)tensor->count, sizeof(float));
    assert_non_null(tensor->data);
    for (int64_t n = 0; n < tensor->count; n++)
        tensor->data[n] = random_normal(random) * (i ? sqrtf(2.0f / (float)(i * k * k)) : 0.1f);
}

/* Weights of conv1_1 to conv3_1, 5 to 9 channels wide, without preprocessing; samples of 0..255 come out near 1. */
static inline NstContainer tiny_weights(bool embedded)
{
    static const struct {
        const char *name;
        int o, i;
    } layers[] = {{"conv1_1", 5, 3}, {"conv1_2", 6, 5}, {"conv2_1", 7, 6}, {"conv2_2", 8, 7}, {"conv3_1", 9, 8}};
    NstContainer container = {.tensors = calloc(16, sizeof(NstTensor))};
    NstRandom random;
    random_seed(&random, 7);
    assert_non_null(container.tensors);
    for (size_t n = 0; n < sizeof(layers) / sizeof(*layers); n++) {
        char name[32];
        snprintf(name, sizeof(name), "%s.weight", layers[n].name);
        tiny_tensor(&container, &random, name, layers[n].o, layers[n].i, 3);
        snprintf(name, sizeof(name), "%s.bias", layers[n].name);
        tiny_tensor(&container, &random, name, layers[n].o, 0, 0);
    }
    for (int64_t n = 0; n < container.tensors[0].count; n++)
        container.tensors[0].data[n] /= 100;
    if (embedded) {
        tiny_tensor(&container, &random, "conv2_1_embed.weight", 12, 7, 1);
        tiny_tensor(&container, &random, "conv2_1_embed.bias", 12, 0, 0);
    }
    return container;
}

static inline NstModel *tiny_vgg(bool embedded)
{
    const NstVggOptions options = {.ceil_pool = true, .pad_mode = NST_PAD_REFLECT};
    NstContainer weights = tiny_weights(embedded);
    NstModel *loss = NULL;
    NstError err;
    assert_ok(vgg_build(&loss, &weights, &options, &err));
    return loss;
}

/* The same with an embedding as slim networks have it, without a ReLU */
static inline NstModel *tiny_slim(void)
{
    NstModel *loss = tiny_vgg(true);
    NstGraph *graph = &loss->graph;
    NstNode *relu = &graph->nodes[graph_find(graph, "relu2_1_embed")];
    const NstNode *conv = &graph->nodes[relu->inputs[0]];
    char name[sizeof(relu->name)];
    memcpy(name, relu->name, sizeof(name));
    *relu = *conv;
    memcpy(relu->name, name, sizeof(name));
    return loss;
}

/* Waves of a few pixels with noise on top, within 0..1; another picture for each seed. */
static inline NstImage tiny_picture(int width, int height, uint64_t seed)
{
    NstImage image;
    NstError err;
    NstRandom random;
    random_seed(&random, seed);
    assert_ok(nst_image_alloc(&image, width, height, &err));
    for (int c = 0; c < 3; c++) {
        const float a = random_uniform(&random), b = random_uniform(&random), phase = 6 * random_uniform(&random);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                image.data[((size_t)c * (size_t)height + (size_t)y) * (size_t)width + (size_t)x] =
                    0.5f + 0.35f * sinf(a * (float)x + b * (float)y + phase) + 0.1f * random_uniform(&random);
    }
    return image;
}

#endif
