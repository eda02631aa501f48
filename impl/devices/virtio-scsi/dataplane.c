/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi: the queues' life in an AioContext: start, stop, drain.
 */
#include "aio/wait.h"
#include "base/assert.h"
#include "devices/virtio-scsi/virtio_scsi.h"

void virtio_scsi_dataplane_setup(VirtIOSCSI *s)
{
    if (!virtio_device_ioeventfd_enabled(&s->parent)) {
        s->ctx = NULL;
    } else {
        s->ctx = s->iothread ? iothread_get_aio_context(s->iothread) : qemu_get_aio_context();
    }
}

static unsigned virtio_scsi_num_vqs(const VirtIOSCSI *s)
{
    return s->num_queues + VIRTIO_SCSI_VQ_NUM_FIXED;
}

/* The guest keeps the event queue full of buffers, so busy-polling it would find work for ever and never sleep. */
static void virtio_scsi_attach(VirtIOSCSI *s)
{
    for (unsigned i = 0; i < virtio_scsi_num_vqs(s); i++) {
        VirtQueue *vq = virtio_get_queue(&s->parent, i);

        if (i == 1) {
            virtio_queue_aio_attach_host_notifier_no_poll(vq, s->ctx);
        } else {
            virtio_queue_aio_attach_host_notifier(vq, s->ctx);
        }
    }
}

static int virtio_scsi_assign_notifiers(VirtIOSCSI *s)
{
    VirtioBusState *bus = s->parent.bus;
    unsigned nvqs = virtio_scsi_num_vqs(s);
    unsigned n;
    int ret = virtio_bus_set_guest_notifiers(bus, nvqs, true);

    if (ret < 0) {
        return ret;
    }
    memory_region_transaction_begin();
    for (n = 0; n < nvqs && ret >= 0; n++) {
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
        (void)virtio_bus_set_guest_notifiers(bus, nvqs, false);
    }
    return ret;
}

int virtio_scsi_dataplane_start(VirtIODevice *vdev)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;
    int ret;

    if (s->dataplane_started || s->dataplane_starting || s->dataplane_fenced) {
        return 0;
    }
    s->dataplane_starting = true;
    ret = virtio_scsi_assign_notifiers(s);
    s->dataplane_starting = false;
    if (ret < 0) {
        s->dataplane_fenced = true;
        return ret;
    }
    s->dataplane_started = true;
    if (s->bus.drain_count == 0) {
        virtio_scsi_attach(s);
    }
    return 0;
}

/* In the queue's home thread, so that its handler is not running when this returns. */
static void virtio_scsi_dataplane_stop_vq_bh(void *opaque)
{
    VirtQueue *vq = opaque;
    VirtIOSCSI *s = (VirtIOSCSI *)virtio_queue_get_vdev(vq);
    EventNotifier *n = virtio_queue_get_host_notifier(vq);

    virtio_queue_aio_detach_host_notifier(vq, s->ctx);
    /* A kick that was on its way is served now: the queue will not be looked at again. */
    virtio_queue_host_notifier_read(n);
}

void virtio_scsi_dataplane_stop(VirtIODevice *vdev)
{
    VirtIOSCSI *s = (VirtIOSCSI *)vdev;
    unsigned nvqs = virtio_scsi_num_vqs(s);

    if (!s->dataplane_started || s->dataplane_stopping) {
        return;
    }
    if (s->dataplane_fenced) {
        s->dataplane_fenced = false;
        s->dataplane_started = false;
        return;
    }
    s->dataplane_stopping = true;
    if (s->bus.drain_count == 0) {
        for (unsigned i = 0; i < nvqs; i++) {
            aio_wait_bh_oneshot(s->ctx, virtio_scsi_dataplane_stop_vq_bh, virtio_get_queue(vdev, i));
        }
    }
    memory_region_transaction_begin();
    for (unsigned i = 0; i < nvqs; i++) {
        (void)virtio_bus_set_host_notifier(vdev->bus, i, false);    /* taking away cannot fail */
    }
    memory_region_transaction_commit();
    for (unsigned i = 0; i < nvqs; i++) {
        virtio_bus_cleanup_host_notifier(vdev->bus, i);
    }
    s->dataplane_started = false;       /* (I3) */
    blk_drain_all();                    /* all requests of all disks must be over: their queues go away */
    (void)virtio_bus_set_guest_notifiers(vdev->bus, nvqs, false);
    s->dataplane_stopping = false;
}

void virtio_scsi_drained_begin(SCSIBus *bus)
{
    VirtIOSCSI *s = (VirtIOSCSI *)((char *)bus - offsetof(VirtIOSCSI, bus));

    if (!s->dataplane_started) {
        return;
    }
    for (unsigned i = 0; i < virtio_scsi_num_vqs(s); i++) {
        virtio_queue_aio_detach_host_notifier(virtio_get_queue(&s->parent, i), s->ctx);
    }
}

void virtio_scsi_drained_end(SCSIBus *bus)
{
    VirtIOSCSI *s = (VirtIOSCSI *)((char *)bus - offsetof(VirtIOSCSI, bus));

    if (s->dataplane_started) {
        virtio_scsi_attach(s);
    }
}
