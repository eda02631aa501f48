/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running blocks as host code, seen from the loop. Internal to cpu/.
 *
 * The decoded block stays the only description of guest code: its translation does inline what is simple and
 * calls the handlers for the rest, and for everything unusual (TLB misses, devices, faults) of the simple ones too.
 *
 * I1  Both back ends agree at every exit: same registers, memory, flags, counts, and the same page walks (fetch_lin).
 * I2  A translated block is entered only by code_find(), by jit_lookup, which checks the same, or from a block of
 *     the same page and generation with nothing in between that could have changed code or translations: what
 *     could, sets recheck, which every entry looks at together with pending.
 * I3  A block is entered only while the budget covers it whole.
 * Context: the processor's thread.
 */
#ifndef CPU_JIT_H
#define CPU_JIT_H

#include "cpu/code.h"

#if defined(__x86_64__)

/** jit_flush: forget all translations; on behalf of code_cache_flush(). */
void jit_flush(X86CPU *cpu);
void jit_free(X86CPU *cpu);
/** jit_prepare: the slow half of jit_ready(). */
bool jit_prepare(X86CPU *cpu, CodeBlock *b);
/** jit_run: from @b on until something else is wanted. True: an exception is raised. Counts *@left down. */
bool jit_run(X86CPU *cpu, const CodeBlock *b, uint64_t *left);

/** jit_is_full: nothing more can be translated until the next code_cache_flush(). */
bool jit_is_full(const X86CPU *cpu);

/** jit_ready: may @b, just found, be run translated? Translates it when its time has come. */
static inline bool jit_ready(X86CPU *cpu, CodeBlock *b, uint64_t left)
{
    return cpu->jit && left >= b->n && ((b->entry && !cpu->jit_link) || jit_prepare(cpu, b));
}

#else

static inline void jit_flush(X86CPU *cpu)
{
}

static inline void jit_free(X86CPU *cpu)
{
}

static inline bool jit_is_full(const X86CPU *cpu)
{
    return false;
}

static inline bool jit_run(X86CPU *cpu, const CodeBlock *b, uint64_t *left)
{
    return false;
}

static inline bool jit_ready(X86CPU *cpu, CodeBlock *b, uint64_t left)
{
    return false;
}

#endif

#endif
