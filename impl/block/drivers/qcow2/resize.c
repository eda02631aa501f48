/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 truncate: grow, shrink, preallocate.
 *
 * Context: CO, node without other requests (the core serialises truncation).   Locks: s->lock.
 *
 * I1  Growing: everything the new size needs is on disk before the header says the new size.
 * I2  Shrinking: the header says the new size before the L1 table loses entries.
 * Source: qcow2 specification, "Header" (size), "Cluster mapping".
 */
#include "block/drivers/qcow2/qcow2.h"

static int coroutine_fn GRAPH_RDLOCK write_size(BlockDriverState *bs, uint64_t size)
{
    BDRVQcow2State *s = bs->opaque;
    uint8_t buf[8];
    int ret;

    st64_be(buf, size);
    ret = bdrv_co_pwrite_sync(bs->file, QCOW2_HDR_SIZE, sizeof(buf), buf, 0);
    if (ret == 0) {
        s->size = size;
    }
    return ret;
}

/* Map one run of at most an L2 table; the clusters are new and past the end of the file, so they read as zero. */
static int coroutine_fn GRAPH_RDLOCK preallocate_run(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                     uint64_t *ret_done, uint64_t *ret_host_end)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Map m;
    int ret = qcow2_map_for_write_locked(bs, offset, bytes, &m);

    if (ret < 0) {
        return ret;
    }
    if (m.is_new) {
        ret = qcow2_map_publish_locked(bs, &m);
        *ret_host_end = MAX(*ret_host_end, m.alloc_offset + (m.nb_clusters << s->cluster_bits));
    }
    *ret_done = m.bytes;
    return ret;
}

int coroutine_fn qcow2_preallocate(BlockDriverState *bs, uint64_t offset, uint64_t new_length, PreallocMode mode,
                                   GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t file_length = bdrv_co_getlength(bs->file->bs);
    uint64_t host_end = 0;
    int ret = 0;

    if (file_length < 0) {
        error_setg_errno(errp, file_length, "Could not get the length of the image file");
        return file_length;
    }
    /* Clusters freed earlier hold old bytes: take none of them. */
    s->free_cluster_index = MAX(s->free_cluster_index, size_to_clusters(s, file_length));
    while (offset < new_length && ret == 0) {
        uint64_t done = 0;

        ret = preallocate_run(bs, offset, new_length - offset, &done, &host_end);
        offset += done;
    }
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not preallocate metadata");
        return ret;
    }
    if (host_end) {
        file_length = bdrv_co_getlength(bs->file->bs);
        if (file_length >= 0 && (uint64_t)file_length < host_end) {
            /* The last cluster must exist: reads past the end of the file are refused by some children. */
            return bdrv_co_truncate(bs->file, host_end, false,
                                    mode == PREALLOC_MODE_METADATA ? PREALLOC_MODE_OFF : mode,
                                    0, errp);
        }
    }
    return 0;
}

/* Drop refcount blocks that count nothing and cut the file after the last cluster in use. */
static void coroutine_fn GRAPH_RDLOCK cut_file(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t last = qcow2_last_used_cluster(bs);
    int64_t length = bdrv_co_getlength(bs->file->bs);

    if (last >= 0 && length > ((last + 1) << s->cluster_bits)) {
        int ret = bdrv_co_truncate(bs->file, (last + 1) << s->cluster_bits, false, PREALLOC_MODE_OFF, 0, NULL);

        (void)ret;      /* a longer file is no error */
    }
}

static int coroutine_fn GRAPH_RDLOCK shrink_locked(BlockDriverState *bs, uint64_t size, PreallocMode prealloc,
                                                   GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t old_size = s->size;
    uint64_t first = end_of_cluster(s, size);
    int ret;

    if (prealloc != PREALLOC_MODE_OFF) {
        error_setg(errp, "Preallocation can't be used for shrinking an image");
        return -EINVAL;
    }
    if (first < old_size) {
        ret = qcow2_discard_locked(bs, first, old_size - first, QCOW2_DISCARD_ALWAYS, true);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Failed to discard cropped clusters");
            return ret;
        }
    }
    ret = qcow2_flush_caches(bs);
    if (ret == 0) {
        ret = write_size(bs, size);     /* (I2) */
    }
    if (ret == 0) {
        ret = qcow2_shrink_l1_table(bs, size_to_l1(s, size));
    }
    if (ret == 0) {
        ret = qcow2_flush_caches(bs);
    }
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to reduce the size of the image");
        return ret;
    }
    qcow2_process_discards(bs, false);
    cut_file(bs);
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK grow_locked(BlockDriverState *bs, uint64_t size, PreallocMode prealloc,
                                                 BdrvRequestFlags flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t old_size = s->size;
    int ret = qcow2_grow_l1_table(bs, size_to_l1(s, size), true);

    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to grow the L1 table");
        return ret;
    }
    if (prealloc != PREALLOC_MODE_OFF) {
        ret = qcow2_preallocate(bs, old_size, size, prealloc, errp);
        if (ret < 0) {
            return ret;
        }
    } else if (flags & BDRV_REQ_ZERO_WRITE && bs->backing) {
        /* A longer backing file must not show in the new part; the cluster with the old end is the core's. */
        uint64_t first = end_of_cluster(s, old_size);

        if (first < size) {
            ret = qcow2_zeroize_locked(bs, first, end_of_cluster(s, size) - first, 0);
        }
        if (ret < 0) {
            error_setg_errno(errp, ret, "Failed to zero out new clusters");
            return ret;
        }
    }
    ret = qcow2_flush_caches(bs);
    if (ret == 0) {
        ret = write_size(bs, size);     /* (I1) */
    }
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to update the image size");
    }
    return ret;
}

/* The part of the old last cluster behind the old end: nothing was promised about it. */
static int coroutine_fn GRAPH_RDLOCK zero_old_end(BlockDriverState *bs, uint64_t old_size, uint64_t size,
                                                  GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t end = MIN(end_of_cluster(s, old_size), size);
    g_autofree uint8_t *zero = NULL;
    QEMUIOVector qiov;
    int ret;

    if (end == old_size || !bs->backing) {
        return 0;
    }
    zero = g_malloc0(end - old_size);
    qemu_iovec_init_buf(&qiov, zero, end - old_size);
    ret = qcow2_co_pwritev_part(bs, old_size, end - old_size, &qiov, 0, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to zero out the new area");
    }
    return ret;
}

int coroutine_fn qcow2_co_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                   BdrvRequestFlags flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t old_size = s->size;
    int ret;

    if (s->unusable) {
        error_setg(errp, "The image is corrupt");
        return -EIO;
    }
    if (offset & (BDRV_SECTOR_SIZE - 1)) {
        error_setg(errp, "The new size must be a multiple of %llu", BDRV_SECTOR_SIZE);
        return -EINVAL;
    }
    if (size_to_l1(s, offset) > QCOW_MAX_L1_SIZE / L1E_SIZE) {
        error_setg(errp, "The image size is too large for file format 'qcow2' (try using a larger cluster size)");
        return -EFBIG;
    }
    qemu_co_mutex_lock(&s->lock);
    if (s->nb_snapshots && s->version < 3) {
        error_setg(errp, "Can't resize a v2 image which has snapshots");
        ret = -ENOTSUP;
    } else if ((uint64_t)offset < s->size) {
        ret = shrink_locked(bs, offset, prealloc, errp);
    } else {
        ret = grow_locked(bs, offset, prealloc, flags, errp);
    }
    qemu_co_mutex_unlock(&s->lock);
    if (ret == 0 && (uint64_t)offset > old_size && flags & BDRV_REQ_ZERO_WRITE) {
        ret = zero_old_end(bs, old_size, offset, errp);
    }
    return ret;
}
