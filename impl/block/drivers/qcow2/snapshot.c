/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 internal snapshots: the table, and create, apply, delete, list, load.
 *
 * Owns: s->snapshots and the table on disk.   Context: the slots in the main loop with the node drained; the work in
 * one coroutine each, s->lock held.
 *
 * I1  References are counted before anything on disk holds them: create raises refcounts before the table names the new
 *     L1; delete removes the name before it lowers them.
 * I2  A cluster of the active tree carries COPIED if and only if its refcount is 1.
 * I3  A new snapshot table is complete on disk before the header points to it; one header write switches.
 * Source: qcow2 specification, "Snapshots".
 */
#include "block/drivers/qcow2/qcow2.h"

void qcow2_free_snapshots(BDRVQcow2State *s)
{
    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        qcow2_snapshot_clear(&s->snapshots[i]);
    }
    g_clear_pointer(&s->snapshots, g_free);
    s->nb_snapshots = 0;
}

int coroutine_fn qcow2_read_snapshots(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    g_autoptr(GByteArray) table = g_byte_array_new();
    uint64_t at = 0;
    int64_t file_length;

    s->snapshots_bytes = 0;
    if (s->header_snapshots == 0) {
        return 0;
    }
    file_length = bdrv_co_getlength(bs->file->bs);
    if (file_length < 0 || s->snapshots_offset >= (uint64_t)file_length) {
        error_setg(errp, "Failed to read snapshot table: it is beyond the end of the file");
        return -EINVAL;
    }
    s->snapshots = g_new0(QCowSnapshot, s->header_snapshots);
    while (s->nb_snapshots < s->header_snapshots) {
        QCowSnapshot *sn = &s->snapshots[s->nb_snapshots];
        int64_t n = qcow2_snapshot_parse(table->data + at, table->len - at, s->size, sn, errp);

        if (n < 0) {
            return n;
        }
        if (n == 0) {
            uint64_t more = MIN(MAX(table->len, 4 * KiB), (uint64_t)file_length - s->snapshots_offset - table->len);
            guint had = table->len;
            int ret;

            if (more == 0 || had + more > QCOW_MAX_SNAPSHOTS_SIZE) {
                error_setg(errp, "Failed to read snapshot table: entry %u is cut off", s->nb_snapshots);
                return -EINVAL;
            }
            g_byte_array_set_size(table, had + more);
            ret = bdrv_co_pread(bs->file, s->snapshots_offset + had, more, table->data + had, 0);
            if (ret < 0) {
                error_setg_errno(errp, ret, "Failed to read snapshot table");
                return ret;
            }
            continue;
        }
        s->nb_snapshots++;
        at = MIN(at + n, table->len);
        if (!qcow2_validate_table(sn->l1_table_offset, sn->l1_size, L1E_SIZE, QCOW_MAX_L1_SIZE, s->cluster_size,
                                  "Snapshot L1 table", errp)) {
            return -EINVAL;
        }
    }
    s->snapshots_bytes = at;
    return 0;
}

/* Write s->snapshots as a new table and switch to it (I3). */
static int coroutine_fn GRAPH_RDLOCK write_snapshots(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    g_autoptr(GByteArray) table = g_byte_array_new();
    uint64_t old_offset = s->snapshots_offset;
    uint64_t old_bytes = s->snapshots_bytes;
    int64_t offset = 0;
    uint8_t header[12];
    int ret;

    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        qcow2_snapshot_store(&s->snapshots[i], table);
        if (table->len > QCOW_MAX_SNAPSHOTS_SIZE) {
            return -EFBIG;
        }
    }
    if (table->len) {
        offset = qcow2_alloc_clusters(bs, table->len, "snapshot table");
        if (offset < 0) {
            return offset;
        }
        ret = qcow2_pre_write_overlap_check(bs, 0, offset, table->len);
        if (ret == 0) {
            ret = bdrv_co_pwrite(bs->file, offset, table->len, table->data, 0);
        }
        if (ret < 0) {
            goto fail;
        }
    }
    /* The table, the new L1 and every refcount they need: all on disk before the header changes. */
    ret = qcow2_flush_caches(bs);
    if (ret < 0) {
        goto fail;
    }
    st32_be(header, s->nb_snapshots);
    st64_be(header + 4, offset);
    ret = bdrv_co_pwrite_sync(bs->file, QCOW2_HDR_SNAPSHOTS, sizeof(header), header, 0);
    if (ret < 0) {
        goto fail;
    }
    s->snapshots_offset = offset;
    s->snapshots_bytes = table->len;
    if (old_bytes) {
        qcow2_free_clusters(bs, old_offset, old_bytes, QCOW2_DISCARD_SNAPSHOT);
    }
    return 0;

fail:
    if (offset > 0) {
        qcow2_free_clusters(bs, offset, table->len, QCOW2_DISCARD_ALWAYS);
    }
    return ret;
}

/* ---- Walking an L1 tree ---- */

/* Count entry @entry of an L2 table; *@ret_copied: may it carry COPIED now (I2)? */
static int coroutine_fn GRAPH_RDLOCK count_entry(BlockDriverState *bs, uint64_t entry, int addend, bool *ret_copied)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t offset = entry & L2E_OFFSET_MASK;
    uint64_t refcount;
    uint32_t len;
    int ret = 0;

    *ret_copied = false;
    switch (qcow2_entry_type(entry)) {
    case QCOW2_CLUSTER_COMPRESSED:
        qcow2_entry_compressed(entry, s->cluster_bits, &offset, &len);
        return addend ? qcow2_update_refcount(bs, offset, len, addend, QCOW2_DISCARD_SNAPSHOT) : 0;
    case QCOW2_CLUSTER_NORMAL:
    case QCOW2_CLUSTER_ZERO_ALLOC:
        break;
    case QCOW2_CLUSTER_ZERO_PLAIN:
    case QCOW2_CLUSTER_UNALLOCATED:
        return 0;
    }
    if (offset_into_cluster(s, offset)) {
        qcow2_signal_corruption(bs, true, -1, -1, "Cluster allocation offset %#" G_GINT64_MODIFIER "x unaligned "
                                "(in a snapshot)", offset);
        return -EIO;
    }
    if (addend) {
        ret = qcow2_update_refcount(bs, offset, s->cluster_size, addend, QCOW2_DISCARD_SNAPSHOT);
    }
    if (ret == 0) {
        ret = qcow2_get_refcount(bs, offset >> s->cluster_bits, &refcount);
        *ret_copied = ret == 0 && refcount == 1;
    }
    return ret;
}

/* One L2 table of the tree. Sets COPIED only when the refcount says so; only ever clears it for snapshots. */
static int coroutine_fn GRAPH_RDLOCK count_l2(BlockDriverState *bs, uint64_t l2_offset, int addend)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t *l2 = NULL;
    int ret = qcow2_cache_get(bs, s->l2_cache, l2_offset, (void **)&l2);

    for (uint64_t i = 0; i < s->l2_entries && ret == 0; i++) {
        uint64_t old = GUINT64_FROM_BE(l2[i]);
        uint64_t new = old & ~QCOW_OFLAG_COPIED;
        bool copied;

        ret = count_entry(bs, old, addend, &copied);
        if (ret < 0) {
            break;
        }
        new |= copied ? QCOW_OFLAG_COPIED : 0;
        if (new != old) {
            if (addend > 0) {
                /* The flag goes off only after the refcount that forbids it is safe. */
                ret = qcow2_cache_set_dependency(bs, s->l2_cache, s->refcount_cache);
            }
            l2[i] = GUINT64_TO_BE(new);
            qcow2_cache_mark_dirty(s->l2_cache, l2);
        }
    }
    if (l2) {
        qcow2_cache_put(s->l2_cache, (void **)&l2);
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK read_l1(BlockDriverState *bs, uint64_t offset, uint32_t size, uint64_t **ret)
{
    g_autofree uint64_t *l1 = g_try_new0(uint64_t, MAX(size, 1));
    int r;

    if (!l1) {
        return -ENOMEM;
    }
    r = size ? bdrv_co_pread(bs->file, offset, (uint64_t)size * L1E_SIZE, l1, 0) : 0;
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < size; i++) {
        l1[i] = GUINT64_FROM_BE(l1[i]);
    }
    *ret = g_steal_pointer(&l1);
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK write_l1(BlockDriverState *bs, uint64_t offset, uint32_t size,
                                              const uint64_t *l1)
{
    g_autofree uint64_t *disk = g_new(uint64_t, MAX(size, 1));

    for (uint32_t i = 0; i < size; i++) {
        disk[i] = GUINT64_TO_BE(l1[i]);
    }
    return size ? bdrv_co_pwrite_sync(bs->file, offset, (uint64_t)size * L1E_SIZE, disk, 0) : 0;
}

int coroutine_fn qcow2_update_snapshot_refcount(BlockDriverState *bs, uint64_t l1_offset, uint32_t l1_size, int addend)
{
    BDRVQcow2State *s = bs->opaque;
    bool active = l1_offset == s->l1_table_offset && l1_size == s->l1_size;
    g_autofree uint64_t *copy = NULL;
    uint64_t *l1 = s->l1_table;
    bool changed = false;
    int ret = 0;

    if (!active) {
        ret = read_l1(bs, l1_offset, l1_size, &copy);
        l1 = copy;
    }
    for (uint32_t i = 0; i < l1_size && ret == 0; i++) {
        uint64_t l2_offset = l1[i] & L1E_OFFSET_MASK;
        uint64_t new = l2_offset;
        uint64_t refcount = 0;

        if (!l2_offset) {
            continue;
        }
        if (offset_into_cluster(s, l2_offset)) {
            qcow2_signal_corruption(bs, true, -1, -1, "L2 table offset %#" G_GINT64_MODIFIER "x unaligned (L1 index: "
                                    "%#x)", l2_offset, i);
            return -EIO;
        }
        ret = count_l2(bs, l2_offset, addend);
        if (ret == 0 && addend) {
            ret = qcow2_update_refcount(bs, l2_offset, s->cluster_size, addend, QCOW2_DISCARD_SNAPSHOT);
        }
        if (ret == 0) {
            ret = qcow2_get_refcount(bs, l2_offset >> s->cluster_bits, &refcount);
        }
        if (ret == 0 && active) {
            new |= refcount == 1 ? QCOW_OFLAG_COPIED : 0;
            changed |= new != l1[i];
            l1[i] = new;
        }
    }
    /* Refcounts first, then the flags that rely on them. */
    if (ret == 0) {
        ret = qcow2_flush_caches(bs);
    }
    if (ret == 0 && active && changed) {
        ret = write_l1(bs, l1_offset, l1_size, l1);
    }
    return ret;
}

/* ---- Create ---- */

static char *new_snapshot_id(const BDRVQcow2State *s)
{
    uint64_t max = 0;

    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        max = MAX(max, g_ascii_strtoull(s->snapshots[i].id_str, NULL, 10));
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT, max + 1);
}

/* Copy of the active L1 table for a new snapshot: allocated, written, and everything below counted once more (I1). */
static int coroutine_fn GRAPH_RDLOCK save_l1(BlockDriverState *bs, uint64_t *ret_offset)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint64_t *l1 = g_new0(uint64_t, MAX(s->l1_size, 1));
    uint64_t bytes = (uint64_t)MAX(s->l1_size, 1) * L1E_SIZE;
    int64_t offset = qcow2_alloc_clusters(bs, bytes, "snapshot L1 table");
    int ret;

    if (offset < 0) {
        return offset;
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        l1[i] = s->l1_table[i] & ~QCOW_OFLAG_COPIED;
    }
    ret = qcow2_pre_write_overlap_check(bs, 0, offset, bytes);
    if (ret == 0) {
        ret = write_l1(bs, offset, s->l1_size, l1);
    }
    if (ret == 0) {
        ret = qcow2_update_snapshot_refcount(bs, s->l1_table_offset, s->l1_size, 1);
    }
    if (ret < 0) {
        qcow2_free_clusters(bs, offset, bytes, QCOW2_DISCARD_ALWAYS);
        return ret;
    }
    *ret_offset = offset;
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK snapshot_create_co(BlockDriverState *bs, void *opaque)
{
    BDRVQcow2State *s = bs->opaque;
    QEMUSnapshotInfo *info = opaque;
    g_autofree char *id = NULL;
    QCowSnapshot sn = {
        .disk_size = s->size, .vm_state_size = info->vm_state_size, .date_sec = info->date_sec,
        .date_nsec = info->date_nsec, .vm_clock_nsec = info->vm_clock_nsec, .icount = info->icount,
    };
    int ret;

    if (s->unusable) {
        return -EIO;
    }
    if (s->nb_snapshots >= QCOW_MAX_SNAPSHOTS) {
        return -EFBIG;
    }
    id = new_snapshot_id(s);
    g_strlcpy(info->id_str, id, sizeof(info->id_str));
    qemu_co_mutex_lock(&s->lock);
    ret = save_l1(bs, &sn.l1_table_offset);
    if (ret == 0) {
        sn.l1_size = s->l1_size;
        sn.id_str = g_strdup(info->id_str);
        sn.name = g_strdup(info->name);
        s->snapshots = g_renew(QCowSnapshot, s->snapshots, s->nb_snapshots + 1);
        s->snapshots[s->nb_snapshots++] = sn;
        ret = write_snapshots(bs);
        if (ret < 0) {
            s->nb_snapshots--;
            qcow2_snapshot_clear(&sn);
        }
    }
    if (ret == 0) {
        /* VM state now belongs to the snapshot; the active disk starts without. */
        ret = qcow2_discard_locked(bs, qcow2_vm_state_offset(s), QEMU_ALIGN_UP(info->vm_state_size, s->cluster_size),
                                   QCOW2_DISCARD_NEVER, true);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int qcow2_snapshot_create(BlockDriverState *bs, QEMUSnapshotInfo *sn_info)
{
    return qcow2_call(bs, "qcow2_snapshot_create", snapshot_create_co, sn_info);
}

/* ---- Find ---- */

static int find_by_id_or_name(const BDRVQcow2State *s, const char *id, const char *name)
{
    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        if ((!id || !strcmp(s->snapshots[i].id_str, id)) && (!name || !strcmp(s->snapshots[i].name, name))) {
            return i;
        }
    }
    return -1;
}

static int find_any(const BDRVQcow2State *s, const char *text)
{
    int i = find_by_id_or_name(s, text, NULL);

    return i >= 0 ? i : find_by_id_or_name(s, NULL, text);
}

/* ---- Apply ---- */

/* Replace the active tree by that of @sn. */
static int coroutine_fn GRAPH_RDLOCK apply_locked(BlockDriverState *bs, const QCowSnapshot *sn)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint64_t *l1 = NULL;
    g_autofree uint64_t *old_l1 = NULL;
    uint64_t *padded;
    int ret;

    ret = qcow2_grow_l1_table(bs, sn->l1_size, true);
    if (ret < 0) {
        return ret;
    }
    ret = read_l1(bs, sn->l1_table_offset, sn->l1_size, &l1);
    if (ret == 0) {
        ret = qcow2_update_snapshot_refcount(bs, sn->l1_table_offset, sn->l1_size, 1);
    }
    if (ret < 0) {
        return ret;
    }
    padded = g_new0(uint64_t, MAX(s->l1_size, 1));
    memcpy(padded, l1, (uint64_t)sn->l1_size * L1E_SIZE);
    ret = write_l1(bs, s->l1_table_offset, s->l1_size, padded);
    if (ret < 0) {
        g_free(padded);
        return ret;
    }
    old_l1 = s->l1_table;
    s->l1_table = padded;
    /* Nobody refers to the old tree now: its references may go. */
    for (uint32_t i = 0; i < s->l1_size && ret == 0; i++) {
        uint64_t l2_offset = old_l1[i] & L1E_OFFSET_MASK;

        if (l2_offset && !offset_into_cluster(s, l2_offset)) {
            ret = count_l2(bs, l2_offset, -1);
            if (ret == 0) {
                ret = qcow2_update_refcount(bs, l2_offset, s->cluster_size, -1, QCOW2_DISCARD_SNAPSHOT);
            }
        }
    }
    if (ret == 0) {
        ret = qcow2_update_snapshot_refcount(bs, s->l1_table_offset, s->l1_size, 0);
    }
    qcow2_process_discards(bs, ret < 0);
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK snapshot_goto_co(BlockDriverState *bs, void *opaque)
{
    BDRVQcow2State *s = bs->opaque;
    int i = find_any(s, opaque);
    int ret;

    if (s->unusable) {
        return -EIO;
    }
    if (i < 0) {
        return -ENOENT;
    }
    if (s->snapshots[i].disk_size != s->size) {
        g_autoptr(GError) err = NULL;

        ret = qcow2_co_truncate(bs, s->snapshots[i].disk_size, true, PREALLOC_MODE_OFF, 0, &err);
        if (ret < 0) {
            return ret;
        }
    }
    qemu_co_mutex_lock(&s->lock);
    ret = apply_locked(bs, &s->snapshots[i]);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int qcow2_snapshot_goto(BlockDriverState *bs, const char *snapshot_id)
{
    return qcow2_call(bs, "qcow2_snapshot_goto", snapshot_goto_co, (void *)snapshot_id);
}

/* ---- Delete ---- */

typedef struct DeleteArgs {
    const char *id;
    const char *name;
    GError **errp;
} DeleteArgs;

static int coroutine_fn GRAPH_RDLOCK delete_locked(BlockDriverState *bs, uint32_t i, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    QCowSnapshot sn = s->snapshots[i];
    int ret;

    memmove(&s->snapshots[i], &s->snapshots[i + 1], (s->nb_snapshots - i - 1) * sizeof(sn));
    s->nb_snapshots--;
    ret = write_snapshots(bs);      /* (I1) */
    if (ret < 0) {
        memmove(&s->snapshots[i + 1], &s->snapshots[i], (s->nb_snapshots - i) * sizeof(sn));
        s->snapshots[i] = sn;
        s->nb_snapshots++;
        error_setg_errno(errp, ret, "Failed to remove snapshot from snapshot list");
        return ret;
    }
    ret = qcow2_update_snapshot_refcount(bs, sn.l1_table_offset, sn.l1_size, -1);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to free the cluster and L1 table");
    } else {
        qcow2_free_clusters(bs, sn.l1_table_offset, (uint64_t)MAX(sn.l1_size, 1) * L1E_SIZE, QCOW2_DISCARD_SNAPSHOT);
        ret = qcow2_update_snapshot_refcount(bs, s->l1_table_offset, s->l1_size, 0);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Failed to update snapshot status in disk");
        }
    }
    qcow2_process_discards(bs, ret < 0);
    qcow2_snapshot_clear(&sn);
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK snapshot_delete_co(BlockDriverState *bs, void *opaque)
{
    BDRVQcow2State *s = bs->opaque;
    DeleteArgs *a = opaque;
    int i = find_by_id_or_name(s, a->id, a->name);
    int ret;

    if (s->unusable) {
        error_setg(a->errp, "The image is corrupt");
        return -EIO;
    }
    if (i < 0 || (!a->id && !a->name)) {
        error_setg(a->errp, "Can't find the snapshot");
        return -ENOENT;
    }
    qemu_co_mutex_lock(&s->lock);
    ret = delete_locked(bs, i, a->errp);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int qcow2_snapshot_delete(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp)
{
    DeleteArgs args = { snapshot_id, name, errp };

    return qcow2_call(bs, "qcow2_snapshot_delete", snapshot_delete_co, &args);
}

int qcow2_snapshot_list(BlockDriverState *bs, QEMUSnapshotInfo **psn_tab)
{
    BDRVQcow2State *s = bs->opaque;
    QEMUSnapshotInfo *list = g_new0(QEMUSnapshotInfo, s->nb_snapshots);

    for (uint32_t i = 0; i < s->nb_snapshots; i++) {
        const QCowSnapshot *sn = &s->snapshots[i];

        g_strlcpy(list[i].id_str, sn->id_str, sizeof(list[i].id_str));
        g_strlcpy(list[i].name, sn->name, sizeof(list[i].name));
        list[i].vm_state_size = sn->vm_state_size;
        list[i].date_sec = sn->date_sec;
        list[i].date_nsec = sn->date_nsec;
        list[i].vm_clock_nsec = sn->vm_clock_nsec;
        list[i].icount = sn->icount;
    }
    *psn_tab = list;
    return s->nb_snapshots;
}

/* ---- Load for reading (convert -l) ---- */

static int coroutine_fn GRAPH_RDLOCK snapshot_load_tmp_co(BlockDriverState *bs, void *opaque)
{
    BDRVQcow2State *s = bs->opaque;
    DeleteArgs *a = opaque;
    int i = find_by_id_or_name(s, a->id, a->name);
    uint64_t *l1;
    int ret;

    if (i < 0) {
        error_setg(a->errp, "Can't find snapshot");
        return -ENOENT;
    }
    if (s->snapshots[i].disk_size > QCOW_MAX_HOST_END ||
        size_to_l1(s, s->snapshots[i].disk_size) > s->snapshots[i].l1_size) {
        error_setg(a->errp, "Snapshot L1 table is too small for its disk size");
        return -EINVAL;
    }
    ret = read_l1(bs, s->snapshots[i].l1_table_offset, s->snapshots[i].l1_size, &l1);
    if (ret < 0) {
        error_setg_errno(a->errp, ret, "Failed to read l1 table for snapshot");
        return ret;
    }
    g_free(s->l1_table);
    s->l1_table = l1;
    s->l1_size = s->snapshots[i].l1_size;
    s->l1_table_offset = s->snapshots[i].l1_table_offset;
    s->size = s->snapshots[i].disk_size;
    return 0;
}

int qcow2_snapshot_load_tmp(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp)
{
    DeleteArgs args = { snapshot_id, name, errp };

    if (!bdrv_is_read_only(bs)) {
        error_setg(errp, "Device is not readonly");
        return -EINVAL;
    }
    return qcow2_call(bs, "qcow2_snapshot_load_tmp", snapshot_load_tmp_co, &args);
}
