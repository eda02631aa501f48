/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BlockBackend: a user's handle on the graph (a guest device, a job, a migration stream, a tool).
 *
 * It owns permissions on its root node, counts requests in flight, and parks new ones while it is drained. Parked
 * requests are not in flight.
 *
 * Contexts: GS and CO as in block/block.h; blk_aio_*: any thread whose current context is the backend's.
 */
#ifndef BLOCK_BACKEND_H
#define BLOCK_BACKEND_H

#include "block/block.h"

/* What the guest device on top offers. */
typedef struct BlockDevOps {
    /** The tray closes (@load), perhaps over another medium, or opens. Putting in and taking out are not told. */
    void (*change_media_cb)(void *opaque, bool load, GError **errp);
    void (*eject_request_cb)(void *opaque, bool force);
    bool (*is_medium_locked)(void *opaque);
    bool (*is_tray_open)(void *opaque);
    /** Size of the medium changed. */
    void (*resize_cb)(void *opaque);
    /* The device must stop and may restart making requests. Main context; begin and end must not poll. */
    void (*drained_begin)(void *opaque);
    void (*drained_end)(void *opaque);
    /** true: the device may still make requests. */
    bool (*drained_poll)(void *opaque);
} BlockDevOps;

typedef enum BlockErrorAction {
    BLOCK_ERROR_ACTION_IGNORE,
    BLOCK_ERROR_ACTION_REPORT,
    BLOCK_ERROR_ACTION_STOP,
} BlockErrorAction;

typedef enum BlockdevOnError {
    BLOCKDEV_ON_ERROR_REPORT,
    BLOCKDEV_ON_ERROR_IGNORE,
    BLOCKDEV_ON_ERROR_ENOSPC,
    BLOCKDEV_ON_ERROR_STOP,
    BLOCKDEV_ON_ERROR_AUTO,
    BLOCKDEV_ON_ERROR__MAX,
} BlockdevOnError;

/* Counters for query-blockstats, by kind of request. */
typedef enum BlockAcctType {
    BLOCK_ACCT_READ,
    BLOCK_ACCT_WRITE,
    BLOCK_ACCT_FLUSH,
    BLOCK_ACCT_UNMAP,
    BLOCK_MAX_IOTYPE,
} BlockAcctType;

typedef struct BlockAcctStats {
    uint64_t nr_bytes[BLOCK_MAX_IOTYPE];    /* atomics */
    uint64_t nr_ops[BLOCK_MAX_IOTYPE];
    uint64_t failed_ops[BLOCK_MAX_IOTYPE];
} BlockAcctStats;

/* ---- Life and names. GS ---- */

/** blk_new: without a medium. @ctx: where its requests run. Returns a reference. */
BlockBackend *blk_new(AioContext *ctx, uint64_t perm, uint64_t shared_perm);
/** blk_new_with_bs: on @bs, in its context. */
BlockBackend *blk_new_with_bs(BlockDriverState *bs, uint64_t perm, uint64_t shared_perm, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** blk_new_open: open and take the permissions that @flags imply. @options consumed. */
BlockBackend *blk_new_open(const char *filename, const char *reference, QDict *options, int flags, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
BlockBackend *coroutine_fn blk_co_new_open(const char *filename, const char *reference, QDict *options, int flags,
                                           GError **errp) GRAPH_UNLOCKED;
void blk_ref(BlockBackend *blk);
void blk_unref(BlockBackend *blk) GRAPH_UNLOCKED;
void coroutine_fn blk_co_unref(BlockBackend *blk) GRAPH_UNLOCKED;
int blk_get_refcnt(BlockBackend *blk);
/** monitor_add_blk: give @blk the name @name and a monitor reference. */
bool monitor_add_blk(BlockBackend *blk, const char *name, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void monitor_remove_blk(BlockBackend *blk);
/** blk_name: "" for anonymous ones. Borrowed. */
const char *blk_name(const BlockBackend *blk);
BlockBackend *blk_by_name(const char *name);
/** blk_next: backends with a name. blk_all_next: all, in order of creation. Start with NULL. */
BlockBackend *blk_next(BlockBackend *blk);
BlockBackend *blk_all_next(BlockBackend *blk);
BlockBackend *blk_by_dev(void *dev);
/** blk_set_trace_name: what traces call an anonymous backend ("backend of 'x'"); copied. */
void blk_set_trace_name(BlockBackend *blk, const char *name);

BlockDriverState *blk_bs(BlockBackend *blk);
BdrvChild *blk_root(BlockBackend *blk);
int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int blk_replace_bs(BlockBackend *blk, BlockDriverState *new_bs, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
void blk_remove_bs(BlockBackend *blk) GRAPH_UNLOCKED;
int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
void blk_get_perm(BlockBackend *blk, uint64_t *perm, uint64_t *shared_perm);

/* ---- The device on top. GS ---- */

/** blk_attach_dev: @dev: the device's identity; 0 or -EBUSY. */
int blk_attach_dev(BlockBackend *blk, void *dev) G_GNUC_WARN_UNUSED_RESULT;
/** blk_set_dev_name: id or path for queries and messages; copied. */
void blk_set_dev_name(BlockBackend *blk, const char *name);
void blk_detach_dev(BlockBackend *blk, void *dev) GRAPH_UNLOCKED;
void *blk_get_attached_dev(BlockBackend *blk);
const char *blk_get_attached_dev_id(BlockBackend *blk);
void blk_set_dev_ops(BlockBackend *blk, const BlockDevOps *ops, void *opaque);
/* What the device on top is asked and told about its medium. Without a device any backend is removable. */
bool blk_dev_has_removable_media(BlockBackend *blk);
bool blk_dev_has_tray(BlockBackend *blk);
bool blk_dev_is_tray_open(BlockBackend *blk);
bool blk_dev_is_medium_locked(BlockBackend *blk);
/** blk_dev_eject_request: the user presses the button; @force: with a pin in the little hole. */
void blk_dev_eject_request(BlockBackend *blk, bool force);
/** blk_dev_change_media_cb: the tray closes (@load) or opens. */
void blk_dev_change_media_cb(BlockBackend *blk, bool load, GError **errp);
void blk_set_enable_write_cache(BlockBackend *blk, bool wce);
bool blk_enable_write_cache(BlockBackend *blk);
void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow);
void blk_set_allow_aio_context_change(BlockBackend *blk, bool allow);
/** blk_set_disable_request_queuing: requests go through even while drained (jobs that are paused by drains instead). */
void blk_set_disable_request_queuing(BlockBackend *blk, bool disable);
void blk_set_force_allow_inactivate(BlockBackend *blk);

void blk_set_on_error(BlockBackend *blk, BlockdevOnError on_read_error, BlockdevOnError on_write_error);
BlockdevOnError blk_get_on_error(BlockBackend *blk, bool is_read);
BlockErrorAction blk_get_error_action(BlockBackend *blk, bool is_read, int error);
/** blk_error_action: tell the observer (BLOCK_IO_ERROR, stop of the VM) what a device decided. */
void blk_error_action(BlockBackend *blk, BlockErrorAction action, bool is_read, int error);
void blk_iostatus_reset(BlockBackend *blk);
bool blk_iostatus_is_enabled(const BlockBackend *blk);
void blk_iostatus_enable(BlockBackend *blk);
/** "ok", "failed" or "nospace". */
const char *blk_iostatus(const BlockBackend *blk);

/** BlkErrorObserver: @is_read, @error (positive errno) and @action of a failed request. Main context. */
typedef void BlkErrorObserver(void *opaque, BlockBackend *blk, BlockErrorAction action, bool is_read, int error);
/** blk_set_error_observer: one per machine; NULL: none. */
void blk_set_error_observer(BlkErrorObserver *fn, void *opaque);

bool coroutine_mixed_fn blk_is_inserted(BlockBackend *blk);
/** blk_is_available: has a medium and the tray is closed. */
bool coroutine_mixed_fn blk_is_available(BlockBackend *blk);
bool blk_is_writable(BlockBackend *blk);
bool blk_supports_write_perm(BlockBackend *blk);
bool blk_is_sg(BlockBackend *blk);
bool blk_op_is_blocked(BlockBackend *blk, BlockOpType op, GError **errp) GRAPH_RDLOCK;
void blk_op_block(BlockBackend *blk, BlockOpType op, GError *reason);
void blk_op_unblock(BlockBackend *blk, BlockOpType op, GError *reason);
void blk_op_block_all(BlockBackend *blk, GError *reason);
void blk_op_unblock_all(BlockBackend *blk, GError *reason);
uint32_t blk_get_request_alignment(BlockBackend *blk);
uint32_t blk_get_max_transfer(BlockBackend *blk);
uint64_t blk_get_max_hw_transfer(BlockBackend *blk);
int blk_get_max_iov(BlockBackend *blk);
void *blk_blockalign(BlockBackend *blk, size_t size);
int blk_probe_blocksizes(BlockBackend *blk, BlockSizes *bsz);
BlockAcctStats *blk_get_stats(BlockBackend *blk);

/* ---- Contexts and drain ---- */

AioContext *blk_get_aio_context(BlockBackend *blk);
/** blk_set_aio_context: move the backend and its tree. GS; drains. 0 or -errno with @errp. */
int blk_set_aio_context(BlockBackend *blk, AioContext *new_context, GError **errp) GRAPH_UNLOCKED;
void blk_add_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *new_context, void *opaque),
                                  void (*detach)(void *opaque), void *opaque);
void blk_remove_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                     void (*detach)(void *), void *opaque);
/** blk_drain: wait until nothing of this backend is in flight. GS; polls. */
void blk_drain(BlockBackend *blk);
/** blk_drain_all: the same for all nodes and backends. GS; polls the main context. */
void blk_drain_all(void);
void blk_drained_begin(BlockBackend *blk);
void blk_drained_end(BlockBackend *blk);
bool blk_in_drain(BlockBackend *blk);
void blk_inc_in_flight(BlockBackend *blk);
void blk_dec_in_flight(BlockBackend *blk);

/* ---- I/O. 0 or -errno; -ENOMEDIUM without a medium; -EIO out of range. ---- */

int coroutine_mixed_fn blk_pread(BlockBackend *blk, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags)
    G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf,
                                  BdrvRequestFlags flags) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                  BdrvRequestFlags flags) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                   BdrvRequestFlags flags) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
    G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_pwrite_compressed(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf)
    G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_flush(BlockBackend *blk) G_GNUC_WARN_UNUSED_RESULT;
int coroutine_mixed_fn blk_truncate(BlockBackend *blk, int64_t offset, bool exact, PreallocMode prealloc,
                                    BdrvRequestFlags flags, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
int64_t coroutine_mixed_fn blk_getlength(BlockBackend *blk);
int64_t coroutine_mixed_fn blk_nb_sectors(BlockBackend *blk);
/** blk_make_zero: write zeroes over the whole medium. */
int blk_make_zero(BlockBackend *blk, BdrvRequestFlags flags) GRAPH_UNLOCKED;
int blk_save_vmstate(BlockBackend *blk, const uint8_t *buf, int64_t pos, int size);
int blk_load_vmstate(BlockBackend *blk, uint8_t *buf, int64_t pos, int size);

int coroutine_fn blk_co_pread(BlockBackend *blk, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags);
int coroutine_fn blk_co_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf,
                               BdrvRequestFlags flags);
int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags);
int coroutine_fn blk_co_preadv_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                    size_t qiov_offset, BdrvRequestFlags flags);
int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags);
int coroutine_fn blk_co_pwritev_part(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags);
int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags);
int coroutine_fn blk_co_pwrite_compressed(BlockBackend *blk, int64_t offset, int64_t bytes, const void *buf);
int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
int coroutine_fn blk_co_flush(BlockBackend *blk);
int coroutine_fn blk_co_truncate(BlockBackend *blk, int64_t offset, bool exact, PreallocMode prealloc,
                                 BdrvRequestFlags flags, GError **errp);
int64_t coroutine_fn blk_co_getlength(BlockBackend *blk);
int64_t coroutine_fn blk_co_nb_sectors(BlockBackend *blk);
bool coroutine_fn blk_co_is_inserted(BlockBackend *blk) GRAPH_RDLOCK;
bool coroutine_fn blk_co_is_available(BlockBackend *blk) GRAPH_RDLOCK;

/* Callback style. @cb runs in the context that was current at submission, never inside the submitting call. */
BlockAIOCB *blk_aio_preadv(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov, BdrvRequestFlags flags,
                           BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pwritev(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov, BdrvRequestFlags flags,
                            BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                                  BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes, BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque);
/** blk_abort_aio_request: complete with @ret (-errno) from a bottom half, counted in flight until then. */
BlockAIOCB *blk_abort_aio_request(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque, int ret);
/** blk_aio_cancel_async: ask; the completion still comes. blk_aio_cancel: and wait for it (polls). */
void blk_aio_cancel_async(BlockAIOCB *acb);
void blk_aio_cancel(BlockAIOCB *acb);

/* ---- -drive: backend and node in one. GS ---- */

typedef enum BlockInterfaceType {
    IF_DEFAULT = -1,
    IF_NONE = 0,
    IF_IDE,
    IF_SCSI,
    IF_FLOPPY,
    IF_PFLASH,
    IF_MTD,
    IF_SD,
    IF_VIRTIO,
    IF_XEN,
    IF_COUNT,
} BlockInterfaceType;

typedef struct DriveInfo {
    BlockInterfaceType type;
    int bus;
    int unit;
    bool media_cd;
    bool is_default;
    char *serial;
} DriveInfo;

/**
 * drive_new: open what "-drive @text" says. @block_default_type: for drives without if=.
 * The backend is owned by the monitor and named by id= ("ide0-hd0" style otherwise).
 */
DriveInfo *drive_new(const char *text, BlockInterfaceType block_default_type, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
DriveInfo *drive_new_opts(QDict *options, BlockInterfaceType block_default_type, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
DriveInfo *drive_get(BlockInterfaceType type, int bus, int unit);
DriveInfo *drive_get_by_index(BlockInterfaceType type, int index);
DriveInfo *blk_legacy_dinfo(BlockBackend *blk);
BlockBackend *blk_by_legacy_dinfo(DriveInfo *dinfo);
const char *drive_if_name(BlockInterfaceType type);
/** drive_set_ide_units_per_bus: 1 or 2, before the first drive; how index= of an IDE drive becomes bus and unit. */
void drive_set_ide_units_per_bus(int units);

/** bdrv_query_all: BlockInfo list of query-block. bdrv_query_stats_all: query-blockstats. Caller puts them. */
json_object *bdrv_query_all(GError **errp) GRAPH_RDLOCK;
json_object *bdrv_query_stats_all(void) GRAPH_RDLOCK;

#endif
