/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What deadlock reports need to know about contexts and coroutines. For the simulator, which calls
 * it while no managed thread runs; not for product code. Pointers are valid until a managed thread
 * runs again.
 */
#ifndef AIO_INSPECT_H
#define AIO_INSPECT_H

#include "aio/coroutine.h"
#include "sched/machine.h"
#include "sched/switch.h"

typedef struct AioContextInfo {
    AioContext *ctx;
    const char *name;
    SchedThread *home;              /* NULL: no thread has it as its own */
    bool outer_loop_only;           /* dispatched by the outermost main loop only (iohandler) */
    bool polling;                   /* some thread is inside a poll of it right now */
    unsigned pending_bhs;
    unsigned scheduled_coroutines;
} AioContextInfo;

typedef struct CoroutineInfo {
    Coroutine *co;
    const char *name;
    AioContext *ctx;                /* where it belongs, NULL if never entered */
    const char *ctx_name;           /* "none" if never entered */
    const char *scheduled;          /* the mark, or NULL */
    AioContext *scheduled_on;       /* whose list it is on, or NULL */
    bool running;                   /* false: yielded, or never entered */
    bool started;
    const SchedContext *stack;      /* to unwind; current only if !running */
} CoroutineInfo;

/* Contexts in order of creation, coroutines in order of creation of their stacks. */
typedef void AioContextInspectFunc(const AioContextInfo *info, void *opaque);
typedef void CoroutineInspectFunc(const CoroutineInfo *info, void *opaque);
typedef void BHInspectFunc(AioContext *ctx, const char *bh_name, void *opaque);

/** aio_inspect_contexts: all contexts of @m. Does nothing if @m has no main loop. */
void aio_inspect_contexts(Machine *m, AioContextInspectFunc *fn, void *opaque);
/** aio_inspect_bhs: the bottom halves queued on @ctx, oldest first. */
void aio_inspect_bhs(AioContext *ctx, BHInspectFunc *fn, void *opaque);
/** aio_inspect_coroutines: all coroutines of @m that have not ended. */
void aio_inspect_coroutines(Machine *m, CoroutineInspectFunc *fn, void *opaque);
/**
 * aio_inspect_caller: the context from which a running coroutine was entered: the next older part
 * of the stack of the thread that runs it. @ret_caller: the coroutine that entered it, NULL if the
 * thread itself did.
 */
const SchedContext *aio_inspect_caller(const Coroutine *co, const Coroutine **ret_caller);

#endif
