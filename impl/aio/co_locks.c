/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks and sleeping for coroutines.
 *
 * A waiter is a record on the waiting coroutine's stack, linked under the lock's spin. It is woken
 * with aio_co_wake(), which from another thread goes through the bottom halves of the waiter's own
 * context; so it cannot be entered between linking itself and yielding.
 *
 * Locks: CoMutex.spin, CoRwlock.spin: leaves, never held over a yield or a wake-up.
 *
 * I1  An unlock with waiters hands the lock to the first: it is never free while somebody waits.
 */
#include "aio/co_locks.h"
#include "aio/aio_int.h"

struct CoWaiter {
    Coroutine *co;
    CoWaiter *next;
    bool writer;
};

/* ---- Lists ---- */

static void wait_list_init(CoWaitList *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void wait_list_append(CoWaitList *l, CoWaiter *w)
{
    w->next = NULL;
    *l->last = w;
    l->last = &w->next;
}

static void wait_list_prepend(CoWaitList *l, CoWaiter *w)
{
    w->next = l->first;
    if (!l->first) {
        l->last = &w->next;
    }
    l->first = w;
}

static CoWaiter *wait_list_pop(CoWaitList *l)
{
    CoWaiter *w = l->first;

    if (w) {
        l->first = w->next;
        if (!l->first) {
            l->last = &l->first;
        }
    }
    return w;
}

static inline void spin_lock(int *spin)
{
    aio_spin_lock((AioSpin *)spin);
}

static inline void spin_unlock(int *spin)
{
    aio_spin_unlock((AioSpin *)spin);
}

/* ---- CoMutex ---- */

void qemu_co_mutex_init_named(CoMutex *mutex, const char *name)
{
    *mutex = (CoMutex){ 0 };
    sched_object_init(&mutex->o, "comutex", name[0] == '&' ? name + 1 : name);
    wait_list_init(&mutex->waiters);
}

TSA_NO_TSA void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();
    CoWaiter w = { .co = self };
    bool got;

    assert(self);
    sched_point(SCHED_K_ATOMIC, &mutex->o);
    spin_lock(&mutex->spin);
    assert(mutex->holder != self);
    got = !mutex->locked;
    if (got) {
        mutex->locked = true;
        mutex->holder = self;
    } else {
        wait_list_append(&mutex->waiters, &w);
    }
    spin_unlock(&mutex->spin);
    if (!got) {
        qemu_coroutine_yield();
        assert(mutex->holder == self);                          /* (I1) */
    }
    self->locks_held++;
}

TSA_NO_TSA void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();
    Coroutine *next = NULL;
    CoWaiter *w;

    sched_point(SCHED_K_ATOMIC, &mutex->o);
    spin_lock(&mutex->spin);
    assert(mutex->locked);
    assert(mutex->holder == self);
    w = wait_list_pop(&mutex->waiters);
    next = w ? w->co : NULL;
    mutex->holder = next;                                       /* (I1) */
    mutex->locked = next != NULL;
    spin_unlock(&mutex->spin);
    self->locks_held--;
    if (next) {
        aio_co_wake(next);
    }
}

void coroutine_fn qemu_co_mutex_assert_locked(CoMutex *mutex)
{
    assert(__atomic_load_n(&mutex->holder, __ATOMIC_RELAXED) == qemu_coroutine_self());
}

/* ---- CoQueue ---- */

TSA_NO_TSA static void lockable_lock(CoLockable lock)
{
    if (lock.co) {
        qemu_co_mutex_lock(lock.co);
    } else if (lock.sched) {
        sched_mutex_lock(lock.sched);
    }
}

TSA_NO_TSA static void lockable_unlock(CoLockable lock)
{
    if (lock.co) {
        qemu_co_mutex_unlock(lock.co);
    } else if (lock.sched) {
        sched_mutex_unlock(lock.sched);
    }
}

void qemu_co_queue_init(CoQueue *queue)
{
    wait_list_init(&queue->waiters);
}

void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, CoLockable lock, CoQueueWaitFlags flags)
{
    CoWaiter w = { .co = qemu_coroutine_self() };

    assert(w.co);
    if (flags & CO_QUEUE_WAIT_FRONT) {
        wait_list_prepend(&queue->waiters, &w);
    } else {
        wait_list_append(&queue->waiters, &w);
    }
    lockable_unlock(lock);
    qemu_coroutine_yield();
    lockable_lock(lock);
}

bool qemu_co_queue_next(CoQueue *queue)
{
    CoWaiter *w = wait_list_pop(&queue->waiters);

    if (w) {
        aio_co_wake(w->co);
    }
    return w != NULL;
}

void qemu_co_queue_restart_all(CoQueue *queue)
{
    CoWaiter *w = queue->waiters.first;

    /* Those that wait again while they are being woken wait for the next call. */
    wait_list_init(&queue->waiters);
    while (w) {
        CoWaiter *next = w->next;       /* the record dies with the wake-up */

        aio_co_wake(w->co);
        w = next;
    }
}

bool qemu_co_enter_next_impl(CoQueue *queue, CoLockable lock)
{
    CoWaiter *w = wait_list_pop(&queue->waiters);

    if (!w) {
        return false;
    }
    lockable_unlock(lock);
    aio_co_wake(w->co);
    lockable_lock(lock);
    return true;
}

void qemu_co_enter_all_impl(CoQueue *queue, CoLockable lock)
{
    while (qemu_co_enter_next_impl(queue, lock)) {
    }
}

bool qemu_co_queue_empty(const CoQueue *queue)
{
    return !queue->waiters.first;
}

/* ---- CoRwlock ---- */

void qemu_co_rwlock_init_named(CoRwlock *lock, const char *name)
{
    *lock = (CoRwlock){ 0 };
    sched_object_init(&lock->o, "corwlock", name[0] == '&' ? name + 1 : name);
    wait_list_init(&lock->waiters);
}

/* Give the lock to the waiters whose turn it is; returns them as a list to wake. */
static CoWaiter *rwlock_grant_locked(CoRwlock *lock)
{
    CoWaitList woken;

    wait_list_init(&woken);
    for (CoWaiter *w = lock->waiters.first; w; w = lock->waiters.first) {
        if (w->writer ? lock->owners != 0 : lock->owners < 0) {
            break;
        }
        lock->owners = w->writer ? -1 : lock->owners + 1;
        wait_list_pop(&lock->waiters);
        wait_list_append(&woken, w);
    }
    return woken.first;
}

static void rwlock_wake(CoWaiter *w)
{
    while (w) {
        CoWaiter *next = w->next;

        aio_co_wake(w->co);
        w = next;
    }
}

static void coroutine_fn rwlock_take(CoRwlock *lock, bool writer)
{
    CoWaiter w = { .co = qemu_coroutine_self(), .writer = writer };
    bool got;

    assert(w.co);
    sched_point(SCHED_K_ATOMIC, &lock->o);
    spin_lock(&lock->spin);
    got = !lock->waiters.first && (writer ? lock->owners == 0 : lock->owners >= 0);
    if (got) {
        lock->owners = writer ? -1 : lock->owners + 1;
    } else {
        wait_list_append(&lock->waiters, &w);
    }
    spin_unlock(&lock->spin);
    if (!got) {
        qemu_coroutine_yield();
    }
    w.co->locks_held++;
}

TSA_NO_TSA void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock)
{
    rwlock_take(lock, false);
}

TSA_NO_TSA void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock)
{
    rwlock_take(lock, true);
}

void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock)
{
    CoWaiter w = { .co = qemu_coroutine_self(), .writer = true };
    CoWaiter *woken = NULL;
    bool got;

    sched_point(SCHED_K_ATOMIC, &lock->o);
    spin_lock(&lock->spin);
    assert(lock->owners > 0);
    got = lock->owners == 1 && !lock->waiters.first;
    if (got) {
        lock->owners = -1;
    } else {
        lock->owners--;
        wait_list_append(&lock->waiters, &w);
        woken = rwlock_grant_locked(lock);
    }
    spin_unlock(&lock->spin);
    rwlock_wake(woken);
    if (!got) {
        qemu_coroutine_yield();
    }
}

void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock)
{
    CoWaiter *woken;

    sched_point(SCHED_K_ATOMIC, &lock->o);
    spin_lock(&lock->spin);
    assert(lock->owners == -1);
    lock->owners = 1;
    woken = rwlock_grant_locked(lock);
    spin_unlock(&lock->spin);
    rwlock_wake(woken);
}

TSA_NO_TSA void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock)
{
    CoWaiter *woken;

    sched_point(SCHED_K_ATOMIC, &lock->o);
    spin_lock(&lock->spin);
    assert(lock->owners != 0);
    lock->owners = lock->owners < 0 ? 0 : lock->owners - 1;
    woken = rwlock_grant_locked(lock);
    spin_unlock(&lock->spin);
    qemu_coroutine_self()->locks_held--;
    rwlock_wake(woken);
}

/* ---- Sleep ---- */

static const char co_sleep_mark[] = "qemu_co_sleep";

void qemu_co_sleep_wake(QemuCoSleep *w)
{
    Coroutine *co = w->to_wake;
    const char *scheduled = co_sleep_mark;

    w->to_wake = NULL;
    if (co) {
        sched_point(SCHED_K_CO_CLEAR_MARK, &co->o);
        /* Nobody else can have taken the mark: that ends the process. */
        if (!__atomic_compare_exchange_n(&co->scheduled, &scheduled, NULL, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST)) {
            base_fatal("%s: Co-routine was not asleep", __func__);
        }
        aio_co_wake(co);
    }
}

void coroutine_fn qemu_co_sleep(QemuCoSleep *w)
{
    Coroutine *co = qemu_coroutine_self();
    const char *scheduled = NULL;

    assert(co);
    if (!__atomic_compare_exchange_n(&co->scheduled, &scheduled, co_sleep_mark, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        base_fatal("%s: Co-routine was already scheduled in '%s'", __func__, scheduled);
    }
    w->to_wake = co;
    qemu_coroutine_yield();
    assert(!w->to_wake);
}

static void co_sleep_timer(void *opaque)
{
    qemu_co_sleep_wake(opaque);
}

void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, QEMUClockType type, int64_t ns)
{
    QEMUTimer ts;

    aio_timer_init(qemu_get_current_aio_context(), &ts, type, SCALE_NS, co_sleep_timer, w);
    timer_mod(&ts, qemu_clock_get_ns(type) + ns);
    qemu_co_sleep(w);
    timer_del(&ts);
}

void coroutine_fn qemu_co_sleep_ns(QEMUClockType type, int64_t ns)
{
    QemuCoSleep w = { 0 };

    qemu_co_sleep_ns_wakeable(&w, type, ns);
}
