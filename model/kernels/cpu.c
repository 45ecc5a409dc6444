/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "../util.h"
#include "dsp.h"

static const struct {
    const char *name;
    unsigned bits;
} cpu_names[] = {
    {"avx2", NST_CPU_AVX2},
    {"avx512", NST_CPU_AVX512},
    {"neon", NST_CPU_NEON},
    {"all", (unsigned)NST_CPU_ALL},
    {"scalar", 0},
    {"none", 0},
};

unsigned nst_cpu_available(void)
{
    unsigned mask = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        mask |= NST_CPU_AVX2;
    if (mask && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        mask |= NST_CPU_AVX512;
#elif defined(__aarch64__)
    mask |= NST_CPU_NEON;
#endif
    return mask;
}

/* The bits of one name, given by its first `length` bytes; -1 when there is none such. */
static int cpu_find(const char *name, size_t length, unsigned *bits)
{
    for (size_t i = 0; i < sizeof(cpu_names) / sizeof(*cpu_names); i++)
        if (strlen(cpu_names[i].name) == length && !memcmp(cpu_names[i].name, name, length)) {
            *bits = cpu_names[i].bits;
            return 0;
        }
    return -1;
}

int nst_cpu_parse(const char *list, unsigned *mask, NstError *err)
{
    unsigned all = 0;
    for (const char *name = list; name;) {
        size_t length = strcspn(name, ",|");
        unsigned bits;
        if (cpu_find(name, length, &bits) < 0)
            return fail(err, NST_EINVAL, "instruction set \"%.*s\": avx2, avx512, neon, scalar, none or all expected",
                        (int)(length > 60 ? 60 : length), name);
        all |= bits;
        name = name[length] ? name + length + 1 : NULL;
    }
    *mask = all;
    return NST_OK;
}

void nst_compute_defaults(NstCompute *compute)
{
    const char *list = getenv("NST_CPU");
    *compute = (NstCompute){.cpu = (unsigned)NST_CPU_ALL};
    if (list)
        nst_cpu_parse(list, &compute->cpu, NULL);
}

void dsp_init(NstDsp *dsp, unsigned cpu)
{
    cpu &= nst_cpu_available();
    dsp_init_scalar(dsp);
#if defined(__x86_64__)
    if (cpu & NST_CPU_AVX2)
        dsp_init_avx2(dsp);
    if (cpu & NST_CPU_AVX512)
        dsp_init_avx512(dsp);
#elif defined(__aarch64__)
    if (cpu & NST_CPU_NEON)
        dsp_init_neon(dsp);
#endif
}
