/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "ranges.h"
#include "trainer.h"
#include "util.h"

/* Rates that suit the networks (Adam moves the output by about rate x fan-in x mean activation a step) */
static const struct {
    float learning_rate[NST_OPTIMIZER_LBFGS]; /* of each optimiser before it */
    float output_lr_scale;
} RATES[] = {
    [NST_ARCH_FAST] = {{4e-3f, 5e-2f, 2e-3f}, 0.1f},
    [NST_ARCH_JOHNSON] = {{2e-3f, 5e-2f, 1e-3f}, 0.03f},
    [NST_ARCH_FAST_HD] = {{4e-3f, 5e-2f, 2e-3f}, 0.1f},
};

void nst_train_defaults(NstTrainOptions *options)
{
    *options = (NstTrainOptions){
        .struct_size = sizeof(*options),
        .arch = NST_ARCH_FAST,
        .steps = 2000,
        .batch = 1,
        .crop = 192,
        .levels = 3,
        .content_level = 1,
        .style_layers = {"relu1_1", "relu2_1", "relu3_1"},
        .content_layers = {"relu3_1"},
        .style_weight = 1,
        .content_weight = 0.05f,
        .tv_weight = 0.01f,
        .stability_weight = 3,
        .optimizer = NST_OPTIMIZER_ADAM,
        .schedule = {.decay = NST_DECAY_COSINE, .warmup = 10, .every = 500, .factor = 0.5f, .hold = 0.5f, .last = 0.03f},
        .beta1 = 0.9f,
        .beta2 = 0.99f,
        .epsilon = 1e-8f,
        .momentum = 0.9f,
        .clip_norm = 1,
        .stop = 0.01f,
        .stop_window = 1000,
        .seed = 1,
        .name = "",
        .author = "",
        .licence = "",
        .ranks.count = 1,
    };
    nst_compute_defaults(&options->compute);
}

static int check_ranges(const NstTrainOptions *o, NstError *err)
{
    const NstIntRange integers[] = {
        {"arch", (int)o->arch, NST_ARCH_FAST, NST_ARCH_FAST_HD},
        {"steps", o->steps, 1, NST_MAX_STEPS},
        {"stop_window", o->stop_window, 1, 1000000},
        {"ranks", o->ranks.count, 1, 1024},
        {"rank", o->ranks.rank, 0, o->ranks.count - 1},
        {"batch", o->batch, o->ranks.count, 1024}, /* each rank has something to do */
        {"crop", o->crop, 32, 1024},
        {"levels", o->levels, 1, 6},
        {"content_level", o->content_level, 0, o->levels - 1},
        {"threads", o->compute.threads, 0, 256},
    };
    const NstFloatRange floats[] = {
        {"style_weight", o->style_weight, 0, 1e12f},
        {"content_weight", o->content_weight, 0, 1e12f},
        {"tv_weight", o->tv_weight, 0, 1e12f},
        {"stability_weight", o->stability_weight, 0, 1e12f},
        {"learning_rate", o->learning_rate, 0, 10},
        {"output_lr_scale", o->output_lr_scale, 0, 100},
        {"clip_norm", o->clip_norm, 0, 1e12f},
        {"stop", o->stop, 0, 1},
    };
    NST_TRY(check_integers(integers, sizeof(integers) / sizeof(*integers), err));
    return check_floats(floats, sizeof(floats) / sizeof(*floats), err);
}

NstMover train_mover(const NstTrainOptions *o)
{
    return (NstMover){o->optimizer, o->beta1, o->beta2, o->epsilon, o->momentum};
}

static int check_options(const NstTrainOptions *o, NstError *err)
{
    const NstMover mover = train_mover(o);
    NST_TRY(check_ranges(o, err));
    if (o->optimizer < NST_OPTIMIZER_ADAM || o->optimizer > NST_OPTIMIZER_RMSPROP)
        return fail(err, NST_EINVAL, "optimizer: %s; adam, sgd or rmsprop expected, for each step has crops of its own",
                    o->optimizer == NST_OPTIMIZER_LBFGS ? "lbfgs" : "unknown");
    return optim_check(&mover, &o->schedule, err);
}

/* Replaces *text by a copy of it; NULL stays NULL. */
static int own(const char **text, NstError *err)
{
    const char *copy = string_copy(*text);
    const int code = *text && !copy ? fail(err, NST_ENOMEM, "no memory for the options") : NST_OK;
    *text = copy;
    return code;
}

static int own_strings(NstTrainOptions *o, NstError *err)
{
    int code = NST_OK;
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        code = min_int(code, own(&o->style_layers[i], err));
        code = min_int(code, own(&o->content_layers[i], err));
    }
    code = min_int(code, own(&o->name, err));
    code = min_int(code, own(&o->author, err));
    return min_int(code, own(&o->licence, err));
}

int train_options_copy(NstTrainOptions *to, const NstTrainOptions *from, NstError *err)
{
    nst_train_defaults(to);
    if (from && from->struct_size > 0 && from->struct_size <= sizeof(*to))
        memcpy(to, from, from->struct_size);
    NST_TRY(own_strings(to, err));
    if (from && (from->struct_size == 0 || from->struct_size > sizeof(*to)))
        return fail(err, NST_EINVAL, "training options: struct_size %zu; nst_train_defaults sets %zu",
                    from->struct_size, sizeof(*to));
    NST_TRY(check_options(to, err));
    if (to->ranks.count > 1 && !to->ranks.sum)
        return fail(err, NST_EINVAL, "ranks: %d without a function that sums; one expected", to->ranks.count);
    if (to->learning_rate == 0)
        to->learning_rate = RATES[to->arch].learning_rate[to->optimizer];
    if (to->output_lr_scale == 0)
        to->output_lr_scale = RATES[to->arch].output_lr_scale;
    return NST_OK;
}

void train_options_free(NstTrainOptions *o)
{
    for (int i = 0; i < NST_MAX_LAYERS; i++) {
        free((void *)o->style_layers[i]);
        free((void *)o->content_layers[i]);
    }
    free((void *)o->name);
    free((void *)o->author);
    free((void *)o->licence);
    memset(o, 0, sizeof(*o));
}

/* The shortest decimal number that is the same float: 0.02, not 0.0199999996 */
static double shortest(float value)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}

typedef struct Number {
    const char *name;
    double value;
} Number;

static bool add_numbers(cJSON *json, const Number *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!cJSON_AddNumberToObject(json, numbers[i].name, numbers[i].value))
            return false;
    return true;
}

static bool describe_numbers(cJSON *json, const NstTrainOptions *o)
{
    const Number numbers[] = {
        {"steps", o->steps},
        {"batch", o->batch},
        {"crop", o->crop},
        {"levels", o->levels},
        {"content_level", o->content_level},
        {"style_weight", shortest(o->style_weight)},
        {"content_weight", shortest(o->content_weight)},
        {"tv_weight", shortest(o->tv_weight)},
        {"stability_weight", shortest(o->stability_weight)},
        {"learning_rate", shortest(o->learning_rate)},
        {"output_lr_scale", shortest(o->output_lr_scale)},
        {"clip_norm", shortest(o->clip_norm)},
        {"stop", shortest(o->stop)},
        {"stop_window", o->stop_window},
        {"warmup", o->schedule.warmup},
    };
    return add_numbers(json, numbers, sizeof(numbers) / sizeof(*numbers));
}

/* Only what the optimiser and the decay make use of: the rest decides nothing. */
static bool describe_optimizer(cJSON *json, const NstTrainOptions *o)
{
    const Number adam[] = {
        {"beta1", shortest(o->beta1)}, {"beta2", shortest(o->beta2)}, {"epsilon", shortest(o->epsilon)}};
    const Number momentum[] = {{"momentum", shortest(o->momentum)}};
    const Number falling[] = {{"decay_every", o->schedule.every}, {"decay_factor", shortest(o->schedule.factor)}};
    const Number cosine[] = {{"hold", shortest(o->schedule.hold)}, {"last_rate", shortest(o->schedule.last)}};
    const NstDecay decay = o->schedule.decay;
    bool ok = cJSON_AddStringToObject(json, "optimizer", optim_name(o->optimizer)) &&
              cJSON_AddStringToObject(json, "decay", decay_name(decay));
    if (o->optimizer == NST_OPTIMIZER_SGD)
        ok = ok && add_numbers(json, momentum, 1);
    else if (o->optimizer == NST_OPTIMIZER_ADAM)
        ok = ok && add_numbers(json, adam, 3);
    else
        ok = ok && add_numbers(json, &adam[1], 2);
    if (decay == NST_DECAY_COSINE)
        return ok && add_numbers(json, cosine, 2);
    return ok && (decay == NST_DECAY_CONSTANT || add_numbers(json, falling, 2));
}

bool train_mix_describe(cJSON *json, const NstTrainStyle *styles, int n)
{
    double weights[NST_MAX_STYLES];
    if (n == 1)
        return true;
    for (int i = 0; i < n; i++)
        weights[i] = shortest(styles[i].weight);
    cJSON *mix = cJSON_CreateDoubleArray(weights, n);
    if (mix && cJSON_AddItemToObject(json, "mix", mix))
        return true;
    cJSON_Delete(mix);
    return false;
}

static bool describe_layers(cJSON *json, const char *name, const char *const *layers)
{
    int n = 0;
    while (n < NST_MAX_LAYERS && layers[n])
        n++;
    cJSON *array = cJSON_CreateStringArray(layers, n);
    if (array && cJSON_AddItemToObject(json, name, array))
        return true;
    cJSON_Delete(array);
    return false;
}

cJSON *train_options_describe(const NstTrainOptions *o)
{
    cJSON *json = cJSON_CreateObject();
    char seed[24];
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)o->seed); /* a JSON number has 53 bits only */
    if (cJSON_AddStringToObject(json, "arch", arch_name(o->arch)) && cJSON_AddStringToObject(json, "seed", seed) &&
        describe_layers(json, "style_layers", o->style_layers) &&
        describe_layers(json, "content_layers", o->content_layers) && describe_optimizer(json, o) &&
        describe_numbers(json, o))
        return json;
    cJSON_Delete(json);
    return NULL;
}
