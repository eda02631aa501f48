/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts and exceptions: finding the handler, changing stacks, pushing the frame; double and triple faults.
 *
 * Delivery changes registers only after the last memory access that can fault (I1 of cpu.h); the frame itself
 * may be half written then, which the manual allows.
 * A task gate leaves all that to the switch of tasks (task.c).
 * Source: SDM volume 3, chapter 6 (6.12.1, 6.14, 6.15 table 6-5 for double faults), volume 2, INT n.
 */
#include "cpu/seg.h"

#include "base/assert.h"

int cpu_raise(X86CPU *cpu, int vector)
{
    cpu->exc_vector = vector;
    cpu->exc_has_code = false;
    cpu->exc_code = 0;
    return RET_FAULT;
}

int cpu_raise_code(X86CPU *cpu, int vector, uint32_t code)
{
    cpu->exc_vector = vector;
    cpu->exc_has_code = true;
    cpu->exc_code = code;
    return RET_FAULT;
}

/* What an interrupt entry needs to know; filled from the gate. */
typedef struct Entry {
    int vector;
    IntKind kind;
    bool has_code;
    uint32_t code;
    uint64_t rip;          /* to push */
    uint32_t ext;          /* EXT bit of error codes on the way */
    unsigned type;         /* of the gate */
    uint32_t selector;
    uint64_t target;
    unsigned ist;
    Descriptor cs;
    unsigned new_cpl;
} Entry;

/* ---- Real mode ---- */

static int deliver_real(X86CPU *cpu, const Entry *e)
{
    uint32_t entry;
    uint64_t v, rsp = cpu->regs[R_ESP];

    if ((uint32_t)e->vector * 4 + 3 > cpu->idt.limit) {
        return cpu_gp0(cpu);
    }
    if (cpu_ld_sys(cpu, cpu->idt.base + (uint32_t)e->vector * 4, 4, &v) < 0) {
        return RET_FAULT;
    }
    entry = (uint32_t)v;
    if (cpu_push(cpu, 2, cpu_x86_get_rflags(cpu)) < 0 || cpu_push(cpu, 2, cpu->segs[R_CS].selector) < 0 ||
        cpu_push(cpu, 2, e->rip) < 0) {
        cpu->regs[R_ESP] = rsp;
        return RET_FAULT;
    }
    cpu->eflags &= ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF);
    seg_load_real(cpu, R_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
    return RET_NEXT;
}

/* ---- Gates ---- */

static int gate_error(X86CPU *cpu, const Entry *e, int vector)
{
    return cpu_raise_code(cpu, vector, (uint32_t)e->vector * 8 + 2 + e->ext);
}

static int read_gate(X86CPU *cpu, Entry *e)
{
    unsigned size = cpu_long(cpu) ? 16 : 8;
    uint64_t addr = cpu->idt.base + (uint64_t)e->vector * size;
    uint64_t lo, hi = 0;
    uint32_t w1;

    if ((uint64_t)e->vector * size + size - 1 > cpu->idt.limit) {
        return gate_error(cpu, e, EXC_GP);
    }
    if (cpu_ld_sys(cpu, addr, 8, &lo) < 0 || (size == 16 && cpu_ld_sys(cpu, addr + 8, 8, &hi) < 0)) {
        return RET_FAULT;
    }
    w1 = (uint32_t)(lo >> 32);
    e->type = desc_type(w1);
    e->selector = (uint32_t)(lo >> 16) & 0xffff;
    e->target = (lo & 0xffff) | (w1 & 0xffff0000u);
    if (cpu_long(cpu)) {
        e->target |= hi << 32;
        e->ist = w1 & 7;
    } else if (e->type == SYS_INT16 || e->type == SYS_TRAP16) {
        e->target &= 0xffff;
    }
    if ((w1 & DESC_S) || !(e->type == SYS_INT || e->type == SYS_TRAP ||
                           (!cpu_long(cpu) &&
                            (e->type == SYS_INT16 || e->type == SYS_TRAP16 || e->type == SYS_TASK)))) {
        return gate_error(cpu, e, EXC_GP);
    }
    if (e->kind == INT_SOFTWARE && desc_dpl(w1) < cpu->cpl) {
        return gate_error(cpu, e, EXC_GP);
    }
    if (!(w1 & DESC_P)) {
        return gate_error(cpu, e, EXC_NP);
    }
    return RET_NEXT;
}

static int read_gate_cs(X86CPU *cpu, Entry *e)
{
    unsigned dpl;

    if (!(e->selector & 0xfffc)) {
        return cpu_raise_code(cpu, EXC_GP, e->ext);
    }
    if (desc_read(cpu, e->selector, EXC_GP, &e->cs) < 0) {
        cpu->exc_code |= cpu->exc_vector == EXC_GP ? e->ext : 0;
        return RET_FAULT;
    }
    dpl = desc_dpl(e->cs.hi);
    if (!desc_is_code(e->cs.hi) || dpl > cpu->cpl ||
        (cpu_long(cpu) && (e->cs.hi & (DESC_L | DESC_B)) != DESC_L)) {
        return cpu_raise_code(cpu, EXC_GP, (e->selector & 0xfffc) | e->ext);
    }
    if (!(e->cs.hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, (e->selector & 0xfffc) | e->ext);
    }
    e->new_cpl = e->cs.hi & DESC_C ? cpu->cpl : dpl;
    if ((cpu->eflags & FLAG_VM) && e->new_cpl != 0) {
        return cpu_raise_code(cpu, EXC_GP, (e->selector & 0xfffc) | e->ext);
    }
    return RET_NEXT;
}

static int entry_stack(X86CPU *cpu, const Entry *e, NewStack *s, bool *switched)
{
    uint32_t ss;
    uint64_t rsp;
    Descriptor d;

    *switched = e->new_cpl < cpu->cpl;
    s->mmu_idx = e->new_cpl == 3;
    s->ss = cpu->segs[R_SS];
    s->rsp = cpu->regs[R_ESP];
    s->flat = cpu_long(cpu);
    s->mask = s->flat ? UINT64_MAX : s->ss.flags & DESC_B ? 0xffffffffu : 0xffff;
    if (!*switched && !(s->flat && e->ist)) {
        s->rsp &= s->flat ? ~UINT64_C(15) : UINT64_MAX;
        return RET_NEXT;
    }
    if (tss_stack(cpu, e->new_cpl, e->ist, &ss, &rsp) < 0) {
        cpu->exc_code |= cpu->exc_vector == EXC_TS ? e->ext : 0;
        return RET_FAULT;
    }
    if (s->flat) {
        if (!is_canonical(rsp)) {
            return cpu_raise_code(cpu, EXC_SS, e->ext);
        }
        if (*switched) {
            s->ss = (SegmentCache){ .selector = e->new_cpl };
        }
        s->rsp = rsp & ~UINT64_C(15);
        return RET_NEXT;
    }
    if (seg_check_stack(cpu, ss, e->new_cpl, EXC_TS, &d) < 0) {
        cpu->exc_code |= e->ext;
        return RET_FAULT;
    }
    s->ss = desc_to_cache(ss, &d);
    s->rsp = rsp;
    s->mask = s->ss.flags & DESC_B ? 0xffffffffu : 0xffff;
    return RET_NEXT;
}

static int push_frame(X86CPU *cpu, const Entry *e, NewStack *s, bool switched)
{
    unsigned size = cpu_long(cpu) ? 8 : e->type & 8 ? 4 : 2;
    uint64_t rflags = cpu_x86_get_rflags(cpu);

    if (e->kind == INT_EXCEPTION && e->vector != EXC_DB && e->vector != EXC_BP && e->vector != EXC_OF) {
        rflags |= FLAG_RF;   /* faults resume past an instruction breakpoint */
    }
    if (cpu->eflags & FLAG_VM) {
        static const uint8_t order[4] = { R_GS, R_FS, R_DS, R_ES };

        for (unsigned i = 0; i < 4; i++) {
            if (new_stack_push(cpu, s, size, cpu->segs[order[i]].selector) < 0) {
                return RET_FAULT;
            }
        }
    }
    if (switched || cpu_long(cpu)) {
        if (new_stack_push(cpu, s, size, cpu->segs[R_SS].selector) < 0 ||
            new_stack_push(cpu, s, size, cpu->regs[R_ESP]) < 0) {
            return RET_FAULT;
        }
    }
    if (new_stack_push(cpu, s, size, rflags) < 0 ||
        new_stack_push(cpu, s, size, cpu->segs[R_CS].selector) < 0 || new_stack_push(cpu, s, size, e->rip) < 0) {
        return RET_FAULT;
    }
    return e->has_code ? new_stack_push(cpu, s, size, e->code) : RET_NEXT;
}

static void commit_entry(X86CPU *cpu, const Entry *e, const NewStack *s, bool switched)
{
    bool from_vm = cpu->eflags & FLAG_VM;

    cpu->eflags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
    if (!(e->type & 1)) {
        cpu->eflags &= ~FLAG_IF;   /* interrupt gates have even types */
    }
    if (from_vm) {
        cpu->segs[R_DS] = cpu->segs[R_ES] = cpu->segs[R_FS] = cpu->segs[R_GS] = (SegmentCache){ 0 };
    }
    if (switched) {
        cpu->segs[R_SS] = s->ss;
    }
    cpu->segs[R_CS] = desc_to_cache((e->selector & 0xfffc) | e->new_cpl, &e->cs);
    cpu->cpl = (uint8_t)e->new_cpl;
    cpu->regs[R_ESP] = s->mask == 0xffff ? (cpu->regs[R_ESP] & ~UINT64_C(0xffff)) | (s->rsp & 0xffff)
                                         : s->rsp & s->mask;
    if (s->mask == 0xffff && switched) {
        cpu->regs[R_ESP] = s->rsp & 0xffffffffu;
    }
    cpu->rip = e->target;
    cpu_update_mode(cpu);
}

static int deliver_to_task(X86CPU *cpu, const Entry *e)
{
    TaskSwitch s = {
        .why = TASK_INT, .selector = e->selector, .rip = e->rip, .ext = e->ext,
        .has_code = e->has_code, .code = e->code,
    };

    return task_enter(cpu, &s);
}

static int deliver_protected(X86CPU *cpu, Entry *e)
{
    NewStack s;
    bool switched;

    if (read_gate(cpu, e) < 0) {
        return RET_FAULT;
    }
    if (e->type == SYS_TASK) {
        return deliver_to_task(cpu, e);
    }
    if (read_gate_cs(cpu, e) < 0 || entry_stack(cpu, e, &s, &switched) < 0) {
        return RET_FAULT;
    }
    if (cpu_long(cpu) ? !is_canonical(e->target) : e->target > desc_to_cache(0, &e->cs).limit) {
        return cpu_raise_code(cpu, EXC_GP, e->ext);
    }
    if (push_frame(cpu, e, &s, switched) < 0) {
        return RET_FAULT;
    }
    if (desc_set_accessed(cpu, &e->cs) < 0) {
        return RET_FAULT;
    }
    commit_entry(cpu, e, &s, switched);
    return RET_NEXT;
}

int int_deliver(X86CPU *cpu, int vector, IntKind kind, bool has_code, uint32_t code, uint64_t rip)
{
    Entry e = {
        .vector = vector, .kind = kind, .has_code = has_code, .code = code, .rip = rip,
        .ext = kind == INT_SOFTWARE ? 0 : 1,
    };

    cpu->halted = false;
    if (!cpu_protected(cpu)) {
        return deliver_real(cpu, &e);
    }
    return deliver_protected(cpu, &e);
}

/* ---- Faults on the way ---- */

static bool is_contributory(int vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

bool exc_deliver(X86CPU *cpu)
{
    int vector = cpu->exc_vector;
    bool has_code = cpu->exc_has_code;
    uint32_t code = cpu->exc_code;

    assert(vector >= 0);
    for (;;) {
        int second;

        cpu->exc_vector = -1;
        if (int_deliver(cpu, vector, INT_EXCEPTION, has_code && cpu_protected(cpu), code, cpu->rip) >= 0) {
            return true;
        }
        second = cpu->exc_vector;
        if (vector == EXC_DF) {
            cpu->exc_vector = -1;
            return false;
        }
        if ((is_contributory(vector) && is_contributory(second)) ||
            (vector == EXC_PF && (is_contributory(second) || second == EXC_PF))) {
            vector = EXC_DF;
            has_code = true;
            code = 0;
        } else {
            vector = second;
            has_code = cpu->exc_has_code;
            code = cpu->exc_code;
        }
    }
}
