/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: coroutines run, yield, nest, move between contexts, and every misuse of the scheduled mark
 * ends the process with the documented text. Method: a log of steps; a subprocess for the misuses.
 */
#include "aio/co_locks.h"
#include "aio/coroutine.h"
#include "aio/inspect.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"
#include "aio/wait.h"

static GString *text;

static void say(const char *s)
{
    g_string_append(text, s);
}

static void text_check(const char *expected)
{
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, true);
}

static void coroutine_fn two_steps(void *opaque)
{
    g_assert_true(qemu_in_coroutine());
    g_assert_true(qemu_coroutine_self() == *(Coroutine **)opaque);
    g_assert_cmpstr(qemu_coroutine_name(qemu_coroutine_self()), ==, "two_steps");
    say("a");
    qemu_coroutine_yield();
    say("b");
}

static void test_enter_and_yield(void)
{
    Coroutine *co = qemu_coroutine_create(two_steps, &co);

    text = g_string_new("");
    g_assert_false(qemu_in_coroutine());
    g_assert_null(qemu_coroutine_self());
    qemu_coroutine_enter(co);
    say("-");
    g_assert_false(qemu_coroutine_entered(co));
    qemu_coroutine_enter_if_inactive(co);
    text_check("a-b");
}

static void coroutine_fn inner(void *opaque)
{
    say("(");
    g_assert_true(qemu_coroutine_entered(*(Coroutine **)opaque));
    qemu_coroutine_enter_if_inactive(*(Coroutine **)opaque);
    qemu_coroutine_yield();
    say(")");
}

static void coroutine_fn outer(void *opaque)
{
    Coroutine *co = qemu_coroutine_create(inner, opaque);

    say("<");
    qemu_coroutine_enter(co);
    say("|");
    qemu_coroutine_enter(co);
    say(">");
}

static void test_nesting(void)
{
    Coroutine *co = qemu_coroutine_create(outer, &co);

    text = g_string_new("");
    qemu_coroutine_enter(co);
    text_check("<(|)>");
}

static void coroutine_fn say_entry(void *opaque)
{
    say(opaque);
}

static void coroutine_fn waker(void *opaque)
{
    /* Already in the context: they run when this one yields, in order. */
    aio_co_enter(qemu_get_aio_context(), qemu_coroutine_create(say_entry, TEST_TEXT("1")));
    aio_co_enter(qemu_get_aio_context(), qemu_coroutine_create(say_entry, TEST_TEXT("2")));
    say("w");
    qemu_coroutine_yield();
    say("x");
}

static void test_wakeups_run_after_the_yield(void)
{
    Coroutine *co = qemu_coroutine_create(waker, NULL);

    text = g_string_new("");
    qemu_coroutine_enter(co);
    say("-");
    qemu_coroutine_enter(co);
    text_check("w12-x");
}

static void coroutine_fn deep(void *opaque)
{
    volatile char stack[64 * 1024];

    memset((char *)stack, 1, sizeof(stack));
    *(int *)opaque += stack[100];
}

static void test_many_and_again(void)
{
    Coroutine *co[200];
    int sum = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            co[i] = qemu_coroutine_create(deep, &sum);
        }
        for (int i = 0; i < 200; i++) {
            qemu_coroutine_enter(co[i]);
        }
    }
    g_assert_cmpint(sum, ==, 600);
}

/* ---- Between contexts ---- */

typedef struct Hop {
    IOThread *io;
    const char *threads[3];
    CoCall call;
} Hop;

static const char *thread_name(void)
{
    return g_intern_string(sched_thread_name(sched_thread_self()));
}

static void coroutine_fn hop(void *opaque)
{
    Hop *h = opaque;

    h->threads[0] = thread_name();
    aio_co_reschedule_self(iothread_get_aio_context(h->io));
    h->threads[1] = thread_name();
    aio_co_reschedule_self(qemu_get_aio_context());
    h->threads[2] = thread_name();
    co_call_done(&h->call);
}

static void test_reschedule_self(void)
{
    Hop h = { .io = iothread_create("io0", NULL) };

    for (int i = 0; i < 100; i++) {
        h.call.in_progress = true;
        qemu_coroutine_enter(qemu_coroutine_create(hop, &h));
        AIO_WAIT_WHILE(NULL, co_call_in_progress(&h.call));
        g_assert_cmpstr(h.threads[0], ==, thread_name());
        g_assert_cmpstr(h.threads[1], ==, "io0");
        g_assert_cmpstr(h.threads[2], ==, thread_name());
    }
    iothread_destroy(h.io);
}

static void coroutine_fn sleeper(void *opaque)
{
    Hop *h = opaque;

    for (int i = 0; i < 100; i++) {
        qemu_coroutine_yield();
        h->threads[0] = thread_name();
    }
    co_call_done(&h->call);
}

static void wake_bh(void *opaque)
{
    aio_co_wake(opaque);
}

static void test_wake_goes_to_the_coroutines_context(void)
{
    Hop h = { .io = iothread_create("io0", NULL), .call = { .in_progress = true } };
    Coroutine *co = qemu_coroutine_create(sleeper, &h);

    aio_co_enter(iothread_get_aio_context(h.io), co);
    for (int i = 0; i < 100; i++) {
        /* Through the iothread, so that the coroutine has yielded before it is woken again. */
        aio_wait_bh_oneshot(iothread_get_aio_context(h.io), wake_bh, co);
    }
    AIO_WAIT_WHILE(NULL, co_call_in_progress(&h.call));
    g_assert_cmpstr(h.threads[0], ==, "io0");
    iothread_destroy(h.io);
}

typedef struct Pong {
    Coroutine *co;
    EventNotifier e;
} Pong;

static void coroutine_fn wait_readable(void *opaque)
{
    Pong *p = opaque;

    say("w");
    yield_until_fd_readable(event_notifier_get_fd(&p->e));
    g_assert_true(event_notifier_test_and_clear(&p->e));
    say("r");
}

static void test_yield_until_fd(void)
{
    Pong p;

    text = g_string_new("");
    g_assert_cmpint(event_notifier_init(&p.e, "pipe", false), ==, 0);
    qemu_coroutine_enter(qemu_coroutine_create(wait_readable, &p));
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    say("-");
    event_notifier_set(&p.e);
    aio_poll(qemu_get_aio_context(), true);
    event_notifier_cleanup(&p.e);
    text_check("w-r");
}

/* ---- Reports ---- */

static void tell_context(const AioContextInfo *info, void *opaque)
{
    g_string_append_printf(opaque, "%s:%u:%u%s ", info->name, info->pending_bhs,
                           info->scheduled_coroutines, info->outer_loop_only ? ":outer" : "");
}

static void tell_coroutine(const CoroutineInfo *info, void *opaque)
{
    g_string_append_printf(opaque, "%s:%s:%s:%s:%d ", info->name, info->ctx_name,
                           info->scheduled ? info->scheduled : "-",
                           info->scheduled_on ? aio_context_name(info->scheduled_on) : "-",
                           info->running);
}

static void coroutine_fn yield_once(void *opaque)
{
    qemu_coroutine_yield();
}

static void test_inspection(void)
{
    Coroutine *co = qemu_coroutine_create(yield_once, NULL);
    g_autoptr(GString) s = g_string_new("");

    qemu_coroutine_enter(co);
    aio_co_schedule(iohandler_get_aio_context(), co);
    aio_inspect_contexts(machine_current(), tell_context, s);
    g_assert_cmpstr(s->str, ==, "main:0:0 iohandler:1:1:outer ");
    g_string_truncate(s, 0);
    aio_inspect_coroutines(machine_current(), tell_coroutine, s);
    g_assert_cmpstr(s->str, ==, "yield_once:main:aio_co_schedule:iohandler:0 ");
    main_loop_wait(true);
    g_string_truncate(s, 0);
    aio_inspect_coroutines(machine_current(), tell_coroutine, s);
    g_assert_cmpstr(s->str, ==, "");
}

/* ---- Misuse (one more needs a certain schedule: test-schedules.c) ---- */

static void wake_scheduled(void *opaque)
{
    aio_co_wake(opaque);
}

static void subprocess_wake_scheduled(void)
{
    Coroutine *co = qemu_coroutine_create(yield_once, NULL);

    qemu_coroutine_enter(co);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), wake_scheduled, co);
    aio_co_schedule(qemu_get_aio_context(), co);
    aio_poll(qemu_get_aio_context(), false);
}

static void test_wake_of_a_scheduled_coroutine_aborts(void)
{
    test_trap_expect_abort("/coroutine/misuse/wake-scheduled/subprocess",
                           "qemu_aio_coroutine_enter: Co-routine was already scheduled in "
                           "'aio_co_schedule'");
}

static void subprocess_schedule_twice(void)
{
    Coroutine *co = qemu_coroutine_create(yield_once, NULL);

    aio_co_schedule(qemu_get_aio_context(), co);
    aio_co_schedule(qemu_get_aio_context(), co);
}

static void test_scheduling_twice_aborts(void)
{
    test_trap_expect_abort("/coroutine/misuse/schedule-twice/subprocess",
                           "aio_co_schedule: Co-routine was already scheduled in "
                           "'aio_co_schedule'");
}

static void coroutine_fn sleep_long(void *opaque)
{
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, NANOSECONDS_PER_SECOND);
}

static void subprocess_enter_asleep(void)
{
    Coroutine *co = qemu_coroutine_create(sleep_long, NULL);

    qemu_coroutine_enter(co);
    qemu_coroutine_enter(co);
}

static void test_entering_a_sleeper_aborts(void)
{
    test_trap_expect_abort("/coroutine/misuse/enter-asleep/subprocess",
                           "qemu_aio_coroutine_enter: Co-routine was already scheduled in "
                           "'qemu_co_sleep'");
}

static void coroutine_fn enter_self(void *opaque)
{
    qemu_coroutine_enter(qemu_coroutine_self());
}

static void subprocess_enter_running(void)
{
    qemu_coroutine_enter(qemu_coroutine_create(enter_self, NULL));
}

static void test_entering_a_running_one_aborts(void)
{
    test_trap_expect_abort("/coroutine/misuse/enter-running/subprocess",
                           "Co-routine re-entered recursively");
}

static void subprocess_yield_outside(void)
{
    qemu_coroutine_yield();
}

static void test_yield_outside_aborts(void)
{
    test_trap_expect_abort("/coroutine/misuse/yield-outside/subprocess",
                           "Co-routine is yielding to no one");
}

static void subprocess_abandoned(void)
{
    qemu_coroutine_enter(qemu_coroutine_create(yield_once, NULL));
    qemu_cleanup_main_loop();
}

static void test_abandoned_coroutine_is_noticed(void)
{
    test_trap_expect_abort("/coroutine/misuse/abandoned/subprocess",
                           "coroutine 'yield_once' has not ended");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/coroutine/enter-and-yield", test_enter_and_yield);
    g_test_add_func("/coroutine/nesting", test_nesting);
    g_test_add_func("/coroutine/wakeups", test_wakeups_run_after_the_yield);
    g_test_add_func("/coroutine/many", test_many_and_again);
    g_test_add_func("/coroutine/reschedule-self", test_reschedule_self);
    g_test_add_func("/coroutine/wake", test_wake_goes_to_the_coroutines_context);
    g_test_add_func("/coroutine/yield-until-fd", test_yield_until_fd);
    g_test_add_func("/coroutine/inspection", test_inspection);
    g_test_add_func("/coroutine/misuse/wake-scheduled", test_wake_of_a_scheduled_coroutine_aborts);
    g_test_add_func("/coroutine/misuse/wake-scheduled/subprocess", subprocess_wake_scheduled);
    g_test_add_func("/coroutine/misuse/schedule-twice", test_scheduling_twice_aborts);
    g_test_add_func("/coroutine/misuse/schedule-twice/subprocess", subprocess_schedule_twice);
    g_test_add_func("/coroutine/misuse/enter-asleep", test_entering_a_sleeper_aborts);
    g_test_add_func("/coroutine/misuse/enter-asleep/subprocess", subprocess_enter_asleep);
    g_test_add_func("/coroutine/misuse/enter-running", test_entering_a_running_one_aborts);
    g_test_add_func("/coroutine/misuse/enter-running/subprocess", subprocess_enter_running);
    g_test_add_func("/coroutine/misuse/yield-outside", test_yield_outside_aborts);
    g_test_add_func("/coroutine/misuse/yield-outside/subprocess", subprocess_yield_outside);
    g_test_add_func("/coroutine/misuse/abandoned", test_abandoned_coroutine_is_noticed);
    g_test_add_func("/coroutine/misuse/abandoned/subprocess", subprocess_abandoned);
    return test_machine_run();
}
