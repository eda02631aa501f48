/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the handlers of x87 instructions share. Internal to exec-x87*.c and decode-x87.c.
 *
 * Insn fields: imm is the low eleven bits of the opcode, aux a sub-operation, rd the format of the memory operand
 * (X87Format), rs the number of the stack register, size the operand size of the code (2 or 4).
 *
 * An instruction first sees to it that it may run and that its memory operand is there, then changes the x87 state
 * (x87_begin), computes with the status it gets from that, and puts flags back (x87_complete). An exception that is
 * not masked stays pending in the status word; the next waiting instruction reports it.
 * Source: SDM volume 1, chapter 8; volume 2.
 */
#ifndef CPU_X87_H
#define CPU_X87_H

#include "cpu/insn.h"

typedef enum X87Format { X87_F32, X87_I32, X87_F64, X87_I16, X87_F80, X87_I64, X87_BCD } X87Format;

/* aux of arithmetic: as the reg field of the opcode; operand order is ST(0), other. */
enum { X87_ADD, X87_MUL, X87_COM, X87_COMP, X87_SUB, X87_SUBR, X87_DIV, X87_DIVR };

OpFunc op_x87_arith_m, op_x87_arith_r, op_x87_arith_to, op_x87_fld_m, op_x87_fld_r, op_x87_fst_m, op_x87_fst_r,
    op_x87_com_m, op_x87_fstpnce, op_x87_const, op_x87_fxch, op_x87_sign, op_x87_fxam, op_x87_ftst, op_x87_com,
    op_x87_comi, op_x87_fcmov, op_x87_ffree, op_x87_rotate, op_x87_fnop, op_x87_unary, op_x87_fscale,
    op_x87_fprem, op_x87_fxtract, op_x87_trig, op_x87_log, op_x87_fldcw, op_x87_fnstcw, op_x87_fnstsw,
    op_x87_fnstsw_ax, op_x87_fnclex, op_x87_fninit, op_x87_fldenv, op_x87_fnstenv, op_x87_frstor,
    op_x87_fnsave, op_x87_ignored, op_fwait;

/* aux of the handlers above that serve several instructions */
enum { X87_KEEP, X87_POP, X87_POP2, X87_TRUNC_POP };                     /* fst, com: pops; fisttp */
enum { X87_QUIET = 4 };                                                  /* com, comi: or'ed to it for fucom */
enum { X87_FCHS, X87_FABS };
enum { X87_FSQRT, X87_FRNDINT, X87_F2XM1 };
enum { X87_FSIN, X87_FCOS, X87_FSINCOS, X87_FPTAN };
enum { X87_FYL2X, X87_FYL2XP1, X87_FPATAN };

/* ---- exec-x87.c ---- */

/** x87_begin: an instruction that computes: records where it is, clears C1. Its modes, no flags yet. */
FloatStatus x87_begin(X86CPU *cpu, const Insn *in);
/** x87_complete: flags and C1. False: an exception of the operands is not masked, the result does not count. */
bool x87_complete(X86FPU *fpu, const FloatStatus *s);
/** x87_flag: the same for flags that come without a computation. */
bool x87_flag(X86FPU *fpu, uint8_t flags);
/** x87_overflow / x87_underflow: stack faults. True: masked; go on with the default NaN. */
bool x87_overflow(X86FPU *fpu);
bool x87_underflow(X86FPU *fpu);

static inline floatx80 *x87_st(X86FPU *fpu, unsigned i)
{
    return &fpu->st[(fpu->top + i) & 7];
}

static inline bool x87_empty(const X86FPU *fpu, unsigned i)
{
    return fpu->tags >> ((fpu->top + i) & 7) & 1;
}

static inline void x87_set_st(X86FPU *fpu, unsigned i, floatx80 v)
{
    *x87_st(fpu, i) = v;
    fpu->tags &= (uint8_t)~(1u << ((fpu->top + i) & 7));
}

static inline void x87_pop(X86FPU *fpu)
{
    fpu->tags |= (uint8_t)(1u << fpu->top);
    fpu->top = (fpu->top + 1) & 7;
}

static inline void x87_push(X86FPU *fpu, floatx80 v)
{
    fpu->top = (fpu->top - 1) & 7;
    x87_set_st(fpu, 0, v);
}

/** x87_pops: as aux of comparisons and stores says. */
static inline void x87_pops(X86FPU *fpu, unsigned aux)
{
    for (unsigned n = aux & 3; n; n--) {
        x87_pop(fpu);
    }
}

static inline void x87_set_cc(X86FPU *fpu, uint16_t cc)
{
    fpu->sw = (fpu->sw & (uint16_t)~FPU_SW_CC) | cc;
}

/* ---- exec-x87-env.c ---- */

/** BCD: eighteen digits and a sign in ten bytes. */
floatx80 x87_from_bcd(uint64_t low, uint16_t high);
void x87_to_bcd(floatx80 v, FloatStatus *s, uint64_t *low, uint16_t *high);

#endif
