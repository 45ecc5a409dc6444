/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_BUFFERS_H
#define NST_TESTS_BUFFERS_H

#include <stddef.h>

#include "kernels/dsp.h"
#include "optim.h"

/* Inputs and outputs for tests of kernels. */

/* Of n floats exactly, so that AddressSanitizer sees reads outside; free() it. */
float *buffer_new(size_t n);

/* What a buffer is filled with: numbers near 1, ones too small to be normal, large ones, and pairs that cancel */
typedef enum Fill { FILL_NORMAL, FILL_DENORMAL, FILL_LARGE, FILL_CANCELLING, FILL_COUNT } Fill;

float *buffer_filled(size_t n, Fill fill, NstRandom *random);

/* n NaNs between guards; guarded_free fails the test if a guard has changed. */
float *guarded_new(size_t n);
void guarded_free(float *guarded, size_t n, const char *what);

/* Fails unless |found - expected| <= roundings * 2^-23 * size, where size is the sum of the sizes of all terms. */
void assert_rounded(double found, double expected, double size, int roundings, const char *what, size_t at);

/* The tables to test: scalar, then one more instruction set at a time. Returns how many, and their masks. */
int dsp_ladder(NstDsp tables[8], unsigned masks[8]);

#endif
