/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resuming coroutines from anywhere, and moving them between contexts.
 *
 * I1  Whoever turns the mark from NULL to a name owns the right to enter the coroutine; it turns it
 *     back right before entering. Between these two steps of aio_co_schedule_bh() another thread
 *     may schedule the coroutine again; entering then ends the process, with that thread's mark.
 */
#include "aio/aio_int.h"

void aio_co_schedule(AioContext *ctx, Coroutine *co)
{
    const char *scheduled = NULL;

    sched_point(SCHED_K_CO_SCHEDULE, &co->o);
    if (!__atomic_compare_exchange_n(&co->scheduled, &scheduled, __func__, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        base_fatal("%s: Co-routine was already scheduled in '%s'", __func__, scheduled);
    }
    /* Once on the list it may run to its end and take the context with it. */
    aio_context_ref(ctx);
    co->scheduled_on = ctx;
    co->scheduled_next = __atomic_load_n(&ctx->co_incoming, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&ctx->co_incoming, &co->scheduled_next, co, true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    qemu_bh_schedule(ctx->co_schedule_bh);
    aio_context_unref(ctx);
}

/* Oldest first: coroutines resume in the order in which they were scheduled. */
static Coroutine *co_list_reverse(Coroutine *co)
{
    Coroutine *oldest = NULL;

    while (co) {
        Coroutine *next = co->scheduled_next;

        co->scheduled_next = oldest;
        oldest = co;
        co = next;
    }
    return oldest;
}

void aio_co_schedule_bh(void *opaque)
{
    AioContext *ctx = opaque;
    Coroutine *co = __atomic_exchange_n(&ctx->co_incoming, NULL, __ATOMIC_SEQ_CST);

    co = co_list_reverse(co);
    while (co) {
        Coroutine *next = co->scheduled_next;

        sched_point(SCHED_K_CO_CLEAR_MARK, &co->o);
        co->scheduled_on = NULL;
        __atomic_store_n(&co->scheduled, NULL, __ATOMIC_SEQ_CST);   /* (I1) */
        qemu_aio_coroutine_enter(ctx, co);
        co = next;
    }
}

void aio_co_enter(AioContext *ctx, Coroutine *co)
{
    if (ctx != qemu_get_current_aio_context()) {
        aio_co_schedule(ctx, co);
        return;
    }
    if (qemu_in_coroutine()) {
        Coroutine *self = qemu_coroutine_self();

        assert(self != co);
        coroutine_queue_wakeup(self, co);
        return;
    }
    qemu_aio_coroutine_enter(ctx, co);
}

void aio_co_wake(Coroutine *co)
{
    aio_co_enter(qemu_coroutine_get_aio_context(co), co);
}

/* ---- Moving ---- */

typedef struct Reschedule {
    Coroutine *co;
    AioContext *new_ctx;
} Reschedule;

static void aio_co_reschedule_self_bh(void *opaque)
{
    Reschedule *r = opaque;

    aio_co_schedule(r->new_ctx, r->co);
}

void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx)
{
    AioContext *old_ctx = qemu_get_current_aio_context();

    if (old_ctx != new_ctx) {
        Reschedule r = { .co = qemu_coroutine_self(), .new_ctx = new_ctx };

        /* Not directly: the other thread must not enter us before we have yielded. */
        aio_bh_schedule_oneshot(old_ctx, aio_co_reschedule_self_bh, &r);
        qemu_coroutine_yield();
    }
}

/* ---- Descriptors ---- */

typedef struct FdWait {
    AioContext *ctx;
    Coroutine *co;
    int fd;
} FdWait;

static void fd_wait_ready(void *opaque)
{
    FdWait *w = opaque;

    aio_set_fd_handler(w->ctx, w->fd, NULL, NULL, NULL, NULL, NULL);
    aio_co_wake(w->co);
}

static void coroutine_fn yield_until_fd(int fd, bool write)
{
    FdWait w = {
        .ctx = qemu_get_current_aio_context(),
        .co = qemu_coroutine_self(),
        .fd = fd,
    };

    aio_set_fd_handler_full(w.ctx, fd, write ? NULL : fd_wait_ready, write ? fd_wait_ready : NULL,
                            NULL, NULL, &w, qemu_coroutine_name(w.co));
    qemu_coroutine_yield();
}

void coroutine_fn yield_until_fd_readable(int fd)
{
    yield_until_fd(fd, false);
}

void coroutine_fn yield_until_fd_writable(int fd)
{
    yield_until_fd(fd, true);
}
