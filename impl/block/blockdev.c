/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes that the monitor owns (blockdev-add, -del, -set-active): one open path for all of them.
 * Context: main, BQL, outside coroutines.
 */
#include "block/state.h"
#include "aio/main_loop.h"

void bdrv_set_incoming(bool incoming)
{
    GLOBAL_STATE_CODE();
    block_state()->incoming = incoming;
}

bool bdrv_incoming(void)
{
    return block_state()->incoming;
}

BlockDriverState *bds_tree_init(QDict *bs_opts, GError **errp)
{
    int flags = block_state()->incoming ? BDRV_O_INACTIVE : 0;

    GLOBAL_STATE_CODE();
    /* Not from flags: a user who does not say gets a writable node that writes through no cache of ours. */
    qdict_set_default_str(bs_opts, BDRV_OPT_CACHE_DIRECT, "off");
    qdict_set_default_str(bs_opts, BDRV_OPT_CACHE_NO_FLUSH, "off");
    qdict_set_default_str(bs_opts, BDRV_OPT_READ_ONLY, "off");
    return bdrv_open(NULL, NULL, bs_opts, flags, errp);
}

bool blockdev_add(QDict *options, GError **errp)
{
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    if (!qdict_get_try_str(options, "node-name")) {
        error_setg(errp, "'node-name' must be specified for the root node");
        qdict_unref(options);
        return false;
    }
    if (!qdict_get_try_str(options, "driver")) {
        error_setg(errp, "Parameter 'driver' is missing");
        qdict_unref(options);
        return false;
    }
    bs = bds_tree_init(options, errp);
    if (!bs) {
        return false;
    }
    bs->monitor_owned = true;
    QTAILQ_INSERT_TAIL(&block_state()->monitor_nodes, bs, monitor_list);
    return true;
}

static bool may_delete(BlockDriverState *bs, const char *node_name, GError **errp)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (bdrv_has_blk(bs)) {
        error_setg(errp, "Node %s is in use", node_name);
        return false;
    }
    if (bdrv_op_is_blocked(bs, BLOCK_OP_TYPE_DRIVE_DEL, errp)) {
        return false;
    }
    if (!bs->monitor_owned) {
        error_setg(errp, "Node %s is not owned by the monitor", node_name);
        return false;
    }
    if (bs->refcnt > 1) {
        error_setg(errp, "Block device %s is in use", bdrv_get_device_or_node_name(bs));
        return false;
    }
    return true;
}

bool blockdev_del(const char *node_name, GError **errp)
{
    BlockDriverState *bs = bdrv_find_node(node_name);

    GLOBAL_STATE_CODE();
    if (!bs) {
        error_setg(errp, "Failed to find node with node-name='%s'", node_name);
        return false;
    }
    if (!may_delete(bs, node_name, errp)) {
        return false;
    }
    QTAILQ_REMOVE(&block_state()->monitor_nodes, bs, monitor_list);
    bs->monitor_owned = false;
    bdrv_unref(bs);
    return true;
}

bool blockdev_set_active(const char *node_name, bool active, GError **errp)
{
    GError *err = NULL;
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    if (!node_name) {
        if (active) {
            bdrv_activate_all(&err);
        } else if (bdrv_inactivate_all() < 0) {
            error_setg(&err, "Failed to inactivate all nodes");
        }
    } else {
        bs = bdrv_lookup_bs(NULL, node_name, &err);
        if (bs) {
            (void)(active ? bdrv_activate(bs, &err) : bdrv_inactivate(bs, &err));
        }
    }
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    return true;
}

void blockdev_close_all_bdrv_states(void)
{
    BlockState *s = block_state();
    BlockDriverState *bs;

    while ((bs = QTAILQ_FIRST(&s->monitor_nodes))) {
        QTAILQ_REMOVE(&s->monitor_nodes, bs, monitor_list);
        bs->monitor_owned = false;
        bdrv_unref(bs);
    }
}
