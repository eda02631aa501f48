/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stack switching: what is common to all processors, and the ucontext fall-back.
 *
 * Owns: nothing but the saved frame of a context that does not run. Context: any thread.
 *
 * I1  A context is entered by at most one thread at a time.
 * I2  A function started by sched_context_init never returns.
 * I3  Between telling a sanitizer of the switch and the switch itself no instrumented function is called.
 * I4  In a saved frame the frame pointer and the return address are where FRAME_FP and FRAME_PC say; the first
 *     frame of a stack has frame pointer 0, which ends every walk.
 *
 * Sources: System V ABI for AMD64 3.2.1; AAPCS64 6.1; compiler-rt interfaces <sanitizer/common_interface_defs.h>,
 * <sanitizer/tsan_interface.h>.
 */
#include "sched/switch.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "platform/os.h"

#include <string.h>

#if defined(__x86_64__) && !defined(SCHED_SWITCH_PORTABLE)
#define SWITCH_ASM 1
#define FRAME_SIZE 64
#define FRAME_FP 48
#define FRAME_PC 56
#define FRAME_ARG 32
#elif defined(__aarch64__) && !defined(SCHED_SWITCH_PORTABLE)
#define SWITCH_ASM 1
#define FRAME_SIZE 176
#define FRAME_FP 0
#define FRAME_PC 8
#define FRAME_ARG 16
#else
#define SWITCH_ASM 0
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SWITCH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SWITCH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SWITCH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SWITCH_TSAN 1
#endif
#endif

#ifdef SWITCH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SWITCH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if SWITCH_ASM
SchedContext *sched_switch_asm(void **save_sp, void *load_sp, SchedContext *from);
void sched_switch_entry(void);
#endif
G_NORETURN void sched_context_start(SchedContext *c, SchedContext *prev);

void *sched_stack_alloc(void)
{
    void *stack = os_stack_map(SCHED_STACK_SIZE);

    if (!stack) {
        base_fatal("rondo: out of memory for a coroutine stack");
    }
    return stack;
}

void sched_stack_free(void *stack)
{
    if (stack) {
        os_stack_unmap(stack, SCHED_STACK_SIZE);
    }
}

/* ---- Sanitizers ---- */

/* @leaving: the context that stops running, or NULL if it never continues. */
static inline __attribute__((always_inline)) void announce(SchedContext *leaving, SchedContext *to)
{
#ifdef SWITCH_ASAN
    /*
     * Once a context has been left, from_bottom is the stack it was left on. That need not be its own: a thread of
     * the simulator may be parked in the middle of a coroutine.
     */
    __sanitizer_start_switch_fiber(leaving ? &leaving->fake_stack : NULL,
                                   to->from_bottom ? to->from_bottom : to->stack,
                                   to->from_bottom ? to->from_size : to->stack_size);
#endif
#ifdef SWITCH_TSAN
    if (leaving) {
        leaving->tsan_left = __tsan_get_current_fiber();
    }
    __tsan_switch_to_fiber(to->tsan_left ? to->tsan_left : to->tsan_fiber, 0);
#endif
}

static inline __attribute__((always_inline)) void arrived(SchedContext *self, SchedContext *prev)
{
#ifdef SWITCH_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &prev->from_bottom, &prev->from_size);
#endif
}

static void sanitizers_attach(SchedContext *c)
{
#ifdef SWITCH_ASAN
    if (c->stack) {
        /* Frames of an earlier user that never returned left their red zones behind. */
        ASAN_UNPOISON_MEMORY_REGION(c->stack, c->stack_size);
    }
#endif
#ifdef SWITCH_TSAN
    c->tsan_fiber = c->stack ? __tsan_create_fiber(0) : __tsan_get_current_fiber();
#endif
}

static void sanitizers_detach(SchedContext *c)
{
#ifdef SWITCH_TSAN
    if (c->stack && c->tsan_fiber) {
        __tsan_destroy_fiber(c->tsan_fiber);
        c->tsan_fiber = NULL;
    }
#endif
}

/* ---- Entry ---- */

void sched_context_start(SchedContext *c, SchedContext *prev)
{
    arrived(c, prev);
    c->fn(c->opaque);
    base_fatal("rondo: a context function returned");       /* (I2) */
}

#if SWITCH_ASM

static void frame_build(SchedContext *c)
{
    char *sp = (char *)QEMU_ALIGN_DOWN((uintptr_t)c->stack + c->stack_size, 16) - 16 - FRAME_SIZE;
    void *pc = (void *)(uintptr_t)sched_switch_entry;

    memset(sp, 0, FRAME_SIZE + 16);
#if defined(__x86_64__)
    uint32_t mxcsr;
    uint16_t fpu_control;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(fpu_control));
    memcpy(sp, &mxcsr, sizeof(mxcsr));
    memcpy(sp + 4, &fpu_control, sizeof(fpu_control));
#else
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    memcpy(sp + 160, &fpcr, sizeof(fpcr));
#endif
    memcpy(sp + FRAME_PC, &pc, sizeof(pc));
    memcpy(sp + FRAME_ARG, &c, sizeof(c));
    c->sp = sp;
}

static inline __attribute__((always_inline)) SchedContext *switch_raw(SchedContext *from, SchedContext *to)
{
    return sched_switch_asm(&from->sp, to->sp, from);
}

static void frame_free(SchedContext *c)
{
}

#else

typedef struct PortableFrame {
    ucontext_t uc;
    SchedContext *prev;             /* who switched to us last */
} PortableFrame;

/* makecontext passes ints only: a pointer travels in two halves. */
static void portable_start(unsigned lo, unsigned hi)
{
    SchedContext *c = (SchedContext *)(uintptr_t)(((uint64_t)hi << 32) | lo);
    PortableFrame *f = c->portable;

    sched_context_start(c, f->prev);
}

static void frame_build(SchedContext *c)
{
    PortableFrame *f = g_new0(PortableFrame, 1);
    uint64_t self = (uintptr_t)c;
    int r = getcontext(&f->uc);

    assert(r == 0);
    c->portable = f;
    if (c->stack) {
        f->uc.uc_stack.ss_sp = c->stack;
        f->uc.uc_stack.ss_size = c->stack_size;
        makecontext(&f->uc, (void (*)(void))portable_start, 2, (unsigned)self, (unsigned)(self >> 32));
    }
}

static SchedContext *switch_raw(SchedContext *from, SchedContext *to)
{
    PortableFrame *f = from->portable, *t = to->portable;
    int r;

    t->prev = from;
    r = swapcontext(&f->uc, &t->uc);
    assert(r == 0);
    return f->prev;
}

static void frame_free(SchedContext *c)
{
    g_clear_pointer(&c->portable, g_free);
}

#endif

/* ---- The interface ---- */

void sched_context_init(SchedContext *c, void *stack, size_t stack_size, SchedContextFunc *fn, void *opaque)
{
    *c = (SchedContext){ .stack = stack, .stack_size = stack_size, .fn = fn, .opaque = opaque };
    sanitizers_attach(c);
    frame_build(c);
}

void sched_context_init_thread(SchedContext *c)
{
    *c = (SchedContext){ 0 };
    sanitizers_attach(c);
#if !SWITCH_ASM
    frame_build(c);
#endif
}

void sched_context_destroy(SchedContext *c)
{
    sanitizers_detach(c);
    frame_free(c);
    c->sp = NULL;
}

__attribute__((noinline)) void sched_context_switch(SchedContext *from, SchedContext *to)
{
    SchedContext *prev;

    announce(from, to);
    prev = switch_raw(from, to);
    arrived(from, prev);
}

__attribute__((noinline)) void sched_context_exit_to(SchedContext *from, SchedContext *to)
{
    announce(NULL, to);
    switch_raw(from, to);
    base_fatal("rondo: a context continued after its end");
}

/* ---- Walking frames ---- */

#define THREAD_STACK_MAX (8u << 20)     /* how far up a stack of unknown size is followed */

#if defined(__x86_64__) || defined(__aarch64__)

/*
 * Both processors chain frames alike: [fp] is the caller's frame pointer, [fp + 8] the return address.
 * Code without frame pointers may leave anything in fp; the bounds, the rule that frames go up, and a read that
 * cannot fault catch it.
 */
static unsigned walk(uintptr_t fp, uintptr_t lo, uintptr_t hi, uintptr_t *pcs, unsigned n, unsigned max)
{
    uintptr_t frame[2];

    while (n < max && fp >= lo && fp <= hi - sizeof(frame) && fp % sizeof(uintptr_t) == 0) {
        if (os_read_own_memory(fp, frame, sizeof(frame)) < 0 || frame[0] == 0 || frame[1] == 0) {
            break;      /* (I4); its return address is the entry stub */
        }
        pcs[n++] = frame[1];
        if (frame[0] <= fp) {
            break;
        }
        fp = frame[0];
    }
    return n;
}

#endif

unsigned sched_context_unwind(const SchedContext *c, uintptr_t *pcs, unsigned max)
{
#if SWITCH_ASM
    uintptr_t sp = (uintptr_t)c->sp, lo = (uintptr_t)c->stack, hi = lo + c->stack_size, fp;

    if (!sp || max == 0) {
        return 0;
    }
    if (sp < lo || sp >= hi) {
        /* A thread's own stack, or left in the middle of a coroutine: nothing below the saved frame is live. */
        lo = sp;
        hi = sp + THREAD_STACK_MAX;
    }
    memcpy(&fp, (char *)sp + FRAME_FP, sizeof(fp));
    memcpy(pcs, (char *)sp + FRAME_PC, sizeof(*pcs));
    return walk(fp, lo, hi, pcs, 1, max);
#else
    return 0;
#endif
}

__attribute__((noinline))
unsigned sched_unwind_self(uintptr_t *pcs, unsigned max, uintptr_t stack_lo, uintptr_t stack_hi)
{
#if defined(__x86_64__) || defined(__aarch64__)
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);

    if (stack_lo == 0) {
        stack_lo = fp;
        stack_hi = fp + THREAD_STACK_MAX;
    }
    return walk(fp, stack_lo, stack_hi, pcs, 0, max);
#else
    return 0;
#endif
}
