/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block jobs: parents of the nodes they work on, with a speed limit.
 *
 * Context: main, BQL; rate limit functions in the job's coroutine.
 * I1  A drain of any of the job's nodes raises pause_count by one per link, and its end lowers it again.
 */
#include "block/blockjob.h"
#include "block/block_int.h"
#include "block/job_int.h"
#include "block/state.h"

#define SLICE_NS 100000000ULL

/* ---- Rate limit ---- */

void ratelimit_set_speed(RateLimit *limit, uint64_t speed, uint64_t slice_ns)
{
    limit->slice_ns = slice_ns;
    limit->slice_quota = speed ? MAX((uint64_t)((double)speed * slice_ns / 1e9), 1) : 0;
}

int64_t ratelimit_calculate_delay(RateLimit *limit, uint64_t n)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    double slices;

    if (!limit->slice_quota) {
        return 0;
    }
    if (limit->slice_end_time < now) {
        /* A new slice; what was not used is not saved up. */
        limit->slice_start_time = now;
        limit->slice_end_time = now + limit->slice_ns;
        limit->dispatched = 0;
    }
    limit->dispatched += n;
    if (limit->dispatched < limit->slice_quota) {
        return 0;
    }
    slices = (double)limit->dispatched / limit->slice_quota;
    limit->slice_end_time = limit->slice_start_time + (int64_t)(slices * limit->slice_ns);
    return limit->slice_end_time - now;
}

/* ---- As a parent ---- */

static char *child_job_desc(BdrvChild *c)
{
    BlockJob *job = c->opaque;

    return g_strdup_printf("%s job '%s'", job_type_name(job_type(&job->job)), job->job.id ? job->job.id : "");
}

static void child_job_drained_begin(BdrvChild *c)
{
    job_pause(&((BlockJob *)c->opaque)->job);
}

static bool child_job_drained_poll(BdrvChild *c)
{
    BlockJob *bjob = c->opaque;
    Job *job = &bjob->job;
    const BlockJobDriver *drv = bjob->driver;
    bool still;

    job_lock();
    /* Not busy: paused, or it will meet a pause point as the first thing when entered. */
    still = !job->busy || job_is_completed_locked(job);
    job_unlock();
    if (still) {
        return false;
    }
    return drv->drained_poll ? drv->drained_poll(bjob) : true;
}

static void child_job_drained_end(BdrvChild *c)
{
    job_resume(&((BlockJob *)c->opaque)->job);
}

static AioContext *child_job_ctx(BdrvChild *c)
{
    return ((BlockJob *)c->opaque)->job.aio_context;
}

typedef struct JobChangeContext {
    BlockJob *job;
    AioContext *ctx;
} JobChangeContext;

static void change_ctx_commit(void *opaque)
{
    JobChangeContext *s = opaque;

    job_set_aio_context(&s->job->job, s->ctx);
    if (s->job->driver->attached_aio_context) {
        s->job->driver->attached_aio_context(s->job, s->ctx);
    }
}

static const TransactionActionDrv change_ctx_drv = {
    .commit = change_ctx_commit,
    .clean = g_free,
};

static bool child_job_change_ctx(BdrvChild *c, AioContext *ctx, GHashTable *visited, Transaction *tran,
                                 GError **errp)
{
    BlockJob *job = c->opaque;
    JobChangeContext *s;

    for (GSList *l = job->nodes; l; l = l->next) {
        BdrvChild *sibling = l->data;

        if (g_hash_table_add(visited, sibling) &&
            !bdrv_change_aio_context(sibling->bs, ctx, visited, tran, errp)) {
            return false;
        }
    }
    s = g_new0(JobChangeContext, 1);
    *s = (JobChangeContext){ job, ctx };
    tran_add(tran, &change_ctx_drv, s);
    return true;
}

const BdrvChildClass child_job = {
    .stay_at_node = true,
    .get_parent_desc = child_job_desc,
    .get_parent_aio_context = child_job_ctx,
    .drained_begin = child_job_drained_begin,
    .drained_poll = child_job_drained_poll,
    .drained_end = child_job_drained_end,
    .change_aio_ctx = child_job_change_ctx,
};

/* ---- Nodes ---- */

int block_job_add_bdrv(BlockJob *job, const char *name, BlockDriverState *bs, uint64_t perm, uint64_t shared_perm,
                       GError **errp)
{
    BdrvChild *c;

    GLOBAL_STATE_CODE();
    bdrv_ref(bs);
    c = bdrv_root_attach_child(bs, name, &child_job, 0, perm, shared_perm, job, errp);
    if (!c) {
        return -EPERM;
    }
    job->nodes = g_slist_prepend(job->nodes, c);
    bdrv_op_block_all(bs, job->blocker);
    return 0;
}

void block_job_remove_all_bdrv(BlockJob *job)
{
    GLOBAL_STATE_CODE();
    bdrv_graph_wrlock();
    while (job->nodes) {
        BdrvChild *c = job->nodes->data;

        job->nodes = g_slist_delete_link(job->nodes, job->nodes);
        bdrv_op_unblock_all(c->bs, job->blocker);
        bdrv_root_unref_child(c);
    }
    bdrv_graph_wrunlock();
}

bool block_job_has_bdrv(BlockJob *job, BlockDriverState *bs)
{
    for (GSList *l = job->nodes; l; l = l->next) {
        if (((BdrvChild *)l->data)->bs == bs) {
            return true;
        }
    }
    return false;
}

/* ---- Life ---- */

void *block_job_create(const char *job_id, const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *bs,
                       uint64_t perm, uint64_t shared_perm, int64_t speed, int flags,
                       void (*cb)(void *opaque, int ret), void *opaque, GError **errp)
{
    g_autofree char *id = g_strdup(job_id);
    BlockJob *job;
    int ret;

    GLOBAL_STATE_CODE();
    if (!id && !(flags & JOB_INTERNAL)) {
        GRAPH_RDLOCK_GUARD_MAINLOOP();
        id = g_strdup(bdrv_get_device_name(bs));
    }
    job = job_create(id, &driver->job_driver, txn, bdrv_get_aio_context(bs), flags, cb, opaque, errp);
    if (!job) {
        return NULL;
    }
    assert(driver->job_driver.free == block_job_free);
    job->driver = driver;
    error_setg(&job->blocker, "block device is in use by block job: %s", job_type_name(job_type(&job->job)));
    bdrv_graph_wrlock();
    ret = block_job_add_bdrv(job, "main node", bs, perm, shared_perm, errp);
    bdrv_graph_wrunlock();
    if (ret < 0 || !block_job_set_speed(job, speed, errp)) {
        job_early_fail(&job->job);
        return NULL;
    }
    return job;
}

void block_job_free(Job *job)
{
    BlockJob *bjob = (BlockJob *)job;

    GLOBAL_STATE_CODE();
    block_job_remove_all_bdrv(bjob);
    g_clear_error(&bjob->blocker);
}


bool block_job_set_speed(BlockJob *job, int64_t speed, GError **errp)
{
    JOB_LOCK_GUARD();
    if (job_apply_verb_locked(&job->job, JOB_VERB_SET_SPEED, errp) < 0) {
        return false;
    }
    if (speed < 0) {
        error_setg(errp, "Parameter 'speed' expects a non-negative value");
        return false;
    }
    ratelimit_set_speed(&job->limit, speed, SLICE_NS);
    job->speed = speed;
    if (job->driver->set_speed) {
        job_unlock();
        job->driver->set_speed(job, speed);
        job_lock();
    }
    /* A job that sleeps for the old limit looks again. */
    if (job->job.sleeping) {
        job_kick_locked(&job->job);
    }
    return true;
}

void block_job_ratelimit_processed_bytes(BlockJob *job, uint64_t n)
{
    JOB_LOCK_GUARD();
    ratelimit_calculate_delay(&job->limit, n);
}

void coroutine_fn block_job_ratelimit_sleep(BlockJob *job)
{
    int64_t delay;

    do {
        job_lock();
        delay = ratelimit_calculate_delay(&job->limit, 0);
        job_unlock();
        job_sleep_ns(&job->job, MAX(delay, 0));
    } while (delay > 0 && !job_is_cancelled(&job->job));
}

BlockJob *block_job_next(BlockJob *bjob)
{
    Job *job = bjob ? &bjob->job : NULL;

    while ((job = job_next(job))) {
        if (job->driver->free == block_job_free) {
            return (BlockJob *)job;
        }
    }
    return NULL;
}

BlockJob *block_job_get(const char *id)
{
    Job *job = job_get(id);

    return job && job->driver->free == block_job_free ? (BlockJob *)job : NULL;
}

AioContext *block_job_get_aio_context(BlockJob *job)
{
    return job->job.aio_context;
}
