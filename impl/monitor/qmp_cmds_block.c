/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of block nodes: arguments to option dictionaries and back. Decisions are the block layer's.
 * Context: main thread, BQL, outside coroutines, except block_resize.
 */
#include "aio/iothread.h"
#include "block/backend.h"
#include "block/block.h"
#include "monitor/qapi_visit.h"
#include "monitor/qmp_commands.h"

/* The nested description that the schema has checked, as the flat one that nodes are opened from. */
static QDict *blockdev_options(const BlockdevOptions *options, GError **errp)
{
    json_object *nested = visit_out_BlockdevOptions(options);
    QDict *flat = qdict_from_json(nested, errp);

    json_object_put(nested);
    return flat;
}

void qmp_blockdev_add(BlockdevOptions *arg, GError **errp)
{
    QDict *options = blockdev_options(arg, errp);

    if (options) {
        result_ignored(blockdev_add(options, errp));      /* @errp tells */
    }
}

/* All nodes must be known and all descriptions sound before the first one is touched. */
static bool blockdev_reopen_check(BlockdevOptionsList *options, GPtrArray *flat, GError **errp)
{
    for (BlockdevOptionsList *e = options; e; e = e->next) {
        QDict *one;

        if (!e->value->node_name) {
            error_setg(errp, "node-name not specified");
            return false;
        }
        if (!bdrv_find_node(e->value->node_name)) {
            error_setg(errp, "Failed to find node with node-name='%s'", e->value->node_name);
            return false;
        }
        one = blockdev_options(e->value, errp);
        if (!one) {
            return false;
        }
        g_ptr_array_add(flat, one);
    }
    return true;
}

void qmp_blockdev_reopen(BlockdevOptionsList *options, GError **errp)
{
    g_autoptr(GPtrArray) flat = g_ptr_array_new();
    BlockReopenQueue *queue = NULL;
    guint i = 0;

    if (!blockdev_reopen_check(options, flat, errp)) {
        for (i = 0; i < flat->len; i++) {
            qdict_unref(g_ptr_array_index(flat, i));
        }
        return;
    }
    for (BlockdevOptionsList *e = options; e; e = e->next) {
        queue = bdrv_reopen_queue(queue, bdrv_find_node(e->value->node_name), g_ptr_array_index(flat, i++), false);
    }
    if (queue) {
        result_ignored(bdrv_reopen_multiple(queue, errp));    /* @errp tells */
    }
}

void qmp_blockdev_del(const char *node_name, GError **errp)
{
    result_ignored(blockdev_del(node_name, errp));        /* @errp tells */
}

void qmp_blockdev_set_active(const char *node_name, bool active, GError **errp)
{
    result_ignored(blockdev_set_active(node_name, active, errp));     /* @errp tells */
}

/* ---- Length ---- */

typedef struct ResizeCall {
    const char *device;
    const char *node_name;
    BlockDriverState *bs;           /* referenced by blk */
    BlockBackend *blk;
    GError *err;
    Coroutine *co;
} ResizeCall;

/* What changes the graph happens outside the coroutine. */
static void block_resize_open_bh(void *opaque)
{
    ResizeCall *call = opaque;
    BlockDriverState *bs = bdrv_lookup_bs(call->device, call->node_name, &call->err);
    bool blocked = false;

    if (bs) {
        bdrv_graph_rdlock_main_loop();
        blocked = bdrv_op_is_blocked(bs, BLOCK_OP_TYPE_RESIZE, &call->err);
        bdrv_graph_rdunlock_main_loop();
    }
    if (bs && !blocked) {
        call->bs = bs;
        call->blk = blk_new_with_bs(bs, BLK_PERM_RESIZE, BLK_PERM_ALL, &call->err);
    }
    aio_co_wake(call->co);
}

void coroutine_fn qmp_block_resize(const char *device, const char *node_name, int64_t size, GError **errp)
{
    ResizeCall call = { .device = device, .node_name = node_name, .co = qemu_coroutine_self() };
    AioContext *old_ctx;

    if (!device == !node_name) {
        error_setg(errp, "Need exactly one of 'device' and 'node-name'");
        return;
    }
    if (size < 0) {
        error_setg(errp, "Parameter 'size' expects a >0 size");
        return;
    }
    aio_bh_schedule_oneshot(qemu_get_aio_context(), block_resize_open_bh, &call);
    qemu_coroutine_yield();
    if (!call.blk) {
        g_propagate_error(errp, call.err);
        return;
    }
    bdrv_drained_begin(call.bs);
    old_ctx = bdrv_co_move_to_aio_context(call.bs);
    (void)blk_co_truncate(call.blk, size, false, PREALLOC_MODE_OFF, 0, errp);      /* @errp tells */
    bdrv_co_leave(call.bs, old_ctx);
    bdrv_drained_end(call.bs);
    blk_co_unref(call.blk);
}

/* ---- Graph ---- */

void qmp_blockdev_snapshot(const char *node, const char *overlay, GError **errp)
{
    BlockDriverState *base = bdrv_lookup_bs(node, node, errp);
    BlockDriverState *top = base ? bdrv_lookup_bs(NULL, overlay, errp) : NULL;
    bool has_user;

    if (!top) {
        return;
    }
    bdrv_graph_rdlock_main_loop();
    has_user = bdrv_has_blk(top) || bdrv_find_backing_image(top, "") != NULL;
    bdrv_graph_rdunlock_main_loop();
    if (has_user) {
        error_setg(errp, "The overlay is already in use");
        return;
    }
    result_ignored(bdrv_append(top, base, errp));         /* @errp tells */
}

void qmp_x_blockdev_set_iothread(const char *node_name, StrOrNull *iothread, bool has_force, bool force, GError **errp)
{
    BlockDriverState *bs = bdrv_find_node(node_name);
    AioContext *ctx = qemu_get_aio_context();
    bool in_use;

    if (!bs) {
        error_setg(errp, "Failed to find node with node-name='%s'", node_name);
        return;
    }
    bdrv_graph_rdlock_main_loop();
    in_use = bdrv_has_blk(bs);
    bdrv_graph_rdunlock_main_loop();
    if (in_use && !(has_force && force)) {
        error_setg(errp, "Node %s is associated with a BlockBackend and could be in use (use force=true to override "
                         "this check)", node_name);
        return;
    }
    if (iothread->type == QTYPE_QSTRING) {
        IOThread *t = iothread_by_id(iothread->u.s);

        if (!t) {
            error_setg(errp, "Cannot find iothread %s", iothread->u.s);
            return;
        }
        ctx = iothread_get_aio_context(t);
    }
    (void)bdrv_try_change_aio_context(bs, ctx, NULL, errp);     /* @errp tells */
}

/* ---- Questions ---- */

json_object *qmp_query_block(GError **errp)
{
    json_object *all;

    bdrv_graph_rdlock_main_loop();
    all = bdrv_query_all(errp);
    bdrv_graph_rdunlock_main_loop();
    return all;
}

json_object *qmp_query_blockstats(GError **errp)
{
    json_object *all;

    bdrv_graph_rdlock_main_loop();
    all = bdrv_query_stats_all();
    bdrv_graph_rdunlock_main_loop();
    return all;
}

json_object *qmp_query_named_block_nodes(bool has_flat, bool flat, GError **errp)
{
    json_object *list = json_object_new_array();

    bdrv_graph_rdlock_main_loop();
    for (BlockDriverState *bs = bdrv_next_node(NULL); bs; bs = bdrv_next_node(bs)) {
        json_object *node = bdrv_query_node(bs, !(has_flat && flat), errp);

        if (!node) {
            json_object_put(list);
            list = NULL;
            break;
        }
        json_object_array_add(list, node);
    }
    bdrv_graph_rdunlock_main_loop();
    return list;
}
