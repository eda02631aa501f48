/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic, comparison, logic and shifts on lanes of MMX and xmm registers.
 *
 * Sums are made of unsigned lanes or in int, where they cannot overflow; the compiler turns most loops into the
 * host's own vector instructions.
 * Source: SDM volume 2.
 */
#include "cpu/flags.h"
#include "cpu/sse.h"

/* ---- Lane by lane: x is the destination's, y the source's ---- */

LANES_BOTH(PADDB, b, x + y)
LANES_BOTH(PADDW, w, x + y)
LANES_BOTH(PADDD, d, x + y)
LANES_BOTH(PADDQ, q, x + y)
LANES_BOTH(PSUBB, b, x - y)
LANES_BOTH(PSUBW, w, x - y)
LANES_BOTH(PSUBD, d, x - y)
LANES_BOTH(PSUBQ, q, x - y)
LANES_BOTH(PADDSB, sb, sat_s8(x + y))
LANES_BOTH(PADDSW, sw, sat_s16(x + y))
LANES_BOTH(PADDUSB, b, sat_u8(x + y))
LANES_BOTH(PADDUSW, w, sat_u16(x + y))
LANES_BOTH(PSUBSB, sb, sat_s8(x - y))
LANES_BOTH(PSUBSW, sw, sat_s16(x - y))
LANES_BOTH(PSUBUSB, b, sat_u8(x - y))
LANES_BOTH(PSUBUSW, w, sat_u16(x - y))

LANES_BOTH(PMULLW, sw, x * y)
LANES_BOTH(PMULHW, sw, (x * y) >> 16)
LANES_BOTH(PMULHUW, w, ((uint32_t)x * y) >> 16)
LANES_BOTH(PMULHRSW, sw, (((x * y) >> 14) + 1) >> 1)
LANES_BOTH(PMULUDQ, q, (uint64_t)(uint32_t)x * (uint32_t)y)
LANES_SSE(PMULDQ, sq, (int64_t)(int32_t)x * (int32_t)y)
LANES_SSE(PMULLD, d, x * y)

/* As vectors, which compare to 0 and -1: of a loop compilers do not make that. */
#define COMPARE(name, lane_type, op)                                                                    \
    BODY(name)                                                                                          \
    {                                                                                                   \
        typedef lane_type Vector __attribute__((vector_size(16)));                                      \
        Vector x, y;                                                                                    \
        memcpy(&x, d, 16);                                                                              \
        memcpy(&y, s, 16);                                                                              \
        x = (Vector)(x op y);                                                                           \
        memcpy(d, &x, 16);                                                                              \
    }                                                                                                   \
    SSE_OP(name, SRC_128)

COMPARE(PCMPEQB, int8_t, ==)
MMX_OP(PCMPEQB, SRC_64)
COMPARE(PCMPEQW, int16_t, ==)
MMX_OP(PCMPEQW, SRC_64)
COMPARE(PCMPEQD, int32_t, ==)
MMX_OP(PCMPEQD, SRC_64)
COMPARE(PCMPEQQ, int64_t, ==)
COMPARE(PCMPGTB, int8_t, >)
MMX_OP(PCMPGTB, SRC_64)
COMPARE(PCMPGTW, int16_t, >)
MMX_OP(PCMPGTW, SRC_64)
COMPARE(PCMPGTD, int32_t, >)
MMX_OP(PCMPGTD, SRC_64)
COMPARE(PCMPGTQ, int64_t, >)

LANES_BOTH(PAND, q, x & y)
LANES_BOTH(PANDN, q, ~x & y)
LANES_BOTH(POR, q, x | y)
LANES_BOTH(PXOR, q, x ^ y)
LANES_SSE(ANDPS, q, x & y)
LANES_SSE(ANDPD, q, x & y)
LANES_SSE(ANDNPS, q, ~x & y)
LANES_SSE(ANDNPD, q, ~x & y)
LANES_SSE(ORPS, q, x | y)
LANES_SSE(ORPD, q, x | y)
LANES_SSE(XORPS, q, x ^ y)
LANES_SSE(XORPD, q, x ^ y)

LANES_BOTH(PAVGB, b, (x + y + 1) >> 1)
LANES_BOTH(PAVGW, w, (x + y + 1) >> 1)
LANES_BOTH(PMINUB, b, MIN(x, y))
LANES_BOTH(PMAXUB, b, MAX(x, y))
LANES_BOTH(PMINSW, sw, MIN(x, y))
LANES_BOTH(PMAXSW, sw, MAX(x, y))
LANES_SSE(PMINSB, sb, MIN(x, y))
LANES_SSE(PMAXSB, sb, MAX(x, y))
LANES_SSE(PMINUW, w, MIN(x, y))
LANES_SSE(PMAXUW, w, MAX(x, y))
LANES_SSE(PMINSD, sd, MIN(x, y))
LANES_SSE(PMAXSD, sd, MAX(x, y))
LANES_SSE(PMINUD, d, MIN(x, y))
LANES_SSE(PMAXUD, d, MAX(x, y))

/* The most negative number stays as it is, so negation is done without signs. */
#define NEGATE(v) (0 - (uint32_t)(v))
LANES_BOTH(PABSB, sb, y < 0 ? NEGATE(y) : (uint32_t)y)
LANES_BOTH(PABSW, sw, y < 0 ? NEGATE(y) : (uint32_t)y)
LANES_BOTH(PABSD, sd, y < 0 ? NEGATE(y) : (uint32_t)y)
LANES_BOTH(PSIGNB, sb, y < 0 ? NEGATE(x) : y ? (uint32_t)x : 0)
LANES_BOTH(PSIGNW, sw, y < 0 ? NEGATE(x) : y ? (uint32_t)x : 0)
LANES_BOTH(PSIGND, sd, y < 0 ? NEGATE(x) : y ? (uint32_t)x : 0)

/* ---- Sums of neighbours ---- */

BODY(PMADDWD)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        /* Unsigned, since four times -32768 squared wraps. */
        d->d[i] = (uint32_t)(d->sw[2 * i] * s->sw[2 * i]) + (uint32_t)(d->sw[2 * i + 1] * s->sw[2 * i + 1]);
    }
}
SSE_OP(PMADDWD, SRC_128)
MMX_OP(PMADDWD, SRC_64)

BODY(PMADDUBSW)
{
    for (unsigned i = 0; i < bytes / 2; i++) {
        d->sw[i] = sat_s16(d->b[2 * i] * s->sb[2 * i] + d->b[2 * i + 1] * s->sb[2 * i + 1]);
    }
}
SSE_OP(PMADDUBSW, SRC_128)
MMX_OP(PMADDUBSW, SRC_64)

BODY(PSADBW)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        unsigned sum = 0;

        for (unsigned j = i * 8; j < i * 8 + 8; j++) {
            sum += (unsigned)ABS(d->b[j] - s->b[j]);
        }
        d->q[i] = sum;
    }
}
SSE_OP(PSADBW, SRC_128)
MMX_OP(PSADBW, SRC_64)

/* Pairs of the destination fill the lower half, pairs of the source the upper one. */
#define HORIZONTAL(name, lane, expr)                                                                    \
    BODY(name)                                                                                          \
    {                                                                                                   \
        unsigned half = bytes / sizeof(d->lane[0]) / 2;                                                 \
        for (unsigned i = 0; i < half; i++) {                                                           \
            __typeof__(d->lane[0]) x = d->lane[2 * i], y = d->lane[2 * i + 1];                          \
            d->lane[i] = (__typeof__(d->lane[0]))(expr);                                                \
        }                                                                                               \
        for (unsigned i = 0; i < half; i++) {                                                           \
            __typeof__(d->lane[0]) x = s->lane[2 * i], y = s->lane[2 * i + 1];                          \
            d->lane[half + i] = (__typeof__(d->lane[0]))(expr);                                         \
        }                                                                                               \
    }                                                                                                   \
    SSE_OP(name, SRC_128)                                                                               \
    MMX_OP(name, SRC_64)

HORIZONTAL(PHADDW, w, x + y)
HORIZONTAL(PHADDD, d, x + y)
HORIZONTAL(PHADDSW, sw, sat_s16(x + y))
HORIZONTAL(PHSUBW, w, x - y)
HORIZONTAL(PHSUBD, d, x - y)
HORIZONTAL(PHSUBSW, sw, sat_s16(x - y))

BODY(PHMINPOSUW)
{
    unsigned at = 0;

    for (unsigned i = 1; i < 8; i++) {
        at = s->w[i] < s->w[at] ? i : at;
    }
    *d = (XmmReg){ .w = { s->w[at], (uint16_t)at } };
}
SSE_OP(PHMINPOSUW, SRC_128)

/* imm: which four bytes of the source, and where in the destination the eight groups of four start. */
BODY(MPSADBW)
{
    XmmReg a = *d;
    unsigned from = (imm & 3) * 4, at = (imm >> 2 & 1) * 4;

    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;

        for (unsigned j = 0; j < 4; j++) {
            sum += (unsigned)ABS(a.b[at + i + j] - s->b[from + j]);
        }
        d->w[i] = (uint16_t)sum;
    }
}
SSE_OP(MPSADBW, SRC_128)

int op_sse_PTEST(X86CPU *cpu, const Insn *in)
{
    const XmmReg *d = &cpu->fpu.xmm[in->rd];
    XmmReg s;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, SRC_128, &s) < 0) {
        return RET_FAULT;
    }
    cc_set_flags(cpu, ((s.q[0] & d->q[0]) | (s.q[1] & d->q[1]) ? 0 : FLAG_ZF) |
                 ((s.q[0] & ~d->q[0]) | (s.q[1] & ~d->q[1]) ? 0 : FLAG_CF));
    return RET_NEXT;
}

/* ---- Shifts: the count is the low quadword of the source, however large ---- */

static inline int immediate_shift_sse(X86CPU *cpu, const Insn *in, LaneFunc *fn)
{
    XmmReg count = { .q = { (uint64_t)in->imm & 0xff, 0 } };

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fn(&cpu->fpu.xmm[in->rd], &count, 16, 0);
    return RET_NEXT;
}

static inline int immediate_shift_mmx(X86CPU *cpu, const Insn *in, LaneFunc *fn)
{
    XmmReg count = { .q = { (uint64_t)in->imm & 0xff, 0 } };
    XmmReg d = { .q = { cpu->fpu.st[in->rd].mant, 0 } };

    if (mmx_enter(cpu) < 0) {
        return RET_FAULT;
    }
    fn(&d, &count, 8, 0);
    fpu_enter_mmx(&cpu->fpu);
    fpu_mmx_write(&cpu->fpu, in->rd, d.q[0]);
    return RET_NEXT;
}

/* @big: the result for counts that shift everything out. */
#define SHIFT(name, lane, op, big)                                                                      \
    BODY(name)                                                                                          \
    {                                                                                                   \
        unsigned width = sizeof(d->lane[0]) * 8;                                                        \
        bool out = s->q[0] >= width;                                                                    \
        unsigned n = out ? 0 : (unsigned)s->q[0];                                                       \
        for (unsigned i = 0; i < bytes / sizeof(d->lane[0]); i++) {                                     \
            __typeof__(d->lane[0]) x = d->lane[i];                                                      \
            d->lane[i] = (__typeof__(d->lane[0]))(out ? (big) : x op n);                                \
        }                                                                                               \
    }                                                                                                   \
    SSE_OP(name, SRC_128)                                                                               \
    MMX_OP(name, SRC_64)                                                                                \
    int op_sse_imm_##name(X86CPU *cpu, const Insn *in)                                                  \
    {                                                                                                   \
        return immediate_shift_sse(cpu, in, lanes_##name);                                              \
    }                                                                                                   \
    int op_mmx_imm_##name(X86CPU *cpu, const Insn *in)                                                  \
    {                                                                                                   \
        return immediate_shift_mmx(cpu, in, lanes_##name);                                              \
    }

SHIFT(PSLLW, w, <<, 0)
SHIFT(PSLLD, d, <<, 0)
SHIFT(PSLLQ, q, <<, 0)
SHIFT(PSRLW, w, >>, 0)
SHIFT(PSRLD, d, >>, 0)
SHIFT(PSRLQ, q, >>, 0)
SHIFT(PSRAW, sw, >>, x < 0 ? -1 : 0)
SHIFT(PSRAD, sd, >>, x < 0 ? -1 : 0)

/* The whole register by bytes. */
static unsigned __int128 whole(const XmmReg *r)
{
    return (unsigned __int128)r->q[1] << 64 | r->q[0];
}

static void set_whole(XmmReg *r, unsigned __int128 v)
{
    r->q[0] = (uint64_t)v;
    r->q[1] = (uint64_t)(v >> 64);
}

BODY(PSLLDQ)
{
    set_whole(d, s->q[0] < 16 ? whole(d) << s->q[0] * 8 : 0);
}

BODY(PSRLDQ)
{
    set_whole(d, s->q[0] < 16 ? whole(d) >> s->q[0] * 8 : 0);
}

int op_sse_imm_PSLLDQ(X86CPU *cpu, const Insn *in)
{
    return immediate_shift_sse(cpu, in, lanes_PSLLDQ);
}

int op_sse_imm_PSRLDQ(X86CPU *cpu, const Insn *in)
{
    return immediate_shift_sse(cpu, in, lanes_PSRLDQ);
}
