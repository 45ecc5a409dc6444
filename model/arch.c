/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arch.h"

#include <math.h>
#include <stdio.h>

#include "build.h"
#include "util.h"

/* The output starts close to mid grey, so that the first steps do not have to undo saturated pixels. */
static const float OUTPUT_GAIN = 0.3f;

typedef struct Builder {
    NstBuild build;
    NstRandom *random;
} Builder;

/* He et al. 2015, eq. 10: variance 2 / fan-in */
static void draw_weights(Builder *b, int tensor, int fan_in, float gain)
{
    if (tensor < 0)
        return;
    const NstTensor *t = &b->build.graph.tensors[tensor];
    const float deviation = gain * sqrtf(2 / (float)fan_in);
    for (int64_t i = 0; i < t->count; i++)
        t->data[i] = deviation * random_normal(b->random);
}

/* Without a bias: instance normalisation, which follows, takes any constant out again. */
static int conv(Builder *b, const char *name, int input, int in, int out, int k, int stride, float gain)
{
    NstNode *node = build_node(&b->build, NST_OP_CONV2D, input, "%s", name);
    node->weight = build_tensor(&b->build, name, "weight", (int[]){out, in, k, k});
    node->stride[NST_Y] = node->stride[NST_X] = stride;
    build_pad(node, k / 2, NST_PAD_REFLECT);
    draw_weights(b, node->weight, in * k * k, gain);
    return build_last(&b->build);
}

static int norm(Builder *b, const char *name, int input, int channels)
{
    char norm_name[NST_MAX_NAME];
    snprintf(norm_name, sizeof(norm_name), "%.100s_norm", name);
    NstNode *node = build_node(&b->build, NST_OP_INSTANCE_NORM, input, "%s", norm_name);
    node->weight = build_tensor(&b->build, norm_name, "weight", (int[]){channels, 0, 0, 0});
    node->bias = build_tensor(&b->build, norm_name, "bias", (int[]){channels, 0, 0, 0});
    for (int i = 0; node->weight >= 0 && i < channels; i++)
        b->build.graph.tensors[node->weight].data[i] = 1;
    return build_last(&b->build);
}

static int relu(Builder *b, const char *name, int input)
{
    build_node(&b->build, NST_OP_RELU, input, "%s_relu", name);
    return build_last(&b->build);
}

static int conv_norm_relu(Builder *b, const char *name, int input, int in, int out, int k, int stride)
{
    const int x = conv(b, name, input, in, out, k, stride, 1);
    return relu(b, name, norm(b, name, x, out));
}

/* Bilinear: with repeated samples a network learns to paint a grain of single pixels */
static int upsample(Builder *b, const char *name, int input)
{
    NstNode *node = build_node(&b->build, NST_OP_UPSAMPLE, input, "%s_resize", name);
    node->factor = 2;
    node->mode = NST_UPSAMPLE_BILINEAR;
    return build_last(&b->build);
}

static int add(Builder *b, const char *name, int first, int second)
{
    NstNode *node = build_node(&b->build, NST_OP_ADD, first, "%s", name);
    node->n_inputs = 2;
    node->inputs[1] = second;
    return build_last(&b->build);
}

static int affine(Builder *b, const char *name, int input, float scale, float shift)
{
    NstNode *node = build_node(&b->build, NST_OP_AFFINE, input, "%s", name);
    node->scale = scale;
    node->shift = shift;
    return build_last(&b->build);
}

/* The last convolution, which has a bias */
static int output_conv(Builder *b, int input, int in, int k)
{
    const int x = conv(b, "out", input, in, 3, k, 1, OUTPUT_GAIN);
    const int bias = build_tensor(&b->build, "out", "bias", (int[]){3, 0, 0, 0});
    if (b->build.code == 0)
        b->build.graph.nodes[x].bias = bias;
    return x;
}

/* ... and the way from -1..1 back to 0..1 */
static void output(Builder *b, int input, int in, int k)
{
    affine(b, "output", output_conv(b, input, in, k), 0.5f, 0.5f);
}

/* x + norm(conv(relu(norm(conv(x))))) */
static int residual(Builder *b, int index, int input, int channels)
{
    int x = input;
    char name[NST_MAX_NAME];
    for (int half = 0; half < 2; half++) {
        snprintf(name, sizeof(name), "res%d_%d", index, half + 1);
        x = norm(b, name, conv(b, name, x, channels, channels, 3, 1, 1), channels);
        if (half == 0)
            x = relu(b, name, x);
    }
    snprintf(name, sizeof(name), "res%d", index);
    return add(b, name, input, x);
}

/*
 * The fast networks without their output: 24 channels at half the size of x, 32 at a quarter. Full convolutions of 32
 * channels take less time than separable ones of 64, although they count more multiplications: see doc/training.md.
 */
static int fast_body(Builder *b, int x)
{
    build_node(&b->build, NST_OP_PIXEL_UNSHUFFLE, x, "unshuffle")->factor = 2;
    const int skip = conv_norm_relu(b, "enc1", build_last(&b->build), 12, 24, 3, 1);
    x = conv_norm_relu(b, "enc2", skip, 24, 32, 3, 2);
    for (int i = 1; i <= 5; i++)
        x = residual(b, i, x, 32);
    x = upsample(b, "dec1", x);
    x = conv_norm_relu(b, "dec1", x, 32, 24, 3, 1);
    return add(b, "skip", x, skip);
}

static void build_fast(Builder *b, int x)
{
    x = upsample(b, "out", fast_body(b, x));
    output(b, x, 24, 3);
}

/*
 * The same on the picture's half, and a way back to its full size that is learned: eight channels, enlarged, and what
 * a convolution sees of the picture itself, so that its edges stay as sharp as they were.
 */
static void build_fast_hd(Builder *b, int x)
{
    NstNode *node = build_node(&b->build, NST_OP_AVG_POOL, x, "half");
    node->kernel[NST_Y] = node->kernel[NST_X] = node->stride[NST_Y] = node->stride[NST_X] = 2;
    const int guide = x;
    x = upsample(b, "dec2", fast_body(b, build_last(&b->build)));
    x = conv_norm_relu(b, "dec2", x, 24, 8, 3, 1);
    x = upsample(b, "out", x);
    const int edges = conv(b, "guide", guide, 3, 3, 3, 1, OUTPUT_GAIN);
    const int paint = output_conv(b, x, 8, 3);
    affine(b, "output", add(b, "guided", paint, edges), 0.5f, 0.5f);
}

static void build_johnson(Builder *b, int x)
{
    x = conv_norm_relu(b, "enc1", x, 3, 32, 9, 1);
    x = conv_norm_relu(b, "enc2", x, 32, 64, 3, 2);
    x = conv_norm_relu(b, "enc3", x, 64, 128, 3, 2);
    for (int i = 1; i <= 5; i++)
        x = residual(b, i, x, 128);
    x = upsample(b, "dec1", x);
    x = conv_norm_relu(b, "dec1", x, 128, 64, 3, 1);
    x = upsample(b, "dec2", x);
    x = conv_norm_relu(b, "dec2", x, 64, 32, 3, 1);
    output(b, x, 32, 9);
}

static const struct {
    const char *name;
    void (*build)(Builder *b, int x);
} ARCHITECTURES[] = {
    [NST_ARCH_FAST] = {"fast", build_fast},
    [NST_ARCH_JOHNSON] = {"johnson", build_johnson},
    [NST_ARCH_FAST_HD] = {"fast-hd", build_fast_hd},
};

const char *arch_name(NstArchitecture arch)
{
    return ARCHITECTURES[arch].name;
}

int arch_build(NstGraph *graph, NstArchitecture arch, NstRandom *random, NstError *err)
{
    Builder b = {.random = random};
    build_begin(&b.build, 3, err);
    ARCHITECTURES[arch].build(&b, affine(&b, "centre", 0, 2, -1));
    return build_end(&b.build, graph);
}
