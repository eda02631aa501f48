/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: control and status, the environment and state images, decimal numbers, fwait. See x87.h.
 * Source: SDM volume 1, figures 8-9 to 8-12 (images), 4.7 (packed BCD).
 */
#include "base/bytes.h"
#include "cpu/ops.h"
#include "cpu/x87.h"

/* ---- Control and status words ---- */

int op_x87_fldcw(X86CPU *cpu, const Insn *in)
{
    uint16_t cw;

    if (fpu_check(cpu, FPU_WAITING) < 0 || cpu_ld16(cpu, in->seg, insn_ea(cpu, in), &cw) < 0) {
        return RET_FAULT;
    }
    x87_set_control(&cpu->fpu, cw);
    return RET_NEXT;
}

int op_x87_fnstcw(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    return cpu_st16(cpu, in->seg, insn_ea(cpu, in), cpu->fpu.cw);
}

int op_x87_fnstsw(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    return cpu_st16(cpu, in->seg, insn_ea(cpu, in), x87_status(&cpu->fpu));
}

int op_x87_fnstsw_ax(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    reg_wr(cpu, R_EAX * 8, 2, x87_status(&cpu->fpu));
    return RET_NEXT;
}

int op_x87_fnclex(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    cpu->fpu.sw &= FPU_SW_CC;
    return RET_NEXT;
}

int op_x87_fninit(X86CPU *cpu, const Insn *in)
{
    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    fpu_init(&cpu->fpu);
    return RET_NEXT;
}

int op_x87_ignored(X86CPU *cpu, const Insn *in)
{
    return fpu_check(cpu, FPU_CONTROL);
}

int op_fwait(X86CPU *cpu, const Insn *in)
{
    return fpu_check(cpu, FPU_WAIT);
}

/* ---- Images ---- */

enum { ENV16_SIZE = 14, ENV32_SIZE = 28, REGS_SIZE = 80, IMAGE_MAX = ENV32_SIZE + REGS_SIZE };

static bool is_real_form(const X86CPU *cpu)
{
    return !cpu_protected(cpu) || (cpu->eflags & FLAG_VM);
}

/* Linear addresses, as the real-mode forms have them. */
static uint64_t linear(uint64_t off, uint16_t selector)
{
    return off + ((uint64_t)selector << 4);
}

static void put_env32(const X86CPU *cpu, uint8_t *p)
{
    const X86FPU *fpu = &cpu->fpu;

    st32_le(p, 0xffff0000u | fpu->cw);
    st32_le(p + 4, 0xffff0000u | x87_status(fpu));
    st32_le(p + 8, 0xffff0000u | x87_full_tags(fpu));
    if (is_real_form(cpu)) {
        uint32_t ip = (uint32_t)linear(fpu->ip, fpu->cs), dp = (uint32_t)linear(fpu->dp, fpu->ds);

        st32_le(p + 12, 0xffff0000u | (ip & 0xffff));
        st32_le(p + 16, (ip >> 16) << 12 | fpu->op);
        st32_le(p + 20, 0xffff0000u | (dp & 0xffff));
        st32_le(p + 24, (dp >> 16) << 12);
    } else {
        st32_le(p + 12, (uint32_t)fpu->ip);
        st32_le(p + 16, fpu->cs | (uint32_t)fpu->op << 16);
        st32_le(p + 20, (uint32_t)fpu->dp);
        st32_le(p + 24, 0xffff0000u | fpu->ds);
    }
}

static void put_env16(const X86CPU *cpu, uint8_t *p)
{
    const X86FPU *fpu = &cpu->fpu;

    st16_le(p, fpu->cw);
    st16_le(p + 2, x87_status(fpu));
    st16_le(p + 4, x87_full_tags(fpu));
    if (is_real_form(cpu)) {
        uint64_t ip = linear(fpu->ip, fpu->cs), dp = linear(fpu->dp, fpu->ds);

        st16_le(p + 6, (uint16_t)ip);
        st16_le(p + 8, (uint16_t)((ip >> 16 & 15) << 12 | fpu->op));
        st16_le(p + 10, (uint16_t)dp);
        st16_le(p + 12, (uint16_t)((dp >> 16 & 15) << 12));
    } else {
        st16_le(p + 6, (uint16_t)fpu->ip);
        st16_le(p + 8, fpu->cs);
        st16_le(p + 10, (uint16_t)fpu->dp);
        st16_le(p + 12, fpu->ds);
    }
}

static void get_pointers(X86CPU *cpu, const uint8_t *p, bool wide)
{
    X86FPU *fpu = &cpu->fpu;
    uint32_t w0 = wide ? ld32_le(p + 12) : ld16_le(p + 6), w1 = wide ? ld32_le(p + 16) : ld16_le(p + 8);
    uint32_t w2 = wide ? ld32_le(p + 20) : ld16_le(p + 10), w3 = wide ? ld32_le(p + 24) : ld16_le(p + 12);

    if (is_real_form(cpu)) {
        fpu->ip = (w0 & 0xffff) | (w1 >> 12 & 0xffff) << 16;
        fpu->dp = (w2 & 0xffff) | (w3 >> 12 & 0xffff) << 16;
        fpu->cs = fpu->ds = 0;
        fpu->op = w1 & 0x7ff;
    } else {
        fpu->ip = w0;
        fpu->dp = w2;
        fpu->cs = (uint16_t)w1;
        fpu->ds = (uint16_t)w3;
        fpu->op = wide ? w1 >> 16 & 0x7ff : fpu->op;
    }
}

static void get_env(X86CPU *cpu, const uint8_t *p, bool wide)
{
    X86FPU *fpu = &cpu->fpu;
    unsigned step = wide ? 4 : 2;

    fpu->cw = (ld16_le(p) & FPU_CW_BITS) | FPU_CW_FIXED;
    x87_set_status(fpu, ld16_le(p + step));
    fpu->tags = x87_empty_from_full(ld16_le(p + 2 * step));
    get_pointers(cpu, p, wide);
}

static int load_image(X86CPU *cpu, const Insn *in, uint8_t *p, unsigned size)
{
    uint64_t ea = insn_ea(cpu, in);

    for (unsigned i = 0; i < size; i += 2) {
        uint16_t v;

        if (cpu_ld16(cpu, in->seg, ea + i, &v) < 0) {
            return RET_FAULT;
        }
        st16_le(p + i, v);
    }
    return RET_NEXT;
}

static int store_image(X86CPU *cpu, const Insn *in, const uint8_t *p, unsigned size)
{
    uint64_t ea = insn_ea(cpu, in), lin;
    int ret = RET_NEXT;

    if (seg_linear(cpu, in->seg, ea, size, true, &lin) < 0 || mmu_probe_write(cpu, lin, size, in->seg) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < size; i += 2) {
        int r = cpu_st16(cpu, in->seg, ea + i, ld16_le(p + i));

        if (r < 0) {
            return r;
        }
        ret |= r;
    }
    return ret;
}

int op_x87_fnstenv(X86CPU *cpu, const Insn *in)
{
    uint8_t image[IMAGE_MAX];
    bool wide = in->size == 4;
    int r;

    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    if (wide) {
        put_env32(cpu, image);
    } else {
        put_env16(cpu, image);
    }
    r = store_image(cpu, in, image, wide ? ENV32_SIZE : ENV16_SIZE);
    if (r >= 0) {
        x87_set_control(&cpu->fpu, cpu->fpu.cw | FLOAT_ALL);
    }
    return r;
}

int op_x87_fldenv(X86CPU *cpu, const Insn *in)
{
    uint8_t image[IMAGE_MAX];
    bool wide = in->size == 4;

    if (fpu_check(cpu, FPU_WAITING) < 0 || load_image(cpu, in, image, wide ? ENV32_SIZE : ENV16_SIZE) < 0) {
        return RET_FAULT;
    }
    get_env(cpu, image, wide);
    return RET_NEXT;
}

int op_x87_fnsave(X86CPU *cpu, const Insn *in)
{
    uint8_t image[IMAGE_MAX];
    unsigned env = in->size == 4 ? ENV32_SIZE : ENV16_SIZE;
    int r;

    if (fpu_check(cpu, FPU_CONTROL) < 0) {
        return RET_FAULT;
    }
    if (in->size == 4) {
        put_env32(cpu, image);
    } else {
        put_env16(cpu, image);
    }
    for (unsigned i = 0; i < 8; i++) {
        st64_le(image + env + i * 10, x87_st(&cpu->fpu, i)->mant);
        st16_le(image + env + i * 10 + 8, x87_st(&cpu->fpu, i)->se);
    }
    r = store_image(cpu, in, image, env + REGS_SIZE);
    if (r >= 0) {
        fpu_init(&cpu->fpu);
    }
    return r;
}

int op_x87_frstor(X86CPU *cpu, const Insn *in)
{
    uint8_t image[IMAGE_MAX];
    unsigned env = in->size == 4 ? ENV32_SIZE : ENV16_SIZE;

    if (fpu_check(cpu, FPU_WAITING) < 0 || load_image(cpu, in, image, env + REGS_SIZE) < 0) {
        return RET_FAULT;
    }
    get_env(cpu, image, in->size == 4);
    for (unsigned i = 0; i < 8; i++) {
        *x87_st(&cpu->fpu, i) = (floatx80){
            .mant = ld64_le(image + env + i * 10), .se = ld16_le(image + env + i * 10 + 8),
        };
    }
    return RET_NEXT;
}

/* ---- Decimal numbers ---- */

enum { BCD_DIGITS = 18 };

floatx80 x87_from_bcd(uint64_t low, uint16_t high)
{
    FloatStatus s = { .masks = FLOAT_ALL };
    int64_t n = (high >> 4 & 15) * 10 + (high & 15);
    floatx80 v;

    for (int i = 15; i >= 0; i--) {
        n = n * 10 + (int64_t)(low >> i * 4 & 15);
    }
    v = fx80_from_i64(n, &s);
    v.se |= high & 0x8000;
    return v;
}

void x87_to_bcd(floatx80 v, FloatStatus *s, uint64_t *low, uint16_t *high)
{
    int64_t n = fx80_to_i64(v, s);
    uint64_t digits = n < 0 ? -(uint64_t)n : (uint64_t)n;
    uint64_t limit = UINT64_C(1000000000000000000);

    if (digits >= limit) {
        s->flags = (s->flags & (uint8_t)~FLOAT_PE) | FLOAT_IE;
        s->rounded_up = false;
        *low = UINT64_C(0xc000000000000000);
        *high = 0xffff;
        return;
    }
    *low = 0;
    *high = v.se & 0x8000;
    for (unsigned i = 0; i < BCD_DIGITS; i++, digits /= 10) {
        if (i < 16) {
            *low |= digits % 10 << i * 4;
        } else {
            *high |= (uint16_t)(digits % 10 << (i - 16) * 4);
        }
    }
}
