/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio over memory-mapped registers: one device behind 512 bytes and an interrupt line, for boards without PCI.
 *
 * The transport is a device of the board with a virtio bus of its own; what is plugged in there may come and go. With
 * force-legacy it has the registers of before virtio 1.0. Context: BQL held.
 *
 * I1  The queues' notifiers are started only between DRIVER_OK and the next stop or reset, and only while the VM runs.
 * I2  The line is up exactly while a bit of the interrupt status is set.
 * Source: virtio 1.2, section 4.2.
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "devices/irq.h"
#include "virtio/virtio.h"

#define VIRTIO_MMIO_SIZE 0x200

typedef struct VirtIOMMIOQueue {
    uint16_t num;
    bool enabled;
    uint32_t desc[2];           /* low, high */
    uint32_t avail[2];
    uint32_t used[2];
    uint32_t align;             /* legacy: of the used ring, bytes */
} VirtIOMMIOQueue;

typedef struct VirtIOMMIOProxy {
    DeviceState qdev;
    VirtioBusState bus;
    MemoryRegion mmio;
    qemu_irq irq;
    uint64_t addr;              /* property: where it is mapped */
    uint32_t index;             /* property: the number in the bus's name */
    bool legacy;
    bool ioeventfd;
    uint32_t host_features_sel;
    uint32_t guest_features_sel;
    uint32_t guest_features[2];
    uint32_t guest_page_shift;  /* legacy */
    VirtIOMMIOQueue vqs[VIRTIO_QUEUE_MAX];
} VirtIOMMIOProxy;

extern const DeviceClass virtio_mmio_class;

/** virtio_mmio_connect_irq: @irq is the transport's line. Borrowed. */
void virtio_mmio_connect_irq(DeviceState *dev, qemu_irq irq);
/** virtio_mmio_has_device: is something plugged in? */
bool virtio_mmio_has_device(DeviceState *dev);

#endif
