/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio device core: negotiation, configuration, life and state of a device. Queues at work are in queue.c.
 */
#include "virtio/virtio.h"

#include <string.h>

#include "aio/main_loop.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"
#include "virtio/virtio_int.h"

static const VirtioDeviceClass *virtio_class(const VirtIODevice *vdev)
{
    return vdev->qdev.klass->class_data;
}

/* ---- Errors ---- */

static void virtio_error_bh(void *opaque)
{
    VirtIODevice *vdev = opaque;

    virtio_set_isr(vdev, 2);
    virtio_notify_vector(vdev, vdev->config_vector);
}

void virtio_error(VirtIODevice *vdev, const char *fmt, ...)
{
    va_list ap;

    if (vdev->broken) {
        return;
    }
    va_start(ap, fmt);
    g_free(vdev->error);
    vdev->error = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    vdev->broken = true;
    if (virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        __atomic_fetch_or(&vdev->status, VIRTIO_CONFIG_S_NEEDS_RESET, __ATOMIC_SEQ_CST);
        /* A queue's thread may not touch interrupt lines: the main loop does it. */
        qemu_bh_schedule(vdev->error_bh);
    }
}

/* ---- Queues: set-up ---- */

VirtQueue *virtio_get_queue(VirtIODevice *vdev, int n)
{
    assert(n >= 0 && n < VIRTIO_QUEUE_MAX);
    return &vdev->vq[n];
}

unsigned virtio_get_num_queues(VirtIODevice *vdev)
{
    return vdev->num_queues;
}

VirtIODevice *virtio_queue_get_vdev(VirtQueue *vq)
{
    return vq->vdev;
}

int virtio_get_queue_index(VirtQueue *vq)
{
    return vq->queue_index;
}

const char *virtio_queue_name(const VirtQueue *vq)
{
    return vq->name;
}

/* Devices are known by what the user called them; else by what they are. */
static const char *virtio_owner_name(const VirtIODevice *vdev)
{
    const DeviceState *d = vdev->qdev.parent_bus ? vdev->qdev.parent_bus->parent : NULL;

    if (vdev->qdev.id) {
        return vdev->qdev.id;
    }
    if (d && d->id) {
        return d->id;
    }
    return d && d->path ? d->path : vdev->name;
}

VirtQueue *virtio_add_queue(VirtIODevice *vdev, int queue_size, VirtIOHandleOutput handle_output)
{
    VirtQueue *vq = &vdev->vq[vdev->num_queues];

    assert(vdev->num_queues < VIRTIO_QUEUE_MAX);
    assert(queue_size >= 2 && queue_size <= VIRTQUEUE_MAX_SIZE && is_power_of_2(queue_size));
    vq->name = g_strdup_printf("%s.vq%u", virtio_owner_name(vdev), vdev->num_queues);
    vq->host_name = g_strdup_printf("%s.kick", vq->name);
    vq->guest_name = g_strdup_printf("%s.irq", vq->name);
    sched_object_init(&vq->o, "virtqueue", vq->name);
    vq->vdev = vdev;
    vq->queue_index = vdev->num_queues++;
    vq->num_default = queue_size;
    vq->handle_output = handle_output;
    virtio_queue_reset(vq);
    return vq;
}

void virtio_delete_queue(VirtQueue *vq)
{
    g_clear_pointer(&vq->name, g_free);
    g_clear_pointer(&vq->host_name, g_free);
    g_clear_pointer(&vq->guest_name, g_free);
    vq->num = vq->num_default = 0;
    vq->handle_output = NULL;
}

void virtio_queue_reset(VirtQueue *vq)
{
    vq->num = vq->num_default;
    vq->desc = vq->avail = vq->used = 0;
    vq->vector = VIRTIO_NO_VECTOR;
    vq->enabled = false;
    vq->last_avail_idx = vq->shadow_avail_idx = vq->used_idx = vq->signalled_used = 0;
    vq->signalled_used_valid = false;
    vq->notification = true;
    vq->inuse = 0;
    vq->epoch++;
}

void virtio_queue_set_num(VirtIODevice *vdev, int n, int num)
{
    VirtQueue *vq = virtio_get_queue(vdev, n);

    /* A queue that does not exist stays so; the size is the guest's choice within what was offered. */
    if (vq->num_default && num > 0 && num <= (int)vq->num_default && is_power_of_2(num)) {
        vq->num = num;
    }
}

int virtio_queue_get_num(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->num;
}

int virtio_queue_get_max_num(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->num_default;
}

void virtio_queue_set_rings(VirtIODevice *vdev, int n, hwaddr desc, hwaddr avail, hwaddr used)
{
    VirtQueue *vq = virtio_get_queue(vdev, n);

    if (!vq->num) {
        return;
    }
    if (desc % 16 || avail % 2 || used % 4) {
        virtio_error(vdev, "rings of queue %d are not aligned", n);
        return;
    }
    vq->desc = desc;
    vq->avail = avail;
    vq->used = used;
}

hwaddr virtio_queue_get_desc_addr(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->desc;
}

hwaddr virtio_queue_get_avail_addr(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->avail;
}

hwaddr virtio_queue_get_used_addr(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->used;
}

bool virtio_queue_enabled(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->enabled;
}

void virtio_queue_enable(VirtIODevice *vdev, int n)
{
    virtio_get_queue(vdev, n)->enabled = true;
}

uint16_t virtio_queue_vector(VirtIODevice *vdev, int n)
{
    return virtio_get_queue(vdev, n)->vector;
}

void virtio_queue_set_vector(VirtIODevice *vdev, int n, uint16_t vector)
{
    virtio_get_queue(vdev, n)->vector = vector;
}

void virtio_queue_notify_vq(VirtQueue *vq)
{
    if (vq->desc && vq->handle_output && !vq->vdev->broken) {
        vq->handle_output(vq->vdev, vq);
    }
}

void virtio_queue_notify(VirtIODevice *vdev, int n)
{
    VirtQueue *vq = virtio_get_queue(vdev, n);

    if (!vq->desc || vdev->broken) {
        return;
    }
    if (vq->host_notifier_enabled) {
        event_notifier_set(&vq->host_notifier);
    } else {
        virtio_queue_notify_vq(vq);
    }
}

/* ---- Negotiation ---- */

bool virtio_device_started(VirtIODevice *vdev, uint8_t status)
{
    return status & VIRTIO_CONFIG_S_DRIVER_OK;
}

int virtio_set_features(VirtIODevice *vdev, uint64_t val)
{
    bool bad = val & ~vdev->host_features;

    if (vdev->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)) {
        return -1;
    }
    val &= vdev->host_features;
    vdev->guest_features = val;
    if (virtio_class(vdev)->set_features) {
        virtio_class(vdev)->set_features(vdev, val);
    }
    return bad ? -1 : 0;
}

int virtio_set_status(VirtIODevice *vdev, uint8_t val)
{
    bool was = virtio_device_started(vdev, vdev->status);

    /* A modern driver without VERSION_1, or with features we do not have, is told by FEATURES_OK staying clear. */
    if (val & VIRTIO_CONFIG_S_FEATURES_OK && !(vdev->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
        !virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        val &= ~VIRTIO_CONFIG_S_FEATURES_OK;
    }
    if (vdev->broken && virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        val |= VIRTIO_CONFIG_S_NEEDS_RESET;
    }
    vdev->started = virtio_device_started(vdev, val);
    if (virtio_class(vdev)->set_status) {
        virtio_class(vdev)->set_status(vdev, val);
    }
    vdev->status = val;
    if (!was && vdev->started) {
        vdev->generation++;
    }
    return 0;
}

void virtio_reset(void *opaque)
{
    VirtIODevice *vdev = opaque;

    (void)virtio_set_status(vdev, 0);       /* stopping cannot fail */
    if (virtio_class(vdev)->reset) {
        virtio_class(vdev)->reset(vdev);
    }
    vdev->started = false;
    vdev->broken = false;
    vdev->guest_features = 0;
    vdev->queue_sel = 0;
    vdev->status = 0;
    __atomic_store_n(&vdev->isr, 0, __ATOMIC_SEQ_CST);
    vdev->config_vector = VIRTIO_NO_VECTOR;
    qemu_bh_cancel(vdev->error_bh);
    g_clear_pointer(&vdev->error, g_free);
    virtio_notify_vector(vdev, VIRTIO_NO_VECTOR);
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtio_queue_reset(&vdev->vq[i]);
    }
}

/* ---- Configuration space ---- */

uint32_t virtio_config_readb(VirtIODevice *vdev, uint32_t addr, unsigned size)
{
    uint8_t le[4] = { 0 };

    if (size > 4 || (uint64_t)addr + size > vdev->config_size) {
        return UINT32_MAX;
    }
    if (virtio_class(vdev)->get_config) {
        virtio_class(vdev)->get_config(vdev, vdev->config);
    }
    memcpy(le, vdev->config + addr, size);
    return ld32_le(le);
}

void virtio_config_writeb(VirtIODevice *vdev, uint32_t addr, uint32_t data, unsigned size)
{
    uint8_t le[4];

    if (size > 4 || (uint64_t)addr + size > vdev->config_size) {
        return;
    }
    st32_le(le, data);
    memcpy(vdev->config + addr, le, size);
    if (virtio_class(vdev)->set_config) {
        virtio_class(vdev)->set_config(vdev, vdev->config);
    }
}

void virtio_notify_config(VirtIODevice *vdev)
{
    if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return;
    }
    virtio_set_isr(vdev, 3);
    vdev->generation++;
    virtio_notify_vector(vdev, vdev->config_vector);
}

/* ---- Life ---- */

static void virtio_vmstate_change(void *opaque, bool running, RunState state)
{
    VirtIODevice *vdev = opaque;
    bool backend_run = running && virtio_device_started(vdev, vdev->status);

    vdev->vm_running = running;
    if (backend_run) {
        (void)virtio_set_status(vdev, vdev->status);    /* cannot fail: the guest had this status */
    }
    vdev->bus->ops->vmstate_change(vdev->bus->bus.parent, backend_run);
    if (!backend_run) {
        (void)virtio_set_status(vdev, vdev->status);
    }
}

void virtio_init(VirtIODevice *vdev, uint16_t device_id, size_t config_size)
{
    vdev->device_id = device_id;
    vdev->config_size = config_size;
    vdev->config = g_malloc0(MAX(config_size, 1));
    vdev->config_vector = VIRTIO_NO_VECTOR;
    vdev->vq = g_new0(VirtQueue, VIRTIO_QUEUE_MAX);
    vdev->dma_as = get_address_space_memory();
    vdev->vm_running = runstate_is_running();
    vdev->error_bh = qemu_bh_new(virtio_error_bh, vdev);
    vdev->vmstate = qemu_add_vm_change_state_handler(virtio_vmstate_change, vdev);
}

void virtio_cleanup(VirtIODevice *vdev)
{
    qemu_del_vm_change_state_handler(vdev->vmstate);
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtio_delete_queue(&vdev->vq[i]);
    }
    qemu_bh_delete(vdev->error_bh);
    g_clear_pointer(&vdev->error, g_free);
    g_clear_pointer(&vdev->config, g_free);
    g_clear_pointer(&vdev->vq, g_free);
    vdev->num_queues = 0;
}

bool virtio_device_realize(DeviceState *dev, GError **errp)
{
    VirtIODevice *vdev = (VirtIODevice *)dev;
    uint64_t features;

    vdev->bus = (VirtioBusState *)dev->parent_bus;
    if (!virtio_class(vdev)->realize(vdev, errp)) {
        return false;
    }
    features = UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
               UINT64_C(1) << VIRTIO_F_VERSION_1;
    if (virtio_class(vdev)->get_features) {
        features = virtio_class(vdev)->get_features(vdev, features);
    }
    if (!vdev->indirect_desc) {
        features &= ~(UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
    }
    if (!vdev->event_idx) {
        features &= ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
    }
    vdev->host_features = features;
    return true;
}

void virtio_device_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = (VirtIODevice *)dev;

    virtio_bus_stop_ioeventfd(vdev->bus);
    virtio_reset(vdev);
    if (virtio_class(vdev)->unrealize) {
        virtio_class(vdev)->unrealize(vdev);
    }
    virtio_cleanup(vdev);
}

void virtio_device_reset(DeviceState *dev)
{
    /* The transport resets us after it has stopped the queues; on our own we would race with them. */
}

/* ---- State. The VM is stopped and drained, so no request is in flight. ---- */

static int virtqueue_post_load(void *opaque, int version_id)
{
    VirtQueue *vq = opaque;

    if (vq->num > vq->num_default || (vq->num && !is_power_of_2(vq->num)) || vq->desc % 16 || vq->avail % 2 ||
        vq->used % 4 || (vq->desc && (!vq->avail || !vq->used || !vq->num))) {
        vq->desc = vq->avail = vq->used = 0;
        vq->num = vq->num_default;
        return -EINVAL;
    }
    vq->shadow_avail_idx = vq->last_avail_idx;
    vq->inuse = 0;
    vq->epoch++;
    vq->notification = true;
    return 0;
}

static const VMStateDescription vmstate_virtqueue = {
    .name = "virtqueue",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = virtqueue_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(num, VirtQueue),
        VMSTATE_UINT64(desc, VirtQueue),
        VMSTATE_UINT64(avail, VirtQueue),
        VMSTATE_UINT64(used, VirtQueue),
        VMSTATE_UINT16(vector, VirtQueue),
        VMSTATE_BOOL(enabled, VirtQueue),
        VMSTATE_UINT16(last_avail_idx, VirtQueue),
        VMSTATE_UINT16(used_idx, VirtQueue),
        VMSTATE_UINT16(signalled_used, VirtQueue),
        VMSTATE_BOOL(signalled_used_valid, VirtQueue),
        VMSTATE_END_OF_LIST()
    },
};

static int virtio_pre_save(void *opaque)
{
    VirtIODevice *vdev = opaque;

    for (unsigned i = 0; i < vdev->num_queues; i++) {
        if (vdev->vq[i].inuse) {
            return -EBUSY;      /* parked behind somebody's drain; its result would be lost */
        }
    }
    return 0;
}

static int virtio_post_load(void *opaque, int version_id)
{
    VirtIODevice *vdev = opaque;

    if (vdev->guest_features & ~vdev->host_features || vdev->queue_sel >= VIRTIO_QUEUE_MAX) {
        vdev->guest_features = 0;
        vdev->queue_sel = 0;
        return -EINVAL;
    }
    vdev->started = virtio_device_started(vdev, vdev->status);
    vdev->broken = vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET;
    if (virtio_class(vdev)->set_features) {
        virtio_class(vdev)->set_features(vdev, vdev->guest_features);
    }
    if (virtio_class(vdev)->set_config) {
        virtio_class(vdev)->set_config(vdev, vdev->config);
    }
    return 0;
}

const VMStateDescription vmstate_virtio_device = {
    .name = "virtio",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = virtio_pre_save,
    .post_load = virtio_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(status, VirtIODevice),
        VMSTATE_UINT8(isr, VirtIODevice),
        VMSTATE_UINT16(queue_sel, VirtIODevice),
        VMSTATE_UINT64(guest_features, VirtIODevice),
        VMSTATE_UINT16(config_vector, VirtIODevice),
        VMSTATE_UINT32(generation, VirtIODevice),
        VMSTATE_UINT32_EQUAL(config_size, VirtIODevice),
        VMSTATE_VBUFFER_UINT32(config, VirtIODevice, 0, config_size),
        VMSTATE_UINT32_EQUAL(num_queues, VirtIODevice),
        VMSTATE_STRUCT_VARRAY_POINTER_KNOWN(vq, VirtIODevice, num_queues, 0, vmstate_virtqueue, VirtQueue),
        VMSTATE_END_OF_LIST()
    },
};
