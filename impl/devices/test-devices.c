/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: devices are made, named, configured and refused as users of -device expect; PCI configuration space behaves.
 * Method: a PCI bus with the bridges of a PC, accesses through ports.
 */
#include "base/bytes.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

static DeviceState *host;

static void board_up(void)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.0", NULL };

    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(host)->bus, at0);
    (void)test_board_add(&piix3_class, &i440fx_pci_bus(host)->bus, at1);
}

static void board_down(void)
{
    device_free(host);
}

static char *add_error(const char *driver, const char *const *kv)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    g_autoptr(GError) err = NULL;

    for (; kv && *kv; kv++) {
        g_ptr_array_add(opts, (char *)*kv);
    }
    g_assert_null(qdev_device_add(driver, opts, &err));
    return g_strdup(err->message);
}

static void test_refusals(void)
{
    static const struct {
        const char *driver;
        const char *kv[5];
        const char *message;
    } cases[] = {
        { "nosuch", { NULL }, "'nosuch' is not a valid device model name" },
        { "PIIX3", { NULL }, "Parameter 'driver' expects a pluggable device type" },
        { "isa-debug-exit", { "nosuch", "1" }, "Property 'isa-debug-exit.nosuch' not found" },
        { "isa-debug-exit", { "iobase", "-1" }, "Parameter 'iobase' expects uint32" },
        { "isa-debug-exit", { "id", "1x" }, "Parameter 'id' expects an identifier" },
        { "isa-debug-exit", { "bus", "nosuch" }, "Bus 'nosuch' not found" },
        { "isa-debug-exit", { "bus", "pci.0" }, "Device 'isa-debug-exit' can't go on PCI bus" },
        { "scsi-hd", { NULL }, "No 'SCSI' bus found for device 'scsi-hd'" },
        { "virtio-blk-pci", { NULL }, "drive property not set" },
        { "virtio-blk-pci", { "drive", "d" }, "Property 'virtio-blk-device.drive' can't find value 'd'" },
        { "virtio-scsi-pci", { "addr", "01.0" },
          "PCI: slot 1 function 0 not available for virtio-scsi-pci, in use by PIIX3,id=(null)" },
        { "virtio-scsi-pci", { "addr", "20.0" }, "Property 'addr' doesn't take value '20.0'" },
        { "virtio-scsi-pci", { "ioeventfd", "maybe" }, "Parameter 'ioeventfd' expects 'on' or 'off'" },
        { "virtio-scsi-pci", { "iothread", "t" }, "Device 't' not found" },
    };

    board_up();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *message = add_error(cases[i].driver, cases[i].kv);

        g_assert_cmpstr(message, ==, cases[i].message);
    }
    board_down();
}

static void test_tree(void)
{
    static const char *const kv[] = { "id", "x", NULL };
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    g_autofree char *message = NULL;
    GError *err = NULL;
    DeviceState *dev;

    board_up();
    g_ptr_array_add(opts, (char *)"id");
    g_ptr_array_add(opts, (char *)"x");
    dev = qdev_device_add("virtio-scsi-pci", opts, &err);
    g_assert_no_error(err);
    g_assert_true(device_find_by_id("x") == dev);
    g_assert_cmpstr(dev->path, ==, "0000:00:02.0/virtio-scsi-pci");
    g_assert_nonnull(bus_find("x.0", NULL));
    message = add_error("isa-debug-exit", kv);
    g_assert_cmpstr(message, ==, "Duplicate ID 'x' for device");
    g_assert_true(qdev_unplug("x", &err));
    g_assert_null(device_find_by_id("x"));
    g_assert_false(qdev_unplug("x", &err));
    g_assert_cmpstr(err->message, ==, "Device 'x' not found");
    g_clear_error(&err);
    board_down();
}

static uint32_t cfg_read(unsigned slot, unsigned reg)
{
    cpu_outl(0xcf8, 0x80000000u | slot << 11 | (reg & ~3u));
    return cpu_inl(0xcfc);
}

static void cfg_write(unsigned slot, unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | slot << 11 | (reg & ~3u));
    cpu_outl(0xcfc, val);
}

static void test_config_space(void)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    board_up();
    g_assert_nonnull(qdev_device_add("virtio-scsi-pci", opts, &err));
    g_assert_cmphex(cfg_read(0, 0), ==, 0x12378086);
    g_assert_cmphex(cfg_read(2, 0), ==, 0x10041af4);
    g_assert_cmphex(cfg_read(3, 0), ==, 0xffffffff);
    cfg_write(2, 0, 0);
    g_assert_cmphex(cfg_read(2, 0), ==, 0x10041af4);    /* read only */
    cfg_write(2, 0x20, 0xffffffff);                     /* BAR 4: 16 KiB, 64 bits, prefetchable */
    g_assert_cmphex(cfg_read(2, 0x20), ==, 0xffffc00c);
    cfg_write(2, 0x20, 0xe0000000);
    cfg_write(2, 0x24, 0);
    g_assert_cmphex(ldl_le_phys(&address_space_memory, 0xe0000012), ==, 0xffffffff);
    cfg_write(2, 4, PCI_COMMAND_MEMORY);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe0000012), ==, 3);    /* queues */
    cfg_write(2, 4, 0);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe0000012), ==, 0xffff);
    cfg_write(2, 4, PCI_COMMAND_MEMORY);
    qemu_devices_reset();
    g_assert_cmphex(cfg_read(2, 0x20), ==, 0x0000000c);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe0000012), ==, 0xffff);
    board_down();
}

/* An expansion ROM is there while both its own enable bit and memory decoding are on. */
static void test_option_rom(void)
{
    static const char *const rom[] = { "romfile", "vgabios-stdvga.bin" };
    static const char *const missing[] = { "romfile", "nosuch.bin", NULL };
    static const char *const small[] = { "romfile", "vgabios-stdvga.bin", "romsize", "4096", NULL };
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    g_autofree char *message = NULL;
    GError *err = NULL;

    board_up();
    message = add_error("virtio-scsi-pci", missing);
    g_assert_cmpstr(message, ==, "failed to find romfile \"nosuch.bin\"");
    g_free(message);
    message = add_error("virtio-scsi-pci", small);
    g_assert_true(g_str_has_suffix(message, "is too large for ROM size 4096"));
    g_ptr_array_add(opts, (char *)rom[0]);
    g_ptr_array_add(opts, (char *)rom[1]);
    g_assert_nonnull(qdev_device_add("virtio-scsi-pci", opts, &err));
    cfg_write(2, PCI_ROM_ADDRESS, 0xffffffff);
    g_assert_cmphex(cfg_read(2, PCI_ROM_ADDRESS), ==, 0xffff0001);
    cfg_write(2, PCI_ROM_ADDRESS, 0xe1000000);
    cfg_write(2, 4, PCI_COMMAND_MEMORY);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe1000000), ==, 0xffff);
    cfg_write(2, PCI_ROM_ADDRESS, 0xe1000001);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe1000000), ==, 0xaa55);
    stw_le_phys(&address_space_memory, 0xe1000000, 0);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe1000000), ==, 0xaa55);
    qemu_devices_reset();
    g_assert_cmphex(cfg_read(2, PCI_ROM_ADDRESS), ==, 0);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xe1000000), ==, 0xffff);
    board_down();
}

/* The window of capability 5 reaches the same registers without a mapping. */
static void test_virtio_window(void)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;
    unsigned cap;

    board_up();
    g_assert_nonnull(qdev_device_add("virtio-scsi-pci", opts, &err));
    for (cap = cfg_read(2, 0x34) & 0xff; cap; cap = cfg_read(2, cap) >> 8 & 0xff) {
        if (cfg_read(2, cap) >> 24 == 5) {
            break;
        }
    }
    g_assert_cmpuint(cap, !=, 0);
    cfg_write(2, cap + 4, 4);           /* BAR */
    cfg_write(2, cap + 8, 0x12);        /* offset: number of queues */
    cfg_write(2, cap + 12, 2);
    g_assert_cmphex(cfg_read(2, cap + 16) & 0xffff, ==, 3);
    cfg_write(2, cap + 8, 0x14);        /* device status */
    cfg_write(2, cap + 12, 1);
    cfg_write(2, cap + 16, 3);
    g_assert_cmphex(cfg_read(2, cap + 16) & 0xff, ==, 3);
    cfg_write(2, cap + 8, 0xffffffff);  /* nowhere */
    cfg_write(2, cap + 16, 0);
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devices/refusals", test_refusals);
    g_test_add_func("/devices/tree", test_tree);
    g_test_add_func("/devices/config-space", test_config_space);
    g_test_add_func("/devices/option-rom", test_option_rom);
    g_test_add_func("/devices/virtio-window", test_virtio_window);
    return test_board_run();
}
