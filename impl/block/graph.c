/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of the graph: creation, names, references, lookups, operation blockers, and the block state of a machine.
 *
 * Owns: the lists of nodes. Context: main, BQL.
 *
 * I1  A node is on all_nodes from bdrv_new() to bdrv_delete(); on named_nodes while its name is set.
 * I2  refcnt counts parents' links, the monitor, and callers; at zero the node is closed and freed, never under the
 *     writer lock (closing polls): bdrv_schedule_unref() postpones it to the unlock.
 */
#include "block/state.h"
#include "aio/main_loop.h"
#include "base/id.h"

struct BdrvOpBlocker {
    GError *reason;                 /* borrowed; compared by address */
    QLIST_ENTRY(BdrvOpBlocker) list;
};

void bdrv_init(void)
{
    BlockState *s = g_new0(BlockState, 1);

    assert(!machine_state(MACHINE_BLOCK));
    QTAILQ_INIT(&s->all_nodes);
    QTAILQ_INIT(&s->named_nodes);
    QTAILQ_INIT(&s->monitor_nodes);
    QTAILQ_INIT(&s->backends);
    QTAILQ_INIT(&s->monitor_backends);
    bdrv_graph_lock_init(s);
    machine_set_state(MACHINE_BLOCK, s);
    job_init();
}

void bdrv_cleanup(void)
{
    BlockState *s = block_state();

    if (!s) {
        return;
    }
    bdrv_close_all();
    job_cleanup();
    bdrv_graph_lock_cleanup(s);
    machine_set_state(MACHINE_BLOCK, NULL);
    g_free(s);
}

/* ---- Nodes ---- */

BlockDriverState *bdrv_new(void)
{
    BlockState *s = block_state();
    BlockDriverState *bs = g_new0(BlockDriverState, 1);

    GLOBAL_STATE_CODE();
    sched_object_init(&bs->o, "node", bs->node_name);
    sched_mutex_init(&bs->reqs_lock, "requests of a node");
    qemu_co_queue_init(&bs->flush_queue);
    bs->refcnt = 1;
    bs->aio_context = qemu_get_aio_context();
    bs->filename = g_strdup("");
    bs->exact_filename = g_strdup("");
    bs->backing_file = g_strdup("");
    bs->auto_backing_file = g_strdup("");
    bs->backing_format = g_strdup("");
    bs->enable_write_cache = 1;
    /* (drain.c I3) Sections that are open now will be closed for this node too. */
    for (unsigned i = 0; i < s->drain_all_count; i++) {
        bdrv_do_drained_begin_quiesce(bs, NULL);
    }
    QTAILQ_INSERT_TAIL(&s->all_nodes, bs, bs_list);
    return bs;
}

bool bdrv_assign_node_name(BlockDriverState *bs, const char *node_name, GError **errp)
{
    BlockState *s = block_state();
    char generated[32];

    if (!node_name) {
        do {
            g_snprintf(generated, sizeof(generated), "#block%03" PRIu64, s->next_node_number++);
        } while (bdrv_find_node(generated));
        node_name = generated;
    } else if (!id_wellformed(node_name)) {
        error_setg(errp, "Invalid node-name: '%s'", node_name);
        return false;
    }
    if (blk_by_name(node_name)) {
        error_setg(errp, "node-name=%s is conflicting with a device id", node_name);
        return false;
    }
    if (bdrv_find_node(node_name)) {
        error_setg(errp, "Duplicate nodes with node-name='%s'", node_name);
        return false;
    }
    if (strlen(node_name) >= sizeof(bs->node_name)) {
        error_setg(errp, "Node name too long");
        return false;
    }
    g_strlcpy(bs->node_name, node_name, sizeof(bs->node_name));
    QTAILQ_INSERT_TAIL(&s->named_nodes, bs, node_list);
    return true;
}

void bdrv_delete(BlockDriverState *bs)
{
    BlockState *s = block_state();

    assert(bdrv_op_blocker_is_empty(bs));
    assert(!bs->refcnt);
    if (bs->node_name[0]) {
        QTAILQ_REMOVE(&s->named_nodes, bs, node_list);
    }
    QTAILQ_REMOVE(&s->all_nodes, bs, bs_list);
    bdrv_close(bs);
    sched_mutex_destroy(&bs->reqs_lock);
    qdict_unref(bs->options);
    qdict_unref(bs->explicit_options);
    qdict_unref(bs->full_open_options);
    g_free(bs->filename);
    g_free(bs->exact_filename);
    g_free(bs->backing_file);
    g_free(bs->auto_backing_file);
    g_free(bs->backing_format);
    g_free(bs);
}

void bdrv_ref(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    bs->refcnt++;
}

void bdrv_unref(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    if (!bs) {
        return;
    }
    assert(bs->refcnt > 0);
    if (--bs->refcnt == 0) {
        bdrv_delete(bs);
    }
}

static void unref_bh(void *opaque)
{
    bdrv_unref(opaque);
}

void bdrv_schedule_unref(BlockDriverState *bs)
{
    if (bs) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), unref_bh, bs);
    }
}

/* ---- Lookups ---- */

BlockDriverState *bdrv_find_node(const char *node_name)
{
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    QTAILQ_FOREACH(bs, &block_state()->named_nodes, node_list) {
        if (g_str_equal(bs->node_name, node_name)) {
            return bs;
        }
    }
    return NULL;
}

BlockDriverState *bdrv_lookup_bs(const char *device, const char *node_name, GError **errp)
{
    BlockBackend *blk;
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    if (device && (blk = blk_by_name(device))) {
        bs = blk_bs(blk);
        if (!bs) {
            error_setg(errp, "Device '%s' has no medium", device);
        }
        return bs;
    }
    if (node_name && (bs = bdrv_find_node(node_name))) {
        return bs;
    }
    error_setg(errp, "Cannot find device='%s' nor node-name='%s'", device ? device : "", node_name ? node_name : "");
    return NULL;
}

BlockDriverState *bdrv_next_node(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    return bs ? QTAILQ_NEXT(bs, node_list) : QTAILQ_FIRST(&block_state()->named_nodes);
}

BlockDriverState *bdrv_next_all_states(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    return bs ? QTAILQ_NEXT(bs, bs_list) : QTAILQ_FIRST(&block_state()->all_nodes);
}

const char *bdrv_get_node_name(const BlockDriverState *bs)
{
    return bs->node_name;
}

const char *bdrv_get_device_name(const BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        const char *name = c->klass->get_name ? c->klass->get_name(c) : NULL;

        if (name && *name) {
            return name;
        }
    }
    return "";
}

const char *bdrv_get_device_or_node_name(const BlockDriverState *bs)
{
    const char *name = bdrv_get_device_name(bs);

    return *name ? name : bs->node_name;
}

bool bdrv_has_blk(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (!c->klass->parent_is_bds && c->klass->get_name) {
            return true;
        }
    }
    return false;
}

bool bdrv_is_root_node(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->klass->parent_is_bds) {
            return false;
        }
    }
    return true;
}

/* ---- Every root once: first those of backends, then nodes that the monitor owns and no backend uses ---- */

/* The iterator's reference; only if it is the last one, closing waits for a better moment. */
static void put_iterated(BlockDriverState *bs)
{
    if (bs && bs->refcnt > 1) {
        bs->refcnt--;
    } else {
        bdrv_schedule_unref(bs);
    }
}

BlockDriverState *bdrv_next(BdrvNextIterator *it)
{
    BlockDriverState *old = it->bs;
    BlockDriverState *bs = NULL;

    GLOBAL_STATE_CODE();
    if (it->phase == 0) {
        do {
            it->blk = blk_all_next(it->blk);
            bs = it->blk ? blk_bs(it->blk) : NULL;
        } while (it->blk && (!bs || !bdrv_is_root_node(bs) || bdrv_get_first_blk(bs) != it->blk));
        if (!it->blk) {
            it->phase = 1;
            it->bs = NULL;
            bs = QTAILQ_FIRST(&block_state()->monitor_nodes);
            while (bs && bdrv_has_blk(bs)) {
                bs = QTAILQ_NEXT(bs, monitor_list);
            }
        }
    } else {
        do {
            bs = QTAILQ_NEXT(it->bs, monitor_list);
            it->bs = bs;
        } while (bs && bdrv_has_blk(bs));
    }
    it->bs = bs;
    if (bs) {
        bdrv_ref(bs);
    }
    put_iterated(old);
    return bs;
}

BlockDriverState *bdrv_first(BdrvNextIterator *it)
{
    *it = (BdrvNextIterator){ 0 };
    return bdrv_next(it);
}

void bdrv_next_cleanup(BdrvNextIterator *it)
{
    put_iterated(it->bs);
    *it = (BdrvNextIterator){ 0 };
}

/* ---- Properties ---- */

bool bdrv_is_read_only(BlockDriverState *bs)
{
    return !(bs->open_flags & BDRV_O_RDWR);
}

bool bdrv_is_writable(BlockDriverState *bs)
{
    return !bdrv_is_read_only(bs) && !(bs->open_flags & BDRV_O_INACTIVE);
}

bool bdrv_is_inactive(BlockDriverState *bs)
{
    return bs->open_flags & BDRV_O_INACTIVE;
}

bool bdrv_is_sg(BlockDriverState *bs)
{
    return bs->sg;
}

AioContext *bdrv_get_aio_context(BlockDriverState *bs)
{
    return bs ? bs->aio_context : qemu_get_aio_context();
}

const char *bdrv_get_format_name(BlockDriverState *bs)
{
    return bs->drv ? bs->drv->format_name : NULL;
}

bool bdrv_is_format(const BlockDriverState *bs)
{
    return bs->drv && bs->drv->is_format;
}

BdrvChild *bdrv_filter_child(BlockDriverState *bs)
{
    if (!bs || !bs->drv || !bs->drv->is_filter) {
        return NULL;
    }
    return bs->drv->filtered_child_is_backing ? bs->backing : bs->file;
}

BdrvChild *bdrv_filter_or_cow_child(BlockDriverState *bs)
{
    BdrvChild *cow = bdrv_cow_child(bs);

    return cow ? cow : bdrv_filter_child(bs);
}

BdrvChild *bdrv_primary_child(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->children, next) {
        if (c->role & BDRV_CHILD_PRIMARY) {
            return c;
        }
    }
    return NULL;
}

BlockDriverState *bdrv_cow_bs(BlockDriverState *bs)
{
    return child_bs(bdrv_cow_child(bs));
}

BlockDriverState *bdrv_filter_bs(BlockDriverState *bs)
{
    return child_bs(bdrv_filter_child(bs));
}

BlockDriverState *bdrv_filter_or_cow_bs(BlockDriverState *bs)
{
    return child_bs(bdrv_filter_or_cow_child(bs));
}

BlockDriverState *bdrv_primary_bs(BlockDriverState *bs)
{
    return child_bs(bdrv_primary_child(bs));
}

BlockDriverState *bdrv_skip_filters(BlockDriverState *bs)
{
    BlockDriverState *below;

    while (bs && (below = bdrv_filter_bs(bs))) {
        bs = below;
    }
    return bs;
}

BlockDriverState *bdrv_backing_chain_next(BlockDriverState *bs)
{
    return bdrv_skip_filters(bdrv_cow_bs(bdrv_skip_filters(bs)));
}

bool bdrv_chain_contains(BlockDriverState *top, BlockDriverState *base)
{
    while (top && top != base) {
        top = bdrv_filter_or_cow_bs(top);
    }
    return top != NULL;
}

int bdrv_get_backing_file_depth(BlockDriverState *bs)
{
    int depth = 0;

    while ((bs = bdrv_backing_chain_next(bs))) {
        depth++;
    }
    return depth;
}

BlockDriverState *bdrv_find_backing_image(BlockDriverState *bs, const char *backing_file)
{
    while ((bs = bdrv_backing_chain_next(bs))) {
        if (g_str_equal(bs->filename, backing_file) || g_str_equal(bs->node_name, backing_file)) {
            return bs;
        }
    }
    return NULL;
}

/* ---- Blockers ---- */

bool bdrv_op_is_blocked(BlockDriverState *bs, BlockOpType op, GError **errp)
{
    BdrvOpBlocker *b = QLIST_FIRST(&bs->op_blockers[op]);

    GLOBAL_STATE_CODE();
    if (!b) {
        return false;
    }
    error_setg(errp, "Node '%s' is busy: %s", bdrv_get_device_or_node_name(bs), error_get_pretty(b->reason));
    return true;
}

void bdrv_op_block(BlockDriverState *bs, BlockOpType op, GError *reason)
{
    BdrvOpBlocker *b = g_new0(BdrvOpBlocker, 1);

    GLOBAL_STATE_CODE();
    b->reason = reason;
    QLIST_INSERT_HEAD(&bs->op_blockers[op], b, list);
}

void bdrv_op_unblock(BlockDriverState *bs, BlockOpType op, GError *reason)
{
    BdrvOpBlocker *b, *next;

    GLOBAL_STATE_CODE();
    QLIST_FOREACH_SAFE(b, &bs->op_blockers[op], list, next) {
        if (b->reason == reason) {
            QLIST_REMOVE(b, list);
            g_free(b);
        }
    }
}

void bdrv_op_block_all(BlockDriverState *bs, GError *reason)
{
    for (int i = 0; i < BLOCK_OP_TYPE_MAX; i++) {
        bdrv_op_block(bs, i, reason);
    }
}

void bdrv_op_unblock_all(BlockDriverState *bs, GError *reason)
{
    for (int i = 0; i < BLOCK_OP_TYPE_MAX; i++) {
        bdrv_op_unblock(bs, i, reason);
    }
}

bool bdrv_op_blocker_is_empty(BlockDriverState *bs)
{
    for (int i = 0; i < BLOCK_OP_TYPE_MAX; i++) {
        if (!QLIST_EMPTY(&bs->op_blockers[i])) {
            return false;
        }
    }
    return true;
}
