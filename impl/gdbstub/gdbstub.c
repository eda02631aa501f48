/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the debugger: packets in and out, and when the guest runs. See gdbstub.h.
 */
#include "gdbstub/gdbstub.h"

#include <string.h>

#include "base/assert.h"
#include "cpu/debug.h"
#include "gdbstub/gdbstub_int.h"
#include "sched/machine.h"

static GdbStub *gdb_stub(void)
{
    return machine_state(MACHINE_GDBSTUB);
}

/* ---- Output ---- */

static void gdb_write(GdbStub *s, const char *data, size_t len)
{
    /* A debugger that does not read loses the connection's data, not the guest's time. */
    (void)qemu_chr_fe_write_all(&s->chr, (const uint8_t *)data, (int)len);
}

void gdb_put_bytes(GdbStub *s, const void *data, size_t len)
{
    g_string_truncate(s->sent, 0);
    gdb_packet_frame(s->sent, data, len);
    gdb_write(s, s->sent->str, s->sent->len);
}

void gdb_put_packet(GdbStub *s, const char *text)
{
    gdb_put_bytes(s, text, strlen(text));
}

/* ---- Input ---- */

static void gdb_stop_guest(void)
{
    if (runstate_is_running()) {
        (void)vm_stop(RUN_STATE_PAUSED);        /* a failed flush is told to the monitor, and changes nothing here */
    }
}

static void gdb_event(GdbStub *s, GdbEvent e)
{
    switch (e) {
    case GDB_EVENT_NONE:
    case GDB_EVENT_ACK:
        return;
    case GDB_EVENT_NACK:
        gdb_write(s, s->sent->str, s->sent->len);
        return;
    case GDB_EVENT_BAD:
        if (!s->no_ack) {
            gdb_write(s, "-", 1);
        }
        return;
    case GDB_EVENT_INTERRUPT:
        gdb_stop_guest();
        return;
    case GDB_EVENT_PACKET:
        if (!s->no_ack) {
            gdb_write(s, "+", 1);
        }
        gdb_stop_guest();
        gdb_command(s, (const char *)s->parser.data, s->parser.len);
        return;
    }
}

static int gdb_can_read(void *opaque)
{
    return GDB_PACKET_MAX;
}

static void gdb_read(void *opaque, const uint8_t *buf, int size)
{
    GdbStub *s = opaque;

    for (int i = 0; i < size; i++) {
        gdb_event(s, gdb_parser_feed(&s->parser, buf[i]));
    }
}

static void gdb_connection(void *opaque, QEMUChrEvent event)
{
    GdbStub *s = opaque;

    if (event == CHR_EVENT_OPENED) {
        s->connected = true;
        s->detached = false;
        s->no_ack = false;
        s->owes_stop = false;
        s->parser.state = GDB_IDLE;
        s->g_cpu = s->c_cpu = 0;
        g_string_truncate(s->sent, 0);
        gdb_stop_guest();
    } else if (event == CHR_EVENT_CLOSED && s->connected) {
        s->connected = false;
        if (!s->detached) {
            gdb_stop_guest();
            gdb_points_clear(s);    /* (I2) */
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

static char *gdb_reply(GdbStub *s, unsigned signal, const char *more)
{
    return g_strdup_printf("T%02xthread:%02x;%s", signal, s->c_cpu + 1, more);
}

char *gdb_stop_reply(GdbStub *s, RunState state)
{
    const CPUState *cpu = gdb_cpu_that_hit();
    g_autofree char *watch = NULL;
    unsigned how = cpu ? cpu->x86->debug.hit.flags : 0;

    switch (state) {
    case RUN_STATE_PAUSED:
    case RUN_STATE_PRELAUNCH:
        return gdb_reply(s, 2, "");             /* SIGINT */
    case RUN_STATE_SHUTDOWN:
        return gdb_reply(s, 3, "");             /* SIGQUIT */
    case RUN_STATE_IO_ERROR:
        return gdb_reply(s, 29, "");            /* SIGIO */
    case RUN_STATE_WATCHDOG:
        return gdb_reply(s, 14, "");            /* SIGALRM */
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED:
        return gdb_reply(s, 6, "");             /* SIGABRT */
    case RUN_STATE_DEBUG:
        break;
    default:
        return gdb_reply(s, 0, "");
    }
    if (how) {
        watch = g_strdup_printf("%s:%" G_GINT64_MODIFIER "x;", how == BP_MEM_WRITE ? "watch" :
                                how == BP_MEM_READ ? "rwatch" : "awatch", (guint64)cpu->x86->debug.hit.lin);
    }
    return gdb_reply(s, 5, watch ? watch : ""); /* SIGTRAP */
}

static void gdb_vm_state_change(void *opaque, bool running, RunState state)
{
    GdbStub *s = opaque;
    g_autofree char *reply = NULL;

    if (running || !s->owes_stop) {
        return;
    }
    if (gdb_cpu_that_hit()) {
        s->g_cpu = s->c_cpu = gdb_cpu_that_hit()->cpu_index;
    }
    reply = gdb_stop_reply(s, state);
    s->owes_stop = false;
    gdb_put_packet(s, reply);
}

/* ---- Life ---- */

bool gdbserver_start(const char *device, GError **errp)
{
    g_autofree char *text = NULL;
    Chardev *chr;
    GdbStub *s;

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
    s = g_new0(GdbStub, 1);
    if (!qemu_chr_fe_init(&s->chr, chr, errp)) {
        g_free(s);
        return false;
    }
    s->sent = g_string_new(NULL);
    s->points = g_array_new(FALSE, FALSE, sizeof(GdbPoint));
    s->state_entry = qemu_add_vm_change_state_handler(gdb_vm_state_change, s);
    machine_set_state(MACHINE_GDBSTUB, s);
    qemu_chr_fe_set_handlers(&s->chr, gdb_can_read, gdb_read, gdb_connection, s, true);
    return true;
}

void gdbserver_cleanup(void)
{
    GdbStub *s = gdb_stub();

    if (!s) {
        return;
    }
    if (s->connected) {
        gdb_put_packet(s, "W00");
    }
    qemu_del_vm_change_state_handler(s->state_entry);
    qemu_chr_fe_deinit(&s->chr, true);
    g_array_unref(s->points);
    g_string_free(s->sent, TRUE);
    g_free(s);
    machine_set_state(MACHINE_GDBSTUB, NULL);
}
