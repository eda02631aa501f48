/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the outer loop dispatches main, then iohandler; nobody else ever dispatches iohandler;
 * the current context is never iohandler; the BQL is free while the loop sleeps.
 */
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"

static GString *text;

static void say(void *opaque)
{
    g_string_append(text, opaque);
}

static void text_check(const char *expected)
{
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, true);
}

static void test_main_goes_before_iohandler(void)
{
    text = g_string_new("");
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), say, TEST_TEXT("i"));
    aio_bh_schedule_oneshot(qemu_get_aio_context(), say, TEST_TEXT("m"));
    main_loop_wait(false);
    text_check("mi");
}

static void test_nested_poll_leaves_iohandler_alone(void)
{
    text = g_string_new("");
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), say, TEST_TEXT("i"));
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    g_assert_cmpstr(text->str, ==, "");
    main_loop_wait(true);
    text_check("i");
}

static void poll_main(void *opaque)
{
    g_assert_true(qemu_get_current_aio_context() == qemu_get_aio_context());
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), say, TEST_TEXT("i"));
    aio_bh_schedule_oneshot(qemu_get_aio_context(), say, TEST_TEXT("m"));
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    say(TEST_TEXT("."));
}

static void test_not_even_from_inside_iohandler(void)
{
    text = g_string_new("");
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), poll_main, NULL);
    main_loop_wait(false);
    g_assert_cmpstr(text->str, ==, "m.");
    main_loop_wait(false);
    text_check("m.i");
}

static void notifier_read(EventNotifier *e)
{
    event_notifier_test_and_clear(e);
    say(TEST_TEXT("n"));
}

static void test_event_notifier_on_iohandler(void)
{
    EventNotifier e;

    text = g_string_new("");
    g_assert_cmpint(event_notifier_init(&e, "signal", false), ==, 0);
    event_notifier_set_handler(&e, notifier_read);
    event_notifier_set(&e);
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    g_assert_cmpstr(text->str, ==, "");
    while (!text->len) {
        main_loop_wait(false);
    }
    event_notifier_set_handler(&e, NULL);
    event_notifier_cleanup(&e);
    text_check("n");
}

typedef struct Vcpu {
    SchedThread *thread;
    AioContext *with_bql;
    AioContext *without_bql;
    bool done;
} Vcpu;

static void vcpu_done(void *opaque)
{
    ((Vcpu *)opaque)->done = true;
}

static void vcpu_run(void *opaque)
{
    Vcpu *v = opaque;

    v->without_bql = qemu_get_current_aio_context();
    bql_lock();
    v->with_bql = qemu_get_current_aio_context();
    aio_bh_schedule_oneshot(qemu_get_aio_context(), vcpu_done, v);
    bql_unlock();
}

static void test_bql_is_free_during_the_sleep(void)
{
    Vcpu v = { 0 };

    v.thread = sched_thread_create("CPU 0/TCG", vcpu_run, &v);
    while (!v.done) {
        main_loop_wait(false);
    }
    sched_thread_join(v.thread);
    g_assert_null(v.without_bql);
    g_assert_true(v.with_bql == qemu_get_aio_context());
}

static void notify_event(void *opaque)
{
    __atomic_store_n((bool *)opaque, true, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

static void test_notify_event(void)
{
    for (int i = 0; i < 50; i++) {
        bool flag = false;
        SchedThread *t = sched_thread_create("notifier", notify_event, &flag);

        while (!__atomic_load_n(&flag, __ATOMIC_SEQ_CST)) {
            main_loop_wait(false);
        }
        sched_thread_join(t);
        main_loop_wait(true);
    }
}

/* A coroutine of the iohandler context cannot be finished by polling main. */
typedef struct Work {
    Coroutine *co;
    bool done;
} Work;

static void coroutine_fn iohandler_co(void *opaque)
{
    Work *w = opaque;

    qemu_coroutine_yield();
    w->done = true;
}

static void test_iohandler_coroutine_needs_the_outer_loop(void)
{
    Work w = { 0 };

    w.co = qemu_coroutine_create(iohandler_co, &w);
    aio_co_schedule(iohandler_get_aio_context(), w.co);
    main_loop_wait(true);
    g_assert_true(qemu_coroutine_get_aio_context(w.co) == iohandler_get_aio_context());
    aio_co_wake(w.co);
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    g_assert_false(w.done);
    main_loop_wait(true);
    g_assert_true(w.done);
}

/* From iohandler, "move me to main" finds that the current context is main already. */
static void coroutine_fn reschedule_co(void *opaque)
{
    Work *w = opaque;

    aio_co_reschedule_self(qemu_get_aio_context());
    g_assert_true(qemu_coroutine_get_aio_context(w->co) == iohandler_get_aio_context());
    aio_co_schedule(qemu_get_aio_context(), qemu_coroutine_self());
    qemu_coroutine_yield();
    g_assert_true(qemu_coroutine_get_aio_context(w->co) == qemu_get_aio_context());
    w->done = true;
}

static void test_reschedule_self_is_blind_to_iohandler(void)
{
    Work w = { 0 };

    w.co = qemu_coroutine_create(reschedule_co, &w);
    aio_co_schedule(iohandler_get_aio_context(), w.co);
    while (!w.done) {
        main_loop_wait(false);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/main-loop/order", test_main_goes_before_iohandler);
    g_test_add_func("/main-loop/nested", test_nested_poll_leaves_iohandler_alone);
    g_test_add_func("/main-loop/nested-in-iohandler", test_not_even_from_inside_iohandler);
    g_test_add_func("/main-loop/event-notifier", test_event_notifier_on_iohandler);
    g_test_add_func("/main-loop/bql", test_bql_is_free_during_the_sleep);
    g_test_add_func("/main-loop/notify-event", test_notify_event);
    g_test_add_func("/main-loop/iohandler-coroutine",
                    test_iohandler_coroutine_needs_the_outer_loop);
    g_test_add_func("/main-loop/reschedule-self", test_reschedule_self_is_blind_to_iohandler);
    return test_machine_run();
}
