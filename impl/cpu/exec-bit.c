/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single bits and bit counts. Source: SDM volume 2, BT, BSF, BSR, TZCNT, LZCNT, POPCNT.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

static uint64_t bt_apply(uint64_t v, uint64_t bit, unsigned op)
{
    switch (op) {
    case BT_SET:
        return v | bit;
    case BT_RESET:
        return v & ~bit;
    case BT_COMPLEMENT:
        return v ^ bit;
    default:
        return v;
    }
}

/* Only CF is defined; the others keep their values, as processors do. */
static void bt_flags(X86CPU *cpu, bool cf)
{
    cc_set_flags(cpu, (cc_compute(cpu) & ~FLAG_CF) | (cf ? FLAG_CF : 0));
}

/* The bit number is imm, or the register rs when that is given; then memory is a bit string of any length. */
int op_bt(X86CPU *cpu, const Insn *in)
{
    unsigned bits = in->size * 8u;
    bool from_reg = in->rs != REG_OFF_NONE;
    uint64_t n = from_reg ? reg_rd(cpu, in->rs, in->size) : (uint64_t)in->imm;
    uint64_t bit = UINT64_C(1) << (n & (bits - 1)), old, ea;
    int r = RET_NEXT;
    Rmw m;

    if (!(in->flags & IF_MEM)) {
        old = reg_rd(cpu, in->rd, in->size);
        if (in->aux != BT_TEST) {
            reg_wr(cpu, in->rd, in->size, bt_apply(old, bit, in->aux));
        }
        bt_flags(cpu, old & bit);
        return RET_NEXT;
    }
    ea = insn_ea(cpu, in);
    if (from_reg) {
        ea += (uint64_t)((sign_extend(n, in->size) >> __builtin_ctz(bits)) * in->size);
        ea = ea << in->ashift >> in->ashift;
    }
    if (in->aux == BT_TEST) {
        if (cpu_ld(cpu, in->seg, ea, in->size, &old) < 0) {
            return RET_FAULT;
        }
    } else {
        do {
            if (rmw_open(cpu, &m, in, ea, in->size, &old) < 0) {
                return RET_FAULT;
            }
            r = rmw_commit(cpu, &m, old, bt_apply(old, bit, in->aux));
        } while (r == RMW_RETRY);
    }
    if (r >= 0) {
        bt_flags(cpu, old & bit);
    }
    return r;
}

static int load_count_src(X86CPU *cpu, const Insn *in, uint64_t *v)
{
    if (in->flags & IF_MEM) {
        return cpu_ld(cpu, in->seg, insn_ea(cpu, in), in->size, v);
    }
    *v = reg_rd(cpu, in->rs, in->size);
    return RET_NEXT;
}

/* A zero source leaves the destination alone, as AMD documents and Intel does. */
static int bit_scan(X86CPU *cpu, const Insn *in, bool reverse)
{
    uint64_t v;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    if (v) {
        reg_wr(cpu, in->rd, in->size, (uint64_t)(reverse ? 63 - __builtin_clzll(v) : __builtin_ctzll(v)));
    }
    cc_set_flags(cpu, (cc_compute(cpu) & ~FLAG_ZF) | (v ? 0 : FLAG_ZF));
    return RET_NEXT;
}

int op_bsf(X86CPU *cpu, const Insn *in)
{
    return bit_scan(cpu, in, false);
}

int op_bsr(X86CPU *cpu, const Insn *in)
{
    return bit_scan(cpu, in, true);
}

static int zero_count(X86CPU *cpu, const Insn *in, bool leading)
{
    unsigned bits = in->size * 8u, n = bits;
    uint64_t v;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    if (v) {
        n = leading ? (unsigned)__builtin_clzll(v) - (64 - bits) : (unsigned)__builtin_ctzll(v);
    }
    reg_wr(cpu, in->rd, in->size, n);
    cc_set_flags(cpu, (cc_compute(cpu) & ~(FLAG_CF | FLAG_ZF)) | (v ? 0 : FLAG_CF) | (n ? 0 : FLAG_ZF));
    return RET_NEXT;
}

int op_tzcnt(X86CPU *cpu, const Insn *in)
{
    return zero_count(cpu, in, false);
}

int op_lzcnt(X86CPU *cpu, const Insn *in)
{
    return zero_count(cpu, in, true);
}

int op_popcnt(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, in->size, (uint64_t)__builtin_popcountll(v));
    cc_set_flags(cpu, v ? 0 : FLAG_ZF);
    return RET_NEXT;
}

/* ---- BMI1 ---- */

/* andn rd, rs, r/m: the inverted source register number is in aux. */
int op_andn(X86CPU *cpu, const Insn *in)
{
    uint64_t v, r;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    r = ~reg_rd(cpu, in->aux, in->size) & v & size_bits_mask(in->size);
    reg_wr(cpu, in->rd, in->size, r);
    cc_set_flags(cpu, cc_szp(r, in->size) & ~FLAG_PF);
    return RET_NEXT;
}

/* bextr rd, r/m, rs: the register with start and length is in aux. */
int op_bextr(X86CPU *cpu, const Insn *in)
{
    unsigned bits = in->size * 8u;
    uint64_t v, control = reg_rd(cpu, in->aux, in->size);
    unsigned start = control & 0xff, len = (control >> 8) & 0xff;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    v = start < bits ? v >> start : 0;
    v &= len < bits ? (UINT64_C(1) << len) - 1 : UINT64_MAX;
    reg_wr(cpu, in->rd, in->size, v);
    cc_set_flags(cpu, v ? 0 : FLAG_ZF);
    return RET_NEXT;
}

/* blsi, blsmsk, blsr. imm is BLS_*. */
int op_bls(X86CPU *cpu, const Insn *in)
{
    uint64_t v, r;
    bool cf;

    if (load_count_src(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    switch (in->imm) {
    case BLS_BLSI:
        r = v & -v;
        cf = v != 0;
        break;
    case BLS_BLSMSK:
        r = v ^ (v - 1);
        cf = v == 0;
        break;
    default:
        r = v & (v - 1);
        cf = v == 0;
        break;
    }
    r &= size_bits_mask(in->size);
    reg_wr(cpu, in->rd, in->size, r);
    cc_set_flags(cpu, (cc_szp(r, in->size) & ~FLAG_PF) | (cf ? FLAG_CF : 0));
    return RET_NEXT;
}
