/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines: functions that can wait in the middle without blocking their thread.
 *
 * A coroutine belongs to the AioContext in which it was last entered (co->ctx). aio_co_wake()
 * resumes it there: directly when the caller is in that context, otherwise by marking it scheduled
 * and queueing it on the context. The mark holds the name of the function that set it, so that
 * a second scheduler, or somebody who enters the coroutine directly, ends the process with a
 * message naming the first.
 *
 * I1  A coroutine runs in at most one thread at a time.
 * I2  While co->scheduled is set, only the one who clears it may enter the coroutine.
 * I3  A coroutine ends by returning from its entry function; none is ever abandoned.
 * I4  A coroutine yields holding no SchedMutex but the BQL; it may hold CoMutexes.
 */
#ifndef AIO_COROUTINE_H
#define AIO_COROUTINE_H

#include "aio/aio.h"
#include "aio/timer.h"

typedef struct Coroutine Coroutine;
typedef void CoroutineEntry(void *opaque);

/**
 * qemu_coroutine_create_named: a coroutine that will run @entry(@opaque) when first entered. @name:
 * borrowed; what traces and deadlock reports call it. It frees itself when it ends.
 */
Coroutine *qemu_coroutine_create_named(const char *name, CoroutineEntry *entry, void *opaque);
#define qemu_coroutine_create(entry, opaque) qemu_coroutine_create_named(#entry, (entry), (opaque))

/**
 * qemu_coroutine_enter: run @co in the current context until it yields or ends. Inside a coroutine
 * too. Ends the process if @co is scheduled or already running.
 */
void qemu_coroutine_enter(Coroutine *co);
/** qemu_coroutine_enter_if_inactive: enter @co unless it is running. */
void qemu_coroutine_enter_if_inactive(Coroutine *co);
/** qemu_aio_coroutine_enter: qemu_coroutine_enter, but @co then belongs to @ctx. */
void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co);

/**
 * qemu_coroutine_yield: go back to whoever entered the caller; returns when it is entered again.
 */
void coroutine_fn qemu_coroutine_yield(void);
/** qemu_coroutine_self: the running coroutine, NULL outside. */
Coroutine *qemu_coroutine_self(void);
bool qemu_in_coroutine(void);
/** qemu_coroutine_entered: is @co running, or waiting for one that it entered? */
bool qemu_coroutine_entered(const Coroutine *co);
const char *qemu_coroutine_name(const Coroutine *co);

/**
 * qemu_coroutine_get_aio_context: where @co belongs; the value another thread would use to wake it.
 */
AioContext *qemu_coroutine_get_aio_context(Coroutine *co);

/**
 * aio_co_schedule: enter @co from @ctx's loop, soon. Any thread. The coroutine must have yielded,
 * or be about to yield in @ctx's own home thread. Ends the process if it is already scheduled.
 */
void aio_co_schedule(AioContext *ctx, Coroutine *co);
/**
 * aio_co_reschedule_self: move the calling coroutine to @new_ctx; returns there.
 * Compares @new_ctx with the *current* context, so called from the iohandler context it does
 * nothing when
 * @new_ctx is the main one; use aio_co_schedule() and qemu_coroutine_yield() there.
 */
void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx);
/**
 * aio_co_wake: resume @co where it belongs. Any thread. From inside a coroutine of the same
 * context: after it yields.
 */
void aio_co_wake(Coroutine *co);
/**
 * aio_co_enter: run @co in @ctx: at once, after the running coroutine yields, or from @ctx's loop.
 * Any thread.
 */
void aio_co_enter(AioContext *ctx, Coroutine *co);

/**
 * yield_until_fd_readable / _writable: yield until @fd is ready. Nobody else may have a handler on
 * @fd.
 */
void coroutine_fn yield_until_fd_readable(int fd);
void coroutine_fn yield_until_fd_writable(int fd);

#endif
