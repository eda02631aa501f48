/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: drains wait for requests, stop new ones, nest, reach parents once, work from coroutines and over iothreads.
 * Method: a driver whose reads are held until the test lets them go.
 */
#include "aio/iothread.h"
#include "block/test-driver.h"

#define RW (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE)

static void set_ret(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

static BlockAIOCB *held_read(BlockBackend *blk, QEMUIOVector *v, char *buf, int *ret)
{
    *ret = -EINPROGRESS;
    qemu_iovec_init_buf(v, buf, 512);
    return blk_aio_preadv(blk, 0, v, 0, set_ret, ret);
}

static void test_waits(void)
{
    BlockDriverState *bs = test_node("disk");
    BlockBackend *blk = test_backend(bs, RW);
    QEMUIOVector v;
    char buf[512];
    int ret;

    test_state(bs)->hold_reads = true;
    test_state(bs)->drain_begins = 0;       /* attaching the backend took the writer lock, which quiesces */
    held_read(blk, &v, buf, &ret);
    g_assert_nonnull(test_state(bs)->held);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), test_release_read, bs);
    bdrv_drained_begin(bs);
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(test_state(bs)->drain_count, ==, 1);
    bdrv_drained_begin(bs);
    g_assert_cmpint(test_state(bs)->drain_begins, ==, 1);
    bdrv_drained_end(bs);
    g_assert_true(blk_in_drain(blk));
    bdrv_drained_end(bs);
    g_assert_false(blk_in_drain(blk));
    g_assert_cmpint(test_state(bs)->drain_count, ==, 0);
    blk_unref(blk);
    bdrv_unref(bs);
}

/* A request that comes during a drain parks, is not counted, and runs when the drain ends. */
static void test_parks(void)
{
    BlockDriverState *bs = test_node("disk");
    BlockBackend *blk = test_backend(bs, RW);
    QEMUIOVector v;
    char buf[512];
    int ret;

    bdrv_drained_begin(bs);
    held_read(blk, &v, buf, &ret);
    while (aio_poll(qemu_get_aio_context(), false)) {
        continue;
    }
    g_assert_cmpint(ret, ==, -EINPROGRESS);
    bdrv_drained_begin(bs);             /* ends although a request is parked */
    bdrv_drained_end(bs);
    bdrv_drained_end(bs);
    while (ret == -EINPROGRESS) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(ret, ==, 0);
    blk_unref(blk);
    bdrv_unref(bs);
}

/* Draining a backing file quiesces the overlay above it; draining the overlay leaves the backing file alone. */
static void test_direction(void)
{
    BlockDriverState *top = test_node("top"), *base = test_node("base");
    GError *err = NULL;

    g_assert_cmpint(bdrv_set_backing_hd(top, base, &err), ==, 0);
    bdrv_drained_begin(base);
    g_assert_cmpint(top->quiesce_counter, ==, 1);
    g_assert_cmpint(base->quiesce_counter, ==, 1);
    bdrv_drained_end(base);
    bdrv_drained_begin(top);
    g_assert_cmpint(top->quiesce_counter, ==, 1);
    g_assert_cmpint(base->quiesce_counter, ==, 0);
    bdrv_drained_end(top);
    bdrv_unref(top);
    bdrv_unref(base);
}

static void test_drain_all(void)
{
    BlockDriverState *a = test_node("a"), *late;
    BlockBackend *blk = test_backend(a, RW);
    QEMUIOVector v;
    char buf[512];
    int ret;

    test_state(a)->hold_reads = true;
    held_read(blk, &v, buf, &ret);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), test_release_read, a);
    blk_drain_all();
    g_assert_cmpint(ret, ==, 0);
    bdrv_drain_all_begin();
    late = test_node("late");           /* born into the section */
    g_assert_cmpint(late->quiesce_counter, ==, 1);
    bdrv_drain_all_end();
    g_assert_cmpint(late->quiesce_counter, ==, 0);
    g_assert_cmpint(a->quiesce_counter, ==, 0);
    bdrv_drain_all_begin();
    bdrv_unref(late);                   /* and gone from it */
    bdrv_drain_all_end();
    blk_unref(blk);
    bdrv_unref(a);
}

typedef struct CoDrainTest {
    BlockDriverState *bs;
    bool all;
    bool done;
} CoDrainTest;

static void coroutine_fn co_drain_entry(void *opaque)
{
    CoDrainTest *t = opaque;

    if (t->all) {
        bdrv_drain_all_begin();
        bdrv_drain_all_end();
    } else {
        bdrv_drained_begin(t->bs);
        g_assert_cmpint(t->bs->quiesce_counter, ==, 1);
        bdrv_drained_end(t->bs);
    }
    t->done = true;
}

static void test_from_coroutine(void)
{
    BlockDriverState *bs = test_node("disk");

    for (int all = 0; all < 2; all++) {
        CoDrainTest t = { bs, all, false };

        qemu_coroutine_enter(qemu_coroutine_create(co_drain_entry, &t));
        while (!t.done) {
            aio_poll(qemu_get_aio_context(), true);
        }
        g_assert_cmpint(bs->quiesce_counter, ==, 0);
    }
    bdrv_unref(bs);
}

/* Deleting nodes from a completion callback is done through a bottom half that keeps the node busy. */
typedef struct DetachTest {
    BlockDriverState *parent;
    bool done;
} DetachTest;

static void detach_bh(void *opaque) TSA_NO_TSA;
static void detach_bh(void *opaque)
{
    DetachTest *t = opaque;

    bdrv_dec_in_flight(t->parent);
    g_assert_cmpint(bdrv_set_backing_hd(t->parent, NULL, NULL), ==, 0);
    t->done = true;
}

static void detach_cb(void *opaque, int ret)
{
    DetachTest *t = opaque;

    bdrv_inc_in_flight(t->parent);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), detach_bh, t);
}

static void test_detach_by_parent_cb(void) TSA_NO_TSA;
static void test_detach_by_parent_cb(void)
{
    BlockDriverState *parent = test_node("parent"), *child = test_node("child");
    BlockBackend *blk = test_backend(parent, RW);
    DetachTest t = { parent, false };
    QEMUIOVector v;
    char buf[512];

    g_assert_cmpint(bdrv_set_backing_hd(parent, child, NULL), ==, 0);
    test_state(parent)->hold_reads = true;
    qemu_iovec_init_buf(&v, buf, sizeof(buf));
    blk_aio_preadv(blk, 0, &v, 0, detach_cb, &t);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), test_release_read, parent);
    bdrv_drained_begin(child);
    g_assert_true(t.done);
    g_assert_null(parent->backing);
    g_assert_cmpint(parent->quiesce_counter, ==, 0);
    bdrv_drained_end(child);
    blk_unref(blk);
    bdrv_unref(parent);
    bdrv_unref(child);
}

static void test_iothread(void)
{
    BlockDriverState *bs = test_open("driver=null-co,node-name=disk,latency-ns=1000000");
    BlockBackend *blk = test_backend(bs, RW);
    IOThread *io = iothread_create("io0", NULL);
    GError *err = NULL;
    char buf[512];

    g_assert_cmpint(blk_set_aio_context(blk, iothread_get_aio_context(io), &err), ==, 0);
    g_assert_true(bdrv_get_aio_context(bs) == iothread_get_aio_context(io));
    for (int i = 0; i < 10; i++) {
        g_assert_cmpint(blk_pread(blk, 0, sizeof(buf), buf, 0), ==, 0);
        bdrv_drained_begin(bs);
        bdrv_drained_end(bs);
        blk_drain_all();
    }
    g_assert_cmpint(blk_set_aio_context(blk, qemu_get_aio_context(), &err), ==, 0);
    blk_unref(blk);
    bdrv_unref(bs);
    iothread_destroy(io);
}

static void add_tests(void)
{
    test_add("/drain/waits", test_waits);
    test_add("/drain/parks", test_parks);
    test_add("/drain/direction", test_direction);
    test_add("/drain/all", test_drain_all);
    test_add("/drain/from-coroutine", test_from_coroutine);
    test_add("/drain/detach/parent-cb", test_detach_by_parent_cb);
    test_add("/drain/iothread", test_iothread);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
