/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests in flight on a node: checks, tracking, and waiting for overlapping ones.
 *
 * Owns: bs->tracked_requests. Context: coroutine. Locks: bs->reqs_lock, a leaf, given up while waiting.
 *
 * I1  A serialising request runs while no other request overlaps its range (grown to the alignment).
 * I2  A request waits only for one that is not waiting itself. Of two that want each other one goes on, so there is
 *     no cycle; the one that goes on came first.
 */
#include "block/state.h"
#include "base/bytes.h"

int bdrv_check_request(int64_t offset, int64_t bytes, GError **errp)
{
    if (offset < 0) {
        error_setg(errp, "offset is negative: %" PRIi64, offset);
    } else if (bytes < 0) {
        error_setg(errp, "bytes is negative: %" PRIi64, bytes);
    } else if (bytes > BDRV_MAX_LENGTH) {
        error_setg(errp, "bytes(%" PRIi64 ") exceeds maximum(%" PRIi64 ")", bytes, BDRV_MAX_LENGTH);
    } else if (offset > BDRV_MAX_LENGTH) {
        error_setg(errp, "offset(%" PRIi64 ") exceeds maximum(%" PRIi64 ")", offset, BDRV_MAX_LENGTH);
    } else if (offset > BDRV_MAX_LENGTH - bytes) {
        error_setg(errp, "sum of offset(%" PRIi64 ") and bytes(%" PRIi64 ") exceeds maximum(%" PRIi64 ")", offset,
                   bytes, BDRV_MAX_LENGTH);
    } else {
        return 0;
    }
    return -EIO;
}

int bdrv_check_qiov_request(int64_t offset, int64_t bytes, QEMUIOVector *qiov, size_t qiov_offset, GError **errp)
{
    int ret = bdrv_check_request(offset, bytes, errp);

    if (ret < 0) {
        return ret;
    }
    if (qiov && (qiov_offset > qiov->size || (uint64_t)bytes > qiov->size - qiov_offset)) {
        error_setg(errp, "request of %" PRIi64 " bytes does not fit its buffer", bytes);
        return -EIO;
    }
    return 0;
}

/* ---- Tracking ---- */

void coroutine_fn bdrv_tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs, int64_t offset,
                                             int64_t bytes, BdrvTrackedRequestType type)
{
    *req = (BdrvTrackedRequest){
        .bs = bs,
        .offset = offset,
        .bytes = bytes,
        .type = type,
        .overlap_offset = offset,
        .overlap_bytes = bytes,
        .co = qemu_coroutine_self(),
    };
    qemu_co_queue_init(&req->wait_queue);
    sched_mutex_lock(&bs->reqs_lock);
    QLIST_INSERT_HEAD(&bs->tracked_requests, req, list);
    sched_mutex_unlock(&bs->reqs_lock);
}

void coroutine_fn bdrv_tracked_request_end(BdrvTrackedRequest *req)
{
    BlockDriverState *bs = req->bs;

    if (req->serialising) {
        __atomic_fetch_sub(&bs->serialising_in_flight, 1, __ATOMIC_SEQ_CST);
    }
    sched_mutex_lock(&bs->reqs_lock);
    QLIST_REMOVE(req, list);
    /* Waiters are put on the run queue of this coroutine or their context; they look again under the lock. */
    qemu_co_queue_restart_all(&req->wait_queue);
    sched_mutex_unlock(&bs->reqs_lock);
}

static bool requests_overlap(const BdrvTrackedRequest *a, const BdrvTrackedRequest *b)
{
    return ranges_overlap(a->overlap_offset, a->overlap_bytes, b->overlap_offset, b->overlap_bytes);
}

/* With reqs_lock: somebody @self has to wait for, or NULL. */
static BdrvTrackedRequest *find_conflict(BdrvTrackedRequest *self)
{
    BdrvTrackedRequest *req;

    QLIST_FOREACH(req, &self->bs->tracked_requests, list) {
        if (req == self || (!req->serialising && !self->serialising) || !requests_overlap(req, self)) {
            continue;
        }
        /* A request that overlaps one of its own coroutine would wait for ever. */
        assert(req->co != qemu_coroutine_self());
        if (!req->waiting_for) {                /* (I2) */
            return req;
        }
    }
    return NULL;
}

static void coroutine_fn wait_locked(BdrvTrackedRequest *self)
{
    BdrvTrackedRequest *req;

    while ((req = find_conflict(self))) {
        self->waiting_for = req;
        qemu_co_queue_wait(&req->wait_queue, &self->bs->reqs_lock);
        self->waiting_for = NULL;
    }
}

void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *self)
{
    BlockDriverState *bs = self->bs;

    if (!__atomic_load_n(&bs->serialising_in_flight, __ATOMIC_SEQ_CST)) {
        return;
    }
    sched_mutex_lock(&bs->reqs_lock);
    wait_locked(self);
    sched_mutex_unlock(&bs->reqs_lock);
}

bool coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req, uint64_t align)
{
    BlockDriverState *bs = req->bs;
    int64_t start = QEMU_ALIGN_DOWN(req->offset, (int64_t)align);
    int64_t end = QEMU_ALIGN_UP(req->offset + req->bytes, (int64_t)align);
    bool waited;

    sched_mutex_lock(&bs->reqs_lock);
    if (!req->serialising) {
        __atomic_fetch_add(&bs->serialising_in_flight, 1, __ATOMIC_SEQ_CST);
        req->serialising = true;
    }
    end = MAX(end, req->overlap_offset + req->overlap_bytes);
    req->overlap_offset = MIN(req->overlap_offset, start);
    req->overlap_bytes = end - req->overlap_offset;
    waited = find_conflict(req) != NULL;
    wait_locked(req);
    sched_mutex_unlock(&bs->reqs_lock);
    return waited;
}

/* Marks @req serialising on @align unless somebody is in the way; for BDRV_REQ_NO_WAIT. */
static int try_serialising(BdrvTrackedRequest *req, uint64_t align)
{
    BlockDriverState *bs = req->bs;
    int ret = 0;

    sched_mutex_lock(&bs->reqs_lock);
    req->serialising = true;
    req->overlap_offset = QEMU_ALIGN_DOWN(req->offset, (int64_t)align);
    req->overlap_bytes = QEMU_ALIGN_UP(req->offset + req->bytes, (int64_t)align) - req->overlap_offset;
    __atomic_fetch_add(&bs->serialising_in_flight, 1, __ATOMIC_SEQ_CST);
    if (find_conflict(req)) {
        ret = -EBUSY;
    }
    sched_mutex_unlock(&bs->reqs_lock);
    return ret;
}

BdrvTrackedRequest *coroutine_fn bdrv_co_get_self_request(BlockDriverState *bs)
{
    BdrvTrackedRequest *req;
    Coroutine *self = qemu_coroutine_self();

    sched_mutex_lock(&bs->reqs_lock);
    QLIST_FOREACH(req, &bs->tracked_requests, list) {
        if (req->co == self) {
            break;
        }
    }
    sched_mutex_unlock(&bs->reqs_lock);
    return req;
}

/* ---- What all kinds of writes have in common ---- */

int coroutine_fn bdrv_write_req_prepare(BdrvChild *child, int64_t offset, int64_t bytes, BdrvTrackedRequest *req,
                                        BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    uint64_t align = MAX(bs->bl.request_alignment, 1);

    if (bdrv_is_read_only(bs)) {
        return -EPERM;
    }
    assert(!(bs->open_flags & BDRV_O_INACTIVE));
    assert(!(flags & ~BDRV_REQ_MASK));
    assert(!((flags & BDRV_REQ_NO_WAIT) && !(flags & BDRV_REQ_SERIALISING)));
    if (flags & BDRV_REQ_SERIALISING) {
        if (flags & BDRV_REQ_NO_WAIT) {
            int ret = try_serialising(req, align);

            if (ret < 0) {
                return ret;
            }
        } else {
            bdrv_make_request_serialising(req, align);
        }
    } else {
        bdrv_wait_serialising_requests(req);
    }
    assert(req->overlap_offset <= offset);
    assert(offset + bytes <= req->overlap_offset + req->overlap_bytes);
    assert(offset + bytes <= bs->total_bytes || (child->perm & BLK_PERM_RESIZE));
    switch (req->type) {
    case BDRV_TRACKED_WRITE:
    case BDRV_TRACKED_DISCARD:
        if (flags & BDRV_REQ_WRITE_UNCHANGED) {
            assert(child->perm & (BLK_PERM_WRITE_UNCHANGED | BLK_PERM_WRITE));
        } else {
            assert(child->perm & BLK_PERM_WRITE);
        }
        return 0;
    case BDRV_TRACKED_TRUNCATE:
        assert(child->perm & BLK_PERM_RESIZE);
        return 0;
    case BDRV_TRACKED_READ:
        break;
    }
    g_assert_not_reached();
}

static void coroutine_fn parents_resized(BlockDriverState *bs) GRAPH_RDLOCK;
static void coroutine_fn parents_resized(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->klass->resize) {
            c->klass->resize(c);
        }
    }
}

void coroutine_fn bdrv_write_req_finish(BdrvChild *child, int64_t offset, int64_t bytes, BdrvTrackedRequest *req,
                                        int ret)
{
    BlockDriverState *bs = child->bs;
    int64_t end = offset + bytes;

    __atomic_fetch_add(&bs->write_gen, 1, __ATOMIC_SEQ_CST);
    if (ret < 0 || req->type == BDRV_TRACKED_DISCARD) {
        return;
    }
    if (req->type == BDRV_TRACKED_TRUNCATE ? end != bs->total_bytes : end > bs->total_bytes) {
        bs->total_bytes = QEMU_ALIGN_UP(end, (int64_t)BDRV_SECTOR_SIZE);
        parents_resized(bs);
    }
    if (req->type == BDRV_TRACKED_WRITE && end > bs->wr_highest_offset) {
        bs->wr_highest_offset = end;
    }
}
