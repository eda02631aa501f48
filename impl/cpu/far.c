/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far jumps, calls, returns and iret, call gates and virtual-8086 mode included. Task switches are in task.c.
 *
 * Every path checks first and changes registers last (I1 of cpu.h).
 * Source: SDM volume 2, JMP, CALL, RET, IRET; volume 3, sections 5.8, 6.14 and 21.2.
 */
#include "cpu/flags.h"
#include "cpu/seg.h"

static bool target_fits(X86CPU *cpu, const Descriptor *cs, uint64_t target)
{
    SegmentCache s = desc_to_cache(0, cs);

    if (cpu_long(cpu) && (s.flags & DESC_L)) {
        return is_canonical(target);
    }
    return target <= s.limit;
}

static void commit_cs(X86CPU *cpu, uint32_t selector, unsigned cpl, const Descriptor *cs, uint64_t target)
{
    cpu->segs[R_CS] = desc_to_cache((selector & 0xfffc) | cpl, cs);
    cpu->cpl = (uint8_t)cpl;
    cpu->rip = target;
    cpu_update_mode(cpu);
}

/* Checks of a direct transfer to a code segment. */
static int check_code(X86CPU *cpu, uint32_t selector, const Descriptor *d)
{
    unsigned dpl = desc_dpl(d->hi), rpl = selector & 3;

    if (!desc_is_code(d->hi) || (d->hi & DESC_C ? dpl > cpu->cpl : rpl > cpu->cpl || dpl != cpu->cpl)) {
        return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
    }
    if (cpu_long(cpu) && (d->hi & (DESC_L | DESC_B)) == (DESC_L | DESC_B)) {
        return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
    }
    if (!(d->hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, selector & 0xfffc);
    }
    return RET_NEXT;
}

/* A call gate: where it leads. */
typedef struct Gate {
    uint32_t selector;
    uint64_t target;
    unsigned params;
    unsigned size;       /* of a slot on the stack */
    Descriptor cs;
} Gate;

static int read_call_gate(X86CPU *cpu, uint32_t selector, const Descriptor *d, Gate *g)
{
    unsigned type = desc_type(d->hi);
    Descriptor wide = *d;

    if ((d->hi & DESC_S) || !(type == SYS_CALL || (type == SYS_CALL16 && !cpu_long(cpu)))) {
        return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
    }
    if (desc_dpl(d->hi) < cpu->cpl || desc_dpl(d->hi) < (selector & 3)) {
        return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
    }
    if (!(d->hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, selector & 0xfffc);
    }
    if (cpu_long(cpu) && desc_read16(cpu, selector, EXC_GP, &wide) < 0) {
        return RET_FAULT;
    }
    g->selector = d->lo >> 16;
    g->target = (d->lo & 0xffff) | (type == SYS_CALL ? d->hi & 0xffff0000u : 0);
    g->target |= cpu_long(cpu) ? wide.upper << 32 : 0;
    g->params = cpu_long(cpu) ? 0 : d->hi & 31;
    g->size = cpu_long(cpu) ? 8 : type == SYS_CALL ? 4 : 2;
    if (!(g->selector & 0xfffc)) {
        return cpu_gp0(cpu);
    }
    if (desc_read(cpu, g->selector, EXC_GP, &g->cs) < 0) {
        return RET_FAULT;
    }
    if (!desc_is_code(g->cs.hi) || desc_dpl(g->cs.hi) > cpu->cpl ||
        (cpu_long(cpu) && (g->cs.hi & (DESC_L | DESC_B)) != DESC_L)) {
        return cpu_raise_code(cpu, EXC_GP, g->selector & 0xfffc);
    }
    if (!(g->cs.hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, g->selector & 0xfffc);
    }
    return target_fits(cpu, &g->cs, g->target) ? RET_NEXT : cpu_gp0(cpu);
}

static uint64_t operand_mask(unsigned size)
{
    return size_bits_mask(size);
}

/* ---- jmp ---- */

int far_jmp(X86CPU *cpu, uint32_t selector, uint64_t target, unsigned size, uint64_t next)
{
    Descriptor d;
    Gate g;

    target &= operand_mask(size);
    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        if (target > cpu->segs[R_CS].limit) {
            return cpu_gp0(cpu);
        }
        seg_load_real(cpu, R_CS, selector);
        cpu->rip = target;
        return RET_JUMP;
    }
    if (!(selector & 0xfffc)) {
        return cpu_gp0(cpu);
    }
    if (desc_read(cpu, selector, EXC_GP, &d) < 0) {
        return RET_FAULT;
    }
    if (desc_is_task(d.hi) && !cpu_long(cpu)) {
        return task_transfer(cpu, selector, &d, TASK_JUMP, next);
    }
    if (!(d.hi & DESC_S)) {
        if (read_call_gate(cpu, selector, &d, &g) < 0) {
            return RET_FAULT;
        }
        if (!(g.cs.hi & DESC_C) && desc_dpl(g.cs.hi) != cpu->cpl) {
            return cpu_raise_code(cpu, EXC_GP, g.selector & 0xfffc);
        }
        selector = g.selector;
        target = g.target;
        d = g.cs;
    } else if (check_code(cpu, selector, &d) < 0) {
        return RET_FAULT;
    }
    if (!target_fits(cpu, &d, target)) {
        return cpu_gp0(cpu);
    }
    if (desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    commit_cs(cpu, selector, cpu->cpl, &d, target);
    return RET_JUMP;
}

/* ---- call ---- */

static int push2(X86CPU *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t rsp = cpu->regs[R_ESP];

    if (cpu_push(cpu, size, a) < 0) {
        return RET_FAULT;
    }
    if (cpu_push(cpu, size, b) < 0) {
        cpu->regs[R_ESP] = rsp;
        return RET_FAULT;
    }
    return RET_NEXT;
}

static int call_inner(X86CPU *cpu, const Gate *g, uint64_t next)
{
    unsigned dpl = desc_dpl(g->cs.hi);
    NewStack s = { .flat = cpu_long(cpu), .mmu_idx = dpl == 3 };
    uint32_t ss;
    uint64_t rsp, old = cpu->regs[R_ESP];
    Descriptor d, cs = g->cs;

    if (tss_stack(cpu, dpl, 0, &ss, &rsp) < 0) {
        return RET_FAULT;
    }
    if (s.flat) {
        s.ss = (SegmentCache){ .selector = dpl };
        s.mask = UINT64_MAX;
    } else {
        if (seg_check_stack(cpu, ss, dpl, EXC_TS, &d) < 0) {
            return RET_FAULT;
        }
        s.ss = desc_to_cache(ss, &d);
        s.mask = s.ss.flags & DESC_B ? 0xffffffffu : 0xffff;
    }
    s.rsp = rsp;
    if (new_stack_push(cpu, &s, g->size, cpu->segs[R_SS].selector) < 0 ||
        new_stack_push(cpu, &s, g->size, old) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = g->params; i > 0; i--) {
        uint64_t v;

        if (cpu_ld(cpu, R_SS, (old + (i - 1) * g->size) & stack_mask(cpu), g->size, &v) < 0 ||
            new_stack_push(cpu, &s, g->size, v) < 0) {
            return RET_FAULT;
        }
    }
    if (new_stack_push(cpu, &s, g->size, cpu->segs[R_CS].selector) < 0 ||
        new_stack_push(cpu, &s, g->size, next) < 0 || desc_set_accessed(cpu, &cs) < 0) {
        return RET_FAULT;
    }
    cpu->segs[R_SS] = s.ss;
    cpu->regs[R_ESP] = s.rsp;
    commit_cs(cpu, g->selector, dpl, &cs, g->target);
    return RET_JUMP;
}

int far_call(X86CPU *cpu, uint32_t selector, uint64_t target, unsigned size, uint64_t next)
{
    Descriptor d;
    Gate g;

    target &= operand_mask(size);
    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        if (target > cpu->segs[R_CS].limit) {
            return cpu_gp0(cpu);
        }
        if (push2(cpu, size, cpu->segs[R_CS].selector, next) < 0) {
            return RET_FAULT;
        }
        seg_load_real(cpu, R_CS, selector);
        cpu->rip = target;
        return RET_JUMP;
    }
    if (!(selector & 0xfffc)) {
        return cpu_gp0(cpu);
    }
    if (desc_read(cpu, selector, EXC_GP, &d) < 0) {
        return RET_FAULT;
    }
    if (desc_is_task(d.hi) && !cpu_long(cpu)) {
        return task_transfer(cpu, selector, &d, TASK_CALL, next);
    }
    if (!(d.hi & DESC_S)) {
        if (read_call_gate(cpu, selector, &d, &g) < 0) {
            return RET_FAULT;
        }
        if (!(g.cs.hi & DESC_C) && desc_dpl(g.cs.hi) < cpu->cpl) {
            return call_inner(cpu, &g, next);
        }
        selector = g.selector;
        target = g.target;
        size = g.size;
        d = g.cs;
    } else if (check_code(cpu, selector, &d) < 0) {
        return RET_FAULT;
    }
    if (!target_fits(cpu, &d, target)) {
        return cpu_gp0(cpu);
    }
    if (push2(cpu, size, cpu->segs[R_CS].selector, next) < 0 || desc_set_accessed(cpu, &d) < 0) {
        return RET_FAULT;
    }
    commit_cs(cpu, selector, cpu->cpl, &d, target);
    return RET_JUMP;
}

/* ---- ret and iret ---- */

/* What was popped. */
typedef struct Frame {
    uint64_t rip, rsp, rflags;
    uint32_t cs, ss;
    Descriptor cs_desc, ss_desc;
    bool outer;          /* to a less privileged level, or any iretq: ss and rsp change */
    bool null_ss;
} Frame;

/* The return address is checked the same way for ret and iret. */
static int check_return_cs(X86CPU *cpu, Frame *f)
{
    unsigned rpl = f->cs & 3;
    Descriptor *d = &f->cs_desc;

    if (!(f->cs & 0xfffc)) {
        return cpu_gp0(cpu);
    }
    if (desc_read(cpu, f->cs, EXC_GP, d) < 0) {
        return RET_FAULT;
    }
    if (!desc_is_code(d->hi) || rpl < cpu->cpl ||
        (d->hi & DESC_C ? desc_dpl(d->hi) > rpl : desc_dpl(d->hi) != rpl) ||
        (cpu_long(cpu) && (d->hi & (DESC_L | DESC_B)) == (DESC_L | DESC_B))) {
        return cpu_raise_code(cpu, EXC_GP, f->cs & 0xfffc);
    }
    if (!(d->hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, f->cs & 0xfffc);
    }
    return RET_NEXT;
}

static int check_return_ss(X86CPU *cpu, Frame *f)
{
    unsigned rpl = f->cs & 3;

    f->null_ss = !(f->ss & 0xfffc);
    if (f->null_ss) {
        bool to64 = cpu_long(cpu) && (f->cs_desc.hi & DESC_L);

        return to64 && rpl != 3 && (f->ss & 3) == rpl ? RET_NEXT : cpu_gp0(cpu);
    }
    return seg_check_stack(cpu, f->ss, rpl, EXC_GP, &f->ss_desc);
}

/* Data segments that the outer level may not use become null. */
static void drop_segments(X86CPU *cpu)
{
    static const uint8_t data[4] = { R_ES, R_DS, R_FS, R_GS };

    for (unsigned i = 0; i < 4; i++) {
        SegmentCache *s = &cpu->segs[data[i]];
        bool conforming = (s->flags & (DESC_CS | DESC_C)) == (DESC_CS | DESC_C);

        if ((s->flags & DESC_P) && !conforming && desc_dpl(s->flags) < cpu->cpl) {
            *s = (SegmentCache){ 0 };
        }
    }
}

static int commit_return(X86CPU *cpu, Frame *f, unsigned pop_bytes)
{
    unsigned old_cpl = cpu->cpl;

    if (!target_fits(cpu, &f->cs_desc, f->rip)) {
        return cpu_gp0(cpu);
    }
    if (desc_set_accessed(cpu, &f->cs_desc) < 0 ||
        (f->outer && !f->null_ss && desc_set_accessed(cpu, &f->ss_desc) < 0)) {
        return RET_FAULT;
    }
    if (f->outer) {
        cpu->segs[R_SS] = f->null_ss ? (SegmentCache){ .selector = f->ss } : desc_to_cache(f->ss, &f->ss_desc);
    }
    commit_cs(cpu, f->cs, f->cs & 3, &f->cs_desc, f->rip);
    if (f->outer) {
        set_rsp(cpu, f->rsp + pop_bytes);
    }
    if (cpu->cpl > old_cpl) {
        drop_segments(cpu);
        cpu_update_mode(cpu);
    }
    return RET_JUMP;
}

int far_ret(X86CPU *cpu, unsigned size, unsigned pop_bytes)
{
    uint64_t start = cpu->regs[R_ESP];
    uint64_t cs, ss;
    Frame f = { 0 };
    int r = RET_FAULT;

    if (cpu_pop(cpu, size, &f.rip) < 0 || cpu_pop(cpu, size, &cs) < 0) {
        goto out;
    }
    f.cs = cs & 0xffff;
    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        if (f.rip > cpu->segs[R_CS].limit) {
            r = cpu_gp0(cpu);
            goto out;
        }
        set_rsp(cpu, cpu->regs[R_ESP] + pop_bytes);
        seg_load_real(cpu, R_CS, f.cs);
        cpu->rip = f.rip;
        return RET_JUMP;
    }
    if (check_return_cs(cpu, &f) < 0) {
        goto out;
    }
    set_rsp(cpu, cpu->regs[R_ESP] + pop_bytes);
    f.outer = (f.cs & 3) > cpu->cpl;
    if (f.outer) {
        if (cpu_pop(cpu, size, &f.rsp) < 0 || cpu_pop(cpu, size, &ss) < 0) {
            goto out;
        }
        f.ss = ss & 0xffff;
        if (check_return_ss(cpu, &f) < 0) {
            goto out;
        }
    }
    r = commit_return(cpu, &f, pop_bytes);
out:
    if (r < 0) {
        cpu->regs[R_ESP] = start;
    }
    return r;
}

static void iret_flags(X86CPU *cpu, uint64_t rflags, unsigned old_cpl, unsigned size)
{
    uint32_t change = FLAG_TF | FLAG_DF | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_ID;

    change |= old_cpl == 0 ? FLAG_IOPL | FLAG_VIF | FLAG_VIP : 0;
    change |= old_cpl <= cpu_iopl(cpu) ? FLAG_IF : 0;
    if (size == 2) {
        change &= 0xffff;
    }
    cc_set_flags(cpu, (uint32_t)rflags);
    cpu->eflags = (cpu->eflags & ~change) | ((uint32_t)rflags & change);
    cpu_update_mmu_idx(cpu);
}

static int iret_real(X86CPU *cpu, unsigned size, uint64_t start)
{
    uint64_t rip, cs, rflags;
    bool vm = cpu->eflags & FLAG_VM;

    if (vm && cpu_iopl(cpu) < 3) {
        return cpu_gp0(cpu);
    }
    if (cpu_pop(cpu, size, &rip) < 0 || cpu_pop(cpu, size, &cs) < 0 || cpu_pop(cpu, size, &rflags) < 0) {
        cpu->regs[R_ESP] = start;
        return RET_FAULT;
    }
    if (rip > cpu->segs[R_CS].limit) {
        cpu->regs[R_ESP] = start;
        return cpu_gp0(cpu);
    }
    cpu->nmi_masked = false;
    seg_load_real(cpu, R_CS, cs & 0xffff);
    cpu->rip = rip;
    iret_flags(cpu, rflags, vm ? 3 : 0, size);
    return RET_JUMP;
}

/* The frame goes on with esp, ss, es, ds, fs and gs, which virtual-8086 mode takes as they are. */
static int iret_to_vm86(X86CPU *cpu, const Frame *f)
{
    static const uint8_t order[5] = { R_SS, R_ES, R_DS, R_FS, R_GS };
    uint64_t esp, sel[5];

    if (f->rip > 0xffff) {
        return cpu_gp0(cpu);
    }
    if (cpu_pop(cpu, 4, &esp) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 5; i++) {
        if (cpu_pop(cpu, 4, &sel[i]) < 0) {
            return RET_FAULT;
        }
    }
    cpu->eflags |= FLAG_VM;
    iret_flags(cpu, f->rflags, 0, 4);
    for (unsigned i = 0; i < 5; i++) {
        seg_load_real(cpu, order[i], (uint32_t)sel[i]);
    }
    seg_load_real(cpu, R_CS, f->cs);
    cpu->regs[R_ESP] = (uint32_t)esp;
    cpu->rip = f->rip;
    return RET_JUMP;
}

int far_iret(X86CPU *cpu, unsigned size, uint64_t next)
{
    uint64_t start = cpu->regs[R_ESP];
    unsigned old_cpl = cpu->cpl;
    uint64_t cs, ss = 0;
    Frame f = { 0 };
    int r = RET_FAULT;

    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        return iret_real(cpu, size, start);
    }
    cpu->nmi_masked = false;
    if (cpu->eflags & FLAG_NT) {
        return cpu_long(cpu) ? cpu_gp0(cpu) : task_return(cpu, next);
    }
    if (cpu_pop(cpu, size, &f.rip) < 0 || cpu_pop(cpu, size, &cs) < 0 || cpu_pop(cpu, size, &f.rflags) < 0) {
        goto out;
    }
    f.cs = cs & 0xffff;
    if (size == 4 && (f.rflags & FLAG_VM) && cpu->cpl == 0 && !cpu_long(cpu)) {
        r = iret_to_vm86(cpu, &f);
        goto out;
    }
    if (check_return_cs(cpu, &f) < 0) {
        goto out;
    }
    f.outer = cpu_code64(cpu) || (f.cs & 3) > cpu->cpl;
    if (f.outer) {
        if (cpu_pop(cpu, size, &f.rsp) < 0 || cpu_pop(cpu, size, &ss) < 0) {
            goto out;
        }
        f.ss = ss & 0xffff;
        if (check_return_ss(cpu, &f) < 0) {
            goto out;
        }
    }
    r = commit_return(cpu, &f, 0);
    if (r >= 0) {
        iret_flags(cpu, f.rflags, old_cpl, size);
    }
out:
    if (r < 0) {
        cpu->regs[R_ESP] = start;
    }
    return r;
}
