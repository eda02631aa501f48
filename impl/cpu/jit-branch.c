/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation of the ways from block to block.
 *
 * Within the page a jump is linked to the next block once that is translated; beyond, jit_lookup finds it each time.
 */
#include "cpu/jit-int.h"

/* A block of the same page and generation that is translated already, if that is known. */
static const uint8_t *known_entry(const Trans *t, unsigned off)
{
    const CodeBlock *b = t->b;
    uintptr_t host;
    const JumpCacheEntry *j;

    if (off == (b->ram_addr & 0xfff)) {
        return t->start + t->a.delta;
    }
    host = (uintptr_t)t->cpu->fetch_lin + t->cpu->fetch_addend + off;
    j = jump_find(t->cpu, host);
    if (!j || j->block->code_bits != 64 || j->block->page.dirty != b->page.dirty ||
        j->block->page.seen != b->page.seen) {
        return NULL;
    }
    return j->block->entry;
}

static void link_to(Trans *t, unsigned off)
{
    const uint8_t *entry = known_entry(t, off);
    JitLink *link;
    Cold *c;

    if (entry) {
        a_bind(&t->a, a_jmp(&t->a), entry - t->a.delta);
        return;
    }
    link = &t->jit->links[t->jit->n_links];
    t->jit->n_links++;
    c = jit_cold(t, COLD_LINK);
    c->link = link;
    c->off = off;
    a_jmp_via(&t->a, &link->to);
}

/* Let the handler raise the exception if the target in rax is not canonical. rcx is lost. */
static void check_canonical(Trans *t)
{
    Asm *a = &t->a;

    a_mov(a, 8, H_RCX, H_RAX);
    a_shift(a, 7, 8, H_RCX, 47);
    a_ri(a, A_ADD, 4, H_RCX, 1);
    a_ri(a, A_CMP, 4, H_RCX, 1);
    jit_slow_if(t, HC_A);
    t->host_flags = HOST_FLAGS_NONE;
}

/* Go to the address in rax. */
static void look_up(Trans *t)
{
    a_call_via(&t->a, &t->jit->calls->lookup);
    a_rr_raw(&t->a, 0xff, 4, 4, H_RDX, false);
}

static bool in_page(int64_t off)
{
    return off >= 0 && off < 4096;
}

static int64_t next_off(const Trans *t)
{
    return (int64_t)(t->b->ram_addr & 0xfff) + t->in->off + t->in->len;
}

/* Go to @off from the start of the page. */
static void go_to(Trans *t, int64_t off, bool check)
{
    if (in_page(off)) {
        link_to(t, (unsigned)off);
        return;
    }
    a_rm(&t->a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(PAGE));
    a_rm(&t->a, A_LEA, 8, H_RAX, H_RAX, (int32_t)off);
    if (check) {
        check_canonical(t);
    }
    look_up(t);
}

void jit_fall_through(Trans *t)
{
    go_to(t, next_off(t), false);
}

bool jit_jcc(Trans *t)
{
    int64_t target = next_off(t) + t->in->imm;
    unsigned cond;
    uint8_t *taken;

    if (!a_fits32(target) || t->in->size != 8) {
        return false;
    }
    cond = jit_cond(t, t->in->aux);
    taken = a_jcc(&t->a, cond);
    go_to(t, next_off(t), false);
    a_here(&t->a, taken);
    go_to(t, target, true);
    return true;
}

bool jit_jmp(Trans *t)
{
    int64_t target = next_off(t) + t->in->imm;

    if (!a_fits32(target) || t->in->size != 8) {
        return false;
    }
    go_to(t, target, true);
    return true;
}

/* The operand to rax. */
static bool load_target(Trans *t)
{
    const Insn *in = t->in;

    if (in->size != 8) {
        return false;
    }
    if (!(in->flags & IF_MEM)) {
        a_mov(&t->a, 8, H_RAX, jit_in(t, in->rd, H_RAX));
    } else if (!jit_addr_load(t, 8)) {
        return false;
    } else {
        jit_load(t, 8, H_RAX);
    }
    check_canonical(t);
    return true;
}

bool jit_jmp_rm(Trans *t)
{
    if (!load_target(t)) {
        return false;
    }
    look_up(t);
    return true;
}

/* Push the address behind the call. A store to code does not undo the jump: it is looked at behind it. */
static void push_return(Trans *t)
{
    Asm *a = &t->a;
    int rsp = jit_mapped(R_ESP * 8);
    Cold *c = jit_cold(t, COLD_RECHECK);

    a_rm(a, A_LEA, 8, H_RAX, rsp, -8);
    jit_tlb_store(t, 8);
    a_rm(a, A_LOAD, 8, H_RCX, H_RBX, CPU_FIELD(PAGE));
    a_rm(a, A_LEA, 8, H_RCX, H_RCX, (int32_t)next_off(t));
    a_rm(a, A_MOV, 8, H_RCX, H_RAX, 0);
    a_rm(a, A_LEA, 8, rsp, rsp, -8);
    a_rm(a, 0xf7, 1, 0, H_RDX, 0);
    a8(a, DIRTY_MEMORY_CODE_BIT);
    a_store_imm(a, 1, H_RDX, 0, DIRTY_MEMORY_ALL);
    jit_cold_from(t, c, a_jcc(a, HC_E));
    c->resume = a->p;
}

bool jit_call_rel(Trans *t)
{
    int64_t target = next_off(t) + t->in->imm;

    if (!a_fits32(target) || t->in->size != 8) {
        return false;
    }
    if (!in_page(target)) {
        a_rm(&t->a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(PAGE));
        a_rm(&t->a, A_LEA, 8, H_RAX, H_RAX, (int32_t)target);
        check_canonical(t);
    }
    push_return(t);
    go_to(t, target, false);
    return true;
}

bool jit_call_rm(Trans *t)
{
    if (!load_target(t)) {
        return false;
    }
    a_rm(&t->a, A_MOV, 8, H_RAX, H_RBX, CPU_FIELD(TMP));
    push_return(t);
    a_rm(&t->a, A_LOAD, 8, H_RAX, H_RBX, CPU_FIELD(TMP));
    look_up(t);
    return true;
}

bool jit_ret(Trans *t)
{
    int rsp = jit_mapped(R_ESP * 8);

    if (t->in->size != 8) {
        return false;
    }
    a_mov(&t->a, 8, H_RAX, rsp);
    jit_tlb_load(t, 8);
    jit_load(t, 8, H_RAX);
    check_canonical(t);
    a_rm(&t->a, A_LEA, 8, rsp, rsp, (int32_t)(8 + t->in->imm));
    look_up(t);
    return true;
}
