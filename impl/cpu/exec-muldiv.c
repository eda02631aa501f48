/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiplication, division and the decimal adjustments.
 * Flags that the manual leaves undefined (SF ZF AF PF of mul, all of div) follow current Intel processors where
 * software is known to look (SF of imul), else stay as they were.
 * Source: SDM volume 2.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 S128;

/* ---- Multiply ---- */

static void mul_flags(X86CPU *cpu, bool overflow, uint64_t lo, unsigned size)
{
    cc_set(cpu, CC_OP(CC_MUL, __builtin_ctz(size)), lo, overflow);
}

static void store_product(X86CPU *cpu, unsigned size, uint64_t lo, uint64_t hi)
{
    if (size == 1) {
        reg_wr(cpu, R_EAX * 8, 2, (lo & 0xff) | hi << 8);
        return;
    }
    reg_wr(cpu, R_EAX * 8, size, lo);
    reg_wr(cpu, R_EDX * 8, size, hi);
}

int op_mul(X86CPU *cpu, const Insn *in)
{
    unsigned bits = in->size * 8u;
    uint64_t mask = size_bits_mask(in->size), src, hi;
    U128 p;

    if (insn_load_rm(cpu, in, in->size, &src) < 0) {
        return RET_FAULT;
    }
    p = (U128)(cpu->regs[R_EAX] & mask) * src;
    hi = (uint64_t)(p >> bits) & mask;
    store_product(cpu, in->size, (uint64_t)p & mask, hi);
    mul_flags(cpu, hi != 0, (uint64_t)p & mask, in->size);
    return RET_NEXT;
}

int op_imul1(X86CPU *cpu, const Insn *in)
{
    unsigned bits = in->size * 8u;
    uint64_t mask = size_bits_mask(in->size), src, lo;
    S128 p;

    if (insn_load_rm(cpu, in, in->size, &src) < 0) {
        return RET_FAULT;
    }
    p = (S128)sign_extend(cpu->regs[R_EAX], in->size) * sign_extend(src, in->size);
    lo = (uint64_t)p & mask;
    store_product(cpu, in->size, lo, (uint64_t)(p >> bits) & mask);
    mul_flags(cpu, p != sign_extend(lo, in->size), lo, in->size);
    return RET_NEXT;
}

/* imul r, r/m and imul r, r/m, imm (aux is 1): the source is memory or rs. */
int op_imul(X86CPU *cpu, const Insn *in)
{
    uint64_t src, lo;
    S128 p;

    if (in->flags & IF_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), in->size, &src) < 0) {
            return RET_FAULT;
        }
    } else {
        src = reg_rd(cpu, in->rs, in->size);
    }
    p = (S128)sign_extend(src, in->size) *
        (in->aux ? in->imm : sign_extend(reg_rd(cpu, in->rd, in->size), in->size));
    lo = (uint64_t)p & size_bits_mask(in->size);
    reg_wr(cpu, in->rd, in->size, lo);
    mul_flags(cpu, p != sign_extend(lo, in->size), lo, in->size);
    return RET_NEXT;
}

/* ---- Divide ---- */

static U128 load_dividend(const X86CPU *cpu, unsigned size)
{
    uint64_t mask = size_bits_mask(size);

    if (size == 1) {
        return cpu->regs[R_EAX] & 0xffff;
    }
    return (U128)(cpu->regs[R_EDX] & mask) << (size * 8) | (cpu->regs[R_EAX] & mask);
}

static void store_quotient(X86CPU *cpu, unsigned size, uint64_t q, uint64_t r)
{
    if (size == 1) {
        reg_wr(cpu, R_EAX * 8, 2, (q & 0xff) | (r & 0xff) << 8);
        return;
    }
    reg_wr(cpu, R_EAX * 8, size, q);
    reg_wr(cpu, R_EDX * 8, size, r);
}

int op_div(X86CPU *cpu, const Insn *in)
{
    U128 n = load_dividend(cpu, in->size), q;
    uint64_t d;

    if (insn_load_rm(cpu, in, in->size, &d) < 0) {
        return RET_FAULT;
    }
    if (d == 0) {
        return cpu_raise(cpu, EXC_DE);
    }
    q = n / d;
    if (q > size_bits_mask(in->size)) {
        return cpu_raise(cpu, EXC_DE);
    }
    store_quotient(cpu, in->size, (uint64_t)q, (uint64_t)(n % d));
    return RET_NEXT;
}

int op_idiv(X86CPU *cpu, const Insn *in)
{
    unsigned shift = 128 - in->size * 16u;
    S128 n = (S128)(load_dividend(cpu, in->size) << shift) >> shift, q;
    uint64_t raw;
    int64_t d;

    if (insn_load_rm(cpu, in, in->size, &raw) < 0) {
        return RET_FAULT;
    }
    d = sign_extend(raw, in->size);
    /* The most negative dividend by -1 overflows 128 bits; it is out of range at any size. */
    if (d == 0 || (d == -1 && n == (S128)((U128)1 << 127))) {
        return cpu_raise(cpu, EXC_DE);
    }
    q = n / d;
    if (q != sign_extend((uint64_t)q, in->size)) {
        return cpu_raise(cpu, EXC_DE);
    }
    store_quotient(cpu, in->size, (uint64_t)q, (uint64_t)(n % d));
    return RET_NEXT;
}

/* ---- Decimal ---- */

#define AL (*REGP(uint8_t, R_EAX * 8))
#define AH (*REGP(uint8_t, R_EAX * 8 + 1))

static int ascii_adjust(X86CPU *cpu, bool subtract)
{
    uint32_t f = cc_compute(cpu);
    bool adjust = (AL & 15) > 9 || (f & FLAG_AF);

    if (adjust) {
        uint16_t ax = *REGP(uint16_t, R_EAX * 8);

        ax = (uint16_t)(subtract ? ax - 6 : ax + 0x106);
        *REGP(uint16_t, R_EAX * 8) = ax;
        if (subtract) {
            AH--;
        }
    }
    AL &= 15;
    cc_set_flags(cpu, (adjust ? FLAG_AF | FLAG_CF : 0) | cc_szp(AL, 1));
    return RET_NEXT;
}

int op_aaa(X86CPU *cpu, const Insn *in)
{
    return ascii_adjust(cpu, false);
}

int op_aas(X86CPU *cpu, const Insn *in)
{
    return ascii_adjust(cpu, true);
}

int op_aam(X86CPU *cpu, const Insn *in)
{
    uint8_t base = (uint8_t)in->imm, al = AL;

    if (base == 0) {
        return cpu_raise(cpu, EXC_DE);
    }
    AH = al / base;
    AL = al % base;
    cc_set_flags(cpu, cc_szp(AL, 1));
    return RET_NEXT;
}

int op_aad(X86CPU *cpu, const Insn *in)
{
    AL = (uint8_t)(AL + AH * (uint8_t)in->imm);
    AH = 0;
    cc_set_flags(cpu, cc_szp(AL, 1));
    return RET_NEXT;
}

static int decimal_adjust(X86CPU *cpu, bool subtract)
{
    uint32_t f = cc_compute(cpu), out = 0;
    uint8_t old = AL;
    bool cf = f & FLAG_CF;

    if ((old & 15) > 9 || (f & FLAG_AF)) {
        out |= FLAG_AF;
        out |= cf || (subtract ? old < 6 : old > 0xf9) ? FLAG_CF : 0;
        AL = (uint8_t)(subtract ? AL - 6 : AL + 6);
    }
    if (old > 0x99 || cf) {
        AL = (uint8_t)(subtract ? AL - 0x60 : AL + 0x60);
        out |= FLAG_CF;
    } else if (!subtract) {
        out &= ~FLAG_CF;
    }
    cc_set_flags(cpu, out | cc_szp(AL, 1));
    return RET_NEXT;
}

int op_daa(X86CPU *cpu, const Insn *in)
{
    return decimal_adjust(cpu, false);
}

int op_das(X86CPU *cpu, const Insn *in)
{
    return decimal_adjust(cpu, true);
}
