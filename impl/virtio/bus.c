/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between a virtio device and its transport: host notifiers (kicks that arrive as descriptors), guest notifiers
 * (interrupts that leave as descriptors), and when a device's queues are served that way.
 */
#include "aio/main_loop.h"
#include "base/assert.h"
#include "virtio/virtio_int.h"

static char *virtio_bus_get_dev_path(DeviceState *dev)
{
    DeviceState *proxy = dev->parent_bus->parent;

    const BusClass *bc = proxy->parent_bus->klass;

    return bc->get_dev_path ? bc->get_dev_path(proxy) : g_strdup(proxy->path);
}

/* Order of a reset: the device's children have been reset; the transport, which comes next, stops the queues. */
const BusClass virtio_bus_class = {
    .type = "virtio-bus",
    .get_dev_path = virtio_bus_get_dev_path,
    .max_dev = 1,
};

VirtIODevice *virtio_bus_get_device(VirtioBusState *bus)
{
    return bus->bus.children->len ? g_ptr_array_index(bus->bus.children, 0) : NULL;
}

DeviceState *virtio_user_device(VirtIODevice *vdev)
{
    DeviceState *proxy = vdev->qdev.parent_bus->parent;

    return proxy->klass->user_creatable ? proxy : &vdev->qdev;
}

/* ---- Kicks ---- */

static VirtQueue *virtqueue_from_host_notifier(EventNotifier *n)
{
    return (VirtQueue *)((char *)n - offsetof(VirtQueue, host_notifier));
}

EventNotifier *virtio_queue_get_host_notifier(VirtQueue *vq)
{
    return &vq->host_notifier;
}

EventNotifier *virtio_queue_get_guest_notifier(VirtQueue *vq)
{
    return &vq->guest_notifier;
}

void virtio_queue_host_notifier_read(EventNotifier *n)
{
    if (event_notifier_test_and_clear(n)) {
        virtio_queue_notify_vq(virtqueue_from_host_notifier(n));
    }
}

static bool virtio_queue_host_notifier_aio_poll(EventNotifier *n)
{
    VirtQueue *vq = virtqueue_from_host_notifier(n);

    return vq->desc && !virtio_queue_empty(vq);
}

static void virtio_queue_host_notifier_aio_poll_ready(EventNotifier *n)
{
    virtio_queue_notify_vq(virtqueue_from_host_notifier(n));
}

static void virtio_queue_host_notifier_aio_poll_begin(EventNotifier *n)
{
    virtio_queue_set_notification(virtqueue_from_host_notifier(n), 0);
}

static void virtio_queue_host_notifier_aio_poll_end(EventNotifier *n)
{
    /* Whoever polled looks at the queue once more after this, before it sleeps (I3). */
    virtio_queue_set_notification(virtqueue_from_host_notifier(n), 1);
}

/*
 * A detach while the loop was busy-polling left the guest told not to kick, and what it has queued since then was
 * announced to nobody: ask for kicks again, and look once. Before the attach: from then on the queue is the loop's.
 */
static void virtio_queue_catch_up(VirtQueue *vq)
{
    if (!virtio_queue_get_notification(vq)) {
        virtio_queue_set_notification(vq, 1);
    }
    event_notifier_set(&vq->host_notifier);
}

void virtio_queue_aio_attach_host_notifier(VirtQueue *vq, AioContext *ctx)
{
    virtio_queue_catch_up(vq);
    aio_set_event_notifier(ctx, &vq->host_notifier, virtio_queue_host_notifier_read,
                           virtio_queue_host_notifier_aio_poll, virtio_queue_host_notifier_aio_poll_ready);
    aio_set_event_notifier_poll(ctx, &vq->host_notifier, virtio_queue_host_notifier_aio_poll_begin,
                                virtio_queue_host_notifier_aio_poll_end);
}

void virtio_queue_aio_attach_host_notifier_no_poll(VirtQueue *vq, AioContext *ctx)
{
    virtio_queue_catch_up(vq);
    aio_set_event_notifier(ctx, &vq->host_notifier, virtio_queue_host_notifier_read, NULL, NULL);
}

void virtio_queue_aio_detach_host_notifier(VirtQueue *vq, AioContext *ctx)
{
    aio_set_event_notifier(ctx, &vq->host_notifier, NULL, NULL, NULL);
}

/* ---- Interrupts that cross threads ---- */

void virtio_queue_set_guest_notifier_fd_handler(VirtQueue *vq, bool assign)
{
    event_notifier_set_handler(&vq->guest_notifier, assign ? virtio_queue_guest_notifier_read : NULL);
    if (!assign) {
        /* The last interrupt may still be in the notifier: it must not be lost. */
        virtio_queue_guest_notifier_read(&vq->guest_notifier);
    }
}

static int virtio_set_guest_notifier(VirtQueue *vq, bool assign)
{
    int ret;

    if (assign == vq->guest_notifier_live) {
        return 0;
    }
    if (assign) {
        ret = event_notifier_init(&vq->guest_notifier, vq->guest_name, false);
        if (ret < 0) {
            return ret;
        }
        vq->guest_notifier_live = true;
        virtio_queue_set_guest_notifier_fd_handler(vq, true);
    } else {
        virtio_queue_set_guest_notifier_fd_handler(vq, false);
        event_notifier_cleanup(&vq->guest_notifier);
        vq->guest_notifier_live = false;
    }
    return 0;
}

int virtio_bus_set_guest_notifiers(VirtioBusState *bus, int nvqs, bool assign)
{
    VirtIODevice *vdev = virtio_bus_get_device(bus);
    int ret = 0;
    int n;

    for (n = 0; n < nvqs && ret >= 0; n++) {
        ret = virtio_set_guest_notifier(virtio_get_queue(vdev, n), assign);
    }
    if (ret < 0) {
        while (--n >= 0) {
            (void)virtio_set_guest_notifier(virtio_get_queue(vdev, n), false);   /* taking away cannot fail */
        }
    }
    return ret;
}

/* ---- Wiring to the guest's registers ---- */

int virtio_bus_set_host_notifier(VirtioBusState *bus, int n, bool assign)
{
    VirtQueue *vq = virtio_get_queue(virtio_bus_get_device(bus), n);
    int ret;

    if (!bus->ops->ioeventfd_assign) {
        return -ENOSYS;
    }
    if (assign) {
        assert(!vq->host_notifier_live);
        ret = event_notifier_init(&vq->host_notifier, vq->host_name, false);
        if (ret < 0) {
            return ret;
        }
        vq->host_notifier_live = true;
        ret = bus->ops->ioeventfd_assign(bus->bus.parent, &vq->host_notifier, n, true);
        if (ret < 0) {
            virtio_bus_cleanup_host_notifier(bus, n);
            return ret;
        }
    } else {
        ret = bus->ops->ioeventfd_assign(bus->bus.parent, &vq->host_notifier, n, false);
    }
    vq->host_notifier_enabled = assign;
    return ret;
}

void virtio_bus_cleanup_host_notifier(VirtioBusState *bus, int n)
{
    VirtQueue *vq = virtio_get_queue(virtio_bus_get_device(bus), n);

    if (!vq->host_notifier_live) {
        return;
    }
    /* A kick that came between the last handling and now must not be lost. */
    virtio_queue_host_notifier_read(&vq->host_notifier);
    event_notifier_cleanup(&vq->host_notifier);
    vq->host_notifier_live = false;
}

bool virtio_bus_ioeventfd_enabled(VirtioBusState *bus)
{
    return bus->ops->ioeventfd_enabled && bus->ops->ioeventfd_enabled(bus->bus.parent);
}

bool virtio_device_ioeventfd_enabled(VirtIODevice *vdev)
{
    return virtio_bus_ioeventfd_enabled(vdev->bus);
}

int virtio_bus_start_ioeventfd(VirtioBusState *bus)
{
    VirtIODevice *vdev = virtio_bus_get_device(bus);
    const VirtioDeviceClass *vdc = vdev->qdev.klass->class_data;
    int ret;

    if (!bus->ops->ioeventfd_assign || !virtio_bus_ioeventfd_enabled(bus)) {
        return -ENOSYS;
    }
    if (bus->ioeventfd_started) {
        return 0;
    }
    ret = (vdc->start_ioeventfd ? vdc->start_ioeventfd : virtio_device_start_ioeventfd_impl)(vdev);
    if (ret < 0) {
        return ret;
    }
    bus->ioeventfd_started = true;
    return 0;
}

void virtio_bus_stop_ioeventfd(VirtioBusState *bus)
{
    VirtIODevice *vdev = virtio_bus_get_device(bus);
    const VirtioDeviceClass *vdc = vdev->qdev.klass->class_data;

    if (!bus->ioeventfd_started) {
        return;
    }
    (vdc->stop_ioeventfd ? vdc->stop_ioeventfd : virtio_device_stop_ioeventfd_impl)(vdev);
    bus->ioeventfd_started = false;
}

void virtio_bus_reset(VirtioBusState *bus)
{
    VirtIODevice *vdev = virtio_bus_get_device(bus);

    virtio_bus_stop_ioeventfd(bus);
    if (vdev) {
        virtio_reset(vdev);
    }
}

/* ---- For devices without a thread of their own: kicks are served in the main loop ---- */

int virtio_device_start_ioeventfd_impl(VirtIODevice *vdev)
{
    unsigned n;
    int ret = 0;

    memory_region_transaction_begin();
    for (n = 0; n < vdev->num_queues && ret >= 0; n++) {
        ret = virtio_bus_set_host_notifier(vdev->bus, n, true);
    }
    if (ret < 0) {
        for (unsigned i = 0; i + 1 < n; i++) {
            (void)virtio_bus_set_host_notifier(vdev->bus, i, false);
        }
    }
    memory_region_transaction_commit();
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        VirtQueue *vq = virtio_get_queue(vdev, i);

        if (ret < 0) {
            virtio_bus_cleanup_host_notifier(vdev->bus, i);
            continue;
        }
        event_notifier_set_handler(&vq->host_notifier, virtio_queue_host_notifier_read);
        event_notifier_set(&vq->host_notifier);     /* kicks from before went elsewhere: look once */
    }
    return ret;
}

void virtio_device_stop_ioeventfd_impl(VirtIODevice *vdev)
{
    memory_region_transaction_begin();
    for (unsigned n = 0; n < vdev->num_queues; n++) {
        event_notifier_set_handler(&virtio_get_queue(vdev, n)->host_notifier, NULL);
        (void)virtio_bus_set_host_notifier(vdev->bus, n, false);    /* taking away cannot fail */
    }
    memory_region_transaction_commit();
    for (unsigned n = 0; n < vdev->num_queues; n++) {
        virtio_bus_cleanup_host_notifier(vdev->bus, n);
    }
}
