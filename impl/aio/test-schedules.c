/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the protocols of this folder hold under every order of threads, not only the usual one; and
 * the one misuse that needs an order ends as documented. Simulator only.
 * Method: many random schedules of a machine in which everything meets; one pinned schedule.
 */
#include "aio/co_locks.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"
#include "aio/thread_pool.h"
#include "aio/wait.h"
#include "sched/oracle.h"

#define SEEDS 2000
#define HOPS 3

/* ---- Random schedules ---- */

static uint64_t rng;

static uint64_t rng_next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static SchedThread *pick_random(void *opaque, SchedThread *self, SchedThread *def)
{
    SchedThread *chosen = NULL;
    unsigned n = 0;

    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_enabled(t) && rng_next() % ++n == 0) {
            chosen = t;
        }
    }
    return chosen;
}

typedef struct World {
    IOThread *io[2];
    CoMutex mutex;
    unsigned value;             /* under mutex */
    unsigned running;           /* atomic; coroutines and the vCPU */
    unsigned pool_calls;        /* atomic */
    unsigned timer_calls;       /* main context */
} World;

static void world_leave(World *w)
{
    __atomic_fetch_sub(&w->running, 1, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

static int pool_call(void *opaque)
{
    __atomic_fetch_add(&((World *)opaque)->pool_calls, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void coroutine_fn add_one(World *w)
{
    unsigned seen;

    qemu_co_mutex_lock(&w->mutex);
    seen = w->value;
    g_assert_cmpint(thread_pool_submit_co(pool_call, w), ==, 0);
    w->value = seen + 1;
    qemu_co_mutex_unlock(&w->mutex);
}

static void coroutine_fn traveller(void *opaque)
{
    World *w = opaque;

    for (int i = 0; i < HOPS; i++) {
        add_one(w);
        aio_co_reschedule_self(iothread_get_aio_context(w->io[0]));
        add_one(w);
        aio_co_reschedule_self(iothread_get_aio_context(w->io[1]));
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 100);
    }
    aio_co_reschedule_self(qemu_get_aio_context());
    world_leave(w);
}

typedef struct Write {
    World *world;
    CoCall call;
} Write;

static void coroutine_fn vcpu_write(void *opaque)
{
    Write *write = opaque;

    add_one(write->world);
    co_call_done(&write->call);
}

static void vcpu(void *opaque)
{
    World *w = opaque;

    for (int i = 0; i < HOPS; i++) {
        Write write = { .world = w, .call = { .in_progress = true } };

        bql_lock();
        aio_co_enter(qemu_get_aio_context(), qemu_coroutine_create(vcpu_write, &write));
        AIO_WAIT_WHILE(qemu_get_aio_context(), co_call_in_progress(&write.call));
        bql_unlock();
    }
    world_leave(w);
}

static void tick(void *opaque)
{
    ((World *)opaque)->timer_calls++;
}

static void world_check(const World *w, const QEMUTimer *timer)
{
    g_assert_cmpuint(w->value, ==, 2 * 2 * HOPS + HOPS);
    g_assert_cmpuint(w->pool_calls, ==, w->value);
    g_assert_cmpuint(w->timer_calls, ==, 1);
    g_assert_false(timer_pending(timer));
}

static int world_run(void *opaque)
{
    Machine *m = machine_new("vm");
    World w = { .running = 3 };
    QEMUTimer timer;
    SchedThread *cpu;

    machine_set_current(m);
    g_assert_true(qemu_init_main_loop(NULL));
    w.io[0] = iothread_create("io0", NULL);
    w.io[1] = iothread_create("io1", NULL);
    qemu_co_mutex_init(&w.mutex);
    aio_timer_init(qemu_get_aio_context(), &timer, QEMU_CLOCK_REALTIME, SCALE_NS, tick, &w);
    timer_mod(&timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 50);
    aio_co_enter(iothread_get_aio_context(w.io[0]), qemu_coroutine_create(traveller, &w));
    aio_co_enter(iothread_get_aio_context(w.io[1]), qemu_coroutine_create(traveller, &w));
    cpu = sched_thread_create("CPU 0/TCG", vcpu, &w);
    while (__atomic_load_n(&w.running, __ATOMIC_SEQ_CST) || timer_pending(&timer)) {
        main_loop_wait(false);
    }
    sched_thread_join(cpu);
    iothread_destroy(w.io[0]);
    iothread_destroy(w.io[1]);
    world_check(&w, &timer);
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}

static void test_random_schedules(void)
{
    SimConfig config = { .oracle = { .pick = pick_random } };
    uint64_t steps = 0;

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        rng = seed * 0x9e3779b97f4a7c15;
        g_test_message("seed %u", seed);
        sim_configure(&config);
        g_assert_cmpint(sched_main(world_run, NULL), ==, 0);
        steps += sim_steps();
    }
    g_test_message("%" G_GUINT64_FORMAT " operations", steps);
}

/* ---- Idle workers ---- */

static void wake_up(void *opaque)
{
    *(bool *)opaque = true;
}

static void wait_seconds(int seconds)
{
    bool late = false;
    QEMUTimer timer;

    aio_timer_init(qemu_get_aio_context(), &timer, QEMU_CLOCK_REALTIME, SCALE_NS, wake_up, &late);
    timer_mod(&timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + seconds * NANOSECONDS_PER_SECOND);
    while (!late) {
        aio_poll(qemu_get_aio_context(), true);
    }
}

static void coroutine_fn one_pool_call(void *opaque)
{
    (void)thread_pool_submit_co(pool_call, opaque);
    ((World *)opaque)->running = 0;
}

static void use_pool(World *w)
{
    w->running = 1;
    qemu_coroutine_enter(qemu_coroutine_create(one_pool_call, w));
    while (w->running) {
        aio_poll(qemu_get_aio_context(), true);
    }
}

static int idle_run(void *opaque)
{
    Machine *m = machine_new("vm");
    World w = { 0 };

    machine_set_current(m);
    g_assert_true(qemu_init_main_loop(NULL));
    use_pool(&w);
    wait_seconds(5);
    g_assert_nonnull(sim_thread_find("worker0"));
    wait_seconds(6);
    g_assert_null(sim_thread_find("worker0"));
    use_pool(&w);
    g_assert_nonnull(sim_thread_find("worker0"));
    g_assert_true(aio_context_set_thread_pool_params(qemu_get_aio_context(), 1, 64, NULL));
    wait_seconds(11);
    g_assert_nonnull(sim_thread_find("worker0"));
    g_assert_cmpuint(w.pool_calls, ==, 2);
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}

static void test_idle_workers_end(void)
{
    SimConfig config = { 0 };

    sim_configure(&config);
    g_assert_cmpint(sched_main(idle_run, NULL), ==, 0);
}

/* ---- Scheduled again between the clearing of the mark and the entry ---- */

/* Hold the other thread at its aio_co_schedule() until the main thread is about to enter. */
static SchedThread *pick_pinned(void *opaque, SchedThread *self, SchedThread *def)
{
    SchedThread *main_thread = sim_thread_find("main");
    SchedThread *other = sim_thread_find("other");

    if (!other) {
        return def;
    }
    if (sim_thread_op(other)->kind == SCHED_K_THREAD_START) {
        return other;
    }
    return sim_thread_op(other)->kind == SCHED_K_CO_SCHEDULE
           && sim_thread_op(main_thread)->kind == SCHED_K_CO_ENTER ? other : main_thread;
}

static void coroutine_fn yield_twice(void *opaque)
{
    *(bool *)opaque = true;
    qemu_coroutine_yield();
    qemu_coroutine_yield();
}

static void schedule_again(void *opaque)
{
    aio_co_schedule(qemu_get_aio_context(), opaque);
}

static int pinned_run(void *opaque)
{
    Machine *m = machine_new("vm");
    bool started = false;
    Coroutine *co;

    machine_set_current(m);
    g_assert_true(qemu_init_main_loop(NULL));
    co = qemu_coroutine_create(yield_twice, &started);
    qemu_coroutine_enter(co);
    g_assert_true(started);
    aio_co_schedule(qemu_get_aio_context(), co);
    sched_thread_create("other", schedule_again, co);
    while (aio_poll(qemu_get_aio_context(), true)) {
    }
    return 0;
}

static void subprocess_schedule_between(void)
{
    SimConfig config = { .oracle = { .pick = pick_pinned } };

    sim_configure(&config);
    sched_main(pinned_run, NULL);
}

static void test_scheduled_between_clear_and_enter(void)
{
    test_trap_expect_abort("/schedules/between/subprocess",
                           "qemu_aio_coroutine_enter: Co-routine was already scheduled in "
                           "'aio_co_schedule'");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedules/random", test_random_schedules);
    g_test_add_func("/schedules/idle-workers", test_idle_workers_end);
    g_test_add_func("/schedules/between", test_scheduled_between_clear_and_enter);
    g_test_add_func("/schedules/between/subprocess", subprocess_schedule_between);
    return g_test_run();
}
