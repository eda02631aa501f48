/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors: registry, output, command line. See the headers for contexts. */
#include "monitor/monitor.h"
#include "monitor/chardev_int.h"
#include "monitor/events.h"
#include "monitor/monitor_int.h"
#include "base/assert.h"
#include "sched/fdset.h"
#include "sched/machine.h"

#include <string.h>

MonitorState *monitor_state(void)
{
    return machine_state(MACHINE_MONITOR);
}

void monitor_init_globals(void)
{
    MonitorState *s = g_new0(MonitorState, 1);

    s->monitors = g_ptr_array_new();
    machine_set_state(MACHINE_MONITOR, s);
    fdsets_init();
    monitor_events_init();
    qmp_dispatcher_start();
}

void monitor_cleanup(void)
{
    MonitorState *s = monitor_state();

    if (!s) {
        return;
    }
    qmp_dispatcher_stop();
    while (s->monitors->len) {
        monitor_free(g_ptr_array_index(s->monitors, s->monitors->len - 1));
    }
    monitor_events_cleanup();
    fdsets_cleanup();
    g_ptr_array_free(s->monitors, TRUE);
    g_free(s);
    machine_set_state(MACHINE_MONITOR, NULL);
}

void monitor_set_preconfig_done(void)
{
    monitor_state()->preconfig_done = true;
}

/* ---- Life ---- */

Monitor *monitor_new(bool is_qmp)
{
    Monitor *mon = g_new0(Monitor, 1);

    mon->is_qmp = is_qmp;
    mon->outbuf = g_string_new(NULL);
    mon->fds = g_ptr_array_new();
    g_ptr_array_add(monitor_state()->monitors, mon);
    return mon;
}

void monitor_free(Monitor *mon)
{
    qemu_chr_fe_deinit(&mon->chr, false);
    if (mon->is_qmp) {
        monitor_qmp_teardown(mon);
    } else {
        monitor_hmp_teardown(mon);
    }
    monitor_fds_close(mon);
    g_ptr_array_free(mon->fds, TRUE);
    g_string_free(mon->outbuf, TRUE);
    g_ptr_array_remove(monitor_state()->monitors, mon);
    g_free(mon);
}

static bool monitor_init(Chardev *chr, bool is_qmp, bool pretty, GError **errp)
{
    CharBackend probe;
    Monitor *mon;

    if (is_qmp && chr_is_mux(chr)) {
        error_setg(errp, "QMP is not supported over a muxed chardev '%s'", qemu_chr_label(chr));
        return false;
    }
    if (!qemu_chr_fe_init(&probe, chr, errp)) {
        return false;
    }
    qemu_chr_fe_deinit(&probe, false);
    mon = monitor_new(is_qmp);
    mon->pretty = pretty;
    if (!qemu_chr_fe_init(&mon->chr, chr, errp)) {
        monitor_free(mon);
        return false;
    }
    if (is_qmp) {
        monitor_qmp_setup(mon);
    } else {
        monitor_hmp_setup(mon);
    }
    return true;
}

bool monitor_init_qmp(Chardev *chr, bool pretty, GError **errp)
{
    return monitor_init(chr, true, pretty, errp);
}

bool monitor_init_hmp(Chardev *chr, GError **errp)
{
    return monitor_init(chr, false, false, errp);
}

/* ---- Whose command runs ---- */

Monitor *monitor_cur(void)
{
    MonitorState *s = monitor_state();

    if (s && s->dispatcher && qemu_coroutine_self() == s->dispatcher) {
        return s->dispatcher_mon;
    }
    return sched_slot_get(SCHED_SLOT_MONITOR);
}

bool monitor_cur_is_qmp(void)
{
    Monitor *mon = monitor_cur();

    return mon && mon->is_qmp;
}

Monitor *monitor_set_cur(Monitor *mon)
{
    Monitor *old = sched_slot_get(SCHED_SLOT_MONITOR);

    sched_slot_set(SCHED_SLOT_MONITOR, mon);
    return old;
}

/* ---- Output ---- */

void monitor_send(Monitor *mon, const char *text, size_t len)
{
    if (qemu_chr_fe_write_all(&mon->chr, (const uint8_t *)text, (int)len) == -ENOBUFS) {
        qemu_chr_fe_disconnect(&mon->chr);
    }
}

int monitor_puts(Monitor *mon, const char *str)
{
    size_t len = strlen(str);

    if (!mon || mon->is_qmp) {
        return -1;
    }
    for (const char *p = str; *p; p++) {
        if (*p == '\n') {
            g_string_append_c(mon->outbuf, '\r');
        }
        g_string_append_c(mon->outbuf, *p);
    }
    if (!mon->skip_flush) {
        monitor_send(mon, mon->outbuf->str, mon->outbuf->len);
        g_string_truncate(mon->outbuf, 0);
    }
    return (int)len;
}

int monitor_printf(Monitor *mon, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return monitor_puts(mon, text);
}

/* ---- Command line ---- */

static bool monitor_cmdline_short(const char *optarg, bool qmp, bool pretty, GError **errp)
{
    MonitorState *s = monitor_state();
    g_autofree char *label = g_strdup_printf("compat_monitor%u", s->compat_count);
    g_autofree char *channel = g_strdup_printf(qmp ? "qmp%u" : "mon%u", qmp ? s->qmp_count : s->mon_count);
    Chardev *chr = qemu_chr_new(label, channel, optarg, errp);

    if (!chr) {
        return false;
    }
    s->compat_count++;
    s->qmp_count += qmp;
    s->mon_count += !qmp;
    return monitor_init(chr, qmp, pretty, errp);
}

bool monitor_cmdline_monitor(const char *optarg, GError **errp)
{
    return strcmp(optarg, "none") == 0 || monitor_cmdline_short(optarg, false, false, errp);
}

bool monitor_cmdline_qmp(const char *optarg, bool pretty, GError **errp)
{
    return strcmp(optarg, "none") == 0 || monitor_cmdline_short(optarg, true, pretty, errp);
}

bool monitor_cmdline_mon(const char *optarg, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(optarg, "chardev");
    const char *id = chr_opts_get(opts, "chardev");
    const char *mode = chr_opts_get(opts, "mode");
    Chardev *chr;
    bool pretty;

    (void)chr_opts_get(opts, "id");         /* names the monitor; nothing refers to it */
    if (!chr_opts_get_bool(opts, "pretty", false, &pretty, errp) || !chr_opts_finish(opts, errp)) {
        return false;
    }
    if (mode && strcmp(mode, "readline") != 0 && strcmp(mode, "control") != 0) {
        error_setg(errp, "Parameter 'mode' does not accept value '%s'", mode);
        return false;
    }
    chr = id ? qemu_chr_find(id) : NULL;
    if (!chr) {
        error_setg(errp, "chardev \"%s\" not found", id ? id : "");
        return false;
    }
    return monitor_init(chr, mode && strcmp(mode, "control") == 0, pretty, errp);
}
