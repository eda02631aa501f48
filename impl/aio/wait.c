/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counting side of AIO_WAIT_WHILE. Invariant: wait.h (I1). */
#include "aio/wait.h"
#include "aio/aio_int.h"

const char *aio_wait_begin(const char *what)
{
    AioMachine *m = aio_machine();

    sched_point(SCHED_K_ATOMIC, &m->wait_o);
    __atomic_fetch_add(&m->waiters, 1, __ATOMIC_SEQ_CST);
    return sched_blocked_on(what);
}

void aio_wait_end(const char *outer)
{
    AioMachine *m = aio_machine();

    __atomic_fetch_sub(&m->waiters, 1, __ATOMIC_SEQ_CST);
    (void)sched_blocked_on(outer);
}

static void aio_wait_kick_bh(void *opaque)
{
    /* Being dispatched is all: it makes the waiter's poll return. */
}

void aio_wait_kick(void)
{
    AioMachine *m = aio_machine();

    sched_point(SCHED_K_ATOMIC_READ, &m->wait_o);
    if (__atomic_load_n(&m->waiters, __ATOMIC_SEQ_CST)) {
        aio_bh_schedule_oneshot(m->main_ctx, aio_wait_kick_bh, NULL);
    }
}

void co_call_done(CoCall *call)
{
    __atomic_store_n(&call->in_progress, false, __ATOMIC_RELEASE);
    aio_wait_kick();
}

/* ---- One bottom half, waited for ---- */

typedef struct WaitBH {
    QEMUBHFunc *cb;
    void *opaque;
    CoCall call;
} WaitBH;

static void aio_wait_bh(void *opaque)
{
    WaitBH *w = opaque;

    w->cb(w->opaque);
    co_call_done(&w->call);
}

void aio_wait_bh_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    WaitBH w = { .cb = cb, .opaque = opaque, .call = { .in_progress = true } };

    assert(qemu_get_current_aio_context() == qemu_get_aio_context());
    aio_bh_schedule_oneshot_full(ctx, aio_wait_bh, &w, name);
    AIO_WAIT_WHILE_NAMED(NULL, co_call_in_progress(&w.call), name);
}
