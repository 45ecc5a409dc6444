/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_EXEC_H
#define NST_MODEL_EXEC_H

#include "plan.h"

/* Runs the plan on the value of node 0. Cannot fail: everything was checked and allocated by plan_create. */
void exec_forward(NstPlan *plan);

/* The same as far as a node: that one's value, and the statistics of all on the way. */
void exec_forward_to(NstPlan *plan, int last);

/* The same, and the seconds that each node took. */
void exec_forward_timed(NstPlan *plan, double *seconds);

#endif
