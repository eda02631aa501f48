/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: running a sequence on the host. A stub loads all registers and jumps; the signal of the exception
 * that ends the sequence carries all registers, and returns behind the stub.
 */
#include "cpu/test-native.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Where the stub jumps to: Linux has a code segment for 32-bit programs beside its own. */
typedef struct NativeFar {
    uint32_t offset;
    uint16_t selector;
} NativeFar;
enum { HOST_CS64 = 0x33, HOST_CS32 = 0x23 };

extern NativeRegs native_regs;
extern uint64_t native_host_rsp;
extern NativeFar native_far;
void native_enter(void);
void native_leave(void);

NativeRegs native_regs;
uint64_t native_host_rsp;
NativeFar native_far;
static bool running;

__asm__(
    ".text\n"
    ".globl native_enter\n"
    "native_enter:\n"
    "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "    mov %rsp, native_host_rsp(%rip)\n"
    "    fxrstor64 native_regs+160(%rip)\n"
    "    mov %ss, %eax\n"
    "    mov %eax, %ds\n"
    "    mov %eax, %es\n"
    "    pushq native_regs+136(%rip)\n"
    "    popfq\n"
    "    mov native_regs+0(%rip), %rax\n"
    "    mov native_regs+8(%rip), %rcx\n"
    "    mov native_regs+16(%rip), %rdx\n"
    "    mov native_regs+24(%rip), %rbx\n"
    "    mov native_regs+32(%rip), %rsp\n"
    "    mov native_regs+40(%rip), %rbp\n"
    "    mov native_regs+48(%rip), %rsi\n"
    "    mov native_regs+56(%rip), %rdi\n"
    "    mov native_regs+64(%rip), %r8\n"
    "    mov native_regs+72(%rip), %r9\n"
    "    mov native_regs+80(%rip), %r10\n"
    "    mov native_regs+88(%rip), %r11\n"
    "    mov native_regs+96(%rip), %r12\n"
    "    mov native_regs+104(%rip), %r13\n"
    "    mov native_regs+112(%rip), %r14\n"
    "    mov native_regs+120(%rip), %r15\n"
    "    ljmp *native_far(%rip)\n"
    ".globl native_leave\n"
    "native_leave:\n"
    "    cld\n"
    "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "    ret\n");
G_STATIC_ASSERT(G_STRUCT_OFFSET(NativeRegs, rip) == 128 && G_STRUCT_OFFSET(NativeRegs, fx) == 160);

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[16] = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    };
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;

    if (!running) {
        signal(sig, SIG_DFL);   /* our own fault: die of it */
        return;
    }
    running = false;
    for (unsigned i = 0; i < 16; i++) {
        native_regs.gpr[i] = (uint64_t)g[order[i]];
    }
    native_regs.rip = (uint64_t)g[REG_RIP];
    native_regs.rflags = (uint64_t)g[REG_EFL];
    native_regs.vector = g[REG_TRAPNO];
    native_regs.cr2 = (uint64_t)g[REG_CR2];
    memcpy(native_regs.fx, fp, sizeof(native_regs.fx));
    fp->cwd = 0x37f;
    fp->swd = 0;
    fp->ftw = 0;
    fp->mxcsr = 0x1f80;
    g[REG_RSP] = (greg_t)native_host_rsp;
    g[REG_RIP] = (greg_t)(uintptr_t)native_leave;
    g[REG_EFL] = 0x202;
    g[REG_CSGSFS] = (g[REG_CSGSFS] & ~(greg_t)0xffff) | HOST_CS64;
}

static void map_at(uintptr_t addr, size_t len, int prot)
{
    void *p = mmap((void *)addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p != (void *)addr) {
        perror("mmap");
        exit(1);
    }
}

bool native_supported(void)
{
    return true;
}

void native_init(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    static uint8_t stack[65536];
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

    map_at(CODE_BASE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    map_at(DATA_BASE, DATA_SIZE, PROT_READ | PROT_WRITE);
    map_at(STACK_BASE, STACK_SIZE, PROT_READ | PROT_WRITE);
    if (sigaltstack(&ss, NULL) < 0) {
        perror("sigaltstack");
        exit(1);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        if (sigaction(signals[i], &sa, NULL) < 0) {
            perror("sigaction");
            exit(1);
        }
    }
}

void native_run(const uint8_t *code, unsigned len, unsigned bits, NativeCase *c)
{
    memcpy((void *)(uintptr_t)CODE_BASE, code, len);
    memcpy((void *)(uintptr_t)DATA_BASE, c->mem.data, DATA_SIZE);
    memcpy((void *)(uintptr_t)STACK_BASE, c->mem.stack, STACK_SIZE);
    native_regs = c->regs;
    native_far = (NativeFar){ .offset = (uint32_t)c->regs.rip, .selector = bits == 64 ? HOST_CS64 : HOST_CS32 };
    __atomic_store_n(&running, true, __ATOMIC_SEQ_CST);
    native_enter();
    memcpy(c->mem.data, (void *)(uintptr_t)DATA_BASE, DATA_SIZE);
    memcpy(c->mem.stack, (void *)(uintptr_t)STACK_BASE, STACK_SIZE);
    c->regs = native_regs;
}

#else

bool native_supported(void)
{
    return false;
}

void native_init(void)
{
}

void native_run(const uint8_t *code, unsigned len, unsigned bits, NativeCase *c)
{
}

#endif
