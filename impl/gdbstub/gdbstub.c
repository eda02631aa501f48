/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection of a running machine to its debugger, and when the guest runs. See gdbstub.h.
 */
#include "gdbstub/gdbstub.h"

#include <string.h>

#include "base/assert.h"
#include "cpu/debug.h"
#include "gdbstub/stub.h"
#include "machine/runstate.h"
#include "monitor/chardev.h"
#include "monitor/monitor.h"
#include "sched/machine.h"

typedef struct LiveStub {
    GdbStub stub;
    CharBackend chr;
    bool owes_stop;         /* I1 */
    bool connected;
    bool detached;          /* the debugger said good-bye: its hanging up stops nothing */
    VMChangeStateEntry *state_entry;
} LiveStub;

static LiveStub *gdb_stub(void)
{
    return machine_state(MACHINE_GDBSTUB);
}

static LiveStub *live(GdbStub *s)
{
    return (LiveStub *)((char *)s - offsetof(LiveStub, stub));
}

static void live_write(GdbStub *s, const char *data, size_t len)
{
    /* A debugger that does not read loses the connection's data, not the guest's time. */
    (void)qemu_chr_fe_write_all(&live(s)->chr, (const uint8_t *)data, (int)len);
}

/* ---- Input ---- */

static void gdb_stop_guest(void)
{
    if (runstate_is_running()) {
        (void)vm_stop(RUN_STATE_PAUSED);        /* a failed flush is told to the monitor, and changes nothing here */
    }
}

static void live_interrupt(GdbStub *s)
{
    gdb_stop_guest();
}

static int gdb_can_read(void *opaque)
{
    return GDB_PACKET_MAX;
}

static void gdb_read(void *opaque, const uint8_t *buf, int size)
{
    LiveStub *s = opaque;

    for (int i = 0; i < size; i++) {
        gdb_feed(&s->stub, buf[i]);
    }
}

static void gdb_connection(void *opaque, QEMUChrEvent event)
{
    LiveStub *s = opaque;

    if (event == CHR_EVENT_OPENED) {
        s->connected = true;
        s->detached = false;
        s->stub.no_ack = false;
        s->owes_stop = false;
        s->stub.parser.state = GDB_IDLE;
        s->stub.g_cpu = s->stub.c_cpu = 0;
        g_string_truncate(s->stub.sent, 0);
        gdb_stop_guest();
    } else if (event == CHR_EVENT_CLOSED && s->connected) {
        s->connected = false;
        if (!s->detached) {
            gdb_stop_guest();
            gdb_points_clear(&s->stub);     /* (I2) */
        }
    }
}

/* ---- The guest stopped ---- */

static const CPUState *gdb_cpu_that_hit(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (cpu->x86->debug.stopped) {
            return cpu;
        }
    }
    return NULL;
}

static char *gdb_stop_reply(GdbStub *s, RunState state)
{
    const CPUState *cpu = gdb_cpu_that_hit();
    g_autofree char *watch = NULL;
    unsigned how = cpu ? cpu->x86->debug.hit.flags : 0;

    switch (state) {
    case RUN_STATE_PAUSED:
    case RUN_STATE_PRELAUNCH:
        return gdb_stop_text(s, 2, "");             /* SIGINT */
    case RUN_STATE_SHUTDOWN:
        return gdb_stop_text(s, 3, "");             /* SIGQUIT */
    case RUN_STATE_IO_ERROR:
        return gdb_stop_text(s, 29, "");            /* SIGIO */
    case RUN_STATE_WATCHDOG:
        return gdb_stop_text(s, 14, "");            /* SIGALRM */
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED:
        return gdb_stop_text(s, 6, "");             /* SIGABRT */
    case RUN_STATE_DEBUG:
        break;
    default:
        return gdb_stop_text(s, 0, "");
    }
    if (how) {
        watch = gdb_watch_text(&cpu->x86->debug.hit);
    }
    return gdb_stop_text(s, 5, watch ? watch : ""); /* SIGTRAP */
}

static void gdb_vm_state_change(void *opaque, bool running, RunState state)
{
    LiveStub *s = opaque;
    g_autofree char *reply = NULL;

    if (running || !s->owes_stop) {
        return;
    }
    if (gdb_cpu_that_hit()) {
        s->stub.g_cpu = s->stub.c_cpu = gdb_cpu_that_hit()->cpu_index;
    }
    reply = gdb_stop_reply(&s->stub, state);
    s->owes_stop = false;
    gdb_put_packet(&s->stub, reply);
}

/* ---- What the debugger wants ---- */

/* Not while a migration has, or is about to take, what the guest needs; "cont" on a monitor can take it back. */
static bool guest_may_run(void)
{
    return !runstate_needs_reset() && !runstate_check(RUN_STATE_INMIGRATE) &&
           !runstate_check(RUN_STATE_FINISH_MIGRATE) && !runstate_check(RUN_STATE_POSTMIGRATE);
}

static void live_run(GdbStub *s, const char *actions)
{
    bool all = true, step = false;
    CPUState *cpu;

    if (!guest_may_run()) {
        gdb_put_errno(s, EBUSY);
        return;
    }
    CPU_FOREACH(cpu) {
        char action = actions[cpu->cpu_index];

        all = all && action == 'c';
        step = step || action == 's';
        cpu_debug_resume(cpu->x86, action == 's');
    }
    live(s)->owes_stop = true;
    if (all) {
        vm_start();
        return;
    }
    if (vm_prepare_start(step) < 0) {
        return;
    }
    CPU_FOREACH(cpu) {
        if (actions[cpu->cpu_index]) {
            cpu_resume(cpu);
        }
    }
}

static char *live_why(GdbStub *s)
{
    return gdb_stop_reply(s, RUN_STATE_DEBUG);
}

/* The human monitor, as in a session of one's own. */
static char *live_monitor(GdbStub *s, const char *line)
{
    return monitor_hmp_execute(line);
}

static void live_detach(GdbStub *s)
{
    live(s)->detached = true;
    if (guest_may_run()) {
        vm_start();
    }
}

static void live_kill(GdbStub *s)
{
    qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_UI);
}

static const GdbHost live_host = {
    .write = live_write,
    .interrupt = live_interrupt,
    .run = live_run,
    .why = live_why,
    .monitor = live_monitor,
    .detach = live_detach,
    .kill = live_kill,
};

/* ---- Life ---- */

bool gdbserver_start(const char *device, GError **errp)
{
    g_autofree char *text = NULL;
    Chardev *chr;
    LiveStub *s;

    assert(!gdb_stub());
    if (strcmp(device, "none") == 0) {
        return true;
    }
    /* A debugger comes and goes; do not wait for it. */
    text = g_str_has_prefix(device, "tcp:") || g_str_has_prefix(device, "unix:")
         ? g_strconcat(device, strstr(device, ",server") ? "" : ",server=on",
                       strstr(device, ",wait") ? "" : ",wait=off", NULL)
         : g_strdup(device);
    chr = qemu_chr_new("gdb", NULL, text, errp);
    if (!chr) {
        error_prepend(errp, "gdbstub: couldn't create chardev: ");
        return false;
    }
    s = g_new0(LiveStub, 1);
    if (!qemu_chr_fe_init(&s->chr, chr, errp)) {
        g_free(s);
        return false;
    }
    gdb_stub_init(&s->stub, &live_host);
    s->state_entry = qemu_add_vm_change_state_handler(gdb_vm_state_change, s);
    machine_set_state(MACHINE_GDBSTUB, s);
    qemu_chr_fe_set_handlers(&s->chr, gdb_can_read, gdb_read, gdb_connection, s, true);
    return true;
}

void gdbserver_cleanup(void)
{
    LiveStub *s = gdb_stub();

    if (!s) {
        return;
    }
    if (s->connected) {
        gdb_put_packet(&s->stub, "W00");
    }
    qemu_del_vm_change_state_handler(s->state_entry);
    qemu_chr_fe_deinit(&s->chr, true);
    gdb_stub_cleanup(&s->stub);
    g_free(s);
    machine_set_state(MACHINE_GDBSTUB, NULL);
}
