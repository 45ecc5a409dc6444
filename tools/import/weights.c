/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "util.h"

static int set_shape(NstTensor *tensor, int rank, const long long *shape, long long bound, NstError *err)
{
    tensor->rank = rank;
    tensor->count = 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 1 || shape[i] > INT32_MAX)
            return fail(err, NST_EFORMAT, "shape: sides of 1 to %d expected, %lld found", INT32_MAX, shape[i]);
        tensor->shape[i] = (int)shape[i];
        if (__builtin_mul_overflow(tensor->count, shape[i], &tensor->count) || tensor->count > bound)
            return fail(err, NST_EFORMAT, "shape: at most %lld elements expected, more found (is the file cut off?)",
                        bound);
    }
    tensor->data = aligned_calloc((size_t)tensor->count, sizeof(float));
    return tensor->data ? NST_OK : fail(err, NST_ENOMEM, "no memory for %lld numbers", (long long)tensor->count);
}

int weights_add(NstContainer *weights, const char *name, int rank, const long long *shape, long long bound,
                NstTensor **tensor, NstError *err)
{
    NstTensor new = {0};
    NST_TRY(name_copy(new.name, name, "tensor", err));
    if (rank > NST_MAX_RANK)
        return fail(err, NST_EFORMAT, "tensor \"%s\": at most %d dimensions expected, %d found", name, NST_MAX_RANK,
                    rank);
    if (weights->n_tensors >= NST_MAX_TENSORS)
        return fail(err, NST_ETOOLARGE, "at most %d tensors expected, more found", NST_MAX_TENSORS);
    NstTensor *grown = realloc(weights->tensors, (size_t)(weights->n_tensors + 1) * sizeof(*grown));
    if (!grown)
        return fail(err, NST_ENOMEM, "no memory for tensors");
    weights->tensors = grown;
    const int code = set_shape(&new, rank, shape, bound, err);
    if (code < 0)
        return fail_within(err, code, "tensor \"%s\"", name);
    *tensor = &weights->tensors[weights->n_tensors++];
    **tensor = new;
    return NST_OK;
}

NstTensor *weights_find(const NstContainer *weights, const char *name, ...)
{
    char full[2 * NST_MAX_NAME];
    va_list args;
    va_start(args, name);
    vsnprintf(full, sizeof(full), name, args);
    va_end(args);
    for (int i = 0; i < weights->n_tensors; i++)
        if (!strcmp(weights->tensors[i].name, full) && weights->tensors[i].data)
            return &weights->tensors[i];
    return NULL;
}

void weights_rename(NstTensor *tensor, const char *name)
{
    snprintf(tensor->name, sizeof(tensor->name), "%s", name);
}

/* Length of what stands before `name` in `full`; -1 where it does not end with it, or not at a dot. */
static int prefix_length(const char *full, const char *name)
{
    const size_t length = strlen(full), wanted = strlen(name);
    if (length < wanted || strcmp(full + length - wanted, name))
        return -1;
    return length == wanted || full[length - wanted - 1] == '.' ? (int)(length - wanted) : -1;
}

bool weights_have(NstContainer *weights, const char *name)
{
    char prefix[NST_MAX_NAME];
    int shortest = -1;
    for (int i = 0; i < weights->n_tensors; i++) {
        const int length = prefix_length(weights->tensors[i].name, name);
        if (length >= 0 && (shortest < 0 || length < shortest)) {
            shortest = length;
            memcpy(prefix, weights->tensors[i].name, (size_t)length);
        }
    }
    for (int i = 0; shortest > 0 && i < weights->n_tensors; i++) {
        char *full = weights->tensors[i].name;
        if (!strncmp(full, prefix, (size_t)shortest))
            memmove(full, full + shortest, strlen(full + shortest) + 1);
    }
    return shortest >= 0;
}

int weights_permute(NstTensor *tensor, const int axes[4], NstError *err)
{
    int shape[4], stride[4];
    if (tensor->rank != 4)
        return fail(err, NST_EFORMAT, "tensor \"%s\": rank 4 expected, %d found", tensor->name, tensor->rank);
    for (int i = 0; i < 4; i++) {
        shape[i] = tensor->shape[axes[i]];
        stride[i] = 1;
        for (int k = axes[i] + 1; k < 4; k++)
            stride[i] *= tensor->shape[k];
    }
    float *to = aligned_calloc((size_t)tensor->count, sizeof(float));
    if (!to)
        return fail(err, NST_ENOMEM, "tensor \"%s\": no memory for %lld numbers", tensor->name,
                    (long long)tensor->count);
    int64_t n = 0;
    for (int a = 0; a < shape[0]; a++)
        for (int b = 0; b < shape[1]; b++)
            for (int c = 0; c < shape[2]; c++)
                for (int d = 0; d < shape[3]; d++)
                    to[n++] = tensor->data[(int64_t)a * stride[0] + (int64_t)b * stride[1] + (int64_t)c * stride[2] +
                                           (int64_t)d * stride[3]];
    aligned_free(tensor->data);
    tensor->data = to;
    memcpy(tensor->shape, shape, sizeof(shape));
    return NST_OK;
}
