/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 header updates: feature bits, the whole first cluster, and the report of corruption.
 *
 * Context: CO, s->lock held.
 *
 * I1  The dirty bit is on disk before any refcount is left behind; it goes off only after both caches are on disk.
 * Source: qcow2 specification, "Header", incompatible feature bits 0 and 1.
 */
#include "block/drivers/qcow2/qcow2.h"

#include <stdarg.h>
#include <stdio.h>

int coroutine_fn qcow2_update_header(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Header h = {
        .version = s->version,
        .cluster_bits = s->cluster_bits,
        .size = s->size,
        .l1_size = s->l1_size,
        .l1_table_offset = s->l1_table_offset,
        .refcount_table_offset = s->refcount_table_offset,
        .refcount_table_clusters = s->refcount_table_size * REFTABLE_ENTRY_SIZE >> s->cluster_bits,
        .nb_snapshots = s->nb_snapshots,
        .snapshots_offset = s->snapshots_offset,
        .incompatible_features = s->incompatible_features,
        .compatible_features = s->compatible_features,
        .autoclear_features = s->autoclear_features,
        .refcount_order = s->refcount_order,
        .compression_type = s->compression,
    };
    g_autoptr(GError) err = NULL;
    g_autofree uint8_t *cluster = qcow2_header_encode(&h, &s->tail, s->backing_file, &err);

    if (!cluster) {
        return -ENOSPC;
    }
    return bdrv_co_pwrite_sync(bs->file, 0, s->cluster_size, cluster, 0);
}

static int coroutine_fn GRAPH_RDLOCK write_incompatible(BlockDriverState *bs, uint64_t features)
{
    BDRVQcow2State *s = bs->opaque;
    uint8_t buf[8];
    int ret;

    assert(s->version >= 3);
    st64_be(buf, features);
    ret = bdrv_co_pwrite_sync(bs->file, QCOW2_HDR_INCOMPAT, sizeof(buf), buf, 0);
    if (ret == 0) {
        s->incompatible_features = features;
    }
    return ret;
}

int coroutine_fn qcow2_mark_dirty(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    if (s->incompatible_features & QCOW2_INCOMPAT_DIRTY) {
        return 0;
    }
    return write_incompatible(bs, s->incompatible_features | QCOW2_INCOMPAT_DIRTY);
}

int coroutine_fn qcow2_mark_clean(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (!(s->incompatible_features & QCOW2_INCOMPAT_DIRTY)) {
        return 0;
    }
    ret = qcow2_cache_flush(bs, s->l2_cache);
    if (ret == 0) {
        ret = qcow2_cache_flush(bs, s->refcount_cache);
    }
    return ret < 0 ? ret : write_incompatible(bs, s->incompatible_features & ~QCOW2_INCOMPAT_DIRTY);
}

int coroutine_fn qcow2_mark_consistent(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (!(s->incompatible_features & QCOW2_INCOMPAT_CORRUPT)) {
        return 0;
    }
    ret = qcow2_flush_caches(bs);
    return ret < 0 ? ret : write_incompatible(bs, s->incompatible_features & ~QCOW2_INCOMPAT_CORRUPT);
}

void coroutine_fn qcow2_signal_corruption(BlockDriverState *bs, bool fatal, int64_t offset, int64_t size,
                                          const char *fmt, ...)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree char *text = NULL;
    va_list ap;

    fatal = fatal && !bdrv_is_read_only(bs);
    if (s->signaled_corruption && (!fatal || s->unusable)) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (fatal) {
        fprintf(stderr, "qcow2: Marking image as corrupt: %s; further corruption events will be suppressed\n", text);
    } else {
        fprintf(stderr, "qcow2: Image is corrupt: %s; further non-fatal corruption events will be suppressed\n", text);
    }
    s->signaled_corruption = true;
    if (fatal) {
        /* From here on every request fails; the bit tells the next one who opens it. */
        s->unusable = true;
        if (s->version >= 3 && !(s->incompatible_features & QCOW2_INCOMPAT_CORRUPT)) {
            int ret = write_incompatible(bs, s->incompatible_features | QCOW2_INCOMPAT_CORRUPT);

            (void)ret;      /* the image stays unusable for us in any case */
        }
    }
}
