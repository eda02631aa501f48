/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: disks and CD-ROMs answer as ATA and ATAPI say, by port and by bus master, and survive what guests do wrong.
 * Method: a PIIX3 with its IDE function, accesses through ports, media in temporary files.
 */
#include <glib/gstdio.h>

#include "aio/main_loop.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/ide/atapi.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define BM 0xc000
#define PRD 0x1000
#define DATA 0x10000

static DeviceState *host;
static MemoryRegion ram;
static char *dir;

static void board_up(void)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.1", NULL };

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", MiB, NULL));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(host)->bus, at0);
    (void)test_board_add(&piix3_ide_class, &i440fx_pci_bus(host)->bus, at1);
    cpu_outl(0xcf8, 0x80000920);
    cpu_outl(0xcfc, BM);
    cpu_outl(0xcf8, 0x80000904);
    cpu_outl(0xcfc, 5);
    if (!runstate_is_running()) {
        runstate_set(RUN_STATE_RUNNING);
    }
}

static void board_down(void)
{
    device_free(host);
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
}

/* A medium whose sector n begins with n. */
static DeviceState *add_drive(const char *driver, const char *id, unsigned bytes)
{
    g_autofree char *path = g_strdup_printf("%s/%s", dir, id);
    g_autofree char *text = g_strdup_printf("if=none,id=%s,format=raw,file=%s", id, path);
    g_autofree uint8_t *image = g_malloc0(bytes);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    DeviceState *dev;
    GError *err = NULL;

    for (unsigned i = 0; i < bytes / 512; i++) {
        st32_le(image + 512 * i, i);
    }
    g_assert_true(g_file_set_contents(path, (char *)image, bytes, &err));
    g_assert_nonnull(drive_new(text, IF_NONE, &err));
    g_ptr_array_add(opts, (char *)"drive");
    g_ptr_array_add(opts, (char *)id);
    dev = qdev_device_add(driver, opts, &err);
    g_assert_no_error(err);
    return dev;
}

static void remove_drive(const char *id)
{
    BlockBackend *blk = blk_by_name(id);

    monitor_remove_blk(blk);
    blk_unref(blk);
}

static uint8_t wait_status(void)
{
    while (cpu_inb(0x3f6) & 0x80) {
        aio_poll(qemu_get_aio_context(), true);
    }
    return cpu_inb(0x1f7);
}

static void command(uint8_t cmd, uint64_t lba, unsigned count)
{
    cpu_outb(0x1f6, 0xe0 | (lba >> 24 & 0x0f));
    cpu_outb(0x1f2, count);
    cpu_outb(0x1f3, lba);
    cpu_outb(0x1f4, lba >> 8);
    cpu_outb(0x1f5, lba >> 16);
    cpu_outb(0x1f7, cmd);
}

static void prd(unsigned i, uint32_t addr, unsigned len, bool last)
{
    stl_le_phys(&address_space_memory, PRD + 8 * i, addr);
    stl_le_phys(&address_space_memory, PRD + 8 * i + 4, (len & 0xffff) | (last ? 0x80000000u : 0));
}

static void dma_start(bool to_memory)
{
    cpu_outl(BM + 4, PRD);
    cpu_outb(BM + 2, 6);
    cpu_outb(BM, to_memory ? 8 : 0);
    cpu_outb(BM, to_memory ? 9 : 1);
}

static void test_identify(void)
{
    uint16_t id[256];

    board_up();
    (void)add_drive("ide-hd", "d", 256 * 512);
    g_assert_cmphex(cpu_inb(0x1f7), ==, 0x50);
    command(0xec, 0, 0);
    g_assert_cmphex(wait_status(), ==, 0x58);
    for (unsigned i = 0; i < 256; i++) {
        id[i] = cpu_inw(0x1f0);
    }
    g_assert_cmphex(cpu_inb(0x1f7), ==, 0x50);
    g_assert_cmpuint(id[60], ==, 256);
    g_assert_cmpuint(id[100], ==, 256);
    g_assert_cmphex(id[27], ==, 'R' << 8 | 'O');
    g_assert_cmphex(id[10], ==, 'Q' << 8 | 'M');
    command(0xa1, 0, 0);                        /* not a packet device */
    g_assert_cmphex(wait_status(), ==, 0x51);
    g_assert_cmphex(cpu_inb(0x1f1), ==, 4);
    cpu_outb(0x1f6, 0xb0);                      /* no slave */
    g_assert_cmphex(cpu_inb(0x1f7), ==, 0);
    board_down();
    remove_drive("d");
}

static void test_pio(void)
{
    board_up();
    (void)add_drive("ide-hd", "d", 256 * 512);
    command(0x20, 7, 2);
    for (unsigned n = 7; n < 9; n++) {
        g_assert_cmphex(wait_status(), ==, 0x58);
        g_assert_cmpuint(cpu_inl(0x1f0), ==, n);
        for (unsigned i = 1; i < 128; i++) {
            g_assert_cmpuint(cpu_inl(0x1f0), ==, 0);
        }
    }
    g_assert_cmphex(wait_status(), ==, 0x50);
    command(0xc6, 0, 8);
    command(0xc5, 16, 3);                       /* WRITE MULTIPLE */
    g_assert_cmphex(wait_status(), ==, 0x58);
    for (unsigned i = 0; i < 3 * 128; i++) {
        cpu_outl(0x1f0, 0x1000 + i);
    }
    g_assert_cmphex(wait_status(), ==, 0x50);
    command(0xe7, 0, 0);
    g_assert_cmphex(wait_status(), ==, 0x50);
    command(0x24, 18, 1);                       /* READ EXT; the high halves are what was written before: 0 */
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmphex(cpu_inl(0x1f0), ==, 0x1000 + 256);
    cpu_outb(0x3f6, 4);
    cpu_outb(0x3f6, 0);
    g_assert_cmphex(wait_status(), ==, 0x50);
    command(0x20, 255, 2);                      /* past the end */
    g_assert_cmphex(wait_status(), ==, 0x51);
    board_down();
    remove_drive("d");
}

static void test_dma(void)
{
    board_up();
    (void)add_drive("ide-hd", "d", 1024 * 512);
    prd(0, DATA, 512, false);
    prd(1, DATA + 0x2000, 0, true);             /* 64 KiB */
    command(0xc8, 3, 129);
    dma_start(true);
    g_assert_cmphex(wait_status(), ==, 0x50);
    g_assert_cmphex(cpu_inb(BM + 2) & 7, ==, 4);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA), ==, 3);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 0x2000), ==, 4);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 0x2000 + 127 * 512), ==, 131);
    cpu_outb(BM, 0);
    stl_le_phys(&address_space_memory, DATA, 0x12345678);
    prd(0, DATA, 512, true);
    command(0xca, 9, 1);
    dma_start(false);
    g_assert_cmphex(wait_status(), ==, 0x50);
    cpu_outb(BM, 0);
    command(0x20, 9, 1);
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmphex(cpu_inl(0x1f0), ==, 0x12345678);
    cpu_outb(0x3f6, 4);
    cpu_outb(0x3f6, 0);
    /* A list that is too short ends the transfer; one without an end too. */
    command(0xc8, 0, 2);
    dma_start(true);
    g_assert_cmphex(wait_status(), ==, 0x50);
    g_assert_cmphex(cpu_inb(BM + 2) & 1, ==, 0);
    cpu_outb(BM, 0);
    /* Stopped in the middle: nothing comes any more. */
    command(0xc8, 0, 1);
    dma_start(true);
    cpu_outb(BM, 0);
    g_assert_cmphex(cpu_inb(BM + 2) & 1, ==, 0);
    cpu_outb(0x3f6, 4);
    cpu_outb(0x3f6, 0);
    g_assert_cmphex(wait_status(), ==, 0x50);
    /* Unplugged with a request in flight. */
    prd(0, DATA, 0, true);
    command(0xc8, 0, 128);
    dma_start(true);
    board_down();
    remove_drive("d");
}

static void packet(uint8_t feature, unsigned limit, const uint8_t *p)
{
    cpu_outb(0x1f6, 0xa0);
    cpu_outb(0x1f1, feature);
    cpu_outb(0x1f4, limit);
    cpu_outb(0x1f5, limit >> 8);
    cpu_outb(0x1f7, 0xa0);
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmphex(cpu_inb(0x1f2) & 3, ==, 1);
    for (unsigned i = 0; i < 12; i += 2) {
        cpu_outw(0x1f0, ld16_le(p + i));
    }
}

static void test_atapi(void)
{
    static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
    static const uint8_t capacity[12] = { 0x25 };
    static const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 1, 0, 0, 2 };
    static const uint8_t too_far[12] = { 0x28, 0, 0, 0, 0, 31, 0, 0, 2 };
    static const uint8_t sense[12] = { 0x03, 0, 0, 0, 18 };
    uint8_t buf[18];

    board_up();
    (void)add_drive("ide-cd", "cd", 32 * 2048);
    g_assert_cmphex(cpu_inb(0x1f4) | cpu_inb(0x1f5) << 8, ==, 0xeb14);
    packet(0, 36, inquiry);
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmphex(cpu_inb(0x1f2) & 3, ==, 2);
    g_assert_cmpuint(cpu_inb(0x1f4), ==, 36);
    g_assert_cmphex(cpu_inw(0x1f0), ==, 0x8005);
    for (unsigned i = 2; i < 36; i += 2) {
        (void)cpu_inw(0x1f0);
    }
    g_assert_cmphex(wait_status(), ==, 0x50);
    g_assert_cmphex(cpu_inb(0x1f2) & 3, ==, 3);
    packet(0, 8, capacity);
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmphex(cpu_inl(0x1f0), ==, GUINT32_SWAP_LE_BE(31));
    (void)cpu_inl(0x1f0);
    packet(0, 2048, read10);                    /* in two bursts */
    for (unsigned n = 1; n < 3; n++) {
        g_assert_cmphex(wait_status(), ==, 0x58);
        g_assert_cmpuint(cpu_inb(0x1f5), ==, 8);
        g_assert_cmpuint(cpu_inl(0x1f0), ==, 4 * n);
        for (unsigned i = 4; i < 2048; i += 4) {
            (void)cpu_inl(0x1f0);
        }
    }
    g_assert_cmphex(wait_status(), ==, 0x50);
    prd(0, DATA, 4096, true);
    packet(1, 0, read10);
    dma_start(true);
    g_assert_cmphex(wait_status(), ==, 0x50);
    g_assert_cmpuint(ldl_le_phys(&address_space_memory, DATA + 2048), ==, 8);
    packet(0, 2048, too_far);
    g_assert_cmphex(wait_status(), ==, 0x51);
    g_assert_cmphex(cpu_inb(0x1f1), ==, 0x54);
    packet(0, 18, sense);
    g_assert_cmphex(wait_status(), ==, 0x58);
    for (unsigned i = 0; i < 18; i += 2) {
        st16_le(buf + i, cpu_inw(0x1f0));
    }
    g_assert_cmphex(buf[2], ==, 5);
    g_assert_cmphex(buf[12], ==, 0x21);
    board_down();
    remove_drive("cd");
}

static void test_empty_cd(void)
{
    static const uint8_t tur[12] = { 0 };
    g_autoptr(GPtrArray) opts = g_ptr_array_new();

    board_up();
    g_assert_nonnull(qdev_device_add("ide-cd", opts, NULL));
    packet(0, 0, tur);
    g_assert_cmphex(wait_status(), ==, 0x51);
    g_assert_cmphex(cpu_inb(0x1f1), ==, 0x24);
    board_down();
}

/* I2: a command given during a drain, or to a stopped VM, waits in the device. */
static void test_drain(void)
{
    board_up();
    (void)add_drive("ide-hd", "d", 256 * 512);
    blk_drained_begin(blk_by_name("d"));
    command(0x20, 5, 1);
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    g_assert_cmphex(cpu_inb(0x3f6) & 0x80, ==, 0x80);
    blk_drained_end(blk_by_name("d"));
    g_assert_cmphex(wait_status(), ==, 0x58);
    g_assert_cmpuint(cpu_inl(0x1f0), ==, 5);
    board_down();
    remove_drive("d");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("rondo-test-XXXXXX", NULL);
    g_test_add_func("/ide/identify", test_identify);
    g_test_add_func("/ide/pio", test_pio);
    g_test_add_func("/ide/dma", test_dma);
    g_test_add_func("/ide/atapi", test_atapi);
    g_test_add_func("/ide/empty-cd", test_empty_cd);
    g_test_add_func("/ide/drain", test_drain);
    int ret = test_board_run();
    g_autofree char *d = g_build_filename(dir, "d", NULL);
    g_autofree char *cd = g_build_filename(dir, "cd", NULL);

    (void)g_unlink(d);
    (void)g_unlink(cd);
    (void)g_rmdir(dir);
    return ret;
}
