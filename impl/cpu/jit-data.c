/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation of moves, extensions, conditional data, the stack.
 */
#include "cpu/jit-int.h"

/* ---- mov ---- */

static bool mov_imm(Trans *t)
{
    const Insn *in = t->in;
    int host = jit_mapped(in->rd);

    if (in->size < 4) {
        host = jit_in(t, in->rd, H_RAX);
        a_rr(&t->a, 0xc7, in->size, 0, host);
        a_imm(&t->a, in->size, in->imm);
        jit_out(t, in->rd, host);
        return true;
    }
    a_mov_imm(&t->a, host == H_NONE ? H_RAX : host, (uint64_t)in->imm & size_bits_mask(in->size));
    jit_out(t, in->rd, H_RAX);
    return true;
}

static bool mov_store(Trans *t)
{
    const Insn *in = t->in;
    bool imm = t->kind.form == FORM_MI;

    if ((imm && !a_fits32(in->imm) && in->size == 8) || !jit_addr_store(t, in->size)) {
        return false;
    }
    if (imm) {
        a_store_imm(&t->a, in->size, H_RAX, 0, in->imm);
    } else {
        a_rm(&t->a, A_MOV, in->size, jit_in(t, in->rs, H_RCX), H_RAX, 0);
    }
    jit_stored(t);
    return true;
}

bool jit_mov(Trans *t)
{
    const Insn *in = t->in;

    if (jit_is_high_byte(in->rd) || jit_is_high_byte(in->rs)) {
        return false;
    }
    switch (t->kind.form) {
    case FORM_RR:
        t->next_host_flags = t->host_flags;
        jit_set(t, in->rd, in->size, jit_in(t, in->rs, H_RAX));
        return true;
    case FORM_RI:
        t->next_host_flags = t->host_flags;
        return mov_imm(t);
    case FORM_RM:
        if (!jit_addr_load(t, in->size)) {
            return false;
        }
        if (in->size >= 4 && jit_mapped(in->rd) != H_NONE) {
            a_rm(&t->a, A_LOAD, in->size, jit_mapped(in->rd), H_RAX, 0);
        } else {
            jit_load(t, in->size, H_RCX);
            jit_set(t, in->rd, in->size, H_RCX);
        }
        return true;
    default:
        return mov_store(t);
    }
}

bool jit_lea(Trans *t)
{
    const Insn *in = t->in;
    int host = jit_mapped(in->rd);
    /* Straight into the register unless that is also the scratch register for the base, or keeps a part. */
    bool direct = in->size == 8 && host != H_NONE && (in->base == REG_OFF_NONE || jit_mapped(in->base) != H_NONE);

    if (!jit_ea(t, direct ? host : H_RAX)) {
        return false;
    }
    if (!direct) {
        jit_set(t, in->rd, in->size, H_RAX);
    }
    t->next_host_flags = t->host_flags;
    return true;
}

/* ---- Extensions ---- */

static unsigned movx_op(unsigned src_size, bool sign)
{
    if (src_size == 1) {
        return sign ? A_MOVSX8 : A_MOVZX8;
    }
    if (src_size == 2) {
        return sign ? A_MOVSX16 : A_MOVZX16;
    }
    return sign ? A_MOVSXD : A_LOAD;
}

bool jit_movx(Trans *t)
{
    const Insn *in = t->in;
    unsigned op = movx_op(in->aux, t->kind.op);
    unsigned width = t->kind.op && in->size == 8 ? 8 : 4;   /* as far as the sign has to go */
    int dst = jit_mapped(in->rd);

    if (jit_is_high_byte(in->rs) || (in->aux == 4 && in->size < 8) || in->size == 2) {
        return false;
    }
    dst = dst == H_NONE ? H_RCX : dst;
    if (in->flags & IF_MEM) {
        if (!jit_addr_load(t, in->aux)) {
            return false;
        }
        a_rm(&t->a, op, width, dst, H_RAX, 0);
    } else {
        int src = jit_in(t, in->rs, H_RAX);

        a_rr_raw(&t->a, op, width, dst, src, a_is_new_byte(in->aux, src));
        t->next_host_flags = t->host_flags;
    }
    jit_out(t, in->rd, dst);
    return true;
}

/* ---- Conditional data ---- */

bool jit_cmov(Trans *t)
{
    const Insn *in = t->in;
    unsigned cond;
    int src, dst;

    if (in->flags & IF_MEM) {
        if (!jit_addr_load(t, in->size)) {
            return false;
        }
        jit_load(t, in->size, H_RCX);
        a_rm(&t->a, A_MOV, 8, H_RCX, H_RBX, CPU_FIELD(TMP));
        cond = jit_cond(t, in->aux);
        a_rm(&t->a, A_LOAD, 8, H_RCX, H_RBX, CPU_FIELD(TMP));
        src = H_RCX;
    } else {
        cond = jit_cond(t, in->aux);
        src = jit_in(t, in->rs, H_RCX);
        t->next_host_flags = t->host_flags;
    }
    dst = jit_in(t, in->rd, H_RAX);
    a_rr_raw(&t->a, 0xf40 | cond, in->size, dst, src, false);
    jit_out(t, in->rd, dst);
    return true;
}

bool jit_setcc(Trans *t)
{
    const Insn *in = t->in;
    unsigned cond;
    int host = jit_mapped(in->rd);

    if ((in->flags & IF_MEM) || jit_is_high_byte(in->rd)) {
        return false;
    }
    cond = jit_cond(t, in->aux);
    host = host == H_NONE ? H_RAX : host;
    a_rr_raw(&t->a, 0xf90 | cond, 4, 0, host, a_is_new_byte(1, host));
    if (host == H_RAX) {
        jit_set(t, in->rd, 1, H_RAX);
    }
    t->next_host_flags = t->host_flags;
    return true;
}

/* ---- Between registers ---- */

bool jit_xchg(Trans *t)
{
    const Insn *in = t->in;
    int a, b;

    if (in->size < 4) {
        return false;
    }
    a = jit_in(t, in->rd, H_RAX);
    b = jit_in(t, in->rs, H_RCX);
    a_mov(&t->a, in->size, H_RDX, a);
    jit_set(t, in->rd, in->size, b);
    jit_set(t, in->rs, in->size, H_RDX);
    t->next_host_flags = t->host_flags;
    return true;
}

bool jit_bswap(Trans *t)
{
    const Insn *in = t->in;
    int dst;

    if (in->size < 4) {
        return false;
    }
    dst = jit_in(t, in->rd, H_RAX);
    a_op(&t->a, 0xfc8 | ((unsigned)dst & 7), in->size, 0, 0, dst, false);
    jit_out(t, in->rd, dst);
    t->next_host_flags = t->host_flags;
    return true;
}

bool jit_cbw(Trans *t)
{
    const Insn *in = t->in;
    int host = jit_mapped(R_EAX * 8);

    if (in->size < 4) {
        return false;
    }
    a_rr_raw(&t->a, in->size == 8 ? A_MOVSXD : A_MOVSX16, in->size, host, host, false);
    t->next_host_flags = t->host_flags;
    return true;
}

bool jit_cwd(Trans *t)
{
    const Insn *in = t->in;
    int dst = jit_mapped(R_EDX * 8);

    if (in->size < 4) {
        return false;
    }
    a_mov(&t->a, in->size, dst, jit_mapped(R_EAX * 8));
    a_shift(&t->a, 7, in->size, dst, in->size * 8u - 1);
    return true;
}

bool jit_cld(Trans *t)
{
    if (t->in->aux != FLAGOP_CLD) {
        return false;
    }
    a_mi(&t->a, A_AND, 4, H_RBX, CPU_FIELD(EFLAGS), (int32_t)~FLAG_DF);
    return true;
}

/* ---- The stack ---- */

/* rsp moves only when nothing can go wrong any more. */
static void move_rsp(Trans *t, int32_t by)
{
    int rsp = jit_mapped(R_ESP * 8);

    a_rm(&t->a, A_LEA, 8, rsp, rsp, by);
}

static void push_address(Trans *t)
{
    a_rm(&t->a, A_LEA, 8, H_RAX, jit_mapped(R_ESP * 8), -8);
    jit_tlb_store(t, 8);
}

bool jit_push(Trans *t)
{
    push_address(t);
    a_rm(&t->a, A_MOV, 8, jit_in(t, t->in->rd, H_RCX), H_RAX, 0);
    move_rsp(t, -8);
    jit_stored(t);
    return true;
}

bool jit_push_imm(Trans *t)
{
    if (t->in->size != 8 || !a_fits32(t->in->imm)) {
        return false;
    }
    push_address(t);
    a_store_imm(&t->a, 8, H_RAX, 0, t->in->imm);
    move_rsp(t, -8);
    jit_stored(t);
    return true;
}

bool jit_pop(Trans *t)
{
    a_mov(&t->a, 8, H_RAX, jit_mapped(R_ESP * 8));
    jit_tlb_load(t, 8);
    jit_load(t, 8, H_RCX);
    move_rsp(t, 8);
    jit_set(t, t->in->rd, 8, H_RCX);   /* second, so that pop rsp keeps the value */
    return true;
}

bool jit_leave(Trans *t)
{
    int rbp = jit_mapped(R_EBP * 8);

    if (t->in->size != 8) {
        return false;
    }
    a_mov(&t->a, 8, H_RAX, rbp);
    jit_tlb_load(t, 8);
    a_rm(&t->a, A_LEA, 8, jit_mapped(R_ESP * 8), rbp, 8);
    a_rm(&t->a, A_LOAD, 8, rbp, H_RAX, 0);
    return true;
}
