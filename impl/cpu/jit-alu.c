/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation of arithmetic, shifts and multiplication.
 *
 * The host's instruction of the same kind and size gives the result, its flags serve a reader that follows at once, and
 * what flags.h wants is stored for all others.
 */
#include "cpu/jit-int.h"

/* A second operand. */
typedef struct Src {
    bool is_imm;
    int reg;
    int64_t imm;
} Src;

static const uint8_t host_op[ALU__COUNT] = {
    [ALU_ADD] = A_ADD, [ALU_OR] = A_OR, [ALU_ADC] = A_ADC, [ALU_SBB] = A_SBB, [ALU_AND] = A_AND, [ALU_SUB] = A_SUB,
    [ALU_XOR] = A_XOR, [ALU_CMP] = A_SUB, [ALU_TEST] = A_AND,
};

static const uint8_t cc_kind[ALU__COUNT] = {
    [ALU_ADD] = CC_ADD, [ALU_OR] = CC_LOGIC, [ALU_ADC] = CC_ADC, [ALU_SBB] = CC_SBB, [ALU_AND] = CC_LOGIC,
    [ALU_SUB] = CC_SUB, [ALU_XOR] = CC_LOGIC, [ALU_CMP] = CC_SUB, [ALU_TEST] = CC_LOGIC,
};

static void op_host(Trans *t, unsigned op, unsigned size, int dst, const Src *s)
{
    if (s->is_imm) {
        a_ri(&t->a, op, size, dst, s->imm);
    } else {
        a_rr(&t->a, op, size, s->reg, dst);
    }
}

static void keep_src(Trans *t, unsigned size, const Src *s, int tmp)
{
    if (s->is_imm) {
        jit_cc_src_imm(t, size, s->imm, tmp);
    } else {
        jit_cc_src(t, size, s->reg, tmp);
    }
}

/* dst = dst op src with all flags; @tmp is lost. */
static void compute(Trans *t, unsigned op, unsigned size, int dst, const Src *s, int tmp)
{
    unsigned kind = cc_kind[op];

    if (t->live && kind != CC_LOGIC) {
        keep_src(t, size, s, tmp);
    }
    op_host(t, host_op[op], size, dst, s);
    if (t->live) {
        jit_cc_dst(t, size, dst, tmp);
        jit_cc_op(t, kind, size);
    }
    t->next_host_flags = HOST_FLAGS_ALL;
}

/* cmp and test: @dst stays. @tmp and @tmp2 are lost; they may be @dst but not the source. */
static void compare(Trans *t, unsigned op, unsigned size, int dst, const Src *s, int tmp, int tmp2)
{
    bool is_test = op == ALU_TEST;

    if (is_test && !s->is_imm && s->reg == dst) {
        a_rr(&t->a, A_TEST, size, dst, dst);
        if (t->live) {
            jit_cc_dst(t, size, dst, tmp);
            jit_cc_op(t, CC_LOGIC, size);
        }
    } else if (!t->live && is_test && !s->is_imm) {
        a_rr(&t->a, A_TEST, size, s->reg, dst);
    } else if (!t->live && !is_test) {
        op_host(t, A_CMP, size, dst, s);
    } else {
        a_mov(&t->a, 8, tmp, dst);
        compute(t, op, size, tmp, s, tmp2);
    }
    t->next_host_flags = HOST_FLAGS_ALL;
}

static Src source_of(Trans *t, int scratch)
{
    const Insn *in = t->in;

    if (t->kind.form == FORM_RI || t->kind.form == FORM_MI) {
        return (Src){ .is_imm = true, .imm = in->imm };
    }
    return (Src){ .reg = jit_in(t, in->rs, scratch) };
}

static bool alu_reg(Trans *t, unsigned op)
{
    const Insn *in = t->in;
    Src s = source_of(t, H_RCX);
    int dst = jit_in(t, in->rd, H_RAX);

    if (op == ALU_CMP || op == ALU_TEST) {
        compare(t, op, in->size, dst, &s, H_RAX, H_RDX);
        return true;
    }
    compute(t, op, in->size, dst, &s, H_RDX);
    jit_out(t, in->rd, dst);
    return true;
}

static bool alu_from_memory(Trans *t, unsigned op)
{
    const Insn *in = t->in;
    Src s = { .reg = H_RCX };
    int dst;

    if (!jit_addr_load(t, in->size)) {
        return false;
    }
    jit_load(t, in->size, H_RCX);
    dst = jit_in(t, in->rd, H_RDX);
    if (op == ALU_CMP || op == ALU_TEST) {
        compare(t, op, in->size, dst, &s, H_RDX, H_RAX);
        return true;
    }
    compute(t, op, in->size, dst, &s, H_RAX);
    jit_out(t, in->rd, dst);
    return true;
}

static bool alu_to_memory(Trans *t, unsigned op)
{
    const Insn *in = t->in;
    Src s;

    if (op == ALU_CMP || op == ALU_TEST) {
        if (!jit_addr_load(t, in->size)) {
            return false;
        }
        jit_load(t, in->size, H_RCX);
        s = source_of(t, H_RDX);
        compare(t, op, in->size, H_RCX, &s, H_RCX, H_RAX);
        return true;
    }
    if ((in->flags & IF_LOCK) || !jit_addr_store(t, in->size)) {
        return false;
    }
    jit_load(t, in->size, H_RCX);
    s = t->kind.form == FORM_MI ? (Src){ .is_imm = true, .imm = in->imm } : (Src){ .reg = jit_mapped(in->rs) };
    if (!s.is_imm && s.reg == H_NONE) {
        a_rm(&t->a, host_op[op] + A_FROM_RM, in->size, H_RCX, H_RBX, jit_home(in->rs));
    } else {
        op_host(t, host_op[op], in->size, H_RCX, &s);
    }
    a_rm(&t->a, A_MOV, in->size, H_RCX, H_RAX, 0);
    if (t->live) {
        jit_cc_dst(t, in->size, H_RCX, H_RCX);
        if (cc_kind[op] != CC_LOGIC) {
            s = source_of(t, H_RAX);
            keep_src(t, in->size, &s, H_RAX);
        }
        jit_cc_op(t, cc_kind[op], in->size);
    }
    jit_stored(t);
    return true;
}

/* adc and sbb between registers. */
static bool alu_carry(Trans *t, unsigned op)
{
    const Insn *in = t->in;
    Src s;
    int dst;

    if (t->kind.form != FORM_RR && t->kind.form != FORM_RI) {
        return false;
    }
    jit_carry(t);
    if (t->live) {
        a_rm(&t->a, A_MOV, 8, H_RDX, H_RBX, CPU_FIELD(CC_SRC2));
    }
    s = source_of(t, H_RCX);
    dst = jit_in(t, in->rd, H_RAX);
    if (t->live) {
        /* The carry in rdx must last until it is in the host's flags. */
        int tmp = s.is_imm || s.reg != H_RCX ? H_RCX : s.reg;

        keep_src(t, in->size, &s, tmp);
    }
    a_rr_raw(&t->a, 0xfba, 4, 4, H_RDX, false);   /* bt edx, 0 */
    a8(&t->a, 0);
    op_host(t, host_op[op], in->size, dst, &s);
    if (t->live) {
        jit_cc_dst(t, in->size, dst, H_RDX);
        jit_cc_op(t, cc_kind[op], in->size);
    }
    t->next_host_flags = HOST_FLAGS_ALL;
    jit_out(t, in->rd, dst);
    return true;
}

bool jit_alu(Trans *t)
{
    const Insn *in = t->in;
    unsigned op = t->kind.op, form = t->kind.form;
    bool has_imm = form == FORM_RI || form == FORM_MI;

    if (op == ALU_MOV) {
        return jit_mov(t);
    }
    if ((form != FORM_MR && form != FORM_MI && jit_is_high_byte(in->rd)) ||
        (form != FORM_RM && !has_imm && jit_is_high_byte(in->rs)) || (has_imm && in->size == 8 && !a_fits32(in->imm))) {
        return false;
    }
    if (op == ALU_ADC || op == ALU_SBB) {
        return alu_carry(t, op);
    }
    if (form == FORM_RR || form == FORM_RI) {
        return alu_reg(t, op);
    }
    return form == FORM_RM ? alu_from_memory(t, op) : alu_to_memory(t, op);
}

/* ---- One operand ---- */

/* inc and dec keep the carry flag, in cc_src; is it there already? */
static bool carry_is_kept(const Trans *t)
{
    return t->cc >= 0 && (t->cc >> 2 == CC_INC || t->cc >> 2 == CC_DEC);
}

static void keep_carry(Trans *t)
{
    if (!t->live || carry_is_kept(t)) {
        return;
    }
    jit_carry(t);
    a_rm(&t->a, A_MOV, 8, H_RDX, H_RBX, CPU_FIELD(CC_SRC));
}

static bool unary_memory(Trans *t, unsigned op)
{
    const Insn *in = t->in;

    bool counts = op == UNARY_INC || op == UNARY_DEC;

    if (in->flags & IF_LOCK) {
        return false;
    }
    if (counts && !carry_is_kept(t)) {
        jit_carry(t);
        a_rm(&t->a, A_MOV, 8, H_RDX, H_RBX, CPU_FIELD(TMP));   /* cc_src may change only behind the checks */
    }
    if (!jit_addr_store(t, in->size)) {
        return false;
    }
    jit_load(t, in->size, H_RCX);
    a_rr(&t->a, counts ? 0xff : 0xf7, in->size, op == UNARY_INC ? 0 : op == UNARY_DEC ? 1 : op == UNARY_NOT ? 2 : 3,
         H_RCX);
    a_rm(&t->a, A_MOV, in->size, H_RCX, H_RAX, 0);
    if (op != UNARY_NOT) {
        jit_cc_dst(t, in->size, H_RCX, H_RCX);
        if (op == UNARY_NEG) {
            a_rr(&t->a, 0xf7, in->size, 3, H_RCX);
            jit_cc_src(t, in->size, H_RCX, H_RCX);
        } else if (!carry_is_kept(t)) {
            a_rm(&t->a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(TMP));
            a_rm(&t->a, A_MOV, 8, H_RAX, H_RBX, CPU_FIELD(CC_SRC));
        }
        jit_cc_op(t, op == UNARY_INC ? CC_INC : op == UNARY_DEC ? CC_DEC : CC_SUB, in->size);
    }
    jit_stored(t);
    return true;
}

bool jit_unary(Trans *t)
{
    const Insn *in = t->in;
    unsigned op = t->kind.op;
    int dst;

    if (t->kind.form) {
        return unary_memory(t, op);
    }
    if (jit_is_high_byte(in->rd)) {
        return false;
    }
    if (op == UNARY_NOT) {
        dst = jit_in(t, in->rd, H_RAX);
        a_rr(&t->a, 0xf7, in->size, 2, dst);
        jit_out(t, in->rd, dst);
        t->next_host_flags = t->host_flags;
        return true;
    }
    if (op == UNARY_NEG) {
        dst = jit_in(t, in->rd, H_RAX);
        if (t->live) {
            jit_cc_src(t, in->size, dst, H_RDX);
        }
        a_rr(&t->a, 0xf7, in->size, 3, dst);
        if (t->live) {
            jit_cc_dst(t, in->size, dst, H_RDX);
            jit_cc_op(t, CC_SUB, in->size);
        }
        t->next_host_flags = HOST_FLAGS_ALL;
    } else {
        keep_carry(t);
        dst = jit_in(t, in->rd, H_RAX);
        a_rr(&t->a, 0xff, in->size, op == UNARY_DEC, dst);
        if (t->live) {
            jit_cc_dst(t, in->size, dst, H_RDX);
            jit_cc_op(t, op == UNARY_DEC ? CC_DEC : CC_INC, in->size);
        }
        t->next_host_flags = HOST_FLAGS_NO_CF;
    }
    jit_out(t, in->rd, dst);
    return true;
}

/* ---- Shifts ---- */

static unsigned shift_ext(unsigned op)
{
    static const uint8_t ext[] = {
        [SHIFT_ROL] = 0, [SHIFT_ROR] = 1, [SHIFT_RCL] = 2, [SHIFT_RCR] = 3, [SHIFT_SHL] = 4, [SHIFT_SHR] = 5,
        [SHIFT_SAR] = 7,
    };

    return ext[op];
}

/* A register by a constant, not zero: the last place but one is kept, see flags.h. */
bool jit_shift_ri(Trans *t)
{
    const Insn *in = t->in;
    unsigned ext = shift_ext(t->kind.op), count = (unsigned)in->imm;
    int dst;

    if (jit_is_high_byte(in->rd) || count >= in->size * 8u) {
        return false;
    }
    dst = jit_in(t, in->rd, H_RAX);
    if (!t->live) {
        a_shift(&t->a, ext, in->size, dst, count);
    } else {
        if (count > 1) {
            a_shift(&t->a, ext, in->size, dst, count - 1);
        }
        jit_cc_src(t, in->size, dst, H_RDX);
        a_shift(&t->a, ext, in->size, dst, 1);
        jit_cc_dst(t, in->size, dst, H_RDX);
        jit_cc_op(t, t->kind.op == SHIFT_SHL ? CC_SHL : CC_SHR, in->size);
        t->next_host_flags = HOST_FLAGS_ALL;   /* those of the last place */
    }
    jit_out(t, in->rd, dst);
    return true;
}

/* By cl, and rotations: done only where nobody looks at the flags, which may stay or change in part. */
bool jit_shift(Trans *t)
{
    const Insn *in = t->in;
    bool rotate_carry = t->in->aux == SHIFT_RCL || t->in->aux == SHIFT_RCR;
    int dst;

    if (t->live || rotate_carry || (in->imm == 0 && !(in->flags & IF_CL)) || (in->flags & IF_MEM) ||
        jit_is_high_byte(in->rd) || in->size < 4) {
        return false;
    }
    if (in->flags & IF_CL) {
        a_mov(&t->a, 8, H_RCX, jit_in(t, R_ECX * 8, H_RCX));
    }
    dst = jit_in(t, in->rd, H_RAX);
    if (in->flags & IF_CL) {
        a_rr(&t->a, 0xd3, in->size, (int)shift_ext(in->aux), dst);
        if (in->size == 4) {
            a_mov(&t->a, 4, dst, dst);   /* also with a count of zero */
        }
    } else {
        a_shift(&t->a, shift_ext(in->aux), in->size, dst, (unsigned)in->imm);
    }
    jit_out(t, in->rd, dst);
    return true;
}

/* ---- Multiplication ---- */

static void keep_overflow(Trans *t, unsigned size, int lo)
{
    /* The host's overflow flag first: what follows leaves it alone. */
    a_mov_imm(&t->a, H_RCX, 0);
    a_rr_raw(&t->a, 0xf90, 4, 0, H_RCX, false);   /* seto cl */
    a_rm(&t->a, A_MOV, 8, H_RCX, H_RBX, CPU_FIELD(CC_SRC));
    jit_cc_dst(t, size, lo, H_RCX);
    jit_cc_op(t, CC_MUL, size);
}

bool jit_imul(Trans *t)
{
    const Insn *in = t->in;
    int src, dst;

    if (in->aux && !a_fits32(in->imm)) {
        return false;
    }
    if (in->flags & IF_MEM) {
        if (!jit_addr_load(t, in->size)) {
            return false;
        }
        jit_load(t, in->size, H_RAX);
        src = H_RAX;
    } else {
        src = jit_in(t, in->rs, H_RAX);
    }
    dst = jit_in(t, in->rd, H_RDX);
    if (in->aux) {
        a_rr(&t->a, 0x69, in->size == 2 ? 2 : in->size, dst, src);
        a_imm(&t->a, in->size, in->imm);
    } else {
        a_rr_raw(&t->a, A_IMUL, in->size, dst, src, false);
    }
    if (t->live) {
        keep_overflow(t, in->size, dst);
    }
    jit_out(t, in->rd, dst);
    return true;
}

/* mul and the imul of one operand, of 4 or 8 bytes: kind.op is 4 or 5, as encoded. */
bool jit_mul(Trans *t)
{
    const Insn *in = t->in;
    int src;

    if (in->size < 4) {
        return false;
    }
    if (in->flags & IF_MEM) {
        if (!jit_addr_load(t, in->size)) {
            return false;
        }
        jit_load(t, in->size, H_RCX);
        src = H_RCX;
    } else {
        src = jit_in(t, in->rd, H_RCX);
    }
    a_mov(&t->a, 8, H_RAX, jit_mapped(R_EAX * 8));
    a_rr(&t->a, 0xf7, in->size, t->kind.op, src);
    jit_set(t, R_EAX * 8, in->size, H_RAX);
    jit_set(t, R_EDX * 8, in->size, H_RDX);
    if (t->live) {
        keep_overflow(t, in->size, H_RAX);
    }
    return true;
}

/* ---- Bits ---- */

/* A bit of a register: all flags but the carry stay, so they are worked out. */
bool jit_bt(Trans *t)
{
    const Insn *in = t->in;
    static const uint16_t op[] = { [BT_TEST] = 0xfa3, [BT_SET] = 0xfab, [BT_RESET] = 0xfb3, [BT_COMPLEMENT] = 0xfbb };
    bool by_reg = in->rs != REG_OFF_NONE;
    int dst, bit;

    if ((in->flags & IF_MEM) || in->size < 4) {
        return false;
    }
    jit_flags(t);
    a_ri(&t->a, A_AND, 4, H_RAX, FLAGS_ARITH & ~FLAG_CF);
    dst = jit_in(t, in->rd, H_RCX);
    if (by_reg) {
        bit = jit_in(t, in->rs, H_RDX);
        a_rr_raw(&t->a, op[in->aux], in->size, bit, dst, false);
    } else {
        a_rr_raw(&t->a, 0xfba, in->size, 4 + in->aux, dst, false);
        a8(&t->a, (unsigned)in->imm & (in->size * 8u - 1));
    }
    a_mov_imm(&t->a, H_RDX, 0);
    a_rr_raw(&t->a, 0xf90 | HC_B, 4, 0, H_RDX, false);
    if (in->aux != BT_TEST) {
        if (in->size == 4) {
            a_mov(&t->a, 4, dst, dst);
        }
        jit_out(t, in->rd, dst);
    }
    a_rr(&t->a, A_OR, 4, H_RDX, H_RAX);
    a_rm(&t->a, A_MOV, 8, H_RAX, H_RBX, CPU_FIELD(CC_SRC));
    jit_cc_op(t, CC_EFLAGS, 1);
    return true;
}
