/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nsw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph_json.h"
#include "json.h"
#include "util.h"

/* Versions of the format; doc/nsw-format.md says what makes a new one. */
static const char nsw_version[] = "1";
static const char *const kind_names[] = {[NST_KIND_STYLE] = "style", [NST_KIND_LOSS] = "loss"};

static int read_range(const NstMetadata *metadata, const char *key, float *scale, NstError *err)
{
    const char *text = metadata_get(metadata, key);
    cJSON *root;
    double value = 1;
    if (!text)
        text = "1";
    int code = json_parse(&root, text, strlen(text), err);
    if (code == NST_OK)
        code = json_number(root, "the value of white", 1e-3, 1e6, &value, err);
    cJSON_Delete(root);
    *scale = (float)value;
    return code < 0 ? fail_within(err, code, "metadata %s", key) : code;
}

static int read_order(const NstMetadata *metadata, const char *key, bool *bgr, NstError *err)
{
    const char *text = metadata_get(metadata, key);
    *bgr = text && !strcmp(text, "bgr");
    if (!text || *bgr || !strcmp(text, "rgb"))
        return NST_OK;
    return fail(err, NST_EFORMAT, "metadata %s: rgb or bgr expected, \"%.40s\" found", key, text);
}

static int read_kind(const NstMetadata *metadata, NstModelKind *kind, NstError *err)
{
    const char *version = metadata_get(metadata, "nst.version"), *text = metadata_get(metadata, "nst.kind");
    if (!version)
        return fail(err, NST_EFORMAT, "metadata nst.version expected, none found (a plain safetensors file?)");
    if (strcmp(version, nsw_version))
        return fail(err, NST_EUNSUPPORTED, "metadata nst.version: \"%s\" expected, \"%.40s\" found", nsw_version,
                    version);
    if (!text)
        return fail(err, NST_EFORMAT, "metadata nst.kind expected, none found");
    *kind = strcmp(text, "loss") ? NST_KIND_STYLE : NST_KIND_LOSS;
    if (!strcmp(text, kind_names[*kind]))
        return NST_OK;
    return fail(err, NST_EUNSUPPORTED, "metadata nst.kind: style or loss expected, \"%.40s\" found", text);
}

static int read_metadata(NstModel *model, NstError *err)
{
    const NstMetadata *metadata = &model->metadata;
    NST_TRY(read_kind(metadata, &model->kind, err));
    NST_TRY(read_range(metadata, "nst.input.range", &model->input_scale, err));
    NST_TRY(read_range(metadata, "nst.output.range", &model->output_scale, err));
    NST_TRY(read_order(metadata, "nst.input.order", &model->input_bgr, err));
    return read_order(metadata, "nst.output.order", &model->output_bgr, err);
}

static int check_finite(const NstGraph *graph, NstError *err)
{
    for (int i = 0; i < graph->n_tensors; i++) {
        const NstTensor *tensor = &graph->tensors[i];
        for (int64_t k = 0; k < tensor->count; k++)
            if (!isfinite(tensor->data[k]))
                return fail(err, NST_ENOTFINITE, "tensor \"%s\": finite numbers expected, %g found at %lld",
                            tensor->name, tensor->data[k], (long long)k);
    }
    return NST_OK;
}

/* A style gives back the size that it was given, at multiples of some number of at most 256. */
static int check_style(const NstGraph *graph, NstError *err)
{
    const NstNode *last = &graph->nodes[graph->n_nodes - 1];
    int m = graph_multiple(graph), code = NST_OK;
    if (last->channels != 3)
        return fail(err, NST_EFORMAT, "node \"%s\" (the output): 3 channels expected, %d found", last->name,
                    last->channels);
    if (!m)
        return fail(err, NST_EFORMAT, "graph: no picture size of up to 2048 suits it");
    NstShape *shapes = calloc((size_t)graph->n_nodes, sizeof(*shapes));
    if (!shapes)
        return fail(err, NST_ENOMEM, "no memory for %d shapes", graph->n_nodes);
    const NstShape *out = &shapes[graph->n_nodes - 1];
    code = graph_shapes(graph, m, m, shapes, err);
    if (code == NST_OK && (out->h != m || out->w != m))
        code = fail(err, NST_EFORMAT, "graph: an output of the input's size expected, %dx%d for %dx%d found", out->w,
                    out->h, m, m);
    free(shapes);
    return code;
}

static int check_model(const NstModel *model, NstError *err)
{
    if (model->graph.nodes[0].channels != 3)
        return fail(err, NST_EFORMAT, "node \"%s\" (the input): 3 channels expected, %d found",
                    model->graph.nodes[0].name, model->graph.nodes[0].channels);
    NST_TRY(check_finite(&model->graph, err));
    return model->kind == NST_KIND_STYLE ? check_style(&model->graph, err) : NST_OK;
}

/* The graph of a model whose metadata and tensors are there. */
static int read_graph(NstModel *model, NstError *err)
{
    const char *text = metadata_get(&model->metadata, "nst.graph");
    if (!text)
        return fail(err, NST_EFORMAT, "metadata nst.graph expected, none found");
    int code = graph_json_parse(&model->graph, text, err);
    return code < 0 ? fail_within(err, code, "nst.graph") : code;
}

static int read_model(NstModel *model, NstError *err)
{
    NST_TRY(read_metadata(model, err));
    NST_TRY(read_graph(model, err));
    return check_model(model, err);
}

/* Makes a model of a container, which is empty after. */
static int open_container(NstModel **model, NstContainer *container, const char *name, NstError *err)
{
    *model = calloc(1, sizeof(**model));
    if (!*model) {
        container_free(container);
        return fail(err, NST_ENOMEM, "%s: no memory", name);
    }
    (*model)->metadata = container->metadata;
    (*model)->graph.tensors = container->tensors;
    (*model)->graph.n_tensors = container->n_tensors;
    memset(container, 0, sizeof(*container));
    int code = read_model(*model, err);
    if (code < 0) {
        nst_model_free(model);
        return fail_within(err, code, "%s", name);
    }
    return NST_OK;
}

int nst_model_load(NstModel **model, const char *path, NstError *err)
{
    NstContainer container;
    *model = NULL;
    NST_TRY(safetensors_read(&container, path, err));
    return open_container(model, &container, path, err);
}

int nst_model_parse(NstModel **model, const void *data, size_t size, const char *name, NstError *err)
{
    NstContainer container;
    *model = NULL;
    NST_TRY(safetensors_parse(&container, data, size, name, err));
    return open_container(model, &container, name, err);
}

int nst_model_save(const NstModel *model, const char *path, NstError *err)
{
    const NstContainer container = {model->graph.n_tensors, model->graph.tensors, model->metadata};
    return safetensors_write(&container, path, err);
}

void nst_model_free(NstModel **model)
{
    if (!*model)
        return;
    graph_free(&(*model)->graph);
    metadata_free(&(*model)->metadata);
    free(*model);
    *model = NULL;
}

static int create_metadata(NstModel *model, NstError *err)
{
    char *text;
    NST_TRY(nsw_set_metadata(model, "nst.version", nsw_version, err));
    NST_TRY(nsw_set_metadata(model, "nst.kind", kind_names[model->kind], err));
    NST_TRY(graph_json_write(&model->graph, &text, err));
    int code = nsw_set_metadata(model, "nst.graph", text, err);
    free(text);
    NST_TRY(code);
    NST_TRY(nsw_set_metadata(model, "nst.input.range", "1", err));
    NST_TRY(nsw_set_metadata(model, "nst.input.order", "rgb", err));
    NST_TRY(nsw_set_metadata(model, "nst.output.range", "1", err));
    return nsw_set_metadata(model, "nst.output.order", "rgb", err);
}

int nsw_create(NstModel **model, NstModelKind kind, NstGraph *graph, NstError *err)
{
    *model = calloc(1, sizeof(**model));
    if (!*model) {
        graph_free(graph);
        return fail(err, NST_ENOMEM, "no memory for a model");
    }
    (*model)->kind = kind;
    (*model)->graph = *graph;
    memset(graph, 0, sizeof(*graph));
    int code = graph_check(&(*model)->graph, err);
    if (code == NST_OK)
        code = create_metadata(*model, err);
    if (code == NST_OK)
        code = read_metadata(*model, err);
    if (code == NST_OK)
        code = check_model(*model, err);
    if (code < 0)
        nst_model_free(model);
    return code;
}

int nsw_set_range(NstModel *model, float range, NstError *err)
{
    char text[32];
    snprintf(text, sizeof(text), "%.9g", (double)range);
    NST_TRY(nsw_set_metadata(model, "nst.input.range", text, err));
    NST_TRY(nsw_set_metadata(model, "nst.output.range", text, err));
    return read_metadata(model, err);
}

int nsw_set_metadata(NstModel *model, const char *key, const char *value, NstError *err)
{
    return metadata_set(&model->metadata, key, value, err);
}
