/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-rng: random bytes for the guest, at a limited rate.
 *
 * Context: main thread or a vCPU thread, BQL held.
 *
 * I1  In any period at most max_bytes are handed out.
 * I2  One pass fills at most RNG_BURST buffers, each with at most RNG_MAX_FILL bytes; then the event loop goes round.
 * Source: virtio 1.2, section 5.4.
 */
#include "aio/timer.h"
#include "base/bytes.h"
#include "base/iov.h"
#include "devices/table.h"
#include "devices/virtio-rng/rng_backend.h"
#include "migration/vmstate.h"
#include "virtio/pci.h"
#include "virtio/virtio.h"

#define RNG_QUEUE_SIZE 8
#define RNG_BURST 16
#define RNG_MAX_FILL 65536

typedef struct VirtIORNG {
    VirtIODevice parent;
    /* fixed after realize */
    char *rng;                  /* id of the backend; NULL: one of its own */
    uint64_t max_bytes;
    uint32_t period_ms;
    RngBackend *backend;
    VirtQueue *vq;
    /* BQL */
    uint64_t quota;             /* bytes left in this period */
    QEMUTimer *timer;           /* end of the period; not pending: none has begun */
    QEMUBH *bh;
} VirtIORNG;

static bool virtio_rng_ready(const VirtIORNG *s)
{
    return s->parent.vm_running && s->parent.status & VIRTIO_CONFIG_S_DRIVER_OK && !s->parent.broken;
}

static void virtio_rng_fill(VirtIORNG *s, VirtQueueElement *elem)
{
    size_t size = MIN(iov_size(elem->in_sg, elem->in_num), MIN(s->quota, RNG_MAX_FILL));
    g_autofree uint8_t *buf = g_malloc(MAX(size, 1));

    sched_random_bytes(buf, size);
    (void)iov_from_buf(elem->in_sg, elem->in_num, 0, buf, size);        /* it is that long */
    virtqueue_push(s->vq, elem, size);
    s->quota -= size;
}

static void virtio_rng_work(void *opaque)
{
    VirtIORNG *s = opaque;
    unsigned done = 0;

    while (virtio_rng_ready(s) && s->quota && done < RNG_BURST) {
        VirtQueueElement *elem = virtqueue_pop(s->vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        if (!timer_pending(s->timer)) {
            timer_mod(s->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + s->period_ms);
        }
        virtio_rng_fill(s, elem);
        g_free(elem);
        done++;
    }
    if (done) {
        virtio_notify(&s->parent, s->vq);
    }
    if (done == RNG_BURST) {
        qemu_bh_schedule(s->bh);        /* (I2) */
    }
}

static void virtio_rng_period_over(void *opaque)
{
    VirtIORNG *s = opaque;

    s->quota = s->max_bytes;            /* (I1) */
    virtio_rng_work(s);
}

static void virtio_rng_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    virtio_rng_work(vdev);
}

static void virtio_rng_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIORNG *s = (VirtIORNG *)vdev;

    if (status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running) {
        qemu_bh_schedule(s->bh);        /* kicks from before nobody served */
    } else {
        qemu_bh_cancel(s->bh);
    }
}

static void virtio_rng_reset(VirtIODevice *vdev)
{
    VirtIORNG *s = (VirtIORNG *)vdev;

    timer_del(s->timer);
    s->quota = s->max_bytes;
}

static bool virtio_rng_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIORNG *s = (VirtIORNG *)vdev;

    if (s->period_ms == 0) {
        error_setg(errp, "'period' parameter expects a positive integer");
        return false;
    }
    if (s->max_bytes > INT64_MAX) {
        error_setg(errp, "'max-bytes' parameter must be non-negative, and less than 2^63");
        return false;
    }
    s->backend = s->rng ? rng_backend_find(s->rng) : NULL;
    if (s->rng && !s->backend) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", s->rng);
        return false;
    }
    if (s->backend) {
        s->backend->users++;
    }
    vdev->name = "virtio-rng";
    virtio_init(vdev, VIRTIO_ID_RNG, 0);
    s->vq = virtio_add_queue(vdev, RNG_QUEUE_SIZE, virtio_rng_handle_output);
    s->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, virtio_rng_period_over, s);
    s->bh = qemu_bh_new(virtio_rng_work, s);
    s->quota = s->max_bytes;
    return true;
}

static void virtio_rng_unrealize(VirtIODevice *vdev)
{
    VirtIORNG *s = (VirtIORNG *)vdev;

    timer_free(s->timer);
    s->timer = NULL;
    qemu_bh_delete(s->bh);
    s->bh = NULL;
    if (s->backend) {
        s->backend->users--;
        s->backend = NULL;
    }
}

static const VMStateDescription vmstate_virtio_rng = {
    .name = "virtio-rng",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIORNG),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_rng_vdc = {
    .device_id = VIRTIO_ID_RNG,
    .realize = virtio_rng_realize,
    .unrealize = virtio_rng_unrealize,
    .reset = virtio_rng_reset,
    .set_status = virtio_rng_set_status,
};

static const Property virtio_rng_props[] = {
    DEFINE_PROP_STRING("rng", VirtIORNG, rng),
    DEFINE_PROP_UINT64("max-bytes", VirtIORNG, max_bytes, INT64_MAX),
    DEFINE_PROP_UINT32("period", VirtIORNG, period_ms, 1 << 16),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIORNG, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_rng_class = {
    .name = "virtio-rng-device",
    .bus_type = "virtio-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIORNG),
    .props = virtio_rng_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_rng,
    .class_data = &virtio_rng_vdc,
};

/* ---- virtio-rng-pci ---- */

typedef struct VirtIORNGPCI {
    VirtIOPCIProxy parent;
    VirtIORNG vdev;
} VirtIORNGPCI;

static void virtio_rng_pci_init(DeviceState *dev)
{
    VirtIORNGPCI *d = (VirtIORNGPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_rng_class);
}

static const Property virtio_rng_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIORNGPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_rng_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1005,
    .class_id = 0x00ff,
    .realize = virtio_pci_realize,
};

const DeviceClass virtio_rng_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-rng-pci",
    .instance_size = sizeof(VirtIORNGPCI),
    .props = virtio_rng_pci_props,
    .init = virtio_rng_pci_init,
    .class_data = &virtio_rng_pci_pc,
};
