/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rest of the I/O on nodes: flush, length, truncate, information, check, VM state, debug points, creation.
 *
 * Context: coroutine in the node's context with the graph reader lock, unless a function says otherwise.
 *
 * I1  One flush of a node at a time; a flush that finds nothing written since the last one does not reach the disk.
 */
#include "block/state.h"
#include "aio/main_loop.h"
#include "base/bytes.h"

/* ---- Flush ---- */

static int coroutine_fn flush_children(BlockDriverState *bs) GRAPH_RDLOCK;
static int coroutine_fn flush_children(BlockDriverState *bs)
{
    BdrvChild *c;
    int ret = 0;

    QLIST_FOREACH(c, &bs->children, next) {
        if (c->perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) {
            int this_ret = bdrv_co_flush(c->bs);

            ret = ret ? ret : this_ret;
        }
    }
    return ret;
}

static int coroutine_fn flush_layers(BlockDriverState *bs, unsigned gen) GRAPH_RDLOCK;
static int coroutine_fn flush_layers(BlockDriverState *bs, unsigned gen)
{
    int ret = bdrv_driver_flush_to_os(bs);

    if (ret < 0) {
        return ret;
    }
    if ((bs->open_flags & BDRV_O_NO_FLUSH) || bs->flushed_gen == gen) {
        return flush_children(bs);
    }
    ret = bdrv_driver_flush_to_disk(bs);
    return ret < 0 ? ret : flush_children(bs);
}

int coroutine_fn bdrv_co_flush(BlockDriverState *bs)
{
    unsigned gen;
    int ret;

    if (!bs->drv || bdrv_is_read_only(bs) || bdrv_is_sg(bs)) {
        return 0;
    }
    bdrv_inc_in_flight(bs);
    sched_mutex_lock(&bs->reqs_lock);
    gen = __atomic_load_n(&bs->write_gen, __ATOMIC_SEQ_CST);
    while (bs->active_flush_req) {
        qemu_co_queue_wait(&bs->flush_queue, &bs->reqs_lock);
    }
    bs->active_flush_req = true;        /* (I1) */
    sched_mutex_unlock(&bs->reqs_lock);

    bdrv_co_debug_event(bs, "flush_to_os");
    ret = flush_layers(bs, gen);

    sched_mutex_lock(&bs->reqs_lock);
    if (ret == 0) {
        bs->flushed_gen = gen;
    }
    bs->active_flush_req = false;
    qemu_co_queue_next(&bs->flush_queue);
    sched_mutex_unlock(&bs->reqs_lock);
    bdrv_dec_in_flight(bs);
    return ret;
}

int bdrv_flush_all(void)
{
    BdrvNextIterator it;
    BlockDriverState *bs;
    int result = 0;

    GLOBAL_STATE_CODE();
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    for (bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
        int ret = bdrv_flush(bs);

        result = result ? result : ret;
    }
    return result;
}

/* ---- Length ---- */

int coroutine_fn bdrv_co_refresh_total_sectors(BlockDriverState *bs, int64_t hint)
{
    int64_t len;

    if (!bs->drv || bdrv_is_sg(bs)) {
        return 0;
    }
    if (!bs->drv->bdrv_co_getlength && !bdrv_filter_bs(bs)) {
        bs->total_bytes = hint;         /* the driver has set it for good */
        return 0;
    }
    len = bdrv_driver_getlength(bs);
    if (len < 0) {
        return len;
    }
    bs->total_bytes = QEMU_ALIGN_UP(len, (int64_t)BDRV_SECTOR_SIZE);
    return 0;
}

int64_t coroutine_fn bdrv_co_getlength(BlockDriverState *bs)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->bl.has_variable_length) {
        int ret = bdrv_co_refresh_total_sectors(bs, bs->total_bytes);

        if (ret < 0) {
            return ret;
        }
    }
    return bs->total_bytes;
}

int64_t coroutine_fn bdrv_co_nb_sectors(BlockDriverState *bs)
{
    int64_t len = bdrv_co_getlength(bs);

    return len < 0 ? len : len / (int64_t)BDRV_SECTOR_SIZE;
}

int64_t coroutine_fn bdrv_co_get_allocated_file_size(BlockDriverState *bs)
{
    BdrvChild *c;
    int64_t sum = 0;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_co_get_allocated_file_size) {
        return bdrv_driver_get_allocated_file_size(bs);
    }
    if (!bdrv_primary_bs(bs)) {
        return -ENOTSUP;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->role & (BDRV_CHILD_DATA | BDRV_CHILD_METADATA | BDRV_CHILD_FILTERED)) {
            int64_t size = bdrv_co_get_allocated_file_size(c->bs);

            if (size < 0) {
                return size;
            }
            sum += size;
        }
    }
    return sum;
}

/* ---- Truncate ---- */

static int coroutine_fn truncate_tracked(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t old_size,
                                         bool exact, PreallocMode prealloc, BdrvRequestFlags flags, GError **errp)
    GRAPH_RDLOCK;
static int coroutine_fn truncate_tracked(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t old_size,
                                         bool exact, PreallocMode prealloc, BdrvRequestFlags flags, GError **errp)
{
    BlockDriverState *bs = child->bs;
    BlockDriverState *cow = bdrv_cow_bs(bs);
    int ret;

    if (offset > old_size && cow && bdrv_co_getlength(cow) > old_size) {
        /* The new range must not show what the backing file has beyond the old end. */
        flags |= BDRV_REQ_ZERO_WRITE;
    }
    if (flags & ~bs->supported_truncate_flags & BDRV_REQ_ZERO_WRITE) {
        error_setg(errp, "Block driver does not support requested flags");
        return -ENOTSUP;
    }
    ret = bdrv_driver_truncate(bs, offset, exact, prealloc, flags, errp);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_co_refresh_total_sectors(bs, offset);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not refresh total sector count");
        return ret;
    }
    bdrv_write_req_finish(child, bs->total_bytes, 0, req, 0);
    return 0;
}

int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t offset, bool exact, PreallocMode prealloc,
                                  BdrvRequestFlags flags, GError **errp)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int64_t old_size, changed;
    int ret;

    if (!bs->drv) {
        error_setg(errp, "No medium inserted");
        return -ENOMEDIUM;
    }
    if (offset < 0) {
        error_setg(errp, "Image size cannot be negative");
        return -EINVAL;
    }
    ret = bdrv_check_request(offset, 0, errp);
    if (ret < 0) {
        return ret;
    }
    if (bdrv_is_read_only(bs)) {
        error_setg(errp, "Image is read-only");
        return -EACCES;
    }
    old_size = bdrv_co_getlength(bs);
    if (old_size < 0) {
        error_setg_errno(errp, -old_size, "Failed to get old image size");
        return old_size;
    }
    changed = offset > old_size ? offset - old_size : 0;
    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, offset - changed, changed, BDRV_TRACKED_TRUNCATE);
    if (changed) {
        /* Nobody writes into the range while it comes into being. */
        bdrv_make_request_serialising(&req, 1);
    }
    ret = bdrv_write_req_prepare(child, offset - changed, changed, &req, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Failed to prepare request for truncation");
    } else {
        ret = truncate_tracked(child, &req, offset, old_size, exact, prealloc, flags, errp);
    }
    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

/* ---- Information, check, backing file ---- */

int coroutine_fn bdrv_co_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BlockDriverState *filtered = bdrv_filter_bs(bs);
    int ret;

    *bdi = (BlockDriverInfo){ 0 };
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (!bs->drv->bdrv_co_get_info) {
        return filtered ? bdrv_co_get_info(filtered, bdi) : -ENOTSUP;
    }
    ret = bdrv_driver_get_info(bs, bdi);
    if (bdi->subcluster_size == 0) {
        bdi->subcluster_size = bdi->cluster_size;
    }
    return ret;
}

int coroutine_fn bdrv_co_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (!bs->drv->bdrv_co_check) {
        return -ENOTSUP;
    }
    *res = (BdrvCheckResult){ 0 };
    return bdrv_driver_check(bs, res, fix);
}

int coroutine_fn bdrv_co_change_backing_file(BlockDriverState *bs, const char *backing_file, const char *backing_fmt,
                                             bool require)
{
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (backing_fmt && !backing_file) {
        return -EINVAL;
    }
    if (require && backing_file && !backing_fmt) {
        return -EINVAL;
    }
    ret = bdrv_driver_change_backing_file(bs, backing_file, backing_fmt);
    if (ret == 0) {
        g_free(bs->backing_file);
        g_free(bs->backing_format);
        g_free(bs->auto_backing_file);
        bs->backing_file = g_strdup(backing_file ? backing_file : "");
        bs->backing_format = g_strdup(backing_fmt ? backing_fmt : "");
        bs->auto_backing_file = g_strdup(bs->backing_file);
    }
    return ret;
}

int bdrv_has_zero_init(BlockDriverState *bs)
{
    BlockDriverState *filtered = bdrv_filter_bs(bs);

    GLOBAL_STATE_CODE();
    if (!bs->drv || bdrv_cow_bs(bs)) {
        return 0;
    }
    if (bs->drv->bdrv_has_zero_init) {
        return bs->drv->bdrv_has_zero_init(bs);
    }
    return filtered ? bdrv_has_zero_init(filtered) : 0;
}

bool bdrv_supports_persistent_dirty_bitmap(BlockDriverState *bs)
{
    return bs->drv && bs->drv->bdrv_supports_persistent_dirty_bitmap &&
           bs->drv->bdrv_supports_persistent_dirty_bitmap(bs);
}

json_object *bdrv_get_specific_info(BlockDriverState *bs, GError **errp)
{
    return bs->drv && bs->drv->bdrv_get_specific_info ? bs->drv->bdrv_get_specific_info(bs, errp) : NULL;
}

/* ---- VM state ---- */

int coroutine_fn bdrv_co_writev_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos)
{
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bdrv_check_qiov_request(pos, qiov->size, qiov, 0, NULL) < 0) {
        return -EIO;
    }
    bdrv_inc_in_flight(bs);
    ret = bdrv_driver_vmstate(bs, qiov, pos, false);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn bdrv_co_readv_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos)
{
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bdrv_check_qiov_request(pos, qiov->size, qiov, 0, NULL) < 0) {
        return -EIO;
    }
    bdrv_inc_in_flight(bs);
    ret = bdrv_driver_vmstate(bs, qiov, pos, true);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_mixed_fn bdrv_save_vmstate(BlockDriverState *bs, const uint8_t *buf, int64_t pos, int size)
{
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, (void *)buf, size);
    ret = bdrv_writev_vmstate(bs, &qiov, pos);
    return ret < 0 ? ret : size;
}

int coroutine_mixed_fn bdrv_load_vmstate(BlockDriverState *bs, uint8_t *buf, int64_t pos, int size)
{
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, size);
    ret = bdrv_readv_vmstate(bs, &qiov, pos);
    return ret < 0 ? ret : size;
}

/* ---- Debug points ---- */

void coroutine_fn bdrv_co_debug_event(BlockDriverState *bs, const char *event)
{
    if (bs && bs->drv && bs->drv->bdrv_co_debug_event) {
        bdrv_inc_in_flight(bs);
        bdrv_driver_debug_event(bs, event);
        bdrv_dec_in_flight(bs);
    }
}

/* The node of the chain that knows about debug points. */
static BlockDriverState *debug_node(BlockDriverState *bs) GRAPH_RDLOCK;
static BlockDriverState *debug_node(BlockDriverState *bs)
{
    while (bs && bs->drv && !bs->drv->bdrv_debug_breakpoint) {
        bs = bdrv_primary_bs(bs);
    }
    return bs && bs->drv ? bs : NULL;
}

int bdrv_debug_breakpoint(BlockDriverState *bs, const char *event, const char *tag)
{
    bs = debug_node(bs);
    return bs ? bs->drv->bdrv_debug_breakpoint(bs, event, tag) : -ENOTSUP;
}

int bdrv_debug_remove_breakpoint(BlockDriverState *bs, const char *tag)
{
    bs = debug_node(bs);
    return bs ? bs->drv->bdrv_debug_remove_breakpoint(bs, tag) : -ENOTSUP;
}

int bdrv_debug_resume(BlockDriverState *bs, const char *tag)
{
    bs = debug_node(bs);
    return bs ? bs->drv->bdrv_debug_resume(bs, tag) : -ENOTSUP;
}

bool bdrv_debug_is_suspended(BlockDriverState *bs, const char *tag)
{
    bs = debug_node(bs);
    return bs && bs->drv->bdrv_debug_is_suspended(bs, tag);
}

/* ---- Creation ---- */

int coroutine_fn bdrv_co_create(const BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
{
    GError *err = NULL;
    int ret;

    if (!drv->bdrv_co_create_opts) {
        error_setg(errp, "Driver '%s' does not support image creation", drv->format_name);
        return -ENOTSUP;
    }
    ret = bdrv_driver_create_opts(drv, filename, opts, &err);
    if (ret < 0 && !err) {
        error_setg_errno(&err, -ret, "Could not create image");
    }
    if (err) {
        error_propagate(errp, err);
    }
    return ret;
}

int coroutine_fn bdrv_co_create_file(const char *filename, QDict *opts, GError **errp)
{
    const BlockDriver *drv = bdrv_find_protocol(filename, true, errp);
    g_autoptr(QDict) own = NULL;

    if (!drv) {
        return -ENOENT;
    }
    own = block_opts_take(drv->create_opts, opts, errp);
    return own ? bdrv_co_create(drv, filename, own, errp) : -EINVAL;
}

int coroutine_fn bdrv_co_delete_file(BlockDriverState *bs, GError **errp)
{
    if (!bs->drv || !bs->drv->bdrv_co_delete_file) {
        error_setg(errp, "Block driver '%s' does not support image deletion",
                   bs->drv ? bs->drv->format_name : "none");
        return -ENOTSUP;
    }
    return bdrv_driver_delete_file(bs, errp);
}
