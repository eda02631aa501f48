/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio over PCI: the modern transport and, for a transitional device, the legacy one.
 *
 * A 16 KiB memory BAR (4) holds the four modern register blocks, an I/O BAR (0) the legacy registers, BAR 1 the MSI-X
 * table. Interrupts are messages while the guest has MSI-X on, else the INTx pin. Context: BQL held.
 *
 * I1  The queues' notifiers are started only between DRIVER_OK and the next stop or reset, and only while the VM runs.
 * I2  ISR bits are set by any thread; only a guest's read, or a reset, clears them and lowers the pin.
 * Source: virtio 1.2, section 4.1.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "devices/pci/pci.h"
#include "virtio/virtio.h"

typedef struct VirtIOPCIQueue {
    uint16_t num;
    bool enabled;
    uint32_t desc[2];           /* low, high */
    uint32_t avail[2];
    uint32_t used[2];
} VirtIOPCIQueue;

typedef struct VirtIOPCIProxy {
    PCIDevice pci_dev;
    VirtioBusState bus;
    VirtIODevice *vdev;         /* embedded in the subclass */
    MemoryRegion legacy;
    MemoryRegion modern_bar;
    MemoryRegion common;
    MemoryRegion isr;
    MemoryRegion device;
    MemoryRegion notify;
    unsigned config_cap;        /* where the pci-cfg capability is */
    bool ioeventfd;
    OnOffAuto disable_legacy;
    bool disable_modern;
    uint32_t nvectors;          /* MSI-X vectors; 0: no MSI-X */
    uint32_t dfselect;
    uint32_t gfselect;
    uint32_t guest_features[2];
    VirtIOPCIQueue vqs[VIRTIO_QUEUE_MAX];
} VirtIOPCIProxy;

#define VIRTIO_PCI_VECTORS_AUTO UINT32_MAX      /* one for each queue, and one for configuration changes */

static inline bool virtio_pci_modern(const VirtIOPCIProxy *proxy)
{
    return !proxy->disable_modern;
}

static inline bool virtio_pci_legacy(const VirtIOPCIProxy *proxy)
{
    return proxy->disable_legacy != ON_OFF_AUTO_ON;
}

/** For DeviceClass.init: @vdev is embedded in the proxy's struct. */
void virtio_pci_init(VirtIOPCIProxy *proxy, VirtIODevice *vdev, const DeviceClass *vdev_class);
DeviceState *virtio_pci_prop_target(DeviceState *dev);
/** For PCIDeviceClass. */
bool virtio_pci_realize(PCIDevice *pci_dev, GError **errp);
void virtio_pci_exit(PCIDevice *pci_dev);
void virtio_pci_reset(PCIDevice *pci_dev) G_GNUC_NO_INLINE;
uint32_t virtio_pci_config_read(PCIDevice *pci_dev, uint32_t addr, unsigned len);
void virtio_pci_config_write(PCIDevice *pci_dev, uint32_t addr, uint32_t val, unsigned len);
extern const VMStateDescription vmstate_virtio_pci;

/* Properties of every virtio-*-pci. */
#define VIRTIO_PCI_PROPS(state, member) \
    PCI_COMMON_PROPS(state, member.pci_dev), \
    DEFINE_PROP_BOOL("ioeventfd", state, member.ioeventfd, true), \
    DEFINE_PROP_ON_OFF_AUTO("disable-legacy", state, member.disable_legacy, ON_OFF_AUTO_AUTO), \
    DEFINE_PROP_BOOL("disable-modern", state, member.disable_modern, false), \
    DEFINE_PROP_UINT32("vectors", state, member.nvectors, VIRTIO_PCI_VECTORS_AUTO)

/** VIRTIO_PCI_CLASS: the slots of a PCIDeviceClass that are the same for every proxy, but for realize. */
#define VIRTIO_PCI_CLASS \
    .vendor_id = 0x1af4, .exit = virtio_pci_exit, .reset = virtio_pci_reset, \
    .config_read = virtio_pci_config_read, .config_write = virtio_pci_config_write

/** VIRTIO_PCI_DEVICE_CLASS: the slots of a DeviceClass that are the same for every proxy. */
#define VIRTIO_PCI_DEVICE_CLASS \
    .bus_type = "PCI", .user_creatable = true, .realize = pci_qdev_realize, .unrealize = pci_qdev_unrealize, \
    .reset = pci_qdev_reset, .prop_target = virtio_pci_prop_target, \
    .vmsd = &vmstate_virtio_pci

#endif
