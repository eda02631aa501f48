/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Permissions: what each parent needs of a node and tolerates from its other parents.
 *
 * Context: main, BQL; changes are steps of a transaction.
 *
 * I1  For any two parents a, b of a node: b->perm is a subset of a->shared_perm.
 * I2  The permissions of a node on its children follow from what its parents need together (bdrv_child_perm), so a
 *     change is pushed down in topological order: a node is visited after all its parents.
 */
#include "block/state.h"
#include "aio/main_loop.h"
#include "base/bytes.h"

char *bdrv_perm_names(uint64_t perm)
{
    static const struct {
        uint64_t perm;
        const char *name;
    } names[] = {
        { BLK_PERM_CONSISTENT_READ, "consistent read" },
        { BLK_PERM_WRITE, "write" },
        { BLK_PERM_WRITE_UNCHANGED, "write unchanged" },
        { BLK_PERM_RESIZE, "resize" },
    };
    GString *s = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (perm & names[i].perm) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "", names[i].name);
        }
    }
    return g_string_free(s, FALSE);
}

void bdrv_get_cumulative_perm(BlockDriverState *bs, uint64_t *perm, uint64_t *shared_perm)
{
    uint64_t needed = 0;
    uint64_t shared = BLK_PERM_ALL;
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        needed |= c->perm;
        shared &= c->shared_perm;
    }
    *perm = needed;
    *shared_perm = shared;
}

char *bdrv_child_user_desc(BdrvChild *c)
{
    return c->klass->get_parent_desc(c);
}

static bool a_allows_b(BdrvChild *a, BdrvChild *b, GError **errp) GRAPH_RDLOCK;
static bool a_allows_b(BdrvChild *a, BdrvChild *b, GError **errp)
{
    g_autofree char *a_user = NULL;
    g_autofree char *b_user = NULL;
    g_autofree char *perms = NULL;

    if ((b->perm & a->shared_perm) == b->perm) {
        return true;
    }
    perms = bdrv_perm_names(b->perm & ~a->shared_perm);
    a_user = bdrv_child_user_desc(a);
    b_user = bdrv_child_user_desc(b);
    error_setg(errp, "Permission conflict on node '%s': permissions '%s' are both required by %s (uses node '%s' "
               "as '%s' child) and unshared by %s (uses node '%s' as '%s' child).",
               b->bs->node_name, perms, b_user, b->bs->node_name, b->name, a_user, b->bs->node_name, a->name);
    return false;
}

static bool parents_conflict(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
static bool parents_conflict(BlockDriverState *bs, GError **errp)
{
    BdrvChild *a, *b;

    QLIST_FOREACH(a, &bs->parents, next_parent) {
        QLIST_FOREACH(b, &bs->parents, next_parent) {
            if (a != b && !a_allows_b(a, b, errp)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- Steps ---- */

typedef struct ChildSetPerm {
    BdrvChild *child;
    uint64_t old_perm;
    uint64_t old_shared;
} ChildSetPerm;

static void child_set_perm_abort(void *opaque)
{
    ChildSetPerm *s = opaque;

    s->child->perm = s->old_perm;
    s->child->shared_perm = s->old_shared;
}

static const TransactionActionDrv child_set_perm_drv = {
    .abort = child_set_perm_abort,
    .clean = g_free,
};

static void child_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared, Transaction *tran)
{
    ChildSetPerm *s = g_new(ChildSetPerm, 1);

    *s = (ChildSetPerm){ c, c->perm, c->shared_perm };
    c->perm = perm;
    c->shared_perm = shared;
    tran_add(tran, &child_set_perm_drv, s);
}

static void drv_set_perm_commit(void *opaque) TSA_NO_TSA;
static void drv_set_perm_commit(void *opaque)
{
    BlockDriverState *bs = opaque;
    uint64_t perm, shared;

    bdrv_get_cumulative_perm(bs, &perm, &shared);
    bs->cumulative_perm = perm;
    bs->cumulative_shared_perm = shared;
    if (bs->drv && bs->drv->bdrv_set_perm) {
        bs->drv->bdrv_set_perm(bs, perm, shared);
    }
}

static void drv_set_perm_abort(void *opaque)
{
    BlockDriverState *bs = opaque;

    if (bs->drv && bs->drv->bdrv_abort_perm_update) {
        bs->drv->bdrv_abort_perm_update(bs);
    }
}

static const TransactionActionDrv drv_set_perm_drv = {
    .commit = drv_set_perm_commit,
    .abort = drv_set_perm_abort,
};

static bool writable_after_reopen(BlockDriverState *bs, BDRVReopenState *reopen)
{
    int flags = reopen && reopen->bs == bs ? reopen->flags : bs->open_flags;

    return (flags & BDRV_O_RDWR) && !(flags & BDRV_O_INACTIVE);
}

static void child_perm(BlockDriverState *bs, BlockDriverState *below, BdrvChild *c, BDRVReopenState *reopen,
                       uint64_t perm, uint64_t shared, uint64_t *nperm, uint64_t *nshared)
{
    assert(bs->drv && bs->drv->bdrv_child_perm);
    bs->drv->bdrv_child_perm(bs, c, c->role, reopen, perm, shared, nperm, nshared);
    if (below && below->force_share) {
        *nshared = BLK_PERM_ALL;
    }
}

static int node_refresh_perm(BlockDriverState *bs, BDRVReopenState *reopen, Transaction *tran, GError **errp)
    GRAPH_RDLOCK;
static int node_refresh_perm(BlockDriverState *bs, BDRVReopenState *reopen, Transaction *tran, GError **errp)
{
    uint64_t perm, shared;
    BdrvChild *c;
    int ret;

    bdrv_get_cumulative_perm(bs, &perm, &shared);
    if ((perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) && !writable_after_reopen(bs, reopen)) {
        if (!writable_after_reopen(bs, NULL)) {
            error_setg(errp, "Block node is read-only");
        } else {
            error_setg(errp, "Read-only block node '%s' cannot support read-write users", bs->node_name);
        }
        return -EPERM;
    }
    /* The last block would be padded beyond the end. Unless writers may grow the node anyway. */
    if ((perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) && !(perm & BLK_PERM_RESIZE) && bs->drv &&
        bs->bl.request_alignment && !QEMU_IS_ALIGNED(bs->total_bytes, (int64_t)bs->bl.request_alignment)) {
        error_setg(errp, "Cannot get 'write' permission without 'resize': Image size is not a multiple of request "
                   "alignment");
        return -EPERM;
    }
    if (!bs->drv) {
        return 0;
    }
    if (bs->drv->bdrv_check_perm) {
        ret = bs->drv->bdrv_check_perm(bs, perm, shared, errp);
        if (ret < 0) {
            return ret;
        }
    }
    tran_add(tran, &drv_set_perm_drv, bs);
    QLIST_FOREACH(c, &bs->children, next) {
        uint64_t nperm, nshared;

        child_perm(bs, c->bs, c, reopen, perm, shared, &nperm, &nshared);
        child_set_perm(c, nperm, nshared, tran);
    }
    return 0;
}

/* Depth first; prepending after the children gives parents before children. */
static GSList *topological(GSList *list, GHashTable *seen, BlockDriverState *bs) GRAPH_RDLOCK;
static GSList *topological(GSList *list, GHashTable *seen, BlockDriverState *bs)
{
    BdrvChild *c;

    if (!g_hash_table_add(seen, bs)) {
        return list;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs) {
            list = topological(list, seen, c->bs);
        }
    }
    return g_slist_prepend(list, bs);
}

int bdrv_list_refresh_perms(GSList *list, BDRVReopenState *reopen, Transaction *tran, GError **errp)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GSList) order = NULL;

    GLOBAL_STATE_CODE();
    for (; list; list = list->next) {
        order = topological(order, seen, list->data);
    }
    for (GSList *p = order; p; p = p->next) {
        BlockDriverState *bs = p->data;
        int ret;

        if (parents_conflict(bs, errp)) {
            return -EPERM;
        }
        ret = node_refresh_perm(bs, reopen, tran, errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int bdrv_refresh_perms(BlockDriverState *bs, Transaction *tran, GError **errp)
{
    g_autoptr(GSList) list = g_slist_prepend(NULL, bs);
    Transaction *own = tran ? NULL : tran_new();
    int ret = bdrv_list_refresh_perms(list, NULL, tran ? tran : own, errp);

    if (own) {
        tran_finalize(own, ret);
    }
    return ret;
}

int bdrv_child_try_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared, GError **errp)
{
    Transaction *tran = tran_new();
    GError *err = NULL;
    int ret;

    GLOBAL_STATE_CODE();
    child_set_perm(c, perm, shared, tran);
    ret = bdrv_refresh_perms(c->bs, tran, &err);
    tran_finalize(tran, ret);
    if (ret < 0) {
        if ((perm & ~c->perm) || (c->shared_perm & ~shared)) {
            error_propagate(errp, err);
        } else {
            /*
             * Giving permissions up cannot be refused: a lock that could not be dropped is only too strict. Keep the
             * caller's view.
             */
            c->perm = perm;
            c->shared_perm = shared;
            g_clear_error(&err);
            ret = 0;
        }
    }
    return ret;
}

int bdrv_child_refresh_perms(BlockDriverState *bs, BdrvChild *c, GError **errp)
{
    uint64_t parent_perm, parent_shared, perm, shared;

    GLOBAL_STATE_CODE();
    bdrv_get_cumulative_perm(bs, &parent_perm, &parent_shared);
    child_perm(bs, c->bs, c, NULL, parent_perm, parent_shared, &perm, &shared);
    return bdrv_child_try_set_perm(c, perm, shared, errp);
}

/* ---- What drivers ask of their children ---- */

static void perms_for_cow(BlockDriverState *bs, uint64_t *perm, uint64_t *shared)
{
    /* Copy-on-read and reading through need consistent data; the parent never writes into its backing file. */
    *perm &= BLK_PERM_CONSISTENT_READ;
    /*
     * If the parent's users put up with writes, changes of the backing file are fine too. Otherwise only writes that
     * do not change what is read.
     */
    if (*shared & BLK_PERM_WRITE) {
        *shared = BLK_PERM_WRITE | BLK_PERM_RESIZE;
    } else {
        *shared = 0;
    }
    *shared |= BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED;
    if (bs->open_flags & BDRV_O_INACTIVE) {
        *shared |= BLK_PERM_WRITE | BLK_PERM_RESIZE;
    }
}

static void perms_for_storage(BlockDriverState *bs, BdrvChildRole role, BDRVReopenState *reopen, uint64_t *perm,
                              uint64_t *shared)
{
    int flags = reopen && reopen->bs == bs ? reopen->flags : bs->open_flags;

    *perm &= DEFAULT_PERM_PASSTHROUGH;
    *shared = (*shared & DEFAULT_PERM_PASSTHROUGH) | DEFAULT_PERM_UNCHANGED;
    if (role & BDRV_CHILD_METADATA) {
        if (writable_after_reopen(bs, reopen)) {
            *perm |= BLK_PERM_WRITE | BLK_PERM_RESIZE;      /* metadata changes without a guest write */
        }
        if (!(flags & BDRV_O_NO_IO)) {
            *perm |= BLK_PERM_CONSISTENT_READ;
            *shared &= ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
        }
    }
    if (role & BDRV_CHILD_DATA) {
        /* A format turns resizing of the guest disk into something else; the file may grow with any write. */
        if (!(role & BDRV_CHILD_METADATA)) {
            *shared &= ~BLK_PERM_RESIZE;
        }
        if (*perm & BLK_PERM_WRITE) {
            *perm |= BLK_PERM_RESIZE;
        }
        /* Writing unchanged data still writes to the file below. */
        if (*perm & BLK_PERM_WRITE_UNCHANGED) {
            *perm |= BLK_PERM_WRITE;
        }
    }
    if (bs->open_flags & BDRV_O_INACTIVE) {
        *shared |= BLK_PERM_WRITE | BLK_PERM_RESIZE;
    }
}

void bdrv_default_perms(BlockDriverState *bs, BdrvChild *c, BdrvChildRole role, BDRVReopenState *reopen_queue,
                        uint64_t perm, uint64_t shared, uint64_t *nperm, uint64_t *nshared)
{
    *nperm = perm;
    *nshared = shared;
    if (role & BDRV_CHILD_FILTERED) {
        *nperm = perm & DEFAULT_PERM_PASSTHROUGH;
        *nshared = (shared & DEFAULT_PERM_PASSTHROUGH) | DEFAULT_PERM_UNCHANGED;
    } else if (role & BDRV_CHILD_COW) {
        perms_for_cow(bs, nperm, nshared);
    } else {
        assert(role & (BDRV_CHILD_METADATA | BDRV_CHILD_DATA));
        perms_for_storage(bs, role, reopen_queue, nperm, nshared);
    }
}
