/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks: from linear to physical addresses, with what is allowed there. Internal to cpu/.
 *
 * Context: the processor's thread, with cpu->view set.
 */
#ifndef CPU_WALK_H
#define CPU_WALK_H

#include "cpu/insn.h"

enum { ACC_READ, ACC_WRITE, ACC_EXEC };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_ID = 16 };

/* What a walk found: the last entry decides where, all of them what is allowed. */
typedef struct Walk {
    uint64_t phys;
    unsigned shift;      /* log2 of the size of the page */
    bool user, write, nx, dirty, global;
} Walk;

static inline bool mmu_idx_is_user(unsigned mmu_idx)
{
    return mmu_idx == MMU_USER || mmu_idx == MMU_USER_ALIGN;
}

/** phys_range: flatview_lookup() in the current view. */
const FlatRange *phys_range(X86CPU *cpu, uint64_t phys);

/** phys_ptr: host address of @phys if it is RAM for an access of that direction, else NULL. */
uint8_t *phys_ptr(X86CPU *cpu, uint64_t phys, bool write, uint8_t **dirty);

/**
 * walk_for: translate @lin for an access of kind @access, setting accessed and dirty bits.
 * Returns false with the P and RSVD bits of the error code in @code; nothing is raised.
 */
bool walk_for(X86CPU *cpu, uint64_t lin, int access, unsigned mmu_idx, Walk *w, uint32_t *code);

/** walk_allows: may the page of @w be accessed so? The D bit is not looked at. */
bool walk_allows(const X86CPU *cpu, const Walk *w, int access, unsigned mmu_idx);

#endif
