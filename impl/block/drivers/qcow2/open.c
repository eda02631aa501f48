/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 life of a node: open, close, reopen, activation, inactivation.
 *
 * Owns: life of BDRVQcow2State.   Context: main loop; the work runs in a coroutine (qcow2_call).
 *
 * I1  Writable, active images have the autoclear bits we do not implement cleared before the first write.
 * I2  When the node is given away (close, inactivate) nothing is dirty in memory, and the dirty bit is off.
 * Source: qcow2 specification, "Header".
 */
#include "block/drivers/qcow2/qcow2.h"

#include <stdio.h>

#define OPT_LAZY_REFCOUNTS "lazy-refcounts"
#define OPT_DISCARD_REQUEST "pass-discard-request"
#define OPT_DISCARD_SNAPSHOT "pass-discard-snapshot"
#define OPT_DISCARD_OTHER "pass-discard-other"
#define OPT_OVERLAP "overlap-check"
#define OPT_L2_CACHE "l2-cache-size"
#define OPT_REFCOUNT_CACHE "refcount-cache-size"

const BlockOptDesc qcow2_opts[] = {
    { OPT_LAZY_REFCOUNTS, BLOCK_OPT_BOOL, "Postpone refcount updates" },
    { OPT_DISCARD_REQUEST, BLOCK_OPT_BOOL, "Pass guest discard requests to the layer below" },
    { OPT_DISCARD_SNAPSHOT, BLOCK_OPT_BOOL, "Generate discard requests when snapshot related space is freed" },
    { OPT_DISCARD_OTHER, BLOCK_OPT_BOOL, "Generate discard requests when other clusters are freed" },
    { OPT_OVERLAP, BLOCK_OPT_STRING, "Which overlap checks to perform: none, constant, cached, all" },
    { OPT_L2_CACHE, BLOCK_OPT_SIZE, "Maximum L2 table cache size" },
    { OPT_REFCOUNT_CACHE, BLOCK_OPT_SIZE, "Maximum refcount block cache size" },
    { NULL },
};

/* ---- Running coroutine code from the main loop ---- */

typedef struct Qcow2Call {
    BlockDriverState *bs;
    Qcow2CallFunc *fn;
    void *opaque;
    int ret;
    CoCall call;
} Qcow2Call;

static void coroutine_fn qcow2_call_entry(void *opaque)
{
    Qcow2Call *c = opaque;

    bdrv_graph_co_rdlock();
    c->ret = c->fn(c->bs, c->opaque);
    bdrv_graph_co_rdunlock();
    co_call_done(&c->call);
}

int qcow2_call(BlockDriverState *bs, const char *name, Qcow2CallFunc *fn, void *opaque)
{
    Qcow2Call c = { .bs = bs, .fn = fn, .opaque = opaque, .call = { .in_progress = true } };

    assert(!qemu_in_coroutine());
    bdrv_co_enter(bs, qemu_coroutine_create_named(name, qcow2_call_entry, &c));
    AIO_WAIT_WHILE_NAMED(bdrv_get_aio_context(bs), co_call_in_progress(&c.call), name);
    return c.ret;
}

/* ---- Open ---- */

static bool parse_overlap(const char *text, int *ret, GError **errp)
{
    if (!text || !strcmp(text, "cached") || !strcmp(text, "all")) {
        *ret = QCOW2_OL_CACHED;
    } else if (!strcmp(text, "constant")) {
        *ret = QCOW2_OL_CONSTANT;
    } else if (!strcmp(text, "none")) {
        *ret = 0;
    } else {
        error_setg(errp, "Unsupported value '%s' for qcow2 option 'overlap-check'. Allowed are any of the following: "
                   "none, constant, cached, all", text);
        return false;
    }
    return true;
}

static int read_runtime_options(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(qcow2_opts, options, errp);

    if (!opts || !parse_overlap(qdict_get_try_str(opts, OPT_OVERLAP), &s->overlap_check, errp)) {
        return -EINVAL;
    }
    s->lazy_option = qdict_haskey(opts, OPT_LAZY_REFCOUNTS)
        ? (qdict_get_bool(opts, OPT_LAZY_REFCOUNTS, false) ? 1 : 0) : -1;
    s->discard_passthrough[QCOW2_DISCARD_ALWAYS] = true;
    s->discard_passthrough[QCOW2_DISCARD_REQUEST] = qdict_get_bool(opts, OPT_DISCARD_REQUEST, flags & BDRV_O_UNMAP);
    s->discard_passthrough[QCOW2_DISCARD_SNAPSHOT] = qdict_get_bool(opts, OPT_DISCARD_SNAPSHOT, true);
    s->discard_passthrough[QCOW2_DISCARD_OTHER] = qdict_get_bool(opts, OPT_DISCARD_OTHER, false);
    s->l2_cache_bytes = qdict_get_size(opts, OPT_L2_CACHE, QCOW2_DEFAULT_L2_CACHE_BYTES);
    s->refcount_cache_bytes = qdict_get_size(opts, OPT_REFCOUNT_CACHE, 0);
    if (s->l2_cache_bytes > QCOW2_MAX_CACHE_BYTES || s->refcount_cache_bytes > QCOW2_MAX_CACHE_BYTES) {
        error_setg(errp, "Cache size too big (at most %llu bytes)", QCOW2_MAX_CACHE_BYTES);
        return -EINVAL;
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK read_header(BlockDriverState *bs, Qcow2Header *h, GError **errp)
{
    uint8_t buf[QCOW2_HEADER_LEN] = { 0 };
    int64_t length = bdrv_co_getlength(bs->file->bs);
    int ret;

    if (length < 0) {
        error_setg_errno(errp, length, "Could not get the length of the image file");
        return length;
    }
    ret = bdrv_co_pread(bs->file, 0, MIN(length, (int64_t)sizeof(buf)), buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not read qcow2 header");
        return ret;
    }
    if (!qcow2_header_parse(buf, MIN(length, (int64_t)sizeof(buf)), h, errp) || !qcow2_header_check(h, errp)) {
        return -EINVAL;
    }
    return 0;
}

/* Header extensions and backing file name. */
static int coroutine_fn GRAPH_RDLOCK read_tail(BlockDriverState *bs, const Qcow2Header *h, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t end = h->backing_file_offset ? h->backing_file_offset : 1ULL << h->cluster_bits;
    int64_t length = bdrv_co_getlength(bs->file->bs);
    g_autofree uint8_t *buf = NULL;
    int ret;

    if (length < 0) {
        error_setg_errno(errp, length, "Could not get the length of the image file");
        return length;
    }
    end = MIN(end, (uint64_t)length);
    end = MAX(end, h->header_length);
    buf = g_malloc0(end - h->header_length + 1);
    ret = bdrv_co_pread(bs->file, h->header_length, MIN((int64_t)end, length) - (int64_t)MIN(h->header_length, length),
                        buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not read qcow2 header extensions");
        return ret;
    }
    if (!qcow2_tail_parse(buf, end - h->header_length, &s->tail, errp)) {
        return -EINVAL;
    }
    if (h->backing_file_offset) {
        s->backing_file = g_malloc0(h->backing_file_size + 1);
        ret = bdrv_co_pread(bs->file, h->backing_file_offset, h->backing_file_size, s->backing_file, 0);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Could not read backing file name");
            return ret;
        }
    }
    return 0;
}

static bool check_features(BlockDriverState *bs, const Qcow2Header *h, int flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t unknown = h->incompatible_features & ~QCOW2_INCOMPAT_MASK;

    if (unknown) {
        g_autofree char *names = qcow2_unsupported_features(&s->tail, unknown);

        error_setg(errp, "Unsupported qcow2 feature(s): %s", names);
        return false;
    }
    if (h->incompatible_features & QCOW2_INCOMPAT_CORRUPT && flags & BDRV_O_RDWR && !(flags & BDRV_O_CHECK)) {
        error_setg(errp, "qcow2: Image is corrupt; cannot be opened read/write");
        return false;
    }
    return true;
}

static void take_header(BDRVQcow2State *s, const Qcow2Header *h)
{
    s->version = h->version;
    s->cluster_bits = h->cluster_bits;
    s->cluster_size = 1ULL << h->cluster_bits;
    s->l2_bits = h->cluster_bits - 3;
    s->l2_entries = 1ULL << s->l2_bits;
    s->refcount_order = h->refcount_order;
    s->refcount_max = qcow2_refcount_max(h->refcount_order);
    s->rb_bits = h->cluster_bits + 3 - h->refcount_order;
    s->rb_entries = 1ULL << s->rb_bits;
    s->compression = h->compression_type;
    s->size = h->size;
    s->l1_size = h->l1_size;
    s->l1_table_offset = h->l1_table_offset;
    s->refcount_table_offset = h->refcount_table_offset;
    s->refcount_table_size = (uint64_t)h->refcount_table_clusters << (h->cluster_bits - 3);
    s->nb_snapshots = 0;
    s->header_snapshots = h->nb_snapshots;
    s->snapshots_offset = h->snapshots_offset;
    s->incompatible_features = h->incompatible_features;
    s->compatible_features = h->compatible_features;
    s->autoclear_features = h->autoclear_features;
}

static int coroutine_fn GRAPH_RDLOCK load_l1(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (s->l1_size == 0) {
        return 0;
    }
    s->l1_table = g_try_new0(uint64_t, s->l1_size);
    if (!s->l1_table) {
        error_setg(errp, "Could not allocate L1 table");
        return -ENOMEM;
    }
    ret = bdrv_co_pread(bs->file, s->l1_table_offset, (uint64_t)s->l1_size * L1E_SIZE, s->l1_table, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not read L1 table");
        return ret;
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        s->l1_table[i] = GUINT64_FROM_BE(s->l1_table[i]);
    }
    return 0;
}

static int create_caches(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t l2_tables = size_to_l1(s, s->size) + 1;
    uint64_t l2 = MIN(l2_tables, s->l2_cache_bytes >> s->cluster_bits);
    uint64_t rb = s->refcount_cache_bytes >> s->cluster_bits;

    s->l2_cache = qcow2_cache_create(bs, MAX(l2, QCOW2_MIN_CACHE_TABLES), true);
    s->refcount_cache = qcow2_cache_create(bs, MAX(rb, QCOW2_MIN_CACHE_TABLES), false);
    if (!s->l2_cache || !s->refcount_cache) {
        error_setg(errp, "Could not allocate metadata caches");
        return -ENOMEM;
    }
    return 0;
}

/* Forget what was read from the image; runtime options stay. */
static void clear_state(BDRVQcow2State *s)
{
    qcow2_cache_destroy(s->l2_cache);
    s->l2_cache = NULL;
    qcow2_cache_destroy(s->refcount_cache);
    s->refcount_cache = NULL;
    g_clear_pointer(&s->l1_table, g_free);
    g_clear_pointer(&s->refcount_table, g_free);
    qcow2_free_snapshots(s);
    qcow2_tail_clear(&s->tail);
    g_clear_pointer(&s->backing_file, g_free);
    g_clear_pointer(&s->inflight, g_ptr_array_unref);
    g_clear_pointer(&s->data_writes, g_ptr_array_unref);
    g_clear_pointer(&s->discards, g_array_unref);
    g_clear_pointer(&s->pending_free, g_hash_table_unref);
    s->free_cluster_index = 0;
    s->free_byte_offset = 0;
}

/* What a writable image needs before the first request: (I1), and repair after a crash with lazy refcounts. */
static int coroutine_fn GRAPH_RDLOCK prepare_writing(BlockDriverState *bs, int flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (!(flags & BDRV_O_RDWR) || flags & BDRV_O_INACTIVE || bdrv_is_read_only(bs)) {
        return 0;
    }
    if (s->autoclear_features) {
        s->autoclear_features = 0;
        ret = qcow2_update_header(bs);
        if (ret < 0) {
            error_setg_errno(errp, ret, "Could not update qcow2 header");
            return ret;
        }
    }
    if (s->incompatible_features & QCOW2_INCOMPAT_DIRTY && !(flags & BDRV_O_CHECK)) {
        BdrvCheckResult result = { 0 };

        ret = qcow2_check_locked(bs, &result, BDRV_FIX_ERRORS | BDRV_FIX_LEAKS);
        if (ret < 0 || result.check_errors) {
            error_setg_errno(errp, ret < 0 ? ret : EIO, "Could not repair dirty image");
            return ret < 0 ? ret : -EIO;
        }
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK do_open(BlockDriverState *bs, int flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Header h;
    int ret = read_header(bs, &h, errp);

    s->inflight = g_ptr_array_new();
    s->data_writes = g_ptr_array_new();
    s->discards = g_array_new(FALSE, FALSE, sizeof(Qcow2DiscardRange));
    s->pending_free = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    if (ret == 0) {
        ret = read_tail(bs, &h, errp);
    }
    if (ret < 0) {
        return ret;
    }
    if (!check_features(bs, &h, flags, errp)) {
        return -ENOTSUP;
    }
    take_header(s, &h);
    s->flags = flags;
    s->use_lazy_refcounts = s->lazy_option >= 0 ? s->lazy_option : !!(s->compatible_features &
                                                                      QCOW2_COMPAT_LAZY_REFCOUNTS);
    if (s->use_lazy_refcounts && s->version < 3) {
        error_setg(errp, "Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level");
        return -EINVAL;
    }
    ret = create_caches(bs, errp);
    if (ret == 0) {
        ret = load_l1(bs, errp);
    }
    if (ret == 0) {
        ret = qcow2_refcount_load(bs, errp);
    }
    if (ret == 0) {
        ret = qcow2_read_snapshots(bs, errp);
    }
    if (ret == 0) {
        qemu_co_mutex_lock(&s->lock);
        ret = prepare_writing(bs, flags, errp);
        qemu_co_mutex_unlock(&s->lock);
    }
    return ret;
}

typedef struct OpenArgs {
    int flags;
    GError **errp;
} OpenArgs;

static int coroutine_fn GRAPH_RDLOCK open_co(BlockDriverState *bs, void *opaque)
{
    OpenArgs *a = opaque;

    return do_open(bs, a->flags, a->errp);
}

int qcow2_open(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    OpenArgs args = { flags, errp };
    int ret;

    if (!bdrv_open_file_child(NULL, options, "file", bs, errp)) {
        return -EINVAL;
    }
    qemu_co_mutex_init_named(&s->lock, bs->node_name);
    ret = read_runtime_options(bs, options, flags, errp);
    if (ret == 0) {
        ret = qcow2_call(bs, "qcow2_open", open_co, &args);
    }
    if (ret < 0) {
        clear_state(s);
        return ret;
    }
    g_free(bs->backing_file);
    bs->backing_file = g_strdup(s->backing_file ? s->backing_file : "");
    g_free(bs->auto_backing_file);
    bs->auto_backing_file = g_strdup(bs->backing_file);
    g_free(bs->backing_format);
    bs->backing_format = g_strdup(s->tail.backing_format ? s->tail.backing_format : "");
    bs->supported_zero_flags = s->version >= 3 ? BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK : 0;
    bs->supported_truncate_flags = s->version >= 3 ? BDRV_REQ_ZERO_WRITE : 0;
    return 0;
}

/* (I2) */
static int coroutine_fn GRAPH_RDLOCK settle_co(BlockDriverState *bs, void *opaque)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (s->unusable || bdrv_is_read_only(bs)) {
        return 0;
    }
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_cache_flush(bs, s->l2_cache);
    if (ret < 0) {
        fprintf(stderr, "Failed to flush the L2 block cache: %s\n", g_strerror(-ret));
    } else {
        ret = qcow2_cache_flush(bs, s->refcount_cache);
        if (ret < 0) {
            fprintf(stderr, "Failed to flush the refcount block cache: %s\n", g_strerror(-ret));
        }
    }
    if (ret == 0) {
        ret = qcow2_mark_clean(bs);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int qcow2_inactivate(BlockDriverState *bs)
{
    return qcow2_call(bs, "qcow2_inactivate", settle_co, NULL);
}

void qcow2_close(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    if (!(s->flags & BDRV_O_INACTIVE) && !(bs->open_flags & BDRV_O_INACTIVE)) {
        int ret = qcow2_inactivate(bs);

        (void)ret;      /* printed where it happened; nobody can act on it here */
    }
    clear_state(s);
}

void coroutine_fn GRAPH_RDLOCK qcow2_co_invalidate_cache(BlockDriverState *bs, GError **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int flags = s->flags & ~BDRV_O_INACTIVE;
    GError *err = NULL;

    clear_state(s);
    if (do_open(bs, flags, &err) < 0) {
        g_propagate_prefixed_error(errp, err, "Could not reopen qcow2 layer: ");
        s->unusable = true;
    }
}

int qcow2_reopen_prepare(BDRVReopenState *state, GError **errp)
{
    if (!(state->flags & BDRV_O_RDWR)) {
        int ret = qcow2_inactivate(state->bs);

        if (ret < 0) {
            error_setg_errno(errp, ret, "Could not write the qcow2 metadata back");
            return ret;
        }
    }
    return 0;
}

void qcow2_reopen_commit(BDRVReopenState *state)
{
    BDRVQcow2State *s = state->bs->opaque;

    s->flags = state->flags;
}

void qcow2_reopen_abort(BDRVReopenState *state)
{
}
