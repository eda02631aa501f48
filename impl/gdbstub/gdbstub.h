/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's access to the guest: GDB's remote serial protocol on a character device (-gdb, -s).
 *
 * The guest stands while the debugger looks: connecting stops it, losing the connection too (but not "detach"), and
 * every command but "continue" and "step" finds it stopped. Breakpoints and watchpoints are kept beside the guest
 * (cpu/debug.h), its memory is never patched.
 *
 * Owns: MACHINE_GDBSTUB. Context: main thread, BQL held; input is read in the iohandler context.
 *
 * I1  A stop reply is sent exactly once for each continue or step, and never without one.
 * I2  When the debugger is gone, so are its breakpoints.
 * Source: GDB manual, appendix E, "Remote Protocol".
 */
#ifndef GDBSTUB_GDBSTUB_H
#define GDBSTUB_GDBSTUB_H

#include <stdbool.h>

#include "base/error.h"

/** gdbserver_start: serve one debugger at a time on @device ("tcp::1234", or what -serial takes). "none": nothing. */
bool gdbserver_start(const char *device, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** gdbserver_cleanup: tell the debugger that the guest is gone, and close. Does nothing without gdbserver_start. */
void gdbserver_cleanup(void);

#endif
