/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a failed run looked like, in the words of a VMM: who waits for what, which coroutine is scheduled where, and the
 * stack of everybody.
 */
#ifndef REPLAY_REPORT_H
#define REPLAY_REPORT_H

#include "replay/trace.h"

#include <json-c/json.h>

/** report_outcome_name: "exit", "assert", "deadlock", "hang", "crash", "stale". */
const char *report_outcome_name(SimOutcome outcome);

/**
 * report_build: the state of all threads, contexts and coroutines now, while nobody runs. @stacks: slow, with symbols.
 * Returns {outcome, text, thread, steps, decisions, digest, time-ns, waits: [line], threads: [...], coroutines: [...]}.
 */
json_object *report_build(SimOutcome outcome, int status, const char *text, bool stacks);
/** report_print: the same for a terminal. */
void report_print(json_object *report, bool stacks);
/**
 * report_signature: what makes two failures the same: outcome, text, and who waits in which words. Caller g_free()s.
 */
char *report_signature(json_object *report);

#endif
