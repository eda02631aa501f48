/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: loads, stores, arithmetic and comparison. See x87.h.
 */
#include "cpu/x87.h"

#include "cpu/flags.h"

/* ---- The frame of an instruction ---- */

FloatStatus x87_begin(X86CPU *cpu, const Insn *in)
{
    static const uint8_t precisions[4] = { 24, 64, 53, 64 };   /* the reserved one computes in full */
    X86FPU *fpu = &cpu->fpu;

    fpu->ip = insn_rip(cpu, in);
    fpu->cs = (uint16_t)cpu->segs[R_CS].selector;
    fpu->op = (uint16_t)in->imm;
    if (in->flags & IF_MEM) {
        fpu->dp = insn_ea(cpu, in);
        fpu->ds = (uint16_t)cpu->segs[in->seg].selector;
    }
    fpu->sw &= (uint16_t)~FPU_SW_C1;
    return (FloatStatus){
        .rounding = fpu->cw >> 10 & 3, .precision = precisions[fpu->cw >> 8 & 3], .masks = fpu->cw & FLOAT_ALL,
    };
}

bool x87_flag(X86FPU *fpu, uint8_t flags)
{
    fpu->sw |= flags;
    x87_set_control(fpu, fpu->cw);
    return !(flags & ~fpu->cw & (FLOAT_IE | FLOAT_DE | FLOAT_ZE));
}

bool x87_complete(X86FPU *fpu, const FloatStatus *s)
{
    if ((s->flags & FLOAT_PE) && s->rounded_up) {
        fpu->sw |= FPU_SW_C1;
    }
    return x87_flag(fpu, s->flags);
}

bool x87_overflow(X86FPU *fpu)
{
    fpu->sw |= FPU_SW_SF | FPU_SW_C1;
    return x87_flag(fpu, FLOAT_IE);
}

bool x87_underflow(X86FPU *fpu)
{
    fpu->sw = (fpu->sw & (uint16_t)~FPU_SW_C1) | FPU_SW_SF;
    return x87_flag(fpu, FLOAT_IE);
}

/* ---- Memory operands ---- */

static const uint8_t format_size[] = {
    [X87_F32] = 4, [X87_I32] = 4, [X87_F64] = 8, [X87_I16] = 2, [X87_I64] = 8, [X87_F80] = 8, [X87_BCD] = 8,
};

/* The operand's bytes; @high are the last two of a ten-byte one. */
static int load_bytes(X86CPU *cpu, const Insn *in, uint64_t *low, uint16_t *high)
{
    uint64_t ea = insn_ea(cpu, in);

    if (cpu_ld(cpu, in->seg, ea, format_size[in->rd], low) < 0) {
        return RET_FAULT;
    }
    *high = 0;
    return in->rd == X87_F80 || in->rd == X87_BCD ? cpu_ld16(cpu, in->seg, ea + 8, high) : RET_NEXT;
}

static int store_bytes(X86CPU *cpu, const Insn *in, uint64_t low, uint16_t high)
{
    uint64_t ea = insn_ea(cpu, in), lin;
    int r, r2;

    if (in->rd != X87_F80 && in->rd != X87_BCD) {
        return cpu_st(cpu, in->seg, ea, format_size[in->rd], low);
    }
    if (seg_linear(cpu, in->seg, ea, 10, true, &lin) < 0 || mmu_probe_write(cpu, lin, 10, in->seg) < 0) {
        return RET_FAULT;
    }
    r = cpu_st64(cpu, in->seg, ea, low);
    r2 = r < 0 ? r : cpu_st16(cpu, in->seg, ea + 8, high);
    return r2 < 0 ? r2 : r | r2;
}

static floatx80 to_register(const Insn *in, uint64_t low, uint16_t high, FloatStatus *s)
{
    switch ((X87Format)in->rd) {
    case X87_F32:
        return f32_to_fx80((float32)low, s);
    case X87_F64:
        return f64_to_fx80(low, s);
    case X87_I16:
        return fx80_from_i32((int16_t)low, s);
    case X87_I32:
        return fx80_from_i32((int32_t)low, s);
    case X87_I64:
        return fx80_from_i64((int64_t)low, s);
    case X87_F80:
        return (floatx80){ .mant = low, .se = high };
    case X87_BCD:
        return x87_from_bcd(low, high);
    }
    return FX80_DEFAULT_NAN;
}

static void from_register(const Insn *in, floatx80 v, uint64_t *low, uint16_t *high, FloatStatus *s)
{
    bool trunc = in->aux == X87_TRUNC_POP;

    switch ((X87Format)in->rd) {
    case X87_F32:
        *low = fx80_to_f32(v, s);
        break;
    case X87_F64:
        *low = fx80_to_f64(v, s);
        break;
    case X87_I16:
        *low = (uint16_t)(trunc ? fx80_to_i16_trunc(v, s) : fx80_to_i16(v, s));
        break;
    case X87_I32:
        *low = (uint32_t)(trunc ? fx80_to_i32_trunc(v, s) : fx80_to_i32(v, s));
        break;
    case X87_I64:
        *low = (uint64_t)(trunc ? fx80_to_i64_trunc(v, s) : fx80_to_i64(v, s));
        break;
    case X87_F80:
        *low = v.mant;
        *high = v.se;
        break;
    case X87_BCD:
        x87_to_bcd(v, s, low, high);
        break;
    }
}

int op_x87_fld_m(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    uint64_t low;
    uint16_t high;
    floatx80 v;

    if (fpu_check(cpu, FPU_WAITING) < 0 || load_bytes(cpu, in, &low, &high) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (!x87_empty(fpu, 7)) {
        if (x87_overflow(fpu)) {
            x87_push(fpu, FX80_DEFAULT_NAN);
        }
        return RET_NEXT;
    }
    v = to_register(in, low, high, &s);
    (void)x87_complete(fpu, &s);
    if (!(s.flags & ~s.masks & FLOAT_IE)) {   /* a denormal is loaded even if that is not masked */
        x87_push(fpu, v);
    }
    return RET_NEXT;
}

/* What a store of an empty register writes while that is masked: to_bcd and the like make it from a NaN. */
static bool store_value(X86FPU *fpu, const Insn *in, uint64_t *low, uint16_t *high, FloatStatus *s)
{
    FloatStatus ignored = { .masks = FLOAT_ALL };

    if (!x87_empty(fpu, 0)) {
        from_register(in, *x87_st(fpu, 0), low, high, s);
        return !(s->flags & ~s->masks & (uint8_t)~FLOAT_PE);
    }
    from_register(in, FX80_DEFAULT_NAN, low, high, &ignored);
    s->flags |= FLOAT_IE;
    return s->masks & FLOAT_IE;
}

int op_x87_fst_m(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    bool empty = x87_empty(fpu, 0), stored;
    FloatStatus s;
    uint64_t low = 0;
    uint16_t high = 0;
    int r = RET_NEXT;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = (FloatStatus){ .rounding = fpu->cw >> 10 & 3, .masks = fpu->cw & FLOAT_ALL };
    stored = store_value(fpu, in, &low, &high, &s);
    if (stored) {
        r = store_bytes(cpu, in, low, high);
        if (r < 0) {
            return r;
        }
    }
    (void)x87_begin(cpu, in);   /* its modes are those the value was made with */
    if (empty) {
        (void)x87_underflow(fpu);   /* store_value() has seen whether it is masked */
    } else {
        (void)x87_complete(fpu, &s);
    }
    if (stored && in->aux != X87_KEEP) {
        x87_pop(fpu);
    }
    return r;
}

/* ---- Arithmetic ---- */

static floatx80 arith(unsigned op, floatx80 a, floatx80 b, FloatStatus *s)
{
    switch (op) {
    case X87_ADD:
        return fx80_add(a, b, s);
    case X87_MUL:
        return fx80_mul(a, b, s);
    case X87_SUB:
        return fx80_sub(a, b, s);
    case X87_SUBR:
        return fx80_sub(b, a, s);
    case X87_DIV:
        return fx80_div(a, b, s);
    default:
        return fx80_div(b, a, s);
    }
}

static uint16_t relation_cc(FloatRelation r)
{
    switch (r) {
    case FLOAT_LESS:
        return FPU_SW_C0;
    case FLOAT_EQUAL:
        return FPU_SW_C3;
    case FLOAT_GREATER:
        return 0;
    default:
        return FPU_SW_C0 | FPU_SW_C2 | FPU_SW_C3;
    }
}

/* ST(0) against @b. False: an exception that is not masked; nothing pops. */
static bool compare_st0(X86FPU *fpu, bool missing, floatx80 b, bool signaling, FloatStatus *s)
{
    FloatRelation r = FLOAT_UNORDERED;

    if (missing) {
        x87_set_cc(fpu, relation_cc(r));
        return x87_underflow(fpu);
    }
    r = fx80_compare(*x87_st(fpu, 0), b, signaling, s);
    x87_set_cc(fpu, relation_cc(r));
    return x87_complete(fpu, s);
}

/* A memory operand as it takes part in arithmetic: its signaling NaN is still one. True: it was a denormal. */
static bool to_operand(const Insn *in, uint64_t low, floatx80 *ret)
{
    FloatStatus s = { .masks = FLOAT_ALL };

    *ret = to_register(in, low, 0, &s);
    if (s.flags & FLOAT_IE) {
        ret->mant &= ~(UINT64_C(1) << 62);
    }
    return s.flags & FLOAT_DE;
}

/* The denormal operand was normal once in the extended format, so the operation has not seen it (I3 of softfloat.h). */
static void add_denormal(FloatStatus *s, floatx80 a)
{
    if ((s->flags & (FLOAT_IE | FLOAT_ZE)) || fx80_is_nan(a) || fx80_is_unsupported(a)) {
        return;
    }
    s->flags |= FLOAT_DE;
    if (!(s->masks & FLOAT_DE)) {
        s->flags = FLOAT_DE;
    }
}

int op_x87_arith_m(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    uint64_t low;
    uint16_t high;
    floatx80 a = *x87_st(fpu, 0), b, v;
    bool denormal;

    if (fpu_check(cpu, FPU_WAITING) < 0 || load_bytes(cpu, in, &low, &high) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    denormal = to_operand(in, low, &b);
    if (x87_empty(fpu, 0)) {
        if (x87_underflow(fpu)) {
            x87_set_st(fpu, 0, FX80_DEFAULT_NAN);
        }
        return RET_NEXT;
    }
    v = arith(in->aux, a, b, &s);
    if (denormal) {
        add_denormal(&s, a);
    }
    if (x87_complete(fpu, &s)) {
        x87_set_st(fpu, 0, v);
    }
    return RET_NEXT;
}

int op_x87_com_m(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatRelation r = FLOAT_UNORDERED;
    FloatStatus s;
    uint64_t low;
    uint16_t high;
    floatx80 a = *x87_st(fpu, 0), b;
    bool denormal, ok;

    if (fpu_check(cpu, FPU_WAITING) < 0 || load_bytes(cpu, in, &low, &high) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    denormal = to_operand(in, low, &b);
    if (x87_empty(fpu, 0)) {
        ok = x87_underflow(fpu);
    } else {
        r = fx80_compare(a, b, true, &s);
        if (denormal) {
            add_denormal(&s, a);
        }
        ok = x87_complete(fpu, &s);
    }
    x87_set_cc(fpu, relation_cc(r));
    if (ok) {
        x87_pops(fpu, in->aux);
    }
    return RET_NEXT;
}

static int arith_registers(X86CPU *cpu, const Insn *in, unsigned dest, bool pop)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    floatx80 v = FX80_DEFAULT_NAN;
    bool ok;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (x87_empty(fpu, 0) || x87_empty(fpu, in->rs)) {
        ok = x87_underflow(fpu);
    } else {
        v = arith(in->aux, *x87_st(fpu, 0), *x87_st(fpu, in->rs), &s);
        ok = x87_complete(fpu, &s);
    }
    if (ok) {
        x87_set_st(fpu, dest, v);
        if (pop) {
            x87_pop(fpu);
        }
    }
    return RET_NEXT;
}

int op_x87_arith_r(X86CPU *cpu, const Insn *in)
{
    return arith_registers(cpu, in, 0, false);
}

int op_x87_arith_to(X86CPU *cpu, const Insn *in)
{
    return arith_registers(cpu, in, in->rs, in->rd != 0);
}

/* ---- Comparison ---- */

int op_x87_com(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (compare_st0(fpu, x87_empty(fpu, 0) || x87_empty(fpu, in->rs), *x87_st(fpu, in->rs),
                    !(in->aux & X87_QUIET), &s)) {
        x87_pops(fpu, in->aux);
    }
    return RET_NEXT;
}

int op_x87_ftst(X86CPU *cpu, const Insn *in)
{
    FloatStatus s;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    (void)compare_st0(&cpu->fpu, x87_empty(&cpu->fpu, 0), (floatx80){ 0 }, true, &s);   /* nothing pops */
    return RET_NEXT;
}

/* C1 stays, unless a register is missing; the flags are set even if that is not masked. */
int op_x87_comi(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatRelation r = FLOAT_UNORDERED;
    uint16_t c1 = fpu->sw & FPU_SW_C1;
    FloatStatus s;
    bool ok;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (x87_empty(fpu, 0) || x87_empty(fpu, in->rs)) {
        ok = x87_underflow(fpu);
    } else {
        r = fx80_compare(*x87_st(fpu, 0), *x87_st(fpu, in->rs), !(in->aux & X87_QUIET), &s);
        fpu->sw |= c1;
        ok = x87_complete(fpu, &s);
    }
    cc_set_flags(cpu, r == FLOAT_UNORDERED ? FLAG_ZF | FLAG_PF | FLAG_CF
                    : r == FLOAT_EQUAL ? FLAG_ZF : r == FLOAT_LESS ? FLAG_CF : 0);
    if (ok) {
        x87_pops(fpu, in->aux);
    }
    return RET_NEXT;
}

int op_x87_fxam(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    floatx80 v = *x87_st(fpu, 0);
    uint16_t cc;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    (void)x87_begin(cpu, in);   /* nothing is rounded */
    if (x87_empty(fpu, 0)) {
        cc = FPU_SW_C3 | FPU_SW_C0;
    } else if (fx80_is_unsupported(v)) {
        cc = 0;
    } else if (fx80_is_nan(v)) {
        cc = FPU_SW_C0;
    } else if (fx80_is_inf(v)) {
        cc = FPU_SW_C2 | FPU_SW_C0;
    } else if (fx80_is_zero(v)) {
        cc = FPU_SW_C3;
    } else {
        cc = fx80_is_denormal(v) ? FPU_SW_C3 | FPU_SW_C2 : FPU_SW_C2;
    }
    x87_set_cc(fpu, cc | (fx80_sign(v) ? FPU_SW_C1 : 0));
    return RET_NEXT;
}
