/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: AIO_WAIT_WHILE polls the right context, is woken, and refuses the wrong thread; the
 * BQL knows its owner. Method: threads with and without the BQL; a subprocess for what must abort.
 */
#include "aio/wait.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"

#define CONTEXT_ASSERTION \
    "Assertion `qemu_get_current_aio_context() == qemu_get_aio_context()' failed"

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

static void clear_flag_and_kick(void *opaque)
{
    __atomic_store_n((bool *)opaque, false, __ATOMIC_SEQ_CST);
    aio_wait_kick();
}

static bool busy(bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void test_home_thread_polls_its_own(void)
{
    bool done = false;
    bool waited;

    aio_bh_schedule_oneshot(qemu_get_aio_context(), set_flag, &done);
    waited = AIO_WAIT_WHILE(qemu_get_aio_context(), !done);
    g_assert_true(waited);
    waited = AIO_WAIT_WHILE(qemu_get_aio_context(), !done);
    g_assert_false(waited);
}

static void test_main_waits_for_an_iothread(void)
{
    IOThread *io = iothread_create("io0", NULL);

    for (int i = 0; i < 100; i++) {
        bool flag = true;

        aio_bh_schedule_oneshot(iothread_get_aio_context(io), clear_flag_and_kick, &flag);
        AIO_WAIT_WHILE(iothread_get_aio_context(io), busy(&flag));
        g_assert_false(flag);
    }
    iothread_destroy(io);
}

static void note_thread(void *opaque)
{
    *(const char **)opaque = g_intern_string(sched_thread_name(sched_thread_self()));
}

static void test_wait_bh_oneshot(void)
{
    IOThread *io = iothread_create("io0", NULL);
    const char *where = NULL;

    aio_wait_bh_oneshot(iothread_get_aio_context(io), note_thread, &where);
    g_assert_cmpstr(where, ==, "io0");
    where = NULL;
    aio_wait_bh_oneshot(qemu_get_aio_context(), note_thread, &where);
    g_assert_cmpstr(where, ==, sched_thread_name(sched_thread_self()));
    iothread_destroy(io);
}

static void vcpu_waits(void *opaque)
{
    bool done = false;

    bql_lock();
    g_assert_true(qemu_get_current_aio_context() == qemu_get_aio_context());
    aio_bh_schedule_oneshot(qemu_get_aio_context(), set_flag, &done);
    AIO_WAIT_WHILE(qemu_get_aio_context(), !done);
    bql_unlock();
    g_assert_null(qemu_get_current_aio_context());
}

static void test_bql_holder_counts_as_main(void)
{
    SchedThread *t = sched_thread_create("CPU 0/TCG", vcpu_waits, NULL);

    bql_unlock();
    sched_thread_join(t);
    bql_lock();
}

/* What the main thread queued for itself runs on whichever thread holds the BQL and polls. */
static void vcpu_steals(void *opaque)
{
    bql_lock();
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    bql_unlock();
}

static void test_bottom_half_is_stolen_by_a_vcpu(void)
{
    const char *where = NULL;
    SchedThread *t;

    aio_bh_schedule_oneshot(qemu_get_aio_context(), note_thread, &where);
    t = sched_thread_create("CPU 0/TCG", vcpu_steals, NULL);
    bql_unlock();
    sched_thread_join(t);
    bql_lock();
    g_assert_cmpstr(where, ==, "CPU 0/TCG");
}

/* ---- What must abort ---- */

static void wait_without_bql(void *opaque)
{
    /* There is nothing to wait for; the check comes first. */
    AIO_WAIT_WHILE(qemu_get_aio_context(), false);
}

static void subprocess_no_bql(void)
{
    SchedThread *t = sched_thread_create("CPU 0/TCG", wait_without_bql, NULL);

    sched_thread_join(t);
}

static void test_wait_without_context_aborts(void)
{
    test_trap_expect_abort("/wait/no-bql/subprocess", CONTEXT_ASSERTION);
}

static void wait_for_main(void *opaque)
{
    AIO_WAIT_WHILE(qemu_get_aio_context(), true);
}

static void subprocess_iothread(void)
{
    IOThread *io = iothread_create("io0", NULL);

    aio_bh_schedule_oneshot(iothread_get_aio_context(io), wait_for_main, NULL);
    iothread_stop(io);
}

static void test_iothread_may_not_wait_for_others(void)
{
    test_trap_expect_abort("/wait/iothread/subprocess", CONTEXT_ASSERTION);
}

static void subprocess_bql_twice(void)
{
    bql_lock();
}

static void test_bql_twice_aborts(void)
{
    test_trap_expect_abort("/bql/twice/subprocess", "bql_lock: Assertion `!bql_locked()' failed");
}

static void subprocess_bql_unlock(void)
{
    bql_unlock();
    bql_unlock();
}

static void test_bql_unlock_aborts(void)
{
    test_trap_expect_abort("/bql/unlock/subprocess",
                           "bql_unlock: Assertion `bql_locked()' failed");
}

static void bql_signaller(void *opaque)
{
    bql_lock();
    sched_cond_signal(opaque);
    bql_unlock();
}

static void test_bql_cond(void)
{
    SchedCond cond;
    SchedThread *t;

    sched_cond_init(&cond, "cond");
    t = sched_thread_create("signaller", bql_signaller, &cond);
    qemu_cond_wait_bql(&cond);
    g_assert_true(bql_locked());
    g_assert_false(qemu_cond_timedwait_bql(&cond, 0));
    sched_thread_join(t);
    sched_cond_destroy(&cond);
}

static void test_bql_guard(void)
{
    bql_unlock();
    {
        BQL_LOCK_GUARD();
        g_assert_true(bql_locked());
        {
            BQL_LOCK_GUARD();
            g_assert_true(bql_locked());
        }
        g_assert_true(bql_locked());
    }
    g_assert_false(bql_locked());
    bql_lock();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wait/home", test_home_thread_polls_its_own);
    g_test_add_func("/wait/main-for-iothread", test_main_waits_for_an_iothread);
    g_test_add_func("/wait/bh-oneshot", test_wait_bh_oneshot);
    g_test_add_func("/wait/bql-holder", test_bql_holder_counts_as_main);
    g_test_add_func("/wait/stolen-bh", test_bottom_half_is_stolen_by_a_vcpu);
    g_test_add_func("/wait/no-bql", test_wait_without_context_aborts);
    g_test_add_func("/wait/no-bql/subprocess", subprocess_no_bql);
    g_test_add_func("/wait/iothread", test_iothread_may_not_wait_for_others);
    g_test_add_func("/wait/iothread/subprocess", subprocess_iothread);
    g_test_add_func("/bql/twice", test_bql_twice_aborts);
    g_test_add_func("/bql/twice/subprocess", subprocess_bql_twice);
    g_test_add_func("/bql/unlock", test_bql_unlock_aborts);
    g_test_add_func("/bql/unlock/subprocess", subprocess_bql_unlock);
    g_test_add_func("/bql/cond", test_bql_cond);
    g_test_add_func("/bql/guard", test_bql_guard);
    return test_machine_run();
}
