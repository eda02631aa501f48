/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests of devices: GLib's tests as the main thread of a machine with memory, devices and run states. */
#ifndef DEVICES_TEST_BOARD_H
#define DEVICES_TEST_BOARD_H

#include "aio/main_loop.h"
#include "base/assert.h"
#include "block/block.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "machine/runstate.h"
#include "mem/memory.h"
#include "migration/migration.h"
#include "migration/savevm_async.h"
#include "monitor/chardev.h"
#include "sched/machine.h"

static inline Machine *test_board_up(void)
{
    Machine *m = machine_new("vm");

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    runstate_init(false);
    memory_machine_init();
    bdrv_init();
    chardev_init();
    cpus_init();
    migration_object_init(false);
    devices_machine_init();
    return m;
}

static inline void test_board_down(Machine *m)
{
    devices_machine_cleanup();
    savevm_async_cleanup();
    migration_shutdown();
    cpus_cleanup();
    migration_object_cleanup();
    bdrv_cleanup();
    chardev_cleanup();
    memory_machine_cleanup();
    runstate_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
}

static inline int test_board_body(void *opaque)
{
    Machine *m = test_board_up();
    int ret = g_test_run();

    test_board_down(m);
    return ret;
}

/** test_board_run: instead of g_test_run(). */
static inline int test_board_run(void)
{
    return sched_main(test_board_body, NULL);
}

/** test_board_add: a device of class @name on @bus with the properties @kv ("key", "value", ..., NULL). */
static inline DeviceState *test_board_add(const DeviceClass *dc, BusState *bus, const char *const *kv)
{
    DeviceState *dev = device_new(dc);
    GError *err = NULL;

    for (; kv && *kv; kv += 2) {
        g_assert_true(device_set_prop(dev, kv[0], kv[1], &err));
    }
    if (!device_realize(dev, bus, &err)) {
        base_fatal("realize of %s failed: %s", dc->name, err->message);
    }
    device_cold_reset(dev);
    return dev;
}

#endif
