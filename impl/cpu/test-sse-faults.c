/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: SSE and MMX instructions raise the exceptions that control registers and operands ask for, and one that
 * faults has changed nothing.
 * Method: single instructions, by their handlers where only the vector counts, and by the loop with page tables.
 */
#include "cpu/test-cpu.h"

#include "cpu/insn.h"

enum { CODE = 0x1000, TABLES = 0x10000, DATA = 0x200000, MISSING = DATA + 0x1000 };

/* ---- Vectors ---- */

typedef struct Case {
    const char *name;
    uint8_t code[8];
    uint8_t len;
    uint64_t cr0, cr4;       /* bits to set */
    uint32_t mxcsr;
    int vector;              /* -1: none */
} Case;

#define OK_CR4 (CR4_OSFXSR | CR4_OSXMMEXCPT)
#define ADDPS { 0x0f, 0x58, 0xc1 }, 3
#define DIVPS { 0x0f, 0x5e, 0xc1 }, 3
#define PADDB_MMX { 0x0f, 0xfc, 0xc1 }, 3
#define MOVAPS_ODD { 0x0f, 0x28, 0x03 }, 3     /* movaps xmm0, [rbx] */
#define LDMXCSR { 0x0f, 0xae, 0x13 }, 3
#define FXSAVE { 0x0f, 0xae, 0x03 }, 3

static const Case cases[] = {
    { "allowed", ADDPS, 0, OK_CR4, MXCSR_INIT, -1 },
    { "task-switched", ADDPS, CR0_TS, OK_CR4, MXCSR_INIT, EXC_NM },
    { "emulated", ADDPS, CR0_EM, OK_CR4, MXCSR_INIT, EXC_UD },
    { "emulated-first", ADDPS, CR0_EM | CR0_TS, OK_CR4, MXCSR_INIT, EXC_UD },
    { "no-osfxsr", ADDPS, 0, 0, MXCSR_INIT, EXC_UD },
    { "no-osfxsr-first", ADDPS, CR0_TS, 0, MXCSR_INIT, EXC_UD },
    { "mmx-needs-no-osfxsr", PADDB_MMX, 0, 0, MXCSR_INIT, -1 },
    { "mmx-emulated", PADDB_MMX, CR0_EM, 0, MXCSR_INIT, EXC_UD },
    { "mmx-task-switched", PADDB_MMX, CR0_TS, 0, MXCSR_INIT, EXC_NM },
    { "float-exception", DIVPS, 0, OK_CR4, 0, EXC_XM },
    { "float-exception-unknown", DIVPS, 0, CR4_OSFXSR, 0, EXC_UD },
    { "misaligned", MOVAPS_ODD, 0, OK_CR4, MXCSR_INIT, EXC_GP },
    { "misaligned-image", FXSAVE, 0, OK_CR4, MXCSR_INIT, EXC_GP },
    { "image-task-switched", FXSAVE, CR0_TS, OK_CR4, MXCSR_INIT, EXC_NM },
    { "reserved-mxcsr", LDMXCSR, 0, OK_CR4, MXCSR_INIT, EXC_GP },
    { "crc32-needs-nothing", { 0xf2, 0x0f, 0x38, 0xf0, 0xc1 }, 5, CR0_TS | CR0_EM, 0, MXCSR_INIT, -1 },
    { "lock", { 0xf0, 0x0f, 0x58, 0xc1 }, 4, 0, OK_CR4, MXCSR_INIT, EXC_UD },
    { "vex", { 0xc5, 0xf8, 0x58, 0xc1 }, 4, 0, OK_CR4, MXCSR_INIT, EXC_UD },
    { "movaps-f3", { 0xf3, 0x0f, 0x28, 0xc1 }, 4, 0, OK_CR4, MXCSR_INIT, EXC_UD },
};

static void test_vector(gconstpointer data)
{
    const Case *c = data;
    X86CPU *cpu = tc.cpu;
    X86FPU before;
    int r;
    Insn in;

    test_cpu_long_mode(CODE);
    cpu->cr0 |= c->cr0;
    cpu->cr4 |= c->cr4;
    cpu->fpu.mxcsr = c->mxcsr;
    cpu->fpu.xmm[0].d[0] = 0x3f800000;   /* over zero */
    cpu->regs[R_EBX] = DATA + 4;
    st32_le(tc.mem + DATA + 4, 0x10000);
    before = cpu->fpu;
    g_assert_cmpint(insn_decode(64, c->code, c->len, 0, &in), ==, DECODE_OK);
    cpu->view = address_space_get_flatview(cpu->as);
    r = in.fn(cpu, &in);
    flatview_unref(cpu->view);
    cpu->view = NULL;
    g_assert_cmpint(r == RET_FAULT ? cpu->exc_vector : -1, ==, c->vector);
    if (r == RET_FAULT) {
        g_assert_cmpmem(cpu->fpu.xmm, sizeof(before.xmm), before.xmm, sizeof(before.xmm));
        g_assert_cmpmem(cpu->fpu.st, sizeof(before.st), before.st, sizeof(before.st));
    }
    if (c->vector == EXC_GP) {
        g_assert_true(cpu->exc_has_code && cpu->exc_code == 0);
    }
    if (!strncmp(c->name, "float", 5)) {
        g_assert_cmphex(cpu->fpu.mxcsr, ==, FLOAT_IE | FLOAT_ZE);   /* 1/0, and 0/0 in the other lanes */
    }
}

/* ---- Pages ---- */

/* One table of 4 KiB pages for DATA, whose second page is missing; 2 MiB pages below it. */
static void set_page_tables(void)
{
    uint8_t *t = tc.mem + TABLES;

    memset(t, 0, 4 * 4096);
    st64_le(t, (TABLES + 0x1000) | 7);
    st64_le(t + 0x1000, (TABLES + 0x2000) | 7);
    st64_le(t + 0x2000, 0x87);
    st64_le(t + 0x2008, (TABLES + 0x3000) | 7);
    st64_le(t + 0x3000, DATA | 7);
}

/* Stops in a triple fault, since there is no IDT. */
static bool faults(const uint8_t *code, size_t len, uint64_t rbx)
{
    X86CPU *cpu = tc.cpu;
    CpuExitReason r;
    uint64_t done;

    test_cpu_put(CODE, code, len);
    test_cpu_long_mode(CODE);
    set_page_tables();
    cpu->cr3 = TABLES;
    cpu->cr4 |= CR4_PAE | OK_CR4;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_x86_state_loaded(cpu);
    memset(cpu->fpu.xmm, 0x5a, sizeof(cpu->fpu.xmm));
    cpu->regs[R_EBX] = cpu->regs[R_EDI] = rbx;
    bql_unlock();
    r = cpu_x86_exec(cpu, 1, &done);
    bql_lock();
    return r == CPU_EXIT_RESET;
}

static void test_store_across_a_missing_page(void)
{
    static const uint8_t movups[] = { 0x0f, 0x11, 0x03 }, maskmov[] = { 0x66, 0x0f, 0xf7, 0xc9 };
    static const uint8_t fxsave[] = { 0x0f, 0xae, 0x03 };

    memset(tc.mem + DATA, 0x11, 0x1000);
    g_assert_true(faults(movups, sizeof(movups), MISSING - 7));
    g_assert_cmphex(tc.cpu->cr2, ==, MISSING);
    g_assert_true(faults(fxsave, sizeof(fxsave), MISSING - 32));
    for (unsigned i = 0; i < 0x1000; i++) {
        g_assert_cmphex(tc.mem[DATA + i], ==, 0x11);
    }
    g_assert_false(faults(movups, sizeof(movups), MISSING - 16));
    g_assert_cmphex(tc.mem[MISSING - 16], ==, 0x5a);
    /* No sign is set in 0x5a: nothing is stored, so nothing is missing. */
    g_assert_false(faults(maskmov, sizeof(maskmov), MISSING));
}

static void test_load_across_a_missing_page(void)
{
    static const uint8_t movups[] = { 0x0f, 0x10, 0x03 }, fxrstor[] = { 0x0f, 0xae, 0x0b };

    memset(tc.mem + DATA, 0, 0x1000);
    g_assert_true(faults(movups, sizeof(movups), MISSING - 8));
    g_assert_cmphex(tc.cpu->cr2, ==, MISSING);
    g_assert_cmphex(tc.cpu->fpu.xmm[0].q[0], ==, UINT64_C(0x5a5a5a5a5a5a5a5a));
    g_assert_true(faults(fxrstor, sizeof(fxrstor), MISSING - 128));
    g_assert_cmphex(tc.cpu->fpu.mxcsr, ==, MXCSR_INIT);
    g_assert_cmphex(tc.cpu->fpu.cw, ==, FPU_CW_RESET);
}

/* What an instruction touches may be a cache line or an image: that is no size of an operand. */
static void test_sizes(void)
{
    static const uint8_t code[][4] = { { 0x0f, 0xae, 0x3b }, { 0x66, 0x0f, 0xae, 0x3b }, { 0x0f, 0xae, 0x03 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(code); i++) {
        Insn in;

        g_assert_cmpint(insn_decode(64, code[i], sizeof(code[i]), 0, &in), ==, DECODE_OK);
        g_assert_cmpuint(in.size, <=, 16);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/cpu/sse-faults/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], test_vector);
    }
    g_test_add_func("/cpu/sse-faults/store-across-a-missing-page", test_store_across_a_missing_page);
    g_test_add_func("/cpu/sse-faults/load-across-a-missing-page", test_load_across_a_missing_page);
    g_test_add_func("/cpu/sse-faults/sizes", test_sizes);
    return test_cpu_run(8 * MiB);
}
