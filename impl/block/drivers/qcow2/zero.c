/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 write-zeroes and discard: changes of L2 entries without data.
 *
 * Context: CO.   Locks: s->lock.
 *
 * I1  An entry changes before the cluster it named is freed, on disk too (cache dependency in refcount.c).
 * I2  Clusters with an unpublished allocation are waited for.
 * Source: qcow2 specification, "Standard Cluster Descriptor" (bit 0).
 */
#include "block/drivers/qcow2/qcow2.h"

/* @old -> what it becomes; equal: leave it. */
typedef uint64_t Qcow2NewEntry(BlockDriverState *bs, uint64_t old, int flags);

static uint64_t GRAPH_RDLOCK entry_after_zeroing(BlockDriverState *bs, uint64_t old, int flags)
{
    Qcow2ClusterType type = qcow2_entry_type(old);

    if (type == QCOW2_CLUSTER_ZERO_PLAIN || (type == QCOW2_CLUSTER_UNALLOCATED && !bs->backing)) {
        return old;
    }
    if (type == QCOW2_CLUSTER_ZERO_ALLOC && !(flags & BDRV_REQ_MAY_UNMAP)) {
        return old;
    }
    if (type == QCOW2_CLUSTER_NORMAL && !(flags & BDRV_REQ_MAY_UNMAP)) {
        return old | QCOW_OFLAG_ZERO;       /* keep the host cluster, shared or not */
    }
    return QCOW_OFLAG_ZERO;
}

static uint64_t GRAPH_RDLOCK entry_after_discard(BlockDriverState *bs, uint64_t old, int full)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ClusterType type = qcow2_entry_type(old);

    if (full) {
        return 0;
    }
    if (type == QCOW2_CLUSTER_ZERO_PLAIN || (type == QCOW2_CLUSTER_UNALLOCATED && !bs->backing)) {
        return old;
    }
    if (s->version < 3) {
        /* Version 2 cannot say "zero", and old data of the backing file must not show up. */
        return bs->backing ? old : 0;
    }
    return QCOW_OFLAG_ZERO;
}

/* One L2 table's worth. Frees what the changed entries named, unless they still name it. */
static int coroutine_fn GRAPH_RDLOCK change_entries(BlockDriverState *bs, uint64_t offset, uint64_t nb,
                                                    Qcow2NewEntry *fn, int arg, Qcow2DiscardType type)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t index;
    uint64_t *l2;
    int ret = qcow2_get_l2_for_write(bs, offset, &l2, &index);

    if (ret < 0) {
        return ret;
    }
    for (uint64_t i = 0; i < nb; i++) {
        uint64_t old = GUINT64_FROM_BE(l2[index + i]);
        uint64_t new = fn(bs, old, arg);

        if (new == old) {
            continue;
        }
        l2[index + i] = GUINT64_TO_BE(new);
        qcow2_cache_mark_dirty(s->l2_cache, l2);
        if (!(new & L2E_OFFSET_MASK)) {
            qcow2_free_entry(bs, old, type);
        }
    }
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    return 0;
}

/* Walk whole clusters of [offset, offset + bytes) table by table. @skip_missing: tables that do not exist stay so. */
static int coroutine_fn GRAPH_RDLOCK walk_clusters(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                                                   Qcow2NewEntry *fn, int arg, Qcow2DiscardType type,
                                                   bool skip_missing)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t nb = size_to_clusters(s, bytes);
    int ret = 0;

    qcow2_wait_inflight_locked(bs, offset, bytes);
    while (nb && ret == 0) {
        uint64_t n = MIN(nb, s->l2_entries - offset_to_l2_index(s, offset));
        uint64_t l1_index = offset_to_l1_index(s, offset);

        if (!skip_missing || (l1_index < s->l1_size && s->l1_table[l1_index] & L1E_OFFSET_MASK)) {
            ret = change_entries(bs, offset, n, fn, arg, type);
        }
        offset += n << s->cluster_bits;
        nb -= n;
    }
    return ret;
}

int coroutine_fn qcow2_discard_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes, Qcow2DiscardType type,
                                      bool full)
{
    int ret = walk_clusters(bs, offset, bytes, entry_after_discard, full, type,
                            full || !bs->backing);

    qcow2_process_discards(bs, ret < 0);
    return ret;
}

int coroutine_fn qcow2_zeroize_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes, int flags)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (s->version < 3) {
        if (bs->backing) {
            return -ENOTSUP;
        }
        return qcow2_discard_locked(bs, offset, bytes, QCOW2_DISCARD_REQUEST, true);
    }
    ret = walk_clusters(bs, offset, bytes, entry_after_zeroing, flags, QCOW2_DISCARD_REQUEST, !bs->backing);
    qcow2_process_discards(bs, ret < 0);
    return ret;
}

/* Is everything of the cluster at @offset that the request leaves alone zero already? */
static bool coroutine_fn GRAPH_RDLOCK cluster_is_zero(BlockDriverState *bs, uint64_t offset)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Extent e;

    if (qcow2_lookup_locked(bs, start_of_cluster(s, offset), s->cluster_size, &e) < 0) {
        return false;
    }
    return e.type == QCOW2_CLUSTER_ZERO_PLAIN || e.type == QCOW2_CLUSTER_ZERO_ALLOC ||
           (e.type == QCOW2_CLUSTER_UNALLOCATED && !bs->backing);
}

int coroutine_fn qcow2_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t first = start_of_cluster(s, offset);
    uint64_t end = (uint64_t)offset + bytes;
    bool ragged_head = offset_into_cluster(s, offset);
    bool ragged_tail = offset_into_cluster(s, end) && end != s->size;
    int ret = 0;

    if (s->unusable) {
        return -EIO;
    }
    qemu_co_mutex_lock(&s->lock);
    if (ragged_head || ragged_tail) {
        qcow2_wait_inflight_locked(bs, offset, bytes);
        /* Only a part of a cluster: possible by entries alone if the rest is zero too. */
        if ((ragged_head && !cluster_is_zero(bs, offset)) || (ragged_tail && !cluster_is_zero(bs, end))) {
            ret = -ENOTSUP;
        }
    }
    if (ret == 0) {
        ret = qcow2_zeroize_locked(bs, first, end_of_cluster(s, end) - first, flags);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int coroutine_fn qcow2_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t first = end_of_cluster(s, offset);
    uint64_t end = (uint64_t)offset + bytes;
    int ret;

    if (s->unusable) {
        return -EIO;
    }
    /* The last cluster of the disk is whole when the disk ends in it. */
    end = end == s->size ? end_of_cluster(s, end) : start_of_cluster(s, end);
    if (first >= end) {
        return -ENOTSUP;
    }
    if (s->version < 3 && bs->backing) {
        return -ENOTSUP;
    }
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_discard_locked(bs, first, end - first, QCOW2_DISCARD_REQUEST, false);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}
