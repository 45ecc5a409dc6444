/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vgg_names.h"

#include <math.h>
#include <stdio.h>

#include "util.h"

/* ImageNet's, for RGB of 0 to 1 */
static const float MEAN[3] = {0.485f, 0.456f, 0.406f}, DEVIATION[3] = {0.229f, 0.224f, 0.225f};

static int add_torch_means(NstContainer *weights, NstError *err)
{
    NstTensor *weight, *bias;
    NST_TRY(weights_add(weights, "preprocess.weight", 4, (const long long[]){3, 3, 1, 1}, 9, &weight, err));
    for (int c = 0; c < 3; c++)
        weight->data[4 * c] = 1 / DEVIATION[c];
    NST_TRY(weights_add(weights, "preprocess.bias", 1, (const long long[]){3}, 3, &bias, err));
    for (int c = 0; c < 3; c++)
        bias->data[c] = -MEAN[c] / DEVIATION[c];
    return NST_OK;
}

/* A weight or bias that is found is what the network must have; the rest is checked with the graph. */
static int check_complete(const NstContainer *weights, NstError *err)
{
    for (int block = 1; block <= 5; block++)
        for (int index = 1; index <= 4; index++) {
            const NstTensor *weight = weights_find(weights, "conv%d_%d.weight", block, index);
            const int before = index > 1 ? index - 1 : block > 1 ? 1 : 0, in = index > 1 ? block : block - 1;
            if (weight && before && !weights_find(weights, "conv%d_%d.weight", in, before))
                return fail(err, NST_EFORMAT, "tensor \"conv%d_%d.weight\" expected before \"%s\", none found", in,
                            before, weight->name);
            if (weight && !weights_find(weights, "conv%d_%d.bias", block, index))
                return fail(err, NST_EFORMAT, "tensor \"conv%d_%d.bias\" expected, none found", block, index);
        }
    return NST_OK;
}

static int build(NstModel **model, NstContainer *weights, VggMeans means, const ImportOptions *options, NstError *err)
{
    if (options->means != MEANS_AUTO)
        means = options->means;
    NST_TRY(check_complete(weights, err));
    if (means == MEANS_TORCH && !weights_find(weights, "preprocess.weight"))
        NST_TRY(add_torch_means(weights, err));
    return vgg_build(model, weights, &options->vgg, err);
}

int vgg_from_caffe_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err)
{
    return build(model, weights, MEANS_CAFFE, options, err);
}

/* block1_conv1.weight: height x width x in x out */
int vgg_from_keras_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err)
{
    for (int i = 0; i < weights->n_tensors; i++) {
        NstTensor *tensor = &weights->tensors[i];
        int block, index;
        if (sscanf(tensor->name, "block%d_conv%d.", &block, &index) < 2)
            continue;
        if (tensor->rank == 4)
            NST_TRY(weights_permute(tensor, (const int[]){3, 2, 0, 1}, err));
        snprintf(tensor->name, sizeof(tensor->name), "conv%d_%d.%s", block, index,
                 tensor->rank == 4 ? "weight" : "bias");
    }
    return build(model, weights, MEANS_CAFFE, options, err);
}

/* A batch normalisation after a convolution goes into it: weight and bias are scaled, channel by channel. */
static int fold_norm(NstContainer *weights, NstTensor *conv, NstTensor *conv_bias, int index, NstError *err)
{
    static const char *const parts[4] = {"weight", "bias", "running_mean", "running_var"};
    const float eps = 1e-5f;
    const float *norm[4];
    for (int i = 0; i < 4; i++) {
        const NstTensor *part = weights_find(weights, "features.%d.%s", index, parts[i]);
        if (!part || part->rank != 1 || part->shape[0] != conv->shape[0])
            return fail(err, NST_EFORMAT, "tensor \"features.%d.%s\": %d expected, %s found", index, parts[i],
                        conv->shape[0], part ? "another shape" : "none");
        norm[i] = part->data;
    }
    const int64_t each = conv->count / conv->shape[0];
    for (int o = 0; o < conv->shape[0]; o++) {
        const float gain = norm[0][o] / sqrtf(norm[3][o] + eps);
        for (int64_t k = 0; k < each; k++)
            conv->data[o * each + k] *= gain;
        conv_bias->data[o] = (conv_bias->data[o] - norm[2][o]) * gain + norm[1][o];
    }
    return NST_OK;
}

/*
 * features.N counts every layer: convolution, normalisation (or none), ReLU, and a pool after each block. So the next
 * convolution is in the same block where it follows at once, else one further.
 */
int vgg_from_torch_names(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err)
{
    enum { LAYERS = 64 };
    const int step = weights_find(weights, "features.1.running_mean") ? 3 : 2;
    int block = 1, index = 0;
    for (int n = 0, last = -step; n < LAYERS; n++) {
        NstTensor *weight = weights_find(weights, "features.%d.weight", n);
        NstTensor *bias = weights_find(weights, "features.%d.bias", n);
        if (!weight || weight->rank != 4)
            continue;
        if (n - last != step && n - last != step + 1)
            return fail(err, NST_EFORMAT, "tensor \"%s\": a convolution as layer %d or %d expected", weight->name,
                        last + step, last + step + 1);
        if (!bias || bias->rank != 1 || bias->shape[0] != weight->shape[0])
            return fail(err, NST_EFORMAT, "tensor \"features.%d.bias\": %d expected, %s found", n, weight->shape[0],
                        bias ? "another shape" : "none");
        if (step == 3)
            NST_TRY(fold_norm(weights, weight, bias, n + 1, err));
        block += n - last > step;
        index = n - last > step ? 1 : index + 1;
        snprintf(weight->name, sizeof(weight->name), "conv%d_%d.weight", block, index);
        snprintf(bias->name, sizeof(bias->name), "conv%d_%d.bias", block, index);
        last = n;
    }
    return build(model, weights, MEANS_TORCH, options, err);
}
