/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer harness: any bytes are read as a manifest of raw variables, or refused; README.md says how to run it. */
#include "fuzz_import.h"
#include "raw_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NstContainer weights = {0};
    NstError err = {0};
    const int code = raw_read(&weights, (const char *)data, size, raw_test_file, NULL, &err);
    if (code < 0 && !err.message[0])
        abort();
    container_free(&weights);
    return 0;
}
