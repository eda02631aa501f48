/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a guest that does anything to IDE, AHCI, VGA and the keyboard controller. The input is a list of
 * operations of twelve bytes each, and at the same time guest memory, where the adapters look for their lists.
 * Checked: nothing but what the devices assert of themselves, and what the sanitizers see.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "ui/console.h"
#include "ui/input.h"

#define OP_SIZE 12
#define OPS_MAX 400
#define RAM_SIZE 0x10000
#define BM_BASE 0xc000
#define ABAR 0xf0000000u

typedef struct Fuzz {
    const uint8_t *data;
    size_t size;
    DeviceState *host;
    MemoryRegion ram;
    IRQState line;
    qemu_irq lines[16];
} Fuzz;

static const char *const drives[] = { "hd", "cd", "sata-hd", "sata-cd" };

static void ignore_irq(void *opaque, int n, int level)
{
}

static void config(unsigned devfn, unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | devfn << 8 | reg);
    cpu_outl(0xcfc, val);
}

static void add_drive(unsigned i, const char *bus)
{
    g_autofree char *text = g_strdup_printf("if=none,id=%s,format=raw,file=null-co://,file.size=64M,"
                                            "file.read-zeroes=on", drives[i]);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    const char *const kv[] = { "drive", drives[i], "bus", bus };
    GError *err = NULL;

    for (unsigned k = 0; k < G_N_ELEMENTS(kv); k++) {
        g_ptr_array_add(opts, (char *)kv[k]);
    }
    if (!drive_new(text, IF_NONE, &err) || !qdev_device_add(i & 1 ? "ide-cd" : "ide-hd", opts, &err)) {
        base_fatal("%s", err->message);
    }
}

static void up(Fuzz *f)
{
    static const char *const bridge[] = { "addr", "01.0", NULL };
    static const char *const ide[] = { "addr", "01.1", NULL };
    static const char *const vga[] = { "addr", "02.0", "romfile", "", "vgamem_mb", "1", NULL };
    g_autoptr(GPtrArray) sata = g_ptr_array_new();
    DeviceState *dev;
    GError *err = NULL;
    BusState *pci;

    if (!memory_region_init_ram(&f->ram, NULL, "ram", RAM_SIZE, &err)) {
        base_fatal("%s", err->message);
    }
    memory_region_add_subregion(get_system_memory(), 0, &f->ram);
    memcpy(memory_region_get_ram_ptr(&f->ram), f->data, MIN(f->size, RAM_SIZE));
    qemu_init_irq(&f->line, ignore_irq, f, 0);
    for (int i = 0; i < 16; i++) {
        f->lines[i] = &f->line;
    }
    f->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    pci = &i440fx_pci_bus(f->host)->bus;
    dev = test_board_add(&piix3_class, pci, bridge);
    piix3_connect_pic(dev, f->lines);
    (void)test_board_add(&i8042_class, &piix3_isa_bus(dev)->bus, NULL);
    dev = test_board_add(&piix3_ide_class, pci, ide);
    piix3_ide_connect(dev, &f->line, &f->line);
    (void)test_board_add(&vga_class, pci, vga);
    g_ptr_array_add(sata, (char *)"id");
    g_ptr_array_add(sata, (char *)"sata");
    g_ptr_array_add(sata, (char *)"addr");
    g_ptr_array_add(sata, (char *)"03.0");
    if (!qdev_device_add("ahci", sata, &err)) {
        base_fatal("%s", err->message);
    }
    add_drive(0, "ide.0");
    add_drive(1, "ide.1");
    add_drive(2, "sata.0");
    add_drive(3, "sata.1");
    qemu_devices_reset();
    config(1 << 3 | 1, 0x20, BM_BASE);
    config(1 << 3 | 1, 4, 5);
    config(2 << 3, 4, 3);
    config(3 << 3, 0x24, ABAR);
    config(3 << 3, 4, 6);
    runstate_set(RUN_STATE_RUNNING);
}

static void down(Fuzz *f)
{
    device_free(f->host);
    for (unsigned i = 0; i < G_N_ELEMENTS(drives); i++) {
        BlockBackend *blk = blk_by_name(drives[i]);

        monitor_remove_blk(blk);
        blk_unref(blk);
    }
    memory_region_del_subregion(get_system_memory(), &f->ram);
    memory_region_finalize(&f->ram);
}

/* Where the registers are: most operations go there. */
static uint32_t port_of(uint8_t what, uint16_t addr)
{
    static const uint16_t bases[] = { 0x1f0, 0x170, 0x3f0, BM_BASE, 0x60, 0x1ce, 0x3b0, 0x3c0, 0x3d0, 0x370 };

    return what & 0x80 ? addr : bases[what % G_N_ELEMENTS(bases)] + addr % 16;
}

static uint64_t memory_of(uint8_t what, uint32_t addr)
{
    switch (what & 7) {
    case 0:
        return 0xa0000 + addr % 0x20000;
    case 1:
        return addr % RAM_SIZE;
    default:
        return ABAR + (what & 8 ? 0x100 + (what >> 4 & 1) * 0x80 + addr % 0x40 : addr % 0x1000);
    }
}

static void operate(const uint8_t *op)
{
    unsigned size = 1u << (op[0] >> 3 & 3);
    uint16_t addr = ld16_le(op + 2);
    uint64_t val = ld64_le(op + 4);

    switch (op[0] & 7) {
    case 0:
    case 1:
        address_space_st(&address_space_io, port_of(op[1], addr), val, MIN(size, 4), MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 2:
        (void)address_space_ld(&address_space_io, port_of(op[1], addr), MIN(size, 4), MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 3:
    case 4:
        address_space_st(&address_space_memory, memory_of(op[1], addr), val, size, MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 5:
        (void)address_space_ld(&address_space_memory, memory_of(op[1], addr), size, MEMTXATTRS_UNSPECIFIED, NULL);
        break;
    case 6:
        (void)aio_poll(qemu_get_aio_context(), false);
        break;
    default:
        if (op[1] & 1) {
            graphic_hw_update(qemu_console_lookup_by_index(0));
        } else if (op[1] & 2) {
            qemu_input_event_send_key_number(op[2], op[3] & 1);
        } else {
            qemu_input_send_pointer((int8_t)op[2], (int8_t)op[3], (int8_t)op[4], op[5]);
        }
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
    down(f);
    test_board_down(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz f = { .data = data, .size = size };

    return sched_main(fuzz_body, &f);
}
