/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "json.h"
#include "names.h"
#include "numbers.h"
#include "util.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is little-endian, and so must the host be");

/*
 *   8 bytes   n, little-endian
 *   n bytes   JSON: {"__metadata__": {key: text}, name: {"dtype", "shape", "data_offsets": [begin, end]}, ...}
 *   the rest  data; offsets count from here; the tensors cover it without gap or overlap
 */

typedef struct Dtype {
    const char *name;
    int size; /* bytes */
    NumberType type;
} Dtype;

typedef struct TensorSpan {
    uint64_t begin, end;
    int tensor;
    const Dtype *dtype;
} TensorSpan;

static const Dtype DTYPES[] = {
    {"F32", 4, NUMBER_F32}, {"F16", 2, NUMBER_F16}, {"BF16", 2, NUMBER_BF16}, {"F64", 8, NUMBER_F64},
    {"I64", 8, NUMBER_OTHER}, {"I32", 4, NUMBER_OTHER}, {"I16", 2, NUMBER_OTHER}, {"I8", 1, NUMBER_OTHER},
    {"U64", 8, NUMBER_OTHER}, {"U32", 4, NUMBER_OTHER}, {"U16", 2, NUMBER_OTHER}, {"U8", 1, NUMBER_OTHER},
    {"BOOL", 1, NUMBER_OTHER},
};

const char *metadata_get(const NstMetadata *metadata, const char *key)
{
    for (int i = 0; i < metadata->n; i++)
        if (!strcmp(metadata->keys[i], key))
            return metadata->values[i];
    return NULL;
}

static int metadata_replace(NstMetadata *metadata, int index, const char *value, NstError *err)
{
    char *copy = string_copy(value);
    if (!copy)
        return fail(err, NST_ENOMEM, "no memory for metadata");
    free(metadata->values[index]);
    metadata->values[index] = copy;
    return NST_OK;
}

/* Makes room for one more pair, whose strings are NULL. */
static int metadata_grow(NstMetadata *metadata, NstError *err)
{
    if (metadata->n >= NST_MAX_METADATA)
        return fail(err, NST_ETOOLARGE, "metadata: at most %d keys expected, more found", NST_MAX_METADATA);
    size_t bytes = (size_t)(metadata->n + 1) * sizeof(char *);
    char **keys = realloc(metadata->keys, bytes);
    if (keys)
        metadata->keys = keys;
    char **values = realloc(metadata->values, bytes);
    if (values)
        metadata->values = values;
    return keys && values ? NST_OK : fail(err, NST_ENOMEM, "no memory for metadata");
}

int metadata_set(NstMetadata *metadata, const char *key, const char *value, NstError *err)
{
    for (int i = 0; i < metadata->n; i++)
        if (!strcmp(metadata->keys[i], key))
            return metadata_replace(metadata, i, value, err);
    NST_TRY(metadata_grow(metadata, err));
    char *key_copy = string_copy(key), *value_copy = string_copy(value);
    if (!key_copy || !value_copy) {
        free(key_copy);
        free(value_copy);
        return fail(err, NST_ENOMEM, "no memory for metadata");
    }
    metadata->keys[metadata->n] = key_copy;
    metadata->values[metadata->n++] = value_copy;
    return NST_OK;
}

void metadata_free(NstMetadata *metadata)
{
    for (int i = 0; i < metadata->n; i++) {
        free(metadata->keys[i]);
        free(metadata->values[i]);
    }
    free(metadata->keys);
    free(metadata->values);
    memset(metadata, 0, sizeof(*metadata));
}

void container_free(NstContainer *container)
{
    for (int i = 0; i < container->n_tensors; i++)
        aligned_free(container->tensors[i].data);
    free(container->tensors);
    metadata_free(&container->metadata);
    memset(container, 0, sizeof(*container));
}

static int parse_metadata(NstMetadata *metadata, const cJSON *object, NstError *err)
{
    const cJSON *item;
    if (!cJSON_IsObject(object))
        return fail(err, NST_EFORMAT, "__metadata__: an object expected");
    cJSON_ArrayForEach(item, object) {
        const char *value;
        NST_TRY(json_string(item, item->string, &value, err));
        if (metadata_get(metadata, item->string))
            return fail(err, NST_EFORMAT, "metadata key \"%.80s\": found twice", item->string);
        NST_TRY(metadata_set(metadata, item->string, value, err));
    }
    return NST_OK;
}

static int parse_dtype(const Dtype **dtype, const cJSON *item, bool foreign, NstError *err)
{
    const char *name;
    NST_TRY(json_string(item, "dtype", &name, err));
    for (size_t i = 0; i < sizeof(DTYPES) / sizeof(*DTYPES); i++) {
        const bool own = DTYPES[i].type == NUMBER_F32 || DTYPES[i].type == NUMBER_F16;
        *dtype = &DTYPES[i];
        if ((foreign || own) && !strcmp(name, DTYPES[i].name))
            return NST_OK;
    }
    return fail(err, NST_EUNSUPPORTED, "dtype: F32 or F16 expected, %.16s found", name);
}

static int parse_shape(NstTensor *tensor, const cJSON *array, NstError *err)
{
    const cJSON *item;
    tensor->count = 1;
    if (!cJSON_IsArray(array))
        return fail(err, NST_EFORMAT, "shape: an array expected");
    cJSON_ArrayForEach(item, array) {
        int64_t side;
        if (tensor->rank == NST_MAX_RANK)
            return fail(err, NST_EFORMAT, "shape: at most %d dimensions expected, more found", NST_MAX_RANK);
        NST_TRY(json_integer(item, "shape", 0, INT32_MAX, &side, err));
        if (__builtin_mul_overflow(tensor->count, side, &tensor->count))
            return fail(err, NST_ETOOLARGE, "shape: the number of elements overflows");
        tensor->shape[tensor->rank++] = (int)side;
    }
    return NST_OK;
}

static int parse_span(const NstTensor *tensor, TensorSpan *span, const cJSON *array, NstError *err)
{
    int64_t begin, end, bytes;
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != 2)
        return fail(err, NST_EFORMAT, "data_offsets: an array of two integers expected");
    NST_TRY(json_integer(array->child, "data_offsets begin", 0, (int64_t)NST_MAX_FILE, &begin, err));
    NST_TRY(json_integer(array->child->next, "data_offsets end", begin, (int64_t)NST_MAX_FILE, &end, err));
    if (__builtin_mul_overflow(tensor->count, span->dtype->size, &bytes))
        return fail(err, NST_ETOOLARGE, "shape: the number of bytes overflows");
    if (end - begin != bytes)
        return fail(err, NST_EFORMAT, "data_offsets: %lld bytes expected for this shape, %lld found", (long long)bytes,
                    (long long)(end - begin));
    span->begin = (uint64_t)begin;
    span->end = (uint64_t)end;
    return NST_OK;
}

static int parse_entry(NstTensor *tensor, TensorSpan *span, const cJSON *entry, bool foreign, NstError *err)
{
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3)
        return fail(err, NST_EFORMAT, "an object of dtype, shape and data_offsets expected");
    NST_TRY(parse_dtype(&span->dtype, cJSON_GetObjectItemCaseSensitive(entry, "dtype"), foreign, err));
    tensor->is_f16 = span->dtype->type == NUMBER_F16;
    NST_TRY(parse_shape(tensor, cJSON_GetObjectItemCaseSensitive(entry, "shape"), err));
    return parse_span(tensor, span, cJSON_GetObjectItemCaseSensitive(entry, "data_offsets"), err);
}

static int parse_tensor(NstContainer *container, TensorSpan *span, const cJSON *entry, bool foreign, NstError *err)
{
    NstTensor *tensor = &container->tensors[container->n_tensors];
    if (container->n_tensors >= NST_MAX_TENSORS)
        return fail(err, NST_ETOOLARGE, "at most %d tensors expected, more found", NST_MAX_TENSORS);
    NST_TRY(name_copy(tensor->name, entry->string, "tensor", err));
    int code = parse_entry(tensor, span, entry, foreign, err);
    if (code < 0)
        return fail_within(err, code, "tensor \"%s\"", tensor->name);
    span->tensor = container->n_tensors++;
    return NST_OK;
}

/* Fills in all of the container but the tensors' data. spans has room for NST_MAX_TENSORS entries. */
static int parse_header(NstContainer *container, TensorSpan *spans, const cJSON *root, bool foreign, NstError *err)
{
    const cJSON *item;
    bool has_metadata = false;
    if (!cJSON_IsObject(root))
        return fail(err, NST_EFORMAT, "header: an object expected");
    cJSON_ArrayForEach(item, root) {
        if (strcmp(item->string, "__metadata__")) {
            TensorSpan *span = &spans[min_int(container->n_tensors, NST_MAX_TENSORS - 1)];
            NST_TRY(parse_tensor(container, span, item, foreign, err));
        } else {
            if (has_metadata)
                return fail(err, NST_EFORMAT, "__metadata__: found twice");
            has_metadata = true;
            NST_TRY(parse_metadata(&container->metadata, item, err));
        }
    }
    if (!container->n_tensors)
        return NST_OK;
    return names_check_unique(container->tensors[0].name, sizeof(NstTensor), container->n_tensors, "tensor", err);
}

static int compare_spans(const void *a, const void *b)
{
    const TensorSpan *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int check_spans(const NstContainer *container, TensorSpan *spans, uint64_t data_size, NstError *err)
{
    uint64_t end = 0;
    qsort(spans, (size_t)container->n_tensors, sizeof(*spans), compare_spans);
    for (int i = 0; i < container->n_tensors; i++) {
        if (spans[i].begin != end)
            return fail(err, NST_EFORMAT, "tensor \"%s\": data from byte %llu expected, from %llu found (%s)",
                        container->tensors[spans[i].tensor].name, (unsigned long long)end,
                        (unsigned long long)spans[i].begin, spans[i].begin < end ? "overlap" : "gap");
        end = spans[i].end;
    }
    if (end != data_size)
        return fail(err, NST_EFORMAT, "%llu bytes of data expected, %llu found", (unsigned long long)end,
                    (unsigned long long)data_size);
    return NST_OK;
}

static int load_data(NstTensor *tensor, const unsigned char *bytes, NumberType type, NstError *err)
{
    tensor->data = aligned_calloc((size_t)tensor->count, sizeof(float));
    if (!tensor->data)
        return fail(err, NST_ENOMEM, "tensor \"%s\": no memory for %lld numbers", tensor->name,
                    (long long)tensor->count);
    numbers_read(tensor->data, bytes, (size_t)tensor->count, type);
    return NST_OK;
}

/* Those that have no numbers leave; they have not been loaded. */
static void leave_out(NstContainer *container)
{
    int n = 0;
    for (int i = 0; i < container->n_tensors; i++)
        if (container->tensors[i].data)
            container->tensors[n++] = container->tensors[i];
    container->n_tensors = n;
}

static int parse_spans(NstContainer *container, TensorSpan *spans, const cJSON *root, const unsigned char *data,
                       size_t data_size, bool foreign, NstError *err)
{
    NST_TRY(parse_header(container, spans, root, foreign, err));
    NST_TRY(check_spans(container, spans, data_size, err));
    for (int i = 0; i < container->n_tensors; i++) {
        NstTensor *tensor = &container->tensors[spans[i].tensor];
        if (spans[i].dtype->type != NUMBER_OTHER)
            NST_TRY(load_data(tensor, data + spans[i].begin, spans[i].dtype->type, err));
    }
    leave_out(container);
    return NST_OK;
}

static int parse_container(NstContainer *container, const cJSON *root, const unsigned char *data, size_t data_size,
                           bool foreign, NstError *err)
{
    size_t room = (size_t)min_int(max_int(cJSON_GetArraySize(root), 1), NST_MAX_TENSORS);
    TensorSpan *spans = calloc(room, sizeof(*spans));
    container->tensors = calloc(room, sizeof(*container->tensors));
    int code = NST_OK;
    if (!spans || !container->tensors)
        code = fail(err, NST_ENOMEM, "no memory for %zu tensors", room);
    else
        code = parse_spans(container, spans, root, data, data_size, foreign, err);
    free(spans);
    return code;
}

static int parse_bytes(NstContainer *container, const unsigned char *bytes, size_t size, bool foreign, NstError *err)
{
    uint64_t header;
    cJSON *root;
    if (size < sizeof(header) + 2)
        return fail(err, NST_EFORMAT, "a safetensors file expected, only %zu bytes found", size);
    if (size > NST_MAX_FILE)
        return fail(err, NST_ETOOLARGE, "at most %zu bytes expected, %zu found", NST_MAX_FILE, size);
    memcpy(&header, bytes, sizeof(header));
    if (header > NST_MAX_HEADER || bytes[sizeof(header)] != '{')
        return fail(err, NST_EFORMAT, "a safetensors file expected, its header (at most %d bytes of JSON) not found",
                    NST_MAX_HEADER);
    if (header > size - sizeof(header))
        return fail(err, NST_EFORMAT, "a header of %llu bytes expected, %zu found (is the file cut off?)",
                    (unsigned long long)header, size - sizeof(header));
    const unsigned char *text = bytes + sizeof(header);
    int code = json_parse(&root, (const char *)text, (size_t)header, err);
    if (code < 0)
        return fail_within(err, code, "header");
    code = parse_container(container, root, text + header, size - sizeof(header) - (size_t)header, foreign,
                           err);
    cJSON_Delete(root);
    return code;
}

static int parse(NstContainer *container, const void *data, size_t size, const char *name, bool foreign, NstError *err)
{
    memset(container, 0, sizeof(*container));
    int code = parse_bytes(container, data, size, foreign, err);
    if (code < 0) {
        container_free(container);
        return fail_within(err, code, "%s", name);
    }
    return NST_OK;
}

int safetensors_parse(NstContainer *container, const void *data, size_t size, const char *name, NstError *err)
{
    return parse(container, data, size, name, false, err);
}

int safetensors_parse_foreign(NstContainer *container, const void *data, size_t size, const char *name, NstError *err)
{
    return parse(container, data, size, name, true, err);
}

int safetensors_read(NstContainer *container, const char *path, NstError *err)
{
    void *bytes;
    size_t size;
    memset(container, 0, sizeof(*container));
    NST_TRY(file_read(&bytes, &size, path, err));
    const int code = safetensors_parse(container, bytes, size, path, err);
    free(bytes);
    return code;
}
