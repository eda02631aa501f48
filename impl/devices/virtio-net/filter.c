/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receive filter. See filter.h.
 */
#include "devices/virtio-net/filter.h"

#include "base/bytes.h"
#include "base/iov.h"

#include <string.h>

#define ETH_P_VLAN 0x8100

void net_filter_reset(NetFilter *f, const MACAddr *mac)
{
    *f = (NetFilter){ .mac = *mac, .promisc = true };
}

void net_filter_all_vlans(NetFilter *f, bool all)
{
    memset(f->vlans, all ? 0xff : 0, sizeof(f->vlans));
}

static bool net_filter_lists(const NetFilter *f, uint32_t from, uint32_t to, const uint8_t *mac)
{
    for (uint32_t i = from; i < to; i++) {
        if (memcmp(f->macs + i * ETH_ALEN, mac, ETH_ALEN) == 0) {
            return true;
        }
    }
    return false;
}

bool net_filter_wants(const NetFilter *f, const uint8_t *buf, size_t size)
{
    if (f->promisc) {
        return true;
    }
    if (size < ETH_HLEN) {
        return false;
    }
    if (size >= ETH_HLEN + 4 && ld16_be(buf + 12) == ETH_P_VLAN) {
        unsigned vid = ld16_be(buf + 14) & (MAX_VLAN - 1);

        if (!(f->vlans[vid / 8] & 1u << vid % 8)) {
            return false;
        }
    }
    if (mac_is_broadcast(buf)) {
        return !f->nobcast;
    }
    if (mac_is_multicast(buf)) {
        return !f->nomulti && (f->allmulti || f->multi_overflow || net_filter_lists(f, f->first_multi, f->in_use, buf));
    }
    return !f->nouni && (f->alluni || f->uni_overflow || memcmp(buf, f->mac.a, ETH_ALEN) == 0 ||
                         net_filter_lists(f, 0, f->first_multi, buf));
}

/* ---- Commands ---- */

static bool net_filter_rx(NetFilter *f, uint8_t cmd, const struct iovec *iov, unsigned niov)
{
    bool *const flags[] = {
        [VIRTIO_NET_CTRL_RX_PROMISC] = &f->promisc,
        [VIRTIO_NET_CTRL_RX_ALLMULTI] = &f->allmulti,
        [VIRTIO_NET_CTRL_RX_ALLUNI] = &f->alluni,
        [VIRTIO_NET_CTRL_RX_NOMULTI] = &f->nomulti,
        [VIRTIO_NET_CTRL_RX_NOUNI] = &f->nouni,
        [VIRTIO_NET_CTRL_RX_NOBCAST] = &f->nobcast,
    };
    uint8_t on;

    if (cmd >= G_N_ELEMENTS(flags) || iov_to_buf(iov, niov, 0, &on, 1) != 1) {
        return false;
    }
    *flags[cmd] = on != 0;
    return true;
}

/* One of the two tables: a count and as many addresses at *@offset, which moves behind it. */
static bool net_filter_table(NetFilter *f, const struct iovec *iov, unsigned niov, uint64_t *offset,
                             bool *ret_overflow)
{
    uint64_t size = iov_size(iov, niov);
    uint32_t entries;
    uint64_t bytes;

    if (iov_to_buf(iov, niov, *offset, &entries, sizeof(entries)) != sizeof(entries)) {
        return false;
    }
    *offset += sizeof(entries);
    entries = GUINT32_FROM_LE(entries);
    bytes = (uint64_t)entries * ETH_ALEN;
    if (bytes > size - *offset) {
        return false;
    }
    *ret_overflow = entries > MAC_TABLE_ENTRIES - f->in_use;
    if (!*ret_overflow) {
        (void)iov_to_buf(iov, niov, *offset, f->macs + f->in_use * ETH_ALEN, bytes);     /* it is that long */
        f->in_use += entries;
    }
    *offset += bytes;
    return true;
}

static bool net_filter_mac_table(NetFilter *f, const struct iovec *iov, unsigned niov)
{
    NetFilter new = *f;
    uint64_t offset = 0;

    new.in_use = 0;
    memset(new.macs, 0, sizeof(new.macs));
    if (!net_filter_table(&new, iov, niov, &offset, &new.uni_overflow)) {
        return false;
    }
    new.first_multi = new.in_use;
    if (!net_filter_table(&new, iov, niov, &offset, &new.multi_overflow) || offset != iov_size(iov, niov)) {
        return false;
    }
    *f = new;                   /* (I2) */
    return true;
}

static bool net_filter_mac(NetFilter *f, uint8_t cmd, const struct iovec *iov, unsigned niov)
{
    if (cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET) {
        MACAddr mac;

        if (iov_size(iov, niov) != sizeof(mac)) {
            return false;
        }
        (void)iov_to_buf(iov, niov, 0, &mac, sizeof(mac));       /* it is that long */
        f->mac = mac;
        return true;
    }
    return cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET && net_filter_mac_table(f, iov, niov);
}

static bool net_filter_vlan(NetFilter *f, uint8_t cmd, const struct iovec *iov, unsigned niov)
{
    uint8_t le[2];
    unsigned vid;

    if (iov_to_buf(iov, niov, 0, le, sizeof(le)) != sizeof(le)) {
        return false;
    }
    vid = ld16_le(le);
    if (vid >= MAX_VLAN || (cmd != VIRTIO_NET_CTRL_VLAN_ADD && cmd != VIRTIO_NET_CTRL_VLAN_DEL)) {
        return false;
    }
    if (cmd == VIRTIO_NET_CTRL_VLAN_ADD) {
        f->vlans[vid / 8] |= 1u << vid % 8;
    } else {
        f->vlans[vid / 8] &= ~(1u << vid % 8);
    }
    return true;
}

bool net_filter_command(NetFilter *f, uint8_t class, uint8_t cmd, const struct iovec *iov, unsigned niov)
{
    switch (class) {
    case VIRTIO_NET_CTRL_RX:
        return net_filter_rx(f, cmd, iov, niov);
    case VIRTIO_NET_CTRL_MAC:
        return net_filter_mac(f, cmd, iov, niov);
    case VIRTIO_NET_CTRL_VLAN:
        return net_filter_vlan(f, cmd, iov, niov);
    default:
        return false;
    }
}
