/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocking waits that keep an event loop running.
 *
 * The home thread of a context waits by polling it. Everybody else polls the main context, and may
 * do so only from there; that is asserted even if there is nothing to wait for. Whoever makes a
 * condition false that another thread may wait for calls aio_wait_kick() afterwards.
 *
 * I1  Between a waiter's check of its condition and its sleep, a change of the condition followed
 *     by aio_wait_kick() wakes it: the waiter counts itself before the check, the kicker looks at
 *     the count after the change.
 */
#ifndef AIO_WAIT_H
#define AIO_WAIT_H

#include "aio/aio.h"
#include "base/assert.h"

/**
 * aio_wait_begin / aio_wait_end: count a waiter. @what: the condition, for reports. For
 * AIO_WAIT_WHILE only.
 */
const char *aio_wait_begin(const char *what);
void aio_wait_end(const char *outer);

/**
 * AIO_WAIT_WHILE: poll until @cond is false. @ctx: where what we wait for happens; NULL: in several
 * contexts. Evaluates to true if it had to poll. Not in coroutines.
 */
#define AIO_WAIT_WHILE(ctx, cond) AIO_WAIT_WHILE_NAMED(ctx, cond, #cond)

/** AIO_WAIT_WHILE_NAMED: the same; @what tells reports what is waited for. Borrowed. */
#define AIO_WAIT_WHILE_NAMED(ctx, cond, what)                                           \
    ({                                                                                  \
        bool aio_waited_ = false;                                                       \
        AioContext *aio_wait_ctx_ = (ctx);                                              \
        const char *aio_wait_outer_ = aio_wait_begin(what);                             \
        if (aio_wait_ctx_ && in_aio_context_home_thread(aio_wait_ctx_)) {               \
            while ((cond)) {                                                            \
                aio_poll(aio_wait_ctx_, true);                                          \
                aio_waited_ = true;                                                     \
            }                                                                           \
        } else {                                                                        \
            assert(qemu_get_current_aio_context() == qemu_get_aio_context());           \
            while ((cond)) {                                                            \
                aio_poll(qemu_get_aio_context(), true);                                 \
                aio_waited_ = true;                                                     \
            }                                                                           \
        }                                                                               \
        aio_wait_end(aio_wait_outer_);                                                  \
        aio_waited_;                                                                    \
    })

/* The name from the time of the AioContext lock, when the two differed. */
#define AIO_WAIT_WHILE_UNLOCKED(ctx, cond) AIO_WAIT_WHILE(ctx, cond)

/** aio_wait_kick: let waiters look at their condition again. Any thread. */
void aio_wait_kick(void);
/**
 * aio_wait_bh_oneshot_full: run @cb(@opaque) in @ctx and wait for it. Main context only (asserted).
 */
void aio_wait_bh_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name);
#define aio_wait_bh_oneshot(ctx, cb, opaque) aio_wait_bh_oneshot_full((ctx), (cb), (opaque), #cb)

/* ---- One call of a generated wrapper (impl/gen/co_wrapper.py) ---- */

typedef struct CoCall {
    bool in_progress;           /* atomic */
} CoCall;

/** co_call_in_progress / co_call_done: the waiting side's condition; the coroutine's last step. */
static inline bool co_call_in_progress(CoCall *call)
{
    return __atomic_load_n(&call->in_progress, __ATOMIC_ACQUIRE);
}
void co_call_done(CoCall *call);

#endif
