/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: requests complete once, in the submitter's current context, in order; workers come and go.
 * Method: functions that wait for semaphores, so that the test decides when they return.
 */
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "aio/test-machine.h"
#include "aio/thread_pool.h"
#include "aio/wait.h"

typedef struct Job {
    SchedSem go;
    SchedSem taken;
    const char *worker;
    AioContext *seen_current;
    bool seen_bql;
    int ret;
    bool done;
} Job;

static AioContext *ctx(void)
{
    return qemu_get_aio_context();
}

static const char *thread_name(void)
{
    return g_intern_string(sched_thread_name(sched_thread_self()));
}

static int work(void *opaque)
{
    Job *j = opaque;

    j->worker = thread_name();
    j->seen_current = qemu_get_current_aio_context();
    j->seen_bql = bql_locked();
    return j->ret;
}

static int wait_to_go(void *opaque)
{
    Job *j = opaque;

    sched_sem_wait(&j->go);
    j->worker = thread_name();
    sched_sem_post(&j->taken);
    return 7;
}

static void completed(void *opaque, int ret)
{
    Job *j = opaque;

    g_assert_false(j->done);
    j->ret = ret;
    j->done = true;
}

static void test_submit(void)
{
    Job j = { .ret = -EIO };

    thread_pool_submit_aio(work, &j, completed, &j);
    g_assert_false(j.done);
    while (!j.done) {
        aio_poll(ctx(), true);
    }
    g_assert_cmpint(j.ret, ==, -EIO);
    g_assert_cmpstr(j.worker, ==, "worker0");
    g_assert_null(j.seen_current);
    g_assert_false(j.seen_bql);
}

static void coroutine_fn submit_co(void *opaque)
{
    Job *j = opaque;

    j->ret = 42;
    j->ret = thread_pool_submit_co(work, j);
    j->done = true;
}

static void test_submit_co(void)
{
    Job j = { 0 };

    qemu_coroutine_enter(qemu_coroutine_create(submit_co, &j));
    g_assert_false(j.done);
    while (!j.done) {
        aio_poll(ctx(), true);
    }
    g_assert_cmpint(j.ret, ==, 42);
}

static void test_many(void)
{
    Job j[100] = { 0 };

    for (int i = 0; i < 100; i++) {
        j[i].ret = i;
        thread_pool_submit_aio(work, &j[i], completed, &j[i]);
    }
    for (int i = 0; i < 100; i++) {
        while (!j[i].done) {
            aio_poll(ctx(), true);
        }
        g_assert_cmpint(j[i].ret, ==, i);
    }
}

static void test_workers_run_at_the_same_time(void)
{
    Job j[4] = { 0 };

    for (int i = 0; i < 4; i++) {
        sched_sem_init(&j[i].go, "go", 0);
        sched_sem_init(&j[i].taken, "taken", 0);
        thread_pool_submit_aio(wait_to_go, &j[i], completed, &j[i]);
    }
    /* Last submitted, first released: each must have a worker of its own. */
    for (int i = 4; i-- > 0;) {
        sched_sem_post(&j[i].go);
        while (!j[i].done) {
            aio_poll(ctx(), true);
        }
        g_assert_cmpint(j[i].ret, ==, 7);
        sched_sem_destroy(&j[i].go);
        sched_sem_destroy(&j[i].taken);
    }
    for (int i = 1; i < 4; i++) {
        g_assert_cmpstr(j[i].worker, !=, j[i - 1].worker);
    }
}

typedef struct Limited {
    Job busy;
    Job queued;
    CoCall call;
} Limited;

/* In an iothread of its own, whose pool starts empty: one worker, kept busy, so the next waits. */
static void limited_bh(void *opaque)
{
    Limited *l = opaque;
    AioContext *io_ctx = qemu_get_current_aio_context();
    BlockAIOCB *busy_acb, *queued_acb;

    g_assert_true(aio_context_set_thread_pool_params(io_ctx, 0, 1, NULL));
    busy_acb = thread_pool_submit_aio(wait_to_go, &l->busy, completed, &l->busy);
    queued_acb = thread_pool_submit_aio(work, &l->queued, completed, &l->queued);
    queued_acb->aiocb_info->cancel_async(queued_acb);
    while (!l->queued.done) {
        aio_poll(io_ctx, true);
    }
    g_assert_cmpint(l->queued.ret, ==, -ECANCELED);
    g_assert_null(l->queued.worker);
    g_assert_false(l->busy.done);
    sched_sem_post(&l->busy.go);
    sched_sem_wait(&l->busy.taken);
    busy_acb->aiocb_info->cancel_async(busy_acb);
    while (!l->busy.done) {
        aio_poll(io_ctx, true);
    }
    g_assert_cmpint(l->busy.ret, ==, 7);
    co_call_done(&l->call);
}

static void test_maximum_and_cancel(void)
{
    IOThread *io = iothread_create("io0", NULL);
    Limited l = { .call = { .in_progress = true } };

    sched_sem_init(&l.busy.go, "go", 0);
    sched_sem_init(&l.busy.taken, "taken", 0);
    aio_bh_schedule_oneshot(iothread_get_aio_context(io), limited_bh, &l);
    AIO_WAIT_WHILE(NULL, co_call_in_progress(&l.call));
    iothread_destroy(io);
    sched_sem_destroy(&l.busy.go);
    sched_sem_destroy(&l.busy.taken);
}

typedef struct Nested {
    Job outer;
    Job inner;
} Nested;

static void completed_and_wait(void *opaque, int ret)
{
    Nested *n = opaque;

    thread_pool_submit_aio(work, &n->inner, completed, &n->inner);
    while (!n->inner.done) {
        aio_poll(ctx(), true);
    }
    n->outer.done = true;
}

static void test_callback_may_poll_for_other_requests(void)
{
    Nested n[3] = { 0 };

    for (int i = 0; i < 3; i++) {
        thread_pool_submit_aio(work, &n[i].outer, completed_and_wait, &n[i]);
    }
    for (int i = 0; i < 3; i++) {
        while (!n[i].outer.done) {
            aio_poll(ctx(), true);
        }
    }
}

/* ---- Which pool ---- */

typedef struct Where {
    Job job;
    const char *resumed_in;
    AioContext *ctx;
    CoCall call;
} Where;

static void coroutine_fn where_co(void *opaque)
{
    Where *w = opaque;

    (void)thread_pool_submit_co(work, &w->job);
    w->resumed_in = thread_name();
    w->ctx = qemu_coroutine_get_aio_context(qemu_coroutine_self());
    co_call_done(&w->call);
}

static void test_iothread_has_its_own_pool(void)
{
    IOThread *io = iothread_create("io0", NULL);
    Where w = { .call = { .in_progress = true } };

    aio_co_enter(iothread_get_aio_context(io), qemu_coroutine_create(where_co, &w));
    AIO_WAIT_WHILE(NULL, co_call_in_progress(&w.call));
    g_assert_cmpstr(w.job.worker, ==, "io0-worker0");
    g_assert_cmpstr(w.resumed_in, ==, "io0");
    iothread_destroy(io);
}

/*
 * The request of an iohandler coroutine goes to the main context's pool, for that is the current
 * context; its completion runs there, and only the wake-up goes to iohandler.
 */
static void test_iohandler_coroutine_completes_through_main(void)
{
    Where w = { .call = { .in_progress = true } };
    Coroutine *co = qemu_coroutine_create(where_co, &w);

    aio_co_schedule(iohandler_get_aio_context(), co);
    main_loop_wait(true);
    while (qemu_coroutine_get_aio_context(co) != iohandler_get_aio_context()) {
        main_loop_wait(true);
    }
    /* Polling main delivers the completion, but cannot finish the coroutine. */
    while (!aio_pending(iohandler_get_aio_context())) {
        aio_poll(ctx(), true);
    }
    while (aio_poll(ctx(), false)) {
    }
    g_assert_true(w.call.in_progress);
    while (w.call.in_progress) {
        main_loop_wait(false);
    }
    g_assert_true(w.ctx == iohandler_get_aio_context());
    g_assert_nonnull(strstr(w.job.worker, "worker"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/thread-pool/submit", test_submit);
    g_test_add_func("/thread-pool/submit-co", test_submit_co);
    g_test_add_func("/thread-pool/many", test_many);
    g_test_add_func("/thread-pool/parallel", test_workers_run_at_the_same_time);
    g_test_add_func("/thread-pool/maximum-and-cancel", test_maximum_and_cancel);
    g_test_add_func("/thread-pool/nested", test_callback_may_poll_for_other_requests);
    g_test_add_func("/thread-pool/iothread", test_iothread_has_its_own_pool);
    g_test_add_func("/thread-pool/iohandler", test_iohandler_coroutine_completes_through_main);
    return test_machine_run();
}
