/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run states, the transitions between them, and who is told. See runstate.h for the invariants.
 */
#include "machine/runstate.h"

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "base/assert.h"
#include "block/block.h"
#include "cpu/vcpu.h"
#include "machine/runstate_int.h"
#include "sched/machine.h"

struct VMChangeStateEntry {
    VMChangeStateHandler *cb;
    VMChangeStateHandlerWithRet *cb_ret;
    void *opaque;
    int priority;
    bool deleted;               /* while a notification walks the list */
};

#define BIT(s) (1u << RUN_STATE_##s)

/* From each state: which states may follow. A migration that fails goes back to the state that it found. */
static const uint32_t runstate_transitions[RUN_STATE__MAX] = {
    [RUN_STATE_DEBUG] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH) | BIT(SUSPENDED),
    [RUN_STATE_INMIGRATE] = BIT(INTERNAL_ERROR) | BIT(IO_ERROR) | BIT(PAUSED) | BIT(RUNNING) | BIT(SHUTDOWN) |
                            BIT(SUSPENDED) | BIT(WATCHDOG) | BIT(GUEST_PANICKED) | BIT(FINISH_MIGRATE) |
                            BIT(PRELAUNCH) | BIT(POSTMIGRATE) | BIT(COLO),
    [RUN_STATE_INTERNAL_ERROR] = BIT(PAUSED) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH),
    [RUN_STATE_IO_ERROR] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH),
    [RUN_STATE_PAUSED] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(POSTMIGRATE) | BIT(PRELAUNCH) | BIT(COLO) |
                         BIT(SUSPENDED) | BIT(RESTORE_VM) | BIT(SAVE_VM),
    [RUN_STATE_POSTMIGRATE] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH) | BIT(SUSPENDED),
    [RUN_STATE_PRELAUNCH] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(INMIGRATE) | BIT(SUSPENDED) | BIT(PAUSED) |
                            BIT(RESTORE_VM) | BIT(SAVE_VM),
    [RUN_STATE_FINISH_MIGRATE] = BIT(RUNNING) | BIT(PAUSED) | BIT(POSTMIGRATE) | BIT(PRELAUNCH) | BIT(COLO) |
                                 BIT(INTERNAL_ERROR) | BIT(IO_ERROR) | BIT(SHUTDOWN) | BIT(SUSPENDED) |
                                 BIT(WATCHDOG) | BIT(GUEST_PANICKED) | BIT(DEBUG) | BIT(RESTORE_VM) | BIT(SAVE_VM),
    /* A load that failed leaves the VM here, and clients may migrate it then. */
    [RUN_STATE_RESTORE_VM] = BIT(RUNNING) | BIT(PRELAUNCH) | BIT(PAUSED) | BIT(SUSPENDED) | BIT(FINISH_MIGRATE),
    [RUN_STATE_RUNNING] = BIT(DEBUG) | BIT(INTERNAL_ERROR) | BIT(IO_ERROR) | BIT(PAUSED) | BIT(FINISH_MIGRATE) |
                          BIT(RESTORE_VM) | BIT(SAVE_VM) | BIT(SHUTDOWN) | BIT(WATCHDOG) | BIT(GUEST_PANICKED) |
                          BIT(COLO) | BIT(SUSPENDED),
    [RUN_STATE_SAVE_VM] = BIT(RUNNING) | BIT(PAUSED) | BIT(PRELAUNCH) | BIT(FINISH_MIGRATE) | BIT(SUSPENDED),
    [RUN_STATE_SHUTDOWN] = BIT(PAUSED) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH) | BIT(COLO) | BIT(RESTORE_VM),
    [RUN_STATE_SUSPENDED] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH) | BIT(COLO) | BIT(PAUSED) |
                            BIT(SAVE_VM) | BIT(RESTORE_VM) | BIT(SHUTDOWN),
    [RUN_STATE_WATCHDOG] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH) | BIT(COLO),
    [RUN_STATE_GUEST_PANICKED] = BIT(RUNNING) | BIT(FINISH_MIGRATE) | BIT(PRELAUNCH),
    [RUN_STATE_COLO] = BIT(RUNNING) | BIT(PRELAUNCH) | BIT(SHUTDOWN),
};

static const char *const runstate_names[RUN_STATE__MAX] = {
    "debug", "inmigrate", "internal-error", "io-error", "paused", "postmigrate", "prelaunch", "finish-migrate",
    "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog", "guest-panicked", "colo",
};

static const char *const shutdown_cause_names[SHUTDOWN_CAUSE__MAX] = {
    "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui", "guest-shutdown",
    "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load",
};

RunStateModule *runstate_module(void)
{
    return machine_state(MACHINE_RUNSTATE);
}

void runstate_init(bool incoming)
{
    RunStateModule *m = g_new0(RunStateModule, 1);

    m->state = incoming ? RUN_STATE_INMIGRATE : RUN_STATE_PRELAUNCH;
    m->vmstop_requested = RUN_STATE__MAX;
    m->handlers = g_ptr_array_new();
    m->shutdown_notifiers = g_array_new(FALSE, FALSE, sizeof(ShutdownNotifier));
    sched_mutex_init(&m->vmstop_lock, "vmstop");
    machine_set_state(MACHINE_RUNSTATE, m);
}

void runstate_cleanup(void)
{
    RunStateModule *m = runstate_module();

    if (!m) {
        return;
    }
    machine_set_state(MACHINE_RUNSTATE, NULL);
    assert(m->handlers->len == 0);
    g_ptr_array_free(m->handlers, TRUE);
    g_array_free(m->shutdown_notifiers, TRUE);
    sched_mutex_destroy(&m->vmstop_lock);
    g_free(m);
}

const char *RunState_str(RunState s)
{
    assert(s < RUN_STATE__MAX);
    return runstate_names[s];
}

const char *ShutdownCause_str(ShutdownCause c)
{
    assert(c < SHUTDOWN_CAUSE__MAX);
    return shutdown_cause_names[c];
}

RunState runstate_get(void)
{
    return runstate_module()->state;
}

bool runstate_check(RunState state)
{
    return runstate_get() == state;
}

/* Also asked before there is a machine, or in tools that never have one. */
bool runstate_is_running(void)
{
    return runstate_module() && runstate_check(RUN_STATE_RUNNING);
}

bool runstate_is_live(RunState state)
{
    return state == RUN_STATE_RUNNING || state == RUN_STATE_SUSPENDED;
}

bool runstate_needs_reset(void)
{
    return runstate_check(RUN_STATE_INTERNAL_ERROR) || runstate_check(RUN_STATE_SHUTDOWN);
}

void runstate_set(RunState new_state)
{
    RunStateModule *m = runstate_module();

    assert(new_state < RUN_STATE__MAX);
    if (m->state == new_state) {
        return;
    }
    if (!(runstate_transitions[m->state] >> new_state & 1)) {       /* (I1) */
        base_fatal("invalid runstate transition: '%s' -> '%s'", RunState_str(m->state), RunState_str(new_state));
    }
    m->state = new_state;
}

void vm_set_suspended(bool suspended)
{
    runstate_module()->was_suspended = suspended;
}

bool vm_get_suspended(void)
{
    return runstate_module()->was_suspended;
}

void runstate_set_events(const RunStateEvents *events)
{
    runstate_module()->events = events;
}

void runstate_set_actions(RebootAction reboot, ShutdownAction shutdown)
{
    runstate_module()->reboot_action = reboot;
    runstate_module()->shutdown_action = shutdown;
}

RebootAction runstate_reboot_action(void)
{
    return runstate_module()->reboot_action;
}

ShutdownAction runstate_shutdown_action(void)
{
    return runstate_module()->shutdown_action;
}

/* ---- Notifiers ---- */

VMChangeStateEntry *qemu_add_vm_change_state_handler_prio_full(VMChangeStateHandler *cb,
                                                               VMChangeStateHandlerWithRet *cb_ret,
                                                               void *opaque, int priority)
{
    RunStateModule *m = runstate_module();
    VMChangeStateEntry *e = g_new0(VMChangeStateEntry, 1);
    unsigned at;

    *e = (VMChangeStateEntry){ .cb = cb, .cb_ret = cb_ret, .opaque = opaque, .priority = priority };
    for (at = m->handlers->len; at > 0; at--) {
        if (((VMChangeStateEntry *)g_ptr_array_index(m->handlers, at - 1))->priority <= priority) {
            break;
        }
    }
    g_ptr_array_insert(m->handlers, at, e);
    return e;
}

VMChangeStateEntry *qemu_add_vm_change_state_handler_prio(VMChangeStateHandler *cb, void *opaque, int priority)
{
    return qemu_add_vm_change_state_handler_prio_full(cb, NULL, opaque, priority);
}

VMChangeStateEntry *qemu_add_vm_change_state_handler(VMChangeStateHandler *cb, void *opaque)
{
    return qemu_add_vm_change_state_handler_prio(cb, opaque, 0);
}

void qemu_del_vm_change_state_handler(VMChangeStateEntry *e)
{
    RunStateModule *m = runstate_module();

    if (m->walking) {
        e->deleted = true;      /* the walk frees it at its end */
        return;
    }
    g_ptr_array_remove(m->handlers, e);
    g_free(e);
}

static void vm_state_sweep(RunStateModule *m)
{
    for (unsigned i = m->handlers->len; i > 0; i--) {
        VMChangeStateEntry *e = g_ptr_array_index(m->handlers, i - 1);

        if (e->deleted) {
            g_ptr_array_remove_index(m->handlers, i - 1);
            g_free(e);
        }
    }
}

/* Handlers may add and remove handlers: the walk goes over a copy, what is added meanwhile waits for the next one. */
int vm_state_notify(bool running, RunState state)
{
    RunStateModule *m = runstate_module();
    g_autoptr(GPtrArray) now = g_ptr_array_copy(m->handlers, NULL, NULL);
    int ret = 0;

    m->walking++;
    for (unsigned i = 0; i < now->len; i++) {
        VMChangeStateEntry *e = g_ptr_array_index(now, running ? i : now->len - 1 - i);     /* (I2) */
        int one = 0;

        if (e->deleted) {
            continue;
        }
        if (e->cb_ret) {
            one = e->cb_ret(e->opaque, running, state);
        } else {
            e->cb(e->opaque, running, state);
        }
        ret = ret ? ret : one;
    }
    if (--m->walking == 0) {
        vm_state_sweep(m);
    }
    return ret;
}

/* ---- Start and stop ---- */

int vm_prepare_start(bool step_pending)
{
    RunStateModule *m = runstate_module();
    RunState state = m->was_suspended ? RUN_STATE_SUSPENDED : RUN_STATE_RUNNING;
    RunState requested;

    qemu_vmstop_requested(&requested);
    if (runstate_is_running() && requested == RUN_STATE__MAX) {
        return -1;
    }
    /* Clients see a STOP and a RESUME even if the stop that was asked for never happened. */
    if (runstate_is_running()) {
        if (m->events && m->events->stop) {
            m->events->stop();
        }
        if (m->events && m->events->resume) {
            m->events->resume();
        }
        return -1;
    }
    if (m->events && m->events->resume) {
        m->events->resume();
    }
    m->was_suspended = false;
    cpu_enable_ticks();
    runstate_set(state);
    (void)vm_state_notify(state == RUN_STATE_RUNNING, state);   /* starting has no way to fail */
    return 0;
}

void vm_start(void)
{
    if (vm_prepare_start(false) == 0) {
        resume_all_vcpus();
    }
}

static int do_vm_stop(RunState state, bool send_stop)
{
    RunStateModule *m = runstate_module();
    RunState old = m->state;
    int ret = 0;
    int flush;

    if (runstate_is_live(old)) {
        m->was_suspended = old == RUN_STATE_SUSPENDED;
        runstate_set(state);
        cpu_disable_ticks();
        if (old == RUN_STATE_RUNNING) {
            pause_all_vcpus();
        }
        ret = vm_state_notify(false, state);
        if (send_stop && m->events && m->events->stop) {
            m->events->stop();
        }
    }
    bdrv_drain_all();
    flush = bdrv_flush_all();
    return ret < 0 ? ret : flush;
}

int vm_stop(RunState state)
{
    if (qemu_in_vcpu_thread()) {
        qemu_system_vmstop_request_prepare();
        qemu_system_vmstop_request(state);
        /* The processor stops at its next chance; the caller's code goes on first (I3). */
        cpu_stop_current();
        return 0;
    }
    return do_vm_stop(state, true);
}

int vm_shutdown(void)
{
    return do_vm_stop(RUN_STATE_SHUTDOWN, false);
}

int vm_stop_force_state(RunState state)
{
    if (runstate_is_live(runstate_get())) {
        return vm_stop(state);
    }
    runstate_set(state);
    bdrv_drain_all();
    return bdrv_flush_all();
}
