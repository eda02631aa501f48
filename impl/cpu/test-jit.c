/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: translated code and the interpreter cannot be told apart: registers, flags, memory with accessed bits of page
 * tables, counts of instructions at every stop, exceptions.
 * Method: random programs with jumps, faults, devices, several mappings of their pages and stores to themselves are
 * run by two processors from the same state with the same random budgets. GLib prints the seed; `--seed R02S...`
 * repeats a failure, `-m slow` runs many more.
 */
#include "cpu/test-cpu.h"

#include "cpu/insn.h"

enum {
    RAM_SIZE = 0x80000,
    IDT = 0x2000, GDT = 0x3000, TSS = 0x3800, TABLES = 0x4000, HANDLER = 0x8000, STACK = 0xa000, STACK_END = 0xc000,
    CODE = 0x10000, CODE_SIZE = 0x2000,
    DATA = 0x20000, DATA_SIZE = 0x8000, HOLE = 0x24000, READ_ONLY = 0x26000,
    ALIAS = 0x200000,        /* the first 2 MiB again */
    DEVICE = 0x400000,
    COUNTER = 0x1000,
    BUDGET = 3000, MAX_SLICES = 600,
    CASES = 1500, SLOW_CASES = 60000,
};

/* ---- Random programs ---- */

typedef struct Program {
    uint8_t code[CODE_SIZE + 32];
    unsigned len;
} Program;

static unsigned rnd(unsigned n)
{
    return (unsigned)g_test_rand_int_range(0, (int)n);
}

static void put(Program *p, unsigned byte)
{
    if (p->len < sizeof(p->code)) {
        p->code[p->len++] = (uint8_t)byte;
    }
}

static void put32(Program *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        put(p, v >> (i * 8) & 0xff);
    }
}

/* Offsets that meet the ends of pages now and then. */
static uint32_t data_offset(void)
{
    uint32_t page = rnd(DATA_SIZE / 4096) * 4096;

    return rnd(6) == 0 ? page + 4096 - rnd(9) : page + rnd(64) * 8 + (rnd(4) ? 0 : rnd(8));
}

/* A register, or memory based on rbp (DATA) mostly; @reg < 0: any register field. */
static void put_modrm(Program *p, int reg, bool memory_only)
{
    unsigned r = reg < 0 ? rnd(8) : (unsigned)reg;

    if (!memory_only && rnd(5) < 2) {
        put(p, 0xc0 | r << 3 | rnd(8));
        return;
    }
    switch (rnd(16)) {
    case 0:
        put(p, r << 3 | 5);                            /* rip-relative: data, or the code itself */
        put32(p, rnd(3) ? DATA - CODE - p->len + data_offset() : (uint32_t)rnd(CODE_SIZE) - p->len);
        break;
    case 1:
        put(p, r << 3 | 4);                            /* absolute */
        put(p, 0x25);
        put32(p, rnd(8) ? DATA + data_offset() : DEVICE + rnd(64));
        break;
    case 2:
        put(p, 0x40 | r << 3 | 4);                     /* base and index, anything */
        put(p, rnd(256));
        put(p, rnd(256));
        break;
    case 3:
        put(p, r << 3 | rnd(8));
        put32(p, rnd(256));
        break;
    case 4:
        put(p, 0x40 | r << 3 | 4);                     /* the stack */
        put(p, 0x24);
        put(p, rnd(64));
        break;
    default:
        put(p, 0x80 | r << 3 | 5);
        put32(p, data_offset());
        break;
    }
}

static void put_prefixes(Program *p, bool lock)
{
    if (rnd(16) == 0) {
        put(p, rnd(2) ? 0x64 : 0x65);
    }
    if (lock && rnd(8) == 0) {
        put(p, 0xf0);
    }
    if (rnd(7) == 0) {
        put(p, 0x66);
    }
    if (rnd(24) == 0) {
        put(p, 0x67);
    }
    if (rnd(2)) {
        put(p, 0x40 | (rnd(2) ? 8 : 0) | (rnd(3) ? 0 : 4) | (rnd(4) ? 0 : 2) | (rnd(6) ? 0 : 1));
    }
}

static bool has_66(const Program *p, unsigned from)
{
    for (unsigned i = from; i < p->len; i++) {
        if (p->code[i] == 0x66) {
            return true;
        }
    }
    return false;
}

static void put_immz(Program *p, unsigned from)
{
    /* With REX.W it is four bytes in spite of 66; then the rest is the next instruction. */
    for (unsigned i = 0; i < (has_66(p, from) ? 2 : 4); i++) {
        put(p, rnd(4) ? 0 : rnd(256));
    }
}

static void put_alu(Program *p)
{
    unsigned start = p->len, op = rnd(8), form = rnd(7);

    put_prefixes(p, form < 2);
    if (form < 4) {
        put(p, op << 3 | form);
        put_modrm(p, -1, false);
    } else if (form == 4) {
        put(p, 0x81);
        put_modrm(p, (int)op, false);
        put_immz(p, start);
    } else {
        put(p, form == 5 ? 0x80 : 0x83);
        put_modrm(p, (int)op, false);
        put(p, rnd(256));
    }
}

/* Opcodes with an r/m operand and how many bytes follow it. */
static const struct {
    uint16_t op;
    int8_t reg;
    uint8_t imm;
} rm_ops[] = {
    { 0x84, -1 }, { 0x85, -1 }, { 0x85, -1 }, { 0x88, -1 }, { 0x89, -1 }, { 0x8a, -1 }, { 0x8b, -1 }, { 0x8b, -1 },
    { 0x8d, -1 }, { 0x8d, -1 }, { 0x63, -1 }, { 0xfe, 0 }, { 0xfe, 1 }, { 0xff, 0 }, { 0xff, 1 }, { 0xf6, 2 },
    { 0xf7, 2 }, { 0xf6, 3 }, { 0xf7, 3 }, { 0xf7, 4 }, { 0xf7, 5 }, { 0xf6, 4 }, { 0xf7, 6 }, { 0xc0, -1, 1 },
    { 0xc1, -1, 1 }, { 0xc1, 4, 1 }, { 0xc1, 5, 1 }, { 0xc1, 7, 1 }, { 0xd1, -1 }, { 0xd3, -1 }, { 0xd2, -1 },
    { 0xfb6, -1 }, { 0xfb7, -1 }, { 0xfbe, -1 }, { 0xfbf, -1 }, { 0xfaf, -1 }, { 0x6b, -1, 1 }, { 0x86, -1 },
    { 0x87, -1 }, { 0xfa3, -1 }, { 0xfab, -1 }, { 0xfba, 4, 1 }, { 0xfba, 5, 1 }, { 0xfbc, -1 }, { 0xfbd, -1 },
    { 0xfb0, -1 }, { 0xfb1, -1 }, { 0xfc1, -1 }, { 0xfa4, -1, 1 }, { 0xfad, -1 }, { 0xc6, 0, 1 }, { 0xff, 6 },
    { 0x8f, 0 }, { 0xff, 4 }, { 0xff, 2 },
};

static void put_rm_op(Program *p)
{
    unsigned i = rnd(G_N_ELEMENTS(rm_ops));

    put_prefixes(p, rm_ops[i].op != 0x8d);
    if (rm_ops[i].op > 0xff) {
        put(p, 0x0f);
    }
    put(p, rm_ops[i].op & 0xff);
    put_modrm(p, rm_ops[i].reg, rm_ops[i].op == 0x8d);
    for (unsigned b = 0; b < rm_ops[i].imm; b++) {
        put(p, rnd(256));
    }
}

static void put_cond(Program *p)
{
    put_prefixes(p, false);
    put(p, 0x0f);
    put(p, (rnd(2) ? 0x40 : 0x90) | rnd(16));
    put_modrm(p, -1, false);
}

static void put_jump(Program *p)
{
    switch (rnd(8)) {
    case 0:
        put(p, 0xe8 | rnd(2));                         /* call, jmp: far in the code */
        put32(p, (uint32_t)rnd(CODE_SIZE) - p->len - 4);
        break;
    case 1:
        put(p, 0x0f);
        put(p, 0x80 | rnd(16));
        put32(p, (uint32_t)rnd(CODE_SIZE) - p->len - 4);
        break;
    case 2:
        put(p, 0xc3);
        break;
    case 3:
        put(p, 0xe0 | rnd(4));                         /* loop, jrcxz */
        put(p, rnd(60) - 30);
        break;
    default:
        put(p, 0x70 | rnd(16));
        put(p, rnd(3) ? rnd(40) : -rnd(60));
        break;
    }
}

static void put_other(Program *p)
{
    static const uint8_t plain[] = {
        0x90, 0x98, 0x99, 0x9c, 0x9d, 0x9e, 0x9f, 0xf5, 0xf8, 0xf9, 0xfc, 0xfc, 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xa6,
        0xc9, 0xfb, 0xfa,
    };
    unsigned start = p->len;

    switch (rnd(8)) {
    case 0:
    case 1:
        put_prefixes(p, false);
        put(p, 0x50 | rnd(16));
        break;
    case 2:
        put_prefixes(p, false);
        put(p, 0xb0 | rnd(8));
        put(p, rnd(256));
        break;
    case 3:
        put(p, 0x48 | rnd(2));
        put(p, 0xbd - rnd(2));                         /* rbp or rsp: where they should be */
        put32(p, rnd(2) ? DATA : STACK + 0x1000);
        put32(p, 0);
        break;
    case 4:
        put(p, 0x48);
        put(p, 0xbd);
        put32(p, rnd(8) ? DATA : DEVICE);
        put32(p, 0);
        break;
    case 5:
        put_prefixes(p, false);
        put(p, 0x0f);
        put(p, rnd(8) ? 0xc8 | rnd(8) : rnd(2) ? 0x31 : 0xa2);   /* bswap, rdtsc, cpuid */
        break;
    case 6:
        put_prefixes(p, false);
        put(p, 0x68 | rnd(2) << 1);
        put_immz(p, start);
        break;
    default:
        if (rnd(6) == 0) {
            put(p, 0xf2 | rnd(2));
        }
        put_prefixes(p, false);
        put(p, plain[rnd(G_N_ELEMENTS(plain))]);
        break;
    }
}

static void make_program(Program *p)
{
    p->len = 0;
    while (p->len < CODE_SIZE) {
        switch (rnd(10)) {
        case 0:
        case 1:
        case 2:
        case 3:
            put_alu(p);
            break;
        case 4:
        case 5:
        case 6:
            put_rm_op(p);
            break;
        case 7:
            put_cond(p);
            break;
        case 8:
            put_jump(p);
            break;
        default:
            put_other(p);
            break;
        }
    }
}

/* ---- The machine ---- */

static uint8_t *initial;     /* RAM before each run */
static unsigned device_reads;

static uint64_t device_read(void *opaque, hwaddr addr, unsigned size)
{
    return (addr + 1) * UINT64_C(0x9e3779b97f4a7c15) + device_reads++;
}

static void device_write(void *opaque, hwaddr addr, uint64_t v, unsigned size)
{
    device_reads += (unsigned)v & 0xff;
}

static const MemoryRegionOps device_ops = {
    .read = device_read, .write = device_write, .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

static void put_tables(uint8_t *ram)
{
    uint64_t flags = 7;   /* present, writable, user */

    st64_le(ram + TABLES, (TABLES + 0x1000) | flags);
    st64_le(ram + TABLES + 0x1000, (TABLES + 0x2000) | flags);
    st64_le(ram + TABLES + 0x2000, (TABLES + 0x3000) | flags);
    st64_le(ram + TABLES + 0x2000 + 8, (TABLES + 0x3000) | flags);
    st64_le(ram + TABLES + 0x2000 + 16, DEVICE | flags | 0x80);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t page = i * 4096;
        uint64_t pte = page | flags;

        if (page == HOLE || page >= RAM_SIZE) {
            pte = 0;
        } else if (page == READ_ONLY) {
            pte = page | 5;
        }
        st64_le(ram + TABLES + 0x3000 + i * 8, pte);
    }
}

/* After any exception: count, and go on at another of 64 places. */
static void put_handlers(uint8_t *ram)
{
    static const uint8_t handler[] = {
        0xff, 0x04, 0x25, 0x00, 0x10, 0x00, 0x00,      /* inc dword [COUNTER] */
        0x8b, 0x04, 0x25, 0x00, 0x10, 0x00, 0x00,      /* mov eax, [COUNTER] */
        0xbc, 0x00, 0xb0, 0x00, 0x00,                  /* mov esp, STACK + 0x1000 */
        0xbd, 0x00, 0x00, 0x02, 0x00,                  /* mov ebp, DATA */
        0x6b, 0xc0, 0x55,                              /* imul eax, eax, 85 */
        0x25, 0xff, 0x1f, 0x00, 0x00,                  /* and eax, CODE_SIZE - 1 */
        0x05, 0x00, 0x00, 0x01, 0x00,                  /* add eax, CODE */
        0xff, 0xe0,                                    /* jmp rax */
    };

    memcpy(ram + HANDLER, handler, sizeof(handler));
    for (unsigned v = 0; v < 32; v++) {
        uint8_t *g = ram + IDT + v * 16;

        st16_le(g, (uint16_t)HANDLER);
        st16_le(g + 2, 8);
        g[4] = 1;   /* a stack of its own: the program's may be anywhere */
        g[5] = 0x8e;
        st16_le(g + 6, HANDLER >> 16);
    }
    st64_le(ram + TSS + 36, STACK + 0x1c00);
}

static void make_ram(const Program *p)
{
    static const uint8_t gdt[] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,
    };

    memset(initial, 0, RAM_SIZE);
    memcpy(initial + GDT, gdt, sizeof(gdt));
    memcpy(initial + CODE, p->code, CODE_SIZE);
    for (unsigned i = 0; i < DATA_SIZE; i += 8) {
        st64_le(initial + DATA + i, rnd(3) ? (uint64_t)(uint32_t)g_test_rand_int() << rnd(33) : DATA + data_offset());
    }
    for (unsigned i = STACK; i < STACK_END; i += 8) {
        st64_le(initial + i, (rnd(4) ? CODE : ALIAS + CODE) + rnd(CODE_SIZE));
    }
    put_tables(initial);
    put_handlers(initial);
}

typedef struct Start {
    uint64_t regs[16];
    uint64_t rflags;
    uint64_t rip;
} Start;

static uint64_t tsc_of(void *opaque)
{
    return ((const X86CPU *)opaque)->icount * 3;
}

static void prepare(X86CPU *cpu, const Start *s)
{
    tc.cpu = cpu;
    memcpy(tc.mem, initial, RAM_SIZE);
    memory_region_set_dirty(&tc.ram, 0, RAM_SIZE);
    device_reads = 0;
    cpu->icount = 0;
    test_cpu_long_mode(s->rip);
    cpu->gdt = (SegmentCache){ .base = GDT, .limit = 23 };
    cpu->idt = (SegmentCache){ .base = IDT, .limit = 32 * 16 - 1 };
    cpu->tr = (SegmentCache){ .base = TSS, .limit = 103, .flags = DESC_P | 11u << DESC_TYPE_SHIFT };
    cpu->segs[R_FS].base = DATA + 0x100;
    cpu->segs[R_GS].base = 0x40;
    memcpy(cpu->regs, s->regs, sizeof(s->regs));
    cpu_x86_set_rflags(cpu, s->rflags);
    cpu->cr3 = TABLES;
    cpu->cr4 |= CR4_PAE;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_x86_state_loaded(cpu);
}

typedef struct Stop {
    uint64_t done, rip, icount;
    CpuExitReason reason;
} Stop;

static unsigned run_all(X86CPU *cpu, const uint64_t *budgets, Stop *stops)
{
    uint64_t total = 0;
    unsigned n = 0;

    while (total < BUDGET && n < MAX_SLICES) {
        Stop *s = &stops[n];

        bql_unlock();
        s->reason = cpu_x86_exec(cpu, budgets[n], &s->done);
        bql_lock();
        s->rip = cpu->rip;
        s->icount = cpu->icount;
        n++;
        total += s->done;
        if (s->reason == CPU_EXIT_HALTED || s->reason == CPU_EXIT_RESET) {
            break;
        }
    }
    return n;
}

static void compare(X86CPU *a, X86CPU *b, const Stop *sa, unsigned na, const Stop *sb, unsigned nb)
{
    for (unsigned i = 0; i < MIN(na, nb); i++) {
        if (memcmp(&sa[i], &sb[i], sizeof(Stop)) != 0) {
            g_error("stop %u: interpreter %" PRIu64 " at %" PRIx64 " reason %d, translated %" PRIu64 " at %" PRIx64
                    " reason %d", i, sa[i].done, sa[i].rip, sa[i].reason, sb[i].done, sb[i].rip, sb[i].reason);
        }
    }
    g_assert_cmpuint(na, ==, nb);
    for (unsigned i = 0; i < 16; i++) {
        if (a->regs[i] != b->regs[i]) {
            g_error("register %u: interpreter %" PRIx64 " translated %" PRIx64, i, a->regs[i], b->regs[i]);
        }
    }
    g_assert_cmphex(cpu_x86_get_rflags(a), ==, cpu_x86_get_rflags(b));
    g_assert_cmphex(a->cr2, ==, b->cr2);
    g_assert_cmphex(a->dr[6], ==, b->dr[6]);
    g_assert_cmpint(a->inhibit_irq, ==, b->inhibit_irq);
}

static void test_random_programs(void)
{
    X86CPU *interpreter = tc.cpu;
    X86CPU *translated = cpu_x86_create(0, get_address_space_memory(), get_address_space_io());
    g_autofree uint8_t *after = g_malloc(RAM_SIZE);
    g_autofree Stop *sa = g_new0(Stop, MAX_SLICES), *sb = g_new0(Stop, MAX_SLICES);
    g_autofree Program *p = g_new0(Program, 1);
    unsigned cases = g_test_slow() ? SLOW_CASES : CASES;

    cpu_x86_set_tsc(interpreter, tsc_of, interpreter);
    cpu_x86_set_tsc(translated, tsc_of, translated);
    for (unsigned c = 0; c < cases; c++) {
        uint64_t budgets[MAX_SLICES];
        Start s = { .rflags = 2 | ((unsigned)g_test_rand_int() & FLAGS_ARITH), .rip = CODE };
        unsigned na, nb;

        if (!cpu_x86_set_translate(translated, 1 + rnd(3))) {
            g_test_skip("this host has no translator");
            break;
        }
        make_program(p);
        make_ram(p);
        for (unsigned i = 0; i < MAX_SLICES; i++) {
            budgets[i] = c % 3 ? 5 + rnd(100) : 5 + rnd(10);
        }
        for (unsigned i = 0; i < 16; i++) {
            s.regs[i] = rnd(2) ? DATA + data_offset() : (uint64_t)(uint32_t)g_test_rand_int() << rnd(33);
        }
        s.regs[R_ESP] = STACK + 0x1000;
        s.regs[R_EBP] = DATA;
        prepare(interpreter, &s);
        na = run_all(interpreter, budgets, sa);
        memcpy(after, tc.mem, RAM_SIZE);
        prepare(translated, &s);
        nb = run_all(translated, budgets, sb);
        compare(interpreter, translated, sa, na, sb, nb);
        for (unsigned i = 0; i < RAM_SIZE; i++) {
            if (after[i] != tc.mem[i]) {
                g_error("case %u: byte %x: interpreter %02x translated %02x", c, i, after[i], tc.mem[i]);
            }
        }
    }
    tc.cpu = interpreter;
    cpu_x86_free(translated);
}

static void add_device(void)
{
    static MemoryRegion device;

    if (!initial) {
        initial = g_malloc0(RAM_SIZE);
        memory_region_init_io(&device, NULL, &device_ops, NULL, "device", 4096);
        memory_region_add_subregion(get_system_memory(), DEVICE, &device);
    }
    test_random_programs();
    memory_region_del_subregion(get_system_memory(), &device);
    memory_region_finalize(&device);
    g_clear_pointer(&initial, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu/jit/random-programs", add_device);
    return test_cpu_run(RAM_SIZE);
}
