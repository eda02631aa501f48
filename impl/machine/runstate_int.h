/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run state module's own state, for runstate.c and main_loop.c.
 */
#ifndef MACHINE_RUNSTATE_INT_H
#define MACHINE_RUNSTATE_INT_H

#include "machine/runstate.h"
#include "sched/sched.h"

typedef struct ShutdownNotifier {
    ShutdownNotifyFunc *fn;
    void *opaque;
} ShutdownNotifier;

typedef struct RunStateModule {
    /* BQL */
    RunState state;
    bool was_suspended;
    GPtrArray *handlers;        /* of VMChangeStateEntry *, by rising priority, then age */
    unsigned walking;           /* depth of vm_state_notify */
    const RunStateEvents *events;
    GArray *shutdown_notifiers;
    PowerdownFunc *powerdown;
    void *powerdown_opaque;
    void (*reset)(void *opaque, ShutdownCause reason);
    void *reset_opaque;
    RebootAction reboot_action;
    ShutdownAction shutdown_action;
    int shutdown_exit_code;
    /* Requests: atomics, set by any thread, taken by the main thread. */
    int reset_requested;        /* ShutdownCause */
    int shutdown_requested;     /* ShutdownCause */
    int powerdown_requested;
    int debug_requested;
    /* own lock */
    SchedMutex vmstop_lock;
    RunState vmstop_requested;  /* RUN_STATE__MAX: none */
} RunStateModule;

/** runstate_module: NULL before runstate_init. */
RunStateModule *runstate_module(void);

#endif
