/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: what a switch of tasks and virtual-8086 mode do where a stock QEMU is no peer: the trap bit of a TSS, limits of
 * segments, faults whose place is in the new task, modes that a stream may not hold.
 * (iotests/guests/selftest-modes.S compares all the rest with the peer.)
 */
#include "cpu/test-cpu.h"

#include "cpu/seg.h"

enum { CODE = 0x1000, IDT = 0x2000, GDT = 0x3000, TSS_A = 0x4000, TSS_B = 0x4100, HANDLER = 0x5000, STACK = 0x9000 };
enum { SEL_CODE = 0x08, SEL_DATA = 0x10, SEL_A = 0x18, SEL_B = 0x20, SEL_ABSENT = 0x28 };

static void put64(uint64_t addr, uint64_t v)
{
    test_cpu_put(addr, &v, 8);
}

static void put32(uint64_t addr, uint32_t v)
{
    test_cpu_put(addr, &v, 4);
}

static uint32_t get32(uint64_t addr)
{
    return ld32_le(tc.mem + addr);
}

static void tss_descriptor(unsigned selector, uint32_t base, unsigned type)
{
    put64(GDT + selector, 0x67 | (uint64_t)base << 16 | (uint64_t)(0x80 | type) << 40);
}

/* Task B: runs at HANDLER + 0x800 with all segments flat. */
static void task_b(void)
{
    static const uint8_t zero[0x68];

    test_cpu_put(TSS_B, zero, sizeof(zero));
    put32(TSS_B + 0x20, HANDLER + 0x800);
    put32(TSS_B + 0x24, 2);
    put32(TSS_B + 0x38, STACK - 0x1000);
    for (unsigned i = 0; i < 4; i++) {
        put32(TSS_B + 0x48 + 4 * i, i == R_CS ? SEL_CODE : SEL_DATA);
    }
}

/* Protected mode without paging, in task A; every vector halts at HANDLER + 16 * vector. */
static void protected_mode(void)
{
    X86CPU *cpu = tc.cpu;
    SegmentCache flat = { .limit = UINT32_MAX, .flags = DESC_P | DESC_S | DESC_W | DESC_A | DESC_B | DESC_G };

    cpu_x86_reset(cpu);
    cpu->halted = false;
    cpu->cr0 |= CR0_PE;
    for (unsigned i = 0; i < SEG__COUNT; i++) {
        flat.selector = i == R_CS ? SEL_CODE : SEL_DATA;
        cpu->segs[i] = flat;
    }
    cpu->segs[R_CS].flags |= DESC_CS;
    put64(GDT + SEL_CODE, 0x00cf9b000000ffff);
    put64(GDT + SEL_DATA, 0x00cf93000000ffff);
    put64(GDT + SEL_ABSENT, 0x00cf13000000ffff);
    tss_descriptor(SEL_A, TSS_A, SYS_TSS_BUSY);
    tss_descriptor(SEL_B, TSS_B, SYS_TSS);
    cpu->gdt = (SegmentCache){ .base = GDT, .limit = 0x2f };
    cpu->idt = (SegmentCache){ .base = IDT, .limit = 32 * 8 - 1 };
    cpu->tr = (SegmentCache){
        .selector = SEL_A, .base = TSS_A, .limit = 0x67, .flags = DESC_P | SYS_TSS_BUSY << DESC_TYPE_SHIFT,
    };
    put32(TSS_A + 4, STACK);
    put32(TSS_A + 8, SEL_DATA);
    for (uint32_t v = 0; v < 32; v++) {
        put64(IDT + v * 8, (HANDLER + 16 * v) | SEL_CODE << 16 | UINT64_C(0x8e00) << 32);
        put32(HANDLER + 16 * v, 0xf4f4f4f4);
    }
    put32(HANDLER + 0x800, 0xf4f4f4f4);
    task_b();
    cpu->regs[R_ESP] = STACK - 0x800;
    cpu->rip = CODE;
    cpu_x86_state_loaded(cpu);
}

static void run(void)
{
    uint64_t n;

    g_assert_cmpint(cpu_x86_exec(tc.cpu, 100, &n), ==, CPU_EXIT_HALTED);
}

/* The handler of @vector was entered, and halted. */
static void assert_vector(uint32_t vector)
{
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + 16 * vector + 1);
}

#define PUT_CODE(...) do { \
        const uint8_t code_[] = { __VA_ARGS__ }; \
        test_cpu_put(CODE, code_, sizeof(code_)); \
    } while (0)

#define JMP_FAR(sel) 0xea, 0, 0, 0, 0, (sel), 0

static void test_trap_bit(void)
{
    protected_mode();
    put32(TSS_B + 0x64, 1);
    PUT_CODE(JMP_FAR(SEL_B));
    run();
    assert_vector(EXC_DB);
    g_assert_cmphex(tc.cpu->tr.selector, ==, SEL_B);
    g_assert_cmphex(tc.cpu->dr[6] & 0x8000, ==, 0x8000);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP]), ==, HANDLER + 0x800);   /* before its first instruction */
    g_assert_cmphex(get32(TSS_A + 0x20), ==, CODE + 7);
}

static void test_fault_of_the_new_task(void)
{
    protected_mode();
    put32(TSS_B + 0x54, SEL_ABSENT);
    tc.cpu->dr[7] = 0x4ff;
    PUT_CODE(JMP_FAR(SEL_B));
    run();
    assert_vector(EXC_NP);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP]), ==, SEL_ABSENT);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP] + 4), ==, HANDLER + 0x800);
    g_assert_cmphex(tc.cpu->dr[7] & 0xff, ==, 0xaa);                    /* local breakpoints are off */
    g_assert_cmphex(get32(GDT + SEL_A + 4) & 0xf00, ==, SYS_TSS << DESC_TYPE_SHIFT);
}

static void test_fault_of_the_old_task(void)
{
    protected_mode();
    tss_descriptor(SEL_B, TSS_B, SYS_TSS_BUSY);
    PUT_CODE(JMP_FAR(SEL_B));
    run();
    assert_vector(EXC_GP);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP]), ==, SEL_B);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP] + 4), ==, CODE);
    g_assert_cmphex(tc.cpu->tr.selector, ==, SEL_A);
}

/* A TSS over the descriptors, gates to tasks for every vector: it ends, whatever comes of it. */
static void test_tasks_that_eat_themselves(void)
{
    uint64_t n;

    protected_mode();
    tss_descriptor(SEL_B, GDT, SYS_TSS);
    tc.cpu->tr.base = GDT - 0x20;
    for (uint32_t v = 0; v < 32; v++) {
        put64(IDT + v * 8, (uint64_t)SEL_B << 16 | UINT64_C(0x8500) << 32);
    }
    PUT_CODE(0x0f, 0x0b);
    g_assert_cmpint(cpu_x86_exec(tc.cpu, 1000, &n), ==, CPU_EXIT_RESET);
}

/* To virtual-8086 mode at 0:CODE with IOPL 0. */
static void enter_vm86(uint32_t rip)
{
    const uint32_t frame[9] = { rip, 0, 2 | FLAG_VM, 0xfff0, 0, 0, 0, 0, 0 };

    protected_mode();
    tc.cpu->regs[R_ESP] = STACK - 0x400;
    test_cpu_put(STACK - 0x400, frame, sizeof(frame));
    tc.cpu->rip = CODE - 1;
    test_cpu_put(CODE - 1, &(uint8_t){ 0xcf }, 1);
    cpu_x86_state_loaded(tc.cpu);
}

static void test_vm86_limits(void)
{
    enter_vm86(CODE);
    PUT_CODE(0xbe, 0xff, 0xff, 0x8b, 0x0c);                             /* mov $0xffff, %si; mov (%si), %cx */
    run();
    assert_vector(EXC_GP);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP] + 4), ==, CODE + 3);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP] + 12) & FLAG_VM, ==, FLAG_VM);
    g_assert_cmphex(tc.cpu->eflags & FLAG_VM, ==, 0);
    enter_vm86(0x10000 + CODE);
    run();
    assert_vector(EXC_GP);
    g_assert_cmphex(get32(tc.cpu->regs[R_ESP] + 4), ==, CODE - 1);      /* of the iret */
}

static void test_vm86_software_interrupts(void)
{
    enter_vm86(CODE);
    PUT_CODE(0xcc);
    put64(IDT + EXC_BP * 8, (HANDLER + 16 * EXC_BP) | SEL_CODE << 16 | UINT64_C(0xee00) << 32);
    run();
    assert_vector(EXC_BP);
    enter_vm86(CODE);
    PUT_CODE(0xcd, 3);
    put64(IDT + EXC_BP * 8, (HANDLER + 16 * EXC_BP) | SEL_CODE << 16 | UINT64_C(0xee00) << 32);
    run();
    assert_vector(EXC_GP);
}

static void test_no_extensions_of_vm86(void)
{
    protected_mode();
    PUT_CODE(0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x01, 0x0f, 0x22, 0xe0);     /* CR4.VME, which cpuid does not offer */
    run();
    assert_vector(EXC_GP);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task/trap-bit", test_trap_bit);
    g_test_add_func("/task/fault-of-the-new-task", test_fault_of_the_new_task);
    g_test_add_func("/task/fault-of-the-old-task", test_fault_of_the_old_task);
    g_test_add_func("/task/tasks-that-eat-themselves", test_tasks_that_eat_themselves);
    g_test_add_func("/vm86/limits", test_vm86_limits);
    g_test_add_func("/vm86/software-interrupts", test_vm86_software_interrupts);
    g_test_add_func("/vm86/no-extensions", test_no_extensions_of_vm86);
    return test_cpu_run(0x20000);
}
