/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of the simulator: modelled, never taken. A blocked thread is one whose pending operation is not enabled.
 * The counters live in the objects' engine words: os[0].
 */
#include "sched/sim_int.h"

/* ---- Mutex ---- */

void sched_mutex_init(SchedMutex *m, const char *name)
{
    *m = (SchedMutex){ .owner = NULL };
    sched_object_init(&m->o, "mutex", name);
}

void sched_rec_mutex_init(SchedMutex *m, const char *name)
{
    sched_mutex_init(m, name);
    m->recursive = true;
}

void sched_mutex_destroy(SchedMutex *m)
{
    assert(!m->owner);
}

static bool ready_mutex(SchedThread *t)
{
    SchedMutex *m = t->wait;

    return !m->owner || (m->recursive && m->owner == t);
}

TSA_NO_TSA static void mutex_take(SchedMutex *m, uintptr_t site)
{
    sim_op(SCHED_K_LOCK, &m->o, site, ready_mutex, m, -1);
    m->owner = sim.current;
    m->depth++;
}

TSA_NO_TSA void sched_mutex_lock(SchedMutex *m)
{
    mutex_take(m, SIM_SITE);
}

TSA_NO_TSA bool sched_mutex_trylock(SchedMutex *m)
{
    sim_op(SCHED_K_LOCK, &m->o, SIM_SITE, NULL, NULL, -1);
    if (m->owner && !(m->recursive && m->owner == sim.current)) {
        return false;
    }
    m->owner = sim.current;
    m->depth++;
    return true;
}

TSA_NO_TSA void sched_mutex_unlock(SchedMutex *m)
{
    assert(m->owner == sim.current);
    sim_op(SCHED_K_UNLOCK, &m->o, SIM_SITE, NULL, NULL, -1);
    if (--m->depth == 0) {
        m->owner = NULL;
    }
}

bool sched_mutex_owned(const SchedMutex *m)
{
    return m->owner == sim.current;
}

/* ---- Condition variable: waiters are the threads whose pending operation says so ---- */

void sched_cond_init(SchedCond *c, const char *name)
{
    *c = (SchedCond){ .os = { 0 } };
    sched_object_init(&c->o, "condition", name);
}

void sched_cond_destroy(SchedCond *c)
{
}

static bool ready_cond(SchedThread *t)
{
    return t->woken;
}

TSA_NO_TSA static bool cond_wait(SchedCond *c, SchedMutex *m, int64_t deadline_ns, uintptr_t site)
{
    SchedThread *t = sim.current;
    unsigned depth = m->depth;
    bool woken;

    assert(m->owner == t);
    m->owner = NULL;
    m->depth = 0;
    t->woken = false;
    sim_op(SCHED_K_COND_WAIT, &c->o, site, ready_cond, c, deadline_ns);
    woken = t->woken;
    mutex_take(m, site);
    m->depth = depth;
    return woken;
}

void sched_cond_wait(SchedCond *c, SchedMutex *m)
{
    (void)cond_wait(c, m, -1, SIM_SITE);        /* without a deadline it was woken */
}

bool sched_cond_timedwait(SchedCond *c, SchedMutex *m, int64_t timeout_ns)
{
    return cond_wait(c, m, sim_deadline(timeout_ns), SIM_SITE);
}

static bool waits_for(const SchedThread *t, const SchedCond *c)
{
    return !t->done && t->ready == ready_cond && t->wait == c && !t->woken;
}

/* The waiters of @c, longest waiting first; at most @max. */
static unsigned cond_waiters(SchedCond *c, SchedThread **list, unsigned max)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sim.threads->len && n < max; i++) {
        SchedThread *t = sim.threads->pdata[i];
        unsigned j = n;

        if (!waits_for(t, c)) {
            continue;
        }
        for (; j > 0 && list[j - 1]->fifo > t->fifo; j--) {
            list[j] = list[j - 1];
        }
        list[j] = t;
        n++;
    }
    return n;
}

void sched_cond_signal(SchedCond *c)
{
    SchedThread *waiters[SIM_CHOICES_MAX];
    unsigned n;

    sim_op(SCHED_K_COND_SIGNAL, &c->o, SIM_SITE, NULL, NULL, -1);
    n = cond_waiters(c, waiters, G_N_ELEMENTS(waiters));
    if (n) {
        waiters[sim_choose(n)]->woken = true;
    }
}

void sched_cond_broadcast(SchedCond *c)
{
    sim_op(SCHED_K_COND_SIGNAL, &c->o, SIM_SITE, NULL, NULL, -1);
    for (unsigned i = 0; i < sim.threads->len; i++) {
        SchedThread *t = sim.threads->pdata[i];

        if (waits_for(t, c)) {
            t->woken = true;
        }
    }
}

/* ---- Semaphore ---- */

void sched_sem_init(SchedSem *s, const char *name, unsigned value)
{
    *s = (SchedSem){ .os = { value } };
    sched_object_init(&s->o, "semaphore", name);
}

void sched_sem_destroy(SchedSem *s)
{
}

void sched_sem_post(SchedSem *s)
{
    sim_op(SCHED_K_SEM_POST, &s->o, SIM_SITE, NULL, NULL, -1);
    s->os[0]++;
}

static bool ready_sem(SchedThread *t)
{
    return ((SchedSem *)t->wait)->os[0] > 0;
}

void sched_sem_wait(SchedSem *s)
{
    sim_op(SCHED_K_SEM_WAIT, &s->o, SIM_SITE, ready_sem, s, -1);
    s->os[0]--;
}

bool sched_sem_timedwait(SchedSem *s, int64_t timeout_ns)
{
    sim_op(SCHED_K_SEM_WAIT, &s->o, SIM_SITE, ready_sem, s, sim_deadline(timeout_ns));
    if (!s->os[0]) {
        return false;
    }
    s->os[0]--;
    return true;
}

/* ---- Event ---- */

void sched_event_init(SchedEvent *e, const char *name, bool set)
{
    *e = (SchedEvent){ .os = { set } };
    sched_object_init(&e->o, "event", name);
}

void sched_event_destroy(SchedEvent *e)
{
}

void sched_event_set(SchedEvent *e)
{
    sim_op(SCHED_K_EVENT_SET, &e->o, SIM_SITE, NULL, NULL, -1);
    e->os[0] = 1;
}

void sched_event_reset(SchedEvent *e)
{
    sim_op(SCHED_K_EVENT_SET, &e->o, SIM_SITE, NULL, NULL, -1);
    e->os[0] = 0;
}

static bool ready_event(SchedThread *t)
{
    return ((SchedEvent *)t->wait)->os[0];
}

void sched_event_wait(SchedEvent *e)
{
    sim_op(SCHED_K_EVENT_WAIT, &e->o, SIM_SITE, ready_event, e, -1);
}
