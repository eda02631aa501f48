/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoded blocks: finding, decoding, storing. See code.h.
 *
 * Blocks live in an arena that only grows until it is full and then starts over; blocks that became invalid
 * are simply no longer found. A guest that keeps rewriting its code therefore costs time, not memory.
 *
 * I1  Arming a page (clear its CODE bit, count its generation up) happens before its bytes are read, so bytes
 *     written meanwhile leave the bit set and the block invalid.
 * Context: the processor's thread.
 */
#include "cpu/code.h"

#include "base/assert.h"
#include "cpu/jit.h"
#include "cpu/ops.h"

enum {
    CHUNK_SIZE = 64 * 1024,
    MAX_CHUNKS = 512,
    HASH_SIZE = 16384,
    MAX_INSN_LEN = 15,
};

struct CodeCache {
    CodeBlock *hash[HASH_SIZE];
    uint8_t *chunks[MAX_CHUNKS];
    unsigned chunk;          /* that is being filled */
    size_t used;             /* in it */
    CodeBlock *scratch;      /* room for one block that is not kept */
    JumpCacheEntry jump_cache[JUMP_CACHE_SIZE + 1];   /* room to align it */
};

static size_t block_size(unsigned n)
{
    return sizeof(CodeBlock) + n * sizeof(Insn);
}

CodeCache *code_cache_new(X86CPU *cpu)
{
    CodeCache *c = g_new0(CodeCache, 1);

    c->scratch = g_malloc0(block_size(BLOCK_MAX_INSNS));
    cpu->jump_cache = (JumpCacheEntry *)(((uintptr_t)c->jump_cache + 63) & ~(uintptr_t)63);
    return c;
}

void code_cache_free(CodeCache *c)
{
    if (!c) {
        return;
    }
    for (unsigned i = 0; i < MAX_CHUNKS; i++) {
        g_free(c->chunks[i]);
    }
    g_free(c->scratch);
    g_free(c);
}

void code_cache_flush(X86CPU *cpu)
{
    CodeCache *c = cpu->code;

    memset(c->hash, 0, sizeof(c->hash));
    memset(cpu->jump_cache, 0, JUMP_CACHE_SIZE * sizeof(JumpCacheEntry));
    c->chunk = 0;
    c->used = 0;
    jit_flush(cpu);
}

/* Room for @n instructions and a copy of their bytes. */
static CodeBlock *arena_alloc(X86CPU *cpu, unsigned n, unsigned bytes)
{
    CodeCache *c = cpu->code;
    size_t size = (block_size(n) + bytes + 15) & ~(size_t)15;
    CodeBlock *b;

    if (c->used + size > CHUNK_SIZE) {
        c->chunk++;
        c->used = 0;
        if (c->chunk == MAX_CHUNKS) {
            code_cache_flush(cpu);
        }
    }
    if (!c->chunks[c->chunk]) {
        c->chunks[c->chunk] = g_malloc(CHUNK_SIZE);
    }
    b = (CodeBlock *)(c->chunks[c->chunk] + c->used);
    c->used += size;
    return b;
}

static unsigned hash_of(uint64_t ram_addr)
{
    return (unsigned)((ram_addr ^ (ram_addr >> 11)) & (HASH_SIZE - 1));
}

/* (I1) */
static CodePage arm_page(const FetchPage *p)
{
    uint64_t page = p->offset >> TARGET_PAGE_BITS;
    uint8_t *dirty = &p->rb->dirty[page];
    uint32_t *gen = &p->rb->code_gen[page];

    if (__atomic_load_n(dirty, __ATOMIC_RELAXED) & DIRTY_MEMORY_CODE_BIT) {
        __atomic_add_fetch(gen, 1, __ATOMIC_RELAXED);
        __atomic_fetch_and(dirty, (uint8_t)~DIRTY_MEMORY_CODE_BIT, __ATOMIC_SEQ_CST);
    }
    return (CodePage){ .dirty = dirty, .gen = gen, .seen = __atomic_load_n(gen, __ATOMIC_RELAXED) };
}

/* The bytes that a block was made from; not kept for one that crosses pages. */
static uint8_t *block_code(CodeBlock *b)
{
    return (uint8_t *)&b->insns[b->n];
}

/*
 * The page was written, but perhaps not where the block is: firmware keeps data beside its code. The page is armed
 * before the bytes are compared, so a later store is noticed (I1).
 */
static bool revalidate(CodeBlock *b, const FetchPage *p)
{
    CodePage page;

    if (b->page2.dirty) {
        return false;
    }
    page = arm_page(p);
    if (memcmp(block_code(b), p->host + PAGE_OFFSET(b->ram_addr), b->bytes) != 0) {
        return false;   /* and stays invalid: the jump cache may still know it */
    }
    b->page = page;
    b->entry = NULL;   /* it jumps straight to blocks of the old generation */
    b->runs = b->runs == CODE_NEVER_TRANSLATED ? b->runs : 0;
    return true;
}

static CodeBlock *hash_find(X86CPU *cpu, const FetchPage *p, uint64_t lin)
{
    uint64_t ram_addr = p->rb->offset + p->offset + PAGE_OFFSET(lin);
    CodeBlock **link = &cpu->code->hash[hash_of(ram_addr)];

    while (*link) {
        CodeBlock *b = *link;
        FetchPage second;

        if (b->ram_addr != ram_addr || b->code_bits != cpu->code_bits) {
            link = &b->next;
            continue;
        }
        if (!code_block_valid(b) && !revalidate(b, p)) {
            *link = b->next;
            continue;
        }
        link = &b->next;
        if (!b->page2.dirty) {
            return b;
        }
        /* The second half may be mapped elsewhere now. */
        if (mmu_fetch_page(cpu, ((lin | 0xfff) + 1) & cpu->lin_mask, &second) < 0) {
            return NULL;
        }
        if (second.host && second.rb->offset + second.offset == b->ram_addr2) {
            return b;
        }
    }
    return NULL;
}

/* Bytes of an instruction that are not all in one page of RAM. False: the second page faults, if it is needed. */
static bool gather(X86CPU *cpu, uint64_t lin, const FetchPage *first, uint8_t *buf, size_t *len, FetchPage *second)
{
    unsigned head = MIN(MAX_INSN_LEN, 4096 - (unsigned)PAGE_OFFSET(lin));
    Insn probe;

    *second = (FetchPage){ 0 };
    for (unsigned i = 0; i < head; i++) {
        buf[i] = first->host ? first->host[PAGE_OFFSET(lin) + i]
                             : ldub_phys(cpu->as, first->phys + PAGE_OFFSET(lin) + i);
    }
    *len = head;
    if (insn_decode(cpu->code_bits, buf, head, 0, &probe) == DECODE_OK) {
        return true;
    }
    if (mmu_fetch_page(cpu, (lin + head) & cpu->lin_mask, second) < 0) {
        return false;
    }
    for (unsigned i = head; i < MAX_INSN_LEN; i++) {
        buf[i] = second->host ? second->host[i - head] : ldub_phys(cpu->as, second->phys + i - head);
    }
    *len = MAX_INSN_LEN;
    return true;
}

/* One instruction, for code that crosses pages or is not RAM. Kept only when it is RAM on both sides. */
static CodeBlock *decode_single(X86CPU *cpu, uint64_t lin, const FetchPage *first)
{
    uint8_t buf[MAX_INSN_LEN];
    CodeBlock *b = cpu->code->scratch;
    FetchPage second;
    CodePage page = { 0 }, page2 = { 0 };
    size_t len;
    bool keep;

    if (first->host) {
        page = arm_page(first);
    }
    if (!gather(cpu, lin, first, buf, &len, &second)) {
        return NULL;
    }
    keep = first->host && second.host;
    if (keep) {
        page2 = arm_page(&second);
        if (!gather(cpu, lin, first, buf, &len, &second)) {   /* again, now that both are armed */
            return NULL;
        }
        b = arena_alloc(cpu, 1, 0);
    }
    *b = (CodeBlock){
        .page = page, .page2 = page2, .n = 1, .code_bits = cpu->code_bits, .runs = CODE_NEVER_TRANSLATED,
        .ram_addr = first->host ? first->rb->offset + first->offset + PAGE_OFFSET(lin) : 0,
        .ram_addr2 = keep ? second.rb->offset + second.offset : 0,
    };
    (void)insn_decode(cpu->code_bits, buf, len, 0, &b->insns[0]);   /* gather saw to it that it ends */
    b->bytes = b->insns[0].len;
    if (keep) {
        CodeBlock **head = &cpu->code->hash[hash_of(b->ram_addr)];

        b->next = *head;
        *head = b;
    }
    return b;
}

static CodeBlock *decode_block(X86CPU *cpu, uint64_t lin, const FetchPage *p)
{
    Insn insns[BLOCK_MAX_INSNS];
    uint8_t bytes[BLOCK_MAX_INSNS * MAX_INSN_LEN];
    unsigned start = (unsigned)PAGE_OFFSET(lin), len = MIN(4096 - start, sizeof(bytes)), pos = 0, n = 0;
    CodePage page = arm_page(p);
    CodeBlock **head, *b;

    memcpy(bytes, p->host + start, len);   /* once: what is decoded is what is kept to compare with */
    while (n < BLOCK_MAX_INSNS && pos < len) {
        if (insn_decode(cpu->code_bits, bytes + pos, len - pos, pos, &insns[n]) == DECODE_MORE) {
            break;   /* it crosses into the next page */
        }
        if (n > 0 && (insns[n].flags & IF_ALONE)) {
            break;
        }
        pos += insns[n].len;
        if (insns[n++].flags & IF_STOP) {
            break;
        }
    }
    if (n == 0) {
        return decode_single(cpu, lin, p);
    }
    b = arena_alloc(cpu, n, pos);
    *b = (CodeBlock){
        .page = page, .n = (uint8_t)n, .code_bits = cpu->code_bits, .bytes = (uint16_t)pos,
        .ram_addr = p->rb->offset + p->offset + start,
    };
    memcpy(b->insns, insns, n * sizeof(Insn));
    memcpy(block_code(b), bytes, pos);
    for (unsigned i = 0; i < n; i++) {
        b->insns[i].pos = (uint8_t)i;
    }
    head = &cpu->code->hash[hash_of(b->ram_addr)];
    b->next = *head;
    *head = b;
    return b;
}

CodeBlock *code_find_slow(X86CPU *cpu, uint64_t lin)
{
    FetchPage p;
    CodeBlock *b;

    if (!code_enter_page(cpu, lin) && mmu_fetch_page(cpu, lin, &p) < 0) {
        return NULL;
    }
    if (!code_enter_page(cpu, lin)) {
        return decode_single(cpu, lin, &p);   /* not RAM */
    }
    mmu_fetch_current(cpu, &p);
    b = hash_find(cpu, &p, lin);
    if (!b) {
        b = decode_block(cpu, lin, &p);
    }
    /* A block on two pages has to look at the translation of the second each time. */
    if (b && b != cpu->code->scratch && !b->page2.dirty) {
        jump_cache_set(cpu, lin + cpu->fetch_addend, b);
    }
    return b;
}
