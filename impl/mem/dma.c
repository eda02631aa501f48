/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping guest memory for devices: RAM directly, everything else through small bounce buffers.
 *
 * Context: any thread. A mapping of RAM needs no bookkeeping; a bounce buffer carries its own header, and
 * unmapping tells the two apart by asking whether the address lies in a RAM block.
 *
 * I1  At most BOUNCE_MAX bounce buffers exist per address space: a guest that points descriptors at MMIO
 *     cannot make us allocate more.
 */
#include "mem/memory_int.h"

#include "base/assert.h"

enum {
    BOUNCE_MAX = 64,
    BOUNCE_SIZE = 4096,
    BOUNCE_MAGIC = 0x426e6365,
};

typedef struct Bounce {
    uint32_t magic;
    hwaddr addr;
    uint8_t data[BOUNCE_SIZE];
} Bounce;

/* Bytes at @addr, up to @len, that are direct and contiguous on the host. */
static uint64_t direct_run(const FlatView *view, const FlatRange *fr, hwaddr addr, uint64_t len, bool is_write)
{
    uint8_t *host = flatrange_ram_ptr(fr, addr, is_write);
    uint64_t run = fr->size - (addr - fr->addr);

    while (run < len) {
        const FlatRange *next = flatview_lookup(view, addr + run);

        if (!next || next->addr != addr + run || flatrange_ram_ptr(next, next->addr, is_write) != host + run) {
            break;
        }
        run += next->size;
    }
    return MIN(run, len);
}

static void *bounce_map(AddressSpace *as, hwaddr addr, hwaddr *plen, bool is_write, MemTxAttrs attrs)
{
    Bounce *b;

    if (__atomic_add_fetch(&as->bounce_in_use, 1, __ATOMIC_RELAXED) > BOUNCE_MAX) {   /* (I1) */
        __atomic_sub_fetch(&as->bounce_in_use, 1, __ATOMIC_RELAXED);
        *plen = 0;
        return NULL;
    }
    *plen = MIN(*plen, BOUNCE_SIZE);
    b = g_new0(Bounce, 1);
    b->magic = BOUNCE_MAGIC;
    b->addr = addr;
    if (!is_write) {
        /* What cannot be read is all ones; a device that cares checks address_space_access_valid first. */
        (void)address_space_read(as, addr, attrs, b->data, *plen);
    }
    return b->data;
}

void *address_space_map(AddressSpace *as, hwaddr addr, hwaddr *plen, bool is_write, MemTxAttrs attrs)
{
    FlatView *view = address_space_get_flatview(as);
    const FlatRange *fr = flatview_lookup(view, addr);
    void *host = NULL;

    if (!fr || *plen == 0) {
        *plen = 0;
        flatview_unref(view);
        return NULL;
    }
    host = flatrange_ram_ptr(fr, addr, is_write);
    if (host) {
        *plen = direct_run(view, fr, addr, *plen, is_write);
        flatview_unref(view);
        return host;
    }
    *plen = MIN(*plen, fr->size - (addr - fr->addr));
    flatview_unref(view);
    return bounce_map(as, addr, plen, is_write, attrs);
}

void address_space_unmap(AddressSpace *as, void *buffer, hwaddr len, bool is_write, hwaddr access_len)
{
    ram_addr_t offset;
    RAMBlock *rb = qemu_ram_block_from_host(buffer, &offset);
    Bounce *b;

    if (rb) {
        if (is_write) {
            ram_block_set_dirty(rb, offset, access_len);
        }
        return;
    }
    b = (Bounce *)((uint8_t *)buffer - offsetof(Bounce, data));
    assert(b->magic == BOUNCE_MAGIC);
    assert(access_len <= BOUNCE_SIZE);
    if (is_write) {
        /* Nobody is left to tell of an error: the device has reported its request as done. */
        (void)address_space_write(as, b->addr, MEMTXATTRS_UNSPECIFIED, b->data, access_len);
    }
    b->magic = 0;
    g_free(b);
    __atomic_sub_fetch(&as->bounce_in_use, 1, __ATOMIC_RELAXED);
}

MemTxResult dma_memory_rw(AddressSpace *as, hwaddr addr, void *buf, hwaddr len, DMADirection dir,
                          MemTxAttrs attrs)
{
    return address_space_rw(as, addr, attrs, buf, len, dir == DMA_DIRECTION_FROM_DEVICE);
}

MemTxResult dma_memory_read(AddressSpace *as, hwaddr addr, void *buf, hwaddr len, MemTxAttrs attrs)
{
    return address_space_rw(as, addr, attrs, buf, len, false);
}

MemTxResult dma_memory_write(AddressSpace *as, hwaddr addr, const void *buf, hwaddr len, MemTxAttrs attrs)
{
    return address_space_write(as, addr, attrs, buf, len);
}

void *dma_memory_map(AddressSpace *as, hwaddr addr, hwaddr *plen, DMADirection dir, MemTxAttrs attrs)
{
    return address_space_map(as, addr, plen, dir == DMA_DIRECTION_FROM_DEVICE, attrs);
}

void dma_memory_unmap(AddressSpace *as, void *buffer, hwaddr len, DMADirection dir, hwaddr access_len)
{
    address_space_unmap(as, buffer, len, dir == DMA_DIRECTION_FROM_DEVICE, access_len);
}

bool address_space_access_valid(AddressSpace *as, hwaddr addr, hwaddr len, bool is_write, MemTxAttrs attrs)
{
    FlatView *view = address_space_get_flatview(as);
    bool ok = true;

    while (len && ok) {
        const FlatRange *fr = flatview_lookup(view, addr);
        uint64_t n = fr ? MIN(len, fr->size - (addr - fr->addr)) : 0;

        ok = n != 0 && !(is_write && fr->mr->ram && fr->readonly && !fr->mr->rom_device);
        addr += n;
        len -= n;
    }
    flatview_unref(view);
    return ok;
}
