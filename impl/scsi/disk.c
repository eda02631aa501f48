/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scsi-hd: a disk. Commands that move data go to the backend, the others are answered from here.
 *
 * Source: SBC-3, SPC-4.
 */
#include "scsi/disk.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "devices/table.h"
#include "migration/vmstate.h"
#include "scsi/bus.h"
#include "scsi/opcodes.h"

/* ---- Data ---- */

static void scsi_disk_finish(SCSIRequest *req, bool is_read, int ret)
{
    SCSISense sense = { 0 };
    int status;

    req->aiocb = NULL;
    if (ret < 0) {
        BlockErrorAction action = blk_get_error_action(req->dev->conf.blk, is_read, -ret);

        if (ret != -ECANCELED) {
            blk_error_action(req->dev->conf.blk, action, is_read, -ret);
        }
        if (action == BLOCK_ERROR_ACTION_IGNORE) {
            ret = 0;
        }
    }
    status = scsi_sense_from_errno(-ret, &sense);
    if (status == CHECK_CONDITION) {
        scsi_req_check(req, sense);
    } else {
        scsi_req_complete(req, status);
    }
}

static void scsi_disk_read_done(void *opaque, int ret)
{
    scsi_disk_finish(opaque, true, ret);
}

static void scsi_disk_write_done(void *opaque, int ret)
{
    scsi_disk_finish(opaque, false, ret);
}

static void scsi_disk_fua_done(void *opaque, int ret)
{
    SCSIRequest *req = opaque;

    if (ret < 0) {
        scsi_disk_finish(req, false, ret);
        return;
    }
    req->aiocb = blk_aio_flush(req->dev->conf.blk, scsi_disk_write_done, req);
}

static bool scsi_disk_lba_ok(const SCSIRequest *req, uint64_t lba, uint64_t blocks)
{
    uint64_t total = __atomic_load_n(&req->dev->length, __ATOMIC_RELAXED) / req->dev->conf.logical_block_size;

    return lba <= total && blocks <= total - lba;
}

/* Moves what both the command and the guest's buffer have room for; the rest is the residual. */
static void scsi_disk_rw(SCSIRequest *req, bool is_write)
{
    SCSICommand *cmd = &req->cmd;
    BlockBackend *blk = req->dev->conf.blk;
    uint64_t bs = req->dev->conf.logical_block_size;
    bool fua = cmd->len > 6 && cmd->buf[1] & 0x08;
    uint64_t len;

    if (cmd->len > 6 && cmd->buf[1] & 0xe0) {
        scsi_req_check(req, sense_INVALID_FIELD);       /* protection information: not formatted with it */
        return;
    }
    if (!scsi_disk_lba_ok(req, cmd->lba, cmd->blocks)) {
        scsi_req_check(req, sense_LBA_OUT_OF_RANGE);
        return;
    }
    if (is_write && !blk_is_writable(blk)) {
        scsi_req_check(req, sense_WRITE_PROTECTED);
        return;
    }
    len = QEMU_ALIGN_DOWN(MIN(cmd->xfer, req->qiov->size), bs);
    if (len > BDRV_REQUEST_MAX_BYTES) {
        scsi_req_check(req, sense_INVALID_FIELD);
        return;
    }
    req->resid = req->qiov->size - len;
    if (len == 0) {
        scsi_req_complete(req, GOOD);
        return;
    }
    qemu_iovec_concat(&req->part, req->qiov, 0, len);
    if (is_write) {
        bool wce = blk_enable_write_cache(blk);

        req->aiocb = blk_aio_pwritev(blk, cmd->lba * bs, &req->part, 0,
                                     fua && wce ? scsi_disk_fua_done : scsi_disk_write_done, req);
    } else {
        req->aiocb = blk_aio_preadv(blk, cmd->lba * bs, &req->part, 0, scsi_disk_read_done, req);
    }
}

static void scsi_disk_write_same(SCSIRequest *req)
{
    SCSICommand *cmd = &req->cmd;
    BlockBackend *blk = req->dev->conf.blk;
    uint64_t bs = req->dev->conf.logical_block_size;
    bool no_data = cmd->buf[0] == WRITE_SAME_16 && cmd->buf[1] & 1;
    g_autofree uint8_t *pattern = g_malloc0(bs);
    bool unmap = cmd->buf[1] & 0x08;
    uint64_t bytes;

    if (cmd->buf[1] & 0xf6 & ~0x08) {
        scsi_req_check(req, sense_INVALID_FIELD);
        return;
    }
    if (!blk_is_writable(blk)) {
        scsi_req_check(req, sense_WRITE_PROTECTED);
        return;
    }
    if (cmd->blocks == 0 || cmd->blocks > SCSI_DISK_MAX_WRITE_SAME / bs) {
        scsi_req_check(req, sense_INVALID_FIELD);
        return;
    }
    if (!scsi_disk_lba_ok(req, cmd->lba, cmd->blocks)) {
        scsi_req_check(req, sense_LBA_OUT_OF_RANGE);
        return;
    }
    if (!no_data && req->qiov->size < bs) {
        scsi_req_check(req, sense_INVALID_FIELD);
        return;
    }
    if (!no_data) {
        qemu_iovec_to_buf(req->qiov, 0, pattern, bs);
    }
    req->resid = no_data ? req->qiov->size : req->qiov->size - bs;
    bytes = cmd->blocks * bs;
    if (buffer_is_zero(pattern, bs)) {
        req->aiocb = blk_aio_pwrite_zeroes(blk, cmd->lba * bs, bytes, unmap ? BDRV_REQ_MAY_UNMAP : 0,
                                           scsi_disk_write_done, req);
        return;
    }
    req->bounce = g_malloc(bytes);          /* bounded by SCSI_DISK_MAX_WRITE_SAME */
    for (uint64_t at = 0; at < bytes; at += bs) {
        memcpy((char *)req->bounce + at, pattern, bs);
    }
    qemu_iovec_add(&req->part, req->bounce, bytes);
    req->aiocb = blk_aio_pwritev(blk, cmd->lba * bs, &req->part, 0, scsi_disk_write_done, req);
}

/* ---- UNMAP: a list of ranges, one request after the other ---- */

#define SCSI_UNMAP_MAX_RANGES 255

struct ScsiRanges {
    unsigned n;
    unsigned next;
    struct {
        uint64_t lba;
        uint64_t blocks;
    } r[SCSI_UNMAP_MAX_RANGES];
};

static void scsi_unmap_next(void *opaque, int ret)
{
    SCSIRequest *req = opaque;
    struct ScsiRanges *ranges = req->ranges;
    uint64_t bs = req->dev->conf.logical_block_size;

    while (ret >= 0 && ranges->next < ranges->n) {
        unsigned i = ranges->next++;

        if (ranges->r[i].blocks) {
            req->aiocb = blk_aio_pdiscard(req->dev->conf.blk, ranges->r[i].lba * bs, ranges->r[i].blocks * bs,
                                          scsi_unmap_next, req);
            return;
        }
    }
    scsi_disk_finish(req, false, MIN(ret, 0));
}

static void scsi_disk_unmap(SCSIRequest *req)
{
    uint8_t raw[8 + 16 * SCSI_UNMAP_MAX_RANGES];
    size_t len = MIN(req->cmd.xfer, req->qiov->size);
    unsigned n;

    if (req->cmd.buf[1] & 1) {
        scsi_req_check(req, sense_INVALID_FIELD);       /* anchoring */
        return;
    }
    len = qemu_iovec_to_buf(req->qiov, 0, raw, MIN(len, sizeof(raw)));
    req->resid = req->qiov->size - len;
    if (len == 0) {
        scsi_req_complete(req, GOOD);
        return;
    }
    if (len < 8 || ld16_be(raw) + 2u > len || ld16_be(raw + 2) + 8u > len || ld16_be(raw + 2) % 16) {
        scsi_req_check(req, sense_INVALID_PARAM_LEN);
        return;
    }
    if (!blk_is_writable(req->dev->conf.blk)) {
        scsi_req_check(req, sense_WRITE_PROTECTED);
        return;
    }
    n = ld16_be(raw + 2) / 16;
    req->ranges = g_new0(struct ScsiRanges, 1);
    req->ranges->n = n;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *d = raw + 8 + 16 * i;

        req->ranges->r[i].lba = ld64_be(d);
        req->ranges->r[i].blocks = ld32_be(d + 8);
        if (!scsi_disk_lba_ok(req, req->ranges->r[i].lba, req->ranges->r[i].blocks)) {
            scsi_req_check(req, sense_LBA_OUT_OF_RANGE);
            return;
        }
    }
    scsi_unmap_next(req, 0);
}

/* ---- Dispatch ---- */

static void scsi_disk_flush(SCSIRequest *req)
{
    if (!scsi_disk_lba_ok(req, req->cmd.lba, 0)) {
        scsi_req_check(req, sense_LBA_OUT_OF_RANGE);
        return;
    }
    req->resid = req->qiov->size;
    req->aiocb = blk_aio_flush(req->dev->conf.blk, scsi_disk_write_done, req);
}

static void scsi_disk_reply(SCSIRequest *req)
{
    uint8_t buf[SCSI_DISK_REPLY_MAX] = { 0 };
    SCSISense sense = sense_INVALID_FIELD;
    int len = scsi_disk_emulate(req->dev, &req->cmd, buf, &sense);

    if (len < 0) {
        scsi_req_check(req, sense);
    } else {
        scsi_req_data(req, buf, len);
    }
}

void scsi_disk_send_command(SCSIRequest *req)
{
    switch (req->cmd.buf[0]) {
    case READ_6:
    case READ_10:
    case READ_12:
    case READ_16:
        scsi_disk_rw(req, false);
        break;
    case WRITE_6:
    case WRITE_10:
    case WRITE_12:
    case WRITE_16:
        scsi_disk_rw(req, true);
        break;
    case SYNCHRONIZE_CACHE:
    case SYNCHRONIZE_CACHE_16:
        scsi_disk_flush(req);
        break;
    case WRITE_SAME_10:
    case WRITE_SAME_16:
        scsi_disk_write_same(req);
        break;
    case UNMAP:
        scsi_disk_unmap(req);
        break;
    default:
        scsi_disk_reply(req);
        break;
    }
}

/* ---- Life ---- */

static void scsi_disk_read_length(SCSIDevice *d)
{
    int64_t length = blk_getlength(d->conf.blk);

    __atomic_store_n(&d->length, length < 0 ? 0 : (uint64_t)length, __ATOMIC_RELAXED);
}

static void scsi_disk_resize_cb(void *opaque)
{
    SCSIDevice *d = opaque;

    scsi_disk_read_length(d);
    scsi_device_set_ua(d, sense_CAPACITY_CHANGED);
}

static void scsi_disk_drained_begin(void *opaque)
{
    scsi_device_drained_begin(opaque);
}

static void scsi_disk_drained_end(void *opaque)
{
    scsi_device_drained_end(opaque);
}

static const BlockDevOps scsi_disk_block_ops = {
    .resize_cb = scsi_disk_resize_cb,
    .drained_begin = scsi_disk_drained_begin,
    .drained_end = scsi_disk_drained_end,
};

static bool scsi_disk_realize(DeviceState *qdev, GError **errp)
{
    SCSIDevice *d = (SCSIDevice *)qdev;
    SCSIBus *bus = (SCSIBus *)qdev->parent_bus;

    if (!d->conf.blk) {
        error_setg(errp, "drive property not set");
        return false;
    }
    if (!blk_is_inserted(d->conf.blk)) {
        error_setg(errp, "Device needs media, but drive is empty");
        return false;
    }
    if (!blkconf_apply(&d->conf, qdev, errp)) {
        return false;
    }
    if (bus->info->hotplug && !bus->info->hotplug(bus, d, errp)) {
        return false;
    }
    sched_mutex_init(&d->lock, qdev->path);
    g_queue_init(&d->requests);
    scsi_disk_read_length(d);
    blk_set_dev_ops(d->conf.blk, &scsi_disk_block_ops, d);
    d->unit_attention = sense_RESET;
    d->needs_attention = false;
    scsi_device_link(d);
    return true;
}

static void scsi_disk_unrealize(DeviceState *qdev)
{
    SCSIDevice *d = (SCSIDevice *)qdev;
    SCSIBus *bus = (SCSIBus *)qdev->parent_bus;

    scsi_device_unlink(d);
    if (bus->info->unplug) {
        bus->info->unplug(bus, d);
    }
    scsi_device_purge_requests(d, sense_NO_SENSE);
    blk_set_dev_ops(d->conf.blk, NULL, NULL);
    assert(g_queue_is_empty(&d->requests));
    sched_mutex_destroy(&d->lock);
}

static void scsi_disk_reset(DeviceState *qdev)
{
    scsi_device_purge_requests((SCSIDevice *)qdev, sense_RESET);
}

static const VMStateDescription vmstate_scsi_disk = {
    .name = "scsi-disk",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(needs_attention, SCSIDevice),
        VMSTATE_UINT8(unit_attention.key, SCSIDevice),
        VMSTATE_UINT8(unit_attention.asc, SCSIDevice),
        VMSTATE_UINT8(unit_attention.ascq, SCSIDevice),
        VMSTATE_END_OF_LIST()
    },
};

static const Property scsi_hd_props[] = {
    DEFINE_BLOCK_PROPS(SCSIDevice, conf),
    DEFINE_PROP_UINT32("channel", SCSIDevice, channel, 0),
    DEFINE_PROP_UINT32("scsi-id", SCSIDevice, id, UINT32_MAX),
    DEFINE_PROP_UINT32("lun", SCSIDevice, lun, UINT32_MAX),
    DEFINE_PROP_STRING("vendor", SCSIDevice, vendor),
    DEFINE_PROP_STRING("product", SCSIDevice, product),
    DEFINE_PROP_STRING("ver", SCSIDevice, version),
    DEFINE_PROP_STRING("device_id", SCSIDevice, device_id),
    DEFINE_PROP_UINT64("wwn", SCSIDevice, wwn, 0),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass scsi_hd_class = {
    .name = "scsi-hd",
    .desc = "virtual SCSI disk",
    .bus_type = "SCSI",
    .instance_size = sizeof(SCSIDevice),
    .props = scsi_hd_props,
    .user_creatable = true,
    .realize = scsi_disk_realize,
    .unrealize = scsi_disk_unrealize,
    .reset = scsi_disk_reset,
    .vmsd = &vmstate_scsi_disk,
};
