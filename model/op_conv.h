/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_OP_CONV_H
#define NST_MODEL_OP_CONV_H

#include "plan_internal.h"

/*
 * The geometry of a node: the picture side x, padded, and the result side y of conv.h. For a transposed convolution
 * the node's input is y, and x is the full result that cropping by pad makes the node's value.
 */
NstConv op_conv_geometry(const NstPlan *plan, int node);

/* Whether a convolution is made from the small picture of the enlargement before it (phases.h). */
bool op_conv_is_phased(const NstPlan *plan, int node);

/* The node whose value a convolution reads: that small picture, or its input. */
int op_conv_source(const NstPlan *plan, int node);

#endif
