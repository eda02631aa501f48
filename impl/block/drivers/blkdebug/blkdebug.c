/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug: passes requests through to "image", and makes them fail or stop at points that the drivers above announce.
 *
 * A rule belongs to an event. When the event happens in the rule's state, the rule is armed (inject-error), moves
 * the state (set-state), or stops the coroutine that announced it until it is resumed by tag (breakpoint).
 * Armed rules decide about the requests that follow.
 *
 * Context: coroutine; breakpoints are set and resumed in the main context. Locks: s->lock, never held while yielding.
 * I1  A suspended coroutine is on s->suspended exactly once, and counts as in flight on the node.
 */
#include "base/bytes.h"
#include "block/block_int.h"
#include "block/drivers/blkdebug/rules.h"
#include "sched/io.h"

#define CONFIG_MAX 65536

typedef struct BlkdebugSuspended {
    char *tag;
    Coroutine *co;
    QTAILQ_ENTRY(BlkdebugSuspended) next;
} BlkdebugSuspended;

typedef struct Blkdebug {
    /* fixed after open */
    uint64_t align, max_transfer, opt_write_zero, max_write_zero, opt_discard, max_discard;
    char *config;
    /* lock */
    SchedMutex lock;
    int state;
    GPtrArray *rules;           /* BlkdebugRule *, owned */
    GPtrArray *active;          /* armed inject-error rules, borrowed from rules */
    QTAILQ_HEAD(, BlkdebugSuspended) suspended;
} Blkdebug;

static const BlockOptDesc blkdebug_opts[] = {
    { "config", BLOCK_OPT_STRING, "Path to the configuration file" },
    { "x-image", BLOCK_OPT_STRING, "[internal use only, will be removed]" },
    { "align", BLOCK_OPT_SIZE, "Required alignment in bytes" },
    { "max-transfer", BLOCK_OPT_SIZE, "Maximum transfer size in bytes" },
    { "opt-write-zero", BLOCK_OPT_SIZE, "Optimum write zero alignment in bytes" },
    { "max-write-zero", BLOCK_OPT_SIZE, "Maximum write zero size in bytes" },
    { "opt-discard", BLOCK_OPT_SIZE, "Optimum discard alignment in bytes" },
    { "max-discard", BLOCK_OPT_SIZE, "Maximum discard size in bytes" },
    { NULL },
};

/* "blkdebug:[config]:image" */
static void blkdebug_parse_filename(const char *filename, QDict *options, GError **errp)
{
    const char *rest = filename + strlen("blkdebug:");
    const char *colon;

    if (!g_str_has_prefix(filename, "blkdebug:")) {
        qdict_put_str(options, "x-image", filename);
        return;
    }
    colon = strchr(rest, ':');
    if (!colon) {
        error_setg(errp, "blkdebug requires both config file and image path");
        return;
    }
    if (colon != rest) {
        g_autofree char *config = g_strndup(rest, colon - rest);

        qdict_put_str(options, "config", config);
    }
    qdict_put_str(options, "x-image", colon + 1);
}

static void rule_free(void *opaque)
{
    blkdebug_rule_free(opaque);
}

static bool read_config(Blkdebug *s, GError **errp)
{
    g_autofree char *text = NULL;
    g_autofree char *zero_ended = NULL;
    size_t len;
    int ret;

    if (!s->config) {
        return true;
    }
    ret = sched_file_read_all(s->config, CONFIG_MAX, &text, &len);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read blkdebug config file");
        return false;
    }
    zero_ended = g_strndup(text, len);
    return blkdebug_rules_from_text(zero_ended, s->config, s->rules, errp);
}

static bool take_size(const QDict *opts, const char *key, uint64_t align, uint64_t *ret, GError **errp)
{
    *ret = qdict_get_size(opts, key, 0);
    if (*ret >= INT_MAX || !QEMU_IS_ALIGNED(*ret, align)) {
        error_setg(errp, "Cannot meet constraints with %s %" PRIu64, key, *ret);
        return false;
    }
    return true;
}

static bool take_limits(Blkdebug *s, const QDict *opts, GError **errp)
{
    uint64_t align;

    s->align = qdict_get_size(opts, "align", 0);
    if (s->align && (s->align >= INT_MAX || !is_power_of_2(s->align))) {
        error_setg(errp, "Cannot meet constraints with align %" PRIu64, s->align);
        return false;
    }
    align = MAX(s->align, 1);
    return take_size(opts, "max-transfer", align, &s->max_transfer, errp) &&
           take_size(opts, "opt-write-zero", align, &s->opt_write_zero, errp) &&
           take_size(opts, "max-write-zero", MAX(s->opt_write_zero, align), &s->max_write_zero, errp) &&
           take_size(opts, "opt-discard", align, &s->opt_discard, errp) &&
           take_size(opts, "max-discard", MAX(s->opt_discard, align), &s->max_discard, errp);
}

/* Rules for no event are armed from the start. */
static void arm_initial(Blkdebug *s)
{
    for (guint i = 0; i < s->rules->len; i++) {
        BlkdebugRule *r = g_ptr_array_index(s->rules, i);

        if (r->action == BLKDEBUG_INJECT_ERROR && g_str_equal(r->event, "none")) {
            g_ptr_array_add(s->active, r);
        }
    }
}

static int blkdebug_open(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    Blkdebug *s = bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(blkdebug_opts, options, errp);
    BlockDriverState *file_bs;

    s->state = 1;
    s->rules = g_ptr_array_new_with_free_func(rule_free);
    s->active = g_ptr_array_new();
    QTAILQ_INIT(&s->suspended);
    sched_mutex_init(&s->lock, "blkdebug");
    if (!opts) {
        goto fail;
    }
    s->config = g_strdup(qdict_get_try_str(opts, "config"));
    if (!read_config(s, errp) || !blkdebug_rules_from_options(options, s->rules, errp) ||
        !take_limits(s, opts, errp) ||
        !bdrv_open_child(qdict_get_try_str(opts, "x-image"), options, "image", bs, &child_of_bds,
                         BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY, false, errp)) {
        goto fail;
    }
    arm_initial(s);
    bdrv_graph_rdlock_main_loop();
    file_bs = bs->file->bs;
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED | (BDRV_REQ_FUA & file_bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) & file_bs->supported_zero_flags);
    bs->supported_truncate_flags = file_bs->supported_truncate_flags & BDRV_REQ_ZERO_WRITE;
    bdrv_graph_rdunlock_main_loop();
    return 0;

fail:
    g_ptr_array_unref(s->active);
    g_ptr_array_unref(s->rules);
    sched_mutex_destroy(&s->lock);
    g_free(s->config);
    return -EINVAL;
}

/* Nothing of ours can change; the core compares what is left with what is in force. */
static int blkdebug_reopen_prepare(BDRVReopenState *state, GError **errp)
{
    return 0;
}

static void blkdebug_close(BlockDriverState *bs)
{
    Blkdebug *s = bs->opaque;

    assert(QTAILQ_EMPTY(&s->suspended));        /* closing drains (I1) */
    g_ptr_array_unref(s->active);
    g_ptr_array_unref(s->rules);
    sched_mutex_destroy(&s->lock);
    g_free(s->config);
}

static void blkdebug_refresh_limits(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
static void blkdebug_refresh_limits(BlockDriverState *bs, GError **errp)
{
    Blkdebug *s = bs->opaque;

    if (s->align) {
        bs->bl.request_alignment = MAX(bs->bl.request_alignment, s->align);
    }
    bs->bl.max_transfer = s->max_transfer ? s->max_transfer : bs->bl.max_transfer;
    bs->bl.pwrite_zeroes_alignment = s->opt_write_zero;
    bs->bl.max_pwrite_zeroes = s->max_write_zero;
    bs->bl.pdiscard_alignment = s->opt_discard;
    bs->bl.max_pdiscard = s->max_discard;
}

static void blkdebug_refresh_filename(BlockDriverState *bs) GRAPH_RDLOCK;
static void blkdebug_refresh_filename(BlockDriverState *bs)
{
    Blkdebug *s = bs->opaque;
    const char *image = bs->file->bs->exact_filename;

    g_free(bs->exact_filename);
    bs->exact_filename = *image ? g_strdup_printf("blkdebug:%s:%s", s->config ? s->config : "", image)
                                : g_strdup("");
}

/* ---- Events ---- */

/* With the lock: everything that @event does except stopping. Returns the breakpoint that was hit, now ours. */
static BlkdebugRule *process_event_locked(Blkdebug *s, const char *event)
{
    BlkdebugRule *stop = NULL;
    int state = s->state;
    bool armed = false;

    for (guint i = 0; i < s->rules->len; i++) {
        BlkdebugRule *r = g_ptr_array_index(s->rules, i);

        if (!g_str_equal(r->event, event) || (r->state && r->state != state)) {
            continue;
        }
        switch (r->action) {
        case BLKDEBUG_INJECT_ERROR:
            if (!armed) {
                g_ptr_array_set_size(s->active, 0);     /* the latest event decides */
            }
            armed = true;
            g_ptr_array_add(s->active, r);
            break;
        case BLKDEBUG_SET_STATE:
            s->state = r->new_state;
            break;
        case BLKDEBUG_SUSPEND:
            stop = stop ? stop : r;
            break;
        }
    }
    if (stop) {
        guint i;

        g_ptr_array_find(s->rules, stop, &i);
        g_ptr_array_steal_index(s->rules, i);           /* a breakpoint stops once */
    }
    return stop;
}

static void coroutine_fn blkdebug_co_debug_event(BlockDriverState *bs, const char *event)
{
    Blkdebug *s = bs->opaque;
    BlkdebugSuspended me = { .co = qemu_coroutine_self() };
    BlkdebugRule *stop;

    sched_mutex_lock(&s->lock);
    stop = process_event_locked(s, event);
    if (stop) {
        me.tag = stop->tag;
        QTAILQ_INSERT_TAIL(&s->suspended, &me, next);
    }
    sched_mutex_unlock(&s->lock);
    if (stop) {
        qemu_coroutine_yield();
        blkdebug_rule_free(stop);
    }
}

static int blkdebug_breakpoint(BlockDriverState *bs, const char *event, const char *tag)
{
    Blkdebug *s = bs->opaque;
    const char *name = blkdebug_event_name(event);
    BlkdebugRule *r;

    if (!name) {
        return -ENOENT;
    }
    r = g_new0(BlkdebugRule, 1);
    r->action = BLKDEBUG_SUSPEND;
    r->event = name;
    r->tag = g_strdup(tag);
    sched_mutex_lock(&s->lock);
    g_ptr_array_add(s->rules, r);
    sched_mutex_unlock(&s->lock);
    return 0;
}

static int blkdebug_resume(BlockDriverState *bs, const char *tag)
{
    Blkdebug *s = bs->opaque;
    BlkdebugSuspended *r;

    sched_mutex_lock(&s->lock);
    QTAILQ_FOREACH(r, &s->suspended, next) {
        if (g_str_equal(r->tag, tag)) {
            QTAILQ_REMOVE(&s->suspended, r, next);
            break;
        }
    }
    sched_mutex_unlock(&s->lock);
    if (!r) {
        return -ENOENT;
    }
    aio_co_wake(r->co);
    return 0;
}

static int blkdebug_remove_breakpoint(BlockDriverState *bs, const char *tag)
{
    Blkdebug *s = bs->opaque;
    int ret = -ENOENT;

    sched_mutex_lock(&s->lock);
    for (guint i = s->rules->len; i-- > 0;) {
        BlkdebugRule *r = g_ptr_array_index(s->rules, i);

        if (r->action == BLKDEBUG_SUSPEND && g_str_equal(r->tag, tag)) {
            g_ptr_array_remove_index(s->rules, i);
            ret = 0;
        }
    }
    sched_mutex_unlock(&s->lock);
    while (blkdebug_resume(bs, tag) == 0) {
        ret = 0;
    }
    return ret;
}

static bool blkdebug_is_suspended(BlockDriverState *bs, const char *tag)
{
    Blkdebug *s = bs->opaque;
    BlkdebugSuspended *r;

    sched_mutex_lock(&s->lock);
    QTAILQ_FOREACH(r, &s->suspended, next) {
        if (g_str_equal(r->tag, tag)) {
            break;
        }
    }
    sched_mutex_unlock(&s->lock);
    return r != NULL;
}

/* ---- Requests ---- */

/* 0, or the error that an armed rule has for this request. */
static int coroutine_fn rule_check(BlockDriverState *bs, int64_t offset, int64_t bytes, unsigned io_type)
{
    Blkdebug *s = bs->opaque;
    bool immediately = true;
    int error = 0;

    sched_mutex_lock(&s->lock);
    for (guint i = 0; i < s->active->len; i++) {
        BlkdebugRule *r = g_ptr_array_index(s->active, i);

        if ((r->io_types & io_type) &&
            (r->offset == -1 || (bytes && r->offset >= offset && r->offset < offset + bytes))) {
            error = r->error;
            immediately = r->immediately;
            if (r->once) {
                g_ptr_array_remove_index(s->active, i);
                g_ptr_array_remove(s->rules, r);
            }
            break;
        }
    }
    sched_mutex_unlock(&s->lock);
    if (error && !immediately) {
        aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
    return -error;
}

static int coroutine_fn blkdebug_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                           BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn blkdebug_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                           BdrvRequestFlags flags)
{
    int err = rule_check(bs, offset, bytes, BLKDEBUG_IO_READ);

    return err ? err : bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn blkdebug_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                            BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn blkdebug_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                            BdrvRequestFlags flags)
{
    int err = rule_check(bs, offset, bytes, BLKDEBUG_IO_WRITE);

    return err ? err : bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn blkdebug_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                  BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn blkdebug_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                  BdrvRequestFlags flags)
{
    int err = rule_check(bs, offset, bytes, BLKDEBUG_IO_WRITE_ZEROES);

    return err ? err : bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

static int coroutine_fn blkdebug_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
static int coroutine_fn blkdebug_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int err = rule_check(bs, offset, bytes, BLKDEBUG_IO_DISCARD);

    return err ? err : bdrv_co_pdiscard(bs->file, offset, bytes);
}

static int coroutine_fn blkdebug_co_flush(BlockDriverState *bs)
{
    return rule_check(bs, 0, 0, BLKDEBUG_IO_FLUSH);
}

static int coroutine_fn blkdebug_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                                 int64_t *pnum, int64_t *map, BlockDriverState **file) GRAPH_RDLOCK;
static int coroutine_fn blkdebug_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                                 int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    int err = rule_check(bs, offset, bytes, BLKDEBUG_IO_BLOCK_STATUS);

    if (err) {
        return err;
    }
    *pnum = bytes;
    *map = offset;
    *file = bs->file->bs;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static int64_t coroutine_fn blkdebug_co_getlength(BlockDriverState *bs) GRAPH_RDLOCK;
static int64_t coroutine_fn blkdebug_co_getlength(BlockDriverState *bs)
{
    return bdrv_co_getlength(bs->file->bs);
}

const BlockDriver bdrv_blkdebug = {
    .format_name = "blkdebug",
    .protocol_name = "blkdebug",
    .instance_size = sizeof(Blkdebug),
    .is_filter = true,
    .opts = blkdebug_opts,
    .bdrv_parse_filename = blkdebug_parse_filename,
    .bdrv_open = blkdebug_open,
    .bdrv_close = blkdebug_close,
    .bdrv_reopen_prepare = blkdebug_reopen_prepare,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_refresh_limits = blkdebug_refresh_limits,
    .bdrv_refresh_filename = blkdebug_refresh_filename,
    .bdrv_debug_breakpoint = blkdebug_breakpoint,
    .bdrv_debug_remove_breakpoint = blkdebug_remove_breakpoint,
    .bdrv_debug_resume = blkdebug_resume,
    .bdrv_debug_is_suspended = blkdebug_is_suspended,
    .bdrv_co_debug_event = blkdebug_co_debug_event,
    .bdrv_co_preadv = blkdebug_co_preadv,
    .bdrv_co_pwritev = blkdebug_co_pwritev,
    .bdrv_co_pwrite_zeroes = blkdebug_co_pwrite_zeroes,
    .bdrv_co_pdiscard = blkdebug_co_pdiscard,
    .bdrv_co_flush_to_disk = blkdebug_co_flush,
    .bdrv_co_block_status = blkdebug_co_block_status,
    .bdrv_co_getlength = blkdebug_co_getlength,
};
