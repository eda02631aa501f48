/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames between the rings and the network core. See virtio_net.h for the invariants.
 */
#include "devices/virtio-net/virtio_net.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/iov.h"

/* ---- To the guest ---- */

static VirtIONet *virtio_net_of(NetClientState *nc)
{
    return ((VirtIONetClient *)nc)->n;
}

static bool virtio_net_can_receive(NetClientState *nc)
{
    VirtIONet *n = virtio_net_of(nc);

    return virtio_net_active(n) && virtio_queue_ready(n->rx_vq);
}

/* Buffers for @size bytes, or none: what was popped goes back. Without mergeable buffers one has to do. */
static bool virtio_net_pop_buffers(VirtIONet *n, size_t size, GPtrArray *elems)
{
    bool mergeable = virtio_vdev_has_feature(&n->parent, VIRTIO_NET_F_MRG_RXBUF);
    size_t room = 0;

    while (room < size && (mergeable || elems->len == 0)) {
        VirtQueueElement *elem = virtqueue_pop(n->rx_vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        g_ptr_array_add(elems, elem);
        if (elem->in_num < 1 || iov_size(elem->in_sg, elem->in_num) < virtio_net_hdr_size(n)) {
            virtio_error(&n->parent, "virtio-net receive queue contains no in buffers");
            break;
        }
        room += iov_size(elem->in_sg, elem->in_num);
    }
    /* A buffer that is too small alone is used up with what it holds: waiting would not make it larger. */
    if (!n->parent.broken && (room >= size || (!mergeable && elems->len))) {
        return true;
    }
    while (elems->len) {
        VirtQueueElement *elem = elems->pdata[elems->len - 1];

        virtqueue_unpop(n->rx_vq, elem);
        g_free(elem);
        g_ptr_array_set_size(elems, elems->len - 1);
    }
    return false;
}

/* Header and frame into the buffers, which are then the guest's. */
static void virtio_net_fill_buffers(VirtIONet *n, GPtrArray *elems, const uint8_t *buf, size_t size)
{
    uint8_t hdr[VIRTIO_NET_HDR_SIZE] = { 0 };
    size_t done = 0;

    st16_le(hdr + 10, elems->len);
    for (unsigned i = 0; i < elems->len; i++) {
        VirtQueueElement *elem = elems->pdata[i];
        size_t skip = i == 0 ? virtio_net_hdr_size(n) : 0;
        size_t part;

        if (skip) {
            (void)iov_from_buf(elem->in_sg, elem->in_num, 0, hdr, skip);    /* there is room: it was looked at */
        }
        part = iov_from_buf(elem->in_sg, elem->in_num, skip, buf + done, size - done);
        virtqueue_fill(n->rx_vq, elem, skip + part, i);
        done += part;
        g_free(elem);
    }
    virtqueue_flush(n->rx_vq, elems->len);
    virtio_notify(&n->parent, n->rx_vq);
}

static ssize_t virtio_net_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    VirtIONet *n = virtio_net_of(nc);
    g_autoptr(GPtrArray) elems = g_ptr_array_new();
    size_t total = size + virtio_net_hdr_size(n);

    if (!virtio_net_can_receive(nc)) {
        return 0;
    }
    if (!net_filter_wants(&n->filter, buf, size)) {
        return size;
    }
    if (!virtio_net_pop_buffers(n, total, elems)) {
        /* Ask to be told of more, then look once again: some may have come before the guest saw that. */
        virtio_queue_set_notification(n->rx_vq, 1);
        if (!virtio_net_pop_buffers(n, total, elems)) {
            return n->parent.broken ? (ssize_t)size : 0;        /* (I1) */
        }
    }
    virtio_queue_set_notification(n->rx_vq, 0);
    virtio_net_fill_buffers(n, elems, buf, size);
    return size;
}

void virtio_net_handle_rx(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIONet *n = (VirtIONet *)vdev;

    if (virtio_net_active(n)) {
        qemu_flush_queued_packets(n->nic);
    }
}

/* ---- From the guest ---- */

static void virtio_net_schedule_tx(VirtIONet *n)
{
    if (n->tx_timer) {
        timer_mod(n->tx_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + n->tx_timer_ns);
    } else {
        qemu_bh_schedule(n->tx_bh);
    }
}

static void virtio_net_tx_done(VirtIONet *n, VirtQueueElement *elem)
{
    virtqueue_push(n->tx_vq, elem, 0);
    g_free(elem);
}

/* The backend has taken, or lost, the frame that waited. */
static void virtio_net_tx_complete(NetClientState *nc, ssize_t ret)
{
    VirtIONet *n = virtio_net_of(nc);

    virtio_net_tx_done(n, g_steal_pointer(&n->tx_elem));
    virtio_notify(&n->parent, n->tx_vq);
    n->tx_waiting = true;
    if (virtio_net_active(n)) {
        virtio_net_schedule_tx(n);
    }
}

/* Returns false if nothing more can be sent for now. */
static bool virtio_net_send(VirtIONet *n, VirtQueueElement *elem)
{
    size_t size = iov_size(elem->out_sg, elem->out_num);
    unsigned hdr_size = virtio_net_hdr_size(n);

    if (elem->out_num < 1 || size < hdr_size) {
        virtio_error(&n->parent, "virtio-net header not in first element");
        virtqueue_detach_element(n->tx_vq, elem, 0);
        g_free(elem);
        return false;
    }
    size -= hdr_size;
    /* A frame of no length, or of one that no network carries, is lost on the way. */
    if (size && size <= NET_BUFSIZE) {
        (void)iov_to_buf(elem->out_sg, elem->out_num, hdr_size, n->tx_buf, size);     /* it is that long */
        if (qemu_send_packet_async(n->nic, n->tx_buf, size, virtio_net_tx_complete) == 0) {
            n->tx_elem = elem;
            return false;
        }
    }
    virtio_net_tx_done(n, elem);
    return true;
}

/* Returns how many frames were sent; -EBUSY: the backend is, and will say when it is not. */
static int virtio_net_flush_tx(VirtIONet *n)
{
    int sent = 0;
    bool busy = false;

    while (sent < n->tx_burst) {
        VirtQueueElement *elem = virtqueue_pop(n->tx_vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        if (!virtio_net_send(n, elem)) {
            busy = n->tx_elem != NULL;
            break;
        }
        sent++;
    }
    if (sent) {
        virtio_notify(&n->parent, n->tx_vq);
    }
    return busy ? -EBUSY : sent;
}

void virtio_net_tx_work(void *opaque)
{
    VirtIONet *n = opaque;
    int sent;

    if (!virtio_net_active(n) || n->tx_elem) {
        return;                 /* tx_waiting keeps it in mind */
    }
    n->tx_waiting = false;
    sent = virtio_net_flush_tx(n);
    if (sent == -EBUSY || n->parent.broken) {
        return;
    }
    if (sent < n->tx_burst) {
        /* The guest is to say when there is more; look again, for what it queued before it knew. */
        virtio_queue_set_notification(n->tx_vq, 1);
        if (virtio_queue_empty(n->tx_vq)) {
            return;
        }
        virtio_queue_set_notification(n->tx_vq, 0);
    }
    n->tx_waiting = true;       /* (I3) */
    virtio_net_schedule_tx(n);
}

void virtio_net_handle_tx(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIONet *n = (VirtIONet *)vdev;

    if (n->tx_waiting) {
        return;
    }
    n->tx_waiting = true;
    if (!virtio_net_active(n)) {
        return;                 /* (I4) */
    }
    virtio_queue_set_notification(vq, 0);
    virtio_net_schedule_tx(n);
}

void virtio_net_tx_start(VirtIONet *n)
{
    if (n->tx_waiting) {
        virtio_net_schedule_tx(n);
    }
}

void virtio_net_tx_stop(VirtIONet *n)
{
    if (n->tx_timer) {
        timer_del(n->tx_timer);
    } else {
        qemu_bh_cancel(n->tx_bh);
    }
    qemu_purge_queued_packets(n->nic);          /* (I2) */
    assert(!n->tx_elem);
}

static void virtio_net_link_changed(NetClientState *nc)
{
    VirtIONet *n = virtio_net_of(nc);
    uint16_t old = n->status;

    n->status = (old & ~VIRTIO_NET_S_LINK_UP) | (nc->link_down ? 0 : VIRTIO_NET_S_LINK_UP);
    if (n->status != old) {
        virtio_notify_config(&n->parent);
    }
}

const NetClientInfo virtio_net_info = {
    .type = "nic",
    .size = sizeof(VirtIONetClient),
    .can_receive = virtio_net_can_receive,
    .receive = virtio_net_receive,
    .link_status_changed = virtio_net_link_changed,
};
