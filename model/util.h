/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_UTIL_H
#define NST_MODEL_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include <nst/error.h>

/* Writes code and message to err (NULL allowed) and returns code: return fail(err, NST_EINVAL, "...", ...); */
__attribute__((format(printf, 3, 4))) int fail(NstError *err, int code, const char *format, ...);

/* Puts "prefix: " before the message that is there. Returns err's code, or `code` where err is NULL. */
__attribute__((format(printf, 3, 4))) int fail_within(NstError *err, int code, const char *format, ...);

/* Returns from the calling function when `call` fails. */
#define NST_TRY(call)                                                                                                  \
    do {                                                                                                               \
        int nst_try_code_ = (call);                                                                                    \
        if (nst_try_code_ < 0)                                                                                         \
            return nst_try_code_;                                                                                      \
    } while (0)

/* Products and sums that cannot overflow: 0, or -1 and *out untouched. */
static inline int mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return -1;
    *out = r;
    return 0;
}

/* Zeroed and aligned to 64 bytes; NULL when there is no memory. Free with aligned_free. */
void *aligned_calloc(size_t count, size_t size);
void aligned_free(void *memory);

char *string_copy(const char *text); /* malloc'ed; NULL when there is no memory, or for NULL */

double seconds_now(void); /* of a clock that nobody sets */

static inline int min_int(int a, int b) { return a < b ? a : b; }
static inline int max_int(int a, int b) { return a > b ? a : b; }
static inline size_t max_size(size_t a, size_t b) { return a > b ? a : b; }
/* Floats rounded up to whole lines of 64 bytes. */
static inline size_t align_floats(size_t n) { return (n + 15) & ~(size_t)15; }

static inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

#endif
