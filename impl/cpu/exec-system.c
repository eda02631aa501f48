/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: control and debug registers, descriptor tables, segments, ports.
 * Source: SDM volume 2; volume 3, chapters 2, 5 and 9 for mode changes.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"
#include "cpu/seg.h"

#include "aio/bql.h"

int op_ud(X86CPU *cpu, const Insn *in)
{
    return cpu_raise(cpu, EXC_UD);
}

/* More than 15 bytes. */
int op_too_long(X86CPU *cpu, const Insn *in)
{
    return cpu_gp0(cpu);
}

static int need_cpl0(X86CPU *cpu)
{
    return cpu->cpl == 0 ? RET_NEXT : cpu_gp0(cpu);
}

int op_hlt(X86CPU *cpu, const Insn *in)
{
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->halted = true;
    return RET_LEAVE;
}

int op_pause(X86CPU *cpu, const Insn *in)
{
    return RET_NEXT;
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

/* ---- Control registers ---- */

static int write_cr0(X86CPU *cpu, uint64_t v)
{
    uint64_t old = cpu->cr0;

    if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD))) {
        return cpu_gp0(cpu);
    }
    v |= CR0_ET;
    if ((v & CR0_PG) && !(old & CR0_PG)) {
        if (cpu->efer & EFER_LME) {
            if (!(cpu->cr4 & CR4_PAE) || (cpu->segs[R_CS].flags & DESC_L)) {
                return cpu_gp0(cpu);
            }
            cpu->efer |= EFER_LMA;
        } else if ((cpu->cr4 & CR4_PAE) && !cpu_load_pdptes(cpu, cpu->cr3)) {
            return cpu_gp0(cpu);
        }
    } else if (!(v & CR0_PG) && (old & CR0_PG)) {
        if (cpu_code64(cpu)) {
            return cpu_gp0(cpu);
        }
        if (cpu->cr4 & CR4_PCIDE) {
            return cpu_gp0(cpu);
        }
        cpu->efer &= ~(uint64_t)EFER_LMA;
    }
    cpu->cr0 = v;
    if ((v ^ old) & CR0_PE) {
        cpu->cpl = 0;
    }
    cpu_update_mode(cpu);
    cpu_x86_tlb_flush(cpu);
    return RET_LEAVE;
}

/* Bits of features that are not there are reserved; 5-level paging is one of them. */
static uint64_t cr4_known(const X86CPU *cpu)
{
    const uint32_t *f = cpu->model.features;
    uint64_t known = CR4_VME | 2 | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | 0x100 | CR4_OSFXSR |
                     CR4_OSXMMEXCPT;

    known |= f[FEAT_7_0_EBX] & CPUID_7_0_EBX_FSGSBASE ? CR4_FSGSBASE : 0;
    known |= f[FEAT_7_0_EBX] & CPUID_7_0_EBX_SMEP ? CR4_SMEP : 0;
    known |= f[FEAT_7_0_EBX] & CPUID_7_0_EBX_SMAP ? CR4_SMAP : 0;
    known |= f[FEAT_7_0_ECX] & CPUID_7_0_ECX_UMIP ? CR4_UMIP : 0;
    known |= f[FEAT_1_ECX] & CPUID_EXT_PCID ? CR4_PCIDE : 0;
    return known;
}

static int write_cr4(X86CPU *cpu, uint64_t v)
{
    uint64_t old = cpu->cr4;

    if (v & ~cr4_known(cpu) || (cpu_long(cpu) && !(v & CR4_PAE))) {
        return cpu_gp0(cpu);
    }
    if ((v & CR4_PCIDE) && !(old & CR4_PCIDE) && (!cpu_long(cpu) || (cpu->cr3 & 0xfff))) {
        return cpu_gp0(cpu);
    }
    if ((v & CR4_PAE) && (cpu->cr0 & CR0_PG) && !cpu_long(cpu) && ((v ^ old) & (CR4_PAE | CR4_PSE | CR4_PGE)) &&
        !cpu_load_pdptes(cpu, cpu->cr3)) {
        return cpu_gp0(cpu);
    }
    cpu->cr4 = v;
    cpu_update_mode(cpu);
    cpu_x86_tlb_flush(cpu);
    return RET_LEAVE;
}

static int write_cr3(X86CPU *cpu, uint64_t v)
{
    if (cpu_long(cpu)) {
        /* Bit 63 asks to keep what is cached for the new context, which nobody has to do. */
        v &= cpu->cr4 & CR4_PCIDE ? ~(UINT64_C(1) << 63) : UINT64_MAX;
        if (v >> 40) {
            return cpu_gp0(cpu);
        }
    } else {
        v = (uint32_t)v;
        if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !cpu_load_pdptes(cpu, v)) {
            return cpu_gp0(cpu);
        }
    }
    cpu->cr3 = v;
    mmu_flush_nonglobal(cpu);
    return RET_LEAVE;
}

/* CR8 is a window on the APIC's task priority. @set: NULL to read. */
static uint64_t apic_tpr(X86CPU *cpu, const uint64_t *set)
{
    bool take_bql = !bql_locked();
    uint64_t tpr;

    if (take_bql) {
        bql_lock();
    }
    if (set) {
        cpu->apic->set_tpr(cpu->apic_opaque, (uint8_t)*set);
    }
    tpr = cpu->apic->get_tpr(cpu->apic_opaque);
    if (take_bql) {
        bql_unlock();
    }
    return tpr;
}

/* aux is the number of the control register, the general register is in rd. */
int op_mov_from_cr(X86CPU *cpu, const Insn *in)
{
    const uint64_t *cr[9] = {
        [0] = &cpu->cr0, [2] = &cpu->cr2, [3] = &cpu->cr3, [4] = &cpu->cr4, [8] = &cpu->cr8,
    };

    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    if (in->aux > 8 || !cr[in->aux]) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (in->aux == 8 && !cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    if (in->aux == 8 && cpu->apic) {
        cpu->cr8 = apic_tpr(cpu, NULL);
    }
    reg_wr(cpu, in->rd, cpu_code64(cpu) ? 8 : 4, *cr[in->aux]);
    return RET_NEXT;
}

int op_mov_to_cr(X86CPU *cpu, const Insn *in)
{
    uint64_t v = reg_rd(cpu, in->rd, cpu_code64(cpu) ? 8 : 4);

    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    switch (in->aux) {
    case 0:
        return write_cr0(cpu, v);
    case 2:
        cpu->cr2 = v;
        return RET_NEXT;
    case 3:
        return write_cr3(cpu, v);
    case 4:
        return write_cr4(cpu, v);
    case 8:
        if (v & ~UINT64_C(15)) {
            return cpu_gp0(cpu);
        }
        if (!cpu_io_begin(cpu)) {
            return RET_FAULT;
        }
        cpu->cr8 = v;
        if (cpu->apic) {
            (void)apic_tpr(cpu, &v);
        }
        return RET_LEAVE;
    default:
        return cpu_raise(cpu, EXC_UD);
    }
}

#define DR6_BD (1u << 13)
#define DR7_GD (1u << 13)

static int debug_reg(X86CPU *cpu, const Insn *in, unsigned *n)
{
    *n = in->aux;
    if (*n > 7 || ((*n == 4 || *n == 5) && (cpu->cr4 & CR4_DE))) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (*n == 4 || *n == 5) {
        *n += 2;   /* aliases of old */
    }
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
        cpu->dr[6] |= DR6_BD;
        return cpu_raise(cpu, EXC_DB);
    }
    return RET_NEXT;
}

int op_mov_from_dr(X86CPU *cpu, const Insn *in)
{
    unsigned n;

    if (debug_reg(cpu, in, &n) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, cpu_code64(cpu) ? 8 : 4, cpu->dr[n]);
    return RET_NEXT;
}

int op_mov_to_dr(X86CPU *cpu, const Insn *in)
{
    uint64_t v;
    unsigned n;

    if (debug_reg(cpu, in, &n) < 0) {
        return RET_FAULT;
    }
    v = reg_rd(cpu, in->rd, cpu_code64(cpu) ? 8 : 4);
    if (n >= 6 && v >> 32) {
        return cpu_gp0(cpu);
    }
    cpu->dr[n] = n == 6 ? (v & ~UINT64_C(0x1000)) | 0xffff0ff0 : n == 7 ? (v & 0xffff2fff) | 0x400 : v;
    debug_changed(cpu);
    return RET_LEAVE;
}

int op_lmsw(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (need_cpl0(cpu) < 0 || insn_load_rm(cpu, in, 2, &v) < 0) {
        return RET_FAULT;
    }
    v = (v & 0xf) | (cpu->cr0 & CR0_PE);   /* it cannot clear PE */
    return write_cr0(cpu, (cpu->cr0 & ~UINT64_C(0xf)) | v);
}

/* What user code may not see under UMIP. */
static int umip_check(X86CPU *cpu)
{
    return (cpu->cr4 & CR4_UMIP) && cpu->cpl != 0 ? cpu_gp0(cpu) : RET_NEXT;
}

int op_smsw(X86CPU *cpu, const Insn *in)
{
    if (umip_check(cpu) < 0) {
        return RET_FAULT;
    }
    return insn_store_rm(cpu, in, in->flags & IF_MEM ? 2 : in->size, cpu->cr0 & size_bits_mask(in->size));
}

int op_clts(X86CPU *cpu, const Insn *in)
{
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->cr0 &= ~(uint64_t)CR0_TS;
    return RET_LEAVE;
}

int op_invlpg(X86CPU *cpu, const Insn *in)
{
    if (need_cpl0(cpu) < 0) {
        return RET_FAULT;
    }
    mmu_flush_page(cpu, (insn_ea(cpu, in) + cpu->seg_base[in->seg]) & cpu->lin_mask);
    return RET_LEAVE;
}

/* Whatever is asked for, everything may go but what a single address keeps. */
int op_invpcid(X86CPU *cpu, const Insn *in)
{
    uint64_t ea = insn_ea(cpu, in), pcid, addr;
    uint64_t type = reg_rd(cpu, in->rd, cpu_code64(cpu) ? 8 : 4);

    if (!(cpu->model.features[FEAT_7_0_EBX] & CPUID_7_0_EBX_INVPCID)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (need_cpl0(cpu) < 0 || cpu_ld64(cpu, in->seg, ea, &pcid) < 0 || cpu_ld64(cpu, in->seg, ea + 8, &addr) < 0) {
        return RET_FAULT;
    }
    if (type > 3 || pcid >> 12 || (type < 2 && pcid && !(cpu->cr4 & CR4_PCIDE)) || (type == 0 && !is_canonical(addr))) {
        return cpu_gp0(cpu);
    }
    if (type == 0) {
        mmu_flush_page(cpu, addr);
    } else if (type == 2) {
        cpu_x86_tlb_flush(cpu);
    } else {
        mmu_flush_nonglobal(cpu);
    }
    return RET_LEAVE;
}

/* aux 1: stac, 0: clac. */
int op_clac(X86CPU *cpu, const Insn *in)
{
    if (!(cpu->model.features[FEAT_7_0_EBX] & CPUID_7_0_EBX_SMAP) || cpu->cpl != 0 || !cpu_protected(cpu)) {
        return cpu_raise(cpu, EXC_UD);
    }
    cpu->eflags = in->aux ? cpu->eflags | FLAG_AC : cpu->eflags & ~FLAG_AC;
    cpu_update_mmu_idx(cpu);
    return RET_NEXT;
}

/* Other processors see what was stored before it. */
int op_mfence(X86CPU *cpu, const Insn *in)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return RET_NEXT;
}

int op_wbinvd(X86CPU *cpu, const Insn *in)
{
    return need_cpl0(cpu);
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
