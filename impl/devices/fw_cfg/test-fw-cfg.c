/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: firmware finds items and files, by port and by DMA; a wrong descriptor does no harm.
 * Method: the device alone, with RAM to copy into.
 */
#include "base/bytes.h"
#include "devices/fw_cfg/fw_cfg.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define RAM_SIZE 0x10000
#define DESC 0x100
#define BUF 0x1000

static MemoryRegion ram;
static DeviceState *dev;
static FWCfgState *s;
static uint8_t *mem;

static void board_up(void)
{
    GError *err = NULL;

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    mem = memory_region_get_ram_ptr(&ram);
    dev = test_board_add(&fw_cfg_io_class, sysbus_get_default(), NULL);
    s = fw_cfg_find();
    g_assert_true((void *)s == (void *)dev);
}

static void board_down(void)
{
    device_free(dev);
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
}

static void select_read(uint16_t key, void *buf, unsigned len)
{
    cpu_outw(0x510, key);
    for (unsigned i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = cpu_inb(0x511);
    }
}

/* Returns the control word that the device leaves. */
static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
    st32_be(mem + DESC, control);
    st32_be(mem + DESC + 4, len);
    st64_be(mem + DESC + 8, addr);
    cpu_outl(0x514, 0);
    cpu_outl(0x518, GUINT32_TO_BE(DESC));
    return ld32_be(mem + DESC);
}

static void test_items(void)
{
    uint8_t buf[8];

    board_up();
    select_read(FW_CFG_SIGNATURE, buf, 6);
    g_assert_cmpmem(buf, 6, "QEMU\0\0", 6);
    select_read(FW_CFG_ID, buf, 4);
    g_assert_cmphex(ld32_le(buf), ==, 3);
    g_assert_cmphex(cpu_inl(0x514), ==, GUINT32_TO_BE(0x51454d55));
    g_assert_cmphex(cpu_inl(0x518), ==, GUINT32_TO_BE(0x20434647));
    fw_cfg_add_i16(s, FW_CFG_NB_CPUS, 3);
    fw_cfg_add_i16(s, FW_CFG_NB_CPUS, 4);
    select_read(FW_CFG_NB_CPUS, buf, 3);
    g_assert_cmpmem(buf, 3, "\4\0\0", 3);
    fw_cfg_add_i32(s, FW_CFG_IRQ0_OVERRIDE, 1);
    select_read(FW_CFG_IRQ0_OVERRIDE, buf, 4);
    g_assert_cmphex(ld32_le(buf), ==, 1);
    select_read(0x3fff, buf, 1);
    g_assert_cmphex(buf[0], ==, 0);
    board_down();
}

static void make_b(void *opaque, uint8_t *data, size_t len)
{
    data[0] = 'b' + (*(unsigned *)opaque)++;
}

static void test_files(void)
{
    unsigned made = 0;
    uint8_t dir[4 + 2 * 64];
    uint8_t c;

    board_up();
    fw_cfg_add_file(s, "etc/a", g_strdup("a"), 1);
    fw_cfg_add_file_callback(s, "etc/b", make_b, &made, g_strdup("?2"), 2);
    fw_cfg_add_file(s, "etc/a", g_strdup("A!"), 2);
    g_assert_true(fw_cfg_file_exists(s, "etc/b"));
    g_assert_false(fw_cfg_file_exists(s, "etc/c"));
    select_read(FW_CFG_FILE_DIR, dir, sizeof(dir));
    g_assert_cmpuint(ld32_be(dir), ==, 2);
    g_assert_cmpuint(ld32_be(dir + 4), ==, 2);
    g_assert_cmphex(ld16_be(dir + 8), ==, FW_CFG_FILE_FIRST);
    g_assert_cmpstr((char *)dir + 12, ==, "etc/a");
    g_assert_cmpstr((char *)dir + 76, ==, "etc/b");
    select_read(FW_CFG_FILE_FIRST, &c, 1);
    g_assert_cmpint(c, ==, 'A');
    select_read(FW_CFG_FILE_FIRST + 1, &c, 1);
    g_assert_cmpint(c, ==, 'b');
    select_read(FW_CFG_FILE_FIRST + 1, &c, 1);
    g_assert_cmpint(c, ==, 'c');
    g_assert_cmpint(cpu_inb(0x511), ==, '2');
    board_down();
}

static void test_dma(void)
{
    board_up();
    fw_cfg_add_file(s, "f", g_strdup("0123456789"), 10);
    memset(mem + BUF, 0xee, 16);
    g_assert_cmphex(dma(FW_CFG_FILE_FIRST << 16 | 8 | 2, 4, BUF), ==, 0);
    g_assert_cmpmem(mem + BUF, 5, "0123\xee", 5);
    g_assert_cmphex(dma(4, 3, 0), ==, 0);
    g_assert_cmphex(dma(2, 6, BUF), ==, 0);
    g_assert_cmpmem(mem + BUF, 7, "789\0\0\0\xee", 7);
    g_assert_cmphex(dma(4, UINT32_MAX, 0), ==, 0);
    g_assert_cmphex(dma(2, 1, BUF), ==, 0);
    g_assert_cmphex(mem[BUF], ==, 0);
    g_assert_cmphex(dma(FW_CFG_FILE_FIRST << 16 | 8 | 16, 4, BUF), ==, 1);      /* read only */
    g_assert_cmphex(dma(FW_CFG_FILE_FIRST << 16 | 8 | 2, 4, UINT64_MAX - 1), ==, 1);
    g_assert_cmphex(dma(FW_CFG_FILE_FIRST << 16 | 8 | 2, UINT32_MAX, RAM_SIZE - 1), ==, 1);
    g_assert_cmphex(dma(0x3fff << 16 | 8 | 2, 2, BUF), ==, 0);
    g_assert_cmphex(dma(2, UINT32_MAX, BUF + RAM_SIZE), ==, 1);
    cpu_outl(0x514, UINT32_MAX);
    cpu_outl(0x518, UINT32_MAX);                                                /* a descriptor nowhere */
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw-cfg/items", test_items);
    g_test_add_func("/fw-cfg/files", test_files);
    g_test_add_func("/fw-cfg/dma", test_dma);
    return test_board_run();
}
