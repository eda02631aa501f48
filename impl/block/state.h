/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the block core keeps per machine, and what its files share with each other. Private to the core of impl/block.
 */
#ifndef BLOCK_STATE_H
#define BLOCK_STATE_H

#include "block/backend.h"
#include "block/block_int.h"

typedef struct BdrvGraphReader BdrvGraphReader;

typedef struct BlockState {
    /* ---- BQL ---- */
    QTAILQ_HEAD(, BlockDriverState) all_nodes;
    QTAILQ_HEAD(, BlockDriverState) named_nodes;
    QTAILQ_HEAD(, BlockDriverState) monitor_nodes;
    QTAILQ_HEAD(, BlockBackend) backends;
    QTAILQ_HEAD(, BlockBackend) monitor_backends;
    unsigned drain_all_count;       /* drain_all sections that are open */
    uint64_t next_node_number;      /* for "#blockN" */
    int ide_units_per_bus;          /* 0: two, as on a PC */
    bool incoming;                  /* what is opened now belongs to another process until activated */
    BlkErrorObserver *error_observer;
    void *error_observer_opaque;

    /* ---- the graph lock ---- */
    SchedObject graph_o;
    bool has_writer;                /* atomic; changed under graph_mutex except when it is raised */
    SchedMutex graph_mutex;         /* guards readers and reader_queue */
    QLIST_HEAD(, BdrvGraphReader) readers;
    uint32_t orphaned_readers;      /* counts of contexts that are gone */
    CoQueue reader_queue;
} BlockState;

static inline BlockState *block_state(void)
{
    return machine_state(MACHINE_BLOCK);
}

/* graph_lock.c */
void bdrv_graph_lock_init(BlockState *s);
void bdrv_graph_lock_cleanup(BlockState *s);

/* graph.c */
BlockDriverState *bdrv_new(void);
/** bdrv_assign_node_name: check and set; @node_name NULL: generate "#blockN". */
bool bdrv_assign_node_name(BlockDriverState *bs, const char *node_name, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void bdrv_delete(BlockDriverState *bs);

/* child.c */
BdrvChild *bdrv_attach_child_common(BlockDriverState *child_bs, const char *child_name,
                                    const BdrvChildClass *child_class, BdrvChildRole role, uint64_t perm,
                                    uint64_t shared_perm, void *opaque, Transaction *tran, GError **errp) GRAPH_WRLOCK;
BdrvChild *bdrv_attach_child_noperm(BlockDriverState *parent_bs, BlockDriverState *child_bs, const char *child_name,
                                    const BdrvChildClass *child_class, BdrvChildRole role, Transaction *tran,
                                    GError **errp) GRAPH_WRLOCK;
void bdrv_remove_child(BdrvChild *child, Transaction *tran) GRAPH_WRLOCK;
void bdrv_replace_child_tran(BdrvChild *child, BlockDriverState *new_bs, Transaction *tran) GRAPH_WRLOCK;
int bdrv_set_file_or_backing_noperm(BlockDriverState *parent, BlockDriverState *child_bs, bool is_backing,
                                    Transaction *tran, GError **errp) GRAPH_WRLOCK;

/* context.c */
bool bdrv_change_aio_context(BlockDriverState *bs, AioContext *ctx, GHashTable *visited, Transaction *tran,
                             GError **errp);
/** The same as bdrv_try_change_aio_context for callers that hold the writer lock or a drain: does not poll. */
int bdrv_try_change_aio_context_locked(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child, GError **errp);

/* perm.c */
/** bdrv_list_refresh_perms: of @list (BlockDriverState *) and everything below, parents first. */
int bdrv_list_refresh_perms(GSList *list, BDRVReopenState *reopen, Transaction *tran, GError **errp) GRAPH_RDLOCK;
int bdrv_refresh_perms(BlockDriverState *bs, Transaction *tran, GError **errp) GRAPH_RDLOCK;
char *bdrv_child_user_desc(BdrvChild *c) GRAPH_RDLOCK;

/* open.c, filename.c */
bool bdrv_fill_options(QDict *options, const char *filename, int *flags, bool allow_parse_filename, GError **errp);
void bdrv_update_options_from_flags(QDict *options, int flags);
bool bdrv_parse_common_options(BlockDriverState *bs, QDict *options, int *flags, GError **errp);
QDict *bdrv_parse_json_filename(const char *filename, GError **errp);
bool bdrv_check_unknown_options(const BlockDriver *drv, QDict *options, GError **errp);

int coroutine_mixed_fn bdrv_refresh_total_sectors(BlockDriverState *bs, int64_t hint);

/** bdrv_invalidate_cache: bdrv_co_invalidate_cache from plain code. */
int bdrv_invalidate_cache(BlockDriverState *bs, GError **errp);

/* close.c */
void bdrv_close(BlockDriverState *bs) GRAPH_UNLOCKED;

/* request.c */
void coroutine_fn bdrv_tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs, int64_t offset,
                                             int64_t bytes, BdrvTrackedRequestType type);
void coroutine_fn bdrv_tracked_request_end(BdrvTrackedRequest *req);
void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *self);
int coroutine_fn bdrv_write_req_prepare(BdrvChild *child, int64_t offset, int64_t bytes, BdrvTrackedRequest *req,
                                        BdrvRequestFlags flags) GRAPH_RDLOCK;
void coroutine_fn bdrv_write_req_finish(BdrvChild *child, int64_t offset, int64_t bytes, BdrvTrackedRequest *req,
                                        int ret) GRAPH_RDLOCK;
int coroutine_fn bdrv_aligned_preadv(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                     int64_t align, QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
    GRAPH_RDLOCK;
int coroutine_fn bdrv_aligned_pwritev(BdrvChild *child, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                                      int64_t align, QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags)
    GRAPH_RDLOCK;
int coroutine_fn bdrv_co_do_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags) GRAPH_RDLOCK;

/* dispatch.c: the only caller of the I/O slots */
int coroutine_fn bdrv_driver_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                    size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_pwritev_compressed(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                QEMUIOVector *qiov, size_t qiov_offset) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                           BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                          int64_t *pnum, int64_t *map, BlockDriverState **file) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_flush_to_os(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_flush_to_disk(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                      BdrvRequestFlags flags, GError **errp) GRAPH_RDLOCK;
int64_t coroutine_fn bdrv_driver_getlength(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos, bool is_read) GRAPH_RDLOCK;

int64_t coroutine_fn bdrv_driver_get_allocated_file_size(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_get_info(BlockDriverState *bs, BlockDriverInfo *bdi) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_change_backing_file(BlockDriverState *bs, const char *backing_file,
                                                 const char *backing_fmt) GRAPH_RDLOCK;
void coroutine_fn bdrv_driver_invalidate_cache(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
bool coroutine_fn bdrv_driver_is_inserted(BlockDriverState *bs) GRAPH_RDLOCK;
void coroutine_fn bdrv_driver_debug_event(BlockDriverState *bs, const char *event) GRAPH_RDLOCK;
int coroutine_fn bdrv_driver_create_opts(const BlockDriver *drv, const char *filename, QDict *opts, GError **errp);
int coroutine_fn bdrv_driver_delete_file(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;

/* drain.c */
/** bdrv_in_flight: requests counted on @bs; a choice point. */
unsigned bdrv_in_flight(BlockDriverState *bs);

/* backend.c */
void blk_remove_all_bs(void) GRAPH_UNLOCKED;
void blockdev_close_all_bdrv_states(void) GRAPH_UNLOCKED;
void drive_free(DriveInfo *dinfo);
/** bdrv_get_first_blk: the backend attached first, NULL if none. */
BlockBackend *bdrv_get_first_blk(BlockDriverState *bs) GRAPH_RDLOCK;

/* job.c */
void job_init(void);
void job_cleanup(void);

#endif
