/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Padding: unaligned requests become aligned ones with the neighbouring bytes around the caller's.
 *
 * I1  Bytes outside the caller's range are written back exactly as they were read, within one serialising request.
 * I2  If they cannot be read, nothing is written: the read's error is the request's.
 */
#include "block/pad.h"
#include "base/bytes.h"

#define PAD_IOV_MAX 1024

bool bdrv_pad_begin(BlockDriverState *bs, BdrvPad *pad, QEMUIOVector *qiov, size_t qiov_offset, int64_t offset,
                    int64_t bytes, int64_t align, bool write)
{
    QEMUIOVector part;

    *pad = (BdrvPad){ .align = align };
    pad->head = offset & (align - 1);
    pad->offset = offset - pad->head;
    pad->bytes = QEMU_ALIGN_UP(pad->head + bytes, align);
    pad->tail = pad->bytes - pad->head - bytes;
    if (!pad->head && !pad->tail) {
        return false;
    }
    pad->active = true;
    pad->merged = pad->bytes == align;
    pad->mem = qemu_blockalign(bs, 2 * align);
    pad->head_buf = pad->mem;
    pad->tail_buf = pad->merged ? pad->mem : pad->mem + align;
    if (!qiov) {
        return true;
    }
    qemu_iovec_init_slice(&part, qiov, qiov_offset, bytes);
    qemu_iovec_init(&pad->qiov, MIN(part.niov, PAD_IOV_MAX) + 2);
    if (pad->head) {
        qemu_iovec_add(&pad->qiov, pad->head_buf, pad->head);
    }
    if (part.niov > PAD_IOV_MAX - 2) {
        pad->bounce = qemu_blockalign(bs, bytes);
        if (write) {
            qemu_iovec_to_buf(&part, 0, pad->bounce, bytes);
        }
        qemu_iovec_add(&pad->qiov, pad->bounce, bytes);
    } else {
        qemu_iovec_concat(&pad->qiov, &part, 0, bytes);
    }
    if (pad->tail) {
        qemu_iovec_add(&pad->qiov, pad->tail_buf + align - pad->tail, pad->tail);
    }
    qemu_iovec_destroy(&part);
    return true;
}

void bdrv_pad_end(BdrvPad *pad, QEMUIOVector *qiov, size_t qiov_offset, bool copy_back)
{
    if (!pad->active) {
        return;
    }
    if (pad->bounce && copy_back) {
        qemu_iovec_from_buf(qiov, qiov_offset, pad->bounce, pad->bytes - pad->head - pad->tail);
    }
    qemu_vfree(pad->bounce);
    qemu_vfree(pad->mem);
    if (pad->qiov.size) {
        qemu_iovec_destroy(&pad->qiov);
    }
    pad->active = false;
}

static int coroutine_fn read_block(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t align,
                                   uint8_t *buf) GRAPH_RDLOCK;
static int coroutine_fn read_block(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t align,
                                   uint8_t *buf)
{
    QEMUIOVector v;

    qemu_iovec_init_buf(&v, buf, align);
    return bdrv_aligned_preadv(child, req, offset, align, align, &v, 0, 0);
}

int coroutine_fn bdrv_pad_read(BdrvChild *child, BdrvTrackedRequest *req, BdrvPad *pad)
{
    int ret;

    assert(req->serialising);
    if (pad->head || pad->merged) {
        bdrv_co_debug_event(child->bs, "pwritev_rmw_head");
        ret = read_block(child, req, pad->offset, pad->align, pad->head_buf);
        if (ret < 0) {
            return ret;             /* (I2) */
        }
        bdrv_co_debug_event(child->bs, "pwritev_rmw_after_head");
    }
    if (pad->tail && !pad->merged) {
        bdrv_co_debug_event(child->bs, "pwritev_rmw_tail");
        ret = read_block(child, req, pad->offset + pad->bytes - pad->align, pad->align, pad->tail_buf);
        if (ret < 0) {
            return ret;             /* (I2) */
        }
        bdrv_co_debug_event(child->bs, "pwritev_rmw_after_tail");
    }
    return 0;
}
