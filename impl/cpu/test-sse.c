/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: every MMX and SSE instruction computes what the host's processor computes: registers, memory, flags, MXCSR,
 * and whether it faults.
 * Method: random operands and encodings of each template are run natively and on our processor, and compared bit by
 * bit. A native fault is caught and compared as such, with the state it leaves.
 * GLib prints the seed; run with `--seed R02S...` to repeat a failure.
 */
#include "cpu/test-sse.h"

#include "cpu/test-cpu.h"

#if defined(__x86_64__)

#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "cpu/insn.h"

enum {
    BUF = 0x10000000,        /* guest-physical and host address of the memory operand's page */
    BUF_SIZE = 0x4000,
    BUF_USED = 0x1000,       /* where operands are */
    CODE = 0x1000,
    ROUNDS = 150,            /* per template */
    FX_SIZE = 512,
};

/* In the order of encoding; used by the assembly below. */
typedef struct NativeState {
    uint64_t r[16];
    uint64_t rflags;
    uint64_t code;
    uint64_t saved_rsp;
    uint64_t fault;          /* signal, 0 none */
    uint8_t fx[FX_SIZE] __attribute__((aligned(64)));
} NativeState;
G_STATIC_ASSERT(offsetof(NativeState, fx) == 192);

extern NativeState sse_native;
void sse_native_run(void);
NativeState sse_native;

/* Load registers, flags and the image, call the code, store them. */
__asm__(
    ".text\n"
    ".globl sse_native_run\n"
    "sse_native_run:\n"
    "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "    mov %rsp, sse_native+144(%rip)\n"
    "    fxrstor64 sse_native+192(%rip)\n"
    "    pushq sse_native+128(%rip)\n"
    "    popfq\n"
    "    mov sse_native+0(%rip), %rax\n"
    "    mov sse_native+8(%rip), %rcx\n"
    "    mov sse_native+16(%rip), %rdx\n"
    "    mov sse_native+24(%rip), %rbx\n"
    "    mov sse_native+40(%rip), %rbp\n"
    "    mov sse_native+48(%rip), %rsi\n"
    "    mov sse_native+56(%rip), %rdi\n"
    "    mov sse_native+64(%rip), %r8\n"
    "    mov sse_native+72(%rip), %r9\n"
    "    mov sse_native+80(%rip), %r10\n"
    "    mov sse_native+88(%rip), %r11\n"
    "    mov sse_native+96(%rip), %r12\n"
    "    mov sse_native+104(%rip), %r13\n"
    "    mov sse_native+112(%rip), %r14\n"
    "    mov sse_native+120(%rip), %r15\n"
    "    call *sse_native+136(%rip)\n"
    "    mov %rax, sse_native+0(%rip)\n"
    "    mov %rcx, sse_native+8(%rip)\n"
    "    mov %rdx, sse_native+16(%rip)\n"
    "    mov %rbx, sse_native+24(%rip)\n"
    "    mov %rbp, sse_native+40(%rip)\n"
    "    mov %rsi, sse_native+48(%rip)\n"
    "    mov %rdi, sse_native+56(%rip)\n"
    "    mov %r8, sse_native+64(%rip)\n"
    "    mov %r9, sse_native+72(%rip)\n"
    "    mov %r10, sse_native+80(%rip)\n"
    "    mov %r11, sse_native+88(%rip)\n"
    "    mov %r12, sse_native+96(%rip)\n"
    "    mov %r13, sse_native+104(%rip)\n"
    "    mov %r14, sse_native+112(%rip)\n"
    "    mov %r15, sse_native+120(%rip)\n"
    "    pushfq\n"
    "    popq sse_native+128(%rip)\n"
    "    fxsave64 sse_native+192(%rip)\n"
    "    fninit\n"
    "    push $0x1f80\n"
    "    ldmxcsr (%rsp)\n"
    "    mov sse_native+144(%rip), %rsp\n"
    "    cld\n"
    "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "    ret\n");

static uint8_t *buf_native;
static uint8_t *code_native;

/* ---- One try ---- */

typedef struct Try {
    const SseTemplate *m;
    uint8_t code[24];
    unsigned len;
    uint64_t r[16];
    uint64_t rflags;
    uint8_t fx[FX_SIZE];
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
static uint64_t rnd_int(void)
{
    static const uint64_t edges[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000), UINT64_MAX, UINT64_C(0x8000800080008000),
        UINT64_C(0x8000000080000000), UINT64_C(0x8080808080808080), UINT64_C(0x7fff7fff7fff7fff),
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

static uint32_t rnd_f32(void)
{
    static const uint32_t edges[] = {
        0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff, 0xff7fffff, 0x7f800000,
        0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0xffa00000, 0x3f800000, 0xbf800000, 0x3f000000, 0x40490fdb,
        0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0xdf000000, 0x4b000001, 0x3fc00000, 0x40200000,
    };

    switch (rnd(4)) {
    case 0:
        return edges[rnd(G_N_ELEMENTS(edges))];
    case 1:
        return (uint32_t)rnd64();
    default:
        return ((uint32_t)rnd64() & 0x807fffff) | (0x3f800000 + (rnd(64) - 32) * 0x800000);
    }
}

static uint64_t rnd_f64(void)
{
    static const uint64_t edges[] = {
        0, 0x8000000000000000, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff,
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001,
        0xfff4000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x41e0000000000000, 0xc1e0000000000000,
        0x43e0000000000000, 0xc3e0000000000000, 0x41dfffffffe00000, 0x47efffffe0000000, 0x47effffff0000000,
        0x36a0000000000000, 0x3690000000000000, 0x3ff8000000000000, 0x4004000000000000, 0x380fffffffffffff,
    };

    switch (rnd(4)) {
    case 0:
        return edges[rnd(G_N_ELEMENTS(edges))];
    case 1:
        return rnd64();
    default:
        return (rnd64() & 0x800fffffffffffff) | (uint64_t)(1023 + (int)rnd(140) - 70) << 52;
    }
}

static uint64_t rnd_data(const SseTemplate *m)
{
    if (m->kind & T_F32) {
        return (uint64_t)rnd_f32() << 32 | rnd_f32();
    }
    if (m->kind & T_TEXT) {
        return rnd64() & 0x0303030303030303;
    }
    return m->kind & T_F64 ? rnd_f64() : m->kind & T_COUNT && rnd(3) ? rnd(70) : rnd_int();
}

static void put(Try *t, unsigned b)
{
    t->code[t->len++] = (uint8_t)b;
}

/* ModRM: registers, or [rbx + disp32]. General registers are never rsp. */
static void put_modrm(Try *t, unsigned rex, int ext)
{
    const SseTemplate *m = t->m;
    bool mem = (m->kind & T_MEM) || (!(m->kind & T_REG) && rnd(2));
    unsigned reg = ext >= 0 ? (unsigned)ext : rnd(8);
    unsigned rm = mem ? 3 : rnd(8);
    unsigned disp = rnd(256);

    if ((m->kind & T_GREG) && reg == 4 && !(rex & 4)) {
        reg = 5;
    }
    if ((m->kind & T_GRM) && !mem && rm == 4 && !(rex & 1)) {
        rm = 5;
    }
    put(t, (mem ? 0x80 : 0xc0) | reg << 3 | rm);
    if (mem) {
        disp &= rnd(8) || (m->kind & T_ALIGNED) ? ~15u : ~0u;
        for (unsigned i = 0; i < 4; i++) {
            put(t, disp >> (i * 8) & 0xff);
        }
        if (m->kind & T_FX) {
            /* An image that can be loaded: no pending exception, MXCSR without reserved bits. */
            uint8_t *p = tc.mem + BUF + BUF_USED + disp;

            memcpy(p, t->fx, FX_SIZE);
            st16_le(p + 2, (uint16_t)(rnd(8) << 11));
            memset(p + 6, 0, 18);
            st64_le(p + 160 + rnd(32) * 8, rnd64());
        }
    }
}

/* Prefixes, escape and opcode as written; "/n" an extension, "/r" any, "ib" an immediate byte. */
static void encode(Try *t)
{
    g_auto(GStrv) parts = g_strsplit(t->m->bytes, " ", -1);
    unsigned rex = rnd(2) ? 0x40 | rnd(16) : 0;
    char **p = parts;

    if (t->m->kind & T_FX) {
        rex |= 0x48;
    }
    for (; !strcmp(*p, "66") || !strcmp(*p, "f2") || !strcmp(*p, "f3"); p++) {
        put(t, (unsigned)g_ascii_strtoull(*p, NULL, 16));
    }
    if (rex) {
        put(t, rex);
    }
    for (; *p; p++) {
        if (!strcmp(*p, "/r")) {
            put_modrm(t, rex, -1);
        } else if (**p == '/') {
            put_modrm(t, rex, (*p)[1] - '0');
        } else if (!strcmp(*p, "ib")) {
            put(t, t->m->kind & T_COUNT ? rnd(70) : rnd(256));
        } else {
            put(t, (unsigned)g_ascii_strtoull(*p, NULL, 16));
        }
    }
}

static void make_try(Try *t, const SseTemplate *m)
{
    memset(t, 0, sizeof(*t));
    t->m = m;
    for (unsigned i = 0; i < 16; i++) {
        t->r[i] = m->kind & T_TEXT ? rnd(40) - 20 : rnd_int();
        st64_le(t->fx + 160 + i * 16, rnd_data(m));
        st64_le(t->fx + 168 + i * 16, rnd_data(m));
    }
    for (unsigned i = 0; i < 8; i++) {
        st64_le(t->fx + 32 + i * 16, rnd_data(m));
        st16_le(t->fx + 40 + i * 16, (uint16_t)rnd64());
    }
    t->r[R_EBX] = t->r[R_R11] = BUF + BUF_USED;
    t->r[R_EDI] = BUF + BUF_USED + rnd(64);
    t->rflags = (rnd64() & FLAGS_ARITH) | 0x202;
    st16_le(t->fx, 0x37f);
    st16_le(t->fx + 2, (uint16_t)(rnd(8) << 11));
    t->fx[4] = (uint8_t)rnd(256);
    st32_le(t->fx + 24, ((uint32_t)rnd64() & 0xe07f) | (rnd(4) ? 0x1f80 : (uint32_t)rnd64() & 0x1f80));
    if (rnd(2)) {
        st32_le(t->fx + 24, ld32_le(t->fx + 24) & ~0x8040u);
    }
    encode(t);
}

/* ---- Running ---- */

/* False: it faults. */
static bool run_ours(const Try *t)
{
    X86CPU *cpu = tc.cpu;
    CpuExitReason r;
    uint64_t done;

    test_cpu_put(CODE, t->code, t->len);
    test_cpu_long_mode(CODE);
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    memcpy(cpu->regs, t->r, sizeof(t->r));
    cpu_x86_set_rflags(cpu, t->rflags);
    x87_from_fxsave(&cpu->fpu, t->fx, true);
    cpu->fpu.mxcsr = ld32_le(t->fx + 24);
    memcpy(cpu->fpu.xmm, t->fx + 160, sizeof(cpu->fpu.xmm));
    bql_unlock();
    r = cpu_x86_exec(cpu, 1, &done);
    bql_lock();
    if (r != CPU_EXIT_RESET) {
        g_assert_cmphex(cpu->rip, ==, CODE + t->len);
    }
    return r != CPU_EXIT_RESET;
}

/* Go on at the ret behind the code. */
static void native_fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    sse_native.fault = (uint64_t)sig;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(code_native + 32);
}

static void run_native(const Try *t)
{
    memcpy(code_native, t->code, t->len);
    code_native[t->len] = 0xc3;
    code_native[32] = 0xc3;
    memcpy(sse_native.r, t->r, sizeof(t->r));
    memcpy(sse_native.fx, t->fx, FX_SIZE);
    sse_native.rflags = t->rflags;
    sse_native.code = (uintptr_t)code_native;
    sse_native.fault = 0;
    sse_native_run();
}

/* ---- Comparing ---- */

static char *describe(const Try *t)
{
    GString *s = g_string_new(t->m->name);

    g_string_append(s, ":");
    for (unsigned i = 0; i < t->len; i++) {
        g_string_append_printf(s, " %02x", t->code[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(s, "\n  r%u=%" PRIx64 " xmm%u=%016" PRIx64 " %016" PRIx64, i, t->r[i], i,
                               ld64_le(t->fx + 168 + i * 16), ld64_le(t->fx + 160 + i * 16));
    }
    for (unsigned i = 0; i < 8; i++) {
        g_string_append_printf(s, "\n  mm%u=%016" PRIx64, i, ld64_le(t->fx + 32 + i * 16));
    }
    g_string_append_printf(s, "\n  fl=%" PRIx64 " mxcsr=%x native fault %" PRIu64, t->rflags, ld32_le(t->fx + 24),
                           sse_native.fault);
    return g_string_free(s, FALSE);
}

/* rcpps and the like: as near as the manual asks, and exact where there is nothing to round. */
static bool near_enough(const uint8_t *ours, const uint8_t *native)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t a = ld32_le(ours + i * 4), b = ld32_le(native + i * 4);
        float x, y;

        memcpy(&x, &a, 4);
        memcpy(&y, &b, 4);
        if (a != b && !(isfinite(x) && isfinite(y) && fabsf(x - y) <= fabsf(y) / 1024 + 2.4e-38f)) {
            return false;
        }
    }
    return true;
}

static bool xmm_agrees(const SseTemplate *m, const uint8_t *ours, const uint8_t *native)
{
    return !memcmp(ours, native, 16) || ((m->kind & T_NEAR) && near_enough(ours, native));
}

static void compare_image(const Try *t, const char *what)
{
    uint8_t ours[FX_SIZE] = { 0 };
    const uint8_t *native = sse_native.fx;

    x87_to_fxsave(&tc.cpu->fpu, ours, true);
    for (unsigned at = 0; at < 160; at += 2) {
        bool compared = at < 6 || (at >= 32 && (at & 15) < 10);   /* not the pointers and MXCSR */

        if (compared && ld16_le(ours + at) != ld16_le(native + at)) {
            g_error("%s\nx87 image at %u: ours %x native %x", what, at, ld16_le(ours + at), ld16_le(native + at));
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *n = native + 160 + i * 16, *o = tc.cpu->fpu.xmm[i].b;

        if (!xmm_agrees(t->m, o, n)) {
            g_error("%s\nxmm%u: ours %016" PRIx64 " %016" PRIx64 " native %016" PRIx64 " %016" PRIx64, what, i,
                    ld64_le(o + 8), ld64_le(o), ld64_le(n + 8), ld64_le(n));
        }
    }
    if (tc.cpu->fpu.mxcsr != ld32_le(native + 24)) {
        g_error("%s\nmxcsr: ours %x native %x", what, tc.cpu->fpu.mxcsr, ld32_le(native + 24));
    }
}

static void compare(const Try *t, bool ok)
{
    g_autofree char *what = describe(t);
    uint64_t ours = cpu_x86_get_rflags(tc.cpu);

    if (ok != !sse_native.fault) {
        g_error("%s\n%s", what, ok ? "only the host faults" : "only we fault");
    }
    for (unsigned i = 0; i < 16; i++) {
        if (i != R_ESP && tc.cpu->regs[i] != sse_native.r[i]) {
            g_error("%s\nregister %u: ours %" PRIx64 " native %" PRIx64, what, i, tc.cpu->regs[i], sse_native.r[i]);
        }
    }
    if (ok && ((ours ^ sse_native.rflags) & FLAGS_ARITH)) {
        g_error("%s\nflags: ours %" PRIx64 " native %" PRIx64, what, ours, sse_native.rflags);
    }
    compare_image(t, what);
    for (unsigned i = 0; i < BUF_SIZE; i += 8) {
        uint64_t o = ld64_le(tc.mem + BUF + i), n = ld64_le(buf_native + i);

        if (o != n && !(t->m->kind & T_FX)) {
            g_error("%s\nmemory at %x: ours %016" PRIx64 " native %016" PRIx64, what, BUF + i, o, n);
        }
    }
}

static void test_template(gconstpointer data)
{
    const SseTemplate *m = data;

    for (unsigned i = 0; i < ROUNDS; i++) {
        Try t;

        for (unsigned b = 0; i % 8 == 0 && b < 0x200; b += 8) {
            st64_le(tc.mem + BUF + BUF_USED + b, rnd_data(m));
        }
        make_try(&t, m);
        memcpy(buf_native, tc.mem + BUF, BUF_SIZE);
        run_native(&t);
        if (sse_native.fault == SIGILL) {
            g_test_skip("the host does not have it");
            return;
        }
        compare(&t, run_ours(&t));
    }
}

static void map_native(void)
{
    struct sigaction sa = { .sa_sigaction = native_fault, .sa_flags = SA_SIGINFO };

    buf_native = mmap((void *)(uintptr_t)BUF, BUF_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    code_native = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(buf_native == (void *)(uintptr_t)BUF && code_native != MAP_FAILED);
    g_assert_cmpint(sigaction(SIGFPE, &sa, NULL), ==, 0);
    g_assert_cmpint(sigaction(SIGSEGV, &sa, NULL), ==, 0);
    g_assert_cmpint(sigaction(SIGILL, &sa, NULL), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    map_native();
    for (unsigned i = 0; i < G_N_ELEMENTS(sse_templates); i++) {
        g_autofree char *path = g_strdup_printf("/cpu/sse/%s/%u", sse_templates[i].name, i);

        g_test_add_data_func(path, &sse_templates[i], test_template);
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
