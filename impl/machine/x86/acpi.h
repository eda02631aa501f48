/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI of x86 boards: pieces of the DSDT that they share, and the three files in fw_cfg.
 *
 * Firmware decides where some registers and all PCI memory are; so the tables are made when it reads them.
 * Context: main thread, or a vCPU thread with the BQL.
 */
#ifndef MACHINE_X86_ACPI_H
#define MACHINE_X86_ACPI_H

#include "devices/pci/pci.h"
#include "machine/acpi/tables.h"
#include "machine/x86/x86.h"

/** What a board says of itself. Borrowed; static. */
struct X86AcpiOps {
    /* Everything but num_cpus, hpet and i8042, which are filled in. */
    void (*fill)(X86Machine *x, AcpiMachine *m);
    void (*dsdt)(X86Machine *x, Aml *a);
};

/** x86_init_acpi: offer the tables in @x's fw_cfg. When all devices are there; does nothing with -no-acpi. */
void x86_init_acpi(MachineState *ms, X86Machine *x, const X86AcpiOps *ops);

/** x86_acpi_sleep_states: S5, at the root. x86_acpi_cpus: a device for each processor, in \_SB. */
void x86_acpi_sleep_states(Aml *a);
void x86_acpi_cpus(Aml *a, unsigned n);
/**
 * x86_acpi_host_resources: _CRS of the PCI host, in its device: buses, ports, video memory, and memory from the end of
 * RAM on. [@hole, @hole_end) is left out of the latter (ECAM; 0, 0: nothing). Above 4 GiB what @bus has there now.
 */
void x86_acpi_host_resources(Aml *a, const X86Machine *x, PCIBus *bus, uint32_t hole, uint32_t hole_end);
/** x86_acpi_isa_devices: keyboard, mouse, clock and serial ports, in the ISA bridge. */
void x86_acpi_isa_devices(Aml *a);
/** x86_acpi_link_methods: what x86_acpi_link calls, once, in \_SB. */
void x86_acpi_link_methods(Aml *a);
/** x86_acpi_link: interrupt link @name with the PIRQ register @field, of choices @irqs, in \_SB. */
void x86_acpi_link(Aml *a, const char *name, unsigned uid, const char *field, const uint32_t *irqs, unsigned n);
/** x86_acpi_fixed_link: the same, of a link that always is @irq. */
void x86_acpi_fixed_link(Aml *a, const char *name, unsigned uid, uint32_t irq);
/** x86_acpi_system_devices: HPET and fw_cfg, in \_SB. */
void x86_acpi_system_devices(Aml *a);

#endif
