/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AioContext: one event loop's sources (bottom halves, descriptors, timers, coroutines to resume).
 *
 * A context is dispatched by its home thread: the one whose SCHED_SLOT_AIO_CONTEXT names it. Two
 * exceptions make most of the bugs this project is about. Whoever holds the BQL counts as "in" the
 * main context and may dispatch it. And the iohandler context, the main thread's
 * second one, is dispatched by the outermost main_loop_wait only: a nested aio_poll of the main
 * context never reaches it.
 *
 * I1  aio_poll(ctx) runs in ctx's home thread, or for the main context in a thread that holds the
 *     BQL.
 * I2  A bottom half queued before aio_bh_poll begins runs in that call or in one nested inside it,
 *     in the order in which bottom halves were queued; one queued later waits for the next call.
 * I3  aio_notify() makes a poll that has started to sleep, or is about to, return.
 *
 * Everything below needs a machine with an initialised main loop (aio/main_loop.h).
 */
#ifndef AIO_AIO_H
#define AIO_AIO_H

#include "aio/event_notifier.h"
#include "base/context.h"
#include "base/error.h"

typedef struct AioContext AioContext;
typedef struct QEMUBH QEMUBH;
typedef struct ThreadPoolAio ThreadPoolAio;
struct QEMUTimerListGroup;

typedef void QEMUBHFunc(void *opaque);
typedef void IOHandler(void *opaque);
/** AioPollFn: busy-polling check of a handler; true if there is work. Must not do the work. */
typedef bool AioPollFn(void *opaque);
typedef bool EventNotifierPollFn(EventNotifier *e);

/* ---- Context ---- */

/**
 * aio_context_new: a context without a home thread. @name: copied; "iothread0", "main",
 * "iohandler".
 * Returns a reference, NULL with @errp set when the notifier cannot be made.
 */
AioContext *aio_context_new(const char *name, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void aio_context_ref(AioContext *ctx);
/**
 * aio_context_unref: the last reference must be dropped when nothing is queued on @ctx any more.
 * NULL is fine.
 */
void aio_context_unref(AioContext *ctx);
const char *aio_context_name(const AioContext *ctx);
struct QEMUTimerListGroup *aio_context_timers(AioContext *ctx);

/** qemu_get_aio_context: the machine's main context. */
AioContext *qemu_get_aio_context(void);
/**
 * iohandler_get_aio_context: the main thread's second context; only the outermost main loop
 * dispatches it.
 */
AioContext *iohandler_get_aio_context(void);

/**
 * qemu_get_current_aio_context: the context the caller counts as being in.
 * The thread's own context if it has one; else the main context while it holds the BQL; else NULL.
 * Never the iohandler context, even while that one is being dispatched.
 */
AioContext *qemu_get_current_aio_context(void);
/**
 * qemu_set_current_aio_context: make the caller @ctx's home thread, for the thread's whole life
 * (set once, asserted).
 */
void qemu_set_current_aio_context(AioContext *ctx);
/** in_aio_context_home_thread: may the caller poll @ctx? Same as "@ctx is the current context". */
bool in_aio_context_home_thread(AioContext *ctx);

/* ---- Polling ---- */

/**
 * aio_poll: dispatch what is ready; if nothing is and @blocking, sleep until something is.
 * Returns true if a callback made progress. Blocks, and may run any bottom half, handler, timer or
 * coroutine of @ctx; so never call it between two steps that must look like one.
 */
bool aio_poll(AioContext *ctx, bool blocking);
/** aio_dispatch: run what is ready, without sleeping, as a source of an outer loop. */
void aio_dispatch(AioContext *ctx);
/**
 * aio_bh_poll: run the bottom halves queued so far (I2). Returns true if one of them made progress.
 */
bool aio_bh_poll(AioContext *ctx);
/** aio_notify: make @ctx's poll return. Any thread. */
void aio_notify(AioContext *ctx);
/**
 * aio_pending: is there something to dispatch without sleeping? Descriptors count only once a poll
 * has seen them.
 */
bool aio_pending(AioContext *ctx);

/**
 * aio_context_set_poll_params: busy-poll up to @max_ns before sleeping (0: never).
 * @grow: factor by which the time grows when polling would have paid (0: 2). @shrink: divisor when
 * it did not (0: drop to zero at once). Any thread. Fails if a value is negative or @max_ns exceeds
 * 1 s.
 */
bool aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink,
                                 GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/**
 * aio_context_set_aio_params: @max_batch: requests an AIO engine may queue before it must submit
 * (0: its default).
 */
void aio_context_set_aio_params(AioContext *ctx, int64_t max_batch);
int64_t aio_context_max_batch(const AioContext *ctx);
/** aio_context_set_thread_pool_params: 0 <= @min <= @max, @max >= 1, both <= 1024. */
bool aio_context_set_thread_pool_params(AioContext *ctx, int64_t min, int64_t max, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/**
 * aio_get_thread_pool: created on first use, freed with the context. Call in the context's home
 * thread.
 */
ThreadPoolAio *aio_get_thread_pool(AioContext *ctx);

/* ---- Bottom halves ---- */

/**
 * aio_bh_new_full: a bottom half that runs @cb(@opaque) in @ctx each time it is scheduled. @name:
 * borrowed. qemu_bh_delete() frees it.
 */
QEMUBH *aio_bh_new_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name);
#define aio_bh_new(ctx, cb, opaque) aio_bh_new_full((ctx), (cb), (opaque), #cb)
#define qemu_bh_new(cb, opaque) aio_bh_new_full(qemu_get_aio_context(), (cb), (opaque), #cb)

/** aio_bh_schedule_oneshot_full: run @cb(@opaque) once in @ctx. Any thread. @name: borrowed. */
void aio_bh_schedule_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name);
#define aio_bh_schedule_oneshot(ctx, cb, opaque) \
    aio_bh_schedule_oneshot_full((ctx), (cb), (opaque), #cb)

/** qemu_bh_schedule: any thread. Scheduling twice before it has run runs it once. */
void qemu_bh_schedule(QEMUBH *bh);
/**
 * qemu_bh_cancel: take back qemu_bh_schedule(). Does not wait for a callback that is already
 * running.
 */
void qemu_bh_cancel(QEMUBH *bh);
/** qemu_bh_delete: @bh will not run again and frees itself. Home thread. NULL is not allowed. */
void qemu_bh_delete(QEMUBH *bh);

/* ---- Descriptors ---- */

/**
 * aio_set_fd_handler_full: call @io_read when @fd is readable or hung up, @io_write when writable;
 * all NULL: stop.
 * @io_poll: busy-poll check, may be NULL. @io_poll_ready: called instead of @io_read when @io_poll
 * said yes.
 * @name: borrowed; the macro takes the name of the callback. Any thread; a callback that is being
 * dispatched in another thread may still run once after removal.
 */
void aio_set_fd_handler_full(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                             AioPollFn *io_poll, IOHandler *io_poll_ready, void *opaque,
                             const char *name);
#define aio_set_fd_handler(ctx, fd, io_read, io_write, io_poll, io_poll_ready, opaque)          \
    aio_set_fd_handler_full((ctx), (fd), (io_read), (io_write), (io_poll), (io_poll_ready),     \
                            (opaque), aio_handler_name(#io_read, #io_write))

/** aio_handler_name: the callback that is there, as spelled by the caller; NULL may be expanded. */
static inline const char *aio_handler_name(const char *read_name, const char *write_name)
{
    return read_name[0] == '(' || read_name[0] == 'N' ? write_name : read_name;
}

/**
 * aio_set_event_notifier: call @io_read(@notifier) when it is set; NULL: stop. The handler must
 * clear it.
 */
void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier, EventNotifierHandler *io_read,
                            EventNotifierPollFn *io_poll, EventNotifierHandler *io_poll_ready);
/**
 * aio_set_event_notifier_poll: told when busy-polling of @notifier begins and ends. Set the handler
 * first.
 */
void aio_set_event_notifier_poll(AioContext *ctx, EventNotifier *notifier,
                                 EventNotifierHandler *io_poll_begin,
                                 EventNotifierHandler *io_poll_end);

/* ---- Data that upper modules keep per context ---- */

typedef enum AioDataKey {
    AIO_DATA_GRAPH_LOCK,
    AIO_DATA_BLOCK_IO,
    AIO_DATA__MAX,
} AioDataKey;

/** aio_context_data: what was stored under @key, or NULL. Any thread. */
void *aio_context_data(AioContext *ctx, AioDataKey key);
/**
 * aio_context_set_data: @destroy(@data) runs when @ctx is freed. Set at most once per key
 * (asserted).
 */
void aio_context_set_data(AioContext *ctx, AioDataKey key, void *data, void (*destroy)(void *data));

#endif
