/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory for KVM: a slot for each range of the flat view that is memory, and the log of written pages.
 *
 * What is no slot makes the processor exit: devices, flash in command mode, writes to read-only slots.
 * Context: BQL; the log may be read by whoever holds it.
 *
 * I1  Slots are exactly the page-aligned ranges of the last committed view whose reads are direct.
 * I2  All of a logged slot that goes counts as written: its log goes with it, and processors write to the last moment.
 */
#include "cpu/kvm_int.h"

#include <errno.h>

#include "aio/bql.h"
#include "base/assert.h"
#include "platform/kvm.h"

enum { PAGE = 4096 };

static KvmVm *vm_of(MemoryListener *l)
{
    return (KvmVm *)((char *)l - offsetof(KvmVm, listener));
}

static KvmSlot *slot_at(KvmVm *vm, unsigned i)
{
    return &g_array_index(vm->slots, KvmSlot, i);
}

static void set_slot(KvmVm *vm, unsigned i, const KvmSlot *s)
{
    struct kvm_userspace_memory_region r = {
        .slot = i, .guest_phys_addr = s->addr, .memory_size = s->size, .userspace_addr = (uintptr_t)s->host,
        .flags = (s->readonly ? KVM_MEM_READONLY : 0) | (s->logged ? KVM_MEM_LOG_DIRTY_PAGES : 0),
    };
    int ret = os_kvm_call_ptr(vm->vm, KVM_SET_USER_MEMORY_REGION, &r);

    if (ret < 0) {
        g_printerr("rondo: KVM refused memory at 0x%" PRIx64 " of 0x%" PRIx64 " bytes: %s\n", s->addr, s->size,
                   g_strerror(-ret));
        vm->failed = true;
    }
}

/* ---- The log ---- */

static void take_log(KvmVm *vm, unsigned i)
{
    KvmSlot *s = slot_at(vm, i);
    uint64_t pages = s->size / PAGE;
    g_autofree uint64_t *bitmap = g_new0(uint64_t, (pages + 63) / 64);
    struct kvm_dirty_log log = { .slot = i, .dirty_bitmap = bitmap };
    ram_addr_t offset;
    RAMBlock *rb = qemu_ram_block_from_host(s->host, &offset);

    assert(rb);
    if (os_kvm_call_ptr(vm->vm, KVM_GET_DIRTY_LOG, &log) < 0) {
        ram_block_set_dirty(rb, offset, s->size);      /* then all of it may have been written */
        return;
    }
    for (uint64_t page = 0; page < pages; page++) {
        if (bitmap[page / 64] == 0) {
            page |= 63;
        } else if (bitmap[page / 64] >> (page % 64) & 1) {
            ram_block_set_dirty(rb, offset + page * PAGE, PAGE);
        }
    }
}

static void kvm_log_sync(MemoryListener *l)
{
    KvmVm *vm = vm_of(l);

    assert(bql_locked());
    for (unsigned i = 0; i < vm->slots->len; i++) {
        if (slot_at(vm, i)->size && slot_at(vm, i)->logged) {
            take_log(vm, i);
        }
    }
}

static void set_logging(KvmVm *vm, bool on)
{
    vm->logging = on;
    for (unsigned i = 0; i < vm->slots->len; i++) {
        KvmSlot *s = slot_at(vm, i);

        if (s->size && !s->readonly && s->logged != on) {
            s->logged = on;
            set_slot(vm, i, s);
        }
    }
}

static void kvm_log_global_start(MemoryListener *l)
{
    set_logging(vm_of(l), true);
}

static void kvm_log_global_stop(MemoryListener *l)
{
    kvm_log_sync(l);
    set_logging(vm_of(l), false);
}

/* ---- Slots ---- */

static bool slot_of_range(const KvmVm *vm, const FlatRange *fr, KvmSlot *ret)
{
    uint8_t *readable = flatrange_ram_ptr(fr, fr->addr, false);

    if (!readable || (fr->addr | fr->size | (uintptr_t)readable) % PAGE) {
        return false;
    }
    *ret = (KvmSlot){
        .addr = fr->addr, .size = fr->size, .host = readable, .readonly = !flatrange_ram_ptr(fr, fr->addr, true),
    };
    ret->logged = vm->logging && !ret->readonly;
    return true;
}

static bool same_slot(const KvmSlot *a, const KvmSlot *b)
{
    return a->addr == b->addr && a->size == b->size && a->host == b->host && a->readonly == b->readonly;
}

static void drop_slot(KvmVm *vm, unsigned i)
{
    KvmSlot *s = slot_at(vm, i), old = *s;
    ram_addr_t offset;

    *s = (KvmSlot){ .addr = old.addr };
    set_slot(vm, i, s);
    if (old.logged) {   /* (I2) */
        RAMBlock *rb = qemu_ram_block_from_host(old.host, &offset);

        ram_block_set_dirty(rb, offset, old.size);
    }
}

static void add_slot(KvmVm *vm, const KvmSlot *s)
{
    unsigned i = 0;

    while (i < vm->slots->len && slot_at(vm, i)->size) {
        i++;
    }
    if (i == vm->slots->len) {
        g_array_set_size(vm->slots, i + 1);
    }
    *slot_at(vm, i) = *s;
    set_slot(vm, i, s);
}

/* Removes @s from the list if the kernel has it already. */
static bool is_wanted(GArray *wanted, const KvmSlot *s)
{
    for (unsigned i = 0; i < wanted->len; i++) {
        if (same_slot(&g_array_index(wanted, KvmSlot, i), s)) {
            g_array_remove_index_fast(wanted, i);
            return true;
        }
    }
    return false;
}

static void kvm_commit(MemoryListener *l)
{
    KvmVm *vm = vm_of(l);
    FlatView *view = address_space_get_flatview(l->address_space);
    GArray *wanted = g_array_new(false, false, sizeof(KvmSlot));
    const FlatRange *fr;
    KvmSlot s;

    for (unsigned i = 0; (fr = flatview_range(view, i)) != NULL; i++) {
        if (slot_of_range(vm, fr, &s)) {
            g_array_append_val(wanted, s);
        }
    }
    for (unsigned i = 0; i < vm->slots->len; i++) {
        if (slot_at(vm, i)->size && !is_wanted(wanted, slot_at(vm, i))) {
            drop_slot(vm, i);      /* all old ones first: slots may not overlap */
        }
    }
    for (unsigned i = 0; i < wanted->len; i++) {
        add_slot(vm, &g_array_index(wanted, KvmSlot, i));
    }
    g_array_unref(wanted);
    flatview_unref(view);
}

bool kvm_memory_init(KvmVm *vm, GError **errp)
{
    vm->slots = g_array_new(false, true, sizeof(KvmSlot));
    vm->logging = memory_global_dirty_log_active();
    vm->listener = (MemoryListener){
        .name = "kvm", .commit = kvm_commit, .log_sync = kvm_log_sync,
        .log_global_start = kvm_log_global_start, .log_global_stop = kvm_log_global_stop,
    };
    memory_listener_register(&vm->listener, get_address_space_memory());
    kvm_commit(&vm->listener);
    if (vm->failed) {
        error_setg(errp, "failed to initialize kvm: it refused the guest's memory");
        kvm_memory_cleanup(vm);
        return false;
    }
    return true;
}

void kvm_memory_cleanup(KvmVm *vm)
{
    if (vm->slots) {
        memory_listener_unregister(&vm->listener);
        g_array_unref(vm->slots);
        vm->slots = NULL;
    }
}
