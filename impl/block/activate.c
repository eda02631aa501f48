/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who owns the images: activation and inactivation of nodes across migration.
 *
 * Context: main, BQL, outside coroutines.
 *
 * I1  An inactive node (BDRV_O_INACTIVE) is not written to, holds no write permission, and its metadata is on disk.
 * I2  The children of an active node are active; so activation goes from the bottom up, inactivation from the top
 *     down. A node is inactivated when its last active parent is.
 */
#include "block/state.h"
#include "aio/main_loop.h"

/* ---- Activation ---- */

int coroutine_fn bdrv_co_invalidate_cache(BlockDriverState *bs, GError **errp)
{
    GError *err = NULL;

    if (bs->drv->bdrv_co_invalidate_cache) {
        bdrv_driver_invalidate_cache(bs, &err);
        if (err) {
            error_propagate(errp, err);
            return -EINVAL;
        }
    }
    return bdrv_co_refresh_total_sectors(bs, bs->total_bytes);
}

/* Permissions first: if the image lock cannot be had, nothing has been read or written yet. */
static int activate_self(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
static int activate_self(BlockDriverState *bs, GError **errp)
{
    int ret;

    bs->open_flags &= ~BDRV_O_INACTIVE;
    ret = bdrv_refresh_perms(bs, NULL, errp);
    if (ret == 0) {
        ret = bdrv_invalidate_cache(bs, errp);
    }
    if (ret < 0) {
        bs->open_flags |= BDRV_O_INACTIVE;
    }
    return ret;
}

static int activate_recurse(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
static int activate_recurse(BlockDriverState *bs, GError **errp)
{
    BdrvChild *c;
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        ret = activate_recurse(c->bs, errp);                /* (I2) */
        if (ret < 0) {
            return ret;
        }
    }
    if (bs->open_flags & BDRV_O_INACTIVE) {
        ret = activate_self(bs, errp);
        if (ret < 0) {
            return ret;
        }
    }
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->klass->activate && !c->klass->activate(c, errp)) {
            return -EINVAL;
        }
    }
    return 0;
}

int bdrv_activate(BlockDriverState *bs, GError **errp)
{
    GLOBAL_STATE_CODE();
    assert(!qemu_in_coroutine());
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return activate_recurse(bs, errp);
}

void bdrv_activate_all(GError **errp)
{
    BdrvNextIterator it;
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    for (bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
        if (activate_recurse(bs, errp) < 0) {
            bdrv_next_cleanup(&it);
            return;
        }
    }
}

/* ---- Inactivation ---- */

static bool has_active_bds_parent(BlockDriverState *bs) GRAPH_RDLOCK;
static bool has_active_bds_parent(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->klass->parent_is_bds) {
            BlockDriverState *parent = c->opaque;

            if (!(parent->open_flags & BDRV_O_INACTIVE)) {
                return true;
            }
        }
    }
    return false;
}

static int inactivate_parents(BlockDriverState *bs) GRAPH_RDLOCK;
static int inactivate_parents(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->klass->inactivate) {
            int ret = c->klass->inactivate(c);

            if (ret < 0) {
                return ret;
            }
        }
    }
    return 0;
}

static int bdrv_inactivate_recurse(BlockDriverState *bs, bool top_level) GRAPH_RDLOCK;
static int bdrv_inactivate_recurse(BlockDriverState *bs, bool top_level)
{
    uint64_t perm, shared;
    BdrvChild *c;
    int ret;

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (has_active_bds_parent(bs)) {
        return 0;               /* its last parent will take it along (I2) */
    }
    /* Giving away twice what the user asked for on the whole chain is harmless. */
    if (top_level && (bs->open_flags & BDRV_O_INACTIVE)) {
        return 0;
    }
    assert(!(bs->open_flags & BDRV_O_INACTIVE));
    if (bs->drv->bdrv_inactivate) {
        ret = bs->drv->bdrv_inactivate(bs);
        if (ret < 0) {
            return ret;
        }
    }
    ret = inactivate_parents(bs);
    if (ret < 0) {
        return ret;
    }
    bdrv_get_cumulative_perm(bs, &perm, &shared);
    if (perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) {
        return -EPERM;          /* somebody who does not know about inactive images still writes */
    }
    bs->open_flags |= BDRV_O_INACTIVE;
    (void)bdrv_refresh_perms(bs, NULL, NULL);   /* loosening; cannot be refused */
    QLIST_FOREACH(c, &bs->children, next) {
        ret = bdrv_inactivate_recurse(c->bs, false);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int bdrv_inactivate(BlockDriverState *bs, GError **errp)
{
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_drain_all_begin();
    bdrv_graph_rdlock_main_loop();
    if (has_active_bds_parent(bs)) {
        error_setg(errp, "Node has active parent node");
        ret = -EPERM;
    } else {
        ret = bdrv_inactivate_recurse(bs, true);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Failed to inactivate node");
        }
    }
    bdrv_graph_rdunlock_main_loop();
    bdrv_drain_all_end();
    return ret;
}

int bdrv_inactivate_all(void)
{
    BdrvNextIterator it;
    BlockDriverState *bs;
    int ret = 0;

    GLOBAL_STATE_CODE();
    bdrv_drain_all_begin();
    bdrv_graph_rdlock_main_loop();
    for (bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
        /* A root with an active node above it is not on top: it goes with that one. */
        if (has_active_bds_parent(bs)) {
            continue;
        }
        ret = bdrv_inactivate_recurse(bs, true);
        if (ret < 0) {
            bdrv_next_cleanup(&it);
            break;
        }
    }
    bdrv_graph_rdunlock_main_loop();
    bdrv_drain_all_end();
    return ret;
}
