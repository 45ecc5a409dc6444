/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SLIM_H
#define NST_MODEL_SLIM_H

#include <nst/distill.h>

#include "graph.h"
#include "nsw.h"
#include "optim.h"

enum { SLIM_MAX_CONVS = 13 }; /* of VGG-19, as far as conv5_1 */

/* A convolution of the teacher, and the narrower one that stands in for it: nodes of the two graphs */
typedef struct NstSlimConv {
    int teacher, node;
} NstSlimConv;

/* The student: a narrow VGG-19, with linear embeddings of relu1_1, relu2_1 ... to the teachers' width */
typedef struct NstSlim {
    NstGraph graph;
    int n_layers;
    int embedding[NST_DISTILL_LAYERS]; /* nodes */
    int n_convs;
    NstSlimConv convs[SLIM_MAX_CONVS];
    int n_taught; /* tensors of these and of their embeddings; they come first */
} NstSlim;

/* The nodes relu1_1, relu1_2 ... of a plain VGG, as many as slim_teacher_convs finds. */
int slim_teacher_relus(const NstGraph *teacher, int nodes[SLIM_MAX_CONVS]);

/* The convolutions conv1_1, conv1_2 ... of a plain VGG: nodes of its graph; how many. None where it has embeddings. */
int slim_teacher_convs(const NstGraph *teacher, int nodes[SLIM_MAX_CONVS]);

/*
 * widths[i]: channels of the teachers' layer i. All weights are drawn after He et al. 2015, but for the preprocessing,
 * which is the teacher's.
 */
int slim_build(NstSlim *slim, const NstModel *teacher, const int *widths, int n_layers, float width, NstRandom *random,
               NstError *err);

/*
 * The loss network to ship: each linear embedding [E b] replaced by R of C + 1 rows with R^T R = [E b]^T [E b]
 * (nst/distill.h); tensors to be stored as F16.
 */
int slim_reduce(const NstSlim *slim, NstGraph *graph, NstError *err);

/* R of size x size, upper triangular, with R^T R = A^T A, for A of rows x size, row by row. */
int slim_root(const float *a, int rows, int size, double *root, NstError *err);

const char *slim_layer(int i); /* "relu1_1" */

#endif
