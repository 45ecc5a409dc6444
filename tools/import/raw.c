/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "raw.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "input.h"
#include "json.h"
#include "numbers.h"
#include "util.h"
#include "weights.h"

enum { MAX_PATH = 4096, MAX_MANIFEST = 1 << 24 };

static const char MANIFEST[] = "manifest.json";

typedef struct Reader {
    NstContainer *weights;
    RawFile *file;
    void *opaque;
    long long left; /* elements: files that are named again and again must not fill the memory */
} Reader;

/* A file's own name, so that a manifest reaches nothing outside its folder */
static bool is_plain(const char *name)
{
    return *name && !strchr(name, '/') && !strchr(name, '\\') && strcmp(name, ".") && strcmp(name, "..");
}

static int read_shape(const cJSON *entry, int *rank, long long shape[NST_MAX_RANK], NstError *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "shape"), *side;
    if (!cJSON_IsArray(list))
        return fail(err, NST_EFORMAT, "shape: a list expected");
    *rank = 0;
    cJSON_ArrayForEach(side, list) {
        int64_t value;
        if (*rank == NST_MAX_RANK)
            return fail(err, NST_EFORMAT, "shape: at most %d sides expected", NST_MAX_RANK);
        NST_TRY(json_integer(side, "shape", 1, INT32_MAX, &value, err));
        shape[(*rank)++] = value;
    }
    return NST_OK;
}

static int add_variable(Reader *reader, const char *name, int rank, const long long *shape, const uint8_t *bytes,
                        size_t size, NstError *err)
{
    NstTensor *tensor;
    long long count = 1;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(count, shape[i], &count))
            count = LLONG_MAX / (long long)sizeof(float);
    if (size % sizeof(float) || (long long)(size / sizeof(float)) != count)
        return fail(err, NST_EFORMAT, "%lld floats of 32 bits expected, %zu bytes found", count, size);
    NST_TRY(weights_add(reader->weights, name, rank, shape, reader->left, &tensor, err));
    reader->left -= count;
    numbers_read(tensor->data, bytes, (size_t)count, NUMBER_F32);
    return NST_OK;
}

static int read_variable(Reader *reader, const cJSON *entry, NstError *err)
{
    const char *name;
    long long shape[NST_MAX_RANK];
    void *bytes;
    size_t size;
    int rank = 0;
    NST_TRY(read_shape(entry, &rank, shape, err));
    if (rank == 0)
        return NST_OK;
    NST_TRY(json_string(cJSON_GetObjectItemCaseSensitive(entry, "filename"), "filename", &name, err));
    if (!is_plain(name))
        return fail(err, NST_EFORMAT, "filename: the name of a file beside the manifest expected, \"%.100s\" found",
                    name);
    NST_TRY(reader->file(reader->opaque, name, &bytes, &size, err));
    const int code = add_variable(reader, entry->string, rank, shape, bytes, size, err);
    free(bytes);
    return code < 0 ? fail_within(err, code, "file %.100s", name) : NST_OK;
}

static int read_entries(Reader *reader, const cJSON *root, NstError *err)
{
    const cJSON *entry;
    if (!cJSON_IsObject(root))
        return fail(err, NST_EFORMAT, "an object with an entry for each variable expected");
    cJSON_ArrayForEach(entry, root) {
        const int code = read_variable(reader, entry, err);
        if (code < 0)
            return fail_within(err, code, "variable \"%.100s\"", entry->string);
    }
    return NST_OK;
}

int raw_read(NstContainer *weights, const char *manifest, size_t length, RawFile *file, void *opaque, NstError *err)
{
    Reader reader = {weights, file, opaque, (long long)(NST_MAX_FILE / sizeof(float))};
    cJSON *root;
    if (length > MAX_MANIFEST)
        return fail(err, NST_ETOOLARGE, "%s: at most %d bytes expected, %zu found", MANIFEST, MAX_MANIFEST, length);
    int code = json_parse(&root, manifest, length, err);
    if (code == NST_OK) {
        code = read_entries(&reader, root, err);
        cJSON_Delete(root);
    }
    return code < 0 ? fail_within(err, code, "%s", MANIFEST) : NST_OK;
}

/* ---- folders ---- */

bool raw_is(const char *path, char *folder, size_t size)
{
    struct stat status;
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t length = strlen(path);
    if (stat(path, &status) < 0)
        return false;
    if (S_ISREG(status.st_mode) && !strcmp(file, MANIFEST))
        length = (size_t)(file - path);
    else if (!S_ISDIR(status.st_mode))
        return false;
    while (length > 1 && path[length - 1] == '/')
        length--;
    return snprintf(folder, size, "%.*s", (int)(length ? length : 1), length ? path : ".") < (int)size;
}

static int read_file(void *opaque, const char *name, void **data, size_t *size, NstError *err)
{
    char path[MAX_PATH];
    if (snprintf(path, sizeof(path), "%s/%s", (const char *)opaque, name) >= (int)sizeof(path))
        return fail(err, NST_EINVAL, "a shorter path expected");
    return file_read(data, size, path, err);
}

int raw_read_folder(NstContainer *weights, const char *folder, NstError *err)
{
    void *manifest;
    size_t length;
    NST_TRY(read_file((void *)folder, MANIFEST, &manifest, &length, err));
    const int code = raw_read(weights, manifest, length, read_file, (void *)folder, err);
    free(manifest);
    return code;
}
