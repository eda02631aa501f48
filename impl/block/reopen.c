/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reopen: new options for nodes that are in use, several at once, all or nothing.
 *
 * Context: main, BQL, outside coroutines.
 *
 * I1  From the first prepare to the last commit or abort everything is drained: a node chosen as a new child is as
 *     still as the one that gets it.
 * I2  Options that the driver cannot change must have the values that they have.
 */
#include "block/state.h"
#include "aio/main_loop.h"

typedef struct ReopenEntry {
    BDRVReopenState state;
    bool prepared;
} ReopenEntry;

struct BlockReopenQueue {
    GPtrArray *entries;
};

static void entry_free(void *opaque)
{
    ReopenEntry *e = opaque;

    bdrv_drained_end(e->state.bs);
    bdrv_unref(e->state.bs);
    qdict_unref(e->state.options);
    qdict_unref(e->state.explicit_options);
    g_free(e);
}

static ReopenEntry *find_entry(BlockReopenQueue *q, BlockDriverState *bs)
{
    for (guint i = 0; i < q->entries->len; i++) {
        ReopenEntry *e = g_ptr_array_index(q->entries, i);

        if (e->state.bs == bs) {
            return e;
        }
    }
    return NULL;
}

/* Options of children of @bs that are listed there ("file.x") go to the entries of those children. */
static void queue_children(BlockReopenQueue *q, ReopenEntry *e, bool keep_old_opts) GRAPH_UNLOCKED;
static void queue_children(BlockReopenQueue *q, ReopenEntry *e, bool keep_old_opts)
{
    BlockDriverState *bs = e->state.bs;
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    BdrvChild *c;

    bdrv_graph_rdlock_main_loop();
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs->inherits_from == bs) {
            g_ptr_array_add(children, c);
        }
    }
    bdrv_graph_rdunlock_main_loop();
    for (guint i = 0; i < children->len; i++) {
        g_autofree char *prefix = NULL;
        QDict *opts;
        BlockDriverState *below;
        int flags;

        c = g_ptr_array_index(children, i);
        prefix = g_strdup_printf("%s.", c->name);
        opts = qdict_extract_subqdict(e->state.options, prefix);
        bdrv_graph_rdlock_main_loop();
        below = c->bs;
        bdrv_graph_rdunlock_main_loop();
        c->klass->inherit_options(c->role, bs->drv->is_format, &flags, opts, e->state.flags, e->state.options);
        (void)bdrv_reopen_queue(q, below, opts, keep_old_opts);
    }
}

BlockReopenQueue *bdrv_reopen_queue(BlockReopenQueue *q, BlockDriverState *bs, QDict *options, bool keep_old_opts)
{
    ReopenEntry *e;

    GLOBAL_STATE_CODE();
    if (!q) {
        q = g_new0(BlockReopenQueue, 1);
        q->entries = g_ptr_array_new_with_free_func(entry_free);
    }
    options = options ? options : qdict_new();
    if (find_entry(q, bs)) {
        qdict_unref(options);
        return q;
    }
    e = g_new0(ReopenEntry, 1);
    e->state.bs = bs;
    e->state.flags = bs->open_flags;
    e->state.explicit_options = qdict_clone_shallow(options);
    if (keep_old_opts) {
        g_autoptr(QDict) old = qdict_clone_shallow(bs->explicit_options);

        qdict_join(e->state.explicit_options, old, false);
        old = (qdict_unref(old), qdict_clone_shallow(bs->options));
        qdict_join(options, old, false);
    }
    e->state.options = options;
    bdrv_ref(bs);
    bdrv_drained_begin(bs);
    g_ptr_array_add(q->entries, e);
    queue_children(q, e, true);
    return q;
}

/* ---- Prepare ---- */

/* "file"/"backing" naming another node: relink, within the transaction. Removes the option. */
static int change_link(ReopenEntry *e, bool is_backing, Transaction *tran, GError **errp) GRAPH_WRLOCK;
static int change_link(ReopenEntry *e, bool is_backing, Transaction *tran, GError **errp)
{
    BlockDriverState *bs = e->state.bs;
    const char *key = is_backing ? "backing" : "file";
    BdrvChild *child = is_backing ? bs->backing : bs->file;
    const char *name = qdict_get_try_str(e->state.options, key);
    BlockDriverState *new_bs = NULL;

    if (!qdict_haskey(e->state.options, key)) {
        return 0;
    }
    if (name && *name) {
        new_bs = bdrv_lookup_bs(NULL, name, errp);
        if (!new_bs) {
            return -EINVAL;
        }
    } else if (!is_backing) {
        error_setg(errp, "The 'file' option cannot be null");
        return -EINVAL;
    }
    qdict_del(e->state.options, key);
    if (child_bs(child) == new_bs) {
        return 0;
    }
    if (is_backing && child && child->bs->implicit) {
        error_setg(errp, "Cannot replace implicit %s child of %s", key, bs->node_name);
        return -EPERM;
    }
    return bdrv_set_file_or_backing_noperm(bs, new_bs, is_backing, tran, errp);
}

/* (I2) What is left in @options after the driver took its own. */
static bool check_unchanged(ReopenEntry *e, GError **errp) GRAPH_RDLOCK;
static bool check_unchanged(ReopenEntry *e, GError **errp)
{
    QDict *opts = e->state.options;
    BlockDriverState *bs = e->state.bs;

    for (size_t i = 0; i < qdict_size(opts); i++) {
        const char *key = qdict_key_at(opts, i);
        const char *value = qdict_get_try_str(opts, key);
        BdrvChild *c;
        bool is_child = false;

        QLIST_FOREACH(c, &bs->children, next) {
            if (g_str_equal(c->name, key)) {
                is_child = g_strcmp0(value, c->bs->node_name) == 0;
            }
        }
        if (!is_child && g_strcmp0(value, qdict_get_try_str(bs->options, key))) {
            error_setg(errp, "Cannot change the option '%s'", key);
            return false;
        }
    }
    return true;
}

static int reopen_prepare(ReopenEntry *e, GError **errp) GRAPH_UNLOCKED;
static int reopen_prepare(ReopenEntry *e, GError **errp)
{
    BlockDriverState *bs = e->state.bs;
    const BlockDriver *drv = bs->drv;
    const char *drvname = qdict_get_try_str(e->state.options, "driver");
    int flags = e->state.flags;
    bool force_share = bs->force_share;
    BlockdevDetectZeroesOptions detect = bs->detect_zeroes;
    int ret = 0;

    if (drvname && !g_str_equal(drvname, drv->format_name)) {
        error_setg(errp, "Cannot change the option 'driver'");
        return -EINVAL;
    }
    if (!bdrv_parse_common_options(bs, e->state.options, &flags, errp)) {
        ret = -EINVAL;
    }
    e->state.detect_zeroes = bs->detect_zeroes;
    bs->detect_zeroes = detect;
    bs->force_share = force_share;
    if (ret < 0) {
        return ret;
    }
    flags = (flags & ~BDRV_O_INACTIVE) | (bs->open_flags & BDRV_O_INACTIVE);
    e->state.flags = flags;
    if (!(bs->open_flags & BDRV_O_NO_IO) && (bs->open_flags & BDRV_O_RDWR) && !(flags & BDRV_O_RDWR)) {
        ret = bdrv_flush(bs);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Error flushing drive");
            return ret;
        }
    }
    if (!drv->bdrv_reopen_prepare) {
        error_setg(errp, "Block format '%s' used by node '%s' does not support reopening files", drv->format_name,
                   bs->node_name);
        return -EOPNOTSUPP;
    }
    ret = drv->bdrv_reopen_prepare(&e->state, errp);
    e->prepared = ret == 0;
    return ret;
}

static int change_links_and_perms(BlockReopenQueue *q, Transaction *tran, GError **errp) GRAPH_UNLOCKED;
static int change_links_and_perms(BlockReopenQueue *q, Transaction *tran, GError **errp)
{
    g_autoptr(GSList) nodes = NULL;
    int ret = 0;

    bdrv_graph_wrlock_drained();
    for (guint i = 0; i < q->entries->len && ret == 0; i++) {
        ReopenEntry *e = g_ptr_array_index(q->entries, i);

        ret = change_link(e, false, tran, errp);
        if (ret == 0) {
            ret = change_link(e, true, tran, errp);
        }
        if (ret == 0 && !check_unchanged(e, errp)) {
            ret = -EINVAL;
        }
        nodes = g_slist_prepend(nodes, e->state.bs);
    }
    for (guint i = 0; i < q->entries->len && ret == 0; i++) {
        g_autoptr(GSList) one = NULL;
        ReopenEntry *e = g_ptr_array_index(q->entries, i);

        one = g_slist_prepend(one, e->state.bs);
        ret = bdrv_list_refresh_perms(one, &e->state, tran, errp);
    }
    bdrv_graph_wrunlock();
    return ret;
}

static void reopen_commit(ReopenEntry *e) GRAPH_UNLOCKED;
static void reopen_commit(ReopenEntry *e)
{
    BlockDriverState *bs = e->state.bs;

    if (bs->drv->bdrv_reopen_commit) {
        bs->drv->bdrv_reopen_commit(&e->state);
    }
    for (size_t i = 0; i < qdict_size(e->state.explicit_options); i++) {
        const char *key = qdict_key_at(e->state.explicit_options, i);

        if (qdict_get_try_str(e->state.explicit_options, key)) {
            qdict_put_str(bs->options, key, qdict_get_try_str(e->state.explicit_options, key));
        }
    }
    qdict_unref(bs->explicit_options);
    bs->explicit_options = g_steal_pointer(&e->state.explicit_options);
    bs->open_flags = e->state.flags;
    bs->detect_zeroes = e->state.detect_zeroes;
    bdrv_graph_rdlock_main_loop();
    result_ignored(bdrv_refresh_limits(bs, NULL, NULL));      /* the same driver accepted these options just now */
    bdrv_refresh_filename(bs);
    bdrv_graph_rdunlock_main_loop();
    bdrv_refresh_total_sectors(bs, bs->total_bytes);
}

int bdrv_reopen_multiple(BlockReopenQueue *q, GError **errp)
{
    Transaction *tran = tran_new();
    int ret = 0;

    GLOBAL_STATE_CODE();
    bdrv_drain_all_begin();             /* (I1) */
    for (guint i = 0; i < q->entries->len && ret == 0; i++) {
        ret = reopen_prepare(g_ptr_array_index(q->entries, i), errp);
    }
    if (ret == 0) {
        ret = change_links_and_perms(q, tran, errp);
    }
    /* Children before parents: a parent may look at its file when it commits. */
    for (guint i = q->entries->len; i-- > 0 && ret == 0;) {
        reopen_commit(g_ptr_array_index(q->entries, i));
    }
    for (guint i = 0; i < q->entries->len && ret < 0; i++) {
        ReopenEntry *e = g_ptr_array_index(q->entries, i);

        if (e->prepared && e->state.bs->drv->bdrv_reopen_abort) {
            e->state.bs->drv->bdrv_reopen_abort(&e->state);
        }
    }
    bdrv_graph_wrlock_drained();
    tran_finalize(tran, ret);
    bdrv_graph_wrunlock();
    bdrv_drain_all_end();
    g_ptr_array_unref(q->entries);
    g_free(q);
    return ret;
}

int bdrv_reopen(BlockDriverState *bs, QDict *opts, bool keep_old_opts, GError **errp)
{
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, bs, opts, keep_old_opts), errp);
}

int bdrv_reopen_set_read_only(BlockDriverState *bs, bool read_only, GError **errp)
{
    QDict *opts = qdict_new();

    qdict_put_bool(opts, BDRV_OPT_READ_ONLY, read_only);
    return bdrv_reopen(bs, opts, true, errp);
}

bool blockdev_reopen(QDict *options, GError **errp)
{
    const char *node_name = qdict_get_try_str(options, "node-name");
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    if (!node_name) {
        error_setg(errp, "node-name not specified");
        qdict_unref(options);
        return false;
    }
    bs = bdrv_find_node(node_name);
    if (!bs) {
        error_setg(errp, "Failed to find node with node-name='%s'", node_name);
        qdict_unref(options);
        return false;
    }
    qdict_set_default_str(options, BDRV_OPT_READ_ONLY, "off");
    qdict_set_default_str(options, BDRV_OPT_CACHE_DIRECT, "off");
    qdict_set_default_str(options, BDRV_OPT_CACHE_NO_FLUSH, "off");
    return bdrv_reopen(bs, options, false, errp) == 0;
}
