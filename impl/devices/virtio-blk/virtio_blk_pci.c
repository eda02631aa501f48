/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk-pci: the disk behind the PCI transport.
 */
#include "devices/table.h"
#include "devices/virtio-blk/virtio_blk.h"
#include "virtio/pci.h"

typedef struct VirtIOBlkPCI {
    VirtIOPCIProxy parent;
    VirtIOBlock vdev;
} VirtIOBlkPCI;

static void virtio_blk_pci_init(DeviceState *dev)
{
    VirtIOBlkPCI *d = (VirtIOBlkPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_blk_class);
}

static const Property virtio_blk_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIOBlkPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_blk_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1001,
    .class_id = 0x0100,
    .realize = virtio_pci_realize,
};

const DeviceClass virtio_blk_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-blk-pci",
    .instance_size = sizeof(VirtIOBlkPCI),
    .props = virtio_blk_pci_props,
    .init = virtio_blk_pci_init,
    .class_data = &virtio_blk_pci_pc,
};
