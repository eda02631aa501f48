/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: what the comparison of whole sequences (test-native.c) leaves out of the x87: transcendental functions, which
 * are only nearly the same, the images in all modes, and who may use it when.
 * Method: functions against the host, results within a few units of the last place, special operands exactly; the
 * rest against the manual's layouts.
 */
#include "cpu/test-cpu.h"

#include <math.h>

enum { CODE = 0x1000, DATA = 0x2000, IMAGE = 0x3000, ROUNDS = 3000 };

static void run(const uint8_t *code, size_t len, unsigned insns)
{
    uint64_t executed;

    test_cpu_put(CODE, code, len);
    (void)cpu_x86_exec(tc.cpu, insns, &executed);   /* the tests look at what it left */
}

static void start_long_mode(void)
{
    test_cpu_long_mode(CODE);
    tc.cpu->cr0 |= CR0_NE | CR0_MP;
    fpu_init(&tc.cpu->fpu);
}

/* ---- Transcendental functions ---- */

#if defined(__x86_64__)

typedef void NativeFunc(const floatx80 *a, const floatx80 *b, uint8_t *fnsave);

#define NATIVE(name)                                                                                    \
    static void native_##name(const floatx80 *a, const floatx80 *b, uint8_t *image)                     \
    {                                                                                                   \
        __asm__ volatile("fninit\n fldt %[b]\n fldt %[a]\n" #name "\n fnsave %[out]\n"                  \
                         : [out] "=m"(*(uint8_t(*)[108])image) : [a] "m"(*a), [b] "m"(*b)               \
                         : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");        \
    }
NATIVE(f2xm1) NATIVE(fsin) NATIVE(fcos) NATIVE(fsincos) NATIVE(fptan) NATIVE(fpatan) NATIVE(fyl2x) NATIVE(fyl2xp1)

typedef struct Function {
    const char *name;
    NativeFunc *native;
    uint8_t opcode;          /* after D9 */
    int min_exp, max_exp;    /* of ST(0), within which it is defined */
    unsigned results;
} Function;

static const Function functions[] = {
    { "f2xm1", native_f2xm1, 0xf0, -70, -1, 1 }, { "fsin", native_fsin, 0xfe, -70, 70, 1 },
    { "fcos", native_fcos, 0xff, -70, 70, 1 }, { "fsincos", native_fsincos, 0xfb, -70, 70, 2 },
    { "fptan", native_fptan, 0xf2, -70, 70, 2 }, { "fpatan", native_fpatan, 0xf3, -200, 200, 1 },
    { "fyl2x", native_fyl2x, 0xf1, -200, 200, 1 }, { "fyl2xp1", native_fyl2xp1, 0xf9, -70, -3, 1 },
};

static uint64_t random64(void)
{
    return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static floatx80 random_operand(int min_exp, int max_exp)
{
    static const floatx80 special[] = {
        { 0, 0 }, { 0, 0x8000 }, { UINT64_C(1) << 63, 0x3fff }, { UINT64_C(1) << 63, 0xbfff },
        { UINT64_C(1) << 63, 0x7fff }, { UINT64_C(1) << 63, 0xffff }, { UINT64_C(0xc000000000001234), 0x7fff },
        { UINT64_C(0xa000000000001234), 0xffff }, { UINT64_C(0x1234), 0x7ffe }, { UINT64_C(1) << 63, 0x403e },
    };

    if (g_test_rand_int_range(0, 4) == 0) {
        return special[g_test_rand_int_range(0, G_N_ELEMENTS(special))];
    }
    return (floatx80){
        .mant = random64() | UINT64_C(1) << 63,
        .se = (uint16_t)((random64() & 0x8000) | (uint64_t)(16383 + g_test_rand_int_range(min_exp, max_exp + 1))),
    };
}

/* Zeros, infinities and NaNs exactly; numbers to 2^-61 of their size, or of 2^-64 where sine and cosine cancel. */
static bool near_enough(floatx80 a, floatx80 b)
{
    long double x, y;

    if (fx80_exp(a) == 0x7fff || fx80_exp(b) == 0x7fff || fx80_is_zero(a) || fx80_is_zero(b)) {
        return a.mant == b.mant && a.se == b.se;
    }
    memcpy(&x, &a, 10);
    memcpy(&y, &b, 10);
    return fabsl(x - y) <= ldexpl(fabsl(x), -61);
}

static floatx80 result_of(const uint8_t *image, unsigned i)
{
    floatx80 v = { 0 };

    memcpy(&v.mant, image + 28 + i * 10, 8);
    memcpy(&v.se, image + 36 + i * 10, 2);
    return v;
}

static void test_function(gconstpointer data)
{
    const Function *f = data;
    const uint8_t code[] = {
        0xdb, 0x2c, 0x25, 0x10, 0x20, 0, 0, 0xdb, 0x2c, 0x25, 0, 0x20, 0, 0, 0xd9, f->opcode,
        0xdd, 0x34, 0x25, 0, 0x30, 0, 0,
    };

    for (unsigned i = 0; i < ROUNDS; i++) {
        floatx80 a = random_operand(f->min_exp, f->max_exp), b = random_operand(-100, 100);
        uint8_t native[108], *ours = tc.mem + IMAGE;
        uint16_t flags = 0x405 | (fx80_is_nan(a) || fx80_is_nan(b) ? 0 : 2);   /* C2, ZE, IE, DE */
        bool same = true;

        f->native(&a, &b, native);
        start_long_mode();
        memcpy(tc.mem + DATA, &a, 16);
        memcpy(tc.mem + DATA + 16, &b, 16);
        run(code, sizeof(code), 4);
        /* Out of range (C2): nothing was pushed. */
        for (unsigned r = 0; r < (ld16_le(native + 4) & FPU_SW_C2 ? 1 : f->results); r++) {
            same &= near_enough(result_of(native, r), result_of(ours, r));
        }
        if (!same || ((ld16_le(native + 4) ^ ld16_le(ours + 4)) & (flags | 7 << 11))) {
            floatx80 n = result_of(native, 0), o = result_of(ours, 0);

            g_test_message("%s %04x:%016" G_GINT64_MODIFIER "x %04x:%016" G_GINT64_MODIFIER "x: native %04x:%016"
                           G_GINT64_MODIFIER "x %04x, ours %04x:%016" G_GINT64_MODIFIER "x %04x", f->name, a.se, a.mant,
                           b.se, b.mant, n.se, n.mant, ld16_le(native + 4), o.se, o.mant, ld16_le(ours + 4));
            g_test_fail();
            return;
        }
    }
}

static void add_functions(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(functions); i++) {
        char *path = g_strdup_printf("/x87/near/%s", functions[i].name);

        g_test_add_data_func(path, &functions[i], test_function);
        g_free(path);
    }
}

#else

static void add_functions(void)
{
}

#endif

/* ---- Images ---- */

static void set_pointers(uint64_t ip, uint16_t cs, uint64_t dp, uint16_t ds)
{
    X86FPU *fpu = &tc.cpu->fpu;

    fpu->ip = ip;
    fpu->cs = cs;
    fpu->dp = dp;
    fpu->ds = ds;
    fpu->op = 0x5a5;
    fpu->top = 3;
    fpu->tags = 0xf7;        /* only R3 */
    fpu->st[3] = (floatx80){ .se = 0x8000 };
}

static void test_env32_protected(void)
{
    static const uint8_t code[] = { 0xd9, 0x34, 0x25, 0, 0x30, 0, 0, 0xdb, 0xe3, 0xd9, 0x24, 0x25, 0, 0x30, 0, 0 };
    const uint8_t *p = tc.mem + IMAGE;

    start_long_mode();
    set_pointers(0x12345678, 0x33, 0x9abcdef0, 0x2b);
    run(code, sizeof(code), 3);
    g_assert_cmphex(ld32_le(p), ==, 0xffff037f);
    g_assert_cmphex(ld32_le(p + 4), ==, 0xffff1800);
    g_assert_cmphex(ld32_le(p + 8), ==, 0xffffff7f);
    g_assert_cmphex(ld32_le(p + 12), ==, 0x12345678);
    g_assert_cmphex(ld32_le(p + 16), ==, 0x05a50033);
    g_assert_cmphex(ld32_le(p + 20), ==, 0x9abcdef0);
    g_assert_cmphex(ld32_le(p + 24), ==, 0xffff002b);
    g_assert_cmphex(tc.cpu->fpu.ip, ==, 0x12345678);
    g_assert_cmphex(tc.cpu->fpu.op, ==, 0x5a5);
    g_assert_cmphex(tc.cpu->fpu.ds, ==, 0x2b);
    g_assert_cmphex(tc.cpu->fpu.tags, ==, 0xf7);
    g_assert_cmpuint(tc.cpu->fpu.top, ==, 3);
}

static void test_env16_protected(void)
{
    static const uint8_t code[] = { 0x66, 0xd9, 0x34, 0x25, 0, 0x30, 0, 0 };
    const uint8_t *p = tc.mem + IMAGE;

    start_long_mode();
    set_pointers(0x5678, 0x33, 0xdef0, 0x2b);
    run(code, sizeof(code), 1);
    g_assert_cmphex(ld16_le(p), ==, 0x037f);
    g_assert_cmphex(ld16_le(p + 2), ==, 0x1800);
    g_assert_cmphex(ld16_le(p + 4), ==, 0xff7f);
    g_assert_cmphex(ld16_le(p + 6), ==, 0x5678);
    g_assert_cmphex(ld16_le(p + 8), ==, 0x33);
    g_assert_cmphex(ld16_le(p + 10), ==, 0xdef0);
    g_assert_cmphex(ld16_le(p + 12), ==, 0x2b);
}

static void test_env_real(void)
{
    static const uint8_t narrow[] = { 0xd9, 0x36, 0, 0x30 }, wide[] = { 0x66, 0xd9, 0x36, 0, 0x30 };
    const uint8_t *p = tc.mem + IMAGE;

    for (unsigned i = 0; i < 2; i++) {
        test_cpu_real_mode(0, CODE);
        fpu_init(&tc.cpu->fpu);
        set_pointers(0x1234, 0xa000, 0x5678, 0xb000);
        run(i ? wide : narrow, i ? sizeof(wide) : sizeof(narrow), 1);
        if (i) {
            g_assert_cmphex(ld32_le(p + 12), ==, 0xffff1234);
            g_assert_cmphex(ld32_le(p + 16), ==, 0x0000a5a5);
            g_assert_cmphex(ld32_le(p + 20), ==, 0xffff5678);
            g_assert_cmphex(ld32_le(p + 24), ==, 0x0000b000);
        } else {
            g_assert_cmphex(ld16_le(p + 6), ==, 0x1234);
            g_assert_cmphex(ld16_le(p + 8), ==, 0xa5a5);
            g_assert_cmphex(ld16_le(p + 10), ==, 0x5678);
            g_assert_cmphex(ld16_le(p + 12), ==, 0xb000);
        }
    }
}

static void test_decimal(void)
{
    /* fbld, fbstp */
    static const uint8_t code[] = { 0xdf, 0x24, 0x25, 0, 0x20, 0, 0, 0xdf, 0x34, 0x25, 0, 0x30, 0, 0 };
    static const uint8_t digits[10] = { 0x21, 0x43, 0x65, 0x87, 0x09, 0x21, 0x43, 0x65, 0x87, 0x80 };

    start_long_mode();
    memcpy(tc.mem + DATA, digits, sizeof(digits));
    run(code, sizeof(code), 2);
    g_assert_cmpmem(tc.mem + IMAGE, 10, digits, 10);
    g_assert_cmphex(tc.cpu->fpu.sw, ==, 0);
}

/* ---- Who may use it ---- */

/* The vector that @code raises, -1 for none. */
static int raises(uint64_t cr0, uint16_t sw, const uint8_t *code, size_t len)
{
    uint64_t executed;

    start_long_mode();
    tc.cpu->cr0 = (tc.cpu->cr0 & ~(uint64_t)(CR0_MP | CR0_EM | CR0_TS | CR0_NE)) | cr0;
    x87_set_control(&tc.cpu->fpu, 0x340);
    x87_set_status(&tc.cpu->fpu, sw);
    /* Every vector's gate leads to a hlt of its own. */
    tc.cpu->idt = (SegmentCache){ .base = 0x4000, .limit = 0xfff };
    tc.cpu->gdt = (SegmentCache){ .base = 0x5000, .limit = 0x17 };
    tc.cpu->regs[R_ESP] = 0x8000;
    st64_le(tc.mem + 0x5008, UINT64_C(0x00af9b000000ffff));
    for (unsigned i = 0; i < 32; i++) {
        uint64_t target = 0x6000 + i * 16;

        st64_le(tc.mem + 0x4000 + i * 16, target | 8u << 16 | UINT64_C(0x8e00) << 32);
        st64_le(tc.mem + 0x4008 + i * 16, 0);
        tc.mem[target] = 0xf4;
    }
    test_cpu_put(CODE, code, len);
    tc.mem[CODE + len] = 0xf4;
    (void)cpu_x86_exec(tc.cpu, 20, &executed);   /* it ends in one hlt or the other */
    return tc.cpu->rip > 0x6000 ? (int)(tc.cpu->rip - 0x6000) / 16 : -1;
}

static void test_permission(void)
{
    static const uint8_t fld1[] = { 0xd9, 0xe8 }, fwait[] = { 0x9b }, fnstsw[] = { 0xdf, 0xe0 };
    static const uint8_t emms[] = { 0x0f, 0x77 };

    g_assert_cmpint(raises(0, 0, fld1, 2), ==, -1);
    g_assert_cmpint(raises(CR0_TS, 0, fld1, 2), ==, 7);
    g_assert_cmpint(raises(CR0_EM, 0, fld1, 2), ==, 7);
    g_assert_cmpint(raises(CR0_TS, 0, fnstsw, 2), ==, 7);
    g_assert_cmpint(raises(CR0_TS, 0, fwait, 1), ==, -1);
    g_assert_cmpint(raises(CR0_MP, 0, fwait, 1), ==, -1);
    g_assert_cmpint(raises(CR0_TS | CR0_MP, 0, fwait, 1), ==, 7);
    g_assert_cmpint(raises(CR0_EM, 0, emms, 2), ==, 6);
    g_assert_cmpint(raises(CR0_TS, 0, emms, 2), ==, 7);
    g_assert_cmpint(raises(CR0_NE, 1, fld1, 2), ==, 16);
    g_assert_cmpint(raises(CR0_NE, 1, fwait, 1), ==, 16);
    g_assert_cmpint(raises(CR0_NE, 1, emms, 2), ==, 16);
    g_assert_cmpint(raises(CR0_NE, 1, fnstsw, 2), ==, -1);
    g_assert_cmpint(raises(0, 1, fld1, 2), ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_functions();
    g_test_add_func("/x87/env32-protected", test_env32_protected);
    g_test_add_func("/x87/env16-protected", test_env16_protected);
    g_test_add_func("/x87/env-real", test_env_real);
    g_test_add_func("/x87/decimal", test_decimal);
    g_test_add_func("/x87/permission", test_permission);
    return test_cpu_run(0x10000);
}
