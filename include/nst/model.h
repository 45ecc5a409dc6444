/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_H
#define NST_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <nst/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A network with its weights and metadata, as stored in a .nsw file (doc/nsw-format.md). Immutable once loaded, so
 * any number of threads and streams may share one. Whoever loads it frees it, after all that use it are closed.
 */
typedef struct NstModel NstModel;

typedef enum NstModelKind { NST_KIND_STYLE, NST_KIND_LOSS } NstModelKind;

/* Facts about a model; strings live as long as the model. */
typedef struct NstModelInfo {
    NstModelKind kind;
    const char *name;      /* never NULL; "" where the file names none (as for the next four) */
    const char *author;
    const char *licence;
    const char *training;  /* how it was trained: JSON text, or "" */
    int n_nodes;           /* nodes of the graph, the input included */
    int n_tensors;
    int64_t n_parameters;  /* elements of all tensors */
    double macs_per_pixel; /* multiply-accumulates of all convolutions, for each pixel of a large input */
    int multiple;          /* input sides must be multiples of this; the stylizer pads to it by itself */
} NstModelInfo;

/* Reads a .nsw file. Every count, offset and shape is checked before it is used. */
NST_API int nst_model_load(NstModel **model, const char *path, NstError *err);

/* As nst_model_load, from memory; `name` stands for the file in messages. The bytes are copied. */
NST_API int nst_model_parse(NstModel **model, const void *data, size_t size, const char *name, NstError *err);

/* Writes to a temporary file beside `path`, then renames it. */
NST_API int nst_model_save(const NstModel *model, const char *path, NstError *err);

/* Frees *model and sets it to NULL; NULL is allowed. */
NST_API void nst_model_free(NstModel **model);

NST_API void nst_model_info(const NstModel *model, NstModelInfo *info);

/* The value of a metadata key such as "nst.graph", or NULL. It lives as long as the model. */
NST_API const char *nst_model_metadata(const NstModel *model, const char *key);

/* One tensor: its name, its shape (rank 0 to 4 entries) and whether the file holds it as F16. */
typedef struct NstTensorInfo {
    const char *name;
    int rank;
    int shape[4];
    int is_f16;
} NstTensorInfo;

/* index 0 to n_tensors - 1, else NST_EINVAL */
NST_API int nst_model_tensor(const NstModel *model, int index, NstTensorInfo *info, NstError *err);

/*
 * One node of the graph as text for people: "conv2d" into `op`, "kernel 3x3, stride 2, pad 1 reflect" into
 * `detail`, and its channels. index 0 to n_nodes - 1, else NST_EINVAL.
 */
typedef struct NstNodeInfo {
    const char *name;
    const char *op;
    int n_inputs;
    int inputs[16];        /* indices of nodes */
    int channels;
    int64_t n_parameters;
    double macs_per_pixel; /* of the network's input */
    char detail[160];
} NstNodeInfo;

NST_API int nst_model_node(const NstModel *model, int index, NstNodeInfo *info, NstError *err);

/*
 * Finds the file of a style. A text with a slash or ending in ".nsw" is a path; any other is a name NAME, looked
 * for as NAME.nsw in the folders of NST_PATH (separated by colons), then in the folder that the library was
 * installed with. *path is malloc'ed; the caller frees it. NST_ENOTFOUND names the folders that were searched.
 */
NST_API int nst_style_find(const char *style, char **path, NstError *err);

/*
 * Every NAME that nst_style_find finds in those folders, each once, in order by bytes. They are those of the files: loss
 * networks are among them, and what is no network. Freed by nst_style_list_free.
 */
NST_API int nst_style_list(char ***names, int *n, NstError *err);
NST_API void nst_style_list_free(char ***names, int n);

#ifdef __cplusplus
}
#endif

#endif
