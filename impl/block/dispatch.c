/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The waist: the only file that calls the I/O slots of drivers.
 *
 * Each function asserts what drivers may rely on (alignment, range, a counted request), calls the slot that the
 * driver has, and asserts what the core relies on (0 or -errno; a status that makes progress).
 *
 * Context: coroutine in the node's context, graph reader lock.
 */
#include "block/state.h"
#include "base/bytes.h"

static int checked(int ret)
{
    assert(ret <= 0);
    return ret;
}

static void assert_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    assert(bdrv_in_flight(bs) > 0);
    assert(offset >= 0 && bytes >= 0);
    assert(QEMU_IS_ALIGNED((uint64_t)offset, bs->bl.request_alignment));
    assert(QEMU_IS_ALIGNED((uint64_t)bytes, bs->bl.request_alignment));
}

/* Calls @fn with a vector of exactly [qiov_offset, qiov_offset + bytes). */
static QEMUIOVector *slice(QEMUIOVector *local, QEMUIOVector *qiov, size_t qiov_offset, int64_t bytes)
{
    if (qiov_offset == 0 && qiov->size == bytes) {
        return qiov;
    }
    qemu_iovec_init_slice(local, qiov, qiov_offset, bytes);
    return local;
}

int coroutine_fn bdrv_driver_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                    size_t qiov_offset, BdrvRequestFlags flags)
{
    const BlockDriver *drv = bs->drv;
    QEMUIOVector local, *v;
    int ret;

    assert_request(bs, offset, bytes);
    assert(qiov_offset + bytes <= qiov->size);
    if (drv->bdrv_co_preadv_part) {
        return checked(drv->bdrv_co_preadv_part(bs, offset, bytes, qiov, qiov_offset, flags));
    }
    if (!drv->bdrv_co_preadv) {
        return -ENOTSUP;
    }
    v = slice(&local, qiov, qiov_offset, bytes);
    ret = drv->bdrv_co_preadv(bs, offset, bytes, v, flags);
    if (v == &local) {
        qemu_iovec_destroy(&local);
    }
    return checked(ret);
}

int coroutine_fn bdrv_driver_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags)
{
    const BlockDriver *drv = bs->drv;
    bool emulate_fua = (flags & BDRV_REQ_FUA) && !(bs->supported_write_flags & BDRV_REQ_FUA);
    QEMUIOVector local, *v;
    int ret;

    assert_request(bs, offset, bytes);
    assert(qiov_offset + bytes <= qiov->size);
    flags &= bs->supported_write_flags;
    if (drv->bdrv_co_pwritev_part) {
        ret = drv->bdrv_co_pwritev_part(bs, offset, bytes, qiov, qiov_offset, flags);
    } else if (drv->bdrv_co_pwritev) {
        v = slice(&local, qiov, qiov_offset, bytes);
        ret = drv->bdrv_co_pwritev(bs, offset, bytes, v, flags);
        if (v == &local) {
            qemu_iovec_destroy(&local);
        }
    } else {
        return -ENOTSUP;
    }
    if (ret == 0 && emulate_fua) {
        ret = bdrv_co_flush(bs);
    }
    return checked(ret);
}

int coroutine_fn bdrv_driver_pwritev_compressed(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                QEMUIOVector *qiov, size_t qiov_offset)
{
    QEMUIOVector local, *v;
    int ret;

    if (!bs->drv->bdrv_co_pwritev_compressed) {
        return -ENOTSUP;
    }
    v = slice(&local, qiov, qiov_offset, bytes);
    ret = bs->drv->bdrv_co_pwritev_compressed(bs, offset, bytes, v);
    if (v == &local) {
        qemu_iovec_destroy(&local);
    }
    return checked(ret);
}

int coroutine_fn bdrv_driver_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                           BdrvRequestFlags flags)
{
    assert_request(bs, offset, bytes);
    if (!bs->drv->bdrv_co_pwrite_zeroes) {
        return -ENOTSUP;
    }
    return checked(bs->drv->bdrv_co_pwrite_zeroes(bs, offset, bytes, flags & bs->supported_zero_flags));
}

int coroutine_fn bdrv_driver_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    assert_request(bs, offset, bytes);
    if (!bs->drv->bdrv_co_pdiscard) {
        return -ENOTSUP;
    }
    return checked(bs->drv->bdrv_co_pdiscard(bs, offset, bytes));
}

int coroutine_fn bdrv_driver_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                          int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    int ret;

    assert_request(bs, offset, bytes);
    assert(bytes > 0);
    if (bs->drv->bdrv_co_block_status) {
        ret = bs->drv->bdrv_co_block_status(bs, want_zero, offset, bytes, pnum, map, file);
    } else if (bs->drv->is_filter) {
        *pnum = bytes;
        *map = offset;
        *file = bdrv_filter_bs(bs);
        ret = BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
    } else {
        *pnum = bytes;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED;
    }
    if (ret >= 0) {
        assert(*pnum > 0 && QEMU_IS_ALIGNED((uint64_t)*pnum, bs->bl.request_alignment));
        *pnum = MIN(*pnum, bytes);
        assert(!(ret & BDRV_BLOCK_RAW) || ((ret & BDRV_BLOCK_OFFSET_VALID) && *file));
    }
    return ret;
}

int coroutine_fn bdrv_driver_flush_to_os(BlockDriverState *bs)
{
    return bs->drv->bdrv_co_flush_to_os ? checked(bs->drv->bdrv_co_flush_to_os(bs)) : 0;
}

int coroutine_fn bdrv_driver_flush_to_disk(BlockDriverState *bs)
{
    return bs->drv->bdrv_co_flush_to_disk ? checked(bs->drv->bdrv_co_flush_to_disk(bs)) : 0;
}

int coroutine_fn bdrv_driver_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                      BdrvRequestFlags flags, GError **errp)
{
    BdrvChild *filtered = bdrv_filter_child(bs);

    if (bs->drv->bdrv_co_truncate) {
        return checked(bs->drv->bdrv_co_truncate(bs, offset, exact, prealloc, flags, errp));
    }
    if (filtered) {
        return bdrv_co_truncate(filtered, offset, exact, prealloc, flags, errp);
    }
    error_setg(errp, "Image format driver does not support resize");
    return -ENOTSUP;
}

int64_t coroutine_fn bdrv_driver_getlength(BlockDriverState *bs)
{
    if (bs->drv->bdrv_co_getlength) {
        return bs->drv->bdrv_co_getlength(bs);
    }
    return bdrv_filter_bs(bs) ? bdrv_co_getlength(bdrv_filter_bs(bs)) : -ENOTSUP;
}

int coroutine_fn bdrv_driver_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos, bool is_read)
{
    const BlockDriver *drv = bs->drv;
    BlockDriverState *below = bdrv_primary_bs(bs);
    int ret;

    assert(bdrv_in_flight(bs) > 0);
    if (drv->bdrv_co_load_vmstate && is_read) {
        ret = checked(drv->bdrv_co_load_vmstate(bs, qiov, pos));
    } else if (drv->bdrv_co_save_vmstate && !is_read) {
        ret = checked(drv->bdrv_co_save_vmstate(bs, qiov, pos));
    } else if (below) {
        ret = is_read ? bdrv_co_readv_vmstate(below, qiov, pos) : bdrv_co_writev_vmstate(below, qiov, pos);
    } else {
        ret = -ENOTSUP;
    }
    return ret;
}

/* ---- Rare ones ---- */

int64_t coroutine_fn bdrv_driver_get_allocated_file_size(BlockDriverState *bs)
{
    return bs->drv->bdrv_co_get_allocated_file_size(bs);
}

int coroutine_fn bdrv_driver_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    return checked(bs->drv->bdrv_co_get_info(bs, bdi));
}

int coroutine_fn bdrv_driver_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix)
{
    return checked(bs->drv->bdrv_co_check(bs, res, fix));
}

int coroutine_fn bdrv_driver_change_backing_file(BlockDriverState *bs, const char *backing_file,
                                                 const char *backing_fmt)
{
    const BlockDriver *drv = bs->drv;

    return drv->bdrv_co_change_backing_file ? checked(drv->bdrv_co_change_backing_file(bs, backing_file, backing_fmt))
                                            : -ENOTSUP;
}

void coroutine_fn bdrv_driver_invalidate_cache(BlockDriverState *bs, GError **errp)
{
    bs->drv->bdrv_co_invalidate_cache(bs, errp);
}

bool coroutine_fn bdrv_driver_is_inserted(BlockDriverState *bs)
{
    return !bs->drv->bdrv_co_is_inserted || bs->drv->bdrv_co_is_inserted(bs);
}

void coroutine_fn bdrv_driver_debug_event(BlockDriverState *bs, const char *event)
{
    assert(bdrv_in_flight(bs) > 0);
    bs->drv->bdrv_co_debug_event(bs, event);
}

int coroutine_fn bdrv_driver_create_opts(const BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
{
    return checked(drv->bdrv_co_create_opts((BlockDriver *)drv, filename, opts, errp));
}

int coroutine_fn bdrv_driver_delete_file(BlockDriverState *bs, GError **errp)
{
    return checked(bs->drv->bdrv_co_delete_file(bs, errp));
}
