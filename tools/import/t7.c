/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "t7.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "util.h"

/*
 * An object is a type (4 bytes) and its content:
 *
 *   nil; number: 8 bytes, double; text: length (4 bytes), bytes; boolean: 4 bytes
 *   table: index, size, then key and value, size times          (4 bytes each; an index that was there before: that
 * object) object: index, "V 1" and the class' name (length, bytes), then a tensor, a storage, or a table of fields
 *   function: index (not in type 6), length, bytes, a table
 *
 *   tensor: rank (4), sizes and steps (8 each), offset from 1 (8), then its storage, an object
 *   storage: number of elements (8), elements
 */
enum { NIL, NUMBER, TEXT, TABLE, OBJECT, BOOLEAN, FUNCTION, OLD_CLOSURE, CLOSURE };
enum { MAX_OBJECTS = 1 << 20 };

typedef struct T7 {
    Values *values;
    Bytes bytes;
    int *objects; /* values by the file's index, -1: none */
    int n_objects;
    int none;     /* a value that stands for all that is nothing */
    NstError *err;
} T7;

static int read_object(T7 *t, int depth);

static int cut_off(T7 *t, const char *what)
{
    return fail(t->err, NST_EFORMAT, "%s expected (is the file cut off or damaged?)", what);
}

static int read_int(T7 *t, int low, int *number)
{
    int32_t n;
    if (!bytes_copy(&t->bytes, &n, sizeof(n)))
        return cut_off(t, "a number");
    if (n < low)
        return fail(t->err, NST_EFORMAT, "a number of at least %d expected, %d found", low, n);
    *number = n;
    return NST_OK;
}

static int read_text(T7 *t, const uint8_t **text, size_t *length)
{
    int n;
    NST_TRY(read_int(t, 0, &n));
    *length = (size_t)n;
    *text = bytes_take(&t->bytes, *length);
    return *text ? NST_OK : cut_off(t, "a text");
}

/* The object of an index, if it was there before: 1 */
static int read_index(T7 *t, int *index, int *object)
{
    NST_TRY(read_int(t, 0, index));
    if (*index >= MAX_OBJECTS)
        return fail(t->err, NST_ETOOLARGE, "at most %d objects expected, number %d found", MAX_OBJECTS, *index);
    if (*index >= t->n_objects) {
        const int wanted = max_int(*index + 1, min_int(2 * t->n_objects, MAX_OBJECTS));
        int *grown = realloc(t->objects, (size_t)wanted * sizeof(*grown));
        if (!grown)
            return fail(t->err, NST_ENOMEM, "no memory for %d objects", wanted);
        memset(grown + t->n_objects, 0xff, (size_t)(wanted - t->n_objects) * sizeof(*grown));
        t->objects = grown;
        t->n_objects = wanted;
    }
    *object = t->objects[*index];
    return *object >= 0;
}

static int read_table(T7 *t, int depth)
{
    int index, object, size;
    const int known = read_index(t, &index, &object);
    if (known)
        return known < 0 ? known : object;
    const int table = values_add(t->values, VALUE_DICT, t->err);
    NST_TRY(table);
    t->objects[index] = table;
    NST_TRY(read_int(t, 0, &size));
    for (int64_t i = 0; i < 2 * (int64_t)size; i++) {
        const int item = read_object(t, depth);
        NST_TRY(item);
        NST_TRY(values_append(t->values, table, item, t->err));
    }
    return table;
}

/* The code is skipped, and so is the table of values that it knew. */
static int read_function(T7 *t, int type, int depth)
{
    int index, object;
    const uint8_t *code;
    size_t length;
    const int known = type == FUNCTION ? 0 : read_index(t, &index, &object);
    if (known)
        return known < 0 ? known : object;
    if (type != FUNCTION)
        t->objects[index] = t->none;
    NST_TRY(read_text(t, &code, &length));
    const int values = read_object(t, depth);
    return values < 0 ? values : t->none;
}

/* n numbers of 8 bytes, as a list appended to a call */
static int read_longs(T7 *t, int call, int n)
{
    const int list = values_add(t->values, VALUE_LIST, t->err);
    NST_TRY(list);
    NST_TRY(values_append(t->values, call, list, t->err));
    for (int i = 0; i < n; i++) {
        int64_t number;
        if (!bytes_copy(&t->bytes, &number, sizeof(number)))
            return cut_off(t, "a size");
        const int item = values_add_number(t->values, VALUE_NUMBER, (double)number, t->err);
        NST_TRY(item);
        NST_TRY(values_append(t->values, list, item, t->err));
    }
    return NST_OK;
}

static int read_tensor(T7 *t, int call, int depth)
{
    int rank;
    NST_TRY(read_int(t, 0, &rank));
    if (rank > 16)
        return fail(t->err, NST_EFORMAT, "a tensor of at most 16 dimensions expected, %d found", rank);
    NST_TRY(read_longs(t, call, rank));
    NST_TRY(read_longs(t, call, rank));
    NST_TRY(read_longs(t, call, 1));
    const int storage = read_object(t, depth);
    return storage < 0 ? storage : values_append(t->values, call, storage, t->err);
}

static size_t element_size(const Value *class)
{
    static const struct {
        const char *name;
        size_t size;
    } classes[] = {{"torch.FloatStorage", 4},     {"torch.DoubleStorage", 8},     {"torch.LongStorage", 8},
                   {"torch.IntStorage", 4},       {"torch.ByteStorage", 1},       {"torch.CharStorage", 1},
                   {"torch.ShortStorage", 2},     {"torch.CudaStorage", 4},       {"torch.CudaLongStorage", 8},
                   {"torch.CudaDoubleStorage", 8}, {"torch.HalfStorage", 2},      {"torch.CudaHalfStorage", 2}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (value_is_text(class, classes[i].name))
            return classes[i].size;
    return 0;
}

static int read_storage(T7 *t, int call)
{
    const size_t size = element_size(&t->values->all[call]);
    int64_t count;
    if (!size)
        return fail(t->err, NST_EUNSUPPORTED, "class \"%.*s\": a storage of numbers expected",
                    (int)t->values->all[call].length, t->values->all[call].text);
    if (!bytes_copy(&t->bytes, &count, sizeof(count)) || count < 0 || (uint64_t)count > t->bytes.left / size)
        return cut_off(t, "as many elements as the storage says");
    const uint8_t *bytes = bytes_take(&t->bytes, (size_t)count * size);
    const int elements = values_add_text(t->values, VALUE_TEXT, bytes, (size_t)count * size, t->err);
    return elements < 0 ? elements : values_append(t->values, call, elements, t->err);
}

static bool ends_with(const Value *class, const char *end)
{
    const size_t n = strlen(end);
    return class->length > n && !memcmp(class->text + class->length - n, end, n);
}

static int read_class(T7 *t, int depth)
{
    int index, object;
    const uint8_t *name;
    size_t length;
    const int known = read_index(t, &index, &object);
    if (known)
        return known < 0 ? known : object;
    NST_TRY(read_text(t, &name, &length));
    if (length >= 2 && !memcmp(name, "V ", 2))
        NST_TRY(read_text(t, &name, &length));
    if (length > 100)
        return fail(t->err, NST_EFORMAT, "the name of a class expected, %zu bytes found", length);
    const int call = values_add_text(t->values, VALUE_CALL, name, length, t->err);
    NST_TRY(call);
    t->objects[index] = call;
    const Value class = t->values->all[call];
    const bool torch = length > 6 && !memcmp(name, "torch.", 6);
    if (torch && ends_with(&class, "Tensor"))
        NST_TRY(read_tensor(t, call, depth));
    else if (torch && ends_with(&class, "Storage"))
        NST_TRY(read_storage(t, call));
    else {
        const int fields = read_object(t, depth);
        NST_TRY(fields);
        NST_TRY(values_append(t->values, call, fields, t->err));
    }
    return call;
}

/* Index of the value, or an error */
static int read_object(T7 *t, int depth)
{
    int type, number;
    double real;
    const uint8_t *text;
    size_t length;
    if (depth > MAX_VALUE_DEPTH)
        return fail(t->err, NST_ETOOLARGE, "objects at most %d levels deep expected, deeper ones found",
                    MAX_VALUE_DEPTH);
    NST_TRY(read_int(t, 0, &type));
    switch (type) {
    case NIL:
        return t->none;
    case NUMBER:
        return bytes_copy(&t->bytes, &real, sizeof(real)) ? values_add_number(t->values, VALUE_NUMBER, real, t->err)
                                                          : cut_off(t, "a number");
    case BOOLEAN:
        NST_TRY(read_int(t, 0, &number));
        return values_add_number(t->values, VALUE_BOOL, number, t->err);
    case TEXT:
        NST_TRY(read_text(t, &text, &length));
        return values_add_text(t->values, VALUE_TEXT, text, length, t->err);
    case TABLE:
        return read_table(t, depth + 1);
    case OBJECT:
        return read_class(t, depth + 1);
    case FUNCTION:
    case OLD_CLOSURE:
    case CLOSURE:
        return read_function(t, type, depth + 1);
    default:
        return fail(t->err, NST_EFORMAT, "an object of type 0 to 8 expected, %d found", type);
    }
}

/* A file begins with a table or an object, mostly number 1. */
bool t7_is(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    static const uint8_t rest[] = {0, 0, 0, 1, 0, 0, 0};
    return size > 8 && (bytes[0] == TABLE || bytes[0] == OBJECT) && !memcmp(bytes + 1, rest, sizeof(rest));
}

int t7_parse(Values *values, const void *data, size_t size, int *root, NstError *err)
{
    T7 t = {.values = values, .bytes = {data, size}, .err = err};
    *root = t.none = values_add(values, VALUE_NONE, err);
    if (*root >= 0)
        *root = read_object(&t, 0);
    free(t.objects);
    return *root < 0 ? *root : NST_OK;
}
