/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block backends: life, names, root node, permissions, device on top, drain.
 *
 * Context: main, BQL. I/O is in backend_io.c.
 *
 * I1  While quiesce_counter > 0 no request of this backend enters its node: it parks, and is not counted in flight.
 * I2  disable_perm is set exactly while the root node is inactive.
 */
#include "block/backend_int.h"
#include "aio/main_loop.h"

static const BdrvChildClass child_root;

BlockBackend *blk_new(AioContext *ctx, uint64_t perm, uint64_t shared_perm)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);

    GLOBAL_STATE_CODE();
    blk->name = g_strdup("");
    blk->trace_name = g_strdup("(backend)");
    sched_object_init(&blk->o, "backend", blk->trace_name);
    blk->refcnt = 1;
    blk->ctx = ctx;
    blk->perm = perm;
    blk->shared_perm = shared_perm;
    blk->on_write_error = BLOCKDEV_ON_ERROR_ENOSPC;
    blk->enable_write_cache = 1;
    blk->iostatus = "ok";
    blk->aio_notifiers = g_array_new(FALSE, FALSE, sizeof(BlkAioNotifier));
    sched_mutex_init(&blk->queue_lock, "parked requests");
    qemu_co_queue_init(&blk->queued_requests);
    QTAILQ_INSERT_TAIL(&block_state()->backends, blk, link);
    return blk;
}

BlockBackend *blk_new_with_bs(BlockDriverState *bs, uint64_t perm, uint64_t shared_perm, GError **errp)
{
    BlockBackend *blk = blk_new(bdrv_get_aio_context(bs), perm, shared_perm);

    if (blk_insert_bs(blk, bs, errp) < 0) {
        blk_unref(blk);
        return NULL;
    }
    return blk;
}

BlockBackend *blk_new_open(const char *filename, const char *reference, QDict *options, int flags, GError **errp)
{
    uint64_t perm = 0;
    uint64_t shared = BLK_PERM_ALL;
    BlockBackend *blk;
    BlockDriverState *bs;

    if (!(flags & BDRV_O_NO_IO)) {
        perm |= BLK_PERM_CONSISTENT_READ;
        perm |= flags & BDRV_O_RDWR ? BLK_PERM_WRITE : 0;
    } else {
        shared = BLK_PERM_ALL;
    }
    perm |= flags & BDRV_O_RESIZE ? BLK_PERM_RESIZE : 0;
    if (flags & BDRV_O_NO_SHARE) {
        shared = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED;
    }
    bs = bdrv_open(filename, reference, options, flags & ~(BDRV_O_RESIZE | BDRV_O_NO_SHARE), errp);
    if (!bs) {
        return NULL;
    }
    blk = blk_new(bdrv_get_aio_context(bs), perm, shared);
    if (blk_insert_bs(blk, bs, errp) < 0) {
        blk_unref(blk);
        blk = NULL;
    }
    bdrv_unref(bs);
    return blk;
}

static void blk_delete(BlockBackend *blk) GRAPH_UNLOCKED;
static void blk_delete(BlockBackend *blk)
{
    assert(!blk->dev);
    assert(!*blk->name);
    if (blk->root) {
        blk_remove_bs(blk);
    }
    assert(!blk->in_flight && qemu_co_queue_empty(&blk->queued_requests));
    QTAILQ_REMOVE(&block_state()->backends, blk, link);
    drive_free(blk->dinfo);
    sched_mutex_destroy(&blk->queue_lock);
    g_array_unref(blk->aio_notifiers);
    g_free(blk->dev_name);
    g_free(blk->name);
    g_free(blk->trace_name);
    g_free(blk);
}

void blk_ref(BlockBackend *blk)
{
    GLOBAL_STATE_CODE();
    blk->refcnt++;
}

void blk_unref(BlockBackend *blk)
{
    GLOBAL_STATE_CODE();
    if (!blk) {
        return;
    }
    assert(blk->refcnt > 0);
    if (blk->refcnt > 1) {
        blk->refcnt--;
        return;
    }
    blk_drain(blk);
    assert(blk->refcnt == 1);
    blk->refcnt = 0;
    blk_delete(blk);
}

int blk_get_refcnt(BlockBackend *blk)
{
    return blk ? blk->refcnt : 0;
}

/* ---- Names ---- */

void blk_set_trace_name(BlockBackend *blk, const char *name)
{
    g_free(blk->trace_name);
    blk->trace_name = g_strdup(name);
    sched_object_init(&blk->o, "backend", blk->trace_name);
}

bool monitor_add_blk(BlockBackend *blk, const char *name, GError **errp)
{
    assert(!*blk->name);
    if (!g_ascii_isalpha(*name) && *name != '#') {
        error_setg(errp, "Invalid device name");
        return false;
    }
    if (blk_by_name(name)) {
        error_setg(errp, "Device with id '%s' already exists", name);
        return false;
    }
    if (bdrv_find_node(name)) {
        error_setg(errp, "Device name '%s' conflicts with an existing node name", name);
        return false;
    }
    g_free(blk->name);
    blk->name = g_strdup(name);
    blk_set_trace_name(blk, name);
    QTAILQ_INSERT_TAIL(&block_state()->monitor_backends, blk, monitor_link);
    return true;
}

void monitor_remove_blk(BlockBackend *blk)
{
    if (*blk->name) {
        QTAILQ_REMOVE(&block_state()->monitor_backends, blk, monitor_link);
        g_free(blk->name);
        blk->name = g_strdup("");
    }
}

const char *blk_name(const BlockBackend *blk)
{
    return blk->name;
}

BlockBackend *blk_by_name(const char *name)
{
    BlockBackend *blk;

    QTAILQ_FOREACH(blk, &block_state()->monitor_backends, monitor_link) {
        if (g_str_equal(blk->name, name)) {
            return blk;
        }
    }
    return NULL;
}

BlockBackend *blk_next(BlockBackend *blk)
{
    return blk ? QTAILQ_NEXT(blk, monitor_link) : QTAILQ_FIRST(&block_state()->monitor_backends);
}

BlockBackend *blk_all_next(BlockBackend *blk)
{
    return blk ? QTAILQ_NEXT(blk, link) : QTAILQ_FIRST(&block_state()->backends);
}

BlockBackend *blk_by_dev(void *dev)
{
    BlockBackend *blk = NULL;

    while ((blk = blk_all_next(blk)) && blk->dev != dev) {
        continue;
    }
    return blk;
}

BlockBackend *bdrv_get_first_blk(BlockDriverState *bs)
{
    BlockBackend *blk = NULL;

    while ((blk = blk_all_next(blk))) {
        if (blk_bs(blk) == bs) {
            return blk;
        }
    }
    return NULL;
}

void blk_remove_all_bs(void)
{
    BlockBackend *blk, *next;
    BlockState *s = block_state();

    QTAILQ_FOREACH_SAFE(blk, &s->backends, link, next) {
        if (blk->root) {
            blk_remove_bs(blk);
        }
    }
    QTAILQ_FOREACH_SAFE(blk, &s->monitor_backends, monitor_link, next) {
        monitor_remove_blk(blk);
        blk_unref(blk);
    }
}

/* ---- Root node ---- */

BlockDriverState *blk_bs(BlockBackend *blk)
{
    BdrvChild *root = __atomic_load_n(&blk->root, __ATOMIC_ACQUIRE);

    return root ? root->bs : NULL;
}

BdrvChild *blk_root(BlockBackend *blk)
{
    return blk->root;
}

int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs, GError **errp)
{
    BdrvChild *root;

    GLOBAL_STATE_CODE();
    bdrv_ref(bs);
    blk->disable_perm = bdrv_is_inactive(bs);       /* (I2) */
    bdrv_graph_wrlock();
    root = bdrv_root_attach_child(bs, "root", &child_root, BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY,
                                  blk->disable_perm ? 0 : blk->perm,
                                  blk->disable_perm ? BLK_PERM_ALL : blk->shared_perm, blk, errp);
    blk->root = root;
    bdrv_graph_wrunlock();
    if (!root) {
        blk->disable_perm = false;
        return -EPERM;
    }
    return 0;
}

int blk_replace_bs(BlockBackend *blk, BlockDriverState *new_bs, GError **errp)
{
    return bdrv_replace_child_bs(blk->root, new_bs, errp);
}

void blk_remove_bs(BlockBackend *blk)
{
    BdrvChild *root;
    BlockDriverState *bs = blk_bs(blk);

    GLOBAL_STATE_CODE();
    /* Parked requests must see that the medium is gone, so they stay until the node is out. */
    bdrv_ref(bs);
    bdrv_drained_begin(bs);
    bdrv_graph_wrlock();
    root = blk->root;
    __atomic_store_n(&blk->root, NULL, __ATOMIC_RELEASE);
    bdrv_root_unref_child(root);
    bdrv_graph_wrunlock();
    bdrv_drained_end(bs);
    bdrv_unref(bs);
}

int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm, GError **errp)
{
    int ret = 0;

    GLOBAL_STATE_CODE();
    if (blk->root && !blk->disable_perm) {
        GRAPH_RDLOCK_GUARD_MAINLOOP();
        ret = bdrv_child_try_set_perm(blk->root, perm, shared_perm, errp);
    }
    if (ret == 0) {
        blk->perm = perm;
        blk->shared_perm = shared_perm;
    }
    return ret;
}

void blk_get_perm(BlockBackend *blk, uint64_t *perm, uint64_t *shared_perm)
{
    *perm = blk->perm;
    *shared_perm = blk->shared_perm;
}

/* ---- As a parent ---- */

static const char *root_name(BdrvChild *c)
{
    return blk_name(c->opaque);
}

static char *root_desc(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;

    if (*blk->name || blk->dev_name) {
        return g_strdup_printf("block device '%s'", *blk->name ? blk->name : blk->dev_name);
    }
    return g_strdup("an unnamed block device");
}

static AioContext *root_ctx(BdrvChild *c)
{
    return blk_get_aio_context(c->opaque);
}

static void root_drained_begin(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;

    sched_point(SCHED_K_DRAIN_BEGIN, &blk->o);
    if (__atomic_fetch_add(&blk->quiesce_counter, 1, __ATOMIC_SEQ_CST) == 0 && blk->dev_ops &&
        blk->dev_ops->drained_begin) {
        blk->dev_ops->drained_begin(blk->dev_opaque);
    }
}

static bool root_drained_poll(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;
    bool busy = false;

    assert(blk->quiesce_counter);
    if (blk->dev_ops && blk->dev_ops->drained_poll) {
        busy = blk->dev_ops->drained_poll(blk->dev_opaque);
    }
    return busy || __atomic_load_n(&blk->in_flight, __ATOMIC_SEQ_CST);
}

static void root_drained_end(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;

    assert(blk->quiesce_counter);
    sched_point(SCHED_K_DRAIN_END, &blk->o);
    if (__atomic_fetch_sub(&blk->quiesce_counter, 1, __ATOMIC_SEQ_CST) != 1) {
        return;
    }
    if (blk->dev_ops && blk->dev_ops->drained_end) {
        blk->dev_ops->drained_end(blk->dev_opaque);
    }
    sched_mutex_lock(&blk->queue_lock);
    qemu_co_enter_all(&blk->queued_requests, &blk->queue_lock);
    sched_mutex_unlock(&blk->queue_lock);
}

static void root_resize(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;

    if (blk->dev_ops && blk->dev_ops->resize_cb) {
        blk->dev_ops->resize_cb(blk->dev_opaque);
    }
}

static bool root_activate(BdrvChild *c, GError **errp)
{
    BlockBackend *blk = c->opaque;

    if (!blk->disable_perm) {
        return true;
    }
    blk->disable_perm = false;
    if (blk_set_perm(blk, blk->perm, blk->shared_perm, errp) < 0) {
        blk->disable_perm = true;
        return false;
    }
    return true;
}

static bool can_inactivate(BlockBackend *blk)
{
    /* Guest devices stop with the VM. Of others only readers, and those who said they cope. */
    return blk->dev || *blk->name || !(blk->perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) ||
           blk->force_allow_inactivate;
}

static int root_inactivate(BdrvChild *c)
{
    BlockBackend *blk = c->opaque;

    if (blk->disable_perm) {
        return 0;
    }
    if (!can_inactivate(blk)) {
        return -EPERM;
    }
    blk->disable_perm = true;
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_child_try_set_perm(blk->root, 0, BLK_PERM_ALL, NULL);
}

typedef struct BlkChangeContext {
    BlockBackend *blk;
    AioContext *new_ctx;
} BlkChangeContext;

static void set_context(BlockBackend *blk, AioContext *ctx)
{
    for (guint i = 0; i < blk->aio_notifiers->len; i++) {
        BlkAioNotifier *n = &g_array_index(blk->aio_notifiers, BlkAioNotifier, i);

        n->detach(n->opaque);
    }
    blk->ctx = ctx;
    for (guint i = 0; i < blk->aio_notifiers->len; i++) {
        BlkAioNotifier *n = &g_array_index(blk->aio_notifiers, BlkAioNotifier, i);

        n->attached(ctx, n->opaque);
    }
}

static void change_ctx_commit(void *opaque)
{
    BlkChangeContext *s = opaque;

    set_context(s->blk, s->new_ctx);
}

static const TransactionActionDrv change_ctx_drv = {
    .commit = change_ctx_commit,
    .clean = g_free,
};

static bool root_change_ctx(BdrvChild *c, AioContext *ctx, GHashTable *visited, Transaction *tran, GError **errp)
{
    BlockBackend *blk = c->opaque;
    BlkChangeContext *s;

    /* A backend with a name and no device has no user yet that would be surprised. */
    if (!blk->allow_aio_context_change && (!*blk->name || blk->dev)) {
        error_setg(errp, "Cannot change iothread of active block backend");
        return false;
    }
    s = g_new0(BlkChangeContext, 1);
    *s = (BlkChangeContext){ blk, ctx };
    tran_add(tran, &change_ctx_drv, s);
    return true;
}

static const BdrvChildClass child_root = {
    .get_name = root_name,
    .get_parent_desc = root_desc,
    .get_parent_aio_context = root_ctx,
    .drained_begin = root_drained_begin,
    .drained_poll = root_drained_poll,
    .drained_end = root_drained_end,
    .resize = root_resize,
    .activate = root_activate,
    .inactivate = root_inactivate,
    .change_aio_ctx = root_change_ctx,
};

/* ---- Contexts and drain ---- */

AioContext *blk_get_aio_context(BlockBackend *blk)
{
    return blk ? blk->ctx : qemu_get_aio_context();
}

int blk_set_aio_context(BlockBackend *blk, AioContext *new_context, GError **errp)
{
    BlockDriverState *bs = blk_bs(blk);
    int ret = 0;

    GLOBAL_STATE_CODE();
    if (bs) {
        bdrv_ref(bs);
        ret = bdrv_try_change_aio_context(bs, new_context, blk->root, errp);
        bdrv_unref(bs);
    }
    if (ret == 0 && blk->ctx != new_context) {
        set_context(blk, new_context);
    }
    return ret;
}

void blk_add_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *new_context, void *opaque),
                                  void (*detach)(void *opaque), void *opaque)
{
    BlkAioNotifier n = { attached, detach, opaque };

    g_array_append_val(blk->aio_notifiers, n);
}

void blk_remove_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                     void (*detach)(void *), void *opaque)
{
    for (guint i = 0; i < blk->aio_notifiers->len; i++) {
        BlkAioNotifier *n = &g_array_index(blk->aio_notifiers, BlkAioNotifier, i);

        if (n->attached == attached && n->detach == detach && n->opaque == opaque) {
            g_array_remove_index(blk->aio_notifiers, i);
            return;
        }
    }
    g_assert_not_reached();
}

static bool blk_busy(BlockBackend *blk)
{
    sched_point(SCHED_K_DRAIN_POLL, &blk->o);
    return __atomic_load_n(&blk->in_flight, __ATOMIC_SEQ_CST) > 0;
}

void blk_drain(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    GLOBAL_STATE_CODE();
    if (bs) {
        bdrv_ref(bs);
        bdrv_drained_begin(bs);
    }
    AIO_WAIT_WHILE_NAMED(blk_get_aio_context(blk), blk_busy(blk), "drain of a block backend");
    if (bs) {
        bdrv_drained_end(bs);
        bdrv_unref(bs);
    }
}

void blk_drain_all(void)
{
    BlockBackend *blk = NULL;

    GLOBAL_STATE_CODE();
    bdrv_drain_all_begin();
    while ((blk = blk_all_next(blk))) {
        AIO_WAIT_WHILE_NAMED(NULL, blk_busy(blk), "drain of all block backends");
    }
    bdrv_drain_all_end();
}

void blk_drained_begin(BlockBackend *blk)
{
    if (blk_bs(blk)) {
        bdrv_drained_begin(blk_bs(blk));
    }
}

void blk_drained_end(BlockBackend *blk)
{
    if (blk_bs(blk)) {
        bdrv_drained_end(blk_bs(blk));
    }
}

bool blk_in_drain(BlockBackend *blk)
{
    return __atomic_load_n(&blk->quiesce_counter, __ATOMIC_SEQ_CST) > 0;
}

void blk_inc_in_flight(BlockBackend *blk)
{
    sched_point(SCHED_K_ATOMIC, &blk->o);
    __atomic_fetch_add(&blk->in_flight, 1, __ATOMIC_SEQ_CST);
}

void blk_dec_in_flight(BlockBackend *blk)
{
    unsigned old;

    sched_point(SCHED_K_ATOMIC, &blk->o);
    old = __atomic_fetch_sub(&blk->in_flight, 1, __ATOMIC_SEQ_CST);
    assert(old > 0);
    aio_wait_kick();
}
