/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs that work on block nodes: they are parents of their nodes, so a drain pauses them, and have a speed limit.
 */
#ifndef BLOCK_BLOCKJOB_H
#define BLOCK_BLOCKJOB_H

#include "block/backend.h"
#include "block/job.h"

typedef struct BlockJobDriver {
    JobDriver job_driver;
    /** Paused at a pause point, yet requests of the job may be in flight. */
    bool (*drained_poll)(BlockJob *job);
    void (*set_speed)(BlockJob *job, int64_t speed);
    /** Called when the node of the job moves. */
    void (*attached_aio_context)(BlockJob *job, AioContext *new_context);
} BlockJobDriver;

/* Bytes per slice of 100 ms. Guarded by the owner. */
typedef struct RateLimit {
    int64_t slice_start_time;
    int64_t slice_end_time;
    uint64_t slice_quota;           /* 0: no limit */
    uint64_t slice_ns;
    uint64_t dispatched;
} RateLimit;

struct BlockJob {
    Job job;
    BlockJobDriver const *driver;
    int64_t speed;                  /* bytes per second, 0: no limit */
    RateLimit limit;                /* job lock */
    GError *blocker;                /* the reason other operations are given */
    GSList *nodes;                  /* BdrvChild *, newest first; BQL */
};

extern const BdrvChildClass child_job;

/** block_job_create: on @bs with @perm / @shared_perm. @speed: bytes per second, 0: no limit. */
void *block_job_create(const char *job_id, const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *bs,
                       uint64_t perm, uint64_t shared_perm, int64_t speed, int flags,
                       void (*cb)(void *opaque, int ret), void *opaque, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** block_job_free: for JobDriver.free. */
void block_job_free(Job *job) GRAPH_UNLOCKED;
int block_job_add_bdrv(BlockJob *job, const char *name, BlockDriverState *bs, uint64_t perm, uint64_t shared_perm,
                       GError **errp) GRAPH_WRLOCK G_GNUC_WARN_UNUSED_RESULT;
void block_job_remove_all_bdrv(BlockJob *job) GRAPH_UNLOCKED;
bool block_job_has_bdrv(BlockJob *job, BlockDriverState *bs);
bool block_job_set_speed(BlockJob *job, int64_t speed, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** block_job_ratelimit_sleep: as long as the speed limit asks; at least a pause point. */
void coroutine_fn block_job_ratelimit_sleep(BlockJob *job) GRAPH_UNLOCKED;
void block_job_ratelimit_processed_bytes(BlockJob *job, uint64_t n);
BlockJob *block_job_get(const char *id);
BlockJob *block_job_next(BlockJob *job);
AioContext *block_job_get_aio_context(BlockJob *job);

int64_t ratelimit_calculate_delay(RateLimit *limit, uint64_t n);
void ratelimit_set_speed(RateLimit *limit, uint64_t speed, uint64_t slice_ns);

#endif
