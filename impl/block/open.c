/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening nodes: from a file name, a reference or options to a node with its children.
 *
 * Context: main, BQL, outside coroutines and without the graph lock (drivers do I/O and take it as they need).
 *
 * I1  All ways in end in bdrv_open_inherit(); options are consumed step by step, and what nobody took is an error
 *     that names the first leftover.
 * I2  A node that failed to open leaves nothing behind: children detached, name free.
 */
#include "block/state.h"
#include "aio/main_loop.h"

#define BDRV_CHAIN_MAX 200

static BlockDriverState *bdrv_open_inherit(const char *filename, const char *reference, QDict *options, int flags,
                                           BlockDriverState *parent, const BdrvChildClass *child_class,
                                           BdrvChildRole child_role, bool parse_filename, GError **errp)
    GRAPH_UNLOCKED;

/* ---- Options that every node has ---- */

static const BlockOptDesc bdrv_common_opts[] = {
    { "node-name", BLOCK_OPT_STRING, "Node name of the block device node" },
    { "driver", BLOCK_OPT_STRING, "Block driver to use for the node" },
    { BDRV_OPT_CACHE_DIRECT, BLOCK_OPT_BOOL, "Bypass software writeback cache on the host" },
    { BDRV_OPT_CACHE_NO_FLUSH, BLOCK_OPT_BOOL, "Ignore flush requests" },
    { BDRV_OPT_ACTIVE, BLOCK_OPT_BOOL, "Node is activated" },
    { BDRV_OPT_READ_ONLY, BLOCK_OPT_BOOL, "Node is opened in read-only mode" },
    { BDRV_OPT_AUTO_READ_ONLY, BLOCK_OPT_BOOL, "Node can become read-only if opening read-write fails" },
    { "detect-zeroes", BLOCK_OPT_STRING, "Try to optimize zero writes (off, on, unmap)" },
    { BDRV_OPT_DISCARD, BLOCK_OPT_STRING, "Discard operation (ignore/off, unmap/on)" },
    { BDRV_OPT_FORCE_SHARE, BLOCK_OPT_BOOL, "Always accept other writers" },
    { NULL },
};

void bdrv_update_options_from_flags(QDict *options, int flags)
{
    if (!qdict_haskey(options, BDRV_OPT_CACHE_DIRECT)) {
        qdict_put_bool(options, BDRV_OPT_CACHE_DIRECT, flags & BDRV_O_NOCACHE);
    }
    if (!qdict_haskey(options, BDRV_OPT_CACHE_NO_FLUSH)) {
        qdict_put_bool(options, BDRV_OPT_CACHE_NO_FLUSH, flags & BDRV_O_NO_FLUSH);
    }
    if (!qdict_haskey(options, BDRV_OPT_READ_ONLY)) {
        qdict_put_bool(options, BDRV_OPT_READ_ONLY, !(flags & BDRV_O_RDWR));
    }
    if (!qdict_haskey(options, BDRV_OPT_AUTO_READ_ONLY)) {
        qdict_put_bool(options, BDRV_OPT_AUTO_READ_ONLY, flags & BDRV_O_AUTO_RDONLY);
    }
}

static void set_flag(int *flags, int flag, bool on)
{
    *flags = on ? *flags | flag : *flags & ~flag;
}

static bool parse_discard(const QDict *opts, int *flags, GError **errp)
{
    const char *mode = qdict_get_try_str(opts, BDRV_OPT_DISCARD);

    if (!mode) {
        return true;
    }
    if (g_str_equal(mode, "off") || g_str_equal(mode, "ignore")) {
        set_flag(flags, BDRV_O_UNMAP, false);
    } else if (g_str_equal(mode, "on") || g_str_equal(mode, "unmap")) {
        set_flag(flags, BDRV_O_UNMAP, true);
    } else {
        error_setg(errp, "Invalid discard option");
        return false;
    }
    return true;
}

static bool parse_detect_zeroes(BlockDriverState *bs, const QDict *opts, int flags, GError **errp)
{
    static const char *const names[] = { "off", "on", "unmap" };
    const char *mode = qdict_get_try_str(opts, "detect-zeroes");

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(mode ? mode : "off", names[i])) {
            if (i == BLOCKDEV_DETECT_ZEROES_OPTIONS_UNMAP && !(flags & BDRV_O_UNMAP)) {
                error_setg(errp, "setting detect-zeroes to unmap is not allowed without setting discard operation "
                           "to unmap");
                return false;
            }
            bs->detect_zeroes = i;
            return true;
        }
    }
    error_setg(errp, "Invalid parameter '%s' for 'detect-zeroes'", mode);
    return false;
}

bool bdrv_parse_common_options(BlockDriverState *bs, QDict *options, int *flags, GError **errp)
{
    g_autoptr(QDict) opts = block_opts_take(bdrv_common_opts, options, errp);

    if (!opts) {
        return false;
    }
    set_flag(flags, BDRV_O_NOCACHE, qdict_get_bool(opts, BDRV_OPT_CACHE_DIRECT, *flags & BDRV_O_NOCACHE));
    set_flag(flags, BDRV_O_NO_FLUSH, qdict_get_bool(opts, BDRV_OPT_CACHE_NO_FLUSH, *flags & BDRV_O_NO_FLUSH));
    set_flag(flags, BDRV_O_RDWR, !qdict_get_bool(opts, BDRV_OPT_READ_ONLY, !(*flags & BDRV_O_RDWR)));
    set_flag(flags, BDRV_O_AUTO_RDONLY, qdict_get_bool(opts, BDRV_OPT_AUTO_READ_ONLY, *flags & BDRV_O_AUTO_RDONLY));
    set_flag(flags, BDRV_O_INACTIVE, !qdict_get_bool(opts, BDRV_OPT_ACTIVE, !(*flags & BDRV_O_INACTIVE)));
    bs->force_share = qdict_get_bool(opts, BDRV_OPT_FORCE_SHARE, false);
    if (bs->force_share && (*flags & BDRV_O_RDWR)) {
        error_setg(errp, "force-share=on can only be used with read-only images");
        return false;
    }
    return parse_discard(opts, flags, errp) && parse_detect_zeroes(bs, opts, *flags, errp);
}

/* ---- The driver ---- */

static void close_children(BlockDriverState *bs) GRAPH_UNLOCKED;
static void close_children(BlockDriverState *bs)
{
    BdrvChild *c, *next;

    bdrv_graph_wrlock();
    QLIST_FOREACH_SAFE(c, &bs->children, next, next) {
        bdrv_unref_child(bs, c);
    }
    assert(!bs->file && !bs->backing);
    bdrv_graph_wrunlock();
}

static int bdrv_open_driver(BlockDriverState *bs, const BlockDriver *drv, const char *node_name, QDict *options,
                            int flags, GError **errp) GRAPH_UNLOCKED;
static int bdrv_open_driver(BlockDriverState *bs, const BlockDriver *drv, const char *node_name, QDict *options,
                            int flags, GError **errp)
{
    GError *err = NULL;
    int ret;

    if (!bdrv_assign_node_name(bs, node_name, errp)) {
        return -EINVAL;
    }
    bs->drv = drv;
    bs->open_flags = flags;
    bs->opaque = g_malloc0(drv->instance_size);
    ret = drv->bdrv_open ? drv->bdrv_open(bs, options, flags, &err) : 0;
    if (ret < 0) {
        if (err) {
            error_propagate(errp, err);
        } else if (*bs->filename) {
            error_setg_errno(errp, -ret, "Could not open '%s'", bs->filename);
        } else {
            error_setg_errno(errp, -ret, "Could not open image");
        }
        goto fail;
    }
    assert(!err);
    ret = bdrv_refresh_total_sectors(bs, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not refresh total sector count");
        goto fail_opened;
    }
    bdrv_graph_rdlock_main_loop();
    if (!bdrv_refresh_limits(bs, NULL, errp)) {
        ret = -EINVAL;
    }
    bdrv_refresh_filename(bs);
    bdrv_graph_rdunlock_main_loop();
    if (ret == 0) {
        return 0;
    }
fail_opened:
    if (drv->bdrv_close) {
        drv->bdrv_close(bs);
    }
fail:
    close_children(bs);
    bs->drv = NULL;
    g_clear_pointer(&bs->opaque, g_free);
    return ret;
}

static int bdrv_open_common(BlockDriverState *bs, const BlockDriver *drv, QDict *options, int flags, GError **errp)
    GRAPH_UNLOCKED;
static int bdrv_open_common(BlockDriverState *bs, const BlockDriver *drv, QDict *options, int flags, GError **errp)
{
    g_autofree char *node_name = g_strdup(qdict_get_try_str(options, "node-name"));
    const char *filename = qdict_get_try_str(options, "filename");

    if (!bdrv_parse_common_options(bs, options, &flags, errp)) {
        return -EINVAL;
    }
    if (drv->bdrv_needs_filename && (!filename || !*filename)) {
        error_setg(errp, "The '%s' block driver requires a file name", drv->format_name);
        return -EINVAL;
    }
    if (filename) {
        g_free(bs->filename);
        bs->filename = g_strdup(filename);
    }
    return bdrv_open_driver(bs, drv, node_name, options, flags & ~(BDRV_O_SNAPSHOT | BDRV_O_NO_BACKING), errp);
}

static BlockDriverState *new_open_driver(const BlockDriver *drv, const char *node_name, QDict *options, int flags,
                                         GError **errp) GRAPH_UNLOCKED;
static BlockDriverState *new_open_driver(const BlockDriver *drv, const char *node_name, QDict *options, int flags,
                                         GError **errp)
{
    BlockDriverState *bs = bdrv_new();

    GLOBAL_STATE_CODE();
    bs->explicit_options = qdict_clone_shallow(options);
    bs->options = qdict_clone_shallow(options);
    bdrv_update_options_from_flags(bs->options, flags);
    if (bdrv_open_driver(bs, drv, node_name, options, flags, errp) < 0 ||
        !bdrv_check_unknown_options(drv, options, errp)) {
        bdrv_unref(bs);
        bs = NULL;
    }
    qdict_unref(options);
    return bs;
}

BlockDriverState *bdrv_new_open_driver_opts(const BlockDriver *drv, const char *node_name, QDict *options, int flags,
                                            GError **errp)
{
    return new_open_driver(drv, node_name, options ? options : qdict_new(), flags, errp);
}

BlockDriverState *bdrv_new_open_driver(const BlockDriver *drv, const char *node_name, int flags, GError **errp)
{
    return new_open_driver(drv, node_name, qdict_new(), flags, errp);
}

/* ---- Children ---- */

static BlockDriverState *open_child_bs(const char *filename, QDict *options, const char *bdref_key,
                                       BlockDriverState *parent, const BdrvChildClass *child_class,
                                       BdrvChildRole child_role, bool allow_none, bool parse_filename, GError **errp)
    GRAPH_UNLOCKED;
static BlockDriverState *open_child_bs(const char *filename, QDict *options, const char *bdref_key,
                                       BlockDriverState *parent, const BdrvChildClass *child_class,
                                       BdrvChildRole child_role, bool allow_none, bool parse_filename, GError **errp)
{
    g_autofree char *prefix = g_strdup_printf("%s.", bdref_key);
    g_autofree char *reference = g_strdup(qdict_get_try_str(options, bdref_key));
    QDict *image_options = qdict_extract_subqdict(options, prefix);
    BlockDriverState *bs;

    if (!filename && !reference && !qdict_size(image_options)) {
        if (!allow_none) {
            error_setg(errp, "A block device must be specified for \"%s\"", bdref_key);
        }
        qdict_unref(image_options);
        return NULL;
    }
    qdict_del(options, bdref_key);
    bs = bdrv_open_inherit(filename, reference, image_options, 0, parent, child_class, child_role, parse_filename,
                           errp);
    if (bs && !reference) {
        bs->inherits_from = parent;
    }
    return bs;
}

BdrvChild *bdrv_open_child(const char *filename, QDict *options, const char *bdref_key, BlockDriverState *parent,
                           const BdrvChildClass *child_class, BdrvChildRole child_role, bool allow_none,
                           GError **errp)
{
    BlockDriverState *bs = open_child_bs(filename, options, bdref_key, parent, child_class, child_role, allow_none,
                                         true, errp);
    BdrvChild *child;

    GLOBAL_STATE_CODE();
    if (!bs) {
        return NULL;
    }
    bdrv_graph_wrlock();
    child = bdrv_attach_child(parent, bs, bdref_key, child_class, child_role, errp);
    bdrv_graph_wrunlock();
    return child;
}

bool bdrv_open_file_child(const char *filename, QDict *options, const char *bdref_key, BlockDriverState *parent,
                          GError **errp)
{
    BdrvChildRole role = parent->drv->is_filter ? BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY : BDRV_CHILD_IMAGE;

    return bdrv_open_child(filename, options, bdref_key, parent, &child_of_bds, role, false, errp) != NULL;
}

/* Which backing file, from the options under @bdref_key and the image's header. */
static bool backing_options(BlockDriverState *bs, QDict *options, bool have_reference, char **ret_filename,
                            GError **errp)
{
    GError *err = NULL;

    *ret_filename = NULL;
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (have_reference || qdict_haskey(options, "file.filename") || qdict_haskey(options, "file") ||
        qdict_haskey(options, "driver")) {
        return true;
    }
    *ret_filename = bdrv_get_full_backing_filename(bs, &err);
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    if (*bs->backing_format) {
        qdict_set_default_str(options, "driver", bs->backing_format);
    }
    return true;
}

/* An image may name itself, or one above it, as its backing file; an alias of the name is caught by the depth. */
static bool chain_is_sane(BlockDriverState *bs, const char *backing_filename, GError **errp)
{
    unsigned depth = 0;

    for (BlockDriverState *p = bs; p; p = p->open_parent) {
        if (backing_filename && *p->exact_filename && g_str_equal(p->exact_filename, backing_filename)) {
            error_setg(errp, "Backing file '%s' creates an infinite loop.", backing_filename);
            return false;
        }
        if (++depth > BDRV_CHAIN_MAX) {
            error_setg(errp, "Backing chain is longer than %d images", BDRV_CHAIN_MAX);
            return false;
        }
    }
    return true;
}

int bdrv_open_backing_file(BlockDriverState *bs, QDict *parent_options, const char *bdref_key, GError **errp)
{
    g_autofree char *prefix = g_strdup_printf("%s.", bdref_key);
    g_autofree char *reference = NULL;
    g_autofree char *backing_filename = NULL;
    QDict *options;
    BlockDriverState *backing_hd;
    bool have_backing;
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_graph_rdlock_main_loop();
    have_backing = bs->backing != NULL;
    bdrv_graph_rdunlock_main_loop();
    if (have_backing) {
        return 0;
    }
    reference = g_strdup(parent_options ? qdict_get_try_str(parent_options, bdref_key) : NULL);
    options = parent_options ? qdict_extract_subqdict(parent_options, prefix) : qdict_new();
    if (!reference && !qdict_size(options) && !*bs->backing_file) {
        qdict_unref(options);
        return 0;
    }
    if (!bs->drv->supports_backing) {
        error_setg(errp, "Driver doesn't support backing files");
        qdict_unref(options);
        return -EINVAL;
    }
    if (!backing_options(bs, options, reference != NULL, &backing_filename, errp) ||
        !chain_is_sane(bs, backing_filename, errp)) {
        qdict_unref(options);
        return -EINVAL;
    }
    backing_hd = bdrv_open_inherit(backing_filename, reference, options, 0, bs, &child_of_bds, BDRV_CHILD_COW, true,
                                   errp);
    if (!backing_hd) {
        bs->open_flags |= BDRV_O_NO_BACKING;
        error_prepend(errp, "Could not open backing file: ");
        return -EINVAL;
    }
    if (!reference) {
        backing_hd->inherits_from = bs;
    }
    if (parent_options) {
        qdict_del(parent_options, bdref_key);
    }
    g_free(bs->auto_backing_file);
    bs->auto_backing_file = g_strdup(bs->backing_file);
    ret = bdrv_set_backing_hd(bs, backing_hd, errp);
    bdrv_unref(backing_hd);
    return ret;
}

/* ---- Probing ---- */

const BlockDriver *bdrv_probe_all(const uint8_t *buf, int buf_size, const char *filename)
{
    const BlockDriver *best = NULL;
    int score_max = 0;

    for (const BlockDriver *const *d = bdrv_driver_table; *d; d++) {
        int score = (*d)->bdrv_probe ? (*d)->bdrv_probe(buf, buf_size, filename) : 0;

        if (score > score_max) {
            score_max = score;
            best = *d;
        }
    }
    return best;
}

static const BlockDriver *probe_format(BlockDriverState *file, const char *filename, GError **errp) GRAPH_UNLOCKED;
static const BlockDriver *probe_format(BlockDriverState *file, const char *filename, GError **errp)
{
    uint8_t buf[BDRV_PROBE_BUF_SIZE] = { 0 };
    const BlockDriver *drv;
    BlockBackend *blk;
    int64_t len;
    int ret;

    blk = blk_new_with_bs(file, 0, BLK_PERM_ALL, errp);
    if (!blk) {
        return NULL;
    }
    len = blk_getlength(blk);
    ret = len < 0 ? (int)len : len ? blk_pread(blk, 0, MIN(len, BDRV_PROBE_BUF_SIZE), buf, 0) : 0;
    blk_unref(blk);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read image for determining its format");
        return NULL;
    }
    drv = bdrv_probe_all(buf, sizeof(buf), filename);
    if (!drv) {
        error_setg(errp, "Could not determine image format: No compatible driver found");
    }
    return drv;
}

/* ---- The way in ---- */

static BlockDriverState *open_reference(const char *filename, const char *reference, QDict *options, GError **errp)
{
    BlockDriverState *bs = NULL;

    if (filename || qdict_size(options)) {
        error_setg(errp, "Cannot reference an existing block device with additional options or a new filename");
    } else {
        bs = bdrv_lookup_bs(reference, reference, errp);
        if (bs) {
            bdrv_ref(bs);
        }
    }
    qdict_unref(options);
    return bs;
}

/* Opens "file" below a format (or probes for one) and leaves a reference to it in @options. */
static const BlockDriver *open_file_and_probe(BlockDriverState *bs, const char *filename, QDict *options,
                                              const BlockDriver *drv, bool parse_filename,
                                              BlockDriverState **ret_file, GError **errp) GRAPH_UNLOCKED;
static const BlockDriver *open_file_and_probe(BlockDriverState *bs, const char *filename, QDict *options,
                                              const BlockDriver *drv, bool parse_filename,
                                              BlockDriverState **ret_file, GError **errp)
{
    GError *err = NULL;
    BlockDriverState *file;

    file = open_child_bs(filename, options, "file", bs, &child_of_bds, BDRV_CHILD_IMAGE, true, parse_filename, &err);
    if (err) {
        error_propagate(errp, err);
        return NULL;
    }
    *ret_file = file;
    if (file) {
        /* Not explicit, and so not in explicit_options: a name that only lives as long as this node. */
        qdict_put_str(options, "file", file->node_name);
        if (!drv) {
            drv = probe_format(file, filename ? filename : file->filename, errp);
            bs->probed = drv != NULL;
            if (drv) {
                qdict_put_str(bs->options, "driver", drv->format_name);
                qdict_put_str(options, "driver", drv->format_name);
            }
        }
    } else if (!drv) {
        error_setg(errp, "Must specify either driver or file");
    }
    return drv;
}

/* Steps that can fail after the node exists. Consumes nothing; the caller frees. */
static int open_node(BlockDriverState *bs, const char *filename, QDict *options, int flags, bool parse_filename,
                     GError **errp) GRAPH_UNLOCKED;
static int open_node(BlockDriverState *bs, const char *filename, QDict *options, int flags, bool parse_filename,
                     GError **errp)
{
    const char *drvname = qdict_get_try_str(options, "driver");
    const BlockDriver *drv = drvname ? bdrv_find_format(drvname) : NULL;
    const char *backing = qdict_get_try_str(options, "backing");
    BlockDriverState *file = NULL;
    int ret;

    if (qdict_is_null(options, "backing") || (backing && !*backing)) {
        flags |= BDRV_O_NO_BACKING;
        qdict_del(options, "backing");
    }
    bs->options = qdict_clone_shallow(options);
    bs->open_flags = flags;         /* children inherit from it before the driver is open */
    if (!(flags & BDRV_O_PROTOCOL)) {
        drv = open_file_and_probe(bs, filename, options, drv, parse_filename, &file, errp);
        if (!drv) {
            bdrv_unref(file);
            return -EINVAL;
        }
    }
    ret = bdrv_open_common(bs, drv, options, flags, errp);
    bdrv_unref(file);
    if (ret < 0) {
        return ret;
    }
    if (!(flags & BDRV_O_NO_BACKING)) {
        ret = bdrv_open_backing_file(bs, options, "backing", errp);
        if (ret < 0) {
            return ret;
        }
    }
    return bdrv_check_unknown_options(drv, options, errp) ? 0 : -EINVAL;
}

static BlockDriverState *bdrv_open_inherit(const char *filename, const char *reference, QDict *options, int flags,
                                           BlockDriverState *parent, const BdrvChildClass *child_class,
                                           BdrvChildRole child_role, bool parse_filename, GError **errp)
{
    BlockDriverState *bs;
    int ret = -EINVAL;

    GLOBAL_STATE_CODE();
    assert(!qemu_in_coroutine());
    options = options ? options : qdict_new();
    if (reference) {
        return open_reference(filename, reference, options, errp);
    }
    if (filename && parse_filename && g_str_has_prefix(filename, "json:")) {
        g_autoptr(QDict) json = bdrv_parse_json_filename(filename, errp);

        if (!json) {
            qdict_unref(options);
            return NULL;
        }
        qdict_join(options, json, false);
        filename = NULL;
    }
    bs = bdrv_new();
    bs->explicit_options = qdict_clone_shallow(options);
    bs->open_parent = parent;
    if (child_class) {
        child_class->inherit_options(child_role, parent->drv ? parent->drv->is_format : true, &flags, options,
                                     parent->open_flags, parent->options);
        if (parent->open_flags & BDRV_O_INACTIVE) {
            flags |= BDRV_O_INACTIVE;
        }
    }
    bdrv_update_options_from_flags(options, flags);
    if (bdrv_fill_options(options, filename, &flags, parse_filename, errp)) {
        ret = open_node(bs, filename, options, flags, parse_filename, errp);
    }
    qdict_unref(options);
    bs->open_parent = NULL;
    if (ret < 0) {
        bdrv_unref(bs);
        return NULL;
    }
    return bs;
}

BlockDriverState *bdrv_open(const char *filename, const char *reference, QDict *options, int flags, GError **errp)
{
    return bdrv_open_inherit(filename, reference, options, flags, NULL, NULL, 0, true, errp);
}
