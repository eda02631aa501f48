/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of translated instructions: guest registers, the TLB's fast path, flags. See jit-int.h for the contracts.
 *
 * Memory is reached as DEFINE_LD_ST in insn.h does it, flags are left and read as flags.h says.
 * Context: pure but for the buffer of the translation.
 */
#include "cpu/jit-int.h"

/* ---- Registers ---- */

int jit_mapped(unsigned off)
{
    static const int8_t host[16] = {
        [R_EAX] = H_R8, [R_ECX] = H_R9, [R_EDX] = H_R10, [R_EBX] = H_R12, [R_ESP] = H_R13, [R_EBP] = H_R14,
        [R_ESI] = H_RSI, [R_EDI] = H_RDI, [R_R8] = H_R11, [R_R9] = H_NONE, [R_R10] = H_NONE, [R_R11] = H_NONE,
        [R_R12] = H_R15, [R_R13] = H_NONE, [R_R14] = H_NONE, [R_R15] = H_NONE,
    };

    return off / 8 < 16 ? host[off / 8] : H_NONE;
}

int jit_in(Trans *t, unsigned off, int scratch)
{
    int host = jit_mapped(off);

    if (host != H_NONE) {
        return host;
    }
    a_rm(&t->a, A_LOAD, 8, scratch, H_RBX, jit_home(off & ~7u));
    return scratch;
}

void jit_out(Trans *t, unsigned off, int host)
{
    if (jit_mapped(off) == H_NONE) {
        a_rm(&t->a, A_MOV, 8, host, H_RBX, jit_home(off & ~7u));
    }
}

void jit_set(Trans *t, unsigned off, unsigned size, int src)
{
    int host = jit_mapped(off);

    if (host != H_NONE) {
        a_mov(&t->a, size, host, src);
        return;
    }
    /* Always all of it: a short store is not forwarded to the next load. */
    if (size == 4) {
        int tmp = src > H_RDX ? H_RAX : src;

        a_mov(&t->a, 4, tmp, src);
        src = tmp;
    } else if (size < 4) {
        int tmp = src == H_RCX ? H_RDX : H_RCX;

        a_rm(&t->a, A_LOAD, 8, tmp, H_RBX, jit_home(off));
        a_mov(&t->a, size, tmp, src);
        src = tmp;
    }
    a_rm(&t->a, A_MOV, 8, src, H_RBX, jit_home(off));
}

/* ---- Cold parts ---- */

Cold *jit_cold(Trans *t, unsigned kind)
{
    Cold *c = &t->cold[t->n_cold];

    if (t->n_cold == COLD_MAX) {
        t->a.full = true;
        return &t->cold[0];   /* it is thrown away */
    }
    t->n_cold++;
    *c = (Cold){ .kind = (uint8_t)kind, .in = t->in };
    return c;
}

void jit_cold_from(Trans *t, Cold *c, uint8_t *after)
{
    if (c->n_from == COLD_MAX_JUMPS) {
        t->a.full = true;
        return;
    }
    c->from[c->n_from++] = after;
}

void jit_slow_if(Trans *t, unsigned cond)
{
    if (!t->slow) {
        t->slow = jit_cold(t, COLD_SLOW);
    }
    jit_cold_from(t, t->slow, a_jcc(&t->a, cond));
}

/* ---- Memory ---- */

bool jit_ea(Trans *t, int dst)
{
    const Insn *in = t->in;
    int base = H_NONE, index = H_NONE;
    int64_t disp = in->disp;

    if (in->base == R_BLOCK_RIP * 8) {
        a_rm(&t->a, A_LOAD, 8, dst, H_RBX, CPU_FIELD(PAGE));
        base = dst;
        disp += (int64_t)(t->b->ram_addr & 0xfff);
    } else if (in->base != REG_OFF_NONE) {
        base = jit_in(t, in->base, dst);
    }
    if (in->index != REG_OFF_NONE) {
        index = jit_in(t, in->index, H_RCX);
    }
    if (!a_fits32(disp) || in->ashift > 32) {
        return false;
    }
    a_rmx_raw(&t->a, A_LEA, in->ashift ? 4 : 8, dst, base, index, in->scale, (int32_t)disp, false);
    return true;
}

static bool linear(Trans *t)
{
    if (!jit_ea(t, H_RAX)) {
        return false;
    }
    if (t->in->seg == R_FS || t->in->seg == R_GS) {
        a_rm(&t->a, A_ADD + A_FROM_RM, 8, H_RAX, H_RBX,
             (int32_t)(offsetof(X86CPU, seg_base) + t->in->seg * 8u) - JIT_BIAS);
    }
    return true;
}

static void tlb(Trans *t, unsigned size, int32_t tag)
{
    Asm *a = &t->a;

    a_mov(a, 4, H_RCX, H_RAX);
    a_shift(a, 5, 4, H_RCX, 12 - JIT_TLB_SHIFT);
    a_ri(a, A_AND, 4, H_RCX, JIT_TLB_MASK << JIT_TLB_SHIFT);
    a_rm(a, A_ADD + A_FROM_RM, 8, H_RCX, H_RBX, CPU_FIELD(TLB));
    /* The last byte: an access that crosses into the next page matches no tag. */
    a_rm(a, A_LEA, 8, H_RDX, H_RAX, (int32_t)size - 1);
    a_ri(a, A_AND, 8, H_RDX, -4096);
    a_rm(a, A_CMP, 8, H_RDX, H_RCX, tag);
    jit_slow_if(t, HC_NE);
    a_rm(a, A_ADD + A_FROM_RM, 8, H_RAX, H_RCX, JIT_TLB_ADDEND);
    t->host_flags = HOST_FLAGS_NONE;
}

void jit_tlb_load(Trans *t, unsigned size)
{
    tlb(t, size, JIT_TLB_READ);
}

void jit_tlb_store(Trans *t, unsigned size)
{
    tlb(t, size, JIT_TLB_WRITE);
    a_rm(&t->a, A_LOAD, 8, H_RDX, H_RCX, JIT_TLB_DIRTY);
}

bool jit_addr_load(Trans *t, unsigned size)
{
    if (!linear(t)) {
        return false;
    }
    jit_tlb_load(t, size);
    return true;
}

bool jit_addr_store(Trans *t, unsigned size)
{
    if (!linear(t)) {
        return false;
    }
    jit_tlb_store(t, size);
    return true;
}

void jit_stored(Trans *t)
{
    Cold *c = jit_cold(t, COLD_LEAVE);

    a_rm(&t->a, 0xf7, 1, 0, H_RDX, 0);
    a8(&t->a, DIRTY_MEMORY_CODE_BIT);
    a_store_imm(&t->a, 1, H_RDX, 0, DIRTY_MEMORY_ALL);
    jit_cold_from(t, c, a_jcc(&t->a, HC_E));
}

void jit_load(Trans *t, unsigned size, int dst)
{
    a_rm(&t->a, size == 1 ? A_MOVZX8 : size == 2 ? A_MOVZX16 : A_LOAD, size == 8 ? 8 : 4, dst, H_RAX, 0);
}

/* ---- Flags ---- */

static void zero_extended(Trans *t, unsigned size, int src, int dst)
{
    if (size == 1) {
        a_rr_raw(&t->a, A_MOVZX8, 4, dst, src, a_is_new_byte(1, src));
    } else if (size == 2) {
        a_rr_raw(&t->a, A_MOVZX16, 4, dst, src, false);
    } else {
        a_rr(&t->a, A_MOV, size, src, dst);
    }
}

static void keep(Trans *t, unsigned size, int src, int tmp, int32_t field)
{
    if (size < 8) {
        zero_extended(t, size, src, tmp);
        src = tmp;
    }
    a_rm(&t->a, A_MOV, 8, src, H_RBX, field);
}

void jit_cc_src(Trans *t, unsigned size, int src, int tmp)
{
    keep(t, size, src, tmp, CPU_FIELD(CC_SRC));
}

void jit_cc_src_imm(Trans *t, unsigned size, int64_t imm, int tmp)
{
    uint64_t v = (uint64_t)imm & size_bits_mask(size);

    if (a_fits32((int64_t)v)) {
        a_store_imm(&t->a, 8, H_RBX, CPU_FIELD(CC_SRC), (int64_t)v);
    } else {
        a_mov_imm(&t->a, tmp, v);
        a_rm(&t->a, A_MOV, 8, tmp, H_RBX, CPU_FIELD(CC_SRC));
    }
}

void jit_cc_dst(Trans *t, unsigned size, int src, int tmp)
{
    keep(t, size, src, tmp, CPU_FIELD(CC_DST));
}

void jit_cc_op(Trans *t, unsigned kind, unsigned size)
{
    int op = (int)CC_OP(kind, (unsigned)__builtin_ctz(size));

    if (t->cc != op) {
        a_store_imm(&t->a, 4, H_RBX, CPU_FIELD(CC_OP), op);
        t->cc = op;
    }
}

static unsigned cond_by_helper(Trans *t, unsigned cond)
{
    a_mov_imm(&t->a, H_RAX, cond);
    a_call_via(&t->a, &t->jit->calls->cond);
    a_rr(&t->a, A_TEST, 4, H_RAX, H_RAX);
    return HC_NE;
}

/* The two operands of the operation that cc_op names, so that doing it again sets the host's flags. */
static void redo(Trans *t, unsigned kind, unsigned size)
{
    Asm *a = &t->a;

    a_rm(a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(CC_DST));
    a_rm(a, A_LOAD, 8, H_RDX, H_RBX, CPU_FIELD(CC_SRC));
    a_rr(a, kind == CC_SUB ? A_ADD : A_SUB, 8, H_RDX, H_RAX);
    a_rr(a, kind == CC_SUB ? A_CMP : A_ADD, size, H_RDX, H_RAX);
}

void jit_redo(Trans *t)
{
    if (t->cc >> 2 == CC_LOGIC) {
        a_mi(&t->a, A_CMP, 1u << (t->cc & 3), H_RBX, CPU_FIELD(CC_DST), 0);
    } else {
        redo(t, (unsigned)t->cc >> 2, 1u << (t->cc & 3));
    }
}

unsigned jit_cond(Trans *t, unsigned cond)
{
    unsigned kind = t->cc < 0 ? CC_EFLAGS : (unsigned)t->cc >> 2;
    unsigned size = 1u << (t->cc & 3), test = cond >> 1;
    bool needs_cf = test == 1 || test == 3;
    bool of_result = test == 2 || test == 4;   /* ZF or SF alone */
    static const uint32_t flag_of[6] = {
        FLAG_OF, FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_SF, FLAG_PF,
    };

    if (t->host_flags == HOST_FLAGS_ALL || (t->host_flags == HOST_FLAGS_NO_CF && !needs_cf)) {
        return cond;
    }
    t->host_flags = HOST_FLAGS_NONE;
    if (t->cc == CC_OP(CC_EFLAGS, 0) && test < 6) {
        a_rm(&t->a, 0xf7, 4, 0, H_RBX, CPU_FIELD(CC_SRC));
        a32(&t->a, flag_of[test]);
        return cond & 1 ? HC_E : HC_NE;
    }
    if (kind == CC_EFLAGS || kind == CC_MUL) {
        return cond_by_helper(t, cond);
    }
    if (kind == CC_LOGIC || of_result) {
        a_mi(&t->a, A_CMP, size, H_RBX, CPU_FIELD(CC_DST), 0);
        return cond;
    }
    if (kind == CC_SUB || kind == CC_ADD) {
        redo(t, kind, size);
        return cond;
    }
    return cond_by_helper(t, cond);
}

void jit_flags(Trans *t)
{
    unsigned kind = t->cc < 0 ? CC_EFLAGS : (unsigned)t->cc >> 2;

    if (t->cc == CC_OP(CC_EFLAGS, 0)) {
        a_rm(&t->a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(CC_SRC));
    } else if (kind == CC_SUB || kind == CC_ADD || kind == CC_LOGIC) {
        jit_redo(t);
        a8(&t->a, 0x9c);   /* pushf; pop rax */
        a8(&t->a, 0x58);
    } else {
        a_call_via(&t->a, &t->jit->calls->flags);
    }
    t->host_flags = HOST_FLAGS_NONE;
}

void jit_carry(Trans *t)
{
    Asm *a = &t->a;
    unsigned kind = t->cc < 0 ? CC_EFLAGS : (unsigned)t->cc >> 2;

    if (t->host_flags != HOST_FLAGS_ALL && kind != CC_SUB && kind != CC_ADD) {
        if (kind == CC_INC || kind == CC_DEC || kind == CC_MUL) {
            a_rm(a, A_LOAD, 8, H_RDX, H_RBX, CPU_FIELD(CC_SRC));
        } else if (kind == CC_LOGIC) {
            a_mov_imm(a, H_RDX, 0);
        } else {
            a_call_via(a, &t->jit->calls->carry);
            a_mov(a, 4, H_RDX, H_RAX);
        }
        t->host_flags = HOST_FLAGS_NONE;
        return;
    }
    if (t->host_flags != HOST_FLAGS_ALL) {
        redo(t, kind, 1u << (t->cc & 3));
    }
    a_mov_imm(a, H_RDX, 0);
    a_rr_raw(a, 0xf90 | HC_B, 4, 0, H_RDX, false);
    t->host_flags = HOST_FLAGS_NONE;
}
