/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which AioContext a node runs in. A tree connected by links moves together or not at all.
 *
 * Context: main, BQL. I1: while a node moves it is drained, so no coroutine of it runs anywhere.
 */
#include "block/state.h"
#include "aio/main_loop.h"

typedef struct ChangeContext {
    BlockDriverState *bs;
    AioContext *new_ctx;
} ChangeContext;

static void change_context_commit(void *opaque)
{
    ChangeContext *s = opaque;
    BlockDriverState *bs = s->bs;

    if (bs->drv && bs->drv->bdrv_detach_aio_context) {
        bs->drv->bdrv_detach_aio_context(bs);
    }
    bs->aio_context = s->new_ctx;
    if (bs->drv && bs->drv->bdrv_attach_aio_context) {
        bs->drv->bdrv_attach_aio_context(bs, s->new_ctx);
    }
}

static void change_context_clean(void *opaque)
{
    ChangeContext *s = opaque;

    bdrv_drained_end(s->bs);
    g_free(s);
}

static const TransactionActionDrv change_context_drv = {
    .commit = change_context_commit,
    .clean = change_context_clean,
};

static bool parent_change(BdrvChild *c, AioContext *ctx, GHashTable *visited, Transaction *tran, GError **errp)
{
    g_autofree char *user = NULL;

    if (!g_hash_table_add(visited, c)) {
        return true;
    }
    if (!c->klass->change_aio_ctx) {
        user = c->klass->get_parent_desc(c);
        error_setg(errp, "Changing iothreads is not supported by %s", user);
        return false;
    }
    return c->klass->change_aio_ctx(c, ctx, visited, tran, errp);
}

static bool child_change(BdrvChild *c, AioContext *ctx, GHashTable *visited, Transaction *tran, GError **errp)
{
    if (!g_hash_table_add(visited, c)) {
        return true;
    }
    return bdrv_change_aio_context(c->bs, ctx, visited, tran, errp);
}

bool bdrv_change_aio_context(BlockDriverState *bs, AioContext *ctx, GHashTable *visited, Transaction *tran,
                             GError **errp) TSA_NO_TSA
{
    ChangeContext *s;
    BdrvChild *c;

    GLOBAL_STATE_CODE();
    if (bdrv_get_aio_context(bs) == ctx) {
        return true;
    }
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (!parent_change(c, ctx, visited, tran, errp)) {
            return false;
        }
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (!child_change(c, ctx, visited, tran, errp)) {
            return false;
        }
    }
    s = g_new0(ChangeContext, 1);
    *s = (ChangeContext){ bs, ctx };
    /* Waiting comes later, once for all (bdrv_try_change_aio_context). */
    bdrv_do_drained_begin_quiesce(bs, NULL);
    tran_add(tran, &change_context_drv, s);
    return true;
}

int bdrv_try_change_aio_context_locked(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child, GError **errp)
{
    g_autoptr(GHashTable) visited = g_hash_table_new(NULL, NULL);
    Transaction *tran;
    bool ok;

    GLOBAL_STATE_CODE();
    if (bdrv_get_aio_context(bs) == ctx) {
        return 0;
    }
    if (ignore_child) {
        g_hash_table_add(visited, ignore_child);
    }
    tran = tran_new();
    ok = bdrv_change_aio_context(bs, ctx, visited, tran, errp);
    tran_finalize(tran, ok ? 0 : -EPERM);
    return ok ? 0 : -EPERM;
}

int bdrv_try_change_aio_context(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child, GError **errp)
{
    int ret;

    GLOBAL_STATE_CODE();
    if (bdrv_get_aio_context(bs) == ctx) {
        return 0;
    }
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    /* (I1) Drain everything first: the walk itself must not poll, and the tree may be wider than this node. */
    bdrv_drain_all_begin();
    ret = bdrv_try_change_aio_context_locked(bs, ctx, ignore_child, errp);
    bdrv_drain_all_end();
    return ret;
}

void bdrv_co_enter(BlockDriverState *bs, Coroutine *co)
{
    aio_co_enter(bdrv_get_aio_context(bs), co);
}

AioContext *coroutine_fn bdrv_co_move_to_aio_context(BlockDriverState *bs)
{
    AioContext *old_ctx = qemu_coroutine_get_aio_context(qemu_coroutine_self());
    AioContext *new_ctx;

    /* Count first, or the node could move while we hop. */
    bdrv_inc_in_flight(bs);
    new_ctx = bdrv_get_aio_context(bs);
    aio_co_reschedule_self(new_ctx);
    return old_ctx;
}

void coroutine_fn bdrv_co_leave(BlockDriverState *bs, AioContext *old_ctx)
{
    aio_co_reschedule_self(old_ctx);
    bdrv_dec_in_flight(bs);
}
