/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_FUZZ_IMPORT_H
#define NST_TESTS_FUZZ_IMPORT_H

#include <stdlib.h>

#include "import/import.h"
#include "safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reader either gives a model, which can be written, or a message. */
static inline int fuzz_outcome(int code, NstModel *model, const NstError *err)
{
    if (code < 0 ? model || err->code != code || !err->message[0] : !model)
        abort();
    nst_model_free(&model);
    return 0;
}

#endif
