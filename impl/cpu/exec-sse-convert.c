/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversions between floating-point formats and integers, in xmm, MMX and general registers.
 *
 * Source: SDM volume 2; volume 1, table 11-1 for the integer indefinite.
 */
#include "cpu/sse.h"

/* ---- Between xmm registers: the lanes of @ret that expr fills are all that changes ---- */

/* @zero: the upper half is cleared. expr sees the source s, the lane's number i, and the status st. */
#define CONVERT(name, to, n, kind, zero, expr)                                                          \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        FloatStatus status = fpu_status_sse(cpu->fpu.mxcsr), *st = &status;                             \
        XmmReg *d = &cpu->fpu.xmm[in->rd], r, s;                                                        \
        if (sse_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {                                  \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        for (unsigned i = 0; i < (n); i++) {                                                            \
            r.to[i] = (expr);                                                                           \
        }                                                                                               \
        if (sse_float_done(cpu, st) < 0) {                                                              \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        for (unsigned i = 0; i < (n); i++) {                                                            \
            d->to[i] = r.to[i];                                                                         \
        }                                                                                               \
        d->q[1] = (zero) ? 0 : d->q[1];                                                                 \
        return RET_NEXT;                                                                                \
    }

CONVERT(CVTSS2SD, q, 1, SRC_32, false, f32_to_f64(s.d[i], st))
CONVERT(CVTSD2SS, d, 1, SRC_64, false, f64_to_f32(s.q[i], st))
CONVERT(CVTPS2PD, q, 2, SRC_64, false, f32_to_f64(s.d[i], st))
CONVERT(CVTPD2PS, d, 2, SRC_128, true, f64_to_f32(s.q[i], st))
CONVERT(CVTDQ2PS, d, 4, SRC_128, false, f32_from_i32(s.sd[i], st))
CONVERT(CVTDQ2PD, q, 2, SRC_64, false, f64_from_i32(s.sd[i], st))
CONVERT(CVTPS2DQ, sd, 4, SRC_128, false, f32_to_i32(s.d[i], st))
CONVERT(CVTTPS2DQ, sd, 4, SRC_128, false, f32_to_i32_trunc(s.d[i], st))
CONVERT(CVTPD2DQ, sd, 2, SRC_128, true, f64_to_i32(s.q[i], st))
CONVERT(CVTTPD2DQ, sd, 2, SRC_128, true, f64_to_i32_trunc(s.q[i], st))

/* ---- General registers and memory to a scalar: size says how wide the integer is ---- */

static int integer_source(X86CPU *cpu, const Insn *in, int64_t *ret)
{
    uint64_t v;

    if (sse_enter(cpu) < 0) {
        return RET_FAULT;
    }
    if (in->flags & IF_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), in->size, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        v = reg_rd(cpu, in->rs, in->size);
    }
    *ret = sign_extend(v, in->size);
    return RET_NEXT;
}

int op_sse_CVTSI2SS(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    float32 r;
    int64_t v;

    if (integer_source(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    r = f32_from_i64(v, &st);
    if (sse_float_done(cpu, &st) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].d[0] = r;
    return RET_NEXT;
}

int op_sse_CVTSI2SD(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    float64 r;
    int64_t v;

    if (integer_source(cpu, in, &v) < 0) {
        return RET_FAULT;
    }
    r = f64_from_i64(v, &st);
    if (sse_float_done(cpu, &st) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[0] = r;
    return RET_NEXT;
}

/* ---- A scalar to a general register ---- */

#define TO_GPR(name, lane, kind, f, how)                                                                \
    int op_sse_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);                                                \
        uint64_t r;                                                                                     \
        XmmReg s;                                                                                       \
        if (sse_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {                                  \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        r = in->size == 8 ? (uint64_t)f##_to_i64##how(s.lane[0], &st)                                   \
                          : (uint32_t)f##_to_i32##how(s.lane[0], &st);                                  \
        if (sse_float_done(cpu, &st) < 0) {                                                             \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        reg_wr(cpu, in->rd, 8, r);                                                                      \
        return RET_NEXT;                                                                                \
    }

TO_GPR(CVTSS2SI, d, SRC_32, f32, )
TO_GPR(CVTTSS2SI, d, SRC_32, f32, _trunc)
TO_GPR(CVTSD2SI, q, SRC_64, f64, )
TO_GPR(CVTTSD2SI, q, SRC_64, f64, _trunc)

/* ---- MMX: processors enter it after the last fault of memory, even when a floating-point exception follows ---- */

#define TO_MMX(name, kind, expr)                                                                        \
    int op_mmx_##name(X86CPU *cpu, const Insn *in)                                                      \
    {                                                                                                   \
        FloatStatus status = fpu_status_sse(cpu->fpu.mxcsr), *st = &status;                             \
        XmmReg r = { .q = { 0, 0 } }, s;                                                                \
        if (sse_enter(cpu) < 0 || mmx_enter(cpu) < 0 || sse_source(cpu, in, kind, &s) < 0) {            \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        for (unsigned i = 0; i < 2; i++) {                                                              \
            r.sd[i] = (expr);                                                                           \
        }                                                                                               \
        fpu_enter_mmx(&cpu->fpu);                                                                       \
        if (sse_float_done(cpu, st) < 0) {                                                              \
            return RET_FAULT;                                                                           \
        }                                                                                               \
        fpu_mmx_write(&cpu->fpu, in->rd, r.q[0]);                                                       \
        return RET_NEXT;                                                                                \
    }

TO_MMX(CVTPS2PI, SRC_64, f32_to_i32(s.d[i], st))
TO_MMX(CVTTPS2PI, SRC_64, f32_to_i32_trunc(s.d[i], st))
TO_MMX(CVTPD2PI, SRC_128, f64_to_i32(s.q[i], st))
TO_MMX(CVTTPD2PI, SRC_128, f64_to_i32_trunc(s.q[i], st))

/* With a memory operand these have nothing to do with MMX. */
static int mmx_integers(X86CPU *cpu, const Insn *in, XmmReg *ret)
{
    bool mem = in->flags & IF_MEM;

    if (sse_enter(cpu) < 0 || (!mem && mmx_enter(cpu) < 0)) {
        return RET_FAULT;
    }
    return mmx_source(cpu, in, SRC_64, ret);
}

static int integers_done(X86CPU *cpu, const Insn *in, const FloatStatus *st)
{
    if (!(in->flags & IF_MEM)) {
        fpu_enter_mmx(&cpu->fpu);
    }
    return sse_float_done(cpu, st);
}

int op_mmx_CVTPI2PS(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    XmmReg s, r;

    if (mmx_integers(cpu, in, &s) < 0) {
        return RET_FAULT;
    }
    r.d[0] = f32_from_i32(s.sd[0], &st);
    r.d[1] = f32_from_i32(s.sd[1], &st);
    if (integers_done(cpu, in, &st) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd].q[0] = r.q[0];
    return RET_NEXT;
}

int op_mmx_CVTPI2PD(X86CPU *cpu, const Insn *in)
{
    FloatStatus st = fpu_status_sse(cpu->fpu.mxcsr);
    XmmReg s, r;

    if (mmx_integers(cpu, in, &s) < 0) {
        return RET_FAULT;
    }
    r.q[0] = f64_from_i32(s.sd[0], &st);
    r.q[1] = f64_from_i32(s.sd[1], &st);
    if (integers_done(cpu, in, &st) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.xmm[in->rd] = r;
    return RET_NEXT;
}
