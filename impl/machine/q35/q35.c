/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Q35 board: the MCH and the ICH9 with the devices soldered on. What it shares with other boards is in
 * machine/x86/.
 *
 * Owns: MachineState.board. Context: main thread, BQL held.
 */
#include "machine/q35/q35_int.h"

#include "base/bytes.h"
#include "devices/ich9/ich9.h"
#include "devices/q35/q35.h"
#include "devices/table.h"
#include "machine/pc/pc.h"

/* The PCI hole begins where the window on configuration space does. */
#define Q35_LOWMEM_MAX MCH_PCIEXBAR_DEFAULT
#define Q35_LOWMEM_SPLIT 0x80000000ULL
#define Q35_HPET_INTCAP 0xff0104            /* interrupt lines 2, 8 and 16 to 23 */

static bool q35_init_devices(MachineState *ms, Q35Board *b, GError **errp)
{
    X86Machine *x = &b->x86;
    DeviceState *host = x86_add_device(&q35_pcihost_class, sysbus_get_default(), NULL, errp);
    BusState *pci = host ? &q35_pci_bus(host)->bus : NULL;
    BusState *isa;

    b->mch = host ? x86_add_device(&mch_class, pci, "00.0", errp) : NULL;
    if (!b->mch) {
        return false;
    }
    b->pci = q35_pci_bus(host);
    mch_connect(b->mch, host, &x->ram);
    b->lpc = x86_add_device(&ich9_lpc_class, pci, "1f.0", errp);
    isa = b->lpc ? &ich9_lpc_isa_bus(b->lpc)->bus : NULL;
    if (!b->lpc || !x86_init_pics(x, isa, errp) || !x86_init_ioapic(x, errp)) {
        return false;
    }
    ich9_lpc_connect(b->lpc, x->gsi);
    return x86_add_device(&ich9_ahci_class, pci, "1f.2", errp) &&
           x86_init_hpet(ms, x, ich9_lpc_isa_bus(b->lpc), Q35_HPET_INTCAP, errp) &&
           x86_init_isa_devices(ms, x, isa, errp);
}

static bool q35_machine_init(MachineState *ms, GError **errp)
{
    Q35Board *b = g_new0(Q35Board, 1);

    ms->board = b;
    if (!x86_init_ram(ms, &b->x86, Q35_LOWMEM_MAX, Q35_LOWMEM_SPLIT, errp) ||
        !x86_init_firmware(ms, &b->x86, "bios-256k.bin", errp)) {
        return false;
    }
    return x86_init_cpus(ms, &b->x86, errp) && q35_init_devices(ms, b, errp) && x86_init_fw_cfg(ms, &b->x86, errp);
}

static bool q35_machine_ready(MachineState *ms, GError **errp)
{
    Q35Board *b = ms->board;

    x86_init_acpi(ms, &b->x86, &q35_acpi_ops);
    return x86_init_boot_order(ms, &b->x86, errp);
}

static void q35_machine_cleanup(MachineState *ms)
{
    Q35Board *b = ms->board;

    if (!b) {
        return;
    }
    x86_cleanup(&b->x86);
    g_free(b);
    ms->board = NULL;
}

const MachineClass q35_machine_class = {
    .name = "pc-q35-rondo",
    .alias = "q35",
    .desc = "PC (Q35 + ICH9)",
    .max_cpus = 16,
    .default_vga = "std",
    .block_default_type = IF_IDE,
    .ide_units_per_bus = 1,
    .init = q35_machine_init,
    .ready = q35_machine_ready,
    .reset = pc_machine_reset,
    .cleanup = q35_machine_cleanup,
};
