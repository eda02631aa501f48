/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw: the image is the file, or a window of it (offset=, size=).
 *
 * Context: coroutine; open in the main context. No locks.
 * A resize of the file below is seen at once unless size= is set.
 * I1  Requests reach the file inside [offset, offset + size).
 * I2  Where the format was guessed, no write makes the next guess another one: a guest could name any file of the host
 *     as its backing file (CVE-2008-2004).
 */
#include "base/bytes.h"
#include "block/block_int.h"

#include <stdio.h>

typedef struct Raw {
    int64_t offset;             /* fixed after open, changed by reopen */
    int64_t size;               /* -1: to the end of the file */
} Raw;

static const BlockOptDesc raw_opts[] = {
    { "offset", BLOCK_OPT_SIZE, "offset in the disk where the image starts" },
    { "size", BLOCK_OPT_SIZE, "virtual disk size" },
    { NULL },
};

static const BlockOptDesc raw_create_opts[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "preallocation", BLOCK_OPT_STRING, "Preallocation mode (off, falloc, full)" },
    { NULL },
};

static int raw_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return 1;                   /* everything is raw if it is nothing else */
}

static int window(Raw *s, BlockDriverState *bs, int64_t file_len, GError **errp)
{
    if (s->offset > file_len) {
        error_setg(errp, "Offset (%" PRId64 ") cannot be greater than size of the containing file (%" PRId64 ")",
                   s->offset, file_len);
        return -EINVAL;
    }
    if (s->size >= 0 && s->size > file_len - s->offset) {
        error_setg(errp, "The sum of offset (%" PRId64 ") and size (%" PRId64 ") has to be smaller or equal to the "
                   "actual size of the containing file (%" PRId64 ")", s->offset, s->size, file_len);
        return -EINVAL;
    }
    if (s->size >= 0 && !QEMU_IS_ALIGNED(s->size, (int64_t)BDRV_SECTOR_SIZE)) {
        error_setg(errp, "Specified size is not multiple of %d", (int)BDRV_SECTOR_SIZE);
        return -EINVAL;
    }
    return 0;
}

static void warn_of_guess(const char *filename)
{
    fprintf(stderr, "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw images, write operations on block 0 will "
            "be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the restrictions.\n", filename);
}

static int raw_open(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    Raw *s = bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(raw_opts, options, errp);
    BlockDriverState *file_bs;
    BdrvChildRole role;
    uint64_t offset, size;
    int64_t len;

    if (!opts) {
        return -EINVAL;
    }
    offset = qdict_get_size(opts, "offset", 0);
    size = qdict_get_size(opts, "size", 0);
    if (offset > BDRV_MAX_LENGTH || size > BDRV_MAX_LENGTH) {
        error_setg(errp, "offset and size must be below 2^63");
        return -EINVAL;
    }
    s->offset = offset;
    s->size = qdict_haskey(opts, "size") ? (int64_t)size : -1;
    role = s->offset || s->size >= 0 ? BDRV_CHILD_DATA | BDRV_CHILD_PRIMARY
                                     : BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY;
    if (!bdrv_open_child(NULL, options, "file", bs, &child_of_bds, role, false, errp)) {
        return -EINVAL;
    }
    bdrv_graph_rdlock_main_loop();
    file_bs = bs->file->bs;
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED | (BDRV_REQ_FUA & file_bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) & file_bs->supported_zero_flags);
    bs->supported_truncate_flags = file_bs->supported_truncate_flags & BDRV_REQ_ZERO_WRITE;
    bs->sg = bdrv_is_sg(file_bs);
    if (bs->probed && !bdrv_is_read_only(bs)) {
        warn_of_guess(file_bs->filename);
    }
    bdrv_graph_rdunlock_main_loop();
    len = bdrv_getlength(file_bs);
    if (len < 0) {
        error_setg_errno(errp, -len, "Could not get image size");
        return len;
    }
    return window(s, bs, len, errp);
}

/* Moves the request into the file; -ENOSPC or -EINVAL when it leaves the window (I1). */
static int adjust(BlockDriverState *bs, int64_t *offset, int64_t bytes, bool is_write)
{
    Raw *s = bs->opaque;

    if (s->size >= 0 && (*offset > s->size || bytes > s->size - *offset)) {
        return is_write ? -ENOSPC : -EINVAL;
    }
    if (*offset > INT64_MAX - s->offset) {
        return -EINVAL;
    }
    *offset += s->offset;
    return 0;
}

static int coroutine_fn raw_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                        size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn raw_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                        size_t qiov_offset, BdrvRequestFlags flags)
{
    int ret = adjust(bs, &offset, bytes, false);

    if (ret < 0) {
        return ret;
    }
    bdrv_co_debug_event(bs->file->bs, "read_aio");
    return bdrv_co_preadv_part(bs->file, offset, bytes, qiov, qiov_offset, flags);
}

/*
 * (I2) The sector is written from a copy, for a guest can change its memory after it was looked at. Requests are whole
 * sectors: see raw_refresh_limits().
 */
static int coroutine_fn write_guessed(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn write_guessed(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset, BdrvRequestFlags flags)
{
    uint8_t sector[BDRV_PROBE_BUF_SIZE];
    QEMUIOVector copy;
    int ret;

    assert(bytes >= BDRV_PROBE_BUF_SIZE);
    qemu_iovec_to_buf(qiov, qiov_offset, sector, sizeof(sector));
    if (bdrv_probe_all(sector, sizeof(sector), NULL) != bs->drv) {
        return -EPERM;
    }
    qemu_iovec_init(&copy, qiov->niov + 1);
    qemu_iovec_add(&copy, sector, sizeof(sector));
    qemu_iovec_concat(&copy, qiov, qiov_offset + sizeof(sector), bytes - sizeof(sector));
    ret = bdrv_co_pwritev(bs->file, offset, bytes, &copy, flags);
    qemu_iovec_destroy(&copy);
    return ret;
}

static int coroutine_fn raw_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                         size_t qiov_offset, BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn raw_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                         size_t qiov_offset, BdrvRequestFlags flags)
{
    bool guessed = bs->probed && offset < BDRV_PROBE_BUF_SIZE && bytes;
    int ret = adjust(bs, &offset, bytes, true);

    if (ret < 0) {
        return ret;
    }
    bdrv_co_debug_event(bs->file->bs, "write_aio");
    return guessed ? write_guessed(bs, offset, bytes, qiov, qiov_offset, flags)
                   : bdrv_co_pwritev_part(bs->file, offset, bytes, qiov, qiov_offset, flags);
}

static int coroutine_fn raw_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags) GRAPH_RDLOCK;
static int coroutine_fn raw_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags)
{
    int ret = adjust(bs, &offset, bytes, true);

    return ret < 0 ? ret : bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

static int coroutine_fn raw_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes) GRAPH_RDLOCK;
static int coroutine_fn raw_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int ret = adjust(bs, &offset, bytes, true);

    return ret < 0 ? ret : bdrv_co_pdiscard(bs->file, offset, bytes);
}

static int coroutine_fn raw_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                         int64_t *pnum, int64_t *map, BlockDriverState **file) GRAPH_RDLOCK;
static int coroutine_fn raw_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                         int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    Raw *s = bs->opaque;

    *pnum = bytes;
    *file = bs->file->bs;
    *map = offset + s->offset;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static int64_t coroutine_fn raw_getlength(BlockDriverState *bs) GRAPH_RDLOCK;
static int64_t coroutine_fn raw_getlength(BlockDriverState *bs)
{
    Raw *s = bs->opaque;
    int64_t len;

    if (s->size >= 0) {
        return s->size;
    }
    len = bdrv_co_getlength(bs->file->bs);
    return len < 0 ? len : MAX(len - s->offset, 0);
}

static int coroutine_fn raw_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                     BdrvRequestFlags flags, GError **errp) GRAPH_RDLOCK;
static int coroutine_fn raw_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                     BdrvRequestFlags flags, GError **errp)
{
    Raw *s = bs->opaque;

    if (s->size >= 0) {
        error_setg(errp, "Cannot resize fixed-size raw disks");
        return -ENOTSUP;
    }
    if (INT64_MAX - offset < s->offset) {
        error_setg(errp, "Disk size too large for the chosen offset");
        return -EINVAL;
    }
    return bdrv_co_truncate(bs->file, offset + s->offset, exact, prealloc, flags, errp);
}

static int coroutine_fn raw_get_info(BlockDriverState *bs, BlockDriverInfo *bdi) GRAPH_RDLOCK;
static int coroutine_fn raw_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    return bdrv_co_get_info(bs->file->bs, bdi);
}

static void raw_refresh_limits(BlockDriverState *bs, GError **errp) GRAPH_RDLOCK;
static void raw_refresh_limits(BlockDriverState *bs, GError **errp)
{
    bs->bl.has_variable_length = bs->file->bs->bl.has_variable_length;
    if (bs->probed) {
        bs->bl.request_alignment = BDRV_PROBE_BUF_SIZE;         /* (I2) */
    }
}

static int raw_has_zero_init(BlockDriverState *bs) GRAPH_RDLOCK;
static int raw_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static int raw_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz) GRAPH_RDLOCK;
static int raw_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz)
{
    BlockDriverState *file = bs->file->bs;

    return file->drv->bdrv_probe_blocksizes ? file->drv->bdrv_probe_blocksizes(file, bsz) : -ENOTSUP;
}

static int coroutine_fn raw_create(BlockDriver *drv, const char *filename, QDict *opts, GError **errp)
{
    return bdrv_co_create_file(filename, opts, errp);
}

static int raw_reopen_prepare(BDRVReopenState *state, GError **errp)
{
    g_autoptr(QDict) opts = block_opts_take(raw_opts, state->options, errp);
    Raw *s;
    int64_t len;
    BlockDriverState *file_bs;
    int ret;

    if (!opts) {
        return -EINVAL;
    }
    s = g_new0(Raw, 1);
    s->offset = qdict_get_size(opts, "offset", 0);
    s->size = qdict_haskey(opts, "size") ? (int64_t)qdict_get_size(opts, "size", 0) : -1;
    bdrv_graph_rdlock_main_loop();
    file_bs = state->bs->file->bs;
    bdrv_graph_rdunlock_main_loop();
    len = bdrv_getlength(file_bs);
    ret = len < 0 ? (int)len : window(s, state->bs, len, errp);
    if (ret < 0) {
        g_free(s);
        return ret;
    }
    state->opaque = s;
    return 0;
}

static void raw_reopen_commit(BDRVReopenState *state)
{
    *(Raw *)state->bs->opaque = *(Raw *)state->opaque;
    g_clear_pointer(&state->opaque, g_free);
}

static void raw_reopen_abort(BDRVReopenState *state)
{
    g_clear_pointer(&state->opaque, g_free);
}

static const char *const raw_mutable_opts[] = { "offset", "size", NULL };
static const char *const raw_strong_opts[] = { "offset", "size", NULL };

const BlockDriver bdrv_raw = {
    .format_name = "raw",
    .instance_size = sizeof(Raw),
    .is_format = true,
    .opts = raw_opts,
    .create_opts = raw_create_opts,
    .mutable_opts = raw_mutable_opts,
    .strong_runtime_opts = raw_strong_opts,
    .bdrv_probe = raw_probe,
    .bdrv_open = raw_open,
    .bdrv_reopen_prepare = raw_reopen_prepare,
    .bdrv_reopen_commit = raw_reopen_commit,
    .bdrv_reopen_abort = raw_reopen_abort,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_refresh_limits = raw_refresh_limits,
    .bdrv_has_zero_init = raw_has_zero_init,
    .bdrv_probe_blocksizes = raw_probe_blocksizes,
    .bdrv_co_create_opts = raw_create,
    .bdrv_co_preadv_part = raw_preadv_part,
    .bdrv_co_pwritev_part = raw_pwritev_part,
    .bdrv_co_pwrite_zeroes = raw_pwrite_zeroes,
    .bdrv_co_pdiscard = raw_pdiscard,
    .bdrv_co_block_status = raw_block_status,
    .bdrv_co_getlength = raw_getlength,
    .bdrv_co_truncate = raw_truncate,
    .bdrv_co_get_info = raw_get_info,
};
