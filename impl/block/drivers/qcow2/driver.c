/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 driver: the slots that need no file of their own, and the table of operations.
 *
 * Context: CO unless the slot's declaration says otherwise.   Source: qcow2 specification.
 */
#include "block/drivers/qcow2/qcow2.h"

static int qcow2_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && ld32_be(buf) == QCOW_MAGIC && ld32_be(buf + 4) >= 2 ? 100 : 0;
}

static void GRAPH_RDLOCK qcow2_refresh_limits(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;

    bs->bl.pwrite_zeroes_alignment = s->cluster_size;
    bs->bl.pdiscard_alignment = s->cluster_size;
}

static int64_t coroutine_fn GRAPH_RDLOCK qcow2_co_getlength(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    return (int64_t)s->size;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_flush_to_os(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (s->unusable) {
        return -EIO;
    }
    qemu_co_mutex_lock(&s->lock);
    /* The core flushes the child next; when clusters wait for that, they must know that it happened. */
    ret = g_hash_table_size(s->pending_free) ? qcow2_flush_caches(bs) : qcow2_write_caches(bs);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset,
                                                           int64_t bytes, int64_t *pnum, int64_t *map,
                                                           BlockDriverState **file)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Extent e;
    int ret;

    if (s->unusable) {
        return -EIO;
    }
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_lookup_locked(bs, offset, bytes, &e);
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    *pnum = (int64_t)e.bytes;
    if (e.type == QCOW2_CLUSTER_NORMAL || e.type == QCOW2_CLUSTER_ZERO_ALLOC) {
        *map = (int64_t)e.host_offset;
        *file = bs->file->bs;
        ret |= BDRV_BLOCK_OFFSET_VALID;
    }
    switch (e.type) {
    case QCOW2_CLUSTER_ZERO_PLAIN:
    case QCOW2_CLUSTER_ZERO_ALLOC:
        return ret | BDRV_BLOCK_ZERO;
    case QCOW2_CLUSTER_NORMAL:
        return ret | BDRV_BLOCK_DATA;
    case QCOW2_CLUSTER_COMPRESSED:
        return ret | BDRV_BLOCK_DATA | BDRV_BLOCK_COMPRESSED;
    case QCOW2_CLUSTER_UNALLOCATED:
        break;
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVQcow2State *s = bs->opaque;

    bdi->cluster_size = s->cluster_size;
    bdi->subcluster_size = s->cluster_size;
    bdi->vm_state_offset = qcow2_vm_state_offset(s);
    bdi->is_dirty = s->incompatible_features & QCOW2_INCOMPAT_DIRTY;
    return 0;
}

static json_object *GRAPH_RDLOCK qcow2_get_specific_info(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    json_object *info = json_object_new_object();
    json_object *data = json_object_new_object();

    json_object_object_add(data, "compat", json_object_new_string(s->version >= 3 ? "1.1" : "0.10"));
    json_object_object_add(data, "compression-type",
                           json_object_new_string(s->compression == QCOW2_COMPRESSION_ZSTD ? "zstd" : "zlib"));
    if (s->version >= 3) {
        json_object_object_add(data, "lazy-refcounts",
                               json_object_new_boolean(!!(s->compatible_features & QCOW2_COMPAT_LAZY_REFCOUNTS)));
    }
    json_object_object_add(data, "refcount-bits", json_object_new_int(1 << s->refcount_order));
    if (s->version >= 3) {
        json_object_object_add(data, "corrupt",
                               json_object_new_boolean(!!(s->incompatible_features & QCOW2_INCOMPAT_CORRUPT)));
        json_object_object_add(data, "extended-l2", json_object_new_boolean(false));
    }
    json_object_object_add(info, "type", json_object_new_string("qcow2"));
    json_object_object_add(info, "data", data);
    return info;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_check(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_check_locked(bs, result, fix);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_change_backing_file(BlockDriverState *bs, const char *backing_file,
                                                                  const char *backing_fmt)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (backing_file && strlen(backing_file) > QCOW_MAX_BACKING_NAME) {
        return -EINVAL;
    }
    qemu_co_mutex_lock(&s->lock);
    g_free(s->backing_file);
    s->backing_file = backing_file && backing_file[0] ? g_strdup(backing_file) : NULL;
    g_free(s->tail.backing_format);
    s->tail.backing_format = backing_fmt && backing_fmt[0] ? g_strdup(backing_fmt) : NULL;
    ret = qcow2_update_header(bs);
    qemu_co_mutex_unlock(&s->lock);
    g_free(bs->backing_file);
    bs->backing_file = g_strdup(s->backing_file ? s->backing_file : "");
    g_free(bs->auto_backing_file);
    bs->auto_backing_file = g_strdup(bs->backing_file);
    g_free(bs->backing_format);
    bs->backing_format = g_strdup(backing_fmt ? backing_fmt : "");
    return ret;
}

/* Where byte @pos of the VM state is; -EFBIG if it cannot be addressed. */
static int64_t vmstate_offset(const BDRVQcow2State *s, int64_t pos, uint64_t bytes)
{
    uint64_t base = qcow2_vm_state_offset(s);

    if (pos < 0 || bytes > INT64_MAX || (uint64_t)pos > INT64_MAX - bytes || base > INT64_MAX - bytes - pos) {
        return -EFBIG;
    }
    return (int64_t)base + pos;
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_save_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos)
{
    int64_t offset = vmstate_offset(bs->opaque, pos, qiov->size);

    BLKDBG_CO_EVENT(bs->file, "vmstate_save");
    return offset < 0 ? offset : qcow2_co_pwritev_part(bs, offset, qiov->size, qiov, 0, 0);
}

static int coroutine_fn GRAPH_RDLOCK qcow2_co_load_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos)
{
    int64_t offset = vmstate_offset(bs->opaque, pos, qiov->size);

    BLKDBG_CO_EVENT(bs->file, "vmstate_load");
    return offset < 0 ? offset : qcow2_co_preadv_part(bs, offset, qiov->size, qiov, 0, 0);
}

/* The core hands over a vector that starts at its beginning. */
static int coroutine_fn GRAPH_RDLOCK qcow2_co_pwritev_compressed(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                                 QEMUIOVector *qiov)
{
    return qcow2_co_pwritev_compressed_part(bs, offset, bytes, qiov, 0);
}

static int GRAPH_RDLOCK qcow2_has_zero_init(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    /* Preallocated clusters show what the file shows. */
    if (s->l1_size && s->l1_table[0]) {
        return bdrv_has_zero_init(bs->file->bs);
    }
    return 1;
}

const BlockDriver bdrv_qcow2 = {
    .format_name = "qcow2",
    .instance_size = sizeof(BDRVQcow2State),
    .is_format = true,
    .supports_backing = true,
    .opts = qcow2_opts,
    .create_opts = qcow2_create_opts,

    .bdrv_probe = qcow2_probe,
    .bdrv_open = qcow2_open,
    .bdrv_close = qcow2_close,
    .bdrv_reopen_prepare = qcow2_reopen_prepare,
    .bdrv_reopen_commit = qcow2_reopen_commit,
    .bdrv_reopen_abort = qcow2_reopen_abort,
    .bdrv_co_create_opts = qcow2_co_create_opts,
    .bdrv_inactivate = qcow2_inactivate,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_refresh_limits = qcow2_refresh_limits,
    .bdrv_snapshot_create = qcow2_snapshot_create,
    .bdrv_snapshot_goto = qcow2_snapshot_goto,
    .bdrv_snapshot_delete = qcow2_snapshot_delete,
    .bdrv_snapshot_list = qcow2_snapshot_list,
    .bdrv_snapshot_load_tmp = qcow2_snapshot_load_tmp,
    .bdrv_get_specific_info = qcow2_get_specific_info,

    .bdrv_co_preadv_part = qcow2_co_preadv_part,
    .bdrv_co_pwritev_part = qcow2_co_pwritev_part,
    .bdrv_co_pwritev_compressed = qcow2_co_pwritev_compressed,
    .bdrv_co_pwrite_zeroes = qcow2_co_pwrite_zeroes,
    .bdrv_co_pdiscard = qcow2_co_pdiscard,
    .bdrv_co_block_status = qcow2_co_block_status,
    .bdrv_co_flush_to_os = qcow2_co_flush_to_os,
    .bdrv_co_truncate = qcow2_co_truncate,
    .bdrv_co_getlength = qcow2_co_getlength,
    .bdrv_co_get_info = qcow2_co_get_info,
    .bdrv_co_check = qcow2_co_check,
    .bdrv_co_change_backing_file = qcow2_co_change_backing_file,
    .bdrv_co_invalidate_cache = qcow2_co_invalidate_cache,
    .bdrv_co_save_vmstate = qcow2_co_save_vmstate,
    .bdrv_co_load_vmstate = qcow2_co_load_vmstate,
    .bdrv_has_zero_init = qcow2_has_zero_init,
};
