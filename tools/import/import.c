/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "archive.h"
#include "input.h"
#include "keras.h"
#include "npz.h"
#include "onnx.h"
#include "raw.h"
#include "style_nets.h"
#include "t7.h"
#include "torch.h"
#include "util.h"
#include "vgg_names.h"
#include "weights.h"

/* -- networks whose tensors have names -- */

typedef struct NamedNetwork {
    const char *tensor; /* that it is known by */
    const char *what;
    int (*build)(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err);
} NamedNetwork;

static const NamedNetwork NETWORKS[] = {
    {"conv1_1.weight", "VGG", vgg_from_caffe_names},
    {"block1_conv1.weight", "VGG (Keras)", vgg_from_keras_names},
    {"features.0.weight", "VGG (torchvision, timm)", vgg_from_torch_names},
    {"conv1.conv2d.weight", "fast_neural_style (pytorch/examples)", style_from_pytorch_examples},
    {"Variable", "fast-style-transfer (lengstrom)", style_from_fast_style_transfer},
};

static int no_network(const NstContainer *weights, NstError *err)
{
    char list[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof(NETWORKS) / sizeof(*NETWORKS); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", NETWORKS[i].tensor);
    return fail(err, NST_EUNSUPPORTED, "tensors of a network that is known (%s) expected, %d others found%s%.60s", list,
                weights->n_tensors, weights->n_tensors ? ", the first " : "",
                weights->n_tensors ? weights->tensors[0].name : "");
}

static int build_named(NstModel **model, NstContainer *weights, const char **what, const ImportOptions *options,
                       NstError *err)
{
    for (size_t i = 0; i < sizeof(NETWORKS) / sizeof(*NETWORKS); i++)
        if (weights_have(weights, NETWORKS[i].tensor)) {
            *what = NETWORKS[i].what;
            return NETWORKS[i].build(model, weights, options, err);
        }
    return no_network(weights, err);
}

/* -- formats -- */

typedef struct Source {
    const void *data;
    size_t size;
    const char *folder; /* of raw variables, in place of data; else NULL */
    const char *format, *network; /* for people: filled in when it is known */
} Source;

static int read_archive(NstContainer *weights, Source *source, NstError *err)
{
    Archive *archive;
    int code;
    NST_TRY(archive_open(&archive, source->data, source->size, err));
    if (torch_is_archive(archive)) {
        source->format = "PyTorch";
        code = torch_read_archive(weights, archive, err);
    } else if (npz_is(archive)) {
        source->format = "NumPy";
        code = npz_read(weights, archive, err);
    } else {
        code =
            fail(err, NST_EUNSUPPORTED, "an archive of PyTorch (data.pkl) or of NumPy (.npy) expected, another found");
    }
    archive_close(archive);
    return code;
}

static int read_weights(NstContainer *weights, Source *source, NstError *err)
{
    if (source->folder) {
        source->format = "raw variables";
        return raw_read_folder(weights, source->folder, err);
    }
    if (archive_is(source->data, source->size))
        return read_archive(weights, source, err);
    if (torch_is_legacy(source->data, source->size)) {
        source->format = "PyTorch (legacy)";
        return torch_read_legacy(weights, source->data, source->size, err);
    }
    if (keras_is(source->data, source->size)) {
        source->format = "Keras HDF5";
        return keras_read(weights, source->data, source->size, err);
    }
    return fail(err, NST_EUNSUPPORTED, "a file of a kind that is known expected (nst convert --help lists them)");
}

static int import_named(NstModel **model, Source *source, const ImportOptions *options, NstError *err)
{
    NstContainer weights = {0};
    int code = read_weights(&weights, source, err);
    if (code == NST_OK)
        code = build_named(model, &weights, &source->network, options, err);
    container_free(&weights);
    return code;
}

static int import_other(NstModel **model, Source *source, const ImportOptions *options, NstError *err)
{
    if (t7_is(source->data, source->size)) {
        source->format = "Torch7";
        return t7_read(model, source->data, source->size, options, err);
    }
    if (!onnx_is(source->data, source->size))
        return import_named(model, source, options, err);
    source->format = "ONNX";
    return onnx_read(model, source->data, source->size, options, err);
}

/* Eight bytes of length, then the JSON text */
static bool is_safetensors(const Source *source)
{
    const uint8_t *bytes = source->data;
    return source->size > 9 && bytes[8] == '{' && !bytes[4] && !bytes[5] && !bytes[6] && !bytes[7];
}

/* A .nsw file is one too: it says itself what it is. */
static int import_safetensors(NstModel **model, Source *source, const char *name, const ImportOptions *options,
                              NstError *err)
{
    NstContainer weights;
    NST_TRY(safetensors_parse_foreign(&weights, source->data, source->size, name, err));
    int code;
    if (metadata_get(&weights.metadata, "nst.version")) {
        code = nst_model_parse(model, source->data, source->size, name, err);
    } else {
        source->format = "safetensors";
        code = build_named(model, &weights, &source->network, options, err);
        if (code < 0)
            fail_within(err, code, "%s", name);
    }
    container_free(&weights);
    return code;
}

/* -- where it came from, for people -- */

static char *origin_text(const Source *source, const char *file)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "converted from", file);
    cJSON_AddStringToObject(root, "format", source->format);
    if (source->network)
        cJSON_AddStringToObject(root, "network", source->network);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static int set_origin(NstModel *model, const Source *source, const char *path, NstError *err)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    char name[NST_MAX_NAME];
    snprintf(name, sizeof(name), "%s", file);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = 0;
    char *text = origin_text(source, file);
    int code = text ? nsw_set_metadata(model, "nst.training", text, err) : fail(err, NST_ENOMEM, "no memory");
    cJSON_free(text);
    if (code < 0 || metadata_get(&model->metadata, "nst.name"))
        return code;
    return nsw_set_metadata(model, "nst.name", name, err);
}

static int import_source(NstModel **model, Source *source, const char *name, const ImportOptions *options,
                         NstError *err)
{
    int code;
    *model = NULL;
    if (is_safetensors(source)) {
        code = import_safetensors(model, source, name, options, err);
    } else {
        code = import_other(model, source, options, err);
        if (code < 0)
            fail_within(err, code, "%s%s%s", name, source->format ? ": " : "", source->format ? source->format : "");
    }
    if (code == NST_OK && source->format)
        code = set_origin(*model, source, name, err);
    if (code < 0)
        nst_model_free(model);
    return code;
}

int import_parse(NstModel **model, const void *data, size_t size, const char *name, const ImportOptions *options,
                 NstError *err)
{
    Source source = {.data = data, .size = size};
    return import_source(model, &source, name, options, err);
}

int import_model(NstModel **model, const char *path, const ImportOptions *options, NstError *err)
{
    char folder[4096];
    void *data;
    size_t size;
    *model = NULL;
    if (raw_is(path, folder, sizeof(folder))) {
        Source source = {.folder = folder};
        return import_source(model, &source, folder, options, err);
    }
    NST_TRY(file_read(&data, &size, path, err));
    const int code = import_parse(model, data, size, path, options, err);
    free(data);
    return code;
}
