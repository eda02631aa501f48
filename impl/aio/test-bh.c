/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: bottom halves run once each, in order, in the right poll. Method: compare a log. */
#include "aio/test-machine.h"

typedef struct Log {
    GString *text;
    QEMUBH *again;
    unsigned left;
} Log;

static Log log_;

static void log_start(void)
{
    log_ = (Log){ .text = g_string_new("") };
}

static void log_check(const char *expected)
{
    g_assert_cmpstr(log_.text->str, ==, expected);
    g_string_free(log_.text, true);
}

static void say(void *opaque)
{
    g_string_append(log_.text, opaque);
}

static AioContext *ctx(void)
{
    return qemu_get_aio_context();
}

static void test_order(void)
{
    log_start();
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("a"));
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("b"));
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("c"));
    g_assert_true(aio_poll(ctx(), true));
    g_assert_false(aio_poll(ctx(), false));
    log_check("abc");
}

static void test_twice_is_once(void)
{
    QEMUBH *bh = aio_bh_new(ctx(), say, TEST_TEXT("x"));

    log_start();
    qemu_bh_schedule(bh);
    qemu_bh_schedule(bh);
    aio_poll(ctx(), false);
    aio_poll(ctx(), false);
    qemu_bh_schedule(bh);
    aio_poll(ctx(), false);
    qemu_bh_delete(bh);
    aio_poll(ctx(), false);
    log_check("xx");
}

static void test_cancel(void)
{
    QEMUBH *bh = aio_bh_new(ctx(), say, TEST_TEXT("x"));

    log_start();
    qemu_bh_schedule(bh);
    qemu_bh_cancel(bh);
    g_assert_false(aio_poll(ctx(), false));
    qemu_bh_schedule(bh);
    qemu_bh_cancel(bh);
    qemu_bh_schedule(bh);
    g_assert_true(aio_poll(ctx(), false));
    qemu_bh_delete(bh);
    aio_poll(ctx(), false);
    log_check("x");
}

static void test_delete_while_scheduled(void)
{
    QEMUBH *bh = aio_bh_new(ctx(), say, TEST_TEXT("x"));

    log_start();
    qemu_bh_schedule(bh);
    qemu_bh_delete(bh);
    g_assert_false(aio_poll(ctx(), false));
    log_check("");
}

static void again(void *opaque)
{
    g_string_append(log_.text, "x");
    if (--log_.left) {
        qemu_bh_schedule(log_.again);
    }
}

static void test_self_scheduling_runs_once_per_poll(void)
{
    log_start();
    log_.left = 3;
    log_.again = aio_bh_new(ctx(), again, NULL);
    qemu_bh_schedule(log_.again);
    aio_poll(ctx(), false);
    g_assert_cmpuint(log_.left, ==, 2);
    aio_poll(ctx(), false);
    g_assert_cmpuint(log_.left, ==, 1);
    aio_poll(ctx(), false);
    qemu_bh_delete(log_.again);
    g_assert_false(aio_poll(ctx(), false));
    log_check("xxx");
}

static void nested(void *opaque)
{
    g_string_append(log_.text, "(");
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("new"));
    while (aio_poll(ctx(), false)) {
    }
    g_string_append(log_.text, ")");
}

static void test_nested_poll_goes_on_with_the_rest(void)
{
    log_start();
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("a"));
    aio_bh_schedule_oneshot(ctx(), nested, NULL);
    aio_bh_schedule_oneshot(ctx(), say, TEST_TEXT("b"));
    aio_poll(ctx(), false);
    log_check("a(bnew)");
}

static void delete_self(void *opaque)
{
    g_string_append(log_.text, "d");
    qemu_bh_delete(log_.again);
}

static void test_delete_from_its_own_callback(void)
{
    log_start();
    log_.again = aio_bh_new(ctx(), delete_self, NULL);
    qemu_bh_schedule(log_.again);
    while (aio_poll(ctx(), false)) {
    }
    log_check("d");
}

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

static void queue_from_thread(void *opaque)
{
    aio_bh_schedule_oneshot(ctx(), set_flag, opaque);
}

static void test_another_thread_wakes_the_poll(void)
{
    for (int i = 0; i < 100; i++) {
        bool flag = false;
        SchedThread *t = sched_thread_create("queuer", queue_from_thread, &flag);

        while (!flag) {
            aio_poll(ctx(), true);
        }
        sched_thread_join(t);
    }
}

static int count;

static void count_bh(void *opaque)
{
    count++;
}

static void hammer(void *opaque)
{
    for (int i = 0; i < 1000; i++) {
        aio_bh_schedule_oneshot(ctx(), count_bh, NULL);
    }
}

static void test_many_threads_lose_nothing(void)
{
    SchedThread *t[3];
    const char *const names[3] = { "hammer0", "hammer1", "hammer2" };

    count = 0;
    for (int i = 0; i < 3; i++) {
        t[i] = sched_thread_create(names[i], hammer, NULL);
    }
    while (count < 3000) {
        aio_poll(ctx(), true);
    }
    for (int i = 0; i < 3; i++) {
        sched_thread_join(t[i]);
    }
    g_assert_false(aio_poll(ctx(), false));
    g_assert_cmpint(count, ==, 3000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bh/order", test_order);
    g_test_add_func("/bh/twice-is-once", test_twice_is_once);
    g_test_add_func("/bh/cancel", test_cancel);
    g_test_add_func("/bh/delete-while-scheduled", test_delete_while_scheduled);
    g_test_add_func("/bh/self-scheduling", test_self_scheduling_runs_once_per_poll);
    g_test_add_func("/bh/nested-poll", test_nested_poll_goes_on_with_the_rest);
    g_test_add_func("/bh/delete-self", test_delete_from_its_own_callback);
    g_test_add_func("/bh/wake-poll", test_another_thread_wakes_the_poll);
    g_test_add_func("/bh/hammer", test_many_threads_lose_nothing);
    return test_machine_run();
}
