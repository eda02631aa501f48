/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going back in a run: copies of the process along its way, one of which goes on when an earlier place is wanted.
 *
 * One process at a time runs; it ends when a copy takes over. The keeper, which is the process that was started, runs
 * nothing: it holds the connection to the debugger and lasts until the session is over. Copies share nothing with the
 * one that runs but the memory of timeline_shared().
 *
 * I1  At most TIMELINE_EVEN copies stand along the whole run, no nearer to each other than a distance that doubles when
 *     they are too many, and TIMELINE_NEAR where somebody has been of late. So memory is bounded, and what has to be
 *     run again is a fraction of the run that does not depend on where one is.
 * I2  A copy that goes on leaves a copy behind: the same place can be gone back to any number of times.
 * I3  When the keeper has ended, so have all copies.
 */
#ifndef REPLAY_TIMELINE_H
#define REPLAY_TIMELINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { TIMELINE_EVEN = 64, TIMELINE_NEAR = 8 };

/* A place between two instructions of the guest. Both numbers only grow, together they are unique. */
typedef struct ReplayPosition {
    uint64_t count;         /* instructions that all processors have executed */
    uint64_t step;          /* of the simulator */
} ReplayPosition;

int position_compare(ReplayPosition a, ReplayPosition b);

/**
 * timeline_split: make the keeper and the process that runs. @shared_bytes: for timeline_shared().
 * In the process that runs: true, @ret_fd is its end of the connection. In the keeper: returns false at the end of the
 * session, with the exit status in @ret_status. It listens on @address once timeline_ready() was called.
 */
bool timeline_split(const char *address, size_t shared_bytes, int *ret_fd, int *ret_status);
void *timeline_shared(void);
/** timeline_ready: there is something to look at: let debuggers connect. */
void timeline_ready(void);
/** timeline_mark: leave a copy here if none is nearby. @near: one more, for the next steps back. True in a copy. */
bool timeline_mark(ReplayPosition here, bool near);
/** timeline_jump: let the last copy at or before @to go on, and end this process. */
G_NORETURN void timeline_jump(ReplayPosition to);
/** timeline_best_step: of the last copy before step @step: its step. */
uint64_t timeline_best_step(uint64_t step, ReplayPosition *ret);
/** timeline_ended: this process will end the session with @status. */
void timeline_ended(int status);
/** timeline_orphaned: the keeper is gone. */
bool timeline_orphaned(void);

#endif
