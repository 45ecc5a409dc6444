/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "safetensors.h"
#include "trainer.h"
#include "util.h"

/*
 * A checkpoint is a safetensors file: for each tensor NAME of the network itself, "adam.m.NAME" and "adam.v.NAME", or
 * "sgd.v.NAME", or "rmsprop.v.NAME"; and as metadata the version of this layout, the steps done and asked for, the
 * plateau, and the trainer's description, which has the steps planned.
 */
static const char VERSION_KEY[] = "nst.checkpoint", OPTIONS_KEY[] = "nst.options";
static const char STEP_KEY[] = "nst.step", ASKED_KEY[] = "nst.steps_asked", PLATEAU_KEY[] = "nst.plateau";
static const char VERSION[] = "2";

/* Where a run stands, beside its weights */
typedef struct Stand {
    int step, steps;
    NstPlateau plateau;
    cJSON *made_with; /* the description; the receiver's to free, NULL or not */
} Stand;

typedef enum Part { WEIGHTS, V, M } Part;

/* Parts of a tensor, the first of them, that are kept */
static int n_parts(const NstTrainer *trainer)
{
    return trainer->options.optimizer == NST_OPTIMIZER_ADAM ? M + 1 : V + 1;
}

static float *part_data(const NstTrainer *trainer, int tensor, Part part)
{
    const NstMoments *moments = &trainer->moments[tensor];
    return part == WEIGHTS ? trainer->graph.tensors[tensor].data : part == V ? moments->v : moments->m;
}

/* A view of one part of one tensor under the name it has in the file */
static NstTensor part_view(const NstTrainer *trainer, int tensor, Part part)
{
    NstTensor view = trainer->graph.tensors[tensor];
    if (part != WEIGHTS)
        snprintf(view.name, sizeof(view.name), "%s.%c.%.100s", optim_name(trainer->options.optimizer),
                 part == V ? 'v' : 'm', trainer->graph.tensors[tensor].name);
    view.data = part_data(trainer, tensor, part);
    view.is_f16 = false;
    return view;
}

static int fill_metadata(const NstTrainer *trainer, NstMetadata *metadata, NstError *err)
{
    const NstPlateau *plateau = &trainer->plateau;
    char step[16], asked[16], window[64];
    snprintf(step, sizeof(step), "%d", trainer->step);
    snprintf(asked, sizeof(asked), "%d", trainer->options.steps);
    snprintf(window, sizeof(window), "%d %.9g %.9g %d", plateau->count, (double)plateau->sum, (double)plateau->before,
             plateau->reached);
    NST_TRY(metadata_set(metadata, VERSION_KEY, VERSION, err));
    NST_TRY(metadata_set(metadata, STEP_KEY, step, err));
    NST_TRY(metadata_set(metadata, ASKED_KEY, asked, err));
    NST_TRY(metadata_set(metadata, PLATEAU_KEY, window, err));
    char *text = cJSON_PrintUnformatted(trainer->description);
    const int code = text ? metadata_set(metadata, OPTIONS_KEY, text, err)
                          : fail(err, NST_ENOMEM, "no memory for a checkpoint");
    cJSON_free(text);
    return code;
}

int nst_trainer_save(const NstTrainer *trainer, const char *path, NstError *err)
{
    const int n = trainer->graph.n_tensors;
    NstContainer container = {.n_tensors = n_parts(trainer) * n};

    container.tensors = calloc((size_t)container.n_tensors, sizeof(*container.tensors));
    if (!container.tensors)
        return fail(err, NST_ENOMEM, "no memory for a checkpoint");
    for (int i = 0; i < container.n_tensors; i++)
        container.tensors[i] = part_view(trainer, i % n, (Part)(i / n));
    int code = fill_metadata(trainer, &container.metadata, err);
    if (code == NST_OK)
        code = safetensors_write(&container, path, err);
    free(container.tensors); /* the data is the trainer's */
    metadata_free(&container.metadata);
    return code;
}

/* Both runs must have had the same rate at every step so far. */
static int check_steps(const NstTrainer *trainer, int step, int steps, NstError *err)
{
    const NstTrainOptions *options = &trainer->options;
    if (step > options->steps)
        return fail(err, NST_EINVAL, "%d steps are done, of %d wanted now", step, options->steps);
    if (steps != options->steps && min_int(steps, options->steps) < optim_fewest_steps(&options->schedule, step))
        return fail(err, NST_EINVAL, "made with steps %d, not %d, and the learning rate already depended on it", steps,
                    options->steps);
    return NST_OK;
}

/* Refuses what was made with other options. */
static int check_options(const NstTrainer *trainer, const cJSON *made_with, NstError *err)
{
    const cJSON *wanted;
    cJSON_ArrayForEach(wanted, trainer->description)
    {
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(made_with, wanted->string);
        if (!strcmp(wanted->string, "steps") || cJSON_Compare(wanted, found, 1))
            continue;
        char *now = cJSON_PrintUnformatted(wanted), *then = found ? cJSON_PrintUnformatted(found) : NULL;
        const int code = fail(err, NST_EINVAL, "made with %s %.150s, not %.150s", wanted->string,
                              then ? then : "unknown", now ? now : "this");
        cJSON_free(now);
        cJSON_free(then);
        return code;
    }
    return NST_OK;
}

/* Where the run stood; then, if other steps are asked for now than were at its start, those. */
static int read_stand(const NstTrainer *trainer, const NstMetadata *metadata, Stand *stand, NstError *err)
{
    const char *done = metadata_get(metadata, STEP_KEY), *asked = metadata_get(metadata, ASKED_KEY);
    const char *window = metadata_get(metadata, PLATEAU_KEY);
    NstPlateau *plateau = &stand->plateau;
    int64_t planned;
    int steps, reached;
    char rest;
    if (!done || sscanf(done, "%9d%c", &stand->step, &rest) != 1 || stand->step < 0)
        return fail(err, NST_EFORMAT, "%s: a number of steps expected, \"%.20s\" found", STEP_KEY, done ? done : "");
    if (!asked || sscanf(asked, "%9d%c", &steps, &rest) != 1)
        return fail(err, NST_EFORMAT, "%s: a number of steps expected, \"%.20s\" found", ASKED_KEY, asked ? asked : "");
    if (!window ||
        sscanf(window, "%9d %f %f %d%c", &plateau->count, &plateau->sum, &plateau->before, &reached, &rest) != 4 ||
        plateau->count < 0)
        return fail(err, NST_EFORMAT, "%s: four numbers expected, \"%.40s\" found", PLATEAU_KEY, window ? window : "");
    NST_TRY(json_integer(cJSON_GetObjectItemCaseSensitive(stand->made_with, "steps"), "steps", 1, NST_MAX_STEPS, &planned,
                         err));
    stand->steps = (int)planned;
    plateau->reached = reached;
    if (steps == trainer->options.steps)
        return NST_OK;
    stand->steps = trainer->options.steps;
    plateau->reached = false;
    return check_steps(trainer, stand->step, (int)planned, err);
}

static int check_metadata(const NstTrainer *trainer, const NstMetadata *metadata, Stand *stand, NstError *err)
{
    const char *version = metadata_get(metadata, VERSION_KEY), *options = metadata_get(metadata, OPTIONS_KEY);

    if (!version || !options)
        return fail(err, NST_EFORMAT, "not a checkpoint of nst train");
    if (strcmp(version, VERSION))
        return fail(err, NST_EUNSUPPORTED, "checkpoint of version %.20s; %s expected", version, VERSION);
    NST_TRY(json_parse(&stand->made_with, options, strlen(options), err));
    NST_TRY(check_options(trainer, stand->made_with, err));
    return read_stand(trainer, metadata, stand, err);
}

/* What the run began with, where the trainer was not told. */
static void take_init(NstTrainer *trainer, cJSON *made_with)
{
    static const char *const keys[] = {INIT_KEY, INIT_NAME_KEY};
    for (size_t i = 0; i < 2; i++)
        if (!cJSON_HasObjectItem(trainer->description, keys[i]) && cJSON_HasObjectItem(made_with, keys[i]))
            cJSON_AddItemToObject(trainer->description, keys[i],
                                  cJSON_DetachItemFromObjectCaseSensitive(made_with, keys[i]));
}

/* The tensor of the file for one part; refuses other shapes. */
static int find_part(const NstTrainer *trainer, const NstContainer *container, int tensor, Part part,
                     const NstTensor **found, NstError *err)
{
    const NstTensor wanted = part_view(trainer, tensor, part);
    for (int i = 0; i < container->n_tensors; i++) {
        *found = &container->tensors[i];
        if (strcmp((*found)->name, wanted.name))
            continue;
        if ((*found)->rank != wanted.rank || memcmp((*found)->shape, wanted.shape, sizeof(int) * (size_t)wanted.rank))
            return fail(err, NST_EFORMAT, "tensor \"%s\" has another shape than in the network", wanted.name);
        return NST_OK;
    }
    return fail(err, NST_EFORMAT, "tensor \"%s\" is missing", wanted.name);
}

/* Nothing is changed unless everything fits. */
static int restore(NstTrainer *trainer, const NstContainer *container, Stand *stand, NstError *err)
{
    const int n = trainer->graph.n_tensors, n_kept = n_parts(trainer) * n;
    const NstTensor *from;

    NST_TRY(check_metadata(trainer, &container->metadata, stand, err));
    for (int i = 0; i < n_kept; i++)
        NST_TRY(find_part(trainer, container, i % n, (Part)(i / n), &from, err));
    for (int i = 0; i < n_kept; i++) {
        find_part(trainer, container, i % n, (Part)(i / n), &from, NULL);
        memcpy(part_data(trainer, i % n, (Part)(i / n)), from->data, (size_t)from->count * sizeof(float));
    }
    trainer->step = stand->step;
    trainer->plateau = stand->plateau;
    steps_plan(trainer, stand->steps);
    take_init(trainer, stand->made_with);
    return NST_OK;
}

static int load(NstTrainer *trainer, const char *path, NstError *err)
{
    NstContainer container;
    NST_TRY(safetensors_read(&container, path, err));
    Stand stand = {0};
    const int code = restore(trainer, &container, &stand, err);
    cJSON_Delete(stand.made_with);
    container_free(&container);
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}

/* Gives the other ranks what rank 0 has loaded. */
static int share(NstTrainer *trainer, NstError *err)
{
    const int n = trainer->graph.n_tensors;
    NstPlateau *plateau = &trainer->plateau;
    int steps = trainer->steps;
    float window[] = {plateau->sum, plateau->before, plateau->reached};
    for (int i = 0; i < n_parts(trainer) * n; i++)
        NST_TRY(ranks_spread(trainer, part_data(trainer, i % n, (Part)(i / n)),
                             (size_t)trainer->graph.tensors[i % n].count, err));
    NST_TRY(ranks_spread_int(trainer, &trainer->step, err));
    NST_TRY(ranks_spread_int(trainer, &steps, err));
    NST_TRY(ranks_spread_int(trainer, &plateau->count, err));
    NST_TRY(ranks_spread(trainer, window, 3, err));
    steps_plan(trainer, steps);
    *plateau = (NstPlateau){plateau->count, window[0], window[1], window[2] > 0};
    return NST_OK;
}

int nst_trainer_load(NstTrainer *trainer, const char *path, NstError *err)
{
    if (trainer->options.ranks.rank == 0)
        NST_TRY(load(trainer, path, err));
    return share(trainer, err);
}
