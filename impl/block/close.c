/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closing nodes, and everything that the monitor owns; limits of nodes; commands that add and remove nodes.
 *
 * Context: main, BQL. I1: a node is closed drained, flushed and without parents.
 */
#include "block/state.h"
#include "aio/main_loop.h"
#include "base/bytes.h"
#include "block/job.h"

void bdrv_close(BlockDriverState *bs)
{
    BdrvChild *c, *next;

    GLOBAL_STATE_CODE();
    assert(!bs->refcnt);
    bdrv_drained_begin(bs);
    if (bs->drv) {
        (void)bdrv_flush(bs);           /* the last chance; whoever needed to know has flushed before */
        if (bs->drv->bdrv_close) {
            bs->drv->bdrv_close(bs);
        }
    }
    bdrv_graph_wrlock();
    QLIST_FOREACH_SAFE(c, &bs->children, next, next) {
        bdrv_unref_child(bs, c);
    }
    assert(!bs->backing && !bs->file);
    bdrv_graph_wrunlock();
    bs->drv = NULL;
    g_clear_pointer(&bs->opaque, g_free);
    assert(QLIST_EMPTY(&bs->tracked_requests));
    bdrv_drain_all_end_quiesce(bs);
}

void bdrv_close_all(void)
{
    BlockState *s = block_state();

    GLOBAL_STATE_CODE();
    job_cancel_sync_all();
    bdrv_drain_all();
    blk_remove_all_bs();
    blockdev_close_all_bdrv_states();
    /* References dropped by bottom halves. */
    while (aio_poll(qemu_get_aio_context(), false)) {
        continue;
    }
    assert(QTAILQ_EMPTY(&s->all_nodes));
}

/* ---- Limits ---- */

static void limits_of_child(BlockLimits *dst, const BlockLimits *src)
{
    dst->opt_transfer = MAX(dst->opt_transfer, src->opt_transfer);
    if (src->max_transfer) {
        dst->max_transfer = dst->max_transfer ? MIN(dst->max_transfer, src->max_transfer) : src->max_transfer;
    }
    dst->opt_mem_alignment = MAX(dst->opt_mem_alignment, src->opt_mem_alignment);
    dst->min_mem_alignment = MAX(dst->min_mem_alignment, src->min_mem_alignment);
    if (src->max_iov) {
        dst->max_iov = dst->max_iov ? MIN(dst->max_iov, src->max_iov) : src->max_iov;
    }
}

typedef struct RefreshLimits {
    BlockDriverState *bs;
    BlockLimits old;
} RefreshLimits;

static void refresh_limits_abort(void *opaque)
{
    RefreshLimits *s = opaque;

    s->bs->bl = s->old;
}

static const TransactionActionDrv refresh_limits_drv = {
    .abort = refresh_limits_abort,
    .clean = g_free,
};

bool bdrv_refresh_limits(BlockDriverState *bs, Transaction *tran, GError **errp)
{
    const BlockDriver *drv = bs->drv;
    GError *err = NULL;
    bool have_limits = false;
    BdrvChild *c;

    GLOBAL_STATE_CODE();
    if (tran) {
        RefreshLimits *s = g_new(RefreshLimits, 1);

        *s = (RefreshLimits){ bs, bs->bl };
        tran_add(tran, &refresh_limits_drv, s);
    }
    bs->bl = (BlockLimits){ 0 };
    if (!drv) {
        return true;
    }
    bs->bl.request_alignment = 1;
    bs->bl.has_variable_length = drv->has_variable_length;
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->role & (BDRV_CHILD_DATA | BDRV_CHILD_FILTERED | BDRV_CHILD_COW)) {
            limits_of_child(&bs->bl, &c->bs->bl);
            have_limits = true;
        }
        if (c->role & BDRV_CHILD_FILTERED) {
            bs->bl.has_variable_length |= c->bs->bl.has_variable_length;
            bs->bl.request_alignment = MAX(bs->bl.request_alignment, c->bs->bl.request_alignment);
        }
    }
    if (!have_limits) {
        bs->bl.min_mem_alignment = 512;
        bs->bl.opt_mem_alignment = 4096;
        bs->bl.max_iov = 1024;
    }
    if (drv->bdrv_refresh_limits) {
        drv->bdrv_refresh_limits(bs, &err);
        if (err) {
            error_propagate(errp, err);
            return false;
        }
    }
    if (bs->bl.request_alignment > BDRV_MAX_ALIGNMENT) {
        error_setg(errp, "Driver requires too large request alignment");
        return false;
    }
    assert(is_power_of_2(bs->bl.request_alignment));
    return true;
}

size_t bdrv_opt_mem_align(BlockDriverState *bs)
{
    return bs && bs->drv ? bs->bl.opt_mem_alignment : 4096;
}

/* ---- Memory for requests ---- */

void *qemu_try_blockalign(BlockDriverState *bs, size_t size)
{
    size_t align = MAX(bs ? bs->bl.opt_mem_alignment : 0, 4096);

    return aligned_alloc(align, QEMU_ALIGN_UP(MAX(size, 1), align));
}

void *qemu_blockalign(BlockDriverState *bs, size_t size)
{
    void *p = qemu_try_blockalign(bs, size);

    if (!p) {
        base_fatal("out of memory: %zu bytes for a request", size);
    }
    return p;
}

void *qemu_try_blockalign0(BlockDriverState *bs, size_t size)
{
    void *p = qemu_try_blockalign(bs, size);

    if (p) {
        memset(p, 0, size);
    }
    return p;
}

void qemu_vfree(void *ptr)
{
    free(ptr);
}
