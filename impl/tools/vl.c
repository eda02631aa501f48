/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program `rondo`: bring a machine up, run it, take it down.
 *
 * Bringing up is a list of stages; taking down undoes, in reverse, those that were reached, so that a failure
 * anywhere leaves nothing behind.
 */
#include <string.h>

#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "base/assert.h"
#include "block/block.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "gdbstub/gdbstub.h"
#include "devices/virtio-rng/rng_backend.h"
#include "machine/machine.h"
#include "mem/memory.h"
#include "migration/block_active.h"
#include "migration/migration.h"
#include "migration/savevm.h"
#include "migration/savevm_async.h"
#include "monitor/chardev.h"
#include "monitor/events.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "sched/io.h"
#include "sched/machine.h"
#include "tools/cmdline.h"
#include "ui/vnc.h"

typedef struct Run {
    CmdLine cmd;
    RunOptions opt;
    MachineState *ms;
    Machine *machine;
    bool own_machine;
    bool pidfile_written;
    bool streams_ended;         /* end_streams has run */
    EventNotifier signal;
} Run;

/* ---- Stages: up returns false after its message; down is called if up succeeded, and may be NULL ---- */

static bool stage_machine_up(Run *r)
{
    GError *err = NULL;

    if (!machine_current()) {
        r->machine = machine_new("vm");
        machine_set_current(r->machine);
        r->own_machine = true;
    }
    if (!qemu_init_main_loop(&err)) {
        if (r->own_machine) {
            machine_set_current(NULL);
            machine_free(r->machine);
        }
        return cmdline_report(NULL, err);
    }
    r->ms = machine_state_new();
    return true;
}

static void stage_machine_down(Run *r)
{
    machine_state_free(r->ms);
    qemu_cleanup_main_loop();
    if (r->own_machine) {
        machine_set_current(NULL);
        machine_free(r->machine);
    }
}

static bool stage_core_up(Run *r)
{
    runstate_init(r->opt.incoming != NULL);
    runstate_set_actions(r->opt.reboot, r->opt.shutdown);
    memory_machine_init();
    bdrv_init();
    bdrv_set_incoming(r->opt.incoming != NULL);
    chardev_init();
    net_init();
    monitor_init_globals();
    cpus_init();
    devices_machine_init();
    migration_object_init(r->opt.autostart);
    monitor_events_subscribe();
    return true;
}

/* Snapshots and migrations that still run are cancelled; while there are disks and a guest, if there were ever. */
static void end_streams(Run *r)
{
    if (!r->streams_ended) {
        savevm_async_cleanup();
        migration_shutdown();
        r->streams_ended = true;
    }
}

static void stage_core_down(Run *r)
{
    IOThread *iothread;

    end_streams(r);
    devices_machine_cleanup();
    rng_backends_cleanup();
    net_cleanup();
    cpus_cleanup();
    monitor_cleanup();
    migration_object_cleanup();     /* after all that registers sections */
    bdrv_cleanup();
    /* After the nodes, which may still have lived in them. */
    while ((iothread = iothread_next(NULL))) {
        iothread_destroy(iothread);
    }
    chardev_cleanup();
    memory_machine_cleanup();
    runstate_cleanup();
}

static void on_signal(EventNotifier *e)
{
    if (event_notifier_test_and_clear(e)) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_SIGNAL);
    }
}

static bool stage_signals_up(Run *r)
{
    GError *err = NULL;
    int ret = event_notifier_init(&r->signal, "signal", false);

    if (ret < 0) {
        error_setg_errno(&err, -ret, "cannot make a notifier");
        return cmdline_report(NULL, err);
    }
    event_notifier_set_handler(&r->signal, on_signal);
    sched_on_signal(&r->signal.n);
    return true;
}

static void stage_signals_down(Run *r)
{
    event_notifier_set_handler(&r->signal, NULL);
    event_notifier_cleanup(&r->signal);
}

static bool stage_pidfile_up(Run *r)
{
    g_autofree char *text = g_strdup_printf("%d\n", sched_getpid());
    struct iovec iov = { .iov_base = text, .iov_len = strlen(text) };
    GError *err = NULL;
    int fd;
    ssize_t ret;

    if (!r->opt.pidfile) {
        return true;
    }
    fd = sched_file_open("pidfile", r->opt.pidfile, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC);
    ret = fd < 0 ? fd : sched_file_pwritev(fd, &iov, 1, 0);
    sched_close(fd);
    if (ret < 0) {
        error_setg_errno(&err, -ret, "cannot create PID file: Could not create '%s'", r->opt.pidfile);
        return cmdline_report(NULL, err);
    }
    r->pidfile_written = true;
    return true;
}

static void stage_pidfile_down(Run *r)
{
    if (r->pidfile_written && sched_file_unlink(r->opt.pidfile) == -EACCES) {
        g_printerr("rondo: cannot remove PID file '%s'\n", r->opt.pidfile);
    }
}

static bool stage_backends_up(Run *r)
{
    const CmdLine *c = &r->cmd;

    return cmdline_machine(c, r->ms) && cmdline_objects(c) && cmdline_chardevs(c, &r->opt, r->ms) &&
           cmdline_monitors(c, &r->opt) && cmdline_blockdevs(c, r->ms) && cmdline_netdevs(c) &&
           cmdline_globals(c);
}

static void machine_reset_handler(void *opaque, ShutdownCause reason)
{
    MachineState *ms = opaque;

    ms->klass->reset(ms, reason);
}

static void stage_board_down(Run *r)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu_remove_sync(cpu);
    }
    devices_machine_cleanup();
    r->ms->klass->cleanup(r->ms);
}

static bool stage_board_up(Run *r)
{
    GError *err = NULL;

    savevm_set_machine_type(r->ms->klass->name);
    if (!r->ms->klass->init(r->ms, &err)) {
        stage_board_down(r);
        return cmdline_report(NULL, err);
    }
    qemu_set_reset_handler(machine_reset_handler, r->ms);
    if (!cmdline_vga(&r->cmd, &r->opt, r->ms) || !cmdline_devices(&r->cmd)) {
        stage_board_down(r);
        return false;
    }
    if (r->ms->klass->ready && !r->ms->klass->ready(r->ms, &err)) {
        stage_board_down(r);
        return cmdline_report(NULL, err);
    }
    cmdline_check_peers();
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
    return true;
}

/* Where the guest comes from: a reset, a snapshot, a state file, or another host. */
static bool start_incoming(Run *r)
{
    const char *uri = r->opt.incoming->arg;
    GError *err = NULL;
    int fd = -1;

    if (g_str_has_prefix(uri, "fd:")) {
        uint64_t n;

        if (!block_parse_number("fd", uri + 3, &n, &err) || n > INT32_MAX) {
            return cmdline_report(r->opt.incoming, err);
        }
        fd = n;
    }
    return migrate_incoming(uri, fd, true, &err) || cmdline_report(r->opt.incoming, err);
}

static bool start_guest(Run *r)
{
    const CmdArg *loadvm = cmdline_last(&r->cmd, CMD_LOADVM);
    const CmdArg *loadstate = cmdline_last(&r->cmd, CMD_LOADSTATE);
    GError *err = NULL;

    monitor_set_preconfig_done();
    if (r->opt.incoming) {
        return start_incoming(r);
    }
    if (loadvm && !load_snapshot(loadvm->arg, NULL, false, NULL, &err)) {
        return cmdline_report(NULL, err);
    }
    if (loadstate && load_snapshot_from_blockdev(loadstate->arg, &err) < 0) {
        (void)cmdline_report(NULL, err);
        return true;            /* the VM stays stopped, for its user to look at */
    }
    if (r->opt.autostart) {
        vm_start();
    }
    return true;
}

static bool stage_gdb_up(Run *r)
{
    const CmdArg *gdb = cmdline_last(&r->cmd, CMD_GDB);
    const char *device = gdb ? gdb->arg : cmdline_last(&r->cmd, CMD_GDB_DEFAULT) ? "tcp::1234" : NULL;
    GError *err = NULL;

    return !device || gdbserver_start(device, &err) || cmdline_report(gdb, err);
}

static void stage_gdb_down(Run *r)
{
    gdbserver_cleanup();
}

static bool stage_displays_up(Run *r)
{
    return cmdline_displays(&r->cmd);
}

static void stage_displays_down(Run *r)
{
    vnc_displays_close();
}

static void stage_guest_down(Run *r)
{
    end_streams(r);
    (void)vm_shutdown();        /* nodes have reported what they could not flush */
}

static const struct {
    bool (*up)(Run *r);
    void (*down)(Run *r);
} stages[] = {
    { stage_machine_up, stage_machine_down },
    { stage_core_up, stage_core_down },
    { stage_signals_up, stage_signals_down },
    { stage_pidfile_up, stage_pidfile_down },
    { stage_backends_up, NULL },
    { stage_board_up, stage_board_down },
    { stage_gdb_up, stage_gdb_down },
    { stage_displays_up, stage_displays_down },
};

static int run_machine(Run *r)
{
    unsigned reached = 0;
    int status = 1;

    while (reached < G_N_ELEMENTS(stages) && stages[reached].up(r)) {
        reached++;
    }
    if (reached == G_N_ELEMENTS(stages)) {
        if (start_guest(r)) {
            status = qemu_main_loop();
        }
        stage_guest_down(r);
    }
    while (reached-- > 0) {
        if (stages[reached].down) {
            stages[reached].down(r);
        }
    }
    return status;
}

int rondo_main(int argc, char **argv)
{
    Run r = { 0 };
    int status = 1;

    if (cmdline_parse(&r.cmd, argc, argv)) {
        if (cmdline_help_requested(&r.cmd)) {
            status = 0;
        } else if (cmdline_run_options(&r.cmd, &r.opt)) {
            status = run_machine(&r);
        }
    }
    cmdline_clear(&r.cmd);
    return status;
}
