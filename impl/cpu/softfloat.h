/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IEEE 754 arithmetic in integers, with the choices x86 makes: binary32 and binary64 as SSE computes, the 80-bit
 * extended format as the x87 does.
 *
 * Pure: a FloatStatus goes in with the modes and comes back with flags added; nothing else is read or written, so
 * results are the same on every host. Flags are the bits of MXCSR and of the x87 status word.
 *
 * I1  A NaN operand of f32 and f64 wins as SSE says (the first operand that is one), of fx80 as the x87 says (the
 *     larger significand); it is made quiet. The default NaN is the negative quiet one.
 * I2  Tininess is detected after rounding. A masked underflow is flagged only for an inexact result, an unmasked
 *     one for every tiny result.
 * I3  IE has precedence over DE: an operation that is invalid, or has a NaN operand, does not look for denormals.
 * Source: IEEE 754-2019; SDM volume 1, chapters 4, 8 and 11 and appendix E.
 */
#ifndef CPU_SOFTFLOAT_H
#define CPU_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t float32;
typedef uint64_t float64;
/* As in an x87 register: the significand with its explicit integer bit, sign and biased exponent. */
typedef struct floatx80 {
    uint64_t mant;
    uint16_t se;
} floatx80;

enum { FLOAT_IE = 1, FLOAT_DE = 2, FLOAT_ZE = 4, FLOAT_OE = 8, FLOAT_UE = 16, FLOAT_PE = 32, FLOAT_ALL = 63 };
/* As the RC fields encode them. */
enum { FLOAT_ROUND_NEAREST, FLOAT_ROUND_DOWN, FLOAT_ROUND_UP, FLOAT_ROUND_ZERO };

typedef struct FloatStatus {
    uint8_t rounding;        /* FLOAT_ROUND_* */
    uint8_t precision;       /* of fx80 results: 24, 53 or 64 bits; 0 is 64 */
    uint8_t masks;           /* masked exceptions, FLOAT_*: matters for UE, and for OE of fx80 */
    bool daz;                /* f32, f64: denormal operands are zeros */
    bool ftz;                /* f32, f64: tiny results are zeros while UE is masked */
    bool rounded_up;         /* out: the last rounding increased the magnitude (C1 of the x87) */
    uint8_t flags;           /* out: exceptions are added */
} FloatStatus;

typedef enum FloatRelation { FLOAT_LESS = -1, FLOAT_EQUAL = 0, FLOAT_GREATER = 1, FLOAT_UNORDERED = 2 } FloatRelation;

#define F32_DEFAULT_NAN 0xffc00000u
#define F64_DEFAULT_NAN UINT64_C(0xfff8000000000000)
#define FX80_DEFAULT_NAN ((floatx80){ .mant = UINT64_C(0xc000000000000000), .se = 0xffff })

/* ---- binary32 and binary64 ---- */

#define DECLARE_FLOAT(f, T)                                                                             \
    T f##_add(T a, T b, FloatStatus *s);                                                                \
    T f##_sub(T a, T b, FloatStatus *s);                                                                \
    T f##_mul(T a, T b, FloatStatus *s);                                                                \
    T f##_div(T a, T b, FloatStatus *s);                                                                \
    T f##_sqrt(T a, FloatStatus *s);                                                                    \
    /* @signaling: quiet NaNs are invalid too (comis, cmplt..); else only signaling ones (ucomis, cmpeq..). */ \
    FloatRelation f##_compare(T a, T b, bool signaling, FloatStatus *s);                                \
    /* To an integral value in s->rounding. PE if that changed it. fx80 also looks for denormals (frndint). */ \
    T f##_round_to_int(T a, FloatStatus *s);                                                            \
    /* To integers: IE and the integer indefinite (only the top bit set) for NaNs and whatever does not fit. */ \
    int32_t f##_to_i32(T a, FloatStatus *s);                                                            \
    int64_t f##_to_i64(T a, FloatStatus *s);                                                            \
    int32_t f##_to_i32_trunc(T a, FloatStatus *s);                                                      \
    int64_t f##_to_i64_trunc(T a, FloatStatus *s);                                                      \
    T f##_from_i32(int32_t v, FloatStatus *s);                                                          \
    T f##_from_i64(int64_t v, FloatStatus *s);

DECLARE_FLOAT(f32, float32)
DECLARE_FLOAT(f64, float64)
DECLARE_FLOAT(fx80, floatx80)
#undef DECLARE_FLOAT

float64 f32_to_f64(float32 a, FloatStatus *s);
float32 f64_to_f32(float64 a, FloatStatus *s);

static inline bool f32_is_nan(float32 a)
{
    return (a & 0x7fffffffu) > 0x7f800000u;
}

static inline bool f64_is_nan(float64 a)
{
    return (a & INT64_MAX) > UINT64_C(0x7ff0000000000000);
}

static inline bool f32_is_snan(float32 a)
{
    return f32_is_nan(a) && !(a & 0x00400000u);
}

static inline bool f64_is_snan(float64 a)
{
    return f64_is_nan(a) && !(a & UINT64_C(0x0008000000000000));
}

/* ---- Extended ---- */

/* With an exception of fx80_to_f32/f64 that is unmasked (IE, OE, UE) the result must not be stored. */
floatx80 f32_to_fx80(float32 a, FloatStatus *s);
floatx80 f64_to_fx80(float64 a, FloatStatus *s);
float32 fx80_to_f32(floatx80 a, FloatStatus *s);
float64 fx80_to_f64(floatx80 a, FloatStatus *s);
int16_t fx80_to_i16(floatx80 a, FloatStatus *s);
int16_t fx80_to_i16_trunc(floatx80 a, FloatStatus *s);

/** fx80_scale: @a times two to the truncated @b (fscale). */
floatx80 fx80_scale(floatx80 a, floatx80 b, FloatStatus *s);

/**
 * fx80_rem: one step of the remainder of @a by @b.
 * @nearest: the quotient is rounded to nearest (fprem1), else truncated (fprem).
 * @ret_quotient: its low bits.  @ret_partial: the exponents were too far apart, the remainder is not final.
 */
floatx80 fx80_rem(floatx80 a, floatx80 b, bool nearest, uint64_t *ret_quotient, bool *ret_partial, FloatStatus *s);

/** fx80_nan: the result of a one-operand operation on NaN @a, or of a two-operand one; flags IE if one signals. */
floatx80 fx80_nan1(floatx80 a, FloatStatus *s);
floatx80 fx80_nan2(floatx80 a, floatx80 b, FloatStatus *s);

/* Encodings. "Unsupported" are those the 387 no longer accepts: unnormals, pseudo-NaNs, pseudo-infinities. */
static inline unsigned fx80_exp(floatx80 a)
{
    return a.se & 0x7fff;
}

static inline bool fx80_sign(floatx80 a)
{
    return a.se >> 15;
}

static inline bool fx80_is_unsupported(floatx80 a)
{
    return fx80_exp(a) && !(a.mant >> 63);
}

static inline bool fx80_is_nan(floatx80 a)
{
    return fx80_exp(a) == 0x7fff && (a.mant >> 63) && a.mant << 1;
}

static inline bool fx80_is_snan(floatx80 a)
{
    return fx80_is_nan(a) && !(a.mant >> 62 & 1);
}

static inline bool fx80_is_inf(floatx80 a)
{
    return fx80_exp(a) == 0x7fff && a.mant == UINT64_C(1) << 63;
}

static inline bool fx80_is_zero(floatx80 a)
{
    return !fx80_exp(a) && !a.mant;
}

/* Includes pseudo-denormals. */
static inline bool fx80_is_denormal(floatx80 a)
{
    return !fx80_exp(a) && a.mant;
}

#endif
