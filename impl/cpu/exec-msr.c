/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers and the time stamp counter.
 *
 * A register nobody knows raises #GP(0), except for a few that firmware
 * writes without asking.
 * Source: SDM volume 4; AMD APM volume 2, appendix A.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

#include "aio/bql.h"
#include "sched/sched.h"

enum {
    MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_BIOS_SIGN_ID = 0x8b, MSR_MTRR_CAP = 0xfe, MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175, MSR_SYSENTER_EIP = 0x176, MSR_MISC_ENABLE = 0x1a0, MSR_MTRR_PHYS0 = 0x200,
    MSR_MTRR_FIX64K = 0x250, MSR_MTRR_FIX16K_0 = 0x258, MSR_MTRR_FIX16K_1 = 0x259, MSR_MTRR_FIX4K_0 = 0x268,
    MSR_MCG_CAP = 0x179, MSR_MCG_STATUS = 0x17a, MSR_MCG_CTL = 0x17b, MSR_DEBUGCTL = 0x1d9, MSR_MC0_CTL = 0x400,
    MSR_PAT = 0x277, MSR_MTRR_DEF_TYPE = 0x2ff, MSR_TSC_DEADLINE = 0x6e0,
};
enum { MTRR_VAR_COUNT = 8 };
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

static const uint32_t amd_msrs[AMD_MSR__COUNT] = {
    [AMD_SYSCFG] = 0xc0010010u, [AMD_HWCR] = 0xc0010015u, [AMD_TOP_MEM] = 0xc001001au, [AMD_TOP_MEM2] = 0xc001001du,
    [AMD_NB_CFG] = 0xc001001fu, [AMD_INT_PENDING] = 0xc0010055u,
};

static uint64_t read_tsc(X86CPU *cpu)
{
    return cpu->read_tsc(cpu->tsc_opaque) + (uint64_t)cpu->tsc_offset;
}

/* Registers that are nothing but storage. NULL: not one of them. */
static uint64_t *plain_msr(X86CPU *cpu, uint32_t n)
{
    if (n >= MSR_MTRR_PHYS0 && n < MSR_MTRR_PHYS0 + 2 * MTRR_VAR_COUNT) {
        return &cpu->mtrr_var[n - MSR_MTRR_PHYS0];
    }
    if (n >= MSR_MTRR_FIX4K_0 && n < MSR_MTRR_FIX4K_0 + 8) {
        return &cpu->mtrr_fixed[3 + n - MSR_MTRR_FIX4K_0];
    }
    for (unsigned i = 0; i < AMD_MSR__COUNT; i++) {
        if (n == amd_msrs[i]) {
            return &cpu->amd_msr[i];
        }
    }
    if (n >= MSR_MC0_CTL && n < MSR_MC0_CTL + 4 * MCE_BANKS) {
        return &cpu->mce_banks[n - MSR_MC0_CTL];
    }
    switch (n) {
    case MSR_MCG_STATUS:
        return &cpu->mcg_status;
    case MSR_MCG_CTL:
        return &cpu->mcg_ctl;
    case MSR_DEBUGCTL:
        return &cpu->debugctl;
    case MSR_SYSENTER_CS:
        return &cpu->sysenter_cs;
    case MSR_SYSENTER_ESP:
        return &cpu->sysenter_esp;
    case MSR_SYSENTER_EIP:
        return &cpu->sysenter_eip;
    case MSR_MISC_ENABLE:
        return &cpu->misc_enable;
    case MSR_MTRR_DEF_TYPE:
        return &cpu->mtrr_def_type;
    case MSR_MTRR_FIX64K:
        return &cpu->mtrr_fixed[0];
    case MSR_MTRR_FIX16K_0:
    case MSR_MTRR_FIX16K_1:
        return &cpu->mtrr_fixed[1 + n - MSR_MTRR_FIX16K_0];
    case MSR_STAR:
        return &cpu->star;
    case MSR_FMASK:
        return &cpu->fmask;
    case MSR_TSC_AUX:
        return &cpu->tsc_aux;
    default:
        return NULL;
    }
}

/* Registers that hold a canonical address. */
static uint64_t *address_msr(X86CPU *cpu, uint32_t n)
{
    switch (n) {
    case MSR_LSTAR:
        return &cpu->lstar;
    case MSR_CSTAR:
        return &cpu->cstar;
    case MSR_FS_BASE:
        return &cpu->segs[R_FS].base;
    case MSR_GS_BASE:
        return &cpu->segs[R_GS].base;
    case MSR_KERNEL_GS_BASE:
        return &cpu->kernelgsbase;
    default:
        return NULL;
    }
}

/* The registers that belong to the local APIC. False: #GP. */
static bool apic_msr(X86CPU *cpu, uint32_t n, uint64_t *v, bool write)
{
    bool take_bql = !bql_locked();
    bool ok = true;

    if (!cpu->apic) {
        *v = write ? *v : 0;
        return n == MSR_APIC_BASE;
    }
    if (take_bql) {
        bql_lock();
    }
    if (n == MSR_APIC_BASE) {
        if (write) {
            ok = cpu->apic->set_base(cpu->apic_opaque, *v);
        } else {
            *v = cpu->apic->get_base(cpu->apic_opaque);
        }
    } else if (write) {
        cpu->apic->set_tsc_deadline(cpu->apic_opaque, *v);
    } else {
        *v = cpu->apic->get_tsc_deadline(cpu->apic_opaque);
    }
    if (take_bql) {
        bql_unlock();
    }
    return ok;
}

int op_rdmsr(X86CPU *cpu, const Insn *in)
{
    uint32_t n = (uint32_t)cpu->regs[R_ECX];
    const uint64_t *plain = plain_msr(cpu, n);
    uint64_t v;

    if (cpu->cpl != 0) {
        return cpu_gp0(cpu);
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    plain = plain ? plain : address_msr(cpu, n);
    if (plain) {
        v = *plain;
    } else {
        switch (n) {
        case MSR_TSC:
            v = read_tsc(cpu);
            break;
        case MSR_APIC_BASE:
        case MSR_TSC_DEADLINE:
            if (!apic_msr(cpu, n, &v, false)) {
                return cpu_gp0(cpu);
            }
            break;
        case MSR_BIOS_SIGN_ID:
            v = UINT64_C(1) << 32;
            break;
        case MSR_MCG_CAP:
            v = MCE_BANKS | 1u << 8;    /* with MCG_CTL */
            break;
        case MSR_MTRR_CAP:
            v = MTRR_VAR_COUNT | 1u << 8 | 1u << 10;
            break;
        case MSR_PAT:
            v = cpu->pat;
            break;
        case MSR_EFER:
            v = cpu->efer;
            break;
        default:
            return cpu_gp0(cpu);
        }
    }
    cpu->regs[R_EAX] = (uint32_t)v;
    cpu->regs[R_EDX] = v >> 32;
    return RET_NEXT;
}

static int write_efer(X86CPU *cpu, uint64_t v)
{
    uint64_t known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

    if (v & ~known || ((cpu->cr0 & CR0_PG) && ((v ^ cpu->efer) & EFER_LME))) {
        return cpu_gp0(cpu);
    }
    cpu->efer = (v & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
    cpu_update_mode(cpu);
    cpu_x86_tlb_flush(cpu);
    return RET_LEAVE;
}

uint64_t *cpu_x86_msr(X86CPU *cpu, uint32_t n)
{
    uint64_t *plain = plain_msr(cpu, n);

    return plain ? plain : n == MSR_PAT ? &cpu->pat : address_msr(cpu, n);
}

static bool pat_valid(uint64_t v)
{
    for (unsigned i = 0; i < 8; i++, v >>= 8) {
        unsigned t = v & 0xff;

        if (t > 7 || t == 2 || t == 3) {
            return false;
        }
    }
    return true;
}

int op_wrmsr(X86CPU *cpu, const Insn *in)
{
    uint32_t n = (uint32_t)cpu->regs[R_ECX];
    uint64_t v = cpu->regs[R_EDX] << 32 | (uint32_t)cpu->regs[R_EAX];
    uint64_t *plain = plain_msr(cpu, n), *addr = address_msr(cpu, n);

    if (cpu->cpl != 0) {
        return cpu_gp0(cpu);
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    if (plain) {
        if (n >= MSR_MC0_CTL && n < MSR_MC0_CTL + 4 * MCE_BANKS && (n & 3) == 1 && v) {
            return cpu_gp0(cpu);   /* a status can only be cleared */
        }
        *plain = v;
        return RET_LEAVE;
    }
    if (addr) {
        if (!is_canonical(v)) {
            return cpu_gp0(cpu);
        }
        *addr = v;
        cpu_update_mode(cpu);
        return RET_LEAVE;
    }
    switch (n) {
    case MSR_TSC:
        cpu->tsc_offset += (int64_t)(v - read_tsc(cpu));
        return RET_LEAVE;
    case MSR_APIC_BASE:
    case MSR_TSC_DEADLINE:
        return apic_msr(cpu, n, &v, true) ? RET_LEAVE : cpu_gp0(cpu);
    case MSR_BIOS_SIGN_ID:
        return RET_LEAVE;   /* asks for a new microcode */
    case MSR_PAT:
        if (!pat_valid(v)) {
            return cpu_gp0(cpu);
        }
        cpu->pat = v;
        return RET_LEAVE;
    case MSR_EFER:
        return write_efer(cpu, v);
    default:
        return cpu_gp0(cpu);
    }
}

/* Chance comes from the scheduler, so that it replays. */
int op_rdrand(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (!(cpu->model.features[FEAT_1_ECX] & CPUID_EXT_RDRAND)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    sched_random_bytes(&v, sizeof(v));
    reg_wr(cpu, in->rd, in->size, v);
    cc_set_flags(cpu, FLAG_CF);
    return RET_LEAVE;
}

/* aux 1: rdtscp. */
int op_rdtsc(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if ((cpu->cr4 & CR4_TSD) && cpu->cpl != 0) {
        return cpu_gp0(cpu);
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    v = read_tsc(cpu);
    cpu->regs[R_EAX] = (uint32_t)v;
    cpu->regs[R_EDX] = v >> 32;
    if (in->aux) {
        cpu->regs[R_ECX] = (uint32_t)cpu->tsc_aux;
    }
    return RET_LEAVE;
}
