/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stack switching, the primitive under coroutines and under the simulator's fibers.
 *
 * Hand-written for x86-64 and aarch64 (callee-saved registers only, no system call), ucontext elsewhere.
 * The sanitizers are told of every switch. A stack has a guard page below it.
 *
 * I1  A context is entered by at most one thread at a time.
 * I2  A function started by sched_context_init never returns; it leaves with sched_context_exit_to.
 */
#ifndef SCHED_SWITCH_H
#define SCHED_SWITCH_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_STACK_SIZE (1024 * 1024)     /* usable bytes; pages are touched only as used */

typedef void SchedContextFunc(void *opaque);

typedef struct SchedContext {
    void *sp;                       /* saved stack pointer while not running */
    void *stack;                    /* lowest usable byte, NULL for a thread's own stack */
    size_t stack_size;
    void *fake_stack;               /* AddressSanitizer */
    const void *from_bottom;        /* AddressSanitizer: the stack we were entered from */
    size_t from_size;
    void *tsan_fiber;               /* ThreadSanitizer: our own */
    void *tsan_left;                /* ThreadSanitizer: the one that ran when we were left */
    void *portable;                 /* ucontext fall-back */
    SchedContextFunc *fn;
    void *opaque;
} SchedContext;

/** sched_stack_alloc: SCHED_STACK_SIZE usable bytes with a guard page. Ends the process when out of memory. */
void *sched_stack_alloc(void);
void sched_stack_free(void *stack);

/** sched_context_init: prepare @c so that the first switch to it calls @fn(@opaque) on @stack (borrowed). */
void sched_context_init(SchedContext *c, void *stack, size_t stack_size, SchedContextFunc *fn, void *opaque);
/** sched_context_init_thread: prepare @c to stand for the calling thread's own stack. */
void sched_context_init_thread(SchedContext *c);
void sched_context_destroy(SchedContext *c);

/** sched_context_switch: save the running context in @from, continue @to. Returns when somebody switches back. */
void sched_context_switch(SchedContext *from, SchedContext *to);
/** sched_context_exit_to: like switch, but @from will never run again. Its stack may be reused by @to. */
G_NORETURN void sched_context_exit_to(SchedContext *from, SchedContext *to);

/**
 * sched_context_unwind: return addresses of a context that is not running, innermost first.
 * @pcs: room for @max. Returns how many were filled; 0 where frames cannot be walked (portable fall-back).
 * Reads only inside the context's own stack.
 */
unsigned sched_context_unwind(const SchedContext *c, uintptr_t *pcs, unsigned max);
/** sched_unwind_self: the same for the caller. @stack_lo/@stack_hi bound the walk (0: whatever stack runs now). */
unsigned sched_unwind_self(uintptr_t *pcs, unsigned max, uintptr_t stack_lo, uintptr_t stack_hi);

#endif
