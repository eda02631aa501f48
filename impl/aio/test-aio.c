/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: descriptors and notifiers are served once, by the right context; nested polls leave nothing
 * behind; busy polling switches notifications. Method: event notifiers, and counts of calls.
 */
#include "aio/test-machine.h"

typedef struct Source {
    EventNotifier e;
    int calls;
    int polled;
    int poll_ready;
    int begun;
    int ended;
    bool has_work;
    void (*inside)(struct Source *s);
} Source;

static AioContext *ctx(void)
{
    return qemu_get_aio_context();
}

static void source_init(Source *s, const char *name)
{
    *s = (Source){ 0 };
    g_assert_cmpint(event_notifier_init(&s->e, name, false), ==, 0);
}

static void source_read(EventNotifier *e)
{
    Source *s = (Source *)e;

    g_assert_true(event_notifier_test_and_clear(e));
    s->calls++;
    if (s->inside) {
        s->inside(s);
    }
}

static void test_notifier(void)
{
    Source s;

    source_init(&s, "source");
    aio_set_event_notifier(ctx(), &s.e, source_read, NULL, NULL);
    while (aio_poll(ctx(), false)) {
    }
    g_assert_cmpint(s.calls, ==, 0);
    event_notifier_set(&s.e);
    event_notifier_set(&s.e);
    g_assert_true(aio_poll(ctx(), true));
    g_assert_cmpint(s.calls, ==, 1);
    g_assert_false(aio_poll(ctx(), false));
    aio_set_event_notifier(ctx(), &s.e, NULL, NULL, NULL);
    event_notifier_set(&s.e);
    g_assert_false(aio_poll(ctx(), false));
    g_assert_cmpint(s.calls, ==, 1);
    event_notifier_cleanup(&s.e);
}

static void test_notifier_starts_set(void)
{
    EventNotifier e;

    g_assert_cmpint(event_notifier_init(&e, "set", true), ==, 0);
    g_assert_true(event_notifier_test_and_clear(&e));
    g_assert_false(event_notifier_test_and_clear(&e));
    event_notifier_cleanup(&e);
}

static void fd_read(void *opaque)
{
    source_read(&((Source *)opaque)->e);
}

static void fd_read_other(void *opaque)
{
    Source *s = opaque;

    event_notifier_test_and_clear(&s->e);
    s->polled++;
}

static void test_fd_handler_is_replaced(void)
{
    Source s;
    int fd;

    source_init(&s, "source");
    fd = event_notifier_get_fd(&s.e);
    aio_set_fd_handler(ctx(), fd, fd_read, NULL, NULL, NULL, &s);
    event_notifier_set(&s.e);
    aio_poll(ctx(), true);
    aio_set_fd_handler(ctx(), fd, fd_read_other, NULL, NULL, NULL, &s);
    event_notifier_set(&s.e);
    aio_poll(ctx(), true);
    aio_set_fd_handler(ctx(), fd, NULL, NULL, NULL, NULL, NULL);
    g_assert_cmpint(s.calls, ==, 1);
    g_assert_cmpint(s.polled, ==, 1);
    event_notifier_cleanup(&s.e);
}

static Source pair[2];

static void remove_both(Source *s)
{
    aio_set_event_notifier(ctx(), &pair[0].e, NULL, NULL, NULL);
    aio_set_event_notifier(ctx(), &pair[1].e, NULL, NULL, NULL);
}

static void test_removed_while_ready_is_not_called(void)
{
    const char *const names[2] = { "first", "second" };

    for (int i = 0; i < 2; i++) {
        source_init(&pair[i], names[i]);
        pair[i].inside = remove_both;
        aio_set_event_notifier(ctx(), &pair[i].e, source_read, NULL, NULL);
        event_notifier_set(&pair[i].e);
    }
    while (aio_poll(ctx(), false)) {
    }
    g_assert_cmpint(pair[0].calls, ==, 1);
    g_assert_cmpint(pair[1].calls, ==, 0);
    event_notifier_cleanup(&pair[0].e);
    event_notifier_cleanup(&pair[1].e);
}

static void poll_inside(Source *s)
{
    s->inside = NULL;
    while (aio_poll(ctx(), false)) {
    }
}

static void test_nested_poll_leaves_nothing_for_the_outer(void)
{
    const char *const names[2] = { "first", "second" };

    for (int i = 0; i < 2; i++) {
        source_init(&pair[i], names[i]);
        aio_set_event_notifier(ctx(), &pair[i].e, source_read, NULL, NULL);
        event_notifier_set(&pair[i].e);
    }
    pair[0].inside = poll_inside;
    while (aio_poll(ctx(), false)) {
    }
    /* source_read() asserts that the notifier was set, so a second call would have failed. */
    g_assert_cmpint(pair[0].calls, ==, 1);
    g_assert_cmpint(pair[1].calls, ==, 1);
    remove_both(NULL);
    event_notifier_cleanup(&pair[0].e);
    event_notifier_cleanup(&pair[1].e);
}

static void set_notifier(void *opaque)
{
    event_notifier_set(opaque);
}

static void test_another_thread_sets_a_notifier(void)
{
    Source s;

    source_init(&s, "source");
    aio_set_event_notifier(ctx(), &s.e, source_read, NULL, NULL);
    for (int i = 1; i <= 50; i++) {
        SchedThread *t = sched_thread_create("setter", set_notifier, &s.e);

        while (s.calls < i) {
            aio_poll(ctx(), true);
        }
        sched_thread_join(t);
    }
    aio_set_event_notifier(ctx(), &s.e, NULL, NULL, NULL);
    event_notifier_cleanup(&s.e);
}

static void notify_until(void *opaque)
{
    bool *returned = opaque;

    /* Before the sleep begins there is nobody to wake, so one notification might come too early. */
    while (!__atomic_load_n(returned, __ATOMIC_SEQ_CST)) {
        aio_notify(ctx());
        sched_poll(NULL, NULL, 0, 1000);
    }
}

static void test_notify_wakes_the_poll(void)
{
    bool returned = false;
    SchedThread *t = sched_thread_create("notifier", notify_until, &returned);

    g_assert_false(aio_poll(ctx(), true));
    __atomic_store_n(&returned, true, __ATOMIC_SEQ_CST);
    sched_thread_join(t);
}

/* ---- Busy polling ---- */

static bool source_poll(EventNotifier *e)
{
    Source *s = (Source *)e;

    s->polled++;
    return s->has_work;
}

static void source_poll_ready(EventNotifier *e)
{
    Source *s = (Source *)e;

    s->has_work = false;
    s->poll_ready++;
}

static void source_poll_begin(EventNotifier *e)
{
    ((Source *)e)->begun++;
}

static void source_poll_end(EventNotifier *e)
{
    ((Source *)e)->ended++;
}

static void poll_stop(void *opaque)
{
    *(bool *)opaque = true;
}

/* One pass that sleeps at most @ns: or not at all, if we lose the processor for as long before it begins. */
static void poll_with_timer(QEMUTimer *t, int64_t ns)
{
    timer_mod(t, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + ns);
    aio_poll(ctx(), true);
}

static void test_busy_polling(void)
{
    Source s;
    QEMUTimer t;
    bool stop = false;

    source_init(&s, "ring");
    aio_set_event_notifier(ctx(), &s.e, source_read, source_poll, source_poll_ready);
    aio_set_event_notifier_poll(ctx(), &s.e, source_poll_begin, source_poll_end);
    g_assert_true(aio_context_set_poll_params(ctx(), NANOSECONDS_PER_SECOND, 0, 0, NULL));
    /* The first sleep teaches it that polling would have paid. */
    aio_timer_init(ctx(), &t, QEMU_CLOCK_REALTIME, SCALE_NS, poll_stop, &stop);
    while (s.begun == 0) {
        poll_with_timer(&t, 100 * SCALE_US);
    }
    s.has_work = true;
    while (s.has_work) {
        poll_with_timer(&t, 100 * SCALE_US);
    }
    g_assert_cmpint(s.poll_ready, ==, 1);
    g_assert_cmpint(s.calls, ==, 0);
    /* The next sleep switches notifications on again. */
    g_assert_true(aio_context_set_poll_params(ctx(), 0, 0, 0, NULL));
    while (aio_poll(ctx(), false)) {
    }
    for (int i = 0; i < 1000 && s.begun != s.ended; i++) {
        poll_with_timer(&t, SCALE_MS);
    }
    g_assert_cmpint(s.begun, ==, s.ended);
    timer_del(&t);
    aio_set_event_notifier(ctx(), &s.e, NULL, NULL, NULL);
    timer_deinit(&t);
    event_notifier_cleanup(&s.e);
}

static void test_parameters_are_checked(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_false(aio_context_set_poll_params(ctx(), NANOSECONDS_PER_SECOND + 1, 0, 0, NULL));
    g_assert_false(aio_context_set_poll_params(ctx(), 0, -1, 0, NULL));
    g_assert_false(aio_context_set_thread_pool_params(ctx(), 2, 1, NULL));
    g_assert_false(aio_context_set_thread_pool_params(ctx(), 0, 0, NULL));
    g_assert_false(aio_context_set_thread_pool_params(ctx(), 0, 1025, &err));
    g_assert_nonnull(strstr(err->message, "1024"));
    g_assert_true(aio_context_set_thread_pool_params(ctx(), 0, 64, NULL));
}

static int destroyed;

static void destroy_data(void *data)
{
    destroyed += *(int *)data;
}

static void test_data_dies_with_the_context(void)
{
    AioContext *c = aio_context_new("loop", NULL);
    int one = 1;

    g_assert_null(aio_context_data(c, AIO_DATA_GRAPH_LOCK));
    aio_context_set_data(c, AIO_DATA_GRAPH_LOCK, &one, destroy_data);
    g_assert_true(aio_context_data(c, AIO_DATA_GRAPH_LOCK) == &one);
    aio_context_ref(c);
    aio_context_unref(c);
    g_assert_cmpint(destroyed, ==, 0);
    aio_context_unref(c);
    aio_context_unref(NULL);
    g_assert_cmpint(destroyed, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aio/notifier", test_notifier);
    g_test_add_func("/aio/notifier-set", test_notifier_starts_set);
    g_test_add_func("/aio/fd-replaced", test_fd_handler_is_replaced);
    g_test_add_func("/aio/removed-while-ready", test_removed_while_ready_is_not_called);
    g_test_add_func("/aio/nested", test_nested_poll_leaves_nothing_for_the_outer);
    g_test_add_func("/aio/cross-thread", test_another_thread_sets_a_notifier);
    g_test_add_func("/aio/notify", test_notify_wakes_the_poll);
    g_test_add_func("/aio/busy-polling", test_busy_polling);
    g_test_add_func("/aio/parameters", test_parameters_are_checked);
    g_test_add_func("/aio/data", test_data_dies_with_the_context);
    return test_machine_run();
}
