/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What drivers and the core of the block layer share: the driver's table of operations, nodes, children, limits,
 * tracked requests. Users of nodes include block/block.h or block/backend.h instead.
 *
 * Only block/dispatch.c calls the I/O slots of a driver; open, close and permission slots are called from the file
 * that owns that step (open.c, close.c, perm.c, reopen.c, activate.c).
 */
#ifndef BLOCK_BLOCK_INT_H
#define BLOCK_BLOCK_INT_H

#include "aio/aio.h"
#include "aio/co_locks.h"
#include "base/assert.h"
#include "block/block.h"

typedef enum BdrvTrackedRequestType {
    BDRV_TRACKED_READ,
    BDRV_TRACKED_WRITE,
    BDRV_TRACKED_DISCARD,
    BDRV_TRACKED_TRUNCATE,
} BdrvTrackedRequestType;

/* One request between entry of the node and its completion. Lives on the stack of its coroutine. */
typedef struct BdrvTrackedRequest {
    BlockDriverState *bs;
    int64_t offset;                 /* as asked for, bytes */
    int64_t bytes;
    BdrvTrackedRequestType type;
    bool serialising;
    int64_t overlap_offset;         /* what it conflicts on: grown to the alignment when serialising */
    int64_t overlap_bytes;
    QLIST_ENTRY(BdrvTrackedRequest) list;
    Coroutine *co;                  /* owner, to detect deadlocks */
    CoQueue wait_queue;             /* coroutines blocked on this request */
    struct BdrvTrackedRequest *waiting_for;
} BdrvTrackedRequest;

typedef struct BlockLimits {
    uint32_t request_alignment;     /* power of two, >= 1: every request the driver sees is a multiple */
    int64_t max_pdiscard;           /* 0: no limit */
    uint32_t pdiscard_alignment;    /* 0 or a multiple of request_alignment */
    int64_t max_pwrite_zeroes;
    uint32_t pwrite_zeroes_alignment;
    uint32_t opt_transfer;
    uint32_t max_transfer;
    uint64_t max_hw_transfer;
    int max_hw_iov;
    size_t min_mem_alignment;
    size_t opt_mem_alignment;
    int max_iov;
    bool has_variable_length;
} BlockLimits;

typedef struct BdrvOpBlocker BdrvOpBlocker;
typedef struct BDRVReopenState BDRVReopenState;

/* ---- Children ---- */

/* What a kind of parent (node, BlockBackend, job) does when something happens to its child. */
struct BdrvChildClass {
    bool stay_at_node;              /* the parent keeps its child when a node is replaced by another */
    bool parent_is_bds;

    void (*inherit_options)(BdrvChildRole role, bool parent_is_format, int *child_flags, QDict *child_options,
                            int parent_flags, QDict *parent_options);
    void (*resize)(BdrvChild *child);
    /** Name of the parent that owns the child as users know it, or NULL. Borrowed. */
    const char *(*get_name)(BdrvChild *child);
    AioContext *(*get_parent_aio_context)(BdrvChild *child);
    /** "node 'x'", "block device 'y'", "block job 'z'". Caller g_free()s. */
    char *(*get_parent_desc)(BdrvChild *child);
    void (*attach)(BdrvChild *child);
    void (*detach)(BdrvChild *child);
    /* Drain. begin and end must not poll; poll: true while the parent may still send requests. */
    void (*drained_begin)(BdrvChild *child);
    void (*drained_end)(BdrvChild *child);
    bool (*drained_poll)(BdrvChild *child);
    /* Called when the child's node becomes active or is about to become inactive. */
    bool (*activate)(BdrvChild *child, GError **errp);
    int (*inactivate)(BdrvChild *child);
    bool (*change_aio_ctx)(BdrvChild *child, AioContext *ctx, GHashTable *visited, Transaction *tran, GError **errp);
};

extern const BdrvChildClass child_of_bds;

struct BdrvChild {
    BlockDriverState *bs;
    char *name;                     /* "file", "backing", "root"; owned */
    const BdrvChildClass *klass;
    BdrvChildRole role;
    void *opaque;                   /* the parent */
    uint64_t perm;                  /* what the parent needs */
    uint64_t shared_perm;           /* what the parent tolerates from others */
    bool frozen;                    /* the link must not change */
    bool quiesced_parent;           /* drained_begin was called for the parent (once per child) */
    QLIST_ENTRY(BdrvChild) next;        /* siblings: bs->children of the parent */
    QLIST_ENTRY(BdrvChild) next_parent; /* bs->parents of the child */
};

/* ---- Drivers ---- */

struct BlockDriver {
    /* ---- fixed ---- */
    const char *format_name;
    const char *protocol_name;          /* "file:x" selects it; NULL: a format driver */
    size_t instance_size;               /* bs->opaque, zeroed */
    bool is_filter;
    bool is_format;
    bool filtered_child_is_backing;     /* filters: the child is "backing", else "file" */
    bool bdrv_needs_filename;
    bool supports_backing;
    bool has_variable_length;
    const BlockOptDesc *opts;           /* options of open; others are errors. May be NULL (none) */
    const BlockOptDesc *create_opts;
    const char *const *mutable_opts;    /* may change in reopen; ends with NULL */
    const char *const *strong_runtime_opts; /* decide about content: part of the json: filename; ends with NULL */

    /* ---- Global state: main loop, BQL, never in a coroutine ---- */

    /** Score 0..100: how sure are we that @buf (the first @buf_size bytes) is ours? Pure. */
    int (*bdrv_probe)(const uint8_t *buf, int buf_size, const char *filename);
    /** Turn a filename into options (without the "proto:" prefix if the driver strips it). */
    void (*bdrv_parse_filename)(const char *filename, QDict *options, GError **errp);
    /**
     * Open the node. Takes what it knows from @options (block_opts_take, or leaves them when opts is NULL);
     * what remains is reported as unknown. Opens children with bdrv_open_file_child / bdrv_open_child, may do I/O.
     * Returns 0 or -errno with @errp set.
     */
    int GRAPH_UNLOCKED_PTR (*bdrv_open)(BlockDriverState *bs, QDict *options, int flags, GError **errp);
    void (*bdrv_close)(BlockDriverState *bs);
    int GRAPH_UNLOCKED_PTR (*bdrv_reopen_prepare)(BDRVReopenState *state, GError **errp);
    void GRAPH_UNLOCKED_PTR (*bdrv_reopen_commit)(BDRVReopenState *state);
    void GRAPH_UNLOCKED_PTR (*bdrv_reopen_abort)(BDRVReopenState *state);
    /** Create an image. @opts: QEMU's image-creation options ("size", "backing_file", ...); unknown keys are errors. */
    int coroutine_fn GRAPH_UNLOCKED_PTR (*bdrv_co_create_opts)(BlockDriver *drv, const char *filename, QDict *opts,
                                                               GError **errp);
    /** blockdev-create: flat options with node references instead of a filename. */
    int coroutine_fn GRAPH_UNLOCKED_PTR (*bdrv_co_create)(QDict *opts, GError **errp);
    int (*bdrv_inactivate)(BlockDriverState *bs);
    /** Needs of the parent -> what it takes from and shares on child @c. @c NULL: a child about to be attached. */
    void (*bdrv_child_perm)(BlockDriverState *bs, BdrvChild *c, BdrvChildRole role, BDRVReopenState *reopen_queue,
                            uint64_t parent_perm, uint64_t parent_shared, uint64_t *nperm, uint64_t *nshared);
    /* Permissions of this node change: prepare (may fail), then commit or abort. For image locks. */
    int (*bdrv_check_perm)(BlockDriverState *bs, uint64_t perm, uint64_t shared, GError **errp);
    void (*bdrv_set_perm)(BlockDriverState *bs, uint64_t perm, uint64_t shared);
    void (*bdrv_abort_perm_update)(BlockDriverState *bs);
    /** Set limits in bs->bl (request_alignment is preset from the children). No polling, no wrapper calls. */
    void GRAPH_RDLOCK_PTR (*bdrv_refresh_limits)(BlockDriverState *bs, GError **errp);
    void GRAPH_RDLOCK_PTR (*bdrv_refresh_filename)(BlockDriverState *bs);
    int GRAPH_RDLOCK_PTR (*bdrv_probe_blocksizes)(BlockDriverState *bs, BlockSizes *bsz);
    BlockMeasureInfo *(*bdrv_measure)(QDict *opts, BlockDriverState *in_bs, GError **errp);
    /* Called with the node drained from the outside; must not poll. */
    void (*bdrv_drain_begin)(BlockDriverState *bs);
    void (*bdrv_drain_end)(BlockDriverState *bs);
    void (*bdrv_attach_aio_context)(BlockDriverState *bs, AioContext *new_context);
    void (*bdrv_detach_aio_context)(BlockDriverState *bs);
    /* Internal snapshots. The coroutine-free ones run in the main loop. */
    int GRAPH_RDLOCK_PTR (*bdrv_snapshot_create)(BlockDriverState *bs, QEMUSnapshotInfo *sn_info);
    int GRAPH_UNLOCKED_PTR (*bdrv_snapshot_goto)(BlockDriverState *bs, const char *snapshot_id);
    int GRAPH_RDLOCK_PTR (*bdrv_snapshot_delete)(BlockDriverState *bs, const char *snapshot_id, const char *name,
                                                 GError **errp);
    /** Returns the count and a g_new'ed array in *@psn_info, or -errno. */
    int GRAPH_RDLOCK_PTR (*bdrv_snapshot_list)(BlockDriverState *bs, QEMUSnapshotInfo **psn_info);
    int GRAPH_RDLOCK_PTR (*bdrv_snapshot_load_tmp)(BlockDriverState *bs, const char *snapshot_id, const char *name,
                                                   GError **errp);
    /* Debug points (blkdebug). Event names are those of block/block_events.h, as text. */
    int (*bdrv_debug_breakpoint)(BlockDriverState *bs, const char *event, const char *tag);
    int (*bdrv_debug_remove_breakpoint)(BlockDriverState *bs, const char *tag);
    int (*bdrv_debug_resume)(BlockDriverState *bs, const char *tag);
    bool (*bdrv_debug_is_suspended)(BlockDriverState *bs, const char *tag);
    /** Format-specific part of "qemu-img info": a JSON object, or NULL. Caller puts it. */
    json_object *GRAPH_RDLOCK_PTR (*bdrv_get_specific_info)(BlockDriverState *bs, GError **errp);
    bool (*bdrv_supports_persistent_dirty_bitmap)(BlockDriverState *bs);

    /* ---- I/O: coroutines in the node's context, reader lock held; 0 or -errno ---- */

    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_preadv)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                        QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_preadv_part)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                             QEMUIOVector *qiov, size_t qiov_offset,
                                                             BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_pwritev)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                         QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_pwritev_part)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                              QEMUIOVector *qiov, size_t qiov_offset,
                                                              BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_pwritev_compressed)(BlockDriverState *bs, int64_t offset,
                                                                    int64_t bytes, QEMUIOVector *qiov);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_pwrite_zeroes)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                               BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes);
    /**
     * Status of [offset, offset + bytes), aligned. Returns BDRV_BLOCK_* or -errno; *@pnum: how many bytes share it
     * (1..bytes); *@map and *@file when OFFSET_VALID or RAW. @want_zero false: be quick, DATA|ALLOCATED is enough.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_block_status)(BlockDriverState *bs, bool want_zero, int64_t offset,
                                                              int64_t bytes, int64_t *pnum, int64_t *map,
                                                              BlockDriverState **file);
    /* Flush: everything to the OS; from the OS to the disk. */
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_flush_to_os)(BlockDriverState *bs);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_flush_to_disk)(BlockDriverState *bs);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_truncate)(BlockDriverState *bs, int64_t offset, bool exact,
                                                          PreallocMode prealloc, BdrvRequestFlags flags,
                                                          GError **errp);
    int64_t coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_getlength)(BlockDriverState *bs);
    int64_t coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_get_allocated_file_size)(BlockDriverState *bs);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_get_info)(BlockDriverState *bs, BlockDriverInfo *bdi);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_check)(BlockDriverState *bs, BdrvCheckResult *result,
                                                       BdrvCheckMode fix);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_change_backing_file)(BlockDriverState *bs, const char *backing_file,
                                                                     const char *backing_fmt);
    void coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_invalidate_cache)(BlockDriverState *bs, GError **errp);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_save_vmstate)(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_load_vmstate)(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos);
    void coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_debug_event)(BlockDriverState *bs, const char *event);
    bool coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_is_inserted)(BlockDriverState *bs);
    int coroutine_fn GRAPH_RDLOCK_PTR (*bdrv_co_delete_file)(BlockDriverState *bs, GError **errp);
    /** Does a new image read as zeroes before anything was written? */
    int GRAPH_RDLOCK_PTR (*bdrv_has_zero_init)(BlockDriverState *bs);
};

/* ---- Nodes ---- */

QLIST_HEAD(BdrvChildList, BdrvChild);

struct BlockDriverState {
    SchedObject o;                  /* type "node", name node_name */

    /* ---- fixed after open, changed only by reopen with the node drained ---- */
    const BlockDriver *drv;         /* NULL: not open */
    void *opaque;                   /* the driver's, instance_size bytes */
    char node_name[32];
    char *filename;                 /* "" if it has none; owned */
    char *backing_file;             /* from the image's header; "" if none */
    char *auto_backing_file;        /* what would be opened for backing_file */
    char *backing_format;
    char *exact_filename;
    QDict *options;                 /* as they are in force, including defaults */
    QDict *explicit_options;        /* as the user gave them for this node */
    QDict *full_open_options;
    int open_flags;
    bool probed;                    /* the format was guessed from what the image begins with */
    bool force_share;
    bool implicit;
    bool monitor_owned;             /* blockdev-add holds one reference */
    bool sg;
    BdrvRequestFlags supported_read_flags;
    BdrvRequestFlags supported_write_flags;
    BdrvRequestFlags supported_zero_flags;
    BdrvRequestFlags supported_truncate_flags;
    BlockdevDetectZeroesOptions detect_zeroes;
    BlockLimits bl;
    int64_t total_bytes;            /* as the driver last said; see bdrv_refresh_total_sectors */

    /* ---- graph: BQL and writer lock to change, reader lock to look ---- */
    struct BdrvChildList GRAPH_RDLOCK_PTR children;
    struct BdrvChildList GRAPH_RDLOCK_PTR parents;
    BdrvChild *GRAPH_RDLOCK_PTR file;       /* one of children */
    BdrvChild *GRAPH_RDLOCK_PTR backing;    /* one of children */
    int refcnt;                     /* BQL */
    uint64_t cumulative_perm;       /* BQL; what all parents need together */
    uint64_t cumulative_shared_perm;
    BlockDriverState *inherits_from;
    BlockDriverState *open_parent;  /* while it is being opened: for whom */
    AioContext *aio_context;        /* BQL, node drained */
    QTAILQ_ENTRY(BlockDriverState) bs_list;     /* all nodes */
    QTAILQ_ENTRY(BlockDriverState) node_list;   /* nodes with a name */
    QTAILQ_ENTRY(BlockDriverState) monitor_list;
    QLIST_HEAD(, BdrvOpBlocker) op_blockers[BLOCK_OP_TYPE_MAX];

    /* ---- atomics: any thread; a choice point before each access ---- */
    unsigned in_flight;             /* requests and background work */
    unsigned serialising_in_flight;
    int quiesce_counter;            /* > 0: drained */
    int enable_write_cache;
    int copy_on_read;
    unsigned write_gen;             /* writes so far */
    int64_t wr_highest_offset;

    /* ---- locked by reqs_lock (never held while yielding) ---- */
    SchedMutex reqs_lock;
    QLIST_HEAD(, BdrvTrackedRequest) tracked_requests;
    CoQueue flush_queue;
    bool active_flush_req;
    unsigned flushed_gen;           /* write_gen that is known to be on disk */
};

/* ---- The core for drivers ---- */

/** bdrv_open_file_child: open the primary child "file" and set bs->file. Called from bdrv_open slots. Polls. */
bool bdrv_open_file_child(const char *filename, QDict *options, const char *bdref_key, BlockDriverState *parent,
                          GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/**
 * bdrv_open_child: open or reference the child whose options start with "@bdref_key." (or "@bdref_key" is a node
 * name) and attach it to @parent. @allow_none: no such option is not an error (returns NULL without @errp).
 */
BdrvChild *bdrv_open_child(const char *filename, QDict *options, const char *bdref_key, BlockDriverState *parent,
                           const BdrvChildClass *child_class, BdrvChildRole child_role, bool allow_none,
                           GError **errp) GRAPH_UNLOCKED;

/** bdrv_default_perms: bdrv_child_perm for filters and formats by role. */
void bdrv_default_perms(BlockDriverState *bs, BdrvChild *c, BdrvChildRole role, BDRVReopenState *reopen_queue,
                        uint64_t perm, uint64_t shared, uint64_t *nperm, uint64_t *nshared);

/** bdrv_refresh_limits: recompute bs->bl of one node. Never calls wrappers: it may run under the writer lock. */
bool bdrv_refresh_limits(BlockDriverState *bs, Transaction *tran, GError **errp) GRAPH_RDLOCK
    G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_refresh_total_sectors: ask the driver for the length again. */
int coroutine_fn bdrv_co_refresh_total_sectors(BlockDriverState *bs, int64_t hint) GRAPH_RDLOCK;

/* In-flight counting of background work of a node; keeps drains waiting. Any thread. */
void bdrv_inc_in_flight(BlockDriverState *bs);
void bdrv_dec_in_flight(BlockDriverState *bs);
/** bdrv_wakeup: something a drain of @bs waits for has changed. */
void bdrv_wakeup(BlockDriverState *bs);

/** bdrv_make_request_serialising: @req excludes overlapping requests, on @align (power of two), and waits for them. */
bool coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req, uint64_t align);
BdrvTrackedRequest *coroutine_fn bdrv_co_get_self_request(BlockDriverState *bs);

/** bdrv_co_debug_event / BLKDBG_CO_EVENT: tell a blkdebug child that the format driver passed point @event. */
void coroutine_fn bdrv_co_debug_event(BlockDriverState *bs, const char *event) GRAPH_RDLOCK;
/* @child: BdrvChild *, may be NULL. Event names without quotes: BLKDBG_CO_EVENT(bs->file, "l2_update"). */
#define BLKDBG_CO_EVENT(child, event)                       \
    do {                                                    \
        if (child) {                                        \
            bdrv_co_debug_event((child)->bs, (event));      \
        }                                                   \
    } while (0)
/* Outside coroutines: only tells when nothing can be suspended. */
#define BLKDBG_EVENT(child, event)                          \
    do {                                                    \
        if (child) {                                        \
            bdrv_debug_event((child)->bs, (event));         \
        }                                                   \
    } while (0)

/* Children by purpose. */
static inline BdrvChild *bdrv_cow_child(BlockDriverState *bs) GRAPH_RDLOCK;
BdrvChild *bdrv_filter_child(BlockDriverState *bs) GRAPH_RDLOCK;
BdrvChild *bdrv_filter_or_cow_child(BlockDriverState *bs) GRAPH_RDLOCK;
BdrvChild *bdrv_primary_child(BlockDriverState *bs) GRAPH_RDLOCK;

static inline BdrvChild *bdrv_cow_child(BlockDriverState *bs)
{
    if (!bs || !bs->drv || !bs->backing || bs->drv->is_filter) {
        return NULL;
    }
    return bs->backing;
}

static inline BlockDriverState *child_bs(BdrvChild *child)
{
    return child ? child->bs : NULL;
}

BlockDriverState *bdrv_cow_bs(BlockDriverState *bs) GRAPH_RDLOCK;
BlockDriverState *bdrv_filter_bs(BlockDriverState *bs) GRAPH_RDLOCK;
BlockDriverState *bdrv_filter_or_cow_bs(BlockDriverState *bs) GRAPH_RDLOCK;
BlockDriverState *bdrv_primary_bs(BlockDriverState *bs) GRAPH_RDLOCK;
BlockDriverState *bdrv_skip_filters(BlockDriverState *bs) GRAPH_RDLOCK;
BlockDriverState *bdrv_backing_chain_next(BlockDriverState *bs) GRAPH_RDLOCK;

/* The table of drivers (drivers/table.c): one line per driver. Ends with NULL. */
extern const BlockDriver *const bdrv_driver_table[];
/**
 * bdrv_probe_all: the driver that is surest that an image with these first @buf_size bytes is its own; NULL if none is.
 * @filename may be NULL. The format of an image that names none is guessed from BDRV_PROBE_BUF_SIZE bytes.
 */
const BlockDriver *bdrv_probe_all(const uint8_t *buf, int buf_size, const char *filename);
#define BDRV_PROBE_BUF_SIZE 512

/* ---- Reopen ---- */
struct BDRVReopenState {
    BlockDriverState *bs;
    int flags;
    BlockdevDetectZeroesOptions detect_zeroes;
    bool backing_missing;
    QDict *options;
    QDict *explicit_options;
    void *opaque;                   /* the driver's */
};

/** bdrv_check_request: -EIO for offsets and lengths that are negative or beyond BDRV_MAX_LENGTH. Pure. */
int bdrv_check_request(int64_t offset, int64_t bytes, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
int bdrv_check_qiov_request(int64_t offset, int64_t bytes, QEMUIOVector *qiov, size_t qiov_offset, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
