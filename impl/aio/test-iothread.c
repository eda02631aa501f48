/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: an IOThread polls its own context, without the BQL, until it is stopped. */
#include "aio/iothread.h"
#include "aio/test-machine.h"
#include "aio/wait.h"

typedef struct Seen {
    AioContext *current;
    bool bql;
    bool in_iothread;
} Seen;

static void look(void *opaque)
{
    Seen *s = opaque;

    s->current = qemu_get_current_aio_context();
    s->bql = bql_locked();
    s->in_iothread = qemu_in_iothread();
}

static void test_home(void)
{
    IOThread *io = iothread_create("iothread0", NULL);
    Seen seen = { 0 };

    g_assert_cmpstr(iothread_get_id(io), ==, "iothread0");
    g_assert_cmpstr(aio_context_name(iothread_get_aio_context(io)), ==, "iothread0");
    aio_wait_bh_oneshot(iothread_get_aio_context(io), look, &seen);
    g_assert_true(seen.current == iothread_get_aio_context(io));
    g_assert_false(seen.bql);
    g_assert_true(seen.in_iothread);
    g_assert_false(qemu_in_iothread());
    g_assert_false(in_aio_context_home_thread(iothread_get_aio_context(io)));
    iothread_destroy(io);
    iothread_destroy(NULL);
}

static void test_names(void)
{
    g_autoptr(GError) err = NULL;
    IOThread *a = iothread_create("a", NULL);
    IOThread *b = iothread_create("b", NULL);

    g_assert_null(iothread_create("a", &err));
    g_assert_cmpstr(err->message, ==, "An iothread with ID 'a' exists already");
    g_assert_true(iothread_by_id("b") == b);
    g_assert_null(iothread_by_id("c"));
    g_assert_true(iothread_next(NULL) == a && iothread_next(a) == b && !iothread_next(b));
    iothread_destroy(a);
    g_assert_true(iothread_next(NULL) == b);
    iothread_destroy(b);
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void test_stop_runs_what_was_queued_before(void)
{
    IOThread *io = iothread_create("io0", NULL);
    AioContext *ctx = iothread_get_aio_context(io);
    int n = 0;

    aio_context_ref(ctx);
    for (int i = 0; i < 10; i++) {
        aio_bh_schedule_oneshot(ctx, count, &n);
    }
    iothread_stop(io);
    g_assert_cmpint(n, ==, 10);
    iothread_stop(io);
    iothread_destroy(io);
    g_assert_cmpstr(aio_context_name(ctx), ==, "io0");
    aio_context_unref(ctx);
}

static void test_poll_params(void)
{
    IOThread *io = iothread_create("io0", NULL);
    IOThreadPollParams p;
    g_autoptr(GError) err = NULL;

    iothread_get_poll_params(io, &p);
    g_assert_cmpint(p.max_ns, ==, IOTHREAD_POLL_MAX_NS_DEFAULT);
    p.max_ns = 0;
    p.max_batch = 4;
    g_assert_true(iothread_set_poll_params(io, &p, NULL));
    iothread_get_poll_params(io, &p);
    g_assert_cmpint(p.max_ns, ==, 0);
    g_assert_cmpint(p.max_batch, ==, 4);
    p.max_ns = -1;
    g_assert_false(iothread_set_poll_params(io, &p, &err));
    g_assert_nonnull(strstr(err->message, "poll-max-ns"));
    iothread_destroy(io);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iothread/home", test_home);
    g_test_add_func("/iothread/names", test_names);
    g_test_add_func("/iothread/stop", test_stop_runs_what_was_queued_before);
    g_test_add_func("/iothread/poll-params", test_poll_params);
    return test_machine_run();
}
