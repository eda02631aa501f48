/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging: page walks, the software TLB, and the slow halves of loads and stores.
 *
 * A TLB entry is made for one access right at a time: its write tag stays invalid until a store has set the D
 * bit, so a tag that matches needs no further check. Device pages carry TLB_SLOW and go to the address space.
 *
 * Context: the processor's thread. Page tables are read through the cached flat view; A and D bits are set with
 * atomic ors, since other processors walk the same tables.
 * Source: SDM volume 3, chapter 4 (4.6 access rights, 4.7 error code, 4.8 A and D).
 */
#include "cpu/insn.h"

#include "base/bytes.h"

enum { TLB_SLOW = 1 };
enum { ACC_READ, ACC_WRITE, ACC_EXEC };

enum {
    PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100,
};
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDR UINT64_C(0x000ffffffffff000)
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_ID = 16 };

/* What a walk found: the last entry decides where, all of them what is allowed. */
typedef struct Walk {
    uint64_t phys;
    uint64_t leaf;       /* where the last entry is, for its D bit */
    bool user, write, nx, dirty;
} Walk;

/* ---- Reading tables ---- */

static uint8_t *phys_ptr(X86CPU *cpu, uint64_t phys, bool write, uint8_t **dirty)
{
    const FlatRange *fr = flatview_lookup(cpu->view, phys);
    uint8_t *host = fr ? flatrange_ram_ptr(fr, phys, write) : NULL;

    if (host && dirty) {
        RAMBlock *rb = fr->mr->ram_block;

        *dirty = &rb->dirty[(uint64_t)(host - rb->host) >> TARGET_PAGE_BITS];
    }
    return host;
}

static uint64_t table_read(X86CPU *cpu, uint64_t phys, unsigned size)
{
    const uint8_t *p = phys_ptr(cpu, phys & cpu->phys_mask, false, NULL);

    if (!p) {
        return address_space_ld(cpu->as, phys & cpu->phys_mask, size, MEMTXATTRS_UNSPECIFIED, NULL);
    }
    return size == 8 ? __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED)
                     : __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
}

static void table_set_bits(X86CPU *cpu, uint64_t phys, uint8_t bits)
{
    uint8_t *dirty;
    uint8_t *p = phys_ptr(cpu, phys & cpu->phys_mask, true, &dirty);

    if (p) {
        __atomic_fetch_or(p, bits, __ATOMIC_RELAXED);   /* A and D live in the low byte */
        __atomic_store_n(dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    }
}

/* ---- Walks ---- */

static int page_fault(X86CPU *cpu, uint64_t lin, int access, bool user, uint32_t code)
{
    code |= (access == ACC_WRITE ? PF_W : 0) | (user ? PF_U : 0);
    if (access == ACC_EXEC && (cpu->efer & EFER_NXE) && (cpu->cr4 & CR4_PAE)) {
        code |= PF_ID;
    }
    cpu->cr2 = lin;
    return cpu_raise_code(cpu, EXC_PF, code);
}

static uint64_t reserved_bits(const X86CPU *cpu)
{
    uint64_t r = PTE_ADDR & ~cpu->phys_mask & ~(UINT64_C(1) << 20);   /* A20 masks, it does not reserve */

    return r | (cpu->efer & EFER_NXE ? 0 : PTE_NX);
}

/*
 * 4-level and PAE tables. @top is the level of the root (4 or 2 after the PDPTE), each level takes 9 bits.
 * Error codes go to @code; nothing is raised here, so that debuggers can walk too.
 */
static bool walk_64(X86CPU *cpu, uint64_t lin, uint64_t table, unsigned top, bool set_a, Walk *w, uint32_t *code)
{
    uint64_t entry_addr, pte;
    uint64_t rsvd = reserved_bits(cpu);

    for (unsigned level = top; ; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        bool leaf;

        entry_addr = table + ((lin >> shift) & 0x1ff) * 8;
        pte = table_read(cpu, entry_addr, 8);
        if (!(pte & PTE_P)) {
            *code = 0;
            return false;
        }
        leaf = level == 1 || ((pte & PTE_PS) && level <= 3);
        if ((pte & rsvd) || (level == 4 && (pte & PTE_PS)) ||
            (leaf && level > 1 && (pte & ((UINT64_C(1) << shift) - 1) & PTE_ADDR & ~UINT64_C(0x1000)))) {
            *code = PF_P | PF_RSVD;
            return false;
        }
        w->user &= !!(pte & PTE_U);
        w->write &= !!(pte & PTE_W);
        w->nx |= !!(pte & PTE_NX);
        if (set_a && !(pte & PTE_A)) {
            table_set_bits(cpu, entry_addr, PTE_A);
        }
        if (leaf) {
            uint64_t mask = (UINT64_C(1) << shift) - 1;

            w->phys = (pte & PTE_ADDR & ~mask) | (lin & mask);
            w->dirty = pte & PTE_D;
            w->leaf = entry_addr;
            return true;
        }
        table = pte & PTE_ADDR;
    }
}

static bool walk_32(X86CPU *cpu, uint64_t lin, bool set_a, Walk *w, uint32_t *code)
{
    uint64_t addr = (cpu->cr3 & 0xfffff000u) + ((lin >> 22) & 0x3ff) * 4;
    uint64_t pde = table_read(cpu, addr, 4);
    uint64_t pte = pde;
    bool large = (pde & PTE_PS) && (cpu->cr4 & CR4_PSE);

    *code = 0;
    if (!(pde & PTE_P)) {
        return false;
    }
    if (!large) {
        if (set_a && !(pde & PTE_A)) {
            table_set_bits(cpu, addr, PTE_A);
        }
        addr = (pde & 0xfffff000u) + ((lin >> 12) & 0x3ff) * 4;
        pte = table_read(cpu, addr, 4);
        if (!(pte & PTE_P)) {
            return false;
        }
        w->phys = (pte & 0xfffff000u) | (lin & 0xfff);
    } else {
        if (pde & (1u << 21)) {
            *code = PF_P | PF_RSVD;
            return false;
        }
        /* PSE-36: bits 13 to 20 are address bits 32 to 39. */
        w->phys = (pde & 0xffc00000u) | ((pde & 0x1fe000u) << 19) | (lin & 0x3fffff);
    }
    w->user = pde & pte & PTE_U;
    w->write = pde & pte & PTE_W;
    w->dirty = pte & PTE_D;
    if (set_a && !(pte & PTE_A)) {
        table_set_bits(cpu, addr, PTE_A);
    }
    w->leaf = addr;
    return true;
}

/* Translate without rights. False: not mapped, @code has P and RSVD bits. */
static bool walk(X86CPU *cpu, uint64_t lin, bool set_a, Walk *w, uint32_t *code)
{
    *w = (Walk){ .user = true, .write = true };
    *code = 0;
    if (!(cpu->cr0 & CR0_PG)) {
        w->phys = lin;
        w->dirty = true;
        return true;
    }
    if (!(cpu->cr4 & CR4_PAE)) {
        return walk_32(cpu, lin, set_a, w, code);
    }
    if (cpu_long(cpu)) {
        return walk_64(cpu, lin, cpu->cr3 & PTE_ADDR, 4, set_a, w, code);
    }
    if (!(cpu->pdpte[(lin >> 30) & 3] & PTE_P)) {
        return false;
    }
    return walk_64(cpu, lin, cpu->pdpte[(lin >> 30) & 3] & PTE_ADDR, 2, set_a, w, code);
}

static bool walk_allows(const X86CPU *cpu, const Walk *w, int access, bool user)
{
    if (user && !w->user) {
        return false;
    }
    if (access == ACC_WRITE && !w->write && (user || (cpu->cr0 & CR0_WP))) {
        return false;
    }
    return !(access == ACC_EXEC && w->nx);
}

/* ---- TLB ---- */

static TlbEntry *tlb_slot(X86CPU *cpu, uint64_t lin, unsigned mmu_idx)
{
    return &cpu->tlb[mmu_idx][(lin >> 12) & (TLB_SIZE - 1)];
}

/* Point the entry at RAM where an access of that kind may go straight to it. */
static void tlb_set(X86CPU *cpu, TlbEntry *e, uint64_t page, const Walk *w, unsigned mmu_idx)
{
    uint64_t phys = w->phys & ~UINT64_C(0xfff) & cpu->phys_mask;
    uint8_t *host = phys_ptr(cpu, phys, false, &e->dirty);
    bool direct_write = phys_ptr(cpu, phys, true, NULL) != NULL;

    if (cpu->tlb_fills < TLB_LOG_SIZE) {
        cpu->tlb_log[cpu->tlb_fills] = (uint16_t)(e - &cpu->tlb[0][0]);
    }
    cpu->tlb_fills += cpu->tlb_fills <= TLB_LOG_SIZE;
    e->phys = phys;
    e->addend = host ? (uintptr_t)host - (uintptr_t)page : 0;
    e->tag_read = page | (host ? 0 : TLB_SLOW);
    e->tag_exec = walk_allows(cpu, w, ACC_EXEC, mmu_idx == 1) ? page | (host ? 0 : TLB_SLOW) : TLB_INVALID;
    e->tag_write = TLB_INVALID;
    if (w->dirty && walk_allows(cpu, w, ACC_WRITE, mmu_idx == 1)) {
        e->tag_write = page | (host && direct_write ? 0 : TLB_SLOW);
    }
}

static int mmu_fill(X86CPU *cpu, uint64_t lin, int access, unsigned seg, unsigned mmu_idx, TlbEntry **ret)
{
    TlbEntry *e = tlb_slot(cpu, lin, mmu_idx);
    uint32_t code;
    Walk w;

    if (cpu_long(cpu) && !is_canonical(lin)) {
        return cpu_raise_code(cpu, seg == R_SS ? EXC_SS : EXC_GP, 0);
    }
    if (!walk(cpu, lin, true, &w, &code)) {
        return page_fault(cpu, lin, access, mmu_idx == 1, code);
    }
    if (!walk_allows(cpu, &w, access, mmu_idx == 1)) {
        return page_fault(cpu, lin, access, mmu_idx == 1, PF_P);
    }
    if (access == ACC_WRITE && !w.dirty) {
        table_set_bits(cpu, w.leaf, PTE_D);
        w.dirty = true;
    }
    tlb_set(cpu, e, lin & ~UINT64_C(0xfff), &w, mmu_idx);
    *ret = e;
    return RET_NEXT;
}

static int mmu_entry(X86CPU *cpu, uint64_t lin, int access, unsigned seg, unsigned mmu_idx, TlbEntry **ret)
{
    TlbEntry *e = tlb_slot(cpu, lin, mmu_idx);
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

void cpu_x86_tlb_flush(X86CPU *cpu)
{
    TlbEntry *all = &cpu->tlb[0][0];

    if (cpu->tlb_fills <= TLB_LOG_SIZE) {
        for (unsigned i = 0; i < cpu->tlb_fills; i++) {
            tlb_invalidate(&all[cpu->tlb_log[i]]);
        }
    } else {
        for (unsigned i = 0; i < 2 * TLB_SIZE; i++) {
            tlb_invalidate(&all[i]);
        }
    }
    cpu->tlb_fills = 0;
    cpu->fetch_lin = FETCH_NONE;
}

void mmu_flush_page(X86CPU *cpu, uint64_t lin)
{
    for (unsigned idx = 0; idx < 2; idx++) {
        tlb_invalidate(tlb_slot(cpu, lin, idx));
    }
    cpu->fetch_lin = FETCH_NONE;
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

int mmu_load(X86CPU *cpu, uint64_t lin, unsigned size, uint64_t *ret, unsigned seg, unsigned mmu_idx)
{
    TlbEntry *e;
    uint64_t v = 0;

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
        v = address_space_ld(cpu->as, e->phys | PAGE_OFFSET(lin), size, MEMTXATTRS_UNSPECIFIED, NULL);
    } else {
        memcpy(&v, (const void *)(lin + e->addend), size);
    }
    *ret = v;
    return RET_NEXT;
}

int mmu_probe_write(X86CPU *cpu, uint64_t lin, unsigned size, unsigned seg)
{
    TlbEntry *e;

    if (mmu_entry(cpu, lin, ACC_WRITE, seg, cpu->mmu_idx, &e) < 0) {
        return RET_FAULT;
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

    if (e->tag_write & TLB_SLOW) {
        address_space_st(cpu->as, e->phys | PAGE_OFFSET(lin), v, size, MEMTXATTRS_UNSPECIFIED, NULL);
        return RET_LEAVE;   /* the device may have changed the map or raised an interrupt */
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

        r |= store_in_page(cpu, part, at, 1, (v >> (i * 8)) & 0xff);
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

int mmu_fetch_page(X86CPU *cpu, uint64_t lin, FetchPage *ret)
{
    const FlatRange *fr;
    TlbEntry *e;

    if (mmu_entry(cpu, lin, ACC_EXEC, R_CS, cpu->mmu_idx, &e) < 0) {
        return RET_FAULT;
    }
    *ret = (FetchPage){ .phys = e->phys };
    if (!(e->tag_exec & TLB_SLOW)) {
        fr = flatview_lookup(cpu->view, e->phys);
        ret->host = (const uint8_t *)((lin & ~UINT64_C(0xfff)) + e->addend);
        ret->rb = fr->mr->ram_block;
        ret->offset = (uint64_t)(ret->host - ret->rb->host);
    }
    return RET_NEXT;
}

void mmu_fetch_current(X86CPU *cpu, FetchPage *ret)
{
    const FlatRange *fr = flatview_lookup(cpu->view, cpu->fetch_phys);

    *ret = (FetchPage){
        .host = (const uint8_t *)(cpu->fetch_lin + cpu->fetch_addend), .rb = fr->mr->ram_block,
        .phys = cpu->fetch_phys,
    };
    ret->offset = (uint64_t)(ret->host - ret->rb->host);
}

uint64_t cpu_x86_get_phys(X86CPU *cpu, uint64_t lin)
{
    bool borrowed = cpu->view != NULL;
    uint64_t r = UINT64_MAX;
    uint32_t code;
    Walk w;

    if (!borrowed) {
        cpu->view = address_space_get_flatview(cpu->as);
    }
    if (!(cpu_long(cpu) && !is_canonical(lin)) && walk(cpu, lin, false, &w, &code)) {
        r = w.phys & cpu->phys_mask;
    }
    if (!borrowed) {
        flatview_unref(cpu->view);
        cpu->view = NULL;
    }
    return r;
}

bool cpu_load_pdptes(X86CPU *cpu, uint64_t cr3)
{
    uint64_t pdpte[4];

    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = table_read(cpu, (cr3 & 0xffffffe0u) + i * 8, 8);
        if ((pdpte[i] & PTE_P) && (pdpte[i] & (0x1e6 | (PTE_ADDR & ~cpu->phys_mask & ~(UINT64_C(1) << 20)) | PTE_NX))) {
            return false;
        }
    }
    memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
    return true;
}
