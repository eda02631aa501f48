/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block backends as guest devices see them: attachment, errors, limits. Context: main, BQL, unless I/O says so. */
#include "block/backend_int.h"
#include "aio/main_loop.h"

int blk_attach_dev(BlockBackend *blk, void *dev)
{
    GLOBAL_STATE_CODE();
    if (blk->dev) {
        return -EBUSY;
    }
    blk_ref(blk);
    blk->dev = dev;
    blk->iostatus = "ok";
    return 0;
}

void blk_set_dev_name(BlockBackend *blk, const char *name)
{
    g_free(blk->dev_name);
    blk->dev_name = g_strdup(name);
    if (!*blk->name && name) {
        blk_set_trace_name(blk, name);
    }
}

void blk_detach_dev(BlockBackend *blk, void *dev)
{
    GLOBAL_STATE_CODE();
    assert(blk->dev == dev);
    blk->dev = NULL;
    blk->dev_ops = NULL;
    blk->dev_opaque = NULL;
    g_clear_pointer(&blk->dev_name, g_free);
    result_ignored(blk_set_perm(blk, 0, BLK_PERM_ALL, NULL));     /* giving up cannot fail */
    blk_unref(blk);
}

void *blk_get_attached_dev(BlockBackend *blk)
{
    return blk->dev;
}

const char *blk_get_attached_dev_id(BlockBackend *blk)
{
    return blk->dev_name ? blk->dev_name : "";
}

void blk_set_dev_ops(BlockBackend *blk, const BlockDevOps *ops, void *opaque)
{
    GLOBAL_STATE_CODE();
    blk->dev_ops = ops;
    blk->dev_opaque = opaque;
    /* The device learns about the drain it was born into. */
    if (blk_in_drain(blk) && ops && ops->drained_begin) {
        ops->drained_begin(opaque);
    }
}

/* ---- The medium, by the device ---- */

bool blk_dev_has_removable_media(BlockBackend *blk)
{
    return !blk->dev || (blk->dev_ops && blk->dev_ops->change_media_cb);
}

bool blk_dev_has_tray(BlockBackend *blk)
{
    return blk->dev_ops && blk->dev_ops->is_tray_open;
}

bool blk_dev_is_tray_open(BlockBackend *blk)
{
    return blk_dev_has_tray(blk) && blk->dev_ops->is_tray_open(blk->dev_opaque);
}

bool blk_dev_is_medium_locked(BlockBackend *blk)
{
    return blk->dev_ops && blk->dev_ops->is_medium_locked && blk->dev_ops->is_medium_locked(blk->dev_opaque);
}

void blk_dev_eject_request(BlockBackend *blk, bool force)
{
    if (blk->dev_ops && blk->dev_ops->eject_request_cb) {
        blk->dev_ops->eject_request_cb(blk->dev_opaque, force);
    }
}

void blk_dev_change_media_cb(BlockBackend *blk, bool load, GError **errp)
{
    if (blk->dev_ops && blk->dev_ops->change_media_cb) {
        blk->dev_ops->change_media_cb(blk->dev_opaque, load, errp);
    }
}

void blk_set_enable_write_cache(BlockBackend *blk, bool wce)
{
    __atomic_store_n(&blk->enable_write_cache, wce, __ATOMIC_SEQ_CST);
}

bool blk_enable_write_cache(BlockBackend *blk)
{
    return __atomic_load_n(&blk->enable_write_cache, __ATOMIC_SEQ_CST);
}

void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow)
{
    blk->allow_write_beyond_eof = allow;
}

void blk_set_allow_aio_context_change(BlockBackend *blk, bool allow)
{
    blk->allow_aio_context_change = allow;
}

void blk_set_disable_request_queuing(BlockBackend *blk, bool disable)
{
    __atomic_store_n(&blk->disable_request_queuing, disable, __ATOMIC_SEQ_CST);
}

void blk_set_force_allow_inactivate(BlockBackend *blk)
{
    blk->force_allow_inactivate = true;
}

/* ---- Errors ---- */

void blk_set_on_error(BlockBackend *blk, BlockdevOnError on_read_error, BlockdevOnError on_write_error)
{
    blk->on_read_error = on_read_error;
    blk->on_write_error = on_write_error;
}

BlockdevOnError blk_get_on_error(BlockBackend *blk, bool is_read)
{
    return is_read ? blk->on_read_error : blk->on_write_error;
}

BlockErrorAction blk_get_error_action(BlockBackend *blk, bool is_read, int error)
{
    switch (blk_get_on_error(blk, is_read)) {
    case BLOCKDEV_ON_ERROR_ENOSPC:
    case BLOCKDEV_ON_ERROR_AUTO:
        return error == ENOSPC ? BLOCK_ERROR_ACTION_STOP : BLOCK_ERROR_ACTION_REPORT;
    case BLOCKDEV_ON_ERROR_STOP:
        return BLOCK_ERROR_ACTION_STOP;
    case BLOCKDEV_ON_ERROR_REPORT:
        return BLOCK_ERROR_ACTION_REPORT;
    case BLOCKDEV_ON_ERROR_IGNORE:
        return BLOCK_ERROR_ACTION_IGNORE;
    default:
        g_assert_not_reached();
    }
}

void blk_set_error_observer(BlkErrorObserver *fn, void *opaque)
{
    block_state()->error_observer = fn;
    block_state()->error_observer_opaque = opaque;
}

void blk_error_action(BlockBackend *blk, BlockErrorAction action, bool is_read, int error)
{
    BlockState *s = block_state();

    GLOBAL_STATE_CODE();
    assert(error >= 0);
    if (action == BLOCK_ERROR_ACTION_STOP && blk->iostatus_enabled && g_str_equal(blk->iostatus, "ok")) {
        blk->iostatus = error == ENOSPC ? "nospace" : "failed";
    }
    if (s->error_observer) {
        s->error_observer(s->error_observer_opaque, blk, action, is_read, error);
    }
}

void blk_iostatus_enable(BlockBackend *blk)
{
    blk->iostatus_enabled = true;
    blk->iostatus = "ok";
}

bool blk_iostatus_is_enabled(const BlockBackend *blk)
{
    return blk->iostatus_enabled;
}

void blk_iostatus_reset(BlockBackend *blk)
{
    blk->iostatus = "ok";
}

const char *blk_iostatus(const BlockBackend *blk)
{
    return blk->iostatus;
}

/* ---- What the medium is ---- */

bool coroutine_fn blk_co_is_inserted(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    return bs && bs->drv && bdrv_driver_is_inserted(bs);
}

bool coroutine_fn blk_co_is_available(BlockBackend *blk)
{
    return blk_co_is_inserted(blk) && !blk_dev_is_tray_open(blk);
}

bool blk_supports_write_perm(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    return !bs || !bdrv_is_read_only(bs);
}

bool blk_is_writable(BlockBackend *blk)
{
    return blk->perm & BLK_PERM_WRITE;
}

bool blk_is_sg(BlockBackend *blk)
{
    return blk_bs(blk) && bdrv_is_sg(blk_bs(blk));
}

bool blk_op_is_blocked(BlockBackend *blk, BlockOpType op, GError **errp)
{
    return blk_bs(blk) && bdrv_op_is_blocked(blk_bs(blk), op, errp);
}

void blk_op_block(BlockBackend *blk, BlockOpType op, GError *reason)
{
    if (blk_bs(blk)) {
        bdrv_op_block(blk_bs(blk), op, reason);
    }
}

void blk_op_unblock(BlockBackend *blk, BlockOpType op, GError *reason)
{
    if (blk_bs(blk)) {
        bdrv_op_unblock(blk_bs(blk), op, reason);
    }
}

void blk_op_block_all(BlockBackend *blk, GError *reason)
{
    if (blk_bs(blk)) {
        bdrv_op_block_all(blk_bs(blk), reason);
    }
}

void blk_op_unblock_all(BlockBackend *blk, GError *reason)
{
    if (blk_bs(blk)) {
        bdrv_op_unblock_all(blk_bs(blk), reason);
    }
}

uint32_t blk_get_request_alignment(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    return bs ? bs->bl.request_alignment : BDRV_SECTOR_SIZE;
}

uint32_t blk_get_max_transfer(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);
    uint32_t max = bs && bs->bl.max_transfer ? bs->bl.max_transfer : INT_MAX;

    return max & ~(blk_get_request_alignment(blk) - 1);
}

uint64_t blk_get_max_hw_transfer(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);
    uint64_t max = blk_get_max_transfer(blk);

    return bs && bs->bl.max_hw_transfer ? MIN(max, bs->bl.max_hw_transfer) : max;
}

int blk_get_max_iov(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    return bs && bs->bl.max_iov ? bs->bl.max_iov : 1024;
}

void *blk_blockalign(BlockBackend *blk, size_t size)
{
    return qemu_blockalign(blk_bs(blk), size);
}

int blk_probe_blocksizes(BlockBackend *blk, BlockSizes *bsz)
{
    BlockDriverState *bs = blk_bs(blk);

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bs && bs->drv && bs->drv->bdrv_probe_blocksizes ? bs->drv->bdrv_probe_blocksizes(bs, bsz) : -ENOTSUP;
}

BlockAcctStats *blk_get_stats(BlockBackend *blk)
{
    return &blk->stats;
}
