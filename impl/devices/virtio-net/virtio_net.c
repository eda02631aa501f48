/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The card: negotiation, configuration, the control queue, life and state. Frames are in frames.c.
 */
#include "devices/virtio-net/virtio_net.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/iov.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define RX_QUEUE_MIN 256
#define TX_QUEUE_MIN 256
#define CTRL_QUEUE_SIZE 64
#define CTRL_BURST 256          /* commands in one go */

#define ANNOUNCE_ROUNDS 5
#define ANNOUNCE_FIRST_MS 50
#define ANNOUNCE_STEP_MS 100

bool virtio_net_active(const VirtIONet *n)
{
    return n->parent.vm_running && n->parent.status & VIRTIO_CONFIG_S_DRIVER_OK && !n->parent.broken;
}

unsigned virtio_net_hdr_size(const VirtIONet *n)
{
    bool full = virtio_vdev_has_feature(&n->parent, VIRTIO_F_VERSION_1) ||
                virtio_vdev_has_feature(&n->parent, VIRTIO_NET_F_MRG_RXBUF);

    return full ? VIRTIO_NET_HDR_SIZE : VIRTIO_NET_HDR_SIZE - 2;
}

/* ---- Configuration ---- */

static unsigned virtio_net_config_size(const VirtIONet *n)
{
    if (n->speed >= 0 || n->duplex) {
        return 17;
    }
    return n->host_mtu ? 12 : 8;
}

static void virtio_net_get_config(VirtIODevice *vdev, uint8_t *c)
{
    VirtIONet *n = (VirtIONet *)vdev;
    uint8_t all[17] = { 0 };

    memcpy(all, n->filter.mac.a, ETH_ALEN);
    st16_le(all + 6, n->status);
    st16_le(all + 8, 1);
    st16_le(all + 10, n->host_mtu);
    st32_le(all + 12, n->speed);
    all[16] = !n->duplex ? 0xff : strcmp(n->duplex, "full") == 0;
    memcpy(c, all, vdev->config_size);
}

/* A legacy driver that has no command for it writes the address where it reads it. */
static void virtio_net_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    VirtIONet *n = (VirtIONet *)vdev;

    if (!virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1) &&
        !virtio_vdev_has_feature(vdev, VIRTIO_NET_F_CTRL_MAC_ADDR)) {
        memcpy(n->filter.mac.a, config, ETH_ALEN);
        qemu_format_nic_info_str(n->nic, &n->filter.mac);
    }
}

static uint64_t virtio_net_bit(bool on, unsigned bit)
{
    return (uint64_t)on << bit;
}

static uint64_t virtio_net_get_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIONet *n = (VirtIONet *)vdev;

    features |= virtio_net_bit(true, VIRTIO_NET_F_MAC) | virtio_net_bit(n->mrg_rxbuf, VIRTIO_NET_F_MRG_RXBUF) |
                virtio_net_bit(n->status_prop, VIRTIO_NET_F_STATUS) |
                virtio_net_bit(n->host_mtu != 0, VIRTIO_NET_F_MTU) |
                virtio_net_bit(n->speed >= 0 || n->duplex, VIRTIO_NET_F_SPEED_DUPLEX);
    if (!n->ctrl_vq) {
        return features;
    }
    return features | virtio_net_bit(true, VIRTIO_NET_F_CTRL_VQ) | virtio_net_bit(n->ctrl_rx, VIRTIO_NET_F_CTRL_RX) |
           virtio_net_bit(n->ctrl_rx_extra, VIRTIO_NET_F_CTRL_RX_EXTRA) |
           virtio_net_bit(n->ctrl_vlan, VIRTIO_NET_F_CTRL_VLAN) |
           virtio_net_bit(n->ctrl_mac_addr, VIRTIO_NET_F_CTRL_MAC_ADDR) |
           virtio_net_bit(n->guest_announce && n->status_prop, VIRTIO_NET_F_GUEST_ANNOUNCE);
}

static void virtio_net_set_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIONet *n = (VirtIONet *)vdev;

    net_filter_all_vlans(&n->filter, !virtio_has_feature(features, VIRTIO_NET_F_CTRL_VLAN));
}

/* ---- The guest tells the network where it is, after a migration ---- */

static void virtio_net_announce_timer(void *opaque)
{
    VirtIONet *n = opaque;

    if (n->announce_rounds && virtio_net_active(n)) {
        n->announce_rounds--;
        n->status |= VIRTIO_NET_S_ANNOUNCE;
        virtio_notify_config(&n->parent);
    }
}

static bool virtio_net_announce_ack(VirtIONet *n, uint8_t cmd)
{
    if (cmd != VIRTIO_NET_CTRL_ANNOUNCE_ACK || !(n->status & VIRTIO_NET_S_ANNOUNCE)) {
        return false;
    }
    n->status &= ~VIRTIO_NET_S_ANNOUNCE;
    if (n->announce_rounds) {
        unsigned done = ANNOUNCE_ROUNDS - n->announce_rounds;

        timer_mod(n->announce_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + ANNOUNCE_FIRST_MS +
                                     (done - 1) * ANNOUNCE_STEP_MS);
    }
    return true;
}

/* ---- Control queue ---- */

static uint8_t virtio_net_command(VirtIONet *n, struct iovec *iov, unsigned niov)
{
    QEMUIOVector all, data;
    uint8_t hdr[2];
    bool ok;

    if (iov_to_buf(iov, niov, 0, hdr, sizeof(hdr)) != sizeof(hdr)) {
        return VIRTIO_NET_ERR;
    }
    if (hdr[0] == VIRTIO_NET_CTRL_ANNOUNCE) {
        return virtio_net_announce_ack(n, hdr[1]) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
    }
    qemu_iovec_init_external(&all, iov, niov);
    qemu_iovec_init_slice(&data, &all, sizeof(hdr), all.size - sizeof(hdr));
    ok = net_filter_command(&n->filter, hdr[0], hdr[1], data.iov, data.niov);
    qemu_iovec_destroy(&data);
    qemu_format_nic_info_str(n->nic, &n->filter.mac);
    return ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
}

static void virtio_net_handle_ctrl(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIONet *n = (VirtIONet *)vdev;

    for (unsigned i = 0; i < CTRL_BURST; i++) {
        VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));
        uint8_t status;

        if (!elem) {
            return;
        }
        if (iov_size(elem->in_sg, elem->in_num) < sizeof(status) || iov_size(elem->out_sg, elem->out_num) < 2) {
            virtio_error(vdev, "virtio-net ctrl missing headers");
            virtqueue_detach_element(vq, elem, 0);
            g_free(elem);
            return;
        }
        status = virtio_net_command(n, elem->out_sg, elem->out_num);
        (void)iov_from_buf(elem->in_sg, elem->in_num, 0, &status, sizeof(status));      /* there is room */
        virtqueue_push(vq, elem, sizeof(status));
        virtio_notify(vdev, vq);
        g_free(elem);
    }
    /* A guest that never stops asking is asked to ask again. */
    virtio_error(vdev, "virtio-net: more than %d commands at once", CTRL_BURST);
}

/* ---- Life ---- */

static void virtio_net_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIONet *n = (VirtIONet *)vdev;

    if (status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running && !vdev->broken) {
        uint8_t old = vdev->status;

        vdev->status = status;          /* what follows asks whether we are active */
        virtio_net_tx_start(n);
        qemu_flush_queued_packets(n->nic);
        if (n->announce_rounds && virtio_vdev_has_feature(vdev, VIRTIO_NET_F_GUEST_ANNOUNCE)) {
            timer_mod(n->announce_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL));
        }
        vdev->status = old;
    } else {
        virtio_net_tx_stop(n);
    }
}

static void virtio_net_reset(VirtIODevice *vdev)
{
    VirtIONet *n = (VirtIONet *)vdev;

    virtio_net_tx_stop(n);
    timer_del(n->announce_timer);
    n->announce_rounds = 0;
    n->tx_waiting = false;
    n->status = n->nic->link_down ? 0 : VIRTIO_NET_S_LINK_UP;
    net_filter_reset(&n->filter, &n->conf_mac);
    qemu_format_nic_info_str(n->nic, &n->filter.mac);
}

/* @stop: what people know the sentence to end with. */
static bool virtio_net_check_size(const char *name, unsigned size, unsigned min, const char *stop, GError **errp)
{
    if (size < min || size > VIRTQUEUE_MAX_SIZE || !is_power_of_2(size)) {
        error_setg(errp, "Invalid %s (= %u), must be a power of 2 between %u and %u%s", name, size, min,
                   VIRTQUEUE_MAX_SIZE, stop);
        return false;
    }
    return true;
}

static bool virtio_net_check(VirtIONet *n, GError **errp)
{
    if (!virtio_net_check_size("rx_queue_size", n->rx_queue_size, RX_QUEUE_MIN, ".", errp) ||
        !virtio_net_check_size("tx_queue_size", n->tx_queue_size, TX_QUEUE_MIN, "", errp)) {
        return false;
    }
    if (n->duplex && strcmp(n->duplex, "half") != 0 && strcmp(n->duplex, "full") != 0) {
        error_setg(errp, "'duplex' must be 'half' or 'full'");
        return false;
    }
    if (n->speed < -1) {
        error_setg(errp, "'speed' must be between 0 and INT_MAX");
        return false;
    }
    if (n->tx && strcmp(n->tx, "timer") != 0 && strcmp(n->tx, "bh") != 0) {
        error_setg(errp, "Unknown option tx=%s, valid options: \"timer\" \"bh\"", n->tx);
        return false;
    }
    if (n->tx_burst < 1) {
        error_setg(errp, "'x-txburst' must be positive");
        return false;
    }
    return true;
}

/* The backend may have gone, or been taken, since the property was set. */
static bool virtio_net_find_peer(VirtIONet *n, NetClientState **ret, GError **errp)
{
    *ret = n->netdev ? qemu_find_netdev(n->netdev) : NULL;
    if (n->netdev && (!*ret || (*ret)->peer)) {
        error_setg(errp, *ret ? "Property '%s.netdev' can't take value '%s', it's in use"
                              : "Property '%s.netdev' can't find value '%s'", n->parent.qdev.klass->name, n->netdev);
        return false;
    }
    return true;
}

static bool virtio_net_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIONet *n = (VirtIONet *)vdev;
    DeviceState *proxy = virtio_user_device(vdev);
    NetClientState *peer;

    if (!virtio_net_check(n, errp) || !virtio_net_find_peer(n, &peer, errp)) {
        return false;
    }
    qemu_macaddr_default_if_unset(&n->conf_mac);
    vdev->name = "virtio-net";
    virtio_init(vdev, VIRTIO_ID_NET, virtio_net_config_size(n));
    n->rx_vq = virtio_add_queue(vdev, n->rx_queue_size, virtio_net_handle_rx);
    n->tx_vq = virtio_add_queue(vdev, n->tx_queue_size, virtio_net_handle_tx);
    if (n->ctrl_vq) {
        n->cvq = virtio_add_queue(vdev, CTRL_QUEUE_SIZE, virtio_net_handle_ctrl);
    }
    n->tx_buf = g_malloc(NET_BUFSIZE);
    if (n->tx && strcmp(n->tx, "timer") == 0) {
        n->tx_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, virtio_net_tx_work, n);
    } else {
        n->tx_bh = qemu_bh_new(virtio_net_tx_work, n);
    }
    n->announce_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, virtio_net_announce_timer, n);
    n->nic = qemu_new_net_client(&virtio_net_info, peer, proxy->klass->name, proxy->id);
    ((VirtIONetClient *)n->nic)->n = n;
    virtio_net_reset(vdev);
    return true;
}

static void virtio_net_unrealize(VirtIODevice *vdev)
{
    VirtIONet *n = (VirtIONet *)vdev;

    qemu_del_net_client(n->nic);
    n->nic = NULL;
    qemu_macaddr_release(&n->conf_mac);
    timer_free(n->announce_timer);
    timer_free(n->tx_timer);
    n->announce_timer = n->tx_timer = NULL;
    if (n->tx_bh) {
        qemu_bh_delete(n->tx_bh);
        n->tx_bh = NULL;
    }
    g_clear_pointer(&n->tx_buf, g_free);
}

/* ---- State ---- */

static int virtio_net_post_load(void *opaque, int version_id)
{
    VirtIONet *n = opaque;

    if (n->filter.in_use > MAC_TABLE_ENTRIES || n->filter.first_multi > n->filter.in_use) {
        n->filter.in_use = n->filter.first_multi = 0;
        return -EINVAL;
    }
    n->nic->link_down = !(n->status & VIRTIO_NET_S_LINK_UP);
    qemu_format_nic_info_str(n->nic, &n->filter.mac);
    n->announce_rounds = virtio_vdev_has_feature(&n->parent, VIRTIO_NET_F_GUEST_ANNOUNCE) ? ANNOUNCE_ROUNDS : 0;
    n->tx_waiting = true;       /* what is in the ring was not announced to this side */
    return 0;
}

static const VMStateDescription vmstate_virtio_net = {
    .name = "virtio-net",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = virtio_net_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE(parent, VirtIONet),
        VMSTATE_UINT16(status, VirtIONet),
        VMSTATE_BUFFER(filter.mac, VirtIONet),
        VMSTATE_BOOL(filter.promisc, VirtIONet),
        VMSTATE_BOOL(filter.allmulti, VirtIONet),
        VMSTATE_BOOL(filter.alluni, VirtIONet),
        VMSTATE_BOOL(filter.nomulti, VirtIONet),
        VMSTATE_BOOL(filter.nouni, VirtIONet),
        VMSTATE_BOOL(filter.nobcast, VirtIONet),
        VMSTATE_BOOL(filter.uni_overflow, VirtIONet),
        VMSTATE_BOOL(filter.multi_overflow, VirtIONet),
        VMSTATE_UINT32(filter.in_use, VirtIONet),
        VMSTATE_UINT32(filter.first_multi, VirtIONet),
        VMSTATE_BUFFER(filter.macs, VirtIONet),
        VMSTATE_BUFFER(filter.vlans, VirtIONet),
        VMSTATE_END_OF_LIST()
    },
};

static const VirtioDeviceClass virtio_net_vdc = {
    .device_id = VIRTIO_ID_NET,
    .realize = virtio_net_realize,
    .unrealize = virtio_net_unrealize,
    .get_features = virtio_net_get_features,
    .set_features = virtio_net_set_features,
    .get_config = virtio_net_get_config,
    .set_config = virtio_net_set_config,
    .reset = virtio_net_reset,
    .set_status = virtio_net_set_status,
};

static const Property virtio_net_props[] = {
    DEFINE_PROP_MACADDR("mac", VirtIONet, conf_mac),
    DEFINE_PROP_NETDEV("netdev", VirtIONet, netdev),
    DEFINE_PROP_INT32("bootindex", VirtIONet, bootindex, -1),
    DEFINE_PROP_BOOL("csum", VirtIONet, moot[0], true),
    DEFINE_PROP_BOOL("guest_csum", VirtIONet, moot[1], true),
    DEFINE_PROP_BOOL("gso", VirtIONet, moot[2], true),
    DEFINE_PROP_BOOL("guest_tso4", VirtIONet, moot[3], true),
    DEFINE_PROP_BOOL("guest_tso6", VirtIONet, moot[4], true),
    DEFINE_PROP_BOOL("guest_ecn", VirtIONet, moot[5], true),
    DEFINE_PROP_BOOL("guest_ufo", VirtIONet, moot[6], true),
    DEFINE_PROP_BOOL("host_tso4", VirtIONet, moot[7], true),
    DEFINE_PROP_BOOL("host_tso6", VirtIONet, moot[8], true),
    DEFINE_PROP_BOOL("host_ecn", VirtIONet, moot[9], true),
    DEFINE_PROP_BOOL("host_ufo", VirtIONet, moot[10], true),
    DEFINE_PROP_BOOL("ctrl_guest_offloads", VirtIONet, moot[11], true),
    DEFINE_PROP_BOOL("mrg_rxbuf", VirtIONet, mrg_rxbuf, true),
    DEFINE_PROP_BOOL("status", VirtIONet, status_prop, true),
    DEFINE_PROP_BOOL("ctrl_vq", VirtIONet, ctrl_vq, true),
    DEFINE_PROP_BOOL("ctrl_rx", VirtIONet, ctrl_rx, true),
    DEFINE_PROP_BOOL("ctrl_vlan", VirtIONet, ctrl_vlan, true),
    DEFINE_PROP_BOOL("ctrl_rx_extra", VirtIONet, ctrl_rx_extra, true),
    DEFINE_PROP_BOOL("ctrl_mac_addr", VirtIONet, ctrl_mac_addr, true),
    DEFINE_PROP_BOOL("guest_announce", VirtIONet, guest_announce, true),
    DEFINE_PROP_UINT16("rx_queue_size", VirtIONet, rx_queue_size, 256),
    DEFINE_PROP_UINT16("tx_queue_size", VirtIONet, tx_queue_size, 256),
    DEFINE_PROP_UINT16("host_mtu", VirtIONet, host_mtu, 0),
    DEFINE_PROP_UINT32("x-txtimer", VirtIONet, tx_timer_ns, 150000),
    DEFINE_PROP_INT32("x-txburst", VirtIONet, tx_burst, 256),
    DEFINE_PROP_STRING("tx", VirtIONet, tx),
    DEFINE_PROP_INT32("speed", VirtIONet, speed, -1),
    DEFINE_PROP_STRING("duplex", VirtIONet, duplex),
    DEFINE_VIRTIO_COMMON_PROPS(VirtIONet, parent),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass virtio_net_class = {
    .name = "virtio-net-device",
    .bus_type = "virtio-bus",
    .user_creatable = true,
    .instance_size = sizeof(VirtIONet),
    .props = virtio_net_props,
    .realize = virtio_device_realize,
    .unrealize = virtio_device_unrealize,
    .reset = virtio_device_reset,
    .vmsd = &vmstate_virtio_net,
    .class_data = &virtio_net_vdc,
};
