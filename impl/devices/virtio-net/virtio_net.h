/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net: a network card behind virtqueues.
 *
 * One pair of queues and a control queue. There are no offloads, since no backend has use for them: frames carry their
 * checksums. Context: main thread or a vCPU thread, BQL held.
 *
 * I1  A frame is received into buffers that hold all of it, or stays in the queue of the network core.
 * I2  At most one frame of the guest waits for the backend; while it does, no other is taken from the ring. A stop of
 *     the VM and a reset drop it, so that nothing is in flight in saved state.
 * I3  One pass over the transmit queue takes at most tx_burst frames; then the event loop goes round.
 * I4  Nothing is taken from a queue, and nothing put there, while the VM is stopped.
 * Source: virtio 1.2, section 5.1.
 */
#ifndef DEVICES_VIRTIO_NET_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_VIRTIO_NET_H

#include "aio/timer.h"
#include "devices/virtio-net/filter.h"
#include "virtio/virtio.h"

#define VIRTIO_NET_F_CSUM 0
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_CTRL_VLAN 19
#define VIRTIO_NET_F_CTRL_RX_EXTRA 20
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_NET_F_SPEED_DUPLEX 63

#define VIRTIO_NET_S_LINK_UP 1
#define VIRTIO_NET_S_ANNOUNCE 2

#define VIRTIO_NET_OK 0
#define VIRTIO_NET_ERR 1

#define VIRTIO_NET_HDR_SIZE 12          /* flags .. num_buffers; a legacy driver leaves the last field out */

typedef struct VirtIONet {
    VirtIODevice parent;
    /* fixed after realize */
    MACAddr conf_mac;
    char *netdev;
    bool mrg_rxbuf;
    bool status_prop;
    bool ctrl_vq;
    bool ctrl_rx;
    bool ctrl_rx_extra;
    bool ctrl_vlan;
    bool ctrl_mac_addr;
    bool guest_announce;
    int32_t bootindex;                  /* place in the order firmware tries devices in; -1: none */
    bool moot[12];                      /* properties of offloads, which no backend here has use for */
    uint16_t host_mtu;
    uint16_t rx_queue_size;
    uint16_t tx_queue_size;
    uint32_t tx_timer_ns;
    int32_t tx_burst;
    char *tx;                           /* "timer", "bh" or NULL */
    int32_t speed;                      /* Mbit/s, -1: unknown */
    char *duplex;
    VirtQueue *rx_vq;
    VirtQueue *tx_vq;
    VirtQueue *cvq;
    NetClientState *nic;
    /* BQL */
    NetFilter filter;
    uint16_t status;
    uint8_t *tx_buf;                    /* NET_BUFSIZE bytes */
    VirtQueueElement *tx_elem;          /* (I2) */
    QEMUBH *tx_bh;
    QEMUTimer *tx_timer;                /* instead of the bottom half, for tx=timer */
    bool tx_waiting;                    /* frames may be in the ring */
    QEMUTimer *announce_timer;
    uint32_t announce_rounds;           /* still to come */
} VirtIONet;

/** virtio_net_active: does the driver run, and the VM? */
bool virtio_net_active(const VirtIONet *n);

/** virtio_net_hdr_size: of the header before each frame, as negotiated. */
unsigned virtio_net_hdr_size(const VirtIONet *n);

/* ---- Frames (frames.c) ---- */

extern const NetClientInfo virtio_net_info;
/** The client that is a card. */
typedef struct VirtIONetClient {
    NetClientState nc;
    VirtIONet *n;
} VirtIONetClient;
void virtio_net_handle_rx(VirtIODevice *vdev, VirtQueue *vq);
void virtio_net_handle_tx(VirtIODevice *vdev, VirtQueue *vq);
/** virtio_net_tx_work: one pass over the transmit queue; what the bottom half and the timer do. */
void virtio_net_tx_work(void *opaque);
/** virtio_net_tx_start / _stop: with the VM and the driver. */
void virtio_net_tx_start(VirtIONet *n);
void virtio_net_tx_stop(VirtIONet *n);

#endif
