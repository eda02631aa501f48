/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Working out lazy flags. Pure functions of the cc_ fields. Source: SDM volume 1, section 3.4.3.
 */
#include "cpu/flags.h"

typedef struct CcView {
    unsigned kind;
    unsigned bits;
    uint64_t mask;
    uint64_t res, b, a;
} CcView;

static inline CcView cc_view(const X86CPU *cpu)
{
    CcView v = { .kind = cpu->cc_op >> 2, .bits = 8u << (cpu->cc_op & 3) };

    v.mask = UINT64_MAX >> (64 - v.bits);
    v.res = cpu->cc_dst;
    v.b = cpu->cc_src;
    if (v.kind == CC_ADD || v.kind == CC_ADC) {
        v.a = (v.res - v.b - (v.kind == CC_ADC ? cpu->cc_src2 : 0)) & v.mask;
    } else if (v.kind == CC_INC) {
        v.a = (v.res - 1) & v.mask;
        v.b = 1;
    } else if (v.kind == CC_DEC) {
        v.a = (v.res + 1) & v.mask;
        v.b = 1;
    } else {
        v.a = (v.res + v.b + (v.kind == CC_SBB ? cpu->cc_src2 : 0)) & v.mask;
    }
    return v;
}

bool cc_carry(const X86CPU *cpu)
{
    switch (cpu->cc_op >> 2) {
    case CC_EFLAGS:
        return cpu->cc_src & FLAG_CF;
    case CC_ADD:
        return cpu->cc_dst < cpu->cc_src;
    case CC_LOGIC:
        return false;
    case CC_INC:
    case CC_DEC:
        return cpu->cc_src;
    case CC_ADC:
        return cpu->cc_src2 ? cpu->cc_dst <= cpu->cc_src : cpu->cc_dst < cpu->cc_src;
    case CC_SHL:
        return (cpu->cc_src >> ((8u << (cpu->cc_op & 3)) - 1)) & 1;
    case CC_SHR:
        return cpu->cc_src & 1;
    case CC_MUL:
        return cpu->cc_src;
    default: {
        CcView v = cc_view(cpu);

        return v.kind == CC_SBB && cpu->cc_src2 ? v.a <= v.b : v.a < v.b;
    }
    }
}

static bool cc_overflow(const CcView *v)
{
    uint64_t x;

    switch (v->kind) {
    case CC_ADD:
    case CC_ADC:
    case CC_INC:
        x = (v->a ^ v->res) & (v->b ^ v->res);
        break;
    case CC_SUB:
    case CC_SBB:
    case CC_DEC:
        x = (v->a ^ v->b) & (v->a ^ v->res);
        break;
    case CC_SHL:
    case CC_SHR:
        x = v->res ^ v->b;
        break;
    case CC_MUL:
        return v->b;
    default:
        return false;
    }
    return (x >> (v->bits - 1)) & 1;
}

static bool has_adjust(unsigned kind)
{
    return kind != CC_LOGIC && kind != CC_SHL && kind != CC_SHR && kind != CC_MUL;
}

uint32_t cc_compute(const X86CPU *cpu)
{
    CcView v;
    uint32_t f;

    if (cpu->cc_op >> 2 == CC_EFLAGS) {
        return (uint32_t)cpu->cc_src;
    }
    v = cc_view(cpu);
    f = cc_szp(v.res, v.bits / 8);
    if (has_adjust(v.kind) && ((v.a ^ v.b ^ v.res) & 0x10)) {
        f |= FLAG_AF;
    }
    if (v.kind == CC_MUL) {
        f &= ~FLAG_ZF;
    }
    if (cc_carry(cpu)) {
        f |= FLAG_CF;
    }
    if (cc_overflow(&v)) {
        f |= FLAG_OF;
    }
    return f;
}

static bool test_flags(uint32_t f, unsigned cond)
{
    switch (cond >> 1) {
    case 0:
        return f & FLAG_OF;
    case 1:
        return f & FLAG_CF;
    case 2:
        return f & FLAG_ZF;
    case 3:
        return f & (FLAG_CF | FLAG_ZF);
    case 4:
        return f & FLAG_SF;
    case 5:
        return f & FLAG_PF;
    case 6:
        return !(f & FLAG_SF) != !(f & FLAG_OF);
    default:
        return (f & FLAG_ZF) || !(f & FLAG_SF) != !(f & FLAG_OF);
    }
}

bool cc_test(const X86CPU *cpu, unsigned cond)
{
    unsigned kind = cpu->cc_op >> 2;
    bool r;

    if (kind != CC_EFLAGS && kind != CC_MUL && cond >> 1 == 2) {
        r = cpu->cc_dst == 0;
    } else if (kind != CC_EFLAGS && cond >> 1 == 4) {
        r = (cpu->cc_dst >> ((8u << (cpu->cc_op & 3)) - 1)) & 1;
    } else if (kind == CC_SUB) {
        unsigned sh = 64 - (8u << (cpu->cc_op & 3));
        uint64_t b = cpu->cc_src << sh;
        uint64_t a = (cpu->cc_dst << sh) + b;

        switch (cond >> 1) {
        case 1:
            r = a < b;
            break;
        case 3:
            r = a <= b;
            break;
        case 6:
            r = (int64_t)a < (int64_t)b;
            break;
        case 7:
            r = (int64_t)a <= (int64_t)b;
            break;
        default:
            r = test_flags(cc_compute(cpu), cond);
            break;
        }
    } else {
        r = test_flags(cc_compute(cpu), cond);
    }
    return r != (cond & 1);
}

uint64_t cpu_x86_get_rflags(const X86CPU *cpu)
{
    return (cpu->eflags & ~FLAGS_ARITH) | cc_compute(cpu) | 2;
}

void cpu_x86_set_rflags(X86CPU *cpu, uint64_t rflags)
{
    cc_set_flags(cpu, (uint32_t)rflags);
    cpu->eflags = (uint32_t)rflags & ~FLAGS_ARITH;
}
