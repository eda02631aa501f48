/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving data: extensions, exchanges, stack instructions, flag images, compare and exchange.
 * Source: SDM volume 2.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"
#include "cpu/seg.h"

int op_nop(X86CPU *cpu, const Insn *in)
{
    return RET_NEXT;
}

/* The source of movzx, movsx, cmov and the like: memory or the register rs. */
static int load_src(X86CPU *cpu, const Insn *in, unsigned size, uint64_t *ret)
{
    if (in->flags & IF_MEM) {
        return cpu_ld(cpu, in->seg, insn_ea(cpu, in), size, ret);
    }
    *ret = reg_rd(cpu, in->rs, size);
    return RET_NEXT;
}

int op_movzx(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (load_src(cpu, in, in->aux, &v) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, in->size, v);
    return RET_NEXT;
}

int op_movsx(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (load_src(cpu, in, in->aux, &v) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, in->size, (uint64_t)sign_extend(v, in->aux));
    return RET_NEXT;
}

int op_cmov(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (load_src(cpu, in, in->size, &v) < 0) {
        return RET_FAULT;
    }
    if (!cc_test(cpu, in->aux)) {
        v = reg_rd(cpu, in->rd, in->size);   /* a 32-bit destination loses its upper half all the same */
    }
    reg_wr(cpu, in->rd, in->size, v);
    return RET_NEXT;
}

int op_setcc(X86CPU *cpu, const Insn *in)
{
    return insn_store_rm(cpu, in, 1, cc_test(cpu, in->aux));
}

int op_movbe(X86CPU *cpu, const Insn *in)
{
    unsigned shift = 64 - in->size * 8u;
    uint64_t v;

    if (in->flags & IF_SRC_MEM) {
        if (cpu_ld(cpu, in->seg, insn_ea(cpu, in), in->size, &v) < 0) {
            return RET_FAULT;
        }
        reg_wr(cpu, in->rd, in->size, GUINT64_SWAP_LE_BE(v) >> shift);
        return RET_NEXT;
    }
    v = reg_rd(cpu, in->rs, in->size);
    return cpu_st(cpu, in->seg, insn_ea(cpu, in), in->size, GUINT64_SWAP_LE_BE(v) >> shift);
}

int op_bswap(X86CPU *cpu, const Insn *in)
{
    uint64_t v = reg_rd(cpu, in->rd, in->size);

    switch (in->size) {
    case 8:
        v = GUINT64_SWAP_LE_BE(v);
        break;
    case 4:
        v = GUINT32_SWAP_LE_BE((uint32_t)v);
        break;
    default:
        v = 0;   /* undefined with 16 bits; processors clear it */
        break;
    }
    reg_wr(cpu, in->rd, in->size, v);
    return RET_NEXT;
}

int op_xlat(X86CPU *cpu, const Insn *in)
{
    uint64_t ea = (cpu->regs[R_EBX] + (cpu->regs[R_EAX] & 0xff)) << in->ashift >> in->ashift;

    return cpu_ld8(cpu, in->seg, ea, REGP(uint8_t, R_EAX * 8));
}

/* ---- Exchanges ---- */

int op_xchg_rr(X86CPU *cpu, const Insn *in)
{
    uint64_t a = reg_rd(cpu, in->rd, in->size);
    uint64_t b = reg_rd(cpu, in->rs, in->size);

    reg_wr(cpu, in->rd, in->size, b);
    reg_wr(cpu, in->rs, in->size, a);
    return RET_NEXT;
}

int op_xchg_m(X86CPU *cpu, const Insn *in)
{
    uint64_t old;
    Rmw m;
    int r;

    do {
        if (rmw_open(cpu, &m, in, insn_ea(cpu, in), in->size, &old) < 0) {
            return RET_FAULT;
        }
        m.lock = true;   /* with or without the prefix */
        r = rmw_commit(cpu, &m, old, reg_rd(cpu, in->rs, in->size));
    } while (r == RMW_RETRY);
    if (r >= 0) {
        reg_wr(cpu, in->rs, in->size, old);
    }
    return r;
}

static uint32_t log2_size(unsigned size)
{
    return (uint32_t)__builtin_ctz(size);
}

int op_cmpxchg(X86CPU *cpu, const Insn *in)
{
    uint64_t mask = size_bits_mask(in->size);
    uint64_t acc = cpu->regs[R_EAX] & mask, old;
    uint64_t new = reg_rd(cpu, in->rs, in->size);
    int r = RET_NEXT;
    Rmw m;

    if (!(in->flags & IF_MEM)) {
        old = reg_rd(cpu, in->rd, in->size);
        if (old == acc) {
            reg_wr(cpu, in->rd, in->size, new);
        } else {
            reg_wr(cpu, R_EAX * 8, in->size, old);
        }
    } else {
        do {
            if (rmw_open(cpu, &m, in, insn_ea(cpu, in), in->size, &old) < 0) {
                return RET_FAULT;
            }
            r = rmw_commit(cpu, &m, old, old == acc ? new : old);   /* it always writes */
        } while (r == RMW_RETRY);
        if (r < 0) {
            return r;
        }
        if (old != acc) {
            reg_wr(cpu, R_EAX * 8, in->size, old);
        }
    }
    cc_set(cpu, CC_OP(CC_SUB, log2_size(in->size)), (acc - old) & mask, old);
    return r;
}

/* cmpxchg8b and, with size 16, cmpxchg16b. The wide one is not atomic against other processors. */
int op_cmpxchg8b(X86CPU *cpu, const Insn *in)
{
    unsigned half = in->size / 2;
    uint64_t ea = insn_ea(cpu, in);
    uint64_t lo, hi;
    uint32_t flags = cc_compute(cpu) & ~FLAG_ZF;
    Rmw m, m2;
    bool equal;
    int r;

    if (half == 8 && ((ea + cpu->seg_base[in->seg]) & 15)) {
        return cpu_gp0(cpu);
    }
    if (half == 4) {
        uint64_t old;

        do {
            if (rmw_open(cpu, &m, in, ea, 8, &old) < 0) {
                return RET_FAULT;
            }
            lo = (uint32_t)old;
            hi = old >> 32;
            equal = lo == (uint32_t)cpu->regs[R_EAX] && hi == (uint32_t)cpu->regs[R_EDX];
            r = rmw_commit(cpu, &m, old, equal ? cpu->regs[R_ECX] << 32 | (uint32_t)cpu->regs[R_EBX] : old);
        } while (r == RMW_RETRY);
    } else {
        if (rmw_open(cpu, &m, in, ea, 8, &lo) < 0 || rmw_open(cpu, &m2, in, ea + 8, 8, &hi) < 0) {
            return RET_FAULT;
        }
        m.lock = m2.lock = false;
        equal = lo == cpu->regs[R_EAX] && hi == cpu->regs[R_EDX];
        r = rmw_commit(cpu, &m, lo, equal ? cpu->regs[R_EBX] : lo);
        if (r >= 0) {
            r |= rmw_commit(cpu, &m2, hi, equal ? cpu->regs[R_ECX] : hi);
        }
    }
    if (r < 0) {
        return r;
    }
    if (!equal) {
        reg_wr(cpu, R_EAX * 8, half, lo);
        reg_wr(cpu, R_EDX * 8, half, hi);
    }
    cc_set_flags(cpu, flags | (equal ? FLAG_ZF : 0));
    return r;
}

int op_xadd(X86CPU *cpu, const Insn *in)
{
    uint64_t mask = size_bits_mask(in->size);
    uint64_t src = reg_rd(cpu, in->rs, in->size), old, sum;
    int r = RET_NEXT;
    Rmw m;

    if (in->flags & IF_MEM) {
        do {
            if (rmw_open(cpu, &m, in, insn_ea(cpu, in), in->size, &old) < 0) {
                return RET_FAULT;
            }
            sum = (old + src) & mask;
            r = rmw_commit(cpu, &m, old, sum);
        } while (r == RMW_RETRY);
        if (r < 0) {
            return r;
        }
        reg_wr(cpu, in->rs, in->size, old);
    } else {
        old = reg_rd(cpu, in->rd, in->size);
        sum = (old + src) & mask;
        reg_wr(cpu, in->rs, in->size, old);
        reg_wr(cpu, in->rd, in->size, sum);
    }
    cc_set(cpu, CC_OP(CC_ADD, log2_size(in->size)), sum, src);
    return r;
}

/* ---- Stack ---- */

int op_push_r64(X86CPU *cpu, const Insn *in)
{
    uint64_t rsp = cpu->regs[R_ESP] - 8;
    int r = cpu_st64(cpu, R_SS, rsp, *REGP(uint64_t, in->rd));

    if (G_LIKELY(r >= 0)) {
        cpu->regs[R_ESP] = rsp;
    }
    return r;
}

int op_pop_r64(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (cpu_ld64(cpu, R_SS, cpu->regs[R_ESP], &v) < 0) {
        return RET_FAULT;
    }
    cpu->regs[R_ESP] += 8;
    *REGP(uint64_t, in->rd) = v;   /* second, so that pop rsp keeps the value */
    return RET_NEXT;
}

int op_push(X86CPU *cpu, const Insn *in)
{
    uint64_t v;

    if (insn_load_rm(cpu, in, in->size, &v) < 0) {
        return RET_FAULT;
    }
    return cpu_push(cpu, in->size, v);
}

int op_push_imm(X86CPU *cpu, const Insn *in)
{
    return cpu_push(cpu, in->size, (uint64_t)in->imm & size_bits_mask(in->size));
}

int op_pop(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP], v;
    int r;

    if (cpu_pop(cpu, in->size, &v) < 0) {
        return RET_FAULT;
    }
    r = insn_store_rm(cpu, in, in->size, v);   /* the address of a memory operand uses the new rsp */
    if (r < 0) {
        cpu->regs[R_ESP] = start;
    }
    return r;
}

int op_push_seg(X86CPU *cpu, const Insn *in)
{
    return cpu_push(cpu, in->size, cpu->segs[in->aux].selector);
}

int op_pop_seg(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP], v;

    if (cpu_pop(cpu, in->size, &v) < 0) {
        return RET_FAULT;
    }
    if (seg_load(cpu, in->aux, v & 0xffff) < 0) {
        cpu->regs[R_ESP] = start;
        return RET_FAULT;
    }
    cpu->inhibit_irq |= in->aux == R_SS;
    return RET_LEAVE;
}

int op_pusha(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP];
    int r = RET_NEXT;

    for (unsigned i = 0; i < 8; i++) {
        int one = cpu_push(cpu, in->size, i == R_ESP ? start : cpu->regs[i]);

        if (one < 0) {
            cpu->regs[R_ESP] = start;
            return RET_FAULT;
        }
        r |= one;
    }
    return r;
}

int op_popa(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP], v[8];

    for (unsigned i = 8; i-- > 0;) {
        if (cpu_pop(cpu, in->size, &v[i]) < 0) {
            cpu->regs[R_ESP] = start;
            return RET_FAULT;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i != R_ESP) {
            reg_wr(cpu, i * 8, in->size, v[i]);
        }
    }
    return RET_NEXT;
}

int op_enter(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP];
    unsigned level = in->aux & 31;
    uint64_t frame, bp = cpu->regs[R_EBP], v;

    if (cpu_push(cpu, in->size, bp) < 0) {
        return RET_FAULT;
    }
    frame = cpu->regs[R_ESP];
    for (unsigned i = 1; i < level; i++) {
        bp -= in->size;
        if (cpu_ld(cpu, R_SS, bp & stack_mask(cpu), in->size, &v) < 0 || cpu_push(cpu, in->size, v) < 0) {
            cpu->regs[R_ESP] = start;
            return RET_FAULT;
        }
    }
    if (level && cpu_push(cpu, in->size, frame) < 0) {
        cpu->regs[R_ESP] = start;
        return RET_FAULT;
    }
    set_rsp(cpu, cpu->regs[R_ESP] - (uint64_t)in->imm);
    reg_wr(cpu, R_EBP * 8, in->size, frame);
    return RET_LEAVE;
}

int op_leave(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP], v;

    set_rsp(cpu, cpu->regs[R_EBP]);
    if (cpu_pop(cpu, in->size, &v) < 0) {
        cpu->regs[R_ESP] = start;
        return RET_FAULT;
    }
    reg_wr(cpu, R_EBP * 8, in->size, v);
    return RET_NEXT;
}

int op_load_far(X86CPU *cpu, const Insn *in)
{
    uint64_t ea = insn_ea(cpu, in), off, sel;

    if (cpu_ld(cpu, in->seg, ea, in->size, &off) < 0 || cpu_ld(cpu, in->seg, ea + in->size, 2, &sel) < 0 ||
        seg_load(cpu, in->aux, (uint32_t)sel) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, in->rd, in->size, off);
    return RET_LEAVE;
}

/* ---- Flags ---- */

int op_pushf(X86CPU *cpu, const Insn *in)
{
    if ((cpu->eflags & FLAG_VM) && cpu_iopl(cpu) < 3) {
        return cpu_gp0(cpu);
    }
    return cpu_push(cpu, in->size, cpu_x86_get_rflags(cpu) & ~(uint64_t)(FLAG_RF | FLAG_VM));
}

int op_popf(X86CPU *cpu, const Insn *in)
{
    uint32_t change = FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;
    uint64_t v;

    if ((cpu->eflags & FLAG_VM) && cpu_iopl(cpu) < 3) {
        return cpu_gp0(cpu);
    }
    if (cpu_pop(cpu, in->size, &v) < 0) {
        return RET_FAULT;
    }
    change |= cpu->cpl == 0 ? FLAG_IOPL : 0;
    change |= cpu->cpl <= cpu_iopl(cpu) ? FLAG_IF : 0;
    if (in->size == 2) {
        change &= 0xffff;
    }
    cc_set_flags(cpu, (uint32_t)v);
    cpu->eflags = ((cpu->eflags & ~change) | ((uint32_t)v & change)) & ~FLAG_RF;
    cpu_update_mmu_idx(cpu);
    return RET_LEAVE;   /* IF and TF count from here */
}

int op_lahf(X86CPU *cpu, const Insn *in)
{
    uint32_t f = cc_compute(cpu) & (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF);

    *REGP(uint8_t, R_EAX * 8 + 1) = (uint8_t)(f | 2);
    return RET_NEXT;
}

int op_sahf(X86CPU *cpu, const Insn *in)
{
    uint32_t mask = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

    cc_set_flags(cpu, (cc_compute(cpu) & FLAG_OF) | (*REGP(uint8_t, R_EAX * 8 + 1) & mask));
    return RET_NEXT;
}

int op_salc(X86CPU *cpu, const Insn *in)
{
    *REGP(uint8_t, R_EAX * 8) = cc_carry(cpu) ? 0xff : 0;
    return RET_NEXT;
}

int op_flag(X86CPU *cpu, const Insn *in)
{
    uint32_t f = cc_compute(cpu);

    switch (in->aux) {
    case FLAGOP_CLC:
        cc_set_flags(cpu, f & ~FLAG_CF);
        break;
    case FLAGOP_STC:
        cc_set_flags(cpu, f | FLAG_CF);
        break;
    case FLAGOP_CMC:
        cc_set_flags(cpu, f ^ FLAG_CF);
        break;
    case FLAGOP_CLD:
        cpu->eflags &= ~FLAG_DF;
        break;
    default:
        cpu->eflags |= FLAG_DF;
        break;
    }
    return RET_NEXT;
}

/* cbw, cwde, cdqe: size is the result's. */
int op_cbw(X86CPU *cpu, const Insn *in)
{
    reg_wr(cpu, R_EAX * 8, in->size, (uint64_t)sign_extend(cpu->regs[R_EAX], in->size / 2));
    return RET_NEXT;
}

/* cwd, cdq, cqo. */
int op_cwd(X86CPU *cpu, const Insn *in)
{
    reg_wr(cpu, R_EDX * 8, in->size, sign_extend(cpu->regs[R_EAX], in->size) < 0 ? UINT64_MAX : 0);
    return RET_NEXT;
}
