/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include <nst/nst.h>

#include "nst.h"
#include "options.h"
#include "util.h"
#include "vgg.h"

typedef struct Settings {
    int pad, pool;
    bool ceil;
} Settings;

enum { POOL_MAX, POOL_AVERAGE };

static const NstPadMode pad_modes[] = {NST_PAD_REFLECT, NST_PAD_ZERO, NST_PAD_REPLICATE};

static const Option options[] = {
    {"pad", 0, OPTION_CHOICE, false, offsetof(Settings, pad), "reflect|zero|replicate", 0, 0,
     "what the convolutions see beyond the picture's edge"},
    {"pool", 0, OPTION_CHOICE, false, offsetof(Settings, pool), "max|average", 0, 0, "kind of the pools"},
    {"ceil", 0, OPTION_FLAG, false, offsetof(Settings, ceil), "", 0, 0,
     "pools keep a last row or column of an odd size"},
    {0},
};

static const Command command = {
    .name = "convert",
    .usage = "VGG.safetensors OUT.nsw",
    .summary = "Makes the loss network that `nst train` needs from weights of a VGG network.",
    .notes = "The weights are named conv1_1.weight, conv1_1.bias, conv1_2.weight ... and may be of any width and\n"
             "depth; preprocess.weight and preprocess.bias, a 1x1 convolution before all, are used if they are there.",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
};

static int convert(const Settings *settings, const char *in, const char *out)
{
    NstError err;
    NstContainer weights;
    NstModel *loss = NULL;
    NstVggOptions how = {
        .average_pool = settings->pool == POOL_AVERAGE,
        .ceil_pool = settings->ceil,
        .pad_mode = pad_modes[settings->pad],
    };
    int code = safetensors_read(&weights, in, &err);
    if (code == NST_OK) {
        code = vgg_build(&loss, &weights, &how, &err);
        if (code < 0)
            fail_within(&err, code, "%s", in);
        container_free(&weights);
    }
    if (code == NST_OK)
        code = nst_model_save(loss, out, &err);
    nst_model_free(&loss);
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
