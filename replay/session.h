/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One simulator process: what it was asked to do, and the run at hand.
 */
#ifndef REPLAY_SESSION_H
#define REPLAY_SESSION_H

#include "replay/oracles.h"
#include "replay/report.h"
#include "replay/script.h"

#include <stdio.h>

typedef enum SessionMode { MODE_LIVE, MODE_RECORD, MODE_REPLAY, MODE_EXPLORE } SessionMode;

typedef struct Options {
    SessionMode mode;
    char *trace, *scenario, *result, *log, *images, *out, *strategy, *from, *guest_gdb;
    gint64 stop_at, guest_at, checkpoints, end_at, seed, runs, replays_max;
    double seconds;
    int depth, job, jobs;
    gboolean keep_going, quiet, no_stacks, no_record, power_fails;
    char **machine;             /* words after "--" */
} Options;

typedef struct Explorer Explorer;

typedef struct Session {
    Options options;
    Trace *trace;
    Script *script;
    Follower *follower;
    Explorer *explorer;
    FILE *log;
    /* The next rule applies to the run at hand: a child of the explorer replaces them. */
    void (*run_ended)(struct Session *s, SimOutcome outcome, int status, const char *text);
} Session;

/** session_build_id: which compiler made this; digests are compared within one build only. */
const char *session_build_id(void);
/** session_limits: how long a run may be before it is made fair, and before it is called a hang; a trace may say so. */
void session_limits(SimConfig *config, const Trace *t, uint64_t typical_steps);
/** session_config: the configuration that plays the session's script with @oracle's choices. */
SimConfig session_config(Session *s, SimOracle oracle);
/** session_judge: the same outcome, said better if the script explains it. Caller g_free()s *@text. */
SimOutcome session_judge(Session *s, SimOutcome outcome, char **text);

/* ---- explore.c ---- */

/** explorer_new: prepare shared memory. @s borrowed. */
Explorer *explorer_new(Session *s);
/**
 * explorer_fork_here: called at the quiet moment of the machine from which on schedules differ. In the parent it runs
 * the whole search and exits the process; in each child it returns, with that child's oracle installed.
 */
void explorer_fork_here(Explorer *e);
/** explorer_again: in a child, after a passed run of a unit: install the next seed's oracle. */
void explorer_again(Explorer *e);
/** explorer_child_ended: a child's run is over: tell the parent and exit. */
void explorer_child_ended(Session *s, SimOutcome outcome, int status, const char *text);

/** explorer_try: replay with @deviations in a child. True if it fails with @signature. For the minimiser. */
bool explorer_try(Explorer *e, GPtrArray *deviations, const char *signature);

/* ---- minimise.c ---- */

/**
 * minimise: a 1-minimal sub-list of @deviations that still fails with @signature.
 * @replays_max: stop improving after so many. @ret_replays: how many were spent. New list, elements borrowed.
 */
GPtrArray *minimise(Explorer *e, GPtrArray *deviations, const char *signature, unsigned replays_max,
                    unsigned *ret_replays);

#endif
