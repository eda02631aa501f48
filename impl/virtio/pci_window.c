/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space of a virtio PCI device: bus mastering, and a window through which firmware that has not mapped
 * any BAR reaches the modern registers. Context: BQL held.
 *
 * Source: virtio 1.2, section 4.1.4.9.
 */
#include "virtio/pci_int.h"

#include "base/bytes.h"

/* The block that a window access means, or NULL. */
static MemoryRegion *virtio_pci_cfg_target(VirtIOPCIProxy *proxy, hwaddr *ret_offset, unsigned *ret_len)
{
    const uint8_t *cap = proxy->pci_dev.config + proxy->config_cap;
    MemoryRegion *const blocks[] = { &proxy->common, &proxy->isr, &proxy->device, &proxy->notify };
    uint32_t off = ld32_le(cap + 8);
    uint32_t len = ld32_le(cap + 12);

    if (cap[4] != VIRTIO_PCI_MODERN_BAR || (len != 1 && len != 2 && len != 4) || off % len ||
        off >= VIRTIO_PCI_MODERN_SIZE) {
        return NULL;
    }
    *ret_offset = off % VIRTIO_PCI_BLOCK_SIZE;
    *ret_len = len;
    return blocks[off / VIRTIO_PCI_BLOCK_SIZE];
}

static bool virtio_pci_hits_window(const VirtIOPCIProxy *proxy, uint32_t addr, unsigned len)
{
    return proxy->config_cap && ranges_overlap(addr, len, proxy->config_cap + 16, 4);
}

uint32_t virtio_pci_config_read(PCIDevice *pci_dev, uint32_t addr, unsigned len)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;
    MemoryRegion *mr;
    uint64_t val = 0;
    hwaddr off;
    unsigned size;

    if (virtio_pci_hits_window(proxy, addr, len)) {
        mr = virtio_pci_cfg_target(proxy, &off, &size);
        if (mr) {
            (void)memory_region_dispatch_read(mr, off, &val, size, MEMTXATTRS_UNSPECIFIED);  /* reads as is */
            st32_le(pci_dev->config + proxy->config_cap + 16, val);
        }
    }
    return pci_default_read_config(pci_dev, addr, len);
}

void virtio_pci_config_write(PCIDevice *pci_dev, uint32_t addr, uint32_t val, unsigned len)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;
    bool was_master = ld16_le(pci_dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
    MemoryRegion *mr;
    hwaddr off;
    unsigned size;

    pci_default_write_config(pci_dev, addr, val, len);
    /* Without bus mastering the device may not touch memory: it stops, as after losing DRIVER_OK. */
    if (was_master && !(ld16_le(pci_dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
        virtio_pci_stop_ioeventfd(proxy);
        (void)virtio_set_status(proxy->vdev, proxy->vdev->status & ~VIRTIO_CONFIG_S_DRIVER_OK);
    }
    if (virtio_pci_hits_window(proxy, addr, len)) {
        mr = virtio_pci_cfg_target(proxy, &off, &size);
        if (mr) {
            (void)memory_region_dispatch_write(mr, off, ld32_le(pci_dev->config + proxy->config_cap + 16), size,
                                               MEMTXATTRS_UNSPECIFIED);     /* nobody to tell */
        }
    }
}
