/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks: guest RAM on the host, and which of its pages were written since a client last looked.
 *
 * Dirtiness is a byte per page, all clients in one byte, all bits set by a plain store. That makes a guest
 * store cost one extra store and no test, and needs no flush of the CPUs' TLBs when a client clears its bit.
 *
 * Context: blocks come and go under the BQL; dirty bytes are atomics that any thread may touch (I3 of
 * mem/memory.h gives the order).
 */
#include "mem/memory_int.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "platform/os.h"

enum { RAM_ALIGN = 2 * 1024 * 1024 };

static uint64_t block_pages(const RAMBlock *rb)
{
    return rb->max_length >> TARGET_PAGE_BITS;
}

RAMBlock *ram_block_new(MemoryRegion *mr, const char *name, uint64_t size, GError **errp)
{
    MemoryState *s = memory_state();
    uint64_t len = MAX(size, 1);
    RAMBlock *rb;

    if (size > (UINT64_C(1) << 46)) {
        error_setg(errp, "RAM block '%s': size %" PRIu64 " is not supported", name, size);
        return NULL;
    }
    if (strlen(name) >= sizeof(rb->idstr) || qemu_ram_block_by_name(name)) {
        error_setg(errp, "RAM block '%s' already exists or its name is too long", name);
        return NULL;
    }
    len = QEMU_ALIGN_UP(len, TARGET_PAGE_SIZE);
    rb = g_new0(RAMBlock, 1);
    rb->mr = mr;
    g_strlcpy(rb->idstr, name, sizeof(rb->idstr));
    rb->used_length = rb->max_length = len;
    rb->migratable = true;
    rb->host = os_anon_map(len);
    rb->dirty = g_try_malloc(block_pages(rb));
    rb->code_gen = g_try_new0(uint32_t, block_pages(rb));
    if (!rb->host || !rb->dirty || !rb->code_gen) {
        error_setg(errp, "RAM block '%s': cannot allocate %" PRIu64 " bytes", name, len);
        if (rb->host) {
            os_anon_unmap(rb->host, len);
        }
        g_free(rb->dirty);
        g_free(rb->code_gen);
        g_free(rb);
        return NULL;
    }
    memset(rb->dirty, DIRTY_MEMORY_ALL, block_pages(rb));
    rb->offset = s->next_ram_offset;
    s->next_ram_offset += QEMU_ALIGN_UP(len, (uint64_t)RAM_ALIGN);
    g_ptr_array_add(s->ram_blocks, rb);
    return rb;
}

void ram_block_free(RAMBlock *rb)
{
    if (!rb) {
        return;
    }
    assert(bql_locked());
    (void)g_ptr_array_remove(memory_state()->ram_blocks, rb);   /* every block is in the list */
    os_anon_unmap(rb->host, rb->max_length);
    g_free(rb->dirty);
    g_free(rb->code_gen);
    g_free(rb);
}

unsigned ram_block_count(void)
{
    return memory_state()->ram_blocks->len;
}

RAMBlock *ram_block_at(unsigned index)
{
    GPtrArray *blocks = memory_state()->ram_blocks;

    return index < blocks->len ? g_ptr_array_index(blocks, index) : NULL;
}

RAMBlock *qemu_ram_block_by_name(const char *name)
{
    RAMBlock *rb;

    RAMBLOCK_FOREACH(rb) {
        if (strcmp(rb->idstr, name) == 0) {
            return rb;
        }
    }
    return NULL;
}

const char *qemu_ram_get_idstr(const RAMBlock *rb)
{
    return rb->idstr;
}

void *qemu_ram_get_host_addr(RAMBlock *rb)
{
    return rb->host;
}

uint64_t qemu_ram_get_used_length(const RAMBlock *rb)
{
    return rb->used_length;
}

void qemu_ram_unset_migratable(RAMBlock *rb)
{
    rb->migratable = false;
}

RAMBlock *qemu_ram_block_from_host(const void *ptr, ram_addr_t *offset)
{
    RAMBlock *rb;

    RAMBLOCK_FOREACH(rb) {
        uintptr_t off = (uintptr_t)ptr - (uintptr_t)rb->host;

        if (off < rb->max_length) {
            *offset = off;
            return rb;
        }
    }
    return NULL;
}

uint64_t ram_bytes_total(void)
{
    uint64_t total = 0;
    RAMBlock *rb;

    RAMBLOCK_FOREACH(rb) {
        total += rb->migratable ? rb->used_length : 0;
    }
    return total;
}

/* ---- Dirty pages ---- */

void ram_block_discard_range(RAMBlock *rb, uint64_t offset, uint64_t len)
{
    assert(QEMU_IS_ALIGNED(offset | len, TARGET_PAGE_SIZE) && offset <= rb->max_length &&
           len <= rb->max_length - offset);
    os_anon_discard(rb->host + offset, len);
    ram_block_set_dirty(rb, offset, len);
}

void ram_block_set_dirty(RAMBlock *rb, uint64_t offset, uint64_t len)
{
    uint64_t last;

    if (len == 0) {
        return;
    }
    assert(offset < rb->max_length && len <= rb->max_length - offset);
    last = (offset + len - 1) >> TARGET_PAGE_BITS;
    for (uint64_t page = offset >> TARGET_PAGE_BITS; page <= last; page++) {
        __atomic_store_n(&rb->dirty[page], DIRTY_MEMORY_ALL, __ATOMIC_RELEASE);
    }
}

void memory_region_set_dirty(MemoryRegion *mr, hwaddr addr, hwaddr size)
{
    assert(mr->ram_block);
    ram_block_set_dirty(mr->ram_block, addr, size);
}

bool ram_block_test_clear_dirty(RAMBlock *rb, uint64_t page, uint8_t client_bit)
{
    assert(page < block_pages(rb));
    if (!(__atomic_load_n(&rb->dirty[page], __ATOMIC_RELAXED) & client_bit)) {
        return false;
    }
    /* Sequentially consistent: the caller reads the page next and must not see it older than this. (I3) */
    return __atomic_fetch_and(&rb->dirty[page], (uint8_t)~client_bit, __ATOMIC_SEQ_CST) & client_bit;
}

uint64_t ram_block_sync_dirty(RAMBlock *rb, unsigned long *bitmap)
{
    const unsigned bits = sizeof(*bitmap) * 8;
    uint64_t fresh = 0;

    for (uint64_t page = 0; page < rb->used_length >> TARGET_PAGE_BITS; page++) {
        unsigned long bit = 1ul << (page % bits);

        if (ram_block_test_clear_dirty(rb, page, DIRTY_MEMORY_MIGRATION_BIT) && !(bitmap[page / bits] & bit)) {
            bitmap[page / bits] |= bit;
            fresh++;
        }
    }
    return fresh;
}

void memory_global_dirty_log_start(void)
{
    MemoryState *s = memory_state();
    RAMBlock *rb;

    assert(bql_locked());
    if (s->dirty_log_users++ == 0) {
        RAMBLOCK_FOREACH(rb) {
            for (uint64_t page = 0; page < block_pages(rb); page++) {
                (void)ram_block_test_clear_dirty(rb, page, DIRTY_MEMORY_MIGRATION_BIT);   /* start clean */
            }
        }
        for (unsigned i = 0; i < s->as_memory->listeners->len; i++) {
            MemoryListener *l = g_ptr_array_index(s->as_memory->listeners, i);

            if (l->log_global_start) {
                l->log_global_start(l);
            }
        }
    }
}

void memory_global_dirty_log_sync(void)
{
    MemoryState *s = memory_state();

    assert(bql_locked());
    for (unsigned i = 0; i < s->as_memory->listeners->len; i++) {
        MemoryListener *l = g_ptr_array_index(s->as_memory->listeners, i);

        if (l->log_sync) {
            l->log_sync(l);
        }
    }
}

void memory_global_dirty_log_stop(void)
{
    MemoryState *s = memory_state();

    assert(bql_locked());
    assert(s->dirty_log_users > 0);
    if (--s->dirty_log_users == 0) {
        for (unsigned i = 0; i < s->as_memory->listeners->len; i++) {
            MemoryListener *l = g_ptr_array_index(s->as_memory->listeners, i);

            if (l->log_global_stop) {
                l->log_global_stop(l);
            }
        }
    }
}

bool memory_global_dirty_log_active(void)
{
    return memory_state()->dirty_log_users > 0;
}
