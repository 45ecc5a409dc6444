/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_NST_H
#define NST_NST_H

/*
 * libnst: neural style transfer without a machine-learning framework. Load a style (model.h), paint pictures with it
 * (stylize.h), train a new one (train.h), or paint one picture by optimisation (optimize.h). compute.h says how threads
 * and instruction sets are chosen, error.h how failures are told. The library never prints, exits or aborts, and holds no
 * global mutable state.
 */

#include <nst/compute.h>
#include <nst/distill.h>
#include <nst/error.h>
#include <nst/formula.h>
#include <nst/model.h>
#include <nst/optim.h>
#include <nst/optimize.h>
#include <nst/stylize.h>
#include <nst/train.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NST_VERSION_MAJOR 0
#define NST_VERSION_MINOR 1
#define NST_VERSION_PATCH 0

/* "0.1.0": the version of the library that runs, which may be newer than the header. */
NST_API const char *nst_version(void);

#ifdef __cplusplus
}
#endif

#endif
