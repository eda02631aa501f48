/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of impl/aio share: the machine's aio state, contexts, bottom halves, coroutines.
 *
 * AioSpin is the leaf lock of this folder: held for a few instructions, never across a call that
 * blocks, yields or is a choice point. So the simulator, which switches threads only at choice
 * points, never sees one taken, and schedules are not cluttered with them.
 */
#ifndef AIO_AIO_INT_H
#define AIO_AIO_INT_H

#include "aio/aio.h"
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "aio/thread_pool.h"
#include "aio/timer.h"
#include "base/assert.h"
#include "sched/machine.h"
#include "sched/switch.h"

#define THREAD_POOL_THREADS_LIMIT 1024

typedef struct AioMachine AioMachine;
typedef struct AioHandler AioHandler;

typedef struct AioSpin {
    int taken;
} AioSpin;

static inline void aio_spin_lock(AioSpin *s)
{
    while (__atomic_exchange_n(&s->taken, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&s->taken, __ATOMIC_RELAXED)) {
        }
    }
}

static inline void aio_spin_unlock(AioSpin *s)
{
    __atomic_store_n(&s->taken, 0, __ATOMIC_RELEASE);
}

/* ---- Bottom halves ---- */

enum {
    BH_PENDING = 1 << 0,        /* on its context's list; whoever sets it puts it there */
    BH_SCHEDULED = 1 << 1,      /* to be called */
    BH_DELETED = 1 << 2,        /* free it when it leaves the list */
    BH_ONESHOT = 1 << 3,        /* free it after its one call */
};

struct QEMUBH {
    SchedObject o;
    AioContext *ctx;
    QEMUBHFunc *cb;
    void *opaque;
    QEMUBH *next;
    unsigned flags;             /* atomic, BH_* */
    uint64_t round;             /* the aio_bh_poll that took it over */
};

/* ---- Poll ---- */

/* The descriptors one poll looks at; entry 0 of each context is its own notifier (handler NULL). */
typedef struct AioPollSet {
    GArray *fds;                /* GPollFD */
    GPtrArray *handlers;        /* AioHandler *, referenced, same length */
} AioPollSet;

typedef struct AioPollParams {
    int64_t max_ns;
    int64_t grow;
    int64_t shrink;
    int64_t now_ns;             /* how long to busy-poll at present, adapts between 0 and max_ns */
} AioPollParams;

struct AioContext {
    SchedObject o;
    char *name;
    AioMachine *machine;
    int refs;                   /* atomic */
    bool outer_loop_only;
    SchedThread *home;
    EventNotifier notifier;

    int notify_me;              /* atomic: polls that sleep or are about to */
    bool notified;              /* atomic: notified since the last poll woke up */

    QEMUBH *bh_incoming;        /* atomic stack, newest first */

    Coroutine *co_incoming;     /* atomic stack, newest first */
    QEMUBH *co_schedule_bh;

    AioSpin handlers_lock;
    GPtrArray *handlers;        /* under handlers_lock; in order of registration */
    uint64_t handler_ids;       /* under handlers_lock */

    /* Owned by the thread that dispatches: the home thread, for the main context the BQL holder. */
    QEMUBH *bh_first;           /* taken over from bh_incoming, oldest first */
    QEMUBH **bh_last;
    uint64_t bh_round;
    AioPollSet *spare_set;
    AioPollParams poll;
    bool poll_started;
    unsigned polling;           /* polls in progress, nested ones included */
    int64_t aio_max_batch;

    QEMUTimerListGroup timers;
    ThreadPoolAio *thread_pool;
    int64_t pool_min;
    int64_t pool_max;
    void *data[AIO_DATA__MAX];
    void (*data_destroy[AIO_DATA__MAX])(void *data);
};

/** aio_bh_pending: is one queued and to be called? Home thread. */
bool aio_bh_pending(AioContext *ctx);
/** aio_bh_flush: free what is queued when @ctx goes away; a live one is a bug of its owner. */
void aio_bh_flush(AioContext *ctx);

AioPollSet *aio_poll_set_new(void);
void aio_poll_set_free(AioPollSet *set);
void aio_poll_set_clear(AioPollSet *set);
/**
 * aio_poll_prepare: announce a sleep on @ctx and add its descriptors to @set.
 * Lowers *@timeout_ns (-1: for ever) to what @ctx's bottom halves and timers allow.
 */
void aio_poll_prepare(AioContext *ctx, AioPollSet *set, int64_t *timeout_ns);
/** aio_poll_finish: the sleep is over; @first: index of @ctx's first entry in @set. */
void aio_poll_finish(AioContext *ctx, AioPollSet *set, unsigned first);
void aio_handlers_free(AioContext *ctx);

/** aio_context_try_ref: under AioMachine.ctx_lock; false if @ctx is being freed. */
bool aio_context_try_ref(AioContext *ctx);

/* ---- Timers ---- */

void timerlistgroup_init(QEMUTimerListGroup *tlg, AioMachine *m, AioContext *ctx);
void timerlistgroup_deinit(QEMUTimerListGroup *tlg);
bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg);
/** timerlistgroup_deadline_ns: until the first timer; -1: none that can fire. */
int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg);

/** aio_soonest: the smaller of two timeouts, where -1 is infinite. */
static inline int64_t aio_soonest(int64_t a, int64_t b)
{
    return (uint64_t)a < (uint64_t)b ? a : b;
}

/* ---- Coroutines ---- */

struct Coroutine {
    SchedObject o;
    CoroutineEntry *entry;      /* NULL: not in use */
    void *opaque;
    AioContext *ctx;            /* atomic: where it belongs */
    const char *scheduled;      /* atomic: who will enter it, see coroutine.h */
    AioContext *scheduled_on;   /* for reports */
    Coroutine *scheduled_next;
    Coroutine *caller;          /* who entered it; NULL: the thread itself */
    SchedContext *caller_stack; /* non-NULL exactly while it runs */
    Coroutine *wake_first;      /* to be entered when this one yields or ends */
    Coroutine **wake_last;
    Coroutine *wake_next;
    unsigned locks_held;
    bool started;
    bool done;
    SchedContext stack;
    Coroutine *pool_next;
    Coroutine *all_next;        /* under AioMachine.co_lock */
    Coroutine *all_prev;
};

/**
 * coroutine_thread_pool_new: a pool for the calling thread; _release gives it back to the machine.
 */
void coroutine_thread_pool_new(void);
void coroutine_thread_pool_release(void);
/** coroutine_machine_pool_free: end of the machine; asserts that every coroutine has ended. */
void coroutine_machine_pool_free(AioMachine *m);
void coroutine_queue_wakeup(Coroutine *self, Coroutine *co);
void aio_co_schedule_bh(void *opaque);

/* ---- Thread pool ---- */

/**
 * aio_context_stop_pool: join @ctx's workers. Before the owner drops its reference: a worker holds
 * one while it queues a completion, and could otherwise find itself freeing its own pool.
 */
void aio_context_stop_pool(AioContext *ctx);

ThreadPoolAio *thread_pool_new_aio(AioContext *ctx);
/** thread_pool_free_aio: all requests have completed (asserted). Joins the workers. */
void thread_pool_free_aio(ThreadPoolAio *pool);
void thread_pool_update_params(ThreadPoolAio *pool);

/* ---- Machine ---- */

struct AioMachine {
    SchedObject main_loop_o;
    SchedObject wait_o;
    int waiters;                /* atomic: AIO_WAIT_WHILE in progress */

    AioContext *main_ctx;
    AioContext *iohandler_ctx;
    QEMUTimerListGroup main_loop_tlg;
    QEMUBH *notify_bh;
    AioPollSet *main_set;
    SchedMutex bql;

    AioSpin clock_lock;
    bool ticks_enabled;         /* under clock_lock */
    int64_t clock_offset;       /* under clock_lock; guest time is this plus, if enabled, now */

    AioSpin ctx_lock;
    GPtrArray *contexts;        /* under ctx_lock, in order of creation */

    AioSpin co_lock;
    Coroutine *co_all_first;    /* all that have a stack, in use or not */
    Coroutine *co_all_last;
    Coroutine *co_pool;
    unsigned co_pool_len;

    GPtrArray *iothreads;       /* with the BQL */
};

static inline AioMachine *aio_machine(void)
{
    return machine_state(MACHINE_AIO);
}

#endif
