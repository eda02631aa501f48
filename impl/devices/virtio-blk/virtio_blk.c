/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio-blk device: requests, configuration, and its queues' life in an iothread.
 */
#include "devices/virtio-blk/virtio_blk.h"

#include <string.h>

#include "aio/wait.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/iov.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define VIRTIO_BLK_F_SEG_MAX 2
#define VIRTIO_BLK_F_RO 5
#define VIRTIO_BLK_F_BLK_SIZE 6
#define VIRTIO_BLK_F_FLUSH 9
#define VIRTIO_BLK_F_TOPOLOGY 10
#define VIRTIO_BLK_F_CONFIG_WCE 11
#define VIRTIO_BLK_F_MQ 12
#define VIRTIO_BLK_F_DISCARD 13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

#define VIRTIO_BLK_T_IN 0
#define VIRTIO_BLK_T_OUT 1
#define VIRTIO_BLK_T_FLUSH 4
#define VIRTIO_BLK_T_GET_ID 8
#define VIRTIO_BLK_T_DISCARD 11
#define VIRTIO_BLK_T_WRITE_ZEROES 13

#define VIRTIO_BLK_S_OK 0
#define VIRTIO_BLK_S_IOERR 1
#define VIRTIO_BLK_S_UNSUPP 2

#define VIRTIO_BLK_HDR_SIZE 16
#define VIRTIO_BLK_ID_BYTES 20
#define VIRTIO_BLK_CONFIG_SIZE 60
#define VIRTIO_BLK_RANGE_SIZE 16
#define VIRTIO_BLK_FLAG_UNMAP 1

typedef struct VirtIOBlockReq {
    VirtQueueElement elem;
    VirtIOBlock *dev;
    VirtQueue *vq;
    uint32_t type;
    uint64_t sector;            /* of 512 bytes */
    QEMUIOVector qiov;          /* the data: readable part after the header, or writable part before the status */
    uint8_t *status;            /* in guest memory */
    unsigned in_len;            /* bytes of the writable part */
} VirtIOBlockReq;

/* ---- Completion ---- */

static void virtio_blk_free_request(VirtIOBlockReq *req)
{
    qemu_iovec_destroy(&req->qiov);
    g_free(req);
}

static void virtio_blk_req_complete(VirtIOBlockReq *req, uint8_t status)
{
    VirtIODevice *vdev = &req->dev->parent;

    *req->status = status;
    virtqueue_push(req->vq, &req->elem, req->in_len);
    virtio_notify_any(vdev, req->vq);
    virtio_blk_free_request(req);
}

static void virtio_blk_rw_complete(void *opaque, int ret)
{
    VirtIOBlockReq *req = opaque;
    VirtIOBlock *s = req->dev;

    if (ret < 0) {
        bool is_read = req->type == VIRTIO_BLK_T_IN;
        BlockErrorAction action = blk_get_error_action(s->conf.blk, is_read, -ret);

        blk_error_action(s->conf.blk, action, is_read, -ret);
        virtio_blk_req_complete(req, action == BLOCK_ERROR_ACTION_IGNORE ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
        return;
    }
    virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
}

/* ---- Requests ---- */

static bool virtio_blk_range_ok(VirtIOBlock *s, uint64_t sector, uint64_t bytes)
{
    uint64_t mask = s->conf.logical_block_size / BDRV_SECTOR_SIZE - 1;
    uint64_t total = __atomic_load_n(&s->length, __ATOMIC_RELAXED) / BDRV_SECTOR_SIZE;

    return !(sector & mask) && bytes % s->conf.logical_block_size == 0 && bytes / BDRV_SECTOR_SIZE <= total &&
           sector <= total - bytes / BDRV_SECTOR_SIZE;
}

static void virtio_blk_handle_rw(VirtIOBlockReq *req)
{
    VirtIOBlock *s = req->dev;
    bool is_write = req->type == VIRTIO_BLK_T_OUT;

    if (!virtio_blk_range_ok(s, req->sector, req->qiov.size) || req->qiov.size > BDRV_REQUEST_MAX_BYTES) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    if (is_write) {
        (void)blk_aio_pwritev(s->conf.blk, req->sector * BDRV_SECTOR_SIZE, &req->qiov, 0, virtio_blk_rw_complete,
                              req);
    } else {
        (void)blk_aio_preadv(s->conf.blk, req->sector * BDRV_SECTOR_SIZE, &req->qiov, 0, virtio_blk_rw_complete,
                             req);
    }
}

static void virtio_blk_handle_range(VirtIOBlockReq *req)
{
    VirtIOBlock *s = req->dev;
    bool is_zeroes = req->type == VIRTIO_BLK_T_WRITE_ZEROES;
    uint32_t max = is_zeroes ? s->max_write_zeroes_sectors : s->max_discard_sectors;
    uint8_t raw[VIRTIO_BLK_RANGE_SIZE];
    uint64_t sector;
    uint64_t bytes;
    uint32_t flags;

    if (!blk_supports_write_perm(s->conf.blk) || !(is_zeroes ? s->write_zeroes : s->discard)) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    /* One range at a time is what the configuration space promises. */
    if (req->qiov.size != sizeof(raw)) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    qemu_iovec_to_buf(&req->qiov, 0, raw, sizeof(raw));
    sector = ld64_le(raw);
    bytes = (uint64_t)ld32_le(raw + 8) * BDRV_SECTOR_SIZE;
    flags = ld32_le(raw + 12);
    if (flags & ~(is_zeroes ? VIRTIO_BLK_FLAG_UNMAP : 0u)) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    if (ld32_le(raw + 8) > max || !virtio_blk_range_ok(s, sector, bytes)) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    if (is_zeroes) {
        (void)blk_aio_pwrite_zeroes(s->conf.blk, sector * BDRV_SECTOR_SIZE, bytes,
                                    flags & VIRTIO_BLK_FLAG_UNMAP ? BDRV_REQ_MAY_UNMAP : 0, virtio_blk_rw_complete,
                                    req);
    } else {
        (void)blk_aio_pdiscard(s->conf.blk, sector * BDRV_SECTOR_SIZE, bytes, virtio_blk_rw_complete, req);
    }
}

static void virtio_blk_handle_get_id(VirtIOBlockReq *req)
{
    char id[VIRTIO_BLK_ID_BYTES] = { 0 };
    const char *serial = req->dev->conf.serial ? req->dev->conf.serial : "";

    memcpy(id, serial, MIN(strlen(serial), sizeof(id)));
    qemu_iovec_from_buf(&req->qiov, 0, id, sizeof(id));
    virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
}

static void virtio_blk_add_part(QEMUIOVector *qiov, const struct iovec *iov, unsigned n, size_t skip, size_t len)
{
    for (unsigned i = 0; i < n && len; i++) {
        size_t part = iov[i].iov_len;

        if (skip >= part) {
            skip -= part;
            continue;
        }
        part = MIN(part - skip, len);
        qemu_iovec_add(qiov, (char *)iov[i].iov_base + skip, part);
        skip = 0;
        len -= part;
    }
}

/* Returns false if the guest broke the rules; then the device is broken and @req gone. */
static bool virtio_blk_handle_request(VirtIOBlockReq *req)
{
    VirtQueueElement *elem = &req->elem;
    size_t out_size = iov_size(elem->out_sg, elem->out_num);
    uint8_t hdr[VIRTIO_BLK_HDR_SIZE];
    struct iovec *last;

    req->in_len = iov_size(elem->in_sg, elem->in_num);
    if (out_size < sizeof(hdr) || req->in_len < 1) {
        virtio_error(&req->dev->parent, "virtio-blk request outhdr too short or inhdr missing");
        virtqueue_detach_element(req->vq, elem, 0);
        g_free(req);
        return false;
    }
    last = &elem->in_sg[elem->in_num - 1];
    req->status = (uint8_t *)last->iov_base + last->iov_len - 1;
    iov_to_buf(elem->out_sg, elem->out_num, 0, hdr, sizeof(hdr));
    req->type = ld32_le(hdr);
    req->sector = ld64_le(hdr + 8);
    qemu_iovec_init(&req->qiov, elem->out_num + elem->in_num);
    if (req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_GET_ID) {
        virtio_blk_add_part(&req->qiov, elem->in_sg, elem->in_num, 0, req->in_len - 1);
    } else {
        virtio_blk_add_part(&req->qiov, elem->out_sg, elem->out_num, sizeof(hdr), out_size - sizeof(hdr));
    }
    switch (req->type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        virtio_blk_handle_rw(req);
        break;
    case VIRTIO_BLK_T_FLUSH:
        (void)blk_aio_flush(req->dev->conf.blk, virtio_blk_rw_complete, req);
        break;
    case VIRTIO_BLK_T_GET_ID:
        virtio_blk_handle_get_id(req);
        break;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        virtio_blk_handle_range(req);
        break;
    default:
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
        break;
    }
    return true;
}

static void virtio_blk_handle_vq(VirtIOBlock *s, VirtQueue *vq)
{
    bool suppress = virtio_queue_get_notification(vq);
    VirtIOBlockReq *req;

    do {
        if (suppress) {
            virtio_queue_set_notification(vq, 0);
        }
        while ((req = virtqueue_pop(vq, sizeof(*req)))) {
            req->dev = s;
            req->vq = vq;
            if (!virtio_blk_handle_request(req)) {
                return;
            }
        }
        if (suppress) {
            virtio_queue_set_notification(vq, 1);
        }
    } while (!virtio_queue_empty(vq));
}

static void virtio_blk_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    virtio_blk_handle_vq((VirtIOBlock *)vdev, vq);
}

/* ---- Notifiers in the iothread ---- */

static int virtio_blk_assign_notifiers(VirtIOBlock *s)
{
    VirtioBusState *bus = s->parent.bus;
    unsigned n;
    int ret = virtio_bus_set_guest_notifiers(bus, s->num_queues, true);

    if (ret < 0) {
        return ret;
    }
    memory_region_transaction_begin();
    for (n = 0; n < s->num_queues && ret >= 0; n++) {
        ret = virtio_bus_set_host_notifier(bus, n, true);
    }
    if (ret < 0) {
        for (unsigned i = 0; i + 1 < n; i++) {
            (void)virtio_bus_set_host_notifier(bus, i, false);      /* taking away cannot fail */
        }
    }
    memory_region_transaction_commit();
    if (ret < 0) {
        for (unsigned i = 0; i < n; i++) {
            virtio_bus_cleanup_host_notifier(bus, i);
        }
        (void)virtio_bus_set_guest_notifiers(bus, s->num_queues, false);
    }
    return ret;
}

static AioContext *virtio_blk_home_context(VirtIOBlock *s)
{
    return s->iothread ? iothread_get_aio_context(s->iothread) : qemu_get_aio_context();
}

static int virtio_blk_start_ioeventfd(VirtIODevice *vdev)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;
    int ret;

    if (s->ioeventfd_started || s->ioeventfd_starting) {
        return 0;
    }
    s->ioeventfd_starting = true;
    ret = virtio_blk_assign_notifiers(s);
    if (ret < 0) {
        s->ioeventfd_disabled = true;
        s->ioeventfd_starting = false;
        return ret;
    }
    /* If somebody pins the node elsewhere, the queues are served where it is. */
    (void)blk_set_aio_context(s->conf.blk, virtio_blk_home_context(s), NULL);
    s->ctx = blk_get_aio_context(s->conf.blk);
    s->ioeventfd_started = true;
    s->ioeventfd_starting = false;
    if (!blk_in_drain(s->conf.blk)) {
        for (unsigned i = 0; i < s->num_queues; i++) {
            virtio_queue_aio_attach_host_notifier(virtio_get_queue(vdev, i), s->ctx);
        }
    }
    return 0;
}

/* In the queue's home thread, so that its handler is not running when this returns. */
static void virtio_blk_ioeventfd_stop_vq_bh(void *opaque)
{
    VirtQueue *vq = opaque;
    VirtIOBlock *s = (VirtIOBlock *)virtio_queue_get_vdev(vq);

    virtio_queue_aio_detach_host_notifier(vq, s->ctx);
}

static void virtio_blk_stop_ioeventfd(VirtIODevice *vdev)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;

    if (!s->ioeventfd_started || s->ioeventfd_stopping) {
        return;
    }
    s->ioeventfd_stopping = true;
    if (!blk_in_drain(s->conf.blk)) {
        for (unsigned i = 0; i < s->num_queues; i++) {
            aio_wait_bh_oneshot(s->ctx, virtio_blk_ioeventfd_stop_vq_bh, virtio_get_queue(vdev, i));
        }
    }
    memory_region_transaction_begin();
    for (unsigned i = 0; i < s->num_queues; i++) {
        (void)virtio_bus_set_host_notifier(vdev->bus, i, false);    /* taking away cannot fail */
    }
    memory_region_transaction_commit();
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_bus_cleanup_host_notifier(vdev->bus, i);
    }
    /* Before the drain, whose end would attach the notifiers again. */
    s->ioeventfd_started = false;
    blk_drain(s->conf.blk);
    /* Fails only if others pin the node; then it simply stays where it is. */
    (void)blk_set_aio_context(s->conf.blk, qemu_get_aio_context(), NULL);
    (void)virtio_bus_set_guest_notifiers(vdev->bus, s->num_queues, false);
    s->ioeventfd_disabled = false;
    s->ioeventfd_stopping = false;
}

/* ---- Drain (I2) ---- */

static void virtio_blk_drained_begin(void *opaque)
{
    VirtIOBlock *s = opaque;

    if (s->ioeventfd_started) {
        for (unsigned i = 0; i < s->num_queues; i++) {
            virtio_queue_aio_detach_host_notifier(virtio_get_queue(&s->parent, i), s->ctx);
        }
    }
}

static void virtio_blk_drained_end(void *opaque)
{
    VirtIOBlock *s = opaque;

    if (s->ioeventfd_started) {
        for (unsigned i = 0; i < s->num_queues; i++) {
            virtio_queue_aio_attach_host_notifier(virtio_get_queue(&s->parent, i), s->ctx);
        }
    }
}

/*
 * The length is kept here because asking the backend may poll, which a queue's handler must not: it would run
 * itself again inside.
 */
static void virtio_blk_read_length(VirtIOBlock *s)
{
    int64_t length = blk_getlength(s->conf.blk);

    __atomic_store_n(&s->length, length < 0 ? 0 : (uint64_t)length, __ATOMIC_RELAXED);
}

static void virtio_blk_resize(void *opaque)
{
    VirtIOBlock *s = opaque;

    virtio_blk_read_length(s);
    virtio_notify_config(&s->parent);
}

static const BlockDevOps virtio_block_ops = {
    .resize_cb = virtio_blk_resize,
    .drained_begin = virtio_blk_drained_begin,
    .drained_end = virtio_blk_drained_end,
};

/* ---- Configuration ---- */

static void virtio_blk_get_config(VirtIODevice *vdev, uint8_t *c)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;
    const BlockConf *conf = &s->conf;
    unsigned exp = 0;

    while ((conf->logical_block_size << exp) < conf->physical_block_size) {
        exp++;
    }
    memset(c, 0, VIRTIO_BLK_CONFIG_SIZE);
    st64_le(c, __atomic_load_n(&s->length, __ATOMIC_RELAXED) / BDRV_SECTOR_SIZE);
    st32_le(c + 12, s->queue_size - 2);
    st32_le(c + 20, conf->logical_block_size);
    c[24] = exp;
    st16_le(c + 26, conf->min_io_size / conf->logical_block_size);
    st32_le(c + 28, conf->opt_io_size / conf->logical_block_size);
    c[32] = blk_enable_write_cache(conf->blk);
    st16_le(c + 34, s->num_queues);
    st32_le(c + 36, s->max_discard_sectors);
    st32_le(c + 40, 1);
    st32_le(c + 44, (conf->discard_granularity == UINT32_MAX ? conf->logical_block_size :
                     conf->discard_granularity) / BDRV_SECTOR_SIZE);
    st32_le(c + 48, s->max_write_zeroes_sectors);
    st32_le(c + 52, 1);
    c[56] = 1;
}

static void virtio_blk_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    if (virtio_vdev_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
        blk_set_enable_write_cache(((VirtIOBlock *)vdev)->conf.blk, config[32] != 0);
    }
}

static uint64_t virtio_blk_get_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;

    features |= UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX | UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
                UINT64_C(1) << VIRTIO_BLK_F_FLUSH | UINT64_C(1) << VIRTIO_BLK_F_TOPOLOGY;
    features |= (uint64_t)s->config_wce << VIRTIO_BLK_F_CONFIG_WCE;
    features |= (uint64_t)(s->num_queues > 1) << VIRTIO_BLK_F_MQ;
    if (!blk_supports_write_perm(s->conf.blk)) {
        return features | UINT64_C(1) << VIRTIO_BLK_F_RO;
    }
    features |= (uint64_t)s->discard << VIRTIO_BLK_F_DISCARD;
    return features | (uint64_t)s->write_zeroes << VIRTIO_BLK_F_WRITE_ZEROES;
}

/* ---- Life ---- */

static void virtio_blk_reset(VirtIODevice *vdev)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;

    blk_drain(s->conf.blk);
    blk_set_enable_write_cache(s->conf.blk, s->conf.wce != ON_OFF_AUTO_OFF);
}

static bool virtio_blk_check(VirtIOBlock *s, GError **errp)
{
    if (!s->conf.blk) {
        error_setg(errp, "drive property not set");
        return false;
    }
    if (!blk_is_inserted(s->conf.blk)) {
        error_setg(errp, "Device needs media, but drive is empty");
        return false;
    }
    if (s->num_queues < 1 || s->num_queues > VIRTIO_QUEUE_MAX) {
        error_setg(errp, "num-queues property must be between 1 and %d", VIRTIO_QUEUE_MAX);
        return false;
    }
    if (s->queue_size <= 2 || !is_power_of_2(s->queue_size) || s->queue_size > VIRTQUEUE_MAX_SIZE) {
        error_setg(errp, "invalid queue-size property (%u), must be a power of 2 (max %d)", s->queue_size,
                   VIRTQUEUE_MAX_SIZE);
        return false;
    }
    if (s->iothread && !virtio_device_ioeventfd_enabled(&s->parent)) {
        error_setg(errp, "ioeventfd is required for iothread");
        return false;
    }
    return true;
}

static bool virtio_blk_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;

    if (s->num_queues == UINT16_MAX) {
        s->num_queues = 1;
    }
    if (!virtio_blk_check(s, errp) || !blkconf_apply(&s->conf, virtio_user_device(vdev), errp)) {
        return false;
    }
    vdev->name = "virtio-blk";
    virtio_init(vdev, VIRTIO_ID_BLOCK, VIRTIO_BLK_CONFIG_SIZE);
    for (unsigned i = 0; i < s->num_queues; i++) {
        (void)virtio_add_queue(vdev, s->queue_size, virtio_blk_handle_output);
    }
    virtio_blk_read_length(s);
    blk_set_dev_ops(s->conf.blk, &virtio_block_ops, s);
    return true;
}

static void virtio_blk_unrealize(VirtIODevice *vdev)
{
    VirtIOBlock *s = (VirtIOBlock *)vdev;

    blk_set_dev_ops(s->conf.blk, NULL, NULL);
}

static const VMStateDescription vmstate_virtio_blk = {
    .name = "virtio-blk",
    .version_id = 2,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIOBlock),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_blk_vdc = {
    .device_id = VIRTIO_ID_BLOCK,
    .realize = virtio_blk_realize,
    .unrealize = virtio_blk_unrealize,
    .get_features = virtio_blk_get_features,
    .get_config = virtio_blk_get_config,
    .set_config = virtio_blk_set_config,
    .reset = virtio_blk_reset,
    .start_ioeventfd = virtio_blk_start_ioeventfd,
    .stop_ioeventfd = virtio_blk_stop_ioeventfd,
};

static const Property virtio_blk_props[] = {
    DEFINE_BLOCK_PROPS(VirtIOBlock, conf),
    DEFINE_PROP_IOTHREAD("iothread", VirtIOBlock, iothread),
    DEFINE_PROP_UINT16("num-queues", VirtIOBlock, num_queues, UINT16_MAX),
    DEFINE_PROP_UINT16("queue-size", VirtIOBlock, queue_size, 256),
    DEFINE_PROP_BOOL("config-wce", VirtIOBlock, config_wce, true),
    DEFINE_PROP_BOOL("discard", VirtIOBlock, discard, true),
    DEFINE_PROP_BOOL("write-zeroes", VirtIOBlock, write_zeroes, true),
    DEFINE_PROP_UINT32("max-discard-sectors", VirtIOBlock, max_discard_sectors, BDRV_REQUEST_MAX_BYTES / 512),
    DEFINE_PROP_UINT32("max-write-zeroes-sectors", VirtIOBlock, max_write_zeroes_sectors,
                       BDRV_REQUEST_MAX_BYTES / 512),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIOBlock, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_blk_class = {
    .name = "virtio-blk-device",
    .bus_type = "virtio-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIOBlock),
    .props = virtio_blk_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_blk,
    .class_data = &virtio_blk_vdc,
};
