/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC board: memory map, firmware, processors, chipset and the devices soldered on.
 *
 * Owns: MachineState.board. Context: main thread, BQL held.
 *
 * I1  RAM is one block: below 4 GiB as far as the PCI hole allows, the rest from 4 GiB on.
 * I2  Firmware ends at 4 GiB, with a copy of its last 128 KiB below 1 MiB, where a processor starts in real mode.
 */
#include "machine/pc/pc.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "cpu/vcpu.h"
#include "devices/i8042/i8042.h"
#include "devices/i8259/i8259.h"
#include "devices/pflash/pflash.h"
#include "devices/piix/piix.h"
#include "devices/port92/port92.h"
#include "devices/rtc/rtc.h"
#include "devices/table.h"
#include "mem/memory.h"
#include "sched/io.h"

#define PC_LOWMEM_MAX 0xe0000000ULL         /* above begins the PCI hole */
#define PC_LOWMEM_SPLIT 0xc0000000ULL       /* where RAM is cut if it does not fit below */
#define PC_ROM_BASE 0xc0000
#define PC_ROM_SIZE 0x20000
#define PC_ISA_BIOS_MAX (128 * KiB)
#define PC_FLASH_MAX (8 * MiB)
#define PC_FLASH_SECTOR 4096

typedef struct PCBoard {
    MemoryRegion ram;
    MemoryRegion ram_below_4g;
    MemoryRegion ram_above_4g;
    MemoryRegion option_rom;
    MemoryRegion bios;
    MemoryRegion isa_bios;
    DeviceState *pic_master;
    IRQState pic_out;           /* INT of the master: the boot processor's interrupt line */
    IRQState a20;
    bool a20_enabled;
} PCBoard;

static void pc_map(MemoryRegion *mr, hwaddr addr, int priority)
{
    memory_region_add_subregion_overlap(get_system_memory(), addr, mr, priority);
}

static void pc_unmap(MemoryRegion *mr)
{
    if (mr->container) {
        memory_region_del_subregion(mr->container, mr);
    }
    memory_region_finalize(mr);
}

/* ---- Memory ---- */

static bool pc_init_ram(MachineState *ms, PCBoard *b, GError **errp)
{
    uint64_t below = ms->ram_size <= PC_LOWMEM_MAX ? ms->ram_size : PC_LOWMEM_SPLIT;

    if (!memory_region_init_ram(&b->ram, ms, "pc.ram", ms->ram_size, errp)) {
        return false;
    }
    memory_region_init_alias(&b->ram_below_4g, ms, "ram-below-4g", &b->ram, 0, below);
    pc_map(&b->ram_below_4g, 0, 0);
    if (ms->ram_size > below) {
        memory_region_init_alias(&b->ram_above_4g, ms, "ram-above-4g", &b->ram, below, ms->ram_size - below);
        pc_map(&b->ram_above_4g, 4 * GiB, 0);
    }
    if (!memory_region_init_rom(&b->option_rom, ms, "pc.rom", PC_ROM_SIZE, errp)) {
        return false;
    }
    pc_map(&b->option_rom, PC_ROM_BASE, 1);
    return true;
}

/* ---- Firmware ---- */

static char *pc_find_firmware(const char *name)
{
    static const char *const dirs[] = { "/usr/share/seabios", "/usr/share/qemu" };

    if (sched_file_exists(name) || strchr(name, '/')) {
        return g_strdup(name);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *path = g_build_filename(dirs[i], name, NULL);

        if (sched_file_exists(path)) {
            return g_steal_pointer(&path);
        }
    }
    return g_strdup(name);
}

static bool pc_init_bios(MachineState *ms, PCBoard *b, GError **errp)
{
    const char *name = ms->firmware ? ms->firmware : "bios-256k.bin";
    g_autofree char *path = pc_find_firmware(name);
    g_autofree char *data = NULL;
    uint64_t isa_size;
    size_t len = 0;

    if (sched_file_read_all(path, PC_FLASH_MAX, &data, &len) < 0 || len == 0 || len % (64 * KiB)) {
        error_setg(errp, "could not load PC BIOS '%s'", name);
        return false;
    }
    if (!memory_region_init_rom(&b->bios, ms, "pc.bios", len, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&b->bios), data, len);
    pc_map(&b->bios, 4 * GiB - len, 0);
    isa_size = MIN(len, PC_ISA_BIOS_MAX);
    memory_region_init_alias(&b->isa_bios, ms, "isa-bios", &b->bios, len - isa_size, isa_size);
    memory_region_set_readonly(&b->isa_bios, true);
    pc_map(&b->isa_bios, 1 * MiB - isa_size, 1);
    return true;
}

static bool pc_check_flash_size(const char *drive, int64_t size, hwaddr end, GError **errp)
{
    if (size <= 0 || size % PC_FLASH_SECTOR) {
        error_setg(errp, "system firmware block device %s has invalid size %" G_GINT64_FORMAT ": "
                   "its size must be a non-zero multiple of 0x%x", drive, size, PC_FLASH_SECTOR);
        return false;
    }
    if ((uint64_t)size > PC_FLASH_MAX || 4 * GiB - end + size > PC_FLASH_MAX) {
        error_setg(errp, "combined size of system firmware exceeds %llu bytes", PC_FLASH_MAX);
        return false;
    }
    return true;
}

/* The chip ends at @end. Returns its region, or NULL. */
static MemoryRegion *pc_init_flash(unsigned unit, const char *drive, hwaddr end, GError **errp)
{
    g_autofree char *name = g_strdup_printf("system.flash%u", unit);
    g_autofree char *blocks = NULL;
    DeviceState *dev = device_new(&cfi_pflash01_class);
    int64_t size;

    if (!device_set_prop(dev, "drive", drive, errp)) {
        device_free(dev);
        return NULL;
    }
    size = blk_getlength(pflash_cfi01_get_blk(dev));
    blocks = g_strdup_printf("%" G_GINT64_FORMAT, size / PC_FLASH_SECTOR);
    if (!pc_check_flash_size(drive, size, end, errp) || !device_set_prop(dev, "num-blocks", blocks, errp) ||
        !device_set_prop(dev, "sector-length", G_STRINGIFY(PC_FLASH_SECTOR), errp) ||
        !device_set_prop(dev, "name", name, errp) || !device_realize(dev, sysbus_get_default(), errp)) {
        device_free(dev);
        return NULL;
    }
    pc_map(pflash_cfi01_get_memory(dev), end - size, 0);
    return pflash_cfi01_get_memory(dev);
}

static bool pc_init_flashes(MachineState *ms, PCBoard *b, GError **errp)
{
    MemoryRegion *first = NULL;
    hwaddr end = 4 * GiB;
    uint64_t isa_size;

    for (unsigned i = 0; i < MACHINE_MAX_PFLASH && ms->pflash[i]; i++) {
        MemoryRegion *mem = pc_init_flash(i, ms->pflash[i], end, errp);

        if (!mem) {
            return false;
        }
        end -= memory_region_size(mem);
        first = first ? first : mem;
    }
    isa_size = MIN(memory_region_size(first), PC_ISA_BIOS_MAX);
    if (!memory_region_init_rom(&b->isa_bios, ms, "isa-bios", isa_size, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&b->isa_bios),
           (char *)memory_region_get_ram_ptr(first) + memory_region_size(first) - isa_size, isa_size);
    pc_map(&b->isa_bios, 1 * MiB - isa_size, 1);
    return true;
}

static bool pc_init_firmware(MachineState *ms, PCBoard *b, GError **errp)
{
    if (!ms->pflash[0] && ms->pflash[1]) {
        error_setg(errp, "pflash0 must be configured before pflash1");
        return false;
    }
    if (ms->pflash[0] && ms->firmware) {
        error_setg(errp, "The pflash drives and -bios cannot be used together");
        return false;
    }
    return ms->pflash[0] ? pc_init_flashes(ms, b, errp) : pc_init_bios(ms, b, errp);
}

/* ---- Processors ---- */

static void pc_pic_irq(void *opaque, int n, int level)
{
    CPUState *cpu = first_cpu;

    if (!cpu) {
        return;
    }
    if (level) {
        cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
    } else {
        cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD);
    }
}

static int cpu_get_pic_interrupt(void *opaque)
{
    return pic_read_irq(((PCBoard *)opaque)->pic_master);
}

static void pc_cpu_set_a20(CPUState *cpu, run_on_cpu_data data)
{
    cpu_x86_set_a20(cpu->x86, data.host_int);
}

static void pc_a20_irq(void *opaque, int n, int level)
{
    PCBoard *b = opaque;
    CPUState *cpu;

    if (b->a20_enabled == !!level) {
        return;
    }
    b->a20_enabled = level;
    CPU_FOREACH(cpu) {
        if (qemu_cpu_is_self(cpu)) {
            pc_cpu_set_a20(cpu, RUN_ON_CPU_HOST_INT(level));
        } else {
            async_run_on_cpu(cpu, pc_cpu_set_a20, RUN_ON_CPU_HOST_INT(level));
        }
    }
}

static void pc_init_cpus(MachineState *ms, PCBoard *b)
{
    for (unsigned i = 0; i < ms->smp_cpus; i++) {
        CPUState *cpu = qemu_cpu_new(i);

        if (i == 0) {
            cpu_x86_set_get_irq(cpu->x86, cpu_get_pic_interrupt, b);
        }
        qemu_init_vcpu(cpu);
    }
}

/* ---- Devices ---- */

static DeviceState *pc_add(const DeviceClass *dc, BusState *bus, const char *addr, GError **errp)
{
    DeviceState *dev = device_new(dc);

    if ((addr && !device_set_prop(dev, "addr", addr, errp)) || !device_realize(dev, bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

static bool pc_init_pics(PCBoard *b, DeviceState *piix3, GError **errp)
{
    BusState *isa = &piix3_isa_bus(piix3)->bus;
    DeviceState *slave;
    qemu_irq lines[ISA_NUM_IRQS];

    b->pic_master = pc_add(&i8259_class, isa, NULL, errp);
    slave = b->pic_master ? pc_add(&i8259_class, isa, NULL, errp) : NULL;
    if (!slave) {
        return false;
    }
    qemu_init_irq(&b->pic_out, pc_pic_irq, b, 0);
    i8259_init_master(b->pic_master, &b->pic_out);
    i8259_init_slave(slave, b->pic_master);
    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        lines[n] = i8259_irq(n < 8 ? b->pic_master : slave, n & 7);
    }
    piix3_connect_pic(piix3, lines);
    return true;
}

static void pc_init_cmos(MachineState *ms, DeviceState *rtc)
{
    uint64_t below = ms->ram_size <= PC_LOWMEM_MAX ? ms->ram_size : PC_LOWMEM_SPLIT;
    uint64_t above = ms->ram_size - below;
    unsigned ext_kb = MIN((below > MiB ? below - MiB : 0) / KiB, 65535);
    unsigned high_64k = MIN((below > 16 * MiB ? below - 16 * MiB : 0) / (64 * KiB), 65535);
    const struct {
        uint8_t index;
        uint8_t value;
    } bytes[] = {
        { 0x14, 0x06 },                             /* FPU, mouse */
        { 0x15, 640 & 0xff }, { 0x16, 640 >> 8 },
        { 0x17, ext_kb & 0xff }, { 0x18, ext_kb >> 8 }, { 0x30, ext_kb & 0xff }, { 0x31, ext_kb >> 8 },
        { 0x34, high_64k & 0xff }, { 0x35, high_64k >> 8 },
        { 0x5b, above >> 16 & 0xff }, { 0x5c, above >> 24 & 0xff }, { 0x5d, above >> 32 & 0xff },
        { 0x5f, ms->smp_cpus - 1 },
        { 0x3d, 0x02 },                             /* boot from the first hard disk */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
        mc146818_set_cmos(rtc, bytes[i].index, bytes[i].value);
    }
}

static bool pc_init_serials(MachineState *ms, BusState *isa, GError **errp)
{
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        DeviceState *dev;

        if (!ms->serial[i]) {
            continue;
        }
        dev = device_new(&isa_serial_class);
        if (!device_set_prop(dev, "index", index, errp) || !device_set_prop(dev, "chardev", ms->serial[i], errp) ||
            !device_realize(dev, isa, errp)) {
            device_free(dev);
            return false;
        }
    }
    return true;
}

static bool pc_init_devices(MachineState *ms, PCBoard *b, GError **errp)
{
    DeviceState *host = pc_add(&i440fx_pcihost_class, sysbus_get_default(), NULL, errp);
    BusState *pci = host ? &i440fx_pci_bus(host)->bus : NULL;
    DeviceState *bridge = host ? pc_add(&i440fx_class, pci, "00.0", errp) : NULL;
    DeviceState *piix3;
    DeviceState *port92;
    DeviceState *i8042;
    DeviceState *rtc;
    BusState *isa;

    if (!bridge) {
        return false;
    }
    i440fx_connect_ram(bridge, &b->ram);
    piix3 = pc_add(&piix3_class, pci, "01.0", errp);
    if (!piix3 || !pc_init_pics(b, piix3, errp)) {
        return false;
    }
    isa = &piix3_isa_bus(piix3)->bus;
    rtc = pc_add(&mc146818_class, isa, NULL, errp);
    if (!rtc || !pc_add(&isa_pit_class, isa, NULL, errp)) {
        return false;
    }
    pc_init_cmos(ms, rtc);
    i8042 = pc_add(&i8042_class, isa, NULL, errp);
    port92 = i8042 ? pc_add(&port92_class, isa, NULL, errp) : NULL;
    if (!port92) {
        return false;
    }
    qemu_init_irq(&b->a20, pc_a20_irq, b, 0);
    b->a20_enabled = true;
    i8042_connect_a20(i8042, &b->a20);
    port92_connect_a20(port92, &b->a20);
    return pc_init_serials(ms, isa, errp);
}

/* ---- Board ---- */

static bool pc_machine_init(MachineState *ms, GError **errp)
{
    PCBoard *b = g_new0(PCBoard, 1);

    ms->board = b;
    if (!pc_init_ram(ms, b, errp) || !pc_init_firmware(ms, b, errp)) {
        return false;
    }
    pc_init_cpus(ms, b);
    return pc_init_devices(ms, b, errp);
}

void pc_machine_reset(MachineState *ms, ShutdownCause reason)
{
    CPUState *cpu;

    qemu_devices_reset();
    CPU_FOREACH(cpu) {
        cpu_reset(cpu);
    }
}

static void pc_machine_cleanup(MachineState *ms)
{
    PCBoard *b = ms->board;

    if (!b) {
        return;
    }
    pc_unmap(&b->isa_bios);
    pc_unmap(&b->bios);
    pc_unmap(&b->option_rom);
    pc_unmap(&b->ram_above_4g);
    pc_unmap(&b->ram_below_4g);
    pc_unmap(&b->ram);
    g_free(b);
    ms->board = NULL;
}

const MachineClass pc_machine_class = {
    .name = "pc-i440fx-rondo",
    .alias = "pc",
    .desc = "PC (i440FX + PIIX3)",
    .max_cpus = 16,
    .init = pc_machine_init,
    .reset = pc_machine_reset,
    .cleanup = pc_machine_cleanup,
};
