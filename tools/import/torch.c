/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "torch.h"

#include <stdio.h>
#include <stdlib.h>

#include "numbers.h"
#include "pickle.h"
#include "util.h"
#include "weights.h"

/*
 * archive:  PREFIX/data.pkl, the pickle; PREFIX/data/KEY, the bytes of a storage; PREFIX/byteorder
 * legacy:   pickles of a magic number, a version, facts about the machine, the object, the list of keys; then for each
 *           key the number of elements (8 bytes) and the storage
 */
static const uint8_t MAGIC[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

enum { MAX_ELEMENTS = 1 << 30 }; /* of a storage */

typedef struct Storage {
    const Value *key;
    NumberType type;
    size_t element; /* bytes */
    long long count;
    const uint8_t *bytes; /* NULL: not read yet */
} Storage;

typedef struct TorchFile {
    Values values;
    Archive *archive;  /* or NULL: legacy */
    char prefix[200];  /* of the archive's members */
    void *unpacked;    /* the storage that was read last ... */
    const Value *unpacked_key;
    Storage *storages; /* of a legacy file */
    int n_storages;
} TorchFile;

static int set_type(Storage *storage, const Value *class, NstError *err)
{
    static const struct {
        const char *name;
        NumberType type;
        size_t element;
    } types[] = {
        {"torch\nFloatStorage", NUMBER_F32, 4},  {"torch\nDoubleStorage", NUMBER_F64, 8},
        {"torch\nHalfStorage", NUMBER_F16, 2},   {"torch\nBFloat16Storage", NUMBER_BF16, 2},
        {"torch\nLongStorage", NUMBER_OTHER, 8}, {"torch\nIntStorage", NUMBER_OTHER, 4},
        {"torch\nShortStorage", NUMBER_OTHER, 2}, {"torch\nCharStorage", NUMBER_OTHER, 1},
        {"torch\nByteStorage", NUMBER_OTHER, 1},  {"torch\nBoolStorage", NUMBER_OTHER, 1},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (value_is_text(class, types[i].name)) {
            storage->type = types[i].type;
            storage->element = types[i].element;
            return NST_OK;
        }
    return fail(err, NST_EFORMAT, "a storage's class expected, another found");
}

static bool is_call(const Value *value, const char *name)
{
    return value && value->type == VALUE_CALL && value_is_text(value, name);
}

/* ('storage', class, key, location, number of elements, and in legacy files a view) */
static int parse_storage(const Values *values, const Value *persistent, Storage *storage, NstError *err)
{
    const Value *id = is_call(persistent, "persistent") ? value_item(values, persistent, 0) : NULL;
    const Value *class = value_item(values, id, 1), *view = value_item(values, id, 5);
    storage->bytes = NULL;
    storage->key = value_item(values, id, 2);
    if (!value_is_text(value_item(values, id, 0), "storage") || !class || !storage->key ||
        storage->key->type != VALUE_TEXT || storage->key->length > 64 ||
        !value_integer(value_item(values, id, 4), 0, MAX_ELEMENTS, &storage->count))
        return fail(err, NST_EFORMAT, "a storage of class, key and number of elements expected");
    if (view && view->type != VALUE_NONE)
        return fail(err, NST_EUNSUPPORTED, "a whole storage expected, a view of another found");
    return set_type(storage, class, err);
}

static int read_member(TorchFile *file, Storage *storage, NstError *err)
{
    char name[sizeof(file->prefix) + 80];
    size_t size;
    if (file->unpacked && file->unpacked_key == storage->key) {
        storage->bytes = file->unpacked;
        return NST_OK;
    }
    free(file->unpacked);
    file->unpacked = NULL;
    snprintf(name, sizeof(name), "%sdata/%.*s", file->prefix, (int)storage->key->length, storage->key->text);
    const int member = archive_find(file->archive, name);
    if (member < 0)
        return fail(err, NST_EFORMAT, "member \"%s\" expected, none found", name);
    NST_TRY(archive_read(file->archive, member, &file->unpacked, &size, err));
    if (size != (size_t)storage->count * storage->element)
        return fail(err, NST_EFORMAT, "member \"%s\": %lld elements expected, %zu bytes found", name, storage->count,
                    size);
    file->unpacked_key = storage->key;
    storage->bytes = file->unpacked;
    return NST_OK;
}

static bool same_key(const Value *a, const Value *b)
{
    return a->length == b->length && !memcmp(a->text, b->text, a->length);
}

static int find_storage(TorchFile *file, Storage *storage, NstError *err)
{
    if (file->archive)
        return read_member(file, storage, err);
    for (int i = 0; i < file->n_storages; i++)
        if (same_key(file->storages[i].key, storage->key)) {
            storage->bytes = file->storages[i].bytes;
            if (storage->bytes && file->storages[i].count == storage->count && file->storages[i].type == storage->type)
                return NST_OK;
        }
    return fail(err, NST_EFORMAT, "storage \"%.*s\" of %lld elements expected, none found", (int)storage->key->length,
                storage->key->text, storage->count);
}

/* Where a tensor lies in its storage: sides and steps, from the first of four axes on; missing axes come first. */
typedef struct View {
    int rank;
    long long offset, shape[NST_MAX_RANK], step[NST_MAX_RANK];
} View;

static int parse_view(const Values *values, const Value *tensor, View *view, long long count, NstError *err)
{
    const Value *shape = value_item(values, tensor, 2), *steps = value_item(values, tensor, 3);
    long long last, elements = 1;
    if (!value_integer(value_item(values, tensor, 1), 0, count, &view->offset) || !shape || !steps ||
        shape->type != VALUE_LIST || steps->type != VALUE_LIST || shape->n != steps->n)
        return fail(err, NST_EFORMAT, "offset, shape and strides within %lld elements expected", count);
    view->rank = shape->n;
    last = view->offset;
    for (int i = 0; i < view->rank && i < NST_MAX_RANK; i++) {
        if (!value_integer(value_item(values, shape, i), 1, count, &view->shape[i]) ||
            !value_integer(value_item(values, steps, i), 0, count, &view->step[i]))
            return fail(err, NST_EFORMAT, "dimension %d: a side and a stride of at most %lld expected", i, count);
        /* every factor is at most MAX_ELEMENTS: no overflow, as the products are checked while they grow */
        elements *= view->shape[i];
        last += (view->shape[i] - 1) * view->step[i];
        if (elements > count || last >= count)
            return fail(err, NST_EFORMAT, "a shape within the storage's %lld elements expected, a larger one found",
                        count);
    }
    return NST_OK;
}

static void copy_view(float *to, const Storage *storage, const View *view)
{
    long long shape[4] = {1, 1, 1, 1}, step[4] = {0}, n = 0;
    for (int i = 0; i < view->rank; i++) {
        shape[4 - view->rank + i] = view->shape[i];
        step[4 - view->rank + i] = view->step[i];
    }
    for (long long a = 0; a < shape[0]; a++)
        for (long long b = 0; b < shape[1]; b++)
            for (long long c = 0; c < shape[2]; c++)
                for (long long d = 0; d < shape[3]; d++, n++) {
                    const long long at = view->offset + a * step[0] + b * step[1] + c * step[2] + d * step[3];
                    numbers_read(to + n, storage->bytes + (size_t)at * storage->element, 1, storage->type);
                }
}

static const Value *tensor_of(const Values *values, const Value *value)
{
    if (is_call(value, "torch._utils\n_rebuild_parameter"))
        value = value_item(values, value, 0);
    return is_call(value, "torch._utils\n_rebuild_tensor_v2") || is_call(value, "torch._utils\n_rebuild_tensor") ? value
                                                                                                               : NULL;
}

static int read_tensor(TorchFile *file, NstContainer *weights, const char *name, const Value *tensor, NstError *err)
{
    Storage storage;
    View view;
    NstTensor *to;
    NST_TRY(parse_storage(&file->values, value_item(&file->values, tensor, 0), &storage, err));
    if (storage.type == NUMBER_OTHER)
        return NST_OK;
    NST_TRY(parse_view(&file->values, tensor, &view, storage.count, err));
    if (view.rank != 1 && view.rank != 4)
        return NST_OK;
    NST_TRY(find_storage(file, &storage, err));
    NST_TRY(weights_add(weights, name, view.rank, view.shape, storage.count, &to, err));
    copy_view(to->data, &storage, &view);
    return NST_OK;
}

/* The table that holds tensors: this one, or one within it. */
static const Value *find_state(const Values *values, const Value *value, int depth)
{
    if (!value || value->type != VALUE_DICT)
        return NULL;
    for (int i = 0; i + 1 < value->n; i += 2)
        if (tensor_of(values, &values->all[value->items[i + 1]]))
            return value;
    for (int i = 0; depth > 0 && i + 1 < value->n && i < 64; i += 2) {
        const Value *found = find_state(values, &values->all[value->items[i + 1]], depth - 1);
        if (found)
            return found;
    }
    return NULL;
}

static int read_state(TorchFile *file, NstContainer *weights, const Value *root, NstError *err)
{
    const Values *values = &file->values;
    const Value *state = find_state(values, root, 2);
    if (!state)
        return fail(err, NST_EFORMAT, "a dictionary of tensors by name expected, none found");
    for (int i = 0; i + 1 < state->n; i += 2) {
        const Value *key = &values->all[state->items[i]],
                    *tensor = tensor_of(values, &values->all[state->items[i + 1]]);
        char name[NST_MAX_NAME];
        if (!tensor)
            continue;
        if (key->type != VALUE_TEXT || key->length >= sizeof(name))
            return fail(err, NST_EFORMAT, "names of at most %zu bytes expected, another key found", sizeof(name) - 1);
        snprintf(name, sizeof(name), "%.*s", (int)key->length, key->text);
        const int code = read_tensor(file, weights, name, tensor, err);
        if (code < 0)
            return fail_within(err, code, "tensor \"%s\"", name);
    }
    return NST_OK;
}

static void close_file(TorchFile *file)
{
    values_free(&file->values);
    free(file->unpacked);
    free(file->storages);
}

/* -- archives -- */

static int find_pickle(const Archive *archive)
{
    for (int i = 0; i < archive_count(archive); i++) {
        const char *name = archive_name(archive, i), *slash = strrchr(name, '/');
        if (!strcmp(slash ? slash + 1 : name, "data.pkl"))
            return i;
    }
    return -1;
}

bool torch_is_archive(const Archive *archive)
{
    return find_pickle(archive) >= 0;
}

static int check_byte_order(TorchFile *file, NstError *err)
{
    char name[sizeof(file->prefix) + 16];
    void *text;
    size_t size;
    snprintf(name, sizeof(name), "%sbyteorder", file->prefix);
    const int member = archive_find(file->archive, name);
    if (member < 0)
        return NST_OK;
    NST_TRY(archive_read(file->archive, member, &text, &size, err));
    const bool little = size == 6 && !memcmp(text, "little", 6);
    free(text);
    return little ? NST_OK : fail(err, NST_EUNSUPPORTED, "little-endian numbers expected, others found");
}

int torch_read_archive(NstContainer *weights, Archive *archive, NstError *err)
{
    TorchFile file = {.archive = archive};
    const int pickle = find_pickle(archive);
    const char *name = archive_name(archive, pickle);
    const size_t prefix = strlen(name) - strlen("data.pkl");
    void *text;
    size_t size;
    int root;
    if (prefix >= sizeof(file.prefix))
        return fail(err, NST_EFORMAT, "a folder's name of at most %zu bytes expected", sizeof(file.prefix) - 1);
    memcpy(file.prefix, name, prefix);
    NST_TRY(check_byte_order(&file, err));
    NST_TRY(archive_read(archive, pickle, &text, &size, err));
    Bytes bytes = {text, size};
    int code = pickle_read(&file.values, &bytes, &root, err);
    if (code == NST_OK)
        code = read_state(&file, weights, &file.values.all[root], err);
    close_file(&file);
    free(text);
    return code;
}

/* -- legacy files -- */

bool torch_is_legacy(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    return size > 14 && bytes[0] == 0x80 && bytes[2] == 0x8a && bytes[3] == sizeof(MAGIC) &&
           !memcmp(bytes + 4, MAGIC, sizeof(MAGIC));
}

/* Storages of the pickle, in the order in which they first occur. */
static int collect_storages(TorchFile *file, NstError *err)
{
    const Values *values = &file->values;
    file->storages = calloc(NST_MAX_TENSORS, sizeof(*file->storages));
    if (!file->storages)
        return fail(err, NST_ENOMEM, "no memory for %d storages", NST_MAX_TENSORS);
    for (int i = 0; i < values->n; i++) {
        Storage storage;
        if (!is_call(&values->all[i], "persistent"))
            continue;
        NST_TRY(parse_storage(values, &values->all[i], &storage, err));
        if (file->n_storages == NST_MAX_TENSORS)
            return fail(err, NST_ETOOLARGE, "at most %d storages expected, more found", NST_MAX_TENSORS);
        file->storages[file->n_storages++] = storage;
    }
    return NST_OK;
}

static int locate_storage(TorchFile *file, const Value *key, Bytes *bytes, NstError *err)
{
    const uint8_t *data = NULL;
    uint64_t count = 0;
    if (!bytes_copy(bytes, &count, sizeof(count)))
        return fail(err, NST_EFORMAT, "a number of elements expected, the file's end found");
    for (int i = 0; i < file->n_storages; i++) {
        Storage *storage = &file->storages[i];
        if (!same_key(storage->key, key))
            continue;
        if ((uint64_t)storage->count != count)
            return fail(err, NST_EFORMAT, "%lld elements expected, %llu found", storage->count,
                        (unsigned long long)count);
        if (!data)
            data = bytes_take(bytes, (size_t)count * storage->element);
        if (!data)
            return fail(err, NST_EFORMAT, "%lld elements expected, the file's end found (is it cut off?)",
                        storage->count);
        storage->bytes = data;
    }
    return data ? NST_OK : fail(err, NST_EFORMAT, "a storage of the pickle expected, another found");
}

static int locate_storages(TorchFile *file, const Value *keys, Bytes *bytes, NstError *err)
{
    NST_TRY(collect_storages(file, err));
    if (keys->type != VALUE_LIST || keys->n > NST_MAX_TENSORS)
        return fail(err, NST_EFORMAT, "a list of at most %d keys of storages expected", NST_MAX_TENSORS);
    for (int i = 0; i < keys->n; i++) {
        const Value *key = value_item(&file->values, keys, i);
        if (key->type != VALUE_TEXT || key->length > 64)
            return fail(err, NST_EFORMAT, "the key of a storage expected");
        const int code = locate_storage(file, key, bytes, err);
        if (code < 0)
            return fail_within(err, code, "storage \"%.*s\"", (int)key->length, key->text);
    }
    return NST_OK;
}

int torch_read_legacy(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    enum { MAGIC_NUMBER, VERSION, MACHINE, OBJECT, KEYS, PICKLES };
    TorchFile file = {0};
    Bytes bytes = {data, size};
    int roots[PICKLES] = {0}, code = NST_OK;
    for (int i = 0; i < PICKLES && code == NST_OK; i++)
        code = pickle_read(&file.values, &bytes, &roots[i], err);
    if (code == NST_OK)
        code = locate_storages(&file, &file.values.all[roots[KEYS]], &bytes, err);
    if (code == NST_OK)
        code = read_state(&file, weights, &file.values.all[roots[OBJECT]], err);
    close_file(&file);
    return code;
}
