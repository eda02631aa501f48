/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: MSI and MSI-X messages go where the guest says, are kept while masked, and only as a bus master; what a guest
 * writes into table, pending bits and capability stays within bounds; state survives a save and a load.
 * Method: a device with both capabilities on a PC's bus; RAM in the place of the interrupt window.
 */
#include <string.h>

#include "base/bytes.h"
#include "devices/pci/msix.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "migration/vmstate.h"

#define VECTORS 130             /* the table is longer than the usual place of the pending bits */
#define TABLE 0xe0000000ULL
#define PBA (TABLE + VECTORS * 16)
#define RAM_SIZE 0x10000
#define TARGET 0x8000

typedef struct TestDevice {
    PCIDevice dev;
} TestDevice;

static bool test_device_realize(PCIDevice *dev, GError **errp)
{
    dev->config[PCI_INTERRUPT_PIN] = 1;
    msi_init(dev, 0x50, 4, true, true);
    return msix_init_exclusive_bar(dev, VECTORS, 1, errp);
}

static void test_device_exit(PCIDevice *dev)
{
    msix_uninit_exclusive_bar(dev);
}

static const PCIDeviceClass test_device_pc = {
    .vendor_id = 0x1234,
    .device_id = 0x5678,
    .realize = test_device_realize,
    .exit = test_device_exit,
};

static const Property test_device_props[] = {
    PCI_COMMON_PROPS(TestDevice, dev),
    DEFINE_PROP_END_OF_LIST()
};

static const DeviceClass test_device_class = {
    .name = "test-device",
    .bus_type = "PCI",
    .instance_size = sizeof(TestDevice),
    .props = test_device_props,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .class_data = &test_device_pc,
};

typedef struct Board {
    MemoryRegion ram;
    DeviceState *host;
    PCIDevice *dev;
} Board;

static AddressSpace *mem(void)
{
    return get_address_space_memory();
}

static void cfg_write(const Board *b, uint32_t reg, uint32_t val, unsigned len)
{
    pci_data_write(pci_get_bus(b->dev), b->dev->devfn << 8 | reg, val, len);
}

static uint32_t cfg_read(const Board *b, uint32_t reg, unsigned len)
{
    return pci_data_read(pci_get_bus(b->dev), b->dev->devfn << 8 | reg, len);
}

static void board_enable(const Board *b)
{
    cfg_write(b, 0x14, TABLE, 4);
    cfg_write(b, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static Board *board_up(void)
{
    Board *b = g_new0(Board, 1);
    GError *err = NULL;

    g_assert_true(memory_region_init_ram(&b->ram, NULL, "ram", RAM_SIZE, &err));
    memory_region_add_subregion(get_system_memory(), 0, &b->ram);
    b->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    b->dev = (PCIDevice *)test_board_add(&test_device_class, &i440fx_pci_bus(b->host)->bus, NULL);
    board_enable(b);
    return b;
}

static void board_down(Board *b)
{
    device_free(b->host);
    memory_region_del_subregion(get_system_memory(), &b->ram);
    memory_region_finalize(&b->ram);
    g_free(b);
}

static uint32_t take(void)
{
    uint32_t v = ldl_le_phys(mem(), TARGET);

    stl_le_phys(mem(), TARGET, 0);
    return v;
}

static void table_set(unsigned v, uint64_t addr, uint32_t data, uint32_t ctrl)
{
    stl_le_phys(mem(), TABLE + v * 16, (uint32_t)addr);
    stl_le_phys(mem(), TABLE + v * 16 + 4, addr >> 32);
    stl_le_phys(mem(), TABLE + v * 16 + 8, data);
    stl_le_phys(mem(), TABLE + v * 16 + 12, ctrl);
}

static bool pending(unsigned v)
{
    return ldl_le_phys(mem(), PBA + v / 32 * 4) >> (v % 32) & 1;
}

static void test_msix_layout(void)
{
    Board *b = board_up();
    unsigned cap = b->dev->msix_cap;

    g_assert_cmphex(cfg_read(b, PCI_CAPABILITY_LIST, 1), ==, cap);
    g_assert_cmphex(cfg_read(b, cap, 4), ==, (VECTORS - 1) << 16 | 0x50 << 8 | PCI_CAP_ID_MSIX);
    g_assert_cmphex(cfg_read(b, cap + 4, 4), ==, 1);
    g_assert_cmphex(cfg_read(b, cap + 8, 4), ==, VECTORS * 16 | 1);
    cfg_write(b, cap + 2, 0xffff, 2);           /* the size is not the guest's */
    g_assert_cmphex(cfg_read(b, cap + 2, 2), ==, 0xc000 | (VECTORS - 1));
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 12), ==, 1);
    stl_le_phys(mem(), TABLE + 12, 0xfffffffe);
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 12), ==, 0);
    stq_le_phys(mem(), TABLE + 16, 0x1122334455667788);
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 20), ==, 0x11223344);
    stb_phys(mem(), TABLE + 16, 0);             /* not a size the table takes */
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 16), ==, 0x55667788);
    stl_le_phys(mem(), PBA, 0xffffffff);
    g_assert_cmphex(ldl_le_phys(mem(), PBA), ==, 0);
    board_down(b);
}

static void test_msix_masks(void)
{
    Board *b = board_up();
    unsigned flags = b->dev->msix_cap + 2;

    table_set(3, TARGET, 0xabcd, 0);
    table_set(129, TARGET, 0x1234, 1);
    msix_notify(b->dev, 3);                     /* off: nobody hears it now, but it is not lost */
    g_assert_cmphex(take(), ==, 0);
    g_assert_true(pending(3));
    cfg_write(b, flags, 0x8000, 2);
    g_assert_cmphex(take(), ==, 0xabcd);
    g_assert_false(pending(3));
    msix_notify(b->dev, 129);
    g_assert_cmphex(take(), ==, 0);
    g_assert_true(pending(129));
    cfg_write(b, flags, 0xc000, 2);             /* the whole function */
    msix_notify(b->dev, 3);
    g_assert_cmphex(take(), ==, 0);
    cfg_write(b, flags + 1, 0x80, 1);
    g_assert_cmphex(take(), ==, 0xabcd);
    g_assert_true(pending(129));
    stl_le_phys(mem(), TABLE + 129 * 16 + 12, 0);
    g_assert_cmphex(take(), ==, 0x1234);
    g_assert_false(pending(129));
    msix_notify(b->dev, VECTORS);
    msix_notify(b->dev, 0xffff);
    g_assert_cmphex(take(), ==, 0);
    device_cold_reset(&b->dev->qdev);
    board_enable(b);
    g_assert_false(msix_enabled(b->dev));
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 3 * 16 + 12), ==, 1);
    g_assert_cmphex(ldl_le_phys(mem(), TABLE + 3 * 16), ==, 0);
    board_down(b);
}

static void test_msix_targets(void)
{
    Board *b = board_up();

    cfg_write(b, b->dev->msix_cap + 2, 0x8000, 2);
    table_set(0, TARGET, 1, 0);
    cfg_write(b, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    msix_notify(b->dev, 0);
    g_assert_cmphex(take(), ==, 0);             /* not a bus master */
    cfg_write(b, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    table_set(0, TABLE + 12, 1, 0);             /* its own registers: refused, or it would go on for ever */
    msix_notify(b->dev, 0);
    g_assert_false(msix_is_masked(b->dev, 0));
    table_set(0, RAM_SIZE - 2, 0xffffffff, 0);  /* half outside memory */
    msix_notify(b->dev, 0);
    g_assert_cmphex(lduw_le_phys(mem(), RAM_SIZE - 2), ==, 0);
    table_set(0, UINT64_MAX, 1, 0);
    msix_notify(b->dev, 0);
    table_set(0, 0xfee00000, 1, 0);             /* there is no processor to take it */
    msix_notify(b->dev, 0);
    board_down(b);
}

static GString *notes;

static void note_use(PCIDevice *dev, unsigned vector, MSIMessage msg)
{
    g_string_append_printf(notes, "+%u:%x ", vector, msg.data);
}

static void note_release(PCIDevice *dev, unsigned vector)
{
    g_string_append_printf(notes, "-%u ", vector);
}

static void test_msix_notifiers(void)
{
    Board *b = board_up();

    notes = g_string_new(NULL);
    cfg_write(b, b->dev->msix_cap + 2, 0x8000, 2);
    table_set(1, TARGET, 0x11, 0);
    msix_set_vector_notifiers(b->dev, note_use, note_release);
    stl_le_phys(mem(), TABLE + 16 + 12, 1);
    stl_le_phys(mem(), TABLE + 16 + 8, 0x12);   /* masked: nobody's business */
    stl_le_phys(mem(), TABLE + 16 + 12, 0);
    stl_le_phys(mem(), TABLE + 16 + 8, 0x13);
    cfg_write(b, b->dev->msix_cap + 2, 0xc000, 2);
    cfg_write(b, b->dev->msix_cap + 2, 0x8000, 2);
    msix_set_message(b->dev, 2, (MSIMessage){ TARGET, 0x22 });
    msix_unset_vector_notifiers(b->dev);
    stl_le_phys(mem(), TABLE + 16 + 12, 1);
    g_assert_cmpstr(notes->str, ==, "+1:11 -1 +1:12 -1 +1:13 -1 +1:13 +2:22 -1 -2 ");
    g_string_free(notes, TRUE);
    board_down(b);
}

static void test_msi(void)
{
    Board *b = board_up();

    g_assert_cmphex(cfg_read(b, 0x50, 4), ==, 0x01840005);
    cfg_write(b, 0x54, TARGET | 3, 4);
    g_assert_cmphex(cfg_read(b, 0x54, 4), ==, TARGET);
    cfg_write(b, 0x58, 0, 4);
    cfg_write(b, 0x5c, 0x4567, 2);
    msi_notify(b->dev, 0);
    g_assert_cmphex(take(), ==, 0);             /* off */
    cfg_write(b, 0x52, 0x71, 2);                /* more vectors than there are */
    g_assert_cmpuint(msi_nr_vectors_allocated(b->dev), ==, 4);
    msi_notify(b->dev, 2);
    g_assert_cmphex(take(), ==, 0x4566);
    cfg_write(b, 0x60, 0xffffffff, 4);
    g_assert_cmphex(cfg_read(b, 0x60, 4), ==, 0xf);
    msi_notify(b->dev, 1);
    g_assert_cmphex(take(), ==, 0);
    g_assert_cmphex(cfg_read(b, 0x64, 4), ==, 2);
    cfg_write(b, 0x60, 0, 4);
    g_assert_cmphex(take(), ==, 0x4565);
    g_assert_cmphex(cfg_read(b, 0x64, 4), ==, 0);
    device_cold_reset(&b->dev->qdev);
    g_assert_cmphex(cfg_read(b, 0x50, 4), ==, 0x01840005);
    g_assert_cmphex(cfg_read(b, 0x5c, 2), ==, 0);
    board_down(b);
}

/* With messages on, the pin is gone. */
static void test_pin(void)
{
    Board *b = board_up();

    pci_set_irq(b->dev, 1);
    g_assert_cmphex(cfg_read(b, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    cfg_write(b, b->dev->msix_cap + 2, 0x8000, 2);
    g_assert_cmphex(cfg_read(b, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    board_down(b);
}

static void test_state(void)
{
    Board *b = board_up();
    unsigned flags = b->dev->msix_cap + 2;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    cfg_write(b, flags, 0x8000, 2);
    table_set(7, TARGET, 0x77, 1);
    msix_notify(b->dev, 7);
    g_assert_cmpint(vmstate_save_state(f, &vmstate_pci_device, b->dev, &err), ==, 0);
    device_cold_reset(&b->dev->qdev);
    board_enable(b);
    g_assert_false(pending(7));
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, &vmstate_pci_device, b->dev, 3, &err), ==, 0);
    g_assert_true(msix_enabled(b->dev));
    g_assert_true(pending(7));
    stl_le_phys(mem(), TABLE + 7 * 16 + 12, 0);
    g_assert_cmphex(take(), ==, 0x77);
    (void)qemu_fclose(f);
    board_down(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/msix/layout", test_msix_layout);
    g_test_add_func("/msix/masks", test_msix_masks);
    g_test_add_func("/msix/targets", test_msix_targets);
    g_test_add_func("/msix/notifiers", test_msix_notifiers);
    g_test_add_func("/msix/state", test_state);
    g_test_add_func("/msi/vectors", test_msi);
    g_test_add_func("/msi/pin", test_pin);
    return test_board_run();
}
