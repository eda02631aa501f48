/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks: 32-bit, PAE and 4-level tables, their rights, accessed and dirty bits. See walk.h.
 *
 * I1  A and D bits are set by compare and swap on the entry that was read, as processors do: an entry that another
 *     one has changed meanwhile is read again, so none is marked after it was taken away.
 * Source: SDM volume 3, chapter 4 (4.6 access rights, 4.8 A and D).
 */
#include "cpu/walk.h"

#include "base/bytes.h"

enum {
    PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100,
};
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDR UINT64_C(0x000ffffffffff000)

typedef enum WalkResult { WALK_OK, WALK_FAULT, WALK_AGAIN } WalkResult;

typedef struct Walker {
    int access;
    unsigned mmu_idx;
    bool mark;           /* set A and D bits; not for debuggers */
    Walk *w;
    uint32_t *code;
} Walker;

/* ---- Tables ---- */

const FlatRange *phys_range(X86CPU *cpu, uint64_t phys)
{
    const FlatRange *fr = cpu->last_range;

    if (G_UNLIKELY(!fr || phys - fr->addr >= fr->size)) {
        fr = flatview_lookup(cpu->view, phys);
        cpu->last_range = fr;
    }
    return fr;
}

uint8_t *phys_ptr(X86CPU *cpu, uint64_t phys, bool write, uint8_t **dirty)
{
    const FlatRange *fr = phys_range(cpu, phys);
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

/* Set @bits in the entry, which was @old (I1). Tables in ROM keep what they have. */
static bool table_mark(X86CPU *cpu, uint64_t phys, uint64_t old, uint64_t bits, unsigned size)
{
    uint32_t old32 = (uint32_t)old;
    uint8_t *dirty;
    uint8_t *p;
    bool same;

    if ((old & bits) == bits) {
        return true;
    }
    p = phys_ptr(cpu, phys & cpu->phys_mask, true, &dirty);
    if (!p) {
        return true;
    }
    same = size == 8 ? __atomic_compare_exchange_n((uint64_t *)p, &old, old | bits, false, __ATOMIC_SEQ_CST,
                                                   __ATOMIC_SEQ_CST)
                     : __atomic_compare_exchange_n((uint32_t *)p, &old32, (uint32_t)(old | bits), false,
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    __atomic_store_n(dirty, DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    return same;
}

/* ---- Rights ---- */

bool walk_allows(const X86CPU *cpu, const Walk *w, int access, unsigned mmu_idx)
{
    bool user = mmu_idx_is_user(mmu_idx);

    if (!(cpu->cr0 & CR0_PG)) {
        return true;
    }
    if (user && !w->user) {
        return false;
    }
    if (!user && w->user && (access == ACC_EXEC ? cpu->cr4 & CR4_SMEP
                                                : (cpu->cr4 & CR4_SMAP) && mmu_idx != MMU_KERNEL_AC)) {
        return false;
    }
    if (access == ACC_WRITE && !w->write && (user || (cpu->cr0 & CR0_WP))) {
        return false;
    }
    return !(access == ACC_EXEC && w->nx);
}

/* The walk came to its leaf: mark it if the access will happen. */
static WalkResult finish(X86CPU *cpu, const Walker *k, uint64_t addr, uint64_t pte, unsigned size)
{
    uint64_t bits = PTE_A;

    k->w->dirty = pte & PTE_D;
    k->w->global = (pte & PTE_G) && (cpu->cr4 & CR4_PGE);
    if (!k->mark || !walk_allows(cpu, k->w, k->access, k->mmu_idx)) {
        return WALK_OK;
    }
    if (k->access == ACC_WRITE) {
        bits |= PTE_D;
        k->w->dirty = true;
    }
    return table_mark(cpu, addr, pte, bits, size) ? WALK_OK : WALK_AGAIN;
}

/* ---- Walks ---- */

static uint64_t reserved_bits(const X86CPU *cpu)
{
    uint64_t r = PTE_ADDR & ~cpu->phys_mask & ~(UINT64_C(1) << 20);   /* A20 masks, it does not reserve */

    return r | (cpu->efer & EFER_NXE ? 0 : PTE_NX);
}

/* Bits that must be clear in an entry of @level besides those of reserved_bits(). */
static uint64_t level_reserved(const X86CPU *cpu, unsigned level, bool leaf)
{
    if (level == 4 || (level == 3 && !(cpu->model.features[FEAT_8000_0001_EDX] & CPUID_EXT2_PDPE1GB))) {
        return PTE_PS;
    }
    return leaf && level > 1 ? ((UINT64_C(1) << (12 + 9 * (level - 1))) - 1) & PTE_ADDR & ~UINT64_C(0x1000) : 0;
}

/*
 * 4-level and PAE tables. @top is the level of the root (4 or 2 after the PDPTE), each level takes 9 bits.
 */
static WalkResult walk_64(X86CPU *cpu, uint64_t lin, uint64_t table, unsigned top, const Walker *k)
{
    uint64_t rsvd = reserved_bits(cpu);

    for (unsigned level = top; ; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t entry_addr = table + ((lin >> shift) & 0x1ff) * 8;
        uint64_t pte = table_read(cpu, entry_addr, 8);
        bool leaf = level == 1 || ((pte & PTE_PS) && level <= 3);

        if (!(pte & PTE_P)) {
            *k->code = 0;
            return WALK_FAULT;
        }
        if (pte & (rsvd | level_reserved(cpu, level, leaf))) {
            *k->code = PF_P | PF_RSVD;
            return WALK_FAULT;
        }
        k->w->user &= !!(pte & PTE_U);
        k->w->write &= !!(pte & PTE_W);
        k->w->nx |= !!(pte & PTE_NX);
        if (leaf) {
            uint64_t mask = (UINT64_C(1) << shift) - 1;

            k->w->phys = (pte & PTE_ADDR & ~mask) | (lin & mask);
            k->w->shift = shift;
            return finish(cpu, k, entry_addr, pte, 8);
        }
        if (k->mark && !table_mark(cpu, entry_addr, pte, PTE_A, 8)) {
            return WALK_AGAIN;
        }
        table = pte & PTE_ADDR;
    }
}

static WalkResult walk_32(X86CPU *cpu, uint64_t lin, const Walker *k)
{
    uint64_t addr = (cpu->cr3 & 0xfffff000u) + ((lin >> 22) & 0x3ff) * 4;
    uint64_t pde = table_read(cpu, addr, 4);
    uint64_t pte = pde;
    bool large = (pde & PTE_PS) && (cpu->cr4 & CR4_PSE);

    *k->code = 0;
    if (!(pde & PTE_P)) {
        return WALK_FAULT;
    }
    if (!large) {
        if (k->mark && !table_mark(cpu, addr, pde, PTE_A, 4)) {
            return WALK_AGAIN;
        }
        addr = (pde & 0xfffff000u) + ((lin >> 12) & 0x3ff) * 4;
        pte = table_read(cpu, addr, 4);
        if (!(pte & PTE_P)) {
            return WALK_FAULT;
        }
        k->w->phys = (pte & 0xfffff000u) | (lin & 0xfff);
    } else {
        if (pde & (1u << 21)) {
            *k->code = PF_P | PF_RSVD;
            return WALK_FAULT;
        }
        /* PSE-36: bits 13 to 20 are address bits 32 to 39. */
        k->w->phys = (pde & 0xffc00000u) | ((pde & 0x1fe000u) << 19) | (lin & 0x3fffff);
        k->w->shift = 22;
    }
    k->w->user = pde & pte & PTE_U;
    k->w->write = pde & pte & PTE_W;
    return finish(cpu, k, addr, pte, 4);
}

static WalkResult walk_once(X86CPU *cpu, uint64_t lin, const Walker *k)
{
    *k->w = (Walk){ .user = true, .write = true, .shift = 12 };
    *k->code = 0;
    if (!(cpu->cr0 & CR0_PG)) {
        k->w->phys = lin;
        k->w->dirty = true;
        return WALK_OK;
    }
    if (!(cpu->cr4 & CR4_PAE)) {
        return walk_32(cpu, lin, k);
    }
    if (cpu_long(cpu)) {
        return walk_64(cpu, lin, cpu->cr3 & PTE_ADDR, 4, k);
    }
    if (!(cpu->pdpte[(lin >> 30) & 3] & PTE_P)) {
        return WALK_FAULT;
    }
    return walk_64(cpu, lin, cpu->pdpte[(lin >> 30) & 3] & PTE_ADDR, 2, k);
}

bool walk_for(X86CPU *cpu, uint64_t lin, int access, unsigned mmu_idx, Walk *w, uint32_t *code)
{
    Walker k = { .access = access, .mmu_idx = mmu_idx, .mark = true, .w = w, .code = code };
    WalkResult r;

    do {
        r = walk_once(cpu, lin, &k);
    } while (r == WALK_AGAIN);
    return r == WALK_OK;
}

uint64_t cpu_x86_get_phys(X86CPU *cpu, uint64_t lin)
{
    bool borrowed = cpu->view != NULL;
    uint64_t r = UINT64_MAX;
    uint32_t code;
    Walk w;
    Walker k = { .access = ACC_READ, .mmu_idx = MMU_KERNEL_AC, .w = &w, .code = &code };

    if (!borrowed) {
        cpu->view = address_space_get_flatview(cpu->as);
        cpu->last_range = NULL;
    }
    if (!(cpu_long(cpu) && !is_canonical(lin)) && walk_once(cpu, lin, &k) == WALK_OK) {
        r = w.phys & cpu->phys_mask;
    }
    if (!borrowed) {
        flatview_unref(cpu->view);
        cpu->view = NULL;
        cpu->last_range = NULL;
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
