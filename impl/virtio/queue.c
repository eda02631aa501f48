/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtqueues at work: popping requests, pushing results, and who wants to be told.
 *
 * Rings and buffers must be plain memory. A ring or buffer that lies on a device region is refused: reaching it
 * would take the big lock, which a queue's thread must never wait for.
 */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "sched/sched.h"
#include "virtio/virtio_int.h"

/* ---- Guest memory ---- */

/*
 * Host address of guest memory, if all of it is one piece of RAM. The pointer stays good after the view is given
 * back because RAM outlives its mapping (mem/memory.h, I2).
 */
static void *virtio_ram(AddressSpace *as, hwaddr addr, hwaddr *plen, bool is_write, RAMBlock **ret_block,
                        uint64_t *ret_offset)
{
    FlatView *view = address_space_get_flatview(as);
    const FlatRange *fr = flatview_lookup(view, addr);
    void *p = fr ? flatrange_ram_ptr(fr, addr, is_write) : NULL;

    if (p) {
        hwaddr left = fr->size - (addr - fr->addr);

        *plen = MIN(*plen, left);
        if (ret_block) {
            *ret_block = fr->mr->ram_block;
            *ret_offset = addr - fr->addr + fr->offset_in_region;
        }
    }
    flatview_unref(view);
    return p;
}

static bool virtio_fetch(void *opaque, uint64_t addr, void *buf, unsigned len)
{
    while (len) {
        hwaddr part = len;
        void *p = virtio_ram(opaque, addr, &part, false, NULL, NULL);

        if (!p) {
            return false;
        }
        memcpy(buf, p, part);
        buf = (char *)buf + part;
        addr += part;
        len -= part;
    }
    return true;
}

/* Fields of the rings are naturally aligned (the set-up sees to it), so one access never crosses a piece of RAM. */
static uint16_t vring_load16(VirtQueue *vq, uint64_t addr)
{
    hwaddr len = 2;
    uint16_t *p = virtio_ram(vq->vdev->dma_as, addr, &len, false, NULL, NULL);

    if (!p || len < 2) {
        virtio_error(vq->vdev, "ring of queue %u outside memory", vq->queue_index);
        return 0;
    }
    return GUINT16_FROM_LE(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void vring_store(VirtQueue *vq, uint64_t addr, const void *buf, unsigned size)
{
    hwaddr len = size;
    RAMBlock *rb;
    uint64_t offset;
    uint8_t *p = virtio_ram(vq->vdev->dma_as, addr, &len, true, &rb, &offset);

    if (!p || len < size) {
        virtio_error(vq->vdev, "ring of queue %u outside memory", vq->queue_index);
        return;
    }
    if (size == 2) {
        uint16_t v;

        memcpy(&v, buf, 2);
        __atomic_store_n((uint16_t *)p, v, __ATOMIC_RELEASE);
    } else {
        memcpy(p, buf, size);
    }
    ram_block_set_dirty(rb, offset, size);
}

static void vring_store16(VirtQueue *vq, uint64_t addr, uint16_t val)
{
    uint16_t le = GUINT16_TO_LE(val);

    vring_store(vq, addr, &le, 2);
}

/* Byte offsets in the rings: flags, index, entries, event index. */
static uint64_t vring_used_event_addr(const VirtQueue *vq)
{
    return vq->avail + 4 + 2 * (uint64_t)vq->num;
}

static uint64_t vring_avail_event_addr(const VirtQueue *vq)
{
    return vq->used + 4 + 8 * (uint64_t)vq->num;
}

bool virtio_ring_read_used_idx(VirtQueue *vq, uint16_t *ret)
{
    hwaddr len = 2;
    void *p = virtio_ram(vq->vdev->dma_as, vq->used + 2, &len, false, NULL, NULL);

    if (!p || len < 2) {
        return false;
    }
    *ret = ld16_le(p);
    return true;
}

/* ---- State ---- */

bool virtio_queue_ready(VirtQueue *vq)
{
    return vq->avail != 0;
}

static uint16_t vring_avail_idx(VirtQueue *vq)
{
    sched_point(SCHED_K_ATOMIC_READ, &vq->o);
    vq->shadow_avail_idx = vring_load16(vq, vq->avail + 2);
    return vq->shadow_avail_idx;
}

bool virtio_queue_empty(VirtQueue *vq)
{
    if (vq->vdev->broken || !vq->avail) {
        return true;
    }
    if (vq->shadow_avail_idx != vq->last_avail_idx) {
        return false;
    }
    return vring_avail_idx(vq) == vq->last_avail_idx;
}

bool virtio_queue_get_notification(VirtQueue *vq)
{
    return vq->notification;
}

void virtio_queue_set_notification(VirtQueue *vq, int enable)
{
    vq->notification = enable;
    if (!vq->desc || vq->vdev->broken) {
        return;
    }
    sched_point(SCHED_K_ATOMIC, &vq->o);
    if (virtio_vdev_has_feature(vq->vdev, VIRTIO_RING_F_EVENT_IDX)) {
        if (enable) {
            vring_store16(vq, vring_avail_event_addr(vq), vring_avail_idx(vq));
        }
    } else {
        vring_store16(vq, vq->used, enable ? 0 : VRING_USED_F_NO_NOTIFY);
    }
    if (enable) {
        /* The guest must see this before we look at its index again (I3 of virtio.h). */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

/* ---- Pop ---- */

static void virtqueue_unmap(VirtQueue *vq, const VirtQueueElement *elem, unsigned written)
{
    AddressSpace *as = vq->vdev->dma_as;

    for (unsigned i = 0; i < elem->in_num; i++) {
        unsigned done = MIN(written, elem->in_sg[i].iov_len);

        address_space_unmap(as, elem->in_sg[i].iov_base, elem->in_sg[i].iov_len, true, done);
        written -= done;
    }
    for (unsigned i = 0; i < elem->out_num; i++) {
        address_space_unmap(as, elem->out_sg[i].iov_base, elem->out_sg[i].iov_len, false, elem->out_sg[i].iov_len);
    }
}

/* A segment may cross pieces of RAM; each piece is a vector of its own. Returns how many, 0 on a bad address. */
static unsigned virtqueue_map_seg(VirtQueue *vq, const VRingSeg *seg, bool is_write, struct iovec *iov,
                                  hwaddr *addr, unsigned room)
{
    hwaddr at = seg->addr;
    hwaddr left = seg->len;
    unsigned n = 0;

    while (left) {
        hwaddr len = left;
        void *p = n < room ? virtio_ram(vq->vdev->dma_as, at, &len, is_write, NULL, NULL) : NULL;

        if (!p) {
            return 0;
        }
        iov[n] = (struct iovec){ .iov_base = p, .iov_len = len };
        addr[n] = at;
        n++;
        at += len;
        left -= len;
    }
    return n;
}

static VirtQueueElement *virtqueue_alloc_element(size_t sz, const struct iovec *iov, const hwaddr *addr,
                                                 unsigned out_num, unsigned in_num)
{
    size_t iov_at = QEMU_ALIGN_UP(sz, sizeof(void *));
    size_t addr_at = iov_at + (out_num + in_num) * sizeof(*iov);
    char *block = g_malloc0(addr_at + (out_num + in_num) * sizeof(*addr));
    VirtQueueElement *elem = (VirtQueueElement *)block;

    assert(sz >= sizeof(*elem));
    elem->out_num = out_num;
    elem->in_num = in_num;
    elem->out_sg = (struct iovec *)(block + iov_at);
    elem->in_sg = elem->out_sg + out_num;
    elem->out_addr = (hwaddr *)(block + addr_at);
    elem->in_addr = elem->out_addr + out_num;
    memcpy(elem->out_sg, iov, (out_num + in_num) * sizeof(*iov));
    memcpy(elem->out_addr, addr, (out_num + in_num) * sizeof(*addr));
    return elem;
}

static VirtQueueElement *virtqueue_map_chain(VirtQueue *vq, const VRingChain *chain, size_t sz)
{
    struct iovec *iov = g_new(struct iovec, VRING_CHAIN_MAX);
    hwaddr *addr = g_new(hwaddr, VRING_CHAIN_MAX);
    VirtQueueElement *elem = NULL;
    unsigned out_num = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < chain->out_num + chain->in_num; i++) {
        bool is_write = i >= chain->out_num;
        unsigned got = virtqueue_map_seg(vq, &chain->seg[i], is_write, iov + n, addr + n, VRING_CHAIN_MAX - n);

        if (!got) {
            virtio_error(vq->vdev, "cannot map %u bytes at 0x%" G_GINT64_MODIFIER "x", chain->seg[i].len,
                         chain->seg[i].addr);
            goto out;
        }
        n += got;
        if (!is_write) {
            out_num += got;
        }
    }
    elem = virtqueue_alloc_element(sz, iov, addr, out_num, n - out_num);
out:
    g_free(iov);
    g_free(addr);
    return elem;
}

static bool virtqueue_next_head(VirtQueue *vq, unsigned *ret_head)
{
    uint16_t avail = vq->shadow_avail_idx;
    unsigned head;

    if ((uint16_t)(avail - vq->last_avail_idx) > vq->num) {
        virtio_error(vq->vdev, "Guest moved available index from %u to %u", vq->last_avail_idx, avail);
        return false;
    }
    head = vring_load16(vq, vq->avail + 4 + 2 * (uint64_t)(vq->last_avail_idx % vq->num));
    if (vq->vdev->broken) {
        return false;
    }
    if (head >= vq->num) {
        virtio_error(vq->vdev, "Guest says index %u is available", head);
        return false;
    }
    *ret_head = head;
    return true;
}

void *virtqueue_pop(VirtQueue *vq, size_t sz)
{
    VirtIODevice *vdev = vq->vdev;
    g_autofree VRingChain *chain = NULL;
    VirtQueueElement *elem;
    const char *err;
    unsigned head;

    if (virtio_queue_empty(vq)) {
        return NULL;
    }
    if (vq->inuse >= vq->num) {
        virtio_error(vdev, "Virtqueue size exceeded");      /* (I4) */
        return NULL;
    }
    if (!virtqueue_next_head(vq, &head)) {
        return NULL;
    }
    chain = g_new(VRingChain, 1);
    err = vring_parse_chain(virtio_fetch, vdev->dma_as, vq->desc, vq->num, head,
                            virtio_vdev_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC), chain);
    if (err) {
        virtio_error(vdev, "queue %u, head %u: %s", vq->queue_index, head, err);
        return NULL;
    }
    elem = virtqueue_map_chain(vq, chain, sz);
    if (!elem) {
        return NULL;
    }
    elem->index = head;
    elem->epoch = vq->epoch;
    vq->last_avail_idx++;
    vq->inuse++;
    if (vq->notification && virtio_vdev_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX)) {
        vring_store16(vq, vring_avail_event_addr(vq), vq->last_avail_idx);
    }
    return elem;
}

/* ---- Push ---- */

void virtqueue_fill(VirtQueue *vq, const VirtQueueElement *elem, unsigned len, unsigned idx)
{
    uint8_t entry[8];

    virtqueue_unmap(vq, elem, len);
    if (vq->vdev->broken || !vq->used) {
        return;
    }
    st32_le(entry, elem->index);
    st32_le(entry + 4, len);
    vring_store(vq, vq->used + 4 + 8 * (uint64_t)((uint16_t)(vq->used_idx + idx) % vq->num), entry, sizeof(entry));
}

void virtqueue_flush(VirtQueue *vq, unsigned count)
{
    uint16_t old = vq->used_idx;
    uint16_t new = old + count;

    assert(vq->inuse >= count);
    vq->inuse -= count;
    if (vq->vdev->broken || !vq->used) {
        return;
    }
    sched_point(SCHED_K_ATOMIC, &vq->o);
    /* Entries before the index: the guest reads them as soon as it sees it. The store releases. */
    vring_store16(vq, vq->used + 2, new);
    vq->used_idx = new;
    /* The guest was last told about an index that is now a whole round away: tell it in any case. */
    if ((uint16_t)(new - vq->signalled_used) < (uint16_t)(new - old)) {
        vq->signalled_used_valid = false;
    }
}

void virtqueue_push(VirtQueue *vq, const VirtQueueElement *elem, unsigned len)
{
    if (elem->epoch != vq->epoch) {
        virtqueue_unmap(vq, elem, len);     /* (I1) */
        return;
    }
    virtqueue_fill(vq, elem, len, 0);
    virtqueue_flush(vq, 1);
}

void virtqueue_detach_element(VirtQueue *vq, const VirtQueueElement *elem, unsigned len)
{
    if (elem->epoch == vq->epoch) {
        assert(vq->inuse > 0);
        vq->inuse--;
    }
    virtqueue_unmap(vq, elem, len);
}

void virtqueue_unpop(VirtQueue *vq, const VirtQueueElement *elem)
{
    if (elem->epoch == vq->epoch) {
        vq->last_avail_idx--;
    }
    virtqueue_detach_element(vq, elem, 0);
}

/* ---- Interrupts ---- */

static bool virtio_should_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    uint16_t old = vq->signalled_used;
    bool valid = vq->signalled_used_valid;

    if (vdev->broken || !vq->avail) {
        return false;
    }
    /* The guest enables interrupts and looks at the used index; we move the index and look at its wish. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    sched_point(SCHED_K_ATOMIC_READ, &vq->o);
    if (!virtio_vdev_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX)) {
        return !(vring_load16(vq, vq->avail) & VRING_AVAIL_F_NO_INTERRUPT);
    }
    vq->signalled_used = vq->used_idx;
    vq->signalled_used_valid = true;
    return !valid || vring_need_event(vring_load16(vq, vring_used_event_addr(vq)), vq->used_idx, old);
}

void virtio_set_isr(VirtIODevice *vdev, uint8_t bits)
{
    __atomic_fetch_or(&vdev->isr, bits, __ATOMIC_SEQ_CST);
}

void virtio_notify_vector(VirtIODevice *vdev, uint16_t vector)
{
    if (!vdev->broken || vector == vdev->config_vector) {
        vdev->bus->ops->notify(vdev->bus->bus.parent, vector);
    }
}

static void virtio_irq(VirtQueue *vq)
{
    virtio_set_isr(vq->vdev, 1);
    virtio_notify_vector(vq->vdev, vq->vector);
}

void virtio_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    if (virtio_should_notify(vdev, vq)) {
        virtio_irq(vq);
    }
}

void virtio_notify_irqfd(VirtIODevice *vdev, VirtQueue *vq)
{
    if (virtio_should_notify(vdev, vq)) {
        virtio_set_isr(vdev, 1);
        event_notifier_set(&vq->guest_notifier);
    }
}

void virtio_notify_any(VirtIODevice *vdev, VirtQueue *vq)
{
    if (vq->guest_notifier_live) {
        virtio_notify_irqfd(vdev, vq);
    } else {
        virtio_notify(vdev, vq);
    }
}

void virtio_queue_guest_notifier_read(EventNotifier *n)
{
    VirtQueue *vq = (VirtQueue *)((char *)n - offsetof(VirtQueue, guest_notifier));

    if (event_notifier_test_and_clear(n)) {
        virtio_irq(vq);
    }
}
