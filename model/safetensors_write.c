/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "safetensors.h"

#include <math.h>
#include <string.h>

#include "half.h"
#include "json.h"
#include "output.h"
#include "util.h"

static size_t tensor_bytes(const NstTensor *tensor)
{
    return (size_t)tensor->count * (tensor->is_f16 ? 2 : 4);
}

static bool add_metadata(cJSON *root, const NstMetadata *metadata)
{
    cJSON *object = cJSON_AddObjectToObject(root, "__metadata__");
    for (int i = 0; object && i < metadata->n; i++)
        if (!cJSON_AddStringToObject(object, metadata->keys[i], metadata->values[i]))
            return false;
    return object;
}

static bool add_number(cJSON *array, double value)
{
    return cJSON_AddItemToArray(array, cJSON_CreateNumber(value));
}

static bool add_tensor(cJSON *root, const NstTensor *tensor, size_t begin)
{
    cJSON *entry = cJSON_AddObjectToObject(root, tensor->name);
    if (!cJSON_AddStringToObject(entry, "dtype", tensor->is_f16 ? "F16" : "F32"))
        return false;
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    for (int i = 0; i < tensor->rank; i++)
        if (!add_number(shape, tensor->shape[i]))
            return false;
    cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
    return shape && add_number(offsets, (double)begin) && add_number(offsets, (double)(begin + tensor_bytes(tensor)));
}

/* The header's JSON text, malloc'ed, or NULL: no memory. */
static char *header_text(const NstContainer *container)
{
    cJSON *root = cJSON_CreateObject();
    size_t offset = 0;
    bool ok = root && (container->metadata.n == 0 || add_metadata(root, &container->metadata));
    for (int i = 0; ok && i < container->n_tensors; i++) {
        ok = add_tensor(root, &container->tensors[i], offset);
        offset += tensor_bytes(&container->tensors[i]);
    }
    char *text = ok ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static int write_header(NstOutput *output, const char *text, NstError *err)
{
    char spaces[64];
    /* spaces at the end of the header put the data at a multiple of 64 */
    size_t length = strlen(text);
    uint64_t padded = ((8 + length + 63) & ~(size_t)63) - 8;
    if (padded > NST_MAX_HEADER)
        return fail(err, NST_ETOOLARGE, "a header of at most %d bytes expected, %zu found", NST_MAX_HEADER, length);
    NST_TRY(output_write(output, &padded, sizeof(padded), err));
    NST_TRY(output_write(output, text, length, err));
    memset(spaces, ' ', sizeof(spaces));
    return output_write(output, spaces, padded - length, err);
}

static int write_halves(NstOutput *output, const NstTensor *tensor, NstError *err)
{
    enum { CHUNK = 4096 };
    uint16_t halves[CHUNK];
    for (int64_t done = 0; done < tensor->count;) {
        size_t n = tensor->count - done < CHUNK ? (size_t)(tensor->count - done) : CHUNK;
        for (size_t i = 0; i < n; i++) {
            float value = tensor->data[done + (int64_t)i];
            halves[i] = float_to_half(value);
            if (isfinite(value) && (halves[i] & 0x7fff) == 0x7c00)
                return fail(err, NST_ETOOLARGE, "tensor \"%s\": at most 65504 expected for F16, %g found",
                            tensor->name, value);
        }
        NST_TRY(output_write(output, halves, n * sizeof(*halves), err));
        done += (int64_t)n;
    }
    return NST_OK;
}

static int write_content(NstOutput *output, const NstContainer *container, const char *text, NstError *err)
{
    NST_TRY(write_header(output, text, err));
    for (int i = 0; i < container->n_tensors; i++) {
        const NstTensor *tensor = &container->tensors[i];
        if (tensor->is_f16)
            NST_TRY(write_halves(output, tensor, err));
        else
            NST_TRY(output_write(output, tensor->data, (size_t)tensor->count * sizeof(float), err));
    }
    return NST_OK;
}

static int write_file(const NstContainer *container, const char *path, const char *text, NstError *err)
{
    NstOutput output;
    NST_TRY(output_open(&output, path, err));
    return output_close(&output, write_content(&output, container, text, err), err);
}

int safetensors_write(const NstContainer *container, const char *path, NstError *err)
{
    char *text = header_text(container);
    if (!text)
        return fail(err, NST_ENOMEM, "%s: no memory for a header", path);
    int code = write_file(container, path, text, err);
    cJSON_free(text);
    return code < 0 ? fail_within(err, code, "%s", path) : code;
}
