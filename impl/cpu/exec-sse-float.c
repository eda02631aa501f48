/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point arithmetic, comparison and rounding in xmm registers.
 *
 * A result is put together beside the destination: only when no lane has raised an unmasked exception does it
 * replace it (I1 of sse.h). The numbers themselves come from softfloat.h.
 * Source: SDM volume 1, 11.5 (exceptions); volume 2.
 */
#include "cpu/flags.h"
#include "cpu/sse.h"

int sse_float_done(X86CPU *cpu, const FloatStatus *st)
{
    unsigned flags = st->flags, before = FLOAT_IE | FLOAT_DE | FLOAT_ZE;

    /* These are found before anything is computed, in all lanes: then nothing else comes to light. */
    if (flags & ~st->masks & before) {
        flags &= before;
    }
    cpu->fpu.mxcsr |= flags;
    if (G_LIKELY(!(flags & ~st->masks))) {
        return RET_NEXT;
    }
    return cpu_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
}

/*
 * ---- The host's arithmetic ----
 *
 * A basic operation on normal numbers with a normal result has one right answer, and the only flag is PE. So when
 * that is set and masked already and rounding is to nearest, the host may do it; all else goes to softfloat.h.
 */

static bool host_rounds_alike(uint32_t mxcsr)
{
    unsigned pm = FLOAT_PE << MXCSR_MASK_SHIFT;

    return (mxcsr & (pm | FLOAT_PE | 3u << MXCSR_RC_SHIFT)) == (pm | FLOAT_PE);
}

/* Twice the smallest normal number and more, so that rounding cannot have left the normal ones. */
static inline bool f32_is_plain(float32 v)
{
    return (v >> 23 & 0xff) - 2 < 0xfd;
}

static inline bool f64_is_plain(float64 v)
{
    return (v >> 52 & 0x7ff) - 2 < 0x7fd;
}

/* True: @n lanes of @r are the result. */
#define HOST_OP(name, lane, n, f, host_type, op)                                                        \
    static inline bool host_##name(const XmmReg *d, const XmmReg *s, XmmReg *r)                         \
    {                                                                                                   \
        for (unsigned i = 0; i < (n); i++) {                                                            \
            host_type a, b, c;                                                                          \
            memcpy(&a, &d->lane[i], sizeof(a));                                                         \
            memcpy(&b, &s->lane[i], sizeof(b));                                                         \
            c = a op b;                                                                                 \
            memcpy(&r->lane[i], &c, sizeof(c));                                                         \
            if (!f##_is_plain(d->lane[i]) || !f##_is_plain(s->lane[i]) || !f##_is_plain(r->lane[i])) {  \
                return false;                                                                           \
            }                                                                                           \
        }                                                                                               \
        return true;                                                                                    \
    }
#define HOST_FOUR(name, op)                                                                             \
    HOST_OP(name##PS, d, 4, f32, float, op)                                                             \
    HOST_OP(name##SS, d, 1, f32, float, op)                                                             \
    HOST_OP(name##PD, q, 2, f64, double, op)                                                            \
    HOST_OP(name##SD, q, 1, f64, double, op)

HOST_FOUR(ADD, +)
HOST_FOUR(SUB, -)
HOST_FOUR(MUL, *)
HOST_FOUR(DIV, /)

/* ---- Arithmetic ---- */

/*
 * A handler of @n lanes. @host is true when the host has already done it; else expr is evaluated, which sees x of
 * the destination, y of the source, imm, and the status st.
 */
#define FLOAT_OP(name, lane, n, kind, host, expr)                                                       \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        XmmReg *d = &cpu->fpu.xmm[in->rd], r, s;                                                        \
        unsigned imm = (unsigned)in->imm & 0xff;                                                        \
        (void)imm;                                                                                      \
        if (sse_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {                                  \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        if (!(host)) {                                                                                  \
            FloatStatus status = fpu_status_sse(cpu->fpu.mxcsr), *st = &status;                         \
            for (unsigned i = 0; i < (n); i++) {                                                        \
                __typeof__(r.lane[0]) x = d->lane[i], y = s.lane[i];                                    \
                (void)x;                                                                                \
                r.lane[i] = (expr);                                                                     \
            }                                                                                           \
            if (sse_float_done(cpu, st) < 0) {                                                          \
                return RET_FAULT;                                                                       \
            }                                                                                           \
        }                                                                                               \
        for (unsigned i = 0; i < (n); i++) {                                                            \
            d->lane[i] = r.lane[i];                                                                     \
        }                                                                                               \
        return RET_NEXT;                                                                                \
    }
#define FLOAT_FOUR(name, expr32, expr64)                                                                \
    FLOAT_OP(name##PS, d, 4, SRC_128, false, expr32)                                                    \
    FLOAT_OP(name##SS, d, 1, SRC_32, false, expr32)                                                     \
    FLOAT_OP(name##PD, q, 2, SRC_128, false, expr64)                                                    \
    FLOAT_OP(name##SD, q, 1, SRC_64, false, expr64)
#define ARITH(name, lane, n, kind, expr)                                                                \
    FLOAT_OP(name, lane, n, kind, host_rounds_alike(cpu->fpu.mxcsr) && host_##name(d, &s, &r), expr)
#define ARITH_FOUR(name, expr32, expr64)                                                                \
    ARITH(name##PS, d, 4, SRC_128, expr32)                                                              \
    ARITH(name##SS, d, 1, SRC_32, expr32)                                                               \
    ARITH(name##PD, q, 2, SRC_128, expr64)                                                              \
    ARITH(name##SD, q, 1, SRC_64, expr64)

ARITH_FOUR(ADD, f32_add(x, y, st), f64_add(x, y, st))
ARITH_FOUR(SUB, f32_sub(x, y, st), f64_sub(x, y, st))
ARITH_FOUR(MUL, f32_mul(x, y, st), f64_mul(x, y, st))
ARITH_FOUR(DIV, f32_div(x, y, st), f64_div(x, y, st))
FLOAT_FOUR(SQRT, f32_sqrt(y, st), f64_sqrt(y, st))

/* ---- Minimum and maximum: the source unless the destination is really less or greater ---- */

static float32 daz32(float32 v, const FloatStatus *st)
{
    return st->daz && !(v & 0x7f800000u) ? v & 0x80000000u : v;
}

static float64 daz64(float64 v, const FloatStatus *st)
{
    return st->daz && !(v & UINT64_C(0x7ff0000000000000)) ? v & UINT64_C(1) << 63 : v;
}

static float32 pick32(float32 x, float32 y, FloatRelation want, FloatStatus *st)
{
    return daz32(f32_compare(x, y, true, st) == want ? x : y, st);
}

static float64 pick64(float64 x, float64 y, FloatRelation want, FloatStatus *st)
{
    return daz64(f64_compare(x, y, true, st) == want ? x : y, st);
}

FLOAT_FOUR(MIN, pick32(x, y, FLOAT_LESS, st), pick64(x, y, FLOAT_LESS, st))
FLOAT_FOUR(MAX, pick32(x, y, FLOAT_GREATER, st), pick64(x, y, FLOAT_GREATER, st))

/* ---- Comparison into a mask: the predicate's bit 2 negates ---- */

enum { PREDICATE_EQ, PREDICATE_LT, PREDICATE_LE, PREDICATE_UNORD };

static bool predicate_signals(unsigned imm)
{
    return (imm & 3) == PREDICATE_LT || (imm & 3) == PREDICATE_LE;
}

static bool predicate_holds(FloatRelation rel, unsigned imm)
{
    bool r;

    switch (imm & 3) {
    case PREDICATE_EQ:
        r = rel == FLOAT_EQUAL;
        break;
    case PREDICATE_LT:
        r = rel == FLOAT_LESS;
        break;
    case PREDICATE_LE:
        r = rel == FLOAT_LESS || rel == FLOAT_EQUAL;
        break;
    default:
        r = rel == FLOAT_UNORDERED;
        break;
    }
    return r != ((imm & 4) != 0);
}

static float32 compare32(float32 x, float32 y, unsigned imm, FloatStatus *st)
{
    return predicate_holds(f32_compare(x, y, predicate_signals(imm), st), imm) ? UINT32_MAX : 0;
}

static float64 compare64(float64 x, float64 y, unsigned imm, FloatStatus *st)
{
    return predicate_holds(f64_compare(x, y, predicate_signals(imm), st), imm) ? UINT64_MAX : 0;
}

FLOAT_FOUR(CMP, compare32(x, y, imm, st), compare64(x, y, imm, st))

/* ---- Comparison into flags ---- */

static int set_relation(X86CPU *cpu, FloatRelation rel, const FloatStatus *st)
{
    if (sse_float_done(cpu, st) < 0) {
        return RET_FAULT;
    }
    cc_set_flags(cpu, rel == FLOAT_UNORDERED ? FLAG_ZF | FLAG_PF | FLAG_CF
                    : rel == FLOAT_LESS ? FLAG_CF : rel == FLOAT_EQUAL ? FLAG_ZF : 0);
    return RET_NEXT;
}

#define COMPARE(name, lane, kind, compare, signaling)                                                   \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);                                                \
        XmmReg s;                                                                                       \
        if (sse_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {                                  \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        return set_relation(cpu, compare(cpu->fpu.xmm[in->rd].lane[0], s.lane[0], signaling, &st), &st); \
    }

COMPARE(COMISS, d, SRC_32, f32_compare, true)
COMPARE(UCOMISS, d, SRC_32, f32_compare, false)
COMPARE(COMISD, q, SRC_64, f64_compare, true)
COMPARE(UCOMISD, q, SRC_64, f64_compare, false)

/* ---- Rounding: imm has the direction (bit 2: of MXCSR), and whether inexact counts ---- */

static void round_modes(FloatStatus *st, unsigned imm)
{
    st->rounding = imm & 4 ? st->rounding : imm & 3;
}

static unsigned round_flags(unsigned flags, unsigned before, unsigned imm)
{
    return imm & 8 ? (flags & ~FLOAT_PE) | before : flags;
}

static float32 round32(float32 y, unsigned imm, FloatStatus *st)
{
    unsigned before = st->flags;
    float32 r;

    round_modes(st, imm);
    r = f32_round_to_int(y, st);
    st->flags = (uint8_t)round_flags(st->flags, before, imm);
    return r;
}

static float64 round64(float64 y, unsigned imm, FloatStatus *st)
{
    unsigned before = st->flags;
    float64 r;

    round_modes(st, imm);
    r = f64_round_to_int(y, st);
    st->flags = (uint8_t)round_flags(st->flags, before, imm);
    return r;
}

FLOAT_FOUR(ROUND, round32(y, imm, st), round64(y, imm, st))

/* ---- Neighbours ---- */

FLOAT_OP(ADDSUBPS, d, 4, SRC_128, false, i & 1 ? f32_add(x, y, st) : f32_sub(x, y, st))
FLOAT_OP(ADDSUBPD, q, 2, SRC_128, false, i & 1 ? f64_add(x, y, st) : f64_sub(x, y, st))

/* Lane 2i and 2i + 1 of destination, then source. */
#define PAIR(lane, half) ((i < (half) ? d : &s)->lane + 2 * (i % (half)))
FLOAT_OP(HADDPS, d, 4, SRC_128, false, ((void)y, f32_add(PAIR(d, 2)[0], PAIR(d, 2)[1], st)))
FLOAT_OP(HSUBPS, d, 4, SRC_128, false, ((void)y, f32_sub(PAIR(d, 2)[0], PAIR(d, 2)[1], st)))
FLOAT_OP(HADDPD, q, 2, SRC_128, false, ((void)y, f64_add(PAIR(q, 1)[0], PAIR(q, 1)[1], st)))
FLOAT_OP(HSUBPD, q, 2, SRC_128, false, ((void)y, f64_sub(PAIR(q, 1)[0], PAIR(q, 1)[1], st)))

/*
 * ---- Dot products: imm says which products count, and which lanes get the sum ----
 *
 * Each lane adds up for itself, in an order of its own, so of several NaNs not every lane gets the same; the order
 * is that of Intel's processors, no manual has it. Each step may raise.
 */

int op_sse_DPPS(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    XmmReg *d = &cpu->fpu.xmm[in->rd], s, p;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, SRC_128, &s) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 4; i++) {
        p.d[i] = in->imm >> (4 + i) & 1 ? f32_mul(d->d[i], s.d[i], &st) : 0;
    }
    for (unsigned step = 1; step <= 2; step++) {
        XmmReg part = p;

        if (sse_float_done(cpu, &st) < 0) {
            return RET_FAULT;
        }
        for (unsigned i = 0; i < 4; i++) {
            p.d[i] = step == 1 ? f32_add(part.d[i ^ 1], part.d[i], &st) : f32_add(part.d[i], part.d[i ^ 2], &st);
        }
    }
    if (sse_float_done(cpu, &st) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 4; i++) {
        d->d[i] = in->imm >> i & 1 ? p.d[i] : 0;
    }
    return RET_NEXT;
}

int op_sse_DPPD(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    XmmReg *d = &cpu->fpu.xmm[in->rd], s, p, sum;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, SRC_128, &s) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 2; i++) {
        p.q[i] = in->imm >> (4 + i) & 1 ? f64_mul(d->q[i], s.q[i], &st) : 0;
    }
    if (sse_float_done(cpu, &st) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 2; i++) {
        sum.q[i] = f64_add(p.q[i], p.q[1 - i], &st);
    }
    if (sse_float_done(cpu, &st) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < 2; i++) {
        d->q[i] = in->imm >> i & 1 ? sum.q[i] : 0;
    }
    return RET_NEXT;
}

/*
 * ---- Approximations ----
 *
 * The manual bounds the error and leaves the bits to the implementation; here they are the exact quotient's. They
 * know no modes and no exceptions: denormals are zeros, before and after.
 */

static FloatStatus approximation_modes(void)
{
    return (FloatStatus){ .masks = FLOAT_ALL, .daz = true, .ftz = true };
}

static float32 reciprocal(float32 y)
{
    FloatStatus st = approximation_modes();

    return f32_div(0x3f800000u, y, &st);
}

static float32 reciprocal_sqrt(float32 y)
{
    FloatStatus st = approximation_modes();

    return f32_div(0x3f800000u, f32_sqrt(y, &st), &st);
}

LANES_SSE(RCPPS, d, reciprocal(y))
LANES_SSE(RSQRTPS, d, reciprocal_sqrt(y))

BODY(RCPSS)
{
    d->d[0] = reciprocal(s->d[0]);
}
SSE_OP(RCPSS, SRC_32)

BODY(RSQRTSS)
{
    d->d[0] = reciprocal_sqrt(s->d[0]);
}
SSE_OP(RSQRTSS, SRC_32)
