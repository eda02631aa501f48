/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The LPC bridge of the ICH9: the ISA bus, PCI interrupt routing, power management and reset of a Q35 machine.
 */
#ifndef DEVICES_ICH9_ICH9_H
#define DEVICES_ICH9_ICH9_H

#include "devices/isa/isa.h"
#include "devices/pci/pci.h"

#define ICH9_NUM_GSIS 24
#define ICH9_GSI_PIRQ 16        /* of the first PCI interrupt line */
#define ICH9_PM_CNT 0x04        /* offsets of the power management registers */
#define ICH9_PM_TMR 0x08
#define ICH9_PM_GPE0 0x20
#define ICH9_PM_GPE0_LEN 16
#define ICH9_ACPI_ENABLE 2      /* what tables made by SeaBIOS say to write to the SMI command port */
#define ICH9_ACPI_DISABLE 3

/** ich9_lpc_isa_bus: the bus of a realized ICH9-LPC. */
ISABus *ich9_lpc_isa_bus(DeviceState *lpc);
/** ich9_lpc_connect: @gsi: the ICH9_NUM_GSIS inputs interrupts are routed to. Borrowed. */
void ich9_lpc_connect(DeviceState *lpc, qemu_irq *gsi);
/** ich9_lpc_pm_base: where the power management registers are in I/O space. */
uint16_t ich9_lpc_pm_base(DeviceState *lpc);

#endif
