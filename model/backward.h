/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_BACKWARD_H
#define NST_MODEL_BACKWARD_H

#include "plan.h"

/*
 * Backward through a plan made with want_input_grad or want_tensor_grads, after exec_forward:
 *   backward_begin(plan);
 *   float *g = backward_seed(plan, tap);   for each tap, zeroed: add dL/d(value of tap) to it
 *   backward_run(plan);
 *   read backward_input_grad(plan), backward_tensor_grad(plan, tensor)
 *
 * A tap can also wait until the gradients of all that read it are there, which saves passes over memory: taps from the
 * last to the first, backward_to(plan, tap), then its seed; then backward_run.
 */
void backward_begin(NstPlan *plan);

/*
 * The gradient of a tap's value, C x H x W; zeroed at the first call after backward_begin. NULL where nothing before
 * the tap wants a gradient.
 */
float *backward_seed(NstPlan *plan, int tap);

/* The same without zeros: *add says whether there is something to add to; where not, all of it must be written. */
float *backward_target(NstPlan *plan, int tap, bool *add);

/*
 * Where the tap is a ReLU that passes its gradient on in place, the caller may do so itself while the gradient is in
 * the cache: 0 where the value is not more than 0, in all of the gradient. It says so afterwards; what is seeded later
 * is rectified as always.
 */
bool backward_may_rectify(const NstPlan *plan, int tap);
void backward_rectified(NstPlan *plan, int tap);

/* Runs backward through the nodes after `node` that have not been run yet. */
void backward_to(NstPlan *plan, int node);

/* ... and through all others */
void backward_run(NstPlan *plan);

/* dL/d(input), C x H x W; overwritten by each backward_run. NULL unless want_input_grad. */
const float *backward_input_grad(NstPlan *plan);

/* dL/d(tensor): each backward_run adds to it. NULL unless want_tensor_grads, or where the plan does not use it. */
float *backward_tensor_grad(NstPlan *plan, int tensor);
void backward_clear_tensor_grads(NstPlan *plan);

#endif
