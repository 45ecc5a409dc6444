/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "buffers.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layer_cases.h"

enum { GUARD = 64 };
static const float GUARD_VALUE = -1234.5f;

float *buffer_new(size_t n)
{
    float *buffer = malloc(n ? n * sizeof(float) : 1);
    assert_non_null(buffer);
    return buffer;
}

float *buffer_filled(size_t n, Fill fill, NstRandom *random)
{
    static const float scales[FILL_COUNT] = {1, 1e-40f, 1e15f, 1e6f};
    float *buffer = buffer_new(n);
    for (size_t i = 0; i < n; i++)
        if (fill == FILL_CANCELLING && i % 2)
            buffer[i] = -buffer[i - 1] + random_normal(random);
        else
            buffer[i] = random_normal(random) * scales[fill];
    return buffer;
}

float *guarded_new(size_t n)
{
    float *memory = buffer_new(n + 2 * GUARD);
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        memory[i] = i < GUARD || i >= n + GUARD ? GUARD_VALUE : NAN;
    return memory + GUARD;
}

void guarded_free(float *guarded, size_t n, const char *what)
{
    for (size_t i = 0; i < GUARD; i++)
        if (guarded[-1 - (ptrdiff_t)i] != GUARD_VALUE || guarded[n + i] != GUARD_VALUE)
            fail_msg("%s writes outside of its %zu floats", what, n);
    free(guarded - GUARD);
}

void assert_rounded(double found, double expected, double size, int roundings, const char *what, size_t at)
{
    const double tolerance = roundings * ((double)FLT_EPSILON * size + (double)FLT_TRUE_MIN);
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s, element %zu: %.9g, %.9g expected, at most %.3g away", what, at, found, expected, tolerance);
}

int dsp_ladder(NstDsp tables[8], unsigned masks[8])
{
    const int n = cpu_ladder(masks);
    for (int i = 0; i < n; i++)
        dsp_init(&tables[i], masks[i]);
    return n;
}
