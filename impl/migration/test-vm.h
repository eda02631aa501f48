/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests: a VM without a processor: main loop, block layer, run state, one block of RAM, one device. */
#ifndef MIGRATION_TEST_VM_H
#define MIGRATION_TEST_VM_H

#include "aio/test-machine.h"
#include "block/block.h"
#include "machine/runstate.h"
#include "mem/memory.h"
#include "migration/migration_int.h"
#include "migration/savevm_async.h"
#include "migration/vmstate.h"

#define TEST_RAM_SIZE (256 * 1024)

typedef struct TestVM {
    Machine *machine;
    MemoryRegion ram;
    uint8_t *host;              /* of the RAM */
    uint32_t reg;               /* the device's state */
} TestVM;

static const VMStateDescription vmstate_test_device = {
    .name = "test-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(reg, TestVM),
        VMSTATE_END_OF_LIST()
    },
};

/* There is nothing to reset. */
static inline void test_vm_reset(void *opaque, ShutdownCause reason)
{
}

/** test_vm_start_sized: on the calling thread, which becomes this machine's main thread. @ram_size in bytes. */
static inline void test_vm_start_sized(TestVM *vm, const char *name, bool incoming, bool autostart, uint64_t ram_size)
{
    GError *err = NULL;

    memset(vm, 0, sizeof(*vm));
    vm->machine = machine_new(name);
    machine_set_current(vm->machine);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    bdrv_init();
    runstate_init(incoming);
    qemu_set_reset_handler(test_vm_reset, NULL);
    memory_machine_init();
    migration_object_init(autostart);
    if (!memory_region_init_ram(&vm->ram, NULL, "pc.ram", ram_size, &err)) {
        base_fatal("%s", err->message);
    }
    memory_region_add_subregion(get_system_memory(), 0, &vm->ram);
    vm->host = memory_region_get_ram_ptr(&vm->ram);
    vmstate_register("0000:00:01.0", 0, &vmstate_test_device, vm);
}

static inline void test_vm_start(TestVM *vm, const char *name, bool incoming, bool autostart)
{
    test_vm_start_sized(vm, name, incoming, autostart, TEST_RAM_SIZE);
}

static inline void test_vm_stop(TestVM *vm)
{
    savevm_async_cleanup();
    migration_shutdown();
    /* Devices go last, as in a real machine: a stream that is still being written walks them. */
    vmstate_unregister("0000:00:01.0", &vmstate_test_device, vm);
    memory_region_del_subregion(get_system_memory(), &vm->ram);
    migration_object_cleanup();
    memory_region_finalize(&vm->ram);
    memory_machine_cleanup();
    bdrv_cleanup();
    runstate_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(vm->machine);
}

/** test_vm_store: a guest's store of one byte. */
static inline void test_vm_store(TestVM *vm, uint64_t addr, uint8_t value)
{
    vm->host[addr] = value;
    memory_region_set_dirty(&vm->ram, addr, 1);
}

static inline int test_vms_body(void *opaque)
{
    return g_test_run();
}

/** test_vms_run: instead of g_test_run(); each test starts and stops its own machines. */
static inline int test_vms_run(void)
{
    return sched_main(test_vms_body, NULL);
}

#endif
