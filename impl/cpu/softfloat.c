/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic and comparison in the three formats, and the rounding they share. See softfloat.h.
 *
 * An operation takes its operands apart, computes in 128 bits with everything below jammed into the last one, and
 * rounds once.
 */
#include "cpu/softfloat_int.h"

const FloatFormat float_format_f32 = { .prec = 24, .emin = -126, .emax = 127, .exp_bits = 8 };
const FloatFormat float_format_f64 = { .prec = 53, .emin = -1022, .emax = 1023, .exp_bits = 11 };
const FloatFormat float_format_fx80 = { .prec = 64, .emin = -16382, .emax = 16383, .exp_bits = 15 };

enum { FX80_WRAP = 24576 };   /* what the exponent of an unmasked overflow or underflow is changed by */

/* ---- Taking apart and putting together ---- */

static Parts parts_from_bits(uint64_t v, const FloatFormat *f, bool daz)
{
    int frac_bits = f->prec - 1;
    unsigned exp_max = (1u << f->exp_bits) - 1;
    unsigned exp = (unsigned)(v >> frac_bits) & exp_max;
    uint64_t frac = v & ((UINT64_C(1) << frac_bits) - 1);
    Parts p = { .sign = v >> (frac_bits + f->exp_bits) & 1, .frac = (u128)frac << (128 - f->prec) };

    if (exp == exp_max) {
        p.cls = frac ? FP_IS_NAN : FP_IS_INF;
        p.frac |= TOP_BIT;
    } else if (exp) {
        p.cls = FP_IS_NUMBER;
        p.exp = (int)exp - f->emax;
        p.frac |= TOP_BIT;
    } else if (frac && !daz) {
        p.cls = FP_IS_NUMBER;
        p.denormal = true;
        p.exp = f->emin;
        parts_normalize(&p);
    }
    return p;
}

static uint64_t parts_to_bits(Parts v, const FloatFormat *f)
{
    int frac_bits = f->prec - 1;
    uint64_t exp_max = (UINT64_C(1) << f->exp_bits) - 1;
    uint64_t r = (uint64_t)v.sign << (frac_bits + f->exp_bits);

    switch (v.cls) {
    case FP_IS_ZERO:
        return r;
    case FP_IS_INF:
        return r | exp_max << frac_bits;
    case FP_IS_NAN:
        return r | exp_max << frac_bits | UINT64_C(1) << (frac_bits - 1);
    default:
        if (v.frac & TOP_BIT) {
            r |= (uint64_t)(v.exp + f->emax) << frac_bits;
        }
        return r | (uint64_t)((v.frac << 1) >> (129 - f->prec));
    }
}

Parts parts_from_f32(float32 a, const FloatStatus *s)
{
    return parts_from_bits(a, &float_format_f32, s->daz);
}

Parts parts_from_f64(float64 a, const FloatStatus *s)
{
    return parts_from_bits(a, &float_format_f64, s->daz);
}

Parts parts_from_fx80(floatx80 a)
{
    Parts p = { .sign = fx80_sign(a), .frac = (u128)a.mant << 64 };
    unsigned exp = fx80_exp(a);

    if (exp == 0x7fff) {
        p.cls = a.mant << 1 ? FP_IS_NAN : FP_IS_INF;
    } else if (a.mant) {
        p.cls = FP_IS_NUMBER;
        p.denormal = exp == 0;
        p.exp = exp ? (int)exp - 16383 : float_format_fx80.emin;
        parts_normalize(&p);
    }
    return p;
}

float32 parts_to_f32(Parts v)
{
    return (float32)parts_to_bits(v, &float_format_f32);
}

float64 parts_to_f64(Parts v)
{
    return parts_to_bits(v, &float_format_f64);
}

floatx80 parts_to_fx80(Parts v)
{
    uint16_t sign = (uint16_t)(v.sign << 15);

    switch (v.cls) {
    case FP_IS_ZERO:
        return (floatx80){ .se = sign };
    case FP_IS_INF:
        return (floatx80){ .mant = UINT64_C(1) << 63, .se = sign | 0x7fff };
    case FP_IS_NAN:
        return FX80_DEFAULT_NAN;
    default:
        return (floatx80){
            .mant = (uint64_t)(v.frac >> 64),
            .se = (uint16_t)(sign | (v.frac & TOP_BIT ? v.exp + 16383 : 0)),
        };
    }
}

/* ---- Rounding ---- */

/* To @prec bits; the exponent may grow by one. True: that was inexact. */
static bool round_frac(Parts *v, int prec, FloatStatus *s)
{
    u128 unit = (u128)1 << (128 - prec);
    u128 rest = v->frac << prec;
    bool up = round_away(s, v->sign, (v->frac & unit) != 0, rest);

    v->frac &= ~(unit - 1);
    s->rounded_up = up;
    if (up) {
        v->frac += unit;
        if (!v->frac) {
            v->frac = TOP_BIT;
            v->exp++;
        }
    }
    return rest != 0;
}

static Parts overflowed(Parts v, const FloatFormat *f, int prec, bool inexact, FloatStatus *s)
{
    bool to_inf = s->rounding == FLOAT_ROUND_NEAREST || (s->rounding == FLOAT_ROUND_UP && !v.sign) ||
                  (s->rounding == FLOAT_ROUND_DOWN && v.sign);

    s->flags |= FLOAT_OE;
    if (!(s->masks & FLOAT_OE)) {
        s->flags |= inexact ? FLOAT_PE : 0;
        if (f != &float_format_fx80) {
            return (Parts){ .cls = FP_IS_INF };   /* will not be stored */
        }
        v.exp -= FX80_WRAP;
        if (v.exp > f->emax) {   /* only fscale can bring that about */
            v.cls = FP_IS_INF;
            s->flags |= FLOAT_PE;
            s->rounded_up = true;
        }
        return v;
    }
    s->flags |= FLOAT_PE;
    s->rounded_up = to_inf;
    v.exp = f->emax;
    v.frac = ~(u128)0 << (128 - prec);
    v.cls = to_inf ? FP_IS_INF : FP_IS_NUMBER;
    return v;
}

/* (I2) @v is below the normal numbers. */
static Parts round_small(Parts v, const FloatFormat *f, int prec, FloatStatus *s)
{
    Parts wide = v;
    bool inexact = round_frac(&wide, prec, s);
    bool tiny = wide.exp < f->emin;

    if (tiny && !(s->masks & FLOAT_UE)) {
        s->flags |= FLOAT_UE | (inexact ? FLOAT_PE : 0);
        if (f != &float_format_fx80) {
            return (Parts){ .cls = FP_IS_ZERO };   /* will not be stored */
        }
        wide.exp += FX80_WRAP;
        if (wide.exp < f->emin) {
            wide.cls = FP_IS_ZERO;
            s->flags |= FLOAT_PE;
            s->rounded_up = false;
        }
        return wide;
    }
    if (tiny && s->ftz) {
        s->flags |= FLOAT_UE | FLOAT_PE;
        return (Parts){ .cls = FP_IS_ZERO, .sign = v.sign };
    }
    v.frac = shift_right_jam(v.frac, (unsigned)(f->emin - v.exp));
    v.exp = f->emin;
    inexact = round_frac(&v, prec, s);
    s->flags |= inexact ? FLOAT_PE : 0;
    s->flags |= tiny && inexact ? FLOAT_UE : 0;
    if (!v.frac) {
        v.cls = FP_IS_ZERO;
    }
    return v;
}

Parts round_parts(Parts v, const FloatFormat *f, int prec, FloatStatus *s)
{
    bool inexact;

    s->rounded_up = false;
    if (v.cls != FP_IS_NUMBER) {
        return v;
    }
    if (float_stopped(s)) {
        return (Parts){ .cls = FP_IS_ZERO };
    }
    if (v.exp < f->emin) {
        return round_small(v, f, prec, s);
    }
    inexact = round_frac(&v, prec, s);
    if (v.exp > f->emax) {
        return overflowed(v, f, prec, inexact, s);
    }
    s->flags |= inexact ? FLOAT_PE : 0;
    return v;
}

floatx80 round_fx80(Parts v, FloatStatus *s)
{
    return parts_to_fx80(round_parts(v, &float_format_fx80, 64, s));
}

/* ---- Operations on parts; no operand is a NaN ---- */

static void flag_denormals(const Parts *a, const Parts *b, FloatStatus *s)
{
    if (a->denormal || b->denormal) {
        s->flags |= FLOAT_DE;
    }
}

static Parts add_magnitudes(Parts a, Parts b)
{
    Parts r = { .cls = FP_IS_NUMBER, .sign = a.sign, .exp = a.exp + 1 };

    r.frac = (a.frac >> 1) + shift_right_jam(b.frac >> 1, (unsigned)(a.exp - b.exp));
    parts_normalize(&r);
    return r;
}

static Parts sub_magnitudes(Parts a, Parts b, const FloatStatus *s)
{
    Parts r = { .cls = FP_IS_NUMBER, .sign = a.sign, .exp = a.exp + 1 };

    r.frac = (a.frac >> 1) - shift_right_jam(b.frac >> 1, (unsigned)(a.exp - b.exp));
    if (!r.frac) {
        return (Parts){ .cls = FP_IS_ZERO, .sign = s->rounding == FLOAT_ROUND_DOWN };
    }
    parts_normalize(&r);
    return r;
}

static Parts parts_add(Parts a, Parts b, FloatStatus *s)
{
    if (a.cls == FP_IS_INF && b.cls == FP_IS_INF && a.sign != b.sign) {
        return parts_invalid(s);
    }
    flag_denormals(&a, &b, s);
    if (a.cls == FP_IS_INF || b.cls == FP_IS_INF) {
        return a.cls == FP_IS_INF ? a : b;
    }
    if (a.cls == FP_IS_ZERO && b.cls == FP_IS_ZERO) {
        a.sign = a.sign == b.sign ? a.sign : s->rounding == FLOAT_ROUND_DOWN;
        return a;
    }
    if (a.cls == FP_IS_ZERO || b.cls == FP_IS_ZERO) {
        return a.cls == FP_IS_ZERO ? b : a;
    }
    if (a.exp < b.exp || (a.exp == b.exp && a.frac < b.frac)) {
        Parts t = a;

        a = b;
        b = t;
    }
    return a.sign == b.sign ? add_magnitudes(a, b) : sub_magnitudes(a, b, s);
}

static Parts parts_sub(Parts a, Parts b, FloatStatus *s)
{
    b.sign = !b.sign;
    return parts_add(a, b, s);
}

static Parts parts_mul(Parts a, Parts b, FloatStatus *s)
{
    Parts r = { .cls = FP_IS_NUMBER, .sign = a.sign != b.sign };

    if ((a.cls == FP_IS_INF && b.cls == FP_IS_ZERO) || (a.cls == FP_IS_ZERO && b.cls == FP_IS_INF)) {
        return parts_invalid(s);
    }
    flag_denormals(&a, &b, s);
    if (a.cls == FP_IS_INF || b.cls == FP_IS_INF) {
        r.cls = FP_IS_INF;
    } else if (a.cls == FP_IS_ZERO || b.cls == FP_IS_ZERO) {
        r.cls = FP_IS_ZERO;
    } else {
        r.exp = a.exp + b.exp + 1;
        r.frac = (u128)(uint64_t)(a.frac >> 64) * (uint64_t)(b.frac >> 64);
        parts_normalize(&r);
    }
    return r;
}

static Parts parts_div(Parts a, Parts b, FloatStatus *s)
{
    Parts r = { .cls = FP_IS_NUMBER, .sign = a.sign != b.sign };
    uint64_t n = (uint64_t)(a.frac >> 64), d = (uint64_t)(b.frac >> 64), q, q_low;
    u128 rest;

    if (a.cls == b.cls && (a.cls == FP_IS_INF || a.cls == FP_IS_ZERO)) {
        return parts_invalid(s);
    }
    if (a.cls == FP_IS_NUMBER && b.cls == FP_IS_ZERO) {
        s->flags |= FLOAT_ZE;
        r.cls = FP_IS_INF;
        return r;
    }
    flag_denormals(&a, &b, s);
    if (a.cls == FP_IS_INF || b.cls == FP_IS_ZERO) {
        r.cls = FP_IS_INF;
        return r;
    }
    if (a.cls == FP_IS_ZERO || b.cls == FP_IS_INF) {
        r.cls = FP_IS_ZERO;
        return r;
    }
    r.exp = a.exp - b.exp - (n < d);
    rest = (u128)n << (n < d ? 64 : 63);
    q = (uint64_t)(rest / d);
    rest = (rest % d) << 64;
    q_low = (uint64_t)(rest / d);
    r.frac = (u128)q << 64 | q_low | (rest % d != 0);
    return r;
}

/* Digit by digit: @prec bits of root and two more, then what is left only says whether it is exact. */
static Parts parts_sqrt(Parts a, int prec, FloatStatus *s)
{
    Parts r = { .cls = FP_IS_NUMBER };
    u128 n = a.exp & 1 ? a.frac : a.frac >> 1;
    u128 root = 0, rest = 0;

    if (a.cls != FP_IS_ZERO && a.sign) {
        return parts_invalid(s);
    }
    if (a.denormal) {
        s->flags |= FLOAT_DE;
    }
    if (a.cls != FP_IS_NUMBER) {
        return a;
    }
    for (int i = 0; i < prec + 2; i++) {
        u128 trial = root << 2 | 1;

        rest = rest << 2 | (uint64_t)(n >> 126);
        n <<= 2;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    r.exp = a.exp >> 1;
    r.frac = root << (126 - prec) | (rest || n);
    return r;
}

static FloatRelation parts_compare(Parts a, Parts b)
{
    bool less;

    if (a.cls == FP_IS_ZERO && b.cls == FP_IS_ZERO) {
        return FLOAT_EQUAL;
    }
    if (a.cls == FP_IS_ZERO || b.cls == FP_IS_ZERO) {
        less = a.cls == FP_IS_ZERO ? !b.sign : a.sign;
        return less ? FLOAT_LESS : FLOAT_GREATER;
    }
    if (a.sign != b.sign) {
        return a.sign ? FLOAT_LESS : FLOAT_GREATER;
    }
    if (a.cls == b.cls && (a.cls == FP_IS_INF || (a.exp == b.exp && a.frac == b.frac))) {
        return FLOAT_EQUAL;
    }
    if (a.cls == FP_IS_INF || b.cls == FP_IS_INF) {
        less = b.cls == FP_IS_INF;
    } else {
        less = a.exp < b.exp || (a.exp == b.exp && a.frac < b.frac);
    }
    return less != a.sign ? FLOAT_LESS : FLOAT_GREATER;
}

/* ---- binary32 and binary64 ---- */

/* (I1) */
#define DEFINE_FORMAT(f, T)                                                                             \
    static T f##_nan2(T a, T b, FloatStatus *s)                                                         \
    {                                                                                                   \
        s->flags |= f##_is_snan(a) || f##_is_snan(b) ? FLOAT_IE : 0;                                    \
        return f##_quiet(f##_is_nan(a) ? a : b, s);                                                     \
    }                                                                                                   \
    static T f##_round(Parts v, FloatStatus *s)                                                         \
    {                                                                                                   \
        return parts_to_##f(round_parts(v, &float_format_##f, float_format_##f.prec, s));               \
    }                                                                                                   \
    T f##_sqrt(T a, FloatStatus *s)                                                                     \
    {                                                                                                   \
        if (f##_is_nan(a)) {                                                                            \
            return f##_quiet(a, s);                                                                     \
        }                                                                                               \
        return f##_round(parts_sqrt(parts_from_##f(a, s), float_format_##f.prec, s), s);                \
    }                                                                                                   \
    FloatRelation f##_compare(T a, T b, bool signaling, FloatStatus *s)                                 \
    {                                                                                                   \
        Parts pa, pb;                                                                                   \
        if (f##_is_nan(a) || f##_is_nan(b)) {                                                           \
            s->flags |= signaling || f##_is_snan(a) || f##_is_snan(b) ? FLOAT_IE : 0;                   \
            return FLOAT_UNORDERED;                                                                     \
        }                                                                                               \
        pa = parts_from_##f(a, s);                                                                      \
        pb = parts_from_##f(b, s);                                                                      \
        flag_denormals(&pa, &pb, s);                                                                    \
        return parts_compare(pa, pb);                                                                   \
    }
DEFINE_FORMAT(f32, float32)
DEFINE_FORMAT(f64, float64)
#undef DEFINE_FORMAT

#define DEFINE_BINARY(f, T, op)                                                                         \
    T f##_##op(T a, T b, FloatStatus *s)                                                                \
    {                                                                                                   \
        if (f##_is_nan(a) || f##_is_nan(b)) {                                                           \
            return f##_nan2(a, b, s);                                                                   \
        }                                                                                               \
        return f##_round(parts_##op(parts_from_##f(a, s), parts_from_##f(b, s), s), s);                 \
    }
DEFINE_BINARY(f32, float32, add)
DEFINE_BINARY(f32, float32, sub)
DEFINE_BINARY(f32, float32, mul)
DEFINE_BINARY(f32, float32, div)
DEFINE_BINARY(f64, float64, add)
DEFINE_BINARY(f64, float64, sub)
DEFINE_BINARY(f64, float64, mul)
DEFINE_BINARY(f64, float64, div)
#undef DEFINE_BINARY

/* ---- Extended ---- */

static floatx80 fx80_invalid(FloatStatus *s)
{
    s->flags |= FLOAT_IE;
    return FX80_DEFAULT_NAN;
}

floatx80 fx80_nan1(floatx80 a, FloatStatus *s)
{
    if (fx80_is_unsupported(a)) {
        return fx80_invalid(s);
    }
    s->flags |= fx80_is_snan(a) ? FLOAT_IE : 0;
    a.mant |= UINT64_C(1) << 62;
    return a;
}

/* A quiet NaN wins over a signaling one, then the larger significand, then the positive one (I1). */
floatx80 fx80_nan2(floatx80 a, floatx80 b, FloatStatus *s)
{
    bool first;

    if (fx80_is_unsupported(a) || fx80_is_unsupported(b)) {
        return fx80_invalid(s);
    }
    s->flags |= fx80_is_snan(a) || fx80_is_snan(b) ? FLOAT_IE : 0;
    if (!fx80_is_nan(a) || !fx80_is_nan(b)) {
        first = fx80_is_nan(a);
    } else if (fx80_is_snan(a) != fx80_is_snan(b)) {
        first = fx80_is_snan(b);
    } else {
        first = a.mant != b.mant ? a.mant > b.mant : !fx80_sign(a);
    }
    a = first ? a : b;
    a.mant |= UINT64_C(1) << 62;
    return a;
}

static bool fx80_is_odd(floatx80 a)
{
    return fx80_is_unsupported(a) || fx80_is_nan(a);
}

static floatx80 fx80_round(Parts v, FloatStatus *s)
{
    return parts_to_fx80(round_parts(v, &float_format_fx80, s->precision ? s->precision : 64, s));
}

#define DEFINE_BINARY(op)                                                                               \
    floatx80 fx80_##op(floatx80 a, floatx80 b, FloatStatus *s)                                          \
    {                                                                                                   \
        if (fx80_is_odd(a) || fx80_is_odd(b)) {                                                         \
            return fx80_nan2(a, b, s);                                                                  \
        }                                                                                               \
        return fx80_round(parts_##op(parts_from_fx80(a), parts_from_fx80(b), s), s);                    \
    }
DEFINE_BINARY(add)
DEFINE_BINARY(sub)
DEFINE_BINARY(mul)
DEFINE_BINARY(div)
#undef DEFINE_BINARY

floatx80 fx80_sqrt(floatx80 a, FloatStatus *s)
{
    if (fx80_is_odd(a)) {
        return fx80_nan1(a, s);
    }
    return fx80_round(parts_sqrt(parts_from_fx80(a), 64, s), s);
}

FloatRelation fx80_compare(floatx80 a, floatx80 b, bool signaling, FloatStatus *s)
{
    Parts pa, pb;

    if (fx80_is_odd(a) || fx80_is_odd(b)) {
        if (signaling || fx80_is_unsupported(a) || fx80_is_unsupported(b) || fx80_is_snan(a) || fx80_is_snan(b)) {
            s->flags |= FLOAT_IE;
        }
        return FLOAT_UNORDERED;
    }
    pa = parts_from_fx80(a);
    pb = parts_from_fx80(b);
    flag_denormals(&pa, &pb, s);
    return parts_compare(pa, pb);
}
