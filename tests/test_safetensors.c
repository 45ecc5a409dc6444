/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The safetensors container: reading, writing, binary16, and files that are not what they say. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "half.h"
#include "safetensors.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/nst-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int count_files(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path_of("a.nsw"));
    unlink(path_of("b.nsw"));
    return rmdir(folder);
}

static void test_halves(void **state)
{
    (void)state;
    assert_float_equal(half_to_float(0x3c00), 1, 0);
    assert_float_equal(half_to_float(0xc000), -2, 0);
    assert_float_equal(half_to_float(0x7bff), 65504, 0);
    assert_float_equal(half_to_float(0x0400), 0x1p-14f, 0);
    assert_float_equal(half_to_float(0x0001), 0x1p-24f, 0);
    assert_float_equal(half_to_float(0x83ff), -1023 * 0x1p-24f, 0);
    assert_true(isinf(half_to_float(0x7c00)) && half_to_float(0xfc00) < 0);
    assert_true(isnan(half_to_float(0x7e01)));
    assert_true(signbit(half_to_float(0x8000)));
    for (unsigned half = 0; half < 0x10000; half++)
        if (!isnan(half_to_float((uint16_t)half)))
            assert_int_equal(float_to_half(half_to_float((uint16_t)half)), half);
}

static void test_half_rounding(void **state)
{
    (void)state;
    assert_int_equal(float_to_half(1 + 0x1p-11f), 0x3c00);           /* a tie goes to the even one, down */
    assert_int_equal(float_to_half(1 + 3 * 0x1p-11f), 0x3c02);       /* and up */
    assert_int_equal(float_to_half(1 + 0x1p-11f + 0x1p-23f), 0x3c01);
    assert_int_equal(float_to_half(0x1p-25f), 0);                    /* tie between 0 and the smallest */
    assert_int_equal(float_to_half(-0x1.8p-24f), 0x8002);
    assert_int_equal(float_to_half(0x1p-14f - 0x1p-26f), 0x0400);    /* subnormal rounds up to normal */
    assert_int_equal(float_to_half(65519.996f), 0x7bff);
    assert_int_equal(float_to_half(65520), 0x7c00);
    assert_int_equal(float_to_half(-1e30f), 0xfc00);
    assert_int_equal(float_to_half(NAN) & 0x7e00, 0x7e00);
}

static const char good_header[] = "{\"__metadata__\":{\"k\":\"v\",\"\\u00e4\":\"\"},"
                                  "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]},"
                                  "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                  "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[30,34]},"
                                  "\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[34,34]}}  ";

static Bytes good_file(void)
{
    unsigned char data[34];
    const float a[6] = {0, 1, 2, 3, 4, -0.5f}, s = 7;
    const uint16_t b[3] = {0x3c00, 0xc000, 0x0001};
    memcpy(data, a, 24);
    memcpy(data + 24, b, 6);
    memcpy(data + 30, &s, 4);
    return bytes_file(good_header, data, sizeof(data));
}

static void check_good(const NstContainer *c)
{
    assert_int_equal(c->n_tensors, 4);
    assert_string_equal(c->tensors[0].name, "b");
    assert_true(c->tensors[0].is_f16);
    assert_float_equal(c->tensors[0].data[1], -2, 0);
    assert_float_equal(c->tensors[0].data[2], 0x1p-24f, 0);
    assert_int_equal(c->tensors[1].rank, 2);
    assert_int_equal(c->tensors[1].shape[1], 3);
    assert_int_equal(c->tensors[1].count, 6);
    assert_float_equal(c->tensors[1].data[5], -0.5f, 0);
    assert_int_equal(c->tensors[2].rank, 0);
    assert_float_equal(c->tensors[2].data[0], 7, 0);
    assert_int_equal(c->tensors[3].count, 0);
    assert_string_equal(metadata_get(&c->metadata, "k"), "v");
    assert_string_equal(metadata_get(&c->metadata, "\u00e4"), "");
    assert_null(metadata_get(&c->metadata, "none"));
}

static void test_parse(void **state)
{
    (void)state;
    NstContainer container;
    NstError err = {0};
    Bytes file = good_file();
    int code = safetensors_parse(&container, file.data, file.size, "good", &err);
    assert_string_equal(err.message, "");
    assert_int_equal(code, NST_OK);
    check_good(&container);
    container_free(&container);
    bytes_free(&file);
}

/* Types that other programs use: their weights are converted, their counters left out. */
static void test_foreign(void **state)
{
    static const char header[] = "{\"w\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[8,24]},"
                                 "\"num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[24,28]},"
                                 "\"mask\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[28,31]},"
                                 "\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[31,33]}}";
    const int64_t counter = 7;
    const double w[2] = {0.5, -3};
    const uint16_t b[2] = {0x3fc0, 0xc000}, h = 0x3c00;
    unsigned char data[33] = {0};
    NstContainer container;
    NstError err = {0};
    (void)state;
    memcpy(data, &counter, 8);
    memcpy(data + 8, w, 16);
    memcpy(data + 24, b, 4);
    memcpy(data + 31, &h, 2);
    Bytes file = bytes_file(header, data, sizeof(data));
    assert_int_equal(safetensors_parse(&container, file.data, file.size, "own", &err), NST_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "F64 found"));
    assert_int_equal(safetensors_parse_foreign(&container, file.data, file.size, "foreign", &err), NST_OK);
    assert_int_equal(container.n_tensors, 3);
    assert_string_equal(container.tensors[0].name, "w");
    assert_float_equal(container.tensors[0].data[1], -3, 0);
    assert_string_equal(container.tensors[1].name, "b");
    assert_float_equal(container.tensors[1].data[0], 1.5f, 0);
    assert_float_equal(container.tensors[1].data[1], -2, 0);
    assert_false(container.tensors[1].is_f16);
    assert_float_equal(container.tensors[2].data[0], 1, 0);
    assert_true(container.tensors[2].is_f16);
    container_free(&container);
    bytes_free(&file);
}

/* What is written is what was read; writing that again gives the same bytes; the data begins at a multiple of 64. */
static void test_write(void **state)
{
    (void)state;
    NstContainer container;
    Bytes file = good_file();
    uint64_t header;
    assert_int_equal(safetensors_parse(&container, file.data, file.size, "good", NULL), NST_OK);
    assert_int_equal(safetensors_write(&container, path_of("a.nsw"), NULL), NST_OK);
    container_free(&container);
    assert_int_equal(safetensors_read(&container, path_of("a.nsw"), NULL), NST_OK);
    check_good(&container);
    assert_int_equal(safetensors_write(&container, path_of("b.nsw"), NULL), NST_OK);
    container_free(&container);
    Bytes a = bytes_read(path_of("a.nsw")), b = bytes_read(path_of("b.nsw"));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    memcpy(&header, a.data, 8);
    assert_int_equal((8 + header) % 64, 0);
    assert_int_equal(a.size, 8 + header + 34);
    assert_int_equal(count_files(), 2);
    bytes_free(&a);
    bytes_free(&b);
    bytes_free(&file);
}

static void test_write_errors(void **state)
{
    (void)state;
    float big = 70000;
    NstTensor tensor = {.name = "big", .rank = 1, .shape = {1}, .is_f16 = true, .count = 1, .data = &big};
    NstContainer container = {.n_tensors = 1, .tensors = &tensor};
    NstError err = {0};
    Bytes before = bytes_read(path_of("a.nsw"));
    assert_int_equal(safetensors_write(&container, path_of("a.nsw"), &err), NST_ETOOLARGE);
    assert_non_null(strstr(err.message, "tensor \"big\": at most 65504 expected for F16, 70000 found"));
    Bytes after = bytes_read(path_of("a.nsw"));
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    tensor.is_f16 = false;
    assert_int_equal(safetensors_write(&container, "/no-such-folder/a.nsw", &err), NST_EIO);
    assert_non_null(strstr(err.message, "/no-such-folder/a.nsw: "));
    assert_int_equal(safetensors_write(&container, folder, &err), NST_EIO); /* a folder is in the way */
    assert_int_equal(count_files(), 2);
    bytes_free(&before);
    bytes_free(&after);
}

static void test_read_errors(void **state)
{
    (void)state;
    NstContainer container;
    NstError err = {0};
    assert_int_equal(safetensors_read(&container, path_of("none.nsw"), &err), NST_EIO);
    assert_non_null(strstr(err.message, "none.nsw: No such file"));
    assert_int_equal(safetensors_read(&container, folder, &err), NST_EIO);
    assert_non_null(strstr(err.message, "a regular file expected"));
}

static void test_metadata(void **state)
{
    (void)state;
    NstMetadata metadata = {0};
    NstError err = {0};
    char key[16];
    for (int i = 0; i < NST_MAX_METADATA; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(metadata_set(&metadata, key, "old", &err), NST_OK);
    }
    assert_int_equal(metadata_set(&metadata, "key7", "new", &err), NST_OK);
    assert_string_equal(metadata_get(&metadata, "key7"), "new");
    assert_string_equal(metadata_get(&metadata, "key8"), "old");
    assert_int_equal(metadata_set(&metadata, "one more", "", &err), NST_ETOOLARGE);
    assert_int_equal(metadata.n, NST_MAX_METADATA);
    metadata_free(&metadata);
    assert_int_equal(metadata.n, 0);
}

/* A header, how many bytes of data follow it, and what the refusal must be. */
typedef struct BadFile {
    const char *header;
    size_t n_data;
    int code;
    const char *message;
} BadFile;

#define T(shape, offsets) "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"

static const BadFile bad_files[] = {
    {"", 0, NST_EFORMAT, "only 8 bytes"},
    {"{", 3, NST_EFORMAT, "JSON"},
    {"[]", 0, NST_EFORMAT, "header"},
    {" {}", 0, NST_EFORMAT, "header"},
    {"{}", 1, NST_EFORMAT, "0 bytes of data expected, 1 found"},
    {"{} {}", 0, NST_EFORMAT, "more found at byte 3"},
    {"{}\x01", 0, NST_EFORMAT, "control character 0x01"},
    {"{\"\xc3\":1}", 0, NST_EFORMAT, "UTF-8 expected, byte 0xc3"},
    {"{\"\xed\xa0\x80\":1}", 0, NST_EFORMAT, "UTF-8 expected"},
    {"{\"\xc0\xaf\":1}", 0, NST_EFORMAT, "UTF-8 expected"},
    {"{\"\xf4\x90\x80\x80\":1}", 0, NST_EFORMAT, "UTF-8 expected"},
    {"{\"a\":1}", 0, NST_EFORMAT, "tensor \"a\""},
    {"{\"a\":{}}", 0, NST_EFORMAT, "an object of dtype, shape and data_offsets"},
    {"{\"\":{}}", 0, NST_EFORMAT, "a name of 1 to 127 bytes"},
    {"{\"a\\u0007\":{}}", 0, NST_EFORMAT, "printable"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, NST_EFORMAT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, NST_EFORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, NST_EUNSUPPORTED, "F64 found"},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NST_EUNSUPPORTED, "f32 found"},
    {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NST_EFORMAT, "dtype: a string expected, 4"},
    {T("1", "[0,4]"), 4, NST_EFORMAT, "shape: an array"},
    {T("[1,1,1,1,1]", "[0,4]"), 4, NST_EFORMAT, "at most 4 dimensions"},
    {T("[-1]", "[0,4]"), 4, NST_EFORMAT, "shape: an integer from 0"},
    {T("[1.5]", "[0,4]"), 4, NST_EFORMAT, "1.5 found"},
    {T("[1e400]", "[0,4]"), 4, NST_EFORMAT, "inf found"},
    {T("[\"1\"]", "[0,4]"), 4, NST_EFORMAT, "\"1\" found"},
    {T("[null]", "[0,4]"), 4, NST_EFORMAT, "null found"},
    {T("[[1]]", "[0,4]"), 4, NST_EFORMAT, "an array found"},
    {T("[4294967296]", "[0,4]"), 4, NST_EFORMAT, "4294967296 found"},
    {T("[2147483647,2147483647,2147483647]", "[0,4]"), 4, NST_ETOOLARGE, "overflows"},
    {T("[65536,65536,65536,65536]", "[0,0]"), 0, NST_ETOOLARGE, "overflows"},
    {T("[2147483647,2147483647]", "[0,4]"), 4, NST_ETOOLARGE, "overflows"},
    {T("[1073741824]", "[0,0]"), 0, NST_EFORMAT, "4294967296 bytes expected for this shape, 0 found"},
    {T("[1]", "[0,4,8]"), 4, NST_EFORMAT, "array of two"},
    {T("[1]", "[0]"), 4, NST_EFORMAT, "array of two"},
    {T("[1]", "4"), 4, NST_EFORMAT, "array of two"},
    {T("[1]", "[0,5]"), 5, NST_EFORMAT, "4 bytes expected for this shape, 5 found"},
    {T("[1]", "[4,0]"), 4, NST_EFORMAT, "data_offsets end"},
    {T("[1]", "[-4,0]"), 4, NST_EFORMAT, "data_offsets begin"},
    {T("[1]", "[0.5,4.5]"), 4, NST_EFORMAT, "0.5 found"},
    {T("[1]", "[1e30,1e30]"), 4, NST_EFORMAT, "data_offsets begin"},
    {T("[1]", "[4294967292,4294967296]"), 4, NST_EFORMAT, "gap"},
    {T("[1]", "[4,8]"), 8, NST_EFORMAT, "gap"},
    {T("[2]", "[0,8]"), 4, NST_EFORMAT, "8 bytes of data expected, 4 found"},
    {T("[1]", "[0,4]"), 5, NST_EFORMAT, "4 bytes of data expected, 5 found"},
    {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NST_EFORMAT, "overlap"},
    {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, NST_EFORMAT, "overlap"},
    {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}", 9, NST_EFORMAT, "gap"},
    {"{" A ",\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, NST_EFORMAT, "unique"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, NST_EFORMAT, "found twice"},
    {"{\"__metadata__\":[]}", 0, NST_EFORMAT, "__metadata__: an object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, NST_EFORMAT, "k: a string expected, 1 found"},
    {"{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, NST_EFORMAT, "\"k\": found twice"},
    {"{\"a\":nul}", 0, NST_EFORMAT, "JSON"},
    {"{\"a\":{}", 0, NST_EFORMAT, "JSON"},
    {"{\"a\"}", 0, NST_EFORMAT, "JSON"},
};

static void expect_refused(Bytes *file, int code, const char *message)
{
    NstContainer container;
    NstError err = {0};
    int found = safetensors_parse(&container, file->data, file->size, "bad file", &err);
    if (found != code || err.code != code || !strstr(err.message, message) || strncmp(err.message, "bad file: ", 10))
        fail_msg("code %d and \"%s\" expected, %d and \"%s\" found", code, message, found, err.message);
    assert_int_equal(container.n_tensors, 0);
    assert_null(container.tensors);
    assert_int_equal(safetensors_parse(&container, file->data, file->size, "bad file", NULL), code);
    bytes_free(file);
}

static void test_bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(*bad_files); i++) {
        const BadFile *bad = &bad_files[i];
        Bytes file = bytes_file(bad->header, NULL, bad->n_data);
        expect_refused(&file, bad->code, bad->message);
    }
}

static void test_bad_header_sizes(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {3, 100, NST_MAX_HEADER, NST_MAX_HEADER + 1, 1ull << 32, INT64_MAX, UINT64_MAX,
                                     UINT64_MAX - 7, 1, 0};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        Bytes file = bytes_file_saying(sizes[i], "{}", NULL, 0);
        expect_refused(&file, NST_EFORMAT, "expected");
    }
}

static void test_absurd_counts(void **state)
{
    (void)state;
    char *header = text_repeat("{\"a\":", "[", 1000000, "}");
    Bytes file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_EFORMAT, "levels deep");
    free(header);
    header = text_repeat("{\"a\":{}", ",\"a\":{}", NST_MAX_TENSORS + 1, "}");
    file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_EFORMAT, "an object of dtype");
    free(header);
    header = text_repeat("{\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                         ",\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", NST_MAX_TENSORS, "}");
    file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_ETOOLARGE, "at most 8192 tensors");
    free(header);
    header = text_repeat("{\"a\":[0", ",0", 1 << 20, "]}");
    file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_ETOOLARGE, "JSON of at most 1048576 values");
    free(header);
    header = text_repeat("{\"", "n", 128, "\":{}}");
    file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_EFORMAT, "128 found");
    free(header);
}

static void test_many_keys(void **state)
{
    (void)state;
    char *header = malloc(64 + 20 * (NST_MAX_METADATA + 1));
    size_t used = (size_t)sprintf(header, "{\"__metadata__\":{\"k\":\"\"");
    for (int i = 0; i < NST_MAX_METADATA; i++)
        used += (size_t)sprintf(header + used, ",\"k%d\":\"\"", i);
    strcpy(header + used, "}}");
    Bytes file = bytes_file(header, NULL, 0);
    expect_refused(&file, NST_ETOOLARGE, "at most 256 keys");
    free(header);
}

/* Each way to cut the file off is refused, with a message. */
static void test_truncated(void **state)
{
    (void)state;
    Bytes whole = good_file();
    for (size_t size = 0; size < whole.size; size++) {
        Bytes file = bytes_cut(whole, size);
        expect_refused(&file, NST_EFORMAT, "expected");
    }
    bytes_free(&whole);
}

/* Each byte of the header changed in 12 ways: the file is read or refused with a message, and nothing worse. */
static void test_mutated(void **state)
{
    (void)state;
    Bytes whole = good_file();
    uint64_t seed = 1;
    int refused = 0;
    for (size_t at = 0; at < 8 + strlen(good_header); at++)
        for (int way = 0; way < 12; way++) {
            NstContainer container;
            NstError err = {0};
            Bytes file = bytes_cut(whole, whole.size);
            file.data[at] = way < 8 ? file.data[at] ^ (unsigned char)(1 << way) : (unsigned char)bytes_random(&seed);
            int code = safetensors_parse(&container, file.data, file.size, "mutated", &err);
            assert_true(code == NST_OK || (err.code == code && err.message[0]));
            refused += code < 0;
            container_free(&container);
            bytes_free(&file);
        }
    assert_true(refused > 1000);
    bytes_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_half_rounding),
        cmocka_unit_test(test_parse), cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_header_sizes),
        cmocka_unit_test(test_absurd_counts),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_mutated),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
