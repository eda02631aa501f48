/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: pages in the balloon read as zeroes and count as written; addresses that are no RAM do no harm; sizes and
 * statistics arrive.
 * Method: the test is the guest.
 */
#include "devices/virtio-balloon/virtio_balloon.h"

#include <string.h>

#include "devices/events.h"
#include "devices/test-virtio-guest.h"

static VGuest *balloon_new(const char *const *kv, uint64_t features)
{
    VGuest *g = vg_new("virtio-balloon-pci", kv, kv ? 4 : 3, features | 1u << VIRTIO_BALLOON_F_STATS_VQ);

    vg_driver_up(g);
    return g;
}

static void fill(uint64_t addr)
{
    for (unsigned i = 0; i < 4096; i += 8) {
        stq_le_phys(vg_mem(), addr + i, 0x1122334455667788);
    }
}

static void test_inflate(void)
{
    static const uint32_t bad[] = { 0xffffffff, 0xe0000, 0xe0003, VG_RAM_SIZE >> 12, 0xfee00 };
    VGuest *g = balloon_new(NULL, 0);
    uint64_t page = VG_DATA + 0x10000;

    fill(page);
    fill(page + 4096);
    g_assert_true(ram_block_test_clear_dirty(g->ram.ram_block, page >> 12, DIRTY_MEMORY_MIGRATION_BIT));
    stl_le_phys(vg_mem(), VG_DATA, page >> 12);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        stl_le_phys(vg_mem(), VG_DATA + 4 + 4 * i, bad[i]);
    }
    vg_out(g, 0, 0, VG_DATA, 4 + sizeof(bad) + 3);
    vg_kick(0);
    (void)vg_wait_used(g, 0, NULL);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page), ==, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 4088), ==, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 4096), ==, 0x1122334455667788);
    g_assert_true(ram_block_test_clear_dirty(g->ram.ram_block, page >> 12, DIRTY_MEMORY_MIGRATION_BIT));
    vg_out(g, 1, 0, VG_DATA, 4);
    vg_kick(1);
    (void)vg_wait_used(g, 1, NULL);
    fill(page);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page), ==, 0x1122334455667788);
    for (unsigned i = 0; i < 100; i++) {
        vg_in(g, 0, i % VG_NUM, VG_DATA, 64);                   /* the wrong way round */
        vg_kick(0);
        (void)vg_wait_used(g, 0, NULL);
    }
    vg_free(g);
}

static void test_report(void)
{
    static const char *const kv[] = { "free-page-reporting", "on", NULL };
    VGuest *g = balloon_new(kv, 1u << VIRTIO_BALLOON_F_REPORTING);
    uint64_t page = VG_DATA + 0x10000;

    for (unsigned i = 0; i < 3; i++) {
        fill(page + 4096 * i);
    }
    vg_in(g, 3, 0, page + 8, 2 * 4096 - 8);                     /* the first is not whole */
    vg_kick(3);
    (void)vg_wait_used(g, 3, NULL);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 8), !=, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 4096), ==, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 8192), !=, 0);
    vg_free(g);
}

/* However long a list is, the lock is not held for all of it; and neighbours are given back in one piece. */
static void test_long_list(void)
{
    VGuest *g = balloon_new(NULL, 0);
    uint64_t page = VG_DATA + 0x40000, last = page + 0x2000;

    for (unsigned i = 0; i < 3; i++) {
        fill(page + 4096 * i);
    }
    for (unsigned i = 0; i < 10000; i++) {
        stl_le_phys(vg_mem(), VG_DATA + 4 * i, i == 9999 ? last >> 12 : (page >> 12) + (i & 1));
    }
    vg_out(g, 0, 0, VG_DATA, 40000);
    vg_kick(0);
    (void)vg_wait_used(g, 0, NULL);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page), ==, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), page + 4096 + 4088), ==, 0);
    g_assert_cmphex(ldq_le_phys(vg_mem(), last), !=, 0);
    vg_free(g);
}

static void on_change(int64_t actual)
{
    g_assert_cmpint(actual, >=, 0);
}

static void test_sizes(void)
{
    static const DeviceEvents events = { .balloon_change = on_change };
    VGuest *g = balloon_new(NULL, 1u << VIRTIO_BALLOON_F_PAGE_POISON);
    VirtIOBalloon *s = virtio_balloon_find();

    devices_set_events(&events);
    g_assert_true((VirtIODevice *)s == g->vdev);
    virtio_balloon_to_target(s, UINT64_MAX);
    g_assert_cmphex(ldl_le_phys(vg_mem(), VG_CONFIG), ==, 0);
    stl_le_phys(vg_mem(), VG_CONFIG + 4, 0xffffffff);
    g_assert_cmphex(s->actual, ==, 0xffffffff);
    g_assert_cmphex(virtio_balloon_actual(s), ==, 0);
    stl_le_phys(vg_mem(), VG_CONFIG + 12, 0xaaaaaaaa);
    g_assert_cmphex(s->poison_val, ==, 0xaaaaaaaa);
    devices_set_events(NULL);
    vg_free(g);
    g_assert_null(virtio_balloon_find());
}

static void test_stats(void)
{
    static const char *const kv[] = { "guest-stats-polling-interval", "1", "free-page-reporting", "on", NULL };
    VGuest *g = balloon_new(kv, 0);
    VirtIOBalloon *s = virtio_balloon_find();
    uint8_t buf[30];

    st16_le(buf, 4);
    st64_le(buf + 2, 12345);
    st16_le(buf + 10, 999);
    st64_le(buf + 12, 1);
    memset(buf + 20, 0, 10);
    vg_write(VG_DATA, buf, sizeof(buf));
    vg_out(g, 2, 0, VG_DATA, sizeof(buf) - 5);
    vg_kick(2);
    while (!s->stats_time) {
        main_loop_wait(s->stats_time != 0);
    }
    g_assert_cmpuint(s->stats[4], ==, 12345);
    g_assert_cmpuint(s->stats[0], ==, UINT64_MAX);
    g_assert_cmpuint(g->vdev->vq[2].inuse, ==, 0);
    (void)vg_wait_used(g, 2, NULL);                             /* a second later it is asked for anew */
    vg_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-balloon/inflate", test_inflate);
    g_test_add_func("/virtio-balloon/report", test_report);
    g_test_add_func("/virtio-balloon/long-list", test_long_list);
    g_test_add_func("/virtio-balloon/sizes", test_sizes);
    g_test_add_func("/virtio-balloon/stats", test_stats);
    return test_board_run();
}
