/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which frames a card hears, and the commands of the guest that change it. Pure: no device, no guest memory.
 *
 * I1  in_use <= MAC_TABLE_ENTRIES and first_multi <= in_use.
 * I2  A command that fails changes nothing.
 * Source: virtio 1.2, sections 5.1.6.5.1 to 5.1.6.5.4.
 */
#ifndef DEVICES_VIRTIO_NET_FILTER_H
#define DEVICES_VIRTIO_NET_FILTER_H

#include "net/net.h"

#define MAC_TABLE_ENTRIES 64
#define MAX_VLAN (1 << 12)

/* Commands of the control queue: class, command. */
#define VIRTIO_NET_CTRL_RX 0
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_ALLMULTI 1
#define VIRTIO_NET_CTRL_RX_ALLUNI 2
#define VIRTIO_NET_CTRL_RX_NOMULTI 3
#define VIRTIO_NET_CTRL_RX_NOUNI 4
#define VIRTIO_NET_CTRL_RX_NOBCAST 5
#define VIRTIO_NET_CTRL_MAC 1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET 1
#define VIRTIO_NET_CTRL_VLAN 2
#define VIRTIO_NET_CTRL_VLAN_ADD 0
#define VIRTIO_NET_CTRL_VLAN_DEL 1
#define VIRTIO_NET_CTRL_ANNOUNCE 3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0

typedef struct NetFilter {
    MACAddr mac;
    bool promisc;
    bool allmulti;
    bool alluni;
    bool nomulti;
    bool nouni;
    bool nobcast;
    bool uni_overflow;          /* the guest named more than fit: hear all of that kind */
    bool multi_overflow;
    uint32_t in_use;
    uint32_t first_multi;
    uint8_t macs[MAC_TABLE_ENTRIES * ETH_ALEN];
    uint8_t vlans[MAX_VLAN / 8];
} NetFilter;

/** net_filter_reset: hears everything; knows no VLAN and no address but @mac. */
void net_filter_reset(NetFilter *f, const MACAddr *mac);
/** net_filter_all_vlans: the guest does (not) keep the list of VLANs itself. */
void net_filter_all_vlans(NetFilter *f, bool all);
/** net_filter_wants: is @buf, a frame of @size bytes, for this card? */
bool net_filter_wants(const NetFilter *f, const uint8_t *buf, size_t size);
/** net_filter_command: of classes RX, MAC and VLAN; @iov: what follows class and command. False: refused. */
G_GNUC_WARN_UNUSED_RESULT
bool net_filter_command(NetFilter *f, uint8_t class, uint8_t cmd, const struct iovec *iov, unsigned niov);

#endif
