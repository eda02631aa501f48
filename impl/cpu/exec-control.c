/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and debug registers, and what flushes the TLB.
 * Source: SDM volume 2; volume 3, chapters 2, 4, 9 (mode changes) and 17 (debug registers).
 */
#include "cpu/ops.h"

#include "aio/bql.h"

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

/* Bits of features that are not there are reserved; 5-level paging and virtual-8086 extensions are such. */
static uint64_t cr4_known(const X86CPU *cpu)
{
    const uint32_t *f = cpu->model.features;
    uint64_t known = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | 0x100 | CR4_OSFXSR |
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
