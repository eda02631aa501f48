/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfers between a drive's medium and the guest, chunk by chunk. See ide.h for the invariants.
 */
#include "devices/ide/ide.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

/* A request in flight. The backend waits for it before it goes, so it needs no reference, whose end would wait too. */
struct IDEReq {
    IDEXfer *x;                 /* NULL: the transfer was cancelled (I3) */
    uint64_t len;
    QEMUIOVector qiov;
    uint8_t buf[];
};

uint64_t ide_sg_rw(IDEBus *bus, IDESg *sg, uint8_t *buf, uint64_t len, bool to_guest)
{
    uint64_t moved = 0;

    while (moved < len) {
        uint64_t n = MIN(sg->len, len - moved);

        if (n == 0) {
            if (!bus->ops->sg_next(bus, sg)) {
                break;
            }
            continue;
        }
        /* What is not there reads as ones and ignores writes; the drive cannot know. */
        bus->in_dma = true;
        (void)dma_memory_rw(&address_space_memory, sg->addr, buf + moved, n,
                            to_guest ? DMA_DIRECTION_FROM_DEVICE : DMA_DIRECTION_TO_DEVICE, MEMTXATTRS_UNSPECIFIED);
        bus->in_dma = false;
        sg->addr += n;
        sg->len -= n;
        moved += n;
    }
    return moved;
}

static uint64_t ide_xfer_rw(IDEXfer *x, uint8_t *buf, uint64_t len, bool to_guest)
{
    IDEState *s = x->s;

    if (x->use_sg) {
        return ide_sg_rw(s->bus, &x->sg, buf, len, to_guest);
    }
    len = MIN(len, IDE_BUF_SIZE - x->done);
    if (to_guest) {
        memcpy(s->buf + x->done, buf, len);
    } else {
        memcpy(buf, s->buf + x->done, len);
    }
    return len;
}

static void ide_xfer_finish(IDEXfer *x, int ret)
{
    IDEState *s = x->s;

    x->kind = IDE_XFER_NONE;
    if (x->use_sg) {
        s->bus->ops->dma_done(s->bus, x, ret == -EOVERFLOW);
    }
    x->complete(x, ret);
}

static void ide_xfer_done(void *opaque, int ret)
{
    IDEReq *req = opaque;
    IDEXfer *x = req->x;
    bool is_read;

    if (!x) {
        g_free(req);
        return;
    }
    x->req = NULL;
    is_read = x->kind == IDE_XFER_READ;
    if (ret < 0) {
        ret = ide_blk_error(x->s, is_read, ret);
    }
    if (ret >= 0 && is_read) {
        uint64_t n = ide_xfer_rw(x, req->buf, req->len, true);

        ret = n < req->len ? -EOVERFLOW : 0;
    }
    x->done += req->len;
    g_free(req);
    if (ret < 0 || x->done >= x->len) {
        ide_xfer_finish(x, MIN(ret, 0));
    } else {
        ide_xfer_kick(x);
    }
}

/* The guest's list of ranges to forget: 8 bytes each, 48 bits of LBA and 16 of count. One range at a time. */
static void ide_xfer_trim(IDEXfer *x, IDEReq *req)
{
    IDEState *s = x->s;
    uint64_t entry = 0;
    uint64_t bytes;
    uint64_t at;

    req->len = 8;
    if (ide_xfer_rw(x, (uint8_t *)&entry, 8, false) < 8) {
        x->req = NULL;
        g_free(req);
        ide_xfer_finish(x, -EOVERFLOW);
        return;
    }
    entry = ld64_le(&entry);
    at = (entry & 0xffffffffffffULL) * IDE_SECTOR;
    bytes = (entry >> 48) * IDE_SECTOR;
    if (at > s->length || bytes > s->length - at) {
        (void)blk_abort_aio_request(s->blk, ide_xfer_done, req, -EINVAL);
    } else {
        (void)blk_aio_pdiscard(s->blk, at, bytes, ide_xfer_done, req);
    }
}

static void ide_xfer_submit(IDEXfer *x)
{
    IDEState *s = x->s;
    uint64_t n = MIN(x->len - x->done, (uint64_t)IDE_CHUNK);
    IDEReq *req = g_malloc(sizeof(*req) + (x->kind == IDE_XFER_FLUSH ? 0 : n));

    *req = (IDEReq){ .x = x, .len = n };
    x->req = req;
    qemu_iovec_init_buf(&req->qiov, req->buf, n);
    switch (x->kind) {
    case IDE_XFER_READ:
        (void)blk_aio_preadv(s->blk, x->offset + x->done, &req->qiov, 0, ide_xfer_done, req);
        break;
    case IDE_XFER_WRITE:
        if (ide_xfer_rw(x, req->buf, n, false) < n) {
            x->req = NULL;
            g_free(req);
            ide_xfer_finish(x, -EOVERFLOW);
            break;
        }
        (void)blk_aio_pwritev(s->blk, x->offset + x->done, &req->qiov, x->fua ? BDRV_REQ_FUA : 0, ide_xfer_done, req);
        break;
    case IDE_XFER_TRIM:
        ide_xfer_trim(x, req);
        break;
    default:
        (void)blk_aio_flush(s->blk, ide_xfer_done, req);
        break;
    }
}

static void ide_xfer_reply(IDEXfer *x)
{
    uint64_t n = ide_sg_rw(x->s->bus, &x->sg, x->s->buf, MIN(x->len, IDE_BUF_SIZE), true);

    x->done = n;
    ide_xfer_finish(x, n < x->len ? -EOVERFLOW : 0);
}

void ide_xfer_kick(IDEXfer *x)
{
    IDEState *s = x->s;

    if (x->kind == IDE_XFER_NONE || x->req || !s->blk || blk_in_drain(s->blk) || !runstate_is_running()) {
        return;                 /* (I2) */
    }
    if (x->use_sg && !s->bus->ops->dma_ready(s->bus, x)) {
        return;
    }
    if (x->kind == IDE_XFER_REPLY) {
        ide_xfer_reply(x);
    } else {
        ide_xfer_submit(x);
    }
}

void ide_xfer_start(IDEXfer *x, int kind, uint64_t offset, uint64_t len, bool use_sg)
{
    x->kind = kind;
    x->offset = offset;
    x->len = len;
    x->done = 0;
    x->use_sg = use_sg;
    ide_xfer_kick(x);
}

void ide_xfer_cancel(IDEXfer *x)
{
    if (x->req) {
        x->req->x = NULL;
        x->req = NULL;
    }
    x->kind = IDE_XFER_NONE;
}

int ide_blk_error(IDEState *s, bool is_read, int ret)
{
    BlockErrorAction action = blk_get_error_action(s->blk, is_read, -ret);

    blk_error_action(s->blk, action, is_read, -ret);
    return action == BLOCK_ERROR_ACTION_IGNORE ? 0 : ret;
}

static bool ide_xfer_valid(void *opaque, int version_id)
{
    const IDEXfer *x = opaque;

    return x->kind < IDE_XFER__MAX && x->done <= x->len && x->len <= BDRV_REQUEST_MAX_BYTES &&
           x->offset <= INT64_MAX / 2 && ((x->use_sg && x->kind != IDE_XFER_REPLY) || x->len <= IDE_BUF_SIZE);
}

const VMStateDescription vmstate_ide_xfer = {
    .name = "ide_xfer",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(kind, IDEXfer),
        VMSTATE_BOOL(use_sg, IDEXfer),
        VMSTATE_BOOL(fua, IDEXfer),
        VMSTATE_UINT64(offset, IDEXfer),
        VMSTATE_UINT64(len, IDEXfer),
        VMSTATE_UINT64(done, IDEXfer),
        VMSTATE_UINT64(sg.table, IDEXfer),
        VMSTATE_UINT32(sg.left, IDEXfer),
        VMSTATE_UINT64(sg.addr, IDEXfer),
        VMSTATE_UINT32(sg.len, IDEXfer),
        VMSTATE_VALIDATE("transfer within bounds", ide_xfer_valid),
        VMSTATE_END_OF_LIST()
    },
};
