/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Task switches by hardware: jumps and calls to a TSS or a task gate, interrupts through one, iret with NT.
 *
 * Up to commit_task() a fault belongs to the old task and nothing but its TSS has changed, where the same values are
 * written again when it is tried again. Everything later happens in the new one: RET_FAULT_TASK says so, and cpu->rip
 * is then where that task will go on.
 * Long mode has no task switches; the callers raise #GP there.
 * Source: SDM volume 3, chapter 8 (8.3 the steps in their order, table 8-1 the checks, 8.4 links, 8.6 16-bit TSS).
 */
#include "cpu/flags.h"
#include "cpu/seg.h"

/* A TSS of either size as read. */
typedef struct TaskState {
    uint64_t cr3;
    uint64_t rip;
    uint32_t rflags;
    uint32_t ldt;
    uint32_t regs[8];
    uint32_t segs[SEG__COUNT];
    bool trap;
} TaskState;

/* Where the fields lie. */
typedef struct TaskLayout {
    uint32_t min_limit;
    unsigned size;           /* of a register */
    unsigned n_segs;
    uint32_t rip, rflags, regs, segs, seg_step, ldt;
} TaskLayout;

enum { TSS_LINK = 0, TSS_CR3 = 0x1c, TSS_TRAP = 0x64 };

static const TaskLayout layout16 = {
    .min_limit = 0x2b, .size = 2, .n_segs = 4,
    .rip = 0x0e, .rflags = 0x10, .regs = 0x12, .segs = 0x22, .seg_step = 2, .ldt = 0x2a,
};
static const TaskLayout layout32 = {
    .min_limit = 0x67, .size = 4, .n_segs = 6,
    .rip = 0x20, .rflags = 0x24, .regs = 0x28, .segs = 0x48, .seg_step = 4, .ldt = 0x60,
};

static const TaskLayout *layout_of(uint32_t hi)
{
    return desc_type(hi) & 8 ? &layout32 : &layout16;
}

static bool is_busy(uint32_t hi)
{
    return desc_type(hi) & 2;
}

/* ---- Reading and writing ---- */

static int tss_ld(X86CPU *cpu, uint64_t base, uint32_t off, unsigned size, uint32_t *ret)
{
    uint64_t v;

    if (cpu_ld_sys(cpu, base + off, size, &v) < 0) {
        return RET_FAULT;
    }
    *ret = (uint32_t)v;
    return RET_NEXT;
}

static int read_task(X86CPU *cpu, const TaskLayout *l, uint64_t base, TaskState *t)
{
    uint32_t v = 0;

    *t = (TaskState){ .cr3 = cpu->cr3 };
    for (unsigned i = 0; i < 8; i++) {
        if (tss_ld(cpu, base, l->regs + i * l->size, l->size, &t->regs[i]) < 0) {
            return RET_FAULT;
        }
    }
    for (unsigned i = 0; i < l->n_segs; i++) {
        if (tss_ld(cpu, base, l->segs + i * l->seg_step, 2, &t->segs[i]) < 0) {
            return RET_FAULT;
        }
    }
    if (tss_ld(cpu, base, l->rip, l->size, &v) < 0 || tss_ld(cpu, base, l->rflags, l->size, &t->rflags) < 0 ||
        tss_ld(cpu, base, l->ldt, 2, &t->ldt) < 0) {
        return RET_FAULT;
    }
    t->rip = v;
    if (l == &layout32) {
        if (tss_ld(cpu, base, TSS_CR3, 4, &v) < 0) {
            return RET_FAULT;
        }
        t->cr3 = cpu->cr0 & CR0_PG ? v : cpu->cr3;
        if (tss_ld(cpu, base, TSS_TRAP, 2, &v) < 0) {
            return RET_FAULT;
        }
        t->trap = v & 1;
    }
    return RET_NEXT;
}

static int save_task(X86CPU *cpu, const TaskLayout *l, uint64_t rip, uint32_t rflags)
{
    uint64_t base = cpu->tr.base;

    for (unsigned i = 0; i < 8; i++) {
        if (cpu_st_sys(cpu, base + l->regs + i * l->size, l->size, cpu->regs[i]) < 0) {
            return RET_FAULT;
        }
    }
    for (unsigned i = 0; i < l->n_segs; i++) {
        if (cpu_st_sys(cpu, base + l->segs + i * l->seg_step, 2, cpu->segs[i].selector) < 0) {
            return RET_FAULT;
        }
    }
    if (cpu_st_sys(cpu, base + l->rip, l->size, rip) < 0 || cpu_st_sys(cpu, base + l->rflags, l->size, rflags) < 0) {
        return RET_FAULT;
    }
    return RET_NEXT;
}

/* Both descriptors are written, so that neither is changed if the other cannot be. */
static int mark_busy(X86CPU *cpu, const Descriptor *old, Descriptor *d, TaskCause why)
{
    const uint32_t busy = 2u << DESC_TYPE_SHIFT;
    bool leaves = why == TASK_JUMP || why == TASK_IRET;

    if (cpu_st_sys(cpu, old->addr + 4, 4, old->hi) < 0 || cpu_st_sys(cpu, d->addr + 4, 4, d->hi | busy) < 0) {
        return RET_FAULT;
    }
    d->hi |= busy;
    return leaves ? cpu_st_sys(cpu, old->addr + 4, 4, old->hi & ~busy) : RET_NEXT;
}

static int task_fault(X86CPU *cpu, int vector, uint32_t selector, uint32_t ext)
{
    return cpu_raise_code(cpu, vector, (selector & 0xfffc) | ext);
}

static int task_desc(X86CPU *cpu, int vector, uint32_t selector, uint32_t ext, Descriptor *ret)
{
    if (desc_read(cpu, selector, vector, ret) < 0) {
        cpu->exc_code |= cpu->exc_vector == vector ? ext : 0;
        return RET_FAULT;
    }
    return RET_NEXT;
}

/* ---- In the new task ---- */

static int load_ldt(X86CPU *cpu, uint32_t selector, uint32_t ext)
{
    Descriptor d;

    if (!(selector & 0xfffc)) {
        return RET_NEXT;
    }
    if (!(selector & 4) && task_desc(cpu, EXC_TS, selector, ext, &d) < 0) {
        return RET_FAULT;
    }
    if ((selector & 4) || (d.hi & DESC_S) || desc_type(d.hi) != SYS_LDT || !(d.hi & DESC_P)) {
        return task_fault(cpu, EXC_TS, selector, ext);
    }
    cpu->ldt = desc_to_cache(selector, &d);
    return RET_NEXT;
}

static int load_code(X86CPU *cpu, uint32_t selector, uint32_t ext)
{
    unsigned rpl = selector & 3;
    Descriptor d;

    if (!(selector & 0xfffc)) {
        return task_fault(cpu, EXC_TS, selector, ext);
    }
    if (task_desc(cpu, EXC_TS, selector, ext, &d) < 0) {
        return RET_FAULT;
    }
    if (!desc_is_code(d.hi) || (d.hi & DESC_C ? desc_dpl(d.hi) > rpl : desc_dpl(d.hi) != rpl)) {
        return task_fault(cpu, EXC_TS, selector, ext);
    }
    if (!(d.hi & DESC_P)) {
        return task_fault(cpu, EXC_NP, selector, ext);
    }
    if (desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    cpu->segs[R_CS] = desc_to_cache(selector, &d);
    cpu_update_mode(cpu);
    return RET_NEXT;
}

static int load_stack(X86CPU *cpu, uint32_t selector, uint32_t ext)
{
    Descriptor d;

    if (seg_check_stack(cpu, selector, cpu->cpl, EXC_TS, &d) < 0) {
        cpu->exc_code |= cpu->exc_vector == EXC_PF ? 0 : ext;
        return RET_FAULT;
    }
    if (desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    cpu->segs[R_SS] = desc_to_cache(selector, &d);
    cpu_update_mode(cpu);
    return RET_NEXT;
}

static int load_data(X86CPU *cpu, unsigned seg, uint32_t selector, uint32_t ext)
{
    bool conforming;
    Descriptor d;

    if (!(selector & 0xfffc)) {
        return RET_NEXT;
    }
    if (task_desc(cpu, EXC_TS, selector, ext, &d) < 0) {
        return RET_FAULT;
    }
    conforming = (d.hi & (DESC_CS | DESC_C)) == (DESC_CS | DESC_C);
    if (!(d.hi & DESC_S) || (d.hi & (DESC_CS | DESC_R)) == DESC_CS ||
        (!conforming && (desc_dpl(d.hi) < cpu->cpl || desc_dpl(d.hi) < (selector & 3)))) {
        return task_fault(cpu, EXC_TS, selector, ext);
    }
    if (!(d.hi & DESC_P)) {
        return task_fault(cpu, EXC_NP, selector, ext);
    }
    if (desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    cpu->segs[seg] = desc_to_cache(selector, &d);
    cpu_update_mode(cpu);
    return RET_NEXT;
}

static int load_segments(X86CPU *cpu, const TaskState *t, uint32_t ext)
{
    static const uint8_t data[4] = { R_ES, R_DS, R_FS, R_GS };

    if (load_ldt(cpu, t->ldt, ext) < 0) {
        return RET_FAULT;
    }
    if (!(cpu->eflags & FLAG_VM)) {
        if (load_code(cpu, t->segs[R_CS], ext) < 0 || load_stack(cpu, t->segs[R_SS], ext) < 0) {
            return RET_FAULT;
        }
        for (unsigned i = 0; i < 4; i++) {
            if (load_data(cpu, data[i], t->segs[data[i]], ext) < 0) {
                return RET_FAULT;
            }
        }
    }
    return cpu->rip > cpu->segs[R_CS].limit ? cpu_raise_code(cpu, EXC_GP, ext) : RET_NEXT;
}

/* From here on the processor is in the new task, with segments of which only the selectors are known. */
static void commit_task(X86CPU *cpu, const TaskState *t, uint32_t rflags)
{
    for (unsigned i = 0; i < 8; i++) {
        cpu->regs[i] = t->regs[i];
    }
    cpu->rip = t->rip;
    cpu_x86_set_rflags(cpu, rflags);
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        cpu->segs[i] = (SegmentCache){ .selector = t->segs[i] };
        if (rflags & FLAG_VM) {
            seg_load_real(cpu, i, t->segs[i]);
        }
    }
    cpu->ldt = (SegmentCache){ .selector = t->ldt };
    cpu->cpl = t->segs[R_CS] & 3;
    cpu->cr0 |= CR0_TS;
    cpu->dr[7] &= ~UINT64_C(0x155);   /* local breakpoints */
    debug_changed(cpu);
    if (t->cr3 != cpu->cr3) {
        cpu->cr3 = t->cr3;
        mmu_flush_nonglobal(cpu);
    }
    cpu_update_mode(cpu);
}

/* The flags that the old task will go on with, and those of the new one. */
static uint32_t old_flags(const X86CPU *cpu, TaskCause why)
{
    uint32_t rflags = (uint32_t)cpu_x86_get_rflags(cpu);

    return why == TASK_IRET ? rflags & ~FLAG_NT : rflags;
}

static uint32_t new_flags(const TaskState *t, bool nested)
{
    const uint32_t known = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM |
                           FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID;

    return (t->rflags & known) | 2 | (nested ? FLAG_NT : 0);
}

static int task_switch(X86CPU *cpu, Descriptor *d, const TaskSwitch *s)
{
    const TaskLayout *l = layout_of(d->hi), *old_l = layout_of(cpu->tr.flags);
    bool nested = s->why == TASK_CALL || s->why == TASK_INT;
    SegmentCache tss = desc_to_cache(s->selector, d);
    Descriptor old;
    TaskState t;

    if (tss.limit < l->min_limit || cpu->tr.limit < old_l->min_limit) {
        return task_fault(cpu, EXC_TS, tss.limit < l->min_limit ? s->selector : cpu->tr.selector, s->ext);
    }
    if (read_task(cpu, l, tss.base, &t) < 0 || desc_read(cpu, cpu->tr.selector, EXC_TS, &old) < 0 ||
        save_task(cpu, old_l, s->rip, old_flags(cpu, s->why)) < 0 ||
        (nested && cpu_st_sys(cpu, tss.base + TSS_LINK, 2, cpu->tr.selector) < 0)) {
        return RET_FAULT;
    }
    if ((cpu->cr4 & CR4_PAE) && t.cr3 != cpu->cr3 && !cpu_load_pdptes(cpu, t.cr3)) {
        return cpu_raise_code(cpu, EXC_GP, s->ext);
    }
    if (mark_busy(cpu, &old, d, s->why) < 0) {
        return RET_FAULT;
    }
    cpu->tr = desc_to_cache(s->selector, d);
    commit_task(cpu, &t, new_flags(&t, nested));
    if (load_segments(cpu, &t, s->ext) < 0 || (s->has_code && cpu_push(cpu, l->size, s->code) < 0)) {
        return RET_FAULT_TASK;
    }
    if (t.trap) {
        cpu->dr[6] |= 1u << 15;
        (void)cpu_raise(cpu, EXC_DB);   /* the return value says that it is raised */
        return RET_FAULT_TASK;
    }
    return RET_JUMP;
}

/* ---- The ways that lead there ---- */

int task_enter(X86CPU *cpu, const TaskSwitch *s)
{
    Descriptor d;
    unsigned type;

    if (!(s->selector & 0xfffc) || (s->selector & 4)) {
        return task_fault(cpu, EXC_GP, s->selector, s->ext);
    }
    if (task_desc(cpu, EXC_GP, s->selector, s->ext, &d) < 0) {
        return RET_FAULT;
    }
    type = desc_type(d.hi);
    if ((d.hi & DESC_S) || (type & ~8u) != SYS_TSS16) {
        return task_fault(cpu, EXC_GP, s->selector, s->ext);
    }
    return d.hi & DESC_P ? task_switch(cpu, &d, s) : task_fault(cpu, EXC_NP, s->selector, s->ext);
}

int task_transfer(X86CPU *cpu, uint32_t selector, const Descriptor *d, TaskCause why, uint64_t next)
{
    TaskSwitch s = { .why = why, .selector = selector, .rip = next };

    if (desc_dpl(d->hi) < cpu->cpl || desc_dpl(d->hi) < (selector & 3)) {
        return task_fault(cpu, EXC_GP, selector, 0);
    }
    if (desc_type(d->hi) == SYS_TASK) {
        if (!(d->hi & DESC_P)) {
            return task_fault(cpu, EXC_NP, selector, 0);
        }
        s.selector = d->lo >> 16;
    }
    return task_enter(cpu, &s);
}

int task_return(X86CPU *cpu, uint64_t next)
{
    TaskSwitch s = { .why = TASK_IRET, .rip = next };
    Descriptor d;
    unsigned type;

    if (tss_ld(cpu, cpu->tr.base, TSS_LINK, 2, &s.selector) < 0) {
        return RET_FAULT;
    }
    if ((s.selector & 4) || !(s.selector & 0xfffc)) {
        return task_fault(cpu, EXC_TS, s.selector, 0);
    }
    if (desc_read(cpu, s.selector, EXC_TS, &d) < 0) {
        return RET_FAULT;
    }
    type = desc_type(d.hi);
    if ((d.hi & DESC_S) || (type & ~8u) != (SYS_TSS16 | 2) || !is_busy(d.hi)) {
        return task_fault(cpu, EXC_TS, s.selector, 0);
    }
    return d.hi & DESC_P ? task_switch(cpu, &d, &s) : task_fault(cpu, EXC_NP, s.selector, 0);
}
