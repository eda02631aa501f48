/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: timers fire once, in order, where they belong, and guest time stops with the VM. */
#include "aio/test-machine.h"

static GString *text;

static void say(void *opaque)
{
    g_string_append(text, opaque);
}

static AioContext *ctx(void)
{
    return qemu_get_aio_context();
}

static void text_check(const char *expected)
{
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, true);
}

static void test_order_and_once(void)
{
    QEMUTimer *a = aio_timer_new(ctx(), QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("a"));
    QEMUTimer *b = aio_timer_new(ctx(), QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("b"));
    QEMUTimer *c = aio_timer_new(ctx(), QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("c"));
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    text = g_string_new("");
    timer_mod(c, now + 2000);
    timer_mod(b, now + 1000);
    timer_mod(a, now + 1000);
    g_assert_true(timer_pending(a));
    g_assert_cmpint(timer_expire_time_ns(a), ==, now + 1000);
    while (timer_pending(c)) {
        aio_poll(ctx(), true);
    }
    g_assert_false(timer_pending(a) || timer_pending(b));
    g_assert_false(aio_poll(ctx(), false));
    timer_free(a);
    timer_free(b);
    timer_free(c);
    timer_free(NULL);
    text_check("bac");
}

/* A timer that comes due while the poll works out how long to sleep: it must not sleep for ever. */
static void test_due_while_the_poll_looks(void)
{
    QEMUTimer a;

    text = g_string_new("");
    aio_timer_init(ctx(), &a, QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("a"));
    for (int offset = 0; offset < 2000; offset += 10) {
        timer_mod(&a, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + offset);
        while (timer_pending(&a)) {
            aio_poll(ctx(), true);
        }
    }
    g_assert_cmpuint(text->len, ==, 200);
    g_string_free(text, true);
}

static void test_change_and_stop(void)
{
    QEMUTimer a, b;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    int64_t far = now + 1000 * NANOSECONDS_PER_SECOND;

    text = g_string_new("");
    aio_timer_init(ctx(), &a, QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("a"));
    aio_timer_init(ctx(), &b, QEMU_CLOCK_REALTIME, SCALE_NS, say, TEST_TEXT("b"));
    timer_mod(&a, now);
    timer_mod(&a, far);
    timer_mod(&b, far);
    g_assert_false(aio_poll(ctx(), false));
    timer_mod_anticipate(&b, far + 1);
    g_assert_cmpint(timer_expire_time_ns(&b), ==, far);
    timer_mod_anticipate(&b, now);
    g_assert_true(timer_expired(&b, now));
    while (timer_pending(&b)) {
        aio_poll(ctx(), true);
    }
    timer_del(&a);
    timer_del(&a);
    g_assert_false(timer_pending(&a));
    timer_deinit(&a);
    timer_deinit(&b);
    text_check("b");
}

static void test_units(void)
{
    QEMUTimer *t = timer_new_ms(QEMU_CLOCK_HOST, say, TEST_TEXT(""));

    timer_mod(t, 5);
    g_assert_cmpint(timer_expire_time_ns(t), ==, 5 * SCALE_MS);
    timer_mod(t, -5);
    g_assert_cmpint(timer_expire_time_ns(t), ==, 0);
    g_assert_false(timer_expired(t, -1));
    g_assert_true(timer_expired(t, 0));
    timer_free(t);
}

static void restart(void *opaque)
{
    QEMUTimer *t = *(QEMUTimer **)opaque;

    g_string_append(text, "r");
    if (text->len < 3) {
        timer_mod(t, 0);
    }
}

static void test_restart_from_callback(void)
{
    QEMUTimer *t = aio_timer_new(ctx(), QEMU_CLOCK_REALTIME, SCALE_NS, restart, &t);

    text = g_string_new("");
    timer_mod(t, 0);
    while (timer_pending(t)) {
        aio_poll(ctx(), true);
    }
    timer_free(t);
    text_check("rrr");
}

static void test_guest_time_stops_with_the_vm(void)
{
    QEMUTimer *t = aio_timer_new(ctx(), QEMU_CLOCK_VIRTUAL, SCALE_NS, say, TEST_TEXT("v"));
    int64_t stopped;

    text = g_string_new("");
    cpu_set_clock(12345);
    stopped = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    g_assert_cmpint(stopped, ==, 12345);
    timer_mod(t, 0);
    while (aio_poll(ctx(), false)) {
    }
    g_assert_true(timer_pending(t));
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), ==, stopped);
    cpu_enable_ticks();
    cpu_enable_ticks();
    timer_mod(t, stopped + SCALE_MS);
    while (timer_pending(t)) {
        aio_poll(ctx(), true);
    }
    g_assert_cmpint(cpu_get_clock(), >=, stopped + SCALE_MS);
    cpu_disable_ticks();
    stopped = cpu_get_clock();
    g_assert_cmpint(cpu_get_clock(), ==, stopped);
    timer_free(t);
    text_check("v");
}

static void test_main_loop_timers_wait_for_the_outer_loop(void)
{
    QEMUTimer *t = timer_new_ns(QEMU_CLOCK_REALTIME, say, TEST_TEXT("m"));

    text = g_string_new("");
    timer_mod(t, 0);
    while (aio_poll(ctx(), false)) {
    }
    g_assert_true(timer_pending(t));
    while (timer_pending(t)) {
        main_loop_wait(false);
    }
    timer_free(t);
    text_check("m");
}

typedef struct Cross {
    QEMUTimer *timer;
    bool fired;
} Cross;

static void cross_fired(void *opaque)
{
    ((Cross *)opaque)->fired = true;
}

static void set_from_thread(void *opaque)
{
    timer_mod(((Cross *)opaque)->timer, 0);
}

static void test_set_by_another_thread_wakes_the_poll(void)
{
    for (int i = 0; i < 50; i++) {
        Cross c = { 0 };
        SchedThread *t;

        c.timer = aio_timer_new(ctx(), QEMU_CLOCK_REALTIME, SCALE_NS, cross_fired, &c);
        t = sched_thread_create("setter", set_from_thread, &c);
        while (!c.fired) {
            aio_poll(ctx(), true);
        }
        sched_thread_join(t);
        timer_free(c.timer);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timer/order", test_order_and_once);
    g_test_add_func("/timer/due-while-looking", test_due_while_the_poll_looks);
    g_test_add_func("/timer/change-and-stop", test_change_and_stop);
    g_test_add_func("/timer/units", test_units);
    g_test_add_func("/timer/restart", test_restart_from_callback);
    g_test_add_func("/timer/guest-time", test_guest_time_stops_with_the_vm);
    g_test_add_func("/timer/main-loop", test_main_loop_timers_wait_for_the_outer_loop);
    g_test_add_func("/timer/cross-thread", test_set_by_another_thread_wakes_the_poll);
    return test_machine_run();
}
