/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null-co: a disk that forgets. Writes succeed, reads leave the buffer alone (or zeroed with read-zeroes=on).
 * For tests and for measuring everything above it. Context: coroutine. No locks.
 */
#include "base/bytes.h"
#include "block/block_int.h"

#define NULL_CO_DEFAULT_SIZE (1 * GiB)

typedef struct NullCo {
    /* fixed after open */
    int64_t length;
    int64_t latency_ns;
    bool read_zeroes;
} NullCo;

static const BlockOptDesc null_co_opts[] = {
    { "size", BLOCK_OPT_SIZE, "size of the null block" },
    { "latency-ns", BLOCK_OPT_NUMBER, "nanoseconds (approximated) to wait before completing request" },
    { "read-zeroes", BLOCK_OPT_BOOL, "return zeroes when read" },
    { "filename", BLOCK_OPT_STRING, "" },
    { NULL },
};

static void null_co_parse_filename(const char *filename, QDict *options, GError **errp)
{
    if (!g_str_equal(filename, "null-co://")) {
        error_setg(errp, "The only allowed filename for this driver is 'null-co://'");
    }
}

static int null_co_open(BlockDriverState *bs, QDict *options, int flags, GError **errp)
{
    NullCo *s = bs->opaque;
    g_autoptr(QDict) opts = block_opts_take(null_co_opts, options, errp);
    uint64_t size, latency;

    if (!opts) {
        return -EINVAL;
    }
    size = qdict_get_size(opts, "size", NULL_CO_DEFAULT_SIZE);
    latency = qdict_get_number(opts, "latency-ns", 0);
    if (latency > INT64_MAX) {
        error_setg(errp, "latency-ns is invalid");
        return -EINVAL;
    }
    if (size > (uint64_t)BDRV_MAX_LENGTH) {
        error_setg(errp, "size is invalid");
        return -EINVAL;
    }
    s->length = size;
    s->latency_ns = latency;
    s->read_zeroes = qdict_get_bool(opts, "read-zeroes", false);
    bs->supported_write_flags = BDRV_REQ_FUA;
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_FUA | BDRV_REQ_NO_FALLBACK;
    return 0;
}

/* Nothing of ours can change; the core compares what is left with what is in force. */
static int null_co_reopen_prepare(BDRVReopenState *state, GError **errp)
{
    return 0;
}

static int64_t coroutine_fn null_co_getlength(BlockDriverState *bs)
{
    return ((NullCo *)bs->opaque)->length;
}

static int coroutine_fn wait_latency(BlockDriverState *bs)
{
    NullCo *s = bs->opaque;

    if (s->latency_ns) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, s->latency_ns);
    }
    return 0;
}

static int coroutine_fn null_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags)
{
    if (((NullCo *)bs->opaque)->read_zeroes) {
        qemu_iovec_memset(qiov, 0, 0, bytes);
    }
    return wait_latency(bs);
}

static int coroutine_fn null_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    return wait_latency(bs);
}

static int coroutine_fn null_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                              BdrvRequestFlags flags)
{
    return wait_latency(bs);
}

static int coroutine_fn null_co_flush(BlockDriverState *bs)
{
    return wait_latency(bs);
}

static int coroutine_fn null_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                             int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    *pnum = bytes;
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_DATA | (((NullCo *)bs->opaque)->read_zeroes ? BDRV_BLOCK_ZERO : 0);
}

static int64_t coroutine_fn null_co_allocated(BlockDriverState *bs)
{
    return 0;
}

static void null_co_refresh_filename(BlockDriverState *bs)
{
    g_free(bs->exact_filename);
    bs->exact_filename = g_strdup("null-co://");
}

const BlockDriver bdrv_null_co = {
    .format_name = "null-co",
    .protocol_name = "null-co",
    .instance_size = sizeof(NullCo),
    .opts = null_co_opts,
    .bdrv_parse_filename = null_co_parse_filename,
    .bdrv_open = null_co_open,
    .bdrv_reopen_prepare = null_co_reopen_prepare,
    .bdrv_refresh_filename = null_co_refresh_filename,
    .bdrv_co_getlength = null_co_getlength,
    .bdrv_co_get_allocated_file_size = null_co_allocated,
    .bdrv_co_preadv = null_co_preadv,
    .bdrv_co_pwritev = null_co_pwritev,
    .bdrv_co_pwrite_zeroes = null_co_pwrite_zeroes,
    .bdrv_co_flush_to_disk = null_co_flush,
    .bdrv_co_block_status = null_co_block_status,
};
