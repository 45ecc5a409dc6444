/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "backward.h"
#include "exec.h"
#include "optim.h"
#include "trainer.h"
#include "util.h"

uint64_t mark_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t mark_styles(const NstTrainStyle *styles, int n)
{
    uint64_t hash = MARK_START;
    for (int i = 0; i < n; i++) {
        const NstImage *image = styles[i].picture;
        hash = mark_bytes(hash, (int[]){image->width, image->height}, 2 * sizeof(int));
        hash = mark_bytes(hash, image->data, 3 * sizeof(float) * (size_t)image->width * (size_t)image->height);
    }
    return hash;
}

static uint64_t mark_network(const NstModel *network)
{
    uint64_t hash = MARK_START;
    for (int i = 0; i < network->graph.n_tensors; i++) {
        const NstTensor *tensor = &network->graph.tensors[i];
        hash = mark_bytes(hash, tensor->name, strlen(tensor->name));
        hash = mark_bytes(hash, tensor->data, (size_t)tensor->count * sizeof(float));
    }
    return hash;
}

static int describe(NstTrainer *trainer, const NstModel *network, const NstTrainStyle *styles, int n, NstError *err)
{
    char picture[24], loss[24];
    snprintf(picture, sizeof(picture), "%016" PRIx64, mark_styles(styles, n));
    snprintf(loss, sizeof(loss), "%016" PRIx64, mark_network(network));
    trainer->description = train_options_describe(&trainer->options);
    if (!cJSON_AddStringToObject(trainer->description, "style_picture", picture) ||
        !train_mix_describe(trainer->description, styles, n) ||
        !cJSON_AddStringToObject(trainer->description, "loss_network", loss) ||
        !cJSON_AddNumberToObject(trainer->description, "content_pictures", trainer->sampler.n))
        return fail(err, NST_ENOMEM, "no memory for the trainer");
    if (!trainer->options.init)
        return NST_OK;
    char init[24];
    snprintf(init, sizeof(init), "%016" PRIx64, mark_network(trainer->options.init));
    NstModelInfo info;
    nst_model_info(trainer->options.init, &info);
    if (!cJSON_AddStringToObject(trainer->description, INIT_KEY, init) ||
        !cJSON_AddStringToObject(trainer->description, INIT_NAME_KEY, info.name))
        return fail(err, NST_ENOMEM, "no memory for the trainer");
    return NST_OK;
}

int trainer_take_weights(NstTrainer *trainer, const NstModel *init, NstError *err)
{
    NstGraph *graph = &trainer->graph;
    const char *arch = arch_name(trainer->options.arch);
    if (init->kind != NST_KIND_STYLE || init->graph.n_tensors != graph->n_tensors)
        return fail(err, NST_EINVAL, "init: not a style of the architecture %s", arch);
    for (int i = 0; i < graph->n_tensors; i++) {
        NstTensor *to = &graph->tensors[i];
        const int found = graph_find_tensor(&init->graph, to->name);
        const NstTensor *from = found < 0 ? NULL : &init->graph.tensors[found];
        if (!from || from->rank != to->rank || memcmp(from->shape, to->shape, sizeof(int) * (size_t)to->rank))
            return fail(err, NST_EINVAL, "init: not a style of the architecture %s, for tensor \"%s\" is %s", arch,
                        to->name, from ? "of another shape" : "missing");
        memcpy(to->data, from->data, sizeof(float) * (size_t)to->count);
    }
    return NST_OK;
}

static int create_moments(NstTrainer *trainer, NstError *err)
{
    const NstGraph *graph = &trainer->graph;
    trainer->moments = calloc((size_t)graph->n_tensors, sizeof(*trainer->moments));
    if (!trainer->moments)
        return fail(err, NST_ENOMEM, "no memory for the trainer");
    for (int i = 0; i < graph->n_tensors; i++) {
        NstMoments *moments = &trainer->moments[i];
        moments->m = aligned_calloc((size_t)graph->tensors[i].count, sizeof(float));
        moments->v = aligned_calloc((size_t)graph->tensors[i].count, sizeof(float));
        moments->lr_scale = 1;
        if (!moments->m || !moments->v)
            return fail(err, NST_ENOMEM, "no memory for the trainer");
    }
    int last = graph->n_nodes - 1;
    while (last > 0 && graph->nodes[last].op != NST_OP_CONV2D)
        last--;
    trainer->moments[graph->nodes[last].weight].lr_scale = trainer->options.output_lr_scale;
    trainer->moments[graph->nodes[last].bias].lr_scale = trainer->options.output_lr_scale;
    return NST_OK;
}

static int create_network(NstTrainer *trainer, NstError *err)
{
    const NstTrainOptions *options = &trainer->options;
    const NstPlanOptions plan_options = {.compute = options->compute, .want_tensor_grads = true};
    NstRandom random = random_for(options->seed, FOR_WEIGHTS, 0);

    NST_TRY(arch_build(&trainer->graph, options->arch, &random, err));
    if (options->init)
        NST_TRY(trainer_take_weights(trainer, options->init, err));
    const int multiple = graph_multiple(&trainer->graph);
    if (multiple < 1) /* our own networks have one, so what lacked was memory */
        return fail(err, NST_ENOMEM, "no memory for the trainer");
    if (options->crop % multiple)
        return fail(err, NST_EINVAL, "crop: %d; a multiple of %d expected by the network %s", options->crop, multiple,
                    arch_name(options->arch));
    trainer->options.init = NULL; /* the caller may free it from now on */
    NST_TRY(create_moments(trainer, err));
    return plan_create(&trainer->plan, &trainer->graph, options->crop, options->crop, &plan_options, err);
}

static int create_loss(NstTrainer *trainer, const NstModel *network, const NstTrainStyle *styles, int n, NstError *err)
{
    NstLossStyle targets[NST_MAX_STYLES] = {0};
    for (int i = 0; i < n; i++)
        targets[i] = (NstLossStyle){.picture = styles[i].picture, .weight = styles[i].weight};

    const NstTrainOptions *options = &trainer->options;
    const NstLossOptions loss_options = {
        .levels = options->levels,
        .content_level = options->content_level,
        .style_layers = options->style_layers,
        .content_layers = options->content_layers,
        .style_weight = options->style_weight,
        .content_weight = options->content_weight,
        .tv_weight = options->tv_weight,
        .compute = options->compute,
    };
    NST_TRY(loss_create(&trainer->loss, network, options->crop, options->crop, &loss_options, err));
    return loss_set_styles(trainer->loss, targets, n, err);
}

static int open_trainer(NstTrainer *trainer, const NstModel *loss, const NstTrainStyle *styles, int n, NstError *err)
{
    if (n < 1 || n > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles; 1 to %d expected", n, NST_MAX_STYLES);
    NST_TRY(describe(trainer, loss, styles, n, err));
    NST_TRY(ranks_compare(trainer, err));
    NST_TRY(create_network(trainer, err));
    NST_TRY(ranks_open(trainer, err));
    NST_TRY(create_loss(trainer, loss, styles, n, err));

    const int crop = trainer->options.crop;
    if (trainer->options.stability_weight > 0)
        NST_TRY(stability_create(&trainer->stability, &trainer->graph, crop, crop, &trainer->options.compute, err));
    NST_TRY(nst_image_alloc(&trainer->crop, crop, crop, err));
    trainer->grad = aligned_calloc((size_t)crop * (size_t)crop, 3 * sizeof(float));
    return trainer->grad ? NST_OK : fail(err, NST_ENOMEM, "no memory for the trainer");
}

int nst_trainer_open(NstTrainer **out, const NstTrainOptions *options, const NstModel *loss,
                     const NstTrainStyle *styles, int n_styles, NstContentSource source, void *opaque, int n_content,
                     NstError *err)
{
    NstTrainer *trainer = *out = calloc(1, sizeof(*trainer));
    if (!trainer)
        return fail(err, NST_ENOMEM, "no memory for the trainer");
    int code = train_options_copy(&trainer->options, options, err);
    trainer->steps = trainer->options.steps;
    if (code == NST_OK)
        code = sampler_open(&trainer->sampler, source, opaque, n_content, trainer->options.seed, err);
    if (code == NST_OK)
        code = open_trainer(trainer, loss, styles, n_styles, err);
    if (code < 0)
        nst_trainer_close(out);
    return code;
}

void nst_trainer_close(NstTrainer **out)
{
    NstTrainer *trainer = *out;
    if (!trainer)
        return;
    for (int i = 0; trainer->moments && i < trainer->graph.n_tensors; i++) {
        aligned_free(trainer->moments[i].m);
        aligned_free(trainer->moments[i].v);
    }
    free(trainer->moments);
    plan_free(&trainer->plan);
    loss_free(&trainer->loss);
    stability_free(&trainer->stability);
    graph_free(&trainer->graph);
    nst_image_free(&trainer->crop);
    aligned_free(trainer->grad);
    ranks_close(trainer);
    sampler_close(&trainer->sampler);
    cJSON_Delete(trainer->description);
    train_options_free(&trainer->options);
    free(trainer);
    *out = NULL;
}

/* The stability of one sample, whose picture the plan has painted; its gradients are added, those of the output to grad */
static double add_stability(NstTrainer *trainer, int64_t sample)
{
    NstRandom random = random_for(trainer->options.seed, FOR_MOTION, (uint64_t)sample);
    const NstMotion motion = motion_draw(&random);
    const float weight = trainer->options.stability_weight / (float)trainer->options.batch;
    return stability_add(trainer->stability, trainer->plan, &motion, &random, weight, trainer->grad);
}

/* The gradients of one sample's share of the loss, in the plan, and of the terms */
static int run_sample(NstTrainer *trainer, int64_t sample, NstTrainTerms *share, NstError *err)
{
    const NstTrainOptions *options = &trainer->options;
    const int output = trainer->graph.n_nodes - 1;
    const size_t count = 3 * (size_t)options->crop * (size_t)options->crop;
    NstLossTerms terms;

    NST_TRY(sampler_crop(&trainer->sampler, sample, &trainer->crop, err));
    memcpy(plan_value(trainer->plan, 0), trainer->crop.data, count * sizeof(float));
    exec_forward(trainer->plan);
    loss_set_content(trainer->loss, trainer->crop.data);
    NST_TRY(loss_evaluate(trainer->loss, plan_value(trainer->plan, output), &terms, trainer->grad, err));

    for (size_t i = 0; i < count; i++)
        trainer->grad[i] /= (float)options->batch;
    backward_clear_tensor_grads(trainer->plan);
    const double stability = trainer->stability ? add_stability(trainer, sample) : 0;
    backward_begin(trainer->plan);
    memcpy(backward_seed(trainer->plan, output), trainer->grad, count * sizeof(float));
    backward_run(trainer->plan);
    *share = (NstTrainTerms){
        .total = (float)((terms.total + (double)options->stability_weight * stability) / options->batch),
        .style = (float)(terms.style / options->batch),
        .content = (float)(terms.content / options->batch),
        .tv = (float)(terms.tv / options->batch),
        .stability = (float)(stability / options->batch),
    };
    return isfinite(stability) ? NST_OK : fail(err, NST_ENOTFINITE, "stability is %g", stability);
}

/* Norm of all gradients together */
static int gradient_norm(const NstTrainer *trainer, double *norm, NstError *err)
{
    double sum = 0;
    for (int t = 0; t < trainer->graph.n_tensors; t++) {
        const NstTensor *tensor = &trainer->graph.tensors[t];
        const float *grad = backward_tensor_grad(trainer->plan, t);
        for (int64_t i = 0; i < tensor->count; i++)
            sum += (double)grad[i] * grad[i];
        if (!isfinite(sum))
            return fail(err, NST_ENOTFINITE, "gradient of tensor \"%s\" is not finite", tensor->name);
    }
    *norm = sqrt(sum);
    return NST_OK;
}

static void update_weights(NstTrainer *trainer, float rate, float grad_scale)
{
    const NstMover mover = train_mover(&trainer->options);
    for (int t = 0; t < trainer->graph.n_tensors; t++) {
        const NstTensor *tensor = &trainer->graph.tensors[t];
        const NstMoments *moments = &trainer->moments[t];
        float *grad = backward_tensor_grad(trainer->plan, t);
        for (int64_t i = 0; i < tensor->count; i++)
            grad[i] *= grad_scale;
        optim_move(&mover, trainer->step + 1, rate * moments->lr_scale, tensor->count, grad, moments->m, moments->v,
                   tensor->data);
    }
}

/* Gradients and terms of the batch: this rank's share of it, and what the others found */
static int run_batch(NstTrainer *trainer, NstTrainTerms *terms, NstError *err)
{
    const int64_t first = (int64_t)trainer->step * trainer->options.batch;
    const NstShare share = ranks_share(trainer);
    for (int i = share.first; i < share.end; i++) {
        NST_TRY(run_sample(trainer, first + i, terms, err));
        ranks_keep(trainer, i, terms);
    }
    return ranks_sum(trainer, terms, err);
}

int nst_trainer_step(NstTrainer *trainer, NstTrainProgress *progress, NstError *err)
{
    const NstTrainOptions *options = &trainer->options;
    NstTrainTerms terms;
    double norm = 0;

    if (trainer->step >= trainer->steps)
        return fail(err, NST_EINVAL, "all %d steps are done", trainer->steps);
    int code = run_batch(trainer, &terms, err);
    if (code == NST_OK)
        code = gradient_norm(trainer, &norm, err);
    if (code < 0)
        return fail_within(err, code, "step %d", trainer->step + 1);

    const float rate = options->learning_rate * optim_schedule(&options->schedule, trainer->step, trainer->steps);
    const bool clipped = options->clip_norm > 0 && norm > (double)options->clip_norm;
    update_weights(trainer, rate, clipped ? (float)((double)options->clip_norm / norm) : 1);
    trainer->step++;
    steps_watch(trainer, terms.total);
    if (progress)
        *progress = (NstTrainProgress){
            .step = trainer->step,
            .steps = trainer->steps,
            .learning_rate = rate,
            .total = terms.total,
            .style = terms.style,
            .content = terms.content,
            .tv = terms.tv,
            .stability = terms.stability,
            .grad_norm = (float)norm,
        };
    return NST_OK;
}

static int set_origin(const NstTrainer *trainer, NstModel *model, NstError *err)
{
    const NstTrainOptions *options = &trainer->options;
    cJSON *json = cJSON_Duplicate(trainer->description, 1);
    char *text = cJSON_AddNumberToObject(json, "steps_done", trainer->step) ? cJSON_PrintUnformatted(json) : NULL;
    int code = text ? nsw_set_metadata(model, "nst.training", text, err)
                    : fail(err, NST_ENOMEM, "no memory for the model");
    cJSON_free(text);
    cJSON_Delete(json);
    NST_TRY(code);
    const char *facts[][2] = {
        {"nst.name", options->name}, {"nst.author", options->author}, {"nst.licence", options->licence}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        if (facts[i][1] && facts[i][1][0])
            NST_TRY(nsw_set_metadata(model, facts[i][0], facts[i][1], err));
    return NST_OK;
}

int nst_trainer_model(const NstTrainer *trainer, NstModel **model, NstError *err)
{
    NstGraph graph;
    *model = NULL;
    NST_TRY(graph_copy(&graph, &trainer->graph, err));
    NST_TRY(nsw_create(model, NST_KIND_STYLE, &graph, err));
    const int code = set_origin(trainer, *model, err);
    if (code < 0)
        nst_model_free(model);
    return code;
}
