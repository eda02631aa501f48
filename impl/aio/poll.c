/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors, notification, and aio_poll.
 *
 * Locks: AioContext.handlers_lock, a leaf. A handler that somebody removes stays in memory until
 * the polls that look at it are over; its callback is not called any more unless it was running.
 *
 * I1  aio_notify() sets `notified`, then reads notify_me; a poll raises notify_me, then looks for
 *     work. So either the poll sees the work that was queued before the notification, or the
 *     notifier sees the sleeper and sets the descriptor it sleeps on.
 * I2  A poll clears its notifier before it looks for work again, never after.
 * I3  The result of a poll is kept per handler, so that a nested poll which already served a
 *     descriptor leaves nothing for the outer one.
 */
#include "aio/aio_int.h"
#include "aio/bql.h"

#include <string.h>

#define POLL_NS_START 4000          /* first busy-poll time when polling would have paid */

struct AioHandler {
    SchedObject o;
    AioContext *ctx;
    int fd;
    int refs;                   /* under handlers_lock; the registration counts one */
    bool deleted;               /* atomic */
    uint64_t id;
    IOHandler *io_read;
    IOHandler *io_write;
    AioPollFn *io_poll;
    IOHandler *io_poll_ready;
    void *opaque;

    EventNotifier *notifier;    /* the same for an EventNotifier; opaque is this handler */
    EventNotifierHandler *e_read;
    EventNotifierPollFn *e_poll;
    EventNotifierHandler *e_poll_ready;
    EventNotifierHandler *e_poll_begin;     /* atomic, as is the next */
    EventNotifierHandler *e_poll_end;

    unsigned revents;           /* owned by the dispatching thread */
    bool poll_ready;            /* owned by the dispatching thread */
};

/* ---- Registration ---- */

static void handler_unref_locked(AioHandler *h)
{
    if (--h->refs == 0) {
        g_free(h);
    }
}

static unsigned handler_index_locked(AioContext *ctx, int fd)
{
    unsigned i;

    for (i = 0; i < ctx->handlers->len; i++) {
        AioHandler *h = ctx->handlers->pdata[i];

        if (h->fd == fd) {
            break;
        }
    }
    return i;
}

/* Replace whatever is registered for @fd by @new (NULL: nothing). Keeps the place in the order. */
static void handler_replace(AioContext *ctx, int fd, AioHandler *new, SchedObject *o)
{
    unsigned i;

    sched_point(SCHED_K_ATOMIC, o);
    aio_spin_lock(&ctx->handlers_lock);
    i = handler_index_locked(ctx, fd);
    if (new) {
        new->refs = 1;
        new->id = ++ctx->handler_ids;
    }
    if (i < ctx->handlers->len) {
        AioHandler *old = ctx->handlers->pdata[i];

        __atomic_store_n(&old->deleted, true, __ATOMIC_RELAXED);
        if (new) {
            new->id = old->id;
            ctx->handlers->pdata[i] = new;
        } else {
            g_ptr_array_remove_index(ctx->handlers, i);
        }
        handler_unref_locked(old);
    } else if (new) {
        g_ptr_array_add(ctx->handlers, new);
    }
    aio_spin_unlock(&ctx->handlers_lock);
    aio_notify(ctx);
}

static AioHandler *handler_new(AioContext *ctx, int fd, const char *name)
{
    AioHandler *h = g_new0(AioHandler, 1);

    sched_object_init(&h->o, "fd", name);
    h->ctx = ctx;
    h->fd = fd;
    return h;
}

void aio_set_fd_handler_full(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                             AioPollFn *io_poll, IOHandler *io_poll_ready, void *opaque,
                             const char *name)
{
    AioHandler *h = NULL;

    if (io_read || io_write || io_poll) {
        h = handler_new(ctx, fd, name);
        h->io_read = io_read;
        h->io_write = io_write;
        h->io_poll = io_poll_ready ? io_poll : NULL;
        h->io_poll_ready = io_poll_ready;
        h->opaque = opaque;
    }
    handler_replace(ctx, fd, h, &ctx->o);
}

static void notifier_read(void *opaque)
{
    AioHandler *h = opaque;

    h->e_read(h->notifier);
}

static bool notifier_poll(void *opaque)
{
    AioHandler *h = opaque;

    return h->e_poll(h->notifier);
}

static void notifier_poll_ready(void *opaque)
{
    AioHandler *h = opaque;

    h->e_poll_ready(h->notifier);
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier,
                            EventNotifierHandler *io_read, EventNotifierPollFn *io_poll,
                            EventNotifierHandler *io_poll_ready)
{
    AioHandler *h = NULL;

    if (io_read || io_poll) {
        h = handler_new(ctx, event_notifier_get_fd(notifier), notifier->n.o.name);
        h->notifier = notifier;
        h->e_read = io_read;
        h->e_poll = io_poll;
        h->e_poll_ready = io_poll_ready;
        h->io_read = io_read ? notifier_read : NULL;
        h->io_poll = io_poll && io_poll_ready ? notifier_poll : NULL;
        h->io_poll_ready = notifier_poll_ready;
        h->opaque = h;
    }
    handler_replace(ctx, event_notifier_get_fd(notifier), h, &ctx->o);
}

void aio_set_event_notifier_poll(AioContext *ctx, EventNotifier *notifier,
                                 EventNotifierHandler *io_poll_begin,
                                 EventNotifierHandler *io_poll_end)
{
    unsigned i;

    aio_spin_lock(&ctx->handlers_lock);
    i = handler_index_locked(ctx, event_notifier_get_fd(notifier));
    if (i < ctx->handlers->len) {
        AioHandler *h = ctx->handlers->pdata[i];

        __atomic_store_n(&h->e_poll_begin, io_poll_begin, __ATOMIC_RELEASE);
        __atomic_store_n(&h->e_poll_end, io_poll_end, __ATOMIC_RELEASE);
    }
    aio_spin_unlock(&ctx->handlers_lock);
}

void aio_handlers_free(AioContext *ctx)
{
    for (unsigned i = 0; i < ctx->handlers->len; i++) {
        g_free(ctx->handlers->pdata[i]);
    }
    g_ptr_array_free(ctx->handlers, true);
}

/* ---- Notification ---- */

void aio_notify(AioContext *ctx)
{
    __atomic_store_n(&ctx->notified, true, __ATOMIC_SEQ_CST);
    sched_point(SCHED_K_ATOMIC_READ, &ctx->o);
    if (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST)) {     /* (I1) */
        event_notifier_set(&ctx->notifier);
    }
}

/* ---- Poll sets ---- */

AioPollSet *aio_poll_set_new(void)
{
    AioPollSet *set = g_new(AioPollSet, 1);

    set->fds = g_array_new(false, false, sizeof(GPollFD));
    set->handlers = g_ptr_array_new();
    return set;
}

void aio_poll_set_free(AioPollSet *set)
{
    if (set) {
        aio_poll_set_clear(set);
        g_array_free(set->fds, true);
        g_ptr_array_free(set->handlers, true);
        g_free(set);
    }
}

void aio_poll_set_clear(AioPollSet *set)
{
    for (unsigned i = 0; i < set->handlers->len; i++) {
        AioHandler *h = set->handlers->pdata[i];

        if (h) {
            AioContext *ctx = h->ctx;

            aio_spin_lock(&ctx->handlers_lock);
            handler_unref_locked(h);
            aio_spin_unlock(&ctx->handlers_lock);
        }
    }
    g_ptr_array_set_size(set->handlers, 0);
    g_array_set_size(set->fds, 0);
}

static void poll_set_add(AioPollSet *set, int fd, unsigned events, AioHandler *h)
{
    GPollFD entry = { .fd = fd, .events = events };

    g_array_append_val(set->fds, entry);
    g_ptr_array_add(set->handlers, h);
}

static void poll_set_fill(AioContext *ctx, AioPollSet *set)
{
    poll_set_add(set, event_notifier_get_fd(&ctx->notifier), G_IO_IN, NULL);
    aio_spin_lock(&ctx->handlers_lock);
    for (unsigned i = 0; i < ctx->handlers->len; i++) {
        AioHandler *h = ctx->handlers->pdata[i];
        unsigned events = (h->io_read ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0)
                          | (h->io_write ? G_IO_OUT | G_IO_ERR : 0);

        if (events) {
            h->refs++;
            poll_set_add(set, h->fd, events, h);
        }
    }
    aio_spin_unlock(&ctx->handlers_lock);
}

void aio_poll_prepare(AioContext *ctx, AioPollSet *set, int64_t *timeout_ns)
{
    __atomic_fetch_add(&ctx->notify_me, 1, __ATOMIC_SEQ_CST);
    sched_point(SCHED_K_ATOMIC_READ, &ctx->o);
    *timeout_ns = aio_bh_pending(ctx) ? 0                                       /* (I1) */
                  : aio_soonest(*timeout_ns, timerlistgroup_deadline_ns(&ctx->timers));
    poll_set_fill(ctx, set);
}

void aio_poll_finish(AioContext *ctx, AioPollSet *set, unsigned first)
{
    __atomic_fetch_sub(&ctx->notify_me, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&ctx->notified, false, __ATOMIC_SEQ_CST);
    if (g_array_index(set->fds, GPollFD, first).revents) {
        /* (I2). Another poll of the same context may have been first. */
        (void)event_notifier_test_and_clear(&ctx->notifier);
    }
    for (unsigned i = first + 1; i < set->handlers->len && set->handlers->pdata[i]; i++) {
        AioHandler *h = set->handlers->pdata[i];

        h->revents |= g_array_index(set->fds, GPollFD, i).revents;
    }
}

/* ---- Dispatch ---- */

/* The first handler after number @id that has something to do, referenced, or NULL. */
static AioHandler *handler_next_ready(AioContext *ctx, uint64_t id)
{
    AioHandler *found = NULL;

    aio_spin_lock(&ctx->handlers_lock);
    for (unsigned i = 0; i < ctx->handlers->len && !found; i++) {
        AioHandler *h = ctx->handlers->pdata[i];

        if (h->id > id && (h->revents || h->poll_ready)) {
            h->refs++;
            found = h;
        }
    }
    aio_spin_unlock(&ctx->handlers_lock);
    return found;
}

static bool handler_dispatch(AioHandler *h)
{
    unsigned revents = h->revents;
    bool poll_ready = h->poll_ready;
    bool progress = false;

    h->revents = 0;                                             /* (I3) */
    h->poll_ready = false;
    sched_point(SCHED_K_SOURCE_DISPATCH, &h->o);
    if (poll_ready && !__atomic_load_n(&h->deleted, __ATOMIC_RELAXED)) {
        h->io_poll_ready(h->opaque);
        /* What was to be read has been read; asking again would be spurious. */
        revents &= ~G_IO_IN;
        progress = true;
    }
    if ((revents & (G_IO_IN | G_IO_HUP | G_IO_ERR)) && h->io_read
        && !__atomic_load_n(&h->deleted, __ATOMIC_RELAXED)) {
        h->io_read(h->opaque);
        progress = true;
    }
    if ((revents & (G_IO_OUT | G_IO_ERR)) && h->io_write
        && !__atomic_load_n(&h->deleted, __ATOMIC_RELAXED)) {
        h->io_write(h->opaque);
        progress = true;
    }
    return progress;
}

static bool handlers_dispatch(AioContext *ctx)
{
    bool progress = false;
    uint64_t id = 0;
    AioHandler *h;

    while ((h = handler_next_ready(ctx, id))) {
        id = h->id;
        progress |= handler_dispatch(h);
        aio_spin_lock(&ctx->handlers_lock);
        handler_unref_locked(h);
        aio_spin_unlock(&ctx->handlers_lock);
    }
    return progress;
}

bool aio_pending(AioContext *ctx)
{
    bool pending;

    if (aio_bh_pending(ctx) || timerlistgroup_deadline_ns(&ctx->timers) == 0) {
        return true;
    }
    aio_spin_lock(&ctx->handlers_lock);
    pending = false;
    for (unsigned i = 0; i < ctx->handlers->len; i++) {
        AioHandler *h = ctx->handlers->pdata[i];

        pending |= h->revents != 0 || h->poll_ready;
    }
    aio_spin_unlock(&ctx->handlers_lock);
    return pending;
}

static bool dispatch_all(AioContext *ctx)
{
    bool progress = aio_bh_poll(ctx);

    progress |= handlers_dispatch(ctx);
    progress |= timerlistgroup_run_timers(&ctx->timers);
    return progress;
}

void aio_dispatch(AioContext *ctx)
{
    sched_point(SCHED_K_SOURCE_DISPATCH, &ctx->o);
    dispatch_all(ctx);
}

/* ---- Busy polling ---- */

static bool set_all_pollable(const AioPollSet *set)
{
    for (unsigned i = 1; i < set->handlers->len; i++) {
        if (!((AioHandler *)set->handlers->pdata[i])->io_poll) {
            return false;
        }
    }
    return set->handlers->len > 1;
}

/* Ask every handler once. */
static bool set_ask(AioPollSet *set)
{
    bool ready = false;

    for (unsigned i = 1; i < set->handlers->len; i++) {
        AioHandler *h = set->handlers->pdata[i];

        if (h->io_poll && h->io_poll(h->opaque)) {
            h->poll_ready = true;
            ready = true;
        }
    }
    return ready;
}

/* True if stopping found work, which came after the last look and before notifications were on. */
static bool poll_set_started(AioContext *ctx, AioPollSet *set, bool started)
{
    if (ctx->poll_started == started) {
        return false;
    }
    ctx->poll_started = started;
    for (unsigned i = 1; i < set->handlers->len; i++) {
        AioHandler *h = set->handlers->pdata[i];
        EventNotifierHandler *fn = __atomic_load_n(started ? &h->e_poll_begin : &h->e_poll_end,
                                                   __ATOMIC_ACQUIRE);

        if (fn) {
            fn(h->notifier);
        }
    }
    return !started && set_ask(set);
}

static bool poll_busy(AioContext *ctx, AioPollSet *set, int64_t max_ns)
{
    int64_t start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    int64_t before, now = start;
    bool ready;

    poll_set_started(ctx, set, true);
    do {
        sched_point(SCHED_K_ATOMIC_READ, &ctx->o);
        ready = set_ask(set);
        before = now;
        now = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
        /* A clock that stands still is the simulator's: there, time passes only asleep. */
    } while (!ready && now != before && now - start < max_ns
             && !__atomic_load_n(&ctx->notified, __ATOMIC_RELAXED));
    return ready;
}

/* Returns true if there is work, so that the sleep must not happen. */
static bool poll_try_busy(AioContext *ctx, AioPollSet *set, int64_t timeout_ns)
{
    int64_t max_ns = aio_soonest(timeout_ns, __atomic_load_n(&ctx->poll.now_ns, __ATOMIC_RELAXED));

    if (max_ns > 0 && set_all_pollable(set) && poll_busy(ctx, set, max_ns)) {
        return true;
    }
    return poll_set_started(ctx, set, false) || aio_pending(ctx);
}

/* Adapt the time to poll: @block_ns is how long this wait took, busy or asleep. */
static void poll_adapt(AioContext *ctx, int64_t block_ns)
{
    AioPollParams *p = &ctx->poll;
    int64_t max = __atomic_load_n(&p->max_ns, __ATOMIC_RELAXED);
    int64_t now = __atomic_load_n(&p->now_ns, __ATOMIC_RELAXED);
    int64_t shrink = __atomic_load_n(&p->shrink, __ATOMIC_RELAXED);

    if (block_ns <= now) {
        return;
    }
    if (block_ns > max) {
        now = shrink ? now / shrink : 0;
    } else {
        now = now ? now * __atomic_load_n(&p->grow, __ATOMIC_RELAXED) : POLL_NS_START;
        now = MIN(now, max);
    }
    __atomic_store_n(&p->now_ns, now, __ATOMIC_RELAXED);
}

/* ---- aio_poll ---- */

static void poll_wait(AioContext *ctx, AioPollSet *set, int64_t timeout_ns)
{
    /*
     * With a bottom half waiting and no descriptor to look at there is nothing to ask the system;
     * the notifier itself says no more than that somebody queued something.
     */
    if (timeout_ns == 0 && set->fds->len == 1 && aio_bh_pending(ctx)) {
        g_array_index(set->fds, GPollFD, 0).revents = 0;
        return;
    }
    sched_poll(&ctx->o, (GPollFD *)set->fds->data, set->fds->len, timeout_ns);
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    AioPollSet *set = ctx->spare_set ? ctx->spare_set : aio_poll_set_new();
    int64_t timeout_ns = blocking ? -1 : 0;
    bool adaptive = __atomic_load_n(&ctx->poll.max_ns, __ATOMIC_RELAXED) > 0;
    int64_t start = 0;
    bool progress;

    assert(in_aio_context_home_thread(ctx == iohandler_get_aio_context() ? qemu_get_aio_context()
                                                                         : ctx));
    ctx->spare_set = NULL;
    ctx->polling++;
    sched_point(SCHED_K_POLL_ENTER, &ctx->o);
    aio_poll_prepare(ctx, set, &timeout_ns);
    if ((adaptive || ctx->poll_started) && timeout_ns != 0) {
        start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
        if (poll_try_busy(ctx, set, timeout_ns)) {
            timeout_ns = 0;
        }
    }
    poll_wait(ctx, set, timeout_ns);
    sched_point(SCHED_K_POLL_LEAVE, &ctx->o);
    aio_poll_finish(ctx, set, 0);
    aio_poll_set_clear(set);
    if (start) {
        poll_adapt(ctx, sched_clock_ns(SCHED_CLOCK_MONOTONIC) - start);
    }
    progress = dispatch_all(ctx);
    ctx->polling--;
    if (ctx->spare_set) {
        aio_poll_set_free(set);
    } else {
        ctx->spare_set = set;
    }
    return progress;
}
