/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the handlers of MMX and SSE instructions share: permission, operands, and the frame around an operation.
 *
 * An operation is a pure inline function (LaneFunc) that changes the destination @d by the source @s; it works on
 * @bytes 8 for an MMX register and 16 for an xmm register. SSE_OP and MMX_OP make handlers of it. The source is a
 * copy, so it may be the destination's register.
 *
 * I1  A handler changes registers after its last fault: first permission, then loads, then floating-point
 *     exceptions, then the destination.
 * Source: SDM volume 1, chapters 9 to 12; volume 2, table 2-18 and following for alignment.
 */
#ifndef CPU_SSE_H
#define CPU_SSE_H

#include "cpu/insn.h"

typedef void LaneFunc(XmmReg *d, const XmmReg *s, unsigned bytes, unsigned imm);

/* How much of a source counts, and how memory must be aligned. */
typedef enum SseSource {
    SRC_128,             /* must be aligned */
    SRC_128U,
    SRC_64,
    SRC_32,
    SRC_16,
} SseSource;

/* ---- Permission ---- */

static inline int sse_enter(X86CPU *cpu)
{
    if (G_LIKELY(!(cpu->cr0 & (CR0_EM | CR0_TS)) && (cpu->cr4 & CR4_OSFXSR))) {
        return RET_NEXT;
    }
    return sse_check(cpu);
}

static inline int mmx_enter(X86CPU *cpu)
{
    return fpu_check(cpu, FPU_MMX);
}

/* ---- 16 bytes of memory ---- */

/* The halves behind the fast paths. @lin is masked. */
int sse_load_slow(X86CPU *cpu, uint64_t lin, unsigned seg, XmmReg *ret);
int sse_store_slow(X86CPU *cpu, uint64_t lin, unsigned seg, const XmmReg *v);

static inline int sse_linear(X86CPU *cpu, const Insn *in, bool aligned, bool write, uint64_t *lin)
{
    if (G_UNLIKELY(seg_linear(cpu, in->seg, insn_ea(cpu, in), 16, write, lin) < 0)) {
        return RET_FAULT;
    }
    return G_UNLIKELY(aligned && (*lin & 15)) ? cpu_gp0(cpu) : RET_NEXT;
}

static inline int sse_load(X86CPU *cpu, const Insn *in, bool aligned, XmmReg *ret)
{
    uint64_t lin;
    const TlbEntry *e;

    if (G_UNLIKELY(sse_linear(cpu, in, aligned, false, &lin) < 0)) {
        return RET_FAULT;
    }
    e = &cpu->tlb[cpu->mmu_idx][(lin >> 12) & (TLB_SIZE - 1)];
    if (G_LIKELY(e->tag_read == (lin & ~UINT64_C(0xfff)) && PAGE_OFFSET(lin) <= 4096 - 16)) {
        memcpy(ret, (const void *)(lin + e->addend), 16);
        return RET_NEXT;
    }
    return sse_load_slow(cpu, lin, in->seg, ret);
}

static inline int sse_store(X86CPU *cpu, const Insn *in, bool aligned, const XmmReg *v)
{
    uint64_t lin;
    const TlbEntry *e;

    if (G_UNLIKELY(sse_linear(cpu, in, aligned, true, &lin) < 0)) {
        return RET_FAULT;
    }
    e = &cpu->tlb[cpu->mmu_idx][(lin >> 12) & (TLB_SIZE - 1)];
    if (G_LIKELY(e->tag_write == (lin & ~UINT64_C(0xfff)) && PAGE_OFFSET(lin) <= 4096 - 16)) {
        uint8_t before = __atomic_load_n(e->dirty, __ATOMIC_RELAXED);

        memcpy((void *)(lin + e->addend), v, 16);
        __atomic_store_n(e->dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
        return before & DIRTY_MEMORY_CODE_BIT ? RET_NEXT : RET_LEAVE;
    }
    return sse_store_slow(cpu, lin, in->seg, v);
}

/* ---- Sources ---- */

/** sse_load_part: a memory operand of @kind into the low lanes; the rest is zero. */
static inline int sse_load_part(X86CPU *cpu, const Insn *in, SseSource kind, XmmReg *ret)
{
    uint16_t v16 = 0;
    int r;

    *ret = (XmmReg){ .q = { 0, 0 } };
    switch (kind) {
    case SRC_64:
        return cpu_ld64(cpu, in->seg, insn_ea(cpu, in), &ret->q[0]);
    case SRC_32:
        return cpu_ld32(cpu, in->seg, insn_ea(cpu, in), &ret->d[0]);
    case SRC_16:
        r = cpu_ld16(cpu, in->seg, insn_ea(cpu, in), &v16);
        ret->w[0] = v16;
        return r;
    default:
        return sse_load(cpu, in, kind == SRC_128, ret);
    }
}

static inline int sse_source(X86CPU *cpu, const Insn *in, SseSource kind, XmmReg *ret)
{
    const XmmReg *s;

    if (in->flags & IF_MEM) {
        return sse_load_part(cpu, in, kind, ret);
    }
    s = &cpu->fpu.xmm[in->rs];
    /* No more than what was probably written just now: a wider load would wait for the store to finish. */
    if (kind == SRC_64) {
        *ret = (XmmReg){ .q = { s->q[0], 0 } };
    } else if (kind == SRC_32 || kind == SRC_16) {
        *ret = (XmmReg){ .q = { s->d[0], 0 } };
    } else {
        *ret = *s;
    }
    return RET_NEXT;
}

static inline int mmx_source(X86CPU *cpu, const Insn *in, SseSource kind, XmmReg *ret)
{
    if (in->flags & IF_MEM) {
        return sse_load_part(cpu, in, kind, ret);
    }
    *ret = (XmmReg){ .q = { cpu->fpu.st[in->rs].mant, 0 } };
    return RET_NEXT;
}

/* ---- Frames ---- */

/* An xmm destination, an xmm or memory source. */
static inline int sse_run(X86CPU *cpu, const Insn *in, SseSource kind, LaneFunc *fn)
{
    XmmReg s;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {
        return RET_FAULT;
    }
    fn(&cpu->fpu.xmm[in->rd], &s, 16, (unsigned)in->imm & 0xff);
    return RET_NEXT;
}

static inline int mmx_run(X86CPU *cpu, const Insn *in, SseSource kind, LaneFunc *fn)
{
    XmmReg s, d = { .q = { cpu->fpu.st[in->rd].mant, 0 } };

    if (mmx_enter(cpu) < 0 || mmx_source(cpu, in, kind, &s) < 0) {
        return RET_FAULT;
    }
    fn(&d, &s, 8, (unsigned)in->imm & 0xff);
    fpu_enter_mmx(&cpu->fpu);
    fpu_mmx_write(&cpu->fpu, in->rd, d.q[0]);
    return RET_NEXT;
}

#define SSE_OP(name, kind)                                                                              \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        return sse_run(cpu, in, kind, lanes_##name);                                                    \
    }
#define MMX_OP(name, kind)                                                                              \
    int op_mmx_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        return mmx_run(cpu, in, kind, lanes_##name);                                                    \
    }

/* An operation on lane x of the destination and lane y of the source, each for itself. */
#define LANES(name, lane, expr)                                                                         \
    static inline void lanes_##name(XmmReg *d, const XmmReg *s, unsigned bytes, unsigned imm)           \
    {                                                                                                   \
        for (unsigned i = 0; i < bytes / sizeof(d->lane[0]); i++) {                                     \
            __typeof__(d->lane[0]) x = d->lane[i], y = s->lane[i];                                      \
            (void)x;                                                                                    \
            (void)y;                                                                                    \
            d->lane[i] = (__typeof__(d->lane[0]))(expr);                                                \
        }                                                                                               \
    }
/* The same as handlers: for both kinds of registers, or for xmm alone. */
#define LANES_BOTH(name, lane, expr) LANES(name, lane, expr) SSE_OP(name, SRC_128) MMX_OP(name, SRC_64)
#define LANES_SSE(name, lane, expr) LANES(name, lane, expr) SSE_OP(name, SRC_128)
/* An operation with a body of its own. */
#define BODY(name) static inline void lanes_##name(XmmReg *d, const XmmReg *s, unsigned bytes, unsigned imm)

/* ---- Floating-point exceptions ---- */

/** sse_float_done: flags into MXCSR; raises #XM, or #UD without CR4.OSXMMEXCPT, if one of them is not masked. */
int sse_float_done(X86CPU *cpu, const FloatStatus *st);

/* ---- Saturation ---- */

static inline int8_t sat_s8(int v)
{
    return (int8_t)CLAMP(v, INT8_MIN, INT8_MAX);
}

static inline uint8_t sat_u8(int v)
{
    return (uint8_t)CLAMP(v, 0, UINT8_MAX);
}

static inline int16_t sat_s16(int v)
{
    return (int16_t)CLAMP(v, INT16_MIN, INT16_MAX);
}

static inline uint16_t sat_u16(int v)
{
    return (uint16_t)CLAMP(v, 0, UINT16_MAX);
}

/* ---- Handlers by file: names are mnemonics. decode-sse.c makes its table of the same lists. ---- */

/* exec-sse-int.c, exec-sse-pack.c: for MMX and xmm registers. */
#define SSE_LIST_BOTH(X)                                                                                \
    X(PADDB) X(PADDW) X(PADDD) X(PADDQ) X(PADDSB) X(PADDSW) X(PADDUSB) X(PADDUSW)                       \
    X(PSUBB) X(PSUBW) X(PSUBD) X(PSUBQ) X(PSUBSB) X(PSUBSW) X(PSUBUSB) X(PSUBUSW)                       \
    X(PMULLW) X(PMULHW) X(PMULHUW) X(PMULUDQ) X(PMADDWD) X(PMULHRSW) X(PMADDUBSW) X(PSADBW)             \
    X(PCMPEQB) X(PCMPEQW) X(PCMPEQD) X(PCMPGTB) X(PCMPGTW) X(PCMPGTD)                                   \
    X(PAND) X(PANDN) X(POR) X(PXOR) X(PAVGB) X(PAVGW) X(PMINUB) X(PMINSW) X(PMAXUB) X(PMAXSW)           \
    X(PABSB) X(PABSW) X(PABSD) X(PSIGNB) X(PSIGNW) X(PSIGND)                                            \
    X(PHADDW) X(PHADDD) X(PHADDSW) X(PHSUBW) X(PHSUBD) X(PHSUBSW)                                       \
    X(PACKSSWB) X(PACKSSDW) X(PACKUSWB) X(PUNPCKLBW) X(PUNPCKLWD) X(PUNPCKLDQ)                          \
    X(PUNPCKHBW) X(PUNPCKHWD) X(PUNPCKHDQ) X(PSHUFB) X(PALIGNR)
/* The same files; a count in a register or memory, or an immediate one. */
#define SSE_LIST_SHIFT(X) X(PSLLW) X(PSLLD) X(PSLLQ) X(PSRLW) X(PSRLD) X(PSRLQ) X(PSRAW) X(PSRAD)
/* For xmm registers. */
#define SSE_LIST_INT(X)                                                                                 \
    X(ANDPS) X(ANDPD) X(ANDNPS) X(ANDNPD) X(ORPS) X(ORPD) X(XORPS) X(XORPD)                             \
    X(PMULLD) X(PMULDQ) X(PCMPEQQ) X(PCMPGTQ) X(PMINSB) X(PMINSD) X(PMINUW) X(PMINUD)                   \
    X(PMAXSB) X(PMAXSD) X(PMAXUW) X(PMAXUD) X(PHMINPOSUW) X(MPSADBW) X(PACKUSDW)                        \
    X(PUNPCKLQDQ) X(PUNPCKHQDQ) X(UNPCKLPS) X(UNPCKLPD) X(UNPCKHPS) X(UNPCKHPD)                         \
    X(PSHUFD) X(PSHUFLW) X(PSHUFHW) X(SHUFPS) X(SHUFPD) X(BLENDPS) X(BLENDPD) X(PBLENDW) X(INSERTPS)    \
    X(PBLENDVB) X(BLENDVPS) X(BLENDVPD) X(MOVDDUP) X(MOVSLDUP) X(MOVSHDUP)                              \
    X(PMOVSXBW) X(PMOVSXBD) X(PMOVSXBQ) X(PMOVSXWD) X(PMOVSXWQ) X(PMOVSXDQ)                             \
    X(PMOVZXBW) X(PMOVZXBD) X(PMOVZXBQ) X(PMOVZXWD) X(PMOVZXWQ) X(PMOVZXDQ) X(PTEST)

/* exec-sse-float.c, exec-sse-convert.c */
#define SSE_FOUR(X, name) X(name##PS) X(name##SS) X(name##PD) X(name##SD)
#define SSE_LIST_FLOAT(X)                                                                               \
    SSE_FOUR(X, ADD) SSE_FOUR(X, SUB) SSE_FOUR(X, MUL) SSE_FOUR(X, DIV) SSE_FOUR(X, SQRT) SSE_FOUR(X, MIN) \
    SSE_FOUR(X, MAX) SSE_FOUR(X, CMP) SSE_FOUR(X, ROUND) X(COMISS) X(UCOMISS) X(COMISD) X(UCOMISD)      \
    X(ADDSUBPS) X(ADDSUBPD) X(HADDPS) X(HADDPD) X(HSUBPS) X(HSUBPD) X(DPPS) X(DPPD)                     \
    X(RCPPS) X(RCPSS) X(RSQRTPS) X(RSQRTSS) X(CVTSS2SD) X(CVTSD2SS) X(CVTPS2PD) X(CVTPD2PS)             \
    X(CVTDQ2PS) X(CVTDQ2PD) X(CVTPS2DQ) X(CVTTPS2DQ) X(CVTPD2DQ) X(CVTTPD2DQ)
/* exec-sse-crypto.c */
#define SSE_LIST_CRYPTO(X)                                                                              \
    X(AESENC) X(AESENCLAST) X(AESDEC) X(AESDECLAST) X(AESIMC) X(AESKEYGENASSIST) X(PCLMULQDQ)           \
    X(SHA1RNDS4) X(SHA1NEXTE) X(SHA1MSG1) X(SHA1MSG2) X(SHA256RNDS2) X(SHA256MSG1) X(SHA256MSG2)

#define SSE_DECLARE(name) OpFunc op_sse_##name;
#define SSE_DECLARE_BOTH(name) OpFunc op_sse_##name, op_mmx_##name;
#define SSE_DECLARE_SHIFT(name) OpFunc op_sse_##name, op_mmx_##name, op_sse_imm_##name, op_mmx_imm_##name;
SSE_LIST_BOTH(SSE_DECLARE_BOTH)
SSE_LIST_SHIFT(SSE_DECLARE_SHIFT)
SSE_LIST_INT(SSE_DECLARE)
SSE_LIST_FLOAT(SSE_DECLARE)
SSE_LIST_CRYPTO(SSE_DECLARE)
OpFunc op_sse_CVTSI2SS, op_sse_CVTSI2SD, op_sse_CVTSS2SI, op_sse_CVTTSS2SI, op_sse_CVTSD2SI, op_sse_CVTTSD2SI,
    op_mmx_CVTPS2PI, op_mmx_CVTTPS2PI, op_mmx_CVTPD2PI, op_mmx_CVTTPD2PI, op_mmx_CVTPI2PS, op_mmx_CVTPI2PD;
OpFunc op_sse_imm_PSLLDQ, op_sse_imm_PSRLDQ, op_mmx_PSHUFW;

/* exec-sse-move.c */
OpFunc op_sse_mov_rr, op_sse_load_aligned, op_sse_load_unaligned, op_sse_store_aligned, op_sse_store_unaligned,
    op_sse_movss_rr, op_sse_movsd_rr, op_sse_load_32, op_sse_load_64, op_sse_store_32, op_sse_store_64,
    op_sse_store_high, op_sse_load_low, op_sse_load_high, op_sse_movhlps, op_sse_movlhps, op_sse_movq_rr,
    op_sse_from_gpr, op_sse_to_gpr, op_mmx_from_gpr, op_mmx_to_gpr, op_mmx_load_32, op_mmx_load_64, op_mmx_store_32,
    op_mmx_store_64, op_mmx_mov_rr, op_mmx_movq2dq, op_mmx_movdq2q, op_sse_maskmov, op_mmx_maskmov,
    op_sse_movmskps, op_sse_movmskpd, op_sse_pmovmskb, op_mmx_pmovmskb, op_emms, op_ldmxcsr, op_stmxcsr;
/* exec-sse-pack.c: aux is log2 of the lane's size */
OpFunc op_sse_pextr, op_sse_pinsr, op_mmx_pextrw, op_mmx_pinsrw;
/* exec-sse-text.c: with SSE_AUX_LENGTHS in aux, size is that of the registers with the lengths */
enum { SSE_AUX_LENGTHS = 1 };
OpFunc op_sse_pcmpstri, op_sse_pcmpstrm, op_crc32;
/* exec-sse-state.c: aux is 1 with REX.W */
OpFunc op_fxsave, op_fxrstor, op_clflush;

#endif
