/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a guest that writes anything anywhere on a Q35: configuration space by both mechanisms, MSI-X tables,
 * the modern and legacy registers of virtio, memory-mapped transports, chip configuration, RAM under the rings.
 * Each step of the input is an operation, a size, an offset and a value. Nothing may assert, hang or leave its memory.
 */
#include "base/bytes.h"
#include "block/backend.h"
#include "devices/ich9/ich9.h"
#include "devices/q35/q35.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "virtio/mmio.h"

#define RAM_SIZE (256 * KiB)
#define ECAM 0xb0000000ULL
#define BAR_MSIX 0xe0000000ULL
#define BAR_MODERN 0xe1000000ULL
#define BAR_IO 0xc000
#define RCBA 0xfed1c000ULL
#define MMIO 0xfeb00000ULL
#define PM 0x600
#define STEP 8
#define MAX_STEPS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct FuzzInput {
    const uint8_t *data;
    size_t size;
} FuzzInput;

static void set_line(void *opaque, int n, int level)
{
}

static void config_write(unsigned slot, unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | slot << 11 | reg);
    cpu_outl(0xcfc, val);
}

static void mem_access(uint64_t addr, unsigned size, uint32_t val, bool read)
{
    AddressSpace *as = get_address_space_memory();

    if (read) {
        (void)address_space_ld(as, addr, size, MEMTXATTRS_UNSPECIFIED, NULL);       /* any answer will do */
    } else {
        address_space_st(as, addr, val, size, MEMTXATTRS_UNSPECIFIED, NULL);
    }
}

static void io_access(uint32_t port, unsigned size, uint32_t val, bool read)
{
    AddressSpace *as = get_address_space_io();

    if (read) {
        (void)address_space_ld(as, port, size, MEMTXATTRS_UNSPECIFIED, NULL);
    } else {
        address_space_st(as, port, val, size, MEMTXATTRS_UNSPECIFIED, NULL);
    }
}

/* op: which register file, read or write; size; offset: 16 bits; value: 32 bits. */
static void fuzz_step(const uint8_t *in)
{
    static const uint8_t slots[] = { 0, 1, 2, 0x1f };
    static const uint64_t files[] = { BAR_MSIX, BAR_MODERN, BAR_MODERN + 0x3000, MMIO, MMIO + VIRTIO_MMIO_SIZE, RCBA };
    unsigned size = 1u << (in[1] & 3);
    uint16_t offset = ld16_le(in + 2);
    uint32_t val = ld32_le(in + 4);
    bool read = in[0] & 0x80;
    unsigned op = in[0] & 0xf;

    if (op < G_N_ELEMENTS(files)) {
        mem_access(files[op] + offset % 0x1000, size, val, read);
    } else if (op == 6) {
        cpu_outl(0xcf8, 0x80000000u | (uint32_t)slots[in[1] >> 2 & 3] << 11 | (offset & 0xfc));
        io_access(0xcfc + (offset & 3), MIN(size, 4u), val, read);
    } else if (op == 7) {
        mem_access(ECAM + ((uint64_t)slots[in[1] >> 2 & 3] << 15) + offset % 0x1000, size, val, read);
    } else if (op == 8) {
        io_access(BAR_IO + offset % 0x80, MIN(size, 4u), val, read);
    } else if (op == 9) {
        io_access(PM + offset % 0x80, MIN(size, 4u), val & 0xdfff, read);
    } else if (op == 10) {
        main_loop_wait(true);
    } else if (op == 11) {
        qemu_devices_reset();
    } else {
        mem_access(((uint64_t)offset << 2) % RAM_SIZE, size, val, read);
    }
}

static DeviceState *fuzz_disk(const char *driver, const char *node, GError **errp)
{
    const char *const kv[] = { "drive", node, "num-queues", "2", "share-rw", "on" };
    g_autoptr(GPtrArray) opts = g_ptr_array_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(kv); i++) {
        g_ptr_array_add(opts, (char *)kv[i]);
    }
    return qdev_device_add(driver, opts, errp);
}

static void fuzz_firmware(void)
{
    config_write(0, 0x60, ECAM | 1);
    config_write(0x1f, 0x40, PM | 1);
    config_write(0x1f, 0x44, 0x80);
    config_write(0x1f, 0xf0, RCBA | 1);
    config_write(1, 0x10, BAR_IO);
    config_write(1, 0x14, BAR_MSIX);
    config_write(1, 0x20, BAR_MODERN);
    config_write(1, 0x24, 0);
    config_write(1, 0x04, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void fuzz_board(MemoryRegion *ram, IRQState *line)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1f[] = { "addr", "1f.0", NULL };
    static const char *const mmio0[] = { "x-addr", "0xfeb00000", "force-legacy", "off", NULL };
    static const char *const mmio1[] = { "x-addr", "0xfeb00200", "x-index", "1", NULL };
    qemu_irq gsi[ICH9_NUM_GSIS];
    DeviceState *host;
    DeviceState *mch;
    DeviceState *lpc;

    qemu_init_irq(line, set_line, NULL, 0);
    for (unsigned i = 0; i < ICH9_NUM_GSIS; i++) {
        gsi[i] = line;
    }
    host = test_board_add(&q35_pcihost_class, sysbus_get_default(), NULL);
    mch = test_board_add(&mch_class, &q35_pci_bus(host)->bus, at0);
    mch_connect(mch, host, ram);
    lpc = test_board_add(&ich9_lpc_class, &q35_pci_bus(host)->bus, at1f);
    ich9_lpc_connect(lpc, gsi);
    virtio_mmio_connect_irq(test_board_add(&virtio_mmio_class, sysbus_get_default(), mmio0), line);
    virtio_mmio_connect_irq(test_board_add(&virtio_mmio_class, sysbus_get_default(), mmio1), line);
}

static int fuzz_body(void *opaque)
{
    const FuzzInput *in = opaque;
    Machine *m = test_board_up();
    MemoryRegion ram = { 0 };
    IRQState line;
    GError *err = NULL;
    bool ok = memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &err);

    memory_region_add_subregion(get_system_memory(), 0, &ram);
    for (unsigned i = 0; i < 3 && ok; i++) {
        g_autofree char *node = g_strdup_printf("driver=null-co,node-name=d%u,size=1048576,read-zeroes=on", i);

        ok = blockdev_add(qdict_from_keyval(node, NULL, &err), &err);
    }
    fuzz_board(&ram, &line);
    ok = ok && fuzz_disk("virtio-blk-pci", "d0", &err) && fuzz_disk("virtio-blk-device", "d1", &err) &&
         fuzz_disk("virtio-blk-device", "d2", &err);
    assert(ok);
    fuzz_firmware();
    vm_start();
    for (size_t at = 0; at + STEP <= in->size && at < MAX_STEPS * STEP; at += STEP) {
        fuzz_step(in->data + at);
    }
    (void)vm_stop(RUN_STATE_PAUSED);        /* null nodes do not fail */
    devices_machine_cleanup();
    devices_machine_init();
    memory_region_del_subregion(get_system_memory(), &ram);
    memory_region_finalize(&ram);
    test_board_down(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { .data = data, .size = size };

    return sched_main(fuzz_body, &in);
}
