/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the Q35's window on configuration space follows its register, SMRAM opens and locks, and PCI pins reach the
 * interrupt inputs that registers and slots say.
 * Method: MCH and LPC bridge with RAM; two PCI devices; the inputs of the interrupt controllers are an array.
 */
#include "base/bytes.h"
#include "devices/ich9/ich9.h"
#include "devices/q35/q35.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define ECAM 0xb0000000ULL
#define RCBA 0xfed1c000ULL
#define PM 0x600

typedef struct Board {
    MemoryRegion ram;
    DeviceState *host;
    DeviceState *mch;
    DeviceState *lpc;
    PCIDevice *low;             /* slot 3 */
    PCIDevice *high;            /* slot 1f */
    IRQState lines[ICH9_NUM_GSIS];
    qemu_irq gsi[ICH9_NUM_GSIS];
    bool level[ICH9_NUM_GSIS];
} Board;

static AddressSpace *mem(void)
{
    return get_address_space_memory();
}

static void gsi_set(void *opaque, int n, int level)
{
    ((Board *)opaque)->level[n] = level;
}

static Board *board_up(void)
{
    static const char *const mch_at[] = { "addr", "00.0", NULL };
    static const char *const lpc_at[] = { "addr", "1f.0", NULL };
    static const char *const low_at[] = { "addr", "03.0", NULL };
    static const char *const high_at[] = { "addr", "1f.4", NULL };
    Board *b = g_new0(Board, 1);
    GError *err = NULL;
    BusState *bus;

    g_assert_true(memory_region_init_ram(&b->ram, NULL, "ram", 2 * MiB, &err));
    memory_region_add_subregion(get_system_memory(), 0, &b->ram);
    b->host = test_board_add(&q35_pcihost_class, sysbus_get_default(), NULL);
    bus = &q35_pci_bus(b->host)->bus;
    b->mch = test_board_add(&mch_class, bus, mch_at);
    mch_connect(b->mch, b->host, &b->ram);
    b->lpc = test_board_add(&ich9_lpc_class, bus, lpc_at);
    for (int n = 0; n < ICH9_NUM_GSIS; n++) {
        qemu_init_irq(&b->lines[n], gsi_set, b, n);
        b->gsi[n] = &b->lines[n];
    }
    ich9_lpc_connect(b->lpc, b->gsi);
    b->low = (PCIDevice *)test_board_add(&virtio_scsi_pci_class, bus, low_at);
    b->high = (PCIDevice *)test_board_add(&virtio_scsi_pci_class, bus, high_at);
    return b;
}

static void board_down(Board *b)
{
    device_free(b->host);
    memory_region_del_subregion(get_system_memory(), &b->ram);
    memory_region_finalize(&b->ram);
    g_free(b);
}

static void cfg_write(unsigned slot, unsigned reg, uint32_t val, unsigned len)
{
    cpu_outl(0xcf8, 0x80000000u | slot << 11 | (reg & ~3u));
    if (len == 4) {
        cpu_outl(0xcfc, val);
    } else {
        cpu_outb(0xcfc + (reg & 3), val);
    }
}

static uint32_t cfg_read(unsigned slot, unsigned reg)
{
    cpu_outl(0xcf8, 0x80000000u | slot << 11 | (reg & ~3u));
    return cpu_inl(0xcfc);
}

static void test_ecam(void)
{
    Board *b = board_up();
    uint64_t size;

    g_assert_cmphex(cfg_read(0, 0), ==, 0x29c08086);
    g_assert_cmphex(ldl_le_phys(mem(), ECAM), ==, 0xffffffff);
    cfg_write(0, 0x60, ECAM | 1, 4);
    g_assert_cmphex(ldl_le_phys(mem(), ECAM), ==, 0x29c08086);
    g_assert_cmphex(ldl_le_phys(mem(), ECAM + (0x1f << 15)), ==, 0x29188086);
    g_assert_cmphex(lduw_le_phys(mem(), ECAM + (3 << 15)), ==, 0x1af4);
    stb_phys(mem(), ECAM + (3 << 15) + PCI_INTERRUPT_LINE, 0x5a);
    g_assert_cmphex(cfg_read(3, PCI_INTERRUPT_LINE) & 0xff, ==, 0x5a);
    g_assert_cmphex(ldl_le_phys(mem(), ECAM + 0x100), ==, 0xffffffff);          /* no extended registers */
    g_assert_cmphex(ldl_le_phys(mem(), ECAM + (1 << 20)), ==, 0xffffffff);      /* nor other buses */
    cfg_write(0, 0x60, ECAM | 5, 4);                                            /* 64 MiB */
    g_assert_cmphex(mch_pciexbar(b->mch, &size), ==, ECAM);
    g_assert_cmphex(size, ==, 0x4000000);
    g_assert_cmphex(ldl_le_phys(mem(), ECAM), ==, 0x29c08086);
    cfg_write(0, 0x60, ECAM | 7, 4);                                            /* no such length */
    g_assert_cmphex(ldl_le_phys(mem(), ECAM), ==, 0xffffffff);
    cfg_write(0, 0x64, 0xffffffff, 4);
    cfg_write(0, 0x60, 0xffffffff & ~6u, 4);                                    /* at the end of 36 bits */
    g_assert_cmphex(ldl_le_phys(mem(), UINT64_C(0xff0000000)), ==, 0x29c08086);
    cfg_write(0, 0x64, 0, 4);
    cfg_write(0, 0x60, 1, 4);                                                   /* over RAM */
    cfg_write(0, 0x60, 0, 4);
    qemu_devices_reset();
    g_assert_cmphex(mch_pciexbar(b->mch, &size), ==, 0);
    board_down(b);
}

static void test_smram(void)
{
    Board *b = board_up();

    stl_le_phys(mem(), 0xa0000, 0x1234);
    cfg_write(0, 0x9d, 0x4a, 1);
    g_assert_cmphex(cfg_read(0, 0x9c) >> 8 & 0xff, ==, 0x4a);
    g_assert_cmphex(ldl_le_phys(mem(), 0xa0000), ==, 0x1234);
    cfg_write(0, 0x9d, 0x5a, 1);                        /* locked, and so closed */
    g_assert_cmphex(cfg_read(0, 0x9c) >> 8 & 0xff, ==, 0x1a);
    cfg_write(0, 0x9d, 0x4a, 1);
    g_assert_cmphex(cfg_read(0, 0x9c) >> 8 & 0xff, ==, 0x1a);
    qemu_devices_reset();
    cfg_write(0, 0x9d, 0x4a, 1);
    g_assert_cmphex(cfg_read(0, 0x9c) >> 8 & 0xff, ==, 0x4a);
    board_down(b);
}

static unsigned levels(const Board *b)
{
    unsigned bits = 0;

    for (unsigned n = 0; n < ICH9_NUM_GSIS; n++) {
        bits |= (unsigned)b->level[n] << n;
    }
    return bits;
}

static void test_irqs(void)
{
    Board *b = board_up();

    pci_set_irq(b->low, 1);                             /* slot 3, pin A: line H */
    g_assert_cmphex(levels(b), ==, 1u << 23);
    cfg_write(0x1f, 0x6b, 0x0b, 1);
    g_assert_cmphex(levels(b), ==, 1u << 23 | 1u << 11);
    pci_set_irq(b->high, 1);                            /* slot 31, pin A: line A */
    cfg_write(0x1f, 0x60, 0x0b, 1);
    g_assert_cmphex(levels(b), ==, 1u << 23 | 1u << 16 | 1u << 11);
    pci_set_irq(b->low, 0);
    g_assert_cmphex(levels(b), ==, 1u << 16 | 1u << 11);
    cfg_write(0x1f, 0xf0, RCBA | 1, 4);
    g_assert_cmphex(ldl_le_phys(mem(), RCBA + 0x3140), ==, 0x3210);
    stw_le_phys(mem(), RCBA + 0x3140, 0x3217);          /* pin A: line H */
    g_assert_cmphex(levels(b), ==, 1u << 23 | 1u << 11);
    stb_phys(mem(), RCBA + 0x3140, 0x15);               /* line F, which no input of the 8259 has */
    g_assert_cmphex(levels(b), ==, 1u << 21);
    stl_le_phys(mem(), RCBA + 0x3ffc, 0xffffffff);
    g_assert_cmphex(ldl_le_phys(mem(), RCBA + 0x3ffc), ==, 0);
    cfg_write(0x1f, 0x61, 0x80, 1);
    pci_set_irq(b->high, 0);
    g_assert_cmphex(levels(b), ==, 0);
    board_down(b);
}

static void test_pm(void)
{
    Board *b = board_up();

    cfg_write(0x1f, 0x40, PM | 1, 4);
    g_assert_cmphex(cfg_read(0x1f, 0x40), ==, PM | 1);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 0xffff);
    cfg_write(0x1f, 0x44, 0x80, 1);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 0);
    cpu_outb(0xb2, ICH9_ACPI_ENABLE);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 1);
    cpu_outb(0xb2, ICH9_ACPI_DISABLE);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 0);
    g_assert_cmphex(cpu_inl(PM + 0x30) & 0x20, ==, 0x20);
    g_assert_cmphex(ich9_lpc_pm_base(b->lpc), ==, PM);
    board_down(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/q35/ecam", test_ecam);
    g_test_add_func("/q35/smram", test_smram);
    g_test_add_func("/q35/irqs", test_irqs);
    g_test_add_func("/q35/pm", test_pm);
    return test_board_run();
}
