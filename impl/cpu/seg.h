/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments, descriptors, far transfers and the delivery of interrupts and exceptions. Internal to cpu/.
 */
#ifndef CPU_SEG_H
#define CPU_SEG_H

#include "cpu/insn.h"

/* A descriptor as it lies in a table; 16 bytes for system descriptors of long mode. */
typedef struct Descriptor {
    uint32_t lo, hi;
    uint64_t upper;      /* bytes 8..15 when read by desc_read16 */
    uint64_t addr;       /* linear address of the entry */
} Descriptor;

enum {
    SYS_LDT = 2, SYS_TSS16 = 1, SYS_CALL16 = 4, SYS_TASK = 5, SYS_INT16 = 6, SYS_TRAP16 = 7,
    SYS_TSS = 9, SYS_TSS_BUSY = 11, SYS_CALL = 12, SYS_INT = 14, SYS_TRAP = 15,
};

static inline unsigned desc_dpl(uint32_t hi)
{
    return (hi >> DESC_DPL_SHIFT) & 3;
}

static inline unsigned desc_type(uint32_t hi)
{
    return (hi >> DESC_TYPE_SHIFT) & 15;
}

static inline bool desc_is_code(uint32_t hi)
{
    return (hi & (DESC_S | DESC_CS)) == (DESC_S | DESC_CS);
}

static inline bool desc_is_writable_data(uint32_t hi)
{
    return (hi & (DESC_S | DESC_CS | DESC_W)) == (DESC_S | DESC_W);
}

/** desc_read: the descriptor of @selector; raises @vector(selector) when it is outside its table. */
int desc_read(X86CPU *cpu, uint32_t selector, int vector, Descriptor *ret);
/** desc_read16: also bytes 8..15. */
int desc_read16(X86CPU *cpu, uint32_t selector, int vector, Descriptor *ret);
/** desc_to_cache: the hidden part for @selector. */
SegmentCache desc_to_cache(uint32_t selector, const Descriptor *d);
/** desc_set_accessed: set the A bit in the table (and in @d). */
int desc_set_accessed(X86CPU *cpu, Descriptor *d);

/** seg_load: mov to a data or stack segment register, with all checks of the mode. */
int seg_load(X86CPU *cpu, unsigned seg, uint32_t selector);
/** seg_load_real: base = selector * 16, as real mode does. */
void seg_load_real(X86CPU *cpu, unsigned seg, uint32_t selector);
/** seg_check_stack: may @selector be the stack of privilege @cpl? Raises @vector. */
int seg_check_stack(X86CPU *cpu, uint32_t selector, unsigned cpl, int vector, Descriptor *ret);

/** Far transfers. @size: operand size in bytes; @next: where this task goes on, for calls and task switches. */
int far_jmp(X86CPU *cpu, uint32_t selector, uint64_t target, unsigned size, uint64_t next);
int far_call(X86CPU *cpu, uint32_t selector, uint64_t target, unsigned size, uint64_t next);
int far_ret(X86CPU *cpu, unsigned size, unsigned pop_bytes);
int far_iret(X86CPU *cpu, unsigned size, uint64_t next);

/** Task switches (task.c). They return RET_JUMP, RET_FAULT or RET_FAULT_TASK. */
typedef enum TaskCause { TASK_JUMP, TASK_CALL, TASK_IRET, TASK_INT } TaskCause;

typedef struct TaskSwitch {
    TaskCause why;
    uint32_t selector;   /* of the new TSS */
    uint64_t rip;        /* where the old task goes on */
    uint32_t ext;        /* EXT bit of error codes on the way */
    bool has_code;       /* push @code on the new task's stack */
    uint32_t code;
} TaskSwitch;

/** task_enter: switch to the task of @s, if its TSS is available. */
int task_enter(X86CPU *cpu, const TaskSwitch *s);
/** task_transfer: jmp or call to @d, the descriptor of @selector: a TSS or a task gate. */
int task_transfer(X86CPU *cpu, uint32_t selector, const Descriptor *d, TaskCause why, uint64_t next);
/** task_return: iret with NT set: back to the task that the TSS links to. */
int task_return(X86CPU *cpu, uint64_t next);

/** desc_is_task: does a jump to this descriptor switch tasks? Not in long mode. */
static inline bool desc_is_task(uint32_t hi)
{
    unsigned type = desc_type(hi);

    return !(hi & DESC_S) && (type == SYS_TASK || (type & 5) == 1);
}

/** tss_stack: ss:rsp of privilege @dpl from the TSS (in long mode @ist 1..7 picks another; ss is then null). */
int tss_stack(X86CPU *cpu, unsigned dpl, unsigned ist, uint32_t *ss, uint64_t *rsp);

/** A stack that is not yet the current one: pushes go through @ss with the rights of @mmu_idx. */
typedef struct NewStack {
    SegmentCache ss;
    uint64_t rsp;
    uint64_t mask;
    unsigned mmu_idx;
    bool flat;           /* long mode: no limit */
} NewStack;
int new_stack_push(X86CPU *cpu, NewStack *s, unsigned size, uint64_t v);

/** How an interrupt came about. */
typedef enum IntKind { INT_HARDWARE, INT_SOFTWARE, INT_EXCEPTION, INT_ICEBP } IntKind;

/** int_deliver: enter the handler of @vector. @rip is pushed. Faults on the way are raised, not resolved. */
int int_deliver(X86CPU *cpu, int vector, IntKind kind, bool has_code, uint32_t code, uint64_t rip);

/**
 * exc_deliver: deliver the raised exception, with double faults on the way.
 * cpu->rip is the instruction that raised it. Returns false for a triple fault.
 */
bool exc_deliver(X86CPU *cpu);

/** For accelerators that run elsewhere, between two of their runs; on the processor's thread. */
/** cpu_x86_deliver: enter the handler of @vector now. False: a triple fault. */
bool cpu_x86_deliver(X86CPU *cpu, int vector, IntKind kind, bool has_code, uint32_t code);
/** cpu_x86_acknowledge: the vector of the interrupt to take, or -1 if the request has gone away. Takes the BQL. */
int cpu_x86_acknowledge(X86CPU *cpu);
/** cpu_x86_take_init: an INIT or start-up message that waits. Takes the BQL. */
void cpu_x86_take_init(X86CPU *cpu);

#endif
