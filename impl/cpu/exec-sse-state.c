/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fxsave and fxrstor, and flushing of cache lines.
 *
 * The last 96 bytes of the image belong to software and those of registers that 32-bit code does not have are
 * reserved; neither is touched. Source: SDM volume 1, 10.5; volume 2, FXSAVE, FXRSTOR, CLFLUSH.
 */
#include "cpu/sse.h"

#include "base/bytes.h"

enum { FX_SIZE = 512, FX_MXCSR = 24, FX_MXCSR_MASK = 28, FX_XMM = 160 };

/* Bytes of the image that the processor reads and writes. */
static unsigned image_used(const X86CPU *cpu)
{
    return FX_XMM + (cpu_code64(cpu) ? 16 : 8) * 16;
}

static int image_linear(X86CPU *cpu, const Insn *in, bool write, uint64_t *lin)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS)) {
        return cpu_raise(cpu, EXC_NM);
    }
    if (seg_linear(cpu, in->seg, insn_ea(cpu, in), FX_SIZE, write, lin) < 0) {
        return RET_FAULT;
    }
    return *lin & 15 ? cpu_gp0(cpu) : RET_NEXT;
}

int op_fxsave(X86CPU *cpu, const Insn *in)
{
    uint8_t image[FX_SIZE];
    unsigned used = image_used(cpu);
    int r = RET_NEXT;
    uint64_t lin;

    if (image_linear(cpu, in, true, &lin) < 0 || mmu_probe_write(cpu, lin, FX_SIZE, in->seg) < 0) {
        return RET_FAULT;
    }
    x87_to_fxsave(&cpu->fpu, image, in->aux);
    st32_le(image + FX_MXCSR, cpu->fpu.mxcsr);
    st32_le(image + FX_MXCSR_MASK, MXCSR_MASK);
    memcpy(image + FX_XMM, cpu->fpu.xmm, used - FX_XMM);
    for (unsigned i = 0; i < used && r >= 0; i += 8) {
        r |= mmu_store(cpu, (lin + i) & cpu->lin_mask, 8, ld64_le(image + i), in->seg, cpu->mmu_idx);
    }
    return r;
}

int op_fxrstor(X86CPU *cpu, const Insn *in)
{
    uint8_t image[FX_SIZE];
    unsigned used = image_used(cpu);
    uint64_t lin, v;

    if (image_linear(cpu, in, false, &lin) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < used; i += 8) {
        if (mmu_load(cpu, (lin + i) & cpu->lin_mask, 8, &v, in->seg, cpu->mmu_idx) < 0) {
            return RET_FAULT;
        }
        st64_le(image + i, v);
    }
    if (ld32_le(image + FX_MXCSR) & ~(uint32_t)MXCSR_MASK) {
        return cpu_gp0(cpu);
    }
    x87_from_fxsave(&cpu->fpu, image, in->aux);
    cpu->fpu.mxcsr = ld32_le(image + FX_MXCSR);
    memcpy(cpu->fpu.xmm, image + FX_XMM, used - FX_XMM);
    return RET_NEXT;
}

/* There is no cache; but a line that is not mapped faults. A device must not notice, so nothing is loaded from one. */
int op_clflush(X86CPU *cpu, const Insn *in)
{
    uint64_t lin, v;

    if (seg_linear(cpu, in->seg, insn_ea(cpu, in), 1, false, &lin) < 0) {
        return RET_FAULT;
    }
    if (cpu_x86_get_phys(cpu, lin) != UINT64_MAX) {
        return RET_NEXT;
    }
    return mmu_load(cpu, lin, 1, &v, in->seg, cpu->mmu_idx);
}
