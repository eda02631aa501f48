/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: coroutine locks exclude, hand over in order, and lose no wake-up, also between threads.
 * Method: coroutines of one context with a log; the same of two iothreads with counters.
 */
#include "aio/co_locks.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"
#include "aio/wait.h"

static GString *text;

static void text_check(const char *expected)
{
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, true);
}

/* ---- CoMutex ---- */

typedef struct Locker {
    CoMutex *mutex;
    Coroutine *co;
    char name;
} Locker;

static void coroutine_fn lock_and_yield(void *opaque)
{
    Locker *l = opaque;

    qemu_co_mutex_lock(l->mutex);
    qemu_co_mutex_assert_locked(l->mutex);
    g_string_append_c(text, l->name);
    qemu_coroutine_yield();
    g_string_append_c(text, '/');
    qemu_co_mutex_unlock(l->mutex);
}

static void test_mutex_in_order(void)
{
    CoMutex mutex;
    Locker l[3];

    text = g_string_new("");
    qemu_co_mutex_init(&mutex);
    g_assert_cmpstr(mutex.o.name, ==, "mutex");
    for (int i = 0; i < 3; i++) {
        l[i] = (Locker){ .mutex = &mutex, .name = 'a' + i };
        l[i].co = qemu_coroutine_create(lock_and_yield, &l[i]);
        qemu_coroutine_enter(l[i].co);
    }
    g_assert_cmpstr(text->str, ==, "a");
    for (int i = 0; i < 3; i++) {
        qemu_coroutine_enter(l[i].co);
    }
    text_check("a/b/c/");
}

typedef struct Shared {
    CoMutex mutex;
    CoRwlock rwlock;
    unsigned value;             /* under mutex, or rwlock */
    unsigned running;           /* atomic */
} Shared;

#define ROUNDS 200

static void shared_leave(Shared *s)
{
    if (__atomic_sub_fetch(&s->running, 1, __ATOMIC_SEQ_CST) == 0) {
        aio_wait_kick();
    }
}

static void coroutine_fn add_under_mutex(void *opaque)
{
    Shared *s = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned seen;

        qemu_co_mutex_lock(&s->mutex);
        seen = s->value;
        if (i % 16 == 0) {
            qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 1000);
        }
        s->value = seen + 1;
        qemu_co_mutex_unlock(&s->mutex);
    }
    shared_leave(s);
}

static void run_on_two_iothreads(Shared *s, CoroutineEntry *const *entries, unsigned n)
{
    IOThread *io[2] = { iothread_create("io0", NULL), iothread_create("io1", NULL) };

    __atomic_store_n(&s->running, n, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < n; i++) {
        aio_co_enter(iothread_get_aio_context(io[i % 2]),
                     qemu_coroutine_create_named("worker", entries[i], s));
    }
    AIO_WAIT_WHILE(NULL, __atomic_load_n(&s->running, __ATOMIC_SEQ_CST) > 0);
    iothread_destroy(io[0]);
    iothread_destroy(io[1]);
}

static void test_mutex_between_threads(void)
{
    CoroutineEntry *const entries[6] = { add_under_mutex, add_under_mutex, add_under_mutex,
                                         add_under_mutex, add_under_mutex, add_under_mutex };
    Shared s = { 0 };

    qemu_co_mutex_init(&s.mutex);
    run_on_two_iothreads(&s, entries, 6);
    g_assert_cmpuint(s.value, ==, 6 * ROUNDS);
}

static TSA_NO_TSA void coroutine_fn end_with_lock(void *opaque)
{
    qemu_co_mutex_lock(opaque);
}

static void subprocess_end_with_lock(void)
{
    CoMutex mutex;

    qemu_co_mutex_init(&mutex);
    qemu_coroutine_enter(qemu_coroutine_create(end_with_lock, &mutex));
}

static void test_ending_with_a_lock_aborts(void)
{
    test_trap_expect_abort("/co-mutex/end-with-lock/subprocess", "`!co->locks_held' failed");
}

/* ---- CoQueue ---- */

typedef struct Waiter {
    CoQueue *queue;
    CoMutex *mutex;
    CoQueueWaitFlags flags;
    char name;
} Waiter;

static void coroutine_fn queue_wait(void *opaque)
{
    Waiter *w = opaque;

    if (w->mutex) {
        qemu_co_mutex_lock(w->mutex);
        qemu_co_queue_wait_flags(w->queue, w->mutex, w->flags);
        qemu_co_mutex_assert_locked(w->mutex);
        qemu_co_mutex_unlock(w->mutex);
    } else {
        qemu_co_queue_wait_flags(w->queue, NULL, w->flags);
    }
    g_string_append_c(text, w->name);
}

static void test_queue_order(void)
{
    CoQueue q;
    Waiter w[4];

    text = g_string_new("");
    qemu_co_queue_init(&q);
    g_assert_true(qemu_co_queue_empty(&q));
    g_assert_false(qemu_co_queue_next(&q));
    for (int i = 0; i < 4; i++) {
        w[i] = (Waiter){ .queue = &q, .name = 'a' + i,
                         .flags = i == 3 ? CO_QUEUE_WAIT_FRONT : 0 };
        qemu_coroutine_enter(qemu_coroutine_create(queue_wait, &w[i]));
    }
    g_assert_false(qemu_co_queue_empty(&q));
    g_assert_true(qemu_co_queue_next(&q));
    g_assert_cmpstr(text->str, ==, "d");
    g_assert_true(qemu_co_enter_next(&q, NULL));
    g_assert_cmpstr(text->str, ==, "da");
    qemu_co_queue_restart_all(&q);
    g_assert_true(qemu_co_queue_empty(&q));
    text_check("dabc");
}

static void test_queue_with_mutex(void)
{
    CoQueue q;
    CoMutex mutex;
    Waiter w[2];

    text = g_string_new("");
    qemu_co_queue_init(&q);
    qemu_co_mutex_init(&mutex);
    for (int i = 0; i < 2; i++) {
        w[i] = (Waiter){ .queue = &q, .mutex = &mutex, .name = 'a' + i };
        qemu_coroutine_enter(qemu_coroutine_create(queue_wait, &w[i]));
    }
    qemu_co_enter_all(&q, NULL);
    text_check("ab");
}

static void test_queue_with_thread_mutex(void)
{
    CoQueue q;
    SchedMutex lock;
    Waiter w = { .queue = &q, .name = 'a' };

    text = g_string_new("");
    qemu_co_queue_init(&q);
    sched_mutex_init(&lock, "lock");
    qemu_coroutine_enter(qemu_coroutine_create(queue_wait, &w));
    sched_mutex_lock(&lock);
    g_assert_true(qemu_co_enter_next(&q, &lock));
    g_assert_true(sched_mutex_owned(&lock));
    sched_mutex_unlock(&lock);
    sched_mutex_destroy(&lock);
    text_check("a");
}

/* ---- CoRwlock ---- */

typedef struct Rw {
    CoRwlock *lock;
    Coroutine *co;
    const char *script;         /* r, w: take; u, d: up, down; -: yield; .: release */
    char name;
} Rw;

static TSA_NO_TSA void coroutine_fn rw_run(void *opaque)
{
    Rw *rw = opaque;

    for (const char *p = rw->script; *p; p++) {
        switch (*p) {
        case 'r':
            qemu_co_rwlock_rdlock(rw->lock);
            break;
        case 'w':
            qemu_co_rwlock_wrlock(rw->lock);
            break;
        case 'u':
            qemu_co_rwlock_upgrade(rw->lock);
            break;
        case 'd':
            qemu_co_rwlock_downgrade(rw->lock);
            break;
        case '.':
            qemu_co_rwlock_unlock(rw->lock);
            continue;
        default:
            qemu_coroutine_yield();
            continue;
        }
        g_string_append_printf(text, "%c%c ", rw->name, *p);
    }
}

static void rw_start(Rw *rw, CoRwlock *lock, char name, const char *script)
{
    *rw = (Rw){ .lock = lock, .script = script, .name = name };
    rw->co = qemu_coroutine_create(rw_run, rw);
    qemu_coroutine_enter(rw->co);
}

static void test_rwlock_readers_share_and_writers_do_not_starve(void)
{
    CoRwlock lock;
    Rw a, b, c, d;

    text = g_string_new("");
    qemu_co_rwlock_init(&lock);
    rw_start(&a, &lock, 'a', "r-.");
    rw_start(&b, &lock, 'b', "r-.");
    rw_start(&c, &lock, 'c', "w-.");
    rw_start(&d, &lock, 'd', "r-.");
    g_assert_cmpstr(text->str, ==, "ar br ");       /* d waits behind the writer */
    qemu_coroutine_enter(a.co);
    qemu_coroutine_enter(b.co);
    g_assert_cmpstr(text->str, ==, "ar br cw ");
    qemu_coroutine_enter(c.co);
    qemu_coroutine_enter(d.co);
    text_check("ar br cw dr ");
}

static void test_rwlock_upgrade_and_downgrade(void)
{
    CoRwlock lock;
    Rw a, b, c;

    text = g_string_new("");
    qemu_co_rwlock_init(&lock);
    rw_start(&a, &lock, 'a', "ru-d-.");
    rw_start(&b, &lock, 'b', "r-u-.");
    g_assert_cmpstr(text->str, ==, "ar au ");
    qemu_coroutine_enter(a.co);
    g_assert_cmpstr(text->str, ==, "ar au ad br ");
    rw_start(&c, &lock, 'c', "w.");
    qemu_coroutine_enter(b.co);                     /* gives up its share; queues behind c */
    g_assert_cmpstr(text->str, ==, "ar au ad br ");
    qemu_coroutine_enter(a.co);
    g_assert_cmpstr(text->str, ==, "ar au ad br cw bu ");
    qemu_coroutine_enter(b.co);
    text_check("ar au ad br cw bu ");
}

static void coroutine_fn rw_read(void *opaque)
{
    Shared *s = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned seen;

        qemu_co_rwlock_rdlock(&s->rwlock);
        seen = s->value;
        if (i % 16 == 0) {
            qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 1000);
        }
        g_assert_cmpuint(s->value, ==, seen);
        qemu_co_rwlock_unlock(&s->rwlock);
    }
    shared_leave(s);
}

static void coroutine_fn rw_write(void *opaque)
{
    Shared *s = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        qemu_co_rwlock_wrlock(&s->rwlock);
        s->value++;
        qemu_co_rwlock_unlock(&s->rwlock);
    }
    shared_leave(s);
}

static void test_rwlock_between_threads(void)
{
    CoroutineEntry *const entries[5] = { rw_read, rw_write, rw_write, rw_read, rw_read };
    Shared s = { 0 };

    qemu_co_rwlock_init(&s.rwlock);
    run_on_two_iothreads(&s, entries, 5);
    g_assert_cmpuint(s.value, ==, 2 * ROUNDS);
}

/* ---- Sleep ---- */

typedef struct Nap {
    QemuCoSleep sleep;
    int64_t ns;
    bool done;
} Nap;

static void coroutine_fn nap(void *opaque)
{
    Nap *n = opaque;

    qemu_co_sleep_ns_wakeable(&n->sleep, QEMU_CLOCK_REALTIME, n->ns);
    n->done = true;
}

static void test_sleep_takes_its_time(void)
{
    Nap n = { .ns = SCALE_MS };
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    qemu_coroutine_enter(qemu_coroutine_create(nap, &n));
    while (!n.done) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), >=, start + SCALE_MS);
}

static void test_sleep_is_cut_short(void)
{
    Nap n = { .ns = 1000 * NANOSECONDS_PER_SECOND };

    qemu_coroutine_enter(qemu_coroutine_create(nap, &n));
    qemu_co_sleep_wake(&n.sleep);
    g_assert_true(n.done);
    qemu_co_sleep_wake(&n.sleep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/co-mutex/order", test_mutex_in_order);
    g_test_add_func("/co-mutex/threads", test_mutex_between_threads);
    g_test_add_func("/co-mutex/end-with-lock", test_ending_with_a_lock_aborts);
    g_test_add_func("/co-mutex/end-with-lock/subprocess", subprocess_end_with_lock);
    g_test_add_func("/co-queue/order", test_queue_order);
    g_test_add_func("/co-queue/mutex", test_queue_with_mutex);
    g_test_add_func("/co-queue/thread-mutex", test_queue_with_thread_mutex);
    g_test_add_func("/co-rwlock/fair", test_rwlock_readers_share_and_writers_do_not_starve);
    g_test_add_func("/co-rwlock/up-and-down", test_rwlock_upgrade_and_downgrade);
    g_test_add_func("/co-rwlock/threads", test_rwlock_between_threads);
    g_test_add_func("/co-sleep/time", test_sleep_takes_its_time);
    g_test_add_func("/co-sleep/wake", test_sleep_is_cut_short);
    return test_machine_run();
}
