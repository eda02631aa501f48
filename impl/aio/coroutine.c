/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines: creation, entering, yielding, and the pool of stacks.
 *
 * A Coroutine and its stack are made once and used many times: when the entry function returns, the
 * stack stays parked in the trampoline's loop and the object goes to the pool of the thread it
 * ended in (threads with a context of their own), or to the machine's.
 *
 * Locks: AioMachine.co_lock, a leaf, for the machine's pool and the list of all coroutines.
 *
 * I1  caller_stack is set exactly while the coroutine runs or waits for one that it entered.
 * I2  co->ctx is set before the coroutine runs, so whoever it tells to wake it finds it there.
 * I3  What was queued on a coroutine by aio_co_enter() runs after it yields or ends, in order, and
 *     before what was pending already.
 */
#include "aio/aio_int.h"

#define THREAD_POOL_LEN 64
#define MACHINE_POOL_LEN 256

typedef struct CoroutinePool {
    Coroutine *first;
    unsigned len;
} CoroutinePool;

/* ---- Stacks ---- */

static void coroutine_trampoline(void *opaque)
{
    Coroutine *co = opaque;

    for (;;) {
        SchedContext *back;

        co->entry(co->opaque);
        co->done = true;
        back = co->caller_stack;
        sched_context_switch(&co->stack, back);
    }
}

static Coroutine *coroutine_alloc(AioMachine *m)
{
    Coroutine *co = g_new0(Coroutine, 1);

    sched_context_init(&co->stack, sched_stack_alloc(), SCHED_STACK_SIZE, coroutine_trampoline, co);
    aio_spin_lock(&m->co_lock);
    co->all_prev = m->co_all_last;
    if (m->co_all_last) {
        m->co_all_last->all_next = co;
    } else {
        m->co_all_first = co;
    }
    m->co_all_last = co;
    aio_spin_unlock(&m->co_lock);
    return co;
}

static void coroutine_free(AioMachine *m, Coroutine *co)
{
    void *stack = co->stack.stack;

    aio_spin_lock(&m->co_lock);
    *(co->all_prev ? &co->all_prev->all_next : &m->co_all_first) = co->all_next;
    *(co->all_next ? &co->all_next->all_prev : &m->co_all_last) = co->all_prev;
    aio_spin_unlock(&m->co_lock);
    sched_context_destroy(&co->stack);
    sched_stack_free(stack);
    g_free(co);
}

/* ---- Pool ---- */

static Coroutine *machine_pool_get(AioMachine *m)
{
    Coroutine *co;

    aio_spin_lock(&m->co_lock);
    co = m->co_pool;
    if (co) {
        m->co_pool = co->pool_next;
        m->co_pool_len--;
    }
    aio_spin_unlock(&m->co_lock);
    return co ? co : coroutine_alloc(m);
}

static void machine_pool_put(AioMachine *m, Coroutine *co)
{
    bool room;

    aio_spin_lock(&m->co_lock);
    room = m->co_pool_len < MACHINE_POOL_LEN;
    if (room) {
        co->pool_next = m->co_pool;
        m->co_pool = co;
        m->co_pool_len++;
    }
    aio_spin_unlock(&m->co_lock);
    if (!room) {
        coroutine_free(m, co);
    }
}

static Coroutine *coroutine_get(CoroutinePool *pool)
{
    Coroutine *co = pool ? pool->first : NULL;

    if (!co) {
        return machine_pool_get(aio_machine());
    }
    pool->first = co->pool_next;
    pool->len--;
    return co;
}

static void coroutine_put(CoroutinePool *pool, Coroutine *co)
{
    assert(!co->locks_held);
    __atomic_store_n(&co->entry, NULL, __ATOMIC_RELAXED);
    if (!pool || pool->len >= THREAD_POOL_LEN) {
        machine_pool_put(aio_machine(), co);
        return;
    }
    co->pool_next = pool->first;
    pool->first = co;
    pool->len++;
}

void coroutine_thread_pool_new(void)
{
    assert(!sched_slot_get(SCHED_SLOT_COROUTINE_POOL));
    sched_slot_set(SCHED_SLOT_COROUTINE_POOL, g_new0(CoroutinePool, 1));
}

void coroutine_thread_pool_release(void)
{
    CoroutinePool *pool = sched_slot_get(SCHED_SLOT_COROUTINE_POOL);
    AioMachine *m = aio_machine();

    while (pool->first) {
        Coroutine *co = pool->first;

        pool->first = co->pool_next;
        machine_pool_put(m, co);
    }
    sched_slot_set(SCHED_SLOT_COROUTINE_POOL, NULL);
    g_free(pool);
}

void coroutine_machine_pool_free(AioMachine *m)
{
    while (m->co_pool) {
        Coroutine *co = m->co_pool;

        m->co_pool = co->pool_next;
        coroutine_free(m, co);
    }
    if (m->co_all_first) {
        base_fatal("qemu_cleanup_main_loop: coroutine '%s' has not ended",
                   m->co_all_first->o.name);
    }
}

/* ---- Life ---- */

Coroutine *qemu_coroutine_create_named(const char *name, CoroutineEntry *entry, void *opaque)
{
    Coroutine *co = coroutine_get(sched_slot_get(SCHED_SLOT_COROUTINE_POOL));

    sched_object_init(&co->o, "coroutine", name);
    co->opaque = opaque;
    co->done = false;
    co->started = false;
    co->wake_first = NULL;
    co->wake_last = &co->wake_first;
    __atomic_store_n(&co->ctx, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&co->entry, entry, __ATOMIC_RELAXED);
    return co;
}

Coroutine *qemu_coroutine_self(void)
{
    return sched_slot_get(SCHED_SLOT_COROUTINE);
}

bool qemu_in_coroutine(void)
{
    return qemu_coroutine_self() != NULL;
}

bool qemu_coroutine_entered(const Coroutine *co)
{
    return co->caller_stack != NULL;
}

const char *qemu_coroutine_name(const Coroutine *co)
{
    return co->o.name;
}

AioContext *qemu_coroutine_get_aio_context(Coroutine *co)
{
    return __atomic_load_n(&co->ctx, __ATOMIC_ACQUIRE);
}

/* ---- Enter and yield ---- */

void coroutine_queue_wakeup(Coroutine *self, Coroutine *co)
{
    co->wake_next = NULL;
    *self->wake_last = co;
    self->wake_last = &co->wake_next;
}

/* Move what was queued on @co in front of @pending; returns the new first. */
static Coroutine *coroutine_take_wakeups(Coroutine *co, Coroutine *pending)
{
    Coroutine *first = co->wake_first;

    if (!first) {
        return pending;
    }
    *co->wake_last = pending;                                   /* (I3) */
    co->wake_first = NULL;
    co->wake_last = &co->wake_first;
    return first;
}

void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co)
{
    void **slots = sched_slots();       /* kept: what enters a coroutine does not change threads */
    Coroutine *from = slots[SCHED_SLOT_COROUTINE];
    Coroutine *pending = co;
    SchedContext thread_stack;
    SchedContext *stack = &thread_stack;

    if (from) {
        stack = &from->stack;
    } else {
        sched_context_init_thread(&thread_stack);
    }
    co->wake_next = NULL;
    while (pending) {
        Coroutine *to = pending;
        const char *scheduled;

        pending = to->wake_next;
        sched_point(SCHED_K_CO_ENTER, &to->o);
        if (to->caller_stack) {
            base_fatal("Co-routine re-entered recursively");
        }
        __atomic_store_n(&to->ctx, ctx, __ATOMIC_RELEASE);      /* (I2) */
        scheduled = __atomic_load_n(&to->scheduled, __ATOMIC_ACQUIRE);
        if (scheduled) {
            base_fatal("%s: Co-routine was already scheduled in '%s'", __func__, scheduled);
        }
        to->caller = from;
        to->caller_stack = stack;                               /* (I1) */
        to->started = true;
        slots[SCHED_SLOT_COROUTINE] = to;
        sched_context_switch(stack, &to->stack);
        slots[SCHED_SLOT_COROUTINE] = from;
        pending = coroutine_take_wakeups(to, pending);
        if (to->done) {
            to->caller = NULL;
            to->caller_stack = NULL;
            coroutine_put(slots[SCHED_SLOT_COROUTINE_POOL], to);
        }
    }
}

void qemu_coroutine_enter(Coroutine *co)
{
    qemu_aio_coroutine_enter(qemu_get_current_aio_context(), co);
}

void qemu_coroutine_enter_if_inactive(Coroutine *co)
{
    if (!qemu_coroutine_entered(co)) {
        qemu_coroutine_enter(co);
    }
}

void coroutine_fn qemu_coroutine_yield(void)
{
    Coroutine *self = qemu_coroutine_self();
    SchedContext *back;

    if (!self) {
        base_fatal("Co-routine is yielding to no one");
    }
    sched_point(SCHED_K_CO_YIELD, &self->o);
    back = self->caller_stack;
    self->caller = NULL;
    self->caller_stack = NULL;
    sched_context_switch(&self->stack, back);
}
