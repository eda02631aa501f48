/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A number taken apart, the common form of the three formats. Internal to softfloat*.c.
 */
#ifndef CPU_SOFTFLOAT_INT_H
#define CPU_SOFTFLOAT_INT_H

#include "cpu/softfloat.h"

__extension__ typedef unsigned __int128 u128;

#define TOP_BIT ((u128)1 << 127)

typedef enum FloatClass { FP_IS_ZERO, FP_IS_NUMBER, FP_IS_INF, FP_IS_NAN } FloatClass;

/* A number is frac / 2^127 * 2^exp; frac has its top bit set, but for a denormal that round_parts() made. */
typedef struct Parts {
    u128 frac;
    int32_t exp;
    FloatClass cls;
    bool sign;
    bool denormal;       /* it was one in memory */
} Parts;

typedef struct FloatFormat {
    int prec;            /* bits of significand, the integer bit included */
    int emin, emax;      /* exponents of normal numbers */
    int exp_bits;
} FloatFormat;

extern const FloatFormat float_format_f32, float_format_f64, float_format_fx80;

Parts parts_from_f32(float32 a, const FloatStatus *s);
Parts parts_from_f64(float64 a, const FloatStatus *s);
/** parts_from_fx80: @a is supported. */
Parts parts_from_fx80(floatx80 a);

/** parts_to_*: @v fits the format, see round_parts. The default NaN for NaNs. */
float32 parts_to_f32(Parts v);
float64 parts_to_f64(Parts v);
floatx80 parts_to_fx80(Parts v);

/** round_parts: @v as the format can hold it, with @prec bits of significand at most. Flags OE, UE, PE. */
Parts round_parts(Parts v, const FloatFormat *f, int prec, FloatStatus *s);
/** round_fx80: the same and back, to 64 bits whatever the precision control says. */
floatx80 round_fx80(Parts v, FloatStatus *s);

/** parts_normalize: shift a number's frac up to its top bit. */
static inline void parts_normalize(Parts *v)
{
    uint64_t hi = (uint64_t)(v->frac >> 64);
    int n = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v->frac);

    v->frac <<= n;
    v->exp -= n;
}

/** shift_right_jam: bits that fall out leave a one in the lowest place. */
static inline u128 shift_right_jam(u128 v, unsigned n)
{
    if (n >= 128) {
        return v != 0;
    }
    return n ? v >> n | ((v << (128 - n)) != 0) : v;
}

/** float_stopped: an unmasked exception of the operands; there is no result, so nothing more is flagged. */
static inline bool float_stopped(const FloatStatus *s)
{
    return s->flags & ~s->masks & (FLOAT_IE | FLOAT_DE | FLOAT_ZE);
}

/** parts_invalid: IE and the default NaN. */
static inline Parts parts_invalid(FloatStatus *s)
{
    s->flags |= FLOAT_IE;
    return (Parts){ .cls = FP_IS_NAN, .sign = true };
}

/** Round away from the truncated value? @rest: the bits cut off, the first of them on top. */
static inline bool round_away(const FloatStatus *s, bool sign, bool odd, u128 rest)
{
    switch (s->rounding) {
    case FLOAT_ROUND_NEAREST:
        return rest > TOP_BIT || (rest == TOP_BIT && odd);
    case FLOAT_ROUND_DOWN:
        return sign && rest;
    case FLOAT_ROUND_UP:
        return !sign && rest;
    default:
        return false;
    }
}

static inline float32 f32_quiet(float32 a, FloatStatus *s)
{
    s->flags |= f32_is_snan(a) ? FLOAT_IE : 0;
    return a | 0x00400000u;
}

static inline float64 f64_quiet(float64 a, FloatStatus *s)
{
    s->flags |= f64_is_snan(a) ? FLOAT_IE : 0;
    return a | UINT64_C(0x0008000000000000);
}

#endif
