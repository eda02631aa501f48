/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes, zero writes and discards of a node: from any range to aligned pieces that the driver accepts.
 *
 * Context: coroutine in the node's context, graph reader lock.
 *
 * I1  An unaligned write is one serialising request over the aligned range (pad.c).
 * I2  A zero write that the driver cannot do becomes a write of a zeroed buffer, unless BDRV_REQ_NO_FALLBACK.
 */
#include "block/pad.h"
#include "base/bytes.h"

#define MAX_BOUNCE_BUFFER (32768 * BDRV_SECTOR_SIZE)

/* ---- Zeroes ---- */

/* A piece that the driver could not do: from a buffer of zeroes. */
static int coroutine_fn write_zero_buffer(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn write_zero_buffer(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags)
{
    int64_t max = MIN(bytes, (int64_t)MIN(MAX_BOUNCE_BUFFER, bs->bl.max_transfer ? bs->bl.max_transfer : INT_MAX));
    int64_t done = 0;
    void *buf;
    int ret = 0;

    max = MAX(QEMU_ALIGN_DOWN(max, (int64_t)bs->bl.request_alignment), bs->bl.request_alignment);
    buf = qemu_try_blockalign0(bs, max);
    if (!buf) {
        return -ENOMEM;
    }
    while (done < bytes && ret == 0) {
        int64_t num = MIN(bytes - done, max);
        QEMUIOVector v;

        qemu_iovec_init_buf(&v, buf, num);
        ret = bdrv_driver_pwritev(bs, offset + done, num, &v, 0, flags & ~(BDRV_REQ_ZERO_WRITE |
                                                                          BDRV_REQ_MAY_UNMAP));
        done += num;
    }
    qemu_vfree(buf);
    return ret;
}

int coroutine_fn bdrv_co_do_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags)
{
    int64_t align = MAX(bs->bl.pwrite_zeroes_alignment, bs->bl.request_alignment);
    int64_t max = bs->bl.max_pwrite_zeroes ? bs->bl.max_pwrite_zeroes : BDRV_REQUEST_MAX_BYTES;
    bool need_flush = (flags & BDRV_REQ_FUA) && !(bs->supported_zero_flags & BDRV_REQ_FUA);
    int ret = 0;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if ((flags & ~bs->supported_zero_flags) & BDRV_REQ_NO_FALLBACK) {
        return -ENOTSUP;
    }
    max = MAX(QEMU_ALIGN_DOWN(max, align), align);
    while (bytes > 0 && ret == 0) {
        int64_t head = offset % align;
        int64_t num = bytes;

        /* First up to the alignment, then whole blocks, then the rest: drivers are best at whole blocks. */
        if (head) {
            num = MIN(bytes, align - head);
        } else if (bytes > align && bytes % align) {
            num = QEMU_ALIGN_DOWN(bytes, align);
        }
        num = MIN(num, max);
        ret = bdrv_driver_pwrite_zeroes(bs, offset, num, flags);
        if (ret == -ENOTSUP && !(flags & BDRV_REQ_NO_FALLBACK)) {
            ret = write_zero_buffer(bs, offset, num, flags);
        }
        offset += num;
        bytes -= num;
    }
    if (ret == 0 && need_flush) {
        ret = bdrv_co_flush(bs);
    }
    return ret;
}

/* ---- Aligned writes ---- */

static int coroutine_fn write_split(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t align,
                                    QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn write_split(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t align,
                                    QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    int64_t max_transfer = QEMU_ALIGN_DOWN(MIN((int64_t)(bs->bl.max_transfer ? bs->bl.max_transfer : INT_MAX),
                                               INT_MAX), align);
    int64_t done = 0;

    while (done < bytes) {
        int64_t num = MIN(bytes - done, max_transfer);
        BdrvRequestFlags now = flags;
        int ret;

        if (num < bytes - done && !(bs->supported_write_flags & BDRV_REQ_FUA)) {
            now &= ~BDRV_REQ_FUA;       /* the flush after the last piece covers all */
        }
        ret = bdrv_driver_pwritev(bs, offset + done, num, qiov, qiov_offset + done, now);
        if (ret < 0) {
            return ret;
        }
        done += num;
    }
    return 0;
}

static BdrvRequestFlags detect_zeroes(BlockDriverState *bs, QEMUIOVector *qiov, size_t qiov_offset, int64_t bytes,
                                      BdrvRequestFlags flags) GRAPH_RDLOCK;
static BdrvRequestFlags detect_zeroes(BlockDriverState *bs, QEMUIOVector *qiov, size_t qiov_offset, int64_t bytes,
                                      BdrvRequestFlags flags)
{
    if (bs->detect_zeroes != BLOCKDEV_DETECT_ZEROES_OPTIONS_OFF && !(flags & BDRV_REQ_ZERO_WRITE) &&
        bs->drv->bdrv_co_pwrite_zeroes && qemu_iovec_is_zero(qiov, qiov_offset, bytes)) {
        flags |= BDRV_REQ_ZERO_WRITE;
        if (bs->detect_zeroes == BLOCKDEV_DETECT_ZEROES_OPTIONS_UNMAP) {
            flags |= BDRV_REQ_MAY_UNMAP;
        }
    }
    return flags;
}

int coroutine_fn bdrv_aligned_pwritev(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                      int64_t align, QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    int ret;

    assert(QEMU_IS_ALIGNED(offset, align) && QEMU_IS_ALIGNED(bytes, align));
    ret = bdrv_write_req_prepare(child, offset, bytes, req, flags);
    if (ret < 0) {
        return ret;
    }
    flags = detect_zeroes(bs, qiov, qiov_offset, bytes, flags);
    if (flags & BDRV_REQ_ZERO_WRITE) {
        bdrv_co_debug_event(bs, "pwritev_zero");
        ret = bdrv_co_do_pwrite_zeroes(bs, offset, bytes, flags);
    } else if (flags & BDRV_REQ_WRITE_COMPRESSED) {
        ret = bdrv_driver_pwritev_compressed(bs, offset, bytes, qiov, qiov_offset);
    } else {
        bdrv_co_debug_event(bs, "pwritev");
        ret = write_split(bs, offset, bytes, align, qiov, qiov_offset, flags);
    }
    bdrv_co_debug_event(bs, "pwritev_done");
    bdrv_write_req_finish(child, offset, bytes, req, ret);
    return ret;
}

/* ---- Unaligned zero writes: the middle as zeroes, the edges by read-modify-write ---- */

static int coroutine_fn zero_edge(BdrvChild *child, BdrvTrackedRequest *req, BdrvPad *pad, uint8_t *buf,
                                  int64_t block, int64_t from, int64_t to, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn zero_edge(BdrvChild *child, BdrvTrackedRequest *req, BdrvPad *pad, uint8_t *buf,
                                  int64_t block, int64_t from, int64_t to, BdrvRequestFlags flags)
{
    QEMUIOVector v;

    memset(buf + from, 0, to - from);
    qemu_iovec_init_buf(&v, buf, pad->align);
    return bdrv_aligned_pwritev(child, req, block, pad->align, pad->align, &v, 0, flags & ~BDRV_REQ_ZERO_WRITE);
}

static int coroutine_fn zero_pwritev(BdrvChild *child, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                                     BdrvTrackedRequest *req) GRAPH_RDLOCK;
static int coroutine_fn zero_pwritev(BdrvChild *child, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                                     BdrvTrackedRequest *req)
{
    BlockDriverState *bs = child->bs;
    int64_t align = bs->bl.request_alignment;
    int64_t start, end;
    BdrvPad pad;
    int ret = 0;

    bdrv_pad_begin(bs, &pad, NULL, 0, offset, bytes, align, true);
    if (pad.active) {
        bdrv_make_request_serialising(req, align);
        ret = bdrv_pad_read(child, req, &pad);
    }
    start = pad.offset;
    end = pad.offset + pad.bytes;
    if (ret == 0 && pad.active && (pad.head || pad.merged)) {
        ret = zero_edge(child, req, &pad, pad.head_buf, start, pad.head, pad.merged ? align - pad.tail : align, flags);
        start += align;
    }
    if (ret == 0 && pad.active && pad.tail && !pad.merged) {
        end -= align;
    }
    if (ret == 0 && start < end) {
        ret = bdrv_aligned_pwritev(child, req, start, end - start, align, NULL, 0, flags);
    }
    if (ret == 0 && pad.active && pad.tail && !pad.merged) {
        ret = zero_edge(child, req, &pad, pad.tail_buf, end, 0, align - pad.tail, flags);
    }
    bdrv_pad_end(&pad, NULL, 0, false);
    return ret;
}

/* ---- Entry points ---- */

static int coroutine_fn padded_write(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                     QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn padded_write(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                     QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    int64_t align = bs->bl.request_alignment;
    BdrvPad pad;
    int ret;

    if (flags & BDRV_REQ_WRITE_COMPRESSED) {
        /* Drivers compress whole clusters and the tail of the image; they check alignment themselves. */
        ret = bdrv_write_req_prepare(child, offset, bytes, req, flags);
        if (ret == 0) {
            ret = bdrv_driver_pwritev_compressed(bs, offset, bytes, qiov, qiov_offset);
            bdrv_write_req_finish(child, offset, bytes, req, ret);
        }
        return ret;
    }
    if (bdrv_is_read_only(bs)) {
        return -EPERM;              /* before anything is read */
    }
    bdrv_pad_begin(bs, &pad, qiov, qiov_offset, offset, bytes, align, true);
    ret = 0;
    if (pad.active) {
        bdrv_make_request_serialising(req, align);          /* (I1) */
        ret = bdrv_pad_read(child, req, &pad);
    }
    if (ret == 0) {
        ret = bdrv_aligned_pwritev(child, req, pad.offset, pad.bytes, align, pad.active ? &pad.qiov : qiov,
                                   pad.active ? 0 : qiov_offset, flags);
    }
    bdrv_pad_end(&pad, qiov, qiov_offset, false);
    return ret;
}

int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    ret = bdrv_check_qiov_request(offset, bytes, qiov, qiov_offset, NULL);
    if (ret < 0 || bytes == 0) {
        return ret;
    }
    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    if (flags & BDRV_REQ_ZERO_WRITE) {
        assert(!qiov);
        ret = bdrv_is_read_only(bs) ? -EPERM : zero_pwritev(child, offset, bytes, flags, &req);
    } else {
        ret = padded_write(child, &req, offset, bytes, qiov, qiov_offset, flags);
    }
    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                 BdrvRequestFlags flags)
{
    return bdrv_co_pwritev_part(child, offset, bytes, qiov, 0, flags);
}

int coroutine_fn bdrv_co_pwrite(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                BdrvRequestFlags flags)
{
    QEMUIOVector qiov;

    if (bytes < 0) {
        return -EINVAL;
    }
    qemu_iovec_init_buf(&qiov, (void *)buf, bytes);
    return bdrv_co_pwritev(child, offset, bytes, &qiov, flags);
}

int coroutine_fn bdrv_co_pwrite_sync(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                     BdrvRequestFlags flags)
{
    int ret = bdrv_co_pwrite(child, offset, bytes, buf, flags);

    return ret < 0 ? ret : bdrv_co_flush(child->bs);
}

int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
{
    if (!(child->bs->open_flags & BDRV_O_UNMAP)) {
        flags &= ~BDRV_REQ_MAY_UNMAP;
    }
    return bdrv_co_pwritev(child, offset, bytes, NULL, BDRV_REQ_ZERO_WRITE | flags);
}

/* ---- Discard ---- */

static int coroutine_fn discard_split(BlockDriverState *bs, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
static int coroutine_fn discard_split(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t req_align = bs->bl.request_alignment;
    int64_t align = MAX(bs->bl.pdiscard_alignment, req_align);
    int64_t max = bs->bl.max_pdiscard ? bs->bl.max_pdiscard : BDRV_REQUEST_MAX_BYTES;
    int64_t start = QEMU_ALIGN_UP(offset, req_align);
    int64_t end = QEMU_ALIGN_DOWN(offset + bytes, req_align);

    /* A hint: what does not fill a block of the driver is left alone. */
    max = MAX(QEMU_ALIGN_DOWN(max, align), align);
    while (start < end) {
        int64_t head = start % align;
        int64_t num = head ? MIN(end - start, align - head) : end - start;
        int ret;

        if (!head && num > align && num % align) {
            num = QEMU_ALIGN_DOWN(num, align);
        }
        num = MIN(num, max);
        ret = bdrv_driver_pdiscard(bs, start, num);
        if (ret < 0 && ret != -ENOTSUP) {
            return ret;
        }
        start += num;
    }
    return 0;
}

int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bdrv_is_read_only(bs)) {
        return -EPERM;
    }
    ret = bdrv_check_request(offset, bytes, NULL);
    if (ret < 0 || !bytes || !(bs->open_flags & BDRV_O_UNMAP) || !bs->drv->bdrv_co_pdiscard) {
        return ret;
    }
    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_DISCARD);
    ret = bdrv_write_req_prepare(child, offset, bytes, &req, 0);
    if (ret == 0) {
        ret = discard_split(bs, offset, bytes);
        bdrv_write_req_finish(child, offset, bytes, &req, ret);
    }
    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}
