/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: would a write destroy metadata? Looks only at what is in memory, so it costs no I/O.
 *
 * Context: any, s->lock held or the node quiet.   Source: qcow2 specification, layout of metadata.
 */
#include "block/drivers/qcow2/qcow2.h"

static bool hits_table(uint64_t table, uint64_t table_bytes, uint64_t offset, uint64_t bytes)
{
    return table && ranges_overlap(table, table_bytes, offset, bytes);
}

static bool hits_listed(const BDRVQcow2State *s, const uint64_t *list, uint64_t n, uint64_t mask, uint64_t offset,
                        uint64_t bytes)
{
    for (uint64_t i = 0; i < n; i++) {
        if (hits_table(list[i] & mask, s->cluster_size, offset, bytes)) {
            return true;
        }
    }
    return false;
}

static bool hits_inactive_l1(const BDRVQcow2State *s, uint64_t offset, uint64_t bytes)
{
    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        const QCowSnapshot *sn = &s->snapshots[i];

        if (sn->l1_size && hits_table(sn->l1_table_offset, (uint64_t)sn->l1_size * L1E_SIZE, offset, bytes)) {
            return true;
        }
    }
    return false;
}

int qcow2_overlap_check(BlockDriverState *bs, int ignore, uint64_t offset, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    int check = s->overlap_check & ~ignore;

    if (bytes == 0) {
        return 0;
    }
    if (check & QCOW2_OL_MAIN_HEADER && offset < s->cluster_size) {
        return QCOW2_OL_MAIN_HEADER;
    }
    /* What follows compares whole clusters. */
    bytes = end_of_cluster(s, offset_into_cluster(s, offset) + bytes);
    offset = start_of_cluster(s, offset);
    if (check & QCOW2_OL_ACTIVE_L1 && s->l1_size &&
        hits_table(s->l1_table_offset, (uint64_t)s->l1_size * L1E_SIZE, offset, bytes)) {
        return QCOW2_OL_ACTIVE_L1;
    }
    if (check & QCOW2_OL_ACTIVE_L2 && hits_listed(s, s->l1_table, s->l1_size, L1E_OFFSET_MASK, offset, bytes)) {
        return QCOW2_OL_ACTIVE_L2;
    }
    if (check & QCOW2_OL_REFCOUNT_TABLE &&
        hits_table(s->refcount_table_offset, s->refcount_table_size * REFTABLE_ENTRY_SIZE, offset, bytes)) {
        return QCOW2_OL_REFCOUNT_TABLE;
    }
    if (check & QCOW2_OL_REFCOUNT_BLOCK &&
        hits_listed(s, s->refcount_table, s->refcount_table_size, REFT_OFFSET_MASK, offset, bytes)) {
        return QCOW2_OL_REFCOUNT_BLOCK;
    }
    if (check & QCOW2_OL_SNAPSHOT_TABLE && hits_table(s->snapshots_offset, s->snapshots_bytes, offset, bytes)) {
        return QCOW2_OL_SNAPSHOT_TABLE;
    }
    if (check & QCOW2_OL_INACTIVE_L1 && hits_inactive_l1(s, offset, bytes)) {
        return QCOW2_OL_INACTIVE_L1;
    }
    return 0;
}

static const char *metadata_name(int bit)
{
    switch (bit) {
    case QCOW2_OL_MAIN_HEADER:
        return "qcow2_header";
    case QCOW2_OL_ACTIVE_L1:
        return "active L1 table";
    case QCOW2_OL_ACTIVE_L2:
        return "active L2 table";
    case QCOW2_OL_REFCOUNT_TABLE:
        return "refcount table";
    case QCOW2_OL_REFCOUNT_BLOCK:
        return "refcount block";
    case QCOW2_OL_SNAPSHOT_TABLE:
        return "snapshot table";
    default:
        return "inactive L1 table";
    }
}

int coroutine_fn qcow2_pre_write_overlap_check(BlockDriverState *bs, int ignore, uint64_t offset, uint64_t bytes)
{
    int hit = qcow2_overlap_check(bs, ignore, offset, bytes);

    if (!hit) {
        return 0;
    }
    qcow2_signal_corruption(bs, true, offset, bytes, "Preventing invalid write on metadata (overlaps with %s)",
                            metadata_name(hit));
    return -EIO;
}
