/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer harness: any bytes are read as an array of NumPy, or refused with a message; README.md says how to run it. */
#include "fuzz_import.h"
#include "import/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NstContainer weights = {0};
    NstError err = {0};
    const int code = npz_read_array(&weights, "array", (Bytes){data, size}, &err);
    if (code < 0 && !err.message[0])
        abort();
    container_free(&weights);
    return 0;
}
