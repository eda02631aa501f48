/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC board: i440FX and PIIX3 with the devices soldered on. What it shares with other boards is in machine/x86/.
 *
 * Owns: MachineState.board. Context: main thread, BQL held.
 */
#include "machine/pc/pc_int.h"

#include "base/bytes.h"
#include "devices/piix/piix.h"
#include "devices/table.h"

#define PC_LOWMEM_MAX 0xe0000000ULL         /* above begins the PCI hole */
#define PC_HPET_INTCAP 0x4                  /* interrupt line 2 */
#define PC_LOWMEM_SPLIT 0xc0000000ULL       /* where RAM is cut if it does not fit below */

static bool pc_init_devices(MachineState *ms, PCBoard *b, GError **errp)
{
    X86Machine *x = &b->x86;
    DeviceState *host = x86_add_device(&i440fx_pcihost_class, sysbus_get_default(), NULL, errp);
    BusState *pci = host ? &i440fx_pci_bus(host)->bus : NULL;
    DeviceState *bridge = host ? x86_add_device(&i440fx_class, pci, "00.0", errp) : NULL;
    DeviceState *piix3;
    DeviceState *ide;
    BusState *isa;

    if (!bridge) {
        return false;
    }
    b->pci = i440fx_pci_bus(host);
    i440fx_connect_ram(bridge, &x->ram);
    piix3 = x86_add_device(&piix3_class, pci, "01.0", errp);
    isa = piix3 ? &piix3_isa_bus(piix3)->bus : NULL;
    if (!piix3 || !x86_init_pics(x, isa, errp) || !x86_init_ioapic(x, errp)) {
        return false;
    }
    piix3_connect_pic(piix3, x->gsi);
    ide = x86_add_device(&piix3_ide_class, pci, "01.1", errp);
    if (!ide) {
        return false;
    }
    piix3_ide_connect(ide, x->gsi[14], x->gsi[15]);
    b->pm = x86_add_device(&piix4_pm_class, pci, "01.3", errp);
    if (!b->pm) {
        return false;
    }
    piix4_pm_connect_sci(b->pm, x->gsi[9]);
    return x86_init_hpet(ms, x, piix3_isa_bus(piix3), PC_HPET_INTCAP, errp) && x86_init_isa_devices(ms, x, isa, errp);
}

static bool pc_machine_init(MachineState *ms, GError **errp)
{
    PCBoard *b = g_new0(PCBoard, 1);

    ms->board = b;
    if (!x86_init_ram(ms, &b->x86, PC_LOWMEM_MAX, PC_LOWMEM_SPLIT, errp) ||
        !x86_init_firmware(ms, &b->x86, "bios-256k.bin", errp)) {
        return false;
    }
    return x86_init_cpus(ms, &b->x86, errp) && pc_init_devices(ms, b, errp) && x86_init_fw_cfg(ms, &b->x86, errp);
}

static bool pc_machine_ready(MachineState *ms, GError **errp)
{
    PCBoard *b = ms->board;

    x86_init_acpi(ms, &b->x86, &pc_acpi_ops);
    return x86_init_boot_order(ms, &b->x86, errp);
}

void pc_machine_reset(MachineState *ms, ShutdownCause reason)
{
    if (reason != SHUTDOWN_CAUSE_NONE) {
        x86_reset_boot_order(ms, ms->board);
    }
    qemu_devices_reset();
    x86_reset_cpus();
}

static void pc_machine_cleanup(MachineState *ms)
{
    PCBoard *b = ms->board;

    if (!b) {
        return;
    }
    x86_cleanup(&b->x86);
    g_free(b);
    ms->board = NULL;
}

const MachineClass pc_machine_class = {
    .name = "pc-i440fx-rondo",
    .alias = "pc",
    .desc = "PC (i440FX + PIIX3)",
    .max_cpus = 16,
    .default_vga = "std",
    .block_default_type = IF_IDE,
    .ide_units_per_bus = 2,
    .init = pc_machine_init,
    .ready = pc_machine_ready,
    .reset = pc_machine_reset,
    .cleanup = pc_machine_cleanup,
};
