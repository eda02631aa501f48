/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves between memory, xmm, MMX and general registers, sign masks, and MXCSR.
 *
 * The common ones have a handler for each form, so that nothing is decided while they run.
 * Source: SDM volume 2.
 */
#include "cpu/sse.h"

/* ---- xmm registers, whole ---- */

int op_sse_mov_rr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd] = cpu->fpu.xmm[in->rs];
    return RET_NEXT;
}

int op_sse_load_aligned(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : sse_load(cpu, in, true, &cpu->fpu.xmm[in->rd]);
}

int op_sse_load_unaligned(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : sse_load(cpu, in, false, &cpu->fpu.xmm[in->rd]);
}

int op_sse_store_aligned(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : sse_store(cpu, in, true, &cpu->fpu.xmm[in->rs]);
}

int op_sse_store_unaligned(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : sse_store(cpu, in, false, &cpu->fpu.xmm[in->rs]);
}

int sse_load_slow(X86CPU *cpu, uint64_t lin, unsigned seg, XmmReg *ret)
{
    uint64_t lo, hi;

    if (mmu_load(cpu, lin, 8, &lo, seg, cpu->mmu_idx) < 0 ||
        mmu_load(cpu, (lin + 8) & cpu->lin_mask, 8, &hi, seg, cpu->mmu_idx) < 0) {
        return RET_FAULT;
    }
    ret->q[0] = lo;
    ret->q[1] = hi;
    return RET_NEXT;
}

int sse_store_slow(X86CPU *cpu, uint64_t lin, unsigned seg, const XmmReg *v)
{
    int r;

    if (mmu_probe_write(cpu, lin, 16, seg) < 0) {
        return RET_FAULT;
    }
    r = mmu_store(cpu, lin, 8, v->q[0], seg, cpu->mmu_idx);
    return r < 0 ? r : r | mmu_store(cpu, (lin + 8) & cpu->lin_mask, 8, v->q[1], seg, cpu->mmu_idx);
}

/* ---- Scalars and halves: loads clear the rest, moves between registers and into halves keep it ---- */

int op_sse_movss_rr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].d[0] = cpu->fpu.xmm[in->rs].d[0];
    return RET_NEXT;
}

int op_sse_movsd_rr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[0] = cpu->fpu.xmm[in->rs].q[0];
    return RET_NEXT;
}

int op_sse_movq_rr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[0] = cpu->fpu.xmm[in->rs].q[0];
    cpu->fpu.xmm[in->rd].q[1] = 0;
    return RET_NEXT;
}

int op_sse_movhlps(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[0] = cpu->fpu.xmm[in->rs].q[1];
    return RET_NEXT;
}

int op_sse_movlhps(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[1] = cpu->fpu.xmm[in->rs].q[0];
    return RET_NEXT;
}

int op_sse_load_32(X86CPU *cpu, const Insn *in)
{
    uint32_t v;

    if (sse_enter(cpu) < 0 || cpu_ld32(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd] = (XmmReg){ .q = { v, 0 } };
    return RET_NEXT;
}

int op_sse_load_64(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (sse_enter(cpu) < 0 || cpu_ld64(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd] = (XmmReg){ .q = { v, 0 } };
    return RET_NEXT;
}

int op_sse_load_low(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_ld64(cpu, in->seg, insn_ea(cpu, in), &cpu->fpu.xmm[in->rd].q[0]);
}

int op_sse_load_high(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_ld64(cpu, in->seg, insn_ea(cpu, in), &cpu->fpu.xmm[in->rd].q[1]);
}

int op_sse_store_32(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_st32(cpu, in->seg, insn_ea(cpu, in), cpu->fpu.xmm[in->rs].d[0]);
}

int op_sse_store_64(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_st64(cpu, in->seg, insn_ea(cpu, in), cpu->fpu.xmm[in->rs].q[0]);
}

int op_sse_store_high(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_st64(cpu, in->seg, insn_ea(cpu, in), cpu->fpu.xmm[in->rs].q[1]);
}

int op_sse_from_gpr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd] = (XmmReg){ .q = { reg_rd(cpu, in->rs, in->size), 0 } };
    return RET_NEXT;
}

int op_sse_to_gpr(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, in->size, cpu->fpu.xmm[in->rs].q[0]);
    return RET_NEXT;
}

/* ---- MMX ---- */

static int mmx_set(X86CPU *cpu, const Insn *in, uint64_t v)
{
    fpu_enter_mmx(&cpu->fpu);
    fpu_mmx_write(&cpu->fpu, in->rd, v);
    return RET_NEXT;
}

int op_mmx_mov_rr(X86CPU *cpu, const Insn *in)
{
    return mmx_enter(cpu) < 0 ? RET_FAULT : mmx_set(cpu, in, cpu->fpu.st[in->rs].mant);
}

int op_mmx_load_32(X86CPU *cpu, const Insn *in)
{
    uint32_t v;

    if (mmx_enter(cpu) < 0 || cpu_ld32(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {
        return RET_FAULT;
    }
    return mmx_set(cpu, in, v);
}

int op_mmx_load_64(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (mmx_enter(cpu) < 0 || cpu_ld64(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {
        return RET_FAULT;
    }
    return mmx_set(cpu, in, v);
}

static int mmx_store(X86CPU *cpu, const Insn *in, unsigned size)
{
    int r;

    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    r = cpu_st(cpu, in->seg, insn_ea(cpu, in), size, cpu->fpu.st[in->rs].mant);
    if (r >= 0) {
        fpu_enter_mmx(&cpu->fpu);
    }
    return r;
}

int op_mmx_store_32(X86CPU *cpu, const Insn *in)
{
    return mmx_store(cpu, in, 4);
}

int op_mmx_store_64(X86CPU *cpu, const Insn *in)
{
    return mmx_store(cpu, in, 8);
}

int op_mmx_from_gpr(X86CPU *cpu, const Insn *in)
{
    return mmx_enter(cpu) < 0 ? RET_FAULT : mmx_set(cpu, in, reg_rd(cpu, in->rs, in->size));
}

int op_mmx_to_gpr(X86CPU *cpu, const Insn *in)
{
    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fpu_enter_mmx(&cpu->fpu);
    reg_wr(cpu, in->rd, in->size, cpu->fpu.st[in->rs].mant);
    return RET_NEXT;
}

int op_mmx_movq2dq(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0 || mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fpu_enter_mmx(&cpu->fpu);
    cpu->fpu.xmm[in->rd] = (XmmReg){ .q = { cpu->fpu.st[in->rs].mant, 0 } };
    return RET_NEXT;
}

int op_mmx_movdq2q(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0 || mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    return mmx_set(cpu, in, cpu->fpu.xmm[in->rs].q[0]);
}

int op_emms(X86CPU *cpu, const Insn *in)
{
    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.top = 0;
    cpu->fpu.tags = 0xff;
    return RET_NEXT;
}

/* ---- Chosen bytes: rd is the data, rs has the mask in its signs, memory is where it goes ---- */

static int masked_store(X86CPU *cpu, const Insn *in, const XmmReg *data, const XmmReg *mask, unsigned bytes)
{
    uint64_t ea = insn_ea(cpu, in), lin;
    int r = RET_NEXT;

    /* All bytes that are stored are checked before the first one is. */
    for (unsigned i = 0; i < bytes; i++) {
        if (mask->sb[i] < 0 &&
            (seg_linear(cpu, in->seg, (ea + i) << in->ashift >> in->ashift, 1, true, &lin) < 0 ||
             mmu_probe_write(cpu, lin, 1, in->seg) < 0)) {
            return RET_FAULT;
        }
    }
    for (unsigned i = 0; i < bytes && r >= 0; i++) {
        if (mask->sb[i] < 0) {
            r |= cpu_st8(cpu, in->seg, (ea + i) << in->ashift >> in->ashift, data->b[i]);
        }
    }
    return r;
}

int op_sse_maskmov(X86CPU *cpu, const Insn *in)
{
    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    return masked_store(cpu, in, &cpu->fpu.xmm[in->rd], &cpu->fpu.xmm[in->rs], 16);
}

int op_mmx_maskmov(X86CPU *cpu, const Insn *in)
{
    XmmReg data = { .q = { cpu->fpu.st[in->rd].mant, 0 } }, mask = { .q = { cpu->fpu.st[in->rs].mant, 0 } };
    int r;

    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    r = masked_store(cpu, in, &data, &mask, 8);
    if (r >= 0) {
        fpu_enter_mmx(&cpu->fpu);
    }
    return r;
}

/* ---- Signs of lanes as bits of a general register ---- */

int op_sse_movmskps(X86CPU *cpu, const Insn *in)
{
    const XmmReg *s = &cpu->fpu.xmm[in->rs];

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, 8, s->d[0] >> 31 | s->d[1] >> 31 << 1 | s->d[2] >> 31 << 2 | s->d[3] >> 31 << 3);
    return RET_NEXT;
}

int op_sse_movmskpd(X86CPU *cpu, const Insn *in)
{
    const XmmReg *s = &cpu->fpu.xmm[in->rs];

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, 8, s->q[0] >> 63 | s->q[1] >> 63 << 1);
    return RET_NEXT;
}

/* Each product bit above 56 has one partial product and nothing carries into it. */
static unsigned byte_signs(uint64_t q)
{
    return (unsigned)(((q & UINT64_C(0x8080808080808080)) >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

int op_sse_pmovmskb(X86CPU *cpu, const Insn *in)
{
    const XmmReg *s = &cpu->fpu.xmm[in->rs];

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, 8, byte_signs(s->q[0]) | byte_signs(s->q[1]) << 8);
    return RET_NEXT;
}

int op_mmx_pmovmskb(X86CPU *cpu, const Insn *in)
{
    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fpu_enter_mmx(&cpu->fpu);
    reg_wr(cpu, in->rd, 8, byte_signs(cpu->fpu.st[in->rs].mant));
    return RET_NEXT;
}

/* ---- MXCSR ---- */

int op_ldmxcsr(X86CPU *cpu, const Insn *in)
{
    uint32_t v;

    if (sse_enter(cpu) < 0 || cpu_ld32(cpu, in->seg, insn_ea(cpu, in), &v) < 0) {
        return RET_FAULT;
    }
    if (v & ~(uint32_t)MXCSR_MASK) {
        return cpu_gp0(cpu);
    }
    cpu->fpu.mxcsr = v;
    return RET_NEXT;
}

int op_stmxcsr(X86CPU *cpu, const Insn *in)
{
    return sse_enter(cpu) < 0 ? RET_FAULT : cpu_st32(cpu, in->seg, insn_ea(cpu, in), cpu->fpu.mxcsr);
}
