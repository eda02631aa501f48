/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots of one node and of all disks of the machine. GS; not in coroutines; they poll.
 *
 * @has_devices false: every root node that is writable and not empty. Otherwise @devices lists node or device names,
 * ending with NULL. Errors name the node.
 */
#ifndef BLOCK_SNAPSHOT_H
#define BLOCK_SNAPSHOT_H

#include "block/block_common.h"

/** bdrv_snapshot_find: by name. 1 if found (copied to @sn_info), 0 if not, -errno. */
int bdrv_snapshot_find(BlockDriverState *bs, QEMUSnapshotInfo *sn_info, const char *name) GRAPH_RDLOCK;
bool bdrv_snapshot_find_by_id_and_name(BlockDriverState *bs, const char *id, const char *name,
                                       QEMUSnapshotInfo *sn_info, GError **errp) GRAPH_RDLOCK;
bool bdrv_can_snapshot(BlockDriverState *bs) GRAPH_RDLOCK;
int bdrv_snapshot_create(BlockDriverState *bs, QEMUSnapshotInfo *sn_info) GRAPH_RDLOCK;
int bdrv_snapshot_goto(BlockDriverState *bs, const char *snapshot_id, GError **errp) GRAPH_UNLOCKED;
int bdrv_snapshot_delete(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp) GRAPH_RDLOCK;
/** bdrv_snapshot_list: count and a new array in *@psn_info (g_free), or -errno. */
int bdrv_snapshot_list(BlockDriverState *bs, QEMUSnapshotInfo **psn_info) GRAPH_RDLOCK;
int bdrv_snapshot_load_tmp(BlockDriverState *bs, const char *snapshot_id, const char *name, GError **errp)
    GRAPH_RDLOCK;

bool bdrv_all_can_snapshot(bool has_devices, const char *const *devices, GError **errp) GRAPH_UNLOCKED;
int bdrv_all_delete_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
    GRAPH_UNLOCKED;
int bdrv_all_goto_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
    GRAPH_UNLOCKED;
/** bdrv_all_has_snapshot: 1 if all have it, 0 if one has not, -errno. */
int bdrv_all_has_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
    GRAPH_UNLOCKED;
/** bdrv_all_create_snapshot: @vm_state_size goes to @vm_state_bs, 0 to the others. */
int bdrv_all_create_snapshot(QEMUSnapshotInfo *sn, BlockDriverState *vm_state_bs, uint64_t vm_state_size,
                             bool has_devices, const char *const *devices, GError **errp) GRAPH_UNLOCKED;
BlockDriverState *bdrv_all_find_vmstate_bs(const char *vmstate_bs, bool has_devices, const char *const *devices,
                                           GError **errp) GRAPH_UNLOCKED;

#endif
