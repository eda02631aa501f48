/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's main loop: serves what other threads ask of the main thread, between rounds of the event loop.
 */
#include "machine/runstate.h"

#include "aio/main_loop.h"

#include "base/assert.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "machine/runstate_int.h"

/* ---- Requests ---- */

void qemu_system_reset_request(ShutdownCause reason)
{
    RunStateModule *m = runstate_module();

    if (m->reboot_action == REBOOT_ACTION_SHUTDOWN && reason != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
        __atomic_store_n(&m->shutdown_requested, reason, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n(&m->reset_requested, reason, __ATOMIC_SEQ_CST);
    }
    cpu_stop_current();
    qemu_notify_event();
}

void qemu_system_shutdown_request_with_code(ShutdownCause reason, int exit_code)
{
    runstate_module()->shutdown_exit_code = exit_code;
    qemu_system_shutdown_request(reason);
}

void qemu_system_shutdown_request(ShutdownCause reason)
{
    __atomic_store_n(&runstate_module()->shutdown_requested, reason, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

void qemu_system_powerdown_request(void)
{
    __atomic_store_n(&runstate_module()->powerdown_requested, 1, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

void qemu_system_debug_request(void)
{
    __atomic_store_n(&runstate_module()->debug_requested, 1, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

/*
 * Two steps, so that a stop and the running guest's own start cannot cross: from prepare on the request is being
 * made, and whoever asks for requests waits for it to be complete. The lock is held between them, which the static
 * analysis does not follow.
 */
void TSA_NO_TSA qemu_system_vmstop_request_prepare(void)
{
    sched_mutex_lock(&runstate_module()->vmstop_lock);
}

void TSA_NO_TSA qemu_system_vmstop_request(RunState reason)
{
    RunStateModule *m = runstate_module();

    m->vmstop_requested = reason;
    sched_mutex_unlock(&m->vmstop_lock);
    qemu_notify_event();
}

bool qemu_vmstop_requested(RunState *r)
{
    RunStateModule *m = runstate_module();

    sched_mutex_lock(&m->vmstop_lock);
    *r = m->vmstop_requested;
    m->vmstop_requested = RUN_STATE__MAX;
    sched_mutex_unlock(&m->vmstop_lock);
    return *r < RUN_STATE__MAX;
}

void qemu_system_guest_panicked(void)
{
    RunStateModule *m = runstate_module();

    if (m->events && m->events->guest_panicked) {
        m->events->guest_panicked();
    }
    (void)vm_stop(RUN_STATE_GUEST_PANICKED);    /* a failed flush changes nothing about it */
}

ShutdownCause qemu_shutdown_requested_get(void)
{
    return __atomic_load_n(&runstate_module()->shutdown_requested, __ATOMIC_SEQ_CST);
}

ShutdownCause qemu_reset_requested_get(void)
{
    return __atomic_load_n(&runstate_module()->reset_requested, __ATOMIC_SEQ_CST);
}

void qemu_register_powerdown(PowerdownFunc *fn, void *opaque)
{
    runstate_module()->powerdown = fn;
    runstate_module()->powerdown_opaque = opaque;
}

void qemu_register_shutdown_notifier(ShutdownNotifyFunc *fn, void *opaque)
{
    ShutdownNotifier n = { fn, opaque };

    g_array_append_val(runstate_module()->shutdown_notifiers, n);
}

/* ---- Serving them ---- */

void qemu_set_reset_handler(void (*fn)(void *opaque, ShutdownCause reason), void *opaque)
{
    runstate_module()->reset = fn;
    runstate_module()->reset_opaque = opaque;
}

static bool shutdown_caused_by_guest(ShutdownCause cause)
{
    return cause >= SHUTDOWN_CAUSE_GUEST_SHUTDOWN;
}

void qemu_system_reset(ShutdownCause reason)
{
    RunStateModule *m = runstate_module();

    cpu_synchronize_all_states();
    if (m->reset) {
        m->reset(m->reset_opaque, reason);
    } else {
        qemu_devices_reset();
    }
    switch (reason) {
    case SHUTDOWN_CAUSE_NONE:
    case SHUTDOWN_CAUSE_SUBSYSTEM_RESET:
    case SHUTDOWN_CAUSE_SNAPSHOT_LOAD:
        break;
    default:
        if (m->events && m->events->reset) {
            m->events->reset(shutdown_caused_by_guest(reason), reason);
        }
        break;
    }
    cpu_synchronize_all_post_reset();
    m->was_suspended = false;
}

static void qemu_system_shutdown(ShutdownCause cause)
{
    RunStateModule *m = runstate_module();

    if (m->events && m->events->shutdown) {
        m->events->shutdown(shutdown_caused_by_guest(cause), cause);
    }
    for (unsigned i = 0; i < m->shutdown_notifiers->len; i++) {
        ShutdownNotifier *n = &g_array_index(m->shutdown_notifiers, ShutdownNotifier, i);

        n->fn(n->opaque, cause);
    }
}

static bool main_loop_shutdown(RunStateModule *m, int *status)
{
    ShutdownCause cause = __atomic_exchange_n(&m->shutdown_requested, SHUTDOWN_CAUSE_NONE, __ATOMIC_SEQ_CST);

    if (cause == SHUTDOWN_CAUSE_NONE) {
        return false;
    }
    qemu_system_shutdown(cause);
    if (m->shutdown_action == SHUTDOWN_ACTION_PAUSE && cause != SHUTDOWN_CAUSE_HOST_QMP_QUIT &&
        cause != SHUTDOWN_CAUSE_HOST_SIGNAL) {
        (void)vm_stop(RUN_STATE_SHUTDOWN);      /* a failed flush was reported by the node */
        return false;
    }
    *status = m->shutdown_exit_code;
    return true;
}

static void main_loop_reset(RunStateModule *m)
{
    ShutdownCause cause = __atomic_exchange_n(&m->reset_requested, SHUTDOWN_CAUSE_NONE, __ATOMIC_SEQ_CST);

    if (cause == SHUTDOWN_CAUSE_NONE) {
        return;
    }
    pause_all_vcpus();
    qemu_system_reset(cause);
    resume_all_vcpus();
    /* Not while migrating: the state says who owns the images then. */
    if (!runstate_check(RUN_STATE_RUNNING) && !runstate_check(RUN_STATE_INMIGRATE) &&
        !runstate_check(RUN_STATE_FINISH_MIGRATE)) {
        runstate_set(RUN_STATE_PRELAUNCH);
    }
}

bool main_loop_should_exit(int *status)
{
    RunStateModule *m = runstate_module();
    RunState r;

    if (__atomic_exchange_n(&m->debug_requested, 0, __ATOMIC_SEQ_CST)) {
        (void)vm_stop(RUN_STATE_DEBUG);
    }
    if (main_loop_shutdown(m, status)) {
        return true;
    }
    main_loop_reset(m);
    if (__atomic_exchange_n(&m->powerdown_requested, 0, __ATOMIC_SEQ_CST)) {
        if (m->events && m->events->powerdown) {
            m->events->powerdown();
        }
        if (m->powerdown) {
            m->powerdown(m->powerdown_opaque);
        }
    }
    if (qemu_vmstop_requested(&r)) {
        (void)vm_stop(r);
    }
    return false;
}

int qemu_main_loop(void)
{
    int status = 0;

    while (!main_loop_should_exit(&status)) {
        main_loop_wait(false);
    }
    return status;
}
