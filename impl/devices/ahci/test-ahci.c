/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a disk and a CD-ROM behind AHCI answer commands from lists in memory, queued or not, and bad lists do no harm.
 * Method: the adapter on a PC's bus, registers through its base address, media in temporary files.
 */
#include <glib/gstdio.h>

#include "aio/main_loop.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/ahci/ahci.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define ABAR 0xf0000000u
#define LIST 0x1000
#define FIS 0x2000
#define TABLE 0x3000
#define DATA 0x10000

static DeviceState *host;
static MemoryRegion ram;
static char *dir;

static uint32_t rd(unsigned reg)
{
    return ldl_le_phys(&address_space_memory, ABAR + reg);
}

static void wr(unsigned reg, uint32_t val)
{
    stl_le_phys(&address_space_memory, ABAR + reg, val);
}

#define PORT(n, r) (0x100 + 0x80 * (n) + 4 * (r))

/* Until port @n has no command. */
static void settle(unsigned n)
{
    while (rd(PORT(n, PX_CI)) | rd(PORT(n, PX_SACT))) {
        aio_poll(qemu_get_aio_context(), true);
    }
}

static void add_drive(const char *driver, const char *id, const char *bus)
{
    g_autofree char *path = g_strdup_printf("%s/%s", dir, id);
    g_autofree char *text = g_strdup_printf("if=none,id=%s,format=raw,file=%s", id, path);
    g_autofree uint8_t *image = g_malloc0(MiB);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    const char *const kv[] = { "drive", id, "bus", bus };
    GError *err = NULL;

    for (unsigned i = 0; i < MiB / 512; i++) {
        st32_le(image + 512 * i, i);
    }
    g_assert_true(g_file_set_contents(path, (char *)image, MiB, &err));
    g_assert_nonnull(drive_new(text, IF_NONE, &err));
    for (unsigned i = 0; i < G_N_ELEMENTS(kv); i++) {
        g_ptr_array_add(opts, (char *)kv[i]);
    }
    g_assert_nonnull(qdev_device_add(driver, opts, &err));
    g_assert_no_error(err);
}

static void board_up(void)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at4[] = { "addr", "04.0", NULL };

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", MiB, NULL));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(host)->bus, at0);
    (void)test_board_add(&ich9_ahci_class, &i440fx_pci_bus(host)->bus, at4);
    add_drive("ide-hd", "d", "ide.0");
    add_drive("ide-cd", "cd", "ide.1");
    device_cold_reset(host);
    cpu_outl(0xcf8, 0x80002024);
    cpu_outl(0xcfc, ABAR);
    cpu_outl(0xcf8, 0x80002004);
    cpu_outl(0xcfc, 6);
    if (!runstate_is_running()) {
        runstate_set(RUN_STATE_RUNNING);
    }
    for (unsigned n = 0; n < 2; n++) {
        wr(PORT(n, PX_CLB), LIST);
        wr(PORT(n, PX_FB), FIS);
        wr(PORT(n, PX_CMD), 0x17);
    }
}

static void board_down(void)
{
    static const char *const ids[] = { "d", "cd" };

    device_free(host);
    for (unsigned i = 0; i < 2; i++) {
        BlockBackend *blk = blk_by_name(ids[i]);

        monitor_remove_blk(blk);
        blk_unref(blk);
    }
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
}

/* A command of @sectors at @lba in @slot, with one piece of memory of @len bytes. */
static void put(unsigned slot, uint8_t cmd, uint32_t lba, unsigned sectors, unsigned len)
{
    uint8_t fis[20] = { 0x27, 0x80, cmd };
    uint64_t table = TABLE + 0x100 * slot;

    fis[4] = lba;
    fis[5] = lba >> 8;
    fis[6] = lba >> 16;
    fis[7] = 0x40;
    fis[12] = sectors;
    if (cmd == 0x60 || cmd == 0x61) {
        fis[3] = sectors;
        fis[12] = slot << 3;
    }
    stl_le_phys(&address_space_memory, LIST + 32 * slot, 5 | 1 << 16);
    stl_le_phys(&address_space_memory, LIST + 32 * slot + 8, table);
    (void)address_space_write(&address_space_memory, table, MEMTXATTRS_UNSPECIFIED, fis, sizeof(fis));
    stq_le_phys(&address_space_memory, table + 0x80, DATA + 0x1000 * slot);
    stl_le_phys(&address_space_memory, table + 0x8c, len - 1);
}

static void test_registers(void)
{
    board_up();
    g_assert_cmphex(rd(0x00) & 0x1f, ==, 5);
    g_assert_cmphex(rd(0x0c), ==, 0x3f);
    g_assert_cmphex(rd(PORT(0, PX_SSTS)), ==, 0x113);
    g_assert_cmphex(rd(PORT(0, PX_SIG)), ==, 0x101);
    g_assert_cmphex(rd(PORT(1, PX_SIG)), ==, 0xeb140101);
    g_assert_cmphex(rd(PORT(2, PX_SSTS)), ==, 0);
    g_assert_cmphex(rd(PORT(0, PX_CMD)) & 0xc000, ==, 0xc000);
    wr(PORT(0, PX_SCTL), 1);
    g_assert_cmphex(rd(PORT(0, PX_SSTS)), ==, 0);
    wr(PORT(0, PX_SCTL), 0);
    g_assert_cmphex(rd(PORT(0, PX_SSTS)), ==, 0x113);
    wr(0x04, 1);
    g_assert_cmphex(rd(0x04), ==, 0x80000000u);
    board_down();
}

static void test_commands(void)
{
    board_up();
    wr(PORT(0, PX_IE), UINT32_MAX);
    put(0, 0xec, 0, 0, 512);
    put(1, 0x25, 5, 2, 1024);
    put(2, 0x24, 9, 1, 512);
    wr(PORT(0, PX_CI), 7);
    settle(0);
    g_assert_cmphex(rd(PORT(0, PX_CI)), ==, 0);
    g_assert_cmphex(rd(PORT(0, PX_TFD)), ==, 0x50);
    g_assert_cmphex(rd(0x08), ==, 1);
    g_assert_cmpuint(lduw_le_phys(&address_space_memory, DATA + 2 * 60), ==, MiB / 512);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 0x1000 + 512), ==, 6);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 0x2000), ==, 9);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, LIST + 32 + 4), ==, 1024);
    g_assert_cmphex(ldub_phys(&address_space_memory, FIS + 0x40), ==, 0x34);
    put(0, 0x25, MiB / 512, 1, 512);            /* past the end */
    wr(PORT(0, PX_CI), 1);
    settle(0);
    g_assert_cmphex(rd(PORT(0, PX_TFD)), ==, 0x451);
    g_assert_cmphex(rd(PORT(0, PX_IS)) & PX_IS_TFES, !=, 0);
    board_down();
}

static void test_ncq(void)
{
    board_up();
    stl_le_phys(&address_space_memory, DATA + 0x3000, 0xabcdef01);
    put(3, 0x61, 100, 1, 512);
    put(4, 0x60, 200, 8, 4096);
    wr(PORT(0, PX_SACT), 0x18);
    wr(PORT(0, PX_CI), 0x18);
    g_assert_cmphex(rd(PORT(0, PX_CI)), ==, 0);
    settle(0);
    g_assert_cmphex(rd(PORT(0, PX_SACT)), ==, 0);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 0x4000 + 7 * 512), ==, 207);
    put(0, 0x60, 100, 1, 512);
    wr(PORT(0, PX_SACT), 1);
    wr(PORT(0, PX_CI), 1);
    settle(0);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, DATA), ==, 0xabcdef01);
    board_down();
}

static void test_atapi(void)
{
    board_up();
    put(0, 0xa0, 0, 0, 4096);
    stl_le_phys(&address_space_memory, LIST, 5 | 0x20 | 1 << 16);
    stb_phys(&address_space_memory, TABLE + 3, 1);              /* by DMA */
    stl_le_phys(&address_space_memory, TABLE + 0x40, 0x28);
    stl_le_phys(&address_space_memory, TABLE + 0x44, 3 << 8);
    stl_le_phys(&address_space_memory, TABLE + 0x48, 2);
    wr(PORT(1, PX_CI), 1);
    settle(1);
    g_assert_cmphex(rd(PORT(1, PX_CI)), ==, 0);
    g_assert_cmphex(rd(PORT(1, PX_TFD)), ==, 0x50);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 2048), ==, 16);
    stb_phys(&address_space_memory, TABLE + 3, 0);              /* by PIO */
    stl_le_phys(&address_space_memory, DATA, 0);
    wr(PORT(1, PX_CI), 1);
    settle(1);
    g_assert_cmphex(rd(PORT(1, PX_TFD)), ==, 0x50);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA), ==, 12);
    board_down();
}

/* I3: a scatter list that points at our own registers. Then lists that are nowhere, and short. */
static void test_bad_lists(void)
{
    board_up();
    put(0, 0x25, 0, 8, 4096);
    stq_le_phys(&address_space_memory, TABLE + 0x80, ABAR);
    wr(PORT(0, PX_CI), 1);
    settle(0);
    g_assert_cmphex(rd(PORT(0, PX_CI)), ==, 0);
    put(0, 0x25, 0, 8, 512);
    wr(PORT(0, PX_CI), 1);
    settle(0);
    g_assert_cmphex(rd(PORT(0, PX_CI)), ==, 0);
    wr(PORT(0, PX_CMD), 0x16);
    wr(PORT(0, PX_CLB), 0xfffffc00);
    wr(PORT(0, PX_CLBU), UINT32_MAX);
    wr(PORT(0, PX_CMD), 0x17);
    wr(PORT(0, PX_CI), UINT32_MAX);
    settle(0);
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("rondo-test-XXXXXX", NULL);
    g_test_add_func("/ahci/registers", test_registers);
    g_test_add_func("/ahci/commands", test_commands);
    g_test_add_func("/ahci/ncq", test_ncq);
    g_test_add_func("/ahci/atapi", test_atapi);
    g_test_add_func("/ahci/bad-lists", test_bad_lists);
    int ret = test_board_run();
    g_autofree char *d = g_build_filename(dir, "d", NULL);
    g_autofree char *cd = g_build_filename(dir, "cd", NULL);

    (void)g_unlink(d);
    (void)g_unlink(cd);
    (void)g_rmdir(dir);
    return ret;
}
