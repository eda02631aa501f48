/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of a block backend, in coroutine and in callback style.
 *
 * Context: coroutines in any context; callbacks run where the request was submitted.
 *
 * I1  From submission to completion a request is counted in in_flight, except while it is parked.
 * I2  The callback of an AIO request runs before its in-flight count is given back, and never inside the call
 *     that submitted it.
 */
#include "block/backend_int.h"
#include "aio/main_loop.h"

/* ---- Checks and parking ---- */

static void coroutine_fn wait_while_drained(BlockBackend *blk)
{
    assert(blk->in_flight > 0);
    sched_point(SCHED_K_ATOMIC_READ, &blk->o);
    if (!blk_in_drain(blk) || blk->disable_request_queuing) {
        return;
    }
    sched_mutex_lock(&blk->queue_lock);
    while (blk_in_drain(blk) && !blk->disable_request_queuing) {
        /* Parked requests must not keep the drain waiting (I1). The lock keeps drained_end from missing us. */
        blk_dec_in_flight(blk);
        qemu_co_queue_wait(&blk->queued_requests, &blk->queue_lock);
        blk_inc_in_flight(blk);
    }
    sched_mutex_unlock(&blk->queue_lock);
}

static int coroutine_fn check_range(BlockBackend *blk, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
static int coroutine_fn check_range(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int64_t len;

    if (bytes < 0 || offset < 0) {
        return -EIO;
    }
    if (!blk_co_is_available(blk)) {
        return -ENOMEDIUM;
    }
    if (!blk->allow_write_beyond_eof) {
        len = bdrv_co_getlength(blk_bs(blk));
        if (len < 0) {
            return len;
        }
        if (offset > len || len - offset < bytes) {
            return -EIO;
        }
    }
    return 0;
}

static void account(BlockBackend *blk, BlockAcctType type, int64_t bytes, int ret)
{
    BlockAcctStats *st = &blk->stats;

    if (ret < 0) {
        __atomic_fetch_add(&st->failed_ops[type], 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_fetch_add(&st->nr_ops[type], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&st->nr_bytes[type], bytes, __ATOMIC_RELAXED);
}

/* ---- The work, with the request counted ---- */

static int coroutine_fn blk_co_do_preadv_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                              size_t qiov_offset, BdrvRequestFlags flags)
{
    int ret;

    wait_while_drained(blk);
    bdrv_graph_co_rdlock();
    ret = check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_preadv_part(blk->root, offset, bytes, qiov, qiov_offset, flags);
    }
    bdrv_graph_co_rdunlock();
    account(blk, BLOCK_ACCT_READ, bytes, ret);
    return ret;
}

static int coroutine_fn blk_co_do_pwritev_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                               size_t qiov_offset, BdrvRequestFlags flags)
{
    int ret;

    wait_while_drained(blk);
    bdrv_graph_co_rdlock();
    ret = check_range(blk, offset, bytes);
    if (ret == 0) {
        if (!blk_enable_write_cache(blk)) {
            flags |= BDRV_REQ_FUA;
        }
        if (flags & BDRV_REQ_ZERO_WRITE) {
            ret = bdrv_co_pwrite_zeroes(blk->root, offset, bytes, flags);
        } else {
            ret = bdrv_co_pwritev_part(blk->root, offset, bytes, qiov, qiov_offset, flags);
        }
    }
    bdrv_graph_co_rdunlock();
    account(blk, BLOCK_ACCT_WRITE, bytes, ret);
    return ret;
}

static int coroutine_fn blk_co_do_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret;

    wait_while_drained(blk);
    bdrv_graph_co_rdlock();
    ret = check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_pdiscard(blk->root, offset, bytes);
    }
    bdrv_graph_co_rdunlock();
    account(blk, BLOCK_ACCT_UNMAP, bytes, ret);
    return ret;
}

static int coroutine_fn blk_co_do_flush(BlockBackend *blk)
{
    int ret;

    wait_while_drained(blk);
    bdrv_graph_co_rdlock();
    ret = blk_co_is_available(blk) ? bdrv_co_flush(blk_bs(blk)) : -ENOMEDIUM;
    bdrv_graph_co_rdunlock();
    account(blk, BLOCK_ACCT_FLUSH, 0, ret);
    return ret;
}

/* ---- Coroutine style ---- */

int coroutine_fn blk_co_preadv_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                    size_t qiov_offset, BdrvRequestFlags flags)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_preadv_part(blk, offset, bytes, qiov, qiov_offset, flags);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_pwritev_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_pwritev_part(blk, offset, bytes, qiov, qiov_offset, flags);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags)
{
    return blk_co_preadv_part(blk, offset, bytes, qiov, 0, flags);
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags)
{
    return blk_co_pwritev_part(blk, offset, bytes, qiov, 0, flags);
}

int coroutine_fn blk_co_pread(BlockBackend *blk, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags)
{
    QEMUIOVector qiov;

    if (bytes < 0) {
        return -EIO;
    }
    qemu_iovec_init_buf(&qiov, buf, bytes);
    return blk_co_preadv(blk, offset, bytes, &qiov, flags);
}

int coroutine_fn blk_co_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf,
                               BdrvRequestFlags flags)
{
    QEMUIOVector qiov;

    if (bytes < 0) {
        return -EIO;
    }
    qemu_iovec_init_buf(&qiov, (void *)buf, bytes);
    return blk_co_pwritev(blk, offset, bytes, &qiov, flags);
}

int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
{
    return blk_co_pwritev(blk, offset, bytes, NULL, flags | BDRV_REQ_ZERO_WRITE);
}

int coroutine_fn blk_co_pwrite_compressed(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf)
{
    return blk_co_pwrite(blk, offset, bytes, buf, BDRV_REQ_WRITE_COMPRESSED);
}

int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_pdiscard(blk, offset, bytes);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_flush(blk);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_truncate(BlockBackend *blk, int64_t offset, bool exact, PreallocMode prealloc,
                                 BdrvRequestFlags flags, GError **errp)
{
    GRAPH_RDLOCK_GUARD();
    if (!blk_co_is_available(blk)) {
        error_setg(errp, "No medium inserted");
        return -ENOMEDIUM;
    }
    return bdrv_co_truncate(blk->root, offset, exact, prealloc, flags, errp);
}

int64_t coroutine_fn blk_co_getlength(BlockBackend *blk)
{
    GRAPH_RDLOCK_GUARD();
    return blk_co_is_available(blk) ? bdrv_co_getlength(blk_bs(blk)) : -ENOMEDIUM;
}

int64_t coroutine_fn blk_co_nb_sectors(BlockBackend *blk)
{
    int64_t len = blk_co_getlength(blk);

    return len < 0 ? len : len / (int64_t)BDRV_SECTOR_SIZE;
}

int blk_make_zero(BlockBackend *blk, BdrvRequestFlags flags)
{
    int64_t len = blk_getlength(blk);
    int64_t offset = 0;
    int ret = len < 0 ? (int)len : 0;

    while (ret == 0 && offset < len) {
        int64_t num = MIN(len - offset, BDRV_REQUEST_MAX_BYTES);

        ret = blk_pwrite_zeroes(blk, offset, num, flags);
        offset += num;
    }
    return ret;
}

int blk_save_vmstate(BlockBackend *blk, const uint8_t *buf, int64_t pos, int size)
{
    int ret;

    if (!blk_is_available(blk)) {
        return -ENOMEDIUM;
    }
    ret = bdrv_save_vmstate(blk_bs(blk), buf, pos, size);
    if (ret == size && !blk_enable_write_cache(blk)) {
        int err = bdrv_flush(blk_bs(blk));

        ret = err < 0 ? err : ret;
    }
    return ret;
}

int blk_load_vmstate(BlockBackend *blk, uint8_t *buf, int64_t pos, int size)
{
    return blk_is_available(blk) ? bdrv_load_vmstate(blk_bs(blk), buf, pos, size) : -ENOMEDIUM;
}

/* ---- Callback style ---- */

#define NOT_DONE INT_MAX

typedef struct BlkAioEmAIOCB {
    BlockAIOCB common;
    BlockBackend *blk;
    AioContext *ctx;            /* where it was submitted */
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    BdrvRequestFlags flags;
    int ret;
    bool has_returned;
} BlkAioEmAIOCB;

static const AIOCBInfo blk_aio_em_aiocb_info = {
    .aiocb_size = sizeof(BlkAioEmAIOCB),
};

static void blk_aio_complete(BlkAioEmAIOCB *acb)
{
    BlockBackend *blk = acb->blk;

    if (!acb->has_returned) {
        return;                 /* still inside the submitting call: blk_aio_prwv queues the bottom half (I2) */
    }
    acb->common.cb(acb->common.opaque, acb->ret);
    blk_dec_in_flight(blk);
    qemu_aio_unref(acb);
}

static void blk_aio_complete_bh(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    assert(acb->has_returned);
    blk_aio_complete(acb);
}

static BlockAIOCB *blk_aio_prwv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                const char *name, CoroutineEntry *entry, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque)
{
    BlkAioEmAIOCB *acb;

    blk_inc_in_flight(blk);
    acb = qemu_aio_get(&blk_aio_em_aiocb_info, blk_bs(blk), cb, opaque);
    acb->blk = blk;
    acb->ctx = qemu_get_current_aio_context();
    acb->offset = offset;
    acb->bytes = bytes;
    acb->qiov = qiov;
    acb->flags = flags;
    acb->ret = NOT_DONE;
    aio_co_enter(acb->ctx, qemu_coroutine_create_named(name, entry, acb));
    acb->has_returned = true;
    if (acb->ret != NOT_DONE) {
        aio_bh_schedule_oneshot(acb->ctx, blk_aio_complete_bh, acb);
    }
    return &acb->common;
}

static void coroutine_fn blk_aio_read_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_preadv_part(acb->blk, acb->offset, acb->bytes, acb->qiov, 0, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_write_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_pwritev_part(acb->blk, acb->offset, acb->bytes, acb->qiov, 0, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_pdiscard_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_pdiscard(acb->blk, acb->offset, acb->bytes);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_flush_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_flush(acb->blk);
    blk_aio_complete(acb);
}

BlockAIOCB *blk_aio_preadv(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov, BdrvRequestFlags flags,
                           BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, qiov->size, qiov, "blk_aio_read", blk_aio_read_entry, flags, cb, opaque);
}

BlockAIOCB *blk_aio_pwritev(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov, BdrvRequestFlags flags,
                            BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, qiov->size, qiov, "blk_aio_write", blk_aio_write_entry, flags, cb, opaque);
}

BlockAIOCB *blk_aio_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                                  BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, bytes, NULL, "blk_aio_write_zeroes", blk_aio_write_entry,
                        flags | BDRV_REQ_ZERO_WRITE, cb, opaque);
}

BlockAIOCB *blk_aio_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, bytes, NULL, "blk_aio_pdiscard", blk_aio_pdiscard_entry, 0, cb, opaque);
}

BlockAIOCB *blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, 0, 0, NULL, "blk_aio_flush", blk_aio_flush_entry, 0, cb, opaque);
}

BlockAIOCB *blk_abort_aio_request(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque, int ret)
{
    BlkAioEmAIOCB *acb;

    blk_inc_in_flight(blk);
    acb = qemu_aio_get(&blk_aio_em_aiocb_info, blk_bs(blk), cb, opaque);
    acb->blk = blk;
    acb->ret = ret;
    acb->has_returned = true;
    aio_bh_schedule_oneshot(qemu_get_current_aio_context(), blk_aio_complete_bh, acb);
    return &acb->common;
}

void blk_aio_cancel_async(BlockAIOCB *acb)
{
    if (acb->aiocb_info->cancel_async) {
        acb->aiocb_info->cancel_async(acb);
    }
}

void blk_aio_cancel(BlockAIOCB *acb)
{
    GLOBAL_STATE_CODE();
    qemu_aio_ref(acb);
    blk_aio_cancel_async(acb);
    AIO_WAIT_WHILE_NAMED(NULL, __atomic_load_n(&acb->refcnt, __ATOMIC_SEQ_CST) > 1, "cancelled request");
    qemu_aio_unref(acb);
}
