/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver for unit tests: reads wait until the test lets them go; drains and permissions are counted. */
#ifndef BLOCK_TEST_DRIVER_H
#define BLOCK_TEST_DRIVER_H

#include "block/test-block.h"

typedef struct TestDriver {
    int drain_count;            /* begin minus end */
    int drain_begins;
    bool hold_reads;            /* reads yield until test_release_read() */
    Coroutine *held;
    int inactivate_ret;
    int inactivated;
} TestDriver;

static void test_drv_drain_begin(BlockDriverState *bs)
{
    TestDriver *s = bs->opaque;

    s->drain_count++;
    s->drain_begins++;
}

static void test_drv_drain_end(BlockDriverState *bs)
{
    TestDriver *s = bs->opaque;

    s->drain_count--;
}

static int coroutine_fn test_drv_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    TestDriver *s = bs->opaque;

    if (s->hold_reads) {
        assert(!s->held);
        s->held = qemu_coroutine_self();
        qemu_coroutine_yield();
        s->held = NULL;
    }
    return 0;
}

static int coroutine_fn test_drv_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                         BdrvRequestFlags flags)
{
    return 0;
}

static int64_t coroutine_fn test_drv_getlength(BlockDriverState *bs)
{
    return 65536;
}

static int test_drv_inactivate(BlockDriverState *bs)
{
    TestDriver *s = bs->opaque;

    s->inactivated += s->inactivate_ret == 0;
    return s->inactivate_ret;
}

static const BlockDriver test_driver = {
    .format_name = "test",
    .instance_size = sizeof(TestDriver),
    .supports_backing = true,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_drain_begin = test_drv_drain_begin,
    .bdrv_drain_end = test_drv_drain_end,
    .bdrv_inactivate = test_drv_inactivate,
    .bdrv_co_preadv = test_drv_preadv,
    .bdrv_co_pwritev = test_drv_pwritev,
    .bdrv_co_getlength = test_drv_getlength,
};

static inline BlockDriverState *test_node(const char *name)
{
    GError *err = NULL;
    BlockDriverState *bs = bdrv_new_open_driver(&test_driver, name, BDRV_O_RDWR, &err);

    g_assert_no_error(err);
    return bs;
}

static inline TestDriver *test_state(BlockDriverState *bs)
{
    return bs->opaque;
}

/** test_release_read: let the held read of @opaque (a node) finish. A bottom half. */
static inline void test_release_read(void *opaque)
{
    TestDriver *s = test_state(opaque);

    assert(s->held);
    aio_co_wake(s->held);
}

#endif
