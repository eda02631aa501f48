/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots of nodes, and of all disks of the machine together.
 *
 * Owns: nothing. Context: block/snapshot.h (GS, polls).
 *
 * I1  "All" means the same set of nodes for every operation: the ones named, or without names every writable root that
 *     a device or the monitor uses.
 * I2  Requests are drained while a driver works on a node's snapshots.
 */
#include "block/snapshot.h"

#include "aio/main_loop.h"
#include "base/assert.h"
#include "block/block.h"
#include "block/block_int.h"
#include "block/state.h"

/*
 * The child that keeps the snapshots of a node whose driver has none of its own: the only one with data. Snapshots of
 * one of several would be a part of the content only.
 */
static BlockDriverState *GRAPH_RDLOCK snapshot_fallback(BlockDriverState *bs)
{
    BdrvChild *primary = bdrv_primary_child(bs);
    BdrvChild *c;

    if (!primary) {
        return NULL;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c != primary && (c->role & (BDRV_CHILD_DATA | BDRV_CHILD_METADATA | BDRV_CHILD_FILTERED))) {
            return NULL;
        }
    }
    return primary->bs;
}

bool bdrv_can_snapshot(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    if (!bs->drv || bdrv_is_read_only(bs)) {
        return false;
    }
    if (!bs->drv->bdrv_snapshot_create) {
        BlockDriverState *below = snapshot_fallback(bs);

        return below && bdrv_can_snapshot(below);
    }
    return true;
}

int bdrv_snapshot_list(BlockDriverState *bs, QEMUSnapshotInfo **psn_info)
{
    BlockDriverState *below;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_snapshot_list) {
        return bs->drv->bdrv_snapshot_list(bs, psn_info);
    }
    below = snapshot_fallback(bs);
    return below ? bdrv_snapshot_list(below, psn_info) : -ENOTSUP;
}

int bdrv_snapshot_find(BlockDriverState *bs, QEMUSnapshotInfo *sn_info, const char *name)
{
    g_autofree QEMUSnapshotInfo *list = NULL;
    int n = bdrv_snapshot_list(bs, &list);

    for (int i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0) {
            *sn_info = list[i];
            return 1;
        }
    }
    return MIN(n, 0);
}

bool bdrv_snapshot_find_by_id_and_name(BlockDriverState *bs, const char *id, const char *name,
                                       QEMUSnapshotInfo *sn_info, GError **errp)
{
    g_autofree QEMUSnapshotInfo *list = NULL;
    int n = bdrv_snapshot_list(bs, &list);

    assert(id || name);
    if (n < 0) {
        error_setg_errno(errp, n, "Failed to get a snapshot list");
        return false;
    }
    for (int i = 0; i < n; i++) {
        if ((!id || strcmp(list[i].id_str, id) == 0) && (!name || strcmp(list[i].name, name) == 0)) {
            *sn_info = list[i];
            return true;
        }
    }
    return false;
}

int bdrv_snapshot_create(BlockDriverState *bs, QEMUSnapshotInfo *sn_info)
{
    BlockDriverState *below;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_snapshot_create) {
        return bs->drv->bdrv_snapshot_create(bs, sn_info);
    }
    below = snapshot_fallback(bs);
    return below ? bdrv_snapshot_create(below, sn_info) : -ENOTSUP;
}

int bdrv_snapshot_goto(BlockDriverState *bs, const char *snapshot_id, GError **errp)
{
    BlockDriverState *below = NULL;
    int ret;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        error_setg(errp, "Block driver is closed");
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_snapshot_goto) {
        ret = bs->drv->bdrv_snapshot_goto(bs, snapshot_id);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Failed to load snapshot");
            return ret;
        }
        /* The snapshot may be of a disk of another size. */
        ret = bdrv_refresh_total_sectors(bs, bs->total_bytes);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not refresh total sector count");
        }
        return ret;
    }
    bdrv_graph_rdlock_main_loop();
    if (bs->drv->is_filter) {
        below = snapshot_fallback(bs);      /* a filter keeps nothing of the content itself */
    }
    bdrv_graph_rdunlock_main_loop();
    if (!below) {
        error_setg(errp, "Block driver does not support internal snapshots");
        return -ENOTSUP;
    }
    return bdrv_snapshot_goto(below, snapshot_id, errp);
}

int bdrv_snapshot_delete(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp)
{
    BlockDriverState *below;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        error_setg(errp, "Device '%s' has no medium", bdrv_get_device_name(bs));
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_snapshot_delete) {
        return bs->drv->bdrv_snapshot_delete(bs, snapshot_id, name, errp);
    }
    below = snapshot_fallback(bs);
    if (below) {
        return bdrv_snapshot_delete(below, snapshot_id, name, errp);
    }
    error_setg(errp, "Block format '%s' used by device '%s' does not support feature 'internal snapshot deletion'",
               bs->drv->format_name, bdrv_get_device_name(bs));
    return -ENOTSUP;
}

int bdrv_snapshot_load_tmp(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp)
{
    int ret;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        error_setg(errp, "Device '%s' has no medium", bdrv_get_device_name(bs));
        return -ENOMEDIUM;
    }
    if (!bdrv_is_read_only(bs)) {
        error_setg(errp, "Device is not readonly");
        return -EINVAL;
    }
    if (!bs->drv->bdrv_snapshot_load_tmp) {
        error_setg(errp, "Block format '%s' does not support temporarily loading internal snapshots",
                   bs->drv->format_name);
        return -ENOTSUP;
    }
    ret = bs->drv->bdrv_snapshot_load_tmp(bs, snapshot_id, name, errp);
    return ret < 0 ? ret : bdrv_refresh_total_sectors(bs, bs->total_bytes);
}

/* ---- All disks ---- */

static void unref_node(void *bs)
{
    bdrv_unref(bs);
}

static bool GRAPH_RDLOCK node_takes_part(BlockDriverState *bs)
{
    return bs->drv && !bdrv_is_read_only(bs) && (bdrv_has_blk(bs) || QLIST_EMPTY(&bs->parents));
}

/* The nodes of an operation (I1), each with a reference. NULL with @errp. */
static GPtrArray *all_nodes(bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(unref_node);
    BdrvNextIterator it;

    GLOBAL_STATE_CODE();
    if (has_devices && (!devices || !devices[0])) {
        error_setg(errp, "At least one device is required for snapshot operations");
        return NULL;
    }
    for (unsigned i = 0; has_devices && devices[i]; i++) {
        BlockDriverState *bs = bdrv_find_node(devices[i]);

        if (!bs) {
            error_setg(errp, "No block device node '%s'", devices[i]);
            return NULL;
        }
        bdrv_ref(bs);
        g_ptr_array_add(nodes, bs);
    }
    if (!has_devices) {
        bdrv_graph_rdlock_main_loop();
        for (BlockDriverState *bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
            if (node_takes_part(bs)) {
                bdrv_ref(bs);
                g_ptr_array_add(nodes, bs);
            }
        }
        bdrv_graph_rdunlock_main_loop();
    }
    return g_steal_pointer(&nodes);
}

bool bdrv_all_can_snapshot(bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    bool ok = nodes != NULL;

    bdrv_graph_rdlock_main_loop();
    for (unsigned i = 0; ok && i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);

        ok = bdrv_can_snapshot(bs);
        if (!ok) {
            error_setg(errp, "Device '%s' is writable but does not support snapshots",
                       bdrv_get_device_or_node_name(bs));
        }
    }
    bdrv_graph_rdunlock_main_loop();
    return ok;
}

static int GRAPH_RDLOCK delete_from_node(BlockDriverState *bs, const char *name, GError **errp)
{
    QEMUSnapshotInfo sn;
    int ret;

    if (bdrv_snapshot_find(bs, &sn, name) <= 0) {
        return 0;
    }
    ret = bdrv_snapshot_delete(bs, sn.id_str, sn.name, errp);
    if (ret < 0) {
        error_prepend(errp, "Could not delete snapshot '%s' on '%s': ", name, bdrv_get_device_or_node_name(bs));
    }
    return ret;
}

int bdrv_all_delete_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    int ret = 0;

    if (!nodes) {
        return -EINVAL;
    }
    bdrv_drain_all_begin();     /* (I2) */
    bdrv_graph_rdlock_main_loop();
    for (unsigned i = 0; ret >= 0 && i < nodes->len; i++) {
        ret = delete_from_node(g_ptr_array_index(nodes, i), name, errp);
    }
    bdrv_graph_rdunlock_main_loop();
    bdrv_drain_all_end();
    return MIN(ret, 0);
}

/* The id under which @bs knows @name; by-name lookups of drivers could meet a snapshot whose id looks like it. */
static int node_snapshot_id(BlockDriverState *bs, const char *name, QEMUSnapshotInfo *sn)
{
    int ret;

    bdrv_graph_rdlock_main_loop();
    ret = bdrv_snapshot_find(bs, sn, name);
    bdrv_graph_rdunlock_main_loop();
    return ret == 0 ? -ENOENT : ret;
}

static char *node_label(BlockDriverState *bs)
{
    char *label;

    bdrv_graph_rdlock_main_loop();
    label = g_strdup(bdrv_get_device_or_node_name(bs));
    bdrv_graph_rdunlock_main_loop();
    return label;
}

int bdrv_all_goto_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    int ret = nodes ? 0 : -EINVAL;

    for (unsigned i = 0; ret >= 0 && i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);
        g_autofree char *label = node_label(bs);
        GError *err = NULL;
        QEMUSnapshotInfo sn;

        ret = node_snapshot_id(bs, name, &sn);
        if (ret < 0) {
            error_setg_errno(&err, ret, "no such snapshot");
        } else {
            ret = bdrv_snapshot_goto(bs, sn.id_str, &err);
        }
        if (ret < 0) {
            error_prepend(&err, "Could not load snapshot '%s' on '%s': ", name, label);
            g_propagate_error(errp, err);
        }
    }
    return MIN(ret, 0);
}

int bdrv_all_has_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    QEMUSnapshotInfo sn;
    int ret = nodes ? 1 : -EINVAL;

    bdrv_graph_rdlock_main_loop();
    if (nodes && nodes->len == 0) {
        ret = 0;
    }
    for (unsigned i = 0; ret == 1 && i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);

        ret = bdrv_snapshot_find(bs, &sn, name);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Could not check snapshot '%s' on '%s'", name,
                             bdrv_get_device_or_node_name(bs));
        }
    }
    bdrv_graph_rdunlock_main_loop();
    return ret;
}

int bdrv_all_create_snapshot(QEMUSnapshotInfo *sn, BlockDriverState *vm_state_bs, uint64_t vm_state_size,
                             bool has_devices, const char *const *devices, GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    int ret = nodes ? 0 : -EINVAL;

    bdrv_graph_rdlock_main_loop();
    for (unsigned i = 0; ret >= 0 && i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);

        /* A disk of one's choice for the state need not be among the ones to snapshot, but then keeps no entry. */
        sn->vm_state_size = bs == vm_state_bs ? vm_state_size : 0;
        sn->id_str[0] = '\0';
        ret = bdrv_snapshot_create(bs, sn);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Could not create snapshot '%s' on '%s'", sn->name,
                             bdrv_get_device_or_node_name(bs));
        }
    }
    bdrv_graph_rdunlock_main_loop();
    return MIN(ret, 0);
}

BlockDriverState *bdrv_all_find_vmstate_bs(const char *vmstate_bs, bool has_devices, const char *const *devices,
                                           GError **errp)
{
    g_autoptr(GPtrArray) nodes = all_nodes(has_devices, devices, errp);
    BlockDriverState *found = NULL;
    bool can = false;

    if (!nodes) {
        return NULL;
    }
    bdrv_graph_rdlock_main_loop();
    for (unsigned i = 0; !found && i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);

        can = bdrv_can_snapshot(bs);
        if (vmstate_bs ? strcmp(vmstate_bs, bdrv_get_node_name(bs)) == 0 : can) {
            found = bs;
        }
    }
    bdrv_graph_rdunlock_main_loop();
    if (found && !can) {
        error_setg(errp, "vmstate block device '%s' does not support snapshots", vmstate_bs);
        return NULL;
    }
    if (!found) {
        error_setg(errp, vmstate_bs ? "vmstate block device '%s' does not exist"
                                    : "no block device can store vmstate for snapshot%s", vmstate_bs ? vmstate_bs : "");
    }
    return found;
}
