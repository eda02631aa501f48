/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads of a node: from any range to aligned pieces that the driver accepts; copy-on-read.
 * Context: coroutine in the node's context, graph reader lock. I1: bytes beyond the end of the node read as zeroes.
 */
#include "block/pad.h"
#include "base/bytes.h"

#define COPY_ON_READ_CHUNK (1024 * 1024)

/* Reads [offset, offset + bytes) piece by piece; the part beyond the end becomes zeroes. */
static int coroutine_fn read_split(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t align,
                                   QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn read_split(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t align,
                                   QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    int64_t max_transfer = QEMU_ALIGN_DOWN(MIN((int64_t)(bs->bl.max_transfer ? bs->bl.max_transfer : INT_MAX),
                                               INT_MAX), align);
    int64_t total = bdrv_co_getlength(bs);
    int64_t readable;
    int64_t done = 0;

    if (total < 0) {
        return total;
    }
    readable = offset < total ? MIN(bytes, QEMU_ALIGN_UP(total - offset, align)) : 0;
    while (done < readable) {
        int64_t num = MIN(readable - done, max_transfer);
        int ret = bdrv_driver_preadv(bs, offset + done, num, qiov, qiov_offset + done, flags);

        if (ret < 0) {
            return ret;
        }
        done += num;
    }
    if (done < bytes) {
        qemu_iovec_memset(qiov, qiov_offset + done, 0, bytes - done);
    }
    return 0;
}

/* One chunk of copy-on-read: read through the chain, write what this layer does not have, hand it over. */
static int coroutine_fn copy_on_read_chunk(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                           size_t qiov_offset) GRAPH_RDLOCK;
static int coroutine_fn copy_on_read_chunk(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                           size_t qiov_offset)
{
    BlockDriverState *bs = child->bs;
    uint8_t *buf = qemu_try_blockalign(bs, bytes);
    QEMUIOVector local;
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    qemu_iovec_init_buf(&local, buf, bytes);
    ret = bdrv_driver_preadv(bs, offset, bytes, &local, 0, 0);
    if (ret == 0) {
        if (buffer_is_zero(buf, bytes)) {
            ret = bdrv_co_do_pwrite_zeroes(bs, offset, bytes, BDRV_REQ_WRITE_UNCHANGED);
        } else {
            ret = bdrv_driver_pwritev(bs, offset, bytes, &local, 0, BDRV_REQ_WRITE_UNCHANGED);
        }
        __atomic_fetch_add(&bs->write_gen, 1, __ATOMIC_SEQ_CST);
    }
    if (ret == 0 && qiov) {
        qemu_iovec_from_buf(qiov, qiov_offset, buf, bytes);
    }
    qemu_vfree(buf);
    return ret;
}

static int coroutine_fn copy_on_read(BdrvChild *child, int64_t offset, int64_t bytes, int64_t align,
                                     QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn copy_on_read(BdrvChild *child, int64_t offset, int64_t bytes, int64_t align,
                                     QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    int64_t done = 0;

    if (bdrv_is_read_only(bs)) {
        return read_split(bs, offset, bytes, align, qiov, qiov_offset, 0);
    }
    while (done < bytes) {
        int64_t num = MIN(bytes - done, COPY_ON_READ_CHUNK);
        int64_t pnum = num;
        int ret = bdrv_co_is_allocated(bs, offset + done, num, &pnum);

        if (ret < 0) {
            return ret;
        }
        num = pnum > 0 ? MIN(num, MAX(QEMU_ALIGN_DOWN(pnum, align), align)) : num;
        if (ret) {
            ret = (flags & BDRV_REQ_PREFETCH) ? 0 : read_split(bs, offset + done, num, align, qiov,
                                                               qiov_offset + done, 0);
        } else {
            ret = copy_on_read_chunk(child, offset + done, num, (flags & BDRV_REQ_PREFETCH) ? NULL : qiov,
                                     qiov_offset + done);
        }
        if (ret < 0) {
            return ret;
        }
        done += num;
    }
    return 0;
}

int coroutine_fn bdrv_aligned_preadv(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                     int64_t align, QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;

    assert(QEMU_IS_ALIGNED(offset, align) && QEMU_IS_ALIGNED(bytes, align));
    if (flags & BDRV_REQ_COPY_ON_READ) {
        BlockDriverInfo bdi;
        int64_t grain = align;

        if (bdrv_co_get_info(bs, &bdi) == 0) {
            grain = MAX(grain, bdi.cluster_size);
        }
        /* Copying writes: nobody else may write here in the meantime. */
        bdrv_make_request_serialising(req, grain);
        return copy_on_read(child, offset, bytes, align, qiov, qiov_offset, flags);
    }
    bdrv_wait_serialising_requests(req);
    return read_split(bs, offset, bytes, align, qiov, qiov_offset, flags & bs->supported_read_flags);
}

int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    BdrvPad pad;
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    ret = bdrv_check_qiov_request(offset, bytes, qiov, qiov_offset, NULL);
    if (ret < 0 || bytes == 0) {
        return ret;
    }
    assert(child->perm & BLK_PERM_CONSISTENT_READ || !(flags & BDRV_REQ_COPY_ON_READ));
    bdrv_inc_in_flight(bs);
    if (__atomic_load_n(&bs->copy_on_read, __ATOMIC_RELAXED)) {
        flags |= BDRV_REQ_COPY_ON_READ;
    }
    bdrv_pad_begin(bs, &pad, qiov, qiov_offset, offset, bytes, bs->bl.request_alignment, false);
    bdrv_tracked_request_begin(&req, bs, pad.offset, pad.bytes, BDRV_TRACKED_READ);
    ret = bdrv_aligned_preadv(child, &req, pad.offset, pad.bytes, bs->bl.request_alignment,
                              pad.active ? &pad.qiov : qiov, pad.active ? 0 : qiov_offset, flags);
    bdrv_tracked_request_end(&req);
    bdrv_pad_end(&pad, qiov, qiov_offset, ret == 0);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags)
{
    return bdrv_co_preadv_part(child, offset, bytes, qiov, 0, flags);
}

int coroutine_fn bdrv_co_pread(BdrvChild *child, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags)
{
    QEMUIOVector qiov;

    if (bytes < 0) {
        return -EINVAL;
    }
    qemu_iovec_init_buf(&qiov, buf, bytes);
    return bdrv_co_preadv(child, offset, bytes, &qiov, flags);
}
