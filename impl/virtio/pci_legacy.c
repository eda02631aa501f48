/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legacy interface of virtio over PCI: registers in an I/O BAR, for drivers from before virtio 1.0.
 *
 * A transitional device has these beside the modern ones; a driver uses either. Only the low 32 feature bits can be
 * seen here, so VIRTIO_F_VERSION_1 stays clear and the device behaves as before 1.0. Context: BQL held.
 *
 * I1  Rings are contiguous from a page the guest names; the size is the device's choice.
 * Source: virtio 1.2, sections 2.7.2 and 4.1.4.10.
 */
#include "virtio/pci_int.h"

#include "base/bytes.h"
#include "devices/pci/msix.h"
#include "virtio/virtio_int.h"

enum {
    LEGACY_HOST_FEATURES = 0x00,
    LEGACY_GUEST_FEATURES = 0x04,
    LEGACY_QUEUE_PFN = 0x08,
    LEGACY_QUEUE_NUM = 0x0c,
    LEGACY_QUEUE_SEL = 0x0e,
    LEGACY_QUEUE_NOTIFY = VIRTIO_PCI_LEGACY_NOTIFY,
    LEGACY_STATUS = 0x12,
    LEGACY_ISR = 0x13,
    LEGACY_CONFIG_VECTOR = 0x14,        /* these two only while MSI-X is on */
    LEGACY_QUEUE_VECTOR = 0x16,
};

#define LEGACY_PAGE 4096u

/* Where the device's own configuration begins. */
static unsigned legacy_config_off(const VirtIOPCIProxy *proxy)
{
    return msix_enabled(&proxy->pci_dev) ? 0x18 : 0x14;
}

/* ---- Rings (I1) ---- */

static void legacy_set_pfn(VirtIOPCIProxy *proxy, uint32_t pfn)
{
    VirtIODevice *vdev = proxy->vdev;
    unsigned n = vdev->queue_sel;
    unsigned num = virtio_queue_get_max_num(vdev, n);
    hwaddr desc = (hwaddr)pfn * LEGACY_PAGE;
    hwaddr avail = desc + 16 * num;
    hwaddr used = QEMU_ALIGN_UP(avail + 6 + 2 * num, (hwaddr)LEGACY_PAGE);

    if (pfn == 0) {
        virtio_pci_reset(&proxy->pci_dev);      /* how old drivers give a device back */
        return;
    }
    if (num) {
        virtio_queue_set_num(vdev, n, num);
        virtio_queue_set_rings(vdev, n, desc, avail, used);
        virtio_queue_enable(vdev, n);
    }
}

/* ---- Registers ---- */

static uint32_t legacy_read(VirtIOPCIProxy *proxy, hwaddr addr)
{
    VirtIODevice *vdev = proxy->vdev;

    switch (addr) {
    case LEGACY_HOST_FEATURES:
        return (uint32_t)vdev->host_features;
    case LEGACY_GUEST_FEATURES:
        return (uint32_t)vdev->guest_features;
    case LEGACY_QUEUE_PFN:
        return virtio_queue_get_desc_addr(vdev, vdev->queue_sel) / LEGACY_PAGE;
    case LEGACY_QUEUE_NUM:
        return virtio_queue_get_max_num(vdev, vdev->queue_sel);
    case LEGACY_QUEUE_SEL:
        return vdev->queue_sel;
    case LEGACY_STATUS:
        return __atomic_load_n(&vdev->status, __ATOMIC_SEQ_CST);       /* virtio_error() may set a bit meanwhile */
    case LEGACY_ISR:
        return virtio_pci_read_isr(proxy);
    case LEGACY_CONFIG_VECTOR:
        return vdev->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    default:
        return UINT32_MAX;
    }
}

static void legacy_write_status(VirtIOPCIProxy *proxy, uint8_t val)
{
    PCIDevice *pci_dev = &proxy->pci_dev;

    virtio_pci_write_status(proxy, val);
    /* Linux before 2.6.34 does not make the device a bus master; its devices work all the same. */
    if (val == (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)) {
        pci_default_write_config(pci_dev, PCI_COMMAND, ld16_le(pci_dev->config + PCI_COMMAND) | PCI_COMMAND_MASTER, 2);
    }
}

static void legacy_write(VirtIOPCIProxy *proxy, hwaddr addr, uint32_t val)
{
    VirtIODevice *vdev = proxy->vdev;

    switch (addr) {
    case LEGACY_GUEST_FEATURES:
        (void)virtio_set_features(vdev, val);   /* what is not offered is dropped, as old drivers expect */
        break;
    case LEGACY_QUEUE_PFN:
        legacy_set_pfn(proxy, val);
        break;
    case LEGACY_QUEUE_SEL:
        if ((val & 0xffff) < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = val;
        }
        break;
    case LEGACY_QUEUE_NOTIFY:
        if ((val & 0xffff) < vdev->num_queues) {
            virtio_queue_notify(vdev, val & 0xffff);
        }
        break;
    case LEGACY_STATUS:
        legacy_write_status(proxy, val & 0xff);
        break;
    case LEGACY_CONFIG_VECTOR:
        virtio_pci_set_config_vector(proxy, val & 0xffff);
        break;
    case LEGACY_QUEUE_VECTOR:
        virtio_pci_set_queue_vector(proxy, val & 0xffff);
        break;
    default:
        break;
    }
}

static uint64_t virtio_pci_legacy_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    unsigned off = legacy_config_off(proxy);

    return addr < off ? legacy_read(proxy, addr) : virtio_config_readb(proxy->vdev, addr - off, size);
}

static void virtio_pci_legacy_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    unsigned off = legacy_config_off(proxy);

    if (addr < off) {
        legacy_write(proxy, addr, val);
    } else {
        virtio_config_writeb(proxy->vdev, addr - off, val, size);
    }
}

static const MemoryRegionOps virtio_pci_legacy_ops = {
    .read = virtio_pci_legacy_read,
    .write = virtio_pci_legacy_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

/* ---- Life ---- */

void virtio_pci_legacy_init(VirtIOPCIProxy *proxy)
{
    uint64_t size = 1;

    while (size < 0x18 + proxy->vdev->config_size) {
        size *= 2;
    }
    memory_region_init_io(&proxy->legacy, proxy, &virtio_pci_legacy_ops, proxy, "virtio-pci", size);
    pci_register_bar(&proxy->pci_dev, VIRTIO_PCI_LEGACY_BAR, PCI_BASE_ADDRESS_SPACE_IO, &proxy->legacy);
}

void virtio_pci_legacy_exit(VirtIOPCIProxy *proxy)
{
    memory_region_finalize(&proxy->legacy);
}
