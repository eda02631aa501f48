/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: locks exclude, know their owner, and wake whom they should, in both engines.
 * Method: a few threads around one object; every wait is for a state, never for a time.
 */
#include "sched/sched.h"
#include "base/assert.h"

#define THREADS 4
#define ROUNDS 500

typedef struct Shared {
    SchedMutex lock;
    SchedCond changed;
    SchedSem sem;
    SchedEvent event;
    int value;
    int inside;
    int waiting;
} Shared;

static SchedThread *threads[THREADS];

static void start_all(SchedThreadFunc *fn, void *opaque)
{
    static const char *const names[THREADS] = { "t0", "t1", "t2", "t3" };

    for (int i = 0; i < THREADS; i++) {
        threads[i] = sched_thread_create(names[i], fn, opaque);
    }
}

static void join_all(void)
{
    for (int i = 0; i < THREADS; i++) {
        sched_thread_join(threads[i]);
    }
}

static void add_up(void *opaque)
{
    Shared *s = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        sched_mutex_lock(&s->lock);
        g_assert_cmpint(s->inside++, ==, 0);
        s->value++;
        sched_point(SCHED_K_ATOMIC, &s->lock.o);
        g_assert_cmpint(--s->inside, ==, 0);
        sched_mutex_unlock(&s->lock);
    }
}

static void test_exclusion(void)
{
    Shared s = { .value = 0 };

    sched_mutex_init(&s.lock, "sum");
    start_all(add_up, &s);
    join_all();
    g_assert_cmpint(s.value, ==, THREADS * ROUNDS);
    sched_mutex_destroy(&s.lock);
}

/* Conditional and recursive locking are beyond the static analysis. */
static void TSA_NO_TSA try_it(void *opaque)
{
    Shared *s = opaque;

    g_assert_false(sched_mutex_owned(&s->lock));
    s->value = sched_mutex_trylock(&s->lock);
    if (s->value) {
        sched_mutex_unlock(&s->lock);
    }
}

static void TSA_NO_TSA test_ownership(void)
{
    Shared s = { .value = -1 };

    sched_mutex_init(&s.lock, "owned");
    g_assert_false(sched_mutex_owned(&s.lock));
    g_assert_true(sched_mutex_trylock(&s.lock));
    g_assert_true(sched_mutex_owned(&s.lock));
    sched_thread_join(sched_thread_create("other", try_it, &s));
    g_assert_cmpint(s.value, ==, 0);
    sched_mutex_unlock(&s.lock);
    g_assert_false(sched_mutex_owned(&s.lock));
    sched_thread_join(sched_thread_create("other", try_it, &s));
    g_assert_cmpint(s.value, ==, 1);
    sched_mutex_destroy(&s.lock);
}

static void TSA_NO_TSA test_recursion(void)
{
    Shared s = { .value = -1 };

    sched_rec_mutex_init(&s.lock, "recursive");
    sched_mutex_lock(&s.lock);
    sched_mutex_lock(&s.lock);
    g_assert_true(sched_mutex_trylock(&s.lock));
    sched_mutex_unlock(&s.lock);
    sched_mutex_unlock(&s.lock);
    g_assert_true(sched_mutex_owned(&s.lock));
    sched_thread_join(sched_thread_create("other", try_it, &s));
    g_assert_cmpint(s.value, ==, 0);
    sched_mutex_unlock(&s.lock);
    g_assert_false(sched_mutex_owned(&s.lock));
    sched_mutex_destroy(&s.lock);
}

static void wait_for_value(void *opaque)
{
    Shared *s = opaque;

    sched_mutex_lock(&s->lock);
    s->waiting++;
    sched_cond_broadcast(&s->changed);
    while (s->value == 0) {
        sched_cond_wait(&s->changed, &s->lock);
        g_assert_true(sched_mutex_owned(&s->lock));
    }
    s->waiting--;
    sched_mutex_unlock(&s->lock);
}

static void test_broadcast(void)
{
    Shared s = { .value = 0 };

    sched_mutex_init(&s.lock, "state");
    sched_cond_init(&s.changed, "changed");
    start_all(wait_for_value, &s);
    sched_mutex_lock(&s.lock);
    while (s.waiting < THREADS) {
        sched_cond_wait(&s.changed, &s.lock);
    }
    s.value = 1;
    sched_cond_broadcast(&s.changed);
    sched_mutex_unlock(&s.lock);
    join_all();
    g_assert_cmpint(s.waiting, ==, 0);
    sched_cond_destroy(&s.changed);
    sched_mutex_destroy(&s.lock);
}

/* The lock is dropped while waiting: each waiter in turn hands on to the next. */
static void pass_on(void *opaque)
{
    Shared *s = opaque;

    sched_mutex_lock(&s->lock);
    while (s->value == 0) {
        sched_cond_wait(&s->changed, &s->lock);
    }
    s->value--;
    s->inside++;
    sched_cond_signal(&s->changed);
    sched_mutex_unlock(&s->lock);
}

static void test_signal_chain(void)
{
    Shared s = { .value = 0 };

    sched_mutex_init(&s.lock, "state");
    sched_cond_init(&s.changed, "changed");
    start_all(pass_on, &s);
    sched_mutex_lock(&s.lock);
    s.value = THREADS;
    sched_cond_signal(&s.changed);
    sched_mutex_unlock(&s.lock);
    join_all();
    g_assert_cmpint(s.inside, ==, THREADS);
    sched_cond_destroy(&s.changed);
    sched_mutex_destroy(&s.lock);
}

static void test_timeouts(void)
{
    Shared s = { .value = 0 };
    int64_t start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    bool woken = true;

    sched_mutex_init(&s.lock, "state");
    sched_cond_init(&s.changed, "changed");
    sched_sem_init(&s.sem, "sem", 1);
    sched_mutex_lock(&s.lock);
    /* Spurious wake-ups are allowed, so ask until the time has run out. */
    while (woken) {
        woken = sched_cond_timedwait(&s.changed, &s.lock, 2000000);
    }
    sched_mutex_unlock(&s.lock);
    g_assert_true(sched_sem_timedwait(&s.sem, 0));
    g_assert_false(sched_sem_timedwait(&s.sem, 0));
    g_assert_false(sched_sem_timedwait(&s.sem, 3000000));
    g_assert_cmpint(sched_clock_ns(SCHED_CLOCK_MONOTONIC) - start, >=, 5000000);
    sched_sem_destroy(&s.sem);
    sched_cond_destroy(&s.changed);
    sched_mutex_destroy(&s.lock);
}

static void take_one(void *opaque)
{
    Shared *s = opaque;

    sched_sem_wait(&s->sem);
    sched_mutex_lock(&s->lock);
    s->value++;
    sched_mutex_unlock(&s->lock);
}

static void test_semaphore(void)
{
    Shared s = { .value = 0 };

    sched_mutex_init(&s.lock, "state");
    sched_sem_init(&s.sem, "tokens", 1);
    start_all(take_one, &s);
    for (int i = 1; i < THREADS; i++) {
        sched_sem_post(&s.sem);
    }
    join_all();
    g_assert_cmpint(s.value, ==, THREADS);
    g_assert_false(sched_sem_timedwait(&s.sem, 0));
    sched_sem_destroy(&s.sem);
    sched_mutex_destroy(&s.lock);
}

static void wait_event(void *opaque)
{
    Shared *s = opaque;

    sched_event_wait(&s->event);
    g_assert_cmpint(s->value, ==, 7);
}

static void test_event(void)
{
    Shared s = { .value = 0 };

    sched_event_init(&s.event, "go", false);
    start_all(wait_event, &s);
    s.value = 7;
    sched_event_set(&s.event);
    join_all();
    sched_event_wait(&s.event);         /* set stays set */
    sched_event_reset(&s.event);
    sched_event_set(&s.event);
    sched_event_wait(&s.event);
    sched_event_destroy(&s.event);
}

static int run(void *opaque)
{
    return g_test_run();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/locks/exclusion", test_exclusion);
    g_test_add_func("/locks/ownership", test_ownership);
    g_test_add_func("/locks/recursion", test_recursion);
    g_test_add_func("/locks/broadcast", test_broadcast);
    g_test_add_func("/locks/signal-chain", test_signal_chain);
    g_test_add_func("/locks/timeouts", test_timeouts);
    g_test_add_func("/locks/semaphore", test_semaphore);
    g_test_add_func("/locks/event", test_event);
    return sched_main(run, NULL);
}
