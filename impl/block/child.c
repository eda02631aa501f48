/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links of the graph: attach, detach, replace, as steps of a transaction.
 *
 * Context: main, BQL, graph writer lock.
 *
 * I1  A link whose node is drained has a quiesced parent, and the other way round.
 * I2  A link is moved only while its parent is quiesced, and to a node that is drained or through replace_noperm's
 *     own bookkeeping; so no request of the parent sees half a change.
 * I3  Each link holds one reference on its node. References dropped here are dropped at wrunlock (graph.c I2).
 */
#include "block/state.h"
#include "aio/main_loop.h"

/* ---- child_of_bds: nodes as parents ---- */

static const char *child_bds_name(BdrvChild *c)
{
    return NULL;
}

static AioContext *child_bds_ctx(BdrvChild *c)
{
    return bdrv_get_aio_context(c->opaque);
}

static char *child_bds_desc(BdrvChild *c)
{
    BlockDriverState *parent = c->opaque;

    return g_strdup_printf("node '%s'", parent->node_name);
}

static bool is_file_link(BlockDriverState *parent, BdrvChild *c)
{
    if (c->role & BDRV_CHILD_FILTERED) {
        return (c->role & BDRV_CHILD_PRIMARY) && !parent->drv->filtered_child_is_backing;
    }
    return !(c->role & BDRV_CHILD_COW) && (c->role & BDRV_CHILD_PRIMARY);
}

static bool is_backing_link(BlockDriverState *parent, BdrvChild *c)
{
    return (c->role & BDRV_CHILD_COW) ||
           ((c->role & BDRV_CHILD_FILTERED) && parent->drv->filtered_child_is_backing);
}

static void child_bds_attach(BdrvChild *c) GRAPH_WRLOCK;
static void child_bds_attach(BdrvChild *c)
{
    BlockDriverState *parent = c->opaque;

    assert_bdrv_graph_writable();
    QLIST_INSERT_HEAD(&parent->children, c, next);
    if (is_file_link(parent, c)) {
        assert(!parent->file);
        parent->file = c;
    } else if (is_backing_link(parent, c)) {
        assert(!parent->backing);
        parent->backing = c;
    }
}

static void child_bds_detach(BdrvChild *c) GRAPH_WRLOCK;
static void child_bds_detach(BdrvChild *c)
{
    BlockDriverState *parent = c->opaque;

    assert_bdrv_graph_writable();
    QLIST_REMOVE(c, next);
    if (parent->file == c) {
        parent->file = NULL;
    } else if (parent->backing == c) {
        parent->backing = NULL;
    }
}

static void child_bds_drained_begin(BdrvChild *c)
{
    bdrv_do_drained_begin_quiesce(c->opaque, NULL);
}

static void child_bds_drained_end(BdrvChild *c)
{
    bdrv_drained_end(c->opaque);
}

static bool child_bds_drained_poll(BdrvChild *c)
{
    return bdrv_drain_poll(c->opaque, NULL, false);
}

static int child_bds_inactivate(BdrvChild *c)
{
    BlockDriverState *parent = c->opaque;

    /* An active node needs its children active. */
    return parent->open_flags & BDRV_O_INACTIVE ? 0 : -EPERM;
}

static bool child_bds_change_ctx(BdrvChild *c, AioContext *ctx, GHashTable *visited, Transaction *tran, GError **errp)
{
    return bdrv_change_aio_context(c->opaque, ctx, visited, tran, errp);
}

/* What a child's flags are when its parent does not say. */
static void child_bds_inherit(BdrvChildRole role, bool parent_is_format, int *child_flags, QDict *child_options,
                              int parent_flags, QDict *parent_options)
{
    int flags = parent_flags & ~(BDRV_O_SNAPSHOT | BDRV_O_COPY_ON_READ);

    if (role & BDRV_CHILD_COW) {
        qdict_set_default_str(child_options, BDRV_OPT_READ_ONLY, "on");
        qdict_set_default_str(child_options, BDRV_OPT_AUTO_READ_ONLY, "off");
        flags &= ~(BDRV_O_RDWR | BDRV_O_PROTOCOL | BDRV_O_TEMPORARY);
    } else if (!(role & BDRV_CHILD_FILTERED) || parent_is_format) {
        if (parent_is_format && (role & (BDRV_CHILD_DATA | BDRV_CHILD_METADATA))) {
            flags |= BDRV_O_PROTOCOL;       /* below a format there is a protocol, not another format */
            flags |= BDRV_O_UNMAP;          /* the format decides what to discard */
        }
    }
    qdict_copy_default(child_options, parent_options, BDRV_OPT_CACHE_DIRECT);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_CACHE_NO_FLUSH);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_FORCE_SHARE);
    if (!(role & BDRV_CHILD_COW)) {
        qdict_copy_default(child_options, parent_options, BDRV_OPT_READ_ONLY);
        qdict_copy_default(child_options, parent_options, BDRV_OPT_AUTO_READ_ONLY);
    }
    *child_flags = flags & ~BDRV_O_NO_BACKING;
}

const BdrvChildClass child_of_bds = {
    .parent_is_bds = true,
    .get_name = child_bds_name,
    .get_parent_aio_context = child_bds_ctx,
    .get_parent_desc = child_bds_desc,
    .inherit_options = child_bds_inherit,
    .attach = child_bds_attach,
    .detach = child_bds_detach,
    .drained_begin = child_bds_drained_begin,
    .drained_end = child_bds_drained_end,
    .drained_poll = child_bds_drained_poll,
    .inactivate = child_bds_inactivate,
    .change_aio_ctx = child_bds_change_ctx,
};

AioContext *bdrv_child_get_parent_aio_context(BdrvChild *c)
{
    return c->klass->get_parent_aio_context(c);
}

/* ---- The one place that moves a link ---- */

static void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs) GRAPH_WRLOCK;
static void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs)
{
    BlockDriverState *old_bs = child->bs;

    assert_bdrv_graph_writable();
    assert(!child->frozen);
    assert(old_bs != new_bs);
    /* (I2) Attaching starts quiesced; replacing happens inside a drain of the old node. */
    assert(!new_bs || child->quiesced_parent);
    if (old_bs) {
        if (child->klass->detach) {
            child->klass->detach(child);
        }
        QLIST_REMOVE(child, next_parent);
    }
    child->bs = new_bs;
    if (new_bs) {
        QLIST_INSERT_HEAD(&new_bs->parents, child, next_parent);
        if (child->klass->attach) {
            child->klass->attach(child);
        }
    }
    /* (I1) */
    if (child->quiesced_parent && (!new_bs || !new_bs->quiesce_counter)) {
        bdrv_parent_drained_end_single(child);
    }
}

/* ---- Replace ---- */

typedef struct ReplaceChild {
    BdrvChild *child;
    BlockDriverState *old_bs;       /* a reference, NULL: none */
} ReplaceChild;

static void replace_child_commit(void *opaque)
{
    ReplaceChild *s = opaque;

    bdrv_schedule_unref(s->old_bs);
}

static void replace_child_abort(void *opaque) TSA_NO_TSA;
static void replace_child_abort(void *opaque)
{
    ReplaceChild *s = opaque;
    BlockDriverState *new_bs = s->child->bs;

    if (!s->child->quiesced_parent) {
        bdrv_parent_drained_begin_single(s->child);
    }
    if (new_bs != s->old_bs) {
        bdrv_replace_child_noperm(s->child, s->old_bs);
    }
    bdrv_schedule_unref(new_bs);
}

static const TransactionActionDrv replace_child_drv = {
    .commit = replace_child_commit,
    .abort = replace_child_abort,
    .clean = g_free,
};

void bdrv_replace_child_tran(BdrvChild *child, BlockDriverState *new_bs, Transaction *tran)
{
    ReplaceChild *s = g_new0(ReplaceChild, 1);

    assert(child->quiesced_parent);
    assert(!new_bs || new_bs->quiesce_counter);
    s->child = child;
    s->old_bs = child->bs;
    if (new_bs) {
        bdrv_ref(new_bs);
    }
    bdrv_replace_child_noperm(child, new_bs);
    tran_add(tran, &replace_child_drv, s);
}

/* ---- Attach ---- */

static void child_free(BdrvChild *child)
{
    assert(!child->bs);
    assert(!child->quiesced_parent);
    g_free(child->name);
    g_free(child);
}

typedef struct AttachChild {
    BdrvChild *child;
    AioContext *old_parent_ctx;
    AioContext *old_child_ctx;
} AttachChild;

static void attach_child_abort(void *opaque) TSA_NO_TSA;
static void attach_child_abort(void *opaque)
{
    AttachChild *s = opaque;
    BlockDriverState *bs = s->child->bs;

    bdrv_replace_child_noperm(s->child, NULL);
    if (bdrv_get_aio_context(bs) != s->old_child_ctx) {
        (void)bdrv_try_change_aio_context_locked(bs, s->old_child_ctx, NULL, NULL);
    }
    bdrv_schedule_unref(bs);
    child_free(s->child);
}

static const TransactionActionDrv attach_child_drv = {
    .abort = attach_child_abort,
    .clean = g_free,
};

/* Both ends of a link run in one context: move the child, or else the parent. */
static int attach_same_context(BdrvChild *c, BlockDriverState *child_bs, GError **errp) GRAPH_WRLOCK;
static int attach_same_context(BdrvChild *c, BlockDriverState *child_bs, GError **errp)
{
    AioContext *parent_ctx = bdrv_child_get_parent_aio_context(c);
    AioContext *child_ctx = bdrv_get_aio_context(child_bs);
    GError *err = NULL;
    int ret;

    if (parent_ctx == child_ctx) {
        return 0;
    }
    ret = bdrv_try_change_aio_context_locked(child_bs, parent_ctx, NULL, &err);
    if (ret < 0 && c->klass->change_aio_ctx) {
        g_autoptr(GHashTable) visited = g_hash_table_new(NULL, NULL);
        Transaction *tran = tran_new();
        bool ok;

        g_hash_table_add(visited, c);
        ok = c->klass->change_aio_ctx(c, child_ctx, visited, tran, NULL);
        ret = ok ? 0 : ret;
        tran_finalize(tran, ok ? 0 : -1);
        if (ok) {
            g_clear_error(&err);
        }
    }
    if (ret < 0) {
        error_propagate(errp, err);
    }
    return ret;
}

BdrvChild *bdrv_attach_child_common(BlockDriverState *child_bs, const char *child_name,
                                    const BdrvChildClass *child_class, BdrvChildRole role, uint64_t perm,
                                    uint64_t shared_perm, void *opaque, Transaction *tran, GError **errp)
{
    BdrvChild *c = g_new0(BdrvChild, 1);
    AttachChild *s;

    GLOBAL_STATE_CODE();
    assert(child_class->get_parent_desc);
    *c = (BdrvChild){
        .name = g_strdup(child_name),
        .klass = child_class,
        .role = role,
        .perm = perm,
        .shared_perm = shared_perm,
        .opaque = opaque,
    };
    AioContext *old_child_ctx = bdrv_get_aio_context(child_bs);

    if (attach_same_context(c, child_bs, errp) < 0) {
        child_free(c);
        return NULL;
    }
    bdrv_ref(child_bs);
    /* (I2) Starts quiesced; replace_child_noperm lets the parent go on unless the node is drained. */
    bdrv_parent_drained_begin_single(c);
    bdrv_replace_child_noperm(c, child_bs);
    s = g_new0(AttachChild, 1);
    *s = (AttachChild){ .child = c, .old_child_ctx = old_child_ctx };
    tran_add(tran, &attach_child_drv, s);
    return c;
}

static bool is_below(BlockDriverState *bs, BlockDriverState *below) GRAPH_RDLOCK;
static bool is_below(BlockDriverState *bs, BlockDriverState *below)
{
    BdrvChild *c;

    if (bs == below) {
        return true;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (is_below(c->bs, below)) {
            return true;
        }
    }
    return false;
}

BdrvChild *bdrv_attach_child_noperm(BlockDriverState *parent_bs, BlockDriverState *child_bs, const char *child_name,
                                    const BdrvChildClass *child_class, BdrvChildRole role, Transaction *tran,
                                    GError **errp)
{
    uint64_t perm, shared_perm, nperm, nshared;

    assert(parent_bs->drv);
    if (is_below(child_bs, parent_bs)) {
        error_setg(errp, "Making '%s' a %s child of '%s' would create a cycle", child_bs->node_name, child_name,
                   parent_bs->node_name);
        return NULL;
    }
    bdrv_get_cumulative_perm(parent_bs, &perm, &shared_perm);
    parent_bs->drv->bdrv_child_perm(parent_bs, NULL, role, NULL, perm, shared_perm, &nperm, &nshared);
    if (child_bs->force_share) {
        nshared = BLK_PERM_ALL;
    }
    return bdrv_attach_child_common(child_bs, child_name, child_class, role, nperm, nshared, parent_bs, tran, errp);
}

BdrvChild *bdrv_attach_child(BlockDriverState *parent_bs, BlockDriverState *child_bs, const char *child_name,
                             const BdrvChildClass *child_class, BdrvChildRole child_role, GError **errp)
{
    Transaction *tran = tran_new();
    BdrvChild *c;
    int ret = -EINVAL;

    GLOBAL_STATE_CODE();
    c = bdrv_attach_child_noperm(parent_bs, child_bs, child_name, child_class, child_role, tran, errp);
    if (c) {
        ret = bdrv_refresh_perms(parent_bs, tran, errp);
    }
    tran_finalize(tran, ret);
    bdrv_schedule_unref(child_bs);
    return ret < 0 ? NULL : c;
}

BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs, const char *child_name,
                                  const BdrvChildClass *child_class, BdrvChildRole child_role, uint64_t perm,
                                  uint64_t shared_perm, void *opaque, GError **errp)
{
    Transaction *tran = tran_new();
    BdrvChild *c;
    int ret = -EINVAL;

    GLOBAL_STATE_CODE();
    c = bdrv_attach_child_common(child_bs, child_name, child_class, child_role, perm, shared_perm, opaque, tran,
                                 errp);
    if (c) {
        ret = bdrv_refresh_perms(child_bs, tran, errp);
    }
    tran_finalize(tran, ret);
    bdrv_schedule_unref(child_bs);
    return ret < 0 ? NULL : c;
}

/* ---- Detach ---- */

void bdrv_root_unref_child(BdrvChild *child)
{
    BlockDriverState *bs = child->bs;

    GLOBAL_STATE_CODE();
    bdrv_replace_child_noperm(child, NULL);
    child_free(child);
    /*
     * The remaining parents may share more now. Failing to loosen is not an error, and dropping the last parent
     * closes the node anyway.
     */
    (void)bdrv_refresh_perms(bs, NULL, NULL);
    if (QLIST_EMPTY(&bs->parents) && bdrv_get_aio_context(bs) != qemu_get_aio_context()) {
        /* Nobody keeps it in an iothread any more. */
        (void)bdrv_try_change_aio_context_locked(bs, qemu_get_aio_context(), NULL, NULL);
    }
    bdrv_schedule_unref(bs);
}

void bdrv_unref_child(BlockDriverState *parent, BdrvChild *child)
{
    BlockDriverState *bs;
    BdrvChild *c;
    bool other = false;

    GLOBAL_STATE_CODE();
    if (!child) {
        return;
    }
    bs = child->bs;
    if (bs->inherits_from == parent) {
        QLIST_FOREACH(c, &parent->children, next) {
            other |= c != child && c->bs == bs;
        }
        if (!other) {
            bs->inherits_from = NULL;
        }
    }
    bdrv_root_unref_child(child);
}

typedef struct RemoveChild {
    BdrvChild *child;
} RemoveChild;

static void remove_child_commit(void *opaque)
{
    child_free(opaque);
}

static const TransactionActionDrv remove_child_drv = {
    .commit = remove_child_commit,
};

void bdrv_remove_child(BdrvChild *child, Transaction *tran)
{
    if (child->bs) {
        /* The caller drained the node, so the parent is quiesced already; let go of it once it is unlinked. */
        bdrv_replace_child_tran(child, NULL, tran);
    }
    tran_add(tran, &remove_child_drv, child);
}
