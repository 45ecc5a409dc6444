/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer harness: any bytes are read by keras_parse, or refused with a message; README.md says how to run it. */
#include "fuzz_import.h"
#include "import/keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NstContainer weights = {0};
    NstError err = {0};
    const int code = keras_parse(&weights, data, size, &err);
    if (code < 0 && !err.message[0])
        abort();
    container_free(&weights);
    return 0;
}
