/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB, and the slow halves of loads and stores.
 *
 * A TLB entry is made for one access right at a time: its write tag stays invalid until a store has set the D
 * bit, so a tag that matches needs no further check. Tags with TLB_SLOW match no fast path: devices, pages with
 * breakpoints on data, and everything in the TLB of user code that wants alignment checked.
 *
 * There is a TLB for each way to look at memory (MMU_*). Entries of pages that are not global go when CR3 is loaded;
 * process-context identifiers need no more, since flushing too much is allowed.
 *
 * Context: the processor's thread.
 * Source: SDM volume 3, chapter 4 (4.7 error code, 4.10 caching).
 */
#include "cpu/walk.h"

/* In a tag: the page is a device, or RAM that is watched. */
enum { TLB_SLOW = 1 };
/* TlbEntry.flags. The RAM bits say what a watched entry is: direct once the checks are made. */
enum { TLBF_GLOBAL = 1, TLBF_RAM_READ = 2, TLBF_RAM_WRITE = 4, TLBF_LARGE = 8 };

static int page_fault(X86CPU *cpu, uint64_t lin, int access, bool user, uint32_t code)
{
    code |= (access == ACC_WRITE ? PF_W : 0) | (user ? PF_U : 0);
    if (access == ACC_EXEC && (((cpu->efer & EFER_NXE) && (cpu->cr4 & CR4_PAE)) || (cpu->cr4 & CR4_SMEP))) {
        code |= PF_ID;
    }
    cpu->cr2 = lin;
    return cpu_raise_code(cpu, EXC_PF, code);
}

/* ---- TLB ---- */

static TlbEntry *tlb_slot(X86CPU *cpu, uint64_t lin, unsigned which)
{
    return &cpu->tlb[which][(lin >> 12) & (TLB_SIZE - 1)];
}

static TlbEntry *tlb_slot_for(X86CPU *cpu, uint64_t lin, int access, unsigned mmu_idx)
{
    return tlb_slot(cpu, lin, access == ACC_EXEC ? TLB_OF_CODE(mmu_idx) : mmu_idx);
}

/* Remember which entries to flush: global ones and others apart, since loading CR3 leaves the former. */
static void tlb_remember(X86CPU *cpu, const TlbEntry *e)
{
    TlbLog *log = &cpu->tlb_log[e->flags & TLBF_GLOBAL ? 1 : 0];

    if (log->fills < TLB_LOG_SIZE) {
        log->entry[log->fills] = (uint16_t)(e - &cpu->tlb[0][0]);
    }
    log->fills += log->fills <= TLB_LOG_SIZE;
    cpu->tlb_large |= e->flags & TLBF_LARGE;
}

/* Point the entry at RAM where an access of that kind may go straight to it. */
static void tlb_set(X86CPU *cpu, TlbEntry *e, uint64_t page, const Walk *w, unsigned mmu_idx)
{
    uint64_t phys = w->phys & ~UINT64_C(0xfff) & cpu->phys_mask;
    uint8_t *host = phys_ptr(cpu, phys, false, &e->dirty);
    bool direct_write = phys_ptr(cpu, phys, true, NULL) != NULL;
    bool watched = mmu_idx == MMU_USER_ALIGN || debug_watches_page(cpu, page);

    e->flags = (w->global ? TLBF_GLOBAL : 0) | (host ? TLBF_RAM_READ : 0) | (direct_write ? TLBF_RAM_WRITE : 0) |
               (w->shift > 12 ? TLBF_LARGE : 0);
    e->shift = w->shift;
    tlb_remember(cpu, e);
    e->phys = phys;
    e->addend = host ? (uintptr_t)host - (uintptr_t)page : 0;
    e->tag_read = walk_allows(cpu, w, ACC_READ, mmu_idx) ? page | (host && !watched ? 0 : TLB_SLOW) : TLB_INVALID;
    e->tag_exec = walk_allows(cpu, w, ACC_EXEC, mmu_idx) ? page | (host ? 0 : TLB_SLOW) : TLB_INVALID;
    e->tag_write = TLB_INVALID;
    if (w->dirty && walk_allows(cpu, w, ACC_WRITE, mmu_idx)) {
        e->tag_write = page | (host && direct_write && !watched ? 0 : TLB_SLOW);
    }
}

static int mmu_fill(X86CPU *cpu, uint64_t lin, int access, unsigned seg, unsigned mmu_idx, TlbEntry **ret)
{
    TlbEntry *e = tlb_slot_for(cpu, lin, access, mmu_idx);
    uint32_t code;
    Walk w;

    if (cpu_long(cpu) && !is_canonical(lin)) {
        return cpu_raise_code(cpu, seg == R_SS ? EXC_SS : EXC_GP, 0);
    }
    if (!walk_for(cpu, lin, access, mmu_idx, &w, &code)) {
        return page_fault(cpu, lin, access, mmu_idx_is_user(mmu_idx), code);
    }
    if (!walk_allows(cpu, &w, access, mmu_idx)) {
        return page_fault(cpu, lin, access, mmu_idx_is_user(mmu_idx), PF_P);
    }
    tlb_set(cpu, e, lin & ~UINT64_C(0xfff), &w, mmu_idx);
    *ret = e;
    return RET_NEXT;
}

static int mmu_entry(X86CPU *cpu, uint64_t lin, int access, unsigned seg, unsigned mmu_idx, TlbEntry **ret)
{
    TlbEntry *e = tlb_slot_for(cpu, lin, access, mmu_idx);
    uint64_t tag = access == ACC_WRITE ? e->tag_write : access == ACC_READ ? e->tag_read : e->tag_exec;

    if (tag != TLB_INVALID && (tag & ~(uint64_t)TLB_SLOW) == (lin & ~UINT64_C(0xfff))) {
        *ret = e;
        return RET_NEXT;
    }
    return mmu_fill(cpu, lin, access, seg, mmu_idx, ret);
}

static void tlb_invalidate(TlbEntry *e)
{
    e->tag_read = e->tag_write = e->tag_exec = TLB_INVALID;
}

static void tlb_flush_log(X86CPU *cpu, TlbLog *log, bool global)
{
    TlbEntry *all = &cpu->tlb[0][0];

    if (log->fills <= TLB_LOG_SIZE) {
        for (unsigned i = 0; i < log->fills; i++) {
            TlbEntry *e = &all[log->entry[i]];

            if (global == !!(e->flags & TLBF_GLOBAL)) {   /* the slot may have a new page */
                tlb_invalidate(e);
            }
        }
    } else {
        for (unsigned i = 0; i < TLB__COUNT * TLB_SIZE; i++) {
            if (global == !!(all[i].flags & TLBF_GLOBAL)) {
                tlb_invalidate(&all[i]);
            }
        }
    }
    log->fills = 0;
}

void mmu_flush_nonglobal(X86CPU *cpu)
{
    tlb_flush_log(cpu, &cpu->tlb_log[0], false);
    cpu->fetch_lin = FETCH_NONE;
    cpu->recheck = 1;
}

void cpu_x86_tlb_flush(X86CPU *cpu)
{
    mmu_flush_nonglobal(cpu);
    tlb_flush_log(cpu, &cpu->tlb_log[1], true);
    cpu->tlb_large = false;
}

/* A large page has entries of 4 KiB all over the TLB, and all of them go. */
static void flush_large(X86CPU *cpu, uint64_t lin)
{
    for (unsigned i = 0; i < TLB__COUNT * TLB_SIZE; i++) {
        TlbEntry *e = &cpu->tlb[0][0] + i;
        uint64_t page = e->tag_read != TLB_INVALID ? e->tag_read : e->tag_exec;

        if ((e->flags & TLBF_LARGE) && page != TLB_INVALID && page >> e->shift == lin >> e->shift) {
            tlb_invalidate(e);
        }
    }
}

void mmu_flush_page(X86CPU *cpu, uint64_t lin)
{
    for (unsigned idx = 0; idx < TLB__COUNT; idx++) {
        tlb_invalidate(tlb_slot(cpu, lin, idx));
    }
    if (cpu->tlb_large) {
        flush_large(cpu, lin);
    }
    cpu->fetch_lin = FETCH_NONE;
    cpu->recheck = 1;
}

static void tag_watch(const X86CPU *cpu, uint64_t *tag)
{
    if (*tag != TLB_INVALID && debug_watches_page(cpu, *tag & ~UINT64_C(0xfff))) {
        *tag |= TLB_SLOW;
    }
}

void mmu_watch(X86CPU *cpu)
{
    for (unsigned i = 0; i < TLB__COUNT * TLB_SIZE; i++) {
        tag_watch(cpu, &(&cpu->tlb[0][0] + i)->tag_read);
        tag_watch(cpu, &(&cpu->tlb[0][0] + i)->tag_write);
    }
}

/* ---- Accesses ---- */

/* Where an access that crosses the end of memory goes on. Not lin_mask: system accesses ignore the code size. */
static uint64_t wrap_mask(const X86CPU *cpu)
{
    return cpu_long(cpu) ? UINT64_MAX : 0xffffffffu;
}

static bool crosses_page(uint64_t lin, unsigned size)
{
    return PAGE_OFFSET(lin) > 4096 - size;
}

/* A page with TLB_SLOW: what must be looked at before RAM is touched, or the device itself. */
static int load_slow(X86CPU *cpu, const TlbEntry *e, uint64_t lin, unsigned size, uint64_t *v)
{
    if (e->flags & TLBF_RAM_READ) {
        debug_access(cpu, lin, size, false);
        memcpy(v, (const void *)(lin + e->addend), size);
        return RET_NEXT;
    }
    if (!cpu_io_begin(cpu)) {
        return RET_FAULT;
    }
    *v = address_space_ld(cpu->as, e->phys | PAGE_OFFSET(lin), size, MEMTXATTRS_UNSPECIFIED, NULL);
    return RET_NEXT;
}

static bool misaligned(uint64_t lin, unsigned size, unsigned mmu_idx)
{
    return G_UNLIKELY(mmu_idx == MMU_USER_ALIGN) && (size & (size - 1)) == 0 && (lin & (size - 1));
}

int mmu_load(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t *ret, unsigned seg, unsigned mmu_idx)
{
    TlbEntry *e;
    uint64_t v = 0;

    if (misaligned(lin, size, mmu_idx)) {
        return cpu_raise_code(cpu, EXC_AC, 0);
    }
    if (crosses_page(lin, size)) {
        for (unsigned i = 0; i < size; i++) {
            uint64_t b;

            if (mmu_load(cpu, (lin + i) & wrap_mask(cpu), 1, &b, seg, mmu_idx) < 0) {
                return RET_FAULT;
            }
            v |= b << (i * 8);
        }
        *ret = v;
        return RET_NEXT;
    }
    if (mmu_entry(cpu, lin, ACC_READ, seg, mmu_idx, &e) < 0) {
        return RET_FAULT;
    }
    if (e->tag_read & TLB_SLOW) {
        if (load_slow(cpu, e, lin, size, &v) < 0) {
            return RET_FAULT;
        }
    } else {
        memcpy(&v, (const void *)(lin + e->addend), size);
    }
    *ret = v;
    return RET_NEXT;
}

int mmu_probe_write(X86CPU *cpu, uint64_t lin, unsigned size, unsigned seg)
{
    TlbEntry *e;

    if (misaligned(lin, size, cpu->mmu_idx)) {
        return cpu_raise_code(cpu, EXC_AC, 0);
    }
    if (mmu_entry(cpu, lin, ACC_WRITE, seg, cpu->mmu_idx, &e) < 0) {
        return RET_FAULT;
    }
    if (e->tag_write & TLB_SLOW) {
        debug_access(cpu, lin, size, true);
    }
    if (crosses_page(lin, size)) {
        uint64_t second = ((lin | 0xfff) + 1) & wrap_mask(cpu);

        return mmu_entry(cpu, second, ACC_WRITE, seg, cpu->mmu_idx, &e);
    }
    return RET_NEXT;
}

static int store_in_page(X86CPU *cpu, TlbEntry *e, uint64_t lin, unsigned size, uint64_t v)
{
    uint8_t before;

    if (!(e->flags & TLBF_RAM_WRITE)) {
        if (!cpu_io_begin(cpu)) {
            return RET_FAULT;
        }
        address_space_st(cpu->as, e->phys | PAGE_OFFSET(lin), v, size, MEMTXATTRS_UNSPECIFIED, NULL);
        return RET_LEAVE;   /* the device may have changed the map or raised an interrupt */
    }
    if (e->tag_write & TLB_SLOW) {
        debug_access(cpu, lin, size, true);
    }
    before = __atomic_load_n(e->dirty, __ATOMIC_RELAXED);
    memcpy((void *)(lin + e->addend), &v, size);
    __atomic_store_n(e->dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    return before & DIRTY_MEMORY_CODE_BIT ? RET_NEXT : RET_LEAVE;
}

int mmu_store(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t v, unsigned seg, unsigned mmu_idx)
{
    TlbEntry *e, *e2;
    int r = RET_NEXT;

    if (misaligned(lin, size, mmu_idx)) {
        return cpu_raise_code(cpu, EXC_AC, 0);
    }
    if (mmu_entry(cpu, lin, ACC_WRITE, seg, mmu_idx, &e) < 0) {
        return RET_FAULT;
    }
    if (!crosses_page(lin, size)) {
        return store_in_page(cpu, e, lin, size, v);
    }
    /* Both pages are checked before the first byte is stored. */
    if (mmu_entry(cpu, ((lin | 0xfff) + 1) & wrap_mask(cpu), ACC_WRITE, seg, mmu_idx, &e2) < 0) {
        return RET_FAULT;
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = (lin + i) & wrap_mask(cpu);
        TlbEntry *part = PAGE_OFFSET(at) >= PAGE_OFFSET(lin) ? e : e2;

        int one = store_in_page(cpu, part, at, 1, (v >> (i * 8)) & 0xff);

        if (one < 0) {
            return one;
        }
        r |= one;
    }
    return r;
}

uint8_t *mmu_host(X86CPU *cpu, uint64_t lin, unsigned size, bool write, TlbEntry **ret_entry)
{
    TlbEntry *e = tlb_slot(cpu, lin, cpu->mmu_idx);

    if (crosses_page(lin, size) || (write ? e->tag_write : e->tag_read) != (lin & ~UINT64_C(0xfff))) {
        return NULL;
    }
    *ret_entry = e;
    return (uint8_t *)(lin + e->addend);
}

uint8_t *mmu_host_probed(X86CPU *cpu, uint64_t lin, unsigned size, TlbEntry **ret_entry)
{
    TlbEntry *e = tlb_slot(cpu, lin, cpu->mmu_idx);

    if (crosses_page(lin, size) || (e->tag_write & ~(uint64_t)TLB_SLOW) != (lin & ~UINT64_C(0xfff)) ||
        !(e->flags & TLBF_RAM_WRITE)) {
        return NULL;
    }
    *ret_entry = e;
    return (uint8_t *)(lin + e->addend);
}

int mmu_fetch_page(X86CPU *cpu, uint64_t lin, FetchPage *ret)
{
    const FlatRange *fr;
    TlbEntry *e;

    if (mmu_entry(cpu, lin, ACC_EXEC, R_CS, cpu->mmu_idx, &e) < 0) {
        return RET_FAULT;
    }
    *ret = (FetchPage){ .phys = e->phys };
    if (!(e->tag_exec & TLB_SLOW)) {
        fr = phys_range(cpu, e->phys);
        ret->host = (const uint8_t *)((lin & ~UINT64_C(0xfff)) + e->addend);
        ret->rb = fr->mr->ram_block;
        ret->offset = (uint64_t)(ret->host - ret->rb->host);
    }
    return RET_NEXT;
}

void mmu_fetch_current(X86CPU *cpu, FetchPage *ret)
{
    const FlatRange *fr = phys_range(cpu, cpu->fetch_phys);

    *ret = (FetchPage){
        .host = (const uint8_t *)(cpu->fetch_lin + cpu->fetch_addend), .rb = fr->mr->ram_block,
        .phys = cpu->fetch_phys,
    };
    ret->offset = (uint64_t)(ret->host - ret->rb->host);
}
