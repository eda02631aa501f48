/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of mem/ share: the machine's memory state, address spaces and flat views.
 */
#ifndef MEM_MEMORY_INT_H
#define MEM_MEMORY_INT_H

#include "mem/memory.h"

struct FlatView {
    int refs;              /* atomic */
    unsigned nr;
    FlatRange ranges[];
};

struct AddressSpace {
    char *name;
    MemoryRegion *root;
    GPtrArray *listeners;     /* of MemoryListener *, in order of registration */
    uint8_t view_lock;        /* spin bit around `view`, see address_space_get_flatview */
    FlatView *view;
    uint32_t generation;      /* atomic */
    int bounce_in_use;        /* atomic */
};

/* Everything mem/ keeps for one machine. Guarded by the BQL unless said. */
typedef struct MemoryState {
    MemoryRegion system_memory;
    MemoryRegion system_io;
    AddressSpace *as_memory;
    AddressSpace *as_io;
    GPtrArray *address_spaces;
    unsigned transaction_depth;
    bool update_pending;
    GPtrArray *ram_blocks;       /* appended under the BQL before the machine runs */
    ram_addr_t next_ram_offset;
    unsigned dirty_log_users;
} MemoryState;

/** memory_state: the state of the current machine; it exists between memory_machine_init and _cleanup. */
MemoryState *memory_state(void);

/** memory_update_pending: the tree changed; render now or at the end of the transaction. */
void memory_update_pending(void);

/** flatview_render: the view of @root; one reference for the caller. */
FlatView *flatview_render(MemoryRegion *root);

/** flatview_gap: bytes from the unmapped @addr to the next range, at most @max. */
uint64_t flatview_gap(const FlatView *view, hwaddr addr, uint64_t max);

/** ram_block_new: allocate a block for @mr. NULL with @errp set when memory is short or the name is taken. */
RAMBlock *ram_block_new(MemoryRegion *mr, const char *name, uint64_t size, GError **errp);
void ram_block_free(RAMBlock *rb);

/** Regions with memory that a read (or write) reaches directly. */
static inline bool flatrange_is_direct(const FlatRange *fr, bool is_write)
{
    const MemoryRegion *mr = fr->mr;

    if (is_write) {
        return mr->ram && !fr->readonly && !mr->rom_device;
    }
    return mr->ram && (!mr->rom_device || fr->romd_mode);
}

#endif
