/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: virtio devices behind any rings. The first byte chooses the device; the rest is a list of operations of
 * eight bytes each (chains, kicks, configuration writes, resets, stops), and at the same time the contents of guest
 * memory. Checked: nothing but what the devices assert of themselves, and what the sanitizers see.
 */
#include <string.h>

#include "devices/test-virtio-guest.h"
#include "monitor/chardev_int.h"
#include "net/net.h"

#define OPS_MAX 200

/* ---- The other ends ---- */

typedef struct EchoClient {
    NetClientState nc;
    bool busy;
} EchoClient;

static bool echo_can_receive(NetClientState *nc)
{
    return !((EchoClient *)nc)->busy;
}

static ssize_t echo_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    (void)qemu_send_packet(nc, buf, size);
    return size;
}

static const NetClientInfo echo_info = {
    .type = "test",
    .size = sizeof(EchoClient),
    .can_receive = echo_can_receive,
    .receive = echo_receive,
};

/* A chardev that takes three bytes at a time and gives back what it can. */
static int odd_write(Chardev *chr, const uint8_t *buf, int len)
{
    int room = chr_wants_input(chr);

    if (room) {
        chr_input(chr, buf, MIN(room, len));
    }
    return len > 3 ? 3 : len;
}

static void odd_update(Chardev *chr)
{
}

static const ChardevClass odd_class = {
    .name = "odd",
    .size = sizeof(Chardev),
    .write = odd_write,
    .update = odd_update,
};

static void odd_chardev(const char *label)
{
    Chardev *chr = chr_alloc(&odd_class, label, label, NULL);

    assert(chr);
    chr->be_open = true;
}

static void add_port(const char *driver, const char *chardev)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();

    g_ptr_array_add(opts, (char *)"chardev");
    g_ptr_array_add(opts, (char *)chardev);
    assert(qdev_device_add(driver, opts, NULL));
}

/* ---- The guest ---- */

typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

static uint64_t fuzz_addr(const uint8_t *op)
{
    static const uint64_t odd[] = { 0, VG_RAM_SIZE - 8, VG_RAM_SIZE, VG_BAR, VG_DATA + 1, UINT64_MAX - 3, 0xfffff000 };

    return op[3] & 0x80 ? odd[op[3] % G_N_ELEMENTS(odd)] : VG_DATA + ld16_le(op + 4);
}

static void fuzz_chain(VGuest *g, const uint8_t *op)
{
    unsigned q = op[1] % g->queues;
    unsigned head = op[2] % g->num[q];
    unsigned n = 1 + (op[2] >> 4) % 4;

    for (unsigned i = 0; i < n; i++) {
        unsigned flags = (op[3] >> i & 1 ? VRING_DESC_F_WRITE : 0) | (i + 1 < n ? VRING_DESC_F_NEXT : 0);
        uint32_t len = op[6] & 0x80 ? 0x100000u * op[7] : (uint32_t)op[6] << (op[7] % 8);

        if (op[7] == 0xff) {
            flags |= VRING_DESC_F_INDIRECT;
        }
        vg_desc(q, (head + i) % g->num[q], fuzz_addr(op) + 64 * i, len, flags, (head + i + 1) % g->num[q]);
    }
    vg_avail(g, q, head);
    if (op[0] & 0x40) {
        vg_kick(q);
    }
}

static void fuzz_op(VGuest *g, const uint8_t *op, EchoClient *echo)
{
    switch (op[0] & 7) {
    case 4:
        stl_le_phys(vg_mem(), VG_CONFIG + op[1] % 64, ld32_le(op + 4));
        break;
    case 5:
        vg_settle();
        break;
    case 6:
        if (op[1] & 1) {
            stb_phys(vg_mem(), VG_BAR + 0x14, op[2]);
        } else {
            vg_driver_up(g);
        }
        break;
    case 7:
        if (op[1] & 1) {
            (void)vm_stop(RUN_STATE_PAUSED);        /* there are no disks */
            vm_start();
        } else if (echo) {
            echo->busy = !echo->busy;
            qemu_flush_queued_packets(&echo->nc);
        }
        break;
    default:
        fuzz_chain(g, op);
        break;
    }
}

static void fuzz_device(const Input *in)
{
    static const struct {
        const char *driver;
        const char *kv[7];
        unsigned queues;
    } kinds[] = {
        { "virtio-net-pci", { "netdev", "b0" }, 3 },
        { "virtio-net-pci", { "netdev", "b0", "tx", "timer", "x-txburst", "1" }, 3 },
        { "virtio-rng-pci", { "max-bytes", "5000", "period", "1" }, 1 },
        { "virtio-serial-pci", { NULL }, 6 },
        { "virtio-balloon-pci", { "free-page-reporting", "on", "guest-stats-polling-interval", "1" }, 4 },
    };
    unsigned kind = in->data[0] % G_N_ELEMENTS(kinds);
    EchoClient *echo = kind < 2 ? (EchoClient *)qemu_new_net_client(&echo_info, NULL, "test", "b0") : NULL;
    VGuest *g = vg_new(kinds[kind].driver, kinds[kind].kv, kinds[kind].queues, UINT64_MAX);

    if (kind == 3) {
        odd_chardev("c0");
        odd_chardev("c1");
        add_port("virtconsole", "c0");
        add_port("virtserialport", "c1");
    }
    vg_driver_up(g);
    vg_write(VG_DATA, in->data, MIN(in->size, 0x10000));
    for (size_t at = 1, n = 0; at + 8 <= in->size && n < OPS_MAX; at += 8, n++) {
        fuzz_op(g, in->data + at, echo);
    }
    vg_settle();
    vg_free(g);
}

static int fuzz_body(void *opaque)
{
    Machine *m = test_board_up();

    net_init();
    fuzz_device(opaque);
    net_cleanup();
    test_board_down(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = { .data = data, .size = size };

    return size ? sched_main(fuzz_body, &in) : 0;
}
