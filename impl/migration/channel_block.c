/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams on block devices: the VM state area of a node (internal snapshots) and a whole device (asynchronous
 * snapshots).
 *
 * Owns: nothing per machine. Context: whoever uses the file. The wrappers below call straight through inside a
 * coroutine; outside they poll, so the caller must be in the node's context or in the main one (with the BQL).
 */
#include "migration/qemu_file.h"

#include "base/assert.h"
#include "base/iov.h"
#include "block/backend.h"
#include "block/block.h"

/* ---- VM state area of a node ---- */

static int qio_channel_block_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    BlockDriverState *bs = opaque;
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_external(&qiov, (struct iovec *)iov, niov);
    ret = bdrv_writev_vmstate(bs, &qiov, (int64_t)pos);
    if (ret < 0) {
        error_setg_errno(errp, ret, "bdrv_writev_vmstate failed");
    }
    return MIN(ret, 0);
}

static ssize_t qio_channel_block_readv(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp)
{
    BlockDriverState *bs = opaque;
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, size);
    ret = bdrv_readv_vmstate(bs, &qiov, (int64_t)pos);
    if (ret < 0) {
        error_setg_errno(errp, ret, "bdrv_readv_vmstate failed");
        return ret;
    }
    return (ssize_t)size;
}

static int qio_channel_block_flush_close(void *opaque, GError **errp)
{
    int ret = bdrv_flush(opaque);

    if (ret < 0) {
        error_setg_errno(errp, ret, "Unable to flush VMState");
    }
    return ret;
}

static const QEMUFileOps vmstate_out_ops = {
    .name = "vmstate",
    .writev = qio_channel_block_writev,
    .close = qio_channel_block_flush_close,
};

static const QEMUFileOps vmstate_in_ops = {
    .name = "vmstate",
    .read = qio_channel_block_readv,
};

QEMUFile *qemu_fopen_bdrv(BlockDriverState *bs, bool is_writable)
{
    return is_writable ? qemu_file_new_output(&vmstate_out_ops, bs) : qemu_file_new_input(&vmstate_in_ops, bs);
}

/* ---- A whole device ---- */

typedef struct BackendChannel {
    BlockBackend *blk;
    uint64_t *pos;
} BackendChannel;

static int backend_channel_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    BackendChannel *c = opaque;
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_external(&qiov, (struct iovec *)iov, niov);
    ret = blk_pwritev(c->blk, (int64_t)pos, (int64_t)qiov.size, &qiov, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Writing the state file failed");
        return ret;
    }
    __atomic_store_n(c->pos, pos + qiov.size, __ATOMIC_RELAXED);
    return 0;
}

static ssize_t backend_channel_read(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp)
{
    BackendChannel *c = opaque;
    int64_t len = blk_getlength(c->blk);
    int ret;

    if (len < 0) {
        error_setg_errno(errp, (int)len, "Could not get the length of the state file");
        return (ssize_t)len;
    }
    if (pos >= (uint64_t)len) {
        return 0;
    }
    size = (size_t)MIN((uint64_t)size, (uint64_t)len - pos);
    ret = blk_pread(c->blk, (int64_t)pos, (int64_t)size, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Reading the state file failed");
        return ret;
    }
    return (ssize_t)size;
}

static int backend_channel_close(void *opaque, GError **errp)
{
    BackendChannel *c = opaque;
    int ret = blk_flush(c->blk);

    if (ret < 0) {
        error_setg_errno(errp, ret, "Flushing the state file failed");
    }
    g_free(c);
    return ret;
}

static const QEMUFileOps backend_ops = {
    .name = "backend",
    .writev = backend_channel_writev,
    .read = backend_channel_read,
    .close = backend_channel_close,
};

QEMUFile *qemu_fopen_backend(BlockBackend *blk, uint64_t *pos, bool is_writable)
{
    BackendChannel *c = g_new0(BackendChannel, 1);

    c->blk = blk;
    c->pos = pos;
    return is_writable ? qemu_file_new_output(&backend_ops, c) : qemu_file_new_input(&backend_ops, c);
}
