/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: every module of a machine, but no board, processor, device or image; and a QMP client in memory. */
#ifndef MONITOR_TEST_NULL_MACHINE_H
#define MONITOR_TEST_NULL_MACHINE_H

#include "aio/iothread.h"
#include "block/block.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "machine/runstate.h"
#include "mem/memory.h"
#include "migration/migration.h"
#include "migration/savevm_async.h"
#include "monitor/events.h"
#include "monitor/monitor.h"
#include "monitor/test-monitor.h"

typedef struct NullMachine {
    Machine *machine;
    FakeChr *client;            /* negotiated */
} NullMachine;

static inline void null_machine_up(NullMachine *n)
{
    n->machine = machine_new("vm");
    machine_set_current(n->machine);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    runstate_init(false);
    memory_machine_init();
    bdrv_init();
    chardev_init();
    monitor_init_globals();
    cpus_init();
    devices_machine_init();
    migration_object_init(false);
    monitor_events_subscribe();
    n->client = fake_new("qmp0", false);
    if (!monitor_init_qmp(&n->client->parent, false, NULL)) {
        base_fatal("monitor_init_qmp failed");
    }
    monitor_set_preconfig_done();
    fake_type(n->client, "{\"execute\": \"qmp_capabilities\"}");
    loop_settle();
    g_string_truncate(n->client->out, 0);
}

static inline void null_machine_down(NullMachine *n)
{
    IOThread *iothread;

    savevm_async_cleanup();
    migration_shutdown();
    (void)vm_shutdown();
    devices_machine_cleanup();
    monitor_cleanup();
    migration_object_cleanup();
    bdrv_cleanup();
    while ((iothread = iothread_next(NULL))) {
        iothread_destroy(iothread);
    }
    chardev_cleanup();
    cpus_cleanup();
    memory_machine_cleanup();
    runstate_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(n->machine);
}

#endif
