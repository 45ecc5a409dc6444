/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer harness: any bytes are read as a .t7 file, or refused with a message; README.md says how to run it. */
#include "fuzz_import.h"
#include "import/t7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ImportOptions options = {0};
    NstModel *model;
    NstError err = {0};
    const int code = t7_read(&model, data, size, &options, &err);
    return fuzz_outcome(code, model, &err);
}
