/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of a replay under a debugger that follows it in both directions.
 *
 * The debugger is an observer: what it does happens between two instructions, outside of the simulated world, and takes
 * none of its time, steps or choices. It can look at registers and memory and nothing else, so the run's digest is the
 * same with it and without.
 *
 * To go back, a copy of the process (timeline.h) runs to some way before the present place and on to it while every
 * instruction is looked at; the last one that fits is where to go. If there is none, it looks further back.
 *
 * I1  While nothing has to be looked at, guest code runs as fast as in any replay, translated if the host can.
 * I2  Going backwards, a place is never reported twice: only what is before the present one counts.
 */
#ifndef REPLAY_GUEST_H
#define REPLAY_GUEST_H

#include "sched/oracle.h"

/**
 * guest_debug: serve GDB on @address ("tcp:HOST:PORT", "unix:PATH"), standing at @step at first.
 * Returns true in the process that is to run the machine, false in the one that is done; its status is *@ret_status.
 */
bool guest_debug(const char *address, uint64_t step, int *ret_status);
/** guest_event: for the oracle's event slot. Only after guest_debug(). */
void guest_event(SchedThread *self);
/** guest_ended: the run is over with @status. Returns if that is to be reported; not if the debugger wants more. */
void guest_ended(int status);

#endif
