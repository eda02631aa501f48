/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outside world of a simulated machine: a reactive script, or real peers that are being recorded.
 *
 * A script step happens as soon as its conditions hold and every earlier step of its channel has happened. Conditions
 * count what the machine has said, never steps or times, so the same script fits every schedule and most edits.
 */
#ifndef REPLAY_SCRIPT_H
#define REPLAY_SCRIPT_H

#include "replay/trace.h"

typedef struct Script Script;

/** script_new: plays @t->script (borrowed) and resets its progress. @record: instead appends what real peers do. */
Script *script_new(Trace *t, bool record);
/** script_reset: nothing has been said yet. For another run in the same process. */
void script_reset(Script *s);
void script_free(Script *s);
/** script_world: the table for sim_configure(). */
SimWorld script_world(Script *s);
/** script_over: every step has happened and the machine has read every byte. */
bool script_over(const Script *s);
/** script_has_sent: has a message with @text in it been sent? */
bool script_has_sent(const Script *s, const char *text);
/** script_pending: the first step that has not happened, as words; NULL if none. Caller g_free()s. */
char *script_pending(const Script *s);

#endif
