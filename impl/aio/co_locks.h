/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks and waiting for coroutines. All of them may be shared by coroutines of different contexts
 * and threads.
 *
 * I1  CoMutex: at most one holder; waiters get it in the order in which they asked.
 * I2  CoQueue: woken in the order in which they waited; a wake-up is never lost between unlock and
 *     wait.
 * I3  CoRwlock: any number of readers or one writer; requests are granted in the order in which
 *     they came, so neither side starves.
 * I4  A coroutine ends holding none of these (asserted).
 */
#ifndef AIO_CO_LOCKS_H
#define AIO_CO_LOCKS_H

#include "aio/coroutine.h"

typedef struct CoWaiter CoWaiter;

typedef struct CoWaitList {
    CoWaiter *first;
    CoWaiter **last;
} CoWaitList;

/* ---- Mutex ---- */

typedef struct CoMutex {
    SchedObject o;
    int spin;                   /* guards the fields below; held for a few instructions */
    bool locked;
    Coroutine *holder;
    CoWaitList waiters;
} TSA_CAPABILITY("co_mutex") CoMutex;

void qemu_co_mutex_init_named(CoMutex *mutex, const char *name);
#define qemu_co_mutex_init(mutex) qemu_co_mutex_init_named((mutex), #mutex)
/** qemu_co_mutex_lock: not recursive (asserted). Yields while somebody else has it. */
void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex) TSA_ACQUIRE(mutex);
void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex) TSA_RELEASE(mutex);
/** qemu_co_mutex_assert_locked: the calling coroutine holds @mutex. */
void coroutine_fn qemu_co_mutex_assert_locked(CoMutex *mutex) TSA_ASSERT(mutex);

/* ---- Queue ---- */

typedef struct CoQueue {
    CoWaitList waiters;
} CoQueue;

typedef enum CoQueueWaitFlags {
    CO_QUEUE_WAIT_FRONT = 1 << 0,       /* be the next one woken */
} CoQueueWaitFlags;

/* Whatever protects a CoQueue: a CoMutex, a SchedMutex, or nothing (then: one context only). */
typedef struct CoLockable {
    CoMutex *co;
    SchedMutex *sched;
} CoLockable;

static inline CoLockable co_lockable_none(void *null)
{
    (void)null;
    return (CoLockable){ 0 };
}
static inline CoLockable co_lockable_co(CoMutex *m)
{
    return (CoLockable){ .co = m };
}
static inline CoLockable co_lockable_sched(SchedMutex *m)
{
    return (CoLockable){ .sched = m };
}
#define CO_LOCKABLE(lock) \
    _Generic((lock), CoMutex *: co_lockable_co, SchedMutex *: co_lockable_sched, \
             void *: co_lockable_none)(lock)

void qemu_co_queue_init(CoQueue *queue);
/**
 * qemu_co_queue_wait: release @lock, yield until woken, take @lock again. @lock: CoMutex *,
 * SchedMutex * or NULL.
 */
#define qemu_co_queue_wait(queue, lock) qemu_co_queue_wait_impl((queue), CO_LOCKABLE(lock), 0)
#define qemu_co_queue_wait_flags(queue, lock, flags) \
    qemu_co_queue_wait_impl((queue), CO_LOCKABLE(lock), (flags))
void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, CoLockable lock, CoQueueWaitFlags flags);
/**
 * qemu_co_queue_next: wake the first waiter. Returns false if there was none. Any place that may
 * touch @queue.
 */
bool qemu_co_queue_next(CoQueue *queue);
void qemu_co_queue_restart_all(CoQueue *queue);
/**
 * qemu_co_enter_next: from outside coroutines: release @lock, run the first waiter, take @lock.
 * False if none.
 */
#define qemu_co_enter_next(queue, lock) qemu_co_enter_next_impl((queue), CO_LOCKABLE(lock))
bool qemu_co_enter_next_impl(CoQueue *queue, CoLockable lock);
#define qemu_co_enter_all(queue, lock) qemu_co_enter_all_impl((queue), CO_LOCKABLE(lock))
void qemu_co_enter_all_impl(CoQueue *queue, CoLockable lock);
bool qemu_co_queue_empty(const CoQueue *queue);

/* ---- Readers and writers ---- */

typedef struct CoRwlock {
    SchedObject o;
    int spin;
    int owners;                 /* readers; -1: a writer */
    CoWaitList waiters;
} TSA_CAPABILITY("co_rwlock") CoRwlock;

void qemu_co_rwlock_init_named(CoRwlock *lock, const char *name);
#define qemu_co_rwlock_init(lock) qemu_co_rwlock_init_named((lock), #lock)
void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock) TSA_ACQUIRE_SHARED(lock);
void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock) TSA_ACQUIRE(lock);
/** qemu_co_rwlock_upgrade: reader becomes writer; others may write in between. */
void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock);
/** qemu_co_rwlock_downgrade: writer becomes reader; nobody writes in between. */
void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock);
void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock) TSA(release_generic_capability(lock));

/* ---- Sleep ---- */

typedef struct QemuCoSleep {
    Coroutine *to_wake;
} QemuCoSleep;

/**
 * qemu_co_sleep_ns: yield for @ns of clock @type. The coroutine counts as scheduled by
 * "qemu_co_sleep" meanwhile.
 */
void coroutine_fn qemu_co_sleep_ns(QEMUClockType type, int64_t ns);
/** qemu_co_sleep_ns_wakeable: the same, ended early by qemu_co_sleep_wake(@w). */
void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, QEMUClockType type, int64_t ns);
/** qemu_co_sleep: until qemu_co_sleep_wake(@w). */
void coroutine_fn qemu_co_sleep(QemuCoSleep *w);
/** qemu_co_sleep_wake: harmless if nobody sleeps on @w. In the sleeper's context. */
void qemu_co_sleep_wake(QemuCoSleep *w);

#endif
