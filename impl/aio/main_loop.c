/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main thread's outer loop, and the machine's aio state.
 *
 * Owns: AioMachine. Context: the main thread, with the BQL except while it sleeps.
 */
#include "aio/main_loop.h"
#include "aio/aio_int.h"

/* The other thread that queued it wanted the loop to go round; that has happened. */
static void notify_event_bh(void *opaque)
{
}

bool qemu_init_main_loop(GError **errp)
{
    AioMachine *m = g_new0(AioMachine, 1);

    assert(!machine_state(MACHINE_AIO));
    machine_set_state(MACHINE_AIO, m);
    sched_object_init(&m->main_loop_o, "main loop", "main-loop");
    sched_object_init(&m->wait_o, "wait", "aio-wait");
    sched_mutex_init(&m->bql, "BQL");
    m->contexts = g_ptr_array_new();
    m->iothreads = g_ptr_array_new();
    m->main_set = aio_poll_set_new();
    timerlistgroup_init(&m->main_loop_tlg, m, NULL);
    bql_lock();
    m->main_ctx = aio_context_new("main", errp);
    m->iohandler_ctx = m->main_ctx ? aio_context_new("iohandler", errp) : NULL;
    if (!m->iohandler_ctx) {
        qemu_cleanup_main_loop();
        return false;
    }
    m->iohandler_ctx->outer_loop_only = true;
    m->iohandler_ctx->home = sched_thread_self();
    m->notify_bh = qemu_bh_new(notify_event_bh, NULL);
    qemu_set_current_aio_context(m->main_ctx);
    coroutine_thread_pool_new();
    return true;
}

static void main_loop_settle(AioMachine *m)
{
    do {
        while (aio_poll(m->main_ctx, false)) {
        }
    } while (aio_poll(m->iohandler_ctx, false) || aio_pending(m->main_ctx));
}

void qemu_cleanup_main_loop(void)
{
    AioMachine *m = aio_machine();

    if (m->iohandler_ctx) {
        assert(!m->iothreads->len);
        main_loop_settle(m);
        aio_context_stop_pool(m->main_ctx);
        qemu_bh_delete(m->notify_bh);
        coroutine_thread_pool_release();
        sched_slot_set(SCHED_SLOT_AIO_CONTEXT, NULL);
    }
    aio_context_unref(m->iohandler_ctx);
    aio_context_unref(m->main_ctx);
    coroutine_machine_pool_free(m);
    timerlistgroup_deinit(&m->main_loop_tlg);
    aio_poll_set_free(m->main_set);
    if (m->contexts->len) {
        base_fatal("qemu_cleanup_main_loop: event loop '%s' is still referenced",
                   ((AioContext *)m->contexts->pdata[0])->name);
    }
    bql_unlock();
    g_ptr_array_free(m->contexts, true);
    g_ptr_array_free(m->iothreads, true);
    sched_mutex_destroy(&m->bql);
    machine_set_state(MACHINE_AIO, NULL);
    g_free(m);
}

/* ---- The loop ---- */

static void os_host_main_loop_wait(AioMachine *m, AioPollSet *set, int64_t timeout_ns)
{
    bql_unlock();
    sched_poll(&m->main_loop_o, (GPollFD *)set->fds->data, set->fds->len, timeout_ns);
    bql_lock();
}

void main_loop_wait(int nonblocking)
{
    AioMachine *m = aio_machine();
    AioPollSet *set = m->main_set;
    int64_t timeout_ns = nonblocking ? 0 : -1;
    unsigned iohandler_first;
    bool main_ready, iohandler_ready;

    sched_point(SCHED_K_POLL_ENTER, &m->main_loop_o);
    aio_poll_prepare(m->main_ctx, set, &timeout_ns);
    iohandler_first = set->fds->len;
    aio_poll_prepare(m->iohandler_ctx, set, &timeout_ns);
    timeout_ns = aio_soonest(timeout_ns, timerlistgroup_deadline_ns(&m->main_loop_tlg));
    os_host_main_loop_wait(m, set, timeout_ns);
    sched_point(SCHED_K_POLL_LEAVE, &m->main_loop_o);
    aio_poll_finish(m->main_ctx, set, 0);
    aio_poll_finish(m->iohandler_ctx, set, iohandler_first);
    aio_poll_set_clear(set);

    /* Both are looked at before either runs; what one queues on the other waits a round. */
    main_ready = aio_pending(m->main_ctx);
    iohandler_ready = aio_pending(m->iohandler_ctx);
    if (main_ready) {
        aio_dispatch(m->main_ctx);
    }
    if (iohandler_ready) {
        aio_dispatch(m->iohandler_ctx);
    }
    timerlistgroup_run_timers(&m->main_loop_tlg);
}

void qemu_notify_event(void)
{
    qemu_bh_schedule(aio_machine()->notify_bh);
}

bool qemu_in_main_thread(void)
{
    return bql_locked();
}

void event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler)
{
    aio_set_event_notifier(iohandler_get_aio_context(), e, handler, NULL, NULL);
}
