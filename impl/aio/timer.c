/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks, timer lists, timers.
 *
 * Each context has one list per clock; the main loop has its own four. A list is an ordered chain,
 * so setting a timer costs as many steps as there are earlier ones; lists here are short.
 *
 * Locks: QEMUTimerList.lock and AioMachine.clock_lock, both leaves; never both.
 * I1..I3: see timer.h.
 */
#include "aio/aio_int.h"
#include "aio/main_loop.h"

struct QEMUTimerList {
    QEMUClockType clock;
    AioMachine *machine;
    AioContext *ctx;            /* NULL: the main loop's */
    AioSpin lock;
    QEMUTimer *active;          /* under lock; by time, then by order of setting */
    SchedObject firing;         /* stands for a timer about to fire, which may go away */
};

/* ---- Clocks ---- */

static int64_t guest_clock_ns(AioMachine *m)
{
    int64_t ns;

    aio_spin_lock(&m->clock_lock);
    ns = m->clock_offset;
    if (m->ticks_enabled) {
        ns += sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    }
    aio_spin_unlock(&m->clock_lock);
    return ns;
}

static int64_t clock_ns(AioMachine *m, QEMUClockType type)
{
    switch (type) {
    case QEMU_CLOCK_REALTIME:
        return sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    case QEMU_CLOCK_HOST:
        return sched_clock_ns(SCHED_CLOCK_HOST);
    case QEMU_CLOCK_VIRTUAL:
    case QEMU_CLOCK_VIRTUAL_RT:
    default:
        return guest_clock_ns(m);
    }
}

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    return clock_ns(aio_machine(), type);
}

static bool clock_runs(AioMachine *m, QEMUClockType type)
{
    bool runs;

    if (type != QEMU_CLOCK_VIRTUAL && type != QEMU_CLOCK_VIRTUAL_RT) {
        return true;
    }
    aio_spin_lock(&m->clock_lock);
    runs = m->ticks_enabled;
    aio_spin_unlock(&m->clock_lock);
    return runs;
}

int64_t cpu_get_clock(void)
{
    return guest_clock_ns(aio_machine());
}

static void clock_set(AioMachine *m, bool enabled, int64_t ns)
{
    int64_t base = enabled ? sched_clock_ns(SCHED_CLOCK_MONOTONIC) : 0;

    aio_spin_lock(&m->clock_lock);
    m->ticks_enabled = enabled;
    m->clock_offset = ns - base;
    aio_spin_unlock(&m->clock_lock);
}

void cpu_set_clock(int64_t ns)
{
    AioMachine *m = aio_machine();

    clock_set(m, m->ticks_enabled, ns);
    qemu_clock_notify(QEMU_CLOCK_VIRTUAL);
}

void cpu_enable_ticks(void)
{
    AioMachine *m = aio_machine();

    if (!m->ticks_enabled) {
        clock_set(m, true, guest_clock_ns(m));
        qemu_clock_notify(QEMU_CLOCK_VIRTUAL);
    }
}

void cpu_disable_ticks(void)
{
    AioMachine *m = aio_machine();

    if (m->ticks_enabled) {
        clock_set(m, false, guest_clock_ns(m));
    }
}

/* ---- Lists ---- */

void timerlistgroup_init(QEMUTimerListGroup *tlg, AioMachine *m, AioContext *ctx)
{
    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        QEMUTimerList *list = g_new0(QEMUTimerList, 1);

        list->clock = i;
        list->machine = m;
        list->ctx = ctx;
        tlg->tl[i] = list;
    }
}

void timerlistgroup_deinit(QEMUTimerListGroup *tlg)
{
    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        if (tlg->tl[i]->active) {
            base_fatal("timer '%s' is still set on an event loop that ends",
                       tlg->tl[i]->active->o.name);
        }
        g_clear_pointer(&tlg->tl[i], g_free);
    }
}

static void timerlist_notify(QEMUTimerList *list)
{
    if (list->ctx) {
        aio_notify(list->ctx);
    } else {
        qemu_notify_event();
    }
}

void qemu_clock_notify(QEMUClockType type)
{
    AioMachine *m = aio_machine();
    g_autoptr(GPtrArray) contexts = g_ptr_array_new();

    /* Notifying is a choice point, so not under the spin lock. */
    aio_spin_lock(&m->ctx_lock);
    for (unsigned i = 0; i < m->contexts->len; i++) {
        if (aio_context_try_ref(m->contexts->pdata[i])) {
            g_ptr_array_add(contexts, m->contexts->pdata[i]);
        }
    }
    aio_spin_unlock(&m->ctx_lock);
    for (unsigned i = 0; i < contexts->len; i++) {
        aio_notify(contexts->pdata[i]);
        aio_context_unref(contexts->pdata[i]);
    }
    qemu_notify_event();
}

static int64_t timerlist_deadline_ns(QEMUTimerList *list)
{
    int64_t expire, left;

    aio_spin_lock(&list->lock);
    expire = list->active ? list->active->expire_time : -1;
    aio_spin_unlock(&list->lock);
    if (expire < 0 || !clock_runs(list->machine, list->clock)) {
        return -1;
    }
    /* One look at the clock: MAX() would take two, and a negative deadline means for ever. */
    left = expire - clock_ns(list->machine, list->clock);
    return MAX(left, 0);
}

int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg)
{
    int64_t deadline = -1;

    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        deadline = aio_soonest(deadline, timerlist_deadline_ns(tlg->tl[i]));
    }
    return deadline;
}

static QEMUTimer *timerlist_due_locked(QEMUTimerList *list, int64_t now)
{
    QEMUTimer *ts = list->active;

    return ts && ts->expire_time <= now ? ts : NULL;
}

/* Returns false if there is nothing (more) to fire. */
static bool timerlist_fire_one(QEMUTimerList *list, int64_t now, bool *progress)
{
    QEMUTimerCB *cb = NULL;
    void *opaque = NULL;
    QEMUTimer *ts;

    aio_spin_lock(&list->lock);
    ts = timerlist_due_locked(list, now);
    if (ts) {
        sched_object_init(&list->firing, "timer", ts->o.name);
    }
    aio_spin_unlock(&list->lock);
    if (!ts) {
        return false;
    }
    sched_point(SCHED_K_TIMER_FIRE, &list->firing);
    aio_spin_lock(&list->lock);
    ts = timerlist_due_locked(list, now);       /* another thread may have stopped it just now */
    if (ts) {
        list->active = ts->next;
        ts->next = NULL;
        ts->expire_time = -1;                                   /* timer.h (I1) */
        cb = ts->cb;
        opaque = ts->opaque;
    }
    aio_spin_unlock(&list->lock);
    if (cb) {
        *progress = true;
        cb(opaque);                             /* may free the timer */
    }
    return true;
}

static bool timerlist_run(QEMUTimerList *list)
{
    bool progress = false;
    int64_t now;

    if (!__atomic_load_n(&list->active, __ATOMIC_RELAXED)
        || !clock_runs(list->machine, list->clock)) {
        return false;
    }
    now = clock_ns(list->machine, list->clock);
    while (timerlist_fire_one(list, now, &progress)) {
    }
    return progress;
}

bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg)
{
    bool progress = false;

    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        progress |= timerlist_run(tlg->tl[i]);
    }
    return progress;
}

/* ---- Timers ---- */

void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *tlg, QEMUClockType type, int scale,
                     QEMUTimerCB *cb, void *opaque, const char *name)
{
    *ts = (QEMUTimer){ 0 };
    sched_object_init(&ts->o, "timer", name);
    ts->timer_list = (tlg ? tlg : &aio_machine()->main_loop_tlg)->tl[type];
    ts->cb = cb;
    ts->opaque = opaque;
    ts->scale = scale;
    ts->expire_time = -1;
}

QEMUTimer *timer_new_full(QEMUTimerListGroup *tlg, QEMUClockType type, int scale, QEMUTimerCB *cb,
                          void *opaque, const char *name)
{
    QEMUTimer *ts = g_new(QEMUTimer, 1);

    timer_init_full(ts, tlg, type, scale, cb, opaque, name);
    return ts;
}

void timer_deinit(QEMUTimer *ts)
{
    assert(!timer_pending(ts));
    ts->timer_list = NULL;
}

void timer_free(QEMUTimer *ts)
{
    if (ts) {
        timer_del(ts);
        g_free(ts);
    }
}

static void timer_remove_locked(QEMUTimer *ts)
{
    QEMUTimer **p = &ts->timer_list->active;

    __atomic_store_n(&ts->expire_time, -1, __ATOMIC_RELAXED);
    while (*p && *p != ts) {
        p = &(*p)->next;
    }
    if (*p) {
        __atomic_store_n(p, ts->next, __ATOMIC_RELAXED);
        ts->next = NULL;
    }
}

/* Returns true if @ts is now the first to fire. */
static bool timer_insert_locked(QEMUTimer *ts, int64_t expire_ns)
{
    QEMUTimer **p = &ts->timer_list->active;

    expire_ns = MAX(expire_ns, 0);
    while (*p && (*p)->expire_time <= expire_ns) {              /* timer.h (I2) */
        p = &(*p)->next;
    }
    __atomic_store_n(&ts->expire_time, expire_ns, __ATOMIC_RELAXED);
    ts->next = *p;
    __atomic_store_n(p, ts, __ATOMIC_RELAXED);
    return p == &ts->timer_list->active;
}

void timer_del(QEMUTimer *ts)
{
    QEMUTimerList *list = ts->timer_list;

    if (list) {
        aio_spin_lock(&list->lock);
        timer_remove_locked(ts);
        aio_spin_unlock(&list->lock);
    }
}

static void timer_set(QEMUTimer *ts, int64_t expire_ns, bool anticipate)
{
    QEMUTimerList *list = ts->timer_list;
    bool first = false;

    aio_spin_lock(&list->lock);
    if (!anticipate || ts->expire_time < 0 || ts->expire_time > expire_ns) {
        timer_remove_locked(ts);
        first = timer_insert_locked(ts, expire_ns);
    }
    aio_spin_unlock(&list->lock);
    if (first) {
        timerlist_notify(list);
    }
}

void timer_mod_ns(QEMUTimer *ts, int64_t expire_time_ns)
{
    timer_set(ts, expire_time_ns, false);
}

void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time_ns)
{
    timer_set(ts, expire_time_ns, true);
}

void timer_mod(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_ns(ts, expire_time * ts->scale);
}

void timer_mod_anticipate(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_anticipate_ns(ts, expire_time * ts->scale);
}

bool timer_pending(const QEMUTimer *ts)
{
    return __atomic_load_n(&ts->expire_time, __ATOMIC_RELAXED) >= 0;
}

bool timer_expired(const QEMUTimer *ts, int64_t current_time)
{
    int64_t expire = __atomic_load_n(&ts->expire_time, __ATOMIC_RELAXED);

    return expire >= 0 && expire <= current_time * ts->scale;
}

uint64_t timer_expire_time_ns(const QEMUTimer *ts)
{
    return __atomic_load_n(&ts->expire_time, __ATOMIC_RELAXED);
}
