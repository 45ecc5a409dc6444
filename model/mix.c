/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mix.h"

#include <math.h>
#include <string.h>

#include "nsw.h"

/* Of kernels: independently trained networks of the shipped kind stay below 0.1. */
static const double min_correlation = 0.3;

static bool same_tensor(const NstTensor *a, const NstTensor *b)
{
    return !strcmp(a->name, b->name) && a->rank == b->rank &&
           !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(*a->shape));
}

/* Metadata holds the graph as text: names, ops, attributes and which tensor is whose. */
static bool same_network(const NstModel *a, const NstModel *b)
{
    const char *graph_a = metadata_get(&a->metadata, "nst.graph"), *graph_b = metadata_get(&b->metadata, "nst.graph");
    if (!graph_a || !graph_b || strcmp(graph_a, graph_b) || a->graph.n_tensors != b->graph.n_tensors)
        return false;
    for (int i = 0; i < a->graph.n_tensors; i++)
        if (!same_tensor(&a->graph.tensors[i], &b->graph.tensors[i]))
            return false;
    return a->input_scale == b->input_scale && a->output_scale == b->output_scale && a->input_bgr == b->input_bgr &&
           a->output_bgr == b->output_bgr;
}

static double kernel_products(const NstGraph *a, const NstGraph *b)
{
    double sum = 0;
    for (int i = 0; i < a->n_tensors; i++)
        for (int64_t k = 0; a->tensors[i].rank == 4 && k < a->tensors[i].count; k++)
            sum += (double)a->tensors[i].data[k] * (double)b->tensors[i].data[k];
    return sum;
}

bool mix_is_in_weights(const NstStyles *styles)
{
    const NstModel *first = styles->models[0];
    for (int i = 1; i < styles->n; i++) {
        const NstModel *other = styles->models[i];
        if (!same_network(first, other))
            return false;
        double scale = sqrt(kernel_products(&first->graph, &first->graph) *
                            kernel_products(&other->graph, &other->graph));
        if (!(kernel_products(&first->graph, &other->graph) >= min_correlation * scale))
            return false;
    }
    return styles->n > 1;
}

void mix_weights(NstGraph *to, const NstStyles *styles, const float *shares)
{
    for (int t = 0; t < to->n_tensors; t++)
        for (int64_t k = 0; k < to->tensors[t].count; k++) {
            float sum = 0;
            for (int i = 0; i < styles->n; i++)
                sum += shares[i] * styles->models[i]->graph.tensors[t].data[k];
            to->tensors[t].data[k] = sum;
        }
}

void mix_shares(const NstStylizeOptions *options, int n, float *shares)
{
    double sum = 0;
    bool fits = options->n_mix == n;
    for (int i = 0; i < n; i++)
        sum += fits ? (double)options->mix[i] : 1;
    for (int i = 0; i < n; i++)
        shares[i] = (float)((fits ? (double)options->mix[i] : 1) / sum);
}
