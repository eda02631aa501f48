/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translated blocks: their memory, when they are made, how they are entered and linked. See jit.h.
 *
 * Owns: one mapping for each processor: links and addresses in its first part, code in the rest, which is never
 * writable and executable at once. It fills up and is then emptied together with the decoded blocks.
 * Context: the processor's thread.
 */
#include "cpu/jit.h"

#include "base/assert.h"
#include "cpu/jit-int.h"
#include "sched/io.h"

enum {
    JIT_DATA_SIZE = 8 * 1024 * 1024,
    JIT_CODE_SIZE = 64 * 1024 * 1024,
    JIT_BUF_SIZE = 32 * 1024,
    JIT_LINK_ROOM = 2 * BLOCK_MAX_INSNS,
    JIT_MAX_LINKS = (JIT_DATA_SIZE - 4096) / sizeof(JitLink) - JIT_LINK_ROOM,
};

/* In jit-x86_64.S. */
int jit_enter(X86CPU *cpu, const uint8_t *code);
void jit_exit(void);
void jit_exit_at(void);
void jit_lookup(void);
void jit_call_slow(void);
void jit_call_cond(void);
void jit_call_carry(void);
void jit_call_flags(void);
/* Called from there. */
int jit_slow(X86CPU *cpu, const Insn *in);

enum { JIT_GO_ON = -1 };

#define SAME_OFFSET(name, field) G_STATIC_ASSERT(JIT_CPU_##name == offsetof(X86CPU, field))
SAME_OFFSET(RIP, rip);
SAME_OFFSET(CC_OP, cc_op);
SAME_OFFSET(CC_DST, cc_dst);
SAME_OFFSET(CC_SRC, cc_src);
SAME_OFFSET(CC_SRC2, cc_src2);
SAME_OFFSET(EFLAGS, eflags);
SAME_OFFSET(PENDING, pending);
SAME_OFFSET(RECHECK, recheck);
SAME_OFFSET(FETCH_LIN, fetch_lin);
SAME_OFFSET(FETCH_ADDEND, fetch_addend);
SAME_OFFSET(FETCH_PHYS, fetch_phys);
SAME_OFFSET(JUMP_CACHE, jump_cache);
SAME_OFFSET(LEFT, jit_left);
SAME_OFFSET(PAGE, jit_page);
SAME_OFFSET(TLB, jit_tlb);
SAME_OFFSET(TMP, jit_tmp);
SAME_OFFSET(LINK, jit_link);
G_STATIC_ASSERT(offsetof(X86CPU, regs) == 0);
G_STATIC_ASSERT(JIT_TLB_READ == offsetof(TlbEntry, tag_read) && JIT_TLB_WRITE == offsetof(TlbEntry, tag_write));
G_STATIC_ASSERT(JIT_TLB_EXEC == offsetof(TlbEntry, tag_exec) && JIT_TLB_ADDEND == offsetof(TlbEntry, addend));
G_STATIC_ASSERT(JIT_TLB_DIRTY == offsetof(TlbEntry, dirty) && JIT_TLB_PHYS == offsetof(TlbEntry, phys));
G_STATIC_ASSERT(JIT_TLB_OF_CODE == TLB_OF_CODE(0) * TLB_SIZE * sizeof(TlbEntry));
G_STATIC_ASSERT(sizeof(TlbEntry) == 1 << JIT_TLB_SHIFT && TLB_SIZE - 1 == JIT_TLB_MASK);
G_STATIC_ASSERT(JIT_JUMP_HOST == offsetof(JumpCacheEntry, host) && JIT_JUMP_ENTRY == offsetof(JumpCacheEntry, entry));
G_STATIC_ASSERT(JIT_JUMP_DIRTY == offsetof(JumpCacheEntry, dirty) && JIT_JUMP_GEN == offsetof(JumpCacheEntry, gen));
G_STATIC_ASSERT(JIT_JUMP_SEEN == offsetof(JumpCacheEntry, seen));
G_STATIC_ASSERT(sizeof(JumpCacheEntry) == JIT_JUMP_SIZE && 2 * JIT_JUMP_SIZE == 1 << JIT_JUMP_SET_SHIFT);
G_STATIC_ASSERT(JUMP_CACHE_SIZE / 2 - 1 == JIT_JUMP_MASK);

/* ---- Memory ---- */

bool cpu_x86_set_translate(X86CPU *cpu, unsigned threshold)
{
    JitState *j = cpu->jit;

    if (!j) {
        uint8_t *data = sched_code_alloc(JIT_DATA_SIZE, JIT_CODE_SIZE);

        if (!data) {
            return false;
        }
        j = g_new0(JitState, 1);
        j->data = data;
        j->calls = (JitCalls *)data;
        *j->calls = (JitCalls){
            .exit = jit_exit, .exit_at = jit_exit_at, .lookup = jit_lookup, .slow = jit_call_slow,
            .cond = jit_call_cond, .carry = jit_call_carry, .flags = jit_call_flags,
        };
        j->links = (JitLink *)(data + 4096);
        j->kinds = jit_kinds();
        j->buf = g_malloc(JIT_BUF_SIZE);
        cpu->jit = j;
    }
    j->threshold = MAX(threshold, 1);
    return true;
}

void jit_free(X86CPU *cpu)
{
    JitState *j = cpu->jit;

    if (!j) {
        return;
    }
    sched_code_free(j->data, JIT_DATA_SIZE, JIT_CODE_SIZE);
    g_hash_table_unref(j->kinds);
    g_free(j->buf);
    g_free(j);
    cpu->jit = NULL;
}

void jit_flush(X86CPU *cpu)
{
    if (cpu->jit) {
        cpu->jit->n_links = 0;
        cpu->jit->used = 0;
        cpu->jit->full = false;
        cpu->jit_link = NULL;
    }
}

bool jit_is_full(const X86CPU *cpu)
{
    return cpu->jit && cpu->jit->full;
}

/* ---- Making ---- */

static bool translate(X86CPU *cpu, CodeBlock *b)
{
    JitState *j = cpu->jit;
    uint8_t *at = j->data + JIT_DATA_SIZE + j->used;
    unsigned n_links = j->n_links;
    size_t len;
    Trans *t;
    bool ok;

    if (j->used + JIT_BUF_SIZE > JIT_CODE_SIZE || n_links > JIT_MAX_LINKS) {
        j->full = true;
        return false;
    }
    t = g_new0(Trans, 1);
    t->a = (Asm){ .p = j->buf, .end = j->buf + JIT_BUF_SIZE, .delta = at - j->buf };
    t->start = j->buf;
    t->cpu = cpu;
    t->jit = j;
    t->b = b;
    ok = jit_emit_block(t);
    len = (size_t)(t->a.p - j->buf);
    ok = ok && sched_code_write(at, j->buf, len);
    if (ok) {
        jit_set_links(t);
        j->used += (len + 15) & ~(size_t)15;
        b->entry = at;
        jump_cache_set(cpu, cpu->rip + cpu->fetch_addend, b);
    } else {
        j->n_links = n_links;
        b->runs = CODE_NEVER_TRANSLATED;
    }
    g_free(t);
    return ok;
}

bool jit_prepare(X86CPU *cpu, CodeBlock *b)
{
    JitLink *link = cpu->jit_link;

    cpu->jit_link = NULL;
    if (!b->entry) {
        if (b->runs == CODE_NEVER_TRANSLATED || b->code_bits != 64 || (b->insns[0].flags & IF_ALONE) ||
            ++b->runs < cpu->jit->threshold ||
            !translate(cpu, b)) {
            return false;
        }
    }
    /* (I2 of jit.h) Both ends are of one page as it is now. An interrupt may have come in between: see where b is. */
    if (link && link->off == (b->ram_addr & 0xfff) && link->owner->page.dirty == b->page.dirty &&
        link->owner->page.seen == b->page.seen && code_page_valid(&link->owner->page)) {
        link->to = b->entry;
    }
    return true;
}

/* ---- Running ---- */

static const CodeBlock *block_of(const Insn *in)
{
    return (const CodeBlock *)((const char *)(in - in->pos) - offsetof(CodeBlock, insns));
}

int jit_slow(X86CPU *cpu, const Insn *in)
{
    const CodeBlock *b = block_of(in);
    int r;

    cpu->regs[R_BLOCK_RIP] = cpu->jit_page + (b->ram_addr & 0xfff);
    cpu->rip = cpu->regs[R_BLOCK_RIP];
    cpu->icount = cpu->jit_icount_end - cpu->jit_left - b->n;
    r = in->fn(cpu, in);
    if (G_LIKELY(r == RET_NEXT)) {
        cpu->jit_tlb = cpu->tlb[cpu->mmu_idx];
        /* Not every store of several parts, or behind the scenes, ends the block; the next one must know. */
        cpu->recheck |= !code_page_valid(&b->page);
        return JIT_GO_ON;
    }
    cpu->jit_left += b->n - in->pos - 1u;
    if (r == RET_FAULT) {
        cpu->rip = insn_rip(cpu, in);
        return JIT_FAULT;
    }
    if (r != RET_JUMP) {
        cpu->rip = insn_next_rip(cpu, in);
    }
    return JIT_EXIT;
}

bool jit_run(X86CPU *cpu, const CodeBlock *b, uint64_t *left)
{
    int r;

    cpu->jit_left = *left;
    cpu->jit_icount_end = cpu->icount + *left;
    cpu->jit_page = cpu->rip & ~UINT64_C(0xfff);
    cpu->jit_tlb = cpu->tlb[cpu->mmu_idx];
    cpu->recheck = 0;
    cpu->io_ok = false;   /* devices and clocks: by the interpreter, which knows where it is */
    r = jit_enter(cpu, b->entry + JIT_RAW_ENTRY);
    cpu->io_ok = true;
    *left = cpu->jit_left;
    cpu->icount = cpu->jit_icount_end - *left;
    return r == JIT_FAULT;
}
