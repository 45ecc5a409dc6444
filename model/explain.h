/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_EXPLAIN_H
#define NST_MODEL_EXPLAIN_H

#include "plan.h"

/* How a plan without gradients runs a node, for people. */
typedef struct NstExplanation {
    char algorithm[96]; /* "im2col", "loaded by res1_1" ... */
    double macs;        /* multiply-accumulates of direct convolution in it; a fused convolution counts where it is done */
} NstExplanation;

void explain_node(const NstPlan *plan, int node, NstExplanation *explanation);

#endif
