/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lanes of MMX and xmm registers in other places: pack, unpack, shuffle, blend, widen.
 *
 * Source: SDM volume 2.
 */
#include "cpu/sse.h"

/* ---- Pack: lanes of the destination, then lanes of the source, saturated to half their size ---- */

#define PACK(name, from, to, sat)                                                                       \
    BODY(name)                                                                                          \
    {                                                                                                   \
        unsigned n = bytes / sizeof(d->from[0]);                                                        \
        XmmReg r;                                                                                       \
        for (unsigned i = 0; i < n; i++) {                                                              \
            r.to[i] = sat(d->from[i]);                                                                  \
            r.to[n + i] = sat(s->from[i]);                                                              \
        }                                                                                               \
        memcpy(d, &r, bytes);                                                                           \
    }

PACK(PACKSSWB, sw, sb, sat_s8)
PACK(PACKSSDW, sd, sw, sat_s16)
PACK(PACKUSWB, sw, b, sat_u8)
PACK(PACKUSDW, sd, w, sat_u16)
SSE_OP(PACKSSWB, SRC_128)
MMX_OP(PACKSSWB, SRC_64)
SSE_OP(PACKSSDW, SRC_128)
MMX_OP(PACKSSDW, SRC_64)
SSE_OP(PACKUSWB, SRC_128)
MMX_OP(PACKUSWB, SRC_64)
SSE_OP(PACKUSDW, SRC_128)

/* ---- Unpack: lanes of both halves in turn ---- */

#define UNPACK(name, lane, high)                                                                        \
    BODY(name)                                                                                          \
    {                                                                                                   \
        unsigned half = bytes / sizeof(d->lane[0]) / 2, from = (high) ? half : 0;                       \
        XmmReg r;                                                                                       \
        for (unsigned i = 0; i < half; i++) {                                                           \
            r.lane[2 * i] = d->lane[from + i];                                                          \
            r.lane[2 * i + 1] = s->lane[from + i];                                                      \
        }                                                                                               \
        memcpy(d, &r, bytes);                                                                           \
    }                                                                                                   \
    SSE_OP(name, SRC_128)

/* The MMX forms for lower halves read no more than those. */
UNPACK(PUNPCKLBW, b, false)
MMX_OP(PUNPCKLBW, SRC_32)
UNPACK(PUNPCKLWD, w, false)
MMX_OP(PUNPCKLWD, SRC_32)
UNPACK(PUNPCKLDQ, d, false)
MMX_OP(PUNPCKLDQ, SRC_32)
UNPACK(PUNPCKHBW, b, true)
MMX_OP(PUNPCKHBW, SRC_64)
UNPACK(PUNPCKHWD, w, true)
MMX_OP(PUNPCKHWD, SRC_64)
UNPACK(PUNPCKHDQ, d, true)
MMX_OP(PUNPCKHDQ, SRC_64)
UNPACK(PUNPCKLQDQ, q, false)
UNPACK(PUNPCKHQDQ, q, true)
UNPACK(UNPCKLPS, d, false)
UNPACK(UNPCKLPD, q, false)
UNPACK(UNPCKHPS, d, true)
UNPACK(UNPCKHPD, q, true)

/* ---- Shuffles ---- */

BODY(PSHUFB)
{
    XmmReg a = *d;

    for (unsigned i = 0; i < bytes; i++) {
        d->b[i] = s->b[i] & 0x80 ? 0 : a.b[s->b[i] & (bytes - 1)];
    }
}
SSE_OP(PSHUFB, SRC_128)
MMX_OP(PSHUFB, SRC_64)

BODY(PALIGNR)
{
    uint8_t both[64] = { 0 };

    memcpy(both, s, bytes);
    memcpy(both + bytes, d, bytes);
    memcpy(d, both + MIN(imm, 2 * bytes), bytes);
}
SSE_OP(PALIGNR, SRC_128)
MMX_OP(PALIGNR, SRC_64)

BODY(PSHUFW)
{
    for (unsigned i = 0; i < 4; i++) {
        d->w[i] = s->w[imm >> (2 * i) & 3];
    }
}
MMX_OP(PSHUFW, SRC_64)

BODY(PSHUFLW)
{
    for (unsigned i = 0; i < 4; i++) {
        d->w[i] = s->w[imm >> (2 * i) & 3];
    }
    d->q[1] = s->q[1];
}
SSE_OP(PSHUFLW, SRC_128)

BODY(PSHUFHW)
{
    d->q[0] = s->q[0];
    for (unsigned i = 0; i < 4; i++) {
        d->w[4 + i] = s->w[4 + (imm >> (2 * i) & 3)];
    }
}
SSE_OP(PSHUFHW, SRC_128)

BODY(PSHUFD)
{
    for (unsigned i = 0; i < 4; i++) {
        d->d[i] = s->d[imm >> (2 * i) & 3];
    }
}
SSE_OP(PSHUFD, SRC_128)

BODY(SHUFPS)
{
    XmmReg a = *d;

    d->d[0] = a.d[imm & 3];
    d->d[1] = a.d[imm >> 2 & 3];
    d->d[2] = s->d[imm >> 4 & 3];
    d->d[3] = s->d[imm >> 6 & 3];
}
SSE_OP(SHUFPS, SRC_128)

BODY(SHUFPD)
{
    d->q[0] = d->q[imm & 1];
    d->q[1] = s->q[imm >> 1 & 1];
}
SSE_OP(SHUFPD, SRC_128)

BODY(MOVDDUP)
{
    d->q[0] = d->q[1] = s->q[0];
}
SSE_OP(MOVDDUP, SRC_64)

LANES_SSE(MOVSLDUP, d, s->d[i & ~1u])
LANES_SSE(MOVSHDUP, d, s->d[i | 1])

/* ---- Blends ---- */

LANES_SSE(BLENDPS, d, imm >> i & 1 ? y : x)
LANES_SSE(BLENDPD, q, imm >> i & 1 ? y : x)
LANES_SSE(PBLENDW, w, imm >> i & 1 ? y : x)

/* imm: 7..6 lane of the source, 5..4 lane of the destination, 3..0 lanes to clear. */
BODY(INSERTPS)
{
    d->d[imm >> 4 & 3] = s->d[imm >> 6];
    for (unsigned i = 0; i < 4; i++) {
        d->d[i] = imm >> i & 1 ? 0 : d->d[i];
    }
}

int op_sse_INSERTPS(X86CPU *cpu, const Insn *in)
{
    /* Any lane of a register, but one of memory. */
    bool mem = in->flags & IF_MEM;
    unsigned imm = (unsigned)in->imm & (mem ? 0x3f : 0xff);
    XmmReg s;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, mem ? SRC_32 : SRC_128, &s) < 0) {
        return RET_FAULT;
    }
    lanes_INSERTPS(&cpu->fpu.xmm[in->rd], &s, 16, imm);
    return RET_NEXT;
}

/* Lanes whose sign is set in xmm0 come from the source. */
#define BLEND_BY_XMM0(name, lane)                                                                       \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        XmmReg mask = cpu->fpu.xmm[0], *d = &cpu->fpu.xmm[in->rd], s;                                   \
        if (sse_enter(cpu) < 0 || sse_source(cpu, in, SRC_128, &s) < 0) {                               \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        for (unsigned i = 0; i < 16 / sizeof(mask.lane[0]); i++) {                                      \
            d->lane[i] = mask.lane[i] < 0 ? s.lane[i] : d->lane[i];                                     \
        }                                                                                               \
        return RET_NEXT;                                                                                \
    }

BLEND_BY_XMM0(PBLENDVB, sb)
BLEND_BY_XMM0(BLENDVPS, sd)
BLEND_BY_XMM0(BLENDVPD, sq)

/* ---- Widening moves: memory is only as long as the lanes that are taken ---- */

#define WIDEN(name, from, to, kind) LANES(name, to, s->from[i]) SSE_OP(name, kind)

WIDEN(PMOVSXBW, sb, sw, SRC_64)
WIDEN(PMOVSXBD, sb, sd, SRC_32)
WIDEN(PMOVSXBQ, sb, sq, SRC_16)
WIDEN(PMOVSXWD, sw, sd, SRC_64)
WIDEN(PMOVSXWQ, sw, sq, SRC_32)
WIDEN(PMOVSXDQ, sd, sq, SRC_64)
WIDEN(PMOVZXBW, b, w, SRC_64)
WIDEN(PMOVZXBD, b, d, SRC_32)
WIDEN(PMOVZXBQ, b, q, SRC_16)
WIDEN(PMOVZXWD, w, d, SRC_64)
WIDEN(PMOVZXWQ, w, q, SRC_32)
WIDEN(PMOVZXDQ, d, q, SRC_64)

/* ---- One lane to and from general registers and memory: aux is log2 of its size ---- */

static unsigned lane_of(const Insn *in, unsigned bytes)
{
    return (unsigned)in->imm & ((bytes >> in->aux) - 1);
}

static uint64_t lane_get(const XmmReg *r, unsigned log2size, unsigned lane)
{
    uint64_t v = 0;

    memcpy(&v, r->b + (lane << log2size), 1u << log2size);
    return v;
}

static void lane_put(XmmReg *r, unsigned log2size, unsigned lane, uint64_t v)
{
    memcpy(r->b + (lane << log2size), &v, 1u << log2size);
}

/* pextrb..q, extractps: a register is written with at least 32 bits, memory with the lane. */
int op_sse_pextr(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    v = lane_get(&cpu->fpu.xmm[in->rs], in->aux, lane_of(in, 16));
    if (in->flags & IF_MEM) {
        return cpu_st(cpu, in->seg, insn_ea(cpu, in), 1u << in->aux, v);
    }
    reg_wr(cpu, in->rd, 8, v);
    return RET_NEXT;
}

int op_sse_pinsr(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    if (in->flags & IF_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), 1u << in->aux, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        v = cpu->regs[in->rs / 8];
    }
    lane_put(&cpu->fpu.xmm[in->rd], in->aux, lane_of(in, 16), v);
    return RET_NEXT;
}

int op_mmx_pextrw(X86CPU *cpu, const Insn *in)
{
    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fpu_enter_mmx(&cpu->fpu);
    reg_wr(cpu, in->rd, 8, (uint16_t)(cpu->fpu.st[in->rs].mant >> (lane_of(in, 8) * 16)));
    return RET_NEXT;
}

int op_mmx_pinsrw(X86CPU *cpu, const Insn *in)
{
    XmmReg r = { .q = { cpu->fpu.st[in->rd].mant, 0 } };
    uint64_t v;

    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    if (in->flags & IF_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), 2, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        v = cpu->regs[in->rs / 8];
    }
    lane_put(&r, in->aux, lane_of(in, 8), v);
    fpu_enter_mmx(&cpu->fpu);
    fpu_mmx_write(&cpu->fpu, in->rd, r.q[0]);
    return RET_NEXT;
}
