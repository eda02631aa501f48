/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy arithmetic flags: an operation leaves its result and operands, a reader works the flags out.
 *
 * cc_op is a kind times four plus log2 of the size in bytes. cc_dst is the result, cc_src the second operand,
 * both zero-extended; cc_src2 the carry that went in (adc, sbb). For CC_EFLAGS cc_src holds the six flags.
 * inc and dec keep CF: they put the old one in cc_src. Shifts put there what one place less would have given
 * (CC_SHR: both kinds of shifts to the right), multiplications whether the result was too long.
 */
#ifndef CPU_FLAGS_H
#define CPU_FLAGS_H

#include "cpu/cpu.h"

enum { CC_EFLAGS, CC_ADD, CC_SUB, CC_LOGIC, CC_ADC, CC_SBB, CC_INC, CC_DEC, CC_SHL, CC_SHR, CC_MUL };

#define CC_OP(kind, log2size) ((kind) * 4u + (log2size))

/** cc_compute: the six arithmetic flags. */
uint32_t cc_compute(const X86CPU *cpu);
bool cc_carry(const X86CPU *cpu);
/** cc_test: condition code @cond 0..15 as instructions encode it. */
bool cc_test(const X86CPU *cpu, unsigned cond);

static inline void cc_set(X86CPU *cpu, uint32_t op, uint64_t dst, uint64_t src)
{
    cpu->cc_op = op;
    cpu->cc_dst = dst;
    cpu->cc_src = src;
}

static inline void cc_set_flags(X86CPU *cpu, uint32_t flags)
{
    cpu->cc_op = CC_OP(CC_EFLAGS, 0);
    cpu->cc_src = flags & FLAGS_ARITH;
}

/** cc_szp: SF, ZF and PF of a result of @size bytes. */
static inline uint32_t cc_szp(uint64_t res, unsigned size)
{
    uint64_t r = res << (64 - size * 8);

    return (r ? 0 : FLAG_ZF) | (r >> 63 ? FLAG_SF : 0) |
           (__builtin_parity((unsigned)(res & 0xff)) ? 0 : FLAG_PF);
}

#endif
