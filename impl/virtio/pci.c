/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio PCI transport. See pci.h for the invariants.
 */
#include "virtio/pci_int.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "devices/pci/msix.h"
#include "migration/vmstate.h"
#include "virtio/virtio_int.h"

#define VIRTIO_PCI_CAP_COMMON_CFG 1
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2
#define VIRTIO_PCI_CAP_ISR_CFG 3
#define VIRTIO_PCI_CAP_DEVICE_CFG 4
#define VIRTIO_PCI_CAP_PCI_CFG 5

#define MSIX_BAR 1
#define COMMON_OFFSET 0x0000
#define ISR_OFFSET 0x1000
#define DEVICE_OFFSET 0x2000
#define NOTIFY_OFFSET 0x3000
#define NOTIFY_MULTIPLIER 4

/* Fields of the common block (4.1.4.3). */
enum {
    COMMON_DFSELECT = 0x00,
    COMMON_DF = 0x04,
    COMMON_GFSELECT = 0x08,
    COMMON_GF = 0x0c,
    COMMON_MSIX = 0x10,
    COMMON_NUMQ = 0x12,
    COMMON_STATUS = 0x14,
    COMMON_CFGGENERATION = 0x15,
    COMMON_Q_SELECT = 0x16,
    COMMON_Q_SIZE = 0x18,
    COMMON_Q_MSIX = 0x1a,
    COMMON_Q_ENABLE = 0x1c,
    COMMON_Q_NOFF = 0x1e,
    COMMON_Q_DESCLO = 0x20,
    COMMON_Q_DESCHI = 0x24,
    COMMON_Q_AVAILLO = 0x28,
    COMMON_Q_AVAILHI = 0x2c,
    COMMON_Q_USEDLO = 0x30,
    COMMON_Q_USEDHI = 0x34,
};

/* ---- Interrupts ---- */

static void virtio_pci_notify(DeviceState *d, uint16_t vector)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)d;

    if (msix_enabled(&proxy->pci_dev)) {
        if (vector != VIRTIO_NO_VECTOR) {
            msix_notify(&proxy->pci_dev, vector);
        }
        return;
    }
    pci_set_irq(&proxy->pci_dev, __atomic_load_n(&proxy->vdev->isr, __ATOMIC_SEQ_CST) & 3 ? 1 : 0);
}

uint8_t virtio_pci_read_isr(VirtIOPCIProxy *proxy)
{
    uint8_t val = __atomic_exchange_n(&proxy->vdev->isr, 0, __ATOMIC_SEQ_CST);

    pci_set_irq(&proxy->pci_dev, 0);        /* (I2) */
    return val;
}

/* A guest learns from "no vector" that it cannot have the one it asked for (4.1.5.1.2). */
static uint16_t virtio_pci_check_vector(const VirtIOPCIProxy *proxy, uint16_t vector)
{
    return vector < msix_nr_entries(&proxy->pci_dev) ? vector : VIRTIO_NO_VECTOR;
}

void virtio_pci_set_config_vector(VirtIOPCIProxy *proxy, uint16_t vector)
{
    proxy->vdev->config_vector = virtio_pci_check_vector(proxy, vector);
}

void virtio_pci_set_queue_vector(VirtIOPCIProxy *proxy, uint16_t vector)
{
    virtio_queue_set_vector(proxy->vdev, proxy->vdev->queue_sel, virtio_pci_check_vector(proxy, vector));
}

/* ---- Kicks as descriptors ---- */

static bool virtio_pci_ioeventfd_enabled(DeviceState *d)
{
    return ((VirtIOPCIProxy *)d)->ioeventfd;
}

static int virtio_pci_ioeventfd_assign(DeviceState *d, EventNotifier *notifier, int n, bool assign)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)d;
    hwaddr addr = (hwaddr)n * NOTIFY_MULTIPLIER;

    if (virtio_pci_modern(proxy)) {
        (assign ? memory_region_add_eventfd : memory_region_del_eventfd)(&proxy->notify, addr, 0, false, n, notifier);
    }
    if (virtio_pci_legacy(proxy)) {
        (assign ? memory_region_add_eventfd : memory_region_del_eventfd)(&proxy->legacy, VIRTIO_PCI_LEGACY_NOTIFY, 2,
                                                                         true, n, notifier);
    }
    return 0;
}

static int virtio_pci_set_guest_notifiers(DeviceState *d, int nvqs, bool assign)
{
    return virtio_bus_set_guest_notifiers(&((VirtIOPCIProxy *)d)->bus, nvqs, assign);
}

static void virtio_pci_start_ioeventfd(VirtIOPCIProxy *proxy)
{
    (void)virtio_bus_start_ioeventfd(&proxy->bus);      /* without it kicks are served in the vCPU thread */
}

void virtio_pci_stop_ioeventfd(VirtIOPCIProxy *proxy)
{
    virtio_bus_stop_ioeventfd(&proxy->bus);
}

static void virtio_pci_vmstate_change(DeviceState *d, bool running)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)d;

    if (running) {
        virtio_pci_start_ioeventfd(proxy);      /* (I1) */
    } else {
        virtio_pci_stop_ioeventfd(proxy);
    }
}

static const VirtioBusOps virtio_pci_bus_ops = {
    .notify = virtio_pci_notify,
    .vmstate_change = virtio_pci_vmstate_change,
    .ioeventfd_enabled = virtio_pci_ioeventfd_enabled,
    .ioeventfd_assign = virtio_pci_ioeventfd_assign,
    .set_guest_notifiers = virtio_pci_set_guest_notifiers,
};

/* ---- Common configuration ---- */

static uint64_t virtio_pci_common_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;
    VirtIOPCIQueue *q = &proxy->vqs[vdev->queue_sel];

    switch (addr) {
    case COMMON_DFSELECT:
        return proxy->dfselect;
    case COMMON_DF:
        return proxy->dfselect <= 1 ? (uint32_t)(vdev->host_features >> (32 * proxy->dfselect)) : 0;
    case COMMON_GFSELECT:
        return proxy->gfselect;
    case COMMON_GF:
        return proxy->gfselect <= 1 ? proxy->guest_features[proxy->gfselect] : 0;
    case COMMON_MSIX:
        return vdev->config_vector;
    case COMMON_NUMQ:
        return vdev->num_queues;
    case COMMON_STATUS:
        return __atomic_load_n(&vdev->status, __ATOMIC_SEQ_CST);       /* virtio_error() may set a bit meanwhile */
    case COMMON_CFGGENERATION:
        return vdev->generation & 0xff;
    case COMMON_Q_SELECT:
        return vdev->queue_sel;
    case COMMON_Q_SIZE:
        return virtio_queue_get_num(vdev, vdev->queue_sel);
    case COMMON_Q_MSIX:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    case COMMON_Q_ENABLE:
        return q->enabled;
    case COMMON_Q_NOFF:
        return vdev->queue_sel;
    case COMMON_Q_DESCLO:
        return q->desc[0];
    case COMMON_Q_DESCHI:
        return q->desc[1];
    case COMMON_Q_AVAILLO:
        return q->avail[0];
    case COMMON_Q_AVAILHI:
        return q->avail[1];
    case COMMON_Q_USEDLO:
        return q->used[0];
    case COMMON_Q_USEDHI:
        return q->used[1];
    default:
        return 0;
    }
}

static uint64_t virtio_pci_pair(const uint32_t *pair)
{
    return (uint64_t)pair[1] << 32 | pair[0];
}

static void virtio_pci_enable_queue(VirtIOPCIProxy *proxy, uint64_t val)
{
    VirtIODevice *vdev = proxy->vdev;
    unsigned n = vdev->queue_sel;
    VirtIOPCIQueue *q = &proxy->vqs[n];

    if (val != 1 || n >= vdev->num_queues) {
        return;                 /* a queue that is on cannot be switched off but by reset */
    }
    virtio_queue_set_num(vdev, n, q->num);
    virtio_queue_set_rings(vdev, n, virtio_pci_pair(q->desc), virtio_pci_pair(q->avail), virtio_pci_pair(q->used));
    q->enabled = true;
    virtio_queue_enable(vdev, n);
}

static void virtio_pci_reset_queues(VirtIOPCIProxy *proxy)
{
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        proxy->vqs[i] = (VirtIOPCIQueue){ .num = virtio_queue_get_max_num(proxy->vdev, i) };
    }
    proxy->dfselect = proxy->gfselect = 0;
    proxy->guest_features[0] = proxy->guest_features[1] = 0;
}

void virtio_pci_write_status(VirtIOPCIProxy *proxy, uint8_t val)
{
    VirtIODevice *vdev = proxy->vdev;

    if (!(val & VIRTIO_CONFIG_S_DRIVER_OK)) {
        virtio_pci_stop_ioeventfd(proxy);
    }
    if (val == 0) {
        virtio_pci_reset(&proxy->pci_dev);
        return;
    }
    (void)virtio_set_status(vdev, val);     /* what the device refuses, the guest reads back */
    if (val & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running) {
        virtio_pci_start_ioeventfd(proxy);
    }
}

static void virtio_pci_common_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;
    VirtIOPCIQueue *q = &proxy->vqs[vdev->queue_sel];

    switch (addr) {
    case COMMON_DFSELECT:
        proxy->dfselect = val;
        break;
    case COMMON_GFSELECT:
        proxy->gfselect = val;
        break;
    case COMMON_GF:
        if (proxy->gfselect <= 1) {
            proxy->guest_features[proxy->gfselect] = val;
            /* Refused bits show when the driver reads status back. */
            (void)virtio_set_features(vdev, virtio_pci_pair(proxy->guest_features));
        }
        break;
    case COMMON_MSIX:
        virtio_pci_set_config_vector(proxy, val & 0xffff);
        break;
    case COMMON_Q_MSIX:
        virtio_pci_set_queue_vector(proxy, val & 0xffff);
        break;
    case COMMON_STATUS:
        virtio_pci_write_status(proxy, val & 0xff);
        break;
    case COMMON_Q_SELECT:
        if (val < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = val;
        }
        break;
    case COMMON_Q_SIZE:
        q->num = val;
        virtio_queue_set_num(vdev, vdev->queue_sel, val & 0xffff);
        break;
    case COMMON_Q_ENABLE:
        virtio_pci_enable_queue(proxy, val);
        break;
    case COMMON_Q_DESCLO:
        q->desc[0] = val;
        break;
    case COMMON_Q_DESCHI:
        q->desc[1] = val;
        break;
    case COMMON_Q_AVAILLO:
        q->avail[0] = val;
        break;
    case COMMON_Q_AVAILHI:
        q->avail[1] = val;
        break;
    case COMMON_Q_USEDLO:
        q->used[0] = val;
        break;
    case COMMON_Q_USEDHI:
        q->used[1] = val;
        break;
    default:
        break;
    }
}

/* ---- The other blocks ---- */

static uint64_t virtio_pci_isr_read(void *opaque, hwaddr addr, unsigned size)
{
    return virtio_pci_read_isr(opaque);
}

static void virtio_pci_isr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
}

static uint64_t virtio_pci_device_read(void *opaque, hwaddr addr, unsigned size)
{
    return virtio_config_readb(((VirtIOPCIProxy *)opaque)->vdev, addr, size);
}

static void virtio_pci_device_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    virtio_config_writeb(((VirtIOPCIProxy *)opaque)->vdev, addr, val, size);
}

static uint64_t virtio_pci_notify_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void virtio_pci_notify_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    unsigned n = addr / NOTIFY_MULTIPLIER;

    if (n < proxy->vdev->num_queues) {
        virtio_queue_notify(proxy->vdev, n);
    }
}

#define VIRTIO_PCI_BLOCK_OPS(which) \
    static const MemoryRegionOps virtio_pci_##which##_ops = { \
        .read = virtio_pci_##which##_read, \
        .write = virtio_pci_##which##_write, \
        .impl = { .min_access_size = 1, .max_access_size = 4 }, \
        .endianness = DEVICE_LITTLE_ENDIAN, \
    }
VIRTIO_PCI_BLOCK_OPS(common);
VIRTIO_PCI_BLOCK_OPS(isr);
VIRTIO_PCI_BLOCK_OPS(device);
VIRTIO_PCI_BLOCK_OPS(notify);

/* ---- Life ---- */

static unsigned virtio_pci_add_cap(VirtIOPCIProxy *proxy, uint8_t type, uint32_t offset, uint32_t length,
                                   unsigned cap_len)
{
    unsigned pos = pci_add_capability(&proxy->pci_dev, PCI_CAP_ID_VNDR, cap_len);
    uint8_t *cap = proxy->pci_dev.config + pos;

    cap[2] = cap_len;
    cap[3] = type;
    cap[4] = VIRTIO_PCI_MODERN_BAR;
    st32_le(cap + 8, offset);
    st32_le(cap + 12, length);
    return pos;
}

static void virtio_pci_init_bar(VirtIOPCIProxy *proxy)
{
    const uint64_t size = VIRTIO_PCI_BLOCK_SIZE;
    MemoryRegion *bar = &proxy->modern_bar;

    memory_region_init(bar, proxy, "virtio-pci", VIRTIO_PCI_MODERN_SIZE);
    memory_region_init_io(&proxy->common, proxy, &virtio_pci_common_ops, proxy, "virtio-pci-common", size);
    memory_region_init_io(&proxy->isr, proxy, &virtio_pci_isr_ops, proxy, "virtio-pci-isr", size);
    memory_region_init_io(&proxy->device, proxy, &virtio_pci_device_ops, proxy, "virtio-pci-device", size);
    memory_region_init_io(&proxy->notify, proxy, &virtio_pci_notify_ops, proxy, "virtio-pci-notify", size);
    memory_region_add_subregion(bar, COMMON_OFFSET, &proxy->common);
    memory_region_add_subregion(bar, ISR_OFFSET, &proxy->isr);
    memory_region_add_subregion(bar, DEVICE_OFFSET, &proxy->device);
    memory_region_add_subregion(bar, NOTIFY_OFFSET, &proxy->notify);
    pci_register_bar(&proxy->pci_dev, VIRTIO_PCI_MODERN_BAR,
                     PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, bar);
}

static void virtio_pci_init_caps(VirtIOPCIProxy *proxy)
{
    uint8_t *config = proxy->pci_dev.config;
    uint8_t *wmask = proxy->pci_dev.wmask;
    unsigned pos;

    (void)virtio_pci_add_cap(proxy, VIRTIO_PCI_CAP_COMMON_CFG, COMMON_OFFSET, VIRTIO_PCI_BLOCK_SIZE, 16);
    (void)virtio_pci_add_cap(proxy, VIRTIO_PCI_CAP_ISR_CFG, ISR_OFFSET, VIRTIO_PCI_BLOCK_SIZE, 16);
    (void)virtio_pci_add_cap(proxy, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE_OFFSET, VIRTIO_PCI_BLOCK_SIZE, 16);
    pos = virtio_pci_add_cap(proxy, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY_OFFSET, VIRTIO_PCI_BLOCK_SIZE, 20);
    st32_le(config + pos + 16, NOTIFY_MULTIPLIER);
    pos = virtio_pci_add_cap(proxy, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 20);
    config[pos + 4] = 0;
    wmask[pos + 4] = 0xff;
    st32_le(wmask + pos + 8, UINT32_MAX);
    st32_le(wmask + pos + 12, UINT32_MAX);
    st32_le(wmask + pos + 16, UINT32_MAX);
    proxy->config_cap = pos;
}

static void virtio_pci_free_bar(VirtIOPCIProxy *proxy)
{
    MemoryRegion *const blocks[] = { &proxy->common, &proxy->isr, &proxy->device, &proxy->notify };

    for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++) {
        memory_region_del_subregion(&proxy->modern_bar, blocks[i]);
        memory_region_finalize(blocks[i]);
    }
    memory_region_finalize(&proxy->modern_bar);
}

/* Ids and class: a device that legacy drivers may use looks like one of theirs (4.1.2.3). */
static void virtio_pci_init_ids(VirtIOPCIProxy *proxy)
{
    const VirtioDeviceClass *vdc = proxy->vdev->qdev.klass->class_data;
    uint8_t *config = proxy->pci_dev.config;

    if (virtio_pci_legacy(proxy)) {
        st16_le(config + PCI_SUBSYSTEM_ID, vdc->device_id);
    } else {
        st16_le(config + PCI_DEVICE_ID, 0x1040 + vdc->device_id);
        st16_le(config + PCI_SUBSYSTEM_ID, 0x1100);
        config[PCI_REVISION_ID] = 1;
    }
    config[PCI_INTERRUPT_PIN] = 1;
}

bool virtio_pci_realize(PCIDevice *pci_dev, GError **errp)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;

    if (!virtio_pci_legacy(proxy) && !virtio_pci_modern(proxy)) {
        error_setg(errp, "device cannot work as neither modern nor legacy mode is enabled");
        return false;
    }
    if (proxy->nvectors != VIRTIO_PCI_VECTORS_AUTO && proxy->nvectors > MSIX_VECTORS_MAX) {
        error_setg(errp, "vectors property must be at most %d", MSIX_VECTORS_MAX);
        return false;
    }
    if (!device_realize(&proxy->vdev->qdev, NULL, errp)) {
        return false;
    }
    virtio_pci_init_ids(proxy);
    if (virtio_pci_modern(proxy)) {
        virtio_pci_init_bar(proxy);
        virtio_pci_init_caps(proxy);
    } else {
        proxy->vdev->host_features &= ~(UINT64_C(1) << VIRTIO_F_VERSION_1);
    }
    if (virtio_pci_legacy(proxy)) {
        virtio_pci_legacy_init(proxy);
    }
    if (proxy->nvectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->nvectors = proxy->vdev->num_queues + 1;
    }
    if (proxy->nvectors && !msix_init_exclusive_bar(pci_dev, proxy->nvectors, MSIX_BAR, errp)) {
        base_fatal("virtio-pci: %u vectors were checked", proxy->nvectors);
    }
    virtio_pci_reset_queues(proxy);
    return true;
}

void virtio_pci_exit(PCIDevice *pci_dev)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;

    if (virtio_pci_modern(proxy)) {
        virtio_pci_free_bar(proxy);
    }
    if (virtio_pci_legacy(proxy)) {
        virtio_pci_legacy_exit(proxy);
    }
    msix_uninit_exclusive_bar(pci_dev);
}

void virtio_pci_reset(PCIDevice *pci_dev)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;

    virtio_bus_reset(&proxy->bus);
    msix_clear_pending(pci_dev);
    virtio_pci_reset_queues(proxy);
}

void virtio_pci_init(VirtIOPCIProxy *proxy, VirtIODevice *vdev, const DeviceClass *vdev_class)
{
    proxy->vdev = vdev;
    proxy->bus.ops = &virtio_pci_bus_ops;
    bus_init(&proxy->bus.bus, &virtio_bus_class, &proxy->pci_dev.qdev, "virtio-bus");
    device_init_embedded(&vdev->qdev, vdev_class);
    device_attach(&vdev->qdev, &proxy->bus.bus);
}

DeviceState *virtio_pci_prop_target(DeviceState *dev)
{
    return &((VirtIOPCIProxy *)dev)->vdev->qdev;
}

/* ---- State ---- */

static const VMStateDescription vmstate_virtio_pci_queue = {
    .name = "virtio_pci/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(num, VirtIOPCIQueue),
        VMSTATE_BOOL(enabled, VirtIOPCIQueue),
        VMSTATE_UINT32_ARRAY(desc, VirtIOPCIQueue, 2),
        VMSTATE_UINT32_ARRAY(avail, VirtIOPCIQueue, 2),
        VMSTATE_UINT32_ARRAY(used, VirtIOPCIQueue, 2),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription vmstate_virtio_pci = {
    .name = "virtio_pci",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(pci_dev, VirtIOPCIProxy),
        VMSTATE_UINT32(dfselect, VirtIOPCIProxy),
        VMSTATE_UINT32(gfselect, VirtIOPCIProxy),
        VMSTATE_UINT32_ARRAY(guest_features, VirtIOPCIProxy, 2),
        VMSTATE_STRUCT_ARRAY(vqs, VirtIOPCIProxy, VIRTIO_QUEUE_MAX, 0, vmstate_virtio_pci_queue, VirtIOPCIQueue),
        VMSTATE_END_OF_LIST()
    },
};
