/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side: wait for a sender, load in a coroutine, then start the VM or leave it for the user.
 *
 * Owns: MigrationModule.in. Context: main thread, BQL. The coroutine starts and resumes from the iohandler context
 * only, so a nested poll of the main context never advances a load.
 *
 * I1  Only the bottom half after the coroutine activates images: activation changes the graph, which a coroutine must
 *     not do, and it happens only when the VM is going to run here (I4 of migration.h).
 */
#include "migration/migration_int.h"

#include "aio/main_loop.h"
#include "base/assert.h"
#include "migration/block_active.h"
#include "migration/global_state.h"

#include <stdio.h>

MigrationIncomingState *migration_incoming_get_current(void)
{
    return &migration_module()->in;
}

MigrationStatus migration_incoming_status(void)
{
    return migration_incoming_get_current()->state;
}

bool migration_incoming_active(void)
{
    MigrationStatus s = migration_incoming_status();

    return s == MIGRATION_STATUS_SETUP || s == MIGRATION_STATUS_ACTIVE;
}

static void incoming_set_state(MigrationIncomingState *mis, MigrationStatus status)
{
    mis->state = status;
    migration_event_status(status);
}

static void migration_incoming_state_destroy(MigrationIncomingState *mis)
{
    QEMUFile *f = g_steal_pointer(&mis->from_src_file);

    (void)qemu_fclose(f);       /* only read: nothing can be lost */
    migration_address_clear(&mis->addr);
}

/* The stream is loaded. Not in a coroutine. (I1) */
static void process_incoming_migration_bh(void *opaque)
{
    MigrationIncomingState *mis = opaque;
    RunState target = migration_get_target_runstate();
    GError *err = NULL;

    if (!runstate_is_live(target)) {
        runstate_set(target);
    } else if (!migration_autostart()) {
        runstate_set(RUN_STATE_PAUSED);
    } else if (migration_block_activate(&err)) {
        vm_start();
    } else {
        /* Somebody else holds the images. The state is here and whole; cont can try again. */
        migration_report(err);
        g_clear_error(&mis->error);
        mis->error = err;
        runstate_set(RUN_STATE_PAUSED);
    }
    incoming_set_state(mis, MIGRATION_STATUS_COMPLETED);
    migration_incoming_state_destroy(mis);
}

static void incoming_failed(MigrationIncomingState *mis, int ret, GError *err)
{
    incoming_set_state(mis, MIGRATION_STATUS_FAILED);
    error_prepend(&err, "load of migration failed: %s: ", g_strerror(-ret));
    if (!mis->quitting) {
        migration_report(err);
        if (mis->exit_on_error) {
            sched_exit(1);
        }
        /* Clients may still look into the devices, and nobody has checked what the stream left there. */
        qemu_system_reset_request(SHUTDOWN_CAUSE_SUBSYSTEM_RESET);
    }
    mis->error = err;
    migration_incoming_state_destroy(mis);
}

static void coroutine_fn process_incoming_migration_co(void *opaque)
{
    MigrationIncomingState *mis = opaque;
    GError *err = NULL;
    int ret;

    incoming_set_state(mis, MIGRATION_STATUS_ACTIVE);
    ret = qemu_loadvm_state(mis->from_src_file, &err);
    mis->co = NULL;
    if (ret < 0) {
        incoming_failed(mis, ret, err);
        return;
    }
    qemu_bh_schedule(mis->done_bh);
}

/* Bottom half of the iohandler context: from_src_file is there. */
static void incoming_start_bh(void *opaque)
{
    MigrationIncomingState *mis = opaque;

    mis->co = qemu_coroutine_create_named("migration-incoming", process_incoming_migration_co, mis);
    qemu_coroutine_enter(mis->co);
}

static void incoming_close_listener(MigrationIncomingState *mis)
{
    if (mis->listener >= 0) {
        qemu_set_fd_handler(mis->listener, NULL, NULL, NULL);
        sched_close(mis->listener);
        mis->listener = -1;
    }
}

static void incoming_accept(void *opaque)
{
    MigrationIncomingState *mis = opaque;
    int fd = sched_stream_accept(mis->listener);
    GError *err = NULL;

    if (fd < 0) {
        return;     /* the peer has gone again; wait for the next */
    }
    mis->from_src_file = qemu_fopen_stream(fd, false, false, &err);
    if (!mis->from_src_file) {
        migration_report(err);
        g_error_free(err);
        return;     /* that peer is lost; the next may find a free descriptor */
    }
    incoming_close_listener(mis);
    incoming_start_bh(mis);
}

static bool incoming_listen(MigrationIncomingState *mis, GError **errp)
{
    const char *addr = mis->addr.addr;
    int fd = sched_stream_listen("migration", addr);

    if (fd < 0) {
        error_setg_errno(errp, fd, "Failed to listen on '%s'", strchr(addr, ':') + 1);
        return false;
    }
    mis->listener = fd;
    qemu_set_fd_handler(fd, incoming_accept, NULL, mis);
    return true;
}

bool migrate_incoming(const char *uri, int fd, bool exit_on_error, GError **errp)
{
    MigrationIncomingState *mis = migration_incoming_get_current();

    if (!runstate_check(RUN_STATE_INMIGRATE)) {
        error_setg(errp, "'-incoming' was not specified on the command line");
        sched_close_os(fd);
        return false;
    }
    if (mis->started) {
        error_setg(errp, "The incoming migration has already been started");
        sched_close_os(fd);
        return false;
    }
    if (strcmp(uri, "defer") == 0) {
        return true;
    }
    if (!migration_address_parse(uri, fd, &mis->addr, errp)) {
        return false;
    }
    if (mis->addr.transport == MIGRATION_TRANSPORT_SOCKET) {
        mis->started = incoming_listen(mis, errp);
    } else {
        mis->from_src_file = migration_open_incoming(&mis->addr, errp);
        mis->started = mis->from_src_file != NULL;
        if (mis->started) {
            qemu_bh_schedule(mis->start_bh);
        }
    }
    if (!mis->started) {
        migration_address_clear(&mis->addr);
        return false;
    }
    mis->exit_on_error = exit_on_error;
    incoming_set_state(mis, MIGRATION_STATUS_SETUP);
    return true;
}

void migration_incoming_init(void)
{
    MigrationIncomingState *mis = migration_incoming_get_current();

    mis->listener = -1;
    mis->addr.fd = -1;
    mis->start_bh = aio_bh_new(iohandler_get_aio_context(), incoming_start_bh, mis);
    mis->done_bh = aio_bh_new(iohandler_get_aio_context(), process_incoming_migration_bh, mis);
}

void migration_incoming_shutdown(void)
{
    MigrationIncomingState *mis = migration_incoming_get_current();

    mis->quitting = true;
    incoming_close_listener(mis);
    if (mis->from_src_file && mis->co) {
        (void)qemu_file_shutdown(mis->from_src_file);   /* resumes the load, which fails and cleans up */
    }
}

void migration_incoming_cleanup(void)
{
    MigrationIncomingState *mis = migration_incoming_get_current();

    assert(!mis->co);
    qemu_bh_delete(mis->start_bh);
    qemu_bh_delete(mis->done_bh);
    migration_incoming_state_destroy(mis);
    g_clear_error(&mis->error);
}
