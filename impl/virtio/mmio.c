/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio MMIO transport. See mmio.h for the invariants.
 */
#include "virtio/mmio.h"

#include "base/bytes.h"
#include "migration/vmstate.h"
#include "virtio/virtio_int.h"

#define MMIO_MAGIC 0x74726976       /* "virt" */
#define MMIO_VENDOR 0x554d4551
#define MMIO_VERSION_LEGACY 1
#define MMIO_VERSION 2

/* Registers (4.2.2); the legacy ones are in 4.2.4. */
enum {
    MMIO_MAGIC_VALUE = 0x000,
    MMIO_VERSION_REG = 0x004,
    MMIO_DEVICE_ID = 0x008,
    MMIO_VENDOR_ID = 0x00c,
    MMIO_DEVICE_FEATURES = 0x010,
    MMIO_DEVICE_FEATURES_SEL = 0x014,
    MMIO_DRIVER_FEATURES = 0x020,
    MMIO_DRIVER_FEATURES_SEL = 0x024,
    MMIO_GUEST_PAGE_SIZE = 0x028,
    MMIO_QUEUE_SEL = 0x030,
    MMIO_QUEUE_NUM_MAX = 0x034,
    MMIO_QUEUE_NUM = 0x038,
    MMIO_QUEUE_ALIGN = 0x03c,
    MMIO_QUEUE_PFN = 0x040,
    MMIO_QUEUE_READY = 0x044,
    MMIO_QUEUE_NOTIFY = 0x050,
    MMIO_INTERRUPT_STATUS = 0x060,
    MMIO_INTERRUPT_ACK = 0x064,
    MMIO_STATUS = 0x070,
    MMIO_QUEUE_DESC_LOW = 0x080,
    MMIO_QUEUE_DESC_HIGH = 0x084,
    MMIO_QUEUE_AVAIL_LOW = 0x090,
    MMIO_QUEUE_AVAIL_HIGH = 0x094,
    MMIO_QUEUE_USED_LOW = 0x0a0,
    MMIO_QUEUE_USED_HIGH = 0x0a4,
    MMIO_SHM_LEN_LOW = 0x0b0,
    MMIO_SHM_LEN_HIGH = 0x0b4,
    MMIO_SHM_BASE_LOW = 0x0b8,
    MMIO_SHM_BASE_HIGH = 0x0bc,
    MMIO_CONFIG_GENERATION = 0x0fc,
    MMIO_CONFIG = 0x100,
};

static VirtIODevice *mmio_vdev(VirtIOMMIOProxy *proxy)
{
    VirtIODevice *vdev = virtio_bus_get_device(&proxy->bus);

    return vdev && vdev->qdev.realized ? vdev : NULL;
}

bool virtio_mmio_has_device(DeviceState *dev)
{
    return mmio_vdev((VirtIOMMIOProxy *)dev) != NULL;
}

void virtio_mmio_connect_irq(DeviceState *dev, qemu_irq irq)
{
    ((VirtIOMMIOProxy *)dev)->irq = irq;
}

/* ---- What the bus asks for ---- */

static void virtio_mmio_notify(DeviceState *d, uint16_t vector)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)d;
    VirtIODevice *vdev = virtio_bus_get_device(&proxy->bus);

    qemu_set_irq(proxy->irq, vdev && __atomic_load_n(&vdev->isr, __ATOMIC_SEQ_CST) != 0);       /* (I2) */
}

static bool virtio_mmio_ioeventfd_enabled(DeviceState *d)
{
    return ((VirtIOMMIOProxy *)d)->ioeventfd;
}

static int virtio_mmio_ioeventfd_assign(DeviceState *d, EventNotifier *notifier, int n, bool assign)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)d;

    (assign ? memory_region_add_eventfd : memory_region_del_eventfd)(&proxy->mmio, MMIO_QUEUE_NOTIFY, 4, true, n,
                                                                     notifier);
    return 0;
}

static int virtio_mmio_set_guest_notifiers(DeviceState *d, int nvqs, bool assign)
{
    return virtio_bus_set_guest_notifiers(&((VirtIOMMIOProxy *)d)->bus, nvqs, assign);
}

static void virtio_mmio_start_ioeventfd(VirtIOMMIOProxy *proxy)
{
    (void)virtio_bus_start_ioeventfd(&proxy->bus);      /* without it kicks are served in the vCPU thread */
}

static void virtio_mmio_vmstate_change(DeviceState *d, bool running)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)d;

    if (running) {
        virtio_mmio_start_ioeventfd(proxy);             /* (I1) */
    } else {
        virtio_bus_stop_ioeventfd(&proxy->bus);
    }
}

static const VirtioBusOps virtio_mmio_bus_ops = {
    .notify = virtio_mmio_notify,
    .vmstate_change = virtio_mmio_vmstate_change,
    .ioeventfd_enabled = virtio_mmio_ioeventfd_enabled,
    .ioeventfd_assign = virtio_mmio_ioeventfd_assign,
    .set_guest_notifiers = virtio_mmio_set_guest_notifiers,
};

/* ---- Reset ---- */

static void virtio_mmio_soft_reset(VirtIOMMIOProxy *proxy)
{
    VirtIODevice *vdev = virtio_bus_get_device(&proxy->bus);

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        proxy->vqs[i] = (VirtIOMMIOQueue){ .num = vdev ? virtio_queue_get_max_num(vdev, i) : 0, .align = 4096 };
    }
    proxy->host_features_sel = proxy->guest_features_sel = 0;
    proxy->guest_features[0] = proxy->guest_features[1] = 0;
}

/* By the guest. Linux says how large its pages are before it resets the device, and not again. */
static void mmio_reset_device(VirtIOMMIOProxy *proxy)
{
    if (mmio_vdev(proxy)) {
        virtio_bus_reset(&proxy->bus);
    }
    virtio_mmio_soft_reset(proxy);
}

static void virtio_mmio_reset(DeviceState *dev)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)dev;

    mmio_reset_device(proxy);
    proxy->guest_page_shift = 0;
}

/* ---- Reading ---- */

static uint32_t mmio_device_features(const VirtIOMMIOProxy *proxy, const VirtIODevice *vdev)
{
    uint64_t features = vdev->host_features;

    if (proxy->legacy) {
        return proxy->host_features_sel ? 0 : (uint32_t)features;
    }
    return proxy->host_features_sel <= 1 ? (uint32_t)(features >> (32 * proxy->host_features_sel)) : 0;
}

static uint32_t mmio_read_queue(const VirtIOMMIOProxy *proxy, VirtIODevice *vdev, hwaddr addr)
{
    unsigned n = vdev->queue_sel;

    switch (addr) {
    case MMIO_QUEUE_NUM_MAX:
        return virtio_queue_get_max_num(vdev, n);
    case MMIO_QUEUE_PFN:
        return proxy->legacy ? virtio_queue_get_desc_addr(vdev, n) >> proxy->guest_page_shift : 0;
    case MMIO_QUEUE_READY:
        return proxy->legacy ? 0 : proxy->vqs[n].enabled;
    default:
        return 0;
    }
}

static uint32_t mmio_read_reg(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, hwaddr addr)
{
    switch (addr) {
    case MMIO_DEVICE_ID:
        return vdev->device_id;
    case MMIO_DEVICE_FEATURES:
        return mmio_device_features(proxy, vdev);
    case MMIO_INTERRUPT_STATUS:
        return __atomic_load_n(&vdev->isr, __ATOMIC_SEQ_CST);
    case MMIO_STATUS:
        return __atomic_load_n(&vdev->status, __ATOMIC_SEQ_CST);       /* virtio_error() may set a bit meanwhile */
    case MMIO_SHM_LEN_LOW:
    case MMIO_SHM_LEN_HIGH:
    case MMIO_SHM_BASE_LOW:
    case MMIO_SHM_BASE_HIGH:
        return UINT32_MAX;      /* there is no shared memory */
    case MMIO_CONFIG_GENERATION:
        return proxy->legacy ? 0 : vdev->generation;
    default:
        return mmio_read_queue(proxy, vdev, addr);
    }
}

static uint64_t virtio_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOMMIOProxy *proxy = opaque;
    VirtIODevice *vdev = mmio_vdev(proxy);

    if (addr >= MMIO_CONFIG) {
        return vdev ? virtio_config_readb(vdev, addr - MMIO_CONFIG, size) : 0;
    }
    if (size != 4) {
        return 0;               /* registers are words */
    }
    /* An empty transport says who it is, and device 0. */
    switch (addr) {
    case MMIO_MAGIC_VALUE:
        return MMIO_MAGIC;
    case MMIO_VERSION_REG:
        return proxy->legacy ? MMIO_VERSION_LEGACY : MMIO_VERSION;
    case MMIO_VENDOR_ID:
        return MMIO_VENDOR;
    default:
        return vdev ? mmio_read_reg(proxy, vdev, addr) : 0;
    }
}

/* ---- Writing ---- */

static uint64_t mmio_pair(const uint32_t *pair)
{
    return (uint64_t)pair[1] << 32 | pair[0];
}

static void mmio_write_features(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, uint32_t val)
{
    if (proxy->guest_features_sel > (proxy->legacy ? 0 : 1)) {
        return;
    }
    proxy->guest_features[proxy->guest_features_sel] = val;
    /* Refused bits show when the driver reads status back. */
    (void)virtio_set_features(vdev, mmio_pair(proxy->guest_features));
}

static void mmio_write_status(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, uint8_t val)
{
    if (!(val & VIRTIO_CONFIG_S_DRIVER_OK)) {
        virtio_bus_stop_ioeventfd(&proxy->bus);
    }
    if (val == 0) {
        mmio_reset_device(proxy);
        return;
    }
    (void)virtio_set_status(vdev, val);         /* what the device refuses, the guest reads back */
    if (val & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running) {
        virtio_mmio_start_ioeventfd(proxy);
    }
}

/* The rings are contiguous from a page on; as pages are of a size the guest names, so is the alignment. */
static void mmio_write_pfn(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, uint32_t pfn)
{
    unsigned n = vdev->queue_sel;
    unsigned num = virtio_queue_get_num(vdev, n);
    hwaddr align = proxy->vqs[n].align;
    hwaddr desc = (hwaddr)pfn << proxy->guest_page_shift;
    hwaddr avail = desc + 16 * num;

    if (pfn == 0) {
        mmio_reset_device(proxy);       /* how old drivers give a device back */
        return;
    }
    virtio_queue_set_rings(vdev, n, desc, avail, QEMU_ALIGN_UP(avail + 6 + 2 * num, align));
    virtio_queue_enable(vdev, n);
}

static void mmio_write_ready(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, uint32_t val)
{
    unsigned n = vdev->queue_sel;
    VirtIOMMIOQueue *q = &proxy->vqs[n];

    if (val != 1 || n >= vdev->num_queues) {
        return;                 /* a queue that is on cannot be switched off but by reset */
    }
    virtio_queue_set_num(vdev, n, q->num);
    virtio_queue_set_rings(vdev, n, mmio_pair(q->desc), mmio_pair(q->avail), mmio_pair(q->used));
    q->enabled = true;
    virtio_queue_enable(vdev, n);
}

static void mmio_write_legacy(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, hwaddr addr, uint32_t val)
{
    switch (addr) {
    case MMIO_GUEST_PAGE_SIZE:
        proxy->guest_page_shift = val ? MIN(__builtin_ctz(val), 31) : 0;
        break;
    case MMIO_QUEUE_ALIGN:
        if (is_power_of_2(val) && val >= 4) {
            proxy->vqs[vdev->queue_sel].align = val;
        }
        break;
    case MMIO_QUEUE_PFN:
        mmio_write_pfn(proxy, vdev, val);
        break;
    default:
        break;
    }
}

static void mmio_write_modern(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, hwaddr addr, uint32_t val)
{
    VirtIOMMIOQueue *q = &proxy->vqs[vdev->queue_sel];

    switch (addr) {
    case MMIO_QUEUE_READY:
        mmio_write_ready(proxy, vdev, val);
        break;
    case MMIO_QUEUE_DESC_LOW:
    case MMIO_QUEUE_DESC_HIGH:
        q->desc[addr == MMIO_QUEUE_DESC_HIGH] = val;
        break;
    case MMIO_QUEUE_AVAIL_LOW:
    case MMIO_QUEUE_AVAIL_HIGH:
        q->avail[addr == MMIO_QUEUE_AVAIL_HIGH] = val;
        break;
    case MMIO_QUEUE_USED_LOW:
    case MMIO_QUEUE_USED_HIGH:
        q->used[addr == MMIO_QUEUE_USED_HIGH] = val;
        break;
    default:
        break;
    }
}

static void mmio_write_reg(VirtIOMMIOProxy *proxy, VirtIODevice *vdev, hwaddr addr, uint32_t val)
{
    switch (addr) {
    case MMIO_DEVICE_FEATURES_SEL:
        proxy->host_features_sel = val;
        break;
    case MMIO_DRIVER_FEATURES:
        mmio_write_features(proxy, vdev, val);
        break;
    case MMIO_DRIVER_FEATURES_SEL:
        proxy->guest_features_sel = val;
        break;
    case MMIO_QUEUE_SEL:
        if (val < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = val;
        }
        break;
    case MMIO_QUEUE_NUM:
        proxy->vqs[vdev->queue_sel].num = MIN(val, VIRTQUEUE_MAX_SIZE);
        virtio_queue_set_num(vdev, vdev->queue_sel, MIN(val, VIRTQUEUE_MAX_SIZE));
        break;
    case MMIO_QUEUE_NOTIFY:
        if (val < vdev->num_queues) {
            virtio_queue_notify(vdev, val);
        }
        break;
    case MMIO_INTERRUPT_ACK:
        __atomic_fetch_and(&vdev->isr, ~val, __ATOMIC_SEQ_CST);
        virtio_mmio_notify(&proxy->qdev, VIRTIO_NO_VECTOR);
        break;
    case MMIO_STATUS:
        mmio_write_status(proxy, vdev, val & 0xff);
        break;
    default:
        (proxy->legacy ? mmio_write_legacy : mmio_write_modern)(proxy, vdev, addr, val);
        break;
    }
}

static void virtio_mmio_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VirtIOMMIOProxy *proxy = opaque;
    VirtIODevice *vdev = mmio_vdev(proxy);

    if (!vdev) {
        return;
    }
    if (addr >= MMIO_CONFIG) {
        virtio_config_writeb(vdev, addr - MMIO_CONFIG, val, size);
    } else if (size == 4) {
        mmio_write_reg(proxy, vdev, addr, val);
    }
}

static const MemoryRegionOps virtio_mmio_ops = {
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

/* ---- Life ---- */

static bool virtio_mmio_realize(DeviceState *dev, GError **errp)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)dev;
    g_autofree char *name = g_strdup_printf("virtio-mmio-bus.%u", proxy->index);

    proxy->bus.ops = &virtio_mmio_bus_ops;
    bus_init(&proxy->bus.bus, &virtio_bus_class, dev, name);
    memory_region_init_io(&proxy->mmio, proxy, &virtio_mmio_ops, proxy, "virtio-mmio", VIRTIO_MMIO_SIZE);
    memory_region_add_subregion(get_system_memory(), proxy->addr, &proxy->mmio);
    virtio_mmio_soft_reset(proxy);
    return true;
}

static void virtio_mmio_unrealize(DeviceState *dev)
{
    VirtIOMMIOProxy *proxy = (VirtIOMMIOProxy *)dev;

    memory_region_del_subregion(get_system_memory(), &proxy->mmio);
    memory_region_finalize(&proxy->mmio);
}

/* ---- State; the device's own comes in its own section ---- */

static const VMStateDescription vmstate_virtio_mmio_queue = {
    .name = "virtio_mmio/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(num, VirtIOMMIOQueue),
        VMSTATE_BOOL(enabled, VirtIOMMIOQueue),
        VMSTATE_UINT32_ARRAY(desc, VirtIOMMIOQueue, 2),
        VMSTATE_UINT32_ARRAY(avail, VirtIOMMIOQueue, 2),
        VMSTATE_UINT32_ARRAY(used, VirtIOMMIOQueue, 2),
        VMSTATE_UINT32(align, VirtIOMMIOQueue),
        VMSTATE_END_OF_LIST()
    },
};

static int virtio_mmio_post_load(void *opaque, int version_id)
{
    VirtIOMMIOProxy *proxy = opaque;
    bool ok = proxy->guest_page_shift <= 31;

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        ok = ok && is_power_of_2(proxy->vqs[i].align);
    }
    if (!ok) {
        virtio_mmio_soft_reset(proxy);
        proxy->guest_page_shift = 0;
    }
    return ok ? 0 : -EINVAL;
}

static const VMStateDescription vmstate_virtio_mmio = {
    .name = "virtio_mmio",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = virtio_mmio_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(host_features_sel, VirtIOMMIOProxy),
        VMSTATE_UINT32(guest_features_sel, VirtIOMMIOProxy),
        VMSTATE_UINT32_ARRAY(guest_features, VirtIOMMIOProxy, 2),
        VMSTATE_UINT32(guest_page_shift, VirtIOMMIOProxy),
        VMSTATE_STRUCT_ARRAY(vqs, VirtIOMMIOProxy, VIRTIO_QUEUE_MAX, 0, vmstate_virtio_mmio_queue, VirtIOMMIOQueue),
        VMSTATE_END_OF_LIST()
    },
};

static const Property virtio_mmio_props[] = {
    DEFINE_PROP_UINT64("x-addr", VirtIOMMIOProxy, addr, 0),
    DEFINE_PROP_UINT32("x-index", VirtIOMMIOProxy, index, 0),
    DEFINE_PROP_BOOL("force-legacy", VirtIOMMIOProxy, legacy, true),
    DEFINE_PROP_BOOL("ioeventfd", VirtIOMMIOProxy, ioeventfd, true),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_mmio_class = {
    .name = "virtio-mmio",
    .desc = "virtio transport",
    .bus_type = "System",
    .instance_size = sizeof(VirtIOMMIOProxy),
    .props = virtio_mmio_props,
    .realize = virtio_mmio_realize,
    .unrealize = virtio_mmio_unrealize,
    .reset = virtio_mmio_reset,
    .vmsd = &vmstate_virtio_mmio,
};
