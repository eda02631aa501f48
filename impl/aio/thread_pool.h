/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thread pool: blocking functions run by worker threads; completion comes back as a bottom half.
 *
 * There is one pool per AioContext, and a request goes to the pool of the context that is *current*
 * when it is submitted, wherever the coroutine belongs. So a coroutine of the iohandler context
 * completes on the main context and is from there scheduled on iohandler (aio/coroutine.h).
 *
 * Workers are called "worker0", "worker1", ... in the main context and "<context>-worker0", ...
 * elsewhere. They start on demand, up to the context's maximum, and end after ten seconds without
 * work down to its minimum.
 *
 * I1  Requests are taken in the order of submission.
 * I2  A request completes exactly once; a cancelled one that was not taken completes with
 *     -ECANCELED.
 * I3  Completions are delivered in the order in which the functions returned, by the pool's
 *     context.
 */
#ifndef AIO_THREAD_POOL_H
#define AIO_THREAD_POOL_H

#include "aio/aio.h"
#include "aio/aiocb.h"

/** ThreadPoolFunc: runs in a worker, without the BQL. Returns 0 or -errno. */
typedef int ThreadPoolFunc(void *opaque);

#define THREAD_POOL_MAX_THREADS_DEFAULT 64

/**
 * thread_pool_submit_aio: run @func(@arg) in a worker of the current context's pool, then
 * @cb(@opaque, ret) in that context. The returned request may be cancelled
 * (aiocb_info->cancel_async) until @cb has been called.
 */
#define thread_pool_submit_aio(func, arg, cb, opaque) \
    thread_pool_submit_aio_named(#func, (func), (arg), (cb), (opaque))
BlockAIOCB *thread_pool_submit_aio_named(const char *name, ThreadPoolFunc *func, void *arg,
                                         BlockCompletionFunc *cb, void *opaque);
/** thread_pool_submit_co: the same, yielding until it is done. Returns what @func returned. */
#define thread_pool_submit_co(func, arg) thread_pool_submit_co_named(#func, (func), (arg))
int coroutine_fn thread_pool_submit_co_named(const char *name, ThreadPoolFunc *func, void *arg);

#endif
