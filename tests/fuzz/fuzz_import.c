/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libFuzzer harness: any bytes are read as nst convert does, archives of PyTorch and NumPy among them, and the network
 * that they make is built; README.md says how to run it.
 */
#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ImportOptions options = {0};
    NstModel *model;
    NstError err = {0};
    const int code = import_parse(&model, data, size, "fuzz", &options, &err);
    return fuzz_outcome(code, model, &err);
}
