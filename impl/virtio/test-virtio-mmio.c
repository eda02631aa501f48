/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a driver reaches a disk behind memory-mapped registers, by the modern and by the legacy ones; the line follows
 * the interrupt status; an empty transport answers, and one whose device is unplugged is empty again.
 * Method: the test is the driver of a virtio-blk-device on a null node.
 */
#include "aio/iothread.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/test-board.h"
#include "virtio/mmio.h"

#define RAM_SIZE (1 * MiB)
#define BASE 0xfeb00200ULL
#define RINGS 0x10000
#define AVAIL (RINGS + 0x80)
#define USED (RINGS + 0x1000)
#define HDR 0x4000
#define DATA 0x5000
#define STATUS 0x6000
#define NUM 8

typedef struct Guest {
    MemoryRegion ram;
    DeviceState *transport;
    DeviceState *disk;
    IOThread *iothread;
    IRQState line;
    int level;
    uint16_t avail;
} Guest;

static AddressSpace *mem(void)
{
    return get_address_space_memory();
}

static uint32_t reg(unsigned addr)
{
    return ldl_le_phys(mem(), BASE + addr);
}

static void set_reg(unsigned addr, uint32_t val)
{
    stl_le_phys(mem(), BASE + addr, val);
}

static void line_set(void *opaque, int n, int level)
{
    ((Guest *)opaque)->level = level;
}

static Guest *guest_new(bool legacy, bool iothread)
{
    const char *const kv[] = { "x-addr", "0xfeb00200", "x-index", "1", "force-legacy", legacy ? "on" : "off", NULL };
    const char *const disk[] = { "drive", "d", "id", "disk0", iothread ? "iothread" : NULL, "t0" };
    Guest *g = g_new0(Guest, 1);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    g_assert_true(memory_region_init_ram(&g->ram, NULL, "ram", RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &g->ram);
    g_assert_true(blockdev_add(qdict_from_keyval("driver=null-co,node-name=d,size=1048576,read-zeroes=on", NULL, &err),
                               &err));
    g->transport = test_board_add(&virtio_mmio_class, sysbus_get_default(), kv);
    qemu_init_irq(&g->line, line_set, g, 0);
    virtio_mmio_connect_irq(g->transport, &g->line);
    g_assert_cmphex(reg(0), ==, 0x74726976);
    g_assert_cmphex(reg(4), ==, legacy ? 1 : 2);
    g_assert_cmphex(reg(8), ==, 0);
    set_reg(0x70, 1);
    g_assert_cmphex(reg(0x70), ==, 0);
    g_assert_cmphex(reg(0x100), ==, 0);
    if (iothread) {
        g->iothread = iothread_create("t0", &err);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(disk) && disk[i]; i++) {
        g_ptr_array_add(opts, (char *)disk[i]);
    }
    g->disk = qdev_device_add("virtio-blk-device", opts, &err);
    g_assert_no_error(err);
    g_assert_cmpstr(g->disk->parent_bus->name, ==, "virtio-mmio-bus.1");
    g_assert_cmphex(reg(8), ==, VIRTIO_ID_BLOCK);
    g_assert_cmpuint(reg(0x100), ==, 2048);
    vm_start();
    return g;
}

static void guest_free(Guest *g)
{
    GError *err = NULL;

    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    g_assert_true(qdev_unplug("disk0", &err));
    g_assert_cmphex(reg(8), ==, 0);
    g_assert_cmpint(g->level, ==, 0);
    device_free(g->transport);
    g_assert_true(blockdev_del("d", &err));
    iothread_destroy(g->iothread);
    memory_region_del_subregion(get_system_memory(), &g->ram);
    memory_region_finalize(&g->ram);
    g_free(g);
}

static void put_desc(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    stq_le_phys(mem(), RINGS + 16 * i, addr);
    stl_le_phys(mem(), RINGS + 16 * i + 8, len);
    stw_le_phys(mem(), RINGS + 16 * i + 12, flags);
    stw_le_phys(mem(), RINGS + 16 * i + 14, next);
}

static void read_sector(Guest *g)
{
    put_desc(0, HDR, 16, 1, 1);
    put_desc(1, DATA, 512, 3, 2);
    put_desc(2, STATUS, 1, 2, 0);
    stb_phys(mem(), STATUS, 0xff);
    stq_le_phys(mem(), DATA, ~UINT64_C(0));
    stw_le_phys(mem(), AVAIL + 4 + 2 * (g->avail % NUM), 0);
    stw_le_phys(mem(), AVAIL + 2, ++g->avail);
    set_reg(0x50, 0);
    while (!g->level) {
        main_loop_wait(false);
    }
    g_assert_cmpuint(lduw_le_phys(mem(), USED + 2), ==, g->avail);
    g_assert_cmphex(ldub_phys(mem(), STATUS), ==, 0);
    g_assert_cmphex(ldl_le_phys(mem(), DATA), ==, 0);
    g_assert_cmphex(reg(0x60), ==, 1);
    set_reg(0x64, 1);
    g_assert_cmphex(reg(0x60), ==, 0);
    g_assert_cmpint(g->level, ==, 0);
}

static void test_modern(gconstpointer data)
{
    Guest *g = guest_new(false, data != NULL);

    set_reg(0x70, 3);
    set_reg(0x14, 1);
    g_assert_cmphex(reg(0x10) & 1, ==, 1);              /* VERSION_1 */
    set_reg(0x14, 7);
    g_assert_cmphex(reg(0x10), ==, 0);
    set_reg(0x24, 1);
    set_reg(0x20, 1);
    set_reg(0x70, 0xb);
    g_assert_cmphex(reg(0x70), ==, 0xb);
    set_reg(0x30, 0);
    g_assert_cmpuint(reg(0x34), ==, 256);
    set_reg(0x38, NUM);
    set_reg(0x80, RINGS);
    set_reg(0x90, AVAIL);
    set_reg(0xa0, USED);
    g_assert_cmphex(reg(0x44), ==, 0);
    set_reg(0x44, 1);
    g_assert_cmphex(reg(0x44), ==, 1);
    set_reg(0x70, 0xf);
    read_sector(g);
    read_sector(g);
    set_reg(0x50, 64);                                  /* no such queue */
    set_reg(0x30, 0xffffffff);
    set_reg(0x40, 1);                                   /* not a register here */
    stb_phys(mem(), BASE + 0x70, 0);                    /* registers are words */
    g_assert_cmphex(reg(0x70), ==, 0xf);
    set_reg(0x70, 0);
    g_assert_cmphex(reg(0x70), ==, 0);
    g_assert_cmphex(reg(0x44), ==, 0);
    guest_free(g);
}

static void test_legacy(gconstpointer data)
{
    Guest *g = guest_new(true, data != NULL);

    set_reg(0x28, 4096);
    set_reg(0x70, 0);                                   /* as Linux does; the page size stays */
    set_reg(0x70, 3);
    set_reg(0x14, 1);
    g_assert_cmphex(reg(0x10), ==, 0);
    set_reg(0x30, 0);
    set_reg(0x38, NUM);
    set_reg(0x3c, 3);                                   /* not a power of two: no */
    set_reg(0x3c, 4096);
    set_reg(0x40, RINGS >> 12);
    g_assert_cmphex(reg(0x40), ==, RINGS >> 12);
    set_reg(0x70, 7);
    read_sector(g);
    read_sector(g);
    set_reg(0x40, 0);                                   /* gives the device back */
    g_assert_cmphex(reg(0x70), ==, 0);
    set_reg(0x28, 0);
    set_reg(0x28, 0x80000000);
    set_reg(0x40, 0xffffffff);
    guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/virtio-mmio/modern/main", NULL, test_modern);
    g_test_add_data_func("/virtio-mmio/modern/iothread", "t0", test_modern);
    g_test_add_data_func("/virtio-mmio/legacy/main", NULL, test_legacy);
    g_test_add_data_func("/virtio-mmio/legacy/iothread", "t0", test_legacy);
    return test_board_run();
}
