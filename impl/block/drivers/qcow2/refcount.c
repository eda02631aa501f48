/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 host clusters: refcounts, allocation, freeing, and the check that no write hits metadata.
 *
 * Owns: refcount table, refcount block cache, allocation cursor, queue of discards.   Context: CO, s->lock held.
 *
 * I1  A new refcount block is on disk before the refcount table names it; a new table before the header does.
 * I2  A decrease reaches the disk after the L2 tables that dropped the reference (cache dependency).
 * I3  A cluster with a data write on its way is never handed out, whatever its refcount; nor is one whose last
 *     reference may still be on disk (I4 and I5 of qcow2.h).
 * Source: qcow2 specification, "Host cluster management".
 */
#include "block/drivers/qcow2/qcow2.h"

int coroutine_fn qcow2_refcount_load(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    size_t bytes = s->refcount_table_size * REFTABLE_ENTRY_SIZE;
    int ret;

    s->refcount_table = g_try_malloc0(bytes);
    if (!s->refcount_table) {
        error_setg(errp, "Could not allocate the refcount table (%zu bytes)", bytes);
        return -ENOMEM;
    }
    BLKDBG_CO_EVENT(bs->file, "reftable_load");
    ret = bdrv_co_pread(bs->file, s->refcount_table_offset, bytes, s->refcount_table, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not initialize refcount handling");
        return ret;
    }
    for (uint64_t i = 0; i < s->refcount_table_size; i++) {
        s->refcount_table[i] = GUINT64_FROM_BE(s->refcount_table[i]);
    }
    return 0;
}

/* Offset of the block that counts @cluster, 0 if there is none yet. */
static int coroutine_fn GRAPH_RDLOCK refblock_offset(BlockDriverState *bs, uint64_t cluster, uint64_t *ret)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t index = cluster >> s->rb_bits;

    *ret = index < s->refcount_table_size ? s->refcount_table[index] & REFT_OFFSET_MASK : 0;
    if (offset_into_cluster(s, *ret)) {
        qcow2_signal_corruption(bs, true, -1, -1, "Refblock offset %#" G_GINT64_MODIFIER "x unaligned (reftable "
                                "index: %#" G_GINT64_MODIFIER "x)", *ret, index);
        return -EIO;
    }
    return 0;
}

int coroutine_fn qcow2_get_refcount(BlockDriverState *bs, uint64_t cluster, uint64_t *ret)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t block_offset;
    void *block;
    int r = refblock_offset(bs, cluster, &block_offset);

    if (r < 0) {
        return r;
    }
    if (!block_offset) {
        *ret = 0;
        return 0;
    }
    r = qcow2_cache_get(bs, s->refcount_cache, block_offset, &block);
    if (r < 0) {
        return r;
    }
    *ret = qcow2_refcount_get(block, cluster & (s->rb_entries - 1), s->refcount_order);
    qcow2_cache_put(s->refcount_cache, &block);
    return 0;
}

/* I3. */
static bool freed_lately(const BDRVQcow2State *s, uint64_t cluster)
{
    gint64 key = (gint64)cluster;

    return g_hash_table_contains(s->pending_free, &key);
}

static bool write_under_way(const BDRVQcow2State *s, uint64_t cluster)
{
    for (guint i = 0; i < s->data_writes->len; i++) {
        const Qcow2DataWrite *w = g_ptr_array_index(s->data_writes, i);

        if (ranges_overlap(cluster << s->cluster_bits, s->cluster_size, w->host_offset, w->bytes)) {
            return true;
        }
    }
    return false;
}

/* First of @nb contiguous free clusters, without taking them. -EFBIG: beyond what entries can name. */
static int64_t coroutine_fn GRAPH_RDLOCK find_free(BlockDriverState *bs, uint64_t nb, const char *what)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t run = 0;
    uint64_t at;

    if (g_hash_table_size(s->pending_free) > QCOW2_MAX_PENDING_FREE) {
        int ret = qcow2_cache_flush(bs, s->l2_cache);

        if (ret < 0) {
            return ret;
        }
    }
    at = s->free_cluster_index;
    while (run < nb) {
        uint64_t refcount;
        int ret = qcow2_get_refcount(bs, at, &refcount);

        if (ret < 0) {
            return ret;
        }
        run = refcount || write_under_way(s, at) || freed_lately(s, at) ? 0 : run + 1;
        at++;
        if (at > QCOW_MAX_CLUSTER_OFFSET >> s->cluster_bits) {
            return -EFBIG;
        }
    }
    if (at == nb) {
        /* Cluster 0 is the header: its refcount cannot be right. */
        qcow2_signal_corruption(bs, true, -1, -1, "Preventing invalid allocation of %s at offset 0", what);
        return -EIO;
    }
    return (int64_t)(at - nb);
}

/* Refcount blocks of the new area at cluster @start: all of its @total clusters get refcount 1. */
static int coroutine_fn GRAPH_RDLOCK write_new_blocks(BlockDriverState *bs, uint64_t start, uint64_t blocks,
                                                      uint64_t total)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint8_t *block = g_malloc0(s->cluster_size);

    for (uint64_t b = 0; b < blocks; b++) {
        int ret;

        memset(block, 0, s->cluster_size);
        for (uint64_t i = 0; i < s->rb_entries && b * s->rb_entries + i < total; i++) {
            qcow2_refcount_put(block, i, s->refcount_order, 1);
        }
        BLKDBG_CO_EVENT(bs->file, "refblock_alloc_write_blocks");
        ret = bdrv_co_pwrite(bs->file, (start + b) << s->cluster_bits, s->cluster_size, block, 0);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* Write @table at @offset, then let the header name it (I1). */
static int coroutine_fn GRAPH_RDLOCK switch_table(BlockDriverState *bs, const uint64_t *table, uint64_t entries,
                                                  uint64_t offset)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint64_t *disk = g_new(uint64_t, entries);
    uint8_t header[12];
    int ret;

    for (uint64_t i = 0; i < entries; i++) {
        disk[i] = GUINT64_TO_BE(table[i]);
    }
    BLKDBG_CO_EVENT(bs->file, "refblock_alloc_write_table");
    ret = bdrv_co_pwrite_sync(bs->file, offset, entries * REFTABLE_ENTRY_SIZE, disk, 0);
    if (ret < 0) {
        return ret;
    }
    st64_be(header, offset);
    st32_be(header + 8, entries * REFTABLE_ENTRY_SIZE >> s->cluster_bits);
    BLKDBG_CO_EVENT(bs->file, "refblock_alloc_switch_table");
    return bdrv_co_pwrite_sync(bs->file, QCOW2_HDR_REFTABLE, sizeof(header), header, 0);
}

/*
 * A larger refcount table, with room for entry @min_index. It lives, with the blocks that count it, right after the
 * last cluster the old table could count: everything there is free.
 */
static int coroutine_fn GRAPH_RDLOCK grow_refcount_table(BlockDriverState *bs, uint64_t min_index)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t per_cluster = s->cluster_size / REFTABLE_ENTRY_SIZE;
    uint64_t old_size = s->refcount_table_size;
    uint64_t old_offset = s->refcount_table_offset;
    uint64_t start = old_size << s->rb_bits;
    uint64_t entries = QEMU_ALIGN_UP(MAX(min_index + 1, old_size + old_size / 2 + 1), per_cluster);
    uint64_t blocks = 1;
    uint64_t table_clusters;
    uint64_t *table;
    int ret;

    for (;;) {
        table_clusters = entries / per_cluster;
        blocks = DIV_ROUND_UP(table_clusters + blocks, s->rb_entries);
        if (entries >= old_size + blocks && blocks * s->rb_entries >= table_clusters + blocks) {
            break;
        }
        entries = QEMU_ALIGN_UP(MAX(entries, old_size + blocks), per_cluster);
    }
    if (entries * REFTABLE_ENTRY_SIZE > QCOW_MAX_REFTABLE_SIZE) {
        return -EFBIG;
    }
    BLKDBG_CO_EVENT(bs->file, "reftable_grow");
    ret = write_new_blocks(bs, start, blocks, blocks + table_clusters);
    if (ret < 0) {
        return ret;
    }
    table = g_new0(uint64_t, entries);
    memcpy(table, s->refcount_table, old_size * sizeof(table[0]));
    for (uint64_t b = 0; b < blocks; b++) {
        table[old_size + b] = (start + b) << s->cluster_bits;
    }
    ret = switch_table(bs, table, entries, (start + blocks) << s->cluster_bits);
    if (ret < 0) {
        g_free(table);
        return ret;
    }
    g_free(s->refcount_table);
    s->refcount_table = table;
    s->refcount_table_size = entries;
    s->refcount_table_offset = (start + blocks) << s->cluster_bits;
    qcow2_free_clusters(bs, old_offset, old_size * REFTABLE_ENTRY_SIZE, QCOW2_DISCARD_OTHER);
    return 0;
}

/* Name the new block at @offset in entry @index of the table; the block is on disk first (I1). */
static int coroutine_fn GRAPH_RDLOCK link_refblock(BlockDriverState *bs, uint64_t index, uint64_t offset)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t entry = GUINT64_TO_BE(offset);
    int ret = qcow2_cache_flush(bs, s->refcount_cache);

    if (ret < 0) {
        return ret;
    }
    BLKDBG_CO_EVENT(bs->file, "refblock_alloc_hookup");
    ret = bdrv_co_pwrite_sync(bs->file, s->refcount_table_offset + index * REFTABLE_ENTRY_SIZE, sizeof(entry), &entry,
                              0);
    if (ret < 0) {
        return ret;
    }
    s->refcount_table[index] = offset;
    return 0;
}

/* Make the block for table entry @index. May create or grow something else instead: the caller looks again. */
static int coroutine_fn GRAPH_RDLOCK create_refblock(BlockDriverState *bs, uint64_t index)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset;
    void *block;
    int64_t cluster;
    int ret;

    BLKDBG_CO_EVENT(bs->file, "refblock_alloc");
    if (index >= s->refcount_table_size) {
        return grow_refcount_table(bs, index);
    }
    cluster = find_free(bs, 1, "refcount block");
    if (cluster < 0) {
        return cluster;
    }
    offset = (uint64_t)cluster << s->cluster_bits;
    if (cluster >> s->rb_bits != index) {
        if (cluster >> s->rb_bits >= s->refcount_table_size || !s->refcount_table[cluster >> s->rb_bits]) {
            /* That range needs a block first; the free cluster lies in it, so that block will count itself. */
            return create_refblock(bs, cluster >> s->rb_bits);
        }
        ret = qcow2_update_refcount(bs, offset, s->cluster_size, 1, QCOW2_DISCARD_NEVER);
        if (ret < 0) {
            return ret;
        }
    }
    s->free_cluster_index = cluster + 1;
    ret = qcow2_cache_get_empty(bs, s->refcount_cache, offset, &block);
    if (ret < 0) {
        return ret;
    }
    if (cluster >> s->rb_bits == index) {
        qcow2_refcount_put(block, cluster & (s->rb_entries - 1), s->refcount_order, 1);
    }
    BLKDBG_CO_EVENT(bs->file, "refblock_alloc_write");
    qcow2_cache_mark_dirty(s->refcount_cache, block);
    qcow2_cache_put(s->refcount_cache, &block);
    ret = link_refblock(bs, index, offset);
    if (ret < 0) {
        qcow2_cache_drop(s->refcount_cache, offset);
    }
    return ret;
}

/* 1: a block was missing and something was allocated for it; 0: every block of the range exists. */
static int coroutine_fn GRAPH_RDLOCK ensure_refblocks(BlockDriverState *bs, uint64_t first, uint64_t nb)
{
    BDRVQcow2State *s = bs->opaque;

    for (uint64_t index = first >> s->rb_bits; index <= (first + nb - 1) >> s->rb_bits; index++) {
        if (index >= s->refcount_table_size || !(s->refcount_table[index] & REFT_OFFSET_MASK)) {
            int ret = create_refblock(bs, index);

            return ret < 0 ? ret : 1;
        }
    }
    return 0;
}

/* Refcount of @cluster became 0. */
static void cluster_freed(BlockDriverState *bs, uint64_t cluster, Qcow2DiscardType type)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset = cluster << s->cluster_bits;

    s->free_cluster_index = MIN(s->free_cluster_index, cluster);
    if (!(s->flags & BDRV_O_NO_FLUSH)) {
        gint64 key = (gint64)cluster;

        g_hash_table_add(s->pending_free, g_memdup2(&key, sizeof(key)));
    }
    /* A cached table at this place must not be written over what comes next. */
    qcow2_cache_drop(s->l2_cache, offset);
    qcow2_cache_drop(s->refcount_cache, offset);
    if (start_of_cluster(s, s->free_byte_offset) == offset) {
        s->free_byte_offset = 0;
    }
    if (s->discard_passthrough[type] && !write_under_way(s, cluster)) {
        Qcow2DiscardRange *last = s->discards->len
            ? &g_array_index(s->discards, Qcow2DiscardRange, s->discards->len - 1) : NULL;

        if (last && last->offset + last->bytes == offset) {
            last->bytes += s->cluster_size;
        } else {
            Qcow2DiscardRange range = { offset, s->cluster_size };

            g_array_append_val(s->discards, range);
        }
    }
}

static int coroutine_fn GRAPH_RDLOCK update_one(BlockDriverState *bs, uint64_t cluster, int64_t addend,
                                                Qcow2DiscardType type)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t block_offset;
    uint64_t old;
    uint64_t value;
    void *block;
    int ret;

    while (addend > 0 && (ret = ensure_refblocks(bs, cluster, 1)) != 0) {
        if (ret < 0) {
            return ret;
        }
    }
    ret = refblock_offset(bs, cluster, &block_offset);
    if (ret < 0) {
        return ret;
    }
    if (!block_offset) {
        qcow2_signal_corruption(bs, true, -1, -1, "Cannot decrease the refcount of cluster %#" G_GINT64_MODIFIER
                                "x: it has no refcount block", cluster << s->cluster_bits);
        return -EINVAL;
    }
    ret = qcow2_cache_get(bs, s->refcount_cache, block_offset, &block);
    if (ret < 0) {
        return ret;
    }
    old = qcow2_refcount_get(block, cluster & (s->rb_entries - 1), s->refcount_order);
    value = old + (uint64_t)addend;
    if (addend < 0 ? old < (uint64_t)-addend : value > s->refcount_max || value < old) {
        qcow2_cache_put(s->refcount_cache, &block);
        return -EINVAL;
    }
    qcow2_refcount_put(block, cluster & (s->rb_entries - 1), s->refcount_order, value);
    qcow2_cache_mark_dirty(s->refcount_cache, block);
    qcow2_cache_put(s->refcount_cache, &block);
    if (value == 0) {
        cluster_freed(bs, cluster, type);
    }
    return 0;
}

int coroutine_fn qcow2_update_refcount(BlockDriverState *bs, uint64_t offset, uint64_t bytes, int64_t addend,
                                       Qcow2DiscardType type)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t first = offset >> s->cluster_bits;
    uint64_t last;
    int ret;

    if (bytes == 0) {
        return 0;
    }
    last = (offset + bytes - 1) >> s->cluster_bits;
    if (addend < 0) {
        ret = qcow2_cache_set_dependency(bs, s->refcount_cache, s->l2_cache);       /* I2 */
        if (ret < 0) {
            return ret;
        }
    }
    for (uint64_t cluster = first; cluster <= last; cluster++) {
        ret = update_one(bs, cluster, addend, type);
        if (ret < 0) {
            if (cluster > first) {
                /* Undoing may fail too; then clusters are leaked, which check repairs. */
                int undone = qcow2_update_refcount(bs, first << s->cluster_bits, (cluster - first) << s->cluster_bits,
                                                   -addend, QCOW2_DISCARD_NEVER);
                (void)undone;
            }
            return ret;
        }
    }
    return 0;
}

int64_t coroutine_fn qcow2_alloc_clusters(BlockDriverState *bs, uint64_t bytes, const char *what)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t nb = size_to_clusters(s, bytes);
    int64_t first;
    int ret;

    BLKDBG_CO_EVENT(bs->file, "cluster_alloc");
    do {
        first = find_free(bs, nb, what);
        if (first < 0) {
            return first;
        }
        /* A missing refcount block may take the very clusters we found: look again after making one. */
        ret = ensure_refblocks(bs, first, nb);
        if (ret < 0) {
            return ret;
        }
    } while (ret);
    ret = qcow2_update_refcount(bs, (uint64_t)first << s->cluster_bits, nb << s->cluster_bits, 1, QCOW2_DISCARD_NEVER);
    if (ret < 0) {
        return ret;
    }
    s->free_cluster_index = first + nb;
    return first << s->cluster_bits;
}

int64_t coroutine_fn qcow2_alloc_bytes(BlockDriverState *bs, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset = s->free_byte_offset;
    int ret;

    assert(bytes > 0 && bytes <= s->cluster_size);
    BLKDBG_CO_EVENT(bs->file, "cluster_alloc_bytes");
    if (offset) {
        uint64_t refcount;

        ret = qcow2_get_refcount(bs, offset >> s->cluster_bits, &refcount);
        if (ret < 0) {
            return ret;
        }
        if (refcount == 0 || refcount == s->refcount_max) {
            offset = 0;
        }
    }
    if (!offset || offset_into_cluster(s, offset) + bytes > s->cluster_size) {
        int64_t cluster;

        do {
            cluster = find_free(bs, 1, "compressed cluster");
            if (cluster < 0) {
                return cluster;
            }
            ret = ensure_refblocks(bs, cluster, 1);
            if (ret < 0) {
                return ret;
            }
        } while (ret);
        /* When the new cluster follows the old one, the data may lie across both. */
        if (!offset || end_of_cluster(s, offset) != (uint64_t)cluster << s->cluster_bits) {
            offset = (uint64_t)cluster << s->cluster_bits;
        }
    }
    if (offset + bytes - 1 >= 1ULL << (62 - (s->cluster_bits - 8))) {
        return -EFBIG;
    }
    ret = qcow2_update_refcount(bs, offset, bytes, 1, QCOW2_DISCARD_NEVER);
    if (ret < 0) {
        return ret;
    }
    s->free_byte_offset = offset_into_cluster(s, offset + bytes) ? offset + bytes : 0;
    return (int64_t)offset;
}

void coroutine_fn qcow2_free_clusters(BlockDriverState *bs, uint64_t offset, uint64_t bytes, Qcow2DiscardType type)
{
    int ret;

    BLKDBG_CO_EVENT(bs->file, "cluster_free");
    ret = qcow2_update_refcount(bs, offset, bytes, -1, type);
    /* A failure leaves clusters without a reference but with a refcount: a leak, never corruption. */
    (void)ret;
}

void coroutine_fn qcow2_free_entry(BlockDriverState *bs, uint64_t l2_entry, Qcow2DiscardType type)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset = l2_entry & L2E_OFFSET_MASK;
    uint32_t len;

    switch (qcow2_entry_type(l2_entry)) {
    case QCOW2_CLUSTER_COMPRESSED:
        qcow2_entry_compressed(l2_entry, s->cluster_bits, &offset, &len);
        /* Rounding its end to a sector never reaches another cluster. */
        qcow2_free_clusters(bs, offset, len, type);
        break;
    case QCOW2_CLUSTER_NORMAL:
    case QCOW2_CLUSTER_ZERO_ALLOC:
        if (offset_into_cluster(s, offset)) {
            qcow2_signal_corruption(bs, false, -1, -1, "Cannot free unaligned cluster %#" G_GINT64_MODIFIER "x",
                                    offset);
        } else {
            qcow2_free_clusters(bs, offset, s->cluster_size, type);
        }
        break;
    case QCOW2_CLUSTER_ZERO_PLAIN:
    case QCOW2_CLUSTER_UNALLOCATED:
        break;
    }
}

void coroutine_fn qcow2_process_discards(BlockDriverState *bs, bool failed)
{
    BDRVQcow2State *s = bs->opaque;
    g_autoptr(GArray) ranges = s->discards;

    s->discards = g_array_new(FALSE, FALSE, sizeof(Qcow2DiscardRange));
    for (guint i = 0; i < ranges->len && !failed; i++) {
        const Qcow2DiscardRange *r = &g_array_index(ranges, Qcow2DiscardRange, i);

        /* A hint: the child may refuse. */
        (void)bdrv_co_pdiscard(bs->file, r->offset, r->bytes);
    }
}

int64_t coroutine_fn qcow2_last_used_cluster(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    for (uint64_t index = s->refcount_table_size; index-- > 0;) {
        if (!(s->refcount_table[index] & REFT_OFFSET_MASK)) {
            continue;
        }
        for (uint64_t i = s->rb_entries; i-- > 0;) {
            uint64_t refcount;
            int ret = qcow2_get_refcount(bs, (index << s->rb_bits) + i, &refcount);

            if (ret < 0) {
                return ret;
            }
            if (refcount) {
                return (int64_t)((index << s->rb_bits) + i);
            }
        }
    }
    return -EIO;        /* not even the header is counted */
}
