/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PLAN_INTERNAL_H
#define NST_MODEL_PLAN_INTERNAL_H

#include "conv.h"
#include "kernels/dsp.h"
#include "norms.h"
#include "plan.h"
#include "threads.h"
#include "view.h"

/* What plan.c lays out, exec.c and backward.c run through, and the op_*.c files work on. */
struct NstPlan {
    const NstGraph *graph;
    NstDsp dsp;
    NstGemm gemm;
    NstTeam team;        /* who runs bands */
    int threads;         /* of OpenMP's loops; 1 where the caller has an executor */
    NstShape *shapes;    /* of each node */
    bool *live;          /* the node runs: a tap depends on it */
    bool *is_tap;
    bool *needed;        /* by exec_forward_for */
    int *home;           /* node in whose buffer the value lies; itself, or an input that is overwritten */
    float **value;       /* C x H x W each; NULL where not live */
    float **norm;        /* instance_norm: C means, then C inverse deviations; else NULL */
    NstNormControl norms;
    bool *rectifies;     /* the convolution applies the ReLU that overwrites its value */
    int *after;          /* the node that overwrites the value as soon as a band of it is there; 0: none */
    bool *is_virtual;    /* the value is never stored: readers make it while loading; only without gradients */
    NstView *view;       /* how each value is made from a stored one; only without gradients */
    int *read_until;     /* last step in which the inputs are read; only without gradients */
    float **statistics;  /* doubles: sums of each band of a convolution that is normalised next; else NULL */
    bool *wants_grad;    /* backward passes through the node */
    bool *has_grad;      /* during backward: grad[node] holds something to add to */
    bool *is_rectified;  /* ... and is that of the input of the ReLU that node is */
    int backward_at;     /* the node that backward comes to next */
    float **grad;        /* C x H x W each; NULL where not wanted */
    float **tensor_grad; /* NULL where not wanted */
    bool want_input_grad, want_tensor_grads, direct;
    float **packed[2];   /* kernels made ready for each NstConvUse, where weights stay as they are; else NULL */
    float *scratch;      /* for one op at a time */
    float *arena;        /* all of the above floats */
    size_t n_floats;
};

/* Samples of a channel, from offset `at` of the value on */
typedef void NstSamplesTask(NstPlan *plan, int node, int channel, size_t at, size_t n);

/*
 * One operation. forward reads the inputs' values and writes the node's; backward reads the node's gradient and adds to
 * (or writes, where has_grad is false) the gradients of inputs that want one, and adds to tensor gradients.
 */
typedef struct NstOpImpl {
    void (*forward)(NstPlan *plan, int node);
    void (*backward)(NstPlan *plan, int node);
    size_t (*scratch)(const NstPlan *plan, int node); /* floats of plan->scratch that either needs; NULL: none */
    size_t (*packed_size)(const NstPlan *plan, int node, NstConvUse use); /* floats of plan->packed; NULL: none */
    void (*pack)(NstPlan *plan, int node, NstConvUse use);
    NstSamplesTask *samples;   /* forward of some samples, where each depends on those at its place; else NULL */
    bool in_place;             /* forward may write over input 0 */
    bool grad_in_place;        /* backward may write the gradient of input 0 over the node's */
    bool backward_uses_input;  /* backward reads inputs' values, */
    bool backward_uses_output; /* or the node's own */
} NstOpImpl;

const NstOpImpl *op_impl(NstOp op);

/* Rows of a forward pass, shared out to the plan's team; op_for_rows: 0 .. rows - 1, whatever an op counts by them. */
typedef void NstRowsTask(NstPlan *plan, int node, int first, int n);
void op_for_rows(NstPlan *plan, int node, int rows, NstRowsTask *task);
/* The same in samples of each channel */
void op_for_samples(NstPlan *plan, int node, NstSamplesTask *task);

extern const NstOpImpl op_conv2d, op_conv_transpose2d;        /* op_conv.c */
extern const NstOpImpl op_instance_norm;                      /* op_norm.c */
extern const NstOpImpl op_max_pool, op_avg_pool;              /* op_pool.c */
bool pool_reads_pairs(const NstPlan *plan, int pool); /* two whole rows at a time, which may be a view's */
bool pool_masks(const NstPlan *plan, int relu); /* the adjoints of pools, its only readers, do the ReLU's as well */
extern const NstOpImpl op_upsample, op_pixel_shuffle, op_pixel_unshuffle; /* op_resample.c */
extern const NstOpImpl op_pad, op_crop, op_concat;            /* op_shape.c */
extern const NstOpImpl op_input, op_relu, op_tanh, op_add, op_mul, op_affine; /* op_pointwise.c */

/* Elements of a plane, and of a value. */
static inline size_t shape_plane(NstShape s) { return (size_t)s.h * (size_t)s.w; }
static inline size_t shape_count(NstShape s) { return (size_t)s.c * shape_plane(s); }

static inline const NstNode *plan_node(const NstPlan *plan, int node) { return &plan->graph->nodes[node]; }
static inline int plan_input(const NstPlan *plan, int node, int i) { return plan->graph->nodes[node].inputs[i]; }

/* The node's value is made, and stored, by a convolution that comes later (view.h). */
static inline bool plan_is_made_later(const NstPlan *plan, int node)
{
    return plan->view && !plan->is_virtual[node] && plan->read_until[node] > node;
}

/* The node is done where a convolution before it makes its bands. */
static inline bool plan_is_made_before(const NstPlan *plan, int node)
{
    return node > 0 && plan->after[plan_input(plan, node, 0)] == node;
}

/* A tensor's data, or NULL for index -1. */
static inline const float *plan_tensor(const NstPlan *plan, int tensor)
{
    return tensor < 0 ? NULL : plan->graph->tensors[tensor].data;
}

/* The gradient of a tensor to add to, or NULL. */
static inline float *plan_tensor_grad(const NstPlan *plan, int tensor)
{
    return tensor < 0 ? NULL : plan->tensor_grad[tensor];
}

/* How often live nodes read a node's value */
int plan_count_uses(const NstPlan *plan, int node);

/*
 * The gradient of a node's input i to add to, zeroed where nothing was in it yet; NULL where none is wanted. For ops
 * that would rather write the first time, plan_grad_target says through *add whether to add.
 */
float *plan_grad_sum(NstPlan *plan, int node, int i);
float *plan_grad_target(NstPlan *plan, int node, int i, bool *add);

#endif
