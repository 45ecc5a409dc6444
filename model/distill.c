/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "distiller.h"
#include "exec.h"
#include "gram.h"
#include "loss_internal.h"
#include "nsw.h"
#include "util.h"
#include "vgg.h"

enum {
    LAYERS = NST_DISTILL_LAYERS,
    CALIBRATION = 32, /* crops that the statistics of the teachers' features are taken from */
    MULTIPLE = 16     /* sides that four pools halve */
};
static const float QUIETEST = 0.1f;  /* a channel's mean counts as at least this share of the mean of all */
static const float STILLEST = 0.01f; /* a channel's variance counts as at least this share of the squared mean of all */
static const float LARGEST_GAIN = 0.5f, LARGEST_SHIFT = 0.2f, NOISIEST = 0.1f; /* what is done to colours */
static const float TAUGHT_RATE = 0.1f; /* share of the learning rate for what begins with the teacher's weights */
static const NstAdam ADAM = {0.9f, 0.99f, 1e-8f};
static const NstSchedule SCHEDULE = {.decay = NST_DECAY_COSINE, .warmup = 20, .hold = 0.3f, .last = 0.01f};

void nst_distill_defaults(NstDistillOptions *options)
{
    *options = (NstDistillOptions){
        .struct_size = sizeof(*options),
        .steps = 4000,
        .crop = 128,
        .width = 0.5f,
        .gram_weight = 1,
        .learning_rate = 3e-3f,
        .seed = 1,
        .name = "",
        .author = "",
        .licence = "",
    };
    nst_compute_defaults(&options->compute);
}

static int check_options(const NstDistillOptions *o, NstError *err)
{
    if (o->struct_size != sizeof(*o))
        return fail(err, NST_EINVAL, "distilling options: struct_size %zu; nst_distill_defaults sets %zu",
                    o->struct_size, sizeof(*o));
    if (o->steps < 1 || o->steps > 100000000)
        return fail(err, NST_EINVAL, "steps: %d; 1 to 100000000 expected", o->steps);
    if (o->crop < 32 || o->crop > 1024 || o->crop % MULTIPLE)
        return fail(err, NST_EINVAL, "crop: %d; a multiple of %d from 32 to 1024 expected", o->crop, MULTIPLE);
    if (!(o->width >= 1.0f / 64 && o->width <= 1))
        return fail(err, NST_EINVAL, "width: %g; 1/64 to 1 expected", (double)o->width);
    if (!(o->gram_weight >= 0 && o->gram_weight <= 1e6f))
        return fail(err, NST_EINVAL, "gram_weight: %g; 0 to 1e6 expected", (double)o->gram_weight);
    if (!(o->learning_rate > 0 && o->learning_rate <= 10))
        return fail(err, NST_EINVAL, "learning_rate: %g; more than 0, to 10, expected", (double)o->learning_rate);
    if (o->compute.threads < 0 || o->compute.threads > 256)
        return fail(err, NST_EINVAL, "threads: %d; 0 to 256 expected", o->compute.threads);
    return NST_OK;
}

static int no_memory(NstError *err)
{
    return fail(err, NST_ENOMEM, "no memory for the distiller");
}

static int own_texts(NstDistillOptions *o, NstError *err)
{
    const char **texts[] = {&o->name, &o->author, &o->licence};
    bool copied = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        *texts[i] = string_copy(*texts[i] ? *texts[i] : "");
        copied = copied && *texts[i];
    }
    return copied ? NST_OK : no_memory(err);
}

/* ---- opening ---- */

/* The first teacher that has layer i; false: none */
static bool find_layer(NstDistiller *d, int i)
{
    NstTaughtLayer *layer = &d->layers[i];
    for (layer->teacher = 0; layer->teacher < d->n_teachers; layer->teacher++)
        if (vgg_find_layer(d->teachers[layer->teacher].network, slim_layer(i), &layer->node, NULL) == NST_OK)
            return true;
    return false;
}

static int open_teachers(NstDistiller *d, const NstModel *const *networks, NstError *err)
{
    d->teachers = calloc((size_t)max_int(d->n_teachers, 1), sizeof(*d->teachers));
    if (!d->teachers)
        return no_memory(err);
    for (int i = 0; i < d->n_teachers; i++) {
        if (networks[i]->kind != NST_KIND_LOSS || networks[i]->graph.nodes[0].channels != 3)
            return fail(err, NST_EINVAL, "teacher %d is not a loss network for RGB pictures", i + 1);
        d->teachers[i].network = networks[i];
    }
    while (d->n_layers < LAYERS && find_layer(d, d->n_layers))
        d->n_layers++;
    int relus[SLIM_MAX_CONVS];
    d->n_convs = d->n_teachers > 0 ? slim_teacher_relus(&networks[0]->graph, relus) : 0;
    for (int i = 0; i < d->n_convs; i++)
        d->convs[i].relu = relus[i];
    return d->n_layers > 0 ? NST_OK : fail(err, NST_ENOTFOUND, "no teacher has a layer %s", slim_layer(0));
}

/* A teacher is run as deep as the layers that are taken from it; one that gives none has no plan. */
static int plan_teacher(NstDistiller *d, int index, NstError *err)
{
    int taps[LAYERS + SLIM_MAX_CONVS], n = 0;
    for (int i = 0; i < d->n_layers; i++)
        if (d->layers[i].teacher == index)
            taps[n++] = d->layers[i].node;
    if (n == 0)
        return NST_OK;
    for (int i = 0; index == 0 && i < d->n_convs; i++)
        taps[n++] = d->convs[i].relu;
    const NstPlanOptions options = {.compute = d->options.compute, .taps = taps, .n_taps = n};
    NstTeacher *teacher = &d->teachers[index];
    return plan_create(&teacher->plan, &teacher->network->graph, d->options.crop, d->options.crop, &options, err);
}

static size_t count_of(NstShape shape)
{
    return (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
}

static int create_layers(NstDistiller *d, NstError *err)
{
    size_t widest = 1;
    for (int i = 0; i < d->n_layers; i++) {
        NstTaughtLayer *layer = &d->layers[i];
        layer->shape = plan_shape(d->teachers[layer->teacher].plan, layer->node);
        const size_t c = (size_t)layer->shape.c;
        layer->scale = aligned_calloc(c, sizeof(float));
        layer->certainty = aligned_calloc(c, sizeof(float));
        layer->features = aligned_calloc(count_of(layer->shape), sizeof(float));
        layer->gram = aligned_calloc(c * c, sizeof(float));
        if (!layer->scale || !layer->certainty || !layer->features || !layer->gram)
            return no_memory(err);
        widest = c > widest ? c : widest;
    }
    d->matrix = aligned_calloc(widest * widest, sizeof(float));
    return d->matrix ? NST_OK : no_memory(err);
}

static int create_convs(NstDistiller *d, NstError *err)
{
    const NstGraph *graph = &d->teachers[0].network->graph;
    for (int i = 0; i < d->n_convs; i++)
        NST_TRY(spread_open(&d->convs[i].spread, graph->nodes[d->convs[i].relu].channels, err));
    return NST_OK;
}

/* Whether the layer is one whose channels the student begins with, so that they must keep their scales */
static bool is_plain(const NstDistiller *d, int layer)
{
    return d->n_convs > 0 && d->layers[layer].teacher == 0;
}

/* An embedding that predicts all channels of the teacher's layer from the kept ones */
static void fit_embedding(NstDistiller *d, int node, const NstSelection *selection)
{
    const NstNode *embedding = &d->slim.graph.nodes[node];
    float *weight = d->slim.graph.tensors[embedding->weight].data, *bias = d->slim.graph.tensors[embedding->bias].data;
    for (int i = 0; i < selection->c * selection->n; i++)
        weight[i] = (float)selection->predict[i];
    for (int i = 0; i < selection->c; i++)
        bias[i] = (float)selection->constant[i];
}

/* One of the student's convolutions, from the teacher's: `before` is taken over and becomes what it was narrowed to. */
static int fit_conv(NstDistiller *d, int index, NstSelection *before, NstError *err)
{
    const NstSlimConv *conv = &d->slim.convs[index];
    const NstGraph *teacher = &d->teachers[0].network->graph, *student = &d->slim.graph;
    const NstNode *from = &teacher->nodes[conv->teacher], *to = &student->nodes[conv->node];
    NstSelection after;
    NST_TRY(selection_choose(&after, &d->convs[index].spread, to->channels, err));
    selection_narrow(&teacher->tensors[from->weight], &teacher->tensors[from->bias], index > 0 ? before : NULL, &after,
                     &student->tensors[to->weight], &student->tensors[to->bias]);
    for (int i = 0; i < d->n_layers; i++)
        if (is_plain(d, i) && d->layers[i].node == d->convs[index].relu)
            fit_embedding(d, d->slim.embedding[i], &after);
    selection_free(before);
    *before = after;
    return NST_OK;
}

static int fit_student(NstDistiller *d, NstError *err)
{
    NstSelection selection = {0};
    int code = NST_OK;
    for (int i = 0; i < d->slim.n_convs && code == NST_OK; i++)
        code = fit_conv(d, i, &selection, err);
    selection_free(&selection);
    return code;
}

/* Root mean square of a tensor */
static float magnitude(const NstTensor *tensor)
{
    double sum = 0;
    for (int64_t i = 0; i < tensor->count; i++)
        sum += (double)tensor->data[i] * (double)tensor->data[i];
    return (float)sqrt(sum / (double)tensor->count);
}

static int create_student(NstDistiller *d, NstError *err)
{
    const NstPlanOptions options = {.compute = d->options.compute,
                                    .want_tensor_grads = true,
                                    .taps = d->slim.embedding,
                                    .n_taps = d->n_layers};
    NstRandom random = random_for(d->options.seed, FOR_WEIGHTS, 0);
    int widths[LAYERS];
    for (int i = 0; i < d->n_layers; i++)
        widths[i] = d->layers[i].shape.c;
    NST_TRY(slim_build(&d->slim, d->teachers[0].network, widths, d->n_layers, d->options.width, &random, err));
    NST_TRY(fit_student(d, err));
    d->moments = calloc((size_t)d->slim.graph.n_tensors, sizeof(*d->moments));
    for (int t = 0; d->moments && t < d->slim.graph.n_tensors; t++) {
        const size_t count = (size_t)d->slim.graph.tensors[t].count;
        d->moments[t] = (NstDistillMoments){aligned_calloc(count, sizeof(float)), aligned_calloc(count, sizeof(float)), 1};
        if (t < d->slim.n_taught)
            d->moments[t].lr_scale = TAUGHT_RATE * magnitude(&d->slim.graph.tensors[t]);
        if (!d->moments[t].m || !d->moments[t].v)
            return no_memory(err);
    }
    return d->moments ? plan_create(&d->plan, &d->slim.graph, d->options.crop, d->options.crop, &options, err)
                      : no_memory(err);
}

/* ---- a sample ---- */

/*
 * Stylised pictures, which the network shall judge, have other colours than photographs: half of the crops get another
 * contrast and another mean in each channel, and noise.
 */
static void change_colours(const NstDistiller *d, int64_t sample, NstImage *crop)
{
    NstRandom random = random_for(d->options.seed, FOR_COLOUR, (uint64_t)sample);
    const ptrdiff_t plane = (ptrdiff_t)crop->width * crop->height;
    if (random_below(&random, 2))
        return;
    const float noise = NOISIEST * random_uniform(&random);
    for (int c = 0; c < 3; c++) {
        const float gain = 1 + LARGEST_GAIN * (2 * random_uniform(&random) - 1);
        const float shift = LARGEST_SHIFT * (2 * random_uniform(&random) - 1);
        for (float *x = crop->data + c * plane; x < crop->data + (c + 1) * plane; x++)
            *x = fminf(fmaxf(0.5f + gain * (*x - 0.5f) + shift + noise * random_normal(&random), 0), 1);
    }
}

/* Draws a sample and has the teachers look at it. */
static int ask_teachers(NstDistiller *d, int64_t sample, NstError *err)
{
    const size_t plane = (size_t)d->options.crop * (size_t)d->options.crop;
    NST_TRY(sampler_crop(&d->sampler, sample, &d->crop, err));
    change_colours(d, sample, &d->crop);
    for (int i = 0; i < d->n_teachers; i++)
        if (d->teachers[i].plan) {
            loss_fill_input(d->teachers[i].network, plan_value(d->teachers[i].plan, 0), d->crop.data, plane);
            exec_forward(d->teachers[i].plan);
        }
    return NST_OK;
}

static const float *teacher_features(const NstDistiller *d, const NstTaughtLayer *layer)
{
    return plan_value(d->teachers[layer->teacher].plan, layer->node);
}

/* What the first teacher's convolutions give for the sample at hand, after their ReLU */
static void watch_convs(NstDistiller *d)
{
    NstPlan *plan = d->teachers[0].plan;
    for (int i = 0; i < d->n_convs; i++) {
        const NstShape shape = plan_shape(plan, d->convs[i].relu);
        spread_add(&d->convs[i].spread, &d->options.compute, plan_value(plan, d->convs[i].relu), shape.h * shape.w);
    }
}

/* Sums and sums of squares of each channel over the calibration crops */
static int sum_up(NstDistiller *d, double *sums[LAYERS], NstError *err)
{
    for (int sample = 0; sample < CALIBRATION; sample++) {
        NST_TRY(ask_teachers(d, sample, err));
        watch_convs(d);
        for (int i = 0; i < d->n_layers; i++) {
            const NstShape shape = d->layers[i].shape;
            const ptrdiff_t n = (ptrdiff_t)shape.h * shape.w;
            const float *t = teacher_features(d, &d->layers[i]);
            for (ptrdiff_t at = 0; at < shape.c * n; at++) {
                sums[i][2 * (at / n)] += (double)t[at];
                sums[i][2 * (at / n) + 1] += (double)t[at] * (double)t[at];
            }
        }
    }
    return NST_OK;
}

/* Scales of channels and variances of the scaled features, from those sums */
static int set_scales(NstTaughtLayer *layer, const double *sums, bool normalised, int index, NstError *err)
{
    const int c = layer->shape.c;
    const double n = (double)CALIBRATION * layer->shape.h * layer->shape.w;
    double mean = 0;
    for (int k = 0; k < c; k++)
        mean += sums[2 * k] / (n * c);
    if (!(mean > 0) || !isfinite(mean))
        return fail(err, NST_EINVAL, "teacher: the features of %s have a mean of %g; more than 0 expected",
                    slim_layer(index), mean);
    const double unit = normalised ? 1 : mean; /* the mean of the features, once scaled */
    for (int k = 0; k < c; k++) {
        const double channel = sums[2 * k] / n;
        const double scale = normalised ? 1 / fmax(channel, (double)QUIETEST * mean) : 1;
        layer->scale[k] = (float)scale;
        const double variance = (sums[2 * k + 1] / n - channel * channel) * scale * scale;
        layer->certainty[k] = (float)(1 / fmax(variance, (double)STILLEST * unit * unit));
    }
    return NST_OK;
}

static int calibrate(NstDistiller *d, NstError *err)
{
    double *sums[LAYERS] = {NULL};
    int code = NST_OK;
    for (int i = 0; i < d->n_layers && code == NST_OK; i++) {
        sums[i] = calloc(2 * (size_t)d->layers[i].shape.c, sizeof(double));
        code = sums[i] ? NST_OK : no_memory(err);
    }
    if (code == NST_OK)
        code = sum_up(d, sums, err);
    for (int i = 0; i < d->n_layers && code == NST_OK; i++)
        code = set_scales(&d->layers[i], sums[i], !is_plain(d, i), i, err);
    for (int i = 0; i < LAYERS; i++)
        free(sums[i]);
    return code;
}

static int open_distiller(NstDistiller *d, const NstModel *const *teachers, NstError *err)
{
    NST_TRY(open_teachers(d, teachers, err));
    for (int i = 0; i < d->n_teachers; i++)
        NST_TRY(plan_teacher(d, i, err));
    NST_TRY(create_layers(d, err));
    NST_TRY(create_convs(d, err));
    NST_TRY(nst_image_alloc(&d->crop, d->options.crop, d->options.crop, err));
    NST_TRY(calibrate(d, err));
    return create_student(d, err);
}

int nst_distiller_open(NstDistiller **out, const NstDistillOptions *options, const NstModel *const *teachers,
                       int n_teachers, NstContentSource source, void *opaque, int n_content, NstError *err)
{
    *out = NULL;
    NST_TRY(check_options(options, err));
    NstDistiller *d = *out = calloc(1, sizeof(*d));
    if (!d)
        return no_memory(err);
    d->options = *options;
    d->n_teachers = n_teachers;
    int code = own_texts(&d->options, err);
    if (code == NST_OK)
        code = sampler_open(&d->sampler, source, opaque, n_content, options->seed, err);
    if (code == NST_OK)
        code = open_distiller(d, teachers, err);
    if (code < 0)
        nst_distiller_close(out);
    return code;
}

void nst_distiller_close(NstDistiller **out)
{
    NstDistiller *d = *out;
    if (!d)
        return;
    for (int i = 0; i < d->n_teachers && d->teachers; i++)
        plan_free(&d->teachers[i].plan);
    free(d->teachers);
    for (int i = 0; i < LAYERS; i++) {
        aligned_free(d->layers[i].scale);
        aligned_free(d->layers[i].certainty);
        aligned_free(d->layers[i].features);
        aligned_free(d->layers[i].gram);
    }
    for (int i = 0; i < d->n_convs; i++)
        spread_close(&d->convs[i].spread);
    for (int t = 0; d->moments && t < d->slim.graph.n_tensors; t++) {
        aligned_free(d->moments[t].m);
        aligned_free(d->moments[t].v);
    }
    free(d->moments);
    plan_free(&d->plan);
    graph_free(&d->slim.graph);
    sampler_close(&d->sampler);
    nst_image_free(&d->crop);
    aligned_free(d->matrix);
    free((void *)d->options.name);
    free((void *)d->options.author);
    free((void *)d->options.licence);
    free(d);
    *out = NULL;
}

/* ---- steps ---- */

/* t of the sample at hand, and its Gram matrix T; |T|^2 */
static double take_features(NstDistiller *d, NstTaughtLayer *layer)
{
    const ptrdiff_t n = (ptrdiff_t)layer->shape.h * layer->shape.w;
    const float *t = teacher_features(d, layer);
    double norm = 0;
    for (ptrdiff_t k = 0; k < layer->shape.c; k++)
        for (ptrdiff_t i = k * n; i < (k + 1) * n; i++)
            layer->features[i] = layer->scale[k] * t[i];
    gram_matrix(&d->options.compute, layer->features, layer->shape.c, (int)n, layer->gram);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)layer->shape.c * layer->shape.c; i++)
        norm += (double)layer->gram[i] * (double)layer->gram[i];
    return norm;
}

/* mean((u - t)^2 / v); adds its gradient, times `share`. */
static double compare_features(const NstTaughtLayer *layer, const float *u, float *grad, double share)
{
    const ptrdiff_t n = (ptrdiff_t)layer->shape.h * layer->shape.w;
    const double scale = 1 / (double)count_of(layer->shape);
    double sum = 0;
    for (ptrdiff_t k = 0; k < layer->shape.c; k++) {
        const float slope = (float)(2 * share * scale) * layer->certainty[k];
        double channel = 0;
        for (ptrdiff_t i = k * n; i < (k + 1) * n; i++) {
            const float difference = u[i] - layer->features[i];
            channel += (double)difference * (double)difference;
            grad[i] += slope * difference;
        }
        sum += channel * (double)layer->certainty[k];
    }
    return sum * scale;
}

/* |U - T|^2 / |T|^2; adds its gradient, times `share`. */
static double compare_grams(const NstDistiller *d, const NstTaughtLayer *layer, const float *u, double norm,
                            float *grad, double share)
{
    const int c = layer->shape.c, n = layer->shape.h * layer->shape.w;
    const float slope = (float)(4 * share / (n * norm));
    double sum = 0;
    gram_matrix(&d->options.compute, u, c, n, d->matrix);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)c * c; i++) {
        d->matrix[i] -= layer->gram[i];
        sum += (double)d->matrix[i] * (double)d->matrix[i];
        d->matrix[i] *= slope;
    }
    if (share > 0)
        gram_product(&d->options.compute, d->matrix, u, c, n, true, grad);
    return sum / norm;
}

int distiller_learn(NstDistiller *d, int64_t sample, NstDistillProgress *p, NstError *err)
{
    const double share = 1.0 / d->n_layers;
    double total = 0;
    NST_TRY(ask_teachers(d, sample, err));
    memcpy(plan_value(d->plan, 0), d->crop.data,
           3 * sizeof(float) * (size_t)d->options.crop * (size_t)d->options.crop);
    exec_forward(d->plan);
    backward_clear_tensor_grads(d->plan);
    backward_begin(d->plan);
    for (int i = 0; i < d->n_layers; i++) {
        NstTaughtLayer *layer = &d->layers[i];
        const double norm = fmax(take_features(d, layer), 1e-30);
        const float *u = plan_value(d->plan, d->slim.embedding[i]);
        float *grad = backward_seed(d->plan, d->slim.embedding[i]);
        const double feature = compare_features(layer, u, grad, share);
        const double gram = compare_grams(d, layer, u, norm, grad, share * (double)d->options.gram_weight);
        total += share * (feature + (double)d->options.gram_weight * gram);
        p->feature[i] = (float)feature;
        p->gram[i] = (float)gram;
    }
    p->total = (float)total;
    if (!isfinite(total))
        return fail(err, NST_ENOTFINITE, "the loss is %g", total);
    backward_run(d->plan);
    return NST_OK;
}

int nst_distiller_step(NstDistiller *d, NstDistillProgress *progress, NstError *err)
{
    const NstDistillOptions *options = &d->options;
    NstDistillProgress p = {.steps = options->steps, .n_layers = d->n_layers};
    if (d->step >= options->steps)
        return fail(err, NST_EINVAL, "all %d steps are done", options->steps);
    const int code = distiller_learn(d, d->step, &p, err);
    if (code < 0)
        return fail_within(err, code, "step %d", d->step + 1);

    p.learning_rate = options->learning_rate * optim_schedule(&SCHEDULE, d->step, options->steps);
    for (int t = 0; t < d->slim.graph.n_tensors; t++) {
        const NstTensor *tensor = &d->slim.graph.tensors[t];
        const NstDistillMoments *moments = &d->moments[t];
        optim_adam(&ADAM, d->step + 1, p.learning_rate * moments->lr_scale, tensor->count,
                   backward_tensor_grad(d->plan, t), moments->m, moments->v, tensor->data);
    }
    p.step = ++d->step;
    if (progress)
        *progress = p;
    return NST_OK;
}

static int set_origin(const NstDistiller *d, NstModel *loss, NstError *err)
{
    const NstDistillOptions *o = &d->options;
    const char *facts[][2] = {{"nst.name", o->name}, {"nst.author", o->author}, {"nst.licence", o->licence}};
    char text[256];
    snprintf(text, sizeof(text),
             "{\"distilled\":true,\"steps_done\":%d,\"steps\":%d,\"crop\":%d,\"width\":%g,\"gram_weight\":%g,"
             "\"learning_rate\":%g,\"seed\":\"%llu\",\"content_pictures\":%d}",
             d->step, o->steps, o->crop, (double)o->width, (double)o->gram_weight, (double)o->learning_rate,
             (unsigned long long)o->seed, d->sampler.n);
    NST_TRY(nsw_set_metadata(loss, "nst.training", text, err));
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        if (facts[i][1][0])
            NST_TRY(nsw_set_metadata(loss, facts[i][0], facts[i][1], err));
    return NST_OK;
}

int nst_distiller_model(const NstDistiller *d, NstModel **loss, NstError *err)
{
    NstGraph graph;
    *loss = NULL;
    NST_TRY(slim_reduce(&d->slim, &graph, err));
    NST_TRY(nsw_create(loss, NST_KIND_LOSS, &graph, err));
    const int code = set_origin(d, *loss, err);
    if (code < 0)
        nst_model_free(loss);
    return code;
}
