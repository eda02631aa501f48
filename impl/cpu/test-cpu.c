/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: budgets are exact, modes and exceptions are as the manual has them, code may change under the processor.
 * Method: short hand-assembled programs in RAM at 0.
 */
#include "cpu/test-cpu.h"

#include "cpu/insn.h"

enum { CODE = 0x1000, IDT = 0x2000, GDT = 0x3000, TSS = 0x3800, HANDLER = 0x4000, STACK = 0x9000 };

static CpuExitReason run(uint64_t budget, uint64_t *done)
{
    CpuExitReason r;

    bql_unlock();
    r = cpu_x86_exec(tc.cpu, budget, done);
    bql_lock();
    return r;
}

static void test_budget(void)
{
    /* inc eax; dec ecx; jmp -6 */
    static const uint8_t code[] = { 0xff, 0xc0, 0xff, 0xc9, 0xeb, 0xfa };
    uint64_t total = 0, done;

    test_cpu_put(CODE, code, sizeof(code));
    test_cpu_long_mode(CODE);
    for (uint64_t n = 1; n < 60; n++) {
        g_assert_cmpint(run(n, &done), ==, CPU_EXIT_BUDGET);
        g_assert_cmpuint(done, ==, n);
        total += n;
        g_assert_cmpuint(tc.cpu->regs[R_EAX], ==, (total + 2) / 3);
        g_assert_cmpuint(tc.cpu->rip, ==, CODE + total % 3 * 2);
    }
}

static void test_exit_request(void)
{
    static const uint8_t code[] = { 0xeb, 0xfe };
    uint64_t done;

    test_cpu_put(CODE, code, sizeof(code));
    test_cpu_long_mode(CODE);
    cpu_x86_interrupt(tc.cpu, CPU_INTERRUPT_EXIT);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_REQUEST);
    g_assert_cmpuint(done, ==, 0);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_BUDGET);
}

static void test_self_modifying(void)
{
    /* movb $0x42, 1(next)(rip); next: mov $0, %al; hlt */
    static const uint8_t code[] = { 0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x42, 0xb0, 0x00, 0xf4 };
    uint64_t done;

    test_cpu_put(CODE, code, sizeof(code));
    test_cpu_long_mode(CODE);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->regs[R_EAX], ==, 0x42);
    g_assert_cmpuint(done, ==, 3);
}

static void test_dma_changes_code(void)
{
    static const uint8_t before[] = { 0xb0, 0x01, 0xeb, 0xfc };   /* mov $1, %al; jmp */
    uint8_t after = 0x02;
    uint64_t done;

    test_cpu_put(CODE, before, sizeof(before));
    test_cpu_long_mode(CODE);
    (void)run(10, &done);
    g_assert_cmphex(tc.cpu->regs[R_EAX], ==, 1);
    g_assert_cmpuint(dma_memory_write(get_address_space_memory(), CODE + 1, &after, 1, MEMTXATTRS_UNSPECIFIED), ==, 0);
    (void)run(10, &done);
    g_assert_cmphex(tc.cpu->regs[R_EAX], ==, 2);
}

/* ---- Exceptions in long mode ---- */

static void put_gate(unsigned vector, uint64_t target, uint8_t type_dpl, uint8_t ist)
{
    uint8_t g[16] = { 0 };

    st16_le(g, (uint16_t)target);
    st16_le(g + 2, 8);
    g[4] = ist;
    g[5] = type_dpl;
    st16_le(g + 6, (uint16_t)(target >> 16));
    st32_le(g + 8, (uint32_t)(target >> 32));
    test_cpu_put(IDT + vector * 16, g, 16);
}

static void long_mode_with_tables(const uint8_t *code, size_t len)
{
    static const uint8_t gdt[] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,
        0xff, 0xff, 0, 0, 0, 0x13, 0xcf, 0,   /* 18: not present */
    };
    static const uint8_t hlt = 0xf4;
    uint8_t zero[16] = { 0 };

    test_cpu_put(CODE, code, len);
    test_cpu_put(GDT, gdt, sizeof(gdt));
    for (unsigned v = 0; v < 32; v++) {
        put_gate(v, HANDLER + v * 16, 0x8e, 0);
        test_cpu_put(HANDLER + v * 16, &hlt, 1);
    }
    test_cpu_put(IDT + 32 * 16, zero, 16);
    test_cpu_long_mode(CODE);
    tc.cpu->gdt = (SegmentCache){ .base = GDT, .limit = sizeof(gdt) - 1 };
    tc.cpu->idt = (SegmentCache){ .base = IDT, .limit = 33 * 16 - 1 };
    tc.cpu->regs[R_ESP] = STACK;
}

/* Run @code and expect @vector with @error (-1: none pushed). @fault_off: what the pushed rip must be. */
static void expect(const uint8_t *code, size_t len, int vector, int64_t error, uint64_t fault_off)
{
    uint64_t done, frame;

    long_mode_with_tables(code, len);
    tc.cpu->regs[R_EBX] = UINT64_C(0x4000000000000000);
    tc.cpu->regs[R_EBP] = UINT64_C(0x4000000000000000);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + (uint64_t)vector * 16 + 1);
    frame = tc.cpu->regs[R_ESP];
    if (error >= 0) {
        g_assert_cmphex(ld64_le(tc.mem + frame), ==, (uint64_t)error);
        frame += 8;
    }
    g_assert_cmphex(ld64_le(tc.mem + frame), ==, CODE + fault_off);
    g_assert_cmphex(ld64_le(tc.mem + frame + 8), ==, 8);
    g_assert_cmphex(ld64_le(tc.mem + frame + 24), ==, STACK);
    g_assert_cmphex(frame + 40, ==, STACK);
}

#define EXPECT(vector, error, off, ...)                                \
    do {                                                               \
        static const uint8_t code_[] = { __VA_ARGS__, 0x90 };          \
        expect(code_, sizeof(code_), vector, error, off);              \
    } while (0)

static void test_exceptions(void)
{
    EXPECT(EXC_DE, -1, 2, 0x31, 0xc9, 0xf7, 0xf1);                     /* xor ecx, ecx; div ecx */
    EXPECT(EXC_UD, -1, 1, 0x90, 0x0f, 0x0b);
    EXPECT(EXC_BP, -1, 1, 0xcc);
    EXPECT(EXC_DB, -1, 1, 0xf1);
    EXPECT(EXC_GP, 0, 0, 0x8a, 0x03);                                  /* mov al, [rbx]: not canonical */
    EXPECT(EXC_SS, 0, 0, 0x8a, 0x45, 0x00);                            /* mov al, [rbp]: through ss */
    EXPECT(EXC_GP, 0x102, 0, 0xcd, 0x20);                              /* int 0x20: an empty gate */
    EXPECT(EXC_GP, 0x1000, 5, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x8e, 0xd8);   /* mov ds, beyond the GDT */
    EXPECT(EXC_NP, 0x18, 5, 0xb8, 0x18, 0x00, 0x00, 0x00, 0x8e, 0xd8);
    EXPECT(EXC_GP, 0, 2, 0x31, 0xc0, 0x0f, 0x22, 0xe0);                /* mov cr4, 0: PAE is needed */
    /* sixteen bytes: too long */
    EXPECT(EXC_GP, 0, 0, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
           0x90);
}

static void test_trap_flag(void)
{
    /* pushf; or dword [rsp], 0x100; popf; nop; nop */
    static const uint8_t code[] = { 0x9c, 0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00, 0x9d, 0x90, 0x90 };

    expect(code, sizeof(code), EXC_DB, -1, 10);
    g_assert_cmphex(tc.cpu->dr[6] & (1u << 14), ==, 1u << 14);
}

static void test_double_and_triple_fault(void)
{
    static const uint8_t code[] = { 0x0f, 0x0b };
    uint64_t done;

    /* #UD whose gate is empty: #GP, which finds its own gate empty too: #DF. */
    long_mode_with_tables(code, sizeof(code));
    put_gate(EXC_UD, 0, 0, 0);
    put_gate(EXC_GP, 0, 0, 0);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + EXC_DF * 16 + 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, 0);

    long_mode_with_tables(code, sizeof(code));
    put_gate(EXC_UD, 0, 0, 0);
    put_gate(EXC_GP, 0, 0, 0);
    put_gate(EXC_DF, 0, 0, 0);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_RESET);
}

static void test_ist(void)
{
    static const uint8_t code[] = { 0x0f, 0x0b };
    uint8_t tss[104] = { 0 };
    uint64_t done;

    long_mode_with_tables(code, sizeof(code));
    st64_le(tss + 0x24, 0x8008);
    test_cpu_put(TSS, tss, sizeof(tss));
    tc.cpu->tr = (SegmentCache){
        .selector = 0x28, .base = TSS, .limit = 103, .flags = DESC_P | 11u << DESC_TYPE_SHIFT,
    };
    put_gate(EXC_UD, HANDLER, 0x8e, 1);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->regs[R_ESP], ==, 0x8000 - 40);   /* aligned to 16 first */
    g_assert_cmphex(ld64_le(tc.mem + 0x8000 - 16), ==, STACK);
}

/* ---- Paging: reserved bits, which QEMU's TCG reports differently ---- */

static void test_reserved_bits(void)
{
    static const uint8_t code[] = { 0x8a, 0x04, 0x25, 0x00, 0x00, 0x40, 0x00, 0xf4 };   /* mov al, [0x400000] */
    uint8_t e[8];
    uint64_t done;

    long_mode_with_tables(code, sizeof(code));
    st64_le(e, 0x11007);
    test_cpu_put(0x10000, e, 8);
    st64_le(e, 0x12007);
    test_cpu_put(0x11000, e, 8);
    st64_le(e, 0x87);
    test_cpu_put(0x12000, e, 8);              /* the first 2 MiB */
    st64_le(e, 0x102087);
    test_cpu_put(0x12010, e, 8);              /* 4 MiB: address bits below 2 MiB are set */
    tc.cpu->cr3 = 0x10000;
    tc.cpu->cr4 = CR4_PAE;
    tc.cpu->cr0 |= CR0_PG;
    cpu_x86_state_loaded(tc.cpu);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + EXC_PF * 16 + 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, 9);   /* present, reserved */
    g_assert_cmphex(tc.cpu->cr2, ==, 0x400000);
    g_assert_cmphex(cpu_x86_get_phys(tc.cpu, 0x1234), ==, 0x1234);
    g_assert_cmphex(cpu_x86_get_phys(tc.cpu, 0x600000), ==, UINT64_MAX);
}

/* ---- Real mode ---- */

static void test_real_mode(void)
{
    /* mov ax, 0x1234; push ax; int 0x40; hlt | handler at 0050:0000: mov bx, sp; iret */
    static const uint8_t code[] = { 0xb8, 0x34, 0x12, 0x50, 0xcd, 0x40, 0xf4 };
    static const uint8_t handler[] = { 0x89, 0xe3, 0xcf };
    static const uint8_t vector[] = { 0x00, 0x00, 0x50, 0x00 };
    uint64_t done;

    test_cpu_put(0x20000, code, sizeof(code));
    test_cpu_put(0x500, handler, sizeof(handler));
    test_cpu_put(0x40 * 4, vector, sizeof(vector));
    test_cpu_real_mode(0x2000, 0);
    tc.cpu->regs[R_ESP] = 0x1000;
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, 7);
    g_assert_cmphex(tc.cpu->regs[R_ESP], ==, 0xffe);
    g_assert_cmphex(tc.cpu->regs[R_EBX], ==, 0xff8);
    g_assert_cmphex(ld16_le(tc.mem + 0x20ffe), ==, 0x1234);
    g_assert_cmphex(ld16_le(tc.mem + 0x20ff8), ==, 6);   /* the return address */
}

static void test_real_mode_limit(void)
{
    /* mov ax, [0xffff] raises #GP in real mode: vector 13 leads to a hlt */
    static const uint8_t code[] = { 0xa1, 0xff, 0xff };
    static const uint8_t vector[] = { 0x00, 0x00, 0x50, 0x00 };
    static const uint8_t hlt = 0xf4;
    uint64_t done;

    test_cpu_put(0x20000, code, sizeof(code));
    test_cpu_put(0x500, &hlt, 1);
    test_cpu_put(13 * 4, vector, sizeof(vector));
    test_cpu_real_mode(0x2000, 0);
    tc.cpu->regs[R_ESP] = 0x1000;
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->segs[R_CS].selector, ==, 0x50);
    g_assert_cmphex(tc.cpu->regs[R_ESP], ==, 0xffa);     /* no error code in real mode */
}

/* ---- Interrupts ---- */

static int irq_vector;

static int get_irq(void *opaque)
{
    g_assert_true(bql_locked());
    cpu_x86_reset_interrupt(tc.cpu, CPU_INTERRUPT_HARD);
    return irq_vector;
}

static void test_interrupt_shadow(void)
{
    static const uint8_t code[] = { 0xfb, 0x90, 0x90, 0xf4 };   /* sti; nop; nop */
    uint64_t done;

    long_mode_with_tables(code, sizeof(code));
    cpu_x86_set_get_irq(tc.cpu, get_irq, NULL);
    irq_vector = 16;
    cpu_x86_interrupt(tc.cpu, CPU_INTERRUPT_HARD);
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + 16 * 16 + 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, CODE + 2);   /* one nop later */
    cpu_x86_set_get_irq(tc.cpu, NULL, NULL);
}

static void test_halt_and_wake(void)
{
    static const uint8_t code[] = { 0xfb, 0xf4, 0x90 };
    uint64_t done;

    long_mode_with_tables(code, sizeof(code));
    cpu_x86_set_get_irq(tc.cpu, get_irq, NULL);
    irq_vector = 17;
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_false(cpu_x86_has_work(tc.cpu));
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmpuint(done, ==, 0);
    cpu_x86_interrupt(tc.cpu, CPU_INTERRUPT_HARD);
    g_assert_true(cpu_x86_has_work(tc.cpu));
    g_assert_cmpint(run(100, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + 17 * 16 + 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, CODE + 2);
    cpu_x86_set_get_irq(tc.cpu, NULL, NULL);
}

/* ---- Repeated strings stop in the middle ---- */

static void test_rep_is_interruptible(void)
{
    static const uint8_t code[] = { 0xf3, 0xaa, 0xf4 };   /* rep stosb; hlt */
    uint64_t done;

    test_cpu_put(CODE, code, sizeof(code));
    test_cpu_long_mode(CODE);
    tc.cpu->regs[R_EDI] = 0x100000;
    tc.cpu->regs[R_ECX] = 100000;
    tc.cpu->regs[R_EAX] = 0x5a;
    (void)run(3, &done);
    g_assert_cmphex(tc.cpu->rip, ==, CODE);
    g_assert_cmpuint(tc.cpu->regs[R_ECX], >, 80000);
    g_assert_cmphex(tc.cpu->regs[R_EDI], ==, 0x100000 + 100000 - tc.cpu->regs[R_ECX]);
    g_assert_cmpint(run(10000, &done), ==, CPU_EXIT_HALTED);
    g_assert_cmphex(tc.mem[0x100000 + 99999], ==, 0x5a);
    g_assert_cmphex(tc.mem[0x100000 + 100000], ==, 0);
}

/* ---- Nothing a guest does stops us ---- */

static void test_random_code(void)
{
    for (unsigned round = 0; round < 300; round++) {
        uint8_t code[4096];
        uint64_t done, left = 2000;

        for (unsigned i = 0; i < sizeof(code); i++) {
            code[i] = (uint8_t)g_test_rand_int();
        }
        test_cpu_put(CODE, code, sizeof(code));
        if (round % 2) {
            long_mode_with_tables(code, 1024);
        } else {
            test_cpu_real_mode(0x100, 0);
        }
        for (unsigned r = 0; r < 16; r++) {
            tc.cpu->regs[r] = (uint64_t)(uint32_t)g_test_rand_int() & 0xffffff;
        }
        while (left) {
            CpuExitReason r = run(MIN(left, 100), &done);

            left -= MIN(left, MAX(done, 1));
            if (r == CPU_EXIT_RESET || r == CPU_EXIT_HALTED) {
                break;
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu/budget", test_budget);
    g_test_add_func("/cpu/exit-request", test_exit_request);
    g_test_add_func("/cpu/self-modifying", test_self_modifying);
    g_test_add_func("/cpu/dma-changes-code", test_dma_changes_code);
    g_test_add_func("/cpu/exceptions", test_exceptions);
    g_test_add_func("/cpu/trap-flag", test_trap_flag);
    g_test_add_func("/cpu/double-and-triple-fault", test_double_and_triple_fault);
    g_test_add_func("/cpu/ist", test_ist);
    g_test_add_func("/cpu/reserved-bits", test_reserved_bits);
    g_test_add_func("/cpu/real-mode", test_real_mode);
    g_test_add_func("/cpu/real-mode-limit", test_real_mode_limit);
    g_test_add_func("/cpu/interrupt-shadow", test_interrupt_shadow);
    g_test_add_func("/cpu/halt-and-wake", test_halt_and_wake);
    g_test_add_func("/cpu/rep-is-interruptible", test_rep_is_interruptible);
    g_test_add_func("/cpu/random-code", test_random_code);
    return test_cpu_run(16 * MiB);
}
