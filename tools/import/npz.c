/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "util.h"
#include "weights.h"

/*
 *   6 bytes   \x93NUMPY
 *   2 bytes   version: 1 (the length has two bytes), 2 or 3 (four)
 *   length    the text {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *   the rest  the elements
 */
enum { MAX_TEXT = 4096 };

typedef struct Header {
    NumberType type;
    int rank;
    long long shape[NST_MAX_RANK];
} Header;

/* Where the value of a key begins. */
static const char *find_key(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    return found ? found + strlen(key) + strspn(found + strlen(key), " ") : "";
}

static int parse_shape(Header *header, const char *text, NstError *err)
{
    if (*text++ != '(')
        return fail(err, NST_EFORMAT, "shape: a tuple expected");
    for (text += strspn(text, " "); *text != ')'; text += strspn(text, ", ")) {
        char *end;
        const long long side = strtoll(text, &end, 10);
        if (end == text)
            return fail(err, NST_EFORMAT, "shape: integers expected, \"%.20s\" found", text);
        if (header->rank < NST_MAX_RANK)
            header->shape[header->rank] = side;
        header->rank++;
        text = end;
    }
    return NST_OK;
}

static int parse_text(Header *header, const char *text, NstError *err)
{
    static const struct {
        const char *name;
        NumberType type;
    } types[] = {{"'<f4'", NUMBER_F32}, {"'<f8'", NUMBER_F64}, {"'<f2'", NUMBER_F16}};
    const char *type = find_key(text, "'descr':");
    *header = (Header){.type = NUMBER_OTHER};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (!strncmp(type, types[i].name, strlen(types[i].name)))
            header->type = types[i].type;
    if (header->type != NUMBER_OTHER && strncmp(find_key(text, "'fortran_order':"), "False", 5))
        return fail(err, NST_EUNSUPPORTED, "fortran_order: False expected");
    return parse_shape(header, find_key(text, "'shape':"), err);
}

static int parse_header(Header *header, Bytes *bytes, NstError *err)
{
    char text[MAX_TEXT + 1];
    uint32_t length = 0;
    const uint8_t *start = bytes_take(bytes, 8);
    if (!start || memcmp(start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3)
        return fail(err, NST_EFORMAT, "a NumPy array of format 1 to 3 expected");
    if (!bytes_copy(bytes, &length, start[6] == 1 ? 2 : 4) || length > MAX_TEXT || !bytes_copy(bytes, text, length))
        return fail(err, NST_EFORMAT, "a header of at most %d bytes expected", MAX_TEXT);
    text[length] = 0;
    return parse_text(header, text, err);
}

int npz_read_array(NstContainer *weights, const char *name, Bytes bytes, NstError *err)
{
    Header header;
    NstTensor *tensor;
    NST_TRY(parse_header(&header, &bytes, err));
    if (header.type == NUMBER_OTHER || header.rank < 1 || header.rank > NST_MAX_RANK)
        return NST_OK;
    const size_t size = number_size(header.type);
    NST_TRY(weights_add(weights, name, header.rank, header.shape, (long long)(bytes.left / size), &tensor, err));
    if (bytes.left != (size_t)tensor->count * size)
        return fail(err, NST_EFORMAT, "%lld elements expected, %zu bytes found", (long long)tensor->count, bytes.left);
    numbers_read(tensor->data, bytes.at, (size_t)tensor->count, header.type);
    return NST_OK;
}

static bool is_array(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".npy");
}

bool npz_is(const Archive *archive)
{
    for (int i = 0; i < archive_count(archive); i++)
        if (is_array(archive_name(archive, i)))
            return true;
    return false;
}

static int read_array(NstContainer *weights, Archive *archive, int member, NstError *err)
{
    char name[NST_MAX_NAME];
    void *bytes;
    size_t size;
    snprintf(name, sizeof(name), "%.*s", (int)min_int((int)strlen(archive_name(archive, member)) - 4, 127),
             archive_name(archive, member));
    char *colon = strrchr(name, ':'); /* TensorFlow's names of values end in :0 */
    if (colon && !strcmp(colon, ":0"))
        *colon = 0;
    NST_TRY(archive_read(archive, member, &bytes, &size, err));
    const int code = npz_read_array(weights, name, (Bytes){bytes, size}, err);
    free(bytes);
    return code < 0 ? fail_within(err, code, "array \"%s\"", name) : NST_OK;
}

int npz_read(NstContainer *weights, Archive *archive, NstError *err)
{
    for (int i = 0; i < archive_count(archive); i++)
        if (is_array(archive_name(archive, i)))
            NST_TRY(read_array(weights, archive, i, err));
    return NST_OK;
}
