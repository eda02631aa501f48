/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The i440FX host bridge and the PIIX3 ISA bridge: the root of a PC's PCI bus, its interrupt routing, its reset.
 */
#ifndef DEVICES_PIIX_PIIX_H
#define DEVICES_PIIX_PIIX_H

#include "devices/isa/isa.h"
#include "devices/pci/pci.h"

/** i440fx_pci_bus: the bus of a realized i440FX-pcihost. */
PCIBus *i440fx_pci_bus(DeviceState *host);
/** i440fx_connect_ram: @ram (borrowed, mapped at 0) is what the shadow registers of @bridge switch to. */
void i440fx_connect_ram(DeviceState *bridge, MemoryRegion *ram);
/** piix3_isa_bus: the bus of a realized PIIX3. */
ISABus *piix3_isa_bus(DeviceState *piix3);
/** piix3_connect_pic: the sixteen interrupt inputs PCI interrupts are routed to. Borrowed. */
void piix3_connect_pic(DeviceState *piix3, qemu_irq *pic);
/** piix3_ide_connect: the interrupt lines of the two channels of a piix3-ide. Borrowed. */
void piix3_ide_connect(DeviceState *ide, qemu_irq irq14, qemu_irq irq15);
/** piix4_pm_connect_sci: @sci (borrowed) is raised for ACPI events. */
void piix4_pm_connect_sci(DeviceState *pm, qemu_irq sci);
/** piix4_pm_base: the port where firmware put the ACPI registers. */
uint16_t piix4_pm_base(DeviceState *pm);
#define PIIX4_GPE_BASE 0xafe0
#define PIIX4_GPE_LEN 4

#endif
