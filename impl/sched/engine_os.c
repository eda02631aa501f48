/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine with real threads: threads, locks, clocks, chance. Choice points cost a call and do nothing.
 *
 * Owns: SchedThread. Every field but the slots is fixed once the thread runs; the slots are its own.
 * Locks: a SchedMutex is one pthread mutex; owner is written under it and read by anybody, so it is atomic: a
 * thread can only ever find itself there if it put itself there.
 *
 * I1  m->owner == self exactly while the calling thread holds m.
 * I2  A semaphore's value and an event's flag change under their own mutex only.
 */
#include "sched/sched.h"
#include "base/assert.h"
#include "platform/os.h"
#include "sched/engine_os_int.h"

#include <string.h>

struct SchedThread {
    pthread_t os;
    char *name;
    int number;                 /* atomic */
    SchedThreadFunc *fn;
    void *opaque;
    const char *blocked_on;
    void *slots[SCHED_SLOT__MAX];
};

typedef struct OsSem {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    unsigned value;
} OsSem;

G_STATIC_ASSERT(sizeof(pthread_mutex_t) <= sizeof(((SchedMutex *)0)->os));
G_STATIC_ASSERT(sizeof(pthread_cond_t) <= sizeof(((SchedCond *)0)->os));
G_STATIC_ASSERT(sizeof(OsSem) <= sizeof(((SchedSem *)0)->os));
G_STATIC_ASSERT(sizeof(OsSem) <= sizeof(((SchedEvent *)0)->os));

/* ---- Choice points ---- */

void sched_point(SchedKind kind, SchedObject *o)
{
}

unsigned sched_choose(SchedKind kind, SchedObject *o, unsigned n)
{
    return 0;
}

const char *sched_blocked_on(const char *what)
{
    SchedThread *t = sched_thread_self();
    const char *old = t->blocked_on;

    t->blocked_on = what;
    return old;
}

uint64_t sched_vcpu_slice(SchedObject *cpu, uint64_t max)
{
    return max;
}

void sched_vcpu_ran(SchedObject *cpu, uint64_t executed)
{
}

bool sched_is_sim(void)
{
    return false;
}

bool sched_can_run_natively(void)
{
    return true;
}

/* ---- Threads ---- */

SchedThread *sched_thread_self(void)
{
    SchedThread *t = os_thread_self();

    if (G_UNLIKELY(!t)) {
        base_fatal("rondo: a thread that sched_thread_create() did not start called the engine");
    }
    return t;
}

void **sched_slots(void)
{
    return sched_thread_self()->slots;
}

const char *sched_thread_name(const SchedThread *t)
{
    return t->name;
}

int sched_thread_number(const SchedThread *t)
{
    return __atomic_load_n(&t->number, __ATOMIC_RELAXED);
}

static void *thread_start(void *opaque)
{
    SchedThread *t = opaque;

    os_thread_set_self(t);
    __atomic_store_n(&t->number, os_thread_number(), __ATOMIC_RELAXED);
    t->fn(t->opaque);
    return NULL;
}

SchedThread *sched_thread_create(const char *name, SchedThreadFunc *fn, void *opaque)
{
    SchedThread *t = g_new0(SchedThread, 1);
    int r;

    t->name = g_strdup(name);
    t->fn = fn;
    t->opaque = opaque;
    t->slots[SCHED_SLOT_MACHINE] = sched_slot_get(SCHED_SLOT_MACHINE);
    r = os_thread_create(&t->os, name, thread_start, t);
    if (r < 0) {
        base_fatal("rondo: cannot start thread %s: %s", name, strerror(-r));
    }
    return t;
}

void sched_thread_join(SchedThread *t)
{
    assert(t != sched_thread_self());
    os_thread_join(t->os);
    g_free(t->name);
    g_free(t);
}

void sched_thread_take_kicks(void)
{
    os_thread_take_kicks();
}

void sched_thread_kick(SchedThread *t)
{
    os_thread_kick(t->os);
}

int sched_main(int (*fn)(void *opaque), void *opaque)
{
    SchedThread self = { .name = (char *)"main", .number = os_thread_number() };
    int status;

    assert(!os_thread_self());
    os_ignore_sigpipe();
    os_thread_set_self(&self);
    engine_io_init();
    status = fn(opaque);
    engine_io_cleanup();
    os_thread_set_self(NULL);
    return status;
}

/* ---- Mutex ---- */

static pthread_mutex_t *mutex_os(SchedMutex *m)
{
    return (pthread_mutex_t *)m->os;
}

static void mutex_init(SchedMutex *m, const char *name, bool recursive)
{
    *m = (SchedMutex){ .recursive = recursive };
    sched_object_init(&m->o, "mutex", name);
    os_mutex_init(mutex_os(m));
}

void sched_mutex_init(SchedMutex *m, const char *name)
{
    mutex_init(m, name, false);
}

void sched_rec_mutex_init(SchedMutex *m, const char *name)
{
    mutex_init(m, name, true);
}

void sched_mutex_destroy(SchedMutex *m)
{
    assert(!m->owner);
    os_mutex_destroy(mutex_os(m));
}

bool sched_mutex_owned(const SchedMutex *m)
{
    return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) == sched_thread_self();
}

static void mutex_set_owner(SchedMutex *m, SchedThread *t)
{
    __atomic_store_n(&m->owner, t, __ATOMIC_RELAXED);
}

void sched_mutex_lock(SchedMutex *m) TSA_NO_TSA
{
    if (sched_mutex_owned(m)) {
        assert(m->recursive);
        m->depth++;
        return;
    }
    os_mutex_lock(mutex_os(m));
    mutex_set_owner(m, sched_thread_self());
    m->depth = 1;
}

bool sched_mutex_trylock(SchedMutex *m) TSA_NO_TSA
{
    if (sched_mutex_owned(m)) {
        if (!m->recursive) {
            return false;
        }
        m->depth++;
        return true;
    }
    if (!os_mutex_trylock(mutex_os(m))) {
        return false;
    }
    mutex_set_owner(m, sched_thread_self());
    m->depth = 1;
    return true;
}

void sched_mutex_unlock(SchedMutex *m) TSA_NO_TSA
{
    assert(sched_mutex_owned(m));
    if (--m->depth > 0) {
        return;
    }
    mutex_set_owner(m, NULL);
    os_mutex_unlock(mutex_os(m));
}

/* ---- Condition ---- */

static pthread_cond_t *cond_os(SchedCond *c)
{
    return (pthread_cond_t *)c->os;
}

void sched_cond_init(SchedCond *c, const char *name)
{
    *c = (SchedCond){ 0 };
    sched_object_init(&c->o, "condition", name);
    os_cond_init(cond_os(c));
}

void sched_cond_destroy(SchedCond *c)
{
    os_cond_destroy(cond_os(c));
}

static bool cond_wait(SchedCond *c, SchedMutex *m, int64_t deadline_ns)
{
    bool woken = true;

    assert(sched_mutex_owned(m) && m->depth == 1);
    mutex_set_owner(m, NULL);
    if (deadline_ns < 0) {
        os_cond_wait(cond_os(c), mutex_os(m));
    } else {
        woken = os_cond_wait_until(cond_os(c), mutex_os(m), deadline_ns);
    }
    mutex_set_owner(m, sched_thread_self());
    m->depth = 1;
    return woken;
}

void sched_cond_wait(SchedCond *c, SchedMutex *m)
{
    (void)cond_wait(c, m, -1);
}

bool sched_cond_timedwait(SchedCond *c, SchedMutex *m, int64_t timeout_ns)
{
    assert(timeout_ns >= 0);
    return cond_wait(c, m, os_clock_monotonic_ns() + timeout_ns);
}

void sched_cond_signal(SchedCond *c)
{
    os_cond_signal(cond_os(c));
}

void sched_cond_broadcast(SchedCond *c)
{
    os_cond_broadcast(cond_os(c));
}

/* ---- Semaphore and event: a value under a mutex ---- */

static void sem_init(OsSem *s, unsigned value)
{
    os_mutex_init(&s->lock);
    os_cond_init(&s->cond);
    s->value = value;
}

static void sem_destroy(OsSem *s)
{
    os_cond_destroy(&s->cond);
    os_mutex_destroy(&s->lock);
}

static OsSem *sem_os(SchedSem *s)
{
    return (OsSem *)s->os;
}

static OsSem *event_os(SchedEvent *e)
{
    return (OsSem *)e->os;
}

void sched_sem_init(SchedSem *s, const char *name, unsigned value)
{
    *s = (SchedSem){ 0 };
    sched_object_init(&s->o, "semaphore", name);
    sem_init(sem_os(s), value);
}

void sched_sem_destroy(SchedSem *s)
{
    sem_destroy(sem_os(s));
}

void sched_sem_post(SchedSem *s)
{
    OsSem *os = sem_os(s);

    os_mutex_lock(&os->lock);
    os->value++;
    /* Under the lock: the waiter may destroy the semaphore as soon as it gets out. */
    os_cond_signal(&os->cond);
    os_mutex_unlock(&os->lock);
}

static bool sem_wait(OsSem *os, int64_t deadline_ns)
{
    bool got = true;

    os_mutex_lock(&os->lock);
    while (os->value == 0 && got) {
        if (deadline_ns < 0) {
            os_cond_wait(&os->cond, &os->lock);
        } else {
            got = os_cond_wait_until(&os->cond, &os->lock, deadline_ns);
        }
    }
    got = os->value > 0;
    if (got) {
        os->value--;
    }
    os_mutex_unlock(&os->lock);
    return got;
}

void sched_sem_wait(SchedSem *s)
{
    (void)sem_wait(sem_os(s), -1);
}

bool sched_sem_timedwait(SchedSem *s, int64_t timeout_ns)
{
    assert(timeout_ns >= 0);
    return sem_wait(sem_os(s), os_clock_monotonic_ns() + timeout_ns);
}

void sched_event_init(SchedEvent *e, const char *name, bool set)
{
    *e = (SchedEvent){ 0 };
    sched_object_init(&e->o, "event", name);
    sem_init(event_os(e), set);
}

void sched_event_destroy(SchedEvent *e)
{
    sem_destroy(event_os(e));
}

void sched_event_set(SchedEvent *e)
{
    OsSem *os = event_os(e);

    os_mutex_lock(&os->lock);
    os->value = 1;
    os_cond_broadcast(&os->cond);
    os_mutex_unlock(&os->lock);
}

void sched_event_reset(SchedEvent *e)
{
    OsSem *os = event_os(e);

    os_mutex_lock(&os->lock);
    os->value = 0;
    os_mutex_unlock(&os->lock);
}

void sched_event_wait(SchedEvent *e)
{
    OsSem *os = event_os(e);

    os_mutex_lock(&os->lock);
    while (!os->value) {
        os_cond_wait(&os->cond, &os->lock);
    }
    os_mutex_unlock(&os->lock);
}

/* ---- Time and chance ---- */

int64_t sched_clock_ns(SchedClock clock)
{
    return clock == SCHED_CLOCK_HOST ? os_clock_realtime_ns() : os_clock_monotonic_ns();
}

void sched_random_bytes(void *buf, size_t len)
{
    os_random_bytes(buf, len);
}
