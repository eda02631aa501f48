/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: interrupts on and off, descriptor tables, segments, ports.
 * Source: SDM volume 2; volume 3, chapters 2, 5 and 9 for mode changes.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"
#include "cpu/seg.h"

int op_ud(X86CPU *cpu, const Insn *in)
{
    return cpu_raise(cpu, EXC_UD);
}

/* More than 15 bytes. */
int op_too_long(X86CPU *cpu, const Insn *in)
{
    return cpu_gp0(cpu);
}

int op_hlt(X86CPU *cpu, const Insn *in)
{
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->halted = true;
    return RET_LEAVE;
}

/*
 * A loop that waits for another processor. If slices always had the same length, one that lets go of a lock for a
 * moment in each turn could always be stopped at the same place and never be seen to do so.
 */
int op_pause(X86CPU *cpu, const Insn *in)
{
    if (cpu->n_cpus > 1) {
        cpu_x86_interrupt(cpu, CPU_INTERRUPT_YIELD);
    }
    return RET_LEAVE;
}

int op_cli(X86CPU *cpu, const Insn *in)
{
    if (cpu_protected(cpu) && cpu->cpl > cpu_iopl(cpu)) {
        return cpu_gp0(cpu);
    }
    cpu->eflags &= ~FLAG_IF;
    return RET_NEXT;
}

int op_sti(X86CPU *cpu, const Insn *in)
{
    if (cpu_protected(cpu) && cpu->cpl > cpu_iopl(cpu)) {
        return cpu_gp0(cpu);
    }
    cpu->inhibit_irq |= !(cpu->eflags & FLAG_IF);
    cpu->eflags |= FLAG_IF;
    return RET_LEAVE;
}

/* ---- Descriptor tables: aux 0 is the GDT, 1 the IDT ---- */

int op_lgdt(X86CPU *cpu, const Insn *in)
{
    SegmentCache *t = in->aux ? &cpu->idt : &cpu->gdt;
    unsigned base_size = cpu_code64(cpu) ? 8 : 4;
    uint64_t ea = insn_ea(cpu, in), limit, base;

    if (need_cpl0(cpu) < 0 || cpu_ld(cpu, in->seg, ea, 2, &limit) < 0 ||
        cpu_ld(cpu, in->seg, ea + 2, base_size, &base) < 0) {
        return RET_FAULT;
    }
    if (cpu_code64(cpu) && !is_canonical(base)) {
        return cpu_gp0(cpu);
    }
    t->limit = (uint32_t)limit;
    t->base = in->size == 2 ? base & 0xffffff : base;
    return RET_LEAVE;
}

int op_sgdt(X86CPU *cpu, const Insn *in)
{
    const SegmentCache *t = in->aux ? &cpu->idt : &cpu->gdt;
    unsigned base_size = cpu_code64(cpu) ? 8 : 4;
    uint64_t ea = insn_ea(cpu, in);

    if (umip_check(cpu) < 0 || cpu_st(cpu, in->seg, ea, 2, t->limit) < 0) {
        return RET_FAULT;
    }
    return cpu_st(cpu, in->seg, ea + 2, base_size, t->base);
}

static int load_system_segment(X86CPU *cpu, uint32_t selector, bool tss, SegmentCache *ret)
{
    Descriptor d;
    unsigned type;

    if (desc_read(cpu, selector, EXC_GP, &d) < 0) {
        return RET_FAULT;
    }
    type = desc_type(d.hi);
    if ((selector & 4) || (d.hi & DESC_S) ||
        (tss ? type != SYS_TSS && (type != SYS_TSS16 || cpu_long(cpu)) : type != SYS_LDT)) {
        return cpu_raise_code(cpu, EXC_GP, selector & 0xfffc);
    }
    if (!(d.hi & DESC_P)) {
        return cpu_raise_code(cpu, EXC_NP, selector & 0xfffc);
    }
    if (cpu_long(cpu) && desc_read16(cpu, selector, EXC_GP, &d) < 0) {
        return RET_FAULT;
    }
    if (tss) {
        d.hi |= 2u << DESC_TYPE_SHIFT;   /* busy */
        if (cpu_st_sys(cpu, d.addr + 4, 4, d.hi) < 0) {
            return RET_FAULT;
        }
    }
    *ret = desc_to_cache(selector, &d);
    if (cpu_long(cpu)) {
        ret->base |= d.upper << 32;
    }
    return RET_LEAVE;
}

static int load_selector(X86CPU *cpu, const Insn *in, uint64_t *sel)
{
    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        return cpu_raise(cpu, EXC_UD);
    }
    return insn_load_rm(cpu, in, 2, sel);
}

int op_lldt(X86CPU *cpu, const Insn *in)
{
    uint64_t sel;

    if (load_selector(cpu, in, &sel) < 0 || need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    if (!(sel & 0xfffc)) {
        cpu->ldt = (SegmentCache){ .selector = (uint32_t)sel };
        return RET_LEAVE;
    }
    return load_system_segment(cpu, (uint32_t)sel, false, &cpu->ldt);
}

int op_ltr(X86CPU *cpu, const Insn *in)
{
    uint64_t sel;

    if (load_selector(cpu, in, &sel) < 0 || need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    if (!(sel & 0xfffc)) {
        return cpu_gp0(cpu);
    }
    return load_system_segment(cpu, (uint32_t)sel, true, &cpu->tr);
}

static int store_selector(X86CPU *cpu, const Insn *in, uint32_t sel)
{
    if (!cpu_protected(cpu) || (cpu->eflags & FLAG_VM)) {
        return cpu_raise(cpu, EXC_UD);
    }
    return insn_store_rm(cpu, in, in->flags & IF_MEM ? 2 : in->size, sel);
}

int op_sldt(X86CPU *cpu, const Insn *in)
{
    return umip_check(cpu) < 0 ? RET_FAULT : store_selector(cpu, in, cpu->ldt.selector);
}

int op_str(X86CPU *cpu, const Insn *in)
{
    return umip_check(cpu) < 0 ? RET_FAULT : store_selector(cpu, in, cpu->tr.selector);
}

/* ---- Segment registers: aux is the segment ---- */

int op_mov_from_seg(X86CPU *cpu, const Insn *in)
{
    return insn_store_rm(cpu, in, in->flags & IF_MEM ? 2 : in->size, cpu->segs[in->aux].selector);
}

int op_mov_to_seg(X86CPU *cpu, const Insn *in)
{
    uint64_t sel;

    if (in->aux == R_CS) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (insn_load_rm(cpu, in, 2, &sel) < 0 || seg_load(cpu, in->aux, (uint32_t)sel) < 0) {
        return RET_FAULT;
    }
    cpu->inhibit_irq |= in->aux == R_SS;
    return RET_LEAVE;
}

/* A descriptor that lar, lsl, verr and verw may look at; false clears ZF. */
static bool visible_descriptor(X86CPU *cpu, uint32_t sel, Descriptor *d)
{
    bool conforming;

    if (!(sel & 0xfffc) || desc_read(cpu, sel, EXC_GP, d) < 0) {
        cpu->exc_vector = -1;
        return false;
    }
    conforming = desc_is_code(d->hi) && (d->hi & DESC_C);
    return conforming || (desc_dpl(d->hi) >= cpu->cpl && desc_dpl(d->hi) >= (sel & 3));
}

static void set_zf(X86CPU *cpu, bool zf)
{
    cc_set_flags(cpu, (cc_compute(cpu) & ~FLAG_ZF) | (zf ? FLAG_ZF : 0));
}

/* lar and, with aux 1, lsl: the destination register is rs. */
int op_lar(X86CPU *cpu, const Insn *in)
{
    /* Types of system descriptors that each of the two accepts, as bits. */
    const uint32_t lar_types = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 11 | 1u << 12;
    const uint32_t lsl_types = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11;
    const uint32_t long_types = 1u << 2 | 1u << 9 | 1u << 11 | 1u << 12;
    uint32_t types = in->aux ? lsl_types : lar_types;
    uint64_t sel;
    Descriptor d;
    bool ok;

    if (load_selector(cpu, in, &sel) < 0) {
        return RET_FAULT;
    }
    types &= cpu_long(cpu) ? long_types : UINT32_MAX;
    ok = visible_descriptor(cpu, (uint32_t)sel, &d) && ((d.hi & DESC_S) || (types >> desc_type(d.hi) & 1));
    if (ok) {
        reg_wr(cpu, in->rs, in->size, in->aux ? desc_to_cache(0, &d).limit : d.hi & 0x00f0ff00);
    }
    set_zf(cpu, ok);
    return RET_NEXT;
}

/* verr and, with aux 1, verw. */
int op_verr(X86CPU *cpu, const Insn *in)
{
    uint64_t sel;
    Descriptor d;
    bool ok;

    if (load_selector(cpu, in, &sel) < 0) {
        return RET_FAULT;
    }
    ok = visible_descriptor(cpu, (uint32_t)sel, &d) && (d.hi & DESC_S);
    if (ok && in->aux) {
        ok = desc_is_writable_data(d.hi);
    } else if (ok) {
        ok = !desc_is_code(d.hi) || (d.hi & DESC_R);
    }
    set_zf(cpu, ok);
    return RET_NEXT;
}

int op_arpl(X86CPU *cpu, const Insn *in)
{
    uint64_t sel, rpl = reg_rd(cpu, in->rs, 2) & 3;
    int r = RET_NEXT;

    if (load_selector(cpu, in, &sel) < 0) {
        return RET_FAULT;
    }
    if ((sel & 3) < rpl) {
        r = insn_store_rm(cpu, in, 2, (sel & ~UINT64_C(3)) | rpl);
        if (r < 0) {
            return r;
        }
        set_zf(cpu, true);
    } else {
        set_zf(cpu, false);
    }
    return r;
}

int op_swapgs(X86CPU *cpu, const Insn *in)
{
    uint64_t base = cpu->segs[R_GS].base;

    if (!cpu_code64(cpu)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->segs[R_GS].base = cpu->kernelgsbase;
    cpu->kernelgsbase = base;
    cpu_update_mode(cpu);
    return RET_NEXT;
}

/* rdfsbase, wrfsbase and the same for gs: aux is the segment, imm says write. */
int op_fsgsbase(X86CPU *cpu, const Insn *in)
{
    if (!cpu_code64(cpu) || !(cpu->cr4 & CR4_FSGSBASE)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (!in->imm) {
        reg_wr(cpu, in->rd, in->size, cpu->segs[in->aux].base);
        return RET_NEXT;
    }
    if (!is_canonical(reg_rd(cpu, in->rd, in->size))) {
        return cpu_gp0(cpu);
    }
    cpu->segs[in->aux].base = reg_rd(cpu, in->rd, in->size);
    cpu_update_mode(cpu);
    return RET_NEXT;
}

/* ---- Ports ---- */

int cpu_io_allowed(X86CPU *cpu, uint32_t port, unsigned size)
{
    uint64_t map, bits;

    if (!cpu_protected(cpu) || (cpu->cpl <= cpu_iopl(cpu) && !(cpu->eflags & FLAG_VM))) {
        return RET_NEXT;
    }
    if (!(cpu->tr.flags & DESC_P) || !(desc_type(cpu->tr.flags) & 8) || cpu->tr.limit < 103) {
        return cpu_gp0(cpu);
    }
    if (cpu_ld_sys(cpu, cpu->tr.base + 102, 2, &map) < 0) {
        return RET_FAULT;
    }
    if (map + port / 8 + 1 > cpu->tr.limit) {
        return cpu_gp0(cpu);
    }
    if (cpu_ld_sys(cpu, cpu->tr.base + map + port / 8, 2, &bits) < 0) {
        return RET_FAULT;
    }
    return (bits >> (port & 7)) & ((1u << size) - 1) ? cpu_gp0(cpu) : RET_NEXT;
}

/* The port is imm, or dx when rs is given. */
static uint32_t port_number(const X86CPU *cpu, const Insn *in)
{
    return (in->rs != REG_OFF_NONE ? (uint32_t)cpu->regs[R_EDX] : (uint32_t)in->imm) & 0xffff;
}

int op_in(X86CPU *cpu, const Insn *in)
{
    uint32_t port = port_number(cpu, in);

    if (cpu_io_allowed(cpu, port, in->size) < 0) {
        return RET_FAULT;
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    debug_io(cpu, port, in->size);
    reg_wr(cpu, R_EAX * 8, in->size,
           address_space_ld(cpu->io, port, in->size, MEMTXATTRS_UNSPECIFIED, NULL));
    return RET_LEAVE;
}

int op_out(X86CPU *cpu, const Insn *in)
{
    uint32_t port = port_number(cpu, in);

    if (cpu_io_allowed(cpu, port, in->size) < 0) {
        return RET_FAULT;
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    debug_io(cpu, port, in->size);
    address_space_st(cpu->io, port, reg_rd(cpu, R_EAX * 8, in->size), in->size, MEMTXATTRS_UNSPECIFIED, NULL);
    return RET_LEAVE;
}
