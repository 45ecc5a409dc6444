/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_ARCH_H
#define NST_MODEL_ARCH_H

#include <nst/train.h>

#include "graph.h"
#include "optim.h"

/* The style networks that can be trained, with weights drawn at random. Input and output are RGB, 0 to 1. */
int arch_build(NstGraph *graph, NstArchitecture arch, NstRandom *random, NstError *err);

const char *arch_name(NstArchitecture arch); /* "fast", "johnson", "fast-hd" */

#endif
