/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LD_PRELOAD=only_avx2.so COMMAND: the command sees a processor without AVX-512 and what came after it, so that every
 * system can be measured as on a machine with AVX2 alone. Linux lets a process have its cpuid instructions fault
 * (arch_prctl(2), ARCH_SET_CPUID); the handler answers them, less the bits of those instruction sets. Threads inherit
 * that.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Leaf 7: AVX-512 in all its parts, AMX, and AVX-VNNI and later. */
static void hide_features(uint32_t leaf, uint32_t subleaf, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t *a)
{
    const uint32_t ebx = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31;
    const uint32_t ecx = 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14;
    const uint32_t edx = 1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;
    if (leaf == 7 && subleaf == 0) {
        *b &= ~ebx;
        *c &= ~ecx;
        *d &= ~edx;
    } else if (leaf == 7) {
        *a = *b = *c = *d = 0;
    }
}

static void answer(greg_t *registers)
{
    uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX], a, b, c, d;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __cpuid_count(leaf, subleaf, a, b, c, d);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    hide_features(leaf, subleaf, &b, &c, &d, &a);
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP];
    (void)number;
    if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2)
        abort();
    answer(registers);
}

typedef int (*SetAction)(int, const struct sigaction *, struct sigaction *);

/* The handler stays where a program (node does) sets others. */
int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    static SetAction next;
    if (!next)
        next = (SetAction)dlsym(RTLD_NEXT, "sigaction");
    return next(number, number == SIGSEGV ? NULL : action, old);
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    SetAction set = (SetAction)dlsym(RTLD_NEXT, "sigaction");
    if (set(SIGSEGV, &action, NULL) < 0 || syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0) {
        fprintf(stderr, "only_avx2: this machine cannot have cpuid fault\n");
        _exit(1);
    }
}
