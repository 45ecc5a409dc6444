/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_EXEC_H
#define NST_MODEL_EXEC_H

#include "plan.h"

/* Runs the plan on the value of node 0. Cannot fail: everything was checked and allocated by plan_create. */
void exec_forward(NstPlan *plan);

/* The same as far as a node: that one's value, and the statistics of all on the way. */
void exec_forward_to(NstPlan *plan, int last);

/* Only what the values of n nodes, among the taps, depend on */
void exec_forward_for(NstPlan *plan, const int *nodes, int n);

/* The same as exec_forward, and the seconds that each node took. */
void exec_forward_timed(NstPlan *plan, double *seconds);

#endif
