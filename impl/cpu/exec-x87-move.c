/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: what moves registers about without computing. See x87.h.
 */
#include "cpu/x87.h"

#include "cpu/flags.h"

int op_x87_fld_r(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (x87_empty(fpu, in->rs)) {
        if (x87_underflow(fpu)) {
            x87_push(fpu, FX80_DEFAULT_NAN);
        }
    } else if (!x87_empty(fpu, 7)) {
        if (x87_overflow(fpu)) {
            x87_push(fpu, FX80_DEFAULT_NAN);
        }
    } else {
        x87_push(fpu, *x87_st(fpu, in->rs));
    }
    return RET_NEXT;
}

/* fstpnce: an empty register is no error, it is only popped. */
int op_x87_fstpnce(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (!x87_empty(fpu, 0)) {
        x87_set_st(fpu, in->rs, *x87_st(fpu, 0));
    }
    x87_pop(fpu);
    return RET_NEXT;
}

int op_x87_fst_r(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (!x87_empty(fpu, 0)) {
        x87_set_st(fpu, in->rs, *x87_st(fpu, 0));
    } else if (x87_underflow(fpu)) {
        x87_set_st(fpu, in->rs, FX80_DEFAULT_NAN);
    } else {
        return RET_NEXT;
    }
    x87_pops(fpu, in->aux);
    return RET_NEXT;
}

/* As many bits as the processor has of them, for the directed modes; nearest is the last column. */
int op_x87_const(X86CPU *cpu, const Insn *in)
{
    static const struct {
        uint64_t down, up, nearest;
        uint16_t se;
    } constants[7] = {
        { UINT64_C(0x8000000000000000), UINT64_C(0x8000000000000000), UINT64_C(0x8000000000000000), 0x3fff },
        { UINT64_C(0xd49a784bcd1b8afe), UINT64_C(0xd49a784bcd1b8aff), UINT64_C(0xd49a784bcd1b8afe), 0x4000 },
        { UINT64_C(0xb8aa3b295c17f0bb), UINT64_C(0xb8aa3b295c17f0bc), UINT64_C(0xb8aa3b295c17f0bc), 0x3fff },
        { UINT64_C(0xc90fdaa22168c234), UINT64_C(0xc90fdaa22168c235), UINT64_C(0xc90fdaa22168c235), 0x4000 },
        { UINT64_C(0x9a209a84fbcff798), UINT64_C(0x9a209a84fbcff799), UINT64_C(0x9a209a84fbcff799), 0x3ffd },
        { UINT64_C(0xb17217f7d1cf79ab), UINT64_C(0xb17217f7d1cf79ac), UINT64_C(0xb17217f7d1cf79ac), 0x3ffe },
        { 0, 0, 0, 0 },
    };
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    floatx80 v = { .se = constants[in->aux].se, .mant = constants[in->aux].down };

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (s.rounding == FLOAT_ROUND_NEAREST || s.rounding == FLOAT_ROUND_UP) {
        v.mant = s.rounding == FLOAT_ROUND_UP ? constants[in->aux].up : constants[in->aux].nearest;
    }
    if (x87_empty(fpu, 7)) {
        x87_push(fpu, v);
    } else if (x87_overflow(fpu)) {
        x87_push(fpu, FX80_DEFAULT_NAN);
    }
    return RET_NEXT;
}

int op_x87_fxch(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    floatx80 a, b;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    a = x87_empty(fpu, 0) ? FX80_DEFAULT_NAN : *x87_st(fpu, 0);
    b = x87_empty(fpu, in->rs) ? FX80_DEFAULT_NAN : *x87_st(fpu, in->rs);
    if ((x87_empty(fpu, 0) || x87_empty(fpu, in->rs)) && !x87_underflow(fpu)) {
        return RET_NEXT;
    }
    x87_set_st(fpu, 0, b);
    x87_set_st(fpu, in->rs, a);
    return RET_NEXT;
}

int op_x87_sign(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    floatx80 *v = x87_st(fpu, 0);

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (x87_empty(fpu, 0)) {
        if (x87_underflow(fpu)) {
            x87_set_st(fpu, 0, FX80_DEFAULT_NAN);
        }
    } else {
        v->se = in->aux == X87_FCHS ? v->se ^ 0x8000 : v->se & 0x7fff;
    }
    return RET_NEXT;
}

int op_x87_fcmov(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    uint16_t c1 = fpu->sw & FPU_SW_C1;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (x87_empty(fpu, 0) || x87_empty(fpu, in->rs)) {
        if (x87_underflow(fpu)) {
            x87_set_st(fpu, 0, FX80_DEFAULT_NAN);
        }
        return RET_NEXT;
    }
    fpu->sw |= c1;   /* it stays, unless a register is missing */
    if (cc_test(cpu, in->aux)) {
        x87_set_st(fpu, 0, *x87_st(fpu, in->rs));
    }
    return RET_NEXT;
}

int op_x87_ffree(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    fpu->tags |= (uint8_t)(1u << ((fpu->top + in->rs) & 7));
    x87_pops(fpu, in->aux);
    return RET_NEXT;
}

int op_x87_rotate(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    cpu->fpu.top = (cpu->fpu.top + in->aux) & 7;
    return RET_NEXT;
}

int op_x87_fnop(X86CPU *cpu, const Insn *in)
{
    uint16_t c1 = cpu->fpu.sw & FPU_SW_C1;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    cpu->fpu.sw |= c1;          /* this one leaves it alone */
    return RET_NEXT;
}
