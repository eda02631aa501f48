/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the HPET counts guest time and its comparators interrupt where they are routed, once or again and again.
 * Method: its registers; interrupt lines that count.
 */
#include "base/bytes.h"
#include "devices/hpet/hpet.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "migration/qemu_file.h"
#include "migration/vmstate.h"

#define CFG(n) (0x100 + (n) * 0x20)
#define CMP(n) (0x108 + (n) * 0x20)

static DeviceState *dev;
static IRQState lines[24];
static qemu_irq gsi[24];
static IRQState legacy;
static unsigned raised[24];
static int level[25];

static void count_irq(void *opaque, int n, int lvl)
{
    if (n < 24) {
        raised[n] += lvl && !level[n];
    }
    level[n] = lvl;
}

static uint64_t rd(unsigned reg)
{
    return address_space_ld(&address_space_memory, HPET_BASE + reg, 8, MEMTXATTRS_UNSPECIFIED, NULL);
}

static void wr(unsigned reg, uint64_t val)
{
    stl_le_phys(&address_space_memory, HPET_BASE + reg, val);
}

static void board_up(void)
{
    memset(raised, 0, sizeof(raised));
    memset(level, 0, sizeof(level));
    for (int n = 0; n < 24; n++) {
        qemu_init_irq(&lines[n], count_irq, NULL, n);
        gsi[n] = &lines[n];
    }
    qemu_init_irq(&legacy, count_irq, NULL, 24);
    dev = test_board_add(&hpet_class, sysbus_get_default(), NULL);
    hpet_connect(dev, gsi, &legacy);
    cpu_enable_ticks();
}

static void board_down(void)
{
    cpu_disable_ticks();
    device_free(dev);
}

static void wait_raised(int n, unsigned times)
{
    while (raised[n] < times) {
        main_loop_wait(false);
    }
}

/* Comparator @n @ticks from now. The counter stands meanwhile: it would not wait for a thread without a processor. */
static void compare_ahead(unsigned n, unsigned ticks, uint64_t config)
{
    wr(0x10, config & ~UINT64_C(1));
    wr(CMP(n), rd(0xf0) + ticks);
    wr(0x10, config);
}

static void test_counter(void)
{
    uint64_t now;

    board_up();
    g_assert_cmphex(rd(0), ==, UINT64_C(0x009896808086a201));
    g_assert_cmphex(rd(0xf0), ==, 0);
    wr(0xf0, 0x1000);
    wr(0xf4, 1);
    g_assert_cmphex(rd(0xf0), ==, 0x100001000);
    wr(0x10, 1);
    now = rd(0xf0);
    while (rd(0xf0) == now) {
    }
    g_assert_cmphex(rd(0xf0), >, 0x100001000);
    wr(0xf0, 0);                                /* not while it runs */
    g_assert_cmphex(rd(0xf0), >, 0x100001000);
    wr(0x10, 0);
    now = rd(0xf0);
    g_assert_cmphex(rd(0xf0), ==, now);
    board_down();
}

static void test_one_shot(void)
{
    board_up();
    wr(CFG(0), 2 << 9 | 0x4);                   /* line 2, edge */
    g_assert_cmphex(rd(CFG(0)), ==, UINT64_C(0x400000434));
    wr(CMP(0), 10000);
    wr(CMP(0) + 4, 0);
    wr(0x10, 1);
    wait_raised(2, 1);
    g_assert_cmpint(level[2], ==, 0);
    g_assert_cmphex(rd(0xf0), >=, 10000);
    wr(CFG(1), 3 << 9 | 0x4);                   /* it may not use line 3 */
    wr(CMP(1), 0);
    wr(CFG(2), 2 << 9 | 0x6);                   /* level */
    wr(CMP(2) + 4, 0);
    compare_ahead(2, 1000, 1);
    wait_raised(2, 2);
    g_assert_cmpint(level[2], ==, 1);
    g_assert_cmphex(rd(0x20), ==, 4);
    wr(0x20, 4);
    g_assert_cmpint(level[2], ==, 0);
    g_assert_cmpuint(raised[3], ==, 0);
    board_down();
}

/* The counter begins at the comparator: it has met it, however long the instruction took. */
static void test_match_at_once(void)
{
    board_up();
    wr(CFG(0), 2 << 9 | 0x4);
    wr(CMP(0), 0);
    wr(CMP(0) + 4, 0);
    wr(0x10, 1);
    wait_raised(2, 1);
    board_down();
}

/* A match that is still to come when state is saved comes after a load, even if its time has passed meanwhile. */
static void test_state(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    board_up();
    wr(CFG(0), 2 << 9 | 0x4);
    wr(CMP(0) + 4, 0);
    wr(CMP(0), 1000);
    wr(0x10, 1);
    g_assert_cmpint(vmstate_save_state(f, dev->klass->vmsd, dev, &err), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    wait_raised(2, 1);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, dev->klass->vmsd, dev, 2, &err), ==, 0);
    (void)qemu_fclose(f);
    wait_raised(2, 2);
    board_down();
}

static void test_periodic_legacy(void)
{
    board_up();
    wr(0x10, 3);
    g_assert_cmpint(level[24], ==, 1);
    wr(CFG(0), 0x10c | 0x40);                   /* periodic, 32 bits, the next write sets the comparator */
    compare_ahead(0, 1000, 3);
    wr(CMP(0), 20000);
    wait_raised(0, 5);
    wr(CFG(0), 0);
    wr(CFG(1), 0x14c);
    compare_ahead(1, 1000, 3);
    wr(CMP(1), 1);                              /* as fast as it goes: must not stop the world */
    wait_raised(8, 3);
    wr(0x10, 0);
    g_assert_cmpint(level[24], ==, 0);
    device_cold_reset(dev);
    g_assert_cmphex(rd(CMP(0)), ==, UINT64_MAX);
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hpet/counter", test_counter);
    g_test_add_func("/hpet/one-shot", test_one_shot);
    g_test_add_func("/hpet/match-at-once", test_match_at_once);
    g_test_add_func("/hpet/state", test_state);
    g_test_add_func("/hpet/periodic-legacy", test_periodic_legacy);
    return test_board_run();
}
