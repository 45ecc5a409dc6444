/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst convert: networks of other programs to .nsw, and back. */
#include <stdlib.h>
#include <string.h>

#include <nst/nst.h>

#include "import/import.h"
#include "import/onnx_write.h"
#include "nst.h"
#include "options.h"
#include "util.h"

typedef struct Settings {
    int pad, pool, means;
    bool ceil;
    float range;
    const char *name, *author, *licence;
} Settings;

enum { POOL_MAX, POOL_AVERAGE };

static const NstPadMode pad_modes[] = {NST_PAD_REFLECT, NST_PAD_ZERO, NST_PAD_REPLICATE};

static const Option options[] = {
    {"name", 0, OPTION_TEXT, false, offsetof(Settings, name), "TEXT", 0, 0, "name of the network; else the file's"},
    {"author", 0, OPTION_TEXT, false, offsetof(Settings, author), "TEXT", 0, 0, "who made it"},
    {"licence", 0, OPTION_TEXT, false, offsetof(Settings, licence), "TEXT", 0, 0, "under which terms it may be used"},
    {"range", 0, OPTION_REAL, false, offsetof(Settings, range), "X", 0, 1e6,
     "style networks: the value of white, 1 or 255; 0: what the format is known to use"},
    {"means", 0, OPTION_CHOICE, false, offsetof(Settings, means), "auto|caffe|torch", 0, 0,
     "VGG: what was subtracted from pictures when it was trained"},
    {"pad", 0, OPTION_CHOICE, false, offsetof(Settings, pad), "reflect|zero|replicate", 0, 0,
     "VGG: what the convolutions see beyond the picture's edge"},
    {"pool", 0, OPTION_CHOICE, false, offsetof(Settings, pool), "max|average", 0, 0, "VGG: kind of the pools"},
    {"ceil", 0, OPTION_FLAG, false, offsetof(Settings, ceil), "", 0, 0,
     "VGG: pools keep a last row or column of an odd size"},
    {0},
};

static const Command command = {
    .name = "convert",
    .usage = "IN OUT.nsw|OUT.onnx|OUT.safetensors",
    .summary = "Makes a .nsw file of a network that another program trained, and other programs' files of a .nsw file.",
    .notes =
        "Style networks are read from: PyTorch (.pth of pytorch/examples' fast_neural_style), ONNX (as the model\n"
        "zoo's), Torch7 (.t7 of fast-neural-style), fast-style-transfer's variables (.npz of NumPy, or a folder with\n"
        "manifest.json and a file of floats for each, as deeplearn.js dumps them).\n"
        "Loss networks, for nst train, from VGG weights: Keras (.h5), PyTorch (.pth) or safetensors of torchvision\n"
        "or timm, or safetensors with tensors conv1_1.weight, conv1_1.bias, conv1_2.weight ... of any width and\n"
        "depth, and preprocess.weight and preprocess.bias, a 1x1 convolution before all, if they are there.\n"
        "The kind of IN is known by its content. Nothing in it is executed.",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
};

static int set_text(NstModel *model, const char *key, const char *value, NstError *err)
{
    return value && *value ? nsw_set_metadata(model, key, value, err) : NST_OK;
}

static int set_texts(NstModel *model, const Settings *settings, NstError *err)
{
    NST_TRY(set_text(model, "nst.name", settings->name, err));
    NST_TRY(set_text(model, "nst.author", settings->author, err));
    return set_text(model, "nst.licence", settings->licence, err);
}

static bool ends_with(const char *path, const char *end)
{
    const size_t length = strlen(path), wanted = strlen(end);
    return length > wanted && !strcmp(path + length - wanted, end);
}

static int save(const NstModel *model, const char *path, NstError *err)
{
    if (ends_with(path, ".nsw") || ends_with(path, ".safetensors"))
        return nst_model_save(model, path, err);
    if (ends_with(path, ".onnx"))
        return onnx_write(model, path, err);
    return fail(err, NST_EINVAL, "%s: a name that ends in .nsw, .onnx or .safetensors expected", path);
}

static int convert(const Settings *settings, const char *in, const char *out)
{
    NstError err;
    NstModel *model;
    const ImportOptions how = {
        .vgg = {.average_pool = settings->pool == POOL_AVERAGE, .ceil_pool = settings->ceil,
                .pad_mode = pad_modes[settings->pad]},
        .means = (VggMeans)settings->means,
        .range = settings->range,
    };
    int code = import_model(&model, in, &how, &err);
    if (code == NST_OK)
        code = set_texts(model, settings, &err);
    if (code == NST_OK)
        code = save(model, out, &err);
    nst_model_free(&model);
    return code < 0 ? failure(command.name, "%s", err.message) : EXIT_SUCCESS;
}

int cmd_convert(int argc, char **argv)
{
    Settings settings = {0};
    TextList operands;
    int status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = convert(&settings, operands.items[0], operands.items[1]);
    options_free(&command, &settings, &operands);
    return status;
}
