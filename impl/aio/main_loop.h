/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main thread's outer loop.
 *
 * Its sources are the main context and the iohandler context, dispatched in this order, once each
 * per round, and the main loop's timers. This is the only place that ever dispatches the iohandler
 * context: a nested aio_poll() of the main context leaves it alone, whatever waits there.
 *
 * I1  The BQL is held everywhere except around the sleep.
 */
#ifndef AIO_MAIN_LOOP_H
#define AIO_MAIN_LOOP_H

#include "aio/aio.h"
#include "aio/bql.h"
#include "aio/timer.h"
#include "base/assert.h"

/**
 * qemu_init_main_loop: give the current machine its aio state: the two contexts, main-loop timers,
 * clocks, BQL. The caller becomes the main thread and holds the BQL from here on.
 */
bool qemu_init_main_loop(GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/**
 * qemu_cleanup_main_loop: undo it; releases the BQL. Runs what is still queued on both contexts
 * first. All iothreads have been destroyed, all coroutines have ended (asserted, with the name of
 * the first that has not).
 */
void qemu_cleanup_main_loop(void);

/**
 * main_loop_wait: one round: sleep (unless @nonblocking) without the BQL, then dispatch. Main
 * thread, BQL held.
 */
void main_loop_wait(int nonblocking);
/** qemu_notify_event: make the main loop go round once. Any thread. */
void qemu_notify_event(void);
/**
 * qemu_in_main_thread: same as bql_locked(), by its historical name: "may touch what the main loop
 * owns".
 */
bool qemu_in_main_thread(void);

/** qemu_set_fd_handler: aio_set_fd_handler on the iohandler context. */
#define qemu_set_fd_handler(fd, fd_read, fd_write, opaque) \
    aio_set_fd_handler(iohandler_get_aio_context(), (fd), fd_read, fd_write, NULL, NULL, (opaque))
/** event_notifier_set_handler: aio_set_event_notifier on the iohandler context. */
void event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler);

/* Function contracts that the block layer states at run time. */
#define GLOBAL_STATE_CODE() assert(qemu_in_main_thread())
#define IO_CODE() ((void)0)
#define IO_OR_GS_CODE() ((void)0)

#endif
