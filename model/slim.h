/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SLIM_H
#define NST_MODEL_SLIM_H

#include <nst/distill.h>

#include "graph.h"
#include "optim.h"

/* A VGG-19 of a fraction of the width, with linear embeddings of relu1_1, relu2_1 ... to the teacher's width. */
typedef struct NstSlim {
    NstGraph graph;
    int n_layers;
    int embedding[NST_DISTILL_LAYERS]; /* nodes */
} NstSlim;

/* teacher_width[i]: channels of the teacher's layer i; weights are drawn after He et al. 2015. */
int slim_build(NstSlim *slim, const int *teacher_width, int n_layers, float width, NstRandom *random, NstError *err);

/*
 * The loss network to ship: each embedding [E b] replaced by R of C + 1 rows with R^T R = [E b]^T [E b]
 * (nst/distill.h), under the name by which vgg_find_layer finds it.
 */
int slim_reduce(const NstSlim *slim, NstGraph *graph, NstError *err);

/* R of size x size, upper triangular, with R^T R = A^T A, for A of rows x size, row by row. */
int slim_root(const float *a, int rows, int size, double *root, NstError *err);

const char *slim_layer(int i); /* "relu1_1" */

#endif
