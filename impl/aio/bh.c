/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bottom halves.
 *
 * Any thread queues; the thread that dispatches the context takes over what was queued, oldest
 * first, and runs it. What has been taken over lives in the context, not on the stack of
 * aio_bh_poll(), so that a nested poll goes on with the rest while an outer callback waits.
 *
 * I1  Whoever turns BH_PENDING on puts the bottom half on the list; it stays on until dispatch
 *     turns it off. So it is on the list at most once.
 * I2  A bottom half is freed only by dispatch, after it left the list.
 * I3  aio_bh_poll() number n runs only what was taken over in rounds <= n; what callbacks queue
 *     waits for the next, so a bottom half that schedules itself does not keep the loop busy.
 */
#include "aio/aio_int.h"

static void bh_enqueue(QEMUBH *bh, unsigned new_flags)
{
    AioContext *ctx = bh->ctx;
    unsigned old;

    sched_point(SCHED_K_BH_QUEUE, &bh->o);
    old = __atomic_fetch_or(&bh->flags, BH_PENDING | new_flags, __ATOMIC_SEQ_CST);
    if (old & BH_PENDING) {
        /* A poll that found it cancelled may be asleep. */
        aio_notify(ctx);
        return;
    }
    /* Once on the list it may run, be freed, and take the context with it. */
    aio_context_ref(ctx);
    bh->next = __atomic_load_n(&ctx->bh_incoming, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&ctx->bh_incoming, &bh->next, bh, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    aio_notify(ctx);
    aio_context_unref(ctx);
}

static QEMUBH *bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    QEMUBH *bh = g_new0(QEMUBH, 1);

    sched_object_init(&bh->o, "bh", name);
    bh->ctx = ctx;
    bh->cb = cb;
    bh->opaque = opaque;
    return bh;
}

QEMUBH *aio_bh_new_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    return bh_new(ctx, cb, opaque, name);
}

void aio_bh_schedule_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    bh_enqueue(bh_new(ctx, cb, opaque, name), BH_SCHEDULED | BH_ONESHOT);
}

void qemu_bh_schedule(QEMUBH *bh)
{
    bh_enqueue(bh, BH_SCHEDULED);
}

void qemu_bh_cancel(QEMUBH *bh)
{
    sched_point(SCHED_K_ATOMIC, &bh->o);
    __atomic_fetch_and(&bh->flags, ~BH_SCHEDULED, __ATOMIC_SEQ_CST);
}

void qemu_bh_delete(QEMUBH *bh)
{
    bh_enqueue(bh, BH_DELETED);
}

/* ---- Dispatch ---- */

static void bh_take_over(AioContext *ctx)
{
    QEMUBH *bh = __atomic_exchange_n(&ctx->bh_incoming, NULL, __ATOMIC_SEQ_CST);
    QEMUBH *oldest = NULL;
    QEMUBH **end = ctx->bh_last;

    while (bh) {
        QEMUBH *next = bh->next;

        bh->round = ctx->bh_round;
        bh->next = oldest;
        if (!oldest) {
            ctx->bh_last = &bh->next;
        }
        oldest = bh;
        bh = next;
    }
    *end = oldest;
}

static QEMUBH *bh_pop(AioContext *ctx, uint64_t round)
{
    QEMUBH *bh = ctx->bh_first;

    if (!bh || bh->round > round) {
        return NULL;                                            /* (I3) */
    }
    ctx->bh_first = bh->next;
    if (!ctx->bh_first) {
        ctx->bh_last = &ctx->bh_first;
    }
    return bh;
}

bool aio_bh_poll(AioContext *ctx)
{
    uint64_t round = ++ctx->bh_round;
    bool progress = false;
    QEMUBH *bh;

    bh_take_over(ctx);
    while ((bh = bh_pop(ctx, round))) {
        unsigned flags;

        /* Still pending here: a thread that schedules it at this point only sets the flag. */
        sched_point(SCHED_K_BH_DISPATCH, &bh->o);
        flags = __atomic_fetch_and(&bh->flags, ~(BH_PENDING | BH_SCHEDULED), __ATOMIC_SEQ_CST);
        if ((flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
            progress = true;
            bh->cb(bh->opaque);
        }
        if (flags & (BH_DELETED | BH_ONESHOT)) {
            g_free(bh);                                         /* (I2) */
        }
    }
    return progress;
}

static bool bh_list_pending(QEMUBH *bh)
{
    for (; bh; bh = bh->next) {
        unsigned flags = __atomic_load_n(&bh->flags, __ATOMIC_SEQ_CST);

        if ((flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
            return true;
        }
    }
    return false;
}

bool aio_bh_pending(AioContext *ctx)
{
    return bh_list_pending(ctx->bh_first)
           || bh_list_pending(__atomic_load_n(&ctx->bh_incoming, __ATOMIC_SEQ_CST));
}

void aio_bh_flush(AioContext *ctx)
{
    QEMUBH *bh;

    ctx->bh_round++;
    bh_take_over(ctx);
    while ((bh = bh_pop(ctx, ctx->bh_round))) {
        if (!(bh->flags & BH_DELETED)) {
            base_fatal("aio_context_unref: bottom half '%s' is still queued on '%s'", bh->o.name,
                       ctx->name);
        }
        g_free(bh);
    }
}
