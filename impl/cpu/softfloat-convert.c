/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversions between formats and integers, and the x87 operations that are about integers: rounding to one,
 * scaling, remainder. See softfloat.h.
 */
#include "cpu/softfloat_int.h"

/* ---- To and from integers ---- */

/* The integer nearest to a number below 2^64 as the mode says; PE if it is another. */
static u128 integer_of(Parts v, FloatStatus *s)
{
    u128 whole = 0, rest = v.frac;
    bool up;

    s->rounded_up = false;
    if (v.cls == FP_IS_ZERO) {
        return 0;
    }
    if (v.exp >= 0) {
        whole = v.frac >> (127 - v.exp);
        rest = v.frac << 1 << v.exp;
    } else {
        rest = shift_right_jam(v.frac, (unsigned)(-1 - v.exp));
    }
    up = round_away(s, v.sign, whole & 1, rest);
    s->rounded_up = up;
    s->flags |= rest ? FLOAT_PE : 0;
    return whole + up;
}

static int64_t parts_to_int(Parts v, unsigned bits, FloatStatus *s)
{
    uint64_t indefinite = UINT64_C(1) << (bits - 1);
    uint8_t flags = s->flags;

    if (v.cls != FP_IS_NAN && v.cls != FP_IS_INF && v.exp < 64) {
        u128 n = integer_of(v, s);

        if (n < indefinite || (n == indefinite && v.sign)) {
            return v.sign ? -(int64_t)(uint64_t)(n - 1) - 1 : (int64_t)(uint64_t)n;
        }
    }
    s->flags = flags | FLOAT_IE;
    s->rounded_up = false;
    return -(int64_t)(indefinite - 1) - 1;
}

static Parts parts_from_int(int64_t v)
{
    Parts p = { .sign = v < 0, .exp = 63 };

    if (v) {
        p.cls = FP_IS_NUMBER;
        p.frac = (u128)(v < 0 ? -(uint64_t)v : (uint64_t)v) << 64;
        parts_normalize(&p);
    }
    return p;
}

static Parts truncating(Parts v, FloatStatus *s, unsigned bits, int64_t *ret)
{
    uint8_t rounding = s->rounding;

    s->rounding = FLOAT_ROUND_ZERO;
    *ret = parts_to_int(v, bits, s);
    s->rounding = rounding;
    return v;
}

/* An unsupported operand is as invalid as a NaN. */
static Parts parts_for_int(floatx80 a)
{
    return fx80_is_unsupported(a) ? (Parts){ .cls = FP_IS_NAN } : parts_from_fx80(a);
}

#define DEFINE_TO_INT(name, T, I, bits, parts)                                                          \
    I name(T a, FloatStatus *s)                                                                         \
    {                                                                                                   \
        return (I)parts_to_int(parts, bits, s);                                                         \
    }                                                                                                   \
    I name##_trunc(T a, FloatStatus *s)                                                                 \
    {                                                                                                   \
        int64_t v;                                                                                      \
        truncating(parts, s, bits, &v);                                                                 \
        return (I)v;                                                                                    \
    }
DEFINE_TO_INT(f32_to_i32, float32, int32_t, 32, parts_from_f32(a, s))
DEFINE_TO_INT(f32_to_i64, float32, int64_t, 64, parts_from_f32(a, s))
DEFINE_TO_INT(f64_to_i32, float64, int32_t, 32, parts_from_f64(a, s))
DEFINE_TO_INT(f64_to_i64, float64, int64_t, 64, parts_from_f64(a, s))
DEFINE_TO_INT(fx80_to_i16, floatx80, int16_t, 16, parts_for_int(a))
DEFINE_TO_INT(fx80_to_i32, floatx80, int32_t, 32, parts_for_int(a))
DEFINE_TO_INT(fx80_to_i64, floatx80, int64_t, 64, parts_for_int(a))
#undef DEFINE_TO_INT

/* A store that an unmasked overflow or underflow prevents is not inexact. */
static Parts round_store(Parts v, const FloatFormat *f, FloatStatus *s)
{
    uint8_t before = s->flags;

    v = round_parts(v, f, f->prec, s);
    if (s->flags & ~s->masks & (FLOAT_OE | FLOAT_UE)) {
        s->flags &= before | (uint8_t)~FLOAT_PE;
    }
    return v;
}

static float32 round_f32(Parts v, FloatStatus *s)
{
    return parts_to_f32(round_parts(v, &float_format_f32, 24, s));
}

static float64 round_f64(Parts v, FloatStatus *s)
{
    return parts_to_f64(round_parts(v, &float_format_f64, 53, s));
}

#define DEFINE_FROM_INT(f, T)                                                                           \
    T f##_from_i32(int32_t v, FloatStatus *s)                                                           \
    {                                                                                                   \
        return round_##f(parts_from_int(v), s);                                                         \
    }                                                                                                   \
    T f##_from_i64(int64_t v, FloatStatus *s)                                                           \
    {                                                                                                   \
        return round_##f(parts_from_int(v), s);                                                         \
    }
DEFINE_FROM_INT(f32, float32)
DEFINE_FROM_INT(f64, float64)
DEFINE_FROM_INT(fx80, floatx80)
#undef DEFINE_FROM_INT

/* ---- To an integral value ---- */

static Parts parts_round_to_int(Parts v, FloatStatus *s)
{
    u128 n;

    s->rounded_up = false;
    if (v.cls != FP_IS_NUMBER || v.exp >= 63) {
        return v;
    }
    n = integer_of(v, s);
    if (!n) {
        return (Parts){ .cls = FP_IS_ZERO, .sign = v.sign };
    }
    v.frac = n << 63;
    v.exp = 64;
    parts_normalize(&v);
    return v;
}

float32 f32_round_to_int(float32 a, FloatStatus *s)
{
    return f32_is_nan(a) ? f32_quiet(a, s) : parts_to_f32(parts_round_to_int(parts_from_f32(a, s), s));
}

float64 f64_round_to_int(float64 a, FloatStatus *s)
{
    return f64_is_nan(a) ? f64_quiet(a, s) : parts_to_f64(parts_round_to_int(parts_from_f64(a, s), s));
}

floatx80 fx80_round_to_int(floatx80 a, FloatStatus *s)
{
    if (fx80_is_nan(a) || fx80_is_unsupported(a)) {
        return fx80_nan1(a, s);
    }
    s->flags |= fx80_is_denormal(a) ? FLOAT_DE : 0;
    return float_stopped(s) ? a : parts_to_fx80(parts_round_to_int(parts_from_fx80(a), s));
}

/* ---- Between formats ---- */

/* The payload of a NaN keeps its leading bits. */
static uint64_t nan_payload(Parts v, int prec)
{
    return (uint64_t)((v.frac << 1) >> (129 - prec));
}

float64 f32_to_f64(float32 a, FloatStatus *s)
{
    Parts v = parts_from_f32(a, s);

    if (v.cls == FP_IS_NAN) {
        v = parts_from_f32(f32_quiet(a, s), s);
        return (uint64_t)v.sign << 63 | UINT64_C(0x7ff) << 52 | nan_payload(v, 53);
    }
    s->flags |= v.denormal ? FLOAT_DE : 0;
    return parts_to_f64(v);
}

float32 f64_to_f32(float64 a, FloatStatus *s)
{
    Parts v = parts_from_f64(a, s);

    if (v.cls == FP_IS_NAN) {
        v = parts_from_f64(f64_quiet(a, s), s);
        return (float32)v.sign << 31 | 0x7f800000u | (float32)nan_payload(v, 24);
    }
    s->flags |= v.denormal ? FLOAT_DE : 0;
    return round_f32(v, s);
}

static floatx80 widen(Parts v, FloatStatus *s)
{
    if (v.cls == FP_IS_NAN) {
        uint64_t mant = (uint64_t)(v.frac >> 64);

        s->flags |= mant >> 62 & 1 ? 0 : FLOAT_IE;
        return (floatx80){ .mant = mant | UINT64_C(3) << 62, .se = (uint16_t)(v.sign << 15 | 0x7fff) };
    }
    s->flags |= v.denormal ? FLOAT_DE : 0;
    return parts_to_fx80(v);
}

floatx80 f32_to_fx80(float32 a, FloatStatus *s)
{
    return widen(parts_from_f32(a, s), s);
}

floatx80 f64_to_fx80(float64 a, FloatStatus *s)
{
    return widen(parts_from_f64(a, s), s);
}

/* NaNs of the extended format on their way to a narrower one. True: @ret is the number to round. */
static bool narrow(floatx80 a, Parts *ret, FloatStatus *s)
{
    if (fx80_is_unsupported(a) || fx80_is_nan(a)) {
        a = fx80_nan1(a, s);
    }
    *ret = parts_from_fx80(a);
    return ret->cls != FP_IS_NAN;
}

float32 fx80_to_f32(floatx80 a, FloatStatus *s)
{
    Parts v;

    if (!narrow(a, &v, s)) {
        return (float32)v.sign << 31 | 0x7f800000u | (float32)nan_payload(v, 24);
    }
    return parts_to_f32(round_store(v, &float_format_f32, s));
}

float64 fx80_to_f64(floatx80 a, FloatStatus *s)
{
    Parts v;

    if (!narrow(a, &v, s)) {
        return (uint64_t)v.sign << 63 | UINT64_C(0x7ff) << 52 | nan_payload(v, 53);
    }
    return parts_to_f64(round_store(v, &float_format_f64, s));
}

/* ---- Scale and remainder ---- */

enum { SCALE_MAX = 0x10000 };   /* more than any exponent can take, even after the wrap of an unmasked exception */

/* An operand that is the result: a pseudo-denormal gets the exponent it has. */
static floatx80 canonical(floatx80 a)
{
    a.se |= fx80_exp(a) == 0 && a.mant >> 63;
    return a;
}

floatx80 fx80_scale(floatx80 a, floatx80 b, FloatStatus *s)
{
    FloatStatus quiet = { .rounding = FLOAT_ROUND_ZERO };
    Parts v;

    if (fx80_is_nan(a) || fx80_is_nan(b) || fx80_is_unsupported(a) || fx80_is_unsupported(b)) {
        return fx80_nan2(a, b, s);
    }
    v = parts_from_fx80(a);
    if (fx80_is_inf(b) && (fx80_sign(b) ? v.cls == FP_IS_INF : v.cls == FP_IS_ZERO)) {
        return parts_to_fx80(parts_invalid(s));
    }
    s->flags |= fx80_is_denormal(a) || fx80_is_denormal(b) ? FLOAT_DE : 0;
    if (v.cls != FP_IS_NUMBER || fx80_is_zero(b)) {
        return canonical(a);
    }
    if (fx80_is_inf(b)) {
        v.cls = fx80_sign(b) ? FP_IS_ZERO : FP_IS_INF;
        return parts_to_fx80(v);
    }
    if (fx80_exp(b) >= 16383 + 16) {
        v.exp += fx80_sign(b) ? -SCALE_MAX : SCALE_MAX;
    } else {
        v.exp += fx80_to_i32(b, &quiet);
    }
    return round_fx80(v, s);
}

/* @r shifted up @steps times modulo @d; the quotient's bits go to @q. */
static uint64_t long_division(u128 r, uint64_t d, unsigned steps, uint64_t *q)
{
    *q = r >= d;
    r -= *q ? d : 0;
    for (unsigned i = 0; i < steps; i++) {
        bool bit;

        r <<= 1;
        bit = r >= d;
        r -= bit ? d : 0;
        *q = *q << 1 | bit;
    }
    return (uint64_t)r;
}

/* Half the divisor or less is left when rounding to nearest. */
static uint64_t round_quotient(uint64_t r, uint64_t d, uint64_t *q, bool *sign)
{
    u128 twice = (u128)r << 1;

    if (twice > d || (twice == d && (*q & 1))) {
        ++*q;
        *sign = !*sign;
        return d - r;
    }
    return r;
}

static floatx80 finite_rem(Parts a, Parts b, bool nearest, uint64_t *q, bool *partial, FloatStatus *s)
{
    int diff = a.exp - b.exp;
    uint64_t n = (uint64_t)(a.frac >> 64), d = (uint64_t)(b.frac >> 64);
    Parts r = { .cls = FP_IS_NUMBER, .sign = a.sign, .exp = b.exp };

    if (diff >= 64) {
        int steps = (diff & 31) | 32;   /* of the 32 to 63 that the manual allows; as processors do it */

        *partial = true;
        r.frac = (u128)long_division(n, d, (unsigned)steps, q) << 64;
        *q = 0;
        r.exp += diff - steps;
    } else if (diff >= 0) {
        uint64_t left = long_division(n, d, (unsigned)diff, q);

        r.frac = (u128)(nearest ? round_quotient(left, d, q, &r.sign) : left) << 64;
    } else if (nearest && diff == -1 && n > d) {
        r.frac = ((u128)d << 64) - (a.frac >> 1);
        r.sign = !r.sign;
        *q = 1;
    } else {
        r = a;
    }
    if (!r.frac) {
        r = (Parts){ .cls = FP_IS_ZERO, .sign = a.sign };
    } else {
        parts_normalize(&r);
    }
    return round_fx80(r, s);
}

floatx80 fx80_rem(floatx80 a, floatx80 b, bool nearest, uint64_t *ret_quotient, bool *ret_partial, FloatStatus *s)
{
    *ret_quotient = 0;
    *ret_partial = false;
    if (fx80_is_nan(a) || fx80_is_nan(b) || fx80_is_unsupported(a) || fx80_is_unsupported(b)) {
        return fx80_nan2(a, b, s);
    }
    if (fx80_is_inf(a) || fx80_is_zero(b)) {
        return parts_to_fx80(parts_invalid(s));
    }
    s->flags |= fx80_is_denormal(a) || fx80_is_denormal(b) ? FLOAT_DE : 0;
    if (fx80_is_zero(a) || fx80_is_inf(b)) {
        return canonical(a);
    }
    return finite_rem(parts_from_fx80(a), parts_from_fx80(b), nearest, ret_quotient, ret_partial, s);
}
