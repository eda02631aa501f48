/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block layer alone: main thread, one iothread, its pool's workers, no guest. Two lanes of requests in the iothread
 * write and read back neighbouring bytes of the same sectors, so that every write is a read-modify-write that must
 * exclude the other lane's; the main thread drains and flushes in between. All data is compared with a shadow copy.
 *
 * Must fail under no schedule. Also the measure of how fast schedules are (replay/bench), and run thousands of times in
 * one process, so it leaves nothing behind. The image exists in the simulator's overlay only.
 */
#include "replay/units.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "base/assert.h"
#include "block/backend.h"
#include "sched/io.h"
#include "sched/machine.h"

#include <string.h>

#define IMAGE "block-requests.img"
#define IMAGE_SIZE (64 * 1024)
#define SECTOR 512
#define LANES 2
#define PIECE (SECTOR / LANES)      /* each sector has one piece of each lane */
#define ROUNDS 2

int unit_block_requests(void *opaque);

typedef struct Lane {
    struct BlockRequests *all;
    unsigned number, round;
    bool reading;
    char buf[PIECE];
    QEMUIOVector qiov;
} Lane;

typedef struct BlockRequests {
    BlockDriverState *bs;
    BlockBackend *blk;
    IOThread *io;
    Lane lane[LANES];
    char shadow[IMAGE_SIZE];
    unsigned busy;              /* atomic: lanes at work */
} BlockRequests;

/* ---- The lanes, in the iothread ---- */

static int64_t lane_offset(const Lane *l)
{
    return l->round % 2 * SECTOR + l->number * PIECE;
}

static void lane_done(void *opaque, int ret);

static void lane_next(void *opaque)
{
    Lane *l = opaque;
    BlockRequests *r = l->all;

    if (l->round == ROUNDS) {
        __atomic_fetch_sub(&r->busy, 1, __ATOMIC_SEQ_CST);
        qemu_notify_event();
    } else if (l->reading) {
        memset(l->buf, 0xee, PIECE);
        blk_aio_preadv(r->blk, lane_offset(l), &l->qiov, 0, lane_done, l);
    } else {
        memset(l->buf, 'a' + l->round * LANES + l->number, PIECE);
        memcpy(r->shadow + lane_offset(l), l->buf, PIECE);
        blk_aio_pwritev(r->blk, lane_offset(l), &l->qiov, 0, lane_done, l);
    }
}

static void lane_done(void *opaque, int ret)
{
    Lane *l = opaque;

    assert(ret == 0);
    if (l->reading) {
        assert(!memcmp(l->buf, l->all->shadow + lane_offset(l), PIECE));
        l->round++;
    }
    l->reading = !l->reading;
    lane_next(l);
}

/* ---- The main thread ---- */

static void set_up(BlockRequests *r)
{
    const char *options = "driver=raw,node-name=disk,file.driver=blkdebug,file.node-name=sectors,file.align=512,"
                          "file.image.driver=file,file.image.node-name=file,file.image.filename=" IMAGE;
    int fd = sched_file_open("image", IMAGE, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC), ret;

    ret = sched_file_truncate(fd, IMAGE_SIZE);
    assert(ret == 0);
    sched_close(fd);
    r->bs = bds_tree_init(qdict_from_keyval(options, NULL, NULL), NULL);
    assert(r->bs);
    r->blk = blk_new_with_bs(r->bs, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL, NULL);
    assert(r->blk);
    blk_set_allow_aio_context_change(r->blk, true);
    r->io = iothread_create("io0", NULL);
    assert(r->io);
    ret = blk_set_aio_context(r->blk, iothread_get_aio_context(r->io), NULL);
    assert(ret == 0);
}

static void check_image(BlockRequests *r)
{
    g_autofree char *data = g_malloc(IMAGE_SIZE);
    int ret = blk_pread(r->blk, 0, IMAGE_SIZE, data, 0);

    assert(ret == 0);
    assert(!memcmp(data, r->shadow, IMAGE_SIZE));
}

static void tear_down(BlockRequests *r)
{
    int ret = blk_set_aio_context(r->blk, qemu_get_aio_context(), NULL);

    assert(ret == 0);
    blk_unref(r->blk);
    bdrv_unref(r->bs);
    iothread_destroy(r->io);
}

static void run_requests(BlockRequests *r)
{
    int ret;

    r->busy = LANES;
    for (unsigned i = 0; i < LANES; i++) {
        Lane *l = &r->lane[i];

        *l = (Lane){ .all = r, .number = i };
        qemu_iovec_init_buf(&l->qiov, l->buf, PIECE);
        aio_bh_schedule_oneshot(iothread_get_aio_context(r->io), lane_next, l);
    }
    blk_drain(r->blk);
    ret = blk_flush(r->blk);
    assert(ret == 0);
    while (__atomic_load_n(&r->busy, __ATOMIC_SEQ_CST)) {
        main_loop_wait(false);
    }
}

int unit_block_requests(void *opaque)
{
    g_autofree BlockRequests *r = g_new0(BlockRequests, 1);
    Machine *m = machine_new("vm");

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        return 1;
    }
    bdrv_init();
    set_up(r);
    run_requests(r);
    check_image(r);
    tear_down(r);
    bdrv_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}
