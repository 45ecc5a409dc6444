/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/model.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsw.h"
#include "util.h"

#ifndef NST_DATADIR
#define NST_DATADIR "/usr/local/share/nst"
#endif

static const char *text_of(const NstModel *model, const char *key)
{
    const char *text = nst_model_metadata(model, key);
    return text ? text : "";
}

const char *nst_model_metadata(const NstModel *model, const char *key)
{
    return metadata_get(&model->metadata, key);
}

void nst_model_info(const NstModel *model, NstModelInfo *info)
{
    const NstGraph *graph = &model->graph;
    *info = (NstModelInfo){
        .kind = model->kind,
        .name = text_of(model, "nst.name"),
        .author = text_of(model, "nst.author"),
        .licence = text_of(model, "nst.licence"),
        .training = text_of(model, "nst.training"),
        .n_nodes = graph->n_nodes,
        .n_tensors = graph->n_tensors,
        .multiple = graph_multiple(graph),
    };
    for (int i = 0; i < graph->n_tensors; i++)
        info->n_parameters += graph->tensors[i].count;
    for (int i = 0; i < graph->n_nodes; i++)
        info->macs_per_pixel += graph_macs_per_pixel(graph, i);
}

int nst_model_tensor(const NstModel *model, int index, NstTensorInfo *info, NstError *err)
{
    if (index < 0 || index >= model->graph.n_tensors)
        return fail(err, NST_EINVAL, "tensor: 0 to %d expected, %d found", model->graph.n_tensors - 1, index);
    const NstTensor *tensor = &model->graph.tensors[index];
    *info = (NstTensorInfo){.name = tensor->name, .rank = tensor->rank, .is_f16 = tensor->is_f16};
    memcpy(info->shape, tensor->shape, sizeof(info->shape));
    return NST_OK;
}

/* Appends to a text of limited room, with ", " between the parts. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t room, const char *format, ...)
{
    va_list args;
    size_t used = strlen(text);
    if (used && used + 2 < room) {
        strcpy(text + used, ", ");
        used += 2;
    }
    va_start(args, format);
    vsnprintf(text + used, room - used, format, args);
    va_end(args);
}

static void append_pair(char *text, size_t room, const char *what, const int pair[2], int usual)
{
    if (pair[NST_Y] != pair[NST_X])
        append(text, room, "%s %dx%d", what, pair[NST_Y], pair[NST_X]);
    else if (pair[NST_Y] != usual)
        append(text, room, "%s %d", what, pair[NST_Y]);
}

static void append_pad(char *text, size_t room, const NstNode *node)
{
    static const char *const modes[] = {"zero", "reflect", "replicate"};
    const int *pad = node->pad;
    bool has_mode = node->op == NST_OP_CONV2D || node->op == NST_OP_PAD;
    const char *mode = has_mode ? modes[node->pad_mode] : "", *space = has_mode ? " " : "";
    const char *what = node->op == NST_OP_CROP ? "crop" : "pad";
    if (pad[0] != pad[1] || pad[0] != pad[2] || pad[0] != pad[3])
        append(text, room, "%s %d %d %d %d%s%s", what, pad[0], pad[1], pad[2], pad[3], space, mode);
    else if (pad[0])
        append(text, room, "%s %d%s%s", what, pad[0], space, mode);
}

static void describe_conv(char *text, size_t room, const NstNode *node)
{
    append(text, room, "kernel %dx%d", node->kernel[NST_Y], node->kernel[NST_X]);
    append_pair(text, room, "stride", node->stride, 1);
    append_pair(text, room, "dilation", node->dilation, 1);
    if (node->groups > 1)
        append(text, room, "groups %d", node->groups);
    append_pad(text, room, node);
    append_pair(text, room, "output pad", node->output_pad, 0);
}

static void describe_pool(char *text, size_t room, const NstNode *node)
{
    append(text, room, "kernel %dx%d", node->kernel[NST_Y], node->kernel[NST_X]);
    append_pair(text, room, "stride", node->stride, 0);
    append_pad(text, room, node);
    if (node->ceil)
        append(text, room, "ceil");
    if (node->count_pad)
        append(text, room, "padding counts");
}

static void describe_affine(char *text, size_t room, const NstNode *node)
{
    if (node->weight >= 0)
        append(text, room, "scale by channel");
    else
        append(text, room, "scale %g", node->scale);
    if (node->bias >= 0)
        append(text, room, "shift by channel");
    else
        append(text, room, "shift %g", node->shift);
}

static void describe(char *text, size_t room, const NstNode *node)
{
    text[0] = 0;
    switch (node->op) {
    case NST_OP_CONV2D:
    case NST_OP_CONV_TRANSPOSE2D:
        describe_conv(text, room, node);
        break;
    case NST_OP_MAX_POOL:
    case NST_OP_AVG_POOL:
        describe_pool(text, room, node);
        break;
    case NST_OP_AFFINE:
        describe_affine(text, room, node);
        break;
    case NST_OP_INSTANCE_NORM:
        append(text, room, "eps %g", node->eps);
        break;
    case NST_OP_UPSAMPLE:
        append(text, room, "factor %d %s", node->factor, node->mode == NST_UPSAMPLE_BILINEAR ? "bilinear" : "nearest");
        break;
    case NST_OP_PIXEL_SHUFFLE:
    case NST_OP_PIXEL_UNSHUFFLE:
        append(text, room, "factor %d", node->factor);
        break;
    case NST_OP_PAD:
    case NST_OP_CROP:
        append_pad(text, room, node);
        break;
    default:
        break;
    }
}

static int64_t count_of(const NstGraph *graph, int tensor)
{
    return tensor < 0 ? 0 : graph->tensors[tensor].count;
}

int nst_model_node(const NstModel *model, int index, NstNodeInfo *info, NstError *err)
{
    const NstGraph *graph = &model->graph;
    if (index < 0 || index >= graph->n_nodes)
        return fail(err, NST_EINVAL, "node: 0 to %d expected, %d found", graph->n_nodes - 1, index);
    const NstNode *node = &graph->nodes[index];
    *info = (NstNodeInfo){
        .name = node->name,
        .op = graph_op_name(node->op),
        .n_inputs = node->n_inputs,
        .channels = node->channels,
        .n_parameters = count_of(graph, node->weight) + count_of(graph, node->bias),
        .macs_per_pixel = graph_macs_per_pixel(graph, index),
    };
    memcpy(info->inputs, node->inputs, sizeof(node->inputs));
    describe(info->detail, sizeof(info->detail), node);
    return NST_OK;
}

static bool is_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file;
}

/* folder/style.nsw, malloc'ed, or NULL */
static char *join(const char *folder, int length, const char *style)
{
    size_t room = (size_t)length + strlen(style) + sizeof("/.nsw");
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%.*s/%s.nsw", length, folder, style);
    return path;
}

/* NST_ENOTFOUND, without a message, where no folder of the list has the style. */
static int search(const char *folders, const char *style, char **path, NstError *err)
{
    for (const char *folder = folders; *folder;) {
        int length = (int)strcspn(folder, ":");
        if (length) {
            *path = join(folder, length, style);
            if (!*path)
                return fail(err, NST_ENOMEM, "no memory for a path");
            if (is_file(*path))
                return NST_OK;
            free(*path);
            *path = NULL;
        }
        folder += length + (folder[length] == ':');
    }
    return NST_ENOTFOUND;
}

int nst_style_find(const char *style, char **path, NstError *err)
{
    size_t length = strlen(style);
    const char *folders = getenv("NST_PATH");
    *path = NULL;
    if (!length)
        return fail(err, NST_EINVAL, "style: a path or a name expected, an empty text found");
    if (strchr(style, '/') || (length > 4 && !strcmp(style + length - 4, ".nsw"))) {
        *path = string_copy(style);
        return *path ? NST_OK : fail(err, NST_ENOMEM, "no memory for a path");
    }
    int code = search(folders ? folders : "", style, path, err);
    if (code == NST_ENOTFOUND)
        code = search(NST_DATADIR, style, path, err);
    if (code == NST_ENOTFOUND)
        return fail(err, code, "style \"%.80s\": no %.80s.nsw in %s%s%s; NST_PATH names the folders to look in", style,
                    style, folders ? folders : "", folders && *folders ? ":" : "", NST_DATADIR);
    return code;
}
