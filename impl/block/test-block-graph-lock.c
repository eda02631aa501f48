/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: writer and readers exclude each other; readers park and go on; counts survive a change of thread; wrong
 * callers are told so. Method: coroutines that hold the lock until let go; subprocesses for what must abort.
 */
#include "aio/iothread.h"
#include "block/test-driver.h"

typedef struct Reader {
    Coroutine *co;
    bool locked;
    bool done;
} Reader;

static void coroutine_fn reader_entry(void *opaque)
{
    Reader *r = opaque;

    bdrv_graph_co_rdlock();
    r->locked = true;
    qemu_coroutine_yield();
    r->locked = false;
    bdrv_graph_co_rdunlock();
    r->done = true;
}

static void reader_go_on(void *opaque)
{
    Reader *r = opaque;

    aio_co_wake(r->co);
}

static void test_writer_waits(void)
{
    Reader r = { 0 };

    r.co = qemu_coroutine_create(reader_entry, &r);
    qemu_coroutine_enter(r.co);
    g_assert_true(r.locked);
    g_assert_cmpint(bdrv_graph_reader_count(), ==, 1);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), reader_go_on, &r);
    bdrv_graph_wrlock();
    g_assert_true(r.done);
    g_assert_cmpint(bdrv_graph_reader_count(), ==, 0);
    bdrv_graph_wrunlock();
}

static void test_reader_parks(void)
{
    Reader r = { 0 };

    r.co = qemu_coroutine_create(reader_entry, &r);
    bdrv_graph_wrlock();
    qemu_coroutine_enter(r.co);
    g_assert_false(r.locked);
    g_assert_cmpint(bdrv_graph_reader_count(), ==, 0);
    bdrv_graph_wrunlock();
    while (!r.locked) {
        aio_poll(qemu_get_aio_context(), true);
    }
    aio_co_wake(r.co);
    g_assert_true(r.done);
}

/* A reader that moves to another context between lock and unlock: the sum stays right. */
typedef struct Mover {
    AioContext *to;
    bool done;
} Mover;

static void coroutine_fn mover_entry(void *opaque)
{
    Mover *m = opaque;

    bdrv_graph_co_rdlock();
    aio_co_reschedule_self(m->to);
    bdrv_graph_co_rdunlock();
    aio_co_reschedule_self(qemu_get_aio_context());
    m->done = true;
}

static void test_reader_moves(void)
{
    IOThread *io = iothread_create("io0", NULL);
    Mover m = { iothread_get_aio_context(io), false };

    qemu_coroutine_enter(qemu_coroutine_create(mover_entry, &m));
    while (!m.done) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(bdrv_graph_reader_count(), ==, 0);
    iothread_destroy(io);
    g_assert_cmpint(bdrv_graph_reader_count(), ==, 0);
    bdrv_graph_wrlock();
    bdrv_graph_wrunlock();
}

/* Readers come and go in an iothread while the main thread changes the graph. */
typedef struct Churn {
    AioContext *ctx;
    int left;
    bool done;
} Churn;

static void coroutine_fn churn_entry(void *opaque)
{
    Churn *c = opaque;

    while (c->left-- > 0) {
        bdrv_graph_co_rdlock();
        aio_co_schedule(c->ctx, qemu_coroutine_self());
        qemu_coroutine_yield();
        bdrv_graph_co_rdunlock();
        aio_co_schedule(c->ctx, qemu_coroutine_self());
        qemu_coroutine_yield();
    }
    __atomic_store_n(&c->done, true, __ATOMIC_SEQ_CST);
    aio_wait_kick();
}

static void test_churn(void)
{
    IOThread *io = iothread_create("io0", NULL);
    Churn c = { iothread_get_aio_context(io), 50, false };
    BlockDriverState *top = test_node("top"), *base = test_node("base");

    aio_co_enter(c.ctx, qemu_coroutine_create(churn_entry, &c));
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(bdrv_set_backing_hd(top, i % 2 ? NULL : base, NULL), ==, 0);
    }
    AIO_WAIT_WHILE(NULL, !__atomic_load_n(&c.done, __ATOMIC_SEQ_CST));
    bdrv_unref(top);
    bdrv_unref(base);
    iothread_destroy(io);
}

/* ---- What must abort ---- */

static void coroutine_fn wrlock_entry(void *opaque) TSA_NO_TSA;
static void coroutine_fn wrlock_entry(void *opaque)
{
    bdrv_graph_wrlock();
}

static void coroutine_fn rdlock_main_entry(void *opaque) TSA_NO_TSA;
static void coroutine_fn rdlock_main_entry(void *opaque)
{
    bdrv_graph_rdlock_main_loop();
}

static void die_wrlock_in_coroutine(void)
{
    qemu_coroutine_enter(qemu_coroutine_create(wrlock_entry, NULL));
}

static void die_rdlock_main_in_coroutine(void)
{
    qemu_coroutine_enter(qemu_coroutine_create(rdlock_main_entry, NULL));
}

static void die_wait_under_writer(void) TSA_NO_TSA;
static void die_wait_under_writer(void)
{
    BlockDriverState *bs = test_node("disk");
    BlockDriverInfo bdi;

    bdrv_graph_wrlock();
    (void)bdrv_get_info(bs, &bdi);
}

static void test_wrlock_in_coroutine(void)
{
    test_trap_expect_abort("/graph-lock/subprocess/wrlock-in-coroutine",
                           "bdrv_graph_wrlock: Assertion `!qemu_in_coroutine()' failed");
}

static void test_rdlock_main_in_coroutine(void)
{
    test_trap_expect_abort("/graph-lock/subprocess/rdlock-main-in-coroutine",
                           "bdrv_graph_rdlock_main_loop: Assertion `!qemu_in_coroutine()' failed");
}

static void test_wait_under_writer(void)
{
    test_trap_expect_abort("/graph-lock/subprocess/wait-under-writer",
                           "bdrv_get_info: blocking wait while the graph writer lock is held");
}

static void add_tests(void)
{
    test_add("/graph-lock/writer-waits", test_writer_waits);
    test_add("/graph-lock/reader-parks", test_reader_parks);
    test_add("/graph-lock/reader-moves", test_reader_moves);
    test_add("/graph-lock/churn", test_churn);
    test_add("/graph-lock/wrlock-in-coroutine", test_wrlock_in_coroutine);
    test_add("/graph-lock/subprocess/wrlock-in-coroutine", die_wrlock_in_coroutine);
    test_add("/graph-lock/rdlock-main-in-coroutine", test_rdlock_main_in_coroutine);
    test_add("/graph-lock/subprocess/rdlock-main-in-coroutine", die_rdlock_main_in_coroutine);
    test_add("/graph-lock/wait-under-writer", test_wait_under_writer);
    test_add("/graph-lock/subprocess/wait-under-writer", die_wait_under_writer);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
