/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IOThread: a thread that does nothing but poll its own AioContext, without the BQL.
 *
 * Created and destroyed by the main thread. Its context outlives the thread as long as somebody
 * holds a reference.
 */
#ifndef AIO_IOTHREAD_H
#define AIO_IOTHREAD_H

#include "aio/aio.h"

typedef struct IOThread IOThread;

#define IOTHREAD_POLL_MAX_NS_DEFAULT 32768

/**
 * iothread_create: start thread @id (copied; unique among the machine's iothreads, else an error).
 */
IOThread *iothread_create(const char *id, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/**
 * iothread_stop: let the thread finish what it runs, then join it. Blocks; must not hold anything
 * the thread may want.
 */
void iothread_stop(IOThread *iothread);
/** iothread_destroy: stop and free. NULL is fine. */
void iothread_destroy(IOThread *iothread);

AioContext *iothread_get_aio_context(IOThread *iothread);
const char *iothread_get_id(const IOThread *iothread);
/** iothread_get_thread_number: see sched_thread_number(); 0 once it has stopped. */
int iothread_get_thread_number(const IOThread *iothread);
/** iothread_by_id: NULL if there is none. */
IOThread *iothread_by_id(const char *id);
/** iothread_next: walk all iothreads in order of creation; start with NULL. */
IOThread *iothread_next(IOThread *iothread);
/** qemu_in_iothread: is the caller an IOThread? */
bool qemu_in_iothread(void);

typedef struct IOThreadPollParams {
    int64_t max_ns;
    int64_t grow;
    int64_t shrink;
    int64_t max_batch;
} IOThreadPollParams;

void iothread_get_poll_params(IOThread *iothread, IOThreadPollParams *ret_params);
bool iothread_set_poll_params(IOThread *iothread, const IOThreadPollParams *params, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
