/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 metadata caches: write-back, one for L2 tables and one for refcount blocks.
 *
 * Owns: the tables in memory and the order in which dirty ones reach the child.   Context: CO, s->lock held.
 *
 * I1  Before any table of a cache is written, the cache it depends on is clean on the child and flushed, and a
 *     pending depends_on_flush has been honoured.
 * I2  Dependencies never make a cycle: at most one of the two caches depends on the other.
 * I3  A borrowed table (ref > 0) is neither displaced nor moved.
 * Source: qcow2 specification, "Host cluster management" (what must never be on disk: a reference without refcount).
 */
#include "block/drivers/qcow2/qcow2.h"

Qcow2Cache *qcow2_cache_create(BlockDriverState *bs, unsigned tables, bool is_l2)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Cache *c = g_new0(Qcow2Cache, 1);

    c->size = tables;
    c->table_size = s->cluster_size;
    c->is_l2 = is_l2;
    c->what = is_l2 ? "L2 table" : "Refcount block";
    c->entries = g_new0(Qcow2CacheEntry, tables);
    c->tables = qemu_try_blockalign(bs, (size_t)tables * c->table_size);
    if (!c->tables) {
        g_free(c->entries);
        g_free(c);
        return NULL;
    }
    return c;
}

void qcow2_cache_destroy(Qcow2Cache *c)
{
    if (!c) {
        return;
    }
    for (unsigned i = 0; i < c->size; i++) {
        assert(c->entries[i].ref == 0);
    }
    qemu_vfree(c->tables);
    g_free(c->entries);
    g_free(c);
}

static uint8_t *table_at(const Qcow2Cache *c, unsigned i)
{
    return c->tables + (size_t)i * c->table_size;
}

static unsigned table_index(const Qcow2Cache *c, const void *table)
{
    size_t pos = (const uint8_t *)table - c->tables;

    assert((const uint8_t *)table >= c->tables && pos / c->table_size < c->size && pos % c->table_size == 0);
    return pos / c->table_size;
}

/* Everything that must be on disk before a table of @c may be written (I1). */
static int coroutine_fn GRAPH_RDLOCK settle_order(BlockDriverState *bs, Qcow2Cache *c)
{
    int ret;

    if (c->depends) {
        ret = qcow2_cache_flush(bs, c->depends);
        if (ret < 0) {
            return ret;
        }
        c->depends = NULL;
        c->depends_on_flush = false;
    }
    if (c->depends_on_flush) {
        ret = bdrv_co_flush(bs->file->bs);
        if (ret < 0) {
            return ret;
        }
        c->depends_on_flush = false;
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK write_entry(BlockDriverState *bs, Qcow2Cache *c, unsigned i)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2CacheEntry *e = &c->entries[i];
    int ret;

    if (!e->dirty || !e->offset) {
        return 0;
    }
    ret = settle_order(bs, c);
    if (ret < 0) {
        return ret;
    }
    ret = qcow2_pre_write_overlap_check(bs, c->is_l2 ? QCOW2_OL_ACTIVE_L2 : QCOW2_OL_REFCOUNT_BLOCK, e->offset,
                                        s->cluster_size);
    if (ret < 0) {
        return ret;
    }
    if (c->is_l2) {
        BLKDBG_CO_EVENT(bs->file, "l2_update");
    } else {
        BLKDBG_CO_EVENT(bs->file, "refblock_update_part");
    }
    ret = bdrv_co_pwrite(bs->file, e->offset, c->table_size, table_at(c, i), 0);
    if (ret < 0) {
        return ret;
    }
    e->dirty = false;
    return 0;
}

int coroutine_fn qcow2_cache_write(BlockDriverState *bs, Qcow2Cache *c)
{
    int result = 0;

    for (unsigned i = 0; i < c->size; i++) {
        int ret = write_entry(bs, c, i);

        /* A full disk is the most useful of several errors. */
        if (ret < 0 && result != -ENOSPC) {
            result = ret;
        }
    }
    return result;
}

int coroutine_fn qcow2_cache_flush(BlockDriverState *bs, Qcow2Cache *c)
{
    BDRVQcow2State *s = bs->opaque;
    int result = qcow2_cache_write(bs, c);

    if (result == 0) {
        result = bdrv_co_flush(bs->file->bs);
    }
    if (result == 0 && c->is_l2) {
        /* No table on disk names a freed cluster any more. */
        g_hash_table_remove_all(s->pending_free);
    }
    return result;
}

int coroutine_fn qcow2_cache_set_dependency(BlockDriverState *bs, Qcow2Cache *c, Qcow2Cache *dep)
{
    int ret;

    if (dep->depends) {
        /* I2: what it waits for (us) goes first. */
        ret = settle_order(bs, dep);
        if (ret < 0) {
            return ret;
        }
    }
    c->depends = dep;
    return 0;
}

void qcow2_cache_depends_on_flush(Qcow2Cache *c)
{
    c->depends_on_flush = true;
}

int coroutine_fn qcow2_cache_empty(BlockDriverState *bs, Qcow2Cache *c)
{
    int ret = qcow2_cache_flush(bs, c);

    if (ret < 0) {
        return ret;
    }
    for (unsigned i = 0; i < c->size; i++) {
        assert(c->entries[i].ref == 0);
        c->entries[i].offset = 0;
        c->entries[i].last_use = 0;
    }
    return 0;
}

void qcow2_cache_drop(Qcow2Cache *c, uint64_t offset)
{
    for (unsigned i = 0; i < c->size; i++) {
        if (c->entries[i].offset == offset && offset) {
            if (c->entries[i].ref) {
                continue;       /* somebody still reads it; it is written to a free cluster at worst */
            }
            c->entries[i] = (Qcow2CacheEntry){ 0 };
        }
    }
}

/* The slot of @offset, or the one to displace in @ret_victim. */
static bool find_slot(Qcow2Cache *c, uint64_t offset, unsigned *ret_slot)
{
    /* Tables start near a place that their offset decides, so that a hit costs few steps. */
    unsigned start = (offset / c->table_size * 4) % c->size;
    uint64_t oldest = UINT64_MAX;
    unsigned victim = c->size;

    for (unsigned n = 0, i = start; n < c->size; n++, i = i + 1 == c->size ? 0 : i + 1) {
        const Qcow2CacheEntry *e = &c->entries[i];

        if (e->offset == offset) {
            *ret_slot = i;
            return true;
        }
        if (e->ref == 0 && e->last_use < oldest) {
            oldest = e->last_use;
            victim = i;
        }
    }
    /* No operation borrows more than two tables of a cache at a time. */
    assert(victim < c->size);
    *ret_slot = victim;
    return false;
}

static int coroutine_fn GRAPH_RDLOCK cache_get(BlockDriverState *bs, Qcow2Cache *c, uint64_t offset, bool read,
                                               void **ret_table)
{
    BDRVQcow2State *s = bs->opaque;
    unsigned i;
    int ret;

    assert(offset != 0);
    if (offset_into_cluster(s, offset)) {
        qcow2_signal_corruption(bs, true, -1, -1, "Cannot get entry from %s cache: Offset %#" G_GINT64_MODIFIER
                                "x is unaligned", c->is_l2 ? "L2" : "refcount block", offset);
        return -EIO;
    }
    if (!find_slot(c, offset, &i)) {
        ret = write_entry(bs, c, i);
        if (ret < 0) {
            return ret;
        }
        c->entries[i].offset = 0;
        if (read) {
            if (c->is_l2) {
                BLKDBG_CO_EVENT(bs->file, "l2_load");
            }
            ret = bdrv_co_pread(bs->file, offset, c->table_size, table_at(c, i), 0);
            if (ret < 0) {
                return ret;
            }
        }
        c->entries[i].offset = offset;
        c->entries[i].dirty = false;
    }
    if (!read) {
        memset(table_at(c, i), 0, c->table_size);
    }
    c->entries[i].ref++;
    *ret_table = table_at(c, i);
    return 0;
}

int coroutine_fn qcow2_cache_get(BlockDriverState *bs, Qcow2Cache *c, uint64_t offset, void **ret_table)
{
    return cache_get(bs, c, offset, true, ret_table);
}

int coroutine_fn qcow2_cache_get_empty(BlockDriverState *bs, Qcow2Cache *c, uint64_t offset, void **ret_table)
{
    return cache_get(bs, c, offset, false, ret_table);
}

void qcow2_cache_put(Qcow2Cache *c, void **table)
{
    Qcow2CacheEntry *e = &c->entries[table_index(c, *table)];

    assert(e->ref > 0);
    e->ref--;
    e->last_use = ++c->clock;
    *table = NULL;
}

void qcow2_cache_mark_dirty(Qcow2Cache *c, void *table)
{
    Qcow2CacheEntry *e = &c->entries[table_index(c, table)];

    assert(e->offset != 0 && e->ref > 0);
    e->dirty = true;
}

int coroutine_fn qcow2_write_caches(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = qcow2_cache_write(bs, s->l2_cache);

    if (ret < 0) {
        return ret;
    }
    /* With the dirty bit set refcounts may lag: they are rebuilt when the image is opened again. */
    if (s->use_lazy_refcounts && s->incompatible_features & QCOW2_INCOMPAT_DIRTY) {
        return 0;
    }
    return qcow2_cache_write(bs, s->refcount_cache);
}

int coroutine_fn qcow2_flush_caches(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = qcow2_write_caches(bs);

    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret == 0) {
        g_hash_table_remove_all(s->pending_free);
    }
    return ret;
}
