/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "optimizer.h"
#include "ranges.h"
#include "util.h"
#include "vgg.h"

#define EQUAL_WEIGHTS {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

void nst_optimize_defaults(NstOptimizeOptions *options)
{
    *options = (NstOptimizeOptions){
        .struct_size = sizeof(*options),
        .formula = NST_FORMULA_RELATIVE,
        .style_layers = {"relu1_1", "relu2_1", "relu3_1"},
        .style_layer_weights = EQUAL_WEIGHTS,
        .content_layers = {"relu3_1"},
        .content_layer_weights = EQUAL_WEIGHTS,
        .levels = 3,
        .content_level = 1,
        .style_weight = 1,
        .content_weight = 0.002f,
        .tv_weight = 0.01f,
        .temporal_weight = 1,
        .seed = 1,
        .style_scale = 1,
        .scales = 1,
        .iterations = 300,
        .optimizer = NST_OPTIMIZER_LBFGS,
        .schedule = {.decay = NST_DECAY_CONSTANT, .every = 100, .factor = 0.96f, .last = 0.03f},
        .beta1 = 0.9f,
        .beta2 = 0.99f,
        .epsilon = 1e-12f,
        .history = 100,
        .line_search = 1,
        .stop_window = 50,
    };
    nst_compute_defaults(&options->compute);
}

/* ---- presets ---- */

static void set_layers(NstOptimizeOptions *o, const char *const style[5], const char *content)
{
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        o->style_layers[i] = i < 5 ? style[i] : NULL;
        o->content_layers[i] = i < 1 ? content : NULL;
        o->style_layer_weights[i] = o->content_layer_weights[i] = 1;
    }
    o->levels = 1;
    o->content_level = 0;
    o->style_fit = NST_FIT_CONTENT;
    o->edge = NST_EDGE_ZERO;
}

static const char *const FIRST_RELU[5] = {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"};
static const char *const FIRST_CONV[5] = {"block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1",
                                          "block5_conv1"};

static void set_gatys2016(NstOptimizeOptions *o)
{
    set_layers(o, FIRST_RELU, "relu4_2");
    o->formula = NST_FORMULA_GATYS;
    o->style_weight = 1;
    o->content_weight = 1e-3f;
    o->tv_weight = 0;
    o->pool = NST_POOL_AVERAGE;
    o->start = NST_START_NOISE;
    o->optimizer = NST_OPTIMIZER_LBFGS;
    o->learning_rate = 0;
    o->iterations = 500;
}

static void set_keras(NstOptimizeOptions *o)
{
    set_layers(o, FIRST_CONV, "block5_conv2");
    o->formula = NST_FORMULA_KERAS;
    o->style_weight = 1e-6f;
    o->content_weight = 2.5e-8f;
    o->tv_weight = 1e-6f;
    o->pool = NST_POOL_MAX;
    o->start = NST_START_CONTENT;
    o->optimizer = NST_OPTIMIZER_SGD;
    o->learning_rate = 100;
    o->momentum = 0;
    o->schedule = (NstSchedule){.decay = NST_DECAY_EXPONENTIAL, .every = 100, .factor = 0.96f};
    o->iterations = 4000;
}

static void set_survey(NstOptimizeOptions *o)
{
    set_gatys2016(o);
    set_layers(o, FIRST_CONV, "block5_conv4");
    o->pool = NST_POOL_NETWORK;
    o->start = NST_START_CONTENT;
    o->iterations = 300;
}

/* The loss of preset nst and what it is minimised with */
static void set_loss(NstOptimizeOptions *o)
{
    NstOptimizeOptions d;
    nst_optimize_defaults(&d);
    memcpy(o->style_layers, d.style_layers, sizeof(d.style_layers));
    memcpy(o->content_layers, d.content_layers, sizeof(d.content_layers));
    memcpy(o->style_layer_weights, d.style_layer_weights, sizeof(d.style_layer_weights));
    memcpy(o->content_layer_weights, d.content_layer_weights, sizeof(d.content_layer_weights));
    o->formula = d.formula;
    o->levels = d.levels;
    o->content_level = d.content_level;
    o->style_weight = d.style_weight;
    o->content_weight = d.content_weight;
    o->tv_weight = d.tv_weight;
    o->optimizer = d.optimizer;
    o->learning_rate = d.learning_rate;
    o->schedule = d.schedule;
    o->iterations = d.iterations;
}

static void set_nst(NstOptimizeOptions *o)
{
    set_loss(o);
    o->pool = NST_POOL_NETWORK;
    o->edge = NST_EDGE_NETWORK;
    o->start = NST_START_CONTENT;
    o->style_fit = NST_FIT_SIDE;
}

int nst_optimize_preset(NstOptimizeOptions *options, const char *name, NstError *err)
{
    static const struct {
        const char *name;
        void (*set)(NstOptimizeOptions *options);
    } presets[] = {{"nst", set_nst}, {"gatys2016", set_gatys2016}, {"keras", set_keras}, {"survey", set_survey}};
    for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++)
        if (!strcmp(presets[i].name, name)) {
            presets[i].set(options);
            return NST_OK;
        }
    return fail(err, NST_ENOTFOUND, "no preset \"%s\"; there are nst, gatys2016, keras and survey", name);
}

/* Whether the network has the layer, as wide as VGG has it */
static bool is_vgg_layer(const NstModel *loss, const char *layer)
{
    static const int widths[] = {64, 128, 256, 512, 512};
    NstError err;
    int node;
    if (vgg_find_layer(loss, layer, &node, &err) < 0)
        return false;
    const NstNode *found = &loss->graph.nodes[node];
    const char *digit = layer + strcspn(layer, "0123456789");
    const int block = *digit - '1';
    return !strstr(found->name, "_embed") && block >= 0 && block < 5 && found->channels == widths[block];
}

int nst_optimize_fit(NstOptimizeOptions *options, const NstModel *loss)
{
    bool fits = true;
    for (int i = 0; i < NST_MAX_LAYERS && options->style_layers[i]; i++)
        fits = fits && is_vgg_layer(loss, options->style_layers[i]);
    for (int i = 0; i < NST_MAX_LAYERS && options->content_layers[i]; i++)
        fits = fits && is_vgg_layer(loss, options->content_layers[i]);
    if (fits)
        return 1;
    set_loss(options);
    if (options->start == NST_START_NOISE) { /* there is nothing of the photo but what this term brings */
        options->content_level = 0;
        options->content_weight *= 10;
    }
    return 0;
}

/* ---- checks ---- */

static int check_ranges(const NstOptimizeOptions *o, NstError *err)
{
    const NstIntRange integers[] = {
        {"formula", (int)o->formula, NST_FORMULA_RELATIVE, NST_FORMULA_KERAS},
        {"pool", (int)o->pool, NST_POOL_NETWORK, NST_POOL_AVERAGE},
        {"edge", (int)o->edge, NST_EDGE_NETWORK, NST_EDGE_REPLICATE},
        {"start", (int)o->start, NST_START_CONTENT, NST_START_PICTURE},
        {"color", (int)o->color, NST_COLORS_STYLE, NST_COLORS_MATCH},
        {"style_fit", (int)o->style_fit, NST_FIT_SIDE, NST_FIT_CONTENT},
        {"scales", o->scales, 1, 10},
        {"iterations", o->iterations, 1, 1000000},
        {"optimizer", (int)o->optimizer, NST_OPTIMIZER_ADAM, NST_OPTIMIZER_LBFGS},
        {"history", o->history, 1, 1000},
        {"stop_window", o->stop_window, 1, 1000000},
        {"threads", o->compute.threads, 0, 256},
    };
    const NstFloatRange floats[] = {
        {"style_weight", o->style_weight, 0, 1e12f},
        {"content_weight", o->content_weight, 0, 1e12f},
        {"tv_weight", o->tv_weight, 0, 1e12f},
        {"photo_weight", o->photo_weight, 0, 1e12f},
        {"temporal_weight", o->temporal_weight, 0, 1e12f},
        {"style_scale", o->style_scale, 0.05f, 20},
        {"learning_rate", o->learning_rate, 0, 1e12f},
        {"stop", o->stop, 0, 1},
    };
    NST_TRY(check_integers(integers, sizeof(integers) / sizeof(*integers), err));
    return check_floats(floats, sizeof(floats) / sizeof(*floats), err);
}

NstMover optimize_mover(const NstOptimizeOptions *o)
{
    return (NstMover){o->optimizer, o->beta1, o->beta2, o->epsilon, o->momentum};
}

int optimize_options_check(const NstOptimizeOptions *options, NstError *err)
{
    if (options->struct_size != sizeof(*options))
        return fail(err, NST_EINVAL, "struct_size: %zu; %zu expected, as nst_optimize_defaults sets it",
                    options->struct_size, sizeof(*options));
    const NstMover mover = optimize_mover(options);
    NST_TRY(check_ranges(options, err));
    return optim_check(&mover, &options->schedule, err);
}

float optimize_rate(const NstOptimizeOptions *options)
{
    static const float rates[] = {[NST_OPTIMIZER_LBFGS] = 1,
                                  [NST_OPTIMIZER_ADAM] = 5,
                                  [NST_OPTIMIZER_SGD] = 100,
                                  [NST_OPTIMIZER_RMSPROP] = 1};
    return options->learning_rate > 0 ? options->learning_rate : rates[options->optimizer];
}
