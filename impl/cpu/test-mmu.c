/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: paging rights, what the TLB keeps and forgets, debug registers, and exact counts at devices.
 * Method: 4-level tables that map the first 2 MiB to themselves; short programs at privilege 0; each exception has a
 * handler that halts.
 */
#include "cpu/test-cpu.h"

#include "cpu/insn.h"

enum { CODE = 0x1000, IDT = 0x2000, GDT = 0x3000, HANDLER = 0x4000, STACK = 0x9000, DATA = 0x20000, OTHER = 0x21000,
       PML4 = 0x10000, PDPT = 0x11000, PD = 0x12000, PT = 0x13000 };
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };

static void put64(uint64_t addr, uint64_t v)
{
    uint8_t bytes[8];

    st64_le(bytes, v);
    test_cpu_put(addr, bytes, 8);
}

static void map(uint64_t lin, uint64_t pte)
{
    put64(PT + lin / 4096 * 8, pte);
}

static void paged(const uint8_t *code, size_t len)
{
    static const uint8_t gdt[] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,
    };
    static const uint8_t hlt = 0xf4;
    GString *warnings = g_string_new(NULL);
    GError *err = NULL;
    X86CPUModel max;
    X86CPU *cpu = tc.cpu;

    g_assert_true(cpu_model_parse("max", &max, warnings, &err));
    g_string_free(warnings, TRUE);
    cpu_x86_set_model(cpu, &max, 1);
    test_cpu_put(CODE, code, len);
    test_cpu_put(GDT, gdt, sizeof(gdt));
    for (unsigned v = 0; v < 32; v++) {
        uint64_t target = HANDLER + v * 16;

        put64(IDT + v * 16, (target & 0xffff) | 8 << 16 | UINT64_C(0x8e00) << 32);
        put64(IDT + v * 16 + 8, 0);
        test_cpu_put(target, &hlt, 1);
    }
    for (unsigned i = 0; i < 512; i++) {
        map(i * 4096ull, i * 4096ull | P | W | A | D);
        put64(PD + i * 8, 0);
    }
    put64(PML4, PDPT | P | W | U);
    put64(PDPT, PD | P | W | U);
    put64(PD, PT | P | W | U);
    test_cpu_long_mode(CODE);
    cpu->gdt = (SegmentCache){ .base = GDT, .limit = sizeof(gdt) - 1 };
    cpu->idt = (SegmentCache){ .base = IDT, .limit = 32 * 16 - 1 };
    cpu->regs[R_ESP] = STACK;
    cpu->cr3 = PML4;
    cpu->cr4 = CR4_PAE;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu->efer |= EFER_NXE;
    cpu_x86_state_loaded(cpu);
}

static void run(void)
{
    uint64_t done;

    bql_unlock();
    g_assert_cmpint(cpu_x86_exec(tc.cpu, 1000, &done), ==, CPU_EXIT_HALTED);
    bql_lock();
}

static void assert_vector(int vector, int64_t error)
{
    g_assert_cmphex(tc.cpu->rip, ==, HANDLER + (uint64_t)vector * 16 + 1);
    if (error >= 0) {
        g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, (uint64_t)error);
    }
}

static void assert_halted_at(uint64_t rip)
{
    g_assert_cmphex(tc.cpu->rip, ==, rip);
}

#define PAGED(...)                                                     \
    do {                                                               \
        static const uint8_t code_[] = { __VA_ARGS__, 0xf4 };          \
        paged(code_, sizeof(code_));                                   \
    } while (0)

/* mov rax, [DATA] */
#define LOAD_DATA 0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00
/* mov [DATA], rax */
#define STORE_DATA 0x48, 0x89, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00

static void test_smep(void)
{
    PAGED(0x90);
    map(CODE, CODE | P | W | U | A);
    tc.cpu->cr4 |= CR4_SMEP;
    run();
    assert_vector(EXC_PF, 0x11);
    g_assert_cmphex(tc.cpu->cr2, ==, CODE);
    PAGED(0x90);
    map(CODE, CODE | P | W | U | A);
    run();
    assert_halted_at(CODE + 2);
}

static void test_smap(void)
{
    PAGED(LOAD_DATA);
    map(DATA, DATA | P | W | U);
    tc.cpu->cr4 |= CR4_SMAP;
    cpu_x86_state_loaded(tc.cpu);
    run();
    assert_vector(EXC_PF, 1);
    g_assert_cmphex(ld64_le(tc.mem + PT + DATA / 4096 * 8) & A, ==, 0);
    PAGED(0x0f, 0x01, 0xcb, LOAD_DATA, 0x0f, 0x01, 0xca, LOAD_DATA);    /* stac; load; clac; load */
    map(DATA, DATA | P | W | U);
    tc.cpu->cr4 |= CR4_SMAP;
    cpu_x86_state_loaded(tc.cpu);
    run();
    assert_vector(EXC_PF, 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP] + 8), ==, CODE + 14);
}

static void test_accessed_and_dirty(void)
{
    PAGED(LOAD_DATA);
    map(DATA, DATA | P | W);
    run();
    g_assert_cmphex(ld64_le(tc.mem + PT + DATA / 4096 * 8), ==, DATA | P | W | A);
    PAGED(LOAD_DATA, STORE_DATA);
    map(DATA, DATA | P | W);
    run();
    g_assert_cmphex(ld64_le(tc.mem + PT + DATA / 4096 * 8), ==, DATA | P | W | A | D);
    PAGED(STORE_DATA);
    map(DATA, DATA | P);
    run();
    assert_vector(EXC_PF, 3);
    g_assert_cmphex(ld64_le(tc.mem + PT + DATA / 4096 * 8), ==, DATA | P);
}

/* Change the entry behind the TLB's back, do something, and see which page is read. */
static uint64_t read_after(const uint8_t *code, size_t len, uint64_t flags, uint64_t cr4)
{
    paged(code, len);
    put64(DATA, 1);
    put64(OTHER, 2);
    map(DATA, DATA | P | W | A | D | flags);
    tc.cpu->cr4 |= cr4;
    tc.cpu->regs[R_EBX] = PT + DATA / 4096 * 8;
    tc.cpu->regs[R_ECX] = OTHER | P | W | A | D | flags;
    run();
    return tc.cpu->regs[R_EAX];
}

#define READ_AFTER(flags, cr4, ...)                                                                             \
    ({                                                                                                          \
        static const uint8_t code_[] = { LOAD_DATA, 0x48, 0x89, 0x0b, __VA_ARGS__, LOAD_DATA, 0xf4 };           \
        read_after(code_, sizeof(code_), flags, cr4);                                                           \
    })

static void test_flushes(void)
{
    g_assert_cmpuint(READ_AFTER(0, 0, 0x90), ==, 1);                                    /* still cached */
    g_assert_cmpuint(READ_AFTER(0, 0, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda), ==, 2);      /* mov cr3 */
    g_assert_cmpuint(READ_AFTER(G, CR4_PGE, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda), ==, 1);
    g_assert_cmpuint(READ_AFTER(G, 0, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda), ==, 2);      /* G means nothing */
    /* invlpg [DATA] */
    g_assert_cmpuint(READ_AFTER(G, CR4_PGE, 0x0f, 0x01, 0x3c, 0x25, 0x00, 0x00, 0x02, 0x00), ==, 2);
    /* mov rdx, cr4; xor dl, 0x80; mov cr4, rdx */
    g_assert_cmpuint(READ_AFTER(G, CR4_PGE, 0x0f, 0x20, 0xe2, 0x80, 0xf2, 0x80, 0x0f, 0x22, 0xe2), ==, 2);
    /* push 0; push 0; mov edx, 2; invpcid rdx, [rsp] */
    g_assert_cmpuint(READ_AFTER(G, CR4_PGE, 0x6a, 0x00, 0x6a, 0x00, 0xba, 0x02, 0x00, 0x00, 0x00,
                                0x66, 0x0f, 0x38, 0x82, 0x14, 0x24), ==, 2);
    /* the same with type 3: all but global ones */
    g_assert_cmpuint(READ_AFTER(G, CR4_PGE, 0x6a, 0x00, 0x6a, 0x00, 0xba, 0x03, 0x00, 0x00, 0x00,
                                0x66, 0x0f, 0x38, 0x82, 0x14, 0x24), ==, 1);
}

static void test_large_page(void)
{
    /* mov rax, [0x201000]; mov [rbx], rcx; invlpg [0x3ff000]; mov rax, [0x201000]; hlt */
    PAGED(0x48, 0x8b, 0x04, 0x25, 0x00, 0x10, 0x20, 0x00, 0x48, 0x89, 0x0b, 0x0f, 0x01, 0x3c, 0x25, 0x00, 0xf0, 0x3f,
          0x00, 0x48, 0x8b, 0x04, 0x25, 0x00, 0x10, 0x20, 0x00);
    put64(PD + 8, 0x400000 | P | W | PS | A | D);
    put64(0x401000, 1);
    put64(0x601000, 2);
    tc.cpu->regs[R_EBX] = PD + 8;
    tc.cpu->regs[R_ECX] = 0x600000 | P | W | PS | A | D;
    run();
    g_assert_cmpuint(tc.cpu->regs[R_EAX], ==, 2);
}

static void test_pcid(void)
{
    /* mov cr4 with PCIDE while CR3 has low bits */
    PAGED(0x0f, 0x22, 0xe0);
    tc.cpu->regs[R_EAX] = CR4_PAE | CR4_PCIDE;
    tc.cpu->cr3 = PML4 | 8;
    run();
    assert_vector(EXC_GP, 0);
    /* with it: bit 63 of CR3 is allowed and not kept; then 5-level paging is refused */
    PAGED(0x0f, 0x22, 0xe0, 0x0f, 0x22, 0xdb, 0x0f, 0x20, 0xd9, 0x0f, 0x22, 0xe2);
    tc.cpu->regs[R_EAX] = CR4_PAE | CR4_PCIDE;
    tc.cpu->regs[R_EBX] = (UINT64_C(1) << 63) | PML4 | 5;
    tc.cpu->regs[R_EDX] = CR4_PAE | 1u << 12;
    run();
    assert_vector(EXC_GP, 0);
    g_assert_cmphex(tc.cpu->regs[R_ECX], ==, PML4 | 5);
}

/* ---- User code ---- */

static void user(uint64_t cr0, uint64_t cr4, uint32_t eflags)
{
    static const uint8_t tss_rsp0[8] = { STACK & 0xff, STACK >> 8 };
    X86CPU *cpu = tc.cpu;

    test_cpu_put(0x3804, tss_rsp0, 8);
    cpu->tr = (SegmentCache){ .selector = 0x28, .base = 0x3800, .limit = 103,
    .flags = DESC_P | 11u << DESC_TYPE_SHIFT };
    map(CODE, CODE | P | W | U | A | D);
    map(DATA, DATA | P | W | U | A | D);
    cpu->cpl = 3;
    cpu->segs[R_CS].selector |= 3;
    cpu->segs[R_CS].flags |= 3u << DESC_DPL_SHIFT;
    cpu->cr0 |= cr0;
    cpu->cr4 |= cr4;
    cpu->eflags |= eflags;
    cpu_x86_state_loaded(cpu);
}

static void test_umip(void)
{
    PAGED(0x0f, 0x01, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00);              /* sgdt [DATA] */
    user(0, CR4_UMIP, 0);
    run();
    assert_vector(EXC_GP, 0);
    PAGED(0x0f, 0x01, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00);
    user(0, 0, 0);
    run();
    assert_vector(EXC_GP, 0);                                           /* from hlt, further on */
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP] + 8), ==, CODE + 8);
}

static void test_alignment(void)
{
    /* mov eax, [DATA + 2]; mov eax, [DATA + 4] */
    PAGED(0x8b, 0x04, 0x25, 0x04, 0x00, 0x02, 0x00, 0x8b, 0x04, 0x25, 0x02, 0x00, 0x02, 0x00);
    user(CR0_AM, 0, FLAG_AC);
    run();
    assert_vector(EXC_AC, 0);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP] + 8), ==, CODE + 7);
    PAGED(0xf0, 0xff, 0x04, 0x25, 0x04, 0x00, 0x02, 0x00);              /* lock inc dword [DATA + 4] */
    put64(DATA, 0);
    user(CR0_AM, 0, FLAG_AC);
    run();
    g_assert_cmphex(ld64_le(tc.mem + DATA), ==, UINT64_C(1) << 32);
}

/* ---- Debug registers ---- */

static void test_breakpoint_on_code(void)
{
    PAGED(0x90, 0x90, 0x90);
    tc.cpu->dr[1] = CODE + 2;
    tc.cpu->dr[7] = 0x400 | 1u << 2;
    run();
    assert_vector(EXC_DB, -1);
    g_assert_cmphex(tc.cpu->dr[6] & 15, ==, 2);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, CODE + 2);
    PAGED(0x90, 0x90, 0x90);
    tc.cpu->dr[1] = CODE;
    tc.cpu->dr[7] = 0x400 | 1u << 2;
    tc.cpu->eflags |= FLAG_RF;                                          /* lets one instruction pass */
    run();
    assert_halted_at(CODE + 4);
    g_assert_cmphex(tc.cpu->eflags & FLAG_RF, ==, 0);
}

static void test_breakpoint_on_data(void)
{
    PAGED(LOAD_DATA, STORE_DATA, 0x90);
    tc.cpu->dr[0] = DATA + 4;
    tc.cpu->dr[7] = 0x400 | 2 | 1u << 16 | 3u << 18;                    /* four bytes, writes */
    run();
    assert_vector(EXC_DB, -1);
    g_assert_cmphex(tc.cpu->dr[6] & 15, ==, 1);
    g_assert_cmphex(ld64_le(tc.mem + tc.cpu->regs[R_ESP]), ==, CODE + 16);   /* a trap: after the store */
    PAGED(STORE_DATA);
    tc.cpu->dr[0] = DATA + 8;
    tc.cpu->dr[7] = 0x400 | 2 | 3u << 16;
    run();
    assert_halted_at(CODE + 9);
}

static void test_general_detect(void)
{
    PAGED(0x0f, 0x21, 0xc0);                                            /* mov rax, dr0 */
    tc.cpu->dr[7] = 0x400 | 1u << 13;
    run();
    assert_vector(EXC_DB, -1);
    g_assert_cmphex(tc.cpu->dr[6] & (1u << 13), ==, 1u << 13);
    g_assert_cmphex(tc.cpu->dr[7] & (1u << 13), ==, 0);
}

/* ---- Devices see how many instructions came before them ---- */

static uint64_t clock_now, seen_at;

static void count_clock(void *opaque, uint64_t executed)
{
    clock_now += executed;
}

static uint64_t device_read(void *opaque, hwaddr addr, unsigned size)
{
    seen_at = clock_now;
    return 7;
}

static void device_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
    seen_at = clock_now;
}

static const MemoryRegionOps device_ops = { .read = device_read, .write = device_write };

static void test_exact_count(void)
{
    MemoryRegion device = { 0 };

    memory_region_init_io(&device, NULL, &device_ops, NULL, "device", 0x1000);
    memory_region_add_subregion_overlap(get_system_memory(), DATA, &device, 1);
    cpu_x86_set_sync(tc.cpu, count_clock, NULL);
    PAGED(0xff, 0xc3, 0xff, 0xc3, 0xff, 0xc3, LOAD_DATA, 0xff, 0xc3);   /* inc ebx three times, load, inc ebx */
    clock_now = 0;
    run();
    g_assert_cmpuint(seen_at, ==, 3);
    g_assert_cmpuint(clock_now, ==, 6);
    g_assert_cmpuint(tc.cpu->regs[R_EBX], ==, 4);
    g_assert_cmpuint((uint32_t)tc.cpu->regs[R_EAX], ==, 7);
    PAGED(0x90, 0x90, 0xe6, 0x80, 0x90, STORE_DATA);
    clock_now = 0;
    run();
    g_assert_cmpuint(seen_at, ==, 4);
    g_assert_cmpuint(clock_now, ==, 6);
    cpu_x86_set_sync(tc.cpu, NULL, NULL);
    memory_region_del_subregion(get_system_memory(), &device);
    memory_region_finalize(&device);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mmu/smep", test_smep);
    g_test_add_func("/mmu/smap", test_smap);
    g_test_add_func("/mmu/accessed-and-dirty", test_accessed_and_dirty);
    g_test_add_func("/mmu/flushes", test_flushes);
    g_test_add_func("/mmu/large-page", test_large_page);
    g_test_add_func("/mmu/pcid", test_pcid);
    g_test_add_func("/mmu/umip", test_umip);
    g_test_add_func("/mmu/alignment", test_alignment);
    g_test_add_func("/debug/breakpoint-on-code", test_breakpoint_on_code);
    g_test_add_func("/debug/breakpoint-on-data", test_breakpoint_on_data);
    g_test_add_func("/debug/general-detect", test_general_detect);
    g_test_add_func("/cpu/exact-count", test_exact_count);
    return test_cpu_run(16 * MiB);
}
