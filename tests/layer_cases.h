/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_LAYER_CASES_H
#define NST_TESTS_LAYER_CASES_H

#include <stdint.h>

#include <nst/compute.h>

#include "graph.h"
#include "plan.h"
#include "safetensors.h"

/*
 * The one table of layer cases: tests/golden/NAME.safetensors, where each metadata entry is a case, its name and its
 * graph, and the tensors CASE/x, CASE/w:TENSOR, CASE/y:TAP, CASE/r:TAP, CASE/dx, CASE/d:TENSOR are the picture, the
 * weights, and what PyTorch computes in double precision for L = sum over taps of sum(y r). A case is added in
 * golden/layers.py alone.
 */

enum { CASE_MAX_TAPS = 4 };

typedef struct LayerCase {
    const char *name;
    NstGraph graph;
    NstShape size; /* of the picture */
    const float *x, *dx;
    int n_taps;
    int taps[CASE_MAX_TAPS];
    const float *y[CASE_MAX_TAPS], *r[CASE_MAX_TAPS];
    const float **grads; /* of each tensor; NULL where the taps do not depend on it */
} LayerCase;

typedef struct CaseTable {
    NstContainer file;
    int n;
    LayerCase *cases;
} CaseTable;

/* Where a golden dump lies, from SRCDIR in the environment; the caller frees it. */
char *golden_path(const char *name);

/* These fail the running test with a message where anything is wrong. */
void case_table_open(CaseTable *table, const char *name);
void case_table_close(CaseTable *table);

/* A value or gradient that a run of a case gave; expected is all zero where the exact gradient is. */
typedef struct CaseResult {
    char label[2 * NST_MAX_NAME];
    int64_t count;
    float *data;
    const float *expected;
} CaseResult;

typedef struct CaseRun {
    int n;
    CaseResult *results;
} CaseRun;

/* What a run is to give, as bits */
enum { CASE_VALUES = 0, CASE_INPUT_GRAD = 1, CASE_TENSOR_GRADS = 2, CASE_GRADS = 3 };

/* A plan for a case that keeps all its taps. */
NstPlan *case_plan(const LayerCase *c, const NstCompute *compute, int wants);

/* Forward, and backward where the plan was made for it. */
void case_run(const LayerCase *c, NstPlan *plan, int wants, CaseRun *run);
void case_run_free(CaseRun *run);

/* L, from the values that the last run left in the plan */
double case_loss(const LayerCase *c, NstPlan *plan);

/* The largest difference as a share of the largest expected number (or of `scale` where that one is 0). */
double relative_error(const float *found, const float *expected, int64_t count, double scale);

/* Each result within `tolerance` of what is expected; returns the largest error. */
double assert_case_close(const LayerCase *c, const CaseRun *run, double tolerance);

void assert_same_bits(const LayerCase *c, const CaseRun *a, const CaseRun *b, const char *what);

/* The masks of instruction sets to test here: 0 (scalar), then one more set at a time. Returns how many. */
int cpu_ladder(unsigned masks[8]);

#endif
