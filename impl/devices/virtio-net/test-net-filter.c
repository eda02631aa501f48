/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the receive filter lets through what the guest asked for, and commands that make no sense change nothing.
 * Method: commands as the guest words them, split over vectors at every place; frames by their first bytes.
 */
#include "devices/virtio-net/filter.h"

#include "base/bytes.h"

#include <string.h>

static const MACAddr own = { { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 } };

static bool command(NetFilter *f, uint8_t class, uint8_t cmd, const void *data, size_t len)
{
    NetFilter first = *f;
    bool ok = false;

    for (size_t at = 0; at <= len; at++) {
        NetFilter again = first;
        struct iovec iov[] = { { (void *)data, at }, { (char *)data + at, len - at } };

        ok = net_filter_command(&again, class, cmd, iov, 2);
        if (at == 0) {
            *f = again;
        }
        g_assert_cmpmem(f, sizeof(*f), &again, sizeof(again));
        if (!ok) {
            g_assert_cmpmem(&again, sizeof(again), &first, sizeof(first));
        }
    }
    return ok;
}

static bool wants(const NetFilter *f, const char *dst, int vlan)
{
    uint8_t frame[64] = { 0 };

    memcpy(frame, dst, ETH_ALEN);
    st16_be(frame + 12, vlan < 0 ? 0x0800 : 0x8100);
    st16_be(frame + 14, vlan < 0 ? 0 : 0x6000 | vlan);
    return net_filter_wants(f, frame, sizeof(frame));
}

#define OTHER "\x52\x54\x00\x12\x34\x57"
#define MULTI "\x33\x33\x00\x00\x00\x01"
#define BCAST "\xff\xff\xff\xff\xff\xff"

static void rx(NetFilter *f, uint8_t cmd, uint8_t on)
{
    g_assert_true(command(f, VIRTIO_NET_CTRL_RX, cmd, &on, 1));
}

static void test_modes(void)
{
    NetFilter f;

    net_filter_reset(&f, &own);
    g_assert_true(wants(&f, OTHER, 7));
    rx(&f, VIRTIO_NET_CTRL_RX_PROMISC, 0);
    g_assert_false(wants(&f, OTHER, -1));
    g_assert_false(wants(&f, MULTI, -1));
    g_assert_true(wants(&f, BCAST, -1));
    g_assert_true(wants(&f, (const char *)own.a, -1));
    g_assert_false(net_filter_wants(&f, own.a, ETH_ALEN));
    rx(&f, VIRTIO_NET_CTRL_RX_ALLUNI, 1);
    g_assert_true(wants(&f, OTHER, -1));
    rx(&f, VIRTIO_NET_CTRL_RX_NOUNI, 1);
    g_assert_false(wants(&f, OTHER, -1));
    rx(&f, VIRTIO_NET_CTRL_RX_ALLMULTI, 1);
    g_assert_true(wants(&f, MULTI, -1));
    rx(&f, VIRTIO_NET_CTRL_RX_NOMULTI, 1);
    g_assert_false(wants(&f, MULTI, -1));
    rx(&f, VIRTIO_NET_CTRL_RX_NOBCAST, 1);
    g_assert_false(wants(&f, BCAST, -1));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_RX, 6, "\1", 1));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "", 0));
    g_assert_false(command(&f, 9, 0, "\1", 1));
}

static void test_mac_table(void)
{
    static const uint8_t good[] = "\1\0\0\0" OTHER "\1\0\0\0" MULTI;
    NetFilter f;

    net_filter_reset(&f, &own);
    rx(&f, VIRTIO_NET_CTRL_RX_PROMISC, 0);
    g_assert_true(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, good, 20));
    g_assert_cmpuint(f.in_use, ==, 2);
    g_assert_true(wants(&f, OTHER, -1));
    g_assert_true(wants(&f, MULTI, -1));
    g_assert_false(wants(&f, "\x33\x33\x00\x00\x00\x02", -1));
    for (size_t len = 0; len < 20; len++) {
        g_assert_false(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, good, len));
    }
    g_assert_false(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, good, 21));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, "\xff\xff\xff\xff\0\0\0\0", 8));
    g_assert_true(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, OTHER, 6));
    g_assert_cmpmem(f.mac.a, 6, OTHER, 6);
    g_assert_false(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, OTHER, 5));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_MAC, 2, OTHER, 6));
}

/* More addresses than fit: all frames of that kind are heard, and the other table still counts. */
static void test_mac_overflow(void)
{
    enum { MANY = MAC_TABLE_ENTRIES + 1 };
    g_autofree uint8_t *table = g_malloc0(8 + MANY * ETH_ALEN + ETH_ALEN);
    NetFilter f;

    net_filter_reset(&f, &own);
    rx(&f, VIRTIO_NET_CTRL_RX_PROMISC, 0);
    st32_le(table, MANY);
    st32_le(table + 4 + MANY * ETH_ALEN, 1);
    memcpy(table + 8 + MANY * ETH_ALEN, MULTI, ETH_ALEN);
    g_assert_true(command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table, 8 + (MANY + 1) * ETH_ALEN));
    g_assert_true(f.uni_overflow);
    g_assert_false(f.multi_overflow);
    g_assert_true(wants(&f, OTHER, -1));
    g_assert_true(wants(&f, MULTI, -1));
    g_assert_false(wants(&f, "\x33\x33\x00\x00\x00\x02", -1));
}

static void test_vlans(void)
{
    NetFilter f;

    net_filter_reset(&f, &own);
    rx(&f, VIRTIO_NET_CTRL_RX_PROMISC, 0);
    g_assert_false(wants(&f, BCAST, 5));
    g_assert_true(command(&f, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\5\0", 2));
    g_assert_true(command(&f, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\xff\xf", 2));
    g_assert_true(wants(&f, BCAST, 5));
    g_assert_true(wants(&f, BCAST, 4095));
    g_assert_true(command(&f, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, "\5\0", 2));
    g_assert_false(wants(&f, BCAST, 5));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\0\x10", 2));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_VLAN, 2, "\5\0", 2));
    g_assert_false(command(&f, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\5", 1));
    net_filter_all_vlans(&f, true);
    g_assert_true(wants(&f, BCAST, 5));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net-filter/modes", test_modes);
    g_test_add_func("/net-filter/mac-table", test_mac_table);
    g_test_add_func("/net-filter/mac-overflow", test_mac_overflow);
    g_test_add_func("/net-filter/vlans", test_vlans);
    return g_test_run();
}
