/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk: a disk behind virtqueues.
 *
 * Context: control under the BQL. Requests: the home thread of the queue's AioContext, which is the iothread's
 * while the notifiers are started and the main context otherwise.
 *
 * I1  A request is answered exactly once, through virtio_blk_req_complete().
 * I2  While the backend is drained no notifier is attached; the first look after the drain finds what came meanwhile.
 * Source: virtio 1.2, section 5.2.
 */
#ifndef DEVICES_VIRTIO_BLK_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_VIRTIO_BLK_H

#include "aio/iothread.h"
#include "devices/block_conf.h"
#include "virtio/virtio.h"

typedef struct VirtIOBlock {
    VirtIODevice parent;
    /* fixed after realize */
    BlockConf conf;
    IOThread *iothread;
    uint16_t num_queues;
    uint16_t queue_size;
    bool config_wce;
    bool discard;
    bool write_zeroes;
    uint32_t max_discard_sectors;
    uint32_t max_write_zeroes_sectors;
    /* BQL */
    AioContext *ctx;            /* where the queues are served while started */
    bool ioeventfd_starting;
    bool ioeventfd_stopping;
    bool ioeventfd_disabled;    /* starting failed: serve kicks where they happen */
    bool ioeventfd_started;
    /* atomic */
    uint64_t length;            /* of the medium, bytes */
} VirtIOBlock;

#endif
