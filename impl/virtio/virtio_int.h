/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the virtio core share: the queue.
 */
#ifndef VIRTIO_VIRTIO_INT_H
#define VIRTIO_VIRTIO_INT_H

#include "virtio/virtio.h"

struct VirtQueue {
    SchedObject o;              /* choice points at every index that the guest shares */
    char *name;
    VirtIODevice *vdev;
    uint16_t queue_index;
    VirtIOHandleOutput handle_output;
    uint32_t num_default;       /* 0: the queue does not exist */

    uint32_t num;               /* descriptors, 0: not set up */
    uint64_t desc;              /* guest addresses; desc 0: not ready */
    uint64_t avail;
    uint64_t used;
    uint16_t vector;
    bool enabled;

    uint16_t last_avail_idx;    /* next entry of the available ring to pop */
    uint16_t shadow_avail_idx;  /* the guest's index as last read */
    uint16_t used_idx;          /* next entry of the used ring to fill */
    uint16_t signalled_used;    /* used_idx when the guest was last interrupted */
    bool signalled_used_valid;
    bool notification;          /* kicks are wanted */
    uint32_t inuse;             /* popped and not pushed, in this epoch */
    unsigned epoch;             /* counts resets */

    EventNotifier host_notifier;
    EventNotifier guest_notifier;
    char *host_name;
    char *guest_name;
    bool host_notifier_live;    /* initialised */
    bool guest_notifier_live;
    bool host_notifier_enabled; /* wired to the guest's register */
};

/** virtio_queue_reset: forget what the guest set up. */
void virtio_queue_reset(VirtQueue *vq);
/** virtio_queue_notify_vq: run the queue's handler, if the guest has set the queue up. */
void virtio_queue_notify_vq(VirtQueue *vq);
/** virtio_ring_load: (re)read the used index from the ring after loading state. False: the ring is not in memory. */
bool virtio_ring_read_used_idx(VirtQueue *vq, uint16_t *ret);
void virtio_set_isr(VirtIODevice *vdev, uint8_t bits);
void virtio_notify_vector(VirtIODevice *vdev, uint16_t vector);

#endif
