/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The balloon. See virtio_balloon.h.
 */
#include "devices/virtio-balloon/virtio_balloon.h"

#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "devices/events.h"
#include "devices/table.h"
#include "machine/machine.h"
#include "migration/vmstate.h"
#include "virtio/pci.h"

#define BALLOON_QUEUE_SIZE 128
#define BALLOON_PAGE_BITS 12
#define BALLOON_PAGE_SIZE (1u << BALLOON_PAGE_BITS)
#define BALLOON_CONFIG_SIZE 16          /* num_pages, actual, free_page_hint_cmd_id, poison_val */
#define BALLOON_STAT_SIZE 10            /* tag, value */
/* The lock is held meanwhile. A driver gives 256 pages at a time; what is beyond these limits stays the guest's. */
#define PAGES_MAX 8192                  /* of one element */
#define PIECES_MAX 4096u                /* calls to the host in one pass; elements are finished */
#define BURST 32

static const char *const stat_names[VIRTIO_BALLOON_S_NR] = {
    "stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults", "stat-free-memory",
    "stat-total-memory", "stat-available-memory", "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail",
};

const char *virtio_balloon_stat_name(unsigned i)
{
    return i < VIRTIO_BALLOON_S_NR ? stat_names[i] : NULL;
}

static bool virtio_balloon_active(const VirtIOBalloon *s)
{
    return s->parent.vm_running && s->parent.status & VIRTIO_CONFIG_S_DRIVER_OK && !s->parent.broken;
}

static uint64_t balloon_ram_size(void)
{
    MachineState *ms = machine_state_current();

    return ms ? ms->ram_size : 0;
}

/* ---- Pages ---- */

/* Whole pages from guest address @addr on, as far as they are pages (I1). Returns how many pieces it took. */
static unsigned balloon_discard(VirtIOBalloon *s, hwaddr addr, uint64_t len)
{
    unsigned pieces = 0;

    while (len >= BALLOON_PAGE_SIZE && pieces < PIECES_MAX) {
        MemoryRegionSection section = address_space_find(s->parent.dma_as, addr, len);
        uint64_t offset = section.offset_within_region, n = MAX(section.size, 1) & ~(uint64_t)(BALLOON_PAGE_SIZE - 1);

        if (section.mr && memory_region_is_ram(section.mr) && !section.readonly && !memory_region_is_rom(section.mr) &&
            !memory_region_is_romd(section.mr) && n && offset % BALLOON_PAGE_SIZE == 0) {
            ram_block_discard_range(section.mr->ram_block, offset, n);
        }
        n = MAX(n, BALLOON_PAGE_SIZE);
        addr += n;
        len -= n;
        pieces++;
    }
    return pieces;
}

/* Neighbours go together: it is the calls to the host that take time. */
static unsigned balloon_inflate(VirtIOBalloon *s, const VirtQueueElement *elem)
{
    size_t pages = MIN(iov_size(elem->out_sg, elem->out_num) / 4, PAGES_MAX), run;
    g_autofree uint8_t *pfns = g_malloc(4 * pages + 1);
    unsigned pieces = 0;

    (void)iov_to_buf(elem->out_sg, elem->out_num, 0, pfns, 4 * pages);      /* it is that long */
    for (size_t i = 0; i < pages; i += run) {
        uint64_t pfn = ld32_le(pfns + 4 * i);

        for (run = 1; i + run < pages && ld32_le(pfns + 4 * (i + run)) == pfn + run; run++) {
        }
        pieces += balloon_discard(s, pfn << BALLOON_PAGE_BITS, (uint64_t)run << BALLOON_PAGE_BITS);
    }
    return pieces;
}

/* Free pages of the guest, by where they are instead of by number. */
static unsigned balloon_report(VirtIOBalloon *s, const VirtQueueElement *elem)
{
    unsigned pieces = 0;

    /* The guest counts on free pages to be filled with the value it named: zeroes would not do. */
    if (s->poison_val) {
        return 0;
    }
    for (unsigned i = 0; i < elem->in_num && pieces < PIECES_MAX; i++) {
        hwaddr addr = QEMU_ALIGN_UP(elem->in_addr[i], BALLOON_PAGE_SIZE);
        hwaddr end = elem->in_addr[i] + elem->in_sg[i].iov_len;

        pieces += addr < end ? balloon_discard(s, addr, end - addr) : 0;
    }
    return pieces;
}

/* Returns true if there may be more. */
static bool balloon_serve(VirtIOBalloon *s, VirtQueue *vq)
{
    unsigned n = 0, pieces = 0;

    while (n < BURST && pieces < PIECES_MAX && virtio_balloon_active(s)) {
        VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        if (vq == s->ivq) {
            pieces += balloon_inflate(s, elem);
        } else if (vq == s->reporting_vq) {
            pieces += balloon_report(s, elem);
        }                       /* a page that is taken back needs nothing: it is there when it is written */
        virtqueue_push(vq, elem, 0);
        g_free(elem);
        n++;
    }
    if (n) {
        virtio_notify(&s->parent, vq);
    }
    return n == BURST || pieces >= PIECES_MAX;
}

static void balloon_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    if (balloon_serve(s, vq)) {
        qemu_bh_schedule(s->bh);
    }
}

static void balloon_bh(void *opaque)
{
    VirtIOBalloon *s = opaque;
    bool more = balloon_serve(s, s->ivq);

    more |= balloon_serve(s, s->dvq);
    more |= s->reporting_vq && balloon_serve(s, s->reporting_vq);
    if (more) {
        qemu_bh_schedule(s->bh);
    }
}

/* ---- Statistics ---- */

void virtio_balloon_parse_stats(const uint8_t *buf, size_t len, uint64_t *stats)
{
    for (; len >= BALLOON_STAT_SIZE; buf += BALLOON_STAT_SIZE, len -= BALLOON_STAT_SIZE) {
        unsigned tag = ld16_le(buf);

        if (tag < VIRTIO_BALLOON_S_NR) {
            stats[tag] = ld64_le(buf + 2);
        }
    }
}

static void balloon_handle_stats(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;
    uint8_t buf[64 * BALLOON_STAT_SIZE];
    VirtQueueElement *elem;
    size_t len;

    if (!virtio_balloon_active(s)) {
        return;
    }
    elem = virtqueue_pop(vq, sizeof(*elem));
    if (!elem) {
        return;
    }
    len = iov_to_buf(elem->out_sg, elem->out_num, 0, buf, sizeof(buf));
    virtqueue_unpop(vq, elem);          /* (I3) */
    g_free(elem);
    memset(s->stats, 0xff, sizeof(s->stats));
    virtio_balloon_parse_stats(buf, len, s->stats);
    s->stats_time = qemu_clock_get_ms(QEMU_CLOCK_HOST) / 1000;
}

static void balloon_arm_stats(VirtIOBalloon *s)
{
    if (s->stats_interval) {
        timer_mod(s->stats_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + 1000 * (int64_t)s->stats_interval);
    } else {
        timer_del(s->stats_timer);
    }
}

void virtio_balloon_set_interval(VirtIOBalloon *s, uint32_t seconds)
{
    s->stats_interval = seconds;
    balloon_arm_stats(s);
}

/* Gives the buffer back: the guest fills it anew. */
static void balloon_poll_stats(void *opaque)
{
    VirtIOBalloon *s = opaque;
    VirtQueueElement *elem = virtio_balloon_active(s) ? virtqueue_pop(s->svq, sizeof(*elem)) : NULL;

    if (elem) {
        virtqueue_push(s->svq, elem, 0);
        virtio_notify(&s->parent, s->svq);
        g_free(elem);
    }
    balloon_arm_stats(s);
}

/* ---- Sizes ---- */

static int balloon_is_one(DeviceState *dev, void *opaque)
{
    if (dev->klass != &virtio_balloon_class || !dev->realized) {
        return 0;
    }
    *(VirtIOBalloon **)opaque = (VirtIOBalloon *)dev;
    return 1;
}

VirtIOBalloon *virtio_balloon_find(void)
{
    VirtIOBalloon *s = NULL;

    (void)device_walk(sysbus_get_default(), balloon_is_one, &s);        /* @s tells */
    return s;
}

uint64_t virtio_balloon_actual(const VirtIOBalloon *s)
{
    uint64_t ram = balloon_ram_size();
    uint64_t given = (uint64_t)s->actual << BALLOON_PAGE_BITS;

    return ram - MIN(given, ram);
}

void virtio_balloon_to_target(VirtIOBalloon *s, uint64_t target)
{
    uint64_t ram = balloon_ram_size();

    target = MIN(target, ram);
    if (target) {
        s->num_pages = (ram - target) >> BALLOON_PAGE_BITS;
        virtio_notify_config(&s->parent);
    }
}

static void balloon_get_config(VirtIODevice *vdev, uint8_t *c)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    st32_le(c, s->num_pages);
    st32_le(c + 4, s->actual);
    st32_le(c + 8, 0);
    st32_le(c + 12, s->poison_val);
}

static void balloon_set_config(VirtIODevice *vdev, const uint8_t *c)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;
    uint32_t old = s->actual;

    s->actual = ld32_le(c + 4);
    s->poison_val = virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_PAGE_POISON) ? ld32_le(c + 12) : 0;
    if (s->actual != old && devices_events()->balloon_change) {
        devices_events()->balloon_change(virtio_balloon_actual(s));
    }
}

static uint64_t balloon_get_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    return features | 1u << VIRTIO_BALLOON_F_STATS_VQ |
           (uint64_t)s->deflate_on_oom << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
           (uint64_t)s->page_poison << VIRTIO_BALLOON_F_PAGE_POISON |
           (uint64_t)s->free_page_reporting << VIRTIO_BALLOON_F_REPORTING;
}

/* ---- Life ---- */

static void balloon_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    if (!(status & VIRTIO_CONFIG_S_DRIVER_OK) || !vdev->vm_running) {
        qemu_bh_cancel(s->bh);
        timer_del(s->stats_timer);
        return;
    }
    qemu_bh_schedule(s->bh);
    if (!timer_pending(s->stats_timer)) {
        balloon_arm_stats(s);
    }
}

static void balloon_reset(VirtIODevice *vdev)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    timer_del(s->stats_timer);
    memset(s->stats, 0xff, sizeof(s->stats));
    s->stats_time = 0;
    s->poison_val = 0;
}

static bool balloon_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    if (virtio_balloon_find()) {
        error_setg(errp, "Only one balloon device is supported");
        return false;
    }
    vdev->name = "virtio-balloon";
    virtio_init(vdev, VIRTIO_ID_BALLOON, BALLOON_CONFIG_SIZE);
    s->ivq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, balloon_handle_output);
    s->dvq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, balloon_handle_output);
    s->svq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, balloon_handle_stats);
    if (s->free_page_reporting) {
        s->reporting_vq = virtio_add_queue(vdev, 32, balloon_handle_output);
    }
    s->bh = qemu_bh_new(balloon_bh, s);
    s->stats_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, balloon_poll_stats, s);
    balloon_reset(vdev);
    return true;
}

static void balloon_unrealize(VirtIODevice *vdev)
{
    VirtIOBalloon *s = (VirtIOBalloon *)vdev;

    qemu_bh_delete(s->bh);
    timer_free(s->stats_timer);
    s->bh = NULL;
    s->stats_timer = NULL;
}

static const VMStateDescription vmstate_virtio_balloon = {
    .name = "virtio-balloon",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIOBalloon),
        VMSTATE_UINT32(num_pages, VirtIOBalloon),
        VMSTATE_UINT32(actual, VirtIOBalloon),
        VMSTATE_UINT32(poison_val, VirtIOBalloon),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_balloon_vdc = {
    .device_id = VIRTIO_ID_BALLOON,
    .realize = balloon_realize,
    .unrealize = balloon_unrealize,
    .get_features = balloon_get_features,
    .get_config = balloon_get_config,
    .set_config = balloon_set_config,
    .reset = balloon_reset,
    .set_status = balloon_set_status,
};

static const Property virtio_balloon_props[] = {
    DEFINE_PROP_BOOL("deflate-on-oom", VirtIOBalloon, deflate_on_oom, false),
    DEFINE_PROP_BOOL("page-poison", VirtIOBalloon, page_poison, true),
    DEFINE_PROP_BOOL("free-page-reporting", VirtIOBalloon, free_page_reporting, false),
    DEFINE_PROP_UINT32("guest-stats-polling-interval", VirtIOBalloon, stats_interval, 0),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIOBalloon, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_balloon_class = {
    .name = "virtio-balloon-device",
    .bus_type = "virtio-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIOBalloon),
    .props = virtio_balloon_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_balloon,
    .class_data = &virtio_balloon_vdc,
};

/* ---- virtio-balloon-pci ---- */

typedef struct VirtIOBalloonPCI {
    VirtIOPCIProxy parent;
    VirtIOBalloon vdev;
} VirtIOBalloonPCI;

static void virtio_balloon_pci_init(DeviceState *dev)
{
    VirtIOBalloonPCI *d = (VirtIOBalloonPCI *)dev;

    virtio_pci_init(&d->parent, &d->vdev.parent, &virtio_balloon_class);
}

static bool virtio_balloon_pci_realize(PCIDevice *pci_dev, GError **errp)
{
    VirtIOPCIProxy *proxy = (VirtIOPCIProxy *)pci_dev;

    if (proxy->nvectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->nvectors = 0;    /* it interrupts too seldom to need them */
    }
    return virtio_pci_realize(pci_dev, errp);
}

static const Property virtio_balloon_pci_props[] = {
    VIRTIO_PCI_PROPS(VirtIOBalloonPCI, parent),
    DEFINE_PROP_END_OF_LIST()
};

static const PCIDeviceClass virtio_balloon_pci_pc = {
    VIRTIO_PCI_CLASS,
    .device_id = 0x1002,
    .class_id = 0x00ff,
    .realize = virtio_balloon_pci_realize,
};

const DeviceClass virtio_balloon_pci_class = {
    VIRTIO_PCI_DEVICE_CLASS,
    .name = "virtio-balloon-pci",
    .instance_size = sizeof(VirtIOBalloonPCI),
    .props = virtio_balloon_pci_props,
    .init = virtio_balloon_pci_init,
    .class_data = &virtio_balloon_pci_pc,
};
