/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SCSI bus and its requests. See bus.h.
 */
#include "scsi/bus.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "scsi/opcodes.h"

static char *scsi_get_dev_path(DeviceState *qdev)
{
    SCSIDevice *d = (SCSIDevice *)qdev;
    DeviceState *hba = qdev->parent_bus->parent;
    BusState *above = hba->parent_bus;
    g_autofree char *prefix = above->klass->get_dev_path ? above->klass->get_dev_path(hba) : g_strdup(hba->path);

    return g_strdup_printf("%s/%u:%u:%u", prefix, d->channel, d->id, d->lun);
}

static bool scsi_check_address(BusState *qbus, DeviceState *qdev, GError **errp)
{
    SCSIBus *bus = (SCSIBus *)qbus;
    SCSIDevice *d = (SCSIDevice *)qdev;
    bool choose = d->id == UINT32_MAX;

    if (d->channel != 0) {
        error_setg(errp, "bad scsi channel id: %u", d->channel);
        return false;
    }
    if (d->lun == UINT32_MAX) {
        d->lun = 0;
    }
    if ((!choose && d->id > (uint32_t)bus->info->max_target) || d->lun > (uint32_t)bus->info->max_lun) {
        error_setg(errp, "bad scsi device id or lun: %u:%u", d->id, d->lun);
        return false;
    }
    for (uint32_t id = choose ? 0 : d->id; choose ? id <= (uint32_t)bus->info->max_target : id == d->id; id++) {
        SCSIDevice *other = scsi_device_find(bus, 0, id, d->lun, true);

        if (!other || other == d) {
            d->id = id;
            return true;
        }
    }
    error_setg(errp, choose ? "no free target" : "lun already used by '%s'",
               choose ? "" : scsi_device_find(bus, 0, d->id, d->lun, true)->qdev.path);
    return false;
}

static void scsi_bus_finalize(BusState *qbus)
{
    SCSIBus *bus = (SCSIBus *)qbus;

    assert(bus->devices->len == 0);
    g_ptr_array_free(bus->devices, TRUE);
    sched_mutex_destroy(&bus->lock);
}

const BusClass scsi_bus_class = {
    .type = "SCSI",
    .finalize = scsi_bus_finalize,
    .get_dev_path = scsi_get_dev_path,
    .check_address = scsi_check_address,
};

void scsi_bus_init(SCSIBus *bus, DeviceState *host, const SCSIBusInfo *info, const char *name)
{
    bus->info = info;
    bus->devices = g_ptr_array_new();
    sched_mutex_init(&bus->lock, "scsi-bus");
    bus_init(&bus->qbus, &scsi_bus_class, host, name);
}

SCSIDevice *scsi_device_find(SCSIBus *bus, int channel, int target, int lun, bool exact)
{
    SCSIDevice *any = NULL;
    SCSIDevice *found = NULL;

    sched_mutex_lock(&bus->lock);
    for (unsigned i = 0; i < bus->devices->len && !found; i++) {
        SCSIDevice *d = g_ptr_array_index(bus->devices, i);

        if ((int)d->channel == channel && (int)d->id == target) {
            any = any ? any : d;
            found = (int)d->lun == lun ? d : NULL;
        }
    }
    sched_mutex_unlock(&bus->lock);
    return found || exact ? found : any;
}

void scsi_device_link(SCSIDevice *dev)
{
    SCSIBus *bus = (SCSIBus *)dev->qdev.parent_bus;

    sched_mutex_lock(&bus->lock);
    g_ptr_array_add(bus->devices, dev);
    sched_mutex_unlock(&bus->lock);
}

void scsi_device_unlink(SCSIDevice *dev)
{
    SCSIBus *bus = (SCSIBus *)dev->qdev.parent_bus;

    sched_mutex_lock(&bus->lock);
    g_ptr_array_remove(bus->devices, dev);
    sched_mutex_unlock(&bus->lock);
}

/* ---- Requests ---- */

SCSIRequest *scsi_req_new(SCSIBus *bus, SCSIDevice *dev, uint32_t lun, const uint8_t *cdb, unsigned cdb_len,
                          void *hba_private)
{
    SCSIRequest *req = g_new0(SCSIRequest, 1);

    if (!scsi_decode_cdb(cdb, cdb_len, dev->conf.logical_block_size, &req->cmd)) {
        g_free(req);
        return NULL;
    }
    req->bus = bus;
    req->dev = dev;
    req->lun = lun;
    req->hba_private = hba_private;
    req->refcount = 1;
    req->status = -1;
    return req;
}

void scsi_req_ref(SCSIRequest *req)
{
    assert(__atomic_fetch_add(&req->refcount, 1, __ATOMIC_SEQ_CST) > 0);
}

void scsi_req_unref(SCSIRequest *req)
{
    if (__atomic_fetch_sub(&req->refcount, 1, __ATOMIC_SEQ_CST) != 1) {
        return;
    }
    qemu_iovec_destroy(&req->part);
    g_free(req->ranges);
    g_free(req->bounce);
    g_free(req);
}

static void scsi_req_track(SCSIRequest *req)
{
    sched_mutex_lock(&req->dev->lock);
    g_queue_push_tail(&req->dev->requests, req);
    sched_mutex_unlock(&req->dev->lock);
    req->enqueued = true;
    scsi_req_ref(req);
}

static void scsi_req_untrack(SCSIRequest *req)
{
    sched_mutex_lock(&req->dev->lock);
    assert(g_queue_remove(&req->dev->requests, req));
    sched_mutex_unlock(&req->dev->lock);
    req->enqueued = false;
}

void scsi_req_complete(SCSIRequest *req, int status)
{
    assert(req->status == -1 && req->enqueued);     /* (I1) */
    req->status = status;
    if (status != CHECK_CONDITION) {
        req->sense_len = 0;
    }
    scsi_req_untrack(req);
    req->bus->info->complete(req);
    scsi_req_unref(req);
}

void scsi_req_check(SCSIRequest *req, SCSISense sense)
{
    req->sense_len = scsi_build_sense(req->sense, true, sense);
    req->resid = req->qiov->size;
    scsi_req_complete(req, CHECK_CONDITION);
}

void scsi_req_data(SCSIRequest *req, const void *buf, unsigned len)
{
    uint64_t n = MIN(len, MIN(req->cmd.xfer, req->qiov->size));

    qemu_iovec_from_buf(req->qiov, 0, buf, n);
    req->resid = req->qiov->size - n;
    scsi_req_complete(req, GOOD);
}

/* ---- What a target answers when the LUN does not exist ---- */

static void scsi_report_luns(SCSIRequest *req)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint8_t entry[8] = { 0 };
    uint8_t select = req->cmd.buf[2];

    if (req->cmd.xfer < 16 || select > 2) {
        scsi_req_check(req, sense_INVALID_FIELD);
        return;
    }
    g_byte_array_append(out, entry, 8);             /* header */
    if (select != 1) {
        bool have_zero = scsi_device_find(req->bus, 0, req->dev->id, 0, true);

        if (!have_zero) {
            g_byte_array_append(out, entry, 8);     /* LUN 0 always answers */
        }
        sched_mutex_lock(&req->bus->lock);
        for (unsigned i = 0; i < req->bus->devices->len; i++) {
            SCSIDevice *d = g_ptr_array_index(req->bus->devices, i);

            if (d->id == req->dev->id) {
                /* Flat addressing from 256 on, peripheral below. */
                entry[0] = d->lun < 256 ? 0 : 0x40 | d->lun >> 8;
                entry[1] = d->lun;
                g_byte_array_append(out, entry, 8);
            }
        }
        sched_mutex_unlock(&req->bus->lock);
    }
    st32_be(out->data, out->len - 8);
    scsi_req_data(req, out->data, out->len);
}

static void scsi_target_send_command(SCSIRequest *req)
{
    uint8_t buf[36] = { 0 };

    switch (req->cmd.buf[0]) {
    case REPORT_LUNS:
        scsi_report_luns(req);
        break;
    case INQUIRY:
        if (req->cmd.buf[1] & 1) {
            scsi_req_check(req, sense_INVALID_FIELD);
            break;
        }
        buf[0] = req->lun != 0 ? 0x7f : 0x3f;       /* no device here */
        buf[2] = 5;
        buf[3] = 0x12;
        buf[4] = sizeof(buf) - 5;
        memcpy(buf + 8, "RONDO   RONDO TARGET    1.0 ", 28);
        scsi_req_data(req, buf, sizeof(buf));
        break;
    case REQUEST_SENSE: {
        unsigned n = scsi_build_sense(buf, !(req->cmd.buf[1] & 1), sense_LUN_NOT_SUPPORTED);

        scsi_req_data(req, buf, n);
        break;
    }
    default:
        scsi_req_check(req, sense_LUN_NOT_SUPPORTED);
        break;
    }
}

/* INQUIRY, REPORT LUNS and REQUEST SENSE never report a pending unit attention (SAM-5, 5.14). */
static bool scsi_req_take_ua(SCSIRequest *req, SCSISense *ret)
{
    uint8_t op = req->cmd.buf[0];
    bool pending;

    if (op == INQUIRY || op == REPORT_LUNS || op == REQUEST_SENSE ||
        !__atomic_load_n(&req->dev->needs_attention, __ATOMIC_RELAXED)) {
        return false;
    }
    sched_mutex_lock(&req->dev->lock);
    pending = req->dev->needs_attention;
    *ret = req->dev->unit_attention;
    req->dev->needs_attention = false;
    sched_mutex_unlock(&req->dev->lock);
    return pending;
}

void scsi_req_enqueue(SCSIRequest *req, QEMUIOVector *qiov)
{
    SCSISense ua;

    req->qiov = qiov;
    qemu_iovec_init(&req->part, MAX(qiov->niov, 1));
    scsi_req_track(req);
    scsi_req_ref(req);
    if (req->dev->lun != req->lun) {
        scsi_target_send_command(req);
    } else if (scsi_req_take_ua(req, &ua)) {
        scsi_req_check(req, ua);
    } else if (req->cmd.buf[0] == REPORT_LUNS) {
        scsi_report_luns(req);
    } else {
        scsi_disk_send_command(req);
    }
    scsi_req_unref(req);
}

void scsi_req_cancel_async(SCSIRequest *req)
{
    req->io_canceled = true;
    if (req->aiocb) {
        blk_aio_cancel_async(req->aiocb);
    }
}

/* ---- Devices ---- */

void scsi_device_set_ua(SCSIDevice *dev, SCSISense sense)
{
    sched_mutex_lock(&dev->lock);
    /* A pending one is only replaced by what tells more: reset beats the rest (SAM-5, 5.14). */
    if (!dev->needs_attention || sense.asc == sense_RESET.asc) {
        dev->unit_attention = sense;
    }
    dev->needs_attention = true;
    sched_mutex_unlock(&dev->lock);
}

void scsi_device_purge_requests(SCSIDevice *dev, SCSISense sense)
{
    /*
     * Requests run in the thread of the backend's context, so they are not called from here: the drain waits for
     * all of them, and nothing distinguishes a request that was cancelled late from one that was done.
     */
    blk_drain(dev->conf.blk);
    scsi_device_set_ua(dev, sense);
}

void scsi_device_drained_begin(SCSIDevice *dev)
{
    SCSIBus *bus = (SCSIBus *)dev->qdev.parent_bus;

    assert(bus->drain_count < INT_MAX);
    if (bus->drain_count++ == 0 && bus->info->drained_begin) {
        bus->info->drained_begin(bus);
    }
}

void scsi_device_drained_end(SCSIDevice *dev)
{
    SCSIBus *bus = (SCSIBus *)dev->qdev.parent_bus;

    assert(bus->drain_count > 0);
    if (bus->drain_count-- == 1 && bus->info->drained_end) {
        bus->info->drained_end(bus);
    }
}
