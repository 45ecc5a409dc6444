/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of other programs that are damaged or hostile; tests/convert.sh has the sound ones. */
#include <dirent.h>
#include <unistd.h>

#include "tiny.h"

#include "import/import.h"
#include "import/keras.h"
#include "import/onnx_file.h"
#include "import/pickle.h"
#include "import/t7.h"
#include "import/raw.h"
#include "import/torch.h"
#include "fuzz/raw_files.h"
#include "config.h"
#include "input.h"

static const char CORPUS[] = "tests/fuzz/corpus"; /* tests run in the source folder */

typedef struct File {
    char name[300];
    uint8_t *bytes;
    size_t size;
} File;

static int import_manifest(const void *data, size_t size, NstError *err)
{
    NstContainer weights = {0};
    const int code = raw_read(&weights, data, size, raw_test_file, NULL, err);
    if (code < 0)
        assert_true(err->code == code && err->message[0]);
    container_free(&weights);
    return code;
}

/* A reader gives a model, or a message and none. */
static int import_any(const void *data, size_t size, const char *name, NstError *err)
{
    const ImportOptions options = {0};
    NstModel *model;
    *err = (NstError){0};
    if (strstr(name, ".json"))
        return import_manifest(data, size, err);
    const int code = import_parse(&model, data, size, name, &options, err);
    if (code < 0)
        assert_true(!model && err->code == code && err->message[0]);
    else
        assert_non_null(model);
    nst_model_free(&model);
    return code;
}

static void for_corpus(void (*test)(File *file))
{
    NstError err;
    DIR *folder = opendir(CORPUS);
    struct dirent *entry;
    int files = 0;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        File file;
        void *bytes;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file.name, sizeof(file.name), "%s/%s", CORPUS, entry->d_name);
        assert_ok(file_read(&bytes, &file.size, file.name, &err));
        file.bytes = bytes;
        test(&file);
        free(bytes);
        files++;
    }
    closedir(folder);
    assert_true(files >= 10);
}

/* What this build was made without refuses the file; what once was a crash may be refused too. */
static bool expected_to_work(const char *name)
{
#ifndef NST_WITH_HDF5
    if (strstr(name, ".h5"))
        return false;
#endif
#ifndef NST_WITH_LIBZIP
    if (strstr(name, "style.pth") || strstr(name, ".npz"))
        return false;
#endif
    return !strstr(name, "crash");
}

static void test_file_whole(File *file)
{
    NstError err;
    const int code = import_any(file->bytes, file->size, file->name, &err);
    if (code < 0 && expected_to_work(file->name))
        fail_msg("%s", err.message);
}

static void test_file_cut(File *file)
{
    NstError err;
    for (size_t i = 0; i < 60; i++) {
        /* in memory of its own, so that the sanitizer sees what reads beyond it */
        const size_t size = file->size * i / 60;
        uint8_t *copy = malloc(size + !size);
        memcpy(copy, file->bytes, size);
        assert_true(import_any(copy, size, file->name, &err) < 0);
        free(copy);
    }
}

/* Bytes near the beginning and the end, where most formats have their headers, and some between */
static void test_file_changed(File *file)
{
    NstError err;
    NstRandom random;
    random_seed(&random, 1);
    uint8_t *copy = malloc(file->size);
    for (int i = 0; i < 1000; i++) {
        memcpy(copy, file->bytes, file->size);
        for (int k = 0; k < 1 + i % 3; k++) {
            const size_t reach = i % 2 ? file->size : file->size < 600 ? file->size : 600;
            const size_t at = (size_t)(random_uniform(&random) * (float)(reach - 1));
            copy[i % 4 == 2 ? file->size - 1 - at : at] = (uint8_t)(random_uniform(&random) * 255);
        }
        import_any(copy, file->size, file->name, &err);
    }
    free(copy);
}

static void test_whole(void **state)
{
    (void)state;
    for_corpus(test_file_whole);
}

static void test_cut(void **state)
{
    (void)state;
    for_corpus(test_file_cut);
}

static void test_changed(void **state)
{
    (void)state;
    for_corpus(test_file_changed);
}

/* -- pickles -- */

static void pickle_fails(const char *pickle, size_t size, const char *message)
{
    Values values = {0};
    Bytes bytes = {(const uint8_t *)pickle, size};
    NstError err = {0};
    int root;
    assert_true(pickle_read(&values, &bytes, &root, &err) < 0);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" expected in \"%s\"", message, err.message);
    values_free(&values);
}

#define PICKLE_FAILS(text, message) pickle_fails(text, sizeof(text) - 1, message)

static void test_pickles(void **state)
{
    (void)state;
    PICKLE_FAILS("\x80\2cos\nsystem\nX\4\0\0\0echo\x85R.", "\"os.system\" found, which would be run");
    PICKLE_FAILS("\x80\2c__builtin__\neval\n)R.", "\"__builtin__.eval\" found");
    PICKLE_FAILS("\x80\2ctorch.nn\nModule\n)R.", "save the state_dict");
    PICKLE_FAILS("\x80\2i__builtin__\neval\n.", "opcode 0x69");
    PICKLE_FAILS("\x80\2R.", "an object on the stack expected");
    PICKLE_FAILS("\x80\2K\1K\2R.", "a class and its arguments expected");
    PICKLE_FAILS("\x80\2h\5.", "a remembered object expected");
    PICKLE_FAILS("\x80\2}r\xff\xff\xff\x7f.", "remembered objects expected, number 2147483647");
    PICKLE_FAILS("\x80\2X\xff\xff\xff\xff" "abc.", "a text expected");
    PICKLE_FAILS("\x80\2t.", "a mark expected");
    PICKLE_FAILS("\x80\2](K\1K\2u.", "a dictionary expected");
    PICKLE_FAILS("\x80\2}(K\1u.", "pairs of key and value expected");
    PICKLE_FAILS("\x80\2K\1", "the end of the pickle expected");
    PICKLE_FAILS("\x80\2.", "an object on the stack expected");
    PICKLE_FAILS("\x80\2(.", "an object on the stack expected");
}

/* -- raw variables -- */

static void test_manifests(void **state)
{
    static const char *const manifests[][2] = {
        {"[]", "manifest.json: an object with an entry for each variable expected"},
        {"{\"v\": 1}", "variable \"v\": shape: a list expected"},
        {"{\"v\": {\"shape\": [-1], \"filename\": \"a\"}}", "an integer from 1 to 2147483647 expected, -1 found"},
        {"{\"v\": {\"shape\": [1, 1, 1, 1, 1], \"filename\": \"a\"}}", "at most 4 sides expected"},
        {"{\"v\": {\"shape\": [2]}}", "variable \"v\": filename"},
        {"{\"v\": {\"shape\": [2], \"filename\": \"../a\"}}", "the name of a file beside the manifest expected"},
        {"{\"v\": {\"shape\": [2], \"filename\": \"..\"}}", "the name of a file beside the manifest expected"},
        {"{\"v\": {\"shape\": [2], \"filename\": \"\"}}", "the name of a file beside the manifest expected"},
        {"{\"v\": {\"shape\": [3], \"filename\": \"b\"}}", "file b: 3 floats of 32 bits expected, 8 bytes found"},
        {"{\"v\": {\"shape\": [1], \"filename\": \"z\"}}", "file z: 1 floats of 32 bits expected, 1 bytes found"},
        {"{\"v\": {\"shape\": [2147483647, 2147483647, 2147483647], \"filename\": \"p\"}}", "131072 bytes found"},
    };
    NstError err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
        assert_true(import_manifest(manifests[i][0], strlen(manifests[i][0]), &err) < 0);
        if (!strstr(err.message, manifests[i][1]))
            fail_msg("\"%s\" expected in \"%s\"", manifests[i][1], err.message);
    }
}

/* -- ONNX -- */

static void test_onnx_dimensions(void **state)
{
    /* dims (field 1), type float (2), name "w" (8), raw data (9) */
    static const char *const tensors[][2] = {
        {"\x08\xff\xff\xff\xff\x0f\x10\1\x42\1w\x4a\4abcd",
         "tensor \"w\": dimension 0: at most 1 elements in all expected"},
        {"\x08\2\x08\2\x10\1\x42\1w\x4a\4abcd",
         "tensor \"w\": dimension 0: at most 1 elements in all expected, a side of 2"},
        {"\x08\1\x10\1\x42\1w\x4a\5abcde", "tensor \"w\": 4 bytes expected, 5 found"},
        {"\x08\1\x10\2\x42\1w\x4a\1a", "floating-point numbers or integers expected"},
        {"\x08\1\x08\1\x08\1\x08\1\x08\1\x10\1\x42\1w\x4a\4abcd", "at most 4 dimensions expected"},
        {"\x08\1\x10\1\x42\1w\x4a\x7f"
         "abcd",
         "more bytes expected than there are"},
        {"\x08\1\x10\1\x70\1", "numbers in another file found"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1", "a number of at most ten bytes expected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tensors) / sizeof(*tensors); i++) {
        NstError err = {0};
        NstTensor tensor;
        OnnxText name;
        bool integers;
        const Bytes message = {(const uint8_t *)tensors[i][0], strlen(tensors[i][0])};
        const int code = onnx_parse_tensor(&tensor, &name, &integers, message, &err);
        assert_true(code < 0);
        assert_fails(code, code, tensors[i][1]);
    }
}

/* -- Torch7 -- */

static void test_t7_depth(void **state)
{
    enum { LEVELS = 200000 };
    static const int32_t level[4] = {3, 0, 1, 5};
    const size_t step = 5 * sizeof(int32_t);
    NstError err = {0};
    Values values = {0};
    int root;
    (void)state;
    uint8_t *bytes = calloc(LEVELS, step);
    for (int32_t i = 0; i < LEVELS; i++) {
        /* a table of one pair: the key false, and as the value the next table */
        memcpy(bytes + (size_t)i * step, level, sizeof(level));
        memcpy(bytes + (size_t)i * step + 4, &i, sizeof(i));
    }
    const int code = t7_parse(&values, bytes, LEVELS * step, &root, &err);
    assert_fails(code, NST_ETOOLARGE, "at most 100 levels deep expected");
    values_free(&values);
    free(bytes);
}

/* A Sequential that holds itself */
static void test_t7_circle(void **state)
{
    static const struct __attribute__((packed)) {
        int32_t object, index, version_length;
        char version[3];
        int32_t name_length;
        char name[13];
        int32_t table, table_index, size, text, key_length;
        char key[7];
        int32_t modules, modules_index, modules_size, number;
        double one;
        int32_t again, first;
    } file = {4, 1, 3, "V 1", 13, "nn.Sequential", 3, 2, 1, 2, 7, "modules", 3, 3, 1, 1, 1, 4, 1};
    NstError err;
    (void)state;
    const int code = import_any(&file, sizeof(file), "circle.t7", &err);
    assert_fails(code, NST_ETOOLARGE, "circle.t7: Torch7: module 1 (nn.Sequential)");
    assert_non_null(strstr(err.message, "modules, 16 deep, expected"));
}

#ifdef NST_WITH_HDF5
/* -- HDF5, in a process of its own -- */

static int spin(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    (void)weights;
    (void)data;
    (void)size;
    (void)err;
    for (volatile bool turning = true; turning;)
        ;
    return NST_OK;
}

static int crash(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    (void)weights;
    (void)data;
    (void)size;
    (void)err;
    _exit(3);
}

static void test_hdf5_process(void **state)
{
    NstContainer weights = {0};
    NstError err;
    (void)state;
    assert_fails(keras_read_by(spin, 1, &weights, "", 0, &err), NST_EFORMAT, "libhdf5 took more than 1 s");
    assert_fails(keras_read_by(crash, 60, &weights, "", 0, &err), NST_EFORMAT, "libhdf5 crashed on this file");
    container_free(&weights);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_cut),      cmocka_unit_test(test_changed),
        cmocka_unit_test(test_pickles),         cmocka_unit_test(test_manifests), cmocka_unit_test(test_onnx_dimensions),
        cmocka_unit_test(test_t7_depth),        cmocka_unit_test(test_t7_circle),
#ifdef NST_WITH_HDF5
        cmocka_unit_test(test_hdf5_process),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
