/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PLAN_H
#define NST_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include <nst/compute.h>

#include "graph.h"

/*
 * A graph made ready for one input size: which nodes run, where each value lies, which kernels do the work. The graph
 * and its tensors must outlive the plan. Weights may change between runs of a plan made with want_tensor_grads; for
 * others they are packed by plan_create and plan_repack.
 */
typedef struct NstPlan NstPlan;

typedef struct NstPlanOptions {
    NstCompute compute;
    bool want_input_grad;   /* backward to the input */
    bool want_tensor_grads; /* backward to weights and biases */
    bool direct;            /* no Winograd, to measure what its rounding does */
    const int *taps;        /* nodes whose values are read after a run, others may be overwritten; NULL: the last */
    int n_taps;
} NstPlanOptions;

/* err: NST_ENOMEM, NST_EINVAL (the size is impossible), NST_ETOOLARGE */
int plan_create(NstPlan **plan, const NstGraph *graph, int h, int w, const NstPlanOptions *options, NstError *err);
void plan_free(NstPlan **plan);

/* Packs the kernels anew after the graph's tensors have changed. */
void plan_repack(NstPlan *plan);

NstShape plan_shape(const NstPlan *plan, int node);

/* A node's value, C x H x W. Node 0 is for the caller to fill before exec_forward; taps are for it to read after. */
float *plan_value(NstPlan *plan, int node);

size_t plan_bytes(const NstPlan *plan); /* of all buffers */

/* What plan_create would allocate, without doing it; 0 when the size is impossible. */
size_t plan_bytes_for(const NstGraph *graph, int h, int w, const NstPlanOptions *options);

#endif
