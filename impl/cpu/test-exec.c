/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: every integer instruction computes what the host's processor computes, registers, memory and all flags
 * that the manual defines.
 * Method: random operands and encodings of each template are run natively and on our processor, and compared.
 * GLib prints the seed; run with `--seed R02S...` to repeat a failure.
 */
#include "cpu/test-cpu.h"

#if defined(__x86_64__)

#include <sys/mman.h>

enum {
    BUF = 0x10000000,        /* guest-physical and host address of the memory operand's page */
    BUF_SIZE = 0x4000,
    CODE = 0x1000,
    ROUNDS = 200,            /* per template */
    FRESH_BUF = 16,          /* rounds that work on the same buffer, one after the other */
};

/* All general registers but rsp, and rflags, in the order of encoding; used by the assembly below. */
typedef struct NativeState {
    uint64_t r[16];
    uint64_t rflags;
    uint64_t code;
    uint64_t saved_rsp;
} NativeState;
G_STATIC_ASSERT(sizeof(NativeState) == 19 * 8);

extern NativeState native_state;
void native_run(void);
NativeState native_state;

/* Load registers and flags, call the code, store them. Nothing between the loads and the call touches flags. */
__asm__(
    ".text\n"
    ".globl native_run\n"
    "native_run:\n"
    "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "    mov %rsp, native_state+144(%rip)\n"
    "    pushq native_state+128(%rip)\n"
    "    popfq\n"
    "    mov native_state+0(%rip), %rax\n"
    "    mov native_state+8(%rip), %rcx\n"
    "    mov native_state+16(%rip), %rdx\n"
    "    mov native_state+24(%rip), %rbx\n"
    "    mov native_state+40(%rip), %rbp\n"
    "    mov native_state+48(%rip), %rsi\n"
    "    mov native_state+56(%rip), %rdi\n"
    "    mov native_state+64(%rip), %r8\n"
    "    mov native_state+72(%rip), %r9\n"
    "    mov native_state+80(%rip), %r10\n"
    "    mov native_state+88(%rip), %r11\n"
    "    mov native_state+96(%rip), %r12\n"
    "    mov native_state+104(%rip), %r13\n"
    "    mov native_state+112(%rip), %r14\n"
    "    mov native_state+120(%rip), %r15\n"
    "    call *native_state+136(%rip)\n"
    "    mov %rax, native_state+0(%rip)\n"
    "    mov %rcx, native_state+8(%rip)\n"
    "    mov %rdx, native_state+16(%rip)\n"
    "    mov %rbx, native_state+24(%rip)\n"
    "    mov %rbp, native_state+40(%rip)\n"
    "    mov %rsi, native_state+48(%rip)\n"
    "    mov %rdi, native_state+56(%rip)\n"
    "    mov %r8, native_state+64(%rip)\n"
    "    mov %r9, native_state+72(%rip)\n"
    "    mov %r10, native_state+80(%rip)\n"
    "    mov %r11, native_state+88(%rip)\n"
    "    mov %r12, native_state+96(%rip)\n"
    "    mov %r13, native_state+104(%rip)\n"
    "    mov %r14, native_state+112(%rip)\n"
    "    mov %r15, native_state+120(%rip)\n"
    "    pushfq\n"
    "    popq native_state+128(%rip)\n"
    "    mov native_state+144(%rip), %rsp\n"
    "    cld\n"
    "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "    ret\n");

/* ---- Templates ---- */

enum {
    T_MODRM = 1,         /* random r/m; else the opcode is all there is */
    T_EXT = 2,           /* the reg field is an opcode extension, given */
    T_BYTE = 4,          /* 8-bit operands: no size prefixes */
    T_IMM8 = 8,
    T_IMMZ = 16,         /* 2 or 4 bytes by operand size */
    T_SMALL = 32,        /* registers hold small numbers */
    T_MEM_ONLY = 64,
    T_REG_ONLY = 128,
    T_NO16 = 256,
    T_REP = 512,         /* string instruction: rsi and rdi in the buffer, rcx small */
    T_NOREX_W = 1024,
    T_CL = 4096,         /* count in cl decides what is defined */
};

/* Which arithmetic flags are compared. */
#define F_ALL FLAGS_ARITH
#define F_MUL (FLAG_CF | FLAG_OF)
#define F_ROT FLAGS_ARITH
#define F_SHIFT (FLAGS_ARITH & ~FLAG_AF)
#define F_BT (FLAG_CF | FLAG_ZF)

typedef struct Template {
    const char *name;
    uint8_t op[3];
    uint8_t op_len;
    uint8_t ext;
    uint32_t kind;
    uint32_t flags;
} Template;

#define ALU(nm, base)                                                                              \
    { nm " rm8,r8", { base }, 1, 0, T_MODRM | T_BYTE, F_ALL },                                     \
    { nm " rm,r", { base + 1 }, 1, 0, T_MODRM, F_ALL },                                            \
    { nm " r8,rm8", { base + 2 }, 1, 0, T_MODRM | T_BYTE, F_ALL },                                 \
    { nm " r,rm", { base + 3 }, 1, 0, T_MODRM, F_ALL }, { nm " al,i", { base + 4 }, 1, 0, T_BYTE | T_IMM8, F_ALL }, \
    { nm " ax,i", { base + 5 }, 1, 0, T_IMMZ, F_ALL }
#define GRP1(nm, n)                                                                                \
    { nm " rm8,i", { 0x80 }, 1, n, T_MODRM | T_EXT | T_BYTE | T_IMM8, F_ALL },                     \
    { nm " rm,iz", { 0x81 }, 1, n, T_MODRM | T_EXT | T_IMMZ, F_ALL },                              \
    { nm " rm,i8", { 0x83 }, 1, n, T_MODRM | T_EXT | T_IMM8, F_ALL }
#define SHIFT(nm, n, fl)                                                                           \
    { nm " rm8,i", { 0xc0 }, 1, n, T_MODRM | T_EXT | T_BYTE | T_IMM8 | T_CL, fl },                 \
    { nm " rm,i", { 0xc1 }, 1, n, T_MODRM | T_EXT | T_IMM8 | T_CL, fl },                           \
    { nm " rm8,1", { 0xd0 }, 1, n, T_MODRM | T_EXT | T_BYTE, fl },                                 \
    { nm " rm,1", { 0xd1 }, 1, n, T_MODRM | T_EXT, fl },                                           \
    { nm " rm8,cl", { 0xd2 }, 1, n, T_MODRM | T_EXT | T_BYTE | T_CL, fl },                         \
    { nm " rm,cl", { 0xd3 }, 1, n, T_MODRM | T_EXT | T_CL, fl }
#define STR(nm, o, fl)                                                                             \
    { nm "b", { o }, 1, 0, T_BYTE | T_REP, fl }, { nm, { o + 1 }, 1, 0, T_REP, fl }

static const Template templates[] = {
    ALU("add", 0x00), ALU("or", 0x08), ALU("adc", 0x10), ALU("sbb", 0x18), ALU("and", 0x20), ALU("sub", 0x28),
    ALU("xor", 0x30), ALU("cmp", 0x38),
    GRP1("add", 0), GRP1("or", 1), GRP1("adc", 2), GRP1("sbb", 3), GRP1("and", 4), GRP1("sub", 5), GRP1("xor", 6),
    GRP1("cmp", 7),
    { "test rm8,r8", { 0x84 }, 1, 0, T_MODRM | T_BYTE, F_ALL }, { "test rm,r", { 0x85 }, 1, 0, T_MODRM, F_ALL },
    { "test rm8,i", { 0xf6 }, 1, 0, T_MODRM | T_EXT | T_BYTE | T_IMM8, F_ALL },
    { "test rm,i", { 0xf7 }, 1, 0, T_MODRM | T_EXT | T_IMMZ, F_ALL },
    { "not rm8", { 0xf6 }, 1, 2, T_MODRM | T_EXT | T_BYTE, F_ALL }, { "not", { 0xf7 }, 1, 2, T_MODRM | T_EXT, F_ALL },
    { "neg rm8", { 0xf6 }, 1, 3, T_MODRM | T_EXT | T_BYTE, F_ALL }, { "neg", { 0xf7 }, 1, 3, T_MODRM | T_EXT, F_ALL },
    { "inc rm8", { 0xfe }, 1, 0, T_MODRM | T_EXT | T_BYTE, F_ALL }, { "inc", { 0xff }, 1, 0, T_MODRM | T_EXT, F_ALL },
    { "dec rm8", { 0xfe }, 1, 1, T_MODRM | T_EXT | T_BYTE, F_ALL }, { "dec", { 0xff }, 1, 1, T_MODRM | T_EXT, F_ALL },
    { "mov rm8,r8", { 0x88 }, 1, 0, T_MODRM | T_BYTE, F_ALL }, { "mov rm,r", { 0x89 }, 1, 0, T_MODRM, F_ALL },
    { "mov r8,rm8", { 0x8a }, 1, 0, T_MODRM | T_BYTE, F_ALL }, { "mov r,rm", { 0x8b }, 1, 0, T_MODRM, F_ALL },
    { "mov rm8,i", { 0xc6 }, 1, 0, T_MODRM | T_EXT | T_BYTE | T_IMM8, F_ALL },
    { "mov rm,i", { 0xc7 }, 1, 0, T_MODRM | T_EXT | T_IMMZ, F_ALL },
    { "lea", { 0x8d }, 1, 0, T_MODRM | T_MEM_ONLY, F_ALL },
    { "movzx r,rm8", { 0x0f, 0xb6 }, 2, 0, T_MODRM, F_ALL }, { "movzx r,rm16", { 0x0f, 0xb7 }, 2, 0, T_MODRM, F_ALL },
    { "movsx r,rm8", { 0x0f, 0xbe }, 2, 0, T_MODRM, F_ALL }, { "movsx r,rm16", { 0x0f, 0xbf }, 2, 0, T_MODRM, F_ALL },
    { "movsxd", { 0x63 }, 1, 0, T_MODRM | T_NO16, F_ALL },
    { "xchg rm8,r8", { 0x86 }, 1, 0, T_MODRM | T_BYTE, F_ALL }, { "xchg", { 0x87 }, 1, 0, T_MODRM, F_ALL },
    { "xadd rm8", { 0x0f, 0xc0 }, 2, 0, T_MODRM | T_BYTE, F_ALL }, { "xadd", { 0x0f, 0xc1 }, 2, 0, T_MODRM, F_ALL },
    { "cmpxchg rm8", { 0x0f, 0xb0 }, 2, 0, T_MODRM | T_BYTE, F_ALL },
    { "cmpxchg", { 0x0f, 0xb1 }, 2, 0, T_MODRM, F_ALL },
    { "cmpxchg small", { 0x0f, 0xb1 }, 2, 0, T_MODRM | T_SMALL, F_ALL },
    { "cmpxchg8b", { 0x0f, 0xc7 }, 2, 1, T_MODRM | T_EXT | T_MEM_ONLY | T_SMALL | T_NO16 | T_NOREX_W, F_ALL },
    SHIFT("rol", 0, F_ROT), SHIFT("ror", 1, F_ROT), SHIFT("rcl", 2, F_ROT), SHIFT("rcr", 3, F_ROT),
    SHIFT("shl", 4, F_SHIFT), SHIFT("shr", 5, F_SHIFT), SHIFT("sar", 7, F_SHIFT),
    { "shld i", { 0x0f, 0xa4 }, 2, 0, T_MODRM | T_IMM8 | T_CL, F_SHIFT },
    { "shld cl", { 0x0f, 0xa5 }, 2, 0, T_MODRM | T_CL, F_SHIFT },
    { "shrd i", { 0x0f, 0xac }, 2, 0, T_MODRM | T_IMM8 | T_CL, F_SHIFT },
    { "shrd cl", { 0x0f, 0xad }, 2, 0, T_MODRM | T_CL, F_SHIFT },
    { "mul rm8", { 0xf6 }, 1, 4, T_MODRM | T_EXT | T_BYTE, F_MUL }, { "mul", { 0xf7 }, 1, 4, T_MODRM | T_EXT, F_MUL },
    { "imul rm8", { 0xf6 }, 1, 5, T_MODRM | T_EXT | T_BYTE, F_MUL },
    { "imul1", { 0xf7 }, 1, 5, T_MODRM | T_EXT, F_MUL },
    { "imul2", { 0x0f, 0xaf }, 2, 0, T_MODRM, F_MUL },
    { "imul2 small", { 0x0f, 0xaf }, 2, 0, T_MODRM | T_SMALL, F_MUL },
    { "imul3 i8", { 0x6b }, 1, 0, T_MODRM | T_IMM8, F_MUL }, { "imul3 iz", { 0x69 }, 1, 0, T_MODRM | T_IMMZ, F_MUL },
    { "div rm8", { 0xf6 }, 1, 6, T_MODRM | T_EXT | T_BYTE, 0 }, { "div", { 0xf7 }, 1, 6, T_MODRM | T_EXT, 0 },
    { "div small", { 0xf7 }, 1, 6, T_MODRM | T_EXT | T_SMALL, 0 },
    { "idiv rm8", { 0xf6 }, 1, 7, T_MODRM | T_EXT | T_BYTE, 0 }, { "idiv", { 0xf7 }, 1, 7, T_MODRM | T_EXT, 0 },
    { "idiv small", { 0xf7 }, 1, 7, T_MODRM | T_EXT | T_SMALL, 0 },
    { "bt r", { 0x0f, 0xa3 }, 2, 0, T_MODRM | T_SMALL, F_BT },
    { "bts r", { 0x0f, 0xab }, 2, 0, T_MODRM | T_SMALL, F_BT },
    { "btr r", { 0x0f, 0xb3 }, 2, 0, T_MODRM | T_SMALL, F_BT },
    { "btc r", { 0x0f, 0xbb }, 2, 0, T_MODRM | T_SMALL, F_BT },
    { "bt i", { 0x0f, 0xba }, 2, 4, T_MODRM | T_EXT | T_IMM8, F_BT },
    { "bts i", { 0x0f, 0xba }, 2, 5, T_MODRM | T_EXT | T_IMM8, F_BT },
    { "btr i", { 0x0f, 0xba }, 2, 6, T_MODRM | T_EXT | T_IMM8, F_BT },
    { "btc i", { 0x0f, 0xba }, 2, 7, T_MODRM | T_EXT | T_IMM8, F_BT },
    { "bsf", { 0x0f, 0xbc }, 2, 0, T_MODRM, FLAG_ZF }, { "bsr", { 0x0f, 0xbd }, 2, 0, T_MODRM, FLAG_ZF },
    { "bsf small", { 0x0f, 0xbc }, 2, 0, T_MODRM | T_SMALL, FLAG_ZF },
    { "bswap", { 0x0f, 0xc9 }, 2, 0, T_NO16, F_ALL },
    { "cmovb", { 0x0f, 0x42 }, 2, 0, T_MODRM, F_ALL }, { "cmovle", { 0x0f, 0x4e }, 2, 0, T_MODRM, F_ALL },
    { "cmovp", { 0x0f, 0x4a }, 2, 0, T_MODRM, F_ALL }, { "cmovnbe", { 0x0f, 0x47 }, 2, 0, T_MODRM, F_ALL },
    { "setl", { 0x0f, 0x9c }, 2, 0, T_MODRM | T_EXT | T_BYTE, F_ALL },
    { "setnp", { 0x0f, 0x9b }, 2, 0, T_MODRM | T_EXT | T_BYTE, F_ALL },
    { "seto", { 0x0f, 0x90 }, 2, 0, T_MODRM | T_EXT | T_BYTE, F_ALL },
    { "cbw", { 0x98 }, 1, 0, 0, F_ALL }, { "cwd", { 0x99 }, 1, 0, 0, F_ALL },
    { "lahf", { 0x9f }, 1, 0, T_BYTE, F_ALL }, { "sahf", { 0x9e }, 1, 0, T_BYTE, F_ALL },
    { "clc", { 0xf8 }, 1, 0, T_BYTE, F_ALL }, { "stc", { 0xf9 }, 1, 0, T_BYTE, F_ALL },
    { "cmc", { 0xf5 }, 1, 0, T_BYTE, F_ALL },
    STR("movs", 0xa4, F_ALL), STR("cmps", 0xa6, F_ALL), STR("stos", 0xaa, F_ALL), STR("lods", 0xac, F_ALL),
    STR("scas", 0xae, F_ALL),
};

/* ---- One try ---- */

typedef struct Try {
    uint8_t code[16];
    unsigned len;
    uint32_t flags;          /* compared */
    uint64_t r[16];
    uint64_t rflags;
} Try;

static uint64_t rnd64(void)
{
    return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static unsigned rnd(unsigned n)
{
    return (uint32_t)g_test_rand_int() % n;
}

/* Numbers near the edges are where the errors are. */
static uint64_t interesting(void)
{
    static const uint64_t edges[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000), UINT64_MAX, UINT64_MAX - 1,
    };

    switch (rnd(4)) {
    case 0:
        return edges[rnd(G_N_ELEMENTS(edges))];
    case 1:
        return rnd64() >> rnd(64);
    default:
        return rnd64();
    }
}

static void put(Try *t, uint8_t b)
{
    t->code[t->len++] = b;
}

/* ModRM: a register that is not rsp, or [rbx + disp32]. Returns whether it is memory. */
static bool put_modrm(Try *t, const Template *m, uint8_t rex)
{
    bool mem = (m->kind & T_MEM_ONLY) || (!(m->kind & T_REG_ONLY) && rnd(2));
    unsigned reg = m->kind & T_EXT ? m->ext : rnd(8);
    unsigned rm = mem ? 3 : rnd(8);
    /* Without REX, byte registers 4 to 7 are ah to bh: fine. Otherwise 4 is rsp (or spl): take rbp. */
    bool high = (m->kind & T_BYTE) && !rex;

    if (!high && reg == 4 && !(m->kind & T_EXT) && !(rex & 4)) {
        reg = 5;
    }
    if (!mem && rm == 4 && !high && !(rex & 1)) {
        rm = 5;
    }
    if ((m->kind & T_SMALL) && mem && reg == 3 && !(m->kind & T_EXT)) {
        reg = 2;   /* a bit number must not be the address of the buffer */
    }
    put(t, (uint8_t)((mem ? 0x80 : 0xc0) | reg << 3 | rm));
    if (mem) {
        uint32_t disp = rnd(256);

        for (unsigned i = 0; i < 4; i++) {
            put(t, (uint8_t)(disp >> (i * 8)));
        }
    }
    return mem;
}

/* Shifts and rotates by other than 1 leave OF undefined; wide double shifts of 16 bits leave everything so. */
static void trim_flags(Try *t, const Template *m, bool op16, unsigned count)
{
    bool dbl = m->op[0] == 0x0f;

    if (!(m->kind & T_CL)) {
        return;
    }
    if (count != 1) {
        t->flags &= ~FLAG_OF;
    }
    if (!dbl && (m->ext == 4 || m->ext == 5) && count > (m->kind & T_BYTE ? 8u : op16 ? 16u : 64u)) {
        t->flags &= ~FLAG_CF;
    }
}

static void make_try(Try *t, const Template *m)
{
    bool op16 = !(m->kind & (T_BYTE | T_NO16)) && rnd(3) == 0;
    uint8_t rex = rnd(2) ? (uint8_t)(0x40 | rnd(16)) : 0;
    unsigned count;

    memset(t, 0, sizeof(*t));
    t->flags = m->flags;
    for (unsigned i = 0; i < 16; i++) {
        t->r[i] = m->kind & T_SMALL ? (uint64_t)rnd(64) - 16 : interesting();
    }
    t->r[R_EBX] = BUF + 0x1000 + rnd(16);
    t->rflags = (rnd64() & FLAGS_ARITH) | 0x202;
    if (m->kind & T_SMALL && !strncmp(m->name, "div", 3)) {
        t->r[R_EDX] = rnd(3);
    }
    rex &= m->kind & T_NOREX_W ? 0xf7 : 0xff;
    rex &= m->kind & (T_MODRM | T_BYTE) ? 0xff : 0xf8;   /* fixed registers stay fixed */
    if (m->kind & T_REP) {
        t->r[R_ESI] = BUF + 0x1000 + rnd(64);
        t->r[R_EDI] = BUF + 0x2000 - 32 + rnd(64);
        t->r[R_ECX] = rnd(40);
        t->rflags |= rnd(2) ? FLAG_DF : 0;
        if (rnd(2)) {
            put(t, rnd(2) ? 0xf3 : 0xf2);
        }
        rex &= 0xf8;
    }
    if (op16) {
        put(t, 0x66);
    }
    if (rex) {
        put(t, m->kind & T_MODRM && rex & 2 ? rex & ~2 : rex);
        rex &= ~2;
    }
    for (unsigned i = 0; i < m->op_len; i++) {
        put(t, m->op[i]);
    }
    if (m->kind & T_MODRM) {
        uint8_t eff = rex;

        if (rex & 1) {
            t->r[R_R11] = t->r[R_EBX];   /* rm 3 with REX.B is r11 */
        }
        (void)put_modrm(t, m, eff);
    }
    count = (unsigned)t->r[R_ECX] & 0xff;
    if (m->kind & T_IMM8) {
        count = rnd(256);
        put(t, (uint8_t)count);
    } else if (m->kind & T_IMMZ) {
        bool wide = !op16 || (rex & 8);

        for (unsigned i = 0; i < (wide ? 4 : 2); i++) {
            put(t, (uint8_t)rnd(256));
        }
    }
    trim_flags(t, m, op16 && !(rex & 8), count & ((rex & 8) && !(m->kind & T_BYTE) ? 63 : 31));
}

static uint8_t *buf_native;
static uint8_t *code_native;

/* False: it raises on our side, and would natively. */
static bool run_ours(const Try *t)
{
    uint64_t done, left = 300;
    uint8_t code[sizeof(t->code) + 1];
    CpuExitReason r = CPU_EXIT_BUDGET;

    /* With a hlt behind it: both make a block, which may be run as a whole. */
    memcpy(code, t->code, t->len);
    code[t->len] = 0xf4;
    test_cpu_put(CODE, code, t->len + 1);
    test_cpu_long_mode(CODE);
    memcpy(tc.cpu->regs, t->r, sizeof(t->r));
    cpu_x86_set_rflags(tc.cpu, t->rflags);
    while (r == CPU_EXIT_BUDGET && left-- > 0) {
        bql_unlock();
        r = cpu_x86_exec(tc.cpu, 2, &done);
        bql_lock();
    }
    if (r == CPU_EXIT_RESET) {
        return false;
    }
    g_assert_cmphex(tc.cpu->rip, ==, CODE + t->len + 1);
    return true;
}

static void run_native(const Try *t)
{
    memcpy(code_native, t->code, t->len);
    code_native[t->len] = 0xc3;
    memcpy(native_state.r, t->r, sizeof(t->r));
    native_state.rflags = t->rflags;
    native_state.code = (uintptr_t)code_native;
    native_run();
}

static char *describe(const Template *m, const Try *t)
{
    GString *s = g_string_new(m->name);

    g_string_append(s, ":");
    for (unsigned i = 0; i < t->len; i++) {
        g_string_append_printf(s, " %02x", t->code[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(s, "%sr%u=%" PRIx64, i % 4 ? " " : "\n  ", i, t->r[i]);
    }
    g_string_append_printf(s, " fl=%" PRIx64, t->rflags);
    return g_string_free(s, FALSE);
}

static void compare(const Template *m, const Try *t)
{
    g_autofree char *what = describe(m, t);
    uint64_t ours = cpu_x86_get_rflags(tc.cpu);

    for (unsigned i = 0; i < 16; i++) {
        if (i != R_ESP && tc.cpu->regs[i] != native_state.r[i]) {
            g_error("%s\nregister %u: ours %" PRIx64 " native %" PRIx64, what, i, tc.cpu->regs[i], native_state.r[i]);
        }
    }
    if ((ours ^ native_state.rflags) & (t->flags | FLAG_DF)) {
        g_error("%s\nflags: ours %" PRIx64 " native %" PRIx64 " mask %x", what, ours, native_state.rflags, t->flags);
    }
    if (memcmp(tc.mem + BUF, buf_native, BUF_SIZE) != 0) {
        g_error("%s\nmemory differs", what);
    }
}

static bool is_wide_double_shift(const Template *m, const Try *t)
{
    unsigned count = m->kind & T_IMM8 ? t->code[t->len - 1] : (unsigned)t->r[R_ECX];

    return m->op[0] == 0x0f && (m->kind & T_CL) && t->code[0] == 0x66 && (count & 31) > 16;
}

static void fill_buffers(const Template *m)
{
    for (unsigned b = 0; b < BUF_SIZE; b += 8) {
        st64_le(tc.mem + BUF + b, m->kind & (T_REP | T_SMALL) ? (rnd(4) ? 0 : rnd(64)) : interesting());
    }
}

static void test_template(gconstpointer data)
{
    const Template *m = data;

    for (unsigned i = 0; i < ROUNDS; i++) {
        Try t;

        make_try(&t, m);
        if (is_wide_double_shift(m, &t)) {
            continue;   /* undefined result */
        }
        if (i % FRESH_BUF == 0) {
            fill_buffers(m);
        }
        memcpy(buf_native, tc.mem + BUF, BUF_SIZE);
        if (run_ours(&t)) {
            run_native(&t);
            compare(m, &t);
        }
    }
}

static void map_native(void)
{
    buf_native = mmap((void *)(uintptr_t)BUF, BUF_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    code_native = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(buf_native == (void *)(uintptr_t)BUF && code_native != MAP_FAILED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    map_native();
    for (unsigned i = 0; i < G_N_ELEMENTS(templates); i++) {
        g_autofree char *path = g_strdup_printf("/cpu/exec/%u-%s", i, templates[i].name);

        for (char *p = path + 10; *p; p++) {
            *p = *p == ' ' || *p == ',' ? '-' : *p;
        }
        g_test_add_data_func(path, &templates[i], test_template);
    }
    return test_cpu_run(BUF + 16 * MiB);
}

#else

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("the host is not x86-64: nothing to compare with");
    return 0;
}

#endif
