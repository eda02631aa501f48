/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitors: QMP for programs, HMP for people.
 *
 * Generated beside this header from schema/ *.json by gen/qapi.py:
 *     monitor/qapi_types.h      C types, qapi_free_X(), X_str()
 *     monitor/qapi_visit.h      conversion from and to JSON
 *     monitor/qmp_commands.h    what a command's author implements: `RetType *qmp_x(args, GError **errp)`
 *     monitor/qapi_events.h     qapi_event_send_x(args)
 *
 * Context: input is read in the iohandler context. QMP requests run in the dispatcher coroutine, which lives in the
 * iohandler context. A command marked 'coroutine' runs inside it, after it has moved itself to the main context,
 * so that a nested event loop can wake it; every other command runs in a bottom half of the iohandler context,
 * outside any coroutine and never inside somebody's nested event loop. The BQL is held in both cases.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "monitor/chardev.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Monitor Monitor;
struct json_object;

/** monitor_init_globals: state of the current machine, dispatcher coroutine. After qemu_init_main_loop(). */
void monitor_init_globals(void);
/** monitor_cleanup: finish the request that runs, drop the queued ones, close all monitors. Polls. BQL held. */
void monitor_cleanup(void);

/** monitor_init_qmp: serve QMP on @chr. @pretty: indent replies. */
bool monitor_init_qmp(Chardev *chr, bool pretty, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** monitor_init_hmp: serve the human monitor on @chr. */
bool monitor_init_hmp(Chardev *chr, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* Command line. Each may be given many times; the k-th -qmp is channel "qmp<k>", the k-th -monitor "mon<k>". */
bool monitor_cmdline_monitor(const char *optarg, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
bool monitor_cmdline_qmp(const char *optarg, bool pretty, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** monitor_cmdline_mon: -mon [chardev=]ID[,mode=readline|control][,pretty=on|off]. */
bool monitor_cmdline_mon(const char *optarg, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** monitor_cmdline_add_fd: -add-fd fd=N,set=N[,opaque=TEXT]. */
bool monitor_cmdline_add_fd(const char *optarg, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/** monitor_cmdline_object: -object iothread,id=ID[,prop=value]. */
bool monitor_cmdline_object(const char *optarg, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/** monitor_set_preconfig_done: until then only commands with 'allow-preconfig' run. */
void monitor_set_preconfig_done(void);

/** monitor_cur: the monitor whose command this thread or coroutine runs, or NULL. */
Monitor *monitor_cur(void);
bool monitor_cur_is_qmp(void);

/** monitor_printf: text to the current human monitor; swallowed if there is none. */
int monitor_printf(Monitor *mon, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
int monitor_puts(Monitor *mon, const char *str);
/** hmp_handle_error: print "Error: ..." and free @err. Returns true if there was one. */
bool hmp_handle_error(Monitor *mon, GError *err);

/**
 * monitor_fd_param: the descriptor a user means: a name given to getfd (it leaves the store) or a number.
 * Returns a kernel descriptor owned by the caller, or -1 with @errp.
 */
int monitor_fd_param(Monitor *mon, const char *fdname, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
int monitor_get_fd(Monitor *mon, const char *fdname, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/**
 * monitor_hmp_execute: run one line of the human monitor outside any terminal.
 * Returns what it printed; caller g_free()s.
 */
char *monitor_hmp_execute(const char *command_line);

#endif
