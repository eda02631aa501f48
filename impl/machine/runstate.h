/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run states: is the guest running, and if not, why. With the requests (reset, shutdown, stop) that other
 * threads leave for the main thread.
 *
 * This header is below migration and monitor although it lies in machine/: it needs nothing but base.
 * Owns: MACHINE_RUNSTATE. Context: BQL held, unless said otherwise.
 *
 * I1  The state changes only along the transition table (asserted); the table is the one that users of
 *     query-status know.
 * I2  Notifiers run in ascending priority when the VM starts and in descending priority when it stops.
 * I3  vm_stop() on a vCPU thread records a request and returns; the VM is still running then. Callers that
 *     need a stopped VM must not be on a vCPU thread.
 */
#ifndef MACHINE_RUNSTATE_H
#define MACHINE_RUNSTATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/** In the order of the schema. */
typedef enum RunState {
    RUN_STATE_DEBUG,
    RUN_STATE_INMIGRATE,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_IO_ERROR,
    RUN_STATE_PAUSED,
    RUN_STATE_POSTMIGRATE,
    RUN_STATE_PRELAUNCH,
    RUN_STATE_FINISH_MIGRATE,
    RUN_STATE_RESTORE_VM,
    RUN_STATE_RUNNING,
    RUN_STATE_SAVE_VM,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_SUSPENDED,
    RUN_STATE_WATCHDOG,
    RUN_STATE_GUEST_PANICKED,
    RUN_STATE_COLO,
    RUN_STATE__MAX,
} RunState;

/** In the order of the schema. */
typedef enum ShutdownCause {
    SHUTDOWN_CAUSE_NONE,
    SHUTDOWN_CAUSE_HOST_ERROR,
    SHUTDOWN_CAUSE_HOST_QMP_QUIT,
    SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_CAUSE_HOST_SIGNAL,
    SHUTDOWN_CAUSE_HOST_UI,
    SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
    SHUTDOWN_CAUSE_GUEST_RESET,
    SHUTDOWN_CAUSE_GUEST_PANIC,
    SHUTDOWN_CAUSE_SUBSYSTEM_RESET,
    SHUTDOWN_CAUSE_SNAPSHOT_LOAD,
    SHUTDOWN_CAUSE__MAX,
} ShutdownCause;

/** runstate_init: state PRELAUNCH, or INMIGRATE when @incoming. Once per machine. */
void runstate_init(bool incoming);
void runstate_cleanup(void);

const char *RunState_str(RunState s);
const char *ShutdownCause_str(ShutdownCause c);

RunState runstate_get(void);
bool runstate_check(RunState state);
/** runstate_is_running: RUNNING; runstate_is_live also counts SUSPENDED. */
bool runstate_is_running(void);
bool runstate_is_live(RunState state);
/** runstate_needs_reset: only a reset leads out of this state (internal error, shutdown). */
bool runstate_needs_reset(void);
/** runstate_set: I1. Setting the present state does nothing. */
void runstate_set(RunState new_state);

/* ---- Starting and stopping ---- */

/** vm_start: prepare and resume the vCPUs; ends in RUNNING (or SUSPENDED). Emits RESUME. */
void vm_start(void);
/**
 * vm_prepare_start: everything of vm_start but the vCPUs.
 * Returns 0, or -1 if the VM must not start (already running; nothing else to do).
 */
int vm_prepare_start(bool step_pending);
/**
 * vm_stop: stop vCPUs, run notifiers, drain and flush all disks, enter @state, emit STOP.
 * Returns 0, or -errno of the flush. On a vCPU thread: I3.
 */
int vm_stop(RunState state);
/** vm_stop_force_state: as vm_stop if running, else only force the state and flush. */
int vm_stop_force_state(RunState state);
/** vm_shutdown: stop without event, for the end of the process. */
int vm_shutdown(void);

/** vm_set_suspended / vm_get_suspended: was the guest suspended when it was stopped? It migrates. */
void vm_set_suspended(bool suspended);
bool vm_get_suspended(void);

typedef void VMChangeStateHandler(void *opaque, bool running, RunState state);
/** Returns 0 or -errno; a failure while stopping is returned by vm_stop. */
typedef int VMChangeStateHandlerWithRet(void *opaque, bool running, RunState state);
typedef struct VMChangeStateEntry VMChangeStateEntry;

VMChangeStateEntry *qemu_add_vm_change_state_handler(VMChangeStateHandler *cb, void *opaque);
/** The smaller @priority, the earlier at start and the later at stop. */
VMChangeStateEntry *qemu_add_vm_change_state_handler_prio(VMChangeStateHandler *cb, void *opaque, int priority);
VMChangeStateEntry *qemu_add_vm_change_state_handler_prio_full(VMChangeStateHandler *cb,
                                                               VMChangeStateHandlerWithRet *cb_ret,
                                                               void *opaque, int priority);
void qemu_del_vm_change_state_handler(VMChangeStateEntry *e);
int vm_state_notify(bool running, RunState state);

/* ---- Requests to the main thread. Any thread; each wakes the main loop. ---- */

void qemu_system_reset_request(ShutdownCause reason);
void qemu_system_shutdown_request(ShutdownCause reason);
void qemu_system_shutdown_request_with_code(ShutdownCause reason, int exit_code);
void qemu_system_powerdown_request(void);
void qemu_system_debug_request(void);
void qemu_system_vmstop_request_prepare(void);
void qemu_system_vmstop_request(RunState reason);
void qemu_system_guest_panicked(void);
bool qemu_vmstop_requested(RunState *r);
ShutdownCause qemu_shutdown_requested_get(void);
ShutdownCause qemu_reset_requested_get(void);

/* What the guest's power button does; the ACPI device of a machine registers. */
typedef void PowerdownFunc(void *opaque);
void qemu_register_powerdown(PowerdownFunc *fn, void *opaque);
typedef void ShutdownNotifyFunc(void *opaque, ShutdownCause cause);
void qemu_register_shutdown_notifier(ShutdownNotifyFunc *fn, void *opaque);

/* -no-reboot, -no-shutdown, -action. */
typedef enum RebootAction { REBOOT_ACTION_RESET, REBOOT_ACTION_SHUTDOWN } RebootAction;
typedef enum ShutdownAction { SHUTDOWN_ACTION_POWEROFF, SHUTDOWN_ACTION_PAUSE } ShutdownAction;
void runstate_set_actions(RebootAction reboot, ShutdownAction shutdown);
RebootAction runstate_reboot_action(void);
ShutdownAction runstate_shutdown_action(void);

/** What the monitor wants to hear; every callback may be NULL. One listener per machine. */
typedef struct RunStateEvents {
    void (*stop)(void);
    void (*resume)(void);
    void (*reset)(bool guest, ShutdownCause reason);
    void (*shutdown)(bool guest, ShutdownCause reason);
    void (*powerdown)(void);
    void (*suspend)(void);
    void (*guest_panicked)(void);
} RunStateEvents;
void runstate_set_events(const RunStateEvents *events);

/* ---- The main thread ---- */

/** qemu_system_reset: reset all devices; @reason NONE: silently. Emits RESET otherwise. Main thread. */
void qemu_system_reset(ShutdownCause reason) G_GNUC_NO_INLINE;
/** qemu_set_reset_handler: what the machine does to reset (pc_machine_reset). */
void qemu_set_reset_handler(void (*fn)(void *opaque, ShutdownCause reason), void *opaque);
/** main_loop_should_exit: serve the requests above. Returns true, with the process's status, when it is over. */
bool main_loop_should_exit(int *status) G_GNUC_NO_INLINE;
/** qemu_main_loop: until main_loop_should_exit. Returns the exit status. Called with the BQL. */
int qemu_main_loop(void) G_GNUC_NO_INLINE;

#endif
