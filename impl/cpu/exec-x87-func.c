/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: functions of one or two registers, from square root to sine. See x87.h.
 *
 * Transcendental functions are the C library's in long double: they differ from a processor's, and between hosts,
 * in the last bits, as they do between processors. Arguments of the trigonometric ones are reduced by the 66 bits of
 * pi that processors have, so that large ones agree too. They are always flagged inexact, as the manual allows.
 * Source: SDM volume 1, 8.3.6 to 8.3.10; volume 2.
 */
#include <math.h>

#include "cpu/x87.h"

/* ---- Through long double ---- */

static long double to_host(floatx80 v)
{
    long double r = ldexpl((long double)v.mant, (fx80_exp(v) ? (int)fx80_exp(v) : 1) - 16383 - 63);

    if (fx80_exp(v) == 0x7fff) {
        r = INFINITY;   /* NaNs do not come here */
    }
    return fx80_sign(v) ? -r : r;
}

static floatx80 from_host(long double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    uint64_t mant;
    int exp;

    v = fabsl(v);
    if (isnan(v)) {
        return FX80_DEFAULT_NAN;
    }
    if (isinf(v)) {
        return (floatx80){ .mant = UINT64_C(1) << 63, .se = sign | 0x7fff };
    }
    if (v == 0) {
        return (floatx80){ .se = sign };
    }
    mant = (uint64_t)ldexpl(frexpl(v, &exp), 64);
    exp += 16382;
    if (exp <= 0) {
        return (floatx80){ .mant = exp > -63 ? mant >> (1 - exp) : 0, .se = sign };
    }
    return (floatx80){ .mant = mant, .se = (uint16_t)(sign | exp) };
}

/* Flags of an inexact result that is already rounded. */
static floatx80 inexact(floatx80 v, FloatStatus *s)
{
    s->rounded_up = false;
    s->flags |= FLOAT_PE | (fx80_exp(v) == 0 ? FLOAT_UE : 0);
    return v;
}

static bool is_odd(floatx80 v)
{
    return fx80_is_nan(v) || fx80_is_unsupported(v);
}

static floatx80 invalid(FloatStatus *s)
{
    s->flags |= FLOAT_IE;
    return FX80_DEFAULT_NAN;
}

/* ---- One register ---- */

static floatx80 f2xm1(floatx80 v, FloatStatus *s)
{
    if (is_odd(v)) {
        return fx80_nan1(v, s);
    }
    if (fx80_is_zero(v)) {
        return v;
    }
    if (fx80_is_inf(v)) {
        return fx80_sign(v) ? (floatx80){ .mant = UINT64_C(1) << 63, .se = 0xbfff } : v;
    }
    s->flags |= fx80_is_denormal(v) ? FLOAT_DE : 0;
    if (fx80_exp(v) >= 16384) {
        return inexact(v, s);   /* beyond what is defined: as it is */
    }
    return inexact(from_host(expm1l(to_host(v) * 0.693147180559945309417232121458176568L)), s);
}

int op_x87_unary(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    floatx80 v = FX80_DEFAULT_NAN, a = *x87_st(fpu, 0);
    bool ok;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (x87_empty(fpu, 0)) {
        ok = x87_underflow(fpu);
    } else {
        v = in->aux == X87_FSQRT ? fx80_sqrt(a, &s) : in->aux == X87_FRNDINT ? fx80_round_to_int(a, &s) : f2xm1(a, &s);
        ok = x87_complete(fpu, &s);
    }
    if (ok) {
        x87_set_st(fpu, 0, v);
    }
    return RET_NEXT;
}

/* ---- Two registers, exact ---- */

/* Both are there? If not, the default NaN is what a masked stack fault leaves in ST(0). */
static bool both_there(X86FPU *fpu)
{
    if (!x87_empty(fpu, 0) && !x87_empty(fpu, 1)) {
        return true;
    }
    if (x87_underflow(fpu)) {
        x87_set_st(fpu, 0, FX80_DEFAULT_NAN);
    }
    return false;
}

int op_x87_fscale(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    floatx80 v;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (both_there(fpu)) {
        v = fx80_scale(*x87_st(fpu, 0), *x87_st(fpu, 1), &s);
        if (x87_complete(fpu, &s)) {
            x87_set_st(fpu, 0, v);
        }
    }
    return RET_NEXT;
}

int op_x87_fprem(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    uint64_t q;
    bool partial;
    floatx80 v;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    fpu->sw &= (uint16_t)~FPU_SW_C2;
    if (both_there(fpu)) {
        v = fx80_rem(*x87_st(fpu, 0), *x87_st(fpu, 1), in->aux, &q, &partial, &s);
        if (x87_complete(fpu, &s)) {
            x87_set_st(fpu, 0, v);
            if (!fx80_is_nan(v)) {
                x87_set_cc(fpu, (q & 1 ? FPU_SW_C1 : 0) | (q & 2 ? FPU_SW_C3 : 0) | (q & 4 ? FPU_SW_C0 : 0) |
                           (partial ? FPU_SW_C2 : 0));
            }
        }
    }
    return RET_NEXT;
}

static void extract(floatx80 v, floatx80 *exp, floatx80 *mant, FloatStatus *s)
{
    *exp = *mant = v;
    if (is_odd(v)) {
        *exp = *mant = fx80_nan1(v, s);
    } else if (fx80_is_inf(v)) {
        exp->se &= 0x7fff;
    } else if (fx80_is_zero(v)) {
        s->flags |= FLOAT_ZE;
        *exp = (floatx80){ .mant = UINT64_C(1) << 63, .se = 0xffff };
    } else {
        int n = __builtin_clzll(v.mant);

        s->flags |= fx80_is_denormal(v) ? FLOAT_DE : 0;
        *exp = fx80_from_i32((fx80_exp(v) ? (int)fx80_exp(v) : 1) - 16383 - n, s);
        *mant = (floatx80){ .mant = v.mant << n, .se = (v.se & 0x8000) | 0x3fff };
    }
}

int op_x87_fxtract(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    FloatStatus s;
    floatx80 exp = FX80_DEFAULT_NAN, mant = FX80_DEFAULT_NAN;
    bool ok;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (x87_empty(fpu, 0)) {
        ok = x87_underflow(fpu);
    } else if (!x87_empty(fpu, 7)) {
        ok = x87_overflow(fpu);
    } else {
        extract(*x87_st(fpu, 0), &exp, &mant, &s);
        ok = x87_complete(fpu, &s);
    }
    if (ok) {
        x87_set_st(fpu, 0, exp);
        x87_push(fpu, mant);
    }
    return RET_NEXT;
}

/* ---- Trigonometry ---- */

__extension__ typedef unsigned __int128 u128;

enum { PI_BITS = 66 };

/* @v, at least 2^-2 and less than 2^63, by multiples of half of pi. Returns the quadrant. */
static unsigned reduce(floatx80 v, long double *rest)
{
    const u128 half_pi = (u128)3 << 64 | UINT64_C(0x243f6a8885a308d3);   /* pi/2 times 2^65, exactly what is used */
    u128 r = v.mant;
    int steps = (int)fx80_exp(v) - 16383 - 63 + 65;   /* v = mant * 2^(exp - 63): to the scale of half_pi */
    unsigned quadrant = 0;

    for (; steps > 0; steps--) {
        r <<= 1;
        quadrant <<= 1;
        if (r >= half_pi) {
            r -= half_pi;
            quadrant |= 1;
        }
    }
    if (r > half_pi / 2) {   /* nearer to the next multiple */
        *rest = -ldexpl((long double)(half_pi - r), -65);
        return quadrant + 1;
    }
    *rest = ldexpl((long double)r, -65);
    return quadrant;
}

static void sin_cos(floatx80 v, long double *ret_sin, long double *ret_cos)
{
    long double x, s, c;
    unsigned quadrant = 0;

    if (fx80_exp(v) < 16383 - 1) {
        x = fabsl(to_host(v));
    } else {
        quadrant = reduce(v, &x);
    }
    s = quadrant & 1 ? cosl(x) : sinl(x);
    c = quadrant & 1 ? -sinl(x) : cosl(x);
    if (quadrant & 2) {
        s = -s;
        c = -c;
    }
    *ret_sin = fx80_sign(v) ? -s : s;
    *ret_cos = c;
}

/* The results for @v; @second is what fsincos and fptan push. False: out of range, nothing happens but C2. */
static bool trig(unsigned op, floatx80 v, floatx80 *first, floatx80 *second, FloatStatus *s)
{
    const floatx80 one = { .mant = UINT64_C(1) << 63, .se = 0x3fff };
    long double sine, cosine;

    *second = one;
    if (is_odd(v) || fx80_is_inf(v)) {
        *first = *second = is_odd(v) ? fx80_nan1(v, s) : invalid(s);
        return true;
    }
    if (fx80_exp(v) >= 16383 + 63) {
        return false;
    }
    if (fx80_is_zero(v)) {
        *first = op == X87_FCOS ? one : v;
        return true;
    }
    s->flags |= fx80_is_denormal(v) ? FLOAT_DE : 0;
    sin_cos(v, &sine, &cosine);
    *first = inexact(from_host(op == X87_FCOS ? cosine : op == X87_FPTAN ? sine / cosine : sine), s);
    if (op == X87_FSINCOS) {
        *second = from_host(cosine);
    }
    return true;
}

int op_x87_trig(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    bool pushes = in->aux == X87_FSINCOS || in->aux == X87_FPTAN, ok;
    FloatStatus s;
    floatx80 first = FX80_DEFAULT_NAN, second = FX80_DEFAULT_NAN;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    fpu->sw &= (uint16_t)~FPU_SW_C2;
    if (x87_empty(fpu, 0)) {
        ok = x87_underflow(fpu);
    } else if (pushes && !x87_empty(fpu, 7)) {
        ok = x87_overflow(fpu);
    } else if (!trig(in->aux, *x87_st(fpu, 0), &first, &second, &s)) {
        fpu->sw |= FPU_SW_C2;
        return RET_NEXT;
    } else {
        ok = x87_complete(fpu, &s);
    }
    if (ok) {
        x87_set_st(fpu, 0, first);
        if (pushes) {
            x87_push(fpu, second);
        }
    }
    return RET_NEXT;
}

/* ---- Logarithms and arc tangent: ST(1) and ST(0) become one ---- */

static floatx80 signed_inf(bool negative)
{
    return (floatx80){ .mant = UINT64_C(1) << 63, .se = negative ? 0xffff : 0x7fff };
}

/* y times log2 of a positive number whose logarithm is @log, not zero. */
static floatx80 times_log(floatx80 y, long double log, FloatStatus *s)
{
    floatx80 l = from_host(log), r;
    uint8_t precision = s->precision;

    if (fx80_is_inf(y)) {
        return fx80_is_zero(l) ? invalid(s) : signed_inf(fx80_sign(y) != fx80_sign(l));
    }
    s->precision = 64;
    r = fx80_mul(y, l, s);
    s->precision = precision;
    if (!fx80_is_zero(y) && !fx80_is_zero(l)) {
        s->flags |= FLOAT_PE;
    }
    return r;
}

static floatx80 yl2x(floatx80 x, floatx80 y, FloatStatus *s)
{
    if (is_odd(x) || is_odd(y)) {
        return fx80_nan2(x, y, s);
    }
    if (fx80_is_zero(x)) {
        if (fx80_is_zero(y)) {
            return invalid(s);
        }
        s->flags |= fx80_is_inf(y) ? 0 : FLOAT_ZE;
        return signed_inf(!fx80_sign(y));
    }
    if (fx80_sign(x)) {
        return invalid(s);
    }
    if (fx80_is_inf(x)) {
        return fx80_is_zero(y) ? invalid(s) : signed_inf(fx80_sign(y));
    }
    s->flags |= fx80_is_denormal(x) || fx80_is_denormal(y) ? FLOAT_DE : 0;
    return times_log(y, log2l(to_host(x)), s);
}

static floatx80 yl2xp1(floatx80 x, floatx80 y, FloatStatus *s)
{
    if (is_odd(x) || is_odd(y)) {
        return fx80_nan2(x, y, s);
    }
    if (fx80_is_inf(x)) {
        return fx80_is_zero(y) || fx80_sign(x) ? invalid(s) : signed_inf(fx80_sign(y));
    }
    if (fx80_is_zero(x)) {
        if (fx80_is_inf(y)) {
            return invalid(s);
        }
        return (floatx80){ .se = (uint16_t)((x.se ^ y.se) & 0x8000) };
    }
    s->flags |= fx80_is_denormal(x) || fx80_is_denormal(y) ? FLOAT_DE : 0;
    if (fx80_sign(x) && fx80_exp(x) >= 16383 && (fx80_is_inf(y) || fx80_is_zero(y))) {
        y.se ^= 0x8000;
        return y;
    }
    if (fx80_sign(x) && fx80_exp(x) >= 16383) {
        return inexact(x, s);   /* no logarithm; beyond what is defined: as it is */
    }
    return times_log(y, log1pl(to_host(x)) * 1.442695040888963407359924681001892137L, s);
}

static floatx80 patan(floatx80 x, floatx80 y, FloatStatus *s)
{
    floatx80 r;

    if (is_odd(x) || is_odd(y)) {
        return fx80_nan2(x, y, s);
    }
    s->flags |= fx80_is_denormal(x) || fx80_is_denormal(y) ? FLOAT_DE : 0;
    r = from_host(atan2l(to_host(y), to_host(x)));
    if (fx80_is_zero(r) && (fx80_is_zero(y) || fx80_is_inf(x))) {
        return r;   /* exact */
    }
    return inexact(r, s);
}

int op_x87_log(X86CPU *cpu, const Insn *in)
{
    X86FPU *fpu = &cpu->fpu;
    floatx80 x = *x87_st(fpu, 0), y = *x87_st(fpu, 1), v = FX80_DEFAULT_NAN;
    FloatStatus s;
    bool ok;

    if (fpu_check(cpu, FPU_WAITING) < 0) {
        return RET_FAULT;
    }
    s = x87_begin(cpu, in);
    if (x87_empty(fpu, 0) || x87_empty(fpu, 1)) {
        ok = x87_underflow(fpu);
    } else {
        v = in->aux == X87_FPATAN ? patan(x, y, &s) : in->aux == X87_FYL2X ? yl2x(x, y, &s) : yl2xp1(x, y, &s);
        ok = x87_complete(fpu, &s);
    }
    if (ok) {
        x87_set_st(fpu, 1, v);
        x87_pop(fpu);
    }
    return RET_NEXT;
}
