/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of the graph that users ask for: append, replace, backing files, filters in and out, frozen links.
 *
 * Context: main, BQL, outside coroutines. I1: every change is one transaction inside a drain of the nodes whose links
 * move, so that aborting it finds counters as they were.
 */
#include "block/state.h"
#include "aio/main_loop.h"

/* ---- Backing file ---- */

int bdrv_set_file_or_backing_noperm(BlockDriverState *parent, BlockDriverState *child_bs, bool is_backing,
                                    Transaction *tran, GError **errp)
{
    BdrvChild *child = is_backing ? parent->backing : parent->file;
    BdrvChildRole role;

    if (!parent->drv) {
        error_setg(errp, "Node '%s' has no driver", parent->node_name);
        return -EINVAL;
    }
    if (child && child->frozen) {
        error_setg(errp, "Cannot change frozen '%s' link from '%s' to '%s'", child->name, parent->node_name,
                   child->bs->node_name);
        return -EPERM;
    }
    if (is_backing && child_bs && !parent->drv->is_filter && !parent->drv->supports_backing) {
        error_setg(errp, "Driver '%s' of node '%s' does not support backing files", parent->drv->format_name,
                   parent->node_name);
        return -EINVAL;
    }
    if (parent->drv->is_filter) {
        role = BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY;
    } else {
        role = is_backing ? BDRV_CHILD_COW : child ? child->role : BDRV_CHILD_IMAGE;
    }
    if (child) {
        bdrv_remove_child(child, tran);
    }
    if (child_bs && !bdrv_attach_child_noperm(parent, child_bs, is_backing ? "backing" : "file", &child_of_bds, role,
                                              tran, errp)) {
        return -EINVAL;
    }
    return bdrv_refresh_limits(parent, tran, errp) ? 0 : -EINVAL;
}

int bdrv_set_backing_hd_drained(BlockDriverState *bs, BlockDriverState *backing_hd, GError **errp)
{
    Transaction *tran = tran_new();
    int ret;

    GLOBAL_STATE_CODE();
    assert(bs->quiesce_counter > 0);
    if (bs->backing) {
        assert(bs->backing->bs->quiesce_counter > 0);
    }
    ret = bdrv_set_file_or_backing_noperm(bs, backing_hd, true, tran, errp);
    if (ret == 0) {
        ret = bdrv_refresh_perms(bs, tran, errp);
    }
    tran_finalize(tran, ret);
    return ret;
}

int bdrv_set_backing_hd(BlockDriverState *bs, BlockDriverState *backing_hd, GError **errp)
{
    BlockDriverState *drain_bs;
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_graph_rdlock_main_loop();
    drain_bs = bs->backing ? bs->backing->bs : bs;
    bdrv_graph_rdunlock_main_loop();
    /* Draining the child quiesces its parents, this node among them; both must be still while the link moves. */
    bdrv_ref(drain_bs);
    bdrv_drained_begin(drain_bs);
    if (drain_bs != bs) {
        bdrv_drained_begin(bs);
    }
    bdrv_graph_wrlock();
    ret = bdrv_set_backing_hd_drained(bs, backing_hd, errp);
    bdrv_graph_wrunlock();
    if (drain_bs != bs) {
        bdrv_drained_end(bs);
    }
    bdrv_drained_end(drain_bs);
    bdrv_unref(drain_bs);
    return ret;
}

/* ---- Replace ---- */

static bool should_update(BdrvChild *c, BlockDriverState *to) GRAPH_RDLOCK;
static bool should_update(BdrvChild *c, BlockDriverState *to)
{
    /* A link from @to, or from below it, must not be turned to @to: that would be a loop. */
    g_autoptr(GQueue) queue = g_queue_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    BlockDriverState *v;

    if (c->klass->stay_at_node) {
        return false;
    }
    g_queue_push_tail(queue, to);
    while ((v = g_queue_pop_head(queue))) {
        BdrvChild *below;

        if (!g_hash_table_add(seen, v)) {
            continue;
        }
        QLIST_FOREACH(below, &v->children, next) {
            if (below == c) {
                return false;
            }
            g_queue_push_tail(queue, below->bs);
        }
    }
    return true;
}

static int replace_node_noperm(BlockDriverState *from, BlockDriverState *to, bool auto_skip, Transaction *tran,
                               GError **errp) GRAPH_WRLOCK;
static int replace_node_noperm(BlockDriverState *from, BlockDriverState *to, bool auto_skip, Transaction *tran,
                               GError **errp)
{
    BdrvChild *c, *next;

    QLIST_FOREACH_SAFE(c, &from->parents, next_parent, next) {
        if (!should_update(c, to)) {
            if (auto_skip) {
                continue;
            }
            error_setg(errp, "Should not change '%s' link to '%s'", c->name, from->node_name);
            return -EINVAL;
        }
        if (c->frozen) {
            error_setg(errp, "Cannot change '%s' link to '%s'", c->name, from->node_name);
            return -EPERM;
        }
        bdrv_replace_child_tran(c, to, tran);
    }
    return 0;
}

static int refresh_two(BlockDriverState *a, BlockDriverState *b, Transaction *tran, GError **errp) GRAPH_RDLOCK;
static int refresh_two(BlockDriverState *a, BlockDriverState *b, Transaction *tran, GError **errp)
{
    g_autoptr(GSList) list = NULL;

    if (b) {
        list = g_slist_prepend(list, b);
    }
    list = g_slist_prepend(list, a);
    return bdrv_list_refresh_perms(list, NULL, tran, errp);
}

int bdrv_replace_node(BlockDriverState *from, BlockDriverState *to, GError **errp)
{
    Transaction *tran = tran_new();
    int ret;

    GLOBAL_STATE_CODE();
    assert(from->quiesce_counter > 0 && to->quiesce_counter > 0);
    assert(bdrv_get_aio_context(from) == bdrv_get_aio_context(to));
    bdrv_ref(from);
    ret = replace_node_noperm(from, to, true, tran, errp);
    if (ret == 0) {
        ret = refresh_two(to, from, tran, errp);
    }
    tran_finalize(tran, ret);
    bdrv_schedule_unref(from);
    return ret;
}

int bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top, GError **errp)
{
    Transaction *tran = tran_new();
    bool attached;
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_drained_begin(bs_top);
    bdrv_drained_begin(bs_new);
    bdrv_graph_wrlock();
    assert(!bs_new->backing);
    attached = bdrv_attach_child_noperm(bs_new, bs_top, "backing", &child_of_bds,
                                        bs_new->drv->is_filter ? BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY
                                                               : BDRV_CHILD_COW, tran, errp) != NULL;
    ret = attached ? replace_node_noperm(bs_top, bs_new, true, tran, errp) : -EINVAL;
    if (ret == 0) {
        ret = refresh_two(bs_new, bs_top, tran, errp);
    }
    if (ret == 0 && !bdrv_refresh_limits(bs_new, tran, errp)) {
        ret = -EINVAL;
    }
    tran_finalize(tran, ret);
    bdrv_graph_wrunlock();
    bdrv_drained_end(bs_new);
    bdrv_drained_end(bs_top);
    return ret;
}

int bdrv_replace_child_bs(BdrvChild *child, BlockDriverState *new_bs, GError **errp)
{
    Transaction *tran = tran_new();
    BlockDriverState *old_bs = child->bs;
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_ref(old_bs);
    bdrv_drained_begin(old_bs);
    bdrv_drained_begin(new_bs);
    bdrv_graph_wrlock();
    bdrv_replace_child_tran(child, new_bs, tran);
    ret = refresh_two(old_bs, new_bs, tran, errp);
    tran_finalize(tran, ret);
    bdrv_graph_wrunlock();
    bdrv_drained_end(old_bs);
    bdrv_drained_end(new_bs);
    bdrv_unref(old_bs);
    return ret;
}

int bdrv_drop_filter(BlockDriverState *bs, GError **errp)
{
    BlockDriverState *below;
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_graph_rdlock_main_loop();
    below = bdrv_filter_or_cow_bs(bs);
    bdrv_graph_rdunlock_main_loop();
    bdrv_ref(below);
    bdrv_drained_begin(below);
    bdrv_drained_begin(bs);
    bdrv_graph_wrlock();
    ret = bdrv_replace_node(bs, below, errp);
    bdrv_graph_wrunlock();
    bdrv_drained_end(bs);
    bdrv_drained_end(below);
    bdrv_unref(below);
    return ret;
}

BlockDriverState *bdrv_insert_node(BlockDriverState *bs, QDict *node_options, int flags, GError **errp)
{
    const char *drvname = qdict_get_try_str(node_options, "driver");
    const BlockDriver *drv = drvname ? bdrv_find_format(drvname) : NULL;
    g_autofree char *node_name = g_strdup(qdict_get_try_str(node_options, "node-name"));
    BlockDriverState *new_bs;
    int ret;

    GLOBAL_STATE_CODE();
    if (!drv) {
        error_setg(errp, drvname ? "Unknown driver '%s'" : "driver is not specified", drvname);
        qdict_unref(node_options);
        return NULL;
    }
    qdict_del(node_options, "driver");
    qdict_del(node_options, "node-name");
    new_bs = bdrv_new_open_driver_opts(drv, node_name, node_options, flags, errp);
    if (!new_bs) {
        error_prepend(errp, "Could not create node: ");
        return NULL;
    }
    bdrv_drained_begin(bs);
    bdrv_drained_begin(new_bs);
    bdrv_graph_wrlock();
    ret = bdrv_replace_node(bs, new_bs, errp);
    bdrv_graph_wrunlock();
    bdrv_drained_end(new_bs);
    bdrv_drained_end(bs);
    if (ret < 0) {
        error_prepend(errp, "Could not replace node: ");
        bdrv_unref(new_bs);
        return NULL;
    }
    return new_bs;
}

/* ---- Frozen links ---- */

int bdrv_freeze_backing_chain(BlockDriverState *bs, BlockDriverState *base, GError **errp)
{
    GLOBAL_STATE_CODE();
    for (BlockDriverState *i = bs; i != base; i = bdrv_filter_or_cow_bs(i)) {
        BdrvChild *c = bdrv_filter_or_cow_child(i);

        if (c && c->frozen) {
            error_setg(errp, "Cannot change '%s' link from '%s' to '%s'", c->name, i->node_name, c->bs->node_name);
            return -EPERM;
        }
        if (!c) {
            break;
        }
    }
    for (BlockDriverState *i = bs; i && i != base; i = bdrv_filter_or_cow_bs(i)) {
        if (bdrv_filter_or_cow_child(i)) {
            bdrv_filter_or_cow_child(i)->frozen = true;
        }
    }
    return 0;
}

void bdrv_unfreeze_backing_chain(BlockDriverState *bs, BlockDriverState *base)
{
    for (BlockDriverState *i = bs; i && i != base; i = bdrv_filter_or_cow_bs(i)) {
        if (bdrv_filter_or_cow_child(i)) {
            bdrv_filter_or_cow_child(i)->frozen = false;
        }
    }
}
