/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Canaries: small programs with one known defect each. An explorer that does not find them is broken, whatever it says
 * about the real scenarios.
 */
#include "replay/units.h"
#include "base/assert.h"
#include "sched/sched.h"

int canary_deadlock(void *opaque);
int canary_order(void *opaque);
int canary_atomicity(void *opaque);
int canary_lost_wake(void *opaque);
int canary_spin(void *opaque);
int canary_alone(void *opaque);
int canary_names(void *opaque);
int canary_churn(void *opaque);

typedef struct Canary {
    SchedMutex a, b;
    SchedCond cond;
    SchedObject shared;
    unsigned value;
    bool ready;
} Canary;

static void canary_init(Canary *c)
{
    *c = (Canary){ .value = 0 };
    sched_mutex_init(&c->a, "a");
    sched_mutex_init(&c->b, "b");
    sched_cond_init(&c->cond, "ready");
    sched_object_init(&c->shared, "counter", "shared");
}

static void canary_run(Canary *c, SchedThreadFunc *one, SchedThreadFunc *two)
{
    SchedThread *t1 = sched_thread_create("one", one, c), *t2 = sched_thread_create("two", two, c);

    sched_thread_join(t1);
    sched_thread_join(t2);
}

/* Depth 2: each takes its first lock before the other takes its second. */
static void lock_ab(void *opaque)
{
    Canary *c = opaque;

    sched_mutex_lock(&c->a);
    sched_mutex_lock(&c->b);
    sched_mutex_unlock(&c->b);
    sched_mutex_unlock(&c->a);
}

static void lock_ba(void *opaque)
{
    Canary *c = opaque;

    sched_mutex_lock(&c->b);
    sched_mutex_lock(&c->a);
    sched_mutex_unlock(&c->a);
    sched_mutex_unlock(&c->b);
}

int canary_deadlock(void *opaque)
{
    Canary c;

    canary_init(&c);
    canary_run(&c, lock_ab, lock_ba);
    return 0;
}

/* Depth 1: the reader runs before the long writer is done. */
static void write_late(void *opaque)
{
    Canary *c = opaque;

    for (int i = 0; i < 200; i++) {
        sched_point(SCHED_K_ATOMIC, &c->shared);
    }
    c->ready = true;
}

static void read_early(void *opaque)
{
    Canary *c = opaque;

    sched_point(SCHED_K_ATOMIC_READ, &c->shared);
    assert(c->ready);
}

int canary_order(void *opaque)
{
    Canary c;

    canary_init(&c);
    canary_run(&c, write_late, read_early);
    return 0;
}

/* Depth 2: an increment between another thread's load and store. */
static void increment(void *opaque)
{
    Canary *c = opaque;
    unsigned seen;

    for (int i = 0; i < 20; i++) {
        sched_point(SCHED_K_ATOMIC_READ, &c->shared);
        seen = c->value;
        sched_point(SCHED_K_ATOMIC, &c->shared);
        c->value = seen + 1;
    }
}

int canary_atomicity(void *opaque)
{
    Canary c;

    canary_init(&c);
    canary_run(&c, increment, increment);
    assert(c.value == 40);
    return 0;
}

/* A signal sent before the wait begins, because the flag is looked at outside the lock. */
static void wait_carelessly(void *opaque)
{
    Canary *c = opaque;

    sched_point(SCHED_K_ATOMIC_READ, &c->shared);
    if (!c->ready) {
        sched_mutex_lock(&c->a);
        sched_cond_wait(&c->cond, &c->a);
        sched_mutex_unlock(&c->a);
    }
}

static void signal_once(void *opaque)
{
    Canary *c = opaque;

    sched_point(SCHED_K_ATOMIC, &c->shared);
    c->ready = true;
    sched_cond_signal(&c->cond);
}

int canary_lost_wake(void *opaque)
{
    Canary c;

    canary_init(&c);
    canary_run(&c, wait_carelessly, signal_once);
    return 0;
}

/* Livelock: two polite threads that each wait for the other to go first, for ever. */
static void polite(void *opaque)
{
    Canary *c = opaque;

    while (c->value < 2) {
        sched_point(SCHED_K_ATOMIC_READ, &c->shared);
    }
}

int canary_spin(void *opaque)
{
    Canary c;

    canary_init(&c);
    canary_run(&c, polite, polite);
    return 0;
}

/* The same by one thread alone: there is nobody to be fair to. */
static void wait_for_nobody(void *opaque)
{
    Canary *c = opaque;

    while (!c->ready) {
        sched_point(SCHED_K_ATOMIC_READ, &c->shared);
    }
}

int canary_alone(void *opaque)
{
    Canary c;
    SchedThread *t;

    canary_init(&c);
    t = sched_thread_create("one", wait_for_nobody, &c);
    sched_thread_join(t);
    return 0;
}

/* canary_order with names that a trace must quote, and longer than any buffer. */
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

int canary_names(void *opaque)
{
    SchedThread *t1, *t2;
    Canary c;

    canary_init(&c);
    sched_object_init(&c.shared, "counter", "it's a \"node\"\t# of two\nlines " LONG LONG LONG);
    t1 = sched_thread_create("a writer's thread " LONG, write_late, &c);
    t2 = sched_thread_create("a reader's thread <b>" LONG, read_early, &c);
    sched_thread_join(t1);
    sched_thread_join(t2);
    return 0;
}

/* canary_atomicity, each increment by a thread of its own, all of one name. */
#define CHURN 150

static void increment_once(void *opaque)
{
    Canary *c = opaque;
    unsigned seen;

    sched_point(SCHED_K_ATOMIC_READ, &c->shared);
    seen = c->value;
    sched_point(SCHED_K_ATOMIC, &c->shared);
    c->value = seen + 1;
}

int canary_churn(void *opaque)
{
    Canary c;

    canary_init(&c);
    for (unsigned i = 0; i < CHURN; i++) {
        SchedThread *t = sched_thread_create("worker", increment_once, &c);

        increment_once(&c);
        sched_thread_join(t);
    }
    assert(c.value == 2 * CHURN);
    return 0;
}
