/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run state as a section of the stream, so that a paused guest arrives paused. Context: BQL to load. */
#ifndef MIGRATION_GLOBAL_STATE_H
#define MIGRATION_GLOBAL_STATE_H

#include "machine/runstate.h"

/** global_state_store: remember the present run state for the stream. Any thread. */
void global_state_store(void);
void global_state_store_running(void);
/** global_state_received: has the load in progress, or the last one, brought a run state? */
bool global_state_received(void);
RunState global_state_get_runstate(void);
/** migration_get_target_runstate: the state the incoming VM should get. */
RunState migration_get_target_runstate(void);
/** vm_resume: back to @state after a stop: start if it is a live one. Needs the BQL. */
void vm_resume(RunState state);

#endif
