/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: an image in a regular file or block device of the host. All transfers run in workers.
 *
 * Context: coroutine; open, close, permissions in the main context. The descriptor changes only in reopen, drained.
 * I1  Every system call that may wait for storage runs in a worker, on a job that lives on the coroutine's stack.
 * I2  Locks on the image follow the node's permissions (lock.c).
 */
#include "aio/thread_pool.h"
#include "base/bytes.h"
#include "block/block_int.h"
#include "block/drivers/file/create.h"
#include "block/drivers/file/lock.h"
#include "sched/fdset.h"
#include "sched/io.h"

typedef struct FileState {
    /* fixed after open, changed by reopen with the node drained */
    int fd;
    bool direct;
    bool locking;
    SchedFileType type;
    /* BQL */
    FileLock lock;
    uint64_t old_perm;          /* to go back to when a change of permissions is aborted */
    uint64_t old_shared;
    /* learned from failures; once false, always false */
    bool can_zero;
    bool can_discard;
} FileState;

static const BlockOptDesc file_opts[] = {
    { "filename", BLOCK_OPT_STRING, "File name of the image" },
    { "aio", BLOCK_OPT_STRING, "host AIO implementation (threads)" },
    { "locking", BLOCK_OPT_STRING, "file locking mode (on/off/auto, default: auto)" },
    { NULL },
};

static const BlockOptDesc file_create_opts[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "preallocation", BLOCK_OPT_STRING, "Preallocation mode (off, falloc, full)" },
    { NULL },
};

static void file_parse_filename(const char *filename, QDict *options, GError **errp)
{
    qdict_put_str(options, "filename", g_str_has_prefix(filename, "file:") ? filename + 5 : filename);
}

/* ---- Open and close ---- */

static int open_path(BlockDriverState *bs, const char *filename, int how, GError **errp)
{
    int fd;

    if (fdset_is_name(filename)) {
        return fdset_open(filename, how, errp);
    }
    fd = sched_file_open(bs->node_name, filename, how);
    if (fd < 0) {
        error_setg_errno(errp, -fd, "Could not open '%s'", filename);
    }
    return fd;
}

static int open_fd(BlockDriverState *bs, const char *filename, int *flags, GError **errp)
{
    int direct = *flags & BDRV_O_NOCACHE ? SCHED_FILE_DIRECT : 0;
    GError *err = NULL;
    int fd = open_path(bs, filename, (*flags & BDRV_O_RDWR ? SCHED_FILE_WRITE : 0) | direct, &err);

    if ((fd == -EACCES || fd == -EROFS || fd == -EPERM) && (*flags & BDRV_O_RDWR) &&
        (*flags & BDRV_O_AUTO_RDONLY)) {
        *flags &= ~BDRV_O_RDWR;
        g_clear_error(&err);
        fd = open_path(bs, filename, direct, &err);
    }
    if (err) {
        g_propagate_error(errp, err);
    }
    return fd;
}

static bool parse_aio(const char *aio, GError **errp)
{
    if (!aio || g_str_equal(aio, "threads")) {
        return true;
    }
    if (g_str_equal(aio, "io_uring") || g_str_equal(aio, "native")) {
        error_setg(errp, "aio=%s is not supported in this build; use aio=threads", aio);
    } else {
        error_setg(errp, "Invalid parameter '%s' for 'aio'", aio);
    }
    return false;
}

static bool parse_locking(const char *locking, bool *ret, GError **errp)
{
    if (!locking || g_str_equal(locking, "auto") || g_str_equal(locking, "on")) {
        *ret = true;
        return true;
    }
    if (g_str_equal(locking, "off")) {
        *ret = false;
        return true;
    }
    error_setg(errp, "invalid parameter value: '%s'", locking);
    return false;
}

static int file_open(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    FileState *s = bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(file_opts, options, errp);
    const char *filename;
    int ret;

    s->fd = -1;
    if (!opts || !parse_aio(qdict_get_try_str(opts, "aio"), errp) ||
        !parse_locking(qdict_get_try_str(opts, "locking"), &s->locking, errp)) {
        return -EINVAL;
    }
    filename = qdict_get_try_str(opts, "filename");
    s->fd = open_fd(bs, filename, &flags, errp);
    if (s->fd < 0) {
        return s->fd;
    }
    ret = sched_file_type(s->fd, &s->type);
    if (ret == 0 && s->type == SCHED_FILE_OTHER) {
        error_setg(errp, "'file' driver requires '%s' to be a regular file", filename);
        ret = -EINVAL;
    } else if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not stat file");
    }
    if (ret < 0) {
        fdset_close(s->fd);
        return ret;
    }
    bs->open_flags = flags;
    s->direct = flags & BDRV_O_NOCACHE;
    s->can_zero = true;
    s->can_discard = true;
    s->old_shared = BLK_PERM_ALL;
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    bs->supported_truncate_flags = s->type == SCHED_FILE_REGULAR ? BDRV_REQ_ZERO_WRITE : 0;
    return 0;
}

static void file_close(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    fdset_close(s->fd);
    s->fd = -1;
}

static void file_refresh_filename(BlockDriverState *bs)
{
    const char *filename = qdict_get_try_str(bs->options, "filename");

    if (filename) {
        g_free(bs->exact_filename);
        bs->exact_filename = g_strdup(g_str_has_prefix(filename, "file:") ? filename + 5 : filename);
    }
}

/* With O_DIRECT the host wants whole blocks; find out which size by trying. */
static uint32_t probe_alignment(FileState *s)
{
    static const uint32_t sizes[] = { 512, 1024, 2048, 4096 };
    void *buf = qemu_blockalign(NULL, 4096);
    uint32_t align = 4096;

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct iovec iov = { buf, sizes[i] };

        if (sched_file_preadv(s->fd, &iov, 1, 0) >= 0) {
            align = sizes[i];
            break;
        }
    }
    qemu_vfree(buf);
    return align;
}

static void file_refresh_limits(BlockDriverState *bs, GError **errp)
{
    FileState *s = bs->opaque;

    bs->bl.request_alignment = s->direct ? probe_alignment(s) : 1;
    bs->bl.min_mem_alignment = s->direct ? bs->bl.request_alignment : 1;
    bs->bl.opt_mem_alignment = 4096;
    bs->bl.has_variable_length = s->type != SCHED_FILE_REGULAR;
}

/* ---- Permissions ---- */

static int file_check_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared, GError **errp)
{
    FileState *s = bs->opaque;

    return s->locking ? file_lock_prepare(s->fd, &s->lock, perm, shared, bs->filename, errp) : 0;
}

static void file_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    FileState *s = bs->opaque;

    if (s->locking) {
        file_lock_settle(s->fd, &s->lock, perm, shared);
    }
    s->old_perm = perm;
    s->old_shared = shared;
}

static void file_abort_perm_update(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    if (s->locking) {
        file_lock_settle(s->fd, &s->lock, s->old_perm, s->old_shared);
    }
}

/* ---- Transfers ---- */

typedef enum FileOp {
    FILE_OP_READ,
    FILE_OP_WRITE,
    FILE_OP_FLUSH,
    FILE_OP_ZERO,
    FILE_OP_DISCARD,
    FILE_OP_TRUNCATE,
} FileOp;

typedef struct FileJob {
    FileOp op;
    int fd;
    uint64_t offset;
    uint64_t bytes;
    QEMUIOVector *qiov;
    size_t align;               /* of memory, 1: any */
    bool may_unmap;
    PreallocMode prealloc;
} FileJob;

static bool memory_aligned(const QEMUIOVector *v, size_t align)
{
    for (int i = 0; i < v->niov; i++) {
        if ((uintptr_t)v->iov[i].iov_base % align || v->iov[i].iov_len % align) {
            return false;
        }
    }
    return true;
}

static int transfer(FileJob *job)
{
    bool write = job->op == FILE_OP_WRITE;
    struct iovec one = { NULL, job->bytes };
    const struct iovec *iov = job->qiov->iov;
    int niov = job->qiov->niov;
    ssize_t n;

    if (!memory_aligned(job->qiov, job->align)) {
        one.iov_base = qemu_try_blockalign(NULL, job->bytes);
        if (!one.iov_base) {
            return -ENOMEM;
        }
        if (write) {
            qemu_iovec_to_buf(job->qiov, 0, one.iov_base, job->bytes);
        }
        iov = &one;
        niov = 1;
    }
    n = write ? sched_file_pwritev(job->fd, iov, niov, job->offset)
              : sched_file_preadv(job->fd, iov, niov, job->offset);
    if (!write && n >= 0) {
        if (one.iov_base) {
            qemu_iovec_from_buf(job->qiov, 0, one.iov_base, n);
        }
        qemu_iovec_memset(job->qiov, n, 0, job->bytes - n);     /* beyond the end of the file */
    }
    qemu_vfree(one.iov_base);
    if (n < 0) {
        return n;
    }
    return write && (uint64_t)n != job->bytes ? -EINVAL : 0;
}

/* Runs in a worker. */
static int file_worker(void *opaque)
{
    FileJob *job = opaque;

    switch (job->op) {
    case FILE_OP_READ:
    case FILE_OP_WRITE:
        return transfer(job);
    case FILE_OP_FLUSH:
        return sched_file_flush(job->fd);
    case FILE_OP_ZERO:
        return sched_file_zero(job->fd, job->offset, job->bytes, job->may_unmap);
    case FILE_OP_DISCARD:
        return sched_file_discard(job->fd, job->offset, job->bytes);
    case FILE_OP_TRUNCATE:
        return file_resize(job->fd, job->offset, job->prealloc);
    }
    g_assert_not_reached();
}

static int coroutine_fn file_submit(BlockDriverState *bs, FileJob job)
{
    FileState *s = bs->opaque;

    job.fd = s->fd;
    job.align = s->direct ? bs->bl.min_mem_alignment : 1;
    return thread_pool_submit_co(file_worker, &job);
}

static int coroutine_fn file_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags)
{
    return file_submit(bs, (FileJob){ .op = FILE_OP_READ, .offset = offset, .bytes = bytes, .qiov = qiov });
}

static int coroutine_fn file_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    return file_submit(bs, (FileJob){ .op = FILE_OP_WRITE, .offset = offset, .bytes = bytes, .qiov = qiov });
}

static int coroutine_fn file_co_flush(BlockDriverState *bs)
{
    return file_submit(bs, (FileJob){ .op = FILE_OP_FLUSH });
}

static int coroutine_fn file_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                              BdrvRequestFlags flags)
{
    FileState *s = bs->opaque;
    int ret;

    if (!s->can_zero) {
        return -ENOTSUP;
    }
    ret = file_submit(bs, (FileJob){ .op = FILE_OP_ZERO, .offset = offset, .bytes = bytes,
                                     .may_unmap = flags & BDRV_REQ_MAY_UNMAP });
    if (ret == -ENOTSUP || ret == -EOPNOTSUPP) {
        s->can_zero = false;
        ret = -ENOTSUP;
    }
    return ret;
}

static int coroutine_fn file_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    FileState *s = bs->opaque;
    int ret;

    if (!s->can_discard) {
        return -ENOTSUP;
    }
    ret = file_submit(bs, (FileJob){ .op = FILE_OP_DISCARD, .offset = offset, .bytes = bytes });
    if (ret == -ENOTSUP || ret == -EOPNOTSUPP) {
        s->can_discard = false;
        ret = -ENOTSUP;
    }
    return ret;
}

static int coroutine_fn file_co_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                         BdrvRequestFlags flags, GError **errp)
{
    FileState *s = bs->opaque;
    int64_t len;
    int ret;

    if (s->type == SCHED_FILE_REGULAR) {
        ret = file_submit(bs, (FileJob){ .op = FILE_OP_TRUNCATE, .offset = offset, .prealloc = prealloc });
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Failed to resize the file");
        }
        return ret;
    }
    len = sched_file_length(s->fd);
    if (len < 0 || offset > len || (exact && offset != len)) {
        error_setg(errp, "Cannot resize device files");
        return -ENOTSUP;
    }
    return 0;
}

static int64_t coroutine_fn file_co_getlength(BlockDriverState *bs)
{
    return sched_file_length(((FileState *)bs->opaque)->fd);
}

static int64_t coroutine_fn file_co_allocated(BlockDriverState *bs)
{
    return sched_file_allocated(((FileState *)bs->opaque)->fd);
}

static int coroutine_fn file_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                             int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    FileState *s = bs->opaque;
    int64_t align = bs->bl.request_alignment;
    uint64_t len = 0;
    int ret;

    *map = offset;
    *file = bs;
    *pnum = bytes;
    if (!want_zero) {
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
    }
    ret = sched_file_extent(s->fd, offset, &len);
    if (ret == -ENXIO) {
        return BDRV_BLOCK_ZERO | BDRV_BLOCK_OFFSET_VALID;
    }
    if (ret < 0) {
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;       /* the file system cannot tell */
    }
    /* A part of a block counts as data. */
    if (ret == 0 && len >= (uint64_t)align) {
        *pnum = MIN((uint64_t)bytes, QEMU_ALIGN_DOWN(len, (uint64_t)align));
        return BDRV_BLOCK_ZERO | BDRV_BLOCK_OFFSET_VALID;
    }
    *pnum = ret == 0 ? align : (int64_t)MIN((uint64_t)bytes, QEMU_ALIGN_UP(len, (uint64_t)align));
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

static int file_has_zero_init(BlockDriverState *bs)
{
    return ((FileState *)bs->opaque)->type == SCHED_FILE_REGULAR;
}

/* ---- Delete ---- */

static int coroutine_fn file_co_delete(BlockDriverState *bs, GError **errp)
{
    int ret = sched_file_unlink(bs->exact_filename);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Error when deleting file %s", bs->exact_filename);
    }
    return ret;
}

/* ---- Reopen: another descriptor when access or caching change ---- */

typedef struct FileReopen {
    int fd;
    bool direct;
    FileLock lock;
} FileReopen;

static int file_reopen_prepare(BDRVReopenState *state, GError **errp)
{
    FileState *s = state->bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(file_opts, state->options, errp);
    int flags = state->flags;
    FileReopen *r;
    int fd;

    if (!opts) {
        return -EINVAL;
    }
    fd = open_fd(state->bs, state->bs->exact_filename, &flags, errp);
    if (fd < 0) {
        return fd;
    }
    r = g_new0(FileReopen, 1);
    r->fd = fd;
    r->direct = flags & BDRV_O_NOCACHE;
    state->flags = flags;
    if (s->locking && file_lock_prepare(fd, &r->lock, s->lock.perm, ~s->lock.unshared & BLK_PERM_ALL,
                                        state->bs->filename, NULL) < 0) {
        /* Our own other descriptor is in the way; its locks stay until the commit takes them over. */
        r->lock = (FileLock){ 0 };
    }
    state->opaque = r;
    return 0;
}

static void file_reopen_commit(BDRVReopenState *state)
{
    FileState *s = state->bs->opaque;
    FileReopen *r = state->opaque;
    FileLock old = s->lock;

    fdset_close(s->fd);
    s->fd = r->fd;
    s->direct = r->direct;
    s->lock = r->lock;
    if (s->locking && s->lock.perm != old.perm) {
        /* Nobody else could have taken what the old descriptor held until a moment ago. */
        result_ignored(file_lock_prepare(s->fd, &s->lock, old.perm, ~old.unshared & BLK_PERM_ALL,
                                         state->bs->filename, NULL));
    }
    g_clear_pointer(&state->opaque, g_free);
}

static void file_reopen_abort(BDRVReopenState *state)
{
    FileReopen *r = state->opaque;

    if (r) {
        fdset_close(r->fd);
        g_clear_pointer(&state->opaque, g_free);
    }
}

static const char *const file_strong_opts[] = { "filename", "locking", "aio", NULL };

const BlockDriver bdrv_file = {
    .format_name = "file",
    .protocol_name = "file",
    .instance_size = sizeof(FileState),
    .bdrv_needs_filename = true,
    .opts = file_opts,
    .create_opts = file_create_opts,
    .strong_runtime_opts = file_strong_opts,
    .bdrv_parse_filename = file_parse_filename,
    .bdrv_open = file_open,
    .bdrv_close = file_close,
    .bdrv_reopen_prepare = file_reopen_prepare,
    .bdrv_reopen_commit = file_reopen_commit,
    .bdrv_reopen_abort = file_reopen_abort,
    .bdrv_check_perm = file_check_perm,
    .bdrv_set_perm = file_set_perm,
    .bdrv_abort_perm_update = file_abort_perm_update,
    .bdrv_refresh_filename = file_refresh_filename,
    .bdrv_refresh_limits = file_refresh_limits,
    .bdrv_has_zero_init = file_has_zero_init,
    .bdrv_co_create_opts = file_co_create_opts,
    .bdrv_co_delete_file = file_co_delete,
    .bdrv_co_preadv = file_co_preadv,
    .bdrv_co_pwritev = file_co_pwritev,
    .bdrv_co_pwrite_zeroes = file_co_pwrite_zeroes,
    .bdrv_co_pdiscard = file_co_pdiscard,
    .bdrv_co_flush_to_disk = file_co_flush,
    .bdrv_co_truncate = file_co_truncate,
    .bdrv_co_getlength = file_co_getlength,
    .bdrv_co_get_allocated_file_size = file_co_allocated,
    .bdrv_co_block_status = file_co_block_status,
};
