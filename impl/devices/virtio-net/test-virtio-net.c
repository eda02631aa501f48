/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: frames go both ways, wait for buffers and for a slow backend, survive stop, reset and unplug on either side,
 * and a guest that breaks the rules harms only its card.
 * Method: the test is the guest at one end and the backend at the other.
 */
#include "devices/virtio-net/virtio_net.h"

#include <string.h>

#include "devices/test-virtio-guest.h"

#define F_MRG (UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF)
#define F_CTRL (UINT64_C(1) << VIRTIO_NET_F_CTRL_VQ | UINT64_C(1) << VIRTIO_NET_F_CTRL_RX)
#define F_STATUS (UINT64_C(1) << VIRTIO_NET_F_STATUS)
#define F_EVENT_IDX (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

typedef struct Backend {
    NetClientState nc;
    bool busy;
    unsigned got;
    size_t last_size;
    uint8_t last[2048];
} Backend;

static bool backend_can_receive(NetClientState *nc)
{
    return !((Backend *)nc)->busy;
}

static ssize_t backend_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    Backend *b = (Backend *)nc;

    b->got++;
    b->last_size = size;
    memcpy(b->last, buf, MIN(size, sizeof(b->last)));
    return size;
}

static const NetClientInfo backend_info = {
    .type = "test",
    .size = sizeof(Backend),
    .can_receive = backend_can_receive,
    .receive = backend_receive,
};

typedef struct Card {
    VGuest *g;
    Backend *b;
    VirtIONet *n;
} Card;

static Card card_new(const char *tx, uint64_t features)
{
    const char *const kv[] = { "netdev", "b0", "id", "net0", tx ? "tx" : NULL, tx, NULL };
    Card c;

    net_init();
    c.b = (Backend *)qemu_new_net_client(&backend_info, NULL, "test", "b0");
    c.g = vg_new("virtio-net-pci", kv, 3, features | F_EVENT_IDX);
    c.n = (VirtIONet *)c.g->vdev;
    vg_driver_up(c.g);
    return c;
}

static void card_free(Card *c)
{
    vg_free(c->g);
    net_cleanup();
}

static void send_frame(Card *c, unsigned i, size_t size)
{
    g_autofree uint8_t *buf = g_malloc0(VIRTIO_NET_HDR_SIZE + size);

    memset(buf + VIRTIO_NET_HDR_SIZE, 'a' + i, size);
    vg_write(VG_DATA + 0x800 * i, buf, VIRTIO_NET_HDR_SIZE + size);
    vg_out(c->g, 1, i, VG_DATA + 0x800 * i, VIRTIO_NET_HDR_SIZE + size);
}

static void test_transmit(gconstpointer tx)
{
    Card c = card_new(tx, F_MRG);

    for (unsigned i = 0; i < 10; i++) {
        send_frame(&c, i, 60 + i);
        vg_kick(1);
        g_assert_cmpuint(vg_wait_used(c.g, 1, NULL), ==, 0);
        g_assert_cmpuint(c.b->got, ==, i + 1);
        g_assert_cmpuint(c.b->last_size, ==, 60 + i);
        g_assert_cmphex(c.b->last[0], ==, 'a' + i);
    }
    /* The backend is slow: one frame waits, the others stay in the ring. */
    c.b->busy = true;
    for (unsigned i = 0; i < 5; i++) {
        send_frame(&c, i, 100);
    }
    vg_kick(1);
    vg_settle();
    g_assert_cmpuint(c.b->got, ==, 10);
    c.b->busy = false;
    qemu_flush_queued_packets(&c.b->nc);
    for (unsigned i = 0; i < 5; i++) {
        (void)vg_wait_used(c.g, 1, NULL);
    }
    g_assert_cmpuint(c.b->got, ==, 15);
    g_assert_cmphex(c.b->last[0], ==, 'a' + 4);
    card_free(&c);
}

static void test_stop_while_frames_wait(void)
{
    Card c = card_new(NULL, F_MRG);

    c.b->busy = true;
    send_frame(&c, 0, 100);
    send_frame(&c, 1, 100);
    vg_kick(1);
    while (!c.n->tx_elem) {
        main_loop_wait(c.n->tx_elem != NULL);
    }
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_null(c.n->tx_elem);                        /* dropped */
    c.b->busy = false;
    vm_start();
    (void)vg_wait_used(c.g, 1, NULL);
    (void)vg_wait_used(c.g, 1, NULL);
    g_assert_cmpuint(c.b->got, ==, 1);
    g_assert_cmphex(c.b->last[0], ==, 'b');
    c.b->busy = true;
    send_frame(&c, 2, 100);
    vg_kick(1);
    vg_settle();
    vg_driver_up(c.g);                                  /* a reset */
    g_assert_null(c.n->tx_elem);
    card_free(&c);
}

static void to_guest(Card *c, size_t size, uint8_t fill)
{
    g_autofree uint8_t *buf = g_malloc(size);

    memset(buf, fill, size);
    (void)qemu_send_packet(&c->b->nc, buf, size);
}

static void test_receive(void)
{
    Card c = card_new(NULL, F_MRG);
    uint8_t hdr[VIRTIO_NET_HDR_SIZE];
    unsigned head;

    to_guest(&c, 1000, 1);                              /* waits for buffers */
    vg_in(c.g, 0, 3, VG_DATA, 600);
    vg_kick(0);
    vg_settle();
    g_assert_cmpuint(vg_used(0), ==, 0);                /* and for enough of them */
    vg_in(c.g, 0, 4, VG_DATA + 600, 600);
    vg_kick(0);
    g_assert_cmpuint(vg_wait_used(c.g, 0, &head), ==, 600);
    g_assert_cmpuint(head, ==, 3);
    g_assert_cmpuint(vg_wait_used(c.g, 0, &head), ==, 412);
    g_assert_cmpuint(head, ==, 4);
    vg_read(VG_DATA, hdr, sizeof(hdr));
    g_assert_cmpuint(ld16_le(hdr + 10), ==, 2);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_DATA + 12), ==, 1);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_DATA + 600 + 411), ==, 1);
    for (unsigned i = 0; i < 40; i++) {
        vg_in(c.g, 0, i % VG_NUM, VG_DATA + 0x800 * (i % VG_NUM), 1600);
        vg_kick(0);
        to_guest(&c, 100 + i, i);
        g_assert_cmpuint(vg_wait_used(c.g, 0, NULL), ==, 112 + i);
    }
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    vg_in(c.g, 0, 0, VG_DATA, 1600);
    to_guest(&c, 100, 9);
    vg_settle();
    g_assert_cmpuint(vg_used(0), ==, c.g->seen[0]);
    vm_start();
    g_assert_cmpuint(vg_wait_used(c.g, 0, NULL), ==, 112);
    card_free(&c);
}

/* Without mergeable buffers a frame that is too long is cut. */
static void test_receive_single(void)
{
    Card c = card_new(NULL, 0);

    vg_in(c.g, 0, 0, VG_DATA, 600);
    vg_in(c.g, 0, 1, VG_DATA + 0x800, 600);
    vg_kick(0);
    vg_settle();
    to_guest(&c, 1000, 1);
    g_assert_cmpuint(vg_wait_used(c.g, 0, NULL), ==, 600);
    to_guest(&c, 100, 2);
    g_assert_cmpuint(vg_wait_used(c.g, 0, NULL), ==, 112);
    card_free(&c);
}

static uint8_t control(Card *c, uint8_t class, uint8_t cmd, const void *data, unsigned len)
{
    const uint8_t hdr[2] = { class, cmd };

    vg_write(VG_DATA, hdr, 2);
    vg_write(VG_DATA + 16, data, len);
    stb_phys(vg_mem(), VG_DATA + 0x800, 0xee);
    vg_desc(2, 0, VG_DATA, 2, VRING_DESC_F_NEXT, 1);
    vg_desc(2, 1, VG_DATA + 16, len, VRING_DESC_F_NEXT, 2);
    vg_desc(2, 2, VG_DATA + 0x800, 1, VRING_DESC_F_WRITE, 0);
    vg_avail(c->g, 2, 0);
    vg_kick(2);
    g_assert_cmpuint(vg_wait_used(c->g, 2, NULL), ==, 1);
    return ldub_phys(vg_mem(), VG_DATA + 0x800);
}

static void test_control(void)
{
    Card c = card_new(NULL, F_MRG | F_CTRL);

    g_assert_cmpuint(control(&c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "\0", 1), ==, VIRTIO_NET_OK);
    g_assert_false(c.n->filter.promisc);
    vg_in(c.g, 0, 0, VG_DATA + 0x1000, 600);
    vg_kick(0);
    vg_settle();
    to_guest(&c, 100, 2);                               /* not for this card */
    vg_settle();
    g_assert_cmpuint(vg_used(0), ==, 0);
    g_assert_cmpuint(control(&c, VIRTIO_NET_CTRL_RX, 77, "\0", 1), ==, VIRTIO_NET_ERR);
    g_assert_cmpuint(control(&c, VIRTIO_NET_CTRL_ANNOUNCE, 0, "\0", 1), ==, VIRTIO_NET_ERR);
    g_assert_cmpuint(control(&c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\x52\1\2\3\4\5", 6), ==,
                     VIRTIO_NET_OK);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_CONFIG + 5), ==, 5);
    vg_driver_up(c.g);
    g_assert_true(c.n->filter.promisc);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_CONFIG + 5), ==, 0x56);
    card_free(&c);
}

static void test_broken_rings(void)
{
    static const struct {
        unsigned q;
        uint32_t len;
        unsigned flags;
    } bad[] = {
        { 0, 4, VRING_DESC_F_WRITE },           /* no room for the header */
        { 0, 100, 0 },                          /* not writable */
        { 1, 5, 0 },                            /* half a header */
        { 1, 100, VRING_DESC_F_WRITE },
        { 2, 2, 0 },                            /* no place for the answer */
        { 2, 1, VRING_DESC_F_WRITE },
    };
    Card c = card_new(NULL, F_MRG | F_CTRL);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        vg_desc(bad[i].q, 0, VG_DATA, bad[i].len, bad[i].flags, 0);
        vg_avail(c.g, bad[i].q, 0);
        vg_kick(bad[i].q);
        vg_settle();
        to_guest(&c, 100, 1);
        vg_settle();
        g_assert_cmphex(ldub_phys(vg_mem(), VG_BAR + 0x14) & VIRTIO_CONFIG_S_NEEDS_RESET, !=, 0);
        vg_driver_up(c.g);
    }
    card_free(&c);
}

static void test_link_and_unplug(void)
{
    Card c = card_new(NULL, F_MRG | F_STATUS);
    GError *err = NULL;

    g_assert_cmphex(lduw_le_phys(vg_mem(), VG_CONFIG + 6), ==, VIRTIO_NET_S_LINK_UP);
    g_assert_true(net_set_link("net0", false, &err));
    g_assert_cmphex(lduw_le_phys(vg_mem(), VG_CONFIG + 6), ==, 0);
    g_assert_cmphex(ldub_phys(vg_mem(), VG_BAR + 0x1000), ==, 3);       /* a change of configuration */
    g_assert_true(net_set_link("net0", true, &err));
    c.b->busy = true;
    send_frame(&c, 0, 100);
    vg_kick(1);
    vg_settle();
    c.b->nc.is_netdev = true;
    g_assert_true(netdev_del("b0", &err));
    g_assert_cmphex(lduw_le_phys(vg_mem(), VG_CONFIG + 6), ==, 0);
    (void)vg_wait_used(c.g, 1, NULL);
    send_frame(&c, 1, 100);
    vg_kick(1);
    (void)vg_wait_used(c.g, 1, NULL);
    g_assert_true(qdev_unplug("net0", &err));
    g_assert_null(net_client_next(NULL));
    card_free(&c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/virtio-net/transmit/bh", NULL, test_transmit);
    g_test_add_data_func("/virtio-net/transmit/timer", "timer", test_transmit);
    g_test_add_func("/virtio-net/stop-while-frames-wait", test_stop_while_frames_wait);
    g_test_add_func("/virtio-net/receive", test_receive);
    g_test_add_func("/virtio-net/receive-single", test_receive_single);
    g_test_add_func("/virtio-net/control", test_control);
    g_test_add_func("/virtio-net/broken-rings", test_broken_rings);
    g_test_add_func("/virtio-net/link-and-unplug", test_link_and_unplug);
    return test_board_run();
}
