/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes: the graph (opening, attaching, permissions, draining, activation) and I/O on children.
 *
 * Contexts. "GS": main context with the BQL (asserted). "CO": a coroutine in the node's context holding the graph
 * reader lock. Mixed: both; outside coroutines they poll. Functions that change the graph poll and are never called
 * in coroutines unless their name says so.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "aio/aio.h"
#include "aio/aiocb.h"
#include "aio/coroutine.h"
#include "aio/wait.h"
#include "base/queue.h"
#include "block/block_common.h"
#include "block/snapshot.h"
#include "sched/machine.h"

/* ---- Life of the block layer of one machine. GS. ---- */

/** bdrv_init: create MACHINE_BLOCK and MACHINE_JOB state. After qemu_init_main_loop(). */
void bdrv_init(void);
/** bdrv_close_all: cancel jobs, drop the monitor's references to nodes and backends. Polls. Nothing may be left. */
void bdrv_close_all(void) GRAPH_UNLOCKED;
/** bdrv_cleanup: bdrv_close_all() and free the state. */
void bdrv_cleanup(void) GRAPH_UNLOCKED;

/* ---- Drivers ---- */

const BlockDriver *bdrv_find_format(const char *format_name);
/** bdrv_find_protocol: the driver of "proto:..." or of a plain path (file). */
const BlockDriver *bdrv_find_protocol(const char *filename, bool allow_protocol_prefix, GError **errp);
/** bdrv_iterate_format: call @it for each driver name, in order of the table. */
void bdrv_iterate_format(void (*it)(void *opaque, const char *name), void *opaque);
const char *bdrv_get_format_name(BlockDriverState *bs);
bool bdrv_is_format(const BlockDriverState *bs);
/** path_has_protocol: does @path begin with "word:" before any slash? */
bool path_has_protocol(const char *path);
bool path_is_absolute(const char *path);
/** path_combine: @filename relative to the directory of @base_path. Caller g_free()s. */
char *path_combine(const char *base_path, const char *filename);

/* ---- Open and close. GS, not in coroutines; they poll. ---- */

/**
 * bdrv_open: the one way in. @filename: path, "proto:...", "json:{...}" or NULL. @reference: name of an existing
 * node or NULL. @options: consumed, NULL allowed. @flags: BDRV_O_*.
 * Returns a reference, NULL with @errp.
 */
BlockDriverState *bdrv_open(const char *filename, const char *reference, QDict *options, int flags, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_co_open: the same from a coroutine: the work runs in a bottom half of the main context. */
BlockDriverState *coroutine_fn bdrv_co_open(const char *filename, const char *reference, QDict *options, int flags,
                                            GError **errp) GRAPH_UNLOCKED;
/** bds_tree_init: bdrv_open for blockdev-add: @bs_opts consumed; node-name is required there by the caller. */
BlockDriverState *bds_tree_init(QDict *bs_opts, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_new_open_driver: a node of a driver that needs no filename. @node_name NULL: a generated "#block" name. */
BlockDriverState *bdrv_new_open_driver(const BlockDriver *drv, const char *node_name, int flags, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_new_open_driver_opts: the same with @options (consumed). */
BlockDriverState *bdrv_new_open_driver_opts(const BlockDriver *drv, const char *node_name, QDict *options, int flags,
                                            GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_insert_node: open a node from @node_options (consumed; "driver" required) and put it above @bs. */
BlockDriverState *bdrv_insert_node(BlockDriverState *bs, QDict *node_options, int flags, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;

void bdrv_ref(BlockDriverState *bs);
/** bdrv_unref: the last reference closes the node: drains, flushes, polls. NULL is fine. */
void bdrv_unref(BlockDriverState *bs) GRAPH_UNLOCKED;
/** bdrv_co_unref: from a coroutine. */
void coroutine_fn bdrv_co_unref(BlockDriverState *bs) GRAPH_UNLOCKED;
/** bdrv_schedule_unref: drop a reference under the writer lock; done by the time bdrv_graph_wrunlock() returns. */
void bdrv_schedule_unref(BlockDriverState *bs);

/* ---- Looking around. GS unless noted. ---- */

BlockDriverState *bdrv_find_node(const char *node_name);
/** bdrv_lookup_bs: by @device (backend name) or @node_name, either may be NULL. Borrowed. */
BlockDriverState *bdrv_lookup_bs(const char *device, const char *node_name, GError **errp);
/** bdrv_next_node: nodes with a name, in order of creation; start with NULL. Borrowed. */
BlockDriverState *bdrv_next_node(BlockDriverState *bs);
BlockDriverState *bdrv_next_all_states(BlockDriverState *bs);
const char *bdrv_get_node_name(const BlockDriverState *bs);
/** bdrv_get_device_name: name of the backend on top, "" if none. */
const char *bdrv_get_device_name(const BlockDriverState *bs) GRAPH_RDLOCK;
const char *bdrv_get_device_or_node_name(const BlockDriverState *bs) GRAPH_RDLOCK;

typedef struct BdrvNextIterator {
    int phase;
    BlockBackend *blk;
    BlockDriverState *bs;
} BdrvNextIterator;
/**
 * bdrv_first / bdrv_next: every root that a guest or the monitor sees, once. The iterator holds a reference on the
 * current one; leave early only through bdrv_next_cleanup().
 */
BlockDriverState *bdrv_first(BdrvNextIterator *it) GRAPH_RDLOCK;
BlockDriverState *bdrv_next(BdrvNextIterator *it) GRAPH_RDLOCK;
void bdrv_next_cleanup(BdrvNextIterator *it);

bool bdrv_is_read_only(BlockDriverState *bs);
bool bdrv_is_writable(BlockDriverState *bs) GRAPH_RDLOCK;
bool bdrv_is_sg(BlockDriverState *bs);
bool bdrv_has_blk(BlockDriverState *bs) GRAPH_RDLOCK;
bool bdrv_is_root_node(BlockDriverState *bs) GRAPH_RDLOCK;
bool bdrv_supports_persistent_dirty_bitmap(BlockDriverState *bs);
bool bdrv_chain_contains(BlockDriverState *top, BlockDriverState *base) GRAPH_RDLOCK;
BlockDriverState *bdrv_find_backing_image(BlockDriverState *bs, const char *backing_file) GRAPH_RDLOCK;
int bdrv_get_backing_file_depth(BlockDriverState *bs) GRAPH_RDLOCK;
void bdrv_refresh_filename(BlockDriverState *bs) GRAPH_RDLOCK;
/** bdrv_get_full_backing_filename: NULL without @errp if the image names none. Caller g_free()s. */
char *bdrv_get_full_backing_filename(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
void bdrv_get_backing_filename(BlockDriverState *bs, char *filename, int filename_size);
size_t bdrv_opt_mem_align(BlockDriverState *bs) GRAPH_RDLOCK;
void *qemu_blockalign(BlockDriverState *bs, size_t size);
/** qemu_try_blockalign: NULL when there is no memory. Free with qemu_vfree(). */
void *qemu_try_blockalign(BlockDriverState *bs, size_t size);
void *qemu_try_blockalign0(BlockDriverState *bs, size_t size);
void qemu_vfree(void *ptr);

/* ---- Changing the graph. GS; not in coroutines. ---- */

/** bdrv_attach_child: takes over one reference to @child_bs, also on failure. */
BdrvChild *bdrv_attach_child(BlockDriverState *parent_bs, BlockDriverState *child_bs, const char *child_name,
                             const BdrvChildClass *child_class, BdrvChildRole child_role, GError **errp)
    GRAPH_WRLOCK G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_root_attach_child: for parents that are not nodes. Takes over one reference to @child_bs. */
BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs, const char *child_name,
                                  const BdrvChildClass *child_class, BdrvChildRole child_role, uint64_t perm,
                                  uint64_t shared_perm, void *opaque, GError **errp)
    GRAPH_WRLOCK G_GNUC_WARN_UNUSED_RESULT;
void bdrv_root_unref_child(BdrvChild *child) GRAPH_WRLOCK;
/** bdrv_unref_child: detach; the reference is dropped with bdrv_schedule_unref(). NULL is fine. */
void bdrv_unref_child(BlockDriverState *parent, BdrvChild *child) GRAPH_WRLOCK;
/** bdrv_append: @bs_new (without backing) goes above @bs_top; parents of @bs_top move to it. */
int bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_replace_node(BlockDriverState *from, BlockDriverState *to, GError **errp)
    GRAPH_WRLOCK G_GNUC_WARN_UNUSED_RESULT;
int bdrv_replace_child_bs(BdrvChild *child, BlockDriverState *new_bs, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_drop_filter(BlockDriverState *bs, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** bdrv_set_backing_hd: @backing_hd NULL: none. Drains @bs, takes the writer lock. */
int bdrv_set_backing_hd(BlockDriverState *bs, BlockDriverState *backing_hd, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_set_backing_hd_drained(BlockDriverState *bs, BlockDriverState *backing_hd, GError **errp)
    GRAPH_WRLOCK G_GNUC_WARN_UNUSED_RESULT;
int bdrv_open_backing_file(BlockDriverState *bs, QDict *parent_options, const char *bdref_key, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_child_try_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared, GError **errp)
    GRAPH_RDLOCK G_GNUC_WARN_UNUSED_RESULT;
int bdrv_child_refresh_perms(BlockDriverState *bs, BdrvChild *c, GError **errp) GRAPH_RDLOCK;
/** bdrv_get_cumulative_perm: what the parents of @bs need together, and what all of them share. */
void bdrv_get_cumulative_perm(BlockDriverState *bs, uint64_t *perm, uint64_t *shared_perm) GRAPH_RDLOCK;
/** bdrv_perm_names: "write, resize" etc. Caller g_free()s. */
char *bdrv_perm_names(uint64_t perm);
int bdrv_freeze_backing_chain(BlockDriverState *bs, BlockDriverState *base, GError **errp) GRAPH_RDLOCK;
void bdrv_unfreeze_backing_chain(BlockDriverState *bs, BlockDriverState *base) GRAPH_RDLOCK;

/* Blockers: reasons why an operation on a node is refused. @reason stays the caller's and is compared by address. */
bool bdrv_op_is_blocked(BlockDriverState *bs, BlockOpType op, GError **errp) GRAPH_RDLOCK;
void bdrv_op_block(BlockDriverState *bs, BlockOpType op, GError *reason);
void bdrv_op_unblock(BlockDriverState *bs, BlockOpType op, GError *reason);
void bdrv_op_block_all(BlockDriverState *bs, GError *reason);
void bdrv_op_unblock_all(BlockDriverState *bs, GError *reason);
bool bdrv_op_blocker_is_empty(BlockDriverState *bs);

/* ---- Reopen. GS ---- */

typedef struct BlockReopenQueue BlockReopenQueue;
/** bdrv_reopen_queue: add @bs and its inherited children. @q NULL: a new queue. @options consumed. */
BlockReopenQueue *bdrv_reopen_queue(BlockReopenQueue *q, BlockDriverState *bs, QDict *options, bool keep_old_opts)
    GRAPH_UNLOCKED;
/** bdrv_reopen_multiple: all or nothing; frees the queue. Drains everything meanwhile. */
int bdrv_reopen_multiple(BlockReopenQueue *q, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_reopen(BlockDriverState *bs, QDict *opts, bool keep_old_opts, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
int bdrv_reopen_set_read_only(BlockDriverState *bs, bool read_only, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;

/* ---- Activation (R13). GS ---- */

/** bdrv_activate: become the owner of the image again: permissions, caches, then parents. Already active: nothing. */
int bdrv_activate(BlockDriverState *bs, GError **errp) GRAPH_UNLOCKED;
int coroutine_fn bdrv_co_invalidate_cache(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
void bdrv_activate_all(GError **errp) GRAPH_UNLOCKED;
/** bdrv_inactivate: blockdev-set-active off. Users that are not nodes must allow it. */
int bdrv_inactivate(BlockDriverState *bs, GError **errp) GRAPH_UNLOCKED;
/** bdrv_inactivate_all: flush and give away every image; nodes on top that are inactive already are skipped. */
int bdrv_inactivate_all(void) GRAPH_UNLOCKED;
bool bdrv_is_inactive(BlockDriverState *bs);

/* ---- Contexts. GS; bdrv_get_aio_context: any thread that keeps the node from moving. ---- */

AioContext *bdrv_get_aio_context(BlockDriverState *bs);
AioContext *bdrv_child_get_parent_aio_context(BdrvChild *c);
/** bdrv_try_change_aio_context: move @bs and everything connected. Drains. All or nothing. */
int bdrv_try_change_aio_context(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child, GError **errp)
    GRAPH_UNLOCKED;
/** bdrv_co_enter: run @co in the node's context. */
void bdrv_co_enter(BlockDriverState *bs, Coroutine *co);
/** bdrv_co_reschedule: hop to the node's context; returns where we were, for bdrv_co_leave(). */
AioContext *coroutine_fn bdrv_co_move_to_aio_context(BlockDriverState *bs);
void coroutine_fn bdrv_co_leave(BlockDriverState *bs, AioContext *old_ctx);

/* ---- Drain (R11). Begin polls unless it says not; begin and end nest. ---- */

/** bdrv_drained_begin: no new requests reach @bs from its parents, and none is in flight. From coroutines via a BH. */
void coroutine_mixed_fn bdrv_drained_begin(BlockDriverState *bs);
/** bdrv_do_drained_begin_quiesce: raise the counter and tell parents, without waiting. */
void bdrv_do_drained_begin_quiesce(BlockDriverState *bs, BdrvChild *parent);
void coroutine_mixed_fn bdrv_drained_end(BlockDriverState *bs);
/** bdrv_drain_poll: is something in flight in @bs or its parents (except @ignore_parent)? */
bool bdrv_drain_poll(BlockDriverState *bs, BdrvChild *ignore_parent, bool ignore_bds_parents);
bool bdrv_drain_all_poll(void);
void coroutine_mixed_fn bdrv_drain_all_begin(void);
void bdrv_drain_all_begin_nopoll(void);
void coroutine_mixed_fn bdrv_drain_all_end(void);
/** bdrv_drain_all_end_quiesce: undo drain_all for a node that leaves the machine. */
void bdrv_drain_all_end_quiesce(BlockDriverState *bs);
void coroutine_mixed_fn bdrv_drain_all(void);
/** bdrv_drained_begin of one parent through its child link. */
void bdrv_parent_drained_begin_single(BdrvChild *c);
void bdrv_parent_drained_end_single(BdrvChild *c);

/* ---- I/O on a child ---- */

/* Mixed: outside coroutines they poll. 0 or -errno. Offsets and lengths in bytes. */
int coroutine_mixed_fn bdrv_pread(BdrvChild *child, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags);
int coroutine_mixed_fn bdrv_pwrite(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                   BdrvRequestFlags flags);
int coroutine_mixed_fn bdrv_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes, BdrvRequestFlags flags);
/** bdrv_pwrite_sync: write and flush. */
int coroutine_mixed_fn bdrv_pwrite_sync(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                        BdrvRequestFlags flags);
int coroutine_mixed_fn bdrv_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_mixed_fn bdrv_truncate(BdrvChild *child, int64_t offset, bool exact, PreallocMode prealloc,
                                     BdrvRequestFlags flags, GError **errp);
int coroutine_mixed_fn bdrv_flush(BlockDriverState *bs);
int64_t coroutine_mixed_fn bdrv_getlength(BlockDriverState *bs);
int64_t coroutine_mixed_fn bdrv_nb_sectors(BlockDriverState *bs);
int64_t coroutine_mixed_fn bdrv_get_allocated_file_size(BlockDriverState *bs);
int coroutine_mixed_fn bdrv_get_info(BlockDriverState *bs, BlockDriverInfo *bdi);
int coroutine_mixed_fn bdrv_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix);
int coroutine_mixed_fn bdrv_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum,
                                         int64_t *map, BlockDriverState **file);
int coroutine_mixed_fn bdrv_block_status_above(BlockDriverState *bs, BlockDriverState *base, int64_t offset,
                                               int64_t bytes, int64_t *pnum, int64_t *map, BlockDriverState **file);
int coroutine_mixed_fn bdrv_is_allocated(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum);
int coroutine_mixed_fn bdrv_is_allocated_above(BlockDriverState *bs, BlockDriverState *base, bool include_base,
                                               int64_t offset, int64_t bytes, int64_t *pnum);
int coroutine_mixed_fn bdrv_change_backing_file(BlockDriverState *bs, const char *backing_file,
                                                const char *backing_fmt, bool require);
/** bdrv_flush_all: every root; returns the first error but flushes all. */
int bdrv_flush_all(void) GRAPH_UNLOCKED;
int bdrv_has_zero_init(BlockDriverState *bs) GRAPH_RDLOCK;

/** bdrv_writev_vmstate / bdrv_readv_vmstate: @pos bytes into the VM state area of @bs. 0 or -errno. */
int coroutine_mixed_fn bdrv_writev_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos);
int coroutine_mixed_fn bdrv_readv_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos);
int coroutine_mixed_fn bdrv_save_vmstate(BlockDriverState *bs, const uint8_t *buf, int64_t pos, int size);
int coroutine_mixed_fn bdrv_load_vmstate(BlockDriverState *bs, uint8_t *buf, int64_t pos, int size);

int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                 BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pread(BdrvChild *child, int64_t offset, int64_t bytes, void *buf, BdrvRequestFlags flags)
    GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pwrite(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pwrite_sync(BdrvChild *child, int64_t offset, int64_t bytes, const void *buf,
                                     BdrvRequestFlags flags) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
    GRAPH_RDLOCK;
int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_flush(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t offset, bool exact, PreallocMode prealloc,
                                  BdrvRequestFlags flags, GError **errp) GRAPH_RDLOCK;
/** bdrv_co_getlength: bytes, or -errno. */
int64_t coroutine_fn bdrv_co_getlength(BlockDriverState *bs) GRAPH_RDLOCK;
int64_t coroutine_fn bdrv_co_nb_sectors(BlockDriverState *bs) GRAPH_RDLOCK;
int64_t coroutine_fn bdrv_co_get_allocated_file_size(BlockDriverState *bs) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_get_info(BlockDriverState *bs, BlockDriverInfo *bdi) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum,
                                      int64_t *map, BlockDriverState **file) GRAPH_RDLOCK;
/** bdrv_co_block_status_above: status through the backing chain, down to but without @base (NULL: all of it). */
int coroutine_fn bdrv_co_block_status_above(BlockDriverState *bs, BlockDriverState *base, int64_t offset,
                                            int64_t bytes, int64_t *pnum, int64_t *map, BlockDriverState **file)
    GRAPH_RDLOCK;
/**
 * bdrv_co_common_block_status_above: the walk itself. @include_base: look at @base too. @depth: how many layers were
 * looked at (may be NULL).
 */
int coroutine_fn bdrv_co_common_block_status_above(BlockDriverState *bs, BlockDriverState *base, bool include_base,
                                                   bool want_zero, int64_t offset, int64_t bytes, int64_t *pnum,
                                                   int64_t *map, BlockDriverState **file, int *depth) GRAPH_RDLOCK;
/** bdrv_co_is_allocated: 1 if this layer determines the content, else 0, or -errno. */
int coroutine_fn bdrv_co_is_allocated(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum)
    GRAPH_RDLOCK;
int coroutine_fn bdrv_co_is_allocated_above(BlockDriverState *bs, BlockDriverState *base, bool include_base,
                                            int64_t offset, int64_t bytes, int64_t *pnum) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_is_zero_fast(BlockDriverState *bs, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_change_backing_file(BlockDriverState *bs, const char *backing_file, const char *backing_fmt,
                                             bool require) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_writev_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_readv_vmstate(BlockDriverState *bs, QEMUIOVector *qiov, int64_t pos) GRAPH_RDLOCK;
int coroutine_fn bdrv_co_delete_file(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;

/* ---- Creation. ---- */

/** bdrv_co_create: image of format @drv; @opts flat, consumed by the driver; unknown options are errors. */
int coroutine_fn bdrv_co_create(const BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
    GRAPH_UNLOCKED;
int coroutine_mixed_fn bdrv_create(const BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
    GRAPH_UNLOCKED;
/** bdrv_co_create_file: the protocol layer below an image: create the file for @filename ("size" in @opts). */
int coroutine_fn bdrv_co_create_file(const char *filename, QDict *opts, GError **errp) GRAPH_UNLOCKED;
int coroutine_mixed_fn bdrv_create_file(const char *filename, QDict *opts, GError **errp) GRAPH_UNLOCKED;

/* ---- Debug points (blkdebug). GS except debug_event ---- */
int bdrv_debug_breakpoint(BlockDriverState *bs, const char *event, const char *tag) GRAPH_RDLOCK;
int bdrv_debug_remove_breakpoint(BlockDriverState *bs, const char *tag) GRAPH_RDLOCK;
int bdrv_debug_resume(BlockDriverState *bs, const char *tag) GRAPH_RDLOCK;
bool bdrv_debug_is_suspended(BlockDriverState *bs, const char *tag) GRAPH_RDLOCK;
void coroutine_mixed_fn bdrv_debug_event(BlockDriverState *bs, const char *event);

/* ---- blockdev: what QMP and the command line share. GS ---- */

/** bdrv_set_incoming: from now on, nodes that are opened start inactive (incoming migration), or active again. */
void bdrv_set_incoming(bool incoming);
bool bdrv_incoming(void);

/** blockdev_add: open a node from @options (consumed) that the monitor owns. */
bool blockdev_add(QDict *options, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
bool blockdev_del(const char *node_name, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** blockdev_reopen: @options consumed; "node-name" names the node; options left out go back to their defaults. */
bool blockdev_reopen(QDict *options, GError **errp) GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;
/** blockdev_set_active: @node_name NULL: all nodes. */
bool blockdev_set_active(const char *node_name, bool active, GError **errp)
    GRAPH_UNLOCKED G_GNUC_WARN_UNUSED_RESULT;

/* ---- Information for query commands. GS; the caller frees with json_object_put(). ---- */

/** bdrv_query_node: BlockDeviceInfo of the schema. @with_image: include ImageInfo. */
json_object *bdrv_query_node(BlockDriverState *bs, bool with_image, GError **errp) GRAPH_RDLOCK;
/** bdrv_query_image_info: ImageInfo ("qemu-img info"); @chain: with backing-image. */
json_object *bdrv_query_image_info(BlockDriverState *bs, bool chain, GError **errp) GRAPH_RDLOCK;
/** bdrv_get_specific_info: the driver's part. */
json_object *bdrv_get_specific_info(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;

/* ---- Transactions: steps that are committed or taken back together. GS ---- */

typedef struct TransactionActionDrv {
    void (*abort)(void *opaque);
    void (*commit)(void *opaque);
    void (*clean)(void *opaque);
} TransactionActionDrv;

Transaction *tran_new(void);
/** tran_add: on abort the steps are undone last first; on commit done first to last; clean runs in either case. */
void tran_add(Transaction *tran, const TransactionActionDrv *drv, void *opaque);
void tran_abort(Transaction *tran);
void tran_commit(Transaction *tran);
static inline void tran_finalize(Transaction *tran, int ret)
{
    if (ret < 0) {
        tran_abort(tran);
    } else {
        tran_commit(tran);
    }
}

#endif
