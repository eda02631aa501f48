/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: random instruction sequences on the host's processor and on ours.
 *
 * A difference in registers, flags, memory or the exception is cut down to as few instructions as still show it, and
 * printed with the seed of its case. Only on x86-64 hosts; elsewhere it says so and exits with 77.
 */
#include "cpu/test-native.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/bytes.h"
#include "cpu/insn.h"
#include "sched/sched.h"

enum { EXIT_SKIPPED = 77, EXIT_DIFFERENT = 1, EXIT_USAGE = 2 };

static struct {
    uint64_t seed;
    uint64_t count;          /* cases, 0: no limit */
    uint64_t seconds;        /* 0: no limit */
    uint64_t failures;       /* stop after that many */
    unsigned repeat;         /* runs of each case on our processor: translated code takes over after some */
    NativeChoice choice;
} opt = { .failures = 1, .repeat = 1, .choice = { .classes = (1u << CLASS__COUNT) - 1, .bits = 64 } };

static const char *const class_names[CLASS__COUNT] = { "int", "x87", "mmx", "sse" };

/* ---- Comparing ---- */

static const char *const gpr_names[16] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

typedef struct Difference {
    GString *text;
    bool found;
} Difference;

static void G_GNUC_PRINTF(2, 3) differs(Difference *d, const char *fmt, ...)
{
    va_list ap;

    d->found = true;
    if (d->text) {
        va_start(ap, fmt);
        g_string_append(d->text, "  ");
        g_string_append_vprintf(d->text, fmt, ap);
        g_string_append_c(d->text, '\n');
        va_end(ap);
    }
}

static void compare_number(Difference *d, const char *name, uint64_t before, uint64_t native, uint64_t ours)
{
    if (native != ours) {
        differs(d, "%-6s before %016" G_GINT64_MODIFIER "x native %016" G_GINT64_MODIFIER "x ours %016"
                G_GINT64_MODIFIER "x", name, before, native, ours);
    }
}

static void compare_bytes(Difference *d, const char *name, const uint8_t *before, const uint8_t *native,
                          const uint8_t *ours, unsigned len)
{
    if (memcmp(native, ours, len) == 0) {
        return;
    }
    d->found = true;
    if (!d->text) {
        return;
    }
    for (unsigned which = 0; which < 3; which++) {
        const uint8_t *p = which == 0 ? before : which == 1 ? native : ours;

        g_string_append_printf(d->text, "  %-6s %s ", name, which == 0 ? "before" : which == 1 ? "native" : "ours  ");
        for (unsigned i = len; i-- > 0;) {
            g_string_append_printf(d->text, "%02x", p[i]);
        }
        g_string_append_c(d->text, '\n');
    }
}

static void compare_fx(Difference *d, const uint8_t *before, const uint8_t *native, const uint8_t *ours)
{
    char name[16];

    compare_number(d, "fcw", ld16_le(before), ld16_le(native), ld16_le(ours));
    compare_number(d, "fsw", ld16_le(before + 2), ld16_le(native + 2), ld16_le(ours + 2));
    compare_number(d, "ftw", before[4], native[4], ours[4]);
    compare_number(d, "mxcsr", ld32_le(before + 24), ld32_le(native + 24), ld32_le(ours + 24));
    for (unsigned i = 0; i < 8; i++) {
        (void)g_snprintf(name, sizeof(name), "st%u", i);
        compare_bytes(d, name, before + 32 + i * 16, native + 32 + i * 16, ours + 32 + i * 16, 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        (void)g_snprintf(name, sizeof(name), "xmm%u", i);
        compare_bytes(d, name, before + 160 + i * 16, native + 160 + i * 16, ours + 160 + i * 16, 16);
    }
}

static void compare_memory(Difference *d, const char *name, const uint8_t *before, const uint8_t *native,
                           const uint8_t *ours, unsigned len)
{
    for (unsigned i = 0; i < len; i += 8) {
        if (memcmp(native + i, ours + i, 8) != 0) {
            char where[16];

            (void)g_snprintf(where, sizeof(where), "%s+%x", name, i);
            compare_number(d, where, ld64_le(before + i), ld64_le(native + i), ld64_le(ours + i));
        }
    }
}

/* Run the sequence on both and say what differs, in words if @text is not NULL. */
static bool case_differs(const NativeSeq *seq, const NativeCase *start, GString *text)
{
    static NativeCase native, ours;
    uint8_t code[CODE_SIZE];
    unsigned starts[MAX_ITEMS + 1], len = native_emit(seq, code, starts), done = 0;
    Difference d = { .text = text };
    uint32_t mask;

    native = *start;
    native_run(code, len, seq->bits, &native);
    for (unsigned i = 0; i < opt.repeat; i++) {
        ours = *start;
        ours_run(code, len, seq->bits, &ours);
    }
    while (done < seq->n && CODE_BASE + starts[done] + seq->items[done].insn_off < native.regs.rip) {
        done++;
    }
    mask = (FLAGS_ARITH | FLAG_DF) & ~native_tainted(seq, done);
    compare_number(&d, "vector", 0, (uint64_t)native.regs.vector, (uint64_t)ours.regs.vector);
    compare_number(&d, "rip", start->regs.rip, native.regs.rip, ours.regs.rip);
    if (native.regs.vector == EXC_PF) {
        uint64_t bytes = done < seq->n && seq->items[done].wide ? ~UINT64_C(0xfff) : UINT64_MAX;

        compare_number(&d, "cr2", 0, native.regs.cr2 & bytes, ours.regs.cr2 & bytes);
    }
    compare_number(&d, "flags", start->regs.rflags & mask, native.regs.rflags & mask, ours.regs.rflags & mask);
    for (unsigned i = 0; i < 16; i++) {
        /* Upper halves are undefined after 32-bit code. */
        uint64_t bits = seq->bits == 32 && i < 8 ? 0xffffffffu : UINT64_MAX;

        compare_number(&d, gpr_names[i], start->regs.gpr[i], native.regs.gpr[i] & bits, ours.regs.gpr[i] & bits);
    }
    if (native.regs.vector == EXC_PF && done < seq->n && seq->items[done].mmx) {
        memcpy(ours.regs.fx, native.regs.fx, 160);
    }
    compare_fx(&d, start->regs.fx, native.regs.fx, ours.regs.fx);
    compare_memory(&d, "data", start->mem.data, native.mem.data, ours.mem.data, DATA_SIZE);
    compare_memory(&d, "stack", start->mem.stack, native.mem.stack, ours.mem.stack, STACK_SIZE);
    return d.found;
}

/* Leave out one instruction after the other as long as a difference stays. */
static void minimise(NativeSeq *seq, const NativeCase *start)
{
    for (unsigned i = seq->n; i-- > 0;) {
        NativeSeq less = *seq;

        memmove(&less.items[i], &less.items[i + 1], (less.n - i - 1) * sizeof(NativeItem));
        less.n--;
        if (less.n && case_differs(&less, start, NULL)) {
            *seq = less;
        }
    }
}

static void report(NativeSeq *seq, const NativeCase *start, uint64_t seed)
{
    GString *text = g_string_new(NULL);

    minimise(seq, start);
    g_string_append_printf(text, "Difference with --bits %u --seed %" G_GUINT64_FORMAT " --count 1:\n", seq->bits,
                           seed);
    native_describe(seq, text);
    g_string_append_printf(text, "  flags before %x, fcw %x, fsw %x, mxcsr %x\n", (unsigned)start->regs.rflags,
                           ld16_le(start->regs.fx), ld16_le(start->regs.fx + 2), ld32_le(start->regs.fx + 24));
    (void)case_differs(seq, start, text);   /* for the text */
    (void)fputs(text->str, stdout);
    (void)fflush(stdout);
    g_string_free(text, TRUE);
}

/* ---- The loop ---- */

static int fuzz(void *opaque)
{
    static NativeSeq seq;
    static NativeCase start;
    time_t end = time(NULL) + (time_t)opt.seconds;
    uint64_t cases = 0, failures = 0;
    GString *missing = g_string_new(NULL);

    ours_init();
    native_init();
    while ((!opt.count || cases < opt.count) && (!opt.seconds || time(NULL) < end) && failures < opt.failures) {
        uint64_t seed = opt.seed + cases++;

        rnd_seed(seed);
        native_gen_state(&start, opt.choice.bits);
        native_gen_sequence(&seq, &opt.choice);
        if (case_differs(&seq, &start, NULL)) {
            failures++;
            report(&seq, &start, seed);
        }
    }
    native_missing(missing);
    if (missing->len) {
        printf("not in our processor:%s\n", missing->str);
    }
    printf("%" G_GUINT64_FORMAT " cases, %" G_GUINT64_FORMAT " differences\n", cases, failures);
    g_string_free(missing, TRUE);
    ours_cleanup();
    return failures ? EXIT_DIFFERENT : 0;
}

/* ---- Options ---- */

static const char help[] =
    "Usage: rondo-cpu-fuzz [options]\n"
    "Run random instructions on the host's processor and on Rondo's, and compare.\n"
    "  --seed N       first case; each case has a seed of its own, counting up (default: random)\n"
    "  --count N      cases to run\n"
    "  --seconds N    time to run (default: 10, unless --count is given)\n"
    "  --only WHAT    int, x87, mmx, sse, or the name of one instruction\n"
    "  --bits N       64 or 32: the kind of code (default: 64)\n"
    "  --failures N   go on until that many differences (default: 1)\n"
    "  --repeat N     run each case N times on ours and compare the last (default: 1)\n"
    "  --help         this text\n"
    "Exit status: 0 no difference, 1 a difference, 2 wrong usage, 77 not an x86-64 host.\n";

static bool number(const char *s, uint64_t *ret)
{
    return s && g_ascii_string_to_unsigned(s, 10, 0, G_MAXUINT64, ret, NULL);
}

static bool set_only(const char *what)
{
    if (!what) {
        return false;
    }
    for (unsigned i = 0; i < CLASS__COUNT; i++) {
        if (strcmp(what, class_names[i]) == 0) {
            opt.choice.classes = 1u << i;
            return true;
        }
    }
    opt.choice.mnemonic = what;
    return true;
}

static bool set_option(const char *name, const char *value)
{
    uint64_t n;

    if (strcmp(name, "--only") == 0) {
        return set_only(value);
    }
    if (!number(value, &n)) {
        return false;
    }
    if (strcmp(name, "--seed") == 0) {
        opt.seed = n;
    } else if (strcmp(name, "--count") == 0) {
        opt.count = n;
    } else if (strcmp(name, "--seconds") == 0) {
        opt.seconds = n;
    } else if (strcmp(name, "--failures") == 0) {
        opt.failures = n;
    } else if (strcmp(name, "--bits") == 0 && (n == 32 || n == 64)) {
        opt.choice.bits = (unsigned)n;
    } else if (strcmp(name, "--repeat") == 0 && n >= 1 && n <= 100000) {
        opt.repeat = (unsigned)n;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (getrandom(&opt.seed, 4, 0) < 0) {
        opt.seed = 1;
    }
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("%s", help);
            return 0;
        }
        if (!set_option(argv[i], argv[i + 1])) {
            fprintf(stderr, "rondo-cpu-fuzz: %s: bad option or value\n%s", argv[i], help);
            return EXIT_USAGE;
        }
    }
    if (!native_supported()) {
        printf("rondo-cpu-fuzz: compares with the host's processor, which is not an x86-64\n");
        return EXIT_SKIPPED;
    }
    if (!opt.count && !opt.seconds) {
        opt.seconds = 10;
    }
    printf("seed %" G_GUINT64_FORMAT "\n", opt.seed);
    (void)fflush(stdout);
    return sched_main(fuzz, NULL);
}
