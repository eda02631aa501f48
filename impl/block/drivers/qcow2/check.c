/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 consistency check and repair: count every reference, compare with the refcounts, then the COPIED flags.
 *
 * Context: CO, s->lock held, node otherwise quiet.   Prints each finding on stderr, as "qemu-img check" does.
 *
 * I1  Nothing found in the image is trusted: each offset is compared with the file before it is counted.
 * I2  Repair raises refcounts before it lowers any, and allocates only behind everything that is referenced.
 * I3  An L2 table is walked once, however many L1 entries name it, so the work is bounded by the file's size.
 * Source: qcow2 specification, "Host cluster management", "Cluster mapping", "Snapshots".
 */
#include "block/drivers/qcow2/qcow2.h"

#include <stdio.h>

#define X64 "%" G_GINT64_MODIFIER "x"

typedef struct L2Ref {
    uint64_t offset;
    uint32_t n;                 /* how many L1 entries name it */
    bool active;
} L2Ref;

typedef struct Check {
    BlockDriverState *bs;
    BDRVQcow2State *s;
    BdrvCheckResult *res;
    BdrvCheckMode fix;
    uint64_t file_length;
    uint64_t nb_clusters;
    uint32_t *refs;             /* references found, by cluster */
    GArray *l2_refs;            /* of L2Ref, in order of discovery */
    GHashTable *l2_index;       /* offset (gint64 *) -> position in l2_refs; looked up, never iterated */
    uint64_t next_contiguous;
} Check;

static void G_GNUC_PRINTF(2, 3) found_corruption(Check *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    c->res->corruptions++;
}

/* @n references to every cluster of the range (I1). */
static void count_range(Check *c, uint64_t offset, uint64_t bytes, uint32_t n)
{
    BDRVQcow2State *s = c->s;
    uint64_t end = offset + bytes;

    if (bytes == 0) {
        return;
    }
    if (end < offset || end_of_cluster(s, end) > c->nb_clusters << s->cluster_bits) {
        found_corruption(c, "ERROR: counting reference for region exceeding the end of the file by one cluster or "
                         "more: offset 0x" X64 " size 0x" X64, offset, bytes);
        return;
    }
    for (uint64_t k = offset >> s->cluster_bits; k <= (end - 1) >> s->cluster_bits; k++) {
        if (c->refs[k] > UINT32_MAX - n) {
            found_corruption(c, "ERROR: overflow cluster offset=0x" X64, k << s->cluster_bits);
            return;
        }
        c->refs[k] += n;
    }
}

/* ---- Counting ---- */

static void note_l2(Check *c, uint64_t offset, bool active)
{
    gint64 key = (gint64)offset;
    gpointer at;
    L2Ref r = { offset, 1, active };

    if (g_hash_table_lookup_extended(c->l2_index, &key, NULL, &at)) {
        L2Ref *old = &g_array_index(c->l2_refs, L2Ref, GPOINTER_TO_UINT(at));

        old->n++;
        old->active |= active;
        return;
    }
    g_hash_table_insert(c->l2_index, g_memdup2(&key, sizeof(key)), GUINT_TO_POINTER(c->l2_refs->len));
    g_array_append_val(c->l2_refs, r);
}

static void count_l1_entries(Check *c, const uint64_t *l1, uint32_t size, bool active)
{
    BDRVQcow2State *s = c->s;

    for (uint32_t i = 0; i < size; i++) {
        uint64_t offset = l1[i] & L1E_OFFSET_MASK;

        if (l1[i] & L1E_RESERVED_MASK) {
            found_corruption(c, "ERROR found L1 entry with reserved bits set: " X64, l1[i]);
        }
        if (!offset) {
            continue;
        }
        count_range(c, offset, s->cluster_size, 1);
        if (offset_into_cluster(s, offset)) {
            found_corruption(c, "ERROR l2_offset=" X64 ": Table is not cluster aligned; L1 entry corrupted", offset);
            continue;
        }
        note_l2(c, offset, active);
    }
}

static int coroutine_fn GRAPH_RDLOCK count_snapshot_l1(Check *c, const QCowSnapshot *sn)
{
    uint64_t bytes = (uint64_t)sn->l1_size * L1E_SIZE;
    g_autofree uint64_t *l1 = NULL;
    int ret;

    if (bytes == 0) {
        return 0;
    }
    count_range(c, sn->l1_table_offset, bytes, 1);
    if (sn->l1_table_offset + bytes > c->file_length) {
        found_corruption(c, "ERROR snapshot %s (%s): L1 table is beyond the end of the file", sn->id_str, sn->name);
        return 0;
    }
    l1 = g_try_new(uint64_t, sn->l1_size);
    if (!l1) {
        return -ENOMEM;
    }
    ret = bdrv_co_pread(c->bs->file, sn->l1_table_offset, bytes, l1, 0);
    if (ret < 0) {
        fprintf(stderr, "ERROR: I/O error in check_refcounts_l1\n");
        c->res->check_errors++;
        return ret;
    }
    for (uint32_t i = 0; i < sn->l1_size; i++) {
        l1[i] = GUINT64_FROM_BE(l1[i]);
    }
    count_l1_entries(c, l1, sn->l1_size, false);
    return 0;
}

static void count_fragmentation(Check *c, uint64_t offset)
{
    c->res->bfi.allocated_clusters++;
    if (c->next_contiguous && offset != c->next_contiguous) {
        c->res->bfi.fragmented_clusters++;
    }
    c->next_contiguous = offset + c->s->cluster_size;
}

static void count_l2_entry(Check *c, uint64_t entry, const L2Ref *l2)
{
    BDRVQcow2State *s = c->s;
    uint64_t offset = entry & L2E_OFFSET_MASK;
    Qcow2ClusterType type = qcow2_entry_type(entry);
    uint32_t len;

    if (type != QCOW2_CLUSTER_COMPRESSED && entry & L2E_STD_RESERVED_MASK) {
        found_corruption(c, "ERROR found l2 entry with reserved bits set: " X64, entry);
    }
    switch (type) {
    case QCOW2_CLUSTER_COMPRESSED:
        if (entry & QCOW_OFLAG_COPIED) {
            found_corruption(c, "ERROR: coffset=0x" X64 ": copied flag must never be set for compressed clusters",
                             (uint64_t)(entry & ((1ULL << (62 - (s->cluster_bits - 8))) - 1)));
        }
        qcow2_entry_compressed(entry, s->cluster_bits, &offset, &len);
        count_range(c, offset, len, l2->n);
        if (l2->active) {
            c->res->bfi.compressed_clusters++;
            c->res->bfi.allocated_clusters++;
            /* Compressed clusters are fragmented by nature: they are read one by one. */
            c->res->bfi.fragmented_clusters++;
        }
        break;
    case QCOW2_CLUSTER_ZERO_ALLOC:
    case QCOW2_CLUSTER_NORMAL:
        if (offset_into_cluster(s, offset)) {
            found_corruption(c, "ERROR offset=" X64 ": Cluster is not properly aligned; L2 entry corrupted.", offset);
            break;
        }
        if (l2->active) {
            count_fragmentation(c, offset);
        }
        count_range(c, offset, s->cluster_size, l2->n);
        break;
    case QCOW2_CLUSTER_ZERO_PLAIN:
    case QCOW2_CLUSTER_UNALLOCATED:
        break;
    }
}

static int coroutine_fn GRAPH_RDLOCK count_l2_tables(Check *c)
{
    BDRVQcow2State *s = c->s;
    g_autofree uint64_t *l2 = g_malloc(s->cluster_size);

    for (guint k = 0; k < c->l2_refs->len; k++) {
        L2Ref ref = g_array_index(c->l2_refs, L2Ref, k);
        int ret;

        if (ref.offset + s->cluster_size > c->nb_clusters << s->cluster_bits) {
            continue;       /* reported when it was counted */
        }
        ret = bdrv_co_pread(c->bs->file, ref.offset, s->cluster_size, l2, 0);
        if (ret < 0) {
            fprintf(stderr, "ERROR: I/O error in check_refcounts_l2\n");
            c->res->check_errors++;
            return ret;
        }
        c->next_contiguous = 0;
        for (uint64_t i = 0; i < s->l2_entries; i++) {
            count_l2_entry(c, GUINT64_FROM_BE(l2[i]), &ref);
        }
    }
    return 0;
}

/* Bitmaps that are in step with the image: not ours to change, but not leaks either. */
static void coroutine_fn GRAPH_RDLOCK count_bitmaps(Check *c)
{
    const Qcow2HeaderTail *t = &c->s->tail;
    g_autofree uint8_t *dir = NULL;
    uint64_t at = 0;

    if (!t->nb_bitmaps || t->bitmap_directory_size > c->file_length ||
        t->bitmap_directory_offset > c->file_length - t->bitmap_directory_size) {
        return;
    }
    count_range(c, t->bitmap_directory_offset, t->bitmap_directory_size, 1);
    dir = g_try_malloc(t->bitmap_directory_size);
    if (!dir || bdrv_co_pread(c->bs->file, t->bitmap_directory_offset, t->bitmap_directory_size, dir, 0) < 0) {
        return;
    }
    while (at + 24 <= t->bitmap_directory_size) {
        uint64_t table = ld64_be(dir + at) & L2E_OFFSET_MASK;
        uint64_t entries = ld32_be(dir + at + 8);
        g_autofree uint64_t *bt = NULL;

        at += QEMU_ALIGN_UP(24ULL + ld16_be(dir + at + 18) + ld32_be(dir + at + 20), 8);
        if (entries * 8 > c->file_length || table > c->file_length - entries * 8) {
            return;
        }
        count_range(c, table, entries * 8, 1);
        bt = g_try_malloc(entries * 8);
        if (!bt || bdrv_co_pread(c->bs->file, table, entries * 8, bt, 0) < 0) {
            return;
        }
        for (uint64_t i = 0; i < entries; i++) {
            if (GUINT64_FROM_BE(bt[i]) & L2E_OFFSET_MASK) {
                count_range(c, GUINT64_FROM_BE(bt[i]) & L2E_OFFSET_MASK, c->s->cluster_size, 1);
            }
        }
    }
}

/* Refcount blocks count as references to themselves. Entries that cannot be right are dropped when repairing. */
static int coroutine_fn GRAPH_RDLOCK count_refblocks(Check *c)
{
    BDRVQcow2State *s = c->s;

    for (uint64_t i = 0; i < s->refcount_table_size; i++) {
        uint64_t offset = s->refcount_table[i] & REFT_OFFSET_MASK;
        const char *why = NULL;
        uint64_t zero = 0;
        int ret;

        if (s->refcount_table[i] & REFT_RESERVED_MASK) {
            found_corruption(c, "ERROR refcount table entry %" G_GUINT64_FORMAT " has reserved bits set", i);
        }
        if (!offset) {
            continue;
        }
        if (offset_into_cluster(s, offset)) {
            why = "is not cluster aligned; refcount table entry corrupted";
        } else if (offset >> s->cluster_bits >= c->nb_clusters) {
            why = "is outside image";
        } else {
            count_range(c, offset, s->cluster_size, 1);
            if (c->refs[offset >> s->cluster_bits] != 1) {
                why = "is used for something else too";
            }
        }
        if (!why) {
            continue;
        }
        if (!(c->fix & BDRV_FIX_ERRORS)) {
            found_corruption(c, "ERROR refcount block %" G_GUINT64_FORMAT " %s", i, why);
            continue;
        }
        fprintf(stderr, "Repairing refcount block %" G_GUINT64_FORMAT " %s\n", i, why);
        ret = bdrv_co_pwrite_sync(c->bs->file, s->refcount_table_offset + i * REFTABLE_ENTRY_SIZE, sizeof(zero), &zero,
                                  0);
        if (ret < 0) {
            c->res->check_errors++;
            return ret;
        }
        qcow2_cache_drop(s->refcount_cache, offset);
        s->refcount_table[i] = 0;
        if (!offset_into_cluster(s, offset) && offset >> s->cluster_bits < c->nb_clusters) {
            c->refs[offset >> s->cluster_bits]--;
        }
        c->res->corruptions_fixed++;
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK count_all(Check *c)
{
    BDRVQcow2State *s = c->s;
    int ret = 0;

    count_range(c, 0, s->cluster_size, 1);
    count_range(c, s->l1_table_offset, (uint64_t)s->l1_size * L1E_SIZE, 1);
    count_l1_entries(c, s->l1_table, s->l1_size, true);
    for (uint32_t i = 0; i < s->nb_snapshots && ret == 0; i++) {
        ret = count_snapshot_l1(c, &s->snapshots[i]);
    }
    if (ret == 0) {
        ret = count_l2_tables(c);
    }
    if (ret < 0) {
        return ret;
    }
    count_range(c, s->snapshots_offset, s->snapshots_bytes, 1);
    if (s->autoclear_features & QCOW2_AUTOCLEAR_BITMAPS) {
        count_bitmaps(c);
    }
    count_range(c, s->refcount_table_offset, s->refcount_table_size * REFTABLE_ENTRY_SIZE, 1);
    return count_refblocks(c);
}

/* ---- Comparing ---- */

/* A refcount without the checks that would mark the image corrupt. */
static int coroutine_fn GRAPH_RDLOCK stored_refcount(Check *c, uint64_t cluster, uint64_t *ret)
{
    BDRVQcow2State *s = c->s;
    uint64_t index = cluster >> s->rb_bits;
    uint64_t offset = index < s->refcount_table_size ? s->refcount_table[index] & REFT_OFFSET_MASK : 0;

    *ret = 0;
    if (!offset || offset_into_cluster(s, offset) || offset >> s->cluster_bits >= c->nb_clusters) {
        return 0;
    }
    return qcow2_get_refcount(c->bs, cluster, ret);
}

/* One pass over all clusters: those with too small refcounts (@raise) or the leaked ones. */
static int coroutine_fn GRAPH_RDLOCK compare_pass(Check *c, bool raise)
{
    BDRVQcow2State *s = c->s;
    bool may_fix = c->fix & (raise ? BDRV_FIX_ERRORS : BDRV_FIX_LEAKS);

    for (uint64_t k = 0; k < c->nb_clusters; k++) {
        uint64_t refs = c->refs[k];
        uint64_t stored;
        int ret = stored_refcount(c, k, &stored);

        if (ret < 0) {
            fprintf(stderr, "Can't get refcount for cluster %" G_GUINT64_FORMAT ": %s\n", k, g_strerror(-ret));
            c->res->check_errors++;
            continue;
        }
        if (refs) {
            c->res->image_end_offset = MAX(c->res->image_end_offset, (int64_t)((k + 1) << s->cluster_bits));
        }
        if (stored == refs || (stored < refs) != raise) {
            continue;
        }
        fprintf(stderr, "%s cluster %" G_GUINT64_FORMAT " refcount=%" G_GUINT64_FORMAT " reference=%" G_GUINT64_FORMAT
                "\n", may_fix ? "Repairing" : raise ? "ERROR" : "Leaked", k, stored, refs);
        if (may_fix) {
            if (raise) {
                s->free_cluster_index = c->nb_clusters;     /* (I2) */
            }
            ret = qcow2_update_refcount(c->bs, k << s->cluster_bits, 1, (int64_t)(refs - stored), QCOW2_DISCARD_ALWAYS);
            if (ret == 0) {
                *(raise ? &c->res->corruptions_fixed : &c->res->leaks_fixed) += 1;
                continue;
            }
        }
        *(raise ? &c->res->corruptions : &c->res->leaks) += 1;
    }
    return 0;
}

/* Does @entry's COPIED flag agree with the refcount of @offset? Repairs *@entry; true if it changed. */
static bool coroutine_fn GRAPH_RDLOCK check_copied(Check *c, uint64_t *entry, uint64_t offset, const char *what)
{
    BDRVQcow2State *s = c->s;
    uint64_t refcount;

    if (offset >> s->cluster_bits >= c->nb_clusters || stored_refcount(c, offset >> s->cluster_bits, &refcount) < 0 ||
        (refcount == 1) == !!(*entry & QCOW_OFLAG_COPIED)) {
        return false;
    }
    fprintf(stderr, "%s OFLAG_COPIED %s: entry=" X64 " refcount=%" G_GUINT64_FORMAT "\n",
            c->fix & BDRV_FIX_ERRORS ? "Repairing" : "ERROR", what, *entry, refcount);
    if (!(c->fix & BDRV_FIX_ERRORS)) {
        c->res->corruptions++;
        return false;
    }
    *entry = (*entry & ~QCOW_OFLAG_COPIED) | (refcount == 1 ? QCOW_OFLAG_COPIED : 0);
    c->res->corruptions_fixed++;
    return true;
}

static int coroutine_fn GRAPH_RDLOCK check_copied_l2(Check *c, uint64_t l2_offset)
{
    BDRVQcow2State *s = c->s;
    uint64_t *l2;
    int ret = qcow2_cache_get(c->bs, s->l2_cache, l2_offset, (void **)&l2);

    if (ret < 0) {
        c->res->check_errors++;
        return ret;
    }
    for (uint64_t i = 0; i < s->l2_entries; i++) {
        uint64_t entry = GUINT64_FROM_BE(l2[i]);
        uint64_t offset = entry & L2E_OFFSET_MASK;
        Qcow2ClusterType type = qcow2_entry_type(entry);

        if ((type == QCOW2_CLUSTER_NORMAL || type == QCOW2_CLUSTER_ZERO_ALLOC) && !offset_into_cluster(s, offset) &&
            check_copied(c, &entry, offset, "data cluster")) {
            l2[i] = GUINT64_TO_BE(entry);
            qcow2_cache_mark_dirty(s->l2_cache, l2);
        }
    }
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK check_copied_flags(Check *c)
{
    BDRVQcow2State *s = c->s;
    int ret = 0;

    for (uint32_t i = 0; i < s->l1_size && ret == 0; i++) {
        uint64_t offset = s->l1_table[i] & L1E_OFFSET_MASK;

        if (!offset || offset_into_cluster(s, offset) || offset >> s->cluster_bits >= c->nb_clusters) {
            continue;
        }
        if (check_copied(c, &s->l1_table[i], offset, "L2 cluster")) {
            ret = qcow2_write_l1_entry(c->bs, i);
        }
        if (ret == 0) {
            ret = check_copied_l2(c, offset);
        }
    }
    return ret;
}

/* ---- Entry ---- */

static int coroutine_fn GRAPH_RDLOCK check_run(Check *c)
{
    BDRVQcow2State *s = c->s;
    int ret;

    c->refs = g_try_new0(uint32_t, c->nb_clusters);
    if (!c->refs) {
        c->res->check_errors++;
        return -ENOMEM;
    }
    c->res->bfi.total_clusters = size_to_clusters(s, s->size);
    ret = count_all(c);
    if (ret < 0) {
        return ret;
    }
    ret = compare_pass(c, true);
    if (ret == 0) {
        ret = compare_pass(c, false);
    }
    if (ret == 0) {
        ret = check_copied_flags(c);
    }
    qcow2_process_discards(c->bs, ret < 0);
    return ret;
}

int coroutine_fn qcow2_check_locked(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
{
    BDRVQcow2State *s = bs->opaque;
    Check c = { .bs = bs, .s = s, .res = result, .fix = fix };
    int64_t length = bdrv_co_getlength(bs->file->bs);
    int ret;

    if (length < 0 || (uint64_t)length > QCOW_MAX_HOST_END) {
        result->check_errors++;
        return length < 0 ? length : -EFBIG;
    }
    /* What is cached must be in the file, which is what we read. */
    if (!bdrv_is_read_only(bs)) {
        ret = qcow2_flush_caches(bs);
        if (ret < 0) {
            result->check_errors++;
            return ret;
        }
        length = bdrv_co_getlength(bs->file->bs);
    }
    c.file_length = length;
    c.nb_clusters = size_to_clusters(s, length);
    c.l2_refs = g_array_new(FALSE, FALSE, sizeof(L2Ref));
    c.l2_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    ret = check_run(&c);
    g_hash_table_unref(c.l2_index);
    g_array_unref(c.l2_refs);
    g_free(c.refs);
    if (ret == 0 && fix && !result->check_errors && !result->corruptions) {
        s->free_cluster_index = 0;
        ret = qcow2_flush_caches(bs);
        if (ret == 0) {
            ret = qcow2_mark_clean(bs);
        }
        if (ret == 0) {
            ret = qcow2_mark_consistent(bs);
        }
    }
    return ret;
}
