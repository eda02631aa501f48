/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions, with and without rep.
 *
 * A repeated instruction is done in parts: one call handles at most STRING_PART elements, and if more remain it
 * leaves rip where it is, so that interrupts and budgets are looked at in between (the manual's model too).
 * Where a part lies in plain RAM on both sides it is a copy or a fill of host memory.
 *
 * I1  After every element rcx, rsi and rdi say what is done; a fault in the middle loses nothing.
 * Source: SDM volume 2, REP/REPE/REPZ/REPNE/REPNZ.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"

#include "mem/memory.h"

enum { STRING_PART = 4096 };

typedef struct Str {
    uint64_t amask;      /* address size */
    int64_t step;
    bool rep;
    uint64_t count;      /* elements to do in this part */
} Str;

static uint64_t get_areg(const X86CPU *cpu, const Str *s, unsigned reg)
{
    return cpu->regs[reg] & s->amask;
}

/* With 16-bit addresses the upper part of the register survives. */
static void set_areg(X86CPU *cpu, const Str *s, unsigned reg, uint64_t v)
{
    if (s->amask == 0xffff) {
        *REGP(uint16_t, reg * 8) = (uint16_t)v;
    } else {
        cpu->regs[reg] = v & s->amask;
    }
}

/* False: nothing to do at all. */
static bool str_begin(X86CPU *cpu, const Insn *in, Str *s)
{
    s->amask = UINT64_MAX >> in->ashift;
    s->step = cpu->eflags & FLAG_DF ? -(int64_t)in->size : in->size;
    s->rep = in->flags & (IF_REP | IF_REPNE);
    s->count = 1;
    if (s->rep) {
        uint64_t left = get_areg(cpu, s, R_ECX);

        if (left == 0) {
            return false;
        }
        s->count = MIN(left, STRING_PART);
    }
    return true;
}

static void str_advance(X86CPU *cpu, const Str *s, unsigned reg, uint64_t n)
{
    set_areg(cpu, s, reg, get_areg(cpu, s, reg) + (uint64_t)s->step * n);
}

static void str_counted(X86CPU *cpu, const Str *s, uint64_t n)
{
    if (s->rep) {
        set_areg(cpu, s, R_ECX, get_areg(cpu, s, R_ECX) - n);
    }
}

/* End of a part: go on with the next instruction or with this one again. */
static int str_end(X86CPU *cpu, const Insn *in, const Str *s, bool done, int r)
{
    if (!s->rep || done || get_areg(cpu, s, R_ECX) == 0) {
        return r;
    }
    cpu->rip = insn_rip(cpu, in);
    return RET_JUMP;
}

/*
 * Host memory for up to *@n elements from @off on, when they rise and lie in one page of RAM; else NULL.
 * Segment limits are checked for the whole run.
 */
static uint8_t *str_host(X86CPU *cpu, const Str *s, unsigned seg, uint64_t off, unsigned size, uint64_t *n, bool write,
                         TlbEntry **e)
{
    uint64_t end = write ? cpu->seg_end_write[seg] : cpu->seg_end_read[seg];
    uint64_t lin, in_page;

    if (s->step < 0) {
        return NULL;
    }
    lin = (off + cpu->seg_base[seg]) & cpu->lin_mask;
    in_page = (4096 - PAGE_OFFSET(lin)) / size;
    *n = MIN(*n, in_page);
    if (*n == 0 || off + *n * size > end || off + *n * size < off || off + *n * size - 1 > s->amask) {
        return NULL;
    }
    return mmu_host(cpu, lin, size, write, e);
}

static int store_done(TlbEntry *e, uint8_t before)
{
    __atomic_store_n(e->dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    return before & DIRTY_MEMORY_CODE_BIT ? RET_NEXT : RET_LEAVE;
}

/* Overlapping moves forward repeat a pattern, which memmove would not. */
static void copy_forward(uint8_t *dst, const uint8_t *src, uint64_t len, unsigned size)
{
    uintptr_t distance = (uintptr_t)dst - (uintptr_t)src;

    if (distance >= len) {
        memmove(dst, src, len);
        return;
    }
    for (uint64_t i = 0; i < len; i += size) {
        memmove(dst + i, src + i, size);
    }
}

int op_movs(X86CPU *cpu, const Insn *in)
{
    Str s;
    int r = RET_NEXT;

    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    while (s.count && r == RET_NEXT) {
        uint64_t si = get_areg(cpu, &s, R_ESI), di = get_areg(cpu, &s, R_EDI), n = s.count, v;
        TlbEntry *se, *de;
        const uint8_t *src = str_host(cpu, &s, in->seg, si, in->size, &n, false, &se);
        uint8_t *dst = src ? str_host(cpu, &s, R_ES, di, in->size, &n, true, &de) : NULL;

        if (dst) {
            uint8_t before = __atomic_load_n(de->dirty, __ATOMIC_RELAXED);

            copy_forward(dst, src, n * in->size, in->size);
            r = store_done(de, before);
        } else {
            n = 1;
            if (cpu_ld(cpu, in->seg, si, in->size, &v) < 0) {
                return RET_FAULT;
            }
            r = cpu_st(cpu, R_ES, di, in->size, v);
            if (r < 0) {
                return r;
            }
        }
        str_advance(cpu, &s, R_ESI, n);
        str_advance(cpu, &s, R_EDI, n);
        str_counted(cpu, &s, n);
        s.count -= n;
    }
    return str_end(cpu, in, &s, false, r);
}

static void fill(uint8_t *dst, uint64_t v, uint64_t n, unsigned size)
{
    uint64_t byte = v & 0xff;

    if (v == (byte * UINT64_C(0x0101010101010101) & size_bits_mask(size))) {
        memset(dst, (int)byte, n * size);   /* zeroes, nearly always */
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        memcpy(dst + i * size, &v, size);
    }
}

int op_stos(X86CPU *cpu, const Insn *in)
{
    uint64_t v = reg_rd(cpu, R_EAX * 8, in->size);
    Str s;
    int r = RET_NEXT;

    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    while (s.count && r == RET_NEXT) {
        uint64_t di = get_areg(cpu, &s, R_EDI), n = s.count;
        TlbEntry *e;
        uint8_t *dst = str_host(cpu, &s, R_ES, di, in->size, &n, true, &e);

        if (dst) {
            uint8_t before = __atomic_load_n(e->dirty, __ATOMIC_RELAXED);

            fill(dst, v, n, in->size);
            r = store_done(e, before);
        } else {
            n = 1;
            r = cpu_st(cpu, R_ES, di, in->size, v);
            if (r < 0) {
                return r;
            }
        }
        str_advance(cpu, &s, R_EDI, n);
        str_counted(cpu, &s, n);
        s.count -= n;
    }
    return str_end(cpu, in, &s, false, r);
}

int op_lods(X86CPU *cpu, const Insn *in)
{
    Str s;

    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    for (; s.count; s.count--) {
        uint64_t v;

        if (cpu_ld(cpu, in->seg, get_areg(cpu, &s, R_ESI), in->size, &v) < 0) {
            return RET_FAULT;
        }
        reg_wr(cpu, R_EAX * 8, in->size, v);
        str_advance(cpu, &s, R_ESI, 1);
        str_counted(cpu, &s, 1);
    }
    return str_end(cpu, in, &s, false, RET_NEXT);
}

static uint32_t log2_size(unsigned size)
{
    return (uint32_t)__builtin_ctz(size);
}

/* repe goes on while equal, repne while not. */
static bool str_stop(const Insn *in, bool equal)
{
    return in->flags & IF_REPNE ? equal : !equal;
}

/* Flags are those of the last comparison; a fault on the way leaves the ones from before the instruction. */
static void str_compared(X86CPU *cpu, const Insn *in, uint64_t a, uint64_t b)
{
    cc_set(cpu, CC_OP(CC_SUB, log2_size(in->size)), (a - b) & size_bits_mask(in->size), b);
}

int op_cmps(X86CPU *cpu, const Insn *in)
{
    uint64_t a = 0, b = 0;
    bool stop = false;
    Str s;

    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    for (; s.count && !stop; s.count--) {
        /* Where both fault, processors report the second operand. */
        if (cpu_ld(cpu, R_ES, get_areg(cpu, &s, R_EDI), in->size, &b) < 0 ||
            cpu_ld(cpu, in->seg, get_areg(cpu, &s, R_ESI), in->size, &a) < 0) {
            return RET_FAULT;
        }
        str_advance(cpu, &s, R_ESI, 1);
        str_advance(cpu, &s, R_EDI, 1);
        str_counted(cpu, &s, 1);
        stop = s.rep && str_stop(in, a == b);
    }
    str_compared(cpu, in, a, b);
    return str_end(cpu, in, &s, stop, RET_NEXT);
}

int op_scas(X86CPU *cpu, const Insn *in)
{
    uint64_t a = reg_rd(cpu, R_EAX * 8, in->size), b = 0;
    bool stop = false;
    Str s;

    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    for (; s.count && !stop; s.count--) {
        if (cpu_ld(cpu, R_ES, get_areg(cpu, &s, R_EDI), in->size, &b) < 0) {
            return RET_FAULT;
        }
        str_advance(cpu, &s, R_EDI, 1);
        str_counted(cpu, &s, 1);
        stop = s.rep && str_stop(in, a == b);
    }
    str_compared(cpu, in, a, b);
    return str_end(cpu, in, &s, stop, RET_NEXT);
}

/* ---- Ports: one element at a time, since each may be a device access that stops the machine ---- */

int op_ins(X86CPU *cpu, const Insn *in)
{
    uint32_t port = (uint32_t)cpu->regs[R_EDX] & 0xffff;
    uint64_t v, lin;
    Str s;
    int r;

    if (cpu_io_allowed(cpu, port, in->size) < 0) {
        return RET_FAULT;
    }
    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    /* The store must not fail after the device was read. */
    if (seg_linear(cpu, R_ES, get_areg(cpu, &s, R_EDI), in->size, true, &lin) < 0 ||
        mmu_probe_write(cpu, lin, in->size, R_ES) < 0) {
        return RET_FAULT;
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    debug_io(cpu, port, in->size);
    v = address_space_ld(cpu->io, port, in->size, MEMTXATTRS_UNSPECIFIED, NULL);
    r = cpu_st(cpu, R_ES, get_areg(cpu, &s, R_EDI), in->size, v);
    if (r < 0) {
        return r;
    }
    str_advance(cpu, &s, R_EDI, 1);
    str_counted(cpu, &s, 1);
    return str_end(cpu, in, &s, false, RET_LEAVE);
}

int op_outs(X86CPU *cpu, const Insn *in)
{
    uint32_t port = (uint32_t)cpu->regs[R_EDX] & 0xffff;
    uint64_t v;
    Str s;

    if (cpu_io_allowed(cpu, port, in->size) < 0) {
        return RET_FAULT;
    }
    if (!str_begin(cpu, in, &s)) {
        return RET_NEXT;
    }
    if (cpu_ld(cpu, in->seg, get_areg(cpu, &s, R_ESI), in->size, &v) < 0) {
        return RET_FAULT;
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    debug_io(cpu, port, in->size);
    address_space_st(cpu->io, port, v, in->size, MEMTXATTRS_UNSPECIFIED, NULL);
    str_advance(cpu, &s, R_ESI, 1);
    str_counted(cpu, &s, 1);
    return str_end(cpu, in, &s, false, RET_LEAVE);
}
