/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shifts and rotates. A count of zero (after masking) changes no flags.
 *
 * Where the manual leaves a flag undefined (OF for counts above 1, AF of shifts) the value is the one current
 * processors produce for OF where that is simple, and zero for AF.
 * Source: SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

/* One shift: value and count in, value and flags out. */
typedef struct Shift {
    uint64_t v;
    unsigned bits;
    unsigned count;
    uint32_t flags;      /* in: all; out: all */
} Shift;

static uint64_t top(uint64_t v, unsigned bits)
{
    return (v >> (bits - 1)) & 1;
}

static uint64_t low_mask(unsigned bits)
{
    return UINT64_MAX >> (64 - bits);
}

static void set_cf_of(Shift *s, bool cf, bool of)
{
    s->flags = (s->flags & ~(FLAG_CF | FLAG_OF)) | (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0);
}

static void set_result_flags(Shift *s, bool cf, bool of)
{
    s->flags = cc_szp(s->v, s->bits / 8) | (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0);
}

static void do_rol(Shift *s, bool right)
{
    unsigned n = s->count % s->bits;
    uint64_t v = s->v;

    if (n) {
        unsigned left = right ? s->bits - n : n;

        s->v = ((v << left) | (v >> (s->bits - left))) & low_mask(s->bits);
    }
    if (right) {
        set_cf_of(s, top(s->v, s->bits), top(s->v, s->bits) ^ top(s->v << 1, s->bits));
    } else {
        set_cf_of(s, s->v & 1, (s->v & 1) ^ top(s->v, s->bits));
    }
}

static void do_rcl(Shift *s, bool right)
{
    unsigned n = s->count % (s->bits + 1);
    bool cf = s->flags & FLAG_CF;
    bool of;

    if (n == 0) {
        set_cf_of(s, cf, right ? top(s->v, s->bits) ^ top(s->v << 1, s->bits) : (unsigned)cf ^ top(s->v, s->bits));
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        bool out = right ? s->v & 1 : top(s->v, s->bits);

        s->v = right ? (s->v >> 1) | (uint64_t)cf << (s->bits - 1) : ((s->v << 1) | cf) & low_mask(s->bits);
        cf = out;
    }
    of = right ? top(s->v, s->bits) ^ top(s->v << 1, s->bits) : (unsigned)cf ^ top(s->v, s->bits);
    set_cf_of(s, cf, of);
}

static void do_shl(Shift *s)
{
    bool cf = s->count <= s->bits && ((s->v >> (s->bits - s->count)) & 1);

    s->v = s->count < s->bits ? (s->v << s->count) & low_mask(s->bits) : 0;
    set_result_flags(s, cf, top(s->v, s->bits) ^ cf);
}

static void do_shr(Shift *s)
{
    bool cf = s->count <= s->bits && ((s->v >> (s->count - 1)) & 1);
    bool of = top(s->v, s->bits);

    s->v = s->count < s->bits ? s->v >> s->count : 0;
    set_result_flags(s, cf, s->count == 1 && of);
}

static void do_sar(Shift *s)
{
    int64_t v = sign_extend(s->v, s->bits / 8);
    unsigned n = MIN(s->count, s->bits - 1);
    bool cf = s->count > n ? v < 0 : (v >> (n - 1)) & 1;

    s->v = (uint64_t)(v >> n) & low_mask(s->bits);
    set_result_flags(s, cf, false);
}

static void do_shift(Shift *s, unsigned op)
{
    switch (op) {
    case SHIFT_ROL:
    case SHIFT_ROR:
        do_rol(s, op == SHIFT_ROR);
        break;
    case SHIFT_RCL:
    case SHIFT_RCR:
        do_rcl(s, op == SHIFT_RCR);
        break;
    case SHIFT_SHL:
        do_shl(s);
        break;
    case SHIFT_SHR:
        do_shr(s);
        break;
    default:
        do_sar(s);
        break;
    }
}

static unsigned shift_count(const X86CPU *cpu, const Insn *in)
{
    unsigned n = in->flags & IF_CL ? (unsigned)cpu->regs[R_ECX] : (unsigned)in->imm;

    return n & (in->size == 8 ? 63 : 31);
}

int op_shift(X86CPU *cpu, const Insn *in)
{
    Shift s = { .bits = in->size * 8u, .count = shift_count(cpu, in) };
    uint64_t old;
    Rmw m;
    int r = RET_NEXT;

    if (!(in->flags & IF_MEM)) {
        s.v = reg_rd(cpu, in->rd, in->size);
        if (s.count) {
            s.flags = cc_compute(cpu);
            do_shift(&s, in->aux);
            cc_set_flags(cpu, s.flags);
        }
        reg_wr(cpu, in->rd, in->size, s.v);   /* even by zero: 32-bit operands clear the upper half */
        return RET_NEXT;
    }
    if (rmw_open(cpu, &m, in, insn_ea(cpu, in), in->size, &old) < 0) {
        return RET_FAULT;
    }
    if (s.count) {
        s.v = old;
        s.flags = cc_compute(cpu);
        do_shift(&s, in->aux);
        r = rmw_commit(cpu, &m, old, s.v);
        if (r >= 0) {
            cc_set_flags(cpu, s.flags);
        }
    }
    return r;
}

/* The common shifts of a register by a constant that is not zero after masking. Counts may exceed short operands. */
int op_shl_ri(X86CPU *cpu, const Insn *in)
{
    uint64_t mask = low_mask(in->size * 8u), last = reg_rd(cpu, in->rd, in->size) << (in->imm - 1) & mask;

    cc_set(cpu, CC_OP(CC_SHL, __builtin_ctz(in->size)), last << 1 & mask, last);
    reg_wr(cpu, in->rd, in->size, cpu->cc_dst);
    return RET_NEXT;
}

int op_shr_ri(X86CPU *cpu, const Insn *in)
{
    uint64_t last = reg_rd(cpu, in->rd, in->size) >> (in->imm - 1);

    cc_set(cpu, CC_OP(CC_SHR, __builtin_ctz(in->size)), last >> 1, last);
    reg_wr(cpu, in->rd, in->size, cpu->cc_dst);
    return RET_NEXT;
}

int op_sar_ri(X86CPU *cpu, const Insn *in)
{
    uint64_t mask = low_mask(in->size * 8u);
    int64_t last = sign_extend(reg_rd(cpu, in->rd, in->size), in->size) >> (in->imm - 1);

    cc_set(cpu, CC_OP(CC_SHR, __builtin_ctz(in->size)), (uint64_t)(last >> 1) & mask, (uint64_t)last & mask);
    reg_wr(cpu, in->rd, in->size, cpu->cc_dst);
    return RET_NEXT;
}

/* shld and shrd: the operand and the bits that come in form one long value. */
static int double_shift(X86CPU *cpu, const Insn *in, bool right)
{
    unsigned bits = in->size * 8u, n = shift_count(cpu, in);
    uint64_t src = reg_rd(cpu, in->rs, in->size), old, v;
    uint32_t flags;
    bool cf;
    Rmw m;
    int r = RET_NEXT;

    if (in->flags & IF_MEM) {
        if (rmw_open(cpu, &m, in, insn_ea(cpu, in), in->size, &old) < 0) {
            return RET_FAULT;
        }
    } else {
        old = reg_rd(cpu, in->rd, in->size);
    }
    if (n == 0) {
        if (!(in->flags & IF_MEM)) {
            reg_wr(cpu, in->rd, in->size, old);
        }
        return RET_NEXT;
    }
    if (n > bits) {
        /* 16-bit operands, count 17 to 31: undefined; current processors go on with the source, then around. */
        uint64_t ring = right ? old | src << 16 | old << 32 : (old << 32 | src << 16 | old);

        v = right ? ring >> n : ring >> (32 - n);
        cf = right ? (ring >> (n - 1)) & 1 : (ring >> (48 - n)) & 1;
        v &= low_mask(bits);
    } else if (right) {
        v = (old >> n | src << (bits - n)) & low_mask(bits);
        cf = (old >> (n - 1)) & 1;
    } else {
        v = ((old << n) | (src >> (bits - n))) & low_mask(bits);
        cf = (old >> (bits - n)) & 1;
    }
    flags = cc_szp(v, in->size) | (cf ? FLAG_CF : 0) | (top(v, bits) != top(old, bits) ? FLAG_OF : 0);
    if (in->flags & IF_MEM) {
        r = rmw_commit(cpu, &m, old, v);
    } else {
        reg_wr(cpu, in->rd, in->size, v);
    }
    if (r >= 0) {
        cc_set_flags(cpu, flags);
    }
    return r;
}

int op_shld(X86CPU *cpu, const Insn *in)
{
    return double_shift(cpu, in, false);
}

int op_shrd(X86CPU *cpu, const Insn *in)
{
    return double_shift(cpu, in, true);
}
