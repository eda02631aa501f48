/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net-pci: the card behind the PCI transport.
 */
#include "devices/table.h"
#include "devices/virtio-net/virtio_net.h"
#include "virtio/pci.h"

typedef struct VirtIONetPCI {
    VirtIOPCIProxy parent;
    VirtIONet vdev;
} VirtIONetPCI;

static void virtio_net_pci_init(DeviceState *dev)
{
    VirtIONetPCI *d = (VirtIONetPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_net_class);
}

static const Property virtio_net_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIONetPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_net_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1000,
    .class_id = 0x0200,
    .realize = virtio_pci_realize,
};

const DeviceClass virtio_net_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-net-pci",
    .instance_size = sizeof(VirtIONetPCI),
    .props = virtio_net_pci_props,
    .init = virtio_net_pci_init,
    .class_data = &virtio_net_pci_pc,
};
