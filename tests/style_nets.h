/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_STYLE_NETS_H
#define NST_TESTS_STYLE_NETS_H

#include "canvas.h"

#include "build.h"

/* Small style networks for tests of the stylizer. */

static inline NstModel *finish_model(NstBuild *build, NstModelKind kind)
{
    NstError err;
    NstGraph graph;
    NstModel *model;
    assert_ok(build_end(build, &graph));
    assert_ok(nsw_create(&model, kind, &graph, &err));
    return model;
}

static inline float *add_conv(NstBuild *build, const char *name, int c_in, int c_out, int kernel, int pad)
{
    NstNode *node = build_node(build, NST_OP_CONV2D, build_last(build), "%s", name);
    node->weight = build_tensor(build, name, "weight", (int[4]){c_out, c_in, kernel, kernel});
    build_pad(node, pad, NST_PAD_ZERO);
    return build->graph.tensors[node->weight].data;
}

/* A 1x1 convolution by the unit matrix; factor > 1: between pixel_unshuffle and pixel_shuffle by it */
static inline NstModel *identity_model(int factor)
{
    NstBuild build;
    NstError err;
    int c = 3 * factor * factor;
    build_begin(&build, 3, &err);
    if (factor > 1)
        build_node(&build, NST_OP_PIXEL_UNSHUFFLE, 0, "unshuffle")->factor = factor;
    float *weight = add_conv(&build, "identity", c, c, 1, 0);
    for (int i = 0; i < c; i++)
        weight[i * c + i] = 1;
    if (factor > 1)
        build_node(&build, NST_OP_PIXEL_SHUFFLE, build_last(&build), "shuffle")->factor = factor;
    return finish_model(&build, NST_KIND_STYLE);
}

/* Something that every pixel of the input has an influence on: strides, instance norm, enlargement, random weights */
static inline NstModel *paint_model(uint64_t seed)
{
    NstBuild build;
    NstError err;
    NstRandom random;
    random_seed(&random, seed);
    build_begin(&build, 3, &err);
    float *down = add_conv(&build, "down", 3, 8, 3, 1);
    build.graph.nodes[build_last(&build)].stride[0] = build.graph.nodes[build_last(&build)].stride[1] = 2;
    for (int i = 0; i < 8 * 3 * 9; i++)
        down[i] = 0.3f * random_normal(&random);
    build_node(&build, NST_OP_INSTANCE_NORM, build_last(&build), "norm");
    build_node(&build, NST_OP_RELU, build_last(&build), "relu");
    build_node(&build, NST_OP_UPSAMPLE, build_last(&build), "up")->factor = 2;
    float *out = add_conv(&build, "out", 8, 3, 3, 1);
    for (int i = 0; i < 3 * 8 * 9; i++)
        out[i] = 0.1f * random_normal(&random) + 0.01f;
    return finish_model(&build, NST_KIND_STYLE);
}

static inline NstStylizer *open_stylizer(const NstModel *model, int threads, float strength)
{
    NstStylizer *stylizer;
    NstStylizeOptions options;
    NstError err;
    nst_stylize_defaults(&options);
    options.temporal = 0; /* what one picture gives */
    options.compute.threads = threads;
    options.strength = strength;
    assert_ok(nst_stylizer_open(&stylizer, &model, 1, &options, &err));
    return stylizer;
}

static inline void process(NstStylizer *stylizer, const Canvas *in, Canvas *out)
{
    NstError err;
    assert_ok(nst_stylizer_process(stylizer, &in->picture, &out->picture, NULL, NULL, &err));
}

static inline const Layout *layout_named(const char *name)
{
    for (int i = 0; i < N_LAYOUTS; i++)
        if (!strcmp(layouts[i].name, name))
            return &layouts[i];
    fail_msg("no layout %s", name);
    return NULL;
}

#endif
