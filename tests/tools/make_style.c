/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writes small .nsw files for the tests of programs.
 *
 *   make_style paint FILE    a network that changes everything: two scales, instance norm, random weights
 *   make_style invert FILE   the negative of a picture: output = 1 - input
 *   make_style identity FILE a network that changes nothing
 *   make_style loss FILE     a network of kind loss
 */

#include <stdio.h>
#include <string.h>

#include "build.h"
#include "nsw.h"
#include "optim.h"

static void fill_random(NstBuild *build, int tensor, NstRandom *random, float scale)
{
    if (tensor < 0)
        return;
    NstTensor *t = &build->graph.tensors[tensor];
    for (int64_t i = 0; i < t->count; i++)
        t->data[i] = scale * random_normal(random);
}

static void conv(NstBuild *build, NstRandom *random, const char *name, int c_in, int c_out, int stride)
{
    NstNode *node = build_node(build, NST_OP_CONV2D, build_last(build), "%s", name);
    node->weight = build_tensor(build, name, "weight", (int[4]){ c_out, c_in, 3, 3 });
    node->bias = build_tensor(build, name, "bias", (int[4]){ c_out, 0, 0, 0 });
    node->stride[NST_Y] = node->stride[NST_X] = stride;
    build_pad(node, 1, NST_PAD_REFLECT);
    fill_random(build, node->weight, random, 0.3f);
    fill_random(build, node->bias, random, 0.1f);
}

static void build_paint(NstBuild *build)
{
    NstRandom random;
    random_seed(&random, 7);
    build_node(build, NST_OP_PIXEL_UNSHUFFLE, 0, "unshuffle")->factor = 2;
    conv(build, &random, "down", 12, 16, 2);
    build_node(build, NST_OP_INSTANCE_NORM, build_last(build), "norm");
    build_node(build, NST_OP_RELU, build_last(build), "relu");
    build_node(build, NST_OP_UPSAMPLE, build_last(build), "up")->factor = 4;
    conv(build, &random, "out", 16, 3, 1);
    NstNode *half = build_node(build, NST_OP_AFFINE, build_last(build), "half");
    half->scale = 0.5f;
    half->shift = 0.5f;
}

static void build_affine(NstBuild *build, const char *name, float scale, float shift)
{
    NstNode *node = build_node(build, NST_OP_AFFINE, 0, "%s", name);
    node->scale = scale;
    node->shift = shift;
}

static int write_style(const char *what, const char *path, NstError *err)
{
    NstBuild build;
    NstGraph graph;
    NstModel *model;

    build_begin(&build, 3, err);
    if (!strcmp(what, "paint"))
        build_paint(&build);
    else if (!strcmp(what, "identity"))
        build_affine(&build, what, 1, 0);
    else
        build_affine(&build, "invert", -1, 1);
    int code = build_end(&build, &graph);
    if (code < 0)
        return code;
    code = nsw_create(&model, strcmp(what, "loss") ? NST_KIND_STYLE : NST_KIND_LOSS, &graph, err);
    if (code < 0)
        return code;
    code = nst_model_save(model, path, err);
    nst_model_free(&model);
    return code;
}

int main(int argc, char **argv)
{
    NstError err;
    if (argc != 3 || (strcmp(argv[1], "paint") && strcmp(argv[1], "invert") && strcmp(argv[1], "identity") &&
                      strcmp(argv[1], "loss"))) {
        fprintf(stderr, "usage: make_style paint|invert|identity|loss FILE\n");
        return 1;
    }
    if (write_style(argv[1], argv[2], &err) < 0) {
        fprintf(stderr, "make_style: %s\n", err.message);
        return 1;
    }
    return 0;
}
