/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the flash chip obeys its command set, and its image follows what the guest did.
 * Method: bus cycles through the memory map, with the image on a null or no backend.
 */
#include "devices/pflash/pflash.h"
#include "devices/pflash/pflash_int.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define BASE 0x10000000ULL
#define SECTOR 4096
#define BLOCKS 4

static PFlashCFI01 *new_chip(void)
{
    static const char *const kv[] = { "num-blocks", "4", "sector-length", "4096", "name", "flash", NULL };
    DeviceState *dev = test_board_add(&cfi_pflash01_class, sysbus_get_default(), kv);

    memory_region_add_subregion(get_system_memory(), BASE, pflash_cfi01_get_memory(dev));
    return (PFlashCFI01 *)dev;
}

static void wr(uint64_t offset, uint8_t val)
{
    stb_phys(&address_space_memory, BASE + offset, val);
}

static uint8_t rd(uint64_t offset)
{
    return ldub_phys(&address_space_memory, BASE + offset);
}

static void test_program(void)
{
    PFlashCFI01 *pfl = new_chip();

    memset(pfl->storage, 0xff, pfl->size);
    g_assert_true(memory_region_is_romd(&pfl->mem));
    wr(5, 0x40);
    g_assert_false(memory_region_is_romd(&pfl->mem));
    wr(5, 0x5a);
    g_assert_cmphex(rd(5), ==, 0x80);           /* status */
    wr(0, 0xff);
    g_assert_cmphex(rd(5), ==, 0x5a);
    wr(5, 0x10);
    wr(5, 0xf0);
    wr(0, 0xff);
    g_assert_cmphex(rd(5), ==, 0x50);           /* ones do not come back */
    g_assert_cmphex(rd(4), ==, 0xff);
    g_assert_true(memory_region_is_romd(&pfl->mem));
    device_free(&pfl->qdev);
}

static void test_erase(void)
{
    PFlashCFI01 *pfl = new_chip();

    memset(pfl->storage, 0, pfl->size);
    wr(SECTOR + 7, 0x20);
    wr(SECTOR + 7, 0xd0);
    g_assert_cmphex(rd(0), ==, 0x80);
    wr(0, 0xff);
    g_assert_cmphex(rd(SECTOR - 1), ==, 0);
    g_assert_cmphex(rd(SECTOR), ==, 0xff);
    g_assert_cmphex(rd(2 * SECTOR - 1), ==, 0xff);
    g_assert_cmphex(rd(2 * SECTOR), ==, 0);
    wr(0, 0x20);
    wr(0, 0x33);
    g_assert_cmphex(rd(0), ==, 0xb0);           /* command sequence error */
    wr(0, 0x50);
    wr(0, 0x70);
    g_assert_cmphex(rd(0), ==, 0);
    wr(0, 0xff);
    device_free(&pfl->qdev);
}

static void test_buffer(void)
{
    PFlashCFI01 *pfl = new_chip();

    memset(pfl->storage, 0xff, pfl->size);
    wr(0x100, 0xe8);
    g_assert_cmphex(rd(0x100), ==, 0x80);
    wr(0x100, 3);
    for (unsigned i = 0; i < 4; i++) {
        wr(0x100 + i, 0x10 + i);
    }
    g_assert_cmphex(pfl->storage[0x100], ==, 0xff);     /* nothing before it is confirmed */
    wr(0x100, 0xd0);
    g_assert_cmphex(rd(0), ==, 0x80);
    wr(0, 0xff);
    g_assert_cmphex(rd(0x100), ==, 0x10);
    g_assert_cmphex(rd(0x103), ==, 0x13);
    g_assert_cmphex(rd(0x104), ==, 0xff);
    /* A count beyond the buffer, and a byte outside its page, abort the command. */
    wr(0, 0xe8);
    stw_le_phys(&address_space_memory, BASE, 0x0fff);
    g_assert_cmpuint(pfl->wcycle, ==, 0);
    wr(0, 0xe8);
    wr(0, 1);
    wr(0, 0);
    wr(SECTOR, 0);
    g_assert_cmpuint(pfl->wcycle, ==, 0);
    g_assert_cmphex(rd(0), ==, 0xff);
    device_free(&pfl->qdev);
}

static void test_identify(void)
{
    PFlashCFI01 *pfl = new_chip();

    wr(0, 0x98);
    g_assert_cmphex(rd(0x10), ==, 'Q');
    g_assert_cmphex(rd(0x12), ==, 'Y');
    g_assert_cmphex(rd(0x27), ==, 14);          /* 16 KiB */
    g_assert_cmphex(rd(0x2d), ==, BLOCKS - 1);
    g_assert_cmphex(rd(0x2f) | rd(0x30) << 8, ==, SECTOR / 256);
    wr(0, 0x90);
    g_assert_cmphex(rd(0), ==, 0x89);
    g_assert_cmphex(rd(1), ==, 0x18);
    wr(0, 0xff);
    device_free(&pfl->qdev);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pflash/program", test_program);
    g_test_add_func("/pflash/erase", test_erase);
    g_test_add_func("/pflash/buffer", test_buffer);
    g_test_add_func("/pflash/identify", test_identify);
    return test_board_run();
}
