/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a virtio device serves its rings, survives a guest that breaks them, and neither serves kicks while it is
 * drained nor forgets them.
 * Method: the test is the guest: it finds a virtio-blk-pci on a null node through its registers and puts requests
 * into rings in guest memory. Every test runs with the queues in the main loop and in an iothread.
 */
#include "aio/iothread.h"
#include "aio/wait.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "virtio/virtio_int.h"

#define RAM_SIZE (1 * MiB)
#define BAR 0xe0000000ULL
#define NOTIFY (BAR + 0x3000)
#define DESC 0x1000
#define AVAIL 0x2000
#define USED 0x3000
#define HDR 0x4000
#define DATA 0x5000
#define STATUS 0x6000
#define NUM 8

typedef struct Guest {
    MemoryRegion ram;
    DeviceState *host;
    DeviceState *dev;
    IOThread *iothread;
    VirtIODevice *vdev;
    VirtQueue *vq;
    uint16_t avail;
    bool event_idx;
} Guest;

static AddressSpace *mem(void)
{
    return get_address_space_memory();
}

static void cfg_write(unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | 2 << 11 | reg);
    cpu_outl(0xcfc, val);
}

static void guest_queue_up(Guest *g)
{
    uint32_t lo = 1u << VIRTIO_RING_F_INDIRECT_DESC | (g->event_idx ? 1u << VIRTIO_RING_F_EVENT_IDX : 0);

    stb_phys(mem(), BAR + 0x14, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    stb_phys(mem(), BAR + 0x14, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    stl_le_phys(mem(), BAR + 0x08, 0);
    stl_le_phys(mem(), BAR + 0x0c, lo);
    stl_le_phys(mem(), BAR + 0x08, 1);
    stl_le_phys(mem(), BAR + 0x0c, 1);
    stb_phys(mem(), BAR + 0x14, 0x0b);
    g_assert_cmphex(ldub_phys(mem(), BAR + 0x14), ==, 0x0b);
    stw_le_phys(mem(), BAR + 0x16, 0);
    stw_le_phys(mem(), BAR + 0x18, NUM);
    stl_le_phys(mem(), BAR + 0x20, DESC);
    stl_le_phys(mem(), BAR + 0x28, AVAIL);
    stl_le_phys(mem(), BAR + 0x30, USED);
    stw_le_phys(mem(), BAR + 0x1c, 1);
    for (unsigned a = DESC; a < HDR; a += 8) {
        stq_le_phys(mem(), a, 0);
    }
    g->avail = 0;
    stb_phys(mem(), BAR + 0x14, 0x0f);
    g_assert_cmphex(ldub_phys(mem(), BAR + 0x14), ==, 0x0f);
}

static Guest *guest_new(bool iothread, bool event_idx)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.0", NULL };
    Guest *g = g_new0(Guest, 1);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    g->event_idx = event_idx;
    g_assert_true(memory_region_init_ram(&g->ram, NULL, "ram", RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &g->ram);
    g_assert_true(blockdev_add(qdict_from_keyval("driver=null-co,node-name=d,size=1048576,read-zeroes=on", NULL, &err),
                               &err));
    g->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(g->host)->bus, at0);
    (void)test_board_add(&piix3_class, &i440fx_pci_bus(g->host)->bus, at1);
    g_ptr_array_add(opts, (char *)"drive");
    g_ptr_array_add(opts, (char *)"d");
    if (iothread) {
        g->iothread = iothread_create("t0", &err);
        g_ptr_array_add(opts, (char *)"iothread");
        g_ptr_array_add(opts, (char *)"t0");
    }
    g->dev = qdev_device_add("virtio-blk-pci", opts, &err);
    g_assert_no_error(err);
    g->vdev = (VirtIODevice *)g->dev->klass->prop_target(g->dev);
    g->vq = virtio_get_queue(g->vdev, 0);
    cfg_write(0x20, BAR);
    cfg_write(0x24, 0);
    cfg_write(0x04, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    vm_start();
    guest_queue_up(g);
    return g;
}

static void guest_free(Guest *g)
{
    GError *err = NULL;

    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    device_free(g->host);
    g_assert_true(blockdev_del("d", &err));
    iothread_destroy(g->iothread);
    memory_region_del_subregion(get_system_memory(), &g->ram);
    memory_region_finalize(&g->ram);
    g_free(g);
}

static void put_desc(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    stq_le_phys(mem(), DESC + 16 * i, addr);
    stl_le_phys(mem(), DESC + 16 * i + 8, len);
    stw_le_phys(mem(), DESC + 16 * i + 12, flags);
    stw_le_phys(mem(), DESC + 16 * i + 14, next);
}

static uint16_t used(void)
{
    return lduw_le_phys(mem(), USED + 2);
}

static void put_avail(Guest *g, unsigned head)
{
    stw_le_phys(mem(), AVAIL + 4 + 2 * NUM, used());        /* interrupt at the next completion */
    stw_le_phys(mem(), AVAIL + 4 + 2 * (g->avail % NUM), head);
    stw_le_phys(mem(), AVAIL + 2, ++g->avail);
}

/* A read of one sector from the null node: zeroes over what was there. */
static void put_read(Guest *g, uint64_t sector)
{
    stl_le_phys(mem(), HDR, 0);
    stl_le_phys(mem(), HDR + 4, 0);
    stq_le_phys(mem(), HDR + 8, sector);
    stl_le_phys(mem(), DATA, 0xdeadbeef);
    stb_phys(mem(), STATUS, 0xff);
    put_desc(0, HDR, 16, VRING_DESC_F_NEXT, 1);
    put_desc(1, DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
    put_desc(2, STATUS, 1, VRING_DESC_F_WRITE, 0);
    put_avail(g, 0);
}

static void kick(void)
{
    stw_le_phys(mem(), NOTIFY, 0);
}

static void wait_used(uint16_t n)
{
    while (used() != n) {
        main_loop_wait(used() == n);
    }
}

/* Let both loops go round, so that whatever could happen has happened. */
static void settled_bh(void *opaque)
{
}

static void settle(Guest *g)
{
    for (int i = 0; i < 5; i++) {
        if (g->iothread) {
            aio_wait_bh_oneshot(iothread_get_aio_context(g->iothread), settled_bh, NULL);
        }
        main_loop_wait(true);
    }
}

/* Whether the guest would kick now: what a driver asks after it has put a request into the ring. */
static bool kick_wanted(Guest *g, uint16_t old)
{
    if (g->event_idx) {
        return vring_need_event(lduw_le_phys(mem(), USED + 4 + 8 * NUM), g->avail, old);
    }
    return !(lduw_le_phys(mem(), USED) & VRING_USED_F_NO_NOTIFY);
}

typedef struct Variant {
    bool iothread;
    bool event_idx;
} Variant;

static void test_request(gconstpointer data)
{
    const Variant *v = data;
    Guest *g = guest_new(v->iothread, v->event_idx);

    for (unsigned i = 1; i <= 20; i++) {
        put_read(g, i);
        kick();
        wait_used(i);
        g_assert_cmphex(ldub_phys(mem(), STATUS), ==, 0);
        g_assert_cmphex(ldl_le_phys(mem(), DATA), ==, 0);
        g_assert_cmpuint(ldl_le_phys(mem(), USED + 4 + 8 * ((i - 1) % NUM) + 4), ==, 513);
    }
    settle(g);
    g_assert_cmphex(ldub_phys(mem(), BAR + 0x1000), ==, 1);     /* ISR, cleared by reading */
    g_assert_cmphex(ldub_phys(mem(), BAR + 0x1000), ==, 0);
    put_read(g, 2048);                                          /* behind the end */
    kick();
    wait_used(21);
    g_assert_cmphex(ldub_phys(mem(), STATUS), ==, 1);
    guest_free(g);
}

static void test_broken_ring(gconstpointer data)
{
    const Variant *v = data;
    static const struct {
        uint64_t addr;
        uint32_t len;
        unsigned flags;
    } bad[] = {
        { HDR, 0, 0 },
        { HDR, 16, 0 },                             /* no place for the status */
        { RAM_SIZE + 4096, 16, 0 },                 /* not memory */
        { BAR, 16, 0 },                             /* a device */
        { RAM_SIZE - 8, 16, 0 },                    /* half of it */
        { DESC, 16, VRING_DESC_F_NEXT },            /* a loop */
        { STATUS, 1, VRING_DESC_F_WRITE },          /* no header */
    };
    Guest *g = guest_new(v->iothread, v->event_idx);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        put_desc(3, bad[i].addr, bad[i].len, bad[i].flags, 3);
        put_avail(g, 3);
        kick();
        while (!(ldub_phys(mem(), BAR + 0x14) & VIRTIO_CONFIG_S_NEEDS_RESET)) {
            main_loop_wait(true);
        }
        put_read(g, 0);
        kick();
        settle(g);
        g_assert_cmpuint(used(), ==, 0);            /* nothing is served until reset */
        stb_phys(mem(), BAR + 0x14, 0);
        g_assert_cmphex(ldub_phys(mem(), BAR + 0x14), ==, 0);
        guest_queue_up(g);
        put_read(g, 0);
        kick();
        wait_used(1);
        stb_phys(mem(), BAR + 0x14, 0);
        guest_queue_up(g);
    }
    guest_free(g);
}

static void test_kick_while_drained(gconstpointer data)
{
    const Variant *v = data;
    Guest *g = guest_new(v->iothread, v->event_idx);

    for (unsigned i = 1; i <= 10; i++) {
        bdrv_drain_all_begin();
        put_read(g, i);
        kick();
        settle(g);
        g_assert_cmpuint(used(), ==, i - 1);        /* not inside */
        bdrv_drain_all_end();
        wait_used(i);                               /* but once, after */
        settle(g);
        g_assert_cmpuint(used(), ==, i);
    }
    guest_free(g);
}

/* The loop switched kicks off while it polled, and was drained then: they must be on again afterwards. */
static void test_suppressed_over_drain(gconstpointer data)
{
    const Variant *v = data;
    Guest *g = guest_new(v->iothread, v->event_idx);

    bdrv_drain_all_begin();
    virtio_queue_set_notification(g->vq, 0);
    put_read(g, 1);
    bdrv_drain_all_end();
    wait_used(1);
    settle(g);
    put_read(g, 2);
    if (kick_wanted(g, 1)) {
        kick();
    }
    wait_used(2);
    guest_free(g);
}

static void test_stop_and_cont(gconstpointer data)
{
    const Variant *v = data;
    Guest *g = guest_new(v->iothread, v->event_idx);

    for (unsigned i = 1; i <= 10; i++) {
        put_read(g, i);
        kick();
        g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
        g_assert_cmpuint(g->vq->inuse, ==, 0);
        vm_start();
        wait_used(i);
    }
    guest_free(g);
}

int main(int argc, char **argv)
{
    static const Variant variants[] = { { false, false }, { false, true }, { true, false }, { true, true } };
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } tests[] = {
        { "request", test_request },
        { "broken-ring", test_broken_ring },
        { "kick-while-drained", test_kick_while_drained },
        { "suppressed-over-drain", test_suppressed_over_drain },
        { "stop-and-cont", test_stop_and_cont },
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(variants); j++) {
            g_autofree char *path = g_strdup_printf("/virtio/%s/%s/%s", tests[i].name,
                                                    variants[j].iothread ? "iothread" : "main",
                                                    variants[j].event_idx ? "event-idx" : "flags");

            g_test_add_data_func(path, &variants[j], tests[i].fn);
        }
    }
    return test_board_run();
}
