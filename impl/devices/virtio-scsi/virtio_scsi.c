/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio-scsi device: requests and configuration. The queues' life is in dataplane.c.
 */
#include "devices/virtio-scsi/virtio_scsi.h"

#include <string.h>

#include "aio/wait.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "devices/table.h"
#include "migration/vmstate.h"
#include "virtio/pci.h"

#define VIRTIO_SCSI_F_INOUT 0
#define VIRTIO_SCSI_F_HOTPLUG 1
#define VIRTIO_SCSI_F_CHANGE 2

#define VIRTIO_SCSI_CONFIG_SIZE 36
#define VIRTIO_SCSI_RESP_FIXED 12       /* of a command's response, before the sense */

#define VIRTIO_SCSI_T_TMF 0
#define VIRTIO_SCSI_T_AN_QUERY 1
#define VIRTIO_SCSI_T_AN_SUBSCRIBE 2
#define VIRTIO_SCSI_TMF_SIZE 24         /* type, subtype, lun 8, tag 8 */
#define VIRTIO_SCSI_AN_SIZE 16
#define TMF_ABORT_TASK 0
#define TMF_ABORT_TASK_SET 1
#define TMF_CLEAR_TASK_SET 3
#define TMF_I_T_NEXUS_RESET 4
#define TMF_LOGICAL_UNIT_RESET 5
#define TMF_QUERY_TASK 6
#define TMF_QUERY_TASK_SET 7

typedef struct VirtIOSCSIReq {
    VirtQueueElement elem;
    VirtIOSCSI *dev;
    VirtQueue *vq;
    SCSIRequest *sreq;
    uint64_t tag;
    QEMUIOVector data;          /* the guest's buffer: data-out or data-in, whichever the command moves */
    uint8_t resp[VIRTIO_SCSI_RESP_FIXED + VIRTIO_SCSI_SENSE_SIZE];
    unsigned resp_len;
} VirtIOSCSIReq;

/* ---- Completion ---- */

static void virtio_scsi_free_req(VirtIOSCSIReq *req)
{
    qemu_iovec_destroy(&req->data);
    g_free(req);
}

static void virtio_scsi_complete_req(VirtIOSCSIReq *req, size_t data_len)
{
    VirtQueueElement *elem = &req->elem;

    iov_from_buf(elem->in_sg, elem->in_num, 0, req->resp, req->resp_len);
    virtqueue_push(req->vq, elem, req->resp_len + data_len);
    virtio_notify_any(&req->dev->parent, req->vq);
    virtio_scsi_free_req(req);
}

static void virtio_scsi_bad_req(VirtIOSCSIReq *req)
{
    virtio_error(&req->dev->parent, "wrong size for virtio-scsi headers");
    virtqueue_detach_element(req->vq, &req->elem, 0);
    virtio_scsi_free_req(req);
}

static void virtio_scsi_respond(VirtIOSCSIReq *req, uint8_t response)
{
    req->resp[11] = response;
    virtio_scsi_complete_req(req, 0);
}

/* SCSIBusInfo.complete */
static void virtio_scsi_command_complete(SCSIRequest *sreq)
{
    VirtIOSCSIReq *req = sreq->hba_private;
    size_t moved = req->data.size - MIN(sreq->resid, req->data.size);
    unsigned room = req->resp_len - VIRTIO_SCSI_RESP_FIXED;
    unsigned sense_len = MIN(sreq->sense_len, room);
    bool data_in = sreq->cmd.mode == SCSI_XFER_FROM_DEV;

    st32_le(req->resp, sense_len);
    st32_le(req->resp + 4, sreq->resid);
    req->resp[10] = sreq->status;
    req->resp[11] = sreq->io_canceled ? VIRTIO_SCSI_S_ABORTED : VIRTIO_SCSI_S_OK;
    memcpy(req->resp + VIRTIO_SCSI_RESP_FIXED, sreq->sense, sense_len);
    req->sreq = NULL;
    scsi_req_unref(sreq);
    virtio_scsi_complete_req(req, data_in ? moved : 0);
}

/* ---- Commands ---- */

static SCSIDevice *virtio_scsi_device_find(VirtIOSCSI *s, const uint8_t *lun, int *ret_lun)
{
    int target;

    if (!virtio_scsi_parse_lun(lun, &target, ret_lun)) {
        return NULL;
    }
    return scsi_device_find(&s->bus, 0, target, *ret_lun, false);
}

static void virtio_scsi_add_part(QEMUIOVector *qiov, const struct iovec *iov, unsigned n, size_t skip)
{
    for (unsigned i = 0; i < n; i++) {
        size_t part = MIN(skip, iov[i].iov_len);

        skip -= part;
        if (iov[i].iov_len > part) {
            qemu_iovec_add(qiov, (char *)iov[i].iov_base + part, iov[i].iov_len - part);
        }
    }
}

/* The buffer the command wants, if the guest gave the other one too, or a wrong one: an overrun. */
static bool virtio_scsi_map_data(VirtIOSCSIReq *req, size_t header, SCSIXferMode mode)
{
    VirtQueueElement *elem = &req->elem;
    size_t out = iov_size(elem->out_sg, elem->out_num) - header;
    size_t in = iov_size(elem->in_sg, elem->in_num) - req->resp_len;

    if (out && in) {
        return false;           /* bidirectional commands are not offered */
    }
    if ((mode == SCSI_XFER_FROM_DEV && out) || (mode == SCSI_XFER_TO_DEV && in)) {
        return false;
    }
    if (out) {
        virtio_scsi_add_part(&req->data, elem->out_sg, elem->out_num, header);
    } else {
        virtio_scsi_add_part(&req->data, elem->in_sg, elem->in_num, req->resp_len);
    }
    return true;
}

static void virtio_scsi_handle_cmd_req(VirtIOSCSI *s, VirtIOSCSIReq *req)
{
    VirtQueueElement *elem = &req->elem;
    size_t header = VIRTIO_SCSI_CMD_HEADER + s->cdb_size;
    uint8_t raw[VIRTIO_SCSI_CMD_HEADER + VIRTIO_SCSI_CDB_MAX];
    VirtIOSCSICommand cmd;
    SCSIDevice *d;
    size_t got;
    int lun;

    req->resp_len = VIRTIO_SCSI_RESP_FIXED + s->sense_size;
    got = iov_to_buf(elem->out_sg, elem->out_num, 0, raw, header);
    if (!virtio_scsi_parse_cmd(raw, got, s->cdb_size, &cmd) ||
        iov_size(elem->in_sg, elem->in_num) < req->resp_len) {
        virtio_scsi_bad_req(req);
        return;
    }
    req->tag = cmd.tag;
    d = virtio_scsi_device_find(s, cmd.lun, &lun);
    if (!d) {
        virtio_scsi_respond(req, VIRTIO_SCSI_S_BAD_TARGET);
        return;
    }
    req->sreq = scsi_req_new(&s->bus, d, lun, cmd.cdb, cmd.cdb_len, req);
    if (!req->sreq) {
        /* A CDB of unknown form is answered like an unknown command. */
        req->resp[10] = CHECK_CONDITION;
        st32_le(req->resp, scsi_build_sense(req->resp + VIRTIO_SCSI_RESP_FIXED, true, sense_INVALID_OPCODE));
        virtio_scsi_respond(req, VIRTIO_SCSI_S_OK);
        return;
    }
    if (!virtio_scsi_map_data(req, header, req->sreq->cmd.mode)) {
        scsi_req_unref(g_steal_pointer(&req->sreq));
        virtio_scsi_respond(req, VIRTIO_SCSI_S_OVERRUN);
        return;
    }
    scsi_req_enqueue(req->sreq, &req->data);
}

static VirtIOSCSIReq *virtio_scsi_pop_req(VirtIOSCSI *s, VirtQueue *vq)
{
    VirtIOSCSIReq *req = virtqueue_pop(vq, sizeof(*req));

    if (req) {
        req->dev = s;
        req->vq = vq;
        qemu_iovec_init(&req->data, req->elem.out_num + req->elem.in_num);
    }
    return req;
}

static void virtio_scsi_handle_vq(VirtIOSCSI *s, VirtQueue *vq, void (*handle)(VirtIOSCSI *s, VirtIOSCSIReq *req))
{
    bool suppress = virtio_queue_get_notification(vq);
    VirtIOSCSIReq *req;

    do {
        if (suppress) {
            virtio_queue_set_notification(vq, 0);
        }
        while ((req = virtio_scsi_pop_req(s, vq))) {
            handle(s, req);
        }
        if (suppress) {
            virtio_queue_set_notification(vq, 1);
        }
    } while (!virtio_queue_empty(vq));
}

static void virtio_scsi_handle_cmd(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;

    virtio_scsi_handle_vq(s, vq, virtio_scsi_handle_cmd_req);
}

/* ---- Control ---- */

/* Ask @d's requests (with @tag, or all) to end early. Their answers go out on their own. Returns how many. */
static unsigned virtio_scsi_cancel(SCSIDevice *d, int lun, const uint64_t *tag, bool cancel)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    sched_mutex_lock(&d->lock);
    for (GList *l = d->requests.head; l; l = l->next) {
        SCSIRequest *sreq = l->data;

        if ((int)sreq->lun == lun && (!tag || ((VirtIOSCSIReq *)sreq->hba_private)->tag == *tag)) {
            scsi_req_ref(sreq);
            g_ptr_array_add(found, sreq);
        }
    }
    sched_mutex_unlock(&d->lock);
    for (unsigned i = 0; i < found->len; i++) {
        SCSIRequest *sreq = g_ptr_array_index(found, i);

        if (cancel) {
            scsi_req_cancel_async(sreq);
        }
        scsi_req_unref(sreq);
    }
    return found->len;
}

/* All LUNs of a target. Each is looked up anew, as unplugging may shift the list between two of them. */
static void virtio_scsi_reset_target(VirtIOSCSI *s, int target)
{
    for (unsigned i = 0;; i++) {
        SCSIDevice *d = NULL;

        sched_mutex_lock(&s->bus.lock);
        if (i < s->bus.devices->len) {
            d = g_ptr_array_index(s->bus.devices, i);
        }
        sched_mutex_unlock(&s->bus.lock);
        if (!d) {
            return;
        }
        if ((int)d->id == target) {
            virtio_scsi_cancel(d, d->lun, NULL, true);
            scsi_device_set_ua(d, sense_RESET);
        }
    }
}

static uint8_t virtio_scsi_do_tmf(VirtIOSCSI *s, const uint8_t *raw)
{
    uint32_t subtype = ld32_le(raw + 4);
    uint64_t tag = ld64_le(raw + 16);
    int lun;
    SCSIDevice *d = virtio_scsi_device_find(s, raw + 8, &lun);

    if (!d) {
        return VIRTIO_SCSI_S_BAD_TARGET;
    }
    if (subtype != TMF_I_T_NEXUS_RESET && (int)d->lun != lun) {
        return VIRTIO_SCSI_S_INCORRECT_LUN;
    }
    switch (subtype) {
    case TMF_ABORT_TASK:
        virtio_scsi_cancel(d, lun, &tag, true);
        return VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET:
        virtio_scsi_cancel(d, lun, NULL, true);
        return VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    case TMF_LOGICAL_UNIT_RESET:
        virtio_scsi_cancel(d, lun, NULL, true);
        scsi_device_set_ua(d, sense_RESET);
        return VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    case TMF_I_T_NEXUS_RESET:
        virtio_scsi_reset_target(s, d->id);
        return VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    case TMF_QUERY_TASK:
        /* "Succeeded" with bit 0 would mean: the task is there; the response code 0 or 10 says so. */
        return virtio_scsi_cancel(d, lun, &tag, false) ? 10 : VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    case TMF_QUERY_TASK_SET:
        return virtio_scsi_cancel(d, lun, NULL, false) ? 10 : VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    default:
        return VIRTIO_SCSI_S_FUNCTION_REJECTED;
    }
}

static void virtio_scsi_handle_ctrl_req(VirtIOSCSI *s, VirtIOSCSIReq *req)
{
    VirtQueueElement *elem = &req->elem;
    uint8_t raw[VIRTIO_SCSI_TMF_SIZE];
    size_t got = iov_to_buf(elem->out_sg, elem->out_num, 0, raw, sizeof(raw));
    size_t room = iov_size(elem->in_sg, elem->in_num);
    uint32_t type = got >= 4 ? ld32_le(raw) : UINT32_MAX;

    if (type == VIRTIO_SCSI_T_TMF && got >= VIRTIO_SCSI_TMF_SIZE && room >= 1) {
        req->resp_len = 1;
        req->resp[0] = virtio_scsi_do_tmf(s, raw);
    } else if ((type == VIRTIO_SCSI_T_AN_QUERY || type == VIRTIO_SCSI_T_AN_SUBSCRIBE) &&
               got >= VIRTIO_SCSI_AN_SIZE && room >= 5) {
        req->resp_len = 5;      /* no asynchronous notifications: event mask 0, response OK */
    } else {
        virtio_scsi_bad_req(req);
        return;
    }
    virtio_scsi_complete_req(req, 0);
}

static void virtio_scsi_handle_ctrl(VirtIODevice *vdev, VirtQueue *vq)
{
    virtio_scsi_handle_vq((VirtIOSCSI *)vdev, vq, virtio_scsi_handle_ctrl_req);
}

/* No events are sent: the guest's buffers stay in its queue. */
static void virtio_scsi_handle_event(VirtIODevice *vdev, VirtQueue *vq)
{
}

/* ---- Bus ---- */

static bool virtio_scsi_hotplug(SCSIBus *bus, SCSIDevice *d, GError **errp)
{
    VirtIOSCSI *s = (VirtIOSCSI *)((char *)bus - offsetof(VirtIOSCSI, bus));

    if (s->ctx && !s->dataplane_fenced) {
        return blk_set_aio_context(d->conf.blk, s->ctx, errp) >= 0;
    }
    return true;
}

static void virtio_scsi_unplug_bh(void *opaque)
{
}

static void virtio_scsi_unplug(SCSIBus *bus, SCSIDevice *d)
{
    VirtIOSCSI *s = (VirtIOSCSI *)((char *)bus - offsetof(VirtIOSCSI, bus));

    /* A handler that found the device before it was unlinked has returned once this has run. */
    if (s->dataplane_started && s->ctx != qemu_get_aio_context()) {
        aio_wait_bh_oneshot(s->ctx, virtio_scsi_unplug_bh, NULL);
    }
    if (s->ctx && s->ctx != qemu_get_aio_context()) {
        /* Fails only if others pin the node; then it stays where it is. */
        (void)blk_set_aio_context(d->conf.blk, qemu_get_aio_context(), NULL);
    }
}

static const SCSIBusInfo virtio_scsi_bus_info = {
    .max_target = VIRTIO_SCSI_MAX_TARGET,
    .max_lun = VIRTIO_SCSI_MAX_LUN,
    .complete = virtio_scsi_command_complete,
    .hotplug = virtio_scsi_hotplug,
    .unplug = virtio_scsi_unplug,
    .drained_begin = virtio_scsi_drained_begin,
    .drained_end = virtio_scsi_drained_end,
};

/* ---- Configuration ---- */

static void virtio_scsi_get_config(VirtIODevice *vdev, uint8_t *c)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;

    memset(c, 0, VIRTIO_SCSI_CONFIG_SIZE);
    st32_le(c, s->num_queues);
    st32_le(c + 4, s->virtqueue_size - 2);
    st32_le(c + 8, s->max_sectors);
    st32_le(c + 12, s->cmd_per_lun);
    st32_le(c + 16, 16);
    st32_le(c + 20, s->sense_size);
    st32_le(c + 24, s->cdb_size);
    st16_le(c + 28, 0);
    st16_le(c + 30, VIRTIO_SCSI_MAX_TARGET);
    st32_le(c + 32, VIRTIO_SCSI_MAX_LUN);
}

static void virtio_scsi_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;
    uint32_t sense_size = ld32_le(config + 20);
    uint32_t cdb_size = ld32_le(config + 24);

    if (sense_size > VIRTIO_SCSI_SENSE_SIZE || cdb_size > VIRTIO_SCSI_CDB_MAX || cdb_size == 0) {
        virtio_error(vdev, "bad data written to virtio-scsi configuration space");
        return;
    }
    s->sense_size = sense_size;
    s->cdb_size = cdb_size;
}

static uint64_t virtio_scsi_get_features(VirtIODevice *vdev, uint64_t features)
{
    return features;
}

/* ---- Life ---- */

static void virtio_scsi_reset(VirtIODevice *vdev)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;

    assert(!s->dataplane_started);
    for (unsigned i = 0; i < s->bus.qbus.children->len; i++) {
        SCSIDevice *d = g_ptr_array_index(s->bus.qbus.children, i);

        if (d->qdev.realized) {
            scsi_device_purge_requests(d, sense_RESET);
        }
    }
    s->sense_size = VIRTIO_SCSI_SENSE_SIZE;
    s->cdb_size = VIRTIO_SCSI_CDB_SIZE;
}

static bool virtio_scsi_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;

    if (s->num_queues == UINT32_MAX) {
        s->num_queues = 1;
    }
    if (s->num_queues == 0 || s->num_queues > VIRTIO_QUEUE_MAX - VIRTIO_SCSI_VQ_NUM_FIXED) {
        error_setg(errp, "Invalid number of queues (= %u), must be a positive integer less than %d.",
                   s->num_queues, VIRTIO_QUEUE_MAX - VIRTIO_SCSI_VQ_NUM_FIXED + 1);
        return false;
    }
    if (s->virtqueue_size <= 2 || s->virtqueue_size > VIRTQUEUE_MAX_SIZE || !is_power_of_2(s->virtqueue_size)) {
        error_setg(errp, "invalid virtqueue_size property (= %u), must be a power of 2 (max %d)",
                   s->virtqueue_size, VIRTQUEUE_MAX_SIZE);
        return false;
    }
    if (s->iothread && !virtio_device_ioeventfd_enabled(vdev)) {
        error_setg(errp, "ioeventfd is required for iothread");
        return false;
    }
    vdev->name = "virtio-scsi";
    s->sense_size = VIRTIO_SCSI_SENSE_SIZE;
    s->cdb_size = VIRTIO_SCSI_CDB_SIZE;
    virtio_init(vdev, VIRTIO_ID_SCSI, VIRTIO_SCSI_CONFIG_SIZE);
    (void)virtio_add_queue(vdev, s->virtqueue_size, virtio_scsi_handle_ctrl);
    (void)virtio_add_queue(vdev, s->virtqueue_size, virtio_scsi_handle_event);
    for (uint32_t i = 0; i < s->num_queues; i++) {
        (void)virtio_add_queue(vdev, s->virtqueue_size, virtio_scsi_handle_cmd);
    }
    virtio_scsi_dataplane_setup(s);
    return true;
}

static const VMStateDescription vmstate_virtio_scsi = {
    .name = "virtio-scsi",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIOSCSI),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_scsi_vdc = {
    .device_id = VIRTIO_ID_SCSI,
    .realize = virtio_scsi_realize,
    .get_features = virtio_scsi_get_features,
    .get_config = virtio_scsi_get_config,
    .set_config = virtio_scsi_set_config,
    .reset = virtio_scsi_reset,
    .start_ioeventfd = virtio_scsi_dataplane_start,
    .stop_ioeventfd = virtio_scsi_dataplane_stop,
};

static const Property virtio_scsi_props[] = {
    DEFINE_PROP_UINT32("num_queues", VirtIOSCSI, num_queues, UINT32_MAX),
    DEFINE_PROP_UINT32("virtqueue_size", VirtIOSCSI, virtqueue_size, 256),
    DEFINE_PROP_UINT32("max_sectors", VirtIOSCSI, max_sectors, 0xffff),
    DEFINE_PROP_UINT32("cmd_per_lun", VirtIOSCSI, cmd_per_lun, 128),
    DEFINE_PROP_IOTHREAD("iothread", VirtIOSCSI, iothread),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIOSCSI, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_scsi_class = {
    .name = "virtio-scsi-device",
    .bus_type = "virtio-bus",
    .instance_size = sizeof(VirtIOSCSI),
    .props = virtio_scsi_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_scsi,
    .class_data = &virtio_scsi_vdc,
};

/* ---- virtio-scsi-pci ---- */

typedef struct VirtIOSCSIPCI {
    VirtIOPCIProxy parent;
    VirtIOSCSI vdev;
} VirtIOSCSIPCI;

static void virtio_scsi_pci_init(DeviceState *dev)
{
    VirtIOSCSIPCI *d = (VirtIOSCSIPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_scsi_class);
}

static bool virtio_scsi_pci_realize(PCIDevice *pci_dev, GError **errp)
{
    VirtIOSCSIPCI *d = (VirtIOSCSIPCI *)pci_dev;
    DeviceState *vdev = &d->vdev.parent.qdev;
    g_autofree char *name = NULL;

    if (!virtio_pci_realize(pci_dev, errp)) {
        return false;
    }
    if (pci_dev->qdev.id) {
        name = g_strdup_printf("%s.0", pci_dev->qdev.id);
    }
    scsi_bus_init(&d->vdev.bus, vdev, &virtio_scsi_bus_info, name);
    return true;
}

static const Property virtio_scsi_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIOSCSIPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_scsi_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1004,
    .class_id = 0x0100,
    .realize = virtio_scsi_pci_realize,
};

const DeviceClass virtio_scsi_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-scsi-pci",
    .instance_size = sizeof(VirtIOSCSIPCI),
    .props = virtio_scsi_pci_props,
    .init = virtio_scsi_pci_init,
    .class_data = &virtio_scsi_pci_pc,
};
