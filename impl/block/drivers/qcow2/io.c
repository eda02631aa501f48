/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 guest reads and writes: straight line from a guest range to requests on the child or the backing file.
 *
 * Context: CO.   Locks: s->lock around the map only; no guest data moves under it.
 *
 * I1  New clusters are written whole (guest data plus copied head and tail) before they are published.
 * I4  While data is on its way to a host range, that range is in s->data_writes.
 * Source: qcow2 specification, "Cluster mapping"; see qcow2.h for the numbering.
 */
#include "block/drivers/qcow2/qcow2.h"

/* Zeroes where the backing file has ended. */
static int coroutine_fn GRAPH_RDLOCK read_backing(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                  QEMUIOVector *qiov, size_t qiov_offset)
{
    int64_t length;
    uint64_t n;
    int ret;

    if (!bs->backing) {
        qemu_iovec_memset(qiov, qiov_offset, 0, bytes);
        return 0;
    }
    length = bdrv_co_getlength(bs->backing->bs);
    if (length < 0) {
        return length;
    }
    n = offset < (uint64_t)length ? MIN(bytes, (uint64_t)length - offset) : 0;
    if (n) {
        BLKDBG_CO_EVENT(bs->file, "read_backing_aio");
        ret = bdrv_co_preadv_part(bs->backing, offset, n, qiov, qiov_offset, 0);
        if (ret < 0) {
            return ret;
        }
    }
    if (n < bytes) {
        qemu_iovec_memset(qiov, qiov_offset + n, 0, bytes - n);
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK read_extent(BlockDriverState *bs, const Qcow2Extent *e, uint64_t offset,
                                                 QEMUIOVector *qiov, size_t qiov_offset)
{
    BDRVQcow2State *s = bs->opaque;

    switch (e->type) {
    case QCOW2_CLUSTER_ZERO_PLAIN:
    case QCOW2_CLUSTER_ZERO_ALLOC:
        qemu_iovec_memset(qiov, qiov_offset, 0, e->bytes);
        return 0;
    case QCOW2_CLUSTER_UNALLOCATED:
        /* VM state has no backing. */
        if (offset >= s->size) {
            qemu_iovec_memset(qiov, qiov_offset, 0, e->bytes);
            return 0;
        }
        return read_backing(bs, offset, e->bytes, qiov, qiov_offset);
    case QCOW2_CLUSTER_COMPRESSED:
        return qcow2_read_compressed(bs, e->l2_entry, offset_into_cluster(s, offset), e->bytes, qiov, qiov_offset);
    case QCOW2_CLUSTER_NORMAL:
        break;
    }
    BLKDBG_CO_EVENT(bs->file, "read_aio");
    return bdrv_co_preadv_part(bs->file, e->host_offset, e->bytes, qiov, qiov_offset, 0);
}

int coroutine_fn qcow2_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset, BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;

    while (bytes) {
        Qcow2Extent e;
        int ret;

        if (s->unusable) {
            return -EIO;
        }
        qemu_co_mutex_lock(&s->lock);
        ret = qcow2_lookup_locked(bs, offset, bytes, &e);
        qemu_co_mutex_unlock(&s->lock);
        if (ret == 0) {
            ret = read_extent(bs, &e, offset, qiov, qiov_offset);
        }
        if (ret < 0) {
            return ret;
        }
        offset += e.bytes;
        bytes -= e.bytes;
        qiov_offset += e.bytes;
    }
    return 0;
}

/* ---- Writing ---- */

static void data_write_begin(BDRVQcow2State *s, Qcow2DataWrite *w, uint64_t host_offset, uint64_t bytes)
{
    *w = (Qcow2DataWrite){ host_offset, bytes };
    g_ptr_array_add(s->data_writes, w);
}

static void data_write_end(BDRVQcow2State *s, Qcow2DataWrite *w)
{
    bool found = g_ptr_array_remove_fast(s->data_writes, w);

    assert(found);
}

/* What the guest saw in [offset, offset + bytes) before this write; its mapping cannot change meanwhile (I3). */
static int coroutine_fn GRAPH_RDLOCK read_for_copy(BlockDriverState *bs, uint64_t offset, uint64_t bytes, void *buf)
{
    QEMUIOVector qiov;

    if (bytes == 0) {
        return 0;
    }
    BLKDBG_CO_EVENT(bs->file, "cow_read");
    qemu_iovec_init_buf(&qiov, buf, bytes);
    return qcow2_co_preadv_part(bs, offset, bytes, &qiov, 0, 0);
}

/* Nothing is stored around the guest's data: true if the new clusters could be made zero cheaply. */
static bool coroutine_fn GRAPH_RDLOCK zero_new_clusters(BlockDriverState *bs, const Qcow2Map *m)
{
    BDRVQcow2State *s = bs->opaque;

    BLKDBG_CO_EVENT(bs->file, "cluster_alloc_space");
    return bdrv_co_pwrite_zeroes(bs->file, m->alloc_offset, m->nb_clusters << s->cluster_bits,
                                 BDRV_REQ_NO_FALLBACK) == 0;
}

/* Does the guest read zeroes in the whole range, by the map alone? */
static bool coroutine_fn GRAPH_RDLOCK reads_as_zero(BlockDriverState *bs, uint64_t offset, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;

    while (bytes) {
        Qcow2Extent e;
        int ret;

        qemu_co_mutex_lock(&s->lock);
        ret = qcow2_lookup_locked(bs, offset, bytes, &e);
        qemu_co_mutex_unlock(&s->lock);
        if (ret < 0 || e.type == QCOW2_CLUSTER_NORMAL || e.type == QCOW2_CLUSTER_COMPRESSED) {
            return false;
        }
        if (e.type == QCOW2_CLUSTER_UNALLOCATED && bs->backing && offset < s->size) {
            return false;
        }
        offset += e.bytes;
        bytes -= e.bytes;
    }
    return true;
}

/* Write the new clusters of @m whole: copied head, guest data, copied tail. */
static int coroutine_fn GRAPH_RDLOCK write_new(BlockDriverState *bs, Qcow2Map *m, QEMUIOVector *qiov,
                                               size_t qiov_offset)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t head = m->offset - m->first;
    uint64_t end = m->first + (m->nb_clusters << s->cluster_bits);
    uint64_t tail = end - (m->offset + m->bytes);
    uint8_t *copy = NULL;
    QEMUIOVector all;
    int ret;

    if (head + tail == 0) {
        BLKDBG_CO_EVENT(bs->file, "write_aio");
        return bdrv_co_pwritev_part(bs->file, m->alloc_offset, m->bytes, qiov, qiov_offset, 0);
    }
    m->copied = true;
    if (reads_as_zero(bs, m->first, head) && reads_as_zero(bs, end - tail, tail) && zero_new_clusters(bs, m)) {
        BLKDBG_CO_EVENT(bs->file, "write_aio");
        return bdrv_co_pwritev_part(bs->file, m->host_offset, m->bytes, qiov, qiov_offset, 0);
    }
    copy = qemu_try_blockalign(bs->file->bs, head + tail);
    if (!copy) {
        return -ENOMEM;
    }
    ret = read_for_copy(bs, m->first, head, copy);
    if (ret == 0) {
        ret = read_for_copy(bs, end - tail, tail, copy + head);
    }
    if (ret == 0) {
        qemu_iovec_init(&all, qiov->niov + 2);
        if (head) {
            qemu_iovec_add(&all, copy, head);
        }
        qemu_iovec_concat(&all, qiov, qiov_offset, m->bytes);
        if (tail) {
            qemu_iovec_add(&all, copy + head, tail);
        }
        BLKDBG_CO_EVENT(bs->file, "cow_write");
        ret = bdrv_co_pwritev(bs->file, m->alloc_offset, all.size, &all, 0);
        qemu_iovec_destroy(&all);
    }
    qemu_vfree(copy);
    return ret;
}

/* One stretch that the map can serve at once. Advances by *@ret_done bytes. */
static int coroutine_fn GRAPH_RDLOCK write_extent(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                  QEMUIOVector *qiov, size_t qiov_offset, uint64_t *ret_done)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2DataWrite w;
    Qcow2Map m;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = s->unusable ? -EIO : qcow2_map_for_write_locked(bs, offset, bytes, &m);
    if (ret == 0) {
        uint64_t at = m.is_new ? m.alloc_offset : m.host_offset;
        uint64_t len = m.is_new ? m.nb_clusters << s->cluster_bits : m.bytes;

        ret = qcow2_pre_write_overlap_check(bs, 0, at, len);
        if (ret < 0 && m.is_new) {
            /* The clusters are metadata in truth: freeing them would make it worse. */
            qcow2_inflight_remove(s, &m);
        }
        if (ret == 0) {
            data_write_begin(s, &w, at, len);
        }
    }
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    if (m.is_new) {
        ret = write_new(bs, &m, qiov, qiov_offset);
    } else {
        BLKDBG_CO_EVENT(bs->file, "write_aio");
        ret = bdrv_co_pwritev_part(bs->file, m.host_offset, m.bytes, qiov, qiov_offset, 0);
    }
    qemu_co_mutex_lock(&s->lock);
    data_write_end(s, &w);
    if (m.is_new && ret == 0) {
        ret = qcow2_map_publish_locked(bs, &m);
    } else if (m.is_new) {
        qcow2_map_abandon_locked(bs, &m);
    }
    qcow2_process_discards(bs, ret < 0);
    qemu_co_mutex_unlock(&s->lock);
    *ret_done = m.bytes;
    return ret;
}

int coroutine_fn qcow2_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                       size_t qiov_offset, BdrvRequestFlags flags)
{
    while (bytes) {
        uint64_t done;
        int ret = write_extent(bs, offset, bytes, qiov, qiov_offset, &done);

        if (ret < 0) {
            return ret;
        }
        offset += done;
        bytes -= done;
        qiov_offset += done;
    }
    return 0;
}
