/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a guest that does anything to the registers of fw_cfg, HPET, RTC, PIIX3 and PIIX4. The input is a list
 * of operations of twelve bytes each, and at the same time guest memory, where fw_cfg looks for DMA descriptors.
 * Checked: nothing but what the devices assert of themselves, and what the sanitizers see.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "devices/fw_cfg/fw_cfg.h"
#include "devices/hpet/hpet.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

#define OP_SIZE 12
#define OPS_MAX 400
#define RAM_SIZE 0x10000

typedef struct Fuzz {
    const uint8_t *data;
    size_t size;
    DeviceState *host;
    MemoryRegion ram;
    IRQState lines[24];
    qemu_irq gsi[24];
    IRQState legacy;
} Fuzz;

static void ignore_irq(void *opaque, int n, int level)
{
}

static void fill_file(void *opaque, uint8_t *data, size_t len)
{
    data[0]++;
}

static void up(Fuzz *f)
{
    static const char *const bridge[] = { "addr", "01.0", NULL };
    static const char *const pm[] = { "addr", "01.3", NULL };
    DeviceState *dev;
    GError *err = NULL;

    if (!memory_region_init_ram(&f->ram, NULL, "ram", RAM_SIZE, &err)) {
        base_fatal("%s", err->message);
    }
    memory_region_add_subregion(get_system_memory(), 0, &f->ram);
    memcpy(memory_region_get_ram_ptr(&f->ram), f->data, MIN(f->size, RAM_SIZE));
    for (int i = 0; i < 24; i++) {
        qemu_init_irq(&f->lines[i], ignore_irq, f, i);
        f->gsi[i] = &f->lines[i];
    }
    qemu_init_irq(&f->legacy, ignore_irq, f, 0);
    (void)test_board_add(&fw_cfg_io_class, sysbus_get_default(), NULL);
    fw_cfg_add_file(fw_cfg_find(), "a", g_strdup("0123456789"), 10);
    fw_cfg_add_file_callback(fw_cfg_find(), "b", fill_file, NULL, g_malloc0(5000), 5000);
    hpet_connect(test_board_add(&hpet_class, sysbus_get_default(), NULL), f->gsi, &f->legacy);
    f->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    dev = test_board_add(&piix3_class, &i440fx_pci_bus(f->host)->bus, bridge);
    piix3_connect_pic(dev, f->gsi);
    (void)test_board_add(&mc146818_class, &piix3_isa_bus(dev)->bus, NULL);
    dev = test_board_add(&piix4_pm_class, &i440fx_pci_bus(f->host)->bus, pm);
    piix4_pm_connect_sci(dev, f->gsi[9]);
}

/* Where the registers are: most operations go there. */
static uint32_t port_of(uint8_t what, uint16_t addr)
{
    static const uint16_t bases[] = { 0x70, 0x510, 0x514, 0xcf8, 0xcfc, 0xb2, PIIX4_GPE_BASE, 0x600, 0x700 };

    return what & 0x80 ? addr : bases[what % G_N_ELEMENTS(bases)] + addr % 16;
}

static void operate(const uint8_t *op)
{
    unsigned size = 1u << (op[0] >> 2 & 3);
    uint16_t addr = ld16_le(op + 2);
    uint64_t val = ld64_le(op + 4);

    switch (op[0] & 3) {
    case 0:
        address_space_st(&address_space_io, port_of(op[1], addr), val, MIN(size, 4), MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 1:
        (void)address_space_ld(&address_space_io, port_of(op[1], addr), MIN(size, 4), MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 2:
        address_space_st(&address_space_memory, HPET_BASE + addr % HPET_SIZE, val, size, MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    default:
        (void)address_space_ld(&address_space_memory, HPET_BASE + addr % HPET_SIZE, size, MEMTXATTRS_UNSPECIFIED,
                               NULL);
        main_loop_wait(true);
        break;
    }
}

static int fuzz_body(void *opaque)
{
    Machine *m = test_board_up();
    Fuzz *f = opaque;

    up(f);
    cpu_enable_ticks();
    for (size_t at = 0, n = 0; at + OP_SIZE <= f->size && n < OPS_MAX; at += OP_SIZE, n++) {
        operate(f->data + at);
    }
    qemu_devices_reset();
    memory_region_del_subregion(get_system_memory(), &f->ram);
    memory_region_finalize(&f->ram);
    test_board_down(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz f = { .data = data, .size = size };

    return sched_main(fuzz_body, &f);
}
