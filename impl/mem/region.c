/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of memory regions and the transactions that change it.
 *
 * Owns: MemoryRegion links, transaction depth, the set of address spaces of a machine.
 * Context: BQL for every change. Interface and invariants: mem/memory.h.
 */
#include "mem/memory_int.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "sched/machine.h"

MemoryState *memory_state(void)
{
    return machine_state(MACHINE_MEM);
}

/* ---- Address spaces ---- */

static void address_space_update(AddressSpace *as)
{
    FlatView *view = flatview_render(as->root);
    FlatView *old;

    while (__atomic_exchange_n(&as->view_lock, 1, __ATOMIC_ACQUIRE)) {
    }
    old = as->view;
    as->view = view;
    __atomic_store_n(&as->view_lock, 0, __ATOMIC_RELEASE);
    __atomic_add_fetch(&as->generation, 1, __ATOMIC_RELEASE);
    flatview_unref(old);
    for (unsigned i = 0; i < as->listeners->len; i++) {
        MemoryListener *l = g_ptr_array_index(as->listeners, i);

        if (l->commit) {
            l->commit(l);
        }
    }
}

AddressSpace *address_space_new(MemoryRegion *root, const char *name)
{
    AddressSpace *as = g_new0(AddressSpace, 1);

    assert(bql_locked());
    as->name = g_strdup(name);
    as->root = root;
    as->listeners = g_ptr_array_new();
    g_ptr_array_add(memory_state()->address_spaces, as);
    address_space_update(as);
    return as;
}

void address_space_free(AddressSpace *as)
{
    if (!as) {
        return;
    }
    assert(bql_locked());
    assert(as->listeners->len == 0);
    assert(__atomic_load_n(&as->bounce_in_use, __ATOMIC_RELAXED) == 0);
    g_ptr_array_remove(memory_state()->address_spaces, as);
    flatview_unref(as->view);
    g_ptr_array_unref(as->listeners);
    g_free(as->name);
    g_free(as);
}

const char *address_space_name(const AddressSpace *as)
{
    return as->name;
}

MemoryRegion *address_space_root(const AddressSpace *as)
{
    return as->root;
}

uint32_t address_space_generation(const AddressSpace *as)
{
    return __atomic_load_n(&as->generation, __ATOMIC_ACQUIRE);
}

/*
 * Readers without the BQL take a reference here. Loading the pointer and counting up must be one step against
 * the writer that drops the old view, hence the spin bit; it is held for two instructions and never across a
 * choice point, so the simulator never sees it taken.
 */
FlatView *address_space_get_flatview(AddressSpace *as)
{
    FlatView *view;

    while (__atomic_exchange_n(&as->view_lock, 1, __ATOMIC_ACQUIRE)) {
    }
    view = as->view;
    __atomic_add_fetch(&view->refs, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&as->view_lock, 0, __ATOMIC_RELEASE);
    return view;
}

void memory_listener_register(MemoryListener *listener, AddressSpace *as)
{
    assert(bql_locked());
    listener->address_space = as;
    g_ptr_array_add(as->listeners, listener);
}

void memory_listener_unregister(MemoryListener *listener)
{
    assert(bql_locked());
    if (listener->address_space) {
        g_ptr_array_remove(listener->address_space->listeners, listener);
        listener->address_space = NULL;
    }
}

void memory_machine_init(void)
{
    MemoryState *s = g_new0(MemoryState, 1);

    assert(bql_locked());
    assert(machine_state(MACHINE_MEM) == NULL);
    machine_set_state(MACHINE_MEM, s);
    s->address_spaces = g_ptr_array_new();
    s->ram_blocks = g_ptr_array_new();
    memory_region_init(&s->system_memory, NULL, "system", UINT64_MAX);
    memory_region_init(&s->system_io, NULL, "io", 65536);
    s->as_memory = address_space_new(&s->system_memory, "memory");
    s->as_io = address_space_new(&s->system_io, "I/O");
}

void memory_machine_cleanup(void)
{
    MemoryState *s = memory_state();

    if (!s) {
        return;
    }
    assert(bql_locked());
    assert(s->transaction_depth == 0);
    address_space_free(s->as_io);
    address_space_free(s->as_memory);
    assert(s->address_spaces->len == 0);
    memory_region_finalize(&s->system_io);
    memory_region_finalize(&s->system_memory);
    assert(s->ram_blocks->len == 0);
    g_ptr_array_unref(s->ram_blocks);
    g_ptr_array_unref(s->address_spaces);
    machine_set_state(MACHINE_MEM, NULL);
    g_free(s);
}

MemoryRegion *get_system_memory(void)
{
    return &memory_state()->system_memory;
}

MemoryRegion *get_system_io(void)
{
    return &memory_state()->system_io;
}

AddressSpace *get_address_space_memory(void)
{
    return memory_state()->as_memory;
}

AddressSpace *get_address_space_io(void)
{
    return memory_state()->as_io;
}

/* ---- Transactions ---- */

void memory_region_transaction_begin(void)
{
    assert(bql_locked());
    memory_state()->transaction_depth++;
}

void memory_region_transaction_commit(void)
{
    MemoryState *s = memory_state();

    assert(bql_locked());
    assert(s->transaction_depth > 0);
    if (--s->transaction_depth > 0 || !s->update_pending) {
        return;
    }
    s->update_pending = false;
    for (unsigned i = 0; i < s->address_spaces->len; i++) {
        address_space_update(g_ptr_array_index(s->address_spaces, i));
    }
}

/* Call inside a transaction. */
void memory_update_pending(void)
{
    memory_state()->update_pending = true;
}

/* ---- Making regions ---- */

void memory_region_init(MemoryRegion *mr, void *owner, const char *name, uint64_t size)
{
    memset(mr, 0, sizeof(*mr));
    mr->name = g_strdup(name ? name : "");
    mr->owner = owner;
    mr->size = size;
    mr->enabled = true;
    mr->romd_mode = true;
    mr->subregions = g_ptr_array_new();
    mr->ioeventfds = g_array_new(false, true, sizeof(MemoryRegionIoeventfd));
}

static uint64_t unassigned_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void unassigned_write(void *opaque, hwaddr addr, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps unassigned_ops = {
    .read = unassigned_read,
    .write = unassigned_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.unaligned = true,
};

void memory_region_init_io(MemoryRegion *mr, void *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->ops = ops ? ops : &unassigned_ops;
    mr->opaque = opaque;
    mr->terminates = true;
}

bool memory_region_init_ram(MemoryRegion *mr, void *owner, const char *name, uint64_t size, GError **errp)
{
    RAMBlock *rb;

    assert(bql_locked());
    memory_region_init(mr, owner, name, size);
    rb = ram_block_new(mr, name, size, errp);
    if (!rb) {
        memory_region_finalize(mr);
        return false;
    }
    mr->size = rb->used_length;
    mr->ram_block = rb;
    mr->ram = true;
    mr->terminates = true;
    mr->ops = &unassigned_ops;   /* where writes to read-only memory end */
    return true;
}

bool memory_region_init_rom(MemoryRegion *mr, void *owner, const char *name, uint64_t size, GError **errp)
{
    if (!memory_region_init_ram(mr, owner, name, size, errp)) {
        return false;
    }
    mr->readonly = true;
    return true;
}

bool memory_region_init_rom_device(MemoryRegion *mr, void *owner, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **errp)
{
    if (!memory_region_init_ram(mr, owner, name, size, errp)) {
        return false;
    }
    mr->ops = ops;
    mr->opaque = opaque;
    mr->rom_device = true;
    return true;
}

void memory_region_init_alias(MemoryRegion *mr, void *owner, const char *name, MemoryRegion *orig,
                              hwaddr offset, uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->alias = orig;
    mr->alias_offset = offset;
}

void memory_region_finalize(MemoryRegion *mr)
{
    if (!mr->name) {
        return;
    }
    assert(mr->container == NULL);
    assert(mr->subregions->len == 0);
    ram_block_free(mr->ram_block);
    g_ptr_array_unref(mr->subregions);
    g_array_unref(mr->ioeventfds);
    g_free(mr->name);
    memset(mr, 0, sizeof(*mr));
}

/* ---- Asking ---- */

uint64_t memory_region_size(const MemoryRegion *mr)
{
    return mr->size;
}

const char *memory_region_name(const MemoryRegion *mr)
{
    return mr->name;
}

bool memory_region_is_ram(const MemoryRegion *mr)
{
    return mr->ram && !mr->rom_device;
}

bool memory_region_is_rom(const MemoryRegion *mr)
{
    return mr->ram && mr->readonly;
}

bool memory_region_is_romd(const MemoryRegion *mr)
{
    return mr->rom_device && mr->romd_mode;
}

bool memory_region_is_mapped(const MemoryRegion *mr)
{
    return mr->container != NULL;
}

void *memory_region_get_ram_ptr(MemoryRegion *mr)
{
    uint64_t offset = 0;

    while (mr->alias) {
        offset += mr->alias_offset;
        mr = mr->alias;
    }
    assert(mr->ram_block);
    return mr->ram_block->host + offset;
}

ram_addr_t memory_region_get_ram_addr(const MemoryRegion *mr)
{
    return mr->ram_block ? mr->ram_block->offset : RAM_ADDR_INVALID;
}

/* ---- Changing the tree ---- */

void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion, int priority)
{
    unsigned pos = 0;

    memory_region_transaction_begin();
    assert(subregion->container == NULL && subregion != mr);
    subregion->container = mr;
    subregion->addr = offset;
    subregion->priority = priority;
    while (pos < mr->subregions->len &&
           ((MemoryRegion *)g_ptr_array_index(mr->subregions, pos))->priority > priority) {
        pos++;
    }
    g_ptr_array_insert(mr->subregions, (int)pos, subregion);
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_add_subregion(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion)
{
    memory_region_add_subregion_overlap(mr, offset, subregion, 0);
}

void memory_region_del_subregion(MemoryRegion *mr, MemoryRegion *subregion)
{
    memory_region_transaction_begin();
    assert(subregion->container == mr);
    subregion->container = NULL;
    (void)g_ptr_array_remove(mr->subregions, subregion);   /* present: it named us as its container */
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    if (mr->enabled == enabled) {
        return;
    }
    memory_region_transaction_begin();
    mr->enabled = enabled;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_set_address(MemoryRegion *mr, hwaddr addr)
{
    if (mr->addr == addr) {
        return;
    }
    memory_region_transaction_begin();
    mr->addr = addr;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_set_size(MemoryRegion *mr, uint64_t size)
{
    if (mr->size == size) {
        return;
    }
    memory_region_transaction_begin();
    assert(!mr->ram_block || size <= mr->ram_block->max_length);
    mr->size = size;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset)
{
    assert(mr->alias);
    if (mr->alias_offset == offset) {
        return;
    }
    memory_region_transaction_begin();
    mr->alias_offset = offset;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
    if (mr->readonly == readonly) {
        return;
    }
    memory_region_transaction_begin();
    mr->readonly = readonly;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd_mode)
{
    assert(mr->rom_device);
    if (mr->romd_mode == romd_mode) {
        return;
    }
    memory_region_transaction_begin();
    mr->romd_mode = romd_mode;
    memory_update_pending();
    memory_region_transaction_commit();
}

void memory_region_add_eventfd(MemoryRegion *mr, hwaddr addr, unsigned size, bool match_data, uint64_t data,
                               EventNotifier *e)
{
    MemoryRegionIoeventfd fd = {
        .addr = addr, .size = size, .match_data = match_data, .data = data, .e = e,
    };

    assert(bql_locked());
    g_array_append_val(mr->ioeventfds, fd);
}

void memory_region_del_eventfd(MemoryRegion *mr, hwaddr addr, unsigned size, bool match_data, uint64_t data,
                               EventNotifier *e)
{
    assert(bql_locked());
    for (unsigned i = 0; i < mr->ioeventfds->len; i++) {
        MemoryRegionIoeventfd *fd = &g_array_index(mr->ioeventfds, MemoryRegionIoeventfd, i);

        if (fd->addr == addr && fd->size == size && fd->match_data == match_data &&
            (!match_data || fd->data == data) && fd->e == e) {
            g_array_remove_index(mr->ioeventfds, i);
            return;
        }
    }
    assert(!"memory_region_del_eventfd: no such eventfd");
}
