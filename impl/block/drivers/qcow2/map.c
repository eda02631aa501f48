/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 cluster map: guest offset -> host offset, and the allocations that are not in it yet.
 *
 * Owns: L1 table, use of the L2 cache, s->inflight.   Context: CO, s->lock held (the CoQueue waits let go of it).
 *
 * I1  An L2 table is counted and written before an L1 entry names it.
 * I2  A table or cluster without the COPIED flag is shared with a snapshot and never written in place.
 * I3  Two requests never both have an unpublished mapping for the same guest cluster: whoever comes second waits for
 *     the first, or stops short of it.
 * Source: qcow2 specification, "Cluster mapping".
 */
#include "block/drivers/qcow2/qcow2.h"

static uint64_t l2_get(const uint64_t *l2, uint64_t i)
{
    return GUINT64_FROM_BE(l2[i]);
}

static void l2_set(uint64_t *l2, uint64_t i, uint64_t entry)
{
    l2[i] = GUINT64_TO_BE(entry);
}

/* Guest bytes from @offset to the end of its L2 table, at most @bytes. */
static uint64_t clip_to_l2(const BDRVQcow2State *s, uint64_t offset, uint64_t bytes)
{
    uint64_t covers = 1ULL << (s->l2_bits + s->cluster_bits);

    return MIN(bytes, covers - (offset & (covers - 1)));
}

/* Is this entry possible? Reports and returns -EIO if not. */
static int coroutine_fn GRAPH_RDLOCK check_entry(BlockDriverState *bs, uint64_t entry, uint64_t l2_offset,
                                                 uint64_t l2_index)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ClusterType type = qcow2_entry_type(entry);

    if ((type == QCOW2_CLUSTER_ZERO_PLAIN || type == QCOW2_CLUSTER_ZERO_ALLOC) && s->version < 3) {
        qcow2_signal_corruption(bs, true, -1, -1, "Zero cluster entry found in pre-v3 image (L2 offset: %#"
                                G_GINT64_MODIFIER "x, L2 index: %#" G_GINT64_MODIFIER "x)", l2_offset, l2_index);
        return -EIO;
    }
    if ((type == QCOW2_CLUSTER_NORMAL || type == QCOW2_CLUSTER_ZERO_ALLOC) &&
        offset_into_cluster(s, entry & L2E_OFFSET_MASK)) {
        qcow2_signal_corruption(bs, true, -1, -1, "%s offset %#" G_GINT64_MODIFIER "x unaligned (L2 offset: %#"
                                G_GINT64_MODIFIER "x, L2 index: %#" G_GINT64_MODIFIER "x)",
                                type == QCOW2_CLUSTER_NORMAL ? "Cluster allocation" : "Preallocated zero cluster",
                                (uint64_t)(entry & L2E_OFFSET_MASK),
                                l2_offset, l2_index);
        return -EIO;
    }
    return 0;
}

/* L2 table offset of L1 entry @index, or 0. */
static int coroutine_fn GRAPH_RDLOCK l1_lookup(BlockDriverState *bs, uint64_t index, uint64_t *ret_l2_offset)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset = index < s->l1_size ? s->l1_table[index] & L1E_OFFSET_MASK : 0;

    if (offset_into_cluster(s, offset)) {
        qcow2_signal_corruption(bs, true, -1, -1, "L2 table offset %#" G_GINT64_MODIFIER "x unaligned (L1 index: %#"
                                G_GINT64_MODIFIER "x)", offset, index);
        return -EIO;
    }
    *ret_l2_offset = offset;
    return 0;
}

int coroutine_fn qcow2_lookup_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes, Qcow2Extent *ret)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t skip = offset_into_cluster(s, offset);
    uint64_t l2_offset;
    uint64_t index = offset_to_l2_index(s, offset);
    uint64_t entry;
    uint64_t n = 1;
    uint64_t wanted;
    uint64_t *l2;
    int r;

    assert(bytes > 0);
    bytes = clip_to_l2(s, offset, bytes);
    *ret = (Qcow2Extent){ .type = QCOW2_CLUSTER_UNALLOCATED, .bytes = bytes };
    r = l1_lookup(bs, offset_to_l1_index(s, offset), &l2_offset);
    if (r < 0 || l2_offset == 0) {
        return r;
    }
    r = qcow2_cache_get(bs, s->l2_cache, l2_offset, (void **)&l2);
    if (r < 0) {
        return r;
    }
    entry = l2_get(l2, index);
    r = check_entry(bs, entry, l2_offset, index);
    if (r < 0) {
        qcow2_cache_put(s->l2_cache, (void **)&l2);
        return r;
    }
    ret->type = qcow2_entry_type(entry);
    ret->l2_entry = entry;
    ret->host_offset = (entry & L2E_OFFSET_MASK) + skip;
    wanted = size_to_clusters(s, skip + bytes);
    while (n < wanted && ret->type != QCOW2_CLUSTER_COMPRESSED) {
        uint64_t next = l2_get(l2, index + n);

        if (qcow2_entry_type(next) != ret->type ||
            (next & L2E_OFFSET_MASK && (next & L2E_OFFSET_MASK) != (entry & L2E_OFFSET_MASK) + n * s->cluster_size)) {
            break;
        }
        n++;
    }
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    ret->bytes = MIN(bytes, n * s->cluster_size - skip);
    return 0;
}

int coroutine_fn qcow2_write_l1_entry(BlockDriverState *bs, uint32_t index)
{
    BDRVQcow2State *s = bs->opaque;
    /* A sector at a time: smaller writes would be read-modify-write below. */
    uint32_t per_write = MIN(BDRV_SECTOR_SIZE, s->cluster_size) / L1E_SIZE;
    uint32_t first = index - index % per_write;
    uint32_t n = MIN(per_write, s->l1_size - first);
    uint64_t buf[BDRV_SECTOR_SIZE / L1E_SIZE] = { 0 };
    int ret;

    for (uint32_t i = 0; i < n; i++) {
        buf[i] = GUINT64_TO_BE(s->l1_table[first + i]);
    }
    ret = qcow2_pre_write_overlap_check(bs, QCOW2_OL_ACTIVE_L1, s->l1_table_offset + (uint64_t)first * L1E_SIZE,
                                        n * L1E_SIZE);
    if (ret < 0) {
        return ret;
    }
    BLKDBG_CO_EVENT(bs->file, "l1_update");
    return bdrv_co_pwrite_sync(bs->file, s->l1_table_offset + (uint64_t)first * L1E_SIZE, n * L1E_SIZE, buf, 0);
}

/* A new L2 table for L1 entry @index, a copy of the old one (I1, I2). */
static int coroutine_fn GRAPH_RDLOCK allocate_l2(BlockDriverState *bs, uint32_t index)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t old_entry = s->l1_table[index];
    uint64_t old_offset = old_entry & L1E_OFFSET_MASK;
    int64_t offset = qcow2_alloc_clusters(bs, s->cluster_size, "L2 table");
    void *l2;
    int ret;

    BLKDBG_CO_EVENT(bs->file, "l2_alloc");
    if (offset < 0) {
        return offset;
    }
    ret = qcow2_cache_flush(bs, s->refcount_cache);
    if (ret < 0) {
        goto fail;
    }
    ret = qcow2_cache_get_empty(bs, s->l2_cache, offset, &l2);
    if (ret < 0) {
        goto fail;
    }
    if (old_offset) {
        void *old;

        BLKDBG_CO_EVENT(bs->file, "l2_alloc_cow_read");
        ret = qcow2_cache_get(bs, s->l2_cache, old_offset, &old);
        if (ret < 0) {
            qcow2_cache_put(s->l2_cache, &l2);
            goto fail;
        }
        memcpy(l2, old, s->cluster_size);
        qcow2_cache_put(s->l2_cache, &old);
    }
    BLKDBG_CO_EVENT(bs->file, "l2_alloc_write");
    qcow2_cache_mark_dirty(s->l2_cache, l2);
    qcow2_cache_put(s->l2_cache, &l2);
    ret = qcow2_cache_flush(bs, s->l2_cache);
    if (ret < 0) {
        goto fail;
    }
    s->l1_table[index] = (uint64_t)offset | QCOW_OFLAG_COPIED;
    ret = qcow2_write_l1_entry(bs, index);
    if (ret < 0) {
        /* The entry may be on disk or not: giving the cluster back could leave a dangling reference. */
        s->l1_table[index] = old_entry;
        return ret;
    }
    if (old_offset) {
        qcow2_free_clusters(bs, old_offset, s->cluster_size, QCOW2_DISCARD_OTHER);
    }
    return 0;

fail:
    qcow2_cache_drop(s->l2_cache, offset);
    qcow2_free_clusters(bs, offset, s->cluster_size, QCOW2_DISCARD_ALWAYS);
    return ret;
}

int coroutine_fn qcow2_get_l2_for_write(BlockDriverState *bs, uint64_t offset, uint64_t **ret_l2, uint64_t *ret_index)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t l1_index = offset_to_l1_index(s, offset);
    uint64_t l2_offset;
    int ret;

    if (l1_index >= s->l1_size) {
        ret = qcow2_grow_l1_table(bs, l1_index + 1, false);
        if (ret < 0) {
            return ret;
        }
    }
    ret = l1_lookup(bs, l1_index, &l2_offset);
    if (ret < 0) {
        return ret;
    }
    if (!l2_offset || !(s->l1_table[l1_index] & QCOW_OFLAG_COPIED)) {
        ret = allocate_l2(bs, l1_index);
        if (ret < 0) {
            return ret;
        }
        l2_offset = s->l1_table[l1_index] & L1E_OFFSET_MASK;
    }
    *ret_index = offset_to_l2_index(s, offset);
    return qcow2_cache_get(bs, s->l2_cache, l2_offset, (void **)ret_l2);
}

/* ---- Allocations on their way (I3) ---- */

void qcow2_inflight_add(BDRVQcow2State *s, Qcow2Map *m)
{
    qemu_co_queue_init(&m->dependents);
    g_ptr_array_add(s->inflight, m);
}

void coroutine_fn qcow2_inflight_remove(BDRVQcow2State *s, Qcow2Map *m)
{
    bool found = g_ptr_array_remove(s->inflight, m);

    assert(found);
    qemu_co_queue_restart_all(&m->dependents);
}

/* The oldest allocation that touches a guest cluster of the range. */
static Qcow2Map *find_inflight(const BDRVQcow2State *s, uint64_t offset, uint64_t bytes)
{
    uint64_t first = start_of_cluster(s, offset);
    uint64_t end = end_of_cluster(s, offset + bytes);

    for (guint i = 0; i < s->inflight->len; i++) {
        Qcow2Map *m = g_ptr_array_index(s->inflight, i);

        if (ranges_overlap(first, end - first, m->first, m->nb_clusters << s->cluster_bits)) {
            return m;
        }
    }
    return NULL;
}

void coroutine_fn qcow2_wait_inflight_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Map *m;

    while ((m = find_inflight(s, offset, bytes))) {
        /* @m is gone when we come back: it lives on the stack of its request. */
        qemu_co_queue_wait(&m->dependents, &s->lock);
    }
}

/* Bytes from @offset that no unpublished allocation touches; waits while there are none. */
static uint64_t coroutine_fn wait_or_clip(BlockDriverState *bs, uint64_t offset, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Map *m;

    while ((m = find_inflight(s, offset, bytes))) {
        if (m->first > start_of_cluster(s, offset)) {
            bytes = m->first - offset;
        } else {
            qemu_co_queue_wait(&m->dependents, &s->lock);
        }
    }
    return bytes;
}

static bool writable_in_place(uint64_t entry)
{
    return qcow2_entry_type(entry) == QCOW2_CLUSTER_NORMAL && entry & QCOW_OFLAG_COPIED;
}

static bool reusable(uint64_t entry)
{
    return qcow2_entry_type(entry) == QCOW2_CLUSTER_ZERO_ALLOC && entry & QCOW_OFLAG_COPIED;
}

/* How many entries from @index, at most @max, are the same kind and contiguous on the host? */
static uint64_t count_contiguous(const BDRVQcow2State *s, const uint64_t *l2, uint64_t index, uint64_t max,
                                 bool (*kind)(uint64_t))
{
    uint64_t base = l2_get(l2, index) & L2E_OFFSET_MASK;
    uint64_t n = 1;

    while (n < max && kind(l2_get(l2, index + n)) &&
           (l2_get(l2, index + n) & L2E_OFFSET_MASK) == base + n * s->cluster_size) {
        n++;
    }
    return n;
}

static uint64_t count_needing_allocation(const uint64_t *l2, uint64_t index, uint64_t max)
{
    uint64_t n = 1;

    while (n < max && !writable_in_place(l2_get(l2, index + n)) && !reusable(l2_get(l2, index + n))) {
        n++;
    }
    return n;
}

/* Host clusters for @n guest clusters; with little contiguous space left, any one cluster will do. */
static int coroutine_fn GRAPH_RDLOCK allocate_run(BlockDriverState *bs, uint64_t *n, uint64_t *ret_host)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t host;

    if (s->use_lazy_refcounts) {
        int ret = qcow2_mark_dirty(bs);

        if (ret < 0) {
            return ret;
        }
    }
    host = qcow2_alloc_clusters(bs, *n << s->cluster_bits, "data cluster");
    if (host < 0) {
        return host;
    }
    *ret_host = host;
    return 0;
}

int coroutine_fn qcow2_map_for_write_locked(BlockDriverState *bs, uint64_t offset, uint64_t bytes, Qcow2Map *ret)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t skip = offset_into_cluster(s, offset);
    Qcow2Map m = { .offset = offset, .first = offset - skip };
    uint64_t index;
    uint64_t entry;
    uint64_t n;
    uint64_t *l2;
    int r;

    assert(bytes > 0);
    bytes = clip_to_l2(s, offset, MIN(bytes, MAX(QCOW2_MAP_MAX_BYTES, s->cluster_size) - skip));
    bytes = wait_or_clip(bs, offset, bytes);
    r = qcow2_get_l2_for_write(bs, offset, &l2, &index);
    if (r < 0) {
        return r;
    }
    entry = l2_get(l2, index);
    r = check_entry(bs, entry, s->l1_table[offset_to_l1_index(s, offset)] & L1E_OFFSET_MASK, index);
    n = size_to_clusters(s, skip + bytes);
    m.alloc_offset = entry & L2E_OFFSET_MASK;
    if (r == 0 && writable_in_place(entry)) {
        n = count_contiguous(s, l2, index, n, writable_in_place);
    } else if (r == 0 && reusable(entry)) {
        n = count_contiguous(s, l2, index, n, reusable);
        m.is_new = true;
        m.reuses_host = true;
    } else if (r == 0) {
        n = count_needing_allocation(l2, index, n);
        m.is_new = true;
        r = allocate_run(bs, &n, &m.alloc_offset);
    }
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    if (r < 0) {
        return r;
    }
    m.nb_clusters = n;
    m.host_offset = m.alloc_offset + skip;
    m.bytes = MIN(bytes, n * s->cluster_size - skip);
    *ret = m;
    if (m.is_new) {
        qcow2_inflight_add(s, ret);
    }
    return 0;
}

void coroutine_fn qcow2_map_abandon_locked(BlockDriverState *bs, Qcow2Map *m)
{
    BDRVQcow2State *s = bs->opaque;

    if (!m->reuses_host) {
        qcow2_free_clusters(bs, m->alloc_offset, m->nb_clusters << s->cluster_bits, QCOW2_DISCARD_NEVER);
    }
    qcow2_inflight_remove(s, m);
}

int coroutine_fn qcow2_map_publish_locked(BlockDriverState *bs, Qcow2Map *m)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint64_t *old = g_new(uint64_t, m->nb_clusters);
    uint64_t index;
    uint64_t *l2;
    int ret = 0;

    if (m->copied) {
        /* What was copied must survive a crash that the old cluster would have survived. */
        qcow2_cache_depends_on_flush(s->l2_cache);
    }
    if (!s->use_lazy_refcounts && !m->reuses_host) {
        ret = qcow2_cache_set_dependency(bs, s->l2_cache, s->refcount_cache);
    }
    if (ret == 0) {
        ret = qcow2_get_l2_for_write(bs, m->first, &l2, &index);
    }
    if (ret < 0) {
        qcow2_map_abandon_locked(bs, m);
        return ret;
    }
    qcow2_cache_mark_dirty(s->l2_cache, l2);
    assert(index + m->nb_clusters <= s->l2_entries);
    for (uint64_t i = 0; i < m->nb_clusters; i++) {
        old[i] = l2_get(l2, index + i);
        l2_set(l2, index + i, (m->alloc_offset + i * s->cluster_size) | QCOW_OFLAG_COPIED);
    }
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    for (uint64_t i = 0; i < m->nb_clusters && !m->reuses_host; i++) {
        if (qcow2_entry_type(old[i]) != QCOW2_CLUSTER_UNALLOCATED) {
            qcow2_free_entry(bs, old[i], QCOW2_DISCARD_NEVER);
        }
    }
    qcow2_inflight_remove(s, m);
    return 0;
}

/* ---- Size of the L1 table ---- */

/* Put @table (host order, @entries) on disk at @offset and let the header name it. */
static int coroutine_fn GRAPH_RDLOCK switch_l1(BlockDriverState *bs, const uint64_t *table, uint64_t entries,
                                               uint64_t offset)
{
    g_autofree uint64_t *disk = g_new(uint64_t, entries);
    uint8_t header[12];
    int ret;

    for (uint64_t i = 0; i < entries; i++) {
        disk[i] = GUINT64_TO_BE(table[i]);
    }
    BLKDBG_CO_EVENT(bs->file, "l1_grow_write_table");
    ret = bdrv_co_pwrite_sync(bs->file, offset, entries * L1E_SIZE, disk, 0);
    if (ret < 0) {
        return ret;
    }
    st32_be(header, entries);
    st64_be(header + 4, offset);
    BLKDBG_CO_EVENT(bs->file, "l1_grow_activate_table");
    return bdrv_co_pwrite_sync(bs->file, QCOW2_HDR_L1_SIZE, sizeof(header), header, 0);
}

int coroutine_fn qcow2_grow_l1_table(BlockDriverState *bs, uint64_t min_size, bool exact)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t size = exact ? min_size : MAX(s->l1_size, 1);
    g_autofree uint64_t *table = NULL;
    uint64_t old_offset = s->l1_table_offset;
    uint64_t old_bytes = (uint64_t)s->l1_size * L1E_SIZE;
    int64_t offset;
    int ret;

    if (min_size <= s->l1_size) {
        return 0;
    }
    while (size < min_size) {
        size = DIV_ROUND_UP(size * 3, 2);
    }
    if (min_size > QCOW_MAX_L1_SIZE / L1E_SIZE) {
        return -EFBIG;
    }
    size = MIN(size, QCOW_MAX_L1_SIZE / L1E_SIZE);
    table = g_try_new0(uint64_t, size);
    if (!table) {
        return -ENOMEM;
    }
    if (s->l1_size) {
        memcpy(table, s->l1_table, old_bytes);
    }
    BLKDBG_CO_EVENT(bs->file, "l1_grow_alloc_table");
    offset = qcow2_alloc_clusters(bs, size * L1E_SIZE, "L1 table");
    if (offset < 0) {
        return offset;
    }
    ret = qcow2_cache_flush(bs, s->refcount_cache);
    if (ret == 0) {
        ret = qcow2_pre_write_overlap_check(bs, 0, offset, size * L1E_SIZE);
    }
    if (ret == 0) {
        ret = switch_l1(bs, table, size, offset);
    }
    if (ret < 0) {
        qcow2_free_clusters(bs, offset, size * L1E_SIZE, QCOW2_DISCARD_OTHER);
        return ret;
    }
    g_free(s->l1_table);
    s->l1_table = g_steal_pointer(&table);
    s->l1_table_offset = offset;
    s->l1_size = size;
    if (old_bytes) {
        qcow2_free_clusters(bs, old_offset, old_bytes, QCOW2_DISCARD_OTHER);
    }
    return 0;
}

int coroutine_fn qcow2_shrink_l1_table(BlockDriverState *bs, uint64_t exact_size)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = 0;

    if (exact_size >= s->l1_size) {
        return 0;
    }
    BLKDBG_CO_EVENT(bs->file, "l1_shrink_write_table");
    ret = bdrv_co_pwrite_zeroes(bs->file, s->l1_table_offset + exact_size * L1E_SIZE,
                                (s->l1_size - exact_size) * L1E_SIZE, 0);
    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret < 0) {
        return ret;
    }
    BLKDBG_CO_EVENT(bs->file, "l1_shrink_free_l2_clusters");
    for (uint64_t i = exact_size; i < s->l1_size; i++) {
        uint64_t l2_offset = s->l1_table[i] & L1E_OFFSET_MASK;

        s->l1_table[i] = 0;
        if (l2_offset && !offset_into_cluster(s, l2_offset)) {
            qcow2_free_clusters(bs, l2_offset, s->cluster_size, QCOW2_DISCARD_ALWAYS);
        }
    }
    return 0;
}
