/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: every operation of softfloat.h gives the bits and the exception flags that an x86 processor gives.
 * Method: random and edge operands in all rounding modes, precisions and masks are computed natively (SSE with its
 * exceptions masked, x87 also unmasked, since fnsave reads its state without reporting them) and by us.
 * GLib prints the seed; run with `--seed R02S...` to repeat a failure.
 */
#include "cpu/softfloat.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#if defined(__x86_64__)

enum { ROUNDS = 40000 };

/* ---- Operands ---- */

static uint64_t random64(void)
{
    return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

/* Few bits set or few clear: where rounding is decided. */
static uint64_t random_frac(void)
{
    switch ((unsigned)g_test_rand_int() % 6) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_C(1) << (random64() & 63);
    case 3:
        return UINT64_MAX << (random64() & 63);
    case 4:
        return UINT64_MAX >> (random64() & 63);
    default:
        return random64();
    }
}

/* An exponent field of @bits bits: often at an end or near the middle. */
static unsigned random_exp(unsigned bits)
{
    unsigned max = (1u << bits) - 1;

    switch ((unsigned)g_test_rand_int() % 8) {
    case 0:
        return 0;
    case 1:
        return max;
    case 2:
        return 1 + (unsigned)(random64() % 3);
    case 3:
        return max - 1 - (unsigned)(random64() % 3);
    case 4:
    case 5:
        return max / 2 - 40 + (unsigned)(random64() % 140);
    default:
        return (unsigned)random64() & max;
    }
}

static float32 random_f32(void)
{
    return (float32)((uint32_t)g_test_rand_int() & 0x80000000u) | random_exp(8) << 23 |
           (float32)(random_frac() & 0x7fffff);
}

static float64 random_f64(void)
{
    return (random64() & UINT64_C(1) << 63) | (uint64_t)random_exp(11) << 52 | (random_frac() >> 12);
}

static floatx80 random_fx80(void)
{
    uint64_t integer = (unsigned)g_test_rand_int() % 16 ? UINT64_C(1) << 63 : random64();
    unsigned exp = random_exp(15);

    if (!exp && (unsigned)g_test_rand_int() % 16) {
        integer = 0;
    }
    return (floatx80){ .mant = (random_frac() & INT64_MAX) | integer, .se = (uint16_t)((random64() & 0x8000) | exp) };
}

/* ---- SSE ---- */

/* Two operands in xmm0 and xmm1, the result from xmm0 or rax. */
#define SSE_OP(name, insn)                                                                              \
    static uint64_t native_##name(uint64_t a, uint64_t b, uint32_t *mxcsr)                              \
    {                                                                                                   \
        uint32_t old, csr = *mxcsr;                                                                     \
        uint64_t r = 0;                                                                                 \
        __asm__ volatile("stmxcsr %[old]\n ldmxcsr %[csr]\n movq %[a], %%xmm0\n movq %[b], %%xmm1\n"    \
                         insn "\n stmxcsr %[csr]\n ldmxcsr %[old]\n"                                    \
                         : [old] "=m"(old), [csr] "+m"(csr), [r] "+&r"(r)                               \
                         : [a] "r"(a), [b] "r"(b) : "xmm0", "xmm1", "rax", "cc");                       \
        *mxcsr = csr;                                                                                   \
        return r;                                                                                       \
    }
#define SSE_XMM(name, insn) SSE_OP(name, insn " %%xmm1, %%xmm0\n movq %%xmm0, %[r]")
#define SSE_INT(name, insn) SSE_OP(name, insn " %%xmm0, %%rax\n mov %%rax, %[r]")
#define SSE_INT32(name, insn) SSE_OP(name, insn " %%xmm0, %%eax\n mov %%rax, %[r]")
#define SSE_FROM(name, insn) SSE_OP(name, "movq %%xmm0, %%rax\n pxor %%xmm0, %%xmm0\n" insn " %%rax, %%xmm0\n" \
                                          "movq %%xmm0, %[r]")
#define SSE_FROM32(name, insn) SSE_OP(name, "movq %%xmm0, %%rax\n pxor %%xmm0, %%xmm0\n" insn " %%eax, %%xmm0\n" \
                                            "movq %%xmm0, %[r]")
#define SSE_COMPARE(name, insn) SSE_OP(name, insn " %%xmm1, %%xmm0\n lahf\n movzbl %%ah, %%eax\n and $0x45, %%eax\n" \
                                               "mov %%rax, %[r]")

#define SSE_FORMAT(f, suffix)                                                                           \
    SSE_XMM(f##_add, "adds" suffix) SSE_XMM(f##_sub, "subs" suffix) SSE_XMM(f##_mul, "muls" suffix)     \
    SSE_XMM(f##_div, "divs" suffix) SSE_XMM(f##_sqrt, "sqrts" suffix)                                   \
    SSE_INT32(f##_to_i32, "cvts" suffix "2si") SSE_INT(f##_to_i64, "cvts" suffix "2si")                 \
    SSE_INT32(f##_to_i32_trunc, "cvtts" suffix "2si") SSE_INT(f##_to_i64_trunc, "cvtts" suffix "2si")   \
    SSE_FROM32(f##_from_i32, "cvtsi2s" suffix) SSE_FROM(f##_from_i64, "cvtsi2s" suffix "q")             \
    SSE_COMPARE(f##_comi, "comis" suffix) SSE_COMPARE(f##_ucomi, "ucomis" suffix)                       \
    SSE_OP(f##_round, "rounds" suffix " $4, %%xmm0, %%xmm0\n movq %%xmm0, %[r]")
SSE_FORMAT(f32, "s")
SSE_FORMAT(f64, "d")
SSE_XMM(f32_to_f64, "pxor %%xmm0, %%xmm0\n cvtss2sd")
SSE_XMM(f64_to_f32, "pxor %%xmm0, %%xmm0\n cvtsd2ss")

typedef enum Kind { KIND_F32, KIND_F64, KIND_INT } Kind;

typedef struct SseOp {
    const char *name;
    Kind kind;               /* of the operands */
    uint64_t mask;           /* of the result */
    uint64_t (*native)(uint64_t a, uint64_t b, uint32_t *mxcsr);
    uint64_t (*ours)(uint64_t a, uint64_t b, FloatStatus *s);
} SseOp;

static uint64_t eflags_of(FloatRelation r)
{
    return r == FLOAT_UNORDERED ? 0x45 : r == FLOAT_EQUAL ? 0x40 : r == FLOAT_LESS ? 1 : 0;
}

#define OURS(f, T, op, expr)                                                                            \
    static uint64_t ours_##f##_##op(uint64_t a, uint64_t b, FloatStatus *s)                             \
    {                                                                                                   \
        return (uint64_t)(expr);                                                                        \
    }
#define OURS_FORMAT(f, T)                                                                               \
    OURS(f, T, add, f##_add((T)a, (T)b, s)) OURS(f, T, sub, f##_sub((T)a, (T)b, s))                     \
    OURS(f, T, mul, f##_mul((T)a, (T)b, s)) OURS(f, T, div, f##_div((T)a, (T)b, s))                     \
    OURS(f, T, sqrt, f##_sqrt((T)b, s)) OURS(f, T, round, f##_round_to_int((T)a, s))                    \
    OURS(f, T, to_i32, f##_to_i32((T)a, s)) OURS(f, T, to_i64, f##_to_i64((T)a, s))                     \
    OURS(f, T, to_i32_trunc, f##_to_i32_trunc((T)a, s)) OURS(f, T, to_i64_trunc, f##_to_i64_trunc((T)a, s)) \
    OURS(f, T, from_i32, f##_from_i32((int32_t)a, s)) OURS(f, T, from_i64, f##_from_i64((int64_t)a, s)) \
    OURS(f, T, comi, eflags_of(f##_compare((T)a, (T)b, true, s)))                                       \
    OURS(f, T, ucomi, eflags_of(f##_compare((T)a, (T)b, false, s)))
OURS_FORMAT(f32, float32)
OURS_FORMAT(f64, float64)
OURS(f32, float32, to_f64, f32_to_f64((float32)b, s))
OURS(f64, float64, to_f32, f64_to_f32(b, s))

#define OP(name, kind, bits) { #name, kind, UINT64_MAX >> (64 - (bits)), native_##name, ours_##name }
#define OPS_FORMAT(f, kind, bits)                                                                       \
    OP(f##_add, kind, bits), OP(f##_sub, kind, bits), OP(f##_mul, kind, bits), OP(f##_div, kind, bits), \
    OP(f##_sqrt, kind, bits), OP(f##_round, kind, bits), OP(f##_to_i32, kind, 32), OP(f##_to_i64, kind, 64), \
    OP(f##_to_i32_trunc, kind, 32), OP(f##_to_i64_trunc, kind, 64), OP(f##_from_i32, KIND_INT, bits),    \
    OP(f##_from_i64, KIND_INT, bits), OP(f##_comi, kind, 64), OP(f##_ucomi, kind, 64)

static const SseOp sse_ops[] = {
    OPS_FORMAT(f32, KIND_F32, 32), OPS_FORMAT(f64, KIND_F64, 64),
    OP(f32_to_f64, KIND_F32, 64), OP(f64_to_f32, KIND_F64, 32),
};

static uint64_t sse_operand(Kind k)
{
    switch (k) {
    case KIND_F32:
        return random_f32();
    case KIND_F64:
        return random_f64();
    default:
        return random_frac();
    }
}

static void test_sse(gconstpointer data)
{
    const SseOp *op = data;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t a = sse_operand(op->kind), b = sse_operand(op->kind), want, got;
        uint32_t modes = (uint32_t)random64() & 0xe040, mxcsr = 0x1f80 | modes;
        FloatStatus s = {
            .rounding = modes >> 13 & 3, .masks = FLOAT_ALL, .daz = modes >> 6 & 1, .ftz = modes >> 15,
        };

        want = op->native(a, b, &mxcsr) & op->mask;
        got = op->ours(a, b, &s) & op->mask;
        if (want != got || (mxcsr & FLOAT_ALL) != s.flags) {
            g_test_message("%s %" PRIx64 " %" PRIx64 " mxcsr %x: native %" PRIx64 " flags %02x, ours %" PRIx64
                           " flags %02x", op->name, a, b, modes, want, mxcsr & FLOAT_ALL, got, s.flags);
            g_test_fail();
            return;
        }
    }
}

/* ---- x87 ---- */

typedef struct FnsaveImage {
    uint16_t cw, pad0, sw, pad1, tag, pad2;
    uint32_t ip, cs_op, dp, ds;
    struct { uint64_t mant; uint16_t se; } __attribute__((packed)) st[8];
} FnsaveImage;
G_STATIC_ASSERT(sizeof(FnsaveImage) == 108);

typedef struct X87Result {
    floatx80 value;
    uint16_t flags;          /* exceptions and C1 */
    uint16_t cc;             /* C0, C2, C3 */
} X87Result;

#define X87_OP(name, insn)                                                                              \
    static void native_##name(const floatx80 *a, const floatx80 *b, uint16_t cw, FnsaveImage *out, void *m) \
    {                                                                                                   \
        __asm__ volatile("fninit\n fldt %[b]\n fldt %[a]\n fldcw %[cw]\n" insn "\n fnsave %[out]\n"     \
                         : [out] "=m"(*out), [m] "+m"(*(uint64_t *)m)                                   \
                         : [a] "m"(*a), [b] "m"(*b), [cw] "m"(cw)                                       \
                         : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");        \
    }
X87_OP(fadd, "fadd %%st(1), %%st")
X87_OP(fsub, "fsub %%st(1), %%st")
X87_OP(fmul, "fmul %%st(1), %%st")
X87_OP(fdiv, "fdiv %%st(1), %%st")
X87_OP(fsqrt, "fsqrt")
X87_OP(frndint, "frndint")
X87_OP(fscale, "fscale")
X87_OP(fprem, "fprem")
X87_OP(fprem1, "fprem1")
X87_OP(fcom, "fcom %%st(1)")
X87_OP(fucom, "fucom %%st(1)")
X87_OP(flds, "ffree %%st(7)\n flds %[m]")
X87_OP(fldl, "ffree %%st(7)\n fldl %[m]")
X87_OP(fsts, "fsts %[m]")
X87_OP(fstl, "fstl %[m]")
X87_OP(fists, "fists %[m]")
X87_OP(fistl, "fistl %[m]")
X87_OP(fistll, "fistpll %[m]")
X87_OP(fisttll, "fisttpll %[m]")

typedef struct X87Op {
    const char *name;
    void (*native)(const floatx80 *a, const floatx80 *b, uint16_t cw, FnsaveImage *out, void *m);
    floatx80 (*ours)(floatx80 a, floatx80 b, uint64_t *m, FloatStatus *s, uint16_t *cc);
    bool compare_cc;
    bool to_memory;          /* then the mask says which exceptions leave the memory alone */
} X87Op;

#define OURS_X87(name, expr)                                                                            \
    static floatx80 ours_##name(floatx80 a, floatx80 b, uint64_t *m, FloatStatus *s, uint16_t *cc)      \
    {                                                                                                   \
        return (expr);                                                                                  \
    }
static uint16_t x87_cc(FloatRelation r)
{
    return r == FLOAT_UNORDERED ? 0x4500 : r == FLOAT_EQUAL ? 0x4000 : r == FLOAT_LESS ? 0x100 : 0;
}

static floatx80 rem_cc(floatx80 a, floatx80 b, bool nearest, FloatStatus *s, uint16_t *cc)
{
    uint64_t q;
    bool partial;
    floatx80 r = fx80_rem(a, b, nearest, &q, &partial, s);

    s->rounded_up = q & 1;
    *cc = (uint16_t)((partial ? 0x400 : 0) | (q & 2 ? 0x4000 : 0) | (q & 4 ? 0x100 : 0));
    return r;
}

OURS_X87(fadd, fx80_add(a, b, s))
OURS_X87(fsub, fx80_sub(a, b, s))
OURS_X87(fmul, fx80_mul(a, b, s))
OURS_X87(fdiv, fx80_div(a, b, s))
OURS_X87(fsqrt, fx80_sqrt(a, s))
OURS_X87(frndint, fx80_round_to_int(a, s))
OURS_X87(fscale, fx80_scale(a, b, s))
OURS_X87(fprem, rem_cc(a, b, false, s, cc))
OURS_X87(fprem1, rem_cc(a, b, true, s, cc))
OURS_X87(fcom, (*cc = x87_cc(fx80_compare(a, b, true, s)), a))
OURS_X87(fucom, (*cc = x87_cc(fx80_compare(a, b, false, s)), a))
OURS_X87(flds, f32_to_fx80((float32)*m, s))
OURS_X87(fldl, f64_to_fx80(*m, s))
OURS_X87(fsts, (*m = fx80_to_f32(a, s), a))
OURS_X87(fstl, (*m = fx80_to_f64(a, s), a))
OURS_X87(fists, (*m = (uint16_t)fx80_to_i16(a, s), a))
OURS_X87(fistl, (*m = (uint32_t)fx80_to_i32(a, s), a))
OURS_X87(fistll, (*m = (uint64_t)fx80_to_i64(a, s), a))
OURS_X87(fisttll, (*m = (uint64_t)fx80_to_i64_trunc(a, s), a))

#define XOP(name, cc, mem) { #name, native_##name, ours_##name, cc, mem }
static const X87Op x87_ops[] = {
    XOP(fadd, false, false), XOP(fsub, false, false), XOP(fmul, false, false), XOP(fdiv, false, false),
    XOP(fsqrt, false, false), XOP(frndint, false, false), XOP(fscale, false, false), XOP(fprem, true, false),
    XOP(fprem1, true, false), XOP(fcom, true, false), XOP(fucom, true, false), XOP(flds, false, false),
    XOP(fldl, false, false), XOP(fsts, false, true), XOP(fstl, false, true), XOP(fists, false, true),
    XOP(fistl, false, true), XOP(fistll, false, true), XOP(fisttll, false, true),
};

static uint64_t memory_operand(const X87Op *op)
{
    return op->native == native_flds ? random_f32() : op->native == native_fldl ? random_f64() : 0;
}

/* What an unmasked exception leaves of the result. */
static bool result_counts(const X87Op *op, const FloatStatus *s)
{
    uint8_t unmasked = s->flags & (uint8_t)~s->masks;
    uint8_t before = FLOAT_IE | FLOAT_DE | FLOAT_ZE;

    return !(unmasked & (op->to_memory ? before | FLOAT_OE | FLOAT_UE : before));
}

static void test_x87(gconstpointer data)
{
    static const uint8_t precisions[4] = { 24, 53, 53, 64 };
    const X87Op *op = data;

    for (unsigned i = 0; i < ROUNDS; i++) {
        floatx80 a = random_fx80(), b = (unsigned)g_test_rand_int() % 4 ? random_fx80() : a, got;
        uint64_t mem = memory_operand(op), native_mem = mem, m = mem;
        uint16_t cw = (uint16_t)(random64() & 0xc00) | (uint16_t[]){ 0, 0x200, 0x300 }[random64() % 3], cc = 0;
        FloatStatus s = { .rounding = cw >> 10 & 3, .precision = precisions[cw >> 8 & 3] };
        FnsaveImage img;
        bool same;

        s.masks = (unsigned)g_test_rand_int() % 4 ? FLOAT_ALL : (uint8_t)(random64() & FLOAT_ALL);
        cw |= s.masks;
        if (op->to_memory && op->native != native_fsts && op->native != native_fstl && i % 2) {
            a.se = (uint16_t)((a.se & 0x8000) | (16383 - 4 + random64() % 70));   /* integers that fit */
            a.mant |= UINT64_C(1) << 63;
        }
        op->native(&a, &b, cw, &img, &native_mem);
        got = op->ours(a, b, &m, &s, &cc);
        same = (img.sw & FLOAT_ALL) == s.flags;
        if (result_counts(op, &s)) {
            same &= op->to_memory ? native_mem == m : img.st[0].mant == got.mant && img.st[0].se == got.se;
            same &= !(s.flags & FLOAT_PE) || (img.sw >> 9 & 1) == s.rounded_up;
        }
        same &= !op->compare_cc || (s.flags & FLOAT_IE) || !result_counts(op, &s) || (img.sw & 0x4500) == cc;
        if (!same) {
            g_test_message("%s %04x:%016" PRIx64 " %04x:%016" PRIx64 " mem %" PRIx64 " cw %x: native %04x:%016" PRIx64
                           " mem %" PRIx64 " sw %04x, ours %04x:%016" PRIx64 " mem %" PRIx64 " flags %02x cc %x up %d",
                           op->name, a.se, a.mant, b.se, b.mant, mem, cw, img.st[0].se, (uint64_t)img.st[0].mant,
                           native_mem, img.sw, got.se, got.mant, m, s.flags, cc, s.rounded_up);
            g_test_fail();
            return;
        }
    }
}

static void add_tests(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(sse_ops); i++) {
        char *path = g_strdup_printf("/softfloat/sse/%s", sse_ops[i].name);

        g_test_add_data_func(path, &sse_ops[i], test_sse);
        g_free(path);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(x87_ops); i++) {
        char *path = g_strdup_printf("/softfloat/x87/%s", x87_ops[i].name);

        g_test_add_data_func(path, &x87_ops[i], test_x87);
        g_free(path);
    }
}

#else

static void test_skip(void)
{
    g_test_skip("compares with the host's processor, which is not an x86-64");
}

static void add_tests(void)
{
    g_test_add_func("/softfloat/skipped", test_skip);
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests();
    return g_test_run();
}
