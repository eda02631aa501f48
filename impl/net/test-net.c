/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: frames arrive once, in order, or wait for who is slow; cables can be pulled and ends can go; options of user
 * networks are read as documented; libslirp answers the guest on both engines.
 * Method: two clients of the test's own, which take as much as they are told to; a card that speaks ARP and DHCP to a
 * restricted user network.
 */
#include "net/net.h"

#include "aio/main_loop.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "sched/machine.h"

#include <string.h>

typedef struct End {
    NetClientState nc;
    unsigned room;              /* frames it still takes */
    unsigned got;
    unsigned links;             /* link_status_changed calls */
    bool ping_pong;             /* answers every frame with another */
    GByteArray *log;            /* first byte of each frame */
    GByteArray *last;
} End;

static bool end_can_receive(NetClientState *nc)
{
    return ((End *)nc)->room > 0;
}

static ssize_t end_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    End *e = (End *)nc;

    if (!e->room) {
        return 0;
    }
    e->room--;
    e->got++;
    g_byte_array_append(e->log, buf, 1);
    g_byte_array_set_size(e->last, 0);
    g_byte_array_append(e->last, buf, size);
    if (e->ping_pong) {
        (void)qemu_send_packet(nc, buf, size);
    }
    return size;
}

static void end_link(NetClientState *nc)
{
    ((End *)nc)->links++;
}

static void end_cleanup(NetClientState *nc)
{
    g_byte_array_unref(((End *)nc)->log);
    g_byte_array_unref(((End *)nc)->last);
}

static const NetClientInfo nic_info = {
    .type = "nic",
    .size = sizeof(End),
    .can_receive = end_can_receive,
    .receive = end_receive,
    .link_status_changed = end_link,
    .cleanup = end_cleanup,
};

static const NetClientInfo backend_info = {
    .type = "test",
    .size = sizeof(End),
    .receive = end_receive,
    .link_status_changed = end_link,
    .cleanup = end_cleanup,
};

static End *end_new(const NetClientInfo *info, NetClientState *peer, const char *name)
{
    End *e = (End *)qemu_new_net_client(info, peer, "end", name);

    e->room = 1000;
    e->log = g_byte_array_new();
    e->last = g_byte_array_new();
    return e;
}

static ssize_t send_byte(End *e, uint8_t byte)
{
    return qemu_send_packet(&e->nc, &byte, 1);
}

static unsigned sent_count(NetClientState *nc, bool reset)
{
    End *e = (End *)nc;
    unsigned n = e->links;

    e->links = reset ? 0 : n;
    return n;
}

static void frame_sent(NetClientState *nc, ssize_t ret)
{
    ((End *)nc)->links += ret > 0 ? 1 : 100;
}

static void test_order_and_backpressure(void)
{
    End *b = end_new(&backend_info, NULL, "b");
    End *n = end_new(&nic_info, &b->nc, "n");

    g_assert_cmpint(send_byte(b, 1), ==, 1);
    n->room = 0;
    g_assert_false(qemu_can_send_packet(&b->nc));
    g_assert_cmpint(send_byte(b, 2), ==, 0);
    n->room = 1;
    g_assert_cmpint(send_byte(b, 3), ==, 0);            /* behind the one that waits */
    qemu_flush_queued_packets(&n->nc);
    g_assert_cmpuint(n->got, ==, 2);
    n->room = 10;
    g_assert_cmpint(qemu_send_packet_async(&b->nc, (const uint8_t *)"\4", 1, frame_sent), ==, 0);
    qemu_flush_queued_packets(&n->nc);
    g_assert_cmpmem(n->log->data, n->log->len, "\1\2\3\4", 4);
    g_assert_cmpuint(sent_count(&b->nc, true), ==, 1);
    n->room = 0;
    g_assert_cmpint(qemu_send_packet_async(&b->nc, (const uint8_t *)"\5", 1, frame_sent), ==, 0);
    qemu_purge_queued_packets(&b->nc);
    g_assert_cmpuint(sent_count(&b->nc, true), ==, 100);
    for (unsigned i = 0; i < NET_QUEUE_MAX + 100; i++) {
        g_assert_cmpint(send_byte(b, 6), ==, 0);
    }
    n->room = UINT_MAX;
    qemu_flush_queued_packets(&n->nc);
    g_assert_cmpuint(n->got, ==, 4 + NET_QUEUE_MAX);
    qemu_del_net_client(&n->nc);
    qemu_del_net_client(&b->nc);
}

/* Both answer every frame: neither a send nor a flush may go on for ever. */
static void test_ping_pong(void)
{
    End *b = end_new(&backend_info, NULL, "b");
    End *n = end_new(&nic_info, &b->nc, "n");

    b->ping_pong = n->ping_pong = true;
    b->room = n->room = 50;
    (void)send_byte(b, 1);
    g_assert_cmpuint(n->got, <=, 50);
    n->room = b->room = 0;
    qemu_del_net_client(&b->nc);
    g_assert_null(n->nc.peer);
    qemu_del_net_client(&n->nc);
}

static void test_links(void)
{
    End *b = end_new(&backend_info, NULL, "b");
    End *n = end_new(&nic_info, &b->nc, "n");
    GError *err = NULL;

    g_assert_true(net_set_link("b", false, &err));
    g_assert_true(n->nc.link_down);
    g_assert_cmpuint(n->links, ==, 1);
    g_assert_cmpint(send_byte(b, 1), ==, 1);
    g_assert_cmpuint(n->got, ==, 0);
    g_assert_true(net_set_link("b", true, &err));
    g_assert_cmpint(send_byte(b, 1), ==, 1);
    g_assert_cmpuint(n->got, ==, 1);
    g_assert_false(net_set_link("x", true, &err));
    g_assert_cmpstr(err->message, ==, "Device 'x' not found");
    g_clear_error(&err);
    g_assert_false(netdev_del("b", &err));
    g_assert_cmpstr(err->message, ==, "Device 'b' is not a netdev");
    g_clear_error(&err);
    qemu_del_net_client(&b->nc);
    g_assert_true(n->nc.link_down);
    g_assert_cmpint(send_byte(n, 1), ==, 1);            /* dropped */
    qemu_del_net_client(&n->nc);
}

static void test_mac_addresses(void)
{
    MACAddr a = { { 0 } }, b = { { 0 } }, c = { { 0 } }, d;

    qemu_macaddr_default_if_unset(&a);
    qemu_macaddr_default_if_unset(&b);
    g_assert_true(net_parse_macaddr("52:54:00:12:34:56", &d));
    g_assert_cmpmem(&a, 6, &d, 6);
    g_assert_cmphex(b.a[5], ==, 0x57);
    qemu_macaddr_release(&a);
    qemu_macaddr_default_if_unset(&c);
    g_assert_cmphex(c.a[5], ==, 0x56);
    qemu_macaddr_release(&b);
    qemu_macaddr_release(&c);
    g_assert_true(net_parse_macaddr("AA-bb-00-12-34-56", &d));
    g_assert_cmphex(d.a[0], ==, 0xaa);
    g_assert_false(net_parse_macaddr("52:54:00:12:34", &d));
    g_assert_false(net_parse_macaddr("52:54:00:12:34:56:", &d));
    g_assert_false(net_parse_macaddr("", &d));
}

/* "type=user,id=n0,..." to a client. */
static NetClientState *netdev(const char *text, GError **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();

    for (unsigned i = 0; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');

        *eq = '\0';
        g_ptr_array_add(opts, parts[i]);
        g_ptr_array_add(opts, eq + 1);
    }
    return net_client_init(opts, true, errp);
}

#define SAFE "type=user,id=n0,restrict=on,ipv6=off,"

static void test_option_errors(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        { "id=n0", "Parameter 'type' is missing" },
        { "type=user", "Parameter 'id' is missing" },
        { "type=foo,id=n0", "Parameter 'type' does not accept value 'foo'" },
        { "type=socket,id=n0", "network backend 'socket' is not compiled into this binary" },
        { SAFE "foo=1", "Invalid parameter 'foo'" },
        { "type=user,id=n0,restrict=3", "Parameter 'restrict' expects 'on' or 'off'" },
        { SAFE "net=10.0.2.0/40", "Invalid netmask provided (must be in range 4-32)" },
        { SAFE "host=1.2.3.4", "Host doesn't belong to network" },
        { SAFE "host=abc", "Failed to parse host" },
        { SAFE "dhcpstart=1.2.3.4", "DHCP doesn't belong to network" },
        { SAFE "dns=10.0.2.2", "DNS must be different from host" },
        { SAFE "ipv4=off", "IPv4 and IPv6 disabled" },
        { "type=user,id=n0,ipv4=off,net=10.0.0.0/8", "IPv4 disabled but netmask/host/dns provided" },
        { "type=user,id=n0,ipv6-net=foo", "Failed to parse IPv6 prefix" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *err = NULL;

        g_assert_null(netdev(cases[i].text, &err));
        g_assert_cmpstr(err->message, ==, cases[i].message);
        g_clear_error(&err);
    }
    g_assert_null(net_client_next(NULL));
}

static void test_hostfwd_errors(void)
{
    static const struct {
        const char *rule;
        const char *message;
    } cases[] = {
        { "tcp:5555", "Invalid host forwarding rule 'tcp:5555' (Missing : separator)" },
        { "foo::1-:2", "Invalid host forwarding rule 'foo::1-:2' (Bad protocol name)" },
        { "tcp::1a-:2", "Invalid host forwarding rule 'tcp::1a-:2' (Bad host port)" },
        { "tcp::5555-:2a", "Invalid host forwarding rule 'tcp::5555-:2a' (Bad guest port)" },
        { "tcp:8.8.8.8:1-:2", "Could not set up host forwarding rule 'tcp:8.8.8.8:1-:2'" },
    };
    GError *err = NULL;

    g_assert_false(net_hostfwd_add(NULL, "tcp::1-:2", &err));
    g_assert_cmpstr(err->message, ==, "user mode network stack not in use");
    g_clear_error(&err);
    g_assert_nonnull(netdev(SAFE "net=10.0.2.0/24", &err));
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_false(net_hostfwd_add("n0", cases[i].rule, &err));
        g_assert_cmpstr(err->message, ==, cases[i].message);
        g_clear_error(&err);
    }
    g_assert_false(net_hostfwd_remove("n0", "tcp::1", &err));
    g_assert_cmpstr(err->message, ==, "host forwarding rule for tcp::1 not found");
    g_clear_error(&err);
    g_assert_null(netdev(SAFE "net=10.0.2.0/24", &err));
    g_assert_cmpstr(err->message, ==, "Duplicate ID 'n0' for netdev");
    g_clear_error(&err);
    g_assert_true(netdev_del("n0", &err));
}

/* ---- libslirp ---- */

static void put_eth(uint8_t *f, uint16_t type)
{
    memset(f, 0xff, ETH_ALEN);
    memcpy(f + 6, "\x52\x54\x00\x12\x34\x56", ETH_ALEN);
    st16_be(f + 12, type);
}

static void test_slirp_arp(void)
{
    NetClientState *user;
    GError *err = NULL;
    uint8_t f[42] = { 0 };
    End *n;

    user = netdev(SAFE "net=192.168.7.0/24", &err);
    g_assert_no_error(err);
    g_assert_cmpstr(user->info_str, ==, "net=192.168.7.0,restrict=on");
    n = end_new(&nic_info, user, NULL);
    put_eth(f, 0x0806);
    memcpy(f + 14, "\x00\x01\x08\x00\x06\x04\x00\x01", 8);
    memcpy(f + 22, f + 6, ETH_ALEN);
    memcpy(f + 28, "\xc0\xa8\x07\x0f", 4);
    memcpy(f + 38, "\xc0\xa8\x07\x02", 4);
    g_assert_cmpint(qemu_send_packet(&n->nc, f, sizeof(f)), ==, sizeof(f));
    g_assert_cmpuint(n->got, ==, 1);
    g_assert_cmpmem(n->last->data + 28, 4, "\xc0\xa8\x07\x02", 4);      /* 192.168.7.2 is at ... */
    g_assert_cmphex(n->last->data[21], ==, 2);
    for (unsigned i = 0; i < 3; i++) {
        main_loop_wait(true);
    }
    qemu_del_net_client(&n->nc);
}

static void test_slirp_dhcp(void)
{
    NetClientState *user;
    GError *err = NULL;
    uint8_t f[300] = { 0 };
    End *n;

    user = netdev(SAFE "dhcpstart=10.0.2.40", &err);
    g_assert_no_error(err);
    n = end_new(&nic_info, user, NULL);
    put_eth(f, 0x0800);
    memcpy(f + 14, "\x45\x00\x01\x1e\x00\x00\x00\x00\x40\x11\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff", 20);
    st16_be(f + 24, 0x79d0);                            /* header checksum */
    memcpy(f + 34, "\x00\x44\x00\x43\x01\x0a\x00\x00", 8);
    memcpy(f + 42, "\x01\x01\x06\x00\x12\x34\x56\x78", 8);
    memcpy(f + 70, f + 6, ETH_ALEN);
    memcpy(f + 278, "\x63\x82\x53\x63\x35\x01\x01\xff", 8);
    g_assert_cmpint(qemu_send_packet(&n->nc, f, sizeof(f)), ==, sizeof(f));
    for (unsigned i = 0; i < 3 && !n->got; i++) {
        main_loop_wait(true);
    }
    g_assert_cmpuint(n->got, ==, 1);
    g_assert_cmpmem(n->last->data + 58, 4, "\x0a\x00\x02\x28", 4);      /* your address */
    qemu_del_net_client(&n->nc);
}

/* Frames of any length and contents reach libslirp: nothing is to come of it. */
static void test_slirp_garbage(void)
{
    g_autofree uint8_t *f = g_malloc0(NET_BUFSIZE + 1);
    GError *err = NULL;
    End *n = end_new(&nic_info, netdev(SAFE "net=10.0.2.0/24", &err), NULL);

    g_assert_no_error(err);
    for (size_t size = 0; size < 128; size++) {
        (void)qemu_send_packet(&n->nc, f, size);
    }
    put_eth(f, 0x0800);
    (void)qemu_send_packet(&n->nc, f, NET_BUFSIZE);
    g_assert_cmpint(qemu_send_packet(&n->nc, f, NET_BUFSIZE + 1), >, 0);        /* dropped before it gets there */
    main_loop_wait(true);
    qemu_del_net_client(&n->nc);
}

static void with_net(gconstpointer fn)
{
    GString *text = g_string_new(NULL);

    net_init();
    ((void (*)(void))fn)();
    net_info_print(text);
    g_string_free(text, TRUE);
    net_cleanup();
}

static int body(void *opaque)
{
    Machine *m = machine_new("vm");
    int ret;

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    cpu_enable_ticks();
    ret = g_test_run();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return ret;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*fn)(void);
    } tests[] = {
        { "/net/order-and-backpressure", test_order_and_backpressure },
        { "/net/ping-pong", test_ping_pong },
        { "/net/links", test_links },
        { "/net/mac-addresses", test_mac_addresses },
        { "/net/option-errors", test_option_errors },
        { "/net/slirp/arp", test_slirp_arp },
        { "/net/slirp/dhcp", test_slirp_dhcp },
        { "/net/slirp/garbage", test_slirp_garbage },
        { "/net/hostfwd-errors", test_hostfwd_errors },
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, (gconstpointer)tests[i].fn, with_net);
    }
    return sched_main(body, NULL);
}
