/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor in migration streams and snapshots.
 *
 * Derived state is not sent; it is recomputed after loading. What a stream says is clamped to what a guest could
 * have brought about, so no stream can put the processor where its handlers do not expect it.
 */
#include "cpu/accel.h"
#include "cpu/insn.h"

#include "migration/vmstate.h"

static const VMStateDescription vmstate_segment = {
    .name = "cpu/segment",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(selector, SegmentCache),
        VMSTATE_UINT32(limit, SegmentCache),
        VMSTATE_UINT64(base, SegmentCache),
        VMSTATE_UINT32(flags, SegmentCache),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_x87_reg = {
    .name = "cpu/x87_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT64(mant, floatx80),
        VMSTATE_UINT16(se, floatx80),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_xmm_reg = {
    .name = "cpu/xmm_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT64_ARRAY(q, XmmReg, 2),
        VMSTATE_END_OF_LIST()
    },
};

static int fpu_post_load(void *opaque, int version_id)
{
    X86FPU *fpu = opaque;
    uint8_t top = fpu->top & 7;

    x87_set_control(fpu, fpu->cw);
    x87_set_status(fpu, fpu->sw);
    fpu->top = top;
    fpu->op &= 0x7ff;
    fpu->mxcsr &= MXCSR_MASK;
    return 0;
}

static const VMStateDescription vmstate_fpu = {
    .name = "cpu/fpu",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = fpu_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT_ARRAY(st, X86FPU, 8, 1, vmstate_x87_reg, floatx80),
        VMSTATE_STRUCT_ARRAY(xmm, X86FPU, 16, 1, vmstate_xmm_reg, XmmReg),
        VMSTATE_UINT64(ip, X86FPU),
        VMSTATE_UINT64(dp, X86FPU),
        VMSTATE_UINT32(mxcsr, X86FPU),
        VMSTATE_UINT16(cs, X86FPU),
        VMSTATE_UINT16(ds, X86FPU),
        VMSTATE_UINT16(cw, X86FPU),
        VMSTATE_UINT16(sw, X86FPU),
        VMSTATE_UINT16(op, X86FPU),
        VMSTATE_UINT8(top, X86FPU),
        VMSTATE_UINT8(tags, X86FPU),
        VMSTATE_END_OF_LIST()
    },
};

/* Requests that are state of the machine; the others are between threads of this process. */
#define PENDING_SAVED (CPU_INTERRUPT_HARD | CPU_INTERRUPT_NMI | CPU_INTERRUPT_INIT | CPU_INTERRUPT_SIPI)

static int cpu_pre_save(void *opaque)
{
    X86CPU *cpu = opaque;

    cpu->saved.rflags = cpu_x86_get_rflags(cpu);
    cpu->saved.pending = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE) & PENDING_SAVED;
    return 0;
}

static int cpu_post_load(void *opaque, int version_id)
{
    X86CPU *cpu = opaque;

    if (cpu->cpl > 3 || (cpu->efer & EFER_LMA && !(cpu->cr0 & CR0_PE)) ||
        (cpu->saved.rflags & FLAG_VM && (cpu->efer & EFER_LMA || !(cpu->cr0 & CR0_PE)))) {
        return -EINVAL;
    }
    cpu_x86_set_rflags(cpu, cpu->saved.rflags);
    cpu_x86_reset_interrupt(cpu, PENDING_SAVED);
    cpu_x86_interrupt(cpu, cpu->saved.pending & PENDING_SAVED);
    cpu->phys_mask &= (UINT64_C(1) << 40) - 1;
    cpu->exc_vector = -1;
    cpu_x86_state_loaded(cpu);
    return 0;
}

const VMStateDescription vmstate_x86_cpu = {
    .name = "cpu",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = cpu_pre_save,
    .post_load = cpu_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT64_ARRAY(regs, X86CPU, R__COUNT),
        VMSTATE_UINT64(rip, X86CPU),
        VMSTATE_UINT64(saved.rflags, X86CPU),
        VMSTATE_UINT8(cpl, X86CPU),
        VMSTATE_BOOL(inhibit_irq, X86CPU),
        VMSTATE_BOOL(halted, X86CPU),
        VMSTATE_BOOL(wait_sipi, X86CPU),
        VMSTATE_BOOL(nmi_masked, X86CPU),
        VMSTATE_UINT32(saved.pending, X86CPU),
        VMSTATE_STRUCT_ARRAY(segs, X86CPU, SEG__COUNT, 1, vmstate_segment, SegmentCache),
        VMSTATE_STRUCT(ldt, X86CPU, 1, vmstate_segment, SegmentCache),
        VMSTATE_STRUCT(tr, X86CPU, 1, vmstate_segment, SegmentCache),
        VMSTATE_STRUCT(gdt, X86CPU, 1, vmstate_segment, SegmentCache),
        VMSTATE_STRUCT(idt, X86CPU, 1, vmstate_segment, SegmentCache),
        VMSTATE_UINT64(cr0, X86CPU),
        VMSTATE_UINT64(cr2, X86CPU),
        VMSTATE_UINT64(cr3, X86CPU),
        VMSTATE_UINT64(cr4, X86CPU),
        VMSTATE_UINT64(cr8, X86CPU),
        VMSTATE_UINT64(efer, X86CPU),
        VMSTATE_UINT64_ARRAY(dr, X86CPU, 8),
        VMSTATE_UINT64_ARRAY(pdpte, X86CPU, 4),
        VMSTATE_UINT64(star, X86CPU),
        VMSTATE_UINT64(lstar, X86CPU),
        VMSTATE_UINT64(cstar, X86CPU),
        VMSTATE_UINT64(fmask, X86CPU),
        VMSTATE_UINT64(kernelgsbase, X86CPU),
        VMSTATE_UINT64(sysenter_cs, X86CPU),
        VMSTATE_UINT64(sysenter_esp, X86CPU),
        VMSTATE_UINT64(sysenter_eip, X86CPU),
        VMSTATE_UINT64(pat, X86CPU),
        VMSTATE_UINT64(tsc_aux, X86CPU),
        VMSTATE_UINT64(misc_enable, X86CPU),
        VMSTATE_UINT64(mtrr_def_type, X86CPU),
        VMSTATE_UINT64_ARRAY(mtrr_var, X86CPU, 16),
        VMSTATE_UINT64_ARRAY(mtrr_fixed, X86CPU, 11),
        VMSTATE_STRUCT(fpu, X86CPU, 1, vmstate_fpu, X86FPU),
        VMSTATE_UINT64(debugctl, X86CPU),
        VMSTATE_UINT64(mcg_status, X86CPU),
        VMSTATE_UINT64(mcg_ctl, X86CPU),
        VMSTATE_UINT64_ARRAY(mce_banks, X86CPU, 4 * MCE_BANKS),
        VMSTATE_UINT64_ARRAY(amd_msr, X86CPU, AMD_MSR__COUNT),
        VMSTATE_INT64(tsc_offset, X86CPU),
        VMSTATE_UINT64(icount, X86CPU),
        VMSTATE_UINT64(phys_mask, X86CPU),
        VMSTATE_END_OF_LIST()
    },
};
