/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keras.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "util.h"
#include "weights.h"

bool keras_is(const void *data, size_t size)
{
    return size >= 8 && !memcmp(data, "\x89HDF\r\n\x1a\n", 8);
}

#ifdef NST_WITH_HDF5

#include <hdf5.h>

enum {
    MAX_ELEMENTS = 1 << 22, /* of a dataset: twice the largest of VGG-19's */
    MAX_SECONDS = 60        /* of the processor */
};

typedef struct Visit {
    NstContainer *weights;
    NstError *err;
    int code;
} Visit;

/* The group of a path that is a convolution's: "model_weights/block1_conv1/kernel:0" */
static bool find_layer(const char *path, char layer[24])
{
    if (!strncmp(path, "optimizer", strlen("optimizer")))
        return false;
    for (const char *part = path; *part; part += strcspn(part, "/"), part += *part == '/') {
        int block, conv, end = 0;
        if (sscanf(part, "block%1d_conv%1d%n", &block, &conv, &end) == 2 && part[end] == '/') {
            snprintf(layer, 24, "block%d_conv%d", block, conv);
            return true;
        }
    }
    return false;
}

/* Data in the file itself, in numbers: no other file may be read by way of this one. */
static int check_storage(hid_t dataset, NstError *err)
{
    const hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    const bool here = list >= 0 && H5Pget_external_count(list) == 0 && H5Pget_layout(list) != H5D_VIRTUAL;
    const bool real = type >= 0 && H5Tget_class(type) == H5T_FLOAT;
    H5Pclose(list);
    H5Tclose(type);
    if (!here)
        return fail(err, NST_EUNSUPPORTED, "data within the file expected, a link to another found");
    return real ? NST_OK : fail(err, NST_EFORMAT, "floating-point numbers expected, another type found");
}

static int read_shape(hid_t dataset, int *rank, long long shape[NST_MAX_RANK], NstError *err)
{
    hsize_t sides[H5S_MAX_RANK];
    const hid_t space = H5Dget_space(dataset);
    *rank = space >= 0 ? H5Sget_simple_extent_dims(space, sides, NULL) : -1;
    H5Sclose(space);
    if (*rank != 1 && *rank != 4)
        return fail(err, NST_EFORMAT, "1 or 4 dimensions expected, %d found", *rank);
    for (int i = 0; i < *rank; i++)
        shape[i] = sides[i] > MAX_ELEMENTS ? MAX_ELEMENTS + 1LL : (long long)sides[i];
    return NST_OK;
}

static int read_dataset(NstContainer *weights, hid_t dataset, const char *layer, NstError *err)
{
    char name[NST_MAX_NAME];
    int rank;
    long long shape[NST_MAX_RANK];
    NstTensor *tensor;
    NST_TRY(check_storage(dataset, err));
    NST_TRY(read_shape(dataset, &rank, shape, err));
    snprintf(name, sizeof(name), "%s.%s", layer, rank == 4 ? "weight" : "bias");
    if (weights_find(weights, "%s", name))
        return fail(err, NST_EFORMAT, "one dataset of %d dimensions for a layer expected, two found", rank);
    NST_TRY(weights_add(weights, name, rank, shape, MAX_ELEMENTS, &tensor, err));
    if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) < 0)
        return fail(err, NST_EFORMAT, "data that can be read expected (is the file cut off or damaged?)");
    return NST_OK;
}

static herr_t visit(hid_t group, const char *path, const H5O_info_t *info, void *opaque)
{
    Visit *v = opaque;
    char layer[24];
    if (info->type != H5O_TYPE_DATASET || !find_layer(path, layer))
        return 0;
    const hid_t dataset = H5Dopen2(group, path, H5P_DEFAULT);
    v->code = dataset < 0 ? fail(v->err, NST_EFORMAT, "a dataset that can be read expected")
                          : read_dataset(v->weights, dataset, layer, v->err);
    H5Dclose(dataset);
    if (v->code < 0)
        fail_within(v->err, v->code, "dataset \"%.200s\"", path);
    return v->code < 0 ? -1 : 0;
}

static int read_file(NstContainer *weights, hid_t access, const void *data, size_t size, NstError *err)
{
    Visit v = {weights, err, NST_OK};
    hid_t file = -1;
    if (H5Pset_fapl_core(access, 1 << 16, 0) >= 0 && H5Pset_file_image(access, (void *)(uintptr_t)data, size) >= 0)
        file = H5Fopen("/dev/null/image", H5F_ACC_RDONLY, access); /* a name that no file can have: it looks for one */
    if (file < 0)
        return fail(err, NST_EFORMAT, "an HDF5 file that can be read expected (is it cut off or damaged?)");
    const herr_t visited = H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, visit, &v, H5O_INFO_BASIC);
    H5Fclose(file);
    if (visited < 0 && v.code == NST_OK)
        return fail(err, NST_EFORMAT, "groups that can be read expected (is the file cut off or damaged?)");
    return v.code;
}

int keras_parse(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* it prints errors, else */
    H5PLset_loading_state(0);              /* and loads filters from disk */
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return fail(err, NST_ENOMEM, "no memory for HDF5");
    const int code = read_file(weights, access, data, size, err);
    H5Pclose(access);
    return code;
}

/* -- in a process of its own -- */

/* Outcome, message, tensors: numbers as they lie in memory, for they go to the same program. */
static void send_weights(FILE *to, int code, const NstError *err, const NstContainer *weights)
{
    fwrite(&code, sizeof(code), 1, to);
    fwrite(err, sizeof(*err), 1, to);
    fwrite(&weights->n_tensors, sizeof(weights->n_tensors), 1, to);
    for (int i = 0; i < weights->n_tensors; i++) {
        fwrite(&weights->tensors[i], sizeof(*weights->tensors), 1, to);
        fwrite(weights->tensors[i].data, sizeof(float), (size_t)weights->tensors[i].count, to);
    }
}

static int receive_tensor(FILE *from, NstContainer *weights, NstError *err)
{
    NstTensor sent, *tensor;
    long long shape[NST_MAX_RANK];
    if (fread(&sent, sizeof(sent), 1, from) != 1)
        return fail(err, NST_EFORMAT, "libhdf5 crashed on this file (is it damaged?)");
    sent.name[sizeof(sent.name) - 1] = 0;
    for (int i = 0; i < NST_MAX_RANK; i++)
        shape[i] = sent.shape[i];
    NST_TRY(weights_add(weights, sent.name, sent.rank == 4 ? 4 : 1, shape, MAX_ELEMENTS, &tensor, err));
    if (fread(tensor->data, sizeof(float), (size_t)tensor->count, from) != (size_t)tensor->count)
        return fail(err, NST_EFORMAT, "libhdf5 crashed on this file (is it damaged?)");
    return NST_OK;
}

static int receive_weights(FILE *from, NstContainer *weights, NstError *err)
{
    NstError sent;
    int code, n;
    if (fread(&code, sizeof(code), 1, from) != 1 || fread(&sent, sizeof(sent), 1, from) != 1 ||
        fread(&n, sizeof(n), 1, from) != 1)
        return fail(err, NST_EFORMAT, "libhdf5 crashed on this file (is it damaged?)");
    sent.message[sizeof(sent.message) - 1] = 0;
    if (code < 0)
        return fail(err, code, "%s", sent.message);
    for (int i = 0; i < n; i++)
        NST_TRY(receive_tensor(from, weights, err));
    return NST_OK;
}

/* The processor's seconds, as a busy machine is not the file's fault */
static void limit_seconds(int seconds)
{
    const struct rlimit limit = {(rlim_t)seconds, (rlim_t)seconds + 1};
    signal(SIGXCPU, SIG_DFL);
    setrlimit(RLIMIT_CPU, &limit);
}

static void run_child(int pipe_end, KerasParse *parse, const void *data, size_t size)
{
    NstContainer weights = {0};
    NstError err = {0};
    FILE *to = fdopen(pipe_end, "wb");
    const int code = parse(&weights, data, size, &err);
    if (to) {
        send_weights(to, code, &err, &weights);
        fflush(to);
    }
    _exit(0); /* nothing of the parent's is to be written or freed twice */
}

int keras_read_by(KerasParse *parse, int seconds, NstContainer *weights, const void *data, size_t size, NstError *err)
{
    int ends[2], code, status = 0;
    if (pipe(ends) < 0)
        return fail(err, NST_EIO, "no pipe: %s", strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        limit_seconds(seconds);
        run_child(ends[1], parse, data, size);
    }
    close(ends[1]);
    FILE *from = child < 0 ? NULL : fdopen(ends[0], "rb");
    code = from ? receive_weights(from, weights, err) : fail(err, NST_EIO, "no process: %s", strerror(errno));
    if (from)
        fclose(from);
    else
        close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    if (code < 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return fail(err, NST_EFORMAT, "libhdf5 took more than %d s of the processor on this file (is it damaged?)",
                    seconds);
    return code;
}

int keras_read(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    return keras_read_by(keras_parse, MAX_SECONDS, weights, data, size, err);
}

#else

int keras_parse(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    return keras_read(weights, data, size, err);
}

int keras_read_by(KerasParse *parse, int seconds, NstContainer *weights, const void *data, size_t size, NstError *err)
{
    (void)parse;
    (void)seconds;
    return keras_read(weights, data, size, err);
}

int keras_read(NstContainer *weights, const void *data, size_t size, NstError *err)
{
    (void)weights;
    (void)data;
    (void)size;
    return fail(err, NST_EUNSUPPORTED, "an HDF5 file, which this build cannot read: configure found no libhdf5");
}

#endif
