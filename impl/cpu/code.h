/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache of decoded blocks. Internal to cpu/.
 *
 * A block is a run of instructions in one page of RAM, found by its place in RAM and the code size, so remapping
 * a page costs nothing and two mappings share it. An instruction that crosses into the next page is a block of
 * its own that depends on both pages. Code that is not in RAM is decoded each time into a scratch block.
 */
#ifndef CPU_CODE_H
#define CPU_CODE_H

#include "cpu/insn.h"

enum { BLOCK_MAX_INSNS = 32 };

#define CODE_NEVER_TRANSLATED UINT32_MAX

/* What a block depends on: it is valid while the page's CODE bit is clear and its generation the same (I2 of cpu.h). */
typedef struct CodePage {
    const uint8_t *dirty;
    const uint32_t *gen;
    uint32_t seen;
} CodePage;

struct CodeBlock {
    CodePage page;
    const uint8_t *entry;    /* of its translation, or NULL */
    CodePage page2;          /* dirty is NULL unless the block crosses */
    uint64_t ram_addr;
    uint64_t ram_addr2;
    CodeBlock *next;         /* in the hash chain */
    uint32_t runs;           /* by the interpreter, or CODE_NEVER_TRANSLATED */
    uint16_t bytes;
    uint8_t n;
    uint8_t code_bits;
    Insn insns[];
};

/** code_cache_new: with the jump cache of @cpu. */
CodeCache *code_cache_new(X86CPU *cpu);
void code_cache_free(CodeCache *c);
/** code_cache_flush: forget all blocks. No block may be executing. */
void code_cache_flush(X86CPU *cpu);

/** code_find: the block at rip, decoded if need be. NULL: an exception is raised. Borrowed until the next call. */
CodeBlock *code_find_slow(X86CPU *cpu, uint64_t lin);

static inline bool code_page_valid(const CodePage *p)
{
    return !(__atomic_load_n(p->dirty, __ATOMIC_ACQUIRE) & DIRTY_MEMORY_CODE_BIT) &&
           __atomic_load_n(p->gen, __ATOMIC_RELAXED) == p->seen;
}

static inline bool code_block_valid(const CodeBlock *b)
{
    return code_page_valid(&b->page) && (!b->page2.dirty || code_page_valid(&b->page2));
}

/* Two entries for each address, the first one for the newer block. */
static inline JumpCacheEntry *jump_set(X86CPU *cpu, uintptr_t host)
{
    return &cpu->jump_cache[((host ^ (host >> 9)) << 1) & (JUMP_CACHE_SIZE - 1)];
}

/** jump_find: the entry of @host, or NULL. */
static inline JumpCacheEntry *jump_find(X86CPU *cpu, uintptr_t host)
{
    JumpCacheEntry *j = jump_set(cpu, host);

    j += j->host != host;
    return j->host == host ? j : NULL;
}

/** jump_cache_set: @b, at @host, will be found quickly. Again when its entry changes. */
static inline void jump_cache_set(X86CPU *cpu, uintptr_t host, CodeBlock *b)
{
    JumpCacheEntry *j = jump_set(cpu, host);

    if (j->host != host) {
        j[1] = j[0];
    }
    *j = (JumpCacheEntry){
        .host = host, .block = b, .entry = b->entry, .dirty = b->page.dirty, .gen = b->page.gen, .seen = b->page.seen,
    };
}

/* Fetch from the page of @lin from now on. False: it must be translated first. */
static inline bool code_enter_page(X86CPU *cpu, uint64_t lin)
{
    uint64_t page = lin & ~UINT64_C(0xfff);
    const TlbEntry *e;

    if (G_LIKELY(page == cpu->fetch_lin)) {
        return true;
    }
    e = &cpu->tlb[TLB_OF_CODE(cpu->mmu_idx)][(lin >> 12) & (TLB_SIZE - 1)];
    if (e->tag_exec != page) {
        return false;
    }
    cpu->fetch_lin = page;
    cpu->fetch_addend = e->addend;
    cpu->fetch_phys = e->phys;
    return true;
}

static inline CodeBlock *code_find(X86CPU *cpu)
{
    uint64_t lin = (cpu->rip + cpu->seg_base[R_CS]) & cpu->lin_mask;

    if (G_LIKELY(code_enter_page(cpu, lin))) {
        uintptr_t host = lin + cpu->fetch_addend;
        const JumpCacheEntry *j = jump_find(cpu, host);

        if (G_LIKELY(j && j->block->code_bits == cpu->code_bits && code_page_valid(&j->block->page))) {
            return j->block;
        }
    }
    return code_find_slow(cpu, lin);
}

#endif
