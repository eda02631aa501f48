/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE4.2: comparison of strings in xmm registers, and crc32.
 *
 * The first string is the destination operand, a set or a needle; the second is searched.
 * Source: SDM volume 2, 4.1 (imm8 control byte); CRC32.
 */
#include "cpu/flags.h"
#include "cpu/sse.h"

enum { AGGREGATE_ANY, AGGREGATE_RANGES, AGGREGATE_EACH, AGGREGATE_ORDERED };

/* Bits of the control byte. */
enum { CTL_WORDS = 1, CTL_SIGNED = 2, CTL_NEGATE = 16, CTL_MASKED = 32, CTL_HIGH = 64 };

typedef struct Strings {
    int a[16], b[16];
    unsigned n;              /* elements in a register */
    unsigned len_a, len_b;   /* valid ones */
} Strings;

static int element(const XmmReg *r, unsigned i, unsigned ctl)
{
    if (ctl & CTL_WORDS) {
        return ctl & CTL_SIGNED ? r->sw[i] : r->w[i];
    }
    return ctl & CTL_SIGNED ? r->sb[i] : r->b[i];
}

static unsigned implicit_length(const int *v, unsigned n)
{
    unsigned i = 0;

    while (i < n && v[i]) {
        i++;
    }
    return i;
}

/* The magnitude of a register, no more than fits. */
static unsigned explicit_length(const X86CPU *cpu, unsigned reg, unsigned size, unsigned n)
{
    int64_t v = sign_extend(cpu->regs[reg], size);
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    return (unsigned)MIN(magnitude, n);
}

static bool matches_any(const Strings *s, int c)
{
    for (unsigned j = 0; j < s->len_a; j++) {
        if (s->a[j] == c) {
            return true;
        }
    }
    return false;
}

static bool in_a_range(const Strings *s, int c)
{
    for (unsigned j = 0; j + 1 < s->len_a; j += 2) {
        if (s->a[j] <= c && c <= s->a[j + 1]) {
            return true;
        }
    }
    return false;
}

/* Does the needle, as far as it fits into the register, start at @at? */
static bool needle_at(const Strings *s, unsigned at)
{
    for (unsigned j = 0; j < s->len_a && at + j < s->n; j++) {
        if (at + j >= s->len_b || s->a[j] != s->b[at + j]) {
            return false;
        }
    }
    return true;
}

static bool element_result(const Strings *s, unsigned i, unsigned ctl)
{
    bool valid = i < s->len_b;

    switch (ctl >> 2 & 3) {
    case AGGREGATE_ANY:
        return valid && matches_any(s, s->b[i]);
    case AGGREGATE_RANGES:
        return valid && in_a_range(s, s->b[i]);
    case AGGREGATE_EACH:
        return valid && i < s->len_a ? s->a[i] == s->b[i] : valid == (i < s->len_a);
    default:
        return needle_at(s, i);
    }
}

/* One bit for each element of the second string, and the flags. */
static unsigned string_result(X86CPU *cpu, const Strings *s, unsigned ctl)
{
    unsigned r = 0;

    for (unsigned i = 0; i < s->n; i++) {
        bool bit = element_result(s, i, ctl);

        if ((ctl & CTL_NEGATE) && (!(ctl & CTL_MASKED) || i < s->len_b)) {
            bit = !bit;
        }
        r |= (unsigned)bit << i;
    }
    cc_set_flags(cpu, (r ? FLAG_CF : 0) | (s->len_b < s->n ? FLAG_ZF : 0) | (s->len_a < s->n ? FLAG_SF : 0) |
                 (r & 1 ? FLAG_OF : 0));
    return r;
}

/* aux is SSE_AUX_LENGTHS when the lengths are in eax and edx. */
static int compare_strings(X86CPU *cpu, const Insn *in, Strings *s)
{
    unsigned ctl = (unsigned)in->imm;
    XmmReg b;

    if (sse_enter(cpu) < 0 || sse_source(cpu, in, SRC_128U, &b) < 0) {
        return RET_FAULT;
    }
    s->n = ctl & CTL_WORDS ? 8 : 16;
    for (unsigned i = 0; i < s->n; i++) {
        s->a[i] = element(&cpu->fpu.xmm[in->rd], i, ctl);
        s->b[i] = element(&b, i, ctl);
    }
    if (in->aux == SSE_AUX_LENGTHS) {
        s->len_a = explicit_length(cpu, R_EAX, in->size, s->n);
        s->len_b = explicit_length(cpu, R_EDX, in->size, s->n);
    } else {
        s->len_a = implicit_length(s->a, s->n);
        s->len_b = implicit_length(s->b, s->n);
    }
    return RET_NEXT;
}

/* pcmpestri, pcmpistri: where the first or last bit is. */
int op_sse_pcmpstri(X86CPU *cpu, const Insn *in)
{
    unsigned r;
    Strings s;

    if (compare_strings(cpu, in, &s) < 0) {
        return RET_FAULT;
    }
    r = string_result(cpu, &s, (unsigned)in->imm);
    if (!r) {
        r = s.n;
    } else {
        r = in->imm & CTL_HIGH ? 31u - (unsigned)__builtin_clz(r) : (unsigned)__builtin_ctz(r);
    }
    reg_wr(cpu, R_ECX * 8, 4, r);
    return RET_NEXT;
}

/* pcmpestrm, pcmpistrm: the bits, or as many whole elements. */
int op_sse_pcmpstrm(X86CPU *cpu, const Insn *in)
{
    XmmReg m = { .q = { 0, 0 } };
    unsigned r;
    Strings s;

    if (compare_strings(cpu, in, &s) < 0) {
        return RET_FAULT;
    }
    r = string_result(cpu, &s, (unsigned)in->imm);
    if (!(in->imm & CTL_HIGH)) {
        m.d[0] = r;
    }
    for (unsigned i = 0; i < 16 && (in->imm & CTL_HIGH); i++) {
        m.b[i] = r >> (i * s.n / 16) & 1 ? 0xff : 0;
    }
    cpu->fpu.xmm[0] = m;
    return RET_NEXT;
}

/* ---- crc32: CRC-32C, bits in reverse; aux is the size of the source ---- */

static uint32_t crc32c_byte(uint32_t crc, uint8_t v)
{
    /* Remainders of the four low bits, by the reversed polynomial 0x82f63b78. */
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    crc ^= v;
    crc = crc >> 4 ^ nibble[crc & 15];
    return crc >> 4 ^ nibble[crc & 15];
}

int op_crc32(X86CPU *cpu, const Insn *in)
{
    uint32_t crc = (uint32_t)cpu->regs[in->rd / 8];
    uint64_t v;

    if (in->flags & IF_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), in->aux, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        v = reg_rd(cpu, in->rs, in->aux);
    }
    for (unsigned i = 0; i < in->aux; i++) {
        crc = crc32c_byte(crc, (uint8_t)(v >> (i * 8)));
    }
    reg_wr(cpu, in->rd, 8, crc);
    return RET_NEXT;
}
