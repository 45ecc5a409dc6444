/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_FUZZ_RAW_FILES_H
#define NST_TESTS_FUZZ_RAW_FILES_H

#include <stdlib.h>
#include <string.h>

#include "import/raw.h"

/* Files of raw variables that are not there: a name's last letter says how many floats, a: 1, b: 2, c: 4 ... p: 32768. */
static inline int raw_test_file(void *opaque, const char *name, void **data, size_t *size, NstError *err)
{
    const unsigned shift = (unsigned)(uint8_t)name[strlen(name) - 1] - 'a';
    (void)opaque;
    (void)err;
    *size = shift < 16 ? sizeof(float) << shift : 1;
    *data = calloc(1, *size);
    return *data ? NST_OK : NST_ENOMEM;
}

#endif
