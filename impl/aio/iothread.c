/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IOThreads. Context: the main thread creates, stops and destroys them, holding the BQL. */
#include "aio/iothread.h"
#include "aio/aio_int.h"

struct IOThread {
    char *id;
    AioContext *ctx;
    SchedThread *thread;        /* NULL once stopped */
    SchedEvent ready;
    bool stopping;              /* its own thread's */
};

static void iothread_run(void *opaque)
{
    IOThread *iothread = opaque;

    sched_slot_set(SCHED_SLOT_IOTHREAD, iothread);
    qemu_set_current_aio_context(iothread->ctx);
    coroutine_thread_pool_new();
    sched_event_set(&iothread->ready);
    while (!iothread->stopping) {
        aio_poll(iothread->ctx, true);
    }
    coroutine_thread_pool_release();
    iothread->ctx->home = NULL;
}

static void iothread_stop_bh(void *opaque)
{
    IOThread *iothread = opaque;

    iothread->stopping = true;
}

IOThread *iothread_create(const char *id, GError **errp)
{
    AioMachine *m = aio_machine();
    AioContext *ctx;
    IOThread *iothread;

    if (iothread_by_id(id)) {
        error_setg(errp, "An iothread with ID '%s' exists already", id);
        return NULL;
    }
    ctx = aio_context_new(id, errp);
    if (!ctx || !aio_context_set_poll_params(ctx, IOTHREAD_POLL_MAX_NS_DEFAULT, 0, 0, errp)) {
        aio_context_unref(ctx);
        return NULL;
    }
    iothread = g_new0(IOThread, 1);
    iothread->id = g_strdup(id);
    iothread->ctx = ctx;
    sched_event_init(&iothread->ready, iothread->id, false);
    g_ptr_array_add(m->iothreads, iothread);
    iothread->thread = sched_thread_create(iothread->id, iothread_run, iothread);
    sched_event_wait(&iothread->ready);
    return iothread;
}

void iothread_stop(IOThread *iothread)
{
    if (iothread->thread) {
        aio_bh_schedule_oneshot(iothread->ctx, iothread_stop_bh, iothread);
        sched_thread_join(g_steal_pointer(&iothread->thread));
    }
}

void iothread_destroy(IOThread *iothread)
{
    if (!iothread) {
        return;
    }
    iothread_stop(iothread);
    g_ptr_array_remove(aio_machine()->iothreads, iothread);
    aio_context_stop_pool(iothread->ctx);
    aio_context_unref(iothread->ctx);
    sched_event_destroy(&iothread->ready);
    g_free(iothread->id);
    g_free(iothread);
}

AioContext *iothread_get_aio_context(IOThread *iothread)
{
    return iothread->ctx;
}

const char *iothread_get_id(const IOThread *iothread)
{
    return iothread->id;
}

int iothread_get_thread_number(const IOThread *iothread)
{
    return iothread->thread ? sched_thread_number(iothread->thread) : 0;
}

IOThread *iothread_next(IOThread *iothread)
{
    GPtrArray *all = aio_machine()->iothreads;
    guint i = 0;

    if (iothread) {
        bool found = g_ptr_array_find(all, iothread, &i);

        assert(found);
        i++;
    }
    return i < all->len ? all->pdata[i] : NULL;
}

IOThread *iothread_by_id(const char *id)
{
    IOThread *iothread = NULL;

    while ((iothread = iothread_next(iothread)) && strcmp(iothread->id, id) != 0) {
    }
    return iothread;
}

bool qemu_in_iothread(void)
{
    return sched_slot_get(SCHED_SLOT_IOTHREAD) != NULL;
}

void iothread_get_poll_params(IOThread *iothread, IOThreadPollParams *ret_params)
{
    const AioPollParams *p = &iothread->ctx->poll;

    *ret_params = (IOThreadPollParams){
        .max_ns = p->max_ns,
        .grow = p->grow,
        .shrink = p->shrink,
        .max_batch = aio_context_max_batch(iothread->ctx),
    };
}

bool iothread_set_poll_params(IOThread *iothread, const IOThreadPollParams *params, GError **errp)
{
    if (params->max_batch < 0) {
        error_setg(errp, "aio-max-batch must not be negative");
        return false;
    }
    aio_context_set_aio_params(iothread->ctx, params->max_batch);
    return aio_context_set_poll_params(iothread->ctx, params->max_ns, params->grow, params->shrink,
                                       errp);
}
