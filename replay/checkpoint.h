/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checkpoints for a debugger: copies of the process that wait until one of them is told to go on.
 *
 * Our own instead of gdb's "checkpoint": that calls fork() in the stopped program, and calling into a program fails or
 * hangs where the kernel's ptrace cannot write all registers back (gdb 13.1 in some containers and sandboxes). A copy
 * leaves another copy behind before it goes on, so it can be gone back to again. Copies end with the debugger.
 */
#ifndef REPLAY_CHECKPOINT_H
#define REPLAY_CHECKPOINT_H

#include <stdint.h>

/** checkpoint_init: @debugger: the process whose end ends all copies. 0 or -errno. */
int checkpoint_init(int debugger);
/** checkpoint_leave: leave a copy that stands at @step. Only after checkpoint_init(). */
void checkpoint_leave(uint64_t step);

#endif
